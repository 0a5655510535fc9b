/* SPDX-License-Identifier: Apache-2.0 */
/* The log of waits, which are also counted, see scim_trace.h.  A line is only
 * made if its level is on; lines have texts of SQL and names, never values. */
#include "httpd/scim_trace.h"

#include <apr_strings.h>

#include <httpd.h>
#include <http_log.h>

#include "httpd/scim_counters.h"
#include "httpd/scim_log.h"
#include "httpd/scim_request_log.h"
#include "storage/scim_wait.h"

/* Longer than a busy server needs to answer. */
#define LONG_WAIT apr_time_from_msec(100)

APLOG_USE_MODULE(scim);

static const char *shown_time(apr_interval_time_t took, apr_pool_t *pool)
{
    return apr_psprintf(pool, "%" APR_TIME_T_FMT ".%03d ms", took / 1000,
                        (int) (took % 1000));
}

static void trace_borrowed(request_rec *r, const scim_wait_trace_t *trace)
{
    if (trace->took >= LONG_WAIT) {
        ap_log_rerror(APLOG_MARK, APLOG_DEBUG, 0, r, SCIM_LOGNO(0090)
                      "waited %s for a connection%s",
                      shown_time(trace->took, r->pool),
                      trace->is_success ? "" : ", in vain");
    }
    else {
        ap_log_rerror(APLOG_MARK, APLOG_TRACE1, 0, r, SCIM_LOGNO(0091)
                      "got a connection after %s",
                      shown_time(trace->took, r->pool));
    }
}

static void trace_opened(request_rec *r, const scim_wait_trace_t *trace)
{
    ap_log_rerror(APLOG_MARK, APLOG_DEBUG, 0, r, SCIM_LOGNO(0092)
                  "the connection to PostgreSQL was lost and is %s after %s",
                  trace->is_success ? "open again" : "not open again",
                  shown_time(trace->took, r->pool));
}

static void trace_prepared(request_rec *r, const scim_wait_trace_t *trace)
{
    ap_log_rerror(APLOG_MARK, APLOG_TRACE2, 0, r, SCIM_LOGNO(0093)
                  "%s is prepared in %s: %s", trace->name,
                  shown_time(trace->took, r->pool), trace->text);
}

static void trace_ran(request_rec *r, const scim_wait_trace_t *trace)
{
    const char *name = trace->name ? trace->name : "an unnamed statement";

    if (trace->text) {
        ap_log_rerror(APLOG_MARK, APLOG_TRACE2, 0, r, SCIM_LOGNO(0094)
                      "sent without a name: %s", trace->text);
    }
    if (trace->is_success) {
        ap_log_rerror(APLOG_MARK, APLOG_TRACE1, 0, r, SCIM_LOGNO(0095)
                      "%s: %d rows in %s", name, trace->rows,
                      shown_time(trace->took, r->pool));
    }
    else {
        ap_log_rerror(APLOG_MARK, APLOG_TRACE1, 0, r, SCIM_LOGNO(0096)
                      "%s failed after %s: %s%s", name,
                      shown_time(trace->took, r->pool),
                      *trace->sqlstate ? "SQLSTATE " : "no answer",
                      trace->sqlstate);
    }
}

static void trace_wait(void *r_, const scim_wait_trace_t *trace)
{
    request_rec *r = r_;

    scim_counters_add_wait(trace);
    if (trace->what == SCIM_WAIT_WROTE) {
        scim_request_log_wrote(r);
    }
    if (!APLOGrdebug(r)) {
        return;
    }
    switch (trace->what) {
    case SCIM_WAIT_BORROWED: trace_borrowed(r, trace); break;
    case SCIM_WAIT_OPENED: trace_opened(r, trace); break;
    case SCIM_WAIT_PREPARED: trace_prepared(r, trace); break;
    case SCIM_WAIT_RAN: trace_ran(r, trace); break;
    default: break;
    }
}

void scim_trace_register(void)
{
    scim_wait_set_trace(trace_wait);
}
