/* SPDX-License-Identifier: Apache-2.0 */
/* scimctl org rename, domains and delete: changes of an organization that all
 * its accounts notice. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <apr_strings.h>

#include "resources/scim_state.h"
#include "scimctl/scimctl_print.h"
#include "scimctl/scimctl_run.h"

/* NULL leaves a value as it is. */
static scim_error_t *change_organization(scimctl_run_t *run, const char *key,
                                         const char *name,
                                         const char *domains)
{
    const scim_principal_t *actor = run->call.principal;
    const char *values[] = { actor->organization_id, key, name, domains,
                             actor->actor_kind, actor->actor_id,
                             actor->actor_name };
    scim_rows_t *rows;
    scim_error_t *error = scim_db_run(&rows, run->call.db,
                                      SCIM_SQL_ORGANIZATION_CHANGE,
                                      SCIM_VALUES(values));

    if (error && error->kind == SCIM_E_INVALID_VALUE) {
        return scimctl_refused_organization(run);
    }
    SCIM_ERR(error);
    return scimctl_show_organization(run, key ? key
                                              : actor->organization_key);
}

scim_error_t *scimctl_org_rename(scimctl_run_t *run)
{
    const char *key = run->options.key;
    scim_rows_t *rows;

    if (!key && !run->options.name) {
        return scim_error(run->pool, SCIM_E_INVALID_VALUE,
                          "Give the new --name, or the new --key.");
    }
    SCIM_ERR(scimctl_check_name(run));
    SCIM_ERR(scimctl_choose_organization(&rows, run));
    SCIM_ERR(change_organization(run, key, run->options.name, NULL));
    if (key && strcmp(key, run->call.principal->organization_key) != 0) {
        scimctl_say(run->pool, "scimctl: The SCIM URL of this organization now"
                    " ends with /%s/v2, that of its settings page with /%s:"
                    " change it in the identity provider, whose requests are"
                    " refused until then, and wherever else httpd's"
                    " configuration has the key.", key, key);
    }
    return NULL;
}

scim_error_t *scimctl_org_domains(scimctl_run_t *run)
{
    apr_array_header_t *domains = apr_array_make(run->pool, 4,
                                                 sizeof(const char *));
    scim_rows_t *rows;
    int i;

    for (i = 1; i < run->count; i++) {
        APR_ARRAY_PUSH(domains, const char *) = run->arguments[i];
    }
    if ((domains->nelts == 0) != run->options.none) {
        return scim_error(run->pool, SCIM_E_INVALID_VALUE,
                          "Give all verified domains of the organization, or"
                          " --none to allow any.");
    }
    SCIM_ERR(scimctl_check_domains(run, domains));
    SCIM_ERR(scimctl_choose_organization(&rows, run));
    return change_organization(run, NULL, NULL,
                               scim_db_array(run->pool, domains));
}

/* In this order: rows refer to those of later tables. */
static const scim_statement_e deletions[] = {
    SCIM_SQL_DELETE_TOKENS, SCIM_SQL_DELETE_MEMBERSHIPS,
    SCIM_SQL_DELETE_SUBGROUPS, SCIM_SQL_DELETE_GROUPS,
    SCIM_SQL_DELETE_ACCOUNTS, SCIM_SQL_DELETE_REFUSALS,
    SCIM_SQL_DELETE_REQUESTS, SCIM_SQL_DELETE_REQUEST_HOURS,
    SCIM_SQL_DELETE_ACCOUNTS_SEEN, SCIM_SQL_DELETE_EVENTS,
    SCIM_SQL_DELETE_DELETED_TOKENS
};
#define DELETIONS (sizeof(deletions) / sizeof(*deletions))

/* Delete rows in batches until there are none. */
static scim_error_t *delete_all(scimctl_run_t *run, scim_statement_e deletion)
{
    const char *values[] = { run->call.principal->organization_id };
    apr_pool_t *batch;
    scim_rows_t *rows;

    apr_pool_create(&batch, run->pool);
    do {
        apr_pool_clear(batch);
        SCIM_ERR(scim_db_run(&rows, scim_db_within(run->call.db, batch),
                             deletion, SCIM_VALUES(values)));
    } while (atoi(scim_rows_value(rows, 0, 0)) > 0);
    apr_pool_destroy(batch);
    return NULL;
}

static scim_error_t *confirm_deletion(scimctl_run_t *run)
{
    const char *values[] = { run->call.principal->organization_id };
    scim_rows_t *rows;

    SCIM_ERR(scim_db_run(&rows, run->call.db, SCIM_SQL_ORGANIZATION_CONTENTS,
                         SCIM_VALUES(values)));
    return scimctl_confirm(run, "Delete the organization '%s' with its %s"
                           " account(s), %s group(s), %s token(s) and %s"
                           " event(s)?", run->call.principal->organization_key,
                           scim_rows_value(rows, 0, 0),
                           scim_rows_value(rows, 0, 1),
                           scim_rows_value(rows, 0, 2),
                           scim_rows_value(rows, 0, 3));
}

static scim_error_t *delete_row(scimctl_run_t *run)
{
    const scim_principal_t *actor = run->call.principal;
    const char *values[] = { actor->organization_id, actor->actor_kind,
                             actor->actor_id, actor->actor_name };
    scim_rows_t *rows;
    scim_error_t *error = scim_db_run(&rows, run->call.db,
                                      SCIM_SQL_ORGANIZATION_DELETE,
                                      SCIM_VALUES(values));

    return error && error->kind == SCIM_E_INVALID_VALUE
           ? scim_error(run->pool, SCIM_E_CONFLICT,
                        "Rows were added to the organization meanwhile: run"
                        " this command once more.")
           : error;
}

scim_error_t *scimctl_delete_organization(scimctl_run_t *run)
{
    scim_rows_t *rows;
    apr_size_t i;

    SCIM_ERR(scim_db_run(&rows, run->call.db, SCIM_SQL_DELETE_BEGIN, 1,
                         &run->call.principal->organization_id));
    for (i = 0; i < DELETIONS; i++) {
        SCIM_ERR(delete_all(run, deletions[i]));
    }
    return delete_row(run);
}

/* Provisioning ends first, so that nothing is added any more; where the
 * organization has moved away or has not arrived, nobody can add anything.  On
 * its way it is not deleted: the other database may not have taken over. */
static scim_error_t *end_provisioning(scimctl_run_t *run)
{
    const scim_principal_t *actor = run->call.principal;
    const char *side;
    int has_arrived;
    int has_left;

    SCIM_ERR(scimctl_move_side(&side, &has_arrived, run));
    if (!side) {
        return scim_state_switch(run->call.db, actor, SCIM_STATE_DISABLED);
    }
    if (has_arrived || strcmp(side, "arriving") == 0) {
        return NULL;
    }
    has_left = strcmp(side, "left") == 0;
    return scim_error(run->pool, SCIM_E_CONFLICT,
                      "'%s' is being moved to another database: finish%s that"
                      " first (scimctl org move %s --to CONNINFO --finish%s).",
                      actor->organization_key, has_left ? "" : " or cancel",
                      actor->organization_key,
                      has_left ? "" : ", or --cancel");
}

scim_error_t *scimctl_org_delete(scimctl_run_t *run)
{
    const scim_principal_t *actor;
    scim_rows_t *rows;

    SCIM_ERR(scimctl_choose_organization(&rows, run));
    SCIM_ERR(confirm_deletion(run));
    actor = run->call.principal;
    SCIM_ERR(end_provisioning(run));
    SCIM_ERR(scimctl_delete_organization(run));
    scimctl_say_deleted(run, actor->organization_id, actor->organization_key);
    return NULL;
}
