/* SPDX-License-Identifier: Apache-2.0 */
#include "base/arena.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { BLOCK_MIN_BYTES = 2048 };

struct arena_block {
    struct arena_block *next;
    size_t used, cap;
    max_align_t mem[];
};

void *arena_alloc(struct arena *a, size_t n) {
    size_t align = _Alignof(max_align_t);
    if (n > SIZE_MAX / 2 || (a->max_bytes && n > a->max_bytes - a->used_bytes))
        return NULL;
    size_t need = (n + align - 1) / align * align;
    struct arena_block *b = a->blocks;
    if (!b || b->cap - b->used < need) {
        size_t cap = need > BLOCK_MIN_BYTES ? need : BLOCK_MIN_BYTES;
        b = calloc(1, sizeof *b + cap);
        if (!b)
            return NULL;
        b->cap = cap;
        b->next = a->blocks;
        a->blocks = b;
    }
    void *p = (uint8_t *)b->mem + b->used;
    b->used += need;
    a->used_bytes += n;
    return p;
}

struct slice arena_slice(struct arena *a, struct slice s) {
    uint8_t *p = arena_alloc(a, s.n ? s.n : 1);
    if (!p)
        return SLICE_EMPTY;
    if (s.n)
        memcpy(p, s.p, s.n);
    return slice_of(p, s.n);
}

char *arena_str(struct arena *a, struct slice s) {
    char *p = arena_alloc(a, s.n + 1);
    if (p && s.n)
        memcpy(p, s.p, s.n);
    return p;
}

char *arena_printf(struct arena *a, const char *fmt, ...) {
    va_list ap, again;
    va_start(ap, fmt);
    va_copy(again, ap);
    int n = vsnprintf(NULL, 0, fmt, ap);
    char *p = n < 0 ? NULL : arena_alloc(a, (size_t)n + 1);
    if (p)
        vsnprintf(p, (size_t)n + 1, fmt, again);
    va_end(again);
    va_end(ap);
    return p;
}

void arena_free(struct arena *a) {
    for (struct arena_block *b = a->blocks, *next; b; b = next) {
        next = b->next;
        free(b);
    }
    a->blocks = NULL;
    a->used_bytes = 0;
}
