/* SPDX-License-Identifier: Apache-2.0 */
/* Each story is a row of stages: bytes of one side, all taken before the next stage. It is played whole, byte
 * by byte and at random cuts; what each side was sent must be the same each time. */
#include "base/rng.h"
#include "rfb_testing.h"
#include "unit.h"

#include <stdlib.h>

enum { STAGES_MAX = 24 };
enum stage_kind { VIEWER = RFB_VIEWER, DEVICE = RFB_DEVICE, LOST };

struct story {
    struct stage {
        enum stage_kind kind;
        struct buf bytes;
    } stage[STAGES_MAX];
    size_t n;
    /* outcome */
    struct rfb_translate *t;
    struct buf to[RFB_SIDES];
    int err;
};

static struct buf *next(struct story *s, enum stage_kind kind) {
    assert_true(s->n < STAGES_MAX);
    s->stage[s->n].kind = kind;
    return &s->stage[s->n++].bytes;
}

static size_t drain(struct story *s) {
    size_t n = 0;
    for (int i = 0; i < RFB_SIDES; i++) {
        struct slice out = rfb_translate_output(s->t, (enum rfb_side)i);
        assert_true(out.n <= RFB_TRANSLATE_LIMITS_DEFAULT.queue_bytes + 512);
        assert_int_equal(buf_put(&s->to[i], out), 0);
        rfb_translate_sent(s->t, (enum rfb_side)i, out.n);
        n += out.n;
    }
    return n;
}

static void play_stage(struct story *s, const struct stage *st, size_t piece, struct rng *rng) {
    struct slice in = buf_slice(&st->bytes);
    while (in.n && s->err == 0) {
        struct slice part = slice_head(in, piece ? piece : (size_t)rng_range(rng, 1, 30));
        uint8_t *copy = malloc(part.n); /* so that a read past the end shows */
        memcpy(copy, part.p, part.n);
        in = slice_skip(in, part.n);
        struct slice left = slice_of(copy, part.n);
        for (bool moves = true; left.n && moves && s->err == 0;) {
            size_t before = left.n;
            s->err = rfb_translate_input(s->t, (enum rfb_side)st->kind, &left);
            moves = drain(s) || left.n < before;
        }
        free(copy);
        if (left.n && s->err == 0)
            fail_msg("%zu bytes of stage %td are not taken", left.n, st - s->stage);
    }
}

static void play(struct story *s, size_t piece, struct rng *rng) {
    const struct rfb_translate_limits lim = RFB_TRANSLATE_LIMITS_DEFAULT;
    s->t = rfb_translate_new(&lim);
    s->err = 0;
    for (size_t i = 0; i < s->n && s->err == 0; i++)
        if (s->stage[i].kind == LOST)
            s->err = rfb_translate_device_lost(s->t);
        else
            play_stage(s, &s->stage[i], piece, rng);
    drain(s);
}

static void unplay(struct story *s) {
    rfb_translate_free(&s->t);
    for (int i = 0; i < RFB_SIDES; i++)
        buf_free(&s->to[i]);
}

static void expect_bytes(const char *who, size_t piece, struct slice got, struct slice want) {
    size_t i = 0;
    while (i < got.n && i < want.n && got.p[i] == want.p[i])
        i++;
    if (i < got.n || i < want.n)
        fail_msg("to the %s, pieces of %zu: %zu bytes, wanted %zu; they differ at %zu (%02x, wanted %02x)",
                 who, piece, got.n, want.n, i, i < got.n ? got.p[i] : 0, i < want.n ? want.p[i] : 0);
}

/* NULL: not looked at. */
static void expect_story(struct story *s, const struct buf *viewer, const struct buf *device, int err,
                         const char *sentence) {
    for (size_t round = 0; round < 20; round++) {
        size_t piece = round == 0 ? SIZE_MAX : round == 1 ? 1 : 0;
        struct rng rng = {round};
        play(s, piece, &rng);
        if (viewer)
            expect_bytes("viewer", piece, buf_slice(&s->to[RFB_VIEWER]), buf_slice(viewer));
        if (device)
            expect_bytes("firmware", piece, buf_slice(&s->to[RFB_DEVICE]), buf_slice(device));
        assert_int_equal(s->err, err);
        if (!strstr(rfb_translate_error(s->t), sentence))
            fail_msg("\"%s\" has no \"%s\"", rfb_translate_error(s->t), sentence);
        if (err) { /* and it stays so */
            struct slice more = SLICE_LIT("RFB");
            assert_int_equal(rfb_translate_input(s->t, RFB_VIEWER, &more), err);
        }
        unplay(s);
    }
    for (size_t i = 0; i < s->n; i++)
        buf_free(&s->stage[i].bytes);
}

/* --- what begins most stories --- */

static void let_in(struct story *s, unsigned w, unsigned h) {
    RAW(next(s, VIEWER), "RFB 003.008\n");
    device_hello(next(s, DEVICE), w, h);
    RAW(next(s, VIEWER), "\x01\x01");
    /* most stories want the firmware's pixels as they are */
    viewer_set_format(next(s, VIEWER), w * h > 3000000 ? &RFB_332 : &RFB_565);
}
static void want_let_in(struct buf *b, unsigned w, unsigned h) {
    RAW(b, "RFB 003.008\n"
           "\x01\x01"
           "\0\0\0\0");
    put16(b, w);
    put16(b, h);
    put_format(b, &RFB_888);
    put32(b, 17);
    RAW(b, "Intel(r) AMT KVM?"); /* its line break is cleaned */
}
static void want_hello(struct buf *b, const struct rfb_format *f) {
    RAW(b, "RFB 003.008\n"
           "\x01\x01");
    viewer_set_format(b, f);
    viewer_encodings(b, 2, (const int32_t[]){0, -223});
}
static void free_both(struct buf *v, struct buf *d) {
    buf_free(v);
    buf_free(d);
}

/* --- stories --- */

static void a_picture_in_the_format_of_the_firmware(void **state) {
    struct story s = {0};
    struct buf v = {0}, d = {0}, *b;
    let_in(&s, 640, 480);
    viewer_request(next(&s, VIEWER), false, 0, 0, 640, 480);
    b = next(&s, DEVICE);
    device_update(b, 2);
    device_rect(b, 0, 0, 2, 1, 0);
    RAW(b, "\x12\x34\x56\x78");
    device_rect(b, 638, 479, 1, 1, 0);
    RAW(b, "\xff\xff");
    RAW(b, "\x02"); /* Bell */
    want_let_in(&v, 640, 480);
    device_update(&v, 2);
    device_rect(&v, 0, 0, 2, 1, 0);
    RAW(&v, "\x12\x34\x56\x78");
    device_rect(&v, 638, 479, 1, 1, 0);
    RAW(&v, "\xff\xff\x02");
    want_hello(&d, &RFB_565);
    viewer_request(&d, false, 0, 0, 640, 480);
    expect_story(&s, &v, &d, 0, "");
    free_both(&v, &d);
}

static void a_picture_in_32_bits(void **state) {
    struct story s = {0};
    struct buf v = {0}, d = {0}, *b;
    let_in(&s, 300, 200);
    b = next(&s, VIEWER);
    viewer_set_format(b, &RFB_888);
    viewer_request(b, false, 0, 0, 300, 200);
    b = next(&s, DEVICE);
    device_update(b, 1);
    device_rect(b, 0, 0, 300, 200, 0);
    want_let_in(&v, 300, 200);
    device_update(&v, 1);
    device_rect(&v, 0, 0, 300, 200, 0);
    /* 60000 pixels: more than the queue holds */
    for (unsigned i = 0; i < 60000; i++) {
        unsigned r = i % 32, g = i % 64, bl = i / 64 % 32, px = r << 11 | g << 5 | bl;
        buf_put(b, slice_of((const uint8_t[]){(uint8_t)px, (uint8_t)(px >> 8)}, 2));
        buf_put(&v,
                slice_of((const uint8_t[]){(uint8_t)((bl * 255 + 15) / 31), (uint8_t)((g * 255 + 31) / 63),
                                           (uint8_t)((r * 255 + 15) / 31), 0},
                         4));
    }
    want_hello(&d, &RFB_565);
    viewer_request(&d, false, 0, 0, 300, 200);
    expect_story(&s, &v, &d, 0, "");
    free_both(&v, &d);
}

/* The pixels of an update are in one format, whatever the viewer says while it passes. */
static void a_change_of_format_waits_for_the_next_update(void **state) {
    struct story s = {0};
    struct buf v = {0}, *b;
    let_in(&s, 8, 8);
    b = next(&s, DEVICE);
    device_update(b, 1);
    device_rect(b, 0, 0, 2, 1, 0);
    RAW(b, "\xff\xff");
    viewer_set_format(next(&s, VIEWER), &RFB_888);
    b = next(&s, DEVICE);
    RAW(b, "\0\0");
    device_update(b, 1);
    device_rect(b, 0, 0, 1, 1, 0);
    RAW(b, "\xff\xff");
    want_let_in(&v, 8, 8);
    device_update(&v, 1);
    device_rect(&v, 0, 0, 2, 1, 0);
    RAW(&v, "\xff\xff\0\0");
    device_update(&v, 1);
    device_rect(&v, 0, 0, 1, 1, 0);
    RAW(&v, "\xff\xff\xff\0");
    expect_story(&s, &v, NULL, 0, "");
    buf_free(&v);
}

/* 3840x2160 at 16 bits is more than the firmware's frame buffer: it is asked for 8. */
static void a_big_screen_comes_in_8_bits(void **state) {
    struct story s = {0};
    struct buf v = {0}, d = {0}, *b;
    let_in(&s, 3840, 2160);
    viewer_request(next(&s, VIEWER), false, 0, 0, 3840, 2160);
    b = next(&s, DEVICE);
    device_update(b, 1);
    device_rect(b, 0, 0, 3, 1, 0);
    RAW(b, "\x01\x80\xff");
    want_let_in(&v, 3840, 2160);
    device_update(&v, 1);
    device_rect(&v, 0, 0, 3, 1, 0);
    RAW(&v, "\x01\x80\xff");
    want_hello(&d, &RFB_332);
    viewer_request(&d, false, 0, 0, 3840, 2160);
    expect_story(&s, &v, &d, 0, "");
    free_both(&v, &d);
}

static void viewers_of_3_3_and_3_7(void **state) {
    struct story s = {0};
    struct buf v = {0};
    RAW(next(&s, VIEWER), "RFB 003.003\n");
    device_hello(next(&s, DEVICE), 8, 8);
    RAW(next(&s, VIEWER), "\x01");
    RAW(&v, "RFB 003.008\n\0\0\0\x01");
    put16(&v, 8);
    put16(&v, 8);
    put_format(&v, &RFB_888);
    put32(&v, 17);
    RAW(&v, "Intel(r) AMT KVM?");
    expect_story(&s, &v, NULL, 0, "");
    buf_free(&v);

    s = (struct story){0};
    device_hello(next(&s, DEVICE), 8, 8); /* the firmware may be quicker */
    RAW(next(&s, VIEWER), "RFB 003.007\n");
    RAW(next(&s, VIEWER), "\x01\x01");
    RAW(&v, "RFB 003.008\n\x01\x01"); /* no SecurityResult */
    put16(&v, 8);
    put16(&v, 8);
    put_format(&v, &RFB_888);
    put32(&v, 17);
    RAW(&v, "Intel(r) AMT KVM?");
    expect_story(&s, &v, NULL, 0, "");
    buf_free(&v);
}

static void input_passes_clamped_and_clipboards_do_not(void **state) {
    struct story s = {0};
    struct buf v = {0}, d = {0}, *b;
    let_in(&s, 640, 480);
    b = next(&s, VIEWER);
    RAW(b, "\x04\x07\x11\x22\0\0\xff\x0d"); /* key: down is 1, the padding 0 */
    RAW(b, "\x05\x01\x00\x05\x00\x06");
    RAW(b, "\x05\x00\xff\xff\x02\x80"); /* right of it, and below */
    RAW(b, "\x06\0\0\0\0\0\0\x05hello");
    RAW(b, "\x05\x02\0\0\0\0");
    viewer_request(b, true, 600, 400, 100, 100);
    b = next(&s, DEVICE);
    RAW(b, "\x03\0\0\0\0\0\0\x03xyz\x02");
    want_let_in(&v, 640, 480);
    RAW(&v, "\x02");
    want_hello(&d, &RFB_565);
    RAW(&d, "\x04\x01\0\0\0\0\xff\x0d");
    RAW(&d, "\x05\x01\x00\x05\x00\x06");
    RAW(&d, "\x05\x00\x02\x7f\x01\xdf");
    RAW(&d, "\x05\x02\0\0\0\0");
    viewer_request(&d, false, 0, 0, 640, 480); /* the first one after a format is for all */
    expect_story(&s, &v, &d, 0, "");
    free_both(&v, &d);
}

/* One incremental request at a time; full ones at once; an empty update is one, too. */
static void requests_are_paced(void **state) {
    struct story s = {0};
    struct buf d = {0}, *b;
    let_in(&s, 640, 480);
    b = next(&s, VIEWER);
    viewer_request(b, false, 0, 0, 640, 480);
    viewer_request(b, true, 0, 0, 640, 480);
    viewer_request(b, true, 0, 0, 640, 480);
    viewer_request(b, false, 10, 10, 20, 20);
    device_update(next(&s, DEVICE), 0);
    viewer_request(next(&s, VIEWER), true, 0, 0, 640, 480);
    device_update(next(&s, DEVICE), 0);
    viewer_request(next(&s, VIEWER), true, 600, 400, 100, 100);
    device_update(next(&s, DEVICE), 0);
    viewer_request(next(&s, VIEWER), true, 700, 0, 100, 100);
    want_hello(&d, &RFB_565);
    viewer_request(&d, false, 0, 0, 640, 480);
    viewer_request(&d, false, 10, 10, 20, 20);
    viewer_request(&d, true, 0, 0, 640, 480); /* after the empty update; those that waited became none */
    viewer_request(&d, true, 600, 400, 40, 80);
    viewer_request(&d, true, 0, 0, 640, 480); /* nothing of it is on the screen: all */
    expect_story(&s, NULL, &d, 0, "");
    buf_free(&d);
}

static void a_new_size_is_told(void **state) {
    struct story s = {0};
    struct buf v = {0}, d = {0}, *b;
    let_in(&s, 640, 480);
    b = next(&s, VIEWER);
    viewer_encodings(b, 3, (const int32_t[]){16, -223, 5});
    viewer_request(b, false, 0, 0, 640, 480);
    b = next(&s, DEVICE);
    device_update(b, 3);
    device_rect(b, 0, 0, 640, 480, -223); /* none: it has this size */
    device_rect(b, 0, 0, 3840, 2160, -223);
    device_rect(b, 3839, 2159, 1, 1, 0);
    RAW(b, "\x34\x12"); /* this update is still in 16 bits */
    viewer_request(next(&s, VIEWER), true, 0, 0, 3840, 2160);
    b = next(&s, DEVICE);
    device_update(b, 1);
    device_rect(b, 0, 0, 1, 1, 0);
    RAW(b, "\xe0");
    want_let_in(&v, 640, 480);
    device_update(&v, 3);
    device_rect(&v, 0, 0, 0, 0, 0);
    device_rect(&v, 0, 0, 3840, 2160, -223);
    device_rect(&v, 3839, 2159, 1, 1, 0);
    RAW(&v, "\x34\x12");
    device_update(&v, 1);
    device_rect(&v, 0, 0, 1, 1, 0);
    RAW(&v, "\x00\xf8");
    want_hello(&d, &RFB_565);
    viewer_request(&d, false, 0, 0, 640, 480);
    viewer_set_format(&d, &RFB_332);
    viewer_request(&d, false, 0, 0, 3840, 2160);
    expect_story(&s, &v, &d, 0, "");
    free_both(&v, &d);
}

static void a_viewer_that_cannot_follow_the_size_is_told_why(void **state) {
    struct story s = {0};
    struct buf *b;
    let_in(&s, 640, 480);
    viewer_encodings(next(&s, VIEWER), 1, (const int32_t[]){-223});
    viewer_encodings(next(&s, VIEWER), 2, (const int32_t[]){0, 16}); /* the last list counts */
    b = next(&s, DEVICE);
    device_update(b, 1);
    device_rect(b, 0, 0, 800, 600, -223);
    expect_story(&s, NULL, NULL, ERR_UNSUPPORTED, "from 640x480 to 800x600");
}

static void the_firmware_is_lost_in_the_middle_and_comes_back(void **state) {
    struct story s = {0};
    struct buf v = {0}, d = {0}, *b;
    let_in(&s, 640, 480);
    b = next(&s, VIEWER);
    viewer_encodings(b, 1, (const int32_t[]){-223});
    viewer_set_format(b, &RFB_888);
    viewer_request(b, false, 0, 0, 640, 480);
    b = next(&s, DEVICE);
    device_update(b, 3);
    device_rect(b, 0, 0, 2, 2, 0);
    RAW(b, "\xff\xff\xff");
    next(&s, LOST);
    RAW(next(&s, VIEWER), "\x05\x01\x00\x05\x00\x06"); /* nobody is there to take it */
    b = next(&s, DEVICE);
    device_hello(b, 800, 600);
    device_update(b, 1);
    device_rect(b, 799, 599, 1, 1, 0);
    RAW(b, "\x1f\0");
    want_let_in(&v, 640, 480);
    device_update(&v, 3);
    device_rect(&v, 0, 0, 2, 2, 0);
    RAW(&v, "\xff\xff\xff\0");
    for (int i = 0; i < 3; i++) /* the half pixel, too, is black */
        put32(&v, 0);
    device_rect(&v, 0, 0, 0, 0, 0);
    device_rect(&v, 0, 0, 0, 0, 0);
    device_update(&v, 1);
    device_rect(&v, 0, 0, 800, 600, -223);
    device_update(&v, 1);
    device_rect(&v, 799, 599, 1, 1, 0);
    RAW(&v, "\xff\0\0\0");
    want_hello(&d, &RFB_565);
    viewer_request(&d, false, 0, 0, 640, 480);
    want_hello(&d, &RFB_565);
    viewer_request(&d, false, 0, 0, 800, 600);
    expect_story(&s, &v, &d, 0, "");
    free_both(&v, &d);
}

/* A whole screen was promised: it is filled up in pieces, and the new handshake waits for that. */
static void a_big_hole_is_filled_as_the_viewer_reads(void **state) {
    struct story s = {0};
    struct buf v = {0}, *b;
    let_in(&s, 1024, 768);
    b = next(&s, DEVICE);
    device_update(b, 1);
    device_rect(b, 0, 0, 1024, 768, 0);
    RAW(b, "\xff\xff");
    next(&s, LOST);
    device_hello(next(&s, DEVICE), 1024, 768);
    RAW(next(&s, DEVICE), "\x02");
    want_let_in(&v, 1024, 768);
    device_update(&v, 1);
    device_rect(&v, 0, 0, 1024, 768, 0);
    RAW(&v, "\xff\xff");
    for (int i = 1; i < 1024 * 768; i++)
        put16(&v, 0);
    RAW(&v, "\x02");
    expect_story(&s, &v, NULL, 0, "");
    buf_free(&v);
}

/* A firmware that failed is a firmware that was lost: the viewer is not to blame. */
static void a_failure_of_the_firmware_goes_with_it(void **state) {
    struct story s = {0};
    let_in(&s, 8, 8);
    RAW(next(&s, DEVICE), "\x63");
    struct rng rng = {1};
    play(&s, SIZE_MAX, &rng);
    assert_int_equal(s.err, ERR_PROTO);
    assert_int_equal(rfb_translate_culprit(s.t), RFB_DEVICE);
    assert_false(rfb_translate_refuse(s.t, "too late"));
    assert_int_equal(rfb_translate_device_lost(s.t), 0);
    assert_string_equal(rfb_translate_error(s.t), "");
    assert_false(rfb_translate_device_ready(s.t));
    struct buf again = {0};
    device_hello(&again, 8, 8);
    struct slice in = buf_slice(&again);
    assert_int_equal(rfb_translate_input(s.t, RFB_DEVICE, &in), 0);
    assert_true(rfb_translate_device_ready(s.t));
    assert_string_equal(rfb_translate_name(s.t), "Intel(r) AMT KVM?");
    buf_free(&again);
    for (size_t i = 0; i < s.n; i++)
        buf_free(&s.stage[i].bytes);
    unplay(&s);
}

/* --- refusals --- */

/* The viewer says its banner before or after the reason is known. */
static void expect_refusal(const char *banner, const char *want, size_t n) {
    for (int early = 0; early < 2; early++) {
        const struct rfb_translate_limits lim = RFB_TRANSLATE_LIMITS_DEFAULT;
        struct rfb_translate *t = rfb_translate_new(&lim);
        struct slice in = slice_str(banner);
        rfb_translate_sent(t, RFB_VIEWER, 12);
        if (early)
            assert_true(rfb_translate_refuse(t, "busy"));
        assert_false(rfb_translate_told(t));
        assert_false(rfb_translate_viewer_known(t));
        assert_int_equal(rfb_translate_input(t, RFB_VIEWER, &in), 0);
        assert_true(rfb_translate_viewer_known(t));
        if (!early)
            assert_true(rfb_translate_refuse(t, "busy"));
        assert_true(rfb_translate_told(t));
        struct slice out = rfb_translate_output(t, RFB_VIEWER);
        assert_int_equal(out.n, n);
        assert_memory_equal(out.p, want, n);
        rfb_translate_free(&t);
    }
}

static void a_refusal_in_the_words_of_each_version(void **state) {
    expect_refusal("RFB 003.008\n",
                   "\0\0\0\0\x04"
                   "busy",
                   9);
    expect_refusal("RFB 003.889\n",
                   "\0\0\0\0\x04"
                   "busy",
                   9);
    expect_refusal("RFB 003.007\n",
                   "\0\0\0\0\x04"
                   "busy",
                   9);
    expect_refusal("RFB 003.003\n",
                   "\0\0\0\0\0\0\0\x04"
                   "busy",
                   12);
    expect_refusal("RFB 003.005\n",
                   "\0\0\0\0\0\0\0\x04"
                   "busy",
                   12);
}

/* Only 3.8 has a place for a reason once the security types are out. */
static void a_late_refusal(void **state) {
    struct buf hello = {0};
    device_hello(&hello, 8, 8);
    for (int minor = 7; minor <= 8; minor++) {
        const struct rfb_translate_limits lim = RFB_TRANSLATE_LIMITS_DEFAULT;
        struct rfb_translate *t = rfb_translate_new(&lim);
        struct slice banner = minor == 8 ? SLICE_LIT("RFB 003.008\n") : SLICE_LIT("RFB 003.007\n"),
                     in = buf_slice(&hello), choice = SLICE_LIT("\x01");
        assert_int_equal(rfb_translate_input(t, RFB_VIEWER, &banner), 0);
        assert_int_equal(rfb_translate_input(t, RFB_DEVICE, &in), 0);
        rfb_translate_sent(t, RFB_VIEWER, 14);
        assert_int_equal(rfb_translate_refuse(t, "gone"), minor == 8);
        assert_false(rfb_translate_told(t));
        if (minor == 8) {
            assert_int_equal(rfb_translate_input(t, RFB_VIEWER, &choice), 0);
            assert_true(rfb_translate_told(t));
            assert_memory_equal(rfb_translate_output(t, RFB_VIEWER).p, "\0\0\0\x01\0\0\0\x04gone", 12);
        }
        rfb_translate_free(&t);
    }
    buf_free(&hello);
}

static void expect_viewer_fails(int err, const char *sentence, struct slice bytes) {
    struct story s = {0};
    let_in(&s, 8, 8);
    buf_put(next(&s, VIEWER), bytes);
    expect_story(&s, NULL, NULL, err, sentence);
}
#define VIEWER_FAILS(err, sentence, bytes) expect_viewer_fails(err, sentence, SLICE_LIT(bytes))

static void what_a_viewer_must_not_send(void **state) {
    VIEWER_FAILS(ERR_PROTO, "type 251", "\xfb");
    VIEWER_FAILS(ERR_UNSUPPORTED, "palette", "\0\0\0\0\x08\x08\0\0\0\x07\0\x07\0\x03\0\x03\x06\0\0\0");
    VIEWER_FAILS(ERR_UNSUPPORTED, "8, 16 or 32", "\0\0\0\0\x18\x18\0\x01\0\x07\0\x07\0\x03\0\x03\x06\0\0\0");
    /* limits: one above */
    VIEWER_FAILS(ERR_LIMIT, "257 encodings; at most 256", "\x02\0\x01\x01");
    VIEWER_FAILS(ERR_LIMIT, "1048577 bytes; at most 1048576", "\x06\0\0\0\0\x10\0\x01");
    VIEWER_FAILS(ERR_LIMIT, "clipboard", "\x06\0\0\0\xff\xff\xff\xf0");
}

static void the_limits_themselves_pass(void **state) {
    struct story s = {0};
    struct buf *b, v = {0};
    let_in(&s, 8, 8);
    b = next(&s, VIEWER);
    RAW(b, "\x02\0\x01\0");
    for (int i = 0; i < 256; i++)
        put32(b, (uint32_t)(i == 255 ? -223 : i));
    b = next(&s, DEVICE);
    device_update(b, 1);
    device_rect(b, 0, 0, 9, 9, -223);
    want_let_in(&v, 8, 8);
    device_update(&v, 1);
    device_rect(&v, 0, 0, 9, 9, -223);
    expect_story(&s, &v, NULL, 0, "");
    buf_free(&v);
}

static void who_is_no_viewer(void **state) {
    static const char *const wrong[] = {"GET / HTTP/1",  "RFB 003.002\n", "RFB 004.008\n",
                                        "RFB 0x3.008\n", "RFB 003.008 ",  "RFB 003-008\n"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct story s = {0};
        buf_put(next(&s, VIEWER), slice_str(wrong[i]));
        expect_story(&s, NULL, NULL, ERR_PROTO, "not an RFB viewer");
    }
    struct story s = {0};
    RAW(next(&s, VIEWER), "RFB 003.008\n");
    device_hello(next(&s, DEVICE), 8, 8);
    RAW(next(&s, VIEWER), "\x02");
    expect_story(&s, NULL, NULL, ERR_PROTO, "type 2, which was not offered");
}

static void expect_device_fails(int err, const char *sentence, bool hello, struct slice bytes) {
    struct story s = {0};
    if (hello)
        let_in(&s, 8, 8);
    buf_put(next(&s, DEVICE), bytes);
    expect_story(&s, NULL, NULL, err, sentence);
}
#define DEVICE_FAILS(err, sentence, hello, bytes) expect_device_fails(err, sentence, hello, SLICE_LIT(bytes))

static void what_firmware_must_not_send(void **state) {
    DEVICE_FAILS(ERR_PROTO, "begins with \"RFB 005.000?\"", false, "RFB 005.000\n");
    DEVICE_FAILS(ERR_REFUSED, "refused KVM: no?", false, "RFB 003.008\n\0\0\0\0\x03no\x1b");
    DEVICE_FAILS(ERR_REFUSED, "no reason", false, "RFB 003.008\n\0\0\0\0\0");
    DEVICE_FAILS(ERR_REFUSED, "wants an RFB password", false, "RFB 003.008\n\x02\x02\x10");
    DEVICE_FAILS(ERR_REFUSED, "refused KVM: bad", false,
                 "RFB 003.008\n\x01\x01\0\0\0\x01\0\0\0\x03"
                 "bad");
    DEVICE_FAILS(ERR_PROTO, "without size", false,
                 "RFB 003.008\n\x01\x01\0\0\0\0\0\0\0\x08................\0\0\0\0");
    DEVICE_FAILS(ERR_LIMIT, "256 bytes; at most 255", false,
                 "RFB 003.008\n\x01\x01\0\0\0\0\0\x08\0\x08................\0\0\x01\0");
    DEVICE_FAILS(ERR_PROTO, "unknown type", true, "\x01");
    DEVICE_FAILS(ERR_LIMIT, "text of 1048577 bytes", true, "\x03\0\0\0\0\x10\0\x01");
    DEVICE_FAILS(ERR_PROTO, "not asked for", true, "\0\0\0\x01\0\0\0\0\0\x01\0\x01\0\0\0\x10");
    DEVICE_FAILS(ERR_PROTO, "outside", true, "\0\0\0\x01\0\x01\0\0\0\x08\0\x01\0\0\0\0");
    DEVICE_FAILS(ERR_PROTO, "outside", true, "\0\0\0\x01\0\0\xff\xff\0\x01\0\x02\0\0\0\0");
    DEVICE_FAILS(ERR_PROTO, "without size", true, "\0\0\0\x01\0\0\0\0\0\0\0\x08\xff\xff\xff\x21");
}

/* --- back-pressure --- */

static void a_viewer_that_does_not_read_stops_the_firmware(void **state) {
    const struct rfb_translate_limits lim = RFB_TRANSLATE_LIMITS_DEFAULT;
    struct story s = {0};
    let_in(&s, 1024, 768);
    viewer_set_format(next(&s, VIEWER), &RFB_888);
    struct rng rng = {1};
    play(&s, SIZE_MAX, &rng);
    struct buf screen = {0};
    device_update(&screen, 1);
    device_rect(&screen, 0, 0, 1024, 768, 0);
    for (int i = 0; i < 1024 * 768; i++)
        put16(&screen, 0xffff);
    struct slice in = buf_slice(&screen);
    assert_int_equal(rfb_translate_input(s.t, RFB_DEVICE, &in), 0);
    assert_true(in.n > 1500000); /* a queue was filled, no more */
    size_t full = rfb_translate_output(s.t, RFB_VIEWER).n, left = in.n;
    assert_in_range(full, lim.queue_bytes - 512, lim.queue_bytes);
    assert_int_equal(rfb_translate_input(s.t, RFB_DEVICE, &in), 0);
    assert_int_equal(in.n, left);
    /* its keys pass all the same */
    struct slice key = SLICE_LIT("\x04\x01\0\0\0\0\xff\x0d");
    assert_int_equal(rfb_translate_input(s.t, RFB_VIEWER, &key), 0);
    assert_int_equal(rfb_translate_output(s.t, RFB_DEVICE).n, 8);
    rfb_translate_sent(s.t, RFB_VIEWER, 8192);
    assert_int_equal(rfb_translate_input(s.t, RFB_DEVICE, &in), 0);
    assert_in_range(left - in.n, 3800, 4096); /* half of what went: pixels of two bytes */
    buf_free(&screen);
    for (size_t i = 0; i < s.n; i++)
        buf_free(&s.stage[i].bytes);
    unplay(&s);
}

static void a_firmware_that_does_not_read_stops_the_viewer(void **state) {
    struct story s = {0};
    let_in(&s, 8, 8);
    struct rng rng = {1};
    play(&s, SIZE_MAX, &rng);
    struct buf keys = {0};
    for (int i = 0; i < 10000; i++)
        RAW(&keys, "\x04\x01\0\0\0\0\xff\x0d");
    struct slice in = buf_slice(&keys);
    assert_int_equal(rfb_translate_input(s.t, RFB_VIEWER, &in), 0);
    assert_in_range(keys.len - in.n, 16384, 16384 + 16);
    buf_free(&keys);
    for (size_t i = 0; i < s.n; i++)
        buf_free(&s.stage[i].bytes);
    unplay(&s);
}

UNIT_MAIN(T(a_picture_in_the_format_of_the_firmware), T(a_picture_in_32_bits),
          T(a_change_of_format_waits_for_the_next_update), T(a_big_screen_comes_in_8_bits),
          T(viewers_of_3_3_and_3_7), T(input_passes_clamped_and_clipboards_do_not), T(requests_are_paced),
          T(a_new_size_is_told), T(a_viewer_that_cannot_follow_the_size_is_told_why),
          T(the_firmware_is_lost_in_the_middle_and_comes_back), T(a_big_hole_is_filled_as_the_viewer_reads),
          T(a_failure_of_the_firmware_goes_with_it), T(a_refusal_in_the_words_of_each_version),
          T(a_late_refusal), T(what_a_viewer_must_not_send), T(the_limits_themselves_pass),
          T(who_is_no_viewer), T(what_firmware_must_not_send),
          T(a_viewer_that_does_not_read_stops_the_firmware),
          T(a_firmware_that_does_not_read_stops_the_viewer))
