/* SPDX-License-Identifier: Apache-2.0 */
/* PATCH on JSON: every form of clients.md E30-E59 and the matrix of
 * t/checklist.tsv, lenient and strict. */
#include "tap.h"
#include "tap_json.h"

#include <apr_strings.h>
#include <apr_tables.h>

#include "../../values/scim_json.h"
#include "../../rules/scim_patch.h"

#define E "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
#define C "urn:ietf:params:scim:schemas:core:2.0:User"

#define LENIENT 1
#define STRICT 2
#define OPEN 4
#define BOTH (LENIENT | STRICT)
#define DONE -1                  /* no error is expected */

/* Strings are JSON with ' instead of ". */
typedef struct {
    const char *name;
    int modes;
    const char *before;
    const char *operations;
    int error;                   /* a scim_error_kind_e, or DONE */
    const char *after;
} case_t;

#define U "'userName':'a@b.c','displayName':'A','active':true"

static const case_t cases[] = {
    { "E30: Replace active \"False\" deactivates", LENIENT, "{" U "}",
      "[{'op':'Replace','path':'active','value':'False'}]", DONE,
      "{'userName':'a@b.c','displayName':'A','active':false}" },
    { "E30b: Replace active \"True\" activates", LENIENT,
      "{'userName':'a@b.c','displayName':'A','active':false}",
      "[{'op':'Replace','path':'active','value':'True'}]", DONE, "{" U "}" },
    { "E30c: a boolean with a capital op", BOTH, "{" U "}",
      "[{'op':'Replace','path':'active','value':false}]", DONE,
      "{'userName':'a@b.c','displayName':'A','active':false}" },
    { "E30d: Add active \"True\"", LENIENT, "{" U "}",
      "[{'op':'Add','path':'active','value':'True'}]", DONE, "{" U "}" },
    { "H9: \"yes\" is no boolean", BOTH, "{" U "}",
      "[{'op':'replace','path':'active','value':'yes'}]",
      SCIM_E_INVALID_VALUE, NULL },
    { "E31: several attributes, one op each", BOTH,
      "{" U ",'name':{'familyName':'F0'}}",
      "[{'op':'Replace','path':'displayName','value':'New'},"
      "{'op':'Replace','path':'name.givenName','value':'G'},"
      "{'op':'Replace','path':'name.familyName','value':'F'},"
      "{'op':'Replace','path':'externalId','value':'e'},"
      "{'op':'Replace','path':'" E ":employeeNumber','value':'2020'}]", DONE,
      "{'userName':'a@b.c','displayName':'New','active':true,"
      "'name':{'familyName':'F','givenName':'G'},'externalId':'e',"
      "'" E "':{'employeeNumber':'2020'}}" },
    { "E32: Replace the value of a filtered element", BOTH,
      "{" U ",'emails':[{'type':'work','value':'x'},{'type':'home',"
      "'value':'h'}]}",
      "[{'op':'Replace','path':'emails[type eq \\'work\\'].value',"
      "'value':'y'}]", DONE,
      "{" U ",'emails':[{'type':'work','value':'y'},{'type':'home',"
      "'value':'h'}]}" },
    { "E33: Add a single value", BOTH, "{" U "}",
      "[{'op':'Add','path':'nickName','value':'Babs'}]", DONE,
      "{" U ",'nickName':'Babs'}" },
    { "E34: Add to an element that does not exist makes it", BOTH,
      "{" U "}", "[{'op':'Add','path':'emails[type eq \\'work\\'].value',"
      "'value':'x'}]", DONE, "{" U ",'emails':[{'type':'work',"
      "'value':'x'}]}" },
    { "E34: so does Replace", LENIENT, "{" U "}",
      "[{'op':'Replace','path':'emails[type eq \\'work\\'].value',"
      "'value':'x'}]", DONE, "{" U ",'emails':[{'type':'work',"
      "'value':'x'}]}" },
    { "REP-10: strictly it is noTarget", STRICT, "{" U "}",
      "[{'op':'replace','path':'emails[type eq \\'work\\'].value',"
      "'value':'x'}]", SCIM_E_NO_TARGET, NULL },
    { "ADD-13: what a filter of ne would make is unknown", BOTH, "{" U "}",
      "[{'op':'add','path':'emails[type ne \\'work\\'].value',"
      "'value':'x'}]", SCIM_E_NO_TARGET, NULL },
    { "E35: Replace userName", BOTH, "{" U "}",
      "[{'op':'Replace','path':'userName','value':'n@b.c'}]", DONE,
      "{'userName':'n@b.c','displayName':'A','active':true}" },
    { "E36: Add a manager as a string", LENIENT, "{" U "}",
      "[{'op':'Add','path':'" E ":manager','value':'271'}]", DONE,
      "{" U ",'" E "':{'manager':{'value':'271'}}}" },
    { "E37: an old list with $ref, without URN", LENIENT, "{" U "}",
      "[{'op':'Replace','path':'manager','value':[{'$ref':"
      "'http://x/Users/2819','value':'2819'}]}]", DONE,
      "{" U ",'" E "':{'manager':{'value':'2819'}}}" },
    { "E38: Remove the manager", BOTH,
      "{" U ",'" E "':{'manager':{'value':'1'}}}",
      "[{'op':'Remove','path':'" E ":manager'}]", DONE, "{" U "}" },
    { "E38: replace the manager with \"\"", LENIENT,
      "{" U ",'" E "':{'manager':{'value':'1'},'department':'D'}}",
      "[{'op':'Replace','path':'" E ":manager','value':''}]", DONE,
      "{" U ",'" E "':{'department':'D'}}" },
    { "E38: replace the manager with an empty value", LENIENT,
      "{" U ",'" E "':{'manager':{'value':'1'}}}",
      "[{'op':'Replace','path':'" E ":manager','value':{'value':''}}]",
      DONE, "{" U "}" },
    { "E39: a role as JSON in a string is unpacked", LENIENT,
      "{" U ",'roles':[{'value':'USER','primary':true}]}",
      "[{'op':'Add','path':'roles','value':[{'value':'{\\\"id\\\":"
      "\\\"06b0\\\",\\\"value\\\":\\\"ADMIN\\\",\\\"displayName\\\":"
      "\\\"Adm\\\"}'}]}]", DONE,
      "{" U ",'roles':[{'value':'ADMIN','display':'Adm'}]}" },
    { "E40: Replace the primary role by a string \"True\"", LENIENT,
      "{" U ",'roles':[{'value':'USER','primary':true}]}",
      "[{'op':'Replace','path':'roles[primary eq \\'True\\'].value',"
      "'value':'ADMIN'}]", DONE,
      "{" U ",'roles':[{'value':'ADMIN','primary':true}]}" },
    { "E40: Add where there is no role", LENIENT, "{" U "}",
      "[{'op':'Add','path':'roles[primary eq \\'True\\'].value',"
      "'value':'ADMIN'}]", DONE,
      "{" U ",'roles':[{'value':'ADMIN','primary':true}]}" },
    { "H12: a role that is not primary is promoted, not doubled", LENIENT,
      "{" U ",'roles':[{'value':'USER'}]}",
      "[{'op':'replace','path':'roles[primary eq true].value',"
      "'value':'ADMIN'}]", DONE,
      "{" U ",'roles':[{'value':'ADMIN','primary':true}]}" },
    { "E41: the parts of an address land in one element", LENIENT,
      "{" U "}",
      "[{'op':'Add','path':'addresses[type eq \\'work\\'].locality',"
      "'value':'L'},{'op':'Add','path':'addresses[type eq \\'work\\']"
      ".region','value':'R'},{'op':'Add','path':'addresses[type eq "
      "\\'work\\'].primary','value':'true'}]", DONE,
      "{" U ",'addresses':[{'type':'work','locality':'L','region':'R',"
      "'primary':true}]}" },
    { "E42: a redundant type", LENIENT, "{" U "}",
      "[{'op':'Add','path':'emails[type eq \\'work\\'].primary',"
      "'value':'true'},{'op':'Add','path':'emails[type eq \\'work\\']"
      ".type','value':'work'}]", DONE,
      "{" U ",'emails':[{'type':'work','primary':true}]}" },
    { "E43: a core attribute with its URN; an unknown one is ignored",
      LENIENT, "{" U "}",
      "[{'op':'Replace','path':'" C ":role','value':'x'},"
      "{'op':'Replace','path':'" C ":title','value':'T'}]", DONE,
      "{" U ",'title':'T'}" },
    { "PATCH-06: strictly an unknown attribute is invalidPath", STRICT,
      "{" U "}", "[{'op':'replace','path':'foo','value':'x'}]",
      SCIM_E_UNKNOWN_ATTRIBUTE, NULL },
    { "E44: Replace a mobile number", LENIENT, "{" U "}",
      "[{'op':'Replace','path':'phoneNumbers[type eq \\'mobile\\'].value',"
      "'value':'1'}]", DONE,
      "{" U ",'phoneNumbers':[{'type':'mobile','value':'1'}]}" },
    { "E45: one unknown attribute does not fail the rest", LENIENT,
      "{" U "}", "[{'op':'Add','path':'shoeSize','value':'43'},"
      "{'op':'Add','path':'title','value':'T'}]", DONE,
      "{" U ",'title':'T'}" },
    { "E46: no operations", LENIENT, "{" U "}", "[]", DONE, "{" U "}" },
    { "PATCH-01: strictly there is at least one", STRICT, "{" U "}", "[]",
      SCIM_E_INVALID_SYNTAX, NULL },
    { "E47: further members of an operation", BOTH, "{" U "}",
      "[{'name':'addMember','op':'add','path':'title','value':'T'}]", DONE,
      "{" U ",'title':'T'}" },
    { "E50: replace active false", BOTH, "{" U "}",
      "[{'op':'replace','path':'active','value':false}]", DONE,
      "{'userName':'a@b.c','displayName':'A','active':false}" },
    { "E51: brackets first, then a flat dictionary", LENIENT, "{" U "}",
      "[{'op':'replace','path':'emails[type eq \\'work\\'].value',"
      "'value':'x'},{'op':'replace','value':{'displayName':'B',"
      "'name.givenName':'K','name.familyName':'U','" E
      ":employeeNumber':'A'}}]", DONE,
      "{'userName':'a@b.c','displayName':'B','active':true,'emails':"
      "[{'type':'work','value':'x'}],'name':{'givenName':'K',"
      "'familyName':'U'},'" E "':{'employeeNumber':'A'}}" },
    { "E52: add with dotted and URN keys", BOTH, "{" U "}",
      "[{'op':'add','value':{'displayName':'N','name.formatted':'G F','" E
      ":department':'D','" E "':{'division':'V'}}}]", DONE,
      "{'userName':'a@b.c','displayName':'N','active':true,'name':"
      "{'formatted':'G F'},'" E "':{'department':'D','division':'V'}}" },
    { "E53: add display and type of the primary role", LENIENT,
      "{" U ",'roles':[{'value':'USER','primary':true}]}",
      "[{'op':'add','path':'roles[primary eq \\'True\\'].display',"
      "'value':'Dis'},{'op':'add','path':'roles[primary eq \\'True\\']"
      ".type','value':'T'}]", DONE,
      "{" U ",'roles':[{'value':'USER','primary':true,'display':'Dis',"
      "'type':'T'}]}" },
    { "E54: a manager as an object", BOTH, "{" U "}",
      "[{'op':'add','path':'" E ":manager','value':{'value':'9'}}]", DONE,
      "{" U ",'" E "':{'manager':{'value':'9'}}}" },
    { "E55: an unquoted literal in the brackets", BOTH,
      "{" U ",'roles':[{'value':'USER','primary':true}]}",
      "[{'op':'replace','path':'roles[primary eq true].value',"
      "'value':'GUEST'}]", DONE,
      "{" U ",'roles':[{'value':'GUEST','primary':true}]}" },
    { "E56: \"\" and null clear", LENIENT,
      "{" U ",'nickName':'N','title':'T'}",
      "[{'op':'replace','path':'nickName','value':''},"
      "{'op':'replace','path':'title','value':null}]", DONE, "{" U "}" },
    { "E57: replace all roles", LENIENT | OPEN,
      "{" U ",'roles':[{'value':'A'},{'value':'B'}]}",
      "[{'op':'replace','path':'roles','value':[{'primary':false,"
      "'type':'W','display':'User','value':'User'}]}]", DONE,
      "{" U ",'roles':[{'primary':false,'type':'W','display':'User',"
      "'value':'User'}]}" },
    { "E57: replace all roles with none", LENIENT,
      "{" U ",'roles':[{'value':'USER'}]}",
      "[{'op':'replace','path':'roles','value':[]}]", DONE, "{" U "}" },
    { "E58: add roles keeps the others in profile open", LENIENT | OPEN,
      "{" U ",'roles':[{'value':'A'}]}",
      "[{'op':'add','path':'roles','value':[{'value':'B'},"
      "{'value':'A'}]}]", DONE,
      "{" U ",'roles':[{'value':'A'},{'value':'B'}]}" },
    { "E59: remove preferredLanguage", BOTH,
      "{" U ",'preferredLanguage':'de'}",
      "[{'op':'remove','path':'preferredLanguage'}]", DONE, "{" U "}" },
    { "O8: no path, active false", BOTH, "{" U "}",
      "[{'op':'replace','value':{'active':false}}]", DONE,
      "{'userName':'a@b.c','displayName':'A','active':false}" },
    { "O13: readOnly members of a value are ignored", BOTH, "{" U "}",
      "[{'op':'replace','value':{'id':'x','meta':{},'schemas':[],"
      "'groups':[{'value':'g'}],'title':'T'}}]", DONE,
      "{" U ",'title':'T'}" },
    { "PATCH-02: an unknown op", BOTH, "{" U "}",
      "[{'op':'move','path':'title','value':'x'}]", SCIM_E_INVALID_SYNTAX,
      NULL },
    { "PATCH-05: a malformed path", BOTH, "{" U "}",
      "[{'op':'add','path':'a.b.c','value':'x'}]", SCIM_E_INVALID_PATH,
      NULL },
    { "PATCH-05: an empty path", STRICT, "{" U "}",
      "[{'op':'add','path':'','value':'x'}]", SCIM_E_INVALID_PATH, NULL },
    { "an empty path is none", LENIENT, "{" U "}",
      "[{'op':'add','path':'','value':{'title':'x'}}]", DONE,
      "{" U ",'title':'x'}" },
    { "an operation in a list of one", LENIENT, "{" U "}",
      "[[{'op':'add','path':'title','value':'x'}]]", DONE,
      "{" U ",'title':'x'}" },
    { "PATCH-05: a malformed filter", BOTH, "{" U "}",
      "[{'op':'add','path':'emails[type eq]','value':{'value':'x'}}]",
      SCIM_E_INVALID_FILTER, NULL },
    { "PATCH-07: brackets behind a single-valued attribute", BOTH,
      "{" U "}", "[{'op':'add','path':'name[givenName eq \\'x\\']',"
      "'value':{}}]", SCIM_E_INVALID_PATH, NULL },
    { "PATCH-10: operations build on each other", BOTH, "{" U "}",
      "[{'op':'add','path':'title','value':'A'},{'op':'replace','path':"
      "'title','value':'B'},{'op':'remove','path':'title'}]", DONE,
      "{" U "}" },
    { "PATCH-13: strictly a readOnly target is mutability", STRICT,
      "{" U "}", "[{'op':'replace','path':'id','value':'x'}]",
      SCIM_E_MUTABILITY, NULL },
    { "PATCH-13: so is a readOnly sub-attribute", STRICT,
      "{" U ",'" E "':{'manager':{'value':'1'}}}",
      "[{'op':'add','path':'" E ":manager.displayName','value':'x'}]",
      SCIM_E_MUTABILITY, NULL },
    { "PATCH-13: else nothing of it is changed", LENIENT,
      "{" U ",'" E "':{'manager':{'value':'1'}}}",
      "[{'op':'add','path':'" E ":manager.displayName','value':'x'}]", DONE,
      "{" U ",'" E "':{'manager':{'value':'1'}}}" },
    { "PATCH-22: no path and no object", BOTH, "{" U "}",
      "[{'op':'add','value':'x'}]", SCIM_E_INVALID_VALUE, NULL },
    { "ADD-01: add without value", BOTH, "{" U "}",
      "[{'op':'add','path':'title'}]", SCIM_E_INVALID_VALUE, NULL },
    { "ADD-02: add without path appends to a list", BOTH,
      "{" U ",'emails':[{'value':'a'}]}",
      "[{'op':'add','value':{'nickname':'B','emails':[{'value':'b'}]}}]",
      DONE, "{" U ",'emails':[{'value':'a'},{'value':'b'}],"
      "'nickName':'B'}" },
    { "ADD-04: a complex value is merged", BOTH,
      "{" U ",'name':{'familyName':'J'}}",
      "[{'op':'add','path':'name','value':{'middleName':'M'}}]", DONE,
      "{" U ",'name':{'familyName':'J','middleName':'M'}}" },
    { "ADD-06: a single object is appended", BOTH,
      "{" U ",'emails':[{'value':'a'}]}",
      "[{'op':'add','path':'emails','value':{'value':'b'}}]", DONE,
      "{" U ",'emails':[{'value':'a'},{'value':'b'}]}" },
    { "ADD-07: what is there is not added again", BOTH,
      "{" U ",'emails':[{'value':'a','type':'work'}]}",
      "[{'op':'add','path':'emails','value':[{'type':'work',"
      "'value':'a'}]}]", DONE,
      "{" U ",'emails':[{'value':'a','type':'work'}]}" },
    { "ADD-09: a new primary takes the place of the old", BOTH,
      "{" U ",'emails':[{'value':'a','primary':true}]}",
      "[{'op':'add','path':'emails','value':[{'value':'b',"
      "'primary':true}]}]", DONE,
      "{" U ",'emails':[{'value':'a','primary':false},{'value':'b',"
      "'primary':true}]}" },
    { "ADD-10: two primaries at once", BOTH, "{" U "}",
      "[{'op':'add','path':'emails','value':[{'value':'a','primary':true},"
      "{'value':'b','primary':true}]}]", SCIM_E_INVALID_VALUE, NULL },
    { "ADD-15: a sub-attribute of all elements", BOTH,
      "{" U ",'emails':[{'value':'a'},{'value':'b'}]}",
      "[{'op':'add','path':'emails.type','value':'work'}]", DONE,
      "{" U ",'emails':[{'value':'a','type':'work'},{'value':'b',"
      "'type':'work'}]}" },
    { "REM-01: remove needs a path", BOTH, "{" U "}", "[{'op':'remove'}]",
      SCIM_E_NO_TARGET, NULL },
    { "REM-03: the last sub-attribute takes the whole with it", BOTH,
      "{" U ",'name':{'givenName':'G'}}",
      "[{'op':'remove','path':'name.givenName'}]", DONE, "{" U "}" },
    { "REM-05: remove the elements that match", BOTH,
      "{" U ",'emails':[{'value':'a','type':'home'},{'value':'b',"
      "'type':'work'}]}",
      "[{'op':'remove','path':'emails[type eq \\'home\\']'}]", DONE,
      "{" U ",'emails':[{'value':'b','type':'work'}]}" },
    { "REM-07: remove one sub-attribute of them", BOTH,
      "{" U ",'emails':[{'value':'b','type':'work','primary':true}]}",
      "[{'op':'remove','path':'emails[type eq \\'work\\'].primary'}]", DONE,
      "{" U ",'emails':[{'value':'b','type':'work'}]}" },
    { "REM-09: remove what is not there", BOTH, "{" U "}",
      "[{'op':'remove','path':'emails[type eq \\'home\\']'},"
      "{'op':'remove','path':'title'}]", DONE, "{" U "}" },
    { "REM-10: a required attribute stays", BOTH, "{" U "}",
      "[{'op':'remove','path':'userName'}]", SCIM_E_MUTABILITY, NULL },
    { "REM-12: remove a whole extension", BOTH,
      "{" U ",'" E "':{'department':'D'}}",
      "[{'op':'remove','path':'" E "'}]", DONE, "{" U "}" },
    { "REM-13: remove with a value removes just that", BOTH,
      "{" U ",'emails':[{'value':'a'},{'value':'b'}]}",
      "[{'op':'Remove','path':'emails','value':[{'value':'a'}]}]", DONE,
      "{" U ",'emails':[{'value':'b'}]}" },
    { "H17: remove of active lets nobody in or out", LENIENT, "{" U "}",
      "[{'op':'remove','path':'active'}]", DONE, "{" U "}" },
    { "REP-07: replace a list", BOTH,
      "{" U ",'emails':[{'value':'a'},{'value':'b'}]}",
      "[{'op':'replace','path':'emails','value':[{'value':'c'}]}]", DONE,
      "{" U ",'emails':[{'value':'c'}]}" },
    { "REP-08: a replaced element loses what was not given", BOTH,
      "{" U ",'addresses':[{'type':'work','region':'R','locality':'L'}]}",
      "[{'op':'replace','path':'addresses[type eq \\'work\\']','value':"
      "{'type':'work','region':'S'}}]", DONE,
      "{" U ",'addresses':[{'type':'work','region':'S'}]}" },
    { "REP-12: primary true flips the others", BOTH,
      "{" U ",'addresses':[{'type':'work','primary':true},"
      "{'type':'home'}]}",
      "[{'op':'replace','path':'addresses[type eq \\'home\\'].primary',"
      "'value':true}]", DONE,
      "{" U ",'addresses':[{'type':'work','primary':false},"
      "{'type':'home','primary':true}]}" },
    { "REP-14: a required attribute cannot be emptied", BOTH, "{" U "}",
      "[{'op':'replace','path':'userName','value':''}]",
      SCIM_E_INVALID_VALUE, NULL },
    { "REP-23: an object for a string", STRICT,
      "{" U ",'emails':[{'value':'b','type':'work'}]}",
      "[{'op':'replace','path':'emails[type eq \\'work\\'].value',"
      "'value':{'x':1}}]", SCIM_E_INVALID_VALUE, NULL },
    { "G16: an empty value makes no element", LENIENT, "{" U "}",
      "[{'op':'replace','path':'emails[type eq \\'work\\'].value',"
      "'value':''}]", DONE, "{" U "}" },
    { "G16: an empty member clears just that one", LENIENT,
      "{" U ",'name':{'givenName':'G','familyName':'F'}}",
      "[{'op':'replace','path':'name','value':{'givenName':''}}]", DONE,
      "{" U ",'name':{'familyName':'F'}}" },
    { "V28: remove, add, replace of one attribute", BOTH,
      "{" U ",'externalId':'0'}",
      "[{'op':'remove','path':'externalId'},{'op':'add','path':"
      "'externalId','value':'1'},{'op':'replace','path':'externalId',"
      "'value':'2'}]", DONE, "{" U ",'externalId':'2'}" }
};

static void run(const case_t *c, int mode, apr_pool_t *pool)
{
    scim_rules_t rules = { !(c->modes & OPEN), mode == STRICT, NULL };
    cJSON *resource = tap_json(c->before, pool);
    cJSON *message = tap_json(apr_pstrcat(pool, "{'schemas':['urn:ietf:params"
                                          ":scim:api:messages:2.0:PatchOp'],"
                                          "'Operations':", c->operations, "}",
                                          NULL), pool);
    apr_array_header_t *notes = scim_note_list(pool);
    scim_error_t *error = scim_patch_apply(resource, message,
                                           &scim_user_type, &rules, notes,
                                           pool);
    const char *name = apr_psprintf(pool, "%s%s", c->name,
                                    mode == STRICT ? " (strict)" : "");

    if (c->error != DONE) {
        is_int(error ? (int) error->kind : DONE, c->error, name);
        return;
    }
    if (!ok(!error && scim_json_equal(resource, tap_json(c->after, pool)),
            name)) {
        printf("#      got: %s\n# expected: %s\n",
               error ? error->detail : scim_json_print(resource, pool),
               c->after);
    }
}

int main(void)
{
    apr_pool_t *root = tap_start();
    size_t i;

    for (i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        apr_pool_t *pool;

        apr_pool_create(&pool, root);
        if (cases[i].modes & LENIENT) {
            run(&cases[i], LENIENT, pool);
        }
        if (cases[i].modes & STRICT) {
            run(&cases[i], STRICT, pool);
        }
        apr_pool_destroy(pool);
    }
    return tap_done(root);
}
