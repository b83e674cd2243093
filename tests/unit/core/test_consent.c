/* SPDX-License-Identifier: Apache-2.0 */
/* The consent machine alone: the firmware's values, the clocks that follow from them, and what is asked. */
#include "core/consent.h"
#include "unit.h"

enum { POLL = 5000 };
#define ALL AMT_OPTIN_ALL
static const struct wall NOON = {1800000000000000}; /* 2027-01-15 08:00:00 */

struct bench {
    struct consent c;
    int64_t s; /* seconds that passed */
};

static struct mono mono_of(const struct bench *b) {
    return (struct mono){1000000000 + b->s * 1000000};
}
static struct wall wall_of(const struct bench *b) {
    return (struct wall){NOON.us + b->s * 1000000};
}

static void reads(struct bench *b, uint32_t required, uint32_t state) {
    struct amt_optin fw = {.required = required, .state = state, .code_timeout_s = 120, .display_s = 300};
    consent_read(&b->c, &fw, mono_of(b), wall_of(b));
}
static void starts(struct bench *b, uint32_t state, int64_t rv) {
    reads(b, ALL, state);
    consent_started(&b->c, rv, mono_of(b));
}
static int sends(struct bench *b, uint32_t state, int64_t rv, struct errinfo *ei) {
    *ei = (struct errinfo){0};
    reads(b, ALL, state);
    return consent_sent(&b->c, rv, mono_of(b), ei);
}
static struct consent_view view(const struct bench *b) {
    struct consent_view v;
    consent_view(&b->c, true, mono_of(b), wall_of(b), &v);
    return v;
}
static enum consent_ask next(const struct bench *b, bool waiting, int64_t *at_s) {
    struct mono at;
    enum consent_ask a = consent_next(&b->c, waiting, POLL, mono_of(b), &at);
    *at_s = mono_is_never(at) ? -1 : (at.us - 1000000000) / 1000000;
    return a;
}

static void what_is_not_known_is_said(void **s) {
    struct bench b = {0};
    struct consent_view v = view(&b);
    assert_int_equal(v.action, CONSENT_UNAVAILABLE);
    assert_string_equal(v.required, "unknown");
    assert_string_equal(v.state, "unknown");
    assert_non_null(strstr(v.text, "has not been asked"));
    assert_true(v.reuse_s == -1 && v.display_s == -1 && !v.has_next_code);
    assert_false(consent_needed(&b.c, REDIR_KVM));
    reads(&b, ALL, AMT_OPTIN_RECEIVED);
    consent_view(&b.c, false, mono_of(&b), wall_of(&b), &v);
    assert_int_equal(v.action, CONSENT_UNAVAILABLE);
    assert_non_null(strstr(v.text, "not connected"));
}

static void the_policy_covers_kinds(void **s) {
    static const struct {
        uint32_t required;
        const char *id;
        bool covers[REDIR_KIND_COUNT]; /* KVM, SOL, IDE-R */
    } all[] = {{0, "none", {false, false, false}},
               {1, "kvm", {true, false, false}},
               {ALL, "all", {true, true, true}},
               {2, "all", {true, true, true}}}; /* not in the reference: the careful reading */
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        for (unsigned k = 0; k < REDIR_KIND_COUNT; k++) {
            struct bench b = {0};
            reads(&b, all[i].required, AMT_OPTIN_NOT_STARTED);
            assert_string_equal(view(&b).required, all[i].id);
            assert_int_equal(consent_covers(&b.c, (enum redir_kind)k), all[i].covers[k]);
            assert_int_equal(consent_needed(&b.c, (enum redir_kind)k), all[i].covers[k]);
            reads(&b, all[i].required, AMT_OPTIN_RECEIVED);
            assert_false(consent_needed(&b.c, (enum redir_kind)k));
            reads(&b, all[i].required, AMT_OPTIN_IN_SESSION);
            assert_false(consent_needed(&b.c, (enum redir_kind)k));
            reads(&b, all[i].required, AMT_OPTIN_DISPLAYED);
            assert_int_equal(consent_needed(&b.c, (enum redir_kind)k), all[i].covers[k]);
        }
}

static void each_state_says_what_to_do(void **s) {
    static const struct {
        uint32_t required, state;
        const char *id;
        enum consent_action action;
        const char *text;
    } all[] = {
        {0, 0, "not-started", CONSENT_NONE, "The firmware wants no consent"},
        {ALL, 0, "not-started", CONSENT_ENTER_CODE, "ask for one"},
        {ALL, 1, "requested", CONSENT_ENTER_CODE, "when the node's screen shows them"},
        {ALL, 2, "displayed", CONSENT_ENTER_CODE, "Enter the six digits that the node's screen shows"},
        {ALL, 3, "received", CONSENT_NONE, "still good for 120 s"},
        {ALL, 4, "in-session", CONSENT_NONE, "a session is open"},
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        struct bench b = {0};
        reads(&b, all[i].required, all[i].state);
        struct consent_view v = view(&b);
        assert_string_equal(v.state, all[i].id);
        assert_int_equal(v.action, all[i].action);
        assert_non_null(strstr(v.text, all[i].text));
        assert_int_equal(v.display_s, all[i].state == AMT_OPTIN_DISPLAYED ? 300 : -1);
        assert_int_equal(v.reuse_s, all[i].state == AMT_OPTIN_RECEIVED ? 120 : -1);
        assert_int_equal(v.tries_left, 3);
    }
    assert_string_equal(consent_state_id(5), "unknown");
    assert_string_equal(consent_action_id(CONSENT_ENTER_CODE), "enter-code");
    assert_string_equal(consent_action_id(CONSENT_UNAVAILABLE), "unavailable");
}

static void the_display_time_counts_down_from_the_screen(void **s) {
    struct bench b = {0};
    starts(&b, AMT_OPTIN_REQUESTED, AMT_OPTIN_RV_OK);
    b.s = 40; /* the screen was dark so long */
    assert_int_equal(view(&b).display_s, -1);
    reads(&b, ALL, AMT_OPTIN_DISPLAYED);
    assert_int_equal(view(&b).display_s, 300);
    b.s = 69;
    reads(&b, ALL, AMT_OPTIN_DISPLAYED); /* read again: the same code */
    assert_int_equal(view(&b).display_s, 271);
    b.s = 1000;
    assert_int_equal(view(&b).display_s, 0);
}

static void the_firmware_sets_the_clocks(void **s) {
    struct bench b = {0};
    struct amt_optin fw = {.required = ALL, .state = 2, .code_timeout_s = 60, .display_s = 100};
    consent_read(&b.c, &fw, mono_of(&b), wall_of(&b));
    assert_int_equal(view(&b).display_s, 100);
    fw.state = 3;
    consent_read(&b.c, &fw, mono_of(&b), wall_of(&b));
    assert_int_equal(view(&b).reuse_s, 60);
    b = (struct bench){0};
    fw = (struct amt_optin){.required = ALL, .state = 2}; /* not told: its defaults */
    consent_read(&b.c, &fw, mono_of(&b), wall_of(&b));
    assert_int_equal(view(&b).display_s, 300);
    fw.state = 3;
    consent_read(&b.c, &fw, mono_of(&b), wall_of(&b));
    assert_int_equal(view(&b).reuse_s, 120);
}

static void consent_is_good_for_a_while_after_the_last_session(void **s) {
    struct bench b = {0};
    reads(&b, ALL, AMT_OPTIN_DISPLAYED);
    reads(&b, ALL, AMT_OPTIN_RECEIVED);
    b.s = 26;
    reads(&b, ALL, AMT_OPTIN_RECEIVED); /* reading does not lengthen it */
    assert_int_equal(view(&b).reuse_s, 94);
    consent_session(&b.c, true, mono_of(&b));
    assert_int_equal(view(&b).reuse_s, -1);
    assert_string_equal(view(&b).state, "in-session");
    b.s = 1000;
    consent_session(&b.c, false, mono_of(&b));
    assert_string_equal(view(&b).state, "received");
    assert_int_equal(view(&b).reuse_s, 120);
    b.s = 1119;
    assert_int_equal(view(&b).reuse_s, 1);
    assert_false(consent_needed(&b.c, REDIR_KVM));
    b.s = 1121;
    reads(&b, ALL, AMT_OPTIN_NOT_STARTED);
    assert_true(consent_needed(&b.c, REDIR_KVM));
}

static void wrong_codes_have_tries(void **s) {
    struct bench b = {0};
    struct errinfo ei;
    reads(&b, ALL, AMT_OPTIN_DISPLAYED);
    assert_int_equal(sends(&b, AMT_OPTIN_DISPLAYED, 1, &ei), ERR_REFUSED);
    assert_non_null(strstr(ei.text, "The code is wrong: 2 tries left"));
    assert_non_null(strstr(ei.remedy, "leading zeros count"));
    assert_string_equal(ei.field, "code");
    assert_int_equal(view(&b).tries_left, 2);
    assert_int_equal(sends(&b, AMT_OPTIN_DISPLAYED, 77, &ei), ERR_REFUSED); /* the value is not established */
    assert_non_null(strstr(ei.text, "1 try left"));
    assert_int_equal(sends(&b, AMT_OPTIN_NOT_STARTED, 1, &ei), ERR_REFUSED); /* it drops the code */
    assert_non_null(strstr(ei.text, "it was the last try"));
    assert_int_equal(b.c.wrong, CONSENT_TRIES);
    /* the next start is refused for a while */
    starts(&b, AMT_OPTIN_NOT_STARTED, AMT_OPTIN_RV_BLOCKED);
    struct consent_view v = view(&b);
    assert_int_equal(v.action, CONSENT_WAIT);
    assert_non_null(strstr(v.text, "after wrong entries: it is asked again at 08:01:00"));
    assert_true(v.has_next_code && v.next_code.us == NOON.us + 60 * 1000000);
    b.s = 60; /* a new code has all its tries */
    starts(&b, AMT_OPTIN_DISPLAYED, AMT_OPTIN_RV_OK);
    assert_int_equal(view(&b).tries_left, 3);
    assert_int_equal(sends(&b, AMT_OPTIN_RECEIVED, 0, &ei), 0);
    assert_int_equal(ei.code, 0);
    assert_int_equal(b.c.wrong, 0);
}

static void what_else_a_sent_code_meets(void **s) {
    static const struct {
        int64_t rv;
        int err;
        const char *text, *remedy;
    } all[] = {
        {AMT_OPTIN_RV_STATE, ERR_STATE, "asks for no code now", "Ask for a code first"},
        {AMT_OPTIN_RV_BLOCKED, ERR_REFUSED, "takes no code for a while", "Wait a minute"},
        {AMT_OPTIN_RV_FFS, ERR_FAULT, "limit of flash writes", "few minutes"},
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        struct bench b = {0};
        struct errinfo ei;
        assert_int_equal(sends(&b, AMT_OPTIN_NOT_STARTED, all[i].rv, &ei), all[i].err);
        assert_int_equal(ei.code, all[i].err);
        assert_non_null(strstr(ei.text, all[i].text));
        assert_non_null(strstr(ei.remedy, all[i].remedy));
        assert_int_equal(b.c.wrong, 0); /* not an entry of this code */
        assert_int_equal(b.c.refused, all[i].rv == AMT_OPTIN_RV_BLOCKED);
    }
}

static void no_new_code_while_the_old_one_is_within_its_display_time(void **s) {
    struct bench b = {0};
    int64_t at;
    starts(&b, AMT_OPTIN_DISPLAYED, AMT_OPTIN_RV_OK);
    b.s = 10;
    reads(&b, ALL, AMT_OPTIN_NOT_STARTED); /* cancelled */
    b.s = 200;
    starts(&b, AMT_OPTIN_NOT_STARTED, AMT_OPTIN_RV_BLOCKED);
    struct consent_view v = view(&b);
    assert_int_equal(v.action, CONSENT_WAIT);
    assert_string_equal(v.text, "No new code can be made yet: try again at 08:05:00, or enter the code "
                                "already shown");
    assert_true(v.has_next_code && v.next_code.us == NOON.us + (int64_t)300 * 1000000);
    assert_int_equal(next(&b, true, &at), CONSENT_ASK_NOTHING);
    assert_int_equal(at, 300);
    b.s = 300;
    assert_int_equal(view(&b).action, CONSENT_ENTER_CODE);
    assert_int_equal(next(&b, true, &at), CONSENT_ASK_START);
    /* refused although no code is known to be good: asked again in a minute */
    b = (struct bench){0};
    starts(&b, AMT_OPTIN_NOT_STARTED, AMT_OPTIN_RV_INTERNAL);
    assert_int_equal(next(&b, true, &at), CONSENT_ASK_NOTHING);
    assert_int_equal(at, 60);
}

static void a_start_that_is_not_needed_is_no_refusal(void **s) {
    struct bench b = {0};
    starts(&b, AMT_OPTIN_DISPLAYED, AMT_OPTIN_RV_STATE); /* somebody was faster */
    assert_false(b.c.refused || b.c.ours);
    starts(&b, AMT_OPTIN_RECEIVED, AMT_OPTIN_RV_STATE);
    assert_false(b.c.refused);
    reads(&b, 0, AMT_OPTIN_NOT_STARTED);
    consent_started(&b.c, AMT_OPTIN_RV_STATE, mono_of(&b)); /* policy none (5.6) */
    assert_false(b.c.refused);
    assert_int_equal(view(&b).action, CONSENT_NONE);
    /* a start that shows nothing is one, whatever it returned */
    starts(&b, AMT_OPTIN_NOT_STARTED, AMT_OPTIN_RV_OK);
    assert_true(b.c.refused && !b.c.blocked);
}

static void what_is_asked_next(void **s) {
    static const struct {
        const char *what;
        bool known;
        uint32_t state;
        bool waiting, ours, refused;
        int64_t age_s, new_code_s; /* of the reading; until a new code */
        enum consent_ask ask;
        int64_t at_s;
    } all[] = {
        {"nobody waits", true, 0, false, false, false, 0, 0, CONSENT_ASK_NOTHING, -1},
        {"nobody waits, unknown", false, 0, false, false, false, 0, 0, CONSENT_ASK_NOTHING, -1},
        {"our code that nobody wants", true, 2, false, true, false, 0, 0, CONSENT_ASK_CANCEL, -1},
        {"… the same, requested", true, 1, false, true, false, 0, 0, CONSENT_ASK_CANCEL, -1},
        {"… and the cancel failed", true, 2, false, true, true, 0, 5, CONSENT_ASK_NOTHING, 5},
        {"… a while ago", true, 2, false, true, true, 6, 0, CONSENT_ASK_CANCEL, -1},
        {"another one's code", true, 2, false, false, false, 0, 0, CONSENT_ASK_NOTHING, -1},
        {"given, nobody waits", true, 3, false, true, false, 0, 0, CONSENT_ASK_NOTHING, -1},
        {"waits, unknown", false, 2, true, false, false, 0, 0, CONSENT_ASK_READ, -1},
        {"waits, no code", true, 0, true, false, false, 0, 0, CONSENT_ASK_START, -1},
        {"waits, refused", true, 0, true, false, true, 0, 30, CONSENT_ASK_NOTHING, 30},
        {"waits, refused a while ago", true, 0, true, false, true, 60, 0, CONSENT_ASK_START, -1},
        {"waits for the person", true, 2, true, true, false, 2, 0, CONSENT_ASK_NOTHING, 3},
        {"… time to look", true, 2, true, true, false, 5, 0, CONSENT_ASK_READ, 0},
        {"waits for the screen", true, 1, true, true, false, 0, 0, CONSENT_ASK_NOTHING, 1},
        {"… which shows it soon", true, 1, true, true, false, 1, 0, CONSENT_ASK_READ, 0},
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        struct bench b = {.s = -all[i].age_s};
        int64_t at;
        reads(&b, ALL, all[i].state);
        b.s = 0;
        b.c.known = all[i].known;
        b.c.ours = all[i].ours;
        b.c.refused = all[i].refused;
        b.c.new_code_at = mono_add_ms(mono_of(&b), all[i].new_code_s * 1000);
        enum consent_ask got = next(&b, all[i].waiting, &at);
        if (got != all[i].ask || at != all[i].at_s)
            fail_msg("%s: %d at %lld", all[i].what, got, (long long)at);
    }
}

static void a_cancel_that_fails_is_not_repeated_at_once(void **s) {
    struct bench b = {0};
    int64_t at;
    starts(&b, AMT_OPTIN_DISPLAYED, AMT_OPTIN_RV_OK);
    assert_true(b.c.ours);
    reads(&b, ALL, AMT_OPTIN_DISPLAYED); /* shown all the same */
    consent_cancelled(&b.c, POLL, mono_of(&b));
    assert_int_equal(next(&b, false, &at), CONSENT_ASK_NOTHING);
    assert_int_equal(at, 5);
    assert_int_equal(view(&b).action, CONSENT_ENTER_CODE);
    b.s = 5;
    assert_int_equal(next(&b, false, &at), CONSENT_ASK_CANCEL);
    reads(&b, ALL, AMT_OPTIN_NOT_STARTED);
    consent_cancelled(&b.c, POLL, mono_of(&b));
    assert_false(b.c.ours);
    assert_int_equal(next(&b, false, &at), CONSENT_ASK_NOTHING);
    assert_int_equal(at, -1);
}

static void a_firmware_that_does_not_answer_is_asked_later(void **s) {
    struct bench b = {0};
    int64_t at;
    reads(&b, ALL, AMT_OPTIN_NOT_STARTED);
    consent_failed(&b.c, POLL, mono_of(&b));
    assert_int_equal(next(&b, true, &at), CONSENT_ASK_NOTHING);
    assert_int_equal(at, 5);
}

static void the_same_code_after_a_new_link_is_the_same_code(void **s) {
    struct bench b = {0};
    struct errinfo ei;
    starts(&b, AMT_OPTIN_DISPLAYED, AMT_OPTIN_RV_OK);
    assert_int_equal(sends(&b, AMT_OPTIN_DISPLAYED, 1, &ei), ERR_REFUSED);
    b.s = 100;
    consent_forget(&b.c);
    assert_int_equal(view(&b).action, CONSENT_UNAVAILABLE);
    assert_string_equal(view(&b).state, "unknown");
    b.s = 120;
    reads(&b, ALL, AMT_OPTIN_DISPLAYED);
    assert_int_equal(view(&b).tries_left, 2);
    assert_int_equal(view(&b).display_s, 180);
    assert_true(b.c.ours);
    consent_forget(&b.c);
    b.s = 300; /* that one is off the screen: this is another one */
    reads(&b, ALL, AMT_OPTIN_DISPLAYED);
    assert_int_equal(view(&b).tries_left, 3);
    assert_int_equal(view(&b).display_s, 300);
}

static void the_reuse_time_runs_on_without_a_link(void **s) {
    struct bench b = {0};
    reads(&b, ALL, AMT_OPTIN_RECEIVED);
    b.s = 50;
    consent_forget(&b.c);
    assert_false(consent_needed(&b.c, REDIR_KVM)); /* not known */
    b.s = 70;
    reads(&b, ALL, AMT_OPTIN_RECEIVED);
    assert_int_equal(view(&b).reuse_s, 50);
}

static void codes_are_six_digits(void **s) {
    static const struct {
        const char *text;
        bool good;
        uint32_t code;
    } all[] = {{"012345", true, 12345},  {"000000", true, 0},  {"000007", true, 7},
               {"999999", true, 999999}, {"", false, 0},       {"12345", false, 0},
               {"1234567", false, 0},    {"12345a", false, 0}, {" 12345", false, 0},
               {"12345 ", false, 0},     {"-12345", false, 0}, {"+12345", false, 0},
               {"12.345", false, 0},     {"0x1234", false, 0}, {"\xd9\xa1\xd9\xa1\xd9\xa1", false, 0}};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        uint32_t code = 1;
        if (consent_code_parse(all[i].text, &code) != all[i].good)
            fail_msg("\"%s\"", all[i].text);
        if (all[i].good)
            assert_int_equal(code, all[i].code);
    }
}

UNIT_MAIN(T(what_is_not_known_is_said), T(the_policy_covers_kinds), T(each_state_says_what_to_do),
          T(the_display_time_counts_down_from_the_screen), T(the_firmware_sets_the_clocks),
          T(consent_is_good_for_a_while_after_the_last_session), T(wrong_codes_have_tries),
          T(what_else_a_sent_code_meets), T(no_new_code_while_the_old_one_is_within_its_display_time),
          T(a_start_that_is_not_needed_is_no_refusal), T(what_is_asked_next),
          T(a_cancel_that_fails_is_not_repeated_at_once), T(a_firmware_that_does_not_answer_is_asked_later),
          T(the_same_code_after_a_new_link_is_the_same_code), T(the_reuse_time_runs_on_without_a_link),
          T(codes_are_six_digits))
