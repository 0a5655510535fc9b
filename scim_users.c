/* SPDX-License-Identifier: Apache-2.0 */
/* Accounts as Users, see scim_users.h.
 *
 * From the top: a row becomes a resource; settle and the functions that it
 * calls apply the rules for a resource before it is stored; then the writes.
 * PUT and PATCH share change_account, which reads the account, transforms it,
 * settles it and writes it if it still has the version that was read;
 * otherwise another writer was faster, and it starts again.  Each write is one
 * statement that stores the events as well.
 */
#include "scim_users.h"

#include <string.h>

#include <apr_strings.h>

#include "resources/scim_accounts.h"
#include "resources/scim_events.h"
#include "resources/scim_names.h"
#include "resources/scim_size.h"
#include "resources/scim_store.h"
#include "rules/scim_patch.h"
#include "rules/scim_shape.h"
#include "scim_roles.h"
#include "values/scim_json.h"
#include "values/scim_text.h"

/* Attributes that have text columns (statements.sql), the last values of
 * ACCOUNT_INSERT and ACCOUNT_UPDATE. */
static const struct {
    const char *name;
    int column;
} text_columns[] = {
#define TEXT_COLUMN(column, name) { name, column },
    SCIM_ACCOUNT_TEXTS(TEXT_COLUMN)
};
#define TEXT_COLUMNS (sizeof(text_columns) / sizeof(*text_columns))

static const scim_store_t accounts = {
    &scim_user_type, "scim.account", scim_account_columns,
    SCIM_ACCOUNT_COLUMNS, scim_accounts_read
};

static scim_error_t *read_with_groups(cJSON **user, scim_call_t *call,
                                      const scim_rows_t *rows, int row,
                                      int column);

static const scim_store_t accounts_with_groups = {
    &scim_user_type, "scim.account", scim_account_with_groups_columns,
    SCIM_ACCOUNT_WITH_GROUPS_COLUMNS, read_with_groups
};

/* An account that was read. */
typedef struct {
    cJSON *resource;
    const char *id;
    const char *version;
    int managed;
    int sync_eligible;
} account_t;

/* Makes the resource that a request wants from the stored account. */
typedef scim_error_t *transform_fn(cJSON **wanted, scim_call_t *call,
                                   const account_t *account,
                                   const cJSON *body);

/* From rows to resources */

static cJSON *manager_of(const cJSON *resource)
{
    return scim_json_member(scim_json_member(resource, SCIM_URN_ENTERPRISE),
                            "manager");
}

/* RFC 7643 section 4.3. */
void scim_accounts_put_manager(scim_call_t *call, cJSON *resource)
{
    cJSON *manager = manager_of(resource);
    const char *id = scim_json_text(manager, "value");

    if (id && scim_text_is_uri(id)) {
        scim_json_put_text(manager, "$ref",
                           apr_pstrcat(call->pool, call->base,
                                       scim_user_type.endpoint, "/", id,
                                       NULL));
    }
}

static scim_error_t *unreadable_account(scim_call_t *call, const char *id)
{
    return scim_error_caused(call->pool, SCIM_E_INTERNAL,
                             SCIM_SERVER_FAILED,
                             apr_psprintf(call->pool, "the attributes of"
                                          " account %s cannot be read", id));
}

scim_error_t *scim_accounts_read(cJSON **user, scim_call_t *call,
                                 const scim_rows_t *rows, int row, int column)
{
    const char *text = scim_rows_value(rows, row, column
                                                  + SCIM_ACCOUNT_ATTRIBUTES);
    cJSON *resource = scim_json_stored(text, call->pool);
    apr_size_t i;

    if (!resource) {
        return unreadable_account(call, scim_rows_value(rows, row,
                                  column + SCIM_ACCOUNT_ID));
    }
    scim_work_take_tree(call->rules.work, resource, strlen(text));
    scim_shape_drop_misfits(resource, &scim_user_type);
    if (scim_json_is_unassigned(scim_json_member(resource, "roles"))) {
        scim_json_drop(resource, "roles");
    }
    scim_roles_read(resource, scim_rows_value(rows, row,
                                              column + SCIM_ACCOUNT_ROLE));
    for (i = 0; i < TEXT_COLUMNS; i++) {
        scim_json_put_text(resource, text_columns[i].name,
                           scim_rows_value(rows, row, column
                                           + text_columns[i].column));
    }
    scim_json_put(resource, "active",
                  cJSON_CreateBool(scim_rows_true(rows, row, column
                                                  + SCIM_ACCOUNT_ACTIVE)));
    scim_accounts_put_manager(call, resource);
    scim_store_put_meta(resource, call, &accounts, rows, row, column);
    *user = resource;
    return NULL;
}

/* The Groups that the account is in: their ids, types and names are the
 * database's, the URLs are ours. */
static void put_groups(scim_call_t *call, cJSON *resource, const char *text)
{
    cJSON *groups = text ? scim_json_stored(text, call->pool) : NULL;
    cJSON *copy = groups ? cJSON_Duplicate(groups, 1) : NULL;
    cJSON *group;

    cJSON_ArrayForEach(group, copy) {
        scim_json_put_text(group, "$ref",
                           apr_pstrcat(call->pool, call->base,
                                       scim_group_type.endpoint, "/",
                                       scim_json_text(group, "value"),
                                       NULL));
    }
    if (copy) {
        scim_json_put(resource, "groups", copy);
    }
}

static scim_error_t *read_with_groups(cJSON **user, scim_call_t *call,
                                      const scim_rows_t *rows, int row,
                                      int column)
{
    SCIM_ERR(scim_accounts_read(user, call, rows, row, column));
    put_groups(call, *user,
               scim_rows_value(rows, row, column
                                          + SCIM_ACCOUNT_WITH_GROUPS_GROUPS));
    return NULL;
}

static scim_error_t *read_account(account_t *account, scim_call_t *call,
                                  const char *id)
{
    const char *values[] = { call->principal->organization_id, id };
    scim_rows_t *rows;

    if (!scim_text_is_uuid(id)) {
        return scim_store_not_found(call, &scim_user_type, id);
    }
    SCIM_ERR(scim_db_run(&rows, call->db, call->principal->has_groups
                                          ? SCIM_SQL_ACCOUNT_WITH_GROUPS
                                          : SCIM_SQL_ACCOUNT_BY_ID,
                         SCIM_VALUES(values)));
    if (scim_rows_count(rows) == 0) {
        return scim_store_not_found(call, &scim_user_type, id);
    }
    account->id = scim_rows_value(rows, 0, SCIM_ACCOUNT_ID);
    account->version = scim_rows_value(rows, 0, SCIM_ACCOUNT_VERSION);
    account->managed = scim_rows_true(rows, 0, SCIM_ACCOUNT_MANAGED);
    account->sync_eligible = scim_rows_true(rows, 0,
                                            SCIM_ACCOUNT_SYNC_ELIGIBLE);
    return call->principal->has_groups
           ? read_with_groups(&account->resource, call, rows, 0, 0)
           : scim_accounts_read(&account->resource, call, rows, 0, 0);
}

static scim_error_t *get_user(cJSON **user, scim_call_t *call, const char *id)
{
    account_t account;

    SCIM_ERR(read_account(&account, call, id));
    *user = account.resource;
    return NULL;
}

/* The rules of the profile managed */

static void derive_display_name(scim_call_t *call, cJSON *resource)
{
    if (!scim_json_text(resource, "displayName")) {
        scim_json_put_text(resource, "displayName",
                           scim_names_full(resource, call->pool));
    }
}

static void put_default(cJSON *resource, const char *name, const char *text)
{
    if (!scim_json_text(resource, name)) {
        scim_json_put_text(resource, name, text);
    }
}

/* Immutable attributes get their values at creation, by default the token
 * issuer's.  A later change is ignored; strictly it is an error (RFC 7644
 * section 3.5). */
static scim_error_t *settle_immutable(scim_call_t *call, cJSON *resource,
                                      const cJSON *before)
{
    const scim_principal_t *issuer = call->principal;
    const scim_attribute_t *row = scim_user_type.core->attributes;

    if (!before) {
        put_default(resource, "preferredLanguage", issuer->language);
        put_default(resource, "timezone", issuer->timezone);
        return NULL;
    }
    for (; row->name; row++) {
        const char *stored = scim_json_text(before, row->name);
        const char *wanted = scim_json_text(resource, row->name);

        if (scim_attribute_mutability(row, &call->rules) != SCIM_IMMUTABLE
            || !stored || (wanted && strcmp(wanted, stored) == 0)) {
            continue;
        }
        if (call->rules.strict) {
            return scim_error(call->pool, SCIM_E_MUTABILITY,
                              "Attribute '%s' is immutable.", row->name);
        }
        scim_note(call->notes, wanted ? SCIM_NOTED_SET_ONCE : SCIM_NOTED_KEPT,
                  row->name, stored);
        scim_json_put_text(resource, row->name, stored);
    }
    return NULL;
}

static scim_error_t *resolve_bulk_id(const char **id, scim_call_t *call,
                                     const char *reference)
{
    return call->resolve
           ? call->resolve(id, call->resolve_baton,
                           reference + strlen(SCIM_BULK_ID), call->pool)
           : scim_error(call->pool, SCIM_E_INVALID_VALUE,
                        "'%.60s' can only be used in a bulk request.",
                        reference);
}

/* manager is the only reference in a User.  "bulkId:x" is the id of the
 * resource that another operation of the bulk request creates (RFC 7644
 * section 3.7.2); $ref without value ends in the id (RFC 7643 section 2.4). */
static scim_error_t *resolve_manager(scim_call_t *call, cJSON *resource,
                                     const cJSON *before)
{
    const scim_attribute_t *table = scim_user_type.extensions[0]->attributes;
    cJSON *manager = manager_of(resource);
    int is_new = scim_json_text(manager, "$ref") != NULL;
    const char *id_before = scim_json_text(manager_of(before), "value");
    const char *id, *last;

    if (!manager) {
        return NULL;
    }
    SCIM_ERR(scim_schema_read_reference(manager,
                                        scim_attribute_find(table,
                                                            "manager"),
                                        &call->rules, call->notes,
                                        call->pool));
    id = scim_json_text(manager, "value");
    if (!id) {
        return NULL;
    }
    if (!is_new && id_before && strcmp(id, id_before) == 0) {
        scim_accounts_put_manager(call, resource);
        return NULL;
    }
    last = scim_text_last_segment(id);
    if (strncmp(last, SCIM_BULK_ID, strlen(SCIM_BULK_ID)) == 0) {
        SCIM_ERR(resolve_bulk_id(&id, call, last));
    }
    scim_json_put_text(manager, "value", id);
    scim_accounts_put_manager(call, resource);
    return NULL;
}

static scim_error_t *check_lengths(scim_call_t *call, const cJSON *resource,
                                   const cJSON *before)
{
    apr_size_t i;

    for (i = 0; i < TEXT_COLUMNS; i++) {
        SCIM_ERR(scim_names_check_length(call, resource, before,
                                         text_columns[i].name));
    }
    return NULL;
}

/* A missing value must not let a person in or out. */
static void settle_active(cJSON *resource, const cJSON *before)
{
    if (!scim_json_member(resource, "active")) {
        scim_json_put(resource, "active",
                      cJSON_CreateBool(!before
                          || cJSON_IsTrue(scim_json_member(before,
                                                           "active"))));
    }
}

/* Settle resource; *role is the role that its roles result in.  before is the
 * stored resource, NULL at creation. */
static scim_error_t *settle(const char **role, scim_call_t *call,
                            cJSON *resource, const cJSON *before)
{
    apr_size_t bytes = scim_json_size(resource);

    scim_work_take_tree(call->rules.work, resource, bytes);
    SCIM_ERR(scim_work_check(call->rules.work, call->pool));
    SCIM_ERR(scim_size_check(call, resource, bytes, before));
    SCIM_ERR(resolve_manager(call, resource, before));
    scim_shape_drop_husks(resource, &scim_user_type, &call->rules);
    settle_active(resource, before);
    if (call->rules.managed) {
        derive_display_name(call, resource);
        SCIM_ERR(settle_immutable(call, resource, before));
    }
    SCIM_ERR(scim_names_check_roles(call, resource, before));
    *role = scim_roles_settle(resource, before, &call->rules, call->notes,
                              call->pool);
    SCIM_ERR(scim_schema_validate(resource, before, &scim_user_type,
                                  &call->rules, call->pool));
    SCIM_ERR(check_lengths(call, resource, before));
    return scim_names_check(call, resource, before);
}

/* Writing */

/* The resource without the columns, for account.attributes. */
static const char *attributes_of(scim_call_t *call, const cJSON *resource)
{
    cJSON *rest = scim_json_copy(resource, call->pool);
    apr_size_t i;

    for (i = 0; i < TEXT_COLUMNS; i++) {
        scim_json_drop(rest, text_columns[i].name);
    }
    scim_json_drop(rest, "active");
    scim_json_drop(rest, "groups");
    scim_json_drop(rest, "id");
    scim_json_drop(rest, "meta");
    scim_json_drop(manager_of(rest), "$ref");
    /* The database would derive a missing list from the column. */
    if (!scim_json_member(rest, "roles")) {
        scim_json_put(rest, "roles", cJSON_CreateArray());
    }
    return scim_json_print(rest, call->pool);
}

#define COLUMN_VALUES SCIM_ACCOUNT_COLUMN_VALUES
#define EVENT_VALUES SCIM_ACCOUNT_EVENT_VALUES
#define INSERT_VALUES (1 + EVENT_VALUES + COLUMN_VALUES)

const char *scim_accounts_role(cJSON *resource, scim_call_t *call)
{
    scim_rules_t rules = call->rules;

    rules.managed = 0;
    return scim_roles_settle(resource, NULL, &rules, call->notes, call->pool);
}

void scim_accounts_put_columns(const char **values, scim_call_t *call,
                               const cJSON *resource, const char *role)
{
    apr_size_t i;

    *values++ = role;
    *values++ = cJSON_IsTrue(scim_json_member(resource, "active"))
                ? "true" : "false";
    *values++ = attributes_of(call, resource);
    for (i = 0; i < TEXT_COLUMNS; i++) {
        *values++ = scim_json_text(resource, text_columns[i].name);
    }
}

void scim_accounts_put_events(const char **values, scim_call_t *call,
                              const scim_change_t *change)
{
    values[0] = change->kinds;
    values[1] = call->principal->actor_kind;
    values[2] = call->principal->actor_id;
    values[3] = call->principal->actor_name;
    values[4] = change->changed;
    values[5] = change->data;
    values[6] = scim_db_commits(call->db);
}

static scim_error_t *conflict(scim_call_t *call, const cJSON *resource)
{
    return scim_error(call->pool, SCIM_E_UNIQUENESS,
                      "Another account of this organization has the userName"
                      " '%.120s' already.",
                      scim_json_text(resource, "userName"));
}

/* The User that is created from the body of a request. */
static scim_error_t *read_new(cJSON **wanted, const char **role,
                              scim_call_t *call, const cJSON *body)
{
    SCIM_ERR(scim_patch_read(wanted, body, &scim_user_type, &call->rules,
                             call->notes, call->pool));
    return settle(role, call, *wanted, NULL);
}

/* The parameters of INSERT, and the resource that it creates. */
static scim_error_t *prepare_insert(cJSON **wanted, const char **values,
                                    scim_call_t *call, const cJSON *body)
{
    const char *role;

    SCIM_ERR(read_new(wanted, &role, call, body));
    values[0] = call->principal->organization_id;
    scim_accounts_put_events(values + 1, call,
                             scim_events_compare(NULL, *wanted,
                                                 SCIM_EVENT_CREATE,
                                                 call->pool));
    scim_accounts_put_columns(values + 1 + EVENT_VALUES, call, *wanted, role);
    return NULL;
}

static scim_error_t *read_inserted(cJSON **user, scim_call_t *call,
                                   const scim_rows_t *rows,
                                   const cJSON *wanted)
{
    if (scim_rows_count(rows) == 0) {
        return conflict(call, wanted);
    }
    scim_events_tell(call->db, SCIM_EVENT_CREATE);
    return scim_accounts_read(user, call, rows, 0, 1);
}

/* A User that is not valid for a new account may have the userName of an
 * existing one: a client that takes that over after 409 must not get 400. */
static scim_error_t *or_conflict(scim_call_t *call, const cJSON *wanted,
                                 scim_error_t *error)
{
    const char *values[] = { call->principal->organization_id,
                             scim_json_text(wanted, "userName") };
    scim_rows_t *rows;

    if (!values[1] || error->kind != SCIM_E_INVALID_VALUE) {
        return error;
    }
    SCIM_ERR(scim_db_run(&rows, call->db, SCIM_SQL_ACCOUNT_BY_USER_NAME,
                         SCIM_VALUES(values)));
    return scim_rows_count(rows) > 0 ? conflict(call, wanted) : error;
}

static scim_error_t *create_user(cJSON **user, scim_call_t *call,
                                 const cJSON *body)
{
    const char *values[INSERT_VALUES];
    scim_error_t *error;
    scim_rows_t *rows;
    cJSON *wanted = NULL;

    error = prepare_insert(&wanted, values, call, body);
    if (error) {
        return or_conflict(call, wanted, error);
    }
    SCIM_ERR(scim_db_run(&rows, call->db, SCIM_SQL_ACCOUNT_INSERT,
                         SCIM_VALUES(values)));
    return read_inserted(user, call, rows, wanted);
}

static scim_error_t *begin_users(scim_call_t *call)
{
    return scim_db_begin_pipeline(call->db, SCIM_SQL_ACCOUNT_INSERT);
}

static scim_error_t *send_user(cJSON **wanted, scim_call_t *call,
                               const cJSON *body)
{
    const char *values[INSERT_VALUES];

    SCIM_ERR(prepare_insert(wanted, values, call, body));
    return scim_db_send(call->db, SCIM_SQL_ACCOUNT_INSERT,
                        SCIM_VALUES(values));
}

static scim_error_t *receive_user(cJSON **user, scim_call_t *call,
                                  const cJSON *wanted)
{
    scim_rows_t *rows;

    SCIM_ERR(scim_db_receive(&rows, call->db));
    return read_inserted(user, call, rows, wanted);
}

scim_error_t *scim_accounts_check_managed(scim_call_t *call, int managed)
{
    return managed ? NULL
        : scim_error(call->pool, SCIM_E_FORBIDDEN,
                     "This account is not a Managed Account: its owner"
                     " administers it. If the owner agrees, whoever runs"
                     " this server can make it a Managed Account.");
}

static scim_error_t *check_writable(scim_call_t *call,
                                    const account_t *account)
{
    SCIM_ERR(scim_accounts_check_managed(call, account->managed));
    if (!account->sync_eligible
        && strcmp(call->principal->actor_kind, "token") == 0) {
        return scim_error(call->pool, SCIM_E_FORBIDDEN,
                          "This Managed Account is not eligible for"
                          " provisioning yet. Make it eligible, or edit"
                          " it, on its page in the settings first.");
    }
    return NULL;
}

/* Read the account, if the request may change it. */
static scim_error_t *read_writable(account_t *account, scim_call_t *call,
                                   const char *id)
{
    SCIM_ERR(read_account(account, call, id));
    SCIM_ERR(scim_store_check_version(call, account->version));
    return check_writable(call, account);
}

/* A change of an account does not change its groups. */
static scim_error_t *read_updated(cJSON **user, scim_call_t *call,
                                  const scim_rows_t *rows,
                                  const account_t *before)
{
    const cJSON *groups = scim_json_member(before->resource, "groups");

    SCIM_ERR(scim_accounts_read(user, call, rows, 0, 1));
    if (groups) {
        scim_json_put(*user, "groups", cJSON_Duplicate(groups, 1));
    }
    return NULL;
}

/* *lost: another write was faster, and no row had the version. */
static scim_error_t *update(cJSON **user, int *lost, scim_call_t *call,
                            const account_t *account, const cJSON *wanted,
                            const char *role, const char *kind)
{
    const char *values[3 + EVENT_VALUES + COLUMN_VALUES] = {
        call->principal->organization_id, account->id, account->version
    };
    const scim_change_t *change = scim_events_compare(account->resource,
                                                      wanted, kind,
                                                      call->pool);
    scim_error_t *error;
    scim_rows_t *rows;

    *lost = 0;
    *user = account->resource;
    if (!change) {
        return NULL;
    }
    scim_accounts_put_events(values + 3, call, change);
    scim_accounts_put_columns(values + 3 + EVENT_VALUES, call, wanted, role);
    error = scim_db_run(&rows, call->db, SCIM_SQL_ACCOUNT_UPDATE,
                        SCIM_VALUES(values));
    if (error && error->kind == SCIM_E_UNIQUENESS) {
        return conflict(call, wanted);
    }
    SCIM_ERR(error);
    *lost = scim_rows_count(rows) == 0;
    if (*lost) {
        return NULL;
    }
    scim_events_tell(call->db, change->kinds);
    return read_updated(user, call, rows, account);
}

/* A change of an account by a request. */
typedef struct {
    cJSON **user;
    const char *id;
    transform_fn *transform;
    const cJSON *body;
    const char *kind;            /* of the event */
} change_t;

static scim_error_t *try_to_change(int *lost, scim_call_t *call, void *baton)
{
    const change_t *change = baton;
    const char *role;
    account_t account;
    cJSON *wanted;

    SCIM_ERR(read_writable(&account, call, change->id));
    SCIM_ERR(change->transform(&wanted, call, &account, change->body));
    SCIM_ERR(settle(&role, call, wanted, account.resource));
    return update(change->user, lost, call, &account, wanted, role,
                  change->kind);
}

static scim_error_t *change_account(cJSON **user, scim_call_t *call,
                                    const char *id, transform_fn *transform,
                                    const cJSON *body, const char *kind)
{
    change_t change = { user, id, transform, body, kind };

    return scim_store_change(call, try_to_change, &change);
}

/* A new $ref together with the old value is another manager. */
static void follow_reference(cJSON *manager, const cJSON *before)
{
    const char *id = scim_json_text(manager, "value");
    const char *id_before = scim_json_text(before, "value");

    if (scim_json_text(manager, "$ref") && id && id_before
        && strcmp(id, id_before) == 0) {
        scim_json_drop(manager, "value");
    }
}

static scim_error_t *patched(cJSON **wanted, scim_call_t *call,
                             const cJSON *stored, const cJSON *message)
{
    *wanted = scim_json_copy(stored, call->pool);
    scim_json_drop(manager_of(*wanted), "$ref");
    SCIM_ERR(scim_patch_apply(*wanted, message, &scim_user_type, &call->rules,
                              call->notes, call->pool));
    follow_reference(manager_of(*wanted), manager_of(stored));
    return NULL;
}

static scim_error_t *apply_patch(cJSON **wanted, scim_call_t *call,
                                 const account_t *account,
                                 const cJSON *body)
{
    return patched(wanted, call, account->resource, body);
}

/* Only the manager of the body from which the account was created. */
static scim_error_t *apply_manager(cJSON **wanted, scim_call_t *call,
                                   const account_t *account,
                                   const cJSON *body)
{
    cJSON *created = NULL;
    cJSON *enterprise;

    SCIM_ERR(scim_patch_read(&created, body, &scim_user_type, &call->rules,
                             call->notes, call->pool));
    SCIM_ERR(resolve_manager(call, created, NULL));
    scim_json_drop(manager_of(created), "$ref");
    *wanted = scim_json_copy(account->resource, call->pool);
    enterprise = scim_json_member(*wanted, SCIM_URN_ENTERPRISE);
    if (!enterprise) {
        enterprise = cJSON_AddObjectToObject(*wanted, SCIM_URN_ENTERPRISE);
    }
    scim_json_put(enterprise, "manager",
                  cJSON_Duplicate(manager_of(created), 1));
    return NULL;
}

scim_error_t *scim_accounts_patch(cJSON **user, scim_call_t *call,
                                  const char *id, const cJSON *message)
{
    return change_account(user, call, id, apply_patch, message,
                          SCIM_EVENT_PATCH);
}

scim_error_t *scim_accounts_settle_new(scim_account_values_t *account,
                                       scim_call_t *call, const cJSON *body)
{
    const char *role;
    cJSON *wanted = NULL;

    SCIM_ERR(read_new(&wanted, &role, call, body));
    account->change = scim_events_compare(NULL, wanted, SCIM_EVENT_CREATE,
                                          call->pool);
    scim_accounts_put_columns(account->columns, call, wanted, role);
    return NULL;
}

scim_error_t *scim_accounts_settle_patch(scim_account_values_t *account,
                                         scim_call_t *call,
                                         const cJSON *stored,
                                         const cJSON *message)
{
    const char *role;
    cJSON *wanted;

    SCIM_ERR(patched(&wanted, call, stored, message));
    SCIM_ERR(settle(&role, call, wanted, stored));
    account->change = scim_events_compare(stored, wanted, SCIM_EVENT_PATCH,
                                          call->pool);
    scim_accounts_put_columns(account->columns, call, wanted, role);
    return NULL;
}

static void keep(cJSON *wanted, const cJSON *stored, const char *name)
{
    if (!scim_json_member(wanted, name) && scim_json_member(stored, name)) {
        scim_json_put(wanted, name,
                      cJSON_Duplicate(scim_json_member(stored, name), 1));
    }
}

static void keep_immutable(scim_call_t *call, cJSON *wanted,
                           const cJSON *stored)
{
    const scim_attribute_t *row = scim_user_type.core->attributes;

    for (; row->name; row++) {
        if (scim_attribute_mutability(row, &call->rules) == SCIM_IMMUTABLE) {
            keep(wanted, stored, row->name);
        }
    }
}

/* The roles of a body: by their name, with the core URN in front, or in an
 * object of that URN. */
static const cJSON *sent_roles(scim_call_t *call, const cJSON *body)
{
    const char *urn = scim_user_type.core->urn;
    const cJSON *roles = scim_json_member_nocase(body, "roles");
    const cJSON *core;

    if (!roles) {
        roles = scim_json_member_nocase(body, apr_pstrcat(call->pool, urn,
                                                          ":roles", NULL));
    }
    if (!roles) {
        core = scim_shape_of_object(scim_json_member_nocase(body, urn),
                                    &call->rules, call->pool);
        roles = scim_json_member_nocase(core, "roles");
    }
    return scim_shape_of_list(roles, &call->rules, call->pool);
}

/* A request that does not mention roles must not change them; a list does
 * mention them, even an empty one (clients.md H19). */
static int says_nothing_of_roles(scim_call_t *call, const cJSON *body)
{
    const cJSON *roles = sent_roles(call, body);

    return !call->rules.strict && !cJSON_IsArray(roles)
           && scim_shape_is_absent(roles, &call->rules);
}

/* A PUT without them does not remove immutable attributes and roles, whatever
 * the form of absence; settle handles active. */
static scim_error_t *apply_replacement(cJSON **wanted, scim_call_t *call,
                                       const account_t *account,
                                       const cJSON *body)
{
    SCIM_ERR(scim_patch_read(wanted, body, &scim_user_type, &call->rules,
                             call->notes, call->pool));
    keep_immutable(call, *wanted, account->resource);
    if (says_nothing_of_roles(call, body)) {
        keep(*wanted, account->resource, "roles");
    }
    return NULL;
}

static scim_error_t *replace_user(cJSON **user, scim_call_t *call,
                                  const char *id, const cJSON *body)
{
    return change_account(user, call, id, apply_replacement, body,
                          SCIM_EVENT_PUT);
}

static scim_error_t *try_to_delete(int *lost, scim_call_t *call, void *baton)
{
    const char *values[3 + EVENT_VALUES] = {
        call->principal->organization_id
    };
    const scim_change_t *change;
    account_t account;
    scim_rows_t *rows;

    SCIM_ERR(read_writable(&account, call, baton));
    change = scim_events_compare(account.resource, NULL, SCIM_EVENT_DELETE,
                                 call->pool);
    values[1] = account.id;
    values[2] = account.version;
    scim_accounts_put_events(values + 3, call, change);
    SCIM_ERR(scim_db_run(&rows, call->db, SCIM_SQL_ACCOUNT_DELETE,
                         SCIM_VALUES(values)));
    *lost = scim_rows_count(rows) == 0;
    if (!*lost) {
        scim_events_tell(call->db, SCIM_EVENT_DELETE);
    }
    return NULL;
}

static scim_error_t *delete_user(scim_call_t *call, const char *id)
{
    return scim_store_change(call, try_to_delete, (void *) id);
}

static scim_error_t *try_to_make_eligible(int *lost, scim_call_t *call,
                                          void *baton)
{
    const scim_principal_t *actor = call->principal;
    const char *values[] = { actor->organization_id, NULL, actor->actor_kind,
                             actor->actor_id, actor->actor_name, NULL };
    account_t account;
    scim_rows_t *rows;

    SCIM_ERR(read_account(&account, call, baton));
    SCIM_ERR(scim_accounts_check_managed(call, account.managed));
    if (account.sync_eligible) {
        return NULL;
    }
    values[1] = account.id;
    values[5] = account.version;
    SCIM_ERR(scim_db_run(&rows, call->db, SCIM_SQL_ACCOUNT_MAKE_ELIGIBLE,
                         SCIM_VALUES(values)));
    *lost = scim_rows_count(rows) == 0;
    if (!*lost) {
        scim_events_tell(call->db, SCIM_EVENT_ELIGIBLE);
    }
    return NULL;
}

scim_error_t *scim_accounts_make_eligible(scim_call_t *call, const char *id)
{
    return scim_store_change(call, try_to_make_eligible, (void *) id);
}

/* Add a manager that the same bulk request created later. */
static scim_error_t *put_manager_in(cJSON **user, scim_call_t *call,
                                    const char *id, const cJSON *body)
{
    return change_account(user, call, id, apply_manager, body,
                          SCIM_EVENT_PATCH);
}

static const scim_creations_t creations = {
    begin_users, send_user, receive_user
};

static scim_error_t *list_users(scim_list_t *list, scim_call_t *call,
                                const scim_page_t *page)
{
    return scim_store_list(list, call->principal->has_groups
                                 ? &accounts_with_groups : &accounts,
                           call, page);
}

const scim_resource_t scim_users = {
    .type = &scim_user_type, .list = list_users, .get = get_user,
    .create = create_user, .replace = replace_user,
    .patch = scim_accounts_patch, .remove = delete_user,
    .complete = put_manager_in, .creations = &creations
};
