/* SPDX-License-Identifier: Apache-2.0 */
/* scim_guard: the limit of what SCIM tokens may take away from an organization
 * within an hour, for those who look at it, set it and let more through.
 *
 * The database counts and refuses (schema.sql, scim.guard): 403
 * SCIM_E_GUARD_ACCOUNTS or SCIM_E_GUARD_MEMBERS.
 */
#ifndef SCIM_GUARD_H
#define SCIM_GUARD_H

#include <apr_pools.h>
#include <cjson/cJSON.h>

#include "storage/scim_db.h"
#include "values/scim_error.h"
#include "scim_tokens.h"

/* *guard, of pool: number and percent as they were set, limit, activeAccounts
 * (if they matter), counted, openUntil and trips; what has no value is
 * absent.  Without a limit there is no guard. */
scim_error_t *scim_guard_get(cJSON **guard, scim_db_t *db,
                             const char *organization_id, apr_pool_t *pool)
    SCIM_CHECKED;

/* Set the greater of number and percent of the active accounts as the limit,
 * each NULL or the text of a number that the functions below accept. */
scim_error_t *scim_guard_set(scim_db_t *db, const scim_principal_t *actor,
                             const char *number, const char *percent)
    SCIM_CHECKED;

/* SCIM_E_INVALID_VALUE: number or percent is none that can be set. */
typedef scim_error_t *scim_guard_check_fn(apr_int64_t value,
                                          apr_pool_t *pool) SCIM_CHECKED;
scim_guard_check_fn scim_guard_check_number;
scim_guard_check_fn scim_guard_check_percent;

/* Let everything through for two hours. */
scim_error_t *scim_guard_open(scim_db_t *db, const scim_principal_t *actor)
    SCIM_CHECKED;

/* Note that the guard has refused so many writes of actor, a token, each with
 * an error of this kind; of any other kind, nothing is done.  The first of
 * them has an event. */
scim_error_t *scim_guard_refused(scim_db_t *db, const scim_principal_t *actor,
                                 scim_error_kind_e kind, int times,
                                 apr_pool_t *pool) SCIM_CHECKED;

#endif
