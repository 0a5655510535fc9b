/* SPDX-License-Identifier: Apache-2.0 */
/* Operations that all types share whose resources are rows, see
 * scim_store.h. */
#include "resources/scim_store.h"

#include <apr_strings.h>
#include <apr_tables.h>

#include "values/scim_etag.h"
#include "values/scim_json.h"

void scim_store_put_meta(cJSON *resource, scim_call_t *call,
                         const scim_store_t *store, const scim_rows_t *rows,
                         int row, int column)
{
    const char *id = scim_rows_value(rows, row, column + SCIM_STORED_ID);
    const char *version = scim_rows_value(rows, row,
                                          column + SCIM_STORED_VERSION);
    cJSON *meta = cJSON_CreateObject();

    scim_json_put_text(meta, "resourceType", store->type->name);
    scim_json_put_text(meta, "created", scim_rows_value(rows, row,
                       column + SCIM_STORED_CREATED));
    scim_json_put_text(meta, "lastModified", scim_rows_value(rows, row,
                       column + SCIM_STORED_UPDATED));
    scim_json_put_text(meta, "location",
                       apr_pstrcat(call->pool, call->base,
                                   store->type->endpoint, "/", id, NULL));
    scim_json_put_text(meta, "version", scim_etag_make(call->pool, version));
    scim_json_put_text(resource, "id", id);
    scim_json_put(resource, "meta", meta);
}

scim_error_t *scim_store_not_found(scim_call_t *call,
                                   const scim_resource_type_t *type,
                                   const char *id)
{
    return scim_error(call->pool, SCIM_E_NOT_FOUND,
                      "There is no %s with the id '%.60s'.", type->name, id);
}

scim_error_t *scim_store_check_version(scim_call_t *call, const char *version)
{
    const char *tag = scim_etag_make(call->pool, version);

    if ((call->if_match && !scim_etag_named(call->if_match, tag))
        || (call->if_none_match
            && scim_etag_named(call->if_none_match, tag))) {
        return scim_error(call->pool, SCIM_E_PRECONDITION,
                          "The resource is at version %s; read it again"
                          " before changing it.", tag);
    }
    return NULL;
}

/* Changes */

/* Each lost race means that another writer succeeded, so this many concurrent
 * writers of one row succeed before a client is asked to try again. */
#define MAX_RACES 200

static scim_error_t *check_presence(scim_call_t *call)
{
    return call->is_gone && call->is_gone(call->is_gone_baton)
           ? scim_error(call->pool, SCIM_E_TIMEOUT,
                        "The client has gone away.") : NULL;
}

/* The context of one attempt, with its own memory.  The first "noted" notes
 * are from before it. */
static scim_call_t round_of(const scim_call_t *call, int noted)
{
    scim_call_t round = *call;

    apr_pool_create(&round.pool, call->pool);
    round.db = scim_db_within(call->db, round.pool);
    call->notes->nelts = noted;
    return round;
}

scim_error_t *scim_store_change(scim_call_t *call, scim_store_try_fn *try,
                                void *baton)
{
    int noted = call->notes->nelts;
    int i;

    for (i = 0; i < MAX_RACES; i++) {
        scim_call_t round = round_of(call, noted);
        int lost = 0;

        SCIM_ERR(try(&lost, &round, baton));
        if (!lost) {
            return NULL;
        }
        scim_db_tell(call->db, SCIM_WAIT_OVERTAKEN, NULL);
        apr_pool_destroy(round.pool);
        SCIM_ERR(check_presence(call));
    }
    return scim_error(call->pool, SCIM_E_UNAVAILABLE,
                      "Too many clients are changing this resource at the"
                      " same time. Please try again.");
}
