/* SPDX-License-Identifier: Apache-2.0 */
#include "scripted.h"

#include "base/ossl.h"
#include "proto/http1.h"
#include "proto/ws.h"

#include <arpa/inet.h>
#include <limits.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum { CONNECTIONS_MAX = 256, ROWS_MAX = 64 };

struct scripted {
    int fd;
    uint16_t port;
    SSL_CTX *tls;
    pthread_t accepting, serving[CONNECTIONS_MAX];
    unsigned nserving;
    pthread_mutex_t lock; /* guards the rest */
    const struct script *rows;
    unsigned used[ROWS_MAX], connections;
    struct buf log;
    bool stop;
};

struct served {
    struct scripted *s;
    int fd;
    SSL *ssl;
};

static SSL_CTX *make_tls(const char *cert_pem, const char *key_pem) {
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
    BIO *cb = BIO_new_mem_buf(cert_pem, -1), *kb = BIO_new_mem_buf(key_pem, -1);
    X509 *cert = PEM_read_bio_X509(cb, NULL, NULL, NULL);
    EVP_PKEY *key = PEM_read_bio_PrivateKey(kb, NULL, NULL, NULL);
    SSL_CTX_use_certificate(ctx, cert);
    SSL_CTX_use_PrivateKey(ctx, key);
    X509_free(cert);
    EVP_PKEY_free(key);
    BIO_free(cb);
    BIO_free(kb);
    return ctx;
}

static bool stopped(struct scripted *s) {
    pthread_mutex_lock(&s->lock);
    bool stop = s->stop;
    pthread_mutex_unlock(&s->lock);
    return stop;
}

/* Bytes of the client; 0 when it is gone, nothing came for so long or the server is to stop. */
static int receive(struct served *c, uint8_t *into, int cap, int ms) {
    for (; ms > 0 && !stopped(c->s); ms -= 20) {
        struct pollfd p = {.fd = c->fd, .events = POLLIN};
        if (!(c->ssl && SSL_pending(c->ssl)) && poll(&p, 1, 20) == 0)
            continue;
        int n = c->ssl ? SSL_read(c->ssl, into, cap) : (int)recv(c->fd, into, (size_t)cap, 0);
        return n > 0 ? n : 0;
    }
    return 0;
}

static bool give(struct served *c, struct slice s) {
    while (s.n) {
        int n = c->ssl ? SSL_write(c->ssl, s.p, (int)s.n) : (int)send(c->fd, s.p, s.n, MSG_NOSIGNAL);
        if (n <= 0)
            return false;
        s = slice_skip(s, (size_t)n);
    }
    return true;
}

static const struct script *find_row(struct scripted *s, struct slice method, struct slice target) {
    static const struct script none = {
        .status = 404,
        .body = "{\"type\":\"/problems/not-found\",\"message\":\"no such row in the script\"}"};
    for (size_t i = 0; s->rows && s->rows[i].target && i < ROWS_MAX; i++) {
        const struct script *r = &s->rows[i];
        size_t n = strlen(r->target);
        bool fits = slice_is(method, r->method) && target.n >= n && memcmp(target.p, r->target, n) == 0;
        if (fits && (r->times == 0 || s->used[i] < r->times)) {
            s->used[i]++;
            return r;
        }
    }
    return &none;
}

static void log_request(struct scripted *s, const struct http1 *h, struct slice body) {
    struct slice name, value, m = http1_method(h), t = http1_target(h);
    buf_putf(&s->log, "%.*s %.*s\n", (int)m.n, (const char *)m.p, (int)t.n, (const char *)t.p);
    for (size_t i = 0; http1_header_at(h, i, &name, &value); i++)
        buf_putf(&s->log, "%.*s: %.*s\n", (int)name.n, (const char *)name.p, (int)value.n,
                 (const char *)value.p);
    buf_puts(&s->log, "\n");
    buf_put(&s->log, body);
    buf_puts(&s->log, "\n");
}

static void stream_events(struct served *c, const char *body) {
    struct slice rest = slice_str(body);
    while (rest.n && give(c, slice_cut(&rest, '\f')))
        usleep(2000);
}

/* --- WebSocket --- */

struct peer {
    struct served *c;
    struct ws *ws;
    struct buf data; /* binary payload not taken yet */
    char *text;      /* text message not taken yet; of several the last */
    bool closed;
};

void peer_log(struct peer *p, const char *text) {
    pthread_mutex_lock(&p->c->s->lock);
    buf_putf(&p->c->s->log, "ws: %s\n", text);
    pthread_mutex_unlock(&p->c->s->lock);
}

static void peer_flush(struct peer *p) {
    struct slice out = ws_output(p->ws);
    if (give(p->c, out))
        ws_sent(p->ws, out.n);
}

void peer_text(struct peer *p, const char *text) {
    if (ws_text(p->ws, slice_str(text)) == 0)
        peer_flush(p);
}

void peer_binary(struct peer *p, struct slice data) {
    if (ws_binary(p->ws, data) == 0)
        peer_flush(p);
}

void peer_ping(struct peer *p) {
    if (ws_ping(p->ws) == 0)
        peer_flush(p);
}

void peer_close(struct peer *p, unsigned code, const char *reason) {
    ws_close(p->ws, (uint16_t)code, reason);
    peer_flush(p);
}

void peer_pause(struct peer *p, unsigned ms) {
    for (unsigned waited = 0; waited < ms && !stopped(p->c->s); waited += 10)
        usleep(10000);
}

static void take_frame(struct peer *p, const struct ws_ev *ev) {
    char text[64];
    if (ev->kind == WS_EV_BINARY)
        buf_put(&p->data, ev->data);
    if (ev->kind == WS_EV_TEXT) {
        free(p->text);
        p->text = strndup((const char *)ev->data.p, ev->data.n);
    }
    if (ev->kind == WS_EV_PONG)
        peer_log(p, "pong");
    if (ev->kind != WS_EV_CLOSE)
        return;
    snprintf(text, sizeof text, "closed %u", ev->code);
    peer_log(p, text);
    p->closed = true;
}

/* What comes within 10 s. False: nothing more will. */
static bool peer_more(struct peer *p) {
    uint8_t in[4096];
    int n = p->closed ? 0 : receive(p->c, in, sizeof in, 10000);
    struct slice s = slice_of(in, (size_t)n);
    struct ws_ev ev;
    int rc;
    while ((rc = ws_input(p->ws, &s, &ev)) == 1)
        take_frame(p, &ev);
    if (rc < 0)
        peer_log(p, ws_error(p->ws));
    peer_flush(p);
    return n > 0 && rc == 0;
}

bool peer_read(struct peer *p, uint8_t *into, size_t n) {
    while (p->data.len < n && peer_more(p))
        ;
    if (p->data.len < n) {
        peer_log(p, "too little came");
        return false;
    }
    memcpy(into, buf_slice(&p->data).p, n);
    buf_consume(&p->data, n);
    return true;
}

char *peer_next_text(struct peer *p) {
    while (!p->text && peer_more(p))
        ;
    if (!p->text)
        peer_log(p, "no text came");
    char *text = p->text;
    p->text = NULL;
    return text;
}

bool peer_expect(struct peer *p, const char *text) {
    uint8_t got[1024];
    size_t n = strlen(text);
    if (!peer_read(p, got, n))
        return false;
    if (memcmp(got, text, n) == 0)
        return true;
    char line[1200];
    snprintf(line, sizeof line, "wanted \"%s\", got \"%.*s\"", text, (int)n, (const char *)got);
    peer_log(p, line);
    return false;
}

void peer_wait_close(struct peer *p) {
    while (!p->closed && peer_more(p))
        ;
}

static void upgrade(struct served *c, const struct script *r, const char *key) {
    struct buf out = {0};
    char accept[WS_ACCEPT_CAP] = "";
    struct peer p = {.c = c, .ws = ws_new(WS_SERVER, 131072, NULL)};
    if (!p.ws || !ws_accept_key(slice_str(key), accept))
        abort();
    const char *headers[] = {"Connection",
                             "Upgrade",
                             "Upgrade",
                             "websocket",
                             "Sec-WebSocket-Accept",
                             r->accept ? r->accept : accept,
                             r->no_protocol ? NULL : "Sec-WebSocket-Protocol",
                             "outband.v1",
                             NULL};
    if (http1_put_response(&out, 101, headers, -1) == 0 && give(c, buf_slice(&out)))
        r->play(&p);
    buf_free(&out);
    buf_free(&p.data);
    free(p.text);
    ws_free(&p.ws);
}

/* False: the connection is to be closed. */
static bool reply(struct served *c, const struct script *r) {
    for (unsigned waited = 0; waited < r->delay_ms && !stopped(c->s); waited += 10)
        usleep(10000);
    if (r->status == 0)
        return false;
    struct buf out = {0};
    const char *type = r->type ? r->type : r->status >= 400 ? "application/problem+json" : "application/json";
    char name[64] = "X-Test", value[256] = "1";
    const char *colon = r->extra ? strstr(r->extra, ": ") : NULL;
    if (colon) {
        slice_to_str(slice_of(r->extra, (size_t)(colon - r->extra)), name, sizeof name);
        slice_to_str(slice_str(colon + 2), value, sizeof value);
    }
    const char *headers[] = {"Content-Type", type, name, value, NULL};
    size_t n = r->body && !r->open_ended ? strlen(r->body) : 0;
    if (http1_put_response(&out, r->status, headers, r->open_ended ? -1 : (int64_t)n) < 0)
        abort();
    if (n)
        buf_puts(&out, r->body);
    bool ok = give(c, buf_slice(&out));
    buf_free(&out);
    if (r->open_ended)
        stream_events(c, r->body);
    return ok && !r->open_ended && !r->close_after;
}

static bool take_request(struct served *c, struct http1 *h, struct buf *body) {
    struct scripted *s = c->s;
    pthread_mutex_lock(&s->lock);
    log_request(s, h, buf_slice(body));
    /* a copy: once the client has its answer, the test may go on and its rows be gone */
    const struct script r = *find_row(s, http1_method(h), http1_target(h));
    pthread_mutex_unlock(&s->lock);
    buf_free(body);
    if (r.play) {
        char key[64];
        slice_to_str(http1_header(h, "Sec-WebSocket-Key"), key, sizeof key);
        upgrade(c, &r, key);
        return false;
    }
    return reply(c, &r);
}

static void *serve(void *arg) {
    struct served *c = arg;
    const struct http1_limits lim = HTTP1_LIMITS_SERVER;
    struct http1 *h = http1_new(HTTP1_REQUESTS, &lim);
    struct buf body = {0};
    uint8_t in[4096];
    bool go_on = !c->ssl || SSL_accept(c->ssl) == 1;
    while (go_on) {
        int n = receive(c, in, sizeof in, INT_MAX);
        struct slice s = slice_of(in, (size_t)n);
        struct http1_ev ev;
        go_on = n > 0;
        while (go_on && http1_input(h, &s, &ev) == 1) {
            if (ev.kind == HTTP1_BODY)
                buf_put(&body, ev.data);
            else if (ev.kind == HTTP1_END)
                go_on = take_request(c, h, &body);
        }
    }
    buf_free(&body);
    http1_free(&h);
    ERR_clear_error();
    SSL_free(c->ssl);
    close(c->fd);
    free(c);
    return NULL;
}

static void *accept_all(void *arg) {
    struct scripted *s = arg;
    while (!stopped(s)) {
        struct pollfd p = {.fd = s->fd, .events = POLLIN};
        if (poll(&p, 1, 20) <= 0)
            continue;
        int fd = accept(s->fd, NULL, NULL);
        struct served *c = fd >= 0 && s->nserving < CONNECTIONS_MAX ? calloc(1, sizeof *c) : NULL;
        if (!c) {
            close(fd);
            continue;
        }
        *c = (struct served){s, fd, s->tls ? SSL_new(s->tls) : NULL};
        if (c->ssl)
            SSL_set_fd(c->ssl, fd);
        pthread_mutex_lock(&s->lock);
        s->connections++;
        pthread_mutex_unlock(&s->lock);
        if (pthread_create(&s->serving[s->nserving], NULL, serve, c) != 0)
            abort();
        s->nserving++;
    }
    return NULL;
}

static struct scripted *start_at(uint16_t port, const char *cert_pem, const char *key_pem) {
    struct scripted *s = calloc(1, sizeof *s);
    struct sockaddr_in at = {
        .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons(port)};
    socklen_t len = sizeof at;
    int on = 1;
    s->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(s->fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(s->fd, (struct sockaddr *)&at, sizeof at) < 0 || listen(s->fd, 64) < 0 ||
        getsockname(s->fd, (struct sockaddr *)&at, &len) < 0) {
        close(s->fd);
        free(s);
        return NULL;
    }
    s->port = ntohs(at.sin_port);
    s->tls = cert_pem ? make_tls(cert_pem, key_pem) : NULL;
    pthread_mutex_init(&s->lock, NULL);
    if (pthread_create(&s->accepting, NULL, accept_all, s) != 0)
        abort();
    return s;
}

struct scripted *scripted_start(const char *cert_pem, const char *key_pem) {
    return start_at(0, cert_pem, key_pem);
}

struct scripted *scripted_start_at(uint16_t port) {
    return start_at(port, NULL, NULL);
}

void scripted_stop(struct scripted **sp) {
    struct scripted *s = *sp;
    if (!s)
        return;
    pthread_mutex_lock(&s->lock);
    s->stop = true;
    pthread_mutex_unlock(&s->lock);
    pthread_join(s->accepting, NULL);
    for (unsigned i = 0; i < s->nserving; i++)
        pthread_join(s->serving[i], NULL);
    pthread_mutex_destroy(&s->lock);
    SSL_CTX_free(s->tls);
    buf_free(&s->log);
    close(s->fd);
    free(s);
    *sp = NULL;
}

uint16_t scripted_port(const struct scripted *s) {
    return s->port;
}

void scripted_play(struct scripted *s, const struct script *rows) {
    pthread_mutex_lock(&s->lock);
    s->rows = rows;
    s->connections = 0;
    memset(s->used, 0, sizeof s->used);
    buf_free(&s->log);
    pthread_mutex_unlock(&s->lock);
}

char *scripted_log(struct scripted *s) {
    pthread_mutex_lock(&s->lock);
    char *copy = strdup(buf_cstr(&s->log));
    pthread_mutex_unlock(&s->lock);
    return copy;
}

unsigned scripted_connections(struct scripted *s) {
    pthread_mutex_lock(&s->lock);
    unsigned n = s->connections;
    pthread_mutex_unlock(&s->lock);
    return n;
}
