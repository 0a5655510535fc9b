/* SPDX-License-Identifier: Apache-2.0 */
/* scim_refusals: refused requests, and warnings, that the organization's
 * administrators see (scim.refusal, the settings page's Activity). */
#ifndef SCIM_REFUSALS_H
#define SCIM_REFUSALS_H

#include "httpd/scim_endpoints.h"
#include "values/scim_error.h"

/* Store error, the answer to x (NULL: none), and the errors of its operations,
 * if they are for administrators.  A failure is logged and does not change the
 * answer. */
void scim_refusals_keep(scim_exchange_t *x, const scim_error_t *error);

/* Put what the notes of x warn of into its warnings, unless it is a bulk
 * request, which has done so; count and store the warnings.  The same. */
void scim_refusals_warn(scim_exchange_t *x);

#endif
