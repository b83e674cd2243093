/* SPDX-License-Identifier: Apache-2.0 */
/* How it works: shard 0 numbers events and keeps the ring. A subscriber that is behind asks shard 0 for a
 * batch of the ring; shard 0 answers, and says whether the batch reaches the present. If so the subscriber is
 * live: messages of one sender arrive in order, so every later event reaches it as a live one. */
#include "server/hub.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

enum { BATCH_MAX = 128 };

/* Reference counted: ring, messages and batches share one copy. */
struct event {
    struct hub_event e;
    _Atomic uint32_t refs;
    uint8_t json[];
};

/* Subscribers of one shard; touched on that shard only, but the atomics. */
struct part {
    struct list subs; /* struct hub_sub.node */
    _Atomic uint32_t in_flight;
    _Atomic int listening; /* has subscribers: shard 0 posts to it */
};

struct hub {
    struct app *app;
    struct hub_limits lim;
    struct event **ring; /* lim.ring_max places; event seq is at seq % ring_max */
    uint64_t first;      /* oldest in the ring; first > last: empty */
    _Atomic uint64_t last;
    _Atomic uint32_t subscribers;
    struct part parts[SHARDS_MAX];
};

/* S: what a subscriber waits for */
enum sub_state {
    SUB_LIVE,   /* has all up to now: takes events as they come */
    SUB_BEHIND, /* a batch of the ring is on its way */
    SUB_PAUSED,
    SUB_GONE, /* unsubscribed while a batch is on its way */
};
/* Outlives its hub_sub while a batch is on its way. */
struct sub {
    enum sub_state state;
    struct hub_sub *owner;
    uint64_t seen; /* the last number given to fn, or what it resumes behind; UINT64_MAX: the present */
    bool asking;   /* a batch is on its way or being given out */
};

static void sub_set_state(struct sub *s, enum sub_state state) {
    s->state = state;
}

static struct event *event_ref(struct event *e) {
    atomic_fetch_add_explicit(&e->refs, 1, memory_order_relaxed);
    return e;
}
static void event_unref(struct event *e) {
    if (e && atomic_fetch_sub_explicit(&e->refs, 1, memory_order_acq_rel) == 1)
        free(e);
}

struct hub *hub_new(struct app *a, uint64_t last_seq, const struct hub_limits *lim) {
    struct hub *h = calloc(1, sizeof *h);
    if (!h)
        return NULL;
    h->app = a;
    h->lim = *lim;
    h->first = last_seq + 1;
    atomic_store(&h->last, last_seq);
    for (size_t i = 0; i < SHARDS_MAX; i++)
        list_init(&h->parts[i].subs);
    if (h->lim.ring_max == 0)
        h->lim.ring_max = 1; /* a subscriber that fell behind finds at least the newest */
    h->ring = calloc(h->lim.ring_max, sizeof *h->ring);
    if (!h->ring)
        hub_free(&h);
    return h;
}

void hub_free(struct hub **hp) {
    struct hub *h = *hp;
    if (!h)
        return;
    for (uint32_t i = 0; h->ring && i < h->lim.ring_max; i++)
        event_unref(h->ring[i]);
    free(h->ring);
    free(h);
    *hp = NULL;
}

void hub_set_limits(struct hub *h, const struct hub_limits *lim) {
    uint32_t ring_max = h->lim.ring_max;
    h->lim = *lim;
    h->lim.ring_max = ring_max;
}

uint64_t hub_last_seq(const struct hub *h) {
    return atomic_load_explicit(&h->last, memory_order_relaxed);
}
bool hub_wanted(const struct hub *h) {
    return atomic_load_explicit(&h->subscribers, memory_order_relaxed) > 0;
}

/* --- giving events to the subscribers of a shard --- */

static void give(struct sub *s, const struct event *e) {
    if (e->e.seq <= s->seen)
        return;
    bool gap = e->e.seq > s->seen + 1;
    s->seen = e->e.seq;
    if (gap)
        metric_add(&s->owner->shard->metrics, METRIC_EVENTS_DROPPED, 1);
    s->owner->fn(s->owner, &e->e, gap); /* may free s */
}

static int ask(struct hub *h, struct sub *s);

struct live_msg {
    struct loop_msg msg;
    struct hub *hub;
    struct shard *shard;
    struct event *event;
};

static void live_arrives(struct loop *l, struct loop_msg *m) {
    (void)l;
    struct live_msg *lm = CONTAINER_OF(m, struct live_msg, msg);
    struct part *p = &lm->hub->parts[lm->shard->index];
    atomic_fetch_sub_explicit(&p->in_flight, 1, memory_order_relaxed);
    LIST_EACH (n, &p->subs) {
        struct sub *s = CONTAINER_OF(n, struct hub_sub, node)->impl;
        if (s->state != SUB_LIVE)
            continue;
        /* some were dropped on the way: the ring may still have them */
        if (lm->event->e.seq > s->seen + 1 && ask(lm->hub, s) == 0)
            continue;
        give(s, lm->event);
    }
    event_unref(lm->event);
    free(lm);
}

/* On shard 0. */
static void deliver(struct hub *h, struct event *e) {
    for (unsigned i = 0; i < h->app->nshards; i++) {
        struct part *p = &h->parts[i];
        if (!atomic_load_explicit(&p->listening, memory_order_acquire))
            continue;
        if (atomic_load_explicit(&p->in_flight, memory_order_relaxed) >= h->lim.in_flight_max)
            continue;
        struct live_msg *lm = calloc(1, sizeof *lm);
        if (!lm)
            continue;
        *lm = (struct live_msg){{NULL, live_arrives}, h, h->app->shards[i], event_ref(e)};
        atomic_fetch_add_explicit(&p->in_flight, 1, memory_order_relaxed);
        loop_post(h->app->shards[i]->loop, &lm->msg);
    }
}

/* --- publishing --- */

static void store_event(struct hub *h, const struct event *e) {
    struct store_txn *t = h->app->store ? store_txn_new(NULL, NULL) : NULL;
    if (!t)
        return;
    struct store_event row = {.seq = e->e.seq, .at = e->e.at};
    memcpy(row.host, e->e.host, sizeof row.host);
    memcpy(row.project, e->e.project, sizeof row.project);
    memcpy(row.kind, e->e.kind, sizeof row.kind);
    memcpy(row.text, e->e.text, sizeof row.text);
    if (store_txn_add(t, STORE_EVENT_ADD, &row) < 0 || store_submit(h->app->store, t) < 0)
        store_txn_free(&t); /* history has a hole; the state of hosts does not depend on it */
}

static void number(struct hub *h, struct event *e) {
    uint64_t seq = hub_last_seq(h) + 1;
    e->e.seq = seq;
    atomic_store_explicit(&h->last, seq, memory_order_relaxed);
    struct event **place = &h->ring[seq % h->lim.ring_max];
    if (*place)
        h->first = (*place)->e.seq + 1;
    event_unref(*place);
    *place = event_ref(e);
    store_event(h, e);
    metric_add(&h->app->shards[0]->metrics, METRIC_EVENTS, 1);
    deliver(h, e);
    event_unref(e);
}

struct publish_msg {
    struct loop_msg msg;
    struct hub *hub;
    struct event *event;
};
static void publish_arrives(struct loop *l, struct loop_msg *m) {
    (void)l;
    struct publish_msg *pm = CONTAINER_OF(m, struct publish_msg, msg);
    number(pm->hub, pm->event);
    free(pm);
}

void hub_publish(struct shard *s, const char *host, const char *project, const char *kind, const char *text,
                 struct slice host_json) {
    struct hub *h = s->app->hub;
    struct event *e = h ? calloc(1, sizeof *e + host_json.n) : NULL;
    struct publish_msg *pm = e ? calloc(1, sizeof *pm) : NULL;
    if (!pm) {
        if (e)
            metric_add(&s->metrics, METRIC_EVENTS_DROPPED, 1);
        free(e);
        return;
    }
    atomic_init(&e->refs, 1);
    e->e.at = loop_wall(s->loop);
    snprintf(e->e.host, sizeof e->e.host, "%s", host ? host : "");
    snprintf(e->e.project, sizeof e->e.project, "%s", project ? project : "");
    snprintf(e->e.kind, sizeof e->e.kind, "%s", kind);
    snprintf(e->e.text, sizeof e->e.text, "%s", text);
    if (host_json.n)
        memcpy(e->json, host_json.p, host_json.n);
    e->e.host_json = slice_of(e->json, host_json.n);
    /* through the mailbox from shard 0, too: one order for all, and no call back from inside a publish */
    *pm = (struct publish_msg){{NULL, publish_arrives}, h, e};
    loop_post(h->app->shards[0]->loop, &pm->msg);
}

/* --- catching up --- */

struct batch {
    struct loop_msg msg;
    struct hub *hub;
    struct shard *shard;
    struct sub *sub;
    uint64_t after; /* asked for; what is reached when n is 0 */
    bool current;   /* reaches the present */
    size_t n;
    struct event *events[BATCH_MAX];
};

/* On the subscriber's shard. */
static void batch_arrives(struct loop *l, struct loop_msg *m) {
    (void)l;
    struct batch *b = CONTAINER_OF(m, struct batch, msg);
    struct sub *s = b->sub;
    size_t given = 0;
    if (s->seen > b->after) /* it asked for the present, or for a future of another database */
        s->seen = b->after;
    for (size_t i = 0; i < b->n; i++) {
        if (s->state == SUB_BEHIND) {
            give(s, b->events[i]); /* s stays while asking */
            given++;
        }
        event_unref(b->events[i]);
    }
    s->asking = false;
    if (s->state == SUB_GONE)
        free(s);
    else if (s->state == SUB_BEHIND && b->current && given == b->n)
        sub_set_state(s, SUB_LIVE);
    else if (s->state == SUB_BEHIND && ask(b->hub, s) < 0)
        sub_set_state(s, SUB_LIVE); /* the next live event asks again, or comes with a gap */
    free(b);
}

/* On shard 0: fill the batch and send it back. */
static void batch_asked(struct loop *l, struct loop_msg *m) {
    (void)l;
    struct batch *b = CONTAINER_OF(m, struct batch, msg);
    struct hub *h = b->hub;
    uint64_t last = hub_last_seq(h);
    if (b->after > last)
        b->after = last;
    uint64_t seq = b->after + 1 < h->first ? h->first : b->after + 1;
    for (; seq <= last && b->n < BATCH_MAX; seq++)
        b->events[b->n++] = event_ref(h->ring[seq % h->lim.ring_max]);
    b->current = seq > last;
    b->msg.fn = batch_arrives;
    loop_post(b->shard->loop, &b->msg);
}

static int ask(struct hub *h, struct sub *s) {
    if (!s->asking) {
        struct batch *b = calloc(1, sizeof *b);
        if (!b)
            return ERR_NOMEM;
        b->msg.fn = batch_asked;
        b->hub = h;
        b->shard = s->owner->shard;
        b->sub = s;
        b->after = s->seen;
        s->asking = true;
        loop_post(h->app->shards[0]->loop, &b->msg);
    }
    sub_set_state(s, SUB_BEHIND);
    return 0;
}

/* --- subscribers --- */

int hub_subscribe(struct hub *h, struct hub_sub *sub, uint64_t after_seq) {
    LOOP_ASSERT(sub->shard->loop);
    if (atomic_fetch_add(&h->subscribers, 1) >= h->lim.subscribers_max) {
        atomic_fetch_sub(&h->subscribers, 1);
        return ERR_LIMIT;
    }
    struct part *p = &h->parts[sub->shard->index];
    struct sub *s = calloc(1, sizeof *s);
    if (s) {
        s->owner = sub;
        s->seen = after_seq;
        atomic_store_explicit(&p->listening, 1, memory_order_release);
    }
    if (!s || ask(h, s) < 0) {
        free(s);
        atomic_fetch_sub(&h->subscribers, 1);
        return ERR_NOMEM;
    }
    sub->impl = s;
    list_push(&p->subs, &sub->node);
    metric_add(&sub->shard->metrics, METRIC_SUBSCRIBERS, 1);
    return 0;
}

void hub_unsubscribe(struct hub *h, struct hub_sub *sub) {
    struct sub *s = sub->impl;
    if (!s)
        return;
    LOOP_ASSERT(sub->shard->loop);
    struct part *p = &h->parts[sub->shard->index];
    list_remove(&p->subs, &sub->node);
    if (list_empty(&p->subs))
        atomic_store_explicit(&p->listening, 0, memory_order_release);
    sub->impl = NULL;
    sub_set_state(s, SUB_GONE);
    if (!s->asking)
        free(s);
    atomic_fetch_sub(&h->subscribers, 1);
    metric_add(&sub->shard->metrics, METRIC_SUBSCRIBERS, -1);
}

void hub_pause(struct hub_sub *sub) {
    struct sub *s = sub->impl;
    if (s)
        sub_set_state(s, SUB_PAUSED);
}

void hub_resume(struct hub *h, struct hub_sub *sub) {
    struct sub *s = sub->impl;
    if (s && s->state == SUB_PAUSED && ask(h, s) < 0)
        sub_set_state(s, SUB_LIVE);
}
