/* SPDX-License-Identifier: Apache-2.0 */
/* scim_feed: the change feed, every event once and in a fixed order.
 *
 * Events are numbered when they are written but visible when their transaction
 * commits, so a reader that asks for events after the last number misses some
 * (design.md, trap 8).  The feed is ordered by transaction, then by sequence,
 * and ends at the oldest transaction that is still open.  Events of one
 * account come in the order of its versions: each change is a transaction of
 * its own that begins with the version it follows.
 *
 * A promotion or a restore may remove events that were read, and give their
 * transactions and sequences to others.  So a position has the history of its
 * event (schema.sql, feed_position), and an event has a unique id as well.
 */
#ifndef SCIM_FEED_H
#define SCIM_FEED_H

#include <apr_pools.h>

#include "storage/scim_db.h"
#include "values/scim_error.h"

/* The place after an event, which may not exist any more; "0" in all: the
 * beginning. */
typedef struct {
    char history[24];
    char transaction_id[24];
    char sequence[24];
} scim_feed_position_t;

typedef struct {
    const char *sequence;
    const char *id;              /* unique for ever */
    const char *json;            /* the event as a JSON object */
    const scim_feed_position_t *position; /* after it */
} scim_feed_event_t;

/* Called for an event; an error ends the reading.  The event and pool are
 * freed afterwards. */
typedef scim_error_t *scim_feed_take_fn(void *baton,
                                        const scim_feed_event_t *event,
                                        apr_pool_t *pool);

/* A reader of the feed. */
typedef struct {
    const char *organization_id; /* or NULL: of all organizations */
    int follow;                  /* go on with new events; else end after the
                                  * existing ones */
    scim_feed_take_fn *take;
    /* Passes on the events so far, after a batch; NULL: nothing to do. */
    scim_error_t *(*flush)(void *baton);
    /* Called when the database cannot be reached and will be asked again. */
    void (*wait)(void *baton, const scim_error_t *error);
    /* Called when events up to from are gone: the reading goes on after to,
     * unless this returns an error, and some events may come again. */
    scim_error_t *(*went_back)(void *baton, const scim_feed_position_t *from,
                               const scim_feed_position_t *to);
    void *baton;
} scim_feed_reader_t;

/* position as text, in pool, for scim_feed_find. */
const char *scim_feed_position_text(const scim_feed_position_t *position,
                                    apr_pool_t *pool);

/* The position of a text that scim_feed_position_text has made, or the one
 * after the event with this sequence.  If there is no such event, *is_there is
 * 0, and the position is after the latest one with a lower sequence.
 * organization_id as in scim_feed_reader_t.  SCIM_E_INVALID_VALUE for any
 * other text. */
scim_error_t *scim_feed_find(scim_feed_position_t *position, int *is_there,
                             scim_db_t *db, const char *after,
                             const char *organization_id, apr_pool_t *pool)
    SCIM_CHECKED;

/* Give the reader every event after position, which moves on with it.  db must
 * be a connection of the caller's own. */
scim_error_t *scim_feed_read(scim_feed_position_t *position, scim_db_t *db,
                             const scim_feed_reader_t *reader,
                             apr_pool_t *pool) SCIM_CHECKED;

#endif
