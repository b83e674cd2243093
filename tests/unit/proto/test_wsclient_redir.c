/* SPDX-License-Identifier: Apache-2.0 */
/* The jobs of user consent and KVM settings: what they ask, once, and what they make of the answers. */
#include "wsclient_testing.h"

static void expect_log(const struct fake *f, const char *const *want) {
    int n = 0;
    for (; want[n]; n++)
        assert_string_equal(n < f->executed ? f->log[n] : "nothing", want[n]);
    assert_int_equal(f->executed, n);
}
#define EXPECT_LOG(f, ...) expect_log(f, (const char *const[]){__VA_ARGS__, NULL})

#define OPTIN(required, state)                                                                               \
    {                                                                                                        \
        WSMAN_IPS_OptInService, WSMAN_GET, NULL,                                                             \
            "<g:IPS_OptInService><g:OptInCodeTimeout>120</g:OptInCodeTimeout><g:OptInDisplayTimeout>300"     \
            "</g:OptInDisplayTimeout><g:OptInRequired>" required "</g:OptInRequired><g:OptInState>" state    \
            "</g:OptInState></g:IPS_OptInService>",                                                          \
            NULL                                                                                             \
    }
#define KVM(minutes)                                                                                         \
    {                                                                                                        \
        WSMAN_IPS_KVMRedirectionSettingData, WSMAN_GET, NULL,                                                \
            "<g:IPS_KVMRedirectionSettingData><g:OptInPolicy>true</g:OptInPolicy><g:RFBPassword>"            \
            "</g:RFBPassword><g:SessionTimeout>" minutes                                                     \
            "</g:SessionTimeout></g:IPS_KVMRedirectionSettingData>",                                         \
            NULL                                                                                             \
    }

static const struct {
    enum wsc_job_kind kind;
    const char *method;
} METHODS[] = {
    {WSC_OPTIN_START, "StartOptIn"}, {WSC_OPTIN_SEND, "SendOptInCode"}, {WSC_OPTIN_CANCEL, "CancelOptIn"}};
enum { NMETHODS = sizeof METHODS / sizeof *METHODS };

static struct wsc_result job(struct fake *f, const struct fake_rule *rules, enum wsc_job_kind kind,
                             uint32_t arg) {
    f->rules = rules;
    fake_start(f);
    int id = wsc_submit(f->c, kind, arg, WSC_URGENT, 0, f->now, f);
    assert_true(id > 0);
    fake_run(f);
    if (f->nresults == 0)
        fake_pass(f, 61000);
    struct wsc_result r = fake_result(f);
    assert_int_equal(f->nresults, 0);
    assert_true(r.id == (uint32_t)id && r.kind == kind);
    fake_stop(f);
    return r;
}

/* A method with that ReturnValue, then the state. */
static struct wsc_result call(struct fake *f, unsigned method, const char *value) {
    char body[200];
    snprintf(body, sizeof body, "<g:%s_OUTPUT><g:ReturnValue>%s</g:ReturnValue></g:%s_OUTPUT>",
             METHODS[method].method, value, METHODS[method].method);
    struct fake_rule rules[] = {{WSMAN_IPS_OptInService, WSMAN_INVOKE, METHODS[method].method, body, NULL},
                                OPTIN("4294967295", "2"),
                                {0}};
    return job(f, rules, METHODS[method].kind, 12345);
}

static void consent_is_read(void **s) {
    static const struct fake_rule rules[] = {OPTIN("4294967295", "3"), {0}};
    /* chunked or not, in any pieces, with and without authentication */
    for (int mode = 0; mode < 24; mode++) {
        struct fake f = {.password = mode & 1 ? "P@ssw0rd" : NULL,
                         .keep_on_401 = mode & 2,
                         .plain = mode & 4,
                         .split = mode < 8    ? 0
                                  : mode < 16 ? 1
                                              : -1};
        struct wsc_result r = job(&f, rules, WSC_OPTIN_READ, 0);
        assert_int_equal(r.err, 0);
        assert_true(r.optin.required == AMT_OPTIN_ALL && r.optin.state == AMT_OPTIN_RECEIVED);
        assert_true(r.optin.code_timeout_s == 120 && r.optin.display_s == 300);
        assert_int_equal(r.return_value, -1);
        assert_int_equal(f.unauthorized, mode & 1);
        EXPECT_LOG(&f, "GET IPS_OptInService");
    }
}

static void a_return_value_is_a_fact(void **s) {
    static const char *const values[] = {"0", "1", "2", "3", "4", "16", "2081"};
    for (unsigned m = 0; m < NMETHODS; m++)
        for (size_t v = 0; v < sizeof values / sizeof *values; v++) {
            struct fake f = {.password = v % 2 ? "P@ssw0rd" : NULL};
            struct wsc_result r = call(&f, m, values[v]);
            assert_int_equal(r.err, 0);
            assert_int_equal(r.return_value, strtol(values[v], NULL, 10));
            assert_int_equal(r.optin.state, AMT_OPTIN_DISPLAYED); /* read after it, whatever it was */
            assert_false(r.maybe_sent);
            EXPECT_LOG(&f, METHODS[m].method, "GET IPS_OptInService");
        }
}

static bool check_code(struct fake *f, int chan, const struct wsman_msg *rq) {
    if (rq->op == WSMAN_INVOKE)
        wt_assert_slice(wsman_text(rq, wsman_payload(rq), "OptInCode"), "012345");
    return false;
}

static void the_code_goes_out_as_six_digits(void **s) {
    struct fake f = {.hook = check_code};
    assert_int_equal(call(&f, 1, "0").err, 0);
    assert_int_equal(f.executed, 2);
}

static void answers_that_make_no_sense(void **s) {
    static const struct {
        const char *body;
    } bodies[] = {{""},
                  {"<g:IPS_OptInService><g:OptInRequired>1</g:OptInRequired></g:IPS_OptInService>"},
                  {"<g:IPS_OptInService><g:OptInRequired>1</g:OptInRequired><g:OptInState>9</g:OptInState>"
                   "</g:IPS_OptInService>"},
                  {"<g:AMT_GeneralSettings><g:OptInRequired>1</g:OptInRequired><g:OptInState>0</g:OptInState>"
                   "</g:AMT_GeneralSettings>"}}; /* the wrong class */
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
        struct fake_rule rules[] = {{WSMAN_IPS_OptInService, WSMAN_GET, NULL, bodies[i].body, NULL}, {0}};
        struct fake f = {0};
        struct wsc_result r = job(&f, rules, WSC_OPTIN_READ, 0);
        assert_int_equal(r.err, ERR_PROTO);
        assert_non_null(strstr(r.why, "does not hold what was asked for"));
    }
    for (unsigned m = 0; m < NMETHODS; m++) {
        struct fake f = {0};
        struct wsc_result r = call(&f, m, "soon");
        assert_int_equal(r.err, ERR_PROTO);
        assert_int_equal(r.return_value, -1);
        EXPECT_LOG(&f, METHODS[m].method); /* and nothing is asked on top of it */
    }
    static const struct fake_rule other[] = {
        {WSMAN_IPS_KVMRedirectionSettingData, WSMAN_GET, NULL,
         "<g:IPS_OptInService><g:SessionTimeout>3</g:SessionTimeout></g:IPS_OptInService>", NULL},
        {0}};
    struct fake f = {0};
    assert_int_equal(job(&f, other, WSC_KVM_TIMEOUT, 32).err, ERR_PROTO);
    EXPECT_LOG(&f, "GET IPS_KVMRedirectionSettingData");
}

static void faults(void **s) {
    static const enum wsc_job_kind all[] = {WSC_OPTIN_READ, WSC_OPTIN_START, WSC_OPTIN_SEND, WSC_OPTIN_CANCEL,
                                            WSC_KVM_TIMEOUT};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        struct fake f = {0};
        struct wsc_result r = job(&f, NULL, all[i], 1); /* the firmware knows none of it */
        assert_int_equal(r.err, ERR_FAULT);
        assert_non_null(strstr(r.why, "DestinationUnreachable")); /* the consent machine looks for it */
        assert_false(r.maybe_sent);
        assert_int_equal(f.executed, 1);
    }
    /* the method was taken, the reading after it was not */
    static const struct fake_rule rules[] = {
        FAKE_RETURN(IPS_OptInService, "StartOptIn", "0"),
        {WSMAN_IPS_OptInService, WSMAN_GET, NULL, NULL, "e:AccessDenied"},
        {0}};
    struct fake f = {0};
    struct wsc_result r = job(&f, rules, WSC_OPTIN_START, 0);
    assert_int_equal(r.err, ERR_FAULT);
    assert_int_equal(r.return_value, 0);
    assert_non_null(strstr(r.why, "AccessDenied"));
}

static void a_wrong_password(void **s) {
    static const struct fake_rule rules[] = {OPTIN("1", "0"), {0}};
    static const enum wsc_job_kind all[] = {WSC_OPTIN_READ, WSC_OPTIN_START, WSC_KVM_TIMEOUT};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        struct fake f = {.password = "another", .keep_on_401 = true};
        struct wsc_result r = job(&f, rules, all[i], 0);
        assert_int_equal(r.err, ERR_AUTH);
        assert_int_equal(f.executed, 0);
        assert_false(r.maybe_sent);
    }
}

/* Takes the method, and closes instead of an answer. */
static bool close_on_invoke(struct fake *f, int chan, const struct wsman_msg *rq) {
    if (rq->op != WSMAN_INVOKE)
        return false;
    fake_end(f, chan);
    return true;
}
static bool never_answer_invoke(struct fake *f, int chan, const struct wsman_msg *rq) {
    return rq->op == WSMAN_INVOKE;
}

static void a_method_is_never_sent_twice(void **s) {
    static const struct fake_rule rules[] = {OPTIN("4294967295", "2"), {0}};
    static fake_hook *const hooks[] = {close_on_invoke, never_answer_invoke};
    for (unsigned m = 0; m < NMETHODS; m++)
        for (size_t h = 0; h < 2; h++) {
            struct fake f = {.hook = hooks[h]};
            struct wsc_result r = job(&f, rules, METHODS[m].kind, 12345);
            assert_int_equal(r.err, h ? ERR_TIMEOUT : ERR_CLOSED);
            assert_true(r.maybe_sent);
            assert_int_equal(r.return_value, -1);
            EXPECT_LOG(&f, METHODS[m].method);
        }
}

static void two_codes_are_two_jobs(void **s) {
    static const struct fake_rule rules[] = {
        FAKE_RETURN(IPS_OptInService, "SendOptInCode", "1"), OPTIN("4294967295", "2"), {0}};
    struct fake f = {.rules = rules};
    fake_start(&f);
    assert_true(fake_submit(&f, WSC_OPTIN_SEND, 1, WSC_URGENT) >
                0); /* even equal ones: each counts as a try */
    assert_true(fake_submit(&f, WSC_OPTIN_SEND, 1, WSC_URGENT) > 0);
    fake_pass(&f, 10000);
    assert_int_equal(f.nresults, 2);
    int sent = 0;
    for (int i = 0; i < f.executed; i++)
        sent += strcmp(f.log[i], "SendOptInCode") == 0;
    assert_int_equal(sent, 2);
    fake_stop(&f);
}

/* --- KVM settings --- */

static bool check_timeout(struct fake *f, int chan, const struct wsman_msg *rq) {
    if (rq->op != WSMAN_PUT)
        return false;
    uint32_t at = wsman_payload(rq);
    assert_true(wsman_is_instance(rq, at, WSMAN_IPS_KVMRedirectionSettingData));
    wt_assert_slice(wsman_text(rq, at, "SessionTimeout"), "65535");
    wt_assert_slice(wsman_text(rq, at, "OptInPolicy"), "true");
    assert_int_equal(wsman_child(rq, at, "RFBPassword"), 0);
    return false;
}

static void the_timeout_is_put_where_it_differs(void **s) {
    static const struct fake_rule rules[] = {
        KVM("3"), {WSMAN_IPS_KVMRedirectionSettingData, WSMAN_PUT, NULL, "", NULL}, {0}};
    struct fake f = {0};
    assert_int_equal(job(&f, rules, WSC_KVM_TIMEOUT, 3).err, 0);
    EXPECT_LOG(&f, "GET IPS_KVMRedirectionSettingData");
    f = (struct fake){.hook = check_timeout, .password = "P@ssw0rd"};
    assert_int_equal(job(&f, rules, WSC_KVM_TIMEOUT, 65535).err, 0);
    EXPECT_LOG(&f, "GET IPS_KVMRedirectionSettingData", "PUT IPS_KVMRedirectionSettingData");
}

static void a_firmware_that_refuses_the_timeout(void **s) {
    static const struct fake_rule rules[] = {
        KVM("3"), {WSMAN_IPS_KVMRedirectionSettingData, WSMAN_PUT, NULL, NULL, "e:AccessDenied"}, {0}};
    struct fake f = {0};
    struct wsc_result r = job(&f, rules, WSC_KVM_TIMEOUT, 32);
    assert_int_equal(r.err, ERR_FAULT);
    assert_non_null(strstr(r.why, "AccessDenied"));
    assert_int_equal(f.executed, 2);
}

UNIT_MAIN(T(consent_is_read), T(a_return_value_is_a_fact), T(the_code_goes_out_as_six_digits),
          T(answers_that_make_no_sense), T(faults), T(a_wrong_password), T(a_method_is_never_sent_twice),
          T(two_codes_are_two_jobs), T(the_timeout_is_put_where_it_differs),
          T(a_firmware_that_refuses_the_timeout))
