/* SPDX-License-Identifier: Apache-2.0 */
/* scim_activity: the activity of an organization, for its administrators:
 * changes (scim.event), refused requests and warnings (scim.refusal) as one
 * list. */
#ifndef SCIM_ACTIVITY_H
#define SCIM_ACTIVITY_H

#include <apr_pools.h>
#include <cjson/cJSON.h>

#include "rules/scim_note.h"
#include "storage/scim_db.h"
#include "values/scim_error.h"
#include "scim_tokens.h"

/* A request, or an operation of a bulk request; texts may be of any length and
 * are shortened. */
typedef struct {
    const char *method;
    const char *path;            /* below the SCIM Location */
    const char *resource_type;   /* "User": whose endpoint the path names, or
                                  * NULL */
    const char *id;              /* of the path, or of what was made, or
                                  * NULL */
    const cJSON *body;           /* or NULL; its userName is kept, and of a
                                  * User the name (scim_names_full) */
} scim_asked_t;

/* One that was refused. */
typedef struct {
    scim_asked_t asked;
    const scim_error_t *error;
} scim_refusal_t;

/* One that succeeded, but not with all that it sent. */
typedef struct {
    scim_asked_t asked;
    int status;                  /* of the answer */
    scim_note_t note;            /* one that warns */
} scim_warning_t;
#define SCIM_MAX_WARNINGS 100    /* of a request */

/* Store the refusal; the latest SCIM_REFUSALS_KEPT of an organization are kept
 * for 30 days. */
scim_error_t *scim_activity_refused(scim_db_t *db,
                                    const scim_principal_t *principal,
                                    const scim_refusal_t *refusal,
                                    apr_pool_t *pool) SCIM_CHECKED;

/* Add a warning for each note that is one to warnings, if there is room; those
 * of a mapping once.  What they refer to must live as long as warnings. */
void scim_activity_warn(apr_array_header_t *warnings,
                        const scim_asked_t *asked, int status,
                        const apr_array_header_t *notes);

/* Store the warning, unless there is the same of the last day; the latest
 * SCIM_WARNINGS_KEPT of an organization are kept for 30 days.  One of a
 * mapping is the same whatever resource the request was about, and names
 * none. */
scim_error_t *scim_activity_warned(scim_db_t *db,
                                   const scim_principal_t *principal,
                                   const scim_warning_t *warning,
                                   apr_pool_t *pool) SCIM_CHECKED;

/* The entries that are wanted, as people say it; NULL: all.  A text that is
 * not allowed is SCIM_E_INVALID_VALUE. */
typedef struct {
    const char *account;         /* an account or a group: its id; its
                                  * userName, e-mail address or displayName;
                                  * if nothing is called so, a part of
                                  * these */
    const char *since;           /* a day or a time (xsd:dateTime) */
    const char *until;           /* the same; entries are before it */
    const char *actor;           /* who did it: a name or a part of one */
    const char *kind;            /* words such as created,deleted */
    const char *outcome;         /* "changed", "refused", "warning" or "guest"
                                  * (downgrades to GUEST) */
} scim_activity_query_t;

/* A query whose names, times and words were looked up. */
typedef struct scim_activity_filter_t scim_activity_filter_t;

/* Look up what the texts of query mean now; *filter is of pool. */
scim_error_t *scim_activity_choose(scim_activity_filter_t **filter,
                                   scim_db_t *db, const char *organization_id,
                                   const scim_activity_query_t *query,
                                   apr_pool_t *pool) SCIM_CHECKED;

/* *list, of pool: {"entries": [...]}, at most count of those that filter
 * chooses, the latest first, and that are before the sequence before, or NULL.
 * "next" is the "before" of older entries, if there may be any.  With
 * "searchedTo", a time, they may be fewer than count: to answer soon, no older
 * ones have been looked at.  If filter is about an account or a group,
 * "subjects" has those that were found, and "moreSubjects" says that there are
 * more, which it leaves out. */
scim_error_t *scim_activity_list(cJSON **list, scim_db_t *db,
                                 const scim_activity_filter_t *filter,
                                 const char *before, int count,
                                 apr_pool_t *pool) SCIM_CHECKED;

/* *names, of pool: {"actors": ["NAME", ...]}, whoever has changed anything or
 * was refused, at most 1000. */
scim_error_t *scim_activity_actors(cJSON **names, scim_db_t *db,
                                   const char *organization_id,
                                   apr_pool_t *pool) SCIM_CHECKED;

/* The first line of entries as CSV, and that of an entry; both in pool. */
const char *scim_activity_csv_head(apr_pool_t *pool);
const char *scim_activity_csv_line(const cJSON *entry, apr_pool_t *pool);

#endif
