/* SPDX-License-Identifier: Apache-2.0 */
/* scim_places: who may borrow a connection now, and who waits for one.
 *
 * The places of a process are given in the order in which they were asked for,
 * but to one organization never more than half of them, and an eighth when
 * another one has had one within the last second: whatever it does, the
 * others, the gate and the settings page find the rest, and the processors are
 * not all its own.  Threads may share it.
 */
#ifndef SCIM_PLACES_H
#define SCIM_PLACES_H

#include <apr_pools.h>
#include <apr_time.h>

typedef struct scim_places_t scim_places_t;

/* count places, for as long as pool lives. */
scim_places_t *scim_places_make(apr_pool_t *pool, int count);

/* Take a place, waiting at most so long; whether there was one.
 * organization is any name of it, NULL for what belongs to none and is not
 * counted.  pool is used while it waits. */
int scim_places_take(scim_places_t *places, const char *organization,
                     apr_interval_time_t most, apr_pool_t *pool);

/* Give a place back that was taken for organization. */
void scim_places_leave(scim_places_t *places, const char *organization);

#endif
