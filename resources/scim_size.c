/* SPDX-License-Identifier: Apache-2.0 */
/* How large an account may be, see scim_size.h: the bytes of its JSON text,
 * without the attributes that the server makes, whose size is subtracted. */
#include "resources/scim_size.h"

#include <string.h>

#include <apr_strings.h>

#include "values/scim_json.h"

/* The bytes that count for SCIMMaxResourceSize: without the attributes that
 * the server makes or that the columns active and role have, so that an
 * account that is too large can still be deactivated and lose its role. */
static apr_size_t size_of(scim_call_t *call, const cJSON *resource)
{
    const cJSON *roles = scim_json_member(resource, "roles");
    const char *role = roles && call->rules.managed
                       ? scim_json_text(roles->child, "value") : NULL;
    apr_size_t size = role ? 0 - strlen(role) : 0;
    const cJSON *member;

    cJSON_ArrayForEach(member, resource) {
        if (strcmp(member->string, "id") != 0
            && strcmp(member->string, "meta") != 0
            && strcmp(member->string, "groups") != 0
            && strcmp(member->string, "active") != 0) {
            size += strlen(member->string) + strlen("\"\":,")
                    + scim_json_size(member);
        }
    }
    return size;
}

scim_error_t *scim_size_check(scim_call_t *call, const cJSON *resource,
                              apr_size_t bytes, const cJSON *before)
{
    apr_size_t size;

    if (bytes <= call->max_resource_size) {
        return NULL;
    }
    size = size_of(call, resource);
    if (size <= call->max_resource_size
        || (before && size <= size_of(call, before))) {
        return NULL;
    }
    return scim_error_caused(call->pool, SCIM_E_TOO_LARGE,
                             apr_psprintf(call->pool, "The account would"
                                          " have %" APR_SIZE_T_FMT " bytes; at"
                                          " most %" APR_SIZE_T_FMT " are"
                                          " allowed. Send fewer or shorter"
                                          " values.", size,
                                          call->max_resource_size),
                             "the limit is SCIMMaxResourceSize");
}
