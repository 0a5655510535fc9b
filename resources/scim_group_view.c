/* SPDX-License-Identifier: Apache-2.0 */
/* Groups for administrators and operators, see scim_group_view.h.
 *
 * No page costs more in a large group than in others: counting ends at
 * SCIM_MANY, lists of groups are ranges of an index, and so are the members of
 * a group with more members than that.  Smaller groups are sorted by userName
 * for each page.  A cursor of members says which of the two orders it belongs
 * to, so that no page is taken for one of the other when the group grows.
 */
#include "resources/scim_group_view.h"

#include <string.h>

#include <apr_strings.h>

#include "resources/scim_members.h"
#include "values/scim_json.h"
#include "values/scim_text.h"

#define EXTERNAL_ID "externalId:"
#define BY_NAME "name:"
#define BY_ID "id:"
#define LEAST_ID "00000000-0000-0000-0000-000000000000"

static int begins_with(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

scim_error_t *scim_group_view_list(cJSON **list, scim_call_t *call,
                                   const char *search, const char *cursor,
                                   int count)
{
    const char *values[] = { call->principal->organization_id,
                             apr_itoa(call->pool, count + 1),
                             cursor ? cursor : "", search };
    scim_rows_t *rows;

    SCIM_ERR(scim_members_check_search(search, call->pool));
    SCIM_ERR(scim_db_run(&rows, call->db, search ? SCIM_SQL_GROUP_SEARCH
                                                 : SCIM_SQL_GROUP_LIST,
                         search ? 4 : 3, values));
    return scim_members_page(list, "groups", rows, count, call->pool);
}

/* One group */

/* Its row, or rows, if there are several of that name; or none. */
static scim_error_t *look_up_group(scim_rows_t **rows, scim_call_t *call,
                                   scim_statement_e by, const char *name)
{
    const char *values[] = { call->principal->organization_id, name };

    return scim_db_run(rows, call->db, by, SCIM_VALUES(values));
}

scim_error_t *scim_group_view_get(cJSON **group, scim_call_t *call,
                                  const char *id)
{
    scim_rows_t *rows;
    const char *text;

    SCIM_ERR(look_up_group(&rows, call, SCIM_SQL_GROUP_WITH_ID, id));
    if (scim_rows_count(rows) == 0) {
        return scim_error(call->pool, SCIM_E_NOT_FOUND,
                          "There is no such group (any more).");
    }
    text = scim_rows_value(rows, 0, 1);
    return scim_json_parse(group, text, strlen(text), call->pool);
}

scim_error_t *scim_group_view_named(cJSON **groups, scim_call_t *call,
                                    const char *name)
{
    scim_rows_t *rows;

    SCIM_ERR(look_up_group(&rows, call, SCIM_SQL_GROUP_WITH_ID, name));
    if (scim_rows_count(rows) == 0 && begins_with(name, EXTERNAL_ID)) {
        SCIM_ERR(look_up_group(&rows, call, SCIM_SQL_GROUP_WITH_EXTERNAL_ID,
                               name + strlen(EXTERNAL_ID)));
    }
    if (scim_rows_count(rows) == 0) {
        SCIM_ERR(look_up_group(&rows, call, SCIM_SQL_GROUP_WITH_NAME, name));
    }
    return scim_members_page(groups, "groups", rows, 2, call->pool);
}

/* Its lists */

static scim_error_t *run_group_page(scim_rows_t **rows, scim_call_t *call,
                                    scim_statement_e statement, const char *id,
                                    const char *after, int count)
{
    const char *values[] = { call->principal->organization_id,
                             apr_itoa(call->pool, count + 1), after, id };

    return scim_db_run(rows, call->db, statement, SCIM_VALUES(values));
}

scim_error_t *scim_group_view_members(cJSON **list, scim_call_t *call,
                                      const char *id, const char *cursor,
                                      int count)
{
    const char *prefix;
    const char *after;
    scim_rows_t *rows;
    cJSON *group;
    int is_many;

    SCIM_ERR(scim_group_view_get(&group, call, id));
    is_many = cJSON_IsTrue(scim_json_member(group, "hasMoreMembers"));
    prefix = is_many ? BY_ID : BY_NAME;
    if (!cursor) {
        cursor = is_many ? BY_ID LEAST_ID : BY_NAME;
    }
    after = cursor + strlen(prefix);
    if (!begins_with(cursor, prefix)
        || (is_many && !scim_text_is_uuid(after))) {
        return scim_error(call->pool, SCIM_E_INVALID_VALUE,
                          "The cursor is not one of this list.");
    }
    SCIM_ERR(run_group_page(&rows, call, is_many ? SCIM_SQL_GROUP_MEMBERS_BY_ID
                            : SCIM_SQL_GROUP_MEMBERS_BY_NAME,
       id, after, count));
    return scim_members_page(list, "members", rows, count, call->pool);
}

static scim_error_t *nested_page(cJSON **list, scim_call_t *call,
                                 scim_statement_e statement, const char *id,
                                 const char *cursor, int count)
{
    scim_rows_t *rows;
    cJSON *group;

    SCIM_ERR(scim_group_view_get(&group, call, id));
    SCIM_ERR(run_group_page(&rows, call, statement, id, cursor ? cursor : "",
                            count));
    return scim_members_page(list, "groups", rows, count, call->pool);
}

scim_error_t *scim_group_view_children(cJSON **list, scim_call_t *call,
                                       const char *id, const char *cursor,
                                       int count)
{
    return nested_page(list, call, SCIM_SQL_GROUP_CHILDREN, id, cursor, count);
}

scim_error_t *scim_group_view_parents(cJSON **list, scim_call_t *call,
                                      const char *id, const char *cursor,
                                      int count)
{
    return nested_page(list, call, SCIM_SQL_GROUP_PARENTS, id, cursor, count);
}

scim_error_t *scim_group_view_of_member(cJSON **list, scim_call_t *call,
                                        const char *id, const char *cursor,
                                        int count)
{
    scim_rows_t *rows = NULL;

    if (scim_text_is_uuid(id)) {
        SCIM_ERR(run_group_page(&rows, call, SCIM_SQL_MEMBER_GROUPS, id,
                                cursor ? cursor : "", count));
    }
    return rows && scim_rows_count(rows) > 0
           ? scim_members_page(list, "groups", rows, count, call->pool)
           : scim_members_not_found(call);
}
