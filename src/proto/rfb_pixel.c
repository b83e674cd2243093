/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/rfb_pixel.h"

#include <assert.h>

const struct rfb_format RFB_888 = {32, 24, false, true, {255, 255, 255}, {16, 8, 0}};
const struct rfb_format RFB_565 = {16, 16, false, true, {31, 63, 31}, {11, 5, 0}};
const struct rfb_format RFB_332 = {8, 8, false, true, {7, 7, 3}, {5, 2, 0}};

struct rfb_format rfb_format_read(struct rd *r) {
    struct rfb_format f = {.bits = rd_u8(r), .depth = rd_u8(r)};
    f.big_endian = rd_u8(r) != 0;
    f.true_colour = rd_u8(r) != 0;
    for (int i = 0; i < RFB_COLOURS; i++)
        f.max[i] = rd_be16(r);
    for (int i = 0; i < RFB_COLOURS; i++)
        f.shift[i] = rd_u8(r);
    rd_take(r, 3); /* padding */
    return f;
}

void rfb_format_put(struct wr *w, const struct rfb_format *f) {
    wr_u8(w, f->bits);
    wr_u8(w, f->depth);
    wr_u8(w, f->big_endian);
    wr_u8(w, f->true_colour);
    for (int i = 0; i < RFB_COLOURS; i++)
        wr_be16(w, f->max[i]);
    for (int i = 0; i < RFB_COLOURS; i++)
        wr_u8(w, f->shift[i]);
    wr_zero(w, 3);
}

const char *rfb_format_unfit(const struct rfb_format *f) {
    if (!f->true_colour)
        return "the viewer asks for colours from a palette; set it to true colour (full colour)";
    if (f->bits != 8 && f->bits != 16 && f->bits != 32)
        return "the viewer asks for pixels of a size that RFB does not have; use 8, 16 or 32 bits";
    for (int i = 0; i < RFB_COLOURS; i++)
        if (f->shift[i] >= f->bits || (uint64_t)f->max[i] << f->shift[i] >> f->bits != 0)
            return "the viewer asks for a colour that does not fit into its pixel";
    return NULL;
}

/* The bytes of v in the order of f, when written little-endian. */
static uint32_t in_order(uint32_t v, const struct rfb_format *f) {
    if (!f->big_endian)
        return v;
    return __builtin_bswap32(v) >> (32 - f->bits);
}

void rfb_pixels_of(struct rfb_pixels *p, const struct rfb_format *from, const struct rfb_format *to) {
    assert(from->true_colour && !from->big_endian && from->bits <= 16 && !rfb_format_unfit(to));
    p->in_bytes = from->bits / 8;
    p->out_bytes = to->bits / 8;
    for (int c = 0; c < RFB_COLOURS; c++) {
        uint32_t max = from->max[c];
        assert(max > 0 && max < 64);
        p->shift[c] = from->shift[c];
        p->mask[c] = (uint8_t)max;
        for (uint32_t v = 0; v <= max; v++)
            p->part[c][v] = in_order(((v * to->max[c] + max / 2) / max) << to->shift[c], to);
    }
}

void rfb_pixels_convert(const struct rfb_pixels *p, const uint8_t *in, size_t n, uint8_t *out) {
    for (; n; n--) {
        uint32_t from = *in, to = 0;
        if (p->in_bytes == 2)
            from |= (uint32_t)in[1] << 8;
        for (int c = 0; c < RFB_COLOURS; c++)
            to |= p->part[c][from >> p->shift[c] & p->mask[c]];
        for (uint8_t i = 0; i < p->out_bytes; i++)
            out[i] = (uint8_t)(to >> 8 * i);
        in += p->in_bytes;
        out += p->out_bytes;
    }
}
