/* SPDX-License-Identifier: Apache-2.0 */
/* scim_call: parameters and results of the operations of all resource
 * types. */
#ifndef SCIM_CALL_H
#define SCIM_CALL_H

#include <apr_pools.h>
#include <apr_tables.h>
#include <cjson/cJSON.h>

#include "storage/scim_db.h"
#include "values/scim_cache.h"
#include "values/scim_error.h"
#include "rules/scim_schema.h"
#include "scim_tokens.h"

/* The id of the resource that the POST with bulk_id creates; NULL if it is not
 * known yet and will be added later. */
typedef scim_error_t *scim_resolve_bulk_id_fn(const char **id, void *baton,
                                              const char *bulk_id,
                                              apr_pool_t *pool);
#define SCIM_BULK_ID "bulkId:"    /* begins a reference by bulkId */

/* Bytes of an account as JSON text, without id and meta. */
#define SCIM_DEFAULT_MAX_RESOURCE_SIZE 262144

/* Members of all groups in one answer. */
#define SCIM_DEFAULT_MAX_MEMBERS 100000

/* The context of one request. */
typedef struct {
    apr_pool_t *pool;
    scim_db_t *db;
    scim_rules_t rules;
    const scim_principal_t *principal;
    const char *base;             /* https://host/scim/acme/v2 */
    scim_projection_t *const *projections; /* what is answered, in the order
                                   * of scim_resources; NULL: all of it */
    int is_quiet;                 /* of a resource only id and meta are
                                   * answered */
    const char *if_match;         /* header values or NULL */
    const char *if_none_match;
    const scim_filter_t *filter;  /* of a list, once it was parsed */
    apr_array_header_t *notes;    /* of scim_note_t: what was ignored */
    apr_array_header_t *left_out; /* of const char *: what a list could not
                                   * show and why, for the log; or NULL */
    apr_array_header_t *refusals; /* of scim_refusal_t: operations of a bulk
                                   * request that were refused; else NULL */
    apr_array_header_t *warnings; /* of scim_warning_t: what was lost by a
                                   * request, or operations of a bulk request,
                                   * that succeeded; else NULL */
    scim_resolve_bulk_id_fn *resolve; /* NULL outside a bulk request */
    void *resolve_baton;
    apr_size_t max_resource_size; /* SCIMMaxResourceSize */
    int max_members;              /* SCIMMaxMembers, of groups in an answer */
    scim_cache_t *places;         /* of pages of lists, or NULL */
    scim_is_gone_fn *is_gone;     /* NULL: never */
    void *is_gone_baton;
} scim_call_t;

/* A page of a list (RFC 7644 section 3.4.2, RFC 9865). */
typedef struct {
    const char *filter;           /* text or NULL */
    const char *sort_by;          /* attribute name or NULL: as it comes */
    int descending;
    int any_type;                 /* filter and sort_by may name what only
                                   * another type has: no value here */
    apr_int64_t count;            /* the most resources; 0: only the total */
    apr_int64_t start_index;      /* from 1; without cursor */
    const char *cursor;           /* NULL: by index; "": the first page */
    const char *bound_to;         /* what else a cursor holds for only; not
                                   * NULL with a cursor */
    int version;                  /* of the tables: their upgrade, which may
                                   * change orders, ends all cursors */
} scim_page_t;

typedef struct {
    cJSON *resources;             /* array of resources in the schema's
                                   * spelling with id and meta, to be given to
                                   * scim_schema_present */
    apr_int64_t total;            /* of all matches */
    int is_lower_bound;           /* there may be more: they were not counted
                                   * any further */
    const char *next;             /* cursors; NULL: there is no such page */
    const char *previous;
} scim_list_t;

/* A page of the resources of one type.  A cursor of another list is
 * SCIM_E_INVALID_CURSOR, an old one SCIM_E_EXPIRED_CURSOR, one with another
 * count SCIM_E_INVALID_COUNT. */
typedef scim_error_t *scim_list_fn(scim_list_t *list, scim_call_t *call,
                                   const scim_page_t *page) SCIM_CHECKED;

#endif
