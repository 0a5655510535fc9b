/* SPDX-License-Identifier: Apache-2.0 */
/* scim_shape: the meaning of a value that does not have the shape of its
 * attribute.
 *
 * Clients write "no value" as null, "", [] or {}, one value as a list of
 * one, and lists and objects as JSON in a string (clients.md E21, E37, E39,
 * H14 to H16, H36).  Unless strict, each of these has one meaning, at every
 * depth and for every verb; only this file knows it.  Strictly, a value is
 * taken as it is.
 */
#ifndef SCIM_SHAPE_H
#define SCIM_SHAPE_H

#include <apr_pools.h>
#include <cjson/cJSON.h>

#include "rules/scim_schema.h"

/* Whether value says that there is none: NULL, null, [] and {} (RFC 7643
 * section 2.5), and unless strict "". */
int scim_shape_is_absent(const cJSON *value, const scim_rules_t *rules);

/* Whether text begins as JSON lists and objects do. */
int scim_shape_looks_like_json(const char *text);

/* The meaning of value where a list, an object or a simple value is wanted:
 * JSON in a string is parsed; an object whose names are numbers is a list; a
 * list of one (absent elements do not count) is its element where no list is
 * wanted; for a simple value, an object is its member "value".  is_text: the
 * attribute is text, so only JSON that contains strings is parsed.  A value
 * that cannot be interpreted is returned as it is; the caller checks whether
 * the result has the wanted shape.  The result is part of value or belongs to
 * pool. */
const cJSON *scim_shape_of_list(const cJSON *value,
                                const scim_rules_t *rules, apr_pool_t *pool);
const cJSON *scim_shape_of_object(const cJSON *value,
                                  const scim_rules_t *rules,
                                  apr_pool_t *pool);
const cJSON *scim_shape_of_simple(const cJSON *value, int is_text,
                                  const scim_rules_t *rules,
                                  apr_pool_t *pool);

/* A list of messages, such as Operations: an object is a list of one, an empty
 * object an empty list. */
const cJSON *scim_shape_listed(const cJSON *value, const scim_rules_t *rules,
                               apr_pool_t *pool);

/* Drop from resource the elements without a value: those without "value" if
 * the attribute has that, else those with only type, primary and display
 * (clients.md E21, G16).  Strictly, nothing is dropped. */
void scim_shape_drop_husks(cJSON *resource, const scim_resource_type_t *type,
                           const scim_rules_t *rules);

/* Drop from resource, as it is stored, the values that do not have the type of
 * their attribute, and spell names as the schema does: applications write the
 * rows, too. */
void scim_shape_drop_misfits(cJSON *resource,
                             const scim_resource_type_t *type);

#endif
