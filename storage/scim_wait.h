/* SPDX-License-Identifier: Apache-2.0 */
/* scim_wait: waiting for PostgreSQL within the patience of a request.
 *
 * libpq's own functions wait without limit for a server that sends nothing:
 * one behind a silent network, one that is frozen, one that waits for a
 * standby.  The functions here are the same with a limit.  If there is no
 * answer, they close the connection (its status is CONNECTION_BAD then) and
 * ask the server to cancel, without waiting for that either.
 */
#ifndef SCIM_WAIT_H
#define SCIM_WAIT_H

#include <apr_time.h>

struct pg_conn;
struct pg_result;

/* Whether the client does not wait for the answer any more. */
typedef int scim_is_gone_fn(void *baton);

#define SCIM_WAIT_FOR_EVER (-1)  /* of a program */

typedef enum {
    SCIM_WAIT_GOES_ON,
    SCIM_WAIT_TOO_LONG,
    SCIM_WAIT_FOR_NOBODY
} scim_wait_end_e;

/* The patience of a request, for all its waits together. */
typedef struct scim_patience_t scim_patience_t;
struct scim_patience_t {
    apr_interval_time_t most;
    apr_interval_time_t left;    /* 0: it does not wait any more */
    scim_wait_end_e end;         /* the reason */
    int is_spare;                /* nobody waits for the answer: rather wait
                                  * than open one more connection */
    scim_is_gone_fn *is_gone;    /* NULL: it never is */
    void *baton;
    const apr_time_t *end_by;    /* when the process ends, by scim_clock, for
                                  * any thread to change; NULL: never */
    scim_patience_t *whole;      /* this is a part of it, or NULL; it ends with
                                  * the part */
};

void scim_wait_begin(scim_patience_t *patience, apr_interval_time_t most);

/* End it, and all that it is a part of. */
void scim_wait_give_up(scim_patience_t *patience, scim_wait_end_e end);

/* A finished wait, for a trace and for counters.  It has no value from a
 * client. */
typedef enum {
    SCIM_WAIT_BORROWED,          /* a connection */
    SCIM_WAIT_OPENED,            /* a lost connection, again */
    SCIM_WAIT_PREPARED,          /* text, as name */
    SCIM_WAIT_RAN,               /* the statement name, or text */
    /* What became of waits; only name is set: */
    SCIM_WAIT_REPEATED,          /* a statement is sent again, because its
                                  * connection was lost */
    SCIM_WAIT_OVERTAKEN,         /* a change begins again, because another
                                  * writer came first */
    SCIM_WAIT_WROTE              /* events of the kinds in name */
} scim_wait_for_e;

typedef struct {
    scim_wait_for_e what;
    const char *name;            /* NULL: none */
    const char *text;            /* SQL, with $n for values; NULL: see name */
    apr_interval_time_t took;
    int is_success;
    int rows;
    const char *sqlstate;        /* "" if there was no answer */
} scim_wait_trace_t;

/* Called after each wait of a patience with a baton, which is also that of
 * is_gone, in the thread that has waited; waits without one, of threads that
 * serve no request, are not told.  There is one for the process; it must be
 * set before any thread waits. */
typedef void scim_wait_trace_fn(void *baton, const scim_wait_trace_t *trace);
void scim_wait_set_trace(scim_wait_trace_fn *trace);
void scim_wait_tell(const scim_patience_t *patience,
                    const scim_wait_trace_t *trace);
void scim_wait_tell_of(const scim_patience_t *patience, scim_wait_for_e what,
                       const char *name);

/* Subtract the time since begin (scim_clock), for waits elsewhere. */
void scim_wait_spend(scim_patience_t *patience, apr_time_t begin);

/* Like PQexec, PQprepare without types, PQexecParams and PQexecPrepared with
 * text; NULL if there is no answer. */
struct pg_result *scim_wait_exec(struct pg_conn *connection,
                                 scim_patience_t *patience,
                                 const char *text);
struct pg_result *scim_wait_prepare(struct pg_conn *connection,
                                    scim_patience_t *patience,
                                    const char *name, const char *text);
struct pg_result *scim_wait_params(struct pg_conn *connection,
                                   scim_patience_t *patience,
                                   const char *text, int count,
                                   const char *const *values);
struct pg_result *scim_wait_prepared(struct pg_conn *connection,
                                     scim_patience_t *patience,
                                     const char *name, int count,
                                     const char *const *values);

/* A statement of a pair: a name that was prepared, or else a text. */
typedef struct {
    const char *name;            /* NULL: see text */
    const char *text;
    int count;                   /* of values */
    const char *const *values;
} scim_wait_statement_t;

/* Two statements, sent at once: the second is run in the transaction of the
 * first, and only if that has succeeded, or else its result is
 * PGRES_PIPELINE_ABORTED.  It is a success only once the transaction is
 * committed.  NULL for what has no answer. */
void scim_wait_pair(struct pg_result *results[2], struct pg_conn *connection,
                    scim_patience_t *patience,
                    const scim_wait_statement_t pair[2]);

/* The answer to the last statement before a synchronization of a pipeline, or
 * the error of the commit; NULL if it is not known to be committed. */
struct pg_result *scim_wait_committed(struct pg_conn *connection,
                                      scim_patience_t *patience);

/* Wait until PQgetResult does not block; false if that takes too long.  In a
 * pipeline, statements are meanwhile sent without waiting. */
int scim_wait_until_ready(struct pg_conn *connection,
                          scim_patience_t *patience);

/* Open the connection again, if there is time: libpq tries its hosts, each
 * within connect_timeout.  Returns whether it is open. */
int scim_wait_reset(struct pg_conn *connection, scim_patience_t *patience);

/* Whether a server answers to conninfo at all. */
int scim_wait_is_there(const char *conninfo);

/* Whether no end of the connection has been received. */
int scim_wait_is_alive(struct pg_conn *connection);

/* Close the connection, so that it is opened again before its next use. */
void scim_wait_close(struct pg_conn *connection);

/* Call this for each new connection: TCP then reports within SCIM_WAIT_SILENCE
 * seconds that the other end is silent, whatever DBDParams are. */
#define SCIM_WAIT_SILENCE 5
void scim_wait_watch(struct pg_conn *connection);

/* Restore libpq's blocking mode for other users of the connection. */
void scim_wait_leave(struct pg_conn *connection);

#endif
