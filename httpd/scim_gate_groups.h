/* SPDX-License-Identifier: Apache-2.0 */
/* scim_gate_groups: the groups that the configuration names.
 *
 *   Require scim-group "Sales Admins" externalId:00g1a2b3 id:UUID
 *   SCIMGateGroups "Sales Admins" | all | none
 *
 * A word of these lines becomes a reference: displayName:..., externalId:...
 * or id:...; a word without such a prefix is a displayName.  All references of
 * the server's configuration are collected while httpd reads it, and each
 * look-up of a person asks for them all, so that one answer serves every
 * Require line and Location.  The answer (scim_person_t) names the reference
 * beside each group, so that names are compared by PostgreSQL alone.
 */
#ifndef SCIM_GATE_GROUPS_H
#define SCIM_GATE_GROUPS_H

#include <apr_tables.h>

#include <httpd.h>
#include <http_config.h>

#include "resources/scim_people.h"

/* Which groups the application is told of: what SCIMGateGroups says. */
typedef struct {
    int all;
    apr_array_header_t *references; /* of const char * */
} scim_gate_groups_t;

/* Add the reference that word is to references, and to what look-ups ask for;
 * NULL, or what is wrong with word.  A .htaccess is read too late for that, so
 * its words must be those of the server's configuration. */
const char *scim_gate_groups_add(apr_array_header_t *references,
                                 cmd_parms *cmd, const char *word);

/* Look-ups ask for all groups of a person. */
void scim_gate_groups_add_all(cmd_parms *cmd);

/* In each child process, for as long as pool. */
void scim_gate_groups_init_child(apr_pool_t *pool, server_rec *s);

/* What look-ups ask for; NULL: the configuration names no group. */
const scim_people_groups_t *scim_gate_groups_asked(void);

/* Whether one of the references means one of the groups, which are the meant
 * ones of a scim_person_t, or "". */
int scim_gate_groups_match(const char *groups,
                           const apr_array_header_t *references,
                           apr_pool_t *pool);

/* The names and the ids of those groups that told says, in its order.  groups
 * are the meant ones of a scim_person_t, or all if told says so, or "".
 * Commas are between them; a comma, a percent sign and control characters of a
 * name are percent-encoded. */
void scim_gate_groups_list(const char **names, const char **ids,
                           const char *groups, const scim_gate_groups_t *told,
                           apr_pool_t *pool);

#endif
