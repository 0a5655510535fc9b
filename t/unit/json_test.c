/* SPDX-License-Identifier: Apache-2.0 */
/* scim_json: strict reading, and the small functions on trees. */
#include <stdlib.h>

#include <apr_strings.h>
#include <apr_time.h>

#include "../../values/scim_json.h"
#include "../../values/scim_text.h"
#include "tap.h"

/* Every document ends where accessible memory ends. */
static scim_error_t *read_bytes(cJSON **root, const char *bytes,
                                apr_size_t length, apr_pool_t *pool)
{
    return scim_json_parse(root, tap_at_edge(bytes, length), length, pool);
}

static void accepts(const char *text, const char *printed, apr_pool_t *pool)
{
    cJSON *root = NULL;
    scim_error_t *error = read_bytes(&root, text, strlen(text), pool);

    is_str(error ? error->detail : scim_json_print(root, pool), printed,
           apr_psprintf(pool, "accepts %s", text));
    is_int(error ? 0 : scim_json_size(root), strlen(printed),
           "and knows its size");
}

static void test_accepted(apr_pool_t *pool)
{
    static const struct {
        const char *text, *printed;
    } cases[] = {
        { "{}", "{}" },
        { "[]", "[]" },
        { "null", "null" },
        { "true", "true" },
        { "false", "false" },
        { "\"\"", "\"\"" },
        { " \t\r\n{ \"a\" : [ 1 , 2 ] } \t\r\n", "{\"a\":[1,2]}" },
        { "0", "0" },
        { "-0", "-0" },
        { "7e87", "7e+87" },
        { "1.5e300", "1.5e+300" },
        { "-1.5", "-1.5" },
        { "1e3", "1000" },
        { "1E+2", "100" },
        { "1e-2", "0.01" },
        { "0.5", "0.5" },
        { "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\\"\\\\/\\b\\f\\n\\r\\t\"" },
        { "\"\\u00e9\\u6F22\"", "\"\xc3\xa9\xe6\xbc\xa2\"" },
        { "\"\\ud83d\\ude00\"", "\"\xf0\x9f\x98\x80\"" },
        { "\"\\uDBFF\\uDFFF\"", "\"\xf4\x8f\xbf\xbf\"" },
        { "\"\\ue000\\uffff\"", "\"\xee\x80\x80\xef\xbf\xbf\"" },
        { "\"\x7f\xc2\x80\xf4\x8f\xbf\xbf\"",
          "\"\x7f\xc2\x80\xf4\x8f\xbf\xbf\"" },
        { "{\"\":1,\"a\":{\"a\":2}}", "{\"\":1,\"a\":{\"a\":2}}" },
        { "[{\"a\":1},{\"a\":2}]", "[{\"a\":1},{\"a\":2}]" },
        { "{\"\xc3\xa9\":1,\"\xc3\x89\":2}",
          "{\"\xc3\xa9\":1,\"\xc3\x89\":2}" }
    };
    apr_size_t i;

    for (i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        accepts(cases[i].text, cases[i].printed, pool);
    }
}

static void test_integers(apr_pool_t *pool)
{
    const char *most = "[9007199254740992,-9007199254740992]";
    cJSON *root;

    ok(!read_bytes(&root, most, strlen(most), pool)
       && root->child->valuedouble == 9007199254740992.0
       && root->child->next->valuedouble == -9007199254740992.0,
       "accepts integers up to 2^53");
}

static void test_inexact(apr_pool_t *pool)
{
    static const struct {
        const char *text;
        int offset;
        const char *name;
    } cases[] = {
        { "1e400", 0, "a number beyond double" },
        { "[-1e999]", 1, "a negative number beyond double" },
        { "1.7976931348623157e308", 0,
          "a number that would be printed as one beyond double" },
        { "2222222222222222222221e-5", 0,
          "a number that would be printed as an integer beyond 2^53" },
        { "9007199254740993", 0, "2^53+1" },
        { "[1,-9007199254740993]", 3, "-(2^53+1)" },
        { "99999999999999999999", 0, "an integer beyond 64 bits" }
    };
    size_t i;

    for (i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        const char *place = apr_psprintf(pool, "The number at byte %d ",
                                         cases[i].offset);
        cJSON *root;
        scim_error_t *error = read_bytes(&root, cases[i].text,
                                         strlen(cases[i].text), pool);

        ok(error && error->kind == SCIM_E_INVALID_VALUE
           && strncmp(error->detail, place, strlen(place)) == 0,
           cases[i].name);
    }
}

static void refuses(const char *bytes, apr_size_t length, int offset,
                    const char *name, apr_pool_t *pool)
{
    cJSON *root = NULL;
    scim_error_t *error = read_bytes(&root, bytes, length, pool);
    const char *end = apr_psprintf(pool, " at byte %d.", offset);

    if (!ok(error && error->kind == SCIM_E_INVALID_SYNTAX, name)) {
        return;
    }
    is_str(strstr(error->detail, " at byte "), end,
           apr_pstrcat(pool, name, ": says where", NULL));
}

static const struct {
    const char *text;
    int offset;
    const char *name;
} refused[] = {
    { "", 0, "ERR-18: an empty document" },
    { " \n", 2, "ERR-18: nothing but space" },
    { "{\"userName\":", 12, "ERR-18: a member without a value" },
    { "{\"a\" 1}", 5, "a member without a colon" },
    { "{\"a\":1", 6, "an object without an end" },
    { "{\"a\":1,}", 7, "a comma before the closing brace" },
    { "{,}", 1, "a lone comma in an object" },
    { "{a:1}", 1, "a name without quotation marks" },
    { "{'a':1}", 1, "a name in apostrophes" },
    { "{1:1}", 1, "a number for a name" },
    { "[1,]", 3, "a comma before the closing bracket" },
    { "[1 2]", 3, "a missing comma" },
    { "[1}", 2, "the wrong closing bracket" },
    { "[", 1, "a lone bracket" },
    { "]", 0, "a lone closing bracket" },
    { "{} x", 3, "ERR-25: text behind the document" },
    { "{}{}", 2, "ERR-25: a second document" },
    { "\xef\xbb\xbf{}", 0, "ERR-21: a byte order mark" },
    { "tru", 0, "half a literal" },
    { "True", 0, "a literal in another case" },
    { "nulll", 4, "more than a literal" },
    { "NaN", 0, "NaN" },
    { "Infinity", 0, "Infinity" },
    { "01", 1, "a leading zero" },
    { "-01", 2, "a leading zero behind a sign" },
    { "+1", 0, "a plus sign" },
    { "-", 1, "a lone minus sign" },
    { ".5", 0, "a fraction without an integer" },
    { "1.", 2, "a point without digits" },
    { "1.e5", 2, "a point before the exponent" },
    { "1e", 2, "an exponent without digits" },
    { "1e+", 3, "an exponent of a sign only" },
    { "0x10", 1, "a hexadecimal number" },
    { "1_000", 1, "an underscore in a number" },
    { "\"a", 2, "a string without an end" },
    { "\"a\\", 3, "a string that ends in a backslash" },
    { "\"\\x\"", 2, "an unknown escape" },
    { "\"\\U0041\"", 2, "an escape in upper case" },
    { "\"\\u12\"", 5, "too few hexadecimal digits" },
    { "\"\\u12g4\"", 5, "a letter that is not a hexadecimal digit" },
    { "\"\\u", 3, "an escape without an end" },
    { "\"a\nb\"", 2, "a raw newline in a string" },
    { "\"a\tb\"", 2, "a raw tabulator in a string" },
    { "\"\\ud800\"", 7, "ERR-21: a high surrogate alone" },
    { "\"\\ud800x\"", 7, "ERR-21: a high surrogate and a letter" },
    { "\"\\ud800\\n\"", 8, "ERR-21: a high surrogate and an escape" },
    { "\"\\ud800\\ud800\"", 13, "ERR-21: two high surrogates" },
    { "\"\\ud800\\u0041\"", 13, "ERR-21: a high surrogate and U+0041" },
    { "\"\\udc00\"", 7, "ERR-21: a low surrogate alone" },
    { "\"\\udc00\\ud800\"", 7, "ERR-21: surrogates the wrong way" },
    { "{\"a\":1,\"a\":2}", 7, "ERR-20: a member twice" },
    { "{\"userName\":1,\"b\":{\"c\":[]},\"username\":2}", 27,
      "ERR-20: a member twice in another case" },
    { "[{\"x\":0},{\"b\":{\"a\":1,\"c\":2,\"\\u0041\":3}}]", 27,
      "ERR-20: a member twice, once escaped" },
    { "{\"a\":1,\"b\":2,\"A\":3,\"a\":4}", 13,
      "ERR-20: a member three times" },
    { "// c\n{}", 0, "a comment" },
    { "{}/* c */", 2, "a comment behind" },
    { "{\"a\":\v1}", 5, "a vertical tabulator as space" },
    { "{\"a\":\xc2\xa0" "1}", 5, "U+00A0 as space" },
    { "\"\xc0\x80\"", 1, "ERR-21: U+0000 in two bytes" },
    { "\"a\xc0\xaf\"", 2, "ERR-21: an overlong slash" },
    { "\"\xe0\x80\xaf\"", 1, "ERR-21: three bytes for a slash" },
    { "\"\xed\xa0\x80\"", 1, "ERR-21: a surrogate in UTF-8" },
    { "\"\xf4\x90\x80\x80\"", 1, "ERR-21: U+110000" },
    { "{\"\xff\":1}", 2, "ERR-21: a bad byte in a name" },
    { "{\"\xc3\xa9\":\"\xe6\xbc\"}", 7, "ERR-21: half a character" },
    { "\"\xc3", 1, "ERR-21: half a character at the end" }
};

static void test_refused(apr_pool_t *pool)
{
    apr_size_t i;

    for (i = 0; i < sizeof(refused) / sizeof(*refused); i++) {
        refuses(refused[i].text, strlen(refused[i].text), refused[i].offset,
                refused[i].name, pool);
    }
    refuses("{}\0", 3, 2, "a NUL behind the document", pool);
    refuses("\"a\0b\"", 5, 2, "a raw NUL in a string", pool);
    refuses("\0", 1, 0, "a lone NUL", pool);
    refuses("[\0]", 3, 1, "a NUL for space", pool);
}

/* Every byte alone, within a string, and escaped, by RFC 8259. */
static void test_every_byte(apr_pool_t *pool)
{
    int alone = 1, inside = 1, escaped = 1;
    int c;

    for (c = 0; c < 256; c++) {
        char text[] = { (char) c };
        char string[] = { '"', (char) c, '"' };
        char escape[] = { '"', '\\', (char) c, '"' };
        cJSON *root;

        alone = alone && !read_bytes(&root, text, 1, pool)
                         == (c >= '0' && c <= '9');
        inside = inside && !read_bytes(&root, string, 3, pool)
                           == (c >= 0x20 && c < 0x80 && c != '"'
                               && c != '\\');
        escaped = escaped && !read_bytes(&root, escape, 4, pool)
                             == (c && strchr("\"\\/bfnrt", c) != NULL);
    }
    ok(alone, "of all bytes only digits are documents");
    ok(inside, "a string holds every ASCII character from U+0020 but \" and"
       " \\, and no lone byte beyond");
    ok(escaped, "only the escapes of RFC 8259 section 7 are taken");
}

/* No part of a document from its beginning is a document, and none is read
 * past its end. */
static void test_every_prefix(apr_pool_t *pool)
{
    static const char text[] = "{\"a\":[true,false,null,-1.5e+3],\"\\u00e9\":"
                               "\"\\ud83d\\ude00\xf0\x9f\x98\x80\",\"b\":{}}";
    apr_size_t length;
    int refused = 0;
    cJSON *root;

    for (length = 0; length < sizeof(text) - 1; length++) {
        refused += read_bytes(&root, text, length, pool) != NULL;
    }
    is_int(refused, sizeof(text) - 1, "every beginning is refused");
    ok(!read_bytes(&root, text, sizeof(text) - 1, pool),
       "the whole is accepted");
}

/* Any one byte changed: accepted or refused, but never a crash. */
static void test_every_change(apr_pool_t *pool)
{
    static const char text[] = "{\"a\":[true,-1.5e+3],\"\\u00e9\":"
                               "\"\\ud83d\\ude00\xc3\xa9\",\"A1\":{}}";
    char changed[sizeof(text)];
    apr_size_t i;
    int c, kinds = 1;

    for (i = 0; i < sizeof(text) - 1; i++) {
        for (c = 0; c < 256; c++) {
            cJSON *root;
            scim_error_t *error;

            memcpy(changed, text, sizeof(text));
            changed[i] = (char) c;
            error = scim_json_parse(&root, changed, sizeof(text) - 1, pool);
            kinds = kinds && (!error || error->kind == SCIM_E_INVALID_SYNTAX
                              || error->kind == SCIM_E_INVALID_VALUE);
        }
    }
    ok(kinds, "a changed byte gives a document or a client's error");
}

static const char *nested(int levels, const char *open, const char *close,
                          apr_pool_t *pool)
{
    char *text = apr_pcalloc(pool, levels * (strlen(open) + 1) + 2);
    int i;

    for (i = 0; i < levels; i++) {
        strcpy(text + i * strlen(open), open);
    }
    text[levels * strlen(open)] = '1';
    for (i = 0; i < levels; i++) {
        text[levels * strlen(open) + 1 + i] = *close;
    }
    return text;
}

static void test_bounds(apr_pool_t *pool)
{
    const char *most = nested(SCIM_JSON_MAX_DEPTH, "[", "]", pool);
    const char *digits63 = apr_psprintf(pool, "0.%061d", 1);
    const char *digits64 = apr_psprintf(pool, "0.%062d", 1);
    scim_error_t *error;
    cJSON *root;

    ok(!read_bytes(&root, most, strlen(most), pool),
       "ERR-22: the greatest depth is accepted");
    most = nested(SCIM_JSON_MAX_DEPTH + 1, "[", "]", pool);
    refuses(most, strlen(most), SCIM_JSON_MAX_DEPTH,
            "ERR-22: one level more", pool);
    most = nested(100000, "[", "]", pool);
    refuses(most, strlen(most), SCIM_JSON_MAX_DEPTH,
            "ERR-22: 100,000 levels", pool);
    most = nested(SCIM_JSON_MAX_DEPTH + 1, "{\"a\":", "}", pool);
    refuses(most, strlen(most), SCIM_JSON_MAX_DEPTH * 5,
            "ERR-22: one object more", pool);
    ok(!read_bytes(&root, digits63, strlen(digits63), pool),
       "a number of as many digits as cJSON reads is accepted");
    error = read_bytes(&root, digits64, strlen(digits64), pool);
    ok(error && error->kind == SCIM_E_INVALID_VALUE,
       "a number of more digits");
}

static void test_nul(apr_pool_t *pool)
{
    static const char text[] = "{\"a\":\"b\\u0000c\"}";
    cJSON *root;
    scim_error_t *error = read_bytes(&root, text, strlen(text), pool);

    ok(error && error->kind == SCIM_E_INVALID_VALUE,
       "TYPE-02: U+0000 in a string is invalidValue");
    ok(error && strstr(error->detail, "byte 7"),
       "TYPE-02: ... and its place is told");
}

/* A 40,000-member object whose names collide in APR's hash function. */
static void test_many_members(apr_pool_t *pool)
{
    char *text = apr_palloc(pool, 40000 * 48 + 3);
    char *to = text;
    apr_time_t start;
    cJSON *root;
    int i, bit;

    *to++ = '{';
    for (i = 0; i < 40000; i++) {
        *to++ = '"';
        for (bit = 0; bit < 16; bit++) {
            memcpy(to, i >> bit & 1 ? "b@" : "aa", 2);
            to += 2;
        }
        memcpy(to, "\":1,", 4);
        to += 4;
    }
    to[-1] = '}';
    start = apr_time_now();
    ok(!scim_json_parse(&root, text, to - text, pool),
       "an object of 40,000 members is accepted");
    ok(apr_time_now() - start < apr_time_from_sec(5),
       "... in less than quadratic time, whatever the names");
}

static void test_long_name(apr_pool_t *pool)
{
    const char *name = "a123456789012345678901234567890123456789012345678901"
                       "2345678\xc3\xa9tail";
    const char *text = apr_psprintf(pool, "{\"%s\":1,\"%s\":2}", name, name);
    cJSON *root;
    scim_error_t *error = read_bytes(&root, text, strlen(text), pool);

    ok(error && strstr(error->detail, "2345678' ")
       && scim_text_is_utf8(error->detail, strlen(error->detail)),
       "a long name is cut in the detail, between characters");
}

static cJSON *tree(const char *text, apr_pool_t *pool)
{
    cJSON *root = NULL;

    return scim_json_parse(&root, text, strlen(text), pool) ? NULL : root;
}

static void test_members(apr_pool_t *pool)
{
    cJSON *object = tree("{\"Name\":\"x\",\"n\":1,\"null\":null}", pool);
    cJSON *array = tree("[{\"a\":1}]", pool);

    ok(scim_json_member(object, "Name") != NULL, "a member is found");
    ok(!scim_json_member(object, "name"), "... by its case");
    ok(scim_json_member_nocase(object, "nAME")
       == scim_json_member(object, "Name"), "... or without");
    ok(!scim_json_member(NULL, "a") && !scim_json_member_nocase(NULL, "a"),
       "nothing has no member");
    ok(!scim_json_member(array, "a") && !scim_json_member_nocase(array, "a"),
       "an array has no member");
    is_str(scim_json_text(object, "Name"), "x", "a string is text");
    is_str(scim_json_text(object, "n"), NULL, "a number is not text");
    is_str(scim_json_text(object, "none"), NULL, "nothing is not text");
}

static void test_changes(apr_pool_t *pool)
{
    cJSON *object = tree("{\"a\":{\"b\":1},\"c\":2,\"d\":3}", pool);
    cJSON *copy = scim_json_copy(object, pool);

    scim_json_put(object, "a", cJSON_CreateTrue());
    scim_json_put(object, "C", cJSON_CreateNumber(4));
    scim_json_put_text(object, "c", "text");
    is_str(scim_json_print(object, pool),
           "{\"a\":true,\"c\":\"text\",\"d\":3,\"C\":4}",
           "members are replaced in their place and added at the end");
    scim_json_put_text(object, "c", NULL);
    scim_json_put_text(object, "c", NULL);
    scim_json_drop(object, "a");
    scim_json_drop(object, "none");
    is_str(scim_json_print(object, pool), "{\"d\":3,\"C\":4}",
           "members are removed by case, absent ones too");
    is_str(scim_json_print(copy, pool), "{\"a\":{\"b\":1},\"c\":2,\"d\":3}",
           "a copy stays as it was");
}

static int equal(const char *a, const char *b, apr_pool_t *pool)
{
    return scim_json_equal(tree(a, pool), tree(b, pool));
}

static void test_equal(apr_pool_t *pool)
{
    ok(equal("{\"a\":1,\"b\":[1,2]}", "{\"b\":[1,2],\"a\":1}", pool),
       "objects are equal whatever the order");
    ok(!equal("{\"a\":1}", "{\"a\":1,\"b\":2}", pool)
       && !equal("{\"a\":1,\"b\":2}", "{\"a\":1}", pool),
       "... but not with a member more");
    ok(!equal("{\"a\":1}", "{\"A\":1}", pool), "... or in another case");
    ok(!equal("[1,2]", "[2,1]", pool), "arrays are equal by position");
    ok(!equal("[1]", "[1,1]", pool), "... and length");
    ok(!equal("\"a\"", "\"A\"", pool), "strings are equal by byte");
    ok(!equal("1", "\"1\"", pool) && !equal("true", "false", pool)
       && !equal("null", "false", pool), "types and values differ");
    ok(scim_json_equal(NULL, NULL) && !scim_json_equal(NULL, tree("1", pool))
       && !scim_json_equal(tree("1", pool), NULL), "nothing equals nothing");
    ok(!equal("{\"a\":1,\"b\":2}", "{\"a\":1,\"c\":2}", pool)
       && !equal("{\"a\":1}", "{\"a\":1,\"b\":2}", pool)
       && !equal("[1,2]", "[1]", pool) && !equal("[1]", "[1,2]", pool)
       && !equal("{}", "[]", pool), "members and elements are all looked at");
}

#define DEEP 900

/* It ends within the time of a test, because a level does not double the
 * time. */
static void test_equal_deep(apr_pool_t *pool)
{
    char *text = apr_palloc(pool, DEEP * 6 + 2);
    char *at = text;
    int i;

    for (i = 0; i < DEEP; i++) {
        memcpy(at, "{\"x\":", 5);
        at += 5;
    }
    *at++ = '1';
    memset(at, '}', DEEP);
    at[DEEP] = '\0';
    ok(scim_json_equal(scim_json_stored(text, pool),
                       scim_json_stored(text, pool)),
       "what is stored deep is compared in no time");
}

static void test_values(apr_pool_t *pool)
{
    static const char text[] = "{\"a\":[1,\"b\",[]],\"c\":{\"d\":null}}";
    cJSON *root = NULL;

    ok(!scim_json_parse(&root, text, strlen(text), pool), "an object");
    is_int(scim_json_count(root), 7, "has its values at every depth");
}

static void test_unassigned(apr_pool_t *pool)
{
    ok(scim_json_is_unassigned(NULL)
       && scim_json_is_unassigned(tree("null", pool))
       && scim_json_is_unassigned(tree("[]", pool))
       && scim_json_is_unassigned(tree("{}", pool)),
       "null, [], {} and nothing are unassigned");
    ok(!scim_json_is_unassigned(tree("\"\"", pool))
       && !scim_json_is_unassigned(tree("0", pool))
       && !scim_json_is_unassigned(tree("false", pool))
       && !scim_json_is_unassigned(tree("[null]", pool)),
       "\"\", 0, false and [null] are not");
}

int main(void)
{
    apr_pool_t *pool = tap_start();

    test_accepted(pool);
    test_integers(pool);
    test_inexact(pool);
    test_refused(pool);
    test_every_byte(pool);
    test_every_prefix(pool);
    test_every_change(pool);
    test_bounds(pool);
    test_nul(pool);
    test_many_members(pool);
    test_long_name(pool);
    test_members(pool);
    test_changes(pool);
    test_equal(pool);
    test_equal_deep(pool);
    test_unassigned(pool);
    test_values(pool);
    return tap_done(pool);
}
