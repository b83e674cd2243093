/* SPDX-License-Identifier: Apache-2.0 */
/* Token bucket and circuit breaker. */
#include "wsclient_testing.h"

static const struct fake_rule POWER_RULES[] = {
    FAKE_POWER("2"), FAKE_RETURN(CIM_PowerManagementService, "RequestPowerStateChange", "0"), {0}};

static void requests_are_paced(void **s) {
    struct wsc_limits lim = WSC_LIMITS_DEFAULT;
    lim.bucket_burst = 4;
    lim.bucket_refill_ms = 1000;
    struct fake f = {.rules = POWER_RULES};
    fake_start_with(&f, &lim);
    for (int i = 0; i < 10; i++)
        assert_true(fake_submit(&f, WSC_POWER_CHANGE, 8, WSC_URGENT) > 0);
    fake_run(&f);
    assert_int_equal(f.executed, 4);
    fake_pass(&f, 999);
    assert_int_equal(f.executed, 4);
    fake_pass(&f, 1);
    assert_int_equal(f.executed, 5);
    fake_pass(&f, 3000);
    assert_int_equal(f.executed, 8);
    fake_pass(&f, 60000);
    assert_int_equal(f.executed, 10);
    f.executed = 0; /* after a rest the burst is there again, and no more */
    for (int i = 0; i < 10; i++)
        assert_true(fake_submit(&f, WSC_POWER_CHANGE, 8, WSC_URGENT) > 0);
    fake_run(&f);
    assert_int_equal(f.executed, 4);
    fake_pass(&f, 20000);
    fake_stop(&f);
}

static void idle_jobs_leave_tokens(void **s) {
    struct wsc_limits lim = WSC_LIMITS_DEFAULT;
    lim.bucket_burst = 8;
    lim.bucket_refill_ms = 1000;
    struct fake f = {.rules = POWER_RULES};
    fake_start_with(&f, &lim);
    for (int i = 0; i < 8; i++)
        assert_true(fake_submit(&f, WSC_POWER_CHANGE, 8, WSC_IDLE) > 0);
    fake_run(&f);
    assert_int_equal(f.executed, 4);
    for (int i = 0; i < 4; i++)
        assert_true(fake_submit(&f, WSC_POWER_CHANGE, 8, WSC_URGENT) > 0);
    fake_run(&f);
    assert_int_equal(f.executed, 8);
    fake_pass(&f, 20000);
    assert_int_equal(f.executed, 12);
    fake_stop(&f);
}

static void no_refill_time_means_no_bucket(void **s) {
    struct wsc_limits lim = WSC_LIMITS_DEFAULT;
    lim.bucket_refill_ms = 0;
    struct fake f = {.rules = POWER_RULES};
    fake_start_with(&f, &lim);
    for (int i = 0; i < 30; i++)
        assert_true(fake_submit(&f, WSC_POWER_CHANGE, 8, WSC_NORMAL) > 0);
    fake_run(&f);
    assert_int_equal(f.executed, 30);
    fake_stop(&f);
}

/* --- the breaker --- */

static bool broken;

static bool breaks(struct fake *f, int chan, const struct wsman_msg *rq) {
    if (broken)
        fake_http(f, chan, 503, SLICE_EMPTY);
    return broken;
}

/* A client whose breaker has just opened. */
static void start_broken(struct fake *f) {
    f->rules = POWER_RULES;
    f->hook = breaks;
    broken = true;
    fake_start(f);
    for (int i = 0; i < 5; i++) {
        assert_true(mono_is_never(wsc_breaker_until(f->c)));
        assert_int_equal(fake_job(f, WSC_POWER_READ, 0).err, ERR_PROTO);
    }
    assert_int_equal(mono_ms_between(f->now, wsc_breaker_until(f->c)), 2000);
    f->executed = 0;
}

static void failures_open_the_breaker(void **s) {
    struct fake f = {0};
    start_broken(&f);
    int id = fake_submit(&f, WSC_POWER_READ, 0, WSC_NORMAL);
    fake_pass(&f, 1999);
    assert_int_equal(f.executed, 0);
    broken = false;
    fake_pass(&f, 1);
    assert_int_equal(f.executed, 1);
    struct wsc_result r = fake_result(&f);
    assert_true((int)r.id == id && r.err == 0);
    assert_true(mono_is_never(wsc_breaker_until(f.c)));
    fake_stop(&f);
}

static void the_pause_doubles(void **s) {
    struct fake f = {0};
    start_broken(&f);
    int64_t pause = 2000;
    for (int i = 0; i < 7; i++) {
        assert_int_equal(mono_ms_between(f.now, wsc_breaker_until(f.c)), pause);
        fake_pass(&f, pause);
        assert_true(wsc_submit(f.c, WSC_POWER_READ, 0, WSC_NORMAL, 100000, f.now, &f) > 0);
        assert_true(wsc_submit(f.c, WSC_POWER_CHANGE, 8, WSC_NORMAL, 10, f.now, &f) > 0);
        fake_run(&f); /* one probe only */
        assert_int_equal(f.executed, i + 1);
        assert_int_equal(fake_result(&f).err, ERR_PROTO);
        pause = pause < 32000 ? 2 * pause : pause; /* at most 16 times the first */
        fake_pass(&f, 10);
        struct wsc_result r = fake_result(&f);
        assert_int_equal(r.err, ERR_TIMEOUT); /* waited in the queue up to its deadline */
        assert_non_null(strstr(r.why, "left alone"));
        f.now.us -= 10000;
    }
    fake_stop(&f);
}

static void urgent_jobs_probe(void **s) {
    struct fake f = {0};
    start_broken(&f);
    struct mono until = wsc_breaker_until(f.c);
    assert_int_equal(wsc_submit(f.c, WSC_POWER_CHANGE, 8, WSC_URGENT, 0, f.now, &f) > 0, 1);
    fake_run(&f);
    assert_int_equal(f.executed, 1);
    assert_int_equal(fake_result(&f).err, ERR_PROTO);
    assert_int_equal(wsc_breaker_until(f.c).us, until.us); /* no longer for it */
    broken = false;
    assert_true(fake_submit(&f, WSC_POWER_READ, 0, WSC_NORMAL) > 0);
    fake_run(&f);
    assert_int_equal(f.executed, 1);
    assert_true(fake_submit(&f, WSC_POWER_CHANGE, 8, WSC_URGENT) > 0);
    fake_run(&f); /* it works again: the one that waited goes, too */
    assert_int_equal(f.executed, 3);
    assert_int_equal(f.nresults, 2);
    fake_stop(&f);
}

static void faults_and_refusals_are_no_failures(void **s) {
    static const struct fake_rule rules[] = {
        FAKE_RETURN(CIM_PowerManagementService, "RequestPowerStateChange", "2"), {0}};
    struct fake f = {.rules = rules};
    fake_start(&f);
    for (int i = 0; i < 8; i++) {
        assert_int_equal(fake_job(&f, WSC_POWER_READ, 0).err, ERR_FAULT);
        assert_int_equal(fake_job(&f, WSC_POWER_CHANGE, 8).err, ERR_REFUSED);
        fake_pass(&f, 5000);
    }
    assert_true(mono_is_never(wsc_breaker_until(f.c)));
    fake_stop(&f);
}

static void timeouts_and_closes_are_failures(void **s) {
    struct fake f = {.never_opens = true};
    fake_start(&f);
    for (int i = 0; i < 5; i++)
        assert_int_equal(fake_job(&f, WSC_POWER_READ, 0).err, ERR_TIMEOUT);
    assert_false(mono_is_never(wsc_breaker_until(f.c)));
    fake_stop(&f);
    f = (struct fake){.send_error = ERR_CLOSED};
    fake_start(&f);
    for (int i = 0; i < 5; i++)
        assert_int_equal(fake_job(&f, WSC_POWER_READ, 0).err, ERR_CLOSED);
    assert_false(mono_is_never(wsc_breaker_until(f.c)));
    fake_stop(&f);
}

UNIT_MAIN(T(requests_are_paced), T(idle_jobs_leave_tokens), T(no_refill_time_means_no_bucket),
          T(failures_open_the_breaker), T(the_pause_doubles), T(urgent_jobs_probe),
          T(faults_and_refusals_are_no_failures), T(timeouts_and_closes_are_failures))
