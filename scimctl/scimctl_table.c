/* SPDX-License-Identifier: Apache-2.0 */
/* Tables on standard output, see scimctl_table.h.  Widths are those of the
 * characters in the user's locale: a kanji has two cells of the terminal. */
#include "scimctl/scimctl_table.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <wchar.h>

#include <apr_strings.h>
#include <apr_tables.h>

#include "scimctl/scimctl_print.h"

#define GAP 2                    /* blanks between columns */
#define NARROW 16                /* columns are first made so narrow */
#define NARROWEST 8              /* and then, if need be, so */
#define TO_MINUTES 16            /* "2027-01-31 12:00" */
#define TO_DAYS 10
#define USUAL_WIDTH 80           /* of a terminal that does not say */

struct scimctl_table_t {
    apr_pool_t *pool;            /* of the cells that are not yet printed */
    int columns;
    const char *heads[SCIMCTL_MAX_COLUMNS];
    int widths[SCIMCTL_MAX_COLUMNS];   /* of what was printed */
    int has_times[SCIMCTL_MAX_COLUMNS];
    apr_array_header_t *cells;   /* const char *, not yet printed */
    int has_heads;               /* they are printed */
};

scimctl_table_t *scimctl_table_make(const char *const *heads,
                                    apr_pool_t *pool)
{
    scimctl_table_t *table = apr_pcalloc(pool, sizeof(*table));

    apr_pool_create(&table->pool, pool);
    table->cells = apr_array_make(pool, 64, sizeof(const char *));
    for (; heads && *heads; heads++) {
        scimctl_table_head(table, *heads);
    }
    return table;
}

/* The bytes of text that fill at most limit cells, and in *width how many they
 * fill.  A byte that is no character of the locale counts as one. */
static apr_size_t bytes_within(const char *text, int limit, int *width)
{
    mbstate_t state = { 0 };
    apr_size_t bytes = 0;

    *width = 0;
    while (text[bytes]) {
        wchar_t wide;
        size_t length = mbrtowc(&wide, text + bytes, MB_LEN_MAX, &state);
        int cells = 1;

        if (length > MB_LEN_MAX) {
            length = 1;
            memset(&state, 0, sizeof(state));
        }
        else if (wcwidth(wide) >= 0) {
            cells = wcwidth(wide);
        }
        if (*width + cells > limit) {
            break;
        }
        *width += cells;
        bytes += length;
    }
    return bytes;
}

static int width_of(const char *text)
{
    int width;

    bytes_within(text, INT_MAX, &width);
    return width;
}

void scimctl_table_head(scimctl_table_t *table, const char *head)
{
    table->widths[table->columns] = width_of(head);
    table->heads[table->columns++] = head;
}

/* "2027-01-31T12:00:00.000Z" */
static int is_time(const char *text)
{
    return strlen(text) == 24 && text[4] == '-' && text[10] == 'T'
           && text[13] == ':' && text[23] == 'Z';
}

static const char *minutes_of(const char *time, apr_pool_t *pool)
{
    char *minutes = apr_pstrmemdup(pool, time, TO_MINUTES);

    minutes[TO_DAYS] = ' ';
    return minutes;
}

void scimctl_table_cell(scimctl_table_t *table, const char *text)
{
    int *has_times = &table->has_times[table->cells->nelts % table->columns];

    if (!text || !*text) {
        text = "-";
    }
    else if (isatty(STDOUT_FILENO) && is_time(text)) {
        *has_times = 1;
        text = minutes_of(text, table->pool);
    }
    else {
        text = scimctl_shown(text, table->pool);
    }
    APR_ARRAY_PUSH(table->cells, const char *) = text;
}

/* The cells of a line; INT_MAX if standard output is no terminal. */
static int line_width(void)
{
    const char *columns = getenv("COLUMNS");
    struct winsize size;

    if (!isatty(STDOUT_FILENO)) {
        return INT_MAX;
    }
    if (columns && atoi(columns) > 0) {
        return atoi(columns);
    }
    return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0
           ? size.ws_col : USUAL_WIDTH;
}

static int width_of_line(const scimctl_table_t *table)
{
    int width = GAP * (table->columns - 1);
    int i;

    for (i = 0; i < table->columns; i++) {
        width += table->widths[i];
    }
    return width;
}

/* The widest column that is wider than least and not needed for its head, the
 * last of equal ones; -1 if there is none. */
static int column_to_narrow(const scimctl_table_t *table, int least)
{
    int widest = -1;
    int i;

    for (i = 0; i < table->columns; i++) {
        int width = table->widths[i];

        if (!table->has_times[i] && width > least
            && width > width_of(table->heads[i])
            && (widest < 0 || width >= table->widths[widest])) {
            widest = i;
        }
    }
    return widest;
}

static void narrow_columns(scimctl_table_t *table, int room, int least)
{
    int narrow;

    while (width_of_line(table) > room
           && (narrow = column_to_narrow(table, least)) >= 0) {
        table->widths[narrow]--;
    }
}

static void shorten_times(scimctl_table_t *table, int room)
{
    int i;

    for (i = 0; i < table->columns && width_of_line(table) > room; i++) {
        if (table->has_times[i] && table->widths[i] > TO_DAYS) {
            table->widths[i] = TO_DAYS;
        }
    }
}

static void find_widths(scimctl_table_t *table)
{
    int room = line_width();
    int i;

    for (i = 0; i < table->cells->nelts; i++) {
        int width = width_of(APR_ARRAY_IDX(table->cells, i, const char *));
        int *widest = &table->widths[i % table->columns];

        *widest = width > *widest ? width : *widest;
    }
    narrow_columns(table, room, NARROW);
    shorten_times(table, room);
    narrow_columns(table, room, NARROWEST);
}

/* text, shortened to the width of its column, and blanks up to the next. */
static void print_cell(const scimctl_table_t *table, int column,
                       const char *text)
{
    const char *mark = MB_CUR_MAX > 1 ? "\xe2\x80\xa6" : "~";
    int limit = table->widths[column];
    int is_last = column == table->columns - 1;
    int width = width_of(text);

    if (width > limit && table->has_times[column]) {
        width = fwrite(text, 1, limit, stdout);
    }
    else if (width > limit) {
        fwrite(text, 1, bytes_within(text, limit - 1, &width), stdout);
        fputs(mark, stdout);
        width++;
    }
    else {
        fputs(text, stdout);
    }
    printf("%*s", is_last ? 0 : limit - width + GAP, "");
    if (is_last) {
        putchar('\n');
    }
}

void scimctl_table_print(scimctl_table_t *table)
{
    int i;

    find_widths(table);
    for (i = 0; !table->has_heads && i < table->columns; i++) {
        print_cell(table, i, table->heads[i]);
    }
    table->has_heads = 1;
    for (i = 0; i < table->cells->nelts; i++) {
        print_cell(table, i % table->columns,
                   APR_ARRAY_IDX(table->cells, i, const char *));
    }
    apr_array_clear(table->cells);
    apr_pool_clear(table->pool);
}
