/* scimctl_csv: records of a CSV file (RFC 4180). */
#ifndef SCIMCTL_CSV_H
#define SCIMCTL_CSV_H

#include <apr_pools.h>
#include <apr_tables.h>

#define SCIMCTL_CSV_MAX_FIELDS 64

typedef struct {
    const char *at;
    int line;                    /* of the next record, from 1 */
} scimctl_csv_t;

/* The next record's fields (char *, in pool), or NULL at the end.  *line is
 * where it begins.  *problem is set, and the fields so far returned, when the
 * record is malformed: reading cannot go on then. */
apr_array_header_t *scimctl_csv_next(scimctl_csv_t *csv, int *line,
                                     const char **problem, apr_pool_t *pool);

#endif
