/* SPDX-License-Identifier: Apache-2.0 */
/* User consent and KVM settings: decoders and bodies, against recorded answers where this checkout has them.
 */
#include "proto/amt.h"
#include "wsman_testing.h"

static struct wsman_msg *optin(const char *inner) {
    struct buf b = {0};
    buf_putf(&b,
             "<Envelope xmlns='" WT_SOAP "'><Body><q:IPS_OptInService xmlns:q='" WT_IPS
             "IPS_OptInService'>%s</q:IPS_OptInService></Body></Envelope>",
             inner);
    struct wsman_msg *m = wt_parse(buf_slice(&b), 0, NULL);
    buf_free(&b);
    return m;
}

static int decode(const char *inner, struct amt_optin *out) {
    struct wsman_msg *m = optin(inner);
    int err = amt_decode_optin(m, out);
    wsman_msg_free(&m);
    return err;
}

static void consent_values(void **s) {
    struct amt_optin o;
    assert_int_equal(decode("<q:OptInCodeTimeout>120</q:OptInCodeTimeout><q:OptInDisplayTimeout>300"
                            "</q:OptInDisplayTimeout><q:OptInRequired>4294967295</q:OptInRequired>"
                            "<q:OptInState>2</q:OptInState><q:Newer>7</q:Newer>",
                            &o),
                     0);
    assert_true(o.required == AMT_OPTIN_ALL && o.state == AMT_OPTIN_DISPLAYED);
    assert_true(o.code_timeout_s == 120 && o.display_s == 300);
    /* the clocks may be missing or odd: not told */
    assert_int_equal(decode("<q:OptInRequired>1</q:OptInRequired><q:OptInState>0</q:OptInState>"
                            "<q:OptInCodeTimeout>soon</q:OptInCodeTimeout>",
                            &o),
                     0);
    assert_true(o.required == 1 && o.state == 0 && o.code_timeout_s == 0 && o.display_s == 0);
}

static void consent_values_that_tell_nothing(void **s) {
    static const char *const all[] = {
        "",
        "<q:OptInState>2</q:OptInState>",
        "<q:OptInRequired>1</q:OptInRequired>",
        "<q:OptInRequired>1</q:OptInRequired><q:OptInState>5</q:OptInState>",
        "<q:OptInRequired>1</q:OptInRequired><q:OptInState>-1</q:OptInState>",
        "<q:OptInRequired>4294967296</q:OptInRequired><q:OptInState>0</q:OptInState>",
        "<q:OptInRequired/><q:OptInState>0</q:OptInState>",
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        struct amt_optin o = {.required = 9};
        assert_int_equal(decode(all[i], &o), ERR_INVALID);
        assert_int_equal(o.required, 0); /* nothing of an earlier one is left */
    }
    struct buf b = {0};
    buf_puts(&b, "<Envelope xmlns='" WT_SOAP "'><Body><q:IPS_OptInService xmlns:q='" WT_AMT
                 "IPS_OptInService'><q:OptInRequired>1</q:OptInRequired><q:OptInState>0</q:OptInState>"
                 "</q:IPS_OptInService></Body></Envelope>");
    struct wsman_msg *m = wt_parse(buf_slice(&b), 0, NULL);
    struct amt_optin o;
    assert_int_equal(amt_decode_optin(m, &o), ERR_INVALID); /* another class of the same name */
    wsman_msg_free(&m);
    buf_free(&b);
}

static void a_code_keeps_its_zeros(void **s) {
    static const struct {
        uint32_t code;
        const char *text;
    } all[] = {{0, "000000"}, {7, "000007"}, {12345, "012345"}, {999999, "999999"}};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        struct buf got = {0}, want = {0};
        assert_int_equal(amt_put_optin_code(&got, all[i].code), 0);
        buf_putf(&want,
                 "<p:SendOptInCode_INPUT xmlns:p=\"" WT_IPS "IPS_OptInService\"><p:OptInCode>%s</p:OptInCode>"
                 "</p:SendOptInCode_INPUT>",
                 all[i].text);
        assert_string_equal(buf_cstr(&got), buf_cstr(&want));
        buf_free(&got);
        buf_free(&want);
    }
}

static struct wsman_msg *kvm(const char *inner) {
    struct buf b = {0};
    buf_putf(&b,
             "<Envelope xmlns='" WT_SOAP "'><Body><q:IPS_KVMRedirectionSettingData xmlns:q='" WT_IPS
             "IPS_KVMRedirectionSettingData'>%s</q:IPS_KVMRedirectionSettingData></Body></Envelope>",
             inner);
    struct wsman_msg *m = wt_parse(buf_slice(&b), 0, NULL);
    buf_free(&b);
    return m;
}

static void the_kvm_timeout(void **s) {
    static const struct {
        const char *inner;
        int64_t want;
    } all[] = {{"<q:SessionTimeout>3</q:SessionTimeout>", 3},
               {"<q:SessionTimeout>0</q:SessionTimeout>", 0},
               {"<q:SessionTimeout>65535</q:SessionTimeout>", 65535},
               {"<q:SessionTimeout>65536</q:SessionTimeout>", -1},
               {"<q:SessionTimeout></q:SessionTimeout>", -1},
               {"", -1}};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        struct wsman_msg *m = kvm(all[i].inner);
        assert_int_equal(amt_kvm_timeout(m), all[i].want);
        wsman_msg_free(&m);
    }
    struct wsman_msg *other = optin("<q:SessionTimeout>3</q:SessionTimeout>");
    struct buf out = {0};
    assert_int_equal(amt_kvm_timeout(other), -1);
    assert_int_equal(amt_put_kvm_timeout(&out, other, 5), ERR_INVALID);
    assert_int_equal(out.len, 0);
    wsman_msg_free(&other);
}

static void the_put_changes_the_timeout_only(void **s) {
    struct wsman_msg *m = kvm("<q:DefaultScreen>0</q:DefaultScreen><q:ElementName>a &amp; b</q:ElementName>"
                              "<q:EnabledByMEBx>true</q:EnabledByMEBx><q:Nested><q:x/></q:Nested>"
                              "<q:RFBPassword>secret</q:RFBPassword><q:SessionTimeout>3</q:SessionTimeout>");
    struct buf out = {0};
    assert_int_equal(amt_put_kvm_timeout(&out, m, 32), 0);
    assert_string_equal(buf_cstr(&out),
                        "<p:IPS_KVMRedirectionSettingData xmlns:p=\"" WT_IPS
                        "IPS_KVMRedirectionSettingData\">"
                        "<p:DefaultScreen>0</p:DefaultScreen><p:ElementName>a &amp; b</p:ElementName>"
                        "<p:SessionTimeout>32</p:SessionTimeout></p:IPS_KVMRedirectionSettingData>");
    buf_free(&out);
    wsman_msg_free(&m);
}

/* --- recorded --- */

/* Without recorded answers in this checkout the test is skipped. */
static struct wsman_msg *recorded(const char *name, int step) {
    char path[1300];
    size_t n = 0;
    if (!wt_fixtures())
        skip();
    snprintf(path, sizeof path, "%s/ips/%s.xml", wt_fixtures(), name);
    char *text = wt_read_file(path, &n);
    assert_non_null(text);
    struct wsman_msg *m = wt_parse(slice_of(text, n), step, NULL);
    free(text);
    return m;
}

static void recorded_consent(void **s) {
    for (int step = -1; step < 2; step++) {
        struct amt_optin o;
        struct wsman_msg *m = recorded("optin/get", step);
        assert_int_equal(amt_decode_optin(m, &o), 0);
        assert_true(o.required == 0 && o.state == AMT_OPTIN_NOT_STARTED);
        assert_true(o.code_timeout_s == 120 && o.display_s == 300);
        wsman_msg_free(&m);
        m = recorded("optin/enumerate", step);
        assert_int_equal(amt_decode_optin(m, &o), ERR_INVALID);
        assert_int_equal(amt_return_value(m), -1);
        wsman_msg_free(&m);
        static const char *const methods[] = {"optin/sendoptincode", "optin/canceloptin"};
        for (size_t i = 0; i < 2; i++) {
            m = recorded(methods[i], step);
            assert_int_equal(amt_return_value(m), AMT_OPTIN_RV_STATE);
            assert_int_equal(amt_decode_optin(m, &o), ERR_INVALID);
            wsman_msg_free(&m);
        }
    }
}

static void recorded_kvm_settings(void **s) {
    static const char *const names[] = {"kvmredirection/settings/get", "kvmredirection/settings/pull"};
    for (size_t i = 0; i < 2; i++) {
        struct buf out = {0};
        struct wsman_msg *m = recorded(names[i], 0);
        assert_int_equal(amt_kvm_timeout(m), 3);
        assert_int_equal(amt_put_kvm_timeout(&out, m, 32), 0);
        assert_non_null(strstr(buf_cstr(&out), "<p:SessionTimeout>32</p:SessionTimeout>"));
        assert_non_null(strstr(buf_cstr(&out), "<p:OptInPolicyTimeout>300</p:OptInPolicyTimeout>"));
        assert_non_null(
            strstr(buf_cstr(&out), "<p:InstanceID>Intel(r) KVM Redirection Settings</p:InstanceID>"));
        assert_null(strstr(buf_cstr(&out), "RFBPassword"));
        assert_null(strstr(buf_cstr(&out), "EnabledByMEBx"));
        buf_free(&out);
        wsman_msg_free(&m);
    }
}

UNIT_MAIN(T(consent_values), T(consent_values_that_tell_nothing), T(a_code_keeps_its_zeros),
          T(the_kvm_timeout), T(the_put_changes_the_timeout_only), T(recorded_consent),
          T(recorded_kvm_settings))
