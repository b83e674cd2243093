/* SPDX-License-Identifier: Apache-2.0 */
#include "net/loop_sim.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    START_US = 1000000, /* not 0, so that "a little before" is a time too */
    DELAY_DEFAULT_MS = 1,
};

/* --- events --- */

/* Streams that have something to do do it before the clock moves. */
static void settle(struct sim_world *w) {
    for (struct list_node *n; (n = list_pop(&w->dirty));) {
        struct loop_sim *l = CONTAINER_OF(n, struct loop_sim, in_dirty);
        while (stream_todo_run(&l->loop))
            ;
    }
}

bool sim_step(struct sim_world *w) {
    settle(w);
    struct mono next = timers_next(&w->timers);
    if (mono_is_never(next))
        return false;
    w->now = mono_max(w->now, next);
    struct loop_timer *t = timers_pop(&w->timers, w->now, UINT64_MAX);
    t->fn(t);
    settle(w);
    return true;
}

uint64_t sim_run_until(struct sim_world *w, struct mono until) {
    uint64_t n = 0;
    w->stopped = false;
    settle(w);
    while (!w->stopped && timers_next(&w->timers).us <= until.us && sim_step(w))
        n++;
    if (!w->stopped && !mono_is_never(until))
        w->now = mono_max(w->now, until);
    return n;
}

/* --- the loop's operations --- */

static void sim_run(struct loop *l) {
    struct sim_world *w = loop_sim_of(l)->w;
    w->stopped = false;
    while (!w->stopped && sim_step(w))
        ;
}

static void sim_stop(struct loop *l) {
    loop_sim_of(l)->w->stopped = true;
}

static struct mono simloop_now(const struct loop *l) {
    return loop_sim_of(l)->w->now;
}

static struct wall simloop_wall(const struct loop *l) {
    const struct sim_world *w = loop_sim_of(l)->w;
    return (struct wall){w->wall_us + w->now.us};
}

static bool simloop_here(const struct loop *l) {
    return true;
}

static void simloop_random(struct loop *l, void *out, size_t n) {
    struct rng *r = &loop_sim_of(l)->w->rng;
    uint8_t *p = out;
    for (size_t i = 0; i < n; i++)
        p[i] = (uint8_t)rng_u64(r);
}

static void simloop_timer_set(struct loop *l, struct loop_timer *t, struct mono at) {
    timers_set(&loop_sim_of(l)->w->timers, t, at, l);
}

static void simloop_timer_stop(struct loop *l, struct loop_timer *t) {
    timers_stop(&loop_sim_of(l)->w->timers, t);
}

static void simloop_wake(struct loop *l) {
    struct loop_sim *x = loop_sim_of(l);
    if (!list_linked(&x->in_dirty))
        list_push(&x->w->dirty, &x->in_dirty);
}

static void simloop_post(struct loop *l, struct loop_msg *m) {
    struct loop_sim *x = loop_sim_of(l);
    m->next = NULL;
    *x->mail_end = m;
    x->mail_end = &m->next;
    if (!x->mail_due.heap_index)
        timers_set(&x->w->timers, &x->mail_due, x->w->now, l);
}

static void on_mail(struct loop_timer *t) {
    struct loop_sim *x = CONTAINER_OF(t, struct loop_sim, mail_due);
    struct loop_msg *m = x->mail;
    x->mail = NULL;
    x->mail_end = &x->mail;
    while (m) {
        struct loop_msg *next = m->next;
        m->fn(&x->loop, m);
        m = next;
    }
}

static void work_done(struct loop *l, struct loop_msg *m) {
    struct loop_work *w = CONTAINER_OF(m, struct loop_work, impl);
    w->done(w);
}

static int simloop_work(struct loop *l, struct loop_work *w) {
    struct loop_msg *m = (struct loop_msg *)(void *)w->impl;
    w->work(w);
    m->fn = work_done;
    loop_post(l, m);
    return 0;
}

static void loop_gone(struct loop_sim *x) {
    timers_drop(&x->w->timers, &x->loop);
    list_remove(&x->w->dirty, &x->in_dirty);
    list_remove(&x->w->loops, &x->in_world);
    free(x);
}

static void simloop_free(struct loop *l) {
    struct loop_sim *x = loop_sim_of(l);
    l->freeing = true;
    LIST_EACH (n, &l->streams)
        stream_drop(CONTAINER_OF(n, struct stream, all));
    while (stream_todo_run(l))
        ;
    assert(list_empty(&x->listeners) && "a listener is still open");
    loop_gone(x);
}

void sim_loop_freeze(struct loop *l) {
    loop_sim_of(l)->frozen = true;
}

void sim_loop_crash(struct loop **lp) {
    struct loop_sim *x = *lp ? loop_sim_of(*lp) : NULL;
    *lp = NULL;
    if (!x)
        return;
    LIST_EACH (n, &x->loop.streams) {
        struct stream_sim *s = CONTAINER_OF(CONTAINER_OF(n, struct stream, all), struct stream_sim, s);
        if (s->end)
            sim_end_leave(s->end, true);
        s->end = NULL;
        stream_vanish(&s->s);
    }
    listener_sim_vanish(x);
    loop_gone(x);
}

static const struct loop_ops sim_ops = {
    .run = sim_run,
    .stop = sim_stop,
    .free = simloop_free,
    .now = simloop_now,
    .wall = simloop_wall,
    .here = simloop_here,
    .random = simloop_random,
    .timer_set = simloop_timer_set,
    .timer_stop = simloop_timer_stop,
    .post = simloop_post,
    .work = simloop_work,
    .wake = simloop_wake,
    .listen = listener_sim_open,
    .connect = stream_sim_connect,
    .attach = stream_sim_attach,
};

struct loop *sim_loop_new(struct sim_world *w) {
    struct loop_sim *x = calloc(1, sizeof *x);
    if (!x)
        return NULL;
    loop_init(&x->loop, &sim_ops);
    x->w = w;
    x->mail_end = &x->mail;
    x->mail_due.fn = on_mail;
    list_init(&x->listeners);
    list_push(&w->loops, &x->in_world);
    return &x->loop;
}

/* --- the world --- */

struct sim_world *sim_world_new(uint64_t seed, struct wall start) {
    struct sim_world *w = calloc(1, sizeof *w);
    if (!w)
        return NULL;
    w->now = (struct mono){START_US};
    w->wall_us = start.us - START_US;
    w->rng.s = seed;
    w->weather = (struct sim_weather){.delay_min_ms = DELAY_DEFAULT_MS, .delay_max_ms = DELAY_DEFAULT_MS};
    list_init(&w->loops);
    list_init(&w->dirty);
    return w;
}

void sim_world_free(struct sim_world **wp) {
    struct sim_world *w = *wp;
    *wp = NULL;
    if (!w)
        return;
    assert(list_empty(&w->loops) && "a loop is still there");
    struct map_iter it = {0};
    for (struct map_node *n; (n = map_next(&w->sources, &it));)
        free(CONTAINER_OF(n, struct sim_source, node)); /* those that were left dark */
    map_free(&w->sources);
    listener_sim_fini(w);
    sim_chunks_free(w);
    timers_free(&w->timers);
    free(w);
}

struct mono sim_now(const struct sim_world *w) {
    return w->now;
}

void sim_wall_jump(struct sim_world *w, int64_t ms) {
    w->wall_us += ms * 1000;
}

struct rng *sim_rng(struct sim_world *w) {
    return &w->rng;
}

void sim_weather_set(struct sim_world *w, const struct sim_weather *weather) {
    w->weather = *weather;
}

int64_t sim_delay_us(struct sim_world *w) {
    return rng_range(&w->rng, (int64_t)w->weather.delay_min_ms * 1000,
                     (int64_t)w->weather.delay_max_ms * 1000);
}

void sim_next_source(struct loop *l, const char *address) {
    struct loop_sim *x = loop_sim_of(l);
    snprintf(x->next_source, sizeof x->next_source, "%s", address);
}

/* --- sources --- */

/* Where the port begins in "10.0.0.7:4433" or "[::1]:80"; NULL when the name has none. */
static const char *port_of(const char *name) {
    const char *colon = strrchr(name, ':');
    if (!colon || (name[0] == '[' ? colon[-1] != ']' : strchr(name, ':') != colon))
        return NULL;
    return colon;
}

struct sim_source *sim_source_get(struct sim_world *w, const char *name) {
    struct map_node *n = map_get(&w->sources, slice_head(slice_str(name), SIM_NAME_CAP - 1));
    struct sim_source *s = n ? CONTAINER_OF(n, struct sim_source, node) : NULL;
    if (s) {
        s->refs++;
        return s;
    }
    s = calloc(1, sizeof *s);
    if (!s)
        return NULL;
    list_init(&s->ends);
    s->refs = 1;
    slice_to_str(slice_str(name), s->name, sizeof s->name);
    const char *port = port_of(s->name);
    if (port) {
        char host[SIM_NAME_CAP];
        slice_to_str(slice_of(s->name, (size_t)(port - s->name)), host, sizeof host);
        s->host = sim_source_get(w, host);
    }
    if ((port && !s->host) || map_put(&w->sources, &s->node, slice_str(s->name)) < 0) {
        sim_source_put(w, &s->host);
        free(s);
        return NULL;
    }
    return s;
}

void sim_source_put(struct sim_world *w, struct sim_source **sp) {
    struct sim_source *s = *sp;
    *sp = NULL;
    if (!s || --s->refs)
        return;
    map_remove(&w->sources, &s->node);
    sim_source_put(w, &s->host);
    free(s);
}

bool sim_source_dark(const struct sim_world *w, const struct sim_source *s) {
    return w->dark || s->dark || (s->host && s->host->dark);
}

static void apply_dark(struct sim_world *w, struct sim_source *s) {
    bool dark = sim_source_dark(w, s);
    LIST_EACH (n, &s->ends) {
        struct sim_end *e = CONTAINER_OF(n, struct sim_end, in_source);
        e->dark = dark;
        if (!dark)
            sim_end_unstall(e);
    }
}

/* A cut takes ends off the list, and callbacks may take more: begin anew after each. */
static void cut_all(struct sim_world *w, struct sim_source *s) {
    bool more = true;
    while (more) {
        more = false;
        LIST_EACH (n, &s->ends) {
            struct sim_end *e = CONTAINER_OF(n, struct sim_end, in_source);
            if (!e->owner)
                continue; /* on its way between two loops */
            sim_end_cut(e);
            more = true;
            break;
        }
    }
}

/* Call fn for each source that a rule's name means. */
static void each_source(struct sim_world *w, const char *name,
                        void (*fn)(struct sim_world *w, struct sim_source *s)) {
    struct map_node *n = map_get(&w->sources, slice_str(name));
    struct sim_source *only = n ? CONTAINER_OF(n, struct sim_source, node) : NULL;
    if (only && only->host) {
        only->refs++; /* fn may let go of its last end */
        fn(w, only);
        sim_source_put(w, &only);
        return;
    }
    bool all = strcmp(name, "*") == 0;
    struct sim_source **found = only || all ? calloc(w->sources.count + 1, sizeof *found) : NULL;
    size_t nfound = 0;
    struct map_iter it = {0};
    while (found && (n = map_next(&w->sources, &it))) {
        struct sim_source *s = CONTAINER_OF(n, struct sim_source, node);
        if (all || s == only || s->host == only) {
            s->refs++;
            found[nfound++] = s;
        }
    }
    for (size_t i = 0; i < nfound; i++) {
        fn(w, found[i]);
        sim_source_put(w, &found[i]);
    }
    free(found);
}

void sim_blackhole(struct sim_world *w, const char *source, bool on) {
    if (strcmp(source, "*") == 0) {
        w->dark = on;
    } else {
        struct sim_source *s = sim_source_get(w, source), *held = s;
        if (!s)
            return;
        if (on && !s->dark)
            s->refs++; /* a rule outlives the connections it is about */
        bool lifted = !on && s->dark;
        s->dark = on;
        sim_source_put(w, &held);
        if (lifted)
            sim_source_put(w, &s);
    }
    each_source(w, source, apply_dark);
}

void sim_cut(struct sim_world *w, const char *source) {
    each_source(w, source, cut_all);
}
