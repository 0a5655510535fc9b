/* SPDX-License-Identifier: Apache-2.0 */
/* scim_door: where the handlers of this module work.
 *
 * They work where the server's own configuration has put them by SetHandler
 * and the URL alone decides it: in a <Location>, a <LocationMatch>, a virtual
 * host or the server, <If> included.  Whoever writes a .htaccess also writes
 * there who gets in, so that a handler from there, or from anything else that
 * is done for a file (AddHandler, a content type, a rewrite rule), serves
 * nothing.
 */
#ifndef SCIM_DOOR_H
#define SCIM_DOOR_H

#include <httpd.h>
#include <http_config.h>

#define SCIM_HANDLER "scim"
#define SCIM_ADMIN_HANDLER "scim-admin"

/* What a SetHandler stands in. */
typedef struct {
    const char *path;            /* without a slash at the end; "" for all */
    ap_regex_t *pattern;         /* of a <LocationMatch>, or NULL */
} scim_door_t;

/* The door of cmd, a SetHandler with this argument: NULL where that cannot be
 * for us, or is in a .htaccess.  The error is what is wrong with the place of
 * one of our handlers. */
const char *scim_door_make(const scim_door_t **door, cmd_parms *cmd,
                           const char *handler);

/* SCIM_HANDLER or SCIM_ADMIN_HANDLER, whichever name is in any case; or
 * NULL. */
const char *scim_door_handler(const char *name);

/* Which of our handlers the configuration of r, as it is now, puts there; or
 * NULL. */
const char *scim_door_in_force(request_rec *r);

/* Which of our handlers may serve r; or NULL.  Known from the translation of
 * the URL on. */
const char *scim_door_of(request_rec *r);

/* The path of r below what the SetHandler stands in: "" or with a slash in
 * front.  NULL when it is not there, or its pattern matches in the midst of
 * the path. */
const char *scim_door_below(request_rec *r);

/* Cut the first segment off *path, which begins with a slash or is "".  NULL
 * at its end and for an empty segment: no <Location> would hold for that
 * spelling. */
const char *scim_door_segment(const char **path, apr_pool_t *pool);

/* Whether node is a directive, or "<" and a section, called name. */
int scim_door_is(const ap_directive_t *node, const char *name);

/* What configtest says of handlers, with the line: OK, or an HTTP error,
 * logged, for one that could never work; a warning for one that may be
 * misspelled. */
int scim_door_check_config(const ap_directive_t *tree, server_rec *s,
                           apr_pool_t *pool);

/* Whether the configuration may ask for the handler: an expression with our
 * name in it may. */
int scim_door_is_used(const ap_directive_t *tree, const char *handler,
                      apr_pool_t *pool);

/* Keep httpd from looking for files behind our URLs. */
void scim_door_register_hooks(apr_pool_t *pool);

#endif
