/* SPDX-License-Identifier: Apache-2.0 */
/* scim_tls: tokens and the settings page need TLS. */
#ifndef SCIM_TLS_H
#define SCIM_TLS_H

#include <httpd.h>
#include <http_config.h>

#include "values/scim_error.h"

/* SCIM_E_NOT_SECURE for a request that may not carry a secret.  It may if its
 * connection uses TLS, whatever its headers are; with SCIMRequireTLS Off; or,
 * if SCIMRequireTLS is not set, on a loopback address. */
scim_error_t *scim_tls_check(request_rec *r) SCIM_CHECKED;

/* Warn of Locations of this module that would refuse all requests that reach
 * them, and of those that accept secrets without TLS.  tree shows where TLS is
 * on. */
void scim_tls_check_config(const ap_directive_t *tree, server_rec *main_server,
                           apr_pool_t *pool);

#endif
