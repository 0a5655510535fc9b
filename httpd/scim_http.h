/* SPDX-License-Identifier: Apache-2.0 */
/* scim_http: requests in, answers out.  The one place that turns a
 * scim_error_t into a response and a log line. */
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

/* Of SCIM, in URLs. */
#define SCIM_PROTOCOL_VERSION "v2"

/* Where a request points: {prefix}/{organization}/{version}/{segments}. */
typedef struct {
    const char *prefix;          /* "/scim", or "": escaped */
    const char *organization;
    const char *version;         /* SCIM_PROTOCOL_VERSION, if we know it */
    const char *endpoint;        /* "Users"; "" for the base itself */
    const char *id;              /* NULL without one; SCIM_SEARCH */
    const char *rest;            /* what follows the id, or NULL */
} scim_target_t;

/* What is answered; status 0 is 200. */
typedef struct {
    int status;
    const cJSON *body;           /* NULL for none */
    const char *location;        /* or NULL */
    const char *etag;            /* or NULL */
} scim_reply_t;

/* An Allow header of the methods in allow (NULL: none yet) and of method;
 * M_GET is HEAD as well. */
const char *scim_http_allow(apr_pool_t *pool, const char *allow, int method);

/* SCIM_E_NOT_ALLOWED, with this Allow header. */
scim_error_t *scim_http_not_allowed(request_rec *r, const char *allow)
    SCIM_CHECKED;

/* scheme://host:port of the server.  The name that the client used counts
 * only where ServerName or ServerAlias has it. */
const char *scim_http_server_url(request_rec *r);

/* Whether origin, of an Origin header, is this server's own: scheme, name and
 * port as the request came, the name being one of ServerName and ServerAlias
 * and the port perhaps that of ServerName; or those of base_url, which may be
 * NULL. */
int scim_http_is_own_origin(request_rec *r, const char *origin,
                            const char *base_url);

/* SCIM_E_NOT_FOUND unless the path goes on behind the Location's own with just
 * an organization and a version, and then whatever is there. */
scim_error_t *scim_http_target(scim_target_t *target, request_rec *r)
    SCIM_CHECKED;

/* The public URL of the request's organization and version, without a slash
 * at the end: base_url (the Location's own URL, from SCIMBaseURL) or what
 * httpd knows of itself, never an unchecked Host header. */
const char *scim_http_base(request_rec *r, const scim_target_t *target,
                           const char *base_url);

/* The token of an Authorization: Bearer header (RFC 6750 section 2.1), or
 * NULL. */
const char *scim_http_bearer(request_rec *r);

/* The query parameters by name, "+" and %xx decoded, the first of several
 * (clients.md H3); without "=" the value is "".  A name of wanted (NULL ends)
 * whose value is not decodable is SCIM_E_INVALID_VALUE, for filter SCIM_E_
 * INVALID_FILTER. */
scim_error_t *scim_http_parameters(apr_table_t **parameters, request_rec *r,
                                   const char *const *wanted) SCIM_CHECKED;

/* The JSON body, whole, however it arrives: at most limit bytes when decoded
 * (SCIM_E_TOO_LARGE), of a media type that we take and decoded by httpd
 * (SCIM_E_UNSUPPORTED_TYPE), in time (SCIM_E_TIMEOUT). */
scim_error_t *scim_http_read(cJSON **body, request_rec *r, apr_off_t limit)
    SCIM_CHECKED;

/* For scim_call_t: whether the client of the request_rec r has closed its
 * connection, or reset its stream.  Nothing is read. */
int scim_http_is_gone(void *r);

/* scim_db_borrow_for, with the patience of r: SCIMDatabaseTimeout, while its
 * client waits. */
scim_error_t *scim_http_borrow(scim_db_t **db, request_rec *r,
                               const char *organization) SCIM_CHECKED;

/* Deal with a body that nobody reads, so that it is not taken for the next
 * request: a small one is read away, for a large one the connection ends.
 * Called before the answer is written. */
void scim_http_ignore_body(request_rec *r);

/* SCIM_E_NOT_ACCEPTABLE when the Accept header allows no JSON at all. */
scim_error_t *scim_http_check_accept(request_rec *r) SCIM_CHECKED;

/* Write the answer; returns DONE, also for hooks. */
int scim_http_answer(request_rec *r, const scim_reply_t *reply);

/* Write the error to the log, with its cause. */
void scim_http_log(request_rec *r, const scim_error_t *error);

/* Before a refusal is written: log it, and deal with what nobody read of the
 * body. */
void scim_http_start_refusal(request_rec *r, const scim_error_t *error);

/* Answer with the error and log it; returns DONE.  For SCIM_E_NOT_ALLOWED the
 * caller has set the Allow header in r->err_headers_out, for SCIM_E_TOO_MANY_
 * REQUESTS the Retry-After header. */
int scim_http_refuse(request_rec *r, const scim_error_t *error);

/* Give httpd's own errors under a SCIM location a SCIM body as well. */
void scim_http_register_hooks(apr_pool_t *pool);

#endif
