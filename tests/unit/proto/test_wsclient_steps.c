/* SPDX-License-Identifier: Apache-2.0 */
/* Every job of set-up against a device that goes wrong at each of its steps: the answer is lost, refused,
 * senseless, or another value. What must not be sent twice is not; every job ends, and says how. */
#include "setup_testing.h"

static const struct {
    enum wsc_job_kind kind;
    uint32_t arg;
    const struct fake_rule *rules;
} JOBS[] = {
    {WSC_SETUP_READ, 0, FRESH},
    {WSC_SETUP_CCM, 0, FRESH},
    {WSC_CHAIN_ADD, 1, FRESH},
    {WSC_SETUP_ACM, 0, FRESH},
    {WSC_UPGRADE_ACM, 0, FRESH},
    {WSC_ADMIN_SET, 0, FRESH},
    {WSC_MEBX_SET, 0, FRESH},
    {WSC_CLEAN, 0, FRESH},
    {WSC_CLEAN, 0, FOREIGN},
    {WSC_NETWORK_SET, 0, FRESH},
    {WSC_CIRA_READ, 0, FOREIGN},
    {WSC_CIRA_SET, SET_PORT, FRESH},
    {WSC_CIRA_SET, SET_PORT, FOREIGN},
    {WSC_CIRA_SET, SET_PORT, OURS},
    {WSC_CIRA_SECRET, 0, FRESH},
    {WSC_TLS_KEY, 0, FRESH},
    {WSC_TLS_SET, 1, FRESH},
    {WSC_TLS_SET, 1, FOREIGN},
    {WSC_FEATURES_SET, 7 | 2 << 8, FRESH},
    {WSC_CLOCK_SET, 1700000000, FRESH},
    {WSC_UNPROVISION, 0, FRESH},
};
enum { NJOBS = sizeof JOBS / sizeof *JOBS };

static bool is_once(const char *line) {
    static const char *const ONCE[] = {"Setup",
                                       "AdminSetup",
                                       "UpgradeClientToAdmin",
                                       "AddNextCertInChain",
                                       "SetAdminAclEntryEx",
                                       "SetMEBxPassword",
                                       "Unprovision",
                                       "AddMpServer",
                                       "AddRemoteAccessPolicyRule",
                                       "GenerateKeyPair",
                                       "AddCertificate"};
    for (size_t i = 0; i < sizeof ONCE / sizeof *ONCE; i++)
        if (strcmp(line, ONCE[i]) == 0)
            return true;
    return false;
}

/* The request with that number (from 0) goes wrong; those after it, too, when for_good. */
static int bad_at, seen;
static bool for_good;
static enum { LOST, MUTE, UNREACHABLE, DENIED, EMPTY, NO_XML, ANOTHER, LONG } fate;

static bool go_wrong(struct fake *f, int chan, const struct wsman_msg *rq) {
    int at = seen++;
    if (at < bad_at || (at > bad_at && !for_good))
        return false;
    switch (fate) {
    case LOST:
        fake_end(f, chan);
        return true;
    case MUTE:
        return true;
    case UNREACHABLE:
    case DENIED:
        fake_fault(f, chan, rq, fate == DENIED ? "e:AccessDenied" : "b:DestinationUnreachable");
        return true;
    case EMPTY:
        fake_answer(f, chan, rq, "");
        return true;
    case NO_XML:
        fake_http(f, chan, 200, SLICE_LIT("<html>no"));
        return true;
    case ANOTHER:
        fake_answer(f, chan, rq, "<g:X><g:ReturnValue>9</g:ReturnValue></g:X>");
        return true;
    case LONG:
        fake_answer(f, chan, rq,
                    "<g:PullResponse><g:EnumerationContext>again</g:EnumerationContext></g:PullResponse>");
        return true;
    }
    return false;
}

static struct wsc_result bad_run(struct fake *f, int job, int at, bool good) {
    *f = (struct fake){.hook = go_wrong};
    bad_at = at;
    seen = 0;
    for_good = good;
    return setup_run(f, JOBS[job].rules, JOBS[job].kind, JOBS[job].arg, &ARGS);
}

/* How many requests the job makes when all goes well. */
static int length_of(int job) {
    struct fake f;
    struct wsc_result r = bad_run(&f, job, TRACE_MAX, true);
    assert_true(r.err == 0 && r.return_value == 0 && !r.maybe_sent);
    return f.executed;
}

static void an_answer_is_lost(void **s) {
    for (int j = 0; j < NJOBS; j++)
        for (int n = length_of(j), at = 0; at < n; at++) {
            struct fake f;
            fate = LOST;
            struct wsc_result r = bad_run(&f, j, at, false);
            char line[64];
            snprintf(line, sizeof line, "%s", f.log[at]);
            if (is_once(line) || strcmp(line, "CommitChanges") == 0) {
                bool may_again = JOBS[j].kind == WSC_CLEAN; /* its commit may */
                assert_int_equal(r.err, may_again ? 0 : ERR_CLOSED);
                assert_int_equal(r.maybe_sent, !may_again);
                assert_int_equal(f.executed, may_again ? n + 1 : at + 1);
            } else {
                assert_int_equal(r.err, 0); /* asked again */
                assert_false(r.maybe_sent);
                assert_true(f.executed > n);
            }
            r = bad_run(&f, j, at, true);
            assert_int_equal(r.err, ERR_CLOSED);
            assert_int_equal(r.maybe_sent, is_once(line) || (strcmp(line, "CommitChanges") == 0 &&
                                                             JOBS[j].kind == WSC_TLS_SET));
        }
}

static void no_answer_comes(void **s) {
    fate = MUTE;
    for (int j = 0; j < NJOBS; j++)
        for (int n = length_of(j), at = 0; at < n; at++) {
            struct fake f;
            struct wsc_result r = bad_run(&f, j, at, true);
            assert_int_equal(r.err, ERR_TIMEOUT);
            assert_int_equal(f.executed, at + 1);
            assert_true(r.maybe_sent || !is_once(f.log[at]));
        }
}

static void a_step_is_refused(void **s) {
    for (int j = 0; j < NJOBS; j++)
        for (int n = length_of(j), at = 0; at < n; at++) {
            struct fake f;
            fate = DENIED;
            struct wsc_result r = bad_run(&f, j, at, false);
            bool passed = JOBS[j].kind == WSC_CIRA_READ;
            assert_int_equal(r.err, passed ? 0 : ERR_FAULT);
            if (!passed) {
                assert_non_null(strstr(r.why, "AccessDenied"));
                assert_int_equal(f.executed, at + 1);
            }
            assert_false(r.maybe_sent);
            fate = UNREACHABLE;
            r = bad_run(&f, j, at, true);
            assert_true(r.err == 0 || r.err == ERR_FAULT);
            assert_true(!r.maybe_sent && (r.err == 0 || strstr(r.why, "DestinationUnreachable")));
            if (is_once(f.log[at]))
                assert_int_equal(r.err, ERR_FAULT);
        }
}

/* A return value is a fact, and the end. */
static void another_return_value(void **s) {
    fate = ANOTHER;
    for (int j = 0; j < NJOBS; j++)
        for (int n = length_of(j), at = 0; at < n; at++) {
            struct fake f;
            struct wsc_result r = bad_run(&f, j, at, false);
            if (!strchr(f.log[at], ' ')) {
                assert_int_equal(r.err, 0);
                assert_int_equal(r.return_value, 9);
                assert_string_equal(r.method, f.log[at]);
                assert_int_equal(f.executed, at + 1);
            }
            assert_false(r.maybe_sent && r.err == 0);
        }
}

/* It may take such an answer for nothing to do, or for an error; it ends in time, and leaks nothing. */
static void senseless_answers(void **s) {
    for (int j = 0; j < NJOBS; j++)
        for (int n = length_of(j), at = 0; at < n; at++)
            for (fate = EMPTY; fate <= LONG; fate++) {
                struct fake f;
                struct wsc_result r = bad_run(&f, j, at, false);
                if (!strchr(f.log[at], ' ') && fate != ANOTHER) /* a method must say its value */
                    assert_int_equal(r.err, ERR_PROTO);
                if (r.err == ERR_PROTO && is_once(f.log[at]))
                    assert_true(r.maybe_sent || fate == ANOTHER || f.executed > at + 1);
            }
}

static void unauthorized_for_ever(void **s) {
    for (int j = 0; j < NJOBS; j++)
        for (int keep = 0; keep < 2; keep++) {
            struct fake f = {.password = "another", .keep_on_401 = keep};
            struct wsc_result r = setup_run(&f, JOBS[j].rules, JOBS[j].kind, JOBS[j].arg, &ARGS);
            assert_int_equal(r.err, ERR_AUTH);
            assert_true(f.executed == 0 && !r.maybe_sent);
            assert_int_equal(r.return_value, -1);
        }
}

/* The tunnel goes in the middle: what was under way is not known, and the memory is given back. */
static void the_tunnel_is_lost(void **s) {
    for (int j = 0; j < NJOBS; j++)
        for (int n = length_of(j), at = 0; at < n; at++) {
            struct fake f = {.hook = go_wrong, .rules = JOBS[j].rules};
            fate = MUTE;
            bad_at = at;
            seen = 0;
            for_good = true;
            fake_start(&f);
            assert_true(wsc_submit_with(f.c, JOBS[j].kind, JOBS[j].arg, &ARGS, WSC_NORMAL, 0, f.now, &f) > 0);
            fake_pass(&f, 9000 + 250 * at);
            for (int i = 1; i <= FAKE_CHANS; i++)
                if (f.chans[i - 1].used)
                    fake_forget(&f, i);
            wsc_tunnel_lost(f.c, f.now);
            fake_results(&f);
            struct wsc_result r = fake_result(&f);
            assert_true(r.err == ERR_CLOSED && (r.maybe_sent || !is_once(f.log[at])));
            fake_stop(&f);
        }
}

UNIT_MAIN(T(an_answer_is_lost), T(no_answer_comes), T(a_step_is_refused), T(another_return_value),
          T(senseless_answers), T(unauthorized_for_ever), T(the_tunnel_is_lost))
