/* SPDX-License-Identifier: Apache-2.0 */
/* scim_request_log: the log of requests in the database, for administrators of
 * the organization (resources/scim_requests.h).
 *
 * A request is described when its answer is known, and put into a batch of its
 * process after the answer was sent.  A thread of the process writes the batch
 * about once a second, in one statement, on a connection that no request
 * needs.  Equal reads of a batch are one row with their number; so are all
 * requests beyond the first ones of a batch.  Batches have a bound, and while
 * the database is away, requests go on without it.
 */
#ifndef SCIM_REQUEST_LOG_H
#define SCIM_REQUEST_LOG_H

#include <httpd.h>

#include "httpd/scim_endpoints.h"
#include "storage/scim_pool.h"
#include "values/scim_error.h"

/* The log of the servers that share connections, in a child process. */
typedef struct scim_request_log_t scim_request_log_t;

/* Lives as long as pool, and writes what it has when that is destroyed.  NULL
 * if that cannot be, which the error log tells. */
scim_request_log_t *scim_request_log_make(apr_pool_t *pool, server_rec *s,
                                          scim_pool_t *connections);

/* Whatever r changes from now on is counted; unless there is no log, or
 * SCIMRequestLog is Off. */
void scim_request_log_begin(request_rec *r);

/* r has changed a resource. */
void scim_request_log_wrote(request_rec *r);

/* Describe the request of x, which is answered with error, or if that is NULL
 * with x->reply.  It is in the log once it is answered. */
void scim_request_log_describe(const scim_exchange_t *x,
                               const scim_error_t *error);

void scim_request_log_register_hooks(void);

#endif
