/* SPDX-License-Identifier: Apache-2.0 */
/* scim_accounts: operations of administrators and operators on accounts; those
 * of provisioning are the operations of User (scim_users.c has both). */
#ifndef SCIM_ACCOUNTS_H
#define SCIM_ACCOUNTS_H

#include <cjson/cJSON.h>

#include "resources/scim_call.h"
#include "storage/scim_db.h"
#include "values/scim_error.h"

/* Create an account that existed before provisioning: like a User, but with
 * the given managed and eligible, and not provisioned. */
scim_error_t *scim_accounts_import(cJSON **user, scim_call_t *call,
                                   const cJSON *body, int managed,
                                   int sync_eligible) SCIM_CHECKED;

/* Change the account like PATCH. */
scim_error_t *scim_accounts_patch(cJSON **user, scim_call_t *call,
                                  const char *id, const cJSON *message)
    SCIM_CHECKED;

/* Let provisioning take over the account.  An eligible account is not changed;
 * an unmanaged one is SCIM_E_FORBIDDEN. */
scim_error_t *scim_accounts_make_eligible(scim_call_t *call, const char *id)
    SCIM_CHECKED;

/* The User in one row of scim_account_columns that starts at column. */
scim_error_t *scim_accounts_read(cJSON **user, scim_call_t *call,
                                 const scim_rows_t *rows, int row, int column)
    SCIM_CHECKED;

#endif
