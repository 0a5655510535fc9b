/* SPDX-License-Identifier: Apache-2.0 */
/* scim_pool: the connections of mod_dbd, lent one by one.
 *
 * mod_dbd has two waits without an end: for a connection when all are lent,
 * and for a server that does not answer, which it awaits while it keeps all
 * others from borrowing and returning.  So nobody asks it for more than it
 * has, one thread at a time is in it, and what comes back meanwhile is lent
 * again without it, also when PostgreSQL has no place for one more.
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
    apr_pool_t *pool;            /* lives as long as the connection, whose
                                  * borrower alone touches it */
    void *dbd;                   /* scim_pool's own */
} scim_loan_t;

/* How long a request waits for a free connection before it is SCIM_E_
 * UNAVAILABLE. */
#define SCIM_POOL_WAIT_SECONDS 5

/* Seconds that opening a connection takes at most, a host, where DBDParams
 * have no connect_timeout. */
#define SCIM_POOL_CONNECT_SECONDS 5

/* Whether mod_dbd is loaded.  To be called once in post_config, before any
 * connection is borrowed. */
int scim_pool_is_available(void);

/* The pool of server, of which at most max (DBDMax) connections are lent at a
 * time; params are its DBDParams or NULL.  Lives as long as pool. */
scim_pool_t *scim_pool_make(apr_pool_t *pool, struct server_rec *server,
                            int max, const char *params);

/* What whoever set up a pooler between us and PostgreSQL should know. */
typedef enum {
    SCIM_POOL_ADVICE_SHARED,     /* others have our sessions in between; what:
                                  * what PostgreSQL said */
    SCIM_POOL_ADVICE_SETTINGS    /* the settings that what names are missing */
} scim_pool_advice_e;
typedef void scim_pool_advise_fn(struct server_rec *server,
                                 scim_pool_advice_e advice, const char *what);

/* Before the first connection: is_unprepared, nothing is prepared or set on
 * a session, for others may have it next.  advise (or NULL) is called once at
 * most for each advice, by any thread. */
void scim_pool_share(scim_pool_t *pool, int is_unprepared,
                     scim_pool_advise_fn *advise);
int scim_pool_is_unprepared(const scim_pool_t *pool);
void scim_pool_advise(scim_pool_t *pool, scim_pool_advice_e advice,
                      const char *what);

/* Take a connection for a request of organization (any name of it), to which
 * only its share is lent (scim_places.h); NULL for what belongs to none.
 * None free in time or the database away: SCIM_E_UNAVAILABLE.  pool is used
 * while it waits. */
scim_error_t *scim_pool_take(scim_loan_t *loan, scim_pool_t *from,
                             const char *organization,
                             scim_patience_t *patience, apr_pool_t *pool)
    SCIM_CHECKED;
void scim_pool_give_back(scim_pool_t *from, const scim_loan_t *loan,
                         const char *organization);

#define SCIM_DATABASE_AWAY                                                  \
    "The database cannot be reached at the moment. Please try again."

#endif
