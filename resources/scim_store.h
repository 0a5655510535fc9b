/* SPDX-License-Identifier: Apache-2.0 */
/* scim_store: the resources of a type that are rows of a table.
 *
 * scim_store_t says which table it is; lists (scim_list.c), metadata,
 * conditions and the loop around a change (scim_store.c) follow from that.
 */
#ifndef SCIM_STORE_H
#define SCIM_STORE_H

#include "resources/scim_call.h"
#include "rules/scim_schema.h"
#include "values/scim_error.h"

/* The resource in a row whose store's columns begin at column. */
typedef scim_error_t *scim_read_fn(cJSON **resource, scim_call_t *call,
                                   const scim_rows_t *rows, int row,
                                   int column) SCIM_CHECKED;

typedef struct {
    const scim_resource_type_t *type;
    const char *table;           /* its rows have organization_id, id,
                                  * created_at and attributes */
    const char *columns;         /* SQL, of a row a: first those below */
    int column_count;
    scim_read_fn *read;
} scim_store_t;

/* The first columns of each store. */
enum {
    SCIM_STORED_ID, SCIM_STORED_VERSION, SCIM_STORED_CREATED,
    SCIM_STORED_UPDATED
};

/* A page of the store's resources (scim_list.c), see scim_list_fn. */
scim_error_t *scim_store_list(scim_list_t *list, const scim_store_t *store,
                              scim_call_t *call, const scim_page_t *page)
    SCIM_CHECKED;

/* Put id and meta into resource, the one in the row. */
void scim_store_put_meta(cJSON *resource, scim_call_t *call,
                         const scim_store_t *store, const scim_rows_t *rows,
                         int row, int column);

scim_error_t *scim_store_not_found(scim_call_t *call,
                                   const scim_resource_type_t *type,
                                   const char *id) SCIM_CHECKED;

/* SCIM_E_PRECONDITION when the call's conditions do not allow version. */
scim_error_t *scim_store_check_version(scim_call_t *call,
                                       const char *version) SCIM_CHECKED;

/* Changes of rows that others change at the same time.
 *
 * A change reads the row, computes the new one, and writes it on condition
 * that the version is still the one that was read.  Otherwise the race is
 * lost, and the change starts again from the read.
 */

/* One attempt, in a call of its own.  Its pool is destroyed if the race was
 * lost, and else lives as long as the request's.  *lost is 0 before. */
typedef scim_error_t *scim_store_try_fn(int *lost, scim_call_t *call,
                                        void *baton) SCIM_CHECKED;

/* Repeat the attempt until the race is not lost.  SCIM_E_UNAVAILABLE if too
 * many others were faster, SCIM_E_TIMEOUT if the client has gone meanwhile. */
scim_error_t *scim_store_change(scim_call_t *call, scim_store_try_fn *try,
                                void *baton) SCIM_CHECKED;

#endif
