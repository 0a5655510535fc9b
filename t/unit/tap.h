/* SPDX-License-Identifier: Apache-2.0 */
/* tap: results of unit tests in the Test Anything Protocol, for prove.
 *
 * A test is one program: test functions call ok and its relatives, main ends
 * with "return tap_done(pool);". */
#ifndef TAP_H
#define TAP_H

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <apr_general.h>
#include <apr_pools.h>

static struct {
    int count;
    int failed;
} tap;

/* A root pool; call it once, first in main. */
static inline apr_pool_t *tap_start(void)
{
    apr_pool_t *pool;

    setvbuf(stdout, NULL, _IOLBF, 0);
    apr_initialize();
    apr_pool_create(&pool, NULL);
    return pool;
}

/* The plan; returns the exit status. */
static inline int tap_done(apr_pool_t *pool)
{
    apr_pool_destroy(pool);
    apr_terminate();
    printf("1..%d\n", tap.count);
    return tap.failed != 0;
}

static inline int ok(int passed, const char *name)
{
    printf("%sok %d - %s\n", passed ? "" : "not ", ++tap.count, name);
    tap.failed += !passed;
    return passed;
}

static inline int is_int(long long got, long long wanted, const char *name)
{
    if (!ok(got == wanted, name)) {
        printf("#      got: %lld\n# expected: %lld\n", got, wanted);
    }
    return got == wanted;
}

/* NULL equals NULL only. */
static inline int is_str(const char *got, const char *wanted,
                         const char *name)
{
    int same = got && wanted ? strcmp(got, wanted) == 0 : got == wanted;

    if (!ok(same, name)) {
        printf("#      got: %s\n# expected: %s\n", got ? got : "NULL",
               wanted ? wanted : "NULL");
    }
    return same;
}

/* A copy of length bytes that ends where accessible memory ends: reading one
 * byte too many is a crash.  It is never freed. */
static inline const char *tap_at_edge(const char *bytes, size_t length)
{
    size_t page = (size_t) sysconf(_SC_PAGESIZE);
    size_t room = (length / page + 1) * page;
    char *memory = mmap(NULL, room + page, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (memory == MAP_FAILED || mprotect(memory + room, page, PROT_NONE)) {
        perror("mmap");
        _exit(2);
    }
    return memcpy(memory + room - length, bytes, length);
}

#endif
