/* SPDX-License-Identifier: Apache-2.0 */
/* scim_conninfo: what libpq makes of a connection string, without a
 * connection. */
#ifndef SCIM_CONNINFO_H
#define SCIM_CONNINFO_H

#include <apr_pools.h>
#include <apr_tables.h>

#include "values/scim_error.h"

typedef struct {
    int hosts;                   /* that are tried one after the other */
    int seconds;                 /* connect_timeout of each; 0: no limit, as
                                  * for libpq; -1: not set */
} scim_conninfo_t;

/* Read text; the result is what is wrong with it and what it must be, or NULL.
 * Parts of it that may be of a password are not quoted. */
const char *scim_conninfo_read(scim_conninfo_t *info, const char *text,
                               apr_pool_t *pool);

/* The settings of text, a connection string or URI, as the environment
 * variables by which libpq takes them: PGHOST, PGPASSWORD and so on.  Those
 * that have no variable, such as keepalives, are left out.
 * SCIM_E_INVALID_VALUE if libpq does not understand it. */
scim_error_t *scim_conninfo_variables(apr_table_t **variables,
                                      const char *text, apr_pool_t *pool)
    SCIM_CHECKED;

/* Whether the environment names a server, a database or a user, which libpq
 * uses where the connection string does not. */
int scim_conninfo_is_in_environment(void);

#endif
