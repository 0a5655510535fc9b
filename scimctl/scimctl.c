/* SPDX-License-Identifier: Apache-2.0 */
/* scimctl: organizations, tokens, accounts and groups, for operators.
 *
 * main reads the options, finds the command in a table, connects, and runs it
 * with a scimctl_run_t.  Long commands are in files of their own; all print by
 * scimctl_print.h.
 */
#include <locale.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <apr_file_io.h>
#include <apr_general.h>
#include <apr_getopt.h>
#include <apr_strings.h>

#include "storage/scim_db.h"
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

static const struct {
    const char *noun;
    const char *verb;            /* or NULL */
    int arguments;
    scimctl_command_fn *run;
    const char *usage;           /* "": another row's */
} commands[] = {
    { "org", "add", 1, scimctl_org_add,
      "KEY [--name NAME] [--domain DOMAIN]..." },
    { "org", "list", 0, scimctl_org_list, "" },
    { "org", "show", 1, scimctl_org_show, "KEY" },
    { "org", "enable", 1, scimctl_org_enable, "KEY" },
    { "org", "disable", 1, scimctl_org_disable, "KEY" },
    { "org", "url", 1, scimctl_org_url, "KEY --base URL" },
    { "token", "generate", 1, scimctl_token_generate,
      "KEY --issuer USERNAME --name NAME [--days N | --expires TIME]" },
    { "token", "list", 1, scimctl_token_list, "KEY" },
    { "token", "delete", 2, scimctl_token_delete, "KEY TOKEN-ID" },
    { "account", "list", 1, scimctl_account_list,
      "KEY [--filter FILTER] [--start N] [--count N]" },
    { "account", "show", 2, scimctl_account_show, "KEY USERNAME|ID" },
    { "account", "import", 2, scimctl_import, "KEY FILE.csv [--dry-run]" },
    { "account", "eligible", 2, scimctl_account_eligible, "KEY USERNAME|ID" },
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
