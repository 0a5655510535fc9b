/* SPDX-License-Identifier: Apache-2.0 */
/* scimctl group: the groups of an organization.
 *
 * Lists are read and printed page by page, so that a group with a million
 * members takes as little memory as a small one; columns become wider where a
 * page needs it.
 */
#include <stdio.h>
#include <string.h>

#include <apr_strings.h>

#include "resources/scim_group_view.h"
#include "scim_groups.h"
#include "values/scim_json.h"
#include "scimctl/scimctl_print.h"
#include "scimctl/scimctl_run.h"
#include "scimctl/scimctl_table.h"

#define PAGE 1000
#define MAX_SHOWN 100            /* groups that "show" names */

/* The name of a column and of the member that it shows. */
typedef struct {
    const char *head;
    const char *name;
} member_column_t;

/* A list that is printed. */
typedef struct {
    const char *name;            /* of the page's array */
    scim_group_view_list_fn *page;
    const member_column_t *columns;
    int count;                   /* of the columns */
} listing_t;

static const member_column_t group_columns[] = {
    { "NAME", "displayName" }, { "MEMBERS", "members" },
    { "NESTED", "groups" }, { "CHANGED", "lastModified" },
    { "EXTERNALID", "externalId" }, { "ID", "id" }
};
static const listing_t group_listing = {
    "groups", scim_group_view_list, group_columns, 6
};

static const member_column_t person_columns[] = {
    { "USERNAME", "userName" }, { "DISPLAYNAME", "displayName" },
    { "ROLE", "role" }, { "ACTIVE", "active" }, { "SINCE", "since" },
    { "ID", "id" }
};
static const listing_t member_listing = {
    "members", scim_group_view_members, person_columns, 6
};

/* A number that was counted only so far ends with "+". */
static const char *member_cell(const cJSON *object, const char *name,
                               apr_pool_t *pool)
{
    const cJSON *value = scim_json_member(object, name);
    const char *more = strcmp(name, "members") == 0 ? "hasMoreMembers"
                                                    : "hasMoreGroups";

    if (cJSON_IsNumber(value)) {
        return apr_psprintf(pool, "%d%s", value->valueint,
                            cJSON_IsTrue(scim_json_member(object, more))
                            ? "+" : "");
    }
    return cJSON_IsBool(value) ? scimctl_yes_or_no(cJSON_IsTrue(value))
                               : cJSON_GetStringValue(value);
}

static scimctl_table_t *make_table(const listing_t *listing, apr_pool_t *pool)
{
    scimctl_table_t *table = scimctl_table_make(NULL, pool);
    int i;

    for (i = 0; i < listing->count; i++) {
        scimctl_table_head(table, listing->columns[i].head);
    }
    return table;
}

static void print_page_table(scimctl_table_t *table, const listing_t *listing,
                             const cJSON *list, apr_pool_t *pool)
{
    const cJSON *object;
    int i;

    cJSON_ArrayForEach(object, list) {
        for (i = 0; i < listing->count; i++) {
            scimctl_table_cell(table,
                               member_cell(object, listing->columns[i].name,
                                           pool));
        }
    }
    scimctl_table_print(table);
}

static void print_page_json(const cJSON *list, int is_first, apr_pool_t *pool)
{
    const cJSON *object;

    cJSON_ArrayForEach(object, list) {
        putchar(is_first && object == list->child ? '[' : ',');
        scimctl_print_json(object, pool);
    }
}

/* As many of the list as --count says; of_what: as scim_group_view_list_fn
 * takes it. */
static scim_error_t *print_listing(scimctl_run_t *run,
                                   const listing_t *listing,
                                   const char *of_what)
{
    const char *cursor = NULL;
    scimctl_table_t *table = make_table(listing, run->pool);
    scim_call_t call = run->call;
    int is_first = 1;
    apr_int64_t left;
    cJSON *page;

    SCIM_ERR(scimctl_number(&left, run, run->options.count, 100));
    apr_pool_create(&call.pool, run->pool);
    call.db = scim_db_within(run->call.db, call.pool);
    do {
        int count = left < PAGE ? (int) left : PAGE;
        const cJSON *list;

        apr_pool_clear(call.pool);
        call.db = scim_db_within(run->call.db, call.pool);
        SCIM_ERR(listing->page(&page, &call, of_what, cursor, count));
        list = scim_json_member(page, listing->name);
        if (run->options.json) {
            print_page_json(list, is_first, call.pool);
        }
        else {
            print_page_table(table, listing, list, call.pool);
        }
        is_first = is_first && !list->child;
        cursor = apr_pstrdup(run->pool, scim_json_text(page, "next"));
        left -= count;
    } while (cursor && left > 0);
    if (run->options.json) {
        puts(is_first ? "[]" : "]");
    }
    if (cursor) {
        scimctl_say(run->pool, "scimctl: there are more; --count N lists N of"
                               " them.");
    }
    return NULL;
}

scim_error_t *scimctl_group_list(scimctl_run_t *run)
{
    scim_rows_t *rows;

    SCIM_ERR(scimctl_choose_organization(&rows, run));
    return print_listing(run, &group_listing, run->options.name);
}

/* The organization and the group that the arguments name. */
static scim_error_t *choose_group(const cJSON **group, scimctl_run_t *run)
{
    const char *name = run->arguments[1];
    scim_rows_t *rows;
    cJSON *found;

    SCIM_ERR(scimctl_choose_organization(&rows, run));
    SCIM_ERR(scim_group_view_named(&found, &run->call, name));
    *group = scim_json_member(found, "groups")->child;
    if (!*group) {
        return scim_error(run->pool, SCIM_E_NOT_FOUND,
                          "There is no group '%.120s' in '%.63s'; scimctl"
                          " group list %.63s shows the groups.", name,
                          run->arguments[0], run->arguments[0]);
    }
    return !(*group)->next ? NULL
        : scim_error(run->pool, SCIM_E_INVALID_VALUE,
                     "More than one group has this externalId: %.40s and"
                     " %.40s, for example. Name one by its id.",
                     scim_json_text(*group, "id"),
                     scim_json_text((*group)->next, "id"));
}

scim_error_t *scimctl_group_members(scimctl_run_t *run)
{
    const cJSON *group;

    SCIM_ERR(choose_group(&group, run));
    return print_listing(run, &member_listing, scim_json_text(group, "id"));
}

/* Showing one */

/* Each of the groups of a page as a line with this label. */
static void print_group_names(scimctl_run_t *run, const char *label,
                              const cJSON *page)
{
    const cJSON *group;

    cJSON_ArrayForEach(group, scim_json_member(page, "groups")) {
        const char *type = scim_json_text(group, "type");
        int is_indirect = type && strcmp(type, "indirect") == 0;

        scimctl_print_field(label,
                            apr_pstrcat(run->pool,
                                        scim_json_text(group, "displayName"),
                                        is_indirect ? " (indirect)" : NULL,
                                        NULL), run->pool);
    }
    if (scim_json_member(page, "next")) {
        scimctl_print_field(label, "and more", run->pool);
    }
}

scim_error_t *scimctl_print_groups_of(scimctl_run_t *run, const char *id)
{
    cJSON *page;

    SCIM_ERR(scim_group_view_of_member(&page, &run->call, id, NULL,
                                       MAX_SHOWN));
    print_group_names(run, "group", page);
    return NULL;
}

static void print_group(scimctl_run_t *run, const cJSON *group,
                        const cJSON *children, const cJSON *parents)
{
    static const char *const names[] = { "displayName", "id", "externalId",
                                         "members", "created",
                                         "lastModified", NULL };
    int i;

    for (i = 0; names[i]; i++) {
        const char *text = member_cell(group, names[i], run->pool);

        if (text) {
            scimctl_print_field(names[i], text, run->pool);
        }
    }
    print_group_names(run, "nested group", children);
    print_group_names(run, "nested in", parents);
}

/* With the groups in it, and those that it is in, each at most MAX_SHOWN. */
scim_error_t *scimctl_group_show(scimctl_run_t *run)
{
    const cJSON *group;
    const char *id;
    cJSON *children;
    cJSON *parents;
    cJSON *all;

    SCIM_ERR(choose_group(&group, run));
    id = scim_json_text(group, "id");
    SCIM_ERR(scim_group_view_children(&children, &run->call, id, NULL,
                                      MAX_SHOWN));
    SCIM_ERR(scim_group_view_parents(&parents, &run->call, id, NULL,
                                     MAX_SHOWN));
    if (!run->options.json) {
        print_group(run, group, children, parents);
        return NULL;
    }
    all = scim_json_own(cJSON_Duplicate(group, 1), run->pool);
    scim_json_put(all, "nestedGroups",
                  cJSON_Duplicate(scim_json_member(children, "groups"), 1));
    scim_json_put(all, "nestedIn",
                  cJSON_Duplicate(scim_json_member(parents, "groups"), 1));
    scimctl_print_json(all, run->pool);
    return NULL;
}

/* Deleting */

scim_error_t *scimctl_group_delete(scimctl_run_t *run)
{
    const cJSON *group;

    SCIM_ERR(choose_group(&group, run));
    SCIM_ERR(scimctl_confirm(run, "Delete the group '%.200s'?",
                             scim_json_text(group, "displayName")));
    SCIM_ERR(scim_groups.remove(&run->call, scim_json_text(group, "id")));
    scimctl_say_deleted(run, scim_json_text(group, "id"),
                        scim_json_text(group, "displayName"));
    return NULL;
}
