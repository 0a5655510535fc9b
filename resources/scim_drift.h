/* SPDX-License-Identifier: Apache-2.0 */
/* scim_drift: accounts that are not as the identity provider would have
 * them. */
#ifndef SCIM_DRIFT_H
#define SCIM_DRIFT_H

#include <cjson/cJSON.h>

#include "resources/scim_call.h"
#include "resources/scim_members.h"
#include "values/scim_error.h"

/* What is looked for, NULL-terminated:
 *
 *   never            Managed Accounts that provisioning has never changed
 *   notSeen          active ones that it has not asked for for some days
 *   duplicates       accounts with the externalId or the primary e-mail
 *                    address of another one
 *   inactiveMembers  inactive accounts that are in groups
 *   domains          accounts whose userName is in no verified domain
 */
extern const char *const scim_drift_checks[];

#define SCIM_DRIFT_DAYS 90       /* of notSeen, if nobody says otherwise */
#define SCIM_DRIFT_MAX_DAYS 36500

/* *list, of the call's pool, as scim_members_list makes it, of the members of
 * query that check finds, each with the text "detail": the day it was made,
 * the last day or "never", the attribute and its value, the number of groups,
 * the domain.  It ends after about a second: a page may have less than query's
 * count, or nothing, and "next" all the same.  query's search finds a part of
 * a userName or displayName.  An unknown check is SCIM_E_INVALID_VALUE. */
scim_error_t *scim_drift_list(cJSON **list, scim_call_t *call,
                              const char *check, int days,
                              const scim_members_query_t *query)
    SCIM_CHECKED;

#endif
