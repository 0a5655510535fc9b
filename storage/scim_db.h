/* SPDX-License-Identifier: Apache-2.0 */
/* scim_db: PostgreSQL.  mod_dbd owns the pool of connections (scim_pool),
 * libpq runs the statements (scim_db_parts.h), and scim_wait waits for their
 * answers; no other files know either.
 *
 * A connection is borrowed for as long as statements run, never while a
 * client's bytes are read or written.  Statements are prepared on first use
 * and again after the connection came to another server process; or not at
 * all, behind a pooler that lends sessions for one transaction each.
 *
 * Sessions.  With the first statement on a new server process, settings are
 * made (no JIT, a lock_timeout) and it is asked whether it is a standby: if
 * so, the connection is closed, and nothing is read from it.  Once for each
 * process it is asked whether the tables fit this release (scim_version).
 *
 * Repetition.  Each statement of the table says whether it may be: what
 * reads, and what does as much twice as once.  A write is a transaction of its
 * own; when its answer is lost, nobody knows whether it was committed.
 *
 *                                      may be repeated      a write
 *   closed while nobody used it        noticed by sending,  noticed before it
 *                                      then as below        is sent: opened,
 *                                                           sent once
 *   lost before it was sent (set-up,   opened again,        opened again,
 *   PREPARE)                           sent again once      sent again once
 *   lost after it was sent             opened again,        503
 *                                      sent again once
 *   refused, not executed: 26000 (the  opened again,        opened again,
 *   name is unknown), 0A000 (the plan  sent again once      sent again once
 *   no longer fits), 25006 (the server
 *   takes no changes)
 *   no answer in time, or the client   closed, cancelled,   closed, cancelled,
 *   has gone                           503                  503
 *   within BEGIN, or in a pipeline     503                  503
 *   anything on the second try         503                  503
 *
 * Time.  All waits of a request together (for a place, a connection, answers)
 * have SCIMDatabaseTimeout; a connection is only opened again while half of it
 * is left.
 *
 * Errors come by SQLSTATE, from one table in scim_db_error.c.  PostgreSQL's
 * texts go to the log alone, and of them the primary message, since others may
 * quote values.
 */
#ifndef SCIM_DB_H
#define SCIM_DB_H

#include <apr_pools.h>
#include <apr_tables.h>
#include <apr_time.h>

#include "values/scim_error.h"
#include "storage/scim_pool.h"
#include "storage/scim_statements.h"
#include "storage/scim_wait.h"

/* A connection, borrowed or one's own. */
typedef struct scim_db_t scim_db_t;

/* The rows of an answer; they live as long as the pool of their db. */
typedef struct scim_rows_t scim_rows_t;

/* How long a borrowed connection waits for what another one holds, before the
 * request is SCIM_E_UNAVAILABLE. */
#define SCIM_DB_LOCK_SECONDS 2

/* How long a request waits for the database, where nobody says. */
#define SCIM_DB_SECONDS 15

/* How long the request of pool waits for the database at most: for a place, a
 * connection and the answers of all statements together.  Then, and when
 * is_gone says so, the connection is closed, the statement SCIM_E_UNAVAILABLE
 * (SCIM_E_TIMEOUT for nobody), and so is what comes after it; a change may
 * have been made or not.  Who has said it for pool first counts. */
void scim_db_allow(apr_pool_t *pool, apr_interval_time_t most,
                   scim_is_gone_fn *is_gone, void *baton);

/* What comes next may wait as long as all before it, unless that was in vain;
 * db is one of scim_db_within, and when it has waited in vain, so has what it
 * was made from. */
void scim_db_allow_again(scim_db_t *db);

/* Borrow a connection; it must be given back with scim_db_return, and is when
 * pool goes at the latest.  None free in time or the database away:
 * SCIM_E_UNAVAILABLE; one that does not fit this release, or is not whole:
 * SCIM_E_UNFIT. */
scim_error_t *scim_db_borrow(scim_db_t **db, scim_pool_t *from,
                             apr_pool_t *pool) SCIM_CHECKED;

/* The same for a request of organization (any name of it, which must live as
 * long as pool), to which only its share of the connections is lent
 * (scim_places.h). */
scim_error_t *scim_db_borrow_for(scim_db_t **db, scim_pool_t *from,
                                 const char *organization, apr_pool_t *pool)
    SCIM_CHECKED;
void scim_db_return(scim_db_t *db);

/* A connection of one's own, for programs; conninfo as libpq takes it, ""
 * for the PG* variables alone.  Closed with pool. */
scim_error_t *scim_db_connect(scim_db_t **db, const char *conninfo,
                              apr_pool_t *pool) SCIM_CHECKED;

/* The values of a statement, an array (gcc warns of a pointer): their number
 * and themselves. */
#define SCIM_VALUES(array) \
    (int) (sizeof(array) / sizeof(*(array))), (array)

/* Run a statement of the table; count values are its parameters, NULL for SQL
 * NULL; another number than it has is SCIM_E_INTERNAL, and nothing is run.
 * Errors by SQLSTATE: a taken userName SCIM_E_UNIQUENESS, a token issuer's
 * protection SCIM_E_FORBIDDEN, a value that the database refuses
 * SCIM_E_INVALID_VALUE, a database that is away, busy or restarting
 * SCIM_E_UNAVAILABLE, one that does not have what the statement needs
 * SCIM_E_UNFIT on a borrowed connection, all else SCIM_E_INTERNAL. */
scim_error_t *scim_db_run(scim_rows_t **rows, scim_db_t *db,
                          scim_statement_e statement, int count,
                          const char *const *values) SCIM_CHECKED;

/* Run a query of a text made by scim_query with count parameters.  keep: the
 * text is one of few and its plan serves all values, so prepare it.  One that
 * takes longer than the database's statement_timeout is SCIM_E_TOO_MANY. */
scim_error_t *scim_db_query(scim_rows_t **rows, scim_db_t *db,
                            const char *sql, int count,
                            const char *const *values, int keep) SCIM_CHECKED;

/* A transaction around several statements, for programs: the import of a file
 * is all or nothing.  Without commit it is rolled back with the pool. */
scim_error_t *scim_db_begin(scim_db_t *db) SCIM_CHECKED;
scim_error_t *scim_db_commit(scim_db_t *db) SCIM_CHECKED;

/* One statement many times over, each time a transaction of its own, without
 * waiting for one answer before the next is sent: begin, send each, receive
 * each in the same order, end.  Nothing else may run in between.  What was
 * sent is never repeated; when the connection is lost, all that is not
 * received yet is SCIM_E_UNAVAILABLE. */
int scim_db_has_pipeline(const scim_db_t *db); /* else there is none */
scim_error_t *scim_db_begin_pipeline(scim_db_t *db,
                                     scim_statement_e statement)
    SCIM_CHECKED;
scim_error_t *scim_db_send(scim_db_t *db, scim_statement_e statement,
                           int count, const char *const *values)
    SCIM_CHECKED;
scim_error_t *scim_db_receive(scim_rows_t **rows, scim_db_t *db)
    SCIM_CHECKED;
void scim_db_end_pipeline(scim_db_t *db);

/* The same connection, with answers that live as long as pool; not to be given
 * back. */
scim_db_t *scim_db_within(scim_db_t *db, apr_pool_t *pool);

/* Between the two, a transaction that sets synchronous_commit, for itself, to
 * scim_db_commits is committed without waiting for the disk; scim_db_flush
 * waits for all of them at once, so they are as durable then as if each had
 * waited.  It is SCIM_E_UNAVAILABLE when PostgreSQL was restarted in between,
 * or is another one, which has perhaps lost a transaction. */
scim_error_t *scim_db_defer_flush(scim_db_t *db) SCIM_CHECKED;
const char *scim_db_commits(const scim_db_t *db); /* NULL: as it is set */
scim_error_t *scim_db_flush(scim_db_t *db) SCIM_CHECKED;

/* Whether a pooler stands between a program and PostgreSQL: unless it lends
 * whole sessions, what a session holds is soon another one's. */
int scim_db_is_pooled(const scim_db_t *db);

int scim_rows_count(const scim_rows_t *rows);

/* The value as text, NULL for SQL NULL. */
const char *scim_rows_value(const scim_rows_t *rows, int row, int column);

/* The value of a boolean column. */
int scim_rows_true(const scim_rows_t *rows, int row, int column);

/* items as the text of a PostgreSQL array of text. */
const char *scim_db_array(apr_pool_t *pool, const apr_array_header_t *items);

#endif
