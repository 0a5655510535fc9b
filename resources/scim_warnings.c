/* SPDX-License-Identifier: Apache-2.0 */
/* The warnings of a request while it is served, see scim_activity.h.  They are
 * stored before it is answered (httpd/scim_refusals.c).
 */
#include "resources/scim_activity.h"

#include <string.h>

#include <apr_tables.h>

static int has_warning(const apr_array_header_t *warnings,
                       const scim_note_t *note)
{
    int i;

    for (i = 0; i < warnings->nelts; i++) {
        const scim_note_t *other
            = &APR_ARRAY_IDX(warnings, i, scim_warning_t).note;

        if (other->kind == note->kind
            && strcmp(other->name, note->name) == 0) {
            return 1;
        }
    }
    return 0;
}

void scim_activity_warn(apr_array_header_t *warnings,
                        const scim_asked_t *asked, int status,
                        const apr_array_header_t *notes)
{
    int i;

    for (i = 0; i < notes->nelts; i++) {
        const scim_note_t *note = &APR_ARRAY_IDX(notes, i, scim_note_t);

        if (scim_note_warns(note) != SCIM_NO_WARNING
            && warnings->nelts < SCIM_MAX_WARNINGS
            && !(scim_note_is_of_mapping(note)
                 && has_warning(warnings, note))) {
            scim_warning_t *warning = apr_array_push(warnings);

            warning->asked = *asked;
            warning->status = status;
            warning->note = *note;
        }
    }
}
