/* SPDX-License-Identifier: Apache-2.0 */
/* Names of accounts, see scim_names.h.  Rules apply to values that change, and
 * their errors name the attribute and the character. */
#include "resources/scim_names.h"

#include <string.h>

#include <apr_strings.h>

#include "values/scim_bounds.h"
#include "values/scim_json.h"
#include "values/scim_text.h"

/* NULL if it is invisible. */
static const char *visible(const cJSON *object, const char *name)
{
    const char *text = cJSON_GetStringValue(scim_json_member_nocase(object,
                                                                    name));

    return text && !scim_text_is_blank(text) ? text : NULL;
}

const char *scim_names_full(const cJSON *resource, apr_pool_t *pool)
{
    const cJSON *name = scim_json_member_nocase(resource, "name");
    const char *full = visible(resource, "displayName");
    const char *given = visible(name, "givenName");
    const char *family = visible(name, "familyName");

    full = full ? full : visible(name, "formatted");
    if (!full && given && family) {
        full = apr_pstrcat(pool, given, " ", family, NULL);
    }
    return full ? full : given ? given : family;
}

int scim_names_is_changed(const cJSON *resource, const cJSON *before,
                          const char *name)
{
    const cJSON *value = scim_json_member(resource, name);

    return value && !scim_json_equal(value, scim_json_member(before, name));
}

scim_error_t *scim_names_check_length(scim_call_t *call,
                                      const cJSON *resource,
                                      const cJSON *before, const char *name)
{
    const char *text = scim_json_text(resource, name);

    return text && scim_names_is_changed(resource, before, name)
           && scim_text_length(text) > SCIM_COLUMN_MAX
           ? scim_error(call->pool, SCIM_E_INVALID_VALUE,
                        "Attribute '%s' must not be longer than %d"
                        " characters.", name, SCIM_COLUMN_MAX)
           : NULL;
}

static scim_error_t *check_name(scim_call_t *call, const char *name,
                                const char *text, scim_text_name_e kind)
{
    const char *flaw = text ? scim_text_flaw(call->pool, text, kind) : NULL;

    return flaw ? scim_error(call->pool, SCIM_E_INVALID_VALUE,
                             "Attribute '%s' %s.", name, flaw) : NULL;
}

scim_error_t *scim_names_check_roles(scim_call_t *call,
                                     const cJSON *resource,
                                     const cJSON *before)
{
    const cJSON *role;

    if (!scim_names_is_changed(resource, before, "roles")) {
        return NULL;
    }
    cJSON_ArrayForEach(role, scim_json_member(resource, "roles")) {
        SCIM_ERR(check_name(call, "roles.value",
                            scim_json_text(role, "value"), SCIM_TEXT_NAME));
    }
    return NULL;
}

/* The rules of the profile managed */

/* Domains are compared as in DNS: by UTS 46, so that case and Unicode forms do
 * not matter. */
int scim_names_is_verified(const scim_call_t *call, const char *user_name)
{
    const char *at = strrchr(user_name, '@');
    char *domains = apr_pstrdup(call->pool, call->principal->domains);
    char *state = NULL;
    const char *wanted;
    const char *domain;

    if (!*domains) {
        return 1;
    }
    wanted = at ? scim_text_domain(call->pool, at + 1) : NULL;
    for (domain = apr_strtok(domains, " ", &state); wanted && domain;
         domain = apr_strtok(NULL, " ", &state)) {
        const char *verified = scim_text_domain(call->pool, domain);

        if (verified && strcmp(wanted, verified) == 0) {
            return 1;
        }
    }
    return 0;
}

static scim_error_t *check_domain(scim_call_t *call, const char *user_name)
{
    return scim_names_is_verified(call, user_name) ? NULL
        : scim_error(call->pool, SCIM_E_INVALID_VALUE,
                     "The domain of userName '%.120s' is not a verified"
                     " domain of this organization (%.200s).", user_name,
                     call->principal->domains);
}

/* One @ with text on both sides, a dot in the domain or not, and no blank: all
 * mail systems accept that. */
static int is_address(const char *text)
{
    const char *at = strchr(text, '@');

    return at && at != text && at[1] && !strchr(at + 1, '@')
           && !strpbrk(text, " \t,;<>\"()[]\\") && at[1] != '.'
           && at[strlen(at) - 1] != '.';
}

static scim_error_t *check_user_name(scim_call_t *call,
                                     const cJSON *resource)
{
    const char *user_name = scim_json_text(resource, "userName");

    if (!is_address(user_name)) {
        return scim_error(call->pool, SCIM_E_INVALID_VALUE,
                          "userName must be an e-mail address, not '%.120s'.",
                          user_name);
    }
    return check_domain(call, user_name);
}

/* The database refuses wrong values of userName and displayName too, but with
 * other messages. */
scim_error_t *scim_names_check_display_name(scim_call_t *call,
                                            const cJSON *resource,
                                            const cJSON *before)
{
    return scim_names_is_changed(resource, before, "displayName")
           ? check_name(call, "displayName",
                        scim_json_text(resource, "displayName"),
                        SCIM_TEXT_NAME) : NULL;
}

scim_error_t *scim_names_check(scim_call_t *call, const cJSON *resource,
                               const cJSON *before)
{
    SCIM_ERR(scim_names_check_display_name(call, resource, before));
    if (!scim_names_is_changed(resource, before, "userName")) {
        return NULL;
    }
    SCIM_ERR(check_name(call, "userName",
                        scim_json_text(resource, "userName"),
                        SCIM_TEXT_IDENTIFIER));
    return call->rules.managed ? check_user_name(call, resource) : NULL;
}
