/* SPDX-License-Identifier: Apache-2.0 */
/* Places for connections, see scim_places.h.
 *
 * Waiters are a list in the order of their arrival.  A free place goes to the
 * first one whose organization has less than its share; each waits on a
 * condition of its own.  Organizations are known by the hash of their names.
 */
#include "values/scim_places.h"

#include <apr_hash.h>
#include <apr_thread_cond.h>
#include <apr_thread_mutex.h>

#include "values/scim_clock.h"

#define RECENT apr_time_from_sec(1)

/* An organization that has places, by the hash of its name: two with the same
 * hash only share one share. */
typedef struct {
    unsigned int organization;
    int taken;                   /* 0: the entry is free */
} share_t;

typedef struct waiter_t waiter_t;
struct waiter_t {
    unsigned int organization;
    int is_served;
    apr_thread_cond_t *served;
    waiter_t *next;
};

/* While a place is free, all waiters are of organizations that already have
 * their share. */
struct scim_places_t {
    apr_thread_mutex_t *mutex;
    int free;
    int count;
    share_t *shares;             /* count of them, since each has a place */
    waiter_t *first;
    unsigned int latest;         /* the organization with the latest place */
    apr_time_t latest_time;
    apr_time_t other_time;       /* of the latest place of another one */
};

#define OF_NOBODY 0

static unsigned int hash_organization(const char *organization)
{
    apr_ssize_t length = APR_HASH_KEY_STRING;
    unsigned int hash;

    if (!organization) {
        return OF_NOBODY;
    }
    hash = apr_hashfunc_default(organization, &length);
    return hash == OF_NOBODY ? OF_NOBODY + 1 : hash;
}

scim_places_t *scim_places_make(apr_pool_t *pool, int count)
{
    scim_places_t *made = apr_pcalloc(pool, sizeof(*made));

    made->free = made->count = count;
    made->shares = apr_pcalloc(pool, (apr_size_t) count
                                     * sizeof(*made->shares));
    apr_thread_mutex_create(&made->mutex, APR_THREAD_MUTEX_DEFAULT, pool);
    return made;
}

/* The entry of organization, or a free one; NULL if others have all. */
static share_t *share_of(scim_places_t *places, unsigned int organization)
{
    share_t *unused = NULL;
    int i;

    for (i = 0; i < places->count; i++) {
        share_t *share = places->shares + i;

        if (share->taken && share->organization == organization) {
            return share;
        }
        unused = share->taken ? unused : share;
    }
    return unused;
}

/* The share of organization: half of the places, or an eighth if another one
 * is active.  With more of its worst statements at once, in each process, it
 * would keep the processors from all others, even if connections were left.
 * Places of no organization do not count as another one: every request begins
 * with one, for its token. */
static int most_of(const scim_places_t *places, unsigned int organization,
                   apr_time_t now)
{
    apr_time_t other = organization == places->latest ? places->other_time
                                                      : places->latest_time;
    int most = (places->count + 1) / (now - other < RECENT ? 8 : 2);

    return most > 0 ? most : 1;
}

static void remember_taker(scim_places_t *places, unsigned int organization,
                           apr_time_t now)
{
    if (organization != places->latest) {
        places->other_time = places->latest_time;
        places->latest = organization;
    }
    places->latest_time = now;
}

/* Here and below, the caller holds the mutex. */
static int try_to_take(scim_places_t *places, unsigned int organization)
{
    if (places->free == 0) {
        return 0;
    }
    if (organization != OF_NOBODY) {
        share_t *share = share_of(places, organization);
        apr_time_t now = scim_clock_now();

        if (share->taken >= most_of(places, organization, now)) {
            return 0;
        }
        share->organization = organization;
        share->taken++;
        remember_taker(places, organization, now);
    }
    places->free--;
    return 1;
}

static void append_waiter(scim_places_t *places, waiter_t *waiter)
{
    waiter_t **end = &places->first;

    while (*end) {
        end = &(*end)->next;
    }
    *end = waiter;
}

static void take_out(scim_places_t *places, const waiter_t *waiter)
{
    waiter_t **link = &places->first;

    while (*link != waiter) {
        link = &(*link)->next;
    }
    *link = waiter->next;
}

/* Give places to waiters, in turn: places that were returned, and those of
 * shares that have grown. */
static void serve_waiters(scim_places_t *places)
{
    waiter_t *waiter = places->first;

    while (waiter && places->free > 0) {
        waiter_t *next = waiter->next;

        if (try_to_take(places, waiter->organization)) {
            take_out(places, waiter);
            waiter->is_served = 1;
            apr_thread_cond_signal(waiter->served);
        }
        waiter = next;
    }
}

static int wait_for_place(scim_places_t *places, unsigned int organization,
                          apr_interval_time_t most, apr_pool_t *pool)
{
    apr_time_t end = scim_clock_now() + most;
    apr_time_t left = most;
    waiter_t waiter = { organization, 0, NULL, NULL };

    if (apr_thread_cond_create(&waiter.served, pool) != APR_SUCCESS) {
        return 0;
    }
    append_waiter(places, &waiter);
    while (!waiter.is_served && left > 0) {
        apr_thread_cond_timedwait(waiter.served, places->mutex,
                                  left < RECENT ? left : RECENT);
        serve_waiters(places);
        left = end - scim_clock_now();
    }
    if (!waiter.is_served) {
        take_out(places, &waiter);
    }
    return waiter.is_served;
}

int scim_places_take(scim_places_t *places, const char *organization,
                     apr_interval_time_t most, apr_pool_t *pool)
{
    unsigned int hash = hash_organization(organization);
    int taken;

    apr_thread_mutex_lock(places->mutex);
    taken = try_to_take(places, hash)
            || wait_for_place(places, hash, most, pool);
    apr_thread_mutex_unlock(places->mutex);
    return taken;
}

void scim_places_leave(scim_places_t *places, const char *organization)
{
    unsigned int hash = hash_organization(organization);

    apr_thread_mutex_lock(places->mutex);
    places->free++;
    if (hash != OF_NOBODY) {
        share_of(places, hash)->taken--;
    }
    serve_waiters(places);
    apr_thread_mutex_unlock(places->mutex);
}
