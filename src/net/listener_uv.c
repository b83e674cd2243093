/* SPDX-License-Identifier: Apache-2.0 */
/* Listeners on real sockets. The socket is ours and libuv only polls it, because it must be possible to leave
 * connections unaccepted in the kernel's queue, and to share a port between loops. */
#include "net/loop_uv.h"

#include "base/log.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    BACKLOG = 4096,
    SHORTAGE_MS = 100, /* pause after the process ran out of descriptors */
};

struct listener_uv {
    struct listener l;
    uv_poll_t poll;
    struct loop_timer shortage;
    int fd;
    bool polling, short_of_fds, shortage_told;
    struct sockaddr_un path; /* to unlink; sun_path empty for TCP */
};

static struct listener_uv *uvl_of(struct listener *l) {
    return CONTAINER_OF(l, struct listener_uv, l);
}

static void on_acceptable(uv_poll_t *h, int status, int events);

static void update_polling(struct listener_uv *x) {
    bool want = listener_has_room(&x->l) && !x->short_of_fds;
    if (want == x->polling)
        return;
    x->polling = want;
    if (want)
        uv_poll_start(&x->poll, UV_READABLE, on_acceptable);
    else
        uv_poll_stop(&x->poll);
}

static void on_shortage_over(struct loop_timer *t) {
    struct listener_uv *x = CONTAINER_OF(t, struct listener_uv, shortage);
    x->short_of_fds = false;
    update_polling(x);
}

static void accept_failed(struct listener_uv *x, int code) {
    if (code != EMFILE && code != ENFILE && code != ENOBUFS && code != ENOMEM)
        return; /* the peer is gone already, or nobody waits */
    if (!x->shortage_told)
        log_warn("net", "%s: cannot accept: %s; peers wait", x->l.address, strerror(code));
    x->shortage_told = true;
    x->short_of_fds = true;
    loop_timer_set(x->l.loop, &x->shortage, mono_add_ms(loop_now(x->l.loop), SHORTAGE_MS));
}

static void on_acceptable(uv_poll_t *h, int status, int events) {
    struct listener_uv *x = h->data;
    loop_uv_enter(loop_uv_of(x->l.loop));
    for (uint32_t i = 0; i < x->l.opts.per_turn_max && listener_has_room(&x->l); i++) {
        struct sockaddr_storage peer = {.ss_family = AF_UNIX};
        socklen_t len = sizeof peer;
        int fd = accept4(x->fd, (struct sockaddr *)&peer, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0) {
            accept_failed(x, errno);
            break;
        }
        x->shortage_told = false;
        struct stream *s = stream_uv_accepted(x->l.loop, fd, (struct sockaddr *)&peer);
        if (s)
            stream_accepted(s, &x->l);
        if (uv_is_closing((uv_handle_t *)h))
            return; /* a callback closed the listener */
    }
    update_polling(x);
}

static void uvl_resume(struct listener *l) {
    struct listener_uv *x = uvl_of(l);
    if (!uv_is_closing((uv_handle_t *)&x->poll))
        update_polling(x);
}

static void on_closed(uv_handle_t *h) {
    struct listener_uv *x = h->data;
    close(x->fd);
    listener_fini(&x->l);
    free(x);
}

static void uvl_close(struct listener *l) {
    struct listener_uv *x = uvl_of(l);
    loop_timer_stop(l->loop, &x->shortage);
    shutdown(x->fd, SHUT_RDWR); /* stops listening now; the descriptor goes when libuv is done with it */
    if (x->path.sun_path[0])
        unlink(x->path.sun_path);
    uv_close((uv_handle_t *)&x->poll, on_closed);
}

static const struct listener_ops uvl_ops = {.resume = uvl_resume, .close = uvl_close};

/* --- opening --- */

/* A socket file that nobody serves any more is in the way of a restart. */
static void remove_stale(const struct sockaddr_un *un) {
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return;
    if (connect(fd, (const struct sockaddr *)un, sizeof *un) < 0 && errno == ECONNREFUSED)
        unlink(un->sun_path);
    close(fd);
}

static void set_options(int fd, const struct sockaddr *sa, bool reuse_port) {
    static const int on = 1, off = 0, idle_s = 60;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (reuse_port)
        setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
    if (sa->sa_family == AF_INET6) {
        const struct in6_addr *a = &((const struct sockaddr_in6 *)(const void *)sa)->sin6_addr;
        if (IN6_IS_ADDR_UNSPECIFIED(a))
            setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
    }
    /* accepted sockets inherit these, which saves three system calls each */
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle_s, sizeof idle_s);
}

/* A listening descriptor, or -errno. */
static int listen_on(const struct sockaddr *sa, socklen_t len, bool reuse_port) {
    int fd = socket(sa->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    if (sa->sa_family != AF_UNIX)
        set_options(fd, sa, reuse_port);
    if (bind(fd, sa, len) == 0 && listen(fd, BACKLOG) == 0)
        return fd;
    int code = errno;
    close(fd);
    return -code;
}

static int listen_any(uint16_t port, bool reuse_port) {
    struct sockaddr_in6 v6 = {
        .sin6_family = AF_INET6, .sin6_port = htons(port), .sin6_addr = IN6ADDR_ANY_INIT};
    int fd = listen_on((struct sockaddr *)&v6, sizeof v6, reuse_port);
    if (fd != -EAFNOSUPPORT && fd != -EADDRNOTAVAIL)
        return fd;
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(port)};
    return listen_on((struct sockaddr *)&v4, sizeof v4, reuse_port);
}

/* Blocks on the resolver; only while starting. */
static int listen_name(const struct address *a, bool reuse_port) {
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE}, *list = NULL;
    char port[8];
    snprintf(port, sizeof port, "%u", a->port);
    if (getaddrinfo(a->host, port, &hints, &list) != 0)
        return -EADDRNOTAVAIL;
    int fd = -EADDRNOTAVAIL;
    for (struct addrinfo *ai = list; ai && fd < 0; ai = ai->ai_next)
        fd = listen_on(ai->ai_addr, ai->ai_addrlen, reuse_port);
    freeaddrinfo(list);
    return fd;
}

static int open_socket(const struct address *a, const struct listen_opts *o) {
    switch (a->kind) {
    case ADDRESS_ANY:
        return listen_any(a->port, o->reuse_port);
    case ADDRESS_NAME:
        return listen_name(a, o->reuse_port);
    case ADDRESS_UNIX:
        remove_stale(&a->sa.un);
        break;
    case ADDRESS_IP:
        break;
    }
    return listen_on(&a->sa.any, a->sa_len, o->reuse_port);
}

static void explain(struct errinfo *ei, const char *address, int code) {
    err_set(ei,
            code == EADDRINUSE                ? ERR_EXISTS
            : code == EACCES || code == EPERM ? ERR_DENIED
                                              : ERR_IO,
            "address", "cannot listen on %s: %s", address, strerror(code));
    if (code == EADDRINUSE)
        err_remedy(ei, "Another program listens there; stop it or choose another port.");
    else if (code == EACCES || code == EPERM)
        err_remedy(ei, "Ports below 1024 need the right CAP_NET_BIND_SERVICE; choose another port.");
    else if (code == EADDRNOTAVAIL)
        err_remedy(ei, "Use an address of this machine, or :PORT for all of them.");
}

int listener_probe(const char *address, struct errinfo *ei) {
    struct address a;
    if (address_parse(address, &a, ei) < 0)
        return ei->code;
    if (a.kind == ADDRESS_UNIX) /* cannot be shared */
        return 0;
    int fd = open_socket(&a, &(struct listen_opts){0});
    if (fd < 0) {
        explain(ei, address, -fd);
        return ei->code;
    }
    close(fd);
    return 0;
}

static void fill_address(struct listener_uv *x, const struct address *a) {
    if (a->kind == ADDRESS_UNIX) {
        x->path = a->sa.un;
        snprintf(x->l.address, sizeof x->l.address, "unix:%s", a->sa.un.sun_path);
        return;
    }
    struct sockaddr_storage ss = {0};
    socklen_t len = sizeof ss;
    getsockname(x->fd, (struct sockaddr *)&ss, &len);
    address_text((struct sockaddr *)&ss, x->l.address, NULL);
    x->l.port = address_port((struct sockaddr *)&ss);
}

struct listener *listener_uv_open(struct loop *l, const struct listen_opts *o, struct errinfo *ei) {
    struct address a;
    if (address_parse(o->address, &a, ei) < 0)
        return NULL;
    int fd = open_socket(&a, o);
    if (fd < 0) {
        explain(ei, o->address, -fd);
        return NULL;
    }
    struct listener_uv *x = calloc(1, sizeof *x);
    if (!x || uv_poll_init(&loop_uv_of(l)->uv, &x->poll, fd) != 0) {
        err_set(ei, ERR_NOMEM, "", "out of memory");
        close(fd);
        free(x);
        return NULL;
    }
    x->fd = fd;
    x->poll.data = x;
    x->shortage.fn = on_shortage_over;
    listener_init(&x->l, l, &uvl_ops, o);
    fill_address(x, &a);
    update_polling(x);
    return &x->l;
}
