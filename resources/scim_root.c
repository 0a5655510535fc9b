/* SPDX-License-Identifier: Apache-2.0 */
/* Lists over all resource types, see scim_root.h.
 *
 * Each type is a source with its list function.  A page by index is filled
 * from one source after the other; a page by cursor has rows of one source,
 * and its cursors name the source.
 */
#include "resources/scim_root.h"

#include <string.h>

#include <apr_strings.h>

#include "resources/scim_cursor.h"
#include "resources/scim_resource.h"
#include "rules/scim_query.h"
#include "values/scim_json.h"

/* The types in the order of the list. */
typedef const scim_resource_t *sources_t[SCIM_RESOURCE_TYPES];

static int has_attribute(const scim_resource_t *resource, scim_call_t *call,
                         const char *name)
{
    scim_resolver_t resolver = scim_schema_resolver(resource->type,
                                                    &call->rules);
    scim_operand_t operand;

    return !scim_query_sort_operand(&operand, name, &resolver, call->pool);
}

/* Sources without the attribute of the order come last, or first when
 * descending. */
static void put_in_order(sources_t sources, scim_call_t *call,
                         const scim_page_t *page)
{
    int last[SCIM_RESOURCE_TYPES];
    int count = 0;
    int pass, i;

    for (i = 0; i < SCIM_RESOURCE_TYPES; i++) {
        last[i] = page->sort_by
                  && has_attribute(scim_resources[i], call, page->sort_by)
                     == page->descending;
    }
    for (pass = 0; pass < 2; pass++) {
        for (i = 0; i < SCIM_RESOURCE_TYPES; i++) {
            if (last[i] == pass) {
                sources[count++] = scim_resources[i];
            }
        }
    }
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
                                   const sources_t sources)
{
    scim_page_t rest = *page;
    int i;

    for (i = 0; i < SCIM_RESOURCE_TYPES; i++) {
        scim_list_t part;

        SCIM_ERR(sources[i]->list(&part, call, &rest));
        append(list, &part);
        rest.count -= cJSON_GetArraySize(part.resources);
        rest.start_index = rest.start_index > part.total
                           ? rest.start_index - part.total : 1;
    }
    return NULL;
}

/* A cursor is the cursor of a source, with the name of its type in front. */
#define AFTER_NAME "."

static const char *named(const char *cursor, const scim_resource_t *source,
                         apr_pool_t *pool)
{
    return cursor ? apr_pstrcat(pool, source->type->name, AFTER_NAME, cursor,
                                NULL) : NULL;
}

/* The cursor of source in the cursor of the list; NULL if it belongs to
 * another source, or is empty: only the whole list can begin with an empty
 * cursor. */
static const char *own_cursor(const char *cursor,
                              const scim_resource_t *source)
{
    apr_size_t length = strlen(source->type->name);

    return strncmp(cursor, source->type->name, length) == 0
           && strncmp(cursor + length, AFTER_NAME, 1) == 0
           && cursor[length + 1] ? cursor + length + 1 : NULL;
}

/* The page of one source. */
static scim_page_t page_of(const scim_page_t *page,
                           const scim_resource_t *source,
                           const char *cursor, apr_pool_t *pool)
{
    scim_page_t part = *page;

    part.cursor = cursor;
    part.bound_to = apr_pstrcat(pool, page->bound_to, "\n",
                                source->type->name, NULL);
    return part;
}

static const char *beginning_of(scim_call_t *call, const scim_page_t *page,
                                const scim_resource_t *source)
{
    scim_page_t part = page_of(page, source, "", call->pool);
    scim_position_t beginning = { 0, NULL, NULL, 0 };

    return named(scim_cursor_make(&beginning, call->principal, &part,
                                  call->pool), source, call->pool);
}

/* The number of resources only. */
static scim_error_t *count_source(apr_int64_t *total, scim_call_t *call,
                                  const scim_page_t *page,
                                  const scim_resource_t *source)
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
                                 const scim_resource_t *source,
                                 const char *cursor)
{
    scim_page_t part_page = page_of(page, source, cursor, call->pool);
    scim_list_t part;

    SCIM_ERR(source->list(&part, call, &part_page));
    append(list, &part);
    list->next = named(part.next, source, call->pool);
    list->previous = named(part.previous, source, call->pool);
    return NULL;
}

/* The source of the cursor; *cursor becomes the source's own.  A cursor of no
 * source is given to the last one, which refuses it. */
static int source_of(const char **cursor, const sources_t sources)
{
    int i = 0;

    if (**cursor) {
        const char *own = own_cursor(*cursor, sources[i]);

        while (!own && i + 1 < SCIM_RESOURCE_TYPES) {
            own = own_cursor(*cursor, sources[++i]);
        }
        *cursor = own ? own : *cursor;
    }
    return i;
}

/* Add the totals of the sources that are not on the page; *follows is the
 * first one after the page that has resources, or NULL. */
static scim_error_t *count_others(const scim_resource_t **follows,
                                  scim_list_t *list, scim_call_t *call,
                                  const scim_page_t *page,
                                  const sources_t sources, int from, int to)
{
    int i;

    *follows = NULL;
    for (i = 0; i < SCIM_RESOURCE_TYPES; i++) {
        apr_int64_t others;

        if (i >= from && i <= to) {
            continue;
        }
        SCIM_ERR(count_source(&others, call, page, sources[i]));
        list->total += others;
        if (i > to && others > 0 && !*follows) {
            *follows = sources[i];
        }
    }
    return NULL;
}

/* A page of the first source that has resources, from the cursor's source
 * on. */
static scim_error_t *list_by_cursor(scim_list_t *list, scim_call_t *call,
                                    const scim_page_t *page,
                                    const sources_t sources)
{
    const char *cursor = page->cursor;
    const scim_resource_t *follows;
    int from = source_of(&cursor, sources);
    int at = from;

    SCIM_ERR(list_source(list, call, page, sources[at], cursor));
    while (!list->resources->child && page->count > 0
           && at + 1 < SCIM_RESOURCE_TYPES) {
        SCIM_ERR(list_source(list, call, page, sources[++at], ""));
    }
    SCIM_ERR(count_others(&follows, list, call, page, sources, from, at));
    if (!list->next && follows && page->count > 0) {
        list->next = beginning_of(call, page, follows);
    }
    return NULL;
}

scim_error_t *scim_root_list(scim_list_t *list, scim_call_t *call,
                             const scim_page_t *page)
{
    scim_page_t any = *page;
    sources_t sources;

    memset(list, 0, sizeof(*list));
    list->resources = scim_json_own(cJSON_CreateArray(), call->pool);
    any.any_type = 1;
    put_in_order(sources, call, page);
    return page->cursor ? list_by_cursor(list, call, &any, sources)
                        : list_by_index(list, call, &any, sources);
}
