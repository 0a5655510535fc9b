/* SPDX-License-Identifier: Apache-2.0 */
/* scim_trace: the requests' waits for the database, in the error log at the
 * levels debug, trace1 and trace2.
 *
 * Storage does not use httpd's log.  After each wait it calls a function
 * (storage/scim_wait.h) with the request, which is also the baton for asking
 * whether the client is still there.
 */
#ifndef SCIM_TRACE_H
#define SCIM_TRACE_H

/* Called while hooks are registered. */
void scim_trace_register(void);

#endif
