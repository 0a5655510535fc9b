/* scimctl account import: accounts from before provisioning, from a file. */
#include <string.h>

#include <apr_file_io.h>
#include <apr_lib.h>
#include <apr_strings.h>

#include "scim_json.h"
#include "scim_text.h"
#include "scim_users.h"
#include "scimctl_csv.h"
#include "scimctl_print.h"
#include "scimctl_run.h"

#define MAX_FILE_SIZE (16 * 1024 * 1024)

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
    apr_array_header_t *columns; /* of int: index in import_columns */
    int imported;
    int problems;
    int stopped;                 /* the transaction takes no more */
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

/* problem is NULL for a line without one. */
static void report(import_t *import, int line, const char *problem)
{
    if (problem) {
        import->problems++;
        fprintf(stderr, "%s:%d: %s\n", import->file, line, problem);
    }
}

static scim_error_t *read_file(const char **text, scimctl_run_t *run,
                               const char *path)
{
    apr_size_t length = MAX_FILE_SIZE + 1;
    char *buffer = apr_palloc(run->pool, length + 1);
    apr_file_t *file;
    apr_status_t rv = strcmp(path, "-") == 0
        ? apr_file_open_stdin(&file, run->pool)
        : apr_file_open(&file, path, APR_FOPEN_READ, 0, run->pool);

    if (rv == APR_SUCCESS) {
        rv = apr_file_read_full(file, buffer, length, &length);
    }
    if (rv != APR_EOF && rv != APR_SUCCESS) {
        char reason[120];

        return scim_error(run->pool, SCIM_E_BAD_REQUEST, "%s: %s.", path,
                          apr_strerror(rv, reason, sizeof(reason)));
    }
    buffer[length] = '\0';
    if (length > MAX_FILE_SIZE || strlen(buffer) != length
        || !scim_text_is_utf8(buffer, length)) {
        return scim_error(run->pool, SCIM_E_BAD_REQUEST,
                          "%s: the file must be UTF-8 text of at most 16"
                          " MiB.", path);
    }
    *text = buffer;
    return NULL;
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
                   apr_psprintf(import->run->pool, "the head of column %d %s",
                                i + 1, flaw));
        }
        else if (index < 0) {
            report(import, line,
                   apr_psprintf(import->run->pool, "unknown column '%.60s';"
                                " there are userName, displayName, role,"
                                " active, externalId, preferredLanguage,"
                                " timezone, managed and syncEligible",
                                name));
        }
        else if (has_column(import, index)) {
            report(import, line,
                   apr_psprintf(import->run->pool,
                                "the column '%.60s' is there twice", name));
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

/* A field that is not empty; what is wrong with it, or NULL. */
static const char *put_field(cJSON *body, int *managed, int *eligible,
                             int index, const char *text)
{
    int truth = 0;

    switch (import_columns[index].to) {
    case TO_TEXT:
        scim_json_put_text(body, import_columns[index].name, text);
        return NULL;
    case TO_ROLE:
        if (strcmp(text, "ADMIN") && strcmp(text, "USER")
            && strcmp(text, "GUEST")) {
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

static const char *import_record(import_t *import,
                                 const apr_array_header_t *fields)
{
    scimctl_run_t *run = import->run;
    cJSON *body = scim_json_own(cJSON_CreateObject(), run->pool);
    const char *problem = NULL;
    int managed = 1;
    int eligible = 1;
    scim_error_t *error;
    cJSON *user;
    int i;

    if (fields->nelts != import->columns->nelts) {
        return "the number of fields differs from that of the heads";
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
    error = scim_users_import(&user, &run->call, body, managed, eligible);
    import->stopped = error && error->cause;
    import->imported += error == NULL;
    return error ? error->detail : NULL;
}

static void import_records(import_t *import, const char *text)
{
    /* Spreadsheets begin UTF-8 with a byte order mark. */
    scimctl_csv_t csv = { text + 3 * (strncmp(text, "\xef\xbb\xbf", 3) == 0),
                          1 };
    const char *problem;
    apr_array_header_t *fields;
    int line;

    fields = scimctl_csv_next(&csv, &line, &problem, import->run->pool);
    read_heads(import, fields, line);
    if (import->problems > 0) {
        return;
    }
    while (fields && !problem && !import->stopped) {
        fields = scimctl_csv_next(&csv, &line, &problem, import->run->pool);
        if (fields && !problem) {
            report(import, line, import_record(import, fields));
        }
    }
    report(import, line, problem);
}

scim_error_t *scimctl_import(scimctl_run_t *run)
{
    import_t import = { run, run->arguments[1], NULL, 0, 0, 0 };
    const char *text = "";
    scim_rows_t *rows;

    import.columns = apr_array_make(run->pool, 16, sizeof(int));
    SCIM_ERR(read_file(&text, run, run->arguments[1]));
    SCIM_ERR(scimctl_choose_organization(&rows, run));
    SCIM_ERR(scim_db_begin(run->call.db));
    import_records(&import, text);
    if (import.problems > 0) {
        return scim_error(run->pool, SCIM_E_INVALID_VALUE,
                          "Nothing was imported: %d bad line(s).",
                          import.problems);
    }
    if (!run->options.dry_run) {
        SCIM_ERR(scim_db_commit(run->call.db));
    }
    if (!run->options.json) {
        printf("%d account(s) %s\n", import.imported,
               run->options.dry_run ? "could be imported" : "imported");
    }
    return NULL;
}
