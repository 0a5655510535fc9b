/* SPDX-License-Identifier: Apache-2.0 */
/* scim_admin_api: what the settings page's API does, once scim_admin has found
 * out who asks. */
#ifndef SCIM_ADMIN_API_H
#define SCIM_ADMIN_API_H

#include <httpd.h>
#include <apr_tables.h>
#include <cjson/cJSON.h>

#include "httpd/scim_config.h"
#include "resources/scim_call.h"
#include "resources/scim_people.h"
#include "values/scim_error.h"

/* One request being served. */
typedef struct {
    request_rec *r;
    const scim_dir_config_t *config;
    const char *organization;    /* its key */
    const char *path;            /* below it, without a slash at either end */
    const char *id;              /* of what the path names, or NULL */
    apr_table_t *parameters;
    const cJSON *body;
    const scim_person_t *person;
    scim_call_t call;
    const char *field;           /* the input that is being looked at; NULL:
                                  * all, or none */
    int status;                  /* 0: 200 */
    cJSON *answer;               /* NULL: none */
    int is_answered;             /* without it (scim_admin_export) */
} scim_visit_t;

/* Serve a request whose input was read: fill field, status and answer. */
typedef scim_error_t *scim_visit_fn(scim_visit_t *v);

/* The function for path and id; SCIM_E_NOT_FOUND or, with an Allow header,
 * SCIM_E_NOT_ALLOWED. */
scim_error_t *scim_admin_api_find(scim_visit_fn **serve, scim_visit_t *v)
    SCIM_CHECKED;

#endif
