/* SPDX-License-Identifier: Apache-2.0 */
/* What the commands of scimctl share: how they find an organization or an
 * account, read a number, print a list, and ask before they destroy. */
#include "scimctl/scimctl_run.h"

#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <apr_strings.h>

#include "values/scim_json.h"
#include "values/scim_text.h"

void scimctl_list(const scimctl_run_t *run, const scim_rows_t *rows,
                  const scimctl_column_t *columns)
{
    scimctl_print_rows(rows, columns, run->options.json, run->pool);
}

scim_error_t *scimctl_no_organization(scimctl_run_t *run)
{
    return scim_error(run->pool, SCIM_E_NOT_FOUND,
                      "There is no organization '%.60s'; scimctl org list"
                      " shows all organizations.", run->arguments[0]);
}

scim_principal_t *scimctl_operator(apr_pool_t *pool)
{
    const struct passwd *user = getpwuid(getuid());
    scim_principal_t *principal = apr_pcalloc(pool, sizeof(*principal));

    principal->state = SCIM_STATE_ENABLED;
    principal->actor_kind = "operator";
    principal->actor_name = apr_psprintf(pool, "scimctl (%s)",
                                         user ? user->pw_name : "?");
    return principal;
}

scim_error_t *scimctl_choose_organization(scim_rows_t **rows,
                                          scimctl_run_t *run)
{
    const char *values[] = { run->arguments[0] };
    scim_principal_t *principal = scimctl_operator(run->pool);

    SCIM_ERR(scim_db_run(rows, run->call.db, SCIM_SQL_ORGANIZATION_BY_KEY,
                         SCIM_VALUES(values)));
    if (scim_rows_count(*rows) == 0) {
        return scimctl_no_organization(run);
    }
    principal->organization_id = scim_rows_value(*rows, 0, 0);
    principal->organization_key = scim_rows_value(*rows, 0, 1);
    principal->domains = scim_rows_value(*rows, 0, 4);
    principal->has_groups = !scim_db_outdated(run->call.db);
    run->call.principal = principal;
    return NULL;
}

scim_error_t *scimctl_account_named(scim_rows_t **rows, scimctl_run_t *run,
                                    const char *name)
{
    const char *values[] = { run->call.principal->organization_id, name };
    scim_statement_e by = scim_text_is_uuid(name)
        ? SCIM_SQL_ACCOUNT_BY_ID : SCIM_SQL_ACCOUNT_BY_USER_NAME;

    SCIM_ERR(scim_db_run(rows, run->call.db, by, SCIM_VALUES(values)));
    return scim_rows_count(*rows) > 0 ? NULL
        : scim_error(run->pool, SCIM_E_NOT_FOUND,
                     "There is no account '%.120s' in '%s'.", name,
                     run->call.principal->organization_key);
}

scim_error_t *scimctl_number(apr_int64_t *number, scimctl_run_t *run,
                             const char *text, apr_int64_t otherwise)
{
    *number = otherwise;
    return text && (!scim_text_integer(text, number) || *number < 1)
           ? scim_error(run->pool, SCIM_E_INVALID_VALUE,
                        "'%.20s' is not a number of 1 or more.", text)
           : NULL;
}

void scimctl_show(const scimctl_run_t *run, const scim_rows_t *rows,
                  const scimctl_column_t *columns)
{
    if (run->options.json) {
        scimctl_print_json(scim_json_own(scimctl_row_json(rows, 0, columns,
                                                          run->pool),
                                         run->pool), run->pool);
        return;
    }
    scimctl_print_rows(rows, columns, 0, run->pool);
}

void scimctl_say_deleted(const scimctl_run_t *run, const char *id,
                         const char *name)
{
    cJSON *object;

    if (run->options.json) {
        object = scim_json_own(cJSON_CreateObject(), run->pool);
        scim_json_put_text(object, "id", id);
        scim_json_put_text(object, "deleted", name);
        scimctl_print_json(object, run->pool);
        return;
    }
    fputs("Deleted: ", stdout);
    scimctl_print_text(name, run->pool);
    putchar('\n');
}

scim_error_t *scimctl_confirm(scimctl_run_t *run, const char *fmt, ...)
{
    char answer[16];
    va_list arguments;
    const char *question;

    if (run->options.yes) {
        return NULL;
    }
    if (!isatty(STDIN_FILENO) || !isatty(STDERR_FILENO)) {
        return scim_error(run->pool, SCIM_E_INVALID_VALUE,
                          "Nothing was done: there is no terminal to ask on,"
                          " and --yes was not given.");
    }
    va_start(arguments, fmt);
    question = apr_pvsprintf(run->pool, fmt, arguments);
    va_end(arguments);
    fprintf(stderr, "%s [y/N] ", scimctl_shown(question, run->pool));
    if (!fgets(answer, sizeof(answer), stdin)
        || (strcasecmp(answer, "y\n") != 0
            && strcasecmp(answer, "yes\n") != 0)) {
        return scim_error(run->pool, SCIM_E_INVALID_VALUE,
                          "Nothing was done.");
    }
    return NULL;
}
