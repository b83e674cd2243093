/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/node.h"

#include "base/ossl.h"
#include "net/tls.h"
#include "sim/direct.h"
#include "sim/firmware.h"
#include "sim/life.h"
#include "sim/mei_side.h"
#include "sim/node_int.h"
#include "sim/redir_conn.h"
#include "sim/tunnel_side.h"

#include <assert.h>
#include <openssl/evp.h>
#include <stdlib.h>

_Static_assert(sizeof(struct sim_node) < 2048, "thousands of nodes live in one process");

/* --- fleet --- */

struct sim_fleet *sim_fleet_new(const struct sim_fleet_config *cfg) {
    static const struct wsman_limits LIMITS = {
        .bytes_max = 65536, .depth_max = 24, .nodes_max = 1024, .attributes_max = 48, .text_max = 32768};
    struct sim_fleet *f = calloc(1, sizeof *f);
    if (!f)
        return NULL;
    f->cfg = *cfg;
    f->rng.s = cfg->seed;
    if (f->cfg.tls)
        tls_ctx_ref(f->cfg.tls);
    if (f->cfg.device_tls)
        tls_ctx_ref(f->cfg.device_tls);
    f->server = strdup(cfg->server ? cfg->server : "");
    f->dns_suffix = strdup(cfg->dns_suffix ? cfg->dns_suffix : "");
    if (cfg->root_sha256)
        f->cfg.root_sha256 = memcpy(f->root_sha256, cfg->root_sha256, sizeof f->root_sha256);
    f->parser = wsman_parser_new(&LIMITS);
    if (!f->server || !f->dns_suffix || !f->parser)
        sim_fleet_free(&f);
    return f;
}

void sim_fleet_free(struct sim_fleet **fp) {
    struct sim_fleet *f = *fp;
    if (!f)
        return;
    assert(f->nnodes == 0);
    if (f->cfg.tls)
        tls_ctx_unref(&f->cfg.tls);
    if (f->cfg.device_tls)
        tls_ctx_unref(&f->cfg.device_tls);
    wsman_parser_free(&f->parser);
    EVP_PKEY_free(f->key);
    life_fleet_free(f);
    free(f->dns_suffix);
    free(f->server);
    free(f);
    *fp = NULL;
}

const struct sim_counters *sim_fleet_counters(const struct sim_fleet *f) {
    return &f->counters;
}
struct loop *sim_fleet_loop(const struct sim_fleet *f) {
    return f->cfg.loop;
}
void sim_counters_add(struct sim_counters *into, const struct sim_counters *from) {
#define C(name) into->name += from->name;
    SIM_COUNTER_TABLE(C)
#undef C
}
struct sim_times *sim_fleet_times(struct sim_fleet *f) {
    return &f->cfg.times;
}

/* --- what the other files ask --- */

struct mono node_now(const struct sim_node *n) {
    return loop_now(n->fleet->cfg.loop);
}

const char *node_realm(const struct sim_node *n, char *out) {
    /* constant for the machine, and not its UUID, which may be a placeholder or change */
    static const char HEX[] = "0123456789ABCDEF";
    struct rng r = {.s = 0x524541404du ^ n->index_seed};
    memcpy(out, "Digest:", 7);
    for (int i = 0; i < 32; i++)
        out[7 + i] = HEX[rng_u64(&r) & 15];
    out[39] = 0;
    return out;
}

bool node_me_in_sleep(const struct sim_node *n) {
    return n->scheme_override ? n->scheme_override == 2 : n->cfg.me_in_sleep;
}

void node_switch(struct sim_node *n, bool on) {
    n->switched_off = !on;
    n->life_at = node_now(n);
}

void node_mac(const struct sim_node *n, uint8_t out[6]) {
    out[0] = 2; /* locally administered */
    for (int i = 1; i < 6; i++)
        out[i] = (uint8_t)(n->index_seed >> (8 * i));
}

bool node_me_runs(const struct sim_node *n) {
    if (n->host.state == MACHINE_G3)
        return false;
    return !machine_state_sleeps(n->host.state) || node_me_in_sleep(n);
}

bool node_screen(const struct sim_node *n) {
    return n->host.state == MACHINE_S0 || n->host.state == MACHINE_MS;
}

uint32_t node_latency(struct sim_node *n) {
    const struct sim_times *t = &n->fleet->cfg.times;
    bool own = n->latency_min_ms <= n->latency_max_ms;
    return (uint32_t)rng_range(&n->rng, own ? n->latency_min_ms : t->latency_min_ms,
                               own ? n->latency_max_ms : t->latency_max_ms);
}

/* --- link --- */

static void schedule_connect(struct sim_node *n) {
    uint32_t ms = n->backoff_ms;
    n->connect_at = mono_add_ms(node_now(n), rng_range(&n->rng, ms - ms / 10, ms + ms / 10));
    uint32_t max = n->fleet->cfg.times.reconnect_max_ms;
    n->backoff_ms = ms * 2 < max ? ms * 2 : max;
}

void node_link_up(struct sim_node *n, struct sim_tunnel *t) {
    const struct sim_fleet_config *cfg = &n->fleet->cfg;
    n->logins++;
    if (t == n->twin)
        return;
    n->backoff_ms = cfg->times.reconnect_ms;
    n->fleet->counters.connected++;
    n->link_up = true;
    if (!list_empty(&n->graves))
        n->graves_until = mono_add_ms(node_now(n), cfg->times.grave_ms);
    if (cfg->on_link)
        cfg->on_link(cfg->ctx, n, true);
}

/* The tunnel has ended: what next? */
static void link_down(struct sim_node *n) {
    const struct sim_fleet_config *cfg = &n->fleet->cfg;
    if (n->link_up) {
        n->link_up = false;
        n->fleet->counters.connected--;
        n->fleet->counters.drops++;
        if (cfg->on_link)
            cfg->on_link(cfg->ctx, n, false);
    }
    if (n->running && node_me_runs(n) && node_dials(n))
        schedule_connect(n);
}

static void bury_ended(struct sim_node *n) {
    bool rejected;
    if (n->twin && sim_tunnel_ended(n->twin, &rejected))
        sim_tunnel_free(&n->twin);
    if (n->tunnel && sim_tunnel_ended(n->tunnel, &rejected)) {
        sim_tunnel_free(&n->tunnel);
        link_down(n);
    }
}

static void drop_all(struct sim_node *n, enum sim_tunnel_drop how) {
    if (n->tunnel)
        sim_tunnel_drop(n->tunnel, how);
    if (n->twin)
        sim_tunnel_drop(n->twin, how);
}

/* --- settling --- */

/* The host's state changed: does the management engine live on? */
static void machine_changed(struct sim_node *n) {
    static const enum sim_tunnel_drop HOW[] = {
        [SIM_DROP_RESET] = TUNNEL_RST, [SIM_DROP_CLOSE] = TUNNEL_FIN, [SIM_DROP_SILENT] = TUNNEL_SILENT};
    if (!node_screen(n))
        mei_drop(n); /* its programs sleep, or are gone */
    if (n->host.state == MACHINE_G3)
        drop_all(n, TUNNEL_SILENT);
    else if (!node_me_runs(n))
        drop_all(n, HOW[n->cfg.sleep_drop]);
    else if (n->running && !n->tunnel && mono_is_never(n->connect_at) && node_dials(n))
        schedule_connect(n);
}

/* Did something happen? */
static bool settle_host(struct sim_node *n) {
    const struct sim_fleet_config *cfg = &n->fleet->cfg;
    unsigned did = machine_tick(&n->host, &cfg->times.host, node_now(n));
    if (did & MACHINE_DID_BOOT)
        fw_booted(n);
    if (did)
        redir_changed(n, (did & MACHINE_DID_BOOT) != 0);
    if (did & MACHINE_DID_CHANGE)
        machine_changed(n);
    if (did && cfg->on_host)
        cfg->on_host(cfg->ctx, n);
    return did != 0;
}

/* Behind a black hole a connect would only wait. */
static bool in_the_dark(const struct sim_node *n) {
    return sim_fault_on(&n->faults, SIM_FAULT_BLACKHOLE);
}

static void settle_link(struct sim_node *n) {
    struct mono now = node_now(n);
    life_settle(n);
    if (node_control_mode(n) == 0 || !node_amt_on(n)) {
        drop_all(n, TUNNEL_FIN);
        direct_end(n);
    }
    bury_ended(n);
    if (!node_me_runs(n) || !n->running || !node_dials(n))
        n->connect_at = MONO_NEVER;
    if (mono_due(n->connect_at, now) && !in_the_dark(n)) {
        n->connect_at = MONO_NEVER;
        n->tunnel = sim_tunnel_new(n);
        if (!n->tunnel)
            schedule_connect(n);
    }
    if (mono_due(n->graves_until, now)) {
        n->graves_until = MONO_NEVER;
        sim_tunnel_graves_free(n);
    }
}

static void flush_all(struct sim_node *n) {
    if (n->listener != n->listener_told) {
        n->listener_told = n->listener;
        if (n->tunnel)
            sim_tunnel_update_forwards(n->tunnel);
        direct_update_listener(n);
    }
    if (n->tunnel)
        sim_tunnel_flush(n->tunnel);
    if (n->twin)
        sim_tunnel_flush(n->twin);
    direct_flush(n);
    mei_flush(n);
}

void node_settle(struct sim_node *n) {
    flush_all(n);
    if (settle_host(n))
        flush_all(n); /* sessions have something to say about it */
    settle_link(n);
    struct mono at = mono_min(machine_deadline(&n->host), n->graves_until);
    if (!in_the_dark(n))
        at = mono_min(at, n->connect_at);
    if (n->tunnel)
        at = mono_min(at, sim_tunnel_deadline(n->tunnel));
    if (n->twin)
        at = mono_min(at, sim_tunnel_deadline(n->twin));
    at = mono_min(mono_min(at, direct_deadline(n)), mono_min(mei_deadline(n), life_deadline(n)));
    loop_timer_set(n->fleet->cfg.loop, &n->timer, at);
}

static void on_timer(struct loop_timer *timer) {
    struct sim_node *n = CONTAINER_OF(timer, struct sim_node, timer);
    struct mono now = node_now(n);
    if (n->tunnel)
        sim_tunnel_tick(n->tunnel, now);
    if (n->twin)
        sim_tunnel_tick(n->twin, now);
    direct_tick(n, now);
    mei_tick(n, now);
    node_settle(n);
}

/* --- life --- */

struct sim_node *sim_node_new(struct sim_fleet *f, const struct sim_node_config *cfg) {
    struct sim_node *n = calloc(1, sizeof *n);
    if (!n)
        return NULL;
    n->fleet = f;
    n->cfg = *cfg;
    n->rng.s = rng_u64(&f->rng);
    struct rng constant = {0};
    for (const char *p = cfg->id.serial; *p; p++)
        constant.s = rng_u64(&constant) ^ (uint8_t)*p;
    n->index_seed = rng_u64(&constant);
    const struct sim_times *t = &f->cfg.times;
    machine_init(&n->host, cfg->start, node_now(n));
    n->host.after_loss = cfg->after_loss;
    n->host.lms = !cfg->no_lms;
    n->host.modern = cfg->modern;
    optin_init(&n->optin, cfg->mode == SIM_CCM, !cfg->no_kvm, t->consent_code_s, t->consent_display_s,
               t->sprite_ms);
    n->boot.cleared = true;
    n->boot.last_status = 2;
    n->redir_state = 32771;
    n->listener = n->listener_told = true;
    n->kvm_enabled = !cfg->no_kvm;
    n->redir.kvm.session_timeout_min = 3;
    n->redir.kvm.opt_in_timeout_s = 300;
    n->latency_min_ms = 1; /* min > max: the fleet's */
    n->connect_at = n->graves_until = n->life_at = MONO_NEVER;
    n->unprovisioned = cfg->unprovisioned;
    n->backoff_ms = t->reconnect_ms;
    list_init(&n->graves);
    list_init(&n->conns);
    n->timer.fn = on_timer;
    f->nnodes++;
    return n;
}

void sim_node_start(struct sim_node *n) {
    bool lost = node_control_mode(n) == 0 && !n->cfg.unprovisioned;
    if (n->running && !lost)
        return;
    n->running = true;
    if (lost) {
        n->unprovisioned = false;
        node_prov_restore(n);
    }
    if (node_me_runs(n) && !n->tunnel)
        n->connect_at = node_now(n);
    node_settle(n);
}

void sim_node_stop(struct sim_node *n) {
    n->running = false;
    drop_all(n, TUNNEL_FIN);
    node_settle(n);
}

void sim_node_free(struct sim_node **np) {
    struct sim_node *n = *np;
    if (!n)
        return;
    n->running = false;
    loop_timer_stop(n->fleet->cfg.loop, &n->timer);
    drop_all(n, TUNNEL_RST);
    bury_ended(n);
    sim_tunnel_graves_free(n);
    direct_close(n);
    mei_close(n);
    machine_done(&n->host);
    prov_free(&n->prov);
    tls_ctx_unref(&n->own_tls);
    free(n->auth);
    free(n->enums);
    n->fleet->nnodes--;
    free(n);
    *np = NULL;
}

const struct sim_node_config *sim_node_config(const struct sim_node *n) {
    return &n->cfg;
}
const struct machine *sim_node_machine(const struct sim_node *n) {
    return &n->host;
}
bool sim_node_connected(const struct sim_node *n) {
    return n->link_up;
}
struct sim_fleet *sim_node_fleet(const struct sim_node *n) {
    return n->fleet;
}
uint32_t sim_node_logins(const struct sim_node *n) {
    return n->logins;
}
