/* SPDX-License-Identifier: Apache-2.0 */
/* scim_endpoints: the functions of the endpoints, one for each method; they
 * are between HTTP and the resources. */
#ifndef SCIM_ENDPOINTS_H
#define SCIM_ENDPOINTS_H

#include <httpd.h>
#include <apr_tables.h>
#include <cjson/cJSON.h>

#include "httpd/scim_http.h"
#include "rules/scim_schema.h"
#include "resources/scim_resource.h"

/* One request being served. */
typedef struct {
    request_rec *r;
    const scim_target_t *target;
    const scim_resource_t *resource; /* of the endpoint in the path; NULL: all
                                      * types, or none */
    int max_results;             /* SCIMMaxResults */
    int max_body_size;           /* SCIMMaxBodySize */
    int max_group_body_size;     /* SCIMMaxGroupBodySize */
    int max_operations;          /* SCIMBulkMaxOperations */
    apr_table_t *parameters;     /* of the query, or of a search */
    int has_begun_body;          /* it is being read, or was */
    const char *text;            /* of the whole body, or NULL */
    apr_size_t length;
    cJSON *body;                 /* NULL without one */
    scim_projection_t *projections[SCIM_RESOURCE_TYPES];
    apr_time_t known_at;         /* when call.principal was looked up,
                                  * by scim_clock */
    scim_expectation_t *expected; /* which call.principal is, or NULL */
    scim_work_t work;            /* which call.rules refer to */
    scim_call_t call;            /* with db if the route uses it */
    scim_reply_t reply;          /* to be filled */
    scim_error_t *failure;       /* an error behind a successful answer, for
                                  * the log; or NULL */
} scim_exchange_t;

typedef scim_error_t *scim_endpoint_fn(scim_exchange_t *x);

/* Fill parameters and projections from the query, or from the SearchRequest in
 * the body (RFC 7644 section 3.4.3). */
scim_endpoint_fn scim_endpoint_read_query;
scim_endpoint_fn scim_endpoint_read_search;

/* For the resource type of the path, which offers the operation; list is for
 * all types if the path has none. */
scim_endpoint_fn scim_endpoint_list;
scim_endpoint_fn scim_endpoint_get;
scim_endpoint_fn scim_endpoint_create;
scim_endpoint_fn scim_endpoint_replace;
scim_endpoint_fn scim_endpoint_patch;
scim_endpoint_fn scim_endpoint_delete;

/* SCIM_E_NOT_IMPLEMENTED if SCIMBulkMaxOperations is 0. */
scim_endpoint_fn scim_endpoint_bulk;

scim_endpoint_fn scim_endpoint_get_config;
scim_endpoint_fn scim_endpoint_get_schemas;
scim_endpoint_fn scim_endpoint_get_resource_types;

/* SCIM_E_NOT_IMPLEMENTED. */
scim_endpoint_fn scim_endpoint_not_offered;

#endif
