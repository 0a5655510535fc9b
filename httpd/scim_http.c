/* SPDX-License-Identifier: Apache-2.0 */
/* Requests in, answers out, see scim_http.h.
 *
 * In the order of a request: its target and the public URL; headers and
 * parameters; the body, which is read within its limit or, if it is not
 * wanted, discarded, so that the connection can be used again; answers;
 * refusals.  At the end is the filter that replaces httpd's own error pages.
 */
#include "httpd/scim_http.h"

#include <poll.h>
#include <string.h>

#include <apr_lib.h>
#include <apr_portable.h>
#include <apr_strings.h>

#include <http_core.h>
#include <http_log.h>
#include <http_protocol.h>
#include <http_request.h>
#include <util_filter.h>

#include "httpd/scim_config.h"
#include "httpd/scim_counters.h"
#include "httpd/scim_door.h"
#include "httpd/scim_limits.h"
#include "httpd/scim_log.h"
#include "httpd/scim_notes.h"
#include "rules/scim_schema.h"
#include "values/scim_text.h"

#define ERROR_FILTER "SCIM_ERROR"
#define DISCARD_LIMIT 65536      /* an unread body up to this is discarded */
#define DRAIN_SECONDS 10         /* in HTTP/2, the part that arrives in time */

APLOG_USE_MODULE(scim);

static const char *const media_types[] = { SCIM_MEDIA_TYPE,
                                           "application/json", NULL };

/* Targets */

static int is_version(const char *segment)
{
    return segment[0] == 'v' && segment[1]
           && strspn(segment + 1, "0123456789") == strlen(segment + 1);
}

const char *scim_http_allow(apr_pool_t *pool, const char *allow, int method)
{
    const char *name = method == M_GET ? "GET, HEAD"
                                       : ap_method_name_of(pool, method);

    return allow ? apr_pstrcat(pool, allow, ", ", name, NULL) : name;
}

scim_error_t *scim_http_not_allowed(request_rec *r, const char *allow)
{
    apr_table_setn(r->err_headers_out, "Allow", allow);
    return scim_error(r->pool, SCIM_E_NOT_ALLOWED,
                      "The method %.20s is not allowed here, only %s.",
                      r->method, allow);
}

/* Fill in the names after the version. */
static void find_names(scim_target_t *target, const char *path,
                       apr_pool_t *pool)
{
    target->endpoint = scim_door_segment(&path, pool);
    target->id = target->endpoint ? scim_door_segment(&path, pool) : NULL;
    target->rest = *path && strcmp(path, "/") != 0 ? path : NULL;
    if (!target->endpoint) {
        target->endpoint = "";
    }
    if (!target->id && strcmp(target->endpoint, SCIM_SEARCH) == 0) {
        target->id = target->endpoint;
        target->endpoint = "";
    }
}

scim_error_t *scim_http_target(scim_target_t *target, request_rec *r)
{
    const char *path = scim_door_below(r);

    if (path) {
        target->prefix = ap_os_escape_path(r->pool,
            apr_pstrmemdup(r->pool, r->uri, path - r->uri), 1);
        target->organization = scim_door_segment(&path, r->pool);
        target->version = scim_door_segment(&path, r->pool);
    }
    if (!path || !target->organization
        || !scim_text_is_key(target->organization) || !target->version
        || !is_version(target->version)) {
        return scim_error(r->pool, SCIM_E_NOT_FOUND,
                          "There is nothing at this URL. A SCIM URL ends in"
                          " /{organization}/v2.");
    }
    find_names(target, path, r->pool);
    return NULL;
}

static int is_among(const apr_array_header_t *names, const char *host)
{
    int i;

    for (i = 0; names && i < names->nelts; i++) {
        const char *name = APR_ARRAY_IDX(names, i, const char *);

        if (name && ap_strcasecmp_match(host, name) == 0) {
            return 1;
        }
    }
    return 0;
}

/* Whether host matches ServerName or ServerAlias, which may have * and ?. */
static int is_name_of(const server_rec *s, const char *host)
{
    return strcasecmp(s->server_hostname, host) == 0
           || is_among(s->names, host) || is_among(s->wild_names, host);
}

/* The port of ServerName, which may have one, or a scheme with a default port;
 * otherwise the port of the connection. */
static apr_port_t public_port(request_rec *r)
{
    if (r->server->port) {
        return r->server->port;
    }
    return r->server->server_scheme
           ? apr_uri_port_of_scheme(r->server->server_scheme)
           : r->connection->local_addr->port;
}

const char *scim_http_server_url(request_rec *r)
{
    const char *scheme = ap_http_scheme(r);
    const char *host = ap_get_server_name_for_url(r);
    apr_port_t port = public_port(r);

    if (!is_name_of(r->server, ap_get_server_name(r))) {
        host = r->server->server_hostname;
    }
    if (port == apr_uri_port_of_scheme(scheme)) {
        return apr_pstrcat(r->pool, scheme, "://", host, NULL);
    }
    return apr_psprintf(r->pool, "%s://%s:%u", scheme, host, port);
}

/* Read scheme://host[:port], with a path only if with_path; port 0 becomes the
 * port of the scheme. */
static int read_origin(apr_uri_t *uri, const char *text, int with_path,
                       apr_pool_t *pool)
{
    if (apr_uri_parse(pool, text, uri) != APR_SUCCESS || !uri->scheme
        || !uri->hostname || !*uri->hostname || uri->user || uri->query
        || uri->fragment || (uri->path && !with_path)) {
        return 0;
    }
    if (!uri->port_str) {
        uri->port = apr_uri_port_of_scheme(uri->scheme);
    }
    return uri->port != 0;
}

static int is_same_origin(const apr_uri_t *one, const apr_uri_t *other)
{
    return strcasecmp(one->scheme, other->scheme) == 0
           && strcasecmp(one->hostname, other->hostname) == 0
           && one->port == other->port;
}

int scim_http_is_own_origin(request_rec *r, const char *origin,
                            const char *base_url)
{
    apr_uri_t theirs;
    apr_uri_t ours;

    if (!read_origin(&theirs, origin, 0, r->pool)) {
        return 0;
    }
    if (base_url && read_origin(&ours, base_url, 1, r->pool)
        && is_same_origin(&theirs, &ours)) {
        return 1;
    }
    return strcasecmp(theirs.scheme, ap_http_scheme(r)) == 0
           && is_name_of(r->server, theirs.hostname)
           && (theirs.port == public_port(r)
               || theirs.port == r->connection->local_addr->port);
}

const char *scim_http_base(request_rec *r, const scim_target_t *target,
                           const char *base_url)
{
    if (!base_url) {
        base_url = apr_pstrcat(r->pool, scim_http_server_url(r),
                               target->prefix, NULL);
    }
    return apr_pstrcat(r->pool, base_url, "/", target->organization, "/",
                       target->version, NULL);
}

/* Headers and parameters */

/* b64token = 1*( ALPHA / DIGIT / "-" / "." / "_" / "~" / "+" / "/" ) *"=" */
static int is_b64token(const char *text)
{
    const char *start = text;

    while (apr_isalnum(*text) || (*text && strchr("-._~+/", *text))) {
        text++;
    }
    return text != start && text[strspn(text, "=")] == '\0';
}

const char *scim_http_bearer(request_rec *r)
{
    const char *header = apr_table_get(r->headers_in, "Authorization");

    if (!header || strncasecmp(header, "Bearer ", 7) != 0) {
        return NULL;
    }
    header += 7;
    header += strspn(header, " ");
    return is_b64token(header) ? header : NULL;
}

/* Decode in place; 0 if there is a malformed or zero %xx, or if the result is
 * not UTF-8. */
static int decode(char *text)
{
    return ap_unescape_urlencoded(text) == OK
           && scim_text_is_utf8(text, strlen(text));
}

static int is_wanted_name(const char *name, const char *const *wanted)
{
    while (*wanted && strcmp(*wanted, name) != 0) {
        wanted++;
    }
    return *wanted != NULL;
}

static scim_error_t *badly_encoded(request_rec *r, const char *name)
{
    return scim_error(r->pool, strcmp(name, "filter") == 0
                                   ? SCIM_E_INVALID_FILTER
                                   : SCIM_E_INVALID_VALUE,
                      "The query parameter '%s' is not correctly"
                      " percent-encoded UTF-8.", name);
}

/* A second list of names is added to the first one; of any other duplicate
 * parameter it is unclear which one is meant (HTTP-34). */
static scim_error_t *add_parameter(apr_table_t *parameters, request_rec *r,
                                   const char *name, const char *value)
{
    const char *first = apr_table_get(parameters, name);

    if (!first) {
        apr_table_setn(parameters, name, value);
        return NULL;
    }
    if (strcmp(name, "attributes") != 0
        && strcmp(name, "excludedAttributes") != 0) {
        return scim_error(r->pool, SCIM_E_INVALID_VALUE,
                          "Duplicate query parameter '%s'.", name);
    }
    apr_table_setn(parameters, name,
                   apr_pstrcat(r->pool, first, ",", value, NULL));
    return NULL;
}

scim_error_t *scim_http_parameters(apr_table_t **parameters, request_rec *r,
                                   const char *const *wanted)
{
    char *state = NULL;
    char *text = apr_pstrdup(r->pool, r->args ? r->args : "");
    char *name;

    *parameters = apr_table_make(r->pool, 8);
    for (name = apr_strtok(text, "&", &state); name;
         name = apr_strtok(NULL, "&", &state)) {
        char *value = strchr(name, '=');

        if (value) {
            *value++ = '\0';
        }
        if (!decode(name) || !is_wanted_name(name, wanted)) {
            continue;
        }
        if (value && !decode(value)) {
            return badly_encoded(r, name);
        }
        SCIM_ERR(add_parameter(*parameters, r, name, value ? value : ""));
    }
    return NULL;
}

/* Whether the header value begins with the media type, in any case. */
static int names_type(const char *value, const char *type)
{
    apr_size_t length = strlen(type);

    value += strspn(value, " \t");
    return strncasecmp(value, type, length) == 0
           && strchr("; \t,", value[length]) != NULL;
}

static int is_utf8_charset(const char *content_type)
{
    const char *charset = ap_strcasestr(content_type, "charset");

    if (!charset) {
        return 1;
    }
    charset += strcspn(charset, "=");
    charset += strspn(charset, "= \t\"");
    return strncasecmp(charset, "utf-8", 5) == 0;
}

static scim_error_t *check_content_type(request_rec *r)
{
    const char *type = apr_table_get(r->headers_in, "Content-Type");
    int i;

    if (!type || !*type) {
        return NULL;
    }
    for (i = 0; media_types[i]; i++) {
        if (names_type(type, media_types[i]) && is_utf8_charset(type)) {
            return NULL;
        }
    }
    return scim_error(r->pool, SCIM_E_UNSUPPORTED_TYPE,
                      "The body must be " SCIM_MEDIA_TYPE " (or"
                      " application/json) in UTF-8.");
}

scim_error_t *scim_http_check_accept(request_rec *r)
{
    static const char *const acceptable[] = {
        SCIM_MEDIA_TYPE, "application/json", "application/*", "*/*"
    };
    const char *accept = apr_table_get(r->headers_in, "Accept");
    apr_size_t i;

    for (i = 0; accept && i < sizeof(acceptable) / sizeof(*acceptable);
         i++) {
        if (ap_strcasestr(accept, acceptable[i])) {
            return NULL;
        }
    }
    return accept ? scim_error(r->pool, SCIM_E_NOT_ACCEPTABLE,
                               "The answer is " SCIM_MEDIA_TYPE ";"
                               " Accept does not allow it.")
                  : NULL;
}

/* Bodies */

static scim_error_t *too_large(request_rec *r, apr_off_t limit)
{
    return scim_error(r->pool, SCIM_E_TOO_LARGE,
                      "The body is larger than %" APR_OFF_T_FMT
                      " bytes (maxPayloadSize).", limit);
}

/* Whether the body is still encoded: the filter of SetInputFilter DEFLATE
 * removes the header with the first bytes that it decodes. */
static int is_encoded(request_rec *r)
{
    const char *encoding = apr_table_get(r->headers_in, "Content-Encoding");

    return encoding && strcasecmp(encoding, "identity") != 0;
}

/* Close the connection, so that the rest of the body is not taken for the next
 * request. */
static void leave_body(request_rec *r)
{
    r->connection->keepalive = AP_CONN_CLOSE;
}

/* The part of a body that has arrived. */
typedef struct {
    char *text;
    apr_size_t length;
    apr_size_t room;
    int was_encoded;
} body_t;

static scim_error_t *broken_body(request_rec *r)
{
    return scim_error(r->pool, SCIM_E_BAD_REQUEST,
                      "The body could not be read completely.");
}

static scim_error_t *read_failed(const body_t *body, request_rec *r,
                                 apr_status_t rv)
{
    int status = ap_map_http_request_error(rv, HTTP_BAD_REQUEST);

    if (status == HTTP_REQUEST_TIME_OUT) {
        return scim_error(r->pool, SCIM_E_TIMEOUT,
                          "The body did not arrive in time.");
    }
    /* mod_deflate returns APR_EINVAL for DeflateInflateRatioLimit. */
    return status == HTTP_REQUEST_ENTITY_TOO_LARGE
           || (body->was_encoded && rv == APR_EINVAL)
        ? scim_error(r->pool, SCIM_E_TOO_LARGE, "The body is too large.")
        : broken_body(r);
}

static void append_body(body_t *body, const char *text, apr_size_t length,
                        apr_pool_t *pool)
{
    if (body->length + length > body->room) {
        const char *before = body->text;

        body->room = 2 * (body->length + length);
        body->text = apr_palloc(pool, body->room);
        memcpy(body->text, before, body->length);
    }
    memcpy(body->text + body->length, text, length);
    body->length += length;
}

/* Copies at once, because some filters, above all mod_ssl's, overwrite their
 * data at the next read. */
static apr_status_t append_all(body_t *body, int *at_end,
                               apr_bucket_brigade *some, apr_pool_t *pool)
{
    while (!*at_end && !APR_BRIGADE_EMPTY(some)) {
        apr_bucket *bucket = APR_BRIGADE_FIRST(some);
        const char *text = "";
        apr_size_t length = 0;

        *at_end = APR_BUCKET_IS_EOS(bucket);
        if (!APR_BUCKET_IS_METADATA(bucket)) {
            apr_status_t rv = apr_bucket_read(bucket, &text, &length,
                                              APR_BLOCK_READ);

            if (rv != APR_SUCCESS) {
                return rv;
            }
        }
        append_body(body, text, length, pool);
        apr_bucket_delete(bucket);
    }
    return APR_SUCCESS;
}

static scim_error_t *read_some(body_t *body, int *at_end, request_rec *r,
                               apr_bucket_brigade *some)
{
    apr_status_t rv = ap_get_brigade(r->input_filters, some,
                                     AP_MODE_READBYTES, APR_BLOCK_READ,
                                     HUGE_STRING_LEN);

    if (is_encoded(r)) {
        return scim_error(r->pool, SCIM_E_UNSUPPORTED_TYPE,
                          "A body with Content-Encoding is not supported.");
    }
    if (rv == APR_SUCCESS) {
        rv = append_all(body, at_end, some, r->pool);
    }
    return rv == APR_SUCCESS ? NULL : read_failed(body, r, rv);
}

static scim_error_t *read_bytes(body_t *body, request_rec *r,
                                apr_off_t limit)
{
    apr_bucket_brigade *some
        = apr_brigade_create(r->pool, r->connection->bucket_alloc);
    scim_error_t *error = NULL;
    int at_end = 0;

    body->was_encoded = is_encoded(r);
    body->length = 0;
    body->room = HUGE_STRING_LEN;
    body->text = apr_palloc(r->pool, body->room);
    while (!error && !at_end) {
        error = read_some(body, &at_end, r, some);
        if (!error && (apr_off_t) body->length > limit) {
            error = too_large(r, limit);
        }
    }
    if (error) {
        leave_body(r);
    }
    return error;
}

static apr_off_t announced_length(request_rec *r)
{
    const char *header = apr_table_get(r->headers_in, "Content-Length");

    return header ? (apr_off_t) apr_atoi64(header) : 0;
}

/* mod_http2 ends a body normally even if the client has cancelled it. */
static int is_cut_off(const body_t *body, request_rec *r)
{
    return r->connection->master
           && (r->connection->aborted
               || (!body->was_encoded && announced_length(r) > 0
                   && (apr_off_t) body->length != announced_length(r)));
}

scim_error_t *scim_http_read_text(const char **text, apr_size_t *length,
                                  request_rec *r, apr_off_t limit)
{
    body_t all;

    SCIM_ERR(check_content_type(r));
    if (announced_length(r) > limit) {
        return too_large(r, limit);
    }
    SCIM_ERR(read_bytes(&all, r, limit));
    r->read_length = (apr_off_t) all.length;
    if (is_cut_off(&all, r)) {
        return broken_body(r);
    }
    *text = all.text;
    *length = all.length;
    return NULL;
}

scim_error_t *scim_http_read(cJSON **body, request_rec *r, apr_off_t limit)
{
    const char *text;
    apr_size_t length;

    SCIM_ERR(scim_http_read_text(&text, &length, r, limit));
    return scim_json_parse(body, text, length, r->pool);
}

/* Read the rest of the body: a stream of HTTP/2 that ends before its request
 * is reset, and some clients take a reset for a failure, whatever the answer
 * was.  This reads below HTTP_IN, which stops at LimitRequestBody. */
static void read_away(request_rec *r)
{
    apr_bucket_brigade *rest
        = apr_brigade_create(r->pool, r->connection->bucket_alloc);
    apr_time_t end = apr_time_now() + apr_time_from_sec(DRAIN_SECONDS);
    apr_off_t more = 1;

    while (more > 0 && apr_time_now() < end
           && ap_get_brigade(r->connection->input_filters, rest,
                             AP_MODE_READBYTES, APR_BLOCK_READ,
                             HUGE_STRING_LEN) == APR_SUCCESS
           && apr_brigade_length(rest, 1, &more) == APR_SUCCESS) {
        apr_brigade_cleanup(rest);
    }
}

void scim_http_ignore_body(request_rec *r)
{
    const char *chunked = apr_table_get(r->headers_in, "Transfer-Encoding");

    if (r->connection->master) {
        /* A client that waits for "100 Continue" sends nothing. */
        if (!r->expecting_100) {
            read_away(r);
        }
    }
    /* An encoded body could become very large. */
    else if (chunked || announced_length(r) > DISCARD_LIMIT
             || r->expecting_100 || is_encoded(r)
             || ap_discard_request_body(r) != OK) {
        leave_body(r);
    }
}

/* Answers */

/* application/json only if the client accepts it and not our media type. */
static const char *answer_type(request_rec *r)
{
    const char *accept = apr_table_get(r->headers_in, "Accept");

    if (accept && ap_strcasestr(accept, "application/json")
        && !ap_strcasestr(accept, SCIM_MEDIA_TYPE)
        && !strstr(accept, "*/*") && !strstr(accept, "application/*")) {
        return "application/json;charset=UTF-8";
    }
    return SCIM_MEDIA_TYPE ";charset=UTF-8";
}

static void put_headers(request_rec *r, const scim_reply_t *reply)
{
    apr_table_t *headers = r->headers_out;

    apr_table_setn(headers, "Cache-Control", "no-store");
    apr_table_setn(headers, "X-Content-Type-Options", "nosniff");
    if (reply->location) {
        apr_table_setn(headers, "Location", reply->location);
        apr_table_setn(headers, "Content-Location", reply->location);
    }
    if (reply->etag) {
        apr_table_setn(headers, "ETag", reply->etag);
    }
}

int scim_http_answer(request_rec *r, const scim_reply_t *reply)
{
    r->status = reply->status ? reply->status : HTTP_OK;
    r->status_line = NULL;
    put_headers(r, reply);
    if (reply->body) {
        const char *text = scim_json_print(reply->body, r->pool);
        apr_size_t length = strlen(text);

        ap_set_content_type(r, answer_type(r));
        ap_set_content_length(r, length);
        ap_rwrite(text, (int) length, r);
    }
    return DONE;
}

int scim_http_text(request_rec *r, int status, const char *type,
                   const char *text)
{
    apr_size_t length = strlen(text);

    r->status = status;
    r->status_line = NULL;
    apr_table_setn(r->headers_out, "Cache-Control", "no-store");
    apr_table_setn(r->headers_out, "X-Content-Type-Options", "nosniff");
    ap_set_content_type(r, type);
    ap_set_content_length(r, length);
    ap_rwrite(text, (int) length, r);
    return DONE;
}

int scim_http_only_get(request_rec *r)
{
    ap_allow_standard_methods(r, REPLACE_ALLOW, M_GET, -1);
    return HTTP_METHOD_NOT_ALLOWED;
}

/* What the operator must do, once a minute; whether error is about that. */
static int log_tables(request_rec *r, const scim_error_t *error)
{
    switch (error->kind) {
    case SCIM_E_UNFIT:
        if (scim_limits_once_a_minute(SCIM_TOLD_UNFIT)) {
            ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, r, SCIM_LOGNO(0080)
                          "no request is served: %s", error->cause);
        }
        return 1;
    case SCIM_E_OUTDATED:
        if (scim_limits_once_a_minute(SCIM_TOLD_OUTDATED)) {
            ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, r, SCIM_LOGNO(0110)
                          "%s %s is not served: %s", r->method, r->uri,
                          error->cause);
        }
        return 1;
    default:
        return 0;
    }
}

/* Whether something is wrong with this server, rather than with the request or
 * put off on purpose. */
static int is_failure(const scim_error_t *error)
{
    return scim_error_status(error->kind) >= 500
           && error->kind != SCIM_E_PAUSED;
}

void scim_http_log(request_rec *r, const scim_error_t *error)
{
    int status = scim_error_status(error->kind);

    ap_log_rerror(APLOG_MARK, log_tables(r, error) ? APLOG_DEBUG
                              : is_failure(error) ? APLOG_ERR : APLOG_INFO,
                  0, r,
                  SCIM_LOGNO(0001) "%d for %s %s: %s%s%s (request %s)",
                  status, r->method, r->uri, error->detail,
                  error->cause ? " Cause: " : "",
                  error->cause ? error->cause : "",
                  scim_notes_request_id(r));
}

/* POLLRDHUP also detects a client that closes only its own half: one that does
 * so before the answer does not want it. */
int scim_http_is_gone(void *r_)
{
    const request_rec *r = r_;
    conn_rec *c = r->connection->master ? r->connection->master
                                        : r->connection;
    apr_socket_t *socket = ap_get_conn_socket(c);
    struct pollfd look = { -1, POLLRDHUP, 0 };

    if (r->connection->aborted || c->aborted) {
        return 1;
    }
    return socket && apr_os_sock_get(&look.fd, socket) == APR_SUCCESS
           && poll(&look, 1, 0) > 0;
}

scim_error_t *scim_http_borrow_within(scim_db_t **db, request_rec *r,
                                      const char *organization,
                                      apr_pool_t *pool)
{
    int seconds = scim_config_number(scim_config_of(r),
                                     database_timeout);

    scim_db_allow(pool, apr_time_from_sec(seconds), scim_http_is_gone, r);
    return scim_db_borrow_for(db, scim_config_connections(r), organization,
                              pool);
}

scim_error_t *scim_http_borrow(scim_db_t **db, request_rec *r,
                               const char *organization)
{
    return scim_http_borrow_within(db, r, organization, r->pool);
}

/* RFC 6750 section 3: an error code only if the request had a token. */
static void put_challenge(request_rec *r)
{
    apr_table_setn(r->err_headers_out, "WWW-Authenticate",
                   apr_table_get(r->headers_in, "Authorization")
                   ? "Bearer realm=\"scim\", error=\"invalid_token\""
                   : "Bearer realm=\"scim\"");
}

void scim_http_start_refusal(request_rec *r, const scim_error_t *error)
{
    scim_http_log(r, error);
    scim_counters_add_error(error->kind);
    scim_notes_put(r, SCIM_NOTE_TYPE, scim_error_type(error->kind));
    scim_notes_put(r, SCIM_NOTE_OUTCOME, scim_error_name(error->kind,
                                                         r->pool));
    /* Do not wait again for a client that was too slow. */
    if (error->kind != SCIM_E_TIMEOUT) {
        scim_http_ignore_body(r);
    }
}

/* A failure of the server, with what finds it in the log. */
static const char *detail_with_id(request_rec *r, const scim_error_t *error)
{
    return is_failure(error) && error->kind != SCIM_E_NOT_IMPLEMENTED
           ? apr_pstrcat(r->pool, error->detail, " Request id ",
                         scim_notes_request_id(r), ".", NULL)
           : error->detail;
}

int scim_http_refuse(request_rec *r, const scim_error_t *error)
{
    int status = scim_error_status(error->kind);
    scim_reply_t reply = { status, NULL, NULL, NULL };

    scim_http_start_refusal(r, error);
    if (error->kind == SCIM_E_UNAUTHORIZED) {
        put_challenge(r);
    }
    if (status == HTTP_SERVICE_UNAVAILABLE) {
        apr_table_setn(r->err_headers_out, "Retry-After",
                       error->kind == SCIM_E_PAUSED
                       ? APR_STRINGIFY(SCIM_RETRY_PAUSED_SECONDS)
                       : APR_STRINGIFY(SCIM_RETRY_AFTER_SECONDS));
    }
    reply.body = scim_schema_error(status, scim_error_type(error->kind),
                                   detail_with_id(r, error), r->pool);
    return scim_http_answer(r, &reply);
}

/* httpd's own errors */

/* If a request line is too long, httpd keeps only what it has read. */
static void find_path(request_rec *r)
{
    const char *path = r->the_request ? strchr(r->the_request, ' ') : NULL;

    if (r->status == HTTP_REQUEST_URI_TOO_LARGE && !r->uri && path) {
        path++;
        r->uri = apr_pstrmemdup(r->pool, path, strcspn(path, " ?"));
    }
}

/* httpd refuses some URLs (%2F, for one) before it looks for a Location. */
static int is_under_scim(request_rec *r)
{
    const char *handler = scim_door_of(r);

    find_path(r);
    if (!handler && !r->handler && r->uri && r->uri[0] == '/') {
        ap_location_walk(r);
        handler = scim_door_in_force(r);
    }
    return handler && strcmp(handler, SCIM_HANDLER) == 0;
}

static void insert_error_filter(request_rec *r)
{
    if (r->status >= HTTP_BAD_REQUEST && is_under_scim(r)) {
        if (!apr_table_get(r->notes, SCIM_NOTE_RESOURCE)) {
            scim_notes_begin(r, SCIM_RESOURCE_OTHER);
        }
        ap_add_output_filter(ERROR_FILTER, NULL, r, r->connection);
    }
}

static const char *explain_401(request_rec *r)
{
    return r->status == HTTP_REQUEST_URI_TOO_LARGE
        ? "The URL is longer than this server allows (LimitRequestLine). Send"
          " the query as the body of a POST to " SCIM_SEARCH "."
        : ap_get_status_line(r->status);
}

/* Replaces httpd's HTML page by the SCIM body. */
static apr_status_t error_filter(ap_filter_t *f, apr_bucket_brigade *page)
{
    request_rec *r = f->r;
    apr_bucket_alloc_t *alloc = r->connection->bucket_alloc;
    apr_bucket_brigade *ours;
    char *text;

    if (f->ctx) {
        apr_brigade_cleanup(page);
        return APR_SUCCESS;
    }
    f->ctx = r;
    text = scim_json_print(scim_schema_error(r->status, NULL, explain_401(r),
                                             r->pool), r->pool);
    ap_set_content_type(r, answer_type(r));
    ap_set_content_length(r, strlen(text));
    ours = apr_brigade_create(r->pool, alloc);
    APR_BRIGADE_INSERT_TAIL(ours, apr_bucket_pool_create(text, strlen(text),
                                                         r->pool, alloc));
    APR_BRIGADE_INSERT_TAIL(ours, apr_bucket_eos_create(alloc));
    apr_brigade_cleanup(page);
    return ap_pass_brigade(f->next, ours);
}

void scim_http_register_hooks(apr_pool_t *pool)
{
    ap_register_output_filter(ERROR_FILTER, error_filter, NULL,
                              AP_FTYPE_RESOURCE);
    ap_hook_insert_error_filter(insert_error_filter, NULL, NULL,
                                APR_HOOK_LAST);
}
