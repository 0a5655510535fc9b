/* SPDX-License-Identifier: Apache-2.0 */
/* scim_config: what httpd.conf says. */
#ifndef SCIM_CONFIG_H
#define SCIM_CONFIG_H

#include <ap_expr.h>
#include <httpd.h>
#include <http_config.h>

#include "httpd/scim_door.h"
#include "httpd/scim_gate_groups.h"
#include "resources/scim_call.h"
#include "rules/scim_schema.h"
#include "storage/scim_db.h"

#define SCIM_UNSET (-1)

/* The directives that take a number, in a Location or for all of them:
 * X(field, directive, least, most, default, what it is).  To add one is to add
 * a line here and to ask for it with scim_config_number. */
#define SCIM_NUMBERS(X)                                                     \
    X(max_results, "SCIMMaxResults", 1, 10000, 1000,                        \
      "The most resources in one answer (default 1000).")                   \
    X(max_body_size, "SCIMMaxBodySize", 1024, 67108864, 1048576,            \
      "The largest request body in bytes (default 1048576).")               \
    X(max_operations, "SCIMBulkMaxOperations", 0, 10000, 1000,              \
      "The most operations in one bulk request (default 1000); 0: no bulk"  \
      " requests.")                                                         \
    X(rate_limit, "SCIMRateLimit", 0, 100000, 1000,                         \
      "The most requests a second from one organization (default 1000);"    \
      " each operation of a bulk request counts as one; 0: no limit.")      \
    X(rate_burst, "SCIMRateBurst", 1, 1000000, SCIM_UNSET,                  \
      "The most requests at once from one organization (default: ten times" \
      " SCIMRateLimit).")                                                   \
    X(max_resource_size, "SCIMMaxResourceSize", 4096, 16777216,             \
      SCIM_DEFAULT_MAX_RESOURCE_SIZE,                                       \
      "The largest account in bytes of its JSON text (default 262144).")    \
    X(max_group_body_size, "SCIMMaxGroupBodySize", 1024, 67108864, 16777216, \
      "The largest request body to /Groups in bytes (default 16777216).")   \
    X(max_members, "SCIMMaxMembers", 1, 1000000, SCIM_DEFAULT_MAX_MEMBERS,  \
      "The most members of groups in one answer (default 100000).")         \
    X(gate_cache, "SCIMGateCache", 0, 60, 1,                                \
      "How many seconds a process caches an account that it looked up for"  \
      " Require (default 1); 0: no cache.")                                 \
    X(gate_grace, "SCIMGateGrace", 0, 300, 0,                               \
      "How many seconds a process that cannot reach the database grants"    \
      " access to accounts that had it before (default 0).")                \
    X(database_timeout, "SCIMDatabaseTimeout", 1, 300, SCIM_DB_SECONDS,     \
      "How many seconds a request waits for the database (default 15).")

#define SCIM_USUAL(field, directive, least, most, usual, help)              \
    SCIM_USUAL_##field = usual,
enum { SCIM_NUMBERS(SCIM_USUAL) };

/* What holds in a Location; SCIM_UNSET and NULL: nothing was said. */
typedef struct {
    const char *base_url;        /* without a slash at the end */
    int managed;
    int strict;
#define SCIM_FIELD(field, directive, least, most, usual, help) int field;
    SCIM_NUMBERS(SCIM_FIELD)
    int require_sso;
    int request_log;             /* unset: On */
    int require_tls;             /* unset: but for loopback addresses */
    int by_external_id;          /* how people are joined to accounts */
    const ap_expr_info_t *account_value; /* NULL: r->user */
    const char *organization;    /* of the gate: its key */
    const char *headers;         /* how their names begin; "" for none */
    int headers_encoded;         /* said with it */
    const scim_gate_groups_t *groups; /* the application is told of */
    const char *sign_out_url;    /* of the settings page */
    const scim_door_t *door;     /* where a SetHandler that may be ours is */
} scim_dir_config_t;

/* The settings of mod_dbd on which it depends whether there are
 * connections. */
typedef enum {
    SCIM_DBD_DRIVER, SCIM_DBD_PARAMS, SCIM_DBD_PERSIST, SCIM_DBD_MIN,
    SCIM_DBD_KEEP, SCIM_DBD_MAX, SCIM_DBD_SETTINGS
} scim_dbd_e;

typedef struct {
    const char *value;           /* NULL: not set */
    const ap_directive_t *at;
} scim_dbd_setting_t;

/* What holds in a server. */
typedef struct {
    int has_dbd;                 /* it has DBD directives of its own */
    scim_dbd_setting_t dbd[SCIM_DBD_SETTINGS];
    int prepares;                /* statements, on its sessions */
    const char *admin_files;     /* folder of the settings page */
    int uses_database;           /* of the main server: something of
                                  * mod_scim does */
    scim_pool_t *connections;    /* in a child process */
    scim_cache_t *known_tokens;  /* the same: see scim_tokens_expect */
    scim_cache_t *places;        /* the same: of pages (scim_list.c) */
    struct scim_probe_t *probe;  /* of connections, or NULL without a
                                  * database */
    struct scim_request_log_t *request_log; /* the same */
    struct scim_errands_t *errands; /* the same */
} scim_server_config_t;

extern module AP_MODULE_DECLARE_DATA scim_module;

/* For the module record. */
extern const command_rec scim_directives[];
void *scim_config_create_dir(apr_pool_t *pool, char *dir);
void *scim_config_merge_dir(apr_pool_t *pool, void *base, void *add);
void *scim_config_create_server(apr_pool_t *pool, server_rec *s);
void *scim_config_merge_server(apr_pool_t *pool, void *base, void *add);

const scim_dir_config_t *scim_config_of(request_rec *r);
scim_server_config_t *scim_config_of_server(server_rec *s);

/* SCIMProfile and SCIMStrict. */
scim_rules_t scim_config_rules(const scim_dir_config_t *config);

/* value, or otherwise where nothing was said. */
int scim_config_or(int value, int otherwise);

/* What a directive of SCIM_NUMBERS says, by its field. */
#define scim_config_number(config, field)                                   \
    scim_config_or((config)->field, SCIM_USUAL_##field)

/* A setting of mod_dbd that is a number, or mod_dbd's own default. */
int scim_config_dbd_number(const scim_server_config_t *config,
                           scim_dbd_e setting);

/* The connections for this request's server: a virtual host without DBD
 * directives of its own shares those of the main server, as in mod_dbd. */
scim_pool_t *scim_config_connections(request_rec *r);

#endif
