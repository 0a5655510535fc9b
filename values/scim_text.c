/* SPDX-License-Identifier: Apache-2.0 */
/* Unicode text, see scim_text.h: keys by ICU, with a fast path for ASCII;
 * characters that names cannot have; domains.  scim_text_format.c has the
 * formats of single values. */
#include "values/scim_text.h"

#include <string.h>

#include <apr_lib.h>
#include <apr_strings.h>

#include <unicode/uchar.h>
#include <unicode/uidna.h>
#include <unicode/unorm2.h>
#include <unicode/ustring.h>
#include <unicode/utf8.h>

#define MAX_DOMAIN_LENGTH 253    /* RFC 1035 section 2.3.4, as text */

/* The length of the character at the start of bytes, 0 if ill-formed. */
static apr_size_t character_length(const char *bytes, apr_size_t length)
{
    int32_t most = length < U8_MAX_LENGTH ? (int32_t) length : U8_MAX_LENGTH;
    int32_t end = 0;
    UChar32 c;

    if (!(*bytes & 0x80)) {
        return 1;                /* the usual case, checked first */
    }
    U8_NEXT((const uint8_t *) bytes, end, most, c);
    return c < 0 ? 0 : (apr_size_t) end;
}

int scim_text_is_utf8(const char *bytes, apr_size_t length)
{
    while (length > 0) {
        apr_size_t step = character_length(bytes, length);

        if (step == 0) {
            return 0;
        }
        bytes += step;
        length -= step;
    }
    return 1;
}

void scim_text_mend(char *text)
{
    apr_size_t length = strlen(text);
    const char *from = text;
    char *to = text;

    while (length > 0) {
        apr_size_t step = character_length(from, length);

        memmove(to, from, step);
        to += step;
        step = step ? step : 1;
        from += step;
        length -= step;
    }
    *to = '\0';
}

static int is_ascii(const char *text)
{
    while (*text && !(*text & 0x80)) {
        text++;
    }
    return *text == '\0';
}

static const char *fold_ascii(apr_pool_t *pool, const char *text)
{
    const char *c = text;
    char *folded;

    while (*c && !apr_isupper(*c)) {
        c++;
    }
    if (!*c) {
        return text;
    }
    folded = apr_pstrdup(pool, text);
    for (char *to = folded; *to; to++) {
        *to = (char) apr_tolower(*to);
    }
    return folded;
}

/* A string in UTF-16, for ICU. */
typedef struct {
    UChar *units;
    int32_t length;
} utf16_t;

/* ICU returns the size that it needs when it is called without room. */

static int normalise_utf16(utf16_t *text, const UNormalizer2 *form,
                           apr_pool_t *pool)
{
    UErrorCode status = U_ZERO_ERROR;
    utf16_t to = { NULL, 0 };

    if (unorm2_isNormalized(form, text->units, text->length, &status)) {
        return 1;
    }
    to.length = unorm2_normalize(form, text->units, text->length, NULL, 0,
                                 &status);
    if (status != U_BUFFER_OVERFLOW_ERROR) {
        return 0;
    }
    status = U_ZERO_ERROR;
    to.units = apr_palloc(pool, to.length * sizeof(*to.units));
    unorm2_normalize(form, text->units, text->length, to.units, to.length,
                     &status);
    *text = to;
    return U_SUCCESS(status);
}

static int fold_case(utf16_t *text, apr_pool_t *pool)
{
    UErrorCode status = U_ZERO_ERROR;
    utf16_t to = { NULL, 0 };

    to.length = u_strFoldCase(NULL, 0, text->units, text->length,
                              U_FOLD_CASE_DEFAULT, &status);
    if (status != U_BUFFER_OVERFLOW_ERROR) {
        return 0;
    }
    status = U_ZERO_ERROR;
    to.units = apr_palloc(pool, to.length * sizeof(*to.units));
    u_strFoldCase(to.units, to.length, text->units, text->length,
                  U_FOLD_CASE_DEFAULT, &status);
    *text = to;
    return U_SUCCESS(status);
}

static int from_utf8(utf16_t *to, const char *text, apr_pool_t *pool)
{
    UErrorCode status = U_ZERO_ERROR;
    int32_t room = (int32_t) strlen(text) + 1;

    to->units = apr_palloc(pool, room * sizeof(*to->units));
    u_strFromUTF8(to->units, room, &to->length, text, -1, &status);
    return U_SUCCESS(status);
}

static const char *to_utf8(const utf16_t *from, apr_pool_t *pool)
{
    UErrorCode status = U_ZERO_ERROR;
    int32_t room = from->length * 3 + 1;
    char *text = apr_palloc(pool, room);

    u_strToUTF8(text, room, NULL, from->units, from->length, &status);
    return U_SUCCESS(status) ? text : NULL;
}

/* A text that ICU cannot process is its own key; ill-formed text does not get
 * here. */
static const char *icu_key(apr_pool_t *pool, const char *text,
                           const UNormalizer2 *first)
{
    UErrorCode status = U_ZERO_ERROR;
    const UNormalizer2 *nfc = unorm2_getNFCInstance(&status);
    const char *key = NULL;
    utf16_t folded;

    if (U_SUCCESS(status) && from_utf8(&folded, text, pool)
        && normalise_utf16(&folded, first, pool) && fold_case(&folded, pool)
        && normalise_utf16(&folded, nfc, pool)) {
        key = to_utf8(&folded, pool);
    }
    return key ? key : text;
}

const char *scim_text_fold(apr_pool_t *pool, const char *text)
{
    UErrorCode status = U_ZERO_ERROR;

    return is_ascii(text) ? fold_ascii(pool, text)
                          : icu_key(pool, text,
                                    unorm2_getNFCInstance(&status));
}

const char *scim_text_user_name_key(apr_pool_t *pool, const char *text)
{
    UErrorCode status = U_ZERO_ERROR;

    return is_ascii(text) ? fold_ascii(pool, text)
                          : icu_key(pool, text,
                                    unorm2_getNFKCInstance(&status));
}

int scim_text_is_unambiguous(apr_pool_t *pool, const char *text)
{
    UErrorCode status = U_ZERO_ERROR;
    const UNormalizer2 *nfkc = unorm2_getNFKCInstance(&status);
    const UNormalizer2 *nfc = unorm2_getNFCInstance(&status);
    utf16_t units;

    return is_ascii(text)
           || (U_SUCCESS(status) && from_utf8(&units, text, pool)
               && normalise_utf16(&units, nfc, pool)
               && unorm2_isNormalized(nfkc, units.units, units.length,
                                      &status)
               && U_SUCCESS(status));
}

/* Characters that a name cannot have */

/* Symbols in Unicode that are blank on paper. */
#define BRAILLE_BLANK 0x2800
#define OBJECT_REPLACEMENT 0xfffc
#define NULL_NOTEHEAD 0x1d159

/* Not characters; scim.fold_case needs one that no name has. */
#define FIRST_NONCHARACTER 0xfdd0
#define LAST_NONCHARACTER 0xfdef

#define ZERO_WIDTH_JOINER 0x200d
#define ZERO_WIDTH_NON_JOINER 0x200c
#define VIRAMA 9                 /* its combining class */

static int is_space(UChar32 c)
{
    return u_isUWhiteSpace(c) || c == BRAILLE_BLANK;
}

static int is_invisible(UChar32 c)
{
    return u_hasBinaryProperty(c, UCHAR_DEFAULT_IGNORABLE_CODE_POINT)
           || c == OBJECT_REPLACEMENT || c == NULL_NOTEHEAD
           || (c >= FIRST_NONCHARACTER && c <= LAST_NONCHARACTER)
           || (u_charType(c) == U_FORMAT_CHAR
               && !u_hasBinaryProperty(c, UCHAR_PREPENDED_CONCATENATION_MARK));
}

static int is_control(UChar32 c)
{
    int8_t type = u_charType(c);

    return type == U_CONTROL_CHAR || type == U_LINE_SEPARATOR
           || type == U_PARAGRAPH_SEPARATOR;
}

apr_size_t scim_text_step(const char *text, unsigned *harm)
{
    apr_size_t length = character_length(text, strnlen(text, 4));
    int32_t i = 0;
    UChar32 c;

    if (length == 0) {
        *harm = 0xfffd;
        return 1;
    }
    U8_NEXT_OR_FFFD((const uint8_t *) text, i, (int32_t) length, c);
    *harm = is_control(c) || u_hasBinaryProperty(c, UCHAR_BIDI_CONTROL)
            ? (unsigned) c : 0;
    return length;
}

static int is_blank(UChar32 c)
{
    return is_space(c) || is_control(c) || is_invisible(c);
}

/* Whether c, before or after a joiner, is a letter that joins. */
static int joins(UChar32 c, int before)
{
    int type = u_getIntPropertyValue(c, UCHAR_JOINING_TYPE);

    return type == U_JT_DUAL_JOINING || type == U_JT_TRANSPARENT
           || type == (before ? U_JT_LEFT_JOINING : U_JT_RIGHT_JOINING);
}

/* Whether c is an invisible character that names need because it changes the
 * shape of its neighbours: joiners in Persian and Indic names (RFC 5892
 * appendix A.1) and in emoji, variation selectors behind ideographs (Japanese)
 * and emoji.  before and after are 0 at the ends. */
static int shapes_neighbours(UChar32 before, UChar32 c, UChar32 after)
{
    int is_emoji = u_hasBinaryProperty(before, UCHAR_EXTENDED_PICTOGRAPHIC)
                   || u_hasBinaryProperty(before, UCHAR_EMOJI_COMPONENT)
                   || u_hasBinaryProperty(before, UCHAR_VARIATION_SELECTOR);

    if (u_hasBinaryProperty(c, UCHAR_VARIATION_SELECTOR)) {
        return u_hasBinaryProperty(before, UCHAR_IDEOGRAPHIC)
               || u_hasBinaryProperty(before, UCHAR_EMOJI);
    }
    if (c != ZERO_WIDTH_JOINER && c != ZERO_WIDTH_NON_JOINER) {
        return 0;
    }
    return u_getCombiningClass(before) == VIRAMA
           || (joins(before, 1) && joins(after, 0))
           || (is_emoji && u_hasBinaryProperty(after,
                                               UCHAR_EXTENDED_PICTOGRAPHIC));
}

/* The flaw of c in a name, as a format for its code point, or NULL. */
static const char *flaw_in(UChar32 before, UChar32 c, UChar32 after,
                           scim_text_name_e kind)
{
    if (is_control(c) || u_hasBinaryProperty(c, UCHAR_BIDI_CONTROL)) {
        return "must not contain control characters (U+%04X)";
    }
    if (kind == SCIM_TEXT_IDENTIFIER && is_space(c)
        && (c != ' ' || !before || !after || is_space(after))) {
        return "must not contain blanks (U+%04X)";
    }
    return is_invisible(c) && (kind == SCIM_TEXT_IDENTIFIER
                               || !shapes_neighbours(before, c, after))
           ? "must not contain invisible characters (U+%04X)" : NULL;
}

const char *scim_text_flaw(apr_pool_t *pool, const char *text,
                           scim_text_name_e kind)
{
    const uint8_t *bytes = (const uint8_t *) text;
    UChar32 before = 0;
    UChar32 c = 0;
    UChar32 after = 0;
    int32_t i = 0;

    if (scim_text_is_blank(text)) {
        return "must not be empty";
    }
    do {
        const char *flaw = c ? flaw_in(before, c, after, kind) : NULL;

        if (flaw) {
            return apr_psprintf(pool, flaw, (unsigned) c);
        }
        before = c;
        c = after;
        after = 0;
        if (bytes[i]) {
            U8_NEXT_OR_FFFD(bytes, i, -1, after);
        }
    } while (c || after);
    return NULL;
}

/* Whether is() is true for every character. */
static int consists_of(const char *text, int (*is)(UChar32 c))
{
    const uint8_t *bytes = (const uint8_t *) text;
    int32_t i = 0;
    UChar32 c;

    while (bytes[i]) {
        U8_NEXT_OR_FFFD(bytes, i, -1, c);
        if (!is(c)) {
            return 0;
        }
    }
    return 1;
}

apr_size_t scim_text_length(const char *text)
{
    const uint8_t *bytes = (const uint8_t *) text;
    apr_size_t count = 0;
    int32_t i = 0;

    while (bytes[i]) {
        U8_FWD_1(bytes, i, -1);
        count++;
    }
    return count;
}

int scim_text_is_blank(const char *text)
{
    return consists_of(text, is_blank);
}

const char *scim_text_trim(apr_pool_t *pool, const char *text)
{
    const uint8_t *bytes = (const uint8_t *) text;
    int32_t start = 0;
    int32_t end = 0;
    int32_t i = 0;
    UChar32 c;

    while (bytes[i]) {
        int32_t at = i;

        U8_NEXT_OR_FFFD(bytes, i, -1, c);
        if (!is_blank(c)) {
            start = end ? start : at;
            end = i;
        }
    }
    return apr_pstrmemdup(pool, text + start, end - start);
}

/* Domains */

const char *scim_text_domain(apr_pool_t *pool, const char *domain)
{
    UErrorCode status = U_ZERO_ERROR;
    UIDNAInfo info = UIDNA_INFO_INITIALIZER;
    UIDNA *idna = uidna_openUTS46(UIDNA_USE_STD3_RULES | UIDNA_CHECK_BIDI
                                  | UIDNA_CHECK_CONTEXTJ
                                  | UIDNA_NONTRANSITIONAL_TO_ASCII, &status);
    char ascii[MAX_DOMAIN_LENGTH + 1];
    int32_t length;

    if (U_FAILURE(status)) {
        return NULL;
    }
    length = uidna_nameToASCII_UTF8(idna, domain, -1, ascii, sizeof(ascii),
                                    &info, &status);
    uidna_close(idna);
    return U_SUCCESS(status) && info.errors == 0 && length > 0
           && length <= MAX_DOMAIN_LENGTH
           ? apr_pstrmemdup(pool, ascii, length) : NULL;
}
