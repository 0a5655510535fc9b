/* SPDX-License-Identifier: Apache-2.0 */
/* Statements, see scim_db.h for the rules of repetition.
 *
 * perform_execution runs every statement: attempt prepares it if necessary and
 * sends it, and may_repeat decides whether it is sent again.  Pipelines, the
 * deferred flush and rows follow.
 */
#include "storage/scim_db_parts.h"

#include <string.h>

#include <apr_strings.h>

#define MAX_VALUES 1024          /* parameters of a query */

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
    int is_search;               /* of a client, which can ask for less */
    unsigned char *is_prepared;  /* whether this backend knows the name */
} execution_t;

static apr_status_t clear_result(void *data)
{
    PQclear(data);
    return APR_SUCCESS;
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

/* Prepare the statement if it has a name that this backend does not know yet;
 * NULL on success.  If another client of a pooler has prepared the name before
 * (42P05), it was for the same text. */
static PGresult *prepare(scim_db_t *db, const execution_t *what)
{
    PGresult *result;

    if (!what->name || *what->is_prepared) {
        return NULL;
    }
    result = scim_wait_prepare(db->connection, db->patience, what->name,
                               what->text);
    *what->is_prepared = scim_db_succeeded(result);
    if (scim_db_is_state(result, "42P05")) {
        scim_db_advise_shared(db, result);
        *what->is_prepared = 1;
    }
    if (*what->is_prepared) {
        PQclear(result);
        return NULL;
    }
    return result;
}

static PGresult *attempt(scim_db_t *db, const execution_t *what, int *sent)
{
    PGresult *failed;

    *sent = 0;
    if (!scim_db_set_up(db)) {
        return NULL;
    }
    failed = prepare(db, what);
    *sent = failed == NULL;
    return failed ? failed : execute(db, what);
}

/* A lost connection is opened again, and the statement is sent again once if
 * it is repeatable or never reached the server.  An unknown name (26000), a
 * plan that no longer fits (0A000), or a write on a read-only server (25006:
 * the wrong one after a failover) was not executed either. */
static int may_repeat(scim_db_t *db, const execution_t *what,
                      const PGresult *result, int sent)
{
    if (scim_db_is_lost(db, result)) {
        return what->repeatable || !sent;
    }
    return scim_db_is_state(result, "26000")
           || scim_db_is_state(result, "0A000")
           || scim_db_is_state(result, "25006");
}

/* Both are prepared first: what is sent at once must not fail for that.  An
 * answer of the preparation is one of the first. */
static void attempt_pair(PGresult *results[2], scim_db_t *db,
                         const execution_t pair[2], int *sent)
{
    scim_wait_statement_t both[2];
    int i;

    *sent = 0;
    results[0] = results[1] = NULL;
    if (!scim_db_set_up(db)) {
        return;
    }
    for (i = 0; i < 2 && !results[0]; i++) {
        both[i].name = pair[i].name;
        both[i].text = pair[i].text;
        both[i].count = pair[i].count;
        both[i].values = pair[i].values;
        results[0] = prepare(db, &pair[i]);
    }
    if (!results[0]) {
        *sent = 1;
        scim_wait_pair(results, db->connection, db->patience, both);
    }
}

/* result belongs to the rows; after an error it is cleared. */
static scim_error_t *take_result(scim_rows_t **rows, scim_db_t *db,
                                 PGresult *result, int is_search)
{
    if (!scim_db_succeeded(result)) {
        scim_error_t *error = is_search ? scim_db_search_error(db, result)
                                        : scim_db_error(db, result);

        PQclear(result);
        return error;
    }
    apr_pool_cleanup_register(db->pool, result, clear_result,
                              apr_pool_cleanup_null);
    *rows = apr_palloc(db->pool, sizeof(**rows));
    (*rows)->result = result;
    return NULL;
}

/* Before a statement that cannot be repeated; a read notices a lost connection
 * itself. */
static void revive(scim_db_t *db)
{
    if (!scim_wait_is_alive(db->connection)) {
        scim_wait_reset(db->connection, db->patience);
    }
}

/* With the text for the tables that db has. */
static execution_t execution_of(scim_db_t *db, scim_statement_e statement,
                                const char *const *values)
{
    scim_statement_e id = scim_prepared_text(db->prepared, statement);
    const scim_statement_t *row = scim_statement(id);
    execution_t what = { NULL, row->text, row->parameters, values,
                         row->is_repeatable, 0, &db->prepared->fixed[id] };

    if (!scim_db_is_unprepared(db)) {
        what.name = scim_prepared_fixed(db->prepared, id);
    }
    return what;
}

static int has_ahead(const scim_db_t *db)
{
    return db->ahead && !db->ahead->has_run;
}

/* The statement ahead and what, sent at once, as one transaction.  No other
 * one has noticed that the connection leads to another server process. */
static scim_error_t *perform_pair(scim_rows_t **rows, scim_db_t *db,
                                  const execution_t *what)
{
    scim_db_ahead_t *ahead = db->ahead;
    execution_t pair[2] = {
        execution_of(db, ahead->statement, ahead->values), *what
    };
    PGresult *results[2];
    const PGresult *failed;
    scim_rows_t *seen;
    scim_error_t *error;
    int sent;

    ahead->has_run = 1;
    if (!what->repeatable) {
        revive(db);
    }
    attempt_pair(results, db, pair, &sent);
    failed = results[!!scim_db_succeeded(results[0])];
    if (!scim_db_succeeded(failed) && db->patience->left != 0
        && may_repeat(db, what, failed, sent)) {
        PQclear(results[0]);
        PQclear(results[1]);
        scim_wait_tell_of(db->patience, SCIM_WAIT_REPEATED, what->name);
        scim_wait_reset(db->connection, db->patience);
        *pair[0].is_prepared = *pair[1].is_prepared = 0;
        SCIM_ERR(scim_db_check_version(db));
        attempt_pair(results, db, pair, &sent);
    }
    error = take_result(&seen, db, results[0], 0);
    if (!error) {
        error = ahead->see(ahead->baton, seen);
    }
    if (error) {
        PQclear(results[1]);
        return error;
    }
    return take_result(rows, db, results[1], what->is_search);
}

static scim_error_t *perform_execution(scim_rows_t **rows, scim_db_t *db,
                                       const execution_t *what)
{
    int alone = PQtransactionStatus(db->connection) != PQTRANS_INTRANS;
    PGresult *result;
    int sent;

    if (db->patience->left == 0) {
        return scim_db_given_up(db);
    }
    if (has_ahead(db)) {
        if (alone && !scim_db_is_unprepared(db)
            && !scim_db_is_before(db)) {
            return perform_pair(rows, db, what);
        }
        SCIM_ERR(scim_db_run_ahead(db));
    }
    if (alone && !what->repeatable) {
        revive(db);
    }
    result = attempt(db, what, &sent);
    if (!scim_db_succeeded(result) && alone && db->patience->left != 0
        && may_repeat(db, what, result, sent)) {
        PQclear(result);
        scim_wait_tell_of(db->patience, SCIM_WAIT_REPEATED, what->name);
        scim_wait_reset(db->connection, db->patience);
        *what->is_prepared = 0;
        result = attempt(db, what, &sent);
    }
    return take_result(rows, db, result, what->is_search);
}

scim_error_t *scim_db_run(scim_rows_t **rows, scim_db_t *db,
                          scim_statement_e statement, int count,
                          const char *const *values)
{
    execution_t what;

    SCIM_ERR(scim_statement_check(statement, count, db->pool));
    if (db->prepared->version) {
        SCIM_ERR(scim_db_check_version(db));
    }
    what = execution_of(db, statement, values);
    return perform_execution(rows, db, &what);
}

void scim_db_put_ahead(scim_db_t *db, scim_db_ahead_t *ahead)
{
    ahead->has_run = 0;
    db->ahead = ahead;
}

scim_error_t *scim_db_run_ahead(scim_db_t *db)
{
    scim_db_ahead_t *ahead = db->ahead;
    scim_rows_t *rows;

    if (ahead->has_run) {
        return NULL;
    }
    ahead->has_run = 1;
    SCIM_ERR(scim_db_run(&rows, db, ahead->statement, ahead->count,
                         ahead->values));
    return ahead->see(ahead->baton, rows);
}

static scim_error_t *take_one(scim_db_t *db, const PGresult *result,
                              scim_db_take_fn *take, void *baton)
{
    if (PQresultStatus(result) == PGRES_SINGLE_TUPLE) {
        return take(baton, PQgetvalue(result, 0, 0));
    }
    return scim_db_succeeded(result) ? NULL : scim_db_error(db, result);
}

scim_error_t *scim_db_each(scim_db_t *db, scim_statement_e statement,
                           int count, const char *const *values,
                           scim_db_take_fn *take, void *baton)
{
    scim_error_t *error = NULL;
    PGresult *result;

    SCIM_ERR(scim_statement_check(statement, count, db->pool));
    if (!scim_db_set_up(db)
        || !PQsendQueryParams(db->connection, scim_statement(statement)->text,
                              count, NULL, values, NULL, NULL, 0)
        || !PQsetSingleRowMode(db->connection)) {
        return scim_db_lost(db);
    }
    while (scim_wait_until_ready(db->connection, db->patience)
           && (result = PQgetResult(db->connection)) != NULL) {
        if (!error) {
            error = take_one(db, result, take, baton);
        }
        PQclear(result);
    }
    return error || PQstatus(db->connection) == CONNECTION_OK
           ? error : scim_db_lost(db);
}

/* PgBouncer releases a session after its first transaction, and its clients
 * then wait for ever for the other answers of a pipeline (1.18). */
int scim_db_has_pipeline(const scim_db_t *db)
{
    return !scim_db_is_unprepared(db);
}

scim_error_t *scim_db_begin_pipeline(scim_db_t *db,
                                     scim_statement_e statement)
{
    execution_t what = execution_of(db, statement, NULL);
    PGresult *failed;

    if (has_ahead(db)) {
        SCIM_ERR(scim_db_run_ahead(db));
    }
    if (!scim_db_set_up(db)) {
        return scim_db_lost(db);
    }
    failed = prepare(db, &what);
    if (failed) {
        scim_error_t *error = scim_db_error(db, failed);

        PQclear(failed);
        return error;
    }
    return PQenterPipelineMode(db->connection) ? NULL : scim_db_lost(db);
}

/* With a synchronization of its own, each is a transaction of its own. */
scim_error_t *scim_db_send(scim_db_t *db, scim_statement_e statement,
                           int count, const char *const *values)
{
    execution_t what = execution_of(db, statement, values);

    SCIM_ERR(scim_statement_check(statement, count, db->pool));
    return PQsendQueryPrepared(db->connection, what.name, what.count, values,
                               NULL, NULL, 0)
           && PQpipelineSync(db->connection) ? NULL : scim_db_lost(db);
}

scim_error_t *scim_db_receive(scim_rows_t **rows, scim_db_t *db)
{
    PGresult *result = scim_wait_committed(db->connection, db->patience);

    return result ? take_result(rows, db, result, 0) : scim_db_lost(db);
}

void scim_db_end_pipeline(scim_db_t *db)
{
    if (!PQexitPipelineMode(db->connection)) {
        scim_wait_close(db->connection);
    }
}

/* As perform_execution, within most; what it takes is part of the request's
 * patience, but its end is not the end of that.  The statement ahead of a
 * query that gets no answer has got none, either: it is ahead of the next one.
 */
static scim_error_t *perform_within(scim_rows_t **rows, scim_db_t *db,
                                    const execution_t *what,
                                    apr_interval_time_t most)
{
    scim_patience_t *whole = db->patience;
    scim_patience_t part = *whole;
    int is_behind = has_ahead(db);
    scim_error_t *error;

    if (!most || whole->left < most) {
        return perform_execution(rows, db, what);
    }
    part.most = part.left = most;
    part.whole = NULL;
    db->patience = &part;
    error = perform_execution(rows, db, what);
    db->patience = whole;
    whole->left -= most - part.left;
    if (part.end == SCIM_WAIT_FOR_NOBODY) {
        scim_wait_give_up(whole, part.end);
    }
    if (part.end != SCIM_WAIT_TOO_LONG) {
        return error;
    }
    if (is_behind) {
        db->ahead->has_run = 0;
    }
    return scim_db_too_slow(db);
}

scim_error_t *scim_db_query(scim_rows_t **rows, scim_db_t *db,
                            const char *sql, int count,
                            const char *const *values, int to_keep,
                            apr_interval_time_t most)
{
    unsigned char is_prepared = 0;
    execution_t what = { NULL, sql, count, values, 1, 1, &is_prepared };
    scim_error_t *error;

    if (count > MAX_VALUES) {
        return scim_error(db->pool, SCIM_E_INVALID_FILTER,
                          "The filter has too many values.");
    }
    if (to_keep && !scim_db_is_unprepared(db)) {
        scim_db_set_up(db);
        /* A copy: with another backend, those that are kept are forgotten. */
        what.name = apr_pstrdup(db->pool,
                                scim_prepared_query(&is_prepared,
                                                    db->prepared, sql,
                                                    db->pool));
    }
    error = perform_within(rows, db, &what, most);
    if (is_prepared && what.name) {
        scim_prepared_keep(db->prepared, sql, what.name);
    }
    return error;
}

static scim_error_t *command(scim_db_t *db, const char *text, int repeatable)
{
    unsigned char is_prepared = 0;
    execution_t what = { NULL, text, 0, NULL, repeatable, 0, &is_prepared };
    scim_rows_t *rows;

    return perform_execution(&rows, db, &what);
}

scim_error_t *scim_db_begin(scim_db_t *db)
{
    return command(db, "BEGIN", 0);
}

scim_error_t *scim_db_begin_snapshot(scim_db_t *db)
{
    return command(db, "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY", 0);
}

scim_error_t *scim_db_commit(scim_db_t *db)
{
    return command(db, "COMMIT", 0);
}

scim_error_t *scim_db_roll_back(scim_db_t *db)
{
    return command(db, "ROLLBACK", 0);
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

/* A commit that writes waits for all earlier commits, of any session, unless
 * the server has lost them in a crash. */
scim_error_t *scim_db_flush(scim_db_t *db)
{
    const char *life = db->life;
    scim_rows_t *rows;

    db->life = NULL;
    SCIM_ERR(scim_db_run(&rows, db, SCIM_SQL_FLUSH, 0, NULL));
    return strcmp(scim_rows_value(rows, 0, 0), life) == 0 ? NULL
        : scim_error_caused(db->pool, SCIM_E_UNAVAILABLE, SCIM_DATABASE_AWAY,
                            "PostgreSQL was restarted between the operations"
                            " of a bulk request");
}

void scim_db_tell(const scim_db_t *db, scim_wait_for_e what,
                  const char *name)
{
    scim_wait_tell_of(db->patience, what, name);
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

static char *put_item(char *to, const char *item)
{
    if (!item) {
        memcpy(to, "NULL", 4);
        return to + 4;
    }
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
        const char *item = APR_ARRAY_IDX(items, i, const char *);

        size += item ? 2 * strlen(item) + 3 : 5;
    }
    to = text = apr_palloc(pool, size);
    *to++ = '{';
    for (i = 0; i < items->nelts; i++) {
        if (i > 0) {
            *to++ = ',';
        }
        to = put_item(to, APR_ARRAY_IDX(items, i, const char *));
    }
    *to++ = '}';
    *to = '\0';
    return text;
}
