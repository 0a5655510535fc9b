/* SPDX-License-Identifier: Apache-2.0 */
/* filter_text: a filter as text again, for the harnesses of filters. */
#ifndef FILTER_TEXT_H
#define FILTER_TEXT_H

#include <apr_pools.h>

#include "../../scim_filter.h"

/* filter in the grammar of RFC 7644, with no more parentheses than it needs.
 * *depth is how deeply they and brackets are nested. */
const char *filter_text(const scim_filter_t *filter, int *depth,
                        apr_pool_t *pool);

/* The name of an operand, with its URN. */
const char *operand_text(const scim_operand_t *operand, apr_pool_t *pool);

#endif
