/* SPDX-License-Identifier: Apache-2.0 */
/* The cache, see scim_cache.h.
 *
 * A slot is chosen by the hash of the key and has room for one key.  Slots are
 * divided among 16 locks.  A slot whose key is being looked up is marked, and
 * other threads that need the key wait on the condition of its lock.  Values
 * are on the heap, because a pool would never free their memory; so are slots,
 * because those that are never used take no memory from calloc.
 */
#include "values/scim_cache.h"

#include <stdlib.h>
#include <string.h>

#include <apr_hash.h>
#include <apr_strings.h>
#include <apr_thread_cond.h>
#include <apr_thread_mutex.h>

#define STRIPES 16               /* locks, each for every 16th slot */

/* bytes: the key with its NUL, then the value. */
typedef struct {
    char *bytes;
    apr_size_t key_size;
    apr_size_t length;           /* of the value */
    apr_time_t at;               /* when it was read, or the wait began */
    int is_awaited;              /* a thread is looking it up */
    int is_large;                /* the value was too large to be kept */
} slot_t;

typedef struct {
    apr_thread_mutex_t *mutex;
    apr_thread_cond_t *changed;
} stripe_t;

struct scim_cache_t {
    int count;
    slot_t *slots;
    stripe_t stripes[STRIPES];
};

static apr_status_t free_slots(void *cache_)
{
    scim_cache_t *cache = cache_;
    int i;

    for (i = 0; i < cache->count; i++) {
        free(cache->slots[i].bytes);
    }
    free(cache->slots);
    return APR_SUCCESS;
}

apr_status_t scim_cache_make(scim_cache_t **cache, int slots,
                             apr_pool_t *pool)
{
    scim_cache_t *made = apr_pcalloc(pool, sizeof(*made));
    apr_status_t rv = APR_SUCCESS;
    int i;

    made->count = slots;
    made->slots = calloc(slots, sizeof(*made->slots));
    if (!made->slots) {
        return APR_ENOMEM;
    }
    apr_pool_cleanup_register(pool, made, free_slots,
                              apr_pool_cleanup_null);
    for (i = 0; i < STRIPES && rv == APR_SUCCESS; i++) {
        rv = apr_thread_mutex_create(&made->stripes[i].mutex,
                                     APR_THREAD_MUTEX_DEFAULT, pool);
        if (rv == APR_SUCCESS) {
            rv = apr_thread_cond_create(&made->stripes[i].changed, pool);
        }
    }
    *cache = made;
    return rv;
}

static slot_t *lock_slot(stripe_t **stripe, scim_cache_t *cache,
                         const char *key)
{
    apr_ssize_t length = APR_HASH_KEY_STRING;
    unsigned int i = apr_hashfunc_default(key, &length) % cache->count;

    *stripe = &cache->stripes[i % STRIPES];
    apr_thread_mutex_lock((*stripe)->mutex);
    return &cache->slots[i];
}

static int has_key(const slot_t *slot, const char *key)
{
    return slot->bytes && strcmp(slot->bytes, key) == 0;
}

/* If the clock is set back, nothing is kept for longer. */
static int is_within(apr_time_t at, apr_interval_time_t span)
{
    apr_time_t now = apr_time_now();

    return now >= at && now < at + span;
}

/* A value that is too large is not kept, but known to be, so that no thread
 * waits for it.  If memory is short, the key is forgotten. */
static void fill_slot(slot_t *slot, const char *key, const char *value,
                      apr_size_t length, apr_time_t at)
{
    apr_size_t key_size = strlen(key) + 1;
    int is_large = key_size + length > SCIM_CACHE_MAX_BYTES;
    apr_size_t kept = is_large ? 0 : length;

    free(slot->bytes);
    memset(slot, 0, sizeof(*slot));
    if (key_size + kept <= SCIM_CACHE_MAX_BYTES) {
        slot->bytes = malloc(key_size + kept);
    }
    if (slot->bytes) {
        memcpy(slot->bytes, key, key_size);
        memcpy(slot->bytes + key_size, value, kept);
        slot->key_size = key_size;
        slot->length = kept;
        slot->at = at;
        slot->is_large = is_large;
    }
}

/* NULL for a value that was not kept. */
static const char *kept_value(const slot_t *slot, apr_pool_t *pool)
{
    return slot->is_large ? NULL
                          : apr_pmemdup(pool, slot->bytes + slot->key_size,
                                        slot->length);
}

static int is_known(const slot_t *slot, const char *key,
                    apr_interval_time_t ttl)
{
    return has_key(slot, key) && !slot->is_awaited
           && is_within(slot->at, ttl);
}

/* Wait until no other thread looks key up. */
static void await(const slot_t *slot, stripe_t *stripe, const char *key)
{
    while (has_key(slot, key) && slot->is_awaited
           && is_within(slot->at, SCIM_CACHE_WAIT)) {
        apr_thread_cond_timedwait(stripe->changed, stripe->mutex,
                                  SCIM_CACHE_WAIT);
    }
}

const char *scim_cache_get(scim_cache_t *cache, const char *key,
                           apr_interval_time_t ttl, apr_pool_t *pool)
{
    const char *value = NULL;
    stripe_t *stripe;
    slot_t *slot = lock_slot(&stripe, cache, key);

    await(slot, stripe, key);
    if (is_known(slot, key, ttl)) {
        value = kept_value(slot, pool);
    }
    else {
        fill_slot(slot, key, "", 0, apr_time_now());
        slot->is_awaited = 1;
    }
    apr_thread_mutex_unlock(stripe->mutex);
    return value;
}

const char *scim_cache_peek(scim_cache_t *cache, const char *key,
                            apr_interval_time_t ttl, apr_pool_t *pool)
{
    const char *value = NULL;
    stripe_t *stripe;
    slot_t *slot = lock_slot(&stripe, cache, key);

    if (is_known(slot, key, ttl)) {
        value = kept_value(slot, pool);
    }
    apr_thread_mutex_unlock(stripe->mutex);
    return value;
}

void scim_cache_put(scim_cache_t *cache, const char *key, const char *value,
                    apr_size_t length, apr_time_t at)
{
    stripe_t *stripe;
    slot_t *slot = lock_slot(&stripe, cache, key);

    fill_slot(slot, key, value, length, at);
    apr_thread_cond_broadcast(stripe->changed);
    apr_thread_mutex_unlock(stripe->mutex);
}

void scim_cache_give_up(scim_cache_t *cache, const char *key)
{
    stripe_t *stripe;
    slot_t *slot = lock_slot(&stripe, cache, key);

    if (has_key(slot, key) && slot->is_awaited) {
        slot->is_awaited = 0;
        slot->at = 0;
        apr_thread_cond_broadcast(stripe->changed);
    }
    apr_thread_mutex_unlock(stripe->mutex);
}
