/* SPDX-License-Identifier: Apache-2.0 */
/* setup_testing: a firmware in its factory state, one that another orchestrator has configured, and what the
 * jobs of set-up send to them as one line a request. Header only. */
#pragma once

#include "wsclient_testing.h"

/* --- what was sent --- */

enum { TRACE_MAX = 64, TRACE_LINE = 900 };
static char trace[TRACE_MAX][TRACE_LINE];
static int ntrace;

static inline void flat_element(struct buf *out, const struct wsman_msg *m, uint32_t node);

static inline void flat_children(struct buf *out, const struct wsman_msg *m, uint32_t parent) {
    for (uint32_t i = m->nodes[parent].first_child; i; i = m->nodes[i].next_sibling) {
        if (!memchr("{( ", buf_slice(out).p[out->len - 1], 3))
            buf_puts(out, " ");
        flat_element(out, m, i);
    }
}

/* name=value; an endpoint reference as name=(Class key=value …) */
static inline void flat_element(struct buf *out, const struct wsman_msg *m, uint32_t node) {
    const struct wsman_node *n = &m->nodes[node];
    uint32_t params = wsman_child(m, node, "ReferenceParameters");
    buf_put(out, slice_is(n->name, "Selector") ? n->attr_name : n->name);
    buf_puts(out, "=");
    if (wsman_child(m, node, "EndpointReference")) {
        node = wsman_child(m, node, "EndpointReference");
        params = wsman_child(m, node, "ReferenceParameters");
    }
    if (!params) {
        buf_put(out, n->text);
        return;
    }
    assert_true(wsman_child(m, node, "Address") != 0);
    buf_putf(out, "(%s ", wsman_class_name(wsman_class_of_uri(wsman_text(m, params, "ResourceURI"))));
    flat_children(out, m, wsman_child(m, params, "SelectorSet"));
    buf_puts(out, ")");
}

static inline void flatten(const struct wsman_msg *rq) {
    static const char *const names[] = {"GET", "PUT", "CREATE", "DELETE", "LIST", "PULL", "RELEASE"};
    struct buf out = {0};
    uint32_t payload = wsman_payload(rq), set = wsman_child(rq, rq->header, "SelectorSet");
    if (rq->op == WSMAN_PULL) /* belongs to its LIST */
        return;
    if (rq->op == WSMAN_INVOKE)
        buf_put(&out, rq->method);
    else
        buf_putf(&out, "%s %s", names[rq->op], wsman_class_name(rq->cls));
    if (set) {
        buf_puts(&out, "(");
        flat_children(&out, rq, set);
        buf_puts(&out, ")");
    }
    if (payload && rq->op != WSMAN_ENUMERATE) {
        buf_puts(&out, "{");
        flat_children(&out, rq, payload);
        buf_puts(&out, "}");
        if (rq->op == WSMAN_PUT || rq->op == WSMAN_CREATE)
            assert_true(wsman_is_instance(rq, payload, rq->cls));
    }
    assert_true(ntrace < TRACE_MAX && out.len < TRACE_LINE);
    snprintf(trace[ntrace++], TRACE_LINE, "%s", buf_cstr(&out));
    buf_free(&out);
}

static inline bool trace_hook(struct fake *f, int chan, const struct wsman_msg *rq) {
    flatten(rq);
    return false;
}

static inline void expect_trace(const char *const *want) {
    int n = 0;
    for (; want[n]; n++)
        assert_string_equal(n < ntrace ? trace[n] : "nothing", want[n]);
    assert_string_equal(n < ntrace ? trace[n] : "", "");
}
#define EXPECT_TRACE(...) expect_trace((const char *const[]){__VA_ARGS__, NULL})

/* --- devices --- */

#define SET_LIST(cls, items)                                                                                 \
    {WSMAN_##cls, WSMAN_ENUMERATE, NULL,                                                                     \
     "<g:EnumerateResponse><g:EnumerationContext>7</g:EnumerationContext></g:EnumerateResponse>", NULL},     \
    {                                                                                                        \
        WSMAN_##cls, WSMAN_PULL, NULL,                                                                       \
            "<g:PullResponse><g:Items>" items "</g:Items><g:EndOfSequence/></g:PullResponse>", NULL          \
    }
#define SET_ITEM(cls, inner) "<h:" #cls ">" inner "</h:" #cls ">"
#define SET_GET(cls, inner)                                                                                  \
    { WSMAN_##cls, WSMAN_GET, NULL, "<g:" #cls ">" inner "</g:" #cls ">", NULL }
#define SET_DONE(cls, op)                                                                                    \
    { WSMAN_##cls, WSMAN_##op, NULL, "", NULL }
#define SET_EPR(pfx, name, keys)                                                                             \
    "<" pfx ":" name "><b:Address>x</b:Address><b:ReferenceParameters><c:ResourceURI>u</c:ResourceURI>"      \
    "<c:SelectorSet>" keys "</c:SelectorSet></b:ReferenceParameters></" pfx ":" name ">"
#define SET_KEY(name, value) "<c:Selector Name=\"" name "\">" value "</c:Selector>"
#define SET_RETURN(cls, method, out)                                                                         \
    {                                                                                                        \
        WSMAN_##cls, WSMAN_INVOKE, method,                                                                   \
            "<g:" method "_OUTPUT>" out "<g:ReturnValue>0</g:ReturnValue></g:" method "_OUTPUT>", NULL       \
    }
#define P(name, value) "<g:" name ">" value "</g:" name ">"
#define H(name, value) "<h:" name ">" value "</h:" name ">"

#define SET_REALM "Digest:F3EB554784E729164447A89F60B641C5"
#define SET_NONCE "4P3sY7swlhjkhJNxDkEBIUcmpHE="
#define MPS0      "Intel(r) AMT:Management Presence Server 0"

/* The methods and settings that every firmware answers in the same way. */
#define SET_COMMON                                                                                           \
    SET_GET(AMT_GeneralSettings, P("DigestRealm", SET_REALM) P("DomainName", "old.example")                  \
                                     P("HostName", "node1") P("RmcpPingResponseEnabled", "true")),           \
        SET_DONE(AMT_GeneralSettings, PUT),                                                                  \
        SET_GET(IPS_HostBasedSetupService,                                                                   \
                P("AllowedControlModes", "2") P("AllowedControlModes", "1") P("CertChainStatus", "0")        \
                    P("ConfigurationNonce", SET_NONCE) P("CurrentControlMode", "0")),                        \
        SET_RETURN(IPS_HostBasedSetupService, "Setup", ""),                                                  \
        SET_RETURN(IPS_HostBasedSetupService, "AdminSetup", ""),                                             \
        SET_RETURN(IPS_HostBasedSetupService, "UpgradeClientToAdmin", ""),                                   \
        SET_RETURN(IPS_HostBasedSetupService, "AddNextCertInChain", ""),                                     \
        SET_RETURN(AMT_AuthorizationService, "SetAdminAclEntryEx", ""),                                      \
        SET_RETURN(AMT_SetupAndConfigurationService, "SetMEBxPassword", ""),                                 \
        SET_RETURN(AMT_SetupAndConfigurationService, "Unprovision", ""),                                     \
        SET_RETURN(AMT_SetupAndConfigurationService, "CommitChanges", ""),                                   \
        SET_RETURN(AMT_PublicKeyManagementService, "AddTrustedRootCertificate", ""),                         \
        SET_RETURN(AMT_PublicKeyManagementService, "AddCertificate",                                         \
                   SET_EPR("g", "CreatedCertificate",                                                        \
                           SET_KEY("InstanceID", "Intel(r) AMT Certificate: Handle: 1"))),                   \
        SET_RETURN(AMT_PublicKeyManagementService, "GenerateKeyPair",                                        \
                   SET_EPR("g", "KeyPair", SET_KEY("InstanceID", "Intel(r) AMT Key: Handle: 0"))),           \
        SET_GET(AMT_PublicPrivateKeyPair, P("DERKey", "MIIBCgKC") P("InstanceID", "Intel(r) AMT Key")),      \
        SET_RETURN(AMT_RemoteAccessService, "AddMpServer",                                                   \
                   SET_EPR("g", "MpServer", SET_KEY("Name", MPS0 "x"))),                                     \
        SET_RETURN(AMT_RemoteAccessService, "AddRemoteAccessPolicyRule", ""),                                \
        SET_DONE(AMT_RemoteAccessPolicyAppliesToMPS, PUT), SET_DONE(AMT_MPSUsernamePassword, PUT),           \
        SET_RETURN(AMT_UserInitiatedConnectionService, "RequestStateChange", ""),                            \
        SET_DONE(AMT_EnvironmentDetectionSettingData, PUT), SET_DONE(AMT_TLSSettingData, PUT),               \
        SET_DONE(AMT_TLSCredentialContext, CREATE), SET_DONE(AMT_TLSCredentialContext, PUT),                 \
        SET_RETURN(AMT_TimeSynchronizationService, "GetLowAccuracyTimeSynch", P("Ta0", "1704586865")),       \
        SET_RETURN(AMT_TimeSynchronizationService, "SetHighAccuracyTimeSynch", ""),                          \
        SET_RETURN(AMT_RedirectionService, "RequestStateChange", ""), SET_DONE(AMT_RedirectionService, PUT), \
        SET_RETURN(CIM_KVMRedirectionSAP, "RequestStateChange", ""), SET_DONE(IPS_OptInService, PUT),        \
        SET_DONE(IPS_IEEE8021xSettings, PUT), SET_DONE(CIM_WiFiEndpointSettings, DELETE),                    \
        SET_DONE(IPS_HTTPProxyAccessPoint, DELETE), SET_DONE(AMT_RemoteAccessPolicyRule, DELETE),            \
        SET_DONE(AMT_ManagementPresenceRemoteSAP, DELETE), SET_DONE(AMT_TLSCredentialContext, DELETE),       \
        SET_DONE(AMT_PublicPrivateKeyPair, DELETE), SET_DONE(AMT_PublicKeyCertificate, DELETE)

#define SET_TLS(on)                                                                                          \
    SET_GET(AMT_TLSSettingData, P("AcceptNonSecureConnections", "false") P("ElementName", "e")               \
                                    P("Enabled", on) P("InstanceID", "i") P("MutualAuthentication", "false") \
                                        P("NonSecureConnectionsSupported", "true"))
#define SET_LINK(rule, type)                                                                                 \
    SET_ITEM(AMT_RemoteAccessPolicyAppliesToMPS,                                                             \
             SET_EPR("h", "ManagedElement", SET_KEY("Name", MPS0)) H("MpsType", type)                        \
                 H("OrderOfAccess", "0") SET_EPR("h", "PolicySet", SET_KEY("PolicyRuleName", rule)))

/* As it comes out of the factory: a firmware without Wi-Fi, 802.1x and proxies. */
static const struct fake_rule FRESH[] = {
    SET_COMMON,
    SET_TLS("false"),
    SET_LIST(AMT_PublicKeyCertificate, ""),
    SET_LIST(AMT_PublicPrivateKeyPair, ""),
    SET_LIST(AMT_ManagementPresenceRemoteSAP, ""),
    SET_LIST(AMT_RemoteAccessPolicyRule, ""),
    SET_LIST(AMT_RemoteAccessPolicyAppliesToMPS, SET_LINK("Periodic", "0") SET_LINK("User Initiated", "0")),
    SET_LIST(AMT_TLSCredentialContext, ""),
    SET_GET(AMT_UserInitiatedConnectionService, P("EnabledState", "32768")),
    SET_GET(AMT_EnvironmentDetectionSettingData,
            P("DetectionAlgorithm", "0") P("ElementName", "Intel(r) AMT Environment Detection Settings")
                P("InstanceID", "Intel(r) AMT Environment Detection Settings")),
    SET_GET(AMT_RedirectionService, P("EnabledState", "32768") P("ListenerEnabled", "false") P("Name", "n")),
    SET_GET(CIM_KVMRedirectionSAP, P("EnabledState", "3")),
    SET_GET(IPS_OptInService, P("CanModifyOptInPolicy", "1") P("OptInRequired", "1") P("OptInState", "0")),
    {0}};

#define SET_ROOT  "AAECAwQ="
#define SET_LEAF  "BQYHCAk="
#define SET_OTHER "/////w=="
#define SET_CERT(handle, is_root, der)                                                                       \
    SET_ITEM(AMT_PublicKeyCertificate,                                                                       \
             H("InstanceID", "Cert " handle) H("TrustedRootCertficate", is_root) H("X509Certificate", der))
#define SET_SERVER(address, handle)                                                                          \
    SET_ITEM(AMT_ManagementPresenceRemoteSAP, H("AccessInfo", address) H("CN", "mps.example") H(             \
                                                  "InfoFormat", "201") H("Name", handle) H("Port", "4433"))
#define SET_RULE(name, trigger, lifetime, data)                                                              \
    SET_ITEM(AMT_RemoteAccessPolicyRule, H("ExtendedData", data) H("PolicyRuleName", name)                   \
                                             H("Trigger", trigger) H("TunnelLifeTime", lifetime))
#define SET_CONTEXT(cert)                                                                                    \
    SET_ITEM(AMT_TLSCredentialContext,                                                                       \
             SET_EPR("h", "ElementInContext", SET_KEY("InstanceID", cert))                                   \
                 SET_EPR("h", "ElementProvidingContext", SET_KEY("ElementName", "TLS Endpoints")))

/* As another orchestrator left it. */
static const struct fake_rule FOREIGN[] = {
    SET_COMMON,
    SET_TLS("true"),
    SET_LIST(AMT_PublicKeyCertificate,
             SET_CERT("0", "true", SET_OTHER) SET_CERT("1", "false", SET_OTHER) SET_ITEM(
                 AMT_PublicKeyCertificate, H("InstanceID", "Cert 2") H("ReadOnlyCertificate", "true"))),
    SET_LIST(AMT_PublicPrivateKeyPair, SET_ITEM(AMT_PublicPrivateKeyPair, H("InstanceID", "Key 0"))),
    SET_LIST(AMT_ManagementPresenceRemoteSAP,
             SET_SERVER("mps.other", "Server 0") SET_SERVER("mps.x", "Server 1")),
    SET_LIST(AMT_RemoteAccessPolicyRule,
             SET_RULE("Periodic", "2", "0", "AAAAAAAAABk=") SET_RULE("Alert", "1", "0", "")),
    SET_LIST(AMT_RemoteAccessPolicyAppliesToMPS, SET_LINK("Periodic", "0") SET_LINK("User Initiated", "2")),
    SET_LIST(AMT_TLSCredentialContext, SET_CONTEXT("Cert 1")),
    SET_GET(AMT_UserInitiatedConnectionService, P("EnabledState", "32771")),
    SET_GET(AMT_EnvironmentDetectionSettingData,
            P("DetectionAlgorithm", "1") P("DetectionStrings", "a.example") P("DetectionStrings", "b.example")
                P("ElementName", "d")),
    SET_GET(AMT_RedirectionService, P("EnabledState", "32771") P("ListenerEnabled", "true")),
    SET_GET(CIM_KVMRedirectionSAP, P("EnabledState", "6")),
    SET_GET(IPS_OptInService,
            P("CanModifyOptInPolicy", "0") P("OptInRequired", "4294967295") P("OptInState", "0")),
    SET_GET(IPS_IEEE8021xSettings, P("ElementName", "x") P("Enabled", "2")),
    SET_LIST(CIM_WiFiEndpointSettings,
             SET_ITEM(CIM_WiFiEndpointSettings, H("InstanceID", "Wi 0") H("Priority", "0"))
                 SET_ITEM(CIM_WiFiEndpointSettings, H("InstanceID", "Wi 1") H("Priority", "1"))),
    SET_LIST(IPS_HTTPProxyAccessPoint, SET_ITEM(IPS_HTTPProxyAccessPoint, H("Name", "Proxy 0"))),
    {0}};

/* As CIRA_SET and TLS_SET with these arguments leave it. */
static const struct fake_rule OURS[] = {
    SET_COMMON,
    SET_TLS("true"),
    SET_LIST(AMT_PublicKeyCertificate, SET_CERT("0", "true", "AAEC\nAwQ=") SET_CERT("1", "false", SET_LEAF)),
    SET_LIST(AMT_ManagementPresenceRemoteSAP, SET_SERVER("mps.example", MPS0)),
    SET_LIST(AMT_RemoteAccessPolicyRule,
             SET_RULE("Periodic", "2", "0", "AAAAAAAAABk=") SET_RULE("User Initiated", "0", "300", "")),
    SET_LIST(AMT_RemoteAccessPolicyAppliesToMPS, SET_LINK("Periodic", "2") SET_LINK("User Initiated", "2")),
    SET_LIST(AMT_TLSCredentialContext, SET_CONTEXT("Cert 1")),
    SET_GET(AMT_UserInitiatedConnectionService, P("EnabledState", "32771")),
    SET_GET(AMT_EnvironmentDetectionSettingData, P("DetectionStrings", "outside.example")),
    {0}};

/* --- jobs --- */

static const struct wsc_args ARGS = {.user = "admin",
                                     .password = "N3w<P@ss>",
                                     .certificate = SET_ROOT,
                                     .leaf = SET_LEAF,
                                     .nonce = "bm9uY2U=",
                                     .signature = "c2ln",
                                     .address = "mps.example",
                                     .common_name = "mps.example",
                                     .host_name = "node1.new",
                                     .domain = "outside.example"};
enum { SET_PORT = 4433 | 201 << 16 };

static inline struct wsc_result setup_run(struct fake *f, const struct fake_rule *rules,
                                          enum wsc_job_kind kind, uint32_t arg, const struct wsc_args *args) {
    f->rules = rules;
    ntrace = 0;
    fake_start(f);
    int id = wsc_submit_with(f->c, kind, arg, args, WSC_URGENT, 0, f->now, f);
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

/* With no fault of the device's: err 0, and what it was asked is in trace. */
static inline struct wsc_result setup_job(const struct fake_rule *rules, enum wsc_job_kind kind,
                                          uint32_t arg) {
    struct fake f = {.hook = trace_hook};
    struct wsc_result r = setup_run(&f, rules, kind, arg, &ARGS);
    assert_string_equal(r.why, "");
    assert_int_equal(r.err, 0);
    assert_int_equal(r.return_value, 0);
    return r;
}
