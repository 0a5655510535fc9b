/* SPDX-License-Identifier: Apache-2.0 */
/* scimctl_transfer: one organization as lines of text, from one database and
 * into another one.
 *
 * There is a JSON object on each line (docs/scimctl.md): the format and the
 * version of the tables; the organization; its rows, table after table, each
 * as {"TABLE": ROW}; and the end, with the number of lines before it and their
 * SHA-256, so that lines that were cut are noticed.  The columns of a row are
 * those of the table, which the database reads and checks itself (schema.sql,
 * scim.import_rows).
 *
 * Both directions take the same amount of memory for any number of rows.
 */
#ifndef SCIMCTL_TRANSFER_H
#define SCIMCTL_TRANSFER_H

#include "scimctl/scimctl_run.h"

/* Takes one line, without its end. */
typedef scim_error_t *scimctl_line_fn(void *baton, const char *line,
                                      apr_size_t length);

/* Give take all lines of run's organization, within a snapshot. */
scim_error_t *scimctl_transfer_write(scimctl_run_t *run,
                                     scimctl_line_fn *take, void *baton)
    SCIM_CHECKED;

/* What adds an organization to run's database: begin, each line, commit; all
 * of it or nothing.  key: it gets this one; NULL: its own.  move_id: nobody
 * may write to it until that move is finished; or NULL. */
typedef struct scimctl_reader_t scimctl_reader_t;
scim_error_t *scimctl_reader_begin(scimctl_reader_t **reader,
                                   scimctl_run_t *run, const char *key,
                                   const char *move_id) SCIM_CHECKED;
scimctl_line_fn scimctl_reader_take;      /* its baton is the reader */

/* An error unless the lines are complete. */
scim_error_t *scimctl_reader_end(scimctl_reader_t *reader) SCIM_CHECKED;

/* *key is its key here. */
scim_error_t *scimctl_reader_commit(const char **key,
                                    scimctl_reader_t *reader) SCIM_CHECKED;

/* From here to the end of the transaction, times have the same text in every
 * database.  The row has the version of the tables, and the time. */
scim_error_t *scimctl_transfer_begin(scim_rows_t **rows, scim_db_t *db)
    SCIM_CHECKED;

#endif
