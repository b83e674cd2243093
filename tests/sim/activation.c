/* SPDX-License-Identifier: Apache-2.0 */
/* Operators of set-up: orders by dice, and at the end what an operator does until all is as it shall be. */
#include "activation.h"

#include <stdio.h>
#include <stdlib.h>

enum { AGAIN_MS = 120000 };

struct act_order {
    struct provisioning_order o; /* first */
    struct list_node node;
    struct activation *act;
    uint32_t of;
};

/* --- orders --- */

static void order_free(struct act_order *x) {
    list_remove(&x->act->orders, &x->node);
    free(x);
}

void world_activation_crashed(struct world *w) {
    LIST_EACH (n, &w->activation->orders)
        order_free(CONTAINER_OF(n, struct act_order, node));
}

static void answered(struct provisioning_order *o) {
    struct act_order *x = CONTAINER_OF(o, struct act_order, o);
    struct world *w = x->act->w;
    bool given_up = o->left_behind[0];
    if (o->call.err < 0 && !o->call.error.text[0])
        world_broken(w, "an order to %s node %u is refused without a word", prov_goal_text(o->goal),
                     x->of + 1);
    if (o->call.err == 0 && o->goal > PROV_GOAL_DEACTIVATE && !disk_provision(w->disk, w->ids[x->of]))
        world_broken(w, "an order to %s node %u was acknowledged before it was written down",
                     prov_goal_text(o->goal), x->of + 1);
    if (o->call.err == 0 && given_up)
        w->tally.given_up++;
    order_free(x);
}

static struct act_order *order(struct activation *a, uint32_t node, enum prov_goal goal) {
    struct world *w = a->w;
    struct act_order *x = calloc(1, sizeof *x);
    if (!x)
        abort();
    x->act = a;
    x->of = node;
    list_push(&a->orders, &x->node);
    x->o.goal = goal;
    x->o.done = answered;
    snprintf(x->o.actor, sizeof x->o.actor, "fate");
    snprintf(x->o.call.host, sizeof x->o.call.host, "%s", w->ids[node]);
    x->o.call.from = w->app->shards[w->tally.provisionings++ % w->app->nshards];
    return x;
}

bool world_activation_deauthorizes(const struct world *w, uint32_t node) {
    LIST_EACH (n, &w->activation->orders) {
        const struct act_order *x = CONTAINER_OF(n, struct act_order, node);
        if (x->of == node && x->o.void_secrets)
            return true;
    }
    return false;
}

static void activate_as(struct activation *a, uint32_t node, enum amt_control_mode mode) {
    struct act_order *x = order(a, node, PROV_GOAL_ACTIVATE);
    x->o.mode = mode;
    provisioning_order(&x->o);
}
static void activate(struct activation *a, uint32_t node) {
    activate_as(a, node, a->w->cfg.acm && rng_chance(&a->rng, 500000) ? AMT_MODE_ACM : AMT_MODE_CCM);
}
static void deactivate(struct activation *a, uint32_t node) {
    struct act_order *x = order(a, node, PROV_GOAL_DEACTIVATE);
    x->o.wait = rng_chance(&a->rng, 300000);
    provisioning_order(&x->o);
}
static void rotate(struct activation *a, uint32_t node) {
    provisioning_order(
        &order(a, node, (enum prov_goal)rng_range(&a->rng, PROV_GOAL_ROTATE_AMT, PROV_GOAL_ROTATE_ALL))->o);
}
static void cancel(struct activation *a, uint32_t node) {
    provisioning_order(&order(a, node, PROV_GOAL_NONE)->o);
}
static void deauthorize(struct activation *a, uint32_t node) {
    struct act_order *x = order(a, node, PROV_GOAL_DEACTIVATE);
    x->o.wait = x->o.void_secrets = true;
    x->o.force = rng_chance(&a->rng, 300000);
    a->seen[node].mebx_void = true;
    if (x->o.force)
        a->seen[node].left_behind = true;
    provisioning_order(&x->o);
}
static void cut_agent(struct activation *a, uint32_t node) {
    agent_cut(&a->agents[node]);
}
static void in_and_out(struct activation *a, uint32_t node) {
    uint8_t mode = act_firmware(a->w, node)->mode;
    if (mode == 0)
        activate(a, node);
    else if (mode == 1 && a->w->cfg.acm && rng_chance(&a->rng, 500000))
        activate_as(a, node, AMT_MODE_ACM);
    else
        deactivate(a, node);
}
/* Somebody at the node: its firmware is freed from inside, which the server did not order. */
static void free_at_node(struct activation *a, uint32_t node) {
    struct sim_node *n = a->w->nodes[node];
    struct prov *p = node_prov(n);
    const struct fleet_host *fh = world_host(a->w, node);
    bool open = !fh || (fh->prov && provision_open(&fh->prov->m));
    if (!a->seen[node].left_behind || open || !p || p->mode == 0)
        return;
    prov_reset(p, false);
    p->unprovisions++;
    p->changed = true;
    n->unprovisioned = true;
    node_mode_changed(n);
    node_settle(n);
}

/* A(weight, what) */
#define ACT_TABLE(A)                                                                                         \
    A(10, activate)                                                                                          \
    A(3, deactivate)                                                                                         \
    A(4, rotate)                                                                                             \
    A(2, cancel)                                                                                             \
    A(1, deauthorize)                                                                                        \
    A(4, cut_agent)                                                                                          \
    A(2, free_at_node)
static const struct {
    uint8_t weight;
    const char *name;
    void (*fn)(struct activation *a, uint32_t node);
} acts[] = {
#define A(weight, fn) {weight, #fn, fn},
    ACT_TABLE(A)
#undef A
};

void world_activation_order(struct world *w, uint32_t node) {
    struct activation *a = w->activation;
    int64_t total = 0;
    size_t i = 0;
    if (!w->app || w->dying)
        return;
    if (w->cfg.drops_ppm) { /* in, up and out, and nothing else */
        in_and_out(a, node);
        return;
    }
    for (size_t k = 0; k < sizeof acts / sizeof *acts; k++)
        total += acts[k].weight;
    int64_t pick = rng_range(&a->rng, 0, total - 1);
    while (pick >= acts[i].weight)
        pick -= acts[i++].weight;
    if (w->cfg.verbose)
        printf("%10.3f  node %u: %s\n", (double)sim_now(w->sim).us / 1e6, node + 1, acts[i].name);
    acts[i].fn(a, node);
}

/* --- the end --- */

void world_activation_over(struct world *w) {
    w->activation->over = true;
    for (uint32_t i = 0; i < w->cfg.nodes; i++) {
        w->nodes[i]->faults.step = (struct sim_step_fault){0};
        w->activation->seen[i].ordered_at = MONO_NEVER;
    }
}

/* What is missing before it is as it shall be; NULL: nothing. goal: what an operator orders then. */
static const char *missing(struct world *w, uint32_t node, enum prov_goal *goal, bool *cancel_it) {
    const struct fleet_host *fh = world_host(w, node);
    const struct store_host *row = disk_host(w->disk, w->ids[node]);
    const struct prov *f = act_firmware(w, node);
    *goal = PROV_GOAL_NONE;
    *cancel_it = false; /* what waits for a way that there will not be */
    if (!fh || !row || fh->patching || (fh->prov && provision_open(&fh->prov->m))) {
        *cancel_it = fh && fh->h.link.state != LINK_UP && fh->prov &&
                     fh->prov->m.p.state == PROV_STATE_WAITING && fh->prov->m.p.goal > PROV_GOAL_DEACTIVATE;
        return "its provisioning is under way";
    }
    if (f->mode == 0 && fh->h.amt.state == AMT_STATE_PROVISIONED) {
        *goal = PROV_GOAL_DEACTIVATE;
        return "it is free, and shown as provisioned";
    }
    if (f->mode == 0)
        return fh->h.link.state == LINK_UP ? "it is free, and has a link" : NULL;
    *goal = PROV_GOAL_ACTIVATE;
    if (fh->h.link.state != LINK_UP)
        return "it is set up, and has no tunnel";
    if (fh->h.amt.state != AMT_STATE_PROVISIONED)
        return "it is set up, and not shown so";
    if (!row->amt_secret.n || !row->cira_secret.n || row->amt_next.n || row->cira_next.n) {
        *goal = row->amt_secret.n && row->cira_secret.n ? PROV_GOAL_ROTATE_ALL : PROV_GOAL_ACTIVATE;
        return "it is connected, and its secrets are not in their place";
    }
    return NULL;
}

bool world_activation_settled(struct world *w, uint32_t node) {
    struct activation *a = w->activation;
    struct act_seen *s = &a->seen[node];
    enum prov_goal goal;
    bool cancel_it;
    const char *why = missing(w, node, &goal, &cancel_it);
    if (s->left_behind && act_firmware(w, node)->mode != 0)
        free_at_node(a, node);
    if (why && (goal != PROV_GOAL_NONE || cancel_it) && w->app && !w->dying &&
        (mono_is_never(s->ordered_at) || mono_ms_between(s->ordered_at, sim_now(w->sim)) > AGAIN_MS)) {
        s->ordered_at = sim_now(w->sim);
        struct act_order *x = order(a, node, goal);
        x->o.mode = AMT_MODE_UNKNOWN;
        if (goal == PROV_GOAL_ACTIVATE)
            snprintf(x->o.profile, sizeof x->o.profile, "default_%s",
                     act_firmware(w, node)->mode == 2 ? "acm" : "ccm");
        provisioning_order(&x->o);
    }
    return !why;
}

const char *world_activation_missing(struct world *w, uint32_t node) {
    enum prov_goal goal;
    bool cancel_it;
    return missing(w, node, &goal, &cancel_it);
}

/* --- life --- */

struct activation *world_activation_new(struct world *w) {
    struct activation *a = calloc(1, sizeof *a);
    if (!a)
        abort();
    a->w = w;
    a->rng.s = w->cfg.seed ^ 0xac71fa7eu;
    list_init(&a->orders);
    list_init(&a->comers);
    return a;
}

void world_activation_free(struct world *w) {
    if (!w->activation)
        return;
    world_activation_crashed(w);
    rps_gate_crashed(w->activation);
    free(w->activation);
    w->activation = NULL;
}
