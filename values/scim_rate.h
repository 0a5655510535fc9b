/* SPDX-License-Identifier: Apache-2.0 */
/* scim_rate: how much is let through in a time, in memory that any number of
 * processes share without a lock.
 *
 * The state of a token bucket is one word, the time at which the bucket will
 * be full again (GCRA, the generic cell rate algorithm): a compare and swap
 * takes from it, and a process that ends in between leaves nothing behind.
 *
 * A table has one place for each name.  A place whose bucket is full says no
 * more than an empty one, so those alone are given to other names: nobody
 * gets rid of what he owes by making others come.  Names that find no place
 * among those that owe something share one.
 */
#ifndef SCIM_RATE_H
#define SCIM_RATE_H

#include <apr.h>

/* Nanoseconds of a clock that is the same in all processes (scim_clock). */
typedef apr_int64_t scim_rate_time_t;
#define SCIM_RATE_SECOND APR_INT64_C(1000000000)

/* No bucket takes longer to fill: what says so was written before the clock
 * was put back, and counts as full. */
#define SCIM_RATE_SPAN (3600 * SCIM_RATE_SECOND)

typedef struct {
    scim_rate_time_t interval;   /* in which one is filled in; 0: no limit */
    scim_rate_time_t tolerance;  /* in which all is */
} scim_rate_t;

/* So many a second (0: no limit), and so many at once (1 at least). */
scim_rate_t scim_rate(int per_second, int burst);

/* Take count from the bucket, from which the same request has taken the
 * number taken before: 0, or how long it must wait; nothing is taken then.
 * Who wants more than the bucket holds gets it when it is full, and others
 * wait until that is filled in again. */
scim_rate_time_t scim_rate_take(apr_int64_t *bucket, const scim_rate_t *rate,
                                int count, int taken, scim_rate_time_t now);

/* What was taken for nothing. */
void scim_rate_give_back(apr_int64_t *bucket, const scim_rate_t *rate);

#define SCIM_RATE_SETS 1024
#define SCIM_RATE_WAYS 8         /* places of a set, besides the shared one */
#define SCIM_RATE_NAME_SIZE 64
#define SCIM_RATE_SECRETS 8
#define SCIM_RATE_LINES 2        /* kinds of lines in the log */
#define SCIM_RATE_LINE_EVERY (10 * SCIM_RATE_SECOND)
#define SCIM_RATE_KEY_SIZE 16

/* What is known of a name.  All of it changes at any time. */
typedef struct {
    apr_uint64_t id;             /* hash of the name; 0: nobody's */
    apr_int64_t bucket;
    apr_int64_t refused;
    apr_int64_t told[SCIM_RATE_LINES];   /* when the last line was written */
    apr_int64_t untold[SCIM_RATE_LINES]; /* what was not written since */
    apr_uint64_t secrets[SCIM_RATE_SECRETS]; /* hashes of good ones */
    apr_uint64_t name[SCIM_RATE_NAME_SIZE / sizeof(apr_uint64_t)];
} scim_rate_place_t;

/* All zeros but the key, which must be random: nobody chooses whose place his
 * own is beside. */
typedef struct {
    unsigned char key[SCIM_RATE_KEY_SIZE];
    scim_rate_place_t places[SCIM_RATE_SETS][SCIM_RATE_WAYS + 1];
} scim_rate_table_t;

/* The place of the name, or NULL. */
scim_rate_place_t *scim_rate_find(scim_rate_table_t *table,
                                  const char *name);

/* The same; if there is none, a new one or the one that is shared. */
scim_rate_place_t *scim_rate_claim(scim_rate_table_t *table,
                                   const char *name, scim_rate_time_t now);

/* Whether the secret was good for the name lately.  That is never enough to
 * trust it: only to ask those who know. */
int scim_rate_knows(const scim_rate_table_t *table,
                    const scim_rate_place_t *place, const char *name,
                    const char *secret);
void scim_rate_remember(const scim_rate_table_t *table,
                        scim_rate_place_t *place, const char *name,
                        const char *secret);
void scim_rate_forget(const scim_rate_table_t *table,
                      scim_rate_place_t *place, const char *name,
                      const char *secret);

/* Whether to write a line of this kind into the log: the first, and then one
 * each SCIM_RATE_LINE_EVERY.  The number of those that were not written since
 * the last one, or -1: this is one of them. */
apr_int64_t scim_rate_line(scim_rate_place_t *place, int line,
                           scim_rate_time_t now);

typedef struct {
    char name[SCIM_RATE_NAME_SIZE];
    apr_int64_t refused;
} scim_rate_top_t;

/* Those that were refused most, most first; how many there are, at most
 * most. */
int scim_rate_top(scim_rate_top_t *top, int most,
                  const scim_rate_table_t *table);

#endif
