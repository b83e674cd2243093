/* SPDX-License-Identifier: Apache-2.0 */
/* The RFB side as a viewer sees it: the whole protocol against a decoder written from the reference. */
#include "kvm_rig.h"

#include "base/rd.h"

#define LENGTH(a) (sizeof(a) / sizeof(a)[0])

static struct sim_kvm_config config(uint16_t w, uint16_t h) {
    struct sim_kvm_config cfg = SIM_KVM_CONFIG_DEFAULT;
    cfg.w = w;
    cfg.h = h;
    cfg.name = "node003";
    return cfg;
}

static struct kvm_rig opened(const struct sim_kvm_config *cfg, struct kvm_wish wish) {
    struct kvm_rig r = kvm_rig_of(cfg);
    kvm_rig_open(&r, wish);
    return r;
}

static const struct kvm_wish RAW = {KVM_FORMAT_565, false, false, false};
static const struct kvm_wish RLE = {KVM_FORMAT_565, true, false, false};
static const struct kvm_wish ZLIB = {KVM_FORMAT_565, true, true, false};

/* --- handshake --- */

static void handshake_bytes(void **state) {
    for (int rfb4 = 0; rfb4 < 2; rfb4++) {
        struct sim_kvm_config cfg = config(0x0123, 0x0045);
        cfg.rfb4 = rfb4;
        struct kvm_rig r = kvm_rig_of(&cfg);
        r.record = true;
        kvm_rig_pump(&r);
        kvm_rig_send(&r, "RFB 003.008\n", 12);
        kvm_rig_send(&r, "\x01", 1);
        kvm_rig_send(&r, "\x01", 1);
        static const uint8_t REST[] = "\x01\x01"
                                      "\0\0\0\0"
                                      "\x01\x23\x00\x45"
                                      "\x10\x10\x00\x01\x00\x1f\x00\x3f\x00\x1f\x0b\x05\x00\x00\x00\x00"
                                      "\0\0\0\x10Intel(r) AMT KVM";
        assert_int_equal(r.heard.len, 12 + sizeof REST - 1);
        assert_memory_equal(buf_slice(&r.heard).p, rfb4 ? "RFB 004.000\n" : "RFB 003.008\n", 12);
        assert_memory_equal(buf_slice(&r.heard).p + 12, REST, sizeof REST - 1);
        kvm_rig_done(&r);
    }
}

static void refusals_in_the_handshake(void **state) {
    struct sim_kvm_config cfg = config(640, 480);
    struct kvm_rig r = kvm_rig_of(&cfg);
    kvm_rig_send(&r, "RFB 003.003\n", 12);
    assert_int_equal(sim_kvm_ended(r.k), SIM_KVM_END_PROTOCOL);
    kvm_rig_done(&r);

    r = kvm_rig_of(&cfg);
    kvm_rig_send(&r, "RFB 003.008\n", 12);
    kvm_rig_send(&r, "\x02", 1);
    assert_int_equal(sim_kvm_ended(r.k), SIM_KVM_END_PROTOCOL);
    assert_string_equal(r.c.error, "Only security type 1 (None) is offered");
    kvm_rig_done(&r);

    cfg.faults = 1u << SIM_KVM_FAULT_CLOSE_AFTER_INIT;
    r = kvm_rig_of(&cfg);
    kvm_rig_send(&r, "RFB 003.008\n", 12);
    kvm_rig_send(&r, "\x01\x01", 2);
    assert_int_equal(sim_kvm_ended(r.k), SIM_KVM_END_SIGNAL);
    assert_int_equal(r.c.step, RFB_C_INIT); /* nothing was said */
    kvm_rig_done(&r);
}

/* --- the picture in every coding --- */

static void every_coding_shows_the_same(void **state) {
    static const struct {
        uint16_t w, h;
    } SIZES[] = {{1366, 768}, {128, 96}, {64, 64}, {65, 1}, {1, 65}, {200, 130}};
    for (unsigned i = 0; i < LENGTH(SIZES) * KVM_FORMAT_COUNT * 3 * 2; i++) {
        unsigned coding = i / 2 % 3, size = i / 6 / KVM_FORMAT_COUNT;
        struct kvm_wish wish = {i / 6 % KVM_FORMAT_COUNT, coding > 0, coding == 2, false};
        struct sim_kvm_config cfg = config(SIZES[size].w, SIZES[size].h);
        cfg.padded = i % 2;
        struct kvm_rig r = opened(&cfg, wish);
        kvm_rig_request(&r, false);
        kvm_rig_assert_picture(&r);
        unsigned tiles = (cfg.w + 63u) / 64 * ((cfg.h + 63u) / 64);
        assert_int_equal(r.c.rects, tiles);
        assert_int_equal(r.c.raw_rects, coding == 0 ? tiles : 0);
        assert_int_equal(r.c.stored_rects, coding == 1 ? tiles : 0);
        assert_int_equal(r.c.zlib_rects, coding == 2 ? tiles : 0);
        if (cfg.w == 1366 && coding)
            assert_true(cfg.padded ? r.c.padded_tiles > 0 : r.c.padded_tiles == 0);
        /* and moved frames, with what was typed and pointed at */
        for (unsigned f = 0; f < (cfg.w > 1000 ? 1 : 3); f++) {
            kvm_rig_request(&r, true);
            kvm_rig_key(&r, 'a' + f);
            kvm_rig_pointer(&r, f == 1, (uint16_t)(f * 70), (uint16_t)(f * 40));
            kvm_rig_wait(&r, 100);
            kvm_rig_request(&r, true);
            kvm_rig_assert_picture(&r);
        }
        kvm_rig_done(&r);
    }
}

static void the_picture_has_every_subencoding(void **state) {
    struct sim_kvm_config cfg = config(1920, 1080);
    struct kvm_rig r = opened(&cfg, RLE);
    kvm_rig_request(&r, false);
    kvm_rig_assert_picture(&r);
    unsigned packed = 0, palette = 0;
    for (int i = 2; i <= 16; i++)
        packed += r.c.subencodings[i];
    for (int i = 130; i < 256; i++)
        palette += r.c.subencodings[i];
    assert_true(r.c.subencodings[0] > 0);
    assert_true(r.c.subencodings[1] > 0);
    assert_true(packed > 0);
    assert_true(r.c.subencodings[128] > 0);
    assert_true(palette > 0);
    kvm_rig_done(&r);
}

static void any_split_gives_the_same(void **state) {
    char want[65], got[65];
    for (int coding = 0; coding < 3; coding++) {
        for (enum kvm_cut cut = CUT_WHOLE; cut <= CUT_RANDOM; cut++) {
            struct sim_kvm_config cfg = config(200, 130);
            struct kvm_rig r = kvm_rig_of(&cfg);
            r.cut = cut;
            kvm_rig_open(&r, coding == 0 ? RAW : coding == 1 ? RLE : ZLIB);
            kvm_rig_request(&r, false);
            kvm_rig_key(&r, 'x');
            kvm_rig_pointer(&r, 1, 150, 100);
            kvm_rig_wait(&r, 500);
            kvm_rig_request(&r, true);
            kvm_rig_assert_picture(&r);
            rfb_client_hash(&r.c, cut == CUT_WHOLE ? want : got);
            if (cut != CUT_WHOLE)
                assert_string_equal(got, want);
            kvm_rig_done(&r);
        }
    }
}

/* What a capture of AMT shows for two black tiles: the second needs the first's stream. */
static void zlib_bytes_of_a_capture(void **state) {
    struct sim_kvm_config cfg = config(640, 64);
    cfg.host_off = true;
    struct kvm_rig r = opened(&cfg, (struct kvm_wish){KVM_FORMAT_332, true, true, false});
    r.record = true;
    kvm_rig_request(&r, false);
    static const uint8_t TWO[] = "\0\0\0\x0a"
                                 "\0\0\0\0\0\x40\0\x40\0\0\0\x10\0\0\0\x0a\x78\x9c\x62\x64\0\0\0\0\xff\xff"
                                 "\0\x40\0\0\0\x40\0\x40\0\0\0\x10\0\0\0\x08\x62\x64\0\0\0\0\xff\xff";
    assert_memory_equal(buf_slice(&r.heard).p, TWO, sizeof TWO - 1);
    kvm_rig_assert_picture(&r);
    kvm_rig_done(&r);
}

static void stored_bytes_of_a_capture(void **state) {
    struct sim_kvm_config cfg = config(640, 64);
    cfg.host_off = true;
    struct kvm_rig r = opened(&cfg, (struct kvm_wish){KVM_FORMAT_332, true, false, false});
    r.record = true;
    kvm_rig_request(&r, false);
    static const uint8_t ONE[] = "\0\0\0\x0a"
                                 "\0\0\0\0\0\x40\0\x40\0\0\0\x10\0\0\0\x07\x00\x02\x00\xfd\xff\x01\x00";
    assert_memory_equal(buf_slice(&r.heard).p, ONE, sizeof ONE - 1);
    kvm_rig_done(&r);
}

/* --- formats and the cap --- */

static void colours_of_each_format(void **state) {
    assert_int_equal(kvm_format_pixel(KVM_FORMAT_565, 0xff0000), 0xf800);
    assert_int_equal(kvm_format_pixel(KVM_FORMAT_565, 0x00ff00), 0x07e0);
    assert_int_equal(kvm_format_pixel(KVM_FORMAT_565, 0x0000ff), 0x001f);
    assert_int_equal(kvm_format_pixel(KVM_FORMAT_332, 0xff0000), 0xe0);
    assert_int_equal(kvm_format_pixel(KVM_FORMAT_332, 0x00ff00), 0x1c);
    assert_int_equal(kvm_format_pixel(KVM_FORMAT_332, 0x0000ff), 0x03);
    assert_int_equal(kvm_format_pixel(KVM_FORMAT_GREY8, 0xffffff), 0xff);
    assert_int_equal(kvm_format_pixel(KVM_FORMAT_GREY8, 0x000000), 0);
    assert_int_equal(kvm_format_pixel(KVM_FORMAT_GREY4, 0xffffff), 0x0f);
}

static void bad_formats_close(void **state) {
    static const uint8_t BAD[][16] = {
        {32, 24, 0, 1, 0, 255, 0, 255, 0, 255, 16, 8, 0}, /* true colour of 32 bits */
        {16, 16, 1, 1, 0, 31, 0, 63, 0, 31, 11, 5, 0},    /* big-endian */
        {16, 15, 0, 1, 0, 31, 0, 31, 0, 31, 10, 5, 0},    /* 555 */
        {8, 8, 0, 0, 0, 7, 0, 7, 0, 3, 5, 2, 0},          /* a colour map */
        {8, 8, 0, 1, 0, 0xff, 0, 0xff, 0, 0, 0, 0, 0},    /* not quite grey */
    };
    struct sim_kvm_config cfg = config(640, 480);
    for (unsigned i = 0; i < LENGTH(BAD); i++) {
        struct kvm_rig r = opened(&cfg, RAW);
        uint8_t m[20] = {0};
        memcpy(m + 4, BAD[i], 16);
        kvm_rig_send(&r, m, sizeof m);
        assert_int_equal(sim_kvm_ended(r.k), SIM_KVM_END_FORMAT);
        kvm_rig_request(&r, false);
        assert_int_equal(r.c.updates, 0);
        kvm_rig_done(&r);
    }
    cfg.grey = false; /* firmware without GreyscalePixelFormatSupported */
    struct kvm_rig r = opened(&cfg, RAW);
    kvm_rig_format(&r, KVM_FORMAT_332);
    assert_int_equal(sim_kvm_ended(r.k), SIM_KVM_END_NONE);
    kvm_rig_format(&r, KVM_FORMAT_GREY8);
    assert_int_equal(sim_kvm_ended(r.k), SIM_KVM_END_FORMAT);
    kvm_rig_done(&r);
}

static void a_format_change_in_the_session(void **state) {
    struct sim_kvm_config cfg = config(200, 130);
    struct kvm_rig r = opened(&cfg, RLE);
    kvm_rig_request(&r, false);
    for (enum kvm_format f = 0; f < KVM_FORMAT_COUNT; f++) {
        kvm_rig_format(&r, f);
        kvm_rig_request(&r, false);
        kvm_rig_assert_picture(&r);
    }
    kvm_rig_done(&r);
}

/* 3840 x 2160 fits with 8 bits a pixel only. */
static void the_frame_buffer_has_a_cap(void **state) {
    struct sim_kvm_config cfg = config(3840, 2160);
    struct kvm_rig r = opened(&cfg, RAW);
    assert_int_equal(sim_kvm_ended(r.k), SIM_KVM_END_CAP); /* after SetPixelFormat 565 */
    assert_int_equal(r.c.updates, 0);
    kvm_rig_done(&r);

    r = kvm_rig_of(&cfg); /* a viewer that takes the default format */
    kvm_rig_send(&r, "RFB 003.008\n\x01\x01", 14);
    kvm_rig_request(&r, false);
    assert_int_equal(sim_kvm_ended(r.k), SIM_KVM_END_CAP);
    kvm_rig_done(&r);

    r = opened(&cfg, (struct kvm_wish){KVM_FORMAT_332, true, false, false});
    kvm_rig_request(&r, false);
    kvm_rig_assert_picture(&r);
    kvm_rig_done(&r);

    cfg = config(4096, 2251); /* too large even so: right after ClientInit */
    r = kvm_rig_of(&cfg);
    kvm_rig_send(&r, "RFB 003.008\n\x01\x01", 14);
    assert_int_equal(sim_kvm_ended(r.k), SIM_KVM_END_CAP);
    assert_int_equal(r.c.step, RFB_C_INIT);
    kvm_rig_done(&r);

    cfg = config(4096, 2250); /* 9,216,000 bytes exactly */
    r = opened(&cfg, (struct kvm_wish){KVM_FORMAT_332, true, false, false});
    assert_int_equal(sim_kvm_ended(r.k), SIM_KVM_END_NONE);
    kvm_rig_done(&r);
}

/* --- requests --- */

static void incremental_requests_are_held(void **state) {
    struct sim_kvm_config cfg = config(640, 480);
    struct kvm_rig r = opened(&cfg, RLE);
    sim_kvm_animate(r.k, false, r.now);
    kvm_rig_request(&r, false);
    assert_int_equal(r.c.updates, 1);
    kvm_rig_request(&r, true);
    kvm_rig_wait(&r, 60000);
    assert_int_equal(r.c.updates, 1);
    assert_true(mono_is_never(sim_kvm_deadline(r.k)));

    kvm_rig_pointer(&r, 0, 600, 465); /* one tile, and nothing else, is sent */
    assert_int_equal(r.c.updates, 2);
    assert_int_equal(r.c.rects, 80 + 1);
    kvm_rig_pointer(&r, 0, 610, 465); /* no request is open */
    assert_int_equal(r.c.updates, 2);
    kvm_rig_request(&r, true); /* and now at once */
    assert_int_equal(r.c.updates, 3);
    kvm_rig_assert_picture(&r);

    kvm_rig_request(&r, true);
    sim_kvm_animate(r.k, true, r.now);
    kvm_rig_wait(&r, 1000);
    assert_int_equal(r.c.updates, 4); /* one update a request, however much moves */
    assert_int_equal(sim_kvm_screen(r.k)->frame, 10);
    kvm_rig_done(&r);
}

static void request_of(struct kvm_rig *r, bool incremental, uint16_t x, uint16_t y, uint16_t w, uint16_t h) {
    uint8_t m[10];
    struct wr wr = wr_of(m, sizeof m);
    wr_u8(&wr, 3);
    wr_u8(&wr, incremental);
    wr_be16(&wr, x);
    wr_be16(&wr, y);
    wr_be16(&wr, w);
    wr_be16(&wr, h);
    kvm_rig_send(r, m, sizeof m);
}

static void regions_of_requests(void **state) {
    struct sim_kvm_config cfg = config(640, 480);
    struct kvm_rig r = opened(&cfg, RLE);
    sim_kvm_animate(r.k, false, r.now);
    request_of(&r, false, 64, 64, 64, 64);
    assert_int_equal(r.c.rects, 1);
    request_of(&r, false, 63, 63, 66, 66);
    assert_int_equal(r.c.rects, 1 + 9);
    request_of(&r, false, 0, 0, 65535, 65535);
    assert_int_equal(r.c.rects, 10 + 80);
    kvm_rig_assert_picture(&r);
    request_of(&r, false, 640, 0, 64, 64); /* nothing of the screen: answered all the same */
    request_of(&r, false, 0, 0, 0, 0);
    assert_int_equal(r.c.empty_updates, 2);
    static const uint8_t BOTH[] = "\x03\0\0\0\0\0\x02\x80\x01\xe0"
                                  "\x03\x01\0\0\0\0\0\x40\0\x40"; /* the full one is not forgotten */
    kvm_rig_send(&r, BOTH, sizeof BOTH - 1);
    assert_int_equal(r.c.rects, 90 + 80);
    request_of(&r, true, 0, 0, 64, 64);
    kvm_rig_pointer(&r, 0, 320, 240); /* elsewhere */
    assert_int_equal(r.c.updates, 6);
    request_of(&r, true, 256, 192, 128, 64); /* the box around both */
    assert_int_equal(r.c.updates, 7);
    kvm_rig_assert_picture(&r);
    kvm_rig_done(&r);
}

static void an_empty_update_now_and_then(void **state) {
    struct sim_kvm_config cfg = config(640, 480);
    struct kvm_rig r = opened(&cfg, RLE);
    kvm_rig_request(&r, false);
    for (int i = 0; i < 32; i++) {
        kvm_rig_request(&r, true);
        kvm_rig_wait(&r, 100);
    }
    assert_int_equal(r.c.updates, 33);
    assert_int_equal(r.c.empty_updates, 2);
    kvm_rig_request(&r, true);
    kvm_rig_assert_picture(&r);
    kvm_rig_done(&r);
}

/* A picture that changes while its update is on the way: the update shows one moment, the rest comes next. */
static void an_update_shows_one_moment(void **state) {
    struct sim_kvm_config cfg = config(1366, 768);
    struct kvm_rig r = opened(&cfg, RAW);
    kvm_rig_request(&r, false);
    for (int i = 0; i < 3; i++) {
        uint8_t m[10] = {3, 0, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff};
        sim_kvm_input(r.k, slice_of(m, sizeof m), r.now);
        struct slice s = sim_kvm_output(r.k);
        rfb_client_input(&r.c, s);
        sim_kvm_sent(r.k, s.n);
        assert_true(r.c.rects_left > 0);
        struct kvm_screen then = *sim_kvm_screen(r.k);
        r.now = mono_add_ms(r.now, 300);
        sim_kvm_tick(r.k, r.now);
        kvm_rig_key(&r, 'k');
        assert_int_equal(sim_kvm_screen(r.k)->frame, then.frame + 3);
        assert_int_equal(r.c.rects_left, 0);
        kvm_rig_assert_shows(&r, &then);
        kvm_rig_request(&r, true);
        kvm_rig_assert_picture(&r);
    }
    kvm_rig_done(&r);
}

static void the_viewers_order_counts(void **state) {
    struct sim_kvm_config cfg = config(128, 96);
    static const struct {
        int32_t list[4];
        uint16_t n;
        bool rle;
    } LISTS[] = {{{0, 16}, 2, false},
                 {{16, 0}, 2, true},
                 {{5, 7, 16}, 3, true},
                 {{0}, 0, false},
                 {{-223, 1092}, 2, false}};
    struct kvm_rig r = opened(&cfg, RAW);
    for (unsigned i = 0; i < LENGTH(LISTS); i++) {
        kvm_rig_encodings(&r, LISTS[i].list, LISTS[i].n);
        unsigned raw = r.c.raw_rects;
        kvm_rig_request(&r, false);
        assert_int_equal(r.c.raw_rects - raw, LISTS[i].rle ? 0 : 4);
    }
    kvm_rig_done(&r);
}

/* --- size --- */

static void the_size_changes(void **state) {
    struct sim_kvm_config cfg = config(1366, 768);
    struct kvm_rig r = opened(&cfg, (struct kvm_wish){KVM_FORMAT_565, true, true, true});
    kvm_rig_request(&r, false);
    static const struct { uint16_t w, h; } SIZES[] = {{640, 480}, {1920, 1080}, {100, 50}};
    for (unsigned i = 0; i < LENGTH(SIZES); i++) {
        kvm_rig_request(&r, true);
        sim_kvm_set_size(r.k, SIZES[i].w, SIZES[i].h);
        kvm_rig_pump(&r);
        assert_true(r.c.told_size);
        assert_int_equal(r.c.w, SIZES[i].w);
        kvm_rig_request(&r, false);
        assert_false(r.c.told_size);
        kvm_rig_assert_picture(&r);
    }
    kvm_rig_done(&r);

    /* in the middle of an update: it is finished in the old size */
    r = opened(&cfg, (struct kvm_wish){KVM_FORMAT_565, false, false, true});
    uint8_t m[10] = {3, 0, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff};
    sim_kvm_input(r.k, slice_of(m, sizeof m), r.now);
    assert_true(sim_kvm_output(r.k).n > 0);
    sim_kvm_set_size(r.k, 640, 480);
    kvm_rig_pump(&r);
    assert_string_equal(r.c.error, "");
    assert_int_equal(r.c.w, 1366);
    kvm_rig_request(&r, true);
    assert_int_equal(r.c.w, 640);
    kvm_rig_request(&r, false);
    kvm_rig_assert_picture(&r);
    kvm_rig_done(&r);
}

static void a_viewer_that_cannot_follow_is_closed(void **state) {
    struct sim_kvm_config cfg = config(640, 480);
    struct kvm_rig r = opened(&cfg, RLE);
    kvm_rig_request(&r, false);
    sim_kvm_set_size(r.k, 640, 480); /* the same: nothing happens */
    kvm_rig_request(&r, true);
    assert_int_equal(sim_kvm_ended(r.k), SIM_KVM_END_NONE);
    sim_kvm_set_size(r.k, 800, 600);
    kvm_rig_pump(&r);
    assert_int_equal(sim_kvm_ended(r.k), SIM_KVM_END_SIZE);
    kvm_rig_done(&r);

    r = opened(&cfg, (struct kvm_wish){KVM_FORMAT_565, true, false, true});
    kvm_rig_request(&r, true);
    sim_kvm_set_size(r.k, 3840, 2160);
    kvm_rig_pump(&r);
    assert_int_equal(sim_kvm_ended(r.k), SIM_KVM_END_CAP);
    kvm_rig_done(&r);
}

/* --- input --- */

static void typed(struct kvm_rig *r, const char *text) {
    for (; *text; text++)
        kvm_rig_key(r, (uint8_t)*text);
}
static const char *echo(const struct kvm_rig *r) {
    return sim_kvm_screen(r->k)->echo;
}

static void keys_are_echoed(void **state) {
    struct sim_kvm_config cfg = config(640, 480);
    struct kvm_rig r = opened(&cfg, RLE);
    kvm_rig_request(&r, false);
    typed(&r, "Hello, 42!");
    assert_string_equal(echo(&r), "Hello, 42!");
    kvm_rig_request(&r, true);
    kvm_rig_assert_picture(&r);
    kvm_rig_key(&r, 0xff08);
    kvm_rig_key(&r, 0xff08);
    assert_string_equal(echo(&r), "Hello, 4");
    kvm_rig_key_event(&r, 0xffe1, true); /* Shift and the keys of a US keyboard */
    typed(&r, "a1'/Z");
    kvm_rig_key_event(&r, 0xffe1, false);
    typed(&r, "b");
    assert_string_equal(echo(&r), "Hello, 4A!\"?Zb");
    kvm_rig_key_event(&r, 0xffe3, true); /* a chord types nothing */
    kvm_rig_key_event(&r, 0xffe9, true);
    kvm_rig_key(&r, 0xffff);
    typed(&r, "c");
    kvm_rig_key_event(&r, 0xffe9, false);
    kvm_rig_key_event(&r, 0xffe3, false);
    kvm_rig_key(&r, 0x17170056); /* nor does a key without a character */
    assert_string_equal(echo(&r), "Hello, 4A!\"?Zb");
    kvm_rig_key(&r, 0xff0d);
    assert_string_equal(echo(&r), "");
    kvm_rig_key(&r, 0xff08);
    assert_string_equal(echo(&r), "");
    typed(&r, "0123456789abcdefghijklmnopqrstuvwxyz"); /* 36: the oldest go */
    assert_string_equal(echo(&r), "456789abcdefghijklmnopqrstuvwxyz");
    kvm_rig_request(&r, true);
    kvm_rig_assert_picture(&r);
    kvm_rig_done(&r);
}

static uint32_t pixel(const struct kvm_rig *r, unsigned x, unsigned y) {
    uint32_t rgb;
    kvm_screen_draw(sim_kvm_screen(r->k), (struct kvm_rect){x, y, 1, 1}, &rgb);
    return rgb;
}

static void the_pointer_shows(void **state) {
    struct sim_kvm_config cfg = config(640, 480);
    struct kvm_rig r = opened(&cfg, RLE);
    sim_kvm_animate(r.k, false, r.now);
    kvm_rig_request(&r, false);
    uint32_t before = pixel(&r, 500, 300);
    kvm_rig_pointer(&r, 0, 500, 300);
    assert_int_equal(pixel(&r, 500, 300), 0xffffff);
    kvm_rig_request(&r, true);
    kvm_rig_pointer(&r, 1, 500, 300);
    assert_int_equal(pixel(&r, 500, 300), 0xff0000);
    kvm_rig_request(&r, true);
    kvm_rig_pointer(&r, 0, 65535, 65535); /* clamped */
    assert_int_equal(pixel(&r, 500, 300), before);
    assert_int_equal(pixel(&r, 639, 479), 0xffffff);
    kvm_rig_request(&r, true);
    kvm_rig_assert_picture(&r);
    kvm_rig_done(&r);
}

static void the_sprite_shows_and_goes(void **state) {
    struct sim_kvm_config cfg = config(640, 480);
    struct kvm_rig r = opened(&cfg, RLE);
    sim_kvm_animate(r.k, false, r.now);
    kvm_rig_request(&r, false);
    char before[65], with[65], after[65];
    rfb_client_hash(&r.c, before);
    sim_kvm_sprite(r.k, "012345");
    kvm_rig_request(&r, true);
    kvm_rig_assert_picture(&r);
    rfb_client_hash(&r.c, with);
    sim_kvm_sprite(r.k, NULL);
    kvm_rig_request(&r, true);
    kvm_rig_assert_picture(&r);
    rfb_client_hash(&r.c, after);
    assert_string_not_equal(with, before);
    assert_string_equal(after, before);
    kvm_rig_done(&r);
}

static void silence_ends_the_session(void **state) {
    struct sim_kvm_config cfg = config(640, 480);
    cfg.idle_ms = 180000;
    struct kvm_rig r = opened(&cfg, RLE);
    struct mono start = r.now;
    kvm_rig_wait(&r, 100000);
    assert_int_equal(sim_kvm_last_input(r.k).us, start.us);
    kvm_rig_request(&r, true); /* asking for a picture is no input */
    kvm_rig_key_event(&r, 0xffe1, true);
    assert_int_equal(sim_kvm_last_input(r.k).us, r.now.us);
    kvm_rig_wait(&r, 100000);
    kvm_rig_pointer(&r, 0, 1, 1);
    kvm_rig_request(&r, true);
    kvm_rig_wait(&r, 179999);
    assert_int_equal(sim_kvm_ended(r.k), SIM_KVM_END_NONE);
    kvm_rig_wait(&r, 1);
    assert_int_equal(sim_kvm_ended(r.k), SIM_KVM_END_IDLE);
    assert_true(mono_is_never(sim_kvm_deadline(r.k)));
    kvm_rig_done(&r);
}

static void power(void **state) {
    struct sim_kvm_config cfg = config(640, 480);
    cfg.host_off = true;
    struct kvm_rig r = opened(&cfg, RLE);
    kvm_rig_request(&r, false);
    kvm_rig_assert_picture(&r);
    assert_int_equal(pixel(&r, 0, 0), 0x000000);
    kvm_rig_request(&r, true);
    kvm_rig_wait(&r, 5000);
    assert_int_equal(r.c.updates, 1); /* nothing moves */
    sim_kvm_power(r.k, true, r.now);
    kvm_rig_pump(&r);
    assert_int_equal(r.c.updates, 2);
    kvm_rig_assert_picture(&r);
    assert_int_not_equal(pixel(&r, 0, 0), 0x000000);
    kvm_rig_wait(&r, 250);
    assert_int_equal(sim_kvm_screen(r.k)->frame, 2);
    sim_kvm_power(r.k, false, r.now);
    assert_int_equal(sim_kvm_ended(r.k), SIM_KVM_END_POWER);
    kvm_rig_done(&r);
}

/* --- extensions --- */

static void assert_text(const struct kvm_rig *r, const void *bytes, size_t n) {
    assert_int_equal(r->c.text.len, n);
    assert_memory_equal(buf_slice(&r->c.text).p, bytes, n);
}
#define ASSERT_TEXT(r, lit) assert_text(r, "" lit, sizeof(lit) - 1)

static void compression_is_asked_for(void **state) {
    struct sim_kvm_config cfg = config(200, 130);
    struct kvm_rig r = opened(&cfg, RLE);
    kvm_rig_ext(&r, "\x03", 1);
    ASSERT_TEXT(&r, "\0KvmExtCmd\0\x03\x00");
    kvm_rig_request(&r, false);
    kvm_rig_ext(&r, "\x04\x01", 2);
    ASSERT_TEXT(&r, "\0KvmExtCmd\0\x04\x01");
    kvm_rig_ext(&r, "\x03", 1);
    ASSERT_TEXT(&r, "\0KvmExtCmd\0\x03\x01");
    assert_int_equal(r.c.zlib_rects, 0);
    kvm_rig_request(&r, false);
    unsigned zlib = r.c.zlib_rects;
    assert_true(zlib > 0);
    kvm_rig_ext(&r, "\x04\x00", 2);
    kvm_rig_request(&r, false);
    assert_int_equal(r.c.zlib_rects, zlib);
    kvm_rig_ext(&r, "\x04\x01", 2); /* the one stream goes on */
    kvm_rig_request(&r, false);
    assert_true(r.c.zlib_rects > zlib);
    assert_int_equal(r.c.zlib_restarts, 0);
    kvm_rig_assert_picture(&r);
    unsigned texts = r.c.texts;
    kvm_rig_ext(&r, "\x09\x01", 2); /* unknown, and none at all */
    kvm_rig_ext(&r, "", 0);
    kvm_rig_text(&r, SLICE_LIT("clipboard"));
    kvm_rig_text(&r, SLICE_EMPTY);
    assert_int_equal(r.c.texts, texts);
    kvm_rig_done(&r);

    cfg.zlib = false; /* firmware without ZlibControlSupported */
    r = opened(&cfg, ZLIB);
    assert_int_equal(r.c.texts, 0);
    kvm_rig_request(&r, false);
    assert_int_equal(r.c.zlib_rects, 0);
    kvm_rig_done(&r);
}

static void decimation_is_remembered(void **state) {
    struct sim_kvm_config cfg = config(200, 130);
    struct kvm_rig r = opened(&cfg, RLE);
    kvm_rig_ext(&r, "\x01", 1);
    ASSERT_TEXT(&r, "\0KvmExtCmd\0\x01\x01\x00");
    kvm_rig_ext(&r, "\x02\x03", 2);
    ASSERT_TEXT(&r, "\0KvmExtCmd\0\x02\x03");
    kvm_rig_ext(&r, "\x02\x09", 2); /* no such mode */
    kvm_rig_ext(&r, "\x01", 1);
    ASSERT_TEXT(&r, "\0KvmExtCmd\0\x01\x03\x00");
    kvm_rig_done(&r);
}

static void the_data_channel_acknowledges(void **state) {
    struct sim_kvm_config cfg = config(200, 130);
    struct kvm_rig r = opened(&cfg, RLE);
    kvm_rig_text(&r, SLICE_LIT("\0KvmDataChannel\0hello"));
    assert_int_equal(r.c.texts, 0); /* it was not listed */
    static const int32_t LIST[] = {16, 0, 1092, -223};
    kvm_rig_encodings(&r, LIST, 4);
    kvm_rig_text(&r, SLICE_LIT("\0KvmDataChannel\0hello"));
    assert_int_equal(r.c.texts, 1);
    ASSERT_TEXT(&r, "\0KvmDataChannel\x01");
    kvm_rig_text(&r, SLICE_LIT("\0KvmDataChannel\0"));
    assert_int_equal(r.c.texts, 2);
    kvm_rig_done(&r);
}

/* --- limits and bad viewers --- */

static void bad_messages_close(void **state) {
    static const struct {
        uint8_t bytes[8];
        size_t n;
    } BAD[] = {
        {{1}, 1},                         /* FixColourMapEntries: never was a message of AMT */
        {{7}, 1},                         /* beyond the last */
        {{255}, 1},                       /* noVNC's QEMU keys */
        {{2, 0, 1, 1}, 4},                /* 257 encodings */
        {{6, 0, 0, 0, 0, 0, 0x10, 1}, 8}, /* a text of 4097 bytes */
        {{6, 0, 0, 0, 0xff, 0xff, 0xff, 0xff}, 8},
    };
    struct sim_kvm_config cfg = config(200, 130);
    for (unsigned i = 0; i < LENGTH(BAD); i++) {
        struct kvm_rig r = opened(&cfg, RLE);
        kvm_rig_send(&r, BAD[i].bytes, BAD[i].n);
        assert_int_equal(sim_kvm_ended(r.k), SIM_KVM_END_PROTOCOL);
        kvm_rig_request(&r, false);
        assert_int_equal(r.c.updates, 0);
        kvm_rig_done(&r);
    }
    /* at the limit */
    struct kvm_rig r = opened(&cfg, RLE);
    static const uint8_t LISTED[4 + 4 * 256] = {2, 0, 1, 0}, TEXT[8 + 4096] = {6, 0, 0, 0, 0, 0, 0x10, 0};
    kvm_rig_send(&r, LISTED, sizeof LISTED);
    kvm_rig_send(&r, TEXT, sizeof TEXT);
    assert_int_equal(sim_kvm_ended(r.k), SIM_KVM_END_NONE);
    kvm_rig_request(&r, false);
    assert_int_equal(r.c.updates, 1);
    kvm_rig_done(&r);
}

static void a_viewer_that_asks_and_does_not_read(void **state) {
    struct sim_kvm_config cfg = config(200, 130);
    struct kvm_rig r = opened(&cfg, RLE);
    static const uint8_t ASK[] = "\x06\0\0\0\0\0\0\x0c\0KvmExtCmd\0\x03";
    int n = 0;
    while (!sim_kvm_ended(r.k) && n++ < 1000)
        sim_kvm_input(r.k, slice_of(ASK, sizeof ASK - 1), r.now);
    assert_int_equal(sim_kvm_ended(r.k), SIM_KVM_END_PROTOCOL);
    assert_int_equal(n, 4096 / 21 + 1);
    kvm_rig_done(&r);
}

/* --- faults --- */

static void faults_by_name(void **state) {
    for (enum sim_kvm_fault f = 0; f < SIM_KVM_FAULT_COUNT; f++) {
        assert_int_equal(sim_kvm_fault_find(slice_str(sim_kvm_fault_name(f))), f);
        assert_true(strlen(sim_kvm_fault_help(f)) > 0);
    }
    assert_int_equal(sim_kvm_fault_find(SLICE_LIT("none")), SIM_KVM_FAULT_COUNT);
    for (enum sim_kvm_end e = 0; e < SIM_KVM_END_COUNT; e++)
        assert_true(strlen(sim_kvm_end_text(e)) > 0);
}

static void faults_show(void **state) {
    struct sim_kvm_config cfg = config(200, 130);
    struct kvm_rig r = opened(&cfg, RLE);
    sim_kvm_fault(r.k, SIM_KVM_FAULT_BAD_ENCODING, true);
    kvm_rig_request(&r, false);
    assert_string_equal(r.c.error, "unknown encoding");
    kvm_rig_done(&r);

    for (int coding = 0; coding < 3; coding++) {
        r = opened(&cfg, coding == 0 ? RAW : coding == 1 ? RLE : ZLIB);
        kvm_rig_request(&r, false);
        sim_kvm_fault(r.k, SIM_KVM_FAULT_TRUNCATE, true);
        kvm_rig_request(&r, false);
        assert_int_equal(sim_kvm_ended(r.k), SIM_KVM_END_TRUNCATED);
        assert_int_equal(r.c.rects_left, 12);
        assert_int_equal(r.c.updates, 1);
        kvm_rig_done(&r);
    }

    r = opened(&cfg, ZLIB);
    kvm_rig_request(&r, false);
    sim_kvm_fault(r.k, SIM_KVM_FAULT_ZLIB_RESTART, true);
    kvm_rig_request(&r, false);
    kvm_rig_request(&r, false);
    assert_int_equal(r.c.zlib_restarts, 2);
    sim_kvm_fault(r.k, SIM_KVM_FAULT_ZLIB_RESTART, false);
    kvm_rig_request(&r, false);
    assert_int_equal(r.c.zlib_restarts, 2);
    kvm_rig_assert_picture(&r);
    kvm_rig_done(&r);
}

static void free_takes_null(void **state) {
    struct sim_kvm *k = NULL;
    sim_kvm_free(&k);
    assert_null(k);
}

UNIT_MAIN(T(handshake_bytes), T(refusals_in_the_handshake), T(every_coding_shows_the_same),
          T(the_picture_has_every_subencoding), T(any_split_gives_the_same), T(zlib_bytes_of_a_capture),
          T(stored_bytes_of_a_capture), T(colours_of_each_format), T(bad_formats_close),
          T(a_format_change_in_the_session), T(the_frame_buffer_has_a_cap), T(incremental_requests_are_held),
          T(regions_of_requests), T(an_empty_update_now_and_then), T(an_update_shows_one_moment),
          T(the_viewers_order_counts), T(the_size_changes), T(a_viewer_that_cannot_follow_is_closed),
          T(keys_are_echoed), T(the_pointer_shows), T(the_sprite_shows_and_goes), T(silence_ends_the_session),
          T(power), T(compression_is_asked_for), T(decimation_is_remembered),
          T(the_data_channel_acknowledges), T(bad_messages_close), T(a_viewer_that_asks_and_does_not_read),
          T(faults_by_name), T(faults_show), T(free_takes_null))
