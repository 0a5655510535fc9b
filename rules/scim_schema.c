/* SPDX-License-Identifier: Apache-2.0 */
/* Names by the attribute tables, see scim_schema.h.
 *
 * The resolver turns a name of a filter, a path or a list of attributes, with
 * or without URN, into the row of a table.  Requests are normalised by
 * scim_normalise.c, resources are checked by scim_validate.c, answers are made
 * by scim_projection.c.
 */
#include "rules/scim_schema.h"

#include <string.h>

#include <apr_lib.h>
#include <apr_strings.h>

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

/* Most names differ in their first letter. */
static int has_name(const scim_attribute_t *attribute, const char *name)
{
    return ((*attribute->name ^ *name) & ~('a' ^ 'A')) == 0
           && strcasecmp(attribute->name, name) == 0;
}

const scim_attribute_t *scim_attribute_find(const scim_attribute_t *table,
                                            const char *name)
{
    for (; table && table->name; table++) {
        if (has_name(table, name)) {
            return table;
        }
    }
    return NULL;
}

const scim_attribute_t *scim_attribute_of(const scim_operand_t *operand)
{
    return operand->sub_attribute ? operand->sub_attribute
                                  : operand->attribute;
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
    return attribute->is_identifier ? SCIM_COMPARE_USER_NAME
                                    : SCIM_COMPARE_FOLD;
}

static int is_primary_flag(const scim_attribute_t *attribute)
{
    return attribute->type == SCIM_BOOLEAN
           && strcmp(attribute->name, "primary") == 0;
}

/* The comparison of operand's values, which are values of attribute. */
static void put_leaf(scim_operand_t *operand,
                     const scim_attribute_t *attribute)
{
    operand->compare = comparison_of(attribute);
    operand->absent_is_false = is_primary_flag(attribute);
}

static void put_sub(scim_operand_t *operand, const scim_attribute_t *sub)
{
    operand->sub = sub->name;
    operand->sub_attribute = sub;
    put_leaf(operand, sub);
}

/* A sub-attribute in brackets. */
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

/* The length of urn at the beginning of name, or 0.  Old jobs of Entra ID
 * write a dot after it (clients.md E48). */
static apr_size_t urn_length(const char *name, const char *urn)
{
    apr_size_t length = strlen(urn);

    return strncasecmp(name, urn, length) == 0
           && (name[length] == '\0' || strchr(":.", name[length]))
           ? length : 0;
}

/* The schema whose URN is at the beginning of name; *rest is the text after
 * it, "" for the URN alone.  URNs contain ':' and '.', so they are matched as
 * a whole. */
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

/* Look up a name without URN in all schemas, in their order. */
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

static scim_error_t *resolve_name(scim_operand_t *operand, const void *baton,
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
    scim_resolver_t resolver = { resolve_name, type, !rules->strict };

    return resolver;
}

static scim_error_t *resolve_any(scim_operand_t *operand, const void *baton,
                                 const char *name, apr_size_t length,
                                 const scim_operand_t *within,
                                 int for_comparison, apr_pool_t *pool)
{
    const scim_resource_type_t *const *other = scim_resource_types;
    scim_operand_t untouched = *operand;
    scim_error_t *error = resolve_name(operand, baton, name, length, within,
                                       for_comparison, pool);

    for (; error && *other; other++) {
        *operand = untouched;
        if (!resolve_name(operand, *other, name, length, within,
                          for_comparison, pool)) {
            operand->is_foreign = 1;
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
