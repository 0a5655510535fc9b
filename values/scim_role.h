/* SPDX-License-Identifier: Apache-2.0 */
/* scim_role: the roles of Managed Accounts.  Applications, the schema of the
 * database and the settings page use these names. */
#ifndef SCIM_ROLE_H
#define SCIM_ROLE_H

#include <cjson/cJSON.h>

#define SCIM_ROLE_ADMIN "ADMIN"
#define SCIM_ROLE_USER "USER"
#define SCIM_ROLE_GUEST "GUEST"  /* of an account without a role */

enum { SCIM_ROLE_COUNT = 3 };

/* Their names, from the most privileged to the least; NULL ends. */
extern const char *const scim_role_names[SCIM_ROLE_COUNT + 1];

/* The index of name, with exactly this case; -1 if it is not a role. */
int scim_role_of(const char *name);

/* The role that an element of the attribute roles has, in any case, as a
 * static string; NULL if it is none of them. */
const char *scim_role_known(const cJSON *element);

/* The element of roles that counts: the primary one that has a role, else the
 * first one; NULL if none has.  SQL: scim.role_of. */
const cJSON *scim_role_choose(const cJSON *roles);

/* The role of an account with these roles, NULL for none, as a static
 * string. */
const char *scim_role_after(const cJSON *roles);

#endif
