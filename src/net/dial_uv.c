/* SPDX-License-Identifier: Apache-2.0 */
/* Connecting over real sockets: resolve, then try one address after the other. */
#include "net/loop_uv.h"

#include <stdio.h>
#include <stdlib.h>

static void free_dial(struct dial *d) {
    uv_freeaddrinfo(d->list);
    free(d);
}

void dial_uv_free(struct stream_uv *x) {
    struct dial *d = x->dial;
    x->dial = NULL;
    if (d && d->resolving) {
        d->s = NULL;
        uv_cancel((uv_req_t *)&d->resolve);
    } else if (d) {
        free_dial(d);
    }
}

static void dial_next(struct stream_uv *x);

static void on_redial(uv_handle_t *h) {
    struct stream_uv *x = h->data;
    stream_uv_enter(x);
    if (x->s.state == STREAM_DYING) {
        stream_gone(&x->s);
        return;
    }
    uv_tcp_init(&loop_uv_of(x->s.loop)->uv, &x->u.tcp);
    dial_next(x);
}

/* One address failed; try the next one on a fresh socket, or give up. */
static void dial_failed(struct stream_uv *x, int code) {
    if (x->dial->next)
        uv_close(&x->u.handle, on_redial);
    else
        stream_uv_broken(x, code);
}

static void on_connected(uv_connect_t *r, int status) {
    struct stream_uv *x = r->handle->data;
    stream_uv_enter(x);
    if (x->s.state == STREAM_DYING || status == UV_ECANCELED)
        return;
    if (status < 0) {
        dial_failed(x, status);
        return;
    }
    if (!x->is_unix)
        uv_tcp_nodelay(&x->u.tcp, 1);
    struct sockaddr_storage peer = {.ss_family = AF_UNIX};
    int len = sizeof peer;
    if (!x->is_unix)
        uv_tcp_getpeername(&x->u.tcp, (struct sockaddr *)&peer, &len);
    address_text((struct sockaddr *)&peer, x->s.peer, x->s.peer_addr);
    free_dial(x->dial);
    x->dial = NULL;
    stream_connected(&x->s);
}

static void dial_sockaddr(struct stream_uv *x, const struct sockaddr *sa) {
    address_text(sa, x->s.peer, x->s.peer_addr);
    int r = uv_tcp_connect(&x->dial->connect, &x->u.tcp, sa, on_connected);
    if (r < 0)
        dial_failed(x, r);
}

static void dial_next(struct stream_uv *x) {
    struct addrinfo *ai = x->dial->next;
    x->dial->next = ai->ai_next;
    dial_sockaddr(x, ai->ai_addr);
}

static void on_resolved(uv_getaddrinfo_t *r, int status, struct addrinfo *list) {
    struct dial *d = CONTAINER_OF(r, struct dial, resolve);
    struct stream_uv *x = d->s;
    d->resolving = false;
    d->list = d->next = list;
    if (!x) {
        free_dial(d);
        return;
    }
    stream_uv_enter(x);
    if (x->s.state == STREAM_DYING)
        return;
    if (status < 0 || !list) {
        stream_error_set(&x->s, "cannot resolve '%s': %s", x->s.peer_addr, uv_strerror(status));
        stream_broken(&x->s, STREAM_UNREACHABLE, NULL);
        return;
    }
    dial_next(x);
}

static void resolve(struct stream_uv *x, const struct address *a) {
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG};
    char port[8];
    snprintf(port, sizeof port, "%u", a->port);
    int r = uv_getaddrinfo(&loop_uv_of(x->s.loop)->uv, &x->dial->resolve, on_resolved, a->host, port, &hints);
    if (r < 0)
        stream_uv_broken(x, r);
    else
        x->dial->resolving = true;
}

struct stream *stream_uv_connect(struct loop *l, const struct connect_opts *o) {
    struct errinfo ei = {0};
    struct address a;
    int bad = address_parse(o->address, &a, &ei);
    if (!bad && a.kind == ADDRESS_ANY)
        bad = err_set(&ei, ERR_INVALID, "address", "'%.200s' names no host to connect to", o->address);
    struct dial *d = calloc(1, sizeof *d);
    struct stream_uv *x = d ? stream_uv_new(l, !bad && a.kind == ADDRESS_UNIX) : NULL;
    if (!x) {
        free(d);
        return NULL;
    }
    d->s = x;
    x->dial = d;
    if (bad) {
        stream_broken(&x->s, STREAM_UNREACHABLE, ei.text);
    } else if (a.kind == ADDRESS_UNIX) {
        address_text(&a.sa.any, x->s.peer, x->s.peer_addr);
        uv_pipe_connect(&d->connect, &x->u.pipe, a.sa.un.sun_path, on_connected);
    } else if (a.kind == ADDRESS_IP) {
        dial_sockaddr(x, &a.sa.any);
    } else {
        snprintf(x->s.peer_addr, sizeof x->s.peer_addr, "%.*s", (int)sizeof x->s.peer_addr - 1, a.host);
        snprintf(x->s.peer, sizeof x->s.peer, "%.40s:%u", a.host, a.port);
        resolve(x, &a);
    }
    return &x->s;
}
