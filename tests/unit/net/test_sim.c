/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture.h"

#include "net/sim.h"

#include <stdlib.h>

static struct certs certs;
static const struct wall start = {1790000000000000};

struct pair {
    struct sim_world *w;
    struct loop *server, *client;
    struct server v;
    struct party p;
};

static void pair_open(struct pair *x, const char *source, bool tls) {
    memset(x, 0, sizeof *x);
    x->w = sim_world_new(1, start);
    x->server = sim_loop_new(x->w);
    x->client = sim_loop_new(x->w);
    x->v.opts.address = "mps.example:4433";
    x->v.opts.tls = tls ? certs.server : NULL;
    server_open(&x->v, x->server);
    if (source)
        sim_next_source(x->client, source);
    party_connect(&x->p, x->client, &x->v, tls ? certs.client : NULL, tls ? "localhost" : NULL);
}

static void pair_free(struct pair *x) {
    if (x->p.s)
        stream_abort(x->p.s);
    server_free(&x->v);
    loop_free(&x->server);
    loop_free(&x->client);
    sim_world_free(&x->w);
    party_free(&x->p);
}

static bool echoed(void *ctx) {
    return ((struct party *)ctx)->got.len >= 5;
}

static void echo(void **s) {
    for (int tls = 0; tls < 2; tls++) {
        struct pair x;
        pair_open(&x, "10.0.0.7:4000", tls);
        stream_write(x.p.s, SLICE_LIT("he"));
        run_until(x.client, party_opened, &x.p, 2000);
        assert_string_equal(x.v.last_admit, "10.0.0.7");
        stream_write(x.p.s, SLICE_LIT("llo"));
        run_until(x.client, echoed, &x.p, 2000);
        assert_true(slice_is(buf_slice(&x.p.got), "hello"));
        assert_true(x.p.drains > 0);
        assert_string_equal(stream_peer(x.v.parties[0].s), "10.0.0.7:4000");
        assert_string_equal(stream_peer(x.p.s), "mps.example:4433");
        assert_string_equal(stream_peer_addr(x.p.s), "mps.example");
        assert_string_equal(stream_tls_version(x.p.s), tls ? "TLSv1.3" : "");
        stream_close(x.p.s);
        run_until(x.client, party_ended, &x.p, 2000);
        run_until(x.client, party_ended, &x.v.parties[0], 2000);
        assert_int_equal(x.p.why, STREAM_LOCAL);
        assert_int_equal(x.v.parties[0].why, STREAM_EOF);
        pair_free(&x);
    }
}

static void reset_and_refusal(void **s) {
    struct pair x;
    pair_open(&x, NULL, false);
    run_until(x.client, party_opened, &x.p, 2000);
    stream_abort(x.p.s);
    assert_false(x.p.ended); /* never from inside the call */
    run_until(x.client, party_ended, &x.v.parties[0], 2000);
    assert_int_equal(x.v.parties[0].why, STREAM_RESET);
    assert_int_equal(x.p.why, STREAM_LOCAL);

    struct party q = {0};
    struct connect_opts o = {.address = "nobody.example:1", .timeout_ms = 1000};
    q.s = stream_connect(x.client, &o, &party_handler, &q);
    run_until(x.client, party_ended, &q, 2000);
    assert_int_equal(q.why, STREAM_REFUSED);
    q = (struct party){0};
    o.address = "nonsense";
    q.s = stream_connect(x.client, &o, &party_handler, &q);
    run_until(x.client, party_ended, &q, 2000);
    assert_int_equal(q.why, STREAM_UNREACHABLE);
    q = (struct party){0};
    sim_weather_set(x.w, &(struct sim_weather){.refuse_per_million = 1000000});
    party_connect(&q, x.client, &x.v, NULL, NULL);
    run_until(x.client, party_ended, &q, 2000);
    assert_int_equal(q.why, STREAM_REFUSED);
    assert_int_equal(x.v.accepted, 1);
    pair_free(&x);
}

/* --- weather --- */

static void delay_is_virtual(void **s) {
    struct pair x;
    pair_open(&x, NULL, false);
    run_until(x.client, party_opened, &x.p, 2000);
    run_until(x.client, party_opened, &x.v.parties[0], 2000);
    sim_weather_set(x.w, &(struct sim_weather){.delay_min_ms = 60000, .delay_max_ms = 60000});
    struct mono before = sim_now(x.w);
    stream_write(x.p.s, SLICE_LIT("hello"));
    run_until(x.client, echoed, &x.p, 600000);
    assert_in_range(mono_ms_between(before, sim_now(x.w)), 120000, 120010); /* there and back */
    pair_free(&x);
}

static void split_keeps_the_bytes(void **s) {
    struct pair x;
    uint8_t big[100000];
    pair_open(&x, NULL, true);
    sim_weather_set(x.w, &(struct sim_weather){.delay_max_ms = 20, .split_per_million = 700000});
    run_until(x.client, party_opened, &x.p, 20000);
    for (size_t i = 0; i < sizeof big; i++)
        big[i] = (uint8_t)(i * 7 + i / 256);
    for (size_t at = 0; at < sizeof big; at += 1000)
        stream_write(x.p.s, slice_of(big + at, 1000));
    stream_close(x.p.s);
    run_until(x.client, party_ended, &x.v.parties[0], 20000);
    assert_true(slice_eq(buf_slice(&x.v.parties[0].got), slice_of(big, sizeof big)));
    pair_free(&x);
}

static void cut_by_weather(void **s) {
    struct pair x;
    pair_open(&x, NULL, false);
    run_until(x.client, party_opened, &x.v.parties[0], 2000);
    run_until(x.client, party_opened, &x.p, 2000);
    sim_weather_set(x.w, &(struct sim_weather){.cut_per_million = 1000000});
    stream_write(x.p.s, SLICE_LIT("lost"));
    run_until(x.client, party_ended, &x.p, 2000);
    assert_int_equal(x.p.why, STREAM_RESET);
    assert_true(x.v.parties[0].ended);
    assert_int_equal(x.v.parties[0].why, STREAM_RESET);
    assert_int_equal(x.v.parties[0].got.len, 0);
    pair_free(&x);
}

static void cut_by_name(void **s) {
    static const char *const rules[] = {"10.0.0.9:4000", "10.0.0.9", "*"};
    for (int i = 0; i < 3; i++) {
        struct pair x;
        struct party other = {0}, third = {0};
        pair_open(&x, "10.0.0.9:4000", false);
        sim_next_source(x.client, "10.0.0.9:4001");
        party_connect(&other, x.client, &x.v, NULL, NULL);
        sim_next_source(x.client, "10.0.0.10:4000");
        party_connect(&third, x.client, &x.v, NULL, NULL);
        run_for(x.client, 100);
        assert_true(x.p.opened && other.opened && third.opened);
        sim_cut(x.w, "10.0.0.77");
        sim_cut(x.w, rules[i]);
        assert_false(x.p.ended);
        run_for(x.client, 100);
        assert_true(x.p.ended && x.p.why == STREAM_RESET);
        assert_int_equal(other.ended, i >= 1);
        assert_int_equal(third.ended, i >= 2);
        unsigned ended = 0;
        for (unsigned k = 0; k < x.v.accepted; k++)
            ended += x.v.parties[k].ended && x.v.parties[k].why == STREAM_RESET;
        assert_int_equal(ended, i + 1);
        pair_free(&x);
    }
}

static void blackhole(void **s) {
    static const char *const rules[] = {"10.0.0.9:4000", "10.0.0.9", "*"};
    for (int i = 0; i < 3; i++) {
        struct pair x;
        pair_open(&x, "10.0.0.9:4000", false);
        run_until(x.client, party_opened, &x.p, 2000);
        sim_blackhole(x.w, rules[i], true);
        sim_blackhole(x.w, rules[i], true);
        stream_write(x.p.s, SLICE_LIT("hello"));
        run_for(x.client, 3600 * 1000);
        assert_int_equal(x.v.parties[0].got.len, 0);
        assert_false(x.p.ended); /* nobody is told */
        struct party late = {0};
        sim_next_source(x.client, "10.0.0.9:4000");
        party_connect(&late, x.client, &x.v, NULL, NULL);
        run_until(x.client, party_ended, &late, 4000);
        assert_int_equal(late.why, STREAM_TIMEOUT);
        sim_blackhole(x.w, rules[i], false);
        run_until(x.client, echoed, &x.p, 2000); /* sent again by the kernel */
        assert_true(slice_is(buf_slice(&x.p.got), "hello"));
        pair_free(&x);
    }
}

static void a_dark_source_stays_dark_without_connections(void **s) {
    struct pair x;
    pair_open(&x, "10.0.0.9:1", false);
    sim_blackhole(x.w, "10.0.0.8", true);
    struct party p = {0};
    sim_next_source(x.client, "10.0.0.8:1");
    party_connect(&p, x.client, &x.v, NULL, NULL);
    run_until(x.client, party_ended, &p, 5000);
    assert_int_equal(p.why, STREAM_TIMEOUT);
    assert_true(x.p.opened);
    pair_free(&x); /* the rule is left to the world */
}

/* --- crash and clocks --- */

static void never(struct loop_timer *t) {
    fail();
}

static void never_mail(struct loop *l, struct loop_msg *m) {
    fail();
}

static void crash(void **s) {
    struct pair x;
    pair_open(&x, NULL, true);
    run_until(x.client, party_opened, &x.p, 2000);
    struct loop_timer t = {.fn = never};
    struct loop_msg m = {.fn = never_mail};
    loop_timer_set(x.server, &t, mono_add_ms(loop_now(x.server), 10));
    loop_post(x.server, &m);
    sim_loop_crash(&x.server);
    assert_null(x.server);
    x.v.l = NULL; /* went with the loop */
    x.v.parties[0].s = NULL;
    assert_false(x.v.parties[0].ended);
    run_until(x.client, party_ended, &x.p, 2000);
    assert_int_equal(x.p.why, STREAM_RESET);
    run_for(x.client, 100);

    x.server = sim_loop_new(x.w); /* back on its feet */
    struct server again = {.opts = x.v.opts};
    server_open(&again, x.server);
    struct party p = {0};
    party_connect(&p, x.client, &again, certs.client, NULL);
    run_until(x.client, party_opened, &p, 2000);
    server_free(&again);
    pair_free(&x);
}

static void wall_jump(void **s) {
    struct sim_world *w = sim_world_new(1, start);
    struct loop *l = sim_loop_new(w);
    assert_int_equal(loop_wall(l).us, start.us);
    struct mono before = loop_now(l);
    sim_run_until(w, mono_add_ms(before, 5000));
    assert_int_equal(loop_wall(l).us - start.us, 5000000);
    sim_wall_jump(w, -3600 * 1000);
    assert_int_equal(mono_ms_between(before, loop_now(l)), 5000);
    assert_int_equal(loop_wall(l).us - start.us, 5000000 - 3600000000);
    loop_free(&l);
    sim_world_free(&w);
}

/* --- messages, work, back-pressure, limits --- */

struct job {
    struct loop_work w;
    bool worked, done;
};

static void job_work(struct loop_work *w) {
    CONTAINER_OF(w, struct job, w)->worked = true;
}

static void job_done(struct loop_work *w) {
    CONTAINER_OF(w, struct job, w)->done = true;
}

static void work_and_randomness(void **s) {
    uint8_t first[32], second[32];
    for (int i = 0; i < 2; i++) {
        struct sim_world *w = sim_world_new(99, start);
        struct loop *l = sim_loop_new(w);
        struct job j = {.w = {.work = job_work, .done = job_done}};
        loop_work(l, &j.w);
        assert_true(j.worked && !j.done);
        assert_true(sim_step(w));
        assert_true(j.done);
        assert_false(sim_step(w));
        loop_random(l, i ? second : first, 32);
        loop_free(&l);
        sim_world_free(&w);
    }
    assert_memory_equal(first, second, 32);
}

static void a_paused_reader_holds_the_writer(void **s) {
    struct pair x;
    pair_open(&x, NULL, false);
    run_until(x.client, party_opened, &x.p, 2000);
    run_until(x.client, party_opened, &x.v.parties[0], 2000);
    struct party *reader = &x.v.parties[0];
    reader->echo = false;
    stream_pause(reader->s);
    enum { MUCH = 1000000 };
    uint8_t *much = calloc(1, MUCH);
    stream_write(x.p.s, slice_of(much, MUCH));
    run_for(x.client, 1000);
    assert_int_equal(reader->got.len, 0);
    assert_int_equal(x.p.drains, 0);
    assert_true(stream_queued(x.p.s) > MUCH / 2);
    stream_resume(reader->s);
    run_for(x.client, 1000);
    assert_int_equal(reader->got.len, MUCH);
    assert_int_equal(stream_queued(x.p.s), 0);
    assert_int_equal(x.p.drains, 1);
    free(much);
    pair_free(&x);
}

static void handshakes_wait_for_room(void **s) {
    struct pair x = {.w = sim_world_new(1, start)};
    struct party p[8] = {0};
    x.server = sim_loop_new(x.w);
    x.client = sim_loop_new(x.w);
    x.v.opts.address = ":4433";
    x.v.opts.tls = certs.server;
    x.v.opts.handshakes_max = 2;
    server_open(&x.v, x.server);
    for (int i = 0; i < 8; i++)
        party_connect(&p[i], x.client, &x.v, i < 2 ? NULL : certs.client,
                      NULL); /* two that never begin TLS */
    run_for(x.client, 1000);
    assert_int_equal(listener_handshakes(x.v.l), 2);
    assert_int_equal(x.v.accepted, 0);
    stream_close(p[0].s);
    run_for(x.client, 1000);
    assert_int_equal(x.v.accepted, 6);
    assert_int_equal(x.v.gone, 1);
    sim_cut(x.w, "*");
    run_for(x.client, 100);
    for (int i = 0; i < 8; i++)
        assert_true(p[i].ended);
    pair_free(&x);
}

static void those_in_the_queue_go_with_the_listener(void **s) {
    struct pair x = {.w = sim_world_new(1, start)};
    struct party p[4] = {0};
    x.server = sim_loop_new(x.w);
    x.client = sim_loop_new(x.w);
    x.v.opts.address = ":4433";
    x.v.opts.tls = certs.server;
    x.v.opts.handshakes_max = 1;
    server_open(&x.v, x.server);
    for (int i = 0; i < 4; i++)
        party_connect(&p[i], x.client, &x.v, NULL, NULL);
    run_for(x.client, 100);
    stream_abort(p[3].s); /* gone while it waits */
    run_for(x.client, 100);
    listener_close(&x.v.l);
    run_for(x.client, 100);
    for (int i = 0; i < 4; i++)
        assert_true(p[i].ended);
    assert_int_equal(x.v.gone, 1);
    pair_free(&x);
}

static void loops_share_a_port(void **s) {
    struct pair x;
    pair_open(&x, NULL, false);
    struct errinfo ei = {0};
    assert_null(listener_open(x.client, &x.v.opts, &ei));
    assert_int_equal(ei.code, ERR_EXISTS);
    struct server second = {.opts = {.address = "mps.example:4433", .reuse_port = true}};
    server_open(&second, x.client);
    struct party p[3] = {0};
    for (int i = 0; i < 3; i++)
        party_connect(&p[i], x.client, &x.v, NULL, NULL);
    run_for(x.client, 100);
    assert_int_equal(x.v.accepted, 2);
    assert_int_equal(second.accepted, 2);
    server_free(&second);
    for (int i = 0; i < 3; i++)
        if (p[i].s)
            stream_abort(p[i].s);
    pair_free(&x);
}

/* --- replay --- */

static uint64_t story(uint64_t seed, uint64_t *events) {
    struct sim_world *w = sim_world_new(seed, start);
    struct loop *server = sim_loop_new(w), *client = sim_loop_new(w);
    struct server v = {.opts = {.address = "s:1"}};
    struct party p[20] = {0};
    sim_weather_set(w, &(struct sim_weather){1, 50, 20000, 100000, 50000});
    server_open(&v, server);
    for (int i = 0; i < 20; i++)
        party_connect(&p[i], client, &v, NULL, NULL);
    *events = 0;
    for (int round = 0; round < 50; round++) {
        for (int i = 0; i < 20; i++)
            if (p[i].s && p[i].opened)
                stream_write(p[i].s, slice_of("0123456789", (size_t)rng_range(sim_rng(w), 1, 10)));
        *events += sim_run_until(w, mono_add_ms(sim_now(w), 30));
    }
    uint64_t sum = 0;
    for (int i = 0; i < 20; i++) {
        sum = sum * 31 + p[i].got.len * 8 + p[i].ended * 4 + (uint64_t)p[i].why;
        if (p[i].s)
            stream_abort(p[i].s);
        party_free(&p[i]);
    }
    server_free(&v);
    loop_free(&server);
    loop_free(&client);
    sim_world_free(&w);
    return sum;
}

static void a_seed_replays(void **s) {
    uint64_t e1, e2, e3;
    uint64_t a = story(42, &e1), b = story(42, &e2), c = story(43, &e3);
    assert_int_equal(a, b);
    assert_int_equal(e1, e2);
    assert_true(e1 > 500);
    assert_true(c != a || e3 != e1);
}

static int setup(void **s) {
    certs_make(&certs);
    return 0;
}

static int teardown(void **s) {
    certs_free(&certs);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        T(echo),
        T(reset_and_refusal),
        T(delay_is_virtual),
        T(split_keeps_the_bytes),
        T(cut_by_weather),
        T(cut_by_name),
        T(blackhole),
        T(a_dark_source_stays_dark_without_connections),
        T(crash),
        T(wall_jump),
        T(work_and_randomness),
        T(a_paused_reader_holds_the_writer),
        T(handshakes_wait_for_room),
        T(those_in_the_queue_go_with_the_listener),
        T(loops_share_a_port),
        T(a_seed_replays),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
