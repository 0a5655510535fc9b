/* SPDX-License-Identifier: Apache-2.0 */
/* scim_trace: what requests wait for in the database, in the error log at the
 * levels debug, trace1 and trace2.
 *
 * Storage knows no log of httpd's.  It tells of each wait when it is over
 * (storage/scim_wait.h), with the baton by which it asks whether the client is
 * still there: the request.
 */
#ifndef SCIM_TRACE_H
#define SCIM_TRACE_H

/* To be called while hooks are registered. */
void scim_trace_register(void);

#endif
