/* SPDX-License-Identifier: Apache-2.0 */
/* scim_schema_rows: the common attributes of resources that are rows, for the
 * tables of their types (scim_schema_user.c, scim_schema_group.c). */
#ifndef SCIM_SCHEMA_ROWS_H
#define SCIM_SCHEMA_ROWS_H

#include "rules/scim_schema.h"

#define END_OF_TABLE { .name = NULL }

static const char *const to_uri[] = { "uri", NULL };

/* The sub-attributes of meta. */
#define META_OF_ROWS(type_name)                                              \
    { .name = "resourceType", .type = SCIM_STRING, .case_exact = 1,          \
      .description = "Name of the resource type.",                           \
      .mutability = SCIM_READ_ONLY, .column = "'" type_name "'" },           \
    { .name = "created", .type = SCIM_DATETIME,                              \
      .description = "When the resource was created.",                       \
      .mutability = SCIM_READ_ONLY, .column = "a.created_at",                \
      .is_ordered = 1 },                                                     \
    { .name = "lastModified", .type = SCIM_DATETIME,                         \
      .description = "When the resource was changed last.",                  \
      .mutability = SCIM_READ_ONLY, .column = "a.updated_at",                \
      .is_ordered = 1 },                                                     \
    { .name = "location", .type = SCIM_REFERENCE, .case_exact = 1,           \
      .description = "URL of the resource.",                                 \
      .mutability = SCIM_READ_ONLY, .reference_types = to_uri,               \
      .column = "a.id", .is_location = 1, .is_ordered = 1 },                 \
    { .name = "version", .type = SCIM_STRING, .case_exact = 1,               \
      .description = "Version of the resource; its ETag.",                   \
      .mutability = SCIM_READ_ONLY,                                          \
      .column = "('W/\"' || a.version || '\"')" }

/* All common attributes.  list_of_urns is SQL for the value of schemas, and
 * meta_subs a table of META_OF_ROWS. */
#define COMMON_OF_ROWS(list_of_urns, meta_subs)                              \
    { .name = "schemas", .type = SCIM_REFERENCE, .multi_valued = 1,          \
      .required = 1, .description = "URNs of the resource's schemas.",       \
      .returned = SCIM_RETURNED_ALWAYS, .unlisted = 1,                       \
      .reference_types = to_uri, .column = list_of_urns },                   \
    { .name = "id", .type = SCIM_STRING, .case_exact = 1,                    \
      .description = "The server's identifier of the resource.",             \
      .mutability = SCIM_READ_ONLY, .returned = SCIM_RETURNED_ALWAYS,        \
      .uniqueness = SCIM_UNIQUE_SERVER, .unlisted = 1, .column = "a.id",     \
      .is_ordered = 1 },                                                     \
    { .name = "externalId", .type = SCIM_STRING, .case_exact = 1,            \
      .description = "The client's own identifier of the resource.",         \
      .column = "a.external_id", .is_ordered = 1 },                          \
    { .name = "meta", .type = SCIM_COMPLEX, .subs = meta_subs,               \
      .description = "The metadata of the resource.",                        \
      .mutability = SCIM_READ_ONLY, .unlisted = 1 }

#endif
