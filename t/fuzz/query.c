/* SPDX-License-Identifier: Apache-2.0 */
/* Filters and sort keys as SQL: the text contains nothing of the input, and
 * has as many parameters as it names. */
#include "fuzz.h"

#include <ctype.h>

#include <apr_hash.h>

#include "../../rules/scim_query.h"

#define BASE "https://example.com/scim/acme/v2"

/* The words of the SQL beside names of the schema. */
static const char sql_words[] =
    "a e v e.v AND OR NOT TRUE FALSE IS NULL DISTINCT FROM AS EXISTS SELECT"
    " WHERE COLLATE C text boolean timestamptz numeric uuid jsonb true false"
    " scim fold user_name_key fold_json strpos starts_with right length left"
    " coalesce type string null primary jsonb_path_query jsonb_path_exists"
    " jsonb_path_query_first jsonb_array_elements_text attributes 0 200"
    " CASE WHEN THEN ELSE END octet_length lower IN";

static apr_hash_t *words;
static apr_pool_t *lasting;

static int is_word_char(char c)
{
    return isalnum((unsigned char) c) || c == '_';
}

static void allow(const char *text)
{
    while (text && *text) {
        const char *end = text;

        while (is_word_char(*end)) {
            end++;
        }
        if (end > text) {
            apr_hash_set(words, apr_pstrmemdup(lasting, text, end - text),
                         APR_HASH_KEY_STRING, "");
        }
        text = end + (*end != '\0');
    }
}

static void allow_table(const scim_attribute_t *row)
{
    for (; row && row->name; row++) {
        allow(row->name);
        allow(row->column);
        allow(row->key);
        allow(row->index_prefix);
        allow(row->rows);
        allow(row->owners);
        allow_table(row->subs);
    }
}

void fuzz_begin(apr_pool_t *pool)
{
    int i;

    lasting = pool;
    words = apr_hash_make(pool);
    allow(sql_words);
    for (i = 0; i < SCIM_RESOURCE_TYPES; i++) {
        const scim_resource_type_t *type = scim_resource_types[i];
        const scim_schema_t *const *extension = type->extensions;

        allow(type->word_grams);
        allow_table(type->common);
        allow_table(type->core->attributes);
        for (; *extension; extension++) {
            allow((*extension)->urn);
            allow_table((*extension)->attributes);
        }
    }
}

/* $n: one that there is. */
static const char *check_parameter(const char *sql, int count)
{
    int n = 0;

    while (isdigit((unsigned char) *sql) && n < 100000) {
        n = n * 10 + (*sql++ - '0');
    }
    must(n >= 1 && n <= count, "every $n is a parameter");
    return sql;
}

static const char *check_word(const char *sql, apr_pool_t *pool)
{
    const char *end = sql;
    const char *word;

    while (is_word_char(*end)) {
        end++;
    }
    word = apr_pstrmemdup(pool, sql, end - sql);
    if (!apr_hash_get(words, word, APR_HASH_KEY_STRING)) {
        fprintf(stderr, "%s\n", word);
        fuzz_fail("every word is one of the schema or of SQL");
    }
    return end;
}

/* A number of the input would be one of those in digits, a text one of the
 * words; quotation marks come in pairs and parentheses are closed. */
static void check_sql(const char *sql, int count, apr_pool_t *pool)
{
    int depth = 0;
    int quotes = 0;

    while (*sql) {
        if (*sql == '$' && isdigit((unsigned char) sql[1])) {
            sql = check_parameter(sql + 1, count);
        }
        else if (is_word_char(*sql)) {
            sql = check_word(sql, pool);
        }
        else {
            must(strchr(" (){}[]*/.,:'\"$@?=<>!&|-", *sql) != NULL,
                 "every sign is one of SQL");
            quotes += *sql == '\'';
            depth += (*sql == '(') - (*sql == ')');
            must(depth >= 0, "what is closed was opened");
            sql++;
        }
    }
    must(depth == 0 && quotes % 2 == 0, "what is opened is closed");
}

/* Another value of the same kind.  Ids are not changed, because the SQL for a
 * value that cannot be an id is different. */
static void replace_values(scim_filter_t *filter)
{
    const scim_attribute_t *leaf = filter->operand.sub_attribute
                                   ? filter->operand.sub_attribute
                                   : filter->operand.attribute;

    if (filter->left) {
        replace_values(filter->left);
    }
    if (filter->right) {
        replace_values(filter->right);
    }
    if (filter->kind == SCIM_FILTER_COMPARE
        && filter->literal.kind == SCIM_LITERAL_STRING
        && !(leaf->column && strcmp(leaf->column, "a.id") == 0)) {
        filter->literal.text = "another";
    }
}

static scim_query_t make_query(int has_words, apr_pool_t *pool)
{
    scim_query_t query = {
        .parameters = apr_array_make(pool, 8, sizeof(char *)),
        .type = &scim_user_type, .base = BASE, .has_words = has_words
    };

    APR_ARRAY_PUSH(query.parameters, const char *) = "organization";
    return query;
}

static const char *check_text(scim_filter_t *filter, int has_words,
                              apr_pool_t *pool)
{
    scim_query_t query = make_query(has_words, pool);
    const char *sql = scim_query_condition(&query, filter, pool);
    int i;

    check_sql(sql, query.parameters->nelts, pool);
    for (i = 0; i < query.parameters->nelts; i++) {
        must(APR_ARRAY_IDX(query.parameters, i, const char *) != NULL,
             "every parameter is a text");
    }
    must(!query.at_most_one || query.indexed, "what is unique has an index");
    return sql;
}

/* Trigrams are asked for of values that have some. */
static void check_condition(scim_filter_t *filter, apr_pool_t *pool)
{
    scim_query_t other = make_query(0, pool);
    const char *sql = check_text(filter, 0, pool);

    check_text(filter, 1, pool);
    replace_values(filter);
    must_be_same(scim_query_condition(&other, filter, pool), sql,
                 "the same text whatever the values");
}

void fuzz(const char *bytes, apr_size_t length, apr_pool_t *pool)
{
    unsigned mode = take_mode(&bytes, &length);
    const char *text = utf8_text(bytes, length, pool);
    scim_rules_t rules = rules_of(mode);
    scim_resolver_t resolver = scim_schema_resolver(&scim_user_type, &rules);
    scim_query_t query = make_query(1, pool);
    scim_filter_t *filter;
    scim_order_t order;

    if (scim_filter_parse(&filter, text, &resolver, pool) == NULL) {
        check_condition(filter, pool);
    }
    if (scim_query_order(&order, &query, text, &resolver, pool) == NULL) {
        check_sql(order.key, query.parameters->nelts, pool);
        must(order.type != NULL, "a key has a type");
    }
}
