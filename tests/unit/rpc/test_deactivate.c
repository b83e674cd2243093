/* SPDX-License-Identifier: Apache-2.0 */
#include "mei_rig.h"
#include "rpc/deactivate.h"
#include "unit.h"

static struct mei_rig rig;
static struct errinfo ei;

static int setup(void **s) {
    mei_rig_init(&rig);
    ei = (struct errinfo){0};
    return 0;
}
static int teardown(void **s) {
    mei_rig_stop(&rig);
    return 0;
}
static int run(void) {
    mei_rig_start(&rig);
    struct fw *f = fw_new(rig.where);
    int rc = deactivate_local(f, &ei);
    fw_free(&f);
    return rc;
}

static void client_control_ends(void **s) {
    rig.control_mode = 1;
    rig.provisioning_state = 2;
    assert_int_equal(run(), 0);
    assert_int_equal(rig.unprovisions, 1);
    assert_int_equal(rig.control_mode, 0);
}

static void admin_control_says_how_to_get_out(void **s) {
    rig.control_mode = 2;
    assert_int_equal(run(), ERR_DENIED);
    assert_string_equal(ei.field, "local");
    assert_non_null(strstr(ei.remedy, "MEBx"));
    assert_int_equal(rig.unprovisions, 0);
}

static void nothing_to_undo(void **s) {
    assert_int_equal(run(), ERR_STATE);
    assert_int_equal(rig.unprovisions, 0);
}

static void a_set_up_that_was_begun(void **s) {
    rig.provisioning_state = 1;
    assert_int_equal(run(), 0);
    assert_int_equal(rig.stops, 1);
}

static void a_refusal(void **s) {
    rig.control_mode = 1;
    rig.status[PTHI_CMD_UNPROVISION] = PTHI_STATUS_NOT_PERMITTED;
    assert_int_equal(run(), ERR_REFUSED);
    assert_non_null(strstr(ei.text, "not permitted"));
}

static void it_is_not_sent_twice(void **s) {
    rig.control_mode = 1;
    rig.hang_up_after = 2; /* the order's connection breaks: what became of it is looked at */
    rig.status[PTHI_CMD_CONTROL_MODE] = 0;
    mei_rig_start(&rig);
    struct fw *f = fw_new(rig.where);
    uint32_t status;
    struct slice data;
    assert_int_equal(fw_call(f, PTHI_CMD_CONTROL_MODE, SLICE_EMPTY, &data, &status, &ei), 0);
    assert_int_equal(fw_unprovision(f, &status, &ei), ERR_CLOSED);
    assert_int_equal(rig.pthi_requests, 2);
    fw_free(&f);
}

#define EACH(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
UNIT_MAIN(EACH(client_control_ends), EACH(admin_control_says_how_to_get_out), EACH(nothing_to_undo),
          EACH(a_set_up_that_was_begun), EACH(a_refusal), EACH(it_is_not_sent_twice))
