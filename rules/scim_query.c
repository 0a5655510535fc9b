/* SPDX-License-Identifier: Apache-2.0 */
/* A filter's tree as SQL.
 *
 * scim_filter has parsed the text and resolved its names by the attribute
 * tables, so every comparison here has an operator and a literal that fit.
 * The tree is written from the root down; each function returns the text of a
 * boolean expression; writer_t collects the values, and parameter() gives each
 * its $n.  The text depends only on the shape of the filter, and on whether a
 * value has trigrams, never on the values themselves.
 *
 * There are four kinds of comparison, depending on where the attribute table
 * says that a value is stored:
 *
 * 1. In a column (column_condition; column_list_condition for schemas).  The
 *    stored comparison key where there is one, else the column, folded where
 *    case does not count:
 *        userName eq "B"      (a.user_name_key = <key of $2>)
 *        displayName co "b"   (strpos((scim.fold(a.display_name) COLLATE "C"),
 *                                     scim.fold($2)) > 0)
 *    The id is compared as a uuid, meta.location as the id behind its prefix.
 *
 * 2. Equal to something in the JSON (contained_value).  A small document with
 *    the literal in its place must be contained in the row's, both folded,
 *    which the GIN index answers; where case counts, also as they are:
 *        title eq "x"         scim.fold_json(a.attributes) @>
 *                             scim.fold_json($2::jsonb)     $2 {"title": "x"}
 *
 * 3. Any other comparison in the JSON.  Of a single value (value_condition)
 *    with a.attributes->>'title'; of a list (any_value_condition) with each
 *    element:
 *        emails.value ew "x"  EXISTS (SELECT FROM jsonb_path_query(
 *                             a.attributes, '$."emails"[*]') AS e(v)
 *                             WHERE ... (e.v->>'value') ...)
 *    Presence (pr) is a jsonpath, for which an empty string is not present.
 *
 * 4. In rows of another table (any_row_condition): members, and the groups of
 *    a User.  An element with a given value is found from the other side, by
 *    an index; for other conditions, the elements e of each row are read:
 *        members.value eq "x"     a.id IN (SELECT ... = $2::uuid)
 *        members.display co "x"   EXISTS (SELECT FROM ... e WHERE ...)
 *
 * Brackets (element_condition, row_condition) match one element that meets the
 * whole inner filter.  The equalities that it requires are put into one
 * element, for containment.  If there are other terms, that only finds
 * candidates, which EXISTS then checks, with e.v in the place of a.attributes.
 *
 * Parts of names (by_words).  What contains a word has its trigrams, so an
 * index finds the candidates for the comparison itself:
 *        name.familyName co "mada"   ((value contains) AND (grams @>
 *                             $2::text[] OR grams @> '{***}'))  $2 {mad,ada}
 *
 * NULL: a comparison whose operand is unassigned may be NULL instead of false.
 * Under AND, OR and WHERE that is the same, and negation is IS NOT TRUE.  So a
 * comparison needs no test for NULL, which would keep it from its index.  "ne"
 * is IS DISTINCT FROM, which is true for unassigned attributes.
 *
 * scim_query_index.c knows which index finds what, and whether one plan serves
 * all values.  At the end, scim_query_order makes a sort key by the same
 * rules.
 */
#include "rules/scim_query.h"

#include <string.h>

#include <apr_strings.h>

#include "rules/scim_query_index.h"
#include "values/scim_json.h"
#include "rules/scim_schema.h"
#include "values/scim_text.h"

typedef struct {
    scim_query_t *query;
    apr_pool_t *pool;
    int in_element;              /* between brackets: the element is e.v */
} writer_t;

/* The SQL of operators between two keys; the others are functions. */
static const char *const sql_operators[] = {
    [SCIM_OP_EQ] = "=", [SCIM_OP_NE] = "IS DISTINCT FROM",
    [SCIM_OP_GT] = ">", [SCIM_OP_GE] = ">=",
    [SCIM_OP_LT] = "<", [SCIM_OP_LE] = "<=",
    [SCIM_OP_PR] = NULL
};

static const char *condition(writer_t *w, const scim_filter_t *filter);

/* Add a parameter; returns it as $n. */
static const char *parameter(writer_t *w, const char *value)
{
    APR_ARRAY_PUSH(w->query->parameters, const char *) = value;
    return apr_psprintf(w->pool, "$%d", w->query->parameters->nelts);
}

static int has_prefix(const char *url, const char *prefix)
{
    return strncmp(url, prefix, strlen(prefix)) == 0;
}

/* A URL without the version segment means the same resource as one with it
 * (RFC 7643 §2.4, RFC 7644 §3.13); returns the latter. */
static const char *with_version(writer_t *w, const char *url)
{
    const char *base = w->query->base;
    const char *version = strrchr(base, '/');
    const char *bare = apr_pstrmemdup(w->pool, base, version - base);

    return has_prefix(url, apr_pstrcat(w->pool, bare, "/", NULL))
           && !has_prefix(url, apr_pstrcat(w->pool, base, "/", NULL))
           ? apr_pstrcat(w->pool, base, url + strlen(bare), NULL) : url;
}

/* What the URLs in a column of ids begin with: all but the id, or of
 * references to several types, all but the endpoint. */
static const char *prefix_of(writer_t *w, const scim_attribute_t *leaf)
{
    const char *const *types = leaf->reference_types;
    const scim_resource_type_t *type = scim_resource_type_named(types[0]);

    if (type && types[1]) {
        return apr_pstrcat(w->pool, w->query->base, "/", NULL);
    }
    return apr_pstrcat(w->pool, w->query->base,
                       type ? type->endpoint : w->query->type->endpoint, "/",
                       NULL);
}

static const char *literal_text(writer_t *w, const scim_filter_t *filter)
{
    const scim_literal_t *literal = &filter->literal;

    if (literal->kind == SCIM_LITERAL_BOOLEAN) {
        return literal->boolean ? "true" : "false";
    }
    if (literal->kind == SCIM_LITERAL_INSTANT) {
        return scim_text_timestamp(w->pool, literal->instant);
    }
    return scim_attribute_of(&filter->operand)->is_location
           ? with_version(w, literal->text) : literal->text;
}

/* The key of ASCII is its lower case.  A call of PL/pgSQL for it would take
 * half as long as finding the row. */
static const char *user_name_key(writer_t *w, const char *n)
{
    return apr_pstrcat(w->pool, "CASE WHEN octet_length(", n, "::text) ="
                       " length(", n, "::text) THEN lower(", n, "::text"
                       " COLLATE \"C\") ELSE scim.user_name_key(", n, ")"
                       " END", NULL);
}

/* The literal as a key for a comparison with the value's key. */
static const char *literal_key(writer_t *w, const scim_filter_t *filter)
{
    const char *n = parameter(w, literal_text(w, filter));

    switch (filter->operand.compare) {
    case SCIM_COMPARE_FOLD:
        return apr_pstrcat(w->pool, "scim.fold(", n, ")", NULL);
    case SCIM_COMPARE_USER_NAME:
        return user_name_key(w, n);
    case SCIM_COMPARE_BOOLEAN:
        return apr_pstrcat(w->pool, n, "::boolean", NULL);
    case SCIM_COMPARE_INSTANT:
        return apr_pstrcat(w->pool, n, "::timestamptz", NULL);
    case SCIM_COMPARE_NUMBER:
        return apr_pstrcat(w->pool, n, "::numeric", NULL);
    default:
        return apr_pstrcat(w->pool, n, "::text COLLATE \"C\"", NULL);
    }
}

/* value op literal; value is already a key. */
static const char *compare(writer_t *w, const scim_filter_t *filter,
                           const char *value)
{
    const char *literal = literal_key(w, filter);

    switch (filter->op) {
    case SCIM_OP_CO:
        return apr_pstrcat(w->pool, "(strpos(", value, ", ", literal,
                           ") > 0)", NULL);
    case SCIM_OP_SW:
        return apr_pstrcat(w->pool, "starts_with(", value, ", ", literal,
                           ")", NULL);
    case SCIM_OP_EW:
        return apr_psprintf(w->pool, "right(%s, length(%s)) = %s", value,
                            literal, literal);
    default:
        return apr_psprintf(w->pool, "(%s %s %s)", value,
                            sql_operators[filter->op], literal);
    }
}

/* Columns */

static int is_text(scim_compare_e kind)
{
    return kind == SCIM_COMPARE_FOLD || kind == SCIM_COMPARE_USER_NAME
           || kind == SCIM_COMPARE_EXACT || kind == SCIM_COMPARE_BINARY;
}

/* The result of scim.fold has the collation of its argument; the index on it
 * has "C", which is the same in every cluster. */
static const char *folded(writer_t *w, const char *text)
{
    return apr_pstrcat(w->pool, "(scim.fold(", text, ") COLLATE \"C\")",
                       NULL);
}

/* The comparison key of a value in a column. */
static const char *column_key(writer_t *w, const scim_operand_t *operand)
{
    const scim_attribute_t *leaf = scim_attribute_of(operand);

    if (leaf->is_location) {
        return apr_pstrcat(w->pool, "(",
                           parameter(w, prefix_of(w, leaf)),
                           "::text || ", leaf->column, "::text)", NULL);
    }
    if (leaf->key) {
        return leaf->key;
    }
    if (operand->compare == SCIM_COMPARE_FOLD) {
        return folded(w, leaf->column);
    }
    return is_text(operand->compare)
           ? apr_pstrcat(w->pool, "(", leaf->column,
                         ")::text COLLATE \"C\"", NULL)
           : leaf->column;
}

/* The id in an equality on id or meta.location; NULL if no row can have it. */
static const char *wanted_id(writer_t *w, const scim_filter_t *filter)
{
    const scim_attribute_t *leaf = scim_attribute_of(&filter->operand);
    const char *text = literal_text(w, filter);

    if (leaf->is_location) {
        const char *prefix = prefix_of(w, leaf);

        if (!has_prefix(text, prefix)) {
            return NULL;
        }
        text += strlen(prefix);
    }
    return scim_text_is_uuid(text) ? text : NULL;
}

static const char *column_condition(writer_t *w, const scim_filter_t *filter)
{
    const scim_attribute_t *leaf = scim_attribute_of(&filter->operand);
    const char *column = leaf->column;
    int is_id = strcmp(column, "a.id") == 0;
    const char *found;
    const char *id;

    if (filter->op == SCIM_OP_PR
        || filter->literal.kind == SCIM_LITERAL_NULL) {
        return is_id ? filter->op == SCIM_OP_EQ ? "FALSE" : "TRUE"
                     : apr_psprintf(w->pool, "(%s IS %s NULL)", column,
                                    filter->op == SCIM_OP_EQ ? "" : "NOT");
    }
    if (!is_id || filter->op != SCIM_OP_EQ) {
        found = compare(w, filter, column_key(w, &filter->operand));
        return leaf->index_prefix && filter->op == SCIM_OP_EQ
               ? apr_pstrcat(w->pool, "(", leaf->index_prefix, " AND ", found,
                             ")", NULL)
               : found;
    }
    id = wanted_id(w, filter);
    return id ? apr_pstrcat(w->pool, "(a.id = ", parameter(w, id), "::uuid)",
                            NULL)
              : "FALSE";
}

/* A column with a list that is never empty: schemas. */
static const char *column_list_condition(writer_t *w,
                                         const scim_filter_t *filter)
{
    const char *column = scim_attribute_of(&filter->operand)->column;
    int folds = filter->operand.compare == SCIM_COMPARE_FOLD;

    if (filter->op == SCIM_OP_PR
        || filter->literal.kind == SCIM_LITERAL_NULL) {
        return filter->op == SCIM_OP_EQ ? "FALSE" : "TRUE";
    }
    return apr_psprintf(w->pool,
                        "EXISTS (SELECT FROM jsonb_array_elements_text(%s)"
                        " AS e(v) WHERE %s)", column,
                        compare(w, filter, folds ? folded(w, "e.v")
                                                 : "e.v COLLATE \"C\""));
}

/* Members of a.attributes */

/* Names are from the attribute tables and have no quotes. */
static const char *quoted(writer_t *w, const char *name, char quote)
{
    return apr_psprintf(w->pool, "%c%s%c", quote, name, quote);
}

/* The jsonpath of the operand's values or, without sub, of its elements. */
static const char *json_path(writer_t *w, const scim_operand_t *o,
                             const char *sub)
{
    return apr_pstrcat(w->pool, "$",
                       o->container ? "." : "",
                       o->container ? quoted(w, o->container, '"') : "",
                       ".", quoted(w, o->name, '"'),
                       o->multi_valued ? "[*]" : "",
                       sub ? "." : "", sub ? quoted(w, sub, '"') : "", NULL);
}

static const char *document(writer_t *w)
{
    return w->in_element ? "e.v" : "a.attributes";
}

/* The value as jsonb (arrow "->") or text ("->>"). */
static const char *member(writer_t *w, const scim_operand_t *o,
                          const char *arrow)
{
    const char *holder = document(w);

    if (o->container) {
        holder = apr_pstrcat(w->pool, holder, "->",
                             quoted(w, o->container, '\''), NULL);
    }
    if (o->sub) {
        return apr_pstrcat(w->pool, "(", holder, "->",
                           quoted(w, o->name, '\''), arrow,
                           quoted(w, o->sub, '\''), ")", NULL);
    }
    return apr_pstrcat(w->pool, "(", holder, arrow,
                       quoted(w, o->name, '\''), ")", NULL);
}

/* jsonb is compared, not cast, because a cast would fail on some values that
 * an application may have stored there. */
static const char *boolean_condition(writer_t *w,
                                     const scim_filter_t *filter,
                                     const char *value)
{
    int wants = filter->literal.boolean == (filter->op == SCIM_OP_EQ);
    const char *is_true = apr_pstrcat(w->pool, "(", value,
                                      " = 'true'::jsonb)", NULL);

    if (wants && (filter->op == SCIM_OP_EQ
                  || filter->operand.absent_is_false)) {
        return is_true;
    }
    if (!wants && (filter->op == SCIM_OP_NE
                   || filter->operand.absent_is_false)) {
        return apr_pstrcat(w->pool, "(", is_true, " IS NOT TRUE)", NULL);
    }
    return apr_psprintf(w->pool, "(%s %s 'false'::jsonb)", value,
                        sql_operators[filter->op]);
}

/* Whether a comparison is true of an attribute without a value. */
static int fits_nothing(const scim_filter_t *filter)
{
    return filter->literal.kind == SCIM_LITERAL_NULL
           ? filter->op == SCIM_OP_EQ : filter->op == SCIM_OP_NE;
}

/* One value: of a single-valued attribute, or of an element e.v. */
static const char *value_condition(writer_t *w, const scim_filter_t *filter,
                                   const scim_operand_t *o)
{
    const char *text = member(w, o, "->>");

    if (filter->literal.kind == SCIM_LITERAL_NULL) {
        return apr_psprintf(w->pool, "(%s IS %s NULL)", text,
                            filter->op == SCIM_OP_EQ ? "" : "NOT");
    }
    if (o->compare == SCIM_COMPARE_BOOLEAN) {
        return boolean_condition(w, filter, member(w, o, "->"));
    }
    return compare(w, filter,
                   o->compare == SCIM_COMPARE_FOLD
                   ? folded(w, text)
                   : apr_pstrcat(w->pool, text, " COLLATE \"C\"", NULL));
}

/* pr: anything except null and the empty string, at any depth. */
static const char *presence(writer_t *w, const scim_operand_t *o)
{
    const char *path = json_path(w, o, o->sub);
    int is_complex = scim_attribute_of(o)->type == SCIM_COMPLEX;

    return apr_psprintf(w->pool, "jsonb_path_exists(%s, '%s%s ?"
                        " ((@.type() != \"string\" || @ != \"\")"
                        " && @.type() != \"null\")')", document(w), path,
                        is_complex ? ".*" : "");
}

/* Trigrams, for the index on those of names and addresses */

/* found, which demands these trigrams, by the index.  Values so long that not
 * all of their trigrams are there have one that no word has. */
static const char *by_words(writer_t *w, const char *found,
                            const char *grams)
{
    const char *all = w->query->type->word_grams;

    return grams ? apr_psprintf(w->pool, "(%s AND (%s @> %s::text[] OR %s @>"
                                " '{***}'))", found, all,
                                parameter(w, grams), all)
                 : found;
}

/* Containment, for the index on scim.fold_json(attributes) */

static cJSON *literal_json(const scim_literal_t *literal)
{
    return literal->kind == SCIM_LITERAL_STRING
           ? cJSON_CreateString(literal->text) : cJSON_CreateTrue();
}

/* A document with value in the place of operand's values. */
static cJSON *placed(const scim_operand_t *operand, cJSON *value)
{
    cJSON *document = cJSON_CreateObject();
    cJSON *holder = document;

    if (operand->container) {
        holder = cJSON_AddObjectToObject(document, operand->container);
    }
    if (operand->multi_valued) {
        cJSON *list = cJSON_AddArrayToObject(holder, operand->name);

        cJSON_AddItemToArray(list, value);
    }
    else {
        cJSON_AddItemToObject(holder, operand->name, value);
    }
    return document;
}

/* The folded document uses the index; with case, the document itself is
 * compared as well.  If one plan serves all values, none of them is shown to
 * the planner, which would otherwise find the generic plan to cost more than
 * one for a rare value, and make a new one each time. */
static const char *containment(writer_t *w, cJSON *wanted, int exactly)
{
    const char *n = parameter(w, scim_json_print(scim_json_own(wanted,
                                                               w->pool),
                                                 w->pool));
    const char *found = apr_psprintf(w->pool, w->query->indexed
                                     ? "scim.fold_json(a.attributes) @>"
                                       " (SELECT scim.fold_json(%s::jsonb))"
                                     : "scim.fold_json(a.attributes) @>"
                                       " scim.fold_json(%s::jsonb)", n);

    return exactly ? apr_pstrcat(w->pool, "(", found, " AND a.attributes @> ",
                                 n, "::jsonb)", NULL)
                   : found;
}

static int is_exact(const scim_operand_t *operand)
{
    return operand->compare == SCIM_COMPARE_EXACT
           || operand->compare == SCIM_COMPARE_BINARY;
}

static const char *contained_value(writer_t *w, const scim_filter_t *filter)
{
    const scim_operand_t *o = &filter->operand;
    cJSON *value = literal_json(&filter->literal);

    if (o->sub) {
        cJSON *element = cJSON_CreateObject();

        cJSON_AddItemToObject(element, o->sub, value);
        value = element;
    }
    return containment(w, placed(o, value), is_exact(o));
}

/* Any element matches.  If an unassigned value matches, so does a list without
 * elements. */
static const char *any_value_condition(writer_t *w,
                                       const scim_filter_t *filter)
{
    const scim_operand_t *o = &filter->operand;
    const char *path = json_path(w, o, NULL);
    writer_t inner = { w->query, w->pool, 1 };
    scim_operand_t element = *o;
    const char *found;

    element.container = NULL;
    element.multi_valued = 0;
    element.name = o->sub;
    element.sub = NULL;
    found = apr_psprintf(w->pool, "EXISTS (SELECT FROM jsonb_path_query("
                         "a.attributes, '%s') AS e(v) WHERE %s)", path,
                         value_condition(&inner, filter, &element));
    return fits_nothing(filter)
           ? apr_psprintf(w->pool, "(%s OR NOT jsonb_path_exists("
                          "a.attributes, '%s'))", found, path)
           : found;
}

static const char *json_condition(writer_t *w, const scim_filter_t *filter)
{
    if (filter->op == SCIM_OP_PR) {
        return presence(w, &filter->operand);
    }
    if (!w->in_element && scim_query_is_containable(filter)) {
        return contained_value(w, filter);
    }
    return filter->operand.multi_valued && filter->operand.sub
           ? any_value_condition(w, filter)
           : value_condition(w, filter, &filter->operand);
}

/* Elements that are rows */

static const char *any_row(writer_t *w, const scim_operand_t *o,
                           const char *where)
{
    return apr_psprintf(w->pool, "EXISTS (SELECT FROM %s%s%s)",
                        o->attribute->rows, where ? " WHERE " : "",
                        where ? where : "");
}

/* The rows that have an element with this value, by an index. */
static const char *owners(writer_t *w, const scim_operand_t *o,
                          const char *value)
{
    return scim_text_is_uuid(value)
           ? apr_psprintf(w->pool, "a.id IN (%s)",
                          apr_psprintf(w->pool, o->attribute->owners,
                                       parameter(w, value)))
           : "FALSE";
}

/* As any_value_condition. */
static const char *any_row_condition(writer_t *w,
                                     const scim_filter_t *filter)
{
    const scim_operand_t *o = &filter->operand;
    int is_null = filter->op == SCIM_OP_PR
                  || filter->literal.kind == SCIM_LITERAL_NULL;
    const char *where = NULL;

    if (!is_null && filter->op == SCIM_OP_EQ && scim_query_is_value(o->sub)) {
        return owners(w, o, literal_text(w, filter));
    }
    if (is_null && o->sub) {
        where = apr_pstrcat(w->pool, scim_attribute_of(o)->column,
                            " IS NOT NULL", NULL);
    }
    else if (!is_null) {
        where = compare(w, filter, column_key(w, o));
    }
    if (is_null) {
        return apr_pstrcat(w->pool, filter->op == SCIM_OP_EQ ? "NOT " : "",
                           any_row(w, o, where), NULL);
    }
    return filter->op == SCIM_OP_NE
           ? apr_psprintf(w->pool, "(%s OR NOT %s)", any_row(w, o, where),
                          any_row(w, o, NULL))
           : any_row(w, o, where);
}

/* As element_condition: by the index where the filter demands a value. */
static const char *row_condition(writer_t *w, const scim_filter_t *filter)
{
    const scim_operand_t *o = &filter->operand;
    const scim_filter_t *value = scim_query_demanded_value(filter->left);
    const char *found = value ? owners(w, o, literal_text(w, value)) : NULL;
    const char *each;

    if (found && filter->left->kind == SCIM_FILTER_COMPARE) {
        return found;
    }
    each = any_row(w, o, condition(w, filter->left));
    return found ? apr_psprintf(w->pool, "(%s AND %s)", found, each) : each;
}

/* Elements */

/* How strings are compared; booleans are the same in either way. */
enum { FOLDED = 1, EXACT = 2 };

/* Put the eq terms that filter requires into element, and how they compare
 * into *ways; 0 if two of them require different values of one
 * sub-attribute. */
static int collect(cJSON *element, int *ways, const scim_filter_t *filter)
{
    if (filter->kind == SCIM_FILTER_AND) {
        return collect(element, ways, filter->left)
               && collect(element, ways, filter->right);
    }
    if (!scim_query_is_containable(filter)) {
        return 1;
    }
    if (scim_json_member(element, filter->operand.name)) {
        return 0;
    }
    if (filter->literal.kind == SCIM_LITERAL_STRING) {
        *ways |= is_exact(&filter->operand) ? EXACT : FOLDED;
    }
    cJSON_AddItemToObject(element, filter->operand.name,
                          literal_json(&filter->literal));
    return 1;
}

/* One element matches all of filter->left: only by containment if that is
 * enough, otherwise with containment to find candidates.  Of terms that
 * compare in both ways, the folded element finds them. */
static const char *element_condition(writer_t *w,
                                     const scim_filter_t *filter)
{
    const scim_operand_t *o = &filter->operand;
    writer_t inner = { w->query, w->pool, 1 };
    cJSON *element = scim_json_own(cJSON_CreateObject(), w->pool);
    int ways = 0;
    int consistent = collect(element, &ways, filter->left);
    const char *found = NULL;
    const char *each;

    if (element->child) {
        found = containment(w, placed(o, cJSON_Duplicate(element, 1)),
                            ways == EXACT);
    }
    if (consistent && ways != (FOLDED | EXACT)
        && scim_query_is_all_containable(filter->left)) {
        return found;
    }
    each = apr_psprintf(w->pool, "EXISTS (SELECT FROM jsonb_path_query("
                        "a.attributes, '%s') AS e(v) WHERE %s)",
                        json_path(w, o, NULL),
                        condition(&inner, filter->left));
    each = by_words(w, each, scim_query_grams(w->query, filter->left,
                                              w->pool));
    return found ? apr_psprintf(w->pool, "(%s AND %s)", found, each) : each;
}

/* Trees */

/* meta as a whole always exists. */
static int is_always_present(const scim_operand_t *operand)
{
    const scim_attribute_t *subs = operand->attribute->subs;

    return !operand->sub && subs && subs->column;
}

/* Of a value in a column or in the JSON.  The beginning of a column is a range
 * of its own index. */
static const char *value_or_words(writer_t *w, const scim_filter_t *filter)
{
    const scim_operand_t *o = &filter->operand;
    const scim_attribute_t *leaf = scim_attribute_of(o);
    const char *grams = w->in_element
                        || (leaf->column && filter->op == SCIM_OP_SW)
                        ? NULL : scim_query_grams(w->query, filter, w->pool);

    if (leaf->column) {
        return o->multi_valued
               ? column_list_condition(w, filter)
               : by_words(w, column_condition(w, filter), grams);
    }
    return by_words(w, json_condition(w, filter), grams);
}

static const char *comparison_condition(writer_t *w,
                                        const scim_filter_t *filter)
{
    const scim_operand_t *o = &filter->operand;

    if (o->is_foreign) {
        return fits_nothing(filter) ? "TRUE" : "FALSE";
    }
    if (o->attribute->rows) {
        return any_row_condition(w, filter);
    }
    if (is_always_present(o)) {
        return filter->op == SCIM_OP_EQ ? "FALSE" : "TRUE";
    }
    return value_or_words(w, filter);
}

static const char *condition(writer_t *w, const scim_filter_t *filter)
{
    const char *left;

    switch (filter->kind) {
    case SCIM_FILTER_COMPARE:
        return comparison_condition(w, filter);
    case SCIM_FILTER_ELEMENT:
        if (filter->operand.is_foreign) {
            return "FALSE";
        }
        return filter->operand.attribute->rows ? row_condition(w, filter)
                                               : element_condition(w, filter);
    case SCIM_FILTER_NOT:
        return apr_pstrcat(w->pool, "((", condition(w, filter->left),
                           ") IS NOT TRUE)", NULL);
    default:
        left = condition(w, filter->left);
        return apr_pstrcat(w->pool, "(", left,
                           filter->kind == SCIM_FILTER_AND ? " AND " : " OR ",
                           condition(w, filter->right), ")", NULL);
    }
}

const char *scim_query_condition(scim_query_t *query,
                                 const scim_filter_t *filter,
                                 apr_pool_t *pool)
{
    writer_t w = { query, pool, 0 };

    filter = scim_query_simplified(filter, pool);
    scim_query_find_indexes(query, filter, pool);
    return condition(&w, filter);
}

/* Order */

/* The value of the primary element, or of the first one (RFC 7644 section
 * 3.4.2.3). */
static const char *chosen_value(writer_t *w, const scim_operand_t *o,
                                const char *arrow)
{
    return apr_psprintf(w->pool, "(coalesce(jsonb_path_query_first("
                        "a.attributes, '%s ? (@.primary == true)'),"
                        " a.attributes->'%s'->0)%s'%s')",
                        json_path(w, o, NULL), o->name, arrow, o->sub);
}

/* A key must fit into a cursor, so only the beginning of a text counts if no
 * column limits its length. */
static const char *member_key(writer_t *w, const scim_operand_t *o)
{
    int is_boolean = o->compare == SCIM_COMPARE_BOOLEAN;
    const char *arrow = is_boolean ? "->" : "->>";
    const char *value = o->multi_valued ? chosen_value(w, o, arrow)
                                        : member(w, o, arrow);

    if (is_boolean) {
        return apr_pstrcat(w->pool, "(", value, " = 'true'::jsonb)", NULL);
    }
    value = apr_pstrcat(w->pool, "left(", value, ", 200)", NULL);
    return o->compare == SCIM_COMPARE_FOLD
           ? folded(w, value)
           : apr_pstrcat(w->pool, "(", value, " COLLATE \"C\")", NULL);
}

scim_error_t *scim_query_sort_operand(scim_operand_t *operand,
                                      const char *name,
                                      const scim_resolver_t *resolver,
                                      apr_pool_t *pool)
{
    scim_error_t *error;

    memset(operand, 0, sizeof(*operand));
    error = resolver->resolve(operand, resolver->baton, name, strlen(name),
                              NULL, 1, pool);
    if (error || !operand->name || operand->compare == SCIM_COMPARE_NONE
        || (operand->multi_valued && scim_attribute_of(operand)->column)) {
        return scim_error(pool, SCIM_E_INVALID_VALUE,
                          "sortBy must name an attribute that can be sorted,"
                          " not '%.120s'.", name);
    }
    return NULL;
}

scim_error_t *scim_query_order(scim_order_t *order, scim_query_t *query,
                               const char *name,
                               const scim_resolver_t *resolver,
                               apr_pool_t *pool)
{
    static const char *const types[] = {
        [SCIM_COMPARE_FOLD] = "text", [SCIM_COMPARE_USER_NAME] = "text",
        [SCIM_COMPARE_EXACT] = "text", [SCIM_COMPARE_BOOLEAN] = "boolean",
        [SCIM_COMPARE_NUMBER] = "numeric",
        [SCIM_COMPARE_INSTANT] = "timestamptz",
        [SCIM_COMPARE_BINARY] = "text"
    };
    writer_t w = { query, pool, 0 };
    scim_operand_t operand;
    const char *column;

    SCIM_ERR(scim_query_sort_operand(&operand, name, resolver, pool));
    column = scim_attribute_of(&operand)->column;
    order->type = types[operand.compare];
    if (operand.is_foreign) {
        order->type = "text";
        order->key = "NULL::text";
    }
    else if (!column) {
        order->key = member_key(&w, &operand);
    }
    else if (strcmp(column, "a.id") == 0) {
        /* URLs of one organization differ only in the id, and ids have the
         * order of their texts. */
        order->type = "uuid";
        order->key = column;
    }
    else {
        order->key = scim_attribute_of(&operand)->is_location
                     ? apr_pstrcat(pool, "(", column,
                                   "::text COLLATE \"C\")", NULL)
                     : column_key(&w, &operand);
    }
    order->has_index = operand.is_foreign
                       || scim_attribute_of(&operand)->is_ordered;
    return NULL;
}
