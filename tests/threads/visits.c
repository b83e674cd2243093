/* SPDX-License-Identifier: Apache-2.0 */
/* Viewers from the nodes' thread, sessions on every shard: a connection is accepted on one shard and moves to
 * its host's; both ends go as they like. The HTTP door is not in the way: a connection is a WebSocket from
 * its first byte. */
#include "threads.h"

#include "proto/ws.h"
#include "server/relay.h"
#include "server/session_call.h"

/* --- the server's end: start, ticket, attach, as the doors do --- */

struct visit {
    struct session_call c; /* first */
    struct driver *driver;
    struct stream *s; /* NULL: it left */
};

static void forget(struct visit *v) {
    struct driver *d = v->driver;
    if (v->s) {
        stream_handle(v->s, NULL, NULL);
        stream_abort(v->s);
    }
    session_call_free(&v->c);
    free(v);
    atomic_fetch_sub(&d->in_flight, 1);
}

static void next(struct visit *v, enum session_order_kind what, void (*done)(struct session_call *c)) {
    buf_clear(&v->c.json);
    v->c.order.what = what;
    v->c.done = done;
    session_call(&v->c);
}

static void attached(struct session_call *c) {
    struct visit *v = CONTAINER_OF(c, struct visit, c);
    LOOP_ASSERT(v->driver->shard->loop);
    struct relay_arrival *a = c->call.err ? NULL : calloc(1, sizeof *a);
    if (a) {
        a->app = v->driver->rig->app;
        memcpy(a->host, c->call.host, sizeof a->host);
        memcpy(a->session, c->session.id, sizeof a->session);
        memcpy(a->user, c->session.user, sizeof a->user);
        a->moving = v->s ? stream_detach(v->s) : NULL;
        v->s = a->moving ? NULL : v->s;
        v->driver->visits++;
        relay_arrive(a);
    }
    forget(v);
}

static void ticketed(struct session_call *c) {
    struct visit *v = CONTAINER_OF(c, struct visit, c);
    if (c->call.err)
        forget(v);
    else
        next(v, SESSION_ATTACH, attached);
}

static void started(struct session_call *c) {
    struct visit *v = CONTAINER_OF(c, struct visit, c);
    if (c->call.err) {
        forget(v);
        return;
    }
    memcpy(c->order.id, c->session.id, sizeof c->order.id);
    session_new_ticket(v->driver->shard->loop, c->order.ticket);
    next(v, SESSION_TICKET, ticketed);
}

static void early_data(struct stream *s, void *ctx, struct slice data) {
    (void)s;
    (void)ctx;
    (void)data;
}
static void early_end(struct stream *s, void *ctx, enum stream_end why) {
    struct visit *v = ctx;
    (void)s;
    (void)why;
    v->s = NULL;
}

static void on_accept(void *ctx, struct stream *s) {
    static const struct stream_handler h = {.on_data = early_data, .on_end = early_end};
    struct driver *d = ctx;
    struct visit *v = d->stopping ? NULL : calloc(1, sizeof *v);
    if (!v) {
        stream_handle(s, NULL, NULL);
        stream_abort(s);
        return;
    }
    v->driver = d;
    v->s = s;
    stream_handle(s, &h, v);
    v->c.call.from = d->shard;
    snprintf(v->c.call.host, sizeof v->c.call.host, "%s", driver_some_host(d));
    snprintf(v->c.project, sizeof v->c.project, "default");
    snprintf(v->c.order.user, sizeof v->c.order.user, "driver-%u", d->shard->index);
    v->c.order.kind = REDIR_SOL;
    v->c.order.take_over = v->c.order.admin = true;
    session_new_id(d->shard->loop, v->c.order.new_id);
    atomic_fetch_add(&d->in_flight, 1);
    next(v, SESSION_START, started);
}

void visits_open(struct driver *d) {
    struct errinfo ei = {0};
    struct listen_opts o = {.address = "127.0.0.1:0", .per_turn_max = 8, .on_accept = on_accept, .ctx = d};
    d->door = listener_open(d->shard->loop, &o, &ei);
    if (!d->door)
        fail_msg("%s", ei.text);
    snprintf(d->door_address, sizeof d->door_address, "%s", listener_address(d->door));
}
void visits_close(struct driver *d) {
    listener_close(&d->door);
}

/* --- the viewers --- */

struct caller {
    struct rig *rig;
    struct stream *s;
    struct ws *ws;
    struct loop_timer timer;
    bool deaf;
};

static void flush(struct caller *c) {
    struct slice out;
    while (c->s && (out = ws_output(c->ws)).n) {
        if (stream_write(c->s, out) < 0)
            return;
        ws_sent(c->ws, out.n);
    }
}

static void on_data(struct stream *s, void *ctx, struct slice in) {
    struct caller *c = ctx;
    struct ws_ev ev;
    (void)s;
    while (ws_input(c->ws, &in, &ev) > 0) {
        c->rig->seen += ev.data.n;
        if (ev.kind == WS_EV_TEXT && memmem(ev.data.p, ev.data.n, "\"open\"", 6))
            atomic_fetch_add(&c->rig->opened, 1);
    }
    flush(c);
}

static void on_end(struct stream *s, void *ctx, enum stream_end why) {
    struct caller *c = ctx;
    (void)s;
    (void)why;
    c->s = NULL;
}

static void dial(struct caller *c) {
    static const struct stream_handler h = {.on_data = on_data, .on_end = on_end};
    static const uint8_t seed[16] = {7};
    struct rig *r = c->rig;
    r->node_rng = r->node_rng * 6364136223846793005u + 1442695040888963407u;
    struct connect_opts o = {.address = r->drivers[(r->node_rng >> 33) % SHARDS].door_address,
                             .timeout_ms = 2000};
    ws_free(&c->ws);
    c->ws = ws_new(WS_CLIENT, 65536, seed);
    c->deaf = false;
    c->s = stream_connect(r->node_loop, &o, &h, c);
}

/* Type, look away, say goodbye or simply go; then come anew. */
static void on_caller(struct loop_timer *t) {
    struct caller *c = CONTAINER_OF(t, struct caller, timer);
    struct rig *r = c->rig;
    r->node_rng = r->node_rng * 6364136223846793005u + 1442695040888963407u;
    uint32_t what = (uint32_t)(r->node_rng >> 33) % 16;
    if (!c->s) {
        dial(c);
    } else if (what == 0) {
        stream_abort(c->s);
    } else if (what == 1) {
        ws_close(c->ws, 1000, "");
    } else if (what == 2) {
        c->deaf ? stream_resume(c->s) : stream_pause(c->s);
        c->deaf = !c->deaf;
    } else {
        int err = ws_binary(c->ws, what < 8 ? SLICE_LIT("\r") : SLICE_LIT("root\rroot\rflood 20000\r"));
        (void)err; /* it said goodbye */
    }
    if (c->s && !c->deaf)
        flush(c);
    loop_timer_set(r->node_loop, t, mono_add_ms(loop_now(r->node_loop), 25));
}

void callers_open(struct rig *r) {
    r->callers = calloc(CALLERS, sizeof *r->callers);
    assert_non_null(r->callers);
    for (unsigned i = 0; i < CALLERS; i++) {
        r->callers[i].rig = r;
        r->callers[i].timer.fn = on_caller;
        loop_timer_set(r->node_loop, &r->callers[i].timer, mono_add_ms(loop_now(r->node_loop), 600 + i));
    }
}

/* The nodes' loop does not run any more. */
void callers_close(struct rig *r) {
    for (unsigned i = 0; i < CALLERS; i++) {
        loop_timer_stop(r->node_loop, &r->callers[i].timer);
        ws_free(&r->callers[i].ws);
    }
    free(r->callers);
}
