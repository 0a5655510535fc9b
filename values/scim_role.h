/* SPDX-License-Identifier: Apache-2.0 */
/* scim_role: the roles of Managed Accounts.  Applications, the schema of the
 * database and the settings page know them by these names. */
#ifndef SCIM_ROLE_H
#define SCIM_ROLE_H

#define SCIM_ROLE_ADMIN "ADMIN"
#define SCIM_ROLE_USER "USER"
#define SCIM_ROLE_GUEST "GUEST"  /* whoever has none */

enum { SCIM_ROLE_COUNT = 3 };

/* Their names, from the most to the least; NULL ends. */
extern const char *const scim_role_names[SCIM_ROLE_COUNT + 1];

/* Which of them name is, in this very spelling; -1: none. */
int scim_role_of(const char *name);

#endif
