/* SPDX-License-Identifier: Apache-2.0 */
/* scim_roles: ADMIN, USER and GUEST; what accounts have of them, and the
 * resource type Role. */
#ifndef SCIM_ROLES_H
#define SCIM_ROLES_H

#include <apr_pools.h>
#include <apr_tables.h>
#include <cjson/cJSON.h>

#include "resources/scim_resource.h"
#include "rules/scim_schema.h"

/* GET /Roles and /Roles/{id}: what roles.value of a User can be (draft-ietf-
 * scim-roles-entitlements), with the number of accounts that have each. */
extern const scim_resource_t scim_roles;

/* Bring resource's "roles" into the form that is stored, and return the role
 * that it amounts to, a static string.
 * Profile managed: exactly one element with primary true, of a known role,
 * with the display and type that were sent.  Of several the primary counts,
 * else the first known; unknown ones alone are ignored with a note, and
 * the role of before (the stored resource, NULL at creation) stays; no role
 * at all is GUEST (clients.md N20-N23).
 * Profile open: roles stay as sent. */
const char *scim_roles_settle(cJSON *resource, const cJSON *before,
                              const scim_rules_t *rules,
                              apr_array_header_t *notes, apr_pool_t *pool);

/* Make resource's "roles", as they are stored, those of role, the account's
 * role in its column: applications write either.  What amounts to it
 * stays. */
void scim_roles_read(cJSON *resource, const char *role);

#endif
