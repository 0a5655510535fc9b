/* SPDX-License-Identifier: Apache-2.0 */
/* scim_refusals: which requests that were refused the organization's
 * administrators see (scim.refusal, the settings page's Activity). */
#ifndef SCIM_REFUSALS_H
#define SCIM_REFUSALS_H

#include "httpd/scim_endpoints.h"
#include "values/scim_error.h"

/* Store error, with which x is answered (NULL: none), and those of its
 * operations, as far as an administrator should see them.  A failure is
 * logged; the answer does not depend on it. */
void scim_refusals_keep(scim_exchange_t *x, const scim_error_t *error);

#endif
