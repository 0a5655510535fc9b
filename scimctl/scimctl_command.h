/* SPDX-License-Identifier: Apache-2.0 */
/* scimctl_command: the commands of scimctl, as a table.
 *
 * The command line is read by it, and help, the manual page and the completion
 * of bash are made of it.  A new command is a row of the table, its options,
 * and its function in scimctl_run.h.
 */
#ifndef SCIMCTL_COMMAND_H
#define SCIMCTL_COMMAND_H

#include "scimctl/scimctl_run.h"

/* How an option may be used. */
enum {
    SCIMCTL_REQUIRED = 1,
    SCIMCTL_REPEATED = 2,        /* its field is an array of const char * */
    SCIMCTL_OR = 4               /* only this or the next one */
};

/* An option of a command.  A NULL name ends a list of them. */
typedef struct {
    const char *name;            /* "dry-run" */
    int letter;                  /* of its short form, or 0 */
    const char *argument;        /* what stands for its value in a synopsis;
                                  * NULL: it has none, and its field is int */
    apr_size_t field;            /* of scimctl_options_t */
    int use;
    const char *meaning;         /* a phrase */
} scimctl_option_t;

/* What there must be before a command runs. */
typedef enum {
    SCIMCTL_NEEDS_TABLES,        /* those of this release */
    SCIMCTL_NEEDS_DATABASE,      /* a connection */
    SCIMCTL_NEEDS_NOTHING
} scimctl_needs_e;

typedef struct {
    const char *group;           /* "token" */
    const char *name;            /* "generate"; NULL: the group is one */
    const char *arguments;       /* as in a synopsis: "KEY [FILE]..." */
    const scimctl_option_t *options;  /* NULL: none */
    scimctl_command_fn *run;
    scimctl_needs_e needs;
    const char *purpose;         /* a sentence, in the imperative */
    const char *example;         /* a command line without "scimctl" */
} scimctl_command_t;

/* A word of the synopses and what it stands for. */
typedef struct {
    const char *word;
    const char *meaning;
} scimctl_word_t;

/* In the order of help; those of a group are neighbours.  A row without group,
 * name, or word ends each of them. */
extern const scimctl_command_t scimctl_commands[];
extern const scimctl_option_t scimctl_common_options[];
extern const scimctl_word_t scimctl_words[];

/* The command that the first words name, and in *named how many these are.
 * NULL if there is none. */
const scimctl_command_t *scimctl_find_command(int *named, int count,
                                              const char *const *words);

/* The option of this name, or NULL; options may be NULL. */
const scimctl_option_t *scimctl_find_option(const scimctl_option_t *options,
                                            const char *name);

/* Whether a word of a synopsis is in brackets, or followed by dots. */
int scimctl_is_optional(const char *word);
int scimctl_is_repeated(const char *word);

/* "token generate" */
const char *scimctl_command_name(const scimctl_command_t *command,
                                 apr_pool_t *pool);

/* "scimctl token generate KEY --issuer USERNAME ..." */
const char *scimctl_synopsis(const scimctl_command_t *command,
                             apr_pool_t *pool);

/* Read the command line into run->options and run->arguments.  Returns the
 * command, which is help for --help and NULL for --version; or NULL for a line
 * that is wrong.  Then *problem says why, and *topic is what help is needed
 * on: "token generate", "token" or "". */
const scimctl_command_t *scimctl_parse(scimctl_run_t *run,
                                       const char **problem,
                                       const char **topic, int argc,
                                       const char *const *argv);

#endif
