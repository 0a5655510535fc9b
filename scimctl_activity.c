/* scimctl activity: what happened in an organization. */
#include <string.h>

#include <apr_strings.h>

#include "scim_activity.h"
#include "scim_json.h"
#include "scimctl_print.h"
#include "scimctl_run.h"

#define ACTIVITY_COLUMNS 5
#define MAX_ENTRIES 100000

/* What an entry is about: what changed, or which request was refused why. */
static const char *entry_text(const cJSON *entry, apr_pool_t *pool)
{
    const cJSON *name;
    const char *text = "";

    if (scim_json_text(entry, "detail")) {
        return apr_psprintf(pool, "%s %s: %s", scim_json_text(entry, "method"),
                            scim_json_text(entry, "path"),
                            scim_json_text(entry, "detail"));
    }
    cJSON_ArrayForEach(name, scim_json_member(entry, "attributes")) {
        text = apr_pstrcat(pool, text, *text ? ", " : "", name->valuestring,
                           NULL);
    }
    return text;
}

/* The last words of an event URI; the status of a refused request. */
static const char *entry_kind(const cJSON *entry, apr_pool_t *pool)
{
    const char *kind = scim_json_text(entry, "kind");
    const char *event = kind ? strstr(kind, ":event:") : NULL;

    if (!kind) {
        return apr_psprintf(pool, "refused %d",
                            scim_json_member(entry, "status")->valueint);
    }
    return event ? event + strlen(":event:") : kind;
}

scim_error_t *scimctl_activity_list(scimctl_run_t *run)
{
    static const char *const heads[ACTIVITY_COLUMNS] = {
        "TIME", "ACTOR", "ACCOUNT", "WHAT", "DETAIL"
    };
    scim_activity_query_t query = { run->options.outcome,
                                    run->options.account, NULL, 0 };
    apr_int64_t count;
    apr_array_header_t *cells;
    const cJSON *entry;
    scim_rows_t *rows;
    cJSON *list;
    int i;

    SCIM_ERR(scimctl_number(&count, run, run->options.count, 100));
    SCIM_ERR(scimctl_choose_organization(&rows, run));
    query.count = count < MAX_ENTRIES ? (int) count : MAX_ENTRIES;
    SCIM_ERR(scim_activity_list(&list, run->call.db,
                                run->call.principal->organization_id, &query,
                                run->pool));
    if (run->options.json) {
        scimctl_print_json(scim_json_member(list, "entries"), run->pool);
        return NULL;
    }
    cells = apr_array_make(run->pool, 64, sizeof(const char *));
    for (i = 0; i < ACTIVITY_COLUMNS; i++) {
        APR_ARRAY_PUSH(cells, const char *) = heads[i];
    }
    cJSON_ArrayForEach(entry, scim_json_member(list, "entries")) {
        APR_ARRAY_PUSH(cells, const char *) = scim_json_text(entry, "at");
        APR_ARRAY_PUSH(cells, const char *) = scim_json_text(entry, "actor");
        APR_ARRAY_PUSH(cells, const char *) = scim_json_text(entry,
                                                             "userName");
        APR_ARRAY_PUSH(cells, const char *) = entry_kind(entry, run->pool);
        APR_ARRAY_PUSH(cells, const char *) = entry_text(entry, run->pool);
    }
    scimctl_print_table(cells, ACTIVITY_COLUMNS);
    return NULL;
}
