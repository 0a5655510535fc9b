/* SPDX-License-Identifier: Apache-2.0 */
/* scim_limits: limits for the requests of an organization and for the wrong
 * tokens from an address.  The counters are in memory that all child processes
 * share, and are kept by a graceful restart.
 *
 * Before a token is looked up, its organization is only a claim, so only the
 * address is charged.  From an address that sends too many wrong tokens, only
 * a token that was good lately is accepted: neither guesses nor a flood of
 * them reach the database, while the identity provider behind the same address
 * continues.
 */
#ifndef SCIM_LIMITS_H
#define SCIM_LIMITS_H

#include <httpd.h>

#include "values/scim_error.h"
#include "values/scim_rate.h"

/* A token that is being looked up. */
typedef struct {
    request_rec *r;
    const char *organization;    /* its key, as claimed in the URL */
    const char *secret;
    scim_rate_place_t *known;    /* the organization's, if the token was good
                                  * lately; else NULL */
    scim_rate_place_t *address;
} scim_limits_lookup_t;

/* Called before the look-up, which must not take place if this returns
 * SCIM_E_TURNED_AWAY (or, for a token that was good lately,
 * SCIM_E_TOO_MANY_REQUESTS), with Retry-After in r->err_headers_out. */
scim_error_t *scim_limits_start(scim_limits_lookup_t *lookup, request_rec *r,
                                const char *organization, const char *secret)
    SCIM_CHECKED;

/* Called after the look-up with its outcome, which is returned; for a good
 * token SCIM_E_TOO_MANY_REQUESTS if its organization has no requests left. */
scim_error_t *scim_limits_end(const scim_limits_lookup_t *lookup,
                              scim_error_t *outcome) SCIM_CHECKED;

/* Charge the organization, whose token was good, for a request that counts as
 * count requests: for all of them or, with SCIM_E_TOO_MANY_REQUESTS, for
 * none. */
scim_error_t *scim_limits_count(request_rec *r, const char *organization,
                                int count) SCIM_CHECKED;

/* Log a request whose Authorization header has no possible token. */
void scim_limits_no_token(request_rec *r, const char *organization);

/* Log messages that each request would cause. */
typedef enum {
    SCIM_TOLD_UNFIT,             /* no request is served */
    SCIM_TOLD_OUTDATED,          /* some are not, before an upgrade */
    SCIM_TOLD_NO_GROUPS,         /* the gate knows no groups */
    SCIM_TOLD_COUNT
} scim_told_e;

/* Whether a minute has passed since this was last true for the message, in any
 * process. */
int scim_limits_once_a_minute(scim_told_e message);

void scim_limits_register(apr_pool_t *pool);

#endif
