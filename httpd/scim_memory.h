/* SPDX-License-Identifier: Apache-2.0 */
/* scim_memory: the memory of large requests goes back to the system.
 *
 * A PUT of a group with 50,000 members needs some 80 MB for a moment.  Left
 * alone, glibc keeps much of that for each thread that has served one.
 */
#ifndef SCIM_MEMORY_H
#define SCIM_MEMORY_H

#include <httpd.h>

/* For a child that starts. */
void scim_memory_init_child(void);

/* For a request for which little has been done yet: when all of it has been
 * freed, and its body (r->read_length) or its answer was large, what it
 * needed is given back. */
void scim_memory_watch(request_rec *r);

#endif
