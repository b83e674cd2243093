/* SPDX-License-Identifier: Apache-2.0 */
/* The server of the world: started from what the disk holds, killed without a word. */
#include "activation.h"

#include <stdio.h>

int world_server_start(struct world *w) {
    struct errinfo ei = {0};
    struct app_opts o = {
        .nshards = w->cfg.shards, .store = disk_store(w->disk), .seal = w->seal, .instance = ++w->generation};
    o.last_event = store_last_event(disk_store(w->disk));
    o.cira_root_pem = buf_slice(&w->root);
    o.cira_name = "10.1.0.1";
    for (unsigned i = 0; i < w->cfg.shards; i++)
        o.loops[i] = w->loops[i] = sim_loop_new(w->sim);
    w->app = app_new(&o, &ei);
    if (!w->app)
        goto bad;
    w->app->policy.decide = w->cfg.decide ? w->cfg.decide : world_decide;
    if (w->cfg.poll_ms)
        w->app->policy.poll_calm_ms = w->cfg.poll_ms;
    w->app->policy.kvm_idle_ms = 90000;
    w->app->policy.idle_warn_ms = 30000;
    if (w->app->policy.fresh_ms < 2 * w->app->policy.poll_calm_ms)
        w->app->policy.fresh_ms = 2 * w->app->policy.poll_calm_ms + 10000;
    if (fleet_load(w->app, &ei) < 0)
        goto bad;
    for (unsigned i = 0; i < w->cfg.shards; i++)
        if (app_open_cira(w->app->shards[i], "10.1.0.1:4433", w->server_tls, true, &ei) < 0)
            goto bad;
    if (world_sessions_started(w, &ei) < 0)
        goto bad;
    if (w->activation && rps_gate_open(w->activation, &ei) < 0)
        goto bad;
    return 0;
bad:
    world_broken(w, "the server does not start: %s", ei.text);
    return -1;
}

void world_server_crash(struct world *w) {
    w->dying = w->crash_midway = false;
    if (!w->app)
        return;
    disk_crash(w->disk); /* what was not committed never was */
    disk_freeze(w->disk);
    for (unsigned i = 0; i < w->cfg.shards; i++)
        sim_loop_crash(&w->loops[i]);
    app_abandon(&w->app);
    world_orders_lost(w);
    world_sessions_crashed(w);
    if (w->activation) {
        world_activation_crashed(w);
        rps_gate_crashed(w->activation);
    }
    disk_crash(w->disk);
}

void world_server_stop(struct world *w) {
    world_sessions_stop(w);
    if (w->activation)
        rps_gate_close(w->activation);
    for (unsigned i = 0; i < w->cfg.shards; i++)
        app_drain_shard(w->app->shards[i]);
    sim_run_until(w->sim, mono_add_ms(sim_now(w->sim), 10000));
    for (unsigned i = 0; i < w->cfg.shards; i++)
        if (app_shard_busy(w->app->shards[i]))
            world_broken(w, "shard %u has tunnels or relays left 10 s after the end", i);
    app_free(&w->app);
    for (unsigned i = 0; i < w->cfg.shards; i++)
        loop_free(&w->loops[i]);
    world_orders_lost(w);
    if (w->activation)
        world_activation_crashed(w);
}

struct fleet_host *world_host(struct world *w, uint32_t node) {
    return w->app ? fleet_host_find(app_shard_of(w->app, w->ids[node]), w->ids[node]) : NULL;
}
