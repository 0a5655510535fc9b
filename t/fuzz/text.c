/* SPDX-License-Identifier: Apache-2.0 */
/* Text: the key of a key is the key itself, keys do not depend on neighbours,
 * and a forbidden character is refused anywhere. */
#include "fuzz.h"

#include <unicode/unorm2.h>
#include <unicode/utf8.h>

static const UNormalizer2 *nfc;
static const UNormalizer2 *nfkc;

void fuzz_begin(apr_pool_t *pool)
{
    UErrorCode status = U_ZERO_ERROR;

    nfc = unorm2_getNFCInstance(&status);
    nfkc = unorm2_getNFKCInstance(&status);
    must(U_SUCCESS(status), "ICU has its data");
}

typedef const char *key_fn(apr_pool_t *pool, const char *text);

/* The key of text split at byte at, where no character combines with what is
 * before it. */
static void check_key(key_fn *key, const UNormalizer2 *form,
                      const char *text, apr_size_t at, apr_pool_t *pool)
{
    const char *whole = key(pool, text);
    const char *head = apr_pstrmemdup(pool, text, at);
    int32_t i = (int32_t) at;
    UChar32 c;

    must(scim_text_is_utf8(whole, strlen(whole)), "a key is UTF-8");
    must_be_same(key(pool, whole), whole, "a key is its own key");
    U8_NEXT((const uint8_t *) text, i, -1, c);
    if (c > 0 && unorm2_hasBoundaryBefore(form, c)) {
        must_be_same(apr_pstrcat(pool, key(pool, head),
                                 key(pool, text + at), NULL), whole,
                     "the key of a part is part of the key");
    }
}

/* Whether a character of text is named in flaw, in the form of
 * scim_text_flaw. */
static int has_flaw(const char *flaw, const char *text, apr_pool_t *pool)
{
    const uint8_t *bytes = (const uint8_t *) text;
    int32_t i = 0;
    UChar32 c;

    while (bytes[i]) {
        U8_NEXT(bytes, i, -1, c);
        if (strstr(flaw, apr_psprintf(pool, "(U+%04X)", (unsigned) c))) {
            return 1;
        }
    }
    return 0;
}

/* Whether a flaw is of a character that is refused anywhere. */
static int is_absolute(const char *flaw)
{
    return flaw && strstr(flaw, "control") != NULL;
}

static void check_name(const char *text, apr_size_t at, apr_pool_t *pool)
{
    const char *flaw = scim_text_flaw(pool, text, SCIM_TEXT_IDENTIFIER);
    const char *in_name = scim_text_flaw(pool, text, SCIM_TEXT_NAME);
    const char *head = apr_pstrmemdup(pool, text, at);

    must(flaw || !in_name, "an identifier is a name");
    must(in_name || !scim_text_is_blank(text), "a name is not blank");
    must(!flaw || strcmp(flaw, "must not be empty") == 0
         || has_flaw(flaw, text, pool), "a flaw is one of the text");
    if (!flaw) {
        must(!is_absolute(scim_text_flaw(pool, head, SCIM_TEXT_IDENTIFIER))
             && !is_absolute(scim_text_flaw(pool, text + at,
                                            SCIM_TEXT_IDENTIFIER)),
             "no part of what is well is a control character");
        must_be_same(scim_text_trim(pool, text), text,
                     "an identifier has no blank ends");
    }
    if (is_absolute(scim_text_flaw(pool, head, SCIM_TEXT_NAME))) {
        must(in_name != NULL, "what a part must not have, the whole must not");
    }
}

static void check_values(const char *text, apr_pool_t *pool)
{
    const char *domain = scim_text_domain(pool, text);
    const char *trimmed = scim_text_trim(pool, text);
    apr_time_t instant;
    apr_time_t again;
    int value;

    must_be_same(scim_text_trim(pool, trimmed), trimmed,
                 "what is trimmed stays so");
    must(scim_text_is_blank(text) == !*trimmed, "what is blank is trimmed");
    if (domain) {
        const char *twice = scim_text_domain(pool, domain);

        must(twice && strcmp(twice, domain) == 0, "a domain is its own");
    }
    if (scim_text_instant(text, &instant)) {
        must(scim_text_instant(scim_text_timestamp(pool, instant), &again)
             && again == instant, "an instant is printed as itself");
    }
    must(!scim_text_boolean(text, &value) || value == 0 || value == 1,
         "a boolean is one");
    must(!scim_text_is_base64(text) || scim_text_is_utf8(text, strlen(text)),
         "base64 is text");
    must(!scim_text_is_uuid(text) || scim_text_is_uri(text),
         "a UUID is without blanks");
    must(scim_text_length(text) <= strlen(text), "characters have bytes");
}

void fuzz(const char *bytes, apr_size_t length, apr_pool_t *pool)
{
    unsigned mode = take_mode(&bytes, &length);
    char *text = apr_pstrmemdup(pool, bytes, length);
    apr_size_t at;

    must(scim_text_is_utf8(bytes, length)
         || !scim_text_is_utf8(text, strlen(text))
         || strlen(text) < length, "NUL ends a text");
    if (!scim_text_is_utf8(text, strlen(text))) {
        scim_text_mend(text);
        must(scim_text_is_utf8(text, strlen(text)), "what is mended is UTF-8");
    }
    at = strlen(text) ? mode % strlen(text) : 0;
    while (U8_IS_TRAIL(text[at])) {
        at--;
    }
    check_key(scim_text_fold, nfc, text, at, pool);
    check_key(scim_text_user_name_key, nfkc, text, at, pool);
    check_name(text, at, pool);
    check_values(text, pool);
}
