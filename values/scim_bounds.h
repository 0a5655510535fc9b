/* SPDX-License-Identifier: Apache-2.0 */
/* scim_bounds: how long, and how many, at most: bounds of more than one file.
 * SQL and the settings page have some of them, too, and t/00-texts.t compares
 * them.  Lengths are in characters (scim_text_length). */
#ifndef SCIM_BOUNDS_H
#define SCIM_BOUNDS_H

/* userName, displayName, externalId, preferredLanguage and timezone: a cursor,
 * and with it a URL, holds the one that a list is sorted by.
 * SQL: scim.refuse_account. */
#define SCIM_COLUMN_MAX 512

/* A displayName that an administrator writes on the settings page. */
#define SCIM_DISPLAY_NAME_MAX 256

/* The name of a token.  SQL: scim.token, which takes longer ones. */
#define SCIM_TOKEN_NAME_MAX 100

/* The key of an organization.  SQL: scim.organization. */
#define SCIM_KEY_MAX 63

/* Refusals that are kept of an organization.  SQL: REFUSAL_INSERT, which also
 * has for how long. */
#define SCIM_REFUSALS_KEPT 1000

#endif
