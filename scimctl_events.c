/* scimctl events: the change feed on standard output. */
#include <stdio.h>

#include <apr_strings.h>

#include "scim_feed.h"
#include "scim_json.h"
#include "scimctl_print.h"
#include "scimctl_run.h"

static scim_error_t *print_event(void *baton, const scim_feed_event_t *event,
                                 apr_pool_t *pool)
{
    static const char *const members[] = { "at", "organization", "kind",
                                           "userName", "accountId", "actor" };
    const scimctl_run_t *run = baton;
    const char *separator = "  ";
    const cJSON *attribute;
    apr_size_t i;
    const cJSON *json;

    if (run->options.json) {
        scimctl_print_json_text(event->json);
        return NULL;
    }
    json = scim_json_stored(event->json, pool);
    fputs(event->sequence, stdout);
    for (i = 0; i < sizeof(members) / sizeof(*members); i++) {
        const char *text = scim_json_text(json, members[i]);

        fputs("  ", stdout);
        scimctl_print_text(text ? text : "-", pool);
    }
    cJSON_ArrayForEach(attribute, scim_json_member(json, "attributes")) {
        fputs(separator, stdout);
        scimctl_print_text(attribute->valuestring, pool);
        separator = ", ";
    }
    putchar('\n');
    return NULL;
}

static scim_error_t *flush(void *baton)
{
    const scimctl_run_t *run = baton;

    return fflush(stdout) == 0 ? NULL
        : scim_error(run->pool, SCIM_E_INTERNAL,
                     "Standard output cannot be written.");
}

void scimctl_say_waiting(void *baton, const scim_error_t *error)
{
    apr_pool_t *pool;

    apr_pool_create(&pool, NULL);
    scimctl_say(pool, "scimctl: %s", error->cause ? error->cause
                                                  : error->detail);
    apr_pool_destroy(pool);
}

void scimctl_say_if_pooled(const scimctl_run_t *run)
{
    if (scim_db_is_pooled(run->call.db)) {
        scimctl_say(run->pool, "scimctl: There is a pooler, such as"
                    " PgBouncer, between scimctl and PostgreSQL: changes may"
                    " be seen a second late.  Connect to PostgreSQL itself.");
    }
}

scim_error_t *scimctl_events(scimctl_run_t *run)
{
    scim_feed_reader_t reader = { NULL, run->options.follow, print_event,
                                  flush, scimctl_say_waiting, run };
    scim_feed_position_t position;
    scim_rows_t *rows;

    if (run->options.follow) {
        scimctl_say_if_pooled(run);
    }
    if (run->count > 0) {
        SCIM_ERR(scimctl_choose_organization(&rows, run));
        reader.organization_id = run->call.principal->organization_id;
    }
    SCIM_ERR(scim_feed_find(&position, run->call.db,
                            run->options.after ? run->options.after : "0",
                            reader.organization_id, run->pool));
    return scim_feed_read(&position, run->call.db, &reader, run->pool);
}
