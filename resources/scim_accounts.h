/* SPDX-License-Identifier: Apache-2.0 */
/* scim_accounts: operations of administrators and operators on accounts; those
 * of provisioning are the operations of User (scim_users.c has both). */
#ifndef SCIM_ACCOUNTS_H
#define SCIM_ACCOUNTS_H

#include <cjson/cJSON.h>

#include "resources/scim_call.h"
#include "resources/scim_events.h"
#include "storage/scim_db.h"
#include "values/scim_error.h"

/* The columns of an account as parameters: role, active and attributes, then
 * the text columns. */
#define SCIM_ACCOUNT_PLUS_ONE(column, name) + 1
#define SCIM_ACCOUNT_COLUMN_VALUES \
    (3 SCIM_ACCOUNT_TEXTS(SCIM_ACCOUNT_PLUS_ONE))

/* What is written of an account. */
typedef struct {
    const scim_change_t *change; /* its events; NULL: nothing changes */
    const char *columns[SCIM_ACCOUNT_COLUMN_VALUES];
} scim_account_values_t;

/* The account that a POST of body would create, and the one that a PATCH with
 * message would make of the stored User; neither is written. */
scim_error_t *scim_accounts_settle_new(scim_account_values_t *account,
                                       scim_call_t *call, const cJSON *body)
    SCIM_CHECKED;
scim_error_t *scim_accounts_settle_patch(scim_account_values_t *account,
                                         scim_call_t *call,
                                         const cJSON *stored,
                                         const cJSON *message) SCIM_CHECKED;

/* SCIM_E_FORBIDDEN if the account is not managed. */
scim_error_t *scim_accounts_check_managed(scim_call_t *call, int managed)
    SCIM_CHECKED;

/* Change the account like PATCH. */
scim_error_t *scim_accounts_patch(cJSON **user, scim_call_t *call,
                                  const char *id, const cJSON *message)
    SCIM_CHECKED;

/* Let provisioning take over the account.  An eligible account is not changed;
 * an unmanaged one is SCIM_E_FORBIDDEN. */
scim_error_t *scim_accounts_make_eligible(scim_call_t *call, const char *id)
    SCIM_CHECKED;

/* Parts of the statements that write accounts: the values of the columns, from
 * resource and its role, and the parameters of :events (statements.sql). */
#define SCIM_ACCOUNT_EVENT_VALUES 7
void scim_accounts_put_columns(const char **values, scim_call_t *call,
                               const cJSON *resource, const char *role);
void scim_accounts_put_events(const char **values, scim_call_t *call,
                              const scim_change_t *change);

/* The role that the roles of resource, which was stored once, result in. */
const char *scim_accounts_role(cJSON *resource, scim_call_t *call);

/* Let manager.$ref follow from manager.value. */
void scim_accounts_put_manager(scim_call_t *call, cJSON *resource);

/* The User in one row of scim_account_columns that starts at column. */
scim_error_t *scim_accounts_read(cJSON **user, scim_call_t *call,
                                 const scim_rows_t *rows, int row, int column)
    SCIM_CHECKED;

#endif
