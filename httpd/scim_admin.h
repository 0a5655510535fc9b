/* SPDX-License-Identifier: Apache-2.0 */
/* scim_admin: the organization's settings, for its administrators: a page and
 * the JSON API that it uses.
 *
 *   {Location}/{organization}/               the page: scim_admin_page
 *   {Location}/{organization}/api/...        the API: api_routes of
 *                                            scim_admin_api
 *
 * httpd says who it is (r->user); an active ADMIN account gets in.
 */
#ifndef SCIM_ADMIN_H
#define SCIM_ADMIN_H

#include <httpd.h>

#include "values/scim_error.h"

/* Answer with the error, as a page or for the page's script; returns DONE. */
int scim_admin_refuse(request_rec *r, const scim_error_t *error);

/* Serve a request; returns what a handler returns. */
int scim_admin_handle(request_rec *r);

#endif
