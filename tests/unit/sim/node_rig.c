/* SPDX-License-Identifier: Apache-2.0 */
#include "node_rig.h"

#include "net/pki.h"
#include "net/sim.h"
#include "unit.h"

static void before_connect(void *ctx, struct sim_node *n) {
    struct bench *b = ctx;
    if (b->world)
        sim_next_source(b->node_loop, "10.0.0.7:49152");
}

void bench_make_on(struct bench *b, bool real, enum sim_profile profile, struct tls_ctx *bench_device_tls) {
    *b = (struct bench){.world = real ? NULL : sim_world_new(5, (struct wall){1700000000000000})};
    b->loop = real ? loop_new() : sim_loop_new(b->world);
    b->node_loop = real ? b->loop : sim_loop_new(b->world);
    assert_non_null(b->loop);
    orch_open(&b->orch, b->loop, real ? "127.0.0.1:0" : "10.0.0.1:4433");
    struct sim_fleet_config f = {.loop = b->node_loop,
                                 .server = orch_address(&b->orch),
                                 .device_tls = bench_device_tls,
                                 .times = SIM_TIMES_INSTANT,
                                 .seed = 1,
                                 .ctx = b,
                                 .before_connect = before_connect};
    f.times.reconnect_ms = f.times.reconnect_max_ms = 10;
    f.times.grave_ms = 20;
    b->fleet = sim_fleet_new(&f);
    struct sim_node_config c = {.profile = profile, .me_in_sleep = true};
    sim_identity_make(&c.id, 1, "node", 1);
    b->node = sim_node_new(b->fleet, &c);
    assert_non_null(b->node);
    b->orch.id = &sim_node_config(b->node)->id;
    sim_node_start(b->node);
}

void bench_make(struct bench *b, enum sim_profile profile, struct tls_ctx *bench_device_tls) {
    bench_make_on(b, false, profile, bench_device_tls);
}

void bench_unmake(struct bench *b) {
    sim_node_free(&b->node);
    sim_fleet_free(&b->fleet);
    orch_close(&b->orch);
    if (b->node_loop != b->loop)
        loop_free(&b->node_loop);
    loop_free(&b->loop);
    sim_world_free(&b->world);
}

static void on_poll(struct loop_timer *t) {
    struct bench *b = CONTAINER_OF(t, struct bench, poll);
    b->met = b->cond && b->cond(b);
    if (b->met || mono_due(b->until, loop_now(b->loop)))
        loop_stop(b->loop);
    else
        loop_timer_set(b->loop, t, mono_add_ms(loop_now(b->loop), 1));
}

/* Run until cond holds; false when it does not within ms. */
bool bench_run(struct bench *b, bool (*cond)(struct bench *), int64_t ms) {
    b->until = mono_add_ms(loop_now(b->loop), ms);
    if (b->world) {
        while (!cond(b))
            if (mono_due(b->until, sim_now(b->world)) || !sim_step(b->world))
                return false;
        return true;
    }
    b->cond = cond;
    b->poll.fn = on_poll;
    loop_timer_set(b->loop, &b->poll, loop_now(b->loop));
    loop_run(b->loop);
    return b->met;
}

bool bench_is_up(struct bench *b) {
    const struct orch_link *k = orch_up((struct orch *)&b->orch);
    return k && k->forwards >= 3 && sim_node_connected(b->node);
}
bool bench_has_result(struct bench *b) {
    return b->orch.nresults > 0;
}
const struct wsc_result *bench_job(struct bench *b, enum wsc_job_kind kind, uint8_t arg) {
    b->orch.nresults = 0;
    orch_submit(&b->orch, kind, arg, 0);
    assert_true(bench_run(b, bench_has_result, 70000));
    return &b->orch.result;
}

struct tls_ctx *bench_device_tls(void) {
    struct buf key = {0}, cert = {0};
    struct errinfo ei = {0};
    assert_int_equal(pki_make_key(PKI_P256, &key, &ei), 0);
    assert_int_equal(
        pki_make_root(buf_slice(&key), "device", (struct wall){1600000000000000}, 36500, &cert, &ei), 0);
    struct tls_ctx *c = tls_server_ctx(buf_slice(&cert), buf_slice(&key), TLS_MODERN, &ei);
    assert_non_null(c);
    buf_free(&key);
    buf_free(&cert);
    return c;
}
