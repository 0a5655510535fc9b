/* SPDX-License-Identifier: Apache-2.0 */
/* Names of prepared statements, see scim_prepared.h.
 *
 * A name is the beginning of the text's SHA-256, computed once for a statement
 * of the table.  Of queries, the first 32 texts on a connection are prepared.
 */
#include "storage/scim_prepared.h"

#include <string.h>

#include <apr_strings.h>

#include "storage/scim_digest.h"

#define KEPT_QUERIES 32          /* query texts prepared on a connection */
#define PREFIX "scim_"
#define NAME_BYTES 20            /* of the hash; names have 63 at most */

scim_prepared_t *scim_prepared_make(apr_pool_t *owner)
{
    scim_prepared_t *prepared = apr_pcalloc(owner, sizeof(*prepared));

    prepared->owner = owner;
    apr_pool_create(&prepared->kept_pool, owner);
    prepared->kept = apr_hash_make(prepared->kept_pool);
    return prepared;
}

void scim_prepared_forget(scim_prepared_t *prepared)
{
    apr_pool_clear(prepared->kept_pool);
    prepared->kept = apr_hash_make(prepared->kept_pool);
    memset(prepared->fixed, 0, sizeof(prepared->fixed));
    prepared->backend = 0;
    prepared->checked = 0;
}

int scim_prepared_is_before(const scim_prepared_t *prepared)
{
    return prepared->version && prepared->version < SCIM_SCHEMA_KNOWN;
}

scim_statement_e scim_prepared_text(const scim_prepared_t *prepared,
                                    scim_statement_e statement)
{
    if (prepared->version > SCIM_SCHEMA_ON_SHARDS) {
        return scim_statement(statement)->on_shard;
    }
    return scim_prepared_is_before(prepared)
           ? scim_statement(statement)->before : statement;
}

/* A part of SHA-256 that is long enough to avoid collisions. */
static const char *name_for(const char *text, apr_pool_t *pool)
{
    const char *hash = scim_digest_hex(text, NAME_BYTES, pool);

    return hash ? apr_pstrcat(pool, PREFIX, hash, NULL) : NULL;
}

const char *scim_prepared_fixed(scim_prepared_t *prepared,
                                scim_statement_e statement)
{
    if (!prepared->names[statement]) {
        prepared->names[statement] = name_for(scim_statement(statement)->text,
                                              prepared->owner);
    }
    return prepared->names[statement];
}

const char *scim_prepared_query(unsigned char *is_prepared,
                                const scim_prepared_t *prepared,
                                const char *text, apr_pool_t *pool)
{
    const char *name = apr_hash_get(prepared->kept, text,
                                    APR_HASH_KEY_STRING);

    *is_prepared = name != NULL;
    if (!name && apr_hash_count(prepared->kept) < KEPT_QUERIES) {
        name = name_for(text, pool);
    }
    return name;
}

void scim_prepared_keep(scim_prepared_t *prepared, const char *text,
                        const char *name)
{
    if (apr_hash_get(prepared->kept, text, APR_HASH_KEY_STRING)) {
        return;
    }
    apr_hash_set(prepared->kept, apr_pstrdup(prepared->kept_pool, text),
                 APR_HASH_KEY_STRING, apr_pstrdup(prepared->kept_pool, name));
}
