/* SPDX-License-Identifier: Apache-2.0 */
/* Access control for applications by account, see scim_gate.h.
 *
 * find_active is what all Require lines share: the value that httpd knows of
 * the person, the account for it, and whether that is active.  An account is
 * looked up once for a request (its pool's userdata), then in a cache of this
 * process (SCIMGateCache), then in the database; when the database is away, in
 * what was remembered of those who were let in before (SCIMGateGrace).  The
 * hooks at the end turn what httpd would answer into 403 and 503.
 */
#include "httpd/scim_gate.h"

#include <string.h>

#include <apr_lib.h>
#include <apr_strings.h>

#include <ap_provider.h>
#include <http_core.h>
#include <http_log.h>
#include <http_protocol.h>
#include <http_request.h>
#include <mod_auth.h>

#include "values/scim_cache.h"
#include "httpd/scim_config.h"
#include "httpd/scim_counters.h"
#include "httpd/scim_gate_groups.h"
#include "httpd/scim_http.h"
#include "httpd/scim_limits.h"
#include "values/scim_json.h"
#include "httpd/scim_log.h"
#include "httpd/scim_notes.h"
#include "resources/scim_people.h"
#include "values/scim_role.h"

#define CACHE_SLOTS 2048
#define MAX_REPORTED 32          /* unknown organizations that are logged */
#define GRACE_WAIT 2             /* seconds for who is remembered */

/* In r->notes. */
#define GATE "scim-gate"         /* PASSED_BY, or one of the next two */
#define PASSED_BY "passed by"
#define UNAVAILABLE "unavailable"
#define BY_GRACE "grace"         /* passed by, although the database is away */
#define OTHERS "scim-gate-others" /* the other hooks are being asked */

APLOG_USE_MODULE(scim);

/* In a child process.  What is remembered is who was let in last time, as long
 * as no later answer refuses him, for when the database is away. */
static scim_cache_t *cache;
static scim_cache_t *remembered;

/* What is known of somebody; without id nobody, for the reason.  What the
 * application is told of the groups depends on the Location and comes last. */
typedef struct {
    const char *id;
    const char *user_name;
    const char *role;
    const char *roles;
    const char *display_name;
    const char *language;
    const char *timezone;
    const char *active;          /* "1" or "" */
    const char *meant_groups;    /* as in scim_person_t */
    const char *all_groups;
    const char *reason;
    const char *group_names;
    const char *group_ids;
} visitor_t;

#define TEXTS 11                 /* the first members of visitor_t */

/* Looking up */

/* The texts of a visitor one behind the other, each with its NUL. */
static const char *pack(apr_size_t *length, const visitor_t *visitor,
                        apr_pool_t *pool)
{
    const char *const *texts = (const char *const *) visitor;
    char *packed;
    char *to;
    int i;

    *length = 0;
    for (i = 0; i < TEXTS; i++) {
        *length += strlen(texts[i]) + 1;
    }
    packed = to = apr_palloc(pool, *length);
    for (i = 0; i < TEXTS; i++) {
        to = apr_cpystrn(to, texts[i], *length) + 1;
    }
    return packed;
}

static void unpack(visitor_t *visitor, const char *packed)
{
    const char **texts = (const char **) visitor;
    int i;

    for (i = 0; i < TEXTS; i++) {
        texts[i] = packed;
        packed += strlen(packed) + 1;
    }
}

/* What ends a header line must not come from a name. */
static const char *one_line(const char *text, apr_pool_t *pool)
{
    char *line = apr_pstrdup(pool, text ? text : "");
    char *c;

    for (c = line; *c; c++) {
        if (apr_iscntrl(*c)) {
            *c = ' ';
        }
    }
    return line;
}

static void visitor_of(visitor_t *visitor, const scim_person_t *person,
                       apr_pool_t *pool)
{
    visitor->id = person->id;
    visitor->user_name = one_line(person->user_name, pool);
    visitor->role = person->role;
    visitor->roles = person->roles ? person->roles : "";
    visitor->display_name = one_line(person->display_name, pool);
    visitor->language = one_line(person->language, pool);
    visitor->timezone = one_line(person->timezone, pool);
    visitor->active = person->active ? "1" : "";
    visitor->meant_groups = person->meant_groups ? person->meant_groups : "";
    visitor->all_groups = person->all_groups ? person->all_groups : "";
    visitor->reason = "";
}

static void nobody(visitor_t *visitor, const char *reason)
{
    static const visitor_t none = {
        "", "", "", "", "", "", "", "", "", "", "", "", ""
    };

    *visitor = none;
    visitor->reason = reason;
}

/* An organization that does not exist is the operator's mistake: it is logged
 * as an error, once in a process. */
static void report_unknown(request_rec *r, const char *organization)
{
    static const char *reported[MAX_REPORTED];
    int i = 0;

    while (i < MAX_REPORTED && reported[i] && reported[i] != organization) {
        i++;
    }
    if (i < MAX_REPORTED && !reported[i]) {
        reported[i] = organization;
        ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, r, SCIM_LOGNO(0006)
                      "SCIMOrganization %s: there is no such organization;"
                      " everybody is denied", organization);
    }
}

/* A look-up that asks for groups works without them on older tables. */
static void report_no_groups(request_rec *r, const scim_db_t *db)
{
    const scim_error_t *outdated = scim_gate_groups_asked()
                                   ? scim_db_outdated(db) : NULL;

    if (outdated && scim_limits_once_a_minute(SCIM_TOLD_NO_GROUPS)) {
        ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, r, SCIM_LOGNO(0111)
                      "Require scim-group denies everybody, and"
                      " SCIMGateGroups tells no group: %s", outdated->cause);
    }
}

/* Who is refused is an answer, too; an error is one of the database alone. */
static scim_error_t *ask_with(scim_db_t *db, visitor_t *visitor,
                              request_rec *r,
                              const scim_dir_config_t *config,
                              const char *value)
{
    scim_person_t *person;
    scim_error_t *error;

    error = scim_people_find(&person, db, config->organization,
                             config->by_external_id == 1, value,
                             scim_gate_groups_asked(), r->pool);
    report_no_groups(r, db);
    scim_db_return(db);
    if (!error) {
        visitor_of(visitor, person, r->pool);
        return NULL;
    }
    if (error->kind == SCIM_E_NOT_FOUND) {
        report_unknown(r, config->organization);
    }
    else if (error->kind != SCIM_E_FORBIDDEN) {
        return error;
    }
    nobody(visitor, error->detail);
    return NULL;
}

static scim_error_t *ask_database(visitor_t *visitor, request_rec *r,
                                  const scim_dir_config_t *config,
                                  const char *value)
{
    scim_db_t *db;

    SCIM_ERR(scim_http_borrow(&db, r, NULL));
    return ask_with(db, visitor, r, config, value);
}

/* What is waited here is not what the application may wait. */
static scim_error_t *ask_shortly(visitor_t *visitor, request_rec *r,
                                 const scim_dir_config_t *config,
                                 const char *value)
{
    apr_pool_t *pool;
    scim_db_t *db;

    apr_pool_create(&pool, r->pool);
    scim_db_allow(pool, apr_time_from_sec(GRACE_WAIT), scim_http_is_gone, r);
    SCIM_ERR(scim_db_borrow(&db, scim_config_connections(r), pool));
    return ask_with(db, visitor, r, config, value);
}

/* A refusal counts for all Locations, whichever it was asked for. */
static void remember_visitor(const visitor_t *visitor, request_rec *r,
                             const char *key, apr_time_t at, int has_grace)
{
    int is_in = *visitor->id && *visitor->active;
    apr_size_t length = 0;
    const char *packed = "";

    if (is_in && has_grace) {
        packed = pack(&length, visitor, r->pool);
    }
    if (!is_in || has_grace) {
        scim_cache_put(remembered, key, packed, length, is_in ? at : 0);
    }
}

/* The database is asked first; where it has no answer, who was let in is, for
 * so long. */
static scim_error_t *ask(visitor_t *visitor, request_rec *r,
                         const scim_dir_config_t *config, const char *key,
                         const char *value)
{
    int grace = scim_config_number(config, gate_grace);
    apr_time_t now = apr_time_now();
    const char *packed;
    scim_error_t *error;

    if (!remembered) {
        return ask_database(visitor, r, config, value);
    }
    packed = scim_cache_peek(remembered, key, apr_time_from_sec(grace),
                             r->pool);
    error = packed ? ask_shortly(visitor, r, config, value)
                   : ask_database(visitor, r, config, value);
    if (!error) {
        remember_visitor(visitor, r, key, now, grace > 0);
    }
    else if (packed && error->kind == SCIM_E_UNAVAILABLE) {
        scim_http_log(r, error);
        ap_log_rerror(APLOG_MARK, APLOG_INFO, 0, r, SCIM_LOGNO(0060)
                      "%s: access granted as before, the database cannot be"
                      " reached (SCIMGateGrace %d)", r->uri, grace);
        unpack(visitor, packed);
        apr_table_setn(r->notes, GATE, BY_GRACE);
        error = NULL;
    }
    return error;
}

/* All that an answer depends on: virtual hosts may have databases of their
 * own, in which an organization of the same key is another one. */
static const char *cache_key(request_rec *r, const scim_dir_config_t *config,
                             const char *value)
{
    return apr_psprintf(r->pool, GATE "/%pp/%s/%c/%s",
                        (void *) scim_config_connections(r),
                        config->organization,
                        config->by_external_id == 1 ? 'e' : 'u', value);
}

static scim_error_t *look_up_visitor(visitor_t *visitor, request_rec *r,
                                     const scim_dir_config_t *config,
                                     const char *key, const char *value)
{
    apr_interval_time_t ttl = apr_time_from_sec(
        scim_config_number(config, gate_cache));
    apr_time_t now = apr_time_now();
    const char *packed;
    apr_size_t length;
    scim_error_t *error;

    if (ttl == 0 || !cache) {
        return ask(visitor, r, config, key, value);
    }
    packed = scim_cache_get(cache, key, ttl, r->pool);
    scim_counters_add(packed ? SCIM_COUNT_CACHE_HIT : SCIM_COUNT_CACHE_MISS);
    if (packed) {
        ap_log_rerror(APLOG_MARK, APLOG_TRACE1, 0, r, SCIM_LOGNO(0097)
                      "the account is in the cache of this process");
        unpack(visitor, packed);
        return NULL;
    }
    ap_log_rerror(APLOG_MARK, APLOG_TRACE1, 0, r, SCIM_LOGNO(0098)
                  "the account is not in the cache of this process");
    error = ask(visitor, r, config, key, value);
    if (error) {
        scim_cache_give_up(cache, key);
        return error;
    }
    packed = pack(&length, visitor, r->pool);
    scim_cache_put(cache, key, packed, length, now);
    return NULL;
}

/* Several Require lines of a request are one look-up.  An internal redirect
 * has the same pool, and perhaps another configuration. */
static scim_error_t *find_visitor(const visitor_t **found, request_rec *r,
                                  const scim_dir_config_t *config,
                                  const char *value)
{
    const char *key = cache_key(r, config, value);
    visitor_t *visitor;
    void *known;

    apr_pool_userdata_get(&known, key, r->pool);
    if (!known) {
        visitor = apr_palloc(r->pool, sizeof(*visitor));
        SCIM_ERR(look_up_visitor(visitor, r, config, key, value));
        apr_pool_userdata_setn(visitor, key, NULL, r->pool);
        known = visitor;
    }
    *found = known;
    return NULL;
}

/* Deciding */

static authz_status deny(request_rec *r, const char *reason)
{
    ap_log_rerror(APLOG_MARK, APLOG_INFO, 0, r, SCIM_LOGNO(0007)
                  "denied %s: %s", r->uri, reason);
    return AUTHZ_DENIED;
}

static authz_status fail(request_rec *r, const scim_error_t *error)
{
    apr_table_setn(r->notes, GATE, UNAVAILABLE);
    scim_http_log(r, error);
    return AUTHZ_GENERAL_ERROR;
}

static const scim_gate_variable_t variables[] = {
    { "SCIM_ACCOUNT_ID", offsetof(visitor_t, id), 0 },
    { "SCIM_USER_NAME", offsetof(visitor_t, user_name), 0 },
    { "SCIM_ROLE", offsetof(visitor_t, role), 0 },
    { "SCIM_DISPLAY_NAME", offsetof(visitor_t, display_name), 0 },
    { "SCIM_PREFERRED_LANGUAGE", offsetof(visitor_t, language), 0 },
    { "SCIM_TIMEZONE", offsetof(visitor_t, timezone), 0 },
    { "SCIM_GROUPS", offsetof(visitor_t, group_names), 1 },
    { "SCIM_GROUP_IDS", offsetof(visitor_t, group_ids), 1 }
};
#define VARIABLES (sizeof(variables) / sizeof(*variables))

static const char *text_of_variable(const visitor_t *visitor, apr_size_t i)
{
    return *(const char *const *) ((const char *) visitor
                                   + variables[i].offset);
}

const scim_gate_variable_t *scim_gate_variable(int i)
{
    return (apr_size_t) i < VARIABLES ? &variables[i] : NULL;
}

/* Of one request: an internal redirect has the same pool. */
static const char *passed_key(request_rec *r)
{
    return apr_psprintf(r->pool, GATE "/passed/%pp", (void *) r);
}

/* Where httpd does not ask again, because the request before or above it was
 * let in by the same configuration, that one's account counts. */
static const visitor_t *passed(request_rec *r)
{
    void *visitor = NULL;
    request_rec *from;

    apr_pool_userdata_get(&visitor, passed_key(r), r->pool);
    from = r->prev ? r->prev : r->main;
    return visitor || !from || from->per_dir_config != r->per_dir_config
           ? visitor : passed(from);
}

const char *scim_gate_value(request_rec *r, int i)
{
    const visitor_t *visitor = passed(r);

    return visitor ? text_of_variable(visitor, i) : NULL;
}

/* The visitor with what the application is told of the groups here. */
static const visitor_t *with_groups(const visitor_t *visitor, request_rec *r)
{
    const scim_gate_groups_t *told = scim_config_of(r)->groups;
    visitor_t *copy = apr_pmemdup(r->pool, visitor, sizeof(*copy));

    copy->group_names = copy->group_ids = "";
    if (told) {
        scim_gate_groups_list(&copy->group_names, &copy->group_ids,
                              told->all ? visitor->all_groups
                                        : visitor->meant_groups,
                              told, r->pool);
    }
    return copy;
}

/* visitor NULL: whatever was there is not of an account. */
static void put_environment(request_rec *r, const visitor_t *visitor)
{
    apr_size_t i;

    apr_pool_userdata_setn((void *) visitor, passed_key(r), NULL, r->pool);

    for (i = 0; i < VARIABLES; i++) {
        const char *value = visitor ? text_of_variable(visitor, i) : "";

        if (*value) {
            apr_table_set(r->subprocess_env, variables[i].name, value);
        }
        else {
            apr_table_unset(r->subprocess_env, variables[i].name);
        }
    }
}

/* Who signs in first is looked at then, whatever SCIMAccountValue says. */
static int has_authentication(request_rec *r)
{
    const char *type = ap_auth_type(r);

    return type && strcasecmp(type, "None") != 0;
}

/* The account of the request; AUTHZ_GRANTED when there is an active one. */
static authz_status find_active(const visitor_t **visitor, request_rec *r)
{
    const scim_dir_config_t *config = scim_config_of(r);
    const char *value = r->user;
    const char *problem = NULL;
    scim_error_t *error;

    if (!r->user && has_authentication(r)) {
        return AUTHZ_DENIED_NO_USER;
    }
    put_environment(r, NULL);
    apr_table_setn(r->notes, GATE, PASSED_BY);
    if (!config->organization) {
        ap_log_rerror(APLOG_MARK, APLOG_ERR, 0, r, SCIM_LOGNO(0008)
                      "Require scim-account, scim-role and scim-group need a"
                      " SCIMOrganization here: everybody is denied");
        return deny(r, "SCIMOrganization is missing.");
    }
    scim_notes_put(r, SCIM_NOTE_ORGANIZATION, config->organization);
    if (config->account_value) {
        value = ap_expr_str_exec(r, config->account_value, &problem);
    }
    if (problem) {
        return deny(r, problem);
    }
    if (!value || !*value) {
        return r->user ? deny(r, "SCIMAccountValue is empty.")
                       : AUTHZ_DENIED_NO_USER;
    }
    error = find_visitor(visitor, r, config, value);
    if (error) {
        return fail(r, error);
    }
    if (!*(*visitor)->id) {
        return deny(r, (*visitor)->reason);
    }
    scim_notes_put(r, SCIM_NOTE_ACCOUNT, (*visitor)->id);
    if (!*(*visitor)->active) {
        return deny(r, "The account is not active.");
    }
    put_environment(r, with_groups(*visitor, r));
    return AUTHZ_GRANTED;
}

static authz_status check_account(request_rec *r, const char *arguments,
                                  const void *parsed)
{
    const visitor_t *visitor;

    return find_active(&visitor, r);
}

static int has_any_of(const visitor_t *visitor, const char *role,
                      apr_pool_t *pool)
{
    const cJSON *roles = scim_json_stored(visitor->roles, pool);
    const cJSON *element;

    cJSON_ArrayForEach(element, roles) {
        const char *value = scim_json_text(element, "value");

        if (value && strcmp(value, role) == 0) {
            return 1;
        }
    }
    return 0;
}

/* Managed, it is one role; open, any of those that were sent. */
static int has_role(const visitor_t *visitor, const char *role,
                    request_rec *r)
{
    return scim_config_of(r)->managed != 0
           ? strcmp(visitor->role, role) == 0
           : has_any_of(visitor, role, r->pool);
}

static authz_status check_role_line(request_rec *r, const char *arguments,
                                    const void *parsed)
{
    const apr_array_header_t *roles = parsed;
    const visitor_t *visitor;
    authz_status status = find_active(&visitor, r);
    int i;

    if (status != AUTHZ_GRANTED) {
        return status;
    }
    for (i = 0; i < roles->nelts; i++) {
        if (has_role(visitor, APR_ARRAY_IDX(roles, i, const char *), r)) {
            return AUTHZ_GRANTED;
        }
    }
    return deny(r, apr_psprintf(r->pool, "The account has the role %s,"
                                " not %s.", visitor->role, arguments));
}

static authz_status check_groups(request_rec *r, const char *arguments,
                                const void *parsed)
{
    const visitor_t *visitor;
    authz_status status = find_active(&visitor, r);

    if (status != AUTHZ_GRANTED
        || scim_gate_groups_match(visitor->meant_groups, parsed, r->pool)) {
        return status;
    }
    return deny(r, apr_psprintf(r->pool, "The account is not in the group"
                                " %.200s.", arguments));
}

/* Require lines */

/* What configtest says of the server's own (scim_gate_config.c). */
static const char *check_htaccess(cmd_parms *cmd)
{
    return ap_check_cmd_context(cmd, NOT_IN_HTACCESS)
           && scim_gate_lets_in_strangers(cmd->directive, NULL, cmd->pool)
           ? SCIM_GATE_STRANGERS : NULL;
}

static const char *parse_account(cmd_parms *cmd, const char *line,
                                 const void **parsed)
{
    const char *wrong = check_htaccess(cmd);

    if (wrong) {
        return wrong;
    }
    return *line ? "Require scim-account takes no argument; for a role there"
                   " is Require scim-role" : NULL;
}

/* httpd makes a section's configuration with our first directive in it. */
static int managed_in(const ap_conf_vector_t *section)
{
    const scim_dir_config_t *config = ap_get_module_config(section,
                                                           &scim_module);

    return config ? config->managed : SCIM_UNSET;
}

static int is_managed_here(const cmd_parms *cmd)
{
    int here = managed_in(cmd->context);

    return here != SCIM_UNSET ? here
                              : managed_in(cmd->server->lookup_defaults) != 0;
}

static const char *parse_role(cmd_parms *cmd, const char *line,
                              const void **parsed)
{
    apr_array_header_t *roles = apr_array_make(cmd->pool, 3,
                                               sizeof(const char *));
    const char *role;

    while (*(role = ap_getword_conf(cmd->pool, &line))) {
        if (is_managed_here(cmd) && scim_role_of(role) < 0) {
            return apr_psprintf(cmd->pool, "Require scim-role: '%s' is not"
                                " allowed; it must be ADMIN, USER or GUEST"
                                " (any role with SCIMProfile open before"
                                " it)", role);
        }
        APR_ARRAY_PUSH(roles, const char *) = role;
    }
    *parsed = roles;
    return roles->nelts > 0 ? check_htaccess(cmd)
        : "Require scim-role needs a role, as in Require scim-role ADMIN"
          " USER";
}

/* Quotes with nothing in between are a word, too. */
static const char *parse_groups(cmd_parms *cmd, const char *line,
                               const void **parsed)
{
    apr_array_header_t *references = apr_array_make(cmd->pool, 3,
                                                    sizeof(const char *));

    while (*line) {
        const char *word = ap_getword_conf(cmd->pool, &line);
        const char *wrong = scim_gate_groups_add(references, cmd, word);

        if (wrong) {
            return apr_psprintf(cmd->pool, "Require scim-group: '%s' is not"
                                " allowed; %s", word, wrong);
        }
    }
    *parsed = references;
    return references->nelts > 0 ? check_htaccess(cmd)
        : "Require scim-group needs a group, as in Require scim-group"
          " \"Sales Admins\"";
}

/* Answers */

/* A person who is not allowed in gets 403, not another question for a
 * password, and a database that is away is 503. */
static int in_our_words(request_rec *r, int status, const char *gate)
{
    if (status == HTTP_UNAUTHORIZED && r->user) {
        apr_table_unset(r->err_headers_out, "WWW-Authenticate");
        return HTTP_FORBIDDEN;
    }
    if (status == HTTP_INTERNAL_SERVER_ERROR
        && strcmp(gate, UNAVAILABLE) == 0) {
        apr_table_setn(r->err_headers_out, "Retry-After",
                       APR_STRINGIFY(SCIM_RETRY_AFTER_SECONDS));
        return HTTP_SERVICE_UNAVAILABLE;
    }
    return status;
}

/* Without a user, it is asked who it is, and then decided.  Files that httpd
 * looks for behind a URL are part of its request. */
static void count_decision(request_rec *r, int status, const char *gate)
{
    scim_counter_e decision = SCIM_COUNT_GATE_DENIED;

    if (status == DECLINED || status == HTTP_UNAUTHORIZED
        || !ap_is_initial_req(r)) {
        return;
    }
    if (status == OK) {
        decision = strcmp(gate, BY_GRACE) == 0 ? SCIM_COUNT_GATE_GRACE
                                               : SCIM_COUNT_GATE_GRANTED;
    }
    else if (status == HTTP_SERVICE_UNAVAILABLE) {
        decision = SCIM_COUNT_GATE_UNAVAILABLE;
    }
    scim_counters_add(decision);
    scim_notes_put(r, SCIM_NOTE_OUTCOME, scim_counters_label(decision));
}

/* Let the other hooks decide, then say it in our words. */
static int decide(request_rec *r, int (*others)(request_rec *))
{
    const char *gate;
    int status;

    if (apr_table_get(r->notes, OTHERS)) {
        return DECLINED;
    }
    apr_table_setn(r->notes, OTHERS, "1");
    status = others(r);
    apr_table_unset(r->notes, OTHERS);
    gate = apr_table_get(r->notes, GATE);
    if (!gate) {
        return status;
    }
    status = in_our_words(r, status, gate);
    count_decision(r, status, gate);
    return status;
}

static int decide_without_user(request_rec *r)
{
    return has_authentication(r) ? DECLINED
                                 : decide(r, ap_run_access_checker_ex);
}

static int decide_with_user(request_rec *r)
{
    return decide(r, ap_run_auth_checker);
}

/* Set-up */

static const authz_provider account_provider = { check_account,
                                                 parse_account };
static const authz_provider role_provider = { check_role_line, parse_role };
static const authz_provider group_provider = { check_groups, parse_groups };

void scim_gate_register(apr_pool_t *pool)
{
    ap_register_auth_provider(pool, AUTHZ_PROVIDER_GROUP, "scim-account",
                              AUTHZ_PROVIDER_VERSION, &account_provider,
                              AP_AUTH_INTERNAL_PER_CONF);
    ap_register_auth_provider(pool, AUTHZ_PROVIDER_GROUP, "scim-role",
                              AUTHZ_PROVIDER_VERSION, &role_provider,
                              AP_AUTH_INTERNAL_PER_CONF);
    ap_register_auth_provider(pool, AUTHZ_PROVIDER_GROUP, "scim-group",
                              AUTHZ_PROVIDER_VERSION, &group_provider,
                              AP_AUTH_INTERNAL_PER_CONF);
    ap_hook_check_access_ex(decide_without_user, NULL, NULL,
                            APR_HOOK_REALLY_FIRST,
                            AP_AUTH_INTERNAL_PER_CONF);
    ap_hook_check_authz(decide_with_user, NULL, NULL, APR_HOOK_REALLY_FIRST,
                        AP_AUTH_INTERNAL_PER_CONF);
}

void scim_gate_init_child(apr_pool_t *pool, server_rec *s)
{
    apr_status_t rv = scim_cache_make(&cache, CACHE_SLOTS, pool);

    scim_gate_groups_init_child(pool, s);
    if (rv == APR_SUCCESS) {
        rv = scim_cache_make(&remembered, CACHE_SLOTS, pool);
    }
    if (rv != APR_SUCCESS) {
        ap_log_error(APLOG_MARK, APLOG_ERR, rv, s, SCIM_LOGNO(0009)
                     "account cache is off; every request queries the"
                     " database");
        cache = remembered = NULL;
    }
}
