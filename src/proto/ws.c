/* SPDX-License-Identifier: Apache-2.0 */
/* wslay's frame calls do the framing; its event calls are not used: they copy each message to be sent into a
 * queue of their own, which a flood of pings makes grow. What lies above a frame (messages, control frames,
 * closing) is here. */
#include "proto/ws.h"

#include "base/ossl.h"
#include "base/rd.h"
#include "base/text.h"

#include <assert.h>
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <stdlib.h>
#include <wslay/wslay.h>

enum {
    FRAME_HEAD_MAX = 14, /* RFC 6455 5.2: 2, 8 of length, 4 of mask */
    CONTROL_MAX = 125,   /* RFC 6455 5.5 */
    SEED_BYTES = 16,
    PONGS_MAX = 16, /* not sent yet; stops floods of pings by a peer that does not read */
};

struct control {
    uint8_t bytes[CONTROL_MAX];
    uint8_t n;
};

struct ws {
    wslay_frame_context_ptr framing;
    enum ws_role role;
    int err;
    const char *error;

    /* receiving */
    struct slice feed; /* what wslay may take still, while ws_input() runs */
    size_t taken;      /* bytes that wslay holds and no event has told */
    size_t ahead;      /* of them, those at the front of the next input: they were not taken off *in */
    uint64_t left;     /* of the frame's payload */
    bool in_frame, text_given, peer_closed;
    uint8_t message; /* opcode of the message that is open, 0 none */
    size_t text_max; /* stops text without end */
    struct buf text;
    struct control control;

    /* sending */
    struct buf out;
    bool closing;
    uint8_t seed[SEED_BYTES]; /* of the masks */
    uint64_t masks;
    uint32_t pongs;     /* in the output, at most PONGS_MAX */
    size_t pongs_bytes; /* of the output, up to the end of the last pong */
    bool pong_held; /* the newest ping came while there were PONGS_MAX: it is answered when they went out */
    struct control pong; /* its payload. RFC 6455 5.5.3: the answer to the newest ping is enough */
};

/* --- wslay asks --- */

static ssize_t give(uint8_t *to, size_t n, int flags, void *user) {
    struct ws *w = user;
    struct slice piece = slice_head(w->feed, n);
    if (piece.n == 0)
        return -1;
    memcpy(to, piece.p, piece.n);
    w->feed = slice_skip(w->feed, piece.n);
    w->taken += piece.n;
    return (ssize_t)piece.n;
}

/* There is room: put_frame() made it. */
static ssize_t take(const uint8_t *data, size_t n, int flags, void *user) {
    struct ws *w = user;
    return buf_put(&w->out, slice_of(data, n)) < 0 ? -1 : (ssize_t)n;
}

/* RFC 6455 5.3: masks must not be foretold. SHA-256 of the seed and a counter. */
static int mask(uint8_t *to, size_t n, void *user) {
    struct ws *w = user;
    uint8_t block[SEED_BYTES + 8], sum[SHA256_DIGEST_LENGTH];
    struct wr wr = wr_of(block, sizeof block);
    wr_bytes(&wr, slice_of(w->seed, sizeof w->seed));
    wr_le64(&wr, w->masks++);
    if (n > sizeof sum || !SHA256(block, sizeof block, sum))
        return -1;
    memcpy(to, sum, n);
    return 0;
}

/* --- sending --- */

static int nomem(struct ws *w) {
    w->error = "out of memory";
    return w->err = ERR_NOMEM;
}

/* A whole frame, or nothing of it. */
static int put_frame(struct ws *w, uint8_t opcode, struct slice data) {
    struct wslay_frame_iocb f = {.fin = 1,
                                 .opcode = opcode,
                                 .mask = w->role == WS_CLIENT,
                                 .payload_length = data.n,
                                 .data = data.p,
                                 .data_length = data.n};
    if (!buf_room(&w->out, data.n + FRAME_HEAD_MAX))
        return nomem(w);
    ssize_t n = wslay_frame_send(w->framing, &f);
    if (n < 0) /* no mask could be made: nothing was written */
        return nomem(w);
    assert((size_t)n == data.n);
    return 0;
}

static int put_message(struct ws *w, uint8_t opcode, struct slice data) {
    if (w->err == ERR_NOMEM)
        return ERR_NOMEM;
    if (w->closing) /* RFC 6455 5.5.1: nothing follows a close frame */
        return ERR_CLOSED;
    return put_frame(w, opcode, data);
}
int ws_binary(struct ws *w, struct slice data) {
    return put_message(w, WSLAY_BINARY_FRAME, data);
}
/* By hand: wslay wants to see the payload. RFC 6455 5.2 */
struct slice ws_binary_head(const struct ws *w, size_t n_bytes, uint8_t mem[WS_HEAD_CAP]) {
    enum { FIN = 0x80, LENGTH_16 = 126, LENGTH_64 = 127 };
    struct wr wr = wr_of(mem, WS_HEAD_CAP);
    assert(w->role == WS_SERVER); /* a client's payload is masked */
    if (w->err == ERR_NOMEM || w->closing)
        return SLICE_EMPTY;
    wr_u8(&wr, FIN | WSLAY_BINARY_FRAME);
    if (n_bytes < LENGTH_16) {
        wr_u8(&wr, (uint8_t)n_bytes);
    } else if (n_bytes <= UINT16_MAX) {
        wr_u8(&wr, LENGTH_16);
        wr_be16(&wr, (uint16_t)n_bytes);
    } else {
        wr_u8(&wr, LENGTH_64);
        wr_be32(&wr, (uint32_t)(n_bytes >> 32));
        wr_be32(&wr, (uint32_t)n_bytes);
    }
    return wr_done(&wr);
}
int ws_text(struct ws *w, struct slice data) {
    return put_message(w, WSLAY_TEXT_FRAME, data);
}
int ws_ping(struct ws *w) {
    return put_message(w, WSLAY_PING, SLICE_EMPTY);
}

static int put_pong(struct ws *w, const struct control *payload) {
    if (w->closing)
        return 0;
    if (w->pongs == PONGS_MAX) {
        w->pong = *payload;
        w->pong_held = true;
        return 0;
    }
    int r = put_frame(w, WSLAY_PONG, slice_of(payload->bytes, payload->n));
    w->pongs++;
    w->pongs_bytes = w->out.len;
    return r;
}

/* WS_CLOSE_NONE: without a code, hence without a reason. */
static void put_close(struct ws *w, uint16_t code, struct slice reason) {
    uint8_t payload[CONTROL_MAX];
    struct wr wr = wr_of(payload, sizeof payload);
    if (w->closing)
        return;
    if (code != WS_CLOSE_NONE) {
        wr_be16(&wr, code);
        wr_bytes(&wr, reason);
    }
    if (w->err != ERR_NOMEM)
        (void)put_frame(w, WSLAY_CONNECTION_CLOSE, wr_done(&wr)); /* no memory: w->err has it */
    w->closing = true;
}

void ws_close(struct ws *w, uint16_t code, const char *reason) {
    struct slice cut = slice_head(slice_str(reason), WS_REASON_MAX);
    if (cut.n < slice_str(reason).n) /* not inside a character */
        while (cut.n && (reason[cut.n] & 0xc0) == 0x80)
            cut.n--;
    put_close(w, code, cut);
}

bool ws_closing(const struct ws *w) {
    return w->closing;
}
struct slice ws_output(const struct ws *w) {
    return buf_slice(&w->out);
}

void ws_sent(struct ws *w, size_t n_bytes) {
    struct slice sent = slice_head(buf_slice(&w->out), n_bytes);
    explicit_bzero((uint8_t *)(uintptr_t)sent.p, sent.n); /* it may have been a secret of the firmware */
    buf_consume(&w->out, n_bytes);
    w->pongs_bytes -= n_bytes < w->pongs_bytes ? n_bytes : w->pongs_bytes;
    if (w->pongs_bytes)
        return;
    w->pongs = 0;
    if (w->pong_held && w->err == 0)
        (void)put_pong(w, &w->pong); /* no memory: w->err has it */
    w->pong_held = false;
}

const char *ws_error(const struct ws *w) {
    return w->error;
}

/* --- receiving --- */

/* The peer broke a rule: the sentence goes to the peer, too. */
static int fail(struct ws *w, int err, uint16_t code, const char *why) {
    w->error = why;
    ws_close(w, code, why);
    return w->err ? w->err : (w->err = err);
}
static int bad_frame(struct ws *w, const char *why) {
    return fail(w, ERR_PROTO, WS_CLOSE_PROTOCOL, why);
}

/* RFC 6455 7.4: what may stand in a close frame. 1012 to 1014 were registered later. */
static bool code_is_valid(uint16_t code) {
    if (code >= 3000)
        return code <= 4999;
    return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014);
}

static int on_close(struct ws *w, struct ws_ev *ev) {
    struct rd r = rd_of(slice_of(w->control.bytes, w->control.n));
    *ev = (struct ws_ev){.kind = WS_EV_CLOSE, .code = WS_CLOSE_NONE};
    if (w->control.n) {
        ev->code = rd_be16(&r);
        if (r.bad || !code_is_valid(ev->code))
            return bad_frame(w, "a close frame has a code that may not be sent");
        ev->data = rd_take(&r, rd_left(&r));
        if (!text_is_wellformed(ev->data))
            return fail(w, ERR_PROTO, WS_CLOSE_NOT_UTF8, "the reason of a close frame is not UTF-8");
    }
    put_close(w, ev->code, SLICE_EMPTY);
    if (w->err)
        return w->err;
    w->peer_closed = true;
    return 1;
}

static int on_control(struct ws *w, uint8_t opcode, struct ws_ev *ev) {
    if (opcode == WSLAY_CONNECTION_CLOSE)
        return on_close(w, ev);
    *ev = (struct ws_ev){.kind = opcode == WSLAY_PING ? WS_EV_PING : WS_EV_PONG,
                         .data = slice_of(w->control.bytes, w->control.n)};
    int r = opcode == WSLAY_PING ? put_pong(w, &w->control) : 0;
    return r < 0 ? r : 1;
}

static int on_text(struct ws *w, struct ws_ev *ev) {
    *ev = (struct ws_ev){.kind = WS_EV_TEXT, .data = buf_slice(&w->text)};
    w->text_given = true;
    if (!text_is_wellformed(ev->data))
        return fail(w, ERR_PROTO, WS_CLOSE_NOT_UTF8, "a text message is not UTF-8");
    return 1;
}

/* The head of a frame is complete. wslay has checked its lengths, and that control frames are short and
 * whole. */
static int begin_frame(struct ws *w, const struct wslay_frame_iocb *f) {
    if (f->rsv)
        return bad_frame(w, "reserved bits are set in a frame, and no extension was agreed");
    if (f->mask && w->role == WS_CLIENT)
        return bad_frame(w, "a frame of the server is masked"); /* RFC 6455 5.1 */
    if (!f->mask && w->role == WS_SERVER)
        return bad_frame(w, "a frame of the client is not masked");
    w->in_frame = true;
    w->left = f->payload_length;
    if (f->opcode >= WSLAY_CONNECTION_CLOSE) {
        w->control.n = 0;
        return f->opcode <= WSLAY_PONG ? 0 : bad_frame(w, "a control frame of unknown kind");
    }
    if (f->opcode > WSLAY_BINARY_FRAME)
        return bad_frame(w, "a data frame of unknown kind");
    if (f->opcode == WSLAY_CONTINUATION_FRAME && !w->message)
        return bad_frame(w, "a frame continues a message that was not begun");
    if (f->opcode != WSLAY_CONTINUATION_FRAME && w->message)
        return bad_frame(w, "a message begins before the last one has ended");
    if (f->opcode != WSLAY_CONTINUATION_FRAME)
        w->message = f->opcode;
    if (w->message == WSLAY_TEXT_FRAME && f->payload_length > w->text_max - w->text.len)
        return fail(w, ERR_LIMIT, WS_CLOSE_TOO_BIG, "a text message is too long");
    return 0;
}

/* A piece of a frame's payload, at its end perhaps of length 0. 1: *ev is filled. */
static int on_piece(struct ws *w, const struct wslay_frame_iocb *f, struct ws_ev *ev) {
    struct slice data = slice_of(f->data, f->data_length);
    bool end = w->left == 0, control = f->opcode >= WSLAY_CONNECTION_CLOSE;
    if (control && data.n) {
        assert(w->control.n + data.n <= CONTROL_MAX);
        memcpy(w->control.bytes + w->control.n, data.p, data.n);
        w->control.n = (uint8_t)(w->control.n + data.n);
    }
    if (control)
        return end ? on_control(w, f->opcode, ev) : 0;
    bool text = w->message == WSLAY_TEXT_FRAME;
    if (end && f->fin)
        w->message = 0;
    if (!text) {
        *ev = (struct ws_ev){.kind = WS_EV_BINARY, .data = data};
        return data.n ? 1 : 0; /* an empty frame says nothing */
    }
    if (buf_put(&w->text, data) < 0)
        return nomem(w);
    return end && f->fin ? on_text(w, ev) : 0;
}

/* The length of a frame's head, RFC 6455 5.2. wslay has refused lengths that are not in their shortest form.
 */
static size_t head_bytes(const struct wslay_frame_iocb *f) {
    size_t length = f->payload_length < 126 ? 0 : f->payload_length <= UINT16_MAX ? 2 : 8;
    return 2 + length + (f->mask ? 4 : 0);
}

/* One step of wslay. 1: *ev is filled; 0: go on; ERR_SHORT: all bytes are used up. */
static int step(struct ws *w, struct ws_ev *ev) {
    struct wslay_frame_iocb f = {0};
    ssize_t n = wslay_frame_recv(w->framing, &f);
    if (n == WSLAY_ERR_WANT_READ)
        return ERR_SHORT;
    if (n < 0)
        return bad_frame(w, "the length of a frame is against the rules");
    bool begins = !w->in_frame;
    int r = begins ? begin_frame(w, &f) : 0;
    if (r < 0)
        return r;
    w->taken -= (begins ? head_bytes(&f) : 0) + f.data_length;
    w->left -= f.data_length;
    w->in_frame = w->left > 0;
    return on_piece(w, &f, ev);
}

int ws_input(struct ws *w, struct slice *in, struct ws_ev *ev) {
    if (w->err)
        return w->err;
    if (w->text_given)
        buf_wipe(&w->text);
    w->text_given = false;
    w->feed = slice_skip(*in, w->ahead);
    w->ahead = 0;
    int r = w->peer_closed ? ERR_SHORT : 0;
    while (r == 0)
        r = step(w, ev);
    /* what wslay has read ahead of the event stays in *in: the caller sees how much is left */
    if (r == 1 && !w->peer_closed)
        w->ahead = w->taken;
    *in = slice_skip(*in, in->n - (r == 1 ? w->feed.n + w->ahead : 0));
    w->feed = SLICE_EMPTY;
    return r == ERR_SHORT ? 0 : r;
}

/* --- life --- */

struct ws *ws_new(enum ws_role role, size_t text_max, const uint8_t random[16]) {
    const struct wslay_frame_callbacks calls = {take, give, mask};
    struct ws *w = calloc(1, sizeof *w);
    if (!w || wslay_frame_context_init(&w->framing, &calls, w) != 0) {
        free(w);
        return NULL;
    }
    w->role = role;
    w->text_max = text_max;
    w->error = "";
    assert((random != NULL) == (role == WS_CLIENT));
    if (random)
        memcpy(w->seed, random, sizeof w->seed);
    return w;
}

void ws_free(struct ws **w) {
    if (!*w)
        return;
    wslay_frame_context_free((*w)->framing);
    buf_wipe(&(*w)->text);
    buf_wipe(&(*w)->out);
    free(*w);
    *w = NULL;
}

/* --- the handshake's parts --- */

enum { KEY_BYTES = 16, KEY_TEXT = 24 };

bool ws_accept_key(struct slice key, char out[WS_ACCEPT_CAP]) {
    static const char guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"; /* RFC 6455 1.3 */
    uint8_t raw[KEY_BYTES], sum[SHA_DIGEST_LENGTH], joined[KEY_TEXT + sizeof guid - 1];
    /* with so many characters, only two signs of padding leave 16 bytes */
    if (key.n != KEY_TEXT || text_unbase64(key, raw, sizeof raw) != KEY_BYTES)
        return false;
    struct wr wr = wr_of(joined, sizeof joined);
    wr_bytes(&wr, key);
    wr_bytes(&wr, slice_str(guid));
    if (!SHA1(joined, sizeof joined, sum))
        return false;
    static_assert(WS_ACCEPT_CAP == (SHA_DIGEST_LENGTH + 2) / 3 * 4 + 1, "SHA-1 in base64");
    EVP_EncodeBlock((unsigned char *)out, sum, sizeof sum);
    return true;
}

void ws_make_key(const uint8_t random[16], char out[25]) {
    EVP_EncodeBlock((unsigned char *)out, random, KEY_BYTES);
}
