/* SPDX-License-Identifier: Apache-2.0 */
/* scim_notes: what the access log can say of a request, as notes of httpd
 * (%{scim-organization}n in a LogFormat), and the id of the request, by which
 * an answer, the access log and the error log are brought together.
 */
#ifndef SCIM_NOTES_H
#define SCIM_NOTES_H

#include <httpd.h>

#define SCIM_NOTE_REQUEST_ID "scim-request-id"
#define SCIM_NOTE_ORGANIZATION "scim-organization"  /* its key */
#define SCIM_NOTE_TOKEN "scim-token"                /* its name */
#define SCIM_NOTE_RESOURCE "scim-resource"          /* "Users" */
#define SCIM_NOTE_ACCOUNT "scim-account"            /* its id */
#define SCIM_NOTE_TYPE "scim-type"                  /* the scimType */
#define SCIM_NOTE_OUTCOME "scim-outcome"            /* or a reason: the same
                                                     * words as in metrics */
#define SCIM_OUTCOME_OK "ok"

/* Resources that are no endpoints. */
#define SCIM_RESOURCE_ALL "all"           /* of all types together */
#define SCIM_RESOURCE_SETTINGS "settings" /* the settings page */
#define SCIM_RESOURCE_OTHER "other"

/* Set the note called name (one of the above) to value, at most 128 bytes of
 * it.  What is not printable ASCII, a quotation mark, a backslash and a per
 * cent sign become %xx, so a value breaks neither a line nor JSON.  value
 * NULL: nothing is set. */
void scim_notes_put(request_rec *r, const char *name, const char *value);

/* The id of the request: UNIQUE_ID of mod_unique_id, or httpd's own id in the
 * log (%L), or a random one, which becomes %L.  Never what a client sent. */
const char *scim_notes_request_id(request_rec *r);

/* For a request to SCIM or to the settings page: every answer has the id as
 * X-Request-Id, httpd's own as well, and the request is counted for resource
 * (scim_counters.h), which may be set again later. */
void scim_notes_begin(request_rec *r, const char *resource);

/* The hook that lets the access log find notes after an internal redirect. */
void scim_notes_register_hooks(void);

#endif
