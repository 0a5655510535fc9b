/* SPDX-License-Identifier: Apache-2.0 */
/* scim_clock: a clock for durations.  It is never set forward or back, and is
 * the same in all processes; it does not have the time of day. */
#ifndef SCIM_CLOCK_H
#define SCIM_CLOCK_H

#include <apr_time.h>

/* In microseconds, like APR's times. */
apr_time_t scim_clock_now(void);

/* In nanoseconds. */
apr_int64_t scim_clock_ns(void);

#endif
