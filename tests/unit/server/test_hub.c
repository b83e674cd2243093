/* SPDX-License-Identifier: Apache-2.0 */
#include "server/hub.h"

#include "net/sim.h"
#include "unit.h"

#include <stdlib.h>

struct fixture {
    struct sim_world *w;
    struct app app;
    struct shard shards[2];
};

struct listener_log {
    struct hub_sub sub;
    struct hub *hub;
    uint64_t seen[600];
    size_t n;
    unsigned gaps;
    size_t leave_after; /* unsubscribes itself then; 0: never */
    size_t pause_after;
};

static void on_event(struct hub_sub *sub, const struct hub_event *e, bool gap) {
    struct listener_log *l = sub->ctx;
    l->seen[l->n++] = e->seq;
    l->gaps += gap;
    if (l->leave_after == l->n)
        hub_unsubscribe(l->hub, sub);
    if (l->pause_after == l->n)
        hub_pause(sub);
}

static int setup(void **s, uint64_t last, struct hub_limits lim) {
    struct fixture *f = calloc(1, sizeof *f);
    f->w = sim_world_new(1, (struct wall){1700000000000000});
    f->app.nshards = 2;
    for (unsigned i = 0; i < 2; i++) {
        f->shards[i].app = &f->app;
        f->shards[i].index = i;
        f->shards[i].loop = sim_loop_new(f->w);
        f->app.shards[i] = &f->shards[i];
    }
    f->app.hub = hub_new(&f->app, last, &lim);
    *s = f;
    return 0;
}
static int teardown(void **s) {
    struct fixture *f = *s;
    hub_free(&f->app.hub);
    for (unsigned i = 0; i < 2; i++)
        loop_free(&f->shards[i].loop);
    sim_world_free(&f->w);
    free(f);
    return 0;
}

static void run(struct fixture *f) {
    sim_run_until(f->w, mono_add_ms(sim_now(f->w), 1));
}
static void publish(struct fixture *f, unsigned n) {
    for (unsigned i = 0; i < n; i++)
        hub_publish(&f->shards[i % 2], "host-1", "default", "created", "text", SLICE_LIT("{}"));
}
static struct listener_log log_of(struct fixture *f, unsigned shard) {
    return (struct listener_log){.sub = {.shard = &f->shards[shard], .fn = on_event}, .hub = f->app.hub};
}
static int subscribe(struct listener_log *l, uint64_t after) {
    l->sub.ctx = l;
    return hub_subscribe(l->hub, &l->sub, after);
}
static void in_order(const struct listener_log *l, uint64_t first, size_t n) {
    assert_int_equal(l->n, n);
    for (size_t i = 0; i < n; i++)
        assert_int_equal(l->seen[i], first + i);
}

static void numbers_go_on_and_everybody_hears(void **s) {
    setup(s, 41, HUB_LIMITS_DEFAULT);
    struct fixture *f = *s;
    struct listener_log a = log_of(f, 0), b = log_of(f, 1);
    assert_false(hub_wanted(f->app.hub));
    assert_int_equal(subscribe(&a, UINT64_MAX), 0);
    assert_int_equal(subscribe(&b, UINT64_MAX), 0);
    assert_true(hub_wanted(f->app.hub));
    run(f);
    publish(f, 10);
    run(f);
    in_order(&a, 42, 10);
    in_order(&b, 42, 10);
    assert_int_equal(a.gaps + b.gaps, 0);
    assert_int_equal(hub_last_seq(f->app.hub), 51);
    hub_unsubscribe(f->app.hub, &a.sub);
    publish(f, 1);
    run(f);
    assert_int_equal(a.n, 10);
    assert_int_equal(b.n, 11);
    hub_unsubscribe(f->app.hub, &b.sub);
    assert_false(hub_wanted(f->app.hub));
}

static void resume_gives_all_in_between_once(void **s) {
    setup(s, 0, HUB_LIMITS_DEFAULT);
    struct fixture *f = *s;
    publish(f, 300); /* more than one batch */
    run(f);
    struct listener_log a = log_of(f, 1);
    assert_int_equal(subscribe(&a, 7), 0);
    publish(f, 20); /* while it catches up */
    run(f);
    publish(f, 20);
    run(f);
    in_order(&a, 8, 333);
    assert_int_equal(a.gaps, 0);
    hub_unsubscribe(f->app.hub, &a.sub);
}

static void lost_events_are_a_gap(void **s) {
    struct hub_limits lim = HUB_LIMITS_DEFAULT;
    lim.ring_max = 16;
    setup(s, 0, lim);
    struct fixture *f = *s;
    publish(f, 100);
    run(f);
    struct listener_log a = log_of(f, 0);
    assert_int_equal(subscribe(&a, 10), 0);
    run(f);
    in_order(&a, 85, 16);
    assert_int_equal(a.gaps, 1);
    hub_unsubscribe(f->app.hub, &a.sub);
}

static void a_restart_is_a_gap_too(void **s) {
    setup(s, 150, HUB_LIMITS_DEFAULT);
    struct fixture *f = *s;
    struct listener_log a = log_of(f, 1);
    assert_int_equal(subscribe(&a, 100), 0);
    run(f);
    assert_int_equal(a.n, 0);
    publish(f, 2);
    run(f);
    in_order(&a, 151, 2);
    assert_int_equal(a.gaps, 1);
    hub_unsubscribe(f->app.hub, &a.sub);
}

static void a_number_of_the_future_means_now(void **s) {
    setup(s, 5, HUB_LIMITS_DEFAULT);
    struct fixture *f = *s;
    struct listener_log a = log_of(f, 0);
    assert_int_equal(subscribe(&a, 1000), 0);
    run(f);
    publish(f, 1);
    run(f);
    in_order(&a, 6, 1);
    hub_unsubscribe(f->app.hub, &a.sub);
}

static void a_slow_subscriber_costs_nothing(void **s) {
    struct hub_limits lim = HUB_LIMITS_DEFAULT;
    lim.ring_max = 32;
    setup(s, 0, lim);
    struct fixture *f = *s;
    struct listener_log a = log_of(f, 0);
    a.pause_after = 5;
    assert_int_equal(subscribe(&a, UINT64_MAX), 0);
    run(f);
    publish(f, 20);
    run(f);
    in_order(&a, 1, 5); /* paused itself */
    hub_resume(f->app.hub, &a.sub);
    run(f);
    in_order(&a, 1, 20); /* the ring still had the rest */
    hub_pause(&a.sub);
    publish(f, 200);
    run(f);
    assert_int_equal(a.n, 20);
    hub_resume(f->app.hub, &a.sub);
    run(f);
    assert_int_equal(a.n, 20 + 32);
    assert_int_equal(a.gaps, 1);
    assert_int_equal(a.seen[a.n - 1], 220);
    hub_unsubscribe(f->app.hub, &a.sub);
}

static void a_stalled_shard_is_bounded(void **s) {
    struct hub_limits lim = HUB_LIMITS_DEFAULT;
    lim.in_flight_max = 4;
    setup(s, 0, lim);
    struct fixture *f = *s;
    struct listener_log a = log_of(f, 1);
    assert_int_equal(subscribe(&a, UINT64_MAX), 0);
    run(f);
    publish(f, 50); /* numbered in one go: most are not posted, but the ring has them */
    run(f);
    publish(f, 1);
    run(f);
    in_order(&a, 1, 51);
    assert_int_equal(a.gaps, 0);
    hub_unsubscribe(f->app.hub, &a.sub);
}

static void subscribers_are_limited_and_may_leave_inside(void **s) {
    struct hub_limits lim = HUB_LIMITS_DEFAULT;
    lim.subscribers_max = 1;
    setup(s, 0, lim);
    struct fixture *f = *s;
    struct listener_log a = log_of(f, 0), b = log_of(f, 0);
    a.leave_after = 3;
    publish(f, 10);
    run(f);
    assert_int_equal(subscribe(&a, 0), 0);
    assert_int_equal(subscribe(&b, 0), ERR_LIMIT);
    run(f);
    in_order(&a, 1, 3);
    assert_int_equal(subscribe(&b, 0), 0);
    hub_unsubscribe(f->app.hub, &b.sub); /* while its batch is on the way */
    run(f);
    assert_int_equal(b.n, 0);
}

#define TD(fn) cmocka_unit_test_teardown(fn, teardown)
UNIT_MAIN(TD(numbers_go_on_and_everybody_hears), TD(resume_gives_all_in_between_once),
          TD(lost_events_are_a_gap), TD(a_restart_is_a_gap_too), TD(a_number_of_the_future_means_now),
          TD(a_slow_subscriber_costs_nothing), TD(a_stalled_shard_is_bounded),
          TD(subscribers_are_limited_and_may_leave_inside))
