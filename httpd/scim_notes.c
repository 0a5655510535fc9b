/* SPDX-License-Identifier: Apache-2.0 */
/* Notes of a request, see scim_notes.h. */
#include "httpd/scim_notes.h"

#include <string.h>

#include <apr_lib.h>
#include <apr_strings.h>

#include <http_config.h>
#include <http_core.h>
#include <http_protocol.h>

#define ANSWER_ID "X-Request-Id"
#define ID_MAX 64
#define RANDOM_BYTES 12
#define VALUE_MAX 128

static int is_plain(char c)
{
    return c >= ' ' && c <= '~' && !strchr("\"\\%", c);
}

void scim_notes_put(request_rec *r, const char *name, const char *value)
{
    apr_size_t length = value ? strnlen(value, VALUE_MAX) : 0;
    apr_size_t i;
    char *text;
    char *to;

    if (!value) {
        return;
    }
    to = text = apr_palloc(r->pool, 3 * length + 1);
    for (i = 0; i < length; i++) {
        if (is_plain(value[i])) {
            *to++ = value[i];
        }
        else {
            *to++ = '%';
            ap_bin2hex(value + i, 1, to);
            to += 2;
        }
    }
    *to = '\0';
    apr_table_setn(r->notes, name, text);
}

/* SetEnvIf may have taken UNIQUE_ID from a client. */
static int is_id(const char *text)
{
    apr_size_t length = text ? strnlen(text, ID_MAX + 1) : 0;

    return length > 0 && length <= ID_MAX
           && strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                           "abcdefghijklmnopqrstuvwxyz"
                           "0123456789@-_+/=.") == length;
}

static const char *random_id(apr_pool_t *pool)
{
    unsigned char random[RANDOM_BYTES];
    char *text = apr_palloc(pool, 2 * RANDOM_BYTES + 1);

    ap_random_insecure_bytes(random, sizeof(random));
    ap_bin2hex(random, sizeof(random), text);
    return text;
}

const char *scim_notes_request_id(request_rec *r)
{
    const char *id = apr_table_get(r->notes, SCIM_NOTE_REQUEST_ID);

    if (id) {
        return id;
    }
    id = apr_table_get(r->subprocess_env, "UNIQUE_ID");
    if (!is_id(id)) {
        id = is_id(r->log_id) ? r->log_id : random_id(r->pool);
    }
    if (!r->log_id) {
        r->log_id = id;
    }
    apr_table_setn(r->notes, SCIM_NOTE_REQUEST_ID, id);
    return id;
}

void scim_notes_begin(request_rec *r, const char *resource)
{
    apr_table_setn(r->err_headers_out, ANSWER_ID, scim_notes_request_id(r));
    apr_table_setn(r->notes, SCIM_NOTE_RESOURCE, resource);
}

/* After an internal redirect, as for an ErrorDocument, the access log looks at
 * the last request, which has none of the notes. */
static int pass_on(request_rec *first)
{
    static const char *const names[] = {
        SCIM_NOTE_REQUEST_ID, SCIM_NOTE_ORGANIZATION, SCIM_NOTE_TOKEN,
        SCIM_NOTE_RESOURCE, SCIM_NOTE_ACCOUNT, SCIM_NOTE_TYPE,
        SCIM_NOTE_OUTCOME
    };
    request_rec *last = first;
    apr_size_t i;

    while (last->next) {
        last = last->next;
    }
    if (last == first) {
        return DECLINED;
    }
    for (i = 0; i < sizeof(names) / sizeof(*names); i++) {
        const char *value = apr_table_get(first->notes, names[i]);

        if (value && !apr_table_get(last->notes, names[i])) {
            apr_table_setn(last->notes, names[i], value);
        }
    }
    return DECLINED;
}

void scim_notes_register_hooks(void)
{
    ap_hook_log_transaction(pass_on, NULL, NULL, APR_HOOK_REALLY_FIRST);
}
