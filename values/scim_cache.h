/* SPDX-License-Identifier: Apache-2.0 */
/* scim_cache: what was looked up a moment ago, shared by the threads of a
 * process, within a bound of memory and of time.
 *
 * As many slots as were asked for, each for the latest of the keys that fall
 * into it.  Threads that miss the same key at the same time wait for the
 * first one's answer, so that a burst of requests is one look-up.
 */
#ifndef SCIM_CACHE_H
#define SCIM_CACHE_H

#include <apr_pools.h>
#include <apr_time.h>

/* A longer key with its value is not kept. */
#define SCIM_CACHE_MAX_BYTES 4096

/* How long others wait for the answer of who missed first. */
#define SCIM_CACHE_WAIT apr_time_from_sec(2)

typedef struct scim_cache_t scim_cache_t;

/* Lives, with all it holds, as long as pool. */
apr_status_t scim_cache_make(scim_cache_t **cache, int slots,
                             apr_pool_t *pool);

/* The value of key that was put at most ttl ago, copied to pool, or NULL.
 * After NULL the caller looks it up and calls scim_cache_put or scim_cache_
 * give_up with the same key, for others may wait for it. */
const char *scim_cache_get(scim_cache_t *cache, const char *key,
                           apr_interval_time_t ttl, apr_pool_t *pool);

/* The same, without waiting for others or having others wait: nothing is to be
 * done after NULL. */
const char *scim_cache_peek(scim_cache_t *cache, const char *key,
                            apr_interval_time_t ttl, apr_pool_t *pool);

/* Keep length bytes of value, as true as of the time at. */
void scim_cache_put(scim_cache_t *cache, const char *key, const char *value,
                    apr_size_t length, apr_time_t at);
void scim_cache_give_up(scim_cache_t *cache, const char *key);

#endif
