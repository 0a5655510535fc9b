/* SPDX-License-Identifier: Apache-2.0 */
/* The attribute table of the resource type Role (draft-ietf-scim-roles-
 * entitlements).  The roles are this server's own, so all is readOnly. */
#include "rules/scim_schema.h"

#define READ_ONLY(n, d, t) \
    { .name = n, .description = d, .type = t, .mutability = SCIM_READ_ONLY }
#define END_OF_TABLE { .name = NULL }

static const char *const role_to_uri[] = { "uri", NULL };

static const scim_attribute_t role_meta_subs[] = {
    { .name = "resourceType", .type = SCIM_STRING, .case_exact = 1,
      .description = "Name of the resource type.",
      .mutability = SCIM_READ_ONLY },
    { .name = "location", .type = SCIM_REFERENCE, .case_exact = 1,
      .description = "URL of the resource.",
      .mutability = SCIM_READ_ONLY, .reference_types = role_to_uri },
    END_OF_TABLE
};

static const scim_attribute_t role_common_attributes[] = {
    { .name = "schemas", .type = SCIM_REFERENCE, .multi_valued = 1,
      .required = 1, .description = "URNs of the resource's schemas.",
      .returned = SCIM_RETURNED_ALWAYS, .unlisted = 1,
      .reference_types = role_to_uri },
    { .name = "id", .type = SCIM_STRING, .case_exact = 1,
      .description = "The identifier of the role, which is its value.",
      .mutability = SCIM_READ_ONLY, .returned = SCIM_RETURNED_ALWAYS,
      .uniqueness = SCIM_UNIQUE_SERVER },
    { .name = "meta", .type = SCIM_COMPLEX, .subs = role_meta_subs,
      .description = "The metadata of the resource.",
      .mutability = SCIM_READ_ONLY, .unlisted = 1 },
    END_OF_TABLE
};

static const scim_attribute_t role_attributes[] = {
    { .name = "value", .type = SCIM_STRING, .required = 1,
      .description = "The value for roles.value of a User.",
      .mutability = SCIM_READ_ONLY, .uniqueness = SCIM_UNIQUE_SERVER },
    READ_ONLY("display", "A name for people to read.", SCIM_STRING),
    READ_ONLY("type", "The use of the role.", SCIM_STRING),
    { .name = "supported", .type = SCIM_BOOLEAN, .required = 1,
      .description = "Whether the role can be assigned.",
      .mutability = SCIM_READ_ONLY },
    READ_ONLY("limitedAssignmentsPermitted",
              "Whether the role can be assigned a limited number of times.",
              SCIM_BOOLEAN),
    READ_ONLY("totalAssignmentsPermitted",
              "How often the role can be assigned.", SCIM_INTEGER),
    READ_ONLY("totalAssignmentsUsed", "How many accounts have the role.",
              SCIM_INTEGER),
    { .name = "containedBy", .type = SCIM_STRING, .multi_valued = 1,
      .description = "Roles that include this one.",
      .mutability = SCIM_READ_ONLY },
    { .name = "contains", .type = SCIM_STRING, .multi_valued = 1,
      .description = "Roles that this one includes.",
      .mutability = SCIM_READ_ONLY },
    END_OF_TABLE
};

static const scim_schema_t role_schema = {
    SCIM_URN_ROLE, "Role", "Role that a User can have", role_attributes
};

static const scim_schema_t *const no_extensions[] = { NULL };

const scim_resource_type_t scim_role_type = {
    "Role", "/Roles", "Role that a User can have", role_common_attributes,
    &role_schema, no_extensions, NULL
};
