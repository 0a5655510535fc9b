/* SPDX-License-Identifier: Apache-2.0 */
/* scimctl_password: passwords for roles of PostgreSQL. */
#ifndef SCIMCTL_PASSWORD_H
#define SCIMCTL_PASSWORD_H

#include <apr_pools.h>

#include "values/scim_error.h"

/* A new random password, and *verifier, which is all that PostgreSQL is given
 * and keeps of it: nobody can sign in with that. */
scim_error_t *scimctl_password_make(const char **password,
                                    const char **verifier, apr_pool_t *pool)
    SCIM_CHECKED;

#endif
