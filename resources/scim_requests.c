/* SPDX-License-Identifier: Apache-2.0 */
/* The log of requests, see scim_requests.h: written, deleted, read. */
#include "resources/scim_requests.h"

#include <stddef.h>
#include <string.h>

#include <apr_strings.h>

#include "values/scim_json.h"
#include "values/scim_text.h"

/* Writing */

static const char *text_at(const scim_request_t *request, apr_size_t offset)
{
    return *(const char *const *) ((const char *) request + offset);
}

static const char *number_at(const scim_request_t *request,
                             apr_size_t offset, apr_pool_t *pool)
{
    return apr_itoa(pool, *(const int *) ((const char *) request + offset));
}

static const char *time_text(apr_int64_t number, apr_pool_t *pool)
{
    return apr_psprintf(pool, "%" APR_INT64_T_FMT, number);
}

typedef enum { TEXT, NUMBER, AT, DURATION } column_e;

#define MEMBER(type, name) { type, offsetof(scim_request_t, name) }
static const struct {
    column_e type;
    apr_size_t offset;
} columns[] = {
    MEMBER(TEXT, organization_id), MEMBER(AT, at), MEMBER(TEXT, token_id),
    MEMBER(TEXT, actor_name), MEMBER(TEXT, method), MEMBER(TEXT, path),
    MEMBER(TEXT, filter), MEMBER(TEXT, operations), MEMBER(NUMBER, status),
    MEMBER(TEXT, scim_type), MEMBER(TEXT, resource_type),
    MEMBER(TEXT, resource_id), MEMBER(TEXT, request_id),
    MEMBER(DURATION, took), MEMBER(NUMBER, count), MEMBER(NUMBER, changes),
    MEMBER(NUMBER, refusals), MEMBER(NUMBER, warnings)
};
#define COLUMNS (sizeof(columns) / sizeof(*columns))

static const char *column_text(const scim_request_t *request,
                               apr_size_t column, apr_pool_t *pool)
{
    switch (columns[column].type) {
    case TEXT:
        return text_at(request, columns[column].offset);
    case AT:
        return time_text(request->at, pool);
    case DURATION:
        return time_text(request->took / request->count, pool);
    default:
        return number_at(request, columns[column].offset, pool);
    }
}

static const char *column_array(const apr_array_header_t *requests,
                                apr_size_t column, apr_pool_t *pool)
{
    apr_array_header_t *items = apr_array_make(pool, requests->nelts,
                                               sizeof(const char *));
    int i;

    for (i = 0; i < requests->nelts; i++) {
        const scim_request_t *request = APR_ARRAY_IDX(requests, i,
                                                      const scim_request_t *);

        APR_ARRAY_PUSH(items, const char *) = column_text(request, column,
                                                          pool);
    }
    return scim_db_array(pool, items);
}

scim_error_t *scim_requests_write(scim_db_t *db,
                                  const apr_array_header_t *requests,
                                  const apr_array_header_t *seen,
                                  apr_pool_t *pool)
{
    apr_array_header_t *organizations = apr_array_make(pool, seen->nelts,
                                                       sizeof(const char *));
    apr_array_header_t *accounts = apr_array_make(pool, seen->nelts,
                                                  sizeof(const char *));
    const char *values[COLUMNS + 2];
    scim_rows_t *rows;
    apr_size_t column;
    int i;

    for (column = 0; column < COLUMNS; column++) {
        values[column] = column_array(requests, column, pool);
    }
    for (i = 0; i < seen->nelts; i++) {
        const scim_seen_t *one = &APR_ARRAY_IDX(seen, i, scim_seen_t);

        APR_ARRAY_PUSH(organizations, const char *) = one->organization_id;
        APR_ARRAY_PUSH(accounts, const char *) = one->account_id;
    }
    values[COLUMNS] = scim_db_array(pool, organizations);
    values[COLUMNS + 1] = scim_db_array(pool, accounts);
    return scim_db_run(&rows, db, SCIM_SQL_REQUESTS_WRITE,
                       SCIM_VALUES(values));
}

scim_error_t *scim_requests_prune(scim_db_t *db,
                                  const apr_array_header_t *organizations,
                                  apr_pool_t *pool)
{
    const char *values[] = { scim_db_array(pool, organizations) };
    scim_rows_t *rows;

    return scim_db_run(&rows, db, SCIM_SQL_REQUESTS_PRUNE,
                       SCIM_VALUES(values));
}

scim_error_t *scim_requests_sweep(int *has_more, scim_db_t *db)
{
    scim_rows_t *hours;
    scim_rows_t *rows;

    SCIM_ERR(scim_db_run(&rows, db, SCIM_SQL_REQUESTS_SWEEP, 0, NULL));
    SCIM_ERR(scim_db_run(&hours, db, SCIM_SQL_REQUEST_HOURS_SWEEP, 0, NULL));
    *has_more = scim_rows_true(rows, 0, 0) || scim_rows_true(hours, 0, 0);
    return NULL;
}

/* Reading */

static scim_error_t *check_outcome(const char **outcome, apr_pool_t *pool)
{
    static const char *const outcomes[] = { "changed", "refused", "read" };
    apr_size_t i;

    if (!*outcome || strcmp(*outcome, "all") == 0) {
        *outcome = NULL;
        return NULL;
    }
    for (i = 0; i < sizeof(outcomes) / sizeof(*outcomes); i++) {
        if (strcmp(*outcome, outcomes[i]) == 0) {
            return NULL;
        }
    }
    return scim_error(pool, SCIM_E_INVALID_VALUE,
                      "The outcome must be all, changed, refused or read.");
}

/* *text becomes microseconds. */
static scim_error_t *read_instant(const char **text, const char *name,
                                  apr_pool_t *pool)
{
    apr_time_t instant;

    if (!*text) {
        return NULL;
    }
    if (!scim_text_instant(*text, &instant)) {
        return scim_error(pool, SCIM_E_INVALID_VALUE,
                          "'%s' must be a time such as"
                          " 2024-01-31T12:00:00Z.", name);
    }
    *text = time_text(instant, pool);
    return NULL;
}

/* The end of an entry, "1764187200123-45", becomes two numbers. */
static scim_error_t *read_end(const char **at, const char **sequence,
                              const char *before, apr_pool_t *pool)
{
    apr_size_t length;

    *at = *sequence = NULL;
    if (!before) {
        return NULL;
    }
    length = strspn(before, "0123456789");
    *sequence = before + length + 1;
    if (length == 0 || length > 15 || before[length] != '-'
        || !scim_text_is_digits(*sequence, 18)) {
        return scim_error(pool, SCIM_E_INVALID_VALUE,
                          "'before' must be the end of a page.");
    }
    *at = apr_pstrmemdup(pool, before, length);
    return NULL;
}

static void put_entry(cJSON *entries, const char *text, apr_pool_t *pool)
{
    const cJSON *entry = scim_json_stored(text, pool);

    if (entry) {
        cJSON_AddItemToArray(entries, cJSON_Duplicate(entry, 1));
    }
}

scim_error_t *scim_requests_list(cJSON **list, scim_db_t *db,
                                 const char *organization_id,
                                 const scim_requests_query_t *query,
                                 apr_pool_t *pool)
{
    const char *values[] = { organization_id,
                             apr_itoa(pool, query->count + 1), NULL, NULL,
                             query->outcome, query->token, query->since,
                             query->until };
    scim_rows_t *rows;
    cJSON *entries;
    int count;
    int i;

    SCIM_ERR(read_end(&values[2], &values[3], query->before, pool));
    SCIM_ERR(check_outcome(&values[4], pool));
    SCIM_ERR(read_instant(&values[6], "since", pool));
    SCIM_ERR(read_instant(&values[7], "until", pool));
    SCIM_ERR(scim_db_run(&rows, db, SCIM_SQL_REQUEST_LIST,
                         SCIM_VALUES(values)));
    *list = scim_json_own(cJSON_CreateObject(), pool);
    entries = cJSON_AddArrayToObject(*list, "entries");
    count = scim_rows_count(rows);
    for (i = 0; i < count && i < query->count; i++) {
        put_entry(entries, scim_rows_value(rows, i, 1), pool);
    }
    if (count > query->count) {
        scim_json_put_text(*list, "next",
                           scim_rows_value(rows, query->count - 1, 0));
    }
    return NULL;
}

scim_error_t *scim_requests_health(cJSON **health, scim_db_t *db,
                                   const char *organization_id,
                                   apr_pool_t *pool)
{
    const char *values[] = { organization_id };
    scim_rows_t *rows;

    SCIM_ERR(scim_db_run(&rows, db, SCIM_SQL_REQUEST_HEALTH,
                         SCIM_VALUES(values)));
    *health = scim_json_stored(scim_rows_value(rows, 0, 0), pool);
    return NULL;
}
