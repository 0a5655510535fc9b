/* SPDX-License-Identifier: Apache-2.0 */
/* scim_names: which names are allowed for userName, displayName and roles.
 *
 * A rule applies to names that change.  A bad name that is stored already must
 * not prevent other changes: a leaver can be deactivated whatever the name is.
 */
#ifndef SCIM_NAMES_H
#define SCIM_NAMES_H

#include <cjson/cJSON.h>

#include "resources/scim_call.h"
#include "values/scim_error.h"

/* What a User, as a client has sent it, is called: displayName, else
 * name.formatted, else givenName and familyName, as far as they are visible;
 * of resource or pool.  NULL: there is none of them, or no resource. */
const char *scim_names_full(const cJSON *resource, apr_pool_t *pool);

/* Whether resource has a value of the attribute that before, the stored
 * resource, NULL at creation, does not have. */
int scim_names_is_changed(const cJSON *resource, const cJSON *before,
                          const char *name);

/* SCIM_E_INVALID_VALUE when the attribute called name, which is a column, has
 * a new value of more than SCIM_COLUMN_MAX characters. */
scim_error_t *scim_names_check_length(scim_call_t *call,
                                      const cJSON *resource,
                                      const cJSON *before, const char *name)
    SCIM_CHECKED;

/* SCIM_E_INVALID_VALUE, with the attribute and the character, if a new
 * userName or displayName has a flaw (scim_text_flaw) or, in the profile
 * managed, if a new userName is not an e-mail address in a verified domain. */
scim_error_t *scim_names_check(scim_call_t *call, const cJSON *resource,
                               const cJSON *before) SCIM_CHECKED;

/* Whether user_name is in a verified domain of the call's organization, or it
 * has none. */
int scim_names_is_verified(const scim_call_t *call, const char *user_name);

/* Of that, what is said of displayName, which Groups have as well. */
scim_error_t *scim_names_check_display_name(scim_call_t *call,
                                            const cJSON *resource,
                                            const cJSON *before)
    SCIM_CHECKED;

/* The same for the values of new roles. */
scim_error_t *scim_names_check_roles(scim_call_t *call,
                                     const cJSON *resource,
                                     const cJSON *before) SCIM_CHECKED;

#endif
