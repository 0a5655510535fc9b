/* SPDX-License-Identifier: Apache-2.0 */
/* scim_names: what accounts can be called: userName, displayName, roles.
 *
 * A rule looks at what changes.  What is stored already keeps nobody from
 * changing something else: a leaver is deactivated whatever his name is like.
 */
#ifndef SCIM_NAMES_H
#define SCIM_NAMES_H

#include <cjson/cJSON.h>

#include "resources/scim_call.h"
#include "values/scim_error.h"

/* Whether resource has a value of the attribute that before, the stored
 * resource, NULL at creation, does not have. */
int scim_names_is_changed(const cJSON *resource, const cJSON *before,
                          const char *name);

/* SCIM_E_INVALID_VALUE, with the attribute and the character, when a new
 * userName or displayName has what names cannot have (scim_text_flaw), and in
 * the profile managed when a new userName is no e-mail address in a verified
 * domain. */
scim_error_t *scim_names_check(scim_call_t *call, const cJSON *resource,
                               const cJSON *before) SCIM_CHECKED;

/* The same for the values of new roles. */
scim_error_t *scim_names_check_roles(scim_call_t *call,
                                     const cJSON *resource,
                                     const cJSON *before) SCIM_CHECKED;

#endif
