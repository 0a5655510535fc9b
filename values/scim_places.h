/* SPDX-License-Identifier: Apache-2.0 */
/* scim_places: the places of requests that may borrow a connection now, and
 * the queue of those that wait.
 *
 * The places of a process are given in the order of the requests, but one
 * organization never has more than half of them, or an eighth if another one
 * had one within the last second: so it never keeps all places, or all
 * processors, from the others, the gate and the settings page.  Threads may
 * share it.
 */
#ifndef SCIM_PLACES_H
#define SCIM_PLACES_H

#include <apr_pools.h>
#include <apr_time.h>

typedef struct scim_places_t scim_places_t;

/* Create count places, which live as long as pool. */
scim_places_t *scim_places_make(apr_pool_t *pool, int count);

/* Take a place, waiting at most this long; returns whether there was one.
 * organization is any name of it, NULL for a request of no organization, which
 * is not counted.  pool is used while it waits. */
int scim_places_take(scim_places_t *places, const char *organization,
                     apr_interval_time_t most, apr_pool_t *pool);

/* Return a place that was taken for organization. */
void scim_places_leave(scim_places_t *places, const char *organization);

#endif
