/* SPDX-License-Identifier: Apache-2.0 */
/* An empty handler: what httpd itself can do, for bench/run to compare
 * with. */
#include <httpd.h>
#include <http_config.h>
#include <http_protocol.h>
#include <string.h>

static int handle_request(request_rec *r)
{
    static const char body[] = "{}";

    if (!r->handler || strcmp(r->handler, "empty") != 0) {
        return DECLINED;
    }
    ap_set_content_type(r, "application/json");
    ap_rwrite(body, sizeof(body) - 1, r);
    return OK;
}

static void register_hooks(apr_pool_t *pool)
{
    ap_hook_handler(handle_request, NULL, NULL, APR_HOOK_MIDDLE);
}

module AP_MODULE_DECLARE_DATA empty_module = {
    STANDARD20_MODULE_STUFF, NULL, NULL, NULL, NULL, NULL, register_hooks, 0
};
