/* SPDX-License-Identifier: Apache-2.0 */
/* mod_scim: SCIM 2.0 provisioning of accounts in PostgreSQL.
 *
 * The module record, directives, hooks and routing.  A request's way through:
 * scim_door finds that it is ours; serve_scim authenticates the bearer token,
 * before a body is read, finds the route, reads the body, borrows a
 * connection, calls the operation, gives the connection back and writes the
 * answer.  A token that was good lately is looked up with the operation's
 * first statement instead (scim_identity).
 */
#include <stddef.h>
#include <string.h>

#include <apr_dbd.h>
#include <apr_strings.h>

#include <httpd.h>
#include <http_config.h>
#include <http_core.h>
#include <http_log.h>
#include <http_protocol.h>
#include <http_request.h>

#include "resources/scim_activity.h"
#include "values/scim_clock.h"
#include "httpd/scim_admin.h"
#include "httpd/scim_admin_page.h"
#include "httpd/scim_advice.h"
#include "httpd/scim_config.h"
#include "httpd/scim_counters.h"
#include "httpd/scim_database.h"
#include "httpd/scim_door.h"
#include "httpd/scim_endpoints.h"
#include "values/scim_error.h"
#include "httpd/scim_errands.h"
#include "httpd/scim_gate.h"
#include "httpd/scim_headers.h"
#include "httpd/scim_health.h"
#include "httpd/scim_http.h"
#include "httpd/scim_identity.h"
#include "values/scim_json.h"
#include "httpd/scim_limits.h"
#include "httpd/scim_log.h"
#include "httpd/scim_memory.h"
#include "httpd/scim_metrics.h"
#include "httpd/scim_notes.h"
#include "httpd/scim_probe.h"
#include "httpd/scim_refusals.h"
#include "httpd/scim_request_log.h"
#include "resources/scim_resource.h"
#include "resources/scim_state.h"
#include "rules/scim_note.h"
#include "rules/scim_schema.h"
#include "httpd/scim_tls.h"
#include "httpd/scim_trace.h"
#include "scim_tokens.h"
#include "storage/scim_version.h"

#define LOOK_AGAIN_AFTER apr_time_from_msec(100) /* see look_again */

/* Places of caches in a process, which are not memory until they are used: see
 * scim_tokens_expect, and scim_list.c.  Few of ten thousand tokens have the
 * same place among so many. */
#define KNOWN_TOKENS 65536
#define KNOWN_PLACES 256

module AP_MODULE_DECLARE_DATA scim_module;
APLOG_USE_MODULE(scim);

/* A request before its body is read. */
typedef struct {
    scim_target_t target;
    scim_identity_t identity;    /* no principal on a public route */
} request_state_t;

/* Routing */

#define USES_DATABASE 1
#define HAS_BODY 2
#define IS_PUBLIC 4              /* without an Authorization header */
#define ANY_METHOD (-1)

/* The shapes of a path behind .../v2. */
typedef enum {
    COLLECTION,                  /* /Users */
    RESOURCE,                    /* /Users/{id} */
    SEARCH                       /* /Users/.search, /.search */
} shape_e;

#define EACH NULL                /* an endpoint of scim_resources, where the
                                  * type offers the operation */

static const struct {
    const char *endpoint;
    shape_e shape;
    int method;                  /* M_GET is HEAD as well */
    int needs;
    scim_endpoint_fn *serve;
} routes[] = {
    { EACH, COLLECTION, M_GET, USES_DATABASE, scim_endpoint_list },
    { EACH, COLLECTION, M_POST, USES_DATABASE | HAS_BODY,
      scim_endpoint_create },
    { EACH, RESOURCE, M_GET, USES_DATABASE, scim_endpoint_get },
    { EACH, RESOURCE, M_PUT, USES_DATABASE | HAS_BODY,
      scim_endpoint_replace },
    { EACH, RESOURCE, M_PATCH, USES_DATABASE | HAS_BODY,
      scim_endpoint_patch },
    { EACH, RESOURCE, M_DELETE, USES_DATABASE, scim_endpoint_delete },
    { EACH, SEARCH, M_POST, USES_DATABASE | HAS_BODY, scim_endpoint_list },
    { "", COLLECTION, M_GET, USES_DATABASE, scim_endpoint_list },
    { "", SEARCH, M_POST, USES_DATABASE | HAS_BODY, scim_endpoint_list },
    { "Me", COLLECTION, ANY_METHOD, 0, scim_endpoint_not_offered },
    { "Me", RESOURCE, ANY_METHOD, 0, scim_endpoint_not_offered },
    { "Bulk", COLLECTION, M_POST, USES_DATABASE | HAS_BODY,
      scim_endpoint_bulk },
    { "ServiceProviderConfig", COLLECTION, M_GET, IS_PUBLIC,
      scim_endpoint_get_config },
    { "Schemas", COLLECTION, M_GET, 0, scim_endpoint_get_schemas },
    { "Schemas", RESOURCE, M_GET, 0, scim_endpoint_get_schemas },
    { "ResourceTypes", COLLECTION, M_GET, 0,
      scim_endpoint_get_resource_types },
    { "ResourceTypes", RESOURCE, M_GET, 0,
      scim_endpoint_get_resource_types }
};
#define ROUTES (sizeof(routes) / sizeof(*routes))

static shape_e shape_of(const scim_target_t *target)
{
    if (!target->id) {
        return COLLECTION;
    }
    return strcmp(target->id, SCIM_SEARCH) == 0 ? SEARCH : RESOURCE;
}

static const scim_resource_t *resource_of(const scim_target_t *target)
{
    return scim_resource_at(target->endpoint, strlen(target->endpoint));
}

static scim_operation_e operation_of(apr_size_t route)
{
    switch (routes[route].method) {
    case M_POST:
        return routes[route].shape == SEARCH ? SCIM_LIST : SCIM_CREATE;
    case M_PUT:
        return SCIM_REPLACE;
    case M_PATCH:
        return SCIM_PATCH;
    case M_DELETE:
        return SCIM_DELETE;
    default:
        return routes[route].shape == RESOURCE ? SCIM_GET : SCIM_LIST;
    }
}

static int is_endpoint_of(apr_size_t route, const scim_target_t *target)
{
    const scim_resource_t *resource;

    if (routes[route].endpoint != EACH) {
        return strcmp(routes[route].endpoint, target->endpoint) == 0;
    }
    resource = resource_of(target);
    return resource && scim_resource_offers(resource, operation_of(route));
}

static int is_path_of(apr_size_t route, const scim_target_t *target)
{
    return routes[route].shape == shape_of(target) && !target->rest
           && is_endpoint_of(route, target);
}

/* The methods of the target's path for an Allow header, or NULL if there is no
 * such path. */
static const char *allowed_methods(const scim_target_t *target,
                                   apr_pool_t *pool)
{
    const char *allow = NULL;
    apr_size_t i;

    for (i = 0; i < ROUTES; i++) {
        int method = routes[i].method;

        if (is_path_of(i, target) && method != ANY_METHOD) {
            allow = scim_http_allow(pool, allow, method);
        }
    }
    return allow ? scim_http_allow(pool, allow, M_OPTIONS) : NULL;
}

/* The endpoint that has this name in any case, or NULL. */
static const char *nearly(const char *name)
{
    const scim_resource_t *const *resource = scim_resources;
    apr_size_t i;

    for (i = 0; i < ROUTES; i++) {
        if (routes[i].endpoint != EACH
            && strcasecmp(routes[i].endpoint, name) == 0) {
            return routes[i].endpoint;
        }
    }
    for (; *resource; resource++) {
        if (strcasecmp((*resource)->type->endpoint + 1, name) == 0) {
            return (*resource)->type->endpoint + 1;
        }
    }
    return NULL;
}

/* Paths are case-sensitive: httpd's own <Location> sections for one of our
 * paths would not apply to another spelling of it.  The error names an
 * endpoint that differs only in case. */
static scim_error_t *no_endpoint(const scim_target_t *target,
                                 apr_pool_t *pool)
{
    const char *meant = nearly(target->endpoint);

    return meant && strcmp(meant, target->endpoint) != 0
           ? scim_error(pool, SCIM_E_NOT_FOUND,
                        "There is no endpoint /%s: upper and lower case"
                        " differ, it is /%s.", target->endpoint, meant)
           : scim_error(pool, SCIM_E_NOT_FOUND,
                        "There is no endpoint /%.60s.", target->endpoint);
}

/* The row of routes, or ROUTES if there is none. */
static apr_size_t route_of(const scim_target_t *target, int method)
{
    apr_size_t i;

    for (i = 0; i < ROUTES; i++) {
        if (is_path_of(i, target) && (routes[i].method == method
                                      || routes[i].method == ANY_METHOD)) {
            return i;
        }
    }
    return ROUTES;
}

static scim_error_t *find_route(apr_size_t *found, scim_exchange_t *x)
{
    const char *allow;

    *found = route_of(x->target, x->r->method_number);
    if (*found < ROUTES) {
        return NULL;
    }
    allow = allowed_methods(x->target, x->r->pool);
    if (!allow) {
        return no_endpoint(x->target, x->r->pool);
    }
    if (x->r->method_number == M_INVALID) {
        apr_table_setn(x->r->err_headers_out, "Allow", allow);
        return scim_error(x->r->pool, SCIM_E_NOT_IMPLEMENTED,
                          "Unknown method %.20s.", x->r->method);
    }
    return scim_http_not_allowed(x->r, allow);
}

/* Authentication */

/* ServiceProviderConfig may tell a client how to authenticate (RFC 7643
 * section 5). */
static int is_public(const scim_target_t *target, request_rec *r)
{
    apr_size_t route = route_of(target, r->method_number);

    return route < ROUTES && (routes[route].needs & IS_PUBLIC)
           && !apr_table_get(r->headers_in, "Authorization");
}

/* Whether the token can be looked up with what the request does.  A bulk
 * request is many, for which the organization is charged before. */
static int can_look_up_later(const scim_target_t *target,
                             const request_rec *r)
{
    apr_size_t route = route_of(target, r->method_number);

    return route < ROUTES && (routes[route].needs & USES_DATABASE)
           && routes[route].serve != scim_endpoint_bulk;
}

/* The value of the label resource: a name that is known at the start, never
 * one that a client has made up. */
static const char *counted_as(const scim_target_t *target)
{
    const scim_resource_t *resource = resource_of(target);
    apr_size_t i = 0;

    if (resource) {
        return resource->type->endpoint + 1;
    }
    while (i < ROUTES && (routes[i].endpoint == EACH
                          || strcmp(routes[i].endpoint,
                                    target->endpoint) != 0)) {
        i++;
    }
    if (i == ROUTES) {
        return SCIM_RESOURCE_OTHER;
    }
    return *routes[i].endpoint ? routes[i].endpoint : SCIM_RESOURCE_ALL;
}

static void name_endpoints(void)
{
    apr_size_t i;

    for (i = 0; scim_resources[i]; i++) {
        scim_counters_name(scim_resources[i]->type->endpoint + 1);
    }
    for (i = 0; i < ROUTES; i++) {
        if (routes[i].endpoint != EACH && *routes[i].endpoint) {
            scim_counters_name(routes[i].endpoint);
        }
    }
}

static scim_error_t *authenticate_request(request_state_t *state,
                                          request_rec *r)
{
    SCIM_ERR(scim_http_target(&state->target, r));
    scim_notes_put(r, SCIM_NOTE_ORGANIZATION, state->target.organization);
    scim_notes_put(r, SCIM_NOTE_RESOURCE, counted_as(&state->target));
    if (is_public(&state->target, r)) {
        return NULL;
    }
    return scim_identity_find(&state->identity, r, state->target.organization,
                              can_look_up_later(&state->target, r));
}

/* Before anything is done with data that was sent in the clear, and before the
 * client is asked for a password. */
static int begin_request(request_rec *r)
{
    const char *handler = scim_door_of(r);
    scim_error_t *error;
    int is_admin;

    if (!scim_door_has_secrets(handler)) {
        return DECLINED;
    }
    is_admin = strcmp(handler, SCIM_ADMIN_HANDLER) == 0;
    scim_notes_begin(r, is_admin ? SCIM_RESOURCE_SETTINGS
                                 : SCIM_RESOURCE_OTHER);
    error = scim_tls_check(r);
    if (!error) {
        return DECLINED;
    }
    return is_admin ? scim_admin_refuse(r, error)
                    : scim_http_refuse(r, error);
}

/* Service */

static scim_error_t *check_switch(const scim_exchange_t *x)
{
    return x->call.principal ? scim_state_check(x->call.principal->state,
                                                x->r->pool) : NULL;
}

static scim_error_t *check_request(scim_exchange_t *x)
{
    SCIM_ERR(check_switch(x));
    if (strcmp(x->target->version, SCIM_PROTOCOL_VERSION) != 0) {
        return scim_error(x->r->pool, SCIM_E_INVALID_VERSION,
                          "The protocol version '%.20s' is not supported,"
                          " only " SCIM_PROTOCOL_VERSION ".",
                          x->target->version);
    }
    return NULL;
}

/* A search has its parameters in the body (SRCH-11). */
static scim_error_t *read_request(scim_exchange_t *x, apr_size_t route)
{
    if (x->call.rules.strict) {
        SCIM_ERR(scim_http_check_accept(x->r));
    }
    if (routes[route].needs & HAS_BODY) {
        if (!x->text) {
            x->has_begun_body = 1;
            SCIM_ERR(scim_http_read_text(&x->text, &x->length, x->r,
                                         x->resource && x->resource->is_large
                                         ? x->max_group_body_size
                                         : x->max_body_size));
        }
        SCIM_ERR(scim_json_parse(&x->body, x->text, x->length, x->r->pool));
    }
    else {
        scim_http_ignore_body(x->r);
    }
    return routes[route].shape == SEARCH
           ? scim_endpoint_read_search(x)
           : scim_endpoint_read_query(x);
}

/* A token may be deleted, or provisioning switched off, while a slow body
 * arrives; then nothing more is done.  A body that arrives at once needs no
 * second check, because each write checks the token itself (schema.sql). */
static scim_error_t *look_again(scim_exchange_t *x)
{
    if (!x->call.principal || x->expected
        || scim_clock_now() - x->known_at < LOOK_AGAIN_AFTER) {
        return NULL;
    }
    x->known_at = scim_clock_now();
    SCIM_ERR(scim_identity_principal(&x->call.principal, x->r,
                                     x->target->organization));
    return check_switch(x);
}

/* The token is looked up with the first statement. */
static scim_error_t *serve_expected(scim_exchange_t *x, apr_size_t route)
{
    scim_error_t *error;

    scim_tokens_put_ahead(x->expected, x->call.db);
    error = routes[route].serve(x);
    SCIM_ERR(scim_tokens_confirm(x->expected, x->call.db));
    if (x->expected->is_confirmed) {
        scim_identity_note(x->call.principal, x->r);
    }
    return error;
}

/* The connection is borrowed only while statements run. */
static scim_error_t *serve_route(scim_exchange_t *x, apr_size_t route)
{
    scim_error_t *error;

    if (!(routes[route].needs & USES_DATABASE)) {
        return routes[route].serve(x);
    }
    SCIM_ERR(scim_http_borrow(&x->call.db, x->r, x->target->organization));
    error = x->expected ? serve_expected(x, route) : routes[route].serve(x);
    scim_db_return(x->call.db);
    return error;
}

static scim_error_t *route_request(scim_exchange_t *x)
{
    scim_error_t *error;
    apr_size_t route;

    SCIM_ERR(check_request(x));
    if (x->r->method_number == M_OPTIONS) {
        const char *allow = allowed_methods(x->target, x->r->pool);

        if (allow) {
            apr_table_setn(x->r->headers_out, "Allow", allow);
            x->reply.status = HTTP_NO_CONTENT;
            return NULL;
        }
    }
    SCIM_ERR(find_route(&route, x));
    error = read_request(x, route);
    SCIM_ERR(look_again(x));
    return error ? error : serve_route(x, route);
}

static void log_notes(scim_exchange_t *x)
{
    int i;

    for (i = 0; i < x->call.notes->nelts; i++) {
        ap_log_rerror(APLOG_MARK, APLOG_INFO, 0, x->r,
                      SCIM_LOGNO(0002) "%s %s: %s", x->r->method, x->r->uri,
                      scim_note_text(&APR_ARRAY_IDX(x->call.notes, i,
                                                    scim_note_t),
                                     x->r->pool));
    }
    for (i = 0; i < x->call.left_out->nelts; i++) {
        ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, x->r,
                      SCIM_LOGNO(0020) "%s %s: left out of the list: %s",
                      x->r->method, x->r->uri,
                      APR_ARRAY_IDX(x->call.left_out, i, const char *));
    }
}

static void prepare_exchange(scim_exchange_t *x, request_rec *r,
                             const request_state_t *state)
{
    const scim_dir_config_t *config = scim_config_of(r);

    memset(x, 0, sizeof(*x));
    x->r = r;
    x->max_results = scim_config_number(config, max_results);
    x->max_body_size = scim_config_number(config, max_body_size);
    x->max_group_body_size = scim_config_number(config, max_group_body_size);
    x->max_operations = scim_config_number(config, max_operations);
    x->work = scim_work_begin();
    x->target = &state->target;
    x->resource = resource_of(x->target);
    x->call.pool = r->pool;
    x->call.rules = scim_config_rules(config);
    x->call.rules.work = &x->work;
    x->call.max_resource_size = scim_config_number(config, max_resource_size);
    x->call.max_members = scim_config_number(config, max_members);
    x->call.places = scim_config_of_server(r->server)->places;
    x->call.projections = x->projections;
    x->call.is_gone = scim_http_is_gone;
    x->call.is_gone_baton = r;
    x->call.principal = state->identity.principal;
    x->known_at = state->identity.known_at;
    x->expected = state->identity.expected;
    x->call.base = scim_http_base(r, &state->target, config->base_url);
    x->call.if_match = apr_table_get(r->headers_in, "If-Match");
    x->call.if_none_match = apr_table_get(r->headers_in, "If-None-Match");
    x->call.notes = scim_note_list(r->pool);
    x->call.left_out = apr_array_make(r->pool, 4, sizeof(const char *));
    x->call.refusals = apr_array_make(r->pool, 4, sizeof(scim_refusal_t));
    x->call.warnings = apr_array_make(r->pool, 4, sizeof(scim_warning_t));
}

/* The account that the request is about, for the access log. */
static void note_account(const scim_exchange_t *x)
{
    const char *made = scim_json_text(x->reply.body, "id");

    if (!x->resource || x->resource->type != &scim_user_type) {
        return;
    }
    if (made) {
        scim_notes_put(x->r, SCIM_NOTE_ACCOUNT, made);
    }
    else if (shape_of(x->target) == RESOURCE) {
        scim_notes_put(x->r, SCIM_NOTE_ACCOUNT, x->target->id);
    }
}

/* Operations that failed in a bulk request that did not. */
static void count_refusals(const apr_array_header_t *refusals)
{
    int i;

    for (i = 0; i < refusals->nelts; i++) {
        scim_counters_add_error(APR_ARRAY_IDX(refusals, i,
                                              scim_refusal_t).error->kind);
    }
}

static int is_crowded_out(const scim_exchange_t *x, const scim_error_t *error)
{
    return error && error->kind == SCIM_E_UNAVAILABLE && !x->call.db;
}

/* Whether nothing was done for an expected principal that was not confirmed:
 * an error came before any statement, or there is another principal.  Where
 * the database has failed, a write may have been done.  Who has waited for a
 * connection too long does not wait again. */
static int has_done_nothing(const scim_exchange_t *x,
                            const scim_error_t *error)
{
    if (is_crowded_out(x, error) && !scim_db_has_time(x->r->pool)) {
        return 0;
    }
    return !x->expected->ahead.has_run || !error
           || error->kind == SCIM_E_UNAUTHORIZED;
}

/* The same with the principal that was looked up, but for a body that could
 * not be read, and who has waited for a connection already. */
static scim_error_t *route_again(scim_exchange_t *x,
                                 const request_state_t *state, request_rec *r,
                                 scim_error_t *error)
{
    const char *text = x->text;
    apr_size_t length = x->length;

    if (error && (is_crowded_out(x, error)
                  || (x->has_begun_body && !text))) {
        return error;
    }
    prepare_exchange(x, r, state);
    x->text = text;
    x->length = length;
    return route_request(x);
}

/* Authenticate in the handler, after all of httpd's own checks, so that
 * requests that httpd refuses cause no queries, and not in a hook that Satisfy
 * Any leaves out. */
static int serve_scim(request_rec *r)
{
    request_state_t state = { .identity.principal = NULL };
    scim_error_t *error;
    scim_exchange_t x;

    scim_memory_watch(r);
    error = authenticate_request(&state, r);
    if (error) {
        return scim_http_refuse(r, error);
    }
    prepare_exchange(&x, r, &state);
    scim_request_log_begin(r);
    error = route_request(&x);
    if (x.expected && !x.expected->is_confirmed) {
        scim_error_t *refused = has_done_nothing(&x, error)
                                ? scim_identity_look_up(&state.identity, r)
                                : error;

        if (refused) {
            return scim_http_refuse(r, refused);
        }
        error = route_again(&x, &state, r, error);
    }
    log_notes(&x);
    if (x.failure) {
        scim_http_log(r, x.failure);
    }
    count_refusals(x.call.refusals);
    if (error || x.call.refusals->nelts > 0) {
        scim_refusals_keep(&x, error);
    }
    if (!error && x.call.notes->nelts > 0) {
        scim_refusals_warn(&x);
    }
    note_account(&x);
    scim_request_log_describe(&x, error);
    if (error) {
        return scim_http_refuse(r, error);
    }
    scim_notes_put(r, SCIM_NOTE_OUTCOME, SCIM_OUTCOME_OK);
    return scim_http_answer(r, &x.reply);
}

/* An answer is always whole: there are no ranges of the result of a PATCH. */
static void ignore_range(request_rec *r)
{
    apr_table_unset(r->headers_in, "Range");
    apr_table_unset(r->headers_in, "Request-Range");
    apr_table_setn(r->headers_out, "Accept-Ranges", "none");
}

/* Each name of a handler (scim_door.h) is here. */
static const struct {
    const char *handler;
    int (*serve)(request_rec *r);
} services[] = {
    { SCIM_HANDLER, serve_scim },
    { SCIM_ADMIN_HANDLER, scim_admin_handle },
    { SCIM_METRICS_HANDLER, scim_metrics_handle },
    { SCIM_HEALTH_HANDLER, scim_health_handle }
};

static int handle_request(request_rec *r)
{
    const char *handler = scim_door_handler(r->handler);
    scim_errands_t *errands = scim_config_of_server(r->server)->errands;
    apr_size_t i = 0;
    int status;

    if (!handler) {
        return DECLINED;
    }
    if (scim_door_of(r) != handler) {
        ap_log_rerror(APLOG_MARK, APLOG_WARNING, 0, r, SCIM_LOGNO(0052)
                      "the handler %s is ignored here: use SetHandler in a"
                      " <Location> of the server's configuration, not in"
                      " .htaccess", handler);
        return HTTP_NOT_FOUND;
    }
    ignore_range(r);
    while (strcmp(services[i].handler, handler) != 0) {
        i++;
    }
    status = services[i].serve(r);
    if (errands) {
        scim_errands_hourly(errands);
    }
    return status;
}

/* Hooks */

static int load_admin_files(apr_pool_t *pconf, server_rec *s)
{
    const char *folder = scim_config_of_server(s)->admin_files;
    const char *missing = scim_admin_page_load(pconf, folder ? folder
                                               : SCIM_DATA_DIR "/"
                                                 SCIM_ADMIN_FOLDER);

    if (missing) {
        ap_log_error(APLOG_MARK, APLOG_CRIT, 0, s, SCIM_LOGNO(0005)
                     "SetHandler " SCIM_ADMIN_HANDLER ": cannot read %s:"
                     " SCIMAdminFiles must name the folder of the settings"
                     " page", missing);
        return HTTP_INTERNAL_SERVER_ERROR;
    }
    return OK;
}

static int check_config(apr_pool_t *pconf, apr_pool_t *plog,
                        apr_pool_t *ptemp, server_rec *s)
{
    int has_admin = scim_door_is_used(ap_conftree, SCIM_ADMIN_HANDLER,
                                      ptemp);
    int status = scim_gate_check_config(ap_conftree, s, ptemp);

    if (status == OK) {
        status = scim_door_check_config(ap_conftree, s, ptemp);
    }
    if (status == OK) {
        status = scim_database_check_config(ap_conftree, s, ptemp);
    }
    scim_config_of_server(s)->uses_database
        = scim_database_is_used(ap_conftree, ptemp);
    if (status == OK) {
        scim_tls_check_config(ap_conftree, s, ptemp);
        scim_advice_check_config(ap_conftree, s, ptemp);
    }
    return status == OK && has_admin ? load_admin_files(pconf, s) : status;
}

/* Once for each start and restart.  With the version component, mod_info shows
 * it, as does the header Server with ServerTokens Full. */
static int tell_version(apr_pool_t *pconf, apr_pool_t *plog,
                        apr_pool_t *ptemp, server_rec *s)
{
    ap_add_version_component(pconf, "mod_scim/" SCIM_VERSION);
    if (ap_state_query(AP_SQ_MAIN_STATE) != AP_SQ_MS_CREATE_PRE_CONFIG) {
        ap_log_error(APLOG_MARK, APLOG_NOTICE, 0, s, SCIM_LOGNO(0120)
                     "mod_scim " SCIM_VERSION " for schema version %d (at"
                     " least %d)", SCIM_SCHEMA_KNOWN, SCIM_SCHEMA_LEAST);
    }
    return OK;
}

static void advise(server_rec *s, scim_pool_advice_e advice, const char *what)
{
    if (advice == SCIM_POOL_ADVICE_SHARED) {
        ap_log_error(APLOG_MARK, APLOG_WARNING, 0, s, SCIM_LOGNO(0070)
                     "sessions of PostgreSQL are shared, as by a pooler in"
                     " transaction mode (%s): set SCIMPreparedStatements Off,"
                     " or use session mode in the pooler", what);
    }
    else {
        ap_log_error(APLOG_MARK, APLOG_WARNING, 0, s, SCIM_LOGNO(0071)
                     "SCIMPreparedStatements is Off, but settings of the role"
                     " in DBDParams are missing: %s (use ALTER ROLE, see"
                     " docs/pgbouncer.md)", what);
    }
}

/* Without memory for it, the database is asked more often. */
static scim_cache_t *make_cache(int slots, apr_pool_t *pool, server_rec *s)
{
    scim_cache_t *made;
    apr_status_t rv = scim_cache_make(&made, slots, pool);

    if (rv != APR_SUCCESS) {
        ap_log_error(APLOG_MARK, APLOG_WARNING, rv, s, SCIM_LOGNO(0162)
                     "no memory for what was found lately; requests ask the"
                     " database for more");
        return NULL;
    }
    return made;
}

static void make_connections(apr_pool_t *pool, server_rec *s,
                             int uses_database)
{
    scim_server_config_t *config = scim_config_of_server(s);
    int most = scim_config_dbd_number(config, SCIM_DBD_MAX);

    config->connections = scim_pool_make(pool, s, most,
                                         config->dbd[SCIM_DBD_PARAMS].value);
    scim_pool_share(config->connections, config->prepares == 0, advise);
    scim_pool_count(config->connections, scim_counters_lend(most));
    config->known_tokens = make_cache(KNOWN_TOKENS, pool, s);
    config->places = make_cache(KNOWN_PLACES, pool, s);
    config->probe = uses_database ? scim_probe_make(pool, s,
                                                    config->connections)
                                  : NULL;
    config->request_log = uses_database
                          ? scim_request_log_make(pool, s,
                                                  config->connections)
                          : NULL;
    config->errands = uses_database ? scim_errands_make(pool, s,
                                                        config->connections)
                                    : NULL;
}

static void init_child(apr_pool_t *pool, server_rec *main_server)
{
    const scim_server_config_t *main_config
        = scim_config_of_server(main_server);
    server_rec *s;

    scim_counters_init_child();
    for (s = main_server; s; s = s->next) {
        scim_server_config_t *config = scim_config_of_server(s);

        if (config->has_dbd || s == main_server) {
            make_connections(pool, s, main_config->uses_database);
        }
        else {
            config->connections = main_config->connections;
            config->known_tokens = main_config->known_tokens;
            config->places = main_config->places;
            config->probe = main_config->probe;
            config->request_log = main_config->request_log;
            config->errands = main_config->errands;
        }
    }
    scim_gate_init_child(pool, main_server);
    scim_memory_init_child();
}

static void register_hooks(apr_pool_t *pool)
{
    ap_hook_check_config(check_config, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_child_init(init_child, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_post_config(tell_version, NULL, NULL, APR_HOOK_LAST);
    ap_hook_header_parser(begin_request, NULL, NULL, APR_HOOK_FIRST);
    ap_hook_handler(handle_request, NULL, NULL, APR_HOOK_MIDDLE);
    scim_door_register_hooks(pool);
    scim_http_register_hooks(pool);
    scim_limits_register(pool);
    scim_gate_register(pool);
    scim_headers_register_hooks(pool);
    scim_trace_register();
    name_endpoints();
    scim_counters_register_hooks();
    scim_notes_register_hooks();
    scim_request_log_register_hooks();
}

module AP_MODULE_DECLARE_DATA scim_module = {
    STANDARD20_MODULE_STUFF,
    scim_config_create_dir,
    scim_config_merge_dir,
    scim_config_create_server,
    scim_config_merge_server,
    scim_directives,
    register_hooks,
    AP_MODULE_FLAG_ALWAYS_MERGE
};
