/* SPDX-License-Identifier: Apache-2.0 */
/* Remote access: configured in the order of reference 4.12, and out of it again. */
#include "fw_rig.h"
#include "unit.h"

#define SERVICE WSMAN_AMT_RemoteAccessService
#define SAP     WSMAN_AMT_ManagementPresenceRemoteSAP
#define RULE    WSMAN_AMT_RemoteAccessPolicyRule
#define APPLIES WSMAN_AMT_RemoteAccessPolicyAppliesToMPS

#define EPR(element, cls, selector, value)                                                                   \
    "<p:" element "><a:Address>/wsman</a:Address><a:ReferenceParameters><w:ResourceURI>"                     \
    "http://intel.com/wbem/wscim/1/amt-schema/1/" cls                                                        \
    "</w:ResourceURI><w:SelectorSet><w:Selector Name=\"" selector "\">" value                                \
    "</w:Selector></w:SelectorSet></a:ReferenceParameters></p:" element ">"
#define SAP_NAME(n) "Intel(r) AMT:Management Presence Server " n
#define SAP_EPR(e)  EPR(e, "AMT_ManagementPresenceRemoteSAP", "Name", SAP_NAME("0"))
#define RULE_EPR(r) EPR("PolicySet", "AMT_RemoteAccessPolicyRule", "PolicyRuleName", r)
#define LOGIN       "<p:AuthMethod>2</p:AuthMethod><p:Username>cira</p:Username><p:Password>Secret-1x</p:Password>"
#define MPS(a, f, p)                                                                                         \
    "<p:AccessInfo>" a "</p:AccessInfo><p:InfoFormat>" f "</p:InfoFormat><p:Port>" p "</p:Port>"
#define PERIODIC                                                                                             \
    "<p:Trigger>2</p:Trigger><p:TunnelLifeTime>0</p:TunnelLifeTime><p:ExtendedData>AAAAAAAAABk=</"           \
    "p:ExtendedData>"

static struct bench empty(void) {
    struct bench b = bench_made(SIM_A15, SIM_ACM);
    node_prov(b.node)->mode = 2;
    memset(b.node->prov->mps, 0, sizeof b.node->prov->mps);
    memset(b.node->prov->policies, 0, sizeof b.node->prov->policies);
    return b;
}

static int64_t add_mps(struct bench *b, const char *inner) {
    return bench_call(b, SERVICE, "AddMpServer", inner, NULL);
}
static int64_t add_rule(struct bench *b, const char *inner) {
    return bench_call(b, SERVICE, "AddRemoteAccessPolicyRule", inner, NULL);
}

static void a_server_is_added(void **state) {
    struct bench b = empty();
    static const struct {
        const char *inner;
        int64_t rv;
    } CASES[] = {
        {"", 36},
        {MPS("10.0.0.9", "3", "4433") LOGIN, 36}, /* an address needs a name to check */
        {MPS("10.0.0.900", "3", "4433") LOGIN "<p:CN>x</p:CN>", 27},
        {MPS("10.0.0.9", "4", "4433") LOGIN "<p:CN>x</p:CN>", 27},
        {MPS("10.0.0.9", "5", "4433") LOGIN "<p:CN>x</p:CN>", 36},
        {MPS("10.0.0.9", "3", "0") LOGIN "<p:CN>x</p:CN>", 36},
        {MPS("10.0.0.9", "3", "65536") LOGIN "<p:CN>x</p:CN>", 36},
        {MPS("10.0.0.9", "3", "4433") "<p:AuthMethod>1</p:AuthMethod><p:CN>x</p:CN>", 36},
        {MPS("10.0.0.9", "3", "4433") LOGIN "<p:CN>oob.example</p:CN>", 0},
        {MPS("10.0.0.9", "3", "4433") LOGIN "<p:CN>oob.example</p:CN>", 2058},
        {MPS("oob.example", "201", "4433") LOGIN, 0},
        {MPS("::1", "4", "4433") LOGIN "<p:CN>x</p:CN>", 0},
        {MPS("a.example", "201", "4433") LOGIN, 0},
        {MPS("b.example", "201", "4433") LOGIN, 23},
    };
    for (size_t i = 0; i < FW_LEN(CASES); i++)
        if (add_mps(&b, CASES[i].inner) != CASES[i].rv)
            fail_msg("case %zu", i);
    const struct prov_mps *m = &b.node->prov->mps[0];
    assert_string_equal(m->address, "10.0.0.9");
    assert_string_equal(m->common_name, "oob.example");
    assert_string_equal(m->user, "cira");
    assert_string_equal(m->password, "Secret-1x");
    assert_int_equal(m->port, 4433);
    assert_true(b.node->prov->changed);
    assert_int_equal(bench_pull_all(&b, SAP, SAP), 4);
    assert_string_equal(bench_text(&b, SAP, "Name"), SAP_NAME("0"));
    assert_string_equal(bench_text(&b, SAP, "CN"), "oob.example");
    bench_free(&b);
}

static void rules_refer_to_a_server(void **state) {
    struct bench b = empty();
    assert_int_equal(add_rule(&b, PERIODIC SAP_EPR("MpServer")), 36); /* there is none */
    assert_int_equal(add_mps(&b, MPS("oob.example", "201", "4433") LOGIN), 0);
    assert_int_equal(add_rule(&b, PERIODIC), 36);
    assert_int_equal(
        add_rule(&b, "<p:Trigger>2</p:Trigger><p:TunnelLifeTime>0</p:TunnelLifeTime>" SAP_EPR("MpServer")),
        36);
    assert_int_equal(
        add_rule(&b, "<p:Trigger>3</p:Trigger><p:TunnelLifeTime>0</p:TunnelLifeTime>" SAP_EPR("MpServer")),
        36);
    assert_int_equal(add_rule(&b, PERIODIC SAP_EPR("MpServer")), 0);
    assert_int_equal(add_rule(&b, PERIODIC SAP_EPR("MpServer")), 2058);
    assert_int_equal(
        add_rule(&b, "<p:Trigger>0</p:Trigger><p:TunnelLifeTime>300</p:TunnelLifeTime>" SAP_EPR("MpServer")),
        0);
    assert_int_equal(bench_pull_all(&b, RULE, RULE), 2);
    assert_string_equal(bench_text(&b, RULE, "PolicyRuleName"), "Periodic");
    assert_string_equal(bench_text(&b, RULE, "ExtendedData"), "AAAAAAAAABk=");
    /* MpsType of one of them */
    assert_int_equal(bench_put(&b, APPLIES, "<p:MpsType>2</p:MpsType>"), 400);
    assert_int_equal(
        bench_put(&b, APPLIES, SAP_EPR("ManagedElement") "<p:MpsType>3</p:MpsType>" RULE_EPR("Periodic")),
        400);
    assert_int_equal(
        bench_put(&b, APPLIES, SAP_EPR("ManagedElement") "<p:MpsType>2</p:MpsType>" RULE_EPR("Alert")), 400);
    assert_int_equal(
        bench_put(
            &b, APPLIES,
            SAP_EPR("ManagedElement") "<p:MpsType>2</p:MpsType><p:OrderOfAccess>0</p:OrderOfAccess>" RULE_EPR(
                "User Initiated")),
        200);
    assert_int_equal(b.node->prov->policies[0].mps_type, 0);
    assert_int_equal(b.node->prov->policies[1].mps_type, 2);
    /* out again: the server goes last */
    assert_int_equal(bench_delete(&b, SAP, NULL, NULL), 400);
    assert_int_equal(bench_delete(&b, SAP, "Name", SAP_NAME("0")), 500);
    assert_int_equal(bench_delete(&b, RULE, "PolicyRuleName", "Alert"), 400);
    assert_int_equal(bench_delete(&b, RULE, "PolicyRuleName", "User Initiated"), 200);
    assert_int_equal(bench_delete(&b, RULE, "PolicyRuleName", "Periodic"), 200);
    assert_int_equal(bench_delete(&b, RULE, "PolicyRuleName", "Periodic"), 400);
    assert_int_equal(bench_delete(&b, SAP, "Name", SAP_NAME("0")), 200);
    assert_int_equal(bench_pull_all(&b, SAP, SAP), 0);
    assert_int_equal(bench_pull_all(&b, APPLIES, APPLIES), 0);
    bench_free(&b);
}

static void the_login_is_changed(void **state) {
    struct bench b = bench_made(SIM_A15, SIM_ACM);
    struct prov *p = node_prov(b.node);
    static const enum wsman_class C = WSMAN_AMT_MPSUsernamePassword;
    assert_string_equal(bench_text(&b, C, "RemoteID"), b.node->cfg.id.cira_user);
    assert_string_equal(bench_text(&b, C, "Secret"), "");
    assert_int_equal(bench_put(&b, C, "<p:RemoteID>new</p:RemoteID>"), 400);
    assert_false(p->changed);
    assert_int_equal(
        bench_put(
            &b, C,
            "<p:RemoteID>new</p:RemoteID><p:Secret>0123456789012345678901234567890123456789</p:Secret>"),
        400);
    assert_int_equal(bench_put(&b, C, "<p:RemoteID>new</p:RemoteID><p:Secret>Other-2y</p:Secret>"), 200);
    assert_string_equal(p->mps[0].user, "new");
    assert_string_equal(p->mps[0].password, "Other-2y");
    assert_true(p->changed);
    bench_free(&b);
}

static void an_activated_node_dials_the_fleets_server(void **state) {
    struct bench b = bench_made(SIM_A15, SIM_CCM);
    const struct prov *p = node_prov(b.node);
    assert_int_equal(p->mode, 1);
    assert_string_equal(p->mps[0].address, "127.0.0.1");
    assert_int_equal(p->mps[0].format, 3);
    assert_int_equal(p->mps[0].port, 1);
    assert_string_equal(p->mps[0].password, b.node->cfg.id.cira_password);
    assert_string_equal(p->admin_ha1, fw_ha1(b.node));
    assert_int_equal(p->user_initiated, 32771);
    assert_int_not_equal(p->detection[0], 0);
    bench_free(&b);
}

static void where_it_is_and_who_may_call(void **state) {
    struct bench b = empty();
    static const enum wsman_class U = WSMAN_AMT_UserInitiatedConnectionService,
                                  D = WSMAN_AMT_EnvironmentDetectionSettingData;
    assert_int_equal(bench_call(&b, U, "RequestStateChange", "<p:RequestedState>2</p:RequestedState>", NULL),
                     5);
    assert_int_equal(
        bench_call(&b, U, "RequestStateChange", "<p:RequestedState>32770</p:RequestedState>", NULL), 0);
    assert_string_equal(bench_text(&b, U, "EnabledState"), "32770");
#define ALGORITHM "<p:DetectionAlgorithm>0</p:DetectionAlgorithm>"
#define STRING    "<p:DetectionStrings>nowhere.example</p:DetectionStrings>"
    assert_int_equal(bench_put(&b, D, STRING), 400);
    assert_int_equal(bench_put(&b, D, ALGORITHM STRING STRING STRING STRING STRING STRING), 400);
    assert_int_equal(bench_put(&b, D, ALGORITHM STRING), 200);
    assert_string_equal(bench_text(&b, D, "DetectionStrings"), "nowhere.example");
    assert_int_equal(bench_put(&b, D, ALGORITHM), 200);
    assert_string_equal(bench_text(&b, D, "DetectionStrings"), "");
    bench_free(&b);
}

/* Reference protocol-redir-activation 5.6, "Unconfigure": what is not there answers, too. */
static void what_is_never_there_can_be_unconfigured(void **state) {
    struct bench b = empty();
    static const struct wsman_selector WRONG[] = {{"InstanceID", "Intel(r) AMT Ethernet Port Settings 1"},
                                                  {NULL, NULL}};
    int status;
    struct wsman_msg *m = bench_ask(
        &b,
        &(struct wsman_request){.op = WSMAN_GET, .cls = WSMAN_AMT_EthernetPortSettings, .selectors = WRONG},
        &status);
    assert_int_equal(status, 400);
    wsman_msg_free(&m);
    assert_int_equal(bench_put(&b, WSMAN_AMT_EthernetPortSettings, "<p:DHCPEnabled>true</p:DHCPEnabled>"),
                     200);
    assert_int_equal(bench_put(&b, WSMAN_IPS_IEEE8021xSettings, "<p:Enabled>3</p:Enabled>"), 200);
    assert_int_equal(bench_put(&b, WSMAN_IPS_IEEE8021xSettings, "<p:Enabled>2</p:Enabled>"), 500);
    assert_int_equal(bench_delete(&b, WSMAN_CIM_WiFiEndpointSettings, "InstanceID", "x"), 400);
    assert_int_equal(bench_delete(&b, WSMAN_IPS_HTTPProxyAccessPoint, "Name", "x"), 400);
    bench_free(&b);
}

UNIT_MAIN(T(a_server_is_added), T(rules_refer_to_a_server), T(the_login_is_changed),
          T(an_activated_node_dials_the_fleets_server), T(where_it_is_and_who_may_call),
          T(what_is_never_there_can_be_unconfigured))
