/* SPDX-License-Identifier: Apache-2.0 */
/* scim_discovery: the documents of the discovery endpoints (RFC 7644 section
 * 4).
 *
 * Everything about attributes is read from the attribute tables; the three
 * schemas of the discovery resources themselves have their tables here.
 */
#ifndef SCIM_DISCOVERY_H
#define SCIM_DISCOVERY_H

#include <apr_pools.h>
#include <cjson/cJSON.h>

#include "rules/scim_schema.h"

/* How many resources a page of a list has if the client gives no count. */
#define SCIM_DEFAULT_PAGE_SIZE 100

/* How long a cursor is valid. */
#define SCIM_CURSOR_SECONDS 3600

typedef struct {
    apr_pool_t *pool;           /* owns the answers */
    const char *base;           /* public URL up to and with "/v2" */
    const scim_rules_t *rules;
    int max_results;            /* SCIMMaxResults */
    int max_operations;         /* SCIMBulkMaxOperations; 0: no bulk */
    int max_body_size;          /* SCIMMaxBodySize */
} scim_discovery_t;

/* GET /ServiceProviderConfig (RFC 7643 section 5). */
cJSON *scim_discovery_service_provider_config(const scim_discovery_t *d);

/* GET /ResourceTypes, a ListResponse (RFC 7643 section 6). */
cJSON *scim_discovery_resource_types(const scim_discovery_t *d);

/* GET /ResourceTypes/{name}; NULL when there is no such type. */
cJSON *scim_discovery_resource_type(const scim_discovery_t *d,
                                    const char *name);

/* GET /Schemas, a ListResponse (RFC 7643 section 7). */
cJSON *scim_discovery_schemas(const scim_discovery_t *d);

/* GET /Schemas/{urn}, in any case; NULL when there is no such schema. */
cJSON *scim_discovery_schema(const scim_discovery_t *d, const char *urn);

#endif
