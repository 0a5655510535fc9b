#include "resources/scim_bulk.h"

#include <limits.h>
#include <string.h>

#include <apr_hash.h>
#include <apr_strings.h>

#include "resources/scim_activity.h"
#include "values/scim_json.h"
#include "rules/scim_patch.h"
#include "rules/scim_shape.h"
#include "scim_users.h"

#define REQUEST_URN "urn:ietf:params:scim:api:messages:2.0:BulkRequest"
#define RESPONSE_URN "urn:ietf:params:scim:api:messages:2.0:BulkResponse"

/* An operation that needs another one has it run first, within itself; so
 * deep at most, what is deeper waits for the second pass. */
#define MAX_DEPTH 32

/* So many accounts are created before the answer to the first is awaited. */
#define MAX_AHEAD 64

#define OPERATION_WORK 20000     /* units, beside what it does */

#define MAX_DIGITS 9             /* of a number in text */

typedef enum { WAITING, RUNNING, DONE, FAILED } state_e;

typedef struct bulk_t bulk_t;

typedef struct operation_t operation_t;
struct operation_t {
    const char *method;
    const char *bulk_id;          /* or NULL */
    const char *path;
    const cJSON *version;         /* or NULL */
    const cJSON *data;            /* or NULL */
    state_e state;
    const char *id;               /* of the account, once known */
    const operation_t *needs;     /* the POST that it refers to, or NULL */
    int is_incomplete;            /* its id is put in by the second pass */
    cJSON *result;
};

struct bulk_t {
    scim_call_t *call;
    operation_t *operations;
    int count;
    int depth;
    int errors;
    int errors_allowed;           /* this many stop it; 0: any number */
    apr_hash_t *posts;            /* bulkId => operation_t of a POST */
    scim_error_t *revoked;        /* what all operations get from now on: the
                                   * token was deleted or has ended, or
                                   * provisioning was switched off; or NULL */
    scim_error_t *failure;
};

/* One operation under way: the baton of scim_call_t.resolve. */
typedef struct {
    bulk_t *bulk;
    operation_t *operation;
} run_t;

/* The message */

static scim_error_t *no_request(scim_call_t *call, const char *why)
{
    return scim_error(call->pool, SCIM_E_INVALID_SYNTAX,
                      "The body is no BulkRequest: %s.", why);
}

/* A number of errors, in text too unless strict; -1 for what is none. */
static int number_of_errors(const cJSON *value, int strict)
{
    const char *text = strict ? NULL : cJSON_GetStringValue(value);
    double number = cJSON_IsNumber(value) ? value->valuedouble : -1;

    if (text && strlen(text) <= MAX_DIGITS
        && strspn(text, "0123456789") == strlen(text)) {
        number = (double) apr_atoi64(text);
    }
    return number >= 0 && number <= INT_MAX && number == (int) number
           ? (int) number : -1;
}

/* Client libraries write 0 for a number that nobody has set, and other servers
 * take it for no limit.  As a limit it would have no meaning: before the first
 * error nothing can be stopped by one. */
static scim_error_t *read_errors_allowed(bulk_t *bulk, const cJSON *message)
{
    const cJSON *value = scim_json_member_nocase(message, "failOnErrors");
    const scim_rules_t *rules = &bulk->call->rules;
    int strict = rules->strict;
    int number;

    value = scim_shape_of_simple(value, 0, rules, bulk->call->pool);
    if (scim_shape_is_absent(value, rules)) {
        return NULL;
    }
    number = number_of_errors(value, strict);
    if (number < 0 || (number == 0 && strict)) {
        return no_request(bulk->call,
                          "failOnErrors must be a positive integer");
    }
    bulk->errors_allowed = number;
    return NULL;
}

static const cJSON *member_of(const bulk_t *bulk, const cJSON *object,
                              const char *name)
{
    const cJSON *member = scim_json_member_nocase(object, name);

    return scim_shape_is_absent(member, &bulk->call->rules) ? NULL : member;
}

static const char *text_of(const bulk_t *bulk, const cJSON *object,
                           const char *name)
{
    return cJSON_GetStringValue(member_of(bulk, object, name));
}

/* A condition in another form is one that cannot be kept. */
static int is_empty_text(const bulk_t *bulk, const cJSON *value)
{
    return cJSON_IsString(value)
           && scim_shape_is_absent(value, &bulk->call->rules);
}

static scim_error_t *read_operation(bulk_t *bulk, operation_t *operation,
                                    const cJSON *message)
{
    const char *method = text_of(bulk, message, "method");

    operation->method = method ? method : "";
    operation->bulk_id = text_of(bulk, message, "bulkId");
    operation->path = text_of(bulk, message, "path");
    operation->version = scim_json_member_nocase(message, "version");
    if (is_empty_text(bulk, operation->version)) {
        operation->version = NULL;
    }
    operation->data = scim_shape_of_object(member_of(bulk, message, "data"),
                                           &bulk->call->rules,
                                           bulk->call->pool);
    if (!operation->bulk_id
        || strcasecmp(operation->method, "POST") != 0) {
        return NULL;
    }
    if (apr_hash_get(bulk->posts, operation->bulk_id, APR_HASH_KEY_STRING)) {
        return scim_error(bulk->call->pool, SCIM_E_INVALID_SYNTAX,
                          "The bulkId '%.60s' occurs twice.",
                          operation->bulk_id);
    }
    apr_hash_set(bulk->posts, operation->bulk_id, APR_HASH_KEY_STRING,
                 operation);
    return NULL;
}

static const cJSON *operations_of(const scim_call_t *call,
                                  const cJSON *message)
{
    return scim_shape_listed(scim_json_member_nocase(message, "Operations"),
                             &call->rules, call->pool);
}

int scim_bulk_count(const scim_call_t *call, const cJSON *message)
{
    return cJSON_GetArraySize(operations_of(call, message));
}

static scim_error_t *read_message(bulk_t *bulk, const cJSON *message,
                                  int most)
{
    const cJSON *list = operations_of(bulk->call, message);
    const cJSON *operation;

    if (!cJSON_IsObject(message)
        || !scim_json_names(scim_json_member_nocase(message, "schemas"),
                            REQUEST_URN)) {
        return no_request(bulk->call, "schemas must hold " REQUEST_URN);
    }
    if (!cJSON_IsArray(list) || !list->child) {
        return no_request(bulk->call, "Operations must be a list that is not"
                          " empty");
    }
    if (cJSON_GetArraySize(list) > most) {
        return scim_error(bulk->call->pool, SCIM_E_TOO_LARGE,
                          "The request has more than %d operations"
                          " (maxOperations).", most);
    }
    SCIM_ERR(read_errors_allowed(bulk, message));
    bulk->operations = apr_pcalloc(bulk->call->pool,
                                   (apr_size_t) cJSON_GetArraySize(list)
                                   * sizeof(operation_t));
    cJSON_ArrayForEach(operation, list) {
        if (!cJSON_IsObject(operation)) {
            return no_request(bulk->call, "an operation must be an object");
        }
        SCIM_ERR(read_operation(bulk, bulk->operations + bulk->count++,
                                operation));
    }
    return NULL;
}

/* Operations */

typedef struct {
    const char *method;
    int on_collection;            /* path is /Users, else /Users/{id} */
    int has_data;
    int status;
} method_t;

static const method_t methods[] = {
    { "POST", 1, 1, 201 }, { "PUT", 0, 1, 200 }, { "PATCH", 0, 1, 200 },
    { "DELETE", 0, 0, 204 }
};
#define METHODS (sizeof(methods) / sizeof(*methods))

static const method_t *method_of(const operation_t *operation)
{
    apr_size_t i;

    for (i = 0; i < METHODS; i++) {
        if (strcasecmp(methods[i].method, operation->method) == 0) {
            return methods + i;
        }
    }
    return NULL;
}

/* References */

static int is_creation(const operation_t *operation)
{
    const method_t *method = method_of(operation);

    return method && method->on_collection;
}

static void run_operation(bulk_t *bulk, operation_t *operation);
static void run_and_settle(bulk_t *bulk, operation_t *operation);

/* For nobody, nothing more is done. */
static int is_stopped(const bulk_t *bulk)
{
    const scim_call_t *call = bulk->call;

    if (call->is_gone && call->is_gone(call->is_gone_baton)) {
        return 1;
    }
    return bulk->failure || (bulk->errors_allowed
                             && bulk->errors >= bulk->errors_allowed);
}

/* Creations may need each other in a circle, which is settled when all have
 * run; whatever else needs one, needs it settled. */
static void run_needed(bulk_t *bulk, const operation_t *for_whom,
                       operation_t *post)
{
    if (post->state != WAITING || is_stopped(bulk)) {
        return;
    }
    if (!is_creation(for_whom)) {
        run_and_settle(bulk, post);
    }
    else if (bulk->depth < MAX_DEPTH) {
        run_operation(bulk, post);
    }
}

/* The id behind a bulkId; NULL, for a creation: it will be known in the second
 * pass. */
static scim_error_t *resolve(const char **id, void *baton,
                             const char *bulk_id, apr_pool_t *pool)
{
    const run_t *run = baton;
    operation_t *post = apr_hash_get(run->bulk->posts, bulk_id,
                                     APR_HASH_KEY_STRING);

    *id = NULL;
    if (!post) {
        return scim_error(pool, SCIM_E_INVALID_VALUE,
                          "No POST of this request has the bulkId '%.60s'.",
                          bulk_id);
    }
    run_needed(run->bulk, run->operation, post);
    if (post->state == FAILED
        || (post->state != DONE && !is_creation(run->operation))) {
        return scim_error(pool, SCIM_E_CONFLICT,
                          "The operation with the bulkId '%.60s' failed.",
                          bulk_id);
    }
    *id = post->id;
    if (is_creation(run->operation)) {
        run->operation->needs = post;
        run->operation->is_incomplete = post->id == NULL;
    }
    return NULL;
}

/* What follows "Users/" in the path; *is_collection without one. */
static scim_error_t *read_path(const char **id, int *is_collection,
                               const scim_call_t *call, const char *path)
{
    const char *endpoint = scim_user_type.endpoint + 1;
    apr_size_t base = strlen(call->base);

    if (strncmp(path, call->base, base) == 0) {
        path += base;
    }
    path += *path == '/';
    if (strchr(path, '?')) {
        return scim_error(call->pool, SCIM_E_INVALID_VALUE,
                          "The path of an operation takes no query.");
    }
    if (strncmp(path, endpoint, strlen(endpoint)) != 0
        || (path[strlen(endpoint)] && path[strlen(endpoint)] != '/')) {
        return scim_error(call->pool, SCIM_E_NOT_FOUND,
                          "Operations are possible on /Users only, not on"
                          " '%.60s'.", path);
    }
    path += strlen(endpoint);
    *is_collection = !path[0] || !path[1];
    *id = *is_collection ? NULL : path + 1;
    return NULL;
}

static scim_error_t *check(const method_t **method, scim_call_t *call,
                           operation_t *operation)
{
    int is_collection = 0;

    scim_work_take(call->rules.work, 1, OPERATION_WORK);
    SCIM_ERR(scim_work_check(call->rules.work, call->pool));
    *method = method_of(operation);
    if (!*method) {
        return scim_error(call->pool, SCIM_E_INVALID_SYNTAX,
                          "The method of an operation must be POST, PUT,"
                          " PATCH or DELETE.");
    }
    if (!operation->path) {
        return scim_error(call->pool, SCIM_E_INVALID_SYNTAX,
                          "The operation has no path.");
    }
    if (operation->version && !cJSON_IsString(operation->version)
        && !cJSON_IsNull(operation->version)) {
        return scim_error(call->pool, SCIM_E_INVALID_SYNTAX,
                          "version must be a string.");
    }
    SCIM_ERR(read_path(&operation->id, &is_collection, call,
                       operation->path));
    if (is_collection != (*method)->on_collection) {
        return scim_error(call->pool, SCIM_E_INVALID_VALUE,
                          "%s needs a path like %s.", (*method)->method,
                          (*method)->on_collection ? "/Users"
                                                   : "/Users/{id}");
    }
    if ((*method)->on_collection
        && (!operation->bulk_id || !*operation->bulk_id)) {
        return scim_error(call->pool, SCIM_E_INVALID_SYNTAX,
                          "POST needs a bulkId.");
    }
    if ((*method)->has_data && !cJSON_IsObject(operation->data)) {
        return scim_error(call->pool, SCIM_E_INVALID_SYNTAX,
                          "%s needs data, an object.", (*method)->method);
    }
    return NULL;
}

static scim_error_t *find_target(scim_call_t *call, run_t *run)
{
    const char *id = run->operation->id;

    if (!id || strncmp(id, SCIM_BULK_ID, strlen(SCIM_BULK_ID)) != 0) {
        return NULL;
    }
    run->operation->id = NULL;
    return resolve(&run->operation->id, run, id + strlen(SCIM_BULK_ID),
                   call->pool);
}

static scim_error_t *perform(cJSON **user, scim_call_t *call, run_t *run)
{
    const operation_t *operation = run->operation;
    const method_t *method;

    SCIM_ERR(run->bulk->revoked);
    SCIM_ERR(check(&method, call, run->operation));
    SCIM_ERR(find_target(call, run));
    if (method->on_collection) {
        return scim_users_create(user, call, operation->data);
    }
    if (!method->has_data) {
        return scim_users_delete(call, operation->id);
    }
    return strcmp(method->method, "PUT") == 0
           ? scim_users_replace(user, call, operation->id, operation->data)
           : scim_users_patch(user, call, operation->id, operation->data);
}

/* Results */

/* A failed POST has no location; of a path that names no resource it is what
 * was sent. */
static void put_location(bulk_t *bulk, operation_t *operation)
{
    const method_t *method = method_of(operation);
    const char *path = operation->path;
    apr_pool_t *pool = bulk->call->pool;

    if (operation->id) {
        path = apr_pstrcat(pool, scim_user_type.endpoint, "/", operation->id,
                           NULL);
    }
    else if (!path || (method && method->on_collection)) {
        return;
    }
    if (strncmp(path, bulk->call->base, strlen(bulk->call->base)) != 0) {
        path = apr_pstrcat(pool, bulk->call->base, *path == '/' ? "" : "/",
                           path, NULL);
    }
    scim_json_put_text(operation->result, "location", path);
}

static cJSON *begin_result(bulk_t *bulk, operation_t *operation)
{
    apr_pool_t *pool = bulk->call->pool;

    operation->result = scim_json_own(cJSON_CreateObject(), pool);
    scim_json_put_text(operation->result, "method", operation->method);
    scim_json_put_text(operation->result, "bulkId", operation->bulk_id);
    put_location(bulk, operation);
    return operation->result;
}

static void put_success(bulk_t *bulk, operation_t *operation, int status,
                        const cJSON *user)
{
    cJSON *result;

    if (user) {
        operation->id = apr_pstrdup(bulk->call->pool,
                                    scim_json_text(user, "id"));
    }
    operation->state = DONE;
    result = begin_result(bulk, operation);
    scim_json_put_text(result, "version",
                       scim_json_text(scim_json_member(user, "meta"),
                                      "version"));
    scim_json_put_text(result, "status",
                       apr_itoa(bulk->call->pool, status));
}

/* For the organization's administrators, as if it had been a request. */
static void note_refusal(bulk_t *bulk, const operation_t *operation,
                         const scim_error_t *error)
{
    scim_refusal_t *refusal = apr_array_push(bulk->call->refusals);

    refusal->method = operation->method;
    refusal->path = operation->path ? operation->path : "";
    refusal->id = operation->id;
    refusal->user_name = text_of(bulk, operation->data, "userName");
    refusal->error = scim_error(bulk->call->pool, error->kind, "%s",
                                error->detail);
}

static int is_revocation(const scim_error_t *error)
{
    return error->kind == SCIM_E_UNAUTHORIZED
           || error->kind == SCIM_E_SWITCHED_OFF;
}

/* That a token was revoked is told once, whatever it still had to do. */
static void note_error(bulk_t *bulk, const operation_t *operation,
                       const scim_error_t *error)
{
    if (!bulk->revoked) {
        note_refusal(bulk, operation, error);
    }
    if (!bulk->revoked && is_revocation(error)) {
        bulk->revoked = scim_error(bulk->call->pool, error->kind, "%s",
                                   error->detail);
    }
}

static void put_failure(bulk_t *bulk, operation_t *operation,
                        const scim_error_t *error)
{
    apr_pool_t *pool = bulk->call->pool;
    int status = scim_error_status(error->kind);
    const cJSON *body = scim_schema_error(status,
                                          scim_error_type(error->kind),
                                          error->detail, pool);
    cJSON *result;

    bulk->errors++;
    operation->state = FAILED;
    if (is_creation(operation)) {
        operation->id = NULL;
    }
    note_error(bulk, operation, error);
    result = begin_result(bulk, operation);
    scim_json_put_text(result, "status", apr_itoa(pool, status));
    scim_json_put(result, "response", cJSON_Duplicate(body, 1));
    if (status >= 500) {
        bulk->failure = scim_error_caused(pool, error->kind, error->detail,
                                          error->cause);
    }
}

static void take_notes(bulk_t *bulk, const operation_t *operation,
                       const scim_call_t *call, const scim_error_t *error)
{
    scim_call_t *whole = bulk->call;
    int number = (int) (operation - bulk->operations) + 1;
    int i;

    for (i = 0; i < call->notes->nelts; i++) {
        scim_note(whole->notes, "operation %d: %s", number,
                  APR_ARRAY_IDX(call->notes, i, const char *));
    }
    if (error) {
        scim_note(whole->notes, "operation %d: %d: %s%s%s", number,
                  scim_error_status(error->kind), error->detail,
                  error->cause ? " Cause: " : "",
                  error->cause ? error->cause : "");
    }
}

/* The surroundings of one operation, whose memory goes with pool. */
static scim_call_t call_of(run_t *run, apr_pool_t *pool)
{
    scim_call_t call = *run->bulk->call;

    call.pool = pool;
    call.db = scim_db_within(call.db, pool);
    scim_db_allow_again(call.db);
    call.if_match = cJSON_GetStringValue(run->operation->version);
    call.if_none_match = NULL;
    call.notes = apr_array_make(pool, 4, sizeof(const char *));
    call.resolve = resolve;
    call.resolve_baton = run;
    return call;
}

static void finish(run_t *run, const scim_call_t *call,
                   const scim_error_t *error, const cJSON *user)
{
    take_notes(run->bulk, run->operation, call, error);
    if (error) {
        put_failure(run->bulk, run->operation, error);
    }
    else {
        put_success(run->bulk, run->operation,
                    method_of(run->operation)->status, user);
    }
}

static void run_operation(bulk_t *bulk, operation_t *operation)
{
    run_t run = { bulk, operation };
    scim_error_t *error;
    cJSON *user = NULL;
    scim_call_t call;
    apr_pool_t *pool;

    apr_pool_create(&pool, bulk->call->pool);
    call = call_of(&run, pool);
    operation->state = RUNNING;
    bulk->depth++;
    error = perform(&user, &call, &run);
    bulk->depth--;
    finish(&run, &call, error, user);
    apr_pool_destroy(pool);
}

/* Creations that need nothing of each other go out together. */

/* Whether a reference may be in it; if in doubt, yes. */
static int refers(const cJSON *value)
{
    const cJSON *child;

    if (cJSON_IsString(value)) {
        return strstr(value->valuestring, SCIM_BULK_ID) != NULL;
    }
    cJSON_ArrayForEach(child, value) {
        if (refers(child)) {
            return 1;
        }
    }
    return 0;
}

static int may_go_ahead(const bulk_t *bulk, const operation_t *operation)
{
    return !bulk->errors_allowed && operation->state == WAITING
           && is_creation(operation) && !refers(operation->data);
}

typedef struct {
    run_t run;
    scim_call_t call;
    apr_pool_t *pool;
    cJSON *wanted;
    scim_error_t *error;
} creation_t;

static void send_creation(creation_t *creation, bulk_t *bulk,
                          operation_t *operation)
{
    const method_t *method;

    creation->run.bulk = bulk;
    creation->run.operation = operation;
    apr_pool_create(&creation->pool, bulk->call->pool);
    creation->call = call_of(&creation->run, creation->pool);
    creation->error = bulk->revoked;
    if (!creation->error) {
        creation->error = check(&method, &creation->call, operation);
    }
    if (!creation->error) {
        creation->error = scim_users_send_creation(&creation->wanted,
                                                   &creation->call,
                                                   operation->data);
    }
}

/* What is wrong with a creation may need a look into the database, for which
 * there is no place among the creations that were sent: it waits. */
static int is_refused(const creation_t *creation)
{
    return creation->error && scim_error_status(creation->error->kind) < 500;
}

static void receive_creation(creation_t *creation)
{
    cJSON *user = NULL;

    if (!creation->error) {
        creation->error = scim_users_receive_creation(&user, &creation->call,
                                                      creation->wanted);
    }
    finish(&creation->run, &creation->call, creation->error, user);
}

/* Run the creations from operation on, count of them. */
static scim_error_t *run_together(bulk_t *bulk, operation_t *operation,
                                  int count)
{
    creation_t *creations = apr_pcalloc(bulk->call->pool, (apr_size_t) count
                                                     * sizeof(creation_t));
    int i;

    SCIM_ERR(scim_users_begin_creations(bulk->call));
    for (i = 0; i < count; i++) {
        send_creation(creations + i, bulk, operation + i);
    }
    for (i = 0; i < count; i++) {
        if (!is_refused(creations + i)) {
            receive_creation(creations + i);
        }
        apr_pool_destroy(creations[i].pool);
    }
    scim_db_end_pipeline(bulk->call->db);
    for (i = 0; i < count && !is_stopped(bulk); i++) {
        if (operation[i].state == WAITING) {
            run_operation(bulk, operation + i);
        }
    }
    return NULL;
}

static int count_ahead(const bulk_t *bulk, int first)
{
    int most = scim_db_has_pipeline(bulk->call->db) ? MAX_AHEAD : 0;
    int count = 0;

    while (count < most && first + count < bulk->count
           && may_go_ahead(bulk, bulk->operations + first + count)) {
        count++;
    }
    return count;
}

/* The second pass */

static cJSON *manager_message(const char *id, apr_pool_t *pool)
{
    cJSON *message = scim_json_own(cJSON_CreateObject(), pool);
    cJSON *operations = cJSON_AddArrayToObject(message, "Operations");
    cJSON *operation = cJSON_CreateObject();
    cJSON *schemas = cJSON_AddArrayToObject(message, "schemas");

    cJSON_AddItemToArray(schemas, cJSON_CreateString(SCIM_PATCH_URN));
    cJSON_AddItemToArray(operations, operation);
    cJSON_AddStringToObject(operation, "op", "add");
    cJSON_AddStringToObject(operation, "path",
                            SCIM_URN_ENTERPRISE ":manager.value");
    cJSON_AddStringToObject(operation, "value", id);
    return message;
}

static scim_error_t *put_manager(cJSON **user, scim_call_t *call,
                                 const operation_t *operation)
{
    return scim_users_patch(user, call, operation->id,
                            manager_message(operation->needs->id,
                                            call->pool));
}

/* What a creation that fails has made must not stay. */
static scim_error_t *undo(cJSON **unused, scim_call_t *call,
                          const operation_t *operation)
{
    SCIM_ERR(scim_users_delete(call, operation->id));
    return scim_error(call->pool, SCIM_E_CONFLICT,
                      "The operation with the bulkId '%.60s' failed.",
                      operation->needs->bulk_id);
}

static void run_again(bulk_t *bulk, operation_t *operation,
                      scim_error_t *(*pass)(cJSON **user, scim_call_t *call,
                                            const operation_t *operation))
{
    run_t run = { bulk, operation };
    scim_error_t *error;
    cJSON *user = NULL;
    scim_call_t call;
    apr_pool_t *pool;

    apr_pool_create(&pool, bulk->call->pool);
    call = call_of(&run, pool);
    call.if_match = NULL;
    error = pass(&user, &call, operation);
    if (error) {
        take_notes(bulk, operation, &call, error);
        put_failure(bulk, operation, error);
    }
    else if (user) {
        put_success(bulk, operation, method_of(operation)->status, user);
    }
    apr_pool_destroy(pool);
}

/* Whoever fails makes those fail that need him. */
static void undo_dependent(bulk_t *bulk)
{
    int undone;
    int i;

    do {
        undone = 0;
        for (i = 0; i < bulk->count && !bulk->failure; i++) {
            operation_t *operation = bulk->operations + i;

            if (operation->state == DONE && operation->needs
                && operation->needs->state != DONE) {
                run_again(bulk, operation, undo);
                operation->state = FAILED;
                undone = 1;
            }
        }
    } while (undone);
}

static void complete(bulk_t *bulk)
{
    int i;

    for (i = 0; i < bulk->count && !bulk->failure; i++) {
        operation_t *operation = bulk->operations + i;

        if (operation->state == DONE && operation->is_incomplete) {
            run_again(bulk, operation, put_manager);
            operation->is_incomplete = 0;
        }
    }
}

/* The next creation that waits although another one needs it: the chain of
 * those that need each other was longer than MAX_DEPTH. */
static operation_t *left_waiting(const bulk_t *bulk)
{
    int i;

    for (i = 0; i < bulk->count; i++) {
        const operation_t *operation = bulk->operations + i;

        if (operation->state == DONE && operation->is_incomplete
            && operation->needs->state == WAITING) {
            return bulk->operations + (operation->needs - bulk->operations);
        }
    }
    return NULL;
}

/* With what it needs, so that nothing of it is open when the next operation
 * comes. */
static void run_and_settle(bulk_t *bulk, operation_t *operation)
{
    int depth = bulk->depth;

    bulk->depth = 0;
    while (operation) {
        run_operation(bulk, operation);
        operation = is_stopped(bulk) ? NULL : left_waiting(bulk);
    }
    bulk->depth = depth;
    undo_dependent(bulk);
    complete(bulk);
}

static scim_error_t *run_all(bulk_t *bulk)
{
    int i = 0;

    while (i < bulk->count && !is_stopped(bulk)) {
        int ahead = count_ahead(bulk, i);

        if (ahead > 1) {
            SCIM_ERR(run_together(bulk, bulk->operations + i, ahead));
            i += ahead;
        }
        else if (bulk->operations[i].state == WAITING) {
            run_and_settle(bulk, bulk->operations + i++);
        }
        else {
            i++;
        }
    }
    return NULL;
}

static cJSON *response_of(const bulk_t *bulk)
{
    cJSON *response = scim_json_own(cJSON_CreateObject(), bulk->call->pool);
    cJSON *schemas = cJSON_AddArrayToObject(response, "schemas");
    cJSON *operations = cJSON_AddArrayToObject(response, "Operations");
    int i;

    cJSON_AddItemToArray(schemas, cJSON_CreateString(RESPONSE_URN));
    for (i = 0; i < bulk->count; i++) {
        if (bulk->operations[i].result) {
            cJSON_AddItemReferenceToArray(operations,
                                          bulk->operations[i].result);
        }
    }
    return response;
}

scim_error_t *scim_bulk_run(cJSON **response, scim_error_t **failure,
                            scim_call_t *call, const cJSON *message,
                            int most)
{
    bulk_t bulk = { .call = call,
                    .posts = apr_hash_make(call->pool) };

    SCIM_ERR(read_message(&bulk, message, most));
    SCIM_ERR(scim_db_defer_flush(call->db));
    SCIM_ERR(run_all(&bulk));
    SCIM_ERR(scim_db_flush(call->db));
    *response = response_of(&bulk);
    *failure = bulk.failure;
    return NULL;
}
