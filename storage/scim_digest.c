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

static apr_status_t free_digest(void *data)
{
    EVP_MD_CTX_free(data);
    return APR_SUCCESS;
}

scim_digest_t *scim_digest_begin(apr_pool_t *pool)
{
    scim_digest_t *digest = EVP_MD_CTX_new();

    apr_pool_cleanup_register(pool, digest, free_digest,
                              apr_pool_cleanup_null);
    return CRYPTO_THREAD_run_once(&once, fetch) && digest
           && EVP_DigestInit_ex(digest, sha256, NULL) ? digest : NULL;
}

void scim_digest_add(scim_digest_t *digest, const char *text,
                     apr_size_t length)
{
    if (digest) {
        EVP_DigestUpdate(digest, text, length);
    }
}

const char *scim_digest_end(scim_digest_t *digest, apr_pool_t *pool)
{
    unsigned char hash[EVP_MAX_MD_SIZE];

    return digest && EVP_DigestFinal_ex(digest, hash, NULL)
           ? apr_pescape_hex(pool, hash, SCIM_DIGEST_BYTES, 0) : NULL;
}
