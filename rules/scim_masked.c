/* SPDX-License-Identifier: Apache-2.0 */
/* Requests without values, see scim_masked.h: filters and paths, written from
 * their trees; then the kinds of what a body does, which are counted. */
#include "rules/scim_masked.h"

#include <string.h>

#include <apr_strings.h>
#include <apr_tables.h>

#include "rules/scim_shape.h"
#include "values/scim_json.h"

#define MAX_FILTER 512           /* bytes of text */
#define MAX_NAME 64
#define MAX_KINDS 20             /* lines */
#define MAX_LOOK 1000            /* operations, or members of a body */

/* Filters and paths */

static const char *const operators[] = {
    [SCIM_OP_EQ] = "eq", [SCIM_OP_NE] = "ne", [SCIM_OP_CO] = "co",
    [SCIM_OP_SW] = "sw", [SCIM_OP_EW] = "ew", [SCIM_OP_GT] = "gt",
    [SCIM_OP_GE] = "ge", [SCIM_OP_LT] = "lt", [SCIM_OP_LE] = "le",
    [SCIM_OP_PR] = "pr"
};

static const char *masked_literal(const scim_literal_t *literal)
{
    switch (literal->kind) {
    case SCIM_LITERAL_NONE:
        return "";
    case SCIM_LITERAL_NULL:
        return " null";
    case SCIM_LITERAL_STRING:
    case SCIM_LITERAL_INSTANT:
        return " \"" SCIM_MASKED "\"";
    default:
        return " " SCIM_MASKED;
    }
}

/* The operand, with inside (or NULL) in brackets behind its name. */
static const char *operand_text(const scim_operand_t *operand,
                                const char *inside, apr_pool_t *pool)
{
    const char *container = operand->container ? operand->container : "";

    if (!operand->name) {
        return *container ? container : SCIM_MASKED;
    }
    return apr_pstrcat(pool, container, *container ? ":" : "", operand->name,
                       inside ? "[" : "", inside ? inside : "",
                       inside ? "]" : "", operand->sub ? "." : "",
                       operand->sub ? operand->sub : "", NULL);
}

/* The parser has bounded the depth. */
static const char *filter_text(const scim_filter_t *filter, apr_pool_t *pool)
{
    switch (filter->kind) {
    case SCIM_FILTER_COMPARE:
        return apr_pstrcat(pool, operand_text(&filter->operand, NULL, pool),
                           " ", operators[filter->op],
                           masked_literal(&filter->literal), NULL);
    case SCIM_FILTER_ELEMENT:
        return operand_text(&filter->operand,
                            filter_text(filter->left, pool), pool);
    case SCIM_FILTER_NOT:
        return apr_pstrcat(pool, "not (", filter_text(filter->left, pool),
                           ")", NULL);
    case SCIM_FILTER_OR:
        return apr_pstrcat(pool, "(", filter_text(filter->left, pool), " or ",
                           filter_text(filter->right, pool), ")", NULL);
    default:
        return apr_pstrcat(pool, filter_text(filter->left, pool), " and ",
                           filter_text(filter->right, pool), NULL);
    }
}

/* The outermost or needs no parentheses. */
static const char *without_parentheses(const scim_filter_t *filter,
                                       const char *text, apr_pool_t *pool)
{
    return filter->kind == SCIM_FILTER_OR
           ? apr_pstrmemdup(pool, text + 1, strlen(text) - 2) : text;
}

/* Between words: every word of ours ends with a blank. */
static const char *shortened_filter(const char *text, apr_pool_t *pool)
{
    apr_size_t length = MAX_FILTER;

    if (strlen(text) <= MAX_FILTER) {
        return text;
    }
    while (length > 0 && text[length] != ' ') {
        length--;
    }
    return apr_pstrcat(pool, apr_pstrmemdup(pool, text, length),
                       " " SCIM_MASKED, NULL);
}

const char *scim_masked_filter(const scim_filter_t *filter, apr_pool_t *pool)
{
    if (!filter) {
        return SCIM_MASKED;
    }
    return shortened_filter(without_parentheses(filter,
                                                filter_text(filter, pool),
                                                pool), pool);
}

static int is_name(const char *text)
{
    apr_size_t length = strlen(text);

    return length > 0 && length <= MAX_NAME
           && scim_path_name_length(text) == length;
}

/* A path, or the name of a member, which may be a path as well. */
static const char *masked_path(const char *text,
                               const scim_resource_type_t *type,
                               const scim_rules_t *rules, apr_pool_t *pool)
{
    scim_resolver_t resolver = scim_schema_resolver(type, rules);
    scim_path_t path;

    if (is_name(text)) {
        return text;
    }
    if (strlen(text) > SCIM_FILTER_MAX_LENGTH
        || scim_path_parse(&path, text, &resolver, pool)) {
        return SCIM_MASKED;
    }
    return operand_text(&path.operand, path.filter
                        ? scim_masked_filter(path.filter, pool) : NULL, pool);
}

/* Kinds, counted */

typedef struct {
    const char *text;
    int count;
} kind_t;

typedef struct {
    apr_pool_t *pool;
    apr_array_header_t *kinds;   /* of kind_t; at most MAX_KINDS */
    int has_more;
} kinds_t;

static void begin_kinds(kinds_t *kinds, apr_pool_t *pool)
{
    kinds->pool = pool;
    kinds->kinds = apr_array_make(pool, 8, sizeof(kind_t));
    kinds->has_more = 0;
}

static void count_kind(kinds_t *kinds, const char *text)
{
    kind_t *kind;
    int i;

    for (i = 0; i < kinds->kinds->nelts; i++) {
        kind = &APR_ARRAY_IDX(kinds->kinds, i, kind_t);
        if (strcmp(kind->text, text) == 0) {
            kind->count++;
            return;
        }
    }
    if (i == MAX_KINDS) {
        kinds->has_more = 1;
        return;
    }
    kind = apr_array_push(kinds->kinds);
    kind->text = text;
    kind->count = 1;
}

static const char *all_kinds(const kinds_t *kinds)
{
    apr_array_header_t *lines = apr_array_make(kinds->pool, MAX_KINDS,
                                               sizeof(const char *));
    int i;

    for (i = 0; i < kinds->kinds->nelts; i++) {
        const kind_t *kind = &APR_ARRAY_IDX(kinds->kinds, i, kind_t);

        APR_ARRAY_PUSH(lines, const char *) = kind->count == 1 ? kind->text
            : apr_psprintf(kinds->pool, "%s \xc3\x97%d", kind->text,
                           kind->count);
    }
    if (kinds->has_more) {
        APR_ARRAY_PUSH(lines, const char *) = SCIM_MASKED;
    }
    return lines->nelts > 0 ? apr_array_pstrcat(kinds->pool, lines, '\n')
                            : NULL;
}

/* Bodies */

/* A member whose name is a URN, with an object, has the attributes of that
 * schema. */
static int is_schema(const cJSON *member)
{
    return cJSON_IsObject(member) && strncasecmp(member->string, "urn:", 4)
                                     == 0;
}

/* verb is "" or ends with a blank. */
static void count_members(kinds_t *kinds, const char *verb,
                          const cJSON *object,
                          const scim_resource_type_t *type,
                          const scim_rules_t *rules)
{
    const cJSON *member;
    int left = MAX_LOOK;

    if (!cJSON_IsObject(object)) {
        count_kind(kinds, apr_pstrcat(kinds->pool, verb, SCIM_MASKED, NULL));
        return;
    }
    cJSON_ArrayForEach(member, object) {
        if (left-- == 0) {
            kinds->has_more = 1;
            return;
        }
        if (is_schema(member)) {
            count_members(kinds, verb, member, type, rules);
        }
        else if (strcasecmp(member->string, "schemas") != 0) {
            count_kind(kinds, apr_pstrcat(kinds->pool, verb,
                masked_path(member->string, type, rules, kinds->pool), NULL));
        }
    }
}

static const char *verb_of(const cJSON *operation)
{
    static const char *const verbs[] = { "add ", "replace ", "remove " };
    const char *op = cJSON_GetStringValue(scim_json_member_nocase(operation,
                                                                  "op"));
    apr_size_t i;

    for (i = 0; op && i < sizeof(verbs) / sizeof(*verbs); i++) {
        if (strlen(op) + 1 == strlen(verbs[i])
            && strncasecmp(op, verbs[i], strlen(op)) == 0) {
            return verbs[i];
        }
    }
    return SCIM_MASKED " ";
}

static const char *text_in(const cJSON *object, const char *name)
{
    return cJSON_GetStringValue(scim_json_member_nocase(object, name));
}

const char *scim_masked_patch(const cJSON *body,
                              const scim_resource_type_t *type,
                              const scim_rules_t *rules, apr_pool_t *pool)
{
    const cJSON *operations
        = scim_shape_listed(scim_json_member_nocase(body, "Operations"),
                            rules, pool);
    const cJSON *operation;
    const char *last = NULL;
    const char *masked = NULL;
    int left = MAX_LOOK;
    kinds_t kinds;

    begin_kinds(&kinds, pool);
    cJSON_ArrayForEach(operation, operations) {
        const char *path = text_in(operation, "path");

        if (left-- == 0) {
            kinds.has_more = 1;
            break;
        }
        if (!path || !*path) {
            count_members(&kinds, verb_of(operation), scim_shape_of_object(
                scim_json_member_nocase(operation, "value"), rules, pool),
                type, rules);
            continue;
        }
        /* Hundreds of members are added by as many operations. */
        if (!last || strcmp(last, path) != 0) {
            masked = masked_path(path, type, rules, pool);
            last = path;
        }
        count_kind(&kinds, apr_pstrcat(pool, verb_of(operation), masked,
                                       NULL));
    }
    return all_kinds(&kinds);
}

const char *scim_masked_resource(const cJSON *body,
                                 const scim_resource_type_t *type,
                                 const scim_rules_t *rules, apr_pool_t *pool)
{
    kinds_t kinds;

    begin_kinds(&kinds, pool);
    count_members(&kinds, "", body, type, rules);
    return all_kinds(&kinds);
}

/* The endpoint at the beginning of a path of a bulk operation. */
static const char *masked_endpoint(const char *path)
{
    int i;

    for (i = 0; path && scim_resource_types[i]; i++) {
        const char *endpoint = scim_resource_types[i]->endpoint;
        apr_size_t length = strlen(endpoint);

        if (strncmp(path, endpoint, length) == 0
            && strchr("/", path[length])) {
            return endpoint;
        }
    }
    return SCIM_MASKED;
}

static const char *masked_method(const char *method)
{
    static const char *const methods[] = { "POST", "PUT", "PATCH", "DELETE" };
    apr_size_t i;

    for (i = 0; method && i < sizeof(methods) / sizeof(*methods); i++) {
        if (strcasecmp(methods[i], method) == 0) {
            return methods[i];
        }
    }
    return SCIM_MASKED;
}

const char *scim_masked_bulk(const cJSON *body, const scim_rules_t *rules,
                             apr_pool_t *pool)
{
    const cJSON *operations
        = scim_shape_listed(scim_json_member_nocase(body, "Operations"),
                            rules, pool);
    const cJSON *operation;
    const char *all;
    int left = MAX_LOOK;
    kinds_t kinds;

    begin_kinds(&kinds, pool);
    cJSON_ArrayForEach(operation, operations) {
        if (left-- == 0) {
            kinds.has_more = 1;
            break;
        }
        count_kind(&kinds, apr_pstrcat(pool,
            masked_method(text_in(operation, "method")), " ",
            masked_endpoint(text_in(operation, "path")), NULL));
    }
    all = all_kinds(&kinds);
    return all ? apr_psprintf(pool, "%d operations\n%s",
                              cJSON_GetArraySize(operations), all) : NULL;
}
