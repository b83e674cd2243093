/* SPDX-License-Identifier: Apache-2.0 */
/* The well-behaved part of a bad session: REST calls, a ticket, the upgrade, frames. */
#include "hostile.h"

#include <sys/socket.h>

#define HOSTS "/v1/projects/default/compute/hosts"

/* --- REST --- */

/* A whole answer is there; its status, else 0. */
static int answered(struct buf *got) {
    const char *s = buf_cstr(got), *end = strstr(s, "\r\n\r\n"), *len = strcasestr(s, "content-length:");
    if (!end || strncmp(s, "HTTP/1.1 ", 9) != 0)
        return 0;
    size_t want = (size_t)(end - s) + 4 + (len && len < end ? strtoul(len + 15, NULL, 10) : 0);
    return got->len >= want ? (int)strtol(s + 9, NULL, 10) : 0;
}

/* The device answers meanwhile: some requests wait for its firmware. */
static int wait_answer(struct session *s, struct peer *p) {
    int status = 0;
    for (int64_t until = now_ms() + 8000; !status && !p->ended && now_ms() < until;) {
        if (s->device)
            tunnel_run(s->device, 10);
        peer_read(p, 20);
        status = answered(&p->got);
    }
    return status;
}

static int rest_once(struct session *s, const char *method, const char *path, const char *body) {
    struct buf b = {0};
    struct peer *p = &s->rest;
    if (p->fd < 0 || p->ended) {
        peer_drop(p, false);
        peer_connect(p);
    }
    buf_free(&p->got);
    buf_putf(&b,
             "%s %s HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %s\r\n"
             "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
             method, path, p->to->token, strlen(body), body);
    peer_send_buf(p, &b);
    return wait_answer(s, p);
}

int session_rest(struct session *s, const char *method, const char *path, const char *body) {
    int status = rest_once(s, method, path, body);
    return status || !s->rest.ended ? status
                                    : rest_once(s, method, path, body); /* it was idle for too long */
}

/* The text behind `before` in the last answer. */
static void text_of(struct session *s, const char *before, char *out, size_t cap) {
    const char *at = strstr(buf_cstr(&s->rest.got), before);
    size_t n = at ? strcspn(at + strlen(before), "\"") : 0;
    must(&s->rest, at != NULL, "no \"%s\" in an answer of %zu bytes", before, s->rest.got.len);
    snprintf(out, cap, "%.*s", (int)n, at ? at + strlen(before) : "");
}

/* --- a session --- */

void session_init(struct session *s, struct peer *p) {
    s->kind = *p->kind;
    s->kind.door = HTTPS;
    s->device = p->apf ? p : NULL;
    s->rest = s->viewer = (struct peer){.to = p->to, .kind = &s->kind, .fd = -1, .rng = p->rng};
}

static void ready_or_end(struct session *s) {
    char state[32] = "";
    for (int64_t until = now_ms() + 9000; strcmp(state, "ready") != 0 && now_ms() < until;) {
        if (s->device)
            tunnel_run(s->device, 50);
        else
            nap_ms(50);
        must(&s->rest, session_rest(s, "GET", s->path, "") == 200, "the session is gone");
        text_of(s, "\"state\":\"", state, sizeof state);
    }
    must(&s->rest, strcmp(state, "ready") == 0, "the session is in state %s", state);
}

void session_open(struct session *s, const char *host, const char *kind) {
    char path[120], body[80], id[32];
    snprintf(path, sizeof path, HOSTS "?filter=name%%3D%%22%s%%22", host);
    must(&s->rest, session_rest(s, "GET", path, "") == 200, "no host %s", host);
    text_of(s, "\"resourceId\":\"", id, sizeof id);
    snprintf(path, sizeof path, HOSTS "/%s/sessions", id);
    snprintf(body, sizeof body, "{\"kind\":\"%s\",\"takeOver\":true}", kind);
    int status = session_rest(s, "POST", path, body);
    must(&s->rest, status == 201, "the session was refused: %d, %.200s", status, buf_cstr(&s->rest.got));
    text_of(s, "\"id\":\"", id, sizeof id);
    snprintf(s->path, sizeof s->path, "%s/%s", path, id);
    ready_or_end(s);
    session_ticket(s);
}

void session_ticket(struct session *s) {
    char path[200];
    snprintf(path, sizeof path, "%s/ticket", s->path);
    int status = session_rest(s, "POST", path, "");
    must(&s->rest, status == 201, "no ticket: %d, %.200s", status, buf_cstr(&s->rest.got));
    text_of(s, "\"ticket\":\"", s->ticket, sizeof s->ticket);
}

int session_upgrade(struct session *s, const char *headers) {
    struct peer *p = &s->viewer;
    struct buf b = {0};
    int small = 4096;
    peer_drop(p, false);
    peer_dial(p);
    if (s->small_buffer)
        setsockopt(p->fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
    peer_tls(p, false);
    buf_putf(&b, "GET %s/stream HTTP/1.1\r\nHost: localhost\r\n%s\r\n", s->path, headers);
    peer_send_buf(p, &b);
    return wait_answer(s, p);
}

void session_headers(const struct session *s, char *out, size_t cap) {
    snprintf(out, cap,
             "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
             "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
             "Sec-WebSocket-Protocol: outband.v1, ticket.%s\r\n",
             s->ticket);
}

void session_watch(struct session *s) {
    char headers[400];
    session_headers(s, headers, sizeof headers);
    int status = session_upgrade(s, headers);
    must(&s->viewer, status == 101, "the stream was refused: %d, %.200s", status, buf_cstr(&s->viewer.got));
}

bool session_hears(struct session *s, const char *word, int64_t ms) {
    struct peer *v = &s->viewer;
    int64_t until = now_ms() + ms;
    for (;;) {
        struct slice got = buf_slice(&v->got);
        if (got.n && memmem(got.p, got.n, word, strlen(word)))
            return true;
        if (v->ended || now_ms() >= until)
            return false;
        if (s->device)
            tunnel_run(s->device, 20);
        peer_read(v, 20);
    }
}

void session_end(struct session *s) {
    session_rest(s, "DELETE", s->path, "");
    peer_drop(&s->viewer, true);
    if (s->device)
        tunnel_run(s->device, 100);
}

/* --- frames --- */

void put_frame(struct buf *b, uint8_t first, uint64_t length, struct slice payload) {
    put_u8(b, first);
    if (length < 126) {
        put_u8(b, (uint8_t)(0x80 | length));
    } else {
        put_u8(b, 0x80 | 127);
        put_be32(b, (uint32_t)(length >> 32));
        put_be32(b, (uint32_t)length);
    }
    put_be32(b, 0); /* a mask that changes nothing */
    if (payload.n && buf_put(b, payload) < 0)
        abort();
}
