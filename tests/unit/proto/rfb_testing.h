/* SPDX-License-Identifier: Apache-2.0 */
/* rfb_testing: bytes of RFB for tests: a viewer's and a firmware's messages, put one after the other. */
#pragma once

#include "proto/rfb_pixel.h"
#include "proto/rfb_translate.h"

#define RFB_TESTING_BANNER "RFB 003.008\n"

/* Bytes given as a string literal with escapes. */
#define RAW(b, s) ((void)buf_put(b, SLICE_LIT(s)))

static inline void put16(struct buf *b, unsigned v) {
    (void)buf_put(b, slice_of((const uint8_t[]){(uint8_t)(v >> 8), (uint8_t)v}, 2));
}
static inline void put32(struct buf *b, uint32_t v) {
    put16(b, v >> 16);
    put16(b, v & 0xffff);
}
static inline void put_format(struct buf *b, const struct rfb_format *f) {
    uint8_t mem[RFB_FORMAT_BYTES];
    struct wr w = wr_of(mem, sizeof mem);
    rfb_format_put(&w, f);
    (void)buf_put(b, wr_done(&w));
}

/* --- the firmware --- */
static inline void device_hello(struct buf *b, unsigned w, unsigned h) {
    RAW(b, "RFB 004.000\n"
           "\x01\x01"
           "\0\0\0\0");
    put16(b, w);
    put16(b, h);
    put_format(b, &RFB_565);
    put32(b, 17);
    RAW(b, "Intel(r) AMT KVM\n");
}
static inline void device_update(struct buf *b, unsigned rects) {
    RAW(b, "\0\0");
    put16(b, rects);
}
static inline void device_rect(struct buf *b, unsigned x, unsigned y, unsigned w, unsigned h, int32_t enc) {
    put16(b, x);
    put16(b, y);
    put16(b, w);
    put16(b, h);
    put32(b, (uint32_t)enc);
}

/* --- the viewer --- */
static inline void viewer_set_format(struct buf *b, const struct rfb_format *f) {
    RAW(b, "\0\0\0\0");
    put_format(b, f);
}
static inline void viewer_encodings(struct buf *b, unsigned n, const int32_t *list) {
    RAW(b, "\x02\0");
    put16(b, n);
    for (unsigned i = 0; i < n; i++)
        put32(b, (uint32_t)list[i]);
}
static inline void viewer_request(struct buf *b, bool incremental, unsigned x, unsigned y, unsigned w,
                                  unsigned h) {
    (void)buf_put(b, slice_of((const uint8_t[]){3, incremental}, 2));
    put16(b, x);
    put16(b, y);
    put16(b, w);
    put16(b, h);
}
