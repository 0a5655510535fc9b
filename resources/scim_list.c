/* SPDX-License-Identifier: Apache-2.0 */
/* Pages of resources that are rows, by index or by cursor (scim_store.h,
 * scim_store_list).
 *
 * A list is one statement, put together from texts and run once; it gives the
 * page and the total.  start parses the filter to a condition (scim_query) and
 * finds the sort key, read_position opens the cursor, compose chooses one of
 * three templates, and the rows become resources and cursors.
 *
 *     UNIQUE  a filter that at most one row can match, from the beginning: the
 *             row is the page, and the number of rows is the total.
 *     ANSWER  pages by index, and the first by cursor.  With a filter, m has
 *             the ids and keys of all matches, computed once; t counts them; p
 *             is the page, taken from m, or without a filter from the index of
 *             the order.  Its rows are joined to t from the right, so that the
 *             total is there when the page is empty.
 *     NEXT    pages behind a cursor, which has the total: p alone, from the
 *             cursor on.
 *
 * The order is the key k and then the id, so no two rows are equal.  Rows
 * without a key are the last when ascending and the first when descending.
 * Rows with and without are asked for separately and joined by UNION ALL,
 * because each is then a range of an index:
 *
 *     (... AND k IS NOT NULL AND (k, id) > ($3, $4) ORDER BY k, id LIMIT $2)
 *     UNION ALL (... AND k IS NULL ORDER BY k, id LIMIT $2) LIMIT $2
 *
 * A page by cursor asks for one row more than it shows: if it is there, there
 * is another page.  A cursor that leads back reads in the other direction, and
 * the page is turned round before it is answered.
 *
 * Cost.  Without a filter, the total is counted from an index, up to
 * MOST_COUNTED behind the beginning of the page; a total beyond that is a
 * lower bound.  A page by index that begins far from the first is found like
 * one by cursor if this process has answered the page before it within a
 * minute (call->places): whoever reads all pages would otherwise have all
 * those before counted each time.  What has to read all resources, or too
 * many, ends after SEARCH_SECONDS with an error that says what helps.
 */
#include "resources/scim_store.h"

#include <string.h>

#include <apr_strings.h>

#include "resources/scim_cursor.h"
#include "values/scim_cache.h"
#include "values/scim_json.h"
#include "rules/scim_query.h"

/* The organization's rows a, in parts of a statement. */
#define FROM_MINE " FROM %s a WHERE a.organization_id = $1::uuid"

/* The condition is evaluated once, for the count and the page, and the planner
 * cannot be led to walk an index on the order for it. */
#define MATCHES \
    "m AS MATERIALIZED (SELECT a.organization_id, a.id, %s AS k%s AND (%s)), "

/* The row of p.  Of a new organization the planner believes until the next
 * ANALYZE that it is small, and would join with all of it: behind a LIMIT,
 * each row is looked up, and only the right index has the order that is asked
 * for.  The organization is $1: Citus sees no other one (examples/citus). */
#define ROWS_OF_P                                                           \
    "LATERAL (SELECT * FROM %s b WHERE b.organization_id = $1::uuid"        \
    " AND b.id BETWEEN p.id AND p.id ORDER BY b.id LIMIT 1) a ON true"

/* By a unique key: the row is the page and the total. */
#define UNIQUE "SELECT %s, 1, NULL%s AND (%s)"

/* A page behind a cursor that knows the total: only p is looked for, from the
 * cursor on. */
#define NEXT                                                                \
    "WITH p AS (%s) SELECT %s, NULL, p.k::text"                             \
    " FROM p JOIN " ROWS_OF_P " ORDER BY p.k %s, p.id %s"

/* The ids and keys of the page are p; its rows come with the total, which is
 * there even if they are not. */
#define ANSWER                                                              \
    "WITH %st AS (SELECT count(*) AS total%s), p AS (%s)"                   \
    " SELECT %s, t.total, p.k::text"                                        \
    " FROM t LEFT JOIN p ON true LEFT JOIN " ROWS_OF_P                      \
    " ORDER BY p.k %s, p.id %s"

/* Rows of an index are counted in a third of a microsecond each. */
#define MOST_COUNTED 1000000

/* The place of a page is kept if it is behind so many rows, for so long. */
#define FAR 10000
#define PLACE_KEPT apr_time_from_sec(60)

/* How long a search may take, and where it must be quicker than that: then
 * the database is too busy.  It is, too, if it takes so long to look at as
 * many rows of an index. */
#define SEARCH_SECONDS 2
#define SEARCH_MOST apr_time_from_msec(SEARCH_SECONDS * 1000 - 200)
#define SMALL "20000"
#define LOOK_MOST apr_time_from_msec(500)

#define HELPS                                                               \
    " What helps: another condition, joined by and, that finds few of them:"  \
    " eq of an attribute, sw of userName, displayName or externalId, or"      \
    " three letters in a row in co, sw or ew of a name or an e-mail address."

/* What a row has behind the columns of the store. */
enum { TOTAL, KEY };

/* A list being put together. */
typedef struct {
    const scim_store_t *store;
    scim_call_t *call;
    const scim_page_t *page;
    apr_pool_t *pool;
    const char *from_mine;
    scim_query_t query;
    scim_order_t order;
    const char *condition;       /* of the filter, or NULL */
    int from_matches;            /* rows come from m */
    int by_cursor;
    scim_position_t position;    /* id NULL: the beginning */
    int descending;              /* in which direction rows are read */
    int from_place;              /* position is that of the page before */
    const char *sql;
} listing_t;

static const char *push(listing_t *l, const char *value)
{
    APR_ARRAY_PUSH(l->query.parameters, const char *) = value;
    return apr_psprintf(l->pool, "$%d", l->query.parameters->nelts);
}

static const char *push_number(listing_t *l, apr_int64_t number)
{
    return apr_pstrcat(l->pool,
                       push(l, apr_psprintf(l->pool, "%" APR_INT64_T_FMT,
                                            number)), "::bigint", NULL);
}

static scim_error_t *start(listing_t *l)
{
    const scim_rules_t *rules = &l->call->rules;
    const scim_resource_type_t *type = l->store->type;
    scim_resolver_t resolver = l->page->any_type
        ? scim_schema_resolver_any(type, rules)
        : scim_schema_resolver(type, rules);
    scim_filter_t *filter;

    l->from_mine = apr_psprintf(l->pool, FROM_MINE, l->store->table);
    l->query.parameters = apr_array_make(l->pool, 8, sizeof(const char *));
    l->query.type = type;
    l->query.base = l->call->base;
    l->query.indexed = 1;
    l->query.has_words = !scim_db_is_before(l->call->db);
    /* How many match tells whether to walk on in the order, or to find all. */
    l->query.is_planned_anew = l->position.id != NULL;
    l->order.has_index = 1;
    push(l, l->call->principal->organization_id);
    l->order.key = "a.created_at";
    l->order.type = "timestamptz";
    if (l->page->filter) {
        SCIM_ERR(scim_filter_parse(&filter, l->page->filter, &resolver,
                                   l->pool));
        l->call->filter = filter;
        l->condition = scim_query_condition(&l->query, filter, l->pool);
    }
    return l->page->sort_by
           ? scim_query_order(&l->order, &l->query, l->page->sort_by,
                              &resolver, l->pool) : NULL;
}

/* Places of pages by index */

/* By what the place of the page from start on is kept; NULL: it is not. */
static const char *kept_as(const listing_t *l, apr_int64_t start)
{
    const scim_page_t *page = l->page;

    return !l->call->places || l->by_cursor || page->count == 0 || start < FAR
           ? NULL
           : apr_psprintf(l->pool, "%s %s %d %" APR_INT64_T_FMT " %s\n%s",
                          l->call->principal->organization_id,
                          l->store->table, page->descending, start,
                          page->sort_by ? page->sort_by : "",
                          page->filter ? page->filter : "");
}

/* Its text is that of a cursor; one that is not good any more is of no use.
 * Its total is that of an earlier page: one that comes to the end is counted
 * anew, since whoever reads page by page stops there. */
static void find_kept_place(listing_t *l)
{
    scim_position_t position;
    const char *name = kept_as(l, l->page->start_index);
    const char *text = name ? scim_cache_peek(l->call->places, name,
                                              PLACE_KEPT, l->pool) : NULL;
    scim_page_t page = *l->page;

    if (text) {
        page.cursor = text;
        page.bound_to = name;
        l->from_place = !scim_cursor_read(&position, l->call->principal,
                                          &page, l->pool)
                        && position.total - page.count >= page.start_index;
    }
    if (l->from_place) {
        l->position = position;
    }
}

static scim_error_t *read_position(listing_t *l)
{
    l->descending = l->page->descending;
    l->by_cursor = l->page->cursor != NULL;
    if (!l->by_cursor) {
        find_kept_place(l);
        return NULL;
    }
    SCIM_ERR(scim_cursor_read(&l->position, l->call->principal, l->page,
                              l->pool));
    l->descending ^= l->position.backward;
    return NULL;
}

/* Where the rows of the list are, with their id and key k. */

static const char *source(const listing_t *l)
{
    if (l->from_matches) {
        return "SELECT m.organization_id, m.id, m.k FROM m WHERE true";
    }
    return apr_psprintf(l->pool, "SELECT a.organization_id, a.id, %s AS k%s"
                        " AND (%s)", l->order.key, l->from_mine,
                        l->condition ? l->condition : "true");
}

static const char *key_of(const listing_t *l)
{
    return l->from_matches ? "m.k" : l->order.key;
}

static const char *direction(const listing_t *l)
{
    return l->descending ? "DESC" : "ASC";
}

/* Rows of the list from its beginning or from the position on, that have a
 * key or that have none.  Rows without a key are the last when ascending, the
 * first when descending, as PostgreSQL has it and RFC 7644 wants it.  Each of
 * the two is a range of an index. */
static const char *rows_with_key(listing_t *l, const char *limit)
{
    const char *id = l->from_matches ? "m.id" : "a.id";
    const char *after = "";

    if (l->position.id && l->position.key) {
        const char *key = push(l, l->position.key);

        after = apr_psprintf(l->pool, " AND (%s, %s) %s (%s::%s%s, %s::uuid)",
                             key_of(l), id, l->descending ? "<" : ">", key,
                             l->order.type,
                             strcmp(l->order.type, "text") == 0
                             ? " COLLATE \"C\"" : "",
                             push(l, l->position.id));
    }
    return apr_psprintf(l->pool, "(%s AND %s IS NOT NULL%s"
                        " ORDER BY %s %s, %s %s LIMIT %s)", source(l),
                        key_of(l), after, key_of(l), direction(l), id,
                        direction(l), limit);
}

static const char *rows_without_key(listing_t *l, const char *limit)
{
    const char *id = l->from_matches ? "m.id" : "a.id";
    const char *after = "";

    if (l->position.id && !l->position.key) {
        after = apr_psprintf(l->pool, " AND %s %s %s::uuid", id,
                             l->descending ? "<" : ">",
                             push(l, l->position.id));
    }
    /* The key, always NULL here, makes it the index's order. */
    return apr_psprintf(l->pool, "(%s AND %s IS NULL%s"
                        " ORDER BY %s %s, %s %s LIMIT %s)", source(l),
                        key_of(l), after, key_of(l), direction(l), id,
                        direction(l), limit);
}

/* One row more than the page holds tells whether there is another page. */
static const char *page_by_cursor(listing_t *l)
{
    const char *limit = push_number(l, l->page->count > 0
                                       ? l->page->count + 1 : 0);
    int from_key = l->position.id && l->position.key;
    int from_none = l->position.id && !l->position.key;

    if (l->descending) {
        return from_key ? rows_with_key(l, limit)
               : apr_pstrcat(l->pool, rows_without_key(l, limit),
                             " UNION ALL ", rows_with_key(l, limit),
                             " LIMIT ", limit, NULL);
    }
    return from_none ? rows_without_key(l, limit)
           : apr_pstrcat(l->pool, rows_with_key(l, limit), " UNION ALL ",
                         rows_without_key(l, limit), " LIMIT ", limit, NULL);
}

static const char *page_by_index(listing_t *l)
{
    const char *count = push_number(l, l->page->count);

    return apr_psprintf(l->pool, "%s ORDER BY k %s, id %s LIMIT %s OFFSET %s",
                        source(l), direction(l), direction(l), count,
                        push_number(l, l->page->start_index - 1));
}

static apr_int64_t most_counted(const listing_t *l)
{
    return MOST_COUNTED + l->page->start_index - 1;
}

/* All rows, but no more than behind the page's beginning. */
static const char *counted(listing_t *l)
{
    return apr_psprintf(l->pool, " FROM (SELECT%s LIMIT %s) c", l->from_mine,
                        push_number(l, most_counted(l)));
}

static void compose(listing_t *l)
{
    const scim_store_t *store = l->store;
    const char *page;

    if (l->condition && l->query.at_most_one && !l->by_cursor
        && l->page->count > 0 && l->page->start_index == 1) {
        l->sql = apr_psprintf(l->pool, UNIQUE, store->columns, l->from_mine,
                              l->condition);
        return;
    }
    l->from_matches = l->condition && !l->position.id;
    page = l->by_cursor || l->from_place ? page_by_cursor(l)
                                         : page_by_index(l);
    if (l->position.id) {
        l->sql = apr_psprintf(l->pool, NEXT, page, store->columns,
                              store->table, direction(l), direction(l));
        return;
    }
    l->sql = apr_psprintf(l->pool, ANSWER, l->condition
                          ? apr_psprintf(l->pool, MATCHES, l->order.key,
                                         l->from_mine, l->condition) : "",
                          l->condition ? " FROM m" : counted(l), page,
                          store->columns, store->table, direction(l),
                          direction(l));
}

/* A value of a row behind the store's columns. */
static const char *own_value(const listing_t *l, const scim_rows_t *rows,
                             int row, int column)
{
    return scim_rows_value(rows, row, l->store->column_count + column);
}

static const char *cursor_at(const scim_list_t *list, const listing_t *l,
                             const scim_rows_t *rows, int row, int backward)
{
    scim_position_t position = {
        backward, own_value(l, rows, row, KEY),
        scim_rows_value(rows, row, SCIM_STORED_ID), list->total
    };

    return scim_cursor_make(&position, l->call->principal, l->page, l->pool);
}

/* rows has count of the list's, and more says that there is another one in
 * the direction in which they were read. */
static void put_cursors(scim_list_t *list, const listing_t *l,
                        const scim_rows_t *rows, int count, int more)
{
    int backward = l->position.backward;
    int first = backward ? count - 1 : 0;
    int last = backward ? 0 : count - 1;

    if (count == 0) {
        return;
    }
    if (backward || more) {
        list->next = cursor_at(list, l, rows, last, 0);
    }
    if (backward ? more : l->position.id != NULL) {
        list->previous = cursor_at(list, l, rows, first, 1);
    }
}

/* For the page behind this one. */
static void keep_place(const scim_list_t *list, const listing_t *l,
                       const scim_rows_t *rows, int count)
{
    const char *name = count == l->page->count
                       ? kept_as(l, l->page->start_index + count) : NULL;
    scim_page_t page = *l->page;
    scim_position_t position = { 0, NULL, NULL, list->total };
    const char *text;

    if (!name) {
        return;
    }
    page.bound_to = name;
    position.key = own_value(l, rows, count - 1, KEY);
    position.id = scim_rows_value(rows, count - 1, SCIM_STORED_ID);
    text = scim_cursor_make(&position, l->call->principal, &page, l->pool);
    if (text) {
        scim_cache_put(l->call->places, name, text, strlen(text) + 1,
                       apr_time_now());
    }
}

/* A row that cannot be read does not hide the others. */
static scim_error_t *put_resources(scim_list_t *list, const listing_t *l,
                                   const scim_rows_t *rows, int count)
{
    int backward = l->position.backward;
    int i;

    for (i = 0; i < count; i++) {
        scim_error_t *error;
        cJSON *resource;

        SCIM_ERR(scim_work_check(l->call->rules.work, l->pool));
        error = l->store->read(&resource, l->call, rows,
                               backward ? count - 1 - i : i, 0);
        if (!error) {
            cJSON_AddItemReferenceToArray(list->resources, resource);
        }
        else if (l->call->left_out) {
            APR_ARRAY_PUSH(l->call->left_out, const char *) = error->cause;
        }
    }
    return NULL;
}

static scim_error_t *too_busy(const listing_t *l, const char *what)
{
    return scim_error_caused(l->pool, SCIM_E_UNAVAILABLE, SCIM_DATABASE_AWAY,
                             what);
}

/* A search that takes too long: in a small organization, it is the database
 * that does, unless its own limit has ended the search (error has a cause). */
static scim_error_t *too_slow(listing_t *l, scim_error_t *error)
{
    const char *mine = l->call->principal->organization_id;
    scim_rows_t *rows;
    scim_error_t *late = scim_db_query(&rows, l->call->db,
        apr_psprintf(l->pool, "SELECT FROM %s a WHERE"
                     " a.organization_id = $1::uuid"
                     " OFFSET " SMALL " LIMIT 1", l->store->table),
        1, &mine, 1, LOOK_MOST);

    if (late) {
        return late->kind != SCIM_E_TOO_MANY ? late
            : too_busy(l, "a search took longer than "
                       APR_STRINGIFY(SEARCH_SECONDS) " seconds, and then a"
                       " look at " SMALL " rows longer than half of one");
    }
    if (scim_rows_count(rows) == 0) {
        return error->cause ? error
            : too_busy(l, "a list that reads at most " SMALL " rows took"
                       " longer than " APR_STRINGIFY(SEARCH_SECONDS)
                       " seconds");
    }
    if (l->query.scanned) {
        return scim_error(l->pool, SCIM_E_TOO_MANY, "No index answers the"
                          " filter, because of '%s', and there are too many"
                          " resources to read all of them." HELPS,
                          l->query.scanned);
    }
    return l->order.has_index || l->condition
           ? scim_error(l->pool, SCIM_E_TOO_MANY, "Too many resources match"
                        " the filter to count them." HELPS)
           : scim_error(l->pool, SCIM_E_TOO_MANY, "No index has the order of"
                        " '%.120s', and there are too many resources to sort"
                        " them. What helps: sortBy userName, displayName,"
                        " externalId, id, meta.created or meta.lastModified,"
                        " or a filter.", l->page->sort_by);
}

/* What has a key is found at once: only the database can be slow. */
static scim_error_t *run(scim_rows_t **rows, listing_t *l)
{
    int is_search = (l->condition && !l->query.has_key)
                    || !l->order.has_index;
    scim_error_t *error = scim_db_query(rows, l->call->db, l->sql,
        l->query.parameters->nelts,
        (const char *const *) l->query.parameters->elts, l->query.indexed,
        is_search ? SEARCH_MOST : 0);

    return error && error->kind == SCIM_E_TOO_MANY ? too_slow(l, error)
                                                   : error;
}

scim_error_t *scim_store_list(scim_list_t *list, const scim_store_t *store,
                              scim_call_t *call, const scim_page_t *page)
{
    listing_t l = { .store = store, .call = call, .page = page,
                    .pool = call->pool };
    scim_rows_t *rows;
    int count, more;

    memset(list, 0, sizeof(*list));
    SCIM_ERR(read_position(&l));
    SCIM_ERR(start(&l));
    compose(&l);
    SCIM_ERR(run(&rows, &l));
    count = scim_rows_count(rows);
    list->resources = scim_json_own(cJSON_CreateArray(), call->pool);
    list->total = l.position.total;
    if (count > 0 && !l.position.id) {
        list->total = apr_atoi64(own_value(&l, rows, 0, TOTAL));
        list->is_lower_bound = !l.condition && list->total == most_counted(&l);
    }
    if (count > 0 && !scim_rows_value(rows, 0, SCIM_STORED_ID)) {
        return NULL;
    }
    more = (l.by_cursor || l.from_place) && count > page->count;
    if (more) {
        count = (int) page->count;
    }
    if (l.by_cursor) {
        put_cursors(list, &l, rows, count, more);
    }
    else {
        keep_place(list, &l, rows, count);
    }
    return put_resources(list, &l, rows, count);
}
