/* SPDX-License-Identifier: Apache-2.0 */
/* Bulk requests, see scim_bulk.h for states, passes and the pipeline.
 *
 * scim_bulk_message.c has read the message into operations.  In this order:
 * references are resolved (by resolve, which a resource type calls when it
 * finds one); an operation is checked and performed; its result is kept;
 * creations are sent together; the second pass; and run_all, which runs the
 * list.
 */
#include "resources/scim_bulk.h"

#include <string.h>

#include <apr_strings.h>

#include "resources/scim_activity.h"
#include "resources/scim_bulk_message.h"
#include "values/scim_json.h"

#define RESPONSE_URN "urn:ietf:params:scim:api:messages:2.0:BulkResponse"

/* If an operation needs another one, that runs first, within it, up to this
 * depth; deeper ones wait for the second pass. */
#define MAX_DEPTH 32

/* The most creations that are sent before the answer to the first is
 * awaited. */
#define MAX_AHEAD 64

#define OPERATION_WORK 20000     /* units, besides the work of its type */

/* A running operation: the baton of scim_call_t.resolve. */
typedef struct {
    scim_bulk_t *bulk;
    scim_bulk_op_t *operation;
} run_t;

/* Operations */

typedef struct {
    const char *method;
    scim_operation_e operation;
    int on_collection;            /* path is /Users, else /Users/{id} */
    int has_data;
    int status;
} method_t;

static const method_t methods[] = {
    { "POST", SCIM_CREATE, 1, 1, 201 }, { "PUT", SCIM_REPLACE, 0, 1, 200 },
    { "PATCH", SCIM_PATCH, 0, 1, 200 }, { "DELETE", SCIM_DELETE, 0, 0, 204 }
};
#define METHODS (sizeof(methods) / sizeof(*methods))

static const method_t *method_of(const scim_bulk_op_t *operation)
{
    apr_size_t i;

    for (i = 0; i < METHODS; i++) {
        if (strcasecmp(methods[i].method, operation->method) == 0) {
            return methods + i;
        }
    }
    return NULL;
}

/* The status of the operation as a request of its own, if it succeeds. */
static int success_of(const scim_bulk_op_t *operation)
{
    const method_t *method = method_of(operation);

    return method->operation == SCIM_PATCH && operation->resource->is_quiet
           ? 204 : method->status;
}

/* References */

static int is_creation(const scim_bulk_op_t *operation)
{
    const method_t *method = method_of(operation);

    return method && method->on_collection;
}

static void run_operation(scim_bulk_t *bulk, scim_bulk_op_t *operation);
static void run_and_settle(scim_bulk_t *bulk, scim_bulk_op_t *operation);

/* If the client has gone, nothing more is done. */
static int is_stopped(const scim_bulk_t *bulk)
{
    const scim_call_t *call = bulk->call;

    if (call->is_gone && call->is_gone(call->is_gone_baton)) {
        return 1;
    }
    return bulk->failure || (bulk->errors_allowed
                             && bulk->errors >= bulk->errors_allowed);
}

/* Creations may need each other in a circle, and are complete when all of them
 * have run; any other operation needs a complete one. */
static void run_needed(scim_bulk_t *bulk, const scim_bulk_op_t *for_whom,
                       scim_bulk_op_t *post)
{
    if (post->state != SCIM_WAITING || is_stopped(bulk)) {
        return;
    }
    if (!is_creation(for_whom)) {
        run_and_settle(bulk, post);
    }
    else if (bulk->depth < MAX_DEPTH) {
        run_operation(bulk, post);
    }
}

static void need(const run_t *run, scim_bulk_op_t *post)
{
    scim_bulk_op_t *operation = run->operation;

    if (!operation->needs) {
        operation->needs = apr_array_make(run->bulk->call->pool, 1,
                                          sizeof(scim_bulk_op_t *));
    }
    APR_ARRAY_PUSH(operation->needs, scim_bulk_op_t *) = post;
    operation->is_incomplete |= post->id == NULL;
}

/* The first POST that operation needs and that is not done or, if is_waiting,
 * has not been run; or NULL. */
static scim_bulk_op_t *needed(const scim_bulk_op_t *operation, int is_waiting)
{
    int i;

    for (i = 0; operation->needs && i < operation->needs->nelts; i++) {
        scim_bulk_op_t *post = APR_ARRAY_IDX(operation->needs, i,
                                             scim_bulk_op_t *);

        if (is_waiting ? post->state == SCIM_WAITING
                       : post->state != SCIM_DONE) {
            return post;
        }
    }
    return NULL;
}

/* The id of the POST with bulk_id; NULL, only for a creation, if it is not
 * known before the second pass. */
static scim_error_t *resolve(const char **id, void *baton,
                             const char *bulk_id, apr_pool_t *pool)
{
    const run_t *run = baton;
    scim_bulk_op_t *post = apr_hash_get(run->bulk->posts, bulk_id,
                                     APR_HASH_KEY_STRING);

    *id = NULL;
    if (!post) {
        return scim_error(pool, SCIM_E_INVALID_VALUE,
                          "No POST of this request has the bulkId '%.60s'.",
                          bulk_id);
    }
    run_needed(run->bulk, run->operation, post);
    if (post->state == SCIM_FAILED
        || (post->state != SCIM_DONE && !is_creation(run->operation))) {
        return scim_error(pool, SCIM_E_CONFLICT,
                          "The operation with the bulkId '%.60s' failed.",
                          bulk_id);
    }
    *id = post->id;
    if (is_creation(run->operation)) {
        need(run, post);
    }
    return NULL;
}

/* The endpoints of the types that can be changed. */
static const char *endpoints(apr_pool_t *pool)
{
    const scim_resource_t *const *resource = scim_resources;
    const char *list = NULL;

    for (; *resource; resource++) {
        if ((*resource)->create) {
            list = apr_pstrcat(pool, list ? list : "", list ? " and " : "",
                               (*resource)->type->endpoint, NULL);
        }
    }
    return list;
}

/* The resource type of the path, and the rest after "Users/" as *id;
 * *is_collection if there is no rest. */
static scim_error_t *read_path(scim_bulk_op_t *operation, int *is_collection,
                               const scim_call_t *call)
{
    const char *path = operation->path;
    const scim_resource_t *resource;
    apr_size_t base = strlen(call->base);
    apr_size_t length;

    if (strncmp(path, call->base, base) == 0) {
        path += base;
    }
    path += *path == '/';
    if (strchr(path, '?')) {
        return scim_error(call->pool, SCIM_E_INVALID_VALUE,
                          "The path of an operation must not have a query.");
    }
    length = strcspn(path, "/");
    resource = scim_resource_at(path, length);
    if (!resource || !resource->create) {
        return scim_error(call->pool, SCIM_E_NOT_FOUND,
                          "Operations are possible on %s only, not on"
                          " '%.60s'.", endpoints(call->pool), path);
    }
    path += length;
    *is_collection = !path[0] || !path[1];
    operation->resource = resource;
    operation->id = *is_collection ? NULL : path + 1;
    return NULL;
}

static scim_error_t *check_method(scim_call_t *call, const method_t *method,
                                  const scim_bulk_op_t *operation,
                                  int is_collection)
{
    const char *endpoint = operation->resource->type->endpoint;

    if (is_collection != method->on_collection) {
        return scim_error(call->pool, SCIM_E_INVALID_VALUE,
                          "%s needs a path like %s%s.", method->method,
                          endpoint, method->on_collection ? "" : "/{id}");
    }
    return scim_resource_offers(operation->resource, method->operation)
           ? NULL : scim_error(call->pool, SCIM_E_NOT_ALLOWED,
                               "%s is not possible on %s.", method->method,
                               endpoint);
}

static scim_error_t *check(const method_t **method, scim_call_t *call,
                           scim_bulk_op_t *operation)
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
    SCIM_ERR(read_path(operation, &is_collection, call));
    SCIM_ERR(check_method(call, *method, operation, is_collection));
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

static scim_error_t *perform(cJSON **made, scim_call_t *call, run_t *run)
{
    const scim_bulk_op_t *operation = run->operation;
    const scim_resource_t *resource;
    const method_t *method;

    SCIM_ERR(run->bulk->revoked);
    SCIM_ERR(check(&method, call, run->operation));
    SCIM_ERR(find_target(call, run));
    resource = operation->resource;
    switch (method->operation) {
    case SCIM_CREATE:
        return resource->create(made, call, operation->data);
    case SCIM_REPLACE:
        return resource->replace(made, call, operation->id, operation->data);
    case SCIM_PATCH:
        return resource->patch(made, call, operation->id, operation->data);
    default:
        return resource->remove(call, operation->id);
    }
}

/* Results */

/* A failed POST has no location; if a path names no resource, the location is
 * the path as it was sent. */
static void put_location(scim_bulk_t *bulk, scim_bulk_op_t *operation)
{
    const method_t *method = method_of(operation);
    const char *path = operation->path;
    apr_pool_t *pool = bulk->call->pool;

    if (operation->id) {
        path = apr_pstrcat(pool, operation->resource->type->endpoint, "/",
                           operation->id, NULL);
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

static cJSON *begin_result(scim_bulk_t *bulk, scim_bulk_op_t *operation)
{
    apr_pool_t *pool = bulk->call->pool;

    operation->result = scim_json_own(cJSON_CreateObject(), pool);
    scim_json_put_text(operation->result, "method", operation->method);
    scim_json_put_text(operation->result, "bulkId", operation->bulk_id);
    put_location(bulk, operation);
    return operation->result;
}

static void put_success(scim_bulk_t *bulk, scim_bulk_op_t *operation,
                        int status, const cJSON *made)
{
    cJSON *result;

    if (made) {
        operation->id = apr_pstrdup(bulk->call->pool,
                                    scim_json_text(made, "id"));
    }
    operation->state = SCIM_DONE;
    result = begin_result(bulk, operation);
    scim_json_put_text(result, "version",
                       scim_json_text(scim_json_member(made, "meta"),
                                      "version"));
    scim_json_put_text(result, "status",
                       apr_itoa(bulk->call->pool, status));
}

static scim_asked_t request_of(const scim_bulk_op_t *operation)
{
    scim_asked_t asked = {
        operation->method, operation->path ? operation->path : "",
        operation->resource ? operation->resource->type->name : NULL,
        operation->id, operation->data
    };

    return asked;
}

/* For the organization's administrators, as for a single request. */
static void keep_refusal(scim_bulk_t *bulk, const scim_bulk_op_t *operation,
                         const scim_error_t *error)
{
    scim_refusal_t *refusal = apr_array_push(bulk->call->refusals);

    refusal->asked = request_of(operation);
    refusal->error = scim_error(bulk->call->pool, error->kind, "%s",
                                error->detail);
}

static int is_revocation(const scim_error_t *error)
{
    return error->kind == SCIM_E_UNAUTHORIZED
           || error->kind == SCIM_E_SWITCHED_OFF
           || error->kind == SCIM_E_PAUSED;
}

/* The revocation of a token is stored once, for all remaining operations. */
static void keep_error(scim_bulk_t *bulk, const scim_bulk_op_t *operation,
                       const scim_error_t *error)
{
    if (!bulk->revoked) {
        keep_refusal(bulk, operation, error);
    }
    if (!bulk->revoked && is_revocation(error)) {
        bulk->revoked = scim_error(bulk->call->pool, error->kind, "%s",
                                   error->detail);
    }
}

static void put_failure(scim_bulk_t *bulk, scim_bulk_op_t *operation,
                        const scim_error_t *error)
{
    apr_pool_t *pool = bulk->call->pool;
    int status = scim_error_status(error->kind);
    const cJSON *body = scim_schema_error(status,
                                          scim_error_type(error->kind),
                                          error->detail, pool);
    cJSON *result;

    bulk->errors++;
    operation->state = SCIM_FAILED;
    operation->notes = NULL;
    if (is_creation(operation)) {
        operation->id = NULL;
    }
    keep_error(bulk, operation, error);
    result = begin_result(bulk, operation);
    scim_json_put_text(result, "status", apr_itoa(pool, status));
    scim_json_put(result, "response", cJSON_Duplicate(body, 1));
    if (status >= 500 && !is_revocation(error)) {
        scim_error_t *kept = scim_error_caused(pool, error->kind,
                                               error->detail, error->cause);

        *(error->kind == SCIM_E_OUTDATED ? &bulk->outdated
                                         : &bulk->failure) = kept;
    }
}

static void take_note(scim_bulk_t *bulk, scim_bulk_op_t *operation,
                      const scim_note_t *note)
{
    int number = (int) (operation - bulk->operations) + 1;

    scim_note_of(bulk->call->notes, note, number);
    if (!operation->notes) {
        operation->notes = scim_note_list(bulk->call->pool);
    }
    scim_note_of(operation->notes, note, number);
}

static void take_notes(scim_bulk_t *bulk, scim_bulk_op_t *operation,
                       const scim_call_t *call, const scim_error_t *error)
{
    int i;

    for (i = 0; i < call->notes->nelts; i++) {
        take_note(bulk, operation,
                  &APR_ARRAY_IDX(call->notes, i, scim_note_t));
    }
    if (error) {
        scim_note_t failure = {
            .kind = SCIM_NOTED_FAILURE,
            .name = apr_psprintf(call->pool, "%d: %s%s%s",
                                 scim_error_status(error->kind),
                                 error->detail,
                                 error->cause ? " Cause: " : "",
                                 error->cause ? error->cause : "")
        };

        take_note(bulk, operation, &failure);
    }
}

static void put_warnings_of(const scim_bulk_t *bulk)
{
    int i;

    for (i = 0; i < bulk->count; i++) {
        const scim_bulk_op_t *operation = bulk->operations + i;

        if (operation->state == SCIM_DONE && operation->notes) {
            scim_asked_t asked = request_of(operation);

            scim_activity_warn(bulk->call->warnings, &asked,
                               success_of(operation), operation->notes);
        }
    }
}

/* The context of one operation, whose memory is in pool. */
static scim_call_t call_of(run_t *run, apr_pool_t *pool)
{
    scim_call_t call = *run->bulk->call;

    call.pool = pool;
    call.db = scim_db_within(call.db, pool);
    scim_db_allow_again(call.db);
    call.if_match = cJSON_GetStringValue(run->operation->version);
    call.if_none_match = NULL;
    call.notes = scim_note_list(pool);
    call.resolve = resolve;
    call.resolve_baton = run;
    call.is_quiet = 1;
    return call;
}

static void finish(run_t *run, const scim_call_t *call,
                   const scim_error_t *error, const cJSON *made)
{
    take_notes(run->bulk, run->operation, call, error);
    if (error) {
        put_failure(run->bulk, run->operation, error);
    }
    else {
        put_success(run->bulk, run->operation,
                    success_of(run->operation), made);
    }
}

static void run_operation(scim_bulk_t *bulk, scim_bulk_op_t *operation)
{
    run_t run = { bulk, operation };
    scim_error_t *error;
    cJSON *made = NULL;
    scim_call_t call;
    apr_pool_t *pool;

    apr_pool_create(&pool, bulk->call->pool);
    call = call_of(&run, pool);
    operation->state = SCIM_RUNNING;
    bulk->depth++;
    error = perform(&made, &call, &run);
    bulk->depth--;
    finish(&run, &call, error, made);
    apr_pool_destroy(pool);
}

/* Creations that do not need each other are sent together. */

/* Whether value may contain a reference; if in doubt, yes. */
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

/* The resource type, if operation is a creation that may be sent with others;
 * or NULL. */
static const scim_resource_t *goes_ahead(const scim_bulk_t *bulk,
                                         const scim_bulk_op_t *operation)
{
    scim_bulk_op_t read = *operation;
    int is_collection;
    scim_error_t *error;

    if (bulk->errors_allowed || operation->state != SCIM_WAITING
        || !is_creation(operation) || !operation->path
        || refers(operation->data)) {
        return NULL;
    }
    error = read_path(&read, &is_collection, bulk->call);
    return error || !read.resource->creations ? NULL : read.resource;
}

typedef struct {
    run_t run;
    scim_call_t call;
    apr_pool_t *pool;
    cJSON *wanted;
    scim_error_t *error;
} creation_t;

static void send_creation(creation_t *creation, scim_bulk_t *bulk,
                          scim_bulk_op_t *operation)
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
        creation->error = operation->resource->creations->send(
            &creation->wanted, &creation->call, operation->data);
    }
}

/* The error of a creation may need another query, which cannot run among the
 * creations that were sent: it waits. */
static int is_refused(const creation_t *creation)
{
    return creation->error && scim_error_status(creation->error->kind) < 500;
}

static void receive_creation(creation_t *creation)
{
    const scim_resource_t *resource = creation->run.operation->resource;
    cJSON *made = NULL;

    if (!creation->error) {
        creation->error = resource->creations->receive(&made, &creation->call,
                                                       creation->wanted);
    }
    finish(&creation->run, &creation->call, creation->error, made);
}

/* Run count creations of resource's type, beginning with operation. */
static scim_error_t *run_together(scim_bulk_t *bulk,
                                  const scim_resource_t *resource,
                                  scim_bulk_op_t *operation, int count)
{
    creation_t *creations = apr_pcalloc(bulk->call->pool, (apr_size_t) count
                                                     * sizeof(creation_t));
    int i;

    SCIM_ERR(resource->creations->begin(bulk->call));
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
        if (operation[i].state == SCIM_WAITING) {
            run_operation(bulk, operation + i);
        }
    }
    return NULL;
}

static int count_ahead(const scim_resource_t **resource,
                       const scim_bulk_t *bulk, int first)
{
    int most = scim_db_has_pipeline(bulk->call->db) ? MAX_AHEAD : 0;
    int count = 0;

    *resource = goes_ahead(bulk, bulk->operations + first);
    while (*resource && count < most && first + count < bulk->count
           && goes_ahead(bulk, bulk->operations + first + count)
              == *resource) {
        count++;
    }
    return count;
}

/* The second pass */

/* A failed creation must leave nothing behind. */
static scim_error_t *put_references(cJSON **made, scim_call_t *call,
                                    const scim_bulk_op_t *operation)
{
    scim_error_t *error = operation->resource->complete(made, call,
                                                        operation->id,
                                                        operation->data);

    if (error) {
        SCIM_ERR(operation->resource->remove(call, operation->id));
    }
    return error;
}

static scim_error_t *undo(cJSON **unused, scim_call_t *call,
                          const scim_bulk_op_t *operation)
{
    SCIM_ERR(operation->resource->remove(call, operation->id));
    return scim_error(call->pool, SCIM_E_CONFLICT,
                      "The operation with the bulkId '%.60s' failed.",
                      needed(operation, 0)->bulk_id);
}

static void run_again(scim_bulk_t *bulk, scim_bulk_op_t *operation,
                      scim_error_t *(*pass)(cJSON **made, scim_call_t *call,
                                            const scim_bulk_op_t *operation))
{
    run_t run = { bulk, operation };
    scim_error_t *error;
    cJSON *made = NULL;
    scim_call_t call;
    apr_pool_t *pool;

    apr_pool_create(&pool, bulk->call->pool);
    call = call_of(&run, pool);
    call.if_match = NULL;
    error = pass(&made, &call, operation);
    if (error) {
        take_notes(bulk, operation, &call, error);
        put_failure(bulk, operation, error);
    }
    else if (made) {
        put_success(bulk, operation, success_of(operation), made);
    }
    apr_pool_destroy(pool);
}

/* When a creation fails, those that need it fail, too. */
static void undo_dependent(scim_bulk_t *bulk)
{
    int undone;
    int i;

    do {
        undone = 0;
        for (i = 0; i < bulk->count && !bulk->failure; i++) {
            scim_bulk_op_t *operation = bulk->operations + i;

            if (operation->state == SCIM_DONE && needed(operation, 0)) {
                run_again(bulk, operation, undo);
                operation->state = SCIM_FAILED;
                undone = 1;
            }
        }
    } while (undone);
}

static void complete(scim_bulk_t *bulk)
{
    int i;

    for (i = 0; i < bulk->count && !bulk->failure; i++) {
        scim_bulk_op_t *operation = bulk->operations + i;

        if (operation->state == SCIM_DONE && operation->is_incomplete) {
            run_again(bulk, operation, put_references);
            operation->is_incomplete = 0;
        }
    }
}

/* The next creation that is still waiting although another one needs it: the
 * chain of references was longer than MAX_DEPTH. */
static scim_bulk_op_t *left_waiting(const scim_bulk_t *bulk)
{
    int i;

    for (i = 0; i < bulk->count; i++) {
        const scim_bulk_op_t *operation = bulk->operations + i;
        scim_bulk_op_t *waiting = needed(operation, 1);

        if (operation->state == SCIM_DONE && operation->is_incomplete
            && waiting) {
            return waiting;
        }
    }
    return NULL;
}

/* Run operation and those that it needs, so that all are complete before the
 * next operation. */
static void run_and_settle(scim_bulk_t *bulk, scim_bulk_op_t *operation)
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
    undo_dependent(bulk);
}

static scim_error_t *run_all(scim_bulk_t *bulk)
{
    int i = 0;

    while (i < bulk->count && !is_stopped(bulk)) {
        const scim_resource_t *resource;
        int ahead = count_ahead(&resource, bulk, i);

        if (ahead > 1) {
            SCIM_ERR(run_together(bulk, resource, bulk->operations + i,
                                  ahead));
            i += ahead;
        }
        else if (bulk->operations[i].state == SCIM_WAITING) {
            run_and_settle(bulk, bulk->operations + i++);
        }
        else {
            i++;
        }
    }
    return NULL;
}

static cJSON *response_of(const scim_bulk_t *bulk)
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
    scim_bulk_t bulk = { .call = call,
                    .posts = apr_hash_make(call->pool) };

    SCIM_ERR(scim_bulk_read(&bulk, message, most));
    SCIM_ERR(scim_db_defer_flush(call->db));
    SCIM_ERR(run_all(&bulk));
    SCIM_ERR(scim_db_flush(call->db));
    put_warnings_of(&bulk);
    *response = response_of(&bulk);
    *failure = bulk.failure ? bulk.failure : bulk.outdated;
    return NULL;
}
