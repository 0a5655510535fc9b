/* SPDX-License-Identifier: Apache-2.0 */
/* scim_pool: the connections of mod_dbd, lent one by one.
 *
 * mod_dbd waits without limit in two cases: for a connection when all are
 * lent, and for a server that does not answer, during which no other thread
 * can borrow or return one.  So it is never asked for more connections than it
 * has, only one thread at a time is in it, and connections that are returned
 * meanwhile are lent again without it, also when PostgreSQL has no room for
 * one more.
 */
#ifndef SCIM_POOL_H
#define SCIM_POOL_H

#include <apr_pools.h>

#include "values/scim_error.h"
#include "storage/scim_wait.h"

struct pg_conn;
struct server_rec;

/* The connections of one server's mod_dbd pool, in this process. */
typedef struct scim_pool_t scim_pool_t;

typedef struct {
    struct pg_conn *connection;
    apr_pool_t *pool;            /* lives as long as the connection; only its
                                  * borrower uses it */
    void *dbd;                   /* for scim_pool only */
} scim_loan_t;

/* How long a request waits for a free connection before it is
 * SCIM_E_UNAVAILABLE. */
#define SCIM_POOL_WAIT_SECONDS 5

/* The most seconds for opening a connection, for each host, if DBDParams have
 * no connect_timeout. */
#define SCIM_POOL_CONNECT_SECONDS 5

/* Whether mod_dbd is loaded.  Call it once in post_config, before any
 * connection is borrowed. */
int scim_pool_is_available(void);

/* The pool of server, which lends at most max (DBDMax) connections at a time;
 * params are its DBDParams or NULL.  Lives as long as pool. */
scim_pool_t *scim_pool_make(apr_pool_t *pool, struct server_rec *server,
                            int max, const char *params);

/* Advice for the operator of a pooler between us and PostgreSQL. */
typedef enum {
    SCIM_POOL_ADVICE_SHARED,     /* others use our sessions in between; what:
                                  * PostgreSQL's message */
    SCIM_POOL_ADVICE_SETTINGS    /* settings are missing; what: their names */
} scim_pool_advice_e;
typedef void scim_pool_advise_fn(struct server_rec *server,
                                 scim_pool_advice_e advice, const char *what);

/* Called before the first connection.  is_unprepared: statements are not
 * prepared and sessions are not changed, because others may use them next.
 * advise (or NULL) is called at most once for each advice, by any thread. */
void scim_pool_share(scim_pool_t *pool, int is_unprepared,
                     scim_pool_advise_fn *advise);

/* What scim_pool_share was told. */
int scim_pool_is_unprepared(const scim_pool_t *pool);

/* Whether fewer connections are lent than were at some time before, so that
 * one can probably be borrowed that is open and that no request waits for. */
int scim_pool_is_idle(scim_pool_t *pool);

/* The process ends, so that scim_thread_join is waiting for the threads that
 * still use the pool: from now on their waits end before that gives up, except
 * those in mod_dbd. */
void scim_pool_end(scim_pool_t *pool);

/* Called before the first connection: add each connection to *lent while it
 * is lent; NULL: do not. */
void scim_pool_count(scim_pool_t *pool, apr_uint32_t *lent);

/* Give this advice, with what for its text, unless it was given. */
void scim_pool_advise(scim_pool_t *pool, scim_pool_advice_e advice,
                      const char *what);

/* Take a connection for a request of organization (any name of it), which may
 * only use its share (scim_places.h); NULL for a request of no organization.
 * SCIM_E_UNAVAILABLE if none is free in time or the database is away.  pool is
 * used while it waits. */
scim_error_t *scim_pool_take(scim_loan_t *loan, scim_pool_t *from,
                             const char *organization,
                             scim_patience_t *patience, apr_pool_t *pool)
    SCIM_CHECKED;

/* Return it, and the place of the organization that has taken it. */
void scim_pool_give_back(scim_pool_t *from, const scim_loan_t *loan,
                         const char *organization);

#define SCIM_DATABASE_AWAY                                                  \
    "The database cannot be reached at the moment. Please try again."

#endif
