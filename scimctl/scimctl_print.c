/* SPDX-License-Identifier: Apache-2.0 */
/* The output of scimctl, see scimctl_print.h.
 *
 * Every text goes through scimctl_shown, which writes characters that steer a
 * terminal as escapes.  Tables are aligned by the width of characters in the
 * user's locale.
 */
#include "scimctl/scimctl_print.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

#include <apr_strings.h>

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

/* The width of text in cells of the terminal, in the locale of the user. */
static int width_of(const char *text)
{
    wchar_t wide[512];
    size_t length = mbstowcs(wide, text, 512);
    int width = length < 512 ? wcswidth(wide, length) : -1;

    return width >= 0 ? width : (int) strlen(text);
}

/* A missing cell is empty. */
static void show_cells(const apr_array_header_t *cells)
{
    int i;

    for (i = 0; i < cells->nelts; i++) {
        const char **cell = &APR_ARRAY_IDX(cells, i, const char *);

        *cell = *cell ? scimctl_shown(*cell, cells->pool) : "";
    }
}

void scimctl_print_table(const apr_array_header_t *cells, int columns)
{
    int widths[SCIMCTL_MAX_COLUMNS] = { 0 };
    int i;

    show_cells(cells);
    for (i = 0; i < cells->nelts; i++) {
        int width = width_of(APR_ARRAY_IDX(cells, i, const char *));
        int *widest = &widths[i % columns];

        *widest = width > *widest ? width : *widest;
    }
    for (i = 0; i < cells->nelts; i++) {
        const char *cell = APR_ARRAY_IDX(cells, i, const char *);
        int last = i % columns == columns - 1;

        fputs(cell, stdout);
        if (last) {
            putchar('\n');
        }
        else {
            printf("%*s", widths[i % columns] + 2 - width_of(cell), "");
        }
    }
}

void scimctl_print_json_text(const char *text)
{
    while (*text) {
        unsigned harm;
        apr_size_t length = scim_text_step(text, &harm);

        if (harm) {
            printf("\\u%04x", harm);
        }
        else {
            fwrite(text, 1, length, stdout);
        }
        text += length;
    }
    putchar('\n');
}

void scimctl_print_json(const cJSON *value, apr_pool_t *pool)
{
    scimctl_print_json_text(scim_json_print(value, pool));
}

static cJSON *json_cell(const scim_rows_t *rows, int row,
                        const scimctl_column_t *c)
{
    const char *text = scim_rows_value(rows, row, c->column);

    if (!text) {
        return cJSON_CreateNull();
    }
    switch (c->as) {
    case SCIMCTL_BOOLEAN:
        return cJSON_CreateBool(scim_rows_true(rows, row, c->column));
    case SCIMCTL_NUMBER:
        return cJSON_CreateNumber((double) apr_atoi64(text));
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

static void print_rows_json(const scim_rows_t *rows,
                            const scimctl_column_t *columns,
                            apr_pool_t *pool)
{
    cJSON *list = scim_json_own(cJSON_CreateArray(), pool);
    const scimctl_column_t *c;
    int i;

    for (i = 0; i < scim_rows_count(rows); i++) {
        cJSON *object = cJSON_CreateObject();

        for (c = columns; c->head; c++) {
            scim_json_put(object, c->name, json_cell(rows, i, c));
        }
        cJSON_AddItemToArray(list, object);
    }
    scimctl_print_json(list, pool);
}

void scimctl_print_rows(const scim_rows_t *rows,
                        const scimctl_column_t *columns, int json,
                        apr_pool_t *pool)
{
    apr_array_header_t *cells = apr_array_make(pool, 32,
                                               sizeof(const char *));
    const scimctl_column_t *c;
    int count = 0;
    int i;

    if (json) {
        print_rows_json(rows, columns, pool);
        return;
    }
    for (c = columns; c->head; c++, count++) {
        APR_ARRAY_PUSH(cells, const char *) = c->head;
    }
    for (i = 0; i < scim_rows_count(rows); i++) {
        for (c = columns; c->head; c++) {
            APR_ARRAY_PUSH(cells, const char *) = table_cell(rows, i, c);
        }
    }
    scimctl_print_table(cells, count);
}
