#include "scim_db.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include <apr_atomic.h>
#include <apr_dbd.h>
#include <apr_optional.h>
#include <apr_strings.h>

#include <httpd.h>
#include <mod_dbd.h>

#include <libpq-fe.h>

#include "scim_places.h"
#include "scim_prepared.h"

#define MAX_VALUES 1024          /* parameters of a query */

typedef struct {
    const char *text;
    int repeatable;
} statement_t;

#define STATEMENT_ROW(id, repeatable, text) { text, repeatable },
static const statement_t statements[] = {
    SCIM_STATEMENT_MAP(STATEMENT_ROW)
};
#undef STATEMENT_ROW

struct scim_db_pool_t {
    server_rec *server;
    scim_places_t *places;
    int is_unprepared;           /* a statement's text is sent each time */
    scim_db_advise_fn *advise;   /* or NULL */
    volatile apr_uint32_t advised; /* a bit for each advice given */
};

struct scim_db_t {
    PGconn *connection;
    scim_prepared_t *prepared;
    apr_pool_t *pool;
    scim_db_pool_t *from;        /* NULL for a connection of one's own */
    const char *organization;    /* for which it was borrowed, or NULL */
    ap_dbd_t *dbd;
    const char *life;            /* of the server whose commits do not wait
                                  * for the disk; NULL: they do */
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

static const char unavailable[] =
    "The database cannot be reached at the moment. Please try again.";
static const char too_busy[] =
    "The server is working on too many requests at the moment. Please try"
    " again.";
static const char held[] =
    "Another request is changing the same account at the moment. Please try"
    " again.";
static const char too_slow[] =
    "The database did not answer in time. Please try again.";
static const char too_broad[] =
    "The search takes longer than this server allows. Ask for less: a filter"
    " of fewer terms, or one that begins with userName, externalId or id"
    " eq.";
static const char internal[] = "The server failed to process the request.";

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
      "A SCIM token is generated in the name of an active account with the"
      " role ADMIN." },
    { "SC003", NULL, SCIM_E_UNAUTHORIZED, SCIM_INVALID_TOKEN },
    { "SC004", NULL, SCIM_E_SWITCHED_OFF, SCIM_PROVISIONING_OFF },
    { "23505", "account_user_name_unique", SCIM_E_UNIQUENESS,
      "Another account of this organization has this userName already." },
    { "23505", NULL, SCIM_E_INTERNAL, NULL },
    { "22", NULL, SCIM_E_INVALID_VALUE,
      "A value cannot be stored or compared as sent." },
    { "23", NULL, SCIM_E_INVALID_VALUE, "A value is not allowed here." },
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
    { "", NULL, SCIM_E_INTERNAL, NULL }
};

static APR_OPTIONAL_FN_TYPE(ap_dbd_open) *dbd_open;
static APR_OPTIONAL_FN_TYPE(ap_dbd_close) *dbd_close;

int scim_db_is_available(void)
{
    dbd_open = APR_RETRIEVE_OPTIONAL_FN(ap_dbd_open);
    dbd_close = APR_RETRIEVE_OPTIONAL_FN(ap_dbd_close);
    return dbd_open && dbd_close;
}

scim_db_pool_t *scim_db_pool_make(apr_pool_t *pool, server_rec *server,
                                  int max)
{
    scim_db_pool_t *made = apr_pcalloc(pool, sizeof(*made));

    made->server = server;
    made->places = scim_places_make(pool, max);
    return made;
}

void scim_db_pool_share(scim_db_pool_t *pool, int is_unprepared,
                        scim_db_advise_fn *advise)
{
    pool->is_unprepared = is_unprepared;
    pool->advise = advise;
}

/* Each advice once. */
static void advise(const scim_db_t *db, scim_db_advice_e advice,
                   const char *what)
{
    scim_db_pool_t *from = db->from;
    apr_uint32_t bit = 1U << advice;
    apr_uint32_t before;

    if (!from || !from->advise) {
        return;
    }
    do {
        before = apr_atomic_read32(&from->advised);
        if (before & bit) {
            return;
        }
    } while (apr_atomic_cas32(&from->advised, before | bit, before)
             != before);
    from->advise(from->server, advice, what);
}

static int is_unprepared(const scim_db_t *db)
{
    return db->from && db->from->is_unprepared;
}

/* Compiling a filter takes longer than running it, so without JIT; and who
 * waits for a row keeps a connection from others.  A program with a connection
 * of its own waits.  A connection that is lost now says so to the statement
 * that comes next. */
#define SESSION(settings)                                                   \
    "SELECT set_config(s.name, s.value, false)"                             \
    " FROM (VALUES " settings ") s (name, value)"                           \
    " WHERE current_setting(s.name) <> s.value"

static void set_up_session(const scim_db_t *db)
{
    PQclear(PQexec(db->connection,
                   db->from ? SESSION("('jit', 'off'), ('lock_timeout', '"
                              APR_STRINGIFY(SCIM_DB_LOCK_SECONDS) "s')")
                            : SESSION("('jit', 'off')")));
}

/* A session that is shared is left as it is: who set it up is told what it
 * lacks. */
static void look_at_session(const scim_db_t *db)
{
    PGresult *lacks;

    if (apr_atomic_read32(&db->from->advised)
        & (1U << SCIM_DB_ADVICE_SETTINGS)) {
        return;
    }
    lacks = PQexec(db->connection,
                   "SELECT string_agg(name, ', ') FROM pg_settings WHERE"
                   " (name, setting) IN (('jit', 'on'),"
                   " ('lock_timeout', '0'), ('statement_timeout', '0'))");
    if (PQntuples(lacks) == 1 && !PQgetisnull(lacks, 0, 0)) {
        advise(db, SCIM_DB_ADVICE_SETTINGS, PQgetvalue(lacks, 0, 0));
    }
    PQclear(lacks);
}

/* A reset connection, by us or by mod_dbd's check, has another backend, which
 * knows none of our statements (DESIGN.md, trap 1) and settings. */
static void prepared_check(scim_db_t *db)
{
    int backend = PQbackendPID(db->connection);

    if (db->prepared->backend != backend) {
        scim_prepared_forget(db->prepared);
        db->prepared->backend = backend;
        if (is_unprepared(db)) {
            look_at_session(db);
        }
        else {
            set_up_session(db);
        }
    }
}

static scim_prepared_t *prepared_of(ap_dbd_t *dbd)
{
    static const char key[] = "scim_db:prepared";
    void *found = NULL;

    apr_pool_userdata_get(&found, key, dbd->pool);
    if (!found) {
        found = scim_prepared_make(dbd->pool);
        apr_pool_userdata_setn(found, key, apr_pool_cleanup_null, dbd->pool);
    }
    return found;
}

/* Nothing of ours may be left on a connection that others use next. */
static void settle(const scim_db_t *db)
{
    if (PQstatus(db->connection) != CONNECTION_OK) {
        return;
    }
    if (PQtransactionStatus(db->connection) != PQTRANS_IDLE) {
        PQclear(PQexec(db->connection, "ROLLBACK"));
    }
}

static apr_status_t give_back(void *data)
{
    scim_db_t *db = data;

    settle(db);
    dbd_close(db->from->server, db->dbd);
    scim_places_leave(db->from->places, db->organization);
    db->connection = NULL;
    return APR_SUCCESS;
}

static scim_error_t *no_connection(apr_pool_t *pool, const char *cause)
{
    return scim_error_caused(pool, SCIM_E_UNAVAILABLE, unavailable, cause);
}

/* For who has a place already. */
static scim_error_t *open_connection(scim_db_t *db)
{
    db->dbd = dbd_open(db->pool, db->from->server);
    if (!db->dbd) {
        return no_connection(db->pool, "mod_dbd gave no connection");
    }
    /* What .htaccess asks for, configtest has not seen. */
    if (strcmp(apr_dbd_name(db->dbd->driver), "pgsql") != 0) {
        dbd_close(db->from->server, db->dbd);
        return no_connection(db->pool,
                             "the DBDriver of this server is not pgsql");
    }
    db->connection = apr_dbd_native_handle(db->dbd->driver, db->dbd->handle);
    db->prepared = prepared_of(db->dbd);
    return NULL;
}

/* mod_dbd blocks without a time-out when its pool is empty, so we never ask
 * it for more than it has (DESIGN.md, trap 3). */
scim_error_t *scim_db_borrow_for(scim_db_t **db, scim_db_pool_t *from,
                                 const char *organization, apr_pool_t *pool)
{
    scim_db_t *borrowed = apr_pcalloc(pool, sizeof(*borrowed));
    scim_error_t *error;

    if (!scim_places_take(from->places, organization,
                          apr_time_from_sec(SCIM_DB_WAIT_SECONDS), pool)) {
        return scim_error_caused(pool, SCIM_E_UNAVAILABLE, too_busy,
                                 "no database connection became free in time"
                                 " (DBDMax, half of them for one"
                                 " organization)");
    }
    borrowed->pool = pool;
    borrowed->from = from;
    borrowed->organization = organization;
    error = open_connection(borrowed);
    if (error) {
        scim_places_leave(from->places, organization);
        return error;
    }
    apr_pool_cleanup_register(pool, borrowed, give_back,
                              apr_pool_cleanup_null);
    *db = borrowed;
    return NULL;
}

scim_error_t *scim_db_borrow(scim_db_t **db, scim_db_pool_t *from,
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

static int is_success(const PGresult *result)
{
    ExecStatusType status = PQresultStatus(result);

    return status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK;
}

/* Only the primary message: context and detail may quote values. */
static const char *cause_of(scim_db_t *db, const PGresult *result)
{
    const char *primary = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);

    return primary ? apr_psprintf(db->pool, "SQLSTATE %s: %s",
                                  sqlstate_of(result), primary)
                   : apr_pstrdup(db->pool, PQerrorMessage(db->connection));
}

static scim_error_t *lost(scim_db_t *db)
{
    return scim_error_caused(db->pool, SCIM_E_UNAVAILABLE, unavailable,
                             PQerrorMessage(db->connection));
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

static scim_error_t *error_of(scim_db_t *db, const PGresult *result)
{
    const char *detail;
    int i = 0;

    if (is_lost(db, result)) {
        return scim_error_caused(db->pool, SCIM_E_UNAVAILABLE, unavailable,
                                 cause_of(db, result));
    }
    if (is_state(result, "26000")) {
        advise(db, SCIM_DB_ADVICE_SHARED, cause_of(db, result));
    }
    while (!is_row_of(i, result)) {
        i++;
    }
    detail = sqlstates[i].detail;
    if (!detail) {
        detail = sqlstates[i].kind == SCIM_E_UNAVAILABLE ? unavailable
                                                         : internal;
    }
    return scim_error_caused(db->pool, sqlstates[i].kind, detail,
                             cause_of(db, result));
}

static PGresult *execute(scim_db_t *db, const execution_t *what)
{
    if (what->name) {
        return PQexecPrepared(db->connection, what->name, what->count,
                              what->values, NULL, NULL, 0);
    }
    return PQexecParams(db->connection, what->text, what->count, NULL,
                        what->values, NULL, NULL, 0);
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
    result = PQprepare(db->connection, what->name, what->text, 0, NULL);
    *is_prepared = is_success(result);
    if (is_state(result, "42P05")) {
        advise(db, SCIM_DB_ADVICE_SHARED, cause_of(db, result));
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

    prepared_check(db);
    failed = prepare(db, what, is_prepared);
    *sent = failed == NULL;
    return failed ? failed : execute(db, what);
}

/* A lost connection is opened again and the statement repeated once, if it
 * reads or never reached the server.  A name that the server has forgotten
 * (26000) or a plan that no longer fits (0A000) was not executed either. */
static int may_repeat(scim_db_t *db, const execution_t *what,
                      const PGresult *result, int sent)
{
    if (is_lost(db, result)) {
        return what->repeatable || !sent;
    }
    return is_state(result, "26000") || is_state(result, "0A000");
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

/* A server that ended while the connection was idle has said so: that is
 * waiting to be read.  A write on such a connection could not be repeated. */
static int is_alive(PGconn *connection)
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

/* Before what cannot be repeated; a read finds out by itself. */
static void revive(scim_db_t *db)
{
    if (!is_alive(db->connection)) {
        PQreset(db->connection);
    }
}

static scim_error_t *perform(scim_rows_t **rows, scim_db_t *db,
                             const execution_t *what,
                             unsigned char *is_prepared)
{
    int alone = PQtransactionStatus(db->connection) != PQTRANS_INTRANS;
    PGresult *result;
    int sent;

    if (alone && !what->repeatable) {
        revive(db);
    }
    result = attempt(db, what, is_prepared, &sent);
    if (!is_success(result) && alone
        && may_repeat(db, what, result, sent)) {
        PQclear(result);
        PQreset(db->connection);
        *is_prepared = 0;
        result = attempt(db, what, is_prepared, &sent);
    }
    return take_rows(rows, db, result, what->is_search);
}

/* $n with the highest n. */
static int count_parameters(const char *text)
{
    int most = 0;

    while ((text = strchr(text, '$')) != NULL) {
        int n = atoi(++text);

        most = n > most ? n : most;
    }
    return most;
}

static execution_t execution_of(scim_db_t *db, scim_statement_e statement,
                                const char *const *values)
{
    const statement_t *row = &statements[statement];
    execution_t what = { NULL, row->text, count_parameters(row->text),
                         values, row->repeatable, 0 };

    if (!is_unprepared(db)) {
        what.name = scim_prepared_fixed(db->prepared, statement, row->text);
    }
    return what;
}

scim_error_t *scim_db_run(scim_rows_t **rows, scim_db_t *db,
                          scim_statement_e statement,
                          const char *const *values)
{
    execution_t what = execution_of(db, statement, values);

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

    prepared_check(db);
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
                           const char *const *values)
{
    execution_t what = execution_of(db, statement, values);

    return PQsendQueryPrepared(db->connection, what.name, what.count, values,
                               NULL, NULL, 0)
           && PQpipelineSync(db->connection) ? NULL : lost(db);
}

/* The statement's answer comes before its transaction is committed: what is
 * not followed by the synchronization may not have been. */
scim_error_t *scim_db_receive(scim_rows_t **rows, scim_db_t *db)
{
    PGresult *kept = NULL;
    PGresult *next;
    int is_done = 0;
    int ends = 0;

    /* The answer, NULL, and the synchronization. */
    while (ends < 2) {
        next = PQgetResult(db->connection);
        if (!next) {
            ends++;
        }
        else if (PQresultStatus(next) == PGRES_PIPELINE_SYNC) {
            PQclear(next);
            is_done = 1;
            break;
        }
        else if (!kept || is_success(kept)) {
            PQclear(kept);
            kept = next;
        }
        else {
            PQclear(next);
        }
    }
    if (kept && !is_done && is_success(kept)) {
        PQclear(kept);
        kept = NULL;
    }
    return kept ? take_rows(rows, db, kept, 0) : lost(db);
}

void scim_db_end_pipeline(scim_db_t *db)
{
    if (!PQexitPipelineMode(db->connection)) {
        PQreset(db->connection);
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

    SCIM_ERR(scim_db_run(&rows, db, SCIM_SQL_LIFE, NULL));
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
    SCIM_ERR(scim_db_run(&rows, db, SCIM_SQL_FLUSH, NULL));
    return strcmp(scim_rows_value(rows, 0, 0), life) == 0 ? NULL
        : no_connection(db->pool, "PostgreSQL was restarted between the"
                                  " operations of a bulk request");
}

scim_error_t *scim_db_listen(scim_db_t *db, const char *channel)
{
    return command(db, apr_pstrcat(db->pool, "LISTEN ", channel, NULL), 1);
}

static int take_notices(PGconn *connection)
{
    PGnotify *notice;
    int count = 0;

    while ((notice = PQnotifies(connection)) != NULL) {
        PQfreemem(notice);
        count++;
    }
    return count;
}

void scim_db_wait(scim_db_t *db, apr_interval_time_t most)
{
    apr_time_t end = apr_time_now() + most;
    apr_time_t left = most;

    while (take_notices(db->connection) == 0 && left > 0) {
        struct pollfd socket = { PQsocket(db->connection), POLLIN, 0 };

        if (PQstatus(db->connection) != CONNECTION_OK) {
            apr_sleep(left);
            return;
        }
        if (poll(&socket, 1, (int) apr_time_as_msec(left) + 1) > 0) {
            PQconsumeInput(db->connection);
        }
        left = end - apr_time_now();
    }
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
