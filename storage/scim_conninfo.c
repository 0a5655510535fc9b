/* SPDX-License-Identifier: Apache-2.0 */
/* Connection strings, see scim_conninfo.h.
 *
 * libpq's own messages quote what it cannot read, which may be half of a
 * password with a blank in it.  So the string is read once more to find a
 * keyword that may be quoted.
 */
#include "storage/scim_conninfo.h"

#include <stdlib.h>
#include <string.h>

#include <apr_lib.h>
#include <apr_strings.h>

#include <libpq-fe.h>

#define NAMES                                                               \
    "host, port, dbname, user, passfile, connect_timeout, options or another" \
    " keyword of libpq"

/* A keyword with its value, as libpq reads them. */
typedef struct {
    const char *name;
    apr_size_t length;
    int is_quoted;
} pair_t;

static const char *blanks_after(const char *text)
{
    while (apr_isspace(*text)) {
        text++;
    }
    return text;
}

/* The end of a value in quotes, or NULL if it has none. */
static const char *quote_end(const char *text)
{
    while (*text && *text != '\'') {
        text += *text == '\\' && text[1] ? 2 : 1;
    }
    return *text ? text + 1 : NULL;
}

static const char *word_end(const char *text)
{
    while (*text && !apr_isspace(*text)) {
        text += *text == '\\' && text[1] ? 2 : 1;
    }
    return text;
}

/* Read the pair at text; returns what follows it, or NULL if text does not
 * begin with a complete pair.  The name is set in both cases. */
static const char *read_pair(pair_t *pair, const char *text)
{
    pair->name = text;
    pair->length = strcspn(text, "= \t\r\n\f\v");
    text = blanks_after(text + pair->length);
    if (*text != '=') {
        return NULL;
    }
    text = blanks_after(text + 1);
    pair->is_quoted = *text == '\'';
    return pair->is_quoted ? quote_end(text + 1) : word_end(text);
}

static int is_named(const pair_t *pair, const char *name)
{
    return strlen(name) == pair->length
           && strncmp(pair->name, name, pair->length) == 0;
}

static int is_keyword(const pair_t *pair, const PQconninfoOption *options)
{
    while (options->keyword && !is_named(pair, options->keyword)) {
        options++;
    }
    return options->keyword != NULL;
}

/* Find the first pair of text that is not one, or has an unknown keyword; 0 if
 * it must not be quoted, because it may be part of a password. */
static int find_wrong(pair_t *pair, const char *text,
                      const PQconninfoOption *options)
{
    int may_be_secret = 0;

    text = blanks_after(text);
    while (*text) {
        text = read_pair(pair, text);
        if (!text || !is_keyword(pair, options)) {
            return text && pair->length > 0 && !may_be_secret;
        }
        may_be_secret = !pair->is_quoted && (is_named(pair, "password")
                                             || is_named(pair, "sslpassword"));
        text = blanks_after(text);
    }
    return 0;
}

/* What is wrong with text, which libpq refuses. */
static const char *complaint_about(const char *text, apr_pool_t *pool)
{
    PQconninfoOption *options = PQconninfoParse("", NULL);
    pair_t pair = { "", 0, 0 };
    int is_found = options && find_wrong(&pair, text, options);

    PQconninfoFree(options);
    return is_found
        ? apr_psprintf(pool, "'%.*s' is not allowed; it must be " NAMES,
                       pair.length > 63 ? 63 : (int) pair.length, pair.name)
        : "it must be pairs as in host=/run/postgresql dbname=scim user=scim;"
          " a value with blanks must be in single quotes";
}

static int count_hosts(const char *list)
{
    int count = 1;

    for (; *list; list++) {
        count += *list == ',';
    }
    return count;
}

static void note_option(scim_conninfo_t *info, const PQconninfoOption *o)
{
    if (!o->val || !*o->val) {
        return;
    }
    if (strcmp(o->keyword, "connect_timeout") == 0) {
        info->seconds = atoi(o->val) > 0 ? atoi(o->val) : 0;
    }
    else if (strcmp(o->keyword, "host") == 0
             || strcmp(o->keyword, "hostaddr") == 0) {
        info->hosts = count_hosts(o->val);
    }
}

static int is_uri(const char *text)
{
    return strncmp(text, "postgresql://", 13) == 0
           || strncmp(text, "postgres://", 11) == 0;
}

/* What is wrong with text, which libpq refuses, and what it must be. */
static const char *what_is_wrong(const char *text, apr_pool_t *pool)
{
    return is_uri(text)
        ? "it must be a URI such as postgresql://scim@host/scim, with special"
          " characters as %XX"
        : complaint_about(text, pool);
}

const char *scim_conninfo_read(scim_conninfo_t *info, const char *text,
                               apr_pool_t *pool)
{
    PQconninfoOption *options = PQconninfoParse(text, NULL);
    const PQconninfoOption *o;

    info->hosts = 1;
    info->seconds = -1;
    if (!options) {
        return what_is_wrong(text, pool);
    }
    for (o = options; o->keyword; o++) {
        note_option(info, o);
    }
    PQconninfoFree(options);
    return NULL;
}

scim_error_t *scim_conninfo_variables(apr_table_t **variables,
                                      const char *text, apr_pool_t *pool)
{
    PQconninfoOption *options = PQconninfoParse(text, NULL);
    const PQconninfoOption *o;

    *variables = apr_table_make(pool, 8);
    if (!options) {
        return scim_error(pool, SCIM_E_INVALID_VALUE,
                          "The connection string cannot be read: %s.",
                          what_is_wrong(text, pool));
    }
    for (o = options; o->keyword; o++) {
        if (o->val && o->envvar) {
            apr_table_set(*variables, o->envvar, o->val);
        }
    }
    PQconninfoFree(options);
    return NULL;
}

int scim_conninfo_is_in_environment(void)
{
    static const char *const names[] = { "PGHOST", "PGHOSTADDR", "PGSERVICE",
                                         "PGDATABASE", "PGUSER", NULL };
    int i = 0;

    while (names[i] && !getenv(names[i])) {
        i++;
    }
    return names[i] != NULL;
}
