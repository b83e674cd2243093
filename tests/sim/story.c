/* SPDX-License-Identifier: Apache-2.0 */
/* Operators: each story is one who wants one kind of one host for a while, and does by dice what operators
 * do; now and then the firmware, or somebody else, gets in the way. */
#include "sessions.h"

#include <stdio.h>
#include <stdlib.h>

/* A(NAME, weight, what happens) */
#define ACT_TABLE(A)                                                                                         \
    A(GO_ON, 16, go_on)                                                                                      \
    A(LOOK, 4, look)                                                                                         \
    A(ANEW, 1, ask_ticket)                                                                                   \
    A(REQUEST, 1, request)                                                                                   \
    A(CANCEL, 1, cancel)                                                                                     \
    A(STOP, 1, stop)                                                                                         \
    A(POWER, 3, power)                                                                                       \
    A(FIRMWARE_CLOSES, 1, firmware_closes)                                                                   \
    A(FIRMWARE_BUSY, 1, firmware_busy)                                                                       \
    A(FIRMWARE_IDLE, 1, firmware_idle)                                                                       \
    A(READS_DISK, 3, reads_disk)

enum { USERS = 4, TICKS_MIN = 5, TICKS_MAX = 30, TICK_MAX_MS = 20000 };

struct story {
    struct list_node node;
    struct sessions *ss;
    struct loop_timer timer;
    struct rng rng;
    uint32_t of;
    enum redir_kind kind;
    char user[OP_ACTOR_CAP], id[REDIR_SESSION_ID_CAP];
    unsigned ticks;
    struct session_ask *asked; /* the answer that it waits for */
};

struct session_ask {
    struct session_call c; /* first */
    struct list_node node;
    struct sessions *ss;
    struct story *story;
    struct mono at;
    uint32_t of;
    bool wrong; /* a code that is not the node's */
    bool answered;
};

/* --- orders --- */

static void ask_free(struct session_ask *a) {
    if (a->story)
        a->story->asked = NULL;
    list_remove(&a->ss->orders, &a->node);
    session_call_free(&a->c);
    free(a);
}

void story_orders_lost(struct sessions *ss) {
    LIST_EACH (n, &ss->orders)
        ask_free(CONTAINER_OF(n, struct session_ask, node));
}

int64_t story_waits_ms(const struct sessions *ss) {
    const struct list_node *n = list_first(&ss->orders);
    return n ? mono_ms_between(CONTAINER_OF(n, struct session_ask, node)->at, sim_now(ss->w->sim)) : 0;
}

static void judge(const struct session_ask *a) {
    const struct session_call *c = &a->c;
    struct world *w = a->ss->w;
    bool about_session = c->order.what <= SESSION_STOP;
    if (c->call.err && !c->call.error.text[0])
        world_broken(w, "order %d of node %u is refused without a word", c->order.what, a->of + 1);
    if (!c->call.err && about_session && !c->has_session)
        world_broken(w, "order %d of node %u is answered without its session", c->order.what, a->of + 1);
    if (!c->call.err && a->wrong)
        world_broken(w, "node %u: a wrong consent code was taken", a->of + 1);
    if (!c->call.err && c->order.what == SESSION_TICKET && strcmp(c->session.ticket, c->order.ticket) != 0)
        world_broken(w, "node %u: a ticket is answered that is not the session's", a->of + 1);
}

static void answered(struct session_call *c) {
    struct session_ask *a = CONTAINER_OF(c, struct session_ask, c);
    struct story *s = a->story;
    if (a->answered)
        world_broken(a->ss->w, "order %d of node %u is answered twice", c->order.what, a->of + 1);
    a->answered = true;
    a->ss->w->tally.answers++;
    judge(a);
    if (s && !c->call.err && c->has_session)
        memcpy(s->id, c->session.id, sizeof s->id);
    if (s && !c->call.err && c->order.what == SESSION_TICKET && !a->ss->over)
        viewer_come(a->ss, a->of, &c->session);
    ask_free(a);
}

static struct session_ask *order(struct story *s, enum session_order_kind what) {
    struct sessions *ss = s->ss;
    struct session_ask *a = calloc(1, sizeof *a);
    if (!a)
        abort();
    a->ss = ss;
    a->story = s;
    a->of = s->of;
    a->at = sim_now(ss->w->sim);
    s->asked = a;
    list_push(&ss->orders, &a->node);
    struct session_order *o = &a->c.order;
    o->what = what;
    o->kind = s->kind;
    o->admin = rng_chance(&s->rng, 250000);
    memcpy(o->id, s->id, sizeof o->id);
    memcpy(o->user, s->user, sizeof o->user);
    snprintf(a->c.project, sizeof a->c.project, "default");
    snprintf(a->c.call.host, sizeof a->c.call.host, "%s", ss->w->ids[s->of]);
    a->c.call.from = ss->w->app->shards[ss->w->tally.orders++ % ss->w->app->nshards];
    a->c.done = answered;
    return a;
}

static void send(struct session_ask *a) {
    session_call(&a->c);
}

/* --- what operators do --- */

static const struct session *known(const struct story *s) {
    const struct fleet_host *fh = world_host(s->ss->w, s->of);
    return fh && s->id[0] ? host_session_find(&fh->h, s->id) : NULL;
}

static void start(struct story *s) {
    struct session_ask *a = order(s, SESSION_START);
    struct session_order *o = &a->c.order;
    if (rng_chance(&s->rng, 500000))
        memcpy(o->resume, s->id, sizeof o->resume);
    o->take_over = rng_chance(&s->rng, 300000);
    o->view_only = rng_chance(&s->rng, 200000);
    session_new_id(a->c.call.from->loop, o->new_id);
    send(a);
}

static void ask_ticket(struct story *s) {
    if (!s->id[0])
        return;
    struct session_ask *a = order(s, SESSION_TICKET);
    session_new_ticket(a->c.call.from->loop, a->c.order.ticket);
    send(a);
}

static void enter_code(struct story *s) {
    uint32_t code;
    if (!consent_code_parse(sim_node_consent_code(s->ss->w->nodes[s->of]), &code))
        return;
    struct session_ask *a = order(s, SESSION_CONSENT_CODE);
    a->wrong = rng_chance(&s->rng, 200000);
    a->c.order.code = a->wrong ? (code + 1) % 1000000 : code;
    send(a);
}

static void go_on(struct story *s) {
    const struct session *k = known(s);
    if (!k || k->state == SESSION_ENDED)
        start(s);
    else if (k->state == SESSION_CONSENT)
        enter_code(s);
    else if ((k->state == SESSION_READY || k->state == SESSION_INTERRUPTED) && !viewer_of(s->ss, s->id))
        ask_ticket(s);
}

static void look(struct story *s) {
    send(order(s, SESSION_CONSENT_READ));
}
static void request(struct story *s) {
    send(order(s, SESSION_CONSENT_REQUEST));
}
static void cancel(struct story *s) {
    send(order(s, SESSION_CONSENT_CANCEL));
}
static void stop(struct story *s) {
    if (s->id[0])
        send(order(s, SESSION_STOP));
}

static void power(struct story *s) {
    static const enum power_op ops[] = {POWER_OP_OFF, POWER_OP_OFF, POWER_OP_CYCLE, POWER_OP_ON};
    struct host_command c = {.kind = CMD_OPERATE, .op = ops[rng_range(&s->rng, 0, 3)]};
    c.force = rng_chance(&s->rng, 500000);
    c.deadline_ms = (uint32_t)rng_range(&s->rng, 5000, 300000);
    if (c.op == POWER_OP_CYCLE)
        s->ss->w->acknowledged[s->of]++;
    world_order(s->ss->w, s->of, c);
}

/* --- what others do --- */

static void firmware_closes(struct story *s) {
    (void)!sim_node_session_close(s->ss->w->nodes[s->of], s->kind);
}

static void firmware_busy(struct story *s) {
    struct world *w = s->ss->w;
    bool on = mono_before(s->ss->busy_until[s->of], MONO_NEVER);
    sim_node_busy(w->nodes[s->of], s->kind, on);
    s->ss->busy_until[s->of] = on ? MONO_NEVER : mono_add_ms(sim_now(w->sim), 60000);
}

static void firmware_idle(struct story *s) {
    sim_node_kvm_timeout(s->ss->w->nodes[s->of], 1);
}

static void reads_disk(struct story *s) {
    (void)!sim_node_ider_read(s->ss->w->nodes[s->of], IDER_CD, (uint32_t)rng_range(&s->rng, 0, 60), 0);
}

static const struct {
    uint8_t weight;
    void (*fn)(struct story *s);
} acts[] = {
#define A(name, weight, fn) {weight, fn},
    ACT_TABLE(A)
#undef A
};

/* --- life --- */

static void story_free(struct story *s) {
    loop_timer_stop(s->ss->w->outside, &s->timer);
    if (s->asked)
        s->asked->story = NULL;
    list_remove(&s->ss->stories, &s->node);
    free(s);
}

void stories_free(struct sessions *ss) {
    LIST_EACH (n, &ss->stories)
        story_free(CONTAINER_OF(n, struct story, node));
}

static void act(struct story *s) {
    int64_t total = 0;
    size_t i = 0;
    for (size_t k = 0; k < sizeof acts / sizeof *acts; k++)
        total += acts[k].weight;
    int64_t pick = rng_range(&s->rng, 0, total - 1);
    while (pick >= acts[i].weight)
        pick -= acts[i++].weight;
    acts[i].fn(s);
}

static void on_timer(struct loop_timer *t) {
    struct story *s = CONTAINER_OF(t, struct story, timer);
    struct world *w = s->ss->w;
    if (s->ticks == 0) {
        sim_node_busy(w->nodes[s->of], s->kind, false);
        s->ss->busy_until[s->of] = mono_add_ms(sim_now(w->sim), 60000);
        story_free(s);
        return;
    }
    if (w->app && !w->dying && !s->asked) {
        s->ticks--;
        act(s);
    }
    loop_timer_set(w->outside, t, mono_add_ms(sim_now(w->sim), rng_range(&s->rng, 500, TICK_MAX_MS)));
}

void story_begin(struct sessions *ss, uint32_t node) {
    struct story *s = calloc(1, sizeof *s);
    if (!s)
        abort();
    s->ss = ss;
    s->of = node;
    s->rng.s = rng_u64(&ss->rng);
    s->kind = (enum redir_kind)rng_range(&s->rng, 0, REDIR_KIND_COUNT - 1);
    s->ticks = (unsigned)rng_range(&s->rng, TICKS_MIN, TICKS_MAX);
    snprintf(s->user, sizeof s->user, "operator%d", (int)rng_range(&s->rng, 1, USERS));
    s->timer.fn = on_timer;
    list_push(&ss->stories, &s->node);
    loop_timer_set(ss->w->outside, &s->timer, sim_now(ss->w->sim));
}
