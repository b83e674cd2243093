/* SPDX-License-Identifier: Apache-2.0 */
/* The smallest way to write a tile is taken; the sizes are counted here once more, from the rules alone. */
#include "unit.h"

#include "sim/kvm_tile.h"

static void formats_are_found(void **state) {
    for (enum kvm_format f = 0; f < KVM_FORMAT_COUNT; f++) {
        uint8_t wire[KVM_FORMAT_BYTES] = {0};
        memcpy(wire, kvm_format_wire(f), KVM_FORMAT_CHECKED);
        assert_int_equal(kvm_format_find(slice_of(wire, sizeof wire)), f);
        memset(wire + KVM_FORMAT_CHECKED, 0xff, 3); /* padding says nothing */
        assert_int_equal(kvm_format_find(slice_of(wire, sizeof wire)), f);
        for (unsigned i = 0; i < KVM_FORMAT_CHECKED; i++) {
            wire[i] ^= 0x40;
            assert_int_equal(kvm_format_find(slice_of(wire, sizeof wire)), KVM_FORMAT_COUNT);
            wire[i] ^= 0x40;
        }
    }
}

static unsigned colours_of(const struct kvm_tile *t) {
    static uint8_t seen[65536];
    unsigned n = 0;
    memset(seen, 0, sizeof seen);
    for (unsigned i = 0; i < t->n; i++) {
        n += !seen[t->px[i]];
        seen[t->px[i]] = 1;
    }
    return n;
}

static size_t smallest(const struct kvm_tile *t, bool padded) {
    unsigned n = colours_of(t), b = t->pixel_bytes, bits = n == 2 ? 1 : n <= 4 ? 2 : 4, rows = t->n / t->w;
    size_t best = 1 + (size_t)t->n * b, plain = 1, indexed = 1 + (size_t)n * b;
    for (unsigned i = 0, run; i < t->n; i += run) {
        for (run = 1; i + run < t->n && t->px[i + run] == t->px[i];)
            run++;
        unsigned length = 1;
        for (unsigned left = run - 1; left >= 255; left -= 255)
            length++;
        plain += b + length;
        indexed += run == 1 ? 1 : 1 + length;
    }
    size_t packed = 1 + (size_t)n * b + (padded ? rows * ((t->w * bits + 7) / 8) : (t->n * bits + 7) / 8);
    if (n == 1)
        return 1 + b;
    best = n <= 16 && packed < best ? packed : best;
    best = n <= 127 && indexed < best ? indexed : best;
    return plain < best ? plain : best;
}

/* Noise of n colours in runs of about so many pixels. */
static void fill(struct kvm_tile *t, unsigned w, unsigned h, unsigned bytes, unsigned colours, unsigned run,
                 uint32_t *random) {
    t->w = w;
    t->n = w * h;
    t->pixel_bytes = bytes;
    for (unsigned i = 0, left = 0, index = 0; i < t->n; i++, left--) {
        if (left == 0) {
            *random = *random * 1664525u + 1013904223u;
            left = 1 + (*random >> 16) % run;
            index = (*random >> 8) % colours;
        }
        t->px[i] = bytes == 2 ? (uint16_t)(index * 40503u) : (uint8_t)(index * 7);
    }
}

static void the_smallest_is_taken(void **state) {
    static const unsigned COLOURS[] = {1, 2, 3, 4, 5, 16, 17, 127, 128, 129, 4000},
                          RUNS[] = {1, 2, 5, 40, 255, 2000}, WIDTHS[] = {64, 22, 1};
    static struct kvm_tile t;
    uint32_t random = 1;
    uint8_t out[KVM_PAYLOAD_MAX];
    for (unsigned i = 0; i < 11 * 6 * 3 * 4; i++) {
        bool padded = i & 1;
        fill(&t, WIDTHS[i / 4 % 3], 64 - i % 13, 1 + (i / 2 & 1), COLOURS[i / 12 % 11], RUNS[i / 132],
             &random);
        assert_int_equal(kvm_tile_payload(&t, padded, out), smallest(&t, padded));
    }
}

/* Bytes by hand. A row of eleven pixels of one bit each ends within a byte. */
static void packed_rows(void **state) {
    struct kvm_tile t = {.n = 6, .w = 2, .pixel_bytes = 1, .px = {7, 8, 9, 7, 8, 9}};
    uint8_t out[KVM_PAYLOAD_MAX];
    assert_int_equal(kvm_tile_payload(&t, false, out), 6); /* raw: 7 */
    assert_memory_equal(out, "\x03\x07\x08\x09\x18\x60", 6);
    t = (struct kvm_tile){.n = 22, .w = 11, .pixel_bytes = 1};
    for (unsigned i = 0; i < t.n; i++)
        t.px[i] = i & 1 ? 5 : 4;
    assert_int_equal(kvm_tile_payload(&t, false, out), 6);
    assert_memory_equal(out, "\x02\x04\x05\x55\x55\x54", 6);
    assert_int_equal(kvm_tile_payload(&t, true, out), 7);
    assert_memory_equal(out, "\x02\x04\x05\x55\x40\xaa\xa0", 7);
}

static void run_lengths(void **state) {
    static const struct {
        unsigned run;
        const char *bytes;
        size_t n;
    } RUNS[] = {{2, "\x01", 1},
                {255, "\xfe", 1},
                {256, "\xff\x00", 2},
                {511, "\xff\xff\x00", 3},
                {600, "\xff\xff\x59", 3}};
    for (size_t i = 0; i < sizeof RUNS / sizeof RUNS[0]; i++) {
        static struct kvm_tile t;
        uint8_t out[KVM_PAYLOAD_MAX];
        t = (struct kvm_tile){.n = RUNS[i].run + 1, .w = RUNS[i].run + 1, .pixel_bytes = 2};
        t.px[t.n - 1] = 0x1234;
        /* for the shortest runs a palette would be smaller */
        size_t n = kvm_tile_payload(&t, false, out);
        if (out[0] == 128) {
            assert_int_equal(n, 1 + 2 + RUNS[i].n + 2 + 1);
            assert_memory_equal(out + 3, RUNS[i].bytes, RUNS[i].n);
        } else {
            assert_int_equal(RUNS[i].run, 2);
        }
    }
}

UNIT_MAIN(T(formats_are_found), T(the_smallest_is_taken), T(packed_rows), T(run_lengths))
