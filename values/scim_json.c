/* SPDX-License-Identifier: Apache-2.0 */
/* Strict JSON, see scim_json.h.
 *
 * The text is checked by a reader of RFC 8259 (read_value and what it calls),
 * with limits of depth and size, which refuses numbers that cJSON would
 * change.  Then cJSON builds the tree, in which check_tree looks for duplicate
 * names.  The rest are small functions on trees; a tree has one owner, a
 * cleanup of a pool.
 */
#include "values/scim_json.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <apr_lib.h>
#include <apr_strings.h>
#include <apr_tables.h>

#include "values/scim_text.h"

/* cJSON reads no more than 63 bytes of a number. */
#define MAX_NUMBER_LENGTH 63
#define MAX_EXACT_INTEGER (APR_INT64_C(1) << 53)
#define USUAL_LENGTH 4096        /* of the text of one resource */

/* Reading of a document: the text is checked strictly before cJSON, which
 * accepts much more than RFC 8259, builds the tree. */
typedef struct {
    const char *start;
    const char *at;
    const char *end;
    int depth;
    apr_pool_t *pool;
    apr_array_header_t *names;      /* each member name's place, in order */
} reader_t;

static scim_error_t *read_value(reader_t *in) SCIM_CHECKED;

static scim_error_t *refuse_json(reader_t *in, const char *why,
                                 const char *what)
{
    return scim_error(in->pool, SCIM_E_INVALID_SYNTAX,
                      "The body is not %s: %s at byte %" APR_SIZE_T_FMT ".",
                      why, what, (apr_size_t) (in->at - in->start));
}

static scim_error_t *broken_json(reader_t *in, const char *what)
{
    return refuse_json(in, "valid JSON", what);
}

/* The error for valid JSON that is not accepted. */
static scim_error_t *unwelcome(reader_t *in, const char *what)
{
    return refuse_json(in, "accepted", what);
}

static int peek_char(const reader_t *in)
{
    return in->at < in->end ? (unsigned char) *in->at : -1;
}

static int take_char(reader_t *in, char wanted)
{
    if (peek_char(in) != wanted) {
        return 0;
    }
    in->at++;
    return 1;
}

/* ws = *( %x20 / %x09 / %x0A / %x0D ) */
static void skip_space(reader_t *in)
{
    while (in->at < in->end && *in->at && strchr(" \t\n\r", *in->at)) {
        in->at++;
    }
}

static scim_error_t *read_hex4(reader_t *in, unsigned *code)
{
    int i;

    *code = 0;
    for (i = 0; i < 4; i++, in->at++) {
        int c = peek_char(in);

        if (c < 0 || !apr_isxdigit(c)) {
            return broken_json(in, "four hexadecimal digits expected");
        }
        *code = *code << 4
                | (unsigned) (apr_isdigit(c) ? c - '0'
                                             : apr_tolower(c) - 'a' + 10);
    }
    return NULL;
}

/* %x75 4HEXDIG; a high surrogate needs a low one */
static scim_error_t *read_code_point(reader_t *in)
{
    const char *start = in->at - 2;
    unsigned code, low;

    SCIM_ERR(read_hex4(in, &code));
    if (code == 0) {
        return scim_error(in->pool, SCIM_E_INVALID_VALUE,
                          "A string must not contain U+0000 (byte %"
                          APR_SIZE_T_FMT ").",
                          (apr_size_t) (start - in->start));
    }
    if (code < 0xd800 || code > 0xdfff) {
        return NULL;
    }
    if (code > 0xdbff || !take_char(in, '\\') || !take_char(in, 'u')) {
        return broken_json(in, "an unpaired surrogate");
    }
    SCIM_ERR(read_hex4(in, &low));
    return low < 0xdc00 || low > 0xdfff
           ? broken_json(in, "an unpaired surrogate") : NULL;
}

static scim_error_t *read_escape(reader_t *in)
{
    int c = peek_char(in);

    if (c < 0) {
        return broken_json(in, "an unterminated string");
    }
    if (c == 0 || !strchr("\"\\/bfnrtu", c)) {
        return broken_json(in, "an unknown escape");
    }
    in->at++;
    return c == 'u' ? read_code_point(in) : NULL;
}

/* string = quotation-mark *char quotation-mark */
static scim_error_t *read_string(reader_t *in)
{
    if (!take_char(in, '"')) {
        return broken_json(in, "a string expected");
    }
    while (!take_char(in, '"')) {
        int c = peek_char(in);

        if (c < 0) {
            return broken_json(in, "an unterminated string");
        }
        if (c < 0x20) {
            return broken_json(in, "a control character in a string");
        }
        in->at++;
        if (c == '\\') {
            SCIM_ERR(read_escape(in));
        }
    }
    return NULL;
}

static apr_size_t skip_digits(reader_t *in)
{
    const char *start = in->at;

    while (in->at < in->end && apr_isdigit(*in->at)) {
        in->at++;
    }
    return in->at - start;
}

static scim_error_t *inexact(reader_t *in, const char *number)
{
    return scim_error(in->pool, SCIM_E_INVALID_VALUE,
                      "The number at byte %" APR_SIZE_T_FMT " cannot be kept"
                      " exactly: it has too many digits, or it is an integer"
                      " beyond 2^53. Send it as a string.",
                      (apr_size_t) (number - in->start));
}

/* Whether 15 digits are exact.  cJSON prints 15 if they are close enough,
 * which near the largest double is beyond it; otherwise it prints 17, and a
 * large number then looks like an inexact integer. */
static int is_short(double number)
{
    char text[32];

    snprintf(text, sizeof(text), "%.15g", number);
    return isfinite(number) && strtod(text, NULL) == number;
}

/* cJSON stores numbers as double: a number must not be changed silently. */
static scim_error_t *check_number(reader_t *in, const char *start,
                                  int is_integer)
{
    char text[MAX_NUMBER_LENGTH + 1];
    apr_size_t length = in->at - start;
    apr_int64_t whole;
    double number;

    if (length > MAX_NUMBER_LENGTH) {
        return inexact(in, start);
    }
    memcpy(text, start, length);
    text[length] = '\0';
    whole = is_integer ? apr_strtoi64(text, NULL, 10) : 0;
    number = strtod(text, NULL);
    if (whole > MAX_EXACT_INTEGER || whole < -MAX_EXACT_INTEGER
        || (fabs(number) > (double) MAX_EXACT_INTEGER && !is_short(number))) {
        return inexact(in, start);
    }
    return NULL;
}

/* number = [ "-" ] int [ frac ] [ exp ] */
static scim_error_t *read_number(reader_t *in)
{
    const char *start = in->at;
    int is_integer = 1;

    take_char(in, '-');
    if (!take_char(in, '0') && skip_digits(in) == 0) {
        return broken_json(in, "a value expected");
    }
    if (take_char(in, '.')) {
        is_integer = 0;
        if (skip_digits(in) == 0) {
            return broken_json(in, "a digit expected");
        }
    }
    if (take_char(in, 'e') || take_char(in, 'E')) {
        is_integer = 0;
        if (!take_char(in, '+')) {
            take_char(in, '-');
        }
        if (skip_digits(in) == 0) {
            return broken_json(in, "a digit expected");
        }
    }
    return check_number(in, start, is_integer);
}

static scim_error_t *read_literal(reader_t *in)
{
    static const char *const literals[] = { "true", "false", "null" };
    apr_size_t i;

    for (i = 0; i < sizeof(literals) / sizeof(*literals); i++) {
        apr_size_t length = strlen(literals[i]);

        if ((apr_size_t) (in->end - in->at) >= length
            && memcmp(in->at, literals[i], length) == 0) {
            in->at += length;
            return NULL;
        }
    }
    return broken_json(in, "a value expected");
}

/* member = string name-separator value; in an array: value */
static scim_error_t *read_item(reader_t *in, char close)
{
    skip_space(in);
    if (close == '}') {
        APR_ARRAY_PUSH(in->names, const char *) = in->at;
        SCIM_ERR(read_string(in));
        skip_space(in);
        if (!take_char(in, ':')) {
            return broken_json(in, "':' expected");
        }
    }
    SCIM_ERR(read_value(in));
    skip_space(in);
    return NULL;
}

static scim_error_t *read_items(reader_t *in, char close)
{
    in->at++;
    skip_space(in);
    if (take_char(in, close)) {
        return NULL;
    }
    SCIM_ERR(read_item(in, close));
    while (take_char(in, ',')) {
        SCIM_ERR(read_item(in, close));
    }
    if (!take_char(in, close)) {
        return broken_json(in, close == '}' ? "',' or '}' expected"
                                            : "',' or ']' expected");
    }
    return NULL;
}

static scim_error_t *read_container(reader_t *in, char close)
{
    if (in->depth == SCIM_JSON_MAX_DEPTH) {
        return unwelcome(in, "too many levels of nesting");
    }
    in->depth++;
    SCIM_ERR(read_items(in, close));
    in->depth--;
    return NULL;
}

static scim_error_t *read_value(reader_t *in)
{
    int c;

    skip_space(in);
    c = peek_char(in);
    if (c == '{') {
        return read_container(in, '}');
    }
    if (c == '[') {
        return read_container(in, ']');
    }
    if (c == '"') {
        return read_string(in);
    }
    if (c == '-' || (c >= 0 && apr_isdigit(c))) {
        return read_number(in);
    }
    return read_literal(in);
}

/* Check that the text is UTF-8; the error has the offset of the first wrong
 * byte. */
static scim_error_t *check_utf8(reader_t *in)
{
    apr_size_t length = in->end - in->start;

    if (scim_text_is_utf8(in->start, length)) {
        return NULL;
    }
    while (in->at < in->end) {
        apr_size_t step = 1;

        while (step < 4 && !scim_text_is_utf8(in->at, step)
               && in->at + step < in->end) {
            step++;
        }
        if (!scim_text_is_utf8(in->at, step)) {
            break;
        }
        in->at += step;
    }
    return broken_json(in, "ill-formed UTF-8");
}

static scim_error_t *check_text(reader_t *in)
{
    SCIM_ERR(check_utf8(in));
    SCIM_ERR(read_value(in));
    skip_space(in);
    return in->at == in->end ? NULL : broken_json(in, "end of text expected");
}

/* A member's name and its place in the text. */
typedef struct {
    const char *name;
    const char *at;
} name_t;

static int by_name(const void *one, const void *other)
{
    const name_t *a = one;
    const name_t *b = other;
    int order = strcasecmp(a->name, b->name);

    return order ? order : (a->at > b->at) - (a->at < b->at);
}

/* Names that differ only in case are the same attribute (RFC 7643 s. 2.1).
 * Sorting finds them in bounded time; a hash table could be made to
 * collide. */
static scim_error_t *check_names(reader_t *in, name_t *names,
                                 apr_size_t count)
{
    apr_size_t i;

    qsort(names, count, sizeof(*names), by_name);
    for (i = 1; i < count; i++) {
        if (strcasecmp(names[i - 1].name, names[i].name) == 0) {
            in->at = names[i].at;
            return unwelcome(in, apr_psprintf(in->pool,
                                              "duplicate member '%.60s'",
                                              names[i].name));
        }
    }
    return NULL;
}

/* Walk the tree in the order of the text, so that next is always the place of
 * the next member's name. */
static scim_error_t *check_tree(reader_t *in, const cJSON *tree,
                                const char *const **next,
                                apr_pool_t *scratch)
{
    const int is_object = cJSON_IsObject(tree);
    apr_size_t count = is_object ? cJSON_GetArraySize(tree) : 0;
    name_t *names = apr_palloc(scratch, count * sizeof(*names));
    const cJSON *child;
    apr_size_t i = 0;

    cJSON_ArrayForEach(child, tree) {
        if (is_object) {
            names[i].name = child->string;
            names[i++].at = *(*next)++;
        }
        SCIM_ERR(check_tree(in, child, next, scratch));
    }
    return count > 1 ? check_names(in, names, count) : NULL;
}

static scim_error_t *parse_all(cJSON **root, reader_t *in, apr_pool_t *scratch)
{
    const char *const *next;
    cJSON *tree;

    in->names = apr_array_make(scratch, 32, sizeof(const char *));
    SCIM_ERR(check_text(in));
    tree = cJSON_ParseWithLength(in->start, in->end - in->start);
    if (!tree) {
        return scim_error_caused(in->pool, SCIM_E_INTERNAL,
                                 "The body could not be read.",
                                 "cJSON refused what is valid JSON");
    }
    *root = scim_json_own(tree, in->pool);
    next = (const char *const *) in->names->elts;
    return check_tree(in, tree, &next, scratch);
}

scim_error_t *scim_json_parse(cJSON **root, const char *text,
                              apr_size_t length, apr_pool_t *pool)
{
    reader_t in = { text, text, text + length, 0, pool, NULL };
    apr_pool_t *scratch;
    scim_error_t *error;

    apr_pool_create(&scratch, pool);
    error = parse_all(root, &in, scratch);
    apr_pool_destroy(scratch);
    return error;
}

cJSON *scim_json_stored(const char *text, apr_pool_t *pool)
{
    cJSON *tree = cJSON_Parse(text);

    return tree ? scim_json_own(tree, pool) : NULL;
}

static apr_status_t delete_tree(void *data)
{
    cJSON_Delete(data);
    return APR_SUCCESS;
}

static void *or_abort(void *memory, apr_pool_t *pool)
{
    if (!memory) {
        apr_abortfunc_t give_up = apr_pool_abort_get(pool);

        if (give_up) {
            give_up(APR_ENOMEM);
        }
        abort();
    }
    return memory;
}

cJSON *scim_json_own(cJSON *root, apr_pool_t *pool)
{
    or_abort(root, pool);
    apr_pool_cleanup_register(pool, root, delete_tree,
                              apr_pool_cleanup_null);
    return root;
}

cJSON *scim_json_copy(const cJSON *tree, apr_pool_t *pool)
{
    return scim_json_own(cJSON_Duplicate(tree, 1), pool);
}

cJSON *scim_json_share(const cJSON *value)
{
    if (cJSON_IsRaw(value)) {
        return scim_json_raw(value->valuestring);
    }
    return cJSON_IsString(value)
           ? cJSON_CreateStringReference(value->valuestring)
           : cJSON_Duplicate(value, 1);
}

cJSON *scim_json_raw(const char *text)
{
    cJSON *value = cJSON_CreateStringReference(text);

    if (value) {
        value->type = cJSON_Raw | cJSON_IsReference;
    }
    return value;
}

char *scim_json_print(const cJSON *tree, apr_pool_t *pool)
{
    char *text = apr_palloc(pool, USUAL_LENGTH);
    char *printed;

    if (cJSON_PrintPreallocated((cJSON *) tree, text, USUAL_LENGTH, 0)) {
        return text;
    }
    printed = or_abort(cJSON_PrintUnformatted(tree), pool);
    text = apr_pstrdup(pool, printed);
    cJSON_free(printed);
    return text;
}

/* The length of a character as cJSON prints it. */
static apr_size_t escaped_length(unsigned char c)
{
    if (c >= ' ' && c != '"' && c != '\\') {
        return 1;
    }
    return strchr("\"\\\b\f\n\r\t", c) ? strlen("\\n") : strlen("\\u0001");
}

/* The length of a string with its quotation marks. */
static apr_size_t quoted_length(const char *text)
{
    apr_size_t length = strlen("\"\"");

    for (; *text; text++) {
        length += escaped_length((unsigned char) *text);
    }
    return length;
}

static apr_size_t plain_length(const cJSON *value)
{
    char number[MAX_NUMBER_LENGTH + 1];

    if (cJSON_IsString(value)) {
        return quoted_length(value->valuestring);
    }
    if (cJSON_IsNumber(value)
        && cJSON_PrintPreallocated((cJSON *) value, number,
                                   sizeof(number), 0)) {
        return strlen(number);
    }
    return cJSON_IsFalse(value) ? strlen("false") : strlen("true");
}

apr_size_t scim_json_size(const cJSON *tree)
{
    apr_size_t size = strlen("[]");
    const cJSON *child;

    if (!cJSON_IsArray(tree) && !cJSON_IsObject(tree)) {
        return plain_length(tree);
    }
    cJSON_ArrayForEach(child, tree) {
        size += scim_json_size(child) + (child->next != NULL)
                + (child->string ? quoted_length(child->string) + 1 : 0);
    }
    return size;
}

apr_size_t scim_json_count(const cJSON *tree)
{
    apr_size_t count = 1;
    const cJSON *child;

    cJSON_ArrayForEach(child, tree) {
        count += scim_json_count(child);
    }
    return count;
}

cJSON *scim_json_member(const cJSON *object, const char *name)
{
    return cJSON_GetObjectItemCaseSensitive(object, name);
}

cJSON *scim_json_member_nocase(const cJSON *object, const char *name)
{
    return cJSON_GetObjectItem(object, name);
}

static int is_same_text(const cJSON *value, const char *text)
{
    return cJSON_IsString(value) && strcasecmp(value->valuestring, text) == 0;
}

int scim_json_names(const cJSON *value, const char *text)
{
    const cJSON *element;

    cJSON_ArrayForEach(element, value) {
        if (is_same_text(element, text)) {
            return 1;
        }
    }
    return is_same_text(value, text);
}

const char *scim_json_text(const cJSON *object, const char *name)
{
    return cJSON_GetStringValue(scim_json_member(object, name));
}

void scim_json_put(cJSON *object, const char *name, cJSON *value)
{
    if (scim_json_member(object, name)) {
        cJSON_ReplaceItemInObjectCaseSensitive(object, name, value);
    }
    else {
        cJSON_AddItemToObjectCS(object, name, value);
    }
}

void scim_json_put_text(cJSON *object, const char *name, const char *text)
{
    if (text) {
        scim_json_put(object, name, cJSON_CreateString(text));
    }
    else {
        scim_json_drop(object, name);
    }
}

void scim_json_drop(cJSON *object, const char *name)
{
    cJSON_DeleteItemFromObjectCaseSensitive(object, name);
}

/* cJSON_Compare compares the members of each object in both directions, which
 * doubles the time with each level.  Names are unique, so the number of
 * members and one direction are enough. */
static int has_equal_members(const cJSON *a, const cJSON *b)
{
    const cJSON *member;

    if (cJSON_GetArraySize(a) != cJSON_GetArraySize(b)) {
        return 0;
    }
    cJSON_ArrayForEach(member, a) {
        const cJSON *other = scim_json_member(b, member->string);

        if (!other || !scim_json_equal(member, other)) {
            return 0;
        }
    }
    return 1;
}

static int has_equal_elements(const cJSON *a, const cJSON *b)
{
    const cJSON *other = b->child;
    const cJSON *element;

    cJSON_ArrayForEach(element, a) {
        if (!other || !scim_json_equal(element, other)) {
            return 0;
        }
        other = other->next;
    }
    return !other;
}

int scim_json_equal(const cJSON *a, const cJSON *b)
{
    if (!a || !b) {
        return !a && !b;
    }
    if (cJSON_IsObject(a) && cJSON_IsObject(b)) {
        return has_equal_members(a, b);
    }
    return cJSON_IsArray(a) && cJSON_IsArray(b) ? has_equal_elements(a, b)
                                                : cJSON_Compare(a, b, 1);
}

int scim_json_is_unassigned(const cJSON *value)
{
    return !value || cJSON_IsNull(value)
           || ((cJSON_IsArray(value) || cJSON_IsObject(value))
               && !value->child);
}

