/* SPDX-License-Identifier: Apache-2.0 */
/* resource: the conditions for every resource that may be stored, for
 * harnesses that make resources. */
#ifndef RESOURCE_H
#define RESOURCE_H

#include "fuzz.h"

/* Finish resource as scim_users does; 0 when it is refused. */
int resource_settle(cJSON *resource, const scim_resource_type_t *type,
                    const scim_rules_t *rules, apr_pool_t *pool);

/* It has the types of the tables, is the same when it is read again, and its
 * answer can be sent back. */
void resource_check(const cJSON *resource, const scim_resource_type_t *type,
                    const scim_rules_t *rules, apr_pool_t *pool);

/* tree with all its objects in the order of names, as text. */
const char *resource_text(const cJSON *tree, apr_pool_t *pool);

#endif
