/* SPDX-License-Identifier: Apache-2.0 */
/* psql as a child, see scimctl_psql.h.
 *
 * The connection is passed in the environment, and SQL that others must not
 * see on standard input, so that no argument has a password.  What psql prints
 * goes to a file, because only its messages are read while it runs.
 */
#include "scimctl/scimctl_psql.h"

#include <stdlib.h>
#include <string.h>

#include <apr_env.h>
#include <apr_file_io.h>
#include <apr_strings.h>
#include <apr_thread_proc.h>

#include "storage/scim_conninfo.h"

#define MAX_ARGUMENTS 24
#define MAX_OUTPUT (1024 * 1024)
#define MAX_MESSAGE 8192             /* also of a line of it */
#define EXIT_NOT_RUN 255             /* of a child that did not become psql */

static int set_variable(void *data, const char *name, const char *value)
{
    return apr_env_set(name, value, data) == APR_SUCCESS;
}

scim_error_t *scimctl_psql_aim(const scimctl_run_t *run)
{
    apr_table_t *variables;

    SCIM_ERR(scim_conninfo_variables(&variables, run->options.db
                                     ? run->options.db : "", run->pool));
    apr_table_do(set_variable, run->pool, variables, NULL);
    return NULL;
}

const char *scimctl_psql_file(const scimctl_run_t *run, const char *name)
{
    const char *folder = getenv("SCIM_DATA_DIR");

    return apr_pstrcat(run->pool, folder && *folder ? folder : SCIM_DATA_DIR,
                       "/", name, NULL);
}

static scim_error_t *failed(const scimctl_run_t *run, const char *what,
                            apr_status_t rv)
{
    char reason[120];

    return scim_error(run->pool, SCIM_E_INTERNAL, "%s: %s.", what,
                      apr_strerror(rv, reason, sizeof(reason)));
}

/* A file that only this process and its children have, with text (NULL: none)
 * in it. */
static scim_error_t *scratch_file(apr_file_t **file, const scimctl_run_t *run,
                                  const char *text)
{
    const char *folder;
    char *path;
    apr_off_t start = 0;
    apr_status_t rv = apr_temp_dir_get(&folder, run->pool);

    if (rv == APR_SUCCESS) {
        path = apr_pstrcat(run->pool, folder, "/scimctl-XXXXXX", NULL);
        rv = apr_file_mktemp(file, path, APR_FOPEN_CREATE | APR_FOPEN_EXCL
                             | APR_FOPEN_READ | APR_FOPEN_WRITE, run->pool);
    }
    if (rv == APR_SUCCESS) {
        apr_file_remove(path, run->pool);
        rv = text ? apr_file_write_full(*file, text, strlen(text), NULL)
                  : APR_SUCCESS;
    }
    if (rv == APR_SUCCESS) {
        rv = apr_file_seek(*file, APR_SET, &start);
    }
    return rv == APR_SUCCESS ? NULL : failed(run, "A temporary file", rv);
}

/* No .psqlrc, no question for a password, rows without a frame, messages with
 * their SQLSTATE. */
static const char *const always[] = {
    "psql", "-XqAtw", "-v", "ON_ERROR_STOP=1", "-v", "SHOW_CONTEXT=never",
    "-v", "VERBOSITY=verbose"
};
#define ALWAYS (sizeof(always) / sizeof(*always))

static apr_status_t start_psql(apr_proc_t *psql, const scimctl_run_t *run,
                               const char *const *arguments, apr_file_t *in,
                               apr_file_t *out)
{
    const char *all[ALWAYS + MAX_ARGUMENTS + 1] = { NULL };
    apr_procattr_t *how;
    apr_status_t rv = apr_procattr_create(&how, run->pool);
    int i;

    memcpy(all, always, sizeof(always));
    for (i = 0; arguments[i] && i < MAX_ARGUMENTS; i++) {
        all[ALWAYS + i] = arguments[i];
    }
    if (rv == APR_SUCCESS) {
        rv = apr_procattr_io_set(how, APR_NO_PIPE, APR_NO_PIPE,
                                 APR_FULL_BLOCK);
    }
    if (rv == APR_SUCCESS) {
        rv = apr_procattr_child_in_set(how, in, NULL);
    }
    if (rv == APR_SUCCESS) {
        rv = apr_procattr_child_out_set(how, out, NULL);
    }
    if (rv == APR_SUCCESS) {
        rv = apr_procattr_cmdtype_set(how, APR_PROGRAM_PATH);
    }
    return rv == APR_SUCCESS
           ? apr_proc_create(psql, "psql", all, NULL, how, run->pool) : rv;
}

/* The text of a message of the server in a line of psql, "psql:FILE:LINE:
 * ERROR:  42501: text"; the SQLSTATE is the only part that is the same in all
 * languages.  NULL for other lines. */
static const char *server_text(const char *line, int *is_notice)
{
    const char *state = strstr(line, ":  ");

    if (strncmp(line, "psql:", 5) != 0 || !state || strlen(state) < 10
        || strncmp(state + 8, ": ", 2) != 0) {
        return NULL;
    }
    *is_notice = state[3] == '0' && strchr("012", state[4]);
    return state + 10;
}

/* Whether a line says where something is: in a file of PostgreSQL or of
 * mod_scim. */
static int is_place(const char *line)
{
    const char *file = strstr(line, ".c:");

    return strncmp(line, "LINE ", 5) == 0 || line[strspn(line, " ")] == '^'
           || (file && strspn(file + 3, "0123456789") == strlen(file + 3));
}

/* The text of any other line: "HINT:  text", or psql's own "psql: error:
 * text" and "psql:FILE:LINE: error: text". */
static const char *other_text(const char *line)
{
    const char *label = strncmp(line, "psql:", 5) == 0
        ? strstr(line, "error: ") : strstr(line, ":  ");

    return label ? label + (*label == ':' ? 3 : 7)
                 : line + strspn(line, " \t");
}

/* Take one line: show it or, from an error on, which is the last message, add
 * it to that. */
static void take_message(const scimctl_run_t *run, char *message,
                      const char *line)
{
    apr_size_t length = strlen(message);
    int is_notice = 0;
    const char *text = server_text(line, &is_notice);

    if (is_place(line)) {
        return;
    }
    if (is_notice || (!*message && strncmp(line, "psql:", 5) != 0)) {
        scimctl_say(run->pool, "%s", text ? text : other_text(line));
        return;
    }
    apr_snprintf(message + length, MAX_MESSAGE - length, "%s%s",
                 length == 0 ? ""
                 : strchr(".:;!?", message[length - 1]) ? " " : ". ",
                 text ? text : other_text(line));
}

static void read_messages(const scimctl_run_t *run, char *message,
                          apr_file_t *from)
{
    char line[MAX_MESSAGE];

    while (apr_file_gets(line, sizeof(line), from) == APR_SUCCESS) {
        line[strcspn(line, "\n")] = '\0';
        take_message(run, message, line);
    }
}

/* Why psql has ended as it did; its last message says it. */
static scim_error_t *explain_end(const scimctl_run_t *run,
                                 const char *message, apr_exit_why_e why,
                                 int status)
{
    if (APR_PROC_CHECK_EXIT(why) && status == 0) {
        return NULL;
    }
    if (APR_PROC_CHECK_EXIT(why) && status == EXIT_NOT_RUN) {
        return scim_error(run->pool, SCIM_E_INTERNAL,
                          "psql cannot be run: install it (on Debian,"
                          " postgresql-client), or add its folder to PATH.");
    }
    if (APR_PROC_CHECK_SIGNALED(why)) {
        return scim_error(run->pool, SCIM_E_INTERNAL,
                          "psql was ended by signal %d: what it had begun is"
                          " undone, or continued when this is run again.",
                          status);
    }
    return scim_error_caused(run->pool, SCIM_E_UNFIT, SCIM_OUT_OF_SERVICE,
                             *message ? message : "psql has failed");
}

static scim_error_t *read_output(const char **output, const scimctl_run_t *run,
                                 apr_file_t *from)
{
    char *text = apr_palloc(run->pool, MAX_OUTPUT);
    apr_size_t length = 0;
    apr_off_t start = 0;
    apr_status_t rv = apr_file_seek(from, APR_SET, &start);

    if (rv == APR_SUCCESS) {
        rv = apr_file_read_full(from, text, MAX_OUTPUT - 1, &length);
    }
    text[length] = '\0';
    *output = text;
    return rv == APR_SUCCESS || APR_STATUS_IS_EOF(rv)
           ? NULL : failed(run, "The output of psql", rv);
}

scim_error_t *scimctl_psql(const char **output, scimctl_run_t *run,
                           const char *const *arguments, const char *script)
{
    char *message = apr_pcalloc(run->pool, MAX_MESSAGE);
    apr_file_t *in;
    apr_file_t *out;
    apr_proc_t psql;
    apr_exit_why_e why;
    int status;
    apr_status_t rv;

    SCIM_ERR(scratch_file(&in, run, script));
    SCIM_ERR(scratch_file(&out, run, NULL));
    rv = start_psql(&psql, run, arguments, in, out);
    if (rv != APR_SUCCESS) {
        return failed(run, "psql", rv);
    }
    read_messages(run, message, psql.err);
    apr_proc_wait(&psql, &status, &why, APR_WAIT);
    SCIM_ERR(explain_end(run, message, why, status));
    return read_output(output, run, out);
}
