/* scim_feed: the change feed, every event once and in an order that holds.
 *
 * Events are numbered when they are written and seen when their transaction
 * commits, so a reader that asks for what is beyond the last number misses
 * some (DESIGN.md, trap 8).  The feed goes by transaction, then by sequence,
 * up to the oldest transaction that is still open.  Events of one account come
 * in the order of its versions: each change is a transaction of its own that
 * begins with the version it follows.
 */
#ifndef SCIM_FEED_H
#define SCIM_FEED_H

#include <apr_pools.h>

#include "scim_db.h"
#include "scim_error.h"

/* Behind which event a reader is; "0" in both: at the beginning. */
typedef struct {
    char transaction_id[24];
    char sequence[24];
} scim_feed_position_t;

typedef struct {
    const char *sequence;
    const char *json;            /* the event as a JSON object */
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
    void *baton;
} scim_feed_reader_t;

/* The position behind the event with this sequence, "0" for the beginning;
 * organization_id as in scim_feed_reader_t.  SCIM_E_NOT_FOUND without such an
 * event. */
scim_error_t *scim_feed_find(scim_feed_position_t *position, scim_db_t *db,
                             const char *sequence,
                             const char *organization_id, apr_pool_t *pool)
    SCIM_CHECKED;

/* Give the reader every event behind position, which moves on with it.  db is
 * a connection of one's own. */
scim_error_t *scim_feed_read(scim_feed_position_t *position, scim_db_t *db,
                             const scim_feed_reader_t *reader,
                             apr_pool_t *pool) SCIM_CHECKED;

#endif
