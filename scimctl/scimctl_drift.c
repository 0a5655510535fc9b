/* SPDX-License-Identifier: Apache-2.0 */
/* scimctl drift: accounts that are not as the identity provider would have
 * them, page by page (scim_drift.h). */
#include <stdio.h>
#include <string.h>

#include <apr_strings.h>

#include "resources/scim_drift.h"
#include "scimctl/scimctl_print.h"
#include "scimctl/scimctl_run.h"
#include "scimctl/scimctl_table.h"
#include "values/scim_json.h"

#define PAGE 500

typedef struct {
    scimctl_run_t *run;
    int days;
    scimctl_table_t *table;      /* NULL for JSON */
    scim_call_t call;            /* run's, for the current page */
    int found;
} drift_t;

static void begin_look(drift_t *drift)
{
    apr_pool_clear(drift->call.pool);
    drift->call.db = scim_db_within(drift->run->call.db, drift->call.pool);
}

/* The finding, with the name of the check in front. */
static cJSON *finding_of(const char *check, const cJSON *member,
                         apr_pool_t *pool)
{
    static const char *const names[] = { "id", "userName", "displayName",
                                         "active", "label", "provisionedAt",
                                         "detail", NULL };
    cJSON *finding = scim_json_own(cJSON_CreateObject(), pool);
    int i;

    scim_json_put_text(finding, "check", check);
    for (i = 0; names[i]; i++) {
        scim_json_put(finding, names[i],
                      cJSON_Duplicate(scim_json_member(member, names[i]), 1));
    }
    return finding;
}

static void print_member(drift_t *drift, const char *check,
                         const cJSON *member)
{
    scimctl_table_t *table = drift->table;

    if (!table) {
        putchar(drift->found == 0 ? '[' : ',');
        scimctl_print_json(finding_of(check, member, drift->call.pool),
                           drift->call.pool);
    }
    else {
        scimctl_table_cell(table, check);
        scimctl_table_cell(table, scim_json_text(member, "userName"));
        scimctl_table_cell(table, scim_json_text(member, "displayName"));
        scimctl_table_cell(table, scimctl_yes_or_no(
            cJSON_IsTrue(scim_json_member(member, "active"))));
        scimctl_table_cell(table, scim_json_text(member, "label"));
        scimctl_table_cell(table, scim_json_text(member, "detail"));
        scimctl_table_cell(table, scim_json_text(member, "id"));
    }
    drift->found++;
}

static scim_error_t *run_check(drift_t *drift, const char *check)
{
    scim_members_query_t query = { .cursor = NULL, .count = PAGE };
    const cJSON *member;
    apr_pool_t *place;
    cJSON *page;

    apr_pool_create(&place, drift->run->pool);
    do {
        begin_look(drift);
        SCIM_ERR(scim_drift_list(&page, &drift->call, check, drift->days,
                                 &query));
        cJSON_ArrayForEach(member, scim_json_member(page, "members")) {
            print_member(drift, check, member);
        }
        if (drift->table) {
            scimctl_table_print(drift->table);
        }
        apr_pool_clear(place);
        query.cursor = apr_pstrdup(place, scim_json_text(page, "next"));
    } while (query.cursor);
    apr_pool_destroy(place);
    return NULL;
}

/* Whether it was asked for, or nothing was. */
static int is_wanted(const scimctl_options_t *options, int i)
{
    const int given[] = { options->never, options->not_seen != NULL,
                          options->duplicates, options->inactive_members,
                          options->unverified };
    apr_size_t k = 0;

    while (k < sizeof(given) / sizeof(*given) && !given[k]) {
        k++;
    }
    return given[i] || k == sizeof(given) / sizeof(*given);
}

static scimctl_table_t *make_drift_table(apr_pool_t *pool)
{
    static const char *const heads[] = { "CHECK", "USERNAME", "DISPLAYNAME",
                                         "ACTIVE", "LABEL", "DETAIL", "ID",
                                         NULL };

    return scimctl_table_make(heads, pool);
}

static scim_error_t *read_days(drift_t *drift)
{
    const char *text = drift->run->options.not_seen;
    apr_int64_t days;

    SCIM_ERR(scimctl_number(&days, drift->run, text, SCIM_DRIFT_DAYS));
    if (days > SCIM_DRIFT_MAX_DAYS) {
        return scim_error(drift->run->pool, SCIM_E_INVALID_VALUE,
                          "--not-seen must be at most %d days.",
                          SCIM_DRIFT_MAX_DAYS);
    }
    drift->days = (int) days;
    return NULL;
}

scim_error_t *scimctl_drift(scimctl_run_t *run)
{
    drift_t drift = { .run = run };
    scim_rows_t *rows;
    int i;

    SCIM_ERR(read_days(&drift));
    SCIM_ERR(scimctl_choose_organization(&rows, run));
    drift.table = run->options.json ? NULL : make_drift_table(run->pool);
    drift.call = run->call;
    apr_pool_create(&drift.call.pool, run->pool);
    for (i = 0; scim_drift_checks[i]; i++) {
        if (is_wanted(&run->options, i)) {
            SCIM_ERR(run_check(&drift, scim_drift_checks[i]));
        }
    }
    if (run->options.json) {
        fputs(drift.found == 0 ? "[]\n" : "]\n", stdout);
    }
    return NULL;
}
