/* SPDX-License-Identifier: Apache-2.0 */
/* scimctl event purge: old events are deleted.
 *
 * In batches, each a transaction of its own, one organization after the other,
 * from its oldest event on.  What a relay has still to send is kept
 * (statements.sql, PURGE).  If it is interrupted, the next run goes on.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <apr_strings.h>
#include <apr_time.h>
#include <apr_uuid.h>

#include "scimctl/scimctl_print.h"
#include "scimctl/scimctl_run.h"
#include "values/scim_json.h"
#include "values/scim_text.h"

#define MAX_DAYS 36500
#define SECONDS_OF_DAY 86400

typedef struct {
    scimctl_run_t *run;
    const char *only;            /* the organization, or NULL: all */
    const char *before;          /* older events are deleted */
    apr_int64_t deleted;
    int signs;                   /* somebody is watching */
} purge_t;

/* --older-than, a number of days, a day, or a time of a day. */
static scim_error_t *read_age(purge_t *purge)
{
    apr_pool_t *pool = purge->run->pool;
    const char *text = purge->run->options.older_than;
    apr_int64_t days;
    apr_time_t instant;

    if (scim_text_integer(text, &days) && days >= 1 && days <= MAX_DAYS) {
        instant = apr_time_now() - apr_time_from_sec(days * SECONDS_OF_DAY);
    }
    else if (!scim_text_instant(scim_text_of_day(pool, text), &instant)
             || instant > apr_time_now()) {
        return scim_error(pool, SCIM_E_INVALID_VALUE,
                          "--older-than must be a number of days from 1 to %d,"
                          " or a day or a time in the past, such as 2025-01-31"
                          " or 2025-01-31T12:00:00Z.", MAX_DAYS);
    }
    purge->before = scim_text_timestamp(pool, instant);
    return NULL;
}

/* The progress is a line that is overwritten. */
static void show_deleted(const purge_t *purge)
{
    if (purge->signs) {
        fprintf(stderr, "\revents: %" APR_INT64_T_FMT, purge->deleted);
    }
}

/* Go on with the next events of the organization; *at is where. */
static scim_error_t *purge_batch(int *is_end, purge_t *purge,
                                 scim_feed_position_t *at,
                                 const char *organization_id,
                                 apr_pool_t *pool)
{
    const char *values[] = {
        organization_id, at->transaction_id, at->sequence, purge->before,
        purge->run->options.dry_run ? "true" : "false"
    };
    scim_rows_t *rows;

    SCIM_ERR(scim_db_run(&rows, scim_db_within(purge->run->call.db, pool),
                         SCIM_SQL_PURGE, SCIM_VALUES(values)));
    *is_end = scim_rows_count(rows) == 0 || scim_rows_true(rows, 0, 3);
    if (scim_rows_count(rows) > 0) {
        apr_cpystrn(at->transaction_id, scim_rows_value(rows, 0, 0),
                    sizeof(at->transaction_id));
        apr_cpystrn(at->sequence, scim_rows_value(rows, 0, 1),
                    sizeof(at->sequence));
        purge->deleted += apr_atoi64(scim_rows_value(rows, 0, 2));
        show_deleted(purge);
    }
    return NULL;
}

static scim_error_t *purge_organization(purge_t *purge,
                                        const char *organization_id,
                                        apr_pool_t *pool)
{
    scim_feed_position_t at = { "0", "0", "0" };
    apr_pool_t *batch;
    int is_end;

    apr_pool_create(&batch, pool);
    do {
        apr_pool_clear(batch);
        SCIM_ERR(purge_batch(&is_end, purge, &at, organization_id, batch));
    } while (!is_end);
    apr_pool_destroy(batch);
    return NULL;
}

static scim_error_t *purge_all(purge_t *purge)
{
    char id[APR_UUID_FORMATTED_LENGTH + 1]
        = "00000000-0000-0000-0000-000000000000";
    const char *values[] = { id, purge->only };
    apr_pool_t *turn;
    scim_rows_t *rows;

    apr_pool_create(&turn, purge->run->pool);
    for (;;) {
        apr_pool_clear(turn);
        SCIM_ERR(scim_db_run(&rows, scim_db_within(purge->run->call.db, turn),
                             SCIM_SQL_PURGE_NEXT, SCIM_VALUES(values)));
        if (scim_rows_count(rows) == 0) {
            return NULL;
        }
        apr_cpystrn(id, scim_rows_value(rows, 0, 0), sizeof(id));
        SCIM_ERR(purge_organization(purge, id, turn));
    }
}

static void print_purged(const purge_t *purge, const scim_rows_t *kept)
{
    const scimctl_run_t *run = purge->run;
    int i;

    if (purge->signs) {
        fprintf(stderr, "\r%*s\r", 30, "");
    }
    printf("%" APR_INT64_T_FMT " event(s) from before %.19sZ %s.\n",
           purge->deleted, purge->before,
           run->options.dry_run ? "could be deleted" : "deleted");
    for (i = 0; i < scim_rows_count(kept); i++) {
        printf("%s are kept: the relay '%s' has still to send them.\n",
               scim_rows_value(kept, i, 1),
               scimctl_shown(scim_rows_value(kept, i, 0), run->pool));
    }
}

static void print_purged_json(const purge_t *purge, const scim_rows_t *kept)
{
    apr_pool_t *pool = purge->run->pool;
    cJSON *object = scim_json_own(cJSON_CreateObject(), pool);
    cJSON *list = cJSON_CreateArray();
    int i;

    scim_json_put(object, "deleted",
                  cJSON_CreateNumber((double) purge->deleted));
    scim_json_put_text(object, "before", purge->before);
    for (i = 0; i < scim_rows_count(kept); i++) {
        cJSON *relay = cJSON_CreateObject();

        scim_json_put_text(relay, "relay", scim_rows_value(kept, i, 0));
        scim_json_put(relay, "events",
                      scim_json_raw(scim_rows_value(kept, i, 1)));
        cJSON_AddItemToArray(list, relay);
    }
    scim_json_put(object, "kept", list);
    scimctl_print_json(object, pool);
}

scim_error_t *scimctl_purge(scimctl_run_t *run)
{
    purge_t purge = { .run = run, .signs = isatty(STDERR_FILENO) };
    const char *values[2];
    scim_rows_t *rows;

    SCIM_ERR(read_age(&purge));
    if (run->count > 0) {
        SCIM_ERR(scimctl_choose_organization(&rows, run));
        purge.only = run->call.principal->organization_id;
    }
    SCIM_ERR(purge_all(&purge));
    values[0] = purge.only;
    values[1] = purge.before;
    SCIM_ERR(scim_db_run(&rows, run->call.db, SCIM_SQL_PURGE_KEPT,
                         SCIM_VALUES(values)));
    (run->options.json ? print_purged_json : print_purged)(&purge, rows);
    return NULL;
}
