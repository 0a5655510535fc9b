/* SPDX-License-Identifier: Apache-2.0 */
/* scimctl db status and upgrade: schema.sql, which knows what a database of
 * this release has, is applied by psql, or only asked. */
#include <stdio.h>
#include <string.h>

#include <apr_file_io.h>
#include <apr_strings.h>

#include "scimctl/scimctl_psql.h"
#include "scimctl/scimctl_table.h"
#include "values/scim_json.h"

#define MAX_SQL (16 * 1024 * 1024)

static scim_error_t *unfit_state(const scimctl_run_t *run, const char *cause)
{
    return scim_error_caused(run->pool, SCIM_E_UNFIT, SCIM_OUT_OF_SERVICE,
                             cause);
}

/* What the database has, as the head of schema.sql tells it. */
static scim_error_t *ask_state(cJSON **state, scimctl_run_t *run)
{
    const char *const arguments[] = {
        "-v", "scim_status=1",
        "-f", scimctl_psql_file(run, "schema.sql"), NULL
    };
    const char *text;

    SCIM_ERR(scimctl_psql(&text, run, arguments, NULL));
    *state = scim_json_stored(text, run->pool);
    return cJSON_IsNumber(scim_json_member(*state, "release")) ? NULL
        : unfit_state(run, "schema.sql does not tell the state of a database:"
                           " it is not of this release");
}

static int says_true(const cJSON *object, const char *name)
{
    return cJSON_IsTrue(scim_json_member(object, name));
}

/* The number as text; NULL for null. */
static const char *number_text(const scimctl_run_t *run, const cJSON *object,
                             const char *name)
{
    const cJSON *number = scim_json_member(object, name);

    return cJSON_IsNumber(number)
           ? apr_psprintf(run->pool, "%d", number->valueint) : NULL;
}

/* Whether roles.sql has something to do, which needs a superuser. */
static int needs_creation(const cJSON *state)
{
    const char *owner = scim_json_text(state, "owner");
    const cJSON *role;

    if (owner && strcmp(owner, "scim_owner") != 0) {
        return 1;
    }
    cJSON_ArrayForEach(role, scim_json_member(state, "roles")) {
        if (!says_true(role, "exists")) {
            return 1;
        }
    }
    return 0;
}

/* What an operator who is not up to date does next. */
static scim_error_t *advise_upgrade(const scimctl_run_t *run,
                                    const cJSON *state)
{
    const cJSON *version = scim_json_member(state, "version");
    int release = scim_json_member(state, "release")->valueint;

    if (says_true(state, "upToDate")) {
        return NULL;
    }
    if (version && version->valueint > release) {
        return unfit_state(run, apr_psprintf(run->pool, "The database has"
                           " version %d, which is newer than version %d of"
                           " this release: use a release that knows it",
                           version->valueint, release));
    }
    if (needs_creation(state)) {
        return unfit_state(run, "Roles are missing, or do not own the schema:"
                                " run \"scimctl db create\" as a superuser of"
                                " PostgreSQL, for example by \"sudo -u"
                                " postgres\"");
    }
    return unfit_state(run, apr_psprintf(run->pool, "The database is not what"
                       " version %d of this release needs: run \"scimctl db"
                       " upgrade\" as scim_owner", release));
}

/* Who may not read the versions does not see which steps are missing. */
static void print_steps(const scimctl_run_t *run, const cJSON *state)
{
    static const char *const heads[] = { "STEP", "APPLIED", "BY",
                                         "WHAT IT BRINGS", NULL };
    scimctl_table_t *table = scimctl_table_make(heads, run->pool);
    const char *otherwise = scim_json_text(state, "owner")
        && !number_text(run, state, "version") ? "?" : "missing";
    const cJSON *step;

    cJSON_ArrayForEach(step, scim_json_member(state, "steps")) {
        const char *at = scim_json_text(step, "appliedAt");

        scimctl_table_cell(table, number_text(run, step, "version"));
        scimctl_table_cell(table, at ? at : otherwise);
        scimctl_table_cell(table, scim_json_text(step, "appliedBy"));
        scimctl_table_cell(table, scim_json_text(step, "summary"));
    }
    scimctl_table_print(table);
}

static void print_flaws(const scimctl_run_t *run, const cJSON *state)
{
    const cJSON *flaw;

    cJSON_ArrayForEach(flaw, scim_json_member(state, "roles")) {
        if (!says_true(flaw, "exists")) {
            scimctl_print_field("missing",
                                apr_pstrcat(run->pool, "role ",
                                            scim_json_text(flaw, "name"),
                                            NULL), run->pool);
        }
    }
    cJSON_ArrayForEach(flaw, scim_json_member(state, "missing")) {
        scimctl_print_field(scim_json_text(flaw, "state"),
                            apr_pstrcat(run->pool,
                                        scim_json_text(flaw, "kind"), " ",
                                        scim_json_text(flaw, "name"), NULL),
                            run->pool);
    }
    cJSON_ArrayForEach(flaw, scim_json_member(state, "obstacles")) {
        scimctl_print_field("in the way", scim_json_text(flaw, "text"),
                            run->pool);
    }
}

static void print_state(const scimctl_run_t *run, const cJSON *state)
{
    const char *owner = scim_json_text(state, "owner");
    const char *version = number_text(run, state, "version");

    if (run->options.json) {
        scimctl_print_json(state, run->pool);
        return;
    }
    scimctl_print_field("database", scim_json_text(state, "database"),
                        run->pool);
    scimctl_print_field("PostgreSQL", scim_json_text(state, "server"),
                        run->pool);
    scimctl_print_field("owner", owner ? owner : "none", run->pool);
    scimctl_print_field("version", version ? version
                        : owner ? "not known to this role" : "none",
                        run->pool);
    scimctl_print_field("this release", number_text(run, state, "release"),
                        run->pool);
    print_steps(run, state);
    print_flaws(run, state);
}

scim_error_t *scimctl_db_status(scimctl_run_t *run)
{
    cJSON *state;

    SCIM_ERR(scimctl_psql_aim(run));
    SCIM_ERR(ask_state(&state, run));
    print_state(run, state);
    return advise_upgrade(run, state);
}

static scim_error_t *read_upgrade(const char **sql, const scimctl_run_t *run)
{
    const char *path = scimctl_psql_file(run, "schema.sql");
    apr_finfo_t info = { .size = 0 };
    apr_file_t *file;
    char *text = NULL;
    apr_status_t rv = apr_file_open(&file, path, APR_FOPEN_READ, 0, run->pool);

    if (rv == APR_SUCCESS) {
        rv = apr_file_info_get(&info, APR_FINFO_SIZE, file);
    }
    if (rv == APR_SUCCESS && info.size < MAX_SQL) {
        text = apr_pcalloc(run->pool, info.size + 1);
        rv = apr_file_read_full(file, text, info.size, NULL);
    }
    *sql = text;
    return text && rv == APR_SUCCESS ? NULL
        : scim_error(run->pool, SCIM_E_INTERNAL, "%s cannot be read.", path);
}

/* The steps that would be taken, and what else is missing, as comments. */
static void print_plan(const cJSON *state)
{
    const cJSON *item;

    cJSON_ArrayForEach(item, scim_json_member(state, "steps")) {
        if (!scim_json_text(item, "appliedAt")) {
            printf("-- Step %d: %s\n", scim_json_member(item,
                                                        "version")->valueint,
                   scim_json_text(item, "summary"));
        }
    }
    cJSON_ArrayForEach(item, scim_json_member(state, "missing")) {
        printf("-- The %s %s is %s\n", scim_json_text(item, "kind"),
               scim_json_text(item, "name"), scim_json_text(item, "state"));
    }
    cJSON_ArrayForEach(item, scim_json_member(state, "obstacles")) {
        printf("-- In the way: %s\n", scim_json_text(item, "text"));
    }
}

/* What psql can apply as it is. */
static scim_error_t *show_upgrade(scimctl_run_t *run)
{
    const char *sql;
    cJSON *state;

    SCIM_ERR(ask_state(&state, run));
    SCIM_ERR(read_upgrade(&sql, run));
    if (run->options.json) {
        scim_json_put_text(state, "sql", says_true(state, "upToDate") ? ""
                                                                    : sql);
        scimctl_print_json(state, run->pool);
        return NULL;
    }
    printf("-- What \"scimctl db upgrade\" of mod_scim " SCIM_VERSION
           " would apply to the database %s;\n"
           "-- by hand, as scim_owner: psql -v ON_ERROR_STOP=1 -f FILE\n",
           scimctl_shown(scim_json_text(state, "database"), run->pool));
    if (says_true(state, "upToDate")) {
        puts("-- Nothing: it is up to date.");
        return NULL;
    }
    print_plan(state);
    putchar('\n');
    fputs(sql, stdout);
    return NULL;
}

scim_error_t *scimctl_db_upgrade(scimctl_run_t *run)
{
    const char *const arguments[] = {
        "-f", scimctl_psql_file(run, "schema.sql"), NULL
    };
    const char *nothing;
    cJSON *state;

    SCIM_ERR(scimctl_psql_aim(run));
    if (run->options.dry_run) {
        return show_upgrade(run);
    }
    SCIM_ERR(scimctl_psql(&nothing, run, arguments, NULL));
    SCIM_ERR(ask_state(&state, run));
    SCIM_ERR(advise_upgrade(run, state));
    if (run->options.json) {
        scimctl_print_json(state, run->pool);
        return NULL;
    }
    printf("The database %s has version %s, as this release needs it.\n",
           scimctl_shown(scim_json_text(state, "database"), run->pool),
           number_text(run, state, "release"));
    return NULL;
}
