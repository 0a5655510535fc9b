/* SPDX-License-Identifier: Apache-2.0 */
/* scimctl help: the table of commands, for people and, as JSON, for the
 * programs that make the manual page and the completion of it. */
#include <stdio.h>
#include <string.h>

#include <apr_strings.h>

#include "scimctl/scimctl_command.h"
#include "scimctl/scimctl_print.h"
#include "values/scim_json.h"

#define LINE 79
#define INDENT 16                /* of the second line of a synopsis */
#define FORM 26                  /* the width of what is explained */

/* Text */

/* The length of what is not divided: a word, and of a synopsis an option with
 * its value. */
static int chunk_of(const char *text, int is_synopsis)
{
    int depth = 0;
    int i;

    for (i = 0; text[i]; i++) {
        depth += (text[i] == '[') - (text[i] == ']');
        if (text[i] == ' '
            && (!is_synopsis
                || (depth == 0 && (text[i + 1] == '['
                                   || text[i + 1] == '-')))) {
            break;
        }
    }
    return i;
}

/* text in lines of LINE, from column on; the others begin at indent. */
static void print_wrapped(const char *text, int column, int indent,
                          int is_synopsis)
{
    const char *blank = "";

    while (*text) {
        int length = chunk_of(text, is_synopsis);

        if (*blank && column + 1 + length > LINE) {
            printf("\n%*s", indent, "");
            column = indent;
            blank = "";
        }
        printf("%s%.*s", blank, length, text);
        column += (int) strlen(blank) + length;
        text += length + (text[length] == ' ');
        blank = " ";
    }
    putchar('\n');
}

/* A line of a list: what is explained, and the meaning. */
static void print_entry_of_help(const char *form, const char *meaning)
{
    printf("  %-*s", FORM - 2, form);
    if (strlen(form) > FORM - 4) {
        printf("\n%*s", FORM, "");
    }
    print_wrapped(meaning, FORM, FORM, 0);
}

static void print_options(const scimctl_option_t *options, const char *head,
                          apr_pool_t *pool)
{
    const scimctl_option_t *o;

    printf("\n%s:\n", head);
    for (o = options; o->name; o++) {
        char letter[] = "-?, ";

        letter[1] = (char) o->letter;
        print_entry_of_help(apr_pstrcat(pool, o->letter ? letter : "", "--",
                                        o->name, o->argument ? " " : "",
                                        o->argument ? o->argument : "", NULL),
                            o->meaning);
    }
}

/* The word of a synopsis without its brackets and dots. */
static const char *bare(const char *word, apr_pool_t *pool)
{
    return apr_pstrmemdup(pool, word + (*word == '['),
                          strcspn(word + (*word == '['), "]."));
}

static const char *meaning_of(const char *word)
{
    const scimctl_word_t *w = scimctl_words;

    while (w->word && strcmp(w->word, word) != 0) {
        w++;
    }
    return w->meaning;
}

static void print_arguments(const scimctl_command_t *command,
                            apr_pool_t *pool)
{
    char *forms = apr_pstrdup(pool, command->arguments);
    char *rest;
    char *form;

    printf("\nArguments:\n");
    for (form = apr_strtok(forms, " ", &rest); form;
         form = apr_strtok(NULL, " ", &rest)) {
        const char *word = bare(form, pool);

        print_entry_of_help(word, meaning_of(word));
    }
}

static void print_command(const scimctl_command_t *command, apr_pool_t *pool)
{
    printf("Usage: ");
    print_wrapped(scimctl_synopsis(command, pool), 7, INDENT, 1);
    printf("\n%s\n", command->purpose);
    if (*command->arguments) {
        print_arguments(command, pool);
    }
    if (command->options) {
        print_options(command->options, "Options", pool);
    }
    print_options(scimctl_common_options, "Options of all commands", pool);
    printf("\nExample:\n  scimctl %s\n", command->example);
}

static void print_group_of_help(const char *group, const char *before,
                                apr_pool_t *pool)
{
    const scimctl_command_t *c;

    printf("%sCommands:\n", before);
    for (c = scimctl_commands; c->group; c++) {
        if (strcmp(c->group, group) == 0) {
            printf("  ");
            print_wrapped(scimctl_synopsis(c, pool), 2, INDENT, 1);
            printf("      %s\n", c->purpose);
        }
    }
    printf("\n\"scimctl help %s COMMAND\" explains one of them.\n", group);
}

static void print_overview(apr_pool_t *pool)
{
    const scimctl_command_t *c;

    puts("Usage: scimctl [--db CONNINFO] [--json] COMMAND\n\nCommands:");
    for (c = scimctl_commands; c->group; c++) {
        print_entry_of_help(scimctl_command_name(c, pool), c->purpose);
    }
    print_options(scimctl_common_options, "Options of all commands", pool);
    puts("\n\"scimctl help COMMAND\" explains one.");
}

/* JSON */

static cJSON *arguments_json(const scimctl_command_t *command,
                             apr_pool_t *pool)
{
    cJSON *list = cJSON_CreateArray();
    char *forms = apr_pstrdup(pool, command->arguments);
    char *rest;
    char *form;

    for (form = apr_strtok(forms, " ", &rest); form;
         form = apr_strtok(NULL, " ", &rest)) {
        const char *word = bare(form, pool);
        cJSON *object = cJSON_CreateObject();

        scim_json_put_text(object, "name", word);
        scim_json_put_text(object, "meaning", meaning_of(word));
        cJSON_AddItemToArray(list, object);
    }
    return list;
}

static cJSON *options_json(const scimctl_option_t *options)
{
    cJSON *list = cJSON_CreateArray();

    for (; options && options->name; options++) {
        char letter[] = { (char) options->letter, '\0' };
        cJSON *object = cJSON_CreateObject();

        scim_json_put_text(object, "name", options->name);
        if (options->letter) {
            scim_json_put_text(object, "letter", letter);
        }
        if (options->argument) {
            scim_json_put_text(object, "argument", options->argument);
        }
        scim_json_put_text(object, "meaning", options->meaning);
        cJSON_AddItemToArray(list, object);
    }
    return list;
}

static cJSON *command_json(const scimctl_command_t *command, apr_pool_t *pool)
{
    cJSON *object = cJSON_CreateObject();

    scim_json_put_text(object, "command",
                       scimctl_command_name(command, pool));
    scim_json_put_text(object, "synopsis", scimctl_synopsis(command, pool));
    scim_json_put_text(object, "purpose", command->purpose);
    scim_json_put(object, "arguments", arguments_json(command, pool));
    scim_json_put(object, "options", options_json(command->options));
    scim_json_put(object, "commonOptions",
                  options_json(scimctl_common_options));
    scim_json_put_text(object, "example",
                       apr_pstrcat(pool, "scimctl ", command->example, NULL));
    return object;
}

/* The command, or those of the group, or all. */
static void print_help_json(const scimctl_command_t *command,
                            const char *group, apr_pool_t *pool)
{
    cJSON *list = scim_json_own(cJSON_CreateArray(), pool);
    const scimctl_command_t *c;

    for (c = scimctl_commands; c->group; c++) {
        if (command ? c == command
                    : !group || strcmp(c->group, group) == 0) {
            cJSON_AddItemToArray(list, command_json(c, pool));
        }
    }
    scimctl_print_json(list, pool);
}

static int is_alone(const scimctl_command_t *command)
{
    const scimctl_command_t *c;
    int count = 0;

    for (c = scimctl_commands; c->group; c++) {
        count += strcmp(c->group, command->group) == 0;
    }
    return count == 1;
}

/* The command line was checked to name a command, or a group, or nothing. */
scim_error_t *scimctl_help(scimctl_run_t *run)
{
    const char *group = run->count > 0 ? run->arguments[0] : NULL;
    int named = 0;
    const scimctl_command_t *command
        = scimctl_find_command(&named, run->count, run->arguments);

    if (run->options.json) {
        print_help_json(run->count > 1 ? command : NULL, group, run->pool);
        return NULL;
    }
    if (!group) {
        print_overview(run->pool);
    }
    if (command) {
        print_command(command, run->pool);
    }
    if (group && named == 1 && !(command && is_alone(command))) {
        print_group_of_help(group, command ? "\n" : "", run->pool);
    }
    return NULL;
}
