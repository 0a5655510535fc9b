/* SPDX-License-Identifier: Apache-2.0 */
/* scimctl_run: one run of the command, and what its parts share. */
#ifndef SCIMCTL_RUN_H
#define SCIMCTL_RUN_H

#include <apr_pools.h>
#include <apr_tables.h>

#include "resources/scim_call.h"
#include "values/scim_error.h"
#include "resources/scim_feed.h"
#include "scimctl/scimctl_print.h"

/* The exit status of a relay whose receiver wants no more events; a service
 * manager must not restart it. */
#define SCIMCTL_EXIT_GONE 3

typedef struct {
    const char *db;
    int json;
    int help;
    int version;
    int dry_run;
    int update;
    int follow;
    int yes;
    int none;
    int off;
    int open;
    const char *number;
    const char *percent;
    const char *key;
    const char *older_than;
    const char *name;
    const char *issuer;
    const char *expires;
    const char *days;
    const char *filter;
    const char *start;
    const char *count;
    const char *account;
    const char *outcome;
    const char *since;
    const char *until;
    const char *actor;
    const char *kind;
    const char *base;
    const char *after;
    const char *url;
    const char *secret_file;
    const char *passwords;
    const char *httpd_max;
    int never;
    int duplicates;
    int inactive_members;
    int unverified;
    const char *not_seen;
    const char *columns;
    const char *sequence;
    const char *to;
    int finish;
    int cancel;
    apr_array_header_t *kinds;
    apr_array_header_t *domains;
} scimctl_options_t;

/* One run of the command. */
typedef struct {
    apr_pool_t *pool;
    scimctl_options_t options;
    const char *const *arguments;
    int count;
    scim_call_t call;            /* its db, and the organization's principal */
    int exit_status;             /* after an error; 0: as after any other */
} scimctl_run_t;

/* A command of scimctl.  It prints its results; main prints its error. */
typedef scim_error_t *scimctl_command_fn(scimctl_run_t *run);

/* Let the run act, in the operator's name, in the organization that the first
 * argument names; *rows is its row.  SCIM_E_NOT_FOUND if there is none. */
scim_error_t *scimctl_choose_organization(scim_rows_t **rows,
                                          scimctl_run_t *run) SCIM_CHECKED;

/* The operator, as the one who acts. */
scim_principal_t *scimctl_operator(apr_pool_t *pool);

/* SCIM_E_NOT_FOUND: the first argument names no organization. */
scim_error_t *scimctl_no_organization(scimctl_run_t *run) SCIM_CHECKED;

/* The row of the account with this userName or id (the columns are
 * SCIM_ACCOUNT_ID and so on), or SCIM_E_NOT_FOUND. */
scim_error_t *scimctl_account_named(scim_rows_t **rows, scimctl_run_t *run,
                                    const char *name) SCIM_CHECKED;

/* text as a number from 1, or otherwise where it is NULL. */
scim_error_t *scimctl_number(apr_int64_t *number, scimctl_run_t *run,
                             const char *text, apr_int64_t otherwise)
    SCIM_CHECKED;

/* Ask, on the terminal, before something is destroyed that no command brings
 * back; fmt (printf style) is the question.  Without a terminal, only --yes is
 * an answer.  An error unless the answer is yes. */
scim_error_t *scimctl_confirm(scimctl_run_t *run, const char *fmt, ...)
    SCIM_CHECKED __attribute__((format(printf, 2, 3)));

/* The position of --after, by default "0"; the operator is told when that
 * event does not exist.  organization_id as in scim_feed_reader_t. */
scim_error_t *scimctl_find_position(scim_feed_position_t *position,
                                    scimctl_run_t *run,
                                    const char *organization_id)
    SCIM_CHECKED;

/* Print rows as a table or, with --json, as an array of objects. */
void scimctl_list(const scimctl_run_t *run, const scim_rows_t *rows,
                  const scimctl_column_t *columns);

/* Print the first of the rows as a table or, with --json, as an object. */
void scimctl_show(const scimctl_run_t *run, const scim_rows_t *rows,
                  const scimctl_column_t *columns);

/* Say that what has this id and name was deleted. */
void scimctl_say_deleted(const scimctl_run_t *run, const char *id,
                         const char *name);

/* Tell the operator that the history of the database went back. */
void scimctl_say_went_back(const scim_feed_position_t *from);

/* Tell the operator that the database is away and will be asked again; for
 * scim_feed_reader_t. */
void scimctl_say_waiting(void *baton, const scim_error_t *error);

/* Print the organization with this key. */
scim_error_t *scimctl_show_organization(scimctl_run_t *run, const char *key)
    SCIM_CHECKED;

/* Refuse a domain that no userName could have, and a --name that nobody can
 * read. */
scim_error_t *scimctl_check_domains(scimctl_run_t *run,
                                    const apr_array_header_t *domains)
    SCIM_CHECKED;
scim_error_t *scimctl_check_name(scimctl_run_t *run) SCIM_CHECKED;

/* Delete run's organization with all that it has; nobody may be able to add
 * anything. */
scim_error_t *scimctl_delete_organization(scimctl_run_t *run) SCIM_CHECKED;

/* *side is how run's organization moves to another database (move_side in
 * schema.sql); NULL: it does not.  *has_arrived: it takes writes there. */
scim_error_t *scimctl_move_side(const char **side, int *has_arrived,
                                scimctl_run_t *run)
    SCIM_CHECKED;

/* The error for a key or a name that the database refuses. */
scim_error_t *scimctl_refused_organization(scimctl_run_t *run);

scimctl_command_fn scimctl_help;            /* help */
scimctl_command_fn scimctl_db_create;
scimctl_command_fn scimctl_db_status;
scimctl_command_fn scimctl_db_upgrade;
scimctl_command_fn scimctl_org_add;
scimctl_command_fn scimctl_org_list;
scimctl_command_fn scimctl_org_show;
scimctl_command_fn scimctl_org_enable;
scimctl_command_fn scimctl_org_disable;
scimctl_command_fn scimctl_org_pause;
scimctl_command_fn scimctl_org_url;
scimctl_command_fn scimctl_org_rename;
scimctl_command_fn scimctl_org_domains;
scimctl_command_fn scimctl_org_delete;
scimctl_command_fn scimctl_org_guard;
scimctl_command_fn scimctl_org_export;
scimctl_command_fn scimctl_org_import;
scimctl_command_fn scimctl_org_move;
scimctl_command_fn scimctl_token_generate;
scimctl_command_fn scimctl_token_list;
scimctl_command_fn scimctl_token_delete;
scimctl_command_fn scimctl_account_list;
scimctl_command_fn scimctl_account_show;
scimctl_command_fn scimctl_account_eligible;
scimctl_command_fn scimctl_account_set;
scimctl_command_fn scimctl_account_activate;
scimctl_command_fn scimctl_account_deactivate;
scimctl_command_fn scimctl_account_delete;
scimctl_command_fn scimctl_account_export;
scimctl_command_fn scimctl_account_forget;
scimctl_command_fn scimctl_purge;          /* event purge */
scimctl_command_fn scimctl_check;
scimctl_command_fn scimctl_events;         /* events */
scimctl_command_fn scimctl_relay;          /* relay */
scimctl_command_fn scimctl_relay_list;     /* relay list */
scimctl_command_fn scimctl_relay_skip;     /* relay skip */
scimctl_command_fn scimctl_import;         /* account import */
scimctl_command_fn scimctl_activity_list;  /* activity list */
scimctl_command_fn scimctl_request_list;   /* request list */
scimctl_command_fn scimctl_undo;           /* undo */
scimctl_command_fn scimctl_drift;          /* drift */
scimctl_command_fn scimctl_compare;        /* compare */
scimctl_command_fn scimctl_group_list;     /* group list */
scimctl_command_fn scimctl_group_show;     /* group show */
scimctl_command_fn scimctl_group_members;  /* group members */
scimctl_command_fn scimctl_group_delete;   /* group delete */

/* The id of the account that the second argument names, and *shown, what the
 * operator knows it by.  An account that is deleted can be named by its id, so
 * an id that no account has is no error. */
scim_error_t *scimctl_find_person(const char **id, const char **shown,
                                  scimctl_run_t *run) SCIM_CHECKED;

/* SCIM_E_NOT_FOUND: there is neither an account nor an event of it. */
scim_error_t *scimctl_nothing_known(scimctl_run_t *run, const char *shown)
    SCIM_CHECKED;

/* Print the account with this userName or id as "account show" does. */
scim_error_t *scimctl_show_account(scimctl_run_t *run, const char *name)
    SCIM_CHECKED;

/* The names of the groups of the account called id, as lines of "account
 * show". */
scim_error_t *scimctl_print_groups_of(scimctl_run_t *run, const char *id)
    SCIM_CHECKED;

#endif
