/* SPDX-License-Identifier: Apache-2.0 */
/* scim_admin_page: the files of the settings page, and what its answers have
 * in their headers. */
#ifndef SCIM_ADMIN_PAGE_H
#define SCIM_ADMIN_PAGE_H

#include <httpd.h>

#include "values/scim_error.h"

#define SCIM_ADMIN_FOLDER "admin" /* in the package's own */
#define SCIM_ADMIN_NOTHING_HERE "There is nothing at this address."

/* Read the files of the page, which live as long as pool.  The path of a file
 * that cannot be read, or NULL. */
const char *scim_admin_page_load(apr_pool_t *pool, const char *folder);

/* The file called name, "" for the page itself, for scim_admin_page_answer;
 * SCIM_E_NOT_FOUND or, but for GET, SCIM_E_NOT_ALLOWED. */
scim_error_t *scim_admin_page_find(apr_size_t *file, request_rec *r,
                                   const char *name) SCIM_CHECKED;

/* Answer with a file.  This and the following return what a handler does. */
int scim_admin_page_answer(request_rec *r, apr_size_t file);

/* Answer with text.  Its headers, caching is Cache-Control, come before. */
void scim_admin_page_headers(request_rec *r, const char *caching);
int scim_admin_page_write(request_rec *r, const char *type, const char *text,
                          apr_size_t length);

#endif
