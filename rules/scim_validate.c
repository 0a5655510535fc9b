/* SPDX-License-Identifier: Apache-2.0 */
/* Validation by the attribute tables, see scim_schema.h.
 *
 * check_holder walks one holder of attributes, the resource or an extension in
 * it, along its table: required values, not too many elements, no element
 * twice, one primary element.
 */
#include "rules/scim_schema.h"

#include <string.h>

#include <apr_hash.h>
#include <apr_strings.h>

#include "values/scim_json.h"
#include "values/scim_text.h"

/* A stored value must not prevent changes of other attributes. */
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

static const char *sub_key(const cJSON *element, const scim_attribute_t *sub,
                           apr_pool_t *pool)
{
    const cJSON *value = scim_json_member(element, sub->name);

    if (!cJSON_IsString(value)) {
        return value ? cJSON_IsTrue(value) ? "t" : "f" : "";
    }
    return sub->case_exact ? value->valuestring
                           : scim_text_fold(pool, value->valuestring);
}

/* The identity of an element: value and type; without a value, all members
 * (AMB-41). */
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
            identity = apr_pstrcat(pool, identity, sub_key(element, sub, pool),
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

static scim_error_t *check_holder(cJSON *holder, const cJSON *before,
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

    SCIM_ERR(check_holder(resource, before, type->core->attributes, rules,
                          pool));
    for (; *extension; extension++) {
        cJSON *holder = scim_json_member(resource, (*extension)->urn);

        if (holder) {
            SCIM_ERR(check_holder(holder, scim_json_member(before,
                                                           (*extension)->urn),
                                  (*extension)->attributes, rules, pool));
        }
    }
    return NULL;
}
