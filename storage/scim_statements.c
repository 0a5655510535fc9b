/* SPDX-License-Identifier: Apache-2.0 */
/* The texts that make generates from statements.sql; no other file has
 * them. */
#include "storage/scim_statements.h"

#include <apr_strings.h>

#include "storage/statement_texts.inc"

const char scim_account_columns[] = TEXT_ACCOUNT_COLUMNS;
const char scim_account_with_groups_columns[]
    = TEXT_ACCOUNT_WITH_GROUPS_COLUMNS;
const char scim_group_columns[] = TEXT_GROUP_COLUMNS;

const scim_statement_t *scim_statement(scim_statement_e id)
{
    return &statements[id];
}

scim_error_t *scim_statement_check(scim_statement_e id, int values,
                                   apr_pool_t *pool)
{
    const scim_statement_t *row = &statements[id];

    return values == row->parameters ? NULL
        : scim_error_caused(pool, SCIM_E_INTERNAL, SCIM_SERVER_FAILED,
                            apr_psprintf(pool, "%s has %d parameters, and got"
                                         " %d values", row->name,
                                         row->parameters, values));
}
