/* SPDX-License-Identifier: Apache-2.0 */
/* The settings of mod_dbd, see scim_database.h. */
#include "httpd/scim_database.h"

#include <string.h>

#include <apr_strings.h>

#include <http_core.h>
#include <http_log.h>

#include "httpd/scim_config.h"
#include "httpd/scim_door.h"
#include "httpd/scim_gate.h"
#include "httpd/scim_log.h"
#include "httpd/scim_tree.h"
#include "storage/scim_conninfo.h"

#define LEAST_CONNECT_SECONDS 2  /* libpq takes none for less */

APLOG_USE_MODULE(scim);

/* Where the module is used */

/* The metrics have counters without a database, too. */
static int needs_database(const ap_directive_t *node, apr_pool_t *pool)
{
    const char *handler = scim_door_set_by(node, pool);

    return handler ? strcmp(handler, SCIM_METRICS_HANDLER) != 0
                   : scim_door_may_set(node, pool);
}

static void collect_uses(apr_array_header_t *uses, const ap_directive_t *node,
                         const ap_directive_t *tree)
{
    for (; node; node = node->next) {
        if (needs_database(node, uses->pool)
            || scim_gate_is_asked(node, tree, uses->pool)) {
            APR_ARRAY_PUSH(uses, const ap_directive_t *) = node;
        }
        collect_uses(uses, node->first_child, tree);
    }
}

/* The directives that use the module. */
static const apr_array_header_t *find_uses(const ap_directive_t *tree,
                                           apr_pool_t *pool)
{
    apr_array_header_t *uses = apr_array_make(pool, 8,
                                              sizeof(const ap_directive_t *));

    collect_uses(uses, tree, tree);
    return uses;
}

static int is_used_by(const server_rec *s, const apr_array_header_t *uses)
{
    int i;

    for (i = 0; i < uses->nelts; i++) {
        if (scim_tree_is_for_server(APR_ARRAY_IDX(uses, i,
                                                  const ap_directive_t *),
                                    s)) {
            return 1;
        }
    }
    return 0;
}

static int has_pgsql(const ap_directive_t *node, apr_pool_t *pool)
{
    for (; node; node = node->next) {
        const char *args = node->args;

        if ((scim_door_is(node, "DBDriver")
             && strcasecmp(ap_getword_conf(pool, &args), "pgsql") == 0)
            || has_pgsql(node->first_child, pool)) {
            return 1;
        }
    }
    return 0;
}

int scim_database_is_used(const ap_directive_t *tree, apr_pool_t *pool)
{
    return find_uses(tree, pool)->nelts > 0;
}

/* A virtual host may have another driver than the main server. */
int scim_database_needs_driver(const ap_directive_t *tree,
                               const server_rec *s, apr_pool_t *pool)
{
    const apr_array_header_t *uses = find_uses(tree, pool);

    return is_used_by(s, uses)
           || (!s->is_virtual && uses->nelts > 0 && !has_pgsql(tree, pool));
}

/* Is there a database? */

static const char *missing_settings(const server_rec *s)
{
    const scim_server_config_t *config
        = ap_get_module_config(s->module_config, &scim_module);
    int has_params = config->dbd[SCIM_DBD_PARAMS].value
                     || scim_conninfo_is_in_environment();

    if (config->dbd[SCIM_DBD_DRIVER].value) {
        return has_params ? NULL
               : "DBDParams \"host=... dbname=... user=...\"";
    }
    return has_params ? "DBDriver pgsql"
           : "DBDriver pgsql and DBDParams \"host=... dbname=... user=...\"";
}

/* What is missing in each server that the node is for, or NULL.  One of them
 * may have a database for a Location of all. */
static const char *missing_for(const ap_directive_t *node,
                               const server_rec *s)
{
    const char *missing = NULL;

    for (; s; s = s->next) {
        if (scim_tree_is_for_server(node, s)) {
            missing = missing_settings(s);
            if (!missing) {
                return NULL;
            }
        }
    }
    return missing;
}

static int check_missing(const apr_array_header_t *uses,
                         server_rec *main_server)
{
    int i;

    for (i = 0; i < uses->nelts; i++) {
        const ap_directive_t *use = APR_ARRAY_IDX(uses, i,
                                                  const ap_directive_t *);
        const char *missing = missing_for(use, main_server);

        if (missing) {
            ap_log_error(APLOG_MARK, APLOG_CRIT, 0, main_server,
                         SCIM_LOGNO(0004) "mod_scim needs a database: add %s,"
                         " for %s %s (line %d of %s)", missing,
                         use->directive, use->args, use->line_num,
                         use->filename);
            return HTTP_INTERNAL_SERVER_ERROR;
        }
    }
    return OK;
}

/* Could it work? */

/* One that is inherited: others are refused when they are read. */
static int check_driver(const scim_server_config_t *config, server_rec *s)
{
    const scim_dbd_setting_t *driver = &config->dbd[SCIM_DBD_DRIVER];

    if (!driver->value || strcasecmp(driver->value, "pgsql") == 0) {
        return OK;
    }
    ap_log_error(APLOG_MARK, APLOG_CRIT, 0, s, SCIM_LOGNO(0140)
                 "DBDriver: '%s' is not allowed; " SCIM_DATABASE_DRIVER
                 " (line %d of %s)",
                 driver->value, driver->at->line_num, driver->at->filename);
    return HTTP_INTERNAL_SERVER_ERROR;
}

static int check_params(scim_conninfo_t *info,
                        const scim_server_config_t *config, server_rec *s,
                        apr_pool_t *pool)
{
    const scim_dbd_setting_t *params = &config->dbd[SCIM_DBD_PARAMS];
    const char *wrong = scim_conninfo_read(info, params->value
                                                 ? params->value : "", pool);

    if (!wrong) {
        return OK;
    }
    ap_log_error(APLOG_MARK, APLOG_CRIT, 0, s, SCIM_LOGNO(0141)
                 "DBDParams: %s (line %d of %s)", wrong, params->at->line_num,
                 params->at->filename);
    return HTTP_INTERNAL_SERVER_ERROR;
}

/* The line to correct: that of the last of the numbers that is set. */
static const ap_directive_t *line_of_numbers(const scim_server_config_t *c)
{
    int i = SCIM_DBD_MAX;

    while (!c->dbd[i].at) {
        i--;
    }
    return c->dbd[i].at;
}

/* mod_dbd has no connection at all when its numbers contradict each other,
 * its defaults included. */
static int check_numbers(const scim_server_config_t *config, server_rec *s)
{
    const char *persist = config->dbd[SCIM_DBD_PERSIST].value;
    int min = scim_config_dbd_number(config, SCIM_DBD_MIN);
    int keep = scim_config_dbd_number(config, SCIM_DBD_KEEP);
    int max = scim_config_dbd_number(config, SCIM_DBD_MAX);
    const ap_directive_t *line;

    if (max >= 1 && ((persist && strcasecmp(persist, "Off") == 0)
                     || (min <= keep && keep <= max))) {
        return OK;
    }
    line = line_of_numbers(config);
    ap_log_error(APLOG_MARK, APLOG_CRIT, 0, s, SCIM_LOGNO(0142)
                 "DBDMin %d, DBDKeep %d, DBDMax %d: there would be no"
                 " connections; DBDMax must be 1 or more, DBDKeep at most"
                 " DBDMax, and DBDMin at most DBDKeep (line %d of %s)",
                 min, keep, max, line->line_num, line->filename);
    return HTTP_INTERNAL_SERVER_ERROR;
}

/* Does it answer in time? */

/* The lesser of two values, of which each may be unset. */
static int lesser(int one, int other)
{
    if (one == SCIM_UNSET || other == SCIM_UNSET) {
        return one == SCIM_UNSET ? other : one;
    }
    return one < other ? one : other;
}

/* The shortest SCIMDatabaseTimeout that is set in s, or its default. */
static int shortest_timeout(const server_rec *s)
{
    const core_server_config *core
        = ap_get_core_module_config(s->module_config);
    const scim_dir_config_t *config
        = ap_get_module_config(s->lookup_defaults, &scim_module);
    int least = config->database_timeout;
    int i;

    for (i = 0; i < core->sec_url->nelts; i++) {
        config = ap_get_module_config(APR_ARRAY_IDX(core->sec_url, i,
                                                    ap_conf_vector_t *),
                                      &scim_module);
        least = lesser(config ? config->database_timeout : SCIM_UNSET, least);
    }
    return scim_config_or(least, SCIM_USUAL_database_timeout);
}

static void check_timeout(const scim_conninfo_t *info,
                          const scim_server_config_t *config, server_rec *s)
{
    const scim_dbd_setting_t *params = &config->dbd[SCIM_DBD_PARAMS];
    int timeout = shortest_timeout(s);
    int most = timeout / 3 / info->hosts;
    int seconds = info->seconds < 0 ? SCIM_POOL_CONNECT_SECONDS
                                    : info->seconds;

    if (most < LEAST_CONNECT_SECONDS) {
        most = LEAST_CONNECT_SECONDS;
    }
    if (!params->value || (seconds > 0 && seconds <= most)) {
        return;
    }
    ap_log_error(APLOG_MARK, APLOG_WARNING, 0, s, SCIM_LOGNO(0143)
                 "DBDParams: connect_timeout=%d for %d host(s) is too long"
                 " for SCIMDatabaseTimeout %d: set connect_timeout=%d or less,"
                 " so that a request can connect again (line %d of %s)",
                 seconds, info->hosts, timeout, most, params->at->line_num,
                 params->at->filename);
}

static int check_settings(server_rec *s, apr_pool_t *pool)
{
    const scim_server_config_t *config = scim_config_of_server(s);
    scim_conninfo_t info;
    int status = check_driver(config, s);

    if (status == OK) {
        status = check_params(&info, config, s, pool);
    }
    if (status == OK) {
        status = check_numbers(config, s);
    }
    if (status == OK) {
        check_timeout(&info, config, s);
    }
    return status;
}

int scim_database_check_config(const ap_directive_t *tree,
                               server_rec *main_server, apr_pool_t *pool)
{
    const apr_array_header_t *uses = find_uses(tree, pool);
    server_rec *s;
    int status;

    if (uses->nelts == 0) {
        return OK;
    }
    if (!scim_pool_is_available()) {
        ap_log_error(APLOG_MARK, APLOG_CRIT, 0, main_server, SCIM_LOGNO(0003)
                     "mod_scim needs mod_dbd: add LoadModule dbd_module");
        return HTTP_INTERNAL_SERVER_ERROR;
    }
    status = check_missing(uses, main_server);
    for (s = main_server; s && status == OK; s = s->next) {
        if (is_used_by(s, uses)) {
            status = check_settings(s, pool);
        }
    }
    return status;
}
