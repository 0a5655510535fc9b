/* SPDX-License-Identifier: Apache-2.0 */
/* scim_small: a page of the resources of a type that has few of them, which
 * are all in memory: filtered, sorted and cut there, by scim_match.c.  Lists
 * of a type with many are the database's (scim_list.c). */
#ifndef SCIM_SMALL_H
#define SCIM_SMALL_H

#include <cjson/cJSON.h>

#include "resources/scim_call.h"
#include "rules/scim_schema.h"
#include "values/scim_error.h"

/* The page of all, an array of the resources of type in the order that they
 * have without sortBy.  list refers to them; errors are those of
 * scim_list_fn. */
scim_error_t *scim_small_list(scim_list_t *list, scim_call_t *call,
                              const scim_page_t *page,
                              const scim_resource_type_t *type,
                              const cJSON *all) SCIM_CHECKED;

#endif
