/* SPDX-License-Identifier: Apache-2.0 */
/* scim_work: how much one request may have done for it.
 *
 * What a request costs depends on its body in more ways than by its length: a
 * path is matched with every element of a list, a value is put into each of
 * them.  Whatever grows faster than the body takes units from the request's
 * work; when none are left, what was asked for is refused.  A unit is about a
 * nanosecond.
 */
#ifndef SCIM_WORK_H
#define SCIM_WORK_H

#include <apr_pools.h>
#include <cjson/cJSON.h>

#include "values/scim_error.h"

#define SCIM_WORK_LIMIT 1000000000   /* units of one request */

#define SCIM_WORK_STEP 50            /* to look at an element */
#define SCIM_WORK_CHANGE 2000        /* an operation by itself, or a member */
#define SCIM_WORK_VALUE 400          /* to make a value of a tree */
#define SCIM_WORK_KEY 30             /* to fold a byte */

typedef struct {
    apr_int64_t left;                /* below 0: it is used up */
} scim_work_t;

/* The work of a new request. */
scim_work_t scim_work_begin(void);

/* Take count times units; work may be NULL: there is no end to it. */
void scim_work_take(scim_work_t *work, apr_size_t count, apr_size_t units);

/* Take what it costs to make tree, whose text has so many bytes, once. */
void scim_work_take_tree(scim_work_t *work, const cJSON *tree,
                         apr_size_t bytes);

/* Whether nothing is left: loops that cannot fail end early. */
int scim_work_is_over(const scim_work_t *work);

/* SCIM_E_TOO_MANY when nothing is left. */
scim_error_t *scim_work_check(const scim_work_t *work, apr_pool_t *pool)
    SCIM_CHECKED;

#endif
