/* SPDX-License-Identifier: Apache-2.0 */
/* scim_shape: what is meant by a value that has not the shape of its
 * attribute.
 *
 * Clients write "no value" as null, "", [] or {}, one value as a list of
 * one, and lists and objects as JSON in a string (clients.md E21, E37, E39,
 * H14 to H16, H36).  Strict off, each of these has one meaning, at every depth
 * and for every verb; it is decided here and nowhere else.  Strict on, a value
 * is what it looks like.
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

/* The value that is meant where a list, an object or a simple value is wanted:
 * JSON in a string is read; an object whose names are numbers is a list; a
 * list of one (what is absent does not count) is its element where no list is
 * wanted; for a simple value, an object is its member "value".  is_text says
 * that any string can be meant as it is: only JSON that holds strings is read
 * then.  What cannot be understood comes back as it was; whether it has the
 * wanted shape is for the caller to see.  The result is part of value or
 * belongs to pool. */
const cJSON *scim_shape_of_list(const cJSON *value,
                                const scim_rules_t *rules, apr_pool_t *pool);
const cJSON *scim_shape_of_object(const cJSON *value,
                                  const scim_rules_t *rules,
                                  apr_pool_t *pool);
const cJSON *scim_shape_of_simple(const cJSON *value, int is_text,
                                  const scim_rules_t *rules,
                                  apr_pool_t *pool);

/* A list of messages, such as Operations: what a list of one is written as, an
 * object, is one of one; an empty object is an empty one. */
const cJSON *scim_shape_listed(const cJSON *value, const scim_rules_t *rules,
                               apr_pool_t *pool);

/* Drop from resource the elements that are none, for want of a value: those
 * without "value" where the attribute has one, else those with nothing but
 * type, primary and display (clients.md E21, G16).  Strict: nothing is
 * dropped. */
void scim_shape_drop_husks(cJSON *resource, const scim_resource_type_t *type,
                           const scim_rules_t *rules);

/* Drop from resource, as it is stored, the values that do not have the type of
 * their attribute, and spell names as the schema does: applications write the
 * rows, too. */
void scim_shape_drop_misfits(cJSON *resource,
                             const scim_resource_type_t *type);

#endif
