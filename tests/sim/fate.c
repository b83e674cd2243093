/* SPDX-License-Identifier: Apache-2.0 */
/* What happens to the world: faults and orders, drawn from the seed. */
#include "activation.h"
#include "sessions.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static const struct {
    double per_hour;
    bool of_server;
    const char *text;
} kinds[] = {
#define X(sym, per_hour, text) {per_hour, false, text},
    WORLD_EVENT_TABLE(X)
#undef X
#define X(sym, per_hour, text) {per_hour, true, text},
        WORLD_SERVER_EVENT_TABLE(X)
#undef X
};

/* The end of a trouble of one node. */
struct relief {
    struct loop_timer timer;
    struct world *w;
    uint32_t node;
    void (*fn)(struct world *w, uint32_t node);
};

static void relief_due(struct loop_timer *t) {
    struct relief *r = CONTAINER_OF(t, struct relief, timer);
    r->fn(r->w, r->node);
    free(r);
}

static void relieve_later(struct world *w, uint32_t node, int64_t ms, void (*fn)(struct world *, uint32_t)) {
    struct relief *r = calloc(1, sizeof *r);
    if (!r)
        abort();
    *r = (struct relief){.timer.fn = relief_due, .w = w, .node = node, .fn = fn};
    w->trouble_until[node] = mono_max(w->trouble_until[node], mono_add_ms(sim_now(w->sim), ms));
    loop_timer_set(w->outside, &r->timer, mono_add_ms(sim_now(w->sim), ms));
}

static void source_of(uint32_t node, char out[32]) {
    snprintf(out, 32, "10.0.0.%u:4000", node + 1);
}

static void hole_ends(struct world *w, uint32_t node) {
    char source[32];
    source_of(node, source);
    sim_blackhole(w->sim, source, false);
    sim_cut(w->sim, source); /* what was lost in the hole never comes: the connection breaks */
    w->dark_since[node] = MONO_NEVER;
}
static void power_returns(struct world *w, uint32_t node) {
    if (sim_node_power_restore(w->nodes[node]) == 0)
        w->dark_since[node] = MONO_NEVER;
}
static void speech_returns(struct world *w, uint32_t node) {
    sim_node_faults_clear(w->nodes[node]);
}

/* --- orders --- */

struct asked {
    struct fleet_command c; /* first */
    struct list_node node;
    uint32_t of;
};

void world_orders_lost(struct world *w) {
    for (struct list_node *n; (n = list_pop(&w->asked));)
        free(CONTAINER_OF(n, struct asked, node));
}

static void order_answered(struct fleet_command *c) {
    struct world *w = c->ctx;
    struct asked *a = CONTAINER_OF(c, struct asked, c);
    uint32_t node = a->of;
    list_remove(&w->asked, &a->node);
    if (c->call.err == 0) {
        struct world_order *o =
            &w->orders[w->norders < WORLD_ORDERS_MAX ? w->norders++ : WORLD_ORDERS_MAX - 1];
        *o = (struct world_order){.node = node};
        snprintf(o->op, sizeof o->op, "%s", c->op.id);
        world_acknowledged(w, node, o);
    }
    free(a);
}

void world_order(struct world *w, uint32_t node, struct host_command cmd) {
    struct asked *a = calloc(1, sizeof *a);
    if (!w->app || w->dying || !a) {
        free(a);
        return;
    }
    struct fleet_command *c = &a->c;
    a->of = node;
    list_push(&w->asked, &a->node);
    w->nasked++;
    c->cmd = cmd;
    snprintf(c->cmd.actor, sizeof c->cmd.actor, "fate");
    snprintf(c->call.host, sizeof c->call.host, "%s", w->ids[node]);
    c->call.from = w->app->shards[w->nasked % w->app->nshards];
    c->done = order_answered;
    c->ctx = w;
    fleet_command(c);
}

static void order_intent(struct world *w, uint32_t node) {
    static const enum power_state to[] = {POWER_ON,  POWER_ON,    POWER_ON,
                                          POWER_OFF, POWER_SLEEP, POWER_HIBERNATE};
    world_order(w, node, (struct host_command){.kind = CMD_INTENT, .desired = to[rng_range(&w->rng, 0, 5)]});
}
static void order_operation(struct world *w, uint32_t node) {
    static const enum power_op kinds_of[] = {POWER_OP_RESET, POWER_OP_CYCLE, POWER_OP_RESET_GRACEFUL};
    enum power_op op = kinds_of[rng_range(&w->rng, 0, 2)];
    w->acknowledged[node]++; /* counted when asked: an answer may be lost in a crash */
    world_order(w, node,
                (struct host_command){.kind = CMD_OPERATE,
                                      .op = op,
                                      .deadline_ms = (uint32_t)rng_range(&w->rng, 5000, 300000)});
}
static void order_cancel(struct world *w, uint32_t node) {
    const struct fleet_host *fh = world_host(w, node);
    if (!fh || !fh->h.op || fh->h.op->by_reconcile)
        return;
    struct host_command c = {.kind = CMD_CANCEL};
    snprintf(c.key, sizeof c.key, "%s", fh->h.op->id);
    world_order(w, node, c);
}

static void set_up(struct world *w, uint32_t node) {
    world_activation_order(w, node);
}
static void session(struct world *w, uint32_t node) {
    story_begin(w->sessions, node);
}

/* --- faults --- */

static void os_shutdown(struct world *w, uint32_t node) {
    (void)!sim_node_local(w->nodes[node], MACHINE_ACT_SHUTDOWN);
}
static void cut(struct world *w, uint32_t node) {
    char source[32];
    source_of(node, source);
    sim_cut(w->sim, source);
}
static void hole(struct world *w, uint32_t node) {
    char source[32];
    if (!mono_is_never(w->dark_since[node]))
        return;
    source_of(node, source);
    sim_blackhole(w->sim, source, true);
    w->dark_since[node] = sim_now(w->sim);
    relieve_later(w, node, rng_range(&w->rng, 1000, 300000), hole_ends);
}
static void power_cut(struct world *w, uint32_t node) {
    if (!mono_is_never(w->dark_since[node]) ||
        sim_node_power_cut(w->nodes[node], rng_chance(&w->rng, 500000)) < 0)
        return;
    w->dark_since[node] = sim_now(w->sim);
    relieve_later(w, node, rng_range(&w->rng, 1000, 600000), power_returns);
}
static void twin(struct world *w, uint32_t node) {
    sim_node_fault(w->nodes[node], SIM_FAULT_DUPLICATE_LOGIN, true, 0);
}
static void mute(struct world *w, uint32_t node) {
    sim_node_fault(w->nodes[node], SIM_FAULT_HALF_OPEN, true, 0);
    relieve_later(w, node, rng_range(&w->rng, 5000, 120000), speech_returns);
}

static void disk_well(struct world *w, uint32_t node) {
    (void)node;
    disk_weather_set(w->disk, &(struct disk_weather){.durable_min_ms = 1, .durable_max_ms = 20});
}
static void server_returns(struct loop_timer *t) {
    struct world *w = CONTAINER_OF(t, struct world, revive);
    if (!w->app)
        world_server_start(w);
}
static void crash(struct world *w, uint32_t node) {
    (void)node;
    w->dying = true;
    w->revive.fn = server_returns;
    loop_timer_set(w->outside, &w->revive, mono_add_ms(sim_now(w->sim), rng_range(&w->rng, 100, 30000)));
}
/* Inside a later submission: the actions behind it never happen. */
static void die_here(void *ctx) {
    struct world *w = ctx;
    if (!w->crash_midway || w->submissions_left-- > 0)
        return;
    w->crash_midway = false;
    disk_freeze(w->disk);
    for (unsigned i = 0; i < w->cfg.shards; i++)
        sim_loop_freeze(w->loops[i]);
    crash(w, 0);
}
static void crash_midway(struct world *w, uint32_t node) {
    (void)node;
    w->crash_midway = true;
    w->submissions_left = (uint32_t)rng_range(&w->rng, 0, 30);
    disk_on_submit(w->disk, die_here, w);
}
static void disk_slow(struct world *w, uint32_t node) {
    disk_weather_set(w->disk, &(struct disk_weather){.durable_min_ms = 500, .durable_max_ms = 4000});
    relieve_later(w, node, rng_range(&w->rng, 1000, 120000), disk_well);
}
static void disk_full(struct world *w, uint32_t node) {
    disk_weather_set(w->disk,
                     &(struct disk_weather){.durable_min_ms = 1, .durable_max_ms = 20, .full = true});
    relieve_later(w, node, rng_range(&w->rng, 1000, 120000), disk_well);
}
static void clock_jump(struct world *w, uint32_t node) {
    (void)node;
    sim_wall_jump(w->sim, rng_range(&w->rng, -3600000, 3600000));
}
static void weather(struct world *w, uint32_t node) {
    (void)node;
    uint32_t most = (uint32_t)rng_range(&w->rng, 1, 200);
    sim_weather_set(w->sim, &(struct sim_weather){.delay_min_ms = 0,
                                                  .delay_max_ms = most,
                                                  .split_per_million = 20000,
                                                  .cut_per_million = 20});
}

static void (*const doers[])(struct world *w, uint32_t node) = {
    [WORLD_OS_SHUTDOWN] = os_shutdown,
    [WORLD_CUT] = cut,
    [WORLD_BLACKHOLE] = hole,
    [WORLD_POWER_CUT] = power_cut,
    [WORLD_TWIN_LOGIN] = twin,
    [WORLD_MUTE] = mute,
    [WORLD_ORDER_INTENT] = order_intent,
    [WORLD_ORDER_OPERATION] = order_operation,
    [WORLD_ORDER_CANCEL] = order_cancel,
    [WORLD_SESSION] = session,
    [WORLD_SET_UP] = set_up,
    [WORLD_CRASH] = crash,
    [WORLD_CRASH_MIDWAY] = crash_midway,
    [WORLD_DISK_SLOW] = disk_slow,
    [WORLD_DISK_FULL] = disk_full,
    [WORLD_CLOCK_JUMP] = clock_jump,
    [WORLD_WEATHER] = weather,
};

/* Without power and sessions; what the network, the disk and the server do stays. */
static bool not_of_set_up(unsigned k) {
    return k == WORLD_OS_SHUTDOWN || k == WORLD_POWER_CUT || k == WORLD_ORDER_INTENT ||
           k == WORLD_ORDER_OPERATION || k == WORLD_ORDER_CANCEL || k == WORLD_SESSION;
}

static double rate_of(const struct world *w, unsigned k) {
    if (w->cfg.no_crash && (k == WORLD_CRASH || k == WORLD_CRASH_MIDWAY))
        return 0;
    if (k == WORLD_SET_UP)
        return w->cfg.set_up * w->cfg.nodes;
    if (w->cfg.set_up > 0 && (w->cfg.drops_ppm || not_of_set_up(k)))
        return 0;
    if (k == WORLD_SESSION && w->cfg.sessions > 0)
        return w->cfg.sessions * w->cfg.nodes;
    return kinds[k].of_server ? kinds[k].per_hour : kinds[k].per_hour * w->cfg.nodes;
}

static void next_fate(struct world *w) {
    double total = 0;
    for (unsigned k = 0; k < WORLD_EVENT_COUNT; k++)
        total += rate_of(w, k);
    double u = ((double)(rng_u64(&w->rng) >> 11) + 1) / 9007199254740993.0; /* (0, 1] */
    int64_t ms = (int64_t)(-log(u) / total * 3600000.0);
    loop_timer_set(w->outside, &w->fate, mono_add_ms(sim_now(w->sim), ms));
}

static void fate_due(struct loop_timer *t) {
    struct world *w = CONTAINER_OF(t, struct world, fate);
    double total = 0;
    for (unsigned k = 0; k < WORLD_EVENT_COUNT; k++)
        total += rate_of(w, k);
    double pick = (double)(rng_u64(&w->rng) % 1000000) / 1000000.0 * total;
    unsigned k = 0;
    while (k + 1 < WORLD_EVENT_COUNT && pick >= rate_of(w, k))
        pick -= rate_of(w, k++);
    uint32_t node = (uint32_t)rng_range(&w->rng, 0, w->cfg.nodes - 1);
    w->counts[k]++;
    if (w->cfg.verbose)
        printf("%10.3f  node %u: %s\n", (double)sim_now(w->sim).us / 1e6, node + 1, kinds[k].text);
    doers[k](w, node);
    next_fate(w);
}

void world_fate_start(struct world *w) {
    w->fate.fn = fate_due;
    next_fate(w);
}
