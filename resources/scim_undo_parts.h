/* SPDX-License-Identifier: Apache-2.0 */
/* scim_undo_parts: what the files of scim_undo share: the plan for one account
 * or group, and what is told of it. */
#ifndef SCIM_UNDO_PARTS_H
#define SCIM_UNDO_PARTS_H

#include <cjson/cJSON.h>

#include "resources/scim_call.h"
#include "values/scim_error.h"

/* The values of a filter: $1 to $5 of the statements, and the sequence. */
enum {
    SCIM_UNDO_ORGANIZATION, SCIM_UNDO_SINCE, SCIM_UNDO_UNTIL, SCIM_UNDO_ACTOR,
    SCIM_UNDO_KINDS, SCIM_UNDO_SEQUENCE, SCIM_UNDO_VALUES
};

/* One account or group in one pass (statements.sql, UNDO_PLAN). */
typedef struct {
    const char *const *filter;
    const char *type;            /* User or Group */
    const char *id;
    const char *pass;            /* groups, accounts or members */
    int is_dry;
    int limit;                   /* of events; the latest ones */
    cJSON *entry;                /* what was done, a root; NULL: nothing */
    int has_more;                /* older events are still to be undone */
    int races;                   /* lost so far */
} scim_undo_one_t;

/* What undoing would do.  NULL: nothing, none. */
typedef struct {
    const char *undoes;          /* sequences as JSON */
    int count;                   /* of them */
    int has_more;
    int is_creation;             /* it did not exist before */
    const char *deletion;        /* sequence of the event that deleted it */
    const char *account;         /* JSON, of that event: data.account, */
    const char *groups;          /* data.groups, */
    const char *created;         /* and when it had been created */
    const cJSON *set;            /* values of attributes, null for none */
    const char *adding;          /* arrays of ids */
    const char *removing;
    const char *other_actor;     /* who else has changed it since, */
    const char *other_time;      /* when, */
    const char *other_kind;      /* and how */
    const char *version;         /* that the last event left */
    int is_whole;                /* no change without an event */
    const char *name;            /* that it had */
} scim_undo_plan_t;

/* If the database cannot read the events, the entry of one says so, and the
 * plan is to do nothing. */
scim_error_t *scim_undo_plan(scim_undo_plan_t *plan, scim_call_t *call,
                             scim_undo_one_t *one) SCIM_CHECKED;

/* Make the entry of one: action is done to what is called name. */
void scim_undo_tell(scim_undo_one_t *one, const scim_undo_plan_t *plan,
                    const char *action, const char *name);

/* Nothing was done: drop the entry, but not what it has said of older
 * events. */
void scim_undo_untell(scim_undo_one_t *one, apr_pool_t *pool);

/* Say in the entry why it is left; detail may be NULL. */
void scim_undo_leave(scim_undo_one_t *one, const char *reason,
                     const char *detail);

/* Whether somebody else has changed what exists at version (NULL: does not
 * exist) since; the entry says so.  *lost: it was changed just now, after it
 * was read. */
int scim_undo_is_changed(scim_undo_one_t *one, int *lost,
                         const scim_undo_plan_t *plan, const char *version,
                         const char *name);

/* Say in the entry that error kept it from being undone, if error is about
 * this account or group alone; otherwise returns the error. */
scim_error_t *scim_undo_refused(scim_undo_one_t *one, scim_error_t *error)
    SCIM_CHECKED;

/* Undo the chosen events of one, as scim_store_try_fn does it: baton is a
 * scim_undo_one_t. */
scim_error_t *scim_undo_account(int *lost, scim_call_t *call, void *baton)
    SCIM_CHECKED;
scim_error_t *scim_undo_group(int *lost, scim_call_t *call, void *baton)
    SCIM_CHECKED;

#endif
