/* SPDX-License-Identifier: Apache-2.0 */
#include "http/stream.h"

#include "base/ossl.h"
#include "http/now.h"
#include "proto/ws.h"

#include <openssl/rand.h>
#include <stdlib.h>

enum { READ_BYTES = 32768, FAREWELL_MS = 200 };

struct stream {
    struct conn *conn;
    struct ws *ws;
    struct buf early;  /* what came with the answer to the upgrade */
    struct slice rest; /* read and not parsed yet: in early or in */
    struct mono heard;
    int64_t silence_ms;
    bool hold, over;
    uint8_t in[READ_BYTES];
};

static int start(struct stream *s, const struct stream_opts *o) {
    uint8_t random[16];
    if (RAND_bytes(random, sizeof random) != 1)
        return ERR_CRYPTO;
    s->ws = ws_new(WS_CLIENT, o->text_max ? o->text_max : STREAM_TEXT_MAX, random);
    s->rest = buf_slice(&s->early);
    s->heard = now_mono();
    s->silence_ms = o->silence_ms ? o->silence_ms : STREAM_SILENCE_MS;
    return s->ws ? 0 : ERR_NOMEM;
}

int stream_open(struct stream **out, struct client *c, const struct stream_opts *o, struct answer *refused,
                struct errinfo *ei) {
    *out = NULL;
    *refused = (struct answer){0};
    struct stream *s = calloc(1, sizeof *s);
    if (!s)
        return err_set(ei, ERR_NOMEM, "", "out of memory");
    int rc = client_upgrade(c, o->target, o->protocol, o->ticket, refused, &s->conn, &s->early, ei);
    if (rc == 0 && (rc = start(s, o)) < 0)
        err_set(ei, rc, "", "%s", err_text(rc));
    if (rc < 0)
        stream_free(&s);
    *out = s;
    return rc;
}

void stream_free(struct stream **sp) {
    struct stream *s = *sp;
    if (!s)
        return;
    if (s->ws && !s->over) {
        ws_close(s->ws, WS_CLOSE_NORMAL, "");
        stream_flush(s, mono_add_ms(now_mono(), FAREWELL_MS));
    }
    ws_free(&s->ws);
    conn_close(&s->conn);
    buf_free(&s->early);
    OPENSSL_cleanse(s->in, sizeof s->in);
    free(s);
    *sp = NULL;
}

size_t stream_queued(const struct stream *s) {
    return ws_output(s->ws).n;
}

void stream_hold(struct stream *s, bool hold) {
    s->hold = hold;
    if (!hold)
        s->heard = now_mono(); /* it was us who did not listen */
}

static int send_message(struct stream *s, struct slice data, int (*put)(struct ws *w, struct slice data)) {
    if (s->over)
        return ERR_CLOSED;
    return stream_queued(s) + data.n > STREAM_QUEUE_MAX ? ERR_FULL : put(s->ws, data);
}

int stream_send(struct stream *s, struct slice data) {
    return send_message(s, data, ws_binary);
}

int stream_send_text(struct stream *s, struct slice text) {
    return send_message(s, text, ws_text);
}

/* What goes without waiting. 0, ERR_CLOSED. */
static int send_some(struct stream *s) {
    struct slice out;
    while ((out = ws_output(s->ws)).n) {
        int n = conn_write_some(s->conn, out);
        if (n <= 0)
            return n;
        ws_sent(s->ws, (size_t)n);
    }
    return 0;
}

void stream_flush(struct stream *s, struct mono deadline) {
    while (!s->over && send_some(s) == 0 && stream_queued(s)) {
        int got = conn_wait(s->conn, CONN_WRITABLE, NULL, 0, deadline);
        if (got < 0 || mono_due(deadline, now_mono()))
            return;
    }
}

static bool lost(struct stream *s, struct stream_ev *ev, const char *why) {
    s->over = true;
    *ev = (struct stream_ev){.kind = STREAM_EV_LOST, .data = slice_str(why)};
    return true;
}

/* An event of what was read already. False: none. */
static bool parse(struct stream *s, struct stream_ev *ev) {
    struct ws_ev w;
    int rc;
    while ((rc = ws_input(s->ws, &s->rest, &w)) == 1) {
        if (w.kind == WS_EV_PING || w.kind == WS_EV_PONG)
            continue;
        *ev = (struct stream_ev){.code = w.code, .data = w.data};
        ev->kind = w.kind == WS_EV_BINARY ? STREAM_EV_BINARY
                   : w.kind == WS_EV_TEXT ? STREAM_EV_TEXT
                                          : STREAM_EV_CLOSE;
        if (w.kind == WS_EV_CLOSE) {
            (void)send_some(s); /* the answer; who closes is not waited for */
            s->over = true;
        }
        return true;
    }
    if (rc == 0)
        return false;
    (void)send_some(s); /* the close frame that says why */
    return lost(s, ev, ws_error(s->ws));
}

static bool read_more(struct stream *s, struct stream_ev *ev) {
    int n = conn_read(s->conn, s->in, sizeof s->in, (struct mono){0});
    if (n == ERR_TIMEOUT)
        return false;
    if (n <= 0)
        return lost(s, ev, n == 0 ? "the server closed the connection" : "the connection broke");
    s->rest = slice_of(s->in, (size_t)n);
    s->heard = now_mono();
    return false;
}

void stream_next(struct stream *s, struct pollfd *others, size_t n, struct mono deadline,
                 struct stream_ev *ev) {
    for (size_t i = 0; i < n; i++)
        others[i].revents = 0;
    while (!s->over) {
        if (!s->hold && s->rest.n && parse(s, ev))
            return;
        struct mono silent = s->hold || s->silence_ms < 0 ? MONO_NEVER : mono_add_ms(s->heard, s->silence_ms);
        int got = send_some(s);
        int wants = (s->hold ? 0 : CONN_READABLE) | (stream_queued(s) ? CONN_WRITABLE : 0);
        if (got == 0)
            got = conn_wait(s->conn, wants, others, n, mono_min(deadline, silent));
        if (got < 0) {
            (void)lost(s, ev, "the connection broke");
            return;
        }
        if (got & CONN_READABLE && read_more(s, ev))
            return;
        struct mono now = now_mono();
        if (!(got & CONN_READABLE) && mono_due(silent, now)) {
            (void)lost(s, ev, "nothing was heard of the server for 45 s");
            return;
        }
        if (got & CONN_OTHER || mono_due(deadline, now)) {
            ev->kind = got & CONN_OTHER ? STREAM_EV_OTHER : STREAM_EV_TIME;
            return;
        }
    }
    (void)lost(s, ev, "the stream is over");
}
