/* scim_query: a filter tree as an SQL condition.
 *
 * The text holds nothing but what the attribute tables say and $n; values are
 * parameters (FLT-68).  The row is called "a".
 */
#ifndef SCIM_QUERY_H
#define SCIM_QUERY_H

#include <apr_pools.h>
#include <apr_tables.h>

#include "scim_error.h"
#include "scim_filter.h"

typedef struct {
    apr_array_header_t *parameters; /* of const char *, in order $1, $2, ...;
                                     * the caller may have put some in */
    const char *location_prefix;    /* what meta.location starts with, up to
                                     * the id: ".../v2/Users/" */
    int indexed;                    /* set by scim_query_condition: every row
                                     * is found by an equality on a key column
                                     * (userName, externalId, id), so that one
                                     * plan serves all values */
    int at_most_one;                /* set too: no two rows can match */
} scim_query_t;

/* filter as the text of a boolean SQL expression in pool, never NULL as a
 * truth value that matters; its values are appended to query->parameters,
 * all as text.  The expression selects what scim_filter_match selects. */
const char *scim_query_condition(scim_query_t *query,
                                 const scim_filter_t *filter,
                                 apr_pool_t *pool);

#endif
