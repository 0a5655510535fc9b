/* SPDX-License-Identifier: Apache-2.0 */
/* scim_statements: every fixed SQL statement, by its name in statements.sql,
 * which has the texts, and the columns of the rows.
 */
#ifndef SCIM_STATEMENTS_H
#define SCIM_STATEMENTS_H

#include <apr_pools.h>

#include "values/scim_error.h"
#include "storage/statement_ids.inc"

typedef struct {
    const char *name;            /* as in statements.sql */
    int parameters;              /* all of them text */
    int is_repeatable;           /* after a lost connection */
    scim_statement_e before;     /* the text for the tables of the version
                                  * before; itself if it is the same */
    const char *text;
    scim_statement_e on_shard;   /* the call that runs it on a shard; itself if
                                  * it does not */
} scim_statement_t;

const scim_statement_t *scim_statement(scim_statement_e id);

/* SCIM_E_INTERNAL if the statement does not have this number of parameters. */
scim_error_t *scim_statement_check(scim_statement_e id, int values,
                                   apr_pool_t *pool) SCIM_CHECKED;

/* The columns SCIM_ACCOUNT_... of an account a, for composed statements. */
extern const char scim_account_columns[];
extern const char scim_account_with_groups_columns[];

/* The columns SCIM_GROUP_... of a group a. */
extern const char scim_group_columns[];

#endif
