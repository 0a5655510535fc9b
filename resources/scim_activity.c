/* SPDX-License-Identifier: Apache-2.0 */
/* Changes, refusals and warnings as one list, see scim_activity.h.
 *
 * Both tables take their numbers from one sequence, so the statement merges
 * them in order, and a page goes on before the last number of the page above.
 * Texts of a request come from a client and are shortened before they are
 * stored.
 */
#include "resources/scim_activity.h"

#include <string.h>

#include <apr_strings.h>

#include "values/scim_bounds.h"
#include "values/scim_json.h"
#include "values/scim_text.h"

#define MAX_TEXT 512             /* bytes kept of what a client sent */

/* text, or its beginning that ends with a whole character. */
static const char *shortened(const char *text, apr_pool_t *pool)
{
    apr_size_t length = text ? strlen(text) : 0;

    if (length <= MAX_TEXT) {
        return text;
    }
    length = MAX_TEXT;
    while (length > 0 && !scim_text_is_utf8(text, length)) {
        length--;
    }
    return apr_pstrcat(pool, apr_pstrmemdup(pool, text, length), "...",
                       NULL);
}

/* The parameters of both statements. */
#define PARAMETERS 11

static void put_asked(const char *values[PARAMETERS],
                      const scim_principal_t *principal,
                      const scim_asked_t *asked, apr_pool_t *pool)
{
    memset(values, 0, PARAMETERS * sizeof(*values));
    values[0] = principal->organization_id;
    values[1] = asked->resource_type;
    if (asked->id && scim_text_is_uuid(asked->id)) {
        values[2] = asked->id;
    }
    values[3] = shortened(asked->user_name, pool);
    values[4] = principal->actor_name;
    values[5] = shortened(asked->method, pool);
    values[6] = shortened(asked->path, pool);
}

scim_error_t *scim_activity_refused(scim_db_t *db,
                                    const scim_principal_t *principal,
                                    const scim_refusal_t *refusal,
                                    apr_pool_t *pool)
{
    scim_error_kind_e kind = refusal->error->kind;
    const char *values[PARAMETERS];
    scim_rows_t *rows;

    put_asked(values, principal, &refusal->asked, pool);
    values[7] = apr_itoa(pool, scim_error_status(kind));
    values[8] = scim_error_type(kind);
    values[9] = refusal->error->detail;
    values[10] = APR_STRINGIFY(SCIM_REFUSALS_KEPT);
    return scim_db_run(&rows, db, SCIM_SQL_REFUSAL_INSERT,
                       SCIM_VALUES(values));
}

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

scim_error_t *scim_activity_warned(scim_db_t *db,
                                   const scim_principal_t *principal,
                                   const scim_warning_t *warning,
                                   apr_pool_t *pool)
{
    const char *values[PARAMETERS];
    scim_rows_t *rows;

    put_asked(values, principal, &warning->asked, pool);
    if (scim_note_is_of_mapping(&warning->note)) {
        values[2] = NULL;
        values[3] = NULL;
    }
    values[7] = apr_itoa(pool, warning->status);
    values[9] = scim_note_warning(&warning->note, pool);
    values[10] = APR_STRINGIFY(SCIM_WARNINGS_KEPT);
    return scim_db_run(&rows, db, SCIM_SQL_WARNING_INSERT,
                       SCIM_VALUES(values));
}

static const struct {
    const char *outcome;
    scim_statement_e statement;
} outcomes[] = {
    { "changed", SCIM_SQL_ACTIVITY_CHANGED },
    { "refused", SCIM_SQL_ACTIVITY_REFUSED },
    { "warning", SCIM_SQL_ACTIVITY_WARNING },
    { "guest", SCIM_SQL_ACTIVITY_GUEST }
};
#define OUTCOMES (sizeof(outcomes) / sizeof(*outcomes))

static scim_error_t *choose_statement(scim_statement_e *statement,
                                      const scim_activity_query_t *query,
                                      apr_pool_t *pool)
{
    apr_size_t i = 0;

    *statement = SCIM_SQL_ACTIVITY;
    if (query->outcome) {
        while (i < OUTCOMES
               && strcmp(query->outcome, outcomes[i].outcome) != 0) {
            i++;
        }
        if (i == OUTCOMES) {
            return scim_error(pool, SCIM_E_INVALID_VALUE,
                              "The outcome must be changed, refused, warning"
                              " or guest.");
        }
        *statement = outcomes[i].statement;
    }
    if (query->about) {
        *statement = SCIM_SQL_ACTIVITY_OF_RESOURCE;
    }
    return NULL;
}

static int is_number(const char *text)
{
    return *text && strlen(text) <= 18
           && strspn(text, "0123456789") == strlen(text);
}

scim_error_t *scim_activity_list(cJSON **list, scim_db_t *db,
                                 const char *organization_id,
                                 const scim_activity_query_t *query,
                                 apr_pool_t *pool)
{
    const char *values[5] = { organization_id, query->about,
                              query->before, NULL, query->outcome };
    scim_statement_e statement;
    scim_rows_t *rows;
    cJSON *entries;
    int count;
    int i;

    SCIM_ERR(choose_statement(&statement, query, pool));
    if (query->before && !is_number(query->before)) {
        return scim_error(pool, SCIM_E_INVALID_VALUE,
                          "'before' must be the sequence of an entry.");
    }
    values[3] = apr_itoa(pool, query->count + 1);
    SCIM_ERR(scim_db_run(&rows, db, statement, query->about ? 5 : 4,
                         values));
    *list = scim_json_own(cJSON_CreateObject(), pool);
    entries = cJSON_AddArrayToObject(*list, "entries");
    count = scim_rows_count(rows);
    for (i = 0; i < count && i < query->count; i++) {
        cJSON *entry = scim_json_stored(scim_rows_value(rows, i, 1), pool);

        if (entry) {
            cJSON_AddItemToArray(entries, cJSON_Duplicate(entry, 1));
        }
    }
    if (count > query->count) {
        scim_json_put_text(*list, "next",
                           scim_rows_value(rows, query->count - 1, 0));
    }
    return NULL;
}
