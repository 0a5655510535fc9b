/* SPDX-License-Identifier: Apache-2.0 */
/* scim_literal: the literals that filters compare attributes with. */
#ifndef SCIM_LITERAL_H
#define SCIM_LITERAL_H

#include "scim_filter.h"

/* Read the literal (compValue of RFC 7644, figure 1) at the start of text, for
 * a comparison by op.  is_lenient also accepts forms beyond the grammar: True,
 * "False", a bare word.  Returns its end, or NULL if there is no literal or it
 * does not fit. */
const char *scim_literal_read(scim_literal_t *literal, const char *text,
                              scim_compare_e compare, scim_op_e op,
                              int is_lenient, apr_pool_t *pool);

/* The end of the JSON string at the start of text, behind its last quote, or
 * NULL. */
const char *scim_literal_string_end(const char *text);

#endif
