/* SPDX-License-Identifier: Apache-2.0 */
/* scim_probe: whether the database answers, for health checks and metrics.
 *
 * A thread of its own asks, on demand and one at a time, because nothing
 * limits how long opening a connection takes.  Whoever wants to know waits for
 * it a second at most, and within a second of an answer nobody asks again.
 */
#ifndef SCIM_PROBE_H
#define SCIM_PROBE_H

#include <httpd.h>

#include "storage/scim_db.h"
#include "values/scim_error.h"

/* The probe of a pool of connections, in a child process. */
typedef struct scim_probe_t scim_probe_t;

/* Write what the database alone knows, as text in pool. */
typedef scim_error_t *scim_probe_fn(const char **text, scim_db_t *db,
                                    apr_pool_t *pool);

typedef struct {
    int is_up;                   /* it answered */
    const char *problem;         /* why requests cannot be served, for anybody
                                  * to read; NULL: they can */
    const char *text;            /* of scim_probe_fn, at most a minute old; ""
                                  * if there is none */
} scim_probed_t;

/* Lives as long as pool. */
scim_probe_t *scim_probe_make(apr_pool_t *pool, server_rec *s,
                              scim_pool_t *connections);

/* Ask; more (or NULL) is called at most once a minute.  The result is in
 * pool. */
scim_probed_t scim_probe_ask(scim_probe_t *probe, scim_probe_fn *more,
                             apr_pool_t *pool);

#endif
