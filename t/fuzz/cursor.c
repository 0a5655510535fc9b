/* SPDX-License-Identifier: Apache-2.0 */
/* Cursors: only those that were made can be read. */
#include <apr_time.h>

static apr_time_t fuzz_clock;
#define apr_time_now() fuzz_clock
#include "../../resources/scim_cursor.c"

#include "fuzz.h"

static const scim_principal_t acme = { .organization_key = "acme",
                                       .cursor_key = "0123456789abcdef" };
static const scim_page_t page = { .count = 10, .bound_to = "Users" };

void fuzz_begin(apr_pool_t *pool)
{
    fuzz_clock = apr_time_from_sec(1000000000);
}

static scim_error_t *read_cursor(scim_position_t *position,
                                 const char *cursor, apr_pool_t *pool)
{
    scim_page_t of = page;

    of.cursor = cursor;
    return scim_cursor_read(position, &acme, &of, pool);
}

/* The clock stands still, so that a position has only one cursor. */
static void check_text(const char *text, apr_pool_t *pool)
{
    scim_position_t position;

    if (read_cursor(&position, text, pool) == NULL && *text) {
        must_be_same(scim_cursor_make(&position, &acme, &page, pool), text,
                     "what is read was made");
    }
}

static int same(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

static void check_forgery(const char *cursor, apr_size_t at, char c,
                          apr_pool_t *pool)
{
    char *forged = apr_pstrdup(pool, cursor);
    scim_position_t position;

    at %= strlen(cursor);
    if (forged[at] != c) {
        forged[at] = c;
        must(!*forged || read_cursor(&position, forged, pool) != NULL,
             "what is altered is not read");
    }
}

/* key has the sort key, after the bytes that say what is altered. */
static void check_made(const char *key, apr_size_t length, apr_pool_t *pool)
{
    unsigned at = take_mode(&key, &length);
    char c = (char) take_mode(&key, &length);
    scim_position_t made = { .backward = at & 1, .id = "42", .total = at,
                             .key = at & 2 ? key : NULL };
    scim_position_t read;
    const char *cursor = scim_cursor_make(&made, &acme, &page, pool);
    scim_error_t *error = read_cursor(&read, cursor, pool);

    /* Longer than any cursor for clients. */
    if (strlen(cursor) > MAX_LENGTH) {
        must(error != NULL, "a cursor is bounded");
        return;
    }
    must(!error, "what was made is read");
    must(same(made.key, read.key) && same(made.id, read.id)
         && made.total == read.total && made.backward == read.backward,
         "as what it was");
    check_forgery(cursor, at, c, pool);
}

void fuzz(const char *bytes, apr_size_t length, apr_pool_t *pool)
{
    unsigned mode = take_mode(&bytes, &length);
    const char *text = apr_pstrmemdup(pool, bytes, length);

    check_text(text, pool);
    /* Sort keys come from PostgreSQL, so they are UTF-8. */
    if (mode & 1 && strlen(text) > 2
        && scim_text_is_utf8(text + 2, strlen(text + 2))) {
        check_made(text, strlen(text), pool);
    }
}
