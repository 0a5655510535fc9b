/* SPDX-License-Identifier: Apache-2.0 */
/* Connection strings by libpq, see scim_conninfo.h. */
#include "storage/scim_conninfo.h"

#include <string.h>

#include <libpq-fe.h>

scim_error_t *scim_conninfo_variables(apr_table_t **variables,
                                      const char *conninfo, apr_pool_t *pool)
{
    char *problem = NULL;
    PQconninfoOption *settings = PQconninfoParse(conninfo, &problem);
    const PQconninfoOption *s;

    *variables = apr_table_make(pool, 8);
    if (!settings) {
        scim_error_t *error =
            scim_error(pool, SCIM_E_INVALID_VALUE,
                       "The connection string cannot be read: %.*s.",
                       problem ? (int) strcspn(problem, "\n") : 13,
                       problem ? problem : "out of memory");

        PQfreemem(problem);
        return error;
    }
    for (s = settings; s->keyword; s++) {
        if (s->val && s->envvar) {
            apr_table_set(*variables, s->envvar, s->val);
        }
    }
    PQconninfoFree(settings);
    return NULL;
}
