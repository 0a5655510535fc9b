/* SPDX-License-Identifier: Apache-2.0 */
/* scimctl account import: accounts from before provisioning, from a file. */
#include <string.h>
#include <unistd.h>

#include <apr_file_io.h>
#include <apr_strings.h>

#include "values/scim_json.h"
#include "values/scim_text.h"
#include "resources/scim_accounts.h"
#include "scimctl/scimctl_csv.h"
#include "scimctl/scimctl_print.h"
#include "scimctl/scimctl_run.h"
#include "values/scim_role.h"

/* How often the progress is shown. */
#define RECORDS_PER_SIGN 100

typedef enum { TO_TEXT, TO_BOOLEAN, TO_ROLE, TO_MANAGED, TO_ELIGIBLE } to_e;

static const struct {
    const char *name;
    to_e to;
} import_columns[] = {
    { "userName", TO_TEXT }, { "displayName", TO_TEXT },
    { "externalId", TO_TEXT }, { "preferredLanguage", TO_TEXT },
    { "timezone", TO_TEXT }, { "active", TO_BOOLEAN }, { "role", TO_ROLE },
    { "managed", TO_MANAGED }, { "syncEligible", TO_ELIGIBLE }
};
#define IMPORT_COLUMNS (sizeof(import_columns) / sizeof(*import_columns))

typedef struct {
    scimctl_run_t *run;
    const char *file;
    scimctl_csv_t csv;
    apr_array_header_t *columns; /* of int: index in import_columns */
    apr_pool_t *pool;            /* of the current record */
    scim_call_t call;            /* run's, for the current record */
    int imported[SCIM_ROLE_COUNT];
    int problems;
    int stopped;                 /* the transaction takes no more */
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
static void show_progress(const import_t *import, int records)
{
    if (import->signs && records % RECORDS_PER_SIGN == 0) {
        fprintf(stderr, "\r%d records read", records);
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
        scimctl_say(import->pool, "%s:%d: %s", import->file, line, problem);
    }
}

static scim_error_t *unreadable(import_t *import, apr_status_t rv)
{
    char reason[120];

    return scim_error(import->run->pool, SCIM_E_BAD_REQUEST, "%s: %s.",
                      import->file, apr_strerror(rv, reason,
                                                 sizeof(reason)));
}

static scim_error_t *open_file(apr_file_t **file, import_t *import)
{
    apr_pool_t *pool = import->run->pool;
    apr_status_t rv = strcmp(import->file, "-") == 0
        ? apr_file_open_stdin(file, pool)
        : apr_file_open(file, import->file, APR_FOPEN_READ, 0, pool);

    return rv == APR_SUCCESS ? NULL : unreadable(import, rv);
}

static int column_index(const char *name)
{
    apr_size_t i;

    for (i = 0; i < IMPORT_COLUMNS; i++) {
        if (strcasecmp(import_columns[i].name, name) == 0) {
            return (int) i;
        }
    }
    return -1;
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
        int index = column_index(name);

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

static void put_role(cJSON *body, const char *role)
{
    cJSON *list = cJSON_AddArrayToObject(body, "roles");
    cJSON *element = cJSON_CreateObject();

    cJSON_AddStringToObject(element, "value", role);
    cJSON_AddTrueToObject(element, "primary");
    cJSON_AddItemToArray(list, element);
}

/* Put a field that is not empty into body.  Returns its flaw, or NULL. */
static const char *put_field(cJSON *body, int *managed, int *eligible,
                             int index, const char *text)
{
    int truth = 0;

    switch (import_columns[index].to) {
    case TO_TEXT:
        scim_json_put_text(body, import_columns[index].name, text);
        return NULL;
    case TO_ROLE:
        if (scim_role_of(text) < 0) {
            return "role must be ADMIN, USER or GUEST";
        }
        put_role(body, text);
        return NULL;
    default:
        break;
    }
    if (!scim_text_boolean(text, &truth)) {
        return "active, managed and syncEligible must be true or false";
    }
    if (import_columns[index].to == TO_BOOLEAN) {
        scim_json_put(body, "active", cJSON_CreateBool(truth));
    }
    else {
        *(import_columns[index].to == TO_MANAGED ? managed : eligible)
            = truth;
    }
    return NULL;
}

static void count(import_t *import, const cJSON *user)
{
    const char *role = scim_json_text(
        scim_json_member(user, "roles")->child, "value");
    int i;

    for (i = 0; i < SCIM_ROLE_COUNT; i++) {
        import->imported[i] += strcmp(role, scim_role_names[i]) == 0;
    }
}

static const char *import_record(import_t *import,
                                 const apr_array_header_t *fields)
{
    cJSON *body = scim_json_own(cJSON_CreateObject(), import->pool);
    const char *problem = NULL;
    int managed = 1;
    int eligible = 1;
    scim_error_t *error;
    cJSON *user;
    int i;

    if (fields->nelts != import->columns->nelts) {
        return "the number of fields differs from the number of columns";
    }
    for (i = 0; !problem && i < fields->nelts; i++) {
        const char *text = APR_ARRAY_IDX(fields, i, const char *);

        if (*text) {
            problem = put_field(body, &managed, &eligible,
                                APR_ARRAY_IDX(import->columns, i, int), text);
        }
    }
    if (problem) {
        return problem;
    }
    error = scim_accounts_import(&user, &import->call, body, managed,
                                 eligible);
    import->stopped = error && error->cause;
    if (!error) {
        count(import, user);
    }
    return error ? error->detail : NULL;
}

/* The next record's fields.  Frees the memory of the previous record. */
static apr_array_header_t *next_record(import_t *import, int *line,
                                       const char **problem)
{
    apr_pool_clear(import->pool);
    import->call = import->run->call;
    import->call.pool = import->pool;
    import->call.db = scim_db_within(import->call.db, import->pool);
    import->call.notes = apr_array_make(import->pool, 4,
                                        sizeof(const char *));
    return scimctl_csv_next(&import->csv, line, problem, import->pool);
}

static int has_failed(const import_t *import)
{
    return import->csv.status != APR_SUCCESS
           && import->csv.status != APR_EOF;
}

static void import_records(import_t *import)
{
    apr_array_header_t *fields;
    const char *problem;
    int records = 0;
    int line;

    fields = next_record(import, &line, &problem);
    if (problem) {
        report(import, line, problem);
    }
    else if (!has_failed(import)) {
        read_heads(import, fields, line);
    }
    if (import->problems > 0 || has_failed(import)) {
        return;
    }
    while (!import->stopped
           && (fields = next_record(import, &line, &problem)) != NULL) {
        report(import, line, problem ? problem
                                     : import_record(import, fields));
        show_progress(import, ++records);
    }
    end_progress(import);
}

static void print_summary(const import_t *import)
{
    int all = 0;
    int i;

    for (i = 0; i < SCIM_ROLE_COUNT; i++) {
        all += import->imported[i];
    }
    printf("%d account(s) %s:", all, import->run->options.dry_run
                                     ? "could be imported" : "imported");
    for (i = 0; i < SCIM_ROLE_COUNT; i++) {
        printf("%s %d %s", i > 0 ? "," : "", import->imported[i],
               scim_role_names[i]);
    }
    putchar('\n');
}

static scim_error_t *import_file(import_t *import)
{
    scimctl_run_t *run = import->run;

    SCIM_ERR(scim_db_begin(run->call.db));
    import_records(import);
    if (has_failed(import)) {
        return unreadable(import, import->csv.status);
    }
    if (import->problems > 0) {
        return scim_error(run->pool, SCIM_E_INVALID_VALUE,
                          "Nothing was imported: %d bad line(s).",
                          import->problems);
    }
    if (!run->options.dry_run) {
        SCIM_ERR(scim_db_commit(run->call.db));
    }
    if (!run->options.json) {
        print_summary(import);
    }
    return NULL;
}

scim_error_t *scimctl_import(scimctl_run_t *run)
{
    import_t *import = apr_pcalloc(run->pool, sizeof(*import));
    apr_file_t *file;
    scim_rows_t *rows;

    import->run = run;
    import->file = run->arguments[1];
    import->columns = apr_array_make(run->pool, 16, sizeof(int));
    import->signs = isatty(STDERR_FILENO);
    apr_pool_create(&import->pool, run->pool);
    SCIM_ERR(open_file(&file, import));
    SCIM_ERR(scimctl_choose_organization(&rows, run));
    scimctl_csv_begin(&import->csv, file);
    return import_file(import);
}
