/* SPDX-License-Identifier: Apache-2.0 */
/* scim_roles: ADMIN, USER and GUEST: the roles of accounts, and the resource
 * type Role. */
#ifndef SCIM_ROLES_H
#define SCIM_ROLES_H

#include <apr_pools.h>
#include <apr_tables.h>
#include <cjson/cJSON.h>

#include "resources/scim_resource.h"
#include "rules/scim_schema.h"

/* GET /Roles and /Roles/{id}: the values that roles.value of a User can have
 * (draft-ietf-scim-roles-entitlements), each with its number of accounts. */
extern const scim_resource_t scim_roles;

/* Settle resource's "roles", and return the resulting role, a static string.
 * Profile managed: exactly one element with primary true, of a known role,
 * with the display and type that were sent.  Of several the primary counts,
 * else the first known; unknown ones alone are ignored with a note, and
 * the role of before (the stored resource, NULL at creation) stays; no role
 * at all is GUEST (clients.md N20-N23).
 * Profile open: roles stay as sent. */
const char *scim_roles_settle(cJSON *resource, const cJSON *before,
                              const scim_rules_t *rules,
                              apr_array_header_t *notes, apr_pool_t *pool);

/* Adapt resource's stored "roles" to role, the account's column, unless they
 * have that role already: applications write either of them. */
void scim_roles_read(cJSON *resource, const char *role);

#endif
