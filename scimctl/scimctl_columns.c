/* SPDX-License-Identifier: Apache-2.0 */
/* The columns of a CSV file of accounts, see scimctl_columns.h. */
#include "scimctl/scimctl_columns.h"

#include <string.h>

#include "values/scim_json.h"
#include "values/scim_role.h"
#include "values/scim_text.h"

const scimctl_account_column_t scimctl_account_columns[] = {
    { "userName", SCIMCTL_TO_TEXT }, { "displayName", SCIMCTL_TO_TEXT },
    { "role", SCIMCTL_TO_ROLE }, { "active", SCIMCTL_TO_ACTIVE },
    { "externalId", SCIMCTL_TO_TEXT },
    { "preferredLanguage", SCIMCTL_TO_TEXT },
    { "timezone", SCIMCTL_TO_TEXT }, { "managed", SCIMCTL_TO_MANAGED },
    { "syncEligible", SCIMCTL_TO_ELIGIBLE }, { NULL, SCIMCTL_TO_TEXT }
};

int scimctl_column_index(const char *name)
{
    int i;

    for (i = 0; scimctl_account_columns[i].name; i++) {
        if (strcasecmp(scimctl_account_columns[i].name, name) == 0) {
            return i;
        }
    }
    return -1;
}

void scimctl_column_begin(scim_import_t *account, apr_pool_t *pool)
{
    memset(account, 0, sizeof(*account));
    account->user = scim_json_own(cJSON_CreateObject(), pool);
    account->managed = SCIM_IMPORT_UNSAID;
    account->eligible = SCIM_IMPORT_UNSAID;
}

static void put_role(cJSON *user, const char *role)
{
    cJSON *list = cJSON_AddArrayToObject(user, "roles");
    cJSON *element = cJSON_CreateObject();

    cJSON_AddStringToObject(element, "value", role);
    cJSON_AddTrueToObject(element, "primary");
    cJSON_AddItemToArray(list, element);
}

static const char *put_truth(scim_import_t *account, scimctl_column_to_e to,
                             const char *text)
{
    int truth = 0;

    if (!scim_text_boolean(text, &truth)) {
        return "active, managed and syncEligible must be true or false";
    }
    switch (to) {
    case SCIMCTL_TO_MANAGED: account->managed = truth; break;
    case SCIMCTL_TO_ELIGIBLE: account->eligible = truth; break;
    default: scim_json_put(account->user, "active", cJSON_CreateBool(truth));
    }
    return NULL;
}

const char *scimctl_column_put(scim_import_t *account, int column,
                               const char *text)
{
    const scimctl_account_column_t *c = &scimctl_account_columns[column];

    if (!*text) {
        return NULL;
    }
    switch (c->to) {
    case SCIMCTL_TO_TEXT:
        scim_json_put_text(account->user, c->name, text);
        return NULL;
    case SCIMCTL_TO_ROLE:
        if (scim_role_of(text) < 0) {
            return "role must be ADMIN, USER or GUEST";
        }
        put_role(account->user, text);
        return NULL;
    default:
        return put_truth(account, c->to, text);
    }
}

static const char *text_of(int truth)
{
    return truth ? "true" : "false";
}

const char *scimctl_column_get(const scim_import_t *account, int column)
{
    const scimctl_account_column_t *c = &scimctl_account_columns[column];
    const cJSON *roles = scim_json_member(account->user, "roles");
    const char *text = NULL;

    switch (c->to) {
    case SCIMCTL_TO_TEXT:
        text = scim_json_text(account->user, c->name);
        break;
    case SCIMCTL_TO_ROLE:
        text = roles ? scim_json_text(roles->child, "value") : NULL;
        break;
    case SCIMCTL_TO_ACTIVE:
        return text_of(cJSON_IsTrue(scim_json_member(account->user,
                                                     "active")));
    case SCIMCTL_TO_MANAGED:
        return text_of(account->managed);
    case SCIMCTL_TO_ELIGIBLE:
        return text_of(account->eligible);
    }
    return text ? text : "";
}
