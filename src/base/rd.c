/* SPDX-License-Identifier: Apache-2.0 */
#include "base/rd.h"

struct slice rd_take(struct rd *r, size_t n) {
    if (r->bad || (size_t)(r->end - r->p) < n) {
        r->bad = true;
        return SLICE_EMPTY;
    }
    struct slice s = slice_of(r->p, n);
    r->p += n;
    return s;
}

/* An unsigned integer of n bytes, most significant first when big. */
static uint64_t take_int(struct rd *r, size_t n, bool big) {
    struct slice s = rd_take(r, n);
    uint64_t v = 0;
    for (size_t i = 0; i < s.n; i++)
        v = v << 8 | s.p[big ? i : s.n - 1 - i];
    return v;
}

uint8_t rd_u8(struct rd *r) {
    return (uint8_t)take_int(r, 1, true);
}
uint16_t rd_be16(struct rd *r) {
    return (uint16_t)take_int(r, 2, true);
}
uint32_t rd_be32(struct rd *r) {
    return (uint32_t)take_int(r, 4, true);
}
uint16_t rd_le16(struct rd *r) {
    return (uint16_t)take_int(r, 2, false);
}
uint32_t rd_le32(struct rd *r) {
    return (uint32_t)take_int(r, 4, false);
}
uint64_t rd_le64(struct rd *r) {
    return take_int(r, 8, false);
}

struct slice rd_str8(struct rd *r) {
    return rd_take(r, rd_u8(r));
}

struct slice rd_str32(struct rd *r, size_t max) {
    uint32_t n = rd_be32(r);
    if (n > max)
        r->bad = true;
    return rd_take(r, r->bad ? 0 : n);
}

void wr_bytes(struct wr *w, struct slice s) {
    if (w->bad || (size_t)(w->end - w->p) < s.n) {
        w->bad = true;
        return;
    }
    if (s.n)
        memcpy(w->p, s.p, s.n);
    w->p += s.n;
}

static void put_int(struct wr *w, uint64_t v, size_t n, bool big) {
    uint8_t b[8];
    for (size_t i = 0; i < n; i++)
        b[big ? n - 1 - i : i] = (uint8_t)(v >> (8 * i));
    wr_bytes(w, slice_of(b, n));
}

void wr_u8(struct wr *w, uint8_t v) {
    put_int(w, v, 1, true);
}
void wr_be16(struct wr *w, uint16_t v) {
    put_int(w, v, 2, true);
}
void wr_be32(struct wr *w, uint32_t v) {
    put_int(w, v, 4, true);
}
void wr_le16(struct wr *w, uint16_t v) {
    put_int(w, v, 2, false);
}
void wr_le32(struct wr *w, uint32_t v) {
    put_int(w, v, 4, false);
}
void wr_le64(struct wr *w, uint64_t v) {
    put_int(w, v, 8, false);
}

void wr_zero(struct wr *w, size_t n) {
    if (w->bad || (size_t)(w->end - w->p) < n) {
        w->bad = true;
        return;
    }
    memset(w->p, 0, n);
    w->p += n;
}

void wr_str8(struct wr *w, struct slice s) {
    w->bad |= s.n > UINT8_MAX;
    wr_u8(w, (uint8_t)s.n);
    wr_bytes(w, s);
}

void wr_str32(struct wr *w, struct slice s) {
    wr_be32(w, (uint32_t)s.n);
    wr_bytes(w, s);
}
