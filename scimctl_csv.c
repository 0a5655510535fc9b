#include "scimctl_csv.h"

#include <string.h>

#include <apr_strings.h>

/* escaped = DQUOTE *(TEXTDATA / COMMA / CR / LF / 2DQUOTE) DQUOTE */
static char *quoted_field(scimctl_csv_t *csv, const char **problem,
                          apr_pool_t *pool)
{
    char *field = apr_pstrdup(pool, csv->at + 1);
    char *to = field;
    const char *from = csv->at + 1;

    for (; *from; from++) {
        if (*from == '"' && *++from != '"') {
            csv->at = from;
            *to = '\0';
            if (*from && !strchr(",\r\n", *from)) {
                *problem = "text behind a closing quote";
            }
            return field;
        }
        csv->line += *from == '\n';
        *to++ = *from;
    }
    csv->at = from;
    *problem = "a quote without an end";
    return field;
}

static char *plain_field(scimctl_csv_t *csv, apr_pool_t *pool)
{
    apr_size_t length = strcspn(csv->at, ",\r\n");
    char *field = apr_pstrmemdup(pool, csv->at, length);

    csv->at += length;
    return field;
}

static void skip_line_end(scimctl_csv_t *csv)
{
    if (*csv->at == '\r') {
        csv->at++;
    }
    if (*csv->at == '\n') {
        csv->at++;
    }
    csv->line++;
}

apr_array_header_t *scimctl_csv_next(scimctl_csv_t *csv, int *line,
                                     const char **problem, apr_pool_t *pool)
{
    apr_array_header_t *fields = apr_array_make(pool, 8, sizeof(char *));

    while (*csv->at == '\r' || *csv->at == '\n') {
        skip_line_end(csv);
    }
    *problem = NULL;
    *line = csv->line;
    if (!*csv->at) {
        return NULL;
    }
    for (;;) {
        APR_ARRAY_PUSH(fields, char *) = *csv->at == '"'
            ? quoted_field(csv, problem, pool) : plain_field(csv, pool);
        if (fields->nelts > SCIMCTL_CSV_MAX_FIELDS) {
            *problem = "too many fields";
        }
        if (*problem || *csv->at != ',') {
            break;
        }
        csv->at++;
    }
    skip_line_end(csv);
    return fields;
}
