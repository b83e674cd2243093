/* SPDX-License-Identifier: Apache-2.0 */
/* A node against a small server with the real WS-MAN client: in a simulated world, where minutes cost
 * nothing, and once on real loopback connections. */
#include "net/sim.h"
#include "node_rig.h"
#include "sim/node_int.h"
#include "unit.h"

static bool first_ended(struct bench *b) {
    return b->orch.links[0].ended;
}
static bool second_is_up(struct bench *b) {
    return b->orch.nlinks == 2 && b->orch.links[1].ready && b->orch.links[1].forwards >= 3;
}

static bool second_ended(struct bench *b) {
    return b->orch.links[1].ended;
}

static void every_profile_answers(void **state) {
    struct tls_ctx *tls = bench_device_tls();
    for (int i = 0; i < 2 * SIM_PROFILE_COUNT; i++) {
        enum sim_profile p = (enum sim_profile)(i / 2);
        struct bench b;
        bench_make_on(&b, i % 2, p, tls);
        assert_true(bench_run(&b, bench_is_up, SOON));
        assert_true(uuid_eq(b.orch.links[0].uuid, sim_node_config(b.node)->id.uuid));
        const struct wsc_result *r = bench_job(&b, WSC_POWER_READ, 0);
        assert_string_equal(r->why, "");
        assert_int_equal(r->err, 0);
        assert_int_equal(r->power.state, 2);
        r = bench_job(&b, WSC_INFO_READ, 0);
        assert_int_equal(r->err, 0);
        assert_string_equal(b.orch.info.serial, sim_node_config(b.node)->id.serial);
        assert_int_equal(b.orch.info.me_sleep, AMT_ME_SLEEP_WAKE);
        assert_int_equal(sim_fleet_counters(b.fleet)->logins, 1);
        assert_int_equal(sim_fleet_counters(b.fleet)->connected, 1);
        bench_unmake(&b);
    }
    tls_ctx_unref(&tls);
}

static void power_goes_off_and_on(void **state) {
    struct bench b;
    bench_make(&b, SIM_A15, NULL);
    assert_true(bench_run(&b, bench_is_up, SOON));
    const struct wsc_result *r = bench_job(&b, WSC_POWER_CHANGE, 8);
    assert_int_equal(r->err, 0);
    assert_int_equal(r->return_value, 0);
    assert_int_equal(sim_node_machine(b.node)->state, MACHINE_S5);
    assert_int_equal(bench_job(&b, WSC_POWER_READ, 0)->power.state, 8);
    assert_int_equal(bench_job(&b, WSC_POWER_CHANGE, 2)->return_value, 0);
    assert_int_equal(bench_job(&b, WSC_POWER_READ, 0)->power.state, 2);
    assert_int_equal(b.orch.nlinks, 1); /* the tunnel lived on */
    bench_unmake(&b);
}

static bool rejected_twice(struct bench *b) {
    return b->orch.rejects >= 2;
}
static bool any_up(struct bench *b) {
    return orch_up(&b->orch) != NULL;
}
static void a_stranger_retries_until_it_is_known(void **state) {
    struct bench b;
    bench_make(&b, SIM_A15, NULL);
    b.orch.id = NULL;
    assert_true(bench_run(&b, rejected_twice, SOON));
    b.orch.id = &sim_node_config(b.node)->id;
    assert_true(bench_run(&b, any_up, SOON));
    assert_true(sim_fleet_counters(b.fleet)->rejected >= 2);
    bench_unmake(&b);
}

static bool node_down(struct bench *b) {
    return first_ended(b) && !sim_node_connected(b->node);
}
static void the_bios_switch_decides_about_sleep(void **state) {
    static const struct {
        enum sim_sleep_drop drop;
        enum stream_end why;
    } CASES[] = {{SIM_DROP_RESET, STREAM_RESET}, {SIM_DROP_CLOSE, STREAM_EOF}};
    for (size_t i = 0; i < 2; i++) {
        struct bench b;
        bench_make(&b, SIM_A15, NULL);
        sim_node_me_in_sleep(b.node, false);
        sim_node_sleep_drop(b.node, CASES[i].drop);
        assert_true(bench_run(&b, bench_is_up, SOON));
        assert_int_equal(sim_node_local(b.node, MACHINE_ACT_SHUTDOWN), 0);
        assert_true(bench_run(&b, node_down, SOON));
        assert_int_equal(b.orch.links[0].why, CASES[i].why);
        assert_int_equal(b.orch.links[0].disconnect,
                         CASES[i].drop == SIM_DROP_CLOSE ? APF_DISC_BY_APPLICATION : 0);
        assert_false(bench_run(&b, any_up, WHILE_MS)); /* nobody can wake it from afar */
        assert_int_equal(sim_node_button(b.node), 0);
        assert_true(bench_run(&b, second_is_up, SOON));
        bench_unmake(&b);
    }
}

static void a_power_cut_is_silent(void **state) {
    struct bench b;
    bench_make(&b, SIM_A15, NULL);
    assert_true(bench_run(&b, bench_is_up, SOON));
    assert_int_equal(sim_node_power_cut(b.node, false), 0);
    assert_int_equal(sim_node_power_cut(b.node, false), ERR_STATE);
    orch_submit(&b.orch, WSC_POWER_READ, 0, 20);
    assert_true(bench_run(&b, bench_has_result, SOON));
    assert_int_equal(b.orch.result.err, ERR_TIMEOUT);
    assert_false(bench_run(&b, first_ended, WHILE_MS));
    assert_int_equal(b.orch.nlinks, 1);
    assert_int_equal(sim_node_power_restore(b.node), 0);
    assert_int_equal(sim_node_machine(b.node)->state, MACHINE_S0); /* last state */
    assert_true(bench_run(&b, second_is_up, SOON));
    assert_int_equal(orch_up_count(&b.orch), 2);   /* the old one was never told */
    assert_true(bench_run(&b, first_ended, SOON)); /* … until its memory goes */
    assert_true(b.orch.links[1].ready);
    bench_unmake(&b);
    bench_make(&b, SIM_A15, NULL);
    assert_true(bench_run(&b, bench_is_up, SOON));
    assert_int_equal(sim_node_power_cut(b.node, true), 0);
    assert_true(bench_run(&b, first_ended, SOON));
    assert_int_equal(b.orch.links[0].why, STREAM_RESET);
    bench_unmake(&b);
}

static void drops_reconnect(void **state) {
    struct bench b;
    bench_make(&b, SIM_A15, NULL);
    assert_true(bench_run(&b, bench_is_up, SOON));
    assert_int_equal(sim_node_drop(b.node, true), 0);
    assert_true(bench_run(&b, second_is_up, SOON));
    assert_int_equal(b.orch.links[0].why, STREAM_RESET);
    assert_int_equal(sim_fleet_counters(b.fleet)->drops, 1);
    sim_node_stop(b.node);
    assert_true(bench_run(&b, second_ended, SOON));
    assert_int_equal(b.orch.links[1].disconnect, APF_DISC_BY_APPLICATION);
    assert_false(bench_run(&b, any_up, WHILE_MS));
    assert_int_equal(sim_node_drop(b.node, true), ERR_STATE);
    bench_unmake(&b);
}

static void a_new_uuid_comes_with_a_new_tunnel(void **state) {
    struct bench b;
    bench_make(&b, SIM_A15, NULL);
    assert_true(bench_run(&b, bench_is_up, SOON));
    struct uuid u = uuid_swap(sim_node_config(b.node)->id.uuid);
    sim_node_set_uuid(b.node, u);
    assert_true(bench_run(&b, second_is_up, SOON));
    assert_true(uuid_eq(b.orch.links[1].uuid, u));
    bench_unmake(&b);
}

/* --- faults --- */

static void faults_of_answers(void **state) {
    static const struct {
        enum sim_fault fault;
        int err;
    } CASES[] = {
        {SIM_FAULT_HALF_OPEN, ERR_TIMEOUT},    {SIM_FAULT_CLOSE_EARLY, ERR_CLOSED},
        {SIM_FAULT_UNAUTHORIZED, ERR_AUTH},    {SIM_FAULT_WRONG_RELATESTO, ERR_PROTO},
        {SIM_FAULT_SILENT_HTTP, ERR_TIMEOUT},  {SIM_FAULT_ZERO_WINDOW, ERR_TIMEOUT},
        {SIM_FAULT_BLACKHOLE, ERR_TIMEOUT},    {SIM_FAULT_CHUNK_GARBAGE, ERR_PROTO},
        {SIM_FAULT_ENDLESS_BODY, 1 /* any */},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof CASES[0]; i++) {
        struct bench b;
        bench_make(&b, SIM_A15, NULL);
        assert_true(bench_run(&b, bench_is_up, SOON));
        sim_node_fault(b.node, CASES[i].fault, true, 0);
        orch_submit(&b.orch, WSC_POWER_READ, 0, 50);
        assert_true(bench_run(&b, bench_has_result, SOON));
        if (CASES[i].err == 1)
            assert_int_not_equal(b.orch.result.err, 0);
        else if (b.orch.result.err != CASES[i].err)
            fail_msg("%s: %d (%s)", sim_fault_name(CASES[i].fault), b.orch.result.err, b.orch.result.why);
        bench_unmake(&b);
    }
}

static void a_fault_ends_when_it_is_cleared(void **state) {
    struct bench b;
    bench_make(&b, SIM_A15, NULL);
    assert_true(bench_run(&b, bench_is_up, SOON));
    sim_node_fault(b.node, SIM_FAULT_BLACKHOLE, true, 0);
    orch_submit(&b.orch, WSC_POWER_READ, 0, 20);
    assert_true(bench_run(&b, bench_has_result, SOON));
    assert_int_equal(b.orch.result.err, ERR_TIMEOUT);
    sim_node_faults_clear(b.node);
    assert_int_equal(bench_job(&b, WSC_POWER_READ, 0)->err, 0);
    bench_unmake(&b);
}

static void a_busy_node_is_asked_again(void **state) {
    struct bench b;
    bench_make(&b, SIM_A16, NULL);
    assert_true(bench_run(&b, bench_is_up, SOON));
    sim_node_fault(b.node, SIM_FAULT_OPEN_BUSY, true, 0);
    assert_int_equal(bench_job(&b, WSC_POWER_READ, 0)->err, 0); /* the client tries again */
    assert_int_equal(sim_node_faults(b.node)->on, 0);
    bench_unmake(&b);
}

/* Direct WS-MAN, without a tunnel. */
struct caller {
    struct buf in;
    bool ended;
};
static void caller_open(struct stream *s, void *ctx) {
    (void)stream_write(s, SLICE_LIT("GET / HTTP/1.1\r\nHost: x\r\n\r\n"));
}
static void caller_data(struct stream *s, void *ctx, struct slice data) {
    struct caller *c = ctx;
    buf_put(&c->in, data);
}
static void caller_end(struct stream *s, void *ctx, enum stream_end why) {
    struct caller *c = ctx;
    c->ended = true;
}
static void a_node_listens_itself(void **state) {
    static const struct stream_handler CALLER = {
        .on_open = caller_open, .on_data = caller_data, .on_end = caller_end};
    struct bench b;
    struct errinfo ei = {0};
    struct caller c = {0};
    bench_make(&b, SIM_A15, NULL);
    assert_string_equal(sim_node_listen_address(b.node), "");
    assert_int_equal(sim_node_listen(b.node, "10.0.0.7:16992", &ei), 0);
    struct connect_opts o = {.address = sim_node_listen_address(b.node), .timeout_ms = 1000};
    assert_non_null(stream_connect(b.loop, &o, &CALLER, &c));
    while (!c.ended)
        assert_true(sim_step(b.world));
    assert_non_null(strstr(buf_cstr(&c.in), "HTTP/1.1 303 See Other\r\nLocation: /logon.htm\r\n"));
    buf_free(&c.in);
    /* without power nobody is there */
    assert_int_equal(sim_node_power_cut(b.node, false), 0);
    c = (struct caller){0};
    assert_non_null(stream_connect(b.loop, &o, &CALLER, &c));
    while (!c.ended)
        assert_true(sim_step(b.world));
    assert_int_equal(c.in.len, 0);
    bench_unmake(&b);
}

static bool disconnected_for_garbage(struct bench *b) {
    return b->orch.links[0].failed;
}
static bool stormed(struct bench *b) {
    return b->orch.links[0].keepalives >= 200;
}
static bool two_up(struct bench *b) {
    return orch_up_count(&b->orch) == 2;
}
static void faults_of_tunnels(void **state) {
    struct bench b;
    bench_make(&b, SIM_A15, NULL);
    assert_true(bench_run(&b, bench_is_up, SOON));
    sim_node_fault(b.node, SIM_FAULT_KEEPALIVE_STORM, true, 0);
    assert_true(bench_run(&b, stormed, SOON));
    sim_node_faults_clear(b.node);
    sim_node_fault(b.node, SIM_FAULT_DUPLICATE_LOGIN, true, 0);
    assert_true(bench_run(&b, two_up, SOON));
    assert_int_equal(sim_node_faults(b.node)->on, 0);
    sim_node_fault(b.node, SIM_FAULT_APF_GARBAGE, true, 0);
    assert_true(bench_run(&b, disconnected_for_garbage, SOON));
    bench_unmake(&b);
}

static void dripping_and_lumps_still_arrive(void **state) {
    static const enum sim_fault FAULTS[] = {SIM_FAULT_SLOW_DRIP, SIM_FAULT_COALESCE};
    for (int i = 0; i < 2; i++) {
        struct bench b;
        bench_make(&b, SIM_A15, NULL);
        sim_node_fault(b.node, FAULTS[i], true, 1);
        assert_true(bench_run(&b, any_up, SOON)); /* the login drips, too */
        bench_unmake(&b);
    }
}

static void without_forwards_there_is_no_way_in(void **state) {
    struct bench b;
    bench_make(&b, SIM_A15, NULL);
    sim_node_fault(b.node, SIM_FAULT_FORWARDS_MISSING, true, 0);
    assert_true(bench_run(&b, any_up, SOON));
    assert_false(bench_run(&b, bench_is_up, WHILE_MS));
    assert_int_equal(b.orch.links[0].forwards, 0);
    bench_unmake(&b);
}

/* --- what takes minutes --- */

static bool kept_alive(struct bench *b) {
    return b->orch.links[0].keepalives >= 3;
}
static void keepalives_follow_the_server(void **state) {
    struct bench b;
    bench_make(&b, SIM_A15, NULL);
    struct mono start = sim_now(b.world);
    b.orch.keepalive_s = 30;
    assert_true(bench_run(&b, kept_alive, 600000));
    int64_t ms = mono_ms_between(start, sim_now(b.world));
    assert_true(ms > 90000 && ms < 91000);
    bench_unmake(&b);
    bench_make(&b, SIM_A15, NULL);
    start = sim_now(b.world);
    assert_true(bench_run(&b, kept_alive, 600000)); /* 60 s when the server does not say */
    ms = mono_ms_between(start, sim_now(b.world));
    assert_true(ms > 180000 && ms < 181000);
    bench_unmake(&b);
}

static bool node_noticed(struct bench *b) {
    return !sim_node_connected(b->node);
}
static void a_mute_server_is_given_up(void **state) {
    struct bench b;
    bench_make(&b, SIM_A15, NULL);
    assert_true(bench_run(&b, bench_is_up, SOON));
    struct mono start = sim_now(b.world);
    b.orch.links[0].mute = true;
    assert_true(bench_run(&b, node_noticed, 1000000));
    int64_t ms = mono_ms_between(start, sim_now(b.world));
    assert_true(ms > 200000 && ms < 241000); /* three keepalives without an answer */
    assert_true(bench_run(&b, second_is_up, SOON));
    bench_unmake(&b);
    /* with a timeout of its own it is sooner */
    bench_make(&b, SIM_A15, NULL);
    b.orch.keepalive_s = 30;
    b.orch.keepalive_timeout_s = 10;
    assert_true(bench_run(&b, bench_is_up, SOON));
    start = sim_now(b.world);
    assert_false(bench_run(&b, first_ended, 1000));
    b.orch.links[0].mute = true;
    assert_true(bench_run(&b, node_noticed, 1000000));
    ms = mono_ms_between(start, sim_now(b.world));
    assert_true(ms >= 39000 && ms < 42000);
    bench_unmake(&b);
}

static void pauses_grow(void **state) {
    struct bench b;
    bench_make(&b, SIM_A15, NULL);
    struct sim_times *t = sim_fleet_times(b.fleet);
    t->reconnect_max_ms = 5000;
    b.orch.id = NULL;
    assert_true(bench_run(&b, rejected_twice, SOON));
    struct mono start = sim_now(b.world);
    static const int64_t PAUSES[] = {20, 40, 80, 160, 320, 640};
    for (unsigned i = 0; i < 6; i++) { /* 20 ms and so on, give or take a tenth and the login */
        start = sim_now(b.world);
        unsigned before = b.orch.rejects;
        while (b.orch.rejects == before)
            assert_true(sim_step(b.world));
        int64_t ms = mono_ms_between(start, sim_now(b.world));
        assert_true(ms >= PAUSES[i] * 9 / 10 && ms < PAUSES[i] * 11 / 10 + 40);
    }
    bench_unmake(&b);
}

static void latency_is_kept(void **state) {
    struct bench b;
    bench_make(&b, SIM_A15, NULL);
    assert_true(bench_run(&b, bench_is_up, SOON));
    sim_node_latency(b.node, 700, 700);
    b.orch.nresults = 0;
    orch_submit(&b.orch, WSC_POWER_READ, 0, 10000);
    struct mono start = sim_now(b.world);
    assert_true(bench_run(&b, bench_has_result, 10000));
    assert_int_equal(b.orch.result.err, 0);
    int64_t ms = mono_ms_between(start, sim_now(b.world));
    assert_true(ms >= 1400 && ms < 1500); /* the challenge takes as long as the answer */
    bench_unmake(&b);
}

/* Bytes in any pieces and with any delay: the same result. */
static void any_weather(void **state) {
    struct tls_ctx *tls = bench_device_tls();
    for (int i = 0; i < 6; i++) {
        struct bench b;
        bench_make(&b, i % 2 ? SIM_A19 : SIM_A15, tls);
        sim_weather_set(b.world, &(struct sim_weather){
                                     .delay_min_ms = 0, .delay_max_ms = 30, .split_per_million = 700000});
        assert_true(bench_run(&b, bench_is_up, SOON));
        const struct wsc_result *r = bench_job(&b, WSC_INFO_READ, 0);
        assert_string_equal(r->why, "");
        assert_string_equal(b.orch.info.serial, sim_node_config(b.node)->id.serial);
        assert_int_equal(bench_job(&b, WSC_POWER_CHANGE, 8)->return_value, 0);
        bench_unmake(&b);
    }
    tls_ctx_unref(&tls);
}

static void a_long_transition_shows(void **state) {
    struct bench b;
    bench_make(&b, SIM_A15, NULL);
    sim_fleet_times(b.fleet)->host = MACHINE_TIMES_DEFAULT;
    assert_true(bench_run(&b, bench_is_up, SOON));
    assert_int_equal(bench_job(&b, WSC_POWER_CHANGE, 5)->return_value, 0);
    assert_int_equal(bench_job(&b, WSC_POWER_READ, 0)->power.state, 2);
    assert_int_equal(bench_job(&b, WSC_POWER_CHANGE, 10)->return_value, 4099);
    sim_run_until(b.world, mono_add_ms(sim_now(b.world), 2000));
    assert_int_equal(bench_job(&b, WSC_POWER_READ, 0)->power.state, 8);
    sim_run_until(b.world, mono_add_ms(sim_now(b.world), 4000));
    assert_int_equal(bench_job(&b, WSC_POWER_READ, 0)->power.state, 2);
    assert_int_equal(b.orch.result.power.navailable, 4); /* the operating system still boots */
    sim_run_until(b.world, mono_add_ms(sim_now(b.world), 16000));
    assert_int_equal(bench_job(&b, WSC_POWER_READ, 0)->power.navailable, 8);
    bench_unmake(&b);
}

static void an_unprovisioned_node_stays_away(void **state) {
    struct bench b;
    bench_make(&b, SIM_A15, NULL);
    assert_true(bench_run(&b, bench_is_up, SOON));
    b.node->unprovisioned = true;
    node_settle(b.node);
    assert_true(bench_run(&b, first_ended, SOON));
    assert_false(bench_run(&b, second_is_up, 100000));
    sim_node_start(b.node);
    assert_true(bench_run(&b, second_is_up, SOON));
    bench_unmake(&b);
}

static bool forwards_changed(struct bench *b) {
    return !apf_forwards(b->orch.links[0].apf, 16994);
}
static bool forwards_back(struct bench *b) {
    return apf_forwards(b->orch.links[0].apf, 16994);
}
static void the_listener_switch_moves_the_forwards(void **state) {
    struct bench b;
    bench_make(&b, SIM_A15, NULL);
    assert_true(bench_run(&b, bench_is_up, SOON));
    assert_true(bench_run(&b, forwards_back, SOON));
    b.node->listener = false;
    node_settle(b.node);
    assert_true(bench_run(&b, forwards_changed, SOON));
    assert_true(apf_forwards(b.orch.links[0].apf, 16992));
    b.node->listener = true;
    node_settle(b.node);
    assert_true(bench_run(&b, forwards_back, SOON));
    bench_unmake(&b);
}

UNIT_MAIN(T(every_profile_answers), T(power_goes_off_and_on), T(a_stranger_retries_until_it_is_known),
          T(the_bios_switch_decides_about_sleep), T(a_power_cut_is_silent), T(drops_reconnect),
          T(a_new_uuid_comes_with_a_new_tunnel), T(faults_of_answers), T(a_fault_ends_when_it_is_cleared),
          T(a_busy_node_is_asked_again), T(a_node_listens_itself), T(faults_of_tunnels),
          T(dripping_and_lumps_still_arrive), T(without_forwards_there_is_no_way_in),
          T(keepalives_follow_the_server), T(a_mute_server_is_given_up), T(pauses_grow), T(latency_is_kept),
          T(any_weather), T(a_long_transition_shows), T(an_unprovisioned_node_stays_away),
          T(the_listener_switch_moves_the_forwards))
