/* SPDX-License-Identifier: Apache-2.0 */
/* CSV files: there are never more fields than bytes, and every file is read to
 * its end. */
#include <string.h>

#include <apr_file_io.h>

/* The file is the input. */
static const char *rest;
static apr_size_t left;

static apr_status_t read_input(apr_file_t *file, void *to, apr_size_t room,
                               apr_size_t *count)
{
    *count = room < left ? room : left;
    memcpy(to, rest, *count);
    rest += *count;
    left -= *count;
    return *count < room ? APR_EOF : APR_SUCCESS;
}

#define apr_file_read_full read_input
#include "../../scimctl/scimctl_csv.c"

#include "fuzz.h"

static scimctl_csv_t csv;

void fuzz_begin(apr_pool_t *pool)
{
}

/* The fields lie one behind the other within the record. */
static apr_size_t check_fields(const apr_array_header_t *fields)
{
    apr_size_t sum = 0;
    int i;

    must(fields->nelts <= SCIMCTL_CSV_MAX_FIELDS, "fields are bounded");
    for (i = 0; i < fields->nelts; i++) {
        const char *field = APR_ARRAY_IDX(fields, i, const char *);

        must(field >= csv.record
             && field < csv.record + sizeof(csv.record),
             "a field is in its record");
        must(memchr(field, '\0', csv.record + sizeof(csv.record) - field)
             != NULL || csv.length > sizeof(csv.record),
             "a field has an end");
        sum++;
    }
    return sum;
}

/* A record without a problem, written and read again. */
static const char *written(const apr_array_header_t *fields,
                           apr_pool_t *pool)
{
    const char *record = "";
    int i;

    for (i = 0; i < fields->nelts; i++) {
        const char *field = APR_ARRAY_IDX(fields, i, const char *);
        char *quoted = apr_palloc(pool, 2 * strlen(field) + 4);
        char *to = quoted;

        *to++ = '"';
        for (; *field; field++) {
            *to++ = *field;
            if (*field == '"') {
                *to++ = '"';
            }
        }
        memcpy(to, "\",", 3);
        record = apr_pstrcat(pool, record, quoted, NULL);
    }
    return apr_pstrmemdup(pool, record, strlen(record) - 1);
}

static void check_round_trip(const char *record, int count, apr_pool_t *pool)
{
    apr_array_header_t *fields;
    const char *problem;
    int line;

    rest = record;
    left = strlen(record);
    scimctl_csv_begin(&csv, NULL);
    fields = scimctl_csv_next(&csv, &line, &problem, pool);
    must(fields && !problem && fields->nelts == count,
         "a record that is written is read");
    must_be_same(written(fields, pool), record, "as what it was");
    must(scimctl_csv_next(&csv, &line, &problem, pool) == NULL,
         "and is the only one");
}

void fuzz(const char *bytes, apr_size_t length, apr_pool_t *pool)
{
    apr_array_header_t *fields;
    const char *problem;
    const char *first = NULL;
    int count = 0;
    apr_size_t sum = 0;
    int line = 0;

    rest = bytes;
    left = length;
    memset(&csv, 0xbe, sizeof(csv));
    scimctl_csv_begin(&csv, NULL);
    while ((fields = scimctl_csv_next(&csv, &line, &problem, pool))) {
        sum += check_fields(fields);
        must(line >= 1 && (apr_size_t) line <= length + 1,
             "lines are of the file");
        must(fields->nelts > 0, "a record has a field");
        if (!first && !problem && fields->nelts < 8) {
            first = written(fields, pool);
            count = fields->nelts;
        }
    }
    must(sum <= length + 1, "there are no more fields than bytes");
    must(csv.status == APR_EOF && left == 0, "the file is read to its end");
    if (first && *first) {
        check_round_trip(first, count, pool);
    }
}
