/* SPDX-License-Identifier: Apache-2.0 */
/* scimctl token: the SCIM tokens of an organization. */
#include <stdio.h>
#include <string.h>

#include <apr_strings.h>

#include "scim_tokens.h"
#include "scimctl/scimctl_print.h"
#include "scimctl/scimctl_run.h"
#include "values/scim_json.h"
#include "values/scim_text.h"

/* At most so many ids are in a message. */
#define CANDIDATES_SHOWN 10

static const scimctl_column_t token_columns[] = {
    { "ID", "id", 0, SCIMCTL_TEXT }, { "NAME", "name", 1, SCIMCTL_TEXT },
    { "PREFIX", "prefix", 2, SCIMCTL_TEXT },
    { "ISSUER", "issuer", 3, SCIMCTL_TEXT },
    { "CREATED", "created", 4, SCIMCTL_TEXT },
    { "EXPIRES", "expires", 5, SCIMCTL_TEXT },
    { "LAST USED", "lastUsed", 6, SCIMCTL_TEXT },
    { "STATE", "state", 7, SCIMCTL_TEXT },
    { "DAYS LEFT", "daysLeft", 8, SCIMCTL_NUMBER },
    { "REFUSED", "refused", 9, SCIMCTL_TEXT },
    { NULL, NULL, 0, SCIMCTL_TEXT }
};

/* A day lasts until its end. */
static scim_error_t *day_or_instant(const char **at, scimctl_run_t *run)
{
    const char *wanted = run->options.expires;
    const char *day = wanted ? apr_pstrcat(run->pool, wanted, "T23:59:59",
                                           NULL) : NULL;
    apr_time_t instant;

    if (day && scim_text_instant(day, &instant)) {
        wanted = day;
    }
    else if (wanted && strcmp(wanted, SCIM_TOKEN_NEVER) != 0
             && !scim_text_instant(wanted, &instant)) {
        return scim_error(run->pool, SCIM_E_INVALID_VALUE,
                          "--expires: '%.40s' is not a day such as 2027-01-31"
                          " or a date and time such as 2027-01-31T12:00:00Z,"
                          " nor never.", wanted);
    }
    return scim_tokens_expiry(at, wanted, run->pool);
}

/* When the token expires, for SQL; NULL: never. */
static scim_error_t *expiry(const char **at, scimctl_run_t *run)
{
    apr_int64_t days;

    if (!run->options.days) {
        return day_or_instant(at, run);
    }
    if (!scim_text_integer(run->options.days, &days) || days < 1
        || days > 36500) {
        return scim_error(run->pool, SCIM_E_INVALID_VALUE,
                          "--days must be a number from 1 to 36500.");
    }
    *at = scim_tokens_end_after(days, run->pool);
    return NULL;
}

static void print_token(scimctl_run_t *run, const char *secret, const char *id)
{
    if (run->options.json) {
        cJSON *object = scim_json_own(cJSON_CreateObject(), run->pool);

        scim_json_put_text(object, "id", id);
        scim_json_put_text(object, "token", secret);
        scimctl_print_json(object, run->pool);
        return;
    }
    printf("%s\n", secret);
    fputs("This token will not be shown again.\n", stderr);
}

scim_error_t *scimctl_token_generate(scimctl_run_t *run)
{
    const char *expires_at;
    const char *secret;
    const char *id;
    scim_rows_t *rows;

    SCIM_ERR(expiry(&expires_at, run));
    SCIM_ERR(scimctl_choose_organization(&rows, run));
    SCIM_ERR(scimctl_account_named(&rows, run, run->options.issuer));
    SCIM_ERR(scim_tokens_generate(&secret, &id, run->call.db,
                                  run->call.principal,
                                  scim_rows_value(rows, 0, SCIM_ACCOUNT_ID),
                                  run->options.name, &expires_at, run->pool));
    print_token(run, secret, id);
    return NULL;
}

scim_error_t *scimctl_token_list(scimctl_run_t *run)
{
    const char *values[1];
    scim_rows_t *rows;

    SCIM_ERR(scimctl_choose_organization(&rows, run));
    values[0] = run->call.principal->organization_id;
    SCIM_ERR(scim_db_run(&rows, run->call.db, SCIM_SQL_TOKEN_LIST,
                         SCIM_VALUES(values)));
    scimctl_list(run, rows, token_columns);
    return NULL;
}

/* Whether a row of TOKEN_LIST is a token of this id, name or prefix, which can
 * be deleted: what was deleted is listed, too. */
static int is_called(const scim_rows_t *rows, int row, const char *text)
{
    return strcmp(scim_rows_value(rows, row, 7), "deleted") != 0
           && (strcmp(scim_rows_value(rows, row, 0), text) == 0
               || strcmp(scim_rows_value(rows, row, 1), text) == 0
               || strcmp(scim_rows_value(rows, row, 2), text) == 0);
}

/* The id of the one token that the second argument means. */
static scim_error_t *find_token(const char **id, scimctl_run_t *run)
{
    const char *values[] = { run->call.principal->organization_id };
    const char *text = run->arguments[1];
    const char *ids = "";
    scim_rows_t *rows;
    int count = 0;
    int i;

    SCIM_ERR(scim_db_run(&rows, run->call.db, SCIM_SQL_TOKEN_LIST,
                         SCIM_VALUES(values)));
    for (i = 0; i < scim_rows_count(rows); i++) {
        if (is_called(rows, i, text) && count++ < CANDIDATES_SHOWN) {
            *id = scim_rows_value(rows, i, 0);
            ids = apr_pstrcat(run->pool, ids, *ids ? ", " : "", *id, NULL);
        }
    }
    if (count == 0) {
        return scim_error(run->pool, SCIM_E_NOT_FOUND,
                          "There is no token with this id, name or prefix;"
                          " scimctl token list %.60s shows all tokens.",
                          run->arguments[0]);
    }
    return count == 1 ? NULL
        : scim_error(run->pool, SCIM_E_INVALID_VALUE,
                     "%d tokens are called '%.120s': give the id of one of"
                     " them: %s%s.", count, text, ids,
                     count > CANDIDATES_SHOWN ? ", ..." : "");
}

scim_error_t *scimctl_token_delete(scimctl_run_t *run)
{
    const char *name;
    const char *id = NULL;
    scim_rows_t *rows;

    SCIM_ERR(scimctl_choose_organization(&rows, run));
    SCIM_ERR(find_token(&id, run));
    SCIM_ERR(scim_tokens_delete(&name, run->call.db, run->call.principal, id,
                                run->pool));
    scimctl_say_deleted(run, id, name);
    return NULL;
}
