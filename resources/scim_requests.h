/* SPDX-License-Identifier: Apache-2.0 */
/* scim_requests: the log of requests, for an organization's administrators:
 * what its identity provider has sent (scim.request), sums of hours
 * (scim.request_hour), and the accounts that it has asked for
 * (scim.account_seen).
 *
 * The tables of the version before have none of it: SCIM_E_OUTDATED. */
#ifndef SCIM_REQUESTS_H
#define SCIM_REQUESTS_H

#include <apr_pools.h>
#include <apr_tables.h>
#include <apr_time.h>
#include <cjson/cJSON.h>

#include "storage/scim_db.h"
#include "values/scim_error.h"

/* A request, or several that are equal.  There is no value of an attribute in
 * it (scim_masked.h). */
typedef struct {
    const char *organization_id;
    const char *token_id;
    const char *actor_name;      /* of the token */
    const char *method;
    const char *path;            /* below the SCIM Location */
    const char *filter;          /* masked, or NULL */
    const char *operations;      /* masked, one in a line, or NULL */
    const char *scim_type;       /* or NULL */
    const char *resource_type;   /* "User", or NULL */
    const char *resource_id;     /* a UUID, or NULL */
    const char *request_id;
    int status;
    apr_time_t at;               /* the latest */
    apr_interval_time_t took;    /* all together */
    int count;                   /* how many it stands for */
    int changes;                 /* resources that were changed */
    int refusals;
    int warnings;
} scim_request_t;

/* An account that a request has asked for, found or written. */
typedef struct {
    const char *organization_id;
    const char *account_id;
} scim_seen_t;

/* Write requests, of scim_request_t *, and seen, of scim_seen_t, in one
 * statement.  After SCIM_E_UNAVAILABLE they may have been written or not; if
 * they have, writing the same ones again adds nothing. */
scim_error_t *scim_requests_write(scim_db_t *db,
                                  const apr_array_header_t *requests,
                                  const apr_array_header_t *seen,
                                  apr_pool_t *pool) SCIM_CHECKED;

/* Delete what is beyond the number of requests that is kept of each of the
 * organizations, of const char *, which are ids. */
scim_error_t *scim_requests_prune(scim_db_t *db,
                                  const apr_array_header_t *organizations,
                                  apr_pool_t *pool) SCIM_CHECKED;

/* Delete some of what is too old, of all organizations; *has_more if it has to
 * be called again. */
scim_error_t *scim_requests_sweep(int *has_more, scim_db_t *db) SCIM_CHECKED;

/* The requests that are wanted; NULL: any. */
typedef struct {
    const char *outcome;         /* "changed", "refused", "read" (neither) or
                                  * "all"; anything else is
                                  * SCIM_E_INVALID_VALUE */
    const char *token;           /* its name */
    const char *since;           /* an xsd:dateTime */
    const char *until;
    const char *before;          /* the member next of a page */
    int count;
} scim_requests_query_t;

/* *list, of pool: {"entries": [...], "next": text or absent}, the latest
 * first. */
scim_error_t *scim_requests_list(cJSON **list, scim_db_t *db,
                                 const char *organization_id,
                                 const scim_requests_query_t *query,
                                 apr_pool_t *pool) SCIM_CHECKED;

/* *health, of pool: how provisioning is doing (docs/settings.md). */
scim_error_t *scim_requests_health(cJSON **health, scim_db_t *db,
                                   const char *organization_id,
                                   apr_pool_t *pool) SCIM_CHECKED;

#endif
