/* SPDX-License-Identifier: Apache-2.0 */
/* scim_bulk: many operations in one request (RFC 7644 section 3.7).
 *
 * Each operation is answered as if it had been a request of its own.  A POST
 * has a bulkId, and other operations may refer to what it makes as "bulkId:x",
 * in their path or in their data (the manager of a User): from before it, from
 * behind it, and in circles.
 *
 * States.  An operation is waiting, running, done or failed.  It runs once,
 * with memory of its own, and leaves behind its result and its notes.
 *
 * First pass.  Operations run in the order of the list.  One that refers to a
 * POST which still waits has that one run first, within itself, up to a depth
 * of 32.  If the POST is running already (a circle), or would be too deep, a
 * creation is made without that reference and marked incomplete.  A PUT, PATCH
 * or DELETE needs a resource that is finished: the POST that it refers to is
 * run together with its second pass.
 *
 * Second pass, after each operation and what it needed:
 * 1. POSTs that were too deep run, until none waits that a creation needs.
 * 2. A creation that needed one which failed is deleted again and becomes 409,
 *    and so do those that needed it, until nothing changes any more.
 * 3. Those that are incomplete get their references ("complete" of their
 *    resource type).
 *
 * Pipeline.  Creations of one type in a row that refer to nothing are sent
 * together, 64 at most, before the first answer is read; each is a transaction
 * of its own.  Not with failOnErrors, which may stop before any of them, nor
 * through a pooler in transaction mode.  A creation that is refused before it
 * was sent runs alone afterwards: its answer may need a look into the
 * database.
 *
 * Disk.  Commits do not wait for it one by one, but all at the end, before
 * anything is answered.  Was PostgreSQL restarted in between, all is 503.
 *
 * The end comes early after as many errors as failOnErrors says, after a 5xx,
 * and when the client has gone.  Once the token turns out to be deleted, or
 * provisioning to be switched off, all further operations fail with that.
 */
#ifndef SCIM_BULK_H
#define SCIM_BULK_H

#include "resources/scim_call.h"

/* How many operations the message has, before it is run; 0 when it is no
 * BulkRequest. */
int scim_bulk_count(const scim_call_t *call, const cJSON *message);

/* Run the BulkRequest message; *response, in call's pool, is the BulkResponse.
 * Each operation is a transaction of its own, and all of them are durable
 * when this returns.  A reference "bulkId:x" is resolved whatever the order
 * of the operations; where references go round in a circle, accounts are
 * created without them first and completed in a second pass.
 * A message that is no BulkRequest is SCIM_E_INVALID_SYNTAX, one with more
 * than most operations SCIM_E_TOO_LARGE; nothing is done then.  An operation
 * that fails with a status of 500 and above is the last; *failure is its
 * error, for the log, else NULL. */
scim_error_t *scim_bulk_run(cJSON **response, scim_error_t **failure,
                            scim_call_t *call, const cJSON *message,
                            int most) SCIM_CHECKED;

#endif
