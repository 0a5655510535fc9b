/* SPDX-License-Identifier: Apache-2.0 */
/* What a message makes of a group, folded, against its operations applied to a
 * set one after the other: random messages, in every form in which members are
 * named.  GROUP_FOLD_SEED repeats a run. */
#include "tap.h"

#include <stdlib.h>

#include <apr_lib.h>
#include <apr_strings.h>
#include <apr_tables.h>
#include <apr_time.h>

#include "../../rules/scim_group_change.h"
#include "../../values/scim_json.h"

#define SEQUENCES 20000
#define MOST_OPERATIONS 8
#define IDS 8                    /* a set is a bit for each */
#define ALL ((1U << IDS) - 1)
#define FIXED_SEED 20240131

/* What an operation does to the set, and to the externalId. */
typedef enum {
    ADD, REPLACE, REMOVE, REMOVE_BY_FILTER, REMOVE_ALL, REMOVE_NOBODY,
    RENAME, SET_ID, CLEAR_ID, VERBS
} verb_e;

/* How members are written as a value. */
typedef enum {
    OBJECTS, REFERENCES, STRINGS, TEXT, WITHIN, NO_PATH, FORMS
} form_e;

typedef struct {
    unsigned set;
    int external_id;             /* -1: none */
} model_t;

static apr_uint64_t state;

/* xorshift64* */
static unsigned below(unsigned end)
{
    state ^= state >> 12;
    state ^= state << 25;
    state ^= state >> 27;
    return (state * APR_UINT64_C(2685821657736338717) >> 33) % end;
}

/* Writing */

static const char *id_of(int i, apr_pool_t *pool)
{
    char *id = apr_psprintf(pool, "abcdef%02x-0000-4000-8000-000000000000",
                            i);
    char *c;

    if (below(4) == 0) {
        for (c = id; *c; c++) {
            *c = apr_toupper(*c);
        }
    }
    return id;
}

static const char *element_of(int i, form_e form, apr_pool_t *pool)
{
    static const char *const beside[] = {
        "", ",\"type\":\"user\"", ",\"$ref\":null", ",\"display\":\"D\""
    };
    const char *id = id_of(i, pool);

    switch (form) {
    case REFERENCES:
        return apr_pstrcat(pool, "{\"$ref\":\"../Users/", id, "\"}", NULL);
    case STRINGS:
        return apr_pstrcat(pool, "\"", id, "\"", NULL);
    case TEXT:
        return apr_pstrcat(pool, "{\\\"value\\\":\\\"", id, "\\\"}", NULL);
    default:
        return apr_pstrcat(pool, "{\"value\":\"", id, "\"",
                           beside[below(4)], "}", NULL);
    }
}

/* The members of set as a list, where one may be twice, or one by itself. */
static const char *list_of(unsigned set, form_e form, apr_pool_t *pool)
{
    const char *list = "";
    int count = 0;
    int i;

    for (i = 0; i < IDS; i++) {
        unsigned times = set >> i & 1 ? 1 + (below(8) == 0) : 0;

        for (; times > 0; times--) {
            list = apr_pstrcat(pool, list, count++ ? "," : "",
                               element_of(i, form, pool), NULL);
        }
    }
    return count == 1 && form != TEXT && below(2)
           ? list : apr_pstrcat(pool, "[", list, "]", NULL);
}

static const char *operation_of(const char *op, unsigned set, form_e form,
                                apr_pool_t *pool)
{
    const char *list = list_of(set, form, pool);

    switch (form) {
    case TEXT:
        list = apr_pstrcat(pool, "\"", list, "\"", NULL);
        break;
    case WITHIN:
    case NO_PATH:
        list = apr_pstrcat(pool, "{\"members\":", list, "}", NULL);
        break;
    default:
        break;
    }
    return apr_pstrcat(pool, "{\"op\":\"", op, "\",",
                       form == NO_PATH ? "" : "\"path\":\"members\",",
                       "\"value\":", list, "}", NULL);
}

static const char *filter_of(unsigned set, apr_pool_t *pool)
{
    const char *filter = "";
    int i;

    for (i = 0; i < IDS; i++) {
        if (set >> i & 1) {
            filter = apr_pstrcat(pool, filter, *filter ? " or " : "",
                                 "value eq \\\"", id_of(i, pool), "\\\"",
                                 NULL);
        }
    }
    return apr_pstrcat(pool, "{\"op\":\"remove\",\"path\":\"members[", filter,
                       "]\"}", NULL);
}

static const char *nobody(apr_pool_t *pool)
{
    static const char *const values[] = {
        "[]", "[null]", "{}", "\"\"", "{\"members\":[]}", "[{\"value\":null}]"
    };

    return apr_pstrcat(pool, "{\"op\":\"Remove\",\"path\":\"members\","
                       "\"value\":", values[below(6)], "}", NULL);
}

/* An operation as it is sent, applied to model. */
static const char *random_operation(model_t *model, apr_pool_t *pool)
{
    verb_e verb = below(VERBS);
    form_e form = below(FORMS);
    unsigned set = below(ALL + 1) & below(ALL + 1);

    switch (verb) {
    case ADD:
        model->set |= set;
        return operation_of("Add", set, form, pool);
    case REPLACE:
        model->set = set;
        return operation_of("replace", set, form, pool);
    case REMOVE:
        model->set &= ~set;
        return operation_of("remove", set, form == NO_PATH ? WITHIN : form,
                            pool);
    case REMOVE_BY_FILTER:
        set = set ? set : 1;
        model->set &= ~set;
        return filter_of(set, pool);
    case REMOVE_ALL:
        model->set = 0;
        return "{\"op\":\"remove\",\"path\":\"members\"}";
    case REMOVE_NOBODY:
        return nobody(pool);
    case SET_ID:
        model->external_id = below(100);
        return apr_psprintf(pool, "{\"op\":\"add\",\"path\":\"externalId\","
                            "\"value\":\"%d\"}", model->external_id);
    case CLEAR_ID:
        model->external_id = -1;
        return "{\"op\":\"remove\",\"path\":\"externalId\"}";
    default:
        return "{\"op\":\"replace\",\"value\":{\"displayName\":\"D\"}}";
    }
}

/* Comparing */

/* -1: an id that is none of ours, or one twice. */
static int set_of(const apr_array_header_t *ids)
{
    unsigned set = 0;
    int i;

    for (i = 0; i < ids->nelts; i++) {
        const char *id = APR_ARRAY_IDX(ids, i, const char *);
        unsigned number = strtoul(id + 6, NULL, 16);

        if (strncmp(id, "abcdef", 6) != 0 || number >= IDS
            || set >> number & 1) {
            return -1;
        }
        set |= 1U << number;
    }
    return (int) set;
}

static int applied_as(const scim_group_change_t *change, model_t before,
                      model_t after)
{
    const cJSON *external_id = scim_json_member(change->attributes,
                                                "externalId");
    int added = set_of(change->added);
    int removed = set_of(change->removed);
    unsigned kept = change->keep ? before.set : 0;
    int number = before.external_id;

    if (external_id) {
        number = cJSON_IsNull(external_id) ? -1
                                           : atoi(external_id->valuestring);
    }
    return added >= 0 && removed >= 0 && (added & removed) == 0
           && (change->keep || removed == 0)
           && ((kept & ~(unsigned) removed) | (unsigned) added) == after.set
           && number == after.external_id;
}

static int one_message(apr_pool_t *pool)
{
    scim_rules_t rules = { 0, 0, NULL };
    model_t before = { below(ALL + 1), (int) below(101) - 1 };
    model_t after = before;
    unsigned count = 1 + below(MOST_OPERATIONS);
    const char *text = "{\"Operations\":[";
    scim_group_change_t change;
    scim_error_t *error;
    cJSON *message;
    unsigned i;

    for (i = 0; i < count; i++) {
        text = apr_pstrcat(pool, text, i ? "," : "",
                           random_operation(&after, pool), NULL);
    }
    text = apr_pstrcat(pool, text, "]}", NULL);
    error = scim_json_parse(&message, text, strlen(text), pool);
    if (!error) {
        error = scim_group_change_patch(&change, "x", message, &rules,
                                        apr_array_make(pool, 4,
                                                       sizeof(char *)),
                                        pool);
    }
    if (!error && applied_as(&change, before, after)) {
        return 1;
    }
    printf("# %s\n# of %x makes %x%s%s\n", text, before.set, after.set,
           error ? ": " : "", error ? error->detail : "");
    return 0;
}

static void run_seed(apr_uint64_t seed, apr_pool_t *root)
{
    apr_pool_t *pool;
    int passed = 1;
    int i;

    state = seed ? seed : 1;
    apr_pool_create(&pool, root);
    for (i = 0; passed && i < SEQUENCES; i++) {
        apr_pool_clear(pool);
        passed = one_message(pool);
    }
    ok(passed, apr_psprintf(root, "the same set folded and one by one, seed"
                            " %" APR_UINT64_T_FMT, seed));
    apr_pool_destroy(pool);
}

int main(void)
{
    apr_pool_t *pool = tap_start();
    const char *seed = getenv("GROUP_FOLD_SEED");

    run_seed(FIXED_SEED, pool);
    run_seed(seed ? strtoull(seed, NULL, 10)
                  : (apr_uint64_t) apr_time_now(), pool);
    return tap_done(pool);
}
