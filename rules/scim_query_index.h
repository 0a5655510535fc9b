/* SPDX-License-Identifier: Apache-2.0 */
/* scim_query_index: which indexes find what a filter demands, for scim_query
 * alone. */
#ifndef SCIM_QUERY_INDEX_H
#define SCIM_QUERY_INDEX_H

#include <apr_pools.h>

#include "rules/scim_query.h"

/* An equality that containment in the JSON answers. */
int scim_query_is_containable(const scim_filter_t *filter);

/* Whether filter is one of these or several, joined by and. */
int scim_query_is_all_containable(const scim_filter_t *filter);

/* Whether name is that of the sub-attribute by which rows of another table are
 * found. */
int scim_query_is_value(const char *name);

/* The equality with such a value that filter demands, or NULL. */
const scim_filter_t *scim_query_demanded_value(const scim_filter_t *filter);

/* The trigrams of every value that filter finds, as the text of an array
 * (scim_text_grams); NULL if it demands none, or if the index does not have
 * them. */
const char *scim_query_grams(const scim_query_t *query,
                             const scim_filter_t *filter, apr_pool_t *pool);

/* A copy of filter, in pool, with not only before what is compared, and with
 * an equality that an index finds wherever one of two values is demanded by
 * excluding the other: active ne true. */
scim_filter_t *scim_query_simplified(const scim_filter_t *filter,
                                     apr_pool_t *pool);

/* Set query->indexed, at_most_one and scanned. */
void scim_query_find_indexes(scim_query_t *query, const scim_filter_t *filter,
                             apr_pool_t *pool);

#endif
