/* SPDX-License-Identifier: Apache-2.0 */
/* scim_role: the roles of Managed Accounts.  Applications, the schema of the
 * database and the settings page use these names. */
#ifndef SCIM_ROLE_H
#define SCIM_ROLE_H

#define SCIM_ROLE_ADMIN "ADMIN"
#define SCIM_ROLE_USER "USER"
#define SCIM_ROLE_GUEST "GUEST"  /* of an account without a role */

enum { SCIM_ROLE_COUNT = 3 };

/* Their names, from the most privileged to the least; NULL ends. */
extern const char *const scim_role_names[SCIM_ROLE_COUNT + 1];

/* The index of name, with exactly this case; -1 if it is not a role. */
int scim_role_of(const char *name);

#endif
