/* SPDX-License-Identifier: Apache-2.0 */
/* The attribute table and what follows from it: normalising, validating,
 * projecting. */
#include "tap.h"
#include "tap_json.h"

#include <apr_strings.h>
#include <apr_tables.h>

#include "../../values/scim_json.h"
#include "../../rules/scim_patch.h"
#include "../../rules/scim_schema.h"

#define ENT "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
#define CORE "urn:ietf:params:scim:schemas:core:2.0:User"
#define E ENT
#define U "'schemas':['" CORE "'],'userName':'a'"
#define READ -1                  /* no error is expected */

/* The table is consistent: no row contradicts another. */
static void check_row(const scim_attribute_t *row, const char *where,
                      apr_pool_t *pool)
{
    const char *name = apr_pstrcat(pool, where, row->name, NULL);
    const scim_attribute_t *sub;

    ok(row->description && *row->description,
       apr_pstrcat(pool, "DISC-25: described: ", name, NULL));
    ok((row->type == SCIM_COMPLEX) == (row->subs != NULL),
       apr_pstrcat(pool, "complex means sub-attributes: ", name, NULL));
    ok((row->type == SCIM_REFERENCE) == (row->reference_types != NULL),
       apr_pstrcat(pool, "reference means reference types: ", name, NULL));
    ok(row->type != SCIM_REFERENCE || row->case_exact || row->multi_valued,
       apr_pstrcat(pool, "references are case-exact: ", name, NULL));
    for (sub = row->subs; sub && sub->name; sub++) {
        ok(sub->type != SCIM_COMPLEX,
           apr_pstrcat(pool, "DISC-27: simple: ", name, ".", sub->name,
                       NULL));
        check_row(sub, apr_pstrcat(pool, name, ".", NULL), pool);
    }
}

static void check_tables(const scim_resource_type_t *type, const char *where,
                         apr_pool_t *pool)
{
    const scim_attribute_t *row;
    const scim_schema_t *const *extension;

    for (row = type->common; row->name; row++) {
        check_row(row, where, pool);
    }
    for (row = type->core->attributes; row->name; row++) {
        check_row(row, where, pool);
    }
    for (extension = type->extensions; *extension; extension++) {
        for (row = (*extension)->attributes; row->name; row++) {
            check_row(row, "E:", pool);
        }
    }
}

/* RFC 7643 sections 4.2 and 8.7.1. */
static void test_group(apr_pool_t *pool)
{
    static const char *const immutable[] = { "value", "$ref", "type" };
    const scim_attribute_t *table = scim_group_type.core->attributes;
    const scim_attribute_t *members = scim_attribute_find(table, "members");
    scim_rules_t rules = { 0, 1, NULL };
    size_t i;

    check_tables(&scim_group_type, "G:", pool);
    ok(scim_attribute_is_required(scim_attribute_find(table, "displayName"),
                                  &rules), "a Group has a displayName");
    ok(scim_attribute_find(scim_group_type.common, "externalId")->mutability
       == SCIM_READ_WRITE, "and may have an externalId");
    ok(scim_attribute_find(table, "displayName")->type == SCIM_STRING
       && !table[2].name, "which is all that scim_group_change expects");
    ok(members->multi_valued && !members->required
       && members->mutability == SCIM_READ_WRITE, "and members");
    for (i = 0; i < sizeof(immutable) / sizeof(*immutable); i++) {
        ok(scim_attribute_find(members->subs, immutable[i])->mutability
           == SCIM_IMMUTABLE,
           apr_pstrcat(pool, "immutable: members.", immutable[i], NULL));
    }
    ok(scim_attribute_find(members->subs, "display")->mutability
       == SCIM_READ_ONLY, "readOnly: members.display");
}

static void test_table(apr_pool_t *pool)
{
    check_tables(&scim_user_type, "", pool);
    ok(scim_attribute_find(scim_user_type.core->attributes, "USERNAME")
       == scim_attribute_find(scim_user_type.core->attributes, "userName"),
       "ATTR-01: names are found in any case");
    ok(!scim_attribute_find(scim_user_type.core->attributes, "password"),
       "password is not in the schema");
    ok(!scim_attribute_find(scim_user_type.core->attributes, ""),
       "no attribute has an empty name");
}

typedef struct {
    const char *name;
    int strict;
    const char *body;
    int error;
    const char *resource;
    int notes;
} read_t;

static const read_t reads[] = {
    { "ATTR-01: names in the schema's spelling", 0,
      "{'USERNAME':'a','Name':{'GIVENNAME':'g'},'EMAILS':[{'VALUE':'x'}]}",
      READ, "{'userName':'a','name':{'givenName':'g'},"
      "'emails':[{'value':'x'}]}", 0 },
    { "H9: booleans as strings", 0, "{'userName':'a','active':'FALSE',"
      "'emails':[{'value':'x','primary':'true'}]}", READ,
      "{'userName':'a','active':false,'emails':[{'value':'x',"
      "'primary':true}]}", 0 },
    { "TYPE-04: strictly not", 1, "{'schemas':['" CORE "'],'userName':'a',"
      "'active':'False'}", SCIM_E_INVALID_VALUE, NULL, 0 },
    { "TYPE-04: \"yes\" never", 0, "{'userName':'a','active':'yes'}",
      SCIM_E_INVALID_VALUE, NULL, 0 },
    { "TYPE-04: 2 never", 0, "{'userName':'a','active':2}",
      SCIM_E_INVALID_VALUE, NULL, 0 },
    { "TYPE-04: 1 strictly never", 1, "{" U ",'active':1}",
      SCIM_E_INVALID_VALUE, NULL, 0 },
    { "H9: 1 and 0 are booleans", 0, "{'userName':'a','active':0,"
      "'emails':[{'value':'x','primary':1}]}", READ, "{'userName':'a',"
      "'active':false,'emails':[{'value':'x','primary':true}]}", 0 },
    { "H37: a number for a string", 0, "{'userName':'a','externalId':701984}",
      READ, "{'userName':'a','externalId':'701984'}", 0 },
    { "H37: with all its digits", 0, "{'userName':'a','externalId':"
      "9007199254740991}", READ,
      "{'userName':'a','externalId':'9007199254740991'}", 0 },
    { "H15: null and \"\" are absent", 0, "{'userName':'a','title':'',"
      "'nickName':null,'emails':[],'name':{'givenName':''},'roles':[null]}",
      READ, "{'userName':'a'}", 0 },
    { "H36: an object for a list", 0, "{'userName':'a','emails':"
      "{'value':'x'}}", READ, "{'userName':'a','emails':[{'value':'x'}]}",
      0 },
    { "H36: strictly not", 1, "{'schemas':['" CORE "'],'userName':'a',"
      "'emails':{'value':'x'}}", SCIM_E_INVALID_VALUE, NULL, 0 },
    { "H14: strings for elements", 0, "{'userName':'a','roles':['A','B']}",
      READ, "{'userName':'a','roles':[{'value':'A'},{'value':'B'}]}", 0 },
    { "E28: a string for a complex value", 0, "{'userName':'a','" ENT
      "':{'manager':'1'}}", READ, "{'userName':'a','" ENT
      "':{'manager':{'value':'1'}}}", 0 },
    { "H33: readOnly members are left out", 0, "{'userName':'a','id':'x',"
      "'meta':{'version':'1'},'groups':[{'value':'g'}]}", READ,
      "{'userName':'a'}", 0 },
    { "unknown members are left out and noted", 0, "{'userName':'a',"
      "'shoeSize':43,'name':{'nick':'x'},'urn:x:y':{'a':1}}", READ,
      "{'userName':'a'}", 3 },
    { "H35: foreign schemas", 0, "{'schemas':['urn:scim:schemas:core:1.0'],"
      "'userName':'a'}", READ, "{'userName':'a'}", 0 },
    { "RES-02: strictly they are refused", 1, "{'schemas':['" CORE
      "','urn:x'],'userName':'a'}", SCIM_E_INVALID_SYNTAX, NULL, 0 },
    { "RES-01: strictly schemas is needed", 1, "{'userName':'a'}",
      SCIM_E_INVALID_SYNTAX, NULL, 0 },
    { "TYPE-20: a list for a single value", 0,
      "{'userName':'a','title':['x','y']}", SCIM_E_INVALID_VALUE, NULL, 0 },
    { "TYPE-20: an object for a string", 0,
      "{'userName':'a','title':{'x':'y'}}", SCIM_E_INVALID_VALUE, NULL, 0 },
    { "TYPE-20: strictly an empty object for a string", 1,
      "{" U ",'title':{}}", SCIM_E_INVALID_VALUE, NULL, 0 },

    /* Absence: one meaning, whatever the attribute */
    { "absent is \"\"", 0, "{'userName':'a','active':'','title':'',"
      "'name':'','emails':'','addresses':'','" E "':''}", READ,
      "{'userName':'a'}", 0 },
    { "absent is []", 0, "{'userName':'a','active':[],'title':[],"
      "'name':[],'emails':[],'addresses':[],'" E "':[]}", READ,
      "{'userName':'a'}", 0 },
    { "absent is {}", 0, "{'userName':'a','active':{},'title':{},"
      "'name':{},'emails':{},'addresses':{},'" E "':{}}", READ,
      "{'userName':'a'}", 0 },
    { "absent is null", 0, "{'userName':'a','active':null,'title':null,"
      "'name':null,'emails':null,'addresses':null,'" E "':null}", READ,
      "{'userName':'a'}", 0 },
    { "absent is a list of what is absent", 0, "{'userName':'a','title':[''],"
      "'name':[{}],'emails':[null,''],'addresses':[''],'phoneNumbers':[[]],"
      "'" E "':[{}]}", READ, "{'userName':'a'}", 0 },
    { "absent is an empty list in a string", 0, "{'userName':'a',"
      "'title':'[]','name':'{}','emails':'[]','roles':'{}','active':'[]'}",
      READ, "{'userName':'a'}", 0 },
    { "absent at each depth", 0, "{'userName':'a','name':{'givenName':[],"
      "'familyName':{}},'" E "':{'department':[''],'manager':[]}}", READ,
      "{'userName':'a'}", 0 },
    { "strictly [] is absent", 1, "{" U ",'title':[],'emails':[]}", READ,
      "{'userName':'a'}", 0 },
    { "strictly \"\" is a string", 1, "{" U ",'title':''}", READ,
      "{'userName':'a','title':''}", 0 },
    { "strictly \"\" is no list", 1, "{" U ",'emails':''}",
      SCIM_E_INVALID_VALUE, NULL, 0 },

    /* Shapes */
    { "one value in a list", 0, "{'userName':['a'],'title':['x'],"
      "'active':['False'],'name':[{'givenName':['g']}],'" E "':"
      "[{'department':[{'$ref':null,'value':'Engineering'}]}]}", READ,
      "{'userName':'a','title':'x','active':false,'name':{'givenName':'g'},"
      "'" E "':{'department':'Engineering'}}", 0 },
    { "a list in a string", 0, "{'userName':'a','emails':"
      "'[{\\\"value\\\":\\\"x\\\"}]','preferredLanguage':'[\\\"de\\\"]'}",
      READ, "{'userName':'a','emails':[{'value':'x'}],"
      "'preferredLanguage':'de'}", 0 },
    { "an object in a string", 0, "{'userName':'a','name':"
      "'{\\\"givenName\\\":\\\"g\\\"}','emails':'{\\\"value\\\":\\\"x\\\"}'}",
      READ, "{'userName':'a','emails':[{'value':'x'}],"
      "'name':{'givenName':'g'}}", 0 },
    { "a list within a list", 0, "{'userName':'a','emails':[['x'],"
      "[{'value':'y'}]]}", READ,
      "{'userName':'a','emails':[{'value':'x'},{'value':'y'}]}", 0 },
    { "a list of strings in a string", 0, "{'userName':'a','title':"
      "'[\\\"x\\\",\\\"y\\\"]'}", SCIM_E_INVALID_VALUE, NULL, 0 },
    { "broken JSON for a list", 0, "{'userName':'a','emails':'[{'}",
      SCIM_E_INVALID_VALUE, NULL, 0 },
    { "broken JSON for a value", 0, "{'userName':'a','roles':"
      "[{'value':'{x'}]}", SCIM_E_INVALID_VALUE, NULL, 0 },
    { "broken JSON for an object", 0, "{'userName':'a','name':'{x'}",
      SCIM_E_INVALID_VALUE, NULL, 0 },
    { "a $ref that ends with nothing names nobody", 0, "{'userName':'a','" E
      "':{'manager':{'$ref':'https://x/Users/'}}}", READ, "{'userName':'a'}",
      0 },
    { "a $ref that ends with broken JSON", 0, "{'userName':'a','" E
      "':{'manager':[{'$ref':'https://x/Users/['}]}}", SCIM_E_INVALID_VALUE,
      NULL, 0 },
    { "text in brackets is text", 0, "{'userName':'a','title':'[Acme] x',"
      "'displayName':'[42]'}", READ,
      "{'userName':'a','title':'[Acme] x','displayName':'[42]'}", 0 },
    { "strictly a list in a string is no list", 1, "{" U ",'emails':'[]'}",
      SCIM_E_INVALID_VALUE, NULL, 0 },
    { "strictly a list of one is no string", 1, "{" U ",'title':['x']}",
      SCIM_E_INVALID_VALUE, NULL, 0 },

    /* Names that are paths */
    { "a dotted name", 0, "{'userName':'a','name.givenName':'g'}", READ,
      "{'userName':'a','name':{'givenName':'g'}}", 0 },
    { "a name with the core URN", 0, "{'" SCIM_URN_USER ":userName':'a'}",
      READ, "{'userName':'a'}", 0 },
    { "the core URN with an object", 0, "{'" SCIM_URN_USER "':"
      "{'userName':'a','title':'x'}}", READ,
      "{'userName':'a','title':'x'}", 0 },
    { "a name with an extension's URN", 0, "{'userName':'a','" E
      ":department':'d','" E ".division':'v'}", READ, "{'userName':'a','" E
      "':{'department':'d','division':'v'}}", 0 },
    { "a dotted name in an extension", 0, "{'userName':'a','" E
      "':{'manager.value':'m'}}", READ,
      "{'userName':'a','" E "':{'manager':{'value':'m'}}}", 0 },
    { "a name with brackets", 0, "{'userName':'a',"
      "'emails[type eq \\\"work\\\"].value':'x'}", READ,
      "{'userName':'a','emails':[{'type':'work','value':'x'}]}", 0 },
    { "a name that is no path", 0, "{'userName':'a','@odata.type':'x',"
      "'$x':1,'a b':2,'':3}", READ, "{'userName':'a'}", 4 },
    { "a broken path to an attribute", 0, "{'userName':'a','emails[':'x'}",
      SCIM_E_INVALID_FILTER, NULL, 0 },
    { "TYPE-10: no base64", 0, "{'userName':'a','x509Certificates':"
      "[{'value':'%'}]}", SCIM_E_INVALID_VALUE, NULL, 0 },
    { "a body that is a list", 0, "[]", SCIM_E_INVALID_SYNTAX, NULL, 0 }
};

static void test_read(apr_pool_t *pool)
{
    size_t i;

    for (i = 0; i < sizeof(reads) / sizeof(*reads); i++) {
        const read_t *c = &reads[i];
        scim_rules_t rules = { 0, c->strict, NULL };
        apr_array_header_t *notes = scim_note_list(pool);
        cJSON *resource = NULL;
        scim_error_t *error = scim_patch_read(&resource,
                                              tap_json(c->body, pool),
                                              &scim_user_type, &rules,
                                              notes, pool);

        if (c->error != READ) {
            is_int(error ? (int) error->kind : READ, c->error, c->name);
            continue;
        }
        if (!ok(!error && scim_json_equal(resource,
                                          tap_json(c->resource, pool)),
                c->name)) {
            printf("#      got: %s\n# expected: %s\n",
                   error ? error->detail : scim_json_print(resource, pool),
                   c->resource);
        }
        is_int(notes->nelts, c->notes, apr_pstrcat(pool, c->name,
                                                   ": notes", NULL));
    }
}

/* To compare elements, their values are folded. */
static void test_work(apr_pool_t *pool)
{
    cJSON *resource = tap_json(apr_psprintf(pool, "{'userName':'a','emails':"
                                            "[{'value':'%01000d'},"
                                            "{'value':'x'}]}", 0), pool);
    scim_work_t work = scim_work_begin();
    scim_rules_t rules = { 0, 0, &work };

    ok(!scim_schema_validate(resource, NULL, &scim_user_type, &rules, pool),
       "two elements");
    ok(SCIM_WORK_LIMIT - work.left >= 1000 * SCIM_WORK_KEY,
       "take work for their length");
}

/* A number that does not fit any integer type is refused without a cast. */
static void test_integers(apr_pool_t *pool)
{
    static const scim_attribute_t attribute = { .name = "n",
                                                .type = SCIM_INTEGER };
    static const struct {
        const char *value;
        int is_integer;
    } cases[] = {
        { "0", 1 }, { "-7", 1 }, { "9007199254740992", 1 }, { "1e3", 1 },
        { "1.5", 0 }, { "7e87", 0 }, { "-7e87", 0 }, { "1e308", 0 },
        { "9.3e18", 0 }, { "true", 0 }
    };
    static const scim_rules_t rules = { 0, 0, NULL };
    size_t i;

    for (i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        cJSON *normal = NULL;
        scim_error_t *error
            = scim_schema_normalise(&normal, &attribute,
                                    tap_json(cases[i].value, pool), "n",
                                    &rules, NULL, pool);

        is_int(error == NULL, cases[i].is_integer,
               apr_psprintf(pool, "an integer: %s", cases[i].value));
        cJSON_Delete(normal);
    }
}

/* Whether a body with this member is accepted. */
static int is_taken(const char *member, apr_pool_t *pool)
{
    scim_work_t work = scim_work_begin();
    scim_rules_t rules = { 0, 0, &work };
    apr_array_header_t *notes = scim_note_list(pool);
    const char *body = apr_psprintf(pool, "{'userName':'a',%s}", member);
    cJSON *resource = NULL;
    cJSON *rest = NULL;
    scim_error_t *error = scim_schema_read(&resource, &rest,
                                           tap_json(body, pool),
                                           &scim_user_type, &rules, notes,
                                           pool);

    if (error) {
        is_int(error->kind, SCIM_E_INVALID_VALUE, error->detail);
    }
    return error == NULL;
}

static const char *emails(int count, apr_pool_t *pool)
{
    apr_array_header_t *all = apr_array_make(pool, count, sizeof(char *));
    int i;

    for (i = 0; i < count; i++) {
        APR_ARRAY_PUSH(all, const char *) = apr_psprintf(pool, "'e%d'", i);
    }
    return apr_psprintf(pool, "'emails':[%s]",
                        apr_array_pstrcat(pool, all, ','));
}

static void test_bounds(apr_pool_t *pool)
{
    ok(is_taken(apr_psprintf(pool, "'title':'%065536d'", 0), pool),
       "a text of 65536 bytes is taken");
    ok(!is_taken(apr_psprintf(pool, "'title':'%065537d'", 0), pool),
       "a longer one is refused");
    ok(is_taken(emails(SCIM_MAX_ELEMENTS, pool), pool),
       "a list of as many elements as there may be is taken");
    ok(!is_taken(emails(SCIM_MAX_ELEMENTS + 1, pool), pool),
       "a list of one more is refused");
}

static void test_validate(apr_pool_t *pool)
{
    static const struct {
        const char *name;
        int managed;
        const char *resource;
        int error;
        const char *after;       /* NULL: as before */
    } cases[] = {
        { "userName is required", 0, "{'title':'x'}", SCIM_E_INVALID_VALUE,
          NULL },
        { "displayName is, in profile managed", 1, "{'userName':'a'}",
          SCIM_E_INVALID_VALUE, NULL },
        { "but not in profile open", 0, "{'userName':'a'}", READ, NULL },
        { "ATTR-25: two primary elements", 0, "{'userName':'a','emails':["
          "{'value':'x','primary':true},{'value':'y','primary':true}]}",
          SCIM_E_INVALID_VALUE, NULL },
        { "ATTR-27: the same element twice", 0, "{'userName':'a','emails':["
          "{'value':'x','type':'work'},{'value':'x','type':'work'},"
          "{'value':'x','type':'home'}]}", READ, "{'userName':'a','emails':["
          "{'value':'x','type':'work'},{'value':'x','type':'home'}]}" }
    };
    size_t i;

    for (i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        scim_rules_t rules = { cases[i].managed, 0, NULL };
        cJSON *resource = tap_json(cases[i].resource, pool);
        scim_error_t *error = scim_schema_validate(resource, NULL,
                                                   &scim_user_type, &rules,
                                                   pool);

        is_int(error ? (int) error->kind : READ, cases[i].error,
               cases[i].name);
        if (!error && cases[i].after) {
            ok(scim_json_equal(resource, tap_json(cases[i].after, pool)),
               apr_pstrcat(pool, cases[i].name, ": is kept once", NULL));
        }
    }
}

static void test_present(apr_pool_t *pool)
{
    static const char text[] =
        "{'userName':'a','title':'T','id':'1','name':{'givenName':'g',"
        "'familyName':'f'},'emails':[{'value':'x','type':'work'}],'" ENT
        "':{'department':'D','division':'V'},'meta':{'version':'2'}}";
    static const struct {
        const char *attributes;
        const char *excluded;
        const char *answer;
    } cases[] = {
        { "userName", NULL, "{'schemas':['" CORE "'],'id':'1',"
          "'userName':'a'}" },
        { "NAME.givenname, emails.type", NULL, "{'schemas':['" CORE
          "'],'id':'1','name':{'givenName':'g'},"
          "'emails':[{'type':'work'}]}" },
        { ENT ":division", NULL, "{'schemas':['" CORE "','" ENT
          "'],'id':'1','" ENT "':{'division':'V'}}" },
        { NULL, "name,emails,meta,id," ENT, "{'schemas':['" CORE
          "'],'id':'1','userName':'a','title':'T'}" },
        { "", "", NULL }, { "nosuch,,", NULL, "{'schemas':['" CORE
          "'],'id':'1'}" }
    };
    cJSON *resource = tap_json(text, pool);
    size_t i;

    for (i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        const char *name = apr_psprintf(pool, "PROJ: '%s' without '%s'",
                                        cases[i].attributes
                                        ? cases[i].attributes : "",
                                        cases[i].excluded
                                        ? cases[i].excluded : "");
        scim_projection_t *projection = NULL;
        scim_error_t *error = scim_projection_make(&projection,
                                                   cases[i].attributes,
                                                   cases[i].excluded,
                                                   &scim_user_type, pool);
        cJSON *answer = scim_json_own(
            scim_schema_present(resource, &scim_user_type, projection, pool),
            pool);

        if (!cases[i].answer) {
            ok(!error && !projection, "PROJ-12: empty lists are none");
            continue;
        }
        if (!ok(!error && scim_json_equal(answer,
                                          tap_json(cases[i].answer, pool)),
                name)) {
            printf("#      got: %s\n", scim_json_print(answer, pool));
        }
    }
}

int main(void)
{
    apr_pool_t *pool = tap_start();

    test_table(pool);
    test_group(pool);
    test_read(pool);
    test_work(pool);
    test_integers(pool);
    test_bounds(pool);
    test_validate(pool);
    test_present(pool);
    return tap_done(pool);
}
