/* SPDX-License-Identifier: Apache-2.0 */
/* Buckets and places in shared memory, see scim_rate.h.
 *
 * All data that other processes use is read and written by atomic operations
 * on one word.  The hash of a name selects a small set of places; in the set
 * it is found, or it claims the least important place.
 */
#include "values/scim_rate.h"

#include <string.h>

#include <apr_siphash.h>
#include <apr_strings.h>

#define NAME_WORDS (SCIM_RATE_NAME_SIZE / sizeof(apr_uint64_t))
#define TEXT_SIZE 1024           /* a name and a secret */
#define TRIES 4                  /* if another process claims the place */

/* Lock-free access to shared words. */

static apr_int64_t load(const apr_int64_t *word)
{
    return __atomic_load_n(word, __ATOMIC_ACQUIRE);
}

static int swap(apr_int64_t *word, apr_int64_t expected, apr_int64_t value)
{
    return __atomic_compare_exchange_n(word, &expected, value, 0,
                                       __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
}

static apr_uint64_t load_hash(const apr_uint64_t *word)
{
    return __atomic_load_n(word, __ATOMIC_ACQUIRE);
}

static void store_hash(apr_uint64_t *word, apr_uint64_t value)
{
    __atomic_store_n(word, value, __ATOMIC_RELEASE);
}

/* Buckets */

static scim_rate_time_t cost_of(const scim_rate_t *rate, int count)
{
    scim_rate_time_t cost = rate->interval * count;

    return cost < SCIM_RATE_SPAN ? cost : SCIM_RATE_SPAN;
}

scim_rate_t scim_rate(int per_second, int burst)
{
    scim_rate_t rate = { 0, 0 };

    if (per_second > 0) {
        rate.interval = SCIM_RATE_SECOND / per_second;
        rate.tolerance = cost_of(&rate, burst);
    }
    return rate;
}

/* The time at which the bucket is full: now, if that is past. */
static scim_rate_time_t full_at(apr_int64_t word, scim_rate_time_t now)
{
    return word < now || word > now + SCIM_RATE_SPAN ? now : word;
}

scim_rate_time_t scim_rate_take(apr_int64_t *bucket, const scim_rate_t *rate,
                                int count, int taken, scim_rate_time_t now)
{
    apr_int64_t before;
    apr_int64_t after;

    if (rate->interval == 0) {
        return 0;
    }
    do {
        scim_rate_time_t missing;
        scim_rate_time_t others;

        before = load(bucket);
        after = full_at(before, now);
        others = after - cost_of(rate, taken) - now;
        after += cost_of(rate, count);
        missing = after - rate->tolerance - now;
        if (missing > 0 && others > 0) {
            return missing < others ? missing : others;
        }
        if (after > now + SCIM_RATE_SPAN) {
            after = now + SCIM_RATE_SPAN;
        }
    } while (!swap(bucket, before, after));
    return 0;
}

void scim_rate_give_back(apr_int64_t *bucket, const scim_rate_t *rate)
{
    __atomic_fetch_sub(bucket, rate->interval, __ATOMIC_ACQ_REL);
}

/* Places */

static apr_uint64_t hash_name(const scim_rate_table_t *table, const char *text)
{
    apr_uint64_t hash = apr_siphash24(text, strlen(text), table->key);

    return hash ? hash : 1;
}

static apr_uint64_t hash_of_secret(const scim_rate_table_t *table,
                                   const char *name, const char *secret)
{
    char text[TEXT_SIZE];

    apr_snprintf(text, sizeof(text), "%s %s", name, secret);
    return hash_name(table, text);
}

static scim_rate_place_t *set_of(scim_rate_table_t *table, apr_uint64_t id)
{
    return table->places[id % SCIM_RATE_SETS];
}

static scim_rate_place_t *find(scim_rate_place_t *set, apr_uint64_t id)
{
    int i;

    for (i = 0; i < SCIM_RATE_WAYS; i++) {
        if (load_hash(&set[i].id) == id) {
            return set + i;
        }
    }
    return NULL;
}

scim_rate_place_t *scim_rate_find(scim_rate_table_t *table, const char *name)
{
    apr_uint64_t id = hash_name(table, name);

    return find(set_of(table, id), id);
}

/* The least important place, or NULL if none has a full bucket.  A name with
 * refusals is kept for mod_status while there is room. */
static scim_rate_place_t *spare(scim_rate_place_t *set, scim_rate_time_t now)
{
    scim_rate_place_t *found = NULL;
    apr_int64_t least = 0;
    int i;

    for (i = 0; i < SCIM_RATE_WAYS; i++) {
        apr_int64_t worth = load_hash(&set[i].id) == 0
                            ? -1 : load(&set[i].refused);

        if (full_at(load(&set[i].bucket), now) == now
            && (!found || worth < least)) {
            found = set + i;
            least = worth;
        }
    }
    return found;
}

static void write_name(scim_rate_place_t *place, const char *name)
{
    apr_uint64_t words[NAME_WORDS] = { 0 };
    apr_size_t i;

    apr_cpystrn((char *) words, name, sizeof(words));
    for (i = 0; i < NAME_WORDS; i++) {
        store_hash(place->name + i, words[i]);
    }
}

/* Its bucket is full, so it can be kept; a process that still writes here for
 * the previous name does so only once. */
static void clear_place(scim_rate_place_t *place, const char *name)
{
    int i;

    __atomic_store_n(&place->refused, 0, __ATOMIC_RELEASE);
    for (i = 0; i < SCIM_RATE_LINES; i++) {
        __atomic_store_n(place->told + i, 0, __ATOMIC_RELEASE);
        __atomic_store_n(place->untold + i, 0, __ATOMIC_RELEASE);
    }
    for (i = 0; i < SCIM_RATE_SECRETS; i++) {
        store_hash(place->secrets + i, 0);
    }
    write_name(place, name);
}

scim_rate_place_t *scim_rate_claim(scim_rate_table_t *table,
                                   const char *name, scim_rate_time_t now)
{
    apr_uint64_t id = hash_name(table, name);
    scim_rate_place_t *set = set_of(table, id);
    scim_rate_place_t *place = find(set, id);
    int i;

    for (i = 0; !place && i < TRIES; i++) {
        scim_rate_place_t *empty = spare(set, now);
        apr_uint64_t before = empty ? load_hash(&empty->id) : 0;

        if (empty && __atomic_compare_exchange_n(&empty->id, &before, id, 0,
                                                 __ATOMIC_ACQ_REL,
                                                 __ATOMIC_ACQUIRE)) {
            clear_place(empty, name);
            return empty;
        }
        place = find(set, id);
    }
    return place ? place : set + SCIM_RATE_WAYS;
}

/* Secrets */

/* The index of the hash, or SCIM_RATE_SECRETS. */
static int index_of(const scim_rate_place_t *place, apr_uint64_t hash)
{
    int i = 0;

    while (i < SCIM_RATE_SECRETS && load_hash(place->secrets + i) != hash) {
        i++;
    }
    return i;
}

int scim_rate_knows(const scim_rate_table_t *table,
                    const scim_rate_place_t *place, const char *name,
                    const char *secret)
{
    return index_of(place, hash_of_secret(table, name, secret))
           < SCIM_RATE_SECRETS;
}

/* The oldest hash is dropped. */
void scim_rate_remember(const scim_rate_table_t *table,
                        scim_rate_place_t *place, const char *name,
                        const char *secret)
{
    apr_uint64_t hash = hash_of_secret(table, name, secret);
    int i;

    if (index_of(place, hash) < SCIM_RATE_SECRETS) {
        return;
    }
    for (i = SCIM_RATE_SECRETS - 1; i > 0; i--) {
        store_hash(place->secrets + i, load_hash(place->secrets + i - 1));
    }
    store_hash(place->secrets, hash);
}

void scim_rate_forget(const scim_rate_table_t *table,
                      scim_rate_place_t *place, const char *name,
                      const char *secret)
{
    apr_uint64_t hash = hash_of_secret(table, name, secret);
    int i;

    while ((i = index_of(place, hash)) < SCIM_RATE_SECRETS) {
        store_hash(place->secrets + i, 0);
    }
}

/* For the log and mod_status */

apr_int64_t scim_rate_line(scim_rate_place_t *place, int line,
                           scim_rate_time_t now)
{
    apr_int64_t told = load(place->told + line);

    if ((told == 0 || now < told || now - told >= SCIM_RATE_LINE_EVERY)
        && swap(place->told + line, told, now)) {
        return __atomic_exchange_n(place->untold + line, 0,
                                   __ATOMIC_ACQ_REL);
    }
    __atomic_add_fetch(place->untold + line, 1, __ATOMIC_ACQ_REL);
    return -1;
}

/* Copy a place; 0 if it has just been claimed for another name. */
static int read_place(scim_rate_top_t *copy, const scim_rate_table_t *table,
                      const scim_rate_place_t *place)
{
    apr_uint64_t words[NAME_WORDS];
    apr_size_t i;

    copy->refused = load(&place->refused);
    for (i = 0; i < NAME_WORDS; i++) {
        words[i] = load_hash(place->name + i);
    }
    memcpy(copy->name, words, sizeof(words));
    copy->name[sizeof(words) - 1] = '\0';
    return hash_name(table, copy->name) == load_hash(&place->id);
}

static void insert_top(scim_rate_top_t *top, int *count, int most,
                       const scim_rate_top_t *one)
{
    int i = *count < most ? (*count)++ : most;

    for (; i > 0 && top[i - 1].refused < one->refused; i--) {
        if (i < most) {
            top[i] = top[i - 1];
        }
    }
    if (i < most) {
        top[i] = *one;
    }
}

int scim_rate_top(scim_rate_top_t *top, int most,
                  const scim_rate_table_t *table)
{
    int count = 0;
    int set;
    int i;

    for (set = 0; set < SCIM_RATE_SETS; set++) {
        for (i = 0; i < SCIM_RATE_WAYS; i++) {
            const scim_rate_place_t *place = &table->places[set][i];
            scim_rate_top_t one;

            if (load(&place->refused) > 0
                && read_place(&one, table, place)) {
                insert_top(top, &count, most, &one);
            }
        }
    }
    return count;
}
