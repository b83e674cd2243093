/* SPDX-License-Identifier: Apache-2.0 */
/* buf: a growable byte queue, appended at the end and consumed at the front. An empty buf holds no memory,
 * so an idle connection costs only this struct. Owner: whoever embeds it. One thread at a time. */
#pragma once

#include "base/err.h"
#include "base/slice.h"

#include <stdarg.h>

struct buf {
    uint8_t *mem;
    size_t head, len, cap; /* bytes mem[head .. head+len) are live */
    bool failed;           /* an append ran out of memory; sticky until buf_free() */
};

static inline struct slice buf_slice(const struct buf *b) {
    return slice_of(b->mem ? b->mem + b->head : NULL, b->len);
}
/* Append; ERR_NOMEM (and b->failed) when memory runs out, with the content unchanged. */
int buf_put(struct buf *b, struct slice s);
int buf_puts(struct buf *b, const char *s);
int buf_putf(struct buf *b, const char *fmt, ...) PRINTF_LIKE(2, 3);
int buf_vputf(struct buf *b, const char *fmt, va_list ap);
/* Room for n more bytes at the end, NULL when out of memory; say with buf_commit() how many were written. */
uint8_t *buf_room(struct buf *b, size_t n);
void buf_commit(struct buf *b, size_t n);
/* Drop n bytes (at most all) from the front; memory goes when the buf gets empty. */
void buf_consume(struct buf *b, size_t n);
/* Forget the content but keep the memory for the next fill. */
void buf_clear(struct buf *b);
void buf_free(struct buf *b);
/* The same for a buf that held a secret: its memory is wiped first. Room that was outgrown on the way is not:
 * ask for enough with buf_room() before the secret goes in. */
void buf_wipe(struct buf *b);
/* The content as a NUL-terminated string (the NUL is not part of the content); "" when out of memory. */
const char *buf_cstr(struct buf *b);
