/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/sol_side.h"

#include "proto/redir_wire.h"
#include "sim/sol_shell.h"

#include <stdlib.h>

enum { CONTROL_RTS = 1, CONTROL_DTR = 2 };
enum { HEAD_DATA = 10 /* of 0x28 and 0x2A */ };

enum sol_state {
    SOL_WAIT, /* for 0x20 */
    SOL_RUN,
    SOL_ENDED, /* 0x22 was answered */
    SOL_FINISHED,
};

struct sol_side {
    struct sol_side_config cfg;
    struct sol_shell *shell;
    enum sol_state state;
    bool os_up;
    struct buf in;  /* the message that is not complete */
    struct buf tx;  /* characters of the host that are in no message yet: the UART's buffer */
    struct buf out; /* messages */
    uint32_t seq;
    uint16_t max_tx, tx_ms, overflow_ms, rx_ms, flush_ms, beat_ms; /* of 0x20 */
    uint32_t unacked;                                              /* of 0x2A since 0x2B or 0x28 */
    bool spilt;                                                    /* overflow was told, and lasts */
    bool tx_due;                                                   /* TxTimeout is over for what is in tx */
    struct mono tx_at, rx_at, beat_at, flush_at; /* send tx; silent client; 0x2B; undelivered input */
};

static void sol_set_state(struct sol_side *s, enum sol_state state) {
    s->state = state;
}

struct sol_side *sol_side_new(const struct sol_side_config *cfg, struct mono now) {
    struct sol_side *s = calloc(1, sizeof *s);
    if (!s)
        return NULL;
    s->cfg = *cfg;
    s->os_up = cfg->host_on && mono_due(cfg->up_at, now);
    s->tx_at = s->rx_at = s->beat_at = s->flush_at = MONO_NEVER;
    s->shell = sol_shell_new(cfg->name, cfg->up_at);
    if (!s->shell)
        sol_side_free(&s);
    return s;
}

void sol_side_free(struct sol_side **sp) {
    struct sol_side *s = *sp;
    if (!s)
        return;
    sol_shell_free(&s->shell);
    buf_free(&s->in);
    buf_free(&s->tx);
    buf_free(&s->out);
    free(s);
    *sp = NULL;
}

bool sol_side_finished(const struct sol_side *s) {
    return s->state == SOL_FINISHED;
}
void sol_side_getty(struct sol_side *s, bool on) {
    s->cfg.mute = !on;
}
void sol_side_strict(struct sol_side *s, bool on) {
    s->cfg.strict = on;
}
enum machine_action sol_side_wish(struct sol_side *s) {
    return sol_shell_wish(s->shell);
}

/* --- messages to the client --- */

static void put_head(struct sol_side *s, uint8_t id) {
    uint8_t raw[8];
    struct wr w = wr_of(raw, sizeof raw);
    wr_u8(&w, id);
    wr_zero(&w, 3);
    wr_le32(&w, s->seq++);
    buf_put(&s->out, wr_done(&w));
}

static void put_status(struct sol_side *s, uint8_t more) {
    uint8_t control = s->os_up ? CONTROL_RTS | CONTROL_DTR : 0;
    uint8_t status = (uint8_t)(more | (s->cfg.host_on ? REDIR_SOL_POWER : 0));
    if (s->state != SOL_RUN)
        return;
    put_head(s, REDIR_MSG_SOL_HOST_CONTROLS);
    buf_put(&s->out, slice_of((uint8_t[]){control, status}, 2));
}

static void put_data(struct sol_side *s, size_t n) {
    uint8_t length[2] = {(uint8_t)n, (uint8_t)(n >> 8)};
    put_head(s, REDIR_MSG_SOL_FROM_HOST);
    buf_put(&s->out, slice_of(length, sizeof length));
    buf_put(&s->out, slice_head(buf_slice(&s->tx), n));
    buf_consume(&s->tx, n);
    s->unacked += (uint32_t)n;
    s->spilt = false;
    if (s->tx.len == 0) {
        s->tx_due = false;
        s->tx_at = MONO_NEVER;
    }
}

/* --- the UART --- */

static void tx_begin(struct sol_side *s, size_t had, struct mono now) {
    if (had == 0 && s->tx.len)
        s->tx_at = mono_add_ms(now, s->tx_ms);
}

/* Who does not wait for the port (the BIOS): what does not fit is lost, and the client is told (1.4). */
static void tx_spill(struct sol_side *s, struct slice text, struct mono now) {
    size_t had = s->tx.len, room = s->max_tx > had ? s->max_tx - had : 0;
    buf_put(&s->tx, slice_head(text, room));
    tx_begin(s, had, now);
    if (text.n > room && !s->spilt) {
        s->spilt = true;
        put_status(s, REDIR_SOL_TX_OVERFLOW);
    }
}

static void tx_fill(struct sol_side *s, struct mono now) {
    size_t had = s->tx.len;
    if (!s->os_up || s->cfg.mute || had >= s->max_tx)
        return;
    sol_shell_output(s->shell, &s->tx, s->max_tx - had, now);
    tx_begin(s, had, now);
}

/* How much may go into a message now. */
static size_t tx_allowed(const struct sol_side *s) {
    size_t n = s->tx.len < SOL_SIDE_CHUNK ? s->tx.len : SOL_SIDE_CHUNK;
    if (!s->cfg.strict)
        return n;
    size_t left = s->max_tx > s->unacked ? s->max_tx - s->unacked : 0;
    return n < left ? n : left;
}

struct slice sol_side_output(struct sol_side *s, struct mono now) {
    if (s->out.len == 0 && s->state == SOL_RUN) {
        tx_fill(s, now);
        size_t n = tx_allowed(s);
        bool full = s->tx.len >= SOL_SIDE_CHUNK || s->tx.len >= s->max_tx;
        if (n && (full || s->tx_due || mono_due(s->tx_at, now))) {
            if (s->cfg.empty_message)
                put_data(s, 0);
            put_data(s, n);
        }
    }
    return buf_slice(&s->out);
}

void sol_side_sent(struct sol_side *s, size_t n_bytes) {
    buf_consume(&s->out, n_bytes);
}

/* --- messages from the client --- */

static int on_start(struct sol_side *s, struct slice msg, struct mono now) {
    struct rd r = rd_of(slice_skip(msg, 8));
    s->max_tx = rd_le16(&r);
    s->tx_ms = rd_le16(&r);
    s->overflow_ms = rd_le16(&r);
    s->rx_ms = rd_le16(&r);
    s->flush_ms = rd_le16(&r);
    s->beat_ms = rd_le16(&r);
    if (s->max_tx == 0)
        s->max_tx = SOL_SIDE_TX_BYTES;
    uint8_t raw[23];
    struct wr w = wr_of(raw, sizeof raw);
    wr_u8(&w, REDIR_MSG_SOL_START_REPLY);
    wr_zero(&w, 3); /* status 0 */
    wr_le32(&w, s->seq++);
    const uint16_t settings[] = {s->max_tx, s->tx_ms, s->overflow_ms, s->rx_ms, s->flush_ms, s->beat_ms};
    for (size_t i = 0; i < sizeof settings / sizeof settings[0]; i++)
        wr_le16(&w, settings[i]);
    wr_zero(&w, 3);
    buf_put(&s->out, wr_done(&w));
    sol_set_state(s, SOL_RUN);
    if (s->beat_ms)
        s->beat_at = mono_add_ms(now, s->beat_ms);
    put_status(s, 0);
    return 0;
}

static int on_end(struct sol_side *s, struct slice msg, struct mono now) {
    put_head(s, REDIR_MSG_SOL_END_REPLY);
    sol_set_state(s, SOL_ENDED);
    return 0;
}
static int on_finish(struct sol_side *s, struct slice msg, struct mono now) {
    sol_set_state(s, SOL_FINISHED);
    return 0;
}
static int on_ping(struct sol_side *s, struct slice msg, struct mono now) {
    put_head(s, REDIR_MSG_SOL_PONG);
    return 0;
}
static int on_controls(struct sol_side *s, struct slice msg, struct mono now) {
    return 0; /* 0x27: its meaning is not known, and firmware takes it */
}
static int on_heartbeat(struct sol_side *s, struct slice msg, struct mono now) {
    s->unacked = 0;
    return 0;
}
static int on_data(struct sol_side *s, struct slice msg, struct mono now) {
    struct slice data = slice_skip(msg, HEAD_DATA);
    s->unacked = 0;
    if (s->os_up && !s->cfg.mute)
        sol_shell_input(s->shell, data, now);
    else if (!s->cfg.host_on && data.n && s->flush_ms && mono_is_never(s->flush_at))
        s->flush_at = mono_add_ms(now, s->flush_ms); /* nobody takes them: they are flushed */
    return 0;
}

enum { IN_WAIT = 1u << SOL_WAIT, IN_RUN = 1u << SOL_RUN, IN_ENDED = 1u << SOL_ENDED };
static const struct message {
    uint8_t id, states;
    int (*handle)(struct sol_side *s, struct slice msg, struct mono now);
} MESSAGES[] = {
    {REDIR_MSG_END, IN_WAIT | IN_RUN | IN_ENDED, on_finish},
    {REDIR_MSG_SOL_START, IN_WAIT, on_start},
    {REDIR_MSG_SOL_END, IN_RUN, on_end},
    {REDIR_MSG_SOL_PING, IN_RUN | IN_ENDED, on_ping}, /* amtterm goes on talking after 0x22 */
    {REDIR_MSG_SOL_CONTROLS, IN_RUN | IN_ENDED, on_controls},
    {REDIR_MSG_SOL_TO_HOST, IN_RUN | IN_ENDED, on_data},
    {REDIR_MSG_SOL_HEARTBEAT, IN_RUN | IN_ENDED, on_heartbeat},
};

static const struct message *message_find(const struct sol_side *s, uint8_t id) {
    for (size_t i = 0; i < sizeof MESSAGES / sizeof MESSAGES[0]; i++)
        if (MESSAGES[i].id == id && (MESSAGES[i].states & (1u << s->state)))
            return &MESSAGES[i];
    return NULL;
}

/* Work off the complete messages of in; how many bytes those were. */
static int take_messages(struct sol_side *s, struct slice in, struct mono now) {
    int used = 0;
    while (in.n && s->state != SOL_FINISHED) {
        const struct message *m = message_find(s, in.p[0]);
        int want = m ? redir_msg_length(REDIR_FROM_CLIENT, in) : ERR_PROTO;
        if (want > HEAD_DATA + SOL_SIDE_DATA_MAX)
            want = ERR_LIMIT;
        if (want < 0)
            return want;
        if (want == 0 || in.n < (size_t)want)
            break;
        int e = m->handle(s, slice_head(in, (size_t)want), now);
        if (e < 0)
            return e;
        in = slice_skip(in, (size_t)want);
        used += want;
    }
    return used;
}

int sol_side_input(struct sol_side *s, struct slice in, struct mono now) {
    if (buf_put(&s->in, in) < 0)
        return ERR_NOMEM;
    int used = take_messages(s, buf_slice(&s->in), now);
    if (used < 0)
        return used;
    buf_consume(&s->in, (size_t)used);
    if (s->rx_ms)
        s->rx_at = mono_add_ms(now, s->rx_ms);
    return s->out.failed || s->tx.failed ? ERR_NOMEM : 0;
}

/* --- time and power --- */

struct mono sol_side_deadline(const struct sol_side *s) {
    if (s->state == SOL_FINISHED)
        return MONO_NEVER;
    struct mono at = mono_min(mono_min(s->rx_at, s->beat_at), s->flush_at);
    if (s->cfg.host_on && !s->os_up)
        at = mono_min(at, s->cfg.up_at);
    return s->state == SOL_RUN ? mono_min(at, s->tx_at) : at;
}

int sol_side_tick(struct sol_side *s, struct mono now) {
    if (s->state == SOL_FINISHED)
        return 0;
    if (mono_due(s->rx_at, now))
        return ERR_TIMEOUT;
    if (mono_due(s->tx_at, now)) { /* said once: the transport takes it when it can */
        s->tx_due = true;
        s->tx_at = MONO_NEVER;
    }
    if (mono_due(s->beat_at, now)) {
        if (s->state == SOL_RUN)
            put_head(s, REDIR_MSG_SOL_HEARTBEAT);
        s->beat_at = mono_add_ms(now, s->beat_ms);
    }
    if (mono_due(s->flush_at, now)) {
        s->flush_at = MONO_NEVER;
        put_status(s, REDIR_SOL_RX_FLUSH_TIMEOUT);
    }
    if (s->cfg.host_on && !s->os_up && mono_due(s->cfg.up_at, now)) {
        s->os_up = true;
        sol_shell_boot(s->shell, s->cfg.up_at);
    }
    return s->out.failed ? ERR_NOMEM : 0;
}

static const char BIOS[] = "\x1b[2J\x1b[H"
                           "Simulated BIOS 1.0\r\n"
                           "Memory test: 16384 MB OK\r\n"
                           "Intel(R) Management Engine: SOL active\r\n"
                           "Press <F2> for setup, <F12> for the boot menu\r\n\r\n"
                           "Booting from the hard disk...\r\n";

void sol_side_power(struct sol_side *s, bool on, bool boots, struct mono up_at, struct mono now) {
    bool changed = s->cfg.host_on != on;
    s->cfg.host_on = on;
    s->cfg.up_at = up_at;
    if (!on || boots)
        s->os_up = false;
    else if (mono_due(up_at, now))
        s->os_up = true; /* resumed */
    if (on)
        s->flush_at = MONO_NEVER;
    if (changed)
        put_status(s, 0);
    if (boots && s->state == SOL_RUN)
        tx_spill(s, slice_of(BIOS, sizeof BIOS - 1), now);
}
