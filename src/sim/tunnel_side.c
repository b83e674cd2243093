/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/life.h"
#include "sim/tunnel_int.h"

#include <stdlib.h>

enum {
    KEEPALIVE_MISSES = 3, /* reference 9, row 2 */
    STORM_EVERY_MS = 100,
    DEVICE_WINDOW = 4096, /* reference 1.5 */
    REJECT_CLOSE_MS = 2000,
};

const struct apf_limits SIM_TUNNEL_LIMITS = {.channels_max = 8,
                                             .forwards_max = 16,
                                             .window_bytes = DEVICE_WINDOW,
                                             .queue_bytes = 65536,
                                             .output_bytes = 262144,
                                             .preauth_bytes = 8192,
                                             .open_timeout_ms = 10000};

void sim_tunnel_set_state(struct sim_tunnel *t, enum sim_tunnel_state s) {
    struct sim_counters *k = &t->node->fleet->counters;
    struct mono now = node_now(t->node);
    if (t->state == s)
        return;
    t->state = s;
    if (s == TUN_LOGIN)
        t->keepalive_at = MONO_NEVER;
    if (s == TUN_READY) {
        k->logins++;
        t->connect_until = MONO_NEVER;
        t->keepalive_at = t->interval_s ? mono_add_ms(now, (int64_t)t->interval_s * 1000) : MONO_NEVER;
        node_link_up(t->node, t);
    }
    if (s == TUN_ENDED)
        t->connect_until = t->keepalive_at = t->out_at = t->storm_at = t->reply_by = MONO_NEVER;
}

bool sim_tunnel_ended(const struct sim_tunnel *t, bool *rejected) {
    *rejected = t->rejected;
    return t->state == TUN_ENDED;
}

bool sim_tunnel_ready(const struct sim_tunnel *t) {
    return t->state == TUN_READY;
}

void sim_tunnel_free(struct sim_tunnel **tp) {
    struct sim_tunnel *t = *tp;
    if (!t)
        return;
    sim_tunnel_drop(t, TUNNEL_RST);
    chans_free(&t->chans);
    apf_free(&t->apf);
    free(t);
    *tp = NULL;
}

/* --- events --- */

/* The open-busy fault counts down and ends by itself. */
static bool busy(struct sim_tunnel *t) {
    struct sim_faults *f = &t->node->faults;
    if (!sim_tunnel_faulty(t, SIM_FAULT_OPEN_BUSY))
        return false;
    if (--f->arg[SIM_FAULT_OPEN_BUSY] == 0)
        f->on &= ~(UINT64_C(1) << SIM_FAULT_OPEN_BUSY);
    return true;
}

static void on_open(struct sim_tunnel *t, const struct apf_ev *ev) {
    if (busy(t))
        apf_refuse(t->apf, ev->chan, APF_OPEN_PROHIBITED);
    else
        chans_open(&t->chans, ev->chan, ev->port);
}

static void on_keepalive_reply(struct sim_tunnel *t) {
    t->unanswered = 0;
    t->reply_by = MONO_NEVER;
}

static void on_options(struct sim_tunnel *t, const struct apf_ev *ev) {
    t->interval_s = ev->interval_s;
    t->timeout_s = ev->timeout_s;
    t->keepalive_at =
        t->interval_s ? mono_add_ms(node_now(t->node), (int64_t)t->interval_s * 1000) : MONO_NEVER;
}

static void on_event(struct sim_tunnel *t, const struct apf_ev *ev) {
    switch (ev->kind) {
    case APF_EV_READY:
        sim_tunnel_set_state(t, TUN_READY);
        break;
    case APF_EV_AUTH_FAILED:
        t->rejected = true;
        t->node->fleet->counters.rejected++;
        t->connect_until = mono_add_ms(node_now(t->node), REJECT_CLOSE_MS);
        break;
    case APF_EV_OPEN:
        on_open(t, ev);
        break;
    case APF_EV_DATA:
        chans_data(&t->chans, ev);
        break;
    case APF_EV_CLOSED:
        chans_closed(&t->chans, ev->user);
        break;
    case APF_EV_KEEPALIVE_OPTIONS:
        on_options(t, ev);
        break;
    case APF_EV_KEEPALIVE_REPLY:
        on_keepalive_reply(t);
        break;
    case APF_EV_DISCONNECT:
        if (t->stream)
            sim_tunnel_let_go(t, true);
        sim_tunnel_set_state(t, TUN_ENDED);
        break;
    default: /* what only the server sees */
        break;
    }
}

static void on_data(struct stream *s, void *ctx, struct slice data) {
    struct sim_tunnel *t = ctx;
    struct sim_node *n = t->node;
    struct apf_ev ev;
    int r = 1;
    n->fleet->counters.bytes_in += data.n;
    while (t->state != TUN_ENDED && (r = apf_input(t->apf, &data, node_now(n), &ev)) == 1)
        on_event(t, &ev);
    if (r < 0) {
        sim_tunnel_send_bytes(t, SIZE_MAX); /* DISCONNECT with the reason */
        sim_tunnel_drop(t, TUNNEL_FIN);
    }
    node_settle(n);
}

static void on_end(struct stream *s, void *ctx, enum stream_end why) {
    struct sim_tunnel *t = ctx;
    t->stream = NULL;
    if (t->state == TUN_CONNECTING)
        t->node->fleet->counters.connect_failed++;
    sim_tunnel_set_state(t, TUN_ENDED);
    node_settle(t->node);
}

static void login(struct sim_tunnel *t) {
    struct sim_node *n = t->node;
    const struct sim_profile_info *p = sim_profile_info(n->cfg.profile);
    struct node_dial d;
    if (!node_dial(n, &d)) {
        sim_tunnel_drop(t, TUNNEL_RST);
        return;
    }
    uint32_t ports[16];
    size_t nports = 0;
    for (size_t i = 0; i < p->nports && !sim_tunnel_faulty(t, SIM_FAULT_FORWARDS_MISSING); i++)
        if (port_forwarded(n, p->ports[i]))
            ports[nports++] = p->ports[i];
    struct apf_login l = {.uuid = n->cfg.id.uuid,
                          .trigger = 4,
                          .user = d.user,
                          .password = d.password,
                          .ports = ports,
                          .nports = nports};
    if (apf_login(t->apf, &l) < 0)
        sim_tunnel_drop(t, TUNNEL_RST);
}

void sim_tunnel_update_forwards(struct sim_tunnel *t) {
    const struct sim_profile_info *p = sim_profile_info(t->node->cfg.profile);
    if (t->state != TUN_READY || sim_tunnel_faulty(t, SIM_FAULT_FORWARDS_MISSING))
        return;
    for (size_t i = 0; i < p->nports; i++) {
        if (!port_is_redirection(p->ports[i]))
            continue;
        if (port_forwarded(t->node, p->ports[i]))
            apf_forward(t->apf, p->ports[i]);
        else
            apf_unforward(t->apf, p->ports[i]);
    }
}

static void on_connected(struct stream *s, void *ctx) {
    struct sim_tunnel *t = ctx;
    sim_tunnel_set_state(t, TUN_LOGIN);
    sim_tunnel_faults_changed(t);
    login(t);
    node_settle(t->node);
}

static const struct stream_handler HANDLER = {.on_open = on_connected, .on_data = on_data, .on_end = on_end};

struct sim_tunnel *sim_tunnel_new(struct sim_node *n) {
    const struct sim_fleet_config *cfg = &n->fleet->cfg;
    struct sim_tunnel *t = calloc(1, sizeof *t);
    if (!t)
        return NULL;
    t->node = n;
    t->interval_s = cfg->times.keepalive_s;
    t->keepalive_at = t->out_at = t->storm_at = t->reply_by = MONO_NEVER;
    t->connect_until = mono_add_ms(node_now(n), cfg->times.connect_timeout_ms);
    t->apf = apf_new(APF_DEVICE, &SIM_TUNNEL_LIMITS);
    chans_init(&t->chans, n, t->apf, SIM_TUNNEL_LIMITS.queue_bytes, false);
    struct node_dial d;
    bool trusted = node_dial(n, &d);
    struct connect_opts o = {.address = d.address,
                             .tls = d.tls,
                             .verify_name = d.verify,
                             .timeout_ms = cfg->times.connect_timeout_ms};
    n->dial_key = d.key;
    if (cfg->before_connect)
        cfg->before_connect(cfg->ctx, n);
    n->fleet->counters.connects++;
    if (!trusted)
        n->fleet->counters.connect_failed++; /* no root that it trusts signs for that server */
    if (t->apf && trusted)
        t->stream = stream_connect(cfg->loop, &o, &HANDLER, t);
    if (!t->stream)
        sim_tunnel_free(&t);
    return t;
}

/* --- time --- */

struct mono sim_tunnel_deadline(const struct sim_tunnel *t) {
    if (t->state == TUN_ENDED || sim_tunnel_faulty(t, SIM_FAULT_BLACKHOLE))
        return MONO_NEVER;
    struct mono at = mono_min(mono_min(t->connect_until, t->keepalive_at), mono_min(t->out_at, t->storm_at));
    at = mono_min(at, mono_min(t->reply_by, apf_deadline(t->apf)));
    return mono_min(at, chans_deadline(&t->chans));
}

static void keepalive(struct sim_tunnel *t, struct mono now) {
    if (t->unanswered >= KEEPALIVE_MISSES || mono_due(t->reply_by, now)) {
        sim_tunnel_drop(t, TUNNEL_RST); /* the server is gone: connect anew */
        return;
    }
    t->unanswered++;
    if (t->timeout_s && mono_is_never(t->reply_by))
        t->reply_by = mono_add_ms(now, (int64_t)t->timeout_s * 1000);
    apf_keepalive(t->apf, t->cookie++);
    t->node->fleet->counters.keepalives++;
    t->keepalive_at = mono_add_ms(now, (int64_t)t->interval_s * 1000);
}

void sim_tunnel_tick(struct sim_tunnel *t, struct mono now) {
    if (t->state == TUN_ENDED || sim_tunnel_faulty(t, SIM_FAULT_BLACKHOLE))
        return;
    if (mono_due(t->connect_until, now)) {
        sim_tunnel_drop(t, TUNNEL_RST);
        return;
    }
    if (mono_due(t->keepalive_at, now) || mono_due(t->reply_by, now))
        keepalive(t, now);
    if (t->state == TUN_READY && mono_due(t->storm_at, now)) {
        for (uint32_t i = 0; i < t->node->faults.arg[SIM_FAULT_KEEPALIVE_STORM]; i++)
            if (apf_keepalive(t->apf, t->cookie++) < 0)
                break;
        t->storm_at = mono_add_ms(now, STORM_EVERY_MS);
    }
    chans_tick(&t->chans, now);
    struct apf_ev ev;
    while (t->state != TUN_ENDED && apf_tick(t->apf, now, &ev) == 1)
        on_event(t, &ev);
}
