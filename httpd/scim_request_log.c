/* SPDX-License-Identifier: Apache-2.0 */
/* The log of requests, see scim_request_log.h.
 *
 * In the order of a request: it is counted what it writes; it is described; it
 * is put into the batch, when httpd logs it; the thread takes the batch and
 * writes it.  A batch is in a pool of its own, which its reader destroys.
 */
#include "httpd/scim_request_log.h"

#include <pthread.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <apr_hash.h>
#include <apr_strings.h>
#include <apr_thread_cond.h>
#include <apr_thread_mutex.h>

#include <http_config.h>
#include <http_core.h>
#include <http_log.h>
#include <http_protocol.h>

#include "httpd/scim_config.h"
#include "httpd/scim_log.h"
#include "httpd/scim_notes.h"
#include "resources/scim_requests.h"
#include "rules/scim_masked.h"
#include "values/scim_clock.h"
#include "values/scim_json.h"
#include "values/scim_text.h"
#include "values/scim_thread.h"

#define RECORD "mod_scim request"

/* In a batch, the first requests that are no reads have a row each. */
#define MAX_SINGLE 1000
#define MAX_ROWS 2000
#define MAX_SEEN 8192

#define PERIOD apr_time_from_sec(1)
#define LOOKS 20                 /* for an idle connection, in each period */

/* Half of it is for a free connection (scim_pool). */
#define PATIENCE apr_time_from_sec(10)
#define PATIENCE_AT_END apr_time_from_sec(1)

#define PRUNE_EACH 16            /* batches */
#define FIRST_SWEEP apr_time_from_sec(60)
#define SWEEP_EACH apr_time_from_sec(3600)

/* Accounts that were seen today, by the hash of their ids. */
#define SLOTS 65536
#define DAY apr_time_from_sec(86400)

APLOG_USE_MODULE(scim);

typedef struct {
    apr_pool_t *pool;
    apr_hash_t *by_key;          /* of scim_request_t that stand for several */
    apr_array_header_t *requests; /* of scim_request_t * */
    apr_array_header_t *seen;    /* of scim_seen_t */
    int singles;
} batch_t;

struct scim_request_log_t {
    server_rec *server;
    scim_pool_t *connections;
    apr_uint64_t *slots;         /* SLOTS of them */
    pthread_t thread;
    apr_thread_mutex_t *mutex;   /* of the three below */
    apr_thread_cond_t *changed;
    int ends;
    batch_t *batch;              /* that requests are put into; or NULL */
    int missing;                 /* requests for which there was no room */
    /* of the thread: */
    batch_t *unwritten;          /* the batch before it, or NULL */
    int has_failed;
    int batches;                 /* that were written */
    apr_time_t sweep_at;
};

/* A request that is to be logged. */
typedef struct {
    scim_request_t request;
    const char *path_of_all;     /* the path with a masked id */
    apr_array_header_t *seen;    /* of const char *: ids of accounts */
    int is_described;
} record_t;

/* Counting */

static scim_request_log_t *log_of(const request_rec *r)
{
    return scim_config_of_server(r->server)->request_log;
}

static record_t *record_of(request_rec *r)
{
    void *record;

    apr_pool_userdata_get(&record, RECORD, r->pool);
    return record;
}

void scim_request_log_begin(request_rec *r)
{
    if (log_of(r) && scim_config_of(r)->request_log != 0) {
        apr_pool_userdata_setn(apr_pcalloc(r->pool, sizeof(record_t)), RECORD,
                               NULL, r->pool);
    }
}

void scim_request_log_wrote(request_rec *r)
{
    record_t *record = record_of(r);

    if (record) {
        record->request.changes++;
    }
}

/* Description */

#define MAX_SEGMENT 64

static const char *shown_segment(const char *segment)
{
    apr_size_t length = strlen(segment);

    return length <= MAX_SEGMENT
           && scim_path_name_length(segment) == length ? segment
                                                       : SCIM_MASKED;
}

/* What is not the id of anything may be a value. */
static const char *shown_id(const scim_target_t *target, int status)
{
    return scim_text_is_uuid(target->id)
           || strcmp(target->id, SCIM_SEARCH) == 0 ? target->id
           : status < HTTP_BAD_REQUEST ? shown_segment(target->id)
           : SCIM_MASKED;
}

static const char *path_with(const scim_target_t *target, const char *id,
                             apr_pool_t *pool)
{
    return apr_pstrcat(pool, "/", target->organization, "/",
                       shown_segment(target->version),
                       *target->endpoint ? "/" : "",
                       *target->endpoint ? shown_segment(target->endpoint)
                                         : "",
                       id ? "/" : "", id ? id : "",
                       target->rest ? "/" SCIM_MASKED : "", NULL);
}

static const char *what_is_done(const scim_exchange_t *x)
{
    if (!x->body) {
        return NULL;
    }
    if (!x->resource) {
        return x->target->id ? NULL
               : scim_masked_bulk(x->body, &x->call.rules, x->r->pool);
    }
    switch (x->r->method_number) {
    case M_PATCH:
        return scim_masked_patch(x->body, x->resource->type, &x->call.rules,
                                 x->r->pool);
    case M_PUT:
        return scim_masked_resource(x->body, x->resource->type,
                                    &x->call.rules, x->r->pool);
    default:
        return x->target->id ? NULL
               : scim_masked_resource(x->body, x->resource->type,
                                      &x->call.rules, x->r->pool);
    }
}

static void see(apr_array_header_t *seen, const char *id)
{
    if (id && scim_text_is_uuid(id)) {
        APR_ARRAY_PUSH(seen, const char *) = id;
    }
}

/* The account at the end of the location of an operation. */
static void see_at_location(apr_array_header_t *seen, const char *location)
{
    const char *endpoint = location
                           ? strstr(location, scim_user_type.endpoint) : NULL;

    if (endpoint) {
        see(seen, scim_text_last_segment(endpoint));
    }
}

/* Ids of other resources than accounts are left out when it is written. */
static void see_accounts(apr_array_header_t *seen, const scim_exchange_t *x)
{
    const cJSON *body = x->reply.body;
    const cJSON *one;

    if (x->resource && x->resource->type != &scim_user_type) {
        return;
    }
    if (x->resource && x->target->id) {
        see(seen, x->target->id);
    }
    see(seen, scim_json_text(body, "id"));
    cJSON_ArrayForEach(one, scim_json_member(body, "Resources")) {
        see(seen, scim_json_text(one, "id"));
    }
    cJSON_ArrayForEach(one, scim_json_member(body, "Operations")) {
        see_at_location(seen, scim_json_text(one, "location"));
    }
}

static void describe_resource(scim_request_t *request,
                              const scim_exchange_t *x)
{
    const char *made = scim_json_text(x->reply.body, "id");
    const char *id = x->target->id ? x->target->id : made;

    if (x->resource) {
        request->resource_type = x->resource->type->name;
        request->resource_id = id && scim_text_is_uuid(id) ? id : NULL;
    }
}

static void describe_answer(scim_request_t *request, const scim_exchange_t *x,
                            const scim_error_t *error)
{
    request->status = error ? scim_error_status(error->kind)
                      : x->reply.status ? x->reply.status : HTTP_OK;
    request->scim_type = error ? scim_error_type(error->kind) : NULL;
    request->refusals = (error != NULL) + x->call.refusals->nelts;
    request->warnings = x->call.warnings->nelts;
}

void scim_request_log_describe(const scim_exchange_t *x,
                               const scim_error_t *error)
{
    record_t *record = record_of(x->r);
    scim_request_t *request = record ? &record->request : NULL;
    const scim_target_t *target = x->target;
    apr_pool_t *pool = x->r->pool;

    if (!record || !x->call.principal) {
        return;
    }
    request->organization_id = x->call.principal->organization_id;
    request->token_id = x->call.principal->actor_id;
    request->actor_name = x->call.principal->actor_name;
    request->request_id = scim_notes_request_id(x->r);
    request->method = x->r->method_number == M_INVALID ? SCIM_MASKED
                                                       : x->r->method;
    describe_answer(request, x, error);
    describe_resource(request, x);
    request->path = path_with(target, target->id
                              ? shown_id(target, request->status) : NULL,
                              pool);
    record->path_of_all = target->id && strcmp(target->id, SCIM_SEARCH) != 0
                          ? path_with(target, SCIM_MASKED, pool)
                          : request->path;
    if (x->parameters && apr_table_get(x->parameters, "filter")) {
        request->filter = scim_masked_filter(x->call.filter, pool);
    }
    request->operations = what_is_done(x);
    record->seen = apr_array_make(pool, 1, sizeof(const char *));
    see_accounts(record->seen, x);
    record->is_described = 1;
}

/* Batches; the caller holds the mutex */

/* A pool whose memory goes back to the system with it: batches have all
 * sizes. */
static apr_pool_t *make_pool(void)
{
    apr_allocator_t *allocator;
    apr_pool_t *pool;

    apr_allocator_create(&allocator);
    apr_allocator_max_free_set(allocator, 1);
    apr_pool_create_ex(&pool, NULL, NULL, allocator);
    apr_allocator_owner_set(allocator, pool);
    return pool;
}

static batch_t *make_batch(void)
{
    apr_pool_t *pool = make_pool();
    batch_t *batch = apr_pcalloc(pool, sizeof(*batch));

    batch->pool = pool;
    batch->by_key = apr_hash_make(pool);
    batch->requests = apr_array_make(pool, 64, sizeof(scim_request_t *));
    batch->seen = apr_array_make(pool, 64, sizeof(scim_seen_t));
    return batch;
}

static scim_request_t *copied(const scim_request_t *request, apr_pool_t *pool)
{
#define TEXT(name) copy->name = apr_pstrdup(pool, request->name);
    scim_request_t *copy = apr_pmemdup(pool, request, sizeof(*copy));

    TEXT(organization_id) TEXT(token_id) TEXT(actor_name) TEXT(method)
    TEXT(path) TEXT(filter) TEXT(operations) TEXT(scim_type)
    TEXT(resource_type) TEXT(resource_id) TEXT(request_id)
    return copy;
#undef TEXT
}

static int is_equal_text(const char *one, const char *other)
{
    return one && other ? strcmp(one, other) == 0 : one == other;
}

/* What they do not have in common is left out.  Nothing is allocated each
 * time: a batch has a bound. */
static void unite(scim_request_t *to, const record_t *record,
                  apr_pool_t *pool)
{
    const scim_request_t *from = &record->request;

    if (strcmp(to->path, from->path) != 0
        && strcmp(to->path, record->path_of_all) != 0) {
        to->path = apr_pstrdup(pool, record->path_of_all);
    }
    if (!is_equal_text(to->resource_id, from->resource_id)) {
        to->resource_id = NULL;
    }
    if (!is_equal_text(to->operations, from->operations)) {
        to->operations = NULL;
    }
    if (!is_equal_text(to->scim_type, from->scim_type)) {
        to->scim_type = NULL;
    }
    to->at = from->at;
    to->took += from->took;
    to->count++;
    to->changes += from->changes;
    to->refusals += from->refusals;
    to->warnings += from->warnings;
}

static int is_read(const scim_request_t *request)
{
    return request->changes == 0 && request->refusals == 0;
}

/* Requests with the same key are counted together.  Those that change, or are
 * refused, only are when there are too many; then it does not matter what they
 * did. */
static const char *key_of_request(const record_t *record, apr_pool_t *pool)
{
    const scim_request_t *request = &record->request;
    const char *operations = is_read(request) && request->operations
                             ? request->operations : "";

    return apr_pstrcat(pool, request->organization_id, request->token_id,
                       request->method, record->path_of_all, "\n",
                       request->filter ? request->filter : "", "\n",
                       operations, "\n", apr_itoa(pool, request->status), "\n",
                       apr_itoa(pool, (int) (request->at
                                             / apr_time_from_sec(3600))),
                       is_read(request) ? "r" : "w", NULL);
}

/* Whether there was room.  key is NULL for a request that is no read, and made
 * when there are too many of these; pool is that of the request. */
static int put_request(batch_t *batch, const record_t *record,
                       const char *key, apr_pool_t *pool)
{
    int is_single = !key && batch->singles < MAX_SINGLE;
    scim_request_t *same;

    if (!key && !is_single) {
        key = key_of_request(record, pool);
    }
    same = is_single ? NULL
         : apr_hash_get(batch->by_key, key, APR_HASH_KEY_STRING);

    if (same) {
        unite(same, record, batch->pool);
        return 1;
    }
    if (batch->requests->nelts == MAX_ROWS) {
        return 0;
    }
    same = copied(&record->request, batch->pool);
    APR_ARRAY_PUSH(batch->requests, scim_request_t *) = same;
    if (is_single) {
        batch->singles++;
    }
    else {
        apr_hash_set(batch->by_key, apr_pstrdup(batch->pool, key),
                     APR_HASH_KEY_STRING, same);
    }
    return 1;
}

/* FNV-1a of the id, which is random, with the day and never 0. */
static apr_uint64_t mark_of(const char *id, apr_time_t now)
{
    apr_uint64_t mark = APR_UINT64_C(14695981039346656037);

    while (*id) {
        mark = (mark ^ (unsigned char) *id++) * APR_UINT64_C(1099511628211);
    }
    return (mark ^ (apr_uint64_t) (now / DAY) << 20) | 1;
}

static void put_seen(scim_request_log_t *log, const record_t *record)
{
    batch_t *batch = log->batch;
    int i;

    for (i = 0; i < record->seen->nelts; i++) {
        const char *id = APR_ARRAY_IDX(record->seen, i, const char *);
        apr_uint64_t mark = mark_of(id, record->request.at);
        apr_uint64_t *slot = log->slots + (mark >> 48) % SLOTS;

        if (*slot != mark && batch->seen->nelts < MAX_SEEN) {
            scim_seen_t *seen = apr_array_push(batch->seen);

            seen->organization_id
                = apr_pstrdup(batch->pool, record->request.organization_id);
            seen->account_id = apr_pstrdup(batch->pool, id);
            *slot = mark;
        }
    }
}

static void put_record(scim_request_log_t *log, const record_t *record,
                       const char *key, apr_pool_t *pool)
{
    if (!log->batch) {
        log->batch = make_batch();
        apr_thread_cond_signal(log->changed);
    }
    if (!put_request(log->batch, record, key, pool)) {
        log->missing++;
    }
    put_seen(log, record);
}

static int log_request(request_rec *r)
{
    scim_request_log_t *log = log_of(r);
    record_t *record = log ? record_of(r) : NULL;
    const char *key;
    sigset_t before;

    if (!record || !record->is_described) {
        return DECLINED;
    }
    record->request.at = apr_time_now();
    record->request.took = record->request.at - r->request_time;
    record->request.count = 1;
    key = is_read(&record->request) ? key_of_request(record, r->pool) : NULL;
    scim_thread_lock(log->mutex, &before);
    put_record(log, record, key, r->pool);
    scim_thread_unlock(log->mutex, &before);
    return DECLINED;
}

/* The thread */

static void drop_unwritten(scim_request_log_t *log)
{
    apr_pool_destroy(log->unwritten->pool);
    log->unwritten = NULL;
}

/* Accounts of a batch that is dropped have to be seen again. */
static void forget_marks(scim_request_log_t *log)
{
    apr_thread_mutex_lock(log->mutex);
    memset(log->slots, 0, SLOTS * sizeof(*log->slots));
    apr_thread_mutex_unlock(log->mutex);
}

static void take_batch(scim_request_log_t *log)
{
    apr_thread_mutex_lock(log->mutex);
    log->unwritten = log->batch;
    log->batch = NULL;
    apr_thread_mutex_unlock(log->mutex);
}

static void tell_cause(const scim_request_log_t *log, const char *cause)
{
    ap_log_error(APLOG_MARK, APLOG_WARNING, 0, log->server,
                 SCIM_LOGNO(0157) "requests are not written to the log of"
                 " requests: %s", cause);
}

static void tell_failure(scim_request_log_t *log, const scim_error_t *error)
{
    if (!log->has_failed) {
        tell_cause(log, error->cause ? error->cause : error->detail);
    }
    log->has_failed = 1;
}

static void tell_success(scim_request_log_t *log)
{
    int missing;

    apr_thread_mutex_lock(log->mutex);
    missing = log->missing;
    log->missing = 0;
    apr_thread_mutex_unlock(log->mutex);
    if (log->has_failed || missing > 0) {
        ap_log_error(APLOG_MARK, APLOG_NOTICE, 0, log->server,
                     SCIM_LOGNO(0158) "requests are written to the log of"
                     " requests%s; %d are missing",
                     log->has_failed ? " again" : "", missing);
    }
    log->has_failed = 0;
}

static const apr_array_header_t *organizations_of(const batch_t *batch,
                                                  apr_pool_t *pool)
{
    apr_array_header_t *ids = apr_array_make(pool, 4, sizeof(const char *));
    apr_hash_t *known = apr_hash_make(pool);
    int i;

    for (i = 0; i < batch->requests->nelts; i++) {
        const char *id = APR_ARRAY_IDX(batch->requests, i,
                                       scim_request_t *)->organization_id;

        if (!apr_hash_get(known, id, APR_HASH_KEY_STRING)) {
            apr_hash_set(known, id, APR_HASH_KEY_STRING, id);
            APR_ARRAY_PUSH(ids, const char *) = id;
        }
    }
    return ids;
}

/* What could not be deleted is with a later batch; the tables of the version
 * before have nothing to delete. */
static void tell_undeleted(const scim_request_log_t *log,
                           const scim_error_t *error)
{
    if (error && error->kind != SCIM_E_OUTDATED) {
        ap_log_error(APLOG_MARK, APLOG_WARNING, 0, log->server,
                     SCIM_LOGNO(0161) "old requests are not deleted from the"
                     " log of requests: %s", error->cause ? error->cause
                                                          : error->detail);
    }
}

static scim_error_t *write_requests(scim_request_log_t *log, scim_db_t *db,
                                    apr_pool_t *pool)
{
    const batch_t *batch = log->unwritten;

    SCIM_ERR(scim_requests_write(db, batch->requests, batch->seen, pool));
    if (log->batches++ % PRUNE_EACH == 0) {
        tell_undeleted(log, scim_requests_prune(db,
                                                organizations_of(batch, pool),
                                                pool));
    }
    return NULL;
}

static scim_error_t *write_within(scim_request_log_t *log,
                                  apr_interval_time_t patience,
                                  apr_pool_t *pool)
{
    scim_error_t *error;
    scim_db_t *db;

    scim_db_allow_spare(pool, patience);
    SCIM_ERR(scim_db_borrow(&db, log->connections, pool));
    error = write_requests(log, db, pool);
    scim_db_return(db);
    return error;
}

/* A batch is kept as long as the database is away.  The tables of the version
 * before have no place for it. */
static void write_unwritten(scim_request_log_t *log,
                            apr_interval_time_t patience)
{
    apr_pool_t *pool = make_pool();
    const scim_error_t *error = write_within(log, patience, pool);

    if (!error) {
        tell_success(log);
    }
    else if (error->kind != SCIM_E_OUTDATED) {
        tell_failure(log, error);
    }
    if (!error) {
        drop_unwritten(log);
    }
    else if (error->kind != SCIM_E_UNAVAILABLE
             && error->kind != SCIM_E_UNFIT) {
        forget_marks(log);
        drop_unwritten(log);
    }
    apr_pool_destroy(pool);
}

/* Rows of organizations that send no requests any more have to go as well. */
static void sweep(scim_request_log_t *log)
{
    apr_pool_t *pool = make_pool();
    scim_db_t *db;
    int has_more = 0;

    scim_db_allow_spare(pool, PATIENCE);
    if (!scim_db_borrow(&db, log->connections, pool)) {
        tell_undeleted(log, scim_requests_sweep(&has_more, db));
        scim_db_return(db);
    }
    log->sweep_at = scim_clock_now() + (has_more ? PERIOD : SWEEP_EACH);
    apr_pool_destroy(pool);
}

/* Wait this long, or until the process ends. */
static int wait_in_thread(scim_request_log_t *log, apr_interval_time_t most,
                          int for_batch)
{
    int ends;

    apr_thread_mutex_lock(log->mutex);
    if (!log->ends && !(for_batch && log->batch)) {
        apr_thread_cond_timedwait(log->changed, log->mutex, most);
    }
    ends = log->ends;
    apr_thread_mutex_unlock(log->mutex);
    return !ends;
}

/* If requests need all connections all the time, wait like one of them. */
static void wait_for_connection(scim_request_log_t *log)
{
    int i;

    for (i = 0; i < LOOKS && !scim_pool_is_idle(log->connections)
                && wait_in_thread(log, PERIOD / LOOKS, 0); i++) {
    }
}

/* At the end of the process.  What fails is not tried again. */
static void write_rest(scim_request_log_t *log)
{
    if (log->unwritten) {
        write_unwritten(log, PATIENCE_AT_END);
    }
    if (!log->unwritten) {
        take_batch(log);
        if (log->unwritten) {
            write_unwritten(log, PATIENCE_AT_END);
        }
    }
}

static void *run_request_log(void *log_)
{
    scim_request_log_t *log = log_;

    while (wait_in_thread(log, log->unwritten ? PERIOD : FIRST_SWEEP,
                          !log->unwritten)
           && wait_in_thread(log, PERIOD, 0)) {
        wait_for_connection(log);
        if (!log->unwritten) {
            take_batch(log);
        }
        if (log->unwritten) {
            write_unwritten(log, PATIENCE);
        }
        if (scim_clock_now() >= log->sweep_at
            && scim_pool_is_idle(log->connections)) {
            sweep(log);
        }
    }
    write_rest(log);
    return NULL;
}

/* Start and end */

/* mod_dbd's connections, and the memory, must outlast the thread. */
static apr_status_t end_request_log(void *log_)
{
    scim_request_log_t *log = log_;
    sigset_t before;

    scim_thread_lock(log->mutex, &before);
    log->ends = 1;
    apr_thread_cond_signal(log->changed);
    scim_thread_unlock(log->mutex, &before);
    scim_pool_end(log->connections);
    if (scim_thread_join(log->thread)) {
        free(log->slots);
    }
    else {
        tell_cause(log, "the thread did not end with the process");
    }
    return APR_SUCCESS;
}

/* What keeps the thread from its start; NULL: it runs. */
static const char *start_request_log(scim_request_log_t *log)
{
    /* calloc does not touch it, so that it takes no memory before it is
     * used. */
    log->slots = calloc(SLOTS, sizeof(*log->slots));
    if (!log->slots) {
        return "there is no memory for it";
    }
    if (!scim_thread_start(&log->thread, run_request_log, log)) {
        free(log->slots);
        return "there is no thread for it";
    }
    return NULL;
}

scim_request_log_t *scim_request_log_make(apr_pool_t *pool, server_rec *s,
                                          scim_pool_t *connections)
{
    scim_request_log_t *made = apr_pcalloc(pool, sizeof(*made));
    const char *cause;

    made->server = s;
    made->connections = connections;
    made->sweep_at = scim_clock_now() + FIRST_SWEEP
                     + apr_time_from_sec(getpid() % 60);
    apr_thread_mutex_create(&made->mutex, APR_THREAD_MUTEX_DEFAULT, pool);
    apr_thread_cond_create(&made->changed, pool);
    cause = start_request_log(made);
    if (cause) {
        tell_cause(made, cause);
        return NULL;
    }
    apr_pool_pre_cleanup_register(pool, made, end_request_log);
    return made;
}

void scim_request_log_register_hooks(void)
{
    ap_hook_log_transaction(log_request, NULL, NULL, APR_HOOK_MIDDLE);
}
