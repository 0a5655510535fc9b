/* SPDX-License-Identifier: Apache-2.0 */
/* scimctl account: what is known about the accounts of an organization. */
#include <stdio.h>

#include "resources/scim_accounts.h"
#include "scim_users.h"
#include "scimctl/scimctl_print.h"
#include "scimctl/scimctl_run.h"
#include "scimctl/scimctl_table.h"
#include "values/scim_json.h"

static const char *const account_members[] = {
    "userName", "displayName", "active", "id", "externalId", NULL
};

static const char *role_of(const cJSON *user)
{
    const cJSON *roles = scim_json_member(user, "roles");

    return roles ? scim_json_text(roles->child, "value") : NULL;
}

static void print_accounts(scimctl_run_t *run, const scim_list_t *list)
{
    static const char *const heads[] = { "USERNAME", "DISPLAYNAME", "ROLE",
                                         "ACTIVE", "ID", NULL };
    scimctl_table_t *table = scimctl_table_make(heads, run->pool);
    const cJSON *user;

    cJSON_ArrayForEach(user, list->resources) {
        int active = cJSON_IsTrue(scim_json_member(user, "active"));

        scimctl_table_cell(table, scim_json_text(user, "userName"));
        scimctl_table_cell(table, scim_json_text(user, "displayName"));
        scimctl_table_cell(table, role_of(user));
        scimctl_table_cell(table, scimctl_yes_or_no(active));
        scimctl_table_cell(table, scim_json_text(user, "id"));
    }
    scimctl_table_print(table);
    printf("%" APR_INT64_T_FMT "%s in all\n", list->total,
           list->is_lower_bound ? " or more" : "");
}

static void warn_of_left_out(const scimctl_run_t *run)
{
    const apr_array_header_t *left_out = run->call.left_out;
    int i;

    for (i = 0; i < left_out->nelts; i++) {
        scimctl_say(run->pool, "scimctl: left out of the list: %s",
                    APR_ARRAY_IDX(left_out, i, const char *));
    }
}

scim_error_t *scimctl_account_list(scimctl_run_t *run)
{
    scim_page_t page = { .filter = run->options.filter,
                         .sort_by = "userName" };
    scim_list_t list;
    scim_rows_t *rows;

    SCIM_ERR(scimctl_number(&page.start_index, run, run->options.start, 1));
    SCIM_ERR(scimctl_number(&page.count, run, run->options.count, 100));
    SCIM_ERR(scimctl_choose_organization(&rows, run));
    run->call.rules.strict = 1;        /* a value without quotes is an error */
    SCIM_ERR(scim_users.list(&list, &run->call, &page));
    warn_of_left_out(run);
    if (run->options.json) {
        scimctl_print_json(list.resources, run->pool);
    }
    else {
        print_accounts(run, &list);
    }
    return NULL;
}

static void print_account(scimctl_run_t *run, const scim_rows_t *rows,
                          const cJSON *user)
{
    int i;

    for (i = 0; account_members[i]; i++) {
        const cJSON *value = scim_json_member(user, account_members[i]);

        if (value) {
            scimctl_print_field(account_members[i], cJSON_IsString(value)
                                ? value->valuestring
                                : scimctl_yes_or_no(cJSON_IsTrue(value)),
                                run->pool);
        }
    }
    scimctl_print_field("role", role_of(user), run->pool);
    scimctl_print_field("managed",
                        scimctl_yes_or_no(scim_rows_true(rows, 0,
                                              SCIM_ACCOUNT_MANAGED)),
                        run->pool);
    scimctl_print_field("eligible",
                        scimctl_yes_or_no(scim_rows_true(rows, 0,
                                              SCIM_ACCOUNT_SYNC_ELIGIBLE)),
                        run->pool);
}

scim_error_t *scimctl_show_account(scimctl_run_t *run, const char *name)
{
    const char *id;
    scim_rows_t *rows;
    cJSON *user;

    SCIM_ERR(scimctl_account_named(&rows, run, name));
    id = scim_rows_value(rows, 0, SCIM_ACCOUNT_ID);
    SCIM_ERR(scim_users.get(&user, &run->call, id));
    if (run->options.json) {
        scimctl_print_json(user, run->pool);
        return NULL;
    }
    print_account(run, rows, user);
    return scimctl_print_groups_of(run, id);
}

scim_error_t *scimctl_account_show(scimctl_run_t *run)
{
    scim_rows_t *rows;

    SCIM_ERR(scimctl_choose_organization(&rows, run));
    return scimctl_show_account(run, run->arguments[1]);
}

scim_error_t *scimctl_account_eligible(scimctl_run_t *run)
{
    scim_rows_t *rows;

    SCIM_ERR(scimctl_choose_organization(&rows, run));
    SCIM_ERR(scimctl_account_named(&rows, run, run->arguments[1]));
    SCIM_ERR(scim_accounts_make_eligible(&run->call,
                                      scim_rows_value(rows, 0,
                                                      SCIM_ACCOUNT_ID)));
    return scimctl_show_account(run, run->arguments[1]);
}
