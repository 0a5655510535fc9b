/* SPDX-License-Identifier: Apache-2.0 */
/* scim_bulk_message: reads a BulkRequest, before any of it is run.  Its shape
 * is interpreted like that of other bodies (rules/scim_shape.h). */
#include "resources/scim_bulk_message.h"

#include <limits.h>
#include <string.h>

#include <apr_strings.h>

#include "resources/scim_bulk.h"
#include "rules/scim_shape.h"
#include "values/scim_json.h"

#define REQUEST_URN "urn:ietf:params:scim:api:messages:2.0:BulkRequest"

#define MAX_DIGITS 9             /* of a number in text */

static scim_error_t *no_request(scim_call_t *call, const char *why)
{
    return scim_error(call->pool, SCIM_E_INVALID_SYNTAX,
                      "The body is not a BulkRequest: %s.", why);
}

/* A number of errors, unless strict also as a string; -1 for other values. */
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

/* Client libraries send 0 for a number that is not set, and other servers take
 * it for no limit.  A limit of 0 would have no meaning: nothing can be stopped
 * before the first error. */
static scim_error_t *read_errors_allowed(scim_bulk_t *bulk,
                                         const cJSON *message)
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

static const cJSON *member_of(const scim_bulk_t *bulk, const cJSON *object,
                              const char *name)
{
    const cJSON *member = scim_json_member_nocase(object, name);

    return scim_shape_is_absent(member, &bulk->call->rules) ? NULL : member;
}

static const char *bulk_text(const scim_bulk_t *bulk, const cJSON *object,
                             const char *name)
{
    return cJSON_GetStringValue(member_of(bulk, object, name));
}

/* A condition in another form cannot be checked. */
static int is_empty_text(const scim_bulk_t *bulk, const cJSON *value)
{
    return cJSON_IsString(value)
           && scim_shape_is_absent(value, &bulk->call->rules);
}

static scim_error_t *read_operation(scim_bulk_t *bulk,
                                    scim_bulk_op_t *operation,
                                    const cJSON *message)
{
    const char *method = bulk_text(bulk, message, "method");

    operation->method = method ? method : "";
    operation->bulk_id = bulk_text(bulk, message, "bulkId");
    operation->path = bulk_text(bulk, message, "path");
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
                          "Duplicate bulkId '%.60s'.",
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

scim_error_t *scim_bulk_read(scim_bulk_t *bulk, const cJSON *message,
                             int most)
{
    const cJSON *list = operations_of(bulk->call, message);
    const cJSON *operation;

    if (!cJSON_IsObject(message)
        || !scim_json_names(scim_json_member_nocase(message, "schemas"),
                            REQUEST_URN)) {
        return no_request(bulk->call, "schemas must contain " REQUEST_URN);
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
                                   * sizeof(scim_bulk_op_t));
    cJSON_ArrayForEach(operation, list) {
        if (!cJSON_IsObject(operation)) {
            return no_request(bulk->call, "an operation must be an object");
        }
        SCIM_ERR(read_operation(bulk, bulk->operations + bulk->count++,
                                operation));
    }
    return NULL;
}
