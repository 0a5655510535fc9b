/* scim_users: the operations of the resource type User on accounts. */
#ifndef SCIM_USERS_H
#define SCIM_USERS_H

#include <cjson/cJSON.h>

#include "resources/scim_call.h"
#include "storage/scim_db.h"
#include "values/scim_error.h"

/* In all of them *user is a resource of the call's pool in the schema's
 * spelling with id and meta, to be given to scim_schema_present.  An unknown
 * id is SCIM_E_NOT_FOUND; a version that the call's conditions do not allow
 * SCIM_E_PRECONDITION; an account that provisioning may not change
 * SCIM_E_FORBIDDEN; a taken userName SCIM_E_UNIQUENESS. */

scim_error_t *scim_users_get(cJSON **user, scim_call_t *call, const char *id)
    SCIM_CHECKED;

/* A page of accounts. */
scim_list_fn scim_users_list;

scim_error_t *scim_users_create(cJSON **user, scim_call_t *call,
                                const cJSON *body) SCIM_CHECKED;

/* scim_users_create in two steps, within a pipeline of scim_db (scim_users_
 * begin_creations, scim_db_end_pipeline): *wanted goes from one to the
 * other. */
scim_error_t *scim_users_begin_creations(scim_call_t *call) SCIM_CHECKED;
scim_error_t *scim_users_send_creation(cJSON **wanted, scim_call_t *call,
                                       const cJSON *body) SCIM_CHECKED;
scim_error_t *scim_users_receive_creation(cJSON **user, scim_call_t *call,
                                          const cJSON *wanted) SCIM_CHECKED;

scim_error_t *scim_users_replace(cJSON **user, scim_call_t *call,
                                 const char *id, const cJSON *body)
    SCIM_CHECKED;

scim_error_t *scim_users_patch(cJSON **user, scim_call_t *call,
                               const char *id, const cJSON *message)
    SCIM_CHECKED;

scim_error_t *scim_users_delete(scim_call_t *call, const char *id)
    SCIM_CHECKED;

/* An account that was there before provisioning: as scim_users_create, but
 * managed and eligible as said, and not provisioned. */
scim_error_t *scim_users_import(cJSON **user, scim_call_t *call,
                                const cJSON *body, int managed,
                                int sync_eligible) SCIM_CHECKED;

/* Let provisioning take the account over.  One that is eligible stays as it
 * is; an unmanaged one is SCIM_E_FORBIDDEN. */
scim_error_t *scim_users_make_eligible(scim_call_t *call, const char *id)
    SCIM_CHECKED;

/* The resource in one row of SCIM_ACCOUNT_COLUMNS that starts at column. */
scim_error_t *scim_users_from_row(cJSON **user, scim_call_t *call,
                                  const scim_rows_t *rows, int row,
                                  int column) SCIM_CHECKED;

#endif
