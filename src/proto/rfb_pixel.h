/* SPDX-License-Identifier: Apache-2.0 */
/* rfb_pixel: RFB's pixel formats, and the conversion of AMT's pixels into any true-colour format. Plain
 * values, any thread. Source: RFC 6143 7.4; reference protocol-redir-activation 2.2. */
#pragma once

#include "base/rd.h"

enum { RFB_RED, RFB_GREEN, RFB_BLUE, RFB_COLOURS, RFB_FORMAT_BYTES = 16 };
struct rfb_format {
    uint8_t bits, depth; /* bits: of a pixel on the wire */
    bool big_endian, true_colour;
    uint16_t max[RFB_COLOURS];
    uint8_t shift[RFB_COLOURS];
};
/* What AMT can: 16 bits, and 8 bits for screens above the cap of its frame buffer. */
extern const struct rfb_format RFB_565, RFB_332;
/* What every viewer can: 32 bits, blue first. Some take it for granted. */
extern const struct rfb_format RFB_888;

/* The 16 bytes of a PIXEL_FORMAT. */
struct rfb_format rfb_format_read(struct rd *r);
void rfb_format_put(struct wr *w, const struct rfb_format *f);
/* Why no pixels can be made in this format: a sentence; NULL when they can. */
const char *rfb_format_unfit(const struct rfb_format *f);

/* A conversion made ready: each component has a table of what it gives in the target. */
struct rfb_pixels {
    uint8_t in_bytes, out_bytes;
    uint8_t shift[RFB_COLOURS], mask[RFB_COLOURS];
    uint32_t part[RFB_COLOURS][64]; /* little-endian bytes of the target's pixel, to be ORed */
};
/* from: RFB_565 or RFB_332; to: a format that is not unfit. */
void rfb_pixels_of(struct rfb_pixels *p, const struct rfb_format *from, const struct rfb_format *to);
/* n pixels: n * in_bytes are read, n * out_bytes written. */
void rfb_pixels_convert(const struct rfb_pixels *p, const uint8_t *in, size_t n, uint8_t *out);
