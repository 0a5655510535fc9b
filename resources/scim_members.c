/* SPDX-License-Identifier: Apache-2.0 */
/* Members for the settings page, see scim_members.h.
 *
 * A list by userName is read from the ranges of an index that the chosen
 * roles, states and labels are; for a search and for other orders there is
 * scim.find_members (schema.sql).  A cursor is the id of a member, a colon and
 * the key that the list is sorted by; without a colon, it has none.  A member
 * is edited by a PATCH of the User, made of what was entered, so all of its
 * rules hold here as well.
 */
#include "resources/scim_members.h"

#include <stdlib.h>
#include <string.h>

#include <apr_general.h>
#include <apr_strings.h>

#include "values/scim_csv.h"
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

/* The orders of a list, the first by default; which of them are by time, so
 * that the key of a place is a number of milliseconds. */
static const struct {
    const char *name;
    int is_by_time;
} sorts[] = {
    { "userName", 0 }, { "displayName", 0 },
    { "created", 1 }, { "lastModified", 1 }
};
#define SORTS (sizeof(sorts) / sizeof(*sorts))
#define BY_USER_NAME 0

#define UUID_LENGTH 36
#define LAST_KEY "\xF4\x8F\xBF\xBF"      /* behind all userNames */
#define MAX_TIME APR_INT64_C(1000000000000000) /* ms: the year 33658 */

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

/* A place between two members: the last one before it. */
typedef struct {
    const char *key;             /* by which it is sorted, or NULL */
    const char *id;              /* NULL: the beginning */
} spot_t;

static scim_error_t *read_spot(spot_t *place, const char *cursor,
                                apr_size_t sort, apr_pool_t *pool)
{
    apr_int64_t time = 0;

    place->key = place->id = NULL;
    if (!cursor) {
        return NULL;
    }
    place->id = apr_pstrndup(pool, cursor, UUID_LENGTH);
    if (scim_text_is_uuid(place->id) && cursor[UUID_LENGTH] == ':') {
        place->key = cursor + UUID_LENGTH + 1;
    }
    if (!scim_text_is_uuid(place->id)
        || (!place->key && (cursor[UUID_LENGTH] || sort == BY_USER_NAME
                            || sorts[sort].is_by_time))
        || (sorts[sort].is_by_time
            && (!scim_text_integer(place->key, &time)
                || time < -MAX_TIME || time > MAX_TIME))) {
        return scim_error(pool, SCIM_E_INVALID_VALUE,
                          "The cursor is not one of this list.");
    }
    return NULL;
}

/* What a query asks for, as values of its statements. */
typedef struct {
    apr_size_t sort;
    const char *roles;
    const char *states;
    const char *labels;
    spot_t place;
} choice_t;

/* A search takes no choice as NULL, which saves a comparison for each row. */
static scim_error_t *read_choices(choice_t *choice,
                                  const scim_members_query_t *query,
                                  apr_pool_t *pool)
{
    int names_all = query->search == NULL;

    SCIM_ERR(scim_members_check_search(query->search, pool));
    choice->roles = choice->states = choice->labels = NULL;
    if (names_all || query->role) {
        SCIM_ERR(choose(&choice->roles, query->role, "role", scim_role_names,
                        pool));
    }
    if (names_all || query->active) {
        SCIM_ERR(choose(&choice->states, query->active, "active", states,
                        pool));
    }
    return names_all || query->label
           ? choose(&choice->labels, query->label, "label", labels, pool)
           : NULL;
}

static scim_error_t *read_order(choice_t *choice, int *is_descending,
                                const scim_members_query_t *query,
                                apr_pool_t *pool)
{
    choice->sort = BY_USER_NAME;
    while (query->sort && choice->sort < SORTS
           && strcmp(query->sort, sorts[choice->sort].name) != 0) {
        choice->sort++;
    }
    if (choice->sort == SORTS) {
        return scim_error(pool, SCIM_E_INVALID_VALUE,
                          "Invalid value '%.20s' for %s.", query->sort,
                          "sort");
    }
    *is_descending = query->order && strcmp(query->order, "descending") == 0;
    if (query->order && !*is_descending
        && strcmp(query->order, "ascending") != 0) {
        return scim_error(pool, SCIM_E_INVALID_VALUE,
                          "Invalid value '%.20s' for %s.", query->order,
                          "order");
    }
    if (query->is_back) {
        *is_descending = !*is_descending;
    }
    return NULL;
}

/* The rows of a page and one more, from its place on in one direction. */
static scim_error_t *find_rows(scim_rows_t **rows, scim_call_t *call,
                               const scim_members_query_t *query,
                               const choice_t *choice, int is_descending)
{
    const char *first = is_descending ? LAST_KEY : "";
    const char *key = choice->place.key;
    const char *is_page = query->is_whole ? "false" : "true";
    const char *values[] = {
        call->principal->organization_id,
        apr_itoa(call->pool, query->count + 1), choice->roles, choice->states,
        choice->labels, query->search, sorts[choice->sort].name,
        is_descending ? "true" : "false", key, choice->place.id, is_page
    };

    if (choice->sort != BY_USER_NAME || (query->search && is_descending)) {
        return scim_db_run(rows, call->db, SCIM_SQL_MEMBER_FIND,
                           SCIM_VALUES(values));
    }
    if (query->search) {
        values[6] = key;
        values[7] = is_page;
        return scim_db_run(rows, call->db, SCIM_SQL_MEMBER_SEARCH, 8, values);
    }
    values[5] = key ? key : first;
    return scim_db_run(rows, call->db,
                       is_descending ? SCIM_SQL_MEMBER_LIST_BACK
                                     : SCIM_SQL_MEMBER_LIST, 6, values);
}

static void put_cursor(cJSON *list, const char *name, const scim_rows_t *rows,
                       int row, apr_pool_t *pool)
{
    const char *key = scim_rows_value(rows, row, 0);

    scim_json_put_text(list, name,
                       apr_pstrcat(pool, scim_rows_value(rows, row, 1),
                                   key ? ":" : "", key, NULL));
}

scim_error_t *scim_members_list(cJSON **list, scim_call_t *call,
                                const scim_members_query_t *query)
{
    apr_pool_t *pool = call->pool;
    choice_t choice;
    scim_rows_t *rows;
    int is_descending, has_more, count, i;
    int is_partial = 0;
    cJSON *members;

    SCIM_ERR(read_choices(&choice, query, pool));
    SCIM_ERR(read_order(&choice, &is_descending, query, pool));
    SCIM_ERR(read_spot(&choice.place, query->cursor, choice.sort, pool));
    SCIM_ERR(find_rows(&rows, call, query, &choice, is_descending));
    *list = scim_json_own(cJSON_CreateObject(), pool);
    members = cJSON_AddArrayToObject(*list, "members");
    has_more = scim_rows_count(rows) > query->count;
    count = has_more ? query->count : scim_rows_count(rows);
    for (i = 0; i < count; i++) {
        cJSON *member;

        SCIM_ERR(parse(&member, rows, query->is_back ? count - 1 - i : i, 2,
                       pool));
        cJSON_AddItemToArray(members, cJSON_Duplicate(member, 1));
        is_partial |= scim_rows_true(rows, i, 3);
    }
    cJSON_AddBoolToObject(*list, "isPartial", is_partial);
    if (count > 0 && (query->is_back || has_more)) {
        put_cursor(*list, "next", rows, query->is_back ? 0 : count - 1, pool);
    }
    if (count > 0 && (query->is_back ? has_more : query->cursor != NULL)) {
        put_cursor(*list, "previous", rows, query->is_back ? count - 1 : 0,
                   pool);
    }
    return NULL;
}

scim_error_t *scim_members_total(cJSON **total, scim_call_t *call,
                                 const scim_members_query_t *query)
{
    const char *values[5] = { call->principal->organization_id };
    choice_t choice;
    scim_rows_t *rows;
    int found;

    SCIM_ERR(read_choices(&choice, query, call->pool));
    values[1] = choice.roles;
    values[2] = choice.states;
    values[3] = choice.labels;
    values[4] = query->search;
    SCIM_ERR(scim_db_run(&rows, call->db, SCIM_SQL_MEMBER_TOTAL,
                         SCIM_VALUES(values)));
    found = atoi(scim_rows_value(rows, 0, 0));
    *total = scim_json_own(cJSON_CreateObject(), call->pool);
    cJSON_AddNumberToObject(*total, "total",
                            found > SCIM_MANY ? SCIM_MANY : found);
    cJSON_AddBoolToObject(*total, "totalIsMore", found > SCIM_MANY);
    return NULL;
}

/* The columns of a file of members: a member of the object, or one of the
 * object in it. */
static const struct {
    const char *name;
    const char *outer;
    const char *inner;
} csv_columns[] = {
    { "id", NULL, "id" },
    { "userName", NULL, "userName" },
    { "displayName", NULL, "displayName" },
    { "email", NULL, "email" },
    { "role", NULL, "role" },
    { "active", NULL, "active" },
    { "label", NULL, "label" },
    { "lastSync", "lastSync", "at" },
    { "lastSyncToken", "lastSync", "token" },
    { "manager", "manager", "userName" },
    { "created", NULL, "created" },
    { "lastModified", NULL, "lastModified" }
};
#define CSV_COLUMNS (sizeof(csv_columns) / sizeof(*csv_columns))

const char *scim_members_csv_head(apr_pool_t *pool)
{
    const char *fields[CSV_COLUMNS];
    apr_size_t i;

    for (i = 0; i < CSV_COLUMNS; i++) {
        fields[i] = csv_columns[i].name;
    }
    return scim_csv_line(fields, CSV_COLUMNS, pool);
}

const char *scim_members_csv_line(const cJSON *member, apr_pool_t *pool)
{
    const char *fields[CSV_COLUMNS];
    apr_size_t i;

    for (i = 0; i < CSV_COLUMNS; i++) {
        const cJSON *object = csv_columns[i].outer
            ? scim_json_member(member, csv_columns[i].outer) : member;
        const cJSON *value = scim_json_member(object, csv_columns[i].inner);

        fields[i] = cJSON_IsBool(value)
                    ? (cJSON_IsTrue(value) ? "true" : "false")
                    : cJSON_GetStringValue(value);
    }
    return scim_csv_line(fields, CSV_COLUMNS, pool);
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
