/* SPDX-License-Identifier: Apache-2.0 */
/* Lines of comma-separated values, see scim_csv.h. */
#include "values/scim_csv.h"

#include <string.h>

#include <apr_strings.h>
#include <apr_tables.h>

const char *scim_csv_quoted(const char *text, apr_pool_t *pool)
{
    char *quoted;
    char *to;

    if (!text[strcspn(text, ",\"\r\n")]) {
        return text;
    }
    quoted = to = apr_palloc(pool, 2 * strlen(text) + 3);
    *to++ = '"';
    for (; *text; text++) {
        if (*text == '"') {
            *to++ = '"';
        }
        *to++ = *text;
    }
    *to++ = '"';
    *to = '\0';
    return quoted;
}

static const char *field_of(const char *text, apr_pool_t *pool)
{
    if (!text || !*text) {
        return "";
    }
    return scim_csv_quoted(strchr("=+-@\t\r", *text)
                           ? apr_pstrcat(pool, "'", text, NULL) : text, pool);
}

const char *scim_csv_line(const char *const *fields, int count,
                          apr_pool_t *pool)
{
    apr_array_header_t *parts = apr_array_make(pool, count, sizeof(char *));
    int i;

    for (i = 0; i < count; i++) {
        APR_ARRAY_PUSH(parts, const char *) = field_of(fields[i], pool);
    }
    return apr_pstrcat(pool, apr_array_pstrcat(pool, parts, ','), "\r\n",
                       NULL);
}
