/* SPDX-License-Identifier: Apache-2.0 */
/* The firmware: the session, its messages and its time. */
#include "sim/ider_side_int.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

enum { RX_TIMEOUT_MIN_MS = 10000, END_REDIRECTION = 0x12 };

static void sim_ider_set_state(struct sim_ider *s, enum sim_ider_state to) {
    s->state = to;
    s->seen.open = to == SIM_IDER_ST_OPEN || to == SIM_IDER_ST_CLOSING;
    s->seen.drives &= s->seen.open;
    if (to == SIM_IDER_ST_CLOSED || to == SIM_IDER_ST_FAILED)
        s->silent_at = s->beat_at = MONO_NEVER;
}

int sim_ider_fail(struct sim_ider *s, int err, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(s->error, sizeof s->error, fmt, ap);
    va_end(ap);
    s->err = err;
    sim_ider_set_state(s, SIM_IDER_ST_FAILED);
    return err;
}

struct sim_ider *sim_ider_new(const struct sim_ider_config *cfg, struct mono now) {
    assert(cfg->read_buffer && cfg->blocks_per_read && cfg->reads_ahead);
    struct sim_ider *s = calloc(1, sizeof *s);
    if (!s)
        return NULL;
    s->cfg = *cfg;
    s->cut.by = IDER_BY_CLIENT;
    s->silent_at = mono_add_ms(now, RX_TIMEOUT_MIN_MS);
    s->beat_at = MONO_NEVER;
    s->sum = EVP_MD_CTX_new();
    if (!s->sum || !EVP_DigestInit_ex(s->sum, EVP_sha256(), NULL))
        sim_ider_free(&s);
    return s;
}

void sim_ider_free(struct sim_ider **sp) {
    struct sim_ider *s = *sp;
    if (!s)
        return;
    EVP_MD_CTX_free(s->sum);
    ider_cutter_free(&s->cut);
    buf_free(&s->out);
    free(s);
    *sp = NULL;
}

/* --- output --- */

int sim_ider_put(struct sim_ider *s, uint8_t id, uint8_t status, struct slice body) {
    uint8_t mem[64];
    struct wr w = wr_of(mem, sizeof mem);
    ider_put_head(&w, id, 0, &s->seq);
    mem[1] = status;
    wr_bytes(&w, body);
    if (buf_put(&s->out, wr_done(&w)) < 0)
        return sim_ider_fail(s, ERR_NOMEM, "out of memory");
    return 0;
}

struct slice sim_ider_output(const struct sim_ider *s) {
    return buf_slice(&s->out);
}

void sim_ider_sent(struct sim_ider *s, size_t n_bytes) {
    assert(n_bytes <= s->out.len);
    buf_consume(&s->out, n_bytes);
}

/* --- what the host does, and what goes wrong --- */

int sim_ider_reset(struct sim_ider *s) {
    if (s->state != SIM_IDER_ST_OPEN)
        return ERR_STATE;
    if (s->step == SIM_IDER_STEP_RESET)
        return ERR_BUSY;
    s->step = SIM_IDER_STEP_RESET;
    return sim_ider_put(s, IDER_MSG_RESET, 0, SLICE_LIT("\1"));
}

int sim_ider_close(struct sim_ider *s) {
    if (s->state != SIM_IDER_ST_OPEN)
        return ERR_STATE;
    sim_ider_set_state(s, SIM_IDER_ST_CLOSING);
    return sim_ider_put(s, IDER_MSG_CLOSE, 0, SLICE_EMPTY);
}

void sim_ider_skip_sequence(struct sim_ider *s) {
    s->seq++;
}

int sim_ider_report_error(struct sim_ider *s, const uint8_t bytes[3]) {
    if (s->state != SIM_IDER_ST_OPEN)
        return ERR_STATE;
    return sim_ider_put(s, IDER_MSG_ERROR, 0, slice_of(bytes, 3));
}

/* --- the messages of the client --- */

static int on_open(struct sim_ider *s, struct rd *r, uint8_t attr, struct mono now) {
    uint8_t body[IDER_LEN_OPEN_REPLY - IDER_HEAD];
    struct wr w = wr_of(body, sizeof body);
    uint16_t rx_timeout = rd_le16(r);
    rd_le16(r);
    s->heartbeat_ms = rd_le16(r);
    s->rx_timeout_ms = rx_timeout < RX_TIMEOUT_MIN_MS ? RX_TIMEOUT_MIN_MS : rx_timeout;
    if (rd_le32(r) != IDER_VERSION)
        return sim_ider_fail(s, ERR_PROTO, "OPEN of a version that is not %d", IDER_VERSION);
    wr_u8(&w, 1); /* protocol 1.0 */
    wr_u8(&w, 0);
    wr_u8(&w, s->cfg.fw_major);
    wr_u8(&w, s->cfg.fw_minor);
    wr_zero(&w, 4);
    wr_le16(&w, s->cfg.read_buffer);
    wr_le16(&w, 8192); /* write buffer */
    wr_zero(&w, 1 + 1 + 3);
    wr_le32(&w, 343); /* Intel */
    wr_u8(&w, 0);
    sim_ider_set_state(s, s->cfg.open_status ? SIM_IDER_ST_CLOSED : SIM_IDER_ST_OPEN);
    if (s->state == SIM_IDER_ST_OPEN && s->heartbeat_ms)
        s->beat_at = mono_add_ms(now, s->heartbeat_ms);
    return sim_ider_put(s, IDER_MSG_OPEN_REPLY, s->cfg.open_status, wr_done(&w));
}

static int on_features(struct sim_ider *s, struct rd *r, uint8_t attr, struct mono now) {
    uint8_t body[5], op = rd_u8(r);
    uint32_t value = rd_le32(r), answer;
    struct wr w = wr_of(body, sizeof body);
    if (op < IDER_OP_SUPPORTED || op > IDER_OP_SET)
        return sim_ider_fail(s, ERR_PROTO, "FEATURES with operation %u", op);
    answer = op == IDER_OP_STATE ? (s->seen.drives ? 2 : 0) : 1;
    if (op == IDER_OP_SET && s->cfg.refuse_enable) {
        answer = 0;
    } else if (op == IDER_OP_SET) {
        bool at_reset = (value & ~(uint32_t)IDER_ENABLE) == IDER_AT_REBOOT;
        s->drives_at_reset = value & IDER_ENABLE && at_reset;
        s->seen.drives = value & IDER_ENABLE && !at_reset;
    }
    wr_u8(&w, op);
    wr_le32(&w, answer);
    return sim_ider_put(s, IDER_MSG_FEATURES_REPLY, 0, wr_done(&w));
}

static int on_reset_reply(struct sim_ider *s, struct rd *r, uint8_t attr, struct mono now) {
    if (s->step != SIM_IDER_STEP_RESET)
        return sim_ider_fail(s, ERR_PROTO, "RESET_REPLY although nothing was reset");
    s->step = SIM_IDER_STEP_IDLE;
    s->inflight = 0;
    s->seen.resets++;
    s->seen.drives |= s->drives_at_reset;
    s->drives_at_reset = false;
    return 0;
}

static int on_close(struct sim_ider *s, struct rd *r, uint8_t attr, struct mono now) {
    sim_ider_set_state(s, SIM_IDER_ST_CLOSED);
    return sim_ider_put(s, IDER_MSG_CLOSE_REPLY, 0, SLICE_EMPTY);
}

static int on_close_reply(struct sim_ider *s, struct rd *r, uint8_t attr, struct mono now) {
    if (s->state != SIM_IDER_ST_CLOSING)
        return sim_ider_fail(s, ERR_PROTO, "CLOSE_REPLY although nothing was closed");
    sim_ider_set_state(s, SIM_IDER_ST_CLOSED);
    return 0;
}

static int on_ping(struct sim_ider *s, struct rd *r, uint8_t attr, struct mono now) {
    return sim_ider_put(s, IDER_MSG_PONG, 0, SLICE_EMPTY);
}

static int on_sign_of_life(struct sim_ider *s, struct rd *r, uint8_t attr, struct mono now) {
    return 0;
}

#define IN(name) (1u << SIM_IDER_ST_##name)
/* L(NAME, states, handler) */
#define LEGAL_TABLE(L)                                                                                       \
    L(OPEN, IN(START), on_open)                                                                              \
    L(CLOSE, IN(OPEN) | IN(CLOSING), on_close)                                                               \
    L(CLOSE_REPLY, IN(OPEN) | IN(CLOSING), on_close_reply)                                                   \
    L(PING, IN(OPEN) | IN(CLOSING), on_ping)                                                                 \
    L(PONG, IN(OPEN) | IN(CLOSING), on_sign_of_life)                                                         \
    L(HEARTBEAT, IN(OPEN) | IN(CLOSING), on_sign_of_life)                                                    \
    L(FEATURES, IN(OPEN) | IN(CLOSING), on_features)                                                         \
    L(RESET_REPLY, IN(OPEN) | IN(CLOSING), on_reset_reply)                                                   \
    L(COMMAND_END, IN(OPEN) | IN(CLOSING), sim_ider_on_command_end)                                          \
    L(DATA_TO_HOST, IN(OPEN) | IN(CLOSING), sim_ider_on_data)
static const struct rule {
    uint32_t states;
    int (*handler)(struct sim_ider *, struct rd *, uint8_t attr, struct mono);
} RULES[256] = {
#define L(name, states, handler) [IDER_MSG_##name] = {states, handler},
    LEGAL_TABLE(L)
#undef L
};

int sim_ider_input(struct sim_ider *s, struct slice *in, struct mono now) {
    for (;;) {
        struct slice msg = SLICE_EMPTY;
        if (s->state == SIM_IDER_ST_FAILED)
            return s->err;
        if (s->state == SIM_IDER_ST_CLOSED)
            return 1;
        if (in->n && (s->cut.partial_done || s->cut.partial.len == 0) && in->p[0] == END_REDIRECTION) {
            sim_ider_set_state(s, SIM_IDER_ST_CLOSED);
            return 1;
        }
        int r = ider_cut(&s->cut, in, &msg);
        if (r <= 0)
            return r < 0 ? sim_ider_fail(s, r, "%s", s->cut.error) : 0;
        const struct rule *rule = &RULES[msg.p[0]];
        if (!(rule->states & 1u << s->state))
            return sim_ider_fail(s, ERR_PROTO, "%s is not expected now", ider_msg_name(msg.p[0]));
        struct rd body = rd_of(slice_skip(msg, IDER_HEAD));
        r = rule->handler(s, &body, msg.p[3], now);
        if (r < 0)
            return r;
        if (s->seen.open)
            s->silent_at = mono_add_ms(now, s->rx_timeout_ms);
    }
}

struct mono sim_ider_deadline(const struct sim_ider *s) {
    return mono_min(s->silent_at, s->beat_at);
}

int sim_ider_tick(struct sim_ider *s, struct mono now) {
    if (s->state == SIM_IDER_ST_FAILED)
        return s->err;
    if (mono_due(s->silent_at, now))
        return sim_ider_fail(s, ERR_TIMEOUT, "the client is silent");
    if (!mono_due(s->beat_at, now))
        return 0;
    s->beat_at = mono_add_ms(now, s->heartbeat_ms);
    return sim_ider_put(s, IDER_MSG_HEARTBEAT, 0, SLICE_EMPTY);
}

const char *sim_ider_error(const struct sim_ider *s) {
    return s->error;
}

struct sim_ider_report sim_ider_report(const struct sim_ider *s) {
    struct sim_ider_report r = s->seen;
    EVP_MD_CTX *copy = EVP_MD_CTX_new();
    r.busy = s->seen.open && s->step != SIM_IDER_STEP_IDLE;
    if (!copy || !EVP_MD_CTX_copy_ex(copy, s->sum) || !EVP_DigestFinal_ex(copy, r.sha256, NULL))
        memset(r.sha256, 0, sizeof r.sha256);
    EVP_MD_CTX_free(copy);
    return r;
}
