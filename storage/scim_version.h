/* SPDX-License-Identifier: Apache-2.0 */
/* scim_version: does the database fit this release?
 *
 * A database may be of another version than the module that is started on it,
 * and while it is being restored it has some of its rows only: a good token
 * would be called a wrong one.  So each connection is asked before it is used.
 */
#ifndef SCIM_VERSION_H
#define SCIM_VERSION_H

#include "storage/scim_db.h"

/* Versions of schema.sql that the statements in statements.sql work with; and
 * with a later one whose column "needs" says so. */
#define SCIM_SCHEMA_LEAST 6
#define SCIM_SCHEMA_KNOWN 6

/* SCIM_E_UNFIT when the database of db has another version than program (the
 * name of it) works with, or is not whole; its cause says what to do, without
 * a full stop.  Also to be asked before somebody is told that there is not
 * what a database would not have while it is being restored. */
scim_error_t *scim_version_check(scim_db_t *db, const char *program,
                                 apr_pool_t *pool) SCIM_CHECKED;

/* What to do about a database that answers with this SQLSTATE because it does
 * not have, or give, what a statement needs; NULL: the state says nothing of
 * the kind. */
const char *scim_version_advice(const char *sqlstate);

#endif
