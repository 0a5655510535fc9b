/* SPDX-License-Identifier: Apache-2.0 */
/* scim_activity_filter: what the statements of the activity are given: the
 * parameters and the indexes that a filter allows, see storage/statements.sql.
 * For scim_activity. */
#ifndef SCIM_ACTIVITY_FILTER_H
#define SCIM_ACTIVITY_FILTER_H

#include "resources/scim_activity.h"

/* The parameters of the statements. */
enum {
    SCIM_ACTIVITY_ORGANIZATION, SCIM_ACTIVITY_FROM, SCIM_ACTIVITY_BEFORE,
    SCIM_ACTIVITY_COUNT, SCIM_ACTIVITY_SINCE, SCIM_ACTIVITY_UNTIL,
    SCIM_ACTIVITY_KINDS, SCIM_ACTIVITY_ACTORS, SCIM_ACTIVITY_ACCOUNTS,
    SCIM_ACTIVITY_GROUPS, SCIM_ACTIVITY_WALK, SCIM_ACTIVITY_TYPE,
    SCIM_ACTIVITY_LEAST_STATUS, SCIM_ACTIVITY_LAST_STATUS,
    SCIM_ACTIVITY_USER_NAMES, SCIM_ACTIVITY_PART, SCIM_ACTIVITY_VALUES
};

#define SCIM_ACTIVITY_STATEMENTS 3

struct scim_activity_filter_t {
    const char *values[SCIM_ACTIVITY_VALUES];
    int ranges;                  /* of the widest of the statements */
    scim_statement_e statements[SCIM_ACTIVITY_STATEMENTS];
    int count;                   /* of statements, the best first */
    const cJSON *subjects;       /* NULL: not asked for */
    int has_more_subjects;
};

/* How many events a statement looks at. */
#define SCIM_ACTIVITY_SHORT 1000
#define SCIM_ACTIVITY_LONG 20000

/* The values for count entries before a sequence, or NULL, of a walk of this
 * length. */
void scim_activity_filter_values(const char **values,
                                 const scim_activity_filter_t *filter,
                                 const char *before, int count, int length,
                                 apr_pool_t *pool);

#endif
