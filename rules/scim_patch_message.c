/* SPDX-License-Identifier: Apache-2.0 */
/* The reader of PatchOp messages, see scim_patch_message.h.  A change is an
 * operation with a path, a member of a value without path, or a member of a
 * value whose path is a schema's URN. */
#include "rules/scim_patch_message.h"

#include <string.h>

#include <apr_strings.h>

#include "rules/scim_shape.h"
#include "values/scim_json.h"

/* A message being read. */
typedef struct {
    scim_patch_change_fn *change;
    void *baton;
    const scim_resource_type_t *type;
    const scim_rules_t *rules;
    apr_array_header_t *notes;
    apr_pool_t *pool;
    int changes;
} reader_t;

/* Whether a name begins with an attribute of the schema. */
static int begins_with_attribute(const reader_t *m, const char *name)
{
    scim_resolver_t resolver = scim_schema_resolver(m->type, m->rules);
    scim_operand_t operand;
    scim_error_t *error;

    memset(&operand, 0, sizeof(operand));
    error = resolver.resolve(&operand, resolver.baton, name,
                             scim_path_name_length(name), NULL, 0, m->pool);
    return error == NULL;
}

/* Whether an error in a path is ignored: Entra ID sends every mapped
 * attribute, and the others must not fail because of one that this server does
 * not have (clients.md E43, E45).  A member's name may be anything, unless it
 * begins with an attribute. */
static int is_ignorable(const reader_t *m, const scim_patch_change_t *c,
                        const scim_error_t *error)
{
    if (c->in_value && error->kind == SCIM_E_INVALID_PATH) {
        return !begins_with_attribute(m, c->name);
    }
    return error->kind == SCIM_E_UNKNOWN_ATTRIBUTE
           && (c->in_value || !m->rules->strict);
}

static scim_error_t *read_member_paths(reader_t *m, scim_patch_verb_e verb,
                                       const cJSON *value, const char *prefix)
    SCIM_CHECKED;

/* The URN of a schema as a path means its members: those of the extension or,
 * with the core URN, of the resource itself. */
static scim_error_t *read_schema(reader_t *m, scim_patch_change_t *c)
{
    const char *urn = c->path.operand.container;
    const cJSON *value = scim_shape_of_object(c->value, m->rules, m->pool);

    if (c->verb == SCIM_PATCH_REMOVE
        || (urn && scim_shape_is_absent(value, m->rules))) {
        return m->change(m->baton, c);
    }
    return read_member_paths(m, c->verb, value,
                             urn ? apr_pstrcat(m->pool, urn, ":", NULL) : "");
}

/* Nothing is lost where there is no value. */
static void note_unknown(reader_t *m, const scim_patch_change_t *c)
{
    int is_empty = c->verb == SCIM_PATCH_REMOVE
                   || scim_shape_is_absent(c->value, m->rules);

    scim_note(m->notes, is_empty ? SCIM_NOTED_EMPTY : SCIM_NOTED_UNKNOWN,
              c->name, NULL);
}

static scim_error_t *read_change(reader_t *m, scim_patch_change_t *c)
{
    scim_resolver_t resolver = scim_schema_resolver(m->type, m->rules);
    scim_error_t *error;

    if (++m->changes > SCIM_PATCH_MAX_CHANGES) {
        return scim_error(m->pool, SCIM_E_TOO_LARGE,
                          "A PATCH takes at most %d changes.",
                          SCIM_PATCH_MAX_CHANGES);
    }
    scim_work_take(m->rules->work, 1, SCIM_WORK_CHANGE);
    scim_work_take(m->rules->work, strlen(c->name), SCIM_WORK_KEY);
    SCIM_ERR(scim_work_check(m->rules->work, m->pool));
    error = scim_path_parse(&c->path, c->name, &resolver, m->pool);
    if (error && is_ignorable(m, c, error)) {
        if (strcasecmp(c->name, "password") != 0) {
            note_unknown(m, c);
        }
        return NULL;
    }
    SCIM_ERR(error);
    return c->path.operand.name ? m->change(m->baton, c) : read_schema(m, c);
}

/* A value without path: the name of each member is a path, which may have
 * dots, a URN or brackets (clients.md E51, E52, H11). */
static scim_error_t *read_member_paths(reader_t *m, scim_patch_verb_e verb,
                                       const cJSON *value, const char *prefix)
{
    const cJSON *member;

    value = scim_shape_of_object(value, m->rules, m->pool);
    if (!m->rules->strict && scim_shape_is_absent(value, m->rules)) {
        return NULL;
    }
    if (!cJSON_IsObject(value)) {
        return scim_error(m->pool, SCIM_E_INVALID_VALUE,
                          "Without a path the value must be an object.");
    }
    cJSON_ArrayForEach(member, value) {
        scim_patch_change_t c = { .verb = verb };

        c.name = apr_pstrcat(m->pool, prefix, member->string, NULL);
        c.value = member;
        c.in_value = 1;
        SCIM_ERR(read_change(m, &c));
    }
    return NULL;
}

/* Messages */

static scim_error_t *read_verb(scim_patch_verb_e *verb, const reader_t *m,
                               const cJSON *op)
{
    static const char *const names[] = { "add", "replace", "remove" };
    const char *name = cJSON_GetStringValue(op);
    int i;

    for (i = SCIM_PATCH_ADD; name && i <= SCIM_PATCH_REMOVE; i++) {
        if (strcasecmp(name, names[i]) == 0) {
            *verb = (scim_patch_verb_e) i;
            return NULL;
        }
    }
    return scim_error(m->pool, SCIM_E_INVALID_SYNTAX,
                      "op must be add, replace or remove, not '%.20s'.",
                      name ? name : "");
}

static scim_error_t *read_patch_operation(reader_t *m, const cJSON *operation)
{
    const cJSON *path = scim_json_member_nocase(operation, "path");
    scim_patch_change_t c = { .verb = SCIM_PATCH_ADD };

    SCIM_ERR(read_verb(&c.verb, m, scim_json_member_nocase(operation,
                                                           "op")));
    c.value = scim_json_member_nocase(operation, "value");
    if (!c.value && c.verb != SCIM_PATCH_REMOVE) {
        return scim_error(m->pool, SCIM_E_INVALID_VALUE,
                          "add and replace need a value.");
    }
    if (path && !cJSON_IsNull(path)
        && (m->rules->strict || !scim_shape_is_absent(path, m->rules))) {
        if (!cJSON_IsString(path)) {
            return scim_error(m->pool, SCIM_E_INVALID_PATH,
                              "path must be a string.");
        }
        c.name = path->valuestring;
        return read_change(m, &c);
    }
    if (c.verb == SCIM_PATCH_REMOVE) {
        return scim_error(m->pool, SCIM_E_NO_TARGET,
                          "remove needs a path.");
    }
    return read_member_paths(m, c.verb, c.value, "");
}

static scim_error_t *check_message(const reader_t *m, const cJSON *operations,
                                   const cJSON *message)
{
    if (!cJSON_IsArray(operations)
        || (!operations->child && m->rules->strict)) {
        return scim_error(m->pool, SCIM_E_INVALID_SYNTAX,
                          "The body must have a list 'Operations'.");
    }
    if (m->rules->strict
        && !scim_json_names(scim_json_member_nocase(message, "schemas"),
                            SCIM_PATCH_URN)) {
        return scim_error(m->pool, SCIM_E_INVALID_SYNTAX,
                          "'schemas' must contain %s.", SCIM_PATCH_URN);
    }
    return NULL;
}

scim_error_t *scim_patch_message_read(scim_patch_change_fn *change,
                                      void *baton, const cJSON *message,
                                      const scim_resource_type_t *type,
                                      const scim_rules_t *rules,
                                      apr_array_header_t *notes,
                                      apr_pool_t *pool)
{
    const cJSON *operations = scim_json_member_nocase(message, "Operations");
    reader_t m = { change, baton, type, rules, notes, pool, 0 };
    const cJSON *operation;
    int number = 0;

    operations = scim_shape_listed(operations, rules, pool);
    SCIM_ERR(check_message(&m, operations, message));
    cJSON_ArrayForEach(operation, operations) {
        scim_error_t *error
            = read_patch_operation(&m, scim_shape_of_object(operation, rules,
                                                            pool));

        number++;
        if (error) {
            return scim_error(pool, error->kind, "Operation %d: %s", number,
                              error->detail);
        }
    }
    return NULL;
}

scim_error_t *scim_patch_members_read(scim_patch_change_fn *change,
                                      void *baton, const cJSON *value,
                                      const scim_resource_type_t *type,
                                      const scim_rules_t *rules,
                                      apr_array_header_t *notes,
                                      apr_pool_t *pool)
{
    reader_t m = { change, baton, type, rules, notes, pool, 0 };

    return read_member_paths(&m, SCIM_PATCH_ADD, value, "");
}
