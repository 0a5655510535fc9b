/* SPDX-License-Identifier: Apache-2.0 */
/* scim_cursor: for which lists, and how long, a cursor is valid.  The clock is
 * the test's. */
#include <apr_time.h>

static apr_time_t test_clock;
#define apr_time_now() test_clock
#include "../../resources/scim_cursor.c"

#include "tap.h"

static const scim_principal_t acme = { .organization_key = "acme",
                                       .cursor_key = "0123456789abcdef" };
static const scim_position_t place = { .key = "bjensen", .id = "42",
                                       .total = 7 };

static scim_page_t page_of(const char *cursor)
{
    scim_page_t page = { .count = 10, .bound_to = "Users", .cursor = cursor };

    return page;
}

static const char *make(apr_pool_t *pool)
{
    scim_page_t page = page_of("");

    return scim_cursor_make(&place, &acme, &page, pool);
}

/* -1: it is read. */
static int error_of(const scim_principal_t *principal, const char *cursor,
                    apr_pool_t *pool)
{
    scim_page_t page = page_of(cursor);
    scim_position_t position;
    scim_error_t *error = scim_cursor_read(&position, principal, &page, pool);

    return error ? (int) error->kind : -1;
}

static void test_age(apr_pool_t *pool)
{
    apr_time_t made = test_clock = apr_time_from_sec(1000000000);
    const char *cursor = make(pool);

    is_int(error_of(&acme, cursor, pool), -1, "CUR-09: a new cursor is read");
    test_clock = made + apr_time_from_sec(SCIM_CURSOR_SECONDS);
    is_int(error_of(&acme, cursor, pool), -1,
           "CUR-09: so is one of the age that is announced");
    test_clock = made + apr_time_from_sec(SCIM_CURSOR_SECONDS + 1);
    is_int(error_of(&acme, cursor, pool), SCIM_E_EXPIRED_CURSOR,
           "CUR-09: an older one is expired");
}

static void test_upgrade(apr_pool_t *pool)
{
    scim_page_t page = page_of(make(pool));
    scim_position_t position;
    scim_error_t *error;

    page.version++;
    error = scim_cursor_read(&position, &acme, &page, pool);
    ok(error && error->kind == SCIM_E_EXPIRED_CURSOR,
       "an upgrade of the tables ends all cursors");
}

static void test_place(apr_pool_t *pool)
{
    scim_page_t page = page_of(make(pool));
    scim_position_t position;

    ok(!scim_cursor_read(&position, &acme, &page, pool), "a cursor is read");
    is_str(position.key, "bjensen", "with the sort key");
    is_str(position.id, "42", "the id");
    is_int(position.total, 7, "and the total");
}

static void test_forgery(apr_pool_t *pool)
{
    scim_principal_t other_key = acme, other_organization = acme;
    char *cursor = apr_pstrdup(pool, make(pool));
    apr_size_t i, read = 0;

    other_key.cursor_key = "fedcba9876543210";
    other_organization.organization_key = "other";
    is_int(error_of(&other_key, cursor, pool), SCIM_E_INVALID_CURSOR,
           "CUR-23: a new key of the organization ends all cursors");
    is_int(error_of(&other_organization, cursor, pool), SCIM_E_INVALID_CURSOR,
           "a cursor is of one organization");
    for (i = 0; cursor[i]; i++) {
        char kept = cursor[i];

        cursor[i] = kept == 'A' ? 'B' : 'A';
        read += error_of(&acme, cursor, pool) == -1;
        cursor[i] = kept;
    }
    is_int((long long) read, 0, "no character of it can be altered");
    for (i = 1; cursor[i]; i++) {
        read += error_of(&acme, cursor + i, pool) == -1;
        read += error_of(&acme, apr_pstrndup(pool, cursor, i), pool) == -1;
    }
    is_int((long long) read, 0, "nor can it be cut");
}

int main(void)
{
    apr_pool_t *pool = tap_start();

    test_age(pool);
    test_upgrade(pool);
    test_place(pool);
    test_forgery(pool);
    return tap_done(pool);
}
