/* SPDX-License-Identifier: Apache-2.0 */
/* Connections and their sessions, see scim_db.h: borrowing, opening and
 * returning one, the patience of its request, and the checks and settings of
 * its session when its server process is new.
 */
#include "storage/scim_db_parts.h"

#include <stdlib.h>
#include <string.h>

#include <apr_strings.h>

#include "storage/scim_version.h"
#include "values/scim_clock.h"

/* How long the version before this release's is believed to be still the
 * version of the tables. */
#define CHECK_AGAIN_AFTER apr_time_from_sec(1)

int scim_db_is_unprepared(const scim_db_t *db)
{
    return db->from && scim_pool_is_unprepared(db->from);
}

/* No JIT: compiling a filter takes longer than running it.  A lock_timeout: a
 * wait for a row keeps a connection from other requests.  A program with its
 * own connection waits; it may be a superuser's, so the names in its
 * statements are PostgreSQL's own, as for the role scim (roles.sql). */
#define SESSION(settings)                                                   \
    "SELECT set_config(s.name, s.value, false)"                             \
    " FROM (VALUES " settings ") s (name, value)"                           \
    " WHERE current_setting(s.name) <> s.value"

static PGresult *set_up_session(const scim_db_t *db)
{
    return scim_wait_exec(db->connection, db->patience,
                          db->from ? SESSION("('jit', 'off'),"
                                             " ('lock_timeout', '"
                              APR_STRINGIFY(SCIM_DB_LOCK_SECONDS) "s')")
                                     "; SELECT pg_is_in_recovery()"
                                   : SESSION("('jit', 'off'),"
                                             " ('search_path',"
                                             " 'pg_catalog, pg_temp')"));
}

/* The settings of a shared session are not changed; the operator is told if
 * some are missing.  The next transaction may be in another session, perhaps
 * of another server. */
static PGresult *look_at_session(const scim_db_t *db, int is_first)
{
    PGresult *result = scim_wait_exec(
        db->connection, db->patience, is_first
        ? "SELECT pg_is_in_recovery(), string_agg(name, ', ')"
          " FROM pg_settings WHERE (name, setting) IN (('jit', 'on'),"
          " ('lock_timeout', '0'), ('statement_timeout', '0'))"
        : "SELECT pg_is_in_recovery(), NULL");

    if (PQntuples(result) == 1 && !PQgetisnull(result, 0, 1)) {
        scim_pool_advise(db->from, SCIM_POOL_ADVICE_SETTINGS,
                         PQgetvalue(result, 0, 1));
    }
    return result;
}

/* A standby is behind its primary: it may not have a resource that was created
 * a moment ago.  No query is sent to it, and the connection is closed; opening
 * it again may lead to the primary. */
static int is_usable(scim_db_t *db, const PGresult *result)
{
    if (db->from && PQntuples(result) == 1
        && *PQgetvalue(result, 0, 0) == 't') {
        db->problem = "the server is a standby (pg_is_in_recovery):"
                      " DBDParams must lead to the primary, for example with"
                      " target_session_attrs=read-write";
        scim_wait_close(db->connection);
        return 0;
    }
    return scim_db_succeeded(result);
}

/* After a reset, by us or by mod_dbd's check, the connection has another
 * backend, which has none of our prepared statements (design.md, trap 1) and
 * settings.  A pooler that lends sessions for a transaction always shows the
 * same process id, whatever server is behind it. */
int scim_db_set_up(scim_db_t *db)
{
    int backend = PQbackendPID(db->connection);
    int is_known = db->prepared->backend == backend;
    PGresult *result;

    if (PQstatus(db->connection) != CONNECTION_OK
        || (is_known && (db->is_looked_at || !scim_db_is_unprepared(db)))) {
        return PQstatus(db->connection) == CONNECTION_OK;
    }
    if (!is_known) {
        scim_prepared_forget(db->prepared);
        scim_wait_watch(db->connection);
    }
    db->problem = NULL;
    result = scim_db_is_unprepared(db) ? look_at_session(db, !is_known)
                                       : set_up_session(db);
    db->is_looked_at = is_usable(db, result);
    PQclear(result);
    db->prepared->backend = db->is_looked_at ? backend : 0;
    return db->is_looked_at;
}

static scim_prepared_t *prepared_of(const scim_loan_t *loan)
{
    static const char key[] = "scim_db:prepared";
    void *found = NULL;

    apr_pool_userdata_get(&found, key, loan->pool);
    if (!found) {
        found = scim_prepared_make(loan->pool);
        apr_pool_userdata_setn(found, key, apr_pool_cleanup_null,
                               loan->pool);
    }
    return found;
}

static void tell(const scim_db_t *db, const char *text)
{
    PQclear(scim_wait_exec(db->connection, db->patience, text));
}

/* No transaction or setting of ours may remain on a connection that others use
 * next; if there is no time to clean it up, it is closed. */
static void leave_clean(const scim_db_t *db)
{
    if (PQstatus(db->connection) != CONNECTION_OK) {
        return;
    }
    if (PQtransactionStatus(db->connection) != PQTRANS_IDLE) {
        tell(db, "ROLLBACK");
    }
    scim_wait_leave(db->connection);
}

static apr_status_t give_back(void *data)
{
    scim_db_t *db = data;

    leave_clean(db);
    scim_pool_give_back(db->from, &db->loan, db->organization);
    db->connection = NULL;
    return APR_SUCCESS;
}

/* How long the request of pool may still wait. */
static scim_patience_t *patience_of(apr_pool_t *pool)
{
    static const char key[] = "scim_db:patience";
    void *found = NULL;

    apr_pool_userdata_get(&found, key, pool);
    if (!found) {
        found = apr_pcalloc(pool, sizeof(scim_patience_t));
        scim_wait_begin(found, apr_time_from_sec(SCIM_DB_SECONDS));
        apr_pool_userdata_setn(found, key, NULL, pool);
    }
    return found;
}

void scim_db_allow(apr_pool_t *pool, apr_interval_time_t most,
                   scim_is_gone_fn *is_gone, void *baton)
{
    scim_patience_t *patience = patience_of(pool);

    if (!patience->is_gone) {
        scim_wait_begin(patience, most);
        patience->is_gone = is_gone;
        patience->baton = baton;
    }
}

void scim_db_allow_spare(apr_pool_t *pool, apr_interval_time_t most)
{
    scim_db_allow(pool, most, NULL, NULL);
    patience_of(pool)->is_spare = 1;
}

int scim_db_has_time(apr_pool_t *pool)
{
    const scim_patience_t *patience = patience_of(pool);

    return patience->left >= patience->most / 2;
}

void scim_db_allow_again(scim_db_t *db)
{
    scim_patience_t *renewed = apr_pmemdup(db->pool, db->patience,
                                           sizeof(*renewed));

    if (renewed->end == SCIM_WAIT_GOES_ON) {
        renewed->left = renewed->most;
    }
    renewed->whole = db->patience;
    db->patience = renewed;
}

void scim_db_has_version(scim_db_t *db, int version)
{
    db->prepared->version = version;
    db->prepared->checked = PQbackendPID(db->connection);
    db->prepared->checked_at = scim_clock_now();
}

static int is_version_known(const scim_db_t *db)
{
    const scim_prepared_t *prepared = db->prepared;

    return prepared->checked
           && prepared->checked == PQbackendPID(db->connection)
           && (!scim_prepared_is_before(prepared)
               || scim_clock_now() - prepared->checked_at
                  < CHECK_AGAIN_AFTER);
}

scim_error_t *scim_db_check_version(scim_db_t *db)
{
    if (is_version_known(db)) {
        return NULL;
    }
    db->prepared->checked = 0;
    return scim_version_check(db, db->from ? "mod_scim" : "scimctl",
                              db->pool);
}

int scim_db_version(const scim_db_t *db)
{
    return db->prepared->version;
}

int scim_db_is_before(const scim_db_t *db)
{
    return scim_prepared_is_before(db->prepared);
}

scim_error_t *scim_db_outdated(const scim_db_t *db)
{
    return !scim_db_is_before(db) ? NULL
        : scim_error_caused(db->pool, SCIM_E_OUTDATED, SCIM_NEEDS_UPGRADE,
                            apr_psprintf(db->pool, "The database has schema"
                                         " version %d, and this needs %d; "
                                         SCIM_VERSION_UPGRADE,
                                         db->prepared->version,
                                         SCIM_SCHEMA_KNOWN));
}

scim_error_t *scim_db_borrow_for(scim_db_t **db, scim_pool_t *from,
                                 const char *organization, apr_pool_t *pool)
{
    scim_db_t *borrowed = apr_pcalloc(pool, sizeof(*borrowed));
    scim_error_t *error;

    borrowed->pool = pool;
    borrowed->from = from;
    borrowed->organization = organization;
    borrowed->patience = patience_of(pool);
    SCIM_ERR(scim_pool_take(&borrowed->loan, from, organization,
                            borrowed->patience, pool));
    borrowed->connection = borrowed->loan.connection;
    borrowed->prepared = prepared_of(&borrowed->loan);
    apr_pool_cleanup_register(pool, borrowed, give_back,
                              apr_pool_cleanup_null);
    error = scim_db_check_version(borrowed);
    if (error) {
        scim_db_return(borrowed);
        return error;
    }
    *db = borrowed;
    return NULL;
}

scim_error_t *scim_db_borrow(scim_db_t **db, scim_pool_t *from,
                             apr_pool_t *pool)
{
    return scim_db_borrow_for(db, from, NULL, pool);
}

void scim_db_return(scim_db_t *db)
{
    if (db->connection) {
        apr_pool_cleanup_run(db->pool, db, give_back);
    }
}

static apr_status_t finish_connection(void *data)
{
    PQfinish(data);
    return APR_SUCCESS;
}

scim_error_t *scim_db_connect(scim_db_t **db, const char *conninfo,
                              apr_pool_t *pool)
{
    scim_db_t *made = apr_pcalloc(pool, sizeof(*made));

    made->connection = PQconnectdb(conninfo);
    apr_pool_cleanup_register(pool, made->connection,
                              finish_connection, apr_pool_cleanup_null);
    if (PQstatus(made->connection) != CONNECTION_OK) {
        return scim_error_caused(pool, SCIM_E_UNAVAILABLE, SCIM_DATABASE_AWAY,
                                 PQerrorMessage(made->connection));
    }
    PQsetClientEncoding(made->connection, "UTF8");
    made->prepared = scim_prepared_make(pool);
    made->patience = apr_pcalloc(pool, sizeof(*made->patience));
    scim_wait_begin(made->patience, SCIM_WAIT_FOR_EVER);
    made->pool = pool;
    *db = made;
    return NULL;
}

void scim_db_limit(scim_db_t *db, apr_interval_time_t most)
{
    scim_wait_begin(db->patience, most);
}

scim_db_t *scim_db_within(scim_db_t *db, apr_pool_t *pool)
{
    scim_db_t *within = apr_pmemdup(pool, db, sizeof(*db));

    within->pool = pool;
    return within;
}

/* A pooler reports a process id of its own. */
int scim_db_is_pooled(const scim_db_t *db)
{
    PGresult *answer = PQexec(db->connection, "SELECT pg_backend_pid()");
    int is_pooled = PQntuples(answer) == 1
        && atoi(PQgetvalue(answer, 0, 0)) != PQbackendPID(db->connection);

    PQclear(answer);
    return is_pooled;
}
