/* SPDX-License-Identifier: Apache-2.0 */
/* scim_schema: the attribute tables and what follows from them.
 *
 * The tables in scim_schema_user.c and scim_schema_role.c are the single
 * source of truth about attributes.  Validation, PATCH, filters, SQL,
 * projection and /Schemas read them; nothing about an attribute is written
 * twice.
 */
#ifndef SCIM_SCHEMA_H
#define SCIM_SCHEMA_H

#include <apr_pools.h>
#include <apr_tables.h>
#include <cjson/cJSON.h>

#include "rules/scim_note.h"
#include "rules/scim_resource_table.h"
#include "scim_filter.h"
#include "values/scim_error.h"
#include "values/scim_work.h"

#define SCIM_URN_USER "urn:ietf:params:scim:schemas:core:2.0:User"
#define SCIM_URN_GROUP "urn:ietf:params:scim:schemas:core:2.0:Group"
#define SCIM_URN_ROLE "urn:ietf:params:scim:schemas:core:2.0:Role"
#define SCIM_URN_ENTERPRISE \
    "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"

/* The two switches of a deployment, SCIMProfile and SCIMStrict, and the work
 * that the request may still cause. */
typedef struct {
    int managed;              /* profile managed (else open): data */
    int strict;               /* SCIMStrict On (else Off): dialect */
    scim_work_t *work;        /* NULL: there is no end to it */
} scim_rules_t;

typedef enum {
    SCIM_STRING, SCIM_BOOLEAN, SCIM_DECIMAL, SCIM_INTEGER, SCIM_DATETIME,
    SCIM_REFERENCE, SCIM_BINARY, SCIM_COMPLEX
} scim_type_e;

typedef enum {
    SCIM_READ_WRITE, SCIM_READ_ONLY, SCIM_IMMUTABLE, SCIM_WRITE_ONLY
} scim_mutability_e;

typedef enum {
    SCIM_RETURNED_DEFAULT, SCIM_RETURNED_ALWAYS, SCIM_RETURNED_NEVER,
    SCIM_RETURNED_REQUEST
} scim_returned_e;

typedef enum {
    SCIM_UNIQUE_NONE, SCIM_UNIQUE_SERVER, SCIM_UNIQUE_GLOBAL
} scim_uniqueness_e;

/* Set in the profile managed, beside the plain characteristics. */
#define SCIM_MANAGED_REQUIRED  1
#define SCIM_MANAGED_IMMUTABLE 2

typedef struct scim_attribute_t scim_attribute_t;
struct scim_attribute_t {
    const char *name;         /* NULL ends a table */
    const char *description;
    scim_type_e type;
    int multi_valued;
    int required;
    int case_exact;
    scim_mutability_e mutability;
    scim_returned_e returned;
    scim_uniqueness_e uniqueness;
    int is_identifier;        /* compared by the key of a userName, not only
                               * folded */
    int managed;              /* SCIM_MANAGED_ bits */
    int unlisted;             /* common attribute that /Schemas does not list
                               * (RFC 7643 section 3.1) */
    const char *const *canonical_values;   /* NULL-terminated, or NULL */
    const char *const *reference_types;
    const scim_attribute_t *subs;          /* of a complex attribute */
    const char *column;       /* SQL expression on the row "a" that gives the
                               * value (for multi-valued: a jsonb array);
                               * NULL: a member of a.attributes */
    int is_location;          /* column is an id, the value the URL of the
                               * resource that has it */
    const char *key;          /* SQL expression of the stored comparison key,
                               * or NULL: scim.fold(column) */
    int is_ordered;           /* an index of the organization has the order of
                               * the column, or of its key */
    const char *index_prefix; /* SQL that is true of every row, and with which
                               * an index finds those with a value of the
                               * column; or NULL */
    int has_words;            /* its words are among those of word_grams, see
                               * scim_resource_type_t */
    const char *rows;         /* of a multi-valued complex attribute whose
                               * elements are rows: SQL of those that belong
                               * to the row "a", which are called "e" and
                               * have the columns of subs; else NULL */
    const char *owners;       /* with it: SQL, for a query, of the ids of the
                               * rows that have an element with the value
                               * %s, in the organization $1 */
};

typedef struct {
    const char *urn;
    const char *name;
    const char *description;
    const scim_attribute_t *attributes;
} scim_schema_t;

typedef struct {
    const char *name;                       /* "User" */
    const char *endpoint;                   /* "/Users" */
    const char *description;
    const scim_attribute_t *common;         /* schemas, id, meta and, where
                                             * clients may set it, externalId
                                             * (RFC 7643 section 3.1) */
    const scim_schema_t *core;
    const scim_schema_t *const *extensions; /* NULL-terminated */
    const char *word_grams;                 /* SQL, of an index: trigrams of
                                             * all attributes that has_words;
                                             * or NULL */
} scim_resource_type_t;

/* The resource types that this server offers (scim_resource_table.h). */
#define SCIM_DECLARE_TYPE(schema, operations) \
    extern const scim_resource_type_t scim_##schema##_type;
SCIM_RESOURCE_TABLE(SCIM_DECLARE_TYPE)
#define SCIM_ADD_ONE(schema, operations) + 1
#define SCIM_RESOURCE_TYPES (0 SCIM_RESOURCE_TABLE(SCIM_ADD_ONE))
extern const scim_resource_type_t
    *const scim_resource_types[SCIM_RESOURCE_TYPES + 1]; /* NULL ends */

/* Not offered yet: what its resources look like. */

/* The resource type called name, as meta.resourceType gives it, or NULL. */
const scim_resource_type_t *scim_resource_type_named(const char *name);

/* Resolve a name of type's schemas or a common one: any case, with or without
 * URN; an extension's attribute without its URN where no other has the name
 * (ATTR-05).  baton of the resolver is the type.  */
scim_resolver_t scim_schema_resolver(const scim_resource_type_t *type,
                                     const scim_rules_t *rules);

/* The same for lists of all types: a name that only another type has is
 * resolved to an attribute without a value (RFC 7644 section 3.4.2.1). */
scim_resolver_t scim_schema_resolver_any(const scim_resource_type_t *type,
                                         const scim_rules_t *rules);

/* SCIM_E_INVALID_VALUE when a multi-valued attribute has more elements than
 * SCIM_MAX_ELEMENTS. */
#define SCIM_MAX_ELEMENTS 1000
scim_error_t *scim_schema_check_size(const cJSON *list, const char *name,
                                     apr_pool_t *pool) SCIM_CHECKED;

/* The table row for the name of a member, in any case, or NULL. */
const scim_attribute_t *scim_attribute_find(const scim_attribute_t *table,
                                            const char *name);

/* The attribute whose values the operand has: the sub-attribute where there is
 * one. */
const scim_attribute_t *scim_attribute_of(const scim_operand_t *operand);

/* Whether the attribute must be present, and whether a client may change it
 * once it is set, in this profile. */
int scim_attribute_is_required(const scim_attribute_t *attribute,
                               const scim_rules_t *rules);
scim_mutability_e scim_attribute_mutability(const scim_attribute_t *attribute,
                                            const scim_rules_t *rules);

/* A value that a client sent for attribute, in the schema's spelling and
 * types, as a new tree for the caller to place; *normal is NULL when the value
 * is absent.  Strict off takes what scim_shape.h and clients.md H9, H14-H16,
 * H36 and H37 list: booleans as strings and as 1 and 0, numbers for strings,
 * a string for a complex value (its "value").  Unknown and readOnly members
 * are left out; a note is added to notes (scim_note_t) for each unknown one.
 * where is the attribute's name for messages.  A value that does not fit the
 * type is SCIM_E_INVALID_VALUE. */
scim_error_t *scim_schema_normalise(cJSON **normal,
                                    const scim_attribute_t *attribute,
                                    const cJSON *value, const char *where,
                                    const scim_rules_t *rules,
                                    apr_array_header_t *notes,
                                    apr_pool_t *pool) SCIM_CHECKED;

/* Remove "$ref" from object, a complex value of attribute in the schema's
 * spelling.  If object has no "value", the id at the end of "$ref" becomes it;
 * an id that cannot be a value is SCIM_E_INVALID_VALUE. */
scim_error_t *scim_schema_read_reference(cJSON *object,
                                         const scim_attribute_t *attribute,
                                         const scim_rules_t *rules,
                                         apr_array_header_t *notes,
                                         apr_pool_t *pool) SCIM_CHECKED;

/* The body of a POST or PUT as a resource in the schema's spelling (a new
 * root owned by pool), without id, meta, schemas and other readOnly members.
 * *rest, owned by pool, holds the members whose names are no attribute's but
 * may be paths (scim_patch_read); it refers to body.
 * Checks that body is an object and what "schemas" says: strict On requires
 * the core URN and known URNs only (RES-01, RES-02, RES-05), Off none. */
scim_error_t *scim_schema_read(cJSON **resource, cJSON **rest,
                               const cJSON *body,
                               const scim_resource_type_t *type,
                               const scim_rules_t *rules,
                               apr_array_header_t *notes, apr_pool_t *pool)
    SCIM_CHECKED;

/* Check a whole resource as it would be stored: required attributes, one
 * primary per attribute (ATTR-25).  Of duplicate elements, by type and value,
 * the first is kept (ATTR-27).  Attributes that are as in before, the stored
 * resource or NULL, are not checked: applications write them, too. */
scim_error_t *scim_schema_validate(cJSON *resource, const cJSON *before,
                                   const scim_resource_type_t *type,
                                   const scim_rules_t *rules,
                                   apr_pool_t *pool) SCIM_CHECKED;

/* The attributes that an answer contains (RFC 7644 section 3.9). */
typedef struct scim_projection_t scim_projection_t;

/* From the values of the query parameters attributes and excludedAttributes,
 * comma-separated, NULL when absent; *projection is NULL when there is no name
 * in either.  Unknown names are ignored.  A name with a filter, as in a PATCH
 * path, means the attribute without it, but excludes nothing.  Both parameters
 * together, or a filter without end, are SCIM_E_INVALID_VALUE. */
scim_error_t *scim_projection_make(scim_projection_t **projection,
                                   const char *attributes,
                                   const char *excluded,
                                   const scim_resource_type_t *type,
                                   apr_pool_t *pool) SCIM_CHECKED;

/* Whether projection, which may be NULL, wants attribute of the core schema,
 * or with sub, this sub-attribute in it. */
int scim_projection_wants(const scim_projection_t *projection,
                          const scim_attribute_t *attribute, const char *sub);

/* An Error message (RFC 7644 section 3.12) in pool; scim_type may be NULL. */
cJSON *scim_schema_error(int status, const char *scim_type,
                         const char *detail, apr_pool_t *pool);

/* A ListResponse (RFC 7644 section 3.4.2) in pool: resources, an array that
 * becomes part of it, out of total, from start_index. */
cJSON *scim_schema_list(apr_int64_t total, apr_int64_t start_index,
                        cJSON *resources, apr_pool_t *pool);

/* resource as it is answered: a new tree for the caller to place, which shares
 * resource's strings and must not outlive it.  Members are in the order of the
 * tables; "schemas" is computed from the extensions that are present (RES-06);
 * id and meta are those of resource.  Unassigned attributes, those with
 * returned=never, and those that projection (may be NULL) does not want are
 * left out.  A raw value (scim_json_raw) has been made with nothing else in
 * it. */
cJSON *scim_schema_present(const cJSON *resource,
                           const scim_resource_type_t *type,
                           const scim_projection_t *projection,
                           apr_pool_t *pool);

#endif
