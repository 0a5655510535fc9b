/* SPDX-License-Identifier: Apache-2.0 */
/* scim_feed: the change feed, every event once and in an order that holds.
 *
 * Events are numbered when they are written and seen when their transaction
 * commits, so a reader that asks for what is beyond the last number misses
 * some (design.md, trap 8).  The feed goes by transaction, then by sequence,
 * up to the oldest transaction that is still open.  Events of one account come
 * in the order of its versions: each change is a transaction of its own that
 * begins with the version it follows.
 *
 * A promotion or a restore may take events away that were read, and give
 * their transactions and sequences to others.  So a position names the history
 * of its event (schema.sql, feed_position), and an event has an id besides.
 */
#ifndef SCIM_FEED_H
#define SCIM_FEED_H

#include <apr_pools.h>

#include "storage/scim_db.h"
#include "values/scim_error.h"

/* Behind which event a reader is, which need not be there any more; "0" in
 * all: at the beginning. */
typedef struct {
    char history[24];
    char transaction_id[24];
    char sequence[24];
} scim_feed_position_t;

typedef struct {
    const char *sequence;
    const char *id;              /* which no other event ever has */
    const char *json;            /* the event as a JSON object */
    const scim_feed_position_t *position; /* behind it */
} scim_feed_event_t;

/* What is done with an event; an error ends the reading.  The event and pool
 * are gone afterwards. */
typedef scim_error_t *scim_feed_take_fn(void *baton,
                                        const scim_feed_event_t *event,
                                        apr_pool_t *pool);

/* How a feed is read. */
typedef struct {
    const char *organization_id; /* or NULL: of all organizations */
    int follow;                  /* go on with what comes; else to the end of
                                  * what there is */
    scim_feed_take_fn *take;
    /* What was taken so far is to be passed on; NULL: nothing to do. */
    scim_error_t *(*flush)(void *baton);
    /* The database is away and will be asked again. */
    void (*wait)(void *baton, const scim_error_t *error);
    /* Events up to from are gone; the reading goes on behind to, unless this
     * is an error, and some events may come again. */
    scim_error_t *(*went_back)(void *baton, const scim_feed_position_t *from,
                               const scim_feed_position_t *to);
    void *baton;
} scim_feed_reader_t;

/* position as text, in pool; what scim_feed_find takes. */
const char *scim_feed_position_text(const scim_feed_position_t *position,
                                    apr_pool_t *pool);

/* The position that a text of scim_feed_position_text names; or the one behind
 * the event with this sequence, or behind the latest one with a lower sequence
 * if it is not there: *is_there says which.  organization_id as in
 * scim_feed_reader_t.  SCIM_E_INVALID_VALUE for any other text. */
scim_error_t *scim_feed_find(scim_feed_position_t *position, int *is_there,
                             scim_db_t *db, const char *after,
                             const char *organization_id, apr_pool_t *pool)
    SCIM_CHECKED;

/* Give the reader every event behind position, which moves on with it.  db is
 * a connection of one's own. */
scim_error_t *scim_feed_read(scim_feed_position_t *position, scim_db_t *db,
                             const scim_feed_reader_t *reader,
                             apr_pool_t *pool) SCIM_CHECKED;

#endif
