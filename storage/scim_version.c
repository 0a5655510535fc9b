/* SPDX-License-Identifier: Apache-2.0 */
/* Whether the database fits, see scim_version.h: one query, for the version of
 * schema.sql and whether all keys and triggers exist, and a table of advice
 * for errors that a database without them returns. */
#include "storage/scim_version.h"

#include <stdlib.h>
#include <string.h>

#include <apr_strings.h>

/* One row: the version, the oldest version that works with it, and whether the
 * database is complete.  pg_restore creates primary keys and triggers after
 * all rows of their table, and grants privileges at the very end.  Version 5
 * has no column "needs". */
static const char question[] =
    "SELECT v.version, pg_catalog.to_jsonb(v) ->> 'needs',"
    " (SELECT pg_catalog.count(*) = 10 FROM pg_catalog.pg_index i"
    " JOIN pg_catalog.pg_class c ON c.oid = i.indrelid"
    " WHERE i.indisprimary"
    " AND c.relnamespace = 'scim'::pg_catalog.regnamespace"
    " AND c.relname IN ('account', 'event', 'membership', 'organization',"
    " 'refusal', 'relay', 'schema_version', 'subgroup', 'token',"
    " 'user_group'))"
    " AND (SELECT pg_catalog.count(*) = 12 FROM pg_catalog.pg_trigger t"
    " JOIN pg_catalog.pg_class c ON c.oid = t.tgrelid"
    " WHERE c.relnamespace = 'scim'::pg_catalog.regnamespace"
    " AND t.tgname IN ('account_before_write', 'event_before_insert',"
    " 'account_keep_token_issuer_delete',"
    " 'account_keep_token_issuer_update', 'membership_delete',"
    " 'membership_insert', 'subgroup_delete', 'subgroup_insert',"
    " 'subgroup_nesting', 'token_needs_admin', 'user_group_before_write',"
    " 'user_group_insert'))"
    " FROM scim.schema_version v ORDER BY v.version DESC LIMIT 1";

static scim_error_t *unfit(const char *cause, apr_pool_t *pool)
{
    return scim_error_caused(pool, SCIM_E_UNFIT, SCIM_OUT_OF_SERVICE, cause);
}

static scim_error_t *being_restored(apr_pool_t *pool)
{
    return unfit("The database is being restored, or was restored in part:"
                 " when pg_restore has ended, apply schema.sql", pool);
}

static scim_error_t *compare_to(int version, int needs, const char *program,
                                apr_pool_t *pool)
{
    if (version < SCIM_SCHEMA_LEAST) {
        return unfit(apr_psprintf(pool, "The database has schema version %d,"
                                  " this %s needs %d: apply schema.sql",
                                  version, program, SCIM_SCHEMA_KNOWN), pool);
    }
    if (needs > SCIM_SCHEMA_KNOWN) {
        return unfit(apr_psprintf(pool, "The database has schema version %d,"
                                  " this %s knows %d: install the release"
                                  " whose schema.sql was applied",
                                  version, program, SCIM_SCHEMA_KNOWN), pool);
    }
    return NULL;
}

scim_error_t *scim_version_check(scim_db_t *db, const char *program,
                                 apr_pool_t *pool)
{
    const char *needs;
    scim_rows_t *rows;
    int version;

    SCIM_ERR(scim_db_query(&rows, db, question, 0, NULL, 0));
    if (scim_rows_count(rows) == 0) {
        return being_restored(pool);
    }
    version = atoi(scim_rows_value(rows, 0, 0));
    needs = scim_rows_value(rows, 0, 1);
    SCIM_ERR(compare_to(version, needs ? atoi(needs) : version, program,
                        pool));
    return scim_rows_true(rows, 0, 2) ? NULL : being_restored(pool);
}

static const struct {
    const char *sqlstate;
    const char *advice;
} unfit_states[] = {
    { "3F000", "apply schema.sql to this database" },
    { "42P01", "apply schema.sql to this database" },
    { "42703", "apply schema.sql of this release to this database" },
    { "42883", "apply schema.sql of this release to this database" },
    { "42704", "apply schema.sql of this release to this database" },
    { "42P10", "apply schema.sql of this release to this database" },
    { "42501", "the database is being restored, or its role for httpd is not"
               " the one in DBDParams, or schema.sql was not applied" }
};

const char *scim_version_advice(const char *sqlstate)
{
    apr_size_t i;

    for (i = 0; i < sizeof(unfit_states) / sizeof(*unfit_states); i++) {
        if (strcmp(unfit_states[i].sqlstate, sqlstate) == 0) {
            return unfit_states[i].advice;
        }
    }
    return NULL;
}
