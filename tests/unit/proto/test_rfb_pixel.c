/* SPDX-License-Identifier: Apache-2.0 */
/* Every pixel of AMT's two formats, in targets of all sizes, orders, shifts and maxima. */
#include "proto/rfb_pixel.h"
#include "unit.h"

static const struct rfb_format TARGETS[] = {
    {32, 24, false, true, {255, 255, 255}, {16, 8, 0}}, /* what most viewers ask for */
    {32, 24, true, true, {255, 255, 255}, {16, 8, 0}},  /* … on big-endian machines */
    {32, 24, false, true, {255, 255, 255}, {0, 8, 16}}, /* blue and red the other way round */
    {32, 24, true, true, {255, 255, 255}, {24, 16, 8}}, /* up to the top */
    {32, 30, false, true, {1023, 1023, 1023}, {20, 10, 0}} /* ten bits a colour */,
    {16, 16, false, true, {31, 63, 31}, {11, 5, 0}}, /* as it is */
    {16, 16, true, true, {31, 63, 31}, {11, 5, 0}},
    {16, 15, false, true, {31, 31, 31}, {10, 5, 0}},
    {8, 8, false, true, {7, 7, 3}, {5, 2, 0}},
    {8, 8, false, true, {7, 7, 3}, {0, 3, 6}}, /* BGR233 */
    {8, 6, false, true, {3, 3, 3}, {4, 2, 0}},
    {8, 3, false, true, {1, 1, 1}, {2, 1, 0}},
    {32, 24, false, true, {200, 0, 99}, {5, 0, 20}}, /* maxima that are no power of two, and none */
};

/* The pixel, told from the wire as RFC 6143 says. */
static uint32_t wire_value(const uint8_t *p, const struct rfb_format *f) {
    uint32_t v = 0;
    for (unsigned i = 0; i < f->bits / 8u; i++)
        v |= (uint32_t)p[f->big_endian ? f->bits / 8u - 1 - i : i] << 8 * i;
    return v;
}

static void check_pixel(uint32_t from, const struct rfb_format *ff, const uint8_t *out,
                        const struct rfb_format *tf) {
    uint32_t got = wire_value(out, tf), used = 0;
    for (int c = 0; c < RFB_COLOURS; c++) {
        double part = (double)(from >> ff->shift[c] & ff->max[c]) / ff->max[c];
        uint32_t value = got >> tf->shift[c] & tf->max[c];
        if (((tf->max[c] + 1u) & tf->max[c]) != 0) /* no mask: tell it by the one beside */
            value = (got >> tf->shift[c]) & 255u;
        double off = (double)value - part * tf->max[c];
        if (off > 0.5 || off < -0.5)
            fail_msg("pixel %x, colour %d: got %u of %u, wanted %f", from, c, value, tf->max[c], part);
        used |= value << tf->shift[c];
    }
    assert_int_equal(used, got); /* nothing beside the colours */
}

static void check_all(const struct rfb_format *from) {
    uint32_t count = 1u << from->bits;
    for (size_t t = 0; t < sizeof TARGETS / sizeof *TARGETS; t++) {
        static struct rfb_pixels p;
        static uint8_t in[2 * 65536], out[4 * 65536];
        assert_null(rfb_format_unfit(&TARGETS[t]));
        rfb_pixels_of(&p, from, &TARGETS[t]);
        for (uint32_t v = 0; v < count; v++) {
            in[v * p.in_bytes] = (uint8_t)v;
            if (p.in_bytes == 2)
                in[v * 2 + 1] = (uint8_t)(v >> 8);
        }
        rfb_pixels_convert(&p, in, count, out);
        for (uint32_t v = 0; v < count; v++)
            check_pixel(v, from, out + v * p.out_bytes, &TARGETS[t]);
    }
}

static void every_pixel_of_565(void **s) {
    check_all(&RFB_565);
}
static void every_pixel_of_332(void **s) {
    check_all(&RFB_332);
}

static void a_format_is_written_as_it_was_read(void **s) {
    /* reference 2.2 */
    static const uint8_t wire[RFB_FORMAT_BYTES] = {0x10, 0x10, 0,    1,    0, 0x1f, 0, 0x3f,
                                                   0,    0x1f, 0x0b, 0x05, 0, 0,    0, 0};
    uint8_t mem[RFB_FORMAT_BYTES];
    struct wr w = wr_of(mem, sizeof mem);
    rfb_format_put(&w, &RFB_565);
    assert_memory_equal(mem, wire, sizeof wire);
    struct rd r = rd_of(slice_of(wire, sizeof wire));
    struct rfb_format f = rfb_format_read(&r);
    assert_int_equal(rd_left(&r), 0);
    assert_false(r.bad);
    w = wr_of(mem, sizeof mem);
    rfb_format_put(&w, &f);
    assert_memory_equal(mem, wire, sizeof wire);
}

static void what_cannot_be_made_is_said(void **s) {
    struct rfb_format f = RFB_332;
    f.true_colour = false;
    assert_non_null(strstr(rfb_format_unfit(&f), "palette"));
    f = (struct rfb_format){24, 24, false, true, {255, 255, 255}, {16, 8, 0}};
    assert_non_null(strstr(rfb_format_unfit(&f), "8, 16 or 32"));
    f = (struct rfb_format){16, 16, false, true, {31, 63, 31}, {12, 5, 0}};
    assert_non_null(strstr(rfb_format_unfit(&f), "fit"));
    f = (struct rfb_format){16, 16, false, true, {31, 63, 31}, {11, 5, 16}};
    assert_non_null(strstr(rfb_format_unfit(&f), "fit"));
    f = (struct rfb_format){32, 32, false, true, {65535, 1, 1}, {17, 5, 255}};
    assert_non_null(strstr(rfb_format_unfit(&f), "fit"));
    f = (struct rfb_format){32, 32, false, true, {65535, 1, 1}, {16, 5, 31}};
    assert_null(rfb_format_unfit(&f));
}

UNIT_MAIN(T(every_pixel_of_565), T(every_pixel_of_332), T(a_format_is_written_as_it_was_read),
          T(what_cannot_be_made_is_said))
