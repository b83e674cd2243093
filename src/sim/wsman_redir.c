/* SPDX-License-Identifier: Apache-2.0 */
/* Redirection and KVM switches (reference 4.7, 5.7). */
#include "sim/firmware.h"
#include "sim/redir_conn.h"

/* --- AMT_RedirectionService --- */

static void redir_state(struct fw_call *c, const char *name) {
    fw_put_uint(c, name, c->node->redir_state);
}
static void listener_enabled(struct fw_call *c, const char *name) {
    fw_put_bool(c, name, c->node->listener);
}
static const struct fw_prop REDIR[] = {
    FW_TEXT("CreationClassName", "AMT_RedirectionService"),
    FW_TEXT("ElementName", "Intel(r) AMT Redirection Service"),
    FW_FN("EnabledState", redir_state),
    FW_FN("ListenerEnabled", listener_enabled),
    FW_TEXT("Name", "Intel(r) AMT Redirection Service"),
    FW_TEXT("SystemCreationClassName", "CIM_ComputerSystem"),
    FW_TEXT("SystemName", "Intel(r) AMT"),
};
static void put_redir(struct fw_call *c) {
    bool on;
    if (!wsman_bool(c->rq, c->payload, "ListenerEnabled", &on)) {
        fw_fault(c, FW_FAULT_SCHEMA);
        return;
    }
    c->node->listener = on;
}
static uint32_t redir_request_state(struct fw_call *c) {
    uint64_t state;
    if (!wsman_u64(c->rq, c->payload, "RequestedState", 65535, &state) || state < 32768 || state > 32771)
        return 5;
    c->node->redir_state = (uint16_t)state;
    return 0;
}
static const struct fw_method REDIR_METHODS[] = {{"RequestStateChange", redir_request_state}};

/* --- CIM_KVMRedirectionSAP --- */

static bool has_kvm(const struct sim_node *n) {
    return !n->cfg.no_kvm;
}
static void sap_state(struct fw_call *c, const char *name) {
    const struct sim_node *n = c->node;
    fw_put_uint(c, name, !n->kvm_enabled ? 3 : n->session || redir_open(n, REDIR_KVM) ? 2 : 6);
}
static void sap_requested(struct fw_call *c, const char *name) {
    fw_put_uint(c, name, c->node->kvm_enabled ? 2 : 3);
}
static const struct fw_prop SAP[] = {
    FW_TEXT("CreationClassName", "CIM_KVMRedirectionSAP"),
    FW_TEXT("ElementName", "KVM Redirection Service Access Point"),
    FW_FN("EnabledState", sap_state),
    FW_TEXT("KVMProtocol", "4"),
    FW_TEXT("Name", "KVM Redirection Service Access Point"),
    FW_FN("RequestedState", sap_requested),
    FW_TEXT("SystemCreationClassName", "CIM_ComputerSystem"),
    FW_TEXT("SystemName", "ManagedSystem"),
};
static uint32_t sap_request_state(struct fw_call *c) {
    uint64_t state;
    if (!wsman_u64(c->rq, c->payload, "RequestedState", 65535, &state) || (state != 2 && state != 3))
        return 5;
    c->node->kvm_enabled = state == 2;
    return 0;
}
static const struct fw_method SAP_METHODS[] = {{"RequestStateChange", sap_request_state}};

/* --- IPS_KVMRedirectionSettingData --- */

static void opt_in_policy(struct fw_call *c, const char *name) {
    fw_put_bool(c, name, c->node->optin.required != OPTIN_NONE);
}
static void opt_in_timeout(struct fw_call *c, const char *name) {
    fw_put_uint(c, name, c->node->redir.kvm.opt_in_timeout_s);
}
static void session_timeout(struct fw_call *c, const char *name) {
    fw_put_uint(c, name, c->node->redir.kvm.session_timeout_min);
}
static void back_to_back(struct fw_call *c, const char *name) {
    fw_put_bool(c, name, c->node->redir.kvm.back_to_back);
}
static void default_screen(struct fw_call *c, const char *name) {
    fw_put_uint(c, name, c->node->redir.kvm.default_screen);
}
static void decimation(struct fw_call *c, const char *name) {
    fw_put_uint(c, name, c->node->redir.kvm.decimation);
}
static void zlib_control(struct fw_call *c, const char *name) {
    fw_put_bool(c, name, c->node->cfg.profile != SIM_A11);
}
static const struct fw_prop KVM_SETTINGS[] = {
    FW_FN("BackToBackFbMode", back_to_back),
    FW_FN("DefaultScreen", default_screen),
    FW_TEXT("DoubleBufferActive", "false"),
    FW_TEXT("DoubleBufferEnabled", "false"),
    FW_TEXT("ElementName", "Intel(r) KVM Redirection Settings"),
    FW_TEXT("EnabledByMEBx", "true"),
    FW_TEXT("GrayscalePixelFormatSupported", "true"),
    FW_FN("InitialDecimationModeForLowRes", decimation),
    FW_TEXT("InstanceID", "Intel(r) KVM Redirection Settings"),
    FW_TEXT("Is5900PortEnabled", "false"),
    FW_FN("OptInPolicy", opt_in_policy),
    FW_FN("OptInPolicyTimeout", opt_in_timeout),
    FW_TEXT("RFBPassword", ""),
    FW_FN("SessionTimeout", session_timeout),
    FW_FN("ZlibControlSupported", zlib_control),
};
static void put_kvm_settings(struct fw_call *c) {
    struct node_kvm *k = &c->node->redir.kvm;
    uint64_t v;
    bool on;
    if (wsman_bool(c->rq, c->payload, "Is5900PortEnabled", &on) && on && c->node->cfg.profile != SIM_A11) {
        c->detail = "AMT-STATUS 2066"; /* unsupported on new firmware (4.7) */
        fw_fault(c, FW_FAULT_INTERNAL);
        return;
    }
    if (wsman_u64(c->rq, c->payload, "SessionTimeout", 65535, &v))
        k->session_timeout_min = (uint16_t)v;
    if (wsman_u64(c->rq, c->payload, "OptInPolicyTimeout", 65535, &v))
        k->opt_in_timeout_s = (uint16_t)v;
    if (wsman_u64(c->rq, c->payload, "DefaultScreen", 3, &v))
        k->default_screen = (uint8_t)v;
    if (wsman_u64(c->rq, c->payload, "InitialDecimationModeForLowRes", 2, &v))
        k->decimation = (uint8_t)v;
    if (wsman_bool(c->rq, c->payload, "BackToBackFbMode", &on))
        k->back_to_back = on;
}

const struct fw_class FW_REDIR[] = {
    {.cls = WSMAN_AMT_RedirectionService, FW_PROPS(REDIR), .put = put_redir, FW_METHODS(REDIR_METHODS)},
    {.cls = WSMAN_CIM_KVMRedirectionSAP, FW_PROPS(SAP), FW_METHODS(SAP_METHODS), .present = has_kvm},
    {.cls = WSMAN_IPS_KVMRedirectionSettingData,
     FW_PROPS(KVM_SETTINGS),
     .put = put_kvm_settings,
     .present = has_kvm},
    {.cls = WSMAN_CLASS_NONE},
};
