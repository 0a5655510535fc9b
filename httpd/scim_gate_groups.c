/* SPDX-License-Identifier: Apache-2.0 */
/* The groups that the configuration names, see scim_gate_groups.h.
 *
 * While the configuration is read, what look-ups ask for is kept with the
 * configuration's pool, which a restart clears; each child process makes a
 * parameter of SQL of it once.
 */
#include "httpd/scim_gate_groups.h"

#include <string.h>

#include <apr_lib.h>
#include <apr_strings.h>

#include "httpd/scim_headers.h"
#include "values/scim_bounds.h"
#include "values/scim_json.h"
#include "values/scim_text.h"

#define COLLECTED "scim-gate-groups" /* userdata: a scim_gate_groups_t */

/* In a child process. */
static const scim_gate_groups_t *collected;
static scim_people_groups_t asked;

/* Reading */

static const char *flaw_of_name(const char *name, apr_pool_t *pool)
{
    const char *flaw = scim_text_flaw(pool, name, SCIM_TEXT_NAME);

    return flaw ? apr_pstrcat(pool, "the name of a group ", flaw, NULL)
                : NULL;
}

static const char *flaw_of_external_id(const char *value, apr_pool_t *pool)
{
    return *value ? NULL : "externalId: needs a value, as in"
                           " externalId:00g1a2b3";
}

static const char *flaw_of_id(const char *id, apr_pool_t *pool)
{
    return scim_text_is_uuid(id) ? NULL
        : "id: needs the id of a group, as in"
          " id:2819c223-7f76-453a-919d-413861904646";
}

/* The forms of a reference; a word without prefix has the first one. */
static const struct {
    const char *prefix;
    const char *(*flaw_of)(const char *value, apr_pool_t *pool);
} forms[] = {
    { "displayName:", flaw_of_name },
    { "externalId:", flaw_of_external_id },
    { "id:", flaw_of_id }
};
#define FORMS (sizeof(forms) / sizeof(*forms))

/* The form of *word, which is left without its prefix. */
static apr_size_t form_of(const char **word)
{
    apr_size_t i;

    for (i = 0; i < FORMS; i++) {
        apr_size_t length = strlen(forms[i].prefix);

        if (strncasecmp(*word, forms[i].prefix, length) == 0) {
            *word += length;
            return i;
        }
    }
    return 0;
}

/* What is wrong with the word, or NULL and its reference.  PostgreSQL refuses
 * text that is not UTF-8, and with it the whole look-up. */
static const char *reference_of(const char **reference, const char *word,
                                apr_pool_t *pool)
{
    apr_size_t form = form_of(&word);
    char *value = apr_pstrdup(pool, word);

    if (!scim_text_is_utf8(value, strlen(value))) {
        return "it must be UTF-8";
    }
    if (scim_text_length(value) > SCIM_COLUMN_MAX) {
        return "it must not have more than "
               APR_STRINGIFY(SCIM_COLUMN_MAX) " characters";
    }
    if (forms[form].flaw_of == flaw_of_id) {
        ap_str_tolower(value);
    }
    *reference = apr_pstrcat(pool, forms[form].prefix, value, NULL);
    return forms[form].flaw_of(value, pool);
}

static int has_text(const apr_array_header_t *texts, const char *text)
{
    int i = 0;

    while (i < texts->nelts
           && strcmp(APR_ARRAY_IDX(texts, i, const char *), text) != 0) {
        i++;
    }
    return i < texts->nelts;
}

static scim_gate_groups_t *collection(apr_pool_t *pool)
{
    void *found;

    apr_pool_userdata_get(&found, COLLECTED, pool);
    if (!found) {
        scim_gate_groups_t *made = apr_pcalloc(pool, sizeof(*made));

        made->references = apr_array_make(pool, 4, sizeof(const char *));
        apr_pool_userdata_setn(made, COLLECTED, NULL, pool);
        found = made;
    }
    return found;
}

const char *scim_gate_groups_add(apr_array_header_t *references,
                                 cmd_parms *cmd, const char *word)
{
    int in_htaccess = ap_check_cmd_context(cmd, NOT_IN_HTACCESS) != NULL;
    const char *reference;
    const char *wrong = reference_of(&reference, word, cmd->pool);
    apr_array_header_t *all;

    if (wrong) {
        return wrong;
    }
    all = in_htaccess ? collected->references
                      : collection(cmd->pool)->references;
    if (!has_text(all, reference)) {
        if (in_htaccess) {
            return "in a .htaccess, it must be a group that the server's"
                   " configuration names in the same way, in Require"
                   " scim-group or SCIMGateGroups";
        }
        APR_ARRAY_PUSH(all, const char *) = reference;
    }
    APR_ARRAY_PUSH(references, const char *) = reference;
    return NULL;
}

void scim_gate_groups_add_all(cmd_parms *cmd)
{
    collection(cmd->pool)->all = 1;
}

/* Asking */

void scim_gate_groups_init_child(apr_pool_t *pool, server_rec *s)
{
    collected = collection(s->process->pconf);
    asked.meant = scim_db_array(pool, collected->references);
    asked.all = collected->all;
}

const scim_people_groups_t *scim_gate_groups_asked(void)
{
    return asked.all || collected->references->nelts > 0 ? &asked : NULL;
}

static const cJSON *parsed_groups(const char *groups, apr_pool_t *pool)
{
    return *groups ? scim_json_stored(groups, pool) : NULL;
}

int scim_gate_groups_match(const char *groups,
                           const apr_array_header_t *references,
                           apr_pool_t *pool)
{
    const cJSON *all = parsed_groups(groups, pool);
    const cJSON *group;

    cJSON_ArrayForEach(group, all) {
        if (has_text(references, scim_json_text(group, "reference"))) {
            return 1;
        }
    }
    return 0;
}

/* Telling */

/* Names and ids, side by side. */
typedef struct {
    apr_array_header_t *names;
    apr_array_header_t *ids;
} list_t;

static int is_plain_in_name(unsigned char c)
{
    return c != ',' && c != '%' && !apr_iscntrl(c);
}

static void add_to_list(list_t *list, const cJSON *group)
{
    APR_ARRAY_PUSH(list->ids, const char *) = scim_json_text(group, "value");
    APR_ARRAY_PUSH(list->names, const char *)
        = scim_headers_encode(scim_json_text(group, "display"),
                              is_plain_in_name, list->names->pool);
}

/* Another reference may have added the same group. */
static void add_meant(list_t *list, const cJSON *groups,
                      const char *reference)
{
    const cJSON *group;

    cJSON_ArrayForEach(group, groups) {
        if (strcmp(scim_json_text(group, "reference"), reference) == 0
            && !has_text(list->ids, scim_json_text(group, "value"))) {
            add_to_list(list, group);
        }
    }
}

void scim_gate_groups_list(const char **names, const char **ids,
                           const char *groups, const scim_gate_groups_t *told,
                           apr_pool_t *pool)
{
    list_t list = { apr_array_make(pool, 8, sizeof(const char *)),
                    apr_array_make(pool, 8, sizeof(const char *)) };
    const cJSON *all = parsed_groups(groups, pool);
    const cJSON *group;
    int i;

    if (told->all) {
        cJSON_ArrayForEach(group, all) {
            add_to_list(&list, group);
        }
    }
    for (i = 0; i < told->references->nelts; i++) {
        add_meant(&list, all,
                  APR_ARRAY_IDX(told->references, i, const char *));
    }
    *names = apr_array_pstrcat(pool, list.names, ',');
    *ids = apr_array_pstrcat(pool, list.ids, ',');
}
