/* SPDX-License-Identifier: Apache-2.0 */
/* The guard for administrators, see scim_guard.h: statements, and the bounds
 * of what can be set. */
#include "resources/scim_guard.h"

#include <apr_strings.h>

#include "resources/scim_events.h"
#include "values/scim_bounds.h"
#include "values/scim_json.h"

scim_error_t *scim_guard_get(cJSON **guard, scim_db_t *db,
                             const char *organization_id, apr_pool_t *pool)
{
    scim_rows_t *rows;

    SCIM_ERR(scim_db_run(&rows, db, SCIM_SQL_GUARD_SHOW, 1,
                         &organization_id));
    *guard = scim_rows_count(rows) > 0
             ? scim_json_stored(scim_rows_value(rows, 0, 0), pool) : NULL;
    return *guard ? NULL
                  : scim_error(pool, SCIM_E_INTERNAL, SCIM_SERVER_FAILED);
}

scim_error_t *scim_guard_check_number(apr_int64_t number, apr_pool_t *pool)
{
    return number >= 1 && number <= SCIM_GUARD_MAX_NUMBER ? NULL
        : scim_error(pool, SCIM_E_INVALID_VALUE,
                     "The number must be from 1 to %d.",
                     SCIM_GUARD_MAX_NUMBER);
}

scim_error_t *scim_guard_check_percent(apr_int64_t percent, apr_pool_t *pool)
{
    return percent >= 1 && percent <= SCIM_GUARD_MAX_PERCENT ? NULL
        : scim_error(pool, SCIM_E_INVALID_VALUE,
                     "The percentage must be from 1 to %d.",
                     SCIM_GUARD_MAX_PERCENT);
}

scim_error_t *scim_guard_set(scim_db_t *db, const scim_principal_t *actor,
                             const char *number, const char *percent)
{
    const char *values[] = { actor->organization_id, number, percent,
                             actor->actor_kind, actor->actor_id,
                             actor->actor_name };
    scim_rows_t *rows;

    SCIM_ERR(scim_db_run(&rows, db, SCIM_SQL_GUARD_SET,
                         SCIM_VALUES(values)));
    if (scim_rows_count(rows) > 0) {
        scim_events_tell(db, SCIM_EVENT_GUARD);
    }
    return NULL;
}

scim_error_t *scim_guard_open(scim_db_t *db, const scim_principal_t *actor)
{
    const char *values[] = { actor->organization_id, actor->actor_kind,
                             actor->actor_id, actor->actor_name };
    scim_rows_t *rows;

    SCIM_ERR(scim_db_run(&rows, db, SCIM_SQL_GUARD_OPEN,
                         SCIM_VALUES(values)));
    scim_events_tell(db, SCIM_EVENT_OPEN);
    return NULL;
}

scim_error_t *scim_guard_refused(scim_db_t *db, const scim_principal_t *actor,
                                 scim_error_kind_e kind, int times,
                                 apr_pool_t *pool)
{
    const char *values[] = { actor->organization_id,
                             kind == SCIM_E_GUARD_ACCOUNTS ? "accounts"
                             : kind == SCIM_E_GUARD_MEMBERS ? "members" : NULL,
                             apr_itoa(pool, times), actor->actor_id,
                             actor->actor_name };
    scim_rows_t *rows;

    if (!values[1] || times == 0) {
        return NULL;
    }
    SCIM_ERR(scim_db_run(&rows, db, SCIM_SQL_GUARD_REFUSED,
                         SCIM_VALUES(values)));
    if (scim_rows_true(rows, 0, 0)) {
        scim_events_tell(db, SCIM_EVENT_TRIP);
    }
    return NULL;
}
