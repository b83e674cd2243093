/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/chans.h"

#include <stdlib.h>

struct chan {
    struct list_node link;
    struct port_side side;
    uint32_t id;
    bool closing; /* apf_close() was called */
};

static struct chan *chan_at(struct list_node *l) {
    return CONTAINER_OF(l, struct chan, link);
}

void chans_init(struct chans *cs, struct sim_node *n, struct apf *apf, uint32_t queue_bytes, bool local) {
    *cs = (struct chans){.node = n, .apf = apf, .local = local, .queue_bytes = queue_bytes};
    list_init(&cs->list);
}

static void chan_free(struct chans *cs, struct chan *c) {
    list_remove(&cs->list, &c->link);
    port_side_close(&c->side);
    free(c);
}

void chans_open(struct chans *cs, uint32_t id, uint32_t port) {
    struct sim_node *n = cs->node;
    bool tls;
    enum port_kind kind = cs->local ? port_kind_of_local(n, port, &tls) : port_kind_of(n, port, &tls);
    if (sim_fault_on(&n->faults, SIM_FAULT_HALF_OPEN) || kind == PORT_NONE) {
        apf_refuse(cs->apf, id, APF_OPEN_CONNECT_FAILED);
        return;
    }
    struct chan *c = calloc(1, sizeof *c);
    if (!c || !port_side_open(&c->side, n, kind, tls, cs->local, node_now(n))) {
        free(c);
        apf_refuse(cs->apf, id, APF_OPEN_NO_RESOURCE);
        return;
    }
    c->id = id;
    list_push(&cs->list, &c->link);
    apf_accept(cs->apf, id, c);
}

void chans_data(struct chans *cs, const struct apf_ev *ev) {
    struct chan *c = ev->user;
    size_t n = ev->data.n;
    if (sim_fault_on(&cs->node->faults, SIM_FAULT_ZERO_WINDOW))
        return;
    if (!c->closing)
        port_side_input(&c->side, ev->data, node_now(cs->node));
    apf_consumed(cs->apf, c->id, n);
}

void chans_closed(struct chans *cs, void *user) {
    chan_free(cs, user);
}

/* What the channel takes. Of a redirection session no more than the peer's window: what its client does not
 * take stays in the session, which knows what to do about it. */
static size_t chan_room(const struct chans *cs, const struct chan *c) {
    size_t room = apf_room(cs->apf, c->id), queue = cs->queue_bytes;
    if (c->side.http)
        return room;
    return room > queue ? room - queue : 0;
}

static void pump_chan(struct chans *cs, struct chan *c, struct mono now) {
    struct buf *out;
    for (;;) {
        out = port_side_output(&c->side, now);
        size_t room = chan_room(cs, c), n = out->len < room ? out->len : room;
        if (n == 0 || apf_send(cs->apf, c->id, slice_head(buf_slice(out), n)) < 0)
            break;
        buf_consume(out, n);
    }
    /* room of a whole queue: nothing waits for credit, so a close loses nothing */
    bool drained = out->len == 0 && apf_room(cs->apf, c->id) >= cs->queue_bytes;
    if (port_side_broken(&c->side) || (port_side_finished(&c->side) && drained)) {
        c->closing = true;
        apf_close(cs->apf, c->id);
    }
}

void chans_pump(struct chans *cs) {
    LIST_EACH (l, &cs->list)
        if (!chan_at(l)->closing)
            pump_chan(cs, chan_at(l), node_now(cs->node));
}

struct mono chans_deadline(const struct chans *cs) {
    struct mono at = MONO_NEVER;
    LIST_EACH (l, &cs->list)
        if (!chan_at(l)->closing)
            at = mono_min(at, port_side_deadline(&chan_at(l)->side));
    return at;
}

void chans_tick(struct chans *cs, struct mono now) {
    LIST_EACH (l, &cs->list)
        if (!chan_at(l)->closing)
            port_side_tick(&chan_at(l)->side, now);
}

void chans_free(struct chans *cs) {
    LIST_EACH (l, &cs->list)
        chan_free(cs, chan_at(l));
}
