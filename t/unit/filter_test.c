/* SPDX-License-Identifier: Apache-2.0 */
/* The filter and path grammar: trees, errors with their position, limits, and
 * matches.  The corpus (t/31-filter-corpus.t) has many more filters; these
 * tests are about trees, and about memory, for sanitizers.
 */
#include "tap.h"

#include <stdlib.h>

#include <apr_strings.h>

#include "../../scim_filter.h"
#include "../../values/scim_json.h"
#include "../../rules/scim_query.h"
#include "../../rules/scim_schema.h"

#define ENT "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
#define CORE "urn:ietf:params:scim:schemas:core:2.0:User"

static scim_resolver_t resolver_of(int strict)
{
    static scim_rules_t rules[2] = { { 0, 0, NULL }, { 0, 1, NULL } };

    return scim_schema_resolver(&scim_user_type, &rules[strict]);
}

static const char *operand_of(const scim_operand_t *o, apr_pool_t *pool)
{
    return apr_pstrcat(pool, o->container ? "E:" : "", o->name,
                       o->sub ? "." : "", o->sub ? o->sub : "", NULL);
}

static const char *literal_of(const scim_literal_t *l, apr_pool_t *pool)
{
    switch (l->kind) {
    case SCIM_LITERAL_NONE: return "";
    case SCIM_LITERAL_NULL: return " null";
    case SCIM_LITERAL_BOOLEAN: return l->boolean ? " true" : " false";
    case SCIM_LITERAL_NUMBER: return apr_psprintf(pool, " %g", l->number);
    case SCIM_LITERAL_INSTANT:
        return apr_psprintf(pool, " @%" APR_TIME_T_FMT,
                            apr_time_sec(l->instant));
    default: return apr_pstrcat(pool, " \"", l->text, "\"", NULL);
    }
}

/* The tree in brackets, so that precedence shows. */
static const char *tree_of(const scim_filter_t *f, apr_pool_t *pool)
{
    static const char *const names[] = { "eq", "ne", "co", "sw", "ew", "gt",
                                         "ge", "lt", "le", "pr" };

    switch (f->kind) {
    case SCIM_FILTER_AND:
        return apr_psprintf(pool, "(%s & %s)", tree_of(f->left, pool),
                            tree_of(f->right, pool));
    case SCIM_FILTER_OR:
        return apr_psprintf(pool, "(%s | %s)", tree_of(f->left, pool),
                            tree_of(f->right, pool));
    case SCIM_FILTER_NOT:
        return apr_psprintf(pool, "!%s", tree_of(f->left, pool));
    case SCIM_FILTER_ELEMENT:
        return apr_psprintf(pool, "%s[%s]", operand_of(&f->operand, pool),
                            tree_of(f->left, pool));
    default:
        return apr_psprintf(pool, "%s %s%s", operand_of(&f->operand, pool),
                            names[f->op], literal_of(&f->literal, pool));
    }
}

static void test_trees(apr_pool_t *pool)
{
    static const struct {
        const char *text;
        const char *tree;
        const char *name;
    } cases[] = {
        { "userName eq \"a\"", "userName eq \"a\"", "FLT-01: a comparison" },
        { "USERNAME EQ \"a\"", "userName eq \"a\"",
          "FLT-02: names and operators in any case" },
        { "title pr and userType eq \"a\" or active eq true",
          "((title pr & userType eq \"a\") | active eq true)",
          "FLT-30: and binds tighter than or" },
        { "title pr or userType eq \"a\" and active eq true",
          "(title pr | (userType eq \"a\" & active eq true))",
          "FLT-30: on either side" },
        { "not (title pr) and active eq true", "(!title pr & active eq true)",
          "FLT-31: not binds tightest" },
        { "not (title pr or active eq true)",
          "!(title pr | active eq true)", "FLT-31: not of a group" },
        { "title pr and active eq true and userType pr",
          "((title pr & active eq true) & userType pr)",
          "FLT-32: left to right" },
        { "((title pr))", "title pr", "FLT-33: redundant parentheses" },
        { "  title\tpr  ", "title pr", "FLT-34: blanks around" },
        { "emails[type eq \"work\" and value co \"x\"]",
          "emails[(type eq \"work\" & value co \"x\")]",
          "FLT-40: a value path" },
        { "emails[type eq \"work\"].value eq \"x\"",
          "emails[(type eq \"work\" & value eq \"x\")]",
          "E12: a sub-attribute behind the brackets" },
        { "emails eq \"x\"", "emails.value eq \"x\"",
          "FLT-12: value stands for the whole" },
        { "emails pr", "emails pr", "FLT-13: but not for pr" },
        { ENT ":department eq \"d\"", "E:department eq \"d\"",
          "FLT-20: a URN before the name" },
        { "department eq \"d\"", "E:department eq \"d\"",
          "ATTR-05: an extension's attribute without its URN" },
        { CORE ":name.familyName sw \"x\"", "name.familyName sw \"x\"",
          "FLT-20: the core URN" },
        { "manager eq \"1\"", "E:manager.value eq \"1\"",
          "E13: the manager by id" },
        { "userName eq \"a\\\"b\\\\c\\u00e9\"",
          "userName eq \"a\"b\\c\xc3\xa9\"", "FLT-50: JSON's escapes" },
        { "meta.lastModified gt \"2020-01-01T00:00:00Z\"",
          "meta.lastModified gt @1577836800", "FLT-22: a dateTime" },
        { "roles[primary eq \"True\"].value eq \"A\"",
          "roles[(primary eq true & value eq \"A\")]",
          "H9: \"True\" for a boolean" },
        { "active eq False", "active eq false", "E55: False without quotes" },
        { "externalId eq jyoung", "externalId eq \"jyoung\"",
          "E11: a word without quotes" },
        { "externalId eq 4711", "externalId eq \"4711\"",
          "H37: a number for a string" },
        { "title eq null", "title eq null", "FLT-25: null" }
    };
    scim_resolver_t resolver = resolver_of(0);
    size_t i;

    for (i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        scim_filter_t *filter = NULL;
        scim_error_t *error = scim_filter_parse(&filter, cases[i].text,
                                                &resolver, pool);

        is_str(error ? error->detail : tree_of(filter, pool), cases[i].tree,
               cases[i].name);
    }
}

static const struct {
    const char *text;
    int position;                /* -1: the message names none */
    const char *expected;
    int strict;
} refused[] = {
    { "", 0, "attribute", 0 },
    { "userName", 8, "an operator: eq, ne", 0 },
    { "userName xx \"a\"", 9, "an operator: eq, ne", 0 },
    { "userName eq", 11, "a string in double quotes", 0 },
    { "userName eq \"a", 12, "a string in double quotes", 0 },
    { "userName eq 'a'", 12, "a string in double quotes", 0 },
    { "userName eq \"\\x\"", 12, "a string in double quotes", 0 },
    { "userName eq \"a\" \"b\"", 16, "'and', 'or' or the end", 0 },
    { "userName eq \"a\" and", 19, "attribute", 0 },
    { "userName eq \"a\" nor title pr", 16, "'and', 'or' or the end",
      0 },
    { "active gt true", 7, "an operator that this type", 0 },
    { "active eq \"yes\"", 10, "true or false", 0 },
    { "active eq \"True\"", 10, "true or false", 1 },
    { "externalId eq jyoung", 14, "a string in double quotes", 1 },
    { "meta.created gt \"yesterday\"", 16, "a dateTime such as", 0 },
    { "x509Certificates.value eq \"%\"", 26, "base64", 0 },
    { "x509Certificates.value gt \"YQ==\"", 23, "an operator that", 0 },
    { "name eq \"x\"", 8, "null", 0 },
    { "nosuch eq \"x\"", 0, "nosuch", 0 },
    { "title pr and nosuch pr", 13, "nosuch", 0 },
    { "emails.nosuch pr", 0, "nosuch", 0 },
    { "emails[nosuch pr]", 7, "nosuch", 0 },
    { "emails[type pr", 14, "']', 'and' or 'or'", 0 },
    { "emails[emails[type pr]]", 7, "emails", 0 },
    { "userName[type pr]", 8, "no brackets", 0 },
    { "(title pr", 9, "')', 'and' or 'or'", 0 },
    { "title pr)", 8, "'and', 'or' or the end", 0 },
    { "not title pr", 4, "an operator", 0 },
    { "title gt null", 9, "a string in double quotes", 0 },
    { ENT " pr", 59, "':' and an attribute", 0 },
    { "urn:nosuch:title pr", 0, "urn:nosuch", 0 }
};

static void test_refused(apr_pool_t *pool)
{
    size_t i;

    for (i = 0; i < sizeof(refused) / sizeof(*refused); i++) {
        scim_resolver_t resolver = resolver_of(refused[i].strict);
        const char *place = apr_psprintf(pool, "at position %d:",
                                         refused[i].position);
        scim_filter_t *filter = NULL;
        scim_error_t *error = scim_filter_parse(&filter, refused[i].text,
                                                &resolver, pool);

        if (!ok(error && error->kind == SCIM_E_INVALID_FILTER
                && strstr(error->detail, place)
                && strstr(error->detail, refused[i].expected),
                apr_pstrcat(pool, "FLT-56: ", refused[i].text, NULL))) {
            printf("#      got: %s\n# expected: %s ... %s\n",
                   error ? error->detail : "no error", place,
                   refused[i].expected);
        }
    }
}

static const char *repeated(const char *part, int count, apr_pool_t *pool)
{
    apr_size_t length = strlen(part);
    char *text = apr_palloc(pool, length * count + 1);
    int i;

    for (i = 0; i < count; i++) {
        memcpy(text + i * length, part, length);
    }
    text[length * count] = '\0';
    return text;
}

static int parses(const char *text, apr_pool_t *pool)
{
    scim_resolver_t resolver = resolver_of(0);
    scim_filter_t *filter;

    return scim_filter_parse(&filter, text, &resolver, pool) == NULL;
}

static void test_limits(apr_pool_t *pool)
{
    const char *const more = " or title pr";

    ok(parses(apr_pstrcat(pool, repeated("(", SCIM_FILTER_MAX_DEPTH, pool),
                          "title pr", repeated(")", SCIM_FILTER_MAX_DEPTH,
                                               pool), NULL), pool),
       "FLT-67: the deepest nesting");
    ok(!parses(apr_pstrcat(pool,
                           repeated("(", SCIM_FILTER_MAX_DEPTH + 1, pool),
                           "title pr",
                           repeated(")", SCIM_FILTER_MAX_DEPTH + 1, pool),
                           NULL), pool), "FLT-67: one level deeper");
    ok(!parses(repeated("not (", 100000, pool), pool),
       "FLT-67: 100,000 times not");
    ok(parses(apr_pstrcat(pool, "title pr",
                          repeated(more, SCIM_FILTER_MAX_TERMS - 1, pool),
                          NULL), pool), "FLT-67: the most comparisons");
    ok(!parses(apr_pstrcat(pool, "title pr",
                           repeated(more, SCIM_FILTER_MAX_TERMS, pool),
                           NULL), pool), "FLT-67: one comparison more");
    ok(!parses(apr_pstrcat(pool, "title eq \"",
                           repeated("x", SCIM_FILTER_MAX_LENGTH, pool), "\"",
                           NULL), pool), "FLT-67: too long a text");
}

static void test_paths(apr_pool_t *pool)
{
    static const struct {
        const char *text;
        int kind;                /* -1: a path */
        const char *operand;
        const char *filter;
    } cases[] = {
        { "userName", -1, "userName", NULL },
        { "name.familyName", -1, "name.familyName", NULL },
        { ENT ":manager", -1, "E:manager", NULL },
        { ENT ":manager.value", -1, "E:manager.value", NULL },
        { "emails[type eq \"work\"]", -1, "emails", "type eq \"work\"" },
        { "emails[type eq \"work\"].value", -1, "emails.value",
          "type eq \"work\"" },
        { CORE ":roles[primary eq true].value", -1, "roles.value",
          "primary eq true" },
        { "", SCIM_E_INVALID_PATH, NULL, NULL },
        { "userName.", SCIM_E_INVALID_PATH, NULL, NULL },
        { ".userName", SCIM_E_INVALID_PATH, NULL, NULL },
        { "emails[", SCIM_E_INVALID_FILTER, NULL, NULL },
        { "emails[]", SCIM_E_INVALID_FILTER, NULL, NULL },
        { "emails[type eq]", SCIM_E_INVALID_FILTER, NULL, NULL },
        { "emails[type eq \"work\"", SCIM_E_INVALID_FILTER, NULL, NULL },
        { "emails[type eq \"work\"]x", SCIM_E_INVALID_PATH, NULL, NULL },
        { "emails[type eq \"work\"].", SCIM_E_INVALID_PATH, NULL, NULL },
        { "emails[type eq \"work\"].value.x", SCIM_E_UNKNOWN_ATTRIBUTE, NULL,
          NULL },
        { "userName eq \"x\"", SCIM_E_INVALID_PATH, NULL, NULL },
        { "user name", SCIM_E_INVALID_PATH, NULL, NULL },
        { "nosuch", SCIM_E_UNKNOWN_ATTRIBUTE, NULL, NULL },
        { "urn:example:User:foo", SCIM_E_UNKNOWN_ATTRIBUTE, NULL, NULL }
    };
    scim_resolver_t resolver = resolver_of(0);
    size_t i;

    for (i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        const char *name = apr_pstrcat(pool, "as a path: '", cases[i].text,
                                       "'", NULL);
        scim_path_t path;
        scim_error_t *error = scim_path_parse(&path, cases[i].text,
                                              &resolver, pool);

        is_int(error ? (int) error->kind : -1, cases[i].kind, name);
        if (!error) {
            is_str(operand_of(&path.operand, pool), cases[i].operand, name);
            is_str(path.filter ? tree_of(path.filter, pool) : NULL,
                   cases[i].filter, name);
        }
    }
}

static void test_matches(apr_pool_t *pool)
{
    static const char text[] =
        "{\"userName\":\"Taro@example.com\",\"active\":true,\"emails\":["
        "{\"type\":\"work\",\"value\":\"w@x.y\"},"
        "{\"type\":\"home\",\"value\":\"h@x.y\",\"primary\":true}],"
        "\"meta\":{\"created\":\"2024-01-31T12:00:00.500Z\"}}";
    static const struct {
        const char *filter;
        int matches;
    } cases[] = {
        { "userName eq \"TARO@EXAMPLE.COM\"", 1 },
        { "emails[type eq \"work\" and value eq \"w@x.y\"]", 1 },
        { "emails[type eq \"work\" and value eq \"h@x.y\"]", 0 },
        { "emails.type eq \"work\" and emails.value eq \"h@x.y\"", 1 },
        { "emails[type eq \"work\" and primary eq false]", 1 },
        { "emails[not (type eq \"work\")]", 1 },
        { "not (emails.type eq \"work\")", 0 },
        { "title pr", 0 }, { "title eq null", 1 }, { "title ne \"x\"", 1 },
        { "meta.created eq \"2024-01-31T13:00:00.5+01:00\"", 1 },
        { "meta.created lt \"2024-01-31T12:00:00.501Z\"", 1 },
        { "userName co \"@EXAMPLE\"", 1 }, { "userName sw \"aro\"", 0 },
        { "userName ew \".COM\"", 1 }, { "active ne true", 0 }
    };
    scim_resolver_t resolver = resolver_of(0);
    cJSON *resource = NULL;
    size_t i;

    ok(!scim_json_parse(&resource, text, strlen(text), pool), "a resource");
    for (i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        scim_filter_t *filter = NULL;
        scim_error_t *error = scim_filter_parse(&filter, cases[i].filter,
                                                &resolver, pool);

        is_int(error ? -1 : scim_filter_match(filter, resource, pool),
               cases[i].matches, cases[i].filter);
    }
}

/* The work for matching text with the only e-mail, a long one. */
static apr_int64_t work_for(const char *text, apr_pool_t *pool)
{
    const char *value = apr_psprintf(pool, "{\"emails\":[{\"value\":"
                                     "\"%010000d\",\"type\":\"x\"}]}", 0);
    scim_resolver_t resolver = resolver_of(0);
    scim_work_t work = scim_work_begin();
    scim_filter_t *filter = NULL;
    cJSON *resource = NULL;

    if (scim_json_parse(&resource, value, strlen(value), pool)
        || scim_filter_parse(&filter, text, &resolver, pool)) {
        return -1;
    }
    scim_filter_match_within(filter, resource, &work, pool);
    return SCIM_WORK_LIMIT - work.left;
}

/* n times term, joined by "or". */
static const char *times(int n, const char *term, apr_pool_t *pool)
{
    return n == 1 ? term : apr_pstrcat(pool, term, " or ",
                                       times(n - 1, term, pool), NULL);
}

static void test_work(apr_pool_t *pool)
{
    static const char term[] = "emails.value sw \"1\"";
    apr_int64_t one = work_for(term, pool);
    apr_int64_t many = work_for(times(100, term, pool), pool);
    apr_int64_t in_brackets
        = work_for(apr_psprintf(pool, "emails[%s]",
                                times(100, "value sw \"1\"", pool)), pool);

    ok(one > 10000 * SCIM_WORK_KEY, "a long value takes work for its length");
    ok(many > one, "more terms take more work");
    ok(many < 2 * one, "but a value is folded once, for a hundred terms");
    ok(in_brackets < 2 * one, "in brackets, too");
    ok(work_for("emails.type sw \"1\"", pool) < 1000,
       "what is not looked at is not folded");
}

/* When the work is used up, the rest is not evaluated. */
static void test_work_ends(apr_pool_t *pool)
{
    static const char text[] = "{\"title\":\"x\"}";
    scim_resolver_t resolver = resolver_of(0);
    scim_work_t work = { 10 };
    scim_filter_t *filter = NULL;
    cJSON *resource = NULL;
    scim_error_t *error;

    ok(!scim_json_parse(&resource, text, strlen(text), pool)
       && !scim_filter_parse(&filter, "not (title eq \"y\") or title pr",
                             &resolver, pool), "a filter");
    scim_filter_match_within(filter, resource, &work, pool);
    ok(scim_work_is_over(&work), "work ends");
    error = scim_work_check(&work, pool);
    ok(error && error->kind == SCIM_E_TOO_MANY, "which is tooMany");
    scim_work_take(&work, 1000000, 1000000);
    ok(scim_work_is_over(&work), "and stays so");
    ok(!scim_work_is_over(NULL) && !scim_work_check(NULL, pool),
       "without a limit there is no end");
}

/* Texts near to valid ones. */
static void test_mutations(apr_pool_t *root)
{
    static const char *const seeds[] = {
        "userName eq \"a\\u00e9b\" and not (emails[type eq \"work\" or value"
        " co \"x\"].primary eq \"True\") or meta.created ge"
        " \"2020-01-01T00:00:00.123+01:00\"",
        ENT ":manager.value eq \"1\" or " CORE ":active eq false",
        "emails[type eq \"work\"].value"
    };
    static const char bytes[] = "\"\\[]().:eqtrue 0-\x01\xc3\xff";
    scim_resolver_t resolver = resolver_of(0);
    char text[512];
    int i;

    srand(1);
    for (i = 0; i < 30000; i++) {
        scim_query_t query = { .type = &scim_user_type,
                               .base = "https://x/v2", .has_words = 1 };
        const char *seed = seeds[rand() % 3];
        apr_size_t length = strlen(seed);
        scim_filter_t *filter = NULL;
        scim_path_t path;
        apr_pool_t *pool;
        int changes = 1 + rand() % 4;

        apr_pool_create(&pool, root);
        memcpy(text, seed, length);
        while (changes-- > 0) {
            text[rand() % length] = bytes[rand() % (sizeof(bytes) - 1)];
        }
        length -= rand() % length;
        text[length] = '\0';
        if (!scim_filter_parse(&filter, apr_pstrdup(pool, text), &resolver,
                               pool)) {
            query.parameters = apr_array_make(pool, 4, sizeof(char *));
            scim_query_condition(&query, filter, pool);
        }
        if (scim_path_parse(&path, apr_pstrdup(pool, text), &resolver,
                            pool)) {
            path.filter = NULL;
        }
        apr_pool_destroy(pool);
    }
    ok(1, "FLT-68: 30,000 texts near to valid ones are parsed or refused");
}

int main(void)
{
    apr_pool_t *pool = tap_start();

    test_trees(pool);
    test_refused(pool);
    test_limits(pool);
    test_paths(pool);
    test_matches(pool);
    test_mutations(pool);
    test_work(pool);
    test_work_ends(pool);
    return tap_done(pool);
}
