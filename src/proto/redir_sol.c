/* SPDX-License-Identifier: Apache-2.0 */
/* Serial over LAN. Reference 1.4.
 *
 * The number in 0x2B: one client of Intel's puts the bytes received since its last 0x2B there and says that
 * the firmware stalls without; all others put a running number and do not stall. We put the bytes: firmware
 * that counts gets its count, firmware that takes any number takes this one. */
#include "proto/redir_int.h"

enum {
    SOL_ACK_BYTES = 4096, /* a 0x2B at least so often: firmware may stop after 10000 without one */
    SOL_MSG_MAX = 24,
};

/* Id, three zeros, and the number. */
static struct wr begin(uint8_t mem[SOL_MSG_MAX], uint8_t id, uint32_t number) {
    struct wr w = wr_of(mem, SOL_MSG_MAX);
    wr_u8(&w, id);
    wr_zero(&w, 3);
    wr_le32(&w, number);
    return w;
}

/* A device that does not read gets no answers: output is bounded by what redir_send() may queue. */
static bool is_stuck(const struct redir *r) {
    return r->out.len >= r->lim.queue_bytes;
}

static void sent_something(struct redir *r, struct mono now) {
    r->due = mono_add_ms(now, r->lim.sol_alive_ms);
}

static int put_heartbeat(struct redir *r, struct mono now) {
    uint8_t mem[SOL_MSG_MAX];
    sent_something(r, now);
    if (is_stuck(r))
        return 0;
    struct wr w = begin(mem, REDIR_MSG_SOL_HEARTBEAT, r->unacked);
    int err = redir_put(r, &w);
    if (err < 0)
        return err;
    r->unacked = 0;
    r->answer_after = mono_add_ms(now, r->lim.sol_alive_ms / 2);
    return 0;
}

int redir_sol_acknowledge(struct redir *r, struct mono now) {
    return r->unacked && r->payload == 0 ? put_heartbeat(r, now) : 0;
}

int redir_sol_tick(struct redir *r, struct mono now) {
    return put_heartbeat(r, now);
}

int redir_sol_open(struct redir *r) {
    /* max tx buffer; tx, tx overflow, rx and rx flush timeouts in ms; heartbeats of the device: none */
    static const uint16_t settings[] = {10000, 100, 0, 10000, 100, 0};
    uint8_t mem[SOL_MSG_MAX];
    struct wr w = begin(mem, REDIR_MSG_SOL_START, r->seq++);
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++)
        wr_le16(&w, settings[i]);
    wr_le32(&w, 0);
    return redir_put(r, &w);
}

int redir_on_sol_start(struct redir *r, struct slice msg, struct mono now, struct redir_ev *ev) {
    if (msg.p[1] != 0)
        return redir_fail(r, REDIR_FAIL_DEVICE, "status %u to the opening of SOL", msg.p[1]);
    uint8_t mem[SOL_MSG_MAX];
    struct wr w = begin(mem, REDIR_MSG_SOL_CONTROLS, r->seq++);
    wr_bytes(&w, SLICE_LIT("\0\0\x1b\0\0\0")); /* its meaning is not known; the common clients send it once */
    int err = redir_put(r, &w);
    if (err < 0)
        return err;
    redir_set_state(r, REDIR_ST_OPEN, now);
    sent_something(r, now);
    *ev = (struct redir_ev){.kind = REDIR_EV_OPEN};
    return 1;
}

int redir_on_sol_data(struct redir *r, struct slice msg, struct mono now, struct redir_ev *ev) {
    struct rd rd = rd_of(slice_skip(msg, 8));
    r->payload = rd_le16(&rd);
    return 0;
}

int redir_sol_payload(struct redir *r, struct slice *in, struct mono now, struct redir_ev *ev) {
    struct slice piece = slice_head(*in, r->payload);
    *in = slice_skip(*in, piece.n);
    r->payload -= (uint32_t)piece.n;
    r->unacked += (uint32_t)piece.n;
    int err = r->unacked >= SOL_ACK_BYTES ? put_heartbeat(r, now) : 0;
    if (err < 0)
        return err;
    *ev = (struct redir_ev){.kind = REDIR_EV_DATA, .data = piece};
    return 1;
}

int redir_on_sol_controls(struct redir *r, struct slice msg, struct mono now, struct redir_ev *ev) {
    uint8_t status = msg.p[9];
    *ev = (struct redir_ev){.kind = REDIR_EV_POWER,
                            .host_on = status & REDIR_SOL_POWER,
                            .overflow = status & REDIR_SOL_TX_OVERFLOW};
    return 1;
}

/* Answered, but for one that came right after ours: it may be an answer itself, and two that answer each
 * other would not end. */
int redir_on_sol_heartbeat(struct redir *r, struct slice msg, struct mono now, struct redir_ev *ev) {
    return mono_due(r->answer_after, now) ? put_heartbeat(r, now) : 0;
}

int redir_on_sol_ping(struct redir *r, struct slice msg, struct mono now, struct redir_ev *ev) {
    uint8_t mem[SOL_MSG_MAX];
    struct wr w = wr_of(mem, sizeof mem);
    wr_bytes(&w, msg); /* as it is */
    return is_stuck(r) ? 0 : redir_put(r, &w);
}

int redir_on_sol_pong(struct redir *r, struct slice msg, struct mono now, struct redir_ev *ev) {
    return 0;
}

int redir_on_sol_end(struct redir *r, struct slice msg, struct mono now, struct redir_ev *ev) {
    redir_set_state(r, REDIR_ST_ENDED, now);
    *ev = (struct redir_ev){.kind = REDIR_EV_ENDED};
    return 1;
}

/* --- to the host --- */

enum { DATA_HEAD = 10 };

size_t redir_sol_room(const struct redir *r, size_t left) {
    size_t chunk = r->lim.sol_chunk_bytes, whole = left / (DATA_HEAD + chunk),
           rest = left % (DATA_HEAD + chunk);
    return whole * chunk + (rest > DATA_HEAD ? rest - DATA_HEAD : 0);
}

int redir_sol_send(struct redir *r, struct slice data, struct mono now) {
    while (data.n) {
        uint8_t mem[SOL_MSG_MAX];
        struct slice chunk = slice_head(data, r->lim.sol_chunk_bytes);
        struct wr w = begin(mem, REDIR_MSG_SOL_TO_HOST, r->seq++);
        wr_le16(&w, (uint16_t)chunk.n);
        int err = redir_put(r, &w);
        if (err == 0 && buf_put(&r->out, chunk) < 0)
            err = redir_fail(r, REDIR_FAIL_NOMEM, NULL);
        if (err < 0)
            return err;
        data = slice_skip(data, chunk.n);
    }
    return 0;
}

int redir_sol_close(struct redir *r) {
    uint8_t mem[SOL_MSG_MAX];
    struct wr w = begin(mem, REDIR_MSG_SOL_END, r->seq++);
    return redir_put(r, &w);
}
