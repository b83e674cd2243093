/* SPDX-License-Identifier: Apache-2.0 */
/* The invariants, judged by the truth of the machines and by the disk, not by the server's own words. */
#include "activation.h"

#include <stdio.h>

/* What decide() may never do, said independently of how it decides. */
static const char *forbidden(const struct host *h, const struct host_policy *p, struct host_now now) {
    if (h->op || h->journal)
        return "a second operation while one is in flight";
    if (h->link.state != LINK_UP)
        return "an action without a live link";
    if (h->power.generation != h->link.generation)
        return "an action on what an older link said";
    if (h->power.source != SOURCE_FIRMWARE || h->power.agreeing < 2)
        return "an action on an unconfirmed observation";
    if (now.mono.us - h->power.at_mono.us > (int64_t)p->fresh_ms * 1000)
        return "an action on a stale observation";
    if (h->power.state == POWER_UNKNOWN || h->intent.desired == POWER_UNKNOWN)
        return "an action on unknown";
    return NULL;
}

static struct world *judged; /* decide() has no context; a world is one thread */
struct decision world_judge(struct decision d, const struct host *h, const struct host_policy *p,
                            struct host_now now) {
    const char *why = d.kind == DECIDE_ACT ? forbidden(h, p, now) : NULL;
    if (judged && d.kind == DECIDE_ACT)
        judged->acts++;
    if (judged && why)
        world_broken(judged, "host %s: decide() asks for %s: %s", h->id, power_op_row(d.op)->kind, why);
    return d;
}

struct decision world_decide(const struct host *h, const struct host_policy *p, struct host_now now) {
    return world_judge(decide(h, p, now), h, p, now);
}

void world_acknowledged(struct world *w, uint32_t node, const struct world_order *o) {
    const struct fleet_host *fh = world_host(w, node);
    const struct store_host *row = disk_host(w->disk, w->ids[node]);
    if (o->op[0] && !disk_op(w->disk, o->op))
        world_broken(w, "operation %s was acknowledged before it was in the journal", o->op);
    if (fh && row && !fh->h.journal && fh->h.intent.since.us <= row->intent.since.us &&
        row->intent.desired != fh->h.intent.desired)
        world_broken(w, "node %u: acknowledged intent %s is not on the disk, which says %s", node + 1,
                     power_state_text(fh->h.intent.desired), power_state_text(row->intent.desired));
}

enum { NOTICE_MS = 60000 /* 45 s of silence, and slack for delays */ };

static void check_node(struct world *w, uint32_t i) {
    const struct fleet_host *fh = world_host(w, i);
    const struct machine *m = sim_node_machine(w->nodes[i]);
    if (!fh) {
        world_broken(w, "host %s is gone from the server", w->ids[i]);
        return;
    }
    const struct host *h = &fh->h;
    struct host_now now = shard_now(fh->shard);
    /* nobody is called reachable who has been dark for long */
    bool dark = !mono_is_never(w->dark_since[i]) && mono_ms_between(w->dark_since[i], now.mono) > NOTICE_MS;
    if (dark && link_usable(&h->link))
        world_broken(w, "node %u is dark for %lld ms and its link is still %s", i + 1,
                     (long long)mono_ms_between(w->dark_since[i], now.mono), link_state_text(h->link.state));
    if (dark && host_power_now(h, &w->app->policy, now.mono) != POWER_UNKNOWN)
        world_broken(w, "node %u is dark, and the server says it is %s", i + 1,
                     power_state_text(h->power.state));
    /* one operation in flight, and a sent one is written down as running or later */
    if (h->op && h->op->step != OP_STEP_READ && !h->op->resumed && h->op->maybe_sent) {
        const struct store_op *row = disk_op(w->disk, h->op->id);
        if (!row)
            world_broken(w, "operation %s of node %u was sent and is not in the journal", h->op->id, i + 1);
        else if (row->op.state != OP_RUNNING && row->op.state != OP_CONFIRMING &&
                 !op_state_final(row->op.state))
            world_broken(w, "operation %s of node %u was sent while the journal says %s", h->op->id, i + 1,
                         op_state_text(row->op.state));
    }
    /* a reset or power cycle is executed once for each time it was asked for, whatever crashed */
    uint32_t once = m->done_remote[MACHINE_ACT_RESET] + m->done_remote[MACHINE_ACT_CYCLE] +
                    m->done_remote[MACHINE_ACT_RESTART];
    if (once > w->acknowledged[i])
        world_broken(w, "node %u was reset or cycled %u times, asked for %u times", i + 1, once,
                     w->acknowledged[i]);
    /* what was acknowledged is on the disk */
    const struct store_host *row = disk_host(w->disk, w->ids[i]);
    if (!row)
        world_broken(w, "host %s is gone from the disk", w->ids[i]);
}

/* An acknowledged order is in the journal at the moment of its acknowledgement and ever after. */
static void check_orders(struct world *w) {
    static const uint32_t BATCH = 16; /* the newest ones each time, the rest when the world ends */
    uint32_t from = w->norders > BATCH ? w->norders - BATCH : 0;
    for (uint32_t i = from; i < w->norders; i++)
        if (w->orders[i].op[0] && !disk_op(w->disk, w->orders[i].op))
            world_broken(w, "operation %s was acknowledged and is not in the journal", w->orders[i].op);
}

void world_check(struct world *w) {
    judged = w;
    w->checks++;
    if (!w->app || w->app->shards[0] == NULL || w->dying)
        return;
    /* every node every few events: the conditions are states, not moments */
    check_node(w, (uint32_t)(w->checks % w->cfg.nodes));
    world_sessions_check(w, (uint32_t)(w->checks % w->cfg.nodes));
    if (w->activation)
        world_activation_check(w, (uint32_t)(w->checks % w->cfg.nodes));
    if (w->checks % 8 == 0)
        check_orders(w);
}
