/* SPDX-License-Identifier: Apache-2.0 */
/* The entry of libFuzzer, and apr_palloc by malloc, because AddressSanitizer
 * cannot see where a piece of a pool's memory ends. */
#include <dlfcn.h>

#include <apr_general.h>

#include "fuzz.h"

#ifdef apr_palloc
#undef apr_palloc
#endif

typedef struct piece_t piece_t;
struct piece_t {
    piece_t *next;
    void *memory;
};

static apr_pool_t *root;
static apr_pool_t *pool;
static piece_t *pieces;
static int is_running;

static void *or_give_up(void *memory)
{
    if (!memory) {
        fuzz_fail("there is memory");
    }
    return memory;
}

/* Replaces APR's function, which is still used outside of an input, for
 * permanent memory. */
void *apr_palloc(apr_pool_t *of, apr_size_t size)
{
    static void *(*original)(apr_pool_t *of, apr_size_t size);
    piece_t *piece;

    if (!is_running) {
        if (!original) {
            *(void **) &original = dlsym(RTLD_NEXT, "apr_palloc");
        }
        return original(of, size);
    }
    piece = or_give_up(malloc(sizeof(*piece)));
    piece->memory = or_give_up(malloc(size));
    piece->next = pieces;
    pieces = piece;
    return piece->memory;
}

static void free_pieces(void)
{
    while (pieces) {
        piece_t *next = pieces->next;

        free(pieces->memory);
        free(pieces);
        pieces = next;
    }
}

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    apr_initialize();
    apr_pool_create(&root, NULL);
    apr_pool_create(&pool, root);
    fuzz_begin(root);
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    is_running = 1;
    fuzz((const char *) data, size, pool);
    apr_pool_clear(pool);
    is_running = 0;
    free_pieces();
    return 0;
}
