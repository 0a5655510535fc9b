/* SPDX-License-Identifier: Apache-2.0 */
/* Whose token a request has, see scim_identity.h. */
#include "httpd/scim_identity.h"

#include <apr_strings.h>

#include <http_request.h>

#include "httpd/scim_config.h"
#include "httpd/scim_door.h"
#include "httpd/scim_errands.h"
#include "httpd/scim_http.h"
#include "httpd/scim_notes.h"
#include "values/scim_clock.h"

static scim_error_t *unauthorized(request_rec *r)
{
    return scim_error(r->pool, SCIM_E_UNAUTHORIZED, SCIM_INVALID_TOKEN);
}

static int may_create(const request_rec *r)
{
    return r->method_number == M_POST;
}

/* This statement is fast and is not counted in the organization's share of the
 * connections, so that the request waits for that share only once. */
scim_error_t *scim_identity_principal(const scim_principal_t **principal,
                                      request_rec *r,
                                      const char *organization)
{
    scim_cache_t *known = scim_config_of_server(r->server)->known_tokens;
    const char *secret = scim_http_bearer(r);
    scim_principal_t *found;
    scim_error_t *error;
    scim_db_t *db;

    if (!secret) {
        return unauthorized(r);
    }
    SCIM_ERR(scim_http_borrow(&db, r, NULL));
    error = scim_tokens_authenticate(&found, db, known, organization, secret,
                                     may_create(r), r->pool);
    scim_db_return(db);
    SCIM_ERR(error);
    *principal = found;
    return NULL;
}

void scim_identity_note(const scim_principal_t *principal, request_rec *r)
{
    r->user = apr_psprintf(r->pool, "scim:%s", principal->actor_id);
    scim_notes_put(r, SCIM_NOTE_TOKEN, principal->actor_name);
}

scim_error_t *scim_identity_look_up(scim_identity_t *identity,
                                    request_rec *r)
{
    scim_error_t *error;

    identity->expected = NULL;
    identity->known_at = scim_clock_now();
    error = scim_identity_principal(&identity->principal, r,
                                    identity->organization);
    if (error && error->kind == SCIM_E_UNAUTHORIZED) {
        scim_errands_refused(scim_config_of_server(r->server)->errands, r,
                             identity->organization, identity->lookup.secret,
                             scim_door_below(r));
    }
    SCIM_ERR(scim_limits_end(&identity->lookup, error));
    scim_identity_note(identity->principal, r);
    return NULL;
}

static int expect_principal(scim_identity_t *identity, request_rec *r)
{
    scim_expectation_t *expected = apr_palloc(r->pool, sizeof(*expected));

    if (!identity->lookup.known
        || !scim_tokens_expect(expected,
                               scim_config_of_server(r->server)->known_tokens,
                               identity->organization,
                               identity->lookup.secret, may_create(r),
                               r->pool)) {
        return 0;
    }
    identity->expected = expected;
    identity->principal = expected->principal;
    identity->known_at = scim_clock_now();
    return 1;
}

/* Only a possible token is looked up. */
scim_error_t *scim_identity_find(scim_identity_t *identity, request_rec *r,
                                 const char *organization, int can_expect)
{
    const char *secret = ap_is_initial_req(r) ? scim_http_bearer(r) : NULL;

    identity->organization = organization;
    if (!secret || !scim_tokens_is_possible(secret)) {
        scim_limits_no_token(r, organization);
        return unauthorized(r);
    }
    SCIM_ERR(scim_limits_start(&identity->lookup, r, organization, secret));
    return can_expect && expect_principal(identity, r)
           ? NULL : scim_identity_look_up(identity, r);
}
