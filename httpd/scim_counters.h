/* SPDX-License-Identifier: Apache-2.0 */
/* scim_counters: what this httpd has done since it was started, for the
 * metrics.
 *
 * The numbers are in memory that all child processes share and that a graceful
 * restart keeps.  They are changed by atomic operations, without a lock.  Only
 * names that are known at the start are counted, so no client can make this
 * memory, or the metrics, grow.
 */
#ifndef SCIM_COUNTERS_H
#define SCIM_COUNTERS_H

#include <httpd.h>

#include "resources/scim_events.h"
#include "rules/scim_note.h"
#include "storage/scim_wait.h"
#include "values/scim_error.h"

/* Single counters: X(id, label value).  Those of one metric are in a row, from
 * the first to the last one. */
#define SCIM_COUNTERS(X)                                                    \
    X(LOST_RACE, "lost_race")                                               \
    X(LOST_CONNECTION, "lost_connection")                                   \
    X(GATE_GRANTED, "granted")                                              \
    X(GATE_GRACE, "grace")                                                  \
    X(GATE_DENIED, "denied")                                                \
    X(GATE_UNAVAILABLE, "unavailable")                                      \
    X(CACHE_HIT, "hit")                                                     \
    X(CACHE_MISS, "miss")                                                   \
    X(WARNED_ATTRIBUTE, "attribute")                                        \
    X(WARNED_SET_ONCE, "set_once")                                          \
    X(WARNED_REMOVAL, "removal")                                            \
    X(WARNED_ROLE, "role")

#define SCIM_COUNTER_ENUM(id, label) SCIM_COUNT_##id,
typedef enum {
    SCIM_COUNTERS(SCIM_COUNTER_ENUM)
    SCIM_COUNTER_COUNT
} scim_counter_e;
#undef SCIM_COUNTER_ENUM

/* Before post_config: endpoint ("Users") is a value of the label resource;
 * again without effect. */
void scim_counters_name(const char *endpoint);

/* Count one more: of a single counter; of an error that was answered; of a
 * warning; of the events of these kinds, in any form; and what a wait, or what
 * became of it, adds to the numbers. */
void scim_counters_add(scim_counter_e counter);
void scim_counters_add_warning(scim_warned_e warned);
void scim_counters_add_error(scim_error_kind_e kind);
void scim_counters_add_events(const char *kinds);
void scim_counters_add_wait(const scim_wait_trace_t *wait);

/* Reading, for the metrics.  Numbers that belong together may be read a
 * moment apart. */

apr_uint64_t scim_counters_of(scim_counter_e counter);
const char *scim_counters_label(scim_counter_e counter);
apr_uint64_t scim_counters_of_error(scim_error_kind_e kind);
apr_uint64_t scim_counters_of_event(int kind); /* of scim_event_kinds */

/* All requests, for mod_status. */
apr_uint64_t scim_counters_requests(void);

typedef struct {
    const char *method;
    const char *resource;
    const char *code;
    apr_uint64_t count;
} scim_counted_t;

/* Call with *place 0 at first: the next requests that were counted; 0 at the
 * end. */
int scim_counters_next(scim_counted_t *counted, int *place);

/* How long something took. */
#define SCIM_BUCKETS 8
typedef struct {
    apr_uint64_t counts[SCIM_BUCKETS + 1]; /* the last one: longer */
    apr_uint64_t sum;                      /* microseconds */
} scim_histogram_t;

extern const char *const scim_bucket_limits[SCIM_BUCKETS]; /* seconds */
const scim_histogram_t *scim_counters_requests_took(void);
const scim_histogram_t *scim_counters_waits_took(void);

/* Connections to the database of all child processes: those that are lent, and
 * those that could be as well (DBDMax). */
void scim_counters_connections(apr_uint64_t *in_use, apr_uint64_t *unused);

/* In a child process: the numbers of its connections, for scim_pool_count, of
 * which it may lend most more than it told before.  NULL: there is no place
 * for one more process. */
apr_uint32_t *scim_counters_lend(int most);

/* For a child that starts, before scim_counters_lend. */
void scim_counters_init_child(void);

/* The hooks that make the memory and count each request when it is logged. */
void scim_counters_register_hooks(void);

#endif
