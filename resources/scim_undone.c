/* SPDX-License-Identifier: Apache-2.0 */
/* What was undone, see scim_undone.h: the later events of the accounts and
 * groups of a page that name what they undo. */
#include "resources/scim_undone.h"

#include <apr_hash.h>
#include <apr_strings.h>
#include <apr_tables.h>

#include "values/scim_json.h"

#define MAX_UNDOINGS "1000"

enum { COLUMN_SEQUENCE, COLUMN_ACTOR, COLUMN_AT, COLUMN_UNDOES };

/* The ids of what the entries are about, and of each the first sequence; NULL
 * for none.  The entries are the latest first. */
static void find_subjects(const char **ids, const char **sequences,
                          const cJSON *entries, apr_pool_t *pool)
{
    apr_hash_t *first = apr_hash_make(pool);
    apr_array_header_t *keys = apr_array_make(pool, 8, sizeof(const char *));
    apr_array_header_t *values = apr_array_make(pool, 8, sizeof(const char *));
    apr_hash_index_t *index;
    const cJSON *entry;

    cJSON_ArrayForEach(entry, entries) {
        const char *id = scim_json_text(entry, "resourceId");

        if (id && scim_json_text(entry, "kind")) {
            apr_hash_set(first, id, APR_HASH_KEY_STRING,
                         scim_json_text(entry, "sequence"));
        }
    }
    for (index = apr_hash_first(pool, first); index;
         index = apr_hash_next(index)) {
        APR_ARRAY_PUSH(keys, const char *) = apr_hash_this_key(index);
        APR_ARRAY_PUSH(values, const char *) = apr_hash_this_val(index);
    }
    *ids = keys->nelts > 0 ? scim_db_array(pool, keys) : NULL;
    *sequences = scim_db_array(pool, values);
}

/* What the event of a row has undone: by sequence, {"actor", "at"}. */
static void add_undone(apr_hash_t *undone, scim_rows_t *rows, int row,
                       apr_pool_t *pool)
{
    cJSON *by = scim_json_own(cJSON_CreateObject(), pool);
    const cJSON *sequence;

    scim_json_put_text(by, "actor", scim_rows_value(rows, row, COLUMN_ACTOR));
    scim_json_put_text(by, "at", scim_rows_value(rows, row, COLUMN_AT));
    cJSON_ArrayForEach(sequence,
                       scim_json_stored(scim_rows_value(rows, row,
                                                        COLUMN_UNDOES),
                                        pool)) {
        apr_hash_set(undone, apr_psprintf(pool, "%.0f", sequence->valuedouble),
                     APR_HASH_KEY_STRING, by);
    }
}

scim_error_t *scim_undone_mark(cJSON *entries, scim_db_t *db,
                               const char *organization_id, apr_pool_t *pool)
{
    const char *values[] = { organization_id, NULL, NULL, MAX_UNDOINGS };
    apr_hash_t *undone = apr_hash_make(pool);
    scim_rows_t *rows;
    cJSON *entry;
    int i;

    find_subjects(&values[1], &values[2], entries, pool);
    if (!values[1]) {
        return NULL;
    }
    SCIM_ERR(scim_db_run(&rows, db, SCIM_SQL_ACTIVITY_UNDOING,
                         SCIM_VALUES(values)));
    for (i = 0; i < scim_rows_count(rows); i++) {
        if (!apr_hash_get(undone, scim_rows_value(rows, i, COLUMN_SEQUENCE),
                          APR_HASH_KEY_STRING)) {
            add_undone(undone, rows, i, pool);
        }
    }
    cJSON_ArrayForEach(entry, entries) {
        const cJSON *by = apr_hash_get(undone,
                                       scim_json_text(entry, "sequence"),
                                       APR_HASH_KEY_STRING);

        if (by) {
            scim_json_put(entry, "undone", cJSON_Duplicate(by, 1));
        }
    }
    return NULL;
}
