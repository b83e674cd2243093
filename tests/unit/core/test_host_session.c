/* SPDX-License-Identifier: Apache-2.0 */
/* Whole lives of sessions: orders, tickets, consent, interruption, the link. */
#include "rig_session.h"

static struct consent_view view(const struct rig *r) {
    struct consent_view v;
    host_consent_view(&r->h, rig_now(r), &v);
    return v;
}

/* --- lives --- */

static void a_life_without_consent(void **s) {
    struct rig *r = rig_new();
    assert_int_equal(rig_start(r, REDIR_SOL, "ses-a", "alice"), 0);
    assert_string_equal(r->answer.id, "ses-a");
    assert_int_equal(r->answer.state, SESSION_READY);
    assert_int_equal(r->jobs[WSC_OPTIN_READ], 1);
    assert_int_equal(r->jobs[WSC_OPTIN_START], 0);
    assert_int_equal(r->jobs[WSC_KVM_TIMEOUT], 0);
    rig_open(r, "ses-a");
    assert_true(rig_session(r, "ses-a")->device_open);
    rig_report(r, "ses-a", SESSION_VIEWER_GONE, SESSION_WHY_CLOSED);
    assert_int_equal(r->end.times, 1);
    assert_int_equal(r->end.state, SESSION_ENDED);
    assert_string_equal(r->end.text, "the viewer closed it");
    assert_ptr_equal(host_session_blocking(&r->h), rig_session(r, "ses-a"));
    rig_release(r, "ses-a");
    assert_null(host_session_blocking(&r->h));
    assert_true(rig_session(r, "ses-a")->ended_at.us > rig_session(r, "ses-a")->since.us);
    rig_free(r);
}

static void a_firmware_without_the_consent_class_wants_none(void **s) {
    struct rig *r = rig_new();
    r->no_optin_class = true;
    assert_int_equal(rig_start(r, REDIR_SOL, "ses-a", "alice"), 0);
    assert_int_equal(r->answer.state, SESSION_READY);
    rig_free(r);
}

static void a_firmware_that_does_not_answer_ends_what_was_started(void **s) {
    struct rig *r = rig_ccm();
    r->mute_optin = true;
    assert_int_equal(rig_start(r, REDIR_SOL, "ses-a", "alice"), ERR_TIMEOUT);
    assert_non_null(strstr(r->answer.error.text, "could not be asked about consent: no answer"));
    assert_int_equal(rig_session(r, "ses-a")->state, SESSION_ENDED);
    assert_int_equal(rig_session(r, "ses-a")->why, SESSION_WHY_DEVICE_ERROR);
    rig_free(r);
}

static void a_life_with_consent_and_a_resumption(void **s) {
    struct rig *r = rig_ccm();
    assert_int_equal(rig_start(r, REDIR_KVM, "ses-a", "alice"), 0);
    assert_int_equal(r->answer.state, SESSION_CONSENT);
    assert_int_equal(view(r).action, CONSENT_ENTER_CODE);
    assert_int_equal(r->jobs[WSC_OPTIN_START], 1);
    assert_int_equal(rig_ticket(r, "ses-a", "alice"), ERR_STATE); /* not yet */
    assert_non_null(strstr(r->answer.error.remedy, "Enter the consent code"));
    rig_run(r, 10000);
    assert_string_equal(view(r).state, "displayed");
    assert_int_equal(rig_code(r, 54321), ERR_REFUSED);
    assert_non_null(strstr(r->answer.error.text, "2 tries left"));
    assert_int_equal(rig_session(r, "ses-a")->state, SESSION_CONSENT);
    assert_int_equal(rig_code(r, CODE), 0);
    assert_int_equal(rig_session(r, "ses-a")->state, SESSION_READY);
    rig_open(r, "ses-a");
    assert_int_equal(view(r).action, CONSENT_NONE);
    rig_run(r, 600000); /* far beyond both clocks */
    /* the viewer is lost and comes again: no code */
    rig_report(r, "ses-a", SESSION_VIEWER_GONE, SESSION_WHY_VIEWER_LOST);
    assert_int_equal(rig_session(r, "ses-a")->state, SESSION_INTERRUPTED);
    assert_int_equal(rig_session(r, "ses-a")->resume_until.us,
                     rig_now(r).wall.us + (int64_t)r->p.resume_ms * 1000);
    rig_release(r, "ses-a");
    rig_run(r, 60000);
    assert_int_equal(view(r).reuse_s, 60);
    unsigned starts = r->jobs[WSC_OPTIN_START];
    rig_open(r, "ses-a");
    assert_int_equal(r->jobs[WSC_OPTIN_START], starts);
    rig_report(r, "ses-a", SESSION_DEVICE_GONE, SESSION_WHY_DEVICE_CLOSED); /* the firmware closes it */
    assert_int_equal(rig_session(r, "ses-a")->state, SESSION_INTERRUPTED);
    rig_release(r, "ses-a");
    rig_run(r, 121000);
    assert_int_equal(rig_session(r, "ses-a")->state, SESSION_ENDED);
    assert_string_equal(rig_session(r, "ses-a")->text, "interrupted, and nobody resumed it");
    assert_int_equal(rig_session(r, "ses-a")->why, SESSION_WHY_DEVICE_CLOSED);
    assert_int_equal(r->jobs[WSC_OPTIN_CANCEL], 0);
    rig_free(r);
}

static void consent_that_ran_out_is_asked_for_again(void **s) {
    struct rig *r = rig_ccm();
    r->p.resume_ms = 600000;
    rig_start(r, REDIR_SOL, "ses-a", "alice");
    rig_code(r, CODE);
    rig_open(r, "ses-a");
    rig_report(r, "ses-a", SESSION_VIEWER_GONE, SESSION_WHY_VIEWER_LOST);
    rig_release(r, "ses-a");
    rig_run(r, 310000);
    assert_int_equal(rig_ticket(r, "ses-a", "alice"), ERR_STATE);
    assert_non_null(strstr(r->answer.error.text, "The consent has run out"));
    assert_int_equal(rig_session(r, "ses-a")->state, SESSION_CONSENT);
    assert_int_equal(rig_session(r, "ses-a")->ticket[0], 0);
    assert_int_equal(rig_code(r, CODE), 0);
    assert_int_equal(rig_attach(r, "ses-a", TICKET), ERR_AUTH); /* the ticket of then */
    rig_open(r, "ses-a");
    rig_free(r);
}

static void failures_of_the_device_end_it(void **s) {
    static const enum session_reason all[] = {SESSION_WHY_DEVICE_BUSY,  SESSION_WHY_DEVICE_DISABLED,
                                              SESSION_WHY_DEVICE_AUTH,  SESSION_WHY_PROTOCOL,
                                              SESSION_WHY_DEVICE_ERROR, SESSION_WHY_CONSENT};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        struct rig *r = rig_new();
        rig_start(r, REDIR_SOL, "ses-a", "alice");
        rig_ticket(r, "ses-a", "alice");
        rig_attach(r, "ses-a", TICKET);
        rig_report(r, "ses-a", SESSION_DEVICE_GONE, all[i]);
        assert_int_equal(rig_session(r, "ses-a")->state, SESSION_ENDED);
        assert_int_equal(r->end.why, all[i]);
        assert_string_equal(r->end.text, session_reason_row(all[i])->text);
        assert_true(rig_session(r, "ses-a")->device_open);
        rig_report(r, "ses-a", SESSION_RELEASED, SESSION_WHY_NONE);
        assert_null(host_session_blocking(&r->h));
        rig_free(r);
    }
}

/* --- tickets --- */

static void a_ticket_is_good_once_and_for_one(void **s) {
    struct rig *r = rig_new();
    rig_start(r, REDIR_KVM, "ses-a", "alice");
    rig_start(r, REDIR_SOL, "ses-b", "alice");
    assert_int_equal(rig_attach(r, "ses-a", TICKET), ERR_AUTH); /* never fetched */
    assert_int_equal(rig_attach(r, "ses-a", ""), ERR_AUTH);
    assert_int_equal(rig_ticket(r, "ses-a", "bob"), ERR_DENIED);
    assert_non_null(strstr(r->answer.error.text, "belongs to alice"));
    struct session_order admin = rig_words(SESSION_TICKET, "ses-a", "root");
    admin.admin = true;
    assert_int_equal(rig_ask(r, admin), ERR_DENIED); /* nobody watches as somebody else */
    assert_int_equal(rig_ticket(r, "ses-x", "alice"), ERR_NOT_FOUND);
    assert_non_null(strstr(r->answer.error.remedy, "restart"));
    assert_int_equal(rig_ticket(r, "ses-a", "alice"), 0);
    assert_int_equal(rig_attach(r, "ses-b", TICKET), ERR_AUTH); /* another session, another kind */
    struct session_order kind = {
        .what = SESSION_ATTACH, .by_kind = true, .kind = REDIR_SOL, .ticket = TICKET};
    rig_order(r, kind);
    assert_int_equal(r->answer.error.code, ERR_AUTH);
    kind.kind = REDIR_IDER; /* none is open */
    rig_order(r, kind);
    assert_int_equal(r->answer.error.code, ERR_AUTH);
    assert_int_equal(rig_attach(r, "ses-a", "0123"), ERR_AUTH);
    kind.kind = REDIR_KVM;
    rig_order(r, kind);
    assert_int_equal(r->answer.error.code, 0);
    assert_int_equal(rig_session(r, "ses-a")->state, SESSION_CONNECTING);
    assert_int_equal(rig_attach(r, "ses-a", TICKET), ERR_AUTH); /* used */
    assert_non_null(strstr(r->answer.error.text, "used already"));
    assert_non_null(strstr(r->answer.error.remedy, "new ticket"));
    rig_free(r);
}

static void a_ticket_expires(void **s) {
    struct rig *r = rig_new();
    rig_start(r, REDIR_SOL, "ses-a", "alice");
    rig_ticket(r, "ses-a", "alice"); /* and 3 s */
    rig_run(r, r->p.ticket_ms - 3000);
    assert_int_equal(rig_attach(r, "ses-a", TICKET), ERR_AUTH);
    rig_ticket(r, "ses-a", "alice");
    rig_run(r, r->p.ticket_ms - 3001);
    assert_int_equal(rig_attach(r, "ses-a", TICKET), 0);
    rig_free(r);
}

static void a_new_ticket_takes_the_place_of_the_old_one(void **s) {
    struct rig *r = rig_new();
    struct session_order o = rig_words(SESSION_TICKET, "ses-a", "alice");
    rig_start(r, REDIR_SOL, "ses-a", "alice");
    rig_ticket(r, "ses-a", "alice");
    snprintf(o.ticket, sizeof o.ticket, "another");
    assert_int_equal(rig_ask(r, o), 0);
    assert_int_equal(rig_attach(r, "ses-a", TICKET), ERR_AUTH);
    assert_int_equal(rig_attach(r, "ses-a", "another"), 0);
    rig_free(r);
}

static void its_owner_may_open_it_elsewhere(void **s) {
    struct rig *r = rig_active(REDIR_SOL, "ses-a", "alice");
    struct session_order o = rig_words(SESSION_TICKET, "ses-a", "alice");
    snprintf(o.ticket, sizeof o.ticket, "%s", TICKET);
    unsigned answers = r->answer.times;
    rig_order(r, o);
    assert_int_equal(r->end.why, SESSION_WHY_TAKEN_OVER); /* the viewer of before does not resume */
    assert_string_equal(r->end.text, "its owner opened it elsewhere");
    rig_run(r, 3000); /* the firmware takes one session of a kind at a time */
    assert_int_equal(r->answer.times, answers);
    assert_int_equal(rig_session(r, "ses-a")->state, SESSION_OPENING);
    rig_release(r, "ses-a");
    rig_run(r, 1000);
    assert_int_equal(r->answer.times, answers + 1);
    assert_int_equal(r->answer.state, SESSION_READY);
    assert_int_equal(rig_attach(r, "ses-a", TICKET), 0);
    rig_report(r, "ses-a", SESSION_RELEASED, SESSION_WHY_NONE); /* late, of the stream before */
    assert_true(rig_session(r, "ses-a")->device_open);
    rig_free(r);
}

/* --- whose it is --- */

static void a_conflict_names_the_holder(void **s) {
    struct rig *r = rig_active(REDIR_KVM, "ses-a", "alice");
    assert_int_equal(rig_start(r, REDIR_KVM, "ses-b", "bob"), ERR_STATE);
    assert_non_null(strstr(r->answer.error.text, "KVM session ses-a by alice since 08:00:05"));
    assert_non_null(strstr(r->answer.error.remedy, "Ask alice"));
    assert_null(host_session_find(&r->h, "ses-b"));
    assert_int_equal(rig_start(r, REDIR_KVM, "ses-b", "alice"),
                     ERR_STATE); /* even an own one that is watched */
    assert_non_null(strstr(r->answer.error.remedy, "your own"));
    assert_int_equal(rig_start(r, REDIR_SOL, "ses-c", "bob"), 0); /* another kind is another matter */
    rig_free(r);
}

static int take_over(struct rig *r, const char *id, const char *user, bool admin) {
    struct session_order o = rig_start_words(REDIR_KVM, id, user);
    o.take_over = true;
    o.admin = admin;
    unsigned times = r->answer.times;
    rig_order(r, o);
    if (r->answer.times == times && host_session_blocking(&r->h)) {
        rig_run(r, 1000); /* waits for the other one's device side */
        assert_int_equal(rig_session(r, id)->state, SESSION_OPENING);
        rig_release(r, "ses-a");
    }
    rig_run(r, 1000);
    assert_int_equal(r->answer.times, times + 1);
    return r->answer.error.code;
}

static void taking_over(void **s) {
    struct rig *r = rig_active(REDIR_KVM, "ses-a", "alice");
    assert_int_equal(take_over(r, "ses-b", "bob", false), ERR_DENIED);
    assert_non_null(
        strstr(r->answer.error.text, "Only an admin may take over the KVM session ses-a by alice"));
    assert_int_equal(rig_session(r, "ses-a")->state, SESSION_ACTIVE);
    assert_int_equal(take_over(r, "ses-b", "bob", true), 0);
    assert_int_equal(r->end.why, SESSION_WHY_TAKEN_OVER);
    assert_string_equal(r->end.text, "taken over by bob");
    assert_int_equal(rig_session(r, "ses-b")->state, SESSION_READY);
    rig_free(r);
    r = rig_active(REDIR_KVM, "ses-a", "alice");
    assert_int_equal(take_over(r, "ses-b", "alice", false), 0); /* one's own */
    rig_free(r);
}

static void what_nobody_watches_gives_way(void **s) {
    struct rig *r = rig_active(REDIR_SOL, "ses-a", "alice");
    rig_report(r, "ses-a", SESSION_VIEWER_GONE, SESSION_WHY_VIEWER_LOST);
    rig_release(r, "ses-a");
    assert_int_equal(rig_start(r, REDIR_SOL, "ses-b", "bob"), 0); /* interrupted */
    assert_int_equal(rig_session(r, "ses-a")->state, SESSION_ENDED);
    assert_int_equal(rig_start(r, REDIR_SOL, "ses-c", "alice"), ERR_STATE); /* ready, and bob's */
    assert_int_equal(rig_start(r, REDIR_SOL, "ses-d", "bob"), 0);           /* … but bob may */
    assert_string_equal(rig_session(r, "ses-b")->text, "taken over by bob");
    rig_free(r);
}

static void stopping(void **s) {
    struct rig *r = rig_active(REDIR_SOL, "ses-a", "alice");
    assert_int_equal(rig_stop(r, "ses-a", "bob"), ERR_DENIED);
    assert_int_equal(rig_session(r, "ses-a")->state, SESSION_ACTIVE);
    struct session_order o = rig_words(SESSION_STOP, "ses-a", "root");
    o.admin = true;
    assert_int_equal(rig_ask(r, o), 0);
    assert_string_equal(r->end.text, "stopped by root");
    unsigned ends = r->end.times;
    assert_int_equal(rig_stop(r, "ses-a", "alice"), 0); /* again: nothing to do */
    assert_int_equal(r->end.times, ends);
    assert_int_equal(rig_ticket(r, "ses-a", "alice"), ERR_STATE);
    assert_non_null(strstr(r->answer.error.text, "in state ended: stopped by root"));
    rig_free(r);
}

static int resume(struct rig *r, const char *old, const char *id, enum redir_kind kind, const char *user) {
    struct session_order o = rig_start_words(kind, id, user);
    snprintf(o.resume, sizeof o.resume, "%s", old);
    return rig_ask(r, o);
}

static void resuming(void **s) {
    struct rig *r = rig_new();
    r->p.started = (struct wall){1800000000000000 - 3600000000};
    assert_int_equal(resume(r, "ses-0", "ses-a", REDIR_SOL, "alice"), 0); /* of before the restart */
    assert_string_equal(r->answer.id, "ses-a");
    assert_string_equal(rig_session(r, "ses-a")->resumed, "The server was restarted at 07:00:00");
    assert_int_equal(resume(r, "ses-a", "ses-b", REDIR_SOL, "alice"), 0); /* known: itself */
    assert_string_equal(r->answer.id, "ses-a");
    assert_null(host_session_find(&r->h, "ses-b"));
    rig_stop(r, "ses-a", "alice");
    assert_int_equal(resume(r, "ses-a", "ses-b", REDIR_SOL, "alice"), 0); /* ended: a new one says why */
    assert_string_equal(rig_session(r, "ses-b")->resumed, "Session ses-a had ended: stopped by alice");
    assert_int_equal(resume(r, "ses-b", "ses-c", REDIR_SOL, "bob"), ERR_STATE); /* not the caller's */
    assert_int_equal(resume(r, "ses-b", "ses-c", REDIR_KVM, "bob"), 0);
    assert_string_equal(rig_session(r, "ses-c")->resumed, "Session ses-b is the SOL session of alice");
    rig_free(r);
}

/* --- consent --- */

static void stopping_takes_the_code_off_the_screen(void **s) {
    struct rig *r = rig_ccm();
    rig_start(r, REDIR_KVM, "ses-a", "alice");
    rig_start(r, REDIR_SOL, "ses-b", "alice");
    rig_stop(r, "ses-a", "alice");
    assert_int_equal(r->jobs[WSC_OPTIN_CANCEL], 0); /* the other one wants it */
    rig_stop(r, "ses-b", "alice");
    assert_int_equal(r->jobs[WSC_OPTIN_CANCEL], 1);
    assert_int_equal(r->optin.state, AMT_OPTIN_NOT_STARTED);
    rig_free(r);
}

static void a_new_start_keeps_the_code_on_the_screen(void **s) {
    struct rig *r = rig_ccm();
    rig_start(r, REDIR_KVM, "ses-a", "alice");
    assert_int_equal(rig_start(r, REDIR_KVM, "ses-b", "alice"), 0);
    assert_int_equal(rig_session(r, "ses-a")->state, SESSION_ENDED);
    assert_int_equal(r->jobs[WSC_OPTIN_CANCEL], 0);
    assert_int_equal(r->jobs[WSC_OPTIN_START], 1);
    assert_int_equal(rig_code(r, CODE), 0);
    assert_int_equal(rig_session(r, "ses-b")->state, SESSION_READY);
    rig_free(r);
}

static void a_cancel_that_the_firmware_refuses_is_no_storm(void **s) {
    struct rig *r = rig_ccm();
    r->optin.no_cancel = true;
    rig_start(r, REDIR_KVM, "ses-a", "alice");
    rig_stop(r, "ses-a", "alice");
    rig_run(r, 60000);
    assert_in_range(r->jobs[WSC_OPTIN_CANCEL], 2, 15);
    rig_free(r);
}

static void a_code_of_another_console_is_left_alone(void **s) {
    struct rig *r = rig_ccm();
    rig_optin_start(&r->optin, r->now_ms);
    rig_start(r, REDIR_KVM, "ses-a", "alice");
    assert_int_equal(r->jobs[WSC_OPTIN_START], 0);
    rig_stop(r, "ses-a", "alice");
    assert_int_equal(r->jobs[WSC_OPTIN_CANCEL], 0);
    rig_free(r);
}

static void when_no_code_can_be_made_it_says_until_when(void **s) {
    struct rig *r = rig_ccm();
    rig_start(r, REDIR_KVM, "ses-a", "alice"); /* on the screen from 08:00:06 on */
    rig_run(r, 10000);
    rig_stop(r, "ses-a", "alice");
    assert_int_equal(rig_start(r, REDIR_KVM, "ses-b", "alice"), 0);
    assert_int_equal(r->answer.state, SESSION_CONSENT);
    assert_int_equal(view(r).action, CONSENT_WAIT);
    assert_non_null(strstr(view(r).text, "No new code can be made yet: try again at 08:05:"));
    assert_non_null(strstr(view(r).text, ", or enter the code already shown"));
    assert_int_equal(rig_ask(r, (struct session_order){.what = SESSION_CONSENT_REQUEST}),
                     0); /* no job for it */
    unsigned starts = r->jobs[WSC_OPTIN_START];
    rig_run(r, 300000);
    assert_int_equal(r->jobs[WSC_OPTIN_START], starts + 1); /* by itself, and just once */
    assert_int_equal(view(r).action, CONSENT_ENTER_CODE);
    assert_int_equal(rig_code(r, CODE), 0);
    assert_int_equal(rig_session(r, "ses-b")->state, SESSION_READY);
    rig_free(r);
}

static void three_wrong_codes(void **s) {
    struct rig *r = rig_ccm();
    rig_start(r, REDIR_KVM, "ses-a", "alice");
    assert_int_equal(rig_code(r, 1), ERR_REFUSED);
    assert_int_equal(rig_code(r, 2), ERR_REFUSED);
    assert_int_equal(rig_code(r, 3), ERR_REFUSED);
    assert_non_null(strstr(r->answer.error.text, "last try"));
    assert_int_equal(view(r).action, CONSENT_WAIT);
    assert_non_null(strstr(view(r).text, "after wrong entries"));
    assert_int_equal(rig_session(r, "ses-a")->state, SESSION_CONSENT);
    rig_run(r, 70000);
    assert_int_equal(view(r).action, CONSENT_ENTER_CODE);
    assert_int_equal(view(r).tries_left, 3);
    assert_int_equal(rig_code(r, CODE), 0);
    rig_free(r);
}

static void consent_by_hand(void **s) {
    struct rig *r = rig_ccm();
    assert_int_equal(rig_ask(r, (struct session_order){.what = SESSION_CONSENT_READ}), 0);
    assert_string_equal(view(r).state, "not-started");
    assert_int_equal(rig_code(r, CODE), ERR_STATE); /* none is shown */
    assert_int_equal(rig_ask(r, (struct session_order){.what = SESSION_CONSENT_REQUEST}), 0);
    rig_run(r, 60000);
    assert_int_equal(r->jobs[WSC_OPTIN_CANCEL], 0); /* a person's wish stays on the screen */
    assert_int_equal(rig_ask(r, (struct session_order){.what = SESSION_CONSENT_REQUEST}), 0);
    assert_int_equal(r->jobs[WSC_OPTIN_START], 1); /* the one that is shown is still good */
    assert_string_equal(view(r).state, "displayed");
    assert_int_equal(rig_ask(r, (struct session_order){.what = SESSION_CONSENT_CANCEL}), 0);
    assert_int_equal(r->optin.state, AMT_OPTIN_NOT_STARTED);
    assert_true(rig_logged(r, "consent: The consent was cancelled"));
    r->nlog = 0;
    assert_int_equal(rig_ask(r, (struct session_order){.what = SESSION_CONSENT_CANCEL}), 0);
    assert_false(rig_logged(r, "consent: "));
    r->optin.required = 0;
    rig_ask(r, (struct session_order){.what = SESSION_CONSENT_READ});
    unsigned starts = r->jobs[WSC_OPTIN_START];
    assert_int_equal(rig_ask(r, (struct session_order){.what = SESSION_CONSENT_REQUEST}), 0);
    assert_int_equal(r->jobs[WSC_OPTIN_START], starts); /* none is needed */
    rig_free(r);
}

static void orders_wait_their_turn_and_only_so_many(void **s) {
    struct rig *r = rig_ccm();
    for (unsigned i = 0; i < SESSION_WAITS_MAX; i++) /* one at the firmware, three behind it */
        rig_order(r, (struct session_order){.what = i ? SESSION_CONSENT_REQUEST : SESSION_CONSENT_READ});
    assert_int_equal(r->answer.times, 0);
    rig_order(r, (struct session_order){.what = SESSION_CONSENT_REQUEST});
    assert_int_equal(r->answer.times, 1);
    assert_int_equal(r->answer.error.code, ERR_BUSY);
    assert_non_null(strstr(r->answer.error.remedy, "Try again"));
    rig_run(r, 3000);
    assert_int_equal(r->answer.times, 5);
    assert_int_equal(r->answer.token, 4); /* in turn */
    assert_int_equal(r->jobs[WSC_OPTIN_START], 1);
    rig_free(r);
}

static void policy_kvm_asks_for_kvm_only(void **s) {
    struct rig *r = rig_ccm();
    r->optin.required = 1;
    assert_int_equal(rig_start(r, REDIR_SOL, "ses-a", "alice"), 0);
    assert_int_equal(r->answer.state, SESSION_READY);
    assert_int_equal(rig_start(r, REDIR_KVM, "ses-b", "alice"), 0);
    assert_int_equal(r->answer.state, SESSION_CONSENT);
    rig_free(r);
}

/* --- times --- */

static void what_nobody_comes_for_ends(void **s) {
    struct rig *r = rig_new();
    rig_start(r, REDIR_SOL, "ses-a", "alice");
    rig_run(r, r->p.session_ready_ms);
    assert_int_equal(r->end.why, SESSION_WHY_EXPIRED);
    assert_string_equal(r->end.text, "nobody came for it in time");
    rig_free(r);
    r = rig_ccm();
    rig_start(r, REDIR_SOL, "ses-a", "alice");
    rig_run(r, 596000);
    assert_int_equal(rig_session(r, "ses-a")->state, SESSION_CONSENT);
    rig_run(r, 3000);
    assert_int_equal(r->end.why, SESSION_WHY_CONSENT);
    assert_string_equal(r->end.text, "no consent code was entered");
    rig_run(r, 5000);
    assert_int_equal(r->optin.state, AMT_OPTIN_NOT_STARTED); /* and the code is gone */
    rig_free(r);
}

/* --- the link --- */

static void without_a_link_nothing_starts(void **s) {
    struct rig *r = rig_new();
    rig_lost(r, LINK_WHY_RESET);
    assert_int_equal(rig_start(r, REDIR_SOL, "ses-a", "alice"), ERR_UNREACHABLE);
    assert_non_null(strstr(r->answer.error.text, "Device not found/connected"));
    assert_int_equal(rig_ask(r, (struct session_order){.what = SESSION_CONSENT_READ}), ERR_UNREACHABLE);
    rig_free(r);
}

static void a_lost_link_interrupts_and_answers(void **s) {
    struct rig *r = rig_active(REDIR_SOL, "ses-a", "alice");
    unsigned answers = r->answer.times;
    rig_order(r, rig_start_words(REDIR_KVM, "ses-b", "bob"));
    rig_order(r, (struct session_order){.what = SESSION_CONSENT_READ});
    assert_int_equal(r->answer.times, answers);
    rig_lost(r, LINK_WHY_RESET);
    assert_int_equal(r->answer.times, answers + 2);
    assert_int_equal(rig_session(r, "ses-a")->state, SESSION_INTERRUPTED);
    assert_string_equal(rig_session(r, "ses-a")->text, "the AMT link was lost (reset by peer)");
    assert_int_equal(rig_session(r, "ses-b")->state, SESSION_ENDED); /* there is nothing to resume */
    assert_null(host_session_blocking(&r->h));
    assert_int_equal(view(r).action, CONSENT_UNAVAILABLE);
    assert_int_equal(rig_ticket(r, "ses-a", "alice"), ERR_UNREACHABLE);
    assert_int_equal(rig_session(r, "ses-a")->state, SESSION_INTERRUPTED); /* not spoiled by it */
    rig_up(r);
    rig_open(r, "ses-a");
    rig_free(r);
}

static void a_link_lost_on_the_way_back_keeps_it_resumable(void **s) {
    struct rig *r = rig_active(REDIR_SOL, "ses-a", "alice");
    rig_lost(r, LINK_WHY_RESET);
    rig_up(r);
    unsigned answers = r->answer.times;
    rig_order(r, rig_words(SESSION_TICKET, "ses-a", "alice"));
    assert_int_equal(rig_session(r, "ses-a")->state, SESSION_OPENING);
    rig_lost(r, LINK_WHY_EOF);
    assert_int_equal(r->answer.times, answers + 1);
    assert_int_equal(r->answer.error.code, ERR_CANCELLED);
    assert_non_null(strstr(r->answer.error.text, "was interrupted meanwhile"));
    assert_int_equal(rig_session(r, "ses-a")->state, SESSION_INTERRUPTED);
    rig_up(r);
    r->mute_optin = true; /* nor does a firmware that is slow to come back */
    assert_int_equal(rig_ticket(r, "ses-a", "alice"), ERR_TIMEOUT);
    assert_int_equal(rig_session(r, "ses-a")->state, SESSION_INTERRUPTED);
    r->mute_optin = false;
    rig_open(r, "ses-a");
    rig_free(r);
}

static void a_newer_tunnel_ends_what_ran_over_the_older(void **s) {
    struct rig *r = rig_active(REDIR_SOL, "ses-a", "alice");
    unsigned answers = r->answer.times;
    rig_order(r, (struct session_order){.what = SESSION_CONSENT_READ});
    rig_up(r);
    assert_int_equal(r->answer.times, answers + 1);
    assert_int_equal(r->answer.error.code, ERR_UNREACHABLE);
    assert_string_equal(rig_session(r, "ses-a")->text, "the AMT link was lost (replaced by a newer login)");
    assert_int_equal(rig_session(r, "ses-a")->state, SESSION_INTERRUPTED);
    assert_null(host_session_blocking(&r->h));
    rig_run(r, 5000); /* the older tunnel's result is nobody's */
    assert_int_equal(r->answer.times, answers + 1);
    rig_free(r);
}

static void a_link_lost_while_it_closes_is_closed_too(void **s) {
    struct rig *r = rig_active(REDIR_SOL, "ses-a", "alice");
    rig_report(r, "ses-a", SESSION_VIEWER_GONE, SESSION_WHY_VIEWER_LOST);
    assert_non_null(host_session_blocking(&r->h)); /* interrupted, and not released yet */
    rig_lost(r, LINK_WHY_RESET);
    assert_null(host_session_blocking(&r->h));
    rig_free(r);
}

/* --- odd reports --- */

static void reports_out_of_order_change_nothing(void **s) {
    static const enum session_report_kind all[] = {SESSION_OPENED,      SESSION_HEARD,
                                                   SESSION_INPUT,       SESSION_DEVICE_GONE,
                                                   SESSION_VIEWER_GONE, SESSION_RELEASED};
    struct rig *r = rig_new();
    rig_report(r, "ses-none", SESSION_OPENED, SESSION_WHY_NONE); /* no session at all, yet */
    rig_start(r, REDIR_SOL, "ses-a", "alice");
    for (int ended = 0; ended < 2; ended++) {
        const struct session before = *rig_session(r, "ses-a");
        unsigned told = r->end.times + r->note.times + r->answer.times;
        for (size_t i = 0; i < sizeof all / sizeof *all; i++)
            for (int twice = 0; twice < 2; twice++)
                rig_report(r, "ses-a", all[i], SESSION_WHY_VIEWER_LOST);
        assert_memory_equal(rig_session(r, "ses-a"), &before, sizeof before);
        assert_int_equal(r->end.times + r->note.times + r->answer.times, told);
        if (!ended) {
            rig_open(r, "ses-a");
            rig_stop(r, "ses-a", "alice");
            rig_release(r, "ses-a");
        }
    }
    rig_free(r);
}

static void a_report_twice_is_one(void **s) {
    struct rig *r = rig_ccm();
    rig_start(r, REDIR_SOL, "ses-a", "alice");
    rig_code(r, CODE);
    rig_open(r, "ses-a");
    rig_run(r, 1000);
    struct mono opened = rig_session(r, "ses-a")->opened;
    rig_report(r, "ses-a", SESSION_OPENED, SESSION_WHY_NONE);
    assert_int_equal(rig_session(r, "ses-a")->opened.us, opened.us);
    rig_report(r, "ses-a", SESSION_VIEWER_GONE, SESSION_WHY_CLOSED);
    rig_report(r, "ses-a", SESSION_DEVICE_GONE, SESSION_WHY_DEVICE_CLOSED);
    assert_int_equal(r->end.times, 1);
    rig_release(r, "ses-a");
    rig_run(r, 100000);
    rig_report(r, "ses-a", SESSION_RELEASED, SESSION_WHY_NONE);
    assert_int_equal(view(r).reuse_s, 20); /* counted from the first */
    rig_free(r);
}

static void eight_of_the_past_are_remembered(void **s) {
    struct rig *r = rig_active(REDIR_KVM, "ses-open", "alice");
    rig_stop(r, "ses-open", "alice"); /* its device's side is not closed yet */
    char id[REDIR_SESSION_ID_CAP];
    for (unsigned i = 0; i < 20; i++) {
        snprintf(id, sizeof id, "ses-%u", i);
        assert_int_equal(rig_start(r, REDIR_SOL, id, "alice"), 0);
        assert_int_equal(rig_stop(r, id, "alice"), 0);
    }
    unsigned known = 0;
    for (unsigned i = 0; i < 20; i++) {
        snprintf(id, sizeof id, "ses-%u", i);
        known += host_session_find(&r->h, id) != NULL;
    }
    assert_int_equal(known, SESSIONS_PAST_MAX - 1);
    assert_string_equal(r->h.sessions->past[0]->id, "ses-19"); /* the newest first */
    assert_string_equal(host_session_blocking(&r->h)->id, "ses-open");
    rig_release(r, "ses-open");
    assert_null(host_session_blocking(&r->h));
    rig_start(r, REDIR_SOL, "ses-last", "alice");
    rig_stop(r, "ses-last", "alice");
    assert_null(host_session_find(&r->h, "ses-open"));
    assert_non_null(host_session_find(&r->h, "ses-13"));
    rig_free(r);
}

UNIT_MAIN(T(a_life_without_consent), T(a_firmware_without_the_consent_class_wants_none),
          T(a_firmware_that_does_not_answer_ends_what_was_started), T(a_life_with_consent_and_a_resumption),
          T(consent_that_ran_out_is_asked_for_again), T(failures_of_the_device_end_it),
          T(a_ticket_is_good_once_and_for_one), T(a_ticket_expires),
          T(a_new_ticket_takes_the_place_of_the_old_one), T(its_owner_may_open_it_elsewhere),
          T(a_conflict_names_the_holder), T(taking_over), T(what_nobody_watches_gives_way), T(stopping),
          T(resuming), T(stopping_takes_the_code_off_the_screen), T(a_new_start_keeps_the_code_on_the_screen),
          T(a_cancel_that_the_firmware_refuses_is_no_storm), T(a_code_of_another_console_is_left_alone),
          T(when_no_code_can_be_made_it_says_until_when), T(three_wrong_codes), T(consent_by_hand),
          T(orders_wait_their_turn_and_only_so_many), T(policy_kvm_asks_for_kvm_only),
          T(what_nobody_comes_for_ends), T(without_a_link_nothing_starts),
          T(a_lost_link_interrupts_and_answers), T(a_link_lost_on_the_way_back_keeps_it_resumable),
          T(a_newer_tunnel_ends_what_ran_over_the_older), T(a_link_lost_while_it_closes_is_closed_too),
          T(reports_out_of_order_change_nothing), T(a_report_twice_is_one),
          T(eight_of_the_past_are_remembered))
