/* SPDX-License-Identifier: Apache-2.0 */
/* The work of a request, see scim_work.h: a number that decreases. */
#include "values/scim_work.h"

#include "values/scim_json.h"

scim_work_t scim_work_begin(void)
{
    scim_work_t work = { SCIM_WORK_LIMIT };

    return work;
}

/* Lengths are below 2^26 (SCIMMaxBodySize) and units below 2^12: a product
 * does not overflow, and nothing is subtracted from a number below 0. */
void scim_work_take(scim_work_t *work, apr_size_t count, apr_size_t units)
{
    if (work && work->left >= 0) {
        work->left -= (apr_int64_t) (count * units);
    }
}

void scim_work_take_tree(scim_work_t *work, const cJSON *tree,
                         apr_size_t bytes)
{
    scim_work_take(work, scim_json_count(tree), SCIM_WORK_VALUE);
    scim_work_take(work, bytes, 1);
}

int scim_work_is_over(const scim_work_t *work)
{
    return work && work->left < 0;
}

scim_error_t *scim_work_check(const scim_work_t *work, apr_pool_t *pool)
{
    return scim_work_is_over(work)
           ? scim_error(pool, SCIM_E_TOO_MANY,
                        "The request exceeds the work limit of one request:"
                        " send fewer operations, filter terms, elements or"
                        " resources at once.")
           : NULL;
}
