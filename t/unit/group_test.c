/* SPDX-License-Identifier: Apache-2.0 */
/* What requests make of a group: every form in which clients name members,
 * the other attributes, and the errors, lenient and strict. */
#include "tap.h"

#include <apr_lib.h>
#include <apr_strings.h>
#include <apr_tables.h>

#include "../../rules/scim_group_change.h"
#include "../../rules/scim_group_members.h"
#include "../../values/scim_json.h"

#define GROUP "urn:ietf:params:scim:schemas:core:2.0:Group"
#define PATCH_OP "urn:ietf:params:scim:api:messages:2.0:PatchOp"
#define ID "abcdef00-0000-4000-8000-00000000000"
#define OWN_ID ID "f"

#define LENIENT 1
#define STRICT 2
#define BOTH (LENIENT | STRICT)
#define DONE -1                  /* no error is expected */

/* Strings are JSON with ' for ", " as ~; #1 is the id of the member 1 in lower
 * case, ^1 in upper case.  What is expected begins with whether the stored
 * members are kept; then come those that are added and removed, and the
 * attributes. */
typedef struct {
    const char *name;
    int modes;
    const char *request;
    int error;                   /* a scim_error_kind_e, or DONE */
    const char *expected;
} case_t;

static const case_t patches[] = {
    /* The forms of a list of members. */
    { "Entra ID: add a list of objects", BOTH,
      "[{'op':'Add','path':'members','value':[{'$ref':null,'value':'#1'},"
      "{'value':'#2'}]}]", DONE, "keep +12 {}" },
    { "one object", BOTH,
      "[{'op':'add','path':'members','value':{'value':'#1'}}]", DONE,
      "keep +1 {}" },
    { "a list of strings", LENIENT,
      "[{'op':'add','path':'members','value':['#1','^2']}]", DONE,
      "keep +12 {}" },
    { "strictly a string is no element", STRICT,
      "[{'op':'add','path':'members','value':['#1']}]",
      SCIM_E_INVALID_VALUE, "Operation 1: Attribute 'members' must be an"
      " object, not '#1'." },
    { "one string", LENIENT,
      "[{'op':'add','path':'members','value':'^1'}]", DONE, "keep +1 {}" },
    { "strictly a string is no list", STRICT,
      "[{'op':'add','path':'members','value':'#1'}]", SCIM_E_INVALID_VALUE,
      "Operation 1: Attribute 'members' must be a list, not '#1'." },
    { "a list in a string", LENIENT,
      "[{'op':'add','path':'members','value':'[{~value~:~#1~}]'}]", DONE,
      "keep +1 {}" },
    { "an element in a string", LENIENT,
      "[{'op':'add','path':'members','value':['{~value~:~#1~}']}]", DONE,
      "keep +1 {}" },
    { "lists within lists", LENIENT,
      "[{'op':'add','path':'members','value':[[{'value':'#1'}],['#2']]}]",
      DONE, "keep +12 {}" },
    { "a list by place", LENIENT,
      "[{'op':'add','path':'members','value':{'0':{'value':'#1'},"
      "'2':{'value':'#2'}}}]", DONE, "keep +12 {}" },
    { "members within members", LENIENT,
      "[{'op':'add','path':'members','value':{'members':[{'value':'#1'}]}}]",
      DONE, "keep +1 {}" },
    { "members within members, removed", LENIENT,
      "[{'op':'remove','path':'members','value':{'members':[{'value':"
      "'#1'}]}}]", DONE, "keep -1 {}" },
    { "members of a member are not meant", BOTH,
      "[{'op':'add','path':'members','value':{'value':'#1','members':"
      "[{'value':'#2'}]}},{'op':'add','path':'members','value':[{'value':"
      "'#3','members':[{'value':'#4'}]}]}]", DONE, "keep +13 {}" },
    { "$ref alone", BOTH,
      "[{'op':'add','path':'members','value':[{'$ref':'https://x.example/"
      "scim/v2/Users/^1'},{'value':null,'$ref':'../Users/#2'}]}]", DONE,
      "keep +12 {}" },
    { "value before $ref", BOTH,
      "[{'op':'add','path':'members','value':[{'value':'#1',"
      "'$ref':'../Users/#2'}]}]", DONE, "keep +1 {}" },
    { "type, display and operation are not looked at", BOTH,
      "[{'op':'add','path':'members','value':[{'value':'#1','type':'user'},"
      "{'TYPE':'Group','display':'D','VALUE':'#2','operation':'delete'}]}]",
      DONE, "keep +12 {}" },
    { "a value within the value", LENIENT,
      "[{'op':'add','path':'members','value':[{'value':{'value':'#1'}}]}]",
      DONE, "keep +1 {}" },
    { "the core URN", BOTH,
      "[{'op':'add','path':'" GROUP ":members','value':[{'value':'#1'}]},"
      "{'op':'remove','path':'" GROUP ":members[value eq ~#2~]'}]", DONE,
      "keep +1 -2 {}" },
    { "without a path, beside others", BOTH,
      "[{'op':'add','value':{'displayName':'D','members':[{'value':'#1'}]}}]",
      DONE, "keep +1 {'displayName':'D'}" },
    { "replaced without a path", BOTH,
      "[{'op':'replace','value':{'MEMBERS':[{'value':'#1'}],"
      "'externalId':'e'}}]", DONE, "none +1 {'externalId':'e'}" },
    { "the core URN without a path", LENIENT,
      "[{'op':'add','value':{'" GROUP "':{'members':['#1']},"
      "'" GROUP ":members':['#2']}}]", DONE, "keep +12 {}" },

    /* Replace and remove. */
    { "replace", BOTH,
      "[{'op':'replace','path':'members','value':[{'value':'#1'}]}]", DONE,
      "none +1 {}" },
    { "replace with none", BOTH,
      "[{'op':'replace','path':'members','value':[]}]", DONE, "none {}" },
    { "replace with null", BOTH,
      "[{'op':'replace','path':'members','value':null}]", DONE, "none {}" },
    { "E73: remove with a value", BOTH,
      "[{'op':'Remove','path':'members','value':[{'$ref':null,"
      "'value':'#1'}]}]", DONE, "keep -1 {}" },
    { "remove all", BOTH, "[{'op':'remove','path':'members'}]", DONE,
      "none {}" },
    { "remove all, with the value null", BOTH,
      "[{'op':'remove','path':'members','value':null}]", DONE, "none {}" },
    { "REM-13: remove with an empty list removes nothing", BOTH,
      "[{'op':'remove','path':'members','value':[]}]", DONE, "keep {}" },
    { "so it does with an empty object", BOTH,
      "[{'op':'remove','path':'members','value':{}}]", DONE, "keep {}" },
    { "with an empty element", BOTH,
      "[{'op':'remove','path':'members','value':[{},{'value':null}]}]", DONE,
      "keep {}" },
    { "and with null in a list", LENIENT,
      "[{'op':'remove','path':'members','value':[null,'',{'value':''}]}]",
      DONE, "keep {}" },
    { "strictly a list has no null", STRICT,
      "[{'op':'remove','path':'members','value':[null]}]",
      SCIM_E_INVALID_VALUE, "Operation 1: Attribute 'members' must not"
      " contain null." },
    { "nor can null be added", STRICT,
      "[{'op':'add','path':'members','value':null}]", SCIM_E_INVALID_VALUE,
      "Operation 1: Attribute 'members' cannot be added with the value"
      " null." },
    { "add null", LENIENT, "[{'op':'add','path':'members','value':null}]",
      DONE, "keep {}" },
    { "add needs a value", BOTH, "[{'op':'add','path':'members'}]",
      SCIM_E_INVALID_VALUE, "Operation 1: add and replace need a value." },

    /* Filters. */
    { "Entra ID: remove by a filter", BOTH,
      "[{'op':'remove','path':'members[value eq ~^1~]'}]", DONE,
      "keep -1 {}" },
    { "by or", BOTH,
      "[{'op':'remove','path':'members[value eq ~#1~ or (value eq ~#2~ or"
      " $ref eq ~https://x.example/Groups/#3~)]'}]", DONE, "keep -123 {}" },
    { "by type and value", BOTH,
      "[{'op':'remove','path':'members[type eq ~User~ and value eq ~#1~]'},"
      "{'op':'remove','path':'members[value eq ~#2~ and type eq ~User~]'}]",
      DONE, "keep -12 {}" },
    { "without quotation marks", LENIENT,
      "[{'op':'remove','path':'members[value eq #1]'}]", DONE,
      "keep -1 {}" },
    { "a value beside a filter is not looked at", BOTH,
      "[{'op':'remove','path':'members[value eq ~#1~]','value':[]}]", DONE,
      "keep -1 {}" },
    { "what is no id is nobody's", BOTH,
      "[{'op':'remove','path':'members[value eq ~x~ or value eq ~#1~]'}]",
      DONE, "keep -1 {}" },
    { "by display", BOTH,
      "[{'op':'remove','path':'members[display eq ~A~]'}]",
      SCIM_E_INVALID_FILTER, "Operation 1: Members can be selected by eq on"
      " value or $ref only, not by 'members[display eq ~A~]'." },
    { "by type alone", BOTH,
      "[{'op':'remove','path':'members[type eq ~User~]'}]",
      SCIM_E_INVALID_FILTER, NULL },
    { "by types", BOTH, "[{'op':'remove','path':'members[type eq ~User~ and"
      " type eq ~Group~]'}]", SCIM_E_INVALID_FILTER, NULL },
    { "by two values at once", BOTH,
      "[{'op':'remove','path':'members[value eq ~#1~ and value eq ~#2~]'}]",
      SCIM_E_INVALID_FILTER, NULL },
    { "by what they are not", BOTH,
      "[{'op':'remove','path':'members[value ne ~#1~]'}]",
      SCIM_E_INVALID_FILTER, NULL },
    { "by not", BOTH,
      "[{'op':'remove','path':'members[not (value eq ~#1~)]'}]",
      SCIM_E_INVALID_FILTER, NULL },
    { "by presence", BOTH, "[{'op':'remove','path':'members[value pr]'}]",
      SCIM_E_INVALID_FILTER, NULL },
    { "by null", BOTH, "[{'op':'remove','path':'members[value eq null]'}]",
      SCIM_E_INVALID_FILTER, NULL },
    { "by a part", BOTH, "[{'op':'remove','path':'members[value sw ~#1~]'}]",
      SCIM_E_INVALID_FILTER, NULL },
    { "a malformed filter", BOTH,
      "[{'op':'remove','path':'members[value eq]'}]", SCIM_E_INVALID_FILTER,
      NULL },

    /* Single members and what they consist of. */
    { "AMB-03: add what the filter names", BOTH,
      "[{'op':'add','path':'members[value eq ~#1~]','value':{'value':"
      "'^1'}}]", DONE, "keep +1 {}" },
    { "AMB-02: so does replace", LENIENT,
      "[{'op':'replace','path':'members[value eq ~#1~]','value':'#1'}]",
      DONE, "keep +1 {}" },
    { "strictly not", STRICT,
      "[{'op':'replace','path':'members[value eq ~#1~]','value':{'value':"
      "'#1'}}]", SCIM_E_MUTABILITY, NULL },
    { "a member is not made another", BOTH,
      "[{'op':'replace','path':'members[value eq ~#1~]','value':{'value':"
      "'#2'}}]", SCIM_E_MUTABILITY, NULL },
    { "nor does add", BOTH,
      "[{'op':'add','path':'members[value eq ~#1~]','value':{'value':"
      "'#2'}}]", SCIM_E_MUTABILITY, "Operation 1: Attribute 'members[value"
      " eq ~#1~]' is immutable." },
    { "a display within a member is ignored", LENIENT,
      "[{'op':'replace','path':'members[value eq ~#1~]','value':{'display':"
      "'D'}}]", DONE, "keep {}" },
    { "strictly it is immutable", STRICT,
      "[{'op':'add','path':'members[value eq ~#1~]','value':{'display':"
      "'D'}}]", SCIM_E_MUTABILITY, NULL },
    { "AMB-06: display is readOnly", LENIENT,
      "[{'op':'add','path':'members[value eq ~#1~].display','value':'D'}]",
      DONE, "keep {}" },
    { "AMB-06: strictly mutability", STRICT,
      "[{'op':'add','path':'members[value eq ~#1~].display','value':'D'}]",
      SCIM_E_MUTABILITY, "Operation 1: Attribute 'members[value eq ~#1~]"
      ".display' is readOnly." },
    { "type is immutable", LENIENT,
      "[{'op':'replace','path':'members[value eq ~#1~].type','value':'G'},"
      "{'op':'remove','path':'members.$ref'}]", DONE, "keep {}" },
    { "strictly mutability", STRICT,
      "[{'op':'replace','path':'members.type','value':'G'}]",
      SCIM_E_MUTABILITY, "Operation 1: Attribute 'members.type' is"
      " immutable." },
    { "value always", BOTH,
      "[{'op':'replace','path':'members[value eq ~#1~].value','value':"
      "'#2'}]", SCIM_E_MUTABILITY, NULL },

    /* Ids. */
    { "what is no id is unknown", BOTH,
      "[{'op':'add','path':'members','value':[{'value':'#1'},"
      "{'value':'x'}]}]", SCIM_E_INVALID_VALUE, "Operation 1: Attribute"
      " 'members' has ids that do not exist: 'x'." },
    { "the first ones are named", LENIENT,
      "[{'op':'add','path':'displayName','value':'D'},{'op':'add','path':"
      "'members','value':['1','2','#1',3,'4','5','6',{'value':7}]}]",
      SCIM_E_INVALID_VALUE, "Operation 2: Attribute 'members' has ids that do"
      " not exist: '1', '2', '3', '4', '5' and 2 more." },
    { "what is almost an id", LENIENT,
      "[{'op':'add','path':'members','value':['#10','{#1}',"
      "'abcdef00-0000-4000-8000_000000000001']}]", SCIM_E_INVALID_VALUE,
      NULL },
    { "a long one is cut", BOTH,
      "[{'op':'add','path':'members','value':[{'value':'#1#1#1'}]}]",
      SCIM_E_INVALID_VALUE, "Operation 1: Attribute 'members' has ids that do"
      " not exist: '#1abcdef00-0000-4000-8000-'." },
    { "what is no id is nobody to remove", BOTH,
      "[{'op':'remove','path':'members','value':[{'value':'x'},"
      "{'value':'#1'}]}]", DONE, "keep -1 {}" },
    { "strictly a number is no id", STRICT,
      "[{'op':'remove','path':'members','value':[{'value':5}]}]",
      SCIM_E_INVALID_VALUE, "Operation 1: Attribute 'members.value' must be a"
      " string, not 5." },
    { "an element without an id", BOTH,
      "[{'op':'replace','path':'members','value':[{'value':null,"
      "'display':'D'}]}]", SCIM_E_INVALID_VALUE, "Operation 1: Attribute"
      " 'members' has an element without a value." },
    { "to remove, too", BOTH,
      "[{'op':'remove','path':'members','value':[{'type':'User'}]}]",
      SCIM_E_INVALID_VALUE, NULL },

    /* One after the other. */
    { "the later one wins: removed", BOTH,
      "[{'op':'add','path':'members','value':[{'value':'#1'},{'value':'#2'}]}"
      ",{'op':'remove','path':'members[value eq ~#1~]'}]", DONE,
      "keep +2 -1 {}" },
    { "the later one wins: added", BOTH,
      "[{'op':'remove','path':'members','value':[{'value':'^1'}]},"
      "{'op':'add','path':'members','value':[{'value':'#1'}]}]", DONE,
      "keep +1 {}" },
    { "replace forgets", BOTH,
      "[{'op':'add','path':'members','value':[{'value':'#1'}]},"
      "{'op':'remove','path':'members[value eq ~#2~]'},"
      "{'op':'replace','path':'members','value':[{'value':'#3'}]},"
      "{'op':'remove','path':'members[value eq ~#4~]'}]", DONE,
      "none +3 {}" },
    { "twice is once", BOTH,
      "[{'op':'add','path':'members','value':[{'value':'#1'},{'value':'^1'}]}"
      "]", DONE, "keep +1 {}" },
    { "O14: remove one, add one", BOTH,
      "[{'op':'remove','path':'members[value eq ~#1~]'},{'op':'add','path':"
      "'members','value':[{'value':'#2','display':'t@okta.local'}]}]", DONE,
      "keep +2 -1 {}" },

    /* Other attributes. */
    { "Entra ID: rename", BOTH,
      "[{'op':'Replace','path':'displayName','value':'Sales EMEA'}]", DONE,
      "keep {'displayName':'Sales EMEA'}" },
    { "O13: rename with the id", BOTH,
      "[{'op':'replace','value':{'id':'" OWN_ID "','displayName':'D'}}]",
      DONE, "keep {'displayName':'D'}" },
    { "rename with another id", LENIENT,
      "[{'op':'replace','value':{'id':'#1','displayName':'D'}}]", DONE,
      "keep {'displayName':'D'}" },
    { "AMB-06: strictly mutability for another id", STRICT,
      "[{'op':'replace','value':{'id':'#1','displayName':'D'}}]",
      SCIM_E_MUTABILITY, "Operation 1: Attribute 'id' is readOnly." },
    { "meta and schemas are ignored", BOTH,
      "[{'op':'replace','value':{'meta':{'resourceType':'Group'},"
      "'schemas':['" GROUP "'],'externalId':'e'}}]", DONE,
      "keep {'externalId':'e'}" },
    { "the displayName is required", BOTH,
      "[{'op':'remove','path':'displayName'}]", SCIM_E_MUTABILITY, NULL },
    { "and not empty", BOTH,
      "[{'op':'replace','path':'displayName','value':''}]",
      SCIM_E_INVALID_VALUE, NULL },
    { "the externalId is taken away", BOTH,
      "[{'op':'remove','path':'externalId'}]", DONE,
      "keep {'externalId':null}" },
    { "and set after that", BOTH,
      "[{'op':'remove','path':'externalId'},{'op':'add','path':'externalId',"
      "'value':'e'}]", DONE, "keep {'externalId':'e'}" },
    { "and taken away after that", BOTH,
      "[{'op':'add','path':'externalId','value':'e'},"
      "{'op':'replace','path':'externalId','value':null}]", DONE,
      "keep {'externalId':null}" },
    { "unknown attributes are ignored", LENIENT,
      "[{'op':'replace','path':'description','value':'x'},"
      "{'op':'replace','path':'urn:okta:custom:group:1.0:description',"
      "'value':'x'}]", DONE, "keep {}" },
    { "strictly not", STRICT,
      "[{'op':'replace','path':'description','value':'x'}]",
      SCIM_E_UNKNOWN_ATTRIBUTE, NULL },
    { "no operations", LENIENT, "[]", DONE, "keep {}" },
};

/* Messages that are no PatchOp. */
static const case_t messages[] = {
    { "OneLogin 1.1: members with their operations", LENIENT,
      "{'members':[{'value':'#1','operation':'add'},{'value':'#2',"
      "'operation':'Delete'},{'value':'#3'}]}", DONE, "keep +13 -2 {}" },
    { "one of them", LENIENT,
      "{'schemas':['urn:scim:schemas:core:1.0'],'Members':{'value':'#1',"
      "'operation':'delete'}}", DONE, "keep -1 {}" },
    { "none of them", LENIENT, "{'members':[]}", DONE, "keep {}" },
    { "strictly a message has Operations", STRICT,
      "{'schemas':['" PATCH_OP "'],'members':[{'value':'#1'}]}",
      SCIM_E_INVALID_SYNTAX, NULL },
    { "another operation", LENIENT,
      "{'members':[{'value':'#1','operation':'drop'}]}",
      SCIM_E_INVALID_SYNTAX, "operation must be add or delete, not 'drop'." },
    { "an unknown one is added", LENIENT,
      "{'members':[{'value':'x','operation':'add'}]}", SCIM_E_INVALID_VALUE,
      "Attribute 'members' has ids that do not exist: 'x'." },
    { "an unknown one is deleted", LENIENT,
      "{'members':[{'value':'x','operation':'delete'}]}", DONE, "keep {}" },
    { "Operations count", LENIENT,
      "{'members':['#1'],'Operations':[{'op':'add','path':'members',"
      "'value':'#2'}]}", DONE, "keep +2 {}" },
    { "neither", BOTH, "{}", SCIM_E_INVALID_SYNTAX, NULL },
    { "no object", BOTH, "[]", SCIM_E_INVALID_SYNTAX, NULL },
};

#define S "'schemas':['" GROUP "']"

static const case_t bodies[] = {
    { "Entra ID: created empty", LENIENT,
      "{'schemas':['" GROUP "','http://schemas.microsoft.com/2006/11/"
      "ResourceManagement/ADSCIM/2.0/Group'],'externalId':'8aa1',"
      "'displayName':'Sales','meta':{'resourceType':'Group'}}", DONE,
      "none {'externalId':'8aa1','displayName':'Sales'}" },
    { "O15: with members", BOTH,
      "{" S ",'id':'#9','displayName':'D','members':[{'value':'#1',"
      "'display':'x'},{'value':'^2'}]}", DONE,
      "none +12 {'displayName':'D','externalId':null}" },
    { "O12: no members", BOTH, "{" S ",'displayName':'D','members':[]}",
      DONE, "none {'displayName':'D','externalId':null}" },
    { "members null", BOTH, "{" S ",'displayName':'D','members':null}", DONE,
      "none {'displayName':'D','externalId':null}" },
    { "members as strings", LENIENT,
      "{'DisplayName':'D','Members':['#1','#2','']}", DONE,
      "none +12 {'displayName':'D','externalId':null}" },
    { "one member", LENIENT,
      "{'displayName':'D','members':{'value':'#1'}}", DONE,
      "none +1 {'displayName':'D','externalId':null}" },
    { "strictly a list", STRICT,
      "{" S ",'displayName':'D','members':{'value':'#1'}}",
      SCIM_E_INVALID_VALUE,
      "Attribute 'members' must be a list, not {'value':'#1'}." },
    { "with paths for names", LENIENT,
      "{'" GROUP ":displayName':'D','" GROUP "':{'members':['#1']},"
      "'" GROUP ":members':['#2'],'" GROUP ":externalId':'e'}", DONE,
      "none +12 {'displayName':'D','externalId':'e'}" },
    { "the displayName is required", BOTH, "{" S ",'members':[]}",
      SCIM_E_INVALID_VALUE, "Attribute 'displayName' is required." },
    { "and not empty", BOTH, "{" S ",'displayName':''}",
      SCIM_E_INVALID_VALUE, "Attribute 'displayName' is required." },
    { "an unknown member", BOTH,
      "{" S ",'displayName':'D','members':[{'value':'bulkId:x'}]}",
      SCIM_E_INVALID_VALUE,
      "Attribute 'members' has ids that do not exist: 'bulkId:x'." },
    { "strictly with schemas", STRICT, "{'displayName':'D'}",
      SCIM_E_INVALID_SYNTAX, NULL },
    { "no object", BOTH, "['x']", SCIM_E_INVALID_SYNTAX, NULL },
};

/* Reading and showing */

static char *expanded(const char *text, apr_pool_t *pool)
{
    char *result = apr_palloc(pool, strlen(text) * sizeof(ID) + 1);
    char *to = result;

    for (; *text; text++) {
        if (*text == '#' || *text == '^') {
            apr_cpystrn(to, ID, sizeof(ID));
            for (; *to; to++) {
                *to = *text == '^' ? apr_toupper(*to) : *to;
            }
        }
        else if (*text == '~') {
            *to++ = '\\';
            *to++ = '"';
        }
        else {
            *to++ = *text == '\'' ? '"' : *text;
        }
    }
    *to = '\0';
    return result;
}

static cJSON *json_of(const char *text, apr_pool_t *pool)
{
    const char *json = expanded(text, pool);
    cJSON *tree = NULL;

    if (scim_json_parse(&tree, json, strlen(json), pool)) {
        printf("# not JSON: %s\n", json);
    }
    return tree;
}

/* As it is written in the tables; details have their own quotes. */
static const char *shown(const char *text, apr_pool_t *pool)
{
    char *result = apr_palloc(pool, strlen(text) + 1);
    char *to = result;

    while (*text) {
        if (strncmp(text, ID, sizeof(ID) - 1) == 0
            && text[sizeof(ID) - 1] != '-') {
            *to++ = '#';
            text += sizeof(ID) - 1;
        }
        else {
            *to++ = *text == '"' ? '\'' : *text;
            text++;
        }
    }
    *to = '\0';
    return result;
}

static const char *members_of(const apr_array_header_t *ids, const char *sign,
                              apr_pool_t *pool)
{
    const char *text = "";
    int i;

    for (i = 0; i < ids->nelts; i++) {
        const char *id = APR_ARRAY_IDX(ids, i, const char *);

        text = apr_pstrcat(pool, text, i ? "" : sign,
                           strncmp(id, ID, sizeof(ID) - 1) == 0
                           ? id + sizeof(ID) - 1 : id, NULL);
    }
    return text;
}

static const char *text_of(const scim_group_change_t *change,
                           apr_pool_t *pool)
{
    return apr_pstrcat(pool, change->keep ? "keep" : "none",
                       members_of(change->added, " +", pool),
                       members_of(change->removed, " -", pool), " ",
                       shown(scim_json_print(change->attributes, pool), pool),
                       NULL);
}

/* The same with the quotation marks of JSON in the text of an error. */
static const char *detail_of(const char *text, apr_pool_t *pool)
{
    char *detail = apr_pstrdup(pool, text);
    char *c;

    for (c = detail; *c; c++) {
        *c = *c == '~' ? '\'' : *c;
    }
    return detail;
}

typedef enum { PATCHES, MESSAGES, BODIES } kind_e;

static scim_error_t *read_request(scim_group_change_t *change, kind_e kind,
                                  const char *request,
                                  const scim_rules_t *rules,
                                  apr_pool_t *pool)
{
    apr_array_header_t *notes = scim_note_list(pool);
    const char *message = kind != PATCHES ? request
        : apr_pstrcat(pool, "{'schemas':['" PATCH_OP "'],'Operations':",
                      request, "}", NULL);
    const cJSON *tree = json_of(message, pool);

    return kind == BODIES
           ? scim_group_change_read(change, tree, rules, notes, pool)
           : scim_group_change_patch(change, OWN_ID, tree, rules, notes,
                                     pool);
}

static void run_case(const case_t *c, kind_e kind, int mode, apr_pool_t *pool)
{
    scim_rules_t rules = { 0, mode == STRICT, NULL };
    const char *name = apr_psprintf(pool, "%s%s", c->name,
                                    mode == STRICT ? " (strict)" : "");
    scim_group_change_t change;
    scim_error_t *error = read_request(&change, kind, c->request, &rules,
                                       pool);

    if (c->error == DONE) {
        is_str(error ? error->detail : text_of(&change, pool), c->expected,
               name);
        return;
    }
    is_int(error ? (int) error->kind : DONE, c->error, name);
    if (error && c->expected) {
        is_str(shown(error->detail, pool), detail_of(c->expected, pool),
               apr_pstrcat(pool, name, ": detail", NULL));
    }
}

static void run_cases(const case_t *cases, size_t count, kind_e kind,
                      apr_pool_t *root)
{
    size_t i;

    for (i = 0; i < count; i++) {
        apr_pool_t *pool;

        apr_pool_create(&pool, root);
        if (cases[i].modes & LENIENT) {
            run_case(&cases[i], kind, LENIENT, pool);
        }
        if (cases[i].modes & STRICT) {
            run_case(&cases[i], kind, STRICT, pool);
        }
        apr_pool_destroy(pool);
    }
}

/* Notes and work */

static const char *noted(const apr_array_header_t *notes, int i,
                         apr_pool_t *pool)
{
    return scim_note_text(&APR_ARRAY_IDX(notes, i, scim_note_t), pool);
}

static void test_notes(apr_pool_t *pool)
{
    scim_rules_t rules = { 0, 0, NULL };
    apr_array_header_t *notes = scim_note_list(pool);
    scim_group_change_t change;
    scim_error_t *error = scim_group_change_patch(
        &change, OWN_ID, json_of(
            "{'Operations':[{'op':'add','path':'members[value eq ~#1~].type',"
            "'value':'x'},{'op':'add','path':'members.display','value':'x'},"
            "{'op':'add','path':'shoe','value':'x'}]}", pool),
        &rules, notes, pool);

    ok(!error && notes->nelts == 3, "what is ignored is noted");
    if (notes->nelts == 3) {
        is_str(noted(notes, 0, pool),
               "immutable attribute 'members[...].type' ignored",
               "what is immutable, without the value of the filter");
        is_str(noted(notes, 1, pool),
               "readOnly attribute 'members.display' ignored",
               "what is readOnly");
        is_str(noted(notes, 2, pool),
               "unknown attribute 'shoe' ignored", "what is unknown");
    }
}

#define MANY 50000

static cJSON *many_members(apr_pool_t *pool)
{
    cJSON *list = cJSON_CreateArray();
    cJSON *body = scim_json_own(cJSON_CreateObject(), pool);
    int i;

    for (i = 0; i < MANY; i++) {
        cJSON *element = cJSON_CreateObject();

        cJSON_AddStringToObject(element, "value",
                                apr_psprintf(pool, "%08x-0000-4000-8000-"
                                             "000000000000", i));
        cJSON_AddStringToObject(element, "display", "somebody");
        cJSON_AddItemToArray(list, element);
    }
    scim_json_put_text(body, "displayName", "D");
    scim_json_put(body, "members", list);
    return body;
}

static void test_many(apr_pool_t *pool)
{
    scim_work_t work = scim_work_begin();
    scim_rules_t rules = { 0, 0, &work };
    const cJSON *body = many_members(pool);
    apr_array_header_t *notes = scim_note_list(pool);
    scim_group_change_t change;
    scim_error_t *error = scim_group_change_read(&change, body, &rules, notes,
                                                 pool);

    ok(!error && !change.keep && change.added->nelts == MANY
       && change.removed->nelts == 0, "there is no limit to a group");
    ok(work.left > SCIM_WORK_LIMIT / 10 * 9, "and little work");
    work.left = SCIM_WORK_VALUE * (MANY - 1);
    error = scim_group_change_read(&change, body, &rules, notes, pool);
    is_int(error ? (int) error->kind : DONE, SCIM_E_TOO_MANY,
           "but each member is some");
}

#define RUN(table, kind, pool) \
    run_cases(table, sizeof(table) / sizeof(*(table)), kind, pool)

int main(void)
{
    apr_pool_t *pool = tap_start();

    RUN(patches, PATCHES, pool);
    RUN(messages, MESSAGES, pool);
    RUN(bodies, BODIES, pool);
    test_notes(pool);
    test_many(pool);
    return tap_done(pool);
}
