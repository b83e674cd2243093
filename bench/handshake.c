/* SPDX-License-Identifier: Apache-2.0 */
/* raw-handshake: how many TLS 1.2 handshakes a second one core does with bare OpenSSL and epoll, to compare
 * the server's accept rate with (design 13). Counted in CPU time of the server side; clients are another
 * process on loopback. Usage: bench-handshake [rsa-2048|rsa-3072|p-256 [SECONDS]]. Prints one line of JSON.
 */
#include "base/json.h"
#include "plain.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { IN_FLIGHT = 64, EVENTS = 128 };

struct conn {
    SSL *ssl;
    int fd;
    bool done;
};

static struct conn *conn_new(SSL_CTX *ctx, int ep, int fd, bool server) {
    struct conn *c = calloc(1, sizeof *c);
    if (!c || !(c->ssl = SSL_new(ctx)))
        plain_die("out of memory");
    c->fd = fd;
    SSL_set_fd(c->ssl, fd);
    if (server)
        SSL_set_accept_state(c->ssl);
    else
        SSL_set_connect_state(c->ssl);
    struct epoll_event e = {.events = EPOLLIN, .data.ptr = c};
    epoll_ctl(ep, EPOLL_CTL_ADD, fd, &e);
    return c;
}

static void conn_free(struct conn *c) {
    SSL_free(c->ssl);
    close(c->fd);
    free(c);
}

/* False: it is over. */
static bool conn_step(struct conn *c) {
    char rest[16];
    ERR_clear_error();
    int r = c->done ? SSL_read(c->ssl, rest, sizeof rest) : SSL_do_handshake(c->ssl);
    if (!c->done && r == 1) {
        c->done = true;
        return true;
    }
    return r <= 0 && SSL_get_error(c->ssl, r) == SSL_ERROR_WANT_READ;
}

/* --- the other process --- */

static struct conn *dial(SSL_CTX *ctx, int ep, uint16_t port) {
    struct sockaddr_in to = plain_loopback(port);
    struct linger reset = {1, 0}; /* no port stays in TIME_WAIT */
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof to) < 0)
        plain_die("connect failed");
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    struct conn *c = conn_new(ctx, ep, fd, false);
    int flags = 1;
    ioctl(fd, FIONBIO, &flags);
    conn_step(c);
    return c;
}

static void client(uint16_t port) {
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_max_proto_version(ctx, TLS1_2_VERSION);
    SSL_CTX_set_cipher_list(ctx, "ECDHE+AESGCM");
    int ep = epoll_create1(EPOLL_CLOEXEC);
    for (int i = 0; i < IN_FLIGHT; i++)
        dial(ctx, ep, port);
    for (;;) {
        struct epoll_event e[EVENTS];
        int n = epoll_wait(ep, e, EVENTS, -1);
        for (int i = 0; i < n; i++) {
            struct conn *c = e[i].data.ptr;
            if (conn_step(c) && !c->done)
                continue;
            conn_free(c);
            dial(ctx, ep, port);
        }
    }
}

/* --- the side that is measured --- */

static void accept_all(SSL_CTX *ctx, int ep, int lis) {
    for (int fd; (fd = accept4(lis, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0;)
        conn_new(ctx, ep, fd, true);
}

/* Serve for so long; returns the handshakes done. */
static unsigned serve(SSL_CTX *ctx, int ep, int lis, double for_s) {
    unsigned done = 0;
    double until = plain_seconds(CLOCK_MONOTONIC) + for_s;
    while (plain_seconds(CLOCK_MONOTONIC) < until) {
        struct epoll_event e[EVENTS];
        int n = epoll_wait(ep, e, EVENTS, 100);
        for (int i = 0; i < n; i++) {
            struct conn *c = e[i].data.ptr;
            if (!c) {
                accept_all(ctx, ep, lis);
                continue;
            }
            bool was = c->done;
            if (!conn_step(c))
                conn_free(c);
            else
                done += !was && c->done;
        }
    }
    return done;
}

int main(int argc, char **argv) {
    const char *cert = argc > 1 ? argv[1] : "rsa-2048";
    double for_s = argc > 2 ? strtod(argv[2], NULL) : 2;
    enum pki_key kind;
    if (!pki_key_parse(cert, &kind) || for_s <= 0)
        plain_die("usage: bench-handshake [rsa-2048|rsa-3072|p-256 [SECONDS]]");
    uint16_t port;
    int lis = plain_listen(&port), ep = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event e = {.events = EPOLLIN};
    epoll_ctl(ep, EPOLL_CTL_ADD, lis, &e);
    SSL_CTX *ctx = plain_server_ctx(kind);
    signal(SIGPIPE, SIG_IGN);
    pid_t child = fork();
    if (child == 0)
        client(port);
    serve(ctx, ep, lis, for_s / 4); /* caches warm up */
    double cpu = plain_seconds(CLOCK_PROCESS_CPUTIME_ID);
    unsigned done = serve(ctx, ep, lis, for_s);
    cpu = plain_seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu;
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    SSL_CTX_free(ctx);

    struct buf line = {0};
    struct json j = json_of(&line);
    json_obj(&j);
    json_kstr(&j, "name", "raw-handshake");
    json_kstr(&j, "cert", cert);
    json_kint(&j, "per_s", cpu > 0 ? (int64_t)(done / cpu) : 0);
    json_obj_end(&j);
    printf("%s\n", buf_cstr(&line));
    buf_free(&line);
    return done ? 0 : 1;
}
