/* SPDX-License-Identifier: Apache-2.0 */
/* The members of a group, folded, see scim_group_members.h.
 *
 * There is one entry for each id that was named, with what the last change
 * wants of it; a change of all members begins without entries again.  Nearly
 * all elements are an object with an id in a string: these are read where they
 * stand.  Whatever looks otherwise is left to scim_schema_normalise, element
 * by element, so that shapes and errors are those of any attribute. */
#include "rules/scim_group_members.h"

#include <string.h>

#include <apr_hash.h>
#include <apr_lib.h>
#include <apr_strings.h>

#include "rules/scim_shape.h"
#include "scim_filter.h"
#include "values/scim_json.h"
#include "values/scim_text.h"

#define ID_LENGTH 36
#define MOST_NAMED 5             /* unknown ids in an error */

typedef struct entry_t entry_t;
struct entry_t {
    char id[ID_LENGTH + 1];
    int wanted;
    entry_t *next;
};

struct scim_group_members_t {
    int keep;
    apr_hash_t *by_id;           /* entry_t */
    entry_t *first;              /* in the order of the request */
    entry_t **end;
    apr_array_header_t *strange; /* const char *: the first of what one value
                                  * has that is no id */
    int strangers;               /* how many there are */
    const scim_rules_t *rules;
    apr_array_header_t *notes;
    apr_pool_t *pool;
    apr_pool_t *scratch;         /* cleared for each element; NULL: not yet
                                  * needed */
};

typedef scim_group_members_t members_t;

const scim_attribute_t *scim_group_members_attribute(void)
{
    return scim_attribute_find(scim_group_type.core->attributes, "members");
}

/* The set */

static void forget_all(members_t *m)
{
    m->keep = 0;
    m->by_id = apr_hash_make(m->pool);
    m->first = NULL;
    m->end = &m->first;
}

scim_group_members_t *scim_group_members_make(int keep,
                                              const scim_rules_t *rules,
                                              apr_array_header_t *notes,
                                              apr_pool_t *pool)
{
    members_t *m = apr_pcalloc(pool, sizeof(*m));

    m->rules = rules;
    m->notes = notes;
    m->pool = pool;
    m->strange = apr_array_make(pool, MOST_NAMED, sizeof(const char *));
    forget_all(m);
    m->keep = keep;
    return m;
}

static void put_id(members_t *m, const char *id, int wanted)
{
    entry_t *entry = apr_hash_get(m->by_id, id, ID_LENGTH);

    if (!entry) {
        entry = apr_palloc(m->pool, sizeof(*entry));
        memcpy(entry->id, id, sizeof(entry->id));
        entry->next = NULL;
        *m->end = entry;
        m->end = &entry->next;
        apr_hash_set(m->by_id, entry->id, ID_LENGTH, entry);
    }
    entry->wanted = wanted;
}

int scim_group_members_keep(const scim_group_members_t *m)
{
    return m->keep;
}

apr_array_header_t *scim_group_members_list(const scim_group_members_t *m,
                                            int wanted)
{
    apr_array_header_t *ids = apr_array_make(m->pool, 16,
                                             sizeof(const char *));
    const entry_t *entry;

    for (entry = m->first; entry; entry = entry->next) {
        if (entry->wanted == wanted && (wanted || m->keep)) {
            APR_ARRAY_PUSH(ids, const char *) = entry->id;
        }
    }
    return ids;
}

scim_error_t *scim_group_members_unknown(const apr_array_header_t *ids,
                                         int count, apr_pool_t *pool)
{
    const char *list = "";
    int i;

    for (i = 0; i < ids->nelts && i < MOST_NAMED; i++) {
        list = apr_psprintf(pool, "%s%s'%.60s'", list, i ? ", " : "",
                            APR_ARRAY_IDX(ids, i, const char *));
    }
    if (count > i) {
        list = apr_psprintf(pool, "%s and %d more", list, count - i);
    }
    return scim_error(pool, SCIM_E_INVALID_VALUE,
                      "Attribute 'members' has ids that do not exist: %s.",
                      list);
}

/* Elements */

/* id is text as PostgreSQL prints it; 0 when that can be nobody's. */
static int read_id(char *id, const char *text)
{
    int i;

    if (strlen(text) != ID_LENGTH) {
        return 0;
    }
    for (i = 0; i <= ID_LENGTH; i++) {
        id[i] = apr_tolower(text[i]);
    }
    return scim_text_is_uuid(id);
}

/* What stands where an element has its id, or NULL. */
static const char *text_at_hand(const members_t *m, const cJSON *element)
{
    const cJSON *value;
    const char *reference;

    if (cJSON_IsString(element)) {
        return m->rules->strict ? NULL : element->valuestring;
    }
    value = scim_json_member_nocase(element, "value");
    if (!scim_shape_is_absent(value, m->rules)) {
        return cJSON_GetStringValue(value);
    }
    reference = cJSON_GetStringValue(scim_json_member_nocase(element,
                                                             "$ref"));
    return reference ? scim_text_last_segment(reference) : NULL;
}

static int says_something(const members_t *m, const cJSON *element)
{
    const cJSON *member;

    cJSON_ArrayForEach(member, element) {
        if (!scim_shape_is_absent(member, m->rules)) {
            return 1;
        }
    }
    return 0;
}

/* The id of an element of whatever shape, in scratch; NULL when it is
 * absent. */
static scim_error_t *interpret(const char **text, members_t *m,
                               const cJSON *element)
{
    cJSON *list;
    cJSON *normal;

    if (!m->scratch) {
        apr_pool_create(&m->scratch, m->pool);
    }
    apr_pool_clear(m->scratch);
    list = scim_json_own(cJSON_CreateArray(), m->scratch);
    cJSON_AddItemReferenceToArray(list, (cJSON *) element);
    SCIM_ERR(scim_schema_normalise(&normal, scim_group_members_attribute(),
                                   list, "members", m->rules, m->notes,
                                   m->scratch));
    *text = normal ? scim_json_text(scim_json_own(normal, m->scratch)->child,
                                    "value") : NULL;
    return *text || !says_something(m, element) ? NULL
        : scim_error(m->pool, SCIM_E_INVALID_VALUE,
                     "Attribute 'members' has an element without a value.");
}

static void put_stranger(members_t *m, const char *text)
{
    if (m->strangers++ < MOST_NAMED) {
        APR_ARRAY_PUSH(m->strange, const char *)
            = apr_pstrndup(m->pool, text, 60);
    }
}

static scim_error_t *put_element(members_t *m, int wanted,
                                 const cJSON *element)
{
    const char *text = text_at_hand(m, element);
    char id[ID_LENGTH + 1];

    scim_work_take(m->rules->work, 1, SCIM_WORK_VALUE);
    SCIM_ERR(scim_work_check(m->rules->work, m->pool));
    if (!text || !read_id(id, text)) {
        SCIM_ERR(interpret(&text, m, element));
    }
    if (text && read_id(id, text)) {
        put_id(m, id, wanted);
    }
    else if (text) {
        put_stranger(m, text);
    }
    return NULL;
}

/* Unless strict a list within a list is its elements. */
static scim_error_t *put_elements(members_t *m, int wanted,
                                  const cJSON *value)
{
    const cJSON *element;

    value = scim_shape_of_list(value, m->rules, m->pool);
    if (!cJSON_IsArray(value)) {
        return put_element(m, wanted, value);
    }
    cJSON_ArrayForEach(element, value) {
        SCIM_ERR(m->rules->strict ? put_element(m, wanted, element)
                                  : put_elements(m, wanted, element));
    }
    return NULL;
}

/* A list by its name again, as Salesforce sends it. */
static const cJSON *named_list(const members_t *m, const cJSON *value)
{
    const cJSON *list;

    if (m->rules->strict) {
        return value;
    }
    value = scim_shape_of_list(value, m->rules, m->pool);
    list = scim_json_member_nocase(value, "members");
    return list && !text_at_hand(m, value) ? list : value;
}

scim_error_t *scim_group_members_put(scim_group_members_t *m, int wanted,
                                     const cJSON *value)
{
    cJSON *none;

    if (m->rules->strict && !cJSON_IsArray(value) && !cJSON_IsObject(value)) {
        return scim_schema_normalise(&none, scim_group_members_attribute(),
                                     value, "members", m->rules, m->notes,
                                     m->pool);
    }
    apr_array_clear(m->strange);
    m->strangers = 0;
    SCIM_ERR(put_elements(m, wanted, named_list(m, value)));
    return wanted && m->strangers
           ? scim_group_members_unknown(m->strange, m->strangers, m->pool)
           : NULL;
}

/* Filters */

static int is_equality_on(const scim_filter_t *filter, const char *name)
{
    return filter->kind == SCIM_FILTER_COMPARE && filter->op == SCIM_OP_EQ
           && strcmp(filter->operand.name, name) == 0;
}

/* What nobody's id can be selects nobody. */
static int select_id(members_t *selected, const scim_filter_t *filter)
{
    int is_reference = is_equality_on(filter, "$ref");
    const char *text = filter->literal.text;
    char id[ID_LENGTH + 1];

    if (filter->literal.kind != SCIM_LITERAL_STRING
        || !(is_reference || is_equality_on(filter, "value"))) {
        return 0;
    }
    if (read_id(id, is_reference ? scim_text_last_segment(text) : text)) {
        put_id(selected, id, 1);
    }
    return 1;
}

/* Whoever filter selects whatever is stored; 0 when it depends on that. */
static int select_ids(members_t *selected, const scim_filter_t *filter)
{
    switch (filter->kind) {
    case SCIM_FILTER_OR:
        return select_ids(selected, filter->left)
               && select_ids(selected, filter->right);
    case SCIM_FILTER_AND:
        return is_equality_on(filter->left, "type")
               ? select_ids(selected, filter->right)
               : is_equality_on(filter->right, "type")
                 && select_ids(selected, filter->left);
    case SCIM_FILTER_COMPARE:
        return select_id(selected, filter);
    default:
        return 0;
    }
}

/* Changes */

static scim_error_t *refuse_change(members_t *m,
                                   const scim_patch_change_t *c)
{
    return scim_error(m->pool, SCIM_E_MUTABILITY,
                      "Attribute '%.120s' is immutable.", c->name);
}

static scim_error_t *skip_immutable(members_t *m,
                                    const scim_patch_change_t *c)
{
    if (m->rules->strict) {
        return refuse_change(m, c);
    }
    scim_note(m->notes, SCIM_NOTED_MEMBER_PART, c->name, NULL);
    return NULL;
}

/* Who is a member is nothing that could be passed over. */
static scim_error_t *change_sub(members_t *m, const scim_patch_change_t *c)
{
    return strcmp(c->path.operand.sub, "value") == 0 ? refuse_change(m, c)
                                                     : skip_immutable(m, c);
}

/* add and replace of single members: what they name must be selected. */
static scim_error_t *put_selected(members_t *m, const members_t *selected,
                                  const scim_patch_change_t *c)
{
    members_t *named = scim_group_members_make(0, m->rules, m->notes,
                                               m->pool);
    const entry_t *entry;

    if ((m->rules->strict && c->verb == SCIM_PATCH_REPLACE)
        || !text_at_hand(m, scim_shape_of_object(c->value, m->rules,
                                                 m->pool))) {
        return skip_immutable(m, c);
    }
    SCIM_ERR(scim_group_members_put(named, 1, c->value));
    for (entry = named->first; entry; entry = entry->next) {
        if (!apr_hash_get(selected->by_id, entry->id, ID_LENGTH)) {
            return refuse_change(m, c);
        }
        put_id(m, entry->id, 1);
    }
    return NULL;
}

static scim_error_t *change_filtered(members_t *m,
                                     const scim_patch_change_t *c)
{
    members_t *selected = scim_group_members_make(0, m->rules, m->notes,
                                                  m->pool);
    const entry_t *entry;

    if (!select_ids(selected, c->path.filter)) {
        return scim_error(m->pool, SCIM_E_INVALID_FILTER,
                          "Members can be selected by eq on value or $ref"
                          " only, not by '%.120s'.", c->name);
    }
    if (c->verb != SCIM_PATCH_REMOVE) {
        return put_selected(m, selected, c);
    }
    for (entry = selected->first; entry; entry = entry->next) {
        put_id(m, entry->id, 0);
    }
    return NULL;
}

scim_error_t *scim_group_members_change(scim_group_members_t *m,
                                        const scim_patch_change_t *c)
{
    if (c->path.operand.sub) {
        return change_sub(m, c);
    }
    if (c->path.filter) {
        return change_filtered(m, c);
    }
    if (c->verb == SCIM_PATCH_REMOVE && (!c->value
                                         || cJSON_IsNull(c->value))) {
        forget_all(m);
        return NULL;
    }
    if (c->verb == SCIM_PATCH_REPLACE) {
        forget_all(m);
    }
    return scim_group_members_put(m, c->verb != SCIM_PATCH_REMOVE, c->value);
}
