/* SPDX-License-Identifier: Apache-2.0 */
/* The network and what firmware knows of it: its port, where it believes to be, when a user may call for help
 * (reference 4.12, 4.14). */
#include "sim/firmware.h"

#include <stdio.h>

enum { DETECTION_MAX = 5, CIM_INVALID_PARAMETER = 5 };

/* --- AMT_EthernetPortSettings --- */

static void mac_address(struct fw_call *c, const char *name) {
    uint8_t m[6];
    char text[18];
    node_mac(c->node, m);
    snprintf(text, sizeof text, "%02x-%02x-%02x-%02x-%02x-%02x", m[0], m[1], m[2], m[3], m[4], m[5]);
    fw_put_text(c, name, text);
}
static const struct fw_prop ETHERNET[] = {
    FW_TEXT("DHCPEnabled", "true"),
    FW_TEXT("ElementName", "Intel(r) AMT Ethernet Port Settings"),
    FW_TEXT("InstanceID", "Intel(r) AMT Ethernet Port Settings 0"),
    FW_TEXT("IpSyncEnabled", "true"),
    FW_TEXT("LinkIsUp", "true"),
    FW_TEXT("LinkPolicy", "1"),
    FW_TEXT("LinkPolicy", "14"),
    FW_FN("MACAddress", mac_address),
    FW_TEXT("PhysicalConnectionType", "0"),
    FW_TEXT("SharedDynamicIP", "true"),
    FW_TEXT("SharedMAC", "true"),
    FW_TEXT("SharedStaticIp", "false"),
    FW_TEXT("VLANTag", "0"),
};
/* DHCPEnabled is required in a Put (4.14); addresses are not the simulation's business. */
static void put_ethernet(struct fw_call *c) {
    if (!wsman_child(c->rq, c->payload, "DHCPEnabled"))
        fw_fault(c, FW_FAULT_SCHEMA);
}
static const char *ethernet_key(const struct sim_node *n, unsigned index, char *scratch) {
    return "Intel(r) AMT Ethernet Port Settings 0";
}

/* --- what is always off or empty here: 802.1x, Wi-Fi, proxies --- */

static const struct fw_prop IEEE8021X[] = {
    FW_TEXT("AvailableInS0", "false"), FW_TEXT("ElementName", "Intel(r) AMT: 8021X Settings"),
    FW_TEXT("Enabled", "3"),           FW_TEXT("InstanceID", "Intel(r) AMT: 8021X Settings"),
    FW_TEXT("PxeTimeout", "120"),
};
static void put_8021x(struct fw_call *c) {
    uint64_t enabled;
    if (!wsman_u64(c->rq, c->payload, "Enabled", UINT32_MAX, &enabled))
        fw_fault(c, FW_FAULT_SCHEMA);
    else if (enabled != 3)
        fw_fault_status(c, FW_FAULT_INTERNAL, "AMT-STATUS 2066"); /* UNSUPPORTED */
}

static unsigned none(const struct sim_node *n) {
    return 0;
}
static void delete_none(struct fw_call *c) {}
static const struct fw_prop PROXY_SERVICE[] = {
    FW_TEXT("CreationClassName", "IPS_HTTPProxyService"),
    FW_TEXT("ElementName", "Intel(r) ME:HTTP Proxy Service"),
    FW_TEXT("Name", "Intel(r) ME:HTTP Proxy Service"),
    FW_TEXT("SystemCreationClassName", "CIM_ComputerSystem"),
    FW_TEXT("SystemName", "Intel(r) AMT"),
};

/* --- AMT_UserInitiatedConnectionService --- */

static void user_initiated(struct fw_call *c, const char *name) {
    fw_put_uint(c, name, c->node->prov->user_initiated);
}
static const struct fw_prop USER_INITIATED[] = {
    FW_TEXT("CreationClassName", "AMT_UserInitiatedConnectionService"),
    FW_TEXT("ElementName", "Intel(r) AMT User Initiated Connection Service"),
    FW_FN("EnabledState", user_initiated),
    FW_TEXT("Name", "Intel(r) AMT User Initiated Connection Service"),
    FW_TEXT("SystemCreationClassName", "CIM_ComputerSystem"),
    FW_TEXT("SystemName", "Intel(r) AMT"),
};
static uint32_t set_user_initiated(struct fw_call *c) {
    uint64_t state;
    if (!wsman_u64(c->rq, c->payload, "RequestedState", 32771, &state) || state < 32768)
        return CIM_INVALID_PARAMETER;
    c->node->prov->user_initiated = (uint16_t)state;
    return 0;
}
static const struct fw_method USER_INITIATED_METHODS[] = {{"RequestStateChange", set_user_initiated}};

/* --- AMT_EnvironmentDetectionSettingData --- */

static void detection_strings(struct fw_call *c, const char *name) {
    if (c->node->prov->detection[0])
        fw_put_text(c, name, c->node->prov->detection);
}
static const struct fw_prop DETECTION[] = {
    FW_TEXT("DetectionAlgorithm", "0"),
    FW_FN("DetectionStrings", detection_strings),
    FW_TEXT("ElementName", "Intel(r) AMT Environment Detection Settings"),
    FW_TEXT("InstanceID", "Intel(r) AMT Environment Detection Settings"),
};
/* Of several the first one is kept; without any there is no outside. */
static void put_detection(struct fw_call *c) {
    struct prov *p = c->node->prov;
    char first[sizeof p->detection] = "";
    unsigned n = 0;
    for (uint32_t i = wsman_child(c->rq, c->payload, "DetectionStrings"); i; i = wsman_again(c->rq, i), n++)
        if (n == 0 && !slice_to_str(c->rq->nodes[i].text, first, sizeof first))
            n = DETECTION_MAX;
    if (n > DETECTION_MAX || !wsman_child(c->rq, c->payload, "DetectionAlgorithm")) {
        fw_fault(c, FW_FAULT_SCHEMA);
        return;
    }
    memcpy(p->detection, first, sizeof first);
    p->changed = true;
}

const struct fw_class FW_NETWORK[] = {
    {.cls = WSMAN_AMT_EthernetPortSettings,
     FW_PROPS(ETHERNET),
     .key = "InstanceID",
     .key_of = ethernet_key,
     .put = put_ethernet},
    {.cls = WSMAN_IPS_IEEE8021xSettings, FW_PROPS(IEEE8021X), .put = put_8021x},
    {.cls = WSMAN_CIM_WiFiEndpointSettings, .count = none, .del = delete_none},
    {.cls = WSMAN_AMT_UserInitiatedConnectionService,
     FW_PROPS(USER_INITIATED),
     FW_METHODS(USER_INITIATED_METHODS),
     .prov = true,
     .os_admin = FW_OS_READS},
    {.cls = WSMAN_AMT_EnvironmentDetectionSettingData,
     FW_PROPS(DETECTION),
     .prov = true,
     .put = put_detection,
     .os_admin = FW_OS_READS},
    {.cls = WSMAN_IPS_HTTPProxyService, FW_PROPS(PROXY_SERVICE)},
    {.cls = WSMAN_IPS_HTTPProxyAccessPoint, .count = none, .del = delete_none},
    {.cls = WSMAN_CLASS_NONE},
};
