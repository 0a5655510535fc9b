/* SPDX-License-Identifier: Apache-2.0 */
/* Threads beside those of httpd, see scim_thread.h.  A thread begins with the
 * signal mask of the one that starts it.
 */
#include "values/scim_thread.h"

#include <time.h>

int scim_thread_start(pthread_t *thread, void *(*run)(void *), void *baton)
{
    sigset_t all;
    sigset_t before;
    int failure;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    failure = pthread_create(thread, NULL, run, baton);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return !failure;
}

void scim_thread_lock(apr_thread_mutex_t *mutex, sigset_t *before)
{
    sigset_t all;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, before);
    apr_thread_mutex_lock(mutex);
}

void scim_thread_unlock(apr_thread_mutex_t *mutex, const sigset_t *before)
{
    apr_thread_mutex_unlock(mutex);
    pthread_sigmask(SIG_SETMASK, before, NULL);
}

int scim_thread_join(pthread_t thread)
{
    struct timespec until;

    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += SCIM_THREAD_JOIN_SECONDS;
    return !pthread_timedjoin_np(thread, NULL, &until);
}
