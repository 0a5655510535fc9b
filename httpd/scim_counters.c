/* SPDX-License-Identifier: Apache-2.0 */
/* Counters in shared memory, see scim_counters.h.
 *
 * The parent process creates one block of anonymous memory, and restarts keep
 * it.  A request changes one number, and two of a histogram, when httpd logs
 * it: then its last status is known, and requests that httpd itself refuses
 * are counted as well.  Each child process has a slot with the number of its
 * lent connections; the slot of a process that has ended is given to another
 * one.
 */
#include "httpd/scim_counters.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include <ap_mpm.h>
#include <http_config.h>
#include <http_core.h>
#include <http_log.h>
#include <http_protocol.h>

#include "httpd/scim_log.h"
#include "httpd/scim_notes.h"
#include "httpd/scim_shared.h"

/* Change the name with the layout, or with the order of what is counted: a
 * graceful restart may load another version. */
#define RETAINED "mod_scim counters 2"

#define MAX_RESOURCES 16
#define OTHER "other"

APLOG_USE_MODULE(scim);

/* Labels */

static const char *const methods[] = {
    "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", OTHER
};
#define METHOD_COUNT (sizeof(methods) / sizeof(*methods))

static const struct {
    int status;
    const char *text;
} codes[] = {
#define CODE(status) { status, #status }
    CODE(200), CODE(201), CODE(204), CODE(301), CODE(304), CODE(400),
    CODE(401), CODE(403), CODE(404), CODE(405), CODE(406), CODE(408),
    CODE(409), CODE(412), CODE(413), CODE(414), CODE(415), CODE(429),
    CODE(500), CODE(501), CODE(502), CODE(503),
    { 0, OTHER }
};
#define CODES (sizeof(codes) / sizeof(*codes))

/* Filled before post_config.  The order must not depend on anything but this
 * version, since the memory is kept. */
static const char *resources[MAX_RESOURCES] = {
    SCIM_RESOURCE_OTHER, SCIM_RESOURCE_SETTINGS, SCIM_RESOURCE_ALL
};

static const char *const labels[] = {
#define LABEL(id, label) label,
    SCIM_COUNTERS(LABEL)
};

/* Seconds as Prometheus reads them; microseconds as they are compared. */
const char *const scim_bucket_limits[SCIM_BUCKETS] = {
    "0.002", "0.005", "0.01", "0.025", "0.1", "0.5", "2", "10"
};
static const apr_interval_time_t limits[SCIM_BUCKETS] = {
    2000, 5000, 10000, 25000, 100000, 500000, 2000000, 10000000
};

/* Memory */

typedef struct {
    apr_uint32_t pid;            /* 0: free */
    apr_uint32_t lent;
    apr_uint32_t most;
} slot_t;

typedef struct {
    apr_uint64_t requests[METHOD_COUNT][MAX_RESOURCES][CODES];
    scim_histogram_t took;
    scim_histogram_t waited;
    apr_uint64_t single[SCIM_COUNTER_COUNT];
    apr_uint64_t errors[SCIM_E_COUNT];
    apr_uint64_t events[SCIM_EVENT_KINDS];
    apr_uint32_t slots;
    slot_t slot[1];              /* slots of them */
} counters_t;

static counters_t *counters;     /* set by make_counters */
static slot_t *own_slot;         /* in a child process, or NULL */

static int make_counters(apr_pool_t *pconf, apr_pool_t *plog,
                         apr_pool_t *ptemp, server_rec *s)
{
    void *memory;
    int is_new;
    int processes = 1;
    apr_status_t rv;

    ap_mpm_query(AP_MPMQ_HARD_LIMIT_DAEMONS, &processes);
    rv = scim_shared_get(&memory, &is_new, RETAINED,
                         sizeof(*counters)
                         + (apr_size_t) processes * sizeof(slot_t), s);
    if (rv != APR_SUCCESS) {
        ap_log_error(APLOG_MARK, APLOG_CRIT, rv, s, SCIM_LOGNO(0121)
                     "cannot create the shared memory for counters");
        return HTTP_INTERNAL_SERVER_ERROR;
    }
    counters = memory;
    if (is_new) {
        counters->slots = (apr_uint32_t) processes + 1;
    }
    return OK;
}

/* Counting */

static void add(apr_uint64_t *counter, apr_uint64_t number)
{
    __atomic_add_fetch(counter, number, __ATOMIC_RELAXED);
}

static apr_uint64_t loaded(const apr_uint64_t *counter)
{
    return __atomic_load_n(counter, __ATOMIC_RELAXED);
}

static void add_time(scim_histogram_t *histogram, apr_interval_time_t took)
{
    int i = 0;

    while (i < SCIM_BUCKETS && took > limits[i]) {
        i++;
    }
    add(&histogram->counts[i], 1);
    add(&histogram->sum, took > 0 ? (apr_uint64_t) took : 0);
}

void scim_counters_name(const char *endpoint)
{
    int i = 0;

    while (i < MAX_RESOURCES - 1 && resources[i]
           && strcmp(resources[i], endpoint) != 0) {
        i++;
    }
    if (!resources[i]) {
        resources[i] = endpoint;
    }
}

void scim_counters_add(scim_counter_e counter)
{
    add(&counters->single[counter], 1);
}

/* The counters of warnings are in the order of scim_warned_e. */
void scim_counters_add_warning(scim_warned_e warned)
{
    scim_counters_add((scim_counter_e) (SCIM_COUNT_WARNED_ATTRIBUTE
                                        + (warned - SCIM_WARNED_ATTRIBUTE)));
}

void scim_counters_add_error(scim_error_kind_e kind)
{
    add(&counters->errors[kind], 1);
}

void scim_counters_add_events(const char *kinds)
{
    int i;

    for (i = 0; i < SCIM_EVENT_KINDS; i++) {
        if (strstr(kinds, scim_event_kinds[i])) {
            add(&counters->events[i], 1);
        }
    }
}

void scim_counters_add_wait(const scim_wait_trace_t *wait)
{
    switch (wait->what) {
    case SCIM_WAIT_BORROWED:
        add_time(&counters->waited, wait->took);
        break;
    case SCIM_WAIT_REPEATED:
        scim_counters_add(SCIM_COUNT_LOST_CONNECTION);
        break;
    case SCIM_WAIT_OVERTAKEN:
        scim_counters_add(SCIM_COUNT_LOST_RACE);
        break;
    case SCIM_WAIT_WROTE:
        scim_counters_add_events(wait->name);
        break;
    default:
        break;
    }
}

/* Requests */

/* A request line that httpd could not read has no method. */
static apr_size_t method_index(const char *method)
{
    apr_size_t i = 0;

    while (i < METHOD_COUNT - 1
           && (!method || strcmp(methods[i], method) != 0)) {
        i++;
    }
    return i;
}

static apr_size_t resource_index(const char *name)
{
    apr_size_t i = 0;

    while (i < MAX_RESOURCES && resources[i]
           && strcmp(resources[i], name) != 0) {
        i++;
    }
    return i < MAX_RESOURCES && resources[i] ? i : 0;
}

static apr_size_t code_index(int status)
{
    apr_size_t i = 0;

    while (i < CODES - 1 && codes[i].status != status) {
        i++;
    }
    return i;
}

/* An ErrorDocument is the answer to the first request. */
static int count_request(request_rec *r)
{
    const char *resource = apr_table_get(r->notes, SCIM_NOTE_RESOURCE);
    const request_rec *last = r;

    if (!resource) {
        return DECLINED;
    }
    while (last->next) {
        last = last->next;
    }
    add(&counters->requests[method_index(r->method)][resource_index(resource)]
                           [code_index(last->status)], 1);
    add_time(&counters->took, apr_time_now() - r->request_time);
    return DECLINED;
}

/* Connections */

/* A process that ended without a word is gone from its slot as well. */
static int is_taken(const slot_t *slot)
{
    pid_t pid = (pid_t) __atomic_load_n(&slot->pid, __ATOMIC_RELAXED);

    return pid != 0 && (kill(pid, 0) == 0 || errno != ESRCH);
}

static int take_slot(slot_t *slot)
{
    apr_uint32_t before = __atomic_load_n(&slot->pid, __ATOMIC_RELAXED);

    if (is_taken(slot)
        || !__atomic_compare_exchange_n(&slot->pid, &before,
                                        (apr_uint32_t) getpid(), 0,
                                        __ATOMIC_RELAXED,
                                        __ATOMIC_RELAXED)) {
        return 0;
    }
    __atomic_store_n(&slot->lent, 0, __ATOMIC_RELAXED);
    __atomic_store_n(&slot->most, 0, __ATOMIC_RELAXED);
    return 1;
}

void scim_counters_init_child(void)
{
    apr_uint32_t i = 0;

    while (i < counters->slots && !take_slot(counters->slot + i)) {
        i++;
    }
    own_slot = i < counters->slots ? counters->slot + i : NULL;
}

apr_uint32_t *scim_counters_lend(int most)
{
    if (!own_slot) {
        return NULL;
    }
    __atomic_add_fetch(&own_slot->most, (apr_uint32_t) most,
                       __ATOMIC_RELAXED);
    return &own_slot->lent;
}

void scim_counters_connections(apr_uint64_t *in_use, apr_uint64_t *unused)
{
    apr_uint32_t i;

    *in_use = *unused = 0;
    for (i = 0; i < counters->slots; i++) {
        const slot_t *slot = counters->slot + i;

        if (is_taken(slot)) {
            apr_uint32_t lent = __atomic_load_n(&slot->lent,
                                                __ATOMIC_RELAXED);

            *in_use += lent;
            *unused += slot->most > lent ? slot->most - lent : 0;
        }
    }
}

/* Reading */

apr_uint64_t scim_counters_of(scim_counter_e counter)
{
    return loaded(&counters->single[counter]);
}

const char *scim_counters_label(scim_counter_e counter)
{
    return labels[counter];
}

apr_uint64_t scim_counters_of_error(scim_error_kind_e kind)
{
    return loaded(&counters->errors[kind]);
}

apr_uint64_t scim_counters_of_event(int kind)
{
    return loaded(&counters->events[kind]);
}

int scim_counters_next(scim_counted_t *counted, int *place)
{
    const int all = (int) (METHOD_COUNT * MAX_RESOURCES * CODES);
    const apr_uint64_t *numbers = &counters->requests[0][0][0];

    while (*place < all && loaded(numbers + *place) == 0) {
        (*place)++;
    }
    if (*place == all) {
        return 0;
    }
    counted->count = loaded(numbers + *place);
    counted->code = codes[(apr_size_t) *place % CODES].text;
    counted->resource = resources[(apr_size_t) *place / CODES
                                  % MAX_RESOURCES];
    counted->method = methods[(apr_size_t) *place / CODES / MAX_RESOURCES];
    (*place)++;
    return 1;
}

apr_uint64_t scim_counters_requests(void)
{
    apr_uint64_t sum = 0;
    int i;

    for (i = 0; i <= SCIM_BUCKETS; i++) {
        sum += loaded(&counters->took.counts[i]);
    }
    return sum;
}

const scim_histogram_t *scim_counters_requests_took(void)
{
    return &counters->took;
}

const scim_histogram_t *scim_counters_waits_took(void)
{
    return &counters->waited;
}

void scim_counters_register_hooks(void)
{
    ap_hook_post_config(make_counters, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_log_transaction(count_request, NULL, NULL, APR_HOOK_FIRST);
}
