/* SPDX-License-Identifier: Apache-2.0 */
/* scim_door: where the handlers of this module work.
 *
 * They work where SetHandler in the server's own configuration has set them
 * and only the URL decides: in a <Location>, a <LocationMatch>, a virtual host
 * or the server, <If> included.  A .htaccess can also change the access
 * control, so a handler that is set there, or by anything else that applies to
 * files (AddHandler, a content type, a rewrite rule), serves nothing.
 */
#ifndef SCIM_DOOR_H
#define SCIM_DOOR_H

#include <httpd.h>
#include <http_config.h>

#define SCIM_HANDLER "scim"
#define SCIM_ADMIN_HANDLER "scim-admin"
#define SCIM_METRICS_HANDLER "scim-metrics"
#define SCIM_HEALTH_HANDLER "scim-health"

/* The section around a SetHandler. */
typedef struct {
    const char *path;            /* without a slash at the end; "" for all */
    ap_regex_t *pattern;         /* of a <LocationMatch>, or NULL */
} scim_door_t;

/* Set *door to the door of cmd, a SetHandler with this argument, or to NULL if
 * the argument cannot be one of our handlers, and in a .htaccess.  Returns an
 * error message if one of our handlers is in a wrong place. */
const char *scim_door_make(const scim_door_t **door, cmd_parms *cmd,
                           const char *handler);

/* The one of our handlers that has this name, in any case; or NULL. */
const char *scim_door_handler(const char *name);

/* Whether requests to the handler (or NULL) carry secrets: tokens, or sessions
 * of administrators. */
int scim_door_has_secrets(const char *handler);

/* The one of our handlers that the current configuration of r sets; or
 * NULL. */
const char *scim_door_in_force(request_rec *r);

/* The one of our handlers that may serve r; or NULL.  Available after the
 * translation of the URL. */
const char *scim_door_of(request_rec *r);

/* The path of r below the section of the SetHandler: "" or with a slash in
 * front.  NULL if the path is not in the section, or its pattern does not
 * match from the beginning of the path to the end of a segment. */
const char *scim_door_below(request_rec *r);

/* Cut the first segment off *path, which begins with a slash or is "".  NULL
 * at its end and for an empty segment: no <Location> would apply to that
 * spelling. */
const char *scim_door_segment(const char **path, apr_pool_t *pool);

/* Whether node is the directive name or, if name begins with "<", the
 * section. */
int scim_door_is(const ap_directive_t *node, const char *name);

/* Whether name is one of names, which NULL ends, in any case. */
int scim_door_is_one_of(const char *name, const char *const *names);

/* Check the handlers for configtest: OK, or an HTTP error, logged with the
 * line, for one that could never work.  It warns of one that may be
 * misspelled. */
int scim_door_check_config(const ap_directive_t *tree, server_rec *s,
                           apr_pool_t *pool);

/* The one of our handlers that node, a SetHandler, sets by its name; or
 * NULL. */
const char *scim_door_set_by(const ap_directive_t *node, apr_pool_t *pool);

/* Whether node sets one of our handlers; an expression with our name in it
 * may. */
int scim_door_may_set(const ap_directive_t *node, apr_pool_t *pool);

/* Whether the configuration may use the handler. */
int scim_door_is_used(const ap_directive_t *tree, const char *handler,
                      apr_pool_t *pool);

/* Keep httpd from looking for files behind our URLs. */
void scim_door_register_hooks(apr_pool_t *pool);

#endif
