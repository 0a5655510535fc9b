/* SPDX-License-Identifier: Apache-2.0 */
/* Changes, refusals and warnings as one list, see scim_activity.h.
 *
 * Both tables take their numbers from one sequence, so the statement merges
 * them in order, and a page goes on before the last number of the page above.
 * Of the statements that a filter allows (scim_activity_filter.h), the first
 * that comes to the end of its walk answers, else the one that came furthest.
 * Texts of a request come from a client and are shortened before they are
 * stored.
 */
#include "resources/scim_activity.h"

#include <string.h>

#include <apr_strings.h>

#include "resources/scim_activity_filter.h"
#include "resources/scim_names.h"
#include "values/scim_bounds.h"
#include "values/scim_csv.h"
#include "values/scim_json.h"
#include "values/scim_text.h"

#define MAX_TEXT 512             /* bytes kept of what a client sent */

/* text, or its beginning that ends with a whole character. */
static const char *shortened(const char *text, apr_pool_t *pool)
{
    apr_size_t length = text ? strlen(text) : 0;

    if (length <= MAX_TEXT) {
        return text;
    }
    length = MAX_TEXT;
    while (length > 0 && !scim_text_is_utf8(text, length)) {
        length--;
    }
    return apr_pstrcat(pool, apr_pstrmemdup(pool, text, length), "...",
                       NULL);
}

/* The parameters of both statements. */
#define PARAMETERS 12
enum { PARAMETER_USER_NAME = 3, PARAMETER_FULL_NAME = 11 };

static const char *sent_user_name(const cJSON *body)
{
    return cJSON_GetStringValue(scim_json_member_nocase(body, "userName"));
}

static void put_asked(const char *values[PARAMETERS],
                      const scim_principal_t *principal,
                      const scim_asked_t *asked, apr_pool_t *pool)
{
    memset(values, 0, PARAMETERS * sizeof(*values));
    values[0] = principal->organization_id;
    values[1] = asked->resource_type;
    if (asked->id && scim_text_is_uuid(asked->id)) {
        values[2] = asked->id;
    }
    values[PARAMETER_USER_NAME] = shortened(sent_user_name(asked->body), pool);
    values[4] = principal->actor_name;
    values[5] = shortened(asked->method, pool);
    values[6] = shortened(asked->path, pool);
    if (asked->resource_type && strcmp(asked->resource_type, "User") == 0) {
        values[PARAMETER_FULL_NAME] = shortened(scim_names_full(asked->body,
                                                                pool), pool);
    }
}

scim_error_t *scim_activity_refused(scim_db_t *db,
                                    const scim_principal_t *principal,
                                    const scim_refusal_t *refusal,
                                    apr_pool_t *pool)
{
    scim_error_kind_e kind = refusal->error->kind;
    const char *values[PARAMETERS];
    scim_rows_t *rows;

    put_asked(values, principal, &refusal->asked, pool);
    values[7] = apr_itoa(pool, scim_error_status(kind));
    values[8] = scim_error_type(kind);
    values[9] = refusal->error->detail;
    values[10] = APR_STRINGIFY(SCIM_REFUSALS_KEPT);
    return scim_db_run(&rows, db, SCIM_SQL_REFUSAL_INSERT,
                       SCIM_VALUES(values));
}

scim_error_t *scim_activity_warned(scim_db_t *db,
                                   const scim_principal_t *principal,
                                   const scim_warning_t *warning,
                                   apr_pool_t *pool)
{
    const char *values[PARAMETERS];
    scim_rows_t *rows;

    put_asked(values, principal, &warning->asked, pool);
    if (scim_note_is_of_mapping(&warning->note)) {
        values[2] = NULL;
        values[PARAMETER_USER_NAME] = NULL;
        values[PARAMETER_FULL_NAME] = NULL;
    }
    values[7] = apr_itoa(pool, warning->status);
    values[9] = scim_note_warning(&warning->note, pool);
    values[10] = APR_STRINGIFY(SCIM_WARNINGS_KEPT);
    return scim_db_run(&rows, db, SCIM_SQL_WARNING_INSERT,
                       SCIM_VALUES(values));
}

/* Lists */

#define MAX_DIGITS 18

/* The rows of a walk; came_to: of the last event that it has looked at, NULL:
 * there are no more. */
typedef struct {
    scim_rows_t *rows;
    int entries;
    const char *came_to;
    const char *at;
} walk_t;

enum { COLUMN_SEQUENCE, COLUMN_ENTRY, COLUMN_CAME_TO };

static scim_error_t *take_walk(walk_t *walk, scim_db_t *db,
                               scim_statement_e statement,
                               const char *const *values)
{
    int last;

    SCIM_ERR(scim_db_run(&walk->rows, db, statement, SCIM_ACTIVITY_VALUES,
                         values));
    last = scim_rows_count(walk->rows) - 1;
    walk->entries = last + 1;
    walk->came_to = NULL;
    walk->at = NULL;
    if (last >= 0 && !scim_rows_value(walk->rows, last, COLUMN_ENTRY)) {
        walk->entries = last;
        walk->came_to = scim_rows_value(walk->rows, last, COLUMN_SEQUENCE);
        walk->at = scim_rows_value(walk->rows, last, COLUMN_CAME_TO);
    }
    return NULL;
}

/* Whether a has come further than b. */
static int is_further(const walk_t *a, const walk_t *b)
{
    return !a->came_to
           || (b->came_to && apr_atoi64(a->came_to) < apr_atoi64(b->came_to));
}

/* Of several statements, each walks a little way before any goes on. */
static scim_error_t *walk_best(walk_t *best, scim_db_t *db,
                               const scim_activity_filter_t *filter,
                               const char *before, int count,
                               apr_pool_t *pool)
{
    static const int lengths[] = { SCIM_ACTIVITY_SHORT, SCIM_ACTIVITY_LONG };
    const char *values[SCIM_ACTIVITY_VALUES];
    int i = filter->count > 1 ? 0 : filter->count;

    *best = (walk_t) { NULL, 0, NULL, NULL };
    for (; i < 2 * filter->count && !(best->rows && !best->came_to); i++) {
        walk_t walk;

        scim_activity_filter_values(values, filter, before, count,
                                    lengths[i / filter->count], pool);
        SCIM_ERR(take_walk(&walk, db,
                           filter->statements[i % filter->count], values));
        if (!best->rows || is_further(&walk, best)) {
            *best = walk;
        }
    }
    return NULL;
}

/* Where the next page begins. */
static void put_next(cJSON *list, const walk_t *walk, int count)
{
    if (walk->entries > count) {
        scim_json_put_text(list, "next",
                           scim_rows_value(walk->rows, count - 1,
                                           COLUMN_SEQUENCE));
    }
    else if (walk->came_to) {
        scim_json_put_text(list, "next", walk->came_to);
        scim_json_put_text(list, "searchedTo", walk->at);
    }
}

scim_error_t *scim_activity_list(cJSON **list, scim_db_t *db,
                                 const scim_activity_filter_t *filter,
                                 const char *before, int count,
                                 apr_pool_t *pool)
{
    cJSON *entries;
    walk_t walk;
    int i;

    if (before && !scim_text_is_digits(before, MAX_DIGITS)) {
        return scim_error(pool, SCIM_E_INVALID_VALUE,
                          "'before' must be the sequence of an entry.");
    }
    SCIM_ERR(walk_best(&walk, db, filter, before, count + 1, pool));
    *list = scim_json_own(cJSON_CreateObject(), pool);
    entries = cJSON_AddArrayToObject(*list, "entries");
    for (i = 0; i < walk.entries && i < count; i++) {
        cJSON *entry = scim_json_stored(scim_rows_value(walk.rows, i,
                                                        COLUMN_ENTRY), pool);

        if (entry) {
            cJSON_AddItemToArray(entries, cJSON_Duplicate(entry, 1));
        }
    }
    put_next(*list, &walk, count);
    if (filter->subjects) {
        scim_json_put(*list, "subjects",
                      cJSON_Duplicate(filter->subjects, 1));
        scim_json_put(*list, "moreSubjects",
                      cJSON_CreateBool(filter->has_more_subjects));
    }
    return NULL;
}

scim_error_t *scim_activity_actors(cJSON **names, scim_db_t *db,
                                   const char *organization_id,
                                   apr_pool_t *pool)
{
    const char *values[] = { organization_id, NULL };
    scim_rows_t *rows;
    cJSON *list;
    int i;

    SCIM_ERR(scim_db_run(&rows, db, SCIM_SQL_ACTIVITY_ACTORS,
                         SCIM_VALUES(values)));
    *names = scim_json_own(cJSON_CreateObject(), pool);
    list = cJSON_AddArrayToObject(*names, "actors");
    for (i = 0; i < scim_rows_count(rows); i++) {
        cJSON_AddItemToArray(list, cJSON_CreateString(
                                 scim_rows_value(rows, i, 0)));
    }
    return NULL;
}

/* CSV */

/* The attributes that have changed, or what the identity provider was told. */
static const char *details_of(const cJSON *entry, apr_pool_t *pool)
{
    const char *detail = scim_json_text(entry, "detail");
    const char *text = scim_json_text(scim_json_member(entry, "data"),
                                      "name");
    const cJSON *name;

    if (detail) {
        return detail;
    }
    cJSON_ArrayForEach(name, scim_json_member(entry, "attributes")) {
        text = text ? apr_pstrcat(pool, text, ", ", name->valuestring, NULL)
                    : name->valuestring;
    }
    return text;
}

/* The values of the attributes on one side of a change, as JSON. */
static const char *side_of(const cJSON *entry, const char *side,
                           apr_pool_t *pool)
{
    const cJSON *values = scim_json_member(scim_json_member(entry, "data"),
                                           side);

    return values && values->child ? scim_json_print(values, pool) : NULL;
}

/* The columns: members of an entry, sides of a change, or its details. */
static const struct {
    const char *head;
    const char *member;
    const char *side;
} csv_columns[] = {
    { "sequence", "sequence", NULL }, { "at", "at", NULL },
    { "outcome", "outcome", NULL }, { "kind", "kind", NULL },
    { "actorKind", "actorKind", NULL }, { "actor", "actor", NULL },
    { "resourceType", "resourceType", NULL },
    { "resourceId", "resourceId", NULL }, { "userName", "userName", NULL },
    { "displayName", "displayName", NULL }, { "method", "method", NULL },
    { "path", "path", NULL }, { "status", "status", NULL },
    { "scimType", "scimType", NULL }, { "details", NULL, NULL },
    { "before", NULL, "before" }, { "after", NULL, "after" }
};
#define CSV_COLUMNS ((int) (sizeof(csv_columns) / sizeof(*csv_columns)))

const char *scim_activity_csv_head(apr_pool_t *pool)
{
    const char *fields[CSV_COLUMNS];
    int i;

    for (i = 0; i < CSV_COLUMNS; i++) {
        fields[i] = csv_columns[i].head;
    }
    return scim_csv_line(fields, CSV_COLUMNS, pool);
}

static const char *csv_field(const cJSON *entry, int column, apr_pool_t *pool)
{
    const cJSON *value = csv_columns[column].member
        ? scim_json_member(entry, csv_columns[column].member) : NULL;

    if (csv_columns[column].side) {
        return side_of(entry, csv_columns[column].side, pool);
    }
    if (!csv_columns[column].member) {
        return details_of(entry, pool);
    }
    return cJSON_IsNumber(value) ? apr_itoa(pool, value->valueint)
                                 : cJSON_GetStringValue(value);
}

const char *scim_activity_csv_line(const cJSON *entry, apr_pool_t *pool)
{
    const char *fields[CSV_COLUMNS];
    int i;

    for (i = 0; i < CSV_COLUMNS; i++) {
        fields[i] = csv_field(entry, i, pool);
    }
    return scim_csv_line(fields, CSV_COLUMNS, pool);
}
