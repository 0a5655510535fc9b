/* SPDX-License-Identifier: Apache-2.0 */
/* scim_tree: the tree of directives, in which sections are nodes with
 * children, as configtest walks it before httpd makes anything of it. */
#ifndef SCIM_TREE_H
#define SCIM_TREE_H

#include <httpd.h>
#include <http_config.h>

/* Whether node is a section that selects requests. */
int scim_tree_is_section(const ap_directive_t *node);

/* The section around node; NULL: the server configuration. */
const ap_directive_t *scim_tree_section(const ap_directive_t *node);

/* Whether what one section says may hold for a request that the other one is
 * for: only of two Locations, and of two hosts, is it known that it cannot. */
int scim_tree_may_reach(const ap_directive_t *from, const ap_directive_t *to,
                        apr_pool_t *pool);

/* Whether some request may be in both sections; NULL: the whole server. */
int scim_tree_may_meet(const ap_directive_t *one, const ap_directive_t *other,
                       apr_pool_t *pool);

/* Whether node is in the section that defines s, or in the main server's
 * configuration, which s inherits. */
int scim_tree_is_for_server(const ap_directive_t *node, const server_rec *s);

#endif
