/* SPDX-License-Identifier: Apache-2.0 */
/* A filter's tree as text, see filter_text.h: each operator adds parentheses
 * where its operands bind less tightly. */
#include "filter_text.h"

#include <apr_strings.h>

#include "fuzz.h"

static const char *const operators[] = {
    [SCIM_OP_EQ] = "eq", [SCIM_OP_NE] = "ne", [SCIM_OP_CO] = "co",
    [SCIM_OP_SW] = "sw", [SCIM_OP_EW] = "ew", [SCIM_OP_GT] = "gt",
    [SCIM_OP_GE] = "ge", [SCIM_OP_LT] = "lt", [SCIM_OP_LE] = "le",
    [SCIM_OP_PR] = "pr"
};

const char *operand_text(const scim_operand_t *operand, apr_pool_t *pool)
{
    return apr_pstrcat(pool, operand->container ? operand->container : "",
                       operand->container ? ":" : "", operand->name,
                       operand->sub ? "." : "",
                       operand->sub ? operand->sub : "", NULL);
}

static const char *string_text(const char *text, apr_pool_t *pool)
{
    cJSON *string = scim_json_own(cJSON_CreateString(text), pool);

    return scim_json_print(string, pool);
}

static const char *literal_text(const scim_literal_t *literal,
                                apr_pool_t *pool)
{
    switch (literal->kind) {
    case SCIM_LITERAL_NULL:
        return "null";
    case SCIM_LITERAL_BOOLEAN:
        return literal->boolean ? "true" : "false";
    case SCIM_LITERAL_NUMBER:
        return literal->text;
    default:
        return string_text(literal->text, pool);
    }
}

static const char *comparison_text(const scim_filter_t *filter,
                                   apr_pool_t *pool)
{
    const char *name = operand_text(&filter->operand, pool);

    if (filter->op == SCIM_OP_PR) {
        return apr_pstrcat(pool, name, " pr", NULL);
    }
    return apr_pstrcat(pool, name, " ", operators[filter->op], " ",
                       literal_text(&filter->literal, pool), NULL);
}

/* part within a chain of "and" or "or": "or" needs parentheses within "and",
 * and a right operand of the same kind keeps its own. */
static const char *part_text(const scim_filter_t *part,
                             const scim_filter_t *of, int *depth,
                             apr_pool_t *pool)
{
    const char *text = filter_text(part, depth, pool);
    int is_bare = part->kind != SCIM_FILTER_OR
                  && (part->kind != SCIM_FILTER_AND || part == of->left
                      || of->kind == SCIM_FILTER_OR);

    if (is_bare || (part == of->left && of->kind == SCIM_FILTER_OR)) {
        return text;
    }
    ++*depth;
    return apr_pstrcat(pool, "(", text, ")", NULL);
}

const char *filter_text(const scim_filter_t *filter, int *depth,
                        apr_pool_t *pool)
{
    const char *left;
    const char *right;
    int right_depth = 0;

    *depth = 0;
    switch (filter->kind) {
    case SCIM_FILTER_COMPARE:
        return comparison_text(filter, pool);
    case SCIM_FILTER_ELEMENT:
        left = filter_text(filter->left, depth, pool);
        ++*depth;
        return apr_pstrcat(pool, operand_text(&filter->operand, pool), "[",
                           left, "]", NULL);
    case SCIM_FILTER_NOT:
        left = filter_text(filter->left, depth, pool);
        ++*depth;
        return apr_pstrcat(pool, "not (", left, ")", NULL);
    default:
        left = part_text(filter->left, filter, depth, pool);
        right = part_text(filter->right, filter, &right_depth, pool);
        *depth = right_depth > *depth ? right_depth : *depth;
        return apr_pstrcat(pool, left,
                           filter->kind == SCIM_FILTER_AND ? " and " : " or ",
                           right, NULL);
    }
}
