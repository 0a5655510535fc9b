/* SPDX-License-Identifier: Apache-2.0 */
/* scimctl account set, activate, deactivate, delete: changes of one account,
 * by the rules of SCIM's PATCH and DELETE. */
#include <string.h>

#include <apr_strings.h>

#include "resources/scim_accounts.h"
#include "scim_users.h"
#include "scimctl/scimctl_print.h"
#include "scimctl/scimctl_run.h"
#include "values/scim_json.h"

/* The first "=" that is not in a quoted text, as a path may have one:
 * emails[type eq "work"].value=... */
static const char *find_equals(const char *text)
{
    int in_quotes = 0;

    for (; *text && (in_quotes || *text != '='); text++) {
        if (in_quotes && *text == '\\' && text[1]) {
            text++;
        }
        else if (*text == '"') {
            in_quotes = !in_quotes;
        }
    }
    return *text ? text : NULL;
}

/* An operation of a PATCH; an empty value removes the attribute. */
static void put_operation_of(cJSON *operations, const char *path,
                             const char *value)
{
    cJSON *operation = cJSON_CreateObject();

    cJSON_AddStringToObject(operation, "op", *value ? "replace" : "remove");
    cJSON_AddStringToObject(operation, "path", path);
    if (*value) {
        cJSON_AddStringToObject(operation, "value", value);
    }
    cJSON_AddItemToArray(operations, operation);
}

static scim_error_t *read_settings(cJSON *operations, scimctl_run_t *run)
{
    int i;

    for (i = 2; i < run->count; i++) {
        const char *text = run->arguments[i];
        const char *equals = find_equals(text);

        if (!equals || equals == text) {
            return scim_error(run->pool, SCIM_E_INVALID_VALUE,
                              "'%.120s' is not ATTRIBUTE=VALUE, such as"
                              " title=Engineer.", text);
        }
        put_operation_of(operations,
                         apr_pstrmemdup(run->pool, text, equals - text),
                         equals + 1);
    }
    return NULL;
}

/* An identity provider's PATCH ignores what it does not know, with a note for
 * the log.  Somebody who types a name wrong wants to be told. */
static scim_error_t *check_notes(scimctl_run_t *run)
{
    const apr_array_header_t *notes = run->call.notes;

    return notes->nelts == 0 ? NULL
           : scim_error(run->pool, SCIM_E_INVALID_VALUE,
                        "Nothing was changed: %s.",
                        scim_note_what(&APR_ARRAY_IDX(notes, 0, scim_note_t),
                                       run->pool));
}

static scim_error_t *patch_account(scimctl_run_t *run, const cJSON *message)
{
    scim_rows_t *rows;
    cJSON *user;

    SCIM_ERR(scimctl_choose_organization(&rows, run));
    SCIM_ERR(scimctl_account_named(&rows, run, run->arguments[1]));
    SCIM_ERR(scim_db_begin(run->call.db));
    SCIM_ERR(scim_accounts_patch(&user, &run->call,
                                 scim_rows_value(rows, 0, SCIM_ACCOUNT_ID),
                                 message));
    SCIM_ERR(check_notes(run));
    SCIM_ERR(scim_db_commit(run->call.db));
    return scimctl_show_account(run, scim_rows_value(rows, 0,
                                                     SCIM_ACCOUNT_ID));
}

scim_error_t *scimctl_account_set(scimctl_run_t *run)
{
    cJSON *message = scim_json_own(cJSON_CreateObject(), run->pool);
    cJSON *operations = cJSON_AddArrayToObject(message, "Operations");

    SCIM_ERR(read_settings(operations, run));
    return patch_account(run, message);
}

static scim_error_t *switch_account(scimctl_run_t *run, const char *active)
{
    cJSON *message = scim_json_own(cJSON_CreateObject(), run->pool);

    put_operation_of(cJSON_AddArrayToObject(message, "Operations"), "active",
                     active);
    return patch_account(run, message);
}

scim_error_t *scimctl_account_activate(scimctl_run_t *run)
{
    return switch_account(run, "true");
}

scim_error_t *scimctl_account_deactivate(scimctl_run_t *run)
{
    return switch_account(run, "false");
}

scim_error_t *scimctl_account_delete(scimctl_run_t *run)
{
    const char *id, *name;
    scim_rows_t *rows;

    SCIM_ERR(scimctl_choose_organization(&rows, run));
    SCIM_ERR(scimctl_account_named(&rows, run, run->arguments[1]));
    id = scim_rows_value(rows, 0, SCIM_ACCOUNT_ID);
    name = scim_rows_value(rows, 0, SCIM_ACCOUNT_USER_NAME);
    SCIM_ERR(scimctl_confirm(run, "Delete the account '%.200s' of '%s'?",
                             name, run->call.principal->organization_key));
    SCIM_ERR(scim_users.remove(&run->call, id));
    scimctl_say_deleted(run, id, name);
    return NULL;
}
