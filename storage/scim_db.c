/* SPDX-License-Identifier: Apache-2.0 */
/* PostgreSQL, see scim_db.h for connections, sessions and what is repeated.
 *
 * From the top: SQLSTATEs and the errors that they become; the session of a
 * connection, set up when its server process is new; borrowing and returning;
 * errors; then perform, by which every statement goes: attempt sends it,
 * prepared if need be, and may_repeat decides whether it is sent again.
 * Pipelines and the deferred flush follow.
 */
#include "storage/scim_db.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include <apr_strings.h>

#include <libpq-fe.h>

#include "storage/scim_prepared.h"
#include "storage/scim_version.h"

#define MAX_VALUES 1024          /* parameters of a query */

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

struct scim_rows_t {
    PGresult *result;
};

/* One execution: a prepared statement by name, or a text without one. */
typedef struct {
    const char *name;
    const char *text;
    int count;
    const char *const *values;
    int repeatable;
    int is_search;               /* of a client: it can ask for less */
} execution_t;

static const char unavailable[] = SCIM_DATABASE_AWAY;
static const char held[] =
    "Another request is changing the same account at the moment. Please try"
    " again.";
static const char too_slow[] =
    "The database did not answer in time. Please try again.";
static const char too_broad[] =
    "The search takes longer than this server allows. Ask for less: a filter"
    " of fewer terms, or one that begins with userName, externalId or id"
    " eq.";
/* Of a constraint that no client can offend; for the log. */
static const char is_behind[] =
    ": the sequence is behind, as after logical replication: SELECT setval("
    "'scim.event_sequence_seq', max(sequence)) FROM scim.event";

/* SQLSTATE (or how it begins) and, where one is named, constraint -> error;
 * the first row that fits counts. */
static const struct {
    const char *sqlstate;
    const char *constraint;
    scim_error_kind_e kind;
    const char *detail;
} sqlstates[] = {
    { "SC001", NULL, SCIM_E_FORBIDDEN,
      "This account generated a SCIM token that is still valid, so it cannot"
      " be deleted, deactivated or lose the role ADMIN. An administrator must"
      " first delete that token or let another administrator generate one." },
    { "SC002", NULL, SCIM_E_FORBIDDEN,
      "The issuer of a SCIM token must be an active account with the role"
      " ADMIN." },
    { "SC003", NULL, SCIM_E_UNAUTHORIZED, SCIM_INVALID_TOKEN },
    { "SC004", NULL, SCIM_E_SWITCHED_OFF, SCIM_PROVISIONING_OFF },
    { "23505", "account_user_name_unique", SCIM_E_UNIQUENESS,
      "Another account of this organization has this userName already." },
    { "23505", NULL, SCIM_E_INTERNAL, NULL },
    { "22", NULL, SCIM_E_INVALID_VALUE,
      "A value cannot be stored or compared as sent." },
    { "23", NULL, SCIM_E_INVALID_VALUE,
      "A value violates a constraint of the database." },
    { "54", NULL, SCIM_E_INVALID_VALUE,
      "A value or the request is too large." },
    { "08", NULL, SCIM_E_UNAVAILABLE, NULL },
    { "25006", NULL, SCIM_E_UNAVAILABLE, NULL },
    { "26000", NULL, SCIM_E_UNAVAILABLE, NULL },
    { "28", NULL, SCIM_E_UNAVAILABLE, NULL },
    { "3D", NULL, SCIM_E_UNAVAILABLE, NULL },
    { "40", NULL, SCIM_E_UNAVAILABLE, NULL },
    { "53", NULL, SCIM_E_UNAVAILABLE, NULL },
    { "55P03", NULL, SCIM_E_UNAVAILABLE, held },
    { "55", NULL, SCIM_E_UNAVAILABLE, NULL },
    { "57014", NULL, SCIM_E_UNAVAILABLE, too_slow },
    { "57", NULL, SCIM_E_UNAVAILABLE, NULL },
    { "58", NULL, SCIM_E_UNAVAILABLE, NULL },
    { "XX000", NULL, SCIM_E_UNAVAILABLE, NULL },    /* a table that has gone */
    { "", NULL, SCIM_E_INTERNAL, NULL }
};

static int is_success(const PGresult *result)
{
    ExecStatusType status = PQresultStatus(result);

    return status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK;
}

static int is_unprepared(const scim_db_t *db)
{
    return db->from && scim_pool_is_unprepared(db->from);
}

/* Compiling a filter takes longer than running it, so without JIT; and who
 * waits for a row keeps a connection from others.  A program with a connection
 * of its own waits. */
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
                                   : SESSION("('jit', 'off')"));
}

/* A session that is shared is left as it is: who set it up is told what it
 * lacks.  Later it is another one, maybe of another server. */
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

/* A server that follows another one is behind it: what was created a moment
 * ago is not there yet.  Nothing is asked of it, and the connection is to be
 * opened again, which may lead to the other one. */
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
    return is_success(result);
}

/* A reset connection, by us or by mod_dbd's check, has another backend, which
 * knows none of our statements (design.md, trap 1) and settings.  A pooler
 * that lends sessions for a transaction shows the same one, whatever it leads
 * to.  Whether it may be asked. */
static int prepared_check(scim_db_t *db)
{
    int backend = PQbackendPID(db->connection);
    int is_known = db->prepared->backend == backend;
    PGresult *result;

    if (PQstatus(db->connection) != CONNECTION_OK
        || (is_known && (db->is_looked_at || !is_unprepared(db)))) {
        return PQstatus(db->connection) == CONNECTION_OK;
    }
    if (!is_known) {
        scim_prepared_forget(db->prepared);
        scim_wait_watch(db->connection);
    }
    db->problem = NULL;
    result = is_unprepared(db) ? look_at_session(db, !is_known)
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

/* Nothing of ours may be left on a connection that others use next; where
 * there is no time for that, it is closed. */
static void settle(const scim_db_t *db)
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

    settle(db);
    scim_pool_give_back(db->from, &db->loan, db->organization);
    db->connection = NULL;
    return APR_SUCCESS;
}

/* What pool's request may still wait. */
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

/* Each server process is asked once whether it has what we need; where it has
 * not, db is given back. */
static scim_error_t *check_version(scim_db_t *db)
{
    scim_prepared_t *prepared = db->prepared;
    scim_error_t *error = NULL;

    if (!prepared->fits
        || prepared->backend != PQbackendPID(db->connection)) {
        error = scim_version_check(db, "mod_scim", db->pool);
        prepared->fits = error == NULL;
    }
    if (error) {
        scim_db_return(db);
    }
    return error;
}

scim_error_t *scim_db_borrow_for(scim_db_t **db, scim_pool_t *from,
                                 const char *organization, apr_pool_t *pool)
{
    scim_db_t *borrowed = apr_pcalloc(pool, sizeof(*borrowed));

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
    SCIM_ERR(check_version(borrowed));
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

static apr_status_t finish(void *data)
{
    PQfinish(data);
    return APR_SUCCESS;
}

scim_error_t *scim_db_connect(scim_db_t **db, const char *conninfo,
                              apr_pool_t *pool)
{
    scim_db_t *made = apr_pcalloc(pool, sizeof(*made));

    made->connection = PQconnectdb(conninfo);
    apr_pool_cleanup_register(pool, made->connection, finish,
                              apr_pool_cleanup_null);
    if (PQstatus(made->connection) != CONNECTION_OK) {
        return scim_error_caused(pool, SCIM_E_UNAVAILABLE, unavailable,
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

static apr_status_t clear_result(void *data)
{
    PQclear(data);
    return APR_SUCCESS;
}

static const char *sqlstate_of(const PGresult *result)
{
    const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);

    return state ? state : "";
}

static int is_state(const PGresult *result, const char *state)
{
    return strcmp(sqlstate_of(result), state) == 0;
}

/* The connection is gone, or about to be.  Errors without SQLSTATE are libpq's
 * own; after a failed write it may report one while PQstatus is still OK. */
static int is_lost(const scim_db_t *db, const PGresult *result)
{
    return PQstatus(db->connection) == CONNECTION_BAD
           || !*sqlstate_of(result) || is_state(result, "57P01")
           || is_state(result, "57P02") || is_state(result, "57P03");
}

/* Only the primary message: context and detail may quote values. */
static const char *cause_of(scim_db_t *db, const PGresult *result)
{
    const char *primary = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);

    if (db->problem) {
        return db->problem;
    }
    return primary ? apr_psprintf(db->pool, "SQLSTATE %s: %s",
                                  sqlstate_of(result), primary)
                   : apr_pstrdup(db->pool, PQerrorMessage(db->connection));
}

static scim_error_t *given_up(scim_db_t *db)
{
    return db->patience->end == SCIM_WAIT_FOR_NOBODY
           ? scim_error(db->pool, SCIM_E_TIMEOUT,
                        "The client has gone away.")
           : scim_error_caused(db->pool, SCIM_E_UNAVAILABLE, too_slow,
                               "no answer from PostgreSQL within"
                               " SCIMDatabaseTimeout; the connection was"
                               " closed");
}

static scim_error_t *lost(scim_db_t *db)
{
    return db->patience->end
           ? given_up(db)
           : scim_error_caused(db->pool, SCIM_E_UNAVAILABLE, unavailable,
                               cause_of(db, NULL));
}

static int is_row_of(int i, const PGresult *result)
{
    const char *state = sqlstate_of(result);
    const char *constraint = PQresultErrorField(result,
                                                PG_DIAG_CONSTRAINT_NAME);

    return strncmp(state, sqlstates[i].sqlstate,
                   strlen(sqlstates[i].sqlstate)) == 0
           && (!sqlstates[i].constraint
               || (constraint
                   && strcmp(constraint, sqlstates[i].constraint) == 0));
}

static void advise_shared(scim_db_t *db, const PGresult *result)
{
    if (db->from) {
        scim_pool_advise(db->from, SCIM_POOL_ADVICE_SHARED,
                         cause_of(db, result));
    }
}

/* A borrowed connection whose database has not what a statement needs is asked
 * again what it has; operators are told by scimctl what their role may. */
static scim_error_t *unfit(scim_db_t *db, const PGresult *result)
{
    const char *advice = db->from ? scim_version_advice(sqlstate_of(result))
                                  : NULL;

    if (!advice) {
        return NULL;
    }
    db->prepared->fits = 0;
    return scim_error_caused(db->pool, SCIM_E_UNFIT, SCIM_OUT_OF_SERVICE,
                             apr_pstrcat(db->pool, cause_of(db, result), ": ",
                                         advice, NULL));
}

/* What the client is told; a constraint of an operator's own is named. */
static const char *detail_of(const scim_db_t *db, int i,
                             const PGresult *result)
{
    const char *constraint = PQresultErrorField(result,
                                                PG_DIAG_CONSTRAINT_NAME);

    if (constraint && strcmp(sqlstates[i].sqlstate, "23") == 0) {
        return apr_psprintf(db->pool, "A value violates the constraint '%.63s'"
                                      " of the database.", constraint);
    }
    if (sqlstates[i].detail) {
        return sqlstates[i].detail;
    }
    return sqlstates[i].kind == SCIM_E_UNAVAILABLE ? unavailable
                                                   : SCIM_SERVER_FAILED;
}

static scim_error_t *error_of(scim_db_t *db, const PGresult *result)
{
    const char *cause;
    scim_error_t *error;
    int i = 0;

    if (db->patience->end) {
        return given_up(db);
    }
    error = unfit(db, result);
    if (error) {
        return error;
    }
    if (is_lost(db, result)) {
        return scim_error_caused(db->pool, SCIM_E_UNAVAILABLE, unavailable,
                                 cause_of(db, result));
    }
    if (is_state(result, "26000")) {
        advise_shared(db, result);
    }
    while (!is_row_of(i, result)) {
        i++;
    }
    cause = cause_of(db, result);
    if (is_state(result, "23505") && sqlstates[i].kind == SCIM_E_INTERNAL) {
        cause = apr_pstrcat(db->pool, cause, is_behind, NULL);
    }
    return scim_error_caused(db->pool, sqlstates[i].kind,
                             detail_of(db, i, result), cause);
}

static PGresult *execute(scim_db_t *db, const execution_t *what)
{
    if (what->name) {
        return scim_wait_prepared(db->connection, db->patience, what->name,
                                  what->count, what->values);
    }
    return scim_wait_params(db->connection, db->patience, what->text,
                            what->count, what->values);
}

/* Prepare, if the statement has a name that this backend does not know yet;
 * NULL when there is nothing to complain about.  Where another client of a
 * pooler prepared the name before (42P05), it is the same text. */
static PGresult *prepare(scim_db_t *db, const execution_t *what,
                         unsigned char *is_prepared)
{
    PGresult *result;

    if (!what->name || *is_prepared) {
        return NULL;
    }
    result = scim_wait_prepare(db->connection, db->patience, what->name,
                               what->text);
    *is_prepared = is_success(result);
    if (is_state(result, "42P05")) {
        advise_shared(db, result);
        *is_prepared = 1;
    }
    if (*is_prepared) {
        PQclear(result);
        return NULL;
    }
    return result;
}

static PGresult *attempt(scim_db_t *db, const execution_t *what,
                         unsigned char *is_prepared, int *sent)
{
    PGresult *failed;

    *sent = 0;
    if (!prepared_check(db)) {
        return NULL;
    }
    failed = prepare(db, what, is_prepared);
    *sent = failed == NULL;
    return failed ? failed : execute(db, what);
}

/* A lost connection is opened again and the statement repeated once, if it
 * reads or never reached the server.  A name that the server has forgotten
 * (26000), a plan that no longer fits (0A000), and what a server does not take
 * that only reads (25006: after a failover it is the wrong one) was not
 * executed either. */
static int may_repeat(scim_db_t *db, const execution_t *what,
                      const PGresult *result, int sent)
{
    if (is_lost(db, result)) {
        return what->repeatable || !sent;
    }
    return is_state(result, "26000") || is_state(result, "0A000")
           || is_state(result, "25006");
}

/* What takes longer than statement_timeout would do so again. */
static scim_error_t *search_error(scim_db_t *db, const PGresult *result)
{
    return is_state(result, "57014")
           ? scim_error_caused(db->pool, SCIM_E_TOO_MANY, too_broad,
                               cause_of(db, result))
           : error_of(db, result);
}

/* result belongs to the rows, or is cleared when it is an error. */
static scim_error_t *take_rows(scim_rows_t **rows, scim_db_t *db,
                               PGresult *result, int is_search)
{
    if (!is_success(result)) {
        scim_error_t *error = is_search ? search_error(db, result)
                                        : error_of(db, result);

        PQclear(result);
        return error;
    }
    apr_pool_cleanup_register(db->pool, result, clear_result,
                              apr_pool_cleanup_null);
    *rows = apr_palloc(db->pool, sizeof(**rows));
    (*rows)->result = result;
    return NULL;
}

/* Before what cannot be repeated; a read finds out by itself. */
static void revive(scim_db_t *db)
{
    if (!scim_wait_is_alive(db->connection)) {
        scim_wait_reset(db->connection, db->patience);
    }
}

static scim_error_t *perform(scim_rows_t **rows, scim_db_t *db,
                             const execution_t *what,
                             unsigned char *is_prepared)
{
    int alone = PQtransactionStatus(db->connection) != PQTRANS_INTRANS;
    PGresult *result;
    int sent;

    if (db->patience->left == 0) {
        return given_up(db);
    }
    if (alone && !what->repeatable) {
        revive(db);
    }
    result = attempt(db, what, is_prepared, &sent);
    if (!is_success(result) && alone && db->patience->left != 0
        && may_repeat(db, what, result, sent)) {
        PQclear(result);
        scim_wait_reset(db->connection, db->patience);
        *is_prepared = 0;
        result = attempt(db, what, is_prepared, &sent);
    }
    return take_rows(rows, db, result, what->is_search);
}

static execution_t execution_of(scim_db_t *db, scim_statement_e statement,
                                const char *const *values)
{
    const scim_statement_t *row = scim_statement(statement);
    execution_t what = { NULL, row->text, row->parameters, values,
                         row->is_repeatable, 0 };

    if (!is_unprepared(db)) {
        what.name = scim_prepared_fixed(db->prepared, statement);
    }
    return what;
}

scim_error_t *scim_db_run(scim_rows_t **rows, scim_db_t *db,
                          scim_statement_e statement, int count,
                          const char *const *values)
{
    execution_t what = execution_of(db, statement, values);

    SCIM_ERR(scim_statement_check(statement, count, db->pool));
    return perform(rows, db, &what, &db->prepared->fixed[statement]);
}

/* PgBouncer gives a session away as soon as one of its transactions is done,
 * and then its clients wait for ever for the answers to the others (1.18). */
int scim_db_has_pipeline(const scim_db_t *db)
{
    return !is_unprepared(db);
}

scim_error_t *scim_db_begin_pipeline(scim_db_t *db,
                                     scim_statement_e statement)
{
    execution_t what = execution_of(db, statement, NULL);
    PGresult *failed;

    if (!prepared_check(db)) {
        return lost(db);
    }
    failed = prepare(db, &what, &db->prepared->fixed[statement]);
    if (failed) {
        scim_error_t *error = error_of(db, failed);

        PQclear(failed);
        return error;
    }
    return PQenterPipelineMode(db->connection) ? NULL : lost(db);
}

/* Each with a synchronization of its own is a transaction of its own. */
scim_error_t *scim_db_send(scim_db_t *db, scim_statement_e statement,
                           int count, const char *const *values)
{
    execution_t what = execution_of(db, statement, values);

    SCIM_ERR(scim_statement_check(statement, count, db->pool));
    return PQsendQueryPrepared(db->connection, what.name, what.count, values,
                               NULL, NULL, 0)
           && PQpipelineSync(db->connection) ? NULL : lost(db);
}

/* The answer, NULL, and the synchronization; its commit may fail between. */
scim_error_t *scim_db_receive(scim_rows_t **rows, scim_db_t *db)
{
    PGresult *kept = NULL;
    PGresult *next;
    int is_committed = 0;
    int ends = 0;

    while (ends < 2 && !is_committed
           && scim_wait_until_ready(db->connection, db->patience)) {
        next = PQgetResult(db->connection);
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
        return take_rows(rows, db, kept, 0);
    }
    PQclear(kept);
    return lost(db);
}

void scim_db_end_pipeline(scim_db_t *db)
{
    if (!PQexitPipelineMode(db->connection)) {
        scim_wait_close(db->connection);
    }
}

scim_error_t *scim_db_query(scim_rows_t **rows, scim_db_t *db,
                            const char *sql, int count,
                            const char *const *values, int to_keep)
{
    unsigned char is_prepared = 0;
    execution_t what = { NULL, sql, count, values, 1, 1 };
    scim_error_t *error;

    if (count > MAX_VALUES) {
        return scim_error(db->pool, SCIM_E_INVALID_FILTER,
                          "The filter has too many values.");
    }
    if (to_keep && !is_unprepared(db)) {
        prepared_check(db);
        what.name = scim_prepared_query(&is_prepared, db->prepared, sql,
                                        db->pool);
    }
    error = perform(rows, db, &what, &is_prepared);
    if (!error && what.name) {
        scim_prepared_keep(db->prepared, sql, what.name);
    }
    return error;
}

static scim_error_t *command(scim_db_t *db, const char *text, int repeatable)
{
    execution_t what = { NULL, text, 0, NULL, repeatable, 0 };
    unsigned char is_prepared = 0;
    scim_rows_t *rows;

    return perform(&rows, db, &what, &is_prepared);
}

scim_error_t *scim_db_begin(scim_db_t *db)
{
    return command(db, "BEGIN", 0);
}

scim_error_t *scim_db_commit(scim_db_t *db)
{
    return command(db, "COMMIT", 0);
}

scim_db_t *scim_db_within(scim_db_t *db, apr_pool_t *pool)
{
    scim_db_t *within = apr_pmemdup(pool, db, sizeof(*db));

    within->pool = pool;
    return within;
}

scim_error_t *scim_db_defer_flush(scim_db_t *db)
{
    scim_rows_t *rows;

    SCIM_ERR(scim_db_run(&rows, db, SCIM_SQL_LIFE, 0, NULL));
    db->life = scim_rows_value(rows, 0, 0);
    return NULL;
}

const char *scim_db_commits(const scim_db_t *db)
{
    return db->life ? "off" : NULL;
}

/* A commit that has something to write waits for all before it, whichever
 * session wrote it, unless the server has lost that in a crash. */
scim_error_t *scim_db_flush(scim_db_t *db)
{
    const char *life = db->life;
    scim_rows_t *rows;

    db->life = NULL;
    SCIM_ERR(scim_db_run(&rows, db, SCIM_SQL_FLUSH, 0, NULL));
    return strcmp(scim_rows_value(rows, 0, 0), life) == 0 ? NULL
        : scim_error_caused(db->pool, SCIM_E_UNAVAILABLE, unavailable,
                            "PostgreSQL was restarted between the operations"
                            " of a bulk request");
}

/* A pooler invents the process that it says it is. */
int scim_db_is_pooled(const scim_db_t *db)
{
    PGresult *answer = PQexec(db->connection, "SELECT pg_backend_pid()");
    int is_pooled = PQntuples(answer) == 1
        && atoi(PQgetvalue(answer, 0, 0)) != PQbackendPID(db->connection);

    PQclear(answer);
    return is_pooled;
}

int scim_rows_count(const scim_rows_t *rows)
{
    return PQntuples(rows->result);
}

const char *scim_rows_value(const scim_rows_t *rows, int row, int column)
{
    return PQgetisnull(rows->result, row, column)
           ? NULL : PQgetvalue(rows->result, row, column);
}

int scim_rows_true(const scim_rows_t *rows, int row, int column)
{
    const char *value = scim_rows_value(rows, row, column);

    return value && value[0] == 't';
}

static char *quoted(char *to, const char *item)
{
    *to++ = '"';
    for (; *item; item++) {
        if (*item == '"' || *item == '\\') {
            *to++ = '\\';
        }
        *to++ = *item;
    }
    *to++ = '"';
    return to;
}

const char *scim_db_array(apr_pool_t *pool, const apr_array_header_t *items)
{
    apr_size_t size = 3;
    char *text;
    char *to;
    int i;

    for (i = 0; i < items->nelts; i++) {
        size += 2 * strlen(APR_ARRAY_IDX(items, i, const char *)) + 3;
    }
    to = text = apr_palloc(pool, size);
    *to++ = '{';
    for (i = 0; i < items->nelts; i++) {
        if (i > 0) {
            *to++ = ',';
        }
        to = quoted(to, APR_ARRAY_IDX(items, i, const char *));
    }
    *to++ = '}';
    *to = '\0';
    return text;
}
