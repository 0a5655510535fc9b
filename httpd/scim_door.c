/* SPDX-License-Identifier: Apache-2.0 */
/* Where the handlers work, see scim_door.h.
 *
 * The handler of a request is looked up when its URL is translated, before any
 * .htaccess is read, and kept with the request; two hooks then keep httpd from
 * looking for a file.  The second half is the check of SetHandler by
 * configtest.
 */
#include "httpd/scim_door.h"

#include <string.h>

#include <apr_strings.h>

#include <ap_expr.h>
#include <http_core.h>
#include <http_log.h>
#include <http_request.h>

#include "httpd/scim_config.h"
#include "httpd/scim_log.h"

#define NO_FILE "scim:"          /* start of r->filename; no path has it */

APLOG_USE_MODULE(scim);

/* The handler of a request, found before a .htaccess is read. */
typedef struct {
    const char *uri;             /* the URL for which it was looked up */
    const char *handler;         /* one of ours, or NULL */
} entry_t;

/* Names */

static const struct {
    const char *name;
    int has_secrets;
} handlers[] = {
    { SCIM_HANDLER, 1 }, { SCIM_ADMIN_HANDLER, 1 },
    { SCIM_METRICS_HANDLER, 0 }, { SCIM_HEALTH_HANDLER, 0 }
};
#define HANDLERS (sizeof(handlers) / sizeof(*handlers))

const char *scim_door_handler(const char *name)
{
    apr_size_t i = 0;

    while (name && i < HANDLERS && strcasecmp(name, handlers[i].name) != 0) {
        i++;
    }
    return name && i < HANDLERS ? handlers[i].name : NULL;
}

int scim_door_has_secrets(const char *handler)
{
    apr_size_t i = 0;

    while (i < HANDLERS && handlers[i].name != handler) {
        i++;
    }
    return i < HANDLERS && handlers[i].has_secrets;
}

/* An expression that may result in one of our names. */
static int is_expression(const char *argument)
{
    return strstr(argument, "%{") && ap_strcasestr(argument, SCIM_HANDLER);
}

int scim_door_is(const ap_directive_t *node, const char *name)
{
    return strcasecmp(node->directive, name) == 0;
}

int scim_door_is_one_of(const char *name, const char *const *names)
{
    while (*names && strcasecmp(name, *names) != 0) {
        names++;
    }
    return *names != NULL;
}

static int is_one_of(const ap_directive_t *node, const char *const *names)
{
    return scim_door_is_one_of(node->directive, names);
}

/* Configuration */

static const char *const locations[] = { "<Location", "<LocationMatch",
                                         NULL };

/* Sections for files, which a .htaccess may override, and for proxied
 * requests, which our handlers do not serve. */
static const char *const others[] = {
    "<Directory", "<DirectoryMatch", "<Files", "<FilesMatch", "<Proxy",
    "<ProxyMatch", NULL
};

/* The section that decides to which requests the node applies; NULL for all
 * requests of its server. */
static const ap_directive_t *deciding_section(const ap_directive_t *node)
{
    do {
        node = node->parent;
    } while (node && !is_one_of(node, locations) && !is_one_of(node, others));
    return node;
}

/* The argument of a section, as core reads it; *is_pattern for a regular
 * expression. */
static const char *argument_of(int *is_pattern, const ap_directive_t *section,
                               apr_pool_t *pool)
{
    const char *end = strrchr(section->args, '>');
    const char *args = apr_pstrmemdup(pool, section->args, end
                                      ? (apr_size_t) (end - section->args)
                                      : strlen(section->args));
    const char *path = ap_getword_conf(pool, &args);

    *is_pattern = scim_door_is(section, "<LocationMatch");
    if (!*is_pattern && strcmp(path, "~") == 0) {
        *is_pattern = 1;
        path = ap_getword_conf(pool, &args);
    }
    return path;
}

static apr_size_t length_without_slash(const char *path, apr_size_t length)
{
    return length > 0 && path[length - 1] == '/' ? length - 1 : length;
}

/* The door of the section, or NULL if the section is not for our handlers. */
static scim_door_t *door_of(const ap_directive_t *section, apr_pool_t *pool)
{
    scim_door_t *door = apr_pcalloc(pool, sizeof(*door));
    const char *path = "";
    int is_pattern = 0;

    if (section && is_one_of(section, others)) {
        return NULL;
    }
    if (section) {
        path = argument_of(&is_pattern, section, pool);
    }
    if (!is_pattern && strpbrk(path, "*?[")) {
        return NULL;
    }
    door->path = apr_pstrmemdup(pool, path,
                                length_without_slash(path, strlen(path)));
    door->pattern = is_pattern ? ap_pregcomp(pool, path, AP_REG_EXTENDED)
                               : NULL;
    return is_pattern && !door->pattern ? NULL : door;
}

const char *scim_door_make(const scim_door_t **door, cmd_parms *cmd,
                           const char *handler)
{
    *door = NULL;
    if ((!scim_door_handler(handler) && !is_expression(handler))
        || ap_check_cmd_context(cmd, NOT_IN_HTACCESS)) {
        return NULL;
    }
    *door = door_of(deciding_section(cmd->directive), cmd->pool);
    return *door || is_expression(handler) ? NULL
        : apr_psprintf(cmd->pool, "SetHandler %s must be in a <Location> with"
                       " a path, a <LocationMatch>, or a virtual host of its"
                       " own: it serves URLs, not files", handler);
}

/* Requests */

const char *scim_door_in_force(request_rec *r)
{
    const core_dir_config *core
        = ap_get_core_module_config(r->per_dir_config);
    const char *name = core->handler;
    const char *failure = NULL;

    if (!scim_config_of(r)->door) {
        return NULL;
    }
    /* SetHandler may have an expression, and r->handler is not set yet. */
    if (core->expr_handler) {
        name = ap_expr_str_exec(r, core->expr_handler, &failure);
    }
    return failure ? NULL : scim_door_handler(name);
}

static entry_t *entry_of(request_rec *r)
{
    return ap_get_module_config(r->request_config, &scim_module);
}

const char *scim_door_of(request_rec *r)
{
    const entry_t *entry = entry_of(r);

    return entry ? entry->handler : NULL;
}

const char *scim_door_below(request_rec *r)
{
    const scim_door_t *door = scim_config_of(r)->door;
    apr_size_t length = door ? strlen(door->path) : 0;
    ap_regmatch_t match;

    if (!door) {
        return NULL;
    }
    if (door->pattern) {
        if (ap_regexec(door->pattern, r->uri, 1, &match, 0) != 0
            || match.rm_so != 0) {
            return NULL;
        }
        length = length_without_slash(r->uri, match.rm_eo);
    }
    else if (strncmp(r->uri, door->path, length) != 0) {
        return NULL;
    }
    return r->uri[length] == '\0' || r->uri[length] == '/'
           ? r->uri + length : NULL;
}

const char *scim_door_segment(const char **path, apr_pool_t *pool)
{
    const char *segment = *path + 1;
    apr_size_t length = **path ? strcspn(segment, "/") : 0;

    if (length == 0) {
        return NULL;
    }
    *path = segment + length;
    return apr_pstrmemdup(pool, segment, length);
}

static void look_up_entry(entry_t *entry, request_rec *r)
{
    entry->uri = r->uri;
    entry->handler = scim_door_in_force(r);
}

/* Before any rewrite rule; core has just found the Locations. */
static int see_location(request_rec *r)
{
    entry_t *entry = apr_palloc(r->pool, sizeof(*entry));

    look_up_entry(entry, r);
    ap_set_module_config(r->request_config, &scim_module, entry);
    return DECLINED;
}

/* There is no file behind our URLs: without these two hooks, core would look
 * for one and apply <Directory> sections and .htaccess files to it. */
static int translate_name(request_rec *r)
{
    const entry_t *entry = entry_of(r);

    if (!entry->handler || strcmp(entry->uri, r->uri) != 0) {
        return DECLINED;
    }
    r->filename = apr_pstrcat(r->pool, NO_FILE, r->uri, NULL);
    return OK;
}

/* A rule with [PT] has changed the URL, which may now be in another Location.
 * Core does the same after this hook. */
static void see_new_location(entry_t *entry, request_rec *r)
{
    ap_conf_vector_t *before = r->per_dir_config;

    entry->handler = NULL;
    if (ap_location_walk(r) == OK && ap_if_walk(r) == OK) {
        look_up_entry(entry, r);
    }
    r->per_dir_config = before;
}

static int map_to_storage(request_rec *r)
{
    entry_t *entry = entry_of(r);

    if (entry && strcmp(entry->uri, r->uri) != 0) {
        see_new_location(entry, r);
    }
    if (!entry || !entry->handler) {
        return DECLINED;
    }
    r->filename = apr_pstrcat(r->pool, NO_FILE, r->uri, NULL);
    return OK;
}

void scim_door_register_hooks(apr_pool_t *pool)
{
    ap_hook_translate_name(see_location, NULL, NULL, APR_HOOK_REALLY_FIRST);
    ap_hook_translate_name(translate_name, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_map_to_storage(map_to_storage, NULL, NULL, APR_HOOK_MIDDLE);
}

/* configtest */

static int is_set_to_expression(const ap_directive_t *node, apr_pool_t *pool)
{
    const char *args = node->args;

    return scim_door_is(node, "SetHandler")
           && is_expression(ap_getword_conf(pool, &args));
}

const char *scim_door_set_by(const ap_directive_t *node, apr_pool_t *pool)
{
    const char *args = node->args;

    return scim_door_is(node, "SetHandler")
           ? scim_door_handler(ap_getword_conf(pool, &args)) : NULL;
}

int scim_door_may_set(const ap_directive_t *node, apr_pool_t *pool)
{
    return scim_door_set_by(node, pool) || is_set_to_expression(node, pool);
}

int scim_door_is_used(const ap_directive_t *tree, const char *handler,
                      apr_pool_t *pool)
{
    for (; tree; tree = tree->next) {
        const char *set = scim_door_set_by(tree, pool);

        if ((set && strcmp(set, handler) == 0)
            || is_set_to_expression(tree, pool)
            || scim_door_is_used(tree->first_child, handler, pool)) {
            return 1;
        }
    }
    return 0;
}

/* Directives that only our handlers read; those that the gate reads, too, are
 * for other handlers. */
static int is_for_handlers(const ap_directive_t *node)
{
#define NAME(field, directive, least, most, usual, help) directive,
    static const char *const names[] = {
        SCIM_NUMBERS(NAME)
        "SCIMBaseURL", "SCIMStrict", "SCIMRequireSSO", "SCIMRequestLog",
        "SCIMRequireTLS", "SCIMSignOutURL", NULL
    };
    static const char *const of_gate[] = {
        "SCIMGateCache", "SCIMGateGrace", "SCIMDatabaseTimeout", NULL
    };

    return is_one_of(node, names) && !is_one_of(node, of_gate);
#undef NAME
}

static int has_directives(const ap_directive_t *node)
{
    while (node && !is_for_handlers(node)) {
        node = node->next;
    }
    return node != NULL;
}

/* first is the first node of the section. */
static void check_section_name(const ap_directive_t *node,
                               const ap_directive_t *first, server_rec *s,
                               apr_pool_t *pool)
{
    const char *args = node->args;
    const char *name = ap_getword_conf(pool, &args);

    if (!scim_door_handler(name) && !is_expression(name)
        && (ap_strcasestr(name, "scim")
            || (node->parent && has_directives(first)))) {
        ap_log_error(APLOG_MARK, APLOG_WARNING, 0, s, SCIM_LOGNO(0050)
                     "SetHandler %s (line %d of %s): mod_scim has no such"
                     " handler; its handlers are " SCIM_HANDLER ", "
                     SCIM_ADMIN_HANDLER ", " SCIM_METRICS_HANDLER " and "
                     SCIM_HEALTH_HANDLER, name, node->line_num,
                     node->filename);
    }
}

static int check_place(const ap_directive_t *node, server_rec *s,
                       apr_pool_t *pool)
{
    const char *args = node->args;

    if (!scim_door_handler(ap_getword_conf(pool, &args))) {
        return OK;
    }
    ap_log_error(APLOG_MARK, APLOG_CRIT, 0, s, SCIM_LOGNO(0051)
                 "%s %s (line %d of %s): mod_scim's handlers serve URLs, not"
                 " files: use SetHandler in a <Location>",
                 node->directive, node->args, node->line_num,
                 node->filename);
    return HTTP_INTERNAL_SERVER_ERROR;
}

int scim_door_check_config(const ap_directive_t *tree, server_rec *s,
                           apr_pool_t *pool)
{
    static const char *const by_file[] = { "AddHandler", "AddType",
                                           "ForceType", NULL };
    const ap_directive_t *node;
    int status = OK;

    for (node = tree; node && status == OK; node = node->next) {
        if (scim_door_is(node, "SetHandler")) {
            check_section_name(node, tree, s, pool);
        }
        else if (is_one_of(node, by_file)) {
            status = check_place(node, s, pool);
        }
        if (status == OK) {
            status = scim_door_check_config(node->first_child, s, pool);
        }
    }
    return status;
}
