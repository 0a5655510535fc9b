/* SPDX-License-Identifier: Apache-2.0 */
/* Members for the settings page, see scim_members.h.
 *
 * A list has one statement for each kind of search, over the ranges of an
 * index that the chosen roles, states and labels are.  A member is edited by a
 * PATCH of the User, made of what was entered, so all of its rules hold here
 * as well.
 */
#include "resources/scim_members.h"

#include <string.h>

#include <apr_general.h>
#include <apr_strings.h>

#include "values/scim_json.h"
#include "values/scim_bounds.h"
#include "values/scim_text.h"
#include "resources/scim_accounts.h"
#include "values/scim_role.h"

#define MAX_SEARCH 200           /* characters */

/* The choices that each part of a query has; all of them where none is
 * made. */
static const char *const states[] = { "true", "false", NULL };
static const char *const labels[] = { "provisioned", "managed", "ineligible",
                                      "unmanaged", NULL };

static scim_error_t *choose(const char **array, const char *wanted,
                            const char *name, const char *const *choices,
                            apr_pool_t *pool)
{
    apr_array_header_t *chosen = apr_array_make(pool, 4,
                                                sizeof(const char *));

    for (; *choices; choices++) {
        if (!wanted || strcmp(wanted, *choices) == 0) {
            APR_ARRAY_PUSH(chosen, const char *) = *choices;
        }
    }
    if (chosen->nelts == 0) {
        return scim_error(pool, SCIM_E_INVALID_VALUE,
                          "Invalid value '%.20s' for %s.", wanted, name);
    }
    *array = scim_db_array(pool, chosen);
    return NULL;
}

static scim_error_t *parse(cJSON **object, const scim_rows_t *rows, int row,
                           int column, apr_pool_t *pool)
{
    const char *text = scim_rows_value(rows, row, column);

    return scim_json_parse(object, text, strlen(text), pool);
}

scim_error_t *scim_members_page(cJSON **page, const char *name,
                                const scim_rows_t *rows, int count,
                                apr_pool_t *pool)
{
    cJSON *list;
    int i;

    *page = scim_json_own(cJSON_CreateObject(), pool);
    list = cJSON_AddArrayToObject(*page, name);
    for (i = 0; i < scim_rows_count(rows) && i < count; i++) {
        cJSON *object;

        if (scim_rows_value(rows, i, 1)) {
            SCIM_ERR(parse(&object, rows, i, 1, pool));
            cJSON_AddItemToArray(list, cJSON_Duplicate(object, 1));
        }
    }
    if (scim_rows_count(rows) > count) {
        scim_json_put_text(*page, "next", scim_rows_value(rows, count - 1, 0));
    }
    return NULL;
}

scim_error_t *scim_members_check_search(const char *search, apr_pool_t *pool)
{
    return search && scim_text_length(search) > MAX_SEARCH
           ? scim_error(pool, SCIM_E_INVALID_VALUE, "The search is too long.")
           : NULL;
}

scim_error_t *scim_members_choose(const char *values[3],
                                  const scim_members_query_t *query,
                                  apr_pool_t *pool)
{
    SCIM_ERR(choose(&values[0], query->role, "role", scim_role_names, pool));
    SCIM_ERR(choose(&values[1], query->active, "active", states, pool));
    return choose(&values[2], query->label, "label", labels, pool);
}

scim_error_t *scim_members_list(cJSON **list, scim_call_t *call,
                                const scim_members_query_t *query)
{
    const char *values[7] = { call->principal->organization_id,
                              apr_itoa(call->pool, query->count + 1) };
    scim_rows_t *rows;

    SCIM_ERR(scim_members_choose(values + 2, query, call->pool));
    SCIM_ERR(scim_members_check_search(query->search, call->pool));
    values[query->search ? 6 : 5] = query->cursor ? query->cursor : "";
    if (query->search) {
        values[5] = query->search;
    }
    SCIM_ERR(scim_db_run(&rows, call->db,
                         query->search ? SCIM_SQL_MEMBER_SEARCH
                                       : SCIM_SQL_MEMBER_LIST,
                         query->search ? 7 : 6, values));
    return scim_members_page(list, "members", rows, query->count, call->pool);
}

scim_error_t *scim_members_count(cJSON **counts, scim_call_t *call)
{
    const char *values[] = { call->principal->organization_id };
    scim_rows_t *rows;

    SCIM_ERR(scim_db_run(&rows, call->db, SCIM_SQL_MEMBER_COUNTS,
                         SCIM_VALUES(values)));
    return parse(counts, rows, 0, 0, call->pool);
}

scim_error_t *scim_members_not_found(scim_call_t *call)
{
    return scim_error(call->pool, SCIM_E_NOT_FOUND,
                      "There is no such account (any more).");
}

scim_error_t *scim_members_get(cJSON **member, scim_call_t *call,
                               const char *id)
{
    const char *values[] = { call->principal->organization_id, id };
    scim_rows_t *rows;
    cJSON *user;

    if (!scim_text_is_uuid(id)) {
        return scim_members_not_found(call);
    }
    SCIM_ERR(scim_db_run(&rows, call->db, SCIM_SQL_MEMBER,
                         SCIM_VALUES(values)));
    if (scim_rows_count(rows) == 0) {
        return scim_members_not_found(call);
    }
    SCIM_ERR(parse(member, rows, 0, SCIM_ACCOUNT_COLUMNS, call->pool));
    SCIM_ERR(scim_accounts_read(&user, call, rows, 0, 0));
    user = cJSON_Duplicate(user, 1);
    scim_json_drop(user, "groups");
    scim_json_put(*member, "user", user);
    return NULL;
}

/* Editing */

static scim_error_t *check_display_name(scim_call_t *call,
                                        const cJSON *value, int is_own)
{
    const char *name = cJSON_GetStringValue(value);
    const char *flaw = name ? scim_text_flaw(call->pool, name,
                                             SCIM_TEXT_NAME)
                            : "must not be empty";

    if (flaw) {
        return scim_error(call->pool, SCIM_E_INVALID_VALUE, "The name %s.",
                          flaw);
    }
    return scim_text_length(name) <= SCIM_DISPLAY_NAME_MAX ? NULL
        : scim_error(call->pool, SCIM_E_INVALID_VALUE,
                     "The name must not be longer than "
                     APR_STRINGIFY(SCIM_DISPLAY_NAME_MAX) " characters.");
}

static scim_error_t *check_role(scim_call_t *call, const cJSON *value,
                                int is_own)
{
    const char *role = cJSON_GetStringValue(value);

    if (!role || scim_role_of(role) < 0) {
        return scim_error(call->pool, SCIM_E_INVALID_VALUE,
                          "The role must be ADMIN, USER or GUEST.");
    }
    return is_own && strcmp(role, SCIM_ROLE_ADMIN) != 0
           ? scim_error(call->pool, SCIM_E_FORBIDDEN,
                        "You cannot take the role ADMIN from yourself."
                        " Another administrator can.")
           : NULL;
}

static scim_error_t *check_active(scim_call_t *call, const cJSON *value,
                                  int is_own)
{
    if (!cJSON_IsBool(value)) {
        return scim_error(call->pool, SCIM_E_INVALID_VALUE,
                          "'active' must be true or false.");
    }
    return is_own && cJSON_IsFalse(value)
           ? scim_error(call->pool, SCIM_E_FORBIDDEN,
                        "You cannot deactivate yourself. Another"
                        " administrator can.")
           : NULL;
}

static scim_error_t *check_eligible(scim_call_t *call, const cJSON *value,
                                    int is_own)
{
    return cJSON_IsTrue(value) ? NULL
        : scim_error(call->pool, SCIM_E_INVALID_VALUE,
                     "'eligible' can only become true.");
}

/* What may be edited; path: where in the User, NULL: not there. */
static const struct {
    const char *name;
    const char *path;
    scim_error_t *(*check)(scim_call_t *call, const cJSON *value,
                           int is_own);
} fields[] = {
    { "displayName", "displayName", check_display_name },
    { "role", "roles[primary eq \"True\"].value", check_role },
    { "active", "active", check_active },
    { "eligible", NULL, check_eligible },
};
#define FIELDS (sizeof(fields) / sizeof(*fields))

static void put_operation(cJSON *operations, const char *path,
                          const cJSON *value)
{
    cJSON *operation = cJSON_CreateObject();

    cJSON_AddStringToObject(operation, "op", "replace");
    cJSON_AddStringToObject(operation, "path", path);
    cJSON_AddItemToObject(operation, "value", cJSON_Duplicate(value, 1));
    cJSON_AddItemToArray(operations, operation);
}

static scim_error_t *read_changes(cJSON *operations, const char **field,
                                  scim_call_t *call, int is_own,
                                  const cJSON *changes)
{
    const cJSON *value;

    cJSON_ArrayForEach(value, changes) {
        apr_size_t i = 0;

        while (i < FIELDS && strcmp(fields[i].name, value->string) != 0) {
            i++;
        }
        if (i == FIELDS) {
            return scim_error(call->pool, SCIM_E_INVALID_VALUE,
                              "'%.60s' cannot be changed here.",
                              value->string);
        }
        *field = fields[i].name;
        SCIM_ERR(fields[i].check(call, value, is_own));
        if (fields[i].path) {
            put_operation(operations, fields[i].path, value);
        }
    }
    *field = NULL;
    return NULL;
}

/* Whether there is the account and, if attributes are edited, whether that is
 * allowed: where the organization wants it, only its identity provider changes
 * the accounts that it provisions. */
static scim_error_t *check_member(scim_call_t *call, const char *id,
                                  int edits)
{
    const char *values[] = { call->principal->organization_id, id };
    scim_rows_t *rows;

    SCIM_ERR(scim_db_run(&rows, call->db, SCIM_SQL_MEMBER_IS_READ_ONLY,
                         SCIM_VALUES(values)));
    if (scim_rows_count(rows) == 0) {
        return scim_members_not_found(call);
    }
    return edits && scim_rows_true(rows, 0, 0)
           ? scim_error(call->pool, SCIM_E_FORBIDDEN,
                        "This account is provisioned, and this organization"
                        " has made such accounts read-only here. Change it in"
                        " your identity provider; the next sync brings the"
                        " change here.")
           : NULL;
}

scim_error_t *scim_members_edit(const char **field, scim_call_t *call,
                                const char *id, const cJSON *changes)
{
    cJSON *message = scim_json_own(cJSON_CreateObject(), call->pool);
    cJSON *operations = cJSON_AddArrayToObject(message, "Operations");
    int is_own = strcmp(id, call->principal->actor_id) == 0;
    cJSON *user;

    SCIM_ERR(read_changes(operations, field, call, is_own, changes));
    /* First what can be refused, so that a refusal has changed nothing. */
    SCIM_ERR(check_member(call, id, cJSON_GetArraySize(operations) > 0));
    if (cJSON_GetArraySize(operations) > 0) {
        SCIM_ERR(scim_accounts_patch(&user, call, id, message));
    }
    return cJSON_IsTrue(scim_json_member(changes, "eligible"))
           ? scim_accounts_make_eligible(call, id) : NULL;
}
