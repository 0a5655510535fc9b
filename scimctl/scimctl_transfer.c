/* SPDX-License-Identifier: Apache-2.0 */
/* scimctl org export and org import: one organization as a file, see
 * scimctl_transfer.h.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <apr_strings.h>

#include "scimctl/scimctl_print.h"
#include "scimctl/scimctl_transfer.h"
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

/* Lines that are being written or read. */
typedef struct {
    scimctl_run_t *run;
    scim_digest_t *digest;       /* of the lines so far */
    apr_int64_t lines;
    int signs;                   /* somebody is watching */
    scimctl_line_fn *take;       /* those that are written; NULL when read */
    void *baton;
} transfer_t;

typedef scim_error_t *expected_fn(scimctl_reader_t *reader);

struct scimctl_reader_t {
    transfer_t transfer;
    expected_fn *expected;       /* takes the next line */
    const char *line;            /* the latest, without its end */
    apr_size_t length;
    const char *wanted_key;      /* NULL: its own */
    const char *move_id;         /* NULL: it does not move */
    const char *organization_id;
    const char *key;
    int table;                   /* of the lines in batch */
    char *batch;                 /* "[LINE,LINE" */
    apr_size_t batch_length;
    int batch_lines;
};

static scim_error_t *begin_lines(transfer_t *transfer, scimctl_run_t *run)
{
    transfer->run = run;
    transfer->digest = scim_digest_begin(run->pool);
    transfer->signs = isatty(STDERR_FILENO);
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

scim_error_t *scimctl_transfer_begin(scim_rows_t **rows, scim_db_t *db)
{
    return scim_db_run(rows, db, SCIM_SQL_TRANSFER_BEGIN, 0, NULL);
}

/* Export */

static scim_error_t *not_written(scimctl_run_t *run)
{
    return scim_error(run->pool, SCIM_E_INTERNAL, "Standard output cannot be"
                      " written: the file is not complete.");
}

static scim_error_t *print_line(void *baton, const char *line,
                                apr_size_t length)
{
    return fwrite(line, 1, length, stdout) == length && putchar('\n') != EOF
           ? NULL : not_written(baton);
}

static scim_error_t *write_line(void *baton, const char *line)
{
    transfer_t *transfer = baton;
    apr_size_t length = strlen(line);

    SCIM_ERR(transfer->take(transfer->baton, line, length));
    count_line(transfer, line, length);
    return NULL;
}

static scim_error_t *write_head(transfer_t *transfer)
{
    apr_pool_t *pool = transfer->run->pool;
    cJSON *head = scim_json_own(cJSON_CreateObject(), pool);
    scim_rows_t *rows;

    SCIM_ERR(scimctl_transfer_begin(&rows, transfer->run->call.db));
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

scim_error_t *scimctl_transfer_write(scimctl_run_t *run,
                                     scimctl_line_fn *take, void *baton)
{
    transfer_t transfer = { .take = take, .baton = baton };

    SCIM_ERR(begin_lines(&transfer, run));
    SCIM_ERR(write_head(&transfer));
    SCIM_ERR(write_rows(&transfer));
    SCIM_ERR(write_line(&transfer, end_of(&transfer)));
    end_signs(&transfer);
    return NULL;
}

scim_error_t *scimctl_org_export(scimctl_run_t *run)
{
    scim_rows_t *rows;

    if (isatty(STDOUT_FILENO)) {
        return scim_error(run->pool, SCIM_E_INVALID_VALUE,
                          "The export is for a file: scimctl org export %.60s"
                          " > FILE.", run->arguments[0]);
    }
    SCIM_ERR(scim_db_outdated(run->call.db));
    SCIM_ERR(scim_db_begin_snapshot(run->call.db));
    SCIM_ERR(scimctl_choose_organization(&rows, run));
    SCIM_ERR(scimctl_transfer_write(run, print_line, run));
    return fflush(stdout) == 0 ? NULL : not_written(run);
}

/* Import */

#define TOO_LONG "is longer than 16 MB"
#define NO_HEAD                                                             \
    "is not the beginning of a file that scimctl org export has written"

static scim_error_t *bad_file(const scimctl_reader_t *reader,
                              const char *flaw)
{
    end_signs(&reader->transfer);
    return scim_error(reader->transfer.run->pool, SCIM_E_INVALID_VALUE,
                      "Nothing was imported: line %" APR_INT64_T_FMT " %s.",
                      reader->transfer.lines + 1, flaw);
}

static void count_read(scimctl_reader_t *reader)
{
    count_line(&reader->transfer, reader->line, reader->length);
}

/* Whether the line is {"NAME": {...}, as export writes it. */
static int line_is(const scimctl_reader_t *reader, const char *name)
{
    apr_size_t length = strlen(name);

    return strncmp(reader->line, "{\"", 2) == 0
           && strncmp(reader->line + 2, name, length) == 0
           && strncmp(reader->line + 2 + length, "\": {", 4) == 0;
}

static double number_in(const cJSON *object, const char *name)
{
    const cJSON *number = scim_json_member(object, name);

    return cJSON_IsNumber(number) ? number->valuedouble : -1;
}

static expected_fn read_organization;

static scim_error_t *read_head(scimctl_reader_t *reader)
{
    apr_pool_t *pool = reader->transfer.run->pool;
    const char *format;
    scim_error_t *error;
    scim_rows_t *rows;
    cJSON *head = NULL;

    SCIM_ERR(scimctl_transfer_begin(&rows, reader->transfer.run->call.db));
    error = scim_json_parse(&head, reader->line,
                            reader->length < HEAD_MAX_BYTES
                            ? reader->length : HEAD_MAX_BYTES, pool);
    format = error ? NULL : scim_json_text(head, "format");
    if (!format || strcmp(format, FORMAT) != 0) {
        return bad_file(reader, NO_HEAD);
    }
    if (number_in(head, "formatVersion") != FORMAT_VERSION) {
        return bad_file(reader, "names a format that this release does not"
                                " know");
    }
    if (number_in(head, "schemaVersion")
        != atoi(scim_rows_value(rows, 0, 0))) {
        return bad_file(reader, apr_psprintf(pool,
            "names version %g of the tables, and this database has %s: import"
            " the file into a database of its version, and upgrade that",
            number_in(head, "schemaVersion"), scim_rows_value(rows, 0, 0)));
    }
    count_read(reader);
    reader->expected = read_organization;
    return NULL;
}

/* What the database says of the lines from first on, which it refuses. */
static scim_error_t *refused_lines(const scimctl_reader_t *reader,
                                   apr_int64_t first,
                                   const scim_error_t *error)
{
    scimctl_run_t *run = reader->transfer.run;
    int is_twice = error->kind == SCIM_E_INTERNAL && error->cause
                   && strstr(error->cause, "23505");

    end_signs(&reader->transfer);
    if (scim_error_status(error->kind) >= 500 && !is_twice) {
        return scim_error_caused(run->pool, error->kind, error->detail,
                                 error->cause);
    }
    return scim_error(run->pool, SCIM_E_INVALID_VALUE,
                      "Nothing was imported: one of the lines %"
                      APR_INT64_T_FMT " to %" APR_INT64_T_FMT
                      " was refused: %.400s.", first, reader->transfer.lines,
                      is_twice ? "a row occurs twice"
                               : error->cause ? error->cause : error->detail);
}

static scim_error_t *send_batch(scimctl_reader_t *reader)
{
    const char *values[] = { reader->organization_id,
                             tables[reader->table].table,
                             reader->batch };
    const scimctl_run_t *run = reader->transfer.run;
    scim_error_t *error;
    scim_rows_t *rows;
    apr_pool_t *pool;

    if (reader->batch_lines == 0) {
        return NULL;
    }
    memcpy(reader->batch + reader->batch_length, "]", 2);
    apr_pool_create(&pool, run->pool);
    error = scim_db_run(&rows, scim_db_within(run->call.db, pool),
                        SCIM_SQL_IMPORT_ROWS, SCIM_VALUES(values));
    if (error) {
        return refused_lines(reader,
                             reader->transfer.lines - reader->batch_lines + 1,
                             error);
    }
    apr_pool_destroy(pool);
    reader->batch_length = 0;
    reader->batch_lines = 0;
    return NULL;
}

static scim_error_t *take_line(scimctl_reader_t *reader)
{
    reader->batch[reader->batch_length++]
        = reader->batch_lines++ > 0 ? ',' : '[';
    memcpy(reader->batch + reader->batch_length, reader->line,
           reader->length);
    reader->batch_length += reader->length;
    count_read(reader);
    return reader->batch_length < BATCH_BYTES
           && reader->batch_lines < BATCH_LINES ? NULL
        : send_batch(reader);
}

/* The line is a row of the same table as the one before, or of a later one. */
static scim_error_t *take_row(scimctl_reader_t *reader)
{
    int table = reader->table;

    while (table < TABLES && !line_is(reader, tables[table].table)) {
        table++;
    }
    if (table == TABLES) {
        return bad_file(reader, "is not a row of one of the tables, in"
                                " their order");
    }
    if (table != reader->table) {
        SCIM_ERR(send_batch(reader));
    }
    reader->table = table;
    return take_line(reader);
}

static scim_error_t *read_nothing(scimctl_reader_t *reader)
{
    return bad_file(reader, "is behind the end of the organization");
}

static scim_error_t *take_end(scimctl_reader_t *reader)
{
    SCIM_ERR(send_batch(reader));
    if (strcmp(reader->line, end_of(&reader->transfer)) != 0) {
        return bad_file(reader, "has another number of lines or another"
                                " SHA-256 than the file: it was changed or"
                                " cut");
    }
    reader->expected = read_nothing;
    return NULL;
}

static scim_error_t *take_next_row(scimctl_reader_t *reader)
{
    return line_is(reader, "end") ? take_end(reader) : take_row(reader);
}

static scim_error_t *read_organization(scimctl_reader_t *reader)
{
    scimctl_run_t *run = reader->transfer.run;
    const char *values[] = { reader->line, reader->wanted_key,
                             reader->move_id };
    scim_error_t *error;
    scim_rows_t *rows;

    if (!line_is(reader, "organization")) {
        return bad_file(reader, "is not the organization");
    }
    count_read(reader);
    error = scim_db_run(&rows, run->call.db, SCIM_SQL_IMPORT_ORGANIZATION,
                        SCIM_VALUES(values));
    if (error && error->kind == SCIM_E_UNIQUENESS) {
        return scim_error(run->pool, SCIM_E_UNIQUENESS, "Nothing was imported:"
                          " %s", error->detail);
    }
    if (error) {
        return refused_lines(reader, reader->transfer.lines, error);
    }
    if (scim_rows_count(rows) == 0) {
        return scim_error(run->pool, SCIM_E_INVALID_VALUE, "Nothing was"
                          " imported: line 2 has no created_at.");
    }
    reader->organization_id = scim_rows_value(rows, 0, 0);
    reader->key = scim_rows_value(rows, 0, 1);
    reader->expected = take_next_row;
    return NULL;
}

scim_error_t *scimctl_reader_begin(scimctl_reader_t **reader,
                                   scimctl_run_t *run, const char *key,
                                   const char *move_id)
{
    scimctl_reader_t *made = apr_pcalloc(run->pool, sizeof(*made));

    SCIM_ERR(begin_lines(&made->transfer, run));
    made->transfer.signs = made->transfer.signs && !move_id;
    made->expected = read_head;
    made->wanted_key = key;
    made->move_id = move_id;
    made->batch = apr_palloc(run->pool, BATCH_BYTES + LINE_MAX_BYTES + 4);
    *reader = made;
    return scim_db_begin(run->call.db);
}

scim_error_t *scimctl_reader_take(void *baton, const char *line,
                                  apr_size_t length)
{
    scimctl_reader_t *reader = baton;

    reader->line = line;
    reader->length = length;
    return length > LINE_MAX_BYTES ? bad_file(reader, TOO_LONG)
                                   : reader->expected(reader);
}

scim_error_t *scimctl_reader_end(scimctl_reader_t *reader)
{
    return reader->expected == read_nothing ? NULL
        : bad_file(reader, reader->expected == read_head
                           ? NO_HEAD : "is missing: the file was cut");
}

scim_error_t *scimctl_reader_commit(const char **key,
                                    scimctl_reader_t *reader)
{
    scimctl_run_t *run = reader->transfer.run;
    const scim_principal_t *actor = scimctl_operator(run->pool);
    const char *values[] = { reader->organization_id, actor->actor_kind,
                             actor->actor_id, actor->actor_name };
    scim_rows_t *rows;

    SCIM_ERR(scim_db_run(&rows, run->call.db, SCIM_SQL_IMPORT_END,
                         SCIM_VALUES(values)));
    SCIM_ERR(scim_db_commit(run->call.db));
    end_signs(&reader->transfer);
    *key = reader->key;
    return NULL;
}

/* *length is that of the next line of standard input, without its end; at the
 * end of all, *is_end is true. */
static scim_error_t *next_line(char *line, apr_size_t *length, int *is_end,
                               const scimctl_reader_t *reader)
{
    int c;

    *length = 0;
    while ((c = getc_unlocked(stdin)) != EOF && c != '\n') {
        if (c == '\0') {
            return bad_file(reader, "has a zero byte");
        }
        if (*length == LINE_MAX_BYTES) {
            return bad_file(reader, TOO_LONG);
        }
        line[(*length)++] = (char) c;
    }
    line[*length] = '\0';
    *is_end = c == EOF && *length == 0;
    return ferror(stdin) ? bad_file(reader, "cannot be read") : NULL;
}

scim_error_t *scimctl_org_import(scimctl_run_t *run)
{
    char *line = apr_palloc(run->pool, LINE_MAX_BYTES + 1);
    scimctl_reader_t *reader;
    apr_size_t length;
    const char *key;
    int is_end;

    if (run->options.key && !scim_text_is_key(run->options.key)) {
        return scimctl_refused_organization(run);
    }
    SCIM_ERR(scimctl_reader_begin(&reader, run, run->options.key, NULL));
    SCIM_ERR(next_line(line, &length, &is_end, reader));
    while (!is_end) {
        SCIM_ERR(scimctl_reader_take(reader, line, length));
        SCIM_ERR(next_line(line, &length, &is_end, reader));
    }
    SCIM_ERR(scimctl_reader_end(reader));
    SCIM_ERR(scimctl_reader_commit(&key, reader));
    return scimctl_show_organization(run, key);
}
