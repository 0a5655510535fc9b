/* SPDX-License-Identifier: Apache-2.0 */
/* scim_group_change: what a request makes of a group, as one value.
 *
 * A group is changed without being read: scim_group_members folds what happens
 * to the members, and of the other attributes, which are simple, only the last
 * value counts.  A body says what it says of any group; a PatchOp message may
 * leave parts as they are.
 */
#ifndef SCIM_GROUP_CHANGE_H
#define SCIM_GROUP_CHANGE_H

#include <apr_pools.h>
#include <apr_tables.h>
#include <cjson/cJSON.h>

#include "rules/scim_schema.h"
#include "values/scim_error.h"

typedef struct {
    cJSON *attributes;           /* those but members that change, in the
                                  * schema's spelling; null: taken away */
    int keep;                    /* whether the stored members stay; else all
                                  * go that are not in added */
    apr_array_header_t *added;   /* ids of members, const char *, in lower
                                  * case: they may be members already */
    apr_array_header_t *removed; /* ids of those that are none; none unless
                                  * keep */
} scim_group_change_t;

/* The body of a POST or PUT: every attribute is in change->attributes, and no
 * stored member is kept.  Read and checked as scim_patch_read and
 * scim_schema_validate do; what the members may look like, and the errors in
 * them, are those of scim_group_members_put. */
scim_error_t *scim_group_change_read(scim_group_change_t *change,
                                     const cJSON *body,
                                     const scim_rules_t *rules,
                                     apr_array_header_t *notes,
                                     apr_pool_t *pool) SCIM_CHECKED;

/* A PatchOp message to the group that has the id: as scim_patch_apply changes
 * a resource, except for the members (scim_group_members_change).  Unless
 * strict also what OneLogin's SCIM 1.1 sends: no Operations, but members, each
 * with the operation add or delete. */
scim_error_t *scim_group_change_patch(scim_group_change_t *change,
                                      const char *id, const cJSON *message,
                                      const scim_rules_t *rules,
                                      apr_array_header_t *notes,
                                      apr_pool_t *pool) SCIM_CHECKED;

#endif
