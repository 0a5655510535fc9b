/* SPDX-License-Identifier: Apache-2.0 */
/* scim_query: a filter tree as an SQL condition.
 *
 * The text has only parts from the attribute tables and $n; values are
 * parameters (FLT-68).  The row is called "a".
 */
#ifndef SCIM_QUERY_H
#define SCIM_QUERY_H

#include <apr_pools.h>
#include <apr_tables.h>

#include "values/scim_error.h"
#include "rules/scim_schema.h"
#include "scim_filter.h"

typedef struct {
    apr_array_header_t *parameters; /* of const char *, in the order $1, $2,
                                     * ...; the caller may have added some */
    const scim_resource_type_t *type;
    const char *base;               /* the beginning of URLs: ".../v2" */
    int has_words;                  /* the tables have type->word_grams */
    int is_planned_anew;            /* for the values of each statement */
    int indexed;                    /* set by scim_query_condition: equalities
                                     * on a key column (userName, externalId,
                                     * id), or in the JSON alone, find every
                                     * row, so that one plan serves all
                                     * values */
    int has_key;                    /* also set: by a key column */
    int at_most_one;                /* also set: no two rows can match */
    const char *scanned;            /* also set, to an attribute's name, if no
                                     * index finds the matches, because of this
                                     * one; else NULL */
} scim_query_t;

/* filter as the text of a boolean SQL expression in pool, where NULL has the
 * same effect as false; its values are appended to query->parameters, all as
 * text.  The expression selects the same resources as scim_filter_match. */
const char *scim_query_condition(scim_query_t *query,
                                 const scim_filter_t *filter,
                                 apr_pool_t *pool);

/* The order of rows. */
typedef struct {
    const char *key;     /* SQL expression, NULL if a row has no value */
    const char *type;    /* SQL type of the key */
    int has_index;       /* rows can be read in this order */
} scim_order_t;

/* The operand of sortBy=name.  An unknown name, or an attribute without values
 * to sort by, is SCIM_E_INVALID_VALUE. */
scim_error_t *scim_query_sort_operand(scim_operand_t *operand,
                                      const char *name,
                                      const scim_resolver_t *resolver,
                                      apr_pool_t *pool) SCIM_CHECKED;

/* The order by the attribute name (RFC 7644 section 3.4.2.3); errors as for
 * scim_query_sort_operand. */
scim_error_t *scim_query_order(scim_order_t *order, scim_query_t *query,
                               const char *name,
                               const scim_resolver_t *resolver,
                               apr_pool_t *pool) SCIM_CHECKED;

#endif
