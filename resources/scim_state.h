/* SPDX-License-Identifier: Apache-2.0 */
/* scim_state: whether an organization's identity provider may provision it. */
#ifndef SCIM_STATE_H
#define SCIM_STATE_H

#include <apr_pools.h>

#include "scim_tokens.h"
#include "storage/scim_db.h"
#include "values/scim_error.h"

/* "disabled", "paused" or "enabled", as in the database and in APIs. */
const char *scim_state_name(scim_state_e state);

/* The state of such a name, which may be NULL; SCIM_STATE_DISABLED of any
 * other. */
scim_state_e scim_state_of(const char *name);

/* Whether name is one of these. */
int scim_state_is_name(const char *name);

/* Bring actor's organization into this state, with an event unless it is in it
 * already.  When that is done, no write of a token is under way that the state
 * does not allow. */
scim_error_t *scim_state_switch(scim_db_t *db, const scim_principal_t *actor,
                                scim_state_e state) SCIM_CHECKED;

/* The error of a SCIM request in this state; NULL: it is served. */
scim_error_t *scim_state_check(scim_state_e state, apr_pool_t *pool)
    SCIM_CHECKED;

#endif
