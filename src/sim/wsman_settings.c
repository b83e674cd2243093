/* SPDX-License-Identifier: Apache-2.0 */
/* General settings, time, the consent service (reference 4.2, 4.8, 4.9, 5.6). */
#include "sim/firmware.h"

/* --- AMT_GeneralSettings --- */

static void realm(struct fw_call *c, const char *name) {
    char text[NODE_REALM_CAP];
    fw_put_text(c, name, node_realm(c->node, text));
}
static void host_name(struct fw_call *c, const char *name) {
    const struct prov *p = c->node->prov;
    fw_put_text(c, name, p && p->host_name[0] ? p->host_name : c->node->cfg.id.name);
}
static void os_host_name(struct fw_call *c, const char *name) {
    fw_put_text(c, name, c->node->cfg.id.name);
}
static void domain_name(struct fw_call *c, const char *name) {
    const struct prov *p = c->node->prov;
    fw_put_text(c, name, p && p->domain[0] ? p->domain : "simulated.example");
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
    FW_FN("DomainName", domain_name),
    FW_TEXT("ElementName", "Intel(r) AMT: General Settings"),
    FW_FN("HostName", host_name),
    FW_FN("HostOSFQDN", os_host_name),
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
/* A member that is not there stays as it is. */
static void take_name(struct fw_call *c, const char *member, char *into, size_t cap) {
    uint32_t node = wsman_child(c->rq, c->payload, member);
    if (node && !slice_to_str(c->rq->nodes[node].text, into, cap))
        fw_fault(c, FW_FAULT_SCHEMA);
}
/* PingResponseEnabled is required in a Put (4.2); addresses are not the simulation's business. */
static void put_general(struct fw_call *c) {
    struct prov *p = fw_prov(c);
    if (!wsman_child(c->rq, c->payload, "PingResponseEnabled"))
        fw_fault(c, FW_FAULT_SCHEMA);
    if (c->fault != FW_OK)
        return;
    take_name(c, "HostName", p->host_name, sizeof p->host_name);
    take_name(c, "DomainName", p->domain, sizeof p->domain);
}

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
    {.cls = WSMAN_AMT_GeneralSettings, FW_PROPS(GENERAL), .put = put_general, .os_admin = FW_OS_READS},
    {.cls = WSMAN_AMT_TimeSynchronizationService, FW_PROPS(TIME), FW_METHODS(TIME_METHODS)},
    {.cls = WSMAN_IPS_OptInService, FW_PROPS(OPTIN), .put = put_optin, FW_METHODS(OPTIN_METHODS)},
    {.cls = WSMAN_CLASS_NONE},
};
