/* SPDX-License-Identifier: Apache-2.0 */
/* Warnings of configtest, see scim_advice.h.
 *
 * They are no errors: a proxy, another module or an expression that is not
 * known here may make good what seems to be missing.  For the same reason a
 * directive counts wherever it may hold for a request to the section.
 */
#include "httpd/scim_advice.h"

#include <string.h>

#include <apr_strings.h>
#include <apr_uri.h>

#include <http_log.h>

#include "httpd/scim_door.h"
#include "httpd/scim_gate.h"
#include "httpd/scim_http.h"
#include "httpd/scim_log.h"
#include "httpd/scim_tree.h"

APLOG_USE_MODULE(scim);

/* SCIMBaseURL */

static int is_local(const char *host)
{
    return strcasecmp(host, "localhost") == 0
           || strncmp(host, "127.", 4) == 0 || strcmp(host, "::1") == 0;
}

static int ends_in_version(const char *path)
{
    apr_size_t length = path ? strlen(path) : 0;
    apr_size_t last = strlen("/" SCIM_PROTOCOL_VERSION);

    while (length > 0 && path[length - 1] == '/') {
        length--;
    }
    return length >= last
           && strncasecmp(path + length - last, "/" SCIM_PROTOCOL_VERSION,
                          last) == 0;
}

static void check_base_url(const ap_directive_t *node, server_rec *s,
                           apr_pool_t *pool)
{
    const char *args = node->args;
    const char *url = ap_getword_conf(pool, &args);
    apr_uri_t uri;

    if (apr_uri_parse(pool, url, &uri) != APR_SUCCESS || !uri.hostname) {
        return;
    }
    if (ends_in_version(uri.path)) {
        ap_log_error(APLOG_MARK, APLOG_WARNING, 0, s, SCIM_LOGNO(0144)
                     "SCIMBaseURL %s (line %d of %s): the organization and /"
                     SCIM_PROTOCOL_VERSION " are added to it: it must end"
                     " before them, as in https://host/scim", url,
                     node->line_num, node->filename);
    }
    if (strcasecmp(uri.scheme, "http") == 0 && !is_local(uri.hostname)) {
        ap_log_error(APLOG_MARK, APLOG_WARNING, 0, s, SCIM_LOGNO(0145)
                     "SCIMBaseURL %s (line %d of %s): tokens would travel"
                     " without TLS: it must begin with https://", url,
                     node->line_num, node->filename);
    }
}

/* Signing in */

/* Whether a directive says something. */
typedef int says_fn(const ap_directive_t *node, apr_pool_t *pool);

/* Whether one of the siblings from node on, or something in them, says it and
 * may hold for a request to the section. */
static int is_said(says_fn *says, const ap_directive_t *node,
                   const ap_directive_t *section, apr_pool_t *pool)
{
    for (; node; node = node->next) {
        if ((says(node, pool)
             && scim_tree_may_meet(scim_tree_section(node), section, pool))
            || is_said(says, node->first_child, section, pool)) {
            return 1;
        }
    }
    return 0;
}

static int asks_who(const ap_directive_t *node, apr_pool_t *pool)
{
    const char *args = node->args;

    return scim_door_is(node, "SSLUserName")
           || (scim_door_is(node, "AuthType")
               && strcasecmp(ap_getword_conf(pool, &args), "None") != 0);
}

/* The settings page has no <Directory>: httpd looks for no file there. */
static int asks_who_of_url(const ap_directive_t *node, apr_pool_t *pool)
{
    const ap_directive_t *section = scim_tree_section(node);

    return asks_who(node, pool)
           && !(section
                && (strncasecmp(section->directive, "<Directory", 10) == 0
                    || strncasecmp(section->directive, "<Files", 6) == 0));
}

static int asks_who_or_takes_value(const ap_directive_t *node,
                                   apr_pool_t *pool)
{
    return asks_who(node, pool) || scim_door_is(node, "SCIMAccountValue");
}

/* A Require line that is true without a person. */
static int needs_nobody(const char *provider)
{
    static const char *const names[] = {
        "all", "ip", "host", "local", "forward-dns", "env", "method", "ssl",
        "ssl-verify-client", NULL
    };

    return scim_door_is_one_of(provider, names);
}

/* SSLUserName makes a person of every certificate. */
static int demands_person(const ap_directive_t *node, apr_pool_t *pool)
{
    const char *args = node->args;

    return scim_door_is(node, "SSLUserName")
           || (scim_door_is(node, "Require")
               && !needs_nobody(ap_getword_conf(pool, &args)));
}

static const char *what_page_lacks(const ap_directive_t *tree,
                                   const ap_directive_t *section,
                                   apr_pool_t *pool)
{
    if (!is_said(asks_who_of_url, tree, section, pool)) {
        return "AuthType with its provider, and Require valid-user";
    }
    return is_said(demands_person, tree, section, pool)
           ? NULL : "Require valid-user";
}

static const char *what_gate_lacks(const ap_directive_t *tree,
                                   const ap_directive_t *section,
                                   apr_pool_t *pool)
{
    return is_said(asks_who_or_takes_value, tree, section, pool)
           ? NULL : "AuthType with its provider, or SCIMAccountValue";
}

static void check_sign_in(const ap_directive_t *node,
                          const ap_directive_t *tree, server_rec *s,
                          apr_pool_t *pool)
{
    const ap_directive_t *section = scim_tree_section(node);
    const char *handler = scim_door_set_by(node, pool);
    const char *missing = NULL;

    if (handler && strcmp(handler, SCIM_ADMIN_HANDLER) == 0) {
        missing = what_page_lacks(tree, section, pool);
    }
    else if (scim_gate_is_asked(node, tree, pool)) {
        missing = what_gate_lacks(tree, section, pool);
    }
    if (missing) {
        ap_log_error(APLOG_MARK, APLOG_WARNING, 0, s, SCIM_LOGNO(0146)
                     "%s %s (line %d of %s): nobody is asked to sign in here:"
                     " add %s", node->directive, node->args, node->line_num,
                     node->filename, missing);
    }
}

static void look_over(const ap_directive_t *node, const ap_directive_t *tree,
                      server_rec *s, apr_pool_t *pool)
{
    for (; node; node = node->next) {
        if (scim_door_is(node, "SCIMBaseURL")) {
            check_base_url(node, s, pool);
        }
        check_sign_in(node, tree, s, pool);
        look_over(node->first_child, tree, s, pool);
    }
}

void scim_advice_check_config(const ap_directive_t *tree, server_rec *s,
                              apr_pool_t *pool)
{
    look_over(tree, tree, s, pool);
}
