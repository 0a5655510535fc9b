/* SPDX-License-Identifier: Apache-2.0 */
/* Lists in memory: select, sort, then cut the page out. */
#include "resources/scim_small.h"

#include <string.h>

#include "resources/scim_cursor.h"
#include "rules/scim_query.h"
#include "values/scim_json.h"

/* The resources that a list selects, in its order. */
typedef struct {
    const cJSON **resources;
    int count;
    scim_operand_t order;        /* name NULL: unsorted */
    int descending;
} selection_t;

static int comes_before(const selection_t *s, const cJSON *a, const cJSON *b,
                        apr_pool_t *pool)
{
    int order = s->order.name ? scim_filter_order(&s->order, a, b, pool) : 0;

    return s->descending ? order > 0 : order < 0;
}

static void insert_in_order(selection_t *s, const cJSON *resource,
                            apr_pool_t *pool)
{
    int at = s->count++;

    while (at > 0
           && comes_before(s, resource, s->resources[at - 1], pool)) {
        s->resources[at] = s->resources[at - 1];
        at--;
    }
    s->resources[at] = resource;
}

static scim_error_t *select_from(selection_t *s, scim_call_t *call,
                                 const scim_page_t *page,
                                 const scim_resource_type_t *type,
                                 const cJSON *all)
{
    scim_resolver_t resolver = page->any_type
        ? scim_schema_resolver_any(type, &call->rules)
        : scim_schema_resolver(type, &call->rules);
    scim_filter_t *filter = NULL;
    const cJSON *resource;

    memset(s, 0, sizeof(*s));
    s->resources = apr_palloc(call->pool, cJSON_GetArraySize(all)
                                          * sizeof(*s->resources));
    s->descending = page->descending;
    if (page->filter) {
        SCIM_ERR(scim_filter_parse(&filter, page->filter, &resolver,
                                   call->pool));
        call->filter = filter;
    }
    if (page->sort_by) {
        SCIM_ERR(scim_query_sort_operand(&s->order, page->sort_by, &resolver,
                                         call->pool));
    }
    cJSON_ArrayForEach(resource, all) {
        if (!filter || scim_filter_match(filter, resource, call->pool)) {
            insert_in_order(s, resource, call->pool);
        }
    }
    return NULL;
}

/* The index in the selection where the page of a cursor begins. */
static scim_error_t *place_of_cursor(int *place, scim_call_t *call,
                                     const scim_page_t *page,
                                     const selection_t *s)
{
    scim_position_t position;

    SCIM_ERR(scim_cursor_read(&position, call->principal, page,
                              call->pool));
    *place = 0;
    while (*place < s->count && position.id
           && strcmp(scim_json_text(s->resources[*place], "id"),
                     position.id) != 0) {
        (*place)++;
    }
    if (position.backward) {
        *place = *place > page->count ? *place - (int) page->count : 0;
    }
    return NULL;
}

static const char *cursor_to(scim_call_t *call, const scim_page_t *page,
                             const cJSON *resource, int backward)
{
    scim_position_t position = { backward, NULL,
                                 scim_json_text(resource, "id"), 0 };

    return scim_cursor_make(&position, call->principal, page, call->pool);
}

scim_error_t *scim_small_list(scim_list_t *list, scim_call_t *call,
                              const scim_page_t *page,
                              const scim_resource_type_t *type,
                              const cJSON *all)
{
    selection_t s;
    int first, end;

    memset(list, 0, sizeof(*list));
    SCIM_ERR(select_from(&s, call, page, type, all));
    list->total = s.count;
    list->resources = scim_json_own(cJSON_CreateArray(), call->pool);
    if (page->cursor) {
        SCIM_ERR(place_of_cursor(&first, call, page, &s));
    }
    else {
        first = page->start_index > s.count ? s.count
                                            : (int) page->start_index - 1;
    }
    end = page->count > s.count - first ? s.count : first + (int) page->count;
    if (page->cursor && page->count > 0) {
        list->next = end < s.count
                     ? cursor_to(call, page, s.resources[end], 0) : NULL;
        list->previous = first > 0
                         ? cursor_to(call, page, s.resources[first], 1)
                         : NULL;
    }
    for (; first < end; first++) {
        cJSON_AddItemReferenceToArray(list->resources,
                                      (cJSON *) s.resources[first]);
    }
    return NULL;
}
