/* SPDX-License-Identifier: Apache-2.0 */
/* Metrics, see scim_metrics.h.
 *
 * Two tables: the metrics that this httpd knows, each with the function that
 * writes its samples, and those that a statement reads, at most once a minute
 * in each process (scim_probe).
 */
#include "httpd/scim_metrics.h"

#include <string.h>

#include <apr_strings.h>

#include "httpd/scim_config.h"
#include "httpd/scim_counters.h"
#include "httpd/scim_door.h"
#include "httpd/scim_http.h"
#include "httpd/scim_probe.h"
#include "storage/scim_version.h"

#define TEXT_FORMAT "text/plain; version=0.0.4; charset=utf-8"

/* The text, as parts that are joined at the end. */
typedef struct {
    apr_array_header_t *parts;   /* of const char * */
    const char *name;            /* of the metric that is being written */
    const scim_probed_t *probed; /* NULL: without a database */
} page_t;

typedef struct {
    const char *name;
    const char *type;
    const char *help;
    void (*put)(page_t *page);
} metric_t;

static page_t make_page(const scim_probed_t *probed, apr_pool_t *pool)
{
    page_t page = { apr_array_make(pool, 256, sizeof(const char *)), NULL,
                    probed };

    return page;
}

static const char *text_of_page(const page_t *page)
{
    return apr_array_pstrcat(page->parts->pool, page->parts, 0);
}

static void put_text(page_t *page, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void put_text(page_t *page, const char *format, ...)
{
    va_list values;

    va_start(values, format);
    APR_ARRAY_PUSH(page->parts, const char *)
        = apr_pvsprintf(page->parts->pool, format, values);
    va_end(values);
}

static void begin_metric(page_t *page, const char *name, const char *type,
                         const char *help)
{
    page->name = name;
    put_text(page, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

/* label is name="value", or "" for none. */
static void put_sample(page_t *page, const char *label, apr_uint64_t number)
{
    put_text(page, "%s%s%s%s %" APR_UINT64_T_FMT "\n", page->name,
             *label ? "{" : "", label, *label ? "}" : "", number);
}

/* A value may have any characters but these three. */
static const char *escaped_value(const char *value, apr_pool_t *pool)
{
    char *text = apr_palloc(pool, 2 * strlen(value) + 1);
    char *to = text;

    for (; *value; value++) {
        if (*value == '"' || *value == '\\' || *value == '\n') {
            *to++ = '\\';
        }
        *to++ = *value == '\n' ? 'n' : *value;
    }
    *to = '\0';
    return text;
}

static const char *label_of(const page_t *page, const char *name,
                            const char *value)
{
    apr_pool_t *pool = page->parts->pool;

    return apr_pstrcat(pool, name, "=\"", escaped_value(value, pool), "\"",
                       NULL);
}

/* What this httpd knows */

static void put_info(page_t *page)
{
    put_sample(page, apr_psprintf(page->parts->pool,
                                  "version=\"%s\",schema=\"%d\"",
                                  SCIM_VERSION, SCIM_SCHEMA_KNOWN), 1);
}

static void put_requests(page_t *page)
{
    scim_counted_t counted;
    int place = 0;

    while (scim_counters_next(&counted, &place)) {
        put_sample(page,
                   apr_psprintf(page->parts->pool, "method=\"%s\","
                                "resource=\"%s\",code=\"%s\"",
                                counted.method, counted.resource,
                                counted.code), counted.count);
    }
}

static void put_histogram(page_t *page, const scim_histogram_t *histogram)
{
    scim_histogram_t now = *histogram;
    apr_uint64_t count = 0;
    int i;

    for (i = 0; i <= SCIM_BUCKETS; i++) {
        count += now.counts[i];
        put_text(page, "%s_bucket{le=\"%s\"} %" APR_UINT64_T_FMT "\n",
                 page->name, i < SCIM_BUCKETS ? scim_bucket_limits[i]
                                              : "+Inf", count);
    }
    put_text(page, "%s_sum %" APR_UINT64_T_FMT ".%06d\n", page->name,
             now.sum / APR_USEC_PER_SEC, (int) (now.sum % APR_USEC_PER_SEC));
    put_text(page, "%s_count %" APR_UINT64_T_FMT "\n", page->name, count);
}

static void put_requests_took(page_t *page)
{
    put_histogram(page, scim_counters_requests_took());
}

static void put_waits_took(page_t *page)
{
    put_histogram(page, scim_counters_waits_took());
}

/* Two kinds of errors may have the same scimType: the errors of all of them
 * for the first one, -1 for the others. */
static apr_int64_t errors_of_type(int kind)
{
    const char *type = scim_error_type(kind);
    apr_int64_t sum = 0;
    int i;

    for (i = 0; i < SCIM_E_COUNT; i++) {
        const char *other = scim_error_type(i);

        if (other && strcmp(other, type) == 0) {
            if (i < kind) {
                return -1;
            }
            sum += (apr_int64_t) scim_counters_of_error(i);
        }
    }
    return sum;
}

static void put_errors(page_t *page)
{
    int kind;

    for (kind = 0; kind < SCIM_E_COUNT; kind++) {
        const char *type = scim_error_type(kind);
        apr_int64_t sum = type ? errors_of_type(kind) : -1;

        if (sum >= 0) {
            put_sample(page, label_of(page, "scim_type", type),
                       (apr_uint64_t) sum);
        }
    }
}

static void put_refusals(page_t *page)
{
    int kind;

    for (kind = 0; kind < SCIM_E_COUNT; kind++) {
        if (!scim_error_type(kind)) {
            put_sample(page,
                       label_of(page, "reason",
                                scim_error_name(kind, page->parts->pool)),
                       scim_counters_of_error(kind));
        }
    }
}

static void put_counters(page_t *page, const char *label,
                         scim_counter_e first, scim_counter_e last)
{
    scim_counter_e i;

    for (i = first; i <= last; i++) {
        put_sample(page, label_of(page, label, scim_counters_label(i)),
                   scim_counters_of(i));
    }
}

static void put_retries(page_t *page)
{
    put_counters(page, "reason", SCIM_COUNT_LOST_RACE,
                 SCIM_COUNT_LOST_CONNECTION);
}

static void put_decisions(page_t *page)
{
    put_counters(page, "result", SCIM_COUNT_GATE_GRANTED,
                 SCIM_COUNT_GATE_UNAVAILABLE);
}

static void put_cache(page_t *page)
{
    put_counters(page, "result", SCIM_COUNT_CACHE_HIT,
                 SCIM_COUNT_CACHE_MISS);
}

static void put_warnings(page_t *page)
{
    put_counters(page, "reason", SCIM_COUNT_WARNED_ATTRIBUTE,
                 SCIM_COUNT_WARNED_ROLE);
}

static void put_event_kinds(page_t *page)
{
    int i;

    for (i = 0; i < SCIM_EVENT_KINDS; i++) {
        put_sample(page, label_of(page, "kind", scim_event_kinds[i]),
                   scim_counters_of_event(i));
    }
}

/* And of the database */

static void put_up(page_t *page)
{
    put_sample(page, "", (apr_uint64_t) page->probed->is_up);
}

static void put_connections(page_t *page)
{
    apr_uint64_t in_use;
    apr_uint64_t unused;

    scim_counters_connections(&in_use, &unused);
    put_sample(page, "state=\"in_use\"", in_use);
    put_sample(page, "state=\"free\"", unused);
}

static const metric_t metrics[] = {
    { "scim_info", "gauge",
      "The version of mod_scim, and that of the tables it needs.", put_info },
    { "scim_requests_total", "counter",
      "Requests to SCIM and to the settings page.", put_requests },
    { "scim_request_duration_seconds", "histogram",
      "How long such requests took, bodies included.", put_requests_took },
    { "scim_errors_total", "counter",
      "Errors of requests, and of operations in bulk requests, by scimType.",
      put_errors },
    { "scim_refusals_total", "counter",
      "Errors that have no scimType, by their reason.", put_refusals },
    { "scim_warnings_total", "counter",
      "What requests, and operations in bulk requests, lost although they"
      " succeeded.", put_warnings },
    { "scim_retries_total", "counter",
      "Statements and changes that were tried again.", put_retries },
    { "scim_gate_decisions_total", "counter",
      "Requests to applications that the gate let in or refused.",
      put_decisions },
    { "scim_gate_cache_total", "counter",
      "Look-ups of the gate, by whether the process knew the account.",
      put_cache },
    { "scim_events_total", "counter",
      "Changes that this httpd has made, by the kind of their event.",
      put_event_kinds }
};

static const metric_t of_connections[] = {
    { "scim_db_up", "gauge", "Whether the database answers within a second.",
      put_up },
    { "scim_db_connections", "gauge",
      "Connections to the database that all child processes lend, and could"
      " lend (DBDMax).", put_connections },
    { "scim_db_wait_seconds", "histogram",
      "How long requests waited for a connection to the database.",
      put_waits_took }
};

#define COUNT_OF(table) (sizeof(table) / sizeof(*(table)))

static void put_metrics(page_t *page, const metric_t *table,
                        apr_size_t count)
{
    apr_size_t i;

    for (i = 0; i < count; i++) {
        begin_metric(page, table[i].name, table[i].type, table[i].help);
        table[i].put(page);
    }
}

/* What the database knows */

static const struct {
    const char *name;
    const char *help;
    const char *label;           /* of the first column; NULL: none */
    scim_statement_e statement;
} of_database[] = {
    { "scim_token_expiry_seconds",
      "Time until the token expires that the organization used last.",
      "organization", SCIM_SQL_METRIC_TOKENS },
    { "scim_relay_lag_seconds",
      "The age of the oldest event that the relay has still to send.",
      "name", SCIM_SQL_METRIC_RELAYS },
    { "scim_guard_tripped",
      "Organizations whose guard has refused changes that nobody has let"
      " through.", "organization", SCIM_SQL_METRIC_GUARDS },
    { "scim_feed_horizon_lag_seconds",
      "The age of the oldest event that an open transaction holds back.",
      NULL, SCIM_SQL_METRIC_HORIZON }
};

static void put_rows(page_t *page, const char *label,
                     const scim_rows_t *rows)
{
    int i;

    for (i = 0; i < scim_rows_count(rows); i++) {
        const char *of = label
            ? label_of(page, label, scim_rows_value(rows, i, 0)) : "";

        put_text(page, "%s%s%s%s %s\n", page->name, label ? "{" : "", of,
                 label ? "}" : "", scim_rows_value(rows, i, 1));
    }
}

static scim_error_t *read_database(const char **text, scim_db_t *db,
                                   apr_pool_t *pool)
{
    page_t page = make_page(NULL, pool);
    apr_size_t i;

    for (i = 0; i < COUNT_OF(of_database); i++) {
        scim_rows_t *rows;

        SCIM_ERR(scim_db_run(&rows, db, of_database[i].statement, 0, NULL));
        begin_metric(&page, of_database[i].name, "gauge",
                     of_database[i].help);
        put_rows(&page, of_database[i].label, rows);
    }
    *text = text_of_page(&page);
    return NULL;
}

int scim_metrics_handle(request_rec *r)
{
    scim_probe_t *probe = scim_config_of_server(r->server)->probe;
    const char *below = scim_door_below(r);
    scim_probed_t probed;
    page_t page;

    if (r->method_number != M_GET) {
        return scim_http_only_get(r);
    }
    if (!below || (*below && strcmp(below, "/") != 0)) {
        return HTTP_NOT_FOUND;
    }
    page = make_page(&probed, r->pool);
    if (probe) {
        probed = scim_probe_ask(probe, read_database, r->pool);
    }
    put_metrics(&page, metrics, COUNT_OF(metrics));
    if (probe) {
        put_metrics(&page, of_connections, COUNT_OF(of_connections));
        put_text(&page, "%s", probed.text);
    }
    return scim_http_text(r, HTTP_OK, TEXT_FORMAT, text_of_page(&page));
}
