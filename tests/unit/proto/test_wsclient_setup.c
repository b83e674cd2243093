/* SPDX-License-Identifier: Apache-2.0 */
/* The jobs that set firmware up: every request that they make, word for word, and which arguments they need.
 */
#include "setup_testing.h"

static void the_firmware_is_read(void **s) {
    struct fake f = {.hook = trace_hook, .password = "P@ssw0rd"};
    struct wsc_result r = setup_run(&f, FRESH, WSC_SETUP_READ, 0, NULL);
    assert_int_equal(r.err, 0);
    EXPECT_TRACE("GET AMT_GeneralSettings", "GET IPS_HostBasedSetupService");
    assert_string_equal(f.setup.realm, SET_REALM);
    assert_string_equal(f.setup.host_name, "node1");
    assert_string_equal(f.setup.domain, "old.example");
    assert_int_equal(f.setup.control_mode, AMT_MODE_NONE);
    assert_true(f.setup.allows_ccm && f.setup.allows_acm && f.setup.chain_status == 0);
    assert_true(f.setup.nonce_n == AMT_NONCE_BYTES && f.setup.nonce[0] == 0xe0);
}

static void set_up_in_client_mode(void **s) {
    char ha1[DIGEST_HA1_CAP], want[200];
    struct wsc_result r = setup_job(FRESH, WSC_SETUP_CCM, 0);
    assert_string_equal(r.method, "Setup");
    assert_int_equal(digest_ha1("admin", SET_REALM, ARGS.password, ha1), 0);
    snprintf(want, sizeof want, "Setup{NetAdminPassEncryptionType=2 NetworkAdminPassword=%s}", ha1);
    EXPECT_TRACE("GET AMT_GeneralSettings", want);
}

static void set_up_in_admin_mode(void **s) {
    char ha1[DIGEST_HA1_CAP], want[300];
    assert_int_equal(digest_ha1("admin", SET_REALM, ARGS.password, ha1), 0);
    setup_job(FRESH, WSC_CHAIN_ADD, 1);
    EXPECT_TRACE("AddNextCertInChain{NextCertificate=" SET_ROOT
                 " IsLeafCertificate=true IsRootCertificate=false}");
    setup_job(FRESH, WSC_CHAIN_ADD, 2);
    EXPECT_TRACE("AddNextCertInChain{NextCertificate=" SET_ROOT
                 " IsLeafCertificate=false IsRootCertificate=true}");
    setup_job(FRESH, WSC_SETUP_ACM, 0);
    snprintf(want, sizeof want,
             "AdminSetup{NetAdminPassEncryptionType=2 NetworkAdminPassword=%s McNonce=bm9uY2U= "
             "SigningAlgorithm=2 DigitalSignature=c2ln}",
             ha1);
    EXPECT_TRACE("GET AMT_GeneralSettings", want);
    setup_job(FRESH, WSC_UPGRADE_ACM, 0);
    EXPECT_TRACE("UpgradeClientToAdmin{McNonce=bm9uY2U= SigningAlgorithm=2 DigitalSignature=c2ln}");
}

static void the_secrets(void **s) {
    char digest[AMT_DIGEST64_CAP], want[200];
    assert_int_equal(amt_digest64("admin", SET_REALM, ARGS.password, digest), 0);
    assert_int_equal(strlen(digest), 24);
    setup_job(FRESH, WSC_ADMIN_SET, 0);
    snprintf(want, sizeof want, "SetAdminAclEntryEx{Username=admin DigestPassword=%s}", digest);
    EXPECT_TRACE("GET AMT_GeneralSettings", want);
    setup_job(FRESH, WSC_MEBX_SET, 0);
    EXPECT_TRACE("SetMEBxPassword{Password=N3w<P@ss>}");
}

static void the_way_back(void **s) {
    struct wsc_result r = setup_job(FRESH, WSC_UNPROVISION, 0);
    assert_string_equal(r.method, "Unprovision");
    EXPECT_TRACE("Unprovision{ProvisioningMode=1}");
}

/* --- settings --- */

static void names(void **s) {
    setup_job(FRESH, WSC_NETWORK_SET, 0);
    EXPECT_TRACE("GET AMT_GeneralSettings",
                 "PUT AMT_GeneralSettings{DigestRealm=" SET_REALM
                 " DomainName=outside.example HostName=node1.new RmcpPingResponseEnabled=true}");
    /* only one of them, or none */
    struct fake f = {.hook = trace_hook};
    struct wsc_args args = {.host_name = "node1", .domain = "new.example"};
    assert_int_equal(setup_run(&f, FRESH, WSC_NETWORK_SET, 0, &args).err, 0);
    assert_int_equal(ntrace, 2);
    args.domain = "old.example";
    f = (struct fake){.hook = trace_hook};
    assert_int_equal(setup_run(&f, FRESH, WSC_NETWORK_SET, 0, &args).err, 0);
    EXPECT_TRACE("GET AMT_GeneralSettings");
    f = (struct fake){.hook = trace_hook};
    assert_int_equal(setup_run(&f, FRESH, WSC_NETWORK_SET, 0, NULL).return_value, 0);
    EXPECT_TRACE("GET AMT_GeneralSettings");
}

static void the_clock(void **s) {
    struct wsc_result r = setup_job(FRESH, WSC_CLOCK_SET, 4102444800u);
    assert_string_equal(r.method, "SetHighAccuracyTimeSynch");
    EXPECT_TRACE("GetLowAccuracyTimeSynch{}",
                 "SetHighAccuracyTimeSynch{Ta0=1704586865 Tm1=4102444800 Tm2=4102444800}");
}

static void features(void **s) {
    setup_job(FRESH, WSC_FEATURES_SET, 1 | 2 | 4 | 2 << 8);
    EXPECT_TRACE("GET AMT_RedirectionService", "RequestStateChange{RequestedState=32771}",
                 "GET CIM_KVMRedirectionSAP", "RequestStateChange{RequestedState=2}",
                 "PUT AMT_RedirectionService{EnabledState=32771 ListenerEnabled=true Name=n}",
                 "GET IPS_OptInService",
                 "PUT IPS_OptInService{CanModifyOptInPolicy=1 OptInRequired=4294967295 OptInState=0}");
    setup_job(FRESH, WSC_FEATURES_SET, 2); /* SOL, and no consent */
    EXPECT_TRACE(
        "GET AMT_RedirectionService", "RequestStateChange{RequestedState=32770}", "GET CIM_KVMRedirectionSAP",
        "PUT AMT_RedirectionService{EnabledState=32770 ListenerEnabled=true Name=n}", "GET IPS_OptInService",
        "PUT IPS_OptInService{CanModifyOptInPolicy=1 OptInRequired=0 OptInState=0}");
    setup_job(FRESH, WSC_FEATURES_SET, 1 << 8); /* as it is */
    EXPECT_TRACE("GET AMT_RedirectionService", "GET CIM_KVMRedirectionSAP", "GET IPS_OptInService");
    setup_job(FOREIGN, WSC_FEATURES_SET, 4); /* client mode keeps its consent */
    EXPECT_TRACE("GET AMT_RedirectionService", "RequestStateChange{RequestedState=32769}",
                 "GET CIM_KVMRedirectionSAP", "RequestStateChange{RequestedState=3}", "GET IPS_OptInService");
}

static void a_firmware_without_kvm(void **s) {
    static const struct fake_rule rules[] = {
        SET_GET(AMT_RedirectionService, P("EnabledState", "32771") P("ListenerEnabled", "false")),
        SET_DONE(AMT_RedirectionService, PUT),
        SET_GET(IPS_OptInService, P("OptInRequired", "0") P("OptInState", "0")),
        {0}};
    setup_job(rules, WSC_FEATURES_SET, 1 | 2 | 4);
    EXPECT_TRACE("GET AMT_RedirectionService", "GET CIM_KVMRedirectionSAP",
                 "PUT AMT_RedirectionService{EnabledState=32771 ListenerEnabled=true}",
                 "GET IPS_OptInService");
}

/* --- arguments --- */

static int submit(struct fake *f, enum wsc_job_kind kind, const struct wsc_args *args) {
    return wsc_submit_with(f->c, kind, 0, args, WSC_NORMAL, 0, f->now, f);
}

static void what_is_missing(void **s) {
    static const enum wsc_job_kind none[] = {WSC_SETUP_CCM,   WSC_CHAIN_ADD,   WSC_SETUP_ACM,
                                             WSC_UPGRADE_ACM, WSC_ADMIN_SET,   WSC_MEBX_SET,
                                             WSC_CIRA_SET,    WSC_CIRA_SECRET, WSC_TLS_SET};
    struct fake f = {0};
    struct wsc_args args = ARGS;
    fake_start(&f);
    for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
        assert_int_equal(submit(&f, none[i], NULL), ERR_INVALID);
        assert_int_equal(wsc_submit(f.c, none[i], 0, WSC_NORMAL, 0, f.now, &f), ERR_INVALID);
    }
    args.password = "";
    assert_int_equal(submit(&f, WSC_SETUP_CCM, &args), ERR_INVALID);
    args = ARGS;
    args.signature = NULL;
    assert_int_equal(submit(&f, WSC_SETUP_ACM, &args), ERR_INVALID);
    assert_int_equal(f.opens, 0);
    assert_int_equal(wsc_queue_length(f.c), 0);
    fake_stop(&f);
}

static void texts_have_a_limit(void **s) {
    static char text[65536];
    struct fake f = {.rules = FRESH};
    struct wsc_args args = {.certificate = text};
    memset(text, 'A', sizeof text - 1);
    fake_start(&f);
    assert_int_equal(submit(&f, WSC_CHAIN_ADD, &args), ERR_LIMIT);
    text[60000] = 0;
    assert_true(submit(&f, WSC_CHAIN_ADD, &args) > 0);
    fake_run(&f);
    assert_int_equal(fake_result(&f).err, 0);
    fake_stop(&f);
}

/* The caller's texts are its own again at once, and equal jobs stay two. */
static void arguments_are_copied_and_jobs_not_shared(void **s) {
    char password[] = "one";
    struct wsc_args args = {.user = "admin", .password = password};
    struct fake f = {.rules = FRESH, .hook = trace_hook};
    ntrace = 0;
    fake_start(&f);
    assert_true(submit(&f, WSC_MEBX_SET, &args) > 0);
    assert_true(submit(&f, WSC_MEBX_SET, &args) > 0);
    memset(password, 0, sizeof password);
    fake_pass(&f, 5000);
    assert_int_equal(f.nresults, 2);
    EXPECT_TRACE("SetMEBxPassword{Password=one}", "SetMEBxPassword{Password=one}");
    fake_stop(&f);
}

static void a_realm_that_is_none(void **s) {
    static const char *const inner[] = {"", P("HostName", "x"), P("DigestRealm", "")};
    for (size_t i = 0; i < 3; i++) {
        char body[200];
        snprintf(body, sizeof body, "<g:AMT_GeneralSettings>%s</g:AMT_GeneralSettings>", inner[i]);
        struct fake_rule rules[] = {{WSMAN_AMT_GeneralSettings, WSMAN_GET, NULL, body, NULL}, {0}};
        struct fake f = {.hook = trace_hook};
        assert_int_equal(setup_run(&f, rules, WSC_SETUP_CCM, 0, &ARGS).err, ERR_PROTO);
        EXPECT_TRACE("GET AMT_GeneralSettings"); /* no password for a realm that we do not know */
    }
}

UNIT_MAIN(T(the_firmware_is_read), T(set_up_in_client_mode), T(set_up_in_admin_mode), T(the_secrets),
          T(the_way_back), T(names), T(the_clock), T(features), T(a_firmware_without_kvm), T(what_is_missing),
          T(texts_have_a_limit), T(arguments_are_copied_and_jobs_not_shared), T(a_realm_that_is_none))
