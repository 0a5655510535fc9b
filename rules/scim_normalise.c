/* SPDX-License-Identifier: Apache-2.0 */
/* Requests in the schema's spelling and types: scim_schema_normalise
 * for one attribute, scim_schema_read for a body (scim_schema.h).
 *
 * A value is read by its attribute: a list element by element, a complex value
 * member by member (names are found in any case), a simple value by its type.
 * scim_shape interprets a value that does not have the shape of its attribute.
 * A member that no table has is left out with a note or, if its name may be a
 * path, put into "rest" for scim_patch_read.
 */
#include "rules/scim_schema.h"

#include <math.h>
#include <string.h>

#include <apr_strings.h>

#include "values/scim_json.h"
#include "rules/scim_shape.h"
#include "values/scim_text.h"

#define MAX_EXACT_INTEGER 9007199254740992.0     /* of a double */
#define MAX_TEXT_LENGTH 65536
#define MAX_BINARY_LENGTH 1048576
#define TEXT_WORK 15             /* units of work for a byte of text */

/* Other names that clients use for a sub-attribute: Entra ID's role
 * assignments and OneLogin's templates (clients.md E23, E39, L2). */
static const struct {
    const char *other;
    const char *name;
} other_names[] = {
    { "displayName", "display" },
    { "managerId", "value" }
};
#define OTHER_NAMES (sizeof(other_names) / sizeof(*other_names))

typedef struct {
    const scim_rules_t *rules;
    apr_array_header_t *notes;
    apr_pool_t *pool;
} context_t;

static scim_error_t *normalise_value(cJSON **normal, context_t *c,
                                     const scim_attribute_t *attribute,
                                     const cJSON *value, const char *where)
    SCIM_CHECKED;

static void note_member(context_t *c, const char *prefix,
                        const char *separator, const cJSON *member)
{
    scim_note(c->notes, scim_shape_is_absent(member, c->rules)
                        ? SCIM_NOTED_EMPTY : SCIM_NOTED_UNKNOWN,
              apr_psprintf(c->pool, "%s%s%.60s", prefix, separator,
                           member->string), NULL);
}

static scim_error_t *mismatch(context_t *c, const char *where,
                              const char *wanted, const cJSON *value)
{
    return scim_error(c->pool, SCIM_E_INVALID_VALUE,
                      "Attribute '%s' must be %s, not %.60s.", where, wanted,
                      scim_json_print(value, c->pool));
}

/* Simple values */

/* Whether a number is an integer that a double represents exactly. */
static int is_integer(double number)
{
    return fabs(number) <= MAX_EXACT_INTEGER && number == floor(number);
}

static scim_error_t *check_length(context_t *c, const char *text,
                                  const char *where, apr_size_t most)
{
    return strlen(text) > most
           ? scim_error(c->pool, SCIM_E_INVALID_VALUE,
                        "Attribute '%s' is longer than %" APR_SIZE_T_FMT
                        " bytes.", where, most)
           : NULL;
}

static scim_error_t *text_of_value(const char **text, context_t *c,
                                   const cJSON *value, const char *where)
{
    /* An id that was sent as a number must not become 7.01984e+05 (H37). */
    if (cJSON_IsNumber(value) && !c->rules->strict) {
        *text = is_integer(value->valuedouble)
                ? apr_psprintf(c->pool, "%.0f", value->valuedouble)
                : scim_json_print(value, c->pool);
        return NULL;
    }
    if (!cJSON_IsString(value)) {
        return mismatch(c, where, "a string", value);
    }
    *text = value->valuestring;
    return NULL;
}

/* Refuse JSON in the string "value" that scim_shape could not interpret:
 * nobody meant to send it as a text. */
static scim_error_t *check_plain(context_t *c,
                                 const scim_attribute_t *attribute,
                                 const char *text, const char *where)
{
    return !c->rules->strict && strcmp(attribute->name, "value") == 0
           && scim_shape_looks_like_json(text)
           ? scim_error(c->pool, SCIM_E_INVALID_VALUE,
                        "Attribute '%s' must be a plain value; the JSON %.60s"
                        " cannot be interpreted.", where, text)
           : NULL;
}

static scim_error_t *check_format(context_t *c, scim_type_e type,
                                  const char *text, const char *where)
{
    apr_time_t instant;

    switch (type) {
    case SCIM_DATETIME:
        return scim_text_instant(text, &instant) ? NULL
            : scim_error(c->pool, SCIM_E_INVALID_VALUE,
                         "Attribute '%s' must be a dateTime such as"
                         " 2024-01-31T12:00:00Z.", where);
    case SCIM_BINARY:
        return scim_text_is_base64(text) ? NULL
            : scim_error(c->pool, SCIM_E_INVALID_VALUE,
                         "Attribute '%s' must be base64.", where);
    case SCIM_REFERENCE:
        return scim_text_is_uri(text) || !c->rules->strict ? NULL
            : scim_error(c->pool, SCIM_E_INVALID_VALUE,
                         "Attribute '%s' must be a URI.", where);
    default:
        return NULL;
    }
}

static scim_error_t *normalise_text(cJSON **normal, context_t *c,
                                    const scim_attribute_t *attribute,
                                    const cJSON *value, const char *where)
{
    scim_type_e type = attribute->type;
    const char *text = NULL;

    SCIM_ERR(text_of_value(&text, c, value, where));
    SCIM_ERR(check_plain(c, attribute, text, where));
    SCIM_ERR(check_length(c, text, where,
                          type == SCIM_STRING ? MAX_TEXT_LENGTH
                                              : MAX_BINARY_LENGTH));
    SCIM_ERR(check_format(c, type, text, where));
    *normal = cJSON_CreateString(text);
    return NULL;
}

/* true or false; unless strict also as a string, and 1 and 0. */
static int is_boolean(const cJSON *value, const scim_rules_t *rules,
                      int *truth)
{
    *truth = cJSON_IsTrue(value);
    if (cJSON_IsString(value) && !rules->strict) {
        return scim_text_boolean(value->valuestring, truth);
    }
    if (cJSON_IsNumber(value) && !rules->strict) {
        *truth = value->valuedouble == 1;
        return *truth || value->valuedouble == 0;
    }
    return cJSON_IsBool(value);
}

static scim_error_t *normalise_boolean(cJSON **normal, context_t *c,
                                       const cJSON *value, const char *where)
{
    int truth;

    if (!is_boolean(value, c->rules, &truth)) {
        return mismatch(c, where, "true or false", value);
    }
    *normal = cJSON_CreateBool(truth);
    return NULL;
}

static scim_error_t *normalise_number(cJSON **normal, context_t *c,
                                      const scim_attribute_t *attribute,
                                      const cJSON *value, const char *where)
{
    double number = value->valuedouble;

    if (!cJSON_IsNumber(value)
        || (attribute->type == SCIM_INTEGER && !is_integer(number))) {
        return mismatch(c, where, attribute->type == SCIM_INTEGER
                                  ? "an integer" : "a number", value);
    }
    *normal = cJSON_CreateNumber(number);
    return NULL;
}

/* Complex values */

/* The table row for a member; unless strict also by another name. */
static const scim_attribute_t *find_sub(context_t *c,
                                        const scim_attribute_t *attribute,
                                        const char *name)
{
    const scim_attribute_t *sub = scim_attribute_find(attribute->subs, name);
    apr_size_t i;

    for (i = 0; !sub && !c->rules->strict && i < OTHER_NAMES; i++) {
        if (strcasecmp(name, other_names[i].other) == 0) {
            sub = scim_attribute_find(attribute->subs, other_names[i].name);
        }
    }
    return sub;
}

static scim_error_t *put_member(cJSON *object, context_t *c,
                                const scim_attribute_t *attribute,
                                const cJSON *member, const char *where)
{
    const scim_attribute_t *sub = find_sub(c, attribute, member->string);
    cJSON *normal = NULL;

    if (!sub) {
        note_member(c, where, ".", member);
        return NULL;
    }
    if (sub->mutability == SCIM_READ_ONLY) {
        return NULL;
    }
    SCIM_ERR(normalise_value(&normal, c, sub, member,
                             apr_pstrcat(c->pool, where, ".", sub->name,
                                         NULL)));
    if (normal) {
        scim_json_put(object, sub->name, normal);
    }
    return NULL;
}

static scim_error_t *put_subs(cJSON *object, context_t *c,
                              const scim_attribute_t *attribute,
                              const cJSON *members, const char *where)
{
    const cJSON *member;

    cJSON_ArrayForEach(member, members) {
        scim_work_take(c->rules->work, 1, SCIM_WORK_VALUE);
        SCIM_ERR(scim_work_check(c->rules->work, c->pool));
        SCIM_ERR(put_member(object, c, attribute, member, where));
    }
    return NULL;
}

/* Drop $ref, which has the same meaning as value and is computed from it on
 * output. */
static scim_error_t *read_reference(cJSON *object, context_t *c,
                                    const scim_attribute_t *attribute,
                                    const char *where)
{
    const char *reference = scim_json_text(object, "$ref");
    cJSON *said;

    if (reference && !scim_json_text(object, "value")) {
        said = scim_json_own(cJSON_CreateObject(), c->pool);
        scim_json_put_text(said, "value", scim_text_last_segment(reference));
        SCIM_ERR(put_subs(object, c, attribute, said, where));
    }
    scim_json_drop(object, "$ref");
    return NULL;
}

/* Entra ID's role assignments are JSON in the string "value": {"id":"...",
 * "value":"ADMIN","displayName":"..."} (clients.md E39).  Its other members
 * are put into object, too. */
static scim_error_t *put_packed(cJSON *object, context_t *c,
                                const scim_attribute_t *attribute,
                                const cJSON *value, const char *where)
{
    const cJSON *packed = scim_json_member_nocase(value, "value");
    const cJSON *inner = scim_shape_of_object(packed, c->rules, c->pool);
    const cJSON *member;

    if (!cJSON_IsObject(inner)) {
        return NULL;
    }
    cJSON_ArrayForEach(member, inner) {
        if (strcasecmp(member->string, "id") != 0
            && strcasecmp(member->string, "value") != 0) {
            SCIM_ERR(put_member(object, c, attribute, member, where));
        }
    }
    return NULL;
}

/* An object of the members of value.  Unless strict, value may also be the
 * member "value" alone. */
static scim_error_t *fill_object(cJSON *object, context_t *c,
                                 const scim_attribute_t *attribute,
                                 const cJSON *value, const char *where)
{
    const scim_attribute_t *main_sub
        = scim_attribute_find(attribute->subs, "value");
    cJSON *normal;

    if (cJSON_IsObject(value)) {
        SCIM_ERR(put_subs(object, c, attribute, value, where));
        if (main_sub) {
            SCIM_ERR(put_packed(object, c, attribute, value, where));
        }
    }
    else if (c->rules->strict || !main_sub || cJSON_IsArray(value)) {
        return mismatch(c, where, "an object", value);
    }
    else {
        SCIM_ERR(normalise_value(&normal, c, main_sub, value, where));
        scim_json_put(object, main_sub->name, normal);
    }
    return read_reference(object, c, attribute, where);
}

static scim_error_t *normalise_complex(cJSON **normal, context_t *c,
                                       const scim_attribute_t *attribute,
                                       const cJSON *value, const char *where)
{
    cJSON *object = scim_json_own(cJSON_CreateObject(), c->pool);

    SCIM_ERR(fill_object(object, c, attribute, value, where));
    if (object->child) {
        *normal = cJSON_Duplicate(object, 1);
    }
    return NULL;
}

/* One value of attribute, be it multi-valued or not; *normal is NULL when it
 * is absent. */
static scim_error_t *normalise_one(cJSON **normal, context_t *c,
                                   const scim_attribute_t *attribute,
                                   const cJSON *value, const char *where)
{
    scim_work_t *work = c->rules->work;

    *normal = NULL;
    scim_work_take(work, 1, SCIM_WORK_VALUE);
    if (cJSON_IsString(value)) {
        scim_work_take(work, strlen(value->valuestring), TEXT_WORK);
    }
    SCIM_ERR(scim_work_check(work, c->pool));
    value = attribute->type == SCIM_COMPLEX
            ? scim_shape_of_object(value, c->rules, c->pool)
            : scim_shape_of_simple(value, attribute->type == SCIM_STRING,
                                   c->rules, c->pool);
    if (scim_shape_is_absent(value, c->rules)) {
        return cJSON_IsObject(value) && c->rules->strict
               && attribute->type != SCIM_COMPLEX
               ? mismatch(c, where, "a simple value", value) : NULL;
    }
    switch (attribute->type) {
    case SCIM_COMPLEX:
        return normalise_complex(normal, c, attribute, value, where);
    case SCIM_BOOLEAN:
        return normalise_boolean(normal, c, value, where);
    case SCIM_INTEGER:
    case SCIM_DECIMAL:
        return normalise_number(normal, c, attribute, value, where);
    default:
        return normalise_text(normal, c, attribute, value, where);
    }
}

/* A list of at most SCIM_MAX_ELEMENTS; count is how many it has. */
static scim_error_t *add_element(cJSON *list, int *count, context_t *c,
                                 const scim_attribute_t *attribute,
                                 const cJSON *value, const char *where)
{
    cJSON *normal;

    if (cJSON_IsNull(value) && c->rules->strict) {
        return scim_error(c->pool, SCIM_E_INVALID_VALUE,
                          "Attribute '%s' must not contain null.", where);
    }
    SCIM_ERR(normalise_one(&normal, c, attribute, value, where));
    if (normal) {
        cJSON_AddItemToArray(list, normal);
    }
    *count += normal != NULL;
    return *count > SCIM_MAX_ELEMENTS
           ? scim_schema_check_size(list, where, c->pool) : NULL;
}

/* Unless strict, the elements of a list within a list belong to the outer
 * list, and a single value is a list of one. */
static scim_error_t *fill_list(cJSON *list, int *count, context_t *c,
                               const scim_attribute_t *attribute,
                               const cJSON *value, const char *where)
{
    const cJSON *element;

    value = scim_shape_of_list(value, c->rules, c->pool);
    if (!cJSON_IsArray(value)) {
        return add_element(list, count, c, attribute, value, where);
    }
    cJSON_ArrayForEach(element, value) {
        SCIM_ERR(c->rules->strict
                 ? add_element(list, count, c, attribute, element, where)
                 : fill_list(list, count, c, attribute, element, where));
    }
    return NULL;
}

static scim_error_t *normalise_list(cJSON **normal, context_t *c,
                                    const scim_attribute_t *attribute,
                                    const cJSON *value, const char *where)
{
    cJSON *list = scim_json_own(cJSON_CreateArray(), c->pool);
    int count = 0;

    if (!cJSON_IsArray(value) && c->rules->strict) {
        return scim_shape_is_absent(value, c->rules)
               ? NULL : mismatch(c, where, "a list", value);
    }
    SCIM_ERR(fill_list(list, &count, c, attribute, value, where));
    if (list->child) {
        *normal = cJSON_Duplicate(list, 1);
    }
    return NULL;
}

static scim_error_t *normalise_value(cJSON **normal, context_t *c,
                                     const scim_attribute_t *attribute,
                                     const cJSON *value, const char *where)
{
    *normal = NULL;
    return attribute->multi_valued
           ? normalise_list(normal, c, attribute, value, where)
           : normalise_one(normal, c, attribute, value, where);
}

scim_error_t *scim_schema_normalise(cJSON **normal,
                                    const scim_attribute_t *attribute,
                                    const cJSON *value, const char *where,
                                    const scim_rules_t *rules,
                                    apr_array_header_t *notes,
                                    apr_pool_t *pool)
{
    context_t c = { rules, notes, pool };

    return normalise_value(normal, &c, attribute, value, where);
}

scim_error_t *scim_schema_read_reference(cJSON *object,
                                         const scim_attribute_t *attribute,
                                         const scim_rules_t *rules,
                                         apr_array_header_t *notes,
                                         apr_pool_t *pool)
{
    context_t c = { rules, notes, pool };

    return read_reference(object, &c, attribute, attribute->name);
}

/* Bodies */

static const scim_schema_t *extension_of(const scim_resource_type_t *type,
                                         const char *name)
{
    const scim_schema_t *const *extension = type->extensions;

    while (*extension && strcasecmp((*extension)->urn, name) != 0) {
        extension++;
    }
    return *extension;
}

/* A name that is not an attribute here may be a path.  A plain name is not a
 * path: it would be found in any extension (ATTR-06).  The password is dropped
 * without a note, because this server has no passwords. */
static void leave(cJSON *rest, context_t *c, const char *prefix,
                  const cJSON *member)
{
    if (!strpbrk(member->string, ".:[")) {
        if (strcasecmp(member->string, "password") != 0) {
            note_member(c, prefix, "", member);
        }
        return;
    }
    cJSON_AddItemReferenceToObject(rest, apr_pstrcat(c->pool, prefix,
                                                     member->string, NULL),
                                   (cJSON *) member);
}

/* One member of a body or of an extension in it. */
static scim_error_t *read_member(cJSON *holder, context_t *c,
                                 const scim_attribute_t *attribute,
                                 const cJSON *member)
{
    cJSON *normal;

    if (attribute->mutability == SCIM_READ_ONLY) {
        return NULL;
    }
    SCIM_ERR(normalise_value(&normal, c, attribute, member, attribute->name));
    if (normal) {
        scim_json_put(holder, attribute->name, normal);
    }
    return NULL;
}

static scim_error_t *read_extension(cJSON *resource, cJSON *rest,
                                    context_t *c, const scim_schema_t *schema,
                                    const cJSON *members)
{
    const char *prefix = apr_pstrcat(c->pool, schema->urn, ":", NULL);
    const cJSON *member;
    cJSON *holder;

    members = scim_shape_of_object(members, c->rules, c->pool);
    if (scim_shape_is_absent(members, c->rules)) {
        return NULL;
    }
    if (!cJSON_IsObject(members)) {
        return mismatch(c, schema->urn, "an object", members);
    }
    holder = cJSON_CreateObject();
    scim_json_put(resource, schema->urn, holder);
    cJSON_ArrayForEach(member, members) {
        const scim_attribute_t *attribute
            = scim_attribute_find(schema->attributes, member->string);

        if (attribute) {
            SCIM_ERR(read_member(holder, c, attribute, member));
        }
        else {
            leave(rest, c, prefix, member);
        }
    }
    if (!holder->child) {
        scim_json_drop(resource, schema->urn);
    }
    return NULL;
}

static int is_known_urn(const scim_resource_type_t *type, const cJSON *urn)
{
    return cJSON_IsString(urn)
           && (strcasecmp(urn->valuestring, type->core->urn) == 0
               || extension_of(type, urn->valuestring));
}

static scim_error_t *check_schemas(context_t *c, const cJSON *body,
                                   const scim_resource_type_t *type)
{
    const cJSON *schemas = scim_json_member_nocase(body, "schemas");
    const cJSON *urn;

    cJSON_ArrayForEach(urn, schemas) {
        if (!is_known_urn(type, urn)) {
            return scim_error(c->pool, SCIM_E_INVALID_SYNTAX,
                              "'schemas' contains %.60s, which is not a schema"
                              " of %s.",
                              scim_json_print(urn, c->pool), type->endpoint);
        }
    }
    return cJSON_IsArray(schemas) && scim_json_names(schemas, type->core->urn)
        ? NULL
        : scim_error(c->pool, SCIM_E_INVALID_SYNTAX,
                     "'schemas' must be a list that contains %s.",
                     type->core->urn);
}

static const scim_attribute_t *find_top(const scim_resource_type_t *type,
                                        const char *name)
{
    const scim_attribute_t *found
        = scim_attribute_find(type->core->attributes, name);

    return found ? found : scim_attribute_find(type->common, name);
}

static scim_error_t *read_attributes(cJSON *resource, cJSON *rest,
                                     context_t *c,
                                     const scim_resource_type_t *type,
                                     const cJSON *body)
{
    const cJSON *member;

    cJSON_ArrayForEach(member, body) {
        const scim_schema_t *extension = extension_of(type, member->string);
        const scim_attribute_t *attribute = find_top(type, member->string);

        if (strcasecmp(member->string, "schemas") == 0) {
            continue;
        }
        if (extension) {
            SCIM_ERR(read_extension(resource, rest, c, extension, member));
        }
        else if (attribute) {
            SCIM_ERR(read_member(resource, c, attribute, member));
        }
        else {
            leave(rest, c, "", member);
        }
    }
    return NULL;
}

scim_error_t *scim_schema_read(cJSON **resource, cJSON **rest,
                               const cJSON *body,
                               const scim_resource_type_t *type,
                               const scim_rules_t *rules,
                               apr_array_header_t *notes, apr_pool_t *pool)
{
    context_t c = { rules, notes, pool };

    if (!cJSON_IsObject(body)) {
        return scim_error(pool, SCIM_E_INVALID_SYNTAX,
                          "The body must be a JSON object.");
    }
    if (rules->strict) {
        SCIM_ERR(check_schemas(&c, body, type));
    }
    *resource = scim_json_own(cJSON_CreateObject(), pool);
    *rest = scim_json_own(cJSON_CreateObject(), pool);
    return read_attributes(*resource, *rest, &c, type, body);
}
