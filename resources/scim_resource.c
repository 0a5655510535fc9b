/* SPDX-License-Identifier: Apache-2.0 */
/* The resource types, see scim_resource.h: the table of rules/
 * scim_resource_table.h as an array, and how it is searched. */
#include "resources/scim_resource.h"

#include <string.h>

#include "rules/scim_resource_table.h"

#define DECLARE(schema, operations) \
    extern const scim_resource_t scim_##operations;
SCIM_RESOURCE_TABLE(DECLARE)

#define POINT(schema, operations) &scim_##operations,
const scim_resource_t *const scim_resources[SCIM_RESOURCE_TYPES + 1] = {
    SCIM_RESOURCE_TABLE(POINT) NULL
};

const scim_resource_t *scim_resource_at(const char *endpoint,
                                        apr_size_t length)
{
    const scim_resource_t *const *resource = scim_resources;

    for (; *resource; resource++) {
        const char *own = (*resource)->type->endpoint + 1;

        if (strlen(own) == length && strncmp(own, endpoint, length) == 0) {
            break;
        }
    }
    return *resource;
}

int scim_resource_wants(const scim_call_t *call,
                        const scim_resource_type_t *type,
                        const scim_attribute_t *attribute, const char *sub)
{
    int i = 0;

    if (call->is_quiet) {
        return 0;
    }
    while (call->projections && scim_resources[i]->type != type) {
        i++;
    }
    return scim_projection_wants(call->projections ? call->projections[i]
                                                   : NULL, attribute, sub);
}

int scim_resource_offers(const scim_resource_t *resource,
                         scim_operation_e operation)
{
    switch (operation) {
    case SCIM_CREATE:
        return resource->create != NULL;
    case SCIM_REPLACE:
        return resource->replace != NULL;
    case SCIM_PATCH:
        return resource->patch != NULL;
    case SCIM_DELETE:
        return resource->remove != NULL;
    default:
        return 1;
    }
}
