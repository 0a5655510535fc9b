/* SPDX-License-Identifier: Apache-2.0 */
/* The monotonic clock, see scim_clock.h: APR has none. */
#include "values/scim_clock.h"

#include <time.h>

apr_int64_t scim_clock_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * APR_INT64_C(1000000000) + now.tv_nsec;
}

apr_time_t scim_clock_now(void)
{
    return scim_clock_ns() / 1000;
}
