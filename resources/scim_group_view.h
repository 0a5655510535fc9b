/* SPDX-License-Identifier: Apache-2.0 */
/* scim_group_view: the groups of an organization as its administrators and
 * operators see them. */
#ifndef SCIM_GROUP_VIEW_H
#define SCIM_GROUP_VIEW_H

#include <cjson/cJSON.h>

#include "resources/scim_call.h"
#include "values/scim_error.h"

/* In JSON a group is {"id", "displayName", "externalId", "created",
 * "lastModified", "members", "hasMoreMembers", "groups", "hasMoreGroups"}:
 * members and groups are the numbers of accounts and groups that are directly
 * in it, counted up to 10000; "has more" says that there are more than that.
 *
 * All lists are given page by page: {"groups" or "members": [...], "next":
 * cursor}; next is absent at the end.  cursor is NULL for the first page.  An
 * id that is not one of a group of the organization is SCIM_E_NOT_FOUND. */

scim_error_t *scim_group_view_get(cJSON **group, scim_call_t *call,
                                  const char *id) SCIM_CHECKED;

/* The groups that an operator may mean by name, an id, externalId:VALUE or a
 * displayName: {"groups": [...]}, none, one or two. */
scim_error_t *scim_group_view_named(cJSON **groups, scim_call_t *call,
                                    const char *name) SCIM_CHECKED;

/* A page of a list; of_what is an id, if not said otherwise. */
typedef scim_error_t *scim_group_view_list_fn(cJSON **list, scim_call_t *call,
                                              const char *of_what,
                                              const char *cursor, int count)
    SCIM_CHECKED;

/* Groups by displayName; of_what: the beginning of a displayName, or a whole
 * externalId or id, or NULL. */
scim_group_view_list_fn scim_group_view_list;

/* The accounts that are directly in the group, as scim_members_list has them,
 * with "since": by userName, or by id if there are more than 10000. */
scim_group_view_list_fn scim_group_view_members;

/* The groups that are directly in the group, and those that it is in. */
scim_group_view_list_fn scim_group_view_children;
scim_group_view_list_fn scim_group_view_parents;

/* The groups of the account: {"id", "displayName", "type", "since"}, where
 * type is direct, or indirect (since null): by way of a group that is in it.
 * SCIM_E_NOT_FOUND if id is not one of an account. */
scim_group_view_list_fn scim_group_view_of_member;

#endif
