/* SPDX-License-Identifier: Apache-2.0 */
/* Errands, see scim_errands.h.  The thread works in memory of its own, since
 * it outlasts the request that has started it. */
#include "httpd/scim_errands.h"

#include <pthread.h>

#include <apr_strings.h>
#include <apr_thread_mutex.h>

#include <http_log.h>

#include "httpd/scim_counters.h"
#include "httpd/scim_log.h"
#include "resources/scim_token_notes.h"
#include "scim_tokens.h"
#include "values/scim_clock.h"
#include "values/scim_text.h"
#include "values/scim_thread.h"

#define PATIENCE apr_time_from_sec(2)
#define BETWEEN_NOTICES apr_time_from_sec(3600)
#define AFTER_FAILURE apr_time_from_sec(300)

APLOG_USE_MODULE(scim);

struct scim_errands_t {
    server_rec *server;
    scim_pool_t *connections;
    apr_thread_mutex_t *mutex;   /* of all members below but due_at */
    pthread_t thread;
    int has_thread;              /* to be joined */
    int runs;
    apr_pool_t *pool;            /* of the errand */
    const scim_refused_token_t *refused; /* NULL: the notices of ends */
    apr_time_t due_at;           /* the next notices, by scim_clock; atomic */
};

/* The thread */

/* No request is served here, whose waits would count the events
 * (scim_wait_tell). */
static scim_error_t *tell_of_ends(scim_db_t *db)
{
    int count = 0;

    SCIM_ERR(scim_token_notes_ends(&count, db));
    while (count-- > 0) {
        scim_counters_add_events(SCIM_EVENT_TOKEN_ENDS);
    }
    return NULL;
}

static scim_error_t *do_errand(scim_errands_t *errands)
{
    scim_error_t *error;
    scim_db_t *db;

    scim_db_allow_spare(errands->pool, PATIENCE);
    SCIM_ERR(scim_db_borrow(&db, errands->connections, errands->pool));
    error = errands->refused
        ? scim_token_notes_refused(db, errands->refused, errands->pool)
        : tell_of_ends(db);
    scim_db_return(db);
    return error;
}

static void log_cause(const scim_errands_t *errands, const char *cause)
{
    ap_log_error(APLOG_MARK, APLOG_WARNING, 0, errands->server,
                 SCIM_LOGNO(0155) "%s: %s", errands->refused
                 ? "it is not noted that a refused token is still used"
                 : "administrators are not told of tokens that end soon",
                 cause);
}

/* Tables of the version before have no place for such notes. */
static void log_failure(const scim_errands_t *errands,
                        const scim_error_t *error)
{
    if (error->kind != SCIM_E_OUTDATED) {
        log_cause(errands, error->cause ? error->cause : error->detail);
    }
}

static void *run_errand(void *errands_)
{
    scim_errands_t *errands = errands_;
    const scim_error_t *error = do_errand(errands);

    if (error) {
        log_failure(errands, error);
        if (!errands->refused) {
            __atomic_store_n(&errands->due_at,
                             scim_clock_now() + AFTER_FAILURE,
                             __ATOMIC_RELAXED);
        }
    }
    apr_pool_destroy(errands->pool);
    apr_thread_mutex_lock(errands->mutex);
    errands->runs = 0;
    apr_thread_mutex_unlock(errands->mutex);
    return NULL;
}

/* Starting */

static const scim_refused_token_t *
copy_of_refused(const scim_refused_token_t *refused, apr_pool_t *pool)
{
    scim_refused_token_t *copy = apr_pmemdup(pool, refused, sizeof(*copy));

    copy->organization = apr_pstrdup(pool, refused->organization);
    copy->hash = apr_pstrdup(pool, refused->hash);
    copy->method = apr_pstrdup(pool, refused->method);
    copy->path = apr_pstrdup(pool, refused->path);
    return copy;
}

/* Whether the errand is under way now; refused NULL: notices. */
static int start_errand(scim_errands_t *errands,
                        const scim_refused_token_t *refused)
{
    sigset_t before;
    int starts;

    scim_thread_lock(errands->mutex, &before);
    starts = !errands->runs;
    if (starts) {
        if (errands->has_thread) {
            pthread_join(errands->thread, NULL);
        }
        apr_pool_create(&errands->pool, NULL);
        errands->refused = refused ? copy_of_refused(refused, errands->pool)
                                   : NULL;
        starts = errands->runs = errands->has_thread
               = scim_thread_start(&errands->thread, run_errand, errands);
        if (!starts) {
            apr_pool_destroy(errands->pool);
        }
    }
    scim_thread_unlock(errands->mutex, &before);
    return starts;
}

void scim_errands_refused(scim_errands_t *errands, const request_rec *r,
                          const char *organization, const char *secret,
                          const char *path)
{
    char *mended = apr_pstrdup(r->pool, path);
    scim_refused_token_t refused = {
        organization, scim_tokens_hash(secret, r->pool), r->method, mended
    };

    scim_text_mend(mended);
    if (refused.hash) {
        start_errand(errands, &refused);
    }
}

void scim_errands_hourly(scim_errands_t *errands)
{
    apr_time_t due = __atomic_load_n(&errands->due_at, __ATOMIC_RELAXED);
    apr_time_t now = scim_clock_now();

    if (now >= due
        && __atomic_compare_exchange_n(&errands->due_at, &due,
                                       now + BETWEEN_NOTICES, 0,
                                       __ATOMIC_RELAXED, __ATOMIC_RELAXED)
        && !start_errand(errands, NULL)) {
        __atomic_store_n(&errands->due_at, now, __ATOMIC_RELAXED);
    }
}

/* mod_dbd's connections must outlast the thread. */
static apr_status_t end_errands(void *errands_)
{
    scim_errands_t *errands = errands_;

    scim_pool_end(errands->connections);
    if (errands->has_thread && !scim_thread_join(errands->thread)) {
        log_cause(errands, "the thread did not end with the process");
    }
    return APR_SUCCESS;
}

scim_errands_t *scim_errands_make(apr_pool_t *pool, server_rec *s,
                                  scim_pool_t *connections)
{
    scim_errands_t *made = apr_pcalloc(pool, sizeof(*made));

    made->server = s;
    made->connections = connections;
    apr_thread_mutex_create(&made->mutex, APR_THREAD_MUTEX_DEFAULT, pool);
    apr_pool_pre_cleanup_register(pool, made, end_errands);
    return made;
}
