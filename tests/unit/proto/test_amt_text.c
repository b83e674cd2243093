/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/amt.h"
#include "unit.h"

static void every_number_has_a_sentence(void **s) {
    for (int64_t v = -2; v < 70000; v++) {
        assert_true(strlen(amt_power_return_text(v)) > 4);
        assert_true(strlen(amt_pt_status_text(v)) > 4);
    }
    assert_string_equal(amt_power_return_text(0), "accepted");
    assert_string_equal(amt_power_return_text(4097), "not possible from the present power state");
    assert_string_equal(amt_power_return_text(-1), "the firmware told no result");
    assert_string_equal(amt_pt_status_text(2081), "the user at the machine must consent first");
    /* the vendor range is 32768 + PT_STATUS */
    assert_ptr_equal(amt_power_return_text(32768 + 2081), amt_pt_status_text(2081));
    assert_string_equal(amt_pt_status_text(31), "a status that is not documented");
}

UNIT_MAIN(T(every_number_has_a_sentence))
