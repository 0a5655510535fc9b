/* SPDX-License-Identifier: Apache-2.0 */
/* The conditions for every resource, see resource.h: it is settled as by
 * scim_users, then compared with a resource that is read from its answer. */
#include "resource.h"

#include "../../rules/scim_patch.h"
#include "../../rules/scim_shape.h"

/* A path may have added a manager's $ref. */
static int settle_manager(cJSON *resource, const scim_resource_type_t *type,
                          const scim_rules_t *rules, apr_pool_t *pool)
{
    const scim_schema_t *extension = type->extensions[0];
    const cJSON *holder = extension ? scim_json_member(resource,
                                                       extension->urn) : NULL;
    cJSON *manager = scim_json_member(holder, "manager");

    return !manager
           || !scim_schema_read_reference(manager,
                                          scim_attribute_find(
                                              extension->attributes,
                                              "manager"),
                                          rules, make_notes(pool), pool);
}

int resource_settle(cJSON *resource, const scim_resource_type_t *type,
                    const scim_rules_t *rules, apr_pool_t *pool)
{
    if (!settle_manager(resource, type, rules, pool)) {
        return 0;
    }
    scim_shape_drop_husks(resource, type, rules);
    return scim_schema_validate(resource, NULL, type, rules, pool) == NULL;
}

static int by_name(const void *a, const void *b)
{
    return strcmp((*(cJSON *const *) a)->string,
                  (*(cJSON *const *) b)->string);
}

static const char *members_text(const cJSON *tree, apr_pool_t *pool)
{
    int count = cJSON_GetArraySize(tree);
    const cJSON **members = apr_palloc(pool, (count + 1) * sizeof(*members));
    const char *text = "{";
    const cJSON *member;
    int i = 0;

    cJSON_ArrayForEach(member, tree) {
        members[i++] = member;
    }
    qsort(members, count, sizeof(*members), by_name);
    for (i = 0; i < count; i++) {
        text = apr_pstrcat(pool, text, i ? "," : "", members[i]->string, ":",
                           resource_text(members[i], pool), NULL);
    }
    return apr_pstrcat(pool, text, "}", NULL);
}

const char *resource_text(const cJSON *tree, apr_pool_t *pool)
{
    const char *text = "[";
    const cJSON *child;

    if (cJSON_IsObject(tree)) {
        return members_text(tree, pool);
    }
    if (!cJSON_IsArray(tree)) {
        return scim_json_print(tree, pool);
    }
    cJSON_ArrayForEach(child, tree) {
        text = apr_pstrcat(pool, text, child == tree->child ? "" : ",",
                           resource_text(child, pool), NULL);
    }
    return apr_pstrcat(pool, text, "]", NULL);
}

/* A body of resource, with "schemas", which it needs strictly. */
static cJSON *body_of(const cJSON *resource,
                      const scim_resource_type_t *type, apr_pool_t *pool)
{
    cJSON *body = scim_json_copy(resource, pool);
    cJSON *schemas = cJSON_CreateArray();

    cJSON_AddItemToArray(schemas, cJSON_CreateString(type->core->urn));
    scim_json_put(body, "schemas", schemas);
    return body;
}

static void must_read_as(const cJSON *body, const cJSON *wanted,
                         const scim_resource_type_t *type,
                         const scim_rules_t *rules, apr_pool_t *pool,
                         const char *what)
{
    apr_array_header_t *notes = make_notes(pool);
    cJSON *read = NULL;
    scim_error_t *error = scim_patch_read(&read, body, type, rules, notes,
                                          pool);

    if (error) {
        fprintf(stderr, "%s\n%s\n", error->detail, resource_text(wanted,
                                                                 pool));
    }
    must(!error, what);
    must_be_same(resource_text(read, pool), resource_text(wanted, pool),
                 what);
}

void resource_check(const cJSON *resource, const scim_resource_type_t *type,
                    const scim_rules_t *rules, apr_pool_t *pool)
{
    cJSON *copy = scim_json_copy(resource, pool);

    scim_shape_drop_misfits(copy, type);
    must_be_same(resource_text(copy, pool), resource_text(resource, pool),
                 "every value has its attribute's type");
    must_read_as(body_of(resource, type, pool), resource, type, rules, pool,
                 "what is normal is read as what it is");
    copy = scim_json_copy(resource, pool);
    scim_json_put_text(copy, "id", "2819c223");
    copy = scim_json_own(scim_schema_present(copy, type, NULL, pool), pool);
    must_read_as(copy, resource, type, rules, pool,
                 "what is shown can be sent back");
}
