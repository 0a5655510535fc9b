/* SPDX-License-Identifier: Apache-2.0 */
/* Reading the change feed, see scim_feed.h.
 *
 * scim_feed_read selects a batch of events behind a position, gives each to
 * the reader, moves the position, and selects again, at once or after a pause.
 * SQL decides where the order of events begins and ends (schema.sql, scim.feed
 * and scim.feed_position).
 */
#include "resources/scim_feed.h"

#include <string.h>

#include <apr_strings.h>
#include <apr_time.h>

/* A reader that has read all events asks again at this interval.  It does not
 * use LISTEN: a reader that is stopped, or whose output is, would keep
 * PostgreSQL's queue of notifications from being emptied, and a full queue
 * stops all writers; and poolers do not pass notifications on. */
#define LOOK_AGAIN apr_time_from_msec(100)
#define ASK_AGAIN apr_time_from_sec(1)

enum {
    COLUMN_WENT_BACK, COLUMN_FROM_TRANSACTION_ID, COLUMN_FROM_SEQUENCE,
    COLUMN_HISTORY, COLUMN_TRANSACTION_ID, COLUMN_SEQUENCE, COLUMN_ID,
    COLUMN_JSON
};

static void move_to(scim_feed_position_t *position, const char *history,
                    const char *transaction_id, const char *sequence)
{
    apr_cpystrn(position->history, history, sizeof(position->history));
    apr_cpystrn(position->transaction_id, transaction_id,
                sizeof(position->transaction_id));
    apr_cpystrn(position->sequence, sequence, sizeof(position->sequence));
}

const char *scim_feed_position_text(const scim_feed_position_t *position,
                                    apr_pool_t *pool)
{
    return apr_pstrcat(pool, position->history, ".",
                       position->transaction_id, ".", position->sequence,
                       NULL);
}

/* Split a sequence (1 number) or a position (3 numbers, with dots); returns
 * the number of numbers, or 0 if it is neither. */
static int split(char *numbers[3], char *text)
{
    int count = 0;

    for (;;) {
        apr_size_t length = strspn(text, "0123456789");

        if (length == 0 || length > 19 || count == 3) {
            return 0;
        }
        numbers[count++] = text;
        if (!text[length]) {
            return count == 2 ? 0 : count;
        }
        if (text[length] != '.') {
            return 0;
        }
        text[length] = '\0';
        text += length + 1;
    }
}

/* Move to the position in the row or, without a row, to the beginning. */
static void move_to_row(scim_feed_position_t *position,
                        const scim_rows_t *rows)
{
    if (scim_rows_count(rows) == 0) {
        move_to(position, "0", "0", "0");
        return;
    }
    move_to(position, scim_rows_value(rows, 0, 0),
            scim_rows_value(rows, 0, 1), scim_rows_value(rows, 0, 2));
}

/* Move behind an event of any organization, whose sequence comes from a reader
 * of all; for a reader of one organization, behind its latest event before
 * that. */
static scim_error_t *find_among_all(scim_feed_position_t *position,
                                    int *is_there, scim_db_t *db,
                                    const char *sequence,
                                    const char *organization_id)
{
    scim_rows_t *rows;

    SCIM_ERR(scim_db_run(&rows, db, SCIM_SQL_FEED_POSITION, 1, &sequence));
    move_to_row(position, rows);
    *is_there = apr_atoi64(position->sequence) == apr_atoi64(sequence);
    if (organization_id) {
        const char *values[] = { position->transaction_id,
                                 position->sequence, organization_id };

        SCIM_ERR(scim_db_run(&rows, db, SCIM_SQL_FEED_POSITION_BEFORE,
                             SCIM_VALUES(values)));
        move_to_row(position, rows);
    }
    return NULL;
}

static scim_error_t *find_event(scim_feed_position_t *position,
                                int *is_there, scim_db_t *db,
                                const char *sequence,
                                const char *organization_id)
{
    const char *values[] = { sequence, organization_id };
    scim_rows_t *rows;

    if (organization_id) {
        SCIM_ERR(scim_db_run(&rows, db,
                             SCIM_SQL_FEED_POSITION_IN_ORGANIZATION,
                             SCIM_VALUES(values)));
        if (scim_rows_count(rows) > 0) {
            move_to_row(position, rows);
            return NULL;
        }
    }
    return find_among_all(position, is_there, db, sequence, organization_id);
}

scim_error_t *scim_feed_find(scim_feed_position_t *position, int *is_there,
                             scim_db_t *db, const char *after,
                             const char *organization_id, apr_pool_t *pool)
{
    char *numbers[3];

    *is_there = 1;
    switch (split(numbers, apr_pstrdup(pool, after))) {
    case 3:
        move_to(position, numbers[0], numbers[1], numbers[2]);
        return NULL;
    case 1:
        if (apr_atoi64(after) > 0) {
            return find_event(position, is_there, db, after,
                              organization_id);
        }
        move_to(position, "0", "0", "0");
        return NULL;
    default:
        return scim_error(pool, SCIM_E_INVALID_VALUE,
                          "'%.60s' is not a position: give the sequence or the"
                          " position of the last event that was read, or 0.",
                          after);
    }
}

static scim_error_t *take_rows(scim_feed_position_t *position,
                               const scim_rows_t *rows,
                               const scim_feed_reader_t *reader,
                               apr_pool_t *pool)
{
    int count = scim_rows_count(rows);
    int i;

    for (i = 0; i < count; i++) {
        scim_feed_position_t behind;
        scim_feed_event_t event = {
            scim_rows_value(rows, i, COLUMN_SEQUENCE),
            scim_rows_value(rows, i, COLUMN_ID),
            scim_rows_value(rows, i, COLUMN_JSON), &behind
        };

        move_to(&behind, scim_rows_value(rows, i, COLUMN_HISTORY),
                scim_rows_value(rows, i, COLUMN_TRANSACTION_ID),
                event.sequence);
        SCIM_ERR(reader->take(reader->baton, &event, pool));
        *position = behind;
    }
    return reader->flush ? reader->flush(reader->baton) : NULL;
}

/* Move to the beginning of the rows, if that is before the position. */
static scim_error_t *go_back(scim_feed_position_t *position,
                             const scim_rows_t *rows,
                             const scim_feed_reader_t *reader)
{
    scim_feed_position_t to = *position;

    if (!scim_rows_true(rows, 0, COLUMN_WENT_BACK)) {
        return NULL;
    }
    move_to(&to, position->history,
            scim_rows_value(rows, 0, COLUMN_FROM_TRANSACTION_ID),
            scim_rows_value(rows, 0, COLUMN_FROM_SEQUENCE));
    SCIM_ERR(reader->went_back(reader->baton, position, &to));
    *position = to;
    return NULL;
}

/* There is always a row; without events, it has the position of the reader. */
static scim_error_t *read_batch(int *count, scim_feed_position_t *position,
                                scim_db_t *db,
                                const scim_feed_reader_t *reader,
                                apr_pool_t *pool)
{
    const char *values[] = { position->transaction_id, position->sequence,
                             position->history, reader->organization_id };
    scim_rows_t *rows;

    SCIM_ERR(scim_db_run(&rows, db,
                         reader->organization_id
                         ? SCIM_SQL_FEED_OF_ORGANIZATION : SCIM_SQL_FEED,
                         reader->organization_id ? 4 : 3, values));
    SCIM_ERR(go_back(position, rows, reader));
    if (!scim_rows_value(rows, 0, COLUMN_SEQUENCE)) {
        return NULL;
    }
    *count = scim_rows_count(rows);
    return take_rows(position, rows, reader, pool);
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
        error = read_batch(&count, position, scim_db_within(db, turn),
                           reader, turn);
        if (error && (error->kind != SCIM_E_UNAVAILABLE
                      || !reader->follow)) {
            return error;
        }
        if (error) {
            reader->wait(reader->baton, error);
            apr_sleep(ASK_AGAIN);
        }
        else if (reader->follow && count < SCIM_FEED_BATCH) {
            apr_sleep(LOOK_AGAIN);
        }
    } while (reader->follow || count == SCIM_FEED_BATCH);
    apr_pool_destroy(turn);
    return NULL;
}
