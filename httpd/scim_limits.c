/* SPDX-License-Identifier: Apache-2.0 */
/* Limits of requests and of wrong tokens, see scim_limits.h.
 *
 * All counters are in one block of anonymous shared memory, which the parent
 * process creates and restarts keep: one table of buckets for organizations
 * and one for addresses (scim_rate.h).  Refusals are logged at most once in
 * some seconds, with the number of refusals since the last message.
 */
#include "httpd/scim_limits.h"

#include <string.h>

#include <apr_general.h>
#include <apr_optional_hooks.h>
#include <apr_strings.h>

#include <http_config.h>
#include <http_core.h>
#include <http_log.h>
#include <http_protocol.h>
#include <mod_status.h>

#include "httpd/scim_config.h"
#include "httpd/scim_counters.h"
#include "httpd/scim_log.h"
#include "httpd/scim_shared.h"
#include "values/scim_clock.h"

/* Many more than are mistyped, many fewer than guessing needs or a database
 * notices. */
#define WRONG_PER_SECOND 10
#define WRONG_AT_ONCE 100

/* Without SCIMRateBurst, the requests of this number of seconds may come at
 * once. */
#define BURST_SECONDS 10

#define TOP_ORGANIZATIONS 5      /* in mod_status */

/* Change the name with the layout: a graceful restart may load another
 * version. */
#define RETAINED "mod_scim limits 3"

APLOG_USE_MODULE(scim);

enum { LINE_LIMITED, LINE_FAILED };

typedef struct {
    apr_int64_t limited;         /* requests of organizations */
    apr_int64_t failed;          /* tokens that were looked up in vain */
    apr_int64_t turned_away;     /* tokens that were not even looked up */
    scim_rate_time_t told[SCIM_TOLD_COUNT]; /* scim_limits_once_a_minute */
    scim_rate_table_t organizations;
    scim_rate_table_t addresses;
} shared_t;

static shared_t *shared;         /* set by make_shared */

static void add_one(apr_int64_t *counter)
{
    __atomic_add_fetch(counter, 1, __ATOMIC_RELAXED);
}

/* Names */

/* A site has at least a /64 and may choose any address within it. */
static const char *network_of(const unsigned char *bytes, apr_pool_t *pool)
{
    return apr_psprintf(pool, "%x:%x:%x:%x::/64", bytes[0] << 8 | bytes[1],
                        bytes[2] << 8 | bytes[3], bytes[4] << 8 | bytes[5],
                        bytes[6] << 8 | bytes[7]);
}

/* The client's address as httpd knows it, from mod_remoteip if that is
 * loaded. */
static const char *address_of(request_rec *r)
{
    static const unsigned char mapped[12] = { [10] = 0xff, [11] = 0xff };
    const apr_sockaddr_t *address = r->useragent_addr;

    return address->family == APR_INET6
           && memcmp(address->ipaddr_ptr, mapped, sizeof(mapped)) != 0
           ? network_of(address->ipaddr_ptr, r->pool) : r->useragent_ip;
}

static scim_rate_place_t *place_of_address(request_rec *r)
{
    return scim_rate_claim(&shared->addresses, address_of(r), scim_clock_ns());
}

static int limit_of(request_rec *r)
{
    return scim_config_number(scim_config_of(r), rate_limit);
}

static scim_rate_t rate_of(request_rec *r)
{
    int limit = limit_of(r);

    return scim_rate(limit,
                     scim_config_or(scim_config_of(r)->rate_burst,
                                    limit * BURST_SECONDS));
}

static scim_rate_t rate_of_wrong_tokens(void)
{
    return scim_rate(WRONG_PER_SECOND, WRONG_AT_ONCE);
}

/* Refusals */

/* The number of messages that were left out, for a message. */
static const char *and_more(apr_int64_t untold, apr_pool_t *pool)
{
    return untold == 0 ? ""
           : apr_psprintf(pool, " (and %" APR_INT64_T_FMT " more since the"
                          " last such line)", untold);
}

static int seconds_of(scim_rate_time_t wait)
{
    return (int) ((wait + SCIM_RATE_SECOND - 1) / SCIM_RATE_SECOND);
}

static scim_error_t *refuse_now(request_rec *r, scim_error_kind_e kind,
                                scim_rate_time_t wait, const char *why)
{
    int seconds = seconds_of(wait);

    apr_table_setn(r->err_headers_out, "Retry-After",
                   apr_itoa(r->pool, seconds));
    return scim_error(r->pool, kind,
                      "%s Wait %d second%s and try again.", why, seconds,
                      seconds == 1 ? "" : "s");
}

static void tell_limited(request_rec *r, scim_rate_place_t *place,
                         const char *organization)
{
    apr_int64_t untold = scim_rate_line(place, LINE_LIMITED, scim_clock_ns());

    add_one(&shared->limited);
    add_one(&place->refused);
    if (untold >= 0) {
        ap_log_rerror(APLOG_MARK, APLOG_WARNING, 0, r, SCIM_LOGNO(0045)
                      "429: more requests than %d a second (SCIMRateLimit)%s"
                      " of the organization %s", limit_of(r),
                      and_more(untold, r->pool), organization);
    }
}

/* Charge an organization with a good token for count more requests, after
 * "taken" for the same request. */
static scim_error_t *charge(request_rec *r, scim_rate_place_t *place,
                            const char *organization, int count, int taken)
{
    scim_rate_t rate = rate_of(r);
    scim_rate_time_t wait = scim_rate_take(&place->bucket, &rate, count,
                                           taken, scim_clock_ns());

    if (wait == 0) {
        return NULL;
    }
    tell_limited(r, place, organization);
    return refuse_now(r, SCIM_E_TOO_MANY_REQUESTS, wait,
                      apr_psprintf(r->pool, "This organization has sent more"
                                   " requests than %d a second.",
                                   limit_of(r)));
}

static scim_error_t *turn_away(request_rec *r, scim_rate_place_t *address,
                               scim_rate_time_t wait,
                               const char *organization)
{
    apr_int64_t untold = scim_rate_line(address, LINE_LIMITED,
                                          scim_clock_ns());

    add_one(&shared->turned_away);
    add_one(&address->refused);
    if (untold >= 0) {
        ap_log_rerror(APLOG_MARK, APLOG_WARNING, 0, r, SCIM_LOGNO(0046)
                      "429: too many wrong tokens from %s%s, the last one"
                      " for the organization %.63s", address_of(r),
                      and_more(untold, r->pool), organization);
    }
    return refuse_now(r, SCIM_E_TURNED_AWAY, wait,
                      "Too many requests with wrong tokens from this"
                      " address.");
}

static void tell_failed(request_rec *r, scim_rate_place_t *address,
                        const char *organization)
{
    apr_int64_t untold = scim_rate_line(address, LINE_FAILED, scim_clock_ns());

    if (untold >= 0) {
        ap_log_rerror(APLOG_MARK, APLOG_WARNING, 0, r, SCIM_LOGNO(0047)
                      "401: a wrong token from %s%s, for the organization"
                      " %.63s", address_of(r), and_more(untold, r->pool),
                      organization);
    }
}

/* Tokens */

scim_error_t *scim_limits_start(scim_limits_lookup_t *lookup, request_rec *r,
                                const char *organization, const char *secret)
{
    scim_rate_t rate = rate_of_wrong_tokens();
    scim_rate_place_t *place = scim_rate_find(&shared->organizations,
                                              organization);
    scim_rate_time_t wait;

    memset(lookup, 0, sizeof(*lookup));
    lookup->r = r;
    lookup->organization = organization;
    lookup->secret = secret;
    if (place && scim_rate_knows(&shared->organizations, place, organization,
                                 secret)) {
        lookup->known = place;
        return charge(r, place, organization, 1, 0);
    }
    lookup->address = place_of_address(r);
    /* Charged in advance: otherwise all tokens that come at once would be
     * looked up. */
    wait = scim_rate_take(&lookup->address->bucket, &rate, 1, 0,
                          scim_clock_ns());
    return wait == 0 ? NULL
                     : turn_away(r, lookup->address, wait, organization);
}

/* The token is good, but was not known to be. */
static scim_error_t *welcome(const scim_limits_lookup_t *lookup)
{
    scim_rate_t rate = rate_of_wrong_tokens();
    scim_rate_place_t *place = scim_rate_claim(&shared->organizations,
                                               lookup->organization,
                                               scim_clock_ns());

    scim_rate_give_back(&lookup->address->bucket, &rate);
    scim_rate_remember(&shared->organizations, place, lookup->organization,
                       lookup->secret);
    return charge(lookup->r, place, lookup->organization, 1, 0);
}

/* The token is wrong: its organization is not charged for it.  If it was good
 * lately, it is forgotten and counts as wrong from now on. */
static void turn_down(const scim_limits_lookup_t *lookup)
{
    scim_rate_place_t *address = lookup->address;

    if (lookup->known) {
        scim_rate_t rate = rate_of(lookup->r);
        scim_rate_t wrong = rate_of_wrong_tokens();

        scim_rate_forget(&shared->organizations, lookup->known,
                         lookup->organization, lookup->secret);
        scim_rate_give_back(&lookup->known->bucket, &rate);
        address = place_of_address(lookup->r);
        scim_rate_take(&address->bucket, &wrong, 1, 0, scim_clock_ns());
    }
    add_one(&shared->failed);
    tell_failed(lookup->r, address, lookup->organization);
}

scim_error_t *scim_limits_end(const scim_limits_lookup_t *lookup,
                              scim_error_t *outcome)
{
    if (!outcome) {
        return lookup->known ? NULL : welcome(lookup);
    }
    if (outcome->kind == SCIM_E_UNAUTHORIZED) {
        turn_down(lookup);
    }
    else if (lookup->address) {
        scim_rate_t rate = rate_of_wrong_tokens();

        scim_rate_give_back(&lookup->address->bucket, &rate);
    }
    return outcome;
}

scim_error_t *scim_limits_count(request_rec *r, const char *organization,
                                int count)
{
    scim_rate_place_t *place = scim_rate_claim(&shared->organizations,
                                               organization, scim_clock_ns());

    /* One request was charged when the token was looked up. */
    return count > 1 ? charge(r, place, organization, count - 1, 1) : NULL;
}

void scim_limits_no_token(request_rec *r, const char *organization)
{
    if (apr_table_get(r->headers_in, "Authorization")) {
        tell_failed(r, place_of_address(r), organization);
    }
}

/* mod_status, which controls access to it */

static void put_number(request_rec *r, int flags, const char *name,
                       const apr_int64_t *counter)
{
    ap_rprintf(r, flags & AP_STATUS_SHORT
               ? "%s: %" APR_INT64_T_FMT "\n"
               : "<dt>%s: %" APR_INT64_T_FMT "</dt>\n", name,
               __atomic_load_n(counter, __ATOMIC_RELAXED));
}

static void put_organizations(request_rec *r, int flags)
{
    scim_rate_top_t top[TOP_ORGANIZATIONS];
    int count = scim_rate_top(top, TOP_ORGANIZATIONS,
                              &shared->organizations);
    int is_short = flags & AP_STATUS_SHORT;
    int i;

    ap_rputs(is_short ? "ScimLimitedOrganizations:"
                      : "<dt>ScimLimitedOrganizations:", r);
    for (i = 0; i < count; i++) {
        ap_rprintf(r, " %s=%" APR_INT64_T_FMT,
                   ap_escape_html(r->pool, top[i].name), top[i].refused);
    }
    ap_rputs(is_short ? "\n" : "</dt>\n", r);
}

static int show_status(request_rec *r, int flags)
{
    int is_short = flags & AP_STATUS_SHORT;
    apr_int64_t requests = (apr_int64_t) scim_counters_requests();

    if (!is_short) {
        ap_rputs("<hr />\n<h2>mod_scim</h2>\n<dl>\n", r);
    }
    put_number(r, flags, "ScimLimited", &shared->limited);
    put_organizations(r, flags);
    put_number(r, flags, "ScimFailedTokens", &shared->failed);
    put_number(r, flags, "ScimTurnedAway", &shared->turned_away);
    put_number(r, flags, "ScimRequests", &requests);
    ap_rputs(is_short ? "ScimVersion: " SCIM_VERSION "\n"
                      : "<dt>ScimVersion: " SCIM_VERSION "</dt>\n", r);
    if (!is_short) {
        ap_rputs("</dl>\n", r);
    }
    return OK;
}

int scim_limits_once_a_minute(scim_told_e message)
{
    scim_rate_time_t *told = &shared->told[message];
    scim_rate_time_t before = __atomic_load_n(told, __ATOMIC_RELAXED);
    scim_rate_time_t at = scim_clock_ns();

    return (!before || at - before >= 60 * SCIM_RATE_SECOND)
           && __atomic_compare_exchange_n(told, &before, at, 0,
                                          __ATOMIC_RELAXED, __ATOMIC_RELAXED);
}

/* Memory */

static apr_status_t make_keys(shared_t *fresh)
{
    apr_status_t rv = apr_generate_random_bytes(fresh->organizations.key,
                                                SCIM_RATE_KEY_SIZE);

    return rv != APR_SUCCESS ? rv
           : apr_generate_random_bytes(fresh->addresses.key,
                                       SCIM_RATE_KEY_SIZE);
}

static int make_shared(apr_pool_t *pconf, apr_pool_t *plog,
                       apr_pool_t *ptemp, server_rec *s)
{
    void *memory;
    int is_new;
    apr_status_t rv = scim_shared_get(&memory, &is_new, RETAINED,
                                      sizeof(*shared), s);

    if (rv == APR_SUCCESS && is_new) {
        rv = make_keys(memory);
    }
    if (rv != APR_SUCCESS) {
        ap_log_error(APLOG_MARK, APLOG_CRIT, rv, s, SCIM_LOGNO(0048)
                     "cannot create the shared memory for rate limits");
        return HTTP_INTERNAL_SERVER_ERROR;
    }
    shared = memory;
    return OK;
}

void scim_limits_register(apr_pool_t *pool)
{
    ap_hook_post_config(make_shared, NULL, NULL, APR_HOOK_MIDDLE);
    APR_OPTIONAL_HOOK(ap, status_hook, show_status, NULL, NULL,
                      APR_HOOK_MIDDLE);
}
