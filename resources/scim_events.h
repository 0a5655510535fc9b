/* SPDX-License-Identifier: Apache-2.0 */
/* scim_events: the events of a change, in the terms of RFC 9967. */
#ifndef SCIM_EVENTS_H
#define SCIM_EVENTS_H

#include <apr_pools.h>
#include <apr_tables.h>
#include <cjson/cJSON.h>

#include "storage/scim_db.h"

/* What requests do with an account (RFC 9967 section 7.4).  What a change
 * means besides is added by scim_events_compare; kinds of other writes are in
 * their statements. */
#define SCIM_EVENT_CREATE     "urn:ietf:params:scim:event:prov:create:full"
#define SCIM_EVENT_PATCH      "urn:ietf:params:scim:event:prov:patch:full"
#define SCIM_EVENT_PUT        "urn:ietf:params:scim:event:prov:put:full"
#define SCIM_EVENT_DELETE     "urn:ietf:params:scim:event:prov:delete"

#define SCIM_EVENT_ACTIVATE   "urn:ietf:params:scim:event:prov:activate"
#define SCIM_EVENT_DEACTIVATE "urn:ietf:params:scim:event:prov:deactivate"
#define SCIM_EVENT_ADMIN      "urn:mod_scim:event:role:admin"
#define SCIM_EVENT_USER       "urn:mod_scim:event:role:user"
#define SCIM_EVENT_GUEST      "urn:mod_scim:event:role:guest"

/* In the statements of storage/statements.sql. */
#define SCIM_EVENT_ELIGIBLE   "urn:mod_scim:event:account:eligible"
#define SCIM_EVENT_ENABLE     "urn:mod_scim:event:provisioning:enable"
#define SCIM_EVENT_DISABLE    "urn:mod_scim:event:provisioning:disable"
#define SCIM_EVENT_PAUSE      "urn:mod_scim:event:provisioning:pause"
#define SCIM_EVENT_RESUME     "urn:mod_scim:event:provisioning:resume"
#define SCIM_EVENT_TOKEN      "urn:mod_scim:event:token:generate"
#define SCIM_EVENT_NO_TOKEN   "urn:mod_scim:event:token:delete"
#define SCIM_EVENT_TRIP       "urn:mod_scim:event:guard:trip"
#define SCIM_EVENT_OPEN       "urn:mod_scim:event:guard:open"
#define SCIM_EVENT_GUARD      "urn:mod_scim:event:guard:change"
#define SCIM_EVENT_ORGANIZATION "urn:mod_scim:event:organization:change"

#define SCIM_EVENT_TOKEN_ENDS "urn:mod_scim:event:token:expiring"

/* The kinds of events that httpd writes; none is part of another one. */
extern const char *const scim_event_kinds[];
#define SCIM_EVENT_KINDS 21

/* Tell the counters that events of these kinds, in any form, were written. */
void scim_events_tell(const scim_db_t *db, const char *kinds);

/* The events of one change, as parameters of :events (statements.sql). */
typedef struct {
    const char *kinds;       /* array of text */
    const char *changed;     /* array of text: names of attributes */
    const char *data;        /* {"before": {...}, "after": {...}} */
} scim_change_t;

/* The change from before (NULL: created) to after (NULL: deleted), both
 * resources in the schema's spelling; id, meta and groups do not count.  kind
 * is that of the request; a switch of "active" and another role out of ADMIN,
 * USER and GUEST, when they are part of the change, are added to it.  NULL
 * when nothing changed. */
scim_change_t *scim_events_compare(const cJSON *before, const cJSON *after,
                                   const char *kind, apr_pool_t *pool);

/* The same of a change that undoes others: data has "undoes", the array of
 * their sequences, which is given as JSON text. */
scim_change_t *scim_events_undo(const cJSON *before, const cJSON *after,
                                const char *kind, const char *undoes,
                                apr_pool_t *pool);

#endif
