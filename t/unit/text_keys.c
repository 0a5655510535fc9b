/* SPDX-License-Identifier: Apache-2.0 */
/* text_keys FILE: prints each line, a code point in hexadecimal, with the
 * results of scim_text, for a comparison with SQL: the keys of strings with it
 * (bytes in hexadecimal), and whether an identifier and a name can have it.
 * Characters that are newer than Unicode 14, whose tables PostgreSQL 15 has,
 * are left out. */
#include <stdio.h>
#include <string.h>

#include <apr_general.h>
#include <apr_pools.h>
#include <apr_strings.h>

#include <unicode/uchar.h>

#include "../../values/scim_text.h"

#define UNICODE_OF_POSTGRESQL 14

static const char *utf8(char *to, unsigned c)
{
    if (c < 0x80) {
        sprintf(to, "%c", (int) c);
    }
    else if (c < 0x800) {
        sprintf(to, "%c%c", (int) (0xc0 | c >> 6), (int) (0x80 | (c & 0x3f)));
    }
    else if (c < 0x10000) {
        sprintf(to, "%c%c%c", (int) (0xe0 | c >> 12),
                (int) (0x80 | (c >> 6 & 0x3f)), (int) (0x80 | (c & 0x3f)));
    }
    else {
        sprintf(to, "%c%c%c%c", (int) (0xf0 | c >> 18),
                (int) (0x80 | (c >> 12 & 0x3f)),
                (int) (0x80 | (c >> 6 & 0x3f)), (int) (0x80 | (c & 0x3f)));
    }
    return to;
}

static void print_hex(const char *text)
{
    for (; *text; text++) {
        printf("%02x", (unsigned char) *text);
    }
}

int main(int argc, char **argv)
{
    FILE *in = argc == 2 ? fopen(argv[1], "r") : NULL;
    apr_pool_t *pool;
    unsigned c;

    if (!in || apr_initialize() != APR_SUCCESS) {
        return 1;
    }
    apr_pool_create(&pool, NULL);
    while (fscanf(in, "%x", &c) == 1) {
        UVersionInfo age;
        char one[5] = "";
        const char *letter = utf8(one, c);
        const char *start = apr_pstrcat(pool, "a", letter, NULL);
        const char *within = apr_pstrcat(pool, start, "b", NULL);

        u_charAge((UChar32) c, age);
        if (age[0] > UNICODE_OF_POSTGRESQL) {
            continue;
        }
        printf("%x ", c);
        print_hex(scim_text_fold(pool, within));
        putchar(' ');
        print_hex(scim_text_user_name_key(pool, start));
        printf(" %d %d\n",
               !scim_text_flaw(pool, within, SCIM_TEXT_IDENTIFIER),
               !scim_text_flaw(pool, start, SCIM_TEXT_NAME));
        apr_pool_clear(pool);
    }
    fclose(in);
    apr_terminate();
    return 0;
}
