/* SPDX-License-Identifier: Apache-2.0 */
/* scim_size: how large an account may be. */
#ifndef SCIM_SIZE_H
#define SCIM_SIZE_H

#include <cjson/cJSON.h>

#include "resources/scim_call.h"
#include "values/scim_error.h"

/* SCIM_E_TOO_LARGE if resource, without the parts that do not count, is larger
 * than the call's max_resource_size; bytes is the size of its whole text.  A
 * resource that was too large already, in before (NULL at creation), may stay
 * so, but not grow. */
scim_error_t *scim_size_check(scim_call_t *call, const cJSON *resource,
                              apr_size_t bytes, const cJSON *before)
    SCIM_CHECKED;

#endif
