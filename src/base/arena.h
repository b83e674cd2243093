/* SPDX-License-Identifier: Apache-2.0 */
/* arena: memory of one request or message, freed whole. Owner: whoever embeds it. One thread at a time. */
#pragma once

#include "base/err.h"
#include "base/slice.h"

struct arena_block;
struct arena {
    struct arena_block *blocks;
    size_t used_bytes, max_bytes; /* stops a hostile message from taking all memory; 0: no limit */
};

/* n zeroed bytes aligned for any type; NULL when out of memory or over max_bytes. */
void *arena_alloc(struct arena *a, size_t n);
/* Copies that live as long as the arena; p is NULL (or NULL is returned) when out of memory. */
struct slice arena_slice(struct arena *a, struct slice s);
char *arena_str(struct arena *a, struct slice s);
char *arena_printf(struct arena *a, const char *fmt, ...) PRINTF_LIKE(2, 3);
void arena_free(struct arena *a);
