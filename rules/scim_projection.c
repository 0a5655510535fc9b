/* SPDX-License-Identifier: Apache-2.0 */
/* The content of answers: scim_projection_make, scim_schema_present,
 * scim_schema_list and scim_schema_error (scim_schema.h).
 *
 * A projection is the list of attributes that "attributes" or
 * "excludedAttributes" name.  A resource is written in the order of the
 * tables, common attributes first, each as far as "returned" and the
 * projection allow.
 */
#include "rules/scim_schema.h"

#include <string.h>

#include <apr_strings.h>

#include "values/scim_json.h"

#define ERROR_URN "urn:ietf:params:scim:api:messages:2.0:Error"
#define LIST_URN "urn:ietf:params:scim:api:messages:2.0:ListResponse"

#define SEPARATORS ", \t"

struct scim_projection_t {
    int excludes;                    /* the names are left out, not kept */
    apr_array_header_t *operands;    /* of scim_operand_t */
};

typedef enum { NOTHING, PARTS, WHOLE } share_e;

/* Where the first name in list is; NULL when there is none. */
static const char *names_in(const char *list)
{
    if (list) {
        list += strspn(list, SEPARATORS);
    }
    return list && *list ? list : NULL;
}

/* The end of the name at at: a comma or a blank outside of brackets; NULL when
 * a bracket is not closed. */
static const char *name_end(const char *at)
{
    int in_brackets = 0;
    int in_text = 0;

    for (; *at && (in_brackets || !strchr(SEPARATORS, *at)); at++) {
        if (in_text && *at == '\\' && at[1]) {
            at++;
        }
        else if (in_brackets && *at == '"') {
            in_text = !in_text;
        }
        else if (!in_text && (*at == '[' || *at == ']')) {
            in_brackets = *at == '[';
        }
    }
    return in_brackets ? NULL : at;
}

/* The name without brackets: of emails[type eq "work"].value, emails.value. */
static const char *without_filter(const char *name, apr_pool_t *pool)
{
    const char *open = strchr(name, '[');

    return open ? apr_pstrcat(pool, apr_pstrmemdup(pool, name, open - name),
                              strrchr(name, ']') + 1, NULL)
                : name;
}

static int same(const char *a, const char *b)
{
    return (!a && !b) || (a && b && strcmp(a, b) == 0);
}

static int is_named_whole(const scim_projection_t *projection,
                          const scim_operand_t *operand)
{
    int i;

    for (i = 0; i < projection->operands->nelts; i++) {
        const scim_operand_t *o = &APR_ARRAY_IDX(projection->operands, i,
                                                 scim_operand_t);

        if (same(o->container, operand->container)
            && same(o->name, operand->name) && same(o->sub, operand->sub)) {
            return 1;
        }
    }
    return 0;
}

/* Unknown names are ignored.  A name with a filter (Microsoft's collection has
 * emails[type eq "work"]) means all values, so that the answer has everything
 * that was asked for.  It excludes none: a client that writes back what it has
 * read would delete the values that it did not ask to leave out. */
static void add_name(scim_projection_t *projection, const char *name,
                     const scim_resolver_t *resolver, apr_pool_t *pool)
{
    const char *plain = without_filter(name, pool);
    scim_operand_t operand;

    memset(&operand, 0, sizeof(operand));
    if (!(projection->excludes && plain != name)
        && !resolver->resolve(&operand, resolver->baton, plain,
                              strlen(plain), NULL, 0, pool)
        && !is_named_whole(projection, &operand)) {
        APR_ARRAY_PUSH(projection->operands, scim_operand_t) = operand;
    }
}

static scim_error_t *add_names(scim_projection_t *projection,
                               const char *names,
                               const scim_resolver_t *resolver,
                               apr_pool_t *pool)
{
    while (*names) {
        const char *end = name_end(names);

        if (!end) {
            return scim_error(pool, SCIM_E_INVALID_VALUE,
                              "'%.60s' in %s has a '[' without its ']'.",
                              names, projection->excludes
                                     ? "excludedAttributes" : "attributes");
        }
        add_name(projection, apr_pstrmemdup(pool, names, end - names),
                 resolver, pool);
        names = end + strspn(end, SEPARATORS);
    }
    return NULL;
}

scim_error_t *scim_projection_make(scim_projection_t **projection,
                                   const char *attributes,
                                   const char *excluded,
                                   const scim_resource_type_t *type,
                                   apr_pool_t *pool)
{
    static const scim_rules_t any = { 0, 0, NULL };
    scim_resolver_t resolver = scim_schema_resolver(type, &any);
    const char *wanted = names_in(attributes);
    const char *unwanted = names_in(excluded);

    *projection = NULL;
    if (wanted && unwanted) {
        return scim_error(pool, SCIM_E_INVALID_VALUE,
                          "Give either attributes or excludedAttributes, not"
                          " both.");
    }
    if (!wanted && !unwanted) {
        return NULL;
    }
    *projection = apr_palloc(pool, sizeof(**projection));
    (*projection)->excludes = unwanted != NULL;
    (*projection)->operands = apr_array_make(pool, 4,
                                             sizeof(scim_operand_t));
    return add_names(*projection, wanted ? wanted : unwanted, &resolver,
                     pool);
}

/* Whether the projection names an attribute (or, with sub, its sub-attribute)
 * in whole or in part.  The names in it are static strings of the tables. */
static share_e share_named(const scim_projection_t *projection,
                           const char *container, const char *name,
                           const char *sub)
{
    share_e share = NOTHING;
    int i;

    for (i = 0; i < projection->operands->nelts; i++) {
        const scim_operand_t *o = &APR_ARRAY_IDX(projection->operands, i,
                                                 scim_operand_t);

        if (!same(o->container, container)
            || (o->name && !same(o->name, name))) {
            continue;
        }
        if (!o->name || !o->sub || same(o->sub, sub)) {
            return WHOLE;
        }
        share = PARTS;
    }
    return share;
}

static int is_projected(const scim_projection_t *projection,
                        const scim_attribute_t *attribute,
                        const char *container, const char *name,
                        const char *sub)
{
    share_e share;

    if (attribute->returned == SCIM_RETURNED_NEVER) {
        return 0;
    }
    if (attribute->returned == SCIM_RETURNED_ALWAYS) {
        return 1;
    }
    if (!projection) {
        return attribute->returned == SCIM_RETURNED_DEFAULT;
    }
    share = share_named(projection, container, name, sub);
    if (projection->excludes) {
        return share != WHOLE
               && attribute->returned == SCIM_RETURNED_DEFAULT;
    }
    return share != NOTHING && (share == WHOLE || !sub);
}

int scim_projection_wants(const scim_projection_t *projection,
                          const scim_attribute_t *attribute, const char *sub)
{
    const scim_attribute_t *row = sub ? scim_attribute_find(attribute->subs,
                                                            sub) : attribute;

    return row && is_projected(projection, row, NULL, attribute->name, sub);
}

/* One complex value with the sub-attributes that are wanted, in the order of
 * the table; NULL when none is left. */
static cJSON *present_complex(const cJSON *value,
                              const scim_attribute_t *attribute,
                              const scim_projection_t *projection,
                              const char *container)
{
    cJSON *object = cJSON_CreateObject();
    const scim_attribute_t *sub;

    for (sub = attribute->subs; sub->name; sub++) {
        const cJSON *member = scim_json_member(value, sub->name);

        if (member && is_projected(projection, sub, container, attribute->name,
                                   sub->name)) {
            cJSON_AddItemToObjectCS(object, sub->name,
                                    scim_json_share(member));
        }
    }
    if (object->child) {
        return object;
    }
    cJSON_Delete(object);
    return NULL;
}

static cJSON *present_list(const cJSON *list,
                           const scim_attribute_t *attribute,
                           const scim_projection_t *projection,
                           const char *container)
{
    cJSON *presented = cJSON_CreateArray();
    const cJSON *element;

    cJSON_ArrayForEach(element, list) {
        cJSON *one = present_complex(element, attribute, projection,
                                     container);

        if (one) {
            cJSON_AddItemToArray(presented, one);
        }
    }
    if (presented->child) {
        return presented;
    }
    cJSON_Delete(presented);
    return NULL;
}

static cJSON *present_value(const cJSON *value,
                            const scim_attribute_t *attribute,
                            const scim_projection_t *projection,
                            const char *container)
{
    if (attribute->type != SCIM_COMPLEX || cJSON_IsRaw(value)) {
        return scim_json_share(value);
    }
    return cJSON_IsArray(value)
           ? present_list(value, attribute, projection, container)
           : present_complex(value, attribute, projection, container);
}

static void present_attribute(cJSON *answer, const cJSON *holder,
                              const scim_attribute_t *attribute,
                              const scim_projection_t *projection,
                              const char *container)
{
    const cJSON *value = scim_json_member(holder, attribute->name);
    cJSON *presented;

    if (scim_json_is_unassigned(value)
        || !is_projected(projection, attribute, container, attribute->name,
                         NULL)) {
        return;
    }
    presented = present_value(value, attribute, projection, container);
    if (presented) {
        cJSON_AddItemToObjectCS(answer, attribute->name, presented);
    }
}

static void present_extension(cJSON *answer, cJSON *schemas,
                              const cJSON *resource,
                              const scim_schema_t *schema,
                              const scim_projection_t *projection)
{
    const cJSON *holder = scim_json_member(resource, schema->urn);
    const scim_attribute_t *attribute = schema->attributes;
    cJSON *presented;

    if (!holder) {
        return;
    }
    presented = cJSON_CreateObject();
    for (; attribute->name; attribute++) {
        present_attribute(presented, holder, attribute, projection,
                          schema->urn);
    }
    if (!presented->child) {
        cJSON_Delete(presented);
        return;
    }
    cJSON_AddItemToArray(schemas, cJSON_CreateStringReference(schema->urn));
    cJSON_AddItemToObjectCS(answer, schema->urn, presented);
}

/* Common attributes in their places: first those that identify the resource,
 * meta last. */
static void present_common(cJSON *answer, const cJSON *resource,
                           const scim_resource_type_t *type,
                           const scim_projection_t *projection, int last)
{
    const scim_attribute_t *attribute = type->common;

    for (; attribute->name; attribute++) {
        if (!attribute->multi_valued
            && (attribute->type == SCIM_COMPLEX) == last) {
            present_attribute(answer, resource, attribute, projection, NULL);
        }
    }
}

cJSON *scim_schema_present(const cJSON *resource,
                           const scim_resource_type_t *type,
                           const scim_projection_t *projection,
                           apr_pool_t *pool)
{
    const scim_attribute_t *attribute = type->core->attributes;
    const scim_schema_t *const *extension = type->extensions;
    cJSON *answer = cJSON_CreateObject();
    cJSON *schemas = cJSON_AddArrayToObject(answer, "schemas");

    cJSON_AddItemToArray(schemas,
                         cJSON_CreateStringReference(type->core->urn));
    present_common(answer, resource, type, projection, 0);
    for (; attribute->name; attribute++) {
        present_attribute(answer, resource, attribute, projection, NULL);
    }
    for (; *extension; extension++) {
        present_extension(answer, schemas, resource, *extension, projection);
    }
    present_common(answer, resource, type, projection, 1);
    return answer;
}

static cJSON *message(const char *urn, apr_pool_t *pool)
{
    cJSON *object = scim_json_own(cJSON_CreateObject(), pool);
    cJSON *schemas = cJSON_AddArrayToObject(object, "schemas");

    cJSON_AddItemToArray(schemas, cJSON_CreateStringReference(urn));
    return object;
}

cJSON *scim_schema_error(int status, const char *scim_type,
                         const char *detail, apr_pool_t *pool)
{
    cJSON *error = message(ERROR_URN, pool);

    scim_json_put_text(error, "status", apr_itoa(pool, status));
    scim_json_put_text(error, "scimType", scim_type);
    scim_json_put_text(error, "detail", detail);
    return error;
}

cJSON *scim_schema_list(apr_int64_t total, apr_int64_t start_index,
                        cJSON *resources, apr_pool_t *pool)
{
    cJSON *list = message(LIST_URN, pool);

    cJSON_AddNumberToObject(list, "totalResults", (double) total);
    cJSON_AddNumberToObject(list, "startIndex", (double) start_index);
    cJSON_AddNumberToObject(list, "itemsPerPage",
                            cJSON_GetArraySize(resources));
    cJSON_AddItemToObject(list, "Resources", resources);
    return list;
}
