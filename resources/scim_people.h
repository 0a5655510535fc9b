/* SPDX-License-Identifier: Apache-2.0 */
/* scim_people: the accounts of people who have signed in to httpd. */
#ifndef SCIM_PEOPLE_H
#define SCIM_PEOPLE_H

#include <apr_pools.h>

#include "storage/scim_db.h"
#include "values/scim_error.h"
#include "scim_tokens.h"

/* Which groups of a person are asked for. */
typedef struct {
    const char *meant;           /* an array of text, references to groups:
                                  * "displayName:Sales", "externalId:00g1",
                                  * "id:UUID" (lower case) */
    int all;                     /* and all others */
} scim_people_groups_t;

/* Strings live in the pool of the connection that read them; all but id,
 * user_name, role and roles may be NULL. */
typedef struct {
    const char *id;
    const char *user_name;
    const char *display_name;
    const char *role;
    const char *roles;           /* the SCIM attribute, as JSON */
    const char *meant_groups;    /* of an active account, those of the meant
                                  * groups that it is in, directly or not: an
                                  * array of {value, display, reference} as
                                  * JSON, a group once for each reference */
    const char *all_groups;      /* the same of all, if asked for, without
                                  * references and by display */
    int active;
    const char *language;
    const char *timezone;
    const char *organization_name;
    scim_principal_t principal;  /* the account as an actor */
} scim_person_t;

/* The account of the organization called key whose userName, or externalId,
 * is value: one statement.  The case of a userName does not count, but
 * compatibility characters (full-width letters) do not match ordinary ones.
 * groups NULL: no group is asked for, and that costs nothing.
 * SCIM_E_NOT_FOUND if there is no such organization; SCIM_E_FORBIDDEN if no
 * account or more than one has the value, or if no account can have it; the
 * detail says which, with the value shortened. */
scim_error_t *scim_people_find(scim_person_t **person, scim_db_t *db,
                               const char *key, int by_external_id,
                               const char *value,
                               const scim_people_groups_t *groups,
                               apr_pool_t *pool)
    SCIM_CHECKED;

#endif
