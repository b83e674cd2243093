/* SPDX-License-Identifier: Apache-2.0 */
#include "kvm_rig.h"

#include "base/rd.h"

#include <stdlib.h>

struct kvm_rig kvm_rig_of(const struct sim_kvm_config *cfg) {
    struct kvm_rig r = {.now = {1000000}, .random = 1};
    r.k = sim_kvm_new(cfg, r.now);
    assert_non_null(r.k);
    rfb_client_init(&r.c, KVM_FORMAT_565);
    return r;
}

void kvm_rig_done(struct kvm_rig *r) {
    sim_kvm_free(&r->k);
    assert_null(r->k);
    rfb_client_done(&r->c);
    buf_free(&r->heard);
}

static size_t next_cut(struct kvm_rig *r, size_t n) {
    r->random = r->random * 1664525u + 1013904223u;
    size_t most = r->cut == CUT_WHOLE ? n : r->cut == CUT_BYTES ? 1 : 1 + (r->random >> 16) % 300;
    return most < n ? most : n;
}

void kvm_rig_pump(struct kvm_rig *r) {
    for (struct slice s; (s = sim_kvm_output(r->k)).n;) {
        assert_true(s.n <= 65536);
        struct slice piece = slice_head(s, next_cut(r, s.n));
        if (r->record)
            buf_put(&r->heard, piece);
        rfb_client_input(&r->c, piece);
        sim_kvm_sent(r->k, piece.n);
    }
}

void kvm_rig_send(struct kvm_rig *r, const void *bytes, size_t n) {
    for (struct slice s = slice_of(bytes, n); s.n;) {
        size_t cut = next_cut(r, s.n);
        sim_kvm_input(r->k, slice_head(s, cut), r->now);
        s = slice_skip(s, cut);
    }
    kvm_rig_pump(r);
}

void kvm_rig_wait(struct kvm_rig *r, int64_t ms) {
    struct mono until = mono_add_ms(r->now, ms);
    while (!mono_before(until, sim_kvm_deadline(r->k))) {
        r->now = sim_kvm_deadline(r->k);
        sim_kvm_tick(r->k, r->now);
        kvm_rig_pump(r);
    }
    r->now = until;
}

/* --- what a viewer says --- */

void kvm_rig_format(struct kvm_rig *r, enum kvm_format f) {
    uint8_t m[20] = {0};
    memcpy(m + 4, kvm_format_wire(f), KVM_FORMAT_CHECKED);
    kvm_rig_send(r, m, sizeof m);
    r->c.format = f;
}

void kvm_rig_encodings(struct kvm_rig *r, const int32_t *list, uint16_t n) {
    uint8_t m[64];
    struct wr w = wr_of(m, sizeof m);
    wr_be16(&w, 0x0200);
    wr_be16(&w, n);
    for (int i = 0; i < n; i++)
        wr_be32(&w, (uint32_t)list[i]);
    struct slice s = wr_done(&w);
    kvm_rig_send(r, s.p, s.n);
}

void kvm_rig_request(struct kvm_rig *r, bool incremental) {
    uint8_t m[10];
    struct wr w = wr_of(m, sizeof m);
    wr_u8(&w, 3);
    wr_u8(&w, incremental);
    wr_be32(&w, 0);
    wr_be16(&w, r->c.w);
    wr_be16(&w, r->c.h);
    kvm_rig_send(r, m, sizeof m);
}

void kvm_rig_key_event(struct kvm_rig *r, uint32_t keysym, bool down) {
    uint8_t m[8];
    struct wr w = wr_of(m, sizeof m);
    wr_u8(&w, 4);
    wr_u8(&w, down);
    wr_be16(&w, 0);
    wr_be32(&w, keysym);
    kvm_rig_send(r, m, sizeof m);
}

void kvm_rig_key(struct kvm_rig *r, uint32_t keysym) {
    kvm_rig_key_event(r, keysym, true);
    kvm_rig_key_event(r, keysym, false);
}

void kvm_rig_pointer(struct kvm_rig *r, uint8_t buttons, uint16_t x, uint16_t y) {
    uint8_t m[6];
    struct wr w = wr_of(m, sizeof m);
    wr_u8(&w, 5);
    wr_u8(&w, buttons);
    wr_be16(&w, x);
    wr_be16(&w, y);
    kvm_rig_send(r, m, sizeof m);
}

void kvm_rig_text(struct kvm_rig *r, struct slice text) {
    uint8_t m[128];
    struct wr w = wr_of(m, sizeof m);
    wr_be32(&w, 0x06000000);
    wr_str32(&w, text);
    struct slice s = wr_done(&w);
    assert_true(s.n > 0);
    kvm_rig_send(r, s.p, s.n);
}

void kvm_rig_ext(struct kvm_rig *r, const void *text, size_t n) {
    uint8_t m[64] = "\0KvmExtCmd";
    memcpy(m + 11, text, n);
    kvm_rig_text(r, slice_of(m, 11 + n));
}

void kvm_rig_setup(struct kvm_rig *r, struct kvm_wish wish) {
    kvm_rig_format(r, wish.format);
    int32_t list[3];
    uint16_t n = 0;
    if (wish.rle)
        list[n++] = 16;
    list[n++] = 0;
    if (wish.desktop_size)
        list[n++] = -223;
    kvm_rig_encodings(r, list, n);
    if (wish.zlib)
        kvm_rig_ext(r, "\x04\x01", 2);
    assert_string_equal(r->c.error, "");
}

void kvm_rig_open(struct kvm_rig *r, struct kvm_wish wish) {
    kvm_rig_send(r, "RFB 003.008\n", 12);
    kvm_rig_send(r, "\x01\x01", 2);
    assert_int_equal(r->c.step, RFB_C_RUNNING);
    kvm_rig_setup(r, wish);
}

void kvm_rig_assert_shows(const struct kvm_rig *r, const struct kvm_screen *s) {
    const struct rfb_client *c = &r->c;
    assert_string_equal(c->error, "");
    assert_int_equal(c->w, s->w);
    assert_int_equal(c->h, s->h);
    /* a row at a time: other pieces than the tiles that were sent */
    uint32_t *row = malloc(s->w * sizeof *row);
    assert_non_null(row);
    for (unsigned y = 0; y < s->h; y++) {
        kvm_screen_draw(s, (struct kvm_rect){0, y, s->w, 1}, row);
        for (unsigned x = 0; x < s->w; x++)
            if (c->px[y * s->w + x] != kvm_format_pixel(c->format, row[x]))
                fail_msg("pixel %u,%u is %04x, not %04x", x, y, c->px[y * s->w + x],
                         kvm_format_pixel(c->format, row[x]));
    }
    free(row);
}

void kvm_rig_assert_picture(const struct kvm_rig *r) {
    kvm_rig_assert_shows(r, sim_kvm_screen(r->k));
}
