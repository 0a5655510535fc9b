/* SPDX-License-Identifier: Apache-2.0 */
/* Notes of tokens, see scim_token_notes.h.  What may be written, and how
 * often, is decided in the statements, since many processes on many hosts
 * ask. */
#include "resources/scim_token_notes.h"

#include <stdlib.h>
#include <string.h>

#include "resources/scim_activity.h"

enum {
    COLUMN_ORGANIZATION_ID, COLUMN_NAME, COLUMN_STATE, COLUMN_IS_TOLD
};

static scim_error_t *what_to_do(const char *state, const char *name,
                                apr_pool_t *pool)
{
    return strcmp(state, "deleted") == 0
           ? scim_error(pool, SCIM_E_UNAUTHORIZED,
                        "The token '%s' was deleted, and the identity provider"
                        " still uses it. Generate a new one and enter it in"
                        " the identity provider.", name)
           : scim_error(pool, SCIM_E_UNAUTHORIZED,
                        "The token '%s' has expired, and the identity provider"
                        " still uses it. Generate a new one and enter it in"
                        " the identity provider.", name);
}

static scim_error_t *tell_in_activity(scim_db_t *db, const scim_rows_t *rows,
                                      int row,
                                      const scim_refused_token_t *refused,
                                      apr_pool_t *pool)
{
    scim_principal_t principal = {
        .organization_id = scim_rows_value(rows, row, COLUMN_ORGANIZATION_ID),
        .actor_name = scim_rows_value(rows, row, COLUMN_NAME)
    };
    scim_refusal_t refusal = {
        .asked = { .method = refused->method, .path = refused->path },
        .error = what_to_do(scim_rows_value(rows, row, COLUMN_STATE),
                            principal.actor_name, pool)
    };

    return scim_activity_refused(db, &principal, &refusal, pool);
}

scim_error_t *scim_token_notes_refused(scim_db_t *db,
                                       const scim_refused_token_t *refused,
                                       apr_pool_t *pool)
{
    const char *values[] = { refused->organization, refused->hash };
    scim_rows_t *rows;
    int i;

    SCIM_ERR(scim_db_run(&rows, db, SCIM_SQL_TOKEN_REFUSED,
                         SCIM_VALUES(values)));
    for (i = 0; i < scim_rows_count(rows); i++) {
        if (!scim_rows_true(rows, i, COLUMN_IS_TOLD)) {
            SCIM_ERR(tell_in_activity(db, rows, i, refused, pool));
        }
    }
    return NULL;
}

scim_error_t *scim_token_notes_ends(int *count, scim_db_t *db)
{
    scim_rows_t *rows;

    SCIM_ERR(scim_db_run(&rows, db, SCIM_SQL_TOKEN_NOTICE, 0, NULL));
    *count = atoi(scim_rows_value(rows, 0, 0));
    return NULL;
}
