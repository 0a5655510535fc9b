/* SPDX-License-Identifier: Apache-2.0 */
/* The names of the roles, in one array, and which of several counts. */
#include "values/scim_role.h"

#include <string.h>

#include "values/scim_json.h"

const char *const scim_role_names[] = {
    SCIM_ROLE_ADMIN, SCIM_ROLE_USER, SCIM_ROLE_GUEST, 0
};

int scim_role_of(const char *name)
{
    int i = 0;

    while (i < SCIM_ROLE_COUNT && strcmp(name, scim_role_names[i]) != 0) {
        i++;
    }
    return i < SCIM_ROLE_COUNT ? i : -1;
}

const char *scim_role_known(const cJSON *element)
{
    const char *value = scim_json_text(element, "value");
    int i;

    for (i = 0; value && i < SCIM_ROLE_COUNT; i++) {
        if (strcasecmp(value, scim_role_names[i]) == 0) {
            return scim_role_names[i];
        }
    }
    return NULL;
}

const cJSON *scim_role_choose(const cJSON *roles)
{
    const cJSON *element;
    const cJSON *first = NULL;

    cJSON_ArrayForEach(element, roles) {
        if (!scim_role_known(element)) {
            continue;
        }
        if (cJSON_IsTrue(scim_json_member(element, "primary"))) {
            return element;
        }
        first = first ? first : element;
    }
    return first;
}

const char *scim_role_after(const cJSON *roles)
{
    const cJSON *chosen = scim_role_choose(roles);

    return chosen ? scim_role_known(chosen) : SCIM_ROLE_GUEST;
}
