/* SPDX-License-Identifier: Apache-2.0 */
/* Updates: which tiles, and their bytes. Reference 2.3. */
#include "sim/kvm_int.h"

#include "base/rd.h"

#include <assert.h>
#include <stdlib.h>
#include <zlib.h>

enum {
    HEAD_MAX = 4 + 12, /* of an update, of a rectangle */
    STORED_HEAD = 5,
    RECT_MAX = 12 + 4 + STORED_HEAD + KVM_PAYLOAD_MAX,
    ZLIB_SLACK = 256,    /* what deflate adds to a payload that it cannot shrink, with its flush */
    EMPTY_EVERY = 16,    /* so often an update without rectangles comes first */
    UNKNOWN_ENCODING = 7 /* fault: no firmware has Tight */
};

static bool fault_on(const struct sim_kvm *k, enum sim_kvm_fault f) {
    return (k->faults & 1u << f) != 0;
}

static void put_rect(struct wr *w, struct kvm_rect r, int32_t encoding) {
    wr_be16(w, (uint16_t)r.x);
    wr_be16(w, (uint16_t)r.y);
    wr_be16(w, (uint16_t)r.w);
    wr_be16(w, (uint16_t)r.h);
    wr_be32(w, (uint32_t)encoding);
}

static void put_head(struct wr *w, unsigned nrects) {
    wr_u8(w, RFB_UPDATE);
    wr_u8(w, 0);
    wr_be16(w, (uint16_t)nrects);
}

static void say_size(struct sim_kvm *k) {
    uint8_t mem[HEAD_MAX];
    struct wr w = wr_of(mem, sizeof mem);
    put_head(&w, 1);
    put_rect(&w, (struct kvm_rect){0, 0, k->screen.w, k->screen.h}, RFB_DESKTOP_SIZE);
    buf_put(&k->out, wr_done(&w));
    k->size_changed = false;
}

/* A fresh header in the middle of a session: what a decoder must find out by itself. */
static void restart_zlib(struct sim_kvm *k) {
    if (k->z && fault_on(k, SIM_KVM_FAULT_ZLIB_RESTART))
        deflateReset(k->z);
}

static void say_tiles(struct sim_kvm *k, const struct kvm_tiles *tiles) {
    uint8_t mem[HEAD_MAX];
    struct wr w = wr_of(mem, sizeof mem);
    unsigned n = kvm_tiles_count(tiles);
    put_head(&w, n);
    buf_put(&k->out, wr_done(&w));
    kvm_tiles_remove(&k->screen.changed, tiles);
    k->update = (struct kvm_update){.on = n > 0,
                                    .first = true,
                                    .rle = k->rle,
                                    .zlib = k->compress,
                                    .format = k->format,
                                    .left = *tiles,
                                    .screen = k->screen};
    restart_zlib(k);
}

bool kvm_update_begin(struct sim_kvm *k) {
    if (!k->want.on)
        return false;
    if (kvm_over_cap(k, kvm_format_pixel_bytes(k->format)))
        kvm_end(k, SIM_KVM_END_CAP);
    else if (k->size_changed && !k->desktop_size)
        kvm_end(k, SIM_KVM_END_SIZE);
    if (k->end)
        return false;
    if (k->size_changed) {
        say_size(k); /* the viewer asks for all of it next */
    } else {
        if (k->want.full)
            kvm_screen_touch(&k->screen, k->want.at);
        struct kvm_tiles tiles = {0};
        kvm_tiles_add(&tiles, k->want.at);
        tiles = kvm_tiles_both(&tiles, &k->screen.changed);
        if (!k->want.full && kvm_tiles_count(&tiles) == 0)
            return false; /* held until something changes */
        if (!k->want.full && ++k->changes % EMPTY_EVERY == 0)
            tiles = (struct kvm_tiles){0};
        say_tiles(k, &tiles);
    }
    k->want.on = k->want.full = false;
    k->updates++;
    return true;
}

static bool open_zlib(struct sim_kvm *k) {
    if (k->z)
        return true;
    k->z = calloc(1, sizeof *k->z);
    if (!k->z ||
        deflateInit(k->z, Z_DEFAULT_COMPRESSION) != Z_OK) { /* its header is the 78 9C of the captures */
        free(k->z);
        k->z = NULL;
        kvm_end(k, SIM_KVM_END_NOMEM);
    }
    return k->z != NULL;
}

/* The two forms of a block (reference 2.3) behind their u32 length. */
static void put_stored(struct wr *w, struct slice payload) {
    wr_be32(w, (uint32_t)(STORED_HEAD + payload.n));
    wr_u8(w, 0);
    wr_le16(w, (uint16_t)payload.n);
    wr_le16(w, (uint16_t)~payload.n);
    wr_bytes(w, payload);
}

static void put_deflated(struct sim_kvm *k, struct wr *w, struct slice payload) {
    uint8_t mem[KVM_PAYLOAD_MAX + ZLIB_SLACK];
    if (!open_zlib(k))
        return;
    k->z->next_in = (Bytef *)(uintptr_t)payload.p; /* not written to */
    k->z->avail_in = (uInt)payload.n;
    k->z->next_out = mem;
    k->z->avail_out = sizeof mem;
    int r = deflate(k->z, Z_SYNC_FLUSH);
    assert(r == Z_OK && k->z->avail_in == 0 && k->z->avail_out > 0);
    wr_be32(w, (uint32_t)(sizeof mem - k->z->avail_out));
    wr_bytes(w, slice_of(mem, sizeof mem - k->z->avail_out));
}

static void put_pixels(struct sim_kvm *k, struct wr *w, const struct kvm_tile *t) {
    uint8_t mem[KVM_PAYLOAD_MAX];
    if (!k->update.rle) {
        w->p += kvm_tile_raw(t, w->p);
        return;
    }
    struct slice payload = slice_of(mem, kvm_tile_payload(t, k->padded, mem));
    if (k->update.zlib)
        put_deflated(k, w, payload);
    else
        put_stored(w, payload);
}

/* A rectangle is cut in half, and nothing follows. */
static size_t with_faults(struct sim_kvm *k, bool first, size_t n) {
    if (!first || !fault_on(k, SIM_KVM_FAULT_TRUNCATE))
        return n;
    kvm_end(k, SIM_KVM_END_TRUNCATED);
    return n / 2;
}

void kvm_update_piece(struct sim_kvm *k) {
    struct kvm_update *u = &k->update;
    unsigned col, row;
    bool more = kvm_tiles_pop(&u->left, &col, &row), first = u->first;
    assert(more);
    struct kvm_rect r = {col * KVM_TILE, row * KVM_TILE, KVM_TILE, KVM_TILE};
    r.w = r.x + r.w > u->screen.w ? u->screen.w - r.x : r.w;
    r.h = r.y + r.h > u->screen.h ? u->screen.h - r.y : r.h;

    uint32_t rgb[KVM_TILE_PIXELS];
    struct kvm_tile tile;
    kvm_screen_draw(&u->screen, r, rgb);
    kvm_tile_make(&tile, u->format, rgb, r.w, r.h);

    uint8_t *room = buf_room(&k->out, RECT_MAX + ZLIB_SLACK);
    if (!room)
        return;
    struct wr w = wr_of(room, RECT_MAX + ZLIB_SLACK);
    bool unknown = first && fault_on(k, SIM_KVM_FAULT_BAD_ENCODING);
    put_rect(&w, r, unknown ? UNKNOWN_ENCODING : u->rle ? RFB_RLE : RFB_RAW);
    put_pixels(k, &w, &tile);
    buf_commit(&k->out, with_faults(k, first, wr_done(&w).n));
    u->first = false;
    u->on = kvm_tiles_count(&u->left) > 0;
}

void kvm_update_done(struct sim_kvm *k) {
    if (k->z)
        deflateEnd(k->z);
    free(k->z);
    k->z = NULL;
}
