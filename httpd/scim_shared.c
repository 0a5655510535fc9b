/* SPDX-License-Identifier: Apache-2.0 */
/* Shared memory, see scim_shared.h.
 *
 * It is anonymous memory of the parent process: it has no file, and a child
 * that ends does not remove it.
 */
#include "httpd/scim_shared.h"

#include <string.h>

#include <apr_shm.h>

#include <http_core.h>

apr_status_t scim_shared_get(void **memory, int *is_new, const char *name,
                             apr_size_t size, server_rec *s)
{
    void **retained;
    apr_shm_t *made;
    apr_status_t rv;

    *memory = NULL;
    *is_new = 0;
    if (ap_state_query(AP_SQ_MAIN_STATE) == AP_SQ_MS_CREATE_PRE_CONFIG) {
        return APR_SUCCESS;
    }
    retained = ap_retained_data_get(name);
    if (!retained) {
        retained = ap_retained_data_create(name, sizeof(*retained));
    }
    if (!*retained) {
        rv = apr_shm_create(&made, size, NULL, s->process->pool);
        if (rv != APR_SUCCESS) {
            return rv;
        }
        *retained = memset(apr_shm_baseaddr_get(made), 0, size);
        *is_new = 1;
    }
    *memory = *retained;
    return APR_SUCCESS;
}
