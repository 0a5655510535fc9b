/* SPDX-License-Identifier: Apache-2.0 */
/* The account's data as request headers, see scim_headers.h.
 *
 * It works right before the handler, after everything else that changes
 * headers: what the client sent under our names, or under names that an
 * application would take for ours, is dropped; what it wants to have dropped
 * by naming it in Connection is kept; then ours are set.
 */
#include "httpd/scim_headers.h"

#include <string.h>

#include <apr_lib.h>
#include <apr_strings.h>
#include <apr_tables.h>

#include <httpd.h>
#include <http_config.h>

#include "httpd/scim_config.h"
#include "httpd/scim_gate.h"

#define MAX_PREFIX 40
#define SEPARATORS ",; \t"       /* of names in a Connection header */

/* Names */

const char *scim_headers_check_prefix(const char *prefix)
{
    const char *c;

    for (c = prefix; apr_isalnum(*c) || *c == '-'; c++) {
    }
    return apr_isalpha(*prefix) && !*c && c - prefix <= MAX_PREFIX ? NULL
        : "it must be a prefix of header names, such as X- (a letter, then"
          " letters, digits and hyphens), or Off";
}

/* "Account-Id" of "SCIM_ACCOUNT_ID". */
static const char *header_of(const char *variable, const char *prefix,
                             apr_pool_t *pool)
{
    char *name = apr_pstrdup(pool, strchr(variable, '_') + 1);
    int is_first = 1;
    char *c;

    for (c = name; *c; c++) {
        *c = *c == '_' ? '-' : is_first ? *c : apr_tolower(*c);
        is_first = *c == '-';
    }
    return apr_pstrcat(pool, prefix, name, NULL);
}

/* Whether an application may take one name for the other: CGI, WSGI, Rack and
 * PHP make one variable of names that differ in case and in what is neither a
 * letter nor a digit. */
static int are_alike(const char *one, const char *other)
{
    while (*one && *other
           && (apr_isalnum(*one) ? apr_tolower(*one) == apr_tolower(*other)
                                 : !apr_isalnum(*other))) {
        one++;
        other++;
    }
    return !*one && !*other;
}

static int is_our_header(const apr_array_header_t *names, const char *name)
{
    int i = 0;

    while (i < names->nelts
           && !are_alike(name, APR_ARRAY_IDX(names, i, const char *))) {
        i++;
    }
    return i < names->nelts;
}

/* The client's */

static void drop(apr_table_t *headers, const apr_array_header_t *names,
                 apr_pool_t *pool)
{
    const apr_array_header_t *all = apr_table_elts(headers);
    apr_array_header_t *found = apr_array_make(pool, 4, sizeof(char *));
    int i;

    for (i = 0; i < all->nelts; i++) {
        const char *key = APR_ARRAY_IDX(all, i, apr_table_entry_t).key;

        if (is_our_header(names, key)) {
            APR_ARRAY_PUSH(found, const char *) = key;
        }
    }
    for (i = 0; i < found->nelts; i++) {
        apr_table_unset(headers, APR_ARRAY_IDX(found, i, const char *));
    }
}

/* mod_proxy removes the headers that Connection names. */
static void keep_from_connection(apr_table_t *headers,
                                 const apr_array_header_t *names,
                                 apr_pool_t *pool)
{
    const char *value = apr_table_getm(pool, headers, "Connection");
    const char *kept = NULL;
    char *state = NULL;
    char *name;

    if (!value) {
        return;
    }
    for (name = apr_strtok(apr_pstrdup(pool, value), SEPARATORS, &state);
         name; name = apr_strtok(NULL, SEPARATORS, &state)) {
        if (!is_our_header(names, name)) {
            kept = kept ? apr_pstrcat(pool, kept, ", ", name, NULL) : name;
        }
    }
    if (kept) {
        apr_table_setn(headers, "Connection", kept);
    }
    else {
        apr_table_unset(headers, "Connection");
    }
}

/* Ours */

/* As encodeURIComponent() does, and more: nothing but the unreserved
 * characters of RFC 3986 stands for itself. */
static int is_unreserved(unsigned char c)
{
    return c < 0x80 && (apr_isalnum(c) || strchr("-._~", c));
}

/* A list is encoded name by name, in its variable to some extent already, so
 * that the same steps read it, encoded or not. */
static int is_unreserved_in_list(unsigned char c)
{
    return is_unreserved(c) || c == '%' || c == ',';
}

const char *scim_headers_encode(const char *text,
                                int (*is_plain)(unsigned char c),
                                apr_pool_t *pool)
{
    static const char digits[] = "0123456789ABCDEF";
    char *encoded = apr_palloc(pool, 3 * strlen(text) + 1);
    char *to = encoded;

    for (; *text; text++) {
        unsigned char c = (unsigned char) *text;

        if (is_plain(c)) {
            *to++ = *text;
        }
        else {
            *to++ = '%';
            *to++ = digits[c >> 4];
            *to++ = digits[c & 15];
        }
    }
    *to = '\0';
    return encoded;
}

static const char *encoded_value(const char *value,
                                 const scim_gate_variable_t *variable,
                                 apr_pool_t *pool)
{
    return scim_headers_encode(value, variable->is_list
                                      ? is_unreserved_in_list
                                      : is_unreserved, pool);
}

static int set_our_headers(request_rec *r)
{
    const scim_dir_config_t *config = scim_config_of(r);
    apr_array_header_t *names;
    const scim_gate_variable_t *variable;
    int i;

    if (!config->headers || !*config->headers) {
        return DECLINED;
    }
    names = apr_array_make(r->pool, 8, sizeof(const char *));
    for (i = 0; (variable = scim_gate_variable(i)) != NULL; i++) {
        APR_ARRAY_PUSH(names, const char *) = header_of(variable->name,
                                                        config->headers,
                                                        r->pool);
    }
    drop(r->headers_in, names, r->pool);
    keep_from_connection(r->headers_in, names, r->pool);
    for (i = 0; i < names->nelts; i++) {
        const char *value = scim_gate_value(r, i);

        if (value && *value) {
            apr_table_setn(r->headers_in,
                           APR_ARRAY_IDX(names, i, const char *),
                           config->headers_encoded
                           ? encoded_value(value, scim_gate_variable(i),
                                           r->pool)
                           : value);
        }
    }
    return DECLINED;
}

void scim_headers_register_hooks(apr_pool_t *pool)
{
    ap_hook_handler(set_our_headers, NULL, NULL, APR_HOOK_REALLY_FIRST);
}
