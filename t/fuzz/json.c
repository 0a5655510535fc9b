/* SPDX-License-Identifier: Apache-2.0 */
/* JSON text: a tree that was printed is read as the same one. */
#include "fuzz.h"

void fuzz_begin(apr_pool_t *pool)
{
}

/* The depth of tree, whose members must all have names of their own. */
static int depth_of(const cJSON *tree)
{
    const cJSON *child;
    int depth = 0;

    cJSON_ArrayForEach(child, tree) {
        int below = depth_of(child);

        depth = below > depth ? below : depth;
        must(!cJSON_IsObject(tree)
             || cJSON_GetObjectItem(tree, child->string) == child,
             "no name occurs twice");
    }
    return cJSON_IsObject(tree) || cJSON_IsArray(tree) ? depth + 1 : 0;
}

void fuzz(const char *bytes, apr_size_t length, apr_pool_t *pool)
{
    cJSON *tree = NULL;
    cJSON *again = NULL;
    const char *text;

    if (scim_json_parse(&tree, bytes, length, pool)) {
        return;
    }
    must(scim_text_is_utf8(bytes, length), "what is read is UTF-8");
    must(depth_of(tree) <= SCIM_JSON_MAX_DEPTH, "nothing is too deep");
    text = scim_json_print(tree, pool);
    must(scim_json_parse(&again, text, strlen(text), pool) == NULL,
         "what is printed is read");
    must(scim_json_equal(tree, again), "as what it was");
    must_be_same(scim_json_print(again, pool), text,
                 "and is printed in the same way");
    must(scim_json_equal(scim_json_copy(tree, pool), tree),
         "a copy is equal to it");
    must(scim_json_equal(scim_json_stored(text, pool), tree),
         "what is stored is read back");
}
