/* SPDX-License-Identifier: Apache-2.0 */
/* scim_filter: the filter and path grammar of RFC 7644 (figures 1 and 7), from
 * text to a tree, and the tree applied to JSON.
 *
 * The tree does not use schemas.  During parsing, names are resolved by a
 * function of the layer above (scim_schema_resolver), so that every error has
 * its position, and the tree needs no further checks: operator and literal fit
 * the attribute.
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
    SCIM_COMPARE_BINARY,      /* base64 text, compared with case */
    SCIM_COMPARE_NONE         /* complex without value: pr, eq/ne null only */
} scim_compare_e;

typedef enum {
    SCIM_OP_EQ, SCIM_OP_NE, SCIM_OP_CO, SCIM_OP_SW, SCIM_OP_EW,
    SCIM_OP_GT, SCIM_OP_GE, SCIM_OP_LT, SCIM_OP_LE, SCIM_OP_PR
} scim_op_e;

struct scim_attribute_t;

/* The meaning of a name: the place of the value in a resource's JSON, and its
 * comparison.  All strings are static and have the schema's spelling. */
typedef struct {
    const char *container;    /* extension URN that holds name, or NULL */
    const char *name;         /* member; within brackets the sub-attribute;
                               * NULL for a whole schema, which is the core
                               * schema if there is no container */
    const char *sub;          /* sub-attribute of name, or NULL */
    int multi_valued;         /* name holds an array */
    int absent_is_false;      /* boolean whose absence means false: primary */
    int is_foreign;           /* only another resource type has it */
    scim_compare_e compare;
    const struct scim_attribute_t *attribute;   /* of name */
    const struct scim_attribute_t *sub_attribute; /* of sub, or NULL */
} scim_operand_t;

/* Resolve length bytes of name: within is NULL at the top, else the operand
 * before the bracket, and name is its sub-attribute.  An unknown name is
 * SCIM_E_UNKNOWN_ATTRIBUTE.  With for_comparison, a complex attribute means
 * its sub-attribute "value", if it has one (AMB-17). */
typedef scim_error_t *scim_resolve_fn(scim_operand_t *operand,
                                      const void *baton,
                                      const char *name, apr_size_t length,
                                      const scim_operand_t *within,
                                      int for_comparison, apr_pool_t *pool);

typedef struct {
    scim_resolve_fn *resolve;
    const void *baton;
    int lenient;              /* accept "True", True and true for a boolean, in
                               * any case, and a bare word for a string or a
                               * dateTime (clients.md E11, E40, E55, H6, H9) */
} scim_resolver_t;

typedef enum {
    SCIM_LITERAL_NONE,        /* operator pr */
    SCIM_LITERAL_NULL,
    SCIM_LITERAL_STRING,
    SCIM_LITERAL_BOOLEAN,
    SCIM_LITERAL_NUMBER,
    SCIM_LITERAL_INSTANT      /* also a string: text as written */
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
                               * attr[f].sub op v becomes attr[f and sub op v]
                               * (clients.md E12) */
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

/* Parse text as a filter.  Errors are SCIM_E_INVALID_FILTER; the detail has
 * the position (bytes from 0), the text found there and the expected one. */
scim_error_t *scim_filter_parse(scim_filter_t **filter, const char *text,
                                const scim_resolver_t *resolver,
                                apr_pool_t *pool) SCIM_CHECKED;

/* A PATCH path (RFC 7644 figure 7): name, name.sub, name[filter],
 * name[filter].sub, each with or without URN, or only a schema's URN. */
typedef struct {
    scim_operand_t operand;   /* its sub may be written before or after the
                               * brackets */
    scim_filter_t *filter;    /* NULL without brackets */
} scim_path_t;

/* Parse text as a PATCH path.  Errors: SCIM_E_INVALID_PATH; in the brackets
 * SCIM_E_INVALID_FILTER; SCIM_E_UNKNOWN_ATTRIBUTE for a well-formed path to an
 * attribute that the schema does not have. */
scim_error_t *scim_path_parse(scim_path_t *path, const char *text,
                              const scim_resolver_t *resolver,
                              apr_pool_t *pool) SCIM_CHECKED;

/* The number of bytes of the attribute's name in path: up to brackets, the
 * end, or a character that a name cannot have. */
apr_size_t scim_path_name_length(const char *path);

/* The comparison key of text, in pool, or text itself. */
const char *scim_filter_key(scim_compare_e compare, const char *text,
                            apr_pool_t *pool);

/* Whether resource, in the schema's spelling, matches filter.  For the filter
 * of a path, resource is one element of the multi-valued attribute. */
int scim_filter_match(const scim_filter_t *filter, const cJSON *resource,
                      apr_pool_t *pool);

/* The same with a limit.  The result is meaningless when work is used up,
 * which the caller checks. */
int scim_filter_match_within(const scim_filter_t *filter,
                             const cJSON *resource, scim_work_t *work,
                             apr_pool_t *pool);

/* The order of two resources by the single value of operand: negative, 0 or
 * positive; a resource without a value comes last (RFC 7644 section
 * 3.4.2.3). */
int scim_filter_order(const scim_operand_t *operand, const cJSON *a,
                      const cJSON *b, apr_pool_t *pool);

#endif
