/* SPDX-License-Identifier: Apache-2.0 */
/* scimctl_seen: which texts have occurred, in a few bytes for each. */
#ifndef SCIMCTL_SEEN_H
#define SCIMCTL_SEEN_H

#include <apr_pools.h>

typedef struct scimctl_seen_t scimctl_seen_t;

scimctl_seen_t *scimctl_seen_begin(apr_pool_t *pool);

/* Whether text has not occurred before; now it has.  Uses memory of pool. */
int scimctl_seen_add(scimctl_seen_t *seen, const char *text,
                     apr_pool_t *pool);

/* Whether text has occurred; the same memory. */
int scimctl_seen_has(const scimctl_seen_t *seen, const char *text,
                     apr_pool_t *pool);

#endif
