#include "resources/scim_resources.h"

#include <string.h>

#include <apr_strings.h>

#include "resources/scim_cursor.h"
#include "values/scim_json.h"
#include "rules/scim_query.h"
#include "scim_roles.h"
#include "scim_users.h"

typedef struct {
    const scim_resource_type_t *type;
    scim_list_fn *list;
} source_t;

#define SOURCES 2

/* The sources in the order of the list. */
static void put_in_order(source_t *sources, scim_call_t *call,
                         const scim_page_t *page)
{
    source_t users = { &scim_user_type, scim_users_list };
    source_t roles = { &scim_role_type, scim_roles_list };
    int users_first = 1;

    if (page->sort_by) {
        scim_resolver_t resolver = scim_schema_resolver(&scim_role_type,
                                                        &call->rules);
        scim_operand_t operand;
        int roles_have_it = !scim_query_sort_operand(&operand, page->sort_by,
                                                     &resolver, call->pool);

        users_first = roles_have_it == page->descending;
    }
    sources[0] = users_first ? users : roles;
    sources[1] = users_first ? roles : users;
}

static void append(scim_list_t *list, const scim_list_t *part)
{
    cJSON *resource;

    cJSON_ArrayForEach(resource, part->resources) {
        cJSON_AddItemReferenceToArray(list->resources, resource);
    }
    list->total += part->total;
}

static scim_error_t *list_by_index(scim_list_t *list, scim_call_t *call,
                                   const scim_page_t *page,
                                   const source_t *sources)
{
    scim_page_t rest = *page;
    int i;

    for (i = 0; i < SOURCES; i++) {
        scim_list_t part;

        SCIM_ERR(sources[i].list(&part, call, &rest));
        append(list, &part);
        rest.count -= cJSON_GetArraySize(part.resources);
        rest.start_index = rest.start_index > part.total
                           ? rest.start_index - part.total : 1;
    }
    return NULL;
}

/* A cursor is that of a source, with the name of its type before it. */
#define AFTER_NAME "."

static const char *named(const char *cursor, const source_t *source,
                         apr_pool_t *pool)
{
    return cursor ? apr_pstrcat(pool, source->type->name, AFTER_NAME, cursor,
                                NULL) : NULL;
}

/* The cursor of source in that of the list; NULL: it is another source's, or
 * none, for only the whole list has a beginning that anybody can name. */
static const char *own_cursor(const char *cursor, const source_t *source)
{
    apr_size_t length = strlen(source->type->name);

    return strncmp(cursor, source->type->name, length) == 0
           && strncmp(cursor + length, AFTER_NAME, 1) == 0
           && cursor[length + 1] ? cursor + length + 1 : NULL;
}

/* What a page of one source is asked for with. */
static scim_page_t page_of(const scim_page_t *page, const source_t *source,
                           const char *cursor, apr_pool_t *pool)
{
    scim_page_t part = *page;

    part.cursor = cursor;
    part.bound_to = apr_pstrcat(pool, page->bound_to, "\n",
                                source->type->name, NULL);
    return part;
}

static const char *beginning_of(scim_call_t *call, const scim_page_t *page,
                                const source_t *source)
{
    scim_page_t part = page_of(page, source, "", call->pool);
    scim_position_t beginning = { 0, NULL, NULL, 0 };

    return named(scim_cursor_make(&beginning, call->principal, &part,
                                  call->pool), source, call->pool);
}

/* Only how many there are. */
static scim_error_t *count(apr_int64_t *total, scim_call_t *call,
                           const scim_page_t *page, const source_t *source)
{
    scim_page_t nothing = *page;
    scim_list_t list;

    nothing.cursor = NULL;
    nothing.start_index = 1;
    nothing.count = 0;
    SCIM_ERR(source->list(&list, call, &nothing));
    *total = list.total;
    return NULL;
}

static scim_error_t *list_source(scim_list_t *list, scim_call_t *call,
                                 const scim_page_t *page,
                                 const source_t *source, const char *cursor)
{
    scim_page_t part_page = page_of(page, source, cursor, call->pool);
    scim_list_t part;

    SCIM_ERR(source->list(&part, call, &part_page));
    append(list, &part);
    list->next = named(part.next, source, call->pool);
    list->previous = named(part.previous, source, call->pool);
    return NULL;
}

static scim_error_t *list_by_cursor(scim_list_t *list, scim_call_t *call,
                                    const scim_page_t *page,
                                    const source_t *sources)
{
    const char *cursor = *page->cursor ? own_cursor(page->cursor, sources)
                                       : "";
    apr_int64_t others;

    if (!cursor) {
        cursor = own_cursor(page->cursor, sources + 1);
        SCIM_ERR(list_source(list, call, page, sources + 1,
                             cursor ? cursor : page->cursor));
        SCIM_ERR(count(&others, call, page, sources));
        list->total += others;
        return NULL;
    }
    SCIM_ERR(list_source(list, call, page, sources, cursor));
    if (!cJSON_GetArraySize(list->resources) && page->count > 0) {
        return list_source(list, call, page, sources + 1, "");
    }
    SCIM_ERR(count(&others, call, page, sources + 1));
    list->total += others;
    if (!list->next && others > 0 && page->count > 0) {
        list->next = beginning_of(call, page, sources + 1);
    }
    return NULL;
}

scim_error_t *scim_resources_list(scim_list_t *list, scim_call_t *call,
                                  const scim_page_t *page)
{
    scim_page_t any = *page;
    source_t sources[SOURCES];

    memset(list, 0, sizeof(*list));
    list->resources = scim_json_own(cJSON_CreateArray(), call->pool);
    any.any_type = 1;
    put_in_order(sources, call, page);
    return page->cursor ? list_by_cursor(list, call, &any, sources)
                        : list_by_index(list, call, &any, sources);
}
