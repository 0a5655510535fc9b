/* SPDX-License-Identifier: Apache-2.0 */
/* scimctl org move: an organization moves to another database, "there".
 *
 *   move_side     here        there
 *                 NULL        -           as before
 *   org move      leaving     -           nobody can write here any more
 *                 leaving     arriving    it is copied, all or nothing
 *   --finish      left        arriving    there is no way back
 *                 left        NULL        it takes writes there
 *                 left, done  NULL        what is left here can be deleted
 *   --cancel      leaving     -           the copy is deleted
 *                 NULL        -           as before
 *
 * Each line is a state in the databases, and each step a transaction: whatever
 * ends this program, it goes on from there when it is run again.  At no time
 * is move_side NULL in both, so there is always one database at most that
 * takes writes.
 *
 * A copy has the move_id that the organization has here; each copy that is
 * made gets another one, so there is one at most, in one database.  With
 * another one, or none, it is left over: it has never taken writes, and is
 * deleted.  Once that copy takes writes, there is no move_id here (done).
 */
#include <stdio.h>
#include <string.h>

#include <apr_strings.h>

#include "scimctl/scimctl_print.h"
#include "scimctl/scimctl_transfer.h"
#include "storage/scim_version.h"
#include "values/scim_json.h"

/* An organization in one of the databases. */
typedef struct {
    int exists;
    const char *side;            /* its move_side */
    const char *move_id;
    const char *key;             /* of another one that has its key, or NULL */
} place_t;

typedef struct {
    scimctl_run_t *here;         /* from this database */
    scimctl_run_t there;         /* to that one */
    place_t from;
    place_t to;
    const scim_rows_t *rows;     /* of MOVE_DIGESTS, once they are compared */
} move_t;

static int is_side(const place_t *place, const char *side)
{
    return place->exists && (side && place->side
                             ? strcmp(place->side, side) == 0
                             : side == place->side);
}

static int is_copy(const move_t *move)
{
    return move->to.move_id && move->from.move_id
           && strcmp(move->to.move_id, move->from.move_id) == 0;
}

/* Whether it has left this place and takes writes in another database. */
static int is_elsewhere(const place_t *from)
{
    return is_side(from, "left") && !from->move_id;
}

static scim_error_t *find_place(place_t *place, scimctl_run_t *run)
{
    const char *values[] = { run->call.principal->organization_id,
                             run->call.principal->organization_key };
    scim_rows_t *rows;
    int i;

    SCIM_ERR(scim_db_run(&rows, run->call.db, SCIM_SQL_MOVE_STATE,
                         SCIM_VALUES(values)));
    memset(place, 0, sizeof(*place));
    for (i = 0; i < scim_rows_count(rows); i++) {
        if (strcmp(scim_rows_value(rows, i, 0), values[0]) == 0) {
            place->exists = 1;
            place->side = scim_rows_value(rows, i, 2);
            place->move_id = scim_rows_value(rows, i, 3);
        }
        else {
            place->key = scim_rows_value(rows, i, 1);
        }
    }
    return NULL;
}

static scim_error_t *look_at_both(move_t *move)
{
    SCIM_ERR(find_place(&move->from, move->here));
    return find_place(&move->to, &move->there);
}

scim_error_t *scimctl_move_side(const char **side, int *has_arrived,
                                scimctl_run_t *run)
{
    place_t place;

    SCIM_ERR(find_place(&place, run));
    *side = place.side;
    *has_arrived = is_elsewhere(&place);
    return NULL;
}

/* The databases */

/* What is wrong with the one of --to must not be looked for in the other. */
static scim_error_t *error_there(const move_t *move,
                                 const scim_error_t *error)
{
    apr_pool_t *pool = move->here->pool;

    return !error ? NULL
        : scim_error_caused(pool, error->kind,
                            apr_pstrcat(pool, "The database of --to: ",
                                        error->detail, NULL),
                            error->cause
                            ? apr_pstrcat(pool, "The database of --to: ",
                                          error->cause, NULL) : NULL);
}

static scim_error_t *connect_there(move_t *move)
{
    scimctl_run_t *here = move->here;
    scim_error_t *error;

    move->there = *here;
    error = scim_db_connect(&move->there.call.db, here->options.to,
                            here->pool);
    if (error) {
        return scim_error_caused(here->pool, error->kind,
                                 "There is no connection to the database of"
                                 " --to.", error->cause);
    }
    error = scim_version_check(move->there.call.db, "scimctl", here->pool);
    return error_there(move, error ? error
                                   : scim_db_outdated(move->there.call.db));
}

/* *name tells the database from all others. */
static scim_error_t *check_database(const char **name, scimctl_run_t *run,
                                    const char *called)
{
    scim_rows_t *rows;

    SCIM_ERR(scim_db_run(&rows, run->call.db, SCIM_SQL_MOVE_DATABASE, 0,
                         NULL));
    *name = scim_rows_value(rows, 0, 0);
    if (scim_rows_true(rows, 0, 1)) {
        return scim_error(run->pool, SCIM_E_CONFLICT,
                          "%s takes no changes: it is a standby, or read only."
                          " Connect to the primary.", called);
    }
    return scim_rows_true(rows, 0, 2) ? NULL
        : scim_error(run->pool, SCIM_E_FORBIDDEN,
                     "%s does not let the role '%.60s' move organizations:"
                     " connect to it as scim_owner.", called,
                     scim_rows_value(rows, 0, 3));
}

static scim_error_t *check_databases(move_t *move)
{
    const char *here;
    const char *there;

    SCIM_ERR(scim_db_outdated(move->here->call.db));
    SCIM_ERR(check_database(&here, move->here, "The database of --db"));
    SCIM_ERR(check_database(&there, &move->there, "The database of --to"));
    return strcmp(here, there) != 0 ? NULL
        : scim_error(move->here->pool, SCIM_E_INVALID_VALUE,
                     "--to is the same database as --db: name the one to"
                     " which the organization moves.");
}

/* After somebody else's move of the same organization has ended; a server
 * process of one that was killed may still be at work. */
static scim_error_t *lock_moves(scimctl_run_t *run)
{
    const char *id = run->call.principal->organization_id;
    scim_rows_t *rows;

    SCIM_ERR(scim_db_run(&rows, run->call.db, SCIM_SQL_MOVE_TRY_LOCK, 1,
                         &id));
    if (scim_rows_true(rows, 0, 0)) {
        return NULL;
    }
    if (!run->options.json) {
        scimctl_say(run->pool, "scimctl: Another session is moving '%s', or"
                    " was until its scimctl ended: waiting for it.",
                    run->call.principal->organization_key);
    }
    return scim_db_run(&rows, run->call.db, SCIM_SQL_MOVE_LOCK, 1, &id);
}

/* Results */

static const char *shown_key(const move_t *move)
{
    return move->here->call.principal->organization_key;
}

static void print_move(const move_t *move, const char *state)
{
    apr_pool_t *pool = move->here->pool;
    cJSON *object = scim_json_own(cJSON_CreateObject(), pool);
    cJSON *counts;
    int i;

    scim_json_put_text(object, "id",
                       move->here->call.principal->organization_id);
    scim_json_put_text(object, "key", shown_key(move));
    scim_json_put_text(object, "state", state);
    if (move->rows) {
        counts = cJSON_AddObjectToObject(object, "rows");
        for (i = 0; i < scim_rows_count(move->rows); i++) {
            scim_json_put(counts, scim_rows_value(move->rows, i, 0),
                          scim_json_raw(scim_rows_value(move->rows, i, 1)));
        }
    }
    scimctl_print_json(object, pool);
}

/* How far it is, and what the operator does next. */
static scim_error_t *tell_state(const move_t *move, const char *state,
                                const char *next)
{
    int i;

    if (move->here->options.json) {
        print_move(move, state);
        return NULL;
    }
    printf("'%s' is %s.\n", shown_key(move), state);
    for (i = 0; move->rows && i < scim_rows_count(move->rows); i++) {
        scimctl_print_field(scim_rows_value(move->rows, i, 0),
                            scim_rows_value(move->rows, i, 1),
                            move->here->pool);
    }
    puts(next);
    return NULL;
}

/* Comparing */

static scim_error_t *count_rows(scim_rows_t **rows, scimctl_run_t *run,
                                scim_statement_e digests)
{
    return scim_db_run(rows, run->call.db, digests, 1,
                       &run->call.principal->organization_id);
}

/* *what is what differs, or NULL. */
static void find_difference(const char **what, move_t *move,
                            const scim_rows_t *here,
                            const scim_rows_t *there)
{
    int i;

    *what = NULL;
    for (i = 0; i < scim_rows_count(here); i++) {
        if (strcmp(scim_rows_value(here, i, 1), scim_rows_value(there, i, 1))
            || strcmp(scim_rows_value(here, i, 2),
                      scim_rows_value(there, i, 2))) {
            *what = apr_psprintf(move->here->pool, "%s, %s here and %s there",
                                 scim_rows_value(here, i, 0),
                                 scim_rows_value(here, i, 1),
                                 scim_rows_value(there, i, 1));
            return;
        }
    }
}

/* The lasting digests of one database, with texts as in every other. */
static scim_error_t *count_lasting(scim_rows_t **rows, scimctl_run_t *run)
{
    scim_rows_t *nothing;

    SCIM_ERR(scim_db_begin_snapshot(run->call.db));
    SCIM_ERR(scimctl_transfer_begin(&nothing, run->call.db));
    SCIM_ERR(count_rows(rows, run, SCIM_SQL_MOVE_LASTING_DIGESTS));
    return scim_db_roll_back(run->call.db);
}

/* Whether somebody has changed one side by SQL, which nothing keeps from
 * it. */
static scim_error_t *compare_lasting(const char **what, move_t *move)
{
    scim_rows_t *here;
    scim_rows_t *there;

    SCIM_ERR(count_lasting(&here, move->here));
    SCIM_ERR(count_lasting(&there, &move->there));
    find_difference(what, move, here, there);
    return NULL;
}

/* Copying */

/* From the state of one moment, without a file in between. */
static scim_error_t *copy_rows(move_t *move)
{
    scimctl_reader_t *reader;
    scim_rows_t *here;
    scim_rows_t *there;
    const char *what;
    const char *key;

    SCIM_ERR(scim_db_begin_snapshot(move->here->call.db));
    SCIM_ERR(scimctl_reader_begin(&reader, &move->there, NULL,
                                  move->from.move_id));
    SCIM_ERR(scimctl_transfer_write(move->here, scimctl_reader_take, reader));
    SCIM_ERR(scimctl_reader_end(reader));
    SCIM_ERR(count_rows(&here, move->here, SCIM_SQL_MOVE_DIGESTS));
    SCIM_ERR(scim_db_roll_back(move->here->call.db));
    SCIM_ERR(count_rows(&there, &move->there, SCIM_SQL_MOVE_DIGESTS));
    find_difference(&what, move, here, there);
    if (what) {
        return scim_error(move->here->pool, SCIM_E_INTERNAL,
                          "What has arrived is not what was sent, so it was"
                          " not kept: %s.", what);
    }
    move->rows = there;
    return scimctl_reader_commit(&key, reader);
}

static scim_error_t *delete_copy(move_t *move)
{
    const char *id = move->here->call.principal->organization_id;
    scim_rows_t *rows;

    SCIM_ERR(scim_db_run(&rows, move->there.call.db, SCIM_SQL_MOVE_ABANDON, 1,
                         &id));
    return scimctl_delete_organization(&move->there);
}

/* With an id that no copy has. */
static scim_error_t *begin_copy(move_t *move)
{
    const scim_principal_t *actor = move->here->call.principal;
    const char *values[] = { actor->organization_id, actor->actor_kind,
                             actor->actor_id, actor->actor_name };
    scim_rows_t *rows;

    SCIM_ERR(move->from.side
             ? scim_db_run(&rows, move->here->call.db, SCIM_SQL_MOVE_RENEW, 1,
                           values)
             : scim_db_run(&rows, move->here->call.db, SCIM_SQL_MOVE_BEGIN,
                           SCIM_VALUES(values)));
    return find_place(&move->from, move->here);
}

/* Nothing that is not copied already, and is the same as here. */
static scim_error_t *copy_organization(move_t *move)
{
    const char *what = "left over";

    if (move->from.side && is_copy(move)) {
        SCIM_ERR(compare_lasting(&what, move));
    }
    if (!what) {
        return NULL;
    }
    SCIM_ERR(begin_copy(move));
    if (move->to.exists) {
        SCIM_ERR(delete_copy(move));
    }
    return copy_rows(move);
}

static scim_error_t *wrong_place(const move_t *move, const char *fmt)
{
    return scim_error(move->here->pool, SCIM_E_CONFLICT, fmt, shown_key(move));
}

static scim_error_t *check_places(const move_t *move)
{
    if (is_side(&move->from, "left")) {
        return is_elsewhere(&move->from)
            ? wrong_place(move, "'%s' has been moved already: delete what is"
                          " left of it here by scimctl org delete.")
            : wrong_place(move, "'%s' is on its way to another database, and"
                          " does not come back: run this command with"
                          " --finish.");
    }
    if (is_side(&move->from, "arriving")) {
        return wrong_place(move, "'%s' is on its way to this database: finish"
                           " or cancel that first, from the database that it"
                           " comes from.");
    }
    if (move->to.exists && !is_side(&move->to, "arriving")) {
        return wrong_place(move, "'%s' is in the database of --to already. If"
                           " that is a copy that nobody needs, delete it there"
                           " by scimctl org delete.");
    }
    return !move->to.key ? NULL
        : wrong_place(move, "Another organization has the key '%s' in the"
                      " database of --to: rename one of them by scimctl org"
                      " rename.");
}

static scim_error_t *try_move(move_t *move)
{
    scim_rows_t *rows;

    SCIM_ERR(count_lasting(&rows, move->here));
    move->rows = rows;
    return tell_state(move, !move->from.side ? "ready to move"
                            : is_copy(move) ? "copied" : "leaving",
                      "Nothing was changed.");
}

static scim_error_t *move_there(move_t *move)
{
    scim_error_t *error;

    SCIM_ERR(check_places(move));
    if (move->here->options.dry_run) {
        return try_move(move);
    }
    error = copy_organization(move);
    if (error && move->from.side && !move->here->options.json) {
        scimctl_say(move->here->pool, "scimctl: '%s' takes no writes: run this"
                    " command again, or with --cancel.", shown_key(move));
    }
    SCIM_ERR(error);
    return tell_state(move, "copied",
                      "It takes no writes now, and its SCIM requests are"
                      " answered with 503 and Retry-After.\n"
                      "Let its requests lead to the httpd of the other"
                      " database; then run this command with --finish.\n"
                      "Instead, let them lead here again and run it with"
                      " --cancel: it takes writes here.");
}

/* Finishing */

/* A failover may have taken this back, when there it has changed already. */
static scim_error_t *leave_here(move_t *move)
{
    const char *values[] = { move->here->call.principal->organization_id,
                             move->from.move_id };
    const char *what = NULL;
    scim_rows_t *rows;

    if (is_side(&move->to, "arriving")) {
        SCIM_ERR(compare_lasting(&what, move));
    }
    if (what) {
        return scim_error(move->here->pool, SCIM_E_CONFLICT,
                          "The databases are not the same any more (%s): rows"
                          " were changed by SQL. Run this command without"
                          " --finish, which copies '%s' again.", what,
                          shown_key(move));
    }
    SCIM_ERR(scim_db_run(&rows, move->here->call.db, SCIM_SQL_MOVE_LEAVE,
                         SCIM_VALUES(values)));
    return find_place(&move->from, move->here);
}

static scim_error_t *arrive_there(move_t *move)
{
    const scim_principal_t *actor = move->here->call.principal;
    const char *values[] = { actor->organization_id, move->from.move_id,
                             actor->actor_kind, actor->actor_id,
                             actor->actor_name };
    scim_rows_t *rows;

    return scim_db_run(&rows, move->there.call.db, SCIM_SQL_MOVE_ARRIVE,
                       SCIM_VALUES(values));
}

static scim_error_t *be_done(move_t *move)
{
    const char *values[] = { move->here->call.principal->organization_id,
                             move->from.move_id };
    scim_rows_t *rows;

    return scim_db_run(&rows, move->here->call.db, SCIM_SQL_MOVE_DONE,
                       SCIM_VALUES(values));
}

static scim_error_t *check_copy(const move_t *move)
{
    if ((move->from.side && is_copy(move))
        || (is_elsewhere(&move->from) && is_side(&move->to, NULL))) {
        return NULL;
    }
    return is_side(&move->from, "left")
        ? wrong_place(move, "'%s' is not in the database of --to: name the one"
                      " to which it was moved.")
        : wrong_place(move, "There is no copy of '%s' in the database of"
                      " --to: run this command without --finish first.");
}

static scim_error_t *take_steps(move_t *move)
{
    if (is_side(&move->from, "leaving")) {
        SCIM_ERR(leave_here(move));
    }
    if (is_side(&move->from, "left") && is_side(&move->to, "arriving")) {
        SCIM_ERR(arrive_there(move));
    }
    return be_done(move);
}

static scim_error_t *finish_move(move_t *move)
{
    scim_error_t *error;

    SCIM_ERR(check_copy(move));
    error = take_steps(move);
    if (error && is_side(&move->from, "left") && !is_elsewhere(&move->from)
        && !move->here->options.json) {
        scimctl_say(move->here->pool, "scimctl: '%s' may take no writes"
                    " anywhere: run this command again.", shown_key(move));
    }
    SCIM_ERR(error);
    return tell_state(move, "moved",
                      "It takes writes in the other database now.  Here, its"
                      " SCIM requests are still answered with 503 and"
                      " Retry-After.\n"
                      "When none come here any more, delete what is left of"
                      " it, its relays among it: scimctl org delete.");
}

/* Cancelling */

/* A copy that cannot be reached takes no writes either. */
static scim_error_t *cancel_there(move_t *move)
{
    scim_error_t *error = connect_there(move);

    if (error) {
        scimctl_say(move->here->pool, "scimctl: %s If it has a copy of '%s',"
                    " that takes no writes: delete it there by scimctl org"
                    " delete.", error->detail, shown_key(move));
        return NULL;
    }
    SCIM_ERR(check_databases(move));
    SCIM_ERR(lock_moves(&move->there));
    SCIM_ERR(find_place(&move->to, &move->there));
    if (is_side(&move->to, "arriving")) {
        return delete_copy(move);
    }
    return !is_copy(move) ? NULL
        : wrong_place(move, "'%s' takes writes in the other database: run"
                      " this command with --finish.");
}

static scim_error_t *cancel_move(move_t *move)
{
    const scim_principal_t *actor = move->here->call.principal;
    const char *values[] = { actor->organization_id, actor->actor_kind,
                             actor->actor_id, actor->actor_name };
    scim_rows_t *rows;

    SCIM_ERR(lock_moves(move->here));
    SCIM_ERR(find_place(&move->from, move->here));
    if (is_side(&move->from, "left")) {
        return wrong_place(move, "'%s' has been moved, and may have been"
                           " changed in the other database: to bring it back,"
                           " run this command with --finish, and move it from"
                           " there.");
    }
    if (!is_side(&move->from, "leaving")) {
        return wrong_place(move, "'%s' is not moving away from this"
                           " database.");
    }
    SCIM_ERR(cancel_there(move));
    SCIM_ERR(scim_db_run(&rows, move->here->call.db, SCIM_SQL_MOVE_CANCEL,
                         SCIM_VALUES(values)));
    return tell_state(move, "not moving",
                      "It takes writes here again, if it did before.");
}

scim_error_t *scimctl_org_move(scimctl_run_t *run)
{
    move_t move = { .here = run };
    scim_rows_t *rows;

    if (run->options.finish + run->options.cancel + run->options.dry_run > 1) {
        return scim_error(run->pool, SCIM_E_INVALID_VALUE,
                          "--finish, --cancel and --dry-run exclude each"
                          " other.");
    }
    SCIM_ERR(scimctl_choose_organization(&rows, run));
    if (run->options.cancel) {
        return cancel_move(&move);
    }
    SCIM_ERR(connect_there(&move));
    SCIM_ERR(check_databases(&move));
    if (!run->options.dry_run) {
        SCIM_ERR(lock_moves(run));
        SCIM_ERR(lock_moves(&move.there));
    }
    SCIM_ERR(look_at_both(&move));
    return run->options.finish ? finish_move(&move) : move_there(&move);
}
