/* SPDX-License-Identifier: Apache-2.0 */
/* scim_metrics: SetHandler scim-metrics, what Prometheus asks for
 * (docs/metrics.md), in its text format 0.0.4.
 *
 * The answer comes within a second or so, also when the database is away; then
 * it has no metrics that only the database knows.
 */
#ifndef SCIM_METRICS_H
#define SCIM_METRICS_H

#include <httpd.h>

/* The handler's answer: OK, or an HTTP status for httpd. */
int scim_metrics_handle(request_rec *r);

#endif
