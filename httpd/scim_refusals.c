/* SPDX-License-Identifier: Apache-2.0 */
/* Refusals and warnings for the organization's administrators, see
 * scim_refusals.h: of the request, and of the operations of a bulk request;
 * refusals by the guard also trip it.
 */
#include "httpd/scim_refusals.h"

#include <string.h>

#include <apr_strings.h>

#include <http_core.h>
#include <http_log.h>

#include "httpd/scim_counters.h"
#include "httpd/scim_door.h"
#include "httpd/scim_http.h"
#include "httpd/scim_log.h"
#include "resources/scim_activity.h"
#include "resources/scim_guard.h"
#include "values/scim_json.h"
#include "values/scim_text.h"

APLOG_USE_MODULE(scim);

/* Administrators do not need to see a read of a resource that does not exist,
 * a temporary failure, or a request with a token that is not valid any
 * more. */
static int is_worth_keeping(const scim_refusal_t *refusal)
{
    int status = scim_error_status(refusal->error->kind);

    return status < HTTP_INTERNAL_SERVER_ERROR
           && status != HTTP_UNAUTHORIZED
           && refusal->error->kind != SCIM_E_TOO_MANY_REQUESTS
           && (status != HTTP_NOT_FOUND
               || (strcmp(refusal->asked.method, "GET") != 0
                   && strcmp(refusal->asked.method, "HEAD") != 0));
}

static int count_of(const apr_array_header_t *refusals,
                    scim_error_kind_e kind)
{
    int count = 0;
    int i;

    for (i = 0; i < refusals->nelts; i++) {
        count += APR_ARRAY_IDX(refusals, i, scim_refusal_t).error->kind
                 == kind;
    }
    return count;
}

/* Tell administrators what the guard has refused.  A token that was revoked
 * since does not trip it. */
static void note_guard(scim_exchange_t *x, scim_db_t *db,
                       const apr_array_header_t *refusals)
{
    static const scim_error_kind_e kinds[] = { SCIM_E_GUARD_ACCOUNTS,
                                               SCIM_E_GUARD_MEMBERS };
    apr_size_t i;

    for (i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
        scim_error_t *failure
            = scim_guard_refused(db, x->call.principal, kinds[i],
                                 count_of(refusals, kinds[i]), x->r->pool);

        if (failure && scim_error_status(failure->kind)
                       >= HTTP_INTERNAL_SERVER_ERROR) {
            ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, x->r,
                          SCIM_LOGNO(0150) "%s %s was refused by the guard,"
                          " but administrators are not told. Cause: %s",
                          x->r->method, x->r->uri,
                          failure->cause ? failure->cause : failure->detail);
        }
    }
}

static void store_refusals(scim_exchange_t *x,
                           const apr_array_header_t *refusals)
{
    scim_error_t *failure = NULL;
    scim_db_t *db;
    int i;

    if (refusals->nelts == 0 || !x->call.principal) {
        return;
    }
    failure = scim_http_borrow(&db, x->r, x->target->organization);
    if (!failure) {
        for (i = 0; i < refusals->nelts && !failure; i++) {
            failure = scim_activity_refused(db, x->call.principal,
                &APR_ARRAY_IDX(refusals, i, scim_refusal_t), x->r->pool);
        }
        note_guard(x, db, refusals);
        scim_db_return(db);
    }
    if (failure) {
        ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, x->r,
                      SCIM_LOGNO(0021) "%s %s was refused, but Activity does"
                      " not show it. Cause: %s", x->r->method, x->r->uri,
                      failure->cause ? failure->cause : failure->detail);
    }
}

/* The path below the Location, as text that the database accepts. */
static const char *mended_path(const scim_exchange_t *x, const char *operation)
{
    const scim_target_t *target = x->target;
    char *path = operation
        ? apr_pstrcat(x->r->pool, "/", target->organization, "/",
                      target->version, *operation == '/' ? "" : "/",
                      operation, NULL)
        : apr_pstrdup(x->r->pool, scim_door_below(x->r));

    scim_text_mend(path);
    return path;
}

static scim_asked_t asked_of(const scim_exchange_t *x)
{
    scim_asked_t asked = {
        x->r->method, mended_path(x, NULL),
        x->resource ? x->resource->type->name : NULL, x->target->id, x->body
    };

    return asked;
}

void scim_refusals_keep(scim_exchange_t *x, const scim_error_t *error)
{
    apr_array_header_t *kept = apr_array_make(x->r->pool, 4,
                                              sizeof(scim_refusal_t));
    scim_refusal_t refusal = { asked_of(x), error };
    int i;

    if (error && is_worth_keeping(&refusal)) {
        APR_ARRAY_PUSH(kept, scim_refusal_t) = refusal;
    }
    for (i = 0; i < x->call.refusals->nelts; i++) {
        refusal = APR_ARRAY_IDX(x->call.refusals, i, scim_refusal_t);
        refusal.asked.path = mended_path(x, refusal.asked.path);
        if (is_worth_keeping(&refusal)) {
            APR_ARRAY_PUSH(kept, scim_refusal_t) = refusal;
        }
    }
    store_refusals(x, kept);
}

/* Warnings */

static void store_warnings(scim_exchange_t *x)
{
    scim_error_t *failure;
    scim_db_t *db;
    int i;

    failure = scim_http_borrow(&db, x->r, x->target->organization);
    if (!failure) {
        for (i = 0; i < x->call.warnings->nelts && !failure; i++) {
            failure = scim_activity_warned(db, x->call.principal,
                &APR_ARRAY_IDX(x->call.warnings, i, scim_warning_t),
                x->r->pool);
        }
        scim_db_return(db);
    }
    if (failure) {
        ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, x->r,
                      SCIM_LOGNO(0159) "%s %s: something was ignored, but"
                      " Activity does not show it. Cause: %s", x->r->method,
                      x->r->uri,
                      failure->cause ? failure->cause : failure->detail);
    }
}

/* A resource that was created has no id in its path. */
static void warn_of_request(scim_exchange_t *x)
{
    scim_asked_t asked = asked_of(x);

    if (!asked.id) {
        asked.id = scim_json_text(x->reply.body, "id");
    }
    scim_activity_warn(x->call.warnings, &asked,
                       x->reply.status ? x->reply.status : HTTP_OK,
                       x->call.notes);
}

void scim_refusals_warn(scim_exchange_t *x)
{
    int i;

    if (x->resource) {
        warn_of_request(x);
    }
    for (i = 0; i < x->call.warnings->nelts; i++) {
        scim_warning_t *warning = &APR_ARRAY_IDX(x->call.warnings, i,
                                                 scim_warning_t);

        if (!x->resource) {
            warning->asked.path = mended_path(x, warning->asked.path);
        }
        scim_counters_add_warning(scim_note_warns(&warning->note));
    }
    if (x->call.warnings->nelts > 0) {
        store_warnings(x);
    }
}
