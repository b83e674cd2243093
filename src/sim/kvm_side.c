/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/kvm_int.h"

#include "base/rd.h"

#include <stdlib.h>

enum {
    FRAME_MS = 100,
    OUT_FILL = 32768,    /* no new piece above; a piece is at most 8.5 KiB */
    REPLIES_MAX = 4096,  /* bytes waiting for a viewer that asks and does not read */
    ENCODINGS_MAX = 256, /* in one SetEncodings */
    CUT_TEXT_MAX = 4096, /* bytes; only the extensions of reference 2.5 use it */
    CAP_BYTES = 9216000, /* of the frame buffer. Reference 2.6 */
    SECURITY_NONE = 1,   /* the redirection login was the authentication */
    DECIMATION_DISABLED = 1
};

#define VERSION_3_8 SLICE_LIT("RFB 003.008\n")
#define VERSION_4_0 SLICE_LIT("RFB 004.000\n")
#define SERVER_NAME SLICE_LIT("Intel(r) AMT KVM")

static const struct {
    const char *name, *help;
} FAULTS[] = {
#define F(id, name, help) {name, help},
    SIM_KVM_FAULT_TABLE(F)
#undef F
};
static const char *const ENDS[] = {
#define E(name, text) text,
    SIM_KVM_END_TABLE(E)
#undef E
};

const char *sim_kvm_fault_name(enum sim_kvm_fault f) {
    return FAULTS[f].name;
}
const char *sim_kvm_fault_help(enum sim_kvm_fault f) {
    return FAULTS[f].help;
}
enum sim_kvm_fault sim_kvm_fault_find(struct slice name) {
    int f = 0;
    while (f < SIM_KVM_FAULT_COUNT && !slice_is(name, FAULTS[f].name))
        f++;
    return (enum sim_kvm_fault)f;
}
const char *sim_kvm_end_text(enum sim_kvm_end e) {
    return ENDS[e];
}

/* --- life --- */

static void kvm_set_state(struct sim_kvm *k, enum kvm_state s) {
    k->state = s;
}

void kvm_end(struct sim_kvm *k, enum sim_kvm_end why) {
    if (!k->end)
        k->end = why;
}

bool kvm_over_cap(const struct sim_kvm *k, unsigned pixel_bytes) {
    return (size_t)pixel_bytes * k->screen.w * k->screen.h > CAP_BYTES;
}

static void reply(struct sim_kvm *k, struct slice s) {
    buf_put(&k->replies, s);
    if (k->replies.len > REPLIES_MAX)
        kvm_end(k, SIM_KVM_END_PROTOCOL);
}

struct sim_kvm *sim_kvm_new(const struct sim_kvm_config *cfg, struct mono now) {
    struct sim_kvm *k = calloc(1, sizeof *k);
    if (!k)
        return NULL;
    k->faults = cfg->faults;
    k->idle_ms = cfg->idle_ms;
    k->rfb4 = cfg->rfb4;
    k->grey = cfg->grey;
    k->zlib = cfg->zlib;
    k->padded = cfg->padded;
    kvm_screen_init(&k->screen, cfg->w, cfg->h, cfg->name);
    k->screen.signal = !cfg->host_off;
    k->decimation = DECIMATION_DISABLED;
    k->last_input = now;
    sim_kvm_animate(k, true, now);
    reply(k, k->rfb4 ? VERSION_4_0 : VERSION_3_8);
    if (k->replies.failed)
        sim_kvm_free(&k);
    return k;
}

void sim_kvm_free(struct sim_kvm **kp) {
    struct sim_kvm *k = *kp;
    if (!k)
        return;
    kvm_update_done(k);
    buf_free(&k->in);
    buf_free(&k->out);
    buf_free(&k->replies);
    free(k);
    *kp = NULL;
}

/* --- handshake (reference 2.1) --- */

static void on_version(struct sim_kvm *k, struct slice m, struct mono now) {
    if (!slice_eq(m, VERSION_3_8)) { /* what every viewer answers to either banner */
        kvm_end(k, SIM_KVM_END_PROTOCOL);
        return;
    }
    static const uint8_t TYPES[] = {1, SECURITY_NONE};
    reply(k, slice_of(TYPES, sizeof TYPES));
    kvm_set_state(k, KVM_SECURITY);
}

static void on_security(struct sim_kvm *k, struct slice m, struct mono now) {
    uint8_t mem[64];
    struct wr w = wr_of(mem, sizeof mem);
    bool good = m.p[0] == SECURITY_NONE;
    wr_be32(&w, good ? 0 : 1);
    if (!good)
        wr_str32(&w, SLICE_LIT("Only security type 1 (None) is offered"));
    reply(k, wr_done(&w));
    if (!good)
        kvm_end(k, SIM_KVM_END_PROTOCOL);
    kvm_set_state(k, KVM_INIT);
}

static void on_client_init(struct sim_kvm *k, struct slice m, struct mono now) {
    if (k->faults & 1u << SIM_KVM_FAULT_CLOSE_AFTER_INIT)
        kvm_end(k, SIM_KVM_END_SIGNAL);
    else if (kvm_over_cap(k, 1)) /* too large in any format; the others see SetPixelFormat */
        kvm_end(k, SIM_KVM_END_CAP);
    if (k->end)
        return;
    uint8_t mem[64];
    struct wr w = wr_of(mem, sizeof mem);
    wr_be16(&w, k->screen.w);
    wr_be16(&w, k->screen.h);
    wr_bytes(&w, slice_of(kvm_format_wire(k->format), KVM_FORMAT_CHECKED));
    wr_zero(&w, KVM_FORMAT_BYTES - KVM_FORMAT_CHECKED);
    wr_str32(&w, SERVER_NAME);
    reply(k, wr_done(&w));
    k->size_changed = false;
    kvm_set_state(k, KVM_RUNNING);
}

/* --- what the viewer says (reference 2.4) --- */

static void on_set_format(struct sim_kvm *k, struct slice m, struct mono now) {
    enum kvm_format f = kvm_format_find(slice_skip(m, 4));
    bool grey = f == KVM_FORMAT_GREY8 || f == KVM_FORMAT_GREY4;
    if (f == KVM_FORMAT_COUNT || (grey && !k->grey)) {
        kvm_end(k, SIM_KVM_END_FORMAT);
        return;
    }
    k->format = f;
    if (kvm_over_cap(k, kvm_format_pixel_bytes(f)))
        kvm_end(k, SIM_KVM_END_CAP);
}

static void on_set_encodings(struct sim_kvm *k, struct slice m, struct mono now) {
    struct rd r = rd_of(slice_skip(m, 4));
    bool chosen = false;
    k->rle = k->desktop_size = k->data_channel = false;
    while (rd_left(&r)) {
        int32_t e = (int32_t)rd_be32(&r);
        if (!chosen && (e == RFB_RAW || e == RFB_RLE)) { /* the viewer's order; RAW when it lists neither */
            k->rle = e == RFB_RLE;
            chosen = true;
        }
        k->desktop_size |= e == RFB_DESKTOP_SIZE;
        k->data_channel |= e == RFB_DATA_CHANNEL;
    }
}

static void on_request(struct sim_kvm *k, struct slice m, struct mono now) {
    struct rd r = rd_of(slice_skip(m, 1));
    bool full = rd_u8(&r) == 0;
    struct kvm_rect at;
    at.x = rd_be16(&r);
    at.y = rd_be16(&r);
    at.w = rd_be16(&r);
    at.h = rd_be16(&r);
    if (k->want.on) { /* several are answered by one update: of the box around them */
        struct kvm_rect o = k->want.at;
        unsigned right = o.x + o.w > at.x + at.w ? o.x + o.w : at.x + at.w;
        unsigned bottom = o.y + o.h > at.y + at.h ? o.y + o.h : at.y + at.h;
        at.x = o.x < at.x ? o.x : at.x;
        at.y = o.y < at.y ? o.y : at.y;
        at.w = right - at.x;
        at.h = bottom - at.y;
    }
    k->want.on = true;
    k->want.full |= full;
    k->want.at = at;
}

static void on_key(struct sim_kvm *k, struct slice m, struct mono now) {
    struct rd r = rd_of(slice_skip(m, 4));
    k->last_input = now;
    kvm_screen_key(&k->screen, rd_be32(&r), m.p[1] != 0);
}

static void on_pointer(struct sim_kvm *k, struct slice m, struct mono now) {
    struct rd r = rd_of(slice_skip(m, 2));
    uint16_t x = rd_be16(&r);
    k->last_input = now;
    kvm_screen_pointer(&k->screen, m.p[1], x, rd_be16(&r));
}

/* --- Intel's extensions: texts both ways (reference 2.5) --- */

#define DATA_CHANNEL SLICE_LIT("\0KvmDataChannel\0")
#define EXT_CMD      SLICE_LIT("\0KvmExtCmd\0")
enum { EXT_GET_DECIMATION = 1, EXT_SET_DECIMATION, EXT_GET_ZLIB, EXT_SET_ZLIB, NOT_DECIMATED = 0 };

static void say_text(struct sim_kvm *k, struct slice marker, struct slice text) {
    uint8_t mem[64];
    struct wr w = wr_of(mem, sizeof mem);
    wr_u8(&w, RFB_CUT_TEXT);
    wr_zero(&w, 3);
    wr_be32(&w, (uint32_t)(marker.n + text.n));
    wr_bytes(&w, marker);
    wr_bytes(&w, text);
    reply(k, wr_done(&w));
}

/* The answer repeats the command; the value is the one that holds now. */
static void on_ext_cmd(struct sim_kvm *k, struct slice text) {
    uint8_t cmd = text.n ? text.p[0] : 0, value = text.n > 1 ? text.p[1] : 0;
    if (cmd == EXT_SET_DECIMATION && value >= 1 && value <= 3)
        k->decimation = value; /* remembered; this display is never halved */
    if (cmd == EXT_SET_ZLIB && k->zlib)
        k->compress = value != 0;
    if (cmd == EXT_GET_DECIMATION || cmd == EXT_SET_DECIMATION) {
        uint8_t answer[] = {cmd, k->decimation, NOT_DECIMATED};
        say_text(k, EXT_CMD, slice_of(answer, cmd == EXT_GET_DECIMATION ? 3 : 2));
    } else if ((cmd == EXT_GET_ZLIB || cmd == EXT_SET_ZLIB) && k->zlib) {
        uint8_t answer[] = {cmd, k->compress};
        say_text(k, EXT_CMD, slice_of(answer, sizeof answer));
    } /* older firmware ignores what it does not know */
}

static void on_cut_text(struct sim_kvm *k, struct slice m, struct mono now) {
    struct slice text = slice_skip(m, 8);
    if (slice_eq(slice_head(text, EXT_CMD.n), EXT_CMD)) {
        on_ext_cmd(k, slice_skip(text, EXT_CMD.n));
    } else if (k->data_channel && slice_eq(slice_head(text, DATA_CHANNEL.n), DATA_CHANNEL)) {
        /* no software listens on the host: a token for the next message is all that comes back */
        static const uint8_t TOKEN = 1;
        say_text(k, slice_head(DATA_CHANNEL, DATA_CHANNEL.n - 1), slice_of(&TOKEN, 1));
    }
}

/* --- input --- */

enum { TOO_LONG = -1 };
static long encodings_bytes(const uint8_t *head) {
    struct rd r = rd_of(slice_of(head + 2, 2));
    uint16_t n = rd_be16(&r);
    return n > ENCODINGS_MAX ? TOO_LONG : n * 4L;
}
static long cut_text_bytes(const uint8_t *head) {
    struct rd r = rd_of(slice_of(head + 4, 4));
    uint32_t n = rd_be32(&r);
    return n > CUT_TEXT_MAX ? TOO_LONG : (long)n;
}

struct message {
    size_t head;
    long (*body)(const uint8_t *head); /* bytes behind the head */
    void (*handle)(struct sim_kvm *k, struct slice m, struct mono now);
};
static const struct message HANDSHAKE[KVM_RUNNING] = {
    [KVM_VERSION] = {12, NULL, on_version},
    [KVM_SECURITY] = {1, NULL, on_security},
    [KVM_INIT] = {1, NULL, on_client_init},
};
static const struct message MESSAGES[] = {
    [0] = {20, NULL, on_set_format}, [2] = {4, encodings_bytes, on_set_encodings},
    [3] = {10, NULL, on_request},    [4] = {8, NULL, on_key},
    [5] = {6, NULL, on_pointer},     [6] = {8, cut_text_bytes, on_cut_text},
};

static const struct message *message_of(const struct sim_kvm *k, uint8_t type) {
    if (k->state != KVM_RUNNING)
        return &HANDSHAKE[k->state];
    return type < sizeof MESSAGES / sizeof MESSAGES[0] && MESSAGES[type].handle ? &MESSAGES[type] : NULL;
}

/* Handle the first message of in; how long it was, 0 when it is not all there. */
static size_t input_one(struct sim_kvm *k, struct slice in, struct mono now) {
    const struct message *m = message_of(k, in.p[0]);
    if (m && in.n < m->head)
        return 0;
    long body = !m ? TOO_LONG : m->body ? m->body(in.p) : 0;
    if (body == TOO_LONG) {
        kvm_end(k, SIM_KVM_END_PROTOCOL);
        return 0;
    }
    size_t n = m->head + (size_t)body;
    if (in.n < n)
        return 0;
    m->handle(k, slice_head(in, n), now);
    return n;
}

void sim_kvm_input(struct sim_kvm *k, struct slice in, struct mono now) {
    if (!k->end && buf_put(&k->in, in) != 0)
        kvm_end(k, SIM_KVM_END_NOMEM);
    size_t n = 1;
    while (!k->end && k->in.len && n > 0) {
        n = input_one(k, buf_slice(&k->in), now);
        if (n)
            buf_consume(&k->in, n);
    }
    if (k->end)
        buf_free(&k->in);
}

/* --- output and time --- */

static bool flush_replies(struct sim_kvm *k) {
    if (!k->replies.len)
        return false;
    buf_put(&k->out, buf_slice(&k->replies));
    buf_free(&k->replies);
    return true;
}

struct slice sim_kvm_output(struct sim_kvm *k) {
    bool more = !k->out.failed;
    while (more && !k->end && k->out.len < OUT_FILL) {
        if (k->update.on)
            kvm_update_piece(k);
        else
            more = flush_replies(k) || kvm_update_begin(k);
        if (k->out.failed || k->replies.failed)
            kvm_end(k, SIM_KVM_END_NOMEM);
    }
    if (k->end && !k->update.on)
        flush_replies(k); /* a refusal still goes out */
    return buf_slice(&k->out);
}

void sim_kvm_sent(struct sim_kvm *k, size_t n_bytes) {
    buf_consume(&k->out, n_bytes);
}

static struct mono idle_at(const struct sim_kvm *k) {
    return k->idle_ms ? mono_add_ms(k->last_input, k->idle_ms) : MONO_NEVER;
}
static struct mono frame_at(const struct sim_kvm *k) {
    return k->animate && k->screen.signal ? k->next_frame : MONO_NEVER;
}

struct mono sim_kvm_deadline(const struct sim_kvm *k) {
    return k->end ? MONO_NEVER : mono_min(idle_at(k), frame_at(k));
}

void sim_kvm_tick(struct sim_kvm *k, struct mono now) {
    if (k->end)
        return;
    if (mono_due(idle_at(k), now))
        kvm_end(k, SIM_KVM_END_IDLE);
    if (mono_due(frame_at(k), now)) {
        int64_t frames = 1 + mono_ms_between(k->next_frame, now) / FRAME_MS;
        kvm_screen_frame(&k->screen, k->screen.frame + (uint32_t)frames);
        k->next_frame = mono_add_ms(k->next_frame, frames * FRAME_MS);
    }
}

enum sim_kvm_end sim_kvm_ended(const struct sim_kvm *k) {
    return k->end;
}
struct mono sim_kvm_last_input(const struct sim_kvm *k) {
    return k->last_input;
}

/* --- what happens to the host --- */

void sim_kvm_power(struct sim_kvm *k, bool on, struct mono now) {
    if (on != k->screen.signal)
        kvm_screen_signal(&k->screen, on);
    if (on)
        k->next_frame = mono_add_ms(now, FRAME_MS);
    else
        kvm_end(k, SIM_KVM_END_POWER);
}

void sim_kvm_set_size(struct sim_kvm *k, uint16_t w, uint16_t h) {
    if (w == k->screen.w && h == k->screen.h)
        return;
    kvm_screen_resize(&k->screen, w, h);
    k->size_changed = k->state == KVM_RUNNING;
    if (k->size_changed && kvm_over_cap(k, kvm_format_pixel_bytes(k->format)))
        kvm_end(k, SIM_KVM_END_CAP);
}

void sim_kvm_animate(struct sim_kvm *k, bool on, struct mono now) {
    k->animate = on;
    k->next_frame = mono_add_ms(now, FRAME_MS);
}

void sim_kvm_sprite(struct sim_kvm *k, const char *text) {
    kvm_screen_sprite(&k->screen, text);
}

void sim_kvm_fault(struct sim_kvm *k, enum sim_kvm_fault f, bool on) {
    k->faults = on ? k->faults | 1u << f : k->faults & ~(1u << f);
}

const struct kvm_screen *sim_kvm_screen(const struct sim_kvm *k) {
    return &k->screen;
}
