/* SPDX-License-Identifier: Apache-2.0 */
/* scim_rate: limits of rates, in memory that any number of processes share
 * without a lock.
 *
 * The state of a token bucket is one word, the time at which the bucket will
 * be full again (GCRA, the generic cell rate algorithm): a compare and swap
 * takes from it, so that a process can end at any time.
 *
 * A table has one place for each name.  A place whose bucket is full has no
 * more information than an unused one, so only such a place is given to
 * another name: a debt cannot be removed by sending other names.  Names for
 * which a set has no such place share one.
 */
#ifndef SCIM_RATE_H
#define SCIM_RATE_H

#include <apr.h>

/* Nanoseconds of a clock that is the same in all processes (scim_clock). */
typedef apr_int64_t scim_rate_time_t;
#define SCIM_RATE_SECOND APR_INT64_C(1000000000)

/* No bucket takes longer to fill: a later time was written before the clock
 * was set back, and counts as full. */
#define SCIM_RATE_SPAN (3600 * SCIM_RATE_SECOND)

typedef struct {
    scim_rate_time_t interval;   /* for refilling one; 0: no limit */
    scim_rate_time_t tolerance;  /* for refilling all */
} scim_rate_t;

/* This many a second (0: no limit), and this many at once (1 at least). */
scim_rate_t scim_rate(int per_second, int burst);

/* Take count from the bucket, from which the same request has already taken
 * "taken".  Returns 0, or how long the request must wait; then nothing is
 * taken.  A request for more than the bucket holds succeeds if it is full, and
 * others wait until that is refilled. */
scim_rate_time_t scim_rate_take(apr_int64_t *bucket, const scim_rate_t *rate,
                                int count, int taken, scim_rate_time_t now);

/* Return one that was taken in vain. */
void scim_rate_give_back(apr_int64_t *bucket, const scim_rate_t *rate);

#define SCIM_RATE_SETS 1024
#define SCIM_RATE_WAYS 8         /* places of a set, besides the shared one */
#define SCIM_RATE_NAME_SIZE 64
#define SCIM_RATE_SECRETS 8
#define SCIM_RATE_LINES 2        /* kinds of messages in the log */
#define SCIM_RATE_LINE_EVERY (10 * SCIM_RATE_SECOND)
#define SCIM_RATE_KEY_SIZE 16

/* The data of a name.  All of it may change at any time. */
typedef struct {
    apr_uint64_t id;             /* hash of the name; 0: unused */
    apr_int64_t bucket;
    apr_int64_t refused;
    apr_int64_t told[SCIM_RATE_LINES];   /* time of the last message */
    apr_int64_t untold[SCIM_RATE_LINES]; /* not written since */
    apr_uint64_t secrets[SCIM_RATE_SECRETS]; /* hashes of good ones */
    apr_uint64_t name[SCIM_RATE_NAME_SIZE / sizeof(apr_uint64_t)];
} scim_rate_place_t;

/* All zeros except the key, which must be random, so that clients cannot
 * choose a name in the set of another. */
typedef struct {
    unsigned char key[SCIM_RATE_KEY_SIZE];
    scim_rate_place_t places[SCIM_RATE_SETS][SCIM_RATE_WAYS + 1];
} scim_rate_table_t;

/* The place of name, or NULL. */
scim_rate_place_t *scim_rate_find(scim_rate_table_t *table,
                                  const char *name);

/* The same; if there is none, a new place or the shared one. */
scim_rate_place_t *scim_rate_claim(scim_rate_table_t *table,
                                   const char *name, scim_rate_time_t now);

/* Whether the secret was recently good for the name.  That is not enough to
 * trust it, only to look it up. */
int scim_rate_knows(const scim_rate_table_t *table,
                    const scim_rate_place_t *place, const char *name,
                    const char *secret);
void scim_rate_remember(const scim_rate_table_t *table,
                        scim_rate_place_t *place, const char *name,
                        const char *secret);
void scim_rate_forget(const scim_rate_table_t *table,
                      scim_rate_place_t *place, const char *name,
                      const char *secret);

/* Whether to write a message of this kind into the log: the first one, and
 * then one each SCIM_RATE_LINE_EVERY.  Returns the number of messages that
 * were not written since the last one, or -1 to write none. */
apr_int64_t scim_rate_line(scim_rate_place_t *place, int line,
                           scim_rate_time_t now);

typedef struct {
    char name[SCIM_RATE_NAME_SIZE];
    apr_int64_t refused;
} scim_rate_top_t;

/* The names that were refused most often, in this order; returns their number,
 * at most "most". */
int scim_rate_top(scim_rate_top_t *top, int most,
                  const scim_rate_table_t *table);

#endif
