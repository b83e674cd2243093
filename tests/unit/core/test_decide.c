/* SPDX-License-Identifier: Apache-2.0 */
/* decide() over a hundred thousand random hosts: what may never be, never is. */
#include "base/rng.h"
#include "rig.h"

static void never_acts_on_what_it_does_not_know(void **s) {
    struct host_policy p = HOST_POLICY_DEFAULT;
    struct rng rng = {7};
    unsigned acted = 0;
    for (int i = 0; i < 100000; i++) {
        struct host h;
        struct operation op = {0};
        struct journal j = {0};
        struct host_now now = {{1000000000}, {1800000000000000}};
        host_init(&h, "host-00000001", 0);
        h.link.generation = 3;
        link_set_state(&h.link, (enum link_state)rng_range(&rng, LINK_NEVER, LINK_DOWN), LINK_WHY_LOGIN,
                       now.wall);
        h.power.state = (enum power_state)rng_range(&rng, 0, POWER_STATE_COUNT - 1);
        h.power.source = rng_chance(&rng, 700000)
                             ? SOURCE_FIRMWARE
                             : (enum observe_source)rng_range(&rng, SOURCE_NONE, SOURCE_INFERRED);
        h.power.generation = (uint32_t)rng_range(&rng, 2, 3);
        h.power.agreeing = (uint16_t)rng_range(&rng, 0, 3);
        h.power.at_mono.us = now.mono.us - rng_range(&rng, 0, 90) * 1000000;
        h.power.available_told = rng_chance(&rng, 500000);
        h.power.available[0] = rng_chance(&rng, 500000) ? 2 : (uint8_t)rng_range(&rng, 2, 14);
        h.power.navailable = 1;
        h.intent.desired = (enum power_state)rng_range(&rng, 0, POWER_STATE_COUNT - 1);
        h.intent.policy = (enum recovery_policy)rng_range(&rng, 0, 2);
        h.intent.hold_until.us =
            rng_chance(&rng, 300000) ? 0 : now.wall.us + rng_range(&rng, -100, 100) * 1000000;
        h.local_shutdown = rng_chance(&rng, 300000);
        h.attempts = (uint8_t)rng_range(&rng, 0, p.attempts_max);
        h.next_attempt.us = now.mono.us + rng_range(&rng, -15, 5) * 1000000;
        h.settle_until.us = now.mono.us + rng_range(&rng, -15, 5) * 1000000;
        if (rng_chance(&rng, 100000))
            h.op = &op;
        if (rng_chance(&rng, 100000))
            h.journal = &j;
        struct decision d = decide(&h, &p, now);
        struct decision again = decide(&h, &p, now);
        assert_int_equal(d.kind, again.kind); /* pure */
        if (d.kind != DECIDE_ACT)
            continue;
        acted++;
        assert_null(h.op);
        assert_null(h.journal);
        assert_int_equal(h.link.state, LINK_UP);
        assert_int_not_equal(h.power.state, POWER_UNKNOWN);
        assert_int_not_equal(h.intent.desired, POWER_UNKNOWN);
        assert_int_not_equal(h.power.state, h.intent.desired);
        assert_int_equal(h.power.generation, h.link.generation);
        assert_int_equal(h.power.source, SOURCE_FIRMWARE);
        assert_true(h.power.agreeing >= 2);
        assert_true(now.mono.us - h.power.at_mono.us <= (int64_t)p.fresh_ms * 1000);
        assert_true(h.attempts < p.attempts_max);
        assert_true(h.next_attempt.us <= now.mono.us);
        assert_int_equal(power_op_row(d.op)->intent, h.intent.desired);
        if (h.intent.policy == RECOVERY_HOLD)
            assert_true(h.intent.hold_until.us && h.intent.hold_until.us <= now.wall.us);
    }
    assert_true(acted > 100);
}

static void every_decision_explains_itself(void **s) {
    struct rig *r = rig_new();
    char text[600];
    for (int k = 0; k < DECIDE_COUNT; k++) {
        r->h.decided.kind = (enum decision_kind)k;
        text[0] = 0;
        host_explain(&r->h, &r->p, rig_now(r), text, sizeof text);
        assert_true(strlen(text) > 10);
        assert_true(strlen(decision_id((enum decision_kind)k)) > 2);
    }
    rig_free(r);
}

static void a_host_that_never_connected_says_so(void **s) {
    struct host h;
    char text[600];
    host_init(&h, "host-00000001", 0);
    h.intent.desired = POWER_ON;
    struct host_policy p = HOST_POLICY_DEFAULT;
    host_explain(&h, &p, (struct host_now){{1000000}, {1800000000000000}}, text, sizeof text);
    assert_non_null(strstr(text, "has never opened an AMT link"));
    host_fini(&h);
}

UNIT_MAIN(T(a_host_that_never_connected_says_so), T(never_acts_on_what_it_does_not_know),
          T(every_decision_explains_itself))
