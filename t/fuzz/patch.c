/* SPDX-License-Identifier: Apache-2.0 */
/* PATCH: the result of a message is a resource or an error, the same each
 * time, and the message is not changed. */
#include "resource.h"

#include "../../rules/scim_patch.h"

#define BASES 4
static cJSON *bases[BASES];

void fuzz_begin(apr_pool_t *pool)
{
    bases[0] = json_of("{'userName':'a@b.c','displayName':'A',"
                       "'active':true}", pool);
    bases[1] = json_of(
        "{'userName':'a@b.c','displayName':'A','active':false,"
        "'name':{'familyName':'F','givenName':'G'},"
        "'emails':[{'value':'x','type':'work','primary':true},"
        "{'value':'h','type':'home'}],'roles':[{'value':'USER'}],"
        "'" SCIM_URN_ENTERPRISE "':{'department':'D',"
        "'manager':{'value':'1'}}}", pool);
    bases[2] = json_of(
        "{'userName':'a@b.c','displayName':'A','externalId':'e',"
        "'addresses':[{'type':'work','country':'JP'},{'locality':'L'}],"
        "'phoneNumbers':[{'value':'1'},{'value':'2','type':'work'}],"
        "'x509Certificates':[{'value':'MIID'}],"
        "'" SCIM_URN_ENTERPRISE "':{'employeeNumber':'7'}}", pool);
    bases[3] = json_of(
        "{'userName':'a@b.c','displayName':'A','title':'T','locale':'de',"
        "'roles':[{'value':'ADMIN','primary':true,'display':'Adm'}]}", pool);
}

static scim_error_t *apply(cJSON **result, const cJSON *base,
                           const cJSON *message, const scim_rules_t *rules,
                           apr_pool_t *pool)
{
    *result = scim_json_copy(base, pool);
    return scim_patch_apply(*result, message, &scim_user_type, rules,
                            make_notes(pool), pool);
}

static void check_again(const cJSON *result, const scim_error_t *error,
                        const cJSON *base, const cJSON *message,
                        const scim_rules_t *rules, apr_pool_t *pool)
{
    cJSON *again;
    scim_error_t *other = apply(&again, base, message, rules, pool);

    must(!error == !other && (!error || error->kind == other->kind),
         "the same error each time");
    if (!error) {
        must_be_same(resource_text(again, pool), resource_text(result, pool),
                     "the same result each time");
    }
}

void fuzz(const char *bytes, apr_size_t length, apr_pool_t *pool)
{
    unsigned mode = take_mode(&bytes, &length);
    scim_rules_t rules = rules_of(mode);
    const cJSON *base = bases[mode >> 2 & 3];
    const char *before = resource_text(base, pool);
    cJSON *message = NULL;
    cJSON *result;
    scim_error_t *error;
    const char *sent;

    if (scim_json_parse(&message, bytes, length, pool)) {
        return;
    }
    sent = scim_json_print(message, pool);
    error = apply(&result, base, message, &rules, pool);
    must(!error || scim_error_status(error->kind) < 500,
         "an error is the client's");
    must_be_same(scim_json_print(message, pool), sent,
                 "the message is left as it is");
    must_be_same(resource_text(base, pool), before,
                 "so is what it is applied to a copy of");
    check_again(result, error, base, message, &rules, pool);
    if (!error && resource_settle(result, &scim_user_type, &rules, pool)) {
        resource_check(result, &scim_user_type, &rules, pool);
    }
}
