/* scim_bulk: many operations in one request (RFC 7644 section 3.7). */
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
