/* SPDX-License-Identifier: Apache-2.0 */
/* scim_csv: lines that programs read back, and spreadsheets do not run. */
#include "tap.h"

#include <apr_strings.h>

#include "../../values/scim_csv.h"

typedef struct {
    const char *name;
    const char *text;
    const char *field;
} case_t;

static const case_t cases[] = {
    { "plain text", "Anna Smith", "Anna Smith" },
    { "no text", "", "" },
    { "nothing", NULL, "" },
    { "a comma", "Smith, Anna", "\"Smith, Anna\"" },
    { "quotation marks", "the \"boss\"", "\"the \"\"boss\"\"\"" },
    { "only quotation marks", "\"\"", "\"\"\"\"\"\"" },
    { "the end of a line", "a\r\nb", "\"a\r\nb\"" },
    { "other letters", "\xe5\xb1\xb1\xe7\x94\xb0",
      "\xe5\xb1\xb1\xe7\x94\xb0" },
    { "a formula", "=1+1", "'=1+1" },
    { "a formula with a plus", "+1", "'+1" },
    { "a formula with a minus", "-1", "'-1" },
    { "a formula with an at", "@SUM(A1)", "'@SUM(A1)" },
    { "a formula behind a tab", "\t=1", "'\t=1" },
    { "a formula behind the end of a line", "\r=1", "\"'\r=1\"" },
    { "a formula to be quoted", "=HYPERLINK(\"x\",\"y\")",
      "\"'=HYPERLINK(\"\"x\"\",\"\"y\"\")\"" },
    { "such a character later", "a=b", "a=b" }
};

static void test_lines(apr_pool_t *pool)
{
    const char *fields[] = { "a", NULL, "b,c", "" };

    is_str(scim_csv_line(fields, 4, pool), "a,,\"b,c\",\r\n",
           "fields of a line");
    is_str(scim_csv_line(fields, 0, pool), "\r\n", "a line of none");
    is_str(scim_csv_quoted("=1", pool), "=1",
           "for programs, no text is changed");
}

int main(void)
{
    apr_pool_t *pool = tap_start();
    size_t i;

    for (i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        const char *line = scim_csv_line(&cases[i].text, 1, pool);

        is_str(apr_pstrmemdup(pool, line, strlen(line) - 2), cases[i].field,
               cases[i].name);
    }
    test_lines(pool);
    return tap_done(pool);
}
