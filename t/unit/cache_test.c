/* SPDX-License-Identifier: Apache-2.0 */
/* scim_cache: which entries are kept, for how long, and that a burst is one
 * look-up.  The clock is the test's. */
#include <apr_atomic.h>
#include <apr_time.h>

static apr_time_t test_clock = 1000000000;
#define apr_time_now() test_clock
#include "../../values/scim_cache.c"

#include <apr_thread_proc.h>

#include "tap.h"

#define TTL apr_time_from_sec(1)
#define THREADS 20

static scim_cache_t *cache;
static apr_uint32_t missed;

static void *APR_THREAD_FUNC visit(apr_thread_t *thread, void *pool)
{
    const char *value = scim_cache_get(cache, "burst", TTL, pool);

    if (!value) {
        apr_atomic_inc32(&missed);
        apr_sleep(apr_time_from_msec(50)); /* the look-up takes its time */
        scim_cache_put(cache, "burst", "found", 6, test_clock);
        value = "found";
    }
    return (void *) (strcmp(value, "found") == 0 ? pool : NULL);
}

static void test_burst(apr_pool_t *pool)
{
    apr_thread_t *threads[THREADS];
    apr_status_t rv;
    int i;

    for (i = 0; i < THREADS; i++) {
        apr_pool_t *own;

        apr_pool_create(&own, pool);
        apr_thread_create(&threads[i], NULL, visit, own, own);
    }
    for (i = 0; i < THREADS; i++) {
        apr_thread_join(&rv, threads[i]);
    }
    is_int(missed, 1, "20 threads that miss one key are one look-up");
}

static int slot_of(const char *key)
{
    apr_ssize_t length = APR_HASH_KEY_STRING;

    return (int) (apr_hashfunc_default(key, &length) % cache->count);
}

static void test_keeping(apr_pool_t *pool)
{
    char large[SCIM_CACHE_MAX_BYTES];
    int wrong = 0;
    int i;

    ok(!scim_cache_get(cache, "a", TTL, pool), "at first nothing is known");
    scim_cache_put(cache, "a", "1", 2, test_clock);
    is_str(scim_cache_get(cache, "a", TTL, pool), "1", "then what was put");
    test_clock += TTL - 1;
    is_str(scim_cache_get(cache, "a", TTL, pool), "1", "until its time is up");
    test_clock += 1;
    ok(!scim_cache_get(cache, "a", TTL, pool), "and not longer");
    scim_cache_give_up(cache, "a");
    ok(!scim_cache_get(cache, "a", TTL, pool),
       "who gives up leaves it to the next one");
    scim_cache_put(cache, "a", "2", 2, test_clock);
    test_clock -= apr_time_from_sec(3600);
    ok(!scim_cache_get(cache, "a", TTL, pool),
       "a clock that is put back makes nothing live longer");
    scim_cache_put(cache, "a", "2", 2, test_clock);
    memset(large, 'x', sizeof(large));
    scim_cache_put(cache, "a", large, sizeof(large), test_clock);
    ok(!scim_cache_get(cache, "a", TTL, pool),
       "what is too large is not kept, nor what was there before");
    ok(!cache->slots[slot_of("a")].is_awaited,
       "and nobody has to wait for who looks it up next");
    test_clock += TTL;
    ok(!scim_cache_get(cache, "a", TTL, pool)
       && cache->slots[slot_of("a")].is_awaited,
       "until its time is up: it may be smaller then");
    scim_cache_put(cache, "a", "3", 2, test_clock);
    is_str(scim_cache_get(cache, "a", TTL, pool), "3", "as it is kept then");
    for (i = 0; i < 1000; i++) {
        const char *key = apr_itoa(pool, i);

        scim_cache_get(cache, key, TTL, pool);
        scim_cache_put(cache, key, key, strlen(key) + 1, test_clock);
        wrong += strcmp(scim_cache_get(cache, key, TTL, pool), key) != 0;
    }
    is_int(wrong, 0, "many keys in few slots: the latest is right");
}

static void test_peeking(apr_pool_t *pool)
{
    ok(!scim_cache_peek(cache, "p", TTL, pool), "a look finds nothing");
    scim_cache_put(cache, "p", "1", 2, test_clock);
    test_clock += TTL;
    ok(!scim_cache_peek(cache, "p", TTL, pool), "nor what is too old");
    is_str(scim_cache_peek(cache, "p", TTL + 1, pool), "1",
           "and what it did not find stays for who takes older things");
    ok(!scim_cache_get(cache, "p", TTL, pool), "who gets it looks it up");
    ok(!scim_cache_peek(cache, "p", TTL + 1, pool),
       "and a look does not wait for him");
    scim_cache_give_up(cache, "p");
}

int main(void)
{
    apr_pool_t *pool = tap_start();

    apr_atomic_init(pool);
    ok(scim_cache_make(&cache, 8, pool) == APR_SUCCESS, "a cache is made");
    test_keeping(pool);
    test_peeking(pool);
    test_burst(pool);
    return tap_done(pool);
}
