/* SPDX-License-Identifier: Apache-2.0 */
/* scimctl org: organizations. */
#include <stdio.h>
#include <string.h>

#include <apr_strings.h>

#include "resources/scim_state.h"
#include "scimctl/scimctl_print.h"
#include "scimctl/scimctl_run.h"
#include "values/scim_json.h"
#include "values/scim_text.h"

static const scimctl_column_t organization_columns[] = {
    { "KEY", "key", 1, SCIMCTL_TEXT }, { "NAME", "name", 2, SCIMCTL_TEXT },
    { "PROVISIONING", "provisioningEnabled", 3, SCIMCTL_BOOLEAN },
    { "STATE", "state", 8, SCIMCTL_TEXT },
    { "ACCOUNTS", "accounts", 6, SCIMCTL_NUMBER },
    { "TOKENS", "tokens", 7, SCIMCTL_NUMBER },
    { "DOMAINS", "domains", 4, SCIMCTL_WORDS },
    { "CREATED", "created", 5, SCIMCTL_TEXT },
    { NULL, NULL, 0, SCIMCTL_TEXT }
};

/* Only this command counts the accounts: counting takes time. */
scim_error_t *scimctl_show_organization(scimctl_run_t *run, const char *key)
{
    scim_rows_t *rows;

    SCIM_ERR(scim_db_run(&rows, run->call.db, SCIM_SQL_ORGANIZATION_SHOW,
                         1, &key));
    if (scim_rows_count(rows) == 0) {
        return scimctl_no_organization(run);
    }
    scimctl_show(run, rows, organization_columns);
    return NULL;
}

scim_error_t *scimctl_org_show(scimctl_run_t *run)
{
    return scimctl_show_organization(run, run->arguments[0]);
}

scim_error_t *scimctl_check_domains(scimctl_run_t *run,
                                    const apr_array_header_t *domains)
{
    int i;

    for (i = 0; i < domains->nelts; i++) {
        const char *domain = APR_ARRAY_IDX(domains, i, const char *);

        if (!scim_text_domain(run->pool, domain)) {
            return scim_error(run->pool, SCIM_E_INVALID_VALUE,
                              "'%.120s' is not a domain name such as"
                              " example.com, without @ or blanks.",
                              domain);
        }
    }
    return NULL;
}

scim_error_t *scimctl_check_name(scimctl_run_t *run)
{
    const char *flaw = run->options.name
        ? scim_text_flaw(run->pool, run->options.name, SCIM_TEXT_NAME) : NULL;

    return flaw ? scim_error(run->pool, SCIM_E_INVALID_VALUE, "The name %s.",
                             flaw)
                : NULL;
}

scim_error_t *scimctl_refused_organization(scimctl_run_t *run)
{
    return scim_error(run->pool, SCIM_E_INVALID_VALUE,
                      "The key must be 1 to 63 lower-case letters, digits"
                      " and hyphens, because it is part of the SCIM URL;"
                      " the name must not be longer than 200 characters.");
}

scim_error_t *scimctl_org_add(scimctl_run_t *run)
{
    const char *values[] = {
        run->arguments[0],
        run->options.name ? run->options.name : run->arguments[0],
        scim_db_array(run->pool, run->options.domains)
    };
    scim_error_t *error;
    scim_rows_t *rows;

    SCIM_ERR(scimctl_check_name(run));
    SCIM_ERR(scimctl_check_domains(run, run->options.domains));
    error = scim_db_run(&rows, run->call.db, SCIM_SQL_ORGANIZATION_INSERT,
                        SCIM_VALUES(values));
    if (error && error->kind == SCIM_E_INVALID_VALUE) {
        return scimctl_refused_organization(run);
    }
    SCIM_ERR(error);
    if (scim_rows_count(rows) == 0) {
        return scim_error(run->pool, SCIM_E_UNIQUENESS,
                          "An organization '%s' exists already.",
                          run->arguments[0]);
    }
    return scimctl_org_show(run);
}

scim_error_t *scimctl_org_list(scimctl_run_t *run)
{
    scim_rows_t *rows;

    SCIM_ERR(scim_db_run(&rows, run->call.db, SCIM_SQL_ORGANIZATION_LIST,
                         0, NULL));
    scimctl_list(run, rows, organization_columns);
    return NULL;
}

static scim_error_t *set_state(scimctl_run_t *run, scim_state_e state)
{
    scim_rows_t *rows;

    SCIM_ERR(scimctl_choose_organization(&rows, run));
    SCIM_ERR(scim_state_switch(run->call.db, run->call.principal, state));
    return scimctl_org_show(run);
}

scim_error_t *scimctl_org_enable(scimctl_run_t *run)
{
    return set_state(run, SCIM_STATE_ENABLED);
}

scim_error_t *scimctl_org_pause(scimctl_run_t *run)
{
    return set_state(run, SCIM_STATE_PAUSED);
}

scim_error_t *scimctl_org_disable(scimctl_run_t *run)
{
    return set_state(run, SCIM_STATE_DISABLED);
}

/* The SCIM URL that an administrator enters in the identity provider. */
scim_error_t *scimctl_org_url(scimctl_run_t *run)
{
    const char *base = run->options.base;
    apr_size_t length = strlen(base);
    const char *url;
    scim_rows_t *rows;
    cJSON *object;

    if (strncasecmp(base, "https://", 8) != 0
        && strncasecmp(base, "http://", 7) != 0) {
        return scim_error(run->pool, SCIM_E_INVALID_VALUE,
                          "--base must be the public URL of the SCIM"
                          " Location, such as https://host/scim.");
    }
    SCIM_ERR(scimctl_choose_organization(&rows, run));
    while (length > 0 && base[length - 1] == '/') {
        length--;
    }
    url = apr_psprintf(run->pool, "%.*s/%s/v2", (int) length, base,
                       run->call.principal->organization_key);
    if (run->options.json) {
        object = scim_json_own(cJSON_CreateObject(), run->pool);
        scim_json_put_text(object, "url", url);
        scimctl_print_json(object, run->pool);
        return NULL;
    }
    scimctl_print_text(url, run->pool);
    putchar('\n');
    return NULL;
}
