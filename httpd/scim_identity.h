/* SPDX-License-Identifier: Apache-2.0 */
/* scim_identity: whose token a request has, within limits (scim_limits). */
#ifndef SCIM_IDENTITY_H
#define SCIM_IDENTITY_H

#include <httpd.h>

#include "httpd/scim_limits.h"
#include "scim_tokens.h"
#include "values/scim_error.h"

typedef struct {
    const scim_principal_t *principal;
    scim_expectation_t *expected; /* which the principal is, or NULL: it was
                                   * looked up */
    apr_time_t known_at;         /* when it was, by scim_clock */
    const char *organization;    /* its key, as in the URL */
    scim_limits_lookup_t lookup;
} scim_identity_t;

/* Find the principal of the request's token in the organization.  If
 * can_expect, a token that was good lately is not looked up: the principal is
 * expected to be what it was then. */
scim_error_t *scim_identity_find(scim_identity_t *identity, request_rec *r,
                                 const char *organization, int can_expect)
    SCIM_CHECKED;

/* Look it up after all. */
scim_error_t *scim_identity_look_up(scim_identity_t *identity,
                                    request_rec *r) SCIM_CHECKED;

/* The principal as of now, once more, without limits. */
scim_error_t *scim_identity_principal(const scim_principal_t **principal,
                                      request_rec *r,
                                      const char *organization) SCIM_CHECKED;

/* Tell httpd, for its logs, who sends the request. */
void scim_identity_note(const scim_principal_t *principal, request_rec *r);

#endif
