/* SPDX-License-Identifier: Apache-2.0 */
/* Undo of the changes of a group, see scim_undo.h: its return after a
 * deletion, without members, or its attributes and members.  A version without
 * an event need not be a change by SQL: a group that loses a member with the
 * account gets one.  So it is compared with what its events say. */
#include "resources/scim_undo_parts.h"

#include <string.h>

#include <apr_strings.h>

#include "resources/scim_events.h"
#include "values/scim_json.h"

typedef struct {
    const char *version;         /* NULL: it does not exist */
    const char *name;
    const char *external_id;
} state_t;

static scim_error_t *read_group_state(state_t *state, scim_call_t *call,
                                      const char *id)
{
    const char *values[] = { call->principal->organization_id, id };
    scim_rows_t *rows;
    int is_there;

    SCIM_ERR(scim_db_run(&rows, call->db, SCIM_SQL_GROUP_BY_ID,
                         SCIM_VALUES(values)));
    is_there = scim_rows_count(rows) > 0;
    state->version = is_there ? scim_rows_value(rows, 0, SCIM_GROUP_VERSION)
                              : NULL;
    state->name = is_there ? scim_rows_value(rows, 0, SCIM_GROUP_DISPLAY_NAME)
                           : NULL;
    state->external_id = is_there
        ? scim_rows_value(rows, 0, SCIM_GROUP_EXTERNAL_ID) : NULL;
    return NULL;
}

static void put_count(cJSON *entry, const char *name, apr_int64_t number)
{
    if (number > 0) {
        scim_json_put(entry, name, cJSON_CreateNumber((double) number));
    }
}

/* The number of ids in an array of PostgreSQL, or 0 for NULL. */
static apr_int64_t ids_in(const char *array)
{
    apr_int64_t count = array != NULL;

    for (; array && *array; array++) {
        count += *array == ',';
    }
    return count;
}

static scim_error_t *restore(scim_undo_one_t *one, scim_call_t *call,
                             const scim_undo_plan_t *plan)
{
    const scim_principal_t *actor = call->principal;
    const char *values[] = {
        actor->organization_id, one->id, plan->version,
        scim_json_text(plan->set, "displayName"),
        scim_json_text(plan->set, "externalId"), plan->created,
        plan->groups ? plan->groups : "[]", SCIM_EVENT_CREATE,
        actor->actor_kind, actor->actor_id, actor->actor_name, plan->undoes
    };
    scim_rows_t *rows;

    scim_undo_tell(one, plan, "create", plan->name);
    if (one->is_dry) {
        return NULL;
    }
    SCIM_ERR(scim_db_run(&rows, call->db, SCIM_SQL_GROUP_RESTORE,
                         SCIM_VALUES(values)));
    if (scim_rows_count(rows) == 0) {
        scim_undo_leave(one, "taken", NULL);
        return NULL;
    }
    scim_events_tell(call->db, SCIM_EVENT_CREATE);
    put_count(one->entry, "groups",
              apr_atoi64(scim_rows_value(rows, 0, 0)));
    return NULL;
}

/* Whether the version is not the one that was read. */
static int is_lost(scim_rows_t *rows)
{
    return scim_rows_count(rows) == 0 || !scim_rows_true(rows, 0, 0);
}

static scim_error_t *undo_group_creation(int *lost, scim_undo_one_t *one,
                                         scim_call_t *call,
                                         const state_t *state,
                                         const scim_undo_plan_t *plan)
{
    const scim_principal_t *actor = call->principal;
    const char *values[] = {
        actor->organization_id, one->id, state->version, actor->actor_kind,
        actor->actor_id, actor->actor_name, plan->undoes
    };
    scim_rows_t *rows;

    scim_undo_tell(one, plan, "delete", state->name);
    if (one->is_dry) {
        return NULL;
    }
    SCIM_ERR(scim_db_run(&rows, call->db, SCIM_SQL_GROUP_UNDO_CREATION,
                         SCIM_VALUES(values)));
    *lost = is_lost(rows);
    if (!*lost) {
        scim_events_tell(call->db, SCIM_EVENT_DELETE);
    }
    return NULL;
}

/* What an attribute becomes: NULL as it is, "" nothing. */
static const char *value_before(const cJSON *set, const char *name)
{
    const cJSON *value = scim_json_member(set, name);

    return cJSON_IsNull(value) ? "" : cJSON_GetStringValue(value);
}

static int is_different(const char *wanted, const char *now)
{
    return wanted && strcmp(wanted, now ? now : "") != 0;
}

/* What does not exist is taken for different. */
static int is_same_group(const state_t *state, const scim_undo_plan_t *plan)
{
    return state->version && !plan->adding && !plan->removing
           && !is_different(value_before(plan->set, "displayName"),
                            state->name)
           && !is_different(value_before(plan->set, "externalId"),
                            state->external_id);
}

static scim_error_t *undo_group_change(int *lost, scim_undo_one_t *one,
                                       scim_call_t *call,
                                       const state_t *state,
                                       const scim_undo_plan_t *plan)
{
    const scim_principal_t *actor = call->principal;
    const char *values[] = {
        actor->organization_id, one->id, state->version,
        value_before(plan->set, "displayName"),
        value_before(plan->set, "externalId"),
        plan->adding ? plan->adding : "{}",
        plan->removing ? plan->removing : "{}", actor->actor_kind,
        actor->actor_id, actor->actor_name, plan->undoes
    };
    scim_rows_t *rows;

    scim_undo_tell(one, plan, "change",
                   state->name ? state->name : plan->name);
    if (plan->set && plan->set->child) {
        scim_json_put(one->entry, "set", cJSON_Duplicate(plan->set, 1));
    }
    put_count(one->entry, "added", ids_in(plan->adding));
    put_count(one->entry, "removed", ids_in(plan->removing));
    if (is_same_group(state, plan)) {
        scim_undo_untell(one, call->pool);
        return NULL;
    }
    if (one->is_dry) {
        return NULL;
    }
    SCIM_ERR(scim_db_run(&rows, call->db, SCIM_SQL_GROUP_UNDO,
                         SCIM_VALUES(values)));
    *lost = is_lost(rows);
    if (*lost) {
        return NULL;
    }
    if (scim_rows_true(rows, 0, 1)) {
        scim_events_tell(call->db, SCIM_EVENT_PATCH);
    }
    else {
        scim_undo_untell(one, call->pool);
    }
    return NULL;
}

static int is_first_pass(const scim_undo_one_t *one)
{
    return strcmp(one->pass, "groups") == 0;
}

static scim_error_t *undo_group(int *lost, scim_undo_one_t *one,
                                scim_call_t *call, const state_t *state,
                                const scim_undo_plan_t *plan)
{
    if (plan->is_creation) {
        return undo_group_creation(lost, one, call, state, plan);
    }
    return is_first_pass(one)
           ? restore(one, call, plan)
           : undo_group_change(lost, one, call, state, plan);
}

/* Whether there is nothing to do in this pass: it goes or comes back in the
 * first, and changes in the last one, for which a dry run takes it for there.
 * What did not exist before, and does not, stays so. */
static int is_done(const scim_undo_one_t *one, const state_t *state,
                   const scim_undo_plan_t *plan)
{
    if (plan->count == 0 || (!state->version && plan->is_creation)) {
        return 1;
    }
    return !is_first_pass(one)
           && (plan->is_creation
               || (!state->version && plan->deletion && !one->is_dry));
}

scim_error_t *scim_undo_group(int *lost, scim_call_t *call, void *baton)
{
    scim_undo_one_t *one = baton;
    scim_undo_plan_t plan;
    scim_error_t *error;
    state_t state;

    SCIM_ERR(read_group_state(&state, call, one->id));
    SCIM_ERR(scim_undo_plan(&plan, call, one));
    if (is_done(one, &state, &plan)
        || scim_undo_is_changed(one, lost, &plan, state.version,
                                state.name ? state.name : plan.name)) {
        return NULL;
    }
    if (!state.version == !plan.deletion) {
        scim_undo_tell(one, &plan, "change", plan.name);
        scim_undo_leave(one, "unrecorded", NULL);
        return NULL;
    }
    error = undo_group(lost, one, call, &state, &plan);
    if (*lost && one->entry) {
        scim_undo_untell(one, call->pool);
    }
    return error ? scim_undo_refused(one, error) : NULL;
}
