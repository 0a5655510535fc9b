/* SPDX-License-Identifier: Apache-2.0 */
/* scim_bulk: many operations in one request (RFC 7644 section 3.7).
 *
 * Each operation is answered as if it were a request of its own.  A POST has a
 * bulkId, and other operations before and after it may refer to the resource
 * that it creates as "bulkId:x", in their path or in their data (the manager
 * of a User); references may form circles.
 *
 * States.  An operation is waiting, running, done or failed.  It runs once,
 * with memory of its own, of which its result and its notes are kept.
 *
 * First pass.  Operations run in the order of the list.  If one refers to a
 * POST that is still waiting, the POST runs first, within it, up to a depth of
 * 32.  If the POST is running already (a circle), or would be too deep, a
 * creation is made without that reference and marked incomplete.  A PUT, PATCH
 * or DELETE needs a complete resource: the POST that it refers to is run
 * together with its second pass.
 *
 * Second pass, after each operation and those that it needed:
 * 1. POSTs that were too deep run, until no creation needs a waiting one.
 * 2. A creation that needed a failed one is deleted again and becomes 409, and
 *    so do those that needed it, until nothing changes any more.
 * 3. Incomplete creations get their references ("complete" of their resource
 *    type).
 *
 * Pipeline.  Consecutive creations of one type that refer to nothing are sent
 * together, 64 at most, before the first answer is read; each is a transaction
 * of its own.  There is no pipeline with failOnErrors, which may stop before
 * any of them, nor through a pooler in transaction mode.  A creation that is
 * refused before it was sent runs alone afterwards, because its answer may
 * need a query.
 *
 * Disk.  Commits do not wait for the disk; one flush at the end waits for all
 * of them, before anything is answered.  If PostgreSQL was restarted in
 * between, the whole request is 503.
 *
 * The end.  The request stops early after failOnErrors errors, after a 5xx,
 * and when the client has gone.  Once the token is found to be deleted, or
 * provisioning to be switched off, all further operations fail with that.
 */
#ifndef SCIM_BULK_H
#define SCIM_BULK_H

#include "resources/scim_call.h"

/* The number of operations of the message, before it is run; 0 if it is not a
 * BulkRequest. */
int scim_bulk_count(const scim_call_t *call, const cJSON *message);

/* Run the BulkRequest message; *response, in call's pool, is the BulkResponse.
 * Each operation is a transaction of its own, and all of them are durable
 * when this returns.  A message that is not a BulkRequest is
 * SCIM_E_INVALID_SYNTAX, one with more than most operations SCIM_E_TOO_LARGE;
 * nothing is done then.  An operation that fails with a status of 500 or above
 * is the last one; *failure is its error, for the log, else NULL. */
scim_error_t *scim_bulk_run(cJSON **response, scim_error_t **failure,
                            scim_call_t *call, const cJSON *message,
                            int most) SCIM_CHECKED;

#endif
