/* SPDX-License-Identifier: Apache-2.0 */
/* scim_places: one organization gets half, or an eighth beside others, in the
 * order of arrival. */
#include "../../values/scim_places.h"

#include <apr_thread_proc.h>
#include <apr_time.h>

#include "tap.h"

#define COUNT 8
#define SHARE (COUNT / 8)        /* beside others */
#define LONG apr_time_from_sec(30)
#define SHORT apr_time_from_msec(50)

static scim_places_t *places;

/* Take places for organization until there is none left; returns how many. */
static int take_all(const char *organization, apr_pool_t *pool)
{
    int taken = 0;

    while (scim_places_take(places, organization, SHORT, pool)) {
        taken++;
    }
    return taken;
}

static void leave(const char *organization, int count)
{
    while (count-- > 0) {
        scim_places_leave(places, organization);
    }
}

static void test_shares(apr_pool_t *pool)
{
    const int rest = COUNT - (COUNT / 2 - 1) - 2 * SHARE;

    is_int(take_all("a", pool), COUNT / 2, "one organization has half");
    is_int(take_all("b", pool), SHARE, "another one beside it an eighth");
    leave("a", 1);
    ok(!scim_places_take(places, "a", SHORT, pool),
       "what one leaves is not for who has more than its share then");
    is_int(take_all("c", pool), SHARE, "but for a third one");
    is_int(take_all(NULL, pool), rest, "what belongs to none has the rest");
    leave("a", COUNT / 2 - 1);
    leave("b", SHARE);
    leave("c", SHARE);
    leave(NULL, rest);
    is_int(take_all(NULL, pool), COUNT, "what belongs to none may have all");
    leave(NULL, COUNT);
    is_int(take_all("a", pool), SHARE, "all were given back");
    apr_sleep(apr_time_from_sec(1));
    is_int(take_all("a", pool), COUNT / 2 - SHARE,
           "when the others have gone for a second, it is half again");
    leave("a", COUNT / 2);
    ok(scim_places_take(places, NULL, SHORT, pool),
       "what belongs to none has one");
    leave(NULL, 1);
    is_int(take_all("a", pool), COUNT / 2, "and is no other organization");
    leave("a", COUNT / 2);
}

/* Those that wait, and the order in which they were served. */
typedef struct {
    const char *organization;
    int order;
} visit_t;

static int served;

static void *APR_THREAD_FUNC visit(apr_thread_t *thread, void *data)
{
    visit_t *visit = data;
    apr_pool_t *pool = apr_thread_pool_get(thread);

    if (scim_places_take(places, visit->organization, LONG, pool)) {
        visit->order = ++served;
    }
    return NULL;
}

static void test_order(apr_pool_t *pool)
{
    visit_t visits[3] = { { "a", 0 }, { "b", 0 }, { "c", 0 } };
    apr_thread_t *threads[3];
    apr_status_t rv;
    int i;

    take_all(NULL, pool);
    leave(NULL, 2 * SHARE);
    take_all("b", pool);
    take_all("a", pool);
    for (i = 0; i < 3; i++) {
        apr_thread_create(&threads[i], NULL, visit, visits + i, pool);
        apr_sleep(SHORT);
    }
    leave("b", 1);
    apr_thread_join(&rv, threads[1]);
    is_int(visits[1].order, 1, "who has less than its share goes first");
    leave("a", 1);
    apr_thread_join(&rv, threads[0]);
    is_int(visits[0].order, 2, "then who has waited longest");
    leave("a", 1);
    apr_thread_join(&rv, threads[2]);
    is_int(visits[2].order, 3, "then the next one");
}

/* A share that has grown goes to those that are waiting already. */
static void test_growth(apr_pool_t *pool)
{
    visit_t visits[COUNT / 2] = { { "a", 0 }, { "a", 0 }, { "a", 0 },
                                  { "a", 0 } };
    apr_thread_t *threads[COUNT / 2];
    apr_status_t rv;
    int i;

    places = scim_places_make(pool, COUNT);
    scim_places_take(places, "b", LONG, pool);
    for (i = 0; i < COUNT / 2; i++) {
        apr_thread_create(&threads[i], NULL, visit, visits + i, pool);
    }
    for (i = 0; i < COUNT / 2; i++) {
        apr_thread_join(&rv, threads[i]);
    }
    ok(!scim_places_take(places, "a", SHORT, pool),
       "who waits for a share that grows is served, though nobody leaves");
}

/* Many threads of few organizations must never have more places than there
 * are. */
#define THREADS 24
#define ROUNDS 300

static apr_thread_mutex_t *mutex;
static int lent[3];
static int too_many;

static void count(int organization, int change)
{
    apr_thread_mutex_lock(mutex);
    lent[organization] += change;
    too_many += lent[organization] > COUNT / 2
                || lent[0] + lent[1] + lent[2] > COUNT;
    apr_thread_mutex_unlock(mutex);
}

static void *APR_THREAD_FUNC work(apr_thread_t *thread, void *data)
{
    static const char *const names[] = { "a", "b", "c" };
    int organization = *(int *) data % 3;
    apr_pool_t *pool = apr_thread_pool_get(thread);
    int i;

    for (i = 0; i < ROUNDS; i++) {
        if (scim_places_take(places, names[organization], LONG, pool)) {
            count(organization, 1);
            apr_thread_yield();
            count(organization, -1);
            scim_places_leave(places, names[organization]);
        }
    }
    return NULL;
}

static void test_many(apr_pool_t *pool)
{
    apr_thread_t *threads[THREADS];
    int numbers[THREADS];
    apr_status_t rv;
    int i;

    places = scim_places_make(pool, COUNT);
    apr_thread_mutex_create(&mutex, APR_THREAD_MUTEX_DEFAULT, pool);
    for (i = 0; i < THREADS; i++) {
        numbers[i] = i;
        apr_thread_create(&threads[i], NULL, work, numbers + i, pool);
    }
    for (i = 0; i < THREADS; i++) {
        apr_thread_join(&rv, threads[i]);
    }
    is_int(too_many, 0, "24 threads never have more than there is");
    is_int(take_all(NULL, pool), COUNT,
           "and all is there when they are done");
}

int main(void)
{
    apr_pool_t *pool = tap_start();

    places = scim_places_make(pool, COUNT);
    test_shares(pool);
    test_order(pool);
    test_growth(pool);
    test_many(pool);
    places = scim_places_make(pool, 1);
    is_int(take_all("a", pool), 1, "a single place is for everybody");
    return tap_done(pool);
}
