/* SPDX-License-Identifier: Apache-2.0 */
/* The filters of the activity, see scim_activity_filter.h.
 *
 * Words become kinds of events and statuses of refusals, times become ranges
 * of sequences, and names become ids: at most SUBJECTS accounts and groups, so
 * that the walks of the statements are few.
 */
#include "resources/scim_activity_filter.h"

#include <string.h>

#include <apr_strings.h>

#include "resources/scim_events.h"
#include "resources/scim_members.h"
#include "values/scim_json.h"
#include "values/scim_text.h"

#define SUBJECTS 20              /* accounts and groups of one search */

/* Kinds and outcomes */

/* The outcomes that a refusal can have. */
enum { REFUSED = 1, WARNING = 2 };

/* What a word chooses: events of these kinds, or all, and refusals. */
typedef struct {
    const apr_array_header_t *kinds; /* NULL: all */
    int refusals;
    const char *type;            /* of the resource; NULL: any */
} choice_t;

/* Kinds of events that are not written by httpd. */
static const char *const other_kinds[] = {
    "urn:mod_scim:event:account:forget",
    "urn:mod_scim:event:organization:import",
    "urn:mod_scim:event:organization:move",
    "urn:mod_scim:event:organization:delete"
};
#define OTHER_KINDS ((int) (sizeof(other_kinds) / sizeof(*other_kinds)))

#define OURS "urn:mod_scim:event:"

/* The words of "kind", with the beginnings of their kinds.  What is about
 * groups is of all kinds, or of those that the other words say. */
static const struct {
    const char *word;
    const char *kinds[2];
    int refusals;
    const char *type;
} words[] = {
    { "created", { SCIM_EVENT_CREATE }, 0, NULL },
    { "changed", { SCIM_EVENT_PATCH, SCIM_EVENT_PUT }, 0, NULL },
    { "deleted", { SCIM_EVENT_DELETE }, 0, NULL },
    { "activated", { SCIM_EVENT_ACTIVATE }, 0, NULL },
    { "deactivated", { SCIM_EVENT_DEACTIVATE }, 0, NULL },
    { "role", { OURS "role:" }, 0, NULL },
    { "guest", { SCIM_EVENT_GUEST }, 0, NULL },
    { "account", { OURS "account:" }, 0, NULL },
    { "group", { NULL }, 0, "Group" },
    { "token", { OURS "token:" }, 0, NULL },
    { "organization", { OURS "organization:", OURS "provisioning:" }, 0,
      NULL },
    { "guard", { OURS "guard:" }, 0, NULL },
    { "refused", { NULL }, REFUSED, NULL },
    { "warning", { NULL }, WARNING, NULL }
};
#define WORDS ((int) (sizeof(words) / sizeof(*words)))

/* The outcomes, with the beginning of their kinds; NULL: none. */
static const struct {
    const char *outcome;
    const char *kinds;
    int refusals;
} outcomes[] = {
    { "changed", "", 0 },
    { "refused", NULL, REFUSED },
    { "warning", NULL, WARNING },
    { "guest", SCIM_EVENT_GUEST, 0 }
};
#define OUTCOMES ((int) (sizeof(outcomes) / sizeof(*outcomes)))

static int is_of(const char *kind, const char *beginning)
{
    return strncmp(kind, beginning, strlen(beginning)) == 0;
}

static void add_kinds(apr_array_header_t *kinds, const char *beginning)
{
    int i;

    for (i = 0; i < SCIM_EVENT_KINDS + OTHER_KINDS; i++) {
        const char *kind = i < SCIM_EVENT_KINDS
                           ? scim_event_kinds[i]
                           : other_kinds[i - SCIM_EVENT_KINDS];

        if (is_of(kind, beginning)) {
            APR_ARRAY_PUSH(kinds, const char *) = kind;
        }
    }
}

static scim_error_t *add_word(choice_t *choice, apr_array_header_t *kinds,
                              const char *word, apr_pool_t *pool)
{
    int i = 0;
    int j;

    while (i < WORDS && strcmp(words[i].word, word) != 0) {
        i++;
    }
    if (i == WORDS) {
        return scim_error(pool, SCIM_E_INVALID_VALUE,
                          "The kind '%.40s' is unknown.", word);
    }
    for (j = 0; j < 2 && words[i].kinds[j]; j++) {
        add_kinds(kinds, words[i].kinds[j]);
    }
    choice->refusals |= words[i].refusals;
    if (words[i].type) {
        choice->type = words[i].type;
    }
    else {
        choice->kinds = kinds;
    }
    return NULL;
}

static scim_error_t *choose_words(choice_t *choice, const char *text,
                                  apr_pool_t *pool)
{
    apr_array_header_t *kinds = apr_array_make(pool, 8, sizeof(char *));
    char *last;
    char *word;

    *choice = (choice_t) { NULL, 0, NULL };
    SCIM_ERR(scim_members_check_search(text, pool));
    word = apr_strtok(apr_pstrdup(pool, text ? text : ""), ", ", &last);
    for (; word; word = apr_strtok(NULL, ", ", &last)) {
        SCIM_ERR(add_word(choice, kinds, word, pool));
    }
    if (!choice->kinds) {
        choice->refusals = REFUSED | WARNING;
    }
    return NULL;
}

/* Of what the words choose, what has this outcome. */
static scim_error_t *choose_outcome(choice_t *choice, const char *outcome,
                                    apr_pool_t *pool)
{
    apr_array_header_t *kinds = apr_array_make(pool, 8, sizeof(char *));
    int i = 0;
    int j;

    while (i < OUTCOMES && strcmp(outcomes[i].outcome, outcome) != 0) {
        i++;
    }
    if (i == OUTCOMES) {
        return scim_error(pool, SCIM_E_INVALID_VALUE,
                          "The outcome must be changed, refused, warning or"
                          " guest.");
    }
    choice->refusals &= outcomes[i].refusals;
    if (outcomes[i].kinds && !*outcomes[i].kinds) {
        return NULL;
    }
    if (outcomes[i].kinds && !choice->kinds) {
        add_kinds(kinds, outcomes[i].kinds);
    }
    for (j = 0; outcomes[i].kinds && choice->kinds
                && j < choice->kinds->nelts; j++) {
        const char *kind = APR_ARRAY_IDX(choice->kinds, j, const char *);

        if (is_of(kind, outcomes[i].kinds)) {
            APR_ARRAY_PUSH(kinds, const char *) = kind;
        }
    }
    choice->kinds = kinds;
    return NULL;
}

/* Whether the index of rare kinds has them all (statements.sql). */
static int are_rare(const apr_array_header_t *kinds)
{
    int i;

    for (i = 0; i < kinds->nelts; i++) {
        const char *kind = APR_ARRAY_IDX(kinds, i, const char *);

        if (strcmp(kind, SCIM_EVENT_PATCH) == 0
            || strcmp(kind, SCIM_EVENT_PUT) == 0) {
            return 0;
        }
    }
    return 1;
}

static void put_choice(scim_activity_filter_t *filter, const choice_t *choice,
                       apr_pool_t *pool)
{
    static const char *const statuses[][2] = {
        { "1000", "0" }, { "400", "999" }, { "0", "399" }, { "0", "999" }
    };

    filter->values[SCIM_ACTIVITY_KINDS] =
        choice->kinds ? scim_db_array(pool, choice->kinds) : NULL;
    filter->values[SCIM_ACTIVITY_TYPE] = choice->type;
    filter->values[SCIM_ACTIVITY_LEAST_STATUS] =
        statuses[choice->refusals][0];
    filter->values[SCIM_ACTIVITY_LAST_STATUS] = statuses[choice->refusals][1];
}

/* Times */

static scim_error_t *read_time(const char **time, const char *text,
                               const char *name, apr_pool_t *pool)
{
    apr_time_t instant;

    if (!text) {
        *time = NULL;
        return NULL;
    }
    if (!scim_text_instant(scim_text_of_day(pool, text), &instant)) {
        return scim_error(pool, SCIM_E_INVALID_VALUE,
                          "'%s' must be a day or a time, such as 2026-01-31 or"
                          " 2026-01-31T12:00:00Z.", name);
    }
    *time = scim_text_timestamp(pool, instant);
    return NULL;
}

static scim_error_t *choose_times(scim_activity_filter_t *filter,
                                  scim_db_t *db,
                                  const scim_activity_query_t *query,
                                  apr_pool_t *pool)
{
    const char **values = filter->values;
    const char *times[3] = { values[SCIM_ACTIVITY_ORGANIZATION] };
    scim_rows_t *rows;

    SCIM_ERR(read_time(&times[1], query->since, "since", pool));
    SCIM_ERR(read_time(&times[2], query->until, "until", pool));
    if (!times[1] && !times[2]) {
        return NULL;
    }
    values[SCIM_ACTIVITY_SINCE] = times[1];
    values[SCIM_ACTIVITY_UNTIL] = times[2];
    SCIM_ERR(scim_db_run(&rows, db, SCIM_SQL_ACTIVITY_BETWEEN,
                         SCIM_VALUES(times)));
    values[SCIM_ACTIVITY_FROM] = scim_rows_value(rows, 0, 0);
    values[SCIM_ACTIVITY_BEFORE] = scim_rows_value(rows, 0, 1);
    return NULL;
}

/* Names */

/* *count: how many ranges these are. */
static scim_error_t *choose_actors(scim_activity_filter_t *filter,
                                   scim_db_t *db, const char *actor,
                                   int *count, apr_pool_t *pool)
{
    const char *values[] = { filter->values[SCIM_ACTIVITY_ORGANIZATION],
                             actor };
    apr_array_header_t *names = apr_array_make(pool, 8, sizeof(char *));
    scim_rows_t *rows;
    int i;

    *count = 0;
    if (!actor) {
        return NULL;
    }
    SCIM_ERR(scim_members_check_search(actor, pool));
    SCIM_ERR(scim_db_run(&rows, db, SCIM_SQL_ACTIVITY_ACTORS,
                         SCIM_VALUES(values)));
    *count = scim_rows_count(rows);
    for (i = 0; i < *count; i++) {
        APR_ARRAY_PUSH(names, const char *) = scim_rows_value(rows, i, 0);
    }
    filter->values[SCIM_ACTIVITY_ACTORS] = scim_db_array(pool, names);
    return NULL;
}

enum { SUBJECT_TYPE, SUBJECT_ID, SUBJECT_NAME, SUBJECT_DISPLAY_NAME,
       SUBJECT_KEY, SUBJECT_IS_WHOLE, SUBJECT_FORMERLY };

static cJSON *subject_of(const scim_rows_t *rows, int row)
{
    static const char *const names[] = { "type", "id", "name",
                                         "displayName" };
    cJSON *subject = cJSON_CreateObject();
    int i;

    for (i = SUBJECT_TYPE; i <= SUBJECT_DISPLAY_NAME; i++) {
        scim_json_put_text(subject, names[i], scim_rows_value(rows, row, i));
    }
    scim_json_put_text(subject, "formerly",
                       scim_rows_value(rows, row, SUBJECT_FORMERLY));
    return subject;
}

static void take_subjects(scim_activity_filter_t *filter,
                          const scim_rows_t *rows, int count,
                          apr_pool_t *pool)
{
    apr_array_header_t *accounts = apr_array_make(pool, 8, sizeof(char *));
    apr_array_header_t *groups = apr_array_make(pool, 8, sizeof(char *));
    apr_array_header_t *keys = apr_array_make(pool, 8, sizeof(char *));
    cJSON *subjects = scim_json_own(cJSON_CreateArray(), pool);
    int i;

    for (i = 0; i < count; i++) {
        int is_user = strcmp(scim_rows_value(rows, i, SUBJECT_TYPE), "User")
                      == 0;
        const char *key = scim_rows_value(rows, i, SUBJECT_KEY);

        APR_ARRAY_PUSH(is_user ? accounts : groups, const char *) =
            scim_rows_value(rows, i, SUBJECT_ID);
        if (key) {
            APR_ARRAY_PUSH(keys, const char *) = key;
        }
        if (scim_rows_value(rows, i, SUBJECT_NAME)) {
            cJSON_AddItemToArray(subjects, subject_of(rows, i));
        }
    }
    filter->values[SCIM_ACTIVITY_ACCOUNTS] = scim_db_array(pool, accounts);
    filter->values[SCIM_ACTIVITY_GROUPS] = scim_db_array(pool, groups);
    filter->values[SCIM_ACTIVITY_USER_NAMES] = scim_db_array(pool, keys);
    filter->subjects = subjects;
}

/* *count: how many ranges these are.  Somebody who was refused may have no
 * account: hence also the refusals with this part of a userName, unless it is
 * the whole name of something else. */
static scim_error_t *choose_subjects(scim_activity_filter_t *filter,
                                     scim_db_t *db, const char *text,
                                     int *count, apr_pool_t *pool)
{
    const char *values[] = { filter->values[SCIM_ACTIVITY_ORGANIZATION],
                             text };
    scim_rows_t *rows;

    *count = 0;
    if (!text) {
        return NULL;
    }
    SCIM_ERR(scim_members_check_search(text, pool));
    SCIM_ERR(scim_db_run(&rows, db, SCIM_SQL_ACTIVITY_SUBJECTS,
                         SCIM_VALUES(values)));
    *count = scim_rows_count(rows);
    if (*count > SUBJECTS) {
        *count = SUBJECTS;
        filter->has_more_subjects = 1;
    }
    take_subjects(filter, rows, *count, pool);
    if (*count == 0 || !scim_rows_true(rows, 0, SUBJECT_IS_WHOLE)) {
        filter->values[SCIM_ACTIVITY_PART] = text;
    }
    return NULL;
}

/* The statements that walk least */

static void add_statement(scim_activity_filter_t *filter,
                          scim_statement_e statement, int ranges)
{
    filter->statements[filter->count++] = statement;
    if (ranges > filter->ranges) {
        filter->ranges = ranges;
    }
}

scim_error_t *scim_activity_choose(scim_activity_filter_t **filter,
                                   scim_db_t *db, const char *organization_id,
                                   const scim_activity_query_t *query,
                                   apr_pool_t *pool)
{
    scim_activity_filter_t *new = apr_pcalloc(pool, sizeof(*new));
    int subjects;
    choice_t choice;
    int actors;

    *filter = new;
    new->values[SCIM_ACTIVITY_ORGANIZATION] = organization_id;
    SCIM_ERR(choose_words(&choice, query->kind, pool));
    if (query->outcome) {
        SCIM_ERR(choose_outcome(&choice, query->outcome, pool));
    }
    put_choice(new, &choice, pool);
    SCIM_ERR(choose_times(new, db, query, pool));
    SCIM_ERR(choose_actors(new, db, query->actor, &actors, pool));
    SCIM_ERR(choose_subjects(new, db, query->account, &subjects, pool));
    if (query->account) {
        add_statement(new, SCIM_SQL_ACTIVITY_OF_RESOURCES, subjects);
        return NULL;
    }
    if (choice.kinds && are_rare(choice.kinds)) {
        add_statement(new, SCIM_SQL_ACTIVITY_OF_KINDS, choice.kinds->nelts);
    }
    if (query->actor) {
        add_statement(new, SCIM_SQL_ACTIVITY_OF_ACTORS, actors);
    }
    if (choice.type) {
        add_statement(new, SCIM_SQL_ACTIVITY_OF_GROUPS, 1);
    }
    if (new->count == 0) {
        add_statement(new, SCIM_SQL_ACTIVITY, 1);
    }
    return NULL;
}

void scim_activity_filter_values(const char **values,
                                 const scim_activity_filter_t *filter,
                                 const char *before, int count, int length,
                                 apr_pool_t *pool)
{
    const char *until = filter->values[SCIM_ACTIVITY_BEFORE];
    int walk = length / (filter->ranges > 0 ? filter->ranges : 1);

    memcpy(values, filter->values, sizeof(filter->values));
    if (before && (!until || apr_atoi64(before) < apr_atoi64(until))) {
        values[SCIM_ACTIVITY_BEFORE] = before;
    }
    values[SCIM_ACTIVITY_COUNT] = apr_itoa(pool, count);
    values[SCIM_ACTIVITY_WALK] = apr_itoa(pool, walk < count ? count : walk);
}
