/* SPDX-License-Identifier: Apache-2.0 */
/* Bulk requests: every operation is answered once, with any references.
 * Accounts are simulated: the names in the request decide what happens. */
#include "../../resources/scim_resource.h"

#define scim_db_within fuzz_within
#define scim_db_end_pipeline fuzz_end_pipeline
#define scim_db_has_pipeline fuzz_has_pipeline
#define scim_db_allow_again fuzz_allow_again
#define scim_db_defer_flush fuzz_flush
#define scim_db_flush fuzz_flush

static scim_db_t *fuzz_within(scim_db_t *db, apr_pool_t *pool);
static void fuzz_end_pipeline(scim_db_t *db);
static int fuzz_has_pipeline(const scim_db_t *db);
static void fuzz_allow_again(scim_db_t *db);
static scim_error_t *fuzz_flush(scim_db_t *db);

#include "../../resources/scim_bulk.c"
#include "../../resources/scim_warnings.c"
#include "../../resources/scim_bulk_message.c"

#include "fuzz.h"

#define MOST 40

/* The number of accounts, and whether a pipeline is open. */
static int accounts;
static int made;
static int is_open;

static cJSON *make_user(scim_call_t *call, const char *id)
{
    cJSON *user = scim_json_own(cJSON_CreateObject(), call->pool);
    cJSON *meta = cJSON_AddObjectToObject(user, "meta");

    cJSON_AddStringToObject(user, "id", id);
    cJSON_AddStringToObject(meta, "version", "W/\"1\"");
    return user;
}

/* The failure that the name of an account asks for, or NULL. */
static scim_error_t *refusal_of(scim_call_t *call, const cJSON *body)
{
    const char *name = scim_json_text(body, "userName");

    if (name && *name == '4') {
        return scim_error(call->pool, SCIM_E_UNIQUENESS, "taken");
    }
    return name && *name == '5'
           ? scim_error(call->pool, SCIM_E_UNAVAILABLE, "away") : NULL;
}

/* The manager is the one reference of an account. */
static scim_error_t *resolve_reference(scim_call_t *call, const cJSON *body)
{
    const char *reference = scim_json_text(body, "manager");
    const char *id = NULL;

    if (!reference
        || strncmp(reference, SCIM_BULK_ID, strlen(SCIM_BULK_ID)) != 0) {
        return NULL;
    }
    return call->resolve(&id, call->resolve_baton,
                         reference + strlen(SCIM_BULK_ID), call->pool);
}

static scim_error_t *fuzz_create(cJSON **user, scim_call_t *call,
                                 const cJSON *body)
{
    must(!is_open, "nothing is asked while creations are sent");
    SCIM_ERR(resolve_reference(call, body));
    SCIM_ERR(refusal_of(call, body));
    accounts++;
    *user = make_user(call, apr_psprintf(call->pool, "%d", ++made));
    return NULL;
}

static scim_error_t *fuzz_begin_creations(scim_call_t *call)
{
    must(!is_open, "a pipeline is opened once");
    is_open = 1;
    return NULL;
}

static scim_error_t *fuzz_send(cJSON **wanted, scim_call_t *call,
                               const cJSON *body)
{
    must(is_open, "what is sent is sent through a pipeline");
    must(!scim_json_text(body, "manager")
         || strncmp(scim_json_text(body, "manager"), SCIM_BULK_ID,
                    strlen(SCIM_BULK_ID)) != 0,
         "what refers to others is not sent ahead");
    *wanted = scim_json_copy(body, call->pool);
    return NULL;
}

static scim_error_t *fuzz_receive(cJSON **user, scim_call_t *call,
                                  const cJSON *wanted)
{
    SCIM_ERR(refusal_of(call, wanted));
    accounts++;
    *user = make_user(call, apr_psprintf(call->pool, "%d", ++made));
    return NULL;
}

static scim_error_t *fuzz_write(cJSON **user, scim_call_t *call,
                                const char *id, const cJSON *body)
{
    must(!is_open && id, "an account that is written is known");
    SCIM_ERR(resolve_reference(call, body));
    SCIM_ERR(refusal_of(call, body));
    *user = make_user(call, id);
    return NULL;
}

static scim_error_t *fuzz_delete(scim_call_t *call, const char *id)
{
    must(!is_open && id, "an account that is deleted is known");
    return NULL;
}

static const scim_creations_t fuzz_creations = {
    fuzz_begin_creations, fuzz_send, fuzz_receive
};

static const scim_resource_t fuzz_users = {
    .type = &scim_user_type, .create = fuzz_create, .replace = fuzz_write,
    .patch = fuzz_write, .remove = fuzz_delete, .complete = fuzz_write,
    .creations = &fuzz_creations
};

const scim_resource_t *const scim_resources[] = { &fuzz_users, NULL };

const scim_resource_t *scim_resource_at(const char *endpoint,
                                        apr_size_t length)
{
    return strncmp(endpoint, "Users", length) == 0 && length == 5
           ? &fuzz_users : NULL;
}

int scim_resource_offers(const scim_resource_t *resource,
                         scim_operation_e operation)
{
    return 1;
}

static scim_db_t *fuzz_within(scim_db_t *db, apr_pool_t *pool)
{
    return db;
}

static void fuzz_allow_again(scim_db_t *db)
{
    (void) db;
}

static int fuzz_has_pipeline(const scim_db_t *db)
{
    (void) db;
    return 1;
}

static void fuzz_end_pipeline(scim_db_t *db)
{
    must(is_open, "what is closed was opened");
    is_open = 0;
}

static scim_error_t *fuzz_flush(scim_db_t *db)
{
    return NULL;
}

void fuzz_begin(apr_pool_t *pool)
{
}

static int count_of(const cJSON *message, const scim_rules_t *rules,
                    apr_pool_t *pool)
{
    const cJSON *list = scim_json_member_nocase(message, "Operations");

    return cJSON_GetArraySize(scim_shape_listed(list, rules, pool));
}

static int is_status(const char *text)
{
    return text && (strcmp(text, "201") == 0 || strcmp(text, "200") == 0
                    || strcmp(text, "204") == 0 || atoi(text) >= 400);
}

/* Each operation has one result, except those after an early end. */
static void check_response(const cJSON *response, int count, int is_stopped)
{
    const cJSON *results = scim_json_member(response, "Operations");
    const cJSON *result;

    must(cJSON_GetArraySize(results) == count
         || (is_stopped && cJSON_GetArraySize(results) < count),
         "every operation is answered");
    cJSON_ArrayForEach(result, results) {
        const char *status = scim_json_text(result, "status");

        must(scim_json_text(result, "method") != NULL, "with its method");
        must(is_status(status), "and a status");
        must((atoi(status) >= 400)
             == (scim_json_member(result, "response") != NULL),
             "and why it failed");
        must(atoi(status) >= 400 || scim_json_text(result, "location"),
             "or where it is");
    }
}

static scim_call_t call_in(apr_pool_t *pool, unsigned mode)
{
    static const scim_principal_t acme = { .organization_key = "acme" };
    scim_call_t call = { .pool = pool, .principal = &acme,
                         .rules = rules_of(mode),
                         .base = "https://example.com/scim/acme/v2",
                         .notes = make_notes(pool) };

    call.refusals = apr_array_make(pool, 4, sizeof(scim_refusal_t));
    call.warnings = apr_array_make(pool, 4, sizeof(scim_warning_t));
    return call;
}

void fuzz(const char *bytes, apr_size_t length, apr_pool_t *pool)
{
    unsigned mode = take_mode(&bytes, &length);
    scim_call_t call = call_in(pool, mode);
    scim_error_t *failure = NULL;
    cJSON *response = NULL;
    cJSON *message = NULL;
    int is_limited;

    if (scim_json_parse(&message, bytes, length, pool)) {
        return;
    }
    accounts = made = is_open = 0;
    if (scim_bulk_run(&response, &failure, &call, message, MOST)) {
        must(made == 0, "what is refused has done nothing");
        return;
    }
    is_limited = failure
                 || scim_json_member_nocase(message, "failOnErrors") != NULL;
    must(!is_open, "no pipeline is left open");
    check_response(response, count_of(message, &call.rules, pool),
                   is_limited);
}
