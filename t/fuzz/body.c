/* SPDX-License-Identifier: Apache-2.0 */
/* Bodies of POST and PUT: normalising twice gives the same result, which has
 * the types of the schema. */
#include "resource.h"

#include "../../rules/scim_patch.h"

void fuzz_begin(apr_pool_t *pool)
{
}

void fuzz(const char *bytes, apr_size_t length, apr_pool_t *pool)
{
    unsigned mode = take_mode(&bytes, &length);
    scim_rules_t rules = rules_of(mode);
    const scim_resource_type_t *type = &scim_user_type;
    cJSON *resource = NULL;
    cJSON *body = NULL;
    const char *before;

    if (scim_json_parse(&body, bytes, length, pool)) {
        return;
    }
    before = scim_json_print(body, pool);
    if (scim_patch_read(&resource, body, type, &rules, make_notes(pool),
                        pool)) {
        return;
    }
    must_be_same(scim_json_print(body, pool), before,
                 "the body is left as it is");
    if (resource_settle(resource, type, &rules, pool)) {
        resource_check(resource, type, &rules, pool);
    }
}
