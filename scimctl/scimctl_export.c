/* SPDX-License-Identifier: Apache-2.0 */
/* scimctl account export: accounts as a file for import, or all about one of
 * them. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <apr_strings.h>

#include "resources/scim_accounts.h"
#include "scim_users.h"
#include "scimctl/scimctl_columns.h"
#include "scimctl/scimctl_print.h"
#include "scimctl/scimctl_run.h"
#include "values/scim_csv.h"
#include "values/scim_json.h"
#include "values/scim_text.h"

#define ACCOUNTS_OF_PAGE 500

/* A place in the list, so that memory is that of one page. */
typedef struct {
    scimctl_run_t *run;
    scim_principal_t reader;     /* the operator, for the list */
    scim_page_t page;
    apr_pool_t *pool;            /* of the page */
    scim_call_t call;
    int is_terminal;
} export_t;

static scim_error_t *end_output(scimctl_run_t *run)
{
    return fflush(stdout) == 0 && !ferror(stdout) ? NULL
        : scim_error(run->pool, SCIM_E_BAD_REQUEST,
                     "The output could not be written completely.");
}

/* Accounts as CSV */

/* Quoted where import would read it otherwise. */
static void print_csv_field(const export_t *export, const char *text)
{
    if (export->is_terminal) {
        text = scimctl_shown(text, export->pool);
    }
    fputs(scim_csv_quoted(text, export->pool), stdout);
}

static void print_csv_heads(void)
{
    int i;

    for (i = 0; scimctl_account_columns[i].name; i++) {
        printf("%s%s", i > 0 ? "," : "", scimctl_account_columns[i].name);
    }
    putchar('\n');
}

static void print_csv_account(const export_t *export,
                              const scim_import_t *account)
{
    int i;

    for (i = 0; scimctl_account_columns[i].name; i++) {
        if (i > 0) {
            putchar(',');
        }
        print_csv_field(export, scimctl_column_get(account, i));
    }
    putchar('\n');
}

/* Accounts as JSON */

static cJSON *column_json(const scim_import_t *account, int column)
{
    const char *text = scimctl_column_get(account, column);

    switch (scimctl_account_columns[column].to) {
    case SCIMCTL_TO_TEXT:
    case SCIMCTL_TO_ROLE:
        return *text ? cJSON_CreateString(text) : NULL;
    default:
        return cJSON_CreateBool(*text == 't');
    }
}

static void print_json_account(const export_t *export,
                               const scim_import_t *account)
{
    cJSON *object = scim_json_own(cJSON_CreateObject(), export->pool);
    int i;

    for (i = 0; scimctl_account_columns[i].name; i++) {
        cJSON *value = column_json(account, i);

        if (value) {
            scim_json_put(object, scimctl_account_columns[i].name, value);
        }
    }
    scimctl_print_json(object, export->pool);
}

/* Pages */

/* Which accounts of the page are managed and eligible, which no User says. */
static scim_error_t *read_labels(scim_rows_t **rows, export_t *export,
                                 const cJSON *users)
{
    const char *values[2] = { export->reader.organization_id };
    apr_array_header_t *ids = apr_array_make(export->pool, ACCOUNTS_OF_PAGE,
                                             sizeof(const char *));
    const cJSON *user;

    cJSON_ArrayForEach(user, users) {
        APR_ARRAY_PUSH(ids, const char *) = scim_json_text(user, "id");
    }
    values[1] = scim_db_array(export->pool, ids);
    return scim_db_run(rows, export->call.db, SCIM_SQL_ACCOUNTS_LABELS,
                       SCIM_VALUES(values));
}

/* An account that was deleted since the list was read is left out. */
static void print_page(export_t *export, cJSON *users,
                       const scim_rows_t *labels)
{
    scim_import_t account;
    cJSON *user;
    int i = 0;

    memset(&account, 0, sizeof(account));
    cJSON_ArrayForEach(user, users) {
        account.user = user;
        account.managed = scim_rows_true(labels, i, 0);
        account.eligible = scim_rows_true(labels, i, 1);
        if (scim_rows_value(labels, i++, 0)) {
            if (export->run->options.json) {
                print_json_account(export, &account);
            }
            else {
                print_csv_account(export, &account);
            }
        }
    }
}

static void begin_page(export_t *export)
{
    apr_pool_clear(export->pool);
    export->call = export->run->call;
    export->call.pool = export->pool;
    export->call.db = scim_db_within(export->run->call.db, export->pool);
    export->call.principal = &export->reader;
}

static scim_error_t *export_page(export_t *export)
{
    const apr_array_header_t *left_out = export->call.left_out;
    scim_rows_t *labels;
    scim_list_t list;

    SCIM_ERR(scim_users.list(&list, &export->call, &export->page));
    SCIM_ERR(read_labels(&labels, export, list.resources));
    if (!*export->page.cursor && !export->run->options.json) {
        print_csv_heads();
    }
    print_page(export, list.resources, labels);
    export->page.cursor = list.next
        ? apr_pstrdup(export->run->pool, list.next) : NULL;
    return left_out->nelts == 0 ? NULL
        : scim_error(export->run->pool, SCIM_E_BAD_REQUEST,
                     "The export is not complete: %s.",
                     APR_ARRAY_IDX(left_out, 0, const char *));
}

/* The cursors never leave this process, so any key will do. */
static export_t *begin_export(scimctl_run_t *run)
{
    export_t *export = apr_pcalloc(run->pool, sizeof(*export));

    export->run = run;
    export->reader = *run->call.principal;
    export->reader.cursor_key = export->reader.organization_id;
    export->reader.has_groups = 0;
    export->page.filter = run->options.filter;
    export->page.sort_by = "userName";
    export->page.count = ACCOUNTS_OF_PAGE;
    export->page.cursor = "";    /* the first page */
    export->page.bound_to = "export";
    export->is_terminal = isatty(STDOUT_FILENO);
    apr_pool_create(&export->pool, run->pool);
    return export;
}

static scim_error_t *export_accounts(scimctl_run_t *run)
{
    export_t *export = begin_export(run);

    while (export->page.cursor) {
        begin_page(export);
        SCIM_ERR(export_page(export));
    }
    return NULL;
}

/* All about one account */

/* Add the rows of a statement, which gives sequences and JSON, to an array of
 * person. */
static scim_error_t *put_entries(cJSON *person, const char *name,
                                 scimctl_run_t *run, const char *id,
                                 scim_statement_e statement)
{
    const char *values[] = { run->call.principal->organization_id, id, "0" };
    cJSON *list = cJSON_AddArrayToObject(person, name);
    cJSON *entry;
    scim_rows_t *rows;
    int count;
    int i;

    do {
        SCIM_ERR(scim_db_run(&rows, run->call.db, statement,
                             SCIM_VALUES(values)));
        count = scim_rows_count(rows);
        for (i = 0; i < count; i++) {
            values[2] = scim_rows_value(rows, i, 0);
            entry = scim_json_stored(scim_rows_value(rows, i, 1), run->pool);
            cJSON_AddItemToArray(list, cJSON_Duplicate(entry, 1));
        }
    } while (count > 0);
    return NULL;
}

/* The User, with what SCIM does not say; nothing if there is none. */
static scim_error_t *put_account(cJSON *person, scimctl_run_t *run,
                                 const char *id)
{
    scim_rows_t *rows;
    cJSON *user;
    scim_error_t *error = scimctl_account_named(&rows, run, id);

    if (error && error->kind == SCIM_E_NOT_FOUND) {
        return NULL;
    }
    SCIM_ERR(error);
    SCIM_ERR(scim_users.get(&user, &run->call, id));
    scim_json_put(user, "managed",
                  cJSON_CreateBool(scim_rows_true(rows, 0,
                                                  SCIM_ACCOUNT_MANAGED)));
    scim_json_put(user, "syncEligible",
                  cJSON_CreateBool(scim_rows_true(rows, 0,
                      SCIM_ACCOUNT_SYNC_ELIGIBLE)));
    cJSON_AddItemToObject(person, "account", cJSON_Duplicate(user, 1));
    return NULL;
}

static scim_error_t *export_person(scimctl_run_t *run)
{
    cJSON *person = scim_json_own(cJSON_CreateObject(), run->pool);
    const char *id, *name;

    if (run->options.filter) {
        return scim_error(run->pool, SCIM_E_INVALID_VALUE,
                          "--filter is for exports of many accounts, not of"
                          " one.");
    }
    SCIM_ERR(scimctl_find_person(&id, &name, run));
    scim_json_put_text(person, "organization",
                       run->call.principal->organization_key);
    scim_json_put_text(person, "id", id);
    SCIM_ERR(put_account(person, run, id));
    SCIM_ERR(put_entries(person, "events", run, id, SCIM_SQL_PERSON_EVENTS));
    SCIM_ERR(put_entries(person, "refusals", run, id,
                         SCIM_SQL_PERSON_REFUSALS));
    if (!scim_json_member(person, "account")
        && !scim_json_member(person, "events")->child
        && !scim_json_member(person, "refusals")->child) {
        return scimctl_nothing_known(run, name);
    }
    scimctl_print_json(person, run->pool);
    return NULL;
}

scim_error_t *scimctl_account_export(scimctl_run_t *run)
{
    scim_rows_t *rows;

    SCIM_ERR(scimctl_choose_organization(&rows, run));
    SCIM_ERR(run->count > 1 ? export_person(run) : export_accounts(run));
    return end_output(run);
}
