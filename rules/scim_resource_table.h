/* SPDX-License-Identifier: Apache-2.0 */
/* scim_resource_table: the resource types that this server offers, in the
 * order of a list over all of them.
 *
 * X(schema, operations): scim_SCHEMA_type describes the resources
 * (scim_schema.h), scim_OPERATIONS has their operations
 * (resources/scim_resource.h).  A new type needs its files and a line here;
 * routing, bulk, lists and discovery read this table.
 */
#ifndef SCIM_RESOURCE_TABLE_H
#define SCIM_RESOURCE_TABLE_H

#define SCIM_RESOURCE_TABLE(X) \
    X(user, users)             \
    X(role, roles)             \
    X(group, groups)

#endif
