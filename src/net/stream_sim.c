/* SPDX-License-Identifier: Apache-2.0 */
/* Streams over the memory network: chunks of bytes that arrive after the weather's delay, in order. */
#include "net/loop_sim.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    WINDOW_BYTES = 256 * 1024, /* what may be on the way to an end that does not read */
    PIECE_BYTES = 16 * 1024,   /* do not dribble into a window that is nearly full */
};

static struct stream_sim *sims_of(struct stream *s) {
    return CONTAINER_OF(s, struct stream_sim, s);
}

/* --- chunks --- */

static struct sim_chunk *chunk_new(struct sim_world *w) {
    struct sim_chunk *c = w->spare;
    if (!c)
        return calloc(1, sizeof *c);
    w->spare = c->next;
    return c;
}

static void chunk_free(struct sim_world *w, struct sim_chunk *c) {
    if (c->kind == CHUNK_MANY)
        buf_free(&c->u.many);
    c->next = w->spare;
    w->spare = c;
}

void sim_chunks_free(struct sim_world *w) {
    for (struct sim_chunk *c; (c = w->spare);) {
        w->spare = c->next;
        free(c);
    }
}

static struct slice chunk_bytes(const struct sim_chunk *c) {
    return c->kind == CHUNK_MANY ? buf_slice(&c->u.many) : slice_of(c->u.few, c->n);
}

/* A chunk of the first n bytes of `from`, which loses them; NULL when out of memory. */
static struct sim_chunk *chunk_of(struct sim_world *w, struct buf *from, size_t n) {
    struct sim_chunk *c = chunk_new(w);
    if (!c)
        return NULL;
    c->n = (uint32_t)n;
    c->kind = CHUNK_FEW;
    if (n <= sizeof c->u.few) {
        memcpy(c->u.few, buf_slice(from).p, n);
        buf_consume(from, n);
        return c;
    }
    c->kind = CHUNK_MANY;
    c->u.many = (struct buf){0};
    if (n == from->len) {
        c->u.many = *from; /* the memory itself travels */
        *from = (struct buf){0};
    } else if (buf_put(&c->u.many, slice_head(buf_slice(from), n)) == 0) {
        buf_consume(from, n);
    } else {
        chunk_free(w, c);
        return NULL;
    }
    return c;
}

static void arm(struct sim_end *e, int64_t at_us) {
    struct mono at = {at_us};
    timers_set(&e->w->timers, &e->event, mono_max(at, e->w->now), NULL);
}

/* Put a filled chunk on its way to `to`. */
static void send_chunk(struct sim_end *to, struct sim_chunk *c) {
    struct sim_world *w = to->w;
    int64_t at = w->now.us + sim_delay_us(w);
    c->at_us = to->last_at_us = at > to->last_at_us ? at : to->last_at_us;
    c->next = NULL;
    to->inbound_bytes += c->n;
    if (to->head) {
        to->tail->next = c;
        to->tail = c;
        return;
    }
    to->head = to->tail = c;
    if (!to->event.heap_index && !to->stalled)
        arm(to, c->at_us);
}

static void send_end(struct sim_end *to, bool reset) {
    struct sim_chunk *c = chunk_new(to->w);
    if (!c)
        return;
    c->n = 0;
    c->kind = reset ? CHUNK_RESET : CHUNK_FIN;
    send_chunk(to, c);
}

/* --- ends --- */

static void on_arrival(struct loop_timer *t);

static struct sim_end *end_new(struct sim_world *w, struct stream_sim *owner, struct sim_source *source) {
    struct sim_end *e = calloc(1, sizeof *e);
    if (!e)
        return NULL;
    e->w = w;
    e->owner = owner;
    e->source = source;
    e->dark = sim_source_dark(w, source);
    e->event.fn = on_arrival;
    list_push(&source->ends, &e->in_source);
    return e;
}

void sim_end_leave(struct sim_end *e, bool reset) {
    struct sim_world *w = e->w;
    if (e->peer) {
        if (reset || !e->fin_sent)
            send_end(e->peer, reset);
        e->peer->peer = NULL;
        if (e->peer->blocked && e->peer->owner)
            stream_todo(&e->peer->owner->s); /* nothing holds its output any more */
    }
    timers_stop(&w->timers, &e->event);
    while (e->head) {
        struct sim_chunk *c = e->head;
        e->head = c->next;
        chunk_free(w, c);
    }
    list_remove(&e->source->ends, &e->in_source);
    sim_source_put(w, &e->source);
    free(e);
}

void sim_end_unstall(struct sim_end *e) {
    if (!e->stalled)
        return;
    e->stalled = false;
    arm(e, e->w->now.us);
}

void sim_end_cut(struct sim_end *e) {
    struct sim_end *p = e->peer;
    struct stream_sim *a = e->owner, *b = p ? p->owner : NULL;
    if (a)
        stream_broken(&a->s, STREAM_RESET, "connection reset by peer");
    if (b && b->end == p)
        stream_broken(&b->s, STREAM_RESET, "connection reset by peer");
}

/* With a split, what came last of the head arrives a little later, as a chunk of its own. */
static void split_head(struct sim_end *e) {
    struct sim_world *w = e->w;
    struct sim_chunk *c = e->head;
    if (c->n < 2 || !rng_chance(&w->rng, w->weather.split_per_million))
        return;
    struct buf all = {0};
    size_t cut = (size_t)rng_range(&w->rng, 1, c->n - 1);
    buf_put(&all, chunk_bytes(c));
    struct sim_chunk *first = chunk_of(w, &all, cut), *rest = first ? chunk_of(w, &all, all.len) : NULL;
    buf_free(&all);
    if (!rest) {
        if (first)
            chunk_free(w, first);
        return;
    }
    int64_t at = w->now.us + sim_delay_us(w);
    first->next = rest;
    first->at_us = c->at_us;
    rest->next = c->next;
    rest->at_us = at;
    e->head = first;
    e->tail = e->tail == c ? rest : e->tail;
    chunk_free(w, c);
    for (c = rest->next; c && c->at_us < at; c = c->next)
        c->at_us = at;
    e->last_at_us = at > e->last_at_us ? at : e->last_at_us;
}

static void on_arrival(struct loop_timer *t) {
    struct sim_end *e = CONTAINER_OF(t, struct sim_end, event);
    struct sim_world *w = e->w;
    struct stream_sim *x = e->owner;
    if (!x || !e->head || e->dark || (!x->s.reading && e->head->kind != CHUNK_RESET)) {
        e->stalled = e->head != NULL;
        return;
    }
    if (w->weather.cut_per_million && rng_chance(&w->rng, w->weather.cut_per_million)) {
        sim_end_cut(e);
        return;
    }
    if (w->weather.split_per_million)
        split_head(e);
    struct sim_chunk *c = e->head;
    e->head = c->next;
    e->inbound_bytes -= c->n;
    if (e->head)
        arm(e, e->head->at_us);
    if (e->peer && e->peer->blocked && e->peer->owner) {
        e->peer->blocked = false;
        stream_todo(&e->peer->owner->s);
    }
    if (c->kind == CHUNK_FEW || c->kind == CHUNK_MANY)
        stream_input(&x->s, chunk_bytes(c));
    else if (c->kind == CHUNK_FIN)
        stream_eof(&x->s);
    else
        stream_broken(&x->s, STREAM_RESET, "connection reset by peer");
    chunk_free(w, c);
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
        struct sim_chunk *c = chunk_of(e->w, out, out->len < room ? out->len : room);
        if (!c) {
            stream_broken(s, STREAM_LOCAL, "out of memory");
            return;
        }
        send_chunk(to, c);
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
        send_end(e->peer, false);
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
    t->fn = on_arrival;
    if (e->head)
        arm(e, e->head->at_us);
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
    arm(e, e->last_at_us);
    if (refused || !listener_sim_arrive(w, e->owner->target, e))
        t->fn = on_refused;
}

struct stream_sim *stream_sim_accepted(struct loop *l, struct sim_end *client) {
    struct sim_source *source = client->source;
    struct stream_sim *x = sims_new(l);
    if (!x)
        return NULL;
    source->refs++;
    x->end = end_new(client->w, x, source);
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
    if (!x || !(x->end = end_new(ls->w, x, source))) {
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
    arm(x->end, ls->w->now.us + sim_delay_us(ls->w));
    return &x->s;
}
