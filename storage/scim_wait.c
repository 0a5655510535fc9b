/* SPDX-License-Identifier: Apache-2.0 */
/* libpq with a limit for each wait, see scim_wait.h.
 *
 * Every function sends without blocking, then polls the socket in steps of
 * half a second; after each step it checks whether the client is still there.
 * When the patience ends, the connection is shut down, and a separate thread
 * sends the server a request to cancel.
 */
#include "storage/scim_wait.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>

#include <libpq-fe.h>

#include "values/scim_clock.h"
#include "values/scim_thread.h"

#define LOOK_AROUND apr_time_from_msec(500) /* is the client gone? */
#define MAX_CANCELS 64           /* that wait to be sent; more are dropped */
#define MAX_READS 64             /* of data left on a closed connection */

void scim_wait_begin(scim_patience_t *patience, apr_interval_time_t most)
{
    patience->most = patience->left = most;
    patience->end = SCIM_WAIT_GOES_ON;
}

static int is_endless(const scim_patience_t *patience)
{
    return patience->most == SCIM_WAIT_FOR_EVER;
}

void scim_wait_spend(scim_patience_t *patience, apr_time_t begin)
{
    apr_interval_time_t spent = scim_clock_now() - begin;

    if (!is_endless(patience)) {
        patience->left = spent < patience->left ? patience->left - spent : 0;
    }
}

/* Tracing */

static scim_wait_trace_fn *tracer;   /* set by scim_wait_set_trace */

void scim_wait_set_trace(scim_wait_trace_fn *trace)
{
    tracer = trace;
}

void scim_wait_tell(const scim_patience_t *patience,
                    const scim_wait_trace_t *trace)
{
    if (tracer && patience->baton) {
        tracer(patience->baton, trace);
    }
}

void scim_wait_tell_of(const scim_patience_t *patience, scim_wait_for_e what,
                       const char *name)
{
    scim_wait_trace_t trace = { .what = what, .name = name, .sqlstate = "" };

    scim_wait_tell(patience, &trace);
}

static int is_success(const PGresult *result)
{
    ExecStatusType status = PQresultStatus(result);

    return status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK;
}

/* Computes the duration of the wait without reading the clock again. */
static PGresult *told(const scim_patience_t *patience,
                      apr_interval_time_t left_before, scim_wait_for_e what,
                      const char *name, const char *text, PGresult *result)
{
    const char *sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    scim_wait_trace_t trace = {
        what, name, text, left_before - patience->left, is_success(result),
        PQntuples(result), sqlstate ? sqlstate : ""
    };

    scim_wait_tell(patience, &trace);
    return result;
}

/* Cancelling */

/* For the whole process.  Cancelling a statement takes another connection to
 * the server, which may be as silent: a separate thread does it, without any
 * other waiting for it. */
static struct {
    pthread_mutex_t mutex;
    PGcancel *waiting[MAX_CANCELS];
    int count;
    int runs;
} canceller = { .mutex = PTHREAD_MUTEX_INITIALIZER };

static PGcancel *next_to_cancel(void)
{
    PGcancel *next = NULL;

    pthread_mutex_lock(&canceller.mutex);
    if (canceller.count > 0) {
        next = canceller.waiting[--canceller.count];
    }
    else {
        canceller.runs = 0;
    }
    pthread_mutex_unlock(&canceller.mutex);
    return next;
}

static void *cancel_all(void *unused)
{
    char problem[256];
    PGcancel *next;

    while ((next = next_to_cancel()) != NULL) {
        PQcancel(next, problem, sizeof(problem));
        PQfreeCancel(next);
    }
    return NULL;
}

static int start_canceller(void)
{
    pthread_t thread;

    if (!scim_thread_start(&thread, cancel_all, NULL)) {
        return 0;
    }
    pthread_detach(thread);
    return 1;
}

/* A commit that waits for a standby would keep its server process until the
 * standby returns, and in time all processes of PostgreSQL. */
static void cancel(PGconn *connection)
{
    PGcancel *made = PQgetCancel(connection);

    pthread_mutex_lock(&canceller.mutex);
    if (made && canceller.count < MAX_CANCELS) {
        canceller.waiting[canceller.count++] = made;
        made = NULL;
    }
    if (canceller.count > 0 && !canceller.runs) {
        canceller.runs = start_canceller();
    }
    pthread_mutex_unlock(&canceller.mutex);
    PQfreeCancel(made);
}

/* Waiting */

/* libpq itself would send a message and wait for that; instead, it finds the
 * end of the connection when it reads. */
void scim_wait_close(PGconn *connection)
{
    int reads = 0;

    if (PQstatus(connection) != CONNECTION_OK) {
        return;
    }
    shutdown(PQsocket(connection), SHUT_RDWR);
    while (PQstatus(connection) == CONNECTION_OK && reads++ < MAX_READS
           && PQconsumeInput(connection)) {
        continue;
    }
}

static apr_interval_time_t left_until(apr_time_t end,
                                      const scim_patience_t *patience)
{
    apr_time_t end_by = patience->end_by
                        ? __atomic_load_n(patience->end_by, __ATOMIC_RELAXED)
                        : end;

    if (is_endless(patience)) {
        return LOOK_AROUND;
    }
    return (end_by < end ? end_by : end) - scim_clock_now();
}

/* Wait until something happens to the connection, including its end. */
static int wait_on(PGconn *connection, short events,
                   scim_patience_t *patience, apr_time_t end)
{
    struct pollfd socket = { PQsocket(connection), events, 0 };
    apr_interval_time_t left;

    while (socket.fd >= 0) {
        left = left_until(end, patience);
        if (left <= 0) {
            patience->end = SCIM_WAIT_TOO_LONG;
            return 0;
        }
        left = left > LOOK_AROUND ? LOOK_AROUND : left;
        if (poll(&socket, 1, (int) apr_time_as_msec(left) + 1) > 0) {
            return 1;
        }
        if (patience->is_gone && patience->is_gone(patience->baton)) {
            patience->end = SCIM_WAIT_FOR_NOBODY;
            return 0;
        }
    }
    return 1;
}

/* A lost connection is an answer, too: PQgetResult has the error. */
static int wait_for_answer(PGconn *connection, scim_patience_t *patience,
                           apr_time_t end)
{
    int unsent;

    while ((unsent = PQflush(connection)) > 0 || PQisBusy(connection)) {
        if (!wait_on(connection, unsent > 0 ? POLLIN | POLLOUT : POLLIN,
                     patience, end)) {
            return 0;
        }
        if (!PQconsumeInput(connection)) {
            return 1;
        }
    }
    return 1;
}

void scim_wait_give_up(scim_patience_t *patience, scim_wait_end_e end)
{
    for (; patience; patience = patience->whole) {
        patience->left = 0;
        patience->end = end;
    }
}

int scim_wait_until_ready(PGconn *connection, scim_patience_t *patience)
{
    apr_time_t begin = scim_clock_now();

    if (wait_for_answer(connection, patience, begin + patience->left)) {
        scim_wait_spend(patience, begin);
        return 1;
    }
    scim_wait_give_up(patience, patience->end);
    cancel(connection);
    scim_wait_close(connection);
    return 0;
}

/* Sending must not wait, either. */
static void prepare_to_send(PGconn *connection,
                            const scim_patience_t *patience)
{
    PQsetnonblocking(connection, !is_endless(patience));
}

/* The last result, as from PQexec, or the first error. */
static PGresult *result_of(PGconn *connection, scim_patience_t *patience,
                           int is_sent)
{
    PGresult *kept = NULL;
    PGresult *next;

    while (is_sent && scim_wait_until_ready(connection, patience)) {
        next = PQgetResult(connection);
        if (!next) {
            return kept;
        }
        if (kept && PQresultStatus(kept) == PGRES_FATAL_ERROR) {
            PQclear(next);
        }
        else {
            PQclear(kept);
            kept = next;
        }
    }
    PQclear(kept);
    return NULL;
}

PGresult *scim_wait_exec(PGconn *connection, scim_patience_t *patience,
                         const char *text)
{
    apr_interval_time_t left = patience->left;

    prepare_to_send(connection, patience);
    return told(patience, left, SCIM_WAIT_RAN, NULL, text,
                result_of(connection, patience,
                          PQsendQuery(connection, text)));
}

PGresult *scim_wait_prepare(PGconn *connection, scim_patience_t *patience,
                            const char *name, const char *text)
{
    apr_interval_time_t left = patience->left;

    prepare_to_send(connection, patience);
    return told(patience, left, SCIM_WAIT_PREPARED, name, text,
                result_of(connection, patience,
                          PQsendPrepare(connection, name, text, 0, NULL)));
}

PGresult *scim_wait_params(PGconn *connection, scim_patience_t *patience,
                           const char *text, int count,
                           const char *const *values)
{
    apr_interval_time_t left = patience->left;

    prepare_to_send(connection, patience);
    return told(patience, left, SCIM_WAIT_RAN, NULL, text,
                result_of(connection, patience,
                          PQsendQueryParams(connection, text, count, NULL,
                                            values, NULL, NULL, 0)));
}

PGresult *scim_wait_prepared(PGconn *connection, scim_patience_t *patience,
                             const char *name, int count,
                             const char *const *values)
{
    apr_interval_time_t left = patience->left;

    prepare_to_send(connection, patience);
    return told(patience, left, SCIM_WAIT_RAN, name, NULL,
                result_of(connection, patience,
                          PQsendQueryPrepared(connection, name, count, values,
                                              NULL, NULL, 0)));
}

static int send_one(PGconn *connection, const scim_wait_statement_t *one)
{
    return one->name
           ? PQsendQueryPrepared(connection, one->name, one->count,
                                 one->values, NULL, NULL, 0)
           : PQsendQueryParams(connection, one->text, one->count, NULL,
                               one->values, NULL, NULL, 0);
}

/* The answer, NULL, and the synchronization; the commit may fail between
 * them. */
PGresult *scim_wait_committed(PGconn *connection, scim_patience_t *patience)
{
    PGresult *kept = NULL;
    PGresult *next;
    int is_committed = 0;
    int ends = 0;

    while (ends < 2 && !is_committed
           && scim_wait_until_ready(connection, patience)) {
        next = PQgetResult(connection);
        is_committed = PQresultStatus(next) == PGRES_PIPELINE_SYNC;
        if (!next) {
            ends++;
        }
        else if (!is_committed && (!kept || is_success(kept))) {
            PQclear(kept);
            kept = next;
        }
        else {
            PQclear(next);
        }
    }
    if (kept && (is_committed || !is_success(kept))) {
        return kept;
    }
    PQclear(kept);
    return NULL;
}

void scim_wait_pair(PGresult *results[2], PGconn *connection,
                    scim_patience_t *patience,
                    const scim_wait_statement_t pair[2])
{
    int is_sent, i;

    prepare_to_send(connection, patience);
    is_sent = PQenterPipelineMode(connection)
              && send_one(connection, &pair[0])
              && send_one(connection, &pair[1])
              && PQpipelineSync(connection);
    for (i = 0; i < 2; i++) {
        apr_interval_time_t left = patience->left;
        PGresult *result = !is_sent ? NULL
            : i == 0 ? result_of(connection, patience, 1)
                     : scim_wait_committed(connection, patience);

        results[i] = told(patience, left, SCIM_WAIT_RAN, pair[i].name,
                          pair[i].name ? NULL : pair[i].text, result);
    }
    if (!PQexitPipelineMode(connection)) {
        scim_wait_close(connection);
    }
}

/* PQresetStart would keep trying a silent host, but PQreset goes on to the
 * next one; so it is only started if there is time for its connect_timeout. */
int scim_wait_reset(PGconn *connection, scim_patience_t *patience)
{
    apr_time_t begin = scim_clock_now();
    apr_interval_time_t left = patience->left;
    scim_wait_trace_t trace = { .what = SCIM_WAIT_OPENED, .sqlstate = "" };

    scim_wait_close(connection);
    if (!is_endless(patience) && patience->left < patience->most / 2) {
        return 0;
    }
    PQreset(connection);
    scim_wait_spend(patience, begin);
    trace.took = left - patience->left;
    trace.is_success = PQstatus(connection) == CONNECTION_OK;
    scim_wait_tell(patience, &trace);
    return trace.is_success;
}

int scim_wait_is_there(const char *conninfo)
{
    return PQping(conninfo) == PQPING_OK;
}

/* A server that ended while the connection was idle has announced it, and the
 * announcement can be read.  A write on such a connection could not be
 * repeated. */
int scim_wait_is_alive(PGconn *connection)
{
    struct pollfd socket = { PQsocket(connection), POLLIN, 0 };

    while (PQstatus(connection) == CONNECTION_OK
           && poll(&socket, 1, 0) > 0) {
        if (!PQconsumeInput(connection)) {
            return 0;
        }
    }
    return PQstatus(connection) == CONNECTION_OK;
}

/* Other kinds of sockets have no such options, and do not need them. */
void scim_wait_watch(PGconn *connection)
{
    static const struct {
        int level;
        int name;
        int value;
    } options[] = {
        { SOL_SOCKET, SO_KEEPALIVE, 1 },
        { IPPROTO_TCP, TCP_KEEPIDLE, SCIM_WAIT_SILENCE - 2 },
        { IPPROTO_TCP, TCP_KEEPINTVL, 1 },
        { IPPROTO_TCP, TCP_KEEPCNT, 2 },
        { IPPROTO_TCP, TCP_USER_TIMEOUT, SCIM_WAIT_SILENCE * 1000 }
    };
    size_t i;

    for (i = 0; i < sizeof(options) / sizeof(*options); i++) {
        setsockopt(PQsocket(connection), options[i].level, options[i].name,
                   &options[i].value, sizeof(options[i].value));
    }
}

void scim_wait_leave(PGconn *connection)
{
    PQsetnonblocking(connection, 0);
}
