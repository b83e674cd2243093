/* SPDX-License-Identifier: Apache-2.0 */
#include "activation.h"
#include "sessions.h"

#include "net/pki.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const struct wall START = {1795356000000000}; /* 2026-11-22T14:00:00Z */

static void before_connect(void *ctx, struct sim_node *n) {
    struct world *w = ctx;
    for (uint32_t i = 0; i < w->cfg.nodes; i++)
        if (w->nodes[i] == n) {
            char address[32];
            snprintf(address, sizeof address, "10.0.0.%u:4000", i + 1);
            sim_next_source(w->outside, address);
        }
}

/* A root, and a leaf for the server's address. */
static bool make_tls(struct world *w, struct errinfo *ei) {
    static const char *const names[] = {"10.1.0.1"};
    struct buf root_key = {0}, root = {0}, key = {0}, leaf = {0};
    bool ok = pki_make_key(PKI_P256, &root_key, ei) == 0 && pki_make_key(PKI_P256, &key, ei) == 0 &&
              pki_make_root(buf_slice(&root_key), "Simulated", START, 3650, &root, ei) == 0 &&
              pki_make_leaf(buf_slice(&root), buf_slice(&root_key), buf_slice(&key), names, 1, START, 3650,
                            &leaf, ei) == 0;
    if (ok) {
        w->server_tls = tls_server_ctx(buf_slice(&leaf), buf_slice(&key), TLS_MODERN, ei);
        w->node_tls = tls_client_ctx(buf_slice(&root), false, TLS_MODERN, ei);
    }
    buf_free(&root_key);
    buf_free(&root);
    buf_free(&key);
    buf_free(&leaf);
    return w->server_tls && w->node_tls;
}

/* What the firmware of nodes that are set up here is to trust. */
static bool make_root(struct world *w, struct errinfo *ei) {
    struct buf key = {0};
    bool ok = pki_make_key(PKI_P256, &key, ei) == 0 &&
              pki_make_root(buf_slice(&key), "Simulated", START, 36500, &w->root, ei) == 0;
    buf_free(&key);
    return ok;
}

static bool make_nodes(struct world *w) {
    static const uint32_t consents[] = {0, 1, UINT32_MAX};
    struct sim_fleet_config fc = {.loop = w->outside,
                                  .server = "10.1.0.1:4433",
                                  .tls = w->node_tls,
                                  .times = SIM_TIMES_DEFAULT,
                                  .seed = w->cfg.seed,
                                  .ctx = w,
                                  .before_connect = before_connect,
                                  .on_session = wire_session,
                                  .on_session_bytes = wire_bytes};
    if (w->cfg.acm) {
        fc.root_sha256 = w->activation->root_sha256;
        fc.dns_suffix = ACT_SUFFIX;
    }
    fc.times.reconnect_max_ms = 60000; /* keeps a simulated hour busy */
    if (w->activation)                 /* its agents answer at once */
        fc.times.latency_min_ms = fc.times.latency_max_ms = 0;
    w->fleet = sim_fleet_new(&fc);
    for (uint32_t i = 0; w->fleet && i < w->cfg.nodes; i++) {
        struct sim_node_config nc = {
            .profile = SIM_A16, .mode = SIM_ACM, .me_in_sleep = true, .unprovisioned = w->activation != NULL};
        sim_identity_make(&nc.id, w->cfg.seed, "n", i + 1);
        if (i % 4 == 3) /* factory placeholders must not matter */
            uuid_parse(SLICE_LIT("03000200-0400-0500-0006-000700080009"), &nc.id.uuid);
        nc.start = MACHINE_S0;
        w->nodes[i] = sim_node_new(w->fleet, &nc);
        if (!w->nodes[i])
            return false;
        w->dark_since[i] = MONO_NEVER;
        sim_node_kvm_size(w->nodes[i], 64, 48); /* its picture is not what this is about */
        sim_node_consent_policy(w->nodes[i], consents[i % 3]);
    }
    return w->fleet != NULL;
}

/* Rows as an import leaves them. */
static bool make_rows(struct world *w) {
    struct store_txn *t = store_txn_new(NULL, NULL);
    for (uint32_t i = 0; t && i < w->cfg.nodes; i++) {
        const struct sim_identity *id = &sim_node_config(w->nodes[i])->id;
        struct store_host row = {
            .version = 1, .control_mode = AMT_MODE_ACM, .created = START, .updated = START};
        char context[64];
        snprintf(w->ids[i], sizeof w->ids[i], "host-%08x", 0x1000 + i);
        snprintf(row.id, sizeof row.id, "%s", w->ids[i]);
        snprintf(row.project, sizeof row.project, "default");
        snprintf(row.name, sizeof row.name, "%.39s", id->name);
        row.intent.desired = POWER_ON;
        if (w->activation) {
            row.control_mode = AMT_MODE_UNKNOWN;
            row.amt_uuid = id->uuid;
            if (store_txn_add(t, STORE_HOST_PUT, &row) < 0)
                return false;
            continue;
        }
        snprintf(row.cira_user, sizeof row.cira_user, "%s", id->cira_user);
        snprintf(row.amt_user, sizeof row.amt_user, "%s", id->amt_user);
        snprintf(context, sizeof context, "%s/cira", row.id);
        if (seal_put(w->seal, context, slice_str(id->cira_password), &row.cira_secret) < 0)
            return false;
        snprintf(context, sizeof context, "%s/amt", row.id);
        if (seal_put(w->seal, context, slice_str(id->amt_password), &row.amt_secret) < 0)
            return false;
        if (store_txn_add(t, STORE_HOST_PUT, &row) < 0)
            return false;
    }
    return t && store_submit(disk_store(w->disk), t) == 0;
}

struct world *world_new(const struct world_config *cfg) {
    struct world *w = calloc(1, sizeof *w);
    struct errinfo ei = {0};
    char key[96];
    assert(w && cfg->nodes <= WORLD_NODES_MAX);
    w->cfg = *cfg;
    w->rng.s = cfg->seed * 0x9e3779b97f4a7c15u + 1;
    list_init(&w->asked);
    w->sessions = world_sessions_new(w);
    w->activation = cfg->set_up > 0 ? world_activation_new(w) : NULL;
    w->sim = sim_world_new(cfg->seed, START);
    w->outside = sim_loop_new(w->sim);
    w->disk = disk_new(w->outside, &w->rng);
    disk_weather_set(w->disk, &(struct disk_weather){.durable_min_ms = 1, .durable_max_ms = 20});
    snprintf(w->dir, sizeof w->dir, "/tmp/outband-sim.XXXXXX");
    if (!mkdtemp(w->dir))
        goto bad;
    snprintf(key, sizeof key, "%s/master.key", w->dir);
    if (seal_key_create(key, &ei) < 0 || seal_key_load(key, &w->seal, &ei) < 0)
        goto bad;
    if (cfg->tls && !make_tls(w, &ei))
        goto bad;
    if (w->activation && !make_root(w, &ei))
        goto bad;
    if (cfg->acm && world_domain_make(w, &ei) < 0)
        goto bad;
    if (!make_nodes(w) || !make_rows(w))
        goto bad;
    sim_run_until(w->sim, mono_add_ms(sim_now(w->sim), 1000));
    if (world_server_start(w) < 0)
        goto bad;
    for (uint32_t i = 0; i < cfg->nodes; i++)
        sim_node_start(w->nodes[i]);
    if (w->activation)
        agents_start(w->activation);
    return w;
bad:
    fprintf(stderr, "the world could not be made: %s\n", ei.text);
    world_free(&w);
    return NULL;
}

void world_free(struct world **wp) {
    struct world *w = *wp;
    if (!w)
        return;
    char key[96];
    loop_timer_stop(w->outside, &w->fate);
    loop_timer_stop(w->outside, &w->revive);
    world_sessions_over(w);
    if (w->activation)
        agents_stop(w->activation);
    if (w->app && w->cfg.no_crash)
        world_server_stop(w);
    else if (w->app)
        world_server_crash(w);
    for (uint32_t i = 0; i < w->cfg.nodes; i++)
        sim_node_free(&w->nodes[i]);
    sim_run_until(w->sim, mono_add_ms(sim_now(w->sim), 10000));
    sim_fleet_free(&w->fleet);
    world_sessions_free(w);
    world_activation_free(w);
    buf_free(&w->root);
    disk_free(&w->disk);
    loop_free(&w->outside);
    sim_world_free(&w->sim);
    seal_key_free(&w->seal);
    tls_ctx_unref(&w->server_tls);
    tls_ctx_unref(&w->node_tls);
    snprintf(key, sizeof key, "%s/master.key", w->dir);
    unlink(key);
    rmdir(w->dir);
    free(w);
    *wp = NULL;
}

int world_stop(struct world *w) {
    if (w->app)
        world_server_stop(w);
    return w->fault[0] ? -1 : 0;
}

void world_broken(struct world *w, const char *fmt, ...) {
    if (w->fault[0])
        return;
    char at[WALL_TEXT_CAP];
    int n = snprintf(w->fault, sizeof w->fault, "seed %llu at %s (%.3f s): ", (unsigned long long)w->cfg.seed,
                     wall_rfc3339(loop_wall(w->outside), at), (double)sim_now(w->sim).us / 1e6);
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(w->fault + n, sizeof w->fault - (size_t)n, fmt, ap);
    va_end(ap);
}

static bool step(struct world *w) {
    if (!sim_step(w->sim))
        return false;
    w->events++;
    if (w->dying)
        world_server_crash(w);
    if (w->cfg.broken == WORLD_BROKEN_SESSIONS)
        world_sessions_hide(w);
    if (w->activation)
        world_activation_spoil(w);
    world_check(w);
    return !w->fault[0];
}

int world_run(struct world *w) {
    struct mono end = mono_add_ms(sim_now(w->sim), (int64_t)(w->cfg.hours * 3600000));
    if (!w->cfg.calm)
        world_fate_start(w);
    while (mono_before(sim_now(w->sim), end))
        if (!step(w))
            return -1;
    loop_timer_stop(w->outside, &w->fate);
    return 0;
}

static bool converged(struct world *w) {
    if (!w->app)
        return false;
    for (uint32_t i = 0; i < w->cfg.nodes; i++) {
        const struct fleet_host *fh = world_host(w, i);
        if (w->activation && !world_activation_settled(w, i))
            return false;
        if (w->activation)
            continue;
        if (!fh || fh->h.op || fh->h.link.state != LINK_UP || world_sessions_busy(w, fh))
            return false;
        if (fh->h.decided.kind != DECIDE_AS_DESIRED && fh->h.decided.kind != DECIDE_NOT_AVAILABLE &&
            fh->h.decided.kind != DECIDE_HELD)
            return false;
    }
    return true;
}

int world_converge(struct world *w, int64_t limit_ms) {
    struct mono end = mono_add_ms(sim_now(w->sim), limit_ms);
    world_sessions_over(w);
    if (w->activation)
        world_activation_over(w);
    while (!converged(w)) {
        if (!step(w))
            return -1;
        if (!mono_before(sim_now(w->sim), end)) {
            for (uint32_t i = 0; i < w->cfg.nodes; i++) {
                const struct fleet_host *fh = world_host(w, i);
                const char *lacks = w->activation ? world_activation_missing(w, i) : NULL;
                if (lacks)
                    world_broken(w, "node %u did not settle: %s; %s: %s", i + 1, lacks,
                                 fh && fh->prov ? prov_state_text(fh->prov->m.p.state) : "no order",
                                 fh && fh->prov ? fh->prov->m.p.text : "");
                char why[512] = "the host is gone";
                if (fh)
                    host_explain(&fh->h, &fh->shard->app->policy, shard_now(fh->shard), why, sizeof why);
                if (!w->activation && (!fh || fh->h.decided.kind != DECIDE_AS_DESIRED))
                    world_broken(w, "node %u did not converge: %s", i + 1, why);
            }
            world_broken(w, "did not converge");
            return -1;
        }
    }
    return 0;
}
