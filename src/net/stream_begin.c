/* SPDX-License-Identifier: Apache-2.0 */
/* How a stream begins, on either side: until it is open, everything that can be refused or be late. */
#include "net/impl.h"
#include "proto/proxyv2.h"

#include <stdio.h>
#include <stdlib.h>

struct stream *stream_connect(struct loop *l, const struct connect_opts *o, const struct stream_handler *h,
                              void *ctx) {
    LOOP_ASSERT(l);
    if (l->freeing)
        return NULL;
    struct tls *tls = NULL;
    if (o->tls && !(tls = tls_new(o->tls, false, o->verify_name)))
        return NULL;
    struct stream *s = l->ops->connect(l, o);
    if (!s) {
        tls_free(&tls);
        return NULL;
    }
    s->tls = tls;
    stream_handle(s, h, ctx);
    if (o->timeout_ms && s->state == STREAM_DIALING)
        loop_timer_set(l, &s->timer, mono_add_ms(loop_now(l), o->timeout_ms));
    return s;
}

void stream_opened(struct stream *s) {
    stream_set_state(s, STREAM_OPEN);
    if (s->early.len) {
        struct buf early = s->early;
        s->early = (struct buf){0};
        if (stream_write(s, buf_slice(&early)) < 0) {
            stream_error_set(s, "out of memory");
            stream_finish(s, STREAM_LOCAL, true);
        }
        buf_free(&early);
    }
    if (s->state != STREAM_OPEN)
        return;
    if (s->listener)
        listener_ready(s);
    else if (s->handler->on_open)
        s->handler->on_open(s, s->ctx);
}

static void begin(struct stream *s) {
    if (!s->tls) {
        stream_opened(s);
        return;
    }
    stream_set_state(s, STREAM_HANDSHAKE);
    if (!s->listener) {
        if (tls_start(s->tls) < 0)
            stream_fail_tls(s);
        stream_todo(s);
    }
}

void stream_connected(struct stream *s) {
    if (s->state == STREAM_DIALING)
        begin(s);
}

/* --- accepted streams: PROXY header, admission, TLS --- */

static void admit(struct stream *s) {
    struct listener *l = s->listener;
    if (!listener_admit(l, s)) {
        stream_finish(s, STREAM_LOCAL, true);
        return;
    }
    if (s->state == STREAM_DYING)
        return; /* admit() closed the listener */
    if (l->tls && !(s->tls = tls_new(l->tls, true, NULL))) {
        stream_finish(s, STREAM_LOCAL, true);
        return;
    }
    begin(s);
}

void stream_accepted(struct stream *s, struct listener *l) {
    s->listener = l;
    l->handshakes++;
    loop_timer_set(s->loop, &s->timer, mono_add_ms(loop_now(s->loop), l->opts.handshake_ms));
    if (!l->opts.proxy_v2)
        admit(s);
    else if ((s->proxy = calloc(1, sizeof *s->proxy)))
        stream_set_state(s, STREAM_PREFACE);
    else
        stream_finish(s, STREAM_LOCAL, true);
}

struct slice stream_preface(struct stream *s, struct slice in) {
    int r = proxyv2_input(s->proxy, &in);
    if (r < 0)
        stream_finish(s, STREAM_LOCAL, true);
    if (r <= 0)
        return SLICE_EMPTY;
    if (s->proxy->addr[0]) { /* else it is the balancer itself, with the address of the connection */
        snprintf(s->peer_addr, sizeof s->peer_addr, "%s", s->proxy->addr);
        address_join(s->proxy->addr, s->proxy->port, s->peer, sizeof s->peer);
    }
    free(s->proxy);
    s->proxy = NULL;
    admit(s);
    return in;
}
