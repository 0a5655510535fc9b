/* SPDX-License-Identifier: Apache-2.0 */
/* scim_resource_table: the resource types that this server offers, in the
 * order of a list over all of them.
 *
 * X(schema, operations): scim_SCHEMA_type says what its resources look like
 * (scim_schema.h), scim_OPERATIONS what can be done with them
 * (resources/scim_resource.h).  To add a type is to add its files and a line
 * here; routing, bulk, lists and discovery go by this table.
 */
#ifndef SCIM_RESOURCE_TABLE_H
#define SCIM_RESOURCE_TABLE_H

#define SCIM_RESOURCE_TABLE(X) \
    X(user, users)             \
    X(role, roles)

#endif
