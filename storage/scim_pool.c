/* SPDX-License-Identifier: Apache-2.0 */
/* Connections of mod_dbd, see scim_pool.h.
 *
 * A request first takes a place (scim_places), then a connection: one that was
 * returned and is not in mod_dbd yet, or one that mod_dbd opens.  One thread
 * at a time is in mod_dbd; the others wait for a returned connection or for
 * their turn.  The mutex is never held while mod_dbd works.
 */
#include "storage/scim_pool.h"

#include <stdlib.h>
#include <string.h>

#include <apr_atomic.h>
#include <apr_dbd.h>
#include <apr_optional.h>
#include <apr_strings.h>
#include <apr_thread_cond.h>
#include <apr_thread_mutex.h>

#include <httpd.h>
#include <mod_dbd.h>

#include "values/scim_clock.h"
#include "values/scim_places.h"
#include "values/scim_thread.h"

#define OPEN_AGAIN apr_time_from_msec(200)
#define END_WITHIN apr_time_from_sec(SCIM_THREAD_JOIN_SECONDS - 1)

/* A returned connection is on top of "returned" until it is borrowed again or
 * is given to mod_dbd. */
struct scim_pool_t {
    apr_pool_t *pool;
    server_rec *server;
    const char *params;
    scim_places_t *places;
    int is_unprepared;           /* a statement's text is sent each time */
    scim_pool_advise_fn *advise; /* or NULL */
    volatile apr_uint32_t advised; /* a bit for each advice given */
    apr_time_t end_by;           /* see scim_patience_t; atomic */
    apr_thread_mutex_t *mutex;   /* of all members below */
    apr_thread_cond_t *changed;
    int is_busy;                 /* a thread is in mod_dbd */
    apr_time_t again;            /* when PostgreSQL may have room again */
    apr_time_t held;             /* until then, the only one is waited for */
    int lent;
    int most_lent;               /* since the start */
    apr_uint32_t *shown;         /* the same for others, or NULL */
    int waiting;
    int count;
    ap_dbd_t **returned;
};

static APR_OPTIONAL_FN_TYPE(ap_dbd_open) *dbd_open;
static APR_OPTIONAL_FN_TYPE(ap_dbd_close) *dbd_close;

int scim_pool_is_available(void)
{
    dbd_open = APR_RETRIEVE_OPTIONAL_FN(ap_dbd_open);
    dbd_close = APR_RETRIEVE_OPTIONAL_FN(ap_dbd_close);
    /* mod_dbd connects without any deadline of ours. */
    setenv("PGCONNECT_TIMEOUT", APR_STRINGIFY(SCIM_POOL_CONNECT_SECONDS), 0);
    return dbd_open && dbd_close;
}

scim_pool_t *scim_pool_make(apr_pool_t *pool, server_rec *server, int max,
                            const char *params)
{
    scim_pool_t *made = apr_pcalloc(pool, sizeof(*made));

    made->pool = pool;
    made->server = server;
    made->params = params;
    made->end_by = APR_INT64_MAX;
    made->places = scim_places_make(pool, max);
    made->returned = apr_pcalloc(pool, (apr_size_t) max
                                       * sizeof(*made->returned));
    apr_thread_mutex_create(&made->mutex, APR_THREAD_MUTEX_DEFAULT, pool);
    apr_thread_cond_create(&made->changed, pool);
    return made;
}

void scim_pool_share(scim_pool_t *pool, int is_unprepared,
                     scim_pool_advise_fn *advise)
{
    pool->is_unprepared = is_unprepared;
    pool->advise = advise;
}

void scim_pool_end(scim_pool_t *pool)
{
    __atomic_store_n(&pool->end_by, scim_clock_now() + END_WITHIN,
                     __ATOMIC_RELAXED);
}

void scim_pool_count(scim_pool_t *pool, apr_uint32_t *lent)
{
    pool->shown = lent;
}

int scim_pool_is_idle(scim_pool_t *pool)
{
    int is_idle;

    apr_thread_mutex_lock(pool->mutex);
    is_idle = pool->lent < pool->most_lent && !pool->is_busy
              && pool->waiting == 0;
    apr_thread_mutex_unlock(pool->mutex);
    return is_idle;
}

int scim_pool_is_unprepared(const scim_pool_t *pool)
{
    return pool->is_unprepared;
}

void scim_pool_advise(scim_pool_t *pool, scim_pool_advice_e advice,
                      const char *what)
{
    apr_uint32_t bit = 1U << advice;
    apr_uint32_t before;

    if (!pool->advise) {
        return;
    }
    do {
        before = apr_atomic_read32(&pool->advised);
        if (before & bit) {
            return;
        }
    } while (apr_atomic_cas32(&pool->advised, before | bit, before)
             != before);
    pool->advise(pool->server, advice, what);
}

/* Here and below, the caller holds the mutex; it is released while a thread is
 * in mod_dbd.  Other pools may use the same counter. */
static void count_lent(scim_pool_t *from, int more)
{
    from->lent += more;
    if (from->lent > from->most_lent) {
        from->most_lent = from->lent;
    }
    if (from->shown) {
        __atomic_add_fetch(from->shown, (apr_uint32_t) more,
                           __ATOMIC_RELAXED);
    }
}

static void enter_mod_dbd(scim_pool_t *from)
{
    from->is_busy = 1;
    apr_thread_mutex_unlock(from->mutex);
}

static void leave_mod_dbd(scim_pool_t *from)
{
    apr_thread_mutex_lock(from->mutex);
    from->is_busy = 0;
    if (from->waiting > 0) {
        apr_thread_cond_broadcast(from->changed);
    }
}

/* mod_dbd reports the reason only to the log.  If a server answers, but
 * mod_dbd failed at once, the server has no room for one more connection. */
static int has_no_place(const scim_pool_t *from, apr_time_t begin)
{
    return from->params && scim_clock_now() - begin < OPEN_AGAIN
           && scim_wait_is_there(from->params);
}

static ap_dbd_t *open_one(scim_pool_t *from)
{
    apr_time_t begin = scim_clock_now();
    int is_full = 0;
    ap_dbd_t *dbd;

    enter_mod_dbd(from);
    dbd = dbd_open(from->pool, from->server);
    if (!dbd) {
        is_full = has_no_place(from, begin);
    }
    leave_mod_dbd(from);
    from->again = is_full ? scim_clock_now() + OPEN_AGAIN : 0;
    return dbd;
}

/* A connection that no thread waits for goes back to mod_dbd, where its other
 * users find it. */
static void put_away(scim_pool_t *from)
{
    while (from->count > 0 && from->waiting == 0 && !from->is_busy) {
        ap_dbd_t *dbd = from->returned[--from->count];

        enter_mod_dbd(from);
        dbd_close(from->server, dbd);
        leave_mod_dbd(from);
    }
}

static void wait_for_change(scim_pool_t *from, apr_interval_time_t most)
{
    from->waiting++;
    apr_thread_cond_timedwait(from->changed, from->mutex, most);
    from->waiting--;
}

static int has_ended(const scim_pool_t *from, apr_time_t now)
{
    return now >= __atomic_load_n(&from->end_by, __ATOMIC_RELAXED);
}

/* Whether a returned one is waited for rather than opening one more. */
static int is_held(const scim_pool_t *from, apr_time_t now, apr_time_t end,
                   int is_spare)
{
    return is_spare ? now < from->held || (from->most_lent > 0
                                           && from->lent >= from->most_lent)
                    : now < from->held && now < end;
}

/* Whether mod_dbd may be asked, which opens one if none is left. */
static int may_open(const scim_pool_t *from, apr_time_t now, apr_time_t end,
                    int is_spare)
{
    return !from->is_busy && now >= from->again
           && !is_held(from, now, end, is_spare);
}

/* If PostgreSQL has no room for one more connection, wait for one that is lent
 * or that another process closes.  The first attempt may take any time. */
static ap_dbd_t *find_one(scim_pool_t *from, apr_time_t end, int is_spare)
{
    int is_refused = 0;
    ap_dbd_t *dbd;

    while (from->count == 0) {
        apr_time_t now = scim_clock_now();

        if (has_ended(from, now)) {
            return NULL;
        }
        if (may_open(from, now, end, is_spare) && (!is_refused || now < end)) {
            dbd = open_one(from);
            if (dbd || (!from->again && from->lent == 0)) {
                return dbd;
            }
            is_refused = 1;
        }
        else if (now >= end) {
            return NULL;
        }
        else {
            wait_for_change(from, end - now < OPEN_AGAIN ? end - now
                                                         : OPEN_AGAIN);
        }
    }
    return from->returned[--from->count];
}

static ap_dbd_t *take_connection(scim_pool_t *from, apr_time_t end,
                                 int is_spare)
{
    ap_dbd_t *dbd;

    apr_thread_mutex_lock(from->mutex);
    dbd = find_one(from, end, is_spare);
    count_lent(from, dbd != NULL);
    if (dbd && is_spare && from->lent == 1 && from->most_lent == 1) {
        from->held = scim_clock_now() + OPEN_AGAIN;
    }
    put_away(from);
    apr_thread_mutex_unlock(from->mutex);
    return dbd;
}

static void return_connection(scim_pool_t *from, ap_dbd_t *dbd)
{
    apr_thread_mutex_lock(from->mutex);
    count_lent(from, -1);
    from->held = 0;
    from->returned[from->count++] = dbd;
    if (from->waiting > 0) {
        apr_thread_cond_broadcast(from->changed);
    }
    put_away(from);
    apr_thread_mutex_unlock(from->mutex);
}

/* For a request that already has a place. */
static scim_error_t *take_in_place(ap_dbd_t **dbd, scim_pool_t *from,
                                   apr_time_t end, int is_spare,
                                   apr_pool_t *pool)
{
    *dbd = take_connection(from, end, is_spare);
    if (!*dbd) {
        return scim_error_caused(pool, SCIM_E_UNAVAILABLE, SCIM_DATABASE_AWAY,
                                 "mod_dbd gave no connection");
    }
    /* configtest does not see the directives of a .htaccess. */
    if (strcmp(apr_dbd_name((*dbd)->driver), "pgsql") != 0) {
        return_connection(from, *dbd);
        return scim_error_caused(pool, SCIM_E_UNAVAILABLE, SCIM_DATABASE_AWAY,
                                 "the DBDriver of this server is not pgsql");
    }
    return NULL;
}

static scim_error_t *take_dbd(ap_dbd_t **dbd, scim_pool_t *from,
                              const char *organization,
                              apr_interval_time_t most, int is_spare,
                              apr_pool_t *pool)
{
    apr_time_t end = scim_clock_now() + most;
    scim_error_t *error;

    if (!scim_places_take(from->places, organization, most, pool)) {
        return scim_error_caused(pool, SCIM_E_UNAVAILABLE,
                                 "The server is working on too many requests"
                                 " at the moment. Please try again.",
                                 "no database connection became free in time"
                                 " (DBDMax; one organization can use half of"
                                 " it, or an eighth while another is active)");
    }
    error = take_in_place(dbd, from, end, is_spare, pool);
    if (error) {
        scim_places_leave(from->places, organization);
    }
    return error;
}

/* The second half of a request's patience is for connecting and for
 * queries. */
static apr_interval_time_t time_to_wait(const scim_patience_t *patience)
{
    apr_interval_time_t most = apr_time_from_sec(SCIM_POOL_WAIT_SECONDS);
    apr_interval_time_t left = patience->left - patience->most / 2;

    if (left < 0) {
        return 0;
    }
    return left < most ? left : most;
}

scim_error_t *scim_pool_take(scim_loan_t *loan, scim_pool_t *from,
                             const char *organization,
                             scim_patience_t *patience, apr_pool_t *pool)
{
    apr_time_t begin = scim_clock_now();
    scim_wait_trace_t trace = { .what = SCIM_WAIT_BORROWED,
                                .took = patience->left, .sqlstate = "" };
    scim_error_t *error;
    ap_dbd_t *dbd = NULL;

    patience->end_by = &from->end_by;
    error = take_dbd(&dbd, from, organization, time_to_wait(patience),
                     patience->is_spare, pool);
    scim_wait_spend(patience, begin);
    trace.took -= patience->left;
    trace.is_success = !error;
    scim_wait_tell(patience, &trace);
    if (!error) {
        loan->connection = apr_dbd_native_handle(dbd->driver, dbd->handle);
        loan->pool = dbd->pool;
        loan->dbd = dbd;
    }
    return error;
}

/* Leave the place last: the next request in it must find the connection. */
void scim_pool_give_back(scim_pool_t *from, const scim_loan_t *loan,
                         const char *organization)
{
    return_connection(from, loan->dbd);
    scim_places_leave(from->places, organization);
}
