/* SPDX-License-Identifier: Apache-2.0 */
/* scim_tls: tokens and the settings page do not travel in the clear. */
#ifndef SCIM_TLS_H
#define SCIM_TLS_H

#include <httpd.h>
#include <http_config.h>

#include "values/scim_error.h"

/* SCIM_E_NOT_SECURE for a request that may not carry a secret.  It may when
 * its connection is one of TLS, whatever headers say; where SCIMRequireTLS
 * says nothing also when it came to a loopback address; where that is Off,
 * always. */
scim_error_t *scim_tls_check(request_rec *r) SCIM_CHECKED;

/* Warn of Locations of this module that would refuse everything that reaches
 * them, and of those that take secrets without TLS.  tree says where TLS is
 * switched on. */
void scim_tls_check_config(const ap_directive_t *tree, server_rec *main_server,
                           apr_pool_t *pool);

#endif
