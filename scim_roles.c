/* SPDX-License-Identifier: Apache-2.0 */
/* ADMIN, USER and GUEST, see scim_roles.h.
 *
 * The first half determines the role of an account from its roles, before it
 * is stored and after it was read.  The second half is the resource type Role.
 */
#include "scim_roles.h"

#include <string.h>

#include <apr_strings.h>

#include "resources/scim_small.h"
#include "resources/scim_store.h"
#include "values/scim_json.h"
#include "values/scim_role.h"

/* In the order of scim_role_names. */
static const char *const displays[SCIM_ROLE_COUNT] = {
    "Administrator", "User", "Guest"
};

/* The roles of accounts */

/* The value of an element that is no known role; NULL, too, without one. */
static const char *unknown_role(const cJSON *element)
{
    const char *value = scim_json_text(element, "value");

    return value && *value && !scim_role_known(element) ? value : NULL;
}

static int has_unknown(const cJSON *roles)
{
    const cJSON *element;

    cJSON_ArrayForEach(element, roles) {
        if (unknown_role(element)) {
            return 1;
        }
    }
    return 0;
}

/* role is what the account is now, stays: what it was already. */
static void note_unknown_roles(const cJSON *roles, const char *role,
                               int stays, apr_array_header_t *notes)
{
    const cJSON *element;

    cJSON_ArrayForEach(element, roles) {
        const char *value = unknown_role(element);

        if (value) {
            scim_note(notes, stays ? SCIM_NOTED_ROLE_KEPT : SCIM_NOTED_ROLE,
                      value, role);
        }
    }
}

/* The single element of the profile managed, made from the chosen one. */
static void put_single(cJSON *resource, const cJSON *chosen,
                       const char *role)
{
    static const char *const kept[] = { "display", "type" };
    cJSON *element = cJSON_CreateObject();
    cJSON *list = cJSON_CreateArray();
    apr_size_t i;

    scim_json_put_text(element, "value", role);
    for (i = 0; i < sizeof(kept) / sizeof(*kept); i++) {
        scim_json_put_text(element, kept[i],
                           scim_json_text(chosen, kept[i]));
    }
    cJSON_AddItemToObject(element, "primary", cJSON_CreateTrue());
    cJSON_AddItemToArray(list, element);
    scim_json_put(resource, "roles", list);
}

const char *scim_roles_settle(cJSON *resource, const cJSON *before,
                              const scim_rules_t *rules,
                              apr_array_header_t *notes, apr_pool_t *pool)
{
    const cJSON *roles = scim_json_member(resource, "roles");
    const cJSON *chosen = scim_role_choose(roles);
    int is_lost = !chosen && rules->managed && has_unknown(roles);
    const char *role;

    if (is_lost) {
        chosen = scim_role_choose(scim_json_member(before, "roles"));
    }
    role = chosen ? scim_role_known(chosen) : SCIM_ROLE_GUEST;
    if (is_lost) {
        note_unknown_roles(roles, role, before != NULL, notes);
    }
    if (rules->managed) {
        put_single(resource, chosen, role);
    }
    return role;
}

void scim_roles_read(cJSON *resource, const char *role)
{
    if (strcmp(scim_role_after(scim_json_member(resource, "roles")),
               role) != 0) {
        put_single(resource, NULL, role);
    }
}

/* The resource type Role */

static double assignments_of(const char *role, const scim_rows_t *counts)
{
    int row;

    for (row = 0; row < scim_rows_count(counts); row++) {
        if (strcmp(scim_rows_value(counts, row, 0), role) == 0) {
            return (double) apr_atoi64(scim_rows_value(counts, row, 1));
        }
    }
    return 0;
}

static cJSON *role_resource(scim_call_t *call, int i,
                            const scim_rows_t *counts)
{
    const char *value = scim_role_names[i];
    cJSON *role = scim_json_own(cJSON_CreateObject(), call->pool);
    cJSON *meta = cJSON_CreateObject();

    cJSON_AddItemToArray(cJSON_AddArrayToObject(role, "schemas"),
                         cJSON_CreateString(scim_role_type.core->urn));
    scim_json_put_text(role, "id", value);
    scim_json_put_text(role, "value", value);
    scim_json_put_text(role, "display", displays[i]);
    scim_json_put(role, "supported", cJSON_CreateTrue());
    scim_json_put(role, "limitedAssignmentsPermitted", cJSON_CreateFalse());
    scim_json_put(role, "totalAssignmentsUsed",
                  cJSON_CreateNumber(assignments_of(value, counts)));
    scim_json_put_text(meta, "resourceType", scim_role_type.name);
    scim_json_put_text(meta, "location",
                       apr_pstrcat(call->pool, call->base,
                                   scim_role_type.endpoint, "/", value,
                                   NULL));
    scim_json_put(role, "meta", meta);
    return role;
}

static scim_error_t *read_counts(scim_rows_t **counts, scim_call_t *call)
{
    const char *values[] = { call->principal->organization_id };

    return scim_db_run(counts, call->db, SCIM_SQL_ROLE_COUNTS,
                       SCIM_VALUES(values));
}

static scim_error_t *get_role(cJSON **role, scim_call_t *call, const char *id)
{
    scim_rows_t *counts;
    int i = scim_role_of(id);

    if (i < 0) {
        return scim_store_not_found(call, &scim_role_type, id);
    }
    SCIM_ERR(read_counts(&counts, call));
    *role = role_resource(call, i, counts);
    return NULL;
}

static scim_error_t *list_roles(scim_list_t *list, scim_call_t *call,
                                const scim_page_t *page)
{
    cJSON *all = scim_json_own(cJSON_CreateArray(), call->pool);
    scim_rows_t *counts;
    int i;

    SCIM_ERR(read_counts(&counts, call));
    for (i = 0; i < SCIM_ROLE_COUNT; i++) {
        cJSON_AddItemReferenceToArray(all, role_resource(call, i, counts));
    }
    return scim_small_list(list, call, page, &scim_role_type, all);
}

const scim_resource_t scim_roles = {
    .type = &scim_role_type, .list = list_roles, .get = get_role
};
