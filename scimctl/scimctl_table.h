/* SPDX-License-Identifier: Apache-2.0 */
/* scimctl_table: tables on standard output.
 *
 * On a terminal times are shown to the minute, in UTC, and the widest columns
 * are shortened until a line fits; elsewhere nothing is.  An empty cell is
 * "-", so that no column is without text.
 */
#ifndef SCIMCTL_TABLE_H
#define SCIMCTL_TABLE_H

#include <apr_pools.h>

#define SCIMCTL_MAX_COLUMNS 16

typedef struct scimctl_table_t scimctl_table_t;

/* A table, of pool, with the columns heads, which ends with NULL; heads itself
 * may be NULL. */
scimctl_table_t *scimctl_table_make(const char *const *heads,
                                    apr_pool_t *pool);

/* Add a column, before the first cell. */
void scimctl_table_head(scimctl_table_t *table, const char *head);

/* Add a cell, row by row; text, which may be NULL, is not copied. */
void scimctl_table_cell(scimctl_table_t *table, const char *text);

/* Print the rows that were added since the last time, before the first ones
 * the heads.  A column becomes as wide as its widest cell so far. */
void scimctl_table_print(scimctl_table_t *table);

#endif
