/* SPDX-License-Identifier: Apache-2.0 */
/* ider_testing: the firmware's side of an IDE-R session written by hand, for the tests of the client. What it
 * says is gathered, and given to the client in pieces; what the client says is cut and counted. */
#pragma once

#include "base/rng.h"
#include "proto/ider.h"
#include "proto/ider_wire.h"
#include "unit.h"

#include <stdlib.h>

enum { IDER_LOG = 64, PIECE_WHOLE = 0, PIECE_RANDOM = -1 };

struct rig {
    struct ider *i;
    struct mono now;
    struct buf says;    /* of the firmware, not given yet */
    uint32_t seq;       /* of its next message */
    struct buf answers; /* of the client */
    struct ider_cutter cut;
    int piece; /* bytes a call, or a PIECE_* */
    struct rng rng;
    bool slow, unreadable; /* READ: not answered; answered with ider_read_failed() */
    struct ider_ev log[IDER_LOG];
    size_t nlog;
    int err; /* of the last ider_input() */
};

/* What the image has at an offset. */
static inline uint8_t image_at(enum ider_drive d, uint64_t offset) {
    return (uint8_t)(offset * 31 + (offset >> 9) * 7 + (uint64_t)d);
}

static inline struct rig rig_of(uint32_t floppy_blocks, uint32_t cd_blocks, int piece) {
    struct rig r = {.piece = piece, .rng = {(uint64_t)cd_blocks + 1}, .cut.by = IDER_BY_CLIENT};
    struct ider_config cfg = {.media = {{floppy_blocks > 0, floppy_blocks}, {cd_blocks > 0, cd_blocks}},
                              .when = IDER_NOW};
    r.i = ider_new(&cfg, r.now);
    assert_non_null(r.i);
    return r;
}

static inline void rig_free(struct rig *r) {
    ider_free(&r->i);
    assert_null(r->i);
    buf_free(&r->says);
    buf_free(&r->answers);
    ider_cutter_free(&r->cut);
}

/* The firmware says: id, byte 1, and what follows the head. */
static inline void say(struct rig *r, uint8_t id, uint8_t status, struct slice body) {
    uint8_t head[IDER_HEAD];
    struct wr w = wr_of(head, sizeof head);
    ider_put_head(&w, id, 0, &r->seq);
    head[1] = status;
    assert_int_equal(buf_put(&r->says, wr_done(&w)), 0);
    assert_int_equal(buf_put(&r->says, body), 0);
}

static inline void say_open(struct rig *r, uint16_t read_buffer) {
    uint8_t body[24] = {1,
                        0,
                        15,
                        0,
                        [8] = (uint8_t)read_buffer,
                        (uint8_t)(read_buffer >> 8),
                        0,
                        32,
                        [17] = 0x57,
                        1,
                        0,
                        0,
                        [21] = 2,
                        0xaa,
                        0xbb};
    say(r, IDER_MSG_OPEN_REPLY, 0, slice_of(body, sizeof body));
}

static inline void say_features(struct rig *r, uint8_t op, uint8_t value) {
    uint8_t body[5] = {op, value};
    say(r, IDER_MSG_FEATURES_REPLY, 0, slice_of(body, sizeof body));
}

static inline void say_ata(struct rig *r, uint8_t ata, enum ider_drive d, bool dma, const uint8_t *cdb) {
    uint8_t body[20] = {0, dma ? 1 : 0, [6] = d == IDER_CD ? 0xb0 : 0xa0, ata};
    memcpy(body + 8, cdb, IDER_CDB);
    say(r, IDER_MSG_COMMAND, 0, slice_of(body, sizeof body));
}
#define say_command(r, d, dma, ...) say_ata(r, 0xa0, d, dma, (const uint8_t[IDER_CDB]){__VA_ARGS__})

static inline void rig_gather(struct rig *r) {
    struct slice out = ider_output(r->i);
    assert_int_equal(buf_put(&r->answers, out), 0);
    ider_sent(r->i, out.n);
}

static inline int rig_answer_read(struct rig *r, const struct ider_ev *ev) {
    if (r->unreadable)
        return ider_read_failed(r->i);
    uint8_t bytes[IDER_CHUNK_MAX];
    assert_in_range(ev->n, 1, sizeof bytes);
    for (uint32_t n = 0; n < ev->n; n++)
        bytes[n] = image_at(ev->drive, ev->offset + n);
    return ider_data(r->i, slice_of(bytes, ev->n));
}

/* One piece, copied to the heap so that reading beyond it shows; all events that come of it. */
static inline void rig_give(struct rig *r, struct slice piece) {
    uint8_t *copy = malloc(piece.n ? piece.n : 1);
    assert_non_null(copy);
    if (piece.n)
        memcpy(copy, piece.p, piece.n);
    struct slice in = slice_of(copy, piece.n);
    struct ider_ev ev;
    while ((r->err = ider_input(r->i, &in, r->now, &ev)) == 1) {
        r->log[r->nlog++ % IDER_LOG] = ev;
        if (ev.kind == IDER_EV_READ && !r->slow)
            assert_int_equal(rig_answer_read(r, &ev), 0);
        rig_gather(r);
    }
    if (r->err == 0)
        assert_int_equal(in.n, 0);
    free(copy);
    rig_gather(r);
}

/* All that was said. */
static inline void rig_run(struct rig *r) {
    struct slice all = buf_slice(&r->says);
    if (all.n == 0)
        rig_give(r, SLICE_EMPTY);
    while (all.n) {
        size_t n = r->piece == PIECE_WHOLE ? all.n : (size_t)r->piece;
        if (r->piece == PIECE_RANDOM)
            n = (size_t)rng_range(&r->rng, 1, 40);
        rig_give(r, slice_head(all, n));
        all = slice_skip(all, n);
    }
    buf_free(&r->says);
}

/* The next message of the client must be these bytes; its sequence number is checked and set to zero before.
 */
static inline void must_answer(struct rig *r, const void *bytes, size_t n, const char *what) {
    struct slice in = buf_slice(&r->answers), msg = SLICE_EMPTY;
    size_t had = in.n;
    uint8_t copy[IDER_LEN_DATA_TO_HOST + IDER_CHUNK_MAX];
    if (ider_cut(&r->cut, &in, &msg) != 1)
        fail_msg("%s: no message: %s", what, r->cut.error);
    assert_in_range(msg.n, 1, sizeof copy);
    memcpy(copy, msg.p, msg.n);
    memset(copy + 4, 0, 4);
    buf_consume(&r->answers, had - in.n);
    for (size_t at = 0; at < n && at < msg.n; at++)
        if (copy[at] != ((const uint8_t *)bytes)[at])
            fail_msg("%s: byte %zu of 0x%02x is %02x, not %02x", what, at, copy[0], copy[at],
                     ((const uint8_t *)bytes)[at]);
    if (msg.n != n)
        fail_msg("%s: 0x%02x has %zu bytes, not %zu", what, copy[0], msg.n, n);
}
#define MUST_ANSWER(r, ...)                                                                                  \
    must_answer(r, (const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}), __func__)

static inline void must_be_silent(struct rig *r) {
    assert_int_equal(r->answers.len, 0);
}

/* Opened and enabled, nothing left to look at. */
static inline void rig_open(struct rig *r, uint16_t read_buffer) {
    say_open(r, read_buffer);
    say_features(r, IDER_OP_SET, 1);
    rig_gather(r);
    rig_run(r);
    assert_int_equal(r->err, 0);
    MUST_ANSWER(r, 0x40, 0, 0, 0, 0, 0, 0, 0, 0x30, 0x75, 0, 0, 0x20, 0x4e, 1, 0, 0, 0);
    MUST_ANSWER(r, 0x48, 0, 0, 0, 0, 0, 0, 0, 3, 0x19, 0, 0, 0);
    must_be_silent(r);
    assert_int_equal(r->nlog, 2);
    r->nlog = 0;
}

/* The three ways in which a stream is given. */
static const int PIECES[] = {PIECE_WHOLE, 1, 2, 7, PIECE_RANDOM};
#define EACH_PIECE(p) (const int *p = PIECES; p < PIECES + sizeof PIECES / sizeof *PIECES; p++)
