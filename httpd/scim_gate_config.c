/* SPDX-License-Identifier: Apache-2.0 */
/* The check of the gate's Require lines by configtest (scim_gate.h): for those
 * that let in people without an account, those for which no organization is
 * known, and Satisfy Any, which leaves all of them out.  It walks the tree of
 * directives, in which sections are nodes with children, before httpd makes
 * anything of it. */
#include "httpd/scim_gate.h"

#include <string.h>

#include <apr_strings.h>

#include <http_log.h>

#include "httpd/scim_door.h"
#include "httpd/scim_log.h"
#include "httpd/scim_tree.h"

APLOG_USE_MODULE(scim);

/* What an <AuthzProviderAlias> of the name stands for, else the name. */
static const char *provider_called(const char *name,
                                   const ap_directive_t *node,
                                   apr_pool_t *pool)
{
    const char *base = name;

    for (; node && base == name; node = node->next) {
        const char *args = node->args;

        if (scim_door_is(node, "<AuthzProviderAlias")) {
            const char *provider = ap_getword_conf(pool, &args);

            if (strcasecmp(ap_getword_conf(pool, &args), name) == 0) {
                base = provider;
            }
        }
        else {
            base = provider_called(name, node->first_child, pool);
        }
    }
    return base;
}

static int is_of_gate_called(const char *provider)
{
    return strcasecmp(provider, "scim-account") == 0
           || strcasecmp(provider, "scim-role") == 0
           || strcasecmp(provider, "scim-group") == 0;
}

/* Whether the node asks the gate; *negated when it lets in who is none. */
static int asks_gate(int *negated, const ap_directive_t *node,
                     const ap_directive_t *tree, apr_pool_t *pool)
{
    const char *args = node->args;
    const char *provider;

    *negated = 0;
    if (!scim_door_is(node, "Require")) {
        return 0;
    }
    provider = ap_getword_conf(pool, &args);
    if (strcasecmp(provider, "not") == 0) {
        *negated = 1;
        provider = ap_getword_conf(pool, &args);
    }
    return is_of_gate_called(provider_called(provider, tree, pool));
}

int scim_gate_is_asked(const ap_directive_t *node, const ap_directive_t *tree,
                       apr_pool_t *pool)
{
    int negated;

    return asks_gate(&negated, node, tree, pool);
}

/* Whether the container itself demands an active account. */
static int demands_account(const ap_directive_t *container,
                           const ap_directive_t *tree, apr_pool_t *pool)
{
    const ap_directive_t *node;

    if (!scim_door_is(container, "<RequireAll")) {
        return 0;
    }
    for (node = container->first_child; node; node = node->next) {
        int negated;

        if (asks_gate(&negated, node, tree, pool) && !negated) {
            return 1;
        }
    }
    return 0;
}

/* The outermost of what turns the answer of the node around: itself, or a
 * <RequireNone>; NULL when nothing does. */
static const ap_directive_t *negation_of(const ap_directive_t *node,
                                         int negated)
{
    const ap_directive_t *outermost = negated ? node : NULL;

    for (node = node->parent; node && !scim_tree_is_section(node);
         node = node->parent) {
        if (scim_door_is(node, "<RequireNone")) {
            outermost = node;
        }
    }
    return outermost;
}

int scim_gate_lets_in_strangers(const ap_directive_t *require,
                                const ap_directive_t *tree, apr_pool_t *pool)
{
    const ap_directive_t *node;
    int negated;

    if (!asks_gate(&negated, require, tree, pool)) {
        return 0;
    }
    node = negation_of(require, negated);
    if (!node) {
        return 0;
    }
    for (node = node->parent; node && !scim_tree_is_section(node);
         node = node->parent) {
        if (demands_account(node, tree, pool)) {
            return 0;
        }
    }
    return 1;
}

/* Whether a SCIMOrganization among the siblings from node on, or in them,
 * holds for the section. */
static int is_organization_known(const ap_directive_t *node,
                                 const ap_directive_t *section,
                                 apr_pool_t *pool)
{
    for (; node; node = node->next) {
        const ap_directive_t *from = scim_tree_section(node);

        if (scim_door_is(node, "SCIMOrganization")
            && (!from || scim_tree_may_reach(from, section, pool))) {
            return 1;
        }
        if (is_organization_known(node->first_child, section, pool)) {
            return 1;
        }
    }
    return 0;
}

static int says_all(const ap_directive_t *section)
{
    const ap_directive_t *node = section ? section->first_child : NULL;

    while (node && !(scim_door_is(node, "Satisfy")
                     && strcasecmp(node->args, "All") == 0)) {
        node = node->next;
    }
    return node != NULL;
}

/* Whether what the Satisfy Any says holds in the section: not where that says
 * otherwise itself, and its own is not the one below. */
static int holds_in(const ap_directive_t *satisfy,
                    const ap_directive_t *section, apr_pool_t *pool)
{
    const ap_directive_t *from = scim_tree_section(satisfy);

    if (from == section) {
        return 1;
    }
    return scim_tree_may_meet(from, section, pool)
           && !(says_all(section)
                && (!from || scim_tree_may_reach(from, section, pool)));
}

/* What the section of node loses by a Satisfy Any among the siblings from at
 * on, or in them. */
static void warn_of_any(const ap_directive_t *node, const ap_directive_t *at,
                        server_rec *s, apr_pool_t *pool)
{
    for (; at; at = at->next) {
        if (scim_door_is(at, "Satisfy") && strcasecmp(at->args, "Any") == 0
            && holds_in(at, scim_tree_section(node), pool)) {
            ap_log_error(APLOG_MARK, APLOG_WARNING, 0, s, SCIM_LOGNO(0054)
                         "Satisfy Any (line %d of %s): Allow and Deny alone"
                         " grant access, to everybody where they are not set;"
                         " the Require lines beside %s %s (line %d of %s) are"
                         " not enforced", at->line_num, at->filename,
                         node->directive, node->args, node->line_num,
                         node->filename);
        }
        warn_of_any(node, at->first_child, s, pool);
    }
}

/* What is wrong with the Require lines of the gate. */
typedef struct {
    const ap_directive_t *tree;
    apr_pool_t *pool;
    server_rec *s;
    const ap_directive_t *lost;  /* the first of which nobody knows the
                                  * organization */
    const ap_directive_t *open;  /* the first that lets in strangers */
} findings_t;

static void look_at(findings_t *f, const ap_directive_t *node)
{
    const ap_directive_t *section = scim_tree_section(node);
    int is_gate = scim_gate_is_asked(node, f->tree, f->pool);

    if (is_gate || scim_door_set_by(node, f->pool)) {
        warn_of_any(node, f->tree, f->s, f->pool);
    }
    if (!is_gate) {
        return;
    }
    if (!f->lost && section
        && !is_organization_known(f->tree, section, f->pool)) {
        f->lost = node;
    }
    if (!f->open && scim_gate_lets_in_strangers(node, f->tree, f->pool)) {
        f->open = node;
    }
}

static void look_through(findings_t *f, const ap_directive_t *node)
{
    for (; node; node = node->next) {
        look_through(f, node->first_child);
        look_at(f, node);
    }
}

static int report_lost(server_rec *s, const ap_directive_t *lost)
{
    const ap_directive_t *section = scim_tree_section(lost);

    ap_log_error(APLOG_MARK, APLOG_CRIT, 0, s, SCIM_LOGNO(0010)
                 "Require %s in %s %s (line %d of %s) needs an organization:"
                 " add SCIMOrganization with its key there",
                 lost->args, section->directive, section->args,
                 lost->line_num, lost->filename);
    return HTTP_INTERNAL_SERVER_ERROR;
}

static int report_open(server_rec *s, const ap_directive_t *open)
{
    ap_log_error(APLOG_MARK, APLOG_CRIT, 0, s, SCIM_LOGNO(0053)
                 "Require %s (line %d of %s): " SCIM_GATE_STRANGERS,
                 open->args, open->line_num, open->filename);
    return HTTP_INTERNAL_SERVER_ERROR;
}

int scim_gate_check_config(const ap_directive_t *tree, server_rec *s,
                           apr_pool_t *pool)
{
    findings_t f = { tree, pool, s, NULL, NULL };

    look_through(&f, tree);
    if (f.lost) {
        return report_lost(s, f.lost);
    }
    if (f.open) {
        return report_open(s, f.open);
    }
    return OK;
}
