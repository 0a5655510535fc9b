/* SPDX-License-Identifier: Apache-2.0 */
/* scim_rate: how much a bucket lets through and when, which buckets are given
 * to others, and concurrent use.  The clock is the test's. */
#include <apr_strings.h>
#include <apr_thread_proc.h>

#include "values/scim_rate.h"
#include "tap.h"

#define SECOND SCIM_RATE_SECOND
#define START (1000 * SECOND)
#define THREADS 8
#define EACH 50000

static scim_rate_table_t table = { .key = "0123456789abcde" };

/* How many of these tries are let through at the time now. */
static int let_through(apr_int64_t *bucket, const scim_rate_t *rate, int tries,
                       scim_rate_time_t now)
{
    int through = 0;

    while (tries-- > 0) {
        through += scim_rate_take(bucket, rate, 1, 0, now) == 0;
    }
    return through;
}

static void test_bucket(void)
{
    scim_rate_t rate = scim_rate(10, 5);
    apr_int64_t bucket = 0;

    is_int(let_through(&bucket, &rate, 20, START), 5, "a burst comes through");
    is_int(scim_rate_take(&bucket, &rate, 1, 0, START), SECOND / 10,
           "the next one waits until one is filled in");
    is_int(scim_rate_take(&bucket, &rate, 3, 0, START), 3 * SECOND / 10,
           "three wait longer");
    is_int(let_through(&bucket, &rate, 20, START + SECOND / 10 - 1), 0,
           "nothing comes through a moment earlier");
    is_int(let_through(&bucket, &rate, 20, START + SECOND / 10), 1,
           "one at that time");
    is_int(let_through(&bucket, &rate, 20, START + 2 * SECOND / 5), 3,
           "and as many as were filled in");
    is_int(let_through(&bucket, &rate, 20, START + 1000 * SECOND), 5,
           "after a long time no more than a burst");
    scim_rate_give_back(&bucket, &rate);
    is_int(let_through(&bucket, &rate, 20, START + 1000 * SECOND), 1,
           "what was given back can be taken again");
}

static void test_many_at_once(void)
{
    scim_rate_t rate = scim_rate(10, 5);
    apr_int64_t bucket = 0;
    int i;
    int wrong = 0;

    is_int(scim_rate_take(&bucket, &rate, 5, 0, START), 0,
           "all of a burst may be wanted at once");
    ok(scim_rate_take(&bucket, &rate, 1, 0, START) > 0, "and is gone then");
    is_int(let_through(&bucket, &rate, 20, START + SECOND), 5,
           "who got it all waits for all");

    bucket = 0;
    is_int(scim_rate_take(&bucket, &rate, 1, 0, START), 0, "one was taken");
    is_int(scim_rate_take(&bucket, &rate, 50, 0, START), SECOND / 10,
           "more than a burst waits until the bucket is full");
    is_int(scim_rate_take(&bucket, &rate, 49, 1, START), 0,
           "and needs not wait for its own");
    is_int(scim_rate_take(&bucket, &rate, 1, 0, START),
           (50 - 5 + 1) * SECOND / 10, "others wait for what is owed");
    for (i = 0; i < 45; i++) {
        wrong += let_through(&bucket, &rate, 9, START + i * SECOND / 10);
    }
    is_int(wrong, 0, "until it is filled in");
    is_int(let_through(&bucket, &rate, 9, START + 46 * SECOND / 10), 1,
           "and not longer");
}

static void test_limits_of_numbers(void)
{
    scim_rate_t none = scim_rate(0, 1);
    scim_rate_t slow = scim_rate(1, 2147483647);
    scim_rate_t fast = scim_rate(100000, 1000000);
    scim_rate_time_t late = APR_INT64_C(9000000000) * SECOND;
    apr_int64_t bucket = 0;

    is_int(let_through(&bucket, &none, 100000, START), 100000,
           "0 is no limit");
    is_int(bucket, 0, "which writes nothing");
    scim_rate_give_back(&bucket, &none);
    is_int(bucket, 0, "and gives nothing back");

    is_int(scim_rate_take(&bucket, &slow, 2147483647, 2147483647, late), 0,
           "the largest numbers do not overflow");
    is_int(bucket, late + SCIM_RATE_SPAN, "and cost an hour at most");
    is_int(scim_rate_take(&bucket, &slow, 2147483647, 0, late),
           SCIM_RATE_SPAN, "which is what the next one waits");

    bucket = 0;
    scim_rate_take(&bucket, &slow, 1, 0, START);
    is_int(scim_rate_take(&bucket, &slow, 5000, 1, START), 0,
           "who owes more than an hour");
    is_int(scim_rate_take(&bucket, &slow, 3600, 0, START), SCIM_RATE_SPAN,
           "owes an hour, and not nothing");

    bucket = 0;
    is_int(let_through(&bucket, &fast, 1000001, START), 1000000,
           "a million at once and no more");
    ok(scim_rate(1, 1).interval == SECOND && scim_rate(1, 1).tolerance
       == SECOND, "one a second, one at once");
    bucket = 0;
    is_int(let_through(&bucket, &fast, 10, 0), 10, "time may begin at 0");
}

static void test_clock(void)
{
    scim_rate_t rate = scim_rate(10, 5);
    apr_int64_t bucket = 0;

    let_through(&bucket, &rate, 20, START + 2 * SCIM_RATE_SPAN);
    is_int(let_through(&bucket, &rate, 20, START), 5,
           "a clock that is put back by hours locks nobody out");
    is_int(let_through(&bucket, &rate, 20, START), 0, "and frees nobody");
    is_int(scim_rate_take(&bucket, &rate, 1, 0, START - SECOND),
           SECOND + SECOND / 10, "put back by a second, it waits for that");
    bucket = -1;
    is_int(let_through(&bucket, &rate, 20, START), 5,
           "a word that no clock wrote is a full bucket");
    bucket = APR_INT64_MAX;
    is_int(let_through(&bucket, &rate, 20, START), 5,
           "from the other side as well");
}

/* count names of one set. */
static void names_of_a_set(const char **names, int count, apr_pool_t *pool)
{
    const scim_rate_place_t *set = NULL;
    int found = 0;
    int i;

    for (i = 0; found < count; i++) {
        const char *name = apr_psprintf(pool, "org-%d", i);
        const scim_rate_place_t *place = scim_rate_claim(&table, name, START);
        const scim_rate_place_t *its_set
            = table.places[(place - table.places[0]) / (SCIM_RATE_WAYS + 1)];

        if (!set || its_set == set) {
            set = its_set;
            names[found++] = name;
        }
    }
}

static void test_places(apr_pool_t *pool)
{
    const char *names[2 * SCIM_RATE_WAYS];
    scim_rate_t rate = scim_rate(10, 5);
    scim_rate_place_t *first;
    scim_rate_place_t *shared;
    int wrong = 0;
    int i;

    ok(!scim_rate_find(&table, "acme"), "at first nobody has a place");
    first = scim_rate_claim(&table, "acme", START);
    ok(first == scim_rate_find(&table, "acme")
       && first == scim_rate_claim(&table, "acme", START),
       "a name has one place");

    names_of_a_set(names, 2 * SCIM_RATE_WAYS, pool);
    for (i = 0; i < SCIM_RATE_WAYS; i++) {
        scim_rate_place_t *place = scim_rate_claim(&table, names[i], START);

        place->refused = 1;
        scim_rate_line(place, 0, START);
        wrong += scim_rate_take(&place->bucket, &rate, 5, 0, START) != 0;
    }
    is_int(wrong, 0, "a place whose bucket is full is given to others");
    shared = scim_rate_claim(&table, names[SCIM_RATE_WAYS], START);
    for (i = 0; i < SCIM_RATE_WAYS; i++) {
        wrong += scim_rate_find(&table, names[i]) == NULL
                 || scim_rate_take(&scim_rate_find(&table, names[i])->bucket,
                                   &rate, 1, 0, START) == 0;
    }
    is_int(wrong, 0, "nobody who owes something loses his place");
    for (i = SCIM_RATE_WAYS; i < 2 * SCIM_RATE_WAYS; i++) {
        wrong += scim_rate_claim(&table, names[i], START) != shared;
    }
    is_int(wrong, 0, "who finds none shares one with the others");
    ok(!scim_rate_find(&table, names[SCIM_RATE_WAYS]),
       "which is nobody's own");
    is_int(let_through(&shared->bucket, &rate, 9, START), 5,
           "and has a limit as well");
    first = scim_rate_claim(&table, names[SCIM_RATE_WAYS], START + SECOND);
    ok(first == scim_rate_find(&table, names[SCIM_RATE_WAYS]),
       "when all is filled in, there is room again");
    ok(first->refused == 0
       && scim_rate_line(first, 0, START + SECOND) == 0,
       "with nothing of who was there before");
}

static void test_secrets(void)
{
    scim_rate_place_t *place = scim_rate_claim(&table, "secretive", START);
    char secret[] = "secret 0";
    int i;

    ok(!scim_rate_knows(&table, place, "secretive", "s"),
       "no secret is good at first");
    scim_rate_remember(&table, place, "secretive", "s");
    ok(scim_rate_knows(&table, place, "secretive", "s"),
       "a good one is known");
    ok(!scim_rate_knows(&table, place, "secretive", "S")
       && !scim_rate_knows(&table, place, "another", "s"),
       "no other one, and for no other name");
    for (i = 0; i < SCIM_RATE_SECRETS; i++) {
        scim_rate_remember(&table, place, "secretive", "t");
    }
    ok(scim_rate_knows(&table, place, "secretive", "s"),
       "one that comes often takes nobody's place");
    scim_rate_forget(&table, place, "secretive", "s");
    ok(!scim_rate_knows(&table, place, "secretive", "s")
       && scim_rate_knows(&table, place, "secretive", "t"),
       "one that is forgotten is gone, alone");
    for (i = 0; i < SCIM_RATE_SECRETS; i++) {
        secret[7] = (char) ('0' + i);
        scim_rate_remember(&table, place, "secretive", secret);
    }
    ok(!scim_rate_knows(&table, place, "secretive", "t")
       && scim_rate_knows(&table, place, "secretive", "secret 0"),
       "of too many, the oldest ones go");
}

static void test_lines(void)
{
    scim_rate_place_t *place = scim_rate_claim(&table, "talker", START);
    int i;

    is_int(scim_rate_line(place, 0, START), 0, "the first one is told");
    for (i = 0; i < 7; i++) {
        scim_rate_line(place, 0, START + i * SECOND);
    }
    is_int(scim_rate_line(place, 0, START + 9 * SECOND), -1,
           "others are not for a time");
    is_int(scim_rate_line(place, 1, START + 9 * SECOND), 0,
           "but those of another kind");
    is_int(scim_rate_line(place, 0, START + 10 * SECOND), 8,
           "then the next one, and how many there were");
    is_int(scim_rate_line(place, 0, START + 10 * SECOND), -1, "and again");
    is_int(scim_rate_line(place, 0, START), 1,
           "a clock that is put back silences nobody");
}

static void refuse(const char *name, int times)
{
    scim_rate_claim(&table, name, START)->refused = times;
}

static void test_top(void)
{
    scim_rate_top_t top[3];

    is_int(scim_rate_top(top, 3, &table), 0, "nobody was refused");
    refuse("b", 5);
    refuse("a", 1);
    is_int(scim_rate_top(top, 3, &table), 2, "two were");
    refuse("c", 3);
    refuse("d", 4);
    is_int(scim_rate_top(top, 3, &table), 3, "of four, three are asked for");
    is_str(top[0].name, "b", "the one with the most comes first");
    is_int(top[0].refused, 5, "with the number");
    is_str(top[1].name, "d", "then the next one");
    is_str(top[2].name, "c", "and the next one");
    scim_rate_find(&table, "b")->name[0]++;
    scim_rate_top(top, 3, &table);
    is_str(top[0].name, "d",
           "a name that is just being written is nobody's");
}

static apr_int64_t common;

static void *APR_THREAD_FUNC hurry(apr_thread_t *thread, void *through)
{
    scim_rate_t rate = scim_rate(100000, THREADS * EACH / 2);

    *(int *) through = let_through(&common, &rate, EACH, START);
    return NULL;
}

static void test_threads(apr_pool_t *pool)
{
    apr_thread_t *threads[THREADS];
    int through[THREADS];
    apr_status_t rv;
    int sum = 0;
    int i;

    for (i = 0; i < THREADS; i++) {
        apr_thread_create(&threads[i], NULL, hurry, through + i, pool);
    }
    for (i = 0; i < THREADS; i++) {
        apr_thread_join(&rv, threads[i]);
        sum += through[i];
    }
    is_int(sum, THREADS * EACH / 2,
           "8 threads get as much from a bucket as one would");
}

int main(void)
{
    apr_pool_t *pool = tap_start();

    test_bucket();
    test_many_at_once();
    test_limits_of_numbers();
    test_clock();
    test_top();
    test_secrets();
    test_lines();
    test_places(pool);
    test_threads(pool);
    return tap_done(pool);
}
