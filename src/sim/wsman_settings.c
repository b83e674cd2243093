/* SPDX-License-Identifier: Apache-2.0 */
/* General settings, setup, time, network, the consent service (reference 4.2, 4.8, 4.9, 5.6). */
#include "sim/firmware.h"

#include "base/text.h"

#include <stdio.h>

/* --- AMT_GeneralSettings --- */

static void realm(struct fw_call *c, const char *name) {
    char text[NODE_REALM_CAP];
    fw_put_text(c, name, node_realm(c->node, text));
}
static void host_name(struct fw_call *c, const char *name) {
    fw_put_text(c, name, c->node->cfg.id.name);
}
static void power_source(struct fw_call *c, const char *name) {
    fw_put_uint(c, name, 0); /* AC: a machine without power answers nothing */
}
static const struct fw_prop GENERAL[] = {
    FW_TEXT("AMTNetworkEnabled", "1"),
    FW_TEXT("DDNSPeriodicUpdateInterval", "1440"),
    FW_TEXT("DDNSTTL", "900"),
    FW_TEXT("DDNSUpdateByDHCPServerEnabled", "true"),
    FW_TEXT("DDNSUpdateEnabled", "false"),
    FW_TEXT("DHCPSyncRequiresHostname", "1"),
    FW_TEXT("DHCPv6ConfigurationTimeout", "0"),
    FW_FN("DigestRealm", realm),
    FW_TEXT("DomainName", "simulated.example"),
    FW_TEXT("ElementName", "Intel(r) AMT: General Settings"),
    FW_FN("HostName", host_name),
    FW_FN("HostOSFQDN", host_name),
    FW_TEXT("IdleWakeTimeout", "65535"),
    FW_TEXT("InstanceID", "Intel(r) AMT: General Settings"),
    FW_TEXT("NetworkInterfaceEnabled", "true"),
    FW_TEXT("PingResponseEnabled", "true"),
    FW_FN("PowerSource", power_source),
    FW_TEXT("PreferredAddressFamily", "0"),
    FW_TEXT("PresenceNotificationInterval", "0"),
    FW_TEXT("PrivacyLevel", "0"),
    FW_TEXT("RmcpPingResponseEnabled", "true"),
    FW_TEXT("SharedFQDN", "true"),
    FW_TEXT("ThunderboltDockEnabled", "0"),
    FW_TEXT("WsmanOnlyMode", "false"),
};
/* PingResponseEnabled is required in a Put (4.2); names and addresses are not the simulation's business. */
static void put_general(struct fw_call *c) {
    if (!wsman_child(c->rq, c->payload, "PingResponseEnabled"))
        fw_fault(c, FW_FAULT_SCHEMA);
}

/* --- AMT_SetupAndConfigurationService --- */

static void provisioning_mode(struct fw_call *c, const char *name) {
    fw_put_uint(c, name, c->node->cfg.mode == SIM_CCM ? 4 : 1);
}
static void provisioning_state(struct fw_call *c, const char *name) {
    fw_put_uint(c, name, c->node->unprovisioned ? 0 : 2);
}
static const struct fw_prop SETUP[] = {
    FW_TEXT("CreationClassName", "AMT_SetupAndConfigurationService"),
    FW_TEXT("ElementName", "Intel(r) AMT Setup and Configuration Service"),
    FW_TEXT("EnabledState", "5"),
    FW_TEXT("Name", "Intel(r) AMT Setup and Configuration Service"),
    FW_TEXT("PasswordModel", "1"),
    FW_FN("ProvisioningMode", provisioning_mode),
    FW_TEXT("ProvisioningServerOTP", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="),
    FW_FN("ProvisioningState", provisioning_state),
    FW_TEXT("RequestedState", "12"),
    FW_TEXT("SystemCreationClassName", "CIM_ComputerSystem"),
    FW_TEXT("SystemName", "Intel(r) AMT"),
    FW_TEXT("ZeroTouchConfigurationEnabled", "true"),
};
static uint32_t get_uuid(struct fw_call *c) {
    struct uuid raw = uuid_swap(c->node->cfg.id.uuid);
    struct buf b64 = {0};
    text_base64(&b64, slice_of(raw.b, sizeof raw.b));
    wsman_put_element(c->out, "g", "UUID", buf_slice(&b64));
    buf_free(&b64);
    return 0;
}
static uint32_t commit_changes(struct fw_call *c) {
    return 0;
}
static uint32_t unprovision(struct fw_call *c) {
    c->node->unprovisioned = true; /* the tunnel goes once the answer is out */
    return 0;
}
static const struct fw_method SETUP_METHODS[] = {
    {"GetUuid", get_uuid},
    {"CommitChanges", commit_changes},
    {"Unprovision", unprovision},
    {"PartialUnprovision", unprovision},
};

/* --- IPS_HostBasedSetupService --- */

static void control_mode(struct fw_call *c, const char *name) {
    fw_put_uint(c, name, c->node->unprovisioned ? 0 : c->node->cfg.mode == SIM_CCM ? 1 : 2);
}
static const struct fw_prop MACHINE_SETUP[] = {
    FW_TEXT("AllowedControlModes", "2"),
    FW_TEXT("AllowedControlModes", "1"),
    FW_TEXT("CertChainStatus", "0"),
    FW_TEXT("CreationClassName", "IPS_HostBasedSetupService"),
    FW_FN("CurrentControlMode", control_mode),
    FW_TEXT("ElementName", "Intel(r) AMT Host Based Setup Service"),
    FW_TEXT("Name", "Intel(r) AMT Host Based Setup Service"),
    FW_TEXT("SystemCreationClassName", "CIM_ComputerSystem"),
    FW_TEXT("SystemName", "Intel(r) AMT"),
};

/* --- AMT_TimeSynchronizationService --- */

static const struct fw_prop TIME[] = {
    FW_TEXT("CreationClassName", "AMT_TimeSynchronizationService"),
    FW_TEXT("ElementName", "Intel(r) AMT Time Synchronization Service"),
    FW_TEXT("EnabledState", "5"),
    FW_TEXT("LocalTimeSyncEnabled", "0"),
    FW_TEXT("Name", "Intel(r) AMT Time Synchronization Service"),
    FW_TEXT("RequestedState", "12"),
    FW_TEXT("SystemCreationClassName", "CIM_ComputerSystem"),
    FW_TEXT("SystemName", "Intel(r) AMT"),
    FW_TEXT("TimeSource", "0"),
};
static uint64_t device_time(const struct sim_node *n) {
    return (uint64_t)(loop_wall(n->fleet->cfg.loop).us / 1000000 + n->clock_offset_s);
}
static uint32_t get_time(struct fw_call *c) {
    fw_put_uint(c, "Ta0", device_time(c->node));
    return 0;
}
static uint32_t set_time(struct fw_call *c) {
    uint64_t ta0, tm1, tm2;
    if (!wsman_u64(c->rq, c->payload, "Ta0", UINT32_MAX, &ta0) ||
        !wsman_u64(c->rq, c->payload, "Tm1", UINT32_MAX, &tm1) ||
        !wsman_u64(c->rq, c->payload, "Tm2", UINT32_MAX, &tm2))
        return 36;
    int64_t wall_s = loop_wall(c->node->fleet->cfg.loop).us / 1000000;
    c->node->clock_offset_s = (int32_t)((int64_t)tm2 - wall_s);
    return 0;
}
static const struct fw_method TIME_METHODS[] = {
    {"GetLowAccuracyTimeSynch", get_time},
    {"SetHighAccuracyTimeSynch", set_time},
};

/* --- AMT_EthernetPortSettings --- */

static void mac_address(struct fw_call *c, const char *name) {
    const uint8_t *u = c->node->cfg.id.smbios.b; /* any constant of the machine will do */
    char text[18];
    snprintf(text, sizeof text, "02-%02x-%02x-%02x-%02x-%02x", u[11], u[12], u[13], u[14], u[15]);
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

/* --- IPS_OptInService --- */

static void can_modify(struct fw_call *c, const char *name) {
    fw_put_uint(c, name, c->node->optin.can_modify ? 1 : 0);
}
static void code_timeout(struct fw_call *c, const char *name) {
    fw_put_uint(c, name, c->node->optin.code_s);
}
static void display_timeout(struct fw_call *c, const char *name) {
    fw_put_uint(c, name, c->node->optin.display_s);
}
static void optin_required(struct fw_call *c, const char *name) {
    fw_put_uint(c, name, c->node->optin.required);
}
static void optin_state_of(struct fw_call *c, const char *name) {
    optin_advance(&c->node->optin, node_screen(c->node), c->now);
    fw_put_uint(c, name, c->node->optin.state);
}
static const struct fw_prop OPTIN[] = {
    FW_FN("CanModifyOptInPolicy", can_modify),
    FW_TEXT("CreationClassName", "IPS_OptInService"),
    FW_TEXT("ElementName", "Intel(r) AMT OptIn Service"),
    FW_TEXT("Name", "Intel(r) AMT OptIn Service"),
    FW_FN("OptInCodeTimeout", code_timeout),
    FW_FN("OptInDisplayTimeout", display_timeout),
    FW_FN("OptInRequired", optin_required),
    FW_FN("OptInState", optin_state_of),
    FW_TEXT("SystemCreationClassName", "CIM_ComputerSystem"),
    FW_TEXT("SystemName", "Intel(r) AMT"),
};
static void put_optin(struct fw_call *c) {
    struct optin *o = &c->node->optin;
    uint64_t required, seconds;
    if (!wsman_u64(c->rq, c->payload, "OptInRequired", UINT32_MAX, &required) ||
        (required > OPTIN_KVM && required != OPTIN_ALL)) {
        fw_fault(c, FW_FAULT_SCHEMA);
        return;
    }
    if (!o->can_modify && required != o->required) {
        c->detail = "AMT-STATUS 16";
        fw_fault(c, FW_FAULT_ACCESS);
        return;
    }
    o->required = (uint32_t)required;
    if (wsman_u64(c->rq, c->payload, "OptInCodeTimeout", 900, &seconds) && seconds >= 60)
        o->code_s = (uint32_t)seconds;
}
static uint32_t start_optin(struct fw_call *c) {
    return node_consent_start(c->node, c->now);
}
static uint32_t send_optin_code(struct fw_call *c) {
    uint64_t code;
    optin_advance(&c->node->optin, node_screen(c->node), c->now);
    if (!wsman_u64(c->rq, c->payload, "OptInCode", UINT32_MAX, &code))
        return OPTIN_RV_WRONG;
    return optin_send(&c->node->optin, code, c->now);
}
static uint32_t cancel_optin(struct fw_call *c) {
    optin_advance(&c->node->optin, node_screen(c->node), c->now);
    return optin_cancel(&c->node->optin, c->now);
}
static const struct fw_method OPTIN_METHODS[] = {
    {"StartOptIn", start_optin},
    {"SendOptInCode", send_optin_code},
    {"CancelOptIn", cancel_optin},
};

const struct fw_class FW_SETTINGS[] = {
    {.cls = WSMAN_AMT_GeneralSettings, FW_PROPS(GENERAL), .put = put_general},
    {.cls = WSMAN_AMT_SetupAndConfigurationService, FW_PROPS(SETUP), FW_METHODS(SETUP_METHODS)},
    {.cls = WSMAN_IPS_HostBasedSetupService, FW_PROPS(MACHINE_SETUP)},
    {.cls = WSMAN_AMT_TimeSynchronizationService, FW_PROPS(TIME), FW_METHODS(TIME_METHODS)},
    {.cls = WSMAN_AMT_EthernetPortSettings, FW_PROPS(ETHERNET)},
    {.cls = WSMAN_IPS_OptInService, FW_PROPS(OPTIN), .put = put_optin, FW_METHODS(OPTIN_METHODS)},
    {.cls = WSMAN_CLASS_NONE},
};
