/* SPDX-License-Identifier: Apache-2.0 */
/* scimctl db create: roles, database and tables by create.sql, and what the
 * administrator of the machine has to do then: let roles connect.
 *
 * On one machine, PostgreSQL knows users of the operating system by its
 * socket.  With --passwords, the roles get passwords for TCP, each in a file
 * of its own, since httpd must not have the operators'.
 */
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <apr_env.h>
#include <apr_file_io.h>
#include <apr_network_io.h>
#include <apr_strings.h>

#include "scimctl/scimctl_password.h"
#include "scimctl/scimctl_psql.h"
#include "values/scim_json.h"

#define HTTPD_LIMITS                                                        \
    "connect_timeout=5 options='-c statement_timeout=10s'"

/* The roles that sign in. */
static const char *const sign_in_roles[] = { "scim", "scim_owner" };
#define SIGN_IN_ROLES (sizeof(sign_in_roles) / sizeof(*sign_in_roles))

typedef struct {
    scimctl_run_t *run;
    const char *database;
    const char *host;            /* where others connect to it */
    const cJSON *access;         /* what create.sql tells; {} if nothing */
    cJSON *left;                 /* {command} of each thing left to do */
    cJSON *passfiles;            /* {role, file} */
    apr_array_header_t *written; /* paths of those that are new */
} creation_t;

/* A name that needs no quotes in a connection string or a password file. */
static scim_error_t *choose_name(const char **name, scimctl_run_t *run)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz"
        "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";
    const char *chosen = getenv("PGDATABASE");

    *name = chosen && *chosen ? chosen : "scim";
    if (strcmp(*name, "postgres") == 0
        || strncmp(*name, "template", 8) == 0) {
        return scim_error(run->pool, SCIM_E_INVALID_VALUE,
                          "'%.60s' is a database of PostgreSQL itself; name"
                          " the one to create, for example by --db"
                          " dbname=scim.", *name);
    }
    return strspn(*name, letters) == strlen(*name) && strlen(*name) < 64
           ? NULL
           : scim_error(run->pool, SCIM_E_INVALID_VALUE,
                        "The name of the database must be 1 to 63 letters,"
                        " digits, hyphens and underscores.");
}

/* The host of the connection; NULL if that is by a socket. */
static const char *host_of_connection(void)
{
    const char *host = getenv("PGHOST");

    return host && *host && *host != '/' ? host : NULL;
}

/* The host for others: that of the connection, or this one. */
static const char *host_for_others(const scimctl_run_t *run)
{
    const char *host = host_of_connection();
    char name[APRMAXHOSTLEN + 1];

    if (host) {
        return host;
    }
    return apr_gethostname(name, sizeof(name), run->pool) == APR_SUCCESS
           ? apr_pstrdup(run->pool, name) : "localhost";
}

static void put_passfile(creation_t *c, const char *role, const char *path)
{
    cJSON *passfile = cJSON_CreateObject();

    scim_json_put_text(passfile, "role", role);
    scim_json_put_text(passfile, "file", path);
    cJSON_AddItemToArray(c->passfiles, passfile);
}

/* Write the password of role to its file; *sql, which gives it to the role, is
 * "" if the file exists already.  The file is there first: a password that is
 * in none would be lost. */
static scim_error_t *write_passfile(const char **sql, creation_t *c,
                                    const char *role)
{
    apr_pool_t *pool = c->run->pool;
    const char *path = apr_pstrcat(pool, c->run->options.passwords, "/", role,
                                   ".pass", NULL);
    const char *password;
    const char *verifier;
    apr_file_t *file;
    apr_status_t rv = apr_file_open(&file, path, APR_FOPEN_WRITE
                                    | APR_FOPEN_CREATE | APR_FOPEN_EXCL,
                                    APR_FPROT_UREAD | APR_FPROT_UWRITE, pool);
    char reason[120];

    *sql = "";
    put_passfile(c, role, path);
    if (APR_STATUS_IS_EEXIST(rv)) {
        scimctl_say(pool, "%s exists: the password of %s is not changed",
                    path, role);
        return NULL;
    }
    if (rv == APR_SUCCESS) {
        APR_ARRAY_PUSH(c->written, const char *) = path;
        SCIM_ERR(scimctl_password_make(&password, &verifier, pool));
        *sql = apr_psprintf(pool, "ALTER ROLE %s PASSWORD '%s';\n", role,
                            verifier);
        rv = apr_file_printf(file, "*:*:%s:%s:%s\n", c->database, role,
                             password) > 0 ? apr_file_close(file)
                                           : APR_EGENERAL;
    }
    return rv == APR_SUCCESS ? NULL
        : scim_error(pool, SCIM_E_INVALID_VALUE, "--passwords: %s cannot be"
                     " written: %s.", path,
                     apr_strerror(rv, reason, sizeof(reason)));
}

/* All roles get their passwords or none, as the files are removed then. */
static scim_error_t *write_passfiles(const char **sql, creation_t *c)
{
    apr_size_t i;

    *sql = "BEGIN;\n";
    for (i = 0; c->run->options.passwords && i < SIGN_IN_ROLES; i++) {
        const char *more;

        SCIM_ERR(write_passfile(&more, c, sign_in_roles[i]));
        *sql = apr_pstrcat(c->run->pool, *sql, more, NULL);
    }
    *sql = apr_pstrcat(c->run->pool, *sql, "COMMIT;\n", NULL);
    return NULL;
}

/* No role has the passwords in the files that were written. */
static void remove_passfiles(const creation_t *c)
{
    int i;

    for (i = 0; i < c->written->nelts; i++) {
        apr_file_remove(APR_ARRAY_IDX(c->written, i, const char *),
                        c->run->pool);
    }
}

static void put_left(creation_t *c, const char *command)
{
    cJSON *left = cJSON_CreateObject();

    scim_json_put_text(left, "command", command);
    cJSON_AddItemToArray(c->left, left);
}

static int access_has(const creation_t *c, const char *list, const char *text)
{
    const cJSON *item;

    cJSON_ArrayForEach(item, scim_json_member(c->access, list)) {
        if (strcmp(item->valuestring, text) == 0) {
            return 1;
        }
    }
    return 0;
}

static const char *access_text(const creation_t *c, const char *name,
                               const char *otherwise)
{
    const char *text = scim_json_text(c->access, name);

    return text ? text : otherwise;
}

/* The user that httpd runs as, by the habits of distributions. */
static const char *httpd_user(void)
{
    static const char *const known[] = { "www-data", "apache", "httpd" };
    apr_size_t i;

    for (i = 0; i < sizeof(known) / sizeof(*known); i++) {
        if (getpwnam(known[i])) {
            return known[i];
        }
    }
    return known[0];
}

/* Who has called sudo, or this user. */
static const char *operator_user(const creation_t *c)
{
    const char *name = getenv("SUDO_USER");
    const struct passwd *user = name ? getpwnam(name) : getpwuid(getuid());

    return user ? apr_pstrdup(c->run->pool, user->pw_name) : "root";
}

/* A user and a role for pg_ident.conf, unless they are there. */
static const char *mapping(const creation_t *c, const char *user,
                           const char *role)
{
    const char *pair = apr_pstrcat(c->run->pool, user, " ", role, NULL);

    return access_has(c, "mappings", pair)
           ? "" : apr_pstrcat(c->run->pool, " ", pair, NULL);
}

static void put_rule(creation_t *c, const char *rule)
{
    put_left(c, apr_psprintf(c->run->pool,
                             "sudo sed -i '1i %s' %s", rule,
                             access_text(c, "hbaFile", "pg_hba.conf")));
}

/* One machine: by the socket. */
static void leave_socket(creation_t *c)
{
    apr_pool_t *pool = c->run->pool;
    const char *pairs = apr_pstrcat(pool, mapping(c, httpd_user(), "scim"),
                                    mapping(c, operator_user(c),
                                            "scim_owner"), NULL);

    if (*pairs) {
        put_left(c, apr_psprintf(pool, "printf 'scim %%s %%s\\n'%s"
                                 " | sudo tee -a %s", pairs,
                                 access_text(c, "identFile",
                                             "pg_ident.conf")));
    }
    if (!access_has(c, "rules", "local")) {
        put_rule(c, apr_psprintf(pool, "local %s scim,scim_owner peer"
                                 " map=scim", c->database));
    }
}

/* Another machine: by TCP, TLS and passwords. */
static void leave_network(creation_t *c)
{
    if (cJSON_IsFalse(scim_json_member(c->access, "hasTls"))) {
        put_left(c, "# give PostgreSQL a certificate: ssl_cert_file,"
                    " ssl_key_file, then ssl = on");
    }
    if (cJSON_IsTrue(scim_json_member(c->access, "isLocalOnly"))) {
        put_left(c, "sudo -u postgres psql -c \"ALTER SYSTEM SET"
                    " listen_addresses = '*'\""
                    " && sudo service postgresql restart");
    }
    if (!access_has(c, "rules", "hostssl")) {
        put_rule(c, apr_psprintf(c->run->pool, "hostssl %s scim,scim_owner"
                                 " all scram-sha-256", c->database));
    }
}

/* The end of a connection string, or of a line of exports, for a port that is
 * not the usual one: that of this connection, or of the server. */
static const char *port_of(const creation_t *c, const char *form)
{
    const char *ours = getenv("PGPORT");
    const cJSON *port = scim_json_member(c->access, "port");
    int number = ours ? atoi(ours)
        : cJSON_IsNumber(port) ? port->valueint : 5432;

    return number == 5432 ? "" : apr_psprintf(c->run->pool, form, number);
}

static const char *dbd_params(const creation_t *c)
{
    const char *way = c->run->options.passwords
        ? " sslmode=require channel_binding=require"
          " passfile=/etc/apache2/scim.pass" : "";

    return apr_psprintf(c->run->pool, "host=%s%s dbname=%s user=scim%s "
                        HTTPD_LIMITS, c->host, port_of(c, " port=%d"),
                        c->database, way);
}

static const char *exports(const creation_t *c)
{
    const char *way = c->run->options.passwords
        ? " PGSSLMODE=require PGCHANNELBINDING=require"
          " PGPASSFILE=$HOME/scim_owner.pass" : "";

    return apr_psprintf(c->run->pool, "export PGHOST=%s%s PGDATABASE=%s"
                        " PGUSER=scim_owner%s", c->host,
                        port_of(c, " PGPORT=%d"), c->database, way);
}

static void print_creation_json(const creation_t *c)
{
    cJSON *all = scim_json_own(cJSON_CreateObject(), c->run->pool);
    const cJSON *version = scim_json_member(c->access, "version");

    scim_json_put_text(all, "database", c->database);
    scim_json_put(all, "version", cJSON_CreateNumber(version->valuedouble));
    scim_json_put(all, "left", cJSON_Duplicate(c->left, 1));
    scim_json_put(all, "passfiles", cJSON_Duplicate(c->passfiles, 1));
    scim_json_put_text(all, "dbdParams", dbd_params(c));
    scim_json_put_text(all, "environment", exports(c));
    scimctl_print_json(all, c->run->pool);
}

static void print_to_type(const creation_t *c, const char *command)
{
    fputs("    ", stdout);
    scimctl_print_text(command, c->run->pool);
    putchar('\n');
}

static void print_left(const creation_t *c)
{
    const cJSON *item;

    if (!c->left->child) {
        return;
    }
    puts("\nLeft to do on the database's machine, so that these roles may"
         " connect:\n");
    cJSON_ArrayForEach(item, c->left) {
        print_to_type(c, scim_json_text(item, "command"));
    }
    print_to_type(c, apr_psprintf(c->run->pool, "sudo -u postgres psql%s"
                                  " -qAtc 'SELECT pg_reload_conf()'",
                                  port_of(c, " -p %d")));
}

static void print_passfiles(const creation_t *c)
{
    const cJSON *item;

    if (!c->passfiles->child) {
        return;
    }
    puts("\nThe passwords.  Copy the first file to httpd's machine, as"
         " /etc/apache2/scim.pass,\nowned by httpd's user and with mode 0600,"
         " and the second one to the operator's:\n");
    cJSON_ArrayForEach(item, c->passfiles) {
        print_to_type(c, scim_json_text(item, "file"));
    }
}

static void print_creation(const creation_t *c)
{
    printf("The database %s is ready and has version %d.\n", c->database,
           scim_json_member(c->access, "version")->valueint);
    print_left(c);
    print_passfiles(c);
    puts("\nIn httpd's configuration:\n");
    print_to_type(c, apr_psprintf(c->run->pool, "DBDParams \"%s\"",
                                  dbd_params(c)));
    puts("\nFor scimctl:\n");
    print_to_type(c, exports(c));
}

static scim_error_t *create(creation_t *c)
{
    scimctl_run_t *run = c->run;
    const char *const arguments[] = {
        "-v", apr_pstrcat(run->pool, "db=", c->database, NULL),
        "-f", scimctl_psql_file(run, "create.sql"), "-f", "-", NULL
    };
    const char *passwords;
    const char *text;

    SCIM_ERR(write_passfiles(&passwords, c));
    apr_env_set("PGDATABASE", "postgres", run->pool);
    SCIM_ERR(scimctl_psql(&text, run, arguments, passwords));
    c->access = scim_json_stored(text, run->pool);
    return cJSON_IsNumber(scim_json_member(c->access, "version")) ? NULL
        : scim_error(run->pool, SCIM_E_INTERNAL, "%s is not of this release.",
                     arguments[3]);
}

/* What is left to do.  Who connects by a network, and wants no passwords, has
 * a way of his own for the roles. */
static void leave_rest(creation_t *c)
{
    if (c->run->options.passwords) {
        c->host = host_for_others(c->run);
        leave_network(c);
    }
    else if (host_of_connection()) {
        c->host = host_of_connection();
    }
    else {
        c->host = access_text(c, "socketFolder", "/run/postgresql");
        leave_socket(c);
    }
}

scim_error_t *scimctl_db_create(scimctl_run_t *run)
{
    creation_t c = { .run = run };
    scim_error_t *error;

    SCIM_ERR(scimctl_psql_aim(run));
    SCIM_ERR(choose_name(&c.database, run));
    c.left = scim_json_own(cJSON_CreateArray(), run->pool);
    c.passfiles = scim_json_own(cJSON_CreateArray(), run->pool);
    c.written = apr_array_make(run->pool, SIGN_IN_ROLES, sizeof(char *));
    error = create(&c);
    if (error) {
        remove_passfiles(&c);
        return error;
    }
    leave_rest(&c);
    if (run->options.json) {
        print_creation_json(&c);
    }
    else {
        print_creation(&c);
    }
    return NULL;
}
