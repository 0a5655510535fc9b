/* SPDX-License-Identifier: Apache-2.0 */
/* scim_csv: lines of comma-separated values (RFC 4180), as programs and
 * spreadsheets read them. */
#ifndef SCIM_CSV_H
#define SCIM_CSV_H

#include <apr_pools.h>

/* text as a field: itself, or quoted, in pool, if it has a comma, a quotation
 * mark or the end of a line. */
const char *scim_csv_quoted(const char *text, apr_pool_t *pool);

/* The line of count fields with its CR LF, in pool; NULL is an empty field.  A
 * field that a spreadsheet would take for a formula, since it begins with one
 * of = + - @, a tab or a CR, gets an apostrophe before it: names come from
 * others. */
const char *scim_csv_line(const char *const *fields, int count,
                          apr_pool_t *pool);

#endif
