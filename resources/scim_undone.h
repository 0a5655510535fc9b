/* SPDX-License-Identifier: Apache-2.0 */
/* scim_undone: which entries of the activity were undone (scim_undo.h), and by
 * whom. */
#ifndef SCIM_UNDONE_H
#define SCIM_UNDONE_H

#include <apr_pools.h>
#include <cjson/cJSON.h>

#include "storage/scim_db.h"
#include "values/scim_error.h"

/* Add "undone" to those of entries, as scim_activity_list has them, whose
 * change was undone: {"actor": who has done that, "at": when}.  One whose
 * undoing was undone is as if nobody had.
 *
 * What was undone before the latest 1,000 undoings of what the entries are
 * about has no "undone". */
scim_error_t *scim_undone_mark(cJSON *entries, scim_db_t *db,
                               const char *organization_id, apr_pool_t *pool)
    SCIM_CHECKED;

#endif
