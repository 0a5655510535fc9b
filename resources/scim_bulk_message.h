/* SPDX-License-Identifier: Apache-2.0 */
/* scim_bulk_message: the operations of a bulk request, shared by the files
 * that read it (scim_bulk_message.c) and run it (scim_bulk.c). */
#ifndef SCIM_BULK_MESSAGE_H
#define SCIM_BULK_MESSAGE_H

#include <apr_hash.h>
#include <apr_tables.h>
#include <cjson/cJSON.h>

#include "resources/scim_call.h"
#include "resources/scim_resource.h"

typedef enum {
    SCIM_WAITING, SCIM_RUNNING, SCIM_DONE, SCIM_FAILED
} scim_bulk_state_e;

typedef struct scim_bulk_t scim_bulk_t;

typedef struct scim_bulk_op_t scim_bulk_op_t;
struct scim_bulk_op_t {
    const char *method;
    const char *bulk_id;          /* or NULL */
    const char *path;
    const cJSON *version;         /* or NULL */
    const cJSON *data;            /* or NULL */
    scim_bulk_state_e state;
    const scim_resource_t *resource; /* of the path, once read */
    const char *id;               /* of the resource, once known */
    apr_array_header_t *needs;    /* of scim_bulk_op_t *: the POSTs that this
                                   * one refers to; NULL: none */
    int is_incomplete;            /* an id is put in by the second pass */
    apr_array_header_t *notes;    /* of scim_note_t: of an operation that is
                                   * done, if there are any; else NULL */
    cJSON *result;
};

struct scim_bulk_t {
    scim_call_t *call;
    scim_bulk_op_t *operations;
    int count;
    int depth;
    int errors;
    int errors_allowed;           /* this many stop it; 0: any number */
    apr_hash_t *posts;            /* bulkId => scim_bulk_op_t of a POST */
    scim_error_t *revoked;        /* what all operations get from now on: the
                                   * token was deleted or has ended, or
                                   * provisioning was switched off; or NULL */
    scim_error_t *failure;        /* nothing more is done; or NULL */
    scim_error_t *outdated;       /* the tables are too old for an operation,
                                   * and the others are performed; or NULL */
};

/* Read a BulkRequest of at most "most" operations into bulk, in which only the
 * call and an empty table of posts are set. */
scim_error_t *scim_bulk_read(scim_bulk_t *bulk, const cJSON *message,
                             int most) SCIM_CHECKED;

#endif
