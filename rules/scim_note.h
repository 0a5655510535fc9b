/* SPDX-License-Identifier: Apache-2.0 */
/* scim_note: what a request sent and did not get, although it succeeded.
 *
 * A note has a text for the log.  If something is lost that a client meant, it
 * is a warning, too: a sentence for the organization's administrators that
 * says what to do.  What identity providers always send and nobody misses,
 * such as id and meta, is not.  No text contains a value of a filter.
 */
#ifndef SCIM_NOTE_H
#define SCIM_NOTE_H

#include <apr_pools.h>
#include <apr_tables.h>

typedef enum {
    SCIM_NOTED_UNKNOWN,       /* an attribute that no schema has */
    SCIM_NOTED_EMPTY,         /* the same, without a value or removed */
    SCIM_NOTED_READ_ONLY,
    SCIM_NOTED_SET_ONCE,      /* another value; the kept one is the value */
    SCIM_NOTED_KEPT,          /* the same, left out or removed */
    SCIM_NOTED_MEMBER_PART,   /* what is immutable in a group's members */
    SCIM_NOTED_REMOVAL,       /* of what always has a value */
    SCIM_NOTED_ROLE,          /* an unknown one, at a creation */
    SCIM_NOTED_ROLE_KEPT,     /* the same at a change; the role is the value */
    SCIM_NOTED_NO_MEMBERS,    /* of a large group, in the answer */
    SCIM_NOTED_FAILURE,       /* of an operation; the name is the text */
    SCIM_NOTED_COUNT
} scim_note_kind_e;

/* What a warning is about, for the metrics. */
typedef enum {
    SCIM_NO_WARNING, SCIM_WARNED_ATTRIBUTE, SCIM_WARNED_SET_ONCE,
    SCIM_WARNED_REMOVAL, SCIM_WARNED_ROLE
} scim_warned_e;

typedef struct {
    scim_note_kind_e kind;
    const char *name;         /* of the attribute, or the unknown role */
    const char *value;        /* what counts instead, or NULL */
    int operation;            /* of a bulk request: its number, from 1; or 0 */
} scim_note_t;

/* A list for notes (of scim_note_t), and for what they say, in pool. */
apr_array_header_t *scim_note_list(apr_pool_t *pool);

/* Add a note to notes.  name is shortened and what it has in brackets, such as
 * a filter, is left out; value may be NULL.  Only the first SCIM_MAX_NOTES are
 * kept: a client cannot flood the log. */
#define SCIM_MAX_NOTES 20
void scim_note(apr_array_header_t *notes, scim_note_kind_e kind,
               const char *name, const char *value);

/* Add a copy of note to notes, as one of the operation with this number. */
void scim_note_of(apr_array_header_t *notes, const scim_note_t *note,
                  int operation);

/* What was ignored ("unknown attribute 'x'"), and the line for the log. */
const char *scim_note_what(const scim_note_t *note, apr_pool_t *pool);
const char *scim_note_text(const scim_note_t *note, apr_pool_t *pool);

/* The kind of warning that the note is, or SCIM_NO_WARNING; and the sentence
 * of a note that is one. */
scim_warned_e scim_note_warns(const scim_note_t *note);
const char *scim_note_warning(const scim_note_t *note, apr_pool_t *pool);

/* Whether the cause is the mapping of attributes, so that all resources get
 * the same warning. */
int scim_note_is_of_mapping(const scim_note_t *note);

#endif
