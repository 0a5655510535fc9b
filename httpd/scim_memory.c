/* SPDX-License-Identifier: Apache-2.0 */
/* The memory of large requests, see scim_memory.h.
 *
 * glibc's malloc takes memory for small pieces from arenas, about one for each
 * thread, and gives back only what is free at an arena's end: malloc_trim
 * gives back the rest.  Large pieces are the system's own, until the first is
 * freed: then malloc raises the size from which they are, and the size of an
 * end that it gives back, to more than that piece had.  It leaves them as they
 * are once they have been set.  Other C libraries have neither habit.
 */
#include "httpd/scim_memory.h"

#ifdef __GLIBC__

#include <malloc.h>

#define LARGE (1024 * 1024)

/* It stops other threads that allocate for a moment, so small requests do
 * without. */
static apr_status_t trim_memory(void *r_)
{
    const request_rec *r = r_;

    if (r->read_length > LARGE || r->clength > LARGE) {
        malloc_trim(0);
    }
    return APR_SUCCESS;
}

void scim_memory_init_child(void)
{
    mallopt(M_MMAP_THRESHOLD, LARGE);
    mallopt(M_TRIM_THRESHOLD, LARGE);
}

/* Cleanups run in the opposite order, so this is the last one. */
void scim_memory_watch(request_rec *r)
{
    apr_pool_cleanup_register(r->pool, r, trim_memory, apr_pool_cleanup_null);
}

#else

void scim_memory_init_child(void)
{
}

void scim_memory_watch(request_rec *r)
{
    (void) r;
}

#endif
