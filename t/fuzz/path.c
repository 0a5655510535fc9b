/* SPDX-License-Identifier: Apache-2.0 */
/* PATCH paths, and names of projections: a path that was printed is parsed as
 * the same one. */
#include "filter_text.h"
#include "fuzz.h"

void fuzz_begin(apr_pool_t *pool)
{
}

static const char *path_text(const scim_path_t *path, int *depth,
                             apr_pool_t *pool)
{
    scim_operand_t whole = path->operand;

    *depth = 0;
    whole.sub = NULL;
    if (!whole.name) {
        return whole.container;
    }
    if (!path->filter) {
        return operand_text(&path->operand, pool);
    }
    return apr_pstrcat(pool, operand_text(&whole, pool), "[",
                       filter_text(path->filter, depth, pool), "]",
                       path->operand.sub ? "." : "",
                       path->operand.sub ? path->operand.sub : "", NULL);
}

static void check_path(const char *text, const scim_resolver_t *resolver,
                       apr_pool_t *pool)
{
    scim_path_t path;
    scim_path_t again;
    int depth;

    must(scim_path_name_length(text) <= strlen(text), "a name ends in time");
    if (scim_path_parse(&path, text, resolver, pool)) {
        return;
    }
    text = path_text(&path, &depth, pool);
    if (!text || depth >= SCIM_FILTER_MAX_DEPTH
        || strlen(text) > SCIM_FILTER_MAX_LENGTH) {
        return;
    }
    must(scim_path_parse(&again, text, resolver, pool) == NULL,
         "what is printed is parsed");
    must(path.operand.name == again.operand.name
         && path.operand.sub == again.operand.sub
         && path.operand.container == again.operand.container
         && path.operand.sub_attribute == again.operand.sub_attribute
         && path.operand.compare == again.operand.compare,
         "as the same attribute");
    must_be_same(path_text(&again, &depth, pool), text,
                 "and is printed in the same way");
}

/* A projected resource is part of the resource. */
static void check_projection(const char *text,
                             const scim_resource_type_t *type, int excludes,
                             apr_pool_t *pool)
{
    cJSON *resource = json_of("{'id':'1','userName':'a','value':'v',"
                              "'name':{'givenName':'G'},"
                              "'emails':[{'value':'a@b.c'}]}", pool);
    scim_projection_t *projection = NULL;
    const cJSON *whole
        = scim_json_own(scim_schema_present(resource, type, NULL, pool),
                        pool);
    const cJSON *part;
    const cJSON *member;

    if (scim_projection_make(&projection, excludes ? NULL : text,
                             excludes ? text : NULL, type, pool)) {
        return;
    }
    part = scim_json_own(scim_schema_present(resource, type, projection,
                                             pool), pool);
    must(scim_json_text(part, "id") != NULL, "the id is always there");
    cJSON_ArrayForEach(member, part) {
        must(scim_json_member(whole, member->string) != NULL,
             "nothing is shown that is not there");
    }
}

void fuzz(const char *bytes, apr_size_t length, apr_pool_t *pool)
{
    unsigned mode = take_mode(&bytes, &length);
    const char *text = utf8_text(bytes, length, pool);
    scim_rules_t rules = rules_of(mode);
    const scim_resource_type_t *type = mode & 4 ? &scim_role_type
                                                : &scim_user_type;
    scim_resolver_t resolver = scim_schema_resolver(type, &rules);

    check_path(text, &resolver, pool);
    check_projection(text, type, mode & 8, pool);
}
