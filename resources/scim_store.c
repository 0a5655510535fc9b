/* SPDX-License-Identifier: Apache-2.0 */
/* The loop around a change; what the change is, its caller knows. */
#include "resources/scim_store.h"

#include <apr_tables.h>

/* Each lost race means that another writer got through, so this many
 * concurrent writers of one row are served before one is asked to come
 * back. */
#define MAX_RACES 200

static scim_error_t *check_presence(scim_call_t *call)
{
    return call->is_gone && call->is_gone(call->is_gone_baton)
           ? scim_error(call->pool, SCIM_E_TIMEOUT,
                        "The client has gone away.") : NULL;
}

/* One try, with memory of its own. */
static scim_call_t round_of(const scim_call_t *call)
{
    scim_call_t round = *call;

    apr_pool_create(&round.pool, call->pool);
    round.db = scim_db_within(call->db, round.pool);
    apr_array_clear(call->notes);
    return round;
}

scim_error_t *scim_store_change(scim_call_t *call, scim_store_try_fn *try,
                                void *baton)
{
    int i;

    for (i = 0; i < MAX_RACES; i++) {
        scim_call_t round = round_of(call);
        int lost = 0;

        SCIM_ERR(try(&lost, &round, baton));
        if (!lost) {
            return NULL;
        }
        apr_pool_destroy(round.pool);
        SCIM_ERR(check_presence(call));
    }
    return scim_error(call->pool, SCIM_E_UNAVAILABLE,
                      "Too many clients are changing this resource at the"
                      " same time. Please try again.");
}
