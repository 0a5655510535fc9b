/* SPDX-License-Identifier: Apache-2.0 */
/* The parser of filters and paths, see scim_filter.h.
 *
 * By recursive descent, with a function for each rule of the grammar, which is
 * quoted above it.  A name is resolved as soon as it is read, so that operator
 * and literal can be checked against the attribute immediately, and an error
 * has its position.  Paths of PATCH share all functions below the level of
 * and, or and not.
 */
#include "scim_filter.h"

#include <string.h>

#include <apr_lib.h>
#include <apr_strings.h>

#include "values/scim_literal.h"

typedef struct {
    const char *start;
    const char *at;
    const scim_resolver_t *resolver;
    const scim_operand_t *within;  /* operand before the bracket, or NULL */
    scim_error_kind_e kind;        /* of syntax errors */
    int depth;
    int terms;
    apr_pool_t *pool;
} parser_t;

#define BIT(op) (1u << (op))
#define EQUALITY (BIT(SCIM_OP_EQ) | BIT(SCIM_OP_NE))
#define ORDER (BIT(SCIM_OP_GT) | BIT(SCIM_OP_GE) | BIT(SCIM_OP_LT) \
               | BIT(SCIM_OP_LE))
#define SUBSTRING (BIT(SCIM_OP_CO) | BIT(SCIM_OP_SW) | BIT(SCIM_OP_EW))

/* The operators for each kind of values, and the literal that they need. */
static const struct {
    unsigned operators;
    const char *literal;
} comparisons[] = {
    [SCIM_COMPARE_FOLD] = { EQUALITY | ORDER | SUBSTRING,
                            "a string in double quotes" },
    [SCIM_COMPARE_USER_NAME] = { EQUALITY | ORDER | SUBSTRING,
                                 "a string in double quotes" },
    [SCIM_COMPARE_EXACT] = { EQUALITY | ORDER | SUBSTRING,
                             "a string in double quotes" },
    [SCIM_COMPARE_BOOLEAN] = { EQUALITY, "true or false" },
    [SCIM_COMPARE_NUMBER] = { EQUALITY | ORDER, "a number" },
    [SCIM_COMPARE_INSTANT] = { EQUALITY | ORDER,
                               "a dateTime such as \"2024-01-31T12:00:00Z\"" },
    [SCIM_COMPARE_BINARY] = { EQUALITY, "base64 in double quotes" },
    [SCIM_COMPARE_NONE] = { EQUALITY, "null" }
};

static const struct {
    const char *name;
    scim_op_e op;
} operators[] = {
    { "eq", SCIM_OP_EQ }, { "ne", SCIM_OP_NE }, { "co", SCIM_OP_CO },
    { "sw", SCIM_OP_SW }, { "ew", SCIM_OP_EW }, { "gt", SCIM_OP_GT },
    { "ge", SCIM_OP_GE }, { "lt", SCIM_OP_LT }, { "le", SCIM_OP_LE },
    { "pr", SCIM_OP_PR }
};
#define OPERATORS (sizeof(operators) / sizeof(*operators))

static scim_error_t *parse_or(scim_filter_t **filter, parser_t *in)
    SCIM_CHECKED;

/* The text at a place, for a message. */
static const char *shown_place(const char *at, apr_pool_t *pool)
{
    return *at ? apr_psprintf(pool, "'%.40s'", at) : "the end";
}

static const char *kind_name(scim_error_kind_e kind)
{
    return kind == SCIM_E_INVALID_PATH ? "path" : "filter";
}

static scim_error_t *unexpected(parser_t *in, const char *expected)
{
    return scim_error(in->pool, in->kind,
                      "The %s is not valid at position %" APR_SIZE_T_FMT
                      ": found %s, expected %s.",
                      kind_name(in->kind),
                      (apr_size_t) (in->at - in->start),
                      shown_place(in->at, in->pool), expected);
}

static void skip_blanks(parser_t *in)
{
    in->at += strspn(in->at, " \t");
}

static int is_name_char(char c)
{
    return apr_isalnum(c) || (c && strchr("$_.:-", c));
}

static apr_size_t name_length(const char *at)
{
    apr_size_t length = 0;

    while (is_name_char(at[length])) {
        length++;
    }
    return length;
}

/* Skip the whole word, in any case, if it is here. */
static int take_word(parser_t *in, const char *word)
{
    apr_size_t length = strlen(word);

    if (name_length(in->at) != length
        || strncasecmp(in->at, word, length) != 0) {
        return 0;
    }
    in->at += length;
    return 1;
}

static scim_filter_t *make_node(parser_t *in, scim_filter_kind_e kind,
                                scim_filter_t *left, scim_filter_t *right)
{
    scim_filter_t *filter = apr_pcalloc(in->pool, sizeof(*filter));

    filter->kind = kind;
    filter->left = left;
    filter->right = right;
    return filter;
}

/* Names */

/* For a path, an unknown attribute and a malformed path are different errors;
 * for a filter both are invalidFilter. */
static scim_error_t *resolve_operand(scim_operand_t *operand, parser_t *in,
                                     const char *name, apr_size_t length,
                                     int for_comparison)
{
    scim_error_t *error;

    memset(operand, 0, sizeof(*operand));
    error = in->resolver->resolve(operand, in->resolver->baton, name, length,
                                  in->within, for_comparison, in->pool);
    if (error && in->kind == SCIM_E_INVALID_FILTER) {
        return scim_error(in->pool, SCIM_E_INVALID_FILTER,
                          "The filter is not valid at position %"
                          APR_SIZE_T_FMT ": %s",
                          (apr_size_t) (name - in->start), error->detail);
    }
    return error;
}

static scim_error_t *parse_literal(scim_filter_t *filter, parser_t *in)
{
    scim_compare_e compare = filter->operand.compare;
    const char *end = scim_literal_read(&filter->literal, in->at, compare,
                                        filter->op, in->resolver->lenient,
                                        in->pool);

    if (!end) {
        return unexpected(in, comparisons[compare].literal);
    }
    in->at = end;
    return NULL;
}

/* Expressions */

static scim_error_t *parse_operator(scim_op_e *op, parser_t *in)
{
    apr_size_t i;

    skip_blanks(in);
    for (i = 0; i < OPERATORS; i++) {
        if (take_word(in, operators[i].name)) {
            *op = operators[i].op;
            return NULL;
        }
    }
    return unexpected(in, "an operator: eq, ne, co, sw, ew, gt, ge, lt, le"
                      " or pr");
}

static scim_error_t *check_operator(parser_t *in, const char *at,
                                    scim_compare_e compare, scim_op_e op)
{
    if (op == SCIM_OP_PR || (comparisons[compare].operators & BIT(op))) {
        return NULL;
    }
    in->at = at;
    return unexpected(in, "an operator that this type of attribute has");
}

/* attrExp = (attrPath SP "pr") / (attrPath SP compareOp SP compValue) */
static scim_error_t *parse_comparison(scim_filter_t **filter, parser_t *in,
                                      const char *name, apr_size_t length)
{
    scim_filter_t *made = make_node(in, SCIM_FILTER_COMPARE, NULL, NULL);
    const char *operator_at;

    if (++in->terms > SCIM_FILTER_MAX_TERMS) {
        return scim_error(in->pool, SCIM_E_INVALID_FILTER,
                          "The filter has more than %d comparisons.",
                          SCIM_FILTER_MAX_TERMS);
    }
    skip_blanks(in);
    operator_at = in->at;
    SCIM_ERR(parse_operator(&made->op, in));
    SCIM_ERR(resolve_operand(&made->operand, in, name, length,
                             made->op != SCIM_OP_PR));
    if (!made->operand.name) {
        in->at = operator_at;
        return unexpected(in, "':' and an attribute of this schema");
    }
    SCIM_ERR(check_operator(in, operator_at, made->operand.compare,
                            made->op));
    *filter = made;
    if (made->op == SCIM_OP_PR) {
        return NULL;
    }
    skip_blanks(in);
    return parse_literal(made, in);
}

static scim_error_t *enter(parser_t *in)
{
    if (++in->depth > SCIM_FILTER_MAX_DEPTH) {
        return scim_error(in->pool, SCIM_E_INVALID_FILTER,
                          "The filter is nested deeper than %d levels.",
                          SCIM_FILTER_MAX_DEPTH);
    }
    return NULL;
}

static scim_error_t *expect(parser_t *in, char wanted, const char *called)
{
    skip_blanks(in);
    if (*in->at != wanted) {
        return unexpected(in, called);
    }
    in->at++;
    in->depth--;
    return NULL;
}

/* The filter in brackets, on elements of operand.  In a path, too, its errors
 * are those of a filter. */
static scim_error_t *parse_brackets(scim_filter_t **filter, parser_t *in,
                                    const scim_operand_t *operand)
{
    scim_error_kind_e outer = in->kind;

    if (in->within || !operand->multi_valued || operand->sub
        || !operand->name) {
        return unexpected(in, "no brackets: only a multi-valued attribute"
                          " takes a filter");
    }
    in->at++;
    in->within = operand;
    in->kind = SCIM_E_INVALID_FILTER;
    SCIM_ERR(enter(in));
    SCIM_ERR(parse_or(filter, in));
    SCIM_ERR(expect(in, ']', "']', 'and' or 'or'"));
    in->kind = outer;
    in->within = NULL;
    return NULL;
}

/* valuePath = attrPath "[" valFilter "]", and Entra ID's form: valuePath "."
 * subAttr compareOp compValue */
static scim_error_t *parse_element(scim_filter_t **filter, parser_t *in,
                                   const char *name, apr_size_t length)
{
    scim_filter_t *made = make_node(in, SCIM_FILTER_ELEMENT, NULL, NULL);
    scim_filter_t *suffix;

    SCIM_ERR(resolve_operand(&made->operand, in, name, length, 0));
    SCIM_ERR(parse_brackets(&made->left, in, &made->operand));
    *filter = made;
    if (*in->at != '.') {
        return NULL;
    }
    name = ++in->at;
    length = name_length(name);
    if (length == 0) {
        return unexpected(in, "a sub-attribute");
    }
    in->at += length;
    in->within = &made->operand;
    SCIM_ERR(parse_comparison(&suffix, in, name, length));
    in->within = NULL;
    made->left = make_node(in, SCIM_FILTER_AND, made->left, suffix);
    return NULL;
}

static scim_error_t *parse_group(scim_filter_t **filter, parser_t *in)
{
    in->at++;
    SCIM_ERR(enter(in));
    SCIM_ERR(parse_or(filter, in));
    return expect(in, ')', "')', 'and' or 'or'");
}

/* Skip "not" if "(" follows; only then is it the operator. */
static int take_not(parser_t *in)
{
    const char *start = in->at;

    if (take_word(in, "not")) {
        skip_blanks(in);
        if (*in->at == '(') {
            return 1;
        }
    }
    in->at = start;
    return 0;
}

/* unary = [ "not" *SP ] "(" filter ")" / valuePath / attrExp */
static scim_error_t *parse_unary(scim_filter_t **filter, parser_t *in)
{
    const char *name;
    apr_size_t length;

    skip_blanks(in);
    if (take_not(in)) {
        *filter = make_node(in, SCIM_FILTER_NOT, NULL, NULL);
        return parse_group(&(*filter)->left, in);
    }
    if (*in->at == '(') {
        return parse_group(filter, in);
    }
    name = in->at;
    length = name_length(name);
    if (length == 0) {
        return unexpected(in, "an attribute name, 'not' or '('");
    }
    in->at += length;
    return *in->at == '[' ? parse_element(filter, in, name, length)
                          : parse_comparison(filter, in, name, length);
}

/* andExp = unary *( SP "and" SP unary ) */
static scim_error_t *parse_and(scim_filter_t **filter, parser_t *in)
{
    scim_filter_t *right;

    SCIM_ERR(parse_unary(filter, in));
    skip_blanks(in);
    while (take_word(in, "and")) {
        SCIM_ERR(parse_unary(&right, in));
        *filter = make_node(in, SCIM_FILTER_AND, *filter, right);
        skip_blanks(in);
    }
    return NULL;
}

/* filter = andExp *( SP "or" SP andExp ) */
static scim_error_t *parse_or(scim_filter_t **filter, parser_t *in)
{
    scim_filter_t *right;

    SCIM_ERR(parse_and(filter, in));
    while (take_word(in, "or")) {
        SCIM_ERR(parse_and(&right, in));
        *filter = make_node(in, SCIM_FILTER_OR, *filter, right);
    }
    return NULL;
}

static scim_error_t *start_parser(parser_t *in, const char *text,
                                  const scim_resolver_t *resolver,
                                  scim_error_kind_e kind, apr_pool_t *pool)
{
    memset(in, 0, sizeof(*in));
    in->start = in->at = text;
    in->resolver = resolver;
    in->kind = kind;
    in->pool = pool;
    if (strlen(text) > SCIM_FILTER_MAX_LENGTH) {
        return scim_error(pool, kind, "The %s is longer than %d bytes.",
                          kind_name(kind), SCIM_FILTER_MAX_LENGTH);
    }
    return NULL;
}

scim_error_t *scim_filter_parse(scim_filter_t **filter, const char *text,
                                const scim_resolver_t *resolver,
                                apr_pool_t *pool)
{
    parser_t in;

    SCIM_ERR(start_parser(&in, text, resolver, SCIM_E_INVALID_FILTER, pool));
    SCIM_ERR(parse_or(filter, &in));
    return *in.at ? unexpected(&in, "'and', 'or' or the end") : NULL;
}

/* The sub-attribute after the brackets. */
static scim_error_t *parse_path_sub(scim_path_t *path, parser_t *in)
{
    const char *name = ++in->at;
    apr_size_t length = name_length(name);
    scim_operand_t sub;

    if (length == 0) {
        return unexpected(in, "a sub-attribute");
    }
    in->at += length;
    in->within = &path->operand;
    SCIM_ERR(resolve_operand(&sub, in, name, length, 0));
    path->operand.sub = sub.name;
    path->operand.sub_attribute = sub.attribute;
    path->operand.compare = sub.compare;
    path->operand.absent_is_false = sub.absent_is_false;
    return NULL;
}

apr_size_t scim_path_name_length(const char *path)
{
    return name_length(path);
}

/* Check the rest of a path after an unknown attribute: it may have brackets
 * that are not empty, and then a sub-attribute. */
static scim_error_t *check_path_rest(parser_t *in)
{
    const char *opened = in->at;

    if (*in->at == '[') {
        in->at++;
        while (in->at && *in->at && *in->at != ']') {
            in->at = *in->at == '"' ? scim_literal_string_end(in->at)
                                    : in->at + 1;
        }
        if (!in->at || *in->at != ']' || in->at == opened + 1) {
            in->at = opened;
            return unexpected(in, "a filter in brackets");
        }
        in->at++;
    }
    if (opened != in->at && *in->at == '.' && name_length(in->at + 1) > 0) {
        in->at += 1 + name_length(in->at + 1);
    }
    return *in->at ? unexpected(in, "the end") : NULL;
}

/* PATH = attrPath / valuePath [subAttr] */
scim_error_t *scim_path_parse(scim_path_t *path, const char *text,
                              const scim_resolver_t *resolver,
                              apr_pool_t *pool)
{
    apr_size_t length = name_length(text);
    scim_error_t *error;
    parser_t in;

    path->filter = NULL;
    SCIM_ERR(start_parser(&in, text, resolver, SCIM_E_INVALID_PATH, pool));
    if (length == 0) {
        return unexpected(&in, "an attribute name");
    }
    in.at += length;
    if (*in.at && *in.at != '[') {
        return unexpected(&in, "'[' or the end");
    }
    error = resolve_operand(&path->operand, &in, text, length, 0);
    if (error && error->kind == SCIM_E_UNKNOWN_ATTRIBUTE) {
        SCIM_ERR(check_path_rest(&in));
    }
    SCIM_ERR(error);
    if (*in.at == '[') {
        SCIM_ERR(parse_brackets(&path->filter, &in, &path->operand));
        if (*in.at == '.') {
            SCIM_ERR(parse_path_sub(path, &in));
        }
    }
    return *in.at ? unexpected(&in, "the end") : NULL;
}
