/* SPDX-License-Identifier: Apache-2.0 */
/* scim_digest: SHA-256, of tokens and for the names of prepared statements. */
#ifndef SCIM_DIGEST_H
#define SCIM_DIGEST_H

#include <apr_pools.h>

#define SCIM_DIGEST_BYTES 32

/* The first "bytes" bytes (at most SCIM_DIGEST_BYTES) of text's SHA-256, as
 * hexadecimal digits in pool; NULL if libcrypto fails. */
const char *scim_digest_hex(const char *text, apr_size_t bytes,
                            apr_pool_t *pool);

/* The SHA-256 of a text that comes in pieces: begin, add each, end once.  NULL
 * if libcrypto fails; the others take that. */
typedef struct evp_md_ctx_st scim_digest_t;
scim_digest_t *scim_digest_begin(apr_pool_t *pool);
void scim_digest_add(scim_digest_t *digest, const char *text,
                     apr_size_t length);
const char *scim_digest_end(scim_digest_t *digest, apr_pool_t *pool);

#endif
