/* SPDX-License-Identifier: Apache-2.0 */
/* The attribute table of the resource type Group (RFC 7643 sections 4.2 and
 * 8.7.1).  Ids and references are case-exact, whatever the printed schema
 * says, and members have the display that the example of section 8.4 shows.
 * Members are rows of their own: they are in no resource's JSON, so the bound
 * on the elements of a list does not apply (scim_group_members.h). */
#include "rules/scim_schema_rows.h"

static const char *const member_types[] = { "User", "Group", NULL };

static const scim_attribute_t group_meta_subs[] = {
    META_OF_ROWS("Group"), END_OF_TABLE
};

static const scim_attribute_t group_common_attributes[] = {
    COMMON_OF_ROWS("'[\"" SCIM_URN_GROUP "\"]'::jsonb", group_meta_subs),
    END_OF_TABLE
};

static const scim_attribute_t member_subs[] = {
    { .name = "value", .type = SCIM_STRING, .case_exact = 1,
      .description = "Id of the member.", .mutability = SCIM_IMMUTABLE,
      .column = "e.value" },
    { .name = "$ref", .type = SCIM_REFERENCE, .case_exact = 1,
      .description = "URL of the member.", .mutability = SCIM_IMMUTABLE,
      .reference_types = member_types,
      .column = "(e.type || 's/' || e.value)", .is_location = 1 },
    { .name = "type", .type = SCIM_STRING,
      .description = "Resource type of the member.",
      .mutability = SCIM_IMMUTABLE, .canonical_values = member_types,
      .column = "e.type" },
    { .name = "display", .type = SCIM_STRING,
      .description = "A name for people to read.",
      .mutability = SCIM_READ_ONLY, .column = "e.display" },
    END_OF_TABLE
};

static const scim_attribute_t group_attributes[] = {
    { .name = "displayName", .type = SCIM_STRING, .required = 1,
      .description = "The name that is displayed; unique in the"
                     " organization.",
      .uniqueness = SCIM_UNIQUE_SERVER, .column = "a.display_name",
      .key = "a.display_name_key", .is_ordered = 1 },
    { .name = "members", .type = SCIM_COMPLEX, .multi_valued = 1,
      .description = "The members of the group.", .subs = member_subs,
      .rows = "scim.members_of(a.organization_id, a.id) e",
      .owners = "SELECT g.group_id"
                " FROM scim.groups_with($1::uuid, %s::uuid) g" },
    END_OF_TABLE
};

static const scim_schema_t group_schema = {
    SCIM_URN_GROUP, "Group", "Group", group_attributes
};

static const scim_schema_t *const group_extensions[] = { NULL };

const scim_resource_type_t scim_group_type = {
    "Group", "/Groups", "Group", group_common_attributes, &group_schema,
    group_extensions, NULL
};
