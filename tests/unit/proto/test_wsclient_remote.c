/* SPDX-License-Identifier: Apache-2.0 */
/* Remote access, cleaning and TLS: what is sent to a fresh firmware, to one of somebody else, to one of ours.
 */
#include "setup_testing.h"

#define SYSTEM "SystemCreationClassName=CIM_ComputerSystem SystemName=Intel(r) AMT"
#define SERVER(name)                                                                                         \
    "(AMT_ManagementPresenceRemoteSAP CreationClassName=AMT_ManagementPresenceRemoteSAP Name=" name          \
    " " SYSTEM ")"
#define RULE(name)                                                                                           \
    "(AMT_RemoteAccessPolicyRule CreationClassName=AMT_RemoteAccessPolicyRule PolicyRuleName=" name          \
    " " SYSTEM ")"
#define ADD_ROOT "AddTrustedRootCertificate{CertificateBlob=" SET_ROOT "}"
#define ADD_SERVER                                                                                           \
    "AddMpServer{AccessInfo=mps.example InfoFormat=201 Port=4433 AuthMethod=2 Username=admin "               \
    "Password=N3w<P@ss> CN=mps.example}"
#define ADD_PERIODIC(name)                                                                                   \
    "AddRemoteAccessPolicyRule{Trigger=2 TunnelLifeTime=0 ExtendedData=AAAAAAAAABk= MpServer=" SERVER(       \
        name) "}"
#define ADD_USER(name) "AddRemoteAccessPolicyRule{Trigger=0 TunnelLifeTime=300 MpServer=" SERVER(name) "}"
#define PUT_LINK(rule)                                                                                       \
    "PUT AMT_RemoteAccessPolicyAppliesToMPS{ManagedElement=" SERVER(                                         \
        MPS0) " MpsType=2 OrderOfAccess=0 PolicySet=" RULE(rule) "}"
#define PUT_SECRET                                                                                           \
    "PUT AMT_MPSUsernamePassword{InstanceID=Intel(r) AMT:MPS Username Password 0 RemoteID=admin "            \
    "Secret=N3w<P@ss>}"
#define LIST_CERTS   "LIST AMT_PublicKeyCertificate"
#define LIST_SERVERS "LIST AMT_ManagementPresenceRemoteSAP"
#define LIST_RULES   "LIST AMT_RemoteAccessPolicyRule"
#define LIST_LINKS   "LIST AMT_RemoteAccessPolicyAppliesToMPS"
#define GET_INIT     "GET AMT_UserInitiatedConnectionService"
#define GET_DETECT   "GET AMT_EnvironmentDetectionSettingData"

static void remote_access_of_a_fresh_firmware(void **s) {
    setup_job(FRESH, WSC_CIRA_SET, SET_PORT);
    EXPECT_TRACE(LIST_CERTS, ADD_ROOT, LIST_SERVERS, LIST_RULES, ADD_SERVER, ADD_PERIODIC(MPS0 "x"),
                 ADD_USER(MPS0 "x"), LIST_LINKS, PUT_LINK("Periodic"), PUT_LINK("User Initiated"), GET_INIT,
                 "RequestStateChange{RequestedState=32771}", GET_DETECT,
                 "PUT AMT_EnvironmentDetectionSettingData{DetectionAlgorithm=0 "
                 "DetectionStrings=outside.example ElementName=Intel(r) AMT Environment Detection Settings "
                 "InstanceID=Intel(r) AMT Environment Detection Settings}");
}

static void of_somebody_else(void **s) {
    setup_job(FOREIGN, WSC_CIRA_SET, SET_PORT);
    EXPECT_TRACE(LIST_CERTS, ADD_ROOT, LIST_SERVERS, LIST_RULES,
                 "DELETE AMT_RemoteAccessPolicyRule(PolicyRuleName=Periodic)",
                 "DELETE AMT_RemoteAccessPolicyRule(PolicyRuleName=Alert)",
                 "DELETE AMT_ManagementPresenceRemoteSAP(Name=Server 0)",
                 "DELETE AMT_ManagementPresenceRemoteSAP(Name=Server 1)", ADD_SERVER, ADD_PERIODIC(MPS0 "x"),
                 ADD_USER(MPS0 "x"), LIST_LINKS, PUT_LINK("Periodic"), GET_INIT, GET_DETECT,
                 "PUT AMT_EnvironmentDetectionSettingData{DetectionAlgorithm=0 "
                 "DetectionStrings=outside.example ElementName=d}");
}

/* Only the secret goes out again: it cannot be read. */
static void of_ours(void **s) {
    setup_job(OURS, WSC_CIRA_SET, SET_PORT);
    EXPECT_TRACE(LIST_CERTS, LIST_SERVERS, LIST_RULES, LIST_LINKS, PUT_SECRET, GET_INIT, GET_DETECT);
}

/* OURS with other arguments: the entry does not fit any more, and goes with its rules. */
static void a_server_that_moved(void **s) {
    static const uint32_t args[] = {SET_PORT, 443 | 201 << 16, 4433 | 3 << 16, SET_PORT};
    static const char *const addresses[] = {"mps2.example", "mps.example", "mps.example", "mps.example"};
    static const char *const names[] = {"mps.example", "mps.example", "mps.example", "other.example"};
    for (size_t i = 0; i < 4; i++) {
        struct fake f = {.hook = trace_hook};
        struct wsc_args a = ARGS;
        a.address = addresses[i];
        a.common_name = names[i];
        assert_int_equal(setup_run(&f, OURS, WSC_CIRA_SET, args[i], &a).err, 0);
        assert_string_equal(trace[3], "DELETE AMT_RemoteAccessPolicyRule(PolicyRuleName=Periodic)");
        assert_string_equal(trace[4], "DELETE AMT_RemoteAccessPolicyRule(PolicyRuleName=User Initiated)");
        assert_string_equal(trace[5], "DELETE AMT_ManagementPresenceRemoteSAP(Name=" MPS0 ")");
        assert_int_equal(strncmp(trace[6], "AddMpServer{", 12), 0);
    }
}

/* A rule of ours with another lifetime is made anew; an alert rule of that server may stay. */
static void a_rule_that_differs(void **s) {
    static const struct fake_rule rules[] = {
        SET_COMMON,
        SET_LIST(AMT_PublicKeyCertificate, ""),
        SET_LIST(AMT_ManagementPresenceRemoteSAP, SET_SERVER("mps.example", MPS0)),
        SET_LIST(AMT_RemoteAccessPolicyRule,
                 SET_RULE("Periodic", "2", "9", "AAAAAAAAABk=") SET_RULE("User Initiated", "0", "300", "")
                     SET_RULE("Alert", "1", "0", "")),
        {0}};
    static const struct fake_rule absent[] = {
        SET_COMMON, SET_GET(AMT_EnvironmentDetectionSettingData, P("DetectionAlgorithm", "0")), {0}};
    struct fake f = {.hook = trace_hook};
    setup_run(&f, rules, WSC_CIRA_SET, SET_PORT, &ARGS);
    EXPECT_TRACE(LIST_CERTS, ADD_ROOT, LIST_SERVERS, LIST_RULES,
                 "DELETE AMT_RemoteAccessPolicyRule(PolicyRuleName=Periodic)", ADD_PERIODIC(MPS0), LIST_LINKS,
                 PUT_SECRET, GET_INIT, GET_DETECT);
    /* a firmware that knows none of the lists is asked for all of it */
    f = (struct fake){.hook = trace_hook};
    struct wsc_args no_string = ARGS;
    no_string.domain = NULL;
    assert_int_equal(setup_run(&f, absent, WSC_CIRA_SET, SET_PORT, &no_string).err, 0);
    EXPECT_TRACE(LIST_CERTS, ADD_ROOT, LIST_SERVERS, LIST_RULES, ADD_SERVER, ADD_PERIODIC(MPS0 "x"),
                 ADD_USER(MPS0 "x"), LIST_LINKS, GET_INIT, GET_DETECT);
}

static void a_root_that_is_there_already(void **s) {
    static const struct fake_rule by_value[] = {
        {WSMAN_AMT_PublicKeyManagementService, WSMAN_INVOKE, "AddTrustedRootCertificate",
         "<g:X_OUTPUT><g:ReturnValue>2058</g:ReturnValue></g:X_OUTPUT>", NULL},
        SET_COMMON,
        SET_GET(AMT_EnvironmentDetectionSettingData, P("DetectionStrings", "outside.example")),
        {0}};
    static const struct fake_rule by_fault[] = {
        {WSMAN_AMT_PublicKeyManagementService, WSMAN_INVOKE, "AddTrustedRootCertificate", NULL,
         "e:AlreadyExists"},
        SET_COMMON,
        SET_GET(AMT_EnvironmentDetectionSettingData, P("DetectionStrings", "outside.example")),
        {0}};
    setup_job(by_value, WSC_CIRA_SET, SET_PORT);
    setup_job(by_fault, WSC_CIRA_SET, SET_PORT);
}

static void the_secret(void **s) {
    setup_job(FRESH, WSC_CIRA_SECRET, 0);
    EXPECT_TRACE(PUT_SECRET);
}

static void remote_access_is_read(void **s) {
    struct fake f = {0};
    assert_int_equal(setup_run(&f, FOREIGN, WSC_CIRA_READ, 0, NULL).err, 0);
    assert_int_equal(f.cira.servers, 2);
    assert_string_equal(f.cira.address, "mps.other");
    assert_string_equal(f.cira.common_name, "mps.example");
    assert_true(f.cira.port == 4433 && f.cira.policies == 2 && f.cira.nroots == 1);
    /* SHA-256 of ff ff ff ff */
    assert_string_equal(f.cira.roots[0], "ad95131bc0b799c0b1af477fb14fcf26a6a9f76079e48bf090acb7e8367bfd0e");
    assert_int_equal(f.cira.leaf_not_after.us, 0); /* those bytes are no certificate */
    /* denied or absent: nothing is known, and that is no failure */
    f = (struct fake){.hook = trace_hook};
    struct wsc_result r = setup_run(&f, NULL, WSC_CIRA_READ, 0, NULL);
    assert_true(r.err == 0 && r.cira != NULL);
    assert_int_equal(ntrace, 4);
}

/* --- CLEAN --- */

#define TLS_GET(which) "GET AMT_TLSSettingData(InstanceID=Intel(r) AMT " which " TLS Settings)"
#define TLS_OFF(which)                                                                                       \
    "PUT AMT_TLSSettingData(InstanceID=Intel(r) AMT " which                                                  \
    " TLS Settings){AcceptNonSecureConnections=false ElementName=e Enabled=false InstanceID=i "              \
    "MutualAuthentication=false}"

static void a_fresh_firmware_is_clean(void **s) {
    setup_job(FRESH, WSC_CLEAN, 0);
    EXPECT_TRACE("GET IPS_IEEE8021xSettings", "LIST CIM_WiFiEndpointSettings",
                 "LIST IPS_HTTPProxyAccessPoint", LIST_RULES, LIST_SERVERS, TLS_GET("802.3"), TLS_GET("LMS"),
                 "LIST AMT_TLSCredentialContext", "LIST AMT_PublicPrivateKeyPair", LIST_CERTS, GET_DETECT);
}

static void what_somebody_else_left_goes(void **s) {
    setup_job(FOREIGN, WSC_CLEAN, 0);
    EXPECT_TRACE(
        "GET IPS_IEEE8021xSettings", "PUT IPS_IEEE8021xSettings{ElementName=x Enabled=3}",
        "LIST CIM_WiFiEndpointSettings", "DELETE CIM_WiFiEndpointSettings(InstanceID=Wi 1)",
        "LIST IPS_HTTPProxyAccessPoint", "DELETE IPS_HTTPProxyAccessPoint(Name=Proxy 0)", LIST_RULES,
        "DELETE AMT_RemoteAccessPolicyRule(PolicyRuleName=Periodic)",
        "DELETE AMT_RemoteAccessPolicyRule(PolicyRuleName=Alert)", LIST_SERVERS,
        "DELETE AMT_ManagementPresenceRemoteSAP(Name=Server 0)",
        "DELETE AMT_ManagementPresenceRemoteSAP(Name=Server 1)", TLS_GET("802.3"), TLS_OFF("802.3"),
        TLS_GET("LMS"), TLS_OFF("LMS"), "CommitChanges{}", "LIST AMT_TLSCredentialContext",
        "DELETE AMT_TLSCredentialContext(ElementInContext=(AMT_PublicKeyCertificate InstanceID=Cert 1) "
        "ElementProvidingContext=(AMT_TLSProtocolEndpointCollection ElementName=TLS Endpoints))",
        "LIST AMT_PublicPrivateKeyPair", "DELETE AMT_PublicPrivateKeyPair(InstanceID=Key 0)", LIST_CERTS,
        "DELETE AMT_PublicKeyCertificate(InstanceID=Cert 0)",
        "DELETE AMT_PublicKeyCertificate(InstanceID=Cert 1)", GET_DETECT,
        "PUT AMT_EnvironmentDetectionSettingData{DetectionAlgorithm=1 ElementName=d}");
}

static const char *refusal;
static bool refuse_deletes(struct fake *f, int chan, const struct wsman_msg *rq) {
    flatten(rq);
    if (rq->op != WSMAN_DELETE)
        return false;
    fake_fault(f, chan, rq, refusal);
    return true;
}

static void what_is_gone_already_or_may_not_go(void **s) {
    struct fake f = {.hook = refuse_deletes};
    refusal = "b:DestinationUnreachable";
    assert_int_equal(setup_run(&f, FOREIGN, WSC_CLEAN, 0, NULL).err, 0);
    assert_int_equal(ntrace, 26);
    f = (struct fake){.hook = refuse_deletes};
    refusal = "e:AccessDenied";
    struct wsc_result r = setup_run(&f, FOREIGN, WSC_CLEAN, 0, NULL);
    assert_int_equal(r.err, ERR_FAULT);
    assert_non_null(strstr(r.why, "AccessDenied"));
    assert_non_null(strstr(r.why, "CIM_WiFiEndpointSettings")); /* and which it was */
}

/* A list of many pulls, with items that are none of ours. */
static int pulls;
static bool many_pulls(struct fake *f, int chan, const struct wsman_msg *rq) {
    char body[400];
    flatten(rq);
    if (rq->op != WSMAN_PULL || rq->cls != WSMAN_AMT_PublicPrivateKeyPair)
        return false;
    bool last = ++pulls == 5;
    snprintf(body, sizeof body,
             "<g:PullResponse>%s<g:Items><h:AMT_PublicPrivateKeyPair><h:InstanceID>K%d</h:InstanceID>"
             "</h:AMT_PublicPrivateKeyPair><h:Other/></g:Items>%s</g:PullResponse>",
             last ? "" : "<g:EnumerationContext>next</g:EnumerationContext>", pulls,
             last ? "<g:EndOfSequence/>" : "");
    fake_answer(f, chan, rq, body);
    return true;
}

static void a_list_in_many_pulls(void **s) {
    struct fake f = {.hook = many_pulls};
    pulls = 0;
    assert_int_equal(setup_run(&f, FRESH, WSC_CLEAN, 0, NULL).err, 0);
    assert_int_equal(pulls, 5);
    for (int i = 0; i < 5; i++) {
        char want[80];
        snprintf(want, sizeof want, "DELETE AMT_PublicPrivateKeyPair(InstanceID=K%d)", i + 1);
        assert_string_equal(trace[9 + i], want);
    }
}

/* --- TLS --- */

static void a_key_pair(void **s) {
    struct fake f = {.hook = trace_hook};
    struct wsc_result r = setup_run(&f, FRESH, WSC_TLS_KEY, 0, NULL);
    assert_int_equal(r.err, 0);
    assert_string_equal(f.text, "MIIBCgKC");
    EXPECT_TRACE("GenerateKeyPair{KeyAlgorithm=0 KeyLength=2048}",
                 "GET AMT_PublicPrivateKeyPair(InstanceID=Intel(r) AMT Key: Handle: 0)");
}

#define CONTEXT(cert)                                                                                        \
    "AMT_TLSCredentialContext{ElementInContext=(AMT_PublicKeyCertificate InstanceID=" cert                   \
    ") ElementProvidingContext=(AMT_TLSProtocolEndpointCollection ElementName=TLSProtocolEndpointInstances " \
    "Collection)}"
#define TLS_ON(which, plain, mutual)                                                                         \
    "PUT AMT_TLSSettingData(InstanceID=Intel(r) AMT " which                                                  \
    " TLS Settings){AcceptNonSecureConnections=" plain                                                       \
    " ElementName=e Enabled=true InstanceID=i MutualAuthentication=" mutual "}"
#define ADD_LEAF "AddCertificate{CertificateBlob=" SET_LEAF "}"

static void tls_is_set_up(void **s) {
    setup_job(FRESH, WSC_TLS_SET, 0);
    EXPECT_TRACE(LIST_CERTS, ADD_ROOT, ADD_LEAF, "LIST AMT_TLSCredentialContext",
                 "CREATE " CONTEXT("Intel(r) AMT Certificate: Handle: 1"), TLS_GET("802.3"),
                 TLS_ON("802.3", "false", "false"), TLS_GET("LMS"), TLS_ON("LMS", "false", "false"),
                 "CommitChanges{}");
    setup_job(FRESH, WSC_TLS_SET, 1 | 2);
    assert_string_equal(trace[6], TLS_ON("802.3", "true", "true"));
}

static void tls_is_set_up_anew(void **s) {
    setup_job(FOREIGN, WSC_TLS_SET, 0); /* its context shows another certificate */
    EXPECT_TRACE(LIST_CERTS, ADD_ROOT, ADD_LEAF, "LIST AMT_TLSCredentialContext",
                 "PUT " CONTEXT("Intel(r) AMT Certificate: Handle: 1"), TLS_GET("802.3"), TLS_GET("LMS"),
                 "CommitChanges{}");
    setup_job(OURS, WSC_TLS_SET, 0); /* all is there; whether it was committed cannot be read */
    EXPECT_TRACE(LIST_CERTS, "LIST AMT_TLSCredentialContext", TLS_GET("802.3"), TLS_GET("LMS"),
                 "CommitChanges{}");
}

/* Firmware needs a rest between its two settings. */
static void the_second_setting_waits(void **s) {
    struct fake f = {.rules = FRESH, .hook = trace_hook};
    ntrace = 0;
    fake_start(&f);
    assert_true(wsc_submit_with(f.c, WSC_TLS_SET, 0, &ARGS, WSC_NORMAL, 0, f.now, &f) > 0);
    fake_pass(&f, 4900);
    assert_string_equal(trace[ntrace - 1], TLS_GET("LMS"));
    fake_pass(&f, 5000);
    assert_int_equal(fake_result(&f).err, 0);
    fake_stop(&f);
}

UNIT_MAIN(T(remote_access_of_a_fresh_firmware), T(of_somebody_else), T(of_ours), T(a_server_that_moved),
          T(a_rule_that_differs), T(a_root_that_is_there_already), T(the_secret), T(remote_access_is_read),
          T(a_fresh_firmware_is_clean), T(what_somebody_else_left_goes),
          T(what_is_gone_already_or_may_not_go), T(a_list_in_many_pulls), T(a_key_pair), T(tls_is_set_up),
          T(tls_is_set_up_anew), T(the_second_setting_waits))
