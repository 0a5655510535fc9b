/* SPDX-License-Identifier: Apache-2.0 */
/* scim_wait: waiting for PostgreSQL, for as long as a request has patience.
 *
 * libpq's own functions wait without an end for a server that says nothing:
 * one behind a silent network, one that is frozen, one that waits for a
 * standby.  The functions here are the same with an end.  Where there is no
 * answer, they close the connection (its status is CONNECTION_BAD then) and
 * let the server know that nobody waits, without waiting for that either.
 */
#ifndef SCIM_WAIT_H
#define SCIM_WAIT_H

#include <apr_time.h>

struct pg_conn;
struct pg_result;

/* Whether nobody waits for the answer any more. */
typedef int scim_is_gone_fn(void *baton);

#define SCIM_WAIT_FOR_EVER (-1)  /* of a program */

typedef enum {
    SCIM_WAIT_GOES_ON,
    SCIM_WAIT_TOO_LONG,
    SCIM_WAIT_FOR_NOBODY
} scim_wait_end_e;

/* What one request waits at most, all its waits together. */
typedef struct scim_patience_t scim_patience_t;
struct scim_patience_t {
    apr_interval_time_t most;
    apr_interval_time_t left;    /* 0: it does not wait any more */
    scim_wait_end_e end;         /* why */
    scim_is_gone_fn *is_gone;    /* NULL: somebody waits */
    void *baton;
    scim_patience_t *whole;      /* of which this is a part, or NULL: it ends
                                  * with the part */
};

void scim_wait_begin(scim_patience_t *patience, apr_interval_time_t most);

/* A wait that is over, for a trace.  No value that a client sent is in it. */
typedef enum {
    SCIM_WAIT_BORROWED,          /* a connection */
    SCIM_WAIT_OPENED,            /* one that was lost */
    SCIM_WAIT_PREPARED,          /* text, as name */
    SCIM_WAIT_RAN                /* the statement called name, or text */
} scim_wait_for_e;

typedef struct {
    scim_wait_for_e what;
    const char *name;            /* NULL: none */
    const char *text;            /* SQL, with $n for values; NULL: name says
                                  * it */
    apr_interval_time_t took;
    int is_success;
    int rows;
    const char *sqlstate;        /* "" when there was no answer */
} scim_wait_trace_t;

/* Called after each wait of a patience with a baton, which is that of
 * is_gone, in the thread that waited.  There is one for the process; it is to
 * be set before any thread waits. */
typedef void scim_wait_trace_fn(void *baton, const scim_wait_trace_t *trace);
void scim_wait_set_trace(scim_wait_trace_fn *trace);
void scim_wait_tell(const scim_patience_t *patience,
                    const scim_wait_trace_t *trace);

/* What was waited since begin (scim_clock), elsewhere, counts. */
void scim_wait_spend(scim_patience_t *patience, apr_time_t begin);

/* As PQexec, PQprepare without types, PQexecParams and PQexecPrepared with
 * text; NULL when there is no answer. */
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

/* Wait until PQgetResult does not; whether it is so.  What is sent meanwhile
 * in a pipeline is sent without waiting. */
int scim_wait_until_ready(struct pg_conn *connection,
                          scim_patience_t *patience);

/* Open the connection again, if it can be awaited: libpq goes through its
 * hosts, each within connect_timeout.  Whether it is open. */
int scim_wait_reset(struct pg_conn *connection, scim_patience_t *patience);

/* Whether a server answers at all to who connects as conninfo says. */
int scim_wait_is_there(const char *conninfo);

/* Whether nothing has been heard of an end of the connection. */
int scim_wait_is_alive(struct pg_conn *connection);

/* Close it, so that it is opened again before its next use. */
void scim_wait_close(struct pg_conn *connection);

/* A connection of TCP tells within SCIM_WAIT_SILENCE seconds that the other
 * end is silent, whatever DBDParams say; to be called for each new one. */
#define SCIM_WAIT_SILENCE 5
void scim_wait_watch(struct pg_conn *connection);

/* Others who use the connection wait as libpq does. */
void scim_wait_leave(struct pg_conn *connection);

#endif
