/* SPDX-License-Identifier: Apache-2.0 */
/* scim_prepared: what is prepared on a connection, and under which name.
 *
 * A name is made of the text alone.  So whoever has prepared it before, an
 * older mod_scim behind the same pooler, say, has prepared the same.
 */
#ifndef SCIM_PREPARED_H
#define SCIM_PREPARED_H

#include <apr_hash.h>
#include <apr_pools.h>

#include "storage/scim_statements.h"

/* It lives with the connection, and only its present borrower touches it. */
typedef struct {
    int backend;                 /* server process that prepared them */
    int fits;                    /* found so by scim_version_check */
    unsigned char fixed[SCIM_SQL_COUNT]; /* whether it did */
    apr_hash_t *kept;            /* query text -> its name */
    apr_pool_t *kept_pool;       /* cleared with them */
    const char *names[SCIM_SQL_COUNT]; /* NULL: not asked for yet */
    apr_pool_t *owner;
} scim_prepared_t;

scim_prepared_t *scim_prepared_make(apr_pool_t *owner);

/* Another server process knows none of them. */
void scim_prepared_forget(scim_prepared_t *prepared);

/* The name of a statement of the table; NULL when libcrypto fails. */
const char *scim_prepared_fixed(scim_prepared_t *prepared,
                                scim_statement_e statement);

/* The name under which text is, or is to be, prepared; NULL when enough texts
 * are kept, or when libcrypto fails. */
const char *scim_prepared_query(unsigned char *is_prepared,
                                const scim_prepared_t *prepared,
                                const char *text, apr_pool_t *pool);

/* text was prepared as name. */
void scim_prepared_keep(scim_prepared_t *prepared, const char *text,
                        const char *name);

#endif
