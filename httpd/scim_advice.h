/* SPDX-License-Identifier: Apache-2.0 */
/* scim_advice: warnings of configtest about what is allowed and cannot be
 * meant. */
#ifndef SCIM_ADVICE_H
#define SCIM_ADVICE_H

#include <httpd.h>
#include <http_config.h>

/* Warn of a SCIMBaseURL that is not that of the Location, or has no TLS; and
 * of a settings page or a gate where nobody is asked to sign in. */
void scim_advice_check_config(const ap_directive_t *tree, server_rec *s,
                              apr_pool_t *pool);

#endif
