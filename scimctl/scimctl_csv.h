/* SPDX-License-Identifier: Apache-2.0 */
/* scimctl_csv: records of a CSV file (RFC 4180), one at a time, so that the
 * length of the file does not matter. */
#ifndef SCIMCTL_CSV_H
#define SCIMCTL_CSV_H

#include <apr_file_io.h>
#include <apr_pools.h>
#include <apr_tables.h>

#include "values/scim_error.h"

#define SCIMCTL_CSV_MAX_FIELDS 64
#define SCIMCTL_CSV_MAX_RECORD 65536      /* bytes of one record's fields */

typedef struct {
    const char *name;            /* of the file, for messages */
    apr_file_t *file;
    apr_status_t status;         /* of the last read: APR_EOF at the end, or
                                  * an error */
    int line;                    /* of the next byte, from 1 */
    char bytes[8192];            /* read from the file, from next on not yet
                                  * taken */
    apr_size_t count;
    apr_size_t next;
    char record[SCIMCTL_CSV_MAX_RECORD];  /* the fields, each with its NUL */
    apr_size_t length;
    int has_nul;                 /* in a field */
} scimctl_csv_t;

/* Begin with a file that is open for reading; a byte order mark is
 * skipped. */
void scimctl_csv_begin(scimctl_csv_t *csv, apr_file_t *file);

/* Open the file of this name, "-" for the standard input, as long as pool
 * lives, and begin with it.  SCIM_E_BAD_REQUEST if it cannot be opened. */
scim_error_t *scimctl_csv_open(scimctl_csv_t *csv, const char *name,
                               apr_pool_t *pool) SCIM_CHECKED;

/* SCIM_E_BAD_REQUEST if the last read of such a file has failed. */
scim_error_t *scimctl_csv_failure(const scimctl_csv_t *csv, apr_pool_t *pool)
    SCIM_CHECKED;

/* The next record's fields (char *, in csv until the next call; the array is
 * in pool), or NULL at the end: that of the file if csv->status is APR_EOF.
 * *line is where the record begins.  *problem is the record's flaw, or NULL;
 * the next record can be read all the same. */
apr_array_header_t *scimctl_csv_next(scimctl_csv_t *csv, int *line,
                                     const char **problem, apr_pool_t *pool);

#endif
