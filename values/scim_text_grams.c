/* SPDX-License-Identifier: Apache-2.0 */
/* Trigrams, see scim_text_grams in scim_text.h.
 *
 * A value has those of its words, made of its NFKC form: of ASCII letters and
 * digits, and of scripts behind U+2E80, of which it has single characters and
 * pairs as well.  A text is only a part of the value, so what is beside it is
 * not known, and may be joined with its ends: "jose" is a part of "jose" with
 * an acute accent before normalisation, and not behind it.  Hence only of
 * characters that what follows leaves alone.
 */
#include "values/scim_text.h"

#include <string.h>

#include <apr_lib.h>

#include <unicode/uchar.h>
#include <unicode/utf8.h>

#define MOST_GRAMS 32
#define MOST_BYTES (1 + 3 * U8_MAX_LENGTH) /* of one, with a comma */

/* What may be joined with a character when it follows. */
typedef enum {
    LETTER,                      /* an ASCII letter or digit: a mark */
    IDEOGRAPH,                   /* nothing */
    KANA,                        /* a sound mark */
    SEPARATOR,                   /* other ASCII */
    END,                         /* of the text: anything may be behind it */
    OTHER                        /* it may be joined itself */
} kind_e;

typedef struct {
    int32_t start;               /* in the text */
    kind_e kind;
    int is_kept;                 /* whatever follows */
} character_t;

static kind_e kind_of(UChar32 c)
{
    if (c < 0x80) {
        return apr_isalnum(c) ? LETTER : SEPARATOR;
    }
    if (u_hasBinaryProperty(c, UCHAR_UNIFIED_IDEOGRAPH)) {
        return IDEOGRAPH;
    }
    return (c >= 0x3041 && c <= 0x3096) || (c >= 0x30A1 && c <= 0x30FA)
           || c == 0x30FC ? KANA : OTHER;
}

/* A mark behind the end is no matter for an ASCII letter: values are compared
 * in NFC, in which the two are one already.  Half-width sound marks are joined
 * with kana in NFKC alone. */
static int is_kept(const character_t *c)
{
    switch (c->kind) {
    case IDEOGRAPH:
        return 1;
    case LETTER:
        return c[1].kind != OTHER;
    case KANA:
        return c[1].kind != OTHER && c[1].kind != END;
    default:
        return 0;
    }
}

/* The characters of text, and one of no length behind them. */
static character_t *characters_of(const char *text, apr_pool_t *pool)
{
    character_t *all = apr_pcalloc(pool, (strlen(text) + 1) * sizeof(*all));
    int count = 0;
    int32_t at = 0;

    while (text[at]) {
        UChar32 c;

        all[count].start = at;
        U8_NEXT_OR_FFFD((const uint8_t *) text, at, -1, c);
        all[count++].kind = kind_of(c);
    }
    all[count].start = at;
    all[count].kind = END;
    while (count-- > 0) {
        all[count].is_kept = is_kept(&all[count]);
    }
    return all;
}

static int is_of_one_word(const character_t *a, const character_t *b)
{
    return a->is_kept && b->is_kept
           && (a->kind == LETTER) == (b->kind == LETTER);
}

/* How many characters the trigram that begins with c has, or 0: there is
 * none. */
static int length_at(const character_t *c, int is_first)
{
    int length = c->is_kept;

    while (length > 0 && length < 3 && is_of_one_word(c, c + length)) {
        length++;
    }
    return length == 3 || (c->kind != LETTER
                           && (is_first || !is_of_one_word(c - 1, c)))
           ? length : 0;
}

/* In any locale: that of a program may have another small I. */
static char small(char c)
{
    return c >= 'A' && c <= 'Z' ? (char) (c - 'A' + 'a') : c;
}

const char *scim_text_grams(apr_pool_t *pool, const char *text)
{
    const character_t *all = characters_of(text, pool);
    char *grams = apr_palloc(pool, MOST_GRAMS * MOST_BYTES + 2);
    char *end = grams;
    int found = 0;
    int i;

    for (i = 0; text[all[i].start] && found < MOST_GRAMS; i++) {
        int length = length_at(&all[i], i == 0);
        int32_t at;

        if (length == 0) {
            continue;
        }
        *end++ = found++ ? ',' : '{';
        for (at = all[i].start; at < all[i + length].start; at++) {
            *end++ = small(text[at]);
        }
    }
    *end++ = '}';
    *end = '\0';
    return found ? grams : NULL;
}
