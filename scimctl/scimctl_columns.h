/* SPDX-License-Identifier: Apache-2.0 */
/* scimctl_columns: the columns of a CSV file of accounts, for import and
 * export. */
#ifndef SCIMCTL_COLUMNS_H
#define SCIMCTL_COLUMNS_H

#include <apr_pools.h>

#include "resources/scim_import.h"

typedef enum {
    SCIMCTL_TO_TEXT, SCIMCTL_TO_ACTIVE, SCIMCTL_TO_ROLE, SCIMCTL_TO_MANAGED,
    SCIMCTL_TO_ELIGIBLE
} scimctl_column_to_e;

typedef struct {
    const char *name;
    scimctl_column_to_e to;      /* what it is of an account */
} scimctl_account_column_t;

/* In the order of an export; a NULL name ends them. */
extern const scimctl_account_column_t scimctl_account_columns[];

/* The index of the column called name, in any case; -1 if there is none. */
int scimctl_column_index(const char *name);

/* An account of which nothing is said yet; its user is in pool. */
void scimctl_column_begin(scim_import_t *account, apr_pool_t *pool);

/* Put a field into account; one that is empty says nothing.  Its flaw, or
 * NULL. */
const char *scimctl_column_put(scim_import_t *account, int column,
                               const char *text);

/* The field of an account; "" without one. */
const char *scimctl_column_get(const scim_import_t *account, int column);

#endif
