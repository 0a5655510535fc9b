/* scim_users: the operations of the resource type User on accounts. */
#ifndef SCIM_USERS_H
#define SCIM_USERS_H

#include <apr_pools.h>
#include <apr_tables.h>
#include <cjson/cJSON.h>

#include "scim_db.h"
#include "scim_error.h"
#include "scim_schema.h"
#include "scim_tokens.h"

/* One request's surroundings. */
typedef struct {
    apr_pool_t *pool;
    scim_db_t *db;
    scim_rules_t rules;
    const scim_principal_t *principal;
    const char *base;             /* https://host/scim/acme/v2 */
    const char *if_match;         /* header values or NULL */
    const char *if_none_match;
    apr_array_header_t *notes;    /* of const char *: what was ignored; for
                                   * the log */
} scim_call_t;

/* A page of a list (RFC 7644 section 3.4.2, RFC 9865). */
typedef struct {
    const char *filter;           /* text or NULL */
    const char *sort_by;          /* attribute name or NULL: creation */
    int descending;
    apr_int64_t count;            /* at most so many; 0: only the total */
    apr_int64_t start_index;      /* from 1; without cursor */
    const char *cursor;           /* NULL: by index; "": the first page */
    const char *bound_to;         /* what else a cursor holds for only; not
                                   * NULL with a cursor */
} scim_page_t;

typedef struct {
    cJSON *users;                 /* array of resources */
    apr_int64_t total;            /* of all matches */
    const char *next;             /* cursors; NULL: there is no such page */
    const char *previous;
} scim_list_t;

/* In all of them *user is a resource of the call's pool in the schema's
 * spelling with id and meta, to be given to scim_schema_present.  An unknown
 * id is SCIM_E_NOT_FOUND; a version that the call's conditions do not allow
 * SCIM_E_PRECONDITION; an account that provisioning may not change
 * SCIM_E_FORBIDDEN; a taken userName SCIM_E_UNIQUENESS. */

scim_error_t *scim_users_get(cJSON **user, scim_call_t *call, const char *id)
    SCIM_CHECKED;

/* A page of accounts.  A cursor that is not one of this list's is
 * SCIM_E_INVALID_CURSOR, an old one SCIM_E_EXPIRED_CURSOR, one made with
 * another count SCIM_E_INVALID_COUNT. */
scim_error_t *scim_users_list(scim_list_t *list, scim_call_t *call,
                              const scim_page_t *page) SCIM_CHECKED;

scim_error_t *scim_users_create(cJSON **user, scim_call_t *call,
                                const cJSON *body) SCIM_CHECKED;

scim_error_t *scim_users_replace(cJSON **user, scim_call_t *call,
                                 const char *id, const cJSON *body)
    SCIM_CHECKED;

scim_error_t *scim_users_patch(cJSON **user, scim_call_t *call,
                               const char *id, const cJSON *message)
    SCIM_CHECKED;

scim_error_t *scim_users_delete(scim_call_t *call, const char *id)
    SCIM_CHECKED;

/* An account that was there before provisioning: as scim_users_create, but
 * managed and eligible as said, and not provisioned. */
scim_error_t *scim_users_import(cJSON **user, scim_call_t *call,
                                const cJSON *body, int managed,
                                int sync_eligible) SCIM_CHECKED;

/* The resource in one row of SCIM_ACCOUNT_COLUMNS that starts at column. */
scim_error_t *scim_users_from_row(cJSON **user, scim_call_t *call,
                                  const scim_rows_t *rows, int row,
                                  int column) SCIM_CHECKED;

#endif
