/* SPDX-License-Identifier: Apache-2.0 */
/* scim_shared: memory that all processes share, and that survives restarts. */
#ifndef SCIM_SHARED_H
#define SCIM_SHARED_H

#include <httpd.h>

/* Set *memory to the size bytes that have this name, for a post_config hook.
 * They are made, and zero, when the server starts; a restart, which loads the
 * module again, finds what they have.  So change the name when their form
 * changes.  *is_new says whether they were made now.  Not before post_config
 * runs for good: *memory is NULL then. */
apr_status_t scim_shared_get(void **memory, int *is_new, const char *name,
                             apr_size_t size, server_rec *s);

#endif
