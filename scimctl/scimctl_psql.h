/* SPDX-License-Identifier: Apache-2.0 */
/* scimctl_psql: psql as a child, which applies the SQL files of mod_scim. */
#ifndef SCIMCTL_PSQL_H
#define SCIMCTL_PSQL_H

#include "scimctl/scimctl_run.h"

/* Let libpq, in this process and its children, connect as --db says. */
scim_error_t *scimctl_psql_aim(const scimctl_run_t *run) SCIM_CHECKED;

/* The path of one of mod_scim's SQL files.  SCIM_DATA_DIR in the environment
 * is the folder of those of a tree that is not installed. */
const char *scimctl_psql_file(const scimctl_run_t *run, const char *name);

/* Run psql with these arguments (NULL ends them) and script (or NULL) as its
 * standard input; *output is what it prints.  Its messages are shown to the
 * operator as they come.  SCIM_E_UNFIT, with the last one as its cause, if
 * psql fails, which is at the first error. */
scim_error_t *scimctl_psql(const char **output, scimctl_run_t *run,
                           const char *const *arguments, const char *script)
    SCIM_CHECKED;

#endif
