#include "scim_db.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include <apr_dbd.h>
#include <apr_hash.h>
#include <apr_optional.h>
#include <apr_strings.h>

#include <httpd.h>
#include <mod_dbd.h>

#include <libpq-fe.h>

#include "scim_places.h"

#define KEPT_QUERIES 32          /* query texts prepared on a connection */
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
};

/* What is prepared on a connection.  It lives with the connection, and only
 * its present borrower touches it. */
typedef struct {
    int backend;                 /* server process that prepared them */
    apr_pool_t *pool;            /* cleared with it */
    unsigned char prepared[SCIM_SQL_COUNT];
    apr_hash_t *kept;            /* query text -> statement name */
} prepared_t;

struct scim_db_t {
    PGconn *connection;
    prepared_t *prepared;
    apr_pool_t *pool;
    scim_db_pool_t *from;        /* NULL for a connection of one's own */
    const char *organization;    /* for which it was borrowed, or NULL */
    ap_dbd_t *dbd;
    int deferred_backend;        /* PID of the backend that does not wait for
                                  * the disk; 0: none */
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

#define WAIT_FOR_DISK "RESET synchronous_commit"

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

static prepared_t *prepared_make(apr_pool_t *owner)
{
    prepared_t *prepared = apr_pcalloc(owner, sizeof(*prepared));

    apr_pool_create(&prepared->pool, owner);
    prepared->kept = apr_hash_make(prepared->pool);
    return prepared;
}

static void prepared_forget(prepared_t *prepared)
{
    apr_pool_clear(prepared->pool);
    prepared->kept = apr_hash_make(prepared->pool);
    memset(prepared->prepared, 0, sizeof(prepared->prepared));
    prepared->backend = 0;
}

/* Compiling a filter takes longer than running it, so without JIT; and who
 * waits for a row keeps a connection from others.  A program with a connection
 * of its own waits.  A connection that is lost now says so to the statement
 * that comes next. */
static void set_up_session(const scim_db_t *db)
{
    PQclear(PQexec(db->connection,
                   db->from ? "SET jit = off; SET lock_timeout = "
                              APR_STRINGIFY(SCIM_DB_LOCK_SECONDS) "000"
                            : "SET jit = off"));
}

/* A reset connection, by us or by mod_dbd's check, has another backend, which
 * knows none of our statements (DESIGN.md, trap 1) and settings. */
static void prepared_check(scim_db_t *db)
{
    int backend = PQbackendPID(db->connection);

    if (db->prepared->backend != backend) {
        prepared_forget(db->prepared);
        db->prepared->backend = backend;
        set_up_session(db);
    }
}

static prepared_t *prepared_of(ap_dbd_t *dbd)
{
    static const char key[] = "scim_db:prepared";
    void *found = NULL;

    apr_pool_userdata_get(&found, key, dbd->pool);
    if (!found) {
        found = prepared_make(dbd->pool);
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
    if (db->deferred_backend) {
        PQclear(PQexec(db->connection, WAIT_FOR_DISK));
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
    made->prepared = prepared_make(pool);
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
 * NULL when there is nothing to complain about. */
static PGresult *prepare(scim_db_t *db, const execution_t *what,
                         unsigned char *is_prepared)
{
    PGresult *result;

    if (!what->name || *is_prepared) {
        return NULL;
    }
    result = PQprepare(db->connection, what->name, what->text, 0, NULL);
    *is_prepared = is_success(result) || is_state(result, "42P05");
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

    what.name = apr_psprintf(db->pool, "scim_s%d", (int) statement);
    return what;
}

scim_error_t *scim_db_run(scim_rows_t **rows, scim_db_t *db,
                          scim_statement_e statement,
                          const char *const *values)
{
    execution_t what = execution_of(db, statement, values);

    return perform(rows, db, &what, &db->prepared->prepared[statement]);
}

scim_error_t *scim_db_begin_pipeline(scim_db_t *db,
                                     scim_statement_e statement)
{
    execution_t what = execution_of(db, statement, NULL);
    PGresult *failed;

    prepared_check(db);
    failed = prepare(db, &what, &db->prepared->prepared[statement]);
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

scim_error_t *scim_db_receive(scim_rows_t **rows, scim_db_t *db)
{
    PGresult *kept = NULL;
    PGresult *next;
    int ends = 0;

    /* The answer, NULL, and the synchronization. */
    while (ends < 2) {
        next = PQgetResult(db->connection);
        if (!next) {
            ends++;
        }
        else if (PQresultStatus(next) == PGRES_PIPELINE_SYNC) {
            PQclear(next);
            break;
        }
        else if (!kept) {
            kept = next;
        }
        else {
            PQclear(next);
        }
    }
    return kept ? take_rows(rows, db, kept, 0) : lost(db);
}

void scim_db_end_pipeline(scim_db_t *db)
{
    if (!PQexitPipelineMode(db->connection)) {
        PQreset(db->connection);
    }
}

/* The name under which text is, or is to be, prepared; NULL when enough
 * texts are kept. */
static const char *kept_name(scim_db_t *db, const char *text,
                             unsigned char *is_prepared)
{
    prepared_t *prepared = db->prepared;
    const char *name;

    prepared_check(db);
    name = apr_hash_get(prepared->kept, text, APR_HASH_KEY_STRING);
    *is_prepared = name != NULL;
    if (!name && apr_hash_count(prepared->kept) < KEPT_QUERIES) {
        name = apr_psprintf(db->pool, "scim_q%u",
                            apr_hash_count(prepared->kept));
    }
    return name;
}

static void keep(prepared_t *prepared, const char *text, const char *name)
{
    if (apr_hash_get(prepared->kept, text, APR_HASH_KEY_STRING)) {
        return;
    }
    apr_hash_set(prepared->kept, apr_pstrdup(prepared->pool, text),
                 APR_HASH_KEY_STRING, apr_pstrdup(prepared->pool, name));
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
    if (to_keep) {
        what.name = kept_name(db, sql, &is_prepared);
    }
    error = perform(rows, db, &what, &is_prepared);
    if (!error && what.name) {
        keep(db->prepared, sql, what.name);
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
    db->deferred_backend = PQbackendPID(db->connection);
    return command(db, "SET synchronous_commit = off", 0);
}

/* A commit that has something to write waits for all before it. */
scim_error_t *scim_db_flush(scim_db_t *db)
{
    SCIM_ERR(command(db, WAIT_FOR_DISK, 0));
    SCIM_ERR(command(db, "SELECT pg_logical_emit_message(true, 'mod_scim',"
                         " '')", 0));
    if (db->deferred_backend != PQbackendPID(db->connection)) {
        return scim_error_caused(db->pool, SCIM_E_UNAVAILABLE, unavailable,
                                 "the connection was lost between the"
                                 " operations of a bulk request");
    }
    db->deferred_backend = 0;
    return NULL;
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
