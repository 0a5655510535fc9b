/* SPDX-License-Identifier: Apache-2.0 */
/* scim_patch_message: reads a PatchOp message (RFC 7644 section 3.5.2) change
 * by change, without applying it: scim_patch.c applies the changes to a tree;
 * a type whose members are rows can turn them into statements. */
#ifndef SCIM_PATCH_MESSAGE_H
#define SCIM_PATCH_MESSAGE_H

#include <apr_pools.h>
#include <apr_tables.h>
#include <cjson/cJSON.h>

#include "rules/scim_schema.h"
#include "scim_filter.h"
#include "values/scim_error.h"

#define SCIM_PATCH_URN "urn:ietf:params:scim:api:messages:2.0:PatchOp"

/* The most changes of a message; each member of a value without path
 * counts. */
#define SCIM_PATCH_MAX_CHANGES 1000

typedef enum {
    SCIM_PATCH_ADD, SCIM_PATCH_REPLACE, SCIM_PATCH_REMOVE
} scim_patch_verb_e;

/* One change of one path. */
typedef struct {
    scim_patch_verb_e verb;
    scim_path_t path;            /* its operand without a name: a schema as a
                                  * whole, which is taken away */
    const char *name;            /* the path as it was sent */
    const cJSON *value;          /* as it was sent; NULL: none */
    int in_value;                /* a member of a value without path */
} scim_patch_change_t;

/* Called for each change, in order; an error ends the reading. */
typedef scim_error_t *scim_patch_change_fn(void *baton,
                                           scim_patch_change_t *change)
    SCIM_CHECKED;

/* Read the changes of message.  Each is passed on before the next is read, so
 * nothing after a mistake is read.  An error names its operation.  Unless
 * strict, attributes that type does not have are ignored with a note. */
scim_error_t *scim_patch_message_read(scim_patch_change_fn *change,
                                      void *baton, const cJSON *message,
                                      const scim_resource_type_t *type,
                                      const scim_rules_t *rules,
                                      apr_array_header_t *notes,
                                      apr_pool_t *pool) SCIM_CHECKED;

/* Read the members of value, whose names are paths, as changes that add. */
scim_error_t *scim_patch_members_read(scim_patch_change_fn *change,
                                      void *baton, const cJSON *value,
                                      const scim_resource_type_t *type,
                                      const scim_rules_t *rules,
                                      apr_array_header_t *notes,
                                      apr_pool_t *pool) SCIM_CHECKED;

#endif
