/* SPDX-License-Identifier: Apache-2.0 */
/* scim_text: UTF-8, comparison keys, and the formats of single values. */
#include <stdlib.h>

#include <apr_strings.h>

#include "../../values/scim_text.h"
#include "tap.h"

static int is_utf8(const char *bytes, apr_size_t length)
{
    return scim_text_is_utf8(tap_at_edge(bytes, length), length);
}

/* The definition of RFC 3629: the shortest encoding of a scalar value. */
static int encode(unsigned code, char *to)
{
    if (code < 0x80) {
        to[0] = (char) code;
        return 1;
    }
    if (code < 0x800) {
        to[0] = (char) (0xc0 | code >> 6);
        to[1] = (char) (0x80 | (code & 0x3f));
        return 2;
    }
    if (code < 0x10000) {
        to[0] = (char) (0xe0 | code >> 12);
        to[1] = (char) (0x80 | (code >> 6 & 0x3f));
        to[2] = (char) (0x80 | (code & 0x3f));
        return 3;
    }
    to[0] = (char) (0xf0 | code >> 18);
    to[1] = (char) (0x80 | (code >> 12 & 0x3f));
    to[2] = (char) (0x80 | (code >> 6 & 0x3f));
    to[3] = (char) (0x80 | (code & 0x3f));
    return 4;
}

static void test_utf8_scalars(void)
{
    unsigned code;
    int right = 1, cut = 1;
    char bytes[4];

    for (code = 0; code < 0x110400; code++) {
        int length = encode(code, bytes);
        int scalar = (code < 0xd800 || code > 0xdfff) && code < 0x110000;

        right = right && scim_text_is_utf8(bytes, length) == scalar;
        cut = cut && (length == 1 || !scim_text_is_utf8(bytes, length - 1));
    }
    ok(right, "every scalar value is UTF-8, surrogates and more are not");
    ok(cut, "no character without its last byte is");
}

/* Every sequence of two bytes, compared with the Unicode tables. */
static void test_utf8_pairs(void)
{
    int a, b, right = 1;

    for (a = 0; a < 256; a++) {
        for (b = 0; b < 256; b++) {
            char bytes[] = { (char) a, (char) b };
            int wanted = (a < 0x80 && b < 0x80)
                         || (a >= 0xc2 && a <= 0xdf && b >= 0x80 && b < 0xc0);

            right = right && scim_text_is_utf8(bytes, 2) == wanted;
        }
    }
    ok(right, "of two bytes, two of ASCII or one character are UTF-8");
}

static void test_utf8(void)
{
    static const struct {
        const char *bytes;
        int wanted;
        const char *name;
    } cases[] = {
        { "", 1, "nothing is UTF-8" },
        { "abc\x7f", 1, "ASCII" },
        { "zo\xc3\xab", 1, "a two-byte character" },
        { "\xe6\xbc\xa2\xe5\xad\x97", 1, "three-byte characters" },
        { "\xf0\x9f\x98\x80", 1, "a four-byte character" },
        { "\x80", 0, "a lone continuation" },
        { "a\xbf", 0, "a continuation behind ASCII" },
        { "\xc3", 0, "half a two-byte character" },
        { "\xe6\xbc", 0, "two thirds of a three-byte character" },
        { "\xf0\x9f\x98", 0, "three quarters of a four-byte character" },
        { "\xc0\x80", 0, "overlong U+0000" },
        { "\xc1\xbf", 0, "overlong U+007F" },
        { "\xe0\x9f\xbf", 0, "overlong U+07FF" },
        { "\xf0\x8f\xbf\xbf", 0, "overlong U+FFFF" },
        { "\xed\xa0\x80", 0, "the first surrogate" },
        { "\xed\xbf\xbf", 0, "the last surrogate" },
        { "\xf4\x90\x80\x80", 0, "U+110000" },
        { "\xf5\x80\x80\x80", 0, "a first byte of F5" },
        { "\xff", 0, "FF" },
        { "\xfe\xff", 0, "a byte order mark of UTF-16" },
        { "\xe6\xbc\x41", 0, "a letter for the third byte" },
        { "\xc3\xc3\xab", 0, "a first byte for the second" }
    };
    apr_size_t i;

    for (i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        is_int(is_utf8(cases[i].bytes, strlen(cases[i].bytes)),
               cases[i].wanted, cases[i].name);
    }
    ok(is_utf8("a\0b", 3), "U+0000 is UTF-8");
}

static void test_fold(apr_pool_t *pool)
{
    static const struct {
        const char *text, *fold, *key, *name;
    } cases[] = {
        { "", "", "", "nothing" },
        { "taro@example.com", "taro@example.com", "taro@example.com",
          "what is its own key" },
        { "Taro.YAMADA@Example.COM", "taro.yamada@example.com",
          "taro.yamada@example.com", "ASCII" },
        { "[@`{", "[@`{", "[@`{", "what surrounds the letters in ASCII" },
        { "ZO\xc3\x8b", "zo\xc3\xab", "zo\xc3\xab", "ZO\xc3\x8b" },
        { "zoe\xcc\x88", "zo\xc3\xab", "zo\xc3\xab", "zoe and U+0308" },
        { "ZOE\xcc\x88", "zo\xc3\xab", "zo\xc3\xab", "ZOE and U+0308" },
        { "\xef\xbc\xb4\xef\xbc\xa1\xef\xbc\xb2\xef\xbc\xaf",
          "\xef\xbd\x94\xef\xbd\x81\xef\xbd\x92\xef\xbd\x8f", "taro",
          "full-width TARO" },
        { "\xef\xbd\xb1", "\xef\xbd\xb1", "\xe3\x82\xa2",
          "half-width katakana" },
        { "\xef\xac\x81n", "fin", "fin", "a ligature" },
        { "\xce\xa3", "\xcf\x83", "\xcf\x83", "a sigma alone" },
        { "\xce\x9f\xce\x94\xce\x9f\xce\xa3",
          "\xce\xbf\xce\xb4\xce\xbf\xcf\x83",
          "\xce\xbf\xce\xb4\xce\xbf\xcf\x83", "a final sigma" },
        { "\xce\xa3\xce\x91", "\xcf\x83\xce\xb1", "\xcf\x83\xce\xb1",
          "a first sigma" },
        { "\xc4\xb0", "i\xcc\x87", "i\xcc\x87", "I with a dot" },
        { "I\xc3\xa9", "i\xc3\xa9", "i\xc3\xa9",
          "I is not Turkish beside another letter" },
        { "\xc4\xb1", "\xc4\xb1", "\xc4\xb1", "dotless i" },
        { "stra\xc3\x9f" "e", "strasse", "strasse", "sharp s" },
        { "\xe2\x84\xaa", "k", "k", "the Kelvin sign" },
        { "\xe2\x84\xab", "\xc3\xa5", "\xc3\xa5", "the Angstrom sign" },
        { "\xed\x95\x9c", "\xed\x95\x9c", "\xed\x95\x9c", "Hangul" },
        { "\xe1\x84\x92\xe1\x85\xa1\xe1\x86\xab", "\xed\x95\x9c",
          "\xed\x95\x9c", "Hangul in parts" },
        { "\xf0\x90\x90\x80", "\xf0\x90\x90\xa8", "\xf0\x90\x90\xa8",
          "a letter beyond the first plane" },
        { "\xef\xb7\xba", "\xef\xb7\xba",
          "\xd8\xb5\xd9\x84\xd9\x89 \xd8\xa7\xd9\x84\xd9\x84\xd9\x87 "
          "\xd8\xb9\xd9\x84\xd9\x8a\xd9\x87 \xd9\x88\xd8\xb3\xd9\x84\xd9\x85",
          "the longest compatibility character" }
    };
    apr_size_t i;

    for (i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        is_str(scim_text_fold(pool, cases[i].text), cases[i].fold,
               apr_pstrcat(pool, "key of ", cases[i].name, NULL));
        is_str(scim_text_user_name_key(pool, cases[i].text), cases[i].key,
               apr_pstrcat(pool, "userName key of ", cases[i].name, NULL));
    }
}

static void test_unambiguous(apr_pool_t *pool)
{
    static const char *const clear[] = {
        "", "taro@example.com", "\xc3\xa9", "e\xcc\x81", "\xc3\x9f",
        "\xe5\xb1\xb1\xe7\x94\xb0", "\xce\xa3", "\xe2\x84\xaa"
    };
    static const char *const doubtful[] = {
        "\xef\xbd\x94""aro", "\xc5\xbf", "\xef\xac\x81", "\xc2\xb2",
        "\xef\xbe\x80", "a\xc2\xa0""b", "\xe2\x92\xb6", "\xc2\xb5"
    };
    apr_size_t i;

    for (i = 0; i < sizeof(clear) / sizeof(*clear); i++) {
        ok(scim_text_is_unambiguous(pool, clear[i]),
           apr_pstrcat(pool, "stands for itself: ", clear[i], NULL));
    }
    for (i = 0; i < sizeof(doubtful) / sizeof(*doubtful); i++) {
        ok(!scim_text_is_unambiguous(pool, doubtful[i]),
           apr_pstrcat(pool, "looks like another: ", doubtful[i], NULL));
    }
}

static void test_fold_idempotent(apr_pool_t *pool)
{
    unsigned code;
    int same = 1;

    for (code = 1; code < 0x110000; code++) {
        char bytes[5] = { 0 };
        const char *key;
        apr_pool_t *scratch;

        if (code >= 0xd800 && code <= 0xdfff) {
            continue;
        }
        encode(code, bytes);
        apr_pool_create(&scratch, pool);
        key = scim_text_fold(scratch, bytes);
        same = same && strcmp(scim_text_fold(scratch, key), key) == 0;
        apr_pool_destroy(scratch);
    }
    ok(same, "the key of a key is the key, for every character");
}

static void test_fold_long(apr_pool_t *pool)
{
    char *text = apr_pcalloc(pool, 300001);
    const char *key;
    int i;

    for (i = 0; i < 300000; i += 3) {
        memcpy(text + i, "E\xcc\x88", 3);
    }
    key = scim_text_fold(pool, text);
    is_int(strlen(key), 200000, "a long text is folded as a whole");
}

static void test_boolean(void)
{
    static const char *const no[] = {
        "", "t", "tru", "truee", "true ", " true", "yes", "10", "2", "null"
    };
    apr_size_t i;
    int value = -1;

    ok(scim_text_boolean("True", &value) && value == 1, "E25: True");
    ok(scim_text_boolean("False", &value) && value == 0, "E25: False");
    ok(scim_text_boolean("tRUE", &value) && value == 1, "H9: tRUE");
    ok(scim_text_boolean("FALSE", &value) && value == 0, "H9: FALSE");
    ok(scim_text_boolean("1", &value) && value == 1, "L5: 1");
    ok(scim_text_boolean("0", &value) && value == 0, "L5: 0");
    for (i = 0; i < sizeof(no) / sizeof(*no); i++) {
        ok(!scim_text_boolean(no[i], &value), no[i][0] ? no[i] : "no text");
    }
}

#define SECONDS(s) (APR_INT64_C(s) * APR_USEC_PER_SEC)

static void test_instants(apr_pool_t *pool)
{
    static const struct {
        const char *text;
        apr_time_t instant;
    } cases[] = {
        { "1970-01-01T00:00:00Z", 0 },
        { "1970-01-01T00:00:00", 0 },
        { "1970-01-01T00:00:00.000001Z", 1 },
        { "1970-01-01T00:00:00.1Z", 100000 },
        { "1970-01-01T00:00:00.1234569Z", 123456 },
        { "1970-01-01T00:00:00+00:00", 0 },
        { "1970-01-01T05:30:00+05:30", 0 },
        { "1969-12-31T10:00:00-14:00", 0 },
        { "1970-01-01T14:00:00+14:00", 0 },
        { "1969-12-31T23:59:59.5Z", -500000 },
        { "2008-01-23T04:56:22Z", SECONDS(1201064182) },
        { "2018-03-27T19:59:26.000Z", SECONDS(1522180766) },
        { "2000-02-29T00:00:00Z", SECONDS(951782400) },
        { "2024-02-29T24:00:00Z", SECONDS(1709251200) },
        { "2038-01-19T03:14:08Z", SECONDS(2147483648) },
        { "0001-01-01T00:00:00Z", SECONDS(-62135596800) },
        { "9999-12-31T23:59:59Z", SECONDS(253402300799) },
        { "0001-01-01T14:00:00+14:00", SECONDS(-62135596800) },
        { "9999-12-31T09:59:59.999999-14:00",
          SECONDS(253402300799) + 999999 }
    };
    apr_size_t i;

    for (i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        apr_time_t instant = -1;
        const char *text = tap_at_edge(cases[i].text,
                                       strlen(cases[i].text) + 1);

        ok(scim_text_instant(text, &instant),
           apr_psprintf(pool, "TYPE-09: %s is an instant", text));
        is_int(instant, cases[i].instant, "... and the right one");
    }
    is_str(scim_text_of_day(pool, "2008-01-23"), "2008-01-23T00:00:00",
           "a day begins at midnight");
    is_str(scim_text_of_day(pool, "2008-01-23T04:56:22Z"),
           "2008-01-23T04:56:22Z", "a time is one already");
    ok(scim_text_is_digits("0", 3) && scim_text_is_digits("123", 3),
       "digits");
    ok(!scim_text_is_digits("", 3) && !scim_text_is_digits("1234", 3)
       && !scim_text_is_digits("-1", 3) && !scim_text_is_digits("1 ", 3),
       "are neither none nor more, and no sign or blank");
}

static void test_no_instants(apr_pool_t *pool)
{
    static const char *const cases[] = {
        "", "yesterday", "2008-01-23", "2008-01-23T", "2008-01-23T04:56",
        "2008-01-23 04:56:22Z", "2008-01-23t04:56:22Z",
        "2008-01-23T04:56:22z", "2008-01-23T04:56:22Zx",
        "2008-01-23T04:56:22.Z", "2008-01-23T04:56:22,5Z",
        "2008-01-23T04:56:22+5:30", "2008-01-23T04:56:22+0530",
        "2008-01-23T04:56:22+05", "2008-01-23T04:56:22+05:60",
        "2008-01-23T04:56:22+14:01", "2008-01-23T04:56:22-15:00",
        "2008-01-23T04:56:22+", "2008-00-23T04:56:22Z",
        "2008-13-01T00:00:00Z", "2008-01-00T00:00:00Z",
        "2008-01-32T00:00:00Z", "2008-04-31T00:00:00Z",
        "2007-02-29T00:00:00Z", "1900-02-29T00:00:00Z",
        "2100-02-29T00:00:00Z", "2008-01-23T25:00:00Z",
        "2008-01-23T24:00:01Z", "2008-01-23T24:00:00.1Z",
        "2008-01-23T24:01:00Z", "2008-01-23T04:60:00Z",
        "2008-12-31T23:59:60Z", "0000-01-01T00:00:00Z",
        "-2008-01-23T04:56:22Z", "12008-01-23T04:56:22Z",
        " 2008-01-23T04:56:22Z", "2008-1-23T04:56:22Z", "2008",
        "0001-01-01T13:59:59.999999+14:00",
        "9999-12-31T10:00:00-14:00", "9999-12-31T24:00:00Z"
    };
    apr_size_t i;

    for (i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        apr_time_t instant;

        ok(!scim_text_instant(tap_at_edge(cases[i], strlen(cases[i]) + 1),
                              &instant),
           apr_psprintf(pool, "TYPE-08: '%s' is no instant", cases[i]));
    }
}

/* The days of 400 years, one by one, there and back. */
static void test_calendar(apr_pool_t *pool)
{
    apr_int64_t day;
    int right = 1;

    for (day = -800000; day < 2900000; day += day % 7 ? 1 : 97) {
        apr_time_t instant = SECONDS(86400) * day + 1;
        apr_time_t back = 0;
        apr_pool_t *scratch;

        apr_pool_create(&scratch, pool);
        if (instant > SECONDS(-62135596800)) {
            right = right
                    && scim_text_instant(scim_text_timestamp(scratch,
                                                             instant), &back)
                    && back == instant;
        }
        apr_pool_destroy(scratch);
    }
    ok(right, "timestamps of all centuries are read as they were written");
}

static void test_timestamp(apr_pool_t *pool)
{
    is_str(scim_text_timestamp(pool, SECONDS(1522180766)),
           "2018-03-27T19:59:26.000000Z", "TYPE-11: a whole second");
    is_str(scim_text_timestamp(pool, SECONDS(1522180766) + 999999),
           "2018-03-27T19:59:26.999999Z", "... and its last microsecond");
    is_str(scim_text_timestamp(pool, -1), "1969-12-31T23:59:59.999999Z",
           "the microsecond before 1970");
    is_str(scim_text_timestamp(pool, SECONDS(-1)),
           "1969-12-31T23:59:59.000000Z", "the second before 1970");
}

static int is_base64(const char *text)
{
    return scim_text_is_base64(tap_at_edge(text, strlen(text) + 1));
}

static void test_base64(void)
{
    ok(is_base64(""), "TYPE-12: nothing is base64");
    ok(is_base64("QQ==") && is_base64("QUI=") && is_base64("QUJD"),
       "TYPE-12: one, two and three bytes");
    ok(is_base64("QQ") && is_base64("QUI"), "TYPE-13: without padding");
    ok(is_base64("+/+/"), "TYPE-12: + and /");
    ok(!is_base64("-_-_"), "TYPE-13: the URL's alphabet is not");
    ok(!is_base64("Q") && !is_base64("QUJDQ"), "one digit of four is not");
    ok(!is_base64("QQ=") && !is_base64("QUI==") && !is_base64("QUJD=")
       && !is_base64("=") && !is_base64("====") && !is_base64("QQ==="),
       "wrong padding is not");
    ok(!is_base64("QQ==QQ==") && !is_base64("Q=Q="), "padding ends it");
    ok(!is_base64("QUJD\n") && !is_base64("QU JD"),
       "TYPE-13: white space is not");
    ok(!is_base64("\xc3\xa9qq"), "no letters beyond ASCII");
}

static int is_uuid(const char *text)
{
    return scim_text_is_uuid(tap_at_edge(text, strlen(text) + 1));
}

static void test_uuid(void)
{
    static const char good[] = "01234567-89ab-cdef-0123-456789abcdef";
    char bad[sizeof(good)];
    apr_size_t i;
    int cut = 1, changed = 1;

    ok(is_uuid(good), "a UUID");
    ok(!is_uuid("01234567-89AB-cdef-0123-456789abcdef"), "not in capitals");
    ok(!is_uuid("01234567-89ab-cdef-0123-456789abcdef0"), "not longer");
    ok(!is_uuid("{1234567-89ab-cdef-0123-456789abcdef"), "not in braces");
    ok(!is_uuid("0123456789abcdef0123456789abcdef"), "not without hyphens");
    for (i = 0; i < sizeof(good) - 1; i++) {
        memcpy(bad, good, sizeof(good));
        bad[i] = good[i] == '-' ? '0' : 'g';
        changed = changed && !is_uuid(bad);
        bad[i] = '\0';
        cut = cut && !is_uuid(bad);
    }
    ok(changed, "no other character anywhere");
    ok(cut, "not shorter");
}

static void test_uri(void)
{
    static const char *const good[] = {
        "https://example.com/a?b=c#d", "../Users/2", "Users/2", "urn:x:y",
        "mailto:a@b", "%20", "a", "https://example.com/\xc3\xa9"
    };
    static const char *const bad[] = {
        "", "not a uri", " a", "a ", "a\tb", "a\nb", "a\x7f", "<a>", "\"a\"",
        "a\\b", "a^b", "a`b", "{a}", "a|b"
    };
    apr_size_t i;

    for (i = 0; i < sizeof(good) / sizeof(*good); i++) {
        ok(scim_text_is_uri(good[i]), good[i]);
    }
    for (i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        is_int(scim_text_is_uri(tap_at_edge(bad[i], strlen(bad[i]) + 1)), 0,
               "TYPE-15: what a URI does not hold");
    }
}

static void test_mend(void)
{
    static const struct {
        const char *text, *wanted, *name;
    } cases[] = {
        { "", "", "nothing" },
        { "zo\xc3\xab \xf0\x9f\x98\x80", "zo\xc3\xab \xf0\x9f\x98\x80",
          "what is well-formed stays" },
        { "zo\xc3", "zo", "half a character at the end goes" },
        { "\xe6\xbc'", "'", "half a character before an ASCII one" },
        { "a\xff\xfe" "b\x80\xc3\xab", "ab\xc3\xab", "single bytes" },
        { "\xed\xa0\x80", "", "a surrogate" }
    };
    char text[32];
    size_t i;

    for (i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        strcpy(text, cases[i].text);
        scim_text_mend(text);
        is_str(text, cases[i].wanted, cases[i].name);
    }
}

/* What people see of a text. */
/* The flaw of a text as a name and as an identifier, or "". */
static void test_flaws(apr_pool_t *pool)
{
    static const struct {
        const char *text;
        const char *name;        /* abbreviations of the flaws */
        const char *identifier;
        int length;
        const char *what;
    } texts[] = {
        { "", "empty", "empty", 0, "nothing" },
        { "  ", "empty", "empty", 2, "blanks" },
        { "\xe3\x80\x80", "empty", "empty", 1, "an ideographic space" },
        { "\xe2\x80\x83", "empty", "empty", 1, "an em space" },
        { "\xc2\xa0", "empty", "empty", 1, "a no-break space" },
        { "\xe2\x80\x8b\xef\xbb\xbf", "empty", "empty", 2,
          "zero width and a BOM" },
        { "\xe2\xa0\x80", "empty", "empty", 1, "a braille blank" },
        { "\t", "empty", "empty", 1, "a tab" },
        { "\xc2\x85", "empty", "empty", 1, "a C1 control" },
        { "a\x7f", "U+007F", "U+007F", 2, "a letter and DEL" },
        { "a\xc2\x85", "U+0085", "U+0085", 2, "a letter and NEL" },
        { "a\xe2\x80\xa8", "U+2028", "U+2028", 2, "a line separator" },
        { "a\xe2\x80\xa9", "U+2029", "U+2029", 2, "a paragraph separator" },
        { "a\xe2\x80\xae", "U+202E", "U+202E", 2, "an override" },
        { "a\xe2\x81\xa6", "U+2066", "U+2066", 2, "an isolate" },
        { "a\xe2\x80\x8e", "U+200E", "U+200E", 2, "a direction mark" },
        { "a\xe2\x80\x8b" "b", "U+200B", "U+200B", 3, "a zero width space" },
        { "a\xef\xbb\xbf", "U+FEFF", "U+FEFF", 2, "a BOM at the end" },
        { "\xe2\x81\xa0" "a", "U+2060", "U+2060", 2, "a word joiner" },
        { "a\xc2\xad" "b", "U+00AD", "U+00AD", 3, "a soft hyphen" },
        { "a\xe3\x85\xa4", "U+3164", "U+3164", 2, "a Hangul filler" },
        { "a\xf3\xa0\x81\xa1", "U+E0061", "U+E0061", 2, "a tag" },
        { "a\xe2\x80\x8d" "b", "U+200D", "U+200D", 3,
          "a joiner between Latin letters" },
        { "a\xe2\x80\x8c", "U+200C", "U+200C", 2,
          "a non-joiner at the end" },
        { "a\xef\xb8\x8f", "U+FE0F", "U+FE0F", 2,
          "a variation selector behind a letter" },
        { "\xd8\xb9\xd9\x84\xdb\x8c\xe2\x80\x8c\xd8\xb1\xd8\xb6\xd8\xa7",
          "", "U+200C", 7, "a Persian name with a non-joiner" },
        { "\xe0\xb6\x9a\xe0\xb7\x8a\xe2\x80\x8d\xe0\xb6\xbb", "",
          "U+200D", 4, "a Sinhala conjunct" },
        { "\xe8\xbe\xbb\xf3\xa0\x84\x80", "", "U+E0100", 2,
          "an ideograph in one of its forms" },
        { "\xf0\x9f\x91\xa9\xe2\x80\x8d\xf0\x9f\x94\xac", "", "U+200D", 3,
          "an emoji with a joiner" },
        { "\xe4\xbd\x90\xe8\x97\xa4\xe3\x80\x80x", "", "U+3000", 4,
          "a name with an ideographic space" },
        { "Taro Yamada", "", "", 11, "a name with a blank" },
        { "Taro  Yamada", "", "U+0020", 12, "a name with two blanks" },
        { " Taro", "", "U+0020", 5, "a name behind a blank" },
        { "Taro ", "", "U+0020", 5, "a name before a blank" },
        { "taro\xc2\xa0yamada", "", "U+00A0", 11,
          "a name with a no-break space" },
        { "taro@example.com", "", "", 16, "an address" }
    };
    apr_size_t i;

    for (i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
        const char *name = scim_text_flaw(pool, texts[i].text,
                                          SCIM_TEXT_NAME);
        const char *identifier = scim_text_flaw(pool, texts[i].text,
                                                SCIM_TEXT_IDENTIFIER);

        ok(*texts[i].name ? name && strstr(name, texts[i].name) : !name,
           apr_pstrcat(pool, "as a name: ", texts[i].what, NULL));
        ok(*texts[i].identifier
           ? identifier && strstr(identifier, texts[i].identifier)
           : !identifier,
           apr_pstrcat(pool, "as an identifier: ", texts[i].what, NULL));
        ok(scim_text_length(texts[i].text) == (apr_size_t) texts[i].length,
           apr_pstrcat(pool, "the length of ", texts[i].what, NULL));
    }
}

static void test_domains(apr_pool_t *pool)
{
    static const char *const same[][2] = {
        { "example.com", "example.com" }, { "EXAMPLE.COM", "example.com" },
        { "B\xc3\x9c" "CHER.example", "xn--bcher-kva.example" },
        { "bu\xcc\x88" "cher.example", "xn--bcher-kva.example" },
        { "xn--bcher-kva.example", "xn--bcher-kva.example" },
        { "stra\xc3\x9f" "e.example", "xn--strae-oqa.example" },
        { "\xe6\x97\xa5\xe6\x9c\xac\xe3\x80\x82jp", "xn--wgv71a.jp" },
        { "\xef\xbd\x85xample.com", "example.com" },
        { "localhost", "localhost" },
        { "https://x.com", NULL }, { "*.x.com", NULL }, { "", NULL },
        { "x..com", NULL }, { "-x.com", NULL }, { "x.com:8080", NULL },
        { "a b.com", NULL }, { "x@y.com", NULL }, { "xn--\xc3\xbc.com", NULL }
    };
    apr_size_t i;

    for (i = 0; i < sizeof(same) / sizeof(*same); i++) {
        const char *domain = scim_text_domain(pool, same[i][0]);

        ok(same[i][1] ? domain && strcmp(domain, same[i][1]) == 0 : !domain,
           apr_pstrcat(pool, "the domain '", same[i][0], "'", NULL));
    }
}

/* The key of a part is part of the key, on which sw, co and ew rely.  Every
 * letter, at the end of a part and after another letter. */
static void test_fold_has_no_context(apr_pool_t *pool)
{
    static const char *const words[] = {
        "\xce\x9f\xce\x94\xce\x9f\xce\xa3", "\xce\xa3\xce\xa3.\xce\xa0",
        "\xce\xb1\xcf\x82@x", "Stra\xc3\x9f" "e", "\xc4\xb0stanbul",
        "\xe1\xba\x9e" "a", "\xef\xac\x81n", "\xe1\x8f\xb8\xea\xad\xb0"
    };
    apr_size_t i, cut;

    for (i = 0; i < sizeof(words) / sizeof(*words); i++) {
        const char *whole = scim_text_fold(pool, words[i]);
        int all = 1;

        for (cut = 1; cut < strlen(words[i]); cut++) {
            const char *start = apr_pstrmemdup(pool, words[i], cut);

            if (scim_text_is_utf8(start, cut)) {
                const char *key = scim_text_fold(pool, start);
                const char *rest = scim_text_fold(pool, words[i] + cut);

                all = all && strncmp(whole, key, strlen(key)) == 0
                      && strcmp(whole + strlen(key), rest) == 0;
            }
        }
        ok(all, apr_pstrcat(pool, "the keys of parts make up that of ",
                            words[i], NULL));
    }
    is_str(scim_text_fold(pool, "STRASSE"),
           scim_text_fold(pool, "stra\xc3\x9f" "e"), "sharp s is ss");
    is_str(scim_text_fold(pool, "\xcf\x82"),
           scim_text_fold(pool, "\xce\xa3"), "final sigma is sigma");
    ok(strcmp(scim_text_fold(pool, "\xc4\xb1"),
              scim_text_fold(pool, "I")) != 0, "dotless i is no i");
}

static void test_trim(apr_pool_t *pool)
{
    is_str(scim_text_trim(pool, " a b\xe3\x80\x80\t"), "a b",
           "blanks at the ends are left out");
    is_str(scim_text_trim(pool, "a"), "a", "and nothing else");
    is_str(scim_text_trim(pool, " \xc2\xa0"), "", "and all of a blank");
}

static void test_step(apr_pool_t *pool)
{
    static const struct {
        const char *text;
        int length;
        unsigned harm;
    } cases[] = {
        { "a", 1, 0 }, { "\xc3\xa9x", 2, 0 }, { "\xf0\x9f\x98\x80", 4, 0 },
        { "\x1b[31m", 1, 0x1b }, { "\n", 1, '\n' }, { "\x7f", 1, 0x7f },
        { "\xc2\x9b" "31m", 2, 0x9b }, { "\xc2\x80", 2, 0x80 },
        { "\xc2\xa0", 2, 0 }, { "\xe2\x80\xae", 3, 0x202e },
        { "\xe2\x81\xa6x", 3, 0x2066 }, { "\xd8\x9c", 2, 0x61c },
        { "\xe2\x80\xa8", 3, 0x2028 }, { "\x9b", 1, 0xfffd },
        { "\xc2", 1, 0xfffd }, { "\xf0\x9f\x98", 1, 0xfffd },
        { "\xc0\x9b", 1, 0xfffd }
    };
    size_t i;

    for (i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        size_t size = strlen(cases[i].text) + 1;
        unsigned harm;

        is_int(scim_text_step(tap_at_edge(cases[i].text, size), &harm),
               cases[i].length, "the bytes of a character");
        is_int(harm, cases[i].harm,
               apr_psprintf(pool, "and its harm: case %d", (int) i));
    }
}

int main(void)
{
    apr_pool_t *pool = tap_start();

    test_utf8_scalars();
    test_utf8_pairs();
    test_utf8();
    test_mend();
    test_fold(pool);
    test_unambiguous(pool);
    test_fold_idempotent(pool);
    test_fold_long(pool);
    test_boolean();
    test_instants(pool);
    test_no_instants(pool);
    test_calendar(pool);
    test_timestamp(pool);
    test_base64();
    test_uuid();
    test_uri();
    test_flaws(pool);
    test_domains(pool);
    test_fold_has_no_context(pool);
    test_trim(pool);
    test_step(pool);
    return tap_done(pool);
}
