/* SPDX-License-Identifier: Apache-2.0 */
/* scimctl org export and org import: one organization as a file.
 *
 * The file has a JSON object on each line (docs/scimctl.md): the format and
 * the version of the tables; the organization; its rows, table after table,
 * each as {"TABLE": ROW}; and the end, with the number of lines before it and
 * their SHA-256, so that a file that was cut is noticed.  The columns of a row
 * are those of the table, which the database reads and checks itself
 * (schema.sql, scim.import_rows).
 *
 * Both directions take the same amount of memory for any number of rows.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <apr_strings.h>

#include "scimctl/scimctl_print.h"
#include "scimctl/scimctl_run.h"
#include "storage/scim_digest.h"
#include "values/scim_json.h"
#include "values/scim_text.h"

#define FORMAT "mod_scim organization"
#define FORMAT_VERSION 1

#define HEAD_MAX_BYTES 4096
#define LINE_MAX_BYTES (16 * 1024 * 1024)
/* Lines that are sent at once: no more after so many bytes or lines. */
#define BATCH_BYTES (1024 * 1024)
#define BATCH_LINES 500
/* How often the progress is shown. */
#define LINES_PER_SIGN 10000

/* In this order: rows refer to those of earlier tables.  What the guard has
 * counted and refused, and the log of requests, stay here: they say what was
 * asked of this database, and are of use only for hours, or days. */
static const struct {
    const char *table;
    scim_statement_e rows;
} tables[] = {
    { "account", SCIM_SQL_EXPORT_ACCOUNTS },
    { "user_group", SCIM_SQL_EXPORT_GROUPS },
    { "membership", SCIM_SQL_EXPORT_MEMBERSHIPS },
    { "subgroup", SCIM_SQL_EXPORT_SUBGROUPS },
    { "token", SCIM_SQL_EXPORT_TOKENS },
    { "event", SCIM_SQL_EXPORT_EVENTS },
    { "refusal", SCIM_SQL_EXPORT_REFUSALS },
    { "deleted_token", SCIM_SQL_EXPORT_DELETED_TOKENS },
    { "account_seen", SCIM_SQL_EXPORT_ACCOUNTS_SEEN }
};
#define TABLES ((int) (sizeof(tables) / sizeof(*tables)))

/* A file that is being written or read. */
typedef struct {
    scimctl_run_t *run;
    scim_digest_t *digest;       /* of the lines so far */
    apr_int64_t lines;
    int signs;                   /* somebody is watching */

    /* Only of one that is read. */
    char *line;                  /* the latest, without its end */
    apr_size_t length;
    int is_end;                  /* there is no more */
    const char *organization_id;
    const char *key;
    int table;                   /* of the lines in batch */
    char *batch;                 /* "[LINE,LINE" */
    apr_size_t batch_length;
    int batch_lines;
} transfer_t;

static scim_error_t *transfer_make(transfer_t **made, scimctl_run_t *run)
{
    transfer_t *transfer = apr_pcalloc(run->pool, sizeof(*transfer));

    transfer->run = run;
    transfer->digest = scim_digest_begin(run->pool);
    transfer->signs = isatty(STDERR_FILENO);
    *made = transfer;
    return transfer->digest ? NULL
        : scim_error(run->pool, SCIM_E_INTERNAL,
                     "libcrypto has no SHA-256.");
}

static void count_line(transfer_t *transfer, const char *line,
                       apr_size_t length)
{
    scim_digest_add(transfer->digest, line, length);
    scim_digest_add(transfer->digest, "\n", 1);
    transfer->lines++;
    if (transfer->signs && transfer->lines % LINES_PER_SIGN == 0) {
        fprintf(stderr, "\r%" APR_INT64_T_FMT " lines", transfer->lines);
    }
}

static void end_signs(const transfer_t *transfer)
{
    if (transfer->signs) {
        fprintf(stderr, "\r%*s\r", 30, "");
    }
}

/* The version of the tables, and the time, as in the database; from here on,
 * times have the same text in every database. */
static scim_error_t *begin_transfer(scim_rows_t **rows, scimctl_run_t *run)
{
    return scim_db_run(rows, run->call.db, SCIM_SQL_TRANSFER_BEGIN, 0, NULL);
}

/* Export */

static scim_error_t *write_line(void *baton, const char *line)
{
    transfer_t *transfer = baton;
    apr_size_t length = strlen(line);

    if (fwrite(line, 1, length, stdout) != length || putchar('\n') == EOF) {
        return scim_error(transfer->run->pool, SCIM_E_INTERNAL,
                          "Standard output cannot be written: the file is not"
                          " complete.");
    }
    count_line(transfer, line, length);
    return NULL;
}

static scim_error_t *write_head(transfer_t *transfer)
{
    apr_pool_t *pool = transfer->run->pool;
    cJSON *head = scim_json_own(cJSON_CreateObject(), pool);
    scim_rows_t *rows;

    SCIM_ERR(begin_transfer(&rows, transfer->run));
    scim_json_put_text(head, "format", FORMAT);
    scim_json_put(head, "formatVersion", cJSON_CreateNumber(FORMAT_VERSION));
    scim_json_put(head, "schemaVersion",
                  scim_json_raw(scim_rows_value(rows, 0, 0)));
    scim_json_put_text(head, "release", SCIM_VERSION);
    scim_json_put_text(head, "at", scim_rows_value(rows, 0, 1));
    return write_line(transfer, scim_json_print(head, pool));
}

static const char *end_of(transfer_t *transfer)
{
    apr_pool_t *pool = transfer->run->pool;

    return apr_psprintf(pool, "{\"end\": {\"lines\": %" APR_INT64_T_FMT
                              ", \"sha256\": \"%s\"}}", transfer->lines,
                        scim_digest_end(transfer->digest, pool));
}

static scim_error_t *write_rows(transfer_t *transfer)
{
    scimctl_run_t *run = transfer->run;
    const char *values[] = { run->call.principal->organization_id };
    int i;

    SCIM_ERR(scim_db_each(run->call.db, SCIM_SQL_EXPORT_ORGANIZATION,
                          SCIM_VALUES(values), write_line, transfer));
    for (i = 0; i < TABLES; i++) {
        SCIM_ERR(scim_db_each(run->call.db, tables[i].rows,
                              SCIM_VALUES(values), write_line, transfer));
    }
    return NULL;
}

scim_error_t *scimctl_org_export(scimctl_run_t *run)
{
    transfer_t *transfer;
    scim_rows_t *rows;

    if (isatty(STDOUT_FILENO)) {
        return scim_error(run->pool, SCIM_E_INVALID_VALUE,
                          "The export is for a file: scimctl org export %.60s"
                          " > FILE.", run->arguments[0]);
    }
    SCIM_ERR(scim_db_outdated(run->call.db));
    SCIM_ERR(transfer_make(&transfer, run));
    SCIM_ERR(scim_db_begin_snapshot(run->call.db));
    SCIM_ERR(scimctl_choose_organization(&rows, run));
    SCIM_ERR(write_head(transfer));
    SCIM_ERR(write_rows(transfer));
    SCIM_ERR(write_line(transfer, end_of(transfer)));
    end_signs(transfer);
    return fflush(stdout) == 0 ? NULL
        : scim_error(run->pool, SCIM_E_INTERNAL,
                     "Standard output cannot be written: the file is not"
                     " complete.");
}

/* Import */

static scim_error_t *bad_file(const transfer_t *transfer, const char *flaw)
{
    end_signs(transfer);
    return scim_error(transfer->run->pool, SCIM_E_INVALID_VALUE,
                      "Nothing was imported: line %" APR_INT64_T_FMT " %s.",
                      transfer->lines + 1, flaw);
}

static scim_error_t *next_line(transfer_t *transfer)
{
    int c;

    transfer->length = 0;
    while ((c = getc_unlocked(stdin)) != EOF && c != '\n') {
        if (c == '\0') {
            return bad_file(transfer, "has a zero byte");
        }
        if (transfer->length == LINE_MAX_BYTES) {
            return bad_file(transfer, "is longer than 16 MB");
        }
        transfer->line[transfer->length++] = (char) c;
    }
    transfer->line[transfer->length] = '\0';
    transfer->is_end = c == EOF && transfer->length == 0;
    return ferror(stdin) ? bad_file(transfer, "cannot be read") : NULL;
}

/* Whether the line is {"NAME": {...}, as export writes it. */
static int line_is(const transfer_t *transfer, const char *name)
{
    apr_size_t length = strlen(name);

    return strncmp(transfer->line, "{\"", 2) == 0
           && strncmp(transfer->line + 2, name, length) == 0
           && strncmp(transfer->line + 2 + length, "\": {", 4) == 0;
}

static double number_in(const cJSON *object, const char *name)
{
    const cJSON *number = scim_json_member(object, name);

    return cJSON_IsNumber(number) ? number->valuedouble : -1;
}

static scim_error_t *read_head(transfer_t *transfer)
{
    apr_pool_t *pool = transfer->run->pool;
    const char *format;
    scim_error_t *error;
    scim_rows_t *rows;
    cJSON *head = NULL;

    SCIM_ERR(begin_transfer(&rows, transfer->run));
    SCIM_ERR(next_line(transfer));
    error = scim_json_parse(&head, transfer->line,
                            transfer->length < HEAD_MAX_BYTES
                            ? transfer->length : HEAD_MAX_BYTES, pool);
    format = error ? NULL : scim_json_text(head, "format");
    if (!format || strcmp(format, FORMAT) != 0) {
        return bad_file(transfer, "is not the beginning of a file that scimctl"
                                  " org export has written");
    }
    if (number_in(head, "formatVersion") != FORMAT_VERSION) {
        return bad_file(transfer, "names a format that this release does not"
                                  " know");
    }
    if (number_in(head, "schemaVersion")
        != atoi(scim_rows_value(rows, 0, 0))) {
        return bad_file(transfer, apr_psprintf(pool,
            "names version %g of the tables, and this database has %s: import"
            " the file into a database of its version, and upgrade that",
            number_in(head, "schemaVersion"), scim_rows_value(rows, 0, 0)));
    }
    count_line(transfer, transfer->line, transfer->length);
    return NULL;
}

/* What the database says of the lines from first on, which it refuses. */
static scim_error_t *refused_lines(transfer_t *transfer, apr_int64_t first,
                                   const scim_error_t *error)
{
    scimctl_run_t *run = transfer->run;
    int is_twice = error->kind == SCIM_E_INTERNAL && error->cause
                   && strstr(error->cause, "23505");

    end_signs(transfer);
    if (scim_error_status(error->kind) >= 500 && !is_twice) {
        return scim_error_caused(run->pool, error->kind, error->detail,
                                 error->cause);
    }
    return scim_error(run->pool, SCIM_E_INVALID_VALUE,
                      "Nothing was imported: one of the lines %"
                      APR_INT64_T_FMT " to %" APR_INT64_T_FMT
                      " was refused: %.400s.", first, transfer->lines,
                      is_twice ? "a row occurs twice"
                               : error->cause ? error->cause : error->detail);
}

static scim_error_t *send_batch(transfer_t *transfer)
{
    const char *values[] = { transfer->organization_id,
                             tables[transfer->table].table,
                             transfer->batch };
    scim_error_t *error;
    scim_rows_t *rows;
    apr_pool_t *pool;

    if (transfer->batch_lines == 0) {
        return NULL;
    }
    memcpy(transfer->batch + transfer->batch_length, "]", 2);
    apr_pool_create(&pool, transfer->run->pool);
    error = scim_db_run(&rows, scim_db_within(transfer->run->call.db, pool),
                        SCIM_SQL_IMPORT_ROWS, SCIM_VALUES(values));
    if (error) {
        return refused_lines(transfer,
                             transfer->lines - transfer->batch_lines + 1,
                             error);
    }
    apr_pool_destroy(pool);
    transfer->batch_length = 0;
    transfer->batch_lines = 0;
    return NULL;
}

static scim_error_t *take_line(transfer_t *transfer)
{
    transfer->batch[transfer->batch_length++]
        = transfer->batch_lines++ > 0 ? ',' : '[';
    memcpy(transfer->batch + transfer->batch_length, transfer->line,
           transfer->length);
    transfer->batch_length += transfer->length;
    count_line(transfer, transfer->line, transfer->length);
    return transfer->batch_length < BATCH_BYTES
           && transfer->batch_lines < BATCH_LINES ? NULL
        : send_batch(transfer);
}

/* The line is a row of the same table as the one before, or of a later one. */
static scim_error_t *take_row(transfer_t *transfer)
{
    int table = transfer->table;

    while (table < TABLES && !line_is(transfer, tables[table].table)) {
        table++;
    }
    if (table == TABLES) {
        return bad_file(transfer, "is not a row of one of the tables, in"
                                  " their order");
    }
    if (table != transfer->table) {
        SCIM_ERR(send_batch(transfer));
    }
    transfer->table = table;
    return take_line(transfer);
}

static scim_error_t *read_organization(transfer_t *transfer)
{
    scimctl_run_t *run = transfer->run;
    const char *values[] = { transfer->line, run->options.key };
    scim_error_t *error;
    scim_rows_t *rows;

    SCIM_ERR(next_line(transfer));
    if (!line_is(transfer, "organization")) {
        return bad_file(transfer, "is not the organization");
    }
    count_line(transfer, transfer->line, transfer->length);
    error = scim_db_run(&rows, run->call.db, SCIM_SQL_IMPORT_ORGANIZATION,
                        SCIM_VALUES(values));
    if (error && error->kind == SCIM_E_UNIQUENESS) {
        return scim_error(run->pool, SCIM_E_UNIQUENESS, "Nothing was imported:"
                          " %s", error->detail);
    }
    if (error) {
        return refused_lines(transfer, transfer->lines, error);
    }
    if (scim_rows_count(rows) == 0) {
        return scim_error(run->pool, SCIM_E_INVALID_VALUE, "Nothing was"
                          " imported: line 2 has no created_at.");
    }
    transfer->organization_id = scim_rows_value(rows, 0, 0);
    transfer->key = scim_rows_value(rows, 0, 1);
    return NULL;
}

static scim_error_t *read_rows(transfer_t *transfer)
{
    const char *end;

    for (;;) {
        SCIM_ERR(next_line(transfer));
        if (transfer->is_end) {
            return bad_file(transfer, "is missing: the file was cut");
        }
        if (line_is(transfer, "end")) {
            break;
        }
        SCIM_ERR(take_row(transfer));
    }
    SCIM_ERR(send_batch(transfer));
    end = end_of(transfer);
    if (strcmp(transfer->line, end) != 0) {
        return bad_file(transfer, "has another number of lines or another"
                                  " SHA-256 than the file: it was changed or"
                                  " cut");
    }
    SCIM_ERR(next_line(transfer));
    return transfer->is_end ? NULL
        : bad_file(transfer, "is behind the end of the organization");
}

static scim_error_t *finish_import(transfer_t *transfer)
{
    scimctl_run_t *run = transfer->run;
    const scim_principal_t *actor = scimctl_operator(run->pool);
    const char *values[] = { transfer->organization_id, actor->actor_kind,
                             actor->actor_id, actor->actor_name };
    scim_rows_t *rows;

    SCIM_ERR(scim_db_run(&rows, run->call.db, SCIM_SQL_IMPORT_END,
                         SCIM_VALUES(values)));
    SCIM_ERR(scim_db_commit(run->call.db));
    end_signs(transfer);
    return scimctl_show_organization(run, transfer->key);
}

scim_error_t *scimctl_org_import(scimctl_run_t *run)
{
    transfer_t *transfer;

    if (run->options.key && !scim_text_is_key(run->options.key)) {
        return scimctl_refused_organization(run);
    }
    SCIM_ERR(transfer_make(&transfer, run));
    transfer->line = apr_palloc(run->pool, LINE_MAX_BYTES + 1);
    transfer->batch = apr_palloc(run->pool, BATCH_BYTES + LINE_MAX_BYTES + 4);
    SCIM_ERR(scim_db_begin(run->call.db));
    SCIM_ERR(read_head(transfer));
    SCIM_ERR(read_organization(transfer));
    SCIM_ERR(read_rows(transfer));
    return finish_import(transfer);
}
