/* SPDX-License-Identifier: Apache-2.0 */
/* scim_clock: how long something takes.  Nobody puts this clock forward or
 * back, and it is the same in all processes; it does not tell the time of
 * day. */
#ifndef SCIM_CLOCK_H
#define SCIM_CLOCK_H

#include <apr_time.h>

/* In microseconds, as APR's own times. */
apr_time_t scim_clock_now(void);

/* In nanoseconds. */
apr_int64_t scim_clock_ns(void);

#endif
