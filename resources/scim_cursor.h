/* SPDX-License-Identifier: Apache-2.0 */
/* scim_cursor: places in a list as text that cannot be forged (RFC 9865).
 *
 * A cursor has all that the next page needs, so the server keeps no state.  It
 * is authenticated with the organization's key and bound to the query that it
 * was made for.
 */
#ifndef SCIM_CURSOR_H
#define SCIM_CURSOR_H

#include <apr_pools.h>

#include "resources/scim_call.h"
#include "values/scim_error.h"

/* A place between two rows of a list. */
typedef struct {
    int backward;             /* the page before the row, not after it */
    const char *key;          /* the row's sort key as text; NULL: none */
    const char *id;           /* the row's id */
    apr_int64_t total;        /* of the list, when its walk began */
} scim_position_t;

/* The cursor of position in the list of page, in unreserved characters of RFC
 * 3986; NULL if libcrypto fails. */
const char *scim_cursor_make(const scim_position_t *position,
                             const scim_principal_t *principal,
                             const scim_page_t *page, apr_pool_t *pool);

/* The position of page->cursor; its id is NULL for "", the beginning.
 * SCIM_E_INVALID_CURSOR: it was not made in this organization for this list;
 * SCIM_E_EXPIRED_CURSOR: it is too old; SCIM_E_INVALID_COUNT: it was made with
 * another count. */
scim_error_t *scim_cursor_read(scim_position_t *position,
                               const scim_principal_t *principal,
                               const scim_page_t *page, apr_pool_t *pool)
    SCIM_CHECKED;

#endif
