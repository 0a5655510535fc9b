/* SPDX-License-Identifier: Apache-2.0 */
/* Filters: a filter that was printed is parsed as the same one, and selects
 * the same resources. */
#include "filter_text.h"
#include "fuzz.h"

#define RESOURCES 3
static const cJSON *resources[RESOURCES];
static cJSON *elements;

void fuzz_begin(apr_pool_t *pool)
{
    resources[0] = json_of("{}", pool);
    resources[1] = json_of(
        "{'schemas':['" SCIM_URN_USER "','" SCIM_URN_ENTERPRISE "'],"
        "'id':'2819c223-7f76-453a-919d-413861904646','externalId':'701984',"
        "'meta':{'resourceType':'User','created':'2010-01-23T04:56:22Z',"
        "'lastModified':'2011-05-13T04:42:34.123456Z','version':'W/\\'3\\'',"
        "'location':'https://example.com/v2/Users/2819c223'},"
        "'userName':'bjensen@example.com','displayName':'Babs',"
        "'name':{'familyName':'Jensen','givenName':'B\\u00e4rbara'},"
        "'active':true,'title':'','timezone':'Asia/Tokyo',"
        "'emails':[{'value':'b@example.com','type':'work','primary':true},"
        "{'value':'b@jensen.org','type':'home'}],'roles':[{'value':'ADMIN'}],"
        "'x509Certificates':[{'value':'MIIDQzCC'}],"
        "'" SCIM_URN_ENTERPRISE "':{'employeeNumber':'701984',"
        "'manager':{'value':'26118915'}}}", pool);
    resources[2] = json_of("{'id':'ADMIN','value':'ADMIN','supported':true,"
                           "'totalAssignmentsUsed':17,"
                           "'containedBy':['a','b']}", pool);
    elements = scim_json_member(resources[1], "emails");
}

/* The operands' strings are those of the tables, so each is the same one. */
static int same_operand(const scim_operand_t *a, const scim_operand_t *b)
{
    return a->container == b->container && a->name == b->name
           && a->sub == b->sub && a->compare == b->compare
           && a->attribute == b->attribute
           && a->sub_attribute == b->sub_attribute
           && a->multi_valued == b->multi_valued;
}

static int same_literal(const scim_literal_t *a, const scim_literal_t *b)
{
    if (a->kind != b->kind) {
        return 0;
    }
    switch (a->kind) {
    case SCIM_LITERAL_BOOLEAN:
        return a->boolean == b->boolean;
    case SCIM_LITERAL_NUMBER:
        return a->number == b->number && strcmp(a->text, b->text) == 0;
    case SCIM_LITERAL_STRING:
    case SCIM_LITERAL_INSTANT:
        return a->instant == b->instant && strcmp(a->text, b->text) == 0;
    default:
        return 1;
    }
}

static int same(const scim_filter_t *a, const scim_filter_t *b)
{
    if (!a || !b) {
        return a == b;
    }
    return a->kind == b->kind && same_operand(&a->operand, &b->operand)
           && a->op == b->op && same_literal(&a->literal, &b->literal)
           && same(a->left, b->left) && same(a->right, b->right);
}

static void must_be_alike(const scim_filter_t *filter,
                          const scim_filter_t *again, const cJSON *resource,
                          apr_pool_t *pool)
{
    const scim_filter_t negated = { .kind = SCIM_FILTER_NOT,
                                    .left = (scim_filter_t *) filter };
    int is_met = scim_filter_match(filter, resource, pool);

    must(scim_filter_match(filter, resource, pool) == is_met,
         "a filter says the same each time");
    must(scim_filter_match(again, resource, pool) == is_met,
         "and so does what it is printed as");
    must(scim_filter_match(&negated, resource, pool) == !is_met,
         "and its negation the contrary");
}

static void check_matches(const scim_filter_t *filter,
                          const scim_filter_t *again, apr_pool_t *pool)
{
    const cJSON *element;
    int i;

    for (i = 0; i < RESOURCES; i++) {
        must_be_alike(filter, again, resources[i], pool);
    }
    cJSON_ArrayForEach(element, elements) {
        must_be_alike(filter, again, element, pool);
    }
}

void fuzz(const char *bytes, apr_size_t length, apr_pool_t *pool)
{
    unsigned mode = take_mode(&bytes, &length);
    const char *text = utf8_text(bytes, length, pool);
    scim_rules_t rules = rules_of(mode);
    const scim_resource_type_t *type = mode & 4 ? &scim_role_type
                                                : &scim_user_type;
    scim_resolver_t resolver = mode & 8
        ? scim_schema_resolver_any(type, &rules)
        : scim_schema_resolver(type, &rules);
    scim_filter_t *filter = NULL;
    scim_filter_t *again = NULL;
    scim_error_t *error = scim_filter_parse(&filter, text, &resolver, pool);
    int depth;

    if (error) {
        must(error->kind == SCIM_E_INVALID_FILTER, "one kind of error");
        return;
    }
    text = filter_text(filter, &depth, pool);
    /* A suffix after brackets is printed between them, with parentheses. */
    if (depth > SCIM_FILTER_MAX_DEPTH
        || strlen(text) > SCIM_FILTER_MAX_LENGTH) {
        return;
    }
    error = scim_filter_parse(&again, text, &resolver, pool);
    if (error) {
        fprintf(stderr, "%s\n%s\n", text, error->detail);
    }
    must(!error, "what is printed is parsed");
    must(same(filter, again), "as what it was");
    check_matches(filter, again, pool);
}
