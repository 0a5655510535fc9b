/* SPDX-License-Identifier: Apache-2.0 */
/* Undo of the changes of an account, see scim_undo.h.
 *
 * The state before is what was stored once, so it is not validated again; what
 * the database enforces (the userName is unique, an issuer of tokens stays)
 * keeps an account from it.
 */
#include "resources/scim_undo_parts.h"

#include <string.h>

#include <apr_strings.h>

#include "resources/scim_accounts.h"
#include "resources/scim_events.h"
#include "values/scim_json.h"

/* The account as it is; resource is NULL if it does not exist. */
typedef struct {
    cJSON *resource;
    const char *version;
    int managed;
} state_t;

static scim_error_t *read_account_state(state_t *state, scim_call_t *call,
                                        const char *id)
{
    const char *values[] = { call->principal->organization_id, id };
    scim_rows_t *rows;

    memset(state, 0, sizeof(*state));
    SCIM_ERR(scim_db_run(&rows, call->db, SCIM_SQL_ACCOUNT_BY_ID,
                         SCIM_VALUES(values)));
    if (scim_rows_count(rows) == 0) {
        return NULL;
    }
    state->version = scim_rows_value(rows, 0, SCIM_ACCOUNT_VERSION);
    state->managed = scim_rows_true(rows, 0, SCIM_ACCOUNT_MANAGED);
    return scim_accounts_read(&state->resource, call, rows, 0, 0);
}

/* The User with the values before; resource: as it is, NULL if deleted. */
static cJSON *state_before(const cJSON *resource, const cJSON *set,
                           scim_call_t *call)
{
    cJSON *wanted = resource ? scim_json_copy(resource, call->pool)
                             : scim_json_own(cJSON_CreateObject(),
                                             call->pool);
    const cJSON *value;

    cJSON_ArrayForEach(value, set) {
        if (cJSON_IsNull(value)) {
            scim_json_drop(wanted, value->string);
        }
        else {
            scim_json_put(wanted, value->string, cJSON_Duplicate(value, 1));
        }
    }
    scim_accounts_put_manager(call, wanted);
    return wanted;
}

/* Whether another account has the userName and keeps it.  A write is told, a
 * dry run must ask. */
static scim_error_t *check_owner(scim_undo_one_t *one, scim_call_t *call,
                                 const cJSON *wanted)
{
    const char *values[SCIM_UNDO_VALUES + 2];
    scim_rows_t *rows;

    memcpy(values, one->filter, SCIM_UNDO_VALUES * sizeof(*values));
    values[SCIM_UNDO_VALUES] = scim_json_text(wanted, "userName");
    values[SCIM_UNDO_VALUES + 1] = one->id;
    SCIM_ERR(scim_db_run(&rows, call->db, SCIM_SQL_UNDO_TAKEN,
                         SCIM_VALUES(values)));
    if (scim_rows_count(rows) > 0) {
        scim_undo_leave(one, "taken", NULL);
    }
    return NULL;
}

static scim_error_t *undo_account_change(int *lost, scim_undo_one_t *one,
                                         scim_call_t *call,
                                         const state_t *state,
                                         const scim_undo_plan_t *plan,
                                         cJSON *wanted)
{
    const char *values[3 + SCIM_ACCOUNT_EVENT_VALUES
                       + SCIM_ACCOUNT_COLUMN_VALUES] = {
        call->principal->organization_id, one->id, state->version
    };
    const scim_change_t *change = scim_events_undo(state->resource, wanted,
                                                   SCIM_EVENT_PATCH,
                                                   plan->undoes, call->pool);
    scim_rows_t *rows;

    if (!change) {
        scim_undo_untell(one, call->pool);
        return NULL;
    }
    scim_json_put(one->entry, "set",
                  cJSON_Duplicate(scim_json_member(scim_json_stored(
                      change->data, call->pool), "after"), 1));
    if (one->is_dry) {
        return check_owner(one, call, wanted);
    }
    scim_accounts_put_events(values + 3, call, change);
    scim_accounts_put_columns(values + 3 + SCIM_ACCOUNT_EVENT_VALUES, call,
                              wanted, scim_accounts_role(wanted, call));
    SCIM_ERR(scim_db_run(&rows, call->db, SCIM_SQL_ACCOUNT_UPDATE,
                         SCIM_VALUES(values)));
    *lost = scim_rows_count(rows) == 0;
    if (!*lost) {
        scim_events_tell(call->db, change->kinds);
    }
    return NULL;
}

static scim_error_t *undo_account_creation(int *lost, scim_undo_one_t *one,
                                           scim_call_t *call,
                                           const state_t *state,
                                           const scim_undo_plan_t *plan)
{
    const char *values[3 + SCIM_ACCOUNT_EVENT_VALUES] = {
        call->principal->organization_id, one->id, state->version
    };
    scim_rows_t *rows;

    if (one->is_dry) {
        return NULL;
    }
    scim_accounts_put_events(values + 3, call,
                             scim_events_undo(state->resource, NULL,
                                              SCIM_EVENT_DELETE, plan->undoes,
                                              call->pool));
    SCIM_ERR(scim_db_run(&rows, call->db, SCIM_SQL_ACCOUNT_DELETE,
                         SCIM_VALUES(values)));
    *lost = scim_rows_count(rows) == 0;
    if (!*lost) {
        scim_events_tell(call->db, SCIM_EVENT_DELETE);
    }
    return NULL;
}

static void tell_joined(scim_undo_one_t *one, scim_call_t *call,
                        const char *joined)
{
    apr_int64_t count = apr_atoi64(joined);

    if (count > 0) {
        scim_json_put(one->entry, "groups",
                      cJSON_CreateNumber((double) count));
    }
    for (; count > 0; count--) {
        scim_events_tell(call->db, SCIM_EVENT_PATCH);
    }
}

static scim_error_t *undo_deletion(scim_undo_one_t *one, scim_call_t *call,
                                   const scim_undo_plan_t *plan,
                                   cJSON *wanted)
{
    enum { COLUMNS = 1 + SCIM_ACCOUNT_EVENT_VALUES,
           REST = COLUMNS + SCIM_ACCOUNT_COLUMN_VALUES };
    const char *values[REST + 5] = { call->principal->organization_id };
    scim_rows_t *rows;

    if (!scim_json_text(wanted, "userName")) {
        scim_undo_leave(one, "erased", NULL);
        return NULL;
    }
    if (one->is_dry) {
        return check_owner(one, call, wanted);
    }
    scim_accounts_put_events(values + 1, call,
                             scim_events_undo(NULL, wanted, SCIM_EVENT_CREATE,
                                              plan->undoes, call->pool));
    scim_accounts_put_columns(values + COLUMNS, call, wanted,
                              scim_accounts_role(wanted, call));
    values[REST] = one->id;
    values[REST + 1] = plan->version;
    values[REST + 2] = plan->account;
    values[REST + 3] = plan->groups ? plan->groups : "[]";
    values[REST + 4] = plan->undoes;
    SCIM_ERR(scim_db_run(&rows, call->db, SCIM_SQL_ACCOUNT_RESTORE,
                         SCIM_VALUES(values)));
    if (scim_rows_count(rows) == 0) {
        scim_undo_leave(one, "taken", NULL);
        return NULL;
    }
    scim_events_tell(call->db, SCIM_EVENT_CREATE);
    tell_joined(one, call, scim_rows_value(rows, 0, 0));
    return NULL;
}

static scim_error_t *check_rules(scim_call_t *call, const scim_undo_one_t *one,
                                 const state_t *state)
{
    const scim_principal_t *actor = call->principal;

    if (strcmp(actor->actor_kind, "account") == 0
        && strcmp(actor->actor_id, one->id) == 0) {
        return scim_error(call->pool, SCIM_E_FORBIDDEN,
                          "You cannot undo changes of your own account."
                          " Another administrator can.");
    }
    return state->resource
           ? scim_accounts_check_managed(call, state->managed) : NULL;
}

static scim_error_t *undo_account(int *lost, scim_undo_one_t *one,
                                  scim_call_t *call, const state_t *state,
                                  const scim_undo_plan_t *plan)
{
    cJSON *wanted = state_before(state->resource, plan->set, call);
    const char *name = scim_json_text(wanted, "userName");
    const char *action = plan->is_creation ? "delete"
                         : state->resource ? "change" : "create";

    scim_undo_tell(one, plan, action, name ? name : plan->name);
    SCIM_ERR(check_rules(call, one, state));
    if (plan->is_creation) {
        return undo_account_creation(lost, one, call, state, plan);
    }
    return state->resource
           ? undo_account_change(lost, one, call, state, plan, wanted)
           : undo_deletion(one, call, plan, wanted);
}

/* The account is read before the plan, so that the plan knows each event of
 * the version that was read. */
scim_error_t *scim_undo_account(int *lost, scim_call_t *call, void *baton)
{
    scim_undo_one_t *one = baton;
    scim_undo_plan_t plan;
    scim_error_t *error;
    state_t state;

    SCIM_ERR(read_account_state(&state, call, one->id));
    SCIM_ERR(scim_undo_plan(&plan, call, one));
    if (plan.count == 0 || (!state.resource && plan.is_creation)) {
        return NULL;
    }
    if (scim_undo_is_changed(one, lost, &plan, state.version,
                             state.resource ? scim_json_text(state.resource,
                                                             "userName")
                                            : plan.name)
        || *lost) {
        return NULL;
    }
    if (!state.resource == !plan.deletion) {
        scim_undo_tell(one, &plan, "change", plan.name);
        scim_undo_leave(one, "unrecorded", NULL);
        return NULL;
    }
    error = undo_account(lost, one, call, &state, &plan);
    if (*lost && one->entry) {
        scim_undo_untell(one, call->pool);
    }
    return error ? scim_undo_refused(one, error) : NULL;
}
