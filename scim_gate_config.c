#include "scim_gate.h"

#include <string.h>

#include <apr_strings.h>

#include <http_log.h>

#include "scim_log.h"

APLOG_USE_MODULE(scim);

/* Sections that select requests; others, such as <RequireAll>, stand for the
 * one around them. */
static const char *const sections[] = {
    "<VirtualHost", "<Location", "<LocationMatch", "<Directory",
    "<DirectoryMatch", "<Files", "<FilesMatch", "<Proxy", "<ProxyMatch",
    "<If", "<ElseIf", "<Else", NULL
};

static int is_named(const ap_directive_t *node, const char *name)
{
    return strcasecmp(node->directive, name) == 0;
}

static int is_section(const ap_directive_t *node)
{
    int i = 0;

    while (sections[i] && !is_named(node, sections[i])) {
        i++;
    }
    return sections[i] != NULL;
}

/* The section around node; NULL: the server configuration. */
static const ap_directive_t *section_around(const ap_directive_t *node)
{
    do {
        node = node->parent;
    } while (node && !is_section(node));
    return node;
}

static const ap_directive_t *host_around(const ap_directive_t *node)
{
    while (node && !is_named(node, sections[0])) {
        node = node->parent;
    }
    return node;
}

static int is_of_gate(const ap_directive_t *node, apr_pool_t *pool)
{
    const char *args = node->args;
    const char *provider;

    if (!is_named(node, "Require")) {
        return 0;
    }
    provider = ap_getword_conf(pool, &args);
    if (strcasecmp(provider, "not") == 0) {
        provider = ap_getword_conf(pool, &args);
    }
    return strcasecmp(provider, "scim-account") == 0
           || strcasecmp(provider, "scim-role") == 0;
}

/* The path of a <Location>; NULL: another section, or a pattern. */
static const char *path_of(const ap_directive_t *section, apr_pool_t *pool)
{
    const char *args = section->args;
    const char *path;

    if (!is_named(section, "<Location")) {
        return NULL;
    }
    path = ap_getword_conf(pool, &args);
    path = apr_pstrmemdup(pool, path, strcspn(path, ">"));
    return strpbrk(path, "~*?[") ? NULL : path;
}

/* Whether what one section says may hold for a request that the other one
 * is for: only of two Locations is it known that it cannot. */
static int may_reach(const ap_directive_t *from, const ap_directive_t *to,
                     apr_pool_t *pool)
{
    const ap_directive_t *host = host_around(from);
    const char *above = path_of(from, pool);
    const char *below = path_of(to, pool);

    return (!host || host == host_around(to))
           && (!above || !below
               || strncmp(below, above, strlen(above)) == 0);
}

/* Whether a SCIMOrganization among the siblings from node on, or in them,
 * holds for the section. */
static int is_organization_known(const ap_directive_t *node,
                                 const ap_directive_t *section,
                                 apr_pool_t *pool)
{
    for (; node; node = node->next) {
        const ap_directive_t *from = section_around(node);

        if (is_named(node, "SCIMOrganization")
            && (!from || may_reach(from, section, pool))) {
            return 1;
        }
        if (is_organization_known(node->first_child, section, pool)) {
            return 1;
        }
    }
    return 0;
}

/* Counts the Require lines of the gate; *lost is the first one of which
 * nobody knows the organization. */
static int count_requires(const ap_directive_t **lost,
                          const ap_directive_t *node,
                          const ap_directive_t *tree, apr_pool_t *pool)
{
    int count = 0;

    for (; node; node = node->next) {
        count += count_requires(lost, node->first_child, tree, pool);
        if (is_of_gate(node, pool)) {
            const ap_directive_t *section = section_around(node);

            count++;
            if (!*lost && section
                && !is_organization_known(tree, section, pool)) {
                *lost = node;
            }
        }
    }
    return count;
}

int scim_gate_check_config(const ap_directive_t *tree, server_rec *s,
                           apr_pool_t *pool)
{
    const ap_directive_t *lost = NULL;
    const ap_directive_t *section;

    if (count_requires(&lost, tree, tree, pool) == 0) {
        return DECLINED;
    }
    if (!lost) {
        return OK;
    }
    section = section_around(lost);
    ap_log_error(APLOG_MARK, APLOG_CRIT, 0, s, SCIM_LOGNO(0010)
                 "Require %s in %s %s (line %d of %s) does not know of which"
                 " organization: add SCIMOrganization and its key there",
                 lost->args, section->directive, section->args,
                 lost->line_num, lost->filename);
    return HTTP_INTERNAL_SERVER_ERROR;
}
