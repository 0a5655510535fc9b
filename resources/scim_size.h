/* SPDX-License-Identifier: Apache-2.0 */
/* scim_size: how large an account may be. */
#ifndef SCIM_SIZE_H
#define SCIM_SIZE_H

#include <cjson/cJSON.h>

#include "resources/scim_call.h"
#include "values/scim_error.h"

/* SCIM_E_TOO_LARGE when resource, whose whole text has so many bytes, has more
 * of them than the call's max_resource_size without those that do not count.
 * What is too large already, before, may stay so, but not grow; before is NULL
 * at creation. */
scim_error_t *scim_size_check(scim_call_t *call, const cJSON *resource,
                              apr_size_t bytes, const cJSON *before)
    SCIM_CHECKED;

#endif
