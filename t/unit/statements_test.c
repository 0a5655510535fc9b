/* SPDX-License-Identifier: Apache-2.0 */
/* scim_statements: the table, and the number of values of a statement. */
#include "../../storage/scim_statements.c"

#include "tap.h"

static void test_table(void)
{
    is_int(sizeof(statements) / sizeof(*statements), SCIM_SQL_COUNT,
           "the table has each statement");
    is_str(scim_statement(SCIM_SQL_AUTHENTICATE)->name, "AUTHENTICATE",
       "the first in its place");
    is_str(scim_statement(SCIM_SQL_FLUSH)->name, "FLUSH", "and the last");
    is_int(scim_statement(SCIM_SQL_FLUSH)->before, SCIM_SQL_FLUSH,
           "most texts are the same for the tables of the version before");
    ok(scim_statement(SCIM_SQL_ACCOUNT_BY_ID)->is_repeatable,
       "a read may be repeated");
    ok(!scim_statement(SCIM_SQL_ACCOUNT_INSERT)->is_repeatable,
       "a write may not");
}

static void test_check(apr_pool_t *pool)
{
    scim_error_t *error;

    ok(!scim_statement_check(SCIM_SQL_ACCOUNT_BY_ID, 2, pool),
       "as many values as parameters");
    ok(!scim_statement_check(SCIM_SQL_LIFE, 0, pool), "none for none");
    error = scim_statement_check(SCIM_SQL_ACCOUNT_BY_ID, 1, pool);
    ok(error && error->kind == SCIM_E_INTERNAL,
       "too few values are an internal error");
    is_str(error->cause, "ACCOUNT_BY_ID has 2 parameters, and got 1 values",
       "whose cause names the statement");
    error = scim_statement_check(SCIM_SQL_ACCOUNT_BY_ID, 3, pool);
    ok(error && error->kind == SCIM_E_INTERNAL, "too many are one, too");
}

int main(void)
{
    apr_pool_t *pool = tap_start();

    test_table();
    test_check(pool);
    return tap_done(pool);
}
