/* SPDX-License-Identifier: Apache-2.0 */
/* The command line of scimctl, see scimctl_command.h.
 *
 * Options may stand before the command, so first all options of all commands
 * are looked for, which is why one name has the same form everywhere; whether
 * the command has them is seen when it is known.
 */
#include "scimctl/scimctl_command.h"

#include <stdarg.h>
#include <string.h>

#include <apr_getopt.h>
#include <apr_lib.h>
#include <apr_strings.h>

#define FIRST_LONG 256           /* above all letters */
#define SHOWN "%.60s"            /* of what was typed */
#define WORD_MAX 24              /* longer ones are not compared */
#define NEAR 2                   /* letters that a typing error changes */

/* An option as it was given. */
typedef struct {
    const scimctl_option_t *option;
    const char *value;
} given_t;

typedef struct {
    apr_pool_t *pool;
    const char *program;
    apr_array_header_t *all;     /* of const scimctl_option_t *, possible */
    apr_array_header_t *given;   /* of given_t */
    const char *const *words;
    int count;
    const char *flaw;            /* the first one that apr_getopt told, in */
    const char *typed;           /* what was typed; or NULL */
} line_t;

/* Suggestions */

static int least(int a, int b)
{
    return a < b ? a : b;
}

/* How many letters have to be added, removed or replaced to make b of a. */
static int distance(const char *a, const char *b)
{
    int d[WORD_MAX + 1][WORD_MAX + 1];
    int la = (int) strlen(a);
    int lb = (int) strlen(b);
    int i;
    int j;

    for (i = 0; i <= la; i++) {
        for (j = 0; j <= lb; j++) {
            d[i][j] = i == 0 || j == 0 ? i + j
                : least(least(d[i - 1][j], d[i][j - 1]) + 1,
                        d[i - 1][j - 1] + (a[i - 1] != b[j - 1]));
        }
    }
    return d[la][lb];
}

/* Make candidate *best if it is nearer to typed. */
static void keep_nearer(const char **best, int *nearest, const char *typed,
                        const char *candidate)
{
    int far;

    if (candidate && strlen(typed) <= WORD_MAX
        && strlen(candidate) <= WORD_MAX) {
        far = distance(typed, candidate);
        if (far < *nearest && far < (int) strlen(candidate)) {
            *best = candidate;
            *nearest = far;
        }
    }
}

static const char *did_you_mean(const line_t *line, const char *before,
                                const char *best)
{
    return best ? apr_pstrcat(line->pool, "; did you mean ", before, best,
                              "?", NULL)
                : ".";
}

static const char *option_like(const line_t *line, const char *typed,
                               const scimctl_option_t *options)
{
    const scimctl_option_t *lists[] = { options, scimctl_common_options };
    const scimctl_option_t *o;
    const char *best = NULL;
    int nearest = NEAR + 1;
    int i;

    for (i = 0; i < 2; i++) {
        for (o = lists[i]; o && o->name; o++) {
            keep_nearer(&best, &nearest, typed, o->name);
        }
    }
    return did_you_mean(line, "--", best);
}

/* Of the groups, or the commands of group. */
static const char *command_like(const line_t *line, const char *typed,
                                const char *group)
{
    const scimctl_command_t *c;
    const char *best = NULL;
    int nearest = NEAR + 1;

    for (c = scimctl_commands; c->group; c++) {
        if (!group) {
            keep_nearer(&best, &nearest, typed, c->group);
        }
        else if (strcmp(c->group, group) == 0) {
            keep_nearer(&best, &nearest, typed, c->name);
        }
    }
    return did_you_mean(line, "", best);
}

/* Reading */

static void see_options(line_t *line, const scimctl_option_t *options)
{
    for (; options && options->name; options++) {
        APR_ARRAY_PUSH(line->all, const scimctl_option_t *) = options;
    }
}

static int code_of(const line_t *line, int i)
{
    const scimctl_option_t *option = APR_ARRAY_IDX(line->all, i,
                                                   const scimctl_option_t *);

    return option->letter ? option->letter : FIRST_LONG + i;
}

/* All options in apr_getopt's form. */
static const apr_getopt_option_t *possible_options(line_t *line)
{
    const scimctl_command_t *c;
    apr_getopt_option_t *possible;
    int i;

    see_options(line, scimctl_common_options);
    for (c = scimctl_commands; c->group; c++) {
        see_options(line, c->options);
    }
    possible = apr_pcalloc(line->pool,
                           (line->all->nelts + 1) * sizeof(*possible));
    for (i = 0; i < line->all->nelts; i++) {
        const scimctl_option_t *option
            = APR_ARRAY_IDX(line->all, i, const scimctl_option_t *);

        possible[i].name = option->name;
        possible[i].optch = code_of(line, i);
        possible[i].has_arg = option->argument != NULL;
    }
    return possible;
}

/* Takes apr_getopt's message, "PROGRAM: FLAW: OPTION=VALUE". */
static void complain(void *baton, const char *fmt, ...)
{
    line_t *line = baton;
    va_list arguments;
    char *text;
    char *typed;

    if (line->flaw) {
        return;
    }
    va_start(arguments, fmt);
    text = apr_pvsprintf(line->pool, fmt, arguments);
    va_end(arguments);
    text += strlen(line->program) + strlen(": ");
    typed = strstr(text, ": ");
    *typed = '\0';
    typed += strlen(": ");
    typed[strcspn(typed, "=\n")] = '\0';
    line->flaw = text;
    line->typed = typed;
}

/* apr_getopt_long takes a lone "-", which means standard input, for an option.
 * An argument that is skipped here counts as a word. */
static apr_status_t next_option(apr_getopt_t *in, int *code,
                                const char **value,
                                const apr_getopt_option_t *possible)
{
    while (in->ind < in->argc
           && (in->argv[in->ind][0] != '-' || !in->argv[in->ind][1])) {
        in->ind++;
    }
    return apr_getopt_long(in, possible, code, value);
}

static void keep_option(line_t *line, int code, const char *value)
{
    given_t *given;
    int i;

    for (i = 0; code_of(line, i) != code; i++) {
    }
    given = apr_array_push(line->given);
    given->option = APR_ARRAY_IDX(line->all, i, const scimctl_option_t *);
    given->value = value;
}

/* An option with a flaw is left among the words by apr_getopt. */
static void read_line(line_t *line, int argc, const char *const *argv)
{
    const apr_getopt_option_t *possible = possible_options(line);
    apr_getopt_t *in;
    apr_status_t rv;
    const char *value;
    int code;
    int i;

    apr_getopt_init(&in, line->pool, argc, argv);
    in->interleave = 1;
    line->program = apr_filepath_name_get(argv[0]);
    in->errfn = complain;
    in->errarg = line;
    while ((rv = next_option(in, &code, &value, possible)) != APR_EOF) {
        if (rv == APR_SUCCESS) {
            keep_option(line, code, value);
        }
    }
    line->words = (const char *const *) in->argv + in->ind;
    for (i = in->ind; i < argc; i++) {
        if (!line->flaw || in->argv[i][0] != '-') {
            in->argv[in->ind + line->count++] = in->argv[i];
        }
    }
}

/* Checking */

static void take_option(scimctl_options_t *to, const scimctl_option_t *option,
                        const char *value)
{
    void *field = (char *) to + option->field;

    if (!option->argument) {
        *(int *) field = 1;
    }
    else if (option->use & SCIMCTL_REPEATED) {
        APR_ARRAY_PUSH(*(apr_array_header_t **) field, const char *) = value;
    }
    else {
        *(const char **) field = value;
    }
}

/* Take those that are among the options. */
static void take_options(scimctl_options_t *to, const line_t *line,
                         const scimctl_option_t *options)
{
    int i;

    for (i = 0; i < line->given->nelts; i++) {
        const given_t *given = &APR_ARRAY_IDX(line->given, i, given_t);
        const scimctl_option_t *option
            = scimctl_find_option(options, given->option->name);

        if (option) {
            take_option(to, option, given->value);
        }
    }
}

/* An option that the command does not have, as a problem; or NULL. */
static const char *foreign_option(const line_t *line,
                                  const scimctl_command_t *command)
{
    int i;

    for (i = 0; i < line->given->nelts; i++) {
        const char *name
            = APR_ARRAY_IDX(line->given, i, given_t).option->name;

        if (!scimctl_find_option(scimctl_common_options, name)
            && !scimctl_find_option(command->options, name)) {
            return apr_psprintf(line->pool, "%s has no option --%s%s",
                                scimctl_command_name(command, line->pool),
                                name, option_like(line, name,
                                                  command->options));
        }
    }
    return NULL;
}

/* What apr_getopt told, in our words. */
static const char *flaw_of_line(const line_t *line,
                                const scimctl_command_t *command)
{
    const char *typed = line->typed;

    if (strcmp(line->flaw, "missing argument") == 0) {
        return apr_psprintf(line->pool, SHOWN " needs a value.", typed);
    }
    if (strcmp(line->flaw, "erroneous argument") == 0) {
        return apr_psprintf(line->pool, SHOWN " takes no value.", typed);
    }
    if (typed[0] != '-') {
        return apr_psprintf(line->pool, "There is no option -" SHOWN ".",
                            typed);
    }
    return apr_psprintf(line->pool, "There is no option " SHOWN "%s", typed,
                        option_like(line, typed + 2,
                                    command ? command->options : NULL));
}

static int is_given(const line_t *line, const char *name)
{
    int i;

    for (i = 0; i < line->given->nelts; i++) {
        if (strcmp(APR_ARRAY_IDX(line->given, i, given_t).option->name,
                   name) == 0) {
            return 1;
        }
    }
    return 0;
}

static const char *check_options(const line_t *line,
                                 const scimctl_command_t *command)
{
    const scimctl_option_t *o;

    for (o = command->options; o && o->name; o++) {
        if ((o->use & SCIMCTL_REQUIRED) && !is_given(line, o->name)) {
            return apr_psprintf(line->pool, "%s needs --%s %s.",
                                scimctl_command_name(command, line->pool),
                                o->name, o->argument);
        }
        if ((o->use & SCIMCTL_OR) && is_given(line, o->name)
            && is_given(line, o[1].name)) {
            return apr_psprintf(line->pool, "--%s and --%s exclude each"
                                " other.", o->name, o[1].name);
        }
    }
    return NULL;
}

/* Compare the arguments with the words of the synopsis. */
static const char *check_arguments(const scimctl_run_t *run,
                                   const scimctl_command_t *command)
{
    const char *name = scimctl_command_name(command, run->pool);
    char *forms = apr_pstrdup(run->pool, command->arguments);
    int most = 0;
    char *form;
    char *rest;

    for (form = apr_strtok(forms, " ", &rest); form;
         form = apr_strtok(NULL, " ", &rest)) {
        if (most >= run->count && !scimctl_is_optional(form)) {
            return apr_psprintf(run->pool, "%s needs %s.", name, form);
        }
        if (scimctl_is_repeated(form)) {
            return NULL;
        }
        most++;
    }
    return run->count <= most ? NULL
        : apr_psprintf(run->pool, "%s does not take '" SHOWN "'.", name,
                       run->arguments[most]);
}

/* Why words name no command; *topic is the group that they name. */
static const char *wrong_command(const char **topic, const line_t *line,
                                 int count, const char *const *words)
{
    const scimctl_command_t *c = scimctl_commands;

    if (count == 0) {
        return "A command is missing.";
    }
    while (c->group && strcmp(c->group, words[0]) != 0) {
        c++;
    }
    if (!c->group) {
        return apr_psprintf(line->pool, "There is no command '" SHOWN "'%s",
                            words[0], command_like(line, words[0], NULL));
    }
    *topic = c->group;
    return count == 1
        ? apr_psprintf(line->pool, "A word is missing after '%s'.", c->group)
        : apr_psprintf(line->pool, "There is no command '%s " SHOWN "'%s",
                       c->group, words[1],
                       command_like(line, words[1], c->group));
}

static const char *check_line(scimctl_run_t *run, const line_t *line,
                              const scimctl_command_t *command)
{
    const char *problem = line->flaw ? flaw_of_line(line, command)
                                     : foreign_option(line, command);

    problem = problem ? problem : check_arguments(run, command);
    return problem ? problem : check_options(line, command);
}

/* Help on the words, which name a command, a group, or nothing. */
static const scimctl_command_t *parse_help(scimctl_run_t *run,
                                           const line_t *line,
                                           const char **problem,
                                           const char **topic)
{
    static const char *const help[] = { "help" };
    int named;

    if (run->count > 0 && !scimctl_find_command(&named, run->count,
                                                run->arguments)) {
        const char *wrong = wrong_command(topic, line, run->count,
                                          run->arguments);

        *problem = run->count == 1 && **topic ? NULL : wrong;
    }
    return *problem ? NULL : scimctl_find_command(&named, 1, help);
}

const scimctl_command_t *scimctl_parse(scimctl_run_t *run,
                                       const char **problem,
                                       const char **topic, int argc,
                                       const char *const *argv)
{
    line_t line = { .pool = run->pool };
    const scimctl_command_t *command;
    int named;

    line.all = apr_array_make(run->pool, 64, sizeof(scimctl_option_t *));
    line.given = apr_array_make(run->pool, 8, sizeof(given_t));
    read_line(&line, argc, argv);
    *topic = "";
    *problem = NULL;
    take_options(&run->options, &line, scimctl_common_options);
    command = scimctl_find_command(&named, line.count, line.words);
    if (!command || (run->options.help && command->run != scimctl_help)) {
        named = 0;
    }
    run->arguments = line.words + named;
    run->count = line.count - named;
    if (run->options.version) {
        return NULL;
    }
    if (run->options.help || (command && command->run == scimctl_help)) {
        return parse_help(run, &line, problem, topic);
    }
    if (!command) {
        *problem = line.flaw && line.count == 0
                   ? flaw_of_line(&line, NULL)
                   : wrong_command(topic, &line, line.count, line.words);
        return NULL;
    }
    *topic = scimctl_command_name(command, run->pool);
    *problem = check_line(run, &line, command);
    take_options(&run->options, &line, command->options);
    return *problem ? NULL : command;
}
