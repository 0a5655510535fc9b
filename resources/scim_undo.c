/* SPDX-License-Identifier: Apache-2.0 */
/* Undo, see scim_undo.h: from the filter to single accounts and groups.
 *
 * There are three passes, so that everything finds its place again, however
 * changes of accounts and of groups followed each other: groups that were
 * created go, and deleted ones come back without members; then accounts, which
 * return to their groups; then groups become what they were.  A pass goes from
 * the latest event to the oldest by a cursor, so memory does not depend on how
 * many there are.
 */
#include "resources/scim_undo.h"

#include <string.h>

#include <apr_strings.h>
#include <apr_time.h>

#include "resources/scim_store.h"
#include "resources/scim_undo_parts.h"
#include "values/scim_json.h"
#include "values/scim_text.h"

/* As many events of one account or group are undone by one change, unless they
 * cancel one another out. */
#define MAX_EVENTS 1000
#define ALL_EVENTS 1000000000

/* A version that is older than its last event so often is no race. */
#define MAX_RACES 20

const char *const scim_undo_kinds[] = {
    "create", "change", "delete", "activate", "deactivate", "role", "group",
    NULL
};

static const struct {
    const char *name;
    scim_store_try_fn *undo;
} passes[] = {
    { "groups", scim_undo_group },
    { "accounts", scim_undo_account },
    { "members", scim_undo_group }
};
#define PASSES ((int) (sizeof(passes) / sizeof(*passes)))

/* The plan */

enum {
    COLUMN_UNDOES, COLUMN_HAS_MORE, COLUMN_IS_CREATION, COLUMN_DELETION,
    COLUMN_ACCOUNT, COLUMN_GROUPS, COLUMN_CREATED, COLUMN_SET, COLUMN_ADDING,
    COLUMN_REMOVING, COLUMN_OTHER_ACTOR, COLUMN_OTHER_TIME, COLUMN_OTHER_KIND,
    COLUMN_VERSION, COLUMN_IS_WHOLE, COLUMN_NAME
};

scim_error_t *scim_undo_plan(scim_undo_plan_t *plan, scim_call_t *call,
                             scim_undo_one_t *one)
{
    const char *values[SCIM_UNDO_VALUES + 4];
    const char *set;
    scim_error_t *error;
    scim_rows_t *rows;

    memset(plan, 0, sizeof(*plan));
    memcpy(values, one->filter, SCIM_UNDO_VALUES * sizeof(*values));
    values[SCIM_UNDO_VALUES] = one->type;
    values[SCIM_UNDO_VALUES + 1] = one->id;
    values[SCIM_UNDO_VALUES + 2] = one->pass;
    values[SCIM_UNDO_VALUES + 3] = apr_itoa(call->pool, one->limit);
    error = scim_db_run(&rows, call->db, SCIM_SQL_UNDO_PLAN,
                        SCIM_VALUES(values));
    if (error) {
        scim_undo_tell(one, plan, "change", NULL);
        return scim_undo_refused(one, error);
    }
    set = scim_rows_value(rows, 0, COLUMN_SET);
    plan->undoes = scim_rows_value(rows, 0, COLUMN_UNDOES);
    plan->count = plan->undoes
        ? cJSON_GetArraySize(scim_json_stored(plan->undoes, call->pool)) : 0;
    plan->has_more = scim_rows_true(rows, 0, COLUMN_HAS_MORE);
    plan->is_creation = scim_rows_true(rows, 0, COLUMN_IS_CREATION);
    plan->deletion = scim_rows_value(rows, 0, COLUMN_DELETION);
    plan->account = scim_rows_value(rows, 0, COLUMN_ACCOUNT);
    plan->groups = scim_rows_value(rows, 0, COLUMN_GROUPS);
    plan->created = scim_rows_value(rows, 0, COLUMN_CREATED);
    plan->set = set ? scim_json_stored(set, call->pool) : NULL;
    plan->adding = scim_rows_value(rows, 0, COLUMN_ADDING);
    plan->removing = scim_rows_value(rows, 0, COLUMN_REMOVING);
    plan->other_actor = scim_rows_value(rows, 0, COLUMN_OTHER_ACTOR);
    plan->other_time = scim_rows_value(rows, 0, COLUMN_OTHER_TIME);
    plan->other_kind = scim_rows_value(rows, 0, COLUMN_OTHER_KIND);
    plan->version = scim_rows_value(rows, 0, COLUMN_VERSION);
    plan->is_whole = scim_rows_true(rows, 0, COLUMN_IS_WHOLE);
    plan->name = scim_rows_value(rows, 0, COLUMN_NAME);
    return NULL;
}

/* What is told */

void scim_undo_tell(scim_undo_one_t *one, const scim_undo_plan_t *plan,
                    const char *action, const char *name)
{
    one->entry = cJSON_CreateObject();
    scim_json_put_text(one->entry, "resourceType", one->type);
    scim_json_put_text(one->entry, "id", one->id);
    scim_json_put_text(one->entry, "name", name);
    scim_json_put_text(one->entry, "action", action);
    scim_json_put(one->entry, "undone", cJSON_CreateNumber(plan->count));
    one->has_more = plan->has_more;
}

void scim_undo_untell(scim_undo_one_t *one, apr_pool_t *pool)
{
    scim_json_own(one->entry, pool);
    one->entry = NULL;
}

static cJSON *add_left(scim_undo_one_t *one, const char *reason)
{
    static const char *const undone[] = { "undone", "set", "added", "removed",
                                          "groups" };
    cJSON *left = cJSON_CreateObject();
    apr_size_t i;

    for (i = 0; i < sizeof(undone) / sizeof(*undone); i++) {
        scim_json_drop(one->entry, undone[i]);
    }
    scim_json_put_text(left, "reason", reason);
    scim_json_put(one->entry, "left", left);
    one->has_more = 0;
    return left;
}

void scim_undo_leave(scim_undo_one_t *one, const char *reason,
                     const char *detail)
{
    scim_json_put_text(add_left(one, reason), "detail", detail);
}

int scim_undo_is_changed(scim_undo_one_t *one, int *lost,
                         const scim_undo_plan_t *plan, const char *version,
                         const char *name)
{
    static const char forget[] = "urn:mod_scim:event:account:forget";
    int is_user = strcmp(one->type, "User") == 0;
    int is_known = !is_user || !version
                   || apr_atoi64(version) == apr_atoi64(plan->version);
    cJSON *left;

    if (!is_known && apr_atoi64(version) < apr_atoi64(plan->version)
        && one->races++ < MAX_RACES) {
        *lost = 1;
        return 0;
    }
    if (!plan->other_actor && is_known && plan->is_whole) {
        return 0;
    }
    scim_undo_tell(one, plan, "change", name);
    if (plan->other_kind && strcmp(plan->other_kind, forget) == 0) {
        scim_undo_leave(one, "erased", NULL);
        return 1;
    }
    left = add_left(one, plan->other_actor ? "changed" : "unrecorded");
    scim_json_put_text(left, "actor", plan->other_actor);
    scim_json_put_text(left, "at", plan->other_time);
    return 1;
}

scim_error_t *scim_undo_refused(scim_undo_one_t *one, scim_error_t *error)
{
    switch (error->kind) {
    case SCIM_E_UNIQUENESS:
        scim_undo_leave(one, "taken", NULL);
        return NULL;
    case SCIM_E_FORBIDDEN:
    case SCIM_E_INVALID_VALUE:
        scim_undo_leave(one, "refused", error->detail);
        return NULL;
    default:
        return error;
    }
}

/* The filter */

static scim_error_t *check_time(const char **time, apr_time_t *instant,
                                const char *name, const char *text,
                                apr_pool_t *pool)
{
    if (text && !scim_text_instant(text, instant)) {
        return scim_error(pool, SCIM_E_INVALID_VALUE,
                          "'%s' must be a date and time such as"
                          " 2027-01-31T12:00:00Z.", name);
    }
    *time = text ? scim_text_timestamp(pool, *instant) : NULL;
    return NULL;
}

static scim_error_t *check_kinds(const char **array,
                                 const apr_array_header_t *kinds,
                                 apr_pool_t *pool)
{
    int i;

    for (i = 0; kinds && i < kinds->nelts; i++) {
        const char *kind = APR_ARRAY_IDX(kinds, i, const char *);
        int known = 0;

        while (scim_undo_kinds[known]
               && strcmp(kind, scim_undo_kinds[known]) != 0) {
            known++;
        }
        if (!scim_undo_kinds[known]) {
            return scim_error(pool, SCIM_E_INVALID_VALUE,
                              "A kind of change must be create, change,"
                              " delete, activate, deactivate, role or"
                              " group.");
        }
    }
    *array = kinds && kinds->nelts > 0 ? scim_db_array(pool, kinds) : NULL;
    return NULL;
}

static int is_sequence(const char *text)
{
    apr_int64_t number;

    return scim_text_integer(text, &number) && number > 0;
}

/* Until when: what happens while it is undone, is not. */
static scim_error_t *choose_end(const char **until, scim_call_t *call)
{
    scim_rows_t *rows;

    SCIM_ERR(scim_db_run(&rows, call->db, SCIM_SQL_UNDO_BEGIN, 0, NULL));
    *until = scim_rows_value(rows, 0, 0);
    return NULL;
}

static scim_error_t *read_filter(const char **values, scim_call_t *call,
                                 const scim_undo_filter_t *filter)
{
    apr_time_t since = 0;
    apr_time_t until = 0;

    if (!filter->since && !filter->account && !filter->sequence) {
        return scim_error(call->pool, SCIM_E_INVALID_VALUE,
                          "Say since when, for which account or group, or"
                          " which change is to be undone.");
    }
    if (filter->sequence && !is_sequence(filter->sequence)) {
        return scim_error(call->pool, SCIM_E_INVALID_VALUE,
                          "'sequence' must be the sequence of a change.");
    }
    values[SCIM_UNDO_ORGANIZATION] = call->principal->organization_id;
    SCIM_ERR(check_time(&values[SCIM_UNDO_SINCE], &since, "since",
                        filter->since, call->pool));
    SCIM_ERR(check_time(&values[SCIM_UNDO_UNTIL], &until, "until",
                        filter->until, call->pool));
    if (filter->since && filter->until && since >= until) {
        return scim_error(call->pool, SCIM_E_INVALID_VALUE,
                          "'until' must be after 'since'.");
    }
    values[SCIM_UNDO_ACTOR] = filter->actor;
    SCIM_ERR(check_kinds(&values[SCIM_UNDO_KINDS], filter->kinds,
                         call->pool));
    values[SCIM_UNDO_SEQUENCE] = filter->sequence;
    return filter->until ? NULL : choose_end(&values[SCIM_UNDO_UNTIL], call);
}

/* Pages */

/* A page under way. */
typedef struct {
    scim_call_t *call;
    const char *const *filter;
    int is_dry;
    cJSON *resources;
} work_t;

/* What another part of the events of the same account or group has done. */
static void add_entry(cJSON *first, cJSON *next)
{
    static const char *const numbers[] = { "undone", "added", "removed" };
    cJSON *set = scim_json_member(first, "set");
    const cJSON *value;
    apr_size_t i;

    for (i = 0; i < sizeof(numbers) / sizeof(*numbers); i++) {
        const cJSON *more = scim_json_member(next, numbers[i]);
        const cJSON *old = scim_json_member(first, numbers[i]);

        if (more) {
            scim_json_put(first, numbers[i],
                          cJSON_CreateNumber(more->valuedouble
                                             + (old ? old->valuedouble : 0)));
        }
    }
    if (scim_json_member(next, "left")) {
        scim_json_put(first, "left",
                      cJSON_Duplicate(scim_json_member(next, "left"), 1));
    }
    cJSON_ArrayForEach(value, scim_json_member(next, "set")) {
        if (!set) {
            set = cJSON_AddObjectToObject(first, "set");
        }
        cJSON_DeleteItemFromObjectCaseSensitive(set, value->string);
        cJSON_AddItemToObject(set, value->string, cJSON_Duplicate(value, 1));
    }
}

static scim_error_t *undo_one(work_t *work, int pass, const char *type,
                              const char *id)
{
    scim_undo_one_t one = { work->filter, type, id, passes[pass].name,
                            work->is_dry,
                            work->is_dry ? ALL_EVENTS : MAX_EVENTS,
                            NULL, 0, 0 };
    cJSON *entry = NULL;

    do {
        scim_error_t *error;

        one.entry = NULL;
        one.has_more = 0;
        error = scim_store_change(work->call, passes[pass].undo, &one);
        if (one.entry && !entry) {
            entry = one.entry;
            cJSON_AddItemToArray(work->resources, entry);
        }
        else if (one.entry) {
            add_entry(entry, scim_json_own(one.entry, work->call->pool));
        }
        SCIM_ERR(error);
        /* Without an event of the undoing, the same would be chosen again. */
        one.limit = one.entry ? MAX_EVENTS : 2 * one.limit;
    } while (one.has_more);
    return NULL;
}

/* All of one name, or of one event: they are few. */
static scim_error_t *undo_named(work_t *work, const char *name)
{
    const char *values[] = { work->filter[SCIM_UNDO_ORGANIZATION], name,
                             work->filter[SCIM_UNDO_SEQUENCE] };
    scim_rows_t *rows;
    int pass, i;

    SCIM_ERR(scim_db_run(&rows, work->call->db, SCIM_SQL_UNDO_NAMED,
                         SCIM_VALUES(values)));
    if (scim_rows_count(rows) == 0) {
        return scim_error(work->call->pool, SCIM_E_NOT_FOUND,
                          "There is no account, group or change of that name"
                          " or number.");
    }
    for (pass = 0; pass < PASSES; pass++) {
        for (i = 0; i < scim_rows_count(rows); i++) {
            const char *type = scim_rows_value(rows, i, 0);

            if ((strcmp(type, "User") == 0)
                == (passes[pass].undo == scim_undo_account)) {
                SCIM_ERR(undo_one(work, pass, type,
                                  scim_rows_value(rows, i, 1)));
            }
        }
    }
    return NULL;
}

/* Where a page begins: "PASS.SEQUENCE", after the event of that number. */
static scim_error_t *read_cursor(int *pass, const char **sequence,
                                 const char *after, apr_pool_t *pool)
{
    *pass = 0;
    *sequence = NULL;
    if (!after) {
        return NULL;
    }
    *pass = after[0] - '0';
    *sequence = *pass >= 0 && *pass < PASSES && after[1] == '.'
                && is_sequence(after + 2) ? after + 2 : NULL;
    return *sequence ? NULL
        : scim_error(pool, SCIM_E_INVALID_VALUE,
                     "'after' must be 'next' of the page before.");
}

static scim_error_t *undo_page(work_t *work, const char **next,
                               const char *after, int count)
{
    const char *values[8];
    int pass;

    memcpy(values, work->filter, 5 * sizeof(*values));
    SCIM_ERR(read_cursor(&pass, &values[6], after, work->call->pool));
    for (; pass < PASSES && count > 0; pass++, values[6] = NULL) {
        scim_rows_t *rows;
        int i;

        values[5] = passes[pass].name;
        values[7] = apr_itoa(work->call->pool, count);
        SCIM_ERR(scim_db_run(&rows, work->call->db, SCIM_SQL_UNDO_RESOURCES,
                             SCIM_VALUES(values)));
        for (i = 0; i < scim_rows_count(rows); i++) {
            SCIM_ERR(undo_one(work, pass, scim_rows_value(rows, i, 0),
                              scim_rows_value(rows, i, 1)));
        }
        count -= scim_rows_count(rows);
        if (count == 0) {
            *next = apr_psprintf(work->call->pool, "%d.%s", pass,
                                 scim_rows_value(rows, i - 1, 2));
        }
    }
    return NULL;
}

scim_error_t *scim_undo_page(cJSON **page, scim_call_t *call,
                             const scim_undo_filter_t *filter,
                             const char *after, int count, int is_dry)
{
    const char *values[SCIM_UNDO_VALUES] = { NULL };
    const char *next = NULL;
    work_t work = { call, values, is_dry, NULL };

    SCIM_ERR(read_filter(values, call, filter));
    *page = scim_json_own(cJSON_CreateObject(), call->pool);
    work.resources = cJSON_AddArrayToObject(*page, "resources");
    if (filter->account || filter->sequence) {
        SCIM_ERR(undo_named(&work, filter->account));
    }
    else {
        SCIM_ERR(undo_page(&work, &next, after, count));
    }
    scim_json_put_text(*page, "until", values[SCIM_UNDO_UNTIL]);
    scim_json_put_text(*page, "next", next);
    return NULL;
}
