/* SPDX-License-Identifier: Apache-2.0 */
/* Health checks, see scim_health.h. */
#include "httpd/scim_health.h"

#include <string.h>

#include <apr_strings.h>

#include "httpd/scim_config.h"
#include "httpd/scim_door.h"
#include "httpd/scim_http.h"
#include "httpd/scim_probe.h"

#define TEXT_TYPE "text/plain; charset=utf-8"

static int answer_ready(request_rec *r)
{
    scim_probed_t probed
        = scim_probe_ask(scim_config_of_server(r->server)->probe, NULL,
                         r->pool);

    return probed.problem
           ? scim_http_text(r, HTTP_SERVICE_UNAVAILABLE, TEXT_TYPE,
                            apr_pstrcat(r->pool, "not ready: ",
                                        probed.problem, "\n", NULL))
           : scim_http_text(r, HTTP_OK, TEXT_TYPE, "ready\n");
}

int scim_health_handle(request_rec *r)
{
    const char *below = scim_door_below(r);

    if (r->method_number != M_GET) {
        return scim_http_only_get(r);
    }
    if (below && strcmp(below, "/live") == 0) {
        return scim_http_text(r, HTTP_OK, TEXT_TYPE, "live\n");
    }
    return below && strcmp(below, "/ready") == 0 ? answer_ready(r)
                                                 : HTTP_NOT_FOUND;
}
