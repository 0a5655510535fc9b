/* SPDX-License-Identifier: Apache-2.0 */
/* scim_db_parts: what scim_db's three files share, and nobody else includes.
 *
 *   scim_db_session.c   connections: borrowed, set up, given back
 *   scim_db_error.c     answers of PostgreSQL that are errors
 *   scim_db.c           statements, sent and sent again; pipelines; rows
 */
#ifndef SCIM_DB_PARTS_H
#define SCIM_DB_PARTS_H

#include <libpq-fe.h>

#include "storage/scim_db.h"
#include "storage/scim_prepared.h"

struct scim_db_t {
    PGconn *connection;
    scim_prepared_t *prepared;
    apr_pool_t *pool;
    scim_patience_t *patience;   /* of the request */
    const char *problem;         /* of the server that it leads to, or NULL */
    scim_pool_t *from;           /* NULL for a connection of one's own */
    const char *organization;    /* for which it was borrowed, or NULL */
    scim_loan_t loan;            /* of it */
    const char *life;            /* of the server whose commits do not wait
                                  * for the disk; NULL: they do */
    int is_looked_at;            /* since it was borrowed, its session was */
};

/* Whether statements run without being prepared, since a pooler lends its
 * sessions for one transaction each. */
int scim_db_is_unprepared(const scim_db_t *db);

/* Set up, or look at, the session of a connection whose server process is
 * new.  Whether it may be asked. */
int scim_db_set_up(scim_db_t *db);

/* Whether result is no error.  NULL, no answer at all, is one. */
int scim_db_succeeded(const PGresult *result);

int scim_db_is_state(const PGresult *result, const char *sqlstate);

/* Whether the connection is gone, or about to be, by an answer that is an
 * error. */
int scim_db_is_lost(const scim_db_t *db, const PGresult *result);

/* The error of an answer, of a client's search, of a connection that is lost,
 * of a request that does not wait any more. */
scim_error_t *scim_db_error(scim_db_t *db, const PGresult *result)
    SCIM_CHECKED;
scim_error_t *scim_db_search_error(scim_db_t *db, const PGresult *result)
    SCIM_CHECKED;
scim_error_t *scim_db_lost(scim_db_t *db) SCIM_CHECKED;
scim_error_t *scim_db_given_up(scim_db_t *db) SCIM_CHECKED;

/* result shows that sessions are shared: the operator is told. */
void scim_db_advise_shared(scim_db_t *db, const PGresult *result);

#endif
