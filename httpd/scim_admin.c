/* SPDX-License-Identifier: Apache-2.0 */
/* The settings page: files, JSON API and access to both, see scim_admin.h.
 *
 * The files are read once, at start, and answered from memory.  A request is a
 * visit_t: read_path finds organization and route, find_person asks httpd who
 * has signed in and the database for the account, check_origin refuses writes
 * that another site's page sends, and serve_api calls the function of the
 * route, which fills in the answer.
 */
#include "httpd/scim_admin.h"

#include <string.h>

#include <apr_file_io.h>
#include <apr_sha1.h>
#include <apr_strings.h>

#include <http_core.h>
#include <http_log.h>
#include <http_protocol.h>
#include <http_request.h>

#include "resources/scim_activity.h"
#include "httpd/scim_config.h"
#include "httpd/scim_door.h"
#include "httpd/scim_http.h"
#include "values/scim_json.h"
#include "httpd/scim_log.h"
#include "resources/scim_members.h"
#include "resources/scim_people.h"
#include "rules/scim_shape.h"
#include "values/scim_text.h"
#include "scim_tokens.h"
#include "values/scim_role.h"

#define MAX_BODY 65536
#define MAX_FILE 65536
#define DEFAULT_COUNT 50
#define NOTHING_HERE "There is nothing at this address."
#define SCIM_LOCATION "/scim"    /* where SCIMBaseURL does not say it */

APLOG_USE_MODULE(scim);

/* One request being served. */
typedef struct {
    request_rec *r;
    const scim_dir_config_t *config;
    const char *organization;    /* its key */
    const char *path;            /* below it, without a slash at either end */
    const char *id;              /* of what the path names, or NULL */
    apr_table_t *parameters;
    const cJSON *body;
    const scim_person_t *person;
    scim_call_t call;
    const char *field;           /* the input that is being looked at */
    int status;
    cJSON *answer;
} visit_t;

/* The page's files */

static struct {
    const char *name;
    const char *type;
    const char *text;
    apr_size_t length;
    const char *etag;
} files[] = {
    { "index.html", "text/html; charset=utf-8", NULL, 0, NULL },
    { "admin.css", "text/css; charset=utf-8", NULL, 0, NULL },
    { "admin.js", "text/javascript; charset=utf-8", NULL, 0, NULL },
    { "ja.js", "text/javascript; charset=utf-8", NULL, 0, NULL },
    { "icon.svg", "image/svg+xml", NULL, 0, NULL }
};
#define FILES (sizeof(files) / sizeof(*files))
#define INDEX 0

static apr_status_t read_file(char **text, apr_size_t *length,
                              const char *path, apr_pool_t *pool)
{
    apr_file_t *file;
    apr_status_t rv = apr_file_open(&file, path, APR_FOPEN_READ,
                                    APR_FPROT_OS_DEFAULT, pool);

    if (rv == APR_SUCCESS) {
        *text = apr_palloc(pool, MAX_FILE);
        rv = apr_file_read_full(file, *text, MAX_FILE, length);
        apr_file_close(file);
    }
    return APR_STATUS_IS_EOF(rv) ? APR_SUCCESS : rv;
}

static const char *etag_of(const char *text, apr_size_t length,
                           apr_pool_t *pool)
{
    char digest[sizeof("{SHA}") + 2 * APR_SHA1_DIGESTSIZE];

    apr_sha1_base64(text, (int) length, digest);
    return apr_pstrcat(pool, "\"", digest + strlen("{SHA}"), "\"", NULL);
}

const char *scim_admin_load(apr_pool_t *pool, const char *folder)
{
    apr_size_t i;

    for (i = 0; i < FILES; i++) {
        const char *path = apr_pstrcat(pool, folder, "/", files[i].name,
                                       NULL);
        char *text = NULL;

        if (read_file(&text, &files[i].length, path, pool) != APR_SUCCESS) {
            return path;
        }
        files[i].text = text;
        files[i].etag = etag_of(text, files[i].length, pool);
    }
    return NULL;
}

/* Answers */

static void put_headers(request_rec *r, const char *caching)
{
    apr_table_t *headers = r->headers_out;

    apr_table_setn(headers, "Cache-Control", caching);
    apr_table_setn(headers, "X-Content-Type-Options", "nosniff");
    apr_table_setn(headers, "Referrer-Policy", "same-origin");
    apr_table_setn(headers, "Cross-Origin-Resource-Policy", "same-origin");
    apr_table_setn(headers, "Content-Security-Policy",
                   "default-src 'none'; script-src 'self'; style-src 'self';"
                   " connect-src 'self'; img-src 'self'; base-uri 'none';"
                   " form-action 'none'; frame-ancestors 'none'");
}

static int write_text(request_rec *r, const char *type, const char *text,
                      apr_size_t length)
{
    r->status_line = NULL;
    ap_set_content_type(r, type);
    ap_set_content_length(r, length);
    ap_rwrite(text, (int) length, r);
    return DONE;
}

static int answer_file(request_rec *r, apr_size_t i)
{
    int condition;

    /* The page holds what its script puts into it, a new token above all. */
    put_headers(r, i == INDEX ? "no-store" : "private, no-cache");
    apr_table_setn(r->headers_out, "ETag", files[i].etag);
    condition = ap_meets_conditions(r);
    return condition == OK ? write_text(r, files[i].type, files[i].text,
                                        files[i].length)
                           : condition;
}

static int answer_json(visit_t *v)
{
    const char *text = v->answer ? scim_json_print(v->answer, v->r->pool)
                                 : "";

    v->r->status = v->status ? v->status : HTTP_OK;
    put_headers(v->r, "no-store");
    return write_text(v->r, "application/json; charset=utf-8", text,
                      strlen(text));
}

/* What a person sees who does not get in. */
static int answer_page(request_rec *r, int status, const char *title,
                       const char *text, const char *japanese)
{
    const char *page = apr_pstrcat(r->pool, "<!DOCTYPE html>\n"
        "<html lang=\"en\"><head><meta charset=\"utf-8\">"
        "<meta name=\"viewport\" content=\"width=device-width\">"
        "<title>", title, "</title></head>\n<body><main><h1>", title,
        "</h1>\n<p>", text, "</p>\n<p lang=\"ja\">", japanese,
        "</p></main></body></html>\n", NULL);

    r->status = status;
    put_headers(r, "no-store");
    return write_text(r, "text/html; charset=utf-8", page, strlen(page));
}

static int refuse_person(request_rec *r, int status)
{
    const char *name = r->user ? ap_escape_html(r->pool,
                                     apr_pstrndup(r->pool, r->user, 120))
                               : "?";

    if (status == HTTP_NOT_FOUND) {
        return answer_page(r, status, "Not found",
                           NOTHING_HERE,
                           "このアドレスには何もありません。");
    }
    if (status == HTTP_FORBIDDEN) {
        return answer_page(r, status, "No access",
            apr_pstrcat(r->pool, "You are signed in as <strong>", name,
                "</strong>. These settings are for active administrators"
                " (role ADMIN) of this organization. Ask one of them for the"
                " role, or sign in with another account.", NULL),
            "この設定を利用できるのは、"
            "この組織の有効な管理者（ADMIN）だけです。");
    }
    if (status == HTTP_METHOD_NOT_ALLOWED) {
        return answer_page(r, status, "Not allowed",
                           "This page is read-only; changes go through its"
                           " API.",
                           "このページは表示専用です。");
    }
    return answer_page(r, status, "Not available now",
                       "Please try again in a moment.",
                       "しばらくしてからお試しください。");
}

static int is_api(const visit_t *v)
{
    return v->path && (strcmp(v->path, "api") == 0
                       || strncmp(v->path, "api/", 4) == 0);
}

static int refuse(visit_t *v, const scim_error_t *error)
{
    int status = scim_error_status(error->kind);

    scim_http_start_refusal(v->r, error);
    if (status == HTTP_SERVICE_UNAVAILABLE) {
        apr_table_setn(v->r->err_headers_out, "Retry-After",
                       APR_STRINGIFY(SCIM_RETRY_AFTER_SECONDS));
    }
    if (!is_api(v)) {
        return error->kind == SCIM_E_NOT_SECURE
            ? answer_page(v->r, status, "TLS is required",
                          "These settings are only served over TLS: open"
                          " them with https://.",
                          "この設定は https:// で"
                          "開いてください。")
            : refuse_person(v->r, status);
    }
    v->status = status;
    v->answer = scim_json_own(cJSON_CreateObject(), v->r->pool);
    scim_json_put_text(v->answer, "message", error->detail);
    scim_json_put_text(v->answer, "field", v->field);
    return answer_json(v);
}

/* Settings */

static scim_error_t *text_field(const char **text, visit_t *v,
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

static const char *scim_url(const visit_t *v)
{
    const char *base = v->config->base_url;

    if (!base) {
        base = apr_pstrcat(v->r->pool, scim_http_server_url(v->r),
                           SCIM_LOCATION, NULL);
    }
    return apr_pstrcat(v->r->pool, base, "/", v->organization,
                       "/" SCIM_PROTOCOL_VERSION, NULL);
}

static cJSON *administrator_of(const visit_t *v)
{
    cJSON *administrator = cJSON_CreateObject();

    scim_json_put_text(administrator, "id", v->person->id);
    scim_json_put_text(administrator, "userName", v->person->user_name);
    scim_json_put_text(administrator, "displayName",
                       v->person->display_name);
    scim_json_put_text(administrator, "language", v->person->language);
    return administrator;
}

static scim_error_t *get_settings(visit_t *v)
{
    const char *sso = single_sign_on(v->r);

    v->answer = scim_json_own(cJSON_CreateObject(), v->r->pool);
    scim_json_put_text(v->answer, "organization",
                       v->person->organization_name);
    scim_json_put_text(v->answer, "key", v->organization);
    scim_json_put(v->answer, "enabled",
                  cJSON_CreateBool(v->person->principal.enabled));
    scim_json_put_text(v->answer, "scimUrl", scim_url(v));
    scim_json_put_text(v->answer, "singleSignOn", sso);
    scim_json_put(v->answer, "singleSignOnRequired",
                  cJSON_CreateBool(v->config->require_sso == 1));
    scim_json_put(v->answer, "administrator", administrator_of(v));
    return NULL;
}

static scim_error_t *put_settings(visit_t *v)
{
    const cJSON *enabled = scim_json_member(v->body, "enabled");
    const scim_principal_t *actor = v->call.principal;
    const char *values[] = { actor->organization_id,
                             cJSON_IsTrue(enabled) ? "true" : "false",
                             actor->actor_kind, actor->actor_id,
                             actor->actor_name };
    scim_person_t *person = apr_pmemdup(v->r->pool, v->person,
                                        sizeof(*person));
    scim_rows_t *rows;

    v->field = "enabled";
    if (!cJSON_IsBool(enabled)) {
        return scim_error(v->r->pool, SCIM_E_INVALID_VALUE,
                          "'enabled' must be true or false.");
    }
    if (cJSON_IsTrue(enabled) && v->config->require_sso == 1
        && !single_sign_on(v->r)) {
        return scim_error(v->r->pool, SCIM_E_FORBIDDEN,
                          "Provisioning can be switched on only by an"
                          " administrator who signed in by single sign-on"
                          " (SAML or OpenID Connect).");
    }
    SCIM_ERR(scim_db_run(&rows, v->call.db, SCIM_SQL_ORGANIZATION_ENABLE,
                         SCIM_VALUES(values)));
    person->principal.enabled = cJSON_IsTrue(enabled);
    v->person = person;
    return get_settings(v);
}

/* Tokens */

static scim_error_t *get_tokens(visit_t *v)
{
    static const char *const names[] = { "id", "name", "prefix", "issuer",
                                         "created", "expires", "lastUsed" };
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
        int column;

        for (column = 0; column < 7; column++) {
            scim_json_put_text(token, names[column],
                               scim_rows_value(rows, i, column));
        }
        cJSON_AddItemToArray(tokens, token);
    }
    return NULL;
}

static scim_error_t *read_expiry(const char **expires, visit_t *v)
{
    SCIM_ERR(text_field(expires, v, "expires"));
    return *expires ? scim_tokens_check_expiry(expires, v->r->pool) : NULL;
}

static scim_error_t *post_token(visit_t *v)
{
    const char *expires;
    const char *secret;
    const char *name;
    const char *id;

    SCIM_ERR(read_expiry(&expires, v));
    SCIM_ERR(text_field(&name, v, "name"));
    SCIM_ERR(scim_tokens_check_name(name ? name : "", v->r->pool));
    v->field = NULL;
    SCIM_ERR(scim_tokens_generate(&secret, &id, v->call.db,
                                  v->call.principal, v->person->id, name,
                                  expires, v->r->pool));
    v->status = HTTP_CREATED;
    v->answer = scim_json_own(cJSON_CreateObject(), v->r->pool);
    scim_json_put_text(v->answer, "id", id);
    scim_json_put_text(v->answer, "name", name);
    scim_json_put_text(v->answer, "token", secret);
    return NULL;
}

static scim_error_t *delete_token(visit_t *v)
{
    const char *name;

    v->status = HTTP_NO_CONTENT;
    return scim_tokens_delete(&name, v->call.db, v->call.principal, v->id,
                              v->r->pool);
}

/* Members and activity */

static const char *parameter(const visit_t *v, const char *name)
{
    const char *value = apr_table_get(v->parameters, name);

    return value && *value ? value : NULL;
}

/* What a person has typed or pasted. */
static const char *typed_parameter(const visit_t *v, const char *name)
{
    const char *value = parameter(v, name);

    value = value ? scim_text_trim(v->r->pool, value) : "";
    return *value ? value : NULL;
}

static scim_error_t *count_parameter(int *count, visit_t *v)
{
    const char *text = parameter(v, "count");
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

static scim_error_t *get_members(visit_t *v)
{
    scim_members_query_t query = {
        typed_parameter(v, "search"), parameter(v, "role"),
        parameter(v, "active"), parameter(v, "label"),
        parameter(v, "cursor"), 0
    };

    SCIM_ERR(count_parameter(&query.count, v));
    return scim_members_list(&v->answer, &v->call, &query);
}

static scim_error_t *get_member(visit_t *v)
{
    return scim_members_get(&v->answer, &v->call, v->id);
}

static scim_error_t *patch_member(visit_t *v)
{
    SCIM_ERR(scim_members_edit(&v->field, &v->call, v->id, v->body));
    return get_member(v);
}

static scim_error_t *get_counts(visit_t *v)
{
    return scim_members_count(&v->answer, &v->call);
}

static scim_error_t *get_activity(visit_t *v)
{
    scim_activity_query_t query = { parameter(v, "outcome"),
                                    typed_parameter(v, "account"),
                                    parameter(v, "before"), 0 };

    SCIM_ERR(count_parameter(&query.count, v));
    return scim_activity_list(&v->answer, v->call.db,
                              v->call.principal->organization_id, &query,
                              v->r->pool);
}

/* Routing */

static const struct {
    const char *path;
    int has_id;
    int method;
    scim_error_t *(*serve)(visit_t *v);
} routes[] = {
    { "api/settings", 0, M_GET, get_settings },
    { "api/settings", 0, M_PUT, put_settings },
    { "api/tokens", 0, M_GET, get_tokens },
    { "api/tokens", 0, M_POST, post_token },
    { "api/tokens", 1, M_DELETE, delete_token },
    { "api/members", 0, M_GET, get_members },
    { "api/members", 1, M_GET, get_member },
    { "api/members", 1, M_PATCH, patch_member },
    { "api/counts", 0, M_GET, get_counts },
    { "api/activity", 0, M_GET, get_activity }
};
#define ROUTES (sizeof(routes) / sizeof(*routes))

/* organization, path and id from the URL.  0 when it names no organization. */
static int read_path(visit_t *v)
{
    const char *below = scim_door_below(v->r);
    char *id;

    v->organization = below ? scim_door_segment(&below, v->r->pool) : NULL;
    v->path = v->organization && *below ? below + 1 : "";
    if (strncmp(v->path, "api/", 4) == 0
        && (id = strchr(v->path + 4, '/')) != NULL) {
        v->path = apr_pstrmemdup(v->r->pool, v->path, id - v->path);
        v->id = id[1] ? id + 1 : NULL;
    }
    return v->organization != NULL;
}

static scim_error_t *find_route(apr_size_t *found, visit_t *v)
{
    const char *allow = NULL;
    apr_size_t i;

    for (i = 0; i < ROUTES; i++) {
        if (strcmp(routes[i].path, v->path) != 0
            || routes[i].has_id != (v->id != NULL)) {
            continue;
        }
        if (routes[i].method == v->r->method_number) {
            *found = i;
            return NULL;
        }
        allow = apr_pstrcat(v->r->pool, allow ? allow : "",
                            allow ? ", " : "",
                            scim_http_method_name(v->r->pool,
                                                  routes[i].method),
                            NULL);
    }
    if (!allow) {
        return scim_error(v->r->pool, SCIM_E_NOT_FOUND,
                          "There is nothing at this address.");
    }
    apr_table_setn(v->r->err_headers_out, "Allow", allow);
    return scim_error(v->r->pool, SCIM_E_NOT_ALLOWED,
                      "The method %.20s is not allowed here, only %s.",
                      v->r->method, allow);
}

/* A browser says in Origin which site's page sends a write, and a page cannot
 * forge it.  Whoever is not a browser says it too.  What Host says is no
 * proof: any name in DNS may lead here. */
static scim_error_t *check_origin(visit_t *v)
{
    const char *origin = apr_table_get(v->r->headers_in, "Origin");
    const char *site = apr_table_get(v->r->headers_in, "Sec-Fetch-Site");

    if (v->r->method_number == M_GET
        || (origin && (!site || strcmp(site, "same-origin") == 0)
            && scim_http_is_own_origin(v->r, origin, v->config->base_url))) {
        return NULL;
    }
    return scim_error_caused(v->r->pool, SCIM_E_FORBIDDEN,
                             "A change must come from the settings page"
                             " itself (or with an Origin header of this"
                             " site).",
                             apr_psprintf(v->r->pool, "Origin is %.200s; this"
                                          " site is %s, by ServerName and"
                                          " ServerAlias, or SCIMBaseURL",
                                          origin ? origin : "missing",
                                          scim_http_server_url(v->r)));
}

static scim_error_t *read_input(visit_t *v)
{
    static const char *const wanted[] = {
        "search", "role", "active", "label", "cursor", "count", "outcome",
        "account", "before", NULL
    };
    const char *type = apr_table_get(v->r->headers_in, "Content-Type");
    int method = v->r->method_number;
    cJSON *body;

    SCIM_ERR(check_origin(v));
    SCIM_ERR(scim_http_parameters(&v->parameters, v->r, wanted));
    if (method == M_GET || method == M_DELETE) {
        scim_http_ignore_body(v->r);
        return NULL;
    }
    if (!type) {
        return scim_error(v->r->pool, SCIM_E_UNSUPPORTED_TYPE,
                          "The body must be application/json.");
    }
    SCIM_ERR(scim_http_read(&body, v->r, MAX_BODY));
    v->body = body;
    return cJSON_IsObject(body) ? NULL
        : scim_error(v->r->pool, SCIM_E_INVALID_SYNTAX,
                     "The body must be a JSON object.");
}

static scim_error_t *serve_api(visit_t *v)
{
    apr_size_t route = ROUTES;
    scim_error_t *error;

    SCIM_ERR(find_route(&route, v));
    SCIM_ERR(read_input(v));
    v->call.pool = v->r->pool;
    v->call.rules = scim_config_rules(v->config);
    v->call.max_resource_size = scim_config_number(v->config,
                                                   max_resource_size);
    v->call.principal = &v->person->principal;
    v->call.base = scim_url(v);
    v->call.notes = apr_array_make(v->r->pool, 4, sizeof(const char *));
    SCIM_ERR(scim_http_borrow(&v->call.db, v->r, NULL));
    error = routes[route].serve(v);
    scim_db_return(v->call.db);
    return error;
}

/* Who it is */

static scim_error_t *find_person(visit_t *v)
{
    const char *value = v->r->user;
    const char *problem = NULL;
    scim_person_t *person;
    scim_error_t *error;
    scim_db_t *db;

    if (value && v->config->account_value) {
        value = ap_expr_str_exec(v->r, v->config->account_value, &problem);
    }
    if (!value || problem) {
        return scim_error_caused(v->r->pool, SCIM_E_FORBIDDEN,
                                 "You are not signed in.",
                                 problem ? problem
                                 : "SetHandler " SCIM_ADMIN_HANDLER " needs"
                                   " an AuthType and Require valid-user");
    }
    SCIM_ERR(scim_http_borrow(&db, v->r, NULL));
    error = scim_people_find(&person, db, v->organization,
                             v->config->by_external_id == 1, value,
                             v->r->pool);
    scim_db_return(db);
    if (!error && (!person->active
                   || strcmp(person->role, SCIM_ROLE_ADMIN) != 0)) {
        error = scim_error(v->r->pool, SCIM_E_FORBIDDEN,
                           "'%.120s' is not an active administrator of"
                           " '%.63s'.", person->user_name, v->organization);
    }
    v->person = error ? NULL : person;
    /* Which organizations there are, and who is in them, is not for everybody
     * to know: to those who are not let in, all look the same. */
    if (error && (error->kind == SCIM_E_NOT_FOUND
                  || error->kind == SCIM_E_FORBIDDEN)) {
        return scim_error_caused(v->r->pool, SCIM_E_FORBIDDEN,
                                 "You are not an active administrator of this"
                                 " organization.",
                                 error->detail);
    }
    return error;
}

static int redirect_into(visit_t *v)
{
    apr_table_setn(v->r->headers_out, "Location",
                   apr_pstrcat(v->r->pool, v->r->uri, "/", NULL));
    return HTTP_MOVED_PERMANENTLY;
}

static scim_error_t *find_file(apr_size_t *found, visit_t *v)
{
    apr_size_t i = INDEX;

    while (*v->path && i < FILES && strcmp(files[i].name, v->path) != 0) {
        i++;
    }
    *found = i;
    if (i == FILES) {
        return scim_error(v->r->pool, SCIM_E_NOT_FOUND,
                          "There is no file with this name.");
    }
    if (v->r->method_number == M_GET) {
        return NULL;
    }
    apr_table_setn(v->r->err_headers_out, "Allow", "GET, HEAD");
    return scim_error(v->r->pool, SCIM_E_NOT_ALLOWED,
                      "The method %.20s is not allowed here.", v->r->method);
}

int scim_admin_refuse(request_rec *r, const scim_error_t *error)
{
    visit_t visit = { .r = r, .config = scim_config_of(r) };

    read_path(&visit);
    return refuse(&visit, error);
}

int scim_admin_handle(request_rec *r)
{
    visit_t visit = { .r = r, .config = scim_config_of(r) };
    scim_error_t *error;
    apr_size_t file = INDEX;

    if (!read_path(&visit)) {
        return refuse_person(r, HTTP_NOT_FOUND);
    }
    error = find_person(&visit);
    if (!error && !is_api(&visit) && r->uri[strlen(r->uri) - 1] != '/'
        && !*visit.path) {
        return redirect_into(&visit);
    }
    if (!error) {
        error = is_api(&visit) ? serve_api(&visit)
                               : find_file(&file, &visit);
    }
    if (error) {
        return refuse(&visit, error);
    }
    return is_api(&visit) ? answer_json(&visit) : answer_file(r, file);
}
