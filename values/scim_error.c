/* SPDX-License-Identifier: Apache-2.0 */
/* The error value, see scim_error.h: it is allocated in a pool; one table has
 * the HTTP status and scimType of each kind. */
#include "values/scim_error.h"

#include <stdarg.h>

#include <apr_lib.h>
#include <apr_strings.h>

#include "values/scim_text.h"

#define ERROR_ROW(kind, status, scim_type) { status, scim_type, #kind },
static const struct {
    int status;
    const char *scim_type;
    const char *name;
} kinds[] = {
    SCIM_ERROR_MAP(ERROR_ROW)
};
#undef ERROR_ROW

static scim_error_t *make_error(apr_pool_t *pool, scim_error_kind_e kind,
                                const char *detail, const char *cause)
{
    scim_error_t *error = apr_palloc(pool, sizeof(*error));

    error->kind = kind;
    error->detail = detail;
    error->cause = cause;
    return error;
}

scim_error_t *scim_error(apr_pool_t *pool, scim_error_kind_e kind,
                         const char *fmt, ...)
{
    va_list arguments;
    char *detail;

    va_start(arguments, fmt);
    detail = apr_pvsprintf(pool, fmt, arguments);
    va_end(arguments);
    scim_text_mend(detail);
    return make_error(pool, kind, detail, NULL);
}

scim_error_t *scim_error_caused(apr_pool_t *pool, scim_error_kind_e kind,
                                const char *detail, const char *cause)
{
    char *mended = apr_pstrdup(pool, detail);

    scim_text_mend(mended);
    return make_error(pool, kind, mended, apr_pstrdup(pool, cause));
}

int scim_error_status(scim_error_kind_e kind)
{
    return kinds[kind].status;
}

const char *scim_error_type(scim_error_kind_e kind)
{
    return kinds[kind].scim_type;
}

const char *scim_error_name(scim_error_kind_e kind, apr_pool_t *pool)
{
    char *name = apr_pstrdup(pool, kinds[kind].name);
    char *c;

    for (c = name; *c; c++) {
        *c = (char) apr_tolower(*c);
    }
    return name;
}
