/* SPDX-License-Identifier: Apache-2.0 */
/* Groups, see scim_groups.h.
 *
 * A membership is a row, and no request reads those that it does not change
 * or show.  So a change is not read, transformed and written back: it is
 * folded into what is wanted of the group's row and of single members
 * (rules/scim_group_change.h), and scim.change_group does that in one
 * transaction, which locks the row first (docs/design.md, Trap 10).  There is
 * no race to lose but that for a version of If-Match.
 *
 * In an answer the members are JSON text that PostgreSQL has made: a group of
 * 50,000 is one value.
 */
#include "scim_groups.h"

#include <string.h>

#include <apr_strings.h>

#include "resources/scim_events.h"
#include "resources/scim_names.h"
#include "resources/scim_store.h"
#include "rules/scim_group_change.h"
#include "rules/scim_group_members.h"
#include "values/scim_json.h"
#include "values/scim_text.h"

/* From rows to resources */

static scim_error_t *read_group(cJSON **group, scim_call_t *call,
                                const scim_rows_t *rows, int row, int column);

static const scim_store_t groups = {
    &scim_group_type, "scim.user_group", scim_group_columns,
    SCIM_GROUP_COLUMNS, read_group
};

/* All but the members. */
static scim_error_t *read_group(cJSON **group, scim_call_t *call,
                                const scim_rows_t *rows, int row, int column)
{
    *group = scim_json_own(cJSON_CreateObject(), call->pool);
    scim_json_put_text(*group, "displayName",
                       scim_rows_value(rows, row, column
                                       + SCIM_GROUP_DISPLAY_NAME));
    scim_json_put_text(*group, "externalId",
                       scim_rows_value(rows, row, column
                                       + SCIM_GROUP_EXTERNAL_ID));
    scim_store_put_meta(*group, call, &groups, rows, row, column);
    return NULL;
}

/* The names of the sub-attributes of members that the answer has, as a
 * PostgreSQL array; NULL: it has no members. */
static const char *wanted_parts(scim_call_t *call)
{
    const scim_attribute_t *members = scim_group_members_attribute();
    apr_array_header_t *names = apr_array_make(call->pool, 4,
                                               sizeof(const char *));
    const scim_attribute_t *sub;

    if (!scim_resource_wants(call, &scim_group_type, members, NULL)) {
        return NULL;
    }
    for (sub = members->subs; sub->name; sub++) {
        if (scim_resource_wants(call, &scim_group_type, members, sub->name)) {
            APR_ARRAY_PUSH(names, const char *) = sub->name;
        }
    }
    return scim_db_array(call->pool, names);
}

static scim_error_t *too_many(scim_call_t *call)
{
    return scim_error(call->pool, SCIM_E_TOO_MANY,
                      "The answer would have more than %d members of groups."
                      " Ask for groups with excludedAttributes=members, and"
                      " for the members of one by GET /Users?filter="
                      "groups.value eq \"{id}\"&cursor=",
                      call->max_members);
}

/* Put into each of list, an array of groups, its members, if the answer has
 * them. */
static scim_error_t *put_all_members(scim_call_t *call, cJSON *list)
{
    apr_array_header_t *ids = apr_array_make(call->pool, 8,
                                             sizeof(const char *));
    const char *values[] = {
        call->principal->organization_id, NULL,
        apr_itoa(call->pool, call->max_members), wanted_parts(call),
        call->base
    };
    scim_rows_t *rows;
    cJSON *group;
    int row = 0;

    if (!values[3] || !list->child) {
        return NULL;
    }
    cJSON_ArrayForEach(group, list) {
        APR_ARRAY_PUSH(ids, const char *) = scim_json_text(group, "id");
    }
    values[1] = scim_db_array(call->pool, ids);
    SCIM_ERR(scim_db_run(&rows, call->db, SCIM_SQL_GROUP_MEMBERS,
                         SCIM_VALUES(values)));
    if (scim_rows_count(rows) < ids->nelts) {
        return too_many(call);
    }
    cJSON_ArrayForEach(group, list) {
        scim_json_put(group, "members",
                      scim_json_raw(scim_rows_value(rows, row++, 0)));
    }
    return NULL;
}

static scim_error_t *put_group_members(scim_call_t *call, cJSON *group)
{
    cJSON *list = scim_json_own(cJSON_CreateArray(), call->pool);

    cJSON_AddItemReferenceToArray(list, group);
    return put_all_members(call, list);
}

/* The list of all types goes on without groups on tables that have none yet.
 * The cursor of a page of groups is checked in any case. */
static int is_without_groups(const scim_call_t *call, const scim_page_t *page)
{
    return page->any_type && !(page->cursor && *page->cursor)
           && !call->principal->has_groups && scim_db_outdated(call->db);
}

static scim_error_t *list_groups(scim_list_t *list, scim_call_t *call,
                                 const scim_page_t *page)
{
    if (is_without_groups(call, page)) {
        memset(list, 0, sizeof(*list));
        list->resources = scim_json_own(cJSON_CreateArray(), call->pool);
        return NULL;
    }
    SCIM_ERR(scim_store_list(list, &groups, call, page));
    return put_all_members(call, list->resources);
}

static scim_error_t *read_group_row(scim_rows_t **rows, scim_call_t *call,
                                    const char *id)
{
    const char *values[] = { call->principal->organization_id, id };

    if (!scim_text_is_uuid(id)) {
        return scim_store_not_found(call, &scim_group_type, id);
    }
    SCIM_ERR(scim_db_run(rows, call->db, SCIM_SQL_GROUP_BY_ID,
                         SCIM_VALUES(values)));
    return scim_rows_count(*rows) == 0
           ? scim_store_not_found(call, &scim_group_type, id) : NULL;
}

static scim_error_t *get_group(cJSON **group, scim_call_t *call,
                               const char *id)
{
    scim_rows_t *rows;

    SCIM_ERR(read_group_row(&rows, call, id));
    SCIM_ERR(read_group(group, call, rows, 0, 0));
    return put_group_members(call, *group);
}

/* What is wanted */

static int has_bulk_id(const char *text)
{
    return strncmp(scim_text_last_segment(text), SCIM_BULK_ID,
                   strlen(SCIM_BULK_ID)) == 0;
}

/* The reference in the place of a member: the id of what another operation of
 * the bulk request makes (RFC 7644 section 3.7.2).  NULL: it is not known yet,
 * and this member is put in later. */
static scim_error_t *resolve_member(const char **id, scim_call_t *call,
                                    const char *text)
{
    *id = text;
    return has_bulk_id(text)
           ? call->resolve(id, call->resolve_baton,
                           scim_text_last_segment(text)
                           + strlen(SCIM_BULK_ID), call->pool)
           : NULL;
}

/* The id in brackets: members[value eq "bulkId:x"]. */
static scim_error_t *resolve_path(cJSON *path, scim_call_t *call)
{
    const char *text = path->valuestring;
    const char *at = strstr(text, "\"" SCIM_BULK_ID);
    const char *end = at ? strchr(at + 1, '"') : NULL;
    const char *id;

    if (!end) {
        return NULL;
    }
    SCIM_ERR(resolve_member(&id, call,
                            apr_pstrmemdup(call->pool, at + 1,
                                           end - at - 1)));
    cJSON_SetValuestring(path, apr_pstrcat(call->pool,
                             apr_pstrmemdup(call->pool, text, at + 1 - text),
                             id ? id : "", end, NULL));
    return NULL;
}

static int is_reference(const cJSON *node)
{
    return cJSON_IsString(node)
           && (!node->string || strcasecmp(node->string, "value") == 0
               || strcasecmp(node->string, "$ref") == 0);
}

/* Put an id for the reference node, a string in its parent's list or object;
 * *is_later is set where it is not known yet. */
static scim_error_t *resolve_string(cJSON *node, int *is_later,
                                    scim_call_t *call)
{
    const char *id;

    if (node->string && strcasecmp(node->string, "path") == 0) {
        return resolve_path(node, call);
    }
    if (!is_reference(node)) {
        return NULL;
    }
    SCIM_ERR(resolve_member(&id, call, node->valuestring));
    *is_later |= !id;
    if (id && id != node->valuestring) {
        cJSON_SetValuestring(node, id);
    }
    return NULL;
}

/* Put ids for the references in tree; an element with one that is not known
 * yet is left out. */
static scim_error_t *resolve_tree(cJSON *tree, int *is_later,
                                  scim_call_t *call)
{
    cJSON *next;
    cJSON *node;

    for (node = tree->child; node; node = next) {
        int is_nobody = 0;

        next = node->next;
        if (cJSON_IsString(node)) {
            SCIM_ERR(resolve_string(node, cJSON_IsArray(tree) ? &is_nobody
                                                              : is_later,
                                    call));
        }
        else {
            SCIM_ERR(resolve_tree(node, &is_nobody, call));
        }
        if (is_nobody) {
            cJSON_Delete(cJSON_DetachItemViaPointer(tree, node));
        }
    }
    return NULL;
}

/* body with ids in the place of bulkIds. */
static scim_error_t *resolve_references(const cJSON **body, scim_call_t *call)
{
    int is_later = 0;
    cJSON *copy;

    if (!call->resolve) {
        return NULL;
    }
    copy = scim_json_copy(*body, call->pool);
    *body = copy;
    return resolve_tree(copy, &is_later, call);
}

static scim_error_t *read_body(scim_group_change_t *change,
                               scim_call_t *call, const cJSON *body)
{
    SCIM_ERR(resolve_references(&body, call));
    return scim_group_change_read(change, body, &call->rules, call->notes,
                                  call->pool);
}

/* A group that could not be answered whole is not made in the first place. */
static scim_error_t *check_answer(scim_call_t *call,
                                  const scim_group_change_t *change)
{
    return !change->keep && change->added->nelts > call->max_members
           && wanted_parts(call) ? too_many(call) : NULL;
}

static scim_error_t *check_change(scim_call_t *call,
                                  const scim_group_change_t *change)
{
    SCIM_ERR(scim_work_check(call->rules.work, call->pool));
    SCIM_ERR(check_answer(call, change));
    SCIM_ERR(scim_names_check_length(call, change->attributes, NULL,
                                     "displayName"));
    SCIM_ERR(scim_names_check_length(call, change->attributes, NULL,
                                     "externalId"));
    return scim_names_check_display_name(call, change->attributes, NULL);
}

/* Writing */

static scim_error_t *name_taken(scim_call_t *call, const char *name)
{
    return scim_error(call->pool, SCIM_E_UNIQUENESS,
                      "Another group of this organization has the displayName"
                      " '%.120s' already.", name);
}

/* The group that a function returned, as it is answered.  A change that is
 * made is no error: if there are too many members, the answer has none. */
static scim_error_t *read_changed(cJSON **group, scim_call_t *call,
                                  const scim_rows_t *rows)
{
    scim_error_t *error;

    SCIM_ERR(read_group(group, call, rows, 0, 0));
    error = put_group_members(call, *group);
    if (error && error->kind == SCIM_E_TOO_MANY) {
        scim_note(call->notes, SCIM_NOTED_NO_MEMBERS, "SCIMMaxMembers",
                  NULL);
        return NULL;
    }
    return error;
}

static scim_error_t *run_creation(scim_rows_t **rows, scim_call_t *call,
                                  const scim_group_change_t *change)
{
    const scim_principal_t *actor = call->principal;
    const char *values[] = {
        actor->organization_id,
        scim_json_text(change->attributes, "displayName"),
        scim_json_text(change->attributes, "externalId"),
        scim_db_array(call->pool, change->added), SCIM_EVENT_CREATE,
        actor->actor_kind, actor->actor_id, actor->actor_name,
        scim_db_commits(call->db)
    };

    return scim_db_run(rows, call->db, SCIM_SQL_GROUP_CREATE,
                       SCIM_VALUES(values));
}

static scim_error_t *create_group(cJSON **group, scim_call_t *call,
                                  const cJSON *body)
{
    scim_group_change_t change;
    scim_rows_t *rows;

    SCIM_ERR(read_body(&change, call, body));
    SCIM_ERR(check_change(call, &change));
    SCIM_ERR(run_creation(&rows, call, &change));
    if (scim_rows_count(rows) == 0) {
        return name_taken(call, scim_json_text(change.attributes,
                                               "displayName"));
    }
    scim_events_tell(call->db, SCIM_EVENT_CREATE);
    return read_changed(group, call, rows);
}

/* What a request makes of a group. */
typedef struct {
    cJSON **group;
    const char *id;
    const scim_group_change_t *change;
    const char *kind;            /* of the event */
} group_write_t;

/* The version that the group must have: one that the request's conditions
 * allow.  NULL: any. */
static scim_error_t *expected_version(const char **version, scim_call_t *call,
                                      const char *id)
{
    scim_rows_t *rows;

    *version = NULL;
    if (!call->if_match && !call->if_none_match) {
        return scim_text_is_uuid(id) ? NULL
               : scim_store_not_found(call, &scim_group_type, id);
    }
    SCIM_ERR(read_group_row(&rows, call, id));
    *version = scim_rows_value(rows, 0, SCIM_GROUP_VERSION);
    return scim_store_check_version(call, *version);
}

/* What an attribute becomes: NULL as it is, "" nothing. */
static const char *new_text(const cJSON *attributes, const char *name)
{
    const cJSON *value = scim_json_member(attributes, name);

    return cJSON_IsNull(value) ? "" : cJSON_GetStringValue(value);
}

static scim_error_t *run_change(scim_rows_t **rows, scim_call_t *call,
                                const group_write_t *write,
                                const char *version)
{
    const scim_principal_t *actor = call->principal;
    const scim_group_change_t *change = write->change;
    const char *name = new_text(change->attributes, "displayName");
    const char *values[] = {
        actor->organization_id, write->id, version, name,
        new_text(change->attributes, "externalId"),
        change->keep ? "true" : "false",
        scim_db_array(call->pool, change->added),
        scim_db_array(call->pool, change->removed), write->kind,
        actor->actor_kind, actor->actor_id, actor->actor_name,
        scim_db_commits(call->db)
    };
    scim_error_t *error = scim_db_run(rows, call->db, SCIM_SQL_GROUP_CHANGE,
                                      SCIM_VALUES(values));

    return error && error->kind == SCIM_E_UNIQUENESS ? name_taken(call, name)
                                                     : error;
}

/* Whether a function found the group, and did what it was asked for. */
static scim_error_t *check_result(int *lost, scim_call_t *call,
                                  const scim_rows_t *rows, const char *id,
                                  int column)
{
    if (scim_rows_count(rows) == 0) {
        return scim_store_not_found(call, &scim_group_type, id);
    }
    *lost = !scim_rows_true(rows, 0, column);
    return NULL;
}

static scim_error_t *try_to_change_group(int *lost, scim_call_t *call,
                                         void *baton)
{
    const group_write_t *write = baton;
    const char *version;
    scim_rows_t *rows;

    SCIM_ERR(expected_version(&version, call, write->id));
    SCIM_ERR(run_change(&rows, call, write, version));
    SCIM_ERR(check_result(lost, call, rows, write->id, SCIM_GROUP_COLUMNS));
    if (*lost) {
        return NULL;
    }
    if (scim_rows_true(rows, 0, SCIM_GROUP_COLUMNS + 1)) {
        scim_events_tell(call->db, write->kind);
    }
    return read_changed(write->group, call, rows);
}

static scim_error_t *change_group(cJSON **group, scim_call_t *call,
                                  const char *id,
                                  const scim_group_change_t *change,
                                  const char *kind)
{
    group_write_t write = { group, id, change, kind };

    SCIM_ERR(check_change(call, change));
    return scim_store_change(call, try_to_change_group, &write);
}

static scim_error_t *replace_group(cJSON **group, scim_call_t *call,
                                   const char *id, const cJSON *body)
{
    scim_group_change_t change;

    SCIM_ERR(read_body(&change, call, body));
    return change_group(group, call, id, &change, SCIM_EVENT_PUT);
}

static scim_error_t *patch_group(cJSON **group, scim_call_t *call,
                                 const char *id, const cJSON *message)
{
    scim_group_change_t change;

    SCIM_ERR(resolve_references(&message, call));
    SCIM_ERR(scim_group_change_patch(&change, id, message, &call->rules,
                                     call->notes, call->pool));
    return change_group(group, call, id, &change, SCIM_EVENT_PATCH);
}

/* The members that were made by the same bulk request, but later. */
static scim_error_t *complete_group(cJSON **group, scim_call_t *call,
                                    const char *id, const cJSON *body)
{
    scim_group_change_t change;

    SCIM_ERR(read_body(&change, call, body));
    change.keep = 1;
    return change_group(group, call, id, &change, SCIM_EVENT_PATCH);
}

static scim_error_t *try_to_delete_group(int *lost, scim_call_t *call,
                                         void *id)
{
    const scim_principal_t *actor = call->principal;
    const char *values[] = {
        actor->organization_id, id, NULL, SCIM_EVENT_DELETE,
        actor->actor_kind, actor->actor_id, actor->actor_name,
        scim_db_commits(call->db)
    };
    scim_rows_t *rows;

    SCIM_ERR(expected_version(values + 2, call, id));
    SCIM_ERR(scim_db_run(&rows, call->db, SCIM_SQL_GROUP_DELETE,
                         SCIM_VALUES(values)));
    SCIM_ERR(check_result(lost, call, rows, id, 0));
    if (!*lost) {
        scim_events_tell(call->db, SCIM_EVENT_DELETE);
    }
    return NULL;
}

static scim_error_t *delete_group(scim_call_t *call, const char *id)
{
    return scim_store_change(call, try_to_delete_group, (void *) id);
}

const scim_resource_t scim_groups = {
    .type = &scim_group_type, .list = list_groups, .get = get_group,
    .create = create_group, .replace = replace_group, .patch = patch_group,
    .remove = delete_group, .complete = complete_group, .is_large = 1,
    .is_quiet = 1
};
