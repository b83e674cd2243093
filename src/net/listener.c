/* SPDX-License-Identifier: Apache-2.0 */
/* The rules of a listener, the same over every transport: admission, the population of handshakes, hand-over.
 */
#include "net/impl.h"

#include <assert.h>

enum { HANDSHAKE_MS_DEFAULT = 10000 };

void listener_init(struct listener *l, struct loop *loop, const struct listener_ops *ops,
                   const struct listen_opts *o) {
    l->ops = ops;
    l->loop = loop;
    l->opts = *o;
    l->opts.address = NULL;
    if (!l->opts.handshakes_max)
        l->opts.handshakes_max = UINT32_MAX;
    if (!l->opts.per_turn_max)
        l->opts.per_turn_max = UINT32_MAX;
    if (!l->opts.handshake_ms)
        l->opts.handshake_ms = HANDSHAKE_MS_DEFAULT;
    if (o->tls)
        l->tls = tls_ctx_ref(o->tls);
}

bool listener_has_room(const struct listener *l) {
    return l->handshakes < l->opts.handshakes_max;
}

bool listener_admit(struct listener *l, struct stream *s) {
    s->admitted = !l->opts.admit || l->opts.admit(l->opts.ctx, s->peer_addr);
    return s->admitted;
}

static void leave(struct listener *l, struct stream *s) {
    s->listener = NULL;
    assert(l->handshakes > 0);
    l->handshakes--;
    l->ops->resume(l);
}

void listener_ready(struct stream *s) {
    struct listener *l = s->listener;
    void (*on_accept)(void *ctx, struct stream *s) = l->opts.on_accept;
    void *ctx = l->opts.ctx;
    leave(l, s);
    on_accept(ctx, s);
}

void listener_lost(struct stream *s) {
    struct listener *l = s->listener;
    leave(l, s);
    if (s->admitted && l->opts.gone)
        l->opts.gone(l->opts.ctx, s->peer_addr);
}

void listener_fini(struct listener *l) {
    tls_ctx_unref(&l->tls);
}

void listener_close(struct listener **lp) {
    struct listener *l = *lp;
    if (!l)
        return;
    LOOP_ASSERT(l->loop);
    *lp = NULL;
    l->opts.handshakes_max = 0; /* nothing new */
    LIST_EACH (n, &l->loop->streams) {
        struct stream *s = CONTAINER_OF(n, struct stream, all);
        if (s->listener == l)
            stream_drop(s);
    }
    l->ops->close(l);
}

const char *listener_address(const struct listener *l) {
    return l->address;
}

uint16_t listener_port(const struct listener *l) {
    return l->port;
}

void listener_set_tls(struct listener *l, struct tls_ctx *tls) {
    LOOP_ASSERT(l->loop);
    struct tls_ctx *old = l->tls;
    l->tls = tls ? tls_ctx_ref(tls) : NULL;
    tls_ctx_unref(&old);
}

uint32_t listener_handshakes(const struct listener *l) {
    return l->handshakes;
}
