/* SPDX-License-Identifier: Apache-2.0 */
/* The directives: how they are read, merged and asked for, see scim_config.h.
 *
 * Numbers have a table of their least and greatest values.  Beside its own
 * directives, the module is told of some of mod_dbd's and of core's
 * SetHandler: httpd calls every module that names a directive.
 */
#include "httpd/scim_config.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <apr_strings.h>

#include <http_core.h>
#include <http_log.h>

#include "httpd/scim_database.h"
#include "httpd/scim_headers.h"
#include "values/scim_bounds.h"
#include "values/scim_text.h"

APLOG_USE_MODULE(scim);

void *scim_config_create_dir(apr_pool_t *pool, char *dir)
{
    scim_dir_config_t *config = apr_palloc(pool, sizeof(*config));

#define UNSET(field, ...) config->field = SCIM_UNSET;
    SCIM_NUMBERS(UNSET)
    config->base_url = NULL;
    config->managed = SCIM_UNSET;
    config->strict = SCIM_UNSET;
    config->require_sso = SCIM_UNSET;
    config->request_log = SCIM_UNSET;
    config->require_tls = SCIM_UNSET;
    config->by_external_id = SCIM_UNSET;
    config->account_value = NULL;
    config->organization = NULL;
    config->headers = NULL;
    config->headers_encoded = 0;
    config->groups = NULL;
    config->sign_out_url = NULL;
    config->door = NULL;
    return config;
}

static int merged(int base, int add)
{
    return add == SCIM_UNSET ? base : add;
}

void *scim_config_merge_dir(apr_pool_t *pool, void *base_, void *add_)
{
    const scim_dir_config_t *base = base_;
    const scim_dir_config_t *add = add_;
    scim_dir_config_t *config = apr_palloc(pool, sizeof(*config));

#define MERGE(field, ...) config->field = merged(base->field, add->field);
    SCIM_NUMBERS(MERGE)
    config->base_url = add->base_url ? add->base_url : base->base_url;
    config->managed = merged(base->managed, add->managed);
    config->strict = merged(base->strict, add->strict);
    config->require_sso = merged(base->require_sso, add->require_sso);
    config->request_log = merged(base->request_log, add->request_log);
    config->require_tls = merged(base->require_tls, add->require_tls);
    config->by_external_id = merged(base->by_external_id,
                                    add->by_external_id);
    config->account_value = add->account_value ? add->account_value
                                               : base->account_value;
    config->organization = add->organization ? add->organization
                                             : base->organization;
    config->headers = add->headers ? add->headers : base->headers;
    config->headers_encoded = add->headers ? add->headers_encoded
                                           : base->headers_encoded;
    config->groups = add->groups ? add->groups : base->groups;
    config->sign_out_url = add->sign_out_url ? add->sign_out_url
                                             : base->sign_out_url;
    config->door = add->door ? add->door : base->door;
    return config;
}

void *scim_config_create_server(apr_pool_t *pool, server_rec *s)
{
    scim_server_config_t *config = apr_pcalloc(pool, sizeof(*config));

    config->prepares = SCIM_UNSET;
    return config;
}

void *scim_config_merge_server(apr_pool_t *pool, void *base_, void *add_)
{
    const scim_server_config_t *base = base_;
    scim_server_config_t *config = apr_pmemdup(pool, add_, sizeof(*config));
    int i;

    for (i = 0; i < SCIM_DBD_SETTINGS; i++) {
        if (!config->dbd[i].value) {
            config->dbd[i] = base->dbd[i];
        }
    }
    config->prepares = merged(base->prepares, config->prepares);
    config->admin_files = base->admin_files;
    return config;
}

static const char *not_allowed(cmd_parms *cmd, const char *value,
                               const char *allowed)
{
    return apr_psprintf(cmd->pool, "%s: '%s' is not allowed; %s",
                        cmd->cmd->name, value, allowed);
}

static int is_web_url(const apr_uri_t *uri)
{
    return uri->scheme && uri->hostname && *uri->hostname && !uri->user
           && (strcasecmp(uri->scheme, "https") == 0
               || strcasecmp(uri->scheme, "http") == 0);
}

static const char *set_base_url(cmd_parms *cmd, void *config_,
                                const char *value)
{
    scim_dir_config_t *config = config_;
    apr_uri_t uri;
    apr_size_t length = strlen(value);

    if (apr_uri_parse(cmd->pool, value, &uri) != APR_SUCCESS
        || !is_web_url(&uri) || uri.query || uri.fragment) {
        return not_allowed(cmd, value, "it must be the public URL of this"
                           " Location, such as https://host/scim");
    }
    while (length > 0 && value[length - 1] == '/') {
        length--;
    }
    config->base_url = apr_pstrmemdup(cmd->pool, value, length);
    return NULL;
}

static const char *set_profile(cmd_parms *cmd, void *config_,
                               const char *value)
{
    scim_dir_config_t *config = config_;

    config->managed = strcasecmp(value, "managed") == 0;
    if (!config->managed && strcasecmp(value, "open") != 0) {
        return not_allowed(cmd, value, "it must be managed or open");
    }
    return NULL;
}

static const char *set_account_key(cmd_parms *cmd, void *config_,
                                   const char *value)
{
    scim_dir_config_t *config = config_;

    config->by_external_id = strcasecmp(value, "externalId") == 0;
    if (!config->by_external_id && strcasecmp(value, "userName") != 0) {
        return not_allowed(cmd, value, "it must be userName or externalId");
    }
    return NULL;
}

static const char *set_account_value(cmd_parms *cmd, void *config_,
                                     const char *value)
{
    scim_dir_config_t *config = config_;
    const char *problem = NULL;

    config->account_value = ap_expr_parse_cmd(cmd, value,
                                              AP_EXPR_FLAG_STRING_RESULT,
                                              &problem, NULL);
    return problem ? not_allowed(cmd, value, problem) : NULL;
}

static const char *set_organization(cmd_parms *cmd, void *config_,
                                    const char *value)
{
    scim_dir_config_t *config = config_;

    if (!scim_text_is_key(value)) {
        return not_allowed(cmd, value, "it must be the key of an"
                           " organization: 1 to "
                           APR_STRINGIFY(SCIM_KEY_MAX)
                           " lower-case letters, digits and hyphens");
    }
    config->organization = value;
    return NULL;
}

static const char *set_headers(cmd_parms *cmd, void *config_,
                               const char *prefix, const char *encoding)
{
    scim_dir_config_t *config = config_;
    const char *problem = scim_headers_check_prefix(prefix);

    if (problem) {
        return not_allowed(cmd, prefix, problem);
    }
    if (encoding && strcasecmp(encoding, "encoded") != 0) {
        return not_allowed(cmd, encoding, "the prefix can only be followed by"
                           " encoded");
    }
    config->headers = strcasecmp(prefix, "Off") == 0 ? "" : prefix;
    config->headers_encoded = encoding != NULL;
    return NULL;
}

/* A word of SCIMGateGroups; is_only: there is no other one. */
static const char *add_group(scim_gate_groups_t *groups, cmd_parms *cmd,
                             const char *word, int is_only)
{
    int is_all = strcasecmp(word, "all") == 0;

    if (!is_all && strcasecmp(word, "none") != 0) {
        return scim_gate_groups_add(groups->references, cmd, word);
    }
    if (!is_only) {
        return "it must be the only word";
    }
    if (is_all) {
        groups->all = 1;
        scim_gate_groups_add_all(cmd);
    }
    return NULL;
}

static const char *set_groups(cmd_parms *cmd, void *config_,
                              const char *line)
{
    scim_dir_config_t *config = config_;
    scim_gate_groups_t *groups = apr_pcalloc(cmd->pool, sizeof(*groups));
    const char *first = line;

    groups->references = apr_array_make(cmd->pool, 4, sizeof(const char *));
    if (!*line) {
        return not_allowed(cmd, "", "it must be the names of groups, all or"
                           " none");
    }
    while (*line) {
        int is_first = line == first;
        const char *word = ap_getword_conf(cmd->pool, &line);
        const char *wrong = add_group(groups, cmd, word, is_first && !*line);

        if (wrong) {
            return not_allowed(cmd, word, wrong);
        }
    }
    config->groups = groups;
    return NULL;
}

/* A path on this host; //host would be another one, for browsers with either
 * slash. */
static int is_path(const apr_uri_t *uri, const char *value)
{
    return !uri->scheme && value[0] == '/' && value[1] != '/'
           && value[1] != '\\';
}

static const char *set_sign_out_url(cmd_parms *cmd, void *config_,
                                    const char *value)
{
    scim_dir_config_t *config = config_;
    apr_uri_t uri;

    if (apr_uri_parse(cmd->pool, value, &uri) != APR_SUCCESS
        || !(is_path(&uri, value) || is_web_url(&uri))) {
        return not_allowed(cmd, value, "it must be a path or a URL that ends"
                           " the sign-in, such as /mellon/logout?ReturnTo=/");
    }
    config->sign_out_url = value;
    return NULL;
}

static const char *set_admin_files(cmd_parms *cmd, void *unused,
                                   const char *value)
{
    const char *wrong = ap_check_cmd_context(cmd, GLOBAL_ONLY);

    scim_config_of_server(cmd->server)->admin_files
        = ap_server_root_relative(cmd->pool, value);
    return wrong;
}

/* A directive that takes a number. */
typedef struct {
    int least;
    int most;
    size_t offset;
} number_t;

#define NUMBER(field, directive, least, most, usual, help)                  \
    static const number_t number_##field                                    \
        = { least, most, offsetof(scim_dir_config_t, field) };
SCIM_NUMBERS(NUMBER)

static const char *set_number(cmd_parms *cmd, void *config,
                              const char *value)
{
    const number_t *allowed = cmd->info;
    apr_int64_t number;

    if (!scim_text_integer(value, &number) || number < allowed->least
        || number > allowed->most) {
        return not_allowed(cmd, value,
                           apr_psprintf(cmd->pool,
                                        "it must be a number from %d to %d",
                                        allowed->least, allowed->most));
    }
    *(int *) ((char *) config + allowed->offset) = (int) number;
    return NULL;
}

/* mod_dbd's directives reach every module that names them: httpd calls all.
 * So configtest finds wrong values (scim_database), and the size of the pool
 * is known, which mod_dbd tells nobody. */
static const char *see_dbd(cmd_parms *cmd, void *unused, const char *value)
{
    scim_server_config_t *config = scim_config_of_server(cmd->server);
    scim_dbd_setting_t *setting = &config->dbd[(size_t) cmd->info];

    config->has_dbd = 1;
    setting->value = value;
    setting->at = cmd->directive;
    return NULL;
}

/* mod_dbd would say that it cannot load a driver which is not to be
 * loaded. */
static const char *see_dbd_driver(cmd_parms *cmd, void *unused,
                                  const char *value)
{
    see_dbd(cmd, unused, value);
    return strcasecmp(value, "pgsql") != 0
           && scim_database_needs_driver(ap_conftree, cmd->server,
                                         cmd->temp_pool)
           ? not_allowed(cmd, value, SCIM_DATABASE_DRIVER) : NULL;
}

static const char *set_prepares(cmd_parms *cmd, void *unused, int value)
{
    scim_config_of_server(cmd->server)->prepares = value;
    return NULL;
}

/* core's own directive, which says where this module's handlers work. */
static const char *see_handler(cmd_parms *cmd, void *config_,
                               const char *handler)
{
    scim_dir_config_t *config = config_;

    return scim_door_make(&config->door, cmd, handler);
}

/* In a <Location>, or in the server's configuration for all of them. */
#define ANYWHERE (RSRC_CONF | ACCESS_CONF)

#define DIRECTIVE(field, directive, least, most, usual, help)               \
    AP_INIT_TAKE1(directive, set_number, (void *) &number_##field, ANYWHERE, \
                  help),

#define DBD(directive, see, setting, help)                                  \
    AP_INIT_TAKE1(directive, see, (void *) SCIM_DBD_##setting, RSRC_CONF,   \
                  "See mod_dbd: " help),

const command_rec scim_directives[] = {
    SCIM_NUMBERS(DIRECTIVE)
    AP_INIT_TAKE1("SCIMBaseURL", set_base_url, NULL, ANYWHERE,
                  "The public URL of the Location, if a proxy in front changes"
                  " it."),
    AP_INIT_TAKE1("SCIMProfile", set_profile, NULL, ANYWHERE,
                  "managed (default): Managed Accounts with the roles ADMIN,"
                  " USER and GUEST; open: any SCIM user."),
    AP_INIT_FLAG("SCIMStrict", ap_set_flag_slot,
                 (void *) offsetof(scim_dir_config_t, strict), ANYWHERE,
                 "On: only what the RFCs allow; Off (default): also the"
                 " deviations of known identity providers."),
    AP_INIT_TAKE1("SCIMAccountKey", set_account_key, NULL, ANYWHERE,
                  "The attribute that identifies the account of a signed-in"
                  " user: userName (default) or externalId."),
    AP_INIT_TAKE1("SCIMAccountValue", set_account_value, NULL, ANYWHERE,
                  "An expression whose value SCIMAccountKey is compared with;"
                  " default: the authenticated user."),
    AP_INIT_TAKE1("SCIMOrganization", set_organization, NULL, ANYWHERE,
                  "The key of the organization whose accounts satisfy Require"
                  " scim-account, scim-role and scim-group."),
    AP_INIT_TAKE12("SCIMHeaders", set_headers, NULL, ANYWHERE,
                   "The prefix of the request headers that pass the account to"
                   " the application, such as X-; followed by encoded: values"
                   " are percent-encoded; Off (default): no headers."),
    AP_INIT_RAW_ARGS("SCIMGateGroups", set_groups, NULL, ANYWHERE,
                     "The groups that the application is told of if the"
                     " account is in them: named as in Require scim-group, or"
                     " all; none (default)."),
    AP_INIT_FLAG("SCIMRequireSSO", ap_set_flag_slot,
                 (void *) offsetof(scim_dir_config_t, require_sso),
                 ANYWHERE,
                 "On: only administrators who signed in by SAML or OpenID"
                 " Connect can switch provisioning on (default Off)."),
    AP_INIT_FLAG("SCIMRequestLog", ap_set_flag_slot,
                 (void *) offsetof(scim_dir_config_t, request_log), ANYWHERE,
                 "Off: the requests of identity providers are not shown to"
                 " administrators (default On)."),
    AP_INIT_FLAG("SCIMRequireTLS", ap_set_flag_slot,
                 (void *) offsetof(scim_dir_config_t, require_tls),
                 ANYWHERE,
                 "On: requests without TLS are refused; Off: a proxy in front"
                 " terminates TLS (default: On, except on loopback"
                 " addresses)."),
    AP_INIT_TAKE1("SCIMSignOutURL", set_sign_out_url, NULL, ANYWHERE,
                  "Where Sign out on the settings page leads: a path or URL"
                  " that ends the sign-in (default: there is no such link)."),
    AP_INIT_TAKE1("SCIMAdminFiles", set_admin_files, NULL, RSRC_CONF,
                  "The folder of the settings page, if not the one it was"
                  " installed to."),
    AP_INIT_FLAG("SCIMPreparedStatements", set_prepares, NULL, RSRC_CONF,
                 "Off: no prepared statements and no session settings, for a"
                 " pooler in transaction mode (default On)."),
    AP_INIT_TAKE1("SetHandler", see_handler, NULL, OR_FILEINFO,
                  "See core; mod_scim has the handlers scim, scim-admin,"
                  " scim-metrics and scim-health."),
    DBD("DBDriver", see_dbd_driver, DRIVER, "it must be pgsql for mod_scim.")
    DBD("DBDParams", see_dbd, PARAMS, "the connection string of libpq.")
    DBD("DBDPersist", see_dbd, PERSIST, "Off: each request connects.")
    DBD("DBDMin", see_dbd, MIN, "the fewest connections.")
    DBD("DBDKeep", see_dbd, KEEP, "the most connections that are kept.")
    DBD("DBDMax", see_dbd, MAX, "the most connections; one organization can"
        " use at most half of them.")
    { .name = NULL }
};

const scim_dir_config_t *scim_config_of(request_rec *r)
{
    return ap_get_module_config(r->per_dir_config, &scim_module);
}

scim_server_config_t *scim_config_of_server(server_rec *s)
{
    return ap_get_module_config(s->module_config, &scim_module);
}

int scim_config_dbd_number(const scim_server_config_t *config,
                           scim_dbd_e setting)
{
    static const int usual[SCIM_DBD_SETTINGS] = {
        [SCIM_DBD_MIN] = 1, [SCIM_DBD_KEEP] = 2, [SCIM_DBD_MAX] = 10
    };
    const char *value = config->dbd[setting].value;

    return value ? atoi(value) : usual[setting];
}

scim_rules_t scim_config_rules(const scim_dir_config_t *config)
{
    scim_rules_t rules = { config->managed != 0, config->strict == 1,
                           NULL };

    return rules;
}

int scim_config_or(int value, int otherwise)
{
    return value == SCIM_UNSET ? otherwise : value;
}

scim_pool_t *scim_config_connections(request_rec *r)
{
    return scim_config_of_server(r->server)->connections;
}
