/* SPDX-License-Identifier: Apache-2.0 */
/* scimctl request: what the identity provider of an organization has sent. */
#include <apr_strings.h>

#include "resources/scim_requests.h"
#include "values/scim_json.h"
#include "scimctl/scimctl_print.h"
#include "scimctl/scimctl_run.h"
#include "scimctl/scimctl_table.h"

#define MAX_REQUESTS 10000       /* more than are kept */

static int number_at_name(const cJSON *request, const char *name)
{
    return scim_json_member(request, name)->valueint;
}

/* What it asked for: the filter, or what its body does. */
static const char *asked_text(const cJSON *request, apr_pool_t *pool)
{
    const char *filter = scim_json_text(request, "filter");
    const char *text = filter ? filter : "";
    const cJSON *line;

    cJSON_ArrayForEach(line, scim_json_member(request, "operations")) {
        text = apr_pstrcat(pool, text, *text ? ", " : "", line->valuestring,
                           NULL);
    }
    return text;
}

static const char *line_of_request(const cJSON *request, apr_pool_t *pool)
{
    int count = number_at_name(request, "count");
    const char *text = apr_pstrcat(pool, scim_json_text(request, "method"),
                                   " ", scim_json_text(request, "path"),
                                   NULL);

    return count == 1 ? text : apr_psprintf(pool, "%s (%d)", text, count);
}

static const char *duration_text(const cJSON *request, apr_pool_t *pool)
{
    return apr_psprintf(pool, "%.1f ms",
                        scim_json_member(request, "duration")->valuedouble
                        / 1000);
}

static void print_requests(const cJSON *requests, apr_pool_t *pool)
{
    static const char *const heads[] = { "TIME", "TOKEN", "REQUEST", "STATUS",
                                         "DURATION", "DETAIL", NULL };
    scimctl_table_t *table = scimctl_table_make(heads, pool);
    const cJSON *request;

    cJSON_ArrayForEach(request, requests) {
        scimctl_table_cell(table, scim_json_text(request, "at"));
        scimctl_table_cell(table, scim_json_text(request, "token"));
        scimctl_table_cell(table, line_of_request(request, pool));
        scimctl_table_cell(table, apr_itoa(pool, number_at_name(request,
                                                           "status")));
        scimctl_table_cell(table, duration_text(request, pool));
        scimctl_table_cell(table, asked_text(request, pool));
    }
    scimctl_table_print(table);
}

scim_error_t *scimctl_request_list(scimctl_run_t *run)
{
    scim_requests_query_t query = { .outcome = run->options.outcome };
    const cJSON *requests;
    apr_int64_t count;
    scim_rows_t *rows;
    cJSON *list;

    SCIM_ERR(scimctl_number(&count, run, run->options.count, 100));
    SCIM_ERR(scimctl_choose_organization(&rows, run));
    query.count = count < MAX_REQUESTS ? (int) count : MAX_REQUESTS;
    SCIM_ERR(scim_requests_list(&list, run->call.db,
                                run->call.principal->organization_id, &query,
                                run->pool));
    requests = scim_json_member(list, "entries");
    if (run->options.json) {
        scimctl_print_json(requests, run->pool);
    }
    else {
        print_requests(requests, run->pool);
    }
    return NULL;
}
