/* SPDX-License-Identifier: Apache-2.0 */
/* Passwords and their verifiers, see scimctl_password.h: SCRAM-SHA-256 (RFC
 * 5802 and 7677) as PostgreSQL writes it, so that neither a statement nor a
 * log of statements has the password. */
#include "scimctl/scimctl_password.h"

#include <string.h>

#include <apr_encode.h>
#include <apr_escape.h>
#include <apr_strings.h>

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#define PASSWORD_BYTES 24                /* 192 random bits */
#define SALT_BYTES 16
#define KEY_BYTES 32                     /* of SHA-256 */
#define ITERATIONS 4096                  /* as PostgreSQL's own */

static int hmac(unsigned char *key, const unsigned char *salted,
                const char *text)
{
    return HMAC(EVP_sha256(), salted, KEY_BYTES, (const unsigned char *) text,
                strlen(text), key, NULL) != NULL;
}

static int derive_keys(unsigned char *stored, unsigned char *server,
                       const char *password, const unsigned char *salt)
{
    unsigned char salted[KEY_BYTES];
    unsigned char client[KEY_BYTES];

    return PKCS5_PBKDF2_HMAC(password, (int) strlen(password), salt,
                             SALT_BYTES, ITERATIONS, EVP_sha256(), KEY_BYTES,
                             salted)
           && hmac(client, salted, "Client Key")
           && hmac(server, salted, "Server Key")
           && EVP_Digest(client, KEY_BYTES, stored, NULL, EVP_sha256(), NULL);
}

static const char *base64(const unsigned char *bytes, apr_size_t length,
                          apr_pool_t *pool)
{
    return apr_pencode_base64_binary(pool, bytes, length, APR_ENCODE_NONE,
                                     NULL);
}

scim_error_t *scimctl_password_make(const char **password,
                                    const char **verifier, apr_pool_t *pool)
{
    unsigned char random[PASSWORD_BYTES];
    unsigned char salt[SALT_BYTES];
    unsigned char stored[KEY_BYTES];
    unsigned char server[KEY_BYTES];

    if (RAND_bytes(random, sizeof(random)) != 1
        || RAND_bytes(salt, sizeof(salt)) != 1) {
        return scim_error(pool, SCIM_E_INTERNAL,
                          "There are no random numbers for a password.");
    }
    *password = apr_pescape_hex(pool, random, sizeof(random), 0);
    if (!derive_keys(stored, server, *password, salt)) {
        return scim_error(pool, SCIM_E_INTERNAL,
                          "libcrypto cannot make a SCRAM verifier.");
    }
    *verifier = apr_psprintf(pool, "SCRAM-SHA-256$%d:%s$%s:%s", ITERATIONS,
                             base64(salt, SALT_BYTES, pool),
                             base64(stored, KEY_BYTES, pool),
                             base64(server, KEY_BYTES, pool));
    return NULL;
}
