/* SPDX-License-Identifier: Apache-2.0 */
/* The functions of the endpoints, see scim_endpoints.h.
 *
 * The function of an endpoint gets the exchange, in which parameters and body
 * have been read, calls the resource type, and fills in the reply.  Parameters
 * of a query and of a search are in one table, so that nothing else depends on
 * where they came from.
 */
#include "httpd/scim_endpoints.h"

#include <string.h>

#include <apr_hash.h>
#include <apr_strings.h>

#include "resources/scim_bulk.h"
#include "rules/scim_discovery.h"
#include "values/scim_etag.h"
#include "httpd/scim_limits.h"
#include "resources/scim_root.h"
#include "rules/scim_shape.h"
#include "values/scim_text.h"

#define SEARCH_URN "urn:ietf:params:scim:api:messages:2.0:SearchRequest"

/* Parameters: of a query as text, of a search in JSON. */

typedef enum { TEXT, INTEGER, NAMES } parameter_e;

static const struct {
    const char *name;
    parameter_e type;
} parameters[] = {
    { "filter", TEXT }, { "sortBy", TEXT }, { "sortOrder", TEXT },
    { "startIndex", INTEGER }, { "count", INTEGER }, { "cursor", TEXT },
    { "attributes", NAMES }, { "excludedAttributes", NAMES }
};
#define PARAMETERS (sizeof(parameters) / sizeof(*parameters))

/* Unless strict, an empty parameter is the same as none; but an empty cursor
 * asks for the first page (RFC 9865 section 2). */
static const char *parameter_of(const scim_exchange_t *x, const char *name)
{
    const char *value = apr_table_get(x->parameters, name);

    return value && (*value || x->call.rules.strict
                     || strcmp(name, "cursor") == 0) ? value : NULL;
}

static scim_error_t *read_projections(scim_exchange_t *x)
{
    int i;

    for (i = 0; scim_resources[i]; i++) {
        if (!x->resource || x->resource == scim_resources[i]) {
            SCIM_ERR(scim_projection_make(&x->projections[i],
                                          parameter_of(x, "attributes"),
                                          parameter_of(x,
                                                       "excludedAttributes"),
                                          scim_resources[i]->type,
                                          x->r->pool));
        }
    }
    return NULL;
}

scim_error_t *scim_endpoint_read_query(scim_exchange_t *x)
{
    const char *wanted[PARAMETERS + 1] = { NULL };
    apr_size_t i;

    for (i = 0; i < PARAMETERS; i++) {
        wanted[i] = parameters[i].name;
    }
    SCIM_ERR(scim_http_parameters(&x->parameters, x->r, wanted));
    return read_projections(x);
}

static const char *joined(const cJSON *names, apr_pool_t *pool)
{
    apr_array_header_t *texts = apr_array_make(pool, 16, sizeof(char *));
    const cJSON *name;

    cJSON_ArrayForEach(name, names) {
        if (!cJSON_IsString(name)) {
            return NULL;
        }
        APR_ARRAY_PUSH(texts, const char *) = name->valuestring;
    }
    return apr_array_pstrcat(pool, texts, ',');
}

/* The member of a SearchRequest as the text of the query parameter; NULL if it
 * has another type.  Clients also send the text of the query parameter: a
 * number or a list of names as a string; and one value instead of a list. */
static const char *search_text(const cJSON *value, parameter_e type,
                               const scim_rules_t *rules, apr_pool_t *pool)
{
    value = type == NAMES ? scim_shape_of_list(value, rules, pool)
            : scim_shape_of_simple(value, type == TEXT, rules, pool);
    if (cJSON_IsString(value) && (type == TEXT || !rules->strict)) {
        return value->valuestring;
    }
    switch (type) {
    case TEXT:
        return NULL;
    case INTEGER:
        return cJSON_IsNumber(value) ? scim_json_print(value, pool) : NULL;
    default:
        return cJSON_IsArray(value)
               && cJSON_GetArraySize(value) <= SCIM_MAX_ELEMENTS
               ? joined(value, pool) : NULL;
    }
}

scim_error_t *scim_endpoint_read_search(scim_exchange_t *x)
{
    apr_pool_t *pool = x->r->pool;
    apr_size_t i;

    if (!cJSON_IsObject(x->body)
        || (x->call.rules.strict
            && !scim_json_names(scim_json_member_nocase(x->body, "schemas"),
                                SEARCH_URN))) {
        return scim_error(pool, SCIM_E_INVALID_SYNTAX,
                          "The body must be an object with the schema "
                          SEARCH_URN ".");
    }
    x->parameters = apr_table_make(pool, PARAMETERS);
    for (i = 0; i < PARAMETERS; i++) {
        const char *name = parameters[i].name;
        const cJSON *value = scim_json_member_nocase(x->body, name);
        const char *text;

        if (scim_json_is_unassigned(value)) {
            continue;
        }
        text = search_text(value, parameters[i].type, &x->call.rules, pool);
        if (!text) {
            return scim_error(pool, SCIM_E_INVALID_SYNTAX,
                              "'%s' must be %s.", name,
                              parameters[i].type == TEXT ? "a string"
                              : parameters[i].type == INTEGER
                                ? "an integer" : "a list of strings");
        }
        apr_table_setn(x->parameters, name, text);
    }
    return read_projections(x);
}

/* startIndex is returned as a number, and cJSON prints fifteen digits. */
#define MAX_NUMBER APR_INT64_C(999999999999999)

static scim_error_t *get_number(apr_int64_t *number, scim_exchange_t *x,
                                const char *name, apr_int64_t otherwise)
{
    const char *text = parameter_of(x, name);

    *number = otherwise;
    if (text && (!scim_text_integer(text, number) || *number > MAX_NUMBER)) {
        return scim_error(x->r->pool, parameter_of(x, "cursor")
                                      ? SCIM_E_INVALID_COUNT
                                      : SCIM_E_INVALID_VALUE,
                          "The parameter '%s' must be an integer.", name);
    }
    return NULL;
}

static scim_error_t *get_order(scim_page_t *page, scim_exchange_t *x)
{
    const char *order = parameter_of(x, "sortOrder");

    page->sort_by = parameter_of(x, "sortBy");
    if (!page->sort_by || !order) {
        return NULL;
    }
    page->descending = strcasecmp(order, "descending") == 0;
    return page->descending || strcasecmp(order, "ascending") == 0
           ? NULL
           : scim_error(x->r->pool, SCIM_E_INVALID_VALUE,
                        "sortOrder must be ascending or descending, not"
                        " '%.40s'.", order);
}

static scim_error_t *get_cursor(scim_page_t *page, scim_exchange_t *x)
{
    const char *attributes = parameter_of(x, "attributes");
    const char *excluded = parameter_of(x, "excludedAttributes");

    page->cursor = parameter_of(x, "cursor");
    page->bound_to = apr_pstrcat(x->r->pool, x->target->endpoint, "\n",
                                 attributes ? attributes : "", "\n",
                                 excluded ? excluded : "", NULL);
    return page->cursor && parameter_of(x, "startIndex")
           ? scim_error(x->r->pool, SCIM_E_INVALID_VALUE,
                        "startIndex and cursor cannot be combined.")
           : NULL;
}

static scim_error_t *get_page(scim_page_t *page, scim_exchange_t *x)
{
    int most = x->max_results;

    memset(page, 0, sizeof(*page));
    page->version = scim_db_version(x->call.db);
    page->filter = parameter_of(x, "filter");
    SCIM_ERR(get_order(page, x));
    SCIM_ERR(get_cursor(page, x));
    SCIM_ERR(get_number(&page->start_index, x, "startIndex", 1));
    SCIM_ERR(get_number(&page->count, x, "count",
                        SCIM_DEFAULT_PAGE_SIZE));
    page->start_index = page->start_index < 1 ? 1 : page->start_index;
    page->count = page->count < 0 ? 0 : page->count;
    page->count = page->count > most ? most : page->count;
    return NULL;
}

/* Resources */

static cJSON *present(scim_exchange_t *x, const cJSON *resource,
                      const scim_resource_type_t *type)
{
    int i = 0;

    while (scim_resources[i]->type != type) {
        i++;
    }
    return scim_schema_present(resource, type, x->projections[i],
                               x->r->pool);
}

static const scim_resource_type_t *type_of(const cJSON *resource)
{
    return scim_resource_type_named(
        scim_json_text(scim_json_member(resource, "meta"), "resourceType"));
}

scim_error_t *scim_endpoint_list(scim_exchange_t *x)
{
    scim_list_fn *list_fn = x->resource ? x->resource->list : scim_root_list;
    cJSON *resources;
    const cJSON *resource;
    scim_list_t list;
    scim_page_t page;
    cJSON *body;

    SCIM_ERR(get_page(&page, x));
    SCIM_ERR(list_fn(&list, &x->call, &page));
    resources = cJSON_CreateArray();
    cJSON_ArrayForEach(resource, list.resources) {
        cJSON_AddItemToArray(resources,
                             present(x, resource, type_of(resource)));
    }
    body = scim_schema_list(list.total, page.start_index, resources,
                            x->r->pool);
    if (page.cursor) {
        scim_json_drop(body, "startIndex");
        scim_json_put_text(body, "previousCursor", list.previous);
        scim_json_put_text(body, "nextCursor", list.next);
    }
    x->reply.body = body;
    return NULL;
}

static void reply_resource(scim_exchange_t *x, const cJSON *resource)
{
    const cJSON *meta = scim_json_member(resource, "meta");

    x->reply.location = scim_json_text(meta, "location");
    x->reply.etag = scim_json_text(meta, "version");
    x->reply.body = scim_json_own(present(x, resource, x->resource->type),
                                  x->r->pool);
}

/* If-Match is checked before If-None-Match (RFC 9110 §13.2.2). */
static scim_error_t *consider_conditions(scim_exchange_t *x)
{
    if (x->call.if_match && x->reply.etag
        && !scim_etag_named(x->call.if_match, x->reply.etag)) {
        return scim_error(x->r->pool, SCIM_E_PRECONDITION,
                          "The resource is at version %s.", x->reply.etag);
    }
    if (x->call.if_none_match && x->reply.etag
        && scim_etag_named(x->call.if_none_match, x->reply.etag)) {
        x->reply.status = HTTP_NOT_MODIFIED;
        x->reply.body = NULL;
    }
    return NULL;
}

scim_error_t *scim_endpoint_get(scim_exchange_t *x)
{
    cJSON *resource;

    if (parameter_of(x, "filter") && x->call.rules.strict) {
        return scim_error(x->r->pool, SCIM_E_INVALID_FILTER,
                          "filter cannot be used with a single %s.",
                          x->resource->type->name);
    }
    SCIM_ERR(x->resource->get(&resource, &x->call, x->target->id));
    reply_resource(x, resource);
    return consider_conditions(x);
}

scim_error_t *scim_endpoint_create(scim_exchange_t *x)
{
    cJSON *resource;

    SCIM_ERR(x->resource->create(&resource, &x->call, x->body));
    reply_resource(x, resource);
    x->reply.status = HTTP_CREATED;
    return NULL;
}

static scim_error_t *change_resource(scim_exchange_t *x, scim_change_fn *how)
{
    cJSON *resource;

    SCIM_ERR(how(&resource, &x->call, x->target->id, x->body));
    reply_resource(x, resource);
    return NULL;
}

scim_error_t *scim_endpoint_replace(scim_exchange_t *x)
{
    return change_resource(x, x->resource->replace);
}

scim_error_t *scim_endpoint_patch(scim_exchange_t *x)
{
    x->call.is_quiet = x->resource->is_quiet
                       && !parameter_of(x, "attributes")
                       && !parameter_of(x, "excludedAttributes");
    SCIM_ERR(change_resource(x, x->resource->patch));
    if (x->call.is_quiet) {
        x->reply.status = HTTP_NO_CONTENT;
        x->reply.body = NULL;
    }
    return NULL;
}

scim_error_t *scim_endpoint_delete(scim_exchange_t *x)
{
    x->reply.status = HTTP_NO_CONTENT;
    return x->resource->remove(&x->call, x->target->id);
}

/* Each operation counts as a request, or bulk requests would bypass the limit.
 * A request with too many operations is refused by scim_bulk_run. */
static scim_error_t *count_operations(scim_exchange_t *x)
{
    int count = scim_bulk_count(&x->call, x->body);

    return count > x->max_operations ? NULL
           : scim_limits_count(x->r, x->call.principal->organization_key,
                               count);
}

scim_error_t *scim_endpoint_bulk(scim_exchange_t *x)
{
    cJSON *response;

    if (x->max_operations == 0) {
        return scim_endpoint_not_offered(x);
    }
    SCIM_ERR(count_operations(x));
    SCIM_ERR(scim_bulk_run(&response, &x->failure, &x->call, x->body,
                           x->max_operations));
    x->reply.body = response;
    return NULL;
}

scim_error_t *scim_endpoint_not_offered(scim_exchange_t *x)
{
    return scim_error(x->r->pool, SCIM_E_NOT_IMPLEMENTED,
                      "This server does not offer %s.",
                      x->target->endpoint);
}

/* Discovery */

static scim_discovery_t discovery_of(scim_exchange_t *x)
{
    scim_discovery_t discovery;

    memset(&discovery, 0, sizeof(discovery));
    discovery.pool = x->r->pool;
    discovery.base = x->call.base;
    discovery.rules = &x->call.rules;
    discovery.max_results = x->max_results;
    discovery.max_operations = x->max_operations;
    discovery.max_body_size = x->max_body_size;
    return discovery;
}

/* Documents have no version, so the ETag is a hash of the content. */
static const char *etag_of_document(const cJSON *document, apr_pool_t *pool)
{
    apr_ssize_t length = APR_HASH_KEY_STRING;
    const char *text = scim_json_print(document, pool);

    return scim_etag_make(pool, apr_psprintf(pool, "%08x",
                              apr_hashfunc_default(text, &length)));
}

static scim_error_t *reply_document(scim_exchange_t *x, cJSON *document)
{
    if (!document) {
        return scim_error(x->r->pool, SCIM_E_NOT_FOUND,
                          "There is no '%.120s' in %s.",
                          x->target->id, x->target->endpoint);
    }
    if (parameter_of(x, "filter")) {
        return scim_error(x->r->pool, SCIM_E_FORBIDDEN,
                          "filter cannot be used with %s.",
                          x->target->endpoint);
    }
    x->reply.body = document;
    x->reply.etag = etag_of_document(document, x->r->pool);
    return consider_conditions(x);
}

scim_error_t *scim_endpoint_get_config(scim_exchange_t *x)
{
    scim_discovery_t discovery = discovery_of(x);

    return reply_document(x,
                          scim_discovery_service_provider_config(&discovery));
}

scim_error_t *scim_endpoint_get_schemas(scim_exchange_t *x)
{
    scim_discovery_t discovery = discovery_of(x);
    const char *urn = x->target->id;

    return reply_document(x, urn ? scim_discovery_schema(&discovery, urn)
                                 : scim_discovery_schemas(&discovery));
}

scim_error_t *scim_endpoint_get_resource_types(scim_exchange_t *x)
{
    scim_discovery_t discovery = discovery_of(x);
    const char *name = x->target->id;

    return reply_document(x, name
                          ? scim_discovery_resource_type(&discovery, name)
                          : scim_discovery_resource_types(&discovery));
}
