/* SPDX-License-Identifier: Apache-2.0 */
/* Names and validation by the attribute tables, see scim_schema.h.
 *
 * The resolver turns a name of a filter, a path or a list of attributes, with
 * or without URN, into the row of a table.  Validation walks a resource along
 * the tables: required values, one primary element, no element twice.
 * Requests are brought into shape before (scim_normalise.c), answers are made
 * after (scim_projection.c).
 */
#include "rules/scim_schema.h"

#include <stdarg.h>
#include <string.h>

#include <apr_hash.h>
#include <apr_lib.h>
#include <apr_strings.h>

#include "values/scim_json.h"
#include "values/scim_text.h"

#define POINT(schema, operations) &scim_##schema##_type,
const scim_resource_type_t
    *const scim_resource_types[SCIM_RESOURCE_TYPES + 1] = {
    SCIM_RESOURCE_TABLE(POINT) NULL
};

const scim_resource_type_t *scim_resource_type_named(const char *name)
{
    const scim_resource_type_t *const *type = scim_resource_types;

    while (*type && strcmp((*type)->name, name) != 0) {
        type++;
    }
    return *type;
}

/* Characteristics */

/* Most differ in their first letter. */
static int is_named(const scim_attribute_t *attribute, const char *name)
{
    return ((*attribute->name ^ *name) & ~('a' ^ 'A')) == 0
           && strcasecmp(attribute->name, name) == 0;
}

const scim_attribute_t *scim_attribute_find(const scim_attribute_t *table,
                                            const char *name)
{
    for (; table && table->name; table++) {
        if (is_named(table, name)) {
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

/* How much of name is urn: 0 when it does not start with it.  Old jobs of
 * Entra ID write a dot behind it (clients.md E48). */
static apr_size_t urn_length(const char *name, const char *urn)
{
    apr_size_t length = strlen(urn);

    return strncasecmp(name, urn, length) == 0
           && (name[length] == '\0' || strchr(":.", name[length]))
           ? length : 0;
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
        = scim_attribute_find(type->common, name);

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
           ? found : scim_attribute_find(type->common, name);
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
    if (for_comparison) {
        return unknown(pool, name);
    }
    operand->container = schema == type->core ? NULL : schema->urn;
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

static scim_error_t *resolve_any(scim_operand_t *operand, const void *baton,
                                 const char *name, apr_size_t length,
                                 const scim_operand_t *within,
                                 int for_comparison, apr_pool_t *pool)
{
    const scim_resource_type_t *const *other = scim_resource_types;
    scim_operand_t untouched = *operand;
    scim_error_t *error = resolve(operand, baton, name, length, within,
                                  for_comparison, pool);

    for (; error && *other; other++) {
        *operand = untouched;
        if (!resolve(operand, *other, name, length, within, for_comparison,
                     pool)) {
            return NULL;
        }
    }
    return error;
}

scim_resolver_t scim_schema_resolver_any(const scim_resource_type_t *type,
                                         const scim_rules_t *rules)
{
    scim_resolver_t resolver = { resolve_any, type, !rules->strict };

    return resolver;
}

/* Validation */

/* What is stored already keeps nobody from changing something else. */
static int is_as_before(const cJSON *holder, const cJSON *before,
                        const char *name)
{
    const cJSON *value = scim_json_member(holder, name);
    const cJSON *stored = scim_json_member(before, name);

    return before && (value && stored ? scim_json_equal(value, stored)
                                      : value == stored);
}

static scim_error_t *check_required(const cJSON *holder, const cJSON *before,
                                    const scim_attribute_t *table,
                                    const scim_rules_t *rules,
                                    apr_pool_t *pool)
{
    for (; table->name; table++) {
        const cJSON *value = scim_json_member(holder, table->name);

        if (scim_attribute_is_required(table, rules)
            && !is_as_before(holder, before, table->name)
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

static const char *key_of(const cJSON *element, const scim_attribute_t *sub,
                          apr_pool_t *pool)
{
    const cJSON *value = scim_json_member(element, sub->name);

    if (!cJSON_IsString(value)) {
        return value ? cJSON_IsTrue(value) ? "t" : "f" : "";
    }
    return sub->case_exact ? value->valuestring
                           : scim_text_fold(pool, value->valuestring);
}

/* What makes two elements the same: value and type; without a value, all
 * members (AMB-41). */
static const char *identity_of(const cJSON *element,
                               const scim_attribute_t *attribute,
                               apr_pool_t *pool)
{
    int by_value = scim_json_text(element, "value") != NULL;
    const scim_attribute_t *sub = attribute->subs;
    const char *identity = "";

    for (; sub->name; sub++) {
        if (!by_value || strcmp(sub->name, "value") == 0
            || strcmp(sub->name, "type") == 0) {
            identity = apr_pstrcat(pool, identity, key_of(element, sub, pool),
                                   "\n", NULL);
        }
    }
    return identity;
}

static void collapse_duplicates(cJSON *list,
                                const scim_attribute_t *attribute,
                                scim_work_t *work, apr_pool_t *pool)
{
    apr_hash_t *seen = apr_hash_make(pool);
    cJSON *element = list->child;

    while (element) {
        cJSON *next = element->next;
        const char *identity = identity_of(element, attribute, pool);

        scim_work_take(work, strlen(identity), SCIM_WORK_KEY);
        if (apr_hash_get(seen, identity, APR_HASH_KEY_STRING)) {
            cJSON_Delete(cJSON_DetachItemViaPointer(list, element));
        }
        apr_hash_set(seen, identity, APR_HASH_KEY_STRING, identity);
        element = next;
    }
}

scim_error_t *scim_schema_check_size(const cJSON *list, const char *name,
                                     apr_pool_t *pool)
{
    return cJSON_GetArraySize(list) > SCIM_MAX_ELEMENTS
           ? scim_error(pool, SCIM_E_INVALID_VALUE,
                        "Attribute '%s' has more than %d elements.", name,
                        SCIM_MAX_ELEMENTS)
           : NULL;
}

static scim_error_t *check_lists(cJSON *holder, const cJSON *before,
                                 const scim_attribute_t *table,
                                 scim_work_t *work, apr_pool_t *pool)
{
    apr_pool_t *scratch;

    apr_pool_create(&scratch, pool);
    for (; table->name; table++) {
        cJSON *list = scim_json_member(holder, table->name);

        if (table->multi_valued && cJSON_IsArray(list)
            && !is_as_before(holder, before, table->name)) {
            SCIM_ERR(scim_schema_check_size(list, table->name, pool));
            collapse_duplicates(list, table, work, scratch);
            SCIM_ERR(check_primary(list, table->name, pool));
        }
    }
    apr_pool_destroy(scratch);
    return NULL;
}

static scim_error_t *check(cJSON *holder, const cJSON *before,
                           const scim_attribute_t *table,
                           const scim_rules_t *rules, apr_pool_t *pool)
{
    SCIM_ERR(check_required(holder, before, table, rules, pool));
    return check_lists(holder, before, table, rules->work, pool);
}

scim_error_t *scim_schema_validate(cJSON *resource, const cJSON *before,
                                   const scim_resource_type_t *type,
                                   const scim_rules_t *rules,
                                   apr_pool_t *pool)
{
    const scim_schema_t *const *extension = type->extensions;

    SCIM_ERR(check(resource, before, type->core->attributes, rules, pool));
    for (; *extension; extension++) {
        cJSON *holder = scim_json_member(resource, (*extension)->urn);

        if (holder) {
            SCIM_ERR(check(holder, scim_json_member(before,
                                                    (*extension)->urn),
                           (*extension)->attributes, rules, pool));
        }
    }
    return NULL;
}

void scim_note(apr_array_header_t *notes, const char *fmt, ...)
{
    va_list arguments;
    char *note;

    if (notes->nelts < SCIM_MAX_NOTES) {
        va_start(arguments, fmt);
        note = apr_pvsprintf(notes->pool, fmt, arguments);
        va_end(arguments);
        scim_text_mend(note);
        APR_ARRAY_PUSH(notes, const char *) = note;
    }
}
