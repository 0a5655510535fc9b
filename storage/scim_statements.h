/* SPDX-License-Identifier: Apache-2.0 */
/* scim_statements: every fixed SQL statement, by the names of statements.sql,
 * which has their texts, and the columns of their rows.
 */
#ifndef SCIM_STATEMENTS_H
#define SCIM_STATEMENTS_H

#include <apr_pools.h>

#include "values/scim_error.h"
#include "storage/statement_ids.inc"

typedef struct {
    const char *name;            /* as statements.sql has it */
    int parameters;              /* all of them text */
    int is_repeatable;           /* after a lost connection */
    const char *text;
} scim_statement_t;

const scim_statement_t *scim_statement(scim_statement_e id);

/* SCIM_E_INTERNAL when the statement has not as many parameters as there are
 * values. */
scim_error_t *scim_statement_check(scim_statement_e id, int values,
                                   apr_pool_t *pool) SCIM_CHECKED;

/* The columns SCIM_ACCOUNT_... of an account a, for statements that are
 * composed. */
extern const char scim_account_columns[];

#endif
