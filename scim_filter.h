/* SPDX-License-Identifier: Apache-2.0 */
/* scim_filter: the filter and path grammar of RFC 7644 (figures 1 and 7),
 * text to tree, and the tree applied to JSON.
 *
 * The tree knows no schema.  Names are resolved while parsing by a function
 * that the layer above gives (scim_schema_resolver), so that every error has
 * its position, and a finished tree needs no further checking: operator and
 * literal fit the attribute.
 */
#ifndef SCIM_FILTER_H
#define SCIM_FILTER_H

#include <apr_pools.h>
#include <apr_time.h>
#include <cjson/cJSON.h>

#include "values/scim_error.h"
#include "values/scim_work.h"

#define SCIM_FILTER_MAX_LENGTH 8192   /* bytes of text */
#define SCIM_FILTER_MAX_DEPTH 32      /* nested parentheses and brackets */
#define SCIM_FILTER_MAX_TERMS 128     /* comparisons */

/* How values of an attribute are compared (RFC 7644 table 3). */
typedef enum {
    SCIM_COMPARE_FOLD,        /* string, caseExact false: scim_text_fold */
    SCIM_COMPARE_USER_NAME,   /* string: scim_text_user_name_key */
    SCIM_COMPARE_EXACT,       /* string or reference, caseExact true */
    SCIM_COMPARE_BOOLEAN,
    SCIM_COMPARE_NUMBER,
    SCIM_COMPARE_INSTANT,     /* dateTime */
    SCIM_COMPARE_BINARY,      /* base64 text, compared by case */
    SCIM_COMPARE_NONE         /* complex without value: pr, eq/ne null only */
} scim_compare_e;

typedef enum {
    SCIM_OP_EQ, SCIM_OP_NE, SCIM_OP_CO, SCIM_OP_SW, SCIM_OP_EW,
    SCIM_OP_GT, SCIM_OP_GE, SCIM_OP_LT, SCIM_OP_LE, SCIM_OP_PR
} scim_op_e;

struct scim_attribute_t;

/* What a name stands for: where the value is in a resource's JSON, and how it
 * is compared.  All strings are in the schema's own spelling and static. */
typedef struct {
    const char *container;    /* extension URN that holds name, or NULL */
    const char *name;         /* member; within brackets the sub-attribute;
                               * NULL for the schema as a whole, which without
                               * container is the core's */
    const char *sub;          /* sub-attribute of name, or NULL */
    int multi_valued;         /* name holds an array */
    int absent_is_false;      /* boolean whose absence means false: primary */
    scim_compare_e compare;
    const struct scim_attribute_t *attribute;   /* of name */
    const struct scim_attribute_t *sub_attribute; /* of sub, or NULL */
} scim_operand_t;

/* Resolve length bytes of name: within is NULL at the top, else the operand
 * before the bracket, and name is then a sub-attribute of it.  An unknown
 * name is SCIM_E_UNKNOWN_ATTRIBUTE.  for_comparison asks for the default
 * sub-attribute "value" where name is complex and has one (AMB-17).  */
typedef scim_error_t *scim_resolve_fn(scim_operand_t *operand,
                                      const void *baton,
                                      const char *name, apr_size_t length,
                                      const scim_operand_t *within,
                                      int for_comparison, apr_pool_t *pool);

typedef struct {
    scim_resolve_fn *resolve;
    const void *baton;
    int lenient;              /* take "True", True and true for a boolean, in
                               * any case, and a bare word for a string or
                               * a dateTime
                               * (clients.md E11, E40, E55, H6, H9) */
} scim_resolver_t;

typedef enum {
    SCIM_LITERAL_NONE,        /* operator pr */
    SCIM_LITERAL_NULL,
    SCIM_LITERAL_STRING,
    SCIM_LITERAL_BOOLEAN,
    SCIM_LITERAL_NUMBER,
    SCIM_LITERAL_INSTANT      /* string too: text as written */
} scim_literal_e;

typedef struct {
    scim_literal_e kind;
    const char *text;         /* STRING: decoded; INSTANT, NUMBER: as
                               * written */
    const char *key;          /* STRING: the text's comparison key */
    int boolean;
    double number;
    apr_time_t instant;
} scim_literal_t;

typedef enum {
    SCIM_FILTER_AND, SCIM_FILTER_OR, SCIM_FILTER_NOT,
    SCIM_FILTER_COMPARE,
    SCIM_FILTER_ELEMENT       /* operand[left]: one element meets all of left;
                               * attr[f].sub op v is parsed to attr[f and sub
                               * op v] (clients.md E12) */
} scim_filter_kind_e;

typedef struct scim_filter_t scim_filter_t;
struct scim_filter_t {
    scim_filter_kind_e kind;
    scim_filter_t *left;      /* AND, OR, NOT, ELEMENT */
    scim_filter_t *right;     /* AND, OR */
    scim_operand_t operand;   /* COMPARE, ELEMENT */
    scim_op_e op;             /* COMPARE */
    scim_literal_t literal;   /* COMPARE */
};

/* Parse text as a filter.  Errors are SCIM_E_INVALID_FILTER whose detail has
 * the position (bytes from 0), what stands there and what was expected. */
scim_error_t *scim_filter_parse(scim_filter_t **filter, const char *text,
                                const scim_resolver_t *resolver,
                                apr_pool_t *pool) SCIM_CHECKED;

/* A PATCH path (RFC 7644 figure 7): name, name.sub, name[filter],
 * name[filter].sub, each with or without URN, or a schema's URN alone. */
typedef struct {
    scim_operand_t operand;   /* with sub, whether written before or after
                               * the brackets */
    scim_filter_t *filter;    /* NULL without brackets */
} scim_path_t;

/* Parse text as a PATCH path.  Errors: SCIM_E_INVALID_PATH; between the
 * brackets SCIM_E_INVALID_FILTER; SCIM_E_UNKNOWN_ATTRIBUTE for a well-formed
 * path to an attribute that the schema does not have. */
scim_error_t *scim_path_parse(scim_path_t *path, const char *text,
                              const scim_resolver_t *resolver,
                              apr_pool_t *pool) SCIM_CHECKED;

/* How many bytes of path its attribute's name has: up to brackets or the end
 * or what cannot be in a name. */
apr_size_t scim_path_name_length(const char *path);

/* What is compared instead of text, in pool, or text itself. */
const char *scim_filter_key(scim_compare_e compare, const char *text,
                            apr_pool_t *pool);

/* Whether resource, in the schema's spelling, meets filter.  For the filter
 * of a path, resource is one element of the multi-valued attribute. */
int scim_filter_match(const scim_filter_t *filter, const cJSON *resource,
                      apr_pool_t *pool);

/* The same at the expense of work.  When that is used up, which the caller
 * checks, the result says nothing. */
int scim_filter_match_within(const scim_filter_t *filter,
                             const cJSON *resource, scim_work_t *work,
                             apr_pool_t *pool);

/* The order of two resources by the single value of operand: negative, 0 or
 * positive; one without a value comes after one with (RFC 7644 section
 * 3.4.2.3). */
int scim_filter_order(const scim_operand_t *operand, const cJSON *a,
                      const cJSON *b, apr_pool_t *pool);

#endif
