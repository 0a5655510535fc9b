#include "scim_feed.h"

#include <string.h>

#include <apr_strings.h>
#include <apr_time.h>

#define CHANNEL "scim_event"

/* The doorbell is lost when a connection is, and rings ten times a second at
 * most (schema.sql, event_before_insert). */
#define LOOK_AGAIN apr_time_from_sec(1)
#define LOOK_AGAIN_SOON apr_time_from_msec(100)
#define ASK_AGAIN apr_time_from_sec(1)

enum { COLUMN_HORIZON, COLUMN_TRANSACTION_ID, COLUMN_SEQUENCE, COLUMN_JSON };

static int is_number(const char *text)
{
    apr_size_t length = strlen(text);

    return length > 0 && length < 19
           && strspn(text, "0123456789") == length;
}

static void move_to(scim_feed_position_t *position,
                    const char *transaction_id, const char *sequence)
{
    apr_cpystrn(position->transaction_id, transaction_id,
                sizeof(position->transaction_id));
    apr_cpystrn(position->sequence, sequence, sizeof(position->sequence));
}

/* It may also be another organization's, of which a reader of all has come to
 * know; all are asked for it only then. */
static scim_error_t *find_event(scim_rows_t **rows, scim_db_t *db,
                                const char *sequence,
                                const char *organization_id)
{
    const char *values[] = { sequence, organization_id };

    if (organization_id) {
        SCIM_ERR(scim_db_run(rows, db,
                             SCIM_SQL_FEED_POSITION_IN_ORGANIZATION,
                             values));
        if (scim_rows_count(*rows) > 0) {
            return NULL;
        }
    }
    return scim_db_run(rows, db, SCIM_SQL_FEED_POSITION, values);
}

scim_error_t *scim_feed_find(scim_feed_position_t *position, scim_db_t *db,
                             const char *sequence,
                             const char *organization_id, apr_pool_t *pool)
{
    scim_rows_t *rows = NULL;

    move_to(position, "0", "0");
    if (strcmp(sequence, "0") == 0) {
        return NULL;
    }
    if (is_number(sequence)) {
        SCIM_ERR(find_event(&rows, db, sequence, organization_id));
    }
    if (!rows || scim_rows_count(rows) == 0) {
        return scim_error(pool, SCIM_E_NOT_FOUND,
                          "There is no event '%.20s': give the sequence of"
                          " the last event that was read, or 0.", sequence);
    }
    move_to(position, scim_rows_value(rows, 0, 0), sequence);
    return NULL;
}

static scim_error_t *take_rows(scim_feed_position_t *position,
                               const scim_rows_t *rows,
                               const scim_feed_reader_t *reader,
                               apr_pool_t *pool)
{
    int count = scim_rows_count(rows);
    int i;

    for (i = 0; i < count; i++) {
        scim_feed_event_t event = {
            scim_rows_value(rows, i, COLUMN_SEQUENCE),
            scim_rows_value(rows, i, COLUMN_JSON)
        };

        SCIM_ERR(reader->take(reader->baton, &event, pool));
        move_to(position, scim_rows_value(rows, i, COLUMN_TRANSACTION_ID),
                event.sequence);
    }
    return reader->flush ? reader->flush(reader->baton) : NULL;
}

/* There is always a row; without events, it has the horizon alone.  When all
 * before the horizon was read, the next look begins there, and not at an
 * event that may be long ago because others' came since. */
static scim_error_t *read_batch(int *count, scim_feed_position_t *position,
                                scim_db_t *db,
                                const scim_feed_reader_t *reader,
                                apr_pool_t *pool)
{
    const char *values[] = { position->transaction_id, position->sequence,
                             reader->organization_id };
    scim_rows_t *rows;

    SCIM_ERR(scim_db_run(&rows, db,
                         reader->organization_id
                         ? SCIM_SQL_FEED_OF_ORGANIZATION : SCIM_SQL_FEED,
                         values));
    *count = 0;
    if (scim_rows_value(rows, 0, COLUMN_SEQUENCE)) {
        *count = scim_rows_count(rows);
        SCIM_ERR(take_rows(position, rows, reader, pool));
    }
    if (*count < SCIM_FEED_BATCH) {
        move_to(position, scim_rows_value(rows, 0, COLUMN_HORIZON), "0");
    }
    return NULL;
}

/* Listening comes before looking, so that what happens in between rings. */
static scim_error_t *look(int *count, scim_feed_position_t *position,
                          scim_db_t *db, const scim_feed_reader_t *reader,
                          apr_pool_t *pool)
{
    if (reader->follow) {
        SCIM_ERR(scim_db_listen(db, CHANNEL));
    }
    return read_batch(count, position, db, reader, pool);
}

scim_error_t *scim_feed_read(scim_feed_position_t *position, scim_db_t *db,
                             const scim_feed_reader_t *reader,
                             apr_pool_t *pool)
{
    apr_pool_t *turn;
    int count;

    apr_pool_create(&turn, pool);
    do {
        scim_error_t *error;

        apr_pool_clear(turn);
        count = 0;
        error = look(&count, position, scim_db_within(db, turn), reader,
                     turn);
        if (error && (error->kind != SCIM_E_UNAVAILABLE
                      || !reader->follow)) {
            return error;
        }
        if (error) {
            reader->wait(reader->baton, error);
            apr_sleep(ASK_AGAIN);
        }
        else if (reader->follow && count < SCIM_FEED_BATCH) {
            scim_db_wait(db, count > 0 ? LOOK_AGAIN_SOON : LOOK_AGAIN);
        }
    } while (reader->follow || count == SCIM_FEED_BATCH);
    apr_pool_destroy(turn);
    return NULL;
}
