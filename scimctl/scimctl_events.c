/* SPDX-License-Identifier: Apache-2.0 */
/* scimctl events: the change feed on standard output. */
#include <stdio.h>

#include <apr_strings.h>

#include "resources/scim_feed.h"
#include "values/scim_json.h"
#include "scimctl/scimctl_print.h"
#include "scimctl/scimctl_run.h"

/* The event is a JSON object that is not empty; "position", which --after
 * takes, is put before its members. */
static void print_json(const scim_feed_event_t *event, apr_pool_t *pool)
{
    const char *position = scim_feed_position_text(event->position, pool);

    scimctl_print_json_text(apr_pstrcat(pool, "{\"position\": \"", position,
                                        "\", ", event->json + 1, NULL));
}

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
        print_json(event, pool);
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

void scimctl_say_went_back(const scim_feed_position_t *from)
{
    apr_pool_t *pool;

    apr_pool_create(&pool, NULL);
    scimctl_say(pool, "scimctl: the database lost events: event %s, the last"
                " one that was read, is gone, and perhaps others before it.  A"
                " failover or a restore can cause this.",
                from->sequence);
    apr_pool_destroy(pool);
}

static scim_error_t *tell_of_gap(void *baton, const scim_feed_position_t *from,
                                 const scim_feed_position_t *to)
{
    const scimctl_run_t *run = baton;

    scimctl_say_went_back(from);
    scimctl_say(run->pool, "scimctl: continuing after event %s; some events"
                " may be repeated.", to->sequence);
    return NULL;
}

scim_error_t *scimctl_find_position(scim_feed_position_t *position,
                                    scimctl_run_t *run,
                                    const char *organization_id)
{
    const char *after = run->options.after ? run->options.after : "0";
    int is_there;

    SCIM_ERR(scim_feed_find(position, &is_there, run->call.db, after,
                            organization_id, run->pool));
    if (!is_there) {
        scimctl_say(run->pool, "scimctl: there is no event %s; continuing"
                    " after event %s, the last one before it.", after,
                    position->sequence);
    }
    return NULL;
}

scim_error_t *scimctl_events(scimctl_run_t *run)
{
    scim_feed_reader_t reader = { NULL, run->options.follow, print_event,
                                  flush, scimctl_say_waiting, tell_of_gap,
                                  run };
    scim_feed_position_t position;
    scim_rows_t *rows;

    if (run->count > 0) {
        SCIM_ERR(scimctl_choose_organization(&rows, run));
        reader.organization_id = run->call.principal->organization_id;
    }
    SCIM_ERR(scimctl_find_position(&position, run, reader.organization_id));
    return scim_feed_read(&position, run->call.db, &reader, run->pool);
}
