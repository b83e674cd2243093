/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "sim/machine.h"

static const struct machine_times SOME = {
    .transition_ms = 100, .cycle_ms = 200, .post_ms = 1000, .os_ms = 500};
static const struct machine_times NONE = {0};

static struct mono at(int64_t ms) {
    return (struct mono){ms * 1000};
}

static struct machine made(enum machine_state s, bool lms) {
    struct machine h;
    machine_init(&h, s, at(0));
    h.lms = lms;
    return h;
}

/* Request from a state, with LMS: ReturnValue, state once all is over, and the action that was executed. */
static const struct {
    enum machine_state from;
    uint32_t code, rv;
    enum machine_state to;
    enum machine_action act;
} ROWS[] = {
    {MACHINE_S0, 2, 0, MACHINE_S0, MACHINE_ACT_NONE},
    {MACHINE_S3, 2, 0, MACHINE_S0, MACHINE_ACT_RESUME},
    {MACHINE_S4, 2, 0, MACHINE_S0, MACHINE_ACT_POWER_ON},
    {MACHINE_S5, 2, 0, MACHINE_S0, MACHINE_ACT_POWER_ON},
    {MACHINE_S0, 5, 0, MACHINE_S0, MACHINE_ACT_CYCLE},
    {MACHINE_S3, 5, 0, MACHINE_S0, MACHINE_ACT_CYCLE},
    {MACHINE_S5, 5, 4097, MACHINE_S5, MACHINE_ACT_NONE},
    {MACHINE_S0, 8, 0, MACHINE_S5, MACHINE_ACT_POWER_OFF},
    {MACHINE_S3, 8, 0, MACHINE_S5, MACHINE_ACT_POWER_OFF},
    {MACHINE_S5, 8, 4097, MACHINE_S5, MACHINE_ACT_NONE},
    {MACHINE_S0, 10, 0, MACHINE_S0, MACHINE_ACT_RESET},
    {MACHINE_S5, 10, 4097, MACHINE_S5, MACHINE_ACT_NONE},
    {MACHINE_S0, 11, 0, MACHINE_S0, MACHINE_ACT_NMI},
    {MACHINE_S3, 11, 4097, MACHINE_S3, MACHINE_ACT_NONE},
    {MACHINE_S0, 4, 0, MACHINE_S3, MACHINE_ACT_SLEEP},
    {MACHINE_S0, 7, 0, MACHINE_S4, MACHINE_ACT_HIBERNATE},
    {MACHINE_S0, 12, 0, MACHINE_S5, MACHINE_ACT_SHUTDOWN},
    {MACHINE_S0, 14, 0, MACHINE_S0, MACHINE_ACT_RESTART},
    {MACHINE_S5, 12, 2, MACHINE_S5, MACHINE_ACT_NONE},
    {MACHINE_S3, 4, 2, MACHINE_S3, MACHINE_ACT_NONE},
    {MACHINE_S0, 3, 1, MACHINE_S0, MACHINE_ACT_NONE},
    {MACHINE_S0, 16, 1, MACHINE_S0, MACHINE_ACT_NONE},
    {MACHINE_S0, 0, 5, MACHINE_S0, MACHINE_ACT_NONE},
    {MACHINE_S0, 17, 5, MACHINE_S0, MACHINE_ACT_NONE},
    {MACHINE_S0, 100, 5, MACHINE_S0, MACHINE_ACT_NONE},
};

static void requests_follow_the_table(void **state) {
    for (size_t i = 0; i < sizeof ROWS / sizeof ROWS[0]; i++) {
        struct machine h = made(ROWS[i].from, true);
        assert_int_equal(machine_request(&h, ROWS[i].code, &NONE, at(10)), ROWS[i].rv);
        machine_tick(&h, &NONE, at(10));
        assert_int_equal(h.state, ROWS[i].to);
        assert_true(mono_is_never(machine_deadline(&h)));
        for (int a = 0; a < MACHINE_ACT_COUNT; a++)
            assert_int_equal(h.done_remote[a], a == (int)ROWS[i].act && a ? 1 : 0);
        assert_int_equal(h.refused, ROWS[i].rv ? 1 : 0);
        machine_done(&h);
    }
}

static void graceful_needs_the_agent(void **state) {
    static const uint32_t CODES[] = {4, 7, 12, 14};
    for (size_t i = 0; i < 4; i++) {
        struct machine h = made(MACHINE_S0, false);
        assert_int_equal(machine_request(&h, CODES[i], &NONE, at(0)), 2);
        machine_done(&h);
        /* installed, but the operating system still boots */
        h = made(MACHINE_S0, true);
        h.os_up_at = at(50);
        assert_int_equal(machine_request(&h, CODES[i], &NONE, at(49)), 2);
        assert_int_equal(machine_request(&h, CODES[i], &NONE, at(50)), 0);
        machine_done(&h);
    }
}

static void a_cycle_goes_through_s5_and_is_busy_meanwhile(void **state) {
    struct machine h = made(MACHINE_S0, true);
    assert_int_equal(machine_request(&h, 5, &SOME, at(0)), 0);
    assert_int_equal(machine_request(&h, 10, &SOME, at(1)), 4099);
    assert_int_equal(machine_tick(&h, &SOME, at(99)), 0);
    assert_int_equal(h.state, MACHINE_S0);
    assert_int_equal(machine_tick(&h, &SOME, at(100)), MACHINE_DID_CHANGE);
    assert_int_equal(h.state, MACHINE_S5);
    assert_int_equal(machine_request(&h, 2, &SOME, at(150)), 4099);
    assert_int_equal(machine_deadline(&h).us, at(300).us);
    assert_int_equal(machine_tick(&h, &SOME, at(300)), MACHINE_DID_CHANGE | MACHINE_DID_BOOT);
    assert_int_equal(h.state, MACHINE_S0);
    assert_int_equal(h.previous_sx, 5);
    assert_false(machine_os_up(&h, at(1299)));
    assert_true(machine_os_up(&h, at(1300)));
    assert_int_equal(h.done[MACHINE_ACT_CYCLE], 1);
    machine_done(&h);
}

static void available_states_follow_state_and_agent(void **state) {
    uint8_t v[8];
    struct machine h = made(MACHINE_S0, true);
    static const uint8_t FULL[] = {10, 8, 5, 11, 4, 7, 14, 12};
    assert_int_equal(machine_available(&h, at(0), v), 8);
    assert_memory_equal(v, FULL, 8);
    h.lms = false;
    assert_int_equal(machine_available(&h, at(0), v), 4);
    h = made(MACHINE_S5, true);
    assert_int_equal(machine_available(&h, at(0), v), 1);
    assert_int_equal(v[0], 2);
    h = made(MACHINE_S3, true);
    assert_int_equal(machine_available(&h, at(0), v), 2);
    assert_int_equal(v[1], 8);
}

static void local_events(void **state) {
    struct machine h = made(MACHINE_S0, true);
    assert_int_equal(machine_local(&h, MACHINE_ACT_POWER_ON, &SOME, at(0)), ERR_STATE);
    assert_int_equal(machine_local(&h, MACHINE_ACT_SHUTDOWN, &SOME, at(0)), 0);
    assert_int_equal(machine_local(&h, MACHINE_ACT_RESTART, &SOME, at(1)), ERR_BUSY);
    machine_tick(&h, &SOME, at(500));
    assert_int_equal(h.state, MACHINE_S5);
    assert_int_equal(h.done[MACHINE_ACT_SHUTDOWN], 1);
    assert_int_equal(h.done_remote[MACHINE_ACT_SHUTDOWN], 0);
    assert_false(machine_record(&h, 0)->remote);
    assert_int_equal(machine_record(&h, 0)->from, MACHINE_S0);
    assert_int_equal(machine_record(&h, 0)->to, MACHINE_S5);
    assert_null(machine_record(&h, 1));
    assert_int_equal(machine_button(&h, &SOME, at(600)), 0);
    machine_tick(&h, &SOME, at(700));
    assert_int_equal(h.state, MACHINE_S0);
    machine_done(&h);
}

static void power_loss_and_after(void **state) {
    static const struct {
        enum machine_after_loss bios;
        enum machine_state before, after;
    } CASES[] = {{MACHINE_LOSS_LAST, MACHINE_S0, MACHINE_S0},
                 {MACHINE_LOSS_LAST, MACHINE_S5, MACHINE_S5},
                 {MACHINE_LOSS_ON, MACHINE_S5, MACHINE_S0},
                 {MACHINE_LOSS_OFF, MACHINE_S0, MACHINE_S5}};
    for (size_t i = 0; i < 4; i++) {
        struct machine h = made(CASES[i].before, true);
        h.after_loss = CASES[i].bios;
        assert_int_equal(machine_local(&h, MACHINE_ACT_RESTORE, &NONE, at(0)), ERR_STATE);
        assert_int_equal(machine_local(&h, MACHINE_ACT_CUT, &NONE, at(0)), 0);
        machine_tick(&h, &NONE, at(0));
        assert_int_equal(h.state, MACHINE_G3);
        assert_int_equal(machine_button(&h, &NONE, at(1)), ERR_STATE);
        assert_int_equal(machine_local(&h, MACHINE_ACT_RESTORE, &NONE, at(2)), 0);
        machine_tick(&h, &NONE, at(2));
        assert_int_equal(h.state, CASES[i].after);
        machine_done(&h);
    }
}

static void a_cut_wins_over_what_is_under_way(void **state) {
    struct machine h = made(MACHINE_S0, true);
    assert_int_equal(machine_request(&h, 10, &SOME, at(0)), 0);
    assert_int_equal(machine_local(&h, MACHINE_ACT_CUT, &SOME, at(50)), 0);
    machine_tick(&h, &SOME, at(50));
    machine_tick(&h, &SOME, at(5000));
    assert_int_equal(h.state, MACHINE_G3);
    assert_int_equal(h.done[MACHINE_ACT_RESET], 0);
    machine_done(&h);
}

static void sessions_block_or_queue_power_off(void **state) {
    struct machine h = made(MACHINE_S0, true);
    machine_set_session(&h, true, &NONE, at(0));
    assert_int_equal(machine_request(&h, 8, &NONE, at(0)), 4097);
    assert_int_equal(machine_request(&h, 10, &NONE, at(0)), 0); /* a reset is not blocked */
    machine_tick(&h, &NONE, at(0));
    h.queue_blocked = true;
    assert_int_equal(machine_request(&h, 8, &NONE, at(1)), 0);
    machine_tick(&h, &NONE, at(1));
    assert_int_equal(h.state, MACHINE_S0);
    machine_set_session(&h, false, &NONE, at(2));
    machine_tick(&h, &NONE, at(2));
    assert_int_equal(h.state, MACHINE_S5);
    assert_int_equal(h.requests, 3);
    machine_done(&h);
}

static void modern_standby(void **state) {
    struct machine h = made(MACHINE_S0, true);
    assert_int_equal(machine_os_saving(&h), 1);
    assert_int_equal(machine_request_os_saving(&h, 3, &NONE, at(0)), 1);
    h.modern = true;
    assert_int_equal(machine_request(&h, 4, &NONE, at(0)), 2); /* no S3 there */
    assert_int_equal(machine_request_os_saving(&h, 3, &NONE, at(0)), 0);
    machine_tick(&h, &NONE, at(0));
    assert_int_equal(h.state, MACHINE_MS);
    assert_int_equal(machine_state_cim(h.state), 2);
    assert_int_equal(machine_os_saving(&h), 3);
    assert_int_equal(machine_request_os_saving(&h, 2, &NONE, at(1)), 0);
    machine_tick(&h, &NONE, at(1));
    assert_int_equal(h.state, MACHINE_S0);
    assert_int_equal(machine_request_os_saving(&h, 9, &NONE, at(1)), 5);
    machine_done(&h);
}

static void the_history_is_bounded(void **state) {
    struct machine h = made(MACHINE_S0, true);
    for (int i = 0; i < 100; i++) {
        assert_int_equal(machine_request(&h, 10, &NONE, at(i)), 0);
        machine_tick(&h, &NONE, at(i));
    }
    assert_int_equal(h.done[MACHINE_ACT_RESET], 100);
    assert_int_equal(h.nrecords, 100);
    assert_int_equal(machine_record(&h, 0)->at.us, at(99).us);
    assert_int_equal(machine_record(&h, MACHINE_RECORDS - 1)->at.us, at(100 - MACHINE_RECORDS).us);
    assert_null(machine_record(&h, MACHINE_RECORDS));
    machine_done(&h);
}

UNIT_MAIN(T(requests_follow_the_table), T(graceful_needs_the_agent),
          T(a_cycle_goes_through_s5_and_is_busy_meanwhile), T(available_states_follow_state_and_agent),
          T(local_events), T(power_loss_and_after), T(a_cut_wins_over_what_is_under_way),
          T(sessions_block_or_queue_power_off), T(modern_standby), T(the_history_is_bounded))
