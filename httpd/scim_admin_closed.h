/* SPDX-License-Identifier: Apache-2.0 */
/* scim_admin_closed: the pages that people see whom the settings page does not
 * let in, or for whom it has nothing.  They have no file, need no script, and
 * say everything in both languages. */
#ifndef SCIM_ADMIN_CLOSED_H
#define SCIM_ADMIN_CLOSED_H

#include <httpd.h>

#include "values/scim_error.h"

/* Answer with the page for an error of this kind: why, and a way on.
 * organization: the key in the URL, and path: what follows it in r->uri; both
 * NULL if the URL names none.  sign_out_url may be NULL.  Returns what a
 * handler does. */
int scim_admin_closed_answer(request_rec *r, scim_error_kind_e kind,
                             const char *organization, const char *path,
                             const char *sign_out_url);

#endif
