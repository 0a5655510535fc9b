/* SPDX-License-Identifier: Apache-2.0 */
/* scim_cache: recently looked up values, shared by the threads of a process
 * and limited in memory and time.
 *
 * There is a fixed number of slots, each for the latest of its keys.  Threads
 * that miss the same key at the same time wait for the answer of the first, so
 * that a burst of requests is one look-up.
 */
#ifndef SCIM_CACHE_H
#define SCIM_CACHE_H

#include <apr_pools.h>
#include <apr_time.h>

/* A key and value that are longer are not kept; threads that ask for them look
 * them up side by side. */
#define SCIM_CACHE_MAX_BYTES 8192

/* How long other threads wait for the one that missed first. */
#define SCIM_CACHE_WAIT apr_time_from_sec(2)

typedef struct scim_cache_t scim_cache_t;

/* Lives, with all its values, as long as pool. */
apr_status_t scim_cache_make(scim_cache_t **cache, int slots,
                             apr_pool_t *pool);

/* The value of key that was put at most ttl ago, copied to pool, or NULL.
 * After NULL the caller must look it up and call scim_cache_put or
 * scim_cache_give_up with the same key, because other threads may wait for
 * it. */
const char *scim_cache_get(scim_cache_t *cache, const char *key,
                           apr_interval_time_t ttl, apr_pool_t *pool);

/* The same, but it does not wait, and the caller has no duty after NULL. */
const char *scim_cache_peek(scim_cache_t *cache, const char *key,
                            apr_interval_time_t ttl, apr_pool_t *pool);

/* Keep length bytes of value, which was read at the time at. */
void scim_cache_put(scim_cache_t *cache, const char *key, const char *value,
                    apr_size_t length, apr_time_t at);
void scim_cache_give_up(scim_cache_t *cache, const char *key);

#endif
