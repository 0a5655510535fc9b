/* SPDX-License-Identifier: Apache-2.0 */
/* Secrets travel by TLS, see scim_tls.h.
 *
 * scim_tls_check looks at the connection of a request.  All else is for
 * configtest: for each of our Locations and each server, whether it can be
 * reached without TLS, and whether that needs a warning.
 */
#include "httpd/scim_tls.h"

#include <string.h>

#include <apr_strings.h>

#include <ap_listen.h>
#include <http_core.h>
#include <http_log.h>
#include <http_ssl.h>

#include "httpd/scim_config.h"
#include "httpd/scim_door.h"
#include "httpd/scim_http.h"
#include "httpd/scim_log.h"
#include "httpd/scim_tree.h"

APLOG_USE_MODULE(scim);

/* 127.0.0.0/8, ::1 and ::ffff:127.0.0.0/104 */
static int is_loopback_ip(const apr_sockaddr_t *address)
{
    static const unsigned char zeros[15];
    const unsigned char *bytes = address->ipaddr_ptr;

    if (address->family == APR_INET) {
        return bytes[0] == 127;
    }
    return (memcmp(bytes, zeros, 15) == 0 && bytes[15] == 1)
           || (memcmp(bytes, zeros, 10) == 0 && bytes[10] == 0xff
               && bytes[11] == 0xff && bytes[12] == 127);
}

scim_error_t *scim_tls_check(request_rec *r)
{
    /* A stream of HTTP/2 is as secure as its connection. */
    conn_rec *connection = r->connection->master ? r->connection->master
                                                 : r->connection;
    int required = scim_config_of(r)->require_tls;

    if (required == 0 || ap_ssl_conn_is_ssl(connection)
        || (required == SCIM_UNSET
            && is_loopback_ip(connection->local_addr))) {
        return NULL;
    }
    return scim_error_caused(r->pool, SCIM_E_NOT_SECURE,
                             "This URL is only served over TLS: use https://."
                             " A token that was sent without TLS may be"
                             " known to others; delete it.",
                             "SCIMRequireTLS: the connection does not use"
                             " TLS");
}

/* configtest */

/* The SSLEngine of s: in its own section, or in the main server's
 * configuration.  *on is not changed if there is none. */
static void find_engine(int *on, const ap_directive_t *node,
                        const server_rec *s, int own)
{
    for (; node; node = node->next) {
        int is_own = node->parent != NULL
                     && scim_door_is(node->parent, "<VirtualHost");

        if (scim_door_is(node, "SSLEngine") && is_own == own
            && scim_tree_is_for_server(node, s)) {
            *on = strncasecmp(node->args, "off", 3) != 0;
        }
        find_engine(on, node->first_child, s, own);
    }
}

static int has_tls(const ap_directive_t *tree, const server_rec *s)
{
    int on = 0;

    find_engine(&on, tree, s, 0);
    find_engine(&on, tree, s, 1);
    return on;
}

static int takes_port(const server_addr_rec *address,
                      const ap_listen_rec *listener)
{
    return address->host_port == 0
           || address->host_port == listener->bind_addr->port;
}

/* Whether a connection to the address can be for the virtual host.  *at is the
 * host's own address, if it has one, or the listener's. */
static int is_served_by(const apr_sockaddr_t **at, const server_rec *s,
                        const ap_listen_rec *listener)
{
    const server_addr_rec *own;

    for (own = s->addrs; own; own = own->next) {
        if (!takes_port(own, listener)) {
            continue;
        }
        *at = apr_sockaddr_is_wildcard(own->host_addr) ? listener->bind_addr
                                                       : own->host_addr;
        if (*at == listener->bind_addr
            || apr_sockaddr_is_wildcard(listener->bind_addr)
            || apr_sockaddr_equal(own->host_addr, listener->bind_addr)) {
            return 1;
        }
    }
    return 0;
}

/* The main server has all addresses that no virtual host takes. */
static int is_left_to_main(const apr_sockaddr_t **at, const server_rec *s,
                           const ap_listen_rec *listener)
{
    const apr_sockaddr_t *taken;

    *at = listener->bind_addr;
    for (s = s->next; s; s = s->next) {
        if (is_served_by(&taken, s, listener)
            && (taken == listener->bind_addr
                || !apr_sockaddr_is_wildcard(listener->bind_addr))) {
            return 0;
        }
    }
    return 1;
}

/* An address at which the server is reached without TLS, or NULL. */
static const char *plain_address(const server_rec *s, int with_loopback,
                                 apr_pool_t *pool)
{
    const ap_listen_rec *listener;
    const apr_sockaddr_t *at;

    for (listener = ap_listeners; listener; listener = listener->next) {
        const char *protocol = listener->protocol;
        char *ip;

        if ((protocol && strcasecmp(protocol, "https") == 0)
            || !(s->is_virtual ? is_served_by(&at, s, listener)
                               : is_left_to_main(&at, s, listener))
            || (!with_loopback && is_loopback_ip(at))) {
            continue;
        }
        if (apr_sockaddr_ip_get(&ip, (apr_sockaddr_t *) at) == APR_SUCCESS) {
            return apr_psprintf(pool, "%s:%u", ip, listener->bind_addr->port);
        }
    }
    return NULL;
}

static const core_dir_config *core_of(const apr_array_header_t *sections,
                                      int i)
{
    return ap_get_core_module_config(APR_ARRAY_IDX(sections, i,
                                                   ap_conf_vector_t *));
}

static int required_in(const apr_array_header_t *sections, int i)
{
    const scim_dir_config_t *config
        = ap_get_module_config(APR_ARRAY_IDX(sections, i, ap_conf_vector_t *),
                               &scim_module);

    return config ? config->require_tls : SCIM_UNSET;
}

/* SCIMRequireTLS for the i-th Location, without sections that have a
 * pattern. */
static int required_for(const apr_array_header_t *sections, int i,
                        const server_rec *s)
{
    const scim_dir_config_t *config
        = ap_get_module_config(s->lookup_defaults, &scim_module);
    const char *path = core_of(sections, i)->d;
    int required = config->require_tls;
    int k;

    for (k = 0; k < sections->nelts; k++) {
        const core_dir_config *core = core_of(sections, k);

        if (k == i || (core->d && !core->d_is_fnmatch && !core->r
                       && strncmp(path, core->d, strlen(core->d)) == 0)) {
            required = scim_config_or(required_in(sections, k), required);
        }
    }
    return required;
}

/* Whether SCIMRequireTLS is in an <If> in the Location. */
static int is_conditional(const core_dir_config *core)
{
    int i;

    for (i = 0; core->sec_if && i < core->sec_if->nelts; i++) {
        if (required_in(core->sec_if, i) != SCIM_UNSET) {
            return 1;
        }
    }
    return 0;
}

/* The argument of the <Location> around node, or NULL. */
static const char *location_of(const ap_directive_t *node, apr_pool_t *pool)
{
    const char *args;
    const char *path;

    while (node && strncasecmp(node->directive, "<Location", 9) != 0) {
        node = node->parent;
    }
    if (!node) {
        return NULL;
    }
    args = node->args;
    path = ap_getword_conf(pool, &args);
    return apr_pstrmemdup(pool, path, strcspn(path, ">"));
}

static void warn(server_rec *s, const ap_directive_t *node, int required,
                 const char *address)
{
    if (required == 0) {
        ap_log_error(APLOG_MARK, APLOG_WARNING, 0, s, SCIM_LOGNO(0031)
                     "SetHandler %s (line %d of %s): SCIMRequireTLS Off"
                     " accepts tokens and sessions without TLS on %s: only a"
                     " proxy that terminates TLS must be able to reach this"
                     " address",
                     node->args, node->line_num, node->filename, address);
        return;
    }
    ap_log_error(APLOG_MARK, APLOG_WARNING, 0, s, SCIM_LOGNO(0032)
                 "SetHandler %s (line %d of %s): all requests to %s are"
                 " refused, because TLS is not enabled there: add SSLEngine"
                 " on, or see SCIMRequireTLS",
                 node->args, node->line_num, node->filename, address);
}

/* Warn if s serves the Location of node, a SetHandler, without TLS. */
static void check_server(const ap_directive_t *node, const char *location,
                         server_rec *s, apr_pool_t *pool)
{
    const core_server_config *core
        = ap_get_core_module_config(s->module_config);
    const apr_array_header_t *sections = core->sec_url;
    int i;

    for (i = 0; i < sections->nelts; i++) {
        const core_dir_config *section = core_of(sections, i);

        if (strcmp(section->d, location) == 0 && !is_conditional(section)) {
            int required = required_for(sections, i, s);
            const char *address = plain_address(s, required == 1, pool);

            if (address) {
                warn(s, node, required, address);
            }
            return;
        }
    }
}

static void check_nodes(const ap_directive_t *tree,
                        const ap_directive_t *node, server_rec *main_server,
                        apr_pool_t *pool)
{
    for (; node; node = node->next) {
        const char *location = location_of(node, pool);
        const char *handler = scim_door_set_by(node, pool);
        server_rec *s;

        check_nodes(tree, node->first_child, main_server, pool);
        for (s = main_server; s && location && scim_door_has_secrets(handler);
             s = s->next) {
            if (scim_tree_is_for_server(node, s) && !has_tls(tree, s)) {
                check_server(node, location, s, pool);
            }
        }
    }
}

void scim_tls_check_config(const ap_directive_t *tree,
                           server_rec *main_server, apr_pool_t *pool)
{
    check_nodes(tree, tree, main_server, pool);
}
