/* SPDX-License-Identifier: Apache-2.0 */
/* Lists as CSV files, see scim_admin_export.h. */
#include "httpd/scim_admin_export.h"

#include <string.h>

#include <apr_strings.h>

#include <http_protocol.h>
#include <util_filter.h>

#include "httpd/scim_admin_page.h"
#include "httpd/scim_http.h"
#include "values/scim_json.h"

/* By this, spreadsheets know that the file is UTF-8. */
#define BYTE_ORDER_MARK "\xEF\xBB\xBF"

const char *scim_admin_lines(const cJSON *list, const char *name,
                             const char *head,
                             const char *(*line)(const cJSON *object,
                                                 apr_pool_t *pool),
                             int *rows, apr_pool_t *pool)
{
    const cJSON *objects = scim_json_member(list, name);
    apr_array_header_t *lines = apr_array_make(pool,
                                               cJSON_GetArraySize(objects) + 1,
                                               sizeof(const char *));
    const cJSON *object;

    if (head) {
        APR_ARRAY_PUSH(lines, const char *) = head;
    }
    cJSON_ArrayForEach(object, objects) {
        APR_ARRAY_PUSH(lines, const char *) = line(object, pool);
        (*rows)++;
    }
    return apr_array_pstrcat(pool, lines, '\0');
}

static scim_error_t *read_lines(const char **text, int *rows, scim_visit_t *v,
                                scim_admin_lines_fn *next, void *baton,
                                apr_pool_t *pool)
{
    int before = *rows;
    scim_error_t *error;
    scim_db_t *db;

    SCIM_ERR(scim_http_borrow_within(&db, v->r, NULL, pool));
    error = next(text, rows, baton, db, pool);
    scim_db_return(db);
    if (!error && *text && before >= SCIM_EXPORT_MAX) {
        error = scim_error(pool, SCIM_E_TOO_MANY,
                           "A file has at most %d rows.", SCIM_EXPORT_MAX);
    }
    return error;
}

static void begin_file(scim_visit_t *v, const char *name)
{
    request_rec *r = v->r;

    scim_admin_page_headers(r, "no-store");
    apr_table_setn(r->headers_out, "Content-Disposition",
                   apr_pstrcat(r->pool, "attachment; filename=\"", name, "-",
                               v->organization, ".csv\"", NULL));
    ap_set_content_type(r, "text/csv; charset=utf-8");
    ap_rputs(BYTE_ORDER_MARK, r);
    v->is_answered = 1;
}

/* What was written so far must not look like a whole file: httpd leaves out
 * the end of the message. */
static void cut_off(request_rec *r, const scim_error_t *error)
{
    apr_bucket_alloc_t *alloc = r->connection->bucket_alloc;
    apr_bucket_brigade *brigade = apr_brigade_create(r->pool, alloc);

    scim_http_log(r, error);
    r->connection->keepalive = AP_CONN_CLOSE;
    ap_rflush(r);
    APR_BRIGADE_INSERT_TAIL(brigade,
                            ap_bucket_error_create(HTTP_BAD_GATEWAY, NULL,
                                                   r->pool, alloc));
    ap_pass_brigade(r->output_filters, brigade);
}

scim_error_t *scim_admin_export(scim_visit_t *v, const char *name,
                                scim_admin_lines_fn *next, void *baton)
{
    request_rec *r = v->r;
    const char *text = "";
    apr_pool_t *pool;
    int rows = 0;

    scim_db_return(v->call.db);
    apr_pool_create(&pool, r->pool);
    while (text && !r->connection->aborted) {
        scim_error_t *error;

        apr_pool_clear(pool);
        error = read_lines(&text, &rows, v, next, baton, pool);
        if (error && !v->is_answered) {
            return error;
        }
        if (error) {
            cut_off(r, error);
            return NULL;
        }
        if (!v->is_answered) {
            begin_file(v, name);
        }
        if (!text || ap_rputs(text, r) < 0 || r->header_only) {
            break;
        }
    }
    return NULL;
}
