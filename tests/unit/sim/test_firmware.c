/* SPDX-License-Identifier: Apache-2.0 */
#include "fw_rig.h"
#include "proto/amt.h"
#include "unit.h"

/* The operation matrix of 4.16, as far as the classes are there: Put, Create and Delete (without what they
 * need: a fault, but not "not supported"), and how many instances a node has that was activated earlier. */
enum { PUT = 1, CREATE = 2, DELETE = 4 };
static const struct {
    enum wsman_class cls;
    unsigned ops, instances;
    enum wsman_class shown;
} MATRIX[] = {
    {WSMAN_CIM_AssociatedPowerManagementService, 0, 1, WSMAN_CLASS_NONE},
    {WSMAN_CIM_ServiceAvailableToElement, 0, 1, WSMAN_CIM_AssociatedPowerManagementService},
    {WSMAN_CIM_PowerManagementService, 0, 1, WSMAN_CLASS_NONE},
    {WSMAN_IPS_PowerManagementService, 0, 1, WSMAN_CLASS_NONE},
    {WSMAN_CIM_PowerManagementCapabilities, 0, 1, WSMAN_CLASS_NONE},
    {WSMAN_CIM_ComputerSystem, 0, 2, WSMAN_CLASS_NONE},
    {WSMAN_CIM_ComputerSystemPackage, 0, 1, WSMAN_CLASS_NONE},
    {WSMAN_CIM_Chassis, 0, 1, WSMAN_CLASS_NONE},
    {WSMAN_CIM_BIOSElement, 0, 1, WSMAN_CLASS_NONE},
    {WSMAN_CIM_SoftwareIdentity, 0, 11, WSMAN_CLASS_NONE},
    {WSMAN_CIM_KVMRedirectionSAP, 0, 1, WSMAN_CLASS_NONE},
    {WSMAN_CIM_BootConfigSetting, 0, 1, WSMAN_CLASS_NONE},
    {WSMAN_CIM_BootSourceSetting, 0, 3, WSMAN_CLASS_NONE},
    {WSMAN_CIM_BootService, 0, 1, WSMAN_CLASS_NONE},
    {WSMAN_CIM_ElementSettingData, 0, 2, WSMAN_CLASS_NONE},
    {WSMAN_AMT_GeneralSettings, PUT, 1, WSMAN_CLASS_NONE},
    {WSMAN_AMT_SetupAndConfigurationService, 0, 1, WSMAN_CLASS_NONE},
    {WSMAN_AMT_RedirectionService, PUT, 1, WSMAN_CLASS_NONE},
    {WSMAN_AMT_BootSettingData, PUT, 1, WSMAN_CLASS_NONE},
    {WSMAN_AMT_BootCapabilities, 0, 1, WSMAN_CLASS_NONE},
    {WSMAN_AMT_SystemPowerScheme, 0, 2, WSMAN_CLASS_NONE},
    {WSMAN_AMT_TimeSynchronizationService, 0, 1, WSMAN_CLASS_NONE},
    {WSMAN_AMT_EthernetPortSettings, PUT, 1, WSMAN_CLASS_NONE},
    {WSMAN_IPS_OptInService, PUT, 1, WSMAN_CLASS_NONE},
    {WSMAN_IPS_HostBasedSetupService, 0, 1, WSMAN_CLASS_NONE},
    {WSMAN_IPS_HostBootReason, 0, 1, WSMAN_CLASS_NONE},
    {WSMAN_IPS_KVMRedirectionSettingData, PUT, 1, WSMAN_CLASS_NONE},
    {WSMAN_CIM_WiFiEndpointSettings, DELETE, 0, WSMAN_CLASS_NONE},
    {WSMAN_AMT_AuthorizationService, 0, 1, WSMAN_CLASS_NONE},
    {WSMAN_AMT_RemoteAccessService, 0, 1, WSMAN_CLASS_NONE},
    {WSMAN_AMT_RemoteAccessCapabilities, 0, 1, WSMAN_CLASS_NONE},
    {WSMAN_AMT_RemoteAccessPolicyRule, DELETE, 2, WSMAN_CLASS_NONE},
    {WSMAN_AMT_RemoteAccessPolicyAppliesToMPS, PUT, 2, WSMAN_CLASS_NONE},
    {WSMAN_AMT_ManagementPresenceRemoteSAP, DELETE, 1, WSMAN_CLASS_NONE},
    {WSMAN_AMT_MPSUsernamePassword, PUT, 1, WSMAN_CLASS_NONE},
    {WSMAN_AMT_UserInitiatedConnectionService, 0, 1, WSMAN_CLASS_NONE},
    {WSMAN_AMT_EnvironmentDetectionSettingData, PUT, 1, WSMAN_CLASS_NONE},
    {WSMAN_AMT_PublicKeyManagementService, 0, 1, WSMAN_CLASS_NONE},
    {WSMAN_AMT_PublicKeyCertificate, DELETE, 0, WSMAN_CLASS_NONE},
    {WSMAN_AMT_PublicPrivateKeyPair, DELETE, 0, WSMAN_CLASS_NONE},
    {WSMAN_AMT_TLSSettingData, PUT, 2, WSMAN_CLASS_NONE},
    {WSMAN_AMT_TLSCredentialContext, PUT | CREATE | DELETE, 0, WSMAN_CLASS_NONE},
    {WSMAN_AMT_TLSProtocolEndpointCollection, 0, 1, WSMAN_CLASS_NONE},
    {WSMAN_IPS_IEEE8021xSettings, PUT, 1, WSMAN_CLASS_NONE},
    {WSMAN_IPS_HTTPProxyService, 0, 1, WSMAN_CLASS_NONE},
    {WSMAN_IPS_HTTPProxyAccessPoint, DELETE, 0, WSMAN_CLASS_NONE},
};

/* The answer to a request that lacks what it needs. */
static void expect_fault(struct bench *b, enum wsman_op op, enum wsman_class cls, const char *subcode) {
    int status;
    struct wsman_msg *m =
        bench_ask(b, &(struct wsman_request){.op = op, .cls = cls, .body = SLICE_LIT("<x/>")}, &status);
    assert_int_equal(status, 400);
    if (!slice_is(m->fault_subcode, subcode))
        fail_msg("%s, operation %d: not %s", wsman_class_name(cls), (int)op, subcode);
    wsman_msg_free(&m);
}

static void the_matrix_holds(void **state) {
    for (enum sim_profile p = 0; p < SIM_PROFILE_COUNT; p++) {
        struct bench b = bench_made(p, SIM_ACM);
        for (size_t i = 0; i < FW_LEN(MATRIX); i++) {
            enum wsman_class cls = MATRIX[i].cls;
            bool any = MATRIX[i].instances > 0;
            static const char NEVER[] = "ActionNotSupported", NONE[] = "DestinationUnreachable";
            if (any) {
                struct wsman_msg *m = bench_get(&b, cls);
                assert_true(wsman_is_instance(m, wsman_payload(m), cls));
                wsman_msg_free(&m);
            } else {
                expect_fault(&b, WSMAN_GET, cls, NONE);
            }
            assert_int_equal(bench_pull_all(&b, cls, MATRIX[i].shown ? MATRIX[i].shown : cls),
                             MATRIX[i].instances);
            expect_fault(&b, WSMAN_PUT, cls,
                         !(MATRIX[i].ops & PUT) ? NEVER
                         : any                  ? "SchemaValidationError"
                                                : NONE);
            expect_fault(&b, WSMAN_CREATE, cls, MATRIX[i].ops & CREATE ? "SchemaValidationError" : NEVER);
            const struct fw_class *k = fw_class_find(b.node, cls);
            expect_fault(&b, WSMAN_DELETE, cls,
                         !(MATRIX[i].ops & DELETE) ? NEVER
                         : k->key                  ? "InvalidSelectors"
                                                   : NONE);
            assert_int_equal(bench_call(&b, cls, "NoSuchMethod", "", NULL), -400);
        }
        bench_free(&b);
    }
    /* every class that the table of wsman.h names is in the matrix */
    assert_int_equal(FW_LEN(MATRIX), WSMAN_CLASS_COUNT - 1);
}

static void what_is_absent_is_unreachable(void **state) {
    struct bench b = bench_made(SIM_A15, SIM_ACM);
    int status;
    static const struct wsman_selector WRONG[] = {{"InstanceID", "nothing"}, {NULL, NULL}};
    struct wsman_msg *m = bench_ask(
        &b, &(struct wsman_request){.op = WSMAN_GET, .cls = WSMAN_CIM_SoftwareIdentity, .selectors = WRONG},
        &status);
    assert_int_equal(status, 400);
    assert_true(slice_is(m->fault_subcode, "DestinationUnreachable"));
    assert_int_equal(m->fault_ns, WSMAN_NS_ADDRESSING);
    wsman_msg_free(&m);
    /* a SKU without KVM */
    b.node->cfg.no_kvm = true;
    m = bench_ask(&b, &(struct wsman_request){.op = WSMAN_GET, .cls = WSMAN_CIM_KVMRedirectionSAP}, &status);
    assert_true(slice_is(m->fault_subcode, "DestinationUnreachable"));
    wsman_msg_free(&m);
    bench_free(&b);
}

static void selectors_pick_an_instance(void **state) {
    struct bench b = bench_made(SIM_A15, SIM_ACM);
    int status;
    static const struct wsman_selector SKU[] = {{"InstanceID", "Sku"}, {NULL, NULL}};
    struct wsman_msg *m = bench_ask(
        &b, &(struct wsman_request){.op = WSMAN_GET, .cls = WSMAN_CIM_SoftwareIdentity, .selectors = SKU},
        &status);
    assert_int_equal(status, 200);
    assert_true(slice_is(wsman_text(m, wsman_payload(m), "VersionString"), "16392"));
    wsman_msg_free(&m);
    bench_free(&b);
}

static void read_into(struct bench *b, enum wsman_class cls, struct amt_info *info) {
    int status;
    struct wsman_msg *e = bench_ask(b, &(struct wsman_request){.op = WSMAN_ENUMERATE, .cls = cls}, &status);
    struct wsman_msg *p = bench_ask(
        b, &(struct wsman_request){.op = WSMAN_PULL, .cls = cls, .enum_context = wsman_enum_context(e)},
        &status);
    for (uint32_t i = wsman_first_instance(p); i; i = p->nodes[i].next_sibling)
        assert_int_equal(amt_decode_info(p, i, info), 0);
    wsman_msg_free(&p);
    wsman_msg_free(&e);
}

static void the_device_card_decodes(void **state) {
    struct bench b = bench_made(SIM_A16, SIM_CCM);
    struct amt_info info = {0};
    static const enum wsman_class CARD[] = {
        WSMAN_CIM_SoftwareIdentity,   WSMAN_AMT_GeneralSettings,       WSMAN_CIM_Chassis,
        WSMAN_CIM_BIOSElement,        WSMAN_CIM_ComputerSystemPackage, WSMAN_AMT_SetupAndConfigurationService,
        WSMAN_IPS_OptInService,       WSMAN_AMT_RedirectionService,    WSMAN_CIM_KVMRedirectionSAP,
        WSMAN_CIM_ElementSettingData, WSMAN_AMT_SystemPowerScheme,     WSMAN_IPS_PowerManagementService};
    for (size_t i = 0; i < FW_LEN(CARD); i++)
        read_into(&b, CARD[i], &info);
    const struct sim_identity *id = &sim_node_config(b.node)->id;
    assert_string_equal(info.version, "16.1.25");
    assert_string_equal(info.sku, "16392");
    assert_string_equal(info.host_name, "node001");
    assert_string_equal(info.serial, id->serial);
    assert_true(info.have_uuid && uuid_eq(info.uuid, id->uuid));
    assert_int_equal(info.control_mode, AMT_MODE_CCM);
    assert_true(info.optin_required == UINT32_MAX);
    assert_int_equal(info.redirection_state, 32771);
    assert_true(info.listener_enabled && info.kvm_present);
    assert_int_equal(info.kvm_state, 6);
    assert_int_equal(info.me_sleep, AMT_ME_SLEEP_WAKE);
    char realm[NODE_REALM_CAP];
    assert_string_equal(info.digest_realm, node_realm(b.node, realm));
    sim_node_me_in_sleep(b.node, false);
    info = (struct amt_info){0};
    read_into(&b, WSMAN_CIM_ElementSettingData, &info);
    read_into(&b, WSMAN_AMT_SystemPowerScheme, &info);
    assert_int_equal(info.me_sleep, AMT_ME_SLEEP_OFF);
    bench_free(&b);
}

static uint8_t read_power(struct bench *b, struct amt_power *p) {
    struct wsman_msg *m = bench_get(b, WSMAN_CIM_AssociatedPowerManagementService);
    assert_int_equal(amt_decode_power(m, p), 0);
    wsman_msg_free(&m);
    return p->state;
}

static int64_t power(struct bench *b, uint8_t code) {
    struct buf body = {0};
    int status;
    amt_put_power_request(&body, code);
    struct wsman_msg *m = bench_ask(b,
                                    &(struct wsman_request){.op = WSMAN_INVOKE,
                                                            .cls = WSMAN_CIM_PowerManagementService,
                                                            .method = "RequestPowerStateChange",
                                                            .body = buf_slice(&body)},
                                    &status);
    int64_t rv = amt_return_value(m);
    wsman_msg_free(&m);
    buf_free(&body);
    node_settle(b->node);
    return rv;
}

static void power_is_read_and_changed(void **state) {
    struct bench b = bench_made(SIM_A15, SIM_ACM);
    struct amt_power p;
    assert_int_equal(read_power(&b, &p), 2);
    assert_int_equal(p.navailable, 8);
    assert_int_equal(power(&b, 8), 0);
    assert_int_equal(read_power(&b, &p), 8);
    assert_int_equal(p.navailable, 1);
    assert_int_equal(power(&b, 8), 4097);
    assert_int_equal(power(&b, 2), 0);
    assert_int_equal(read_power(&b, &p), 2);
    assert_int_equal(sim_node_machine(b.node)->done_remote[MACHINE_ACT_POWER_OFF], 1);
    assert_int_equal(sim_node_machine(b.node)->done_remote[MACHINE_ACT_POWER_ON], 1);
    /* without a managed element there is nothing to switch */
    assert_int_equal(bench_call(&b, WSMAN_CIM_PowerManagementService, "RequestPowerStateChange",
                                "<p:PowerState>8</p:PowerState>", NULL),
                     5);
    bench_free(&b);
}

static void power_faults(void **state) {
    struct bench b = bench_made(SIM_A15, SIM_ACM);
    struct amt_power p;
    sim_node_fault(b.node, SIM_FAULT_REFUSE_POWER, true, 32785);
    assert_int_equal(power(&b, 8), 32785);
    sim_node_faults_clear(b.node);
    sim_node_fault(b.node, SIM_FAULT_LIE, true, 0);
    assert_int_equal(power(&b, 8), 0);
    assert_int_equal(read_power(&b, &p), 2);
    sim_node_faults_clear(b.node);
    sim_node_fault(b.node, SIM_FAULT_STALE_POWER, true, 0);
    assert_int_equal(power(&b, 8), 0);
    assert_int_equal(read_power(&b, &p), 2);
    sim_node_faults_clear(b.node);
    assert_int_equal(read_power(&b, &p), 8);
    bench_free(&b);
}

static const char SINGLE_USE[] =
    "<p:BootConfigSetting><a:Address>x</a:Address><a:ReferenceParameters><w:ResourceURI>x</w:ResourceURI>"
    "<w:SelectorSet><w:Selector Name=\"InstanceID\">Intel(r) AMT: Boot Configuration 0</w:Selector>"
    "</w:SelectorSet></a:ReferenceParameters></p:BootConfigSetting><p:Role>1</p:Role>";
static const char PXE[] =
    "<p:Source><a:Address>x</a:Address><a:ReferenceParameters><w:ResourceURI>x</w:ResourceURI>"
    "<w:SelectorSet><w:Selector Name=\"InstanceID\">Intel(r) AMT: Force PXE Boot</w:Selector>"
    "</w:SelectorSet></a:ReferenceParameters></p:Source>";

static void boot_options_are_for_one_boot(void **state) {
    struct bench b = bench_made(SIM_A15, SIM_ACM);
    struct amt_boot boot;
    assert_int_equal(bench_put(&b, WSMAN_AMT_BootSettingData, "<p:BIOSSetup>true</p:BIOSSetup>"), 200);
    struct wsman_msg *m = bench_get(&b, WSMAN_AMT_BootSettingData);
    assert_int_equal(amt_decode_boot(m, &boot), 0);
    assert_true(boot.options_set);
    /* what clears them again is what the server sends */
    struct buf clear = {0};
    int status;
    assert_int_equal(amt_put_boot_cleared(&clear, m), 0);
    wsman_msg_free(&m);
    m = bench_ask(
        &b,
        &(struct wsman_request){.op = WSMAN_PUT, .cls = WSMAN_AMT_BootSettingData, .body = buf_slice(&clear)},
        &status);
    assert_int_equal(status, 200);
    assert_int_equal(amt_decode_boot(m, &boot), 0);
    assert_false(boot.options_set);
    wsman_msg_free(&m);
    buf_free(&clear);
    /* read-only properties make a Put fail */
    assert_int_equal(bench_put(&b, WSMAN_AMT_BootSettingData, "<p:RPEEnabled>true</p:RPEEnabled>"), 400);
    assert_int_equal(bench_call(&b, WSMAN_CIM_BootConfigSetting, "ChangeBootOrder", PXE, NULL), 0);
    assert_int_equal(bench_call(&b, WSMAN_CIM_BootService, "SetBootConfigRole", SINGLE_USE, NULL), 0);
    assert_int_equal(bench_put(&b, WSMAN_AMT_BootSettingData, "<p:BIOSSetup>true</p:BIOSSetup>"),
                     500); /* conflict */
    assert_int_equal(power(&b, 10), 0);
    assert_int_equal(b.node->boot.used_source, 2);
    assert_int_equal(power(&b, 10), 0);
    assert_int_equal(b.node->boot.used_source, 0);
    assert_true(b.node->boot.cleared);
    bench_free(&b);
}

static void boot_needs_consent_in_ccm(void **state) {
    struct bench b = bench_made(SIM_A15, SIM_CCM);
    assert_int_equal(bench_put(&b, WSMAN_AMT_BootSettingData, "<p:BIOSSetup>true</p:BIOSSetup>"), 400);
    assert_int_equal(bench_call(&b, WSMAN_CIM_BootConfigSetting, "ChangeBootOrder", PXE, NULL), -400);
    assert_int_equal(power(&b, 10), 0); /* plain power never needs it */
    assert_int_equal(
        bench_call(&b, WSMAN_IPS_OptInService, "SendOptInCode", "<p:OptInCode>1</p:OptInCode>", NULL), 2);
    assert_int_equal(bench_call(&b, WSMAN_IPS_OptInService, "CancelOptIn", "", NULL), 2);
    assert_int_equal(bench_call(&b, WSMAN_IPS_OptInService, "StartOptIn", "", NULL), 0);
    const char *code = sim_node_consent_code(b.node);
    assert_int_equal(strlen(code), 6);
    char inner[64];
    snprintf(inner, sizeof inner, "<p:OptInCode>%s</p:OptInCode>", code);
    assert_int_equal(bench_call(&b, WSMAN_IPS_OptInService, "SendOptInCode", inner, NULL), 0);
    assert_int_equal(bench_call(&b, WSMAN_CIM_BootConfigSetting, "ChangeBootOrder", PXE, NULL), 0);
    /* and the policy is not the remote side's to change */
    assert_int_equal(bench_put(&b, WSMAN_IPS_OptInService, "<p:OptInRequired>0</p:OptInRequired>"), 400);
    bench_free(&b);
    b = bench_made(SIM_A15, SIM_ACM);
    assert_int_equal(bench_put(&b, WSMAN_IPS_OptInService, "<p:OptInRequired>0</p:OptInRequired>"), 200);
    assert_int_equal(b.node->optin.required, 0);
    bench_free(&b);
}

static void switches(void **state) {
    struct bench b = bench_made(SIM_A15, SIM_ACM);
    assert_int_equal(
        bench_put(&b, WSMAN_AMT_RedirectionService, "<p:ListenerEnabled>false</p:ListenerEnabled>"), 200);
    assert_false(b.node->listener);
    assert_int_equal(bench_call(&b, WSMAN_AMT_RedirectionService, "RequestStateChange",
                                "<p:RequestedState>32768</p:RequestedState>", NULL),
                     0);
    assert_int_equal(b.node->redir_state, 32768);
    assert_int_equal(bench_call(&b, WSMAN_AMT_RedirectionService, "RequestStateChange",
                                "<p:RequestedState>2</p:RequestedState>", NULL),
                     5);
    assert_int_equal(bench_call(&b, WSMAN_CIM_KVMRedirectionSAP, "RequestStateChange",
                                "<p:RequestedState>3</p:RequestedState>", NULL),
                     0);
    assert_false(b.node->kvm_enabled);
    static const struct wsman_selector OFF[] = {{"InstanceID", "SCHEME 0"}, {NULL, NULL}};
    assert_true(node_me_in_sleep(b.node));
    assert_int_equal(bench_call(&b, WSMAN_AMT_SystemPowerScheme, "SetPowerScheme", "", OFF), 0);
    assert_false(node_me_in_sleep(b.node));
    bench_free(&b);
}

static uint64_t number_of(struct bench *b, enum wsman_class cls, const char *name) {
    struct wsman_msg *m = bench_get(b, cls);
    uint64_t v = UINT64_MAX;
    assert_true(wsman_u64(m, wsman_payload(m), name, UINT32_MAX, &v));
    wsman_msg_free(&m);
    return v;
}
static void kvm_settings(void **state) {
    static const enum wsman_class CLS = WSMAN_IPS_KVMRedirectionSettingData;
    struct bench b = bench_made(SIM_A15, SIM_ACM);
    assert_int_equal(number_of(&b, CLS, "SessionTimeout"), 3);
    assert_int_equal(number_of(&b, CLS, "OptInPolicyTimeout"), 300);
    assert_int_equal(
        bench_put(&b, CLS,
                  "<p:BackToBackFbMode>true</p:BackToBackFbMode><p:DefaultScreen>2</p:DefaultScreen>"
                  "<p:InitialDecimationModeForLowRes>1</p:InitialDecimationModeForLowRes>"
                  "<p:OptInPolicyTimeout>60</p:OptInPolicyTimeout><p:SessionTimeout>0</p:SessionTimeout>"),
        200);
    assert_int_equal(number_of(&b, CLS, "SessionTimeout"), 0);
    assert_int_equal(number_of(&b, CLS, "OptInPolicyTimeout"), 60);
    assert_int_equal(number_of(&b, CLS, "DefaultScreen"), 2);
    assert_int_equal(number_of(&b, CLS, "InitialDecimationModeForLowRes"), 1);
    assert_true(b.node->redir.kvm.back_to_back);
    assert_int_equal(bench_put(&b, CLS, "<p:Is5900PortEnabled>true</p:Is5900PortEnabled>"), 500);
    assert_int_equal(number_of(&b, WSMAN_CIM_KVMRedirectionSAP, "EnabledState"), 6);
    sim_node_session(b.node, true, false);
    assert_int_equal(number_of(&b, WSMAN_CIM_KVMRedirectionSAP, "EnabledState"), 2);
    bench_free(&b);
}

static void challenges_and_answers(void **state) {
    struct bench b = bench_made(SIM_A15, SIM_ACM);
    const struct sim_identity *id = &sim_node_config(b.node)->id;
    struct buf challenge = {0}, answer = {0};
    struct digest_client c = {0};
    struct mono now = loop_now(b.loop);
    assert_int_equal(fw_challenge(b.node, now, &challenge), 0);
    assert_int_equal(digest_challenge(&c, buf_slice(&challenge)), 0);
    assert_int_equal(strlen(c.nonce), FW_NONCE_TEXT);
    for (int i = 0; i < FW_NONCE_USES; i++) { /* one nonce serves many requests */
        buf_clear(&answer);
        assert_int_equal(
            digest_authorize(&c, &answer, id->amt_user, id->amt_password, "POST", "/wsman", "0a4f113b"), 0);
        assert_true(fw_authorized(b.node, buf_slice(&answer), "POST", now));
    }
    buf_clear(&answer);
    assert_int_equal(
        digest_authorize(&c, &answer, id->amt_user, id->amt_password, "POST", "/wsman", "0a4f113b"), 0);
    assert_false(fw_authorized(b.node, buf_slice(&answer), "POST", now)); /* … and is used up */
    buf_clear(&challenge);
    assert_int_equal(fw_challenge(b.node, now, &challenge), 0);
    assert_int_equal(digest_challenge(&c, buf_slice(&challenge)), 0);
    buf_clear(&answer);
    assert_int_equal(
        digest_authorize(&c, &answer, id->amt_user, id->amt_password, "POST", "/wsman", "0a4f113b"), 0);
    assert_true(fw_authorized(b.node, buf_slice(&answer), "POST", now));
    assert_false(fw_authorized(b.node, buf_slice(&answer), "POST", mono_add_ms(now, FW_NONCE_MS)));
    assert_false(fw_authorized(b.node, buf_slice(&answer), "GET", now));
    buf_clear(&answer);
    assert_int_equal(digest_authorize(&c, &answer, id->amt_user, "wrong", "POST", "/wsman", "0a4f113b"), 0);
    assert_false(fw_authorized(b.node, buf_slice(&answer), "POST", now));
    assert_false(fw_authorized(b.node, SLICE_LIT("Basic abc"), "POST", now));
    buf_free(&challenge);
    buf_free(&answer);
    bench_free(&b);
}

static void enumerations_are_bounded(void **state) {
    struct bench b = bench_made(SIM_A15, SIM_ACM);
    int status;
    for (int i = 0; i <= FW_ENUMS; i++) {
        struct wsman_msg *m =
            bench_ask(&b, &(struct wsman_request){.op = WSMAN_ENUMERATE, .cls = WSMAN_CIM_Chassis}, &status);
        assert_int_equal(status, i < FW_ENUMS ? 200 : 500);
        wsman_msg_free(&m);
    }
    bench_free(&b);
}

UNIT_MAIN(T(the_matrix_holds), T(what_is_absent_is_unreachable), T(selectors_pick_an_instance),
          T(the_device_card_decodes), T(power_is_read_and_changed), T(power_faults),
          T(boot_options_are_for_one_boot), T(boot_needs_consent_in_ccm), T(switches), T(kvm_settings),
          T(challenges_and_answers), T(enumerations_are_bounded))
