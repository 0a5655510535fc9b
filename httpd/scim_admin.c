/* SPDX-License-Identifier: Apache-2.0 */
/* Access to the settings page and its API, see scim_admin.h.
 *
 * A request is a scim_visit_t: read_page_path finds organization and route,
 * find_person asks httpd who has signed in and the database for the account,
 * check_origin refuses writes that another site's page sends, and serve_api
 * calls the function of the route (scim_admin_api), which fills in the answer.
 * Everything else is a file (scim_admin_page), or a page for those who are not
 * let in (scim_admin_closed).
 */
#include "httpd/scim_admin.h"

#include <string.h>

#include <apr_strings.h>

#include <ap_expr.h>
#include <http_log.h>

#include "httpd/scim_admin_api.h"
#include "httpd/scim_admin_closed.h"
#include "httpd/scim_admin_page.h"
#include "httpd/scim_config.h"
#include "httpd/scim_door.h"
#include "httpd/scim_http.h"
#include "httpd/scim_log.h"
#include "httpd/scim_notes.h"
#include "resources/scim_people.h"
#include "values/scim_json.h"
#include "values/scim_role.h"

APLOG_USE_MODULE(scim);

#define MAX_BODY 65536
#define SCIM_LOCATION "/scim"    /* where SCIMBaseURL does not say it */

/* Answers */

static int answer_json(scim_visit_t *v)
{
    const char *text = v->answer ? scim_json_print(v->answer, v->r->pool)
                                 : "";

    v->r->status = v->status ? v->status : HTTP_OK;
    scim_admin_page_headers(v->r, "no-store");
    return scim_admin_page_write(v->r, "application/json; charset=utf-8",
                                 text, strlen(text));
}

static int is_api(const scim_visit_t *v)
{
    return v->path && (strcmp(v->path, "api") == 0
                       || strncmp(v->path, "api/", 4) == 0);
}

/* Answer with a page for a person who is not let in. */
static int closed(const scim_visit_t *v, scim_error_kind_e kind)
{
    const char *path = scim_door_below(v->r);

    if (path && !scim_door_segment(&path, v->r->pool)) {
        path = NULL;
    }
    return scim_admin_closed_answer(v->r, kind, v->organization, path,
                                    v->config->sign_out_url);
}

static int refuse_visit(scim_visit_t *v, const scim_error_t *error)
{
    int status = scim_error_status(error->kind);

    scim_http_start_refusal(v->r, error);
    if (status == HTTP_SERVICE_UNAVAILABLE) {
        apr_table_setn(v->r->err_headers_out, "Retry-After",
                       APR_STRINGIFY(SCIM_RETRY_AFTER_SECONDS));
    }
    if (!is_api(v)) {
        return closed(v, error->kind);
    }
    v->status = status;
    v->answer = scim_json_own(cJSON_CreateObject(), v->r->pool);
    scim_json_put_text(v->answer, "message", error->detail);
    scim_json_put_text(v->answer, "field", v->field);
    return answer_json(v);
}

/* organization, path and id from the URL.  0 when it names no organization. */
static int read_page_path(scim_visit_t *v)
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
    scim_notes_put(v->r, SCIM_NOTE_ORGANIZATION, v->organization);
    return v->organization != NULL;
}

/* A browser says in Origin which site's page sends a write, and a page cannot
 * forge it.  Whoever is not a browser says it too.  What Host says is no
 * proof: any name in DNS may lead here. */
static scim_error_t *check_origin(scim_visit_t *v)
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

static scim_error_t *read_input(scim_visit_t *v)
{
    static const char *const wanted[] = {
        "search", "role", "active", "label", "cursor", "count", "outcome",
        "account", "before", "drift", "token", "since", "until", "actor",
        "kind", "sort", "order", "back", NULL
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

static const char *scim_url(const scim_visit_t *v)
{
    const char *base = v->config->base_url;

    if (!base) {
        base = apr_pstrcat(v->r->pool, scim_http_server_url(v->r),
                           SCIM_LOCATION, NULL);
    }
    return apr_pstrcat(v->r->pool, base, "/", v->organization,
                       "/" SCIM_PROTOCOL_VERSION, NULL);
}

static scim_error_t *serve_api(scim_visit_t *v)
{
    scim_visit_fn *serve;
    scim_error_t *error;

    SCIM_ERR(scim_admin_api_find(&serve, v));
    SCIM_ERR(read_input(v));
    v->call.pool = v->r->pool;
    v->call.rules = scim_config_rules(v->config);
    v->call.max_resource_size = scim_config_number(v->config,
                                                   max_resource_size);
    v->call.max_members = scim_config_number(v->config, max_members);
    v->call.principal = &v->person->principal;
    v->call.base = scim_url(v);
    v->call.notes = scim_note_list(v->r->pool);
    SCIM_ERR(scim_http_borrow(&v->call.db, v->r, NULL));
    error = serve(v);
    scim_db_return(v->call.db);
    return error;
}

static scim_error_t *find_person(scim_visit_t *v)
{
    const char *value = v->r->user;
    const char *problem = NULL;
    scim_person_t *person;
    scim_error_t *error;
    scim_db_t *db;

    if (value && v->config->account_value) {
        value = ap_expr_str_exec(v->r, v->config->account_value, &problem);
    }
    if (!v->r->user) {
        ap_log_rerror(APLOG_MARK, APLOG_WARNING, 0, v->r, SCIM_LOGNO(0160)
                      "%s: the settings page is asked for, and nobody was"
                      " asked to sign in: SetHandler " SCIM_ADMIN_HANDLER
                      " needs an AuthType with its provider, and Require"
                      " valid-user", v->r->uri);
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
                             v->config->by_external_id == 1, value, NULL,
                             v->r->pool);
    scim_db_return(db);
    if (!error && (!person->active
                   || strcmp(person->role, SCIM_ROLE_ADMIN) != 0)) {
        error = scim_error(v->r->pool, SCIM_E_FORBIDDEN,
                           "'%.120s' is not an active administrator of"
                           " '%.63s'.", person->user_name, v->organization);
    }
    v->person = error ? NULL : person;
    scim_notes_put(v->r, SCIM_NOTE_ACCOUNT, error ? NULL : person->id);
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

static int redirect_into(scim_visit_t *v)
{
    apr_table_setn(v->r->headers_out, "Location",
                   apr_pstrcat(v->r->pool, v->r->uri, "/", NULL));
    return HTTP_MOVED_PERMANENTLY;
}

int scim_admin_refuse(request_rec *r, const scim_error_t *error)
{
    scim_visit_t visit = { .r = r, .config = scim_config_of(r) };

    read_page_path(&visit);
    return refuse_visit(&visit, error);
}

int scim_admin_handle(request_rec *r)
{
    scim_visit_t visit = { .r = r, .config = scim_config_of(r) };
    scim_error_t *error;
    apr_size_t file = 0;

    if (!read_page_path(&visit)) {
        return closed(&visit, SCIM_E_NOT_FOUND);
    }
    error = find_person(&visit);
    if (!error && !is_api(&visit) && r->uri[strlen(r->uri) - 1] != '/'
        && !*visit.path) {
        return redirect_into(&visit);
    }
    if (!error) {
        error = is_api(&visit) ? serve_api(&visit)
                               : scim_admin_page_find(&file, r, visit.path);
    }
    if (error) {
        return refuse_visit(&visit, error);
    }
    scim_notes_put(r, SCIM_NOTE_OUTCOME, SCIM_OUTCOME_OK);
    if (visit.is_answered) {
        return DONE;
    }
    return is_api(&visit) ? answer_json(&visit)
                          : scim_admin_page_answer(r, file);
}
