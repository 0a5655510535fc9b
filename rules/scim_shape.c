/* SPDX-License-Identifier: Apache-2.0 */
/* Values that do not have the shape of their attribute, see scim_shape.h.
 * scim_normalise.c and scim_patch.c call this before they look at a value's
 * type.  Husks are elements without a value; misfits are stored values of a
 * wrong type, which applications have written. */
#include "rules/scim_shape.h"

#include <string.h>

#include "values/scim_json.h"

int scim_shape_is_absent(const cJSON *value, const scim_rules_t *rules)
{
    return scim_json_is_unassigned(value)
           || (!rules->strict && cJSON_IsString(value)
               && !*value->valuestring);
}

int scim_shape_looks_like_json(const char *text)
{
    text += strspn(text, " \t\r\n");
    return *text == '[' || *text == '{';
}

/* The JSON in a string as a tree, or the string if it is not JSON. */
static const cJSON *unpacked(const cJSON *value, apr_pool_t *pool)
{
    const char *text = cJSON_GetStringValue(value);
    cJSON *tree;

    return text && scim_shape_looks_like_json(text)
           && scim_json_parse(&tree, text, strlen(text), pool) == NULL
           ? tree : value;
}

/* The element of a list in which only one is not absent. */
static const cJSON *only_element(const cJSON *value,
                                 const scim_rules_t *rules)
{
    const cJSON *only = NULL;
    const cJSON *element;

    if (!cJSON_IsArray(value) || !value->child) {
        return value;
    }
    cJSON_ArrayForEach(element, value) {
        if (scim_shape_is_absent(element, rules)) {
            continue;
        }
        if (only) {
            return value;
        }
        only = element;
    }
    return only ? only : value->child;
}

/* PHP writes a list from which elements were removed as an object whose names
 * are the indexes: {"1":"a","2":"b"}. */
static int is_list_by_place(const cJSON *value)
{
    const cJSON *member;

    cJSON_ArrayForEach(member, value) {
        if (!*member->string
            || member->string[strspn(member->string, "0123456789")]) {
            return 0;
        }
    }
    return value->child != NULL;
}

static const cJSON *list_by_place(const cJSON *value, apr_pool_t *pool)
{
    cJSON *list = scim_json_own(cJSON_CreateArray(), pool);
    const cJSON *member;

    cJSON_ArrayForEach(member, value) {
        cJSON_AddItemReferenceToArray(list, (cJSON *) member);
    }
    return list;
}

const cJSON *scim_shape_of_list(const cJSON *value,
                                const scim_rules_t *rules, apr_pool_t *pool)
{
    if (rules->strict) {
        return value;
    }
    value = unpacked(value, pool);
    return cJSON_IsObject(value) && is_list_by_place(value)
           ? list_by_place(value, pool) : value;
}

const cJSON *scim_shape_of_object(const cJSON *value,
                                  const scim_rules_t *rules,
                                  apr_pool_t *pool)
{
    const cJSON *before = NULL;

    while (value != before && !rules->strict) {
        before = value;
        value = only_element(unpacked(value, pool), rules);
    }
    return value;
}

/* Whether JSON in a string is more than text in brackets: "[Acme] Taro" and
 * "[42]" are names, ["de"] and [null] are lists. */
static int is_meant_as_json(const cJSON *tree)
{
    return cJSON_IsObject(tree) || !tree->child
           || !(cJSON_IsNumber(tree->child) || cJSON_IsBool(tree->child));
}

static const cJSON *simple_step(const cJSON *value, int is_text,
                                const scim_rules_t *rules, apr_pool_t *pool)
{
    const cJSON *inner;

    if (cJSON_IsString(value)) {
        inner = unpacked(value, pool);
        return is_text && inner != value && !is_meant_as_json(inner)
               ? value : inner;
    }
    inner = scim_json_member_nocase(value, "value");
    return inner ? inner : only_element(value, rules);
}

const cJSON *scim_shape_of_simple(const cJSON *value, int is_text,
                                  const scim_rules_t *rules,
                                  apr_pool_t *pool)
{
    const cJSON *before = NULL;

    while (value != before && !rules->strict) {
        before = value;
        value = simple_step(value, is_text, rules, pool);
    }
    return value;
}

const cJSON *scim_shape_listed(const cJSON *value, const scim_rules_t *rules,
                               apr_pool_t *pool)
{
    cJSON *list;

    value = scim_shape_of_list(value, rules, pool);
    if (rules->strict || !cJSON_IsObject(value)) {
        return value;
    }
    list = scim_json_own(cJSON_CreateArray(), pool);
    if (value->child) {
        cJSON_AddItemReferenceToArray(list, (cJSON *) value);
    }
    return list;
}

/* Husks */

static int is_description(const char *name)
{
    return strcmp(name, "type") == 0 || strcmp(name, "primary") == 0
           || strcmp(name, "display") == 0;
}

static int is_husk(const cJSON *element, const scim_attribute_t *attribute)
{
    const cJSON *member;

    if (!cJSON_IsObject(element)) {
        return 0;
    }
    if (scim_attribute_find(attribute->subs, "value")) {
        return !scim_json_member(element, "value");
    }
    cJSON_ArrayForEach(member, element) {
        if (!is_description(member->string)) {
            return 0;
        }
    }
    return 1;
}

static void drop_elements(cJSON *list, const scim_attribute_t *attribute)
{
    cJSON *element = list->child;

    while (element) {
        cJSON *next = element->next;

        if (is_husk(element, attribute)) {
            cJSON_Delete(cJSON_DetachItemViaPointer(list, element));
        }
        element = next;
    }
}

/* Whether member is a husk, or a list of which nothing is left without its
 * husks. */
static int is_left_empty(cJSON *member, const scim_attribute_t *attribute)
{
    if (cJSON_IsArray(member)) {
        drop_elements(member, attribute);
        return !member->child;
    }
    return attribute->type == SCIM_COMPLEX && is_husk(member, attribute);
}

static void drop_members(cJSON *holder, const scim_attribute_t *table)
{
    cJSON *member = cJSON_IsObject(holder) ? holder->child : NULL;

    while (member) {
        cJSON *next = member->next;
        const scim_attribute_t *attribute
            = cJSON_IsArray(member) || cJSON_IsObject(member)
              ? scim_attribute_find(table, member->string) : NULL;

        if (attribute && is_left_empty(member, attribute)) {
            cJSON_Delete(cJSON_DetachItemViaPointer(holder, member));
        }
        member = next;
    }
}

void scim_shape_drop_husks(cJSON *resource, const scim_resource_type_t *type,
                           const scim_rules_t *rules)
{
    const scim_schema_t *const *extension = type->extensions;

    if (rules->strict) {
        return;
    }
    drop_members(resource, type->core->attributes);
    for (; *extension; extension++) {
        cJSON *holder = scim_json_member(resource, (*extension)->urn);

        drop_members(holder, (*extension)->attributes);
        if (holder && !holder->child) {
            scim_json_drop(resource, (*extension)->urn);
        }
    }
}

/* Misfits */

static int has_json_type(const cJSON *value, scim_type_e type)
{
    switch (type) {
    case SCIM_COMPLEX:
        return cJSON_IsObject(value);
    case SCIM_BOOLEAN:
        return cJSON_IsBool(value);
    case SCIM_INTEGER:
    case SCIM_DECIMAL:
        return cJSON_IsNumber(value);
    default:
        return cJSON_IsString(value);
    }
}

static void drop_misfit_members(cJSON *holder, const scim_attribute_t *table);

/* Whether value has the type of attribute; misfits among its members are
 * dropped. */
static int fits_attribute(cJSON *value, const scim_attribute_t *attribute)
{
    if (!has_json_type(value, attribute->type)) {
        return 0;
    }
    if (attribute->type == SCIM_COMPLEX) {
        drop_misfit_members(value, attribute->subs);
    }
    return 1;
}

static int list_fits(cJSON *list, const scim_attribute_t *attribute)
{
    cJSON *element = cJSON_IsArray(list) ? list->child : NULL;

    while (element) {
        cJSON *next = element->next;

        if (!fits_attribute(element, attribute)) {
            cJSON_Delete(cJSON_DetachItemViaPointer(list, element));
        }
        element = next;
    }
    return cJSON_IsArray(list);
}

/* Give a member the schema's spelling: in another one it is not found, and
 * would be written a second time.  A member that exists in both stays. */
static void spell(cJSON *holder, cJSON *member, const char *name)
{
    if (strcmp(member->string, name) != 0
        && !scim_json_member(holder, name)) {
        scim_json_put(holder, name,
                      cJSON_DetachItemViaPointer(holder, member));
    }
}

static void drop_misfit_members(cJSON *holder, const scim_attribute_t *table)
{
    cJSON *member = holder->child;

    while (member) {
        cJSON *next = member->next;
        const scim_attribute_t *attribute
            = scim_attribute_find(table, member->string);

        if (attribute && !(attribute->multi_valued
                           ? list_fits(member, attribute)
                           : fits_attribute(member, attribute))) {
            cJSON_Delete(cJSON_DetachItemViaPointer(holder, member));
        }
        else if (attribute) {
            spell(holder, member, attribute->name);
        }
        member = next;
    }
}

void scim_shape_drop_misfits(cJSON *resource,
                             const scim_resource_type_t *type)
{
    const scim_schema_t *const *extension = type->extensions;

    drop_misfit_members(resource, type->core->attributes);
    for (; *extension; extension++) {
        const char *urn = (*extension)->urn;
        cJSON *holder = scim_json_member_nocase(resource, urn);

        if (holder) {
            spell(resource, holder, urn);
        }
        if (cJSON_IsObject(holder)) {
            drop_misfit_members(holder, (*extension)->attributes);
        }
        else {
            scim_json_drop(resource, urn);
        }
    }
}
