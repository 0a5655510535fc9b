/* SPDX-License-Identifier: Apache-2.0 */
/* scimctl account forget: erasure of what names a person, with an event as its
 * proof (schema.sql: scim.forget_account). */
#include <stdio.h>

#include <apr_strings.h>

#include "scimctl/scimctl_print.h"
#include "scimctl/scimctl_run.h"
#include "values/scim_json.h"
#include "values/scim_text.h"

/* What was found, in the columns of ACCOUNT_FORGET. */
static const struct {
    const char *name;
    const char *done;            /* what is said behind the number */
} findings[] = {
    { "accounts", "account(s) deleted" },
    { "memberships", "group(s) left" },
    { "events", "event(s) without what they said of the person" },
    { "acts", "event(s) with an id in place of the administrator's name" },
    { "refusals", "refusal(s) deleted" }
};
#define FINDINGS ((int) (sizeof(findings) / sizeof(*findings)))

scim_error_t *scimctl_find_person(const char **id, const char **shown,
                                  scimctl_run_t *run)
{
    const char *name = run->arguments[1];
    scim_error_t *error;
    scim_rows_t *rows;

    error = scimctl_account_named(&rows, run, name);
    *id = *shown = name;
    if (error && error->kind == SCIM_E_NOT_FOUND && scim_text_is_uuid(name)) {
        return NULL;
    }
    SCIM_ERR(error);
    *id = scim_rows_value(rows, 0, SCIM_ACCOUNT_ID);
    *shown = scim_rows_value(rows, 0, SCIM_ACCOUNT_USER_NAME);
    return NULL;
}

scim_error_t *scimctl_nothing_known(scimctl_run_t *run, const char *shown)
{
    return scim_error(run->pool, SCIM_E_NOT_FOUND,
                      "Nothing is known of '%.120s' in '%s'.", shown,
                      run->call.principal->organization_key);
}

static int found_nothing(const scim_rows_t *rows)
{
    int i;

    for (i = 0; i < FINDINGS; i++) {
        if (apr_atoi64(scim_rows_value(rows, 0, i)) > 0) {
            return 0;
        }
    }
    return 1;
}

static void print_findings(scimctl_run_t *run, const char *id,
                           const scim_rows_t *rows)
{
    cJSON *object = scim_json_own(cJSON_CreateObject(), run->pool);
    int i;

    scim_json_put_text(object, "id", id);
    for (i = 0; i < FINDINGS; i++) {
        const char *number = scim_rows_value(rows, 0, i);

        cJSON_AddNumberToObject(object, findings[i].name,
                                (double) apr_atoi64(number));
        if (!run->options.json) {
            printf("%s %s\n", number, findings[i].done);
        }
    }
    cJSON_AddBoolToObject(object, "dryRun", run->options.dry_run);
    if (run->options.json) {
        scimctl_print_json(object, run->pool);
    }
}

static scim_error_t *forget(scim_rows_t **rows, scimctl_run_t *run,
                            const char *id)
{
    const char *values[] = { run->call.principal->organization_id, id,
                             run->call.principal->actor_name };

    SCIM_ERR(scim_db_begin(run->call.db));
    SCIM_ERR(scim_db_run(rows, run->call.db, SCIM_SQL_ACCOUNT_FORGET,
                         SCIM_VALUES(values)));
    return run->options.dry_run ? scim_db_roll_back(run->call.db)
                                : scim_db_commit(run->call.db);
}

scim_error_t *scimctl_account_forget(scimctl_run_t *run)
{
    const char *id, *shown;
    scim_rows_t *rows;

    SCIM_ERR(scimctl_choose_organization(&rows, run));
    SCIM_ERR(scimctl_find_person(&id, &shown, run));
    if (!run->options.dry_run) {
        SCIM_ERR(scimctl_confirm(run, "Forget '%.200s' of '%s': delete the"
                                 " account and what its events say of the"
                                 " person?", shown,
                                 run->call.principal->organization_key));
    }
    SCIM_ERR(forget(&rows, run, id));
    if (found_nothing(rows)) {
        return scimctl_nothing_known(run, shown);
    }
    print_findings(run, id, rows);
    return NULL;
}
