/* SPDX-License-Identifier: Apache-2.0 */
/* Sessions and the rest of the host: power that waits for them, idle KVM, mute SOL, and the findings. */
#include "rig_session.h"

static void power(struct rig *r, enum power_op op, bool force) {
    rig_command(r, (struct host_command){.kind = CMD_OPERATE, .op = op, .force = force, .actor = "carol"});
    rig_run(r, 500);
    assert_int_equal(r->reply.code, 0);
}

/* --- the queue --- */

static void power_off_waits_for_the_session_and_runs_by_itself(void **s) {
    static const enum power_op ops[] = {POWER_OP_OFF, POWER_OP_CYCLE};
    for (size_t i = 0; i < 2; i++) {
        struct rig *r = rig_active(REDIR_KVM, "ses-a", "alice");
        power(r, ops[i], false);
        assert_int_equal(r->h.op->state, OP_WAITING);
        assert_int_equal(r->h.op->code, OP_CODE_SESSION);
        assert_string_equal(r->h.op->text,
                            "waits for the end of the KVM session ses-a by alice since 08:00:05");
        assert_int_equal(r->note.times, 1);
        assert_int_equal(r->note.note, SESSION_NOTE_QUEUED);
        assert_non_null(
            strstr(r->note.text, i ? "A power cycle by carol waits" : "A power off by carol waits"));
        assert_non_null(strstr(r->note.text, "until 08:05:"));
        r->p.kvm_idle_ms = 0;
        rig_run(r, 100000);
        assert_int_equal(r->changes, 0);
        assert_int_equal(r->note.times, 1); /* told once */
        rig_report(r, "ses-a", SESSION_VIEWER_GONE, SESSION_WHY_CLOSED);
        rig_run(r, 1000);
        assert_int_equal(r->changes, 0); /* the firmware still has it open */
        rig_release(r, "ses-a");
        rig_run(r, 10000);
        assert_int_equal(r->changes, 1);
        assert_int_equal(r->last_change, i ? 5 : 8);
        rig_run(r, 30000);
        assert_int_equal(r->h.last->state, OP_DONE);
        rig_free(r);
    }
}

static void the_next_holder_is_named(void **s) {
    struct rig *r = rig_active(REDIR_KVM, "ses-a", "alice");
    rig_start(r, REDIR_SOL, "ses-b", "bob");
    rig_open(r, "ses-b");
    rig_report(r, "ses-b", SESSION_HEARD, SESSION_WHY_NONE);
    power(r, POWER_OP_OFF, false);
    assert_int_equal(r->note.times, 2); /* both viewers */
    rig_stop(r, "ses-a", "alice");
    rig_release(r, "ses-a");
    rig_run(r, 1000);
    assert_int_equal(r->changes, 0);
    assert_non_null(strstr(r->h.op->text, "SOL session ses-b by bob"));
    rig_start(r, REDIR_KVM, "ses-c", "alice"); /* who comes later hears of it, too */
    rig_open(r, "ses-c");
    assert_int_equal(r->note.times, 3);
    assert_string_equal(r->note.id, "ses-c");
    assert_int_equal(r->note.note, SESSION_NOTE_QUEUED);
    rig_free(r);
}

static void it_expires_and_gives_the_intent_back(void **s) {
    struct rig *r = rig_active(REDIR_SOL, "ses-a", "alice");
    power(r, POWER_OP_OFF, false);
    assert_int_equal(r->h.intent.desired, POWER_OFF);
    rig_run(r, 301000);
    assert_null(r->h.op);
    assert_int_equal(r->h.last->state, OP_EXPIRED);
    assert_string_equal(r->h.last->text, "its deadline passed while it waited for the end of a session");
    assert_int_equal(r->h.intent.desired, POWER_ON);
    assert_int_equal(r->note.times, 3); /* queued, mute, no longer queued */
    assert_int_equal(r->note.note, SESSION_NOTE_QUEUED);
    assert_string_equal(r->note.text, "");
    rig_stop(r, "ses-a", "alice");
    rig_release(r, "ses-a");
    rig_run(r, 60000);
    assert_int_equal(r->changes, 0);
    rig_free(r);
}

static void it_can_be_cancelled(void **s) {
    struct rig *r = rig_active(REDIR_KVM, "ses-a", "alice");
    power(r, POWER_OP_OFF, false);
    struct host_command c = {.kind = CMD_CANCEL};
    snprintf(c.key, sizeof c.key, "%s", r->h.op->id);
    rig_command(r, c);
    rig_run(r, 500);
    assert_int_equal(r->reply.code, 0);
    assert_int_equal(r->h.last->state, OP_CANCELLED);
    assert_int_equal(r->h.intent.desired, POWER_ON);
    assert_string_equal(r->note.text, "");
    assert_int_equal(r->note.times, 2);
    rig_stop(r, "ses-a", "alice");
    rig_release(r, "ses-a");
    rig_run(r, 60000);
    assert_int_equal(r->changes, 0);
    rig_free(r);
}

static void force_ends_all_sessions_first(void **s) {
    struct rig *r = rig_active(REDIR_KVM, "ses-a", "alice");
    rig_start(r, REDIR_SOL, "ses-b", "bob");
    rig_open(r, "ses-b");
    power(r, POWER_OP_OFF, true);
    assert_int_equal(r->end.times, 2);
    assert_int_equal(r->end.why, SESSION_WHY_POWER_FORCED);
    assert_string_equal(r->end.text, "ended for a forced power operation by carol");
    assert_non_null(strstr(r->h.op->text, "ends the KVM session ses-a by alice"));
    assert_int_equal(r->changes, 0);
    rig_release(r, "ses-a");
    rig_run(r, 1000);
    assert_int_equal(r->changes, 0);
    rig_release(r, "ses-b");
    rig_run(r, 1000);
    assert_int_equal(r->changes, 1);
    assert_int_equal(r->note.times, 0); /* nobody is left to wait for */
    rig_free(r);
}

static void force_after_patience(void **s) {
    struct rig *r = rig_active(REDIR_KVM, "ses-a", "alice");
    power(r, POWER_OP_OFF, false);
    power(r, POWER_OP_OFF, false); /* the same order twice is one */
    assert_int_equal(r->end.times, 0);
    power(r, POWER_OP_OFF, true);
    assert_int_equal(r->end.why, SESSION_WHY_POWER_FORCED);
    rig_release(r, "ses-a");
    rig_run(r, 10000);
    assert_int_equal(r->changes, 1);
    assert_int_equal(r->h.last->state, OP_DONE);
    assert_int_equal(r->h.intent.desired, POWER_OFF);
    rig_free(r);
}

static void what_is_not_blocked(void **s) {
    static const enum power_op ops[] = {POWER_OP_RESET, POWER_OP_OFF_GRACEFUL, POWER_OP_RESET_GRACEFUL,
                                        POWER_OP_SLEEP};
    for (size_t i = 0; i < sizeof ops / sizeof *ops; i++) {
        struct rig *r = rig_active(REDIR_KVM, "ses-a", "alice");
        power(r, ops[i], false);
        assert_int_equal(r->changes, 1);
        assert_int_equal(r->end.times, 0);
        rig_free(r);
    }
    /* an interrupted session, or one that nobody watches yet, blocks nothing */
    struct rig *r = rig_active(REDIR_KVM, "ses-a", "alice");
    rig_report(r, "ses-a", SESSION_VIEWER_GONE, SESSION_WHY_VIEWER_LOST);
    rig_release(r, "ses-a");
    rig_start(r, REDIR_SOL, "ses-b", "bob");
    power(r, POWER_OP_OFF, false);
    assert_int_equal(r->changes, 1);
    assert_int_equal(rig_session(r, "ses-a")->state, SESSION_INTERRUPTED);
    rig_free(r);
}

static void a_session_that_opens_while_the_order_is_written_down_comes_first(void **s) {
    struct rig *r = rig_new();
    rig_start(r, REDIR_SOL, "ses-a", "alice");
    rig_ticket(r, "ses-a", "alice");
    rig_command(r, (struct host_command){.kind = CMD_OPERATE, .op = POWER_OP_OFF});
    r->journal_stuck = true;
    rig_input(r, (struct host_ev){.kind = HOST_EV_JOURNALED}); /* accepted … */
    rig_run(r, 200);
    assert_true(r->h.journal && r->h.journal->replaces_op); /* … and "running" is being written */
    assert_int_equal(rig_attach(r, "ses-a", TICKET), 0);
    r->journal_stuck = false;
    r->npending = 0;
    rig_input(r, (struct host_ev){.kind = HOST_EV_JOURNALED});
    rig_run(r, 5000);
    assert_int_equal(r->changes, 0);
    assert_int_equal(r->h.op->state, OP_WAITING);
    assert_int_equal(r->h.op->code, OP_CODE_SESSION);
    rig_report(r, "ses-a", SESSION_DEVICE_GONE, SESSION_WHY_DEVICE_AUTH);
    rig_report(r, "ses-a", SESSION_RELEASED, SESSION_WHY_NONE);
    rig_run(r, 10000);
    assert_int_equal(r->changes, 1);
    rig_free(r);
}

static void a_failed_poll_does_not_fail_what_waits(void **s) {
    struct rig *r = rig_active(REDIR_KVM, "ses-a", "alice");
    power(r, POWER_OP_OFF, false);
    r->mute = true;
    rig_run(r, 60000);
    assert_int_equal(r->h.op->state, OP_WAITING);
    assert_int_equal(r->h.op->code, OP_CODE_SESSION);
    r->mute = false;
    rig_stop(r, "ses-a", "alice");
    rig_release(r, "ses-a");
    rig_run(r, 20000);
    assert_int_equal(r->changes, 1);
    rig_free(r);
}

static void a_lost_link_ends_the_session_and_the_order_waits_for_the_link(void **s) {
    struct rig *r = rig_active(REDIR_KVM, "ses-a", "alice");
    power(r, POWER_OP_OFF, false);
    rig_lost(r, LINK_WHY_RESET);
    assert_int_equal(r->h.op->code, OP_CODE_UNREACHABLE);
    rig_up(r);
    rig_run(r, 5000);
    assert_int_equal(r->changes, 1);
    rig_free(r);
}

/* --- idle KVM --- */

static void idle_kvm_is_warned_saved_and_ended(void **s) {
    struct rig *r = rig_active(REDIR_KVM, "ses-a", "alice");
    struct finding f;
    rig_run(r, r->p.kvm_idle_ms - r->p.idle_warn_ms - 1);
    assert_int_equal(r->note.times, 0);
    rig_run(r, 1);
    assert_int_equal(r->note.note, SESSION_NOTE_IDLE);
    assert_int_equal(r->note.n, 60);
    assert_true(rig_found(r, FINDING_KVM_IDLE, &f));
    assert_non_null(strstr(f.sentence, "Nobody does anything in the KVM session ses-a by alice"));
    rig_run(r, 30000);
    rig_report(r, "ses-a", SESSION_INPUT, SESSION_WHY_NONE);
    assert_int_equal(r->note.times, 2);
    assert_int_equal(r->note.n, 0); /* over */
    assert_false(rig_found(r, FINDING_KVM_IDLE, &f));
    rig_report(r, "ses-a", SESSION_INPUT, SESSION_WHY_NONE);
    assert_int_equal(r->note.times, 2);
    rig_run(r, r->p.kvm_idle_ms - 1);
    assert_int_equal(r->note.times, 3);
    assert_int_equal(rig_session(r, "ses-a")->state, SESSION_ACTIVE);
    rig_run(r, 1);
    assert_int_equal(r->end.why, SESSION_WHY_IDLE);
    assert_string_equal(r->end.text, "no input for 30 min 0 s");
    assert_true(rig_found(r, FINDING_KVM_IDLE, &f));
    assert_non_null(strstr(f.sentence, "was ended because nobody did anything for 30 min"));
    assert_non_null(strstr(f.remedy, "session.kvm_idle"));
    rig_release(r, "ses-a");
    rig_start(r, REDIR_KVM, "ses-b", "alice");
    assert_false(rig_found(r, FINDING_KVM_IDLE, &f));
    rig_free(r);
}

static void who_is_gone_is_not_idle(void **s) {
    struct rig *r = rig_active(REDIR_KVM, "ses-a", "alice");
    struct finding f;
    rig_run(r, r->p.kvm_idle_ms - 1000);
    assert_true(rig_found(r, FINDING_KVM_IDLE, &f));
    rig_report(r, "ses-a", SESSION_VIEWER_GONE, SESSION_WHY_VIEWER_LOST);
    rig_release(r, "ses-a");
    assert_false(rig_found(r, FINDING_KVM_IDLE, &f));
    rig_run(r, 5000);
    assert_int_equal(rig_session(r, "ses-a")->state, SESSION_INTERRUPTED);
    rig_open(r, "ses-a"); /* and the time starts over */
    rig_run(r, r->p.kvm_idle_ms - 1);
    assert_int_equal(rig_session(r, "ses-a")->state, SESSION_ACTIVE);
    rig_free(r);
}

static void some_are_never_idle(void **s) {
    struct rig *r = rig_active(REDIR_SOL, "ses-a", "alice");
    rig_report(r, "ses-a", SESSION_HEARD, SESSION_WHY_NONE);
    rig_run(r, 24 * 3600000);
    assert_int_equal(rig_session(r, "ses-a")->state, SESSION_ACTIVE);
    assert_int_equal(r->note.times, 0);
    rig_free(r);
    r = rig_new();
    r->p.kvm_idle_ms = 0;
    rig_start(r, REDIR_KVM, "ses-a", "alice");
    rig_open(r, "ses-a");
    rig_run(r, 24 * 3600000);
    assert_int_equal(rig_session(r, "ses-a")->state, SESSION_ACTIVE);
    assert_int_equal(r->note.times, 0);
    rig_free(r);
}

static void a_short_idle_time_warns_half_way(void **s) {
    struct rig *r = rig_new();
    r->p.kvm_idle_ms = 30000;
    rig_start(r, REDIR_KVM, "ses-a", "alice");
    rig_open(r, "ses-a");
    rig_run(r, 14999);
    assert_int_equal(r->note.times, 0);
    rig_run(r, 1);
    assert_int_equal(r->note.n, 15);
    rig_run(r, 15000);
    assert_string_equal(r->end.text, "no input for 30 s");
    rig_free(r);
}

static void the_firmwares_patience_follows_the_policy(void **s) {
    static const struct {
        uint32_t idle_ms, minutes;
    } all[] = {{1800000, 32}, {30000, 2}, {90000, 3}, {4000000000u, 65535}, {0, 0}};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        struct rig *r = rig_new();
        r->p.kvm_idle_ms = all[i].idle_ms;
        rig_start(r, REDIR_KVM, "ses-a", "alice");
        assert_int_equal(r->jobs[WSC_KVM_TIMEOUT], 1);
        assert_int_equal(r->kvm_timeout, all[i].minutes);
        assert_true(r->kvm_timeout * (uint64_t)60000 > all[i].idle_ms || all[i].minutes == 65535 ||
                    !all[i].idle_ms);
        rig_free(r);
    }
}

static void a_firmware_that_keeps_its_own_patience_is_nudged(void **s) {
    struct rig *r = rig_new();
    r->refuses_kvm_timeout = true;
    rig_start(r, REDIR_KVM, "ses-a", "alice");
    rig_open(r, "ses-a");
    rig_run(r, 59999);
    assert_int_equal(r->note.times, 0);
    rig_run(r, 1);
    assert_int_equal(r->note.note, SESSION_NOTE_NUDGE);
    rig_report(r, "ses-a", SESSION_INPUT, SESSION_WHY_NONE); /* a person's input is one as well */
    rig_run(r, 59999);
    assert_int_equal(r->note.times, 1);
    rig_run(r, 600000);
    assert_in_range(r->note.times, 10, 12);
    /* a nudge is no input: ours still ends it */
    rig_run(r, r->p.kvm_idle_ms);
    assert_int_equal(r->end.why, SESSION_WHY_IDLE);
    rig_free(r);
}

static void a_new_link_asks_the_firmware_again(void **s) {
    struct rig *r = rig_new();
    r->refuses_kvm_timeout = true;
    rig_start(r, REDIR_KVM, "ses-a", "alice");
    rig_open(r, "ses-a");
    rig_lost(r, LINK_WHY_RESET);
    rig_up(r);
    unsigned jobs = r->jobs[WSC_KVM_TIMEOUT];
    rig_open(r, "ses-a");
    assert_int_equal(r->jobs[WSC_KVM_TIMEOUT], jobs + 1);
    rig_run(r, 61000);
    assert_int_equal(r->note.note, SESSION_NOTE_NUDGE);
    rig_free(r);
}

/* --- mute SOL --- */

static void a_mute_sol_channel_says_so(void **s) {
    struct rig *r = rig_active(REDIR_SOL, "ses-a", "alice");
    struct finding f;
    rig_run(r, 4999);
    assert_int_equal(r->note.times, 0);
    assert_false(rig_found(r, FINDING_SOL_MUTE, &f));
    rig_run(r, 1);
    assert_int_equal(r->note.note, SESSION_NOTE_MUTE);
    assert_non_null(strstr(r->note.text, "nothing has come from the node"));
    assert_true(rig_found(r, FINDING_SOL_MUTE, &f));
    assert_non_null(strstr(f.sentence, "no login runs on the AMT serial port"));
    assert_non_null(strstr(f.remedy, "serial-getty@"));
    rig_run(r, 60000);
    assert_int_equal(r->note.times, 1); /* once */
    rig_stop(r, "ses-a", "alice");
    rig_release(r, "ses-a");
    assert_true(rig_found(r, FINDING_SOL_MUTE, &f)); /* stays until one speaks … */
    rig_report(r, "ses-a", SESSION_HEARD, SESSION_WHY_NONE);
    assert_true(rig_found(r, FINDING_SOL_MUTE, &f)); /* … and not one that ended */
    rig_start(r, REDIR_SOL, "ses-b", "alice");
    rig_open(r, "ses-b");
    rig_report(r, "ses-b", SESSION_HEARD, SESSION_WHY_NONE);
    assert_false(rig_found(r, FINDING_SOL_MUTE, &f));
    assert_true(rig_logged(r, "finding: sol-mute"));
    assert_true(rig_logged(r, "finding-cleared: sol-mute"));
    rig_run(r, 60000);
    assert_int_equal(r->note.times, 1);
    rig_free(r);
}

/* --- findings --- */

static void waiting_for_consent_is_found(void **s) {
    struct rig *r = rig_ccm();
    struct finding f;
    rig_start(r, REDIR_KVM, "ses-a", "alice");
    rig_run(r, 10000);
    assert_true(rig_found(r, FINDING_CONSENT_WAIT, &f));
    assert_non_null(strstr(f.sentence, "The KVM session ses-a by alice since"));
    assert_non_null(strstr(f.sentence, "waits for the consent code. Enter the six digits"));
    assert_non_null(strstr(f.remedy, "OptInDisplayTimeout (300 s)"));
    assert_non_null(strstr(f.remedy, "OptInCodeTimeout (120 s)"));
    assert_true(rig_logged(r, "finding: consent-wait"));
    rig_code(r, CODE);
    assert_false(rig_found(r, FINDING_CONSENT_WAIT, &f));
    assert_true(rig_logged(r, "finding-cleared: consent-wait"));
    rig_free(r);
}

static void power_that_waits_is_found(void **s) {
    struct rig *r = rig_active(REDIR_SOL, "ses-a", "alice");
    struct finding f;
    power(r, POWER_OP_OFF, false);
    assert_true(rig_found(r, FINDING_POWER_BLOCKED, &f));
    assert_non_null(
        strstr(f.sentence, "(power off by carol) waits for the end of the SOL session ses-a by alice"));
    assert_non_null(strstr(f.sentence, "it expires 08:05:"));
    assert_non_null(strstr(f.remedy, "orch-cli set host n1 --session-type sol --session-state stop"));
    assert_non_null(strstr(f.remedy, "--force"));
    assert_true(rig_logged(r, "finding: power-blocked-by-session"));
    rig_stop(r, "ses-a", "alice");
    rig_release(r, "ses-a");
    rig_run(r, 5000);
    assert_false(rig_found(r, FINDING_POWER_BLOCKED, &f));
    rig_free(r);
}

static void after_a_restart_no_session_is_in_the_way(void **s) {
    struct rig *r = rig_active(REDIR_KVM, "ses-a", "alice");
    struct finding f;
    power(r, POWER_OP_OFF, false);
    struct operation *o = malloc(sizeof *o);
    *o = *r->h.op;
    host_fini(&r->h);
    host_init(&r->h, "host-00000001", 0);
    r->h.op = o;
    r->npending = 0;
    actions_clear(&r->out);
    host_restore(&r->h, &r->p, rig_now(r), &r->out);
    rig_do(r);
    assert_false(rig_found(r, FINDING_POWER_BLOCKED, &f));
    rig_up(r);
    rig_run(r, 5000);
    assert_int_equal(r->changes, 1); /* it was accepted: it runs */
    rig_free(r);
}

UNIT_MAIN(T(power_off_waits_for_the_session_and_runs_by_itself), T(the_next_holder_is_named),
          T(it_expires_and_gives_the_intent_back), T(it_can_be_cancelled), T(force_ends_all_sessions_first),
          T(force_after_patience), T(what_is_not_blocked),
          T(a_session_that_opens_while_the_order_is_written_down_comes_first),
          T(a_failed_poll_does_not_fail_what_waits),
          T(a_lost_link_ends_the_session_and_the_order_waits_for_the_link),
          T(idle_kvm_is_warned_saved_and_ended), T(who_is_gone_is_not_idle), T(some_are_never_idle),
          T(a_short_idle_time_warns_half_way), T(the_firmwares_patience_follows_the_policy),
          T(a_firmware_that_keeps_its_own_patience_is_nudged), T(a_new_link_asks_the_firmware_again),
          T(a_mute_sol_channel_says_so), T(waiting_for_consent_is_found), T(power_that_waits_is_found),
          T(after_a_restart_no_session_is_in_the_way))
