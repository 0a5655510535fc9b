/* SPDX-License-Identifier: Apache-2.0 */
/* scim_masked: what a request is about, without any value of it. */
#include "tap.h"
#include "tap_json.h"

#include <apr_strings.h>

#include "../../rules/scim_masked.h"
#include "../../values/scim_json.h"

#define DOTS SCIM_MASKED
#define TIMES " \xc3\x97"
#define LOOKED_AT 1000           /* operations of a request */

static const scim_rules_t rules = { 1, 0, NULL };

typedef struct {
    const char *name;
    const char *text;            /* a filter, or JSON with ' instead of " */
    const char *masked;
} case_t;

static const case_t filters[] = {
    { "a value", "userName eq \"a@b.c\"", "userName eq \"" DOTS "\"" },
    { "the schema's spelling", "USERNAME EQ \"x\" AND Active eq true",
      "userName eq \"" DOTS "\" and active eq " DOTS },
    { "no value", "externalId pr", "externalId pr" },
    { "null", "externalId eq null", "externalId eq null" },
    { "parentheses where they are needed",
      "(userName co \"x\" or userName sw \"y\") and not (active eq true)",
      "(userName co \"" DOTS "\" or userName sw \"" DOTS "\") and not"
      " (active eq " DOTS ")" },
    { "none around the whole", "userName eq \"x\" or userName eq \"y\"",
      "userName eq \"" DOTS "\" or userName eq \"" DOTS "\"" },
    { "a condition in brackets",
      "emails[type eq \"work\" and value co \"x\"]",
      "emails[type eq \"" DOTS "\" and value co \"" DOTS "\"]" }
};

static const case_t patches[] = {
    { "a path", "[{'op':'Replace','path':'active','value':false}]",
      "replace active" },
    { "a filter in a path",
      "[{'op':'add','path':'emails[type eq \\'work\\'].value','value':'x'}]",
      "add emails[type eq \"" DOTS "\"].value" },
    { "members of a value",
      "[{'op':'replace','value':{'displayName':'x','externalId':'y'}}]",
      "replace displayName\nreplace externalId" },
    { "many of a kind", "[{'op':'add','path':'roles','value':'x'},"
      "{'op':'add','path':'roles','value':'y'}]", "add roles" TIMES "2" },
    { "another verb", "[{'op':'drop it','path':'active'}]",
      DOTS " active" },
    { "a path that is none", "[{'op':'add','path':'his name','value':'x'}]",
      "add " DOTS },
    { "a member that is no name",
      "[{'op':'add','value':{'a secret':'x'}}]", "add " DOTS },
    { "a value that is no object", "[{'op':'add','value':'x'}]",
      "add " DOTS },
    { "nothing", "[]", NULL }
};

static const case_t bodies[] = {
    { "names of attributes", "{'schemas':['x'],'userName':'a@b.c',"
      "'name':{'givenName':'G'}}", "userName\nname" },
    { "an extension", "{'" SCIM_URN_ENTERPRISE "':{'department':'x'}}",
      "department" },
    { "no object", "['x']", DOTS }
};

static const case_t bulks[] = {
    { "endpoints, without what is behind them",
      "[{'method':'POST','path':'/Users'},{'method':'post','path':'/Users'},"
      "{'method':'PATCH','path':'/Groups/1234'}]",
      "3 operations\nPOST /Users" TIMES "2\nPATCH /Groups" },
    { "what is none", "[{'method':'BREW','path':'/secret'},{}]",
      "2 operations\n" DOTS " " DOTS TIMES "2" }
};

static const cJSON *with_operations(const char *operations, apr_pool_t *pool)
{
    return tap_json(apr_pstrcat(pool, "{'Operations':", operations, "}", NULL),
                    pool);
}

static const char *masked_filter(const char *text, apr_pool_t *pool)
{
    scim_resolver_t resolver = scim_schema_resolver(&scim_user_type, &rules);
    scim_filter_t *filter;

    return scim_filter_parse(&filter, text, &resolver, pool)
           ? "not a filter" : scim_masked_filter(filter, pool);
}

static const char *masked_patch(const char *operations, apr_pool_t *pool)
{
    return scim_masked_patch(with_operations(operations, pool),
                             &scim_user_type, &rules, pool);
}

static const char *masked_body(const char *body, apr_pool_t *pool)
{
    return scim_masked_resource(tap_json(body, pool), &scim_user_type, &rules,
                                pool);
}

static const char *masked_bulk(const char *operations, apr_pool_t *pool)
{
    return scim_masked_bulk(with_operations(operations, pool), &rules, pool);
}

static void run_cases(const case_t *cases, size_t count,
                      const char *(*mask)(const char *text, apr_pool_t *pool),
                      const char *what, apr_pool_t *pool)
{
    size_t i;

    for (i = 0; i < count; i++) {
        is_str(mask(cases[i].text, pool), cases[i].masked,
               apr_psprintf(pool, "%s: %s", what, cases[i].name));
    }
}

#define RUN(cases, mask, what, pool) \
    run_cases(cases, sizeof(cases) / sizeof(*(cases)), mask, what, pool)

/* The same operation count times. */
static const char *repeated(const char *operation, int count,
                            apr_pool_t *pool)
{
    apr_array_header_t *all = apr_array_make(pool, count, sizeof(char *));
    int i;

    for (i = 0; i < count; i++) {
        APR_ARRAY_PUSH(all, const char *) = operation;
    }
    return apr_pstrcat(pool, "[", apr_array_pstrcat(pool, all, ','), "]",
                       NULL);
}

static void test_bounds(apr_pool_t *pool)
{
    const char *many = repeated("{'op':'add','path':'roles','value':'x'}",
                                LOOKED_AT + 1, pool);
    const char *filter = "userName eq \"x\"";
    int i;

    is_str(masked_patch(many, pool), "add roles" TIMES "1000\n" DOTS,
           "a bound of the operations of a patch");
    many = repeated("{'method':'POST','path':'/Users'}", LOOKED_AT + 1, pool);
    is_str(masked_bulk(many, pool),
           "1001 operations\nPOST /Users" TIMES "1000\n" DOTS,
           "and of a bulk request, whose number is told");
    is_str(masked_body(apr_psprintf(pool, "{'%064d':1}", 0), pool),
           apr_psprintf(pool, "%064d", 0), "a long name");
    is_str(masked_body(apr_psprintf(pool, "{'%065d':1}", 0), pool), DOTS,
           "and the bound of names");
    for (i = 0; i < 50; i++) {
        filter = apr_pstrcat(pool, filter, " and userName eq \"x\"", NULL);
    }
    filter = masked_filter(filter, pool);
    ok(strlen(filter) <= 520
       && strcmp(filter + strlen(filter) - strlen(" " DOTS), " " DOTS) == 0,
       "a bound of filters");
    is_str(scim_masked_filter(NULL, pool), DOTS,
           "a filter that could not be read");
}

int main(void)
{
    apr_pool_t *pool = tap_start();

    RUN(filters, masked_filter, "filter", pool);
    RUN(patches, masked_patch, "patch", pool);
    RUN(bodies, masked_body, "body", pool);
    RUN(bulks, masked_bulk, "bulk", pool);
    test_bounds(pool);
    return tap_done(pool);
}
