/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/rfb.h"

#include "base/rng.h"
#include "unit.h"

#include <stdlib.h>

enum { ROUNDS = 40 };
static const struct rfb_up_limits LIM = {.cut_text_bytes = 64, .encodings_max = 4};

#define HELLO    SLICE_LIT("RFB 003.008\n\1\1")
#define FORMAT   SLICE_LIT("\0\0\0\0\x10\x10\0\1\0\x1f\0\x3f\0\x1f\x0b\5\0\0\0\0")
#define CODES    SLICE_LIT("\2\0\0\3\0\0\0\x10\0\0\0\0\0\0\4\x44")
#define REQUEST  SLICE_LIT("\3\1\0\0\0\0\4\0\3\0")
#define KEY      SLICE_LIT("\4\1\0\0\0\0\xff\x0d")
#define MOVE     SLICE_LIT("\5\0\1\2\3\4")
#define PRESS    SLICE_LIT("\5\1\1\2\3\5")
#define TEXT     SLICE_LIT("\6\0\0\0\0\0\0\5hello")
#define NO_TEXT  SLICE_LIT("\6\0\0\0\0\0\0\0")
#define COMMAND  SLICE_LIT("\6\0\0\0\0\0\0\x0d\0KvmExtCmd\0\3\0")
#define BARE_CMD SLICE_LIT("\6\0\0\0\0\0\0\x0b\0KvmExtCmd\0")
#define CHANNEL  SLICE_LIT("\6\0\0\0\0\0\0\x10\0KvmDataChannel\0")

static struct buf stream, want;
static void put(struct slice s, bool passes) {
    buf_put(&stream, s);
    if (passes)
        buf_put(&want, s);
}

/* Give it all of stream; the error, and whether a person acted. */
static int feed(struct rfb_up *f, struct rng *rng, size_t piece, struct buf *out, bool *acted) {
    struct slice all = buf_slice(&stream);
    int r = 0;
    *acted = false;
    while (all.n && r == 0) {
        struct slice in = slice_head(all, piece ? piece : (size_t)rng_range(rng, 1, 20));
        uint8_t *copy = malloc(in.n);
        bool now;
        memcpy(copy, in.p, in.n);
        r = rfb_up_input(f, slice_of(copy, in.n), out, &now);
        *acted |= now;
        all = slice_skip(all, in.n);
        free(copy);
    }
    return r;
}

/* However it is cut: what was wanted passes, and it ends so. */
static void passes(bool view_only, int err, const char *words, bool acts) {
    struct rng rng = {5};
    for (int i = 0; i < ROUNDS; i++) {
        struct rfb_up *f = rfb_up_new(view_only, &LIM);
        struct buf out = {0};
        bool acted;
        assert_int_equal(feed(f, &rng, i == 0 ? SIZE_MAX : i == 1 ? 1 : 0, &out, &acted), err);
        assert_string_equal(rfb_up_error(f), words);
        assert_int_equal(acted, acts);
        assert_true(slice_eq(buf_slice(&out), buf_slice(&want)));
        if (err < 0)
            assert_int_equal(rfb_up_input(f, KEY, &out, &acted), err);
        assert_int_equal(rfb_up_between(f), err == 0);
        rfb_up_free(&f);
        assert_null(f);
        buf_free(&out);
    }
    buf_free(&stream);
    buf_free(&want);
}

static void all_messages(void **s) {
    const struct slice all[] = {HELLO,   FORMAT, CODES,   REQUEST, KEY,      MOVE,
                                NO_TEXT, TEXT,   COMMAND, CHANNEL, BARE_CMD, REQUEST};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        put(all[i], true);
    passes(false, 0, "", true);
    put(SLICE_LIT("RFB 003.007\n\1\0"), true);
    put(REQUEST, true);
    put(TEXT, true);
    passes(false, 0, "", false);
    put(HELLO, true);
    put(KEY, true);
    passes(false, 0, "", true);
    put(HELLO, true);
    put(MOVE, true);
    passes(false, 0, "", true);
}

/* Keys, pointer and texts are removed; the picture and its coding stay with the viewer. */
static void a_viewer_that_may_only_look(void **s) {
    put(HELLO, true);
    put(FORMAT, true);
    put(KEY, false);
    put(CODES, true);
    put(PRESS, false);
    put(TEXT, false);
    put(NO_TEXT, false);
    put(CHANNEL, false);
    put(COMMAND, true);
    put(BARE_CMD, true);
    put(KEY, false);
    put(REQUEST, true);
    passes(true, 0, "", false);
}

static void breaches(void **s) {
    put(SLICE_LIT("RFB 003.003\n"), false);
    passes(false, ERR_PROTO, "the viewer does not answer with RFB 3.8 or 3.7: use one that does", false);
    put(SLICE_LIT("GET / HTTP/1.1"), false);
    passes(false, ERR_PROTO, "the viewer does not answer with RFB 3.8 or 3.7: use one that does", false);
    put(SLICE_LIT("RFB 003.008\n"), true);
    put(SLICE_LIT("\2"), false);
    passes(false, ERR_PROTO, "the viewer chose RFB security type 2: only 1 (None) is offered here", false);
    put(HELLO, true);
    put(REQUEST, true);
    put(SLICE_LIT("\7"), false);
    passes(false, ERR_PROTO, "the viewer sent an RFB message of type 7, which the firmware does not know",
           false);
    put(HELLO, true);
    put(KEY, false);
    put(SLICE_LIT("\xff"), false);
    passes(true, ERR_PROTO, "the viewer sent an RFB message of type 255, which the firmware does not know",
           false);
}

static void limits(void **s) {
    static const uint8_t text[64];
    put(HELLO, true);
    put(SLICE_LIT("\6\0\0\0\0\0\0\x40"), true);
    put(slice_of(text, 64), true);
    put(SLICE_LIT("\2\0\0\4"), true);
    put(slice_of(text, 16), true);
    passes(false, 0, "", false);
    put(HELLO, true);
    put(SLICE_LIT("\6\0\0\0\0\0\0\x41"), false);
    passes(false, ERR_LIMIT, "the viewer sends a text of 65 bytes: at most 64 are taken", false);
    put(HELLO, true);
    put(SLICE_LIT("\6\0\0\0\xff\xff\xff\xff"), false);
    passes(true, ERR_LIMIT, "the viewer sends a text of 4294967295 bytes: at most 64 are taken", false);
    put(HELLO, true);
    put(SLICE_LIT("\2\0\0\5"), false);
    passes(false, ERR_LIMIT, "the viewer names 5 encodings: at most 4 are taken", false);
}

static void a_nudge(void **s) {
    struct rfb_up *f = rfb_up_new(false, &LIM);
    struct buf out = {0};
    bool acted;
    assert_int_equal(rfb_up_nudge(f, &out), ERR_STATE); /* in the handshake */
    assert_int_equal(rfb_up_input(f, HELLO, &out, &acted), 0);
    buf_free(&out);
    assert_int_equal(rfb_up_nudge(f, &out), 0);
    assert_true(slice_eq(buf_slice(&out), SLICE_LIT("\5\0\0\0\0\0")));
    assert_int_equal(rfb_up_input(f, MOVE, &out, &acted), 0);
    buf_free(&out);
    assert_int_equal(rfb_up_nudge(f, &out), 0);
    assert_true(slice_eq(buf_slice(&out), MOVE));
    assert_int_equal(rfb_up_input(f, slice_head(TEXT, 10), &out, &acted), 0); /* inside a message */
    assert_int_equal(rfb_up_nudge(f, &out), ERR_STATE);
    assert_int_equal(rfb_up_input(f, slice_skip(TEXT, 10), &out, &acted), 0);
    assert_int_equal(rfb_up_input(f, slice_head(KEY, 1), &out, &acted), 0);
    assert_int_equal(rfb_up_nudge(f, &out), ERR_STATE);
    assert_int_equal(rfb_up_input(f, slice_skip(KEY, 1), &out, &acted), 0);
    assert_int_equal(rfb_up_input(f, PRESS, &out, &acted), 0);
    assert_int_equal(rfb_up_nudge(f, &out), ERR_STATE); /* a button is held */
    assert_int_equal(rfb_up_input(f, MOVE, &out, &acted), 0);
    assert_int_equal(rfb_up_nudge(f, &out), 0);
    rfb_up_free(&f);
    f = rfb_up_new(true, &LIM); /* what was removed is not repeated */
    assert_int_equal(rfb_up_input(f, HELLO, &out, &acted), 0);
    assert_int_equal(rfb_up_input(f, PRESS, &out, &acted), 0);
    buf_free(&out);
    assert_int_equal(rfb_up_nudge(f, &out), 0);
    assert_true(slice_eq(buf_slice(&out), SLICE_LIT("\5\0\0\0\0\0")));
    rfb_up_free(&f);
    rfb_up_free(&f);
    buf_free(&out);
}

UNIT_MAIN(T(all_messages), T(a_viewer_that_may_only_look), T(breaches), T(limits), T(a_nudge))
