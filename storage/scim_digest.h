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

#endif
