/* SPDX-License-Identifier: Apache-2.0 */
/* What make has made of statements.sql; no other file has the texts. */
#include "storage/scim_statements.h"

#include "storage/statement_texts.inc"

const char scim_account_columns[] = TEXT_ACCOUNT_COLUMNS;

const scim_statement_t *scim_statement(scim_statement_e id)
{
    return &statements[id];
}
