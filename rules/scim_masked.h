/* SPDX-License-Identifier: Apache-2.0 */
/* scim_masked: what a request is about, without any value of an attribute, for
 * the log of requests.
 *
 * Filters and paths are written anew from their trees, in the schema's
 * spelling; of a client's own text, only names of members are used, and only
 * if they have the characters of names.  Everything else is "…".
 */
#ifndef SCIM_MASKED_H
#define SCIM_MASKED_H

#include <apr_pools.h>
#include <cjson/cJSON.h>

#include "rules/scim_schema.h"
#include "scim_filter.h"

/* What stands for something that is not shown. */
#define SCIM_MASKED "\xe2\x80\xa6"

/* The filter with masked values, in pool: userName eq "…".  A long one ends
 * with "…"; one that could not be parsed, NULL, is "…". */
const char *scim_masked_filter(const scim_filter_t *filter,
                               apr_pool_t *pool);

/* What the body of a request does, one thing in a line: "replace active" of a
 * PATCH; names of attributes of a POST or PUT; with a number if there are more
 * of the same kind ("add members ×57").  Only the beginning of a long body
 * is looked at; its last line is "…".  body may be NULL or anything.  NULL
 * if it does nothing. */
const char *scim_masked_patch(const cJSON *body,
                              const scim_resource_type_t *type,
                              const scim_rules_t *rules, apr_pool_t *pool);
const char *scim_masked_resource(const cJSON *body,
                                 const scim_resource_type_t *type,
                                 const scim_rules_t *rules, apr_pool_t *pool);

/* The same of a bulk request: first "12 operations", the number of all, then
 * the kinds: "POST /Users ×10", "PATCH /Groups ×2". */
const char *scim_masked_bulk(const cJSON *body, const scim_rules_t *rules,
                             apr_pool_t *pool);

#endif
