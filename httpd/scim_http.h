/* SPDX-License-Identifier: Apache-2.0 */
/* scim_http: requests in, answers out.  Only this file turns a scim_error_t
 * into a response and a log line. */
#ifndef SCIM_HTTP_H
#define SCIM_HTTP_H

#include <httpd.h>
#include <apr_tables.h>

#include "storage/scim_db.h"
#include "values/scim_error.h"
#include "values/scim_json.h"

#define SCIM_MEDIA_TYPE "application/scim+json"
#define SCIM_SEARCH ".search"
#define SCIM_RETRY_AFTER_SECONDS 5
#define SCIM_RETRY_PAUSED_SECONDS 300

/* The version of SCIM, in URLs. */
#define SCIM_PROTOCOL_VERSION "v2"

/* The target of a request: {prefix}/{organization}/{version}/{segments}. */
typedef struct {
    const char *prefix;          /* "/scim", or "": escaped */
    const char *organization;
    const char *version;         /* such as SCIM_PROTOCOL_VERSION */
    const char *endpoint;        /* "Users"; "" for the base itself */
    const char *id;              /* NULL without one; SCIM_SEARCH */
    const char *rest;            /* after the id, or NULL */
} scim_target_t;

/* An answer; status 0 is 200. */
typedef struct {
    int status;
    const cJSON *body;           /* NULL for none */
    const char *location;        /* or NULL */
    const char *etag;            /* or NULL */
} scim_reply_t;

/* An Allow header with the methods in allow (NULL: none yet) and method; M_GET
 * includes HEAD. */
const char *scim_http_allow(apr_pool_t *pool, const char *allow, int method);

/* SCIM_E_NOT_ALLOWED, with this Allow header. */
scim_error_t *scim_http_not_allowed(request_rec *r, const char *allow)
    SCIM_CHECKED;

/* scheme://host:port of the server.  The host name of the request is used only
 * if it is in ServerName or ServerAlias. */
const char *scim_http_server_url(request_rec *r);

/* Whether origin, from an Origin header, is this server's own: the scheme and
 * port of the request (or the port of ServerName), with a name in ServerName
 * or ServerAlias; or those of base_url, which may be NULL. */
int scim_http_is_own_origin(request_rec *r, const char *origin,
                            const char *base_url);

/* Read the target of r.  SCIM_E_NOT_FOUND unless the path below the Location
 * has an organization and a version; anything may follow. */
scim_error_t *scim_http_target(scim_target_t *target, request_rec *r)
    SCIM_CHECKED;

/* The public URL of the request's organization and version, without a slash at
 * the end: base_url (the Location's own URL, from SCIMBaseURL) or the server's
 * own URL, never an unchecked Host header. */
const char *scim_http_base(request_rec *r, const scim_target_t *target,
                           const char *base_url);

/* The token of an Authorization: Bearer header (RFC 6750 section 2.1), or
 * NULL. */
const char *scim_http_bearer(request_rec *r);

/* The query parameters by name, with "+" and %xx decoded; without "=" the
 * value is "" (clients.md H3).  Several lists of names are one list; any other
 * duplicate is SCIM_E_INVALID_VALUE.  If the value of a name in wanted (which
 * ends with NULL) cannot be decoded, it is SCIM_E_INVALID_VALUE, or for filter
 * SCIM_E_INVALID_FILTER. */
scim_error_t *scim_http_parameters(apr_table_t **parameters, request_rec *r,
                                   const char *const *wanted) SCIM_CHECKED;

/* Read the whole JSON body: at most limit bytes when decoded
 * (SCIM_E_TOO_LARGE), of a media type that we accept, with any encoding
 * removed by httpd (SCIM_E_UNSUPPORTED_TYPE), in time (SCIM_E_TIMEOUT). */
scim_error_t *scim_http_read(cJSON **body, request_rec *r, apr_off_t limit)
    SCIM_CHECKED;

/* The same without parsing: *text has *length bytes. */
scim_error_t *scim_http_read_text(const char **text, apr_size_t *length,
                                  request_rec *r, apr_off_t limit)
    SCIM_CHECKED;

/* For scim_call_t: whether the client of the request_rec r has closed its
 * connection, or reset its stream.  Nothing is read. */
int scim_http_is_gone(void *r);

/* scim_db_borrow_for with the patience of r: SCIMDatabaseTimeout, while its
 * client waits. */
scim_error_t *scim_http_borrow(scim_db_t **db, request_rec *r,
                               const char *organization) SCIM_CHECKED;

/* The same for a part of the request that has the whole time again, in a pool
 * of its own, at the end of which the connection is returned. */
scim_error_t *scim_http_borrow_within(scim_db_t **db, request_rec *r,
                                      const char *organization,
                                      apr_pool_t *pool) SCIM_CHECKED;

/* Handle a body that is not wanted, so that it is not taken for the next
 * request: a small body is read and discarded, after a large one the
 * connection is closed.  Called before the answer is written. */
void scim_http_ignore_body(request_rec *r);

/* SCIM_E_NOT_ACCEPTABLE when the Accept header allows no JSON at all. */
scim_error_t *scim_http_check_accept(request_rec *r) SCIM_CHECKED;

/* Write the answer; returns DONE, also for hooks. */
int scim_http_answer(request_rec *r, const scim_reply_t *reply);

/* Write the text with this status and type, for whoever is no client of SCIM;
 * returns DONE. */
int scim_http_text(request_rec *r, int status, const char *type,
                   const char *text);

/* httpd's answer to any other method, with the Allow header; to be
 * returned. */
int scim_http_only_get(request_rec *r);

/* Write the error to the log, with its cause. */
void scim_http_log(request_rec *r, const scim_error_t *error);

/* Called before a refusal is written: log and count it, and handle an unread
 * body. */
void scim_http_start_refusal(request_rec *r, const scim_error_t *error);

/* Answer with the error and log it; returns DONE.  The caller has set the
 * Allow header in r->err_headers_out for SCIM_E_NOT_ALLOWED, and the
 * Retry-After header for SCIM_E_TOO_MANY_REQUESTS. */
int scim_http_refuse(request_rec *r, const scim_error_t *error);

/* Give httpd's own errors under a SCIM location a SCIM body as well. */
void scim_http_register_hooks(apr_pool_t *pool);

#endif
