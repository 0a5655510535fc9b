/* SPDX-License-Identifier: Apache-2.0 */
/* scim_thread: threads beside those of httpd. */
#ifndef SCIM_THREAD_H
#define SCIM_THREAD_H

#include <pthread.h>
#include <signal.h>

#include <apr_thread_mutex.h>

/* Start a thread that calls run with baton, and return whether there is one;
 * then the caller joins or detaches *thread.  It gets no signals: they are for
 * httpd's own threads, and in prefork a handler ends the process wherever it
 * is called. */
int scim_thread_start(pthread_t *thread, void *(*run)(void *), void *baton);

/* Lock a mutex that such a thread needs as well, for one of httpd's threads,
 * and unlock it; *before is for the second call.  No handler is called in
 * between: that of prefork waits for the thread. */
void scim_thread_lock(apr_thread_mutex_t *mutex, sigset_t *before);
void scim_thread_unlock(apr_thread_mutex_t *mutex, const sigset_t *before);

/* Join thread at the end of the process, within SCIM_THREAD_JOIN_SECONDS;
 * false: it goes on.  A request that prefork's handler has ended may hold what
 * it waits for. */
#define SCIM_THREAD_JOIN_SECONDS 3
int scim_thread_join(pthread_t thread);

#endif
