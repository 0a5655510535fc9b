/* SPDX-License-Identifier: Apache-2.0 */
/* scim_import: accounts from a file, many in a statement, by the rules of
 * single ones. */
#ifndef SCIM_IMPORT_H
#define SCIM_IMPORT_H

#include <cjson/cJSON.h>

#include "resources/scim_call.h"
#include "values/scim_error.h"

/* The most accounts of a batch. */
#define SCIM_IMPORT_MOST 256

typedef enum {
    SCIM_IMPORT_WAITING,
    SCIM_IMPORT_PLANNED,         /* within scim_import_batch alone */
    SCIM_IMPORT_CREATED, SCIM_IMPORT_CHANGED, SCIM_IMPORT_SAME,
    SCIM_IMPORT_REFUSED,
    SCIM_IMPORT_RESULTS          /* their number */
} scim_import_result_e;

/* What is not said: a new account gets the default, an existing one keeps what
 * it has. */
#define SCIM_IMPORT_UNSAID (-1)

/* One account of a batch. */
typedef struct {
    cJSON *user;                 /* attributes; only those that are said */
    int managed;                 /* 1, 0 or SCIM_IMPORT_UNSAID */
    int eligible;
    scim_import_result_e result; /* waiting before */
    const char *problem;         /* of a refused one, for the operator */
    const char *role;            /* of a created or changed one */
} scim_import_t;

/* Create the accounts that wait, no two of which have the same userName, with
 * events like Users, but not provisioned.  update: those whose userName exists
 * are changed where they differ, as by a PATCH; otherwise they are refused.
 * Works within the caller's transaction, which has to be rolled back if an
 * account is refused; an error is not of one account. */
scim_error_t *scim_import_batch(scim_import_t *accounts, int count,
                                int update, scim_call_t *call) SCIM_CHECKED;

#endif
