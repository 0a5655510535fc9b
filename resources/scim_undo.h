/* SPDX-License-Identifier: Apache-2.0 */
/* scim_undo: accounts and groups become what they were before chosen changes.
 *
 * An event has the values before and after a change, so its inverse is known.
 * What is chosen is undone account by account and group by group, the last
 * changed first, each in one transaction with ordinary events whose data names
 * the events that they undo.  So whoever is interrupted chooses the same once
 * more: what is undone already is left out.
 *
 * Switches, tokens and the organization itself are not undone.
 */
#ifndef SCIM_UNDO_H
#define SCIM_UNDO_H

#include <apr_tables.h>
#include <cjson/cJSON.h>

#include "resources/scim_call.h"
#include "values/scim_error.h"

/* The changes that are chosen: all that agree with what is not NULL.  One of
 * since, account and sequence must be given. */
typedef struct {
    const char *since;           /* xsd:dateTime */
    const char *until;           /* before this time */
    const char *actor;           /* the name of who made them, in any case */
    const apr_array_header_t *kinds; /* of const char *: create, change,
                                  * delete, activate, deactivate, role; group:
                                  * all changes of groups */
    const char *account;         /* the userName of an account, also of a
                                  * deleted one, the name of a group, or the
                                  * id of either */
    const char *sequence;        /* of an event: the change that it is of */
} scim_undo_filter_t;

/* The words for kinds; NULL ends them. */
extern const char *const scim_undo_kinds[];

/* The most accounts and groups of a page. */
#define SCIM_UNDO_MAX_COUNT 100

/* Undo, or with is_dry only plan to undo, what is chosen, for about count
 * accounts and groups; after is "next" of the page before, or NULL.
 *
 * *page, of the call's pool: {"resources": [...], "until": time, "next": where
 * to go on; absent at the end}.  Later pages must be asked for with this
 * until.  Each of the resources has resourceType, id, name; action (change,
 * create, delete); undone, the number of events; set, the new values; added
 * and removed, numbers of members; groups, the number of groups to which it
 * returns; and left if it was left as it is: {"reason": changed (by "actor",
 * "at"), unrecorded (a change without an event), erased, taken, refused
 * ("detail")}.  What needs no change is not among them.
 *
 * SCIM_E_INVALID_VALUE for what a filter cannot be; SCIM_E_NOT_FOUND if there
 * is nothing of that name or sequence. */
scim_error_t *scim_undo_page(cJSON **page, scim_call_t *call,
                             const scim_undo_filter_t *filter,
                             const char *after, int count, int is_dry)
    SCIM_CHECKED;

#endif
