/* SPDX-License-Identifier: Apache-2.0 */
/* Whether the database fits, see scim_version.h: one query, for the version of
 * schema.sql and whether all keys and triggers exist, and a table of advice
 * for errors that a database without them returns. */
#include "storage/scim_version.h"

#include <stdlib.h>
#include <string.h>

#include <apr_strings.h>

#include "storage/scim_prepared.h"

/* One row: the version, the oldest version that works with it, how many
 * primary keys and triggers there are of those that "complete" counts, and
 * whether Citus has distributed the tables.
 * Version 5 has no column "needs". */
static const char question[] =
    "SELECT v.version, pg_catalog.to_jsonb(v) ->> 'needs',"
    " (SELECT pg_catalog.count(*) FROM pg_catalog.pg_index i"
    " JOIN pg_catalog.pg_class c ON c.oid = i.indrelid"
    " WHERE i.indisprimary"
    " AND c.relnamespace = 'scim'::pg_catalog.regnamespace"
    " AND c.relname IN ('account', 'account_seen', 'deleted_token', 'event',"
    " 'guard_count', 'guard_trip', 'membership', 'organization', 'refusal',"
    " 'relay', 'request', 'request_hour', 'schema_version', 'subgroup',"
    " 'token', 'user_group')),"
    " (SELECT pg_catalog.count(*) FROM pg_catalog.pg_trigger t"
    " JOIN pg_catalog.pg_class c ON c.oid = t.tgrelid"
    " WHERE c.relnamespace = 'scim'::pg_catalog.regnamespace"
    " AND t.tgname IN ('account_before_write', 'event_before_insert',"
    " 'account_keep_token_issuer_delete',"
    " 'account_keep_token_issuer_update', 'account_memberships_delete',"
    " 'membership_delete', 'membership_insert', 'membership_unknown',"
    " 'subgroup_delete', 'subgroup_insert',"
    " 'subgroup_nesting', 'token_keep_deleted', 'token_needs_admin',"
    " 'user_group_before_write', 'user_group_insert',"
    " 'user_group_memberships_delete')),"
    " pg_catalog.to_regnamespace('scim_shard') IS NOT NULL"
    " FROM scim.schema_version v ORDER BY v.version DESC LIMIT 1";

enum {
    COLUMN_VERSION, COLUMN_NEEDS, COLUMN_KEYS, COLUMN_TRIGGERS,
    COLUMN_ON_SHARDS
};

/* What a complete database has.  pg_restore creates primary keys and triggers
 * after all rows of their table, and grants privileges at the very end. */
static const struct {
    int version;                 /* this one and later ones */
    int keys;
    int triggers;
} complete[] = {
    { 6, 16, 16 }, { 5, 7, 4 }
};

static scim_error_t *unfit(const char *cause, apr_pool_t *pool)
{
    return scim_error_caused(pool, SCIM_E_UNFIT, SCIM_OUT_OF_SERVICE, cause);
}

static scim_error_t *being_restored(apr_pool_t *pool)
{
    return unfit("The database is being restored, or was restored in part;"
                 " when pg_restore has ended, " SCIM_VERSION_UPGRADE, pool);
}

static scim_error_t *compare_to(int version, int needs, const char *program,
                                apr_pool_t *pool)
{
    if (version < SCIM_SCHEMA_LEAST) {
        return unfit(apr_psprintf(pool, "The database has schema version %d,"
                                  " this %s needs %d or %d; "
                                  SCIM_VERSION_UPGRADE, version, program,
                                  SCIM_SCHEMA_LEAST, SCIM_SCHEMA_KNOWN),
                     pool);
    }
    if (needs > SCIM_SCHEMA_KNOWN) {
        return unfit(apr_psprintf(pool, "The database has schema version %d,"
                                  " this %s knows %d: install the release"
                                  " whose schema.sql was applied",
                                  version, program, SCIM_SCHEMA_KNOWN), pool);
    }
    return NULL;
}

static int answer_in(const scim_rows_t *rows, int column)
{
    const char *value = scim_rows_value(rows, 0, column);

    return value ? atoi(value) : 0;
}

static int is_complete(const scim_rows_t *rows)
{
    int i = 0;

    while (answer_in(rows, COLUMN_VERSION) < complete[i].version) {
        i++;
    }
    return answer_in(rows, COLUMN_KEYS) == complete[i].keys
           && answer_in(rows, COLUMN_TRIGGERS) == complete[i].triggers;
}

static int is_on_shards(const scim_rows_t *rows)
{
    return *scim_rows_value(rows, 0, COLUMN_ON_SHARDS) == 't';
}

scim_error_t *scim_version_check(scim_db_t *db, const char *program,
                                 apr_pool_t *pool)
{
    scim_rows_t *rows;
    int version, needs;

    SCIM_ERR(scim_db_query(&rows, db, question, 0, NULL, 0, 0));
    if (scim_rows_count(rows) == 0) {
        return being_restored(pool);
    }
    version = answer_in(rows, COLUMN_VERSION);
    needs = answer_in(rows, COLUMN_NEEDS);
    SCIM_ERR(compare_to(version, needs ? needs : version, program, pool));
    if (!is_complete(rows)) {
        return being_restored(pool);
    }
    scim_db_has_version(db, is_on_shards(rows)
                            ? SCIM_SCHEMA_ON_SHARDS + version : version);
    return NULL;
}

static const struct {
    const char *sqlstate;
    int is_missing;              /* a table, a column or a function */
    const char *advice;
} unfit_states[] = {
    { "3F000", 0, "this database has no tables of mod_scim; "
                  SCIM_VERSION_UPGRADE },
    { "42P01", 1, SCIM_VERSION_UPGRADE },
    { "42703", 1, SCIM_VERSION_UPGRADE },
    { "42883", 1, SCIM_VERSION_UPGRADE },
    { "42704", 1, SCIM_VERSION_UPGRADE },
    { "42P10", 1, SCIM_VERSION_UPGRADE },
    { "42501", 0, "the database is being restored, or its role for httpd is"
                  " not the one in DBDParams, or schema.sql was not applied" }
};
#define UNFIT_STATES (sizeof(unfit_states) / sizeof(*unfit_states))

static apr_size_t row_of_state(const char *sqlstate)
{
    apr_size_t i = 0;

    while (i < UNFIT_STATES
           && strcmp(unfit_states[i].sqlstate, sqlstate) != 0) {
        i++;
    }
    return i;
}

const char *scim_version_advice(const char *sqlstate)
{
    apr_size_t i = row_of_state(sqlstate);

    return i < UNFIT_STATES ? unfit_states[i].advice : NULL;
}

int scim_version_is_missing(const char *sqlstate)
{
    apr_size_t i = row_of_state(sqlstate);

    return i < UNFIT_STATES && unfit_states[i].is_missing;
}
