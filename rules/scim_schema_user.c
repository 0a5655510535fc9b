/* SPDX-License-Identifier: Apache-2.0 */
/* The attribute tables (RFC 7643 sections 3.1, 4.1, 4.3 and 8.7.1, with the
 * errata).  References and binary values are case-exact, and manager.value is
 * the id of a resource, whatever the printed schema says. */
#include "rules/scim_schema_rows.h"

/* A string whose case is ignored in comparisons, and one whose case counts. */
#define TEXT(n, d) { .name = n, .description = d, .type = SCIM_STRING }
#define EXACT(n, d) \
    { .name = n, .description = d, .type = SCIM_STRING, .case_exact = 1 }

/* The same as TEXT, found by its words. */
#define WORDS(n, d) \
    { .name = n, .description = d, .type = SCIM_STRING, .has_words = 1 }

/* The sub-attributes that most multi-valued attributes share. */
#define DISPLAY TEXT("display", "A name for people to read.")
#define TYPE_OF(values) \
    { .name = "type", .description = "The use of the value.", \
      .type = SCIM_STRING, .canonical_values = values }
#define TYPE_FREE TEXT("type", "The use of the value.")
#define PRIMARY \
    { .name = "primary", .type = SCIM_BOOLEAN, \
      .description = "Whether this is the preferred value; true at most" \
                     " once." }
#define LIST(n, d, s) \
    { .name = n, .description = d, .type = SCIM_COMPLEX, \
      .multi_valued = 1, .subs = s }

static const char *const contact_types[] = { "work", "home", "other", NULL };
static const char *const phone_types[] = { "work", "home", "mobile", "fax",
                                           "pager", "other", NULL };
static const char *const im_types[] = { "aim", "gtalk", "icq", "xmpp", "msn",
                                        "skype", "qq", "yahoo", "other",
                                        NULL };
static const char *const photo_types[] = { "photo", "thumbnail", NULL };
static const char *const group_types[] = { "direct", "indirect", NULL };
static const char *const to_external[] = { "external", NULL };
static const char *const to_user[] = { "User", NULL };
static const char *const to_group[] = { "Group", NULL };

/* Common attributes */

static const scim_attribute_t meta_subs[] = {
    META_OF_ROWS("User"), END_OF_TABLE
};

static const scim_attribute_t common_attributes[] = {
    COMMON_OF_ROWS("('[\"" SCIM_URN_USER "\"]'::jsonb || CASE WHEN"
                   " a.attributes ? '" SCIM_URN_ENTERPRISE "' THEN '[\""
                   SCIM_URN_ENTERPRISE "\"]'::jsonb ELSE '[]'::jsonb END)",
                   meta_subs),
    END_OF_TABLE
};

/* User */

static const scim_attribute_t name_subs[] = {
    TEXT("formatted", "The full name, as it is displayed."),
    WORDS("familyName", "The family name."),
    WORDS("givenName", "The given name."),
    TEXT("middleName", "The middle names."),
    TEXT("honorificPrefix", "Titles before the name."),
    TEXT("honorificSuffix", "Suffixes after the name."),
    END_OF_TABLE
};

static const scim_attribute_t email_subs[] = {
    WORDS("value", "The e-mail address."),
    DISPLAY, TYPE_OF(contact_types), PRIMARY, END_OF_TABLE
};

static const scim_attribute_t phone_subs[] = {
    TEXT("value", "The telephone number."),
    DISPLAY, TYPE_OF(phone_types), PRIMARY, END_OF_TABLE
};

static const scim_attribute_t im_subs[] = {
    TEXT("value", "The instant messaging address."),
    DISPLAY, TYPE_OF(im_types), PRIMARY, END_OF_TABLE
};

static const scim_attribute_t photo_subs[] = {
    { .name = "value", .description = "URL of the photo.",
      .type = SCIM_REFERENCE, .case_exact = 1,
      .reference_types = to_external },
    DISPLAY, TYPE_OF(photo_types), PRIMARY, END_OF_TABLE
};

static const scim_attribute_t address_subs[] = {
    TEXT("formatted", "The full address, as it is displayed."),
    TEXT("streetAddress", "Street, number and the like."),
    TEXT("locality", "City or locality."),
    TEXT("region", "State or region."),
    TEXT("postalCode", "Postal code."),
    TEXT("country", "Country, by its ISO 3166-1 alpha-2 code."),
    TYPE_OF(contact_types), PRIMARY, END_OF_TABLE
};

static const scim_attribute_t group_subs[] = {
    { .name = "value", .description = "Id of the group.",
      .type = SCIM_STRING, .case_exact = 1, .mutability = SCIM_READ_ONLY,
      .column = "e.value" },
    { .name = "$ref", .description = "URL of the group.",
      .type = SCIM_REFERENCE, .case_exact = 1,
      .mutability = SCIM_READ_ONLY, .reference_types = to_group,
      .column = "e.value", .is_location = 1 },
    { .name = "display", .description = "A name for people to read.",
      .type = SCIM_STRING, .mutability = SCIM_READ_ONLY,
      .column = "e.display" },
    { .name = "type", .description = "Kind of membership.",
      .type = SCIM_STRING, .mutability = SCIM_READ_ONLY,
      .canonical_values = group_types, .column = "e.type" },
    END_OF_TABLE
};

/* No canonical values for type: Entra ID then offers roles[primary eq
 * "True"].value as the target of a mapping (clients.md E4, H29). */
static const scim_attribute_t role_subs[] = {
    TEXT("value", "The role."),
    DISPLAY, TYPE_FREE, PRIMARY, END_OF_TABLE
};

static const scim_attribute_t entitlement_subs[] = {
    TEXT("value", "The entitlement."),
    DISPLAY, TYPE_FREE, PRIMARY, END_OF_TABLE
};

static const scim_attribute_t certificate_subs[] = {
    { .name = "value", .description = "A DER certificate in base64.",
      .type = SCIM_BINARY, .case_exact = 1 },
    DISPLAY, TYPE_FREE, PRIMARY, END_OF_TABLE
};

static const scim_attribute_t user_attributes[] = {
    { .name = "userName", .type = SCIM_STRING, .required = 1,
      .description = "The name by which the person signs in; unique in the"
                     " organization.",
      .uniqueness = SCIM_UNIQUE_SERVER, .is_identifier = 1,
      .column = "a.user_name",
      .key = "a.user_name_key", .is_ordered = 1, .has_words = 1 },
    { .name = "name", .description = "The parts of the person's name.",
      .type = SCIM_COMPLEX, .subs = name_subs },
    { .name = "displayName", .type = SCIM_STRING,
      .description = "The name that is displayed.",
      .managed = SCIM_MANAGED_REQUIRED, .column = "a.display_name",
      .is_ordered = 1, .has_words = 1 },
    WORDS("nickName", "The casual name."),
    { .name = "profileUrl", .description = "URL of the person's profile.",
      .type = SCIM_REFERENCE, .case_exact = 1,
      .reference_types = to_external },
    TEXT("title", "The job title."),
    TEXT("userType", "How the person relates to the organization."),
    { .name = "preferredLanguage", .type = SCIM_STRING,
      .description = "The preferred language, as in Accept-Language.",
      .managed = SCIM_MANAGED_IMMUTABLE, .column = "a.preferred_language" },
    TEXT("locale", "The locale, for dates, numbers and currency."),
    { .name = "timezone", .type = SCIM_STRING,
      .description = "The time zone, by its IANA name.",
      .managed = SCIM_MANAGED_IMMUTABLE, .column = "a.timezone" },
    { .name = "active", .type = SCIM_BOOLEAN,
      .description = "Whether the person may sign in.",
      .column = "a.active",
      .index_prefix = "a.role IN ('ADMIN', 'USER', 'GUEST')" },
    LIST("emails", "E-mail addresses.", email_subs),
    LIST("phoneNumbers", "Telephone numbers.", phone_subs),
    LIST("ims", "Instant messaging addresses.", im_subs),
    LIST("photos", "URLs of photos.", photo_subs),
    LIST("addresses", "Postal addresses.", address_subs),
    { .name = "groups", .description = "Groups that the person belongs to.",
      .type = SCIM_COMPLEX, .multi_valued = 1,
      .mutability = SCIM_READ_ONLY, .subs = group_subs,
      .rows = "scim.groups_of(a.organization_id, a.id) e",
      .owners = "SELECT m.account_id"
                " FROM scim.accounts_in($1::uuid, %s::uuid) m" },
    LIST("entitlements", "The entitlements of the person.",
         entitlement_subs),
    LIST("roles", "The person's roles.", role_subs),
    LIST("x509Certificates", "Certificates of the person.",
         certificate_subs),
    END_OF_TABLE
};

/* Enterprise User */

static const scim_attribute_t manager_subs[] = {
    EXACT("value", "Id of the manager's User."),
    { .name = "$ref", .description = "URL of the manager's User.",
      .type = SCIM_REFERENCE, .case_exact = 1, .reference_types = to_user,
      .column = "(a.attributes #>> '{" SCIM_URN_ENTERPRISE
                ",manager,value}')",
      .is_location = 1 },
    { .name = "displayName", .description = "The manager's displayName.",
      .type = SCIM_STRING, .mutability = SCIM_READ_ONLY },
    END_OF_TABLE
};

static const scim_attribute_t enterprise_attributes[] = {
    TEXT("employeeNumber", "The number that the organization gave."),
    TEXT("costCenter", "Name of the cost center."),
    TEXT("organization", "Name of the organization."),
    TEXT("division", "Name of the division."),
    TEXT("department", "Name of the department."),
    { .name = "manager", .description = "The person's manager.",
      .type = SCIM_COMPLEX, .subs = manager_subs },
    END_OF_TABLE
};

static const scim_schema_t user_schema = {
    SCIM_URN_USER, "User", "User Account", user_attributes
};

static const scim_schema_t enterprise_schema = {
    SCIM_URN_ENTERPRISE, "EnterpriseUser", "Enterprise User",
    enterprise_attributes
};

static const scim_schema_t *const user_extensions[] = {
    &enterprise_schema, NULL
};

const scim_resource_type_t scim_user_type = {
    "User", "/Users", "User Account", common_attributes, &user_schema,
    user_extensions,
    "(scim.account_grams(a.user_name, a.display_name, a.attributes)"
    " COLLATE \"C\")"
};
