/* SPDX-License-Identifier: Apache-2.0 */
/* The session side of the IDE-R client: states, the messages of both sides, time. */
#include "proto/ider_int.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    ANSWER_MS = 15000,     /* to 0x40 and to 0x48 */
    SILENT_BEATS_MAX = 3,  /* heartbeat intervals without a message; the last one is spent on a ping */
    READ_BUFFER_MIN = 512, /* the longest answer that is no read fits in there, and a floppy's block */
};
static_assert(READ_BUFFER_MIN >= (int)IDER_ANSWER_CAP, "an answer is one 0x54");

static const char *const STATE_TEXT[] = {
#define S(name, text) text,
    IDER_STATE_TABLE(S)
#undef S
};

static void ider_set_state(struct ider *i, enum ider_state to) {
    i->state = to;
    if (to == IDER_ST_RUNNING || to == IDER_ST_CLOSED || to == IDER_ST_FAILED)
        i->answer_by = MONO_NEVER;
    if (to == IDER_ST_CLOSED || to == IDER_ST_FAILED)
        i->beat_at = MONO_NEVER;
}

static bool alive(const struct ider *i) {
    return i->state != IDER_ST_CLOSED && i->state != IDER_ST_FAILED;
}

int ider_fail(struct ider *i, int err, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(i->error, sizeof i->error, fmt, ap);
    va_end(ap);
    i->err = err;
    ider_set_state(i, IDER_ST_FAILED);
    return err;
}

/* --- output --- */

int ider_begin(struct ider *i, struct wr *w, uint8_t id, uint8_t attr, size_t n) {
    if (i->out.len + n > IDER_OUTPUT_MAX)
        return ider_fail(i, ERR_LIMIT, "the firmware does not read: %zu bytes wait for it", i->out.len);
    uint8_t *p = buf_room(&i->out, n);
    if (!p)
        return ider_fail(i, ERR_NOMEM, "out of memory");
    *w = wr_of(p, n);
    ider_put_head(w, id, attr, &i->seq);
    return 0;
}

int ider_finish(struct ider *i, const struct wr *w) {
    assert(!w->bad && w->p == w->end);
    buf_commit(&i->out, (size_t)(w->p - w->start));
    return 0;
}

/* A message that is nothing but its head. */
static int put_bare(struct ider *i, uint8_t id) {
    struct wr w;
    int r = ider_begin(i, &w, id, 0, IDER_HEAD);
    return r < 0 ? r : ider_finish(i, &w);
}

static int put_open(struct ider *i) {
    struct wr w;
    int r = ider_begin(i, &w, IDER_MSG_OPEN, 0, IDER_LEN_OPEN);
    if (r < 0)
        return r;
    wr_le16(&w, IDER_RX_TIMEOUT_MS);
    wr_le16(&w, 0); /* tx timeout */
    wr_le16(&w, IDER_HEARTBEAT_MS);
    wr_le32(&w, IDER_VERSION);
    return ider_finish(i, &w);
}

static int put_enable(struct ider *i) {
    static const uint8_t bits[] = {
        [IDER_NOW] = IDER_AT_ONCE, [IDER_GRACEFUL] = IDER_AT_GRACEFUL, [IDER_ON_REBOOT] = IDER_AT_REBOOT};
    struct wr w;
    int r = ider_begin(i, &w, IDER_MSG_FEATURES, 0, IDER_LEN_FEATURES);
    if (r < 0)
        return r;
    wr_u8(&w, IDER_OP_SET);
    wr_le32(&w, IDER_ENABLE | bits[i->when]);
    return ider_finish(i, &w);
}

struct slice ider_output(const struct ider *i) {
    return buf_slice(&i->out);
}

void ider_sent(struct ider *i, size_t n_bytes) {
    assert(n_bytes <= i->out.len);
    buf_consume(&i->out, n_bytes);
}

/* --- the messages of the device --- */

static int event(struct ider_ev *ev, enum ider_ev_kind kind) {
    ev->kind = kind;
    return 1;
}

static int on_open_reply(struct ider *i, struct slice msg, struct mono now, struct ider_ev *ev) {
    struct rd r = rd_of(msg);
    rd_u8(&r);
    uint8_t status = rd_u8(&r);
    rd_take(&r, 6 + 2 + 2 + 4); /* up to the session's and the firmware's versions, and four unknown bytes */
    uint32_t read_buffer = rd_le16(&r);
    rd_take(&r, 2 + 1);
    uint8_t protocol = rd_u8(&r);
    if (status)
        return ider_fail(
            i, ERR_REFUSED,
            "the firmware refused the IDE-R session (status %u): is IDE-R enabled, and consent given?",
            status);
    if (protocol)
        return ider_fail(i, ERR_PROTO, "the firmware speaks redirection protocol %u, not 0 (IDE)", protocol);
    if (read_buffer < READ_BUFFER_MIN)
        return ider_fail(i, ERR_PROTO, "the firmware's read buffer has %u bytes, at least %d are needed",
                         read_buffer, READ_BUFFER_MIN);
    /* whole blocks of a floppy: a PIO transfer moves an even number of bytes */
    read_buffer -= read_buffer % IDER_FLOPPY_BLOCK;
    i->chunk_bytes = read_buffer < IDER_CHUNK_MAX ? read_buffer : IDER_CHUNK_MAX;
    i->answer_by = mono_add_ms(now, ANSWER_MS);
    i->beat_at = mono_add_ms(now, IDER_HEARTBEAT_MS);
    ider_set_state(i, IDER_ST_ENABLING);
    int err = put_enable(i);
    return err < 0 ? err : event(ev, IDER_EV_OPENED);
}

static int on_features_reply(struct ider *i, struct slice msg, struct mono now, struct ider_ev *ev) {
    struct rd r = rd_of(slice_skip(msg, IDER_HEAD));
    uint8_t op = rd_u8(&r);
    uint32_t value = rd_le32(&r);
    if (op != IDER_OP_SET)
        return ider_fail(i, ERR_PROTO, "the firmware answers operation %u of FEATURES, which was not asked",
                         op);
    if (value != 1)
        return ider_fail(i, ERR_REFUSED,
                         "the firmware did not enable the drives (value %u): is IDE-R enabled?", value);
    ider_set_state(i, IDER_ST_RUNNING);
    return event(ev, IDER_EV_ENABLED);
}

static int on_command(struct ider *i, struct slice msg, struct mono now, struct ider_ev *ev) {
    return ider_work_add(i, msg);
}

static int on_reset(struct ider *i, struct slice msg, struct mono now, struct ider_ev *ev) {
    ider_work_drop(i);
    int r = put_bare(i, IDER_MSG_RESET_REPLY);
    return r < 0 ? r : event(ev, IDER_EV_RESET);
}

static int on_ping(struct ider *i, struct slice msg, struct mono now, struct ider_ev *ev) {
    return put_bare(i, IDER_MSG_PONG);
}

static int on_sign_of_life(struct ider *i, struct slice msg, struct mono now, struct ider_ev *ev) {
    return 0;
}

/* What the bytes mean is not known: the sentence stays for who asks why the session ended, if it does. */
static int on_error(struct ider *i, struct slice msg, struct mono now, struct ider_ev *ev) {
    snprintf(i->error, sizeof i->error, "the firmware reported IDE-R error %02x %02x %02x", msg.p[8],
             msg.p[9], msg.p[10]);
    return 0;
}

static int on_close(struct ider *i, struct slice msg, struct mono now, struct ider_ev *ev) {
    int r = put_bare(i, IDER_MSG_CLOSE_REPLY);
    if (r < 0)
        return r;
    ider_work_drop(i);
    ider_set_state(i, IDER_ST_CLOSED);
    return event(ev, IDER_EV_CLOSED);
}

static int on_close_reply(struct ider *i, struct slice msg, struct mono now, struct ider_ev *ev) {
    ider_work_drop(i);
    ider_set_state(i, IDER_ST_CLOSED);
    return event(ev, IDER_EV_CLOSED);
}

#define LIVE (IDER_IN(OPENING) | IDER_IN(ENABLING) | IDER_IN(RUNNING))
/* L(NAME, states, handler). While closing, what else is legal is passed over. 0x53 is never legal: nothing
 * asks for data of the host. */
#define LEGAL_TABLE(L)                                                                                       \
    L(OPEN_REPLY, IDER_IN(OPENING), on_open_reply)                                                           \
    L(CLOSE, LIVE | IDER_IN(CLOSING), on_close)                                                              \
    L(CLOSE_REPLY, LIVE | IDER_IN(CLOSING), on_close_reply)                                                  \
    L(PING, LIVE, on_ping)                                                                                   \
    L(PONG, LIVE, on_sign_of_life)                                                                           \
    L(HEARTBEAT, LIVE, on_sign_of_life)                                                                      \
    L(ERROR, LIVE, on_error)                                                                                 \
    L(RESET, IDER_IN(ENABLING) | IDER_IN(RUNNING), on_reset)                                                 \
    L(FEATURES_REPLY, IDER_IN(ENABLING), on_features_reply)                                                  \
    L(COMMAND, IDER_IN(ENABLING) | IDER_IN(RUNNING), on_command)
static const struct rule {
    uint32_t states;
    int (*handler)(struct ider *, struct slice, struct mono, struct ider_ev *);
} RULES[256] = {
#define L(name, states, handler) [IDER_MSG_##name] = {states, handler},
    LEGAL_TABLE(L)
#undef L
};

static int on_message(struct ider *i, struct slice msg, struct mono now, struct ider_ev *ev) {
    const struct rule *rule = &RULES[msg.p[0]];
    if (rule->states & 1u << i->state) {
        i->silent_beats = 0;
        return rule->handler(i, msg, now, ev);
    }
    if (i->state == IDER_ST_CLOSING)
        return 0;
    return ider_fail(i, ERR_PROTO, "the firmware sent %s %s", ider_msg_name(msg.p[0]), STATE_TEXT[i->state]);
}

int ider_input(struct ider *i, struct slice *in, struct mono now, struct ider_ev *ev) {
    for (;;) {
        struct slice msg = SLICE_EMPTY;
        *ev = (struct ider_ev){0};
        if (i->state == IDER_ST_FAILED)
            return i->err;
        if (i->state == IDER_ST_CLOSED) {
            *in = slice_skip(*in, in->n);
            return 0;
        }
        int r = ider_work_next(i, ev);
        if (r)
            return r;
        r = ider_cut(&i->cut, in, &msg);
        if (r <= 0)
            return r < 0 ? ider_fail(i, r, "%s", i->cut.error) : 0;
        r = on_message(i, msg, now, ev);
        if (r)
            return r;
    }
}

/* --- life --- */

struct ider *ider_new(const struct ider_config *cfg, struct mono now) {
    struct ider *i = calloc(1, sizeof *i);
    if (!i)
        return NULL;
    i->when = cfg->when;
    i->cut.by = IDER_BY_DEVICE;
    i->answer_by = mono_add_ms(now, ANSWER_MS);
    i->beat_at = MONO_NEVER;
    for (int d = 0; d < IDER_DRIVE_COUNT; d++) {
        const struct ider_media *m = &cfg->media[d];
        bool present = m->present && m->blocks;
        i->units[d] = (struct ider_unit){(enum ider_drive)d, present, present, present ? m->blocks : 0};
    }
    if (put_open(i) < 0)
        ider_free(&i);
    return i;
}

void ider_free(struct ider **ip) {
    struct ider *i = *ip;
    if (!i)
        return;
    ider_cutter_free(&i->cut);
    buf_free(&i->out);
    free(i);
    *ip = NULL;
}

void ider_close(struct ider *i) {
    if (!alive(i) || i->state == IDER_ST_CLOSING || put_bare(i, IDER_MSG_CLOSE) < 0)
        return;
    ider_work_drop(i);
    i->silent_beats = SILENT_BEATS_MAX - 1; /* the answer has at least one whole interval */
    ider_set_state(i, IDER_ST_CLOSING);
}

struct mono ider_deadline(const struct ider *i) {
    return mono_min(i->answer_by, i->beat_at);
}

int ider_tick(struct ider *i, struct mono now) {
    if (i->state == IDER_ST_FAILED)
        return i->err;
    if (mono_due(i->answer_by, now))
        return ider_fail(i, ERR_TIMEOUT, "no answer of the firmware %s in %d s", STATE_TEXT[i->state],
                         ANSWER_MS / 1000);
    if (!mono_due(i->beat_at, now))
        return 0;
    i->beat_at = mono_add_ms(now, IDER_HEARTBEAT_MS);
    if (i->silent_beats++ == SILENT_BEATS_MAX)
        return ider_fail(i, ERR_TIMEOUT, "nothing came from the firmware %s", STATE_TEXT[i->state]);
    if (i->state == IDER_ST_CLOSING)
        return 0;
    return put_bare(i, i->silent_beats == SILENT_BEATS_MAX ? IDER_MSG_PING : IDER_MSG_HEARTBEAT);
}

const char *ider_error(const struct ider *i) {
    return i->error;
}

uint64_t ider_read_bytes(const struct ider *i) {
    return i->read_bytes;
}
