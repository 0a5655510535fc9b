/* SPDX-License-Identifier: Apache-2.0 */
/* scimctl: organizations, tokens, accounts and groups, for operators.
 *
 * main lets scimctl_parse find the command, connects, and runs it with a
 * scimctl_run_t; the error, if there is one, is printed here.
 */
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <apr_general.h>
#include <apr_strings.h>

#include "scimctl/scimctl_command.h"
#include "scimctl/scimctl_print.h"
#include "scimctl/scimctl_run.h"
#include "storage/scim_db.h"
#include "storage/scim_version.h"
#include "values/scim_json.h"

#define EXIT_USAGE 2

/* What is said about an error, each NULL if there is nothing to say. */
enum { DETAIL, CAUSE, ADVICE, TEXTS };
static const char *const text_names[TEXTS] = { "detail", "cause", "advice" };

static void say_error_json(apr_pool_t *pool, int status,
                           const char *scim_type, const char *const *texts)
{
    cJSON *object = scim_json_own(cJSON_CreateObject(), pool);
    cJSON *error = cJSON_AddObjectToObject(object, "error");
    int i;

    scim_json_put(error, "status", cJSON_CreateNumber(status));
    scim_json_put_text(error, "scimType", scim_type);
    for (i = 0; i < TEXTS; i++) {
        scim_json_put_text(error, text_names[i], texts[i]);
    }
    scimctl_say_json(object, pool);
}

#define SEE_STATUS                                                          \
    "run \"scimctl db status\", which says which database this is, and what" \
    " is missing."
#define SEE_LOGIN                                                           \
    "operators connect as scim_owner (PGUSER=scim_owner), which needs the"  \
    " lines of pg_hba.conf and pg_ident.conf that \"scimctl db create\""    \
    " prints; that is for a superuser: sudo -iu postgres scimctl db create."

/* What the operator can do about a cause that has this in it. */
static const struct {
    const char *sign;
    const char *advice;
} advices[] = {
    { "42P01", SEE_STATUS },
    { "3F000", SEE_STATUS },
    { "42883", SEE_STATUS },
    { "42703", SEE_STATUS },
    { "42501", "run this as the role scim_owner (PGUSER=scim_owner)." },
    { "FATAL:  role \"", SEE_LOGIN },
    { "Peer authentication failed", SEE_LOGIN },
    { "no pg_hba.conf entry", SEE_LOGIN },
};
#define ADVICES (sizeof(advices) / sizeof(*advices))

/* NULL if there is nothing to say. */
static const char *advice_on(const char *cause)
{
    apr_size_t i;

    for (i = 0; i < ADVICES; i++) {
        if (strstr(cause, advices[i].sign)) {
            return advices[i].advice;
        }
    }
    return NULL;
}

/* The cause is for operators where the server, the database or its tables are
 * to blame. */
static int explain(const scimctl_run_t *run, const scim_error_t *error)
{
    int status = scim_error_status(error->kind);
    const char *texts[TEXTS] = { error->detail };
    int i;

    if (error->kind == SCIM_E_UNFIT || error->kind == SCIM_E_OUTDATED) {
        texts[DETAIL] = scimctl_sentence(error->cause, run->pool);
        texts[ADVICE] = advice_on(error->cause);
    }
    else if (error->cause && status >= 500) {
        texts[CAUSE] = scimctl_sentence(error->cause, run->pool);
        texts[ADVICE] = advice_on(error->cause);
    }
    if (run->options.json) {
        say_error_json(run->pool, status, scim_error_type(error->kind),
                       texts);
    }
    for (i = 0; i < TEXTS && !run->options.json; i++) {
        if (texts[i]) {
            scimctl_say(run->pool, "scimctl: %s", texts[i]);
        }
    }
    return run->exit_status ? run->exit_status : EXIT_FAILURE;
}

static int refuse_usage(const scimctl_run_t *run, const char *problem,
                        const char *topic)
{
    const char *texts[TEXTS] = { problem };

    texts[ADVICE] = apr_psprintf(run->pool, "Try \"scimctl %s%s--help\".",
                                 topic, *topic ? " " : "");
    if (run->options.json) {
        say_error_json(run->pool, 400, NULL, texts);
    }
    else {
        scimctl_say(run->pool, "scimctl: %s", problem);
        scimctl_say(run->pool, "%s", texts[ADVICE]);
    }
    return EXIT_USAGE;
}

/* Its own words, because trying again, as clients are told, seldom helps. */
static scim_error_t *connect_database(scimctl_run_t *run)
{
    scim_error_t *error;

    run->call.pool = run->pool;
    run->call.rules.managed = 1;
    run->call.max_resource_size = SCIM_DEFAULT_MAX_RESOURCE_SIZE;
    run->call.max_members = SCIM_DEFAULT_MAX_MEMBERS;
    run->call.base = "";
    run->call.notes = scim_note_list(run->pool);
    run->call.left_out = apr_array_make(run->pool, 4, sizeof(const char *));
    error = scim_db_connect(&run->call.db, run->options.db ? run->options.db
                                                           : "", run->pool);
    return error && error->cause
           ? scim_error_caused(run->pool, error->kind,
                               "There is no connection to the database.",
                               error->cause) : error;
}

static scim_error_t *run_command(scimctl_run_t *run,
                                 const scimctl_command_t *command)
{
    if (command->needs != SCIMCTL_NEEDS_NOTHING) {
        SCIM_ERR(connect_database(run));
    }
    if (command->needs == SCIMCTL_NEEDS_TABLES) {
        SCIM_ERR(scim_version_check(run->call.db, "scimctl", run->pool));
    }
    return command->run(run);
}

static int print_version(const scimctl_run_t *run)
{
    cJSON *object;

    if (run->options.json) {
        object = scim_json_own(cJSON_CreateObject(), run->pool);
        scim_json_put_text(object, "version", SCIM_VERSION);
        scim_json_put(object, "schemaVersion",
                      cJSON_CreateNumber(SCIM_SCHEMA_KNOWN));
        scimctl_print_json(object, run->pool);
    }
    else {
        printf("scimctl %s (schema version %d)\n", SCIM_VERSION,
               SCIM_SCHEMA_KNOWN);
    }
    return EXIT_SUCCESS;
}

int main(int argc, const char *const *argv)
{
    const scimctl_command_t *command;
    const char *problem;
    const char *topic;
    scim_error_t *error;
    scimctl_run_t *run;
    apr_pool_t *pool;

    if (apr_app_initialize(&argc, &argv, NULL) != APR_SUCCESS) {
        return EXIT_FAILURE;
    }
    atexit(apr_terminate);
    setlocale(LC_CTYPE, "");
    apr_pool_create(&pool, NULL);
    run = apr_pcalloc(pool, sizeof(*run));
    run->pool = pool;
    run->options.domains = apr_array_make(pool, 2, sizeof(const char *));
    run->options.kinds = apr_array_make(pool, 2, sizeof(const char *));
    command = scimctl_parse(run, &problem, &topic, argc, argv);
    if (problem) {
        return refuse_usage(run, problem, topic);
    }
    if (run->options.version) {
        return print_version(run);
    }
    error = run_command(run, command);
    return error ? explain(run, error) : EXIT_SUCCESS;
}
