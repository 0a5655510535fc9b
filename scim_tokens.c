/* SPDX-License-Identifier: Apache-2.0 */
/* Bearer tokens, see scim_tokens.h.
 *
 * A token is "scim_" and 64 random hexadecimal digits.  The database has only
 * its SHA-256, which is computed here, so no statement ever has a token.
 */
#include "scim_tokens.h"

#include <string.h>

#include <apr_escape.h>
#include <apr_strings.h>

#include <openssl/rand.h>

#include "resources/scim_events.h"
#include "resources/scim_state.h"
#include "storage/scim_digest.h"
#include "values/scim_bounds.h"
#include "values/scim_text.h"
#include "storage/scim_version.h"

#define SECRET_BYTES 32                  /* 256 random bits */
#define SECRET_PREFIX "scim_"            /* recognisable, also to scanners */
#define VISIBLE_LENGTH (sizeof(SECRET_PREFIX) - 1 + 6)

#define SEPARATOR '\x1f'                 /* of what is expected of a token */
#define KNOWN_FOR apr_time_from_sec(3600) /* how long it is expected */

/* The columns of AUTHENTICATE; those from KNOWN on are expected the next time.
 */
enum {
    COLUMN_STALE, COLUMN_ORGANIZATION_ID, COLUMN_STATE, COLUMN_DOMAINS,
    COLUMN_TOKEN_ID, COLUMN_TOKEN_NAME, COLUMN_CURSOR_KEY, COLUMN_HAS_GROUPS,
    COLUMN_LANGUAGE, COLUMN_TIMEZONE, COLUMNS,
    COLUMN_KNOWN = COLUMN_ORGANIZATION_ID
};

int scim_tokens_is_possible(const char *secret)
{
    apr_size_t prefix = strlen(SECRET_PREFIX);

    return strncmp(secret, SECRET_PREFIX, prefix) == 0
           && strlen(secret) == prefix + 2 * SECRET_BYTES
           && strspn(secret + prefix, "0123456789abcdef") == 2 * SECRET_BYTES;
}

const char *scim_tokens_hash(const char *secret, apr_pool_t *pool)
{
    const char *hash = scim_digest_hex(secret, SCIM_DIGEST_BYTES, pool);

    return hash ? apr_pstrcat(pool, "\\x", hash, NULL) : NULL;
}

static scim_error_t *refused_token(apr_pool_t *pool)
{
    return scim_error(pool, SCIM_E_UNAUTHORIZED, SCIM_INVALID_TOKEN);
}

/* The request is not refused if this fails. */
static void record_use(scim_db_t *db, const scim_principal_t *principal)
{
    const char *values[] = { principal->organization_id,
                             principal->actor_id };
    scim_rows_t *rows;
    scim_error_t *ignored = scim_db_run(&rows, db, SCIM_SQL_TOKEN_USED,
                                        SCIM_VALUES(values));

    (void) ignored;
}

/* values are those of all columns; an empty language or time zone is none. */
static scim_principal_t *principal_of(const char *const *values,
                                      const char *key, apr_pool_t *pool)
{
    const char *language = values[COLUMN_LANGUAGE];
    const char *timezone = values[COLUMN_TIMEZONE];
    scim_principal_t *principal = apr_pcalloc(pool, sizeof(*principal));

    principal->organization_id = values[COLUMN_ORGANIZATION_ID];
    principal->organization_key = key;
    principal->state = scim_state_of(values[COLUMN_STATE]);
    principal->domains = values[COLUMN_DOMAINS];
    principal->actor_kind = "token";
    principal->actor_id = values[COLUMN_TOKEN_ID];
    principal->actor_name = values[COLUMN_TOKEN_NAME];
    principal->language = language && *language ? language : NULL;
    principal->timezone = timezone && *timezone ? timezone : NULL;
    principal->cursor_key = values[COLUMN_CURSOR_KEY];
    principal->has_groups = values[COLUMN_HAS_GROUPS][0] == 't';
    return principal;
}

/* Language and time zone are only read for creators. */
static int columns_for(int may_create)
{
    return may_create ? COLUMNS : COLUMN_LANGUAGE;
}

/* By what a token is known; its hash is hexadecimal. */
static const char *known_as(const char *organization, const char *hash,
                            int may_create, apr_pool_t *pool)
{
    return apr_psprintf(pool, "%s %d %s", hash, may_create, organization);
}

/* What is known of a principal: its values, with a separator behind each, as
 * AUTHENTICATE_AHEAD has them.  Nothing of one that is not served, or has a
 * separator in a name from long ago. */
static const char *known_of(const char *const *values, int columns,
                            const scim_principal_t *principal,
                            apr_pool_t *pool)
{
    const char *known = "";
    int i;

    for (i = COLUMN_KNOWN; i < columns; i++) {
        const char *value = values[i] ? values[i] : "";

        if (strchr(value, SEPARATOR)) {
            return "";
        }
        known = apr_psprintf(pool, "%s%s%c", known, value, SEPARATOR);
    }
    return principal->state == SCIM_STATE_ENABLED ? known : "";
}

scim_error_t *scim_tokens_authenticate(scim_principal_t **principal,
                                       scim_db_t *db, scim_cache_t *known,
                                       const char *key, const char *secret,
                                       int may_create, apr_pool_t *pool)
{
    const char *values[2] = { key };
    const char *found[COLUMNS] = { NULL };
    scim_rows_t *rows;
    int i;

    values[1] = scim_tokens_hash(secret, pool);
    if (!values[1]) {
        return scim_error_caused(pool, SCIM_E_INTERNAL,
                                 "The token cannot be checked.",
                                 "SHA-256 is not available");
    }
    SCIM_ERR(scim_db_run(&rows, db, may_create ? SCIM_SQL_AUTHENTICATE_CREATOR
                                               : SCIM_SQL_AUTHENTICATE,
                         SCIM_VALUES(values)));
    if (scim_rows_count(rows) != 1) {
        SCIM_ERR(scim_version_check(db, "mod_scim", pool));
        return refused_token(pool);
    }
    for (i = 0; i < columns_for(may_create); i++) {
        found[i] = scim_rows_value(rows, 0, i);
    }
    *principal = principal_of(found, key, pool);
    if (scim_rows_true(rows, 0, COLUMN_STALE)) {
        record_use(db, *principal);
    }
    if (known) {
        const char *text = known_of(found, columns_for(may_create),
                                    *principal, pool);

        scim_cache_put(known, known_as(key, values[1], may_create, pool),
                       text, strlen(text) + 1, apr_time_now());
    }
    return NULL;
}

int scim_tokens_expect(scim_expectation_t *expected, scim_cache_t *known,
                       const char *organization, const char *secret,
                       int may_create, apr_pool_t *pool)
{
    const char *found[COLUMNS] = { NULL };
    const char *hash = scim_tokens_hash(secret, pool);
    const char *text = NULL;
    char *rest;
    int i;

    memset(expected, 0, sizeof(*expected));
    if (hash && known) {
        text = scim_cache_peek(known, known_as(organization, hash,
                                               may_create, pool),
                               KNOWN_FOR, pool);
    }
    if (!text || !*text) {
        return 0;
    }
    rest = apr_pstrdup(pool, text);
    for (i = COLUMN_KNOWN; i < columns_for(may_create); i++) {
        char *end = strchr(rest, SEPARATOR);

        found[i] = rest;
        *end = '\0';
        rest = end + 1;
    }
    expected->principal = principal_of(found, organization, pool);
    expected->values[0] = organization;
    expected->values[1] = hash;
    expected->values[2] = text;
    expected->may_create = may_create;
    expected->pool = pool;
    return 1;
}

/* On tables of the version before, there is no row for another principal. */
static scim_error_t *see_principal(void *baton, const scim_rows_t *rows)
{
    scim_expectation_t *expected = baton;

    if (scim_rows_count(rows) != 1) {
        return refused_token(expected->pool);
    }
    expected->is_confirmed = 1;
    expected->is_stale = scim_rows_true(rows, 0, 0);
    return NULL;
}

void scim_tokens_put_ahead(scim_expectation_t *expected, scim_db_t *db)
{
    scim_db_ahead_t ahead = { expected->may_create
                              ? SCIM_SQL_AUTHENTICATE_CREATOR_AHEAD
                              : SCIM_SQL_AUTHENTICATE_AHEAD,
                              SCIM_VALUES(expected->values), see_principal,
                              expected, 0 };

    expected->ahead = ahead;
    scim_db_put_ahead(db, &expected->ahead);
}

scim_error_t *scim_tokens_confirm(scim_expectation_t *expected, scim_db_t *db)
{
    SCIM_ERR(scim_db_run_ahead(db));
    if (expected->is_stale) {
        record_use(db, expected->principal);
    }
    return NULL;
}

scim_error_t *scim_tokens_check_name(const char *name, apr_pool_t *pool)
{
    const char *flaw = strpbrk(name, "<>")
                       ? "must not contain control characters, < or >"
                       : scim_text_flaw(pool, name, SCIM_TEXT_NAME);

    if (flaw) {
        return scim_error(pool, SCIM_E_INVALID_VALUE, "The name %s.", flaw);
    }
    if (scim_text_length(name) > SCIM_TOKEN_NAME_MAX) {
        return scim_error(pool, SCIM_E_INVALID_VALUE,
                          "The name must not be longer than "
                          APR_STRINGIFY(SCIM_TOKEN_NAME_MAX)
                          " characters.");
    }
    return NULL;
}

const char *scim_tokens_end_after(apr_int64_t days, apr_pool_t *pool)
{
    return scim_text_timestamp(pool, apr_time_now()
                                     + apr_time_from_sec(days * 86400));
}

scim_error_t *scim_tokens_expiry(const char **expires_at, const char *wanted,
                                 apr_pool_t *pool)
{
    apr_time_t instant;

    if (!wanted || strcmp(wanted, SCIM_TOKEN_NEVER) == 0) {
        *expires_at = wanted ? NULL
                             : scim_tokens_end_after(SCIM_TOKEN_DAYS, pool);
        return NULL;
    }
    if (!scim_text_instant(wanted, &instant)) {
        return scim_error(pool, SCIM_E_INVALID_VALUE,
                          "The expiry must be a date and time such as"
                          " 2024-01-31T12:00:00Z, or never.");
    }
    if (instant <= apr_time_now()) {
        return scim_error(pool, SCIM_E_INVALID_VALUE,
                          "The token must expire in the future.");
    }
    *expires_at = scim_text_timestamp(pool, instant);
    return NULL;
}

scim_error_t *scim_tokens_generate(const char **secret, const char **id,
                                   scim_db_t *db,
                                   const scim_principal_t *actor,
                                   const char *issuer, const char *name,
                                   const char **expires_at, apr_pool_t *pool)
{
    unsigned char random[SECRET_BYTES];
    const char *values[9] = { actor->organization_id, issuer, name };
    scim_rows_t *rows;
    char *made;

    SCIM_ERR(scim_tokens_check_name(name, pool));
    if (RAND_bytes(random, sizeof(random)) != 1) {
        return scim_error_caused(pool, SCIM_E_INTERNAL,
                                 "No token can be generated.",
                                 "no random bytes from libcrypto");
    }
    made = apr_pstrcat(pool, SECRET_PREFIX,
                       apr_pescape_hex(pool, random, sizeof(random), 0),
                       NULL);
    values[3] = apr_pstrmemdup(pool, made, VISIBLE_LENGTH);
    values[4] = scim_tokens_hash(made, pool);
    values[5] = *expires_at;
    values[6] = actor->actor_kind;
    values[7] = actor->actor_id;
    values[8] = actor->actor_name;
    SCIM_ERR(scim_db_run(&rows, db, SCIM_SQL_TOKEN_INSERT,
                         SCIM_VALUES(values)));
    scim_events_tell(db, SCIM_EVENT_TOKEN);
    *secret = made;
    *id = scim_rows_value(rows, 0, 0);
    *expires_at = scim_rows_value(rows, 0, 1);
    return NULL;
}

scim_error_t *scim_tokens_delete(const char **name, scim_db_t *db,
                                 const scim_principal_t *actor,
                                 const char *id, apr_pool_t *pool)
{
    const char *values[] = { actor->organization_id, id, actor->actor_kind,
                             actor->actor_id, actor->actor_name };
    scim_rows_t *rows = NULL;

    if (scim_text_is_uuid(id)) {
        SCIM_ERR(scim_db_run(&rows, db, SCIM_SQL_TOKEN_DELETE,
                             SCIM_VALUES(values)));
    }
    if (!rows || scim_rows_count(rows) == 0) {
        return scim_error(pool, SCIM_E_NOT_FOUND,
                          "There is no token with this id.");
    }
    scim_events_tell(db, SCIM_EVENT_NO_TOKEN);
    *name = scim_rows_value(rows, 0, 0);
    return NULL;
}
