/* SPDX-License-Identifier: Apache-2.0 */
/* The discovery documents, see scim_discovery.h.
 *
 * Schemas are printed from the attribute tables by describe, which is called
 * for each attribute and, within it, for its sub-attributes.  Below the tables
 * of the discovery resources' own schemas is a function for each document.
 */
#include "rules/scim_discovery.h"

#include <string.h>

#include <apr_strings.h>

#include "values/scim_json.h"

#define URN_CONFIG \
    "urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig"
#define URN_RESOURCE_TYPE "urn:ietf:params:scim:schemas:core:2.0:ResourceType"
#define URN_SCHEMA "urn:ietf:params:scim:schemas:core:2.0:Schema"

/* The words of RFC 7643 section 7, in the order of the enums. */
static const char *const type_words[] = {
    "string", "boolean", "decimal", "integer", "dateTime", "reference",
    "binary", "complex", NULL
};
static const char *const mutability_words[] = {
    "readWrite", "readOnly", "immutable", "writeOnly", NULL
};
static const char *const returned_words[] = {
    "default", "always", "never", "request", NULL
};
static const char *const uniqueness_words[] = {
    "none", "server", "global", NULL
};

/* The discovery resources' own schemas (RFC 7643 section 8.7.2 and its
 * errata).  Every attribute is readOnly and returned by default. */

#define REQUIRED 1
#define OPTIONAL 0

#define ATTRIBUTE(name_, description_, type_, required_)                    \
    .name = name_, .description = description_, .type = type_,              \
    .required = required_, .mutability = SCIM_READ_ONLY

#define END { .name = NULL }

static const char *const external[] = { "external", NULL };
static const char *const uri[] = { "uri", NULL };
static const char *const authentication_words[] = {
    "oauth", "oauth2", "oauthbearertoken", "httpbasic", "httpdigest", NULL
};
static const char *const paging_words[] = { "cursor", "index", NULL };

#define SUPPORTED                                                           \
    { ATTRIBUTE("supported", "Whether the operation is supported.",         \
                SCIM_BOOLEAN, REQUIRED) }

static const scim_attribute_t supported_only[] = { SUPPORTED, END };

static const scim_attribute_t bulk_subs[] = {
    SUPPORTED,
    { ATTRIBUTE("maxOperations", "The most operations in one request.",
                SCIM_INTEGER, REQUIRED) },
    { ATTRIBUTE("maxPayloadSize", "The most bytes in one request.",
                SCIM_INTEGER, REQUIRED) },
    END
};

static const scim_attribute_t filter_subs[] = {
    SUPPORTED,
    { ATTRIBUTE("maxResults", "The most resources in one answer.",
                SCIM_INTEGER, REQUIRED) },
    END
};

static const scim_attribute_t authentication_subs[] = {
    { ATTRIBUTE("type", "The kind of authentication.", SCIM_STRING,
                REQUIRED),
      .canonical_values = authentication_words },
    { ATTRIBUTE("name", "The usual name of the scheme.", SCIM_STRING,
                REQUIRED) },
    { ATTRIBUTE("description", "A description of the scheme.", SCIM_STRING,
                REQUIRED) },
    { ATTRIBUTE("specUri", "Where the scheme is specified.", SCIM_REFERENCE,
                OPTIONAL),
      .case_exact = 1, .reference_types = external },
    { ATTRIBUTE("documentationUri", "Where its use is documented.",
                SCIM_REFERENCE, OPTIONAL),
      .case_exact = 1, .reference_types = external },
    { ATTRIBUTE("primary", "Whether this is the preferred scheme.",
                SCIM_BOOLEAN, OPTIONAL) },
    END
};

static const scim_attribute_t pagination_subs[] = {
    { ATTRIBUTE("cursor", "Whether cursors are supported.", SCIM_BOOLEAN,
                REQUIRED) },
    { ATTRIBUTE("index", "Whether startIndex is supported.", SCIM_BOOLEAN,
                REQUIRED) },
    { ATTRIBUTE("defaultPaginationMethod",
                "The method used when the client names none.", SCIM_STRING,
                OPTIONAL),
      .canonical_values = paging_words },
    { ATTRIBUTE("defaultPageSize",
                "How many resources a page holds when the client does not"
                " say.", SCIM_INTEGER, OPTIONAL) },
    { ATTRIBUTE("maxPageSize", "The most resources on one page.",
                SCIM_INTEGER, OPTIONAL) },
    { ATTRIBUTE("cursorTimeout", "How many seconds a cursor is valid.",
                SCIM_INTEGER, OPTIONAL) },
    END
};

static const scim_attribute_t roles_subs[] = {
    SUPPORTED,
    { ATTRIBUTE("multipleRolesSupported",
                "Whether a User can have several roles.", SCIM_BOOLEAN,
                OPTIONAL) },
    { ATTRIBUTE("primarySupported", "Whether one role can be primary.",
                SCIM_BOOLEAN, OPTIONAL) },
    { ATTRIBUTE("typeSupported", "Whether a role has a type.", SCIM_BOOLEAN,
                OPTIONAL) },
    END
};

/* The draft requires a complex attribute within a complex one, although RFC
 * 7643 section 2.3.8 forbids that. */
static const scim_attribute_t roles_and_entitlements_subs[] = {
    { ATTRIBUTE("roles", "Support of roles.", SCIM_COMPLEX, REQUIRED),
      .subs = roles_subs },
    { ATTRIBUTE("entitlements", "Support of entitlements.", SCIM_COMPLEX,
                REQUIRED),
      .subs = supported_only },
    END
};

static const scim_attribute_t config_attributes[] = {
    { ATTRIBUTE("documentationUri", "Where the service is documented.",
                SCIM_REFERENCE, OPTIONAL),
      .case_exact = 1, .reference_types = external },
    { ATTRIBUTE("patch", "Support of PATCH.", SCIM_COMPLEX, REQUIRED),
      .subs = supported_only },
    { ATTRIBUTE("bulk", "Support of bulk requests.", SCIM_COMPLEX, REQUIRED),
      .subs = bulk_subs },
    { ATTRIBUTE("filter", "Support of filters.", SCIM_COMPLEX, REQUIRED),
      .subs = filter_subs },
    { ATTRIBUTE("changePassword", "Support of changing passwords.",
                SCIM_COMPLEX, REQUIRED),
      .subs = supported_only },
    { ATTRIBUTE("sort", "Support of sorting.", SCIM_COMPLEX, REQUIRED),
      .subs = supported_only },
    { ATTRIBUTE("etag", "Support of entity tags.", SCIM_COMPLEX, REQUIRED),
      .subs = supported_only },
    { ATTRIBUTE("authenticationSchemes",
                "How clients prove who they are.", SCIM_COMPLEX, REQUIRED),
      .multi_valued = 1, .subs = authentication_subs },
    { ATTRIBUTE("pagination", "Support of paging (RFC 9865).", SCIM_COMPLEX,
                OPTIONAL),
      .subs = pagination_subs },
    { ATTRIBUTE("RolesAndEntitlements", "Support of roles and entitlements.",
                SCIM_COMPLEX, OPTIONAL),
      .subs = roles_and_entitlements_subs },
    END
};

static const scim_attribute_t extension_subs[] = {
    { ATTRIBUTE("schema", "The URN of the extension.", SCIM_REFERENCE,
                REQUIRED),
      .case_exact = 1, .reference_types = uri },
    { ATTRIBUTE("required", "Whether every resource must have it.",
                SCIM_BOOLEAN, REQUIRED) },
    END
};

static const scim_attribute_t resource_type_attributes[] = {
    { ATTRIBUTE("id", "The identifier, which is the name.", SCIM_STRING,
                OPTIONAL),
      .case_exact = 1 },
    { ATTRIBUTE("name", "The name, as meta.resourceType gives it.",
                SCIM_STRING, REQUIRED) },
    { ATTRIBUTE("description", "A description of the type.", SCIM_STRING,
                OPTIONAL) },
    { ATTRIBUTE("endpoint", "The path below the base URL.", SCIM_REFERENCE,
                REQUIRED),
      .case_exact = 1, .reference_types = uri },
    { ATTRIBUTE("schema", "The URN of the core schema.", SCIM_REFERENCE,
                REQUIRED),
      .case_exact = 1, .reference_types = uri },
    { ATTRIBUTE("schemaExtensions", "The extensions of the core schema.",
                SCIM_COMPLEX, OPTIONAL),
      .multi_valued = 1, .subs = extension_subs },
    END
};

/* The attributes that describe an attribute; for a sub-attribute the same,
 * except for further nesting. */
#define DESCRIPTION_OF_ATTRIBUTE                                            \
    { ATTRIBUTE("name", "The name of the attribute.", SCIM_STRING,          \
                REQUIRED), .case_exact = 1 },                               \
    { ATTRIBUTE("type", "The data type.", SCIM_STRING, REQUIRED),           \
      .canonical_values = type_words },                                     \
    { ATTRIBUTE("multiValued", "Whether it holds a list.", SCIM_BOOLEAN,    \
                REQUIRED) },                                                \
    { ATTRIBUTE("description", "Meaning of the attribute.", SCIM_STRING,    \
                OPTIONAL) },                                                \
    { ATTRIBUTE("required", "Whether a resource must have it.",             \
                SCIM_BOOLEAN, OPTIONAL) },                                  \
    { ATTRIBUTE("canonicalValues", "The suggested values.", SCIM_STRING,    \
                OPTIONAL), .multi_valued = 1 },                             \
    { ATTRIBUTE("caseExact", "Whether case matters in comparisons.",        \
                SCIM_BOOLEAN, OPTIONAL) },                                  \
    { ATTRIBUTE("mutability", "Whether and when it can be changed.",        \
                SCIM_STRING, OPTIONAL),                                     \
      .canonical_values = mutability_words },                               \
    { ATTRIBUTE("returned", "When responses include it.", SCIM_STRING,      \
                OPTIONAL), .canonical_values = returned_words },            \
    { ATTRIBUTE("uniqueness", "The scope of uniqueness.", SCIM_STRING,      \
                OPTIONAL), .canonical_values = uniqueness_words },          \
    { ATTRIBUTE("referenceTypes", "The types that it can refer to.",        \
                SCIM_STRING, OPTIONAL), .multi_valued = 1, .case_exact = 1 }

static const scim_attribute_t sub_attribute_subs[] = {
    DESCRIPTION_OF_ATTRIBUTE,
    END
};

static const scim_attribute_t attribute_subs[] = {
    DESCRIPTION_OF_ATTRIBUTE,
    { ATTRIBUTE("subAttributes", "The parts of a complex attribute.",
                SCIM_COMPLEX, OPTIONAL),
      .multi_valued = 1, .subs = sub_attribute_subs },
    END
};

static const scim_attribute_t schema_attributes[] = {
    { ATTRIBUTE("id", "The URN of the schema.", SCIM_STRING, REQUIRED),
      .case_exact = 1 },
    { ATTRIBUTE("name", "The name of the schema.", SCIM_STRING, REQUIRED) },
    { ATTRIBUTE("description", "A description of the schema.", SCIM_STRING,
                OPTIONAL) },
    { ATTRIBUTE("attributes", "The attributes of the schema.", SCIM_COMPLEX,
                REQUIRED),
      .multi_valued = 1, .subs = attribute_subs },
    END
};

static const scim_schema_t own_schemas[] = {
    { URN_CONFIG, "ServiceProviderConfig",
      "Features that the service provider supports", config_attributes },
    { URN_RESOURCE_TYPE, "ResourceType",
      "A type of resource and where it is", resource_type_attributes },
    { URN_SCHEMA, "Schema", "A schema and its attributes",
      schema_attributes },
    { NULL, NULL, NULL, NULL }
};

static cJSON *add_list(cJSON *object, const char *name,
                       const char *const *words)
{
    cJSON *list = cJSON_AddArrayToObject(object, name);

    for (; *words; words++) {
        cJSON_AddItemToArray(list, cJSON_CreateString(*words));
    }
    return list;
}

/* A resource of the discovery endpoints: the members before its own ... */
static cJSON *resource_with(const char *urn)
{
    const char *const schemas[] = { urn, NULL };
    cJSON *resource = cJSON_CreateObject();

    add_list(resource, "schemas", schemas);
    return resource;
}

/* ... and those after them. */
static cJSON *with_meta(const scim_discovery_t *d, cJSON *resource,
                        const char *type, const char *path, const char *id)
{
    cJSON *meta = cJSON_AddObjectToObject(resource, "meta");

    cJSON_AddStringToObject(meta, "resourceType", type);
    cJSON_AddStringToObject(meta, "location",
                            apr_pstrcat(d->pool, d->base, path, id, NULL));
    return resource;
}

static cJSON *list_of_all(cJSON *resources, apr_pool_t *pool)
{
    return scim_schema_list(cJSON_GetArraySize(resources), 1, resources,
                            pool);
}

static int compares_text(scim_type_e type)
{
    return type == SCIM_STRING || type == SCIM_REFERENCE
           || type == SCIM_BINARY;
}

static cJSON *describe_all(const scim_attribute_t *table,
                           const scim_rules_t *rules);

/* The characteristics in the order in which RFC 7643 section 8.7.1 prints
 * them, without those that do not apply to the type. */
static cJSON *describe(const scim_attribute_t *attribute,
                       const scim_rules_t *rules)
{
    cJSON *object = cJSON_CreateObject();
    scim_mutability_e mutability = scim_attribute_mutability(attribute,
                                                             rules);

    cJSON_AddStringToObject(object, "name", attribute->name);
    cJSON_AddStringToObject(object, "type", type_words[attribute->type]);
    cJSON_AddBoolToObject(object, "multiValued", attribute->multi_valued);
    cJSON_AddStringToObject(object, "description", attribute->description);
    cJSON_AddBoolToObject(object, "required",
                          scim_attribute_is_required(attribute, rules));
    if (attribute->canonical_values) {
        add_list(object, "canonicalValues", attribute->canonical_values);
    }
    if (compares_text(attribute->type)) {
        cJSON_AddBoolToObject(object, "caseExact", attribute->case_exact);
    }
    cJSON_AddStringToObject(object, "mutability",
                            mutability_words[mutability]);
    cJSON_AddStringToObject(object, "returned",
                            returned_words[attribute->returned]);
    if (attribute->type != SCIM_COMPLEX && attribute->type != SCIM_BOOLEAN) {
        cJSON_AddStringToObject(object, "uniqueness",
                                uniqueness_words[attribute->uniqueness]);
    }
    if (attribute->reference_types) {
        add_list(object, "referenceTypes", attribute->reference_types);
    }
    if (attribute->subs) {
        cJSON_AddItemToObject(object, "subAttributes",
                              describe_all(attribute->subs, rules));
    }
    return object;
}

static void describe_into(cJSON *list, const scim_attribute_t *table,
                          const scim_rules_t *rules)
{
    for (; table->name; table++) {
        if (!table->unlisted) {
            cJSON_AddItemToArray(list, describe(table, rules));
        }
    }
}

static cJSON *describe_all(const scim_attribute_t *table,
                           const scim_rules_t *rules)
{
    cJSON *list = cJSON_CreateArray();

    describe_into(list, table, rules);
    return list;
}

/* common: the table of common attributes that the schema's resources have,
 * too, or NULL. */
static cJSON *schema_resource(const scim_discovery_t *d,
                              const scim_schema_t *schema,
                              const scim_attribute_t *common)
{
    cJSON *resource = resource_with(URN_SCHEMA);
    cJSON *attributes;

    cJSON_AddStringToObject(resource, "id", schema->urn);
    cJSON_AddStringToObject(resource, "name", schema->name);
    cJSON_AddStringToObject(resource, "description", schema->description);
    attributes = cJSON_AddArrayToObject(resource, "attributes");
    if (common) {
        describe_into(attributes, common, d->rules);
    }
    describe_into(attributes, schema->attributes, d->rules);
    return with_meta(d, resource, "Schema", "/Schemas/", schema->urn);
}

/* Add schema to the list if it is the wanted one, or if all are wanted. */
static void offer(cJSON *list, const scim_discovery_t *d, const char *wanted,
                  const scim_schema_t *schema, const scim_attribute_t *common)
{
    if (!wanted || strcasecmp(wanted, schema->urn) == 0) {
        cJSON_AddItemToArray(list, schema_resource(d, schema, common));
    }
}

static cJSON *schema_resources(const scim_discovery_t *d, const char *wanted)
{
    cJSON *list = cJSON_CreateArray();
    const scim_resource_type_t *const *type;
    const scim_schema_t *const *extension;
    const scim_schema_t *own;

    for (type = scim_resource_types; *type; type++) {
        offer(list, d, wanted, (*type)->core, (*type)->common);
        for (extension = (*type)->extensions; *extension; extension++) {
            offer(list, d, wanted, *extension, NULL);
        }
    }
    for (own = own_schemas; own->urn; own++) {
        offer(list, d, wanted, own, NULL);
    }
    return list;
}

cJSON *scim_discovery_schemas(const scim_discovery_t *d)
{
    return list_of_all(schema_resources(d, NULL), d->pool);
}

cJSON *scim_discovery_schema(const scim_discovery_t *d, const char *urn)
{
    cJSON *list = scim_json_own(schema_resources(d, urn), d->pool);

    return list->child;
}

static cJSON *resource_type(const scim_discovery_t *d,
                            const scim_resource_type_t *type)
{
    cJSON *resource = resource_with(URN_RESOURCE_TYPE);
    cJSON *extensions;
    const scim_schema_t *const *extension;

    cJSON_AddStringToObject(resource, "id", type->name);
    cJSON_AddStringToObject(resource, "name", type->name);
    cJSON_AddStringToObject(resource, "description", type->description);
    cJSON_AddStringToObject(resource, "endpoint", type->endpoint);
    cJSON_AddStringToObject(resource, "schema", type->core->urn);
    extensions = cJSON_AddArrayToObject(resource, "schemaExtensions");
    for (extension = type->extensions; *extension; extension++) {
        cJSON *object = cJSON_CreateObject();

        cJSON_AddStringToObject(object, "schema", (*extension)->urn);
        cJSON_AddBoolToObject(object, "required", 0);
        cJSON_AddItemToArray(extensions, object);
    }
    return with_meta(d, resource, "ResourceType", "/ResourceTypes/",
                     type->name);
}

cJSON *scim_discovery_resource_types(const scim_discovery_t *d)
{
    cJSON *list = cJSON_CreateArray();
    const scim_resource_type_t *const *type;

    for (type = scim_resource_types; *type; type++) {
        cJSON_AddItemToArray(list, resource_type(d, *type));
    }
    return list_of_all(list, d->pool);
}

cJSON *scim_discovery_resource_type(const scim_discovery_t *d,
                                    const char *name)
{
    const scim_resource_type_t *const *type = scim_resource_types;

    while (*type && strcmp((*type)->name, name) != 0) {
        type++;
    }
    return *type ? scim_json_own(resource_type(d, *type), d->pool) : NULL;
}

static cJSON *add_supported(cJSON *config, const char *name, int supported)
{
    cJSON *object = cJSON_AddObjectToObject(config, name);

    cJSON_AddBoolToObject(object, "supported", supported);
    return object;
}

static void add_authentication(cJSON *config)
{
    cJSON *schemes = cJSON_AddArrayToObject(config, "authenticationSchemes");
    cJSON *scheme = cJSON_CreateObject();

    cJSON_AddStringToObject(scheme, "type", "oauthbearertoken");
    cJSON_AddStringToObject(scheme, "name", "OAuth Bearer Token");
    cJSON_AddStringToObject(scheme, "description",
                            "A SCIM token that an administrator of the"
                            " organization has generated, in the header"
                            " Authorization: Bearer");
    cJSON_AddStringToObject(scheme, "specUri",
                            "https://www.rfc-editor.org/info/rfc6750");
    cJSON_AddBoolToObject(scheme, "primary", 1);
    cJSON_AddItemToArray(schemes, scheme);
}

static void add_pagination(cJSON *config, int max_results)
{
    cJSON *paging = cJSON_AddObjectToObject(config, "pagination");

    cJSON_AddBoolToObject(paging, "cursor", 1);
    cJSON_AddBoolToObject(paging, "index", 1);
    cJSON_AddStringToObject(paging, "defaultPaginationMethod", "index");
    cJSON_AddNumberToObject(paging, "defaultPageSize",
                            max_results < SCIM_DEFAULT_PAGE_SIZE
                            ? max_results : SCIM_DEFAULT_PAGE_SIZE);
    cJSON_AddNumberToObject(paging, "maxPageSize", max_results);
    cJSON_AddNumberToObject(paging, "cursorTimeout", SCIM_CURSOR_SECONDS);
}

/* draft-ietf-scim-roles-entitlements section 2: in the profile managed, an
 * account has one role. */
static void add_roles(cJSON *config, const scim_rules_t *rules)
{
    cJSON *both = cJSON_AddObjectToObject(config, "RolesAndEntitlements");
    cJSON *roles = add_supported(both, "roles", 1);

    cJSON_AddBoolToObject(roles, "multipleRolesSupported", !rules->managed);
    cJSON_AddBoolToObject(roles, "primarySupported", 1);
    cJSON_AddBoolToObject(roles, "typeSupported", 1);
    add_supported(both, "entitlements", 0);
}

cJSON *scim_discovery_service_provider_config(const scim_discovery_t *d)
{
    cJSON *config = resource_with(URN_CONFIG);
    cJSON *bulk, *filter;

    add_supported(config, "patch", 1);
    bulk = add_supported(config, "bulk", d->max_operations > 0);
    cJSON_AddNumberToObject(bulk, "maxOperations", d->max_operations);
    cJSON_AddNumberToObject(bulk, "maxPayloadSize", d->max_body_size);
    filter = add_supported(config, "filter", 1);
    cJSON_AddNumberToObject(filter, "maxResults", d->max_results);
    add_supported(config, "changePassword", 0);
    add_supported(config, "sort", 1);
    add_supported(config, "etag", 1);
    add_authentication(config);
    add_pagination(config, d->max_results);
    add_roles(config, d->rules);
    with_meta(d, config, "ServiceProviderConfig", "/ServiceProviderConfig",
              "");
    return scim_json_own(config, d->pool);
}
