/* SPDX-License-Identifier: Apache-2.0 */
/* scim_activity: the activity of an organization, for its administrators:
 * changes (scim.event) and refused requests (scim.refusal) as one list. */
#ifndef SCIM_ACTIVITY_H
#define SCIM_ACTIVITY_H

#include <apr_pools.h>
#include <cjson/cJSON.h>

#include "storage/scim_db.h"
#include "values/scim_error.h"
#include "scim_tokens.h"

/* A request that was refused; texts may be of any length and are shortened. */
typedef struct {
    const char *method;
    const char *path;            /* below the SCIM Location */
    const char *resource_type;   /* "User": whose endpoint the path names, or
                                  * NULL */
    const char *id;              /* of the path, or NULL */
    const char *user_name;       /* of the body, or NULL */
    const scim_error_t *error;
} scim_refusal_t;

/* Store the refusal; the latest SCIM_REFUSALS_KEPT of an organization are kept
 * for 30 days. */
scim_error_t *scim_activity_refused(scim_db_t *db,
                                    const scim_principal_t *principal,
                                    const scim_refusal_t *refusal,
                                    apr_pool_t *pool) SCIM_CHECKED;

/* The entries that are wanted. */
typedef struct {
    const char *outcome;         /* "changed", "refused", "guest" (downgrades
                                  * to GUEST) or NULL for all; anything else
                                  * is SCIM_E_INVALID_VALUE */
    const char *about;           /* the userName of an account, the displayName
                                  * of a group, the id of either, or NULL */
    const char *before;          /* a sequence: only those before; or NULL */
    int count;
} scim_activity_query_t;

/* *list, of pool: {"entries": [...], "next": sequence or absent}, the latest
 * first. */
scim_error_t *scim_activity_list(cJSON **list, scim_db_t *db,
                                 const char *organization_id,
                                 const scim_activity_query_t *query,
                                 apr_pool_t *pool) SCIM_CHECKED;

#endif
