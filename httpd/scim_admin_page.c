/* SPDX-License-Identifier: Apache-2.0 */
/* The files of the settings page, see scim_admin_page.h.
 *
 * They are read once, at start, and answered from memory.
 */
#include "httpd/scim_admin_page.h"

#include <string.h>

#include <apr_file_io.h>
#include <apr_sha1.h>
#include <apr_strings.h>

#include <http_protocol.h>

#include "httpd/scim_http.h"

#define MAX_FILE 262144          /* bytes; no file of the page has more */

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
    { "activity.js", "text/javascript; charset=utf-8", NULL, 0, NULL },
    { "undo.js", "text/javascript; charset=utf-8", NULL, 0, NULL },
    { "groups.js", "text/javascript; charset=utf-8", NULL, 0, NULL },
    { "requests.js", "text/javascript; charset=utf-8", NULL, 0, NULL },
    { "guard.js", "text/javascript; charset=utf-8", NULL, 0, NULL },
    { "setup.js", "text/javascript; charset=utf-8", NULL, 0, NULL },
    { "why.js", "text/javascript; charset=utf-8", NULL, 0, NULL },
    { "health.js", "text/javascript; charset=utf-8", NULL, 0, NULL },
    { "kit.js", "text/javascript; charset=utf-8", NULL, 0, NULL },
    { "ja.js", "text/javascript; charset=utf-8", NULL, 0, NULL },
    { "icon.svg", "image/svg+xml", NULL, 0, NULL }
};
#define FILES (sizeof(files) / sizeof(*files))
#define INDEX 0

static apr_status_t read_file(char **text, apr_size_t *length,
                              const char *path, apr_pool_t *pool)
{
    apr_finfo_t info;
    apr_file_t *file;
    apr_status_t rv = apr_file_open(&file, path, APR_FOPEN_READ,
                                    APR_FPROT_OS_DEFAULT, pool);

    if (rv != APR_SUCCESS) {
        return rv;
    }
    rv = apr_file_info_get(&info, APR_FINFO_SIZE, file);
    if (rv == APR_SUCCESS) {
        rv = info.size <= MAX_FILE ? APR_SUCCESS : APR_ENOSPC;
    }
    if (rv == APR_SUCCESS) {
        *length = (apr_size_t) info.size;
        *text = apr_palloc(pool, *length + 1);
        rv = apr_file_read_full(file, *text, *length, NULL);
    }
    apr_file_close(file);
    return rv;
}

static const char *etag_of_file(const char *text, apr_size_t length,
                                apr_pool_t *pool)
{
    char digest[sizeof("{SHA}") + 2 * APR_SHA1_DIGESTSIZE];

    apr_sha1_base64(text, (int) length, digest);
    return apr_pstrcat(pool, "\"", digest + strlen("{SHA}"), "\"", NULL);
}

const char *scim_admin_page_load(apr_pool_t *pool, const char *folder)
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
        files[i].etag = etag_of_file(text, files[i].length, pool);
    }
    return NULL;
}

void scim_admin_page_headers(request_rec *r, const char *caching)
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

int scim_admin_page_write(request_rec *r, const char *type, const char *text,
                          apr_size_t length)
{
    r->status_line = NULL;
    ap_set_content_type(r, type);
    ap_set_content_length(r, length);
    ap_rwrite(text, (int) length, r);
    return DONE;
}

scim_error_t *scim_admin_page_find(apr_size_t *found, request_rec *r,
                                   const char *name)
{
    apr_size_t i = INDEX;

    while (*name && i < FILES && strcmp(files[i].name, name) != 0) {
        i++;
    }
    *found = i;
    if (i == FILES) {
        return scim_error(r->pool, SCIM_E_NOT_FOUND,
                          "There is no file with this name.");
    }
    return r->method_number == M_GET ? NULL
        : scim_http_not_allowed(r, scim_http_allow(r->pool, NULL, M_GET));
}

int scim_admin_page_answer(request_rec *r, apr_size_t i)
{
    int condition;

    /* The page holds what its script puts into it, a new token above all. */
    scim_admin_page_headers(r, i == INDEX ? "no-store" : "private, no-cache");
    apr_table_setn(r->headers_out, "ETag", files[i].etag);
    condition = ap_meets_conditions(r);
    return condition == OK
           ? scim_admin_page_write(r, files[i].type, files[i].text,
                                   files[i].length)
           : condition;
}
