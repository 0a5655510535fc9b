/* SPDX-License-Identifier: Apache-2.0 */
/* The output of scimctl, see scimctl_print.h.
 *
 * Every text goes through scimctl_shown, which replaces characters that steer
 * a terminal.
 */
#include "scimctl/scimctl_print.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <apr_strings.h>

#include "scimctl/scimctl_table.h"
#include "values/scim_json.h"
#include "values/scim_text.h"

const char *scimctl_shown(const char *text, apr_pool_t *pool)
{
    char *shown = apr_palloc(pool, strlen(text) + 1);
    char *to = shown;

    while (*text) {
        unsigned harm;
        apr_size_t length = scim_text_step(text, &harm);

        if (harm) {
            *to++ = '?';
        }
        else {
            memcpy(to, text, length);
            to += length;
        }
        text += length;
    }
    *to = '\0';
    return shown;
}

const char *scimctl_sentence(const char *text, apr_pool_t *pool)
{
    char *sentence = apr_palloc(pool, strlen(text) + 2);
    char *to = sentence;

    for (; *text; text++) {
        if (!strchr(" \n\r\t", *text)) {
            *to++ = *text;
        }
        else if (to > sentence && to[-1] != ' ') {
            *to++ = ' ';
        }
    }
    while (to > sentence && strchr(" .", to[-1])) {
        to--;
    }
    if (to == sentence || to[-1] != '?') {
        *to++ = '.';
    }
    *to = '\0';
    return sentence;
}

void scimctl_print_text(const char *text, apr_pool_t *pool)
{
    if (text) {
        fputs(scimctl_shown(text, pool), stdout);
    }
}

void scimctl_print_field(const char *name, const char *text, apr_pool_t *pool)
{
    printf("%-18s", name);
    scimctl_print_text(text, pool);
    putchar('\n');
}

const char *scimctl_yes_or_no(int truth)
{
    return truth ? "yes" : "no";
}

void scimctl_say(apr_pool_t *pool, const char *fmt, ...)
{
    va_list arguments;
    char *text;
    char *c;

    va_start(arguments, fmt);
    text = apr_pvsprintf(pool, fmt, arguments);
    va_end(arguments);
    for (c = text; *c; c++) {
        *c = strchr("\n\r\t", *c) ? ' ' : *c;
    }
    fprintf(stderr, "%s\n", scimctl_shown(text, pool));
}

static void write_json(FILE *to, const char *text)
{
    while (*text) {
        unsigned harm;
        apr_size_t length = scim_text_step(text, &harm);

        if (harm) {
            fprintf(to, "\\u%04x", harm);
        }
        else {
            fwrite(text, 1, length, to);
        }
        text += length;
    }
    putc('\n', to);
}

void scimctl_print_json_text(const char *text)
{
    write_json(stdout, text);
}

void scimctl_print_json(const cJSON *value, apr_pool_t *pool)
{
    write_json(stdout, scim_json_print(value, pool));
}

void scimctl_say_json(const cJSON *value, apr_pool_t *pool)
{
    write_json(stderr, scim_json_print(value, pool));
}

static cJSON *words_json(const char *text, apr_pool_t *pool)
{
    cJSON *list = cJSON_CreateArray();
    char *rest;
    char *word;

    for (word = apr_strtok(apr_pstrdup(pool, text), " ", &rest); word;
         word = apr_strtok(NULL, " ", &rest)) {
        cJSON_AddItemToArray(list, cJSON_CreateString(word));
    }
    return list;
}

static cJSON *json_cell(const scim_rows_t *rows, int row,
                        const scimctl_column_t *c, apr_pool_t *pool)
{
    const char *text = scim_rows_value(rows, row, c->column);

    if (!text) {
        return cJSON_CreateNull();
    }
    switch (c->as) {
    case SCIMCTL_BOOLEAN:
        return cJSON_CreateBool(scim_rows_true(rows, row, c->column));
    case SCIMCTL_NUMBER:
        return scim_json_raw(text);
    case SCIMCTL_WORDS:
        return words_json(text, pool);
    default:
        return cJSON_CreateString(text);
    }
}

static const char *table_cell(const scim_rows_t *rows, int row,
                              const scimctl_column_t *c)
{
    if (c->as == SCIMCTL_BOOLEAN) {
        return scim_rows_true(rows, row, c->column) ? "on" : "off";
    }
    return scim_rows_value(rows, row, c->column);
}

cJSON *scimctl_row_json(const scim_rows_t *rows, int row,
                        const scimctl_column_t *columns, apr_pool_t *pool)
{
    cJSON *object = cJSON_CreateObject();
    const scimctl_column_t *c;

    for (c = columns; c->head; c++) {
        scim_json_put(object, c->name, json_cell(rows, row, c, pool));
    }
    return object;
}

static void print_rows_json(const scim_rows_t *rows,
                            const scimctl_column_t *columns,
                            apr_pool_t *pool)
{
    cJSON *list = scim_json_own(cJSON_CreateArray(), pool);
    int i;

    for (i = 0; i < scim_rows_count(rows); i++) {
        cJSON_AddItemToArray(list, scimctl_row_json(rows, i, columns, pool));
    }
    scimctl_print_json(list, pool);
}

void scimctl_print_rows(const scim_rows_t *rows,
                        const scimctl_column_t *columns, int json,
                        apr_pool_t *pool)
{
    scimctl_table_t *table = scimctl_table_make(NULL, pool);
    const scimctl_column_t *c;
    int i;

    if (json) {
        print_rows_json(rows, columns, pool);
        return;
    }
    for (c = columns; c->head; c++) {
        scimctl_table_head(table, c->head);
    }
    for (i = 0; i < scim_rows_count(rows); i++) {
        for (c = columns; c->head; c++) {
            scimctl_table_cell(table, table_cell(rows, i, c));
        }
    }
    scimctl_table_print(table);
}
