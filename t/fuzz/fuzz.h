/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz: common parts of the harnesses.
 *
 * A harness is one program of libFuzzer: it defines fuzz, which gets an input
 * and checks with must what has to be true for every input.  Its memory is
 * that of pool, which is cleared after each input.  Memory that the functions
 * under test take from pools is malloc's, so that AddressSanitizer sees where
 * each piece ends (pool.c). */
#ifndef FUZZ_H
#define FUZZ_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <apr_pools.h>
#include <apr_strings.h>
#include <apr_tables.h>
#include <cjson/cJSON.h>

#include "../../values/scim_json.h"
#include "../../rules/scim_schema.h"
#include "../../values/scim_text.h"

/* Defined by the harness: called once, and for each input. */
void fuzz_begin(apr_pool_t *pool);
void fuzz(const char *bytes, apr_size_t length, apr_pool_t *pool);

/* Abort unless a condition for every input is met. */
#define must(condition, what)                                               \
    do {                                                                    \
        if (!(condition)) {                                                 \
            fuzz_fail(what);                                                \
        }                                                                   \
    } while (0)

static inline void fuzz_fail(const char *what)
{
    fprintf(stderr, "does not hold: %s\n", what);
    abort();
}

/* The same for two texts. */
static inline void must_be_same(const char *got, const char *wanted,
                                const char *what)
{
    if (strcmp(got, wanted) != 0) {
        fprintf(stderr, "     got: %s\nexpected: %s\n", got, wanted);
        fuzz_fail(what);
    }
}

/* The first byte of an input chooses the modes; the rest is the text.  A digit
 * chooses by its value, so that seeds can be texts. */
static inline unsigned take_mode(const char **bytes, apr_size_t *length)
{
    unsigned mode = 0;

    if (*length) {
        mode = (unsigned char) **bytes;
        ++*bytes;
        --*length;
    }
    return mode;
}

/* The rest as after scim_http: UTF-8. */
static inline char *utf8_text(const char *bytes, apr_size_t length,
                              apr_pool_t *pool)
{
    char *text = apr_pstrmemdup(pool, bytes, length);

    scim_text_mend(text);
    return text;
}

static inline scim_rules_t rules_of(unsigned mode)
{
    scim_rules_t rules = { mode & 1, mode >> 1 & 1, NULL };

    return rules;
}

static inline apr_array_header_t *make_notes(apr_pool_t *pool)
{
    return scim_note_list(pool);
}

/* JSON with ' instead of ", for constants of harnesses. */
static inline cJSON *json_of(const char *text, apr_pool_t *pool)
{
    char *json = apr_pstrdup(pool, text);
    cJSON *tree = NULL;
    char *c;

    for (c = json; *c; c++) {
        *c = *c == '\'' ? '"' : *c;
    }
    must(scim_json_parse(&tree, json, strlen(json), pool) == NULL,
         "what the harness brings along is JSON");
    return tree;
}

#endif
