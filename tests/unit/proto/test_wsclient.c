/* SPDX-License-Identifier: Apache-2.0 */
/* The queue: sharing, priorities, deadlines, results, memory. */
#include "proto/wsclient_int.h"
#include "wsclient_testing.h"

#include <malloc.h>

static const struct fake_rule POWER_RULES[] = {
    FAKE_POWER("2"), FAKE_RETURN(CIM_PowerManagementService, "RequestPowerStateChange", "0"), {0}};

/* Requests are kept until the test lets them go. */
static bool hold = true;

static bool holds(struct fake *f, int chan, const struct wsman_msg *rq) {
    if (!hold)
        return false;
    /* a copy of what an answer needs */
    struct buf b = {0};
    struct wsman_request again = {.op = rq->op, .cls = rq->cls, .method = "RequestPowerStateChange"};
    uint64_t id;
    assert_true(slice_to_u64(rq->message_id, UINT64_MAX, &id));
    assert_int_equal(wsman_put_request(&b, &again, id), 0);
    f->chans[chan - 1].rq = wt_parse(buf_slice(&b), 0, NULL);
    buf_free(&b);
    return true;
}

/* Answer what was held. */
static void let_go(struct fake *f) {
    hold = false;
    for (int i = 1; i <= FAKE_CHANS; i++) {
        struct wsman_msg *rq = f->chans[i - 1].rq;
        f->chans[i - 1].rq = NULL;
        if (rq) {
            f->executed--; /* the same request */
            fake_execute(f, i, rq);
            wsman_msg_free(&rq);
        }
    }
    fake_run(f);
}

static void start(struct fake *f, const struct wsc_limits *lim) {
    f->rules = POWER_RULES;
    f->hook = holds;
    hold = false;
    fake_start_with(f, lim);
    assert_int_equal(fake_job(f, WSC_POWER_READ, 0).err, 0); /* it knows now that no challenge comes */
    f->now = mono_add_ms(f->now, 60000);
    wsc_tick(f->c, f->now);
    f->executed = f->requests = f->opens = f->open_max = 0;
    hold = true;
}

static void equal_reads_are_shared(void **s) {
    struct wsc_limits lim = WSC_LIMITS_DEFAULT;
    lim.in_flight_max = 1;
    struct fake f = {0};
    start(&f, &lim);
    int ids[5];
    ids[0] = fake_submit(&f, WSC_POWER_READ, 0, WSC_NORMAL); /* runs: not shared any more */
    for (int i = 1; i < 5; i++)
        ids[i] = fake_submit(&f, WSC_POWER_READ, 0, WSC_IDLE);
    assert_int_equal(wsc_queue_length(f.c), 1);
    fake_run(&f);
    assert_int_equal(f.executed, 1);
    let_go(&f);
    assert_int_equal(f.executed, 2);
    assert_int_equal(f.nresults, 5);
    for (int i = 0; i < 5; i++) {
        struct wsc_result r = fake_result(&f);
        assert_true((int)r.id == ids[i] && r.err == 0 && r.power.state == 2);
    }
    fake_stop(&f);
}

static void power_changes_are_not_shared(void **s) {
    struct wsc_limits lim = WSC_LIMITS_DEFAULT;
    lim.in_flight_max = 1;
    struct fake f = {0};
    start(&f, &lim);
    for (int i = 0; i < 3; i++)
        assert_true(fake_submit(&f, WSC_POWER_CHANGE, 8, WSC_NORMAL) > 0);
    assert_int_equal(wsc_queue_length(f.c), 2);
    fake_run(&f);
    let_go(&f);
    assert_int_equal(f.executed, 3);
    assert_int_equal(f.nresults, 3);
    fake_stop(&f);
}

static void each_sharer_has_its_deadline(void **s) {
    struct wsc_limits lim = WSC_LIMITS_DEFAULT;
    lim.in_flight_max = 1;
    struct fake f = {0};
    start(&f, &lim);
    assert_true(fake_submit(&f, WSC_POWER_CHANGE, 8, WSC_NORMAL) > 0);
    int soon = wsc_submit(f.c, WSC_POWER_READ, 0, WSC_NORMAL, 1000, f.now, &f);
    int late = wsc_submit(f.c, WSC_POWER_READ, 0, WSC_NORMAL, 9000, f.now, &f);
    assert_int_equal(wsc_queue_length(f.c), 1);
    fake_pass(&f, 1000);
    assert_int_equal(f.nresults, 1);
    struct wsc_result r = fake_result(&f);
    assert_true((int)r.id == soon && r.err == ERR_TIMEOUT);
    assert_string_equal(r.why, "the request did not get its turn in time");
    let_go(&f);
    r = fake_result(&f);
    assert_int_equal(r.kind, WSC_POWER_CHANGE);
    r = fake_result(&f);
    assert_true((int)r.id == late && r.err == 0);
    fake_stop(&f);
}

static void urgent_goes_first(void **s) {
    struct wsc_limits lim = WSC_LIMITS_DEFAULT;
    lim.in_flight_max = 1;
    struct fake f = {0};
    start(&f, &lim);
    int first = fake_submit(&f, WSC_POWER_CHANGE, 12, WSC_IDLE);
    int idle = fake_submit(&f, WSC_POWER_CHANGE, 14, WSC_IDLE);
    int read = fake_submit(&f, WSC_POWER_READ, 0, WSC_IDLE);
    int normal = fake_submit(&f, WSC_POWER_CHANGE, 8, WSC_NORMAL);
    int raised = fake_submit(&f, WSC_POWER_READ, 0, WSC_URGENT); /* lifts the one that waits */
    assert_int_equal(wsc_queue_length(f.c), 3);
    fake_run(&f);
    hold = false;
    let_go(&f);
    fake_pass(&f, 5000);
    const int want[] = {first, read, raised, normal, idle};
    for (int i = 0; i < 5; i++)
        assert_int_equal(fake_result(&f).id, want[i]);
    fake_stop(&f);
}

static void few_requests_in_flight(void **s) {
    for (uint8_t max = 1; max < 5; max++) {
        struct wsc_limits lim = WSC_LIMITS_DEFAULT;
        lim.in_flight_max = max;
        struct fake f = {0};
        start(&f, &lim);
        for (uint8_t i = 0; i < 7; i++)
            assert_true(fake_submit(&f, WSC_POWER_CHANGE, 8, WSC_NORMAL) > 0);
        fake_run(&f);
        assert_int_equal(f.executed, max);
        assert_int_equal(wsc_queue_length(f.c), 7 - max);
        let_go(&f);
        fake_pass(&f, 3000);
        assert_int_equal(f.nresults, 7);
        assert_int_equal(f.open_max, max);
        assert_int_equal(f.opens, max); /* and kept channels are used again */
        fake_stop(&f);
    }
}

static void the_queue_is_bounded(void **s) {
    struct wsc_limits lim = WSC_LIMITS_DEFAULT;
    lim.in_flight_max = 1;
    lim.queue_max = 3;
    struct fake f = {0};
    start(&f, &lim);
    for (uint8_t i = 0; i < 4; i++) /* one runs, three wait */
        assert_true(fake_submit(&f, WSC_POWER_CHANGE, 8, WSC_NORMAL) > 0);
    assert_int_equal(fake_submit(&f, WSC_POWER_CHANGE, 8, WSC_URGENT), ERR_FULL);
    assert_int_equal(fake_submit(&f, WSC_POWER_READ, 0, WSC_URGENT), ERR_FULL);
    fake_run(&f);
    let_go(&f);
    assert_int_equal(f.nresults, 4);
    hold = true;
    assert_true(fake_submit(&f, WSC_POWER_CHANGE, 8, WSC_NORMAL) > 0);
    int sharers = 0;
    while (fake_submit(&f, WSC_POWER_READ, 0, WSC_NORMAL) > 0)
        sharers++;
    assert_int_equal(sharers, 64);
    fake_run(&f);
    let_go(&f);
    assert_int_equal(f.nresults, 4 + 1 + 64);
    fake_stop(&f);
}

static void a_lost_tunnel_ends_all(void **s) {
    struct fake f = {0};
    start(&f, NULL);
    assert_true(fake_submit(&f, WSC_POWER_CHANGE, 8, WSC_NORMAL) > 0);
    for (int i = 0; i < 5; i++)
        assert_true(fake_submit(&f, WSC_POWER_CHANGE, 5, WSC_NORMAL) > 0);
    fake_run(&f);
    int closes = f.closes;
    for (int i = 1; i <= FAKE_CHANS; i++)
        if (f.chans[i - 1].used)
            fake_forget(&f, i);
    wsc_tunnel_lost(f.c, f.now);
    fake_results(&f);
    assert_int_equal(f.closes, closes); /* there is nothing to call any more */
    assert_int_equal(f.nresults, 6);
    assert_true(f.results[0].err == ERR_CLOSED && f.results[0].maybe_sent);
    for (int i = 1; i < 6; i++) /* these were still reading */
        assert_true(f.results[i].err == ERR_CLOSED && !f.results[i].maybe_sent);
    assert_true(mono_is_never(wsc_deadline(f.c)));
    assert_true(mono_is_never(wsc_breaker_until(f.c))); /* it was not the device's fault */
    /* a new tunnel serves the same client */
    f.nresults = 0;
    hold = false;
    fake_pass(&f, 5000);
    assert_int_equal(fake_job(&f, WSC_POWER_READ, 0).err, 0);
    fake_stop(&f);
}

static void freed_in_the_middle(void **s) {
    struct fake f = {.password = "P@ssw0rd"};
    hold = false;
    f.rules = POWER_RULES;
    f.hook = holds;
    fake_start(&f);
    assert_int_equal(fake_job(&f, WSC_POWER_READ, 0).err, 0);
    hold = true;
    for (int i = 0; i < 5; i++)
        assert_true(fake_submit(&f, WSC_POWER_CHANGE, 8, WSC_NORMAL) > 0);
    fake_run(&f);
    assert_true(f.open_now > 0);
    fake_stop(&f);
    wsc_free(&f.c);
}

/* The first request alone asks for the challenge. */
static void one_401_for_many_jobs(void **s) {
    struct fake f = {.rules = POWER_RULES, .password = "P@ssw0rd"};
    fake_start(&f);
    for (int i = 0; i < 6; i++)
        assert_true(fake_submit(&f, WSC_POWER_CHANGE, 8, WSC_NORMAL) > 0);
    fake_pass(&f, 5000);
    assert_int_equal(f.nresults, 6);
    assert_int_equal(f.unauthorized, 1);
    fake_stop(&f);
}

/* Heap bytes of many clients, one of them. */
static void an_idle_client_is_small(void **s) {
    enum { N = 500 };
    static struct wsclient *all[N];
    struct wsc_limits lim = WSC_LIMITS_DEFAULT;
    struct fake f = {.rules = POWER_RULES, .password = "P@ssw0rd"};
    struct wsc_io io = {&f, fake_open, fake_send, fake_close, fake_random};
    size_t before = mallinfo2().uordblks;
    for (int i = 0; i < N; i++) {
        f.c = all[i] = wsc_new(&lim, &io, "admin", "P@ssw0rd");
        f.last_id = 0;
        assert_int_equal(fake_job(&f, WSC_POWER_READ, 0).err, 0);
        fake_pass(&f, 30000); /* the kept channel is closed */
        assert_int_equal(f.open_now, 0);
    }
    size_t each = (mallinfo2().uordblks - before) / N;
    print_message("an idle client takes %zu bytes\n", each);
    assert_true(each < 600); /* 0 where another allocator is linked in */
    for (int i = 0; i < N; i++)
        wsc_free(&all[i]);
}

/* Answers that come one after the other need one parser, whatever the number of clients. */
static void clients_share_parsers(void **s) {
    enum { N = 20 };
    struct wsc_pool *pool = wsc_pool_new(), *none = NULL;
    struct fake f[N] = {{0}};
    assert_non_null(pool);
    for (int i = 0; i < N; i++) {
        f[i] = (struct fake){.rules = POWER_RULES, .password = "P@ssw0rd"};
        fake_start(&f[i]);
        wsc_set_pool(f[i].c, pool);
        for (int k = 0; k < 3; k++)
            assert_int_equal(fake_job(&f[i], WSC_POWER_READ, 0).err, 0);
        assert_int_equal(pool->nidle, 1);
    }
    for (int i = 0; i < N; i++)
        fake_stop(&f[i]);
    assert_int_equal(pool->nidle, 1);
    /* of another limit: not taken from the pool */
    struct wsc_limits lim = WSC_LIMITS_DEFAULT;
    lim.response_bytes_max = 400;
    f[0] = (struct fake){.rules = POWER_RULES, .password = "P@ssw0rd"};
    fake_start_with(&f[0], &lim);
    wsc_set_pool(f[0].c, pool);
    assert_int_equal(fake_job(&f[0], WSC_POWER_READ, 0).err, ERR_LIMIT);
    assert_int_equal(pool->nidle, 1);
    fake_stop(&f[0]);
    wsc_pool_free(&pool);
    wsc_pool_free(&none);
}

UNIT_MAIN(T(equal_reads_are_shared), T(power_changes_are_not_shared), T(each_sharer_has_its_deadline),
          T(urgent_goes_first), T(few_requests_in_flight), T(the_queue_is_bounded), T(a_lost_tunnel_ends_all),
          T(freed_in_the_middle), T(one_401_for_many_jobs), T(an_idle_client_is_small),
          T(clients_share_parsers))
