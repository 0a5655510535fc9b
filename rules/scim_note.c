/* SPDX-License-Identifier: Apache-2.0 */
/* Notes and warnings, see scim_note.h. */
#include "rules/scim_note.h"

#include <string.h>

#include <apr_strings.h>

#include "values/scim_text.h"

#define IGNORED " ignored"
#define UNMAP "Remove it from the attribute mapping in the identity provider."
#define MAP_ROLES \
    "Map roles to ADMIN, USER or GUEST in the identity provider."

static const struct {
    const char *what;         /* %s is the name */
    const char *ending;       /* of the line in the log */
    apr_size_t most;          /* bytes of the name; 0: any */
    scim_warned_e warned;
    int is_of_mapping;
    const char *warning;      /* %s are name and value */
} kinds[SCIM_NOTED_COUNT] = {
    [SCIM_NOTED_UNKNOWN] = {
        "unknown attribute '%s'", IGNORED, 120, SCIM_WARNED_ATTRIBUTE, 1,
        "The attribute '%s' is not part of the schema and was ignored. "
        UNMAP },
    [SCIM_NOTED_EMPTY] = {
        "unknown attribute '%s'", IGNORED, 120, SCIM_NO_WARNING, 0, NULL },
    [SCIM_NOTED_READ_ONLY] = {
        "readOnly attribute '%s'", IGNORED, 120, SCIM_NO_WARNING, 0, NULL },
    [SCIM_NOTED_SET_ONCE] = {
        "immutable attribute '%s'", IGNORED, 120, SCIM_WARNED_SET_ONCE, 0,
        "The attribute '%s' is set once, when an account is created: '%s' was"
        " kept. Let the identity provider send it at creations only." },
    [SCIM_NOTED_KEPT] = {
        "immutable attribute '%s'", IGNORED, 120, SCIM_NO_WARNING, 0, NULL },
    [SCIM_NOTED_MEMBER_PART] = {
        "immutable attribute '%s'", IGNORED, 120, SCIM_WARNED_ATTRIBUTE, 1,
        "The attribute '%s' cannot be changed in a group and was ignored. "
        UNMAP },
    [SCIM_NOTED_REMOVAL] = {
        "removal of '%s'", IGNORED, 120, SCIM_WARNED_REMOVAL, 0,
        "The removal of '%s' was ignored, since it always has a value. Let the"
        " identity provider send true or false." },
    [SCIM_NOTED_ROLE] = {
        "unknown role '%s'", IGNORED, 60, SCIM_WARNED_ROLE, 0,
        "The role '%s' is unknown, so the account is a GUEST. " MAP_ROLES },
    [SCIM_NOTED_ROLE_KEPT] = {
        "unknown role '%s'", IGNORED, 60, SCIM_WARNED_ROLE, 0,
        "The role '%s' is unknown, so the account is still %s. " MAP_ROLES },
    [SCIM_NOTED_NO_MEMBERS] = {
        "the answer has no members: there are more than %s", "", 0,
        SCIM_NO_WARNING, 0, NULL },
    [SCIM_NOTED_FAILURE] = { "%s", "", 0, SCIM_NO_WARNING, 0, NULL }
};

apr_array_header_t *scim_note_list(apr_pool_t *pool)
{
    return apr_array_make(pool, 4, sizeof(scim_note_t));
}

/* name with "..." for what is in brackets: "emails[...].x". */
static const char *without_brackets(const char *name, apr_pool_t *pool)
{
    const char *begin = strchr(name, '[');
    const char *end = begin ? strrchr(begin, ']') : NULL;

    return begin ? apr_psprintf(pool, "%.*s[...%s", (int) (begin - name), name,
                                end ? end : "")
                 : name;
}

static const char *name_of(scim_note_kind_e kind, const char *name,
                           apr_pool_t *pool)
{
    apr_size_t most = kinds[kind].most;
    char *text;

    if (most == 0) {
        text = apr_pstrdup(pool, name);
    }
    else {
        name = without_brackets(name, pool);
        text = apr_pstrndup(pool, name, most);
    }
    scim_text_mend(text);
    return text;
}

void scim_note(apr_array_header_t *notes, scim_note_kind_e kind,
               const char *name, const char *value)
{
    if (notes->nelts < SCIM_MAX_NOTES) {
        scim_note_t *note = apr_array_push(notes);

        note->kind = kind;
        note->name = name_of(kind, name, notes->pool);
        note->value = apr_pstrdup(notes->pool, value);
        note->operation = 0;
    }
}

void scim_note_of(apr_array_header_t *notes, const scim_note_t *note,
                  int operation)
{
    int count = notes->nelts;

    scim_note(notes, note->kind, note->name, note->value);
    if (notes->nelts > count) {
        APR_ARRAY_IDX(notes, count, scim_note_t).operation = operation;
    }
}

const char *scim_note_what(const scim_note_t *note, apr_pool_t *pool)
{
    return apr_psprintf(pool, kinds[note->kind].what, note->name);
}

const char *scim_note_text(const scim_note_t *note, apr_pool_t *pool)
{
    const char *text = apr_pstrcat(pool, scim_note_what(note, pool),
                                   kinds[note->kind].ending, NULL);

    return note->operation == 0 ? text
           : apr_psprintf(pool, "operation %d: %s", note->operation, text);
}

scim_warned_e scim_note_warns(const scim_note_t *note)
{
    return kinds[note->kind].warned;
}

const char *scim_note_warning(const scim_note_t *note, apr_pool_t *pool)
{
    return apr_psprintf(pool, kinds[note->kind].warning, note->name,
                        note->value);
}

int scim_note_is_of_mapping(const scim_note_t *note)
{
    return kinds[note->kind].is_of_mapping;
}
