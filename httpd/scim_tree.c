/* SPDX-License-Identifier: Apache-2.0 */
/* The tree of directives, see scim_tree.h. */
#include "httpd/scim_tree.h"

#include <string.h>

#include <apr_strings.h>

#include "httpd/scim_door.h"

/* Sections that select requests; others, such as <RequireAll>, stand for the
 * one around them. */
static const char *const sections[] = {
    "<VirtualHost", "<Location", "<LocationMatch", "<Directory",
    "<DirectoryMatch", "<Files", "<FilesMatch", "<Proxy", "<ProxyMatch",
    "<If", "<ElseIf", "<Else", NULL
};

int scim_tree_is_section(const ap_directive_t *node)
{
    return scim_door_is_one_of(node->directive, sections);
}

const ap_directive_t *scim_tree_section(const ap_directive_t *node)
{
    do {
        node = node->parent;
    } while (node && !scim_tree_is_section(node));
    return node;
}

static const ap_directive_t *host_around(const ap_directive_t *node)
{
    while (node && !scim_door_is(node, sections[0])) {
        node = node->parent;
    }
    return node;
}

/* The path of a <Location>; NULL: another section, or a pattern. */
static const char *location_path(const ap_directive_t *section,
                                 apr_pool_t *pool)
{
    const char *args = section->args;
    const char *path;

    if (!scim_door_is(section, "<Location")) {
        return NULL;
    }
    path = ap_getword_conf(pool, &args);
    path = apr_pstrmemdup(pool, path, strcspn(path, ">"));
    return strpbrk(path, "~*?[") ? NULL : path;
}

int scim_tree_may_reach(const ap_directive_t *from, const ap_directive_t *to,
                        apr_pool_t *pool)
{
    const ap_directive_t *host = host_around(from);
    const char *above = location_path(from, pool);
    const char *below = location_path(to, pool);

    return (!host || host == host_around(to))
           && (!above || !below
               || strncmp(below, above, strlen(above)) == 0);
}

int scim_tree_may_meet(const ap_directive_t *one, const ap_directive_t *other,
                       apr_pool_t *pool)
{
    return !one || !other || scim_tree_may_reach(one, other, pool)
           || scim_tree_may_reach(other, one, pool);
}

int scim_tree_is_for_server(const ap_directive_t *node, const server_rec *s)
{
    node = host_around(node);
    return !node || (s->is_virtual && s->defn_name
                     && (unsigned) node->line_num == s->defn_line_number
                     && strcmp(node->filename, s->defn_name) == 0);
}
