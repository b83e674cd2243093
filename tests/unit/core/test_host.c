/* SPDX-License-Identifier: Apache-2.0 */
/* The main line of the host machine: recovery, commands, refusals, the journal. */
#include "rig.h"

static void shutdown_is_undone_within_a_minute(void **s) {
    struct rig *r = rig_new();
    r->cim = 8; /* `shutdown now` */
    int64_t off_at = r->now_ms;
    rig_run(r, 60000);
    assert_int_equal(r->changes, 1);
    assert_int_equal(r->last_change, 2);
    assert_in_range(r->change_at_ms[0] - off_at, 1, 30000);
    assert_int_equal(r->cim, 2);
    assert_int_equal(r->h.decided.kind, DECIDE_AS_DESIRED);
    assert_true(rig_logged(r, "mismatch between desired and current power state"));
    assert_true(rig_logged(r, "recovered: "));
    assert_int_equal(r->h.last->state, OP_DONE);
    assert_true(r->h.last->by_reconcile);
    rig_free(r);
}

static void one_odd_reading_is_not_acted_on(void **s) {
    struct rig *r = rig_new();
    unsigned reads = r->reads;
    r->cim = 8;
    while (r->reads == reads)
        rig_run(r, 100);
    rig_run(r, 100); /* the read's answer is in: off, once */
    assert_int_equal(r->h.decided.kind, DECIDE_CONFIRM);
    r->cim = 2;
    rig_run(r, 60000);
    assert_int_equal(r->changes, 0);
    rig_free(r);
}

static void an_unreachable_node_refuses_at_once_and_says_why(void **s) {
    struct rig *r = rig_new();
    rig_lost(r, LINK_WHY_RESET);
    assert_int_equal(r->h.link.state, LINK_DOWN);
    assert_int_equal(host_power_now(&r->h, &r->p, rig_now(r).mono), POWER_UNKNOWN);
    rig_run(r, 3000);
    rig_command(r, (struct host_command){.kind = CMD_INTENT, .desired = POWER_OFF});
    assert_int_equal(r->reply.code, ERR_UNREACHABLE);
    assert_non_null(strstr(r->reply.text, "Device not found/connected: AMT link lost "));
    assert_non_null(strstr(r->reply.text, "(reset by peer), last known power On "));
    assert_int_equal(r->h.intent.desired, POWER_ON); /* nothing changed */
    assert_null(r->h.op);
    char status[300];
    assert_string_equal(host_power_status(&r->h, &r->p, rig_now(r), status, sizeof status),
                        "STATUS_INDICATION_ERROR");
    assert_non_null(strstr(status, "AMT link lost"));
    rig_free(r);
}

static void silence_is_down_within_45_s_and_nothing_is_sent_meanwhile(void **s) {
    struct rig *r = rig_new();
    r->answers_keepalive = false;
    r->mute = true;
    r->h.link.heard = (struct mono){r->now_ms * 1000};
    rig_run(r, 45000);
    assert_int_equal(r->h.link.state, LINK_DOWN);
    assert_int_equal(r->h.link.why, LINK_WHY_SILENT);
    assert_int_equal(r->closes, 1);
    assert_int_equal(r->changes, 0);
    rig_free(r);
}

static void after_the_return_the_state_is_read_before_anything(void **s) {
    struct rig *r = rig_new();
    rig_lost(r, LINK_WHY_SILENT);
    rig_run(r, 100000);
    r->cim = 8;
    unsigned reads = r->reads;
    rig_up(r);
    assert_int_equal(r->changes, 0);
    assert_true(r->reads > reads);
    rig_run(r, 20000);
    assert_int_equal(r->changes, 1);
    assert_true(r->reads >= reads + 2);
    rig_free(r);
}

static void commands_run_and_are_confirmed(void **s) {
    static const struct {
        enum power_op op;
        uint8_t from, cim;
        enum power_state intent;
    } t[] = {{POWER_OP_OFF, 2, 8, POWER_OFF},           {POWER_OP_ON, 8, 2, POWER_ON},
             {POWER_OP_RESET, 2, 10, POWER_ON},         {POWER_OP_CYCLE, 2, 5, POWER_ON},
             {POWER_OP_SLEEP, 2, 4, POWER_SLEEP},       {POWER_OP_HIBERNATE, 2, 7, POWER_HIBERNATE},
             {POWER_OP_OFF_GRACEFUL, 2, 12, POWER_OFF}, {POWER_OP_RESET_GRACEFUL, 2, 14, POWER_ON}};
    for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
        struct rig *r = rig_new();
        r->h.intent.policy = RECOVERY_HOLD;
        r->cim = t[i].from;
        rig_command(r, (struct host_command){.kind = CMD_OPERATE, .op = t[i].op});
        rig_run(r, 20000);
        assert_int_equal(r->reply.code, 0);
        assert_int_equal(r->changes, 1);
        assert_int_equal(r->last_change, t[i].cim);
        assert_int_equal(r->h.last->state, OP_DONE);
        assert_int_equal(r->h.intent.desired, t[i].intent);
        assert_int_equal(r->h.power.state, power_op_row(t[i].op)->confirms);
        rig_free(r);
    }
}

static void already_there_is_done_without_sending(void **s) {
    struct rig *r = rig_new();
    rig_command(r, (struct host_command){.kind = CMD_INTENT, .desired = POWER_ON});
    rig_run(r, 1000);
    assert_int_equal(r->changes, 0);
    assert_int_equal(r->h.last->state, OP_DONE);
    rig_free(r);
}

static void what_the_firmware_does_not_offer_is_refused_with_the_list(void **s) {
    struct rig *r = rig_new();
    static const uint8_t s0[] = {10, 8, 5, 11};
    memcpy(r->available, s0, sizeof s0);
    r->navailable = sizeof s0;
    rig_command(r, (struct host_command){.kind = CMD_OPERATE, .op = POWER_OP_SLEEP});
    rig_run(r, 5000);
    assert_int_equal(r->changes, 0);
    assert_int_equal(r->h.last->state, OP_FAILED);
    assert_int_equal(r->h.last->code, OP_CODE_NOT_AVAILABLE);
    assert_non_null(strstr(r->h.last->text, "power-off, reset, power-cycle"));
    assert_int_equal(r->h.intent.desired,
                     POWER_ON); /* the node is not called out of line for what it cannot do */
    rig_free(r);
}

static void a_return_code_alone_is_not_done(void **s) {
    struct rig *r = rig_new();
    r->lies = true;
    rig_command(r, (struct host_command){.kind = CMD_OPERATE, .op = POWER_OP_OFF});
    rig_run(r, 10000);
    assert_int_equal(r->h.op->state, OP_CONFIRMING);
    rig_run(r, 60000);
    assert_int_equal(r->h.last->state, OP_FAILED);
    assert_int_equal(r->h.last->code, OP_CODE_NOT_CONFIRMED);
    rig_free(r);
}

static void refusals_of_the_firmware_are_told(void **s) {
    struct rig *r = rig_new();
    r->return_value = 4097;
    r->h.intent.policy = RECOVERY_HOLD;
    rig_command(r, (struct host_command){.kind = CMD_OPERATE, .op = POWER_OP_RESET});
    rig_run(r, 5000);
    assert_int_equal(r->h.last->code, OP_CODE_REFUSED);
    assert_non_null(strstr(r->h.last->text, "4097"));
    rig_free(r);
}

static void an_unanswered_reset_is_never_sent_twice(void **s) {
    struct rig *r = rig_new();
    r->no_answer_to_change = true;
    rig_command(r, (struct host_command){.kind = CMD_OPERATE, .op = POWER_OP_RESET});
    rig_run(r, 120000);
    assert_int_equal(r->changes, 1);
    assert_int_equal(r->h.last->code, OP_CODE_OUTCOME_UNKNOWN);
    rig_free(r);
}

static void an_unanswered_power_off_is_looked_for(void **s) {
    struct rig *r = rig_new();
    r->no_answer_to_change = true;
    rig_command(r, (struct host_command){.kind = CMD_INTENT, .desired = POWER_OFF});
    rig_run(r, 20000);
    assert_int_equal(r->changes, 1);
    assert_int_equal(r->h.last->state, OP_DONE);
    rig_free(r);
}

static void recovery_backs_off_and_holds(void **s) {
    struct rig *r = rig_new();
    r->lies = true;
    r->cim = 8;
    rig_run(r, 3600 * 1000);
    assert_int_equal(r->changes, r->p.attempts_max);
    assert_int_equal(r->h.decided.kind, DECIDE_HELD);
    assert_true(rig_logged(r, "recovery-held: Gave up after 5 attempts"));
    assert_true(diagnose_bits(&r->h, &r->p, rig_now(r)) >> FINDING_RECOVERY_HELD & 1);
    for (unsigned i = 2; i < r->changes; i++)
        assert_true(r->change_at_ms[i] - r->change_at_ms[i - 1] >=
                    r->change_at_ms[i - 1] - r->change_at_ms[i - 2]);
    r->lies = false;
    rig_command(
        r, (struct host_command){.kind = CMD_INTENT, .desired = POWER_ON}); /* an operator starts it over */
    rig_run(r, 10000);
    assert_int_equal(r->cim, 2);
    assert_int_equal(r->h.decided.kind, DECIDE_AS_DESIRED);
    rig_free(r);
}

static void a_node_that_falls_at_once_again_is_not_cycled_for_ever(void **s) {
    struct rig *r = rig_new();
    for (int i = 0; i < 40; i++) {
        rig_run(r, 15000);
        r->cim = 8;
    }
    assert_in_range(r->changes, 1, r->p.attempts_max);
    rig_free(r);
}

static void policies_are_respected(void **s) {
    struct rig *r = rig_new();
    struct wall until = {rig_now(r).wall.us + 120 * 1000000};
    rig_command(r, (struct host_command){.kind = CMD_POLICY, .policy = RECOVERY_HOLD, .hold_until = until});
    rig_run(r, 100);
    r->cim = 8;
    rig_run(r, 110000);
    assert_int_equal(r->h.decided.kind, DECIDE_HELD_BY_POLICY);
    assert_int_equal(r->changes, 0);
    rig_run(r, 40000);
    assert_int_equal(r->changes, 1); /* the hold is over */
    assert_int_equal(r->cim, 2);

    rig_run(r, 70000);
    rig_command(r, (struct host_command){.kind = CMD_POLICY, .policy = RECOVERY_RESPECT_LOCAL});
    rig_input(r, (struct host_ev){.kind = HOST_EV_LOCAL_SHUTDOWN});
    r->cim = 8;
    rig_run(r, 120000);
    assert_int_equal(r->h.decided.kind, DECIDE_LOCAL_SHUTDOWN);
    assert_int_equal(r->changes, 1);
    r->cim = 2; /* somebody pressed the button */
    rig_run(r, 70000);
    r->cim = 8; /* and now it falls without an announcement */
    rig_run(r, 60000);
    assert_int_equal(r->changes, 2);
    rig_free(r);
}

/* A restart takes its time; recovery comes only when it has not come back by itself. */
static void an_announced_restart_is_given_time(void **s) {
    struct rig *r = rig_new();
    rig_input(r, (struct host_ev){.kind = HOST_EV_LOCAL_SHUTDOWN,
                                  .local = LOCAL_REBOOT,
                                  .text = "uid 0 (root): systemctl"});
    assert_false(r->h.local_shutdown);
    r->cim = 8;
    rig_run(r, 240000);
    assert_int_equal(r->h.decided.kind, DECIDE_LOCAL_PAUSE);
    assert_int_equal(r->changes, 0);
    char why[400];
    host_explain(&r->h, &r->p, rig_now(r), why, sizeof why);
    assert_non_null(strstr(why, "a reboot was announced by uid 0 (root)"));
    rig_run(r, 100000);
    assert_int_equal(r->changes, 1);
    rig_free(r);
}

static void the_firmwares_state_is_an_observation(void **s) {
    struct rig *r = rig_new();
    rig_input(r,
              (struct host_ev){.kind = HOST_EV_AMT, .amt = AMT_STATE_UNPROVISIONED, .source = SOURCE_AGENT});
    assert_int_equal(r->h.amt.state, AMT_STATE_UNPROVISIONED);
    assert_int_equal(r->h.amt.source, SOURCE_AGENT);
    rig_input(r, (struct host_ev){.kind = HOST_EV_AMT,
                                  .amt = AMT_STATE_PROVISIONED,
                                  .mode = AMT_MODE_ACM,
                                  .source = SOURCE_AGENT});
    assert_int_equal(r->h.control_mode, AMT_MODE_ACM);
    rig_free(r);
}

static void a_host_without_intent_is_left_alone(void **s) {
    struct rig *r = rig_new();
    r->h.intent.desired = POWER_UNKNOWN;
    r->cim = 8;
    rig_run(r, 600000);
    assert_int_equal(r->changes, 0);
    assert_int_equal(host_power_now(&r->h, &r->p, rig_now(r).mono), POWER_OFF);
    rig_free(r);
}

static void a_later_command_waits_or_takes_the_place(void **s) {
    struct rig *r = rig_new();
    r->h.intent.policy = RECOVERY_HOLD;
    rig_command(r, (struct host_command){.kind = CMD_OPERATE, .op = POWER_OP_OFF, .new_id = "op-a"});
    rig_run(r, 300); /* sent */
    assert_int_equal(r->changes, 1);
    rig_command(r, (struct host_command){.kind = CMD_OPERATE, .op = POWER_OP_ON, .new_id = "op-b"});
    rig_run(r, 10);
    assert_string_equal(r->h.next->id, "op-b");
    assert_int_equal(r->h.next->code, OP_CODE_BEHIND_OPERATION);
    rig_command(r, (struct host_command){.kind = CMD_OPERATE, .op = POWER_OP_ON, .new_id = "op-c"});
    rig_run(r, 10);
    assert_string_equal(r->h.next->id, "op-c"); /* only the newest waits */
    rig_run(r, 30000);
    assert_string_equal(r->h.last->id, "op-c");
    assert_int_equal(r->h.last->state, OP_DONE);
    assert_int_equal(r->cim, 2);
    rig_free(r);
}

static void waiting_is_cancellable_and_expires_but_what_was_sent_is_not(void **s) {
    struct rig *r = rig_new();
    r->latency_ms = 2000;
    rig_command(r, (struct host_command){.kind = CMD_OPERATE, .op = POWER_OP_OFF, .new_id = "op-a"});
    rig_run(r, 10);
    rig_command(r, (struct host_command){.kind = CMD_CANCEL, .key = "op-a"});
    rig_run(r, 10);
    assert_int_equal(r->reply.code, 0);
    assert_int_equal(r->h.last->state, OP_CANCELLED);
    rig_run(r, 20000);
    assert_int_equal(r->changes, 0);
    assert_int_equal(r->h.intent.desired,
                     POWER_ON); /* as before the cancelled order: reconcile does not do it later */
    r->h.intent.desired = POWER_UNKNOWN;
    rig_command(r, (struct host_command){.kind = CMD_OPERATE, .op = POWER_OP_OFF, .new_id = "op-b"});
    rig_run(r, 2500);
    rig_command(r, (struct host_command){.kind = CMD_CANCEL, .key = "op-b"});
    assert_int_equal(r->reply.code, ERR_STATE);
    rig_run(r, 20000);
    rig_command(r, (struct host_command){.kind = CMD_CANCEL, .key = "op-b"});
    assert_int_equal(r->reply.code, ERR_STATE);

    rig_command(r, (struct host_command){
                       .kind = CMD_OPERATE, .op = POWER_OP_ON, .new_id = "op-c", .deadline_ms = 1500});
    rig_run(r, 10);
    rig_lost(r, LINK_WHY_RESET);
    assert_int_equal(r->h.op->state, OP_WAITING);
    assert_int_equal(r->h.op->code, OP_CODE_UNREACHABLE);
    rig_run(r, 2000);
    assert_int_equal(r->h.last->state, OP_EXPIRED);
    rig_free(r);
}

static void idempotency_keys(void **s) {
    struct rig *r = rig_new();
    rig_command(
        r, (struct host_command){.kind = CMD_OPERATE, .op = POWER_OP_RESET, .new_id = "op-a", .key = "k1"});
    rig_run(r, 10000);
    assert_int_equal(r->h.last->state, OP_DONE);
    rig_command(
        r, (struct host_command){.kind = CMD_OPERATE, .op = POWER_OP_RESET, .new_id = "op-b", .key = "k1"});
    assert_string_equal(r->reply_op, "op-a");
    rig_run(r, 10000);
    assert_int_equal(r->changes, 1);
    rig_command(
        r, (struct host_command){.kind = CMD_OPERATE, .op = POWER_OP_OFF, .new_id = "op-c", .key = "k1"});
    assert_int_equal(r->reply.code, ERR_EXISTS);
    rig_free(r);
}

static void a_full_disk_refuses_and_changes_nothing(void **s) {
    struct rig *r = rig_new();
    r->journal_err = ERR_STORE_FULL;
    rig_command(r, (struct host_command){.kind = CMD_INTENT, .desired = POWER_OFF});
    rig_run(r, 1000);
    assert_int_equal(r->reply.code, ERR_STORE_FULL);
    assert_int_equal(r->h.intent.desired, POWER_ON);
    assert_null(r->h.op);
    r->cim = 8;
    rig_run(r, 60000);
    assert_int_equal(r->changes, 0); /* no power request that is not written down */
    r->journal_err = 0;
    rig_run(r, 60000);
    assert_int_equal(r->cim, 2);
    rig_free(r);
}

static void commands_queue_behind_the_journal_up_to_a_limit(void **s) {
    struct rig *r = rig_new();
    r->journal_stuck = true;
    for (int i = 0; i < HOST_COMMANDS_MAX + 1; i++)
        rig_command(r, (struct host_command){.kind = CMD_POLICY, .policy = RECOVERY_HOLD});
    assert_int_equal(r->replies, 0);
    rig_command(r, (struct host_command){.kind = CMD_POLICY, .policy = RECOVERY_KEEP});
    assert_int_equal(r->reply.code, ERR_BUSY);
    r->journal_stuck = false;
    rig_input(r, (struct host_ev){.kind = HOST_EV_JOURNALED});
    rig_run(r, 1000);
    assert_int_equal(r->replies, HOST_COMMANDS_MAX + 2);
    rig_free(r);
}

static void a_quiet_node_answers_a_command_within_5_s_or_refuses(void **s) {
    struct rig *r = rig_new();
    rig_run(r, 3000);
    r->mute = true;
    r->answers_keepalive = false;
    rig_command(r, (struct host_command){.kind = CMD_OPERATE, .op = POWER_OP_OFF, .new_id = "op-q"});
    rig_run(r, 5100);
    assert_int_equal(r->h.last->state, OP_FAILED);
    assert_int_equal(r->changes, 0);
    assert_int_equal(r->h.link.state, LINK_SUSPECT);
    rig_free(r);
}

/* The word "running" is on its way to the disk when the link goes: nothing was sent, and nothing may be lost.
 */
static void a_link_lost_while_running_is_written_down_only_delays(void **s) {
    for (unsigned with_return = 0; with_return < 2; with_return++) {
        struct rig *r = rig_new();
        rig_command(r, (struct host_command){.kind = CMD_OPERATE, .op = POWER_OP_RESET, .new_id = "op-a"});
        r->journal_stuck = true;
        for (int i = 0; i < 100 && !(r->h.journal && r->h.journal->replaces_op); i++)
            rig_run(r, 10);
        assert_non_null(r->h.journal);
        assert_int_equal(r->changes, 0);
        rig_lost(r, LINK_WHY_RESET);
        if (with_return)
            rig_up(r);
        r->journal_stuck = false;
        rig_later(r, (struct rig_pending){.at_ms = r->now_ms, .what = RIG_JOURNAL});
        rig_run(r, 2000);
        if (!with_return) {
            assert_int_equal(r->changes, 0);
            assert_int_equal(r->h.op->state, OP_WAITING);
            assert_int_equal(r->h.op->code, OP_CODE_UNREACHABLE);
            rig_up(r);
        }
        rig_run(r, 20000);
        assert_null(r->h.op);
        assert_int_equal(r->h.last->state, OP_DONE);
        assert_int_equal(r->changes, 1);
        rig_free(r);
    }
}

/* Two operations end in one turn: the first one is still told whole. */
static void one_superseded_by_one_that_is_done_at_once(void **s) {
    struct rig *r = rig_new();
    r->p.settle_ms = 60000;
    rig_command(r, (struct host_command){.kind = CMD_OPERATE, .op = POWER_OP_RESET, .new_id = "op-a"});
    rig_run(r, 3000);
    assert_int_equal(r->h.last->state, OP_DONE);
    rig_command(r, (struct host_command){.kind = CMD_OPERATE, .op = POWER_OP_OFF, .new_id = "op-b"});
    rig_run(r, 200); /* read, and waits for the firmware to settle */
    assert_string_equal(r->h.op->id, "op-b");
    rig_command(r, (struct host_command){.kind = CMD_OPERATE, .op = POWER_OP_ON, .new_id = "op-c"});
    rig_run(r, 200);
    assert_null(r->h.op);
    assert_string_equal(r->h.last->id, "op-c");
    assert_int_equal(r->h.last->state, OP_DONE);
    assert_true(rig_logged(r, "persist: op-b cancelled"));
    assert_true(rig_logged(r, "persist: op-c done"));
    rig_free(r);
}

UNIT_MAIN(T(shutdown_is_undone_within_a_minute), T(one_odd_reading_is_not_acted_on),
          T(an_unreachable_node_refuses_at_once_and_says_why),
          T(silence_is_down_within_45_s_and_nothing_is_sent_meanwhile),
          T(after_the_return_the_state_is_read_before_anything), T(commands_run_and_are_confirmed),
          T(already_there_is_done_without_sending),
          T(what_the_firmware_does_not_offer_is_refused_with_the_list), T(a_return_code_alone_is_not_done),
          T(refusals_of_the_firmware_are_told), T(an_unanswered_reset_is_never_sent_twice),
          T(an_unanswered_power_off_is_looked_for), T(recovery_backs_off_and_holds),
          T(a_node_that_falls_at_once_again_is_not_cycled_for_ever), T(policies_are_respected),
          T(an_announced_restart_is_given_time), T(the_firmwares_state_is_an_observation),
          T(a_host_without_intent_is_left_alone), T(a_later_command_waits_or_takes_the_place),
          T(waiting_is_cancellable_and_expires_but_what_was_sent_is_not), T(idempotency_keys),
          T(a_full_disk_refuses_and_changes_nothing), T(commands_queue_behind_the_journal_up_to_a_limit),
          T(a_quiet_node_answers_a_command_within_5_s_or_refuses),
          T(a_link_lost_while_running_is_written_down_only_delays),
          T(one_superseded_by_one_that_is_done_at_once))
