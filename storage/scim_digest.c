/* SPDX-License-Identifier: Apache-2.0 */
/* SHA-256 by libcrypto, see scim_digest.h. */
#include "storage/scim_digest.h"

#include <string.h>

#include <apr_escape.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>

/* Fetched once in each process, because that takes longer than hashing a
 * token. */
static EVP_MD *sha256;
static CRYPTO_ONCE once = CRYPTO_ONCE_STATIC_INIT;

static void fetch(void)
{
    sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
}

const char *scim_digest_hex(const char *text, apr_size_t bytes,
                            apr_pool_t *pool)
{
    unsigned char hash[EVP_MAX_MD_SIZE];

    if (!CRYPTO_THREAD_run_once(&once, fetch) || !sha256
        || !EVP_Digest(text, strlen(text), hash, NULL, sha256, NULL)) {
        return NULL;
    }
    return apr_pescape_hex(pool, hash, bytes, 0);
}
