/* SPDX-License-Identifier: Apache-2.0 */
/* scim_bounds: maximum lengths and numbers that more than one file uses.
 * Some of them are also in SQL and in the settings page; t/00-texts.t compares
 * them.  Lengths are in characters (scim_text_length). */
#ifndef SCIM_BOUNDS_H
#define SCIM_BOUNDS_H

/* userName, displayName, externalId, preferredLanguage and timezone: a cursor,
 * and so a URL, contains the one that a list is sorted by.
 * SQL: scim.refuse_account. */
#define SCIM_COLUMN_MAX 512

/* A displayName that an administrator enters on the settings page. */
#define SCIM_DISPLAY_NAME_MAX 256

/* The name of a token.  SQL: scim.token, which allows longer ones. */
#define SCIM_TOKEN_NAME_MAX 100

/* How long a token is valid, in days, unless somebody has chosen an end. */
#define SCIM_TOKEN_DAYS 365

/* The key of an organization.  SQL: scim.organization. */
#define SCIM_KEY_MAX 63

/* Stored refusals of an organization.  SQL: REFUSAL_INSERT, which also limits
 * their age. */
#define SCIM_REFUSALS_KEPT 1000

/* And warnings.  SQL: WARNING_INSERT. */
#define SCIM_WARNINGS_KEPT 1000

/* The limit of the guard.  SQL: scim.organization. */
#define SCIM_GUARD_MAX_NUMBER 1000000
#define SCIM_GUARD_MAX_PERCENT 100

#endif
