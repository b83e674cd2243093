/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/amt.h"
#include "wsman_testing.h"

static struct wsman_msg *boot(const char *inner) {
    struct buf b = {0};
    buf_putf(&b,
             "<Envelope xmlns='" WT_SOAP "'><Body><q:AMT_BootSettingData xmlns:q='" WT_AMT
             "AMT_BootSettingData'>%s</q:AMT_BootSettingData></Body></Envelope>",
             inner);
    struct wsman_msg *m = wt_parse(buf_slice(&b), 0, NULL);
    buf_free(&b);
    return m;
}

static struct amt_boot boot_of(const char *inner) {
    struct amt_boot b;
    struct wsman_msg *m = boot(inner);
    assert_int_equal(amt_decode_boot(m, &b), 0);
    wsman_msg_free(&m);
    return b;
}

static void options_are_noticed(void **s) {
    assert_false(boot_of("").options_set);
    /* facts and standing settings are not options of the next boot */
    assert_false(boot_of("<q:BIOSLastStatus>2</q:BIOSLastStatus><q:BIOSLastStatus>0</q:BIOSLastStatus>"
                         "<q:BIOSSetup>false</q:BIOSSetup><q:BootMediaIndex>0</q:BootMediaIndex>"
                         "<q:BootguardStatus>127</q:BootguardStatus><q:EnforceSecureBoot>true"
                         "</q:EnforceSecureBoot><q:IDERBootDevice>1</q:IDERBootDevice>"
                         "<q:OptionsCleared>true</q:OptionsCleared><q:RPEEnabled>true</q:RPEEnabled>"
                         "<q:Newer>true</q:Newer>")
                     .options_set);
    struct amt_boot b = boot_of("<q:BIOSPause>false</q:BIOSPause><q:UseSOL>true</q:UseSOL>");
    assert_true(b.options_set && !b.destructive);
    b = boot_of("<q:FirmwareVerbosity>2</q:FirmwareVerbosity>");
    assert_true(b.options_set && !b.destructive);
    b = boot_of("<q:SecureErase>true</q:SecureErase>");
    assert_true(b.options_set && b.destructive);
    b = boot_of("<q:PlatformErase>true</q:PlatformErase><q:BIOSSetup>true</q:BIOSSetup>");
    assert_true(b.options_set && b.destructive);
}

static void cleared_keeps_the_rest(void **s) {
    struct wsman_msg *m =
        boot("<q:BIOSLastStatus>2</q:BIOSLastStatus><q:BIOSSetup>true</q:BIOSSetup>"
             "<q:BootMediaIndex>3</q:BootMediaIndex><q:ElementName>Intel(r) AMT &amp; co</q:ElementName>"
             "<q:EnforceSecureBoot>true</q:EnforceSecureBoot><q:IDERBootDevice>1</q:IDERBootDevice>"
             "<q:InstanceID>Intel(r) AMT:BootSettingData 0</q:InstanceID><q:Nested><q:x/></q:Nested>"
             "<q:RSEPassword>secret</q:RSEPassword><q:UefiBootNumberOfParams>2</q:UefiBootNumberOfParams>"
             "<q:UefiBootParametersArray>AAA=</q:UefiBootParametersArray>");
    struct buf out = {0};
    assert_int_equal(amt_put_boot_cleared(&out, m), 0);
    assert_string_equal(
        buf_cstr(&out),
        "<p:AMT_BootSettingData xmlns:p=\"" WT_AMT "AMT_BootSettingData\">"
        "<p:BIOSSetup>false</p:BIOSSetup><p:BootMediaIndex>0</p:BootMediaIndex>"
        "<p:ElementName>Intel(r) AMT &amp; co</p:ElementName>"
        "<p:EnforceSecureBoot>true</p:EnforceSecureBoot><p:IDERBootDevice>0</p:IDERBootDevice>"
        "<p:InstanceID>Intel(r) AMT:BootSettingData 0</p:InstanceID>"
        "<p:UefiBootNumberOfParams>0</p:UefiBootNumberOfParams></p:AMT_BootSettingData>");
    wsman_msg_free(&m);
    buf_free(&out);
}

static void other_payloads_are_refused(void **s) {
    struct amt_boot b;
    struct buf out = {0};
    struct wsman_msg *m =
        wt_parse(SLICE_LIT("<Envelope xmlns='" WT_SOAP
                           "'><Body><AMT_BootSettingData xmlns='urn:x'/></Body></Envelope>"),
                 0, NULL);
    assert_int_equal(amt_decode_boot(m, &b), ERR_INVALID);
    assert_int_equal(amt_put_boot_cleared(&out, m), ERR_INVALID);
    assert_int_equal(out.len, 0);
    wsman_msg_free(&m);
}

/* The body within a request, parsed. */
static struct wsman_msg *invoke(enum wsman_class cls, const char *method, struct buf *body) {
    struct buf b = {0};
    struct wsman_request rq = {.op = WSMAN_INVOKE, .cls = cls, .method = method, .body = buf_slice(body)};
    assert_int_equal(wsman_put_request(&b, &rq, 1), 0);
    struct wsman_msg *m = wt_parse(buf_slice(&b), 0, NULL);
    buf_free(&b);
    buf_free(body);
    char name[80];
    snprintf(name, sizeof name, "%s_INPUT", method);
    wt_assert_slice(m->nodes[wsman_payload(m)].name, name);
    assert_int_equal(m->nodes[wsman_payload(m)].cls, cls);
    return m;
}

static void bodies_of_methods(void **s) {
    struct buf body = {0};
    assert_int_equal(amt_put_power_request(&body, 8), 0);
    struct wsman_msg *m = invoke(WSMAN_CIM_PowerManagementService, "RequestPowerStateChange", &body);
    uint32_t in = wsman_payload(m);
    wt_assert_slice(wsman_text(m, in, "PowerState"), "8");
    uint32_t epr = wsman_child(m, in, "ManagedElement");
    wt_assert_slice(wsman_selector(m, epr, "CreationClassName"), "CIM_ComputerSystem");
    wt_assert_slice(wsman_selector(m, epr, "Name"), "ManagedSystem");
    wsman_msg_free(&m);
    assert_int_equal(amt_put_os_saving_request(&body, AMT_OS_FULL), 0);
    m = invoke(WSMAN_IPS_PowerManagementService, "RequestOSPowerSavingStateChange", &body);
    in = wsman_payload(m);
    wt_assert_slice(wsman_text(m, in, "OSPowerSavingState"), "2");
    assert_true(wsman_child(m, in, "ManagedElement") != 0);
    wsman_msg_free(&m);
    assert_int_equal(amt_put_clear_boot_order(&body), 0);
    m = invoke(WSMAN_CIM_BootConfigSetting, "ChangeBootOrder", &body);
    assert_int_equal(m->nodes[wsman_payload(m)].first_child, 0);
    wsman_msg_free(&m);
}

UNIT_MAIN(T(options_are_noticed), T(cleared_keeps_the_rest), T(other_payloads_are_refused),
          T(bodies_of_methods))
