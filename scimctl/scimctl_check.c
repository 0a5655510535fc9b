/* SPDX-License-Identifier: Apache-2.0 */
/* scimctl check: what is wrong with an installation, and what to do.
 *
 * Each check is a row of a table: a statement of storage/checks.sql, which
 * answers whether something is wrong and with what, and the sentences for both
 * cases.  What this role cannot see, and what cannot be asked because
 * something is missing, is reported as unknown.  Nothing is waited for without
 * a limit.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <apr_strings.h>

#include "scimctl/scimctl_print.h"
#include "scimctl/scimctl_run.h"
#include "storage/scim_version.h"
#include "values/scim_clock.h"
#include "values/scim_json.h"

#define ONE_CHECK apr_time_from_sec(5)
#define ALL_CHECKS apr_time_from_sec(60)
#define CONNECT_SECONDS "5"

/* Commands to type. */
#define UPGRADE "scimctl db upgrade"
#define CREATE "sudo -iu postgres scimctl db create"
#define SUPERUSER "sudo -iu postgres psql -d scim -c "

typedef enum { FINE, WARNING, PROBLEM, UNKNOWN, STATES } state_e;

static const char *const states[STATES] = { "ok", "warning", "problem",
                                            "unknown" };

typedef const char *argument_fn(const scimctl_run_t *run);

static const char *clock_of_host(const scimctl_run_t *run)
{
    return apr_psprintf(run->pool, "%.3f", (double) apr_time_now()
                                           / APR_USEC_PER_SEC);
}

static const char *most_of_httpd(const scimctl_run_t *run)
{
    return run->options.httpd_max;
}

/* A %s is the text that the statement answers. */
typedef struct {
    const char *name;
    scim_statement_e statement;
    argument_fn *argument;       /* its parameter, or NULL for none */
    state_e state;               /* if something is wrong */
    const char *fine;
    const char *wrong;
    const char *action;
    int is_of_release;           /* it knows only the tables of this one */
} check_t;

static const check_t checks[] = {
    { "server", SCIM_SQL_CHECK_SERVER, NULL, PROBLEM,
      "PostgreSQL %s.",
      "PostgreSQL %s is older than version 15.",
      "Upgrade PostgreSQL to version 15 or later.", 0 },
    { "transport", SCIM_SQL_CHECK_TRANSPORT, NULL, WARNING,
      "Connected to %s.",
      "Connected to %s without TLS: names and hashes of tokens travel in the"
      " clear.",
      "Set ssl = on in postgresql.conf, and add sslmode=verify-full to"
      " DBDParams and --db.", 0 },
    { "primary", SCIM_SQL_CHECK_PRIMARY, NULL, PROBLEM,
      "The server is the primary.",
      "The server is a standby, which takes no changes: httpd answers 503"
      " here.",
      "Add target_session_attrs=read-write and all hosts to DBDParams and"
      " --db.", 0 },
    { "encoding", SCIM_SQL_CHECK_ENCODING, NULL, PROBLEM,
      "The encoding of the database is %s.",
      "The encoding of the database is %s, not UTF8.",
      "Make a new database: createdb --owner=scim_owner --encoding=UTF8"
      " --template=template0 NAME", 0 },
    { "icu", SCIM_SQL_CHECK_ICU, NULL, PROBLEM,
      "PostgreSQL has ICU.",
      "PostgreSQL has no collation und-x-icu: it was built without ICU.",
      "Install a PostgreSQL that was built with ICU, such as Debian's.", 0 },
    { "collations", SCIM_SQL_CHECK_COLLATIONS, NULL, WARNING,
      "The collations have the versions that they were created with.",
      "The system's collations have changed since these were created: %s."
      " Indexes may be in another order.",
      "As a superuser, in the database: REINDEX DATABASE scim; ALTER"
      " COLLATION \"und-x-icu\" REFRESH VERSION; ALTER DATABASE scim REFRESH"
      " COLLATION VERSION;", 0 },
    { "clock", SCIM_SQL_CHECK_CLOCK, clock_of_host, WARNING,
      "The clocks of this host and of the server agree; the time zone of the"
      " server is %s.",
      "The clocks of this host and of the server differ by %s seconds: tokens"
      " end, and SAML assertions are valid, at other times than expected.",
      "Switch time synchronization on, on both: timedatectl set-ntp true", 0 },
    { "durability", SCIM_SQL_CHECK_DURABILITY, NULL, PROBLEM,
      "Acknowledged changes are on disk.",
      "Acknowledged changes can be lost when the server fails: %s is off.",
      SUPERUSER "'ALTER SYSTEM RESET fsync' -c 'ALTER SYSTEM RESET"
      " synchronous_commit' -c 'SELECT pg_reload_conf()', and see"
      " postgresql.conf and ALTER ROLE.", 0 },
    { "standbys", SCIM_SQL_CHECK_STANDBYS, NULL, PROBLEM,
      "A synchronous standby is connected (%s).",
      "Changes wait for a synchronous standby, and none is connected:"
      " synchronous_standby_names is '%s'.",
      "Start the standby, or, without it, " SUPERUSER "\"ALTER SYSTEM SET"
      " synchronous_standby_names = ''\" -c 'SELECT pg_reload_conf()'", 0 },
    { "settings", SCIM_SQL_CHECK_TIMEOUTS, NULL, PROBLEM,
      "No setting of the server ends httpd's statements early.",
      "Settings of the server let requests fail: %s.",
      "Reset them for httpd: " SUPERUSER "'ALTER ROLE scim SET NAME = ...'",
      0 },
    { "connections", SCIM_SQL_CHECK_CONNECTIONS, NULL, WARNING,
      "Connections in use: %s.",
      "Connections are running out; in use are %s.",
      "Lower DBDMax, or raise max_connections (docs/sizing.md).", 0 },
    { "httpd-max", SCIM_SQL_CHECK_HTTPD_CONNECTIONS, most_of_httpd, PROBLEM,
      "There are enough connections for httpd and a graceful restart: %s.",
      "There are not enough connections for httpd and a graceful restart: it"
      " needs %s.",
      "Lower DBDMax or MaxRequestWorkers, or raise max_connections"
      " (docs/sizing.md).", 0 },
    { "roles", SCIM_SQL_CHECK_ROLES, NULL, PROBLEM,
      "The roles exist.",
      "Roles are missing: %s.",
      CREATE, 0 },
    { "owner", SCIM_SQL_CHECK_OWNER, NULL, PROBLEM,
      "Everything in the schema scim belongs to scim_owner.",
      "These do not belong to scim_owner: %s.",
      CREATE, 0 },
    { "privileges", SCIM_SQL_CHECK_PRIVILEGES, NULL, PROBLEM,
      "The role scim has the privileges that httpd needs.",
      "The role scim lacks privileges: %s.",
      UPGRADE, 1 },
    { "rights", SCIM_SQL_CHECK_RIGHTS, NULL, WARNING,
      "No role of httpd or of an application may change tables or events.",
      "Roles have more rights than they need: %s.",
      "Revoke them with REVOKE and ALTER ROLE, then " UPGRADE, 0 },
    { "role-settings", SCIM_SQL_CHECK_ROLE_SETTINGS, NULL, WARNING,
      "The role scim has its settings.",
      "Settings of the role scim are missing: %s.",
      CREATE, 0 },
    { "extension", SCIM_SQL_CHECK_EXTENSION, NULL, PROBLEM,
      "The extensions btree_gin and pg_trgm are there.",
      "Extensions are missing: %s.",
      "Install postgresql-contrib if the server does not have it, then "
      UPGRADE, 1 },

    { "triggers", SCIM_SQL_CHECK_TRIGGERS, NULL, PROBLEM,
      "All triggers are enabled.",
      "Triggers are missing or disabled, so that the database does not keep"
      " its rules: %s.",
      UPGRADE "; for a foreign key: ALTER TABLE ... ENABLE TRIGGER ALL",
      1 },
    { "indexes", SCIM_SQL_CHECK_INDEXES, NULL, PROBLEM,
      "All indexes are there and valid.",
      "Indexes are missing or invalid, so that searches read whole tables:"
      " %s.",
      UPGRADE "; for the index of a key: REINDEX INDEX CONCURRENTLY", 1 },
    { "statistics", SCIM_SQL_CHECK_STATISTICS, NULL, WARNING,
      "The tables are analyzed.",
      "PostgreSQL knows nothing about the size of these tables, and may plan"
      " badly: %s.",
      "psql -c ANALYZE", 0 },
    { "autovacuum", SCIM_SQL_CHECK_AUTOVACUUM, NULL, WARNING,
      "Autovacuum is on.",
      "Tables grow and statistics become old: %s is off.",
      SUPERUSER "'ALTER SYSTEM SET autovacuum = on' -c 'SELECT"
      " pg_reload_conf()'; for a table: ALTER TABLE ... RESET"
      " (autovacuum_enabled)", 0 },
    { "events", SCIM_SQL_CHECK_EVENTS, NULL, WARNING,
      "The audit log has about %s.", "", "", 0 },
    { "sequence", SCIM_SQL_CHECK_SEQUENCE, NULL, PROBLEM,
      "The sequence of events is not behind.",
      "The sequence of events is behind %s, as after logical replication: all"
      " changes are refused.",
      "psql -c \"SELECT setval('scim.event_sequence_seq', greatest((SELECT"
      " max(sequence) FROM scim.event), (SELECT max(sequence) FROM"
      " scim.refusal)))\"", 0 },
    { "feed", SCIM_SQL_CHECK_RESTORED, NULL, PROBLEM,
      "The events are of this cluster, or count as past.",
      "The database was restored from another cluster: readers of the change"
      " feed wait for its transactions.",
      UPGRADE, 0 },
    { "horizon", SCIM_SQL_CHECK_HORIZON, NULL, WARNING,
      "No open transaction holds the change feed back.",
      "The change feed is held back for %s.",
      "See it in pg_stat_activity or pg_prepared_xacts; to end it: "
      SUPERUSER "'SELECT pg_terminate_backend(PROCESS)'", 0 },
    { "relays", SCIM_SQL_CHECK_RELAYS, NULL, WARNING,
      "All relays run.",
      "Relays do not run: %s.",
      "Start them: systemctl start, or scimctl relay; for one that is not"
      " used any more: DELETE FROM scim.relay WHERE name = '...'", 0 },
    { "relays-refused", SCIM_SQL_CHECK_RELAYS_REFUSED, NULL, PROBLEM,
      "No receiver refuses an event.",
      "Receivers refuse an event, and all later ones wait: %s.",
      "scimctl relay list shows the reason; mend the receiver, or leave the"
      " event out: scimctl relay skip NAME", 0 },
    { "relays-late", SCIM_SQL_CHECK_RELAYS_LATE, NULL, WARNING,
      "No relay is late.",
      "Relays are late: %s.",
      "scimctl relay list shows how far they are.", 0 },
    { "without-token", SCIM_SQL_CHECK_WITHOUT_TOKEN, NULL, WARNING,
      "Every organization that is enabled has a token.",
      "Organizations are enabled and have no valid token, so nothing is"
      " provisioned: %s.",
      "scimctl token generate KEY --issuer USERNAME --name NAME, or scimctl"
      " org disable KEY", 0 },
    { "paused", SCIM_SQL_CHECK_PAUSED, NULL, WARNING,
      "No organization is paused.",
      "Organizations are paused, and their identity providers try again in"
      " vain: %s.",
      "scimctl org resume KEY, before an identity provider gives up; what is"
      " leaving, left or arriving, scimctl org move finishes or cancels.", 0 },
    { "tokens-end", SCIM_SQL_CHECK_TOKENS_END, NULL, WARNING,
      "No token ends within 30 days.",
      "Tokens end within 30 days: %s.",
      "Generate another one (scimctl token generate), enter it in the identity"
      " provider, then delete the old one.", 0 },
    { "tokens-ended", SCIM_SQL_CHECK_TOKENS_ENDED, NULL, PROBLEM,
      "No token has ended while it was in use.",
      "Tokens have ended while they were in use, and nothing is provisioned"
      " since: %s.",
      "Generate another one (scimctl token generate), and enter it in the"
      " identity provider.", 0 },
};
#define CHECKS (sizeof(checks) / sizeof(*checks))

typedef struct {
    scimctl_run_t *run;
    cJSON *object;
    cJSON *list;                 /* its checks */
    int counts[STATES];
    apr_time_t end;              /* of all checks, by scim_clock */
    apr_time_t answer_by;        /* the end of this one */
} report_t;

static void report_check(report_t *to, const char *name, state_e state,
                         const char *text, const char *action)
{
    cJSON *object = cJSON_CreateObject();

    to->counts[state]++;
    scim_json_put_text(object, "name", name);
    scim_json_put_text(object, "status", states[state]);
    scim_json_put_text(object, "text", text);
    scim_json_put(object, "action", action ? cJSON_CreateString(action)
                                           : cJSON_CreateNull());
    cJSON_AddItemToArray(to->list, object);
    if (to->run->options.json) {
        return;
    }
    printf("%-8s %-15s ", states[state], name);
    scimctl_print_text(text, to->run->pool);
    if (action) {
        putchar(' ');
        scimctl_print_text(action, to->run->pool);
    }
    putchar('\n');
    fflush(stdout);
}

static const char *sentence_of(const scim_error_t *error, apr_pool_t *pool)
{
    return scimctl_sentence(error->cause ? error->cause : error->detail, pool);
}

static int is_forbidden(const scim_error_t *error)
{
    return error->cause && strstr(error->cause, "42501");
}

static int has_no_tables(const scim_error_t *error)
{
    return error->cause && strstr(error->cause, "scim.schema_version");
}

static int is_too_late(const report_t *to, const scim_error_t *error)
{
    return error->kind == SCIM_E_UNAVAILABLE
           && scim_clock_now() >= to->answer_by;
}

static void report_unseen(report_t *to, const char *name,
                           const scim_error_t *error)
{
    const char *reason = is_too_late(to, error)
        ? "there was no answer in time." : sentence_of(error, to->run->pool);

    report_check(to, name, UNKNOWN,
                 apr_pstrcat(to->run->pool, "Not checked: ", reason, NULL),
                 is_forbidden(error) ? "Run this as the role scim_owner:"
                                       " PGUSER=scim_owner scimctl check"
                                     : NULL);
}

static void report_answer(report_t *to, const check_t *check,
                          const scim_rows_t *rows)
{
    const char *value = scim_rows_value(rows, 0, 1);
    int is_wrong = scim_rows_true(rows, 0, 0);

    if (!scim_rows_value(rows, 0, 0)) {
        report_check(to, check->name, UNKNOWN,
                     "Not checked: only a superuser can see it.",
                     "Run this as a superuser of the database.");
        return;
    }
    report_check(to, check->name, is_wrong ? check->state : FINE,
                 apr_psprintf(to->run->pool,
                              is_wrong ? check->wrong : check->fine,
                              value ? value : ""),
                 is_wrong ? check->action : NULL);
}

/* A statement that is not answered costs its connection, which is opened again
 * for the next one. */
static void limit_answer(report_t *to)
{
    apr_time_t now = scim_clock_now();
    apr_interval_time_t left = to->end > now ? to->end - now : 0;

    left = left < ONE_CHECK ? left : ONE_CHECK;
    to->answer_by = now + left;
    scim_db_limit(to->run->call.db, left);
}

static void ask_for(report_t *to, const check_t *check)
{
    const char *values[] = { check->argument ? check->argument(to->run)
                                             : NULL };
    scim_rows_t *rows;
    scim_error_t *error;

    limit_answer(to);
    error = check->is_of_release ? scim_db_outdated(to->run->call.db) : NULL;
    if (!error) {
        error = scim_db_run(&rows, to->run->call.db, check->statement,
                            check->argument != NULL, values);
    }
    if (error) {
        report_unseen(to, check->name, error);
    }
    else if (scim_rows_count(rows) > 0) {
        report_answer(to, check, rows);
    }
}

static int check_connection(report_t *to)
{
    scimctl_run_t *run = to->run;
    scim_error_t *error;

    setenv("PGCONNECT_TIMEOUT", CONNECT_SECONDS, 0);
    error = scim_db_connect(&run->call.db, run->options.db ? run->options.db
                                                           : "", run->pool);
    if (error) {
        report_check(to, "connection", PROBLEM, sentence_of(error, run->pool),
                     "Correct --db or the PG* variables, or start PostgreSQL;"
                     " see pg_hba.conf and pg_ident.conf for a refused"
                     " login.");
        return 0;
    }
    report_check(to, "connection", FINE, "The database can be reached.", NULL);
    return 1;
}

static void check_schema(report_t *to)
{
    scim_error_t *error;

    limit_answer(to);
    error = scim_version_check(to->run->call.db, "scimctl", to->run->pool);
    if (!error) {
        error = scim_db_outdated(to->run->call.db);
        report_check(to, "schema", error ? WARNING : FINE,
                     error ? sentence_of(error, to->run->pool)
                           : "The tables fit this release.",
                     error ? UPGRADE : NULL);
    }
    else if (error->kind == SCIM_E_UNAVAILABLE || is_forbidden(error)) {
        report_unseen(to, "schema", error);
    }
    else {
        report_check(to, "schema", PROBLEM, sentence_of(error, to->run->pool),
                     has_no_tables(error)
                     ? "Name the right database by --db or PGDATABASE; if"
                       " there is none: " CREATE
                     : UPGRADE);
    }
}

static scim_error_t *conclude(const report_t *to)
{
    const int *counts = to->counts;

    if (to->run->options.json) {
        scimctl_print_json(to->object, to->run->pool);
    }
    else {
        printf("ok: %d, warnings: %d, problems: %d, not checked: %d\n",
               counts[FINE], counts[WARNING], counts[PROBLEM],
               counts[UNKNOWN]);
    }
    return counts[PROBLEM] == 0 ? NULL
        : scim_error(to->run->pool, SCIM_E_INVALID_VALUE,
                     "The check has found %d problem(s).", counts[PROBLEM]);
}

scim_error_t *scimctl_check(scimctl_run_t *run)
{
    report_t to = { .run = run, .end = scim_clock_now() + ALL_CHECKS };
    apr_int64_t number;
    apr_size_t i;

    SCIM_ERR(scimctl_number(&number, run, run->options.httpd_max, 1));
    to.object = scim_json_own(cJSON_CreateObject(), run->pool);
    to.list = cJSON_CreateArray();
    scim_json_put(to.object, "checks", to.list);
    if (check_connection(&to)) {
        check_schema(&to);
        for (i = 0; i < CHECKS; i++) {
            ask_for(&to, &checks[i]);
        }
    }
    return conclude(&to);
}
