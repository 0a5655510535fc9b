/* SPDX-License-Identifier: Apache-2.0 */
/* scim_json: JSON text to cJSON tree and back, strictly and within bounds.
 *
 * Only this file handles cJSON's allocation and lax parser.  Others read and
 * change trees with the functions here and with cJSON's own
 * cJSON_ArrayForEach, cJSON_Create*, cJSON_Is*; they never parse, print or
 * free a root.  A tree has one owner, its root, which belongs to a pool; a
 * subtree that is detached must be put into another tree or owned again.
 */
#ifndef SCIM_JSON_H
#define SCIM_JSON_H

#include <apr_pools.h>
#include <cjson/cJSON.h>

#include "values/scim_error.h"

#define SCIM_JSON_MAX_DEPTH 16

/* Parse length bytes of text as one RFC 8259 document.
 * Refused with SCIM_E_INVALID_SYNTAX and the byte offset (from 0) in the
 * detail: anything outside RFC 8259 (a byte order mark, raw control
 * characters, 01, trailing text ...), ill-formed UTF-8, lone surrogates, more
 * than SCIM_JSON_MAX_DEPTH levels, an empty document, and a member name that
 * occurs twice in an object, in whatever case (ERR-18 to ERR-25).
 * Refused with SCIM_E_INVALID_VALUE: U+0000 in a string (TYPE-02), and a
 * number that a double cannot hold exactly enough (overflow, integers beyond
 * 2^53).
 * The tree lives as long as pool. */
scim_error_t *scim_json_parse(cJSON **root, const char *text,
                              apr_size_t length, apr_pool_t *pool)
    SCIM_CHECKED;

/* Parse jsonb from PostgreSQL: valid JSON, which is not checked again.  NULL
 * for more than a thousand levels, which cJSON does not accept.  The tree
 * lives as long as pool. */
cJSON *scim_json_stored(const char *text, apr_pool_t *pool);

/* Delete root together with pool; returns root.  NULL means that cJSON ran out
 * of memory: the pool's abort function is called, as by APR. */
cJSON *scim_json_own(cJSON *root, apr_pool_t *pool);

/* A deep copy of tree, owned by pool. */
cJSON *scim_json_copy(const cJSON *tree, apr_pool_t *pool);

/* A copy of value for another tree; a string is shared, so value must live as
 * long. */
cJSON *scim_json_share(const cJSON *value);

/* A value that is printed as text, which is JSON already and is shared. */
cJSON *scim_json_raw(const char *text);

/* tree as compact JSON text in pool. */
char *scim_json_print(const cJSON *tree, apr_pool_t *pool);

/* The number of bytes of tree's compact JSON text. */
apr_size_t scim_json_size(const cJSON *tree);

/* The number of values in tree, including itself. */
apr_size_t scim_json_count(const cJSON *tree);

/* The member name of object, compared with case; NULL if there is none or
 * object is NULL or not an object. */
cJSON *scim_json_member(const cJSON *object, const char *name);

/* The same, ignoring ASCII case, for data from clients (RFC 7643 s. 2.1). */
cJSON *scim_json_member_nocase(const cJSON *object, const char *name);

/* Whether value is text or a list with it, ignoring ASCII case, like URNs in
 * schemas (RFC 7644 s. 3.10).  value may be NULL. */
int scim_json_names(const cJSON *value, const char *text);

/* The string value of the member (compared with case), or NULL. */
const char *scim_json_text(const cJSON *object, const char *name);

/* Set object's member; an existing one is replaced and deleted.  value becomes
 * part of object's tree; name is not copied and must live as long. */
void scim_json_put(cJSON *object, const char *name, cJSON *value);

/* The same with a string value; NULL removes the member. */
void scim_json_put_text(cJSON *object, const char *name, const char *text);

/* Remove and delete the member, if it exists. */
void scim_json_drop(cJSON *object, const char *name);

/* True for equal values: objects in any order of their members, arrays by
 * position, strings by byte. */
int scim_json_equal(const cJSON *a, const cJSON *b);

/* True for an unassigned value (RFC 7643 section 2.5): NULL, null, [], {}. */
int scim_json_is_unassigned(const cJSON *value);

#endif
