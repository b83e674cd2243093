/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/rfb.h"

#include "base/rd.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

/* After its channel's name a text of Intel's: commands of the picture's coding. A viewer that may only look
 * may send them; all other texts reach the host's software, or its clipboard. */
#define EXT_COMMAND "\0KvmExtCmd\0"
enum { EXT_COMMAND_BYTES = sizeof EXT_COMMAND - 1, HEAD_MAX = 20 };

/* What comes next of a viewer: the first three once and in this order, then messages. Reference 2.1, 2.4.
 * P(NAME, id, bytes of its head, handler) */
#define RFB_PART_TABLE(P)                                                                                    \
    P(VERSION, -1, 12, on_version)                                                                           \
    P(SECURITY, -1, 1, on_security)                                                                          \
    P(CLIENT_INIT, -1, 1, on_client_init)                                                                    \
    P(SET_PIXEL_FORMAT, 0, 20, on_other)                                                                     \
    P(SET_ENCODINGS, 2, 4, on_encodings)                                                                     \
    P(UPDATE_REQUEST, 3, 10, on_other)                                                                       \
    P(KEY, 4, 8, on_key)                                                                                     \
    P(POINTER, 5, 6, on_pointer)                                                                             \
    P(CUT_TEXT, 6, 8, on_cut_text)
enum part {
#define P(name, ...) PART_##name,
    RFB_PART_TABLE(P)
#undef P
        PART_COUNT,
    PART_NONE = PART_COUNT /* between two messages */
};

struct rfb_up {
    enum part part;
    bool view_only, drop; /* drop: the message that is coming in is not passed on */
    struct rfb_up_limits lim;
    int err;
    char error[160];
    uint8_t head[HEAD_MAX];
    uint8_t n, want; /* of the head */
    uint32_t left;   /* of the message after its head */
    uint8_t buttons; /* the last pointer event that was passed on */
    uint16_t x, y;
};

static int PRINTF_LIKE(3, 4) fail(struct rfb_up *f, int err, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(f->error, sizeof f->error, fmt, ap);
    va_end(ap);
    return f->err = err;
}

/* --- the head of a part is whole --- */

static int on_version(struct rfb_up *f, bool *acted) {
    struct slice version = slice_of(f->head, 12);
    /* 3.3 has no choice of security, and nobody outside knows what a viewer of 4.0 says */
    if (!slice_is(version, "RFB 003.008\n") && !slice_is(version, "RFB 003.007\n"))
        return fail(f, ERR_PROTO, "the viewer does not answer with RFB 3.8 or 3.7: use one that does");
    return 0;
}

static int on_security(struct rfb_up *f, bool *acted) {
    if (f->head[0] != 1)
        return fail(f, ERR_PROTO, "the viewer chose RFB security type %u: only 1 (None) is offered here",
                    f->head[0]);
    return 0;
}

static int on_client_init(struct rfb_up *f, bool *acted) {
    return 0;
}
static int on_other(struct rfb_up *f, bool *acted) {
    return 0;
}

static int on_encodings(struct rfb_up *f, bool *acted) {
    struct rd r = rd_of(slice_of(f->head + 2, 2));
    uint16_t n = rd_be16(&r);
    if (n > f->lim.encodings_max)
        return fail(f, ERR_LIMIT, "the viewer names %u encodings: at most %u are taken", n,
                    f->lim.encodings_max);
    f->left = 4u * n;
    return 0;
}

static int on_key(struct rfb_up *f, bool *acted) {
    f->drop = f->view_only;
    *acted |= !f->drop;
    return 0;
}

static int on_pointer(struct rfb_up *f, bool *acted) {
    struct rd r = rd_of(slice_of(f->head + 1, 5));
    f->drop = f->view_only;
    *acted |= !f->drop;
    if (f->drop)
        return 0;
    f->buttons = rd_u8(&r);
    f->x = rd_be16(&r);
    f->y = rd_be16(&r);
    return 0;
}

/* Comes twice when the viewer may only look: for the length, and with the name of the channel. */
static int on_cut_text(struct rfb_up *f, bool *acted) {
    struct rd r = rd_of(slice_of(f->head + 4, 4));
    uint32_t n = rd_be32(&r);
    if (n > f->lim.cut_text_bytes)
        return fail(f, ERR_LIMIT, "the viewer sends a text of %u bytes: at most %u are taken", n,
                    f->lim.cut_text_bytes);
    if (f->view_only && f->want == 8 && n >= EXT_COMMAND_BYTES) {
        f->want = 8 + EXT_COMMAND_BYTES;
        return 0;
    }
    f->left = n - (f->want - 8u);
    f->drop = f->view_only &&
              !slice_eq(slice_of(f->head + 8, f->want - 8u), slice_of(EXT_COMMAND, EXT_COMMAND_BYTES));
    return 0;
}

static const struct rule {
    int id;
    uint8_t head;
    int (*handle)(struct rfb_up *f, bool *acted);
} RULES[] = {
#define P(name, id, head, handler) {id, head, handler},
    RFB_PART_TABLE(P)
#undef P
};

static void begin(struct rfb_up *f, enum part part) {
    f->part = part;
    f->n = 0;
    f->want = part == PART_NONE ? 1 : RULES[part].head;
    f->drop = false;
}

/* The first byte of a message says which. */
static int begin_message(struct rfb_up *f, uint8_t id) {
    for (int i = 0; i < PART_COUNT; i++)
        if (RULES[i].id == id) {
            begin(f, (enum part)i);
            return 0;
        }
    return fail(f, ERR_PROTO, "the viewer sent an RFB message of type %u, which the firmware does not know",
                id);
}

/* What is whole goes on, unless it is dropped. */
static int pass(struct rfb_up *f, struct slice s, struct buf *out) {
    if (f->drop)
        return 0;
    return buf_put(out, s) < 0 ? fail(f, ERR_NOMEM, "out of memory") : 0;
}

static void end_part(struct rfb_up *f) {
    begin(f, f->part < PART_CLIENT_INIT ? (enum part)(f->part + 1) : PART_NONE);
}

static int take_head(struct rfb_up *f, struct slice *in, struct buf *out, bool *acted) {
    struct slice piece = slice_head(*in, (size_t)f->want - f->n);
    assert(f->n + piece.n <= sizeof f->head);
    memcpy(f->head + f->n, piece.p, piece.n);
    f->n = (uint8_t)(f->n + piece.n);
    *in = slice_skip(*in, piece.n);
    if (f->n < f->want)
        return 0;
    int r = RULES[f->part].handle(f, acted);
    if (r < 0 || f->n < f->want)
        return r;
    r = pass(f, slice_of(f->head, f->n), out);
    if (r == 0 && f->left == 0)
        end_part(f);
    return r;
}

static int take_rest(struct rfb_up *f, struct slice *in, struct buf *out) {
    struct slice piece = slice_head(*in, f->left);
    *in = slice_skip(*in, piece.n);
    f->left -= (uint32_t)piece.n;
    int r = pass(f, piece, out);
    if (r == 0 && f->left == 0)
        end_part(f);
    return r;
}

int rfb_up_input(struct rfb_up *f, struct slice in, struct buf *out, bool *acted) {
    int r = f->err;
    *acted = false;
    while (r == 0 && in.n) {
        if (f->left)
            r = take_rest(f, &in, out);
        else if (f->part == PART_NONE)
            r = begin_message(f, in.p[0]);
        else
            r = take_head(f, &in, out, acted);
    }
    return r;
}

bool rfb_up_between(const struct rfb_up *f) {
    return f->part == PART_NONE && f->err == 0;
}

int rfb_up_nudge(const struct rfb_up *f, struct buf *out) {
    uint8_t mem[6];
    struct wr w = wr_of(mem, sizeof mem);
    if (!rfb_up_between(f) || f->buttons)
        return ERR_STATE;
    wr_u8(&w, (uint8_t)RULES[PART_POINTER].id);
    wr_u8(&w, f->buttons);
    wr_be16(&w, f->x);
    wr_be16(&w, f->y);
    return buf_put(out, wr_done(&w));
}

const char *rfb_up_error(const struct rfb_up *f) {
    return f->error;
}

struct rfb_up *rfb_up_new(bool view_only, const struct rfb_up_limits *lim) {
    struct rfb_up *f = calloc(1, sizeof *f);
    if (!f)
        return NULL;
    f->view_only = view_only;
    f->lim = *lim;
    begin(f, PART_VERSION);
    return f;
}

void rfb_up_free(struct rfb_up **f) {
    free(*f);
    *f = NULL;
}
