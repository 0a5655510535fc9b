/* SPDX-License-Identifier: Apache-2.0 */
/* scim_version: whether the database fits this release.
 *
 * The database may have another version than the module needs, and while it is
 * being restored it has only some of its rows: a good token would be called a
 * wrong one.  So it is checked on each connection before the first use.
 */
#ifndef SCIM_VERSION_H
#define SCIM_VERSION_H

#include "storage/scim_db.h"

/* A release works with its own version of schema.sql (SCIM_SCHEMA_KNOWN, named
 * in statements.sql), with the one before, and with a later one whose column
 * "needs" is not above the known one. */
#define SCIM_SCHEMA_LEAST (SCIM_SCHEMA_KNOWN - 1)

/* What brings the tables to the version of this release. */
#define SCIM_VERSION_UPGRADE "run: scimctl db upgrade"

/* SCIM_E_UNFIT if the database of db has a version that program (its name)
 * does not work with, or is not complete; the cause says what to do, without a
 * full stop.  Otherwise, db uses the statements for its version from now on.
 * Also called before something is reported missing that a database lacks while
 * it is being restored. */
scim_error_t *scim_version_check(scim_db_t *db, const char *program,
                                 apr_pool_t *pool) SCIM_CHECKED;

/* What to do about a database that returns this SQLSTATE because it lacks, or
 * does not grant, something that a statement needs; NULL for other states. */
const char *scim_version_advice(const char *sqlstate);

/* Whether this SQLSTATE says that there is no such table, column or function,
 * as when older tables do not have it yet. */
int scim_version_is_missing(const char *sqlstate);

#endif
