/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include "sim/optin.h"

static struct mono at_s(int64_t s) {
    return (struct mono){s * 1000000};
}

static struct optin made(void) {
    struct optin o;
    optin_init(&o, true, true, 120, 300, 0);
    return o;
}

static void policy_by_mode(void **state) {
    struct optin o;
    optin_init(&o, true, true, 120, 300, 0);
    assert_true(o.required == OPTIN_ALL);
    assert_false(o.can_modify);
    optin_init(&o, false, true, 120, 300, 0);
    assert_int_equal(o.required, OPTIN_KVM);
    assert_true(o.can_modify);
    optin_init(&o, false, false, 120, 300, 0);
    assert_int_equal(o.required, OPTIN_NONE);
    assert_int_equal(optin_start(&o, 1, true, at_s(0)), OPTIN_RV_STATE);
}

static void a_right_code_is_received(void **state) {
    struct optin o = made();
    assert_int_equal(optin_send(&o, 1, at_s(0)), OPTIN_RV_STATE);
    assert_int_equal(optin_cancel(&o, at_s(0)), OPTIN_RV_STATE);
    assert_int_equal(optin_start(&o, 7000042, true, at_s(0)), OPTIN_RV_OK);
    assert_int_equal(o.state, OPTIN_DISPLAYED);
    assert_int_equal(o.code, 42); /* shown as 000042 */
    assert_int_equal(optin_start(&o, 5, true, at_s(1)), OPTIN_RV_STATE);
    assert_int_equal(optin_send(&o, 42, at_s(2)), OPTIN_RV_OK);
    assert_int_equal(o.state, OPTIN_RECEIVED);
    assert_true(optin_granted(&o));
    optin_session(&o, true, at_s(3));
    assert_int_equal(o.state, OPTIN_IN_SESSION);
    optin_advance(&o, true, at_s(1000));
    assert_true(optin_granted(&o)); /* as long as the session lasts */
    optin_session(&o, false, at_s(1000));
    optin_advance(&o, true, at_s(1119));
    assert_true(optin_granted(&o));
    optin_advance(&o, true, at_s(1120));
    assert_false(optin_granted(&o));
}

static void three_wrong_codes_block(void **state) {
    struct optin o = made();
    assert_int_equal(optin_start(&o, 42, true, at_s(0)), OPTIN_RV_OK);
    assert_int_equal(optin_send(&o, 1, at_s(1)), OPTIN_RV_WRONG);
    assert_int_equal(optin_send(&o, 2, at_s(1)), OPTIN_RV_WRONG);
    assert_int_equal(o.state, OPTIN_DISPLAYED);
    assert_int_equal(optin_send(&o, 3, at_s(1)), OPTIN_RV_WRONG);
    assert_int_equal(o.state, OPTIN_NOT_STARTED);
    assert_int_equal(optin_start(&o, 43, true, at_s(2)), OPTIN_RV_BLOCKED);
    assert_int_equal(optin_start(&o, 43, true, at_s(61)), OPTIN_RV_OK);
    assert_int_equal(o.code, 43);
}

static void the_same_code_inside_the_window_then_a_wait(void **state) {
    struct optin o = made();
    assert_int_equal(optin_start(&o, 42, true, at_s(0)), OPTIN_RV_OK);
    assert_int_equal(optin_cancel(&o, at_s(10)), OPTIN_RV_OK);
    assert_int_equal(optin_start(&o, 99, true, at_s(129)), OPTIN_RV_OK);
    assert_int_equal(o.code, 42); /* within 120 s of the end: no new code */
    assert_int_equal(optin_cancel(&o, at_s(130)), OPTIN_RV_OK);
    /* the window is over, the display time of the second showing (129 + 300) is not */
    optin_advance(&o, true, at_s(251));
    assert_int_equal(optin_start(&o, 99, true, at_s(251)), OPTIN_RV_BLOCKED);
    optin_advance(&o, true, at_s(429));
    assert_int_equal(optin_start(&o, 99, true, at_s(429)), OPTIN_RV_OK);
    assert_int_equal(o.code, 99);
}

static void the_display_times_out(void **state) {
    struct optin o = made();
    assert_int_equal(optin_start(&o, 42, true, at_s(0)), OPTIN_RV_OK);
    optin_advance(&o, true, at_s(299));
    assert_int_equal(o.state, OPTIN_DISPLAYED);
    optin_advance(&o, true, at_s(300));
    assert_int_equal(o.state, OPTIN_NOT_STARTED);
    assert_int_equal(optin_start(&o, 43, true, at_s(300)), OPTIN_RV_OK);
    assert_int_equal(o.code, 43);
}

static void without_a_screen_it_stays_requested(void **state) {
    struct optin o = made();
    assert_int_equal(optin_start(&o, 42, false, at_s(0)), OPTIN_RV_OK);
    optin_advance(&o, false, at_s(100));
    assert_int_equal(o.state, OPTIN_REQUESTED);
    optin_advance(&o, false, at_s(300));
    assert_int_equal(o.state, OPTIN_NOT_STARTED);
}

UNIT_MAIN(T(policy_by_mode), T(a_right_code_is_received), T(three_wrong_codes_block),
          T(the_same_code_inside_the_window_then_a_wait), T(the_display_times_out),
          T(without_a_screen_it_stays_requested))
