/* SPDX-License-Identifier: Apache-2.0 */
/* Accounts from a file, see scim_import.h.
 *
 * A batch is read, compared and written in three statements, whatever its
 * size.  Whatever another session was faster with, waits for the next round.
 */
#include "resources/scim_import.h"

#include <stdlib.h>
#include <string.h>

#include <apr_strings.h>

#include "resources/scim_accounts.h"
#include "values/scim_json.h"
#include "values/scim_role.h"

/* Others were faster in each of them. */
#define MOST_ROUNDS 20

/* The column of ACCOUNTS_NAMED behind those of the account. */
#define PLACE SCIM_ACCOUNT_COLUMNS

/* The arrays of ACCOUNTS_INSERT and ACCOUNTS_UPDATE: two that each has of its
 * own, those of the events, and the columns. */
enum { OWN = 0, KINDS = 2, CHANGED, DATA, COLUMNS,
       ARRAYS = COLUMNS + SCIM_ACCOUNT_COLUMN_VALUES };
#define ACTOR_VALUES 4           /* before the arrays */

/* What a round writes by one statement. */
typedef struct {
    int count;
    scim_import_t *accounts[SCIM_IMPORT_MOST];
    const char *values[SCIM_IMPORT_MOST][ARRAYS];
} writes_t;

typedef struct {
    scim_import_t *accounts;
    int count;
    int update;
    scim_call_t *call;
    writes_t inserts;
    writes_t updates;
} batch_t;

static void refuse(scim_import_t *account, const char *problem)
{
    account->result = SCIM_IMPORT_REFUSED;
    account->problem = problem;
}

static void refuse_name(const batch_t *b, scim_import_t *account,
                        const char *form)
{
    refuse(account, apr_psprintf(b->call->pool, form,
                                 scim_json_text(account->user, "userName")));
}

/* Writing */

static void plan(writes_t *writes, scim_import_t *account, const char *first,
                 const char *second, const scim_account_values_t *wanted,
                 const char *kinds)
{
    const char **values = writes->values[writes->count];

    writes->accounts[writes->count++] = account;
    values[OWN] = first;
    values[OWN + 1] = second;
    values[KINDS] = kinds;
    values[CHANGED] = wanted->change ? wanted->change->changed : "{}";
    values[DATA] = wanted->change ? wanted->change->data : "{}";
    memcpy(values + COLUMNS, wanted->columns, sizeof(wanted->columns));
    account->role = wanted->columns[0];
    account->result = SCIM_IMPORT_PLANNED;
}

static const char *array_of(const batch_t *b, const writes_t *writes,
                            int column)
{
    apr_array_header_t *items = apr_array_make(b->call->pool, writes->count,
                                               sizeof(const char *));
    int i;

    for (i = 0; i < writes->count; i++) {
        APR_ARRAY_PUSH(items, const char *) = writes->values[i][column];
    }
    return scim_db_array(b->call->pool, items);
}

/* The statement answers with the places, from 1, of what it did not write. */
static scim_error_t *write_all(batch_t *b, writes_t *writes,
                               scim_statement_e statement,
                               scim_import_result_e result)
{
    const scim_principal_t *actor = b->call->principal;
    const char *values[ACTOR_VALUES + ARRAYS] = {
        actor->organization_id, actor->actor_kind, actor->actor_id,
        actor->actor_name
    };
    scim_rows_t *rows;
    int i;

    if (writes->count == 0) {
        return NULL;
    }
    for (i = 0; i < ARRAYS; i++) {
        values[ACTOR_VALUES + i] = array_of(b, writes, i);
    }
    SCIM_ERR(scim_db_run(&rows, b->call->db, statement,
                         SCIM_VALUES(values)));
    for (i = 0; i < writes->count; i++) {
        writes->accounts[i]->result = result;
    }
    for (i = 0; i < scim_rows_count(rows); i++) {
        int place = atoi(scim_rows_value(rows, i, 0));

        writes->accounts[place - 1]->result = SCIM_IMPORT_WAITING;
    }
    writes->count = 0;
    return NULL;
}

/* Comparing */

static void plan_insert(batch_t *b, scim_import_t *account)
{
    scim_account_values_t wanted;
    scim_error_t *error = scim_accounts_settle_new(&wanted, b->call,
                                                   account->user);

    if (error) {
        refuse(account, error->detail);
        return;
    }
    plan(&b->inserts, account, account->managed == 0 ? "false" : "true",
         account->eligible == 0 ? "false" : "true", &wanted,
         wanted.change->kinds);
}

/* An account that was read, in a row of ACCOUNTS_NAMED. */
typedef struct {
    const scim_rows_t *rows;
    int row;
    cJSON *user;
} stored_t;

static int is_true(const stored_t *stored, int column)
{
    return scim_rows_true(stored->rows, stored->row, column);
}

/* What a file cannot change; NULL if it does not want to. */
static const char *refused_label(const scim_import_t *account,
                                 const stored_t *stored)
{
    if (account->managed != SCIM_IMPORT_UNSAID
        && account->managed != is_true(stored, SCIM_ACCOUNT_MANAGED)) {
        return "The account '%.120s' exists, and an import does not change"
               " 'managed'.";
    }
    return account->eligible == 0 && is_true(stored,
                                             SCIM_ACCOUNT_SYNC_ELIGIBLE)
           ? "Provisioning may take over the account '%.120s' already, and an"
             " import does not take 'syncEligible' back." : NULL;
}

/* The role is a list in a User, which may hold more than the role that the
 * file names: it stays if that is the role already. */
static void drop_same_role(scim_import_t *account, const stored_t *stored)
{
    const cJSON *roles = scim_json_member(account->user, "roles");
    const char *role = roles ? scim_json_text(roles->child, "value") : NULL;
    const char *now = scim_rows_value(stored->rows, stored->row,
                                      SCIM_ACCOUNT_ROLE);

    if (role && scim_role_of(role) == scim_role_of(now)) {
        scim_json_drop(account->user, "roles");
    }
}

/* {"Operations": [{"op": "replace", "value": user}]} */
static cJSON *patch_of(const batch_t *b, cJSON *user)
{
    cJSON *message = scim_json_own(cJSON_CreateObject(), b->call->pool);
    cJSON *operations = cJSON_AddArrayToObject(message, "Operations");
    cJSON *operation = cJSON_CreateObject();

    cJSON_AddStringToObject(operation, "op", "replace");
    cJSON_AddItemReferenceToObject(operation, "value", user);
    cJSON_AddItemToArray(operations, operation);
    return message;
}

static const char *kinds_with_eligible(const batch_t *b, const char *kinds)
{
    static const char eligible[] = "\"" SCIM_EVENT_ELIGIBLE "\"}";

    return kinds ? apr_pstrcat(b->call->pool,
                               apr_pstrmemdup(b->call->pool, kinds,
                                              strlen(kinds) - 1),
                               ",", eligible, NULL)
                 : apr_pstrcat(b->call->pool, "{", eligible, NULL);
}

/* *kinds is NULL if the account does not differ. */
static scim_error_t *differ(const char **kinds, scim_account_values_t *wanted,
                            batch_t *b, scim_import_t *account,
                            const stored_t *stored)
{
    int to_open = account->eligible == 1
                  && !is_true(stored, SCIM_ACCOUNT_SYNC_ELIGIBLE);

    drop_same_role(account, stored);
    SCIM_ERR(scim_accounts_settle_patch(wanted, b->call, stored->user,
                                        patch_of(b, account->user)));
    *kinds = wanted->change ? wanted->change->kinds : NULL;
    if (to_open) {
        *kinds = kinds_with_eligible(b, *kinds);
    }
    return *kinds ? scim_accounts_check_managed(b->call,
                                                is_true(stored,
                                                    SCIM_ACCOUNT_MANAGED))
                  : NULL;
}

static void plan_update(batch_t *b, scim_import_t *account,
                        const stored_t *stored)
{
    const char *label = refused_label(account, stored);
    scim_account_values_t wanted;
    scim_error_t *error;
    const char *kinds;

    if (label) {
        refuse_name(b, account, label);
        return;
    }
    error = differ(&kinds, &wanted, b, account, stored);
    if (error) {
        refuse(account, error->detail);
    }
    else if (!kinds) {
        account->result = SCIM_IMPORT_SAME;
    }
    else {
        plan(&b->updates, account,
             scim_rows_value(stored->rows, stored->row, SCIM_ACCOUNT_ID),
             scim_rows_value(stored->rows, stored->row, SCIM_ACCOUNT_VERSION),
             &wanted, kinds);
    }
}

/* Rounds */

/* Plan the changes of those that exist. */
static scim_error_t *plan_updates(batch_t *b)
{
    const char *values[2] = { b->call->principal->organization_id };
    apr_array_header_t *names = apr_array_make(b->call->pool, b->count,
                                               sizeof(const char *));
    stored_t stored;
    scim_rows_t *rows;
    int i;

    for (i = 0; i < b->count; i++) {
        APR_ARRAY_PUSH(names, const char *)
            = b->accounts[i].result == SCIM_IMPORT_WAITING
              ? scim_json_text(b->accounts[i].user, "userName") : NULL;
    }
    values[1] = scim_db_array(b->call->pool, names);
    SCIM_ERR(scim_db_run(&rows, b->call->db, SCIM_SQL_ACCOUNTS_NAMED,
                         SCIM_VALUES(values)));
    stored.rows = rows;
    for (stored.row = 0; stored.row < scim_rows_count(rows); stored.row++) {
        SCIM_ERR(scim_accounts_read(&stored.user, b->call, rows, stored.row,
                                    0));
        i = atoi(scim_rows_value(rows, stored.row, PLACE)) - 1;
        plan_update(b, &b->accounts[i], &stored);
    }
    return NULL;
}

static void plan_inserts(batch_t *b)
{
    int i;

    for (i = 0; i < b->count; i++) {
        if (b->accounts[i].result == SCIM_IMPORT_WAITING) {
            plan_insert(b, &b->accounts[i]);
        }
    }
}

static scim_error_t *do_round(batch_t *b)
{
    if (b->update) {
        SCIM_ERR(plan_updates(b));
    }
    plan_inserts(b);
    SCIM_ERR(write_all(b, &b->inserts, SCIM_SQL_ACCOUNTS_INSERT,
                       SCIM_IMPORT_CREATED));
    return write_all(b, &b->updates, SCIM_SQL_ACCOUNTS_UPDATE,
                     SCIM_IMPORT_CHANGED);
}

static int waiting(const batch_t *b)
{
    int found = 0;
    int i;

    for (i = 0; i < b->count; i++) {
        found += b->accounts[i].result == SCIM_IMPORT_WAITING;
    }
    return found;
}

/* Without updates, whoever waits still has a userName that exists. */
static void refuse_waiting(const batch_t *b)
{
    int i;

    for (i = 0; i < b->count; i++) {
        if (b->accounts[i].result == SCIM_IMPORT_WAITING) {
            refuse_name(b, &b->accounts[i],
                        "Another account of this organization has the"
                        " userName '%.120s' already.");
        }
    }
}

scim_error_t *scim_import_batch(scim_import_t *accounts, int count,
                                int update, scim_call_t *call)
{
    batch_t *b = apr_pcalloc(call->pool, sizeof(*b));
    int rounds = update ? MOST_ROUNDS : 1;

    b->accounts = accounts;
    b->count = count;
    b->update = update;
    b->call = call;
    while (rounds-- > 0 && waiting(b) > 0) {
        SCIM_ERR(do_round(b));
    }
    if (update && waiting(b) > 0) {
        return scim_error(call->pool, SCIM_E_UNAVAILABLE,
                          "Others are changing the same accounts at the same"
                          " time. Please try again.");
    }
    refuse_waiting(b);
    return NULL;
}
