/* SPDX-License-Identifier: Apache-2.0 */
/* scim_db: PostgreSQL.  mod_dbd owns the pool of connections (scim_pool),
 * libpq runs the statements (scim_db_parts.h), and scim_wait waits for their
 * answers; but for scim_conninfo, no other files use them.
 *
 * A connection is borrowed while statements run, never while a client's bytes
 * are read or written.  Statements are prepared on first use, and again after
 * the connection has changed to another server process; behind a pooler that
 * lends sessions for one transaction each, they are not prepared.
 *
 * Sessions.  Before the first statement on a new server process, its session
 * is set up (no JIT, a lock_timeout).  If the server is a standby, the
 * connection is closed, and nothing is read from it.  Once for each process,
 * scim_version checks whether the tables fit this release.  Tables of the
 * version before may be upgraded at any time, so they are checked again after
 * a second; until then, the texts for them are right on the new ones, too.
 *
 * Repetition.  The table of statements has a flag for those that may be
 * repeated: they only read, or have the same effect twice as once.  A write is
 * a transaction of its own; if its answer is lost, it may have been committed
 * or not.
 *
 *                                      may be repeated      a write
 *   closed while it was idle           noticed by sending,  noticed before it
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
 * are limited by SCIMDatabaseTimeout; a connection is only opened again while
 * half of that time is left.
 *
 * Errors depend on the SQLSTATE, by one table in scim_db_error.c.  Of
 * PostgreSQL's texts, only the primary message is used, for the log, since the
 * others may quote values.
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

/* A connection, borrowed or the caller's own. */
typedef struct scim_db_t scim_db_t;

/* The rows of an answer; they live as long as the pool of their db. */
typedef struct scim_rows_t scim_rows_t;

/* How long a borrowed connection waits for a lock before the request is
 * SCIM_E_UNAVAILABLE. */
#define SCIM_DB_LOCK_SECONDS 2

/* How long a request waits for the database by default. */
#define SCIM_DB_SECONDS 15

/* Limit how long the request of pool waits for the database: for a place, a
 * connection and the answers of all statements together.  After that, and when
 * is_gone returns true, the connection is closed, and this statement and all
 * later ones are SCIM_E_UNAVAILABLE (SCIM_E_TIMEOUT after is_gone); a change
 * may have been made or not.  Only the first call for pool has an effect. */
void scim_db_allow(apr_pool_t *pool, apr_interval_time_t most,
                   scim_is_gone_fn *is_gone, void *baton);

/* The same for what is no request: of the connections, it uses one that is
 * open and that no request needs, unless there has never been one, and
 * requests wait for it a moment rather than open one more. */
void scim_db_allow_spare(apr_pool_t *pool, apr_interval_time_t most);

/* Whether half of that time is left. */
int scim_db_has_time(apr_pool_t *pool);

/* Give the next statements the whole time again, unless a wait has already
 * failed.  db comes from scim_db_within; if a wait of db fails, so do those of
 * the original. */
void scim_db_allow_again(scim_db_t *db);

/* Borrow a connection; it is returned with scim_db_return, or at the latest
 * when pool is destroyed.  SCIM_E_UNAVAILABLE if none is free in time or the
 * database is away; SCIM_E_UNFIT if the database does not fit this release or
 * is not complete. */
scim_error_t *scim_db_borrow(scim_db_t **db, scim_pool_t *from,
                             apr_pool_t *pool) SCIM_CHECKED;

/* The same for a request of organization (any name of it, which must live as
 * long as pool), which may only use its share of the connections
 * (scim_places.h). */
scim_error_t *scim_db_borrow_for(scim_db_t **db, scim_pool_t *from,
                                 const char *organization, apr_pool_t *pool)
    SCIM_CHECKED;
void scim_db_return(scim_db_t *db);

/* A connection that is not borrowed, for programs; conninfo is libpq's, ""
 * uses only the PG* variables.  Closed with pool. */
scim_error_t *scim_db_connect(scim_db_t **db, const char *conninfo,
                              apr_pool_t *pool) SCIM_CHECKED;

/* Let a connection that is not borrowed wait at most this long for the answers
 * to its next statements together; otherwise it waits for ever.  A statement
 * that gets no answer is cancelled, and SCIM_E_UNAVAILABLE. */
void scim_db_limit(scim_db_t *db, apr_interval_time_t most);

/* The number of values of a statement and their array (gcc warns of a
 * pointer). */
#define SCIM_VALUES(array) \
    (int) (sizeof(array) / sizeof(*(array))), (array)

/* Run a statement of the table; its parameters are count values, NULL for SQL
 * NULL; a wrong count is SCIM_E_INTERNAL, and nothing is run.  Errors depend
 * on the SQLSTATE: a userName that is in use SCIM_E_UNIQUENESS, a token
 * issuer's protection SCIM_E_FORBIDDEN, a value that the database refuses
 * SCIM_E_INVALID_VALUE, a database that is away, busy or restarting
 * SCIM_E_UNAVAILABLE, one that lacks something the statement needs
 * SCIM_E_UNFIT on a borrowed connection, one whose tables are too old for it
 * SCIM_E_OUTDATED, all others SCIM_E_INTERNAL. */
scim_error_t *scim_db_run(scim_rows_t **rows, scim_db_t *db,
                          scim_statement_e statement, int count,
                          const char *const *values) SCIM_CHECKED;

/* Run a query that scim_query has composed, with count parameters.  keep:
 * there are few such texts and one plan serves all values, so prepare it.  A
 * query that takes longer than most (0: than anything else that waits), or
 * than the database's statement_timeout, is SCIM_E_TOO_MANY; others can be run
 * after it. */
scim_error_t *scim_db_query(scim_rows_t **rows, scim_db_t *db,
                            const char *sql, int count,
                            const char *const *values, int keep,
                            apr_interval_time_t most) SCIM_CHECKED;

/* A statement ahead of the others: the first of those that are run with db is
 * sent together with it, if it can be, and otherwise after it.  PostgreSQL
 * runs that one only if the one ahead has succeeded.  An error of the one
 * ahead, or of see, is the error of both; see must return none where it has
 * succeeded on the tables of this version. */
typedef scim_error_t *scim_db_see_fn(void *baton, const scim_rows_t *rows);
typedef struct {
    scim_statement_e statement;  /* repeatable */
    int count;
    const char *const *values;
    scim_db_see_fn *see;         /* takes its answer */
    void *baton;
    int has_run;
} scim_db_ahead_t;

/* ahead must live until db is returned. */
void scim_db_put_ahead(scim_db_t *db, scim_db_ahead_t *ahead);

/* Run it by itself, unless it has run with another one. */
scim_error_t *scim_db_run_ahead(scim_db_t *db) SCIM_CHECKED;

/* The tables have this version: what runs from now on are the texts for it
 * (statements.sql). */
void scim_db_has_version(scim_db_t *db, int version);

/* The version of the tables as this connection knows it; with
 * SCIM_SCHEMA_ON_SHARDS if they are distributed. */
int scim_db_version(const scim_db_t *db);

/* Whether the tables have the version before this release's. */
int scim_db_is_before(const scim_db_t *db);

/* The error for what the tables of the version before do not have; NULL if
 * those of db have the version of this release. */
scim_error_t *scim_db_outdated(const scim_db_t *db) SCIM_CHECKED;

/* A transaction around several statements, for programs: the import of a file
 * is all or nothing.  Without commit it is rolled back with the pool. */
scim_error_t *scim_db_begin(scim_db_t *db) SCIM_CHECKED;
scim_error_t *scim_db_commit(scim_db_t *db) SCIM_CHECKED;
scim_error_t *scim_db_roll_back(scim_db_t *db) SCIM_CHECKED;

/* The same, read only, with the rows as they are now for all its statements.
 * It holds up neither writers nor the change feed. */
scim_error_t *scim_db_begin_snapshot(scim_db_t *db) SCIM_CHECKED;

/* Run a statement of the table, and give take the first column of each row
 * while the next ones are still under way: memory does not depend on how many
 * there are.  An error of take is returned after the last row. */
typedef scim_error_t *scim_db_take_fn(void *baton, const char *value);
scim_error_t *scim_db_each(scim_db_t *db, scim_statement_e statement,
                           int count, const char *const *values,
                           scim_db_take_fn *take, void *baton) SCIM_CHECKED;

/* Run one statement many times, each time in a transaction of its own, without
 * waiting for each answer before the next is sent: begin, send each, receive
 * each in the same order, end.  No other statement may run in between.  A sent
 * statement is never repeated; if the connection is lost, every answer not yet
 * received is SCIM_E_UNAVAILABLE. */
int scim_db_has_pipeline(const scim_db_t *db); /* must be true */
scim_error_t *scim_db_begin_pipeline(scim_db_t *db,
                                     scim_statement_e statement)
    SCIM_CHECKED;
scim_error_t *scim_db_send(scim_db_t *db, scim_statement_e statement,
                           int count, const char *const *values)
    SCIM_CHECKED;
scim_error_t *scim_db_receive(scim_rows_t **rows, scim_db_t *db)
    SCIM_CHECKED;
void scim_db_end_pipeline(scim_db_t *db);

/* The same connection, with answers that live as long as pool; it must not be
 * returned. */
scim_db_t *scim_db_within(scim_db_t *db, apr_pool_t *pool);

/* Between defer and flush, a transaction that sets its synchronous_commit to
 * scim_db_commits is committed without waiting for the disk; scim_db_flush
 * waits for all of them at once, and then they are as durable as if each had
 * waited.  It is SCIM_E_UNAVAILABLE if PostgreSQL was restarted in between, or
 * is another server, since a transaction may be lost. */
scim_error_t *scim_db_defer_flush(scim_db_t *db) SCIM_CHECKED;
const char *scim_db_commits(const scim_db_t *db); /* NULL: do not set it */
scim_error_t *scim_db_flush(scim_db_t *db) SCIM_CHECKED;

/* Whether a pooler is between a program and PostgreSQL: unless it lends whole
 * sessions, other clients soon use the same session. */
int scim_db_is_pooled(const scim_db_t *db);

/* Tell the counters of what the callers of statements alone know: that a
 * change begins again, or of which kinds events were written. */
void scim_db_tell(const scim_db_t *db, scim_wait_for_e what,
                  const char *name);

int scim_rows_count(const scim_rows_t *rows);

/* The value as text, NULL for SQL NULL. */
const char *scim_rows_value(const scim_rows_t *rows, int row, int column);

/* The value of a boolean column. */
int scim_rows_true(const scim_rows_t *rows, int row, int column);

/* items, NULL for SQL NULL, as the text of a PostgreSQL array of text. */
const char *scim_db_array(apr_pool_t *pool, const apr_array_header_t *items);

#endif
