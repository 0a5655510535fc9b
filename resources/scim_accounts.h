/* SPDX-License-Identifier: Apache-2.0 */
/* scim_accounts: what administrators and operators do with accounts, beside
 * what provisioning does with Users (scim_users.c has both). */
#ifndef SCIM_ACCOUNTS_H
#define SCIM_ACCOUNTS_H

#include <cjson/cJSON.h>

#include "resources/scim_call.h"
#include "storage/scim_db.h"
#include "values/scim_error.h"

/* An account that was there before provisioning: as a User is created, but
 * managed and eligible as said, and not provisioned. */
scim_error_t *scim_accounts_import(cJSON **user, scim_call_t *call,
                                   const cJSON *body, int managed,
                                   int sync_eligible) SCIM_CHECKED;

/* Change the account as PATCH does. */
scim_error_t *scim_accounts_patch(cJSON **user, scim_call_t *call,
                                  const char *id, const cJSON *message)
    SCIM_CHECKED;

/* Let provisioning take the account over.  One that is eligible stays as it
 * is; an unmanaged one is SCIM_E_FORBIDDEN. */
scim_error_t *scim_accounts_make_eligible(scim_call_t *call, const char *id)
    SCIM_CHECKED;

/* The User in one row of scim_account_columns that starts at column. */
scim_error_t *scim_accounts_read(cJSON **user, scim_call_t *call,
                                 const scim_rows_t *rows, int row, int column)
    SCIM_CHECKED;

#endif
