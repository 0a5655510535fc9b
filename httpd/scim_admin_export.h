/* SPDX-License-Identifier: Apache-2.0 */
/* scim_admin_export: lists of any length as CSV files, for the settings page's
 * API. */
#ifndef SCIM_ADMIN_EXPORT_H
#define SCIM_ADMIN_EXPORT_H

#include "httpd/scim_admin_api.h"

/* The next lines of a list, in pool, read with db; those of the first call
 * begin with its head.  NULL is the end of it.  *rows is raised by their
 * number. */
typedef scim_error_t *scim_admin_lines_fn(const char **text, int *rows,
                                          void *baton, scim_db_t *db,
                                          apr_pool_t *pool);

/* The lines of the objects in the array name of list as one text, in pool,
 * behind head unless that is NULL; *rows is raised by their number. */
const char *scim_admin_lines(const cJSON *list, const char *name,
                             const char *head,
                             const char *(*line)(const cJSON *object,
                                                 apr_pool_t *pool),
                             int *rows, apr_pool_t *pool);

/* Answer with what next returns until it is NULL, as the file NAME-KEY.csv.
 * The connection of v is returned; each call of next has one of its own, and
 * none is held while the client is written to.  Memory does not depend on the
 * length.  An error of the first call is returned; after it, and if there are
 * more rows than SCIM_EXPORT_MAX, the answer is cut off so that the client
 * notices that it is not complete. */
#define SCIM_EXPORT_MAX 1000000
scim_error_t *scim_admin_export(scim_visit_t *v, const char *name,
                                scim_admin_lines_fn *next, void *baton)
    SCIM_CHECKED;

#endif
