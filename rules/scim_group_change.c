/* SPDX-License-Identifier: Apache-2.0 */
/* Changes of a group, see scim_group_change.h.  Requests are read as those of
 * every type are (scim_normalise.c, scim_patch_message.c); here each change
 * goes to the members or, by scim_patch, into the attributes. */
#include "rules/scim_group_change.h"

#include <string.h>

#include "rules/scim_group_members.h"
#include "rules/scim_patch.h"
#include "rules/scim_patch_message.h"
#include "rules/scim_shape.h"
#include "values/scim_json.h"

typedef struct {
    cJSON *attributes;           /* with null for what is taken away */
    scim_patch_t *patch;         /* of attributes */
    scim_group_members_t *members;
    const scim_rules_t *rules;
    apr_array_header_t *notes;
    apr_pool_t *pool;
} fold_t;

static fold_t fold_begin(cJSON *attributes, int keep,
                         const scim_rules_t *rules,
                         apr_array_header_t *notes, apr_pool_t *pool)
{
    fold_t f = { attributes, NULL, NULL, rules, notes, pool };

    f.patch = scim_patch_begin(attributes, &scim_group_type, rules, notes,
                               pool);
    f.members = scim_group_members_make(keep, rules, notes, pool);
    return f;
}

static void fold_end(scim_group_change_t *change, const fold_t *f)
{
    change->attributes = f->attributes;
    change->keep = scim_group_members_keep(f->members);
    change->added = scim_group_members_list(f->members, 1);
    change->removed = scim_group_members_list(f->members, 0);
}

/* One change */

/* Whether an attribute is a value of the group's row that clients set: all of
 * these are simple, so that a change does not depend on what is stored. */
static int is_own(const scim_attribute_t *attribute)
{
    return attribute->mutability == SCIM_READ_WRITE && !attribute->unlisted
           && attribute != scim_group_members_attribute();
}

/* An attribute that was changed and is not there was taken away. */
static scim_error_t *fold_attribute(fold_t *f, scim_patch_change_t *c)
{
    const scim_operand_t *o = &c->path.operand;

    SCIM_ERR(scim_patch_change(f->patch, c));
    if (o->name && is_own(o->attribute)
        && !scim_json_member(f->attributes, o->name)) {
        scim_json_put(f->attributes, o->name, cJSON_CreateNull());
    }
    return NULL;
}

/* display, which is readOnly, is scim_patch's; so is null, which strictly
 * cannot be added. */
static int is_of_members(const fold_t *f, const scim_patch_change_t *c)
{
    const scim_operand_t *o = &c->path.operand;

    return o->attribute == scim_group_members_attribute()
           && !(o->sub && o->sub_attribute->mutability == SCIM_READ_ONLY)
           && !(f->rules->strict && c->verb == SCIM_PATCH_ADD
                && cJSON_IsNull(c->value));
}

static scim_error_t *fold(void *baton, scim_patch_change_t *c)
{
    fold_t *f = baton;

    return is_of_members(f, c) ? scim_group_members_change(f->members, c)
                               : fold_attribute(f, c);
}

/* Bodies */

/* body without its members, which are no part of a tree. */
static const cJSON *without_members(const cJSON *body, apr_pool_t *pool)
{
    cJSON *others;
    const cJSON *member;

    if (!cJSON_IsObject(body)) {
        return body;
    }
    others = scim_json_own(cJSON_CreateObject(), pool);
    cJSON_ArrayForEach(member, body) {
        if (strcasecmp(member->string, "members") != 0) {
            cJSON_AddItemReferenceToObject(others, member->string,
                                           (cJSON *) member);
        }
    }
    return others;
}

/* Strictly one object is not a list of one, as it is in a PATCH. */
static scim_error_t *read_group_members(fold_t *f, const cJSON *value)
{
    cJSON *none;

    if (f->rules->strict && !cJSON_IsArray(value)) {
        return scim_schema_normalise(&none, scim_group_members_attribute(),
                                     value, "members", f->rules, f->notes,
                                     f->pool);
    }
    return scim_group_members_put(f->members, 1, value);
}

static void clear_absent(cJSON *attributes, const scim_attribute_t *table)
{
    for (; table->name; table++) {
        if (is_own(table) && !scim_json_member(attributes, table->name)) {
            scim_json_put(attributes, table->name, cJSON_CreateNull());
        }
    }
}

scim_error_t *scim_group_change_read(scim_group_change_t *change,
                                     const cJSON *body,
                                     const scim_rules_t *rules,
                                     apr_array_header_t *notes,
                                     apr_pool_t *pool)
{
    cJSON *attributes;
    cJSON *rest;
    fold_t f;

    SCIM_ERR(scim_schema_read(&attributes, &rest, without_members(body, pool),
                              &scim_group_type, rules, notes, pool));
    f = fold_begin(attributes, 0, rules, notes, pool);
    SCIM_ERR(read_group_members(&f, scim_json_member_nocase(body,
                                                            "members")));
    SCIM_ERR(scim_patch_members_read(fold, &f, rest, &scim_group_type, rules,
                                     notes, pool));
    SCIM_ERR(scim_schema_validate(attributes, NULL, &scim_group_type, rules,
                                  pool));
    clear_absent(attributes, scim_group_type.common);
    clear_absent(attributes, scim_group_type.core->attributes);
    fold_end(change, &f);
    return NULL;
}

/* Messages */

/* An element of OneLogin's with its own operation. */
static scim_error_t *fold_signed(fold_t *f, const cJSON *element)
{
    const char *operation = cJSON_GetStringValue(
        scim_json_member_nocase(element, "operation"));

    if (operation && strcasecmp(operation, "add") != 0
        && strcasecmp(operation, "delete") != 0) {
        return scim_error(f->pool, SCIM_E_INVALID_SYNTAX,
                          "operation must be add or delete, not '%.20s'.",
                          operation);
    }
    return scim_group_members_put(f->members,
                                  !operation
                                  || strcasecmp(operation, "add") == 0,
                                  element);
}

static scim_error_t *fold_message(fold_t *f, const cJSON *message)
{
    const cJSON *members = scim_json_member_nocase(message, "members");
    const cJSON *element;

    if (f->rules->strict || !members
        || scim_json_member_nocase(message, "Operations")) {
        return scim_patch_message_read(fold, f, message, &scim_group_type,
                                       f->rules, f->notes, f->pool);
    }
    members = scim_shape_of_list(members, f->rules, f->pool);
    if (!cJSON_IsArray(members)) {
        return fold_signed(f, members);
    }
    cJSON_ArrayForEach(element, members) {
        SCIM_ERR(fold_signed(f, element));
    }
    return NULL;
}

/* The id is there to be compared with one that is sent back. */
scim_error_t *scim_group_change_patch(scim_group_change_t *change,
                                      const char *id, const cJSON *message,
                                      const scim_rules_t *rules,
                                      apr_array_header_t *notes,
                                      apr_pool_t *pool)
{
    cJSON *attributes = scim_json_own(cJSON_CreateObject(), pool);
    fold_t f = fold_begin(attributes, 1, rules, notes, pool);

    scim_json_put_text(attributes, "id", id);
    SCIM_ERR(fold_message(&f, message));
    scim_json_drop(attributes, "id");
    fold_end(change, &f);
    return NULL;
}
