/* SPDX-License-Identifier: Apache-2.0 */
/* scim_patch: PatchOp messages (RFC 7644 section 3.5.2) applied to JSON, with
 * every form that clients.md E30-E59 lists.
 *
 * A message is a list of operations, each of which is one change of one path;
 * without a path, each member of the value is a change, whose path is its name
 * (scim_patch_message.h).  scim_filter parses the path to an attribute, a
 * filter in brackets and a sub-attribute.  The rest depends on the attribute:
 *
 *   single, simple    the value is set or removed
 *   single, complex   members are merged, or one of them is set
 *   list              add appends new elements, replace replaces the list,
 *                     remove removes it, or the elements that a value names
 *   list[filter]      each element that matches is changed; if there is none,
 *                     add and (unless strict) replace create one with the
 *                     values that the filter requires (AMB-02, AMB-03)
 *
 * Values are brought into the schema's spelling by scim_schema_normalise
 * first.  Whatever has become empty is removed.  A new primary element makes
 * the old one not primary. */
#ifndef SCIM_PATCH_H
#define SCIM_PATCH_H

#include <apr_pools.h>
#include <apr_tables.h>
#include <cjson/cJSON.h>

#include "values/scim_error.h"
#include "rules/scim_patch_message.h"
#include "rules/scim_schema.h"

/* Apply message to resource, which is in the schema's spelling (as
 * scim_schema_read makes it) and is changed in place, operation by operation.
 * After an error resource is half changed: the caller discards it, so that a
 * PATCH is atomic.  The caller validates the result (scim_schema_validate).
 * Unless strict, attributes that the schema does not have are ignored with a
 * note in notes; so are readOnly ones inside a value without path. */
scim_error_t *scim_patch_apply(cJSON *resource, const cJSON *message,
                               const scim_resource_type_t *type,
                               const scim_rules_t *rules,
                               apr_array_header_t *notes, apr_pool_t *pool)
    SCIM_CHECKED;

/* The body of a POST or PUT as a resource: read by scim_schema_read, with the
 * members whose names are paths ("name.givenName", the core URN or one with an
 * attribute, "emails[type eq \"work\"].value") added as by a PATCH.  Unknown
 * names are ignored with a note. */
scim_error_t *scim_patch_read(cJSON **resource, const cJSON *body,
                              const scim_resource_type_t *type,
                              const scim_rules_t *rules,
                              apr_array_header_t *notes, apr_pool_t *pool)
    SCIM_CHECKED;

/* What scim_patch_apply does with each change, for a type that applies only
 * some of them to JSON. */
typedef struct scim_patch_t scim_patch_t;

/* Changes of resource are going to follow. */
scim_patch_t *scim_patch_begin(cJSON *resource,
                               const scim_resource_type_t *type,
                               const scim_rules_t *rules,
                               apr_array_header_t *notes, apr_pool_t *pool);

/* One of them (scim_patch_change_fn): patch is what scim_patch_begin made. */
scim_error_t *scim_patch_change(void *patch, scim_patch_change_t *change)
    SCIM_CHECKED;

#endif
