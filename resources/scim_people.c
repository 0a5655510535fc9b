/* SPDX-License-Identifier: Apache-2.0 */
/* The account of a sign-in, see scim_people.h.
 *
 * One statement gives organization and account together, so that an
 * organization that does not exist is told apart from an account that does
 * not.  Names are compared here once more, for the comparison in SQL is wider
 * than a sign-in may be.
 */
#include "resources/scim_people.h"

#include <string.h>

#include <apr_lib.h>
#include <apr_strings.h>

#include "resources/scim_state.h"
#include "values/scim_bounds.h"
#include "values/scim_text.h"

enum {
    COLUMN_ORGANIZATION_ID, COLUMN_ORGANIZATION_NAME, COLUMN_STATE,
    COLUMN_DOMAINS, COLUMN_ID, COLUMN_USER_NAME, COLUMN_DISPLAY_NAME,
    COLUMN_ROLE, COLUMN_ACTIVE, COLUMN_LANGUAGE, COLUMN_TIMEZONE,
    COLUMN_ROLES, COLUMN_MEANT_GROUPS, COLUMN_ALL_GROUPS
};

/* Nobody's name has such, and a log line must not.  A userName that only looks
 * like another one is nobody's, either: who can have any name at the
 * authentication source would be whom he likes. */
static int is_possible(const char *value, int by_external_id,
                       apr_pool_t *pool)
{
    apr_size_t length = strlen(value);
    const char *c;

    for (c = value; *c; c++) {
        if (apr_iscntrl(*c)) {
            return 0;
        }
    }
    return length > 0 && scim_text_is_utf8(value, length)
           && scim_text_length(value) <= SCIM_COLUMN_MAX
           && (by_external_id || scim_text_is_unambiguous(pool, value));
}

static scim_person_t *person_of(const scim_rows_t *rows, const char *key,
                                apr_pool_t *pool)
{
    scim_person_t *person = apr_pcalloc(pool, sizeof(*person));
    scim_principal_t *principal = &person->principal;

    person->id = scim_rows_value(rows, 0, COLUMN_ID);
    person->user_name = scim_rows_value(rows, 0, COLUMN_USER_NAME);
    person->display_name = scim_rows_value(rows, 0, COLUMN_DISPLAY_NAME);
    person->role = scim_rows_value(rows, 0, COLUMN_ROLE);
    person->roles = scim_rows_value(rows, 0, COLUMN_ROLES);
    person->meant_groups = scim_rows_value(rows, 0, COLUMN_MEANT_GROUPS);
    person->all_groups = scim_rows_value(rows, 0, COLUMN_ALL_GROUPS);
    person->active = scim_rows_true(rows, 0, COLUMN_ACTIVE);
    person->language = scim_rows_value(rows, 0, COLUMN_LANGUAGE);
    person->timezone = scim_rows_value(rows, 0, COLUMN_TIMEZONE);
    person->organization_name = scim_rows_value(rows, 0,
                                                COLUMN_ORGANIZATION_NAME);
    principal->organization_id = scim_rows_value(rows, 0,
                                                 COLUMN_ORGANIZATION_ID);
    principal->organization_key = key;
    principal->state = scim_state_of(scim_rows_value(rows, 0, COLUMN_STATE));
    principal->domains = scim_rows_value(rows, 0, COLUMN_DOMAINS);
    principal->actor_kind = "account";
    principal->actor_id = person->id;
    principal->actor_name = person->user_name;
    principal->language = person->language;
    principal->timezone = person->timezone;
    return person;
}

/* Whether there is an account in the row, and it is the one that is meant: the
 * statement has folded case, which makes an s of a long one. */
static int is_found(const scim_rows_t *rows, int by_external_id,
                    apr_pool_t *pool)
{
    return scim_rows_value(rows, 0, COLUMN_ID)
           && (by_external_id
               || scim_text_is_unambiguous(pool,
                      scim_rows_value(rows, 0, COLUMN_USER_NAME)));
}

/* Without groups, it is the statement that knows of none. */
static scim_statement_e statement_for(int by_external_id,
                                      const scim_people_groups_t *groups)
{
    static const scim_statement_e statements[3][2] = {
        { SCIM_SQL_PERSON_BY_USER_NAME, SCIM_SQL_PERSON_BY_EXTERNAL_ID },
        { SCIM_SQL_PERSON_BY_USER_NAME_MEANT_GROUPS,
          SCIM_SQL_PERSON_BY_EXTERNAL_ID_MEANT_GROUPS },
        { SCIM_SQL_PERSON_BY_USER_NAME_ALL_GROUPS,
          SCIM_SQL_PERSON_BY_EXTERNAL_ID_ALL_GROUPS }
    };

    return statements[!groups ? 0 : groups->all ? 2 : 1][by_external_id != 0];
}

scim_error_t *scim_people_find(scim_person_t **person, scim_db_t *db,
                               const char *key, int by_external_id,
                               const char *value,
                               const scim_people_groups_t *groups,
                               apr_pool_t *pool)
{
    const char *name = by_external_id ? "externalId" : "userName";
    int may_be = is_possible(value, by_external_id, pool);
    const char *values[] = { key, may_be ? value : "",
                             groups ? groups->meant : NULL };
    scim_rows_t *rows;

    SCIM_ERR(scim_db_run(&rows, db, statement_for(by_external_id, groups),
                         groups ? 3 : 2, values));
    if (scim_rows_count(rows) == 0) {
        return scim_error(pool, SCIM_E_NOT_FOUND,
                          "There is no organization '%.63s'.", key);
    }
    if (!may_be) {
        return scim_error(pool, SCIM_E_FORBIDDEN,
                          "The name of the signed-in user (%" APR_SIZE_T_FMT
                          " bytes) cannot be a %s.", strlen(value), name);
    }
    if (scim_rows_count(rows) > 1) {
        return scim_error(pool, SCIM_E_FORBIDDEN,
                          "More than one account of '%s' has the %s '%.120s'.",
                          key, name, value);
    }
    if (!is_found(rows, by_external_id, pool)) {
        return scim_error(pool, SCIM_E_FORBIDDEN,
                          "No account of '%s' has the %s '%.120s'.", key, name,
                          value);
    }
    *person = person_of(rows, key, pool);
    return NULL;
}
