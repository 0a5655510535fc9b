/* SPDX-License-Identifier: Apache-2.0 */
/* scim_conninfo: a connection string of libpq, taken apart. */
#ifndef SCIM_CONNINFO_H
#define SCIM_CONNINFO_H

#include <apr_pools.h>
#include <apr_tables.h>

#include "values/scim_error.h"

/* The settings of conninfo, a connection string or URI, as the environment
 * variables by which libpq takes them: PGHOST, PGPASSWORD and so on.  Those
 * that have no variable, such as keepalives, are left out.
 * SCIM_E_INVALID_VALUE if libpq does not understand it. */
scim_error_t *scim_conninfo_variables(apr_table_t **variables,
                                      const char *conninfo, apr_pool_t *pool)
    SCIM_CHECKED;

#endif
