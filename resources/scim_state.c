/* SPDX-License-Identifier: Apache-2.0 */
/* The state of provisioning, see scim_state.h.  The database keeps it in two
 * columns, of which the tables of the version before have one: there, nothing
 * can be paused. */
#include "resources/scim_state.h"

#include <string.h>

#include "resources/scim_events.h"

#define STATES 3

static const char *const state_names[STATES] = {
    "disabled", "paused", "enabled"
};

const char *scim_state_name(scim_state_e state)
{
    return state_names[state];
}

static int place_of_state(const char *name)
{
    int i = STATES - 1;

    while (i >= 0 && strcmp(name, state_names[i]) != 0) {
        i--;
    }
    return i;
}

int scim_state_is_name(const char *name)
{
    return place_of_state(name) >= 0;
}

scim_state_e scim_state_of(const char *name)
{
    int place = name ? place_of_state(name) : -1;

    return place >= 0 ? (scim_state_e) place : SCIM_STATE_DISABLED;
}

static scim_error_t *put_off(scim_rows_t **rows, scim_db_t *db,
                             const scim_principal_t *actor)
{
    const char *values[] = { actor->organization_id, actor->actor_kind,
                             actor->actor_id, actor->actor_name };

    return scim_db_run(rows, db, SCIM_SQL_ORGANIZATION_PAUSE,
                       SCIM_VALUES(values));
}

static scim_error_t *switch_on_or_off(scim_rows_t **rows, scim_db_t *db,
                                      const scim_principal_t *actor,
                                      scim_state_e state)
{
    const char *values[] = { actor->organization_id, scim_state_name(state),
                             actor->actor_kind, actor->actor_id,
                             actor->actor_name };

    return scim_db_run(rows, db, SCIM_SQL_ORGANIZATION_SWITCH,
                       SCIM_VALUES(values));
}

scim_error_t *scim_state_switch(scim_db_t *db, const scim_principal_t *actor,
                                scim_state_e state)
{
    scim_rows_t *rows;

    SCIM_ERR(state == SCIM_STATE_PAUSED
             ? put_off(&rows, db, actor)
             : switch_on_or_off(&rows, db, actor, state));
    if (scim_rows_count(rows) > 0) {
        scim_events_tell(db, scim_rows_value(rows, 0, 0));
    }
    return NULL;
}

scim_error_t *scim_state_check(scim_state_e state, apr_pool_t *pool)
{
    switch (state) {
    case SCIM_STATE_ENABLED:
        return NULL;
    case SCIM_STATE_PAUSED:
        return scim_error(pool, SCIM_E_PAUSED, SCIM_PROVISIONING_PAUSED);
    default:
        return scim_error(pool, SCIM_E_SWITCHED_OFF, SCIM_PROVISIONING_OFF);
    }
}
