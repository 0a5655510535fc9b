/* SPDX-License-Identifier: Apache-2.0 */
/* Checks of scim_thread: what a handler, or the end of a process, may not
 * wait for. */
#include "../../values/scim_thread.h"

#include "tap.h"

static void *end_at_once(void *unused)
{
    return NULL;
}

static void *wait_for_mutex(void *mutex)
{
    apr_thread_mutex_lock(mutex);
    apr_thread_mutex_unlock(mutex);
    return NULL;
}

static int is_blocked(int signal)
{
    sigset_t now;

    pthread_sigmask(SIG_SETMASK, NULL, &now);
    return sigismember(&now, signal);
}

static void check_lock(apr_thread_mutex_t *mutex)
{
    sigset_t before;

    scim_thread_lock(mutex, &before);
    ok(is_blocked(SIGTERM), "no handler is called under the lock");
    scim_thread_unlock(mutex, &before);
    ok(!is_blocked(SIGTERM), "but it is after it");
}

static void check_join(apr_thread_mutex_t *mutex)
{
    pthread_t thread;

    ok(scim_thread_start(&thread, end_at_once, NULL)
          && scim_thread_join(thread), "a thread that ends is joined");
    apr_thread_mutex_lock(mutex);
    ok(scim_thread_start(&thread, wait_for_mutex, mutex)
          && !scim_thread_join(thread),
          "one that waits for what is never released is not waited for");
    apr_thread_mutex_unlock(mutex);
    ok(scim_thread_join(thread), "unless it is released");
}

int main(void)
{
    apr_pool_t *pool = tap_start();
    apr_thread_mutex_t *mutex;

    apr_thread_mutex_create(&mutex, APR_THREAD_MUTEX_DEFAULT, pool);
    check_lock(mutex);
    check_join(mutex);
    return tap_done(pool);
}
