/* SPDX-License-Identifier: Apache-2.0 */
/* scim_group_members: what a request makes of the members of a group.
 *
 * The members are rows, and there may be many of them, so they are not read to
 * be changed.  What a request does to them, change by change, is folded into
 * three things: whether the members that are stored stay, which ids are
 * members then, and which are none.  Of two changes that name one id the later
 * one counts.  The result is what the changes would have made of any set, one
 * after the other; its cost is that of the ids in the request.
 */
#ifndef SCIM_GROUP_MEMBERS_H
#define SCIM_GROUP_MEMBERS_H

#include <apr_pools.h>
#include <apr_tables.h>
#include <cjson/cJSON.h>

#include "rules/scim_patch_message.h"
#include "rules/scim_schema.h"
#include "values/scim_error.h"

typedef struct scim_group_members_t scim_group_members_t;

/* No change as yet: the stored members stay if keep, else there are none. */
scim_group_members_t *scim_group_members_make(int keep,
                                              const scim_rules_t *rules,
                                              apr_array_header_t *notes,
                                              apr_pool_t *pool);

/* The attribute members itself. */
const scim_attribute_t *scim_group_members_attribute(void);

/* Whoever value names is a member if wanted (1), else none (0).  value is a
 * list of elements or one of them, unless strict also an object whose
 * "members" is that.  An element is an object with the id as its value, else
 * at the end of its $ref, or unless strict the id in a string.  type and
 * display are not looked at: an id says what it is of.  What is absent names
 * nobody.
 * An element without an id is SCIM_E_INVALID_VALUE; so is, if wanted, one with
 * an id that nobody can have (scim_group_members_unknown). */
scim_error_t *scim_group_members_put(scim_group_members_t *members,
                                     int wanted, const cJSON *value)
    SCIM_CHECKED;

/* A change of a PATCH whose path leads to the members or, with or without a
 * filter, to value, $ref or type of them.
 *
 *   add, replace       whoever the value names is a member too, or alone is
 *   remove             all members, without a value or with null; else whoever
 *                      the value names, be it nobody
 *   remove [filter]    whoever the filter names by eq on value or $ref, joined
 *                      by or; a type beside that is not looked at
 *   add, replace [filter]   the filter's members if the value names them, as
 *                      if they had been sent (AMB-02, AMB-03); strictly no
 *                      replace
 *
 * Sub-attributes are immutable: SCIM_E_MUTABILITY, unless strict only of
 * value; the others are left with a note.  Another filter depends on what is
 * stored: SCIM_E_INVALID_FILTER. */
scim_error_t *scim_group_members_change(scim_group_members_t *members,
                                        const scim_patch_change_t *change)
    SCIM_CHECKED;

/* Whether the stored members stay; else all of them go that are not among the
 * wanted ones. */
int scim_group_members_keep(const scim_group_members_t *members);

/* The ids that are members, or none, as const char *, in lower case, in the
 * order of the request.  None is to be taken away where none is kept. */
apr_array_header_t *scim_group_members_list(
    const scim_group_members_t *members, int wanted);

/* SCIM_E_INVALID_VALUE for members that do not exist: the first ids of
 * count. */
scim_error_t *scim_group_members_unknown(const apr_array_header_t *ids,
                                         int count, apr_pool_t *pool)
    SCIM_CHECKED;

#endif
