/* SPDX-License-Identifier: Apache-2.0 */
/* Which indexes find what a filter demands, see scim_query_index.h. */
#include "rules/scim_query_index.h"

#include <string.h>

#include <apr_strings.h>

#include "values/scim_text.h"

int scim_query_is_containable(const scim_filter_t *filter)
{
    return filter->kind == SCIM_FILTER_COMPARE && filter->op == SCIM_OP_EQ
           && (filter->literal.kind == SCIM_LITERAL_STRING
               || (filter->literal.kind == SCIM_LITERAL_BOOLEAN
                   && filter->literal.boolean));
}

int scim_query_is_all_containable(const scim_filter_t *filter)
{
    return filter->kind == SCIM_FILTER_AND
           ? scim_query_is_all_containable(filter->left)
             && scim_query_is_all_containable(filter->right)
           : scim_query_is_containable(filter);
}

int scim_query_is_value(const char *name)
{
    return name && strcmp(name, "value") == 0;
}

const scim_filter_t *scim_query_demanded_value(const scim_filter_t *filter)
{
    const scim_filter_t *found;

    if (filter->kind == SCIM_FILTER_AND) {
        found = scim_query_demanded_value(filter->left);
        return found ? found : scim_query_demanded_value(filter->right);
    }
    return filter->kind == SCIM_FILTER_COMPARE && filter->op == SCIM_OP_EQ
           && filter->literal.kind == SCIM_LITERAL_STRING
           && scim_query_is_value(filter->operand.name) ? filter : NULL;
}

/* Two values */

/* Whether filter compares a column that always has one of two values, which an
 * index finds. */
static int is_one_of_two(const scim_filter_t *filter)
{
    return filter->kind == SCIM_FILTER_COMPARE
           && (filter->op == SCIM_OP_EQ || filter->op == SCIM_OP_NE)
           && filter->literal.kind == SCIM_LITERAL_BOOLEAN
           && !filter->operand.is_foreign
           && scim_attribute_of(&filter->operand)->index_prefix;
}

/* Whether eq and ne find exactly the others of one another: a resource has one
 * value or none (AMB-01). */
static int has_opposite(const scim_filter_t *filter)
{
    return filter->kind == SCIM_FILTER_COMPARE
           && (filter->op == SCIM_OP_EQ || filter->op == SCIM_OP_NE)
           && filter->literal.kind == SCIM_LITERAL_STRING
           && !filter->operand.is_foreign && !filter->operand.multi_valued
           && !filter->operand.attribute->rows;
}

/* The opposite of filter if is_negated.  not is only before what is compared,
 * so that each side of an and can be found by itself. */
static scim_filter_t *simplified(const scim_filter_t *filter, int is_negated,
                                 apr_pool_t *pool)
{
    scim_filter_t *simple;
    scim_filter_t *opposite;

    if (filter->kind == SCIM_FILTER_NOT) {
        return simplified(filter->left, !is_negated, pool);
    }
    simple = apr_pmemdup(pool, filter, sizeof(*filter));
    if (filter->kind == SCIM_FILTER_AND || filter->kind == SCIM_FILTER_OR) {
        if (is_negated) {
            simple->kind = filter->kind == SCIM_FILTER_AND ? SCIM_FILTER_OR
                                                           : SCIM_FILTER_AND;
        }
        simple->left = simplified(filter->left, is_negated, pool);
        simple->right = simplified(filter->right, is_negated, pool);
        return simple;
    }
    if (is_one_of_two(filter)) {
        simple->op = SCIM_OP_EQ;
        simple->literal.boolean ^= (filter->op == SCIM_OP_NE) ^ is_negated;
        return simple;
    }
    if (is_negated && has_opposite(filter)) {
        simple->op = filter->op == SCIM_OP_EQ ? SCIM_OP_NE : SCIM_OP_EQ;
        return simple;
    }
    if (!is_negated) {
        return simple;
    }
    opposite = apr_pcalloc(pool, sizeof(*opposite));
    opposite->kind = SCIM_FILTER_NOT;
    opposite->left = simple;
    return opposite;
}

scim_filter_t *scim_query_simplified(const scim_filter_t *filter,
                                     apr_pool_t *pool)
{
    return simplified(filter, 0, pool);
}

/* Trigrams */

static int is_part(scim_op_e op)
{
    return op == SCIM_OP_CO || op == SCIM_OP_SW || op == SCIM_OP_EW;
}

const char *scim_query_grams(const scim_query_t *query,
                             const scim_filter_t *filter, apr_pool_t *pool)
{
    const char *grams;

    if (filter->kind == SCIM_FILTER_AND) {
        grams = scim_query_grams(query, filter->left, pool);
        return grams ? grams : scim_query_grams(query, filter->right, pool);
    }
    return query->has_words && filter->kind == SCIM_FILTER_COMPARE
           && is_part(filter->op)
           && filter->literal.kind == SCIM_LITERAL_STRING
           && scim_attribute_of(&filter->operand)->has_words
           ? scim_text_grams(pool, filter->literal.text) : NULL;
}

/* Scans */

static const char *written(const scim_operand_t *o, apr_pool_t *pool)
{
    return o->sub ? apr_pstrcat(pool, o->name, ".", o->sub, NULL) : o->name;
}

/* Whether the index that has the order of a column has the matches in one
 * piece.  Ids have no order as texts. */
static int is_range(const scim_filter_t *filter)
{
    const scim_attribute_t *leaf = scim_attribute_of(&filter->operand);

    switch (filter->op) {
    case SCIM_OP_EQ:
        return leaf->is_ordered || leaf->index_prefix;
    case SCIM_OP_SW: case SCIM_OP_GT: case SCIM_OP_GE: case SCIM_OP_LT:
    case SCIM_OP_LE:
        return leaf->is_ordered && strcmp(leaf->column, "a.id") != 0;
    default:
        return 0;
    }
}

static int has_index(const scim_query_t *query, const scim_filter_t *filter,
                     apr_pool_t *pool)
{
    const scim_operand_t *o = &filter->operand;

    if (o->is_foreign || scim_query_grams(query, filter, pool)) {
        return 1;
    }
    if (filter->literal.kind == SCIM_LITERAL_NULL) {
        return 0;
    }
    if (o->attribute->rows) {
        return filter->op == SCIM_OP_EQ && scim_query_is_value(o->sub);
    }
    return scim_attribute_of(o)->column ? is_range(filter)
                                        : scim_query_is_containable(filter);
}

static int demands_equality(const scim_filter_t *filter)
{
    return filter->kind == SCIM_FILTER_AND
           ? demands_equality(filter->left) || demands_equality(filter->right)
           : scim_query_is_containable(filter);
}

/* Of a filter in brackets. */
static int element_has_index(const scim_query_t *query,
                             const scim_filter_t *filter, apr_pool_t *pool)
{
    if (filter->operand.is_foreign) {
        return 1;
    }
    if (filter->operand.attribute->rows) {
        return scim_query_demanded_value(filter->left) != NULL;
    }
    return demands_equality(filter->left)
           || scim_query_grams(query, filter->left, pool);
}

/* The name of an attribute because of which every row has to be read, or
 * NULL. */
static const char *scanned_by(const scim_query_t *query,
                              const scim_filter_t *filter, apr_pool_t *pool)
{
    const char *left;
    const char *right;

    switch (filter->kind) {
    case SCIM_FILTER_COMPARE:
        return has_index(query, filter, pool) ? NULL
               : written(&filter->operand, pool);
    case SCIM_FILTER_ELEMENT:
        return element_has_index(query, filter, pool) ? NULL
               : filter->operand.name;
    case SCIM_FILTER_NOT:
        return written(&filter->left->operand, pool);
    default:
        left = scanned_by(query, filter->left, pool);
        right = scanned_by(query, filter->right, pool);
        if (filter->kind == SCIM_FILTER_AND) {
            return left && right ? left : NULL;
        }
        return left ? left : right;
    }
}

/* Keys */

/* Whether a key column finds every matching row. */
static void find_keys(scim_query_t *query, const scim_filter_t *filter)
{
    const scim_attribute_t *attribute = filter->operand.attribute;

    if (filter->kind == SCIM_FILTER_AND) {
        find_keys(query, filter->left);
        find_keys(query, filter->right);
    }
    else if (filter->kind == SCIM_FILTER_COMPARE
             && filter->op == SCIM_OP_EQ && attribute->column
             && filter->literal.kind == SCIM_LITERAL_STRING
             && !attribute->multi_valued) {
        query->has_key |= attribute->key || attribute->case_exact;
        query->at_most_one |= attribute->uniqueness == SCIM_UNIQUE_SERVER;
    }
}

/* Whether filter is containment and nothing else, which has the same plan for
 * a common value as for a rare one. */
static int is_contained(const scim_filter_t *filter)
{
    const scim_operand_t *o = &filter->operand;

    switch (filter->kind) {
    case SCIM_FILTER_AND:
        return is_contained(filter->left) && is_contained(filter->right);
    case SCIM_FILTER_ELEMENT:
        return !o->is_foreign && !o->attribute->rows
               && scim_query_is_all_containable(filter->left);
    case SCIM_FILTER_COMPARE:
        return !o->is_foreign && !o->attribute->rows
               && !scim_attribute_of(o)->column
               && scim_query_is_containable(filter);
    default:
        return 0;
    }
}

void scim_query_find_indexes(scim_query_t *query, const scim_filter_t *filter,
                             apr_pool_t *pool)
{
    query->has_key = 0;
    query->at_most_one = 0;
    find_keys(query, filter);
    query->indexed = !query->is_planned_anew
                     && (query->has_key || is_contained(filter));
    query->scanned = scanned_by(query, filter, pool);
}
