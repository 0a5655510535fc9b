/* Prints the text of the statements named as arguments, for pgbench. */
#include <stdio.h>
#include <string.h>

#include "../scim_statements.h"

#define STATEMENT_ROW(id, repeatable, text) { #id, text },
static const struct {
    const char *id;
    const char *text;
} statements[] = {
    SCIM_STATEMENT_MAP(STATEMENT_ROW)
};
#undef STATEMENT_ROW

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        for (int k = 0; k < SCIM_SQL_COUNT; k++) {
            if (strcmp(argv[i], statements[k].id) == 0) {
                printf("%s\n", statements[k].text);
            }
        }
    }
    return 0;
}
