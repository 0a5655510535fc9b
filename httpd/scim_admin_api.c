/* SPDX-License-Identifier: Apache-2.0 */
/* The settings page's API, see scim_admin_api.h: settings, the guard, tokens,
 * members, groups, activity, requests, health and undo; at the end, the table
 * that leads a request to its function, api_routes.
 */
#include "httpd/scim_admin_api.h"

#include <stdlib.h>
#include <string.h>

#include <apr_strings.h>

#include <http_core.h>

#include "httpd/scim_admin_export.h"
#include "httpd/scim_admin_page.h"
#include "httpd/scim_config.h"
#include "httpd/scim_http.h"
#include "resources/scim_activity.h"
#include "resources/scim_events.h"
#include "resources/scim_group_view.h"
#include "resources/scim_drift.h"
#include "resources/scim_guard.h"
#include "resources/scim_members.h"
#include "resources/scim_requests.h"
#include "resources/scim_state.h"
#include "resources/scim_undo.h"
#include "resources/scim_undone.h"
#include "rules/scim_shape.h"
#include "scim_tokens.h"
#include "values/scim_json.h"
#include "values/scim_text.h"

#define DEFAULT_COUNT 50

/* Settings */

static scim_error_t *text_field(const char **text, scim_visit_t *v,
                                const char *name)
{
    const cJSON *value = scim_json_member(v->body, name);
    int is_absent = scim_shape_is_absent(value, &v->call.rules);

    v->field = name;
    *text = is_absent ? NULL : cJSON_GetStringValue(value);
    if (!is_absent && !*text) {
        return scim_error(v->r->pool, SCIM_E_INVALID_VALUE,
                          "'%s' must be a string.", name);
    }
    return NULL;
}

/* By what the person signed in, as the modules say it; NULL: no single
 * sign-on. */
static const char *single_sign_on(request_rec *r)
{
    static const char *const types[][2] = {
        { "Mellon", "SAML" },
        { "openid-connect", "OpenID Connect" },
        { "auth-openidc", "OpenID Connect" }
    };
    const char *type = r->ap_auth_type ? r->ap_auth_type : ap_auth_type(r);
    apr_size_t i;

    for (i = 0; type && i < sizeof(types) / sizeof(*types); i++) {
        if (strcasecmp(type, types[i][0]) == 0) {
            return types[i][1];
        }
    }
    return NULL;
}

static cJSON *administrator_of(const scim_visit_t *v)
{
    cJSON *administrator = cJSON_CreateObject();

    scim_json_put_text(administrator, "id", v->person->id);
    scim_json_put_text(administrator, "userName", v->person->user_name);
    scim_json_put_text(administrator, "displayName",
                       v->person->display_name);
    scim_json_put_text(administrator, "language", v->person->language);
    return administrator;
}

static scim_error_t *find_read_only(int *read_only, scim_visit_t *v)
{
    const char *values[] = { v->call.principal->organization_id };
    scim_rows_t *rows;

    SCIM_ERR(scim_db_run(&rows, v->call.db,
                         SCIM_SQL_ORGANIZATION_IS_READ_ONLY,
                         SCIM_VALUES(values)));
    *read_only = scim_rows_count(rows) > 0 && scim_rows_true(rows, 0, 0);
    return NULL;
}

static scim_error_t *get_settings(scim_visit_t *v)
{
    const char *sso = single_sign_on(v->r);
    int read_only;

    SCIM_ERR(find_read_only(&read_only, v));
    v->answer = scim_json_own(cJSON_CreateObject(), v->r->pool);
    scim_json_put_text(v->answer, "organization",
                       v->person->organization_name);
    scim_json_put_text(v->answer, "key", v->organization);
    scim_json_put_text(v->answer, "state",
                       scim_state_name(v->person->principal.state));
    scim_json_put(v->answer, "enabled",
                  cJSON_CreateBool(v->person->principal.state
                                   != SCIM_STATE_DISABLED));
    scim_json_put_text(v->answer, "scimUrl", v->call.base);
    scim_json_put_text(v->answer, "singleSignOn", sso);
    scim_json_put(v->answer, "singleSignOnRequired",
                  cJSON_CreateBool(v->config->require_sso == 1));
    scim_json_put(v->answer, "provisionedReadOnly",
                  cJSON_CreateBool(read_only));
    scim_json_put_text(v->answer, "signOutUrl", v->config->sign_out_url);
    scim_json_put(v->answer, "administrator", administrator_of(v));
    return NULL;
}

/* Whether administrators can edit provisioned accounts. */
static scim_error_t *put_read_only(scim_visit_t *v, const cJSON *read_only)
{
    const scim_principal_t *actor = v->call.principal;
    const char *values[] = { actor->organization_id,
                             cJSON_IsTrue(read_only) ? "true" : "false",
                             actor->actor_kind, actor->actor_id,
                             actor->actor_name };
    scim_rows_t *rows;

    v->field = "provisionedReadOnly";
    if (!cJSON_IsBool(read_only)) {
        return scim_error(v->r->pool, SCIM_E_INVALID_VALUE,
                          "'provisionedReadOnly' must be true or false.");
    }
    SCIM_ERR(scim_db_run(&rows, v->call.db, SCIM_SQL_ORGANIZATION_READ_ONLY,
                         SCIM_VALUES(values)));
    if (scim_rows_count(rows) > 0) {
        scim_events_tell(v->call.db, SCIM_EVENT_ORGANIZATION);
    }
    v->field = NULL;
    return get_settings(v);
}

/* The state in the body: "state", or "enabled" of whoever knows only two. */
static scim_error_t *wanted_state(scim_state_e *state, scim_visit_t *v)
{
    const cJSON *enabled = scim_json_member(v->body, "enabled");
    const char *name;

    SCIM_ERR(text_field(&name, v, "state"));
    if (name && !scim_state_is_name(name)) {
        return scim_error(v->r->pool, SCIM_E_INVALID_VALUE,
                          "'state' must be enabled, paused or disabled.");
    }
    if (!name) {
        v->field = "enabled";
        if (!cJSON_IsBool(enabled)) {
            return scim_error(v->r->pool, SCIM_E_INVALID_VALUE,
                              "'enabled' must be true or false.");
        }
    }
    *state = name ? scim_state_of(name)
             : cJSON_IsTrue(enabled) ? SCIM_STATE_ENABLED
                                     : SCIM_STATE_DISABLED;
    return NULL;
}

static scim_error_t *put_settings(scim_visit_t *v)
{
    const cJSON *read_only = scim_json_member(v->body, "provisionedReadOnly");
    scim_person_t *person = apr_pmemdup(v->r->pool, v->person,
                                        sizeof(*person));
    scim_state_e state = SCIM_STATE_DISABLED;

    if (read_only) {
        return put_read_only(v, read_only);
    }
    SCIM_ERR(wanted_state(&state, v));
    if (state == SCIM_STATE_ENABLED && v->config->require_sso == 1
        && !single_sign_on(v->r)) {
        return scim_error(v->r->pool, SCIM_E_FORBIDDEN,
                          "Provisioning can be switched on only by an"
                          " administrator who signed in by single sign-on"
                          " (SAML or OpenID Connect).");
    }
    SCIM_ERR(scim_state_switch(v->call.db, v->call.principal, state));
    person->principal.state = state;
    v->person = person;
    return get_settings(v);
}

/* The guard */

static scim_error_t *get_guard(scim_visit_t *v)
{
    return scim_guard_get(&v->answer, v->call.db,
                          v->call.principal->organization_id, v->r->pool);
}

/* A number as text; NULL if it is absent or null. */
static scim_error_t *number_field(const char **text, scim_visit_t *v,
                                  const char *name,
                                  scim_guard_check_fn *check)
{
    const cJSON *value = scim_json_member(v->body, name);
    apr_int64_t number = 0;

    v->field = name;
    *text = NULL;
    if (!value || cJSON_IsNull(value)) {
        return NULL;
    }
    if (cJSON_IsNumber(value)
        && !scim_text_integer(scim_json_print(value, v->r->pool), &number)) {
        number = 0;
    }
    SCIM_ERR(check(number, v->r->pool));
    *text = apr_psprintf(v->r->pool, "%" APR_INT64_T_FMT, number);
    return NULL;
}

static scim_error_t *put_guard(scim_visit_t *v)
{
    const char *number;
    const char *percent;

    SCIM_ERR(number_field(&number, v, "number", scim_guard_check_number));
    SCIM_ERR(number_field(&percent, v, "percent", scim_guard_check_percent));
    v->field = NULL;
    SCIM_ERR(scim_guard_set(v->call.db, v->call.principal, number, percent));
    return get_guard(v);
}

/* Let everything through for a while. */
static scim_error_t *post_guard(scim_visit_t *v)
{
    SCIM_ERR(scim_guard_open(v->call.db, v->call.principal));
    return get_guard(v);
}

/* Tokens */

static void put_token_facts(cJSON *token, const char *days,
                            const char *deleted_at)
{
    if (days) {
        scim_json_put(token, "daysLeft", cJSON_CreateNumber(atoi(days)));
    }
    scim_json_put(token, "deleted", cJSON_CreateBool(deleted_at != NULL));
}

static scim_error_t *get_tokens(scim_visit_t *v)
{
    static const struct {
        const char *name;
        int column;
    } texts[] = {
        { "id", 0 }, { "name", 1 }, { "prefix", 2 }, { "issuer", 3 },
        { "created", 4 }, { "expires", 5 }, { "lastUsed", 6 }, { "state", 7 },
        { "refused", 9 }, { "deletedAt", 10 }
    };
    const char *values[] = { v->call.principal->organization_id };
    scim_rows_t *rows;
    cJSON *tokens;
    int i;

    SCIM_ERR(scim_db_run(&rows, v->call.db, SCIM_SQL_TOKEN_LIST,
                         SCIM_VALUES(values)));
    v->answer = scim_json_own(cJSON_CreateObject(), v->r->pool);
    tokens = cJSON_AddArrayToObject(v->answer, "tokens");
    for (i = 0; i < scim_rows_count(rows); i++) {
        cJSON *token = cJSON_CreateObject();
        apr_size_t j;

        for (j = 0; j < sizeof(texts) / sizeof(*texts); j++) {
            scim_json_put_text(token, texts[j].name,
                               scim_rows_value(rows, i, texts[j].column));
        }
        put_token_facts(token, scim_rows_value(rows, i, 8),
                        scim_rows_value(rows, i, 10));
        cJSON_AddItemToArray(tokens, token);
    }
    return NULL;
}

static scim_error_t *read_expiry(const char **expires, scim_visit_t *v)
{
    const char *wanted;

    SCIM_ERR(text_field(&wanted, v, "expires"));
    return scim_tokens_expiry(expires, wanted, v->r->pool);
}

static scim_error_t *post_token(scim_visit_t *v)
{
    const char *expires = NULL;
    const char *secret;
    const char *name;
    const char *id;

    SCIM_ERR(read_expiry(&expires, v));
    SCIM_ERR(text_field(&name, v, "name"));
    SCIM_ERR(scim_tokens_check_name(name ? name : "", v->r->pool));
    v->field = NULL;
    SCIM_ERR(scim_tokens_generate(&secret, &id, v->call.db,
                                  v->call.principal, v->person->id, name,
                                  &expires, v->r->pool));
    v->status = HTTP_CREATED;
    v->answer = scim_json_own(cJSON_CreateObject(), v->r->pool);
    scim_json_put_text(v->answer, "id", id);
    scim_json_put_text(v->answer, "name", name);
    scim_json_put_text(v->answer, "expires", expires);
    scim_json_put_text(v->answer, "token", secret);
    return NULL;
}

static scim_error_t *delete_token(scim_visit_t *v)
{
    const char *name;

    v->status = HTTP_NO_CONTENT;
    return scim_tokens_delete(&name, v->call.db, v->call.principal, v->id,
                              v->r->pool);
}

/* Members, groups and activity */

static const char *page_parameter(const scim_visit_t *v, const char *name)
{
    const char *value = apr_table_get(v->parameters, name);

    return value && *value ? value : NULL;
}

/* What a person has typed or pasted. */
static const char *typed_parameter(const scim_visit_t *v, const char *name)
{
    const char *value = page_parameter(v, name);

    value = value ? scim_text_trim(v->r->pool, value) : "";
    return *value ? value : NULL;
}

static scim_error_t *count_parameter(int *count, scim_visit_t *v)
{
    const char *text = page_parameter(v, "count");
    apr_int64_t number = DEFAULT_COUNT;

    if ((text && !scim_text_integer(text, &number)) || number < 1
        || number > SCIM_MEMBERS_MAX_COUNT) {
        return scim_error(v->r->pool, SCIM_E_INVALID_VALUE,
                          "'count' must be a number from 1 to %d.",
                          SCIM_MEMBERS_MAX_COUNT);
    }
    *count = (int) number;
    return NULL;
}

static scim_members_query_t member_query(const scim_visit_t *v)
{
    scim_members_query_t query = {
        typed_parameter(v, "search"), page_parameter(v, "role"),
        page_parameter(v, "active"), page_parameter(v, "label"),
        page_parameter(v, "sort"), page_parameter(v, "order"),
        page_parameter(v, "cursor"), 0, 0, 0
    };
    const char *back = page_parameter(v, "back");

    if (back) {
        query.cursor = back;
        query.is_back = 1;
    }
    return query;
}

static scim_error_t *get_members(scim_visit_t *v)
{
    scim_members_query_t query = member_query(v);
    const char *drift = page_parameter(v, "drift");

    SCIM_ERR(count_parameter(&query.count, v));
    if (drift) {
        return scim_drift_list(&v->answer, &v->call, drift, SCIM_DRIFT_DAYS,
                               &query);
    }
    return scim_members_list(&v->answer, &v->call, &query);
}

static scim_error_t *get_member_total(scim_visit_t *v)
{
    scim_members_query_t query = member_query(v);

    return scim_members_total(&v->answer, &v->call, &query);
}

#define MEMBERS_OF_LINES 500

/* A place in the members that are exported. */
typedef struct {
    scim_call_t call;
    scim_members_query_t query;
    apr_pool_t *cursors;         /* which that of query is in */
    int is_end;
} members_place_t;

static scim_error_t *next_members(const char **text, int *rows, void *baton,
                                  scim_db_t *db, apr_pool_t *pool)
{
    members_place_t *place = baton;
    const char *next;
    cJSON *list;

    *text = NULL;
    if (place->is_end) {
        return NULL;
    }
    place->call.db = db;
    place->call.pool = pool;
    SCIM_ERR(scim_members_list(&list, &place->call, &place->query));
    *text = scim_admin_lines(list, "members", place->query.cursor ? NULL
                             : scim_members_csv_head(pool),
                             scim_members_csv_line, rows, pool);
    next = scim_json_text(list, "next");
    place->is_end = !next;
    apr_pool_clear(place->cursors);
    place->query.cursor = next ? apr_pstrdup(place->cursors, next) : NULL;
    return NULL;
}

static scim_error_t *export_members(scim_visit_t *v)
{
    members_place_t place = { v->call, member_query(v), NULL, 0 };

    place.query.cursor = NULL;
    place.query.is_back = 0;
    place.query.count = MEMBERS_OF_LINES;
    place.query.is_whole = 1;
    apr_pool_create(&place.cursors, v->r->pool);
    return scim_admin_export(v, "members", next_members, &place);
}

static scim_error_t *get_member(scim_visit_t *v)
{
    return scim_members_get(&v->answer, &v->call, v->id);
}

static scim_error_t *patch_member(scim_visit_t *v)
{
    SCIM_ERR(scim_members_edit(&v->field, &v->call, v->id, v->body));
    return get_member(v);
}

static scim_error_t *get_counts(scim_visit_t *v)
{
    return scim_members_count(&v->answer, &v->call);
}

static scim_error_t *get_groups(scim_visit_t *v)
{
    int count;

    SCIM_ERR(count_parameter(&count, v));
    return scim_group_view_list(&v->answer, &v->call,
                                typed_parameter(v, "search"),
                                page_parameter(v, "cursor"), count);
}

static scim_error_t *get_one_group(scim_visit_t *v)
{
    return scim_group_view_get(&v->answer, &v->call, v->id);
}

/* A page of a list that a group, or a member, has. */
static scim_error_t *get_list_of(scim_visit_t *v,
                                 scim_group_view_list_fn *list)
{
    int count;

    SCIM_ERR(count_parameter(&count, v));
    return list(&v->answer, &v->call, v->id, page_parameter(v, "cursor"),
                count);
}

static scim_error_t *get_group_members(scim_visit_t *v)
{
    return get_list_of(v, scim_group_view_members);
}

static scim_error_t *get_group_children(scim_visit_t *v)
{
    return get_list_of(v, scim_group_view_children);
}

static scim_error_t *get_group_parents(scim_visit_t *v)
{
    return get_list_of(v, scim_group_view_parents);
}

static scim_error_t *get_member_groups(scim_visit_t *v)
{
    return get_list_of(v, scim_group_view_of_member);
}

/* What the filters of the activity say. */
static scim_error_t *choose_activity(scim_activity_filter_t **filter,
                                     scim_visit_t *v)
{
    scim_activity_query_t query = {
        typed_parameter(v, "account"), typed_parameter(v, "since"),
        typed_parameter(v, "until"), typed_parameter(v, "actor"),
        page_parameter(v, "kind"), page_parameter(v, "outcome")
    };

    return scim_activity_choose(filter, v->call.db,
                                v->call.principal->organization_id, &query,
                                v->r->pool);
}

static scim_error_t *get_activity(scim_visit_t *v)
{
    scim_activity_filter_t *filter;
    int count;

    SCIM_ERR(count_parameter(&count, v));
    SCIM_ERR(choose_activity(&filter, v));
    SCIM_ERR(scim_activity_list(&v->answer, v->call.db, filter,
                                page_parameter(v, "before"), count,
                                v->r->pool));
    return scim_undone_mark(scim_json_member(v->answer, "entries"),
                            v->call.db, v->call.principal->organization_id,
                            v->r->pool);
}

static scim_error_t *get_actors(scim_visit_t *v)
{
    return scim_activity_actors(&v->answer, v->call.db,
                                v->call.principal->organization_id,
                                v->r->pool);
}

#define ENTRIES_OF_LINES 500

/* A place in the activity that is exported. */
typedef struct {
    const scim_activity_filter_t *filter;
    const char *before;          /* NULL: at its beginning */
    char sequence[24];           /* which it points to */
    int is_end;
} activity_place_t;

static scim_error_t *next_lines(const char **text, int *rows, void *baton,
                                scim_db_t *db, apr_pool_t *pool)
{
    activity_place_t *place = baton;
    const char *next;
    cJSON *list;

    *text = NULL;
    if (place->is_end) {
        return NULL;
    }
    SCIM_ERR(scim_activity_list(&list, db, place->filter, place->before,
                                ENTRIES_OF_LINES, pool));
    *text = scim_admin_lines(list, "entries", place->before ? NULL
                             : scim_activity_csv_head(pool),
                             scim_activity_csv_line, rows, pool);
    next = scim_json_text(list, "next");
    place->is_end = !next;
    place->before = place->sequence;
    apr_cpystrn(place->sequence, next ? next : "", sizeof(place->sequence));
    return NULL;
}

static scim_error_t *export_activity(scim_visit_t *v)
{
    activity_place_t place = { NULL, NULL, "", 0 };
    scim_activity_filter_t *filter;

    SCIM_ERR(choose_activity(&filter, v));
    place.filter = filter;
    return scim_admin_export(v, "activity", next_lines, &place);
}

static scim_error_t *get_requests(scim_visit_t *v)
{
    scim_requests_query_t query = {
        page_parameter(v, "outcome"), page_parameter(v, "token"),
        page_parameter(v, "since"), page_parameter(v, "until"),
        page_parameter(v, "before"), 0
    };

    SCIM_ERR(count_parameter(&query.count, v));
    return scim_requests_list(&v->answer, v->call.db,
                              v->call.principal->organization_id, &query,
                              v->r->pool);
}

static scim_error_t *get_health(scim_visit_t *v)
{
    return scim_requests_health(&v->answer, v->call.db,
                                v->call.principal->organization_id,
                                v->r->pool);
}

/* Undo */

static void add_kind(apr_array_header_t *kinds, const cJSON *word)
{
    const char *text = cJSON_GetStringValue(word);

    APR_ARRAY_PUSH(kinds, const char *) = text ? text : "";
}

/* A word, or a list of words; whatever else it is, is no kind. */
static const apr_array_header_t *kinds_of_body(const scim_visit_t *v)
{
    const cJSON *value = scim_json_member(v->body, "kind");
    apr_array_header_t *kinds = apr_array_make(v->r->pool, 4,
                                               sizeof(const char *));
    const cJSON *word;

    if (value && !cJSON_IsNull(value) && !cJSON_IsArray(value)) {
        add_kind(kinds, value);
        return kinds;
    }
    cJSON_ArrayForEach(word, value) {
        add_kind(kinds, word);
    }
    return kinds;
}

static scim_error_t *post_undo(scim_visit_t *v)
{
    const cJSON *is_dry = scim_json_member(v->body, "dryRun");
    scim_undo_filter_t filter;
    const char *after;

    SCIM_ERR(text_field(&filter.since, v, "since"));
    SCIM_ERR(text_field(&filter.until, v, "until"));
    SCIM_ERR(text_field(&filter.actor, v, "actor"));
    filter.kinds = kinds_of_body(v);
    SCIM_ERR(text_field(&filter.account, v, "account"));
    SCIM_ERR(text_field(&filter.sequence, v, "sequence"));
    SCIM_ERR(text_field(&after, v, "after"));
    v->field = "dryRun";
    if (!cJSON_IsBool(is_dry)) {
        return scim_error(v->r->pool, SCIM_E_INVALID_VALUE,
                          "'dryRun' must be true or false.");
    }
    v->field = NULL;    /* an error of all fields names its own in its text */
    return scim_undo_page(&v->answer, &v->call, &filter, after,
                          SCIM_UNDO_MAX_COUNT, cJSON_IsTrue(is_dry));
}

/* Routes */

static const struct {
    const char *path;
    int has_id;
    int method;
    scim_visit_fn *serve;
} api_routes[] = {
    { "api/settings", 0, M_GET, get_settings },
    { "api/settings", 0, M_PUT, put_settings },
    { "api/guard", 0, M_GET, get_guard },
    { "api/guard", 0, M_PUT, put_guard },
    { "api/guard", 0, M_POST, post_guard },
    { "api/tokens", 0, M_GET, get_tokens },
    { "api/tokens", 0, M_POST, post_token },
    { "api/tokens", 1, M_DELETE, delete_token },
    { "api/members", 0, M_GET, get_members },
    { "api/members.csv", 0, M_GET, export_members },
    { "api/member-total", 0, M_GET, get_member_total },
    { "api/members", 1, M_GET, get_member },
    { "api/members", 1, M_PATCH, patch_member },
    { "api/member-groups", 1, M_GET, get_member_groups },
    { "api/groups", 0, M_GET, get_groups },
    { "api/groups", 1, M_GET, get_one_group },
    { "api/group-members", 1, M_GET, get_group_members },
    { "api/group-children", 1, M_GET, get_group_children },
    { "api/group-parents", 1, M_GET, get_group_parents },
    { "api/counts", 0, M_GET, get_counts },
    { "api/activity", 0, M_GET, get_activity },
    { "api/activity.csv", 0, M_GET, export_activity },
    { "api/activity-actors", 0, M_GET, get_actors },
    { "api/requests", 0, M_GET, get_requests },
    { "api/health", 0, M_GET, get_health },
    { "api/undo", 0, M_POST, post_undo }
};
#define ROUTES (sizeof(api_routes) / sizeof(*api_routes))

scim_error_t *scim_admin_api_find(scim_visit_fn **serve, scim_visit_t *v)
{
    const char *allow = NULL;
    apr_size_t i;

    for (i = 0; i < ROUTES; i++) {
        if (strcmp(api_routes[i].path, v->path) != 0
            || api_routes[i].has_id != (v->id != NULL)) {
            continue;
        }
        if (api_routes[i].method == v->r->method_number) {
            *serve = api_routes[i].serve;
            return NULL;
        }
        allow = scim_http_allow(v->r->pool, allow, api_routes[i].method);
    }
    return allow ? scim_http_not_allowed(v->r, allow)
                 : scim_error(v->r->pool, SCIM_E_NOT_FOUND,
                              SCIM_ADMIN_NOTHING_HERE);
}
