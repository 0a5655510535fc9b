/* SPDX-License-Identifier: Apache-2.0 */
/* scim_token_notes: what administrators should know of tokens before their
 * identity provider stops working, and afterwards. */
#ifndef SCIM_TOKEN_NOTES_H
#define SCIM_TOKEN_NOTES_H

#include <apr_pools.h>

#include "storage/scim_db.h"
#include "values/scim_error.h"

/* A request that was refused because its token is none. */
typedef struct {
    const char *organization;    /* key */
    const char *hash;            /* of the token: scim_tokens_hash */
    const char *method;
    const char *path;            /* below the SCIM Location */
} scim_refused_token_t;

/* If it was a token of that organization and has expired or was deleted, note
 * that it is still used, at most once a minute, and tell it in Activity, at
 * most once an hour.  Of any other token nothing is written. */
scim_error_t *scim_token_notes_refused(scim_db_t *db,
                                       const scim_refused_token_t *refused,
                                       apr_pool_t *pool) SCIM_CHECKED;

/* An event for each token that ends in less than 30, 7 or 1 days, once each
 * whoever calls this and how often; *count is their number.  Tokens that were
 * deleted 90 days ago are forgotten. */
scim_error_t *scim_token_notes_ends(int *count, scim_db_t *db) SCIM_CHECKED;

#endif
