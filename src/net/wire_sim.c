/* SPDX-License-Identifier: Apache-2.0 */
/* The memory network: chunks of bytes that arrive after the weather's delay, in order. */
#include "net/loop_sim.h"

#include <stdlib.h>

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
struct sim_chunk *sim_chunk_of(struct sim_world *w, struct buf *from, size_t n) {
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

void sim_arm(struct sim_end *e, int64_t at_us) {
    struct mono at = {at_us};
    timers_set(&e->w->timers, &e->event, mono_max(at, e->w->now), NULL);
}

/* Put a filled chunk on its way to `to`. */
void sim_send_chunk(struct sim_end *to, struct sim_chunk *c) {
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
        sim_arm(to, c->at_us);
}

void sim_send_end(struct sim_end *to, bool reset) {
    struct sim_chunk *c = chunk_new(to->w);
    if (!c)
        return;
    c->n = 0;
    c->kind = reset ? CHUNK_RESET : CHUNK_FIN;
    sim_send_chunk(to, c);
}

/* --- ends --- */

struct sim_end *sim_end_new(struct sim_world *w, struct stream_sim *owner, struct sim_source *source) {
    struct sim_end *e = calloc(1, sizeof *e);
    if (!e)
        return NULL;
    e->w = w;
    e->owner = owner;
    e->source = source;
    e->dark = sim_source_dark(w, source);
    e->event.fn = sim_on_arrival;
    list_push(&source->ends, &e->in_source);
    return e;
}

void sim_end_leave(struct sim_end *e, bool reset) {
    struct sim_world *w = e->w;
    if (e->peer) {
        if (reset || !e->fin_sent)
            sim_send_end(e->peer, reset);
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
    sim_arm(e, e->w->now.us);
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
    struct sim_chunk *first = sim_chunk_of(w, &all, cut),
                     *rest = first ? sim_chunk_of(w, &all, all.len) : NULL;
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

void sim_on_arrival(struct loop_timer *t) {
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
        sim_arm(e, e->head->at_us);
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
