/* SPDX-License-Identifier: Apache-2.0 */
/* scim_filter_match, scim_filter_order and scim_filter_key: a filter's tree
 * applied to JSON. */
#include "scim_filter.h"

#include <string.h>

#include <apr_hash.h>
#include <apr_strings.h>

#include "values/scim_json.h"
#include "values/scim_text.h"

const char *scim_filter_key(scim_compare_e compare, const char *text,
                            apr_pool_t *pool)
{
    switch (compare) {
    case SCIM_COMPARE_FOLD:
        return scim_text_fold(pool, text);
    case SCIM_COMPARE_USER_NAME:
        return scim_text_user_name_key(pool, text);
    default:
        return text;
    }
}

/* One resource being matched.  The key of a value is computed once, for any
 * number of terms. */
typedef struct {
    apr_hash_t *keys;            /* address of a value => its key */
    scim_work_t *work;
    apr_pool_t *pool;
} match_t;

/* A value belongs to one attribute, so it has one key. */
static const char *value_key(match_t *m, scim_compare_e compare,
                             const cJSON *value)
{
    const char *key = m->keys ? apr_hash_get(m->keys, &value, sizeof(value))
                              : NULL;

    if (!key) {
        const cJSON **at = apr_pmemdup(m->pool, &value, sizeof(value));

        key = scim_filter_key(compare, value->valuestring, m->pool);
        scim_work_take(m->work, strlen(key), SCIM_WORK_KEY);
        m->keys = m->keys ? m->keys : apr_hash_make(m->pool);
        apr_hash_set(m->keys, at, sizeof(*at), key);
    }
    return key;
}

static int ends_with(const char *text, const char *end)
{
    apr_size_t length = strlen(text);
    apr_size_t wanted = strlen(end);

    return length >= wanted && strcmp(text + length - wanted, end) == 0;
}

/* order is the order of value and literal: negative, 0 or positive. */
static int order_fits(scim_op_e op, int order)
{
    switch (op) {
    case SCIM_OP_EQ:
        return order == 0;
    case SCIM_OP_NE:
        return order != 0;
    case SCIM_OP_GT:
        return order > 0;
    case SCIM_OP_GE:
        return order >= 0;
    case SCIM_OP_LT:
        return order < 0;
    default:
        return order <= 0;
    }
}

static int string_fits(const scim_filter_t *filter, const cJSON *value,
                       match_t *m)
{
    const char *have = value_key(m, filter->operand.compare, value);
    const char *want = filter->literal.key;

    switch (filter->op) {
    case SCIM_OP_CO:
        scim_work_take(m->work, strlen(have), 1);
        return strstr(have, want) != NULL;
    case SCIM_OP_SW:
        return strncmp(have, want, strlen(want)) == 0;
    case SCIM_OP_EW:
        return ends_with(have, want);
    default:
        return order_fits(filter->op, strcmp(have, want));
    }
}

static int sign(double difference)
{
    return (difference > 0) - (difference < 0);
}

static int instant_fits(const scim_filter_t *filter, const char *value)
{
    apr_time_t instant;

    return scim_text_instant(value, &instant)
           && order_fits(filter->op, (instant > filter->literal.instant)
                                     - (instant < filter->literal.instant));
}

/* value has the literal's type. */
static int typed_value_fits(const scim_filter_t *filter, const cJSON *value,
                            match_t *m)
{
    switch (filter->literal.kind) {
    case SCIM_LITERAL_BOOLEAN:
        return order_fits(filter->op, cJSON_IsTrue(value)
                                      - filter->literal.boolean);
    case SCIM_LITERAL_NUMBER:
        return order_fits(filter->op, sign(value->valuedouble
                                           - filter->literal.number));
    case SCIM_LITERAL_INSTANT:
        return instant_fits(filter, value->valuestring);
    default:
        return string_fits(filter, value, m);
    }
}

static int has_literal_type(const cJSON *value, scim_literal_e kind)
{
    switch (kind) {
    case SCIM_LITERAL_BOOLEAN:
        return cJSON_IsBool(value);
    case SCIM_LITERAL_NUMBER:
        return cJSON_IsNumber(value);
    default:
        return cJSON_IsString(value);
    }
}

/* pr: assigned, and not only empty strings. */
static int is_present(const cJSON *value)
{
    const cJSON *child;

    if (cJSON_IsString(value)) {
        return value->valuestring[0] != '\0';
    }
    if (!cJSON_IsObject(value) && !cJSON_IsArray(value)) {
        return value && !cJSON_IsNull(value);
    }
    cJSON_ArrayForEach(child, value) {
        if (is_present(child)) {
            return 1;
        }
    }
    return 0;
}

/* One value, or NULL if there is none; an unassigned attribute differs from
 * every literal and equals null. */
static int value_fits(const scim_filter_t *filter, const cJSON *value,
                      match_t *m)
{
    if (filter->op == SCIM_OP_PR) {
        return is_present(value);
    }
    if (filter->literal.kind == SCIM_LITERAL_NULL) {
        return scim_json_is_unassigned(value) == (filter->op == SCIM_OP_EQ);
    }
    if (!has_literal_type(value, filter->literal.kind)) {
        return filter->op == SCIM_OP_NE;
    }
    return typed_value_fits(filter, value, m);
}

/* A missing boolean of an element that exists may mean false. */
static int missing_fits(const scim_filter_t *filter)
{
    if (filter->operand.absent_is_false
        && filter->literal.kind == SCIM_LITERAL_BOOLEAN) {
        return order_fits(filter->op, 0 - filter->literal.boolean);
    }
    return value_fits(filter, NULL, NULL);
}

static int element_fits(const scim_filter_t *filter, const cJSON *element,
                        match_t *m)
{
    const cJSON *value = filter->operand.sub
        ? scim_json_member(element, filter->operand.sub) : element;

    return value ? value_fits(filter, value, m) : missing_fits(filter);
}

static const cJSON *attribute_of(const scim_operand_t *operand,
                                 const cJSON *resource)
{
    const cJSON *holder = operand->container
        ? scim_json_member(resource, operand->container) : resource;

    return scim_json_member(holder, operand->name);
}

static int comparison_matches(const scim_filter_t *filter,
                              const cJSON *resource, match_t *m)
{
    const cJSON *value = attribute_of(&filter->operand, resource);
    const cJSON *element;

    if (!cJSON_IsArray(value)) {
        return filter->operand.multi_valued && !value
               ? value_fits(filter, NULL, m)
               : element_fits(filter, value, m);
    }
    if (!value->child) {
        return value_fits(filter, NULL, m);
    }
    cJSON_ArrayForEach(element, value) {
        scim_work_take(m->work, 1, SCIM_WORK_STEP);
        if (element_fits(filter, element, m)) {
            return 1;
        }
    }
    return 0;
}

static int matches_node(const scim_filter_t *filter, const cJSON *resource,
                        match_t *m);

static int any_element_matches(const scim_filter_t *filter,
                               const cJSON *resource, match_t *m)
{
    const cJSON *element;

    cJSON_ArrayForEach(element, attribute_of(&filter->operand, resource)) {
        if (matches_node(filter->left, element, m)) {
            return 1;
        }
    }
    return 0;
}

static int matches_node(const scim_filter_t *filter, const cJSON *resource,
                        match_t *m)
{
    scim_work_take(m->work, 1, SCIM_WORK_STEP);
    if (scim_work_is_over(m->work)) {
        return 0;
    }
    switch (filter->kind) {
    case SCIM_FILTER_AND:
        return matches_node(filter->left, resource, m)
               && matches_node(filter->right, resource, m);
    case SCIM_FILTER_OR:
        return matches_node(filter->left, resource, m)
               || matches_node(filter->right, resource, m);
    case SCIM_FILTER_NOT:
        return !matches_node(filter->left, resource, m);
    case SCIM_FILTER_ELEMENT:
        return any_element_matches(filter, resource, m);
    default:
        return comparison_matches(filter, resource, m);
    }
}

int scim_filter_match_within(const scim_filter_t *filter,
                             const cJSON *resource, scim_work_t *work,
                             apr_pool_t *pool)
{
    match_t m = { NULL, work, pool };

    return matches_node(filter, resource, &m);
}

int scim_filter_match(const scim_filter_t *filter, const cJSON *resource,
                      apr_pool_t *pool)
{
    return scim_filter_match_within(filter, resource, NULL, pool);
}

static const cJSON *value_of(const scim_operand_t *operand,
                             const cJSON *resource)
{
    const cJSON *value = attribute_of(operand, resource);

    return operand->sub ? scim_json_member(value, operand->sub) : value;
}

int scim_filter_order(const scim_operand_t *operand, const cJSON *a,
                      const cJSON *b, apr_pool_t *pool)
{
    const cJSON *left = value_of(operand, a);
    const cJSON *right = value_of(operand, b);

    if (!left || !right) {
        return !left - !right;
    }
    if (cJSON_IsString(left)) {
        return strcmp(scim_filter_key(operand->compare, left->valuestring,
                                      pool),
                      scim_filter_key(operand->compare, right->valuestring,
                                      pool));
    }
    return cJSON_IsNumber(left)
           ? sign(left->valuedouble - right->valuedouble)
           : cJSON_IsTrue(left) - cJSON_IsTrue(right);
}
