/* scim_config: what httpd.conf says. */
#ifndef SCIM_CONFIG_H
#define SCIM_CONFIG_H

#include <ap_expr.h>
#include <httpd.h>
#include <http_config.h>

#include "storage/scim_db.h"
#include "httpd/scim_door.h"
#include "rules/scim_schema.h"

#define SCIM_UNSET (-1)

#define SCIM_DEFAULT_MAX_RESULTS 1000
#define SCIM_DEFAULT_MAX_BODY_SIZE 1048576
#define SCIM_DEFAULT_MAX_OPERATIONS 1000
#define SCIM_DEFAULT_RATE_LIMIT 1000
#define SCIM_DEFAULT_RATE_SECONDS 10 /* of it, at once */
#define SCIM_DEFAULT_GATE_CACHE 1
#define SCIM_DEFAULT_GATE_GRACE 0
#define SCIM_DEFAULT_DBD_MAX 10  /* mod_dbd's own */

/* What holds in a Location; SCIM_UNSET and NULL: nothing was said. */
typedef struct {
    const char *base_url;        /* without a slash at the end */
    int managed;
    int strict;
    int max_results;
    int max_body_size;
    int max_operations;
    int rate_limit;              /* requests a second */
    int rate_burst;              /* requests */
    int max_resource_size;
    int require_sso;
    int require_tls;             /* unset: but for loopback addresses */
    int by_external_id;          /* how people are joined to accounts */
    const ap_expr_info_t *account_value; /* NULL: r->user */
    const char *organization;    /* of the gate: its key */
    int gate_cache;              /* seconds */
    int gate_grace;              /* seconds */
    int database_timeout;        /* seconds */
    const char *headers;         /* how their names begin; "" for none */
    int headers_encoded;         /* said with it */
    const scim_door_t *door;     /* where a SetHandler that may be ours is */
} scim_dir_config_t;

/* What holds in a server. */
typedef struct {
    int has_dbd;                 /* it has DBD directives of its own */
    int dbd_max;
    const char *dbd_params;
    int prepares;                /* statements, on its sessions */
    const char *admin_files;     /* folder of the settings page */
    scim_pool_t *connections; /* in a child process */
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

/* The connections for this request's server: a virtual host without DBD
 * directives of its own shares those of the main server, as in mod_dbd. */
scim_pool_t *scim_config_connections(request_rec *r);

#endif
