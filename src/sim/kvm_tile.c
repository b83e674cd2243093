/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/kvm_tile.h"

/* --- pixel formats --- */

static const struct {
    const char *name;
    uint8_t pixel_bytes, wire[KVM_FORMAT_CHECKED];
} FORMATS[] = {
#define F(sym, name, bytes, ...) {name, bytes, __VA_ARGS__},
    KVM_FORMAT_TABLE(F)
#undef F
};

const char *kvm_format_name(enum kvm_format f) {
    return FORMATS[f].name;
}
unsigned kvm_format_pixel_bytes(enum kvm_format f) {
    return FORMATS[f].pixel_bytes;
}
const uint8_t *kvm_format_wire(enum kvm_format f) {
    return FORMATS[f].wire;
}

enum kvm_format kvm_format_find(struct slice wire) {
    int f = 0;
    while (f < KVM_FORMAT_COUNT && memcmp(FORMATS[f].wire, wire.p, KVM_FORMAT_CHECKED) != 0)
        f++;
    return (enum kvm_format)f;
}

static inline uint16_t pixel_of(enum kvm_format f, uint32_t rgb) {
    unsigned r = rgb >> 16 & 0xff, g = rgb >> 8 & 0xff, b = rgb & 0xff;
    unsigned grey = (77 * r + 150 * g + 29 * b) >> 8; /* the eye's weights, of 256 */
    switch (f) {
    case KVM_FORMAT_565:
        return (uint16_t)(r >> 3 << 11 | g >> 2 << 5 | b >> 3);
    case KVM_FORMAT_332:
        return (uint16_t)(r >> 5 << 5 | g >> 5 << 2 | b >> 6);
    case KVM_FORMAT_GREY8:
        return (uint16_t)grey;
    case KVM_FORMAT_GREY4:
    case KVM_FORMAT_COUNT:
        break;
    }
    return (uint16_t)(grey >> 4);
}

uint16_t kvm_format_pixel(enum kvm_format f, uint32_t rgb) {
    return pixel_of(f, rgb);
}

void kvm_tile_make(struct kvm_tile *t, enum kvm_format f, const uint32_t *rgb, unsigned w, unsigned h) {
    t->n = w * h;
    t->w = w;
    t->pixel_bytes = FORMATS[f].pixel_bytes;
    if (f == KVM_FORMAT_565) /* the format of full RAW updates: without a choice a pixel */
        for (unsigned i = 0; i < t->n; i++)
            t->px[i] = pixel_of(KVM_FORMAT_565, rgb[i]);
    else
        for (unsigned i = 0; i < t->n; i++)
            t->px[i] = pixel_of(f, rgb[i]);
}

/* --- writing --- */

static inline uint8_t *put_pixel(uint8_t *out, const struct kvm_tile *t, uint16_t px) {
    *out++ = (uint8_t)px; /* pixel data is little-endian */
    if (t->pixel_bytes == 2)
        *out++ = (uint8_t)(px >> 8);
    return out;
}

size_t kvm_tile_raw(const struct kvm_tile *t, uint8_t *out) {
    const uint8_t *start = out;
    for (unsigned i = 0; i < t->n; i++)
        out = put_pixel(out, t, t->px[i]);
    return (size_t)(out - start);
}

static unsigned run_at(const struct kvm_tile *t, unsigned i) {
    unsigned n = 1;
    while (i + n < t->n && t->px[i + n] == t->px[i])
        n++;
    return n;
}
/* 1 + sum of bytes up to and including the first that is not 255 */
static unsigned run_bytes(unsigned run) {
    return (run - 1) / 255 + 1;
}
static uint8_t *put_run(uint8_t *out, unsigned run) {
    for (run--; run >= 255; run -= 255)
        *out++ = 255;
    *out++ = (uint8_t)run;
    return out;
}

enum { PALETTE_MAX = 127, PACKED_MAX = 16, SLOTS = 512 };
enum { SUB_RAW = 0, SUB_SOLID = 1, SUB_RLE = 128 /* with a palette: 128 + its size */ };

/* Colours in the order of their appearance; found by open addressing. */
struct palette {
    unsigned n;
    bool full; /* there are more */
    uint16_t px[PALETTE_MAX];
    uint8_t slot[SLOTS]; /* index + 1 */
};

static unsigned slot_of(const struct palette *p, uint16_t px) {
    unsigned s = (px * 40503u >> 7) % SLOTS;
    while (p->slot[s] && p->px[p->slot[s] - 1] != px)
        s = (s + 1) % SLOTS;
    return s;
}
static int index_of(const struct palette *p, uint16_t px) {
    return p->slot[slot_of(p, px)] - 1;
}
static void palette_add(struct palette *p, uint16_t px) {
    unsigned s = slot_of(p, px);
    if (p->slot[s])
        return;
    if (p->n == PALETTE_MAX) {
        p->full = true;
        return;
    }
    p->px[p->n++] = px;
    p->slot[s] = (uint8_t)p->n;
}

static unsigned index_bits(unsigned colours) {
    return colours == 2 ? 1 : colours <= 4 ? 2 : 4;
}

/* What each way of writing would take, the subencoding's byte not counted. */
struct sizes {
    unsigned raw, packed, rle, palette_rle;
};

static struct sizes measure(const struct kvm_tile *t, bool padded, struct palette *p) {
    struct sizes s = {.raw = t->n * t->pixel_bytes};
    *p = (struct palette){0};
    for (unsigned i = 0, run; i < t->n; i += run) {
        run = run_at(t, i);
        if (!p->full)
            palette_add(p, t->px[i]);
        s.rle += t->pixel_bytes + run_bytes(run);
        s.palette_rle += run == 1 ? 1 : 1 + run_bytes(run);
    }
    unsigned colours = p->n * t->pixel_bytes, bits = index_bits(p->n);
    s.palette_rle = p->full ? UINT32_MAX : s.palette_rle + colours;
    s.packed = p->full || p->n > PACKED_MAX ? UINT32_MAX
               : padded                     ? colours + t->n / t->w * ((t->w * bits + 7) / 8)
                                            : colours + (t->n * bits + 7) / 8;
    return s;
}

static uint8_t *put_colours(uint8_t *out, const struct kvm_tile *t, const struct palette *p) {
    for (unsigned i = 0; i < p->n; i++)
        out = put_pixel(out, t, p->px[i]);
    return out;
}

static uint8_t *put_packed(uint8_t *out, const struct kvm_tile *t, const struct palette *p, bool padded) {
    unsigned bits = index_bits(p->n), acc = 0, used = 0;
    for (unsigned i = 0; i < t->n; i++) {
        acc = acc << bits | (unsigned)index_of(p, t->px[i]);
        used += bits;
        bool row_ends = padded && (i + 1) % t->w == 0;
        if (used == 8 || row_ends || i + 1 == t->n) {
            *out++ = (uint8_t)(acc << (8 - used));
            acc = used = 0;
        }
    }
    return out;
}

/* p: NULL for plain runs */
static uint8_t *put_runs(uint8_t *out, const struct kvm_tile *t, const struct palette *p) {
    for (unsigned i = 0, run; i < t->n; i += run) {
        run = run_at(t, i);
        if (!p)
            out = put_pixel(out, t, t->px[i]);
        else
            *out++ = (uint8_t)(index_of(p, t->px[i]) | (run > 1 ? 0x80 : 0));
        if (!p || run > 1)
            out = put_run(out, run);
    }
    return out;
}

size_t kvm_tile_payload(const struct kvm_tile *t, bool padded, uint8_t *out) {
    struct palette p;
    struct sizes s = measure(t, padded, &p);
    const uint8_t *start = out;
    unsigned runs = s.rle < s.palette_rle ? s.rle : s.palette_rle;
    if (p.n == 1) {
        *out++ = SUB_SOLID;
        out = put_pixel(out, t, t->px[0]);
    } else if (s.packed < s.raw && s.packed <= runs) {
        *out++ = (uint8_t)p.n;
        out = put_packed(put_colours(out, t, &p), t, &p, padded);
    } else if (s.palette_rle < s.raw && s.palette_rle <= s.rle) {
        *out++ = (uint8_t)(SUB_RLE + p.n);
        out = put_runs(put_colours(out, t, &p), t, &p);
    } else if (s.rle < s.raw) {
        *out++ = SUB_RLE;
        out = put_runs(out, t, NULL);
    } else {
        *out++ = SUB_RAW;
        out += kvm_tile_raw(t, out);
    }
    return (size_t)(out - start);
}
