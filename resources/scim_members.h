/* SPDX-License-Identifier: Apache-2.0 */
/* scim_members: the accounts of an organization as its administrators see
 * them. */
#ifndef SCIM_MEMBERS_H
#define SCIM_MEMBERS_H

#include <apr_pools.h>
#include <cjson/cJSON.h>

#include "resources/scim_call.h"
#include "values/scim_error.h"

/* The most members of a page of scim_members_list. */
#define SCIM_MEMBERS_MAX_COUNT 200

/* The members that are wanted.  Any text that is not listed here is
 * SCIM_E_INVALID_VALUE. */
typedef struct {
    const char *search;          /* words that displayName, userName, given or
                                  * family name, nickName or e-mail addresses
                                  * contain (of one or two letters: begin
                                  * with), a whole externalId or id; or
                                  * NULL */
    const char *role;            /* ADMIN, USER, GUEST, or NULL for all */
    const char *active;          /* true, false, or NULL */
    const char *label;           /* provisioned, managed (but not provisioned),
                                  * unmanaged, ineligible, or NULL */
    const char *sort;            /* userName, displayName, created,
                                  * lastModified; NULL: userName */
    const char *order;           /* ascending, descending; NULL: ascending */
    const char *cursor;          /* where another page begins, or NULL */
    int is_back;                 /* the page ends at cursor (without one, at
                                  * the end of the list) */
    int count;
    int is_whole;                /* all that a search finds, however long it
                                  * takes to sort them */
} scim_members_query_t;

/* *list, of the call's pool: {"members": [...], "next": cursor, "previous":
 * cursor, "isPartial": whether there are members between these that are left
 * out, since a search finds too many to sort}.  next is absent at the end;
 * previous, for is_back, is absent at the beginning. */
scim_error_t *scim_members_list(cJSON **list, scim_call_t *call,
                                const scim_members_query_t *query)
    SCIM_CHECKED;

/* The role, active and label of query as arrays for SQL: what is chosen, or
 * all that there are.  SCIM_E_INVALID_VALUE for another one. */
scim_error_t *scim_members_choose(const char *values[3],
                                  const scim_members_query_t *query,
                                  apr_pool_t *pool) SCIM_CHECKED;

/* *total: {"total": how many members search, role, active and label choose,
 * counted up to SCIM_MANY, "totalIsMore": whether there are more}. */
scim_error_t *scim_members_total(cJSON **total, scim_call_t *call,
                                 const scim_members_query_t *query)
    SCIM_CHECKED;

/* The first line of a file of members, and that of a member of a list. */
const char *scim_members_csv_head(apr_pool_t *pool);
const char *scim_members_csv_line(const cJSON *member, apr_pool_t *pool);

/* *page, of pool: {name: [...], "next": cursor} from rows of a cursor and an
 * object as JSON, or NULL; rows may have one more than count, which is how
 * many the page takes. */
scim_error_t *scim_members_page(cJSON **page, const char *name,
                                const scim_rows_t *rows, int count,
                                apr_pool_t *pool) SCIM_CHECKED;

/* SCIM_E_INVALID_VALUE if search (or NULL) is longer than a search may be. */
scim_error_t *scim_members_check_search(const char *search, apr_pool_t *pool)
    SCIM_CHECKED;

/* The error of an id that is not one of an account. */
scim_error_t *scim_members_not_found(scim_call_t *call) SCIM_CHECKED;

/* *counts: {"seats": active accounts, "roles": {"ADMIN": ...}, "labels":
 * {...}, "inactive": ...}; roles and labels count active accounts.  It reads a
 * whole index, so it is for the head of the page, not for each list. */
scim_error_t *scim_members_count(cJSON **counts, scim_call_t *call)
    SCIM_CHECKED;

/* *member: as in the list, with "user", the SCIM resource without its groups,
 * of which there may be many (scim_group_view.h).  An unknown id is
 * SCIM_E_NOT_FOUND. */
scim_error_t *scim_members_get(cJSON **member, scim_call_t *call,
                               const char *id) SCIM_CHECKED;

/* Make changes to the account: an object with any of displayName, role, active
 * and eligible (which can only become true).  *field is the one that an error
 * is about.  Changes to an unmanaged account, and deactivating oneself or
 * taking the role ADMIN from oneself, are SCIM_E_FORBIDDEN. */
scim_error_t *scim_members_edit(const char **field, scim_call_t *call,
                                const char *id, const cJSON *changes)
    SCIM_CHECKED;

#endif
