/* SPDX-License-Identifier: Apache-2.0 */
/* scim_resource: a resource type with its operations, as a value.
 *
 * Endpoints, bulk and lists over all types know nothing else about a type.
 * Each operation returns a resource in the call's pool, in the schema's
 * spelling with id and meta, for scim_schema_present.  An unknown id is
 * SCIM_E_NOT_FOUND; a version that the call's conditions do not allow,
 * SCIM_E_PRECONDITION; a resource that provisioning may not change,
 * SCIM_E_FORBIDDEN; a unique value that another resource has,
 * SCIM_E_UNIQUENESS.
 */
#ifndef SCIM_RESOURCE_H
#define SCIM_RESOURCE_H

#include <cjson/cJSON.h>

#include "resources/scim_call.h"
#include "rules/scim_schema.h"
#include "values/scim_error.h"

typedef scim_error_t *scim_get_fn(cJSON **resource, scim_call_t *call,
                                  const char *id) SCIM_CHECKED;
typedef scim_error_t *scim_create_fn(cJSON **resource, scim_call_t *call,
                                     const cJSON *body) SCIM_CHECKED;

/* body is a whole resource (PUT), a PatchOp message (PATCH), or the body that
 * the resource was created from (complete). */
typedef scim_error_t *scim_change_fn(cJSON **resource, scim_call_t *call,
                                     const char *id, const cJSON *body)
    SCIM_CHECKED;
typedef scim_error_t *scim_delete_fn(scim_call_t *call, const char *id)
    SCIM_CHECKED;

/* Create in two steps, within a pipeline of scim_db that begin opens and
 * scim_db_end_pipeline closes; *wanted is passed from the first to the
 * second. */
typedef struct {
    scim_error_t *(*begin)(scim_call_t *call) SCIM_CHECKED;
    scim_error_t *(*send)(cJSON **wanted, scim_call_t *call,
                          const cJSON *body) SCIM_CHECKED;
    scim_error_t *(*receive)(cJSON **resource, scim_call_t *call,
                             const cJSON *wanted) SCIM_CHECKED;
} scim_creations_t;

typedef struct {
    const scim_resource_type_t *type;
    scim_list_fn *list;
    scim_get_fn *get;
    scim_create_fn *create;      /* NULL, here and below: not offered */
    scim_change_fn *replace;
    scim_change_fn *patch;
    scim_delete_fn *remove;
    scim_change_fn *complete;    /* put in the references by bulkId that could
                                  * not be resolved when it was created */
    const scim_creations_t *creations;
    int is_large;                /* SCIMMaxGroupBodySize bounds bodies */
    int is_quiet;                /* PATCH is answered with the resource only
                                  * where attributes are asked for */
} scim_resource_t;

/* In the order of SCIM_RESOURCE_TABLE. */
extern const scim_resource_t
    *const scim_resources[SCIM_RESOURCE_TYPES + 1]; /* NULL ends */

/* The resource with this endpoint, "Users" without the slash, of length bytes;
 * NULL if there is none. */
const scim_resource_t *scim_resource_at(const char *endpoint,
                                        apr_size_t length);

typedef enum {
    SCIM_LIST, SCIM_GET, SCIM_CREATE, SCIM_REPLACE, SCIM_PATCH, SCIM_DELETE
} scim_operation_e;

/* Whether the answer to call has attribute, which is of type's core schema, or
 * with sub, this sub-attribute in it. */
int scim_resource_wants(const scim_call_t *call,
                        const scim_resource_type_t *type,
                        const scim_attribute_t *attribute, const char *sub);

int scim_resource_offers(const scim_resource_t *resource,
                         scim_operation_e operation);

#endif
