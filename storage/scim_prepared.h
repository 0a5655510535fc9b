/* SPDX-License-Identifier: Apache-2.0 */
/* scim_prepared: the statements that are prepared on a connection, and their
 * names; and the version of the tables, which chooses their texts.
 *
 * A name depends only on the text.  If another client has prepared it before,
 * such as an older mod_scim behind the same pooler, it was for the same text.
 */
#ifndef SCIM_PREPARED_H
#define SCIM_PREPARED_H

#include <apr_hash.h>
#include <apr_pools.h>
#include <apr_time.h>

#include "storage/scim_statements.h"

/* Added to the version of tables that are distributed (examples/citus). */
#define SCIM_SCHEMA_ON_SHARDS 1000

/* Lives with the connection; only its borrower uses it. */
typedef struct {
    int backend;                 /* the server process that prepared them */
    int version;                 /* of the tables; 0: never checked; above
                                  * SCIM_SCHEMA_ON_SHARDS if Citus has
                                  * distributed them */
    int checked;                 /* the server process for which it was, or
                                  * 0: it must be checked again */
    apr_time_t checked_at;       /* scim_clock */
    unsigned char fixed[SCIM_SQL_COUNT]; /* whether it has prepared them */
    apr_hash_t *kept;            /* query text -> its name */
    apr_pool_t *kept_pool;       /* cleared with them */
    const char *names[SCIM_SQL_COUNT]; /* NULL: not computed yet */
    apr_pool_t *owner;
} scim_prepared_t;

scim_prepared_t *scim_prepared_make(apr_pool_t *owner);

/* Forget all: another server process has none of them. */
void scim_prepared_forget(scim_prepared_t *prepared);

/* The text of a statement for the tables that the connection has. */
scim_statement_e scim_prepared_text(const scim_prepared_t *prepared,
                                    scim_statement_e statement);

/* Whether the tables have the version before that of this release. */
int scim_prepared_is_before(const scim_prepared_t *prepared);

/* The name of a statement of the table; NULL if libcrypto fails. */
const char *scim_prepared_fixed(scim_prepared_t *prepared,
                                scim_statement_e statement);

/* The name under which text is or will be prepared; NULL if enough texts are
 * prepared, or if libcrypto fails. */
const char *scim_prepared_query(unsigned char *is_prepared,
                                const scim_prepared_t *prepared,
                                const char *text, apr_pool_t *pool);

/* Remember that text was prepared as name. */
void scim_prepared_keep(scim_prepared_t *prepared, const char *text,
                        const char *name);

#endif
