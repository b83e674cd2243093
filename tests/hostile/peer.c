/* SPDX-License-Identifier: Apache-2.0 */
/* Sockets and TLS of a badly behaving peer. */
#include "hostile.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <poll.h>
#include <stdarg.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { STUCK_MS = 3000 };

int64_t now_ms(void) {
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}
void nap_ms(int64_t ms) {
    struct timespec ts = {ms / 1000, ms % 1000 * 1000000};
    nanosleep(&ts, NULL);
}

void must(struct peer *p, bool ok, const char *fmt, ...) {
    if (ok)
        return;
    char text[256];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    printf("FAIL %s: %s\n", p->kind->name, text);
    fflush(stdout);
    _exit(3);
}

uint64_t noise(struct peer *p) {
    p->rng = p->rng * 6364136223846793005u + 1442695040888963407u;
    return p->rng >> 24;
}

/* --- TCP --- */

void peer_dial(struct peer *p) {
    struct sockaddr_in at = {.sin_family = AF_INET,
                             .sin_port = htons(p->kind->door == CIRA ? p->to->cira : p->to->https),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int one = 1;
    p->ended = false;
    p->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    must(p, p->fd >= 0, "socket: %s", strerror(errno));
    must(p, connect(p->fd, (struct sockaddr *)&at, sizeof at) == 0, "connect: %s", strerror(errno));
    setsockopt(p->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    int flags = fcntl(p->fd, F_GETFL);
    fcntl(p->fd, F_SETFL, flags | O_NONBLOCK);
}

static void forget_tunnel(struct peer *p) {
    apf_free(&p->apf);
    buf_free(&p->got);
    for (size_t i = 0; i < CHANS_MAX; i++)
        buf_free(&p->request[i]);
    p->up = p->denied = false;
}

void peer_drop(struct peer *p, bool rst) {
    struct linger now = {1, 0};
    if (p->fd < 0)
        return;
    if (rst)
        setsockopt(p->fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    SSL_free(p->ssl);
    p->ssl = NULL;
    close(p->fd);
    p->fd = -1;
    forget_tunnel(p);
}

static void wait_fd(struct peer *p, short events, int64_t ms) {
    struct pollfd f = {.fd = p->fd, .events = events};
    poll(&f, 1, (int)(ms < 0 ? 0 : ms));
}

bool peer_send_tcp(struct peer *p, struct slice s) {
    int64_t until = now_ms() + STUCK_MS;
    while (s.n && !p->ended) {
        ssize_t n = send(p->fd, s.p, s.n, MSG_NOSIGNAL);
        if (n > 0) {
            s = slice_skip(s, (size_t)n);
            until = now_ms() + STUCK_MS;
        } else if (errno != EAGAIN) {
            p->ended = true;
        } else if (now_ms() > until) {
            return false;
        } else {
            wait_fd(p, POLLOUT, 100);
        }
    }
    return !p->ended;
}

/* --- TLS --- */

bool peer_tls(struct peer *p, bool may_fail) {
    static SSL_CTX *ctx;
    if (!ctx)
        ctx = SSL_CTX_new(TLS_client_method()); /* who the server is does not matter here */
    int64_t until = now_ms() + 8000;
    p->ssl = SSL_new(ctx);
    SSL_set_fd(p->ssl, p->fd);
    for (;;) {
        int r = SSL_connect(p->ssl), e = SSL_get_error(p->ssl, r);
        if (r == 1)
            return true;
        bool more = e == SSL_ERROR_WANT_READ || e == SSL_ERROR_WANT_WRITE;
        if (!more || now_ms() > until) {
            must(p, may_fail, "the TLS handshake %s", more ? "takes too long" : "failed");
            p->ended = true;
            return false;
        }
        wait_fd(p, e == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT, 100);
    }
}

void peer_connect(struct peer *p) {
    peer_dial(p);
    peer_tls(p, false);
}

/* Both directions move while we send: a peer that answers each message must not block us for ever. */
bool peer_send(struct peer *p, struct slice s) {
    int64_t until = now_ms() + STUCK_MS;
    if (!p->ssl)
        return peer_send_tcp(p, s);
    while (s.n && !p->ended) {
        ERR_clear_error();
        int r = SSL_write(p->ssl, s.p, (int)(s.n < 16384 ? s.n : 16384)), e = SSL_get_error(p->ssl, r);
        if (r > 0) {
            s = slice_skip(s, (size_t)r);
            until = now_ms() + STUCK_MS;
        } else if (e != SSL_ERROR_WANT_WRITE && e != SSL_ERROR_WANT_READ) {
            p->ended = true;
        } else if (now_ms() > until) {
            return false;
        } else {
            wait_fd(p, POLLOUT, 50);
        }
    }
    return !p->ended;
}

bool peer_send_buf(struct peer *p, struct buf *b) {
    bool ok = peer_send(p, buf_slice(b));
    buf_free(b);
    return ok;
}

/* One read; 0 when there is nothing now. */
static int take(struct peer *p, uint8_t *mem, int cap) {
    if (!p->ssl) {
        ssize_t n = recv(p->fd, mem, (size_t)cap, 0);
        if (n > 0)
            return (int)n;
        p->ended = n == 0 || errno != EAGAIN;
        return 0;
    }
    ERR_clear_error();
    int r = SSL_read(p->ssl, mem, cap);
    if (r > 0)
        return r;
    int e = SSL_get_error(p->ssl, r);
    p->ended = e != SSL_ERROR_WANT_READ && e != SSL_ERROR_WANT_WRITE;
    return 0;
}

static void device_event(struct peer *p, const struct apf_ev *ev);

bool peer_read(struct peer *p, int64_t ms) {
    static uint8_t mem[16384];
    int64_t until = now_ms() + ms;
    for (;;) {
        int n = p->ended ? 0 : take(p, mem, sizeof mem);
        if (n > 0 && p->apf) {
            struct slice in = slice_of(mem, (size_t)n);
            struct apf_ev ev;
            while (p->apf && apf_input(p->apf, &in, (struct mono){now_ms() * 1000}, &ev) == 1)
                device_event(p, &ev);
            return !p->ended;
        }
        if (n > 0 && p->got.len < GOT_MAX && buf_put(&p->got, slice_of(mem, (size_t)n)) < 0)
            abort();
        if (n > 0)
            return true;
        if (p->ended || now_ms() >= until)
            return !p->ended;
        wait_fd(p, POLLIN, until - now_ms());
    }
}

static void device_event(struct peer *p, const struct apf_ev *ev) {
    if (p->on_event)
        p->on_event(p, ev);
}

bool peer_ends(struct peer *p, int64_t ms) {
    int64_t until = now_ms() + ms;
    while (!p->ended && now_ms() < until)
        peer_read(p, 100);
    return p->ended;
}
