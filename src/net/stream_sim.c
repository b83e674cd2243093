/* SPDX-License-Identifier: Apache-2.0 */
/* Streams over the memory network: chunks of bytes that arrive after the weather's delay, in order. */
#include "net/loop_sim.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

static struct stream_sim *sims_of(struct stream *s) {
    return CONTAINER_OF(s, struct stream_sim, s);
}

/* --- the stream's operations --- */

static void sims_flush(struct stream *s) {
    struct sim_end *e = sims_of(s)->end, *to = e->peer;
    struct buf *out = stream_out(s);
    if (loop_sim_of(s->loop)->frozen)
        return; /* its last words stay unsaid */
    if (!to)
        buf_free(out); /* the other end is gone; its word about that is on the way */
    while (out->len) {
        size_t room = WINDOW_BYTES - to->inbound_bytes;
        if (out->len > room && room < PIECE_BYTES) {
            e->blocked = true;
            return;
        }
        struct sim_chunk *c = sim_chunk_of(e->w, out, out->len < room ? out->len : room);
        if (!c) {
            stream_broken(s, STREAM_LOCAL, "out of memory");
            return;
        }
        sim_send_chunk(to, c);
    }
    stream_drained(s);
}

static void sims_read(struct stream *s, bool on) {
    if (on)
        sim_end_unstall(sims_of(s)->end);
}

static void sims_shut(struct stream *s) {
    struct sim_end *e = sims_of(s)->end;
    if (e->peer && !e->fin_sent)
        sim_send_end(e->peer, false);
    e->fin_sent = true;
}

static void sims_close(struct stream *s, bool reset) {
    struct stream_sim *x = sims_of(s);
    if (x->queue)
        list_remove(x->queue, &x->in_queue);
    if (x->end)
        sim_end_leave(x->end, reset);
    x->end = NULL;
    s->gone = true;
    stream_todo(s);
}

static size_t sims_queued(const struct stream *s) {
    return 0;
}

static void drop_moving(struct stream_moving *m) {
    if (m->sim)
        sim_end_leave(m->sim, true);
    m->sim = NULL;
}

static bool sims_detach(struct stream *s, struct stream_moving *m) {
    struct stream_sim *x = sims_of(s);
    m->sim = x->end;
    m->drop = drop_moving;
    x->end->owner = NULL;
    x->end = NULL;
    return true;
}

static void sims_free(struct stream *s) {
    struct stream_sim *x = sims_of(s);
    assert(!x->end);
    free(x);
}

static const struct stream_ops sims_ops = {
    .flush = sims_flush,
    .read = sims_read,
    .shut = sims_shut,
    .close = sims_close,
    .queued = sims_queued,
    .detach = sims_detach,
    .free = sims_free,
};

static struct stream_sim *sims_new(struct loop *l) {
    struct stream_sim *x = calloc(1, sizeof *x);
    if (x)
        stream_init(&x->s, l, &sims_ops);
    return x;
}

struct stream *stream_sim_attach(struct loop *l, struct stream_moving *m) {
    struct sim_end *e = m->sim;
    assert(e->w == loop_sim_of(l)->w);
    struct stream_sim *x = sims_new(l);
    if (!x)
        return NULL;
    x->end = e;
    e->owner = x;
    m->sim = NULL;
    if (e->head && !e->event.heap_index)
        e->stalled = true; /* reading begins in a moment */
    return &x->s;
}

/* --- connecting --- */

static void on_syn_ack(struct loop_timer *t) {
    struct sim_end *e = CONTAINER_OF(t, struct sim_end, event);
    if (e->dark) {
        e->stalled = true;
        return;
    }
    t->fn = sim_on_arrival;
    if (e->head)
        sim_arm(e, e->head->at_us);
    stream_connected(&e->owner->s);
}

static void on_refused(struct loop_timer *t) {
    struct sim_end *e = CONTAINER_OF(t, struct sim_end, event);
    stream_broken(&e->owner->s, STREAM_REFUSED, "connection refused");
}

static void on_syn(struct loop_timer *t) {
    struct sim_end *e = CONTAINER_OF(t, struct sim_end, event);
    struct sim_world *w = e->w;
    if (e->dark) {
        e->stalled = true; /* asked again when the dark ends, as TCP does */
        return;
    }
    bool refused = w->weather.refuse_per_million && rng_chance(&w->rng, w->weather.refuse_per_million);
    e->last_at_us = w->now.us + sim_delay_us(w);
    t->fn = on_syn_ack;
    sim_arm(e, e->last_at_us);
    if (refused || !listener_sim_arrive(w, e->owner->target, e))
        t->fn = on_refused;
}

struct stream_sim *stream_sim_accepted(struct loop *l, struct sim_end *client) {
    struct sim_source *source = client->source;
    struct stream_sim *x = sims_new(l);
    if (!x)
        return NULL;
    source->refs++;
    x->end = sim_end_new(client->w, x, source);
    if (!x->end) {
        sim_source_put(client->w, &source);
        stream_vanish(&x->s);
        return NULL;
    }
    x->end->peer = client;
    client->peer = x->end;
    snprintf(x->s.peer, sizeof x->s.peer, "%.*s", (int)sizeof x->s.peer - 1, source->name);
    snprintf(x->s.peer_addr, sizeof x->s.peer_addr, "%.*s", (int)sizeof x->s.peer_addr - 1,
             source->host ? source->host->name : source->name);
    return x;
}

static struct sim_source *next_source(struct loop_sim *l) {
    struct sim_world *w = l->w;
    if (!l->next_source[0]) {
        uint32_t n = w->next_source++;
        snprintf(l->next_source, sizeof l->next_source, "10.%u.%u.%u:%u", 200 + (n >> 16) % 50,
                 (n >> 8) & 255, n & 255, 49152 + n % 16384);
    }
    struct sim_source *s = sim_source_get(w, l->next_source);
    l->next_source[0] = 0;
    return s;
}

struct stream *stream_sim_connect(struct loop *l, const struct connect_opts *o) {
    struct loop_sim *ls = loop_sim_of(l);
    struct address a;
    struct errinfo ei = {0};
    struct sim_source *source = next_source(ls);
    struct stream_sim *x = source ? sims_new(l) : NULL;
    if (!x || !(x->end = sim_end_new(ls->w, x, source))) {
        sim_source_put(ls->w, &source);
        if (x)
            stream_vanish(&x->s);
        return NULL;
    }
    snprintf(x->target, sizeof x->target, "%s", o->address ? o->address : "");
    if (address_parse(o->address, &a, &ei) < 0 || a.kind == ADDRESS_ANY) {
        stream_broken(&x->s, STREAM_UNREACHABLE, ei.text[0] ? ei.text : "no host to connect to is named");
        return &x->s;
    }
    snprintf(x->s.peer, sizeof x->s.peer, "%.*s", (int)sizeof x->s.peer - 1, o->address);
    snprintf(x->s.peer_addr, sizeof x->s.peer_addr, "%.*s", (int)sizeof x->s.peer_addr - 1,
             a.kind == ADDRESS_UNIX ? "unix" : a.host);
    x->end->event.fn = on_syn;
    sim_arm(x->end, ls->w->now.us + sim_delay_us(ls->w));
    return &x->s;
}
