/* SPDX-License-Identifier: Apache-2.0 */
/* scim_tokens: bearer tokens and their principals. */
#ifndef SCIM_TOKENS_H
#define SCIM_TOKENS_H

#include <apr_pools.h>

#include "storage/scim_db.h"
#include "values/scim_cache.h"
#include "values/scim_error.h"

/* What becomes of SCIM requests with a valid token: they are refused, put off,
 * or served. */
typedef enum {
    SCIM_STATE_DISABLED, SCIM_STATE_PAUSED, SCIM_STATE_ENABLED
} scim_state_e;

/* The principal of a request; strings live in the pool of the connection that
 * read them. */
typedef struct {
    const char *organization_id;
    const char *organization_key;
    scim_state_e state;          /* of provisioning */
    const char *domains;         /* verified domains, blank-separated, lower
                                  * case; "" for any */
    const char *actor_kind;      /* 'token', 'account' or 'operator' */
    const char *actor_id;        /* token id; NULL for an operator */
    const char *actor_name;
    const char *language;        /* the issuer's, for accounts that are */
    const char *timezone;        /* created; or NULL */
    const char *cursor_key;      /* the organization's, for scim_cursor */
    int has_groups;              /* accounts are answered with their groups */
} scim_principal_t;

/* Whether secret has the form of a token; any other is not looked up. */
int scim_tokens_is_possible(const char *secret);

/* The SHA-256 of secret as the text of a bytea, by which the database knows
 * the token; NULL if libcrypto fails. */
const char *scim_tokens_hash(const char *secret, apr_pool_t *pool);

/* The principal of secret in the organization called key: one statement.  It
 * is kept in known (or NULL) for scim_tokens_expect.  An unknown organization
 * and an unknown, foreign or expired token are all the same
 * SCIM_E_UNAUTHORIZED.  The use of the token is recorded at most once a
 * minute.  Language and time zone are read only for requests that can create
 * accounts. */
scim_error_t *scim_tokens_authenticate(scim_principal_t **principal,
                                       scim_db_t *db, scim_cache_t *known,
                                       const char *key, const char *secret,
                                       int may_create, apr_pool_t *pool)
    SCIM_CHECKED;

/* A request whose token was good lately need not ask for its principal first:
 * it expects what was found then, goes on, and asks together with its own
 * first statement whether that is still so (scim_db_put_ahead).  If it is not,
 * PostgreSQL does not run that statement, and the request begins again. */
typedef struct {
    scim_principal_t *principal;
    const char *values[3];       /* of the question */
    int may_create;
    apr_pool_t *pool;
    scim_db_ahead_t ahead;
    int is_confirmed;
    int is_stale;                /* the use of the token is to be recorded */
} scim_expectation_t;

/* Begins *expected; 0 if nothing is known of secret. */
int scim_tokens_expect(scim_expectation_t *expected, scim_cache_t *known,
                       const char *organization, const char *secret,
                       int may_create, apr_pool_t *pool);

/* Put the question ahead of the first statement of db. */
void scim_tokens_put_ahead(scim_expectation_t *expected, scim_db_t *db);

/* Ask, unless a statement was run, and record the use of the token.  If the
 * expectation is not confirmed afterwards, the request begins again with
 * scim_tokens_authenticate. */
scim_error_t *scim_tokens_confirm(scim_expectation_t *expected, scim_db_t *db)
    SCIM_CHECKED;

/* Check the name of a token: 1 to SCIM_TOKEN_NAME_MAX characters, not blank,
 * no control characters, no < or >; else SCIM_E_INVALID_VALUE. */
scim_error_t *scim_tokens_check_name(const char *name, apr_pool_t *pool)
    SCIM_CHECKED;

/* Generate a token of actor's organization in the name of issuer (an account
 * id; an active ADMIN, else SCIM_E_FORBIDDEN) and store its hash.  name: see
 * scim_tokens_check_name.  *expires_at: an SQL timestamp or NULL, afterwards
 * as it was stored.  *secret, in pool, is stored nowhere. */
scim_error_t *scim_tokens_generate(const char **secret, const char **id,
                                   scim_db_t *db,
                                   const scim_principal_t *actor,
                                   const char *issuer, const char *name,
                                   const char **expires_at, apr_pool_t *pool)
    SCIM_CHECKED;

/* Delete the token with this id; *name was its name.  An id that actor's
 * organization does not have is SCIM_E_NOT_FOUND. */
scim_error_t *scim_tokens_delete(const char **name, scim_db_t *db,
                                 const scim_principal_t *actor,
                                 const char *id, apr_pool_t *pool)
    SCIM_CHECKED;

/* When a token that somebody wants to generate expires, as an SQL timestamp:
 * wanted is an xsd:dateTime in the future, SCIM_TOKEN_NEVER (the result is
 * NULL), or NULL for the end after SCIM_TOKEN_DAYS.  SCIM_E_INVALID_VALUE for
 * any other text. */
#define SCIM_TOKEN_NEVER "never"
scim_error_t *scim_tokens_expiry(const char **expires_at, const char *wanted,
                                 apr_pool_t *pool) SCIM_CHECKED;

/* The end of a token after so many days from now, as an SQL timestamp. */
const char *scim_tokens_end_after(apr_int64_t days, apr_pool_t *pool);

#endif
