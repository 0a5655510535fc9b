/* SPDX-License-Identifier: Apache-2.0 */
/* scim_health: SetHandler scim-health, for load balancers and monitors.
 *
 * /live is 200 as long as httpd answers.  /ready is 200 if the database has
 * answered within a second and fits, else 503; the one line of the body says
 * why, without a name of a host or a text of PostgreSQL.
 */
#ifndef SCIM_HEALTH_H
#define SCIM_HEALTH_H

#include <httpd.h>

/* The handler's answer: OK, or an HTTP status for httpd. */
int scim_health_handle(request_rec *r);

#endif
