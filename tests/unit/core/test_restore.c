/* SPDX-License-Identifier: Apache-2.0 */
/* What a server process leaves behind, and the next one takes over. */
#include "rig.h"

/* The server dies and starts again: only what was journaled is left. */
static void restart(struct rig *r, enum op_state journaled) {
    struct host_policy p = r->p;
    struct operation *o = r->h.op ? malloc(sizeof *o) : NULL;
    if (o) {
        *o = (struct operation){.kind = r->h.op->kind,
                                .prior = r->h.op->prior,
                                .created = r->h.op->created,
                                .deadline = r->h.op->deadline,
                                .sent = r->h.op->sent};
        snprintf(o->id, sizeof o->id, "%s", r->h.op->id);
        operation_set_state(o, journaled, OP_CODE_NONE, rig_now(r).wall, "as journaled");
    }
    struct intent intent = r->h.intent;
    uint32_t generation = r->h.link.generation;
    host_fini(&r->h);
    r->npending = 0;
    host_init(&r->h, "host-00000001", 0);
    r->h.intent = intent;
    r->h.op = o;
    r->h.link.generation = generation;
    link_set_state(&r->h.link, LINK_UP, LINK_WHY_LOGIN, rig_now(r).wall);
    r->now_ms += 3000;
    actions_clear(&r->out);
    host_restore(&r->h, &p, rig_now(r), &r->out);
    rig_do(r);
    assert_int_equal(r->h.link.state, LINK_DOWN);
    assert_int_equal(r->h.link.why, LINK_WHY_SERVER_CRASH);
}

static void an_accepted_operation_runs_after_the_restart(void **s) {
    struct rig *r = rig_new();
    r->latency_ms = 500;
    rig_command(r, (struct host_command){.kind = CMD_OPERATE, .op = POWER_OP_RESET, .new_id = "op-a"});
    rig_run(r, 10);
    assert_int_equal(r->changes, 0);
    restart(r, OP_ACCEPTED);
    rig_run(r, 5000);
    assert_int_equal(r->changes, 0); /* nothing without a link */
    rig_up(r);
    rig_run(r, 20000);
    assert_int_equal(r->changes, 1);
    assert_int_equal(r->h.last->state, OP_DONE);
    rig_free(r);
}

static void a_reset_that_may_have_been_sent_is_not_sent_again(void **s) {
    struct rig *r = rig_new();
    rig_command(r, (struct host_command){.kind = CMD_OPERATE, .op = POWER_OP_RESET, .new_id = "op-a"});
    rig_run(r, 80);
    assert_int_equal(r->changes, 1);
    restart(r, OP_RUNNING);
    rig_up(r);
    rig_run(r, 60000);
    assert_int_equal(r->changes, 1);
    assert_int_equal(r->h.last->state, OP_FAILED);
    assert_int_equal(r->h.last->code, OP_CODE_OUTCOME_UNKNOWN);
    rig_free(r);
}

static void a_power_off_that_took_effect_is_done_by_reading(void **s) {
    struct rig *r = rig_new();
    rig_command(r, (struct host_command){.kind = CMD_INTENT, .desired = POWER_OFF, .new_id = "op-a"});
    rig_run(r, 80);
    assert_int_equal(r->changes, 1);
    r->cim = 8;
    restart(r, OP_RUNNING);
    rig_up(r);
    rig_run(r, 5000);
    assert_int_equal(r->changes, 1);
    assert_int_equal(r->h.last->state, OP_DONE);
    assert_int_equal(r->h.intent.desired, POWER_OFF); /* the intent outlives the process */
    rig_free(r);
}

static void a_power_off_without_effect_is_sent_again_only_after_looking(void **s) {
    struct rig *r = rig_new();
    rig_command(r, (struct host_command){.kind = CMD_INTENT, .desired = POWER_OFF, .new_id = "op-a"});
    rig_run(r, 200);
    r->cim = 2;
    restart(r, OP_RUNNING);
    int64_t back = r->now_ms;
    unsigned reads = r->reads;
    rig_up(r);
    rig_run(r, 60000);
    assert_int_equal(r->changes, 2);
    assert_true(r->change_at_ms[1] - back >= 10000);
    assert_true(r->reads >= reads + 3);
    assert_int_equal(r->cim, 8);
    rig_free(r);
}

static void an_old_deadline_expires_it(void **s) {
    struct rig *r = rig_new();
    r->latency_ms = 500;
    rig_command(r, (struct host_command){
                       .kind = CMD_OPERATE, .op = POWER_OP_RESET, .new_id = "op-a", .deadline_ms = 2000});
    rig_run(r, 10);
    restart(r, OP_WAITING);
    assert_null(r->h.op);
    assert_int_equal(r->h.last->state, OP_EXPIRED);
    rig_up(r);
    rig_run(r, 20000);
    assert_int_equal(r->changes, 0);
    rig_free(r);
}

static void two_crashes_in_a_row_do_not_forget_that_it_was_sent(void **s) {
    struct rig *r = rig_new();
    rig_command(r, (struct host_command){.kind = CMD_OPERATE, .op = POWER_OP_CYCLE, .new_id = "op-a"});
    rig_run(r, 80);
    assert_int_equal(r->changes, 1);
    restart(r, OP_RUNNING);
    rig_run(r, 2000); /* no link: it waits, and is still journaled as running */
    assert_int_equal(r->h.op->state, OP_RUNNING);
    restart(r, r->h.op->state);
    rig_up(r);
    rig_run(r, 60000);
    assert_int_equal(r->changes, 1);
    rig_free(r);
}

UNIT_MAIN(T(two_crashes_in_a_row_do_not_forget_that_it_was_sent),
          T(an_accepted_operation_runs_after_the_restart),
          T(a_reset_that_may_have_been_sent_is_not_sent_again),
          T(a_power_off_that_took_effect_is_done_by_reading),
          T(a_power_off_without_effect_is_sent_again_only_after_looking), T(an_old_deadline_expires_it))
