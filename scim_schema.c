#include "scim_schema.h"

#include <string.h>

#include <apr_lib.h>
#include <apr_strings.h>

#include "scim_json.h"
#include "scim_text.h"

/* Characteristics */

const scim_attribute_t *scim_attribute_find(const scim_attribute_t *table,
                                            const char *name)
{
    for (; table && table->name; table++) {
        if (strcasecmp(table->name, name) == 0) {
            return table;
        }
    }
    return NULL;
}

int scim_attribute_is_required(const scim_attribute_t *attribute,
                               const scim_rules_t *rules)
{
    return attribute->required
           || (rules->managed && (attribute->managed
                                  & SCIM_MANAGED_REQUIRED));
}

scim_mutability_e scim_attribute_mutability(const scim_attribute_t *attribute,
                                            const scim_rules_t *rules)
{
    return rules->managed && (attribute->managed & SCIM_MANAGED_IMMUTABLE)
           ? SCIM_IMMUTABLE : attribute->mutability;
}

/* Names */

static scim_error_t *unknown(apr_pool_t *pool, const char *name)
{
    return scim_error(pool, SCIM_E_UNKNOWN_ATTRIBUTE,
                      "unknown attribute '%.60s'.", name);
}

static scim_compare_e comparison_of(const scim_attribute_t *attribute)
{
    switch (attribute->type) {
    case SCIM_BOOLEAN:
        return SCIM_COMPARE_BOOLEAN;
    case SCIM_DECIMAL:
    case SCIM_INTEGER:
        return SCIM_COMPARE_NUMBER;
    case SCIM_DATETIME:
        return SCIM_COMPARE_INSTANT;
    case SCIM_BINARY:
        return SCIM_COMPARE_BINARY;
    case SCIM_COMPLEX:
        return SCIM_COMPARE_NONE;
    default:
        break;
    }
    if (attribute->case_exact) {
        return SCIM_COMPARE_EXACT;
    }
    return attribute->uniqueness == SCIM_UNIQUE_SERVER
           ? SCIM_COMPARE_USER_NAME : SCIM_COMPARE_FOLD;
}

static int is_primary(const scim_attribute_t *attribute)
{
    return attribute->type == SCIM_BOOLEAN
           && strcmp(attribute->name, "primary") == 0;
}

/* attribute is what operand's values are compared as. */
static void put_leaf(scim_operand_t *operand,
                     const scim_attribute_t *attribute)
{
    operand->compare = comparison_of(attribute);
    operand->absent_is_false = is_primary(attribute);
}

static void put_sub(scim_operand_t *operand, const scim_attribute_t *sub)
{
    operand->sub = sub->name;
    operand->sub_attribute = sub;
    put_leaf(operand, sub);
}

/* A sub-attribute between brackets. */
static scim_error_t *resolve_within(scim_operand_t *operand,
                                    const char *name,
                                    const scim_operand_t *within,
                                    apr_pool_t *pool)
{
    const scim_attribute_t *sub
        = scim_attribute_find(within->attribute->subs, name);

    if (!sub) {
        return scim_error(pool, SCIM_E_UNKNOWN_ATTRIBUTE,
                          "unknown sub-attribute '%.60s' of '%s'.", name,
                          within->name);
    }
    operand->name = sub->name;
    operand->attribute = sub;
    put_leaf(operand, sub);
    return NULL;
}

/* How much of name is urn: 0 when it does not start with it. */
static apr_size_t urn_length(const char *name, const char *urn)
{
    apr_size_t length = strlen(urn);

    return strncasecmp(name, urn, length) == 0
           && (name[length] == ':' || name[length] == '\0') ? length : 0;
}

/* The schema whose URN name starts with; *rest is what follows it, "" for the
 * URN alone.  URNs hold ':' and '.', so they are matched as a whole. */
static const scim_schema_t *schema_of(const scim_resource_type_t *type,
                                      const char *name, const char **rest)
{
    const scim_schema_t *const *extension = type->extensions;
    const scim_schema_t *schema = type->core;
    apr_size_t length;

    for (; schema; schema = *extension++) {
        length = urn_length(name, schema->urn);
        if (length > 0) {
            *rest = name[length] ? name + length + 1 : "";
            return schema;
        }
    }
    return NULL;
}

/* NAME [ "." NAME ], NAME = ( ALPHA / "$" ) *( ALPHA / DIGIT / - / _ / $ ) */
static int is_well_formed(const char *name)
{
    int dots = 0;
    const char *c;

    for (c = name; *c; c++) {
        int starts = c == name || c[-1] == '.';

        if (*c == '.' ? starts || dots++ > 0
                      : *c == ':' || (starts && !apr_isalpha(*c)
                                      && *c != '$')) {
            return 0;
        }
    }
    return c != name && c[-1] != '.';
}

/* Where an unqualified name is looked up, first to last. */
static const scim_attribute_t *find_anywhere(const scim_resource_type_t *type,
                                             const char *name,
                                             const scim_schema_t **schema)
{
    const scim_schema_t *const *extension = type->extensions;
    const scim_attribute_t *found
        = scim_attribute_find(scim_common_attributes, name);

    *schema = type->core;
    while (!found && *schema) {
        found = scim_attribute_find((*schema)->attributes, name);
        if (!found) {
            *schema = *extension++;
        }
    }
    return found;
}

static const scim_attribute_t *find_in(const scim_resource_type_t *type,
                                       const scim_schema_t *schema,
                                       const char *name)
{
    const scim_attribute_t *found
        = scim_attribute_find(schema->attributes, name);

    return found || schema != type->core
           ? found : scim_attribute_find(scim_common_attributes, name);
}

static scim_error_t *resolve_sub(scim_operand_t *operand, const char *sub,
                                 int for_comparison, const char *name,
                                 apr_pool_t *pool)
{
    const scim_attribute_t *found
        = scim_attribute_find(operand->attribute->subs,
                              sub ? sub : "value");

    if (sub && !found) {
        return unknown(pool, name);
    }
    if (found && (sub || for_comparison)) {
        put_sub(operand, found);
    }
    return NULL;
}

static scim_error_t *resolve_whole(scim_operand_t *operand,
                                   const scim_resource_type_t *type,
                                   const scim_schema_t *schema,
                                   int for_comparison, const char *name,
                                   apr_pool_t *pool)
{
    if (schema == type->core || for_comparison) {
        return unknown(pool, name);
    }
    operand->container = schema->urn;
    operand->compare = SCIM_COMPARE_NONE;
    return NULL;
}

static scim_error_t *resolve_top(scim_operand_t *operand,
                                 const scim_resource_type_t *type,
                                 const char *name, int for_comparison,
                                 apr_pool_t *pool)
{
    const char *rest = name;
    const scim_schema_t *schema = schema_of(type, name, &rest);
    char *sub;
    char *plain;

    if (schema && !*rest) {
        return resolve_whole(operand, type, schema, for_comparison, name,
                             pool);
    }
    if (!schema && strncasecmp(name, "urn:", 4) == 0) {
        return unknown(pool, name);
    }
    if (!is_well_formed(rest)) {
        return scim_error(pool, SCIM_E_INVALID_PATH,
                          "'%.60s' is not an attribute name.", name);
    }
    plain = apr_pstrdup(pool, rest);
    sub = strchr(plain, '.');
    if (sub) {
        *sub++ = '\0';
    }
    operand->attribute = schema ? find_in(type, schema, plain)
                                : find_anywhere(type, plain, &schema);
    if (!operand->attribute) {
        return unknown(pool, name);
    }
    operand->container = schema == type->core ? NULL : schema->urn;
    operand->name = operand->attribute->name;
    operand->multi_valued = operand->attribute->multi_valued;
    put_leaf(operand, operand->attribute);
    return resolve_sub(operand, sub, for_comparison, name, pool);
}

static scim_error_t *resolve(scim_operand_t *operand, const void *baton,
                             const char *name, apr_size_t length,
                             const scim_operand_t *within,
                             int for_comparison, apr_pool_t *pool)
{
    const char *text = apr_pstrmemdup(pool, name, length);

    return within ? resolve_within(operand, text, within, pool)
                  : resolve_top(operand, baton, text, for_comparison, pool);
}

scim_resolver_t scim_schema_resolver(const scim_resource_type_t *type,
                                     const scim_rules_t *rules)
{
    scim_resolver_t resolver = { resolve, type, !rules->strict };

    return resolver;
}

/* Validation */

static scim_error_t *check_required(const cJSON *holder,
                                    const scim_attribute_t *table,
                                    const scim_rules_t *rules,
                                    apr_pool_t *pool)
{
    for (; table->name; table++) {
        const cJSON *value = scim_json_member(holder, table->name);

        if (scim_attribute_is_required(table, rules)
            && (scim_json_is_unassigned(value)
                || (cJSON_IsString(value) && !*value->valuestring))) {
            return scim_error(pool, SCIM_E_INVALID_VALUE,
                              "Attribute '%s' is required.", table->name);
        }
    }
    return NULL;
}

static scim_error_t *check_primary(const cJSON *list, const char *name,
                                   apr_pool_t *pool)
{
    const cJSON *element;
    int primaries = 0;

    cJSON_ArrayForEach(element, list) {
        primaries += cJSON_IsTrue(scim_json_member(element, "primary"));
    }
    return primaries > 1
           ? scim_error(pool, SCIM_E_INVALID_VALUE,
                        "Attribute '%s' has more than one element with"
                        " primary true.", name)
           : NULL;
}

static int same_text(const cJSON *a, const cJSON *b,
                     const scim_attribute_t *sub, apr_pool_t *pool)
{
    const char *one = scim_json_text(a, sub->name);
    const char *other = scim_json_text(b, sub->name);

    if (!one || !other) {
        return one == other;
    }
    return strcmp(sub->case_exact ? one : scim_text_fold(pool, one),
                  sub->case_exact ? other : scim_text_fold(pool, other)) == 0;
}

/* The same value and type; without a value, the same members (AMB-41). */
static int is_duplicate(const cJSON *a, const cJSON *b,
                        const scim_attribute_t *attribute, apr_pool_t *pool)
{
    const scim_attribute_t *value = scim_attribute_find(attribute->subs,
                                                        "value");
    const scim_attribute_t *kind = scim_attribute_find(attribute->subs,
                                                       "type");

    if (!value || !scim_json_text(a, "value")) {
        return scim_json_equal(a, b);
    }
    return same_text(a, b, value, pool) && (!kind || same_text(a, b, kind,
                                                               pool));
}

static int has_earlier_duplicate(const cJSON *list, const cJSON *element,
                                 const scim_attribute_t *attribute,
                                 apr_pool_t *pool)
{
    const cJSON *earlier;

    cJSON_ArrayForEach(earlier, list) {
        if (earlier == element) {
            return 0;
        }
        if (is_duplicate(element, earlier, attribute, pool)) {
            return 1;
        }
    }
    return 0;
}

static void collapse_duplicates(cJSON *list,
                                const scim_attribute_t *attribute,
                                apr_pool_t *pool)
{
    cJSON *element = list ? list->child : NULL;

    while (element) {
        cJSON *next = element->next;

        if (has_earlier_duplicate(list, element, attribute, pool)) {
            cJSON_Delete(cJSON_DetachItemViaPointer(list, element));
        }
        element = next;
    }
}

static scim_error_t *check_lists(cJSON *holder,
                                 const scim_attribute_t *table,
                                 apr_pool_t *pool)
{
    apr_pool_t *scratch;

    apr_pool_create(&scratch, pool);
    for (; table->name; table++) {
        cJSON *list = scim_json_member(holder, table->name);

        if (table->multi_valued && cJSON_IsArray(list)) {
            collapse_duplicates(list, table, scratch);
            SCIM_ERR(check_primary(list, table->name, pool));
        }
    }
    apr_pool_destroy(scratch);
    return NULL;
}

scim_error_t *scim_schema_validate(cJSON *resource,
                                   const scim_resource_type_t *type,
                                   const scim_rules_t *rules,
                                   apr_pool_t *pool)
{
    const scim_schema_t *const *extension = type->extensions;

    SCIM_ERR(check_required(resource, type->core->attributes, rules, pool));
    SCIM_ERR(check_lists(resource, type->core->attributes, pool));
    for (; *extension; extension++) {
        cJSON *holder = scim_json_member(resource, (*extension)->urn);

        if (holder) {
            SCIM_ERR(check_required(holder, (*extension)->attributes, rules,
                                    pool));
            SCIM_ERR(check_lists(holder, (*extension)->attributes, pool));
        }
    }
    return NULL;
}
