/* SPDX-License-Identifier: Apache-2.0 */
/* ws: WebSocket (RFC 6455) after its handshake, either role, on wslay's framing. Sans-IO: bytes in; events
 * and bytes out. No extensions. Owner: the connection that made it; one thread. */
#pragma once

#include "base/buf.h"
#include "base/err.h"
#include "base/slice.h"

enum ws_role { WS_SERVER, WS_CLIENT };
enum ws_ev_kind {
    WS_EV_BINARY, /* data: the next piece of a binary message; pieces come as they arrive, nothing is gathered
                   */
    WS_EV_TEXT,   /* data: a whole text message, valid UTF-8, at most text_max bytes */
    WS_EV_PING,   /* the pong is queued already; of a flood that is not read, the newest is answered */
    WS_EV_PONG,
    WS_EV_CLOSE, /* code (1005 when none was given), data: reason. The answer is queued; nothing follows */
};
struct ws_ev {
    enum ws_ev_kind kind;
    struct slice data; /* valid until the next ws_* call */
    uint16_t code;
};

/* RFC 6455 7.4.1 and our own, from docs/sessions.md */
enum {
    WS_CLOSE_NORMAL = 1000,
    WS_CLOSE_GOING_AWAY = 1001,
    WS_CLOSE_PROTOCOL = 1002,
    WS_CLOSE_UNSUPPORTED = 1003,
    WS_CLOSE_NOT_UTF8 = 1007,
    WS_CLOSE_POLICY = 1008,
    WS_CLOSE_TOO_BIG = 1009,
    WS_CLOSE_RESTART = 1012,
    WS_CLOSE_NONE = 1005
};
enum { WS_ACCEPT_CAP = 29, WS_REASON_MAX = 123 };

struct ws;
/* random: seed of a client's masks (a client must pass 16 fresh bytes; a server NULL). text_max: longest text
 * message. NULL: out of memory. */
struct ws *ws_new(enum ws_role role, size_t text_max, const uint8_t random[16]);
void ws_free(struct ws **w);
/* Take bytes off *in until one event is complete: 1 and *ev; 0 when used up; ERR_PROTO, ERR_LIMIT (a close
 * frame with the right code is queued: send it, then close), ERR_NOMEM. Any split gives the same events, but
 * that BINARY may come in more pieces. Unmasks into its own memory: *in is not written to. */
NODISCARD int ws_input(struct ws *w, struct slice *in, struct ws_ev *ev);
/* Queue one whole message. 0; ERR_CLOSED after a close; ERR_NOMEM. */
NODISCARD int ws_binary(struct ws *w, struct slice data);
NODISCARD int ws_text(struct ws *w, struct slice data);
NODISCARD int ws_ping(struct ws *w);
/* A server's binary message without a copy: the caller sends ws_output(), which is empty then, this head, and
 * the n bytes themselves. Empty when ws_binary() would fail. */
enum { WS_HEAD_CAP = 10 };
struct slice ws_binary_head(const struct ws *w, size_t n_bytes, uint8_t mem[WS_HEAD_CAP]);
/* Queue a close frame once; reason is cut to WS_REASON_MAX bytes at a character's boundary. */
void ws_close(struct ws *w, uint16_t code, const char *reason);
bool ws_closing(const struct ws *w); /* we have queued a close frame */
struct slice ws_output(const struct ws *w);
void ws_sent(struct ws *w, size_t n_bytes);
/* A sentence of the last error, "" when none. */
const char *ws_error(const struct ws *w);

/* --- the handshake's parts --- */
/* Sec-WebSocket-Accept of a key. False when the key is not 16 bytes in base64. RFC 6455 4.2.2 */
bool ws_accept_key(struct slice key, char out[WS_ACCEPT_CAP]);
/* Sec-WebSocket-Key of 16 random bytes. */
void ws_make_key(const uint8_t random[16], char out[25]);
