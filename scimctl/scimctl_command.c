/* SPDX-License-Identifier: Apache-2.0 */
/* The commands of scimctl and their options, see scimctl_command.h. */
#include "scimctl/scimctl_command.h"

#include <string.h>

#include <apr_strings.h>

/* An option without a value, and one with a value. */
#define FLAG(field, name, letter, meaning)                                  \
    { name, letter, NULL, APR_OFFSETOF(scimctl_options_t, field), 0, meaning }
#define VALUE(field, name, argument, use, meaning)                          \
    { name, 0, argument, APR_OFFSETOF(scimctl_options_t, field), use, meaning }
#define END { NULL, 0, NULL, 0, 0, NULL }

#define COUNT(of)                                                           \
    VALUE(count, "count", "N", 0, "how many " of " to list; otherwise 100")
#define YES FLAG(yes, "yes", 'y', "do not ask")
#define FOLLOW                                                              \
    FLAG(follow, "follow", 'f', "go on with what happens from now on")
#define AFTER                                                               \
    VALUE(after, "after", "POSITION", 0,                                    \
          "the position or the sequence of the last event that was read")

const scimctl_option_t scimctl_common_options[] = {
    VALUE(db, "db", "CONNINFO", 0, "the database, as a connection string or a"
          " URI; otherwise that of psql's PG* variables"),
    FLAG(json, "json", 0, "print JSON"),
    FLAG(help, "help", 'h', "print help on the command"),
    FLAG(version, "version", 'V', "print the version"),
    END
};

static const scimctl_option_t org_add_options[] = {
    VALUE(name, "name", "NAME", 0, "its name for people; otherwise KEY"),
    VALUE(domains, "domain", "DOMAIN", SCIMCTL_REPEATED,
          "a verified e-mail domain; without any, a userName may have any"
          " domain"),
    END
};

static const scimctl_option_t org_url_options[] = {
    VALUE(base, "base", "URL", SCIMCTL_REQUIRED, "the public URL of the SCIM"
          " Location, such as https://scim.example.com/scim"),
    END
};

static const scimctl_option_t org_rename_options[] = {
    VALUE(key, "key", "NEWKEY", 0, "its new key, in all its URLs"),
    VALUE(name, "name", "NAME", 0, "its new name for people"),
    END
};

static const scimctl_option_t org_domains_options[] = {
    FLAG(none, "none", 0, "no domains: a userName may have any"),
    END
};

static const scimctl_option_t org_guard_options[] = {
    VALUE(number, "number", "N", 0, "so many accounts an hour"),
    VALUE(percent, "percent", "P", 0, "so many percent of the active accounts;"
          " with --number, the greater of both"),
    FLAG(off, "off", 0, "no limit"),
    FLAG(open, "open", 0, "let everything through for two hours"),
    END
};

static const scimctl_option_t org_delete_options[] = { YES, END };

static const scimctl_option_t org_import_options[] = {
    VALUE(key, "key", "NEWKEY", 0, "its key here; otherwise that in the file"),
    END
};

static const scimctl_option_t org_move_options[] = {
    VALUE(to, "to", "CONNINFO", SCIMCTL_REQUIRED,
          "the other database, as a connection string or a URI"),
    FLAG(finish, "finish", 0, "requests lead there now: let it take writes"
         " there"),
    FLAG(cancel, "cancel", 0, "let it take writes here again"),
    FLAG(dry_run, "dry-run", 'n', "check both databases and change nothing"),
    END
};

static const scimctl_option_t token_generate_options[] = {
    VALUE(issuer, "issuer", "USERNAME", SCIMCTL_REQUIRED,
          "the active ADMIN in whose name it is generated"),
    VALUE(name, "name", "NAME", SCIMCTL_REQUIRED, "its name for people"),
    VALUE(days, "days", "N", SCIMCTL_OR, "how many days it is valid"),
    VALUE(expires, "expires", "TIME", 0, "the day at whose end it expires, or"
          " a date and time such as 2027-01-31T12:00:00Z, or never; without it"
          " and --days, it expires in a year"),
    END
};

static const scimctl_option_t account_list_options[] = {
    VALUE(filter, "filter", "FILTER", 0, "a SCIM filter"),
    VALUE(start, "start", "N", 0, "the first one to list, from 1"),
    COUNT("accounts"),
    END
};

static const scimctl_option_t account_import_options[] = {
    FLAG(update, "update", 'u', "change the accounts that exist where the file"
         " differs"),
    FLAG(dry_run, "dry-run", 'n', "check the file and import nothing"),
    END
};

static const scimctl_option_t account_delete_options[] = { YES, END };

static const scimctl_option_t account_export_options[] = {
    VALUE(filter, "filter", "FILTER", 0, "only accounts that a SCIM filter"
          " finds"),
    END
};

static const scimctl_option_t account_forget_options[] = {
    YES,
    FLAG(dry_run, "dry-run", 'n', "count what would be done and change"
         " nothing"),
    END
};

static const scimctl_option_t group_list_options[] = {
    VALUE(name, "name", "NAME", 0, "the beginning of the names, in any case"),
    COUNT("groups"),
    END
};

static const scimctl_option_t group_members_options[] = {
    COUNT("members"),
    END
};

static const scimctl_option_t group_delete_options[] = { YES, END };

static const scimctl_option_t activity_list_options[] = {
    VALUE(account, "account", "TEXT", 0,
          "only about accounts or groups: an id, a name, or a part of it"),
    VALUE(since, "since", "TIME", 0,
          "from a day or a time on, such as 2026-01-31T12:00:00Z"),
    VALUE(until, "until", "TIME", 0, "before a day or a time"),
    VALUE(actor, "actor", "NAME", 0,
          "only by this token, administrator or operator, or a part of it"),
    VALUE(kind, "kind", "KINDS", 0,
          "such as created,deleted; see the documentation"),
    VALUE(outcome, "outcome", "OUTCOME", 0,
          "changed, refused, warning, or guest: downgrades to GUEST"),
    COUNT("entries"),
    FOLLOW,
    END
};

static const scimctl_option_t request_list_options[] = {
    VALUE(outcome, "outcome", "OUTCOME", 0,
          "changed, refused, or read: neither of them"),
    COUNT("requests"),
    END
};

static const scimctl_option_t undo_options[] = {
    VALUE(since, "since", "TIME", 0, "what was changed from this day or time"
          " on, such as 2027-01-31T12:00:00Z"),
    VALUE(until, "until", "TIME", 0, "and before this one; otherwise now"),
    VALUE(actor, "actor", "NAME", 0, "by this token, administrator or"
          " operator, as activity list names them"),
    VALUE(kinds, "kind", "KIND", SCIMCTL_REPEATED, "create, change, delete,"
          " activate, deactivate, role, or group for all changes of groups;"
          " several with commas"),
    VALUE(account, "account", "USERNAME|GROUP|ID", 0,
          "only this account or group"),
    VALUE(sequence, "sequence", "N", 0, "the one change of this event"),
    FLAG(dry_run, "dry-run", 'n', "print what would be done and change"
         " nothing"),
    YES,
    END
};

static const scimctl_option_t drift_options[] = {
    FLAG(never, "never", 0, "Managed Accounts that provisioning has never"
         " changed"),
    VALUE(not_seen, "not-seen", "DAYS", 0, "provisioned ones that the identity"
          " provider has not asked for in so many days"),
    FLAG(duplicates, "duplicates", 0, "accounts with the externalId or the"
         " primary e-mail address of another one"),
    FLAG(inactive_members, "inactive-members", 0, "inactive accounts that are"
         " in groups"),
    FLAG(unverified, "domains", 0, "accounts whose userName is in no verified"
         " domain"),
    END
};

static const scimctl_option_t compare_options[] = {
    VALUE(key, "key", "ATTRIBUTE", SCIMCTL_REQUIRED,
          "externalId or userName: what both have in common"),
    VALUE(columns, "columns", "ATTRIBUTE=COLUMN,...", 0,
          "which columns have userName, externalId, active and displayName;"
          " otherwise those with usual names"),
    END
};

static const scimctl_option_t event_purge_options[] = {
    VALUE(older_than, "older-than", "DAYS|TIME", SCIMCTL_REQUIRED,
          "the age in days, or a day or a time such as 2025-01-31T12:00:00Z"),
    FLAG(dry_run, "dry-run", 'n', "only count them"),
    END
};

static const scimctl_option_t events_options[] = { FOLLOW, AFTER, END };

static const scimctl_option_t relay_options[] = {
    VALUE(url, "url", "URL", SCIMCTL_REQUIRED, "where events are sent to"),
    VALUE(secret_file, "secret-file", "FILE", SCIMCTL_REQUIRED,
          "holds the secret that signs them"),
    VALUE(name, "name", "NAME", 0, "the relay's name; otherwise URL"),
    AFTER,
    END
};

static const scimctl_option_t db_create_options[] = {
    VALUE(passwords, "passwords", "FOLDER", 0, "where to write the passwords"
          " of roles, for a database on another machine"),
    END
};

static const scimctl_option_t db_upgrade_options[] = {
    FLAG(dry_run, "dry-run", 'n', "print the SQL and change nothing"),
    END
};

static const scimctl_option_t check_options[] = {
    VALUE(httpd_max, "httpd-max", "N", 0, "the most connections of all httpds:"
          " child processes times DBDMax, added up"),
    END
};

const scimctl_command_t scimctl_commands[] = {
    { "db", "create", "", db_create_options,
      scimctl_db_create, SCIMCTL_NEEDS_NOTHING,
      "Make roles, database and tables, as a superuser of PostgreSQL.",
      "db create --db \"host=db.example.com user=postgres dbname=scim\"" },
    { "db", "status", "", NULL,
      scimctl_db_status, SCIMCTL_NEEDS_NOTHING,
      "Show what the database lacks; exit status 1 if anything.",
      "db status" },
    { "db", "upgrade", "", db_upgrade_options,
      scimctl_db_upgrade, SCIMCTL_NEEDS_NOTHING,
      "Bring the database to the version of this release.",
      "db upgrade --dry-run" },
    { "org", "add", "KEY", org_add_options,
      scimctl_org_add, SCIMCTL_NEEDS_TABLES,
      "Add an organization, not yet enabled.",
      "org add acme --name \"Acme Inc.\" --domain example.com" },
    { "org", "list", "", NULL,
      scimctl_org_list, SCIMCTL_NEEDS_TABLES,
      "List the organizations.",
      "org list" },
    { "org", "show", "KEY", NULL,
      scimctl_org_show, SCIMCTL_NEEDS_TABLES,
      "Show an organization.",
      "org show acme" },
    { "org", "enable", "KEY", NULL,
      scimctl_org_enable, SCIMCTL_NEEDS_TABLES,
      "Let identity providers provision it.",
      "org enable acme" },
    { "org", "pause", "KEY", NULL,
      scimctl_org_pause, SCIMCTL_NEEDS_TABLES,
      "Put off its SCIM requests, so that identity providers try again.",
      "org pause acme" },
    { "org", "resume", "KEY", NULL,
      scimctl_org_enable, SCIMCTL_NEEDS_TABLES,
      "Serve its SCIM requests again.",
      "org resume acme" },
    { "org", "disable", "KEY", NULL,
      scimctl_org_disable, SCIMCTL_NEEDS_TABLES,
      "Refuse its SCIM requests.",
      "org disable acme" },
    { "org", "url", "KEY", org_url_options,
      scimctl_org_url, SCIMCTL_NEEDS_TABLES,
      "Print its SCIM URL, for the identity provider.",
      "org url acme --base https://scim.example.com/scim" },
    { "org", "rename", "KEY", org_rename_options,
      scimctl_org_rename, SCIMCTL_NEEDS_TABLES,
      "Give it another name, or another key.",
      "org rename acme --name \"Acme Ltd\"" },
    { "org", "domains", "KEY [DOMAIN]...", org_domains_options,
      scimctl_org_domains, SCIMCTL_NEEDS_TABLES,
      "Set its verified e-mail domains.",
      "org domains acme example.com example.org" },
    { "org", "guard", "KEY", org_guard_options,
      scimctl_org_guard, SCIMCTL_NEEDS_TABLES,
      "Show, set or open the limit of what tokens may take away.",
      "org guard acme --number 10 --percent 5" },
    { "org", "delete", "KEY", org_delete_options,
      scimctl_org_delete, SCIMCTL_NEEDS_TABLES,
      "Delete an organization with all that it has.",
      "org delete acme" },
    { "org", "export", "KEY", NULL,
      scimctl_org_export, SCIMCTL_NEEDS_TABLES,
      "Write an organization, with all that it has, to standard output.",
      "org export acme > acme.jsonl" },
    { "org", "import", "", org_import_options,
      scimctl_org_import, SCIMCTL_NEEDS_TABLES,
      "Read an organization of another database from standard input.",
      "org import < acme.jsonl" },
    { "org", "move", "KEY", org_move_options,
      scimctl_org_move, SCIMCTL_NEEDS_TABLES,
      "Move an organization to another database without losing a write.",
      "org move acme --to postgresql://scim_owner@db2.example.com/scim" },
    { "token", "generate", "KEY", token_generate_options,
      scimctl_token_generate, SCIMCTL_NEEDS_TABLES,
      "Generate a SCIM token, and print it this once.",
      "token generate acme --issuer admin@example.com --name \"Entra ID\"" },
    { "token", "list", "KEY", NULL,
      scimctl_token_list, SCIMCTL_NEEDS_TABLES,
      "List the tokens with their last use.",
      "token list acme" },
    { "token", "delete", "KEY TOKEN", NULL,
      scimctl_token_delete, SCIMCTL_NEEDS_TABLES,
      "Delete a token; its requests are refused at once.",
      "token delete acme \"Entra ID\"" },
    { "account", "list", "KEY", account_list_options,
      scimctl_account_list, SCIMCTL_NEEDS_TABLES,
      "List accounts by userName.",
      "account list acme --filter 'active eq false'" },
    { "account", "show", "KEY USERNAME|ID", NULL,
      scimctl_account_show, SCIMCTL_NEEDS_TABLES,
      "Show an account and its groups.",
      "account show acme taro@example.com" },
    { "account", "import", "KEY FILE", account_import_options,
      scimctl_import, SCIMCTL_NEEDS_TABLES,
      "Import accounts from a CSV file, all or none.",
      "account import acme accounts.csv --dry-run" },
    { "account", "eligible", "KEY USERNAME|ID", NULL,
      scimctl_account_eligible, SCIMCTL_NEEDS_TABLES,
      "Let provisioning take over an account that was kept from it.",
      "account eligible acme taro@example.com" },
    { "account", "set", "KEY USERNAME|ID ATTRIBUTE=VALUE...", NULL,
      scimctl_account_set, SCIMCTL_NEEDS_TABLES,
      "Change attributes of an account, as a SCIM PATCH does.",
      "account set acme taro@example.com title=Engineer roles=USER" },
    { "account", "activate", "KEY USERNAME|ID", NULL,
      scimctl_account_activate, SCIMCTL_NEEDS_TABLES,
      "Let a person sign in again.",
      "account activate acme taro@example.com" },
    { "account", "deactivate", "KEY USERNAME|ID", NULL,
      scimctl_account_deactivate, SCIMCTL_NEEDS_TABLES,
      "Let a person not sign in any more.",
      "account deactivate acme taro@example.com" },
    { "account", "delete", "KEY USERNAME|ID", account_delete_options,
      scimctl_account_delete, SCIMCTL_NEEDS_TABLES,
      "Delete an account; its events stay.",
      "account delete acme taro@example.com" },
    { "account", "export", "KEY [USERNAME|ID]", account_export_options,
      scimctl_account_export, SCIMCTL_NEEDS_TABLES,
      "Print accounts as a CSV file for import, or all about one as JSON.",
      "account export acme --filter 'active eq true'" },
    { "account", "forget", "KEY USERNAME|ID", account_forget_options,
      scimctl_account_forget, SCIMCTL_NEEDS_TABLES,
      "Delete an account and all that names the person.",
      "account forget acme taro@example.com" },
    { "group", "list", "KEY", group_list_options,
      scimctl_group_list, SCIMCTL_NEEDS_TABLES,
      "List groups by name.",
      "group list acme --name Sales" },
    { "group", "show", "KEY GROUP", NULL,
      scimctl_group_show, SCIMCTL_NEEDS_TABLES,
      "Show a group, the groups in it, and those that it is in.",
      "group show acme \"Sales\"" },
    { "group", "members", "KEY GROUP", group_members_options,
      scimctl_group_members, SCIMCTL_NEEDS_TABLES,
      "List the accounts that are directly in a group.",
      "group members acme \"Sales\" --count 1000" },
    { "group", "delete", "KEY GROUP", group_delete_options,
      scimctl_group_delete, SCIMCTL_NEEDS_TABLES,
      "Delete a group, but not its members.",
      "group delete acme \"Sales\"" },
    { "activity", "list", "KEY", activity_list_options,
      scimctl_activity_list, SCIMCTL_NEEDS_TABLES,
      "List changes, refused requests and warnings, the latest first.",
      "activity list acme --outcome refused" },
    { "request", "list", "KEY", request_list_options,
      scimctl_request_list, SCIMCTL_NEEDS_TABLES,
      "List what the identity provider has sent, the latest first.",
      "request list acme --outcome read" },
    { "undo", NULL, "KEY", undo_options,
      scimctl_undo, SCIMCTL_NEEDS_TABLES,
      "Make accounts and groups what they were before changes.",
      "undo acme --since 2027-01-31 --actor \"Entra ID\" --dry-run" },
    { "drift", NULL, "KEY", drift_options,
      scimctl_drift, SCIMCTL_NEEDS_TABLES,
      "List accounts that are not as the identity provider would have them.",
      "drift acme --never --not-seen 30" },
    { "compare", NULL, "KEY FILE", compare_options,
      scimctl_compare, SCIMCTL_NEEDS_TABLES,
      "Compare accounts with a list of users; exit status 1 if they differ.",
      "compare acme users.csv --key externalId" },
    { "event", "purge", "[KEY]", event_purge_options,
      scimctl_purge, SCIMCTL_NEEDS_TABLES,
      "Delete old events, but none that a relay has still to send.",
      "event purge --older-than 730" },
    { "events", NULL, "[KEY]", events_options,
      scimctl_events, SCIMCTL_NEEDS_TABLES,
      "Print changes in an order in which none is missed.",
      "events acme --follow --after 4711" },
    { "relay", NULL, "[KEY]", relay_options,
      scimctl_relay, SCIMCTL_NEEDS_TABLES,
      "Send each event as a signed POST to a URL, until it is ended.",
      "relay acme --url https://app.example.com/hooks --secret-file secret" },
    { "relay", "list", "", NULL,
      scimctl_relay_list, SCIMCTL_NEEDS_TABLES,
      "List the relays: how far they are, and what is refused.",
      "relay list" },
    { "relay", "skip", "NAME", NULL,
      scimctl_relay_skip, SCIMCTL_NEEDS_TABLES,
      "Leave out the event that a relay's receiver refuses.",
      "relay skip https://app.example.com/hooks" },
    { "check", NULL, "", check_options,
      scimctl_check, SCIMCTL_NEEDS_NOTHING,
      "Check the database, and say what is wrong and what to do.",
      "check --httpd-max 48" },
    { "help", NULL, "[COMMAND]...", NULL,
      scimctl_help, SCIMCTL_NEEDS_NOTHING,
      "Print help on all commands, those of a group, or one.",
      "help token generate" },
    { NULL, NULL, NULL, NULL, NULL, SCIMCTL_NEEDS_NOTHING, NULL, NULL }
};

const scimctl_word_t scimctl_words[] = {
    { "KEY", "the key of an organization, its segment in the SCIM URL" },
    { "USERNAME|ID", "the userName or the id of an account" },
    { "ATTRIBUTE=VALUE", "a path of a SCIM PATCH and its new value; without"
      " one, the attribute is removed" },
    { "GROUP", "a group: its id, externalId:VALUE, or its name in any case" },
    { "TOKEN", "a token: its id, name or prefix, as token list shows them" },
    { "DOMAIN", "a verified e-mail domain of the organization" },
    { "FILE", "the name of a CSV file; - is standard input" },
    { "NAME", "the name of a relay, as relay list shows it" },
    { "COMMAND", "the words of a command, or only the first one" },
    { NULL, NULL }
};

/* A name of two words goes before one that is a group's alone. */
const scimctl_command_t *scimctl_find_command(int *named, int count,
                                              const char *const *words)
{
    const scimctl_command_t *c;
    const scimctl_command_t *alone = NULL;

    for (c = scimctl_commands; count > 0 && c->group; c++) {
        if (strcmp(words[0], c->group) != 0) {
            continue;
        }
        if (!c->name) {
            alone = c;
        }
        else if (count > 1 && strcmp(words[1], c->name) == 0) {
            *named = 2;
            return c;
        }
    }
    *named = 1;
    return alone;
}

const scimctl_option_t *scimctl_find_option(const scimctl_option_t *options,
                                            const char *name)
{
    const scimctl_option_t *o;

    for (o = options; o && o->name; o++) {
        if (strcmp(o->name, name) == 0) {
            return o;
        }
    }
    return NULL;
}

int scimctl_is_optional(const char *word)
{
    return word[0] == '[';
}

int scimctl_is_repeated(const char *word)
{
    return strstr(word, "...") != NULL;
}

const char *scimctl_command_name(const scimctl_command_t *command,
                                 apr_pool_t *pool)
{
    return command->name
        ? apr_pstrcat(pool, command->group, " ", command->name, NULL)
        : command->group;
}

/* "--name NAME", without brackets. */
static const char *option_form(const scimctl_option_t *option,
                               apr_pool_t *pool)
{
    return apr_pstrcat(pool, "--", option->name, option->argument ? " " : "",
                       option->argument ? option->argument : "", NULL);
}

const char *scimctl_synopsis(const scimctl_command_t *command,
                             apr_pool_t *pool)
{
    const char *text = apr_pstrcat(pool, "scimctl ",
                                   scimctl_command_name(command, pool),
                                   *command->arguments ? " " : "",
                                   command->arguments, NULL);
    const scimctl_option_t *o;
    int is_second = 0;           /* of two that exclude each other */

    for (o = command->options; o && o->name; o++) {
        int is_required = (o->use & SCIMCTL_REQUIRED) != 0;
        int is_first = (o->use & SCIMCTL_OR) != 0;

        text = apr_pstrcat(pool, text, is_second ? " | "
                                       : is_required ? " " : " [",
                           option_form(o, pool),
                           is_required || is_first ? "" : "]",
                           o->use & SCIMCTL_REPEATED ? "..." : "", NULL);
        is_second = is_first;
    }
    return text;
}
