/* SPDX-License-Identifier: Apache-2.0 */
/* Cursors, see scim_cursor.h.
 *
 * A cursor is base64url of a MAC and a JSON payload: the direction, the key
 * and id of a row, the total, the count, the version of the tables, and its
 * end of validity.  The MAC is
 * HMAC-SHA-256 with the organization's key, over the payload and the
 * parameters of the list.
 */
#include "resources/scim_cursor.h"

#include <string.h>

#include <apr_encode.h>
#include <apr_strings.h>
#include <apr_time.h>

#include <openssl/crypto.h>
#include <openssl/hmac.h>

#include "rules/scim_discovery.h"
#include "values/scim_json.h"

#define MAC_BYTES 16
#define MAX_LENGTH 8192

/* The list that a cursor is bound to: all parameters that select and order its
 * rows. */
static const char *list_of(const scim_principal_t *principal,
                           const scim_page_t *page, apr_pool_t *pool)
{
    return apr_psprintf(pool, "%s\n%s\n%s\n%d\n%s",
                        principal->organization_key,
                        page->filter ? page->filter : "",
                        page->sort_by ? page->sort_by : "",
                        page->descending, page->bound_to);
}

/* HMAC-SHA-256 of the list and the payload, cut; 0 if libcrypto fails. */
static int authenticate(unsigned char *mac, const char *payload,
                        apr_size_t length, const scim_principal_t *principal,
                        const scim_page_t *page, apr_pool_t *pool)
{
    const char *key = principal->cursor_key;
    const char *list = list_of(principal, page, pool);
    apr_size_t list_length = strlen(list) + 1;
    unsigned char *text = apr_palloc(pool, list_length + length);
    unsigned char whole[EVP_MAX_MD_SIZE];

    memcpy(text, list, list_length);
    memcpy(text + list_length, payload, length);
    if (!HMAC(EVP_sha256(), key, (int) strlen(key), text,
              list_length + length, whole, NULL)) {
        return 0;
    }
    memcpy(mac, whole, MAC_BYTES);
    return 1;
}

const char *scim_cursor_make(const scim_position_t *position,
                             const scim_principal_t *principal,
                             const scim_page_t *page, apr_pool_t *pool)
{
    cJSON *payload = scim_json_own(cJSON_CreateObject(), pool);
    apr_time_t end = apr_time_now() + apr_time_from_sec(SCIM_CURSOR_SECONDS);
    const char *text;
    unsigned char *bytes;
    apr_size_t length;

    cJSON_AddNumberToObject(payload, "e", (double) apr_time_sec(end));
    cJSON_AddNumberToObject(payload, "v", page->version);
    cJSON_AddNumberToObject(payload, "n", (double) page->count);
    cJSON_AddNumberToObject(payload, "t", (double) position->total);
    cJSON_AddBoolToObject(payload, "b", position->backward);
    scim_json_put_text(payload, "k", position->key);
    scim_json_put_text(payload, "i", position->id);
    text = scim_json_print(payload, pool);
    length = strlen(text);
    bytes = apr_palloc(pool, MAC_BYTES + length);
    if (!authenticate(bytes, text, length, principal, page, pool)) {
        return NULL;
    }
    memcpy(bytes + MAC_BYTES, text, length);
    return apr_pencode_base64_binary(pool, bytes, MAC_BYTES + length,
                                     APR_ENCODE_BASE64URL, NULL);
}

static scim_error_t *invalid(apr_pool_t *pool)
{
    return scim_error(pool, SCIM_E_INVALID_CURSOR,
                      "The cursor does not belong to this list. Start again"
                      " with an empty cursor, and change no other parameter"
                      " from page to page.");
}

/* The bytes of a cursor; NULL if it is not exactly the text that we would make
 * of them, because decoding ignores some changes. */
static const unsigned char *bytes_of(apr_size_t *length, const char *cursor,
                                     apr_pool_t *pool)
{
    const unsigned char *bytes
        = apr_pdecode_base64_binary(pool, cursor, APR_ENCODE_STRING,
                                    APR_ENCODE_NONE, length);

    return bytes && strcmp(apr_pencode_base64_binary(pool, bytes, *length,
                                                     APR_ENCODE_BASE64URL,
                                                     NULL), cursor) == 0
           ? bytes : NULL;
}

/* The payload of a cursor of this list, or NULL. */
static cJSON *payload_of(const scim_principal_t *principal,
                         const scim_page_t *page, apr_pool_t *pool)
{
    unsigned char mac[MAC_BYTES];
    const unsigned char *bytes;
    const char *text;
    cJSON *payload;
    apr_size_t length;

    if (strlen(page->cursor) > MAX_LENGTH) {
        return NULL;
    }
    bytes = bytes_of(&length, page->cursor, pool);
    if (!bytes || length <= MAC_BYTES) {
        return NULL;
    }
    text = (const char *) bytes + MAC_BYTES;
    length -= MAC_BYTES;
    if (!authenticate(mac, text, length, principal, page, pool)
        || CRYPTO_memcmp(mac, bytes, MAC_BYTES) != 0
        || scim_json_parse(&payload, text, length, pool)) {
        return NULL;
    }
    return payload;
}

static double number_of(const cJSON *payload, const char *name)
{
    const cJSON *number = scim_json_member(payload, name);

    return cJSON_IsNumber(number) ? number->valuedouble : 0;
}

scim_error_t *scim_cursor_read(scim_position_t *position,
                               const scim_principal_t *principal,
                               const scim_page_t *page, apr_pool_t *pool)
{
    const cJSON *payload;

    memset(position, 0, sizeof(*position));
    if (!*page->cursor) {
        return NULL;
    }
    payload = payload_of(principal, page, pool);
    if (!payload) {
        return invalid(pool);
    }
    if (number_of(payload, "v") != page->version) {
        return scim_error(pool, SCIM_E_EXPIRED_CURSOR,
                          "The cursor is from before an upgrade of the"
                          " database. Start again with an empty cursor.");
    }
    if (number_of(payload, "e") < (double) apr_time_sec(apr_time_now())) {
        return scim_error(pool, SCIM_E_EXPIRED_CURSOR,
                          "The cursor is older than %d seconds. Start again"
                          " with an empty cursor.", SCIM_CURSOR_SECONDS);
    }
    if (number_of(payload, "n") != (double) page->count) {
        return scim_error(pool, SCIM_E_INVALID_COUNT,
                          "The cursor was issued for a count of %.0f; send the"
                          " same count.",
                          number_of(payload, "n"));
    }
    position->total = (apr_int64_t) number_of(payload, "t");
    position->backward = cJSON_IsTrue(scim_json_member(payload, "b"));
    position->key = scim_json_text(payload, "k");
    position->id = scim_json_text(payload, "i");
    return NULL;
}
