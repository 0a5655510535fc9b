/* SPDX-License-Identifier: Apache-2.0 */
/* PATCH on JSON, see scim_patch.h for the plan.  scim_patch_message.c reads
 * the message and calls scim_patch_change for each change in it, which goes
 * down the levels path, attribute, element, list, value; each level is a
 * section here, the lowest first. */
#include "rules/scim_patch.h"

#include <string.h>

#include <apr_hash.h>
#include <apr_strings.h>

#include "scim_filter.h"
#include "values/scim_json.h"
#include "rules/scim_shape.h"
#include "values/scim_text.h"

#define EQUAL_WORK 250           /* units of work to compare two elements */

typedef scim_patch_change_t change_t;
typedef scim_patch_t patch_t;

struct scim_patch_t {
    cJSON *resource;
    const scim_resource_type_t *type;
    const scim_rules_t *rules;
    apr_array_header_t *notes;
    apr_pool_t *pool;
    apr_pool_t *scratch;         /* cleared for each element */
};

/* Errors */

static scim_error_t *refuse_as(patch_t *p, scim_error_kind_e kind,
                               const char *name, const char *why)
{
    return scim_error(p->pool, kind, "Attribute '%.120s' %s.", name, why);
}

/* *normal is the change's value for attribute, NULL if it clears it. */
static scim_error_t *normal_of(cJSON **normal, patch_t *p, change_t *c,
                               const scim_attribute_t *attribute)
{
    return scim_schema_normalise(normal, attribute, c->value, c->name,
                                 p->rules, p->notes, p->pool);
}

/* Single values */

/* Removing a value: by remove, or by a value that means unassigned. */
static scim_error_t *clear_value(patch_t *p, change_t *c, cJSON *holder,
                                 const scim_attribute_t *attribute)
{
    if (scim_attribute_is_required(attribute, p->rules)) {
        return refuse_as(p, c->verb == SCIM_PATCH_REMOVE ? SCIM_E_MUTABILITY
                                              : SCIM_E_INVALID_VALUE,
                         attribute->name, "is required and cannot be removed");
    }
    /* Removing "active" by accident must not change who gets in (clients.md
     * H17). */
    if (attribute->type == SCIM_BOOLEAN && attribute->column) {
        scim_note(p->notes, SCIM_NOTED_REMOVAL, attribute->name, NULL);
        return NULL;
    }
    scim_json_drop(holder, attribute->name);
    return NULL;
}

static int is_absent(const patch_t *p, const cJSON *value)
{
    return scim_shape_is_absent(value, p->rules);
}

/* Put normal's members into target; members that were sent without a value are
 * removed. */
static void merge(cJSON *target, const cJSON *sent, const cJSON *normal,
                  const scim_attribute_t *attribute)
{
    const cJSON *member;

    cJSON_ArrayForEach(member, sent) {
        const scim_attribute_t *sub
            = member->string ? scim_attribute_find(attribute->subs,
                                                   member->string) : NULL;

        if (sub && sub->mutability != SCIM_READ_ONLY) {
            scim_json_drop(target, sub->name);
        }
    }
    cJSON_ArrayForEach(member, normal) {
        scim_json_put(target, scim_attribute_find(attribute->subs,
                                                  member->string)->name,
                      cJSON_Duplicate(member, 1));
    }
}

static scim_error_t *set_complex(patch_t *p, change_t *c, cJSON *holder,
                                 const scim_attribute_t *attribute)
{
    const cJSON *sent = scim_shape_of_object(c->value, p->rules, p->pool);
    cJSON *target = scim_json_member(holder, attribute->name);
    cJSON *normal;

    SCIM_ERR(normal_of(&normal, p, c, attribute));
    if (!normal && (is_absent(p, sent) || !cJSON_IsObject(sent))) {
        return clear_value(p, c, holder, attribute);
    }
    if (!target) {
        target = cJSON_AddObjectToObject(holder, attribute->name);
    }
    merge(target, cJSON_IsObject(sent) ? sent : NULL, normal, attribute);
    cJSON_Delete(normal);
    if (!target->child) {
        scim_json_drop(holder, attribute->name);
    }
    return NULL;
}

/* Strictly "" is a value, but not a sufficient one for a required
 * attribute. */
static int is_empty(const cJSON *value)
{
    return cJSON_IsString(value) && !*value->valuestring;
}

static scim_error_t *set_single(patch_t *p, change_t *c, cJSON *holder,
                                const scim_attribute_t *attribute)
{
    cJSON *normal;

    if (c->verb == SCIM_PATCH_REMOVE) {
        return clear_value(p, c, holder, attribute);
    }
    if (attribute->type == SCIM_COMPLEX) {
        return set_complex(p, c, holder, attribute);
    }
    SCIM_ERR(normal_of(&normal, p, c, attribute));
    if (!normal || (scim_attribute_is_required(attribute, p->rules)
                    && is_empty(normal))) {
        cJSON_Delete(normal);
        return clear_value(p, c, holder, attribute);
    }
    scim_json_put(holder, attribute->name, normal);
    return NULL;
}

/* name.givenName: the complex value is created or removed as needed. */
static scim_error_t *set_sub(patch_t *p, change_t *c, cJSON *holder)
{
    const scim_operand_t *o = &c->path.operand;
    cJSON *parent = scim_json_member(holder, o->name);

    if (!parent) {
        if (c->verb == SCIM_PATCH_REMOVE) {
            return NULL;
        }
        parent = cJSON_AddObjectToObject(holder, o->name);
    }
    SCIM_ERR(set_single(p, c, parent, o->sub_attribute));
    if (!parent->child) {
        scim_json_drop(holder, o->name);
    }
    return NULL;
}

/* Lists */

static int has_primary(const cJSON *element)
{
    return cJSON_IsTrue(scim_json_member(element, "primary"));
}

/* RFC 7644 section 3.5.2: a new primary takes the place of the old one. */
static void claim_primary(cJSON *list, const cJSON *element)
{
    cJSON *other;

    if (!has_primary(element)) {
        return;
    }
    cJSON_ArrayForEach(other, list) {
        if (other != element && has_primary(other)) {
            scim_json_put(other, "primary", cJSON_CreateFalse());
        }
    }
}

/* The result is meaningless when the work is used up, which the caller
 * checks. */
static int holds(const cJSON *list, const cJSON *value, scim_work_t *work)
{
    const cJSON *element;

    cJSON_ArrayForEach(element, list) {
        scim_work_take(work, 1, EQUAL_WORK);
        if (scim_work_is_over(work) || scim_json_equal(element, value)) {
            return 1;
        }
    }
    return 0;
}

/* The elements that remove with values names: those with the same "value" by
 * its comparison key (clients.md E73), and those without a "value" that are
 * equal as a whole. */
typedef struct {
    apr_hash_t *keys;
    cJSON *wholes;
} named_t;

static named_t named_by(const cJSON *values, apr_pool_t *pool)
{
    named_t named = { apr_hash_make(pool),
                      scim_json_own(cJSON_CreateArray(), pool) };
    const cJSON *value;

    cJSON_ArrayForEach(value, values) {
        const char *text = scim_json_text(value, "value");

        if (text) {
            apr_hash_set(named.keys, scim_text_fold(pool, text),
                         APR_HASH_KEY_STRING, value);
        }
        else {
            cJSON_AddItemReferenceToArray(named.wholes, (cJSON *) value);
        }
    }
    return named;
}

static int is_removed(patch_t *p, const named_t *named, const cJSON *element)
{
    const char *text = scim_json_text(element, "value");

    if (!text) {
        return holds(named->wholes, element, p->rules->work);
    }
    apr_pool_clear(p->scratch);
    scim_work_take(p->rules->work, strlen(text), SCIM_WORK_KEY);
    return apr_hash_get(named->keys, scim_text_fold(p->scratch, text),
                        APR_HASH_KEY_STRING) != NULL;
}

static scim_error_t *remove_named(patch_t *p, cJSON *list,
                                  const cJSON *values)
{
    named_t named = named_by(values, p->pool);
    cJSON *element = list->child;

    while (element) {
        cJSON *next = element->next;
        int is_meant = is_removed(p, &named, element);

        SCIM_ERR(scim_work_check(p->rules->work, p->pool));
        if (is_meant) {
            cJSON_Delete(cJSON_DetachItemViaPointer(list, element));
        }
        element = next;
    }
    return NULL;
}

static scim_error_t *check_single_primary(patch_t *p, change_t *c,
                                          const cJSON *list)
{
    const cJSON *element;
    int primaries = 0;

    cJSON_ArrayForEach(element, list) {
        primaries += has_primary(element);
    }
    return primaries > 1 ? refuse_as(p, SCIM_E_INVALID_VALUE, c->name,
                                     "has more than one primary element")
                         : NULL;
}

static scim_error_t *append_to(patch_t *p, cJSON *list, const cJSON *values)
{
    const cJSON *value;

    cJSON_ArrayForEach(value, values) {
        int is_there = holds(list, value, p->rules->work);

        SCIM_ERR(scim_work_check(p->rules->work, p->pool));
        if (!is_there) {
            cJSON *element = cJSON_Duplicate(value, 1);

            cJSON_AddItemToArray(list, element);
            claim_primary(list, element);
        }
    }
    return NULL;
}

/* The change's value as a list that the pool owns.  A single object is a list
 * of one, even strictly (RFC 7644 section 3.5.2.1). */
static scim_error_t *values_of(cJSON **values, patch_t *p, change_t *c)
{
    const scim_attribute_t *attribute = c->path.operand.attribute;
    cJSON *list = scim_json_own(cJSON_CreateArray(), p->pool);
    change_t wrapped = *c;
    cJSON *normal;

    if (cJSON_IsObject(c->value)) {
        cJSON_AddItemReferenceToArray(list, (cJSON *) c->value);
        wrapped.value = list;
    }
    SCIM_ERR(normal_of(&normal, p, &wrapped, attribute));
    *values = scim_json_own(normal ? normal : cJSON_CreateArray(), p->pool);
    return check_single_primary(p, c, *values);
}

/* In the profile managed an account has one role: the newest one. */
static int keeps_one(patch_t *p, const scim_attribute_t *attribute)
{
    return p->rules->managed && strcmp(attribute->name, "roles") == 0;
}

static scim_error_t *change_list(patch_t *p, change_t *c, cJSON *holder)
{
    const scim_attribute_t *attribute = c->path.operand.attribute;
    cJSON *list = scim_json_member(holder, attribute->name);
    cJSON *values;

    if (c->verb == SCIM_PATCH_REMOVE && is_absent(p, c->value)) {
        scim_json_drop(holder, attribute->name);
        return NULL;
    }
    SCIM_ERR(values_of(&values, p, c));
    if (c->verb == SCIM_PATCH_REPLACE
        || (c->verb == SCIM_PATCH_ADD && keeps_one(p, attribute)
            && (values->child || !is_absent(p, c->value)))) {
        scim_json_put(holder, attribute->name, cJSON_Duplicate(values, 1));
    }
    else if (c->verb == SCIM_PATCH_ADD) {
        list = list ? list : cJSON_AddArrayToObject(holder, attribute->name);
        SCIM_ERR(append_to(p, list, values));
        return scim_schema_check_size(list, attribute->name, p->pool);
    }
    else if (list) {
        SCIM_ERR(remove_named(p, list, values));
    }
    return NULL;
}

/* Elements of lists */

static cJSON *literal_value(const scim_literal_t *literal)
{
    switch (literal->kind) {
    case SCIM_LITERAL_BOOLEAN:
        return cJSON_CreateBool(literal->boolean);
    case SCIM_LITERAL_NUMBER:
        return cJSON_CreateNumber(literal->number);
    case SCIM_LITERAL_STRING:
    case SCIM_LITERAL_INSTANT:
        return cJSON_CreateString(literal->text);
    default:
        return NULL;
    }
}

/* Give element the values that filter requires; 0 if the filter is more than a
 * conjunction of eq, which does not determine them. */
static int fulfil(cJSON *element, const scim_filter_t *filter)
{
    cJSON *value;

    if (!filter) {
        return 1;
    }
    if (filter->kind == SCIM_FILTER_AND) {
        return fulfil(element, filter->left)
               && fulfil(element, filter->right);
    }
    if (filter->kind != SCIM_FILTER_COMPARE || filter->op != SCIM_OP_EQ
        || (value = literal_value(&filter->literal)) == NULL) {
        return 0;
    }
    scim_json_put(element, filter->operand.name, value);
    return 1;
}

/* Set the element itself, to one element. */
static scim_error_t *set_element(patch_t *p, change_t *c, cJSON *element)
{
    const cJSON *sent = scim_shape_of_object(c->value, p->rules, p->pool);
    cJSON *values;

    if (p->rules->strict && !cJSON_IsObject(c->value)) {
        return refuse_as(p, SCIM_E_INVALID_VALUE, c->name,
                         "needs an object as value");
    }
    SCIM_ERR(values_of(&values, p, c));
    if (values->child && values->child->next) {
        return refuse_as(p, SCIM_E_INVALID_VALUE, c->name,
                         "selects single elements, so the value must not be a"
                         " list");
    }
    while ((c->verb == SCIM_PATCH_REPLACE || is_absent(p, sent))
           && element->child) {
        cJSON_Delete(cJSON_DetachItemViaPointer(element, element->child));
    }
    merge(element, cJSON_IsObject(sent) ? sent : NULL, values->child,
          c->path.operand.attribute);
    return NULL;
}

/* Remove, add and replace whole elements. */
static scim_error_t *change_element(patch_t *p, change_t *c, cJSON *list,
                                    cJSON *element)
{
    const scim_operand_t *o = &c->path.operand;

    if (o->sub) {
        return set_single(p, c, element, o->sub_attribute);
    }
    if (c->verb == SCIM_PATCH_REMOVE) {
        cJSON_Delete(cJSON_DetachItemViaPointer(list, element));
        return NULL;
    }
    return set_element(p, c, element);
}

static int is_target(patch_t *p, const change_t *c, const cJSON *element)
{
    apr_pool_clear(p->scratch);
    scim_work_take(p->rules->work, 1, SCIM_WORK_STEP);
    return !c->path.filter
           || scim_filter_match_within(c->path.filter, element,
                                       p->rules->work, p->scratch);
}

static scim_error_t *change_matches(int *found, patch_t *p, change_t *c,
                                    cJSON *list)
{
    cJSON *element = list ? list->child : NULL;
    const cJSON *primary = NULL;
    patch_t one = *p;

    /* The memory for a thousand elements must not add up. */
    one.pool = p->scratch;
    *found = 0;
    while (element) {
        cJSON *next = element->next;
        int is_match = is_target(p, c, element);

        SCIM_ERR(scim_work_check(p->rules->work, p->pool));
        if (is_match) {
            *found = 1;
            SCIM_ERR(change_element(&one, c, list, element));
            primary = c->verb != SCIM_PATCH_REMOVE && has_primary(element)
                      ? element : primary;
        }
        element = next;
    }
    claim_primary(list, primary);
    return NULL;
}

static int asks_for_primary(const scim_filter_t *filter)
{
    return filter && filter->kind == SCIM_FILTER_COMPARE
           && filter->op == SCIM_OP_EQ && filter->operand.absent_is_false
           && filter->literal.boolean;
}

/* roles[primary eq "True"] where no role is primary: the account's role is
 * meant, not a second one (clients.md H12). */
static cJSON *promoted(patch_t *p, const change_t *c, cJSON *list)
{
    if (p->rules->strict || !list->child
        || strcmp(c->path.operand.name, "roles") != 0
        || !asks_for_primary(c->path.filter)) {
        return NULL;
    }
    scim_json_put(list->child, "primary", cJSON_CreateTrue());
    return list->child;
}

static scim_error_t *no_target(patch_t *p, const change_t *c)
{
    return scim_error(p->pool, SCIM_E_NO_TARGET,
                      "The path '%.120s' selects nothing.", c->name);
}

/* *element has the values that the change's filter requires, as if it had been
 * sent.  An element that the filter would not find again is not created: the
 * next request would create it once more. */
static scim_error_t *demanded(cJSON **element, patch_t *p, const change_t *c)
{
    const scim_filter_t *filter = c->path.filter;
    change_t sent = *c;
    cJSON *object = scim_json_own(cJSON_CreateObject(), p->pool);
    cJSON *values;
    int is_found;

    *element = object;
    if (!filter) {
        return NULL;
    }
    if (!fulfil(object, filter)) {
        return no_target(p, c);
    }
    sent.value = object;
    SCIM_ERR(values_of(&values, p, &sent));
    *element = values->child;
    is_found = *element && is_target(p, c, *element);
    SCIM_ERR(scim_work_check(p->rules->work, p->pool));
    return is_found ? NULL : no_target(p, c);
}

/* An element that did not exist (clients.md E34, E41, H13; AMB-02, AMB-03). */
static scim_error_t *create_element(patch_t *p, change_t *c, cJSON *holder)
{
    const scim_operand_t *o = &c->path.operand;
    cJSON *list = scim_json_member(holder, o->name);
    change_t making = *c;
    cJSON *element;

    if (p->rules->strict
        && (c->verb == SCIM_PATCH_REPLACE || !c->path.filter)) {
        return no_target(p, c);
    }
    list = list ? list : cJSON_AddArrayToObject(holder, o->name);
    element = promoted(p, c, list);
    if (!element) {
        SCIM_ERR(demanded(&element, p, c));
        element = cJSON_Duplicate(element, 1);
        cJSON_AddItemToArray(list, element);
    }
    making.verb = SCIM_PATCH_ADD;
    SCIM_ERR(change_element(p, &making, list, element));
    claim_primary(list, element);
    return NULL;
}

static scim_error_t *change_elements(patch_t *p, change_t *c, cJSON *holder)
{
    int found;

    SCIM_ERR(change_matches(&found, p, c,
                            scim_json_member(holder, c->path.operand.name)));
    if (found || c->verb == SCIM_PATCH_REMOVE) {
        return NULL;
    }
    /* An element without a value is not created (clients.md G16, V14). */
    if (is_absent(p, c->value) && !p->rules->strict) {
        return NULL;
    }
    return create_element(p, c, holder);
}

static void drop_empty(cJSON *holder, const char *name)
{
    cJSON *list = scim_json_member(holder, name);
    cJSON *element = list ? list->child : NULL;

    while (element) {
        cJSON *next = element->next;

        if (scim_json_is_unassigned(element)) {
            cJSON_Delete(cJSON_DetachItemViaPointer(list, element));
        }
        element = next;
    }
    if (list && !list->child) {
        scim_json_drop(holder, name);
    }
}

/* Paths */

static scim_error_t *change_attribute(patch_t *p, change_t *c, cJSON *holder)
{
    const scim_operand_t *o = &c->path.operand;

    if (o->multi_valued) {
        SCIM_ERR(o->sub || c->path.filter ? change_elements(p, c, holder)
                                          : change_list(p, c, holder));
        drop_empty(holder, o->name);
        return NULL;
    }
    return o->sub ? set_sub(p, c, holder)
                  : set_single(p, c, holder, o->attribute);
}

/* Whether the value changes nothing: Okta sends back what it has read. */
static int is_as_read(patch_t *p, const change_t *c)
{
    const cJSON *present = scim_json_member_nocase(p->resource, c->name);

    return c->in_value && (!present || scim_json_equal(present, c->value));
}

static scim_error_t *skip_read_only(patch_t *p, change_t *c)
{
    if (p->rules->strict && !is_as_read(p, c)) {
        return refuse_as(p, SCIM_E_MUTABILITY, c->name, "is readOnly");
    }
    if (!c->in_value) {
        scim_note(p->notes, SCIM_NOTED_READ_ONLY, c->name, NULL);
    }
    return NULL;
}

static int is_read_only(const scim_operand_t *operand)
{
    return operand->attribute->mutability == SCIM_READ_ONLY
           || scim_attribute_of(operand)->mutability == SCIM_READ_ONLY
           || (operand->attribute->unlisted && !operand->container);
}

static int drops_schema(const change_t *c, const char *urn)
{
    return c->verb == SCIM_PATCH_REMOVE
           ? !c->value || scim_json_names(c->value, urn)
           : c->verb == SCIM_PATCH_REPLACE && !scim_json_names(c->value, urn);
}

/* schemas follows from the data: removing an extension's URN removes its data
 * (PATCH-15).  In a value without path it only describes the value. */
static scim_error_t *change_schemas(patch_t *p, change_t *c)
{
    int i;

    if (c->in_value) {
        return NULL;
    }
    if (drops_schema(c, p->type->core->urn)) {
        return skip_read_only(p, c);
    }
    for (i = 0; p->type->extensions[i]; i++) {
        if (drops_schema(c, p->type->extensions[i]->urn)) {
            scim_json_drop(p->resource, p->type->extensions[i]->urn);
        }
    }
    return NULL;
}

static cJSON *holder_of(patch_t *p, const char *container)
{
    cJSON *holder;

    if (!container) {
        return p->resource;
    }
    holder = scim_json_member(p->resource, container);
    return holder ? holder : cJSON_AddObjectToObject(p->resource, container);
}

/* A schema as a whole: an extension's data, or with the core URN the resource
 * itself. */
static scim_error_t *drop_schema(patch_t *p, const change_t *c)
{
    const char *urn = c->path.operand.container;

    if (!urn) {
        return refuse_as(p, SCIM_E_MUTABILITY, c->name,
                         "is the core schema and cannot be removed");
    }
    scim_json_drop(p->resource, urn);
    return NULL;
}

scim_error_t *scim_patch_change(void *patch, scim_patch_change_t *c)
{
    patch_t *p = patch;
    const scim_operand_t *o = &c->path.operand;
    cJSON *holder;

    if (!o->name) {
        return drop_schema(p, c);
    }
    if (strcmp(o->name, "schemas") == 0) {
        return change_schemas(p, c);
    }
    if (is_read_only(o)) {
        return skip_read_only(p, c);
    }
    if (cJSON_IsNull(c->value) && c->verb == SCIM_PATCH_ADD
        && p->rules->strict) {
        return refuse_as(p, SCIM_E_INVALID_VALUE, c->name,
                         "cannot be added with the value null");
    }
    holder = holder_of(p, o->container);
    SCIM_ERR(change_attribute(p, c, holder));
    if (o->container && !holder->child) {
        scim_json_drop(p->resource, o->container);
    }
    return NULL;
}

scim_patch_t *scim_patch_begin(cJSON *resource,
                               const scim_resource_type_t *type,
                               const scim_rules_t *rules,
                               apr_array_header_t *notes, apr_pool_t *pool)
{
    patch_t begun = { resource, type, rules, notes, pool, NULL };

    apr_pool_create(&begun.scratch, pool);
    return apr_pmemdup(pool, &begun, sizeof(begun));
}

scim_error_t *scim_patch_apply(cJSON *resource, const cJSON *message,
                               const scim_resource_type_t *type,
                               const scim_rules_t *rules,
                               apr_array_header_t *notes, apr_pool_t *pool)
{
    return scim_patch_message_read(scim_patch_change,
                                   scim_patch_begin(resource, type, rules,
                                                    notes, pool),
                                   message, type, rules, notes, pool);
}

scim_error_t *scim_patch_read(cJSON **resource, const cJSON *body,
                              const scim_resource_type_t *type,
                              const scim_rules_t *rules,
                              apr_array_header_t *notes, apr_pool_t *pool)
{
    cJSON *rest;

    SCIM_ERR(scim_schema_read(resource, &rest, body, type, rules, notes,
                              pool));
    return scim_patch_members_read(scim_patch_change,
                                   scim_patch_begin(*resource, type, rules,
                                                    notes, pool),
                                   rest, type, rules, notes, pool);
}
