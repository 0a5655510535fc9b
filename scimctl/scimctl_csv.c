/* SPDX-License-Identifier: Apache-2.0 */
/* CSV, see scimctl_csv.h: a buffer of the file, in which peek looks one byte
 * ahead, and a function for each rule of RFC 4180. */
#include "scimctl/scimctl_csv.h"

#include <string.h>

#include "values/scim_text.h"

#define END (-1)

/* Spreadsheets begin UTF-8 with a byte order mark. */
static const char byte_order_mark[] = "\xef\xbb\xbf";
#define MARK_LENGTH (sizeof(byte_order_mark) - 1)

static void fill(scimctl_csv_t *csv)
{
    csv->next = 0;
    csv->count = 0;
    if (csv->status == APR_SUCCESS) {
        csv->status = apr_file_read_full(csv->file, csv->bytes,
                                         sizeof(csv->bytes), &csv->count);
    }
}

scim_error_t *scimctl_csv_failure(const scimctl_csv_t *csv, apr_pool_t *pool)
{
    char reason[120];

    return csv->status == APR_SUCCESS || APR_STATUS_IS_EOF(csv->status) ? NULL
        : scim_error(pool, SCIM_E_BAD_REQUEST, "%.200s: %s.", csv->name,
                     apr_strerror(csv->status, reason, sizeof(reason)));
}

void scimctl_csv_begin(scimctl_csv_t *csv, apr_file_t *file)
{
    csv->file = file;
    csv->status = APR_SUCCESS;
    csv->line = 1;
    fill(csv);
    if (csv->count >= MARK_LENGTH
        && memcmp(csv->bytes, byte_order_mark, MARK_LENGTH) == 0) {
        csv->next = MARK_LENGTH;
    }
}

scim_error_t *scimctl_csv_open(scimctl_csv_t *csv, const char *name,
                               apr_pool_t *pool)
{
    apr_file_t *file;

    csv->name = name;
    csv->status = strcmp(name, "-") == 0
        ? apr_file_open_stdin(&file, pool)
        : apr_file_open(&file, name, APR_FOPEN_READ, 0, pool);
    SCIM_ERR(scimctl_csv_failure(csv, pool));
    scimctl_csv_begin(csv, file);
    return NULL;
}

/* The next byte, without consuming it. */
static int peek(scimctl_csv_t *csv)
{
    if (csv->next == csv->count) {
        fill(csv);
    }
    return csv->next < csv->count ? (unsigned char) csv->bytes[csv->next]
                                  : END;
}

static int take(scimctl_csv_t *csv)
{
    int c = peek(csv);

    if (c != END) {
        csv->next++;
        csv->line += c == '\n';
    }
    return c;
}

static int is_line_end(int c)
{
    return c == '\r' || c == '\n';
}

/* CR LF, LF or CR */
static void take_line_end(scimctl_csv_t *csv)
{
    if (take(csv) == '\r') {
        if (peek(csv) == '\n') {
            take(csv);
        }
        else {
            csv->line++;
        }
    }
}

/* A byte that does not fit is dropped; the length shows that. */
static void put(scimctl_csv_t *csv, int c)
{
    if (csv->length < sizeof(csv->record)) {
        csv->record[csv->length] = (char) c;
    }
    csv->length++;
}

static void take_text(scimctl_csv_t *csv)
{
    int c = take(csv);

    csv->has_nul |= c == '\0';
    put(csv, c);
}

static void plain_field(scimctl_csv_t *csv)
{
    int c;

    while ((c = peek(csv)) != END && c != ',' && !is_line_end(c)) {
        take_text(csv);
    }
}

/* escaped = DQUOTE *(TEXTDATA / COMMA / CR / LF / 2DQUOTE) DQUOTE */
static void quoted_field(scimctl_csv_t *csv, const char **problem)
{
    int c;

    take(csv);
    while ((c = peek(csv)) != END) {
        if (c == '"') {
            take(csv);
            if (peek(csv) != '"') {
                break;
            }
        }
        take_text(csv);
    }
    if (c == END) {
        *problem = "unterminated quote";
    }
    else if (peek(csv) != END && peek(csv) != ','
             && !is_line_end(peek(csv))) {
        *problem = "text after a closing quote";
        plain_field(csv);
    }
}

static void read_fields(scimctl_csv_t *csv, apr_array_header_t *fields,
                        const char **problem)
{
    int more;

    do {
        if (fields->nelts == SCIMCTL_CSV_MAX_FIELDS) {
            *problem = "too many fields";
        }
        else if (csv->length < sizeof(csv->record)) {
            APR_ARRAY_PUSH(fields, char *) = csv->record + csv->length;
        }
        if (peek(csv) == '"') {
            quoted_field(csv, problem);
        }
        else {
            plain_field(csv);
        }
        put(csv, '\0');
        more = peek(csv) == ',';
        if (more) {
            take(csv);
        }
    } while (more);
}

static int is_utf8(const apr_array_header_t *fields)
{
    int i;

    for (i = 0; i < fields->nelts; i++) {
        const char *field = APR_ARRAY_IDX(fields, i, const char *);

        if (!scim_text_is_utf8(field, strlen(field))) {
            return 0;
        }
    }
    return 1;
}

apr_array_header_t *scimctl_csv_next(scimctl_csv_t *csv, int *line,
                                     const char **problem, apr_pool_t *pool)
{
    apr_array_header_t *fields = apr_array_make(pool, 8, sizeof(char *));

    while (is_line_end(peek(csv))) {
        take_line_end(csv);
    }
    *problem = NULL;
    *line = csv->line;
    if (peek(csv) == END) {
        return NULL;
    }
    csv->length = 0;
    csv->has_nul = 0;
    read_fields(csv, fields, problem);
    take_line_end(csv);
    if (csv->length > sizeof(csv->record)) {
        *problem = "the record is longer than 65,536 bytes; is a quotation"
                   " mark missing?";
    }
    else if (csv->has_nul || !is_utf8(fields)) {
        *problem = "this is not UTF-8 text";
    }
    return fields;
}
