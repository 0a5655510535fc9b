/* SPDX-License-Identifier: Apache-2.0 */
/* The names of the roles, in one array. */
#include "values/scim_role.h"

#include <string.h>

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
