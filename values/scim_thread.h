/* SPDX-License-Identifier: Apache-2.0 */
/* scim_thread: threads beside those of httpd. */
#ifndef SCIM_THREAD_H
#define SCIM_THREAD_H

#include <pthread.h>

/* Start a thread that calls run with baton, and return whether there is one;
 * then the caller joins or detaches *thread.  It gets no signals: they are for
 * httpd's own threads, and in prefork a handler ends the process wherever it
 * is called. */
int scim_thread_start(pthread_t *thread, void *(*run)(void *), void *baton);

#endif
