#include "scim_roles.h"

#include <string.h>

#include <apr_strings.h>

#include "scim_json.h"

#define ROLE_GUEST "GUEST"

static const char *const known_roles[] = { "ADMIN", "USER", ROLE_GUEST };

/* The static spelling of a role, whatever case was sent, or NULL. */
static const char *known_role(const cJSON *element)
{
    const char *value = scim_json_text(element, "value");
    apr_size_t i;

    for (i = 0; value && i < sizeof(known_roles) / sizeof(*known_roles);
         i++) {
        if (strcasecmp(value, known_roles[i]) == 0) {
            return known_roles[i];
        }
    }
    return NULL;
}

static const cJSON *choose(const cJSON *roles)
{
    const cJSON *element;
    const cJSON *first = NULL;

    cJSON_ArrayForEach(element, roles) {
        if (!known_role(element)) {
            continue;
        }
        if (cJSON_IsTrue(scim_json_member(element, "primary"))) {
            return element;
        }
        first = first ? first : element;
    }
    return first;
}

static void note_unknown(const cJSON *roles, apr_array_header_t *notes,
                         apr_pool_t *pool)
{
    const cJSON *element;

    cJSON_ArrayForEach(element, roles) {
        const char *value = scim_json_text(element, "value");

        if (value && !known_role(element)) {
            scim_note(notes, pool, "unknown role '%.60s' ignored", value);
        }
    }
}

/* The one element of the profile managed, made from the chosen one. */
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
    const cJSON *chosen = choose(roles);
    const char *role;

    if (!chosen && rules->managed && cJSON_GetArraySize(roles) > 0) {
        note_unknown(roles, notes, pool);
        chosen = choose(scim_json_member(before, "roles"));
    }
    role = chosen ? known_role(chosen) : ROLE_GUEST;
    if (rules->managed) {
        put_single(resource, chosen, role);
    }
    return role;
}
