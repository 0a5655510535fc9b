/* SPDX-License-Identifier: Apache-2.0 */
/* scimctl account import: accounts of a CSV file, all or none, batch by batch
 * (scim_import.h). */
#include <string.h>
#include <unistd.h>

#include <apr_strings.h>

#include "resources/scim_import.h"
#include "scimctl/scimctl_columns.h"
#include "scimctl/scimctl_csv.h"
#include "scimctl/scimctl_print.h"
#include "scimctl/scimctl_run.h"
#include "scimctl/scimctl_seen.h"
#include "values/scim_json.h"
#include "values/scim_role.h"
#include "values/scim_text.h"

/* How often the progress is shown. */
#define RECORDS_PER_SIGN 100

/* A batch ends with the record that reaches this many bytes, so that long
 * records take no more memory than short ones. */
#define BATCH_BYTES 262144

typedef struct {
    scimctl_run_t *run;
    scimctl_csv_t csv;
    scimctl_seen_t *names;       /* keys of the userNames until now */
    apr_array_header_t *columns; /* of int: index of each column */
    apr_pool_t *pool;            /* of the current batch */
    scim_call_t call;            /* run's, for the current batch */
    scim_import_t batch[SCIM_IMPORT_MOST];
    int lines[SCIM_IMPORT_MOST]; /* where each account of the batch begins */
    int count;                   /* of the batch */
    int records;                 /* of the file, until now */
    int results[SCIM_IMPORT_RESULTS]; /* how many accounts have each */
    int roles[SCIM_ROLE_COUNT];  /* of the created ones */
    int problems;
    int is_over;                 /* no more batches can be imported */
    int signs;                   /* somebody is watching */
} import_t;

static int has_column(const import_t *import, int index)
{
    int i;

    for (i = 0; i < import->columns->nelts; i++) {
        if (APR_ARRAY_IDX(import->columns, i, int) == index) {
            return 1;
        }
    }
    return 0;
}

/* The progress is a line that is overwritten. */
static void show_progress(const import_t *import)
{
    if (import->signs && import->records % RECORDS_PER_SIGN == 0) {
        fprintf(stderr, "\r%d records read", import->records);
    }
}

static void end_progress(const import_t *import)
{
    if (import->signs) {
        fprintf(stderr, "\r%*s\r", 30, "");
    }
}

/* problem is NULL for a record without one. */
static void report(import_t *import, int line, const char *problem)
{
    if (problem) {
        import->problems++;
        end_progress(import);
        scimctl_say(import->pool, "%s:%d: %s", import->csv.name, line,
                    problem);
    }
}

static void read_heads(import_t *import, const apr_array_header_t *heads,
                       int line)
{
    int i;

    if (!heads) {
        report(import, line, "the file is empty; its first line names the"
                             " columns");
    }
    for (i = 0; heads && i < heads->nelts; i++) {
        const char *name = APR_ARRAY_IDX(heads, i, const char *);
        const char *flaw = scim_text_flaw(import->run->pool, name,
                                          SCIM_TEXT_NAME);
        int index = scimctl_column_index(name);

        if (flaw) {
            report(import, line,
                   apr_psprintf(import->run->pool,
                                "the heading of column %d %s", i + 1, flaw));
        }
        else if (index < 0) {
            report(import, line,
                   apr_psprintf(import->run->pool, "unknown column '%.60s';"
                                " the columns are userName, displayName, role,"
                                " active, externalId, preferredLanguage,"
                                " timezone, managed and syncEligible",
                                name));
        }
        else if (has_column(import, index)) {
            report(import, line,
                   apr_psprintf(import->run->pool,
                                "duplicate column '%.60s'", name));
        }
        APR_ARRAY_PUSH(import->columns, int) = index;
    }
}

/* Records */

/* Of two lines about one account the second would undo the first, again at
 * each run. */
static const char *name_problem(import_t *import,
                                const scim_import_t *account)
{
    const char *name = scim_json_text(account->user, "userName");

    return name && !scimctl_seen_add(import->names,
                                     scim_text_user_name_key(import->pool,
                                                             name),
                                     import->pool)
           ? apr_psprintf(import->pool, "the file has the userName '%.120s'"
                          " more than once", name) : NULL;
}

/* What the fields of a record say of the account, or its problem. */
static void read_account_of(import_t *import, scim_import_t *account,
                            const apr_array_header_t *fields,
                            const char *problem)
{
    int i;

    scimctl_column_begin(account, import->pool);
    if (!problem && fields->nelts != import->columns->nelts) {
        problem = "the number of fields differs from the number of columns";
    }
    for (i = 0; !problem && i < fields->nelts; i++) {
        problem = scimctl_column_put(account,
                                     APR_ARRAY_IDX(import->columns, i, int),
                                     APR_ARRAY_IDX(fields, i, char *));
    }
    if (!problem) {
        problem = name_problem(import, account);
    }
    if (problem) {
        account->result = SCIM_IMPORT_REFUSED;
        account->problem = problem;
    }
}

/* Frees the memory of the previous batch. */
static void begin_batch(import_t *import)
{
    apr_pool_clear(import->pool);
    import->count = 0;
    import->call = import->run->call;
    import->call.pool = import->pool;
    import->call.db = scim_db_within(import->run->call.db, import->pool);
    import->call.notes = scim_note_list(import->pool);
}

static void fill_batch(import_t *import)
{
    apr_size_t bytes = 0;
    apr_array_header_t *fields;
    const char *problem;

    begin_batch(import);
    while (import->count < SCIM_IMPORT_MOST && bytes < BATCH_BYTES
           && (fields = scimctl_csv_next(&import->csv,
                                         &import->lines[import->count],
                                         &problem, import->pool)) != NULL) {
        read_account_of(import, &import->batch[import->count++], fields,
                        problem);
        bytes += import->csv.length;
        import->records++;
        show_progress(import);
    }
}

static void count(import_t *import, const scim_import_t *account)
{
    import->results[account->result]++;
    if (account->result == SCIM_IMPORT_CREATED) {
        import->roles[scim_role_of(account->role)]++;
    }
}

/* A value that the database refuses makes a batch fail as a whole, and the
 * transaction, too.  Which it is, each account tells alone in another one. */
static scim_error_t *find_refused(import_t *import, scim_error_t *error)
{
    int i;

    import->is_over = 1;
    if (scim_error_status(error->kind) >= 500) {
        return error;
    }
    SCIM_ERR(scim_db_roll_back(import->run->call.db));
    SCIM_ERR(scim_db_begin(import->run->call.db));
    for (i = 0; i < import->count; i++) {
        scim_import_t *account = &import->batch[i];
        scim_error_t *own;

        if (account->result == SCIM_IMPORT_REFUSED) {
            continue;
        }
        account->result = SCIM_IMPORT_WAITING;
        own = scim_import_batch(account, 1, import->run->options.update,
                                &import->call);
        if (own) {
            report(import, import->lines[i], own->detail);
            return NULL;
        }
    }
    return error;
}

static scim_error_t *import_batch(import_t *import)
{
    scim_error_t *error = scim_import_batch(import->batch, import->count,
                                            import->run->options.update,
                                            &import->call);
    int i;

    if (error) {
        return find_refused(import, error);
    }
    for (i = 0; i < import->count; i++) {
        count(import, &import->batch[i]);
        report(import, import->lines[i], import->batch[i].problem);
    }
    return NULL;
}

static int has_failed(const import_t *import)
{
    return import->csv.status != APR_SUCCESS
           && import->csv.status != APR_EOF;
}

static void read_columns(import_t *import)
{
    apr_array_header_t *heads;
    const char *problem;
    int line;

    begin_batch(import);
    heads = scimctl_csv_next(&import->csv, &line, &problem, import->pool);
    if (problem) {
        report(import, line, problem);
    }
    else if (!has_failed(import)) {
        read_heads(import, heads, line);
    }
}

static scim_error_t *import_records(import_t *import)
{
    scim_error_t *error = NULL;

    read_columns(import);
    import->is_over = import->problems > 0 || has_failed(import);
    while (!error && !import->is_over) {
        fill_batch(import);
        error = import_batch(import);
        import->is_over |= import->count == 0;
    }
    end_progress(import);
    return error;
}

/* The end */

static void print_imported(const import_t *import)
{
    int i;

    printf("%d account(s) %s:", import->results[SCIM_IMPORT_CREATED],
           import->run->options.dry_run ? "could be imported" : "imported");
    for (i = 0; i < SCIM_ROLE_COUNT; i++) {
        printf("%s %d %s", i > 0 ? "," : "", import->roles[i],
               scim_role_names[i]);
    }
    putchar('\n');
}

static void print_updated(const import_t *import)
{
    const int *results = import->results;

    printf("%d account(s) %s, %d changed, %d unchanged\n",
           results[SCIM_IMPORT_CREATED], import->run->options.dry_run
                                         ? "would be created" : "created",
           results[SCIM_IMPORT_CHANGED], results[SCIM_IMPORT_SAME]);
}

static void print_result(const import_t *import)
{
    const int *results = import->results;
    cJSON *object;

    if (!import->run->options.json) {
        (import->run->options.update ? print_updated
                                     : print_imported)(import);
        return;
    }
    object = scim_json_own(cJSON_CreateObject(), import->run->pool);
    cJSON_AddNumberToObject(object, "created", results[SCIM_IMPORT_CREATED]);
    cJSON_AddNumberToObject(object, "changed", results[SCIM_IMPORT_CHANGED]);
    cJSON_AddNumberToObject(object, "unchanged", results[SCIM_IMPORT_SAME]);
    cJSON_AddBoolToObject(object, "dryRun", import->run->options.dry_run);
    scimctl_print_json(object, import->run->pool);
}

static scim_error_t *import_file(import_t *import)
{
    scimctl_run_t *run = import->run;

    SCIM_ERR(scim_db_begin(run->call.db));
    SCIM_ERR(import_records(import));
    SCIM_ERR(scimctl_csv_failure(&import->csv, run->pool));
    if (import->problems > 0) {
        return scim_error(run->pool, SCIM_E_INVALID_VALUE,
                          "Nothing was imported: %d bad line(s).",
                          import->problems);
    }
    if (!run->options.dry_run) {
        SCIM_ERR(scim_db_commit(run->call.db));
    }
    print_result(import);
    return NULL;
}

scim_error_t *scimctl_import(scimctl_run_t *run)
{
    import_t *import = apr_pcalloc(run->pool, sizeof(*import));
    scim_rows_t *rows;

    import->run = run;
    import->columns = apr_array_make(run->pool, 16, sizeof(int));
    import->names = scimctl_seen_begin(run->pool);
    import->signs = isatty(STDERR_FILENO);
    apr_pool_create(&import->pool, run->pool);
    SCIM_ERR(scimctl_csv_open(&import->csv, run->arguments[1], run->pool));
    SCIM_ERR(scimctl_choose_organization(&rows, run));
    return import_file(import);
}
