/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/ider_wire.h"

#include <stdio.h>

static const struct ider_msg {
    const char *name;
    uint8_t bytes, by, tail_at, tail_width;
} MSGS[256] = {
#define M(name, id, bytes, by, tail_at, tail_width) [id] = {#name, bytes, by, tail_at, tail_width},
    IDER_MSG_TABLE(M)
#undef M
};

const char *ider_msg_name(uint8_t id) {
    return MSGS[id].name;
}

/* Bytes that the message at the start of have has, as far as have tells. */
static size_t measure(struct slice have) {
    const struct ider_msg *m = &MSGS[have.p[0]];
    if (!m->tail_width || have.n < m->bytes)
        return m->bytes;
    struct rd r = rd_of(slice_skip(have, m->tail_at));
    return m->bytes + (m->tail_width == 2 ? rd_le16(&r) : (size_t)rd_u8(&r));
}

static int check_id(struct ider_cutter *c, uint8_t id) {
    if (MSGS[id].by & c->by)
        return 0;
    /* the length is implied by the id: there is no way to resynchronise */
    if (MSGS[id].name)
        snprintf(c->error, sizeof c->error, "IDE-R message 0x%02x (%s) came from the wrong side", id,
                 MSGS[id].name);
    else
        snprintf(c->error, sizeof c->error, "there is no IDE-R message 0x%02x", id);
    return ERR_PROTO;
}

static int check_seq(struct ider_cutter *c, struct slice msg) {
    struct rd r = rd_of(slice_skip(msg, 4));
    uint32_t seq = rd_le32(&r);
    if (seq == c->seq) {
        c->seq++;
        return 1;
    }
    snprintf(c->error, sizeof c->error, "IDE-R message 0x%02x has sequence number %u where %u was due",
             msg.p[0], seq, c->seq);
    return ERR_PROTO;
}

int ider_cut(struct ider_cutter *c, struct slice *in, struct slice *msg) {
    if (c->partial_done)
        buf_free(&c->partial);
    c->partial_done = false;
    while (in->n) {
        struct slice have = c->partial.len ? buf_slice(&c->partial) : *in;
        if (c->partial.len == 0 && check_id(c, have.p[0]) < 0)
            return ERR_PROTO;
        size_t need = measure(have);
        if (c->partial.len == 0 && in->n >= need) {
            *msg = slice_head(*in, need);
            *in = slice_skip(*in, need);
            return check_seq(c, *msg);
        }
        struct slice piece = slice_head(*in, need - c->partial.len);
        if (buf_put(&c->partial, piece) < 0) {
            snprintf(c->error, sizeof c->error, "out of memory");
            return ERR_NOMEM;
        }
        *in = slice_skip(*in, piece.n);
        have = buf_slice(&c->partial);
        if (have.n == measure(have)) {
            c->partial_done = true;
            *msg = have;
            return check_seq(c, have);
        }
    }
    return 0;
}

void ider_cutter_free(struct ider_cutter *c) {
    buf_free(&c->partial);
}

void ider_put_head(struct wr *w, uint8_t id, uint8_t attr, uint32_t *seq) {
    wr_u8(w, id);
    wr_zero(w, 2);
    wr_u8(w, attr);
    wr_le32(w, (*seq)++);
}
