/* SPDX-License-Identifier: Apache-2.0 */
/* scimctl compare: accounts beside the list of users that the identity
 * provider exports.
 *
 * The file is read in batches, each of which one statement looks up; then all
 * accounts are read in pages, for those that no record was about.  Of a record
 * only a digest of its key is kept (scimctl_seen.h).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <apr_strings.h>

#include "scimctl/scimctl_csv.h"
#include "scimctl/scimctl_print.h"
#include "scimctl/scimctl_run.h"
#include "scimctl/scimctl_seen.h"
#include "scimctl/scimctl_table.h"
#include "values/scim_json.h"
#include "values/scim_text.h"

#define BATCH 500

typedef enum {
    USER_NAME, EXTERNAL_ID, ACTIVE, DISPLAY_NAME, FIELDS
} field_e;

static const char *const field_names[FIELDS] = {
    "userName", "externalId", "active", "displayName"
};

/* What columns are called: here, by Entra ID ("Download users") and by
 * others.  Of two that a file has, the first one here counts. */
static const struct {
    field_e field;
    const char *head;
} known_heads[] = {
    { USER_NAME, "userName" }, { USER_NAME, "userPrincipalName" },
    { USER_NAME, "login" }, { EXTERNAL_ID, "externalId" },
    { EXTERNAL_ID, "objectId" }, { EXTERNAL_ID, "id" },
    { ACTIVE, "active" }, { ACTIVE, "accountEnabled" },
    { DISPLAY_NAME, "displayName" }, { DISPLAY_NAME, "name" }
};
#define KNOWN_HEADS (sizeof(known_heads) / sizeof(*known_heads))

/* The columns of both statements. */
enum { PLACE, ID, HERE_USER_NAME, HERE_DISPLAY_NAME, HERE_EXTERNAL_ID,
       HERE_ACTIVE };

typedef struct {
    int line;
    const char *fields[FIELDS];  /* NULL: not said */
} record_t;

typedef struct {
    scimctl_run_t *run;
    scimctl_csv_t csv;
    field_e key;
    const char *heads[FIELDS];   /* as --columns names them, or NULL */
    int columns[FIELDS];         /* of the file; -1: it has none */
    int width;                   /* how many columns the file has */
    scimctl_seen_t *seen;        /* the keys of the file */
    apr_pool_t *pool;            /* of the batch, or page */
    scim_db_t *db;
    record_t batch[BATCH];
    int count;
    scimctl_table_t *table;      /* NULL for JSON */
    int differences;
    int problems;
} compare_t;

/* Output */

static void print_cells(compare_t *compare, const char *const *cells,
                        int count)
{
    static const char *const names[] = { "difference", "userName",
                                         "externalId", "there", "here",
                                         "id" };
    cJSON *object = scim_json_own(cJSON_CreateObject(), compare->pool);
    int i;

    for (i = 0; i < count; i++) {
        if (compare->table) {
            scimctl_table_cell(compare->table, cells[i]);
        }
        else {
            scim_json_put(object, names[i],
                          cells[i] ? cJSON_CreateString(cells[i])
                                   : cJSON_CreateNull());
        }
    }
    if (!compare->table) {
        putchar(compare->differences == 0 ? '[' : ',');
        scimctl_print_json(object, compare->pool);
    }
    compare->differences++;
}

static void print_difference(compare_t *compare, const char *what,
                             const record_t *record, const scim_rows_t *rows,
                             int row, const char *there, const char *here)
{
    const char *cells[] = {
        what,
        rows ? scim_rows_value(rows, row, HERE_USER_NAME)
             : record->fields[USER_NAME],
        rows ? scim_rows_value(rows, row, HERE_EXTERNAL_ID)
             : record->fields[EXTERNAL_ID],
        there, here, rows ? scim_rows_value(rows, row, ID) : NULL
    };

    print_cells(compare, cells, sizeof(cells) / sizeof(*cells));
}

static void say_problem(compare_t *compare, int line, const char *problem)
{
    compare->problems++;
    scimctl_say(compare->pool, "%s:%d: %s", compare->csv.name, line, problem);
}

/* Columns */

static scim_error_t *field_named(int *field, const compare_t *compare,
                                 const char *name)
{
    *field = 0;
    while (*field < FIELDS && strcasecmp(field_names[*field], name) != 0) {
        ++*field;
    }
    return *field < FIELDS ? NULL
           : scim_error(compare->run->pool, SCIM_E_INVALID_VALUE,
                        "'%.60s' is none of userName, externalId, active and"
                        " displayName.", name);
}

/* userName=Login,active=Enabled */
static scim_error_t *read_named_columns(compare_t *compare)
{
    const char *text = compare->run->options.columns;
    char *copy = apr_pstrdup(compare->run->pool, text ? text : "");
    char *state;
    char *part;
    int field;

    for (part = apr_strtok(copy, ",", &state); part;
         part = apr_strtok(NULL, ",", &state)) {
        char *head = strchr(part, '=');

        if (!head || !head[1]) {
            return scim_error(compare->run->pool, SCIM_E_INVALID_VALUE,
                              "'%.60s' is not ATTRIBUTE=COLUMN, such as"
                              " userName=Login.", part);
        }
        *head = '\0';
        SCIM_ERR(field_named(&field, compare, part));
        compare->heads[field] = head + 1;
    }
    return NULL;
}

static int column_called(const apr_array_header_t *heads, const char *name)
{
    int i;

    for (i = 0; i < heads->nelts; i++) {
        if (strcasecmp(APR_ARRAY_IDX(heads, i, const char *), name) == 0) {
            return i;
        }
    }
    return -1;
}

static scim_error_t *find_column(compare_t *compare, int field,
                                 const apr_array_header_t *heads)
{
    const char *wanted = compare->heads[field];
    int *column = &compare->columns[field];
    apr_size_t i;

    *column = wanted ? column_called(heads, wanted) : -1;
    for (i = 0; !wanted && *column < 0 && i < KNOWN_HEADS; i++) {
        if (known_heads[i].field == (field_e) field) {
            *column = column_called(heads, known_heads[i].head);
        }
    }
    return *column >= 0 || !(wanted || field == (int) compare->key) ? NULL
           : scim_error(compare->run->pool, SCIM_E_INVALID_VALUE,
                        "%.200s has no column %s; name it by --columns"
                        " %s=COLUMN.", compare->csv.name,
                        wanted ? wanted : field_names[field],
                        field_names[field]);
}

static scim_error_t *read_first_line(compare_t *compare)
{
    const char *problem;
    const apr_array_header_t *heads;
    int field;
    int line;

    heads = scimctl_csv_next(&compare->csv, &line, &problem,
                             compare->run->pool);
    if (!heads || problem) {
        return scim_error(compare->run->pool, SCIM_E_INVALID_VALUE,
                          "%.200s: %s.", compare->csv.name,
                          heads ? problem : "the file is empty; its first"
                                            " line names the columns");
    }
    compare->width = heads->nelts;
    for (field = 0; field < FIELDS; field++) {
        SCIM_ERR(find_column(compare, field, heads));
    }
    return NULL;
}

/* Records */

/* By what it is known that two keys are the same. */
static const char *compared_key(const compare_t *compare, const char *text)
{
    return compare->key == USER_NAME
           ? scim_text_user_name_key(compare->pool, text) : text;
}

/* "true" or "false"; NULL if text is none of these. */
static const char *truth_of(const char *text)
{
    int truth;

    return !scim_text_boolean(text, &truth) ? NULL
           : truth ? "true" : "false";
}

static const char *record_flaw(compare_t *compare, record_t *record)
{
    const char **fields = record->fields;
    const char *key = fields[compare->key];

    if (!key) {
        return apr_psprintf(compare->pool, "there is no %s",
                            field_names[compare->key]);
    }
    if (!scimctl_seen_add(compare->seen, compared_key(compare, key),
                          compare->pool)) {
        return apr_psprintf(compare->pool, "the file has the %s '%.120s' more"
                            " than once", field_names[compare->key], key);
    }
    if (fields[ACTIVE] && !(fields[ACTIVE] = truth_of(fields[ACTIVE]))) {
        return "active must be true or false";
    }
    return NULL;
}

static const char *read_record(compare_t *compare, record_t *record,
                               const apr_array_header_t *fields)
{
    int i;

    if (fields->nelts != compare->width) {
        return "the number of fields differs from the number of columns";
    }
    for (i = 0; i < FIELDS; i++) {
        int column = compare->columns[i];
        const char *text = column < 0 ? ""
            : APR_ARRAY_IDX(fields, column, const char *);

        if (!scim_text_is_utf8(text, strlen(text))) {
            return "it is not UTF-8";
        }
        record->fields[i] = *text ? apr_pstrdup(compare->pool, text) : NULL;
    }
    return record_flaw(compare, record);
}

static void begin_records(compare_t *compare)
{
    apr_pool_clear(compare->pool);
    compare->db = scim_db_within(compare->run->call.db, compare->pool);
    compare->count = 0;
}

static void read_records(compare_t *compare)
{
    apr_array_header_t *fields;
    const char *problem;
    int line;

    begin_records(compare);
    while (compare->count < BATCH
           && (fields = scimctl_csv_next(&compare->csv, &line, &problem,
                                         compare->pool)) != NULL) {
        record_t *record = &compare->batch[compare->count];

        record->line = line;
        problem = problem ? problem : read_record(compare, record, fields);
        if (problem) {
            say_problem(compare, line, problem);
        }
        else {
            compare->count++;
        }
    }
}

/* Comparing */

static void compare_field(compare_t *compare, const record_t *record,
                          field_e field, const scim_rows_t *rows, int row,
                          const char *here)
{
    const char *there = record->fields[field];

    if (there && strcmp(there, here ? here : "") != 0) {
        print_difference(compare, field_names[field], record, rows, row,
                         there, here);
    }
}

/* rows has count accounts, from row on, with the key of record. */
static void compare_record(compare_t *compare, const record_t *record,
                           const scim_rows_t *rows, int row, int count)
{
    if (count == 0) {
        print_difference(compare, "notHere", record, NULL, 0,
                         record->fields[ACTIVE], NULL);
    }
    else if (count > 1) {
        print_difference(compare, "duplicate", record, NULL, 0, NULL, NULL);
    }
    else {
        compare_field(compare, record, ACTIVE, rows, row,
                      scim_rows_true(rows, row, HERE_ACTIVE) ? "true"
                                                             : "false");
        compare_field(compare, record, DISPLAY_NAME, rows, row,
                      scim_rows_value(rows, row, HERE_DISPLAY_NAME));
    }
}

static scim_error_t *compare_batch(compare_t *compare)
{
    apr_array_header_t *keys = apr_array_make(compare->pool, BATCH,
                                              sizeof(const char *));
    const char *values[3] = { compare->run->call.principal->organization_id };
    scim_rows_t *rows;
    int row = 0;
    int i;

    for (i = 0; i < compare->count; i++) {
        APR_ARRAY_PUSH(keys, const char *)
            = compare->batch[i].fields[compare->key];
    }
    values[1] = scim_db_array(compare->pool, keys);
    values[2] = compare->key == USER_NAME ? "true" : "false";
    SCIM_ERR(scim_db_run(&rows, compare->db, SCIM_SQL_COMPARED_ACCOUNTS,
                         SCIM_VALUES(values)));
    for (i = 0; i < compare->count; i++) {
        int first = row;

        while (row < scim_rows_count(rows)
               && atoi(scim_rows_value(rows, row, PLACE)) == i + 1) {
            row++;
        }
        compare_record(compare, &compare->batch[i], rows, first, row - first);
    }
    return NULL;
}

/* Print what there is so far. */
static void end_records(const compare_t *compare)
{
    if (compare->table) {
        scimctl_table_print(compare->table);
    }
}

static scim_error_t *compare_file(compare_t *compare)
{
    do {
        read_records(compare);
        SCIM_ERR(compare_batch(compare));
        end_records(compare);
    } while (compare->count == BATCH);
    return scimctl_csv_failure(&compare->csv, compare->run->pool);
}

/* An account without the key is in no record. */
static void find_elsewhere(compare_t *compare, const scim_rows_t *rows)
{
    int column = compare->key == USER_NAME ? HERE_USER_NAME
                                           : HERE_EXTERNAL_ID;
    int row;

    for (row = 0; row < scim_rows_count(rows); row++) {
        const char *key = scim_rows_value(rows, row, column);

        if (!key || !scimctl_seen_has(compare->seen,
                                      compared_key(compare, key),
                                      compare->pool)) {
            print_difference(compare, "notThere", NULL, rows, row, NULL,
                             scim_rows_true(rows, row, HERE_ACTIVE)
                             ? "true" : "false");
        }
    }
}

static scim_error_t *compare_rest(compare_t *compare)
{
    const char *values[] = {
        compare->run->call.principal->organization_id, "",
        APR_STRINGIFY(BATCH)
    };
    apr_pool_t *place;
    scim_rows_t *rows;
    int count;

    apr_pool_create(&place, compare->run->pool);
    do {
        begin_records(compare);
        SCIM_ERR(scim_db_run(&rows, compare->db, SCIM_SQL_COMPARED_LIST,
                             SCIM_VALUES(values)));
        find_elsewhere(compare, rows);
        end_records(compare);
        count = scim_rows_count(rows);
        if (count > 0) {
            apr_pool_clear(place);
            values[1] = apr_pstrdup(place, scim_rows_value(rows, count - 1,
                                                           PLACE));
        }
    } while (count == BATCH);
    return NULL;
}

static scimctl_table_t *make_table_of(apr_pool_t *pool)
{
    static const char *const heads[] = { "DIFFERENCE", "USERNAME",
                                         "EXTERNALID", "THERE", "HERE", "ID",
                                         NULL };

    return scimctl_table_make(heads, pool);
}

static scim_error_t *begin_compare(compare_t *compare, scimctl_run_t *run)
{
    int key;

    compare->run = run;
    compare->seen = scimctl_seen_begin(run->pool);
    compare->table = run->options.json ? NULL : make_table_of(run->pool);
    apr_pool_create(&compare->pool, run->pool);
    SCIM_ERR(field_named(&key, compare, run->options.key));
    compare->key = (field_e) key;
    if (key != USER_NAME && key != EXTERNAL_ID) {
        return scim_error(run->pool, SCIM_E_INVALID_VALUE,
                          "--key must be userName or externalId.");
    }
    SCIM_ERR(read_named_columns(compare));
    SCIM_ERR(scimctl_csv_open(&compare->csv, run->arguments[1], run->pool));
    return read_first_line(compare);
}

scim_error_t *scimctl_compare(scimctl_run_t *run)
{
    compare_t *compare = apr_pcalloc(run->pool, sizeof(*compare));
    scim_rows_t *rows;

    SCIM_ERR(begin_compare(compare, run));
    SCIM_ERR(scimctl_choose_organization(&rows, run));
    SCIM_ERR(compare_file(compare));
    SCIM_ERR(compare_rest(compare));
    if (run->options.json) {
        fputs(compare->differences == 0 ? "[]\n" : "]\n", stdout);
    }
    return compare->differences == 0 && compare->problems == 0 ? NULL
           : scim_error(run->pool, SCIM_E_CONFLICT,
                        "%d difference(s), %d bad line(s).",
                        compare->differences, compare->problems);
}
