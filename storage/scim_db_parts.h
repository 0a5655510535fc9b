/* SPDX-License-Identifier: Apache-2.0 */
/* scim_db_parts: shared by the three files of scim_db, for them only.
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
    const char *problem;         /* of the server, for the log; or NULL */
    scim_pool_t *from;           /* NULL for one that is not borrowed */
    const char *organization;    /* for which it was borrowed, or NULL */
    scim_loan_t loan;            /* the loan of the connection */
    const char *life;            /* of the server whose commits do not wait for
                                  * the disk; NULL: they wait */
    scim_db_ahead_t *ahead;      /* of the next statement, or NULL */
    int is_looked_at;            /* since it was borrowed, its session was */
};

/* Whether statements run without being prepared, because a pooler lends its
 * sessions for one transaction each. */
int scim_db_is_unprepared(const scim_db_t *db);

/* Set up or check the session of a connection whose server process is new.
 * Whether it can be used. */
int scim_db_set_up(scim_db_t *db);

/* Check the version of the tables, unless it is known of this server process
 * and cannot have changed. */
scim_error_t *scim_db_check_version(scim_db_t *db) SCIM_CHECKED;

/* Whether result is a success.  NULL means that there was no answer. */
int scim_db_succeeded(const PGresult *result);

int scim_db_is_state(const PGresult *result, const char *sqlstate);

/* Whether the connection is lost, or about to be closed, according to an
 * answer that is an error. */
int scim_db_is_lost(const scim_db_t *db, const PGresult *result);

/* The error for an answer, for the answer to a client's search, for a search
 * that takes longer than it may, for a lost connection, and for a request that
 * does not wait any more. */
scim_error_t *scim_db_error(scim_db_t *db, const PGresult *result)
    SCIM_CHECKED;
scim_error_t *scim_db_search_error(scim_db_t *db, const PGresult *result)
    SCIM_CHECKED;
scim_error_t *scim_db_too_slow(const scim_db_t *db) SCIM_CHECKED;
scim_error_t *scim_db_lost(scim_db_t *db) SCIM_CHECKED;
scim_error_t *scim_db_given_up(scim_db_t *db) SCIM_CHECKED;

/* Tell the operator that sessions are shared, as result shows. */
void scim_db_advise_shared(scim_db_t *db, const PGresult *result);

#endif
