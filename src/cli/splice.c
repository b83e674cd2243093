/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/splice.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BACKLOG = 8 };

/* Host and port of where, each NUL-terminated. */
static bool split(const char *where, char host[64], char port[8]) {
    struct slice s = slice_str(where), h = SLICE_LIT("127.0.0.1");
    const char *colon = strrchr(where, ':');
    if (colon) {
        h = slice_of(where, (size_t)(colon - where));
        s = slice_str(colon + 1);
    }
    bool bracketed = h.n > 2 && h.p[0] == '[' && h.p[h.n - 1] == ']';
    if (bracketed)
        h = slice_of(h.p + 1, h.n - 2);
    else if (memchr(h.p, ':', h.n))
        return false;
    uint64_t n;
    return h.n && slice_to_str(h, host, 64) && slice_to_u64(s, 65535, &n) && slice_to_str(s, port, 8);
}

/* The port that was picked, and whether only this machine reaches it. */
static void name_door(struct splice_door *d) {
    struct sockaddr_storage at = {0};
    socklen_t len = sizeof at;
    char text[INET6_ADDRSTRLEN] = "";
    getsockname(d->fd, (struct sockaddr *)&at, &len);
    if (at.ss_family == AF_INET6) {
        struct sockaddr_in6 a6;
        memcpy(&a6, &at, sizeof a6);
        inet_ntop(AF_INET6, &a6.sin6_addr, text, sizeof text);
        d->loopback = IN6_IS_ADDR_LOOPBACK(&a6.sin6_addr);
        d->port = ntohs(a6.sin6_port);
        snprintf(d->shown, sizeof d->shown, "[%s]:%u", text, d->port);
        return;
    }
    struct sockaddr_in a4;
    memcpy(&a4, &at, sizeof a4);
    inet_ntop(AF_INET, &a4.sin_addr, text, sizeof text);
    d->loopback = ntohl(a4.sin_addr.s_addr) >> 24 == 127;
    d->port = ntohs(a4.sin_port);
    snprintf(d->shown, sizeof d->shown, "%s:%u", text, d->port);
}

static int open_door(const struct addrinfo *ai) {
    int on = 1, fd = socket(ai->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(fd, ai->ai_addr, ai->ai_addrlen) == 0 && listen(fd, BACKLOG) == 0)
        return fd;
    int why = errno;
    close(fd);
    errno = why;
    return -1;
}

int splice_listen(struct splice_door *d, const char *option, const char *where, struct errinfo *ei) {
    char host[64], port[8];
    *d = (struct splice_door){.fd = -1};
    if (!split(where, host, port)) {
        err_set(ei, ERR_INVALID, option, "--%s: \"%.80s\" is not an address to listen on", option, where);
        err_remedy(ei, "It looks like 127.0.0.1:5900, [::1]:5900 or 5900; port 0 picks a free one.");
        return ERR_INVALID;
    }
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV}, *list;
    int gai = getaddrinfo(host, port, &hints, &list);
    if (gai != 0)
        return err_set(ei, ERR_INVALID, option, "--%s: the address %s is not known: %s", option, host,
                       gai_strerror(gai));
    d->fd = open_door(list);
    int why = errno;
    freeaddrinfo(list);
    if (d->fd < 0) {
        err_set(ei, ERR_IO, option, "cannot listen on %.80s: %s", where, strerror(why));
        err_remedy(ei, "Another address or port can be given with --%s; port 0 picks a free one.", option);
        return ERR_IO;
    }
    name_door(d);
    return 0;
}

void splice_close_door(struct splice_door *d) {
    if (d->fd >= 0)
        close(d->fd);
    d->fd = -1;
}

int splice_accept(const struct splice_door *d) {
    int on = 1, fd = accept4(d->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0)
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return fd;
}

static bool is_pause(int why) {
    return why == EAGAIN || why == EWOULDBLOCK || why == EINTR;
}

int splice_read(int fd, uint8_t *into, size_t cap) {
    ssize_t n = recv(fd, into, cap, 0);
    return n > 0 ? (int)n : n < 0 && is_pause(errno) ? 0 : ERR_CLOSED;
}

int splice_write(int fd, struct slice s) {
    if (s.n == 0)
        return 0;
    ssize_t n = send(fd, s.p, s.n, MSG_NOSIGNAL);
    return n >= 0 ? (int)n : is_pause(errno) ? 0 : ERR_CLOSED;
}

bool splice_full(const struct session *s) {
    return s && session_queued(s) >= SPLICE_QUEUE_BYTES;
}

void splice_wait(struct session *s, struct pollfd *fds, size_t n, struct mono deadline,
                 struct session_ev *ev) {
    if (splice_full(s))
        deadline = mono_min(deadline, mono_add_ms(now_mono(), SPLICE_LOOK_MS));
    if (s) {
        session_next(s, fds, n, deadline, ev);
        return;
    }
    int got = conn_wait(NULL, 0, fds, n, deadline);
    *ev = (struct session_ev){.kind = got > 0 ? SESSION_EV_OTHER : SESSION_EV_TIME};
}
