/* SPDX-License-Identifier: Apache-2.0 */
/* scim_error: the value that passes a failure to the layers above.
 *
 * A function that can fail returns scim_error_t *; NULL is success.  Lower
 * layers neither log nor answer: scim_http turns the value into one response
 * and one log line.
 */
#ifndef SCIM_ERROR_H
#define SCIM_ERROR_H

#include <apr_pools.h>

/* kind, HTTP status, scimType (RFC 7644 table 9, RFC 9865 table 3) or NULL */
#define SCIM_ERROR_MAP(X)                                                   \
    X(INVALID_FILTER,    400, "invalidFilter")                              \
    X(TOO_MANY,          400, "tooMany")                                    \
    X(UNIQUENESS,        409, "uniqueness")                                 \
    X(MUTABILITY,        400, "mutability")                                 \
    X(INVALID_SYNTAX,    400, "invalidSyntax")                              \
    X(INVALID_PATH,      400, "invalidPath")                                \
    X(UNKNOWN_ATTRIBUTE, 400, "invalidPath")                                \
    X(NO_TARGET,         400, "noTarget")                                   \
    X(INVALID_VALUE,     400, "invalidValue")                               \
    X(INVALID_VERSION,   400, "invalidVers")                                \
    X(INVALID_CURSOR,    400, "invalidCursor")                              \
    X(EXPIRED_CURSOR,    400, "expiredCursor")                              \
    X(INVALID_COUNT,     400, "invalidCount")                               \
    X(BAD_REQUEST,       400, NULL)                                         \
    X(UNAUTHORIZED,      401, NULL)                                         \
    X(FORBIDDEN,         403, NULL)                                         \
    X(NOT_SECURE,        403, NULL)                                         \
    X(SWITCHED_OFF,      403, NULL)                                         \
    X(GUARD_ACCOUNTS,    403, NULL)    /* scim.guard, in schema.sql */      \
    X(GUARD_MEMBERS,     403, NULL)                                         \
    X(NOT_FOUND,         404, NULL)                                         \
    X(NOT_ALLOWED,       405, NULL)                                         \
    X(NOT_ACCEPTABLE,    406, NULL)                                         \
    X(TIMEOUT,           408, NULL)                                         \
    X(CONFLICT,          409, NULL)                                         \
    X(PRECONDITION,      412, NULL)                                         \
    X(TOO_LARGE,         413, NULL)                                         \
    X(UNSUPPORTED_TYPE,  415, NULL)                                         \
    X(TOO_MANY_REQUESTS, 429, NULL)    /* of an organization */             \
    X(TURNED_AWAY,       429, NULL)    /* wrong tokens from an address */   \
    X(INTERNAL,          500, NULL)                                         \
    X(NOT_IMPLEMENTED,   501, NULL)                                         \
    X(UNAVAILABLE,       503, NULL)                                         \
    X(PAUSED,            503, NULL)    /* by an administrator */            \
    X(UNFIT,             503, NULL)    /* the database: scim_version.h */   \
    X(OUTDATED,          503, NULL)    /* its tables are too old for this */

#define SCIM_ERROR_ENUM(kind, status, scim_type) SCIM_E_##kind,
typedef enum {
    SCIM_ERROR_MAP(SCIM_ERROR_ENUM)
    SCIM_E_COUNT
} scim_error_kind_e;
#undef SCIM_ERROR_ENUM

typedef struct scim_error_t {
    scim_error_kind_e kind;
    const char *detail;     /* for the client: what to change; never SQL, a
                             * secret, or another organization's data */
    const char *cause;      /* for the log; NULL: see detail */
} scim_error_t;

#define SCIM_CHECKED __attribute__((warn_unused_result))

/* Return from the calling function with the error of expr, if it has one. */
#define SCIM_ERR(expr)                                                      \
    do {                                                                    \
        scim_error_t *scim_err_ = (expr);                                   \
        if (scim_err_) {                                                    \
            return scim_err_;                                               \
        }                                                                   \
    } while (0)

/* For failures of this server. */
#define SCIM_SERVER_FAILED "The server failed to process the request."

/* For a token that is wrong or not valid any more, both at authentication and
 * in a write. */
#define SCIM_INVALID_TOKEN "Authorization failure. invalid token."
#define SCIM_PROVISIONING_OFF                                               \
    "User provisioning is disabled for this organization."
#define SCIM_PROVISIONING_PAUSED                                            \
    "Provisioning is paused by an administrator; try again later."

/* For a database that does not fit (SCIM_E_UNFIT). */
#define SCIM_OUT_OF_SERVICE                                                 \
    "The service is being maintained. Please try again later."

/* For what the tables of the version before do not have (SCIM_E_OUTDATED). */
#define SCIM_NEEDS_UPGRADE                                                  \
    "This is not available until the operator of this server has upgraded"  \
    " its database (scimctl db upgrade). Please try again later."

/* A new error in pool; fmt (printf style) becomes its detail.  Bytes that are
 * not UTF-8 are left out, since "%.60s" may cut a character. */
scim_error_t *scim_error(apr_pool_t *pool, scim_error_kind_e kind,
                         const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* The same with a cause for the log, which is copied to pool. */
scim_error_t *scim_error_caused(apr_pool_t *pool, scim_error_kind_e kind,
                                const char *detail, const char *cause);

/* The HTTP status of a kind (RFC 7644 section 3.12). */
int scim_error_status(scim_error_kind_e kind);

/* The scimType of a kind, or NULL (RFC 7644 table 9). */
const char *scim_error_type(scim_error_kind_e kind);

/* The name of a kind in lower case, in pool: "too_many_requests". */
const char *scim_error_name(scim_error_kind_e kind, apr_pool_t *pool);

#endif
