/* SPDX-License-Identifier: Apache-2.0 */
/* scim_gate: Require scim-account, scim-role and scim-group: who may use what
 * stands behind httpd is who is an active account now.
 *
 *   SCIMOrganization acme
 *   Require scim-account
 *   Require scim-role ADMIN USER
 *   Require scim-group "Sales Admins"
 *
 * Any authentication says who it is; SCIMAccountKey and SCIMAccountValue say
 * how that is joined to an account.  Nobody, more than one, and an inactive
 * account are refused with 403, also where httpd would ask for another
 * password; a database that is away is 503.  The application finds the account
 * in the environment: SCIM_ACCOUNT_ID, SCIM_USER_NAME, SCIM_ROLE,
 * SCIM_DISPLAY_NAME, SCIM_PREFERRED_LANGUAGE, SCIM_TIMEZONE, and those of its
 * groups that SCIMGateGroups names in SCIM_GROUPS and SCIM_GROUP_IDS.
 */
#ifndef SCIM_GATE_H
#define SCIM_GATE_H

#include <httpd.h>
#include <http_config.h>

void scim_gate_register(apr_pool_t *pool);

/* What the application is told. */
typedef struct {
    const char *name;            /* "SCIM_ACCOUNT_ID" */
    apr_size_t offset;           /* of its value, in scim_gate.c */
    int is_list;                 /* see scim_gate_groups_list */
} scim_gate_variable_t;

/* The i-th of them; NULL behind the last. */
const scim_gate_variable_t *scim_gate_variable(int i);

/* Its value for the account that passed the gate with r, or "" where that has
 * none; NULL when none passed. */
const char *scim_gate_value(request_rec *r, int i);

/* In each child process, for as long as pool. */
void scim_gate_init_child(apr_pool_t *pool, server_rec *s);

#define SCIM_GATE_STRANGERS                                                 \
    "access is granted without an active account: put this line into a"     \
    " <RequireAll> together with Require scim-account"

/* Whether the Require line, one of the gate, is true for who has no account:
 * after "not" or in a <RequireNone>, and nothing around it demands one. */
int scim_gate_lets_in_strangers(const ap_directive_t *require,
                                const ap_directive_t *tree, apr_pool_t *pool);

/* Whether node is a Require line of the gate. */
int scim_gate_is_asked(const ap_directive_t *node, const ap_directive_t *tree,
                       apr_pool_t *pool);

/* Check the Require lines of the gate (scim_gate_config.c): OK, or an HTTP
 * error, logged, for one that no SCIMOrganization can hold for or that lets in
 * strangers.  Warns of Satisfy Any. */
int scim_gate_check_config(const ap_directive_t *tree, server_rec *s,
                           apr_pool_t *pool);

#endif
