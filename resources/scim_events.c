/* SPDX-License-Identifier: Apache-2.0 */
/* The differences of a change, see scim_events.h.
 *
 * Both sides are compared attribute by attribute; if one differs, its name is
 * put into "changed" and both values into "data".
 */
#include "resources/scim_events.h"

#include <string.h>

#include "values/scim_json.h"
#include "values/scim_role.h"

const char *const scim_event_kinds[SCIM_EVENT_KINDS] = {
    SCIM_EVENT_CREATE, SCIM_EVENT_PATCH, SCIM_EVENT_PUT, SCIM_EVENT_DELETE,
    SCIM_EVENT_ACTIVATE, SCIM_EVENT_DEACTIVATE,
    SCIM_EVENT_ADMIN, SCIM_EVENT_USER, SCIM_EVENT_GUEST,
    SCIM_EVENT_ELIGIBLE, SCIM_EVENT_ENABLE, SCIM_EVENT_DISABLE,
    SCIM_EVENT_TOKEN, SCIM_EVENT_NO_TOKEN, SCIM_EVENT_TOKEN_ENDS,
    SCIM_EVENT_PAUSE, SCIM_EVENT_RESUME, SCIM_EVENT_ORGANIZATION,
    SCIM_EVENT_TRIP, SCIM_EVENT_OPEN, SCIM_EVENT_GUARD
};

void scim_events_tell(const scim_db_t *db, const char *kinds)
{
    scim_db_tell(db, SCIM_WAIT_WROTE, kinds);
}

/* A comparison: the names that differ and the values of both sides. */
typedef struct {
    apr_array_header_t *names;
    cJSON *before;
    cJSON *after;
} difference_t;

static int is_server_made(const char *name)
{
    return strcmp(name, "id") == 0 || strcmp(name, "meta") == 0
           || strcmp(name, "groups") == 0;
}

static void put_copy(cJSON *object, const char *name, const cJSON *value)
{
    if (value) {
        scim_json_put(object, name, cJSON_Duplicate(value, 1));
    }
}

static void add_difference(difference_t *found, const char *name,
                            const cJSON *before, const cJSON *after)
{
    if (is_server_made(name) || scim_json_equal(before, after)) {
        return;
    }
    APR_ARRAY_PUSH(found->names, const char *) = name;
    put_copy(found->before, name, before);
    put_copy(found->after, name, after);
}

static void compare_all(difference_t *found, const cJSON *before,
                        const cJSON *after)
{
    const cJSON *member;

    cJSON_ArrayForEach(member, before) {
        add_difference(found, member->string, member,
                        scim_json_member(after, member->string));
    }
    cJSON_ArrayForEach(member, after) {
        if (!scim_json_member(before, member->string)) {
            add_difference(found, member->string, NULL, member);
        }
    }
}

static int is_active(const cJSON *resource)
{
    return cJSON_IsTrue(scim_json_member(resource, "active"));
}

/* In the order of scim_role_names. */
static const char *const role_kinds[SCIM_ROLE_COUNT] = {
    SCIM_EVENT_ADMIN, SCIM_EVENT_USER, SCIM_EVENT_GUEST
};

static const char *role_in(const cJSON *resource)
{
    return scim_role_after(scim_json_member(resource, "roles"));
}

/* The kind of the request, then the kinds that follow from it. */
static const char *kinds_of(const cJSON *before, const cJSON *after,
                            const char *kind, apr_pool_t *pool)
{
    apr_array_header_t *kinds = apr_array_make(pool, 3, sizeof(kind));
    const char *role = role_in(after);

    APR_ARRAY_PUSH(kinds, const char *) = kind;
    if (before && after && is_active(before) != is_active(after)) {
        APR_ARRAY_PUSH(kinds, const char *) =
            is_active(after) ? SCIM_EVENT_ACTIVATE : SCIM_EVENT_DEACTIVATE;
    }
    if (before && after && strcmp(role, role_in(before)) != 0) {
        APR_ARRAY_PUSH(kinds, const char *) = role_kinds[scim_role_of(role)];
    }
    return scim_db_array(pool, kinds);
}

scim_change_t *scim_events_undo(const cJSON *before, const cJSON *after,
                                const char *kind, const char *undoes,
                                apr_pool_t *pool)
{
    scim_change_t *change = apr_palloc(pool, sizeof(*change));
    cJSON *data = scim_json_own(cJSON_CreateObject(), pool);
    difference_t found = { apr_array_make(pool, 8, sizeof(const char *)),
                           cJSON_CreateObject(), cJSON_CreateObject() };

    cJSON_AddItemToObject(data, "before", found.before);
    cJSON_AddItemToObject(data, "after", found.after);
    compare_all(&found, before, after);
    if (found.names->nelts == 0) {
        return NULL;
    }
    change->kinds = kinds_of(before, after, kind, pool);
    change->changed = scim_db_array(pool, found.names);
    if (undoes) {
        scim_json_put(data, "undoes", scim_json_raw(undoes));
    }
    change->data = scim_json_print(data, pool);
    return change;
}

scim_change_t *scim_events_compare(const cJSON *before, const cJSON *after,
                                   const char *kind, apr_pool_t *pool)
{
    return scim_events_undo(before, after, kind, NULL, pool);
}
