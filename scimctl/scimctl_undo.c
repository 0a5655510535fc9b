/* SPDX-License-Identifier: Apache-2.0 */
/* scimctl undo: accounts and groups become what they were before chosen
 * changes (resources/scim_undo.h).
 *
 * It goes on page by page, and prints each account and group at once, so its
 * memory does not depend on how many there are.  Before it asks, it counts
 * what a dry run would do.
 */
#include <stdio.h>
#include <string.h>

#include <apr_strings.h>

#include "resources/scim_undo.h"
#include "scimctl/scimctl_print.h"
#include "scimctl/scimctl_run.h"
#include "scimctl/scimctl_table.h"
#include "values/scim_json.h"
#include "values/scim_text.h"

typedef struct {
    scimctl_run_t *run;
    scim_undo_filter_t filter;
    scimctl_table_t *table;      /* NULL: print nothing, or JSON */
    int is_quiet;
    int is_dry;
    int undone;                  /* accounts and groups */
    int left;
} undo_t;

/* NULL for an option that is not given. */
static const char *time_of(const char *text, apr_pool_t *pool)
{
    return text ? scim_text_of_day(pool, text) : NULL;
}

/* --kind may be given several times, and have several words. */
static apr_array_header_t *split_kinds(const apr_array_header_t *given,
                                       apr_pool_t *pool)
{
    apr_array_header_t *kinds = apr_array_make(pool, 8, sizeof(const char *));
    int i;

    for (i = 0; i < given->nelts; i++) {
        char *rest = apr_pstrdup(pool, APR_ARRAY_IDX(given, i, const char *));

        while (rest) {
            char *comma = strchr(rest, ',');

            if (comma) {
                *comma++ = '\0';
            }
            APR_ARRAY_PUSH(kinds, const char *) = rest;
            rest = comma;
        }
    }
    return kinds;
}

/* The new values, short: "active true, title Engineer, 5 added". */
static const char *values_text(const cJSON *entry, apr_pool_t *pool)
{
    static const struct {
        const char *name;
        const char *text;
    } numbers[] = {
        { "added", "added" }, { "removed", "removed" },
        { "groups", "groups joined" }
    };
    const char *text = "";
    const cJSON *value;
    apr_size_t i;

    cJSON_ArrayForEach(value, scim_json_member(entry, "set")) {
        text = apr_pstrcat(pool, text, *text ? ", " : "", value->string, " ",
                           cJSON_IsString(value) ? value->valuestring
                           : cJSON_IsNull(value) ? "(none)"
                           : scim_json_print(value, pool), NULL);
    }
    for (i = 0; i < sizeof(numbers) / sizeof(*numbers); i++) {
        const cJSON *number = scim_json_member(entry, numbers[i].name);

        if (number) {
            text = apr_psprintf(pool, "%s%s%.0f %s", text, *text ? ", " : "",
                                number->valuedouble, numbers[i].text);
        }
    }
    return text;
}

/* Why it is left, or NULL. */
static const char *left_text(const cJSON *entry, apr_pool_t *pool)
{
    static const char *const reasons[][2] = {
        { "unrecorded", "changed without an event since" },
        { "erased", "its data was erased" },
        { "taken", "its name is taken" }
    };
    const cJSON *left = scim_json_member(entry, "left");
    const char *reason = scim_json_text(left, "reason");
    apr_size_t i;

    for (i = 0; left && i < sizeof(reasons) / sizeof(*reasons); i++) {
        if (strcmp(reason, reasons[i][0]) == 0) {
            return reasons[i][1];
        }
    }
    if (left && strcmp(reason, "changed") == 0) {
        return apr_pstrcat(pool, "changed since by ",
                           scim_json_text(left, "actor"), ", ",
                           scim_json_text(left, "at"), NULL);
    }
    return scim_json_text(left, "detail");
}

static void tell_entry(undo_t *undo, const cJSON *entry, apr_pool_t *pool)
{
    const char *name = scim_json_text(entry, "name");
    const char *type = scim_json_text(entry, "resourceType");
    cJSON *line;

    if (scim_json_member(entry, "left")) {
        undo->left++;
    }
    else {
        undo->undone++;
    }
    if (undo->table) {
        scimctl_table_cell(undo->table, strcmp(type, "Group") == 0
                           ? apr_pstrcat(pool, "group ", name, NULL) : name);
        scimctl_table_cell(undo->table, scim_json_member(entry, "left")
                           ? "leave" : scim_json_text(entry, "action"));
        scimctl_table_cell(undo->table, values_text(entry, pool));
        scimctl_table_cell(undo->table, left_text(entry, pool));
    }
    else if (!undo->is_quiet) {
        line = scim_json_copy(entry, pool);
        scim_json_put(line, "dryRun", cJSON_CreateBool(undo->is_dry));
        if (!name) {
            scim_json_put(line, "name", cJSON_CreateNull());
        }
        scimctl_print_json(line, pool);
    }
}

static scim_error_t *undo_all(undo_t *undo)
{
    scim_undo_filter_t filter = undo->filter;
    apr_pool_t *pool;
    const char *after = NULL;

    apr_pool_create(&pool, undo->run->pool);
    do {
        scim_call_t call = undo->run->call;
        const cJSON *entry;
        cJSON *page;

        call.pool = pool;
        call.db = scim_db_within(undo->run->call.db, pool);
        SCIM_ERR(scim_undo_page(&page, &call, &filter, after,
                                SCIM_UNDO_MAX_COUNT, undo->is_dry));
        cJSON_ArrayForEach(entry, scim_json_member(page, "resources")) {
            tell_entry(undo, entry, pool);
        }
        if (undo->table) {
            scimctl_table_print(undo->table);
        }
        fflush(stdout);
        filter.until = apr_pstrdup(undo->run->pool,
                                   scim_json_text(page, "until"));
        after = scim_json_text(page, "next");
        after = after ? apr_pstrdup(undo->run->pool, after) : NULL;
        apr_pool_clear(pool);
    } while (after);
    undo->filter.until = filter.until;
    apr_pool_destroy(pool);
    return NULL;
}

/* What is counted is what is undone then: later changes are not. */
static scim_error_t *ask_first(undo_t *undo)
{
    undo_t count = *undo;

    if (undo->run->options.yes || undo->is_dry) {
        return NULL;
    }
    count.table = NULL;
    count.is_quiet = count.is_dry = 1;
    SCIM_ERR(undo_all(&count));
    undo->filter.until = count.filter.until;
    return count.undone == 0 ? NULL
        : scimctl_confirm(undo->run, "Accounts and groups of '%s' that would"
                          " be as before: %d. Left as they are: %d. Undo?",
                          undo->run->call.principal->organization_key,
                          count.undone, count.left);
}

static void make_undo_table(undo_t *undo)
{
    static const char *const heads[] = { "ACCOUNT OR GROUP", "WHAT", "SET",
                                         "LEFT BECAUSE", NULL };

    undo->table = scimctl_table_make(heads, undo->run->pool);
}

scim_error_t *scimctl_undo(scimctl_run_t *run)
{
    const scimctl_options_t *given = &run->options;
    undo_t undo = { .run = run, .is_dry = given->dry_run, .filter = {
        time_of(given->since, run->pool),
        time_of(given->until, run->pool), given->actor,
        split_kinds(given->kinds, run->pool), given->account,
        given->sequence } };
    scim_rows_t *rows;

    SCIM_ERR(scimctl_choose_organization(&rows, run));
    SCIM_ERR(ask_first(&undo));
    if (!given->json) {
        make_undo_table(&undo);
    }
    SCIM_ERR(undo_all(&undo));
    scimctl_say(run->pool, undo.is_dry
                ? "Accounts and groups that would be as before: %d. Left as"
                  " they are: %d."
                : "Accounts and groups that are as before: %d. Left as they"
                  " are: %d.", undo.undone, undo.left);
    return NULL;
}
