/* SPDX-License-Identifier: Apache-2.0 */
/* tap_json: JSON in the tables of unit tests, without a backslash for each
 * quotation mark. */
#ifndef TAP_JSON_H
#define TAP_JSON_H

#include <stdio.h>
#include <string.h>

#include <apr_pools.h>
#include <apr_strings.h>
#include <cjson/cJSON.h>

#include "../../values/scim_json.h"

/* The JSON text, in which ' means ", and \' an escaped one, as a tree of pool;
 * NULL, with a diagnosis, if it is none. */
static inline cJSON *tap_json(const char *text, apr_pool_t *pool)
{
    char *json = apr_pstrdup(pool, text);
    cJSON *tree = NULL;
    char *c;

    for (c = json; *c; c++) {
        *c = *c == '\'' ? '"' : *c;
    }
    if (scim_json_parse(&tree, json, strlen(json), pool)) {
        printf("# not JSON: %s\n", json);
    }
    return tree;
}

#endif
