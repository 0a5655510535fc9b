/* SPDX-License-Identifier: Apache-2.0 */
/* Drift, see scim_drift.h.
 *
 * One statement looks at some accounts and says where it stopped, so that no
 * statement is long; looks are repeated until the page is full, or for a
 * second.
 */
#include "resources/scim_drift.h"

#include <string.h>

#include <apr_strings.h>

#include "resources/scim_names.h"
#include "values/scim_clock.h"
#include "values/scim_json.h"

#define LOOK "500"               /* accounts of a look */
#define LONG_ENOUGH apr_time_from_sec(1)
#define PARAMETERS 9

#define NEVER "never"
#define NOT_SEEN "notSeen"
#define DUPLICATES "duplicates"
#define INACTIVE_MEMBERS "inactiveMembers"
#define DOMAINS "domains"

const char *const scim_drift_checks[] = {
    NEVER, NOT_SEEN, DUPLICATES, INACTIVE_MEMBERS, DOMAINS, NULL
};

typedef struct {
    const char *name;
    scim_statement_e statement;
    int parameters;
    int needs_domain;            /* the statement does not know how domains
                                  * are compared */
} check_t;

static const check_t checks[] = {
    { NEVER, SCIM_SQL_DRIFT_NEVER, PARAMETERS - 1, 0 },
    { NOT_SEEN, SCIM_SQL_DRIFT_NOT_SEEN, PARAMETERS, 0 },
    { DUPLICATES, SCIM_SQL_DRIFT_DUPLICATES, PARAMETERS - 1, 0 },
    { INACTIVE_MEMBERS, SCIM_SQL_DRIFT_INACTIVE_MEMBERS, PARAMETERS - 1, 0 },
    { DOMAINS, SCIM_SQL_DRIFT_DOMAINS, PARAMETERS - 1, 1 }
};
#define CHECKS (sizeof(checks) / sizeof(*checks))

/* A page that is being filled. */
typedef struct {
    scim_call_t *call;
    const check_t *check;
    const char *values[PARAMETERS];
    int count;                   /* the most members */
    cJSON *members;
    int found;
    const char *next;            /* where the next look begins, or NULL */
} page_t;

static scim_error_t *find_check(const check_t **check, const char *name,
                                apr_pool_t *pool)
{
    apr_size_t i = 0;

    while (i < CHECKS && strcmp(checks[i].name, name) != 0) {
        i++;
    }
    *check = checks + i;
    return i < CHECKS ? NULL
           : scim_error(pool, SCIM_E_INVALID_VALUE,
                        "Invalid value '%.20s' for %s.", name, "drift");
}

static scim_error_t *add_member(page_t *page, const char *text)
{
    scim_call_t *call = page->call;
    cJSON *member;

    SCIM_ERR(scim_json_parse(&member, text, strlen(text), call->pool));
    if (!page->check->needs_domain
        || !scim_names_is_verified(call, scim_json_text(member,
                                                        "userName"))) {
        cJSON_AddItemToArray(page->members, cJSON_Duplicate(member, 1));
        page->found++;
    }
    return NULL;
}

/* The last row says where the look ended, unless there are as many before it
 * as were wanted: then more may have been found.  One member more than the
 * page takes says that there are more. */
static scim_error_t *look_further(page_t *page)
{
    const char *last = page->values[5];
    int wanted = page->count - page->found + 1;
    scim_rows_t *rows;
    int ends;
    int i;

    page->values[6] = apr_itoa(page->call->pool, wanted);
    SCIM_ERR(scim_db_run(&rows, page->call->db, page->check->statement,
                         page->check->parameters, page->values));
    ends = scim_rows_count(rows) - 1;
    page->next = scim_rows_value(rows, ends, 0);
    for (i = 0; i < ends && page->found < page->count; i++) {
        SCIM_ERR(add_member(page, scim_rows_value(rows, i, 1)));
        last = scim_rows_value(rows, i, 0);
    }
    if (i < ends || ends == wanted) {
        page->next = last;
    }
    return NULL;
}

static scim_error_t *fill_members(page_t *page)
{
    apr_time_t began = scim_clock_now();

    do {
        SCIM_ERR(look_further(page));
        page->values[5] = page->next;
    } while (page->next && page->found < page->count
             && scim_clock_now() - began < LONG_ENOUGH);
    return NULL;
}

scim_error_t *scim_drift_list(cJSON **list, scim_call_t *call,
                              const char *check, int days,
                              const scim_members_query_t *query)
{
    page_t page = { .call = call, .count = query->count };

    SCIM_ERR(find_check(&page.check, check, call->pool));
    SCIM_ERR(scim_members_check_search(query->search, call->pool));
    page.values[0] = call->principal->organization_id;
    page.values[1] = LOOK;
    SCIM_ERR(scim_members_choose(page.values + 2, query, call->pool));
    page.values[5] = query->cursor ? query->cursor : "";
    page.values[7] = query->search;
    page.values[8] = apr_itoa(call->pool, days);
    *list = scim_json_own(cJSON_CreateObject(), call->pool);
    page.members = cJSON_AddArrayToObject(*list, "members");
    SCIM_ERR(fill_members(&page));
    scim_json_put_text(*list, "next", page.next);
    return NULL;
}
