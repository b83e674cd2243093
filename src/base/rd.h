/* SPDX-License-Identifier: Apache-2.0 */
/* rd, wr: bounded cursors with a sticky error. Read or write a whole message, test `bad` once.
 * After the first overrun every read yields zero and every write is dropped. Owner: the stack frame. */
#pragma once

#include "base/slice.h"

struct rd {
    const uint8_t *p, *end;
    bool bad;
};

static inline struct rd rd_of(struct slice s) {
    return (struct rd){s.p, s.p ? s.p + s.n : NULL, false};
}
static inline size_t rd_left(const struct rd *r) {
    return r->bad ? 0 : (size_t)(r->end - r->p);
}
uint8_t rd_u8(struct rd *r);
uint16_t rd_be16(struct rd *r);
uint32_t rd_be32(struct rd *r);
uint16_t rd_le16(struct rd *r);
uint32_t rd_le32(struct rd *r);
uint64_t rd_le64(struct rd *r);
/* The next n bytes, pointing into the input; empty and bad when fewer are left. */
struct slice rd_take(struct rd *r, size_t n);
/* u8 length, then that many bytes (redirection login). */
struct slice rd_str8(struct rd *r);
/* u32 big-endian length, then that many bytes; bad when longer than max (APF `str`). */
struct slice rd_str32(struct rd *r, size_t max);

struct wr {
    uint8_t *p, *start, *end;
    bool bad;
};

static inline struct wr wr_of(void *p, size_t cap) {
    return (struct wr){p, p, (uint8_t *)p + cap, false};
}
static inline struct slice wr_done(const struct wr *w) {
    return w->bad ? SLICE_EMPTY : slice_of(w->start, (size_t)(w->p - w->start));
}
void wr_u8(struct wr *w, uint8_t v);
void wr_be16(struct wr *w, uint16_t v);
void wr_be32(struct wr *w, uint32_t v);
void wr_le16(struct wr *w, uint16_t v);
void wr_le32(struct wr *w, uint32_t v);
void wr_le64(struct wr *w, uint64_t v);
void wr_bytes(struct wr *w, struct slice s);
void wr_zero(struct wr *w, size_t n);
/* u8 length, then the bytes; bad when there are more than 255. */
void wr_str8(struct wr *w, struct slice s);
/* u32 big-endian length, then the bytes. */
void wr_str32(struct wr *w, struct slice s);
