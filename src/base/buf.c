/* SPDX-License-Identifier: Apache-2.0 */
#include "base/buf.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

uint8_t *buf_room(struct buf *b, size_t n) {
    if (b->failed)
        return NULL;
    if (b->cap - b->head - b->len < n) {
        if (b->head) {
            memmove(b->mem, b->mem + b->head, b->len);
            b->head = 0;
        }
        if (b->cap - b->len < n) {
            size_t want = b->cap ? b->cap : 64;
            while (want - b->len < n)
                want *= 2;
            uint8_t *mem = realloc(b->mem, want);
            if (!mem) {
                b->failed = true;
                return NULL;
            }
            b->mem = mem;
            b->cap = want;
        }
    }
    return b->mem + b->head + b->len;
}

void buf_commit(struct buf *b, size_t n) {
    assert(b->head + b->len + n <= b->cap);
    b->len += n;
}

int buf_put(struct buf *b, struct slice s) {
    if (s.n == 0)
        return b->failed ? ERR_NOMEM : 0;
    uint8_t *at = buf_room(b, s.n);
    if (!at)
        return ERR_NOMEM;
    memcpy(at, s.p, s.n);
    b->len += s.n;
    return 0;
}

int buf_puts(struct buf *b, const char *s) {
    return buf_put(b, slice_str(s));
}

int buf_vputf(struct buf *b, const char *fmt, va_list ap) {
    va_list again;
    va_copy(again, ap);
    int n = vsnprintf(NULL, 0, fmt, ap);
    uint8_t *at = n < 0 ? NULL : buf_room(b, (size_t)n + 1);
    if (at)
        vsnprintf((char *)at, (size_t)n + 1, fmt, again);
    va_end(again);
    if (!at)
        return ERR_NOMEM;
    b->len += (size_t)n;
    return 0;
}

int buf_putf(struct buf *b, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    int r = buf_vputf(b, fmt, ap);
    va_end(ap);
    return r;
}

void buf_consume(struct buf *b, size_t n) {
    if (n >= b->len) {
        buf_free(b);
        return;
    }
    b->head += n;
    b->len -= n;
}

void buf_clear(struct buf *b) {
    b->head = b->len = 0;
}

void buf_wipe(struct buf *b) {
    if (b->mem)
        explicit_bzero(b->mem, b->cap);
    buf_free(b);
}

void buf_free(struct buf *b) {
    free(b->mem);
    *b = (struct buf){0};
}

const char *buf_cstr(struct buf *b) {
    uint8_t *at = buf_room(b, 1);
    if (!at)
        return "";
    *at = 0;
    return (const char *)b->mem + b->head;
}
