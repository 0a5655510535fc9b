/* SPDX-License-Identifier: Apache-2.0 */
/* scimctl org guard: how much SCIM tokens may take away from an organization
 * within an hour. */
#include <string.h>

#include <apr_strings.h>

#include "resources/scim_guard.h"
#include "scimctl/scimctl_print.h"
#include "scimctl/scimctl_run.h"
#include "values/scim_json.h"

/* Numbers of the guard, as lines. */
static const struct {
    const char *object;          /* NULL: the guard itself */
    const char *name;
} numbers[] = {
    { NULL, "number" }, { NULL, "percent" }, { NULL, "limit" },
    { NULL, "activeAccounts" }, { "counted", "deactivations" },
    { "counted", "deletions" }, { "counted", "downgrades" },
    { "counted", "removals" }
};
#define NUMBERS (sizeof(numbers) / sizeof(*numbers))

static void print_number(const char *name, const cJSON *value,
                         apr_pool_t *pool)
{
    if (cJSON_IsNumber(value)) {
        scimctl_print_field(name, scim_json_print(value, pool), pool);
    }
}

static void print_trip(const cJSON *trip, apr_pool_t *pool)
{
    int is_members = strcmp(scim_json_text(trip, "guarded"), "members") == 0;

    scimctl_print_field("tripped",
        apr_pstrcat(pool, is_members ? "removals from groups, since "
                                     : "accounts, since ",
                    scim_json_text(trip, "since"), ", by the token ",
                    scim_json_text(trip, "token"), NULL), pool);
    print_number("refused", scim_json_member(trip, "refused"), pool);
    scimctl_print_field("last refused", scim_json_text(trip, "lastRefused"),
                        pool);
}

static void print_guard(const cJSON *guard, apr_pool_t *pool)
{
    const char *until = scim_json_text(guard, "openUntil");
    const cJSON *trip;
    apr_size_t i;

    if (!scim_json_member(guard, "limit")) {
        scimctl_print_field("limit", "none", pool);
    }
    for (i = 0; i < NUMBERS; i++) {
        const cJSON *object = numbers[i].object
            ? scim_json_member(guard, numbers[i].object) : guard;

        print_number(numbers[i].name,
                     scim_json_member(object, numbers[i].name), pool);
    }
    if (until) {
        scimctl_print_field("open until", until, pool);
    }
    cJSON_ArrayForEach(trip, scim_json_member(guard, "trips")) {
        print_trip(trip, pool);
    }
}

/* text, or NULL, as the number that --number or --percent gives. */
static scim_error_t *read_limit(const char **number, scimctl_run_t *run,
                                const char *text, scim_guard_check_fn *check)
{
    apr_int64_t value;

    *number = NULL;
    if (!text) {
        return NULL;
    }
    SCIM_ERR(scimctl_number(&value, run, text, 0));
    SCIM_ERR(check(value, run->pool));
    *number = apr_psprintf(run->pool, "%" APR_INT64_T_FMT, value);
    return NULL;
}

/* What is not given does not count any more. */
static scim_error_t *set_guard(scimctl_run_t *run)
{
    const scimctl_options_t *given = &run->options;
    const char *number;
    const char *percent;

    if (!given->number && !given->percent && !given->off) {
        return NULL;
    }
    if (given->off && (given->number || given->percent)) {
        return scim_error(run->pool, SCIM_E_INVALID_VALUE,
                          "Give a limit, or --off.");
    }
    SCIM_ERR(read_limit(&number, run, given->number,
                        scim_guard_check_number));
    SCIM_ERR(read_limit(&percent, run, given->percent,
                        scim_guard_check_percent));
    return scim_guard_set(run->call.db, run->call.principal, number, percent);
}

scim_error_t *scimctl_org_guard(scimctl_run_t *run)
{
    scim_rows_t *rows;
    cJSON *guard;

    SCIM_ERR(scimctl_choose_organization(&rows, run));
    SCIM_ERR(set_guard(run));
    if (run->options.open) {
        SCIM_ERR(scim_guard_open(run->call.db, run->call.principal));
    }
    SCIM_ERR(scim_guard_get(&guard, run->call.db,
                            run->call.principal->organization_id, run->pool));
    if (run->options.json) {
        scimctl_print_json(guard, run->pool);
    }
    else {
        print_guard(guard, run->pool);
    }
    return NULL;
}
