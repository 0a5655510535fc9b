/* scim_db: PostgreSQL.  mod_dbd owns the pool of connections, libpq runs the
 * statements; this is the only file that knows either.
 *
 * A connection is borrowed for as long as statements run, never while a
 * client's bytes are read or written.  Statements are prepared on first use
 * and again after the connection came to another server process.
 */
#ifndef SCIM_DB_H
#define SCIM_DB_H

#include <apr_pools.h>
#include <apr_tables.h>
#include <apr_time.h>

#include "scim_error.h"
#include "scim_statements.h"

struct server_rec;

/* The connections of one server's mod_dbd pool, in this process. */
typedef struct scim_db_pool_t scim_db_pool_t;

/* A connection, borrowed or one's own. */
typedef struct scim_db_t scim_db_t;

/* The rows of an answer; they live as long as the pool of their db. */
typedef struct scim_rows_t scim_rows_t;

/* How long a request waits for a free connection before it is SCIM_E_
 * UNAVAILABLE; mod_dbd itself would wait for ever. */
#define SCIM_DB_WAIT_SECONDS 5

/* How long a borrowed connection waits for what another one holds, before the
 * request is SCIM_E_UNAVAILABLE. */
#define SCIM_DB_LOCK_SECONDS 2

/* Whether mod_dbd is loaded.  To be called once in post_config, before any
 * connection is borrowed. */
int scim_db_is_available(void);

/* The pool of server, of which at most max (DBDMax) connections are lent at a
 * time.  Lives as long as pool. */
scim_db_pool_t *scim_db_pool_make(apr_pool_t *pool, struct server_rec *server,
                                  int max);

/* Borrow a connection; it must be given back with scim_db_return, and is when
 * pool goes at the latest.  None free in time or the database away:
 * SCIM_E_UNAVAILABLE. */
scim_error_t *scim_db_borrow(scim_db_t **db, scim_db_pool_t *from,
                             apr_pool_t *pool) SCIM_CHECKED;

/* The same for a request of organization (any name of it, which must live as
 * long as pool), to which at most half of the connections are lent at a
 * time. */
scim_error_t *scim_db_borrow_for(scim_db_t **db, scim_db_pool_t *from,
                                 const char *organization, apr_pool_t *pool)
    SCIM_CHECKED;
void scim_db_return(scim_db_t *db);

/* A connection of one's own, for programs; conninfo as libpq takes it, ""
 * for the PG* variables alone.  Closed with pool. */
scim_error_t *scim_db_connect(scim_db_t **db, const char *conninfo,
                              apr_pool_t *pool) SCIM_CHECKED;

/* Run a statement of the table; values are its parameters, NULL for SQL NULL.
 * Errors by SQLSTATE: a taken userName SCIM_E_UNIQUENESS, a token issuer's
 * protection SCIM_E_FORBIDDEN, a value that the database refuses
 * SCIM_E_INVALID_VALUE, a database that is away, busy or restarting
 * SCIM_E_UNAVAILABLE, all else SCIM_E_INTERNAL. */
scim_error_t *scim_db_run(scim_rows_t **rows, scim_db_t *db,
                          scim_statement_e statement,
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
scim_error_t *scim_db_begin_pipeline(scim_db_t *db,
                                     scim_statement_e statement)
    SCIM_CHECKED;
scim_error_t *scim_db_send(scim_db_t *db, scim_statement_e statement,
                           const char *const *values) SCIM_CHECKED;
scim_error_t *scim_db_receive(scim_rows_t **rows, scim_db_t *db)
    SCIM_CHECKED;
void scim_db_end_pipeline(scim_db_t *db);

/* The same connection, with answers that live as long as pool; not to be given
 * back. */
scim_db_t *scim_db_within(scim_db_t *db, apr_pool_t *pool);

/* Between the two, a transaction is committed without waiting for the disk;
 * scim_db_flush waits for all of them at once, so they are as durable then as
 * if each had waited.  It is SCIM_E_UNAVAILABLE when the connection was lost
 * in between, and with it perhaps a transaction. */
scim_error_t *scim_db_defer_flush(scim_db_t *db) SCIM_CHECKED;
scim_error_t *scim_db_flush(scim_db_t *db) SCIM_CHECKED;

int scim_rows_count(const scim_rows_t *rows);

/* The value as text, NULL for SQL NULL. */
const char *scim_rows_value(const scim_rows_t *rows, int row, int column);

/* The value of a boolean column. */
int scim_rows_true(const scim_rows_t *rows, int row, int column);

/* items as the text of a PostgreSQL array of text. */
const char *scim_db_array(apr_pool_t *pool, const apr_array_header_t *items);

#endif
