/* SPDX-License-Identifier: Apache-2.0 */
/* Entity tags, see scim_etag.h.  The tags of a header are compared one by one,
 * without W/ and without the suffix that a compressing filter has added. */
#include "values/scim_etag.h"

#include <string.h>

#include <apr_strings.h>

static const char *const encodings[] = { "-gzip", "-br", "-deflate", NULL };

const char *scim_etag_make(apr_pool_t *pool, const char *version)
{
    return apr_pstrcat(pool, "W/\"", version, "\"", NULL);
}

static apr_size_t without_encoding(const char *opaque, apr_size_t length)
{
    int i;

    for (i = 0; encodings[i]; i++) {
        apr_size_t suffix = strlen(encodings[i]);

        if (length > suffix
            && memcmp(opaque + length - suffix, encodings[i], suffix) == 0) {
            return length - suffix;
        }
    }
    return length;
}

/* entity-tag = [ "W/" ] DQUOTE *etagc DQUOTE; returns the end of the tag, or
 * NULL if there is none. */
static const char *next_tag(const char *text, const char **opaque,
                            apr_size_t *length)
{
    const char *end;

    text += strspn(text, " \t,");
    if (strncmp(text, "W/", 2) == 0) {
        text += 2;
    }
    if (*text != '"' || (end = strchr(text + 1, '"')) == NULL) {
        return NULL;
    }
    *opaque = text + 1;
    *length = without_encoding(*opaque, end - *opaque);
    return end + 1;
}

int scim_etag_named(const char *header, const char *tag)
{
    const char *wanted, *opaque;
    apr_size_t wanted_length, length;

    if (strcmp(header, "*") == 0) {
        return 1;
    }
    if (!next_tag(tag, &wanted, &wanted_length)) {
        return 0;
    }
    while ((header = next_tag(header, &opaque, &length)) != NULL) {
        if (length == wanted_length
            && memcmp(opaque, wanted, length) == 0) {
            return 1;
        }
    }
    return 0;
}
