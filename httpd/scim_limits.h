/* SPDX-License-Identifier: Apache-2.0 */
/* scim_limits: how many requests an organization may send, and how many wrong
 * tokens may come from an address; in memory that all child processes share,
 * and that a graceful restart keeps.
 *
 * Before a token is looked up, its organization is no more than a claim, so
 * nobody is charged for it but the address.  An address that sends too many
 * wrong tokens is only heard with one that was good lately: neither its
 * guesses nor a flood of them reach the database, while the identity provider
 * behind the same address goes on.
 */
#ifndef SCIM_LIMITS_H
#define SCIM_LIMITS_H

#include <httpd.h>

#include "values/scim_error.h"
#include "values/scim_rate.h"

/* A token that is being looked up. */
typedef struct {
    request_rec *r;
    const char *organization;    /* its key, as claimed */
    const char *secret;
    scim_rate_place_t *known;    /* the organization's, when the token was
                                  * good lately; else NULL */
    scim_rate_place_t *address;
} scim_limits_lookup_t;

/* Before the look-up; SCIM_E_TOO_MANY_REQUESTS, with Retry-After in
 * r->err_headers_out: it must not take place. */
scim_error_t *scim_limits_start(scim_limits_lookup_t *lookup, request_rec *r,
                                const char *organization, const char *secret)
    SCIM_CHECKED;

/* After it, with what came of it, which is returned; for a good token
 * SCIM_E_TOO_MANY_REQUESTS when its organization has no request left. */
scim_error_t *scim_limits_end(const scim_limits_lookup_t *lookup,
                              scim_error_t *outcome) SCIM_CHECKED;

/* A request of the organization, whose token was good, that is worth count
 * requests: all of them or none, SCIM_E_TOO_MANY_REQUESTS. */
scim_error_t *scim_limits_count(request_rec *r, const char *organization,
                                int count) SCIM_CHECKED;

/* Who sent something else than a token leaves a trace, too. */
void scim_limits_no_token(request_rec *r, const char *organization);

/* Whether a minute has passed since this was last true, in any process: for a
 * line in the log that each request would be a reason for. */
int scim_limits_once_a_minute(void);

void scim_limits_register(apr_pool_t *pool);

#endif
