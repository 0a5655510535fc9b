/* SPDX-License-Identifier: Apache-2.0 */
/* scim_database: whether mod_dbd can have a connection to PostgreSQL, as far
 * as configtest can know. */
#ifndef SCIM_DATABASE_H
#define SCIM_DATABASE_H

#include <httpd.h>
#include <http_config.h>

#define SCIM_DATABASE_DRIVER                                                \
    "mod_scim keeps its accounts in PostgreSQL, so it must be pgsql"

/* Whether anything in the configuration needs a database. */
int scim_database_is_used(const ap_directive_t *tree, apr_pool_t *pool);

/* Whether a DBDriver of s must be pgsql.  Where the module is merely loaded,
 * it must not disturb others. */
int scim_database_needs_driver(const ap_directive_t *tree,
                               const server_rec *s, apr_pool_t *pool);

/* Check mod_dbd's settings for the servers that use this module, each with
 * those that it inherits: OK, or an HTTP error, logged with the line, where no
 * request could ever get a connection.  Warns of a connect_timeout that a
 * request would not live to see the end of. */
int scim_database_check_config(const ap_directive_t *tree,
                               server_rec *main_server, apr_pool_t *pool);

#endif
