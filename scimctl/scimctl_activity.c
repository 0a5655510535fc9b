/* SPDX-License-Identifier: Apache-2.0 */
/* scimctl activity: what happened in an organization. */
#include <stdio.h>
#include <string.h>

#include <apr_hash.h>
#include <apr_strings.h>

#include "resources/scim_activity.h"
#include "resources/scim_undone.h"
#include "values/scim_json.h"
#include "scimctl/scimctl_print.h"
#include "scimctl/scimctl_run.h"
#include "scimctl/scimctl_table.h"

#define MAX_ENTRIES 100000
#define MIN_LOOK 100             /* entries: late ones are among them */
#define MAX_PAGE 1000
#define FOLLOW_INTERVAL apr_time_from_sec(1)

/* How many members a change of a group has added and removed, or those that it
 * had when it was deleted; text comes before it. */
static const char *with_members(const char *text, const cJSON *entry,
                                apr_pool_t *pool)
{
    static const char *const parts[] = { "added", "removed", "members", NULL };
    const cJSON *data = scim_json_member(entry, "data");
    int i;

    for (i = 0; parts[i]; i++) {
        const cJSON *part = scim_json_member(data, parts[i]);
        const cJSON *count = scim_json_member(part, "count");

        count = count ? count : part;
        if (cJSON_IsNumber(count) && count->valueint > 0) {
            text = apr_psprintf(pool, "%s%s%d %s", text, *text ? ", " : "",
                                count->valueint, parts[i]);
        }
    }
    return text;
}

/* The account, or the group, that an entry is about; of a person who was
 * forgotten, the id. */
static const char *entry_subject(const cJSON *entry, apr_pool_t *pool)
{
    const char *type = scim_json_text(entry, "resourceType");
    const char *full = scim_json_text(entry, "displayName");
    const char *name = scim_json_text(entry, "userName");

    if (full && type && strcmp(type, "Group") == 0) {
        return apr_pstrcat(pool, "group ", full, NULL);
    }
    return name ? name : full ? full : scim_json_text(entry, "accountId");
}

static const char *with_undone(const char *text, const cJSON *entry,
                               apr_pool_t *pool)
{
    const char *actor = scim_json_text(scim_json_member(entry, "undone"),
                                       "actor");

    return actor ? apr_psprintf(pool, "%s (undone by %s)", text, actor) : text;
}

/* The details of an entry: the changed attributes and who has undone this, the
 * token, or the request with what was refused or lost. */
static const char *entry_text(const cJSON *entry, apr_pool_t *pool)
{
    const char *token = scim_json_text(scim_json_member(entry, "data"),
                                       "name");
    const cJSON *name;
    const char *text = token ? token : "";

    if (scim_json_text(entry, "detail")) {
        return apr_psprintf(pool, "%s %s: %s", scim_json_text(entry, "method"),
                            scim_json_text(entry, "path"),
                            scim_json_text(entry, "detail"));
    }
    cJSON_ArrayForEach(name, scim_json_member(entry, "attributes")) {
        text = apr_pstrcat(pool, text, *text ? ", " : "", name->valuestring,
                           NULL);
    }
    return with_undone(with_members(text, entry, pool), entry, pool);
}

/* The last words of an event URI; the outcome and status of a request. */
static const char *entry_kind(const cJSON *entry, apr_pool_t *pool)
{
    const char *kind = scim_json_text(entry, "kind");
    const char *event = kind ? strstr(kind, ":event:") : NULL;

    if (!kind) {
        return apr_psprintf(pool, "%s %d", scim_json_text(entry, "outcome"),
                            scim_json_member(entry, "status")->valueint);
    }
    return event ? event + strlen(":event:") : kind;
}

static scimctl_table_t *make_activity_table(apr_pool_t *pool)
{
    static const char *const heads[] = { "TIME", "ACTOR", "ABOUT", "WHAT",
                                         "DETAIL", NULL };

    return scimctl_table_make(heads, pool);
}

static void put_cells(scimctl_table_t *table, const cJSON *entry,
                      apr_pool_t *pool)
{
    scimctl_table_cell(table, scim_json_text(entry, "at"));
    scimctl_table_cell(table, scim_json_text(entry, "actor"));
    scimctl_table_cell(table, entry_subject(entry, pool));
    scimctl_table_cell(table, entry_kind(entry, pool));
    scimctl_table_cell(table, entry_text(entry, pool));
}

static void print_list(const scimctl_run_t *run, const cJSON *entries)
{
    scimctl_table_t *table = make_activity_table(run->pool);
    const cJSON *entry;

    cJSON_ArrayForEach(entry, entries) {
        put_cells(table, entry, run->pool);
    }
    scimctl_table_print(table);
}

/* The activity of the settings page has sequences as text, since JavaScript's
 * numbers are too small for them. */
static void make_number(cJSON *entry, apr_pool_t *pool)
{
    const char *sequence = scim_json_text(entry, "sequence");

    scim_json_put(entry, "sequence",
                  scim_json_raw(apr_pstrdup(pool, sequence)));
}

static void print_list_json(const cJSON *entries, apr_pool_t *pool)
{
    cJSON *entry;

    cJSON_ArrayForEach(entry, entries) {
        make_number(entry, pool);
    }
    scimctl_print_json(entries, pool);
}

static void print_entry_json(const cJSON *entry, apr_pool_t *pool)
{
    cJSON *copy = scim_json_copy(entry, pool);

    make_number(copy, pool);
    scimctl_print_json(copy, pool);
}

/* Reading */

/* The latest entries, at most count, down to the sequence floor; a page may
 * end before it is full.  *reached, if it is given: how far the first page
 * came. */
static scim_error_t *look(cJSON **entries, apr_int64_t *reached,
                          scimctl_run_t *run,
                          const scim_activity_query_t *query, int count,
                          apr_int64_t floor, apr_pool_t *pool)
{
    scim_db_t *db = scim_db_within(run->call.db, pool);
    cJSON *all = scim_json_own(cJSON_CreateArray(), pool);
    const char *before = NULL;
    scim_activity_filter_t *filter;
    int most = MIN_LOOK;

    *entries = all;
    SCIM_ERR(scim_activity_choose(&filter, db,
                                  run->call.principal->organization_id, query,
                                  pool));
    do {
        int left = count - cJSON_GetArraySize(all);
        cJSON *list;
        cJSON *page;

        SCIM_ERR(scim_activity_list(&list, db, filter, before,
                                    left < most ? left : most, pool));
        most = most < MAX_PAGE ? 2 * most : most;
        page = scim_json_member(list, "entries");
        while (page->child) {
            cJSON_AddItemToArray(all, cJSON_DetachItemFromArray(page, 0));
        }
        if (reached && !before) {
            const char *next = scim_json_text(list, "next");

            *reached = next ? apr_atoi64(next) : 0;
        }
        before = scim_json_text(list, "next");
    } while (before && apr_atoi64(before) > floor
             && cJSON_GetArraySize(all) < count);
    return NULL;
}

/* Following */

/* The entries that were seen so far.  Transactions may commit in another order
 * than they take their sequences, so a reader that goes by the latest sequence
 * alone would miss some. */
typedef struct {
    apr_hash_t *sequences;       /* from floor on */
    apr_int64_t floor;           /* only entries above it are read */
} seen_t;

static apr_int64_t sequence_of(const cJSON *entry)
{
    return apr_atoi64(scim_json_text(entry, "sequence"));
}

/* Print the unseen entries, the oldest first; table is NULL for JSON. */
static void print_unseen(scimctl_table_t *table, const cJSON *entries,
                         const seen_t *seen, apr_pool_t *pool)
{
    const cJSON *first = entries->child;
    const cJSON *entry = first ? first->prev : NULL;

    while (entry) {
        if (sequence_of(entry) > seen->floor
            && !apr_hash_get(seen->sequences,
                             scim_json_text(entry, "sequence"),
                             APR_HASH_KEY_STRING)) {
            if (table) {
                put_cells(table, entry, pool);
            }
            else {
                print_entry_json(entry, pool);
            }
        }
        entry = entry == first ? NULL : entry->prev;
    }
    if (table) {
        scimctl_table_print(table);
    }
}

/* Remember the latest entries, as many as a look begins with; if there are
 * fewer, those that its first page came to. */
static void remember(seen_t *seen, const cJSON *entries, apr_int64_t reached,
                     apr_pool_t *pool)
{
    const cJSON *entry;
    int left = MIN_LOOK;

    seen->sequences = apr_hash_make(pool);
    seen->floor = reached;
    cJSON_ArrayForEach(entry, entries) {
        if (left-- == 0) {
            return;
        }
        apr_hash_set(seen->sequences, scim_json_text(entry, "sequence"),
                     APR_HASH_KEY_STRING, entry);
        if (left == 0) {
            seen->floor = sequence_of(entry);
        }
    }
}

/* Let the first look print count entries. */
static void start_at(seen_t *seen, const cJSON *entries, int count)
{
    const cJSON *before = cJSON_GetArrayItem(entries, count);

    seen->floor = before ? sequence_of(before) : 0;
}

/* Runs until standard output is closed.  Two pools take turns, because the
 * entries of the previous look are needed once more. */
static scim_error_t *follow(scimctl_run_t *run,
                            const scim_activity_query_t *query, int count)
{
    scimctl_table_t *table = run->options.json
                             ? NULL : make_activity_table(run->pool);
    seen_t seen = { apr_hash_make(run->pool), 0 };
    int most = count > MIN_LOOK ? count : MIN_LOOK;
    int is_first = 1;
    apr_pool_t *pools[2];
    int turn = 0;

    apr_pool_create(&pools[0], run->pool);
    apr_pool_create(&pools[1], run->pool);
    for (;;) {
        apr_pool_t *pool = pools[turn];
        cJSON *entries;
        apr_int64_t reached;

        apr_pool_clear(pool);
        SCIM_ERR(look(&entries, &reached, run, query, most, seen.floor, pool));
        if (is_first) {
            start_at(&seen, entries, count);
        }
        print_unseen(table, entries, &seen, pool);
        remember(&seen, entries, reached, pool);
        if (fflush(stdout) != 0) {
            return NULL;
        }
        is_first = 0;
        most = MAX_ENTRIES;
        turn = !turn;
        apr_sleep(FOLLOW_INTERVAL);
    }
}

scim_error_t *scimctl_activity_list(scimctl_run_t *run)
{
    const scimctl_options_t *options = &run->options;
    scim_activity_query_t query = { options->account, options->since,
                                    options->until, options->actor,
                                    options->kind, options->outcome };
    cJSON *entries;
    apr_int64_t count;
    scim_rows_t *rows;

    SCIM_ERR(scimctl_number(&count, run, options->count, 100));
    SCIM_ERR(scimctl_choose_organization(&rows, run));
    count = count < MAX_ENTRIES ? count : MAX_ENTRIES;
    if (options->follow) {
        return follow(run, &query, (int) count);
    }
    SCIM_ERR(look(&entries, NULL, run, &query, (int) count, 0, run->pool));
    SCIM_ERR(scim_undone_mark(entries, run->call.db,
                              run->call.principal->organization_id,
                              run->pool));
    if (options->json) {
        print_list_json(entries, run->pool);
        return NULL;
    }
    print_list(run, entries);
    return NULL;
}
