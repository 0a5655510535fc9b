/* SPDX-License-Identifier: Apache-2.0 */
/* Errors of PostgreSQL, see scim_db_parts.h: a table from SQLSTATEs to kinds
 * of error and details for the client.  The log gets the primary message of
 * PostgreSQL, or the reason why there was no answer.
 */
#include "storage/scim_db_parts.h"

#include <string.h>

#include <apr_strings.h>

#include "storage/scim_version.h"

static const char held[] =
    "Another request is changing the same account at the moment. Please try"
    " again.";
static const char too_slow[] =
    "The database did not answer in time. Please try again.";
static const char too_broad[] =
    "The search takes longer than this server allows. Ask for less: a filter"
    " of fewer terms, or one that begins with userName, externalId or id"
    " eq.";
/* For the log, about a constraint that no client can violate. */
static const char is_behind[] =
    ": the sequence is behind, as after logical replication: SELECT setval("
    "'scim.event_sequence_seq', max(sequence)) FROM scim.event";

/* SQLSTATE (or its beginning) and, if given, constraint -> error; the first
 * row that matches is used. */
static const struct {
    const char *sqlstate;
    const char *constraint;
    scim_error_kind_e kind;
    const char *detail;
} sqlstates[] = {
    { "SC001", NULL, SCIM_E_FORBIDDEN,
      "This account generated a SCIM token that is still valid, so it cannot"
      " be deleted, deactivated or lose the role ADMIN. Delete that token"
      " first, or let another administrator generate one." },
    { "SC002", NULL, SCIM_E_FORBIDDEN,
      "The issuer of a SCIM token must be an active account with the role"
      " ADMIN." },
    { "SC003", NULL, SCIM_E_UNAUTHORIZED, SCIM_INVALID_TOKEN },
    { "SC004", NULL, SCIM_E_SWITCHED_OFF, SCIM_PROVISIONING_OFF },
    { "SC005", NULL, SCIM_E_INVALID_VALUE,
      "Attribute 'members' has ids that do not exist: %s." },
    { "SC006", NULL, SCIM_E_INVALID_VALUE,
      "A group cannot contain itself, and at most ten groups can contain one"
      " another." },
    { "SC007", NULL, SCIM_E_GUARD_ACCOUNTS,
      "The safety limit of this organization for deactivations, deletions and"
      " downgrades to GUEST (%s an hour) is reached. If they are right, let"
      " them through on the first page of the settings." },
    { "SC008", NULL, SCIM_E_GUARD_MEMBERS,
      "The safety limit of this organization for removals from groups (%s an"
      " hour) is reached. If they are right, let them through on the first"
      " page of the settings." },
    { "SC009", NULL, SCIM_E_FORBIDDEN,
      "This account is the last active administrator of the organization, so"
      " it cannot be deleted, deactivated or lose the role ADMIN. Another"
      " account must first get this role." },
    { "SC010", NULL, SCIM_E_PAUSED, SCIM_PROVISIONING_PAUSED },
    { "SC011", NULL, SCIM_E_PAUSED,
      "This organization is being moved to another database; try again"
      " later." },
    { "23505", "account_user_name_unique", SCIM_E_UNIQUENESS,
      "Another account of this organization has this userName already." },
    { "23505", "user_group_display_name_unique", SCIM_E_UNIQUENESS,
      "Another group of this organization has this displayName already." },
    { "23505", "organization_key_key", SCIM_E_UNIQUENESS,
      "Another organization has this key already." },
    { "23505", "organization_pkey", SCIM_E_UNIQUENESS,
      "This organization is in the database already." },
    { "23505", NULL, SCIM_E_INTERNAL, NULL },
    { "22", NULL, SCIM_E_INVALID_VALUE,
      "A value cannot be stored or compared as sent." },
    { "23", NULL, SCIM_E_INVALID_VALUE,
      "A value violates a constraint of the database." },
    { "54", NULL, SCIM_E_INVALID_VALUE,
      "A value or the request is too large." },
    { "08", NULL, SCIM_E_UNAVAILABLE, NULL },
    { "25006", NULL, SCIM_E_UNAVAILABLE, NULL },
    { "26000", NULL, SCIM_E_UNAVAILABLE, NULL },
    { "28", NULL, SCIM_E_UNAVAILABLE, NULL },
    { "3D", NULL, SCIM_E_UNAVAILABLE, NULL },
    { "40", NULL, SCIM_E_UNAVAILABLE, NULL },
    { "53", NULL, SCIM_E_UNAVAILABLE, NULL },
    { "55P03", NULL, SCIM_E_UNAVAILABLE, held },
    { "55", NULL, SCIM_E_UNAVAILABLE, NULL },
    { "57014", NULL, SCIM_E_UNAVAILABLE, too_slow },
    { "57", NULL, SCIM_E_UNAVAILABLE, NULL },
    { "58", NULL, SCIM_E_UNAVAILABLE, NULL },
    { "XX000", NULL, SCIM_E_UNAVAILABLE, NULL },    /* a table was dropped */
    { "", NULL, SCIM_E_INTERNAL, NULL }
};

int scim_db_succeeded(const PGresult *result)
{
    ExecStatusType status = PQresultStatus(result);

    return status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK;
}

static const char *sqlstate_of(const PGresult *result)
{
    const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);

    return state ? state : "";
}

int scim_db_is_state(const PGresult *result, const char *state)
{
    return strcmp(sqlstate_of(result), state) == 0;
}

/* Errors without SQLSTATE are libpq's own; after a failed write it may return
 * one while PQstatus is still OK. */
int scim_db_is_lost(const scim_db_t *db, const PGresult *result)
{
    return PQstatus(db->connection) == CONNECTION_BAD
           || !*sqlstate_of(result) || scim_db_is_state(result, "57P01")
           || scim_db_is_state(result, "57P02")
           || scim_db_is_state(result, "57P03");
}

/* Only the primary message: context and detail may quote values. */
static const char *cause_of(scim_db_t *db, const PGresult *result)
{
    const char *primary = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);

    if (db->problem) {
        return db->problem;
    }
    return primary ? apr_psprintf(db->pool, "SQLSTATE %s: %s",
                                  sqlstate_of(result), primary)
                   : apr_pstrdup(db->pool, PQerrorMessage(db->connection));
}

scim_error_t *scim_db_given_up(scim_db_t *db)
{
    return db->patience->end == SCIM_WAIT_FOR_NOBODY
           ? scim_error(db->pool, SCIM_E_TIMEOUT,
                        "The client has gone away.")
           : scim_error_caused(db->pool, SCIM_E_UNAVAILABLE, too_slow,
                               "no answer from PostgreSQL within"
                               " SCIMDatabaseTimeout; the connection was"
                               " closed");
}

scim_error_t *scim_db_lost(scim_db_t *db)
{
    return db->patience->end
           ? scim_db_given_up(db)
           : scim_error_caused(db->pool, SCIM_E_UNAVAILABLE,
                               SCIM_DATABASE_AWAY, cause_of(db, NULL));
}

/* Whether the error is about the constraint name.  Citus has it in the message
 * alone, with the number of a shard behind it (examples/citus). */
static int is_about(const char *name, const PGresult *result)
{
    const char *constraint = PQresultErrorField(result,
                                                PG_DIAG_CONSTRAINT_NAME);
    const char *message = PQresultErrorField(result,
                                             PG_DIAG_MESSAGE_PRIMARY);

    return constraint ? strcmp(constraint, name) == 0
                      : message && strstr(message, name);
}

static int is_row_of(int i, const PGresult *result)
{
    return strncmp(sqlstate_of(result), sqlstates[i].sqlstate,
                   strlen(sqlstates[i].sqlstate)) == 0
           && (!sqlstates[i].constraint
               || is_about(sqlstates[i].constraint, result));
}

void scim_db_advise_shared(scim_db_t *db, const PGresult *result)
{
    if (db->from) {
        scim_pool_advise(db->from, SCIM_POOL_ADVICE_SHARED,
                         cause_of(db, result));
    }
}

/* If the database lacks something that a statement needs, it is checked again
 * before the next use.  Unless the check itself has failed, that may be what
 * only newer tables have.  For operators, scimctl explains the privileges of
 * their role. */
static scim_error_t *unfit_error(scim_db_t *db, const PGresult *result)
{
    const char *state = sqlstate_of(result);
    const char *advice = db->from ? scim_version_advice(state) : NULL;
    scim_error_t *outdated = db->prepared->checked
                             && scim_version_is_missing(state)
                             ? scim_db_outdated(db) : NULL;

    if (!advice && !outdated) {
        return NULL;
    }
    db->prepared->checked = 0;
    if (outdated) {
        return outdated;
    }
    return scim_error_caused(db->pool, SCIM_E_UNFIT, SCIM_OUT_OF_SERVICE,
                             apr_pstrcat(db->pool, cause_of(db, result), ": ",
                                         advice, NULL));
}

/* The detail for the client; it names a constraint that an operator may have
 * added.  The detail of an SQLSTATE of our own, which is written for "%s", is
 * for clients, and quotes only what they have sent. */
static const char *detail_of(const scim_db_t *db, int i,
                             const PGresult *result)
{
    const char *constraint = PQresultErrorField(result,
                                                PG_DIAG_CONSTRAINT_NAME);

    if (constraint && strcmp(sqlstates[i].sqlstate, "23") == 0) {
        return apr_psprintf(db->pool, "A value violates the constraint '%.63s'"
                                      " of the database.", constraint);
    }
    if (sqlstates[i].detail && strstr(sqlstates[i].detail, "%s")) {
        return apr_psprintf(db->pool, sqlstates[i].detail,
                            PQresultErrorField(result,
                                               PG_DIAG_MESSAGE_DETAIL));
    }
    if (sqlstates[i].detail) {
        return sqlstates[i].detail;
    }
    return sqlstates[i].kind == SCIM_E_UNAVAILABLE ? SCIM_DATABASE_AWAY
                                                   : SCIM_SERVER_FAILED;
}

scim_error_t *scim_db_error(scim_db_t *db, const PGresult *result)
{
    const char *cause;
    scim_error_t *error;
    int i = 0;

    if (db->patience->end) {
        return scim_db_given_up(db);
    }
    error = unfit_error(db, result);
    if (error) {
        return error;
    }
    if (scim_db_is_lost(db, result)) {
        return scim_error_caused(db->pool, SCIM_E_UNAVAILABLE,
                                 SCIM_DATABASE_AWAY, cause_of(db, result));
    }
    if (scim_db_is_state(result, "26000")) {
        scim_db_advise_shared(db, result);
    }
    while (!is_row_of(i, result)) {
        i++;
    }
    cause = cause_of(db, result);
    if (scim_db_is_state(result, "23505")
        && sqlstates[i].kind == SCIM_E_INTERNAL) {
        cause = apr_pstrcat(db->pool, cause, is_behind, NULL);
    }
    return scim_error_caused(db->pool, sqlstates[i].kind,
                             detail_of(db, i, result), cause);
}

scim_error_t *scim_db_too_slow(const scim_db_t *db)
{
    return scim_error(db->pool, SCIM_E_TOO_MANY, "%s", too_broad);
}

/* A search that exceeds statement_timeout would do so again. */
scim_error_t *scim_db_search_error(scim_db_t *db, const PGresult *result)
{
    return scim_db_is_state(result, "57014")
           ? scim_error_caused(db->pool, SCIM_E_TOO_MANY, too_broad,
                               cause_of(db, result))
           : scim_db_error(db, result);
}
