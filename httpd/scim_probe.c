/* SPDX-License-Identifier: Apache-2.0 */
/* Probes of the database, see scim_probe.h.
 *
 * The thread borrows a connection, reads the version of the tables, and tells
 * what came of it.  Then, if it is time, it reads what the metrics need; that
 * may take longer without any harm.  It works in memory of its own, since it
 * may outlast the request that wanted to know.
 */
#include "httpd/scim_probe.h"

#include <pthread.h>

#include <apr_strings.h>
#include <apr_thread_cond.h>
#include <apr_thread_mutex.h>

#include <http_log.h>

#include "httpd/scim_log.h"
#include "storage/scim_version.h"
#include "values/scim_clock.h"
#include "values/scim_thread.h"

#define ANSWER_WITHIN apr_time_from_sec(1)
#define ANSWER_HOLDS apr_time_from_sec(1)
#define TEXT_HOLDS apr_time_from_sec(60)

/* Half of it is for a free connection (scim_pool). */
#define PATIENCE apr_time_from_sec(2)
#define PATIENCE_FOR_TEXT apr_time_from_sec(5)

APLOG_USE_MODULE(scim);

/* The answers to one question of the thread, in a pool of its own. */
typedef struct {
    apr_pool_t *pool;
    apr_time_t at;               /* scim_clock; 0: there is none yet */
    int is_up;
    const char *problem;
} answer_t;

struct scim_probe_t {
    server_rec *server;
    scim_pool_t *connections;
    apr_thread_mutex_t *mutex;   /* of all members below */
    apr_thread_cond_t *changed;
    pthread_t thread;
    int has_thread;              /* to be joined */
    int runs;
    apr_time_t begun;            /* the thread */
    scim_probe_fn *more;         /* that the thread was asked for, or NULL */
    apr_time_t asked_at;         /* for the text, last time; 0: never, or in
                                  * vain */
    apr_time_t text_at;          /* when it was read */
    apr_pool_t *text_pool;
    const char *text;            /* NULL: none */
    answer_t answer;
};

/* The thread */

static const char too_late[]
    = "The database has not answered within a second.";

/* NULL for a database that is as it should be. */
static const char *problem_of(const scim_error_t *error, int is_late)
{
    if (!error) {
        return is_late ? too_late : NULL;
    }
    return error->kind == SCIM_E_UNFIT
           ? "The database does not fit this mod_scim: see SCIM0122 in the"
             " error log." : error->detail;
}

static void log_problem(server_rec *s, const char *problem)
{
    ap_log_error(APLOG_MARK, APLOG_WARNING, 0, s, SCIM_LOGNO(0122)
                 "not ready: %s", problem);
}

static void log_change(server_rec *s, const char *before,
                       const answer_t *answer, const scim_error_t *error)
{
    if (answer->problem && !before) {
        log_problem(s, error && error->cause ? error->cause
                                             : answer->problem);
    }
    else if (!answer->problem && before) {
        ap_log_error(APLOG_MARK, APLOG_NOTICE, 0, s, SCIM_LOGNO(0123)
                     "ready again");
    }
}

static scim_error_t *look_at_database(scim_probe_t *probe, apr_pool_t *pool)
{
    scim_error_t *error;
    scim_db_t *db;

    scim_db_allow(pool, PATIENCE, NULL, NULL);
    SCIM_ERR(scim_db_borrow(&db, probe->connections, pool));
    error = scim_version_check(db, "mod_scim", pool);
    scim_db_return(db);
    return error;
}

static void take_answer(scim_probe_t *probe, apr_pool_t *pool,
                        const scim_error_t *error)
{
    answer_t before = probe->answer;
    answer_t answer = { pool, scim_clock_now(), 0, NULL };
    int is_late = answer.at - probe->begun >= ANSWER_WITHIN;

    answer.is_up = !is_late && (!error || error->kind == SCIM_E_UNFIT);
    answer.problem = problem_of(error, is_late);
    log_change(probe->server, before.problem, &answer, error);
    apr_thread_mutex_lock(probe->mutex);
    probe->answer = answer;
    if (answer.problem) {
        probe->text = NULL;
        probe->asked_at = 0;
    }
    apr_thread_cond_broadcast(probe->changed);
    apr_thread_mutex_unlock(probe->mutex);
    if (before.pool) {
        apr_pool_destroy(before.pool);
    }
}

static scim_error_t *read_text(const char **text, scim_probe_t *probe,
                               apr_pool_t *pool)
{
    scim_error_t *error;
    scim_db_t *db;

    scim_db_allow(pool, PATIENCE_FOR_TEXT, NULL, NULL);
    SCIM_ERR(scim_db_borrow(&db, probe->connections, pool));
    error = probe->more(text, db, pool);
    scim_db_return(db);
    return error;
}

static void keep_text(scim_probe_t *probe, apr_pool_t *pool)
{
    apr_pool_t *old = probe->text_pool;
    const char *text = NULL;
    const scim_error_t *error = read_text(&text, probe, pool);

    if (error) {
        ap_log_error(APLOG_MARK, APLOG_WARNING, 0, probe->server,
                     SCIM_LOGNO(0124) "metrics without those of the database:"
                     " %s", error->cause ? error->cause : error->detail);
    }
    apr_thread_mutex_lock(probe->mutex);
    probe->text_pool = pool;
    probe->text = error ? NULL : text;
    probe->text_at = scim_clock_now();
    apr_thread_mutex_unlock(probe->mutex);
    if (old) {
        apr_pool_destroy(old);
    }
}

static void *run_probe(void *probe_)
{
    scim_probe_t *probe = probe_;
    const scim_error_t *error;
    apr_pool_t *pool;
    apr_pool_t *text_pool;

    apr_pool_create(&pool, NULL);
    error = look_at_database(probe, pool);
    take_answer(probe, pool, error);
    if (!error && probe->more) {
        apr_pool_create(&text_pool, NULL);
        keep_text(probe, text_pool);
    }
    apr_thread_mutex_lock(probe->mutex);
    probe->runs = 0;
    apr_thread_cond_broadcast(probe->changed);
    apr_thread_mutex_unlock(probe->mutex);
    return NULL;
}

/* Asking; the caller holds the mutex */

static int is_text_due(const scim_probe_t *probe, scim_probe_fn *more,
                       apr_time_t now)
{
    return more && (!probe->asked_at
                    || now - probe->asked_at >= TEXT_HOLDS);
}

static void start_probe(scim_probe_t *probe, scim_probe_fn *more,
                        apr_time_t now)
{
    int is_due = is_text_due(probe, more, now);

    if (probe->has_thread) {
        pthread_join(probe->thread, NULL);
    }
    probe->more = is_due ? more : NULL;
    probe->begun = now;
    probe->runs = 1;
    if (is_due) {
        probe->asked_at = now;
    }
    probe->has_thread = scim_thread_start(&probe->thread, run_probe, probe);
    if (!probe->has_thread) {
        probe->runs = 0;
    }
}

static int is_fresh(const scim_probe_t *probe, apr_time_t now)
{
    return probe->answer.at && now - probe->answer.at < ANSWER_HOLDS;
}

/* A thread that already takes too long is not waited for again. */
static void wait_for_answer_of(scim_probe_t *probe, int with_text)
{
    apr_time_t end = probe->begun + ANSWER_WITHIN;
    apr_time_t now = scim_clock_now();

    while (now < end && probe->runs
           && (with_text || probe->answer.at < probe->begun)) {
        apr_thread_cond_timedwait(probe->changed, probe->mutex, end - now);
        now = scim_clock_now();
    }
}

static scim_probed_t result_of_probe(const scim_probe_t *probe,
                                     apr_pool_t *pool)
{
    scim_probed_t result = { 0, NULL, "" };

    if (probe->answer.at >= probe->begun) {
        result.is_up = probe->answer.is_up;
        result.problem = apr_pstrdup(pool, probe->answer.problem);
        if (probe->text && scim_clock_now() - probe->text_at
                           < TEXT_HOLDS + PATIENCE_FOR_TEXT) {
            result.text = apr_pstrdup(pool, probe->text);
        }
    }
    else {
        result.problem = too_late;
    }
    return result;
}

scim_probed_t scim_probe_ask(scim_probe_t *probe, scim_probe_fn *more,
                             apr_pool_t *pool)
{
    scim_probed_t result;
    sigset_t before;
    apr_time_t now;

    scim_thread_lock(probe->mutex, &before);
    now = scim_clock_now();
    if (!probe->runs
        && (!is_fresh(probe, now)
            || (!probe->answer.problem && is_text_due(probe, more, now)))) {
        start_probe(probe, more, now);
    }
    wait_for_answer_of(probe, more != NULL);
    result = result_of_probe(probe, pool);
    scim_thread_unlock(probe->mutex, &before);
    return result;
}

/* mod_dbd's connections must outlast the thread. */
static apr_status_t end_probe(void *probe_)
{
    scim_probe_t *probe = probe_;

    scim_pool_end(probe->connections);
    if (probe->has_thread && !scim_thread_join(probe->thread)) {
        log_problem(probe->server, "the database has not answered until the"
                                   " end of the process");
        return APR_SUCCESS;
    }
    if (probe->answer.pool) {
        apr_pool_destroy(probe->answer.pool);
    }
    if (probe->text_pool) {
        apr_pool_destroy(probe->text_pool);
    }
    return APR_SUCCESS;
}

scim_probe_t *scim_probe_make(apr_pool_t *pool, server_rec *s,
                              scim_pool_t *connections)
{
    scim_probe_t *made = apr_pcalloc(pool, sizeof(*made));

    made->server = s;
    made->connections = connections;
    apr_thread_mutex_create(&made->mutex, APR_THREAD_MUTEX_DEFAULT, pool);
    apr_thread_cond_create(&made->changed, pool);
    apr_pool_pre_cleanup_register(pool, made, end_probe);
    return made;
}
