/* SPDX-License-Identifier: Apache-2.0 */
/* scim_work: a limit for the work that one request causes.
 *
 * The cost of a request depends not only on the length of its body: a path is
 * matched with every element of a list, a value is put into each of them.
 * Operations whose cost grows faster than the body take units from the
 * request's work; when none are left, the request is refused.  A unit is about
 * a nanosecond.
 */
#ifndef SCIM_WORK_H
#define SCIM_WORK_H

#include <apr_pools.h>
#include <cjson/cJSON.h>

#include "values/scim_error.h"

#define SCIM_WORK_LIMIT 1000000000   /* units of one request */

#define SCIM_WORK_STEP 50            /* looking at an element */
#define SCIM_WORK_CHANGE 2000        /* an operation itself, or a member */
#define SCIM_WORK_VALUE 400          /* creating a value of a tree */
#define SCIM_WORK_KEY 30             /* folding a byte */

typedef struct {
    apr_int64_t left;                /* below 0: used up */
} scim_work_t;

/* The work of a new request. */
scim_work_t scim_work_begin(void);

/* Take count times units; if work is NULL, there is no limit. */
void scim_work_take(scim_work_t *work, apr_size_t count, apr_size_t units);

/* Take the cost of creating tree, whose text has this many bytes, once. */
void scim_work_take_tree(scim_work_t *work, const cJSON *tree,
                         apr_size_t bytes);

/* Whether no work is left: loops that cannot fail end early. */
int scim_work_is_over(const scim_work_t *work);

/* SCIM_E_TOO_MANY if no work is left. */
scim_error_t *scim_work_check(const scim_work_t *work, apr_pool_t *pool)
    SCIM_CHECKED;

#endif
