/* SPDX-License-Identifier: Apache-2.0 */
/* The listeners of the CIRA port and who is let in. */
#include "server/peers.h"
#include "server/tunnel_impl.h"

#include <assert.h>
#include <stdlib.h>

struct tunnels *tunnels_new(struct shard *s) {
    struct tunnels *ts = calloc(1, sizeof *ts);
    if (!ts)
        return NULL;
    ts->shard = s;
    list_init(&ts->all);
    return ts;
}

static bool admit(void *ctx, const char *peer_addr) {
    struct tunnels *ts = ctx;
    const struct tunnel_limits *lim = &ts->shard->app->tunnel_limits;
    bool ok = !ts->draining && ts->held < lim->tunnels_max && ts->pending < lim->pending_max &&
              peers_take(ts->shard->app->peers, peer_addr, lim->per_peer_max);
    if (!ok) {
        metric_add(&ts->shard->metrics, METRIC_TUNNELS_LIMITED, 1);
        return false;
    }
    ts->held++;
    tunnels_count_pending(ts, 1);
    return true;
}

void tunnels_count_pending(struct tunnels *ts, int n) {
    assert(n > 0 || ts->pending > 0);
    ts->pending = (uint32_t)((int64_t)ts->pending + n);
    metric_add(&ts->shard->metrics, METRIC_TUNNELS_PENDING, n);
}

static void give_back(struct tunnels *ts, const char *peer_addr) {
    assert(ts->held > 0);
    ts->held--;
    peers_give(ts->shard->app->peers, peer_addr);
}

void tunnel_release(struct tunnel *t, const char *peer_addr) {
    if (t->pending)
        tunnels_count_pending(t->set, -1);
    if (t->held)
        give_back(t->set, peer_addr);
    t->pending = t->held = false;
}

void tunnel_leave(struct tunnel *t) {
    list_remove(&t->set->all, &t->node);
    t->set->held--;
    tunnels_count_pending(t->set, -1);
    t->set = NULL;
}

void tunnel_join(struct tunnel *t, struct tunnels *ts) {
    t->set = ts;
    list_push(&ts->all, &t->node);
    ts->held++;
    tunnels_count_pending(ts, 1);
}

/* Admitted, but the handshake came to nothing. */
static void gone(void *ctx, const char *peer_addr) {
    tunnels_count_pending(ctx, -1);
    give_back(ctx, peer_addr);
}

static void on_accept(void *ctx, struct stream *s) {
    struct tunnels *ts = ctx;
    struct tunnel *t = tunnel_new(ts, s);
    if (!t) {
        gone(ts, stream_peer_addr(s));
        stream_abort(s);
    }
}

int tunnels_listen(struct tunnels *ts, const char *address, struct tls_ctx *tls, bool reuse_port,
                   struct errinfo *ei) {
    const struct tunnel_limits *lim = &ts->shard->app->tunnel_limits;
    if (ts->nlisteners == LISTENERS_MAX)
        return err_set(ei, ERR_LIMIT, "cira", "more than %d addresses for the CIRA port", LISTENERS_MAX);
    struct listen_opts o = {
        .address = address,
        .tls = tls,
        .proxy_v2 = lim->proxy_v2,
        .reuse_port = reuse_port,
        .handshakes_max = lim->handshakes_max,
        /* handshake and login share one deadline: the accept time is known to the listener only */
        .handshake_ms = tls ? lim->login_ms / 2 : lim->login_ms,
        .per_turn_max = lim->accepts_per_turn,
        .admit = admit,
        .gone = gone,
        .on_accept = on_accept,
        .ctx = ts,
    };
    struct listener *l = listener_open(ts->shard->loop, &o, ei);
    if (!l)
        return ei && ei->code ? ei->code : ERR_IO;
    ts->listeners[ts->nlisteners++] = l;
    return 0;
}

uint16_t tunnels_port(const struct tunnels *ts) {
    return ts->nlisteners ? listener_port(ts->listeners[0]) : 0;
}

const char *tunnels_address(const struct tunnels *ts, size_t i) {
    return i < ts->nlisteners ? listener_address(ts->listeners[i]) : NULL;
}

void tunnels_set_tls(struct tunnels *ts, size_t i, struct tls_ctx *tls) {
    if (i < ts->nlisteners)
        listener_set_tls(ts->listeners[i], tls);
}

size_t tunnels_held(const struct tunnels *ts) {
    return ts->held;
}

static void close_listeners(struct tunnels *ts) {
    while (ts->nlisteners > 0)
        listener_close(&ts->listeners[--ts->nlisteners]);
}

void tunnels_drain(struct tunnels *ts, enum link_reason why) {
    ts->draining = true;
    close_listeners(ts);
    LIST_EACH (n, &ts->all)
        tunnel_close(CONTAINER_OF(n, struct tunnel, node), why);
}

void tunnels_free(struct tunnels **tsp) {
    struct tunnels *ts = *tsp;
    if (!ts)
        return;
    bool loop_lives = ts->shard->loop != NULL;
    if (loop_lives)
        close_listeners(ts);
    LIST_EACH (n, &ts->all) {
        struct tunnel *t = CONTAINER_OF(n, struct tunnel, node);
        if (t->stream && loop_lives) {
            stream_handle(t->stream, NULL, NULL);
            stream_abort(t->stream);
        }
        tunnel_free(&t);
    }
    free(ts);
    *tsp = NULL;
}
