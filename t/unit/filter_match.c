/* SPDX-License-Identifier: Apache-2.0 */
/* filter_match RESOURCES.json: the userNames of the resources that each filter
 * on standard input matches, sorted, joined by blanks, one line per filter; or
 * "error: ..." for an invalid filter. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <apr_general.h>
#include <apr_strings.h>

#include "../../scim_filter.h"
#include "../../values/scim_json.h"
#include "../../rules/scim_schema.h"

#define MAX_LINE 200000

static char *read_all(const char *path, apr_size_t *length, apr_pool_t *pool)
{
    FILE *in = fopen(path, "rb");
    char *text;

    if (!in || fseek(in, 0, SEEK_END) != 0) {
        perror(path);
        exit(2);
    }
    *length = (apr_size_t) ftell(in);
    rewind(in);
    text = apr_palloc(pool, *length + 1);
    *length = fread(text, 1, *length, in);
    fclose(in);
    return text;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *) a, *(const char *const *) b);
}

static void print_matches(const scim_filter_t *filter, const cJSON *resources,
                          apr_pool_t *pool)
{
    const char *names[1000];
    const cJSON *resource;
    int count = 0;
    int i;

    cJSON_ArrayForEach(resource, resources) {
        if (count < 1000 && scim_filter_match(filter, resource, pool)) {
            names[count++] = scim_json_text(resource, "userName");
        }
    }
    qsort(names, count, sizeof(*names), by_name);
    for (i = 0; i < count; i++) {
        printf("%s%s", i ? " " : "", names[i]);
    }
    putchar('\n');
}

static void answer(const char *text, const cJSON *resources,
                   apr_pool_t *pool)
{
    scim_rules_t rules = { 0, 0, NULL };
    scim_resolver_t resolver = scim_schema_resolver(&scim_user_type, &rules);
    scim_filter_t *filter;
    scim_error_t *error = scim_filter_parse(&filter, text, &resolver, pool);

    if (error) {
        printf("error: %s\n", error->detail);
    }
    else {
        print_matches(filter, resources, pool);
    }
}

int main(int argc, char **argv)
{
    static char line[MAX_LINE];
    cJSON *resources = NULL;
    apr_size_t length;
    apr_pool_t *pool;
    apr_pool_t *scratch;
    char *text;

    apr_initialize();
    apr_pool_create(&pool, NULL);
    apr_pool_create(&scratch, pool);
    if (argc < 2) {
        return 2;
    }
    text = read_all(argv[1], &length, pool);
    if (scim_json_parse(&resources, text, length, pool)) {
        fputs("not JSON\n", stderr);
        return 2;
    }
    while (fgets(line, sizeof(line), stdin)) {
        line[strcspn(line, "\n")] = '\0';
        answer(line, resources, scratch);
        apr_pool_clear(scratch);
    }
    apr_pool_destroy(pool);
    apr_terminate();
    return 0;
}
