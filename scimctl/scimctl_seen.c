/* SPDX-License-Identifier: Apache-2.0 */
/* A set of texts, see scimctl_seen.h.  It is an open hash table of 64 bits of
 * each one's SHA-256: that two of ten million texts have the same is less
 * likely than 1 in 300,000. */
#include "scimctl/scimctl_seen.h"

#include <stdlib.h>

#include "storage/scim_digest.h"

#define FIRST_SIZE 1024          /* a power of two, as all sizes */
#define DIGEST_BYTES 8

struct scimctl_seen_t {
    apr_pool_t *parent;
    apr_pool_t *pool;            /* of the table */
    apr_uint64_t *table;         /* 0: free */
    apr_size_t size;
    apr_size_t count;
};

static void begin_table(scimctl_seen_t *seen, apr_size_t size)
{
    apr_pool_create(&seen->pool, seen->parent);
    seen->table = apr_pcalloc(seen->pool, size * sizeof(*seen->table));
    seen->size = size;
}

scimctl_seen_t *scimctl_seen_begin(apr_pool_t *pool)
{
    scimctl_seen_t *seen = apr_pcalloc(pool, sizeof(*seen));

    seen->parent = pool;
    begin_table(seen, FIRST_SIZE);
    return seen;
}

/* The place of key, or the free one where it belongs. */
static apr_uint64_t *place_of(const scimctl_seen_t *seen, apr_uint64_t key)
{
    apr_size_t at = key & (seen->size - 1);

    while (seen->table[at] && seen->table[at] != key) {
        at = (at + 1) & (seen->size - 1);
    }
    return &seen->table[at];
}

static void grow(scimctl_seen_t *seen)
{
    const scimctl_seen_t old = *seen;
    apr_size_t i;

    begin_table(seen, 2 * old.size);
    for (i = 0; i < old.size; i++) {
        if (old.table[i]) {
            *place_of(seen, old.table[i]) = old.table[i];
        }
    }
    apr_pool_destroy(old.pool);
}

/* Not 0, which marks a free place. */
static apr_uint64_t key_of_text(const char *text, apr_pool_t *pool)
{
    const char *hex = scim_digest_hex(text, DIGEST_BYTES, pool);
    apr_uint64_t key = hex ? (apr_uint64_t) strtoull(hex, NULL, 16) : 0;

    return key ? key : 1;
}

int scimctl_seen_add(scimctl_seen_t *seen, const char *text,
                     apr_pool_t *pool)
{
    apr_uint64_t key = key_of_text(text, pool);
    apr_uint64_t *place = place_of(seen, key);

    if (*place) {
        return 0;
    }
    *place = key;
    if (++seen->count > seen->size / 2) {
        grow(seen);
    }
    return 1;
}

int scimctl_seen_has(const scimctl_seen_t *seen, const char *text,
                     apr_pool_t *pool)
{
    return *place_of(seen, key_of_text(text, pool)) != 0;
}
