/* SPDX-License-Identifier: Apache-2.0 */
/* scimctl_print: the output of scimctl, as tables for people and as JSON for
 * programs.  Every text that is not a constant is printed by these functions,
 * so that no text can control the terminal. */
#ifndef SCIMCTL_PRINT_H
#define SCIMCTL_PRINT_H

#include <apr_pools.h>
#include <apr_tables.h>
#include <cjson/cJSON.h>

#include "storage/scim_db.h"

/* What a column's text is in JSON; SCIMCTL_WORDS: a list of its words. */
typedef enum {
    SCIMCTL_TEXT, SCIMCTL_BOOLEAN, SCIMCTL_NUMBER, SCIMCTL_WORDS
} scimctl_as_e;

/* One column of a list: its head, its JSON name, its place in the rows.  A
 * NULL head ends a table of them. */
typedef struct {
    const char *head;
    const char *name;
    int column;
    scimctl_as_e as;
} scimctl_column_t;

/* text in pool, with "?" for each character that could control a terminal and
 * each byte that is not UTF-8 (scim_text_step). */
const char *scimctl_shown(const char *text, apr_pool_t *pool);

/* text (NULL for none) on standard output, as it is shown. */
void scimctl_print_text(const char *text, apr_pool_t *pool);

/* text, such as libpq's of several lines, as a sentence on one line. */
const char *scimctl_sentence(const char *text, apr_pool_t *pool);

/* A line on standard output of the name of a value and the value (NULL for
 * none) as it is shown. */
void scimctl_print_field(const char *name, const char *text, apr_pool_t *pool);

/* "yes" or "no". */
const char *scimctl_yes_or_no(int truth);

/* A line on standard error, as it is shown; white space becomes a blank. */
void scimctl_say(apr_pool_t *pool, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* JSON, with characters that could control a terminal escaped. */
void scimctl_print_json(const cJSON *value, apr_pool_t *pool);
void scimctl_print_json_text(const char *text);

/* The same on standard error. */
void scimctl_say_json(const cJSON *value, apr_pool_t *pool);

/* A row as an object, the caller's. */
cJSON *scimctl_row_json(const scim_rows_t *rows, int row,
                        const scimctl_column_t *columns, apr_pool_t *pool);

/* rows as a table, or as a JSON array of such objects. */
void scimctl_print_rows(const scim_rows_t *rows,
                        const scimctl_column_t *columns, int json,
                        apr_pool_t *pool);

#endif
