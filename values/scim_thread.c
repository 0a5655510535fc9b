/* SPDX-License-Identifier: Apache-2.0 */
/* Threads beside those of httpd, see scim_thread.h.  A thread begins with the
 * signal mask of the one that starts it.
 */
#include "values/scim_thread.h"

#include <signal.h>

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
