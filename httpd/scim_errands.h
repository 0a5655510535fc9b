/* SPDX-License-Identifier: Apache-2.0 */
/* scim_errands: what has to be written about tokens and no request waits for.
 *
 * A thread of its own does it, one errand at a time in a process: an errand
 * that comes while another one is under way is left out.  So wrong tokens,
 * however many come, cost one connection and one statement at a time, and the
 * answer to one takes as long whether it was ever good or not.
 */
#ifndef SCIM_ERRANDS_H
#define SCIM_ERRANDS_H

#include <httpd.h>

#include "storage/scim_db.h"

/* The errands of a pool of connections, in a child process. */
typedef struct scim_errands_t scim_errands_t;

/* Lives as long as pool. */
scim_errands_t *scim_errands_make(apr_pool_t *pool, server_rec *s,
                                  scim_pool_t *connections);

/* r was refused because of its token, which has the form of one: see
 * scim_token_notes_refused.  path is below the SCIM Location. */
void scim_errands_refused(scim_errands_t *errands, const request_rec *r,
                          const char *organization, const char *secret,
                          const char *path);

/* With each request: about once an hour, scim_token_notes_ends. */
void scim_errands_hourly(scim_errands_t *errands);

#endif
