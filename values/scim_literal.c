/* SPDX-License-Identifier: Apache-2.0 */
/* The literals of filters, see scim_literal.h: read as JSON or, unless strict,
 * in the other forms that clients send; then checked against the comparison of
 * the attribute.
 */
#include "values/scim_literal.h"

#include <string.h>

#include <apr_lib.h>
#include <apr_strings.h>

#include "values/scim_json.h"
#include "values/scim_text.h"

const char *scim_literal_string_end(const char *at)
{
    for (at++; *at && *at != '"'; at++) {
        if (*at == '\\' && at[1]) {
            at++;
        }
    }
    return *at ? at + 1 : NULL;
}

static const char *literal_end(const char *at)
{
    if (*at == '"') {
        return scim_literal_string_end(at);
    }
    while (*at && !strchr(" \t()[]\"", *at)) {
        at++;
    }
    return at;
}

static void put_string(scim_literal_t *literal, const char *text)
{
    literal->kind = SCIM_LITERAL_STRING;
    literal->text = text;
}

static void put_boolean(scim_literal_t *literal, int value)
{
    literal->kind = SCIM_LITERAL_BOOLEAN;
    literal->boolean = value;
}

/* compValue = false / null / true / number / string, in JSON's own syntax */
static int read_json_literal(scim_literal_t *literal, const char *text,
                             apr_size_t length, apr_pool_t *pool)
{
    cJSON *value;

    if (length == 0 || strchr("{[", *text)
        || scim_json_parse(&value, text, length, pool) != NULL) {
        return 0;
    }
    if (cJSON_IsString(value)) {
        put_string(literal, value->valuestring);
    }
    else if (cJSON_IsBool(value)) {
        put_boolean(literal, cJSON_IsTrue(value));
    }
    else if (cJSON_IsNull(value)) {
        literal->kind = SCIM_LITERAL_NULL;
    }
    else {
        literal->kind = SCIM_LITERAL_NUMBER;
        literal->number = value->valuedouble;
        literal->text = apr_pstrmemdup(pool, text, length);
    }
    return 1;
}

static int is_string_comparison(scim_compare_e compare)
{
    return compare == SCIM_COMPARE_FOLD || compare == SCIM_COMPARE_USER_NAME
           || compare == SCIM_COMPARE_EXACT;
}

static int takes_text(scim_compare_e compare)
{
    return is_string_comparison(compare) || compare == SCIM_COMPARE_INSTANT
           || compare == SCIM_COMPARE_BINARY;
}

/* U+2018 to U+201F in UTF-8. */
static int is_typographic_quote(const char *at)
{
    return strncmp(at, "\xe2\x80", 2) == 0
           && (unsigned char) at[2] >= 0x98 && (unsigned char) at[2] <= 0x9f;
}

/* A word without quotation marks.  With wrong ones it is an error: as part of
 * the word they would find no account, and a client that finds none creates a
 * second one. */
static int is_bare_word(const char *word)
{
    if (strchr("'`", *word) || is_typographic_quote(word)) {
        return 0;
    }
    while (*word && !apr_iscntrl(*word)) {
        word++;
    }
    return *word == '\0';
}

/* Accept forms beyond the grammar: True, "False", a bare word. */
static void be_lenient(scim_literal_t *literal, scim_compare_e compare,
                       const char *word)
{
    int value;

    if (compare == SCIM_COMPARE_BOOLEAN
        && (literal->kind == SCIM_LITERAL_STRING
            || literal->kind == SCIM_LITERAL_NONE)
        && scim_text_boolean(literal->text ? literal->text : word, &value)) {
        put_boolean(literal, value);
    }
    else if (takes_text(compare) && literal->kind != SCIM_LITERAL_STRING
             && literal->kind != SCIM_LITERAL_NULL && is_bare_word(word)) {
        put_string(literal, word);
    }
}

/* Whether the literal fits the attribute; for a dateTime it is converted. */
static int fits_comparison(scim_literal_t *literal, scim_compare_e compare,
                           scim_op_e op)
{
    if (literal->kind == SCIM_LITERAL_NULL) {
        return op == SCIM_OP_EQ || op == SCIM_OP_NE;
    }
    switch (compare) {
    case SCIM_COMPARE_BOOLEAN:
        return literal->kind == SCIM_LITERAL_BOOLEAN;
    case SCIM_COMPARE_NUMBER:
        return literal->kind == SCIM_LITERAL_NUMBER;
    case SCIM_COMPARE_INSTANT:
        if (literal->kind != SCIM_LITERAL_STRING
            || !scim_text_instant(literal->text, &literal->instant)) {
            return 0;
        }
        literal->kind = SCIM_LITERAL_INSTANT;
        return 1;
    case SCIM_COMPARE_BINARY:
        return literal->kind == SCIM_LITERAL_STRING
               && scim_text_is_base64(literal->text);
    case SCIM_COMPARE_NONE:
        return 0;
    default:
        return literal->kind == SCIM_LITERAL_STRING;
    }
}

const char *scim_literal_read(scim_literal_t *literal, const char *at,
                              scim_compare_e compare, scim_op_e op,
                              int is_lenient, apr_pool_t *pool)
{
    const char *end = literal_end(at);
    apr_size_t length = end ? (apr_size_t) (end - at) : 0;

    if (!end || length == 0) {
        return NULL;
    }
    if (!read_json_literal(literal, at, length, pool)
        && (*at == '"' || !is_lenient)) {
        return NULL;
    }
    if (is_lenient) {
        be_lenient(literal, compare, apr_pstrmemdup(pool, at, length));
    }
    if (!fits_comparison(literal, compare, op)) {
        return NULL;
    }
    if (literal->kind == SCIM_LITERAL_STRING) {
        literal->key = scim_filter_key(compare, literal->text, pool);
    }
    return end;
}
