/* SPDX-License-Identifier: Apache-2.0 */
/* The life of the sessions' part of the world, and its invariants, checked after each event like the others.
 */
#include "sessions.h"

#include "server/relay.h"
#include "server/relay_int.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    COST_MAX = 256 << 10, /* docs/sessions.md: what a viewer that does not read may cost */
    ANSWER_MS = 600000,   /* an order waits for a session of before to be closed at the firmware */
    RELEASE_MS = 300000,  /* longer than the longest trouble of a link */
};

/* --- invariants --- */

/* What the server keeps for a relay, beside fixed structures. */
static size_t cost_of(const struct relay *r) {
    size_t n = r->scratch.cap + r->start_reply.cap;
    if (r->stream)
        n += stream_queued(r->stream);
    if (r->ws)
        n += ws_output(r->ws).n;
    if (r->redir)
        n += redir_output(r->redir).n;
    return n;
}

static void check_relays(struct world *w, const struct fleet_host *fh, uint32_t node) {
    unsigned live[REDIR_KIND_COUNT] = {0};
    LIST_EACH (n, &fh->shard->relays) {
        const struct relay *r = CONTAINER_OF(n, struct relay, node);
        if (cost_of(r) > COST_MAX)
            world_broken(w, "relay of %s keeps %zu bytes", r->session, cost_of(r));
        if (strcmp(r->host, fh->h.id) != 0)
            continue;
        if (tunnel_chan_used(&r->chan) && ++live[r->kind] > 1)
            world_broken(w, "node %u has two %s channels", node + 1, redir_kind_name(r->kind));
    }
}

/* The session of this kind that the server takes for open at the firmware. */
static const struct session *holder(struct world *w, const struct host *h, unsigned kind) {
    const struct session *found = h->sessions->open[kind];
    unsigned n = found && found->device_open;
    if (!n)
        found = NULL;
    for (unsigned i = 0; i < SESSIONS_PAST_MAX; i++) {
        const struct session *s = h->sessions->past[i];
        if (!s || s->kind != kind || !s->device_open)
            continue;
        found = s;
        n++;
    }
    if (n > 1)
        world_broken(w, "host %s: %u %s sessions are open at the firmware", h->id, n, redir_kind_name(kind));
    return found;
}

static bool lasts(struct mono *since, bool is, struct mono now, int64_t ms) {
    if (!is)
        *since = MONO_NEVER;
    else if (mono_is_never(*since))
        *since = now;
    return is && mono_ms_between(*since, now) > ms;
}

static void check_kind(struct world *w, const struct fleet_host *fh, uint32_t node, unsigned kind) {
    struct lasting *l = &w->sessions->lasting[node][kind];
    const struct session *s = fh->h.sessions ? holder(w, &fh->h, kind) : NULL;
    struct mono now = sim_now(w->sim);
    bool attached = s && (s->state == SESSION_CONNECTING || s->state == SESSION_ACTIVE);
    if (lasts(&l->held, s && !attached, now, RELEASE_MS))
        world_broken(w, "%s is %s, and not released since", s->id, session_state_id(s->state));
    if (lasts(&l->alone, !s && w->sessions->at_firmware[node][kind], now, RELEASE_MS))
        world_broken(w, "node %u: the %s session at the firmware is nobody's", node + 1,
                     redir_kind_name(kind));
}

static void check_orders(struct world *w) {
    if (story_waits_ms(w->sessions) > ANSWER_MS)
        world_broken(w, "an order about sessions has no answer since %d s", ANSWER_MS / 1000);
}

void world_sessions_check(struct world *w, uint32_t node) {
    const struct fleet_host *fh = world_host(w, node);
    const struct machine *m = sim_node_machine(w->nodes[node]);
    if (m->blocked)
        world_broken(w, "node %u: a power request came to the firmware while a session was open there",
                     node + 1);
    if (!fh)
        return;
    check_relays(w, fh, node);
    for (unsigned k = 0; k < REDIR_KIND_COUNT; k++)
        check_kind(w, fh, node, k);
    check_orders(w);
}

void world_sessions_hide(struct world *w) {
    for (uint32_t i = 0; i < w->cfg.nodes; i++) {
        struct fleet_host *fh = world_host(w, i);
        for (unsigned k = 0; fh && fh->h.sessions && k < REDIR_KIND_COUNT; k++)
            if (fh->h.sessions->open[k])
                fh->h.sessions->open[k]->device_open = false;
    }
}

/* --- life --- */

struct sessions *world_sessions_new(struct world *w) {
    struct sessions *ss = calloc(1, sizeof *ss);
    if (!ss)
        abort();
    ss->w = w;
    ss->rng.s = w->cfg.seed ^ 0x5e5510u;
    list_init(&ss->viewers);
    list_init(&ss->stories);
    list_init(&ss->orders);
    list_init(&ss->comers);
    return ss;
}

void world_sessions_stop(struct world *w) {
    stories_free(w->sessions);
    door_close(w->sessions);
}

void world_sessions_crashed(struct world *w) {
    story_orders_lost(w->sessions);
    door_crashed(w->sessions);
}

/* A server that has just started knows of none. */
int world_sessions_started(struct world *w, struct errinfo *ei) {
    for (uint32_t i = 0; i < w->cfg.nodes; i++)
        if (world_host(w, i) && world_host(w, i)->h.sessions)
            world_broken(w, "node %u has sessions of before the crash", i + 1);
    return door_open(w->sessions, ei);
}

void world_sessions_over(struct world *w) {
    struct sessions *ss = w->sessions;
    ss->over = true;
    stories_free(ss);
    LIST_EACH (n, &ss->viewers)
        viewer_drop(CONTAINER_OF(n, struct viewer, node));
    for (uint32_t i = 0; i < w->cfg.nodes; i++)
        for (unsigned k = 0; k < REDIR_KIND_COUNT; k++)
            sim_node_busy(w->nodes[i], k, false);
}

bool world_sessions_busy(const struct world *w, const struct fleet_host *fh) {
    for (unsigned k = 0; fh->h.sessions && k < REDIR_KIND_COUNT; k++)
        if (fh->h.sessions->open[k])
            return true;
    return relays_held(fh->shard) > 0 || !list_empty(&w->sessions->viewers) ||
           !list_empty(&w->sessions->orders);
}

void world_sessions_free(struct world *w) {
    struct sessions *ss = w->sessions;
    if (!ss)
        return;
    stories_free(ss);
    story_orders_lost(ss);
    door_crashed(ss);
    LIST_EACH (n, &ss->viewers) {
        struct viewer *v = CONTAINER_OF(n, struct viewer, node);
        viewer_free(&v);
    }
    free(ss);
    w->sessions = NULL;
}
