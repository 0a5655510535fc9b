/* SPDX-License-Identifier: Apache-2.0 */
/* scim_literal: what an attribute is compared with in a filter. */
#ifndef SCIM_LITERAL_H
#define SCIM_LITERAL_H

#include "scim_filter.h"

/* Read the literal (compValue of RFC 7644, figure 1) that text starts with, as
 * op compares it.  is_lenient also takes what clients write beyond the
 * grammar: True, "False", a bare word.  The end of it, or NULL when there is
 * none that fits. */
const char *scim_literal_read(scim_literal_t *literal, const char *text,
                              scim_compare_e compare, scim_op_e op,
                              int is_lenient, apr_pool_t *pool);

/* The end of the JSON string that text starts with, behind its last quote, or
 * NULL. */
const char *scim_literal_string_end(const char *text);

#endif
