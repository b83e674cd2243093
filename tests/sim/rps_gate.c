/* SPDX-License-Identifier: Apache-2.0 */
/* The gate of agents: on every shard, as the HTTP door is; from the upgrade on all is the server's own. */
#include "activation.h"

#include "server/rps_int.h"

#include <stdio.h>
#include <stdlib.h>

struct comer {
    struct list_node node;
    struct loop_msg msg;
    struct activation *act;
    struct shard *shard;
    struct stream *stream; /* NULL: it left meanwhile */
    struct buf line;
    bool posted;
};

static void comer_free(struct comer *m) {
    list_remove(&m->act->comers, &m->node);
    buf_free(&m->line);
    free(m);
}

static void let_in(struct comer *m) {
    struct rps_conn *c = calloc(1, sizeof *c);
    struct slice line = buf_slice(&m->line);
    if (!c || !(c->ws = ws_new(WS_SERVER, RPS_MESSAGE_MAX, NULL)))
        abort();
    c->who.kind = RPS_CALLER_AGENT;
    slice_to_str(slice_cut(&line, '\n'), c->who.host, sizeof c->who.host);
    snprintf(c->who.actor, sizeof c->who.actor, "agent");
    c->shard = m->shard;
    if (stream_write(m->stream, SLICE_LIT("ok\n")) < 0 || !(c->moving = stream_detach(m->stream))) {
        ws_free(&c->ws); /* its end follows */
        free(c);
        return;
    }
    m->stream = NULL;
    list_push(&c->shard->rps, &c->node);
    rps_begin(c);
}

/* In a turn of its own, as the HTTP door has it. */
static void upgrade(struct loop *l, struct loop_msg *msg) {
    struct comer *m = CONTAINER_OF(msg, struct comer, msg);
    (void)l;
    m->posted = false;
    if (m->stream)
        let_in(m);
    if (!m->stream)
        comer_free(m);
}

static void on_data(struct stream *s, void *ctx, struct slice in) {
    struct comer *m = ctx;
    buf_put(&m->line, in);
    if (m->posted || !memchr(m->line.mem + m->line.head, '\n', m->line.len))
        return;
    stream_pause(s);
    m->posted = true;
    m->msg.fn = upgrade;
    loop_post(m->shard->loop, &m->msg);
}

static void on_end(struct stream *s, void *ctx, enum stream_end why) {
    struct comer *m = ctx;
    (void)s;
    (void)why;
    m->stream = NULL;
    if (!m->posted)
        comer_free(m);
}

static void on_accept(void *ctx, struct stream *s) {
    static const struct stream_handler handler = {.on_data = on_data, .on_end = on_end};
    struct gate *g = ctx;
    struct comer *m = calloc(1, sizeof *m);
    if (!m)
        abort();
    m->act = g->act;
    m->shard = g->shard;
    m->stream = s;
    list_push(&g->act->comers, &m->node);
    stream_handle(s, &handler, m);
}

int rps_gate_open(struct activation *a, struct errinfo *ei) {
    for (unsigned i = 0; i < a->w->cfg.shards; i++) {
        struct listen_opts o = {
            .address = RPS_DOOR_ADDRESS, .reuse_port = true, .on_accept = on_accept, .ctx = &a->gates[i]};
        a->gates[i] = (struct gate){.act = a, .shard = a->w->app->shards[i]};
        o.handshakes_max = o.per_turn_max = 64;
        o.handshake_ms = 10000;
        a->listeners[i] = listener_open(a->w->loops[i], &o, ei);
        if (!a->listeners[i])
            return ei->code;
    }
    return 0;
}

void rps_gate_close(struct activation *a) {
    for (unsigned i = 0; i < a->w->cfg.shards; i++)
        if (a->listeners[i])
            listener_close(&a->listeners[i]);
    LIST_EACH (n, &a->comers) {
        struct comer *m = CONTAINER_OF(n, struct comer, node);
        if (m->stream)
            stream_close(m->stream);
    }
}

void rps_gate_crashed(struct activation *a) {
    memset(a->listeners, 0, sizeof a->listeners);
    LIST_EACH (n, &a->comers)
        comer_free(CONTAINER_OF(n, struct comer, node));
}
