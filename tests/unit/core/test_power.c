/* SPDX-License-Identifier: Apache-2.0 */
#include "core/power.h"
#include "unit.h"

static void every_operation_has_its_numbers(void **s) {
    static const struct {
        const char *kind;
        uint8_t cim;
    } want[] = {
        {"power-on", 2},  {"power-off", 8},           {"reset", 10},         {"power-cycle", 5}, {"sleep", 4},
        {"hibernate", 7}, {"power-off-graceful", 12}, {"reset-graceful", 14}};
    for (size_t i = 0; i < sizeof want / sizeof *want; i++) {
        enum power_op op;
        assert_true(power_op_parse(slice_str(want[i].kind), &op));
        assert_int_equal(power_op_row(op)->cim, want[i].cim);
        assert_string_equal(power_op_row(op)->kind, want[i].kind);
    }
    enum power_op op;
    assert_false(power_op_parse(SLICE_LIT("power-of"), &op));
    assert_false(power_op_row(POWER_OP_RESET)->repeatable);
    assert_int_equal(power_op_row(POWER_OP_RESET)->intent,
                     POWER_UNKNOWN); /* never a desired state that repeats */
}

static void codes_read(void **s) {
    bool settled;
    assert_int_equal(power_state_of_cim(2, &settled), POWER_ON);
    assert_true(settled);
    assert_int_equal(power_state_of_cim(8, &settled), POWER_OFF);
    assert_int_equal(power_state_of_cim(7, &settled), POWER_HIBERNATE);
    assert_int_equal(power_state_of_cim(4, &settled), POWER_SLEEP);
    power_state_of_cim(12, &settled);
    assert_false(settled);
    assert_int_equal(power_state_of_cim(99, &settled), POWER_UNKNOWN); /* unknown never becomes off */
    assert_false(settled);
}

static void words_parse(void **s) {
    enum power_state st;
    assert_true(power_state_parse(SLICE_LIT("POWER_STATE_HIBERNATE"), &st) && st == POWER_HIBERNATE);
    assert_true(power_state_parse(SLICE_LIT("On"), &st) && st == POWER_ON);
    assert_false(power_state_parse(SLICE_LIT("POWER_STATE_RESET"), &st));
    for (enum power_state d = POWER_ON; d < POWER_STATE_COUNT; d++)
        assert_int_equal(power_op_row(power_op_for(d))->confirms, d);
}

UNIT_MAIN(T(every_operation_has_its_numbers), T(codes_read), T(words_parse))
