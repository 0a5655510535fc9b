/* SPDX-License-Identifier: Apache-2.0 */
/* scimctl: organizations, tokens, accounts and groups, for operators.
 *
 * main reads the options, finds the command in a table, connects, and runs it
 * with a scimctl_run_t.  Long commands are in files of their own; all print by
 * scimctl_print.h.
 */
#include <locale.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <apr_file_io.h>
#include <apr_general.h>
#include <apr_getopt.h>
#include <apr_strings.h>

#include "storage/scim_db.h"
#include "values/scim_json.h"
#include "values/scim_text.h"
#include "scim_tokens.h"
#include "resources/scim_accounts.h"
#include "scim_users.h"
#include "storage/scim_version.h"
#include "scimctl/scimctl_print.h"
#include "scimctl/scimctl_run.h"

#define EXIT_USAGE 2

enum {
    OPTION_DB = 256, OPTION_JSON, OPTION_HELP, OPTION_VERSION, OPTION_NAME,
    OPTION_DOMAIN, OPTION_ISSUER, OPTION_EXPIRES, OPTION_DAYS,
    OPTION_FILTER, OPTION_START, OPTION_COUNT, OPTION_DRY_RUN,
    OPTION_ACCOUNT, OPTION_OUTCOME, OPTION_FOLLOW, OPTION_BASE,
    OPTION_AFTER, OPTION_URL, OPTION_SECRET_FILE
};

static const apr_getopt_option_t option_table[] = {
    { "db", OPTION_DB, 1, "connection string or URI, as psql takes it" },
    { "json", OPTION_JSON, 0, "print JSON" },
    { "help", OPTION_HELP, 0, "print this help" },
    { "version", OPTION_VERSION, 0, "print the version" },
    { "name", OPTION_NAME, 1, "name for people; of groups to list, its"
                              " beginning" },
    { "domain", OPTION_DOMAIN, 1, "verified e-mail domain; repeatable" },
    { "issuer", OPTION_ISSUER, 1, "userName of the issuing ADMIN" },
    { "expires", OPTION_EXPIRES, 1, "when the token expires" },
    { "days", OPTION_DAYS, 1, "how many days the token is valid" },
    { "filter", OPTION_FILTER, 1, "a SCIM filter" },
    { "start", OPTION_START, 1, "first account to list, from 1" },
    { "count", OPTION_COUNT, 1, "how many accounts, groups, members or"
                                " entries to list (100)" },
    { "account", OPTION_ACCOUNT, 1, "userName, name of a group, or id: only"
                                    " its entries" },
    { "outcome", OPTION_OUTCOME, 1, "changed, refused, or guest: downgrades"
                                    " to GUEST" },
    { "follow", OPTION_FOLLOW, 0, "keep printing what happens" },
    { "after", OPTION_AFTER, 1, "position or sequence of the last event that"
                                " was read" },
    { "url", OPTION_URL, 1, "URL that events are sent to" },
    { "secret-file", OPTION_SECRET_FILE, 1, "file with the secret that signs"
                                            " them" },
    { "base", OPTION_BASE, 1, "public URL of the SCIM Location:"
                              " https://host/scim" },
    { "dry-run", OPTION_DRY_RUN, 0, "check the file, import nothing" },
    { NULL, 0, 0, NULL }
};

void scimctl_list(const scimctl_run_t *run, const scim_rows_t *rows,
                  const scimctl_column_t *columns)
{
    scimctl_print_rows(rows, columns, run->options.json, run->pool);
}

/* Organizations */

static const scimctl_column_t organization_columns[] = {
    { "KEY", "key", 1, SCIMCTL_TEXT }, { "NAME", "name", 2, SCIMCTL_TEXT },
    { "PROVISIONING", "provisioningEnabled", 3, SCIMCTL_BOOLEAN },
    { "ACCOUNTS", "accounts", 6, SCIMCTL_NUMBER },
    { "TOKENS", "tokens", 7, SCIMCTL_NUMBER },
    { "DOMAINS", "domains", 4, SCIMCTL_TEXT },
    { "CREATED", "created", 5, SCIMCTL_TEXT },
    { NULL, NULL, 0, SCIMCTL_TEXT }
};

static scim_error_t *no_organization(scimctl_run_t *run)
{
    return scim_error(run->pool, SCIM_E_NOT_FOUND,
                      "There is no organization '%.60s'; scimctl org list"
                      " shows all organizations.", run->arguments[0]);
}

scim_error_t *scimctl_choose_organization(scim_rows_t **rows,
                                          scimctl_run_t *run)
{
    const char *values[] = { run->arguments[0] };
    const struct passwd *user = getpwuid(getuid());
    scim_principal_t *principal = apr_pcalloc(run->pool, sizeof(*principal));

    SCIM_ERR(scim_db_run(rows, run->call.db, SCIM_SQL_ORGANIZATION_BY_KEY,
                         SCIM_VALUES(values)));
    if (scim_rows_count(*rows) == 0) {
        return no_organization(run);
    }
    principal->organization_id = scim_rows_value(*rows, 0, 0);
    principal->organization_key = scim_rows_value(*rows, 0, 1);
    principal->domains = scim_rows_value(*rows, 0, 4);
    principal->has_groups = 1;
    principal->enabled = 1;
    principal->actor_kind = "operator";
    principal->actor_name = apr_psprintf(run->pool, "scimctl (%s)",
                                         user ? user->pw_name : "?");
    run->call.principal = principal;
    return NULL;
}

/* Only this command counts the accounts: counting takes time. */
static scim_error_t *org_show(scimctl_run_t *run)
{
    const char *values[] = { run->arguments[0] };
    scim_rows_t *rows;

    SCIM_ERR(scim_db_run(&rows, run->call.db, SCIM_SQL_ORGANIZATION_SHOW,
                         SCIM_VALUES(values)));
    if (scim_rows_count(rows) == 0) {
        return no_organization(run);
    }
    scimctl_list(run, rows, organization_columns);
    return NULL;
}

/* Refuse a domain that no userName could have. */
static scim_error_t *check_domains(scimctl_run_t *run)
{
    int i;

    for (i = 0; i < run->options.domains->nelts; i++) {
        const char *domain = APR_ARRAY_IDX(run->options.domains, i,
                                           const char *);

        if (!scim_text_domain(run->pool, domain)) {
            return scim_error(run->pool, SCIM_E_INVALID_VALUE,
                              "--domain: '%.120s' is not a domain name such as"
                              " example.com, without @ or blanks.",
                              domain);
        }
    }
    return NULL;
}

static scim_error_t *org_add(scimctl_run_t *run)
{
    const char *values[] = {
        run->arguments[0],
        run->options.name ? run->options.name : run->arguments[0],
        scim_db_array(run->pool, run->options.domains)
    };
    const char *flaw = run->options.name
        ? scim_text_flaw(run->pool, run->options.name, SCIM_TEXT_NAME) : NULL;
    scim_error_t *error;
    scim_rows_t *rows;

    if (flaw) {
        return scim_error(run->pool, SCIM_E_INVALID_VALUE, "The name %s.",
                          flaw);
    }
    SCIM_ERR(check_domains(run));
    error = scim_db_run(&rows, run->call.db, SCIM_SQL_ORGANIZATION_INSERT,
                        SCIM_VALUES(values));
    if (error && error->kind == SCIM_E_INVALID_VALUE) {
        return scim_error(run->pool, SCIM_E_INVALID_VALUE,
                          "The key must be 1 to 63 lower-case letters, digits"
                          " and hyphens, because it is part of the SCIM URL;"
                          " the name must not be longer than 200 characters.");
    }
    SCIM_ERR(error);
    if (scim_rows_count(rows) == 0) {
        return scim_error(run->pool, SCIM_E_UNIQUENESS,
                          "An organization '%s' exists already.",
                          run->arguments[0]);
    }
    return org_show(run);
}

static scim_error_t *org_list(scimctl_run_t *run)
{
    scim_rows_t *rows;

    SCIM_ERR(scim_db_run(&rows, run->call.db, SCIM_SQL_ORGANIZATION_LIST,
                         0, NULL));
    scimctl_list(run, rows, organization_columns);
    return NULL;
}

static scim_error_t *set_enabled(scimctl_run_t *run, const char *enabled)
{
    const char *values[5] = { NULL, enabled };
    const scim_principal_t *actor;
    scim_rows_t *rows;

    SCIM_ERR(scimctl_choose_organization(&rows, run));
    actor = run->call.principal;
    values[0] = actor->organization_id;
    values[2] = actor->actor_kind;
    values[3] = actor->actor_id;
    values[4] = actor->actor_name;
    SCIM_ERR(scim_db_run(&rows, run->call.db, SCIM_SQL_ORGANIZATION_ENABLE,
                         SCIM_VALUES(values)));
    return org_show(run);
}

static scim_error_t *org_enable(scimctl_run_t *run)
{
    return set_enabled(run, "true");
}

static scim_error_t *org_disable(scimctl_run_t *run)
{
    return set_enabled(run, "false");
}

scim_error_t *scimctl_need(scimctl_run_t *run, const char *value,
                           const char *option)
{
    return value ? NULL : scim_error(run->pool, SCIM_E_INVALID_VALUE,
                                     "%s is required.", option);
}

/* The SCIM URL that an administrator enters in the identity provider. */
static scim_error_t *org_url(scimctl_run_t *run)
{
    apr_size_t length = run->options.base ? strlen(run->options.base) : 0;
    scim_rows_t *rows;

    SCIM_ERR(scimctl_need(run, run->options.base, "--base"));
    if (strncasecmp(run->options.base, "https://", 8) != 0
        && strncasecmp(run->options.base, "http://", 7) != 0) {
        return scim_error(run->pool, SCIM_E_INVALID_VALUE,
                          "--base must be the public URL of the SCIM"
                          " Location, such as https://host/scim.");
    }
    SCIM_ERR(scimctl_choose_organization(&rows, run));
    while (length > 0 && run->options.base[length - 1] == '/') {
        length--;
    }
    scimctl_print_text(apr_pstrmemdup(run->pool, run->options.base, length),
                       run->pool);
    printf("/%s/v2\n", run->call.principal->organization_key);
    return NULL;
}

/* Tokens */

static const scimctl_column_t token_columns[] = {
    { "ID", "id", 0, SCIMCTL_TEXT }, { "NAME", "name", 1, SCIMCTL_TEXT },
    { "PREFIX", "prefix", 2, SCIMCTL_TEXT },
    { "ISSUER", "issuer", 3, SCIMCTL_TEXT },
    { "CREATED", "created", 4, SCIMCTL_TEXT },
    { "EXPIRES", "expires", 5, SCIMCTL_TEXT },
    { "LAST USED", "lastUsed", 6, SCIMCTL_TEXT },
    { NULL, NULL, 0, SCIMCTL_TEXT }
};

/* A day lasts until its end. */
static scim_error_t *day_or_instant(const char **at, scimctl_run_t *run)
{
    if (!strchr(*at, 'T')) {
        *at = apr_pstrcat(run->pool, *at, "T23:59:59", NULL);
    }
    return scim_tokens_check_expiry(at, run->pool);
}

/* When the token expires, for SQL; NULL: never. */
static scim_error_t *expiry(const char **at, scimctl_run_t *run)
{
    apr_int64_t days;

    *at = run->options.expires;
    if (!run->options.days) {
        return *at ? day_or_instant(at, run) : NULL;
    }
    if (!scim_text_integer(run->options.days, &days) || days < 1
        || days > 36500) {
        return scim_error(run->pool, SCIM_E_INVALID_VALUE,
                          "--days must be a number from 1 to 36500.");
    }
    *at = scim_text_timestamp(run->pool, apr_time_now()
                                         + apr_time_from_sec(days * 86400));
    return NULL;
}

static scim_error_t *account_named(scim_rows_t **rows, scimctl_run_t *run,
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

static scim_error_t *token_generate(scimctl_run_t *run)
{
    const char *expires_at;
    const char *secret;
    const char *id;
    scim_rows_t *rows;

    SCIM_ERR(scimctl_need(run, run->options.issuer, "--issuer"));
    SCIM_ERR(scimctl_need(run, run->options.name, "--name"));
    SCIM_ERR(expiry(&expires_at, run));
    SCIM_ERR(scimctl_choose_organization(&rows, run));
    SCIM_ERR(account_named(&rows, run, run->options.issuer));
    SCIM_ERR(scim_tokens_generate(&secret, &id, run->call.db,
                                  run->call.principal,
                                  scim_rows_value(rows, 0, SCIM_ACCOUNT_ID),
                                  run->options.name, expires_at, run->pool));
    print_token(run, secret, id);
    return NULL;
}

static scim_error_t *token_list(scimctl_run_t *run)
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

static scim_error_t *token_delete(scimctl_run_t *run)
{
    const char *name;
    scim_rows_t *rows;
    scim_error_t *error;

    SCIM_ERR(scimctl_choose_organization(&rows, run));
    error = scim_tokens_delete(&name, run->call.db, run->call.principal,
                               run->arguments[1], run->pool);
    if (error && error->kind == SCIM_E_NOT_FOUND) {
        return scim_error(run->pool, SCIM_E_NOT_FOUND,
                          "There is no token with this id; scimctl token"
                          " list %s shows the ids.", run->arguments[0]);
    }
    SCIM_ERR(error);
    if (!run->options.json) {
        fputs("Deleted: ", stdout);
        scimctl_print_text(name, run->pool);
        putchar('\n');
    }
    return NULL;
}

/* Accounts */

static const char *const account_members[] = {
    "userName", "displayName", "active", "id", "externalId", NULL
};

static const char *role_of(const cJSON *user)
{
    const cJSON *roles = scim_json_member(user, "roles");

    return roles ? scim_json_text(roles->child, "value") : NULL;
}

static void print_accounts(scimctl_run_t *run, const cJSON *users,
                           apr_int64_t total)
{
    apr_array_header_t *cells = apr_array_make(run->pool, 64,
                                               sizeof(const char *));
    static const char *const heads[] = { "USERNAME", "DISPLAYNAME", "ROLE",
                                         "ACTIVE", "ID" };
    const cJSON *user;
    int i;

    for (i = 0; i < 5; i++) {
        APR_ARRAY_PUSH(cells, const char *) = heads[i];
    }
    cJSON_ArrayForEach(user, users) {
        int active = cJSON_IsTrue(scim_json_member(user, "active"));

        APR_ARRAY_PUSH(cells, const char *) = scim_json_text(user,
                                                             "userName");
        APR_ARRAY_PUSH(cells, const char *) = scim_json_text(user,
                                                             "displayName");
        APR_ARRAY_PUSH(cells, const char *) = role_of(user);
        APR_ARRAY_PUSH(cells, const char *) = active ? "yes" : "no";
        APR_ARRAY_PUSH(cells, const char *) = scim_json_text(user, "id");
    }
    scimctl_print_table(cells, 5);
    printf("%" APR_INT64_T_FMT " in all\n", total);
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

static void warn_of_left_out(const scimctl_run_t *run)
{
    const apr_array_header_t *left_out = run->call.left_out;
    int i;

    for (i = 0; i < left_out->nelts; i++) {
        scimctl_say(run->pool, "scimctl: left out of the list: %s",
                    APR_ARRAY_IDX(left_out, i, const char *));
    }
}

static scim_error_t *account_list(scimctl_run_t *run)
{
    scim_page_t page = { .filter = run->options.filter };
    scim_list_t list;
    scim_rows_t *rows;

    SCIM_ERR(scimctl_number(&page.start_index, run, run->options.start, 1));
    SCIM_ERR(scimctl_number(&page.count, run, run->options.count, 100));
    SCIM_ERR(scimctl_choose_organization(&rows, run));
    SCIM_ERR(scim_users.list(&list, &run->call, &page));
    warn_of_left_out(run);
    if (run->options.json) {
        scimctl_print_json(list.resources, run->pool);
    }
    else {
        print_accounts(run, list.resources, list.total);
    }
    return NULL;
}

static void print_account(scimctl_run_t *run, const scim_rows_t *rows,
                          const cJSON *user)
{
    int i;

    for (i = 0; account_members[i]; i++) {
        const cJSON *value = scim_json_member(user, account_members[i]);

        if (value) {
            scimctl_print_field(account_members[i], cJSON_IsString(value)
                                ? value->valuestring
                                : scimctl_yes_or_no(cJSON_IsTrue(value)),
                                run->pool);
        }
    }
    scimctl_print_field("role", role_of(user), run->pool);
    scimctl_print_field("managed",
                        scimctl_yes_or_no(scim_rows_true(rows, 0,
                                              SCIM_ACCOUNT_MANAGED)),
                        run->pool);
    scimctl_print_field("eligible",
                        scimctl_yes_or_no(scim_rows_true(rows, 0,
                                              SCIM_ACCOUNT_SYNC_ELIGIBLE)),
                        run->pool);
}

static scim_error_t *account_show(scimctl_run_t *run)
{
    const char *id;
    scim_rows_t *rows;
    cJSON *user;

    SCIM_ERR(scimctl_choose_organization(&rows, run));
    SCIM_ERR(account_named(&rows, run, run->arguments[1]));
    id = scim_rows_value(rows, 0, SCIM_ACCOUNT_ID);
    SCIM_ERR(scim_users.get(&user, &run->call, id));
    if (run->options.json) {
        scimctl_print_json(user, run->pool);
        return NULL;
    }
    print_account(run, rows, user);
    return scimctl_print_groups_of(run, id);
}

static scim_error_t *account_eligible(scimctl_run_t *run)
{
    scim_rows_t *rows;

    SCIM_ERR(scimctl_choose_organization(&rows, run));
    SCIM_ERR(account_named(&rows, run, run->arguments[1]));
    SCIM_ERR(scim_accounts_make_eligible(&run->call,
                                      scim_rows_value(rows, 0,
                                                      SCIM_ACCOUNT_ID)));
    return account_show(run);
}

/* Commands */

static const struct {
    const char *noun;
    const char *verb;            /* or NULL */
    int arguments;
    scimctl_command_fn *run;
    const char *usage;           /* "": another row's */
} commands[] = {
    { "org", "add", 1, org_add, "KEY [--name NAME] [--domain DOMAIN]..." },
    { "org", "list", 0, org_list, "" },
    { "org", "show", 1, org_show, "KEY" },
    { "org", "enable", 1, org_enable, "KEY" },
    { "org", "disable", 1, org_disable, "KEY" },
    { "org", "url", 1, org_url, "KEY --base URL" },
    { "token", "generate", 1, token_generate,
      "KEY --issuer USERNAME --name NAME [--days N | --expires TIME]" },
    { "token", "list", 1, token_list, "KEY" },
    { "token", "delete", 2, token_delete, "KEY TOKEN-ID" },
    { "account", "list", 1, account_list,
      "KEY [--filter FILTER] [--start N] [--count N]" },
    { "account", "show", 2, account_show, "KEY USERNAME|ID" },
    { "account", "import", 2, scimctl_import, "KEY FILE.csv [--dry-run]" },
    { "account", "eligible", 2, account_eligible, "KEY USERNAME|ID" },
    { "group", "list", 1, scimctl_group_list,
      "KEY [--name NAME] [--count N]" },
    { "group", "show", 2, scimctl_group_show, "KEY GROUP" },
    { "group", "members", 2, scimctl_group_members, "KEY GROUP [--count N]" },
    { "group", "delete", 2, scimctl_group_delete, "KEY GROUP" },
    { "activity", "list", 1, scimctl_activity_list,
      "KEY [--account USERNAME|GROUP|ID] [--outcome OUTCOME] [--count N]"
      " [--follow]" },
    { "events", NULL, 0, scimctl_events, "" },
    { "events", NULL, 1, scimctl_events,
      "[KEY] [--follow] [--after POSITION]" },
    { "relay", "list", 0, scimctl_relay_list, "" },
    { "relay", "skip", 1, scimctl_relay_skip, "NAME" },
    { "relay", NULL, 0, scimctl_relay, "" },
    { "relay", NULL, 1, scimctl_relay,
      "[KEY] --url URL --secret-file FILE [--name NAME] [--after POSITION]" }
};
#define COMMANDS (sizeof(commands) / sizeof(*commands))

static void print_usage(FILE *to)
{
    const apr_getopt_option_t *o;
    apr_size_t i;

    fputs("Usage: scimctl [--db CONNINFO] [--json] COMMAND\n\n", to);
    for (i = 0; i < COMMANDS; i++) {
        const char *verb = commands[i].verb;

        if (verb || *commands[i].usage) {
            fprintf(to, "  %s%s%s %s\n", commands[i].noun, verb ? " " : "",
                    verb ? verb : "", commands[i].usage);
        }
    }
    fputs("\nOptions:\n", to);
    for (o = option_table; o->name; o++) {
        fprintf(to, "  --%-12s %s\n", o->name, o->description);
    }
    fputs("\nGROUP is an id, externalId:VALUE or the name of a group.\n",
          to);
    fputs("Without --db the database is that of psql's PG* variables.\n",
          to);
}

static void take_option(scimctl_options_t *options, int option,
                        const char *value)
{
    switch (option) {
    case OPTION_DB: options->db = value; break;
    case OPTION_JSON: options->json = 1; break;
    case OPTION_HELP: options->help = 1; break;
    case OPTION_VERSION: options->version = 1; break;
    case OPTION_NAME: options->name = value; break;
    case OPTION_ISSUER: options->issuer = value; break;
    case OPTION_EXPIRES: options->expires = value; break;
    case OPTION_DAYS: options->days = value; break;
    case OPTION_FILTER: options->filter = value; break;
    case OPTION_START: options->start = value; break;
    case OPTION_COUNT: options->count = value; break;
    case OPTION_DRY_RUN: options->dry_run = 1; break;
    case OPTION_ACCOUNT: options->account = value; break;
    case OPTION_OUTCOME: options->outcome = value; break;
    case OPTION_FOLLOW: options->follow = 1; break;
    case OPTION_BASE: options->base = value; break;
    case OPTION_AFTER: options->after = value; break;
    case OPTION_URL: options->url = value; break;
    case OPTION_SECRET_FILE: options->secret_file = value; break;
    default: APR_ARRAY_PUSH(options->domains, const char *) = value; break;
    }
}

/* Prints apr_getopt's message about an unknown option. */
static void complain(void *pool, const char *fmt, ...)
{
    va_list arguments;
    const char *text;

    va_start(arguments, fmt);
    text = apr_pvsprintf(pool, fmt, arguments);
    va_end(arguments);
    scimctl_say(pool, "%.*s", (int) strcspn(text, "\n"), text);
}

/* apr_getopt_long takes a lone "-", which means standard input, for an option.
 * An argument that is skipped here counts as a word. */
static apr_status_t next_option(apr_getopt_t *in, int *option,
                                const char **value)
{
    while (in->ind < in->argc
           && (in->argv[in->ind][0] != '-' || !in->argv[in->ind][1])) {
        in->ind++;
    }
    return apr_getopt_long(in, option_table, option, value);
}

static int read_options(scimctl_run_t *run, apr_getopt_t *in)
{
    const char *value;
    int option;
    apr_status_t rv;

    in->interleave = 1;
    while ((rv = next_option(in, &option, &value)) == APR_SUCCESS) {
        take_option(&run->options, option, value);
    }
    return rv == APR_EOF;
}

/* The command that the words name; -1 when there is none with this number of
 * words. */
static int find_command(scimctl_run_t *run, int count,
                        const char *const *words)
{
    apr_size_t i;

    for (i = 0; i < COMMANDS; i++) {
        int named = commands[i].verb ? 2 : 1;

        if (count == named + commands[i].arguments
            && strcmp(words[0], commands[i].noun) == 0
            && (named == 1 || strcmp(words[1], commands[i].verb) == 0)) {
            run->count = count - named;
            memcpy(run->arguments, words + named,
                   run->count * sizeof(*run->arguments));
            return (int) i;
        }
    }
    return -1;
}

static int explain(const scimctl_run_t *run, const scim_error_t *error)
{
    if (error->kind == SCIM_E_UNFIT) {
        scimctl_say(run->pool, "scimctl: %s.", error->cause);
        return EXIT_FAILURE;
    }
    scimctl_say(run->pool, "scimctl: %s", error->detail);
    if (error->cause && scim_error_status(error->kind) >= 500) {
        scimctl_say(run->pool, "scimctl: %s", error->cause);
        if (strstr(error->cause, "42P01") || strstr(error->cause, "3F000")
            || strstr(error->cause, "42883")
            || strstr(error->cause, "42703")) {
            fputs("scimctl: apply schema.sql to this database first.\n",
                  stderr);
        }
        if (strstr(error->cause, "42501")) {
            fputs("scimctl: run this as the role scim_owner"
                  " (PGUSER=scim_owner).\n",
                  stderr);
        }
    }
    return run->exit_status ? run->exit_status : EXIT_FAILURE;
}

static int perform_command(scimctl_run_t *run, int command)
{
    scim_error_t *error = scim_db_connect(&run->call.db,
                                          run->options.db ? run->options.db
                                                          : "", run->pool);

    run->call.pool = run->pool;
    run->call.rules.managed = 1;
    run->call.max_resource_size = SCIM_DEFAULT_MAX_RESOURCE_SIZE;
    run->call.max_members = SCIM_DEFAULT_MAX_MEMBERS;
    run->call.base = "";
    run->call.notes = apr_array_make(run->pool, 4, sizeof(const char *));
    run->call.left_out = apr_array_make(run->pool, 4, sizeof(const char *));
    if (!error) {
        error = scim_version_check(run->call.db, "scimctl", run->pool);
    }
    if (!error) {
        error = commands[command].run(run);
    }
    return error ? explain(run, error) : EXIT_SUCCESS;
}

int main(int argc, const char *const *argv)
{
    scimctl_run_t *run;
    apr_pool_t *pool;
    apr_getopt_t *in;
    int command;

    if (apr_app_initialize(&argc, &argv, NULL) != APR_SUCCESS) {
        return EXIT_FAILURE;
    }
    atexit(apr_terminate);
    setlocale(LC_CTYPE, "");
    apr_pool_create(&pool, NULL);
    run = apr_pcalloc(pool, sizeof(*run));
    run->pool = pool;
    run->options.domains = apr_array_make(pool, 2, sizeof(const char *));
    apr_getopt_init(&in, pool, argc, argv);
    in->errfn = complain;
    in->errarg = pool;
    if (!read_options(run, in)) {
        print_usage(stderr);
        return EXIT_USAGE;
    }
    if (run->options.help) {
        print_usage(stdout);
        return EXIT_SUCCESS;
    }
    if (run->options.version) {
        puts("scimctl " SCIM_VERSION);
        return EXIT_SUCCESS;
    }
    command = find_command(run, argc - in->ind, in->argv + in->ind);
    if (command < 0) {
        print_usage(stderr);
        return EXIT_USAGE;
    }
    return perform_command(run, command);
}
