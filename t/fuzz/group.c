/* SPDX-License-Identifier: Apache-2.0 */
/* Requests to a group: what comes of one is a change or an error, the same
 * each time, the request stays as it is, and a message does what its
 * operations do one after the other. */
#include "fuzz.h"

#include <apr_hash.h>

#include "../../rules/scim_group_change.h"

#define OWN_ID "abcdef00-0000-4000-8000-00000000000f"

void fuzz_begin(apr_pool_t *pool)
{
    (void) pool;
}

static scim_error_t *read_request(scim_group_change_t *change, int is_body,
                                  const cJSON *request,
                                  const scim_rules_t *rules, apr_pool_t *pool)
{
    return is_body
           ? scim_group_change_read(change, request, rules, make_notes(pool),
                                    pool)
           : scim_group_change_patch(change, OWN_ID, request, rules,
                                     make_notes(pool), pool);
}

static const char *ids_text(const apr_array_header_t *ids, apr_pool_t *pool)
{
    const char *text = "";
    int i;

    for (i = 0; i < ids->nelts; i++) {
        const char *id = APR_ARRAY_IDX(ids, i, const char *);

        must(scim_text_is_uuid(id), "what is added or removed is an id");
        text = apr_pstrcat(pool, text, " ", id, NULL);
    }
    return text;
}

static const char *change_text(const scim_group_change_t *change,
                               apr_pool_t *pool)
{
    return apr_pstrcat(pool, change->keep ? "keep +" : "none +",
                       ids_text(change->added, pool), " -",
                       ids_text(change->removed, pool), " ",
                       scim_json_print(change->attributes, pool), NULL);
}

static void check_change(const scim_group_change_t *change, int is_body,
                         apr_pool_t *pool)
{
    apr_hash_t *seen = apr_hash_make(pool);
    const apr_array_header_t *ids
        = apr_array_append(pool, change->added, change->removed);
    int i;

    for (i = 0; i < ids->nelts; i++) {
        const char *id = APR_ARRAY_IDX(ids, i, const char *);

        must(!apr_hash_get(seen, id, APR_HASH_KEY_STRING), "an id is once");
        apr_hash_set(seen, id, APR_HASH_KEY_STRING, id);
    }
    must(change->keep || !change->removed->nelts,
         "where none is kept, none is removed");
    must(!is_body || (!change->keep
                      && scim_json_text(change->attributes, "displayName")),
         "a body says all");
}

/* One operation after the other */

typedef struct {
    apr_hash_t *set;
    cJSON *attributes;
} group_t;

static void put_ids(apr_hash_t *set, const apr_array_header_t *ids,
                    int wanted)
{
    int i;

    for (i = 0; i < ids->nelts; i++) {
        const char *id = APR_ARRAY_IDX(ids, i, const char *);

        apr_hash_set(set, id, APR_HASH_KEY_STRING, wanted ? id : NULL);
    }
}

static void apply(group_t *group, const scim_group_change_t *change)
{
    const cJSON *member;

    if (!change->keep) {
        apr_hash_clear(group->set);
    }
    put_ids(group->set, change->removed, 0);
    put_ids(group->set, change->added, 1);
    cJSON_ArrayForEach(member, change->attributes) {
        scim_json_put(group->attributes, member->string,
                      cJSON_Duplicate(member, 1));
    }
}

static group_t make_group(apr_pool_t *pool)
{
    group_t group = { apr_hash_make(pool),
                      scim_json_own(cJSON_CreateObject(), pool) };
    int i;

    for (i = 0; i < 4; i++) {
        const char *id = apr_psprintf(pool, "abcdef00-0000-4000-8000-"
                                      "00000000000%d", i);

        apr_hash_set(group.set, id, APR_HASH_KEY_STRING, id);
    }
    return group;
}

static cJSON *message_of(const cJSON *operation, const cJSON *message,
                         apr_pool_t *pool)
{
    cJSON *single = scim_json_copy(message, pool);
    cJSON *list = cJSON_CreateArray();

    cJSON_AddItemToArray(list, cJSON_Duplicate(operation, 1));
    scim_json_put(single, "Operations", list);
    return single;
}

static void check_one_by_one(const scim_group_change_t *whole,
                             const cJSON *message, const scim_rules_t *rules,
                             apr_pool_t *pool)
{
    const cJSON *operation;
    group_t at_once = make_group(pool);
    group_t one_by_one = make_group(pool);
    apr_hash_index_t *i;

    apply(&at_once, whole);
    cJSON_ArrayForEach(operation, scim_json_member(message, "Operations")) {
        scim_group_change_t change;

        must(!read_request(&change, 0, message_of(operation, message, pool),
                           rules, pool), "each operation can be done");
        apply(&one_by_one, &change);
    }
    must(apr_hash_count(at_once.set) == apr_hash_count(one_by_one.set),
         "as many members one by one");
    for (i = apr_hash_first(pool, at_once.set); i; i = apr_hash_next(i)) {
        must(apr_hash_get(one_by_one.set, apr_hash_this_key(i),
                          APR_HASH_KEY_STRING), "the same members");
    }
    must(scim_json_equal(at_once.attributes, one_by_one.attributes),
         "the same attributes");
}

void fuzz(const char *bytes, apr_size_t length, apr_pool_t *pool)
{
    unsigned mode = take_mode(&bytes, &length);
    scim_rules_t rules = rules_of(mode);
    int is_body = mode >> 2 & 1;
    scim_group_change_t change;
    scim_group_change_t again;
    cJSON *request = NULL;
    scim_error_t *error;
    const char *sent;

    if (scim_json_parse(&request, bytes, length, pool)) {
        return;
    }
    sent = scim_json_print(request, pool);
    error = read_request(&change, is_body, request, &rules, pool);
    must(!error || scim_error_status(error->kind) < 500,
         "an error is the client's");
    must_be_same(scim_json_print(request, pool), sent,
                 "the request is left as it is");
    must(!read_request(&again, is_body, request, &rules, pool) == !error,
         "the same each time");
    if (error) {
        return;
    }
    must_be_same(change_text(&again, pool), change_text(&change, pool),
                 "the same change each time");
    check_change(&change, is_body, pool);
    if (!is_body
        && cJSON_IsArray(scim_json_member(request, "Operations"))) {
        check_one_by_one(&change, request, &rules, pool);
    }
}
