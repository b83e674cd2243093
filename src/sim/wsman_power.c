/* SPDX-License-Identifier: Apache-2.0 */
/* Power state, power requests, power schemes (reference 4.1, 4.15, 5.2). */
#include "sim/firmware.h"

/* --- CIM_AssociatedPowerManagementService --- */

static void available(struct fw_call *c, const char *name) {
    uint8_t states[8];
    size_t n = machine_available(&c->node->host, c->now, states);
    for (size_t i = 0; i < n; i++)
        fw_put_uint(c, name, states[i]);
}

static void power_state(struct fw_call *c, const char *name) {
    bool stale = sim_fault_on(&c->node->faults, SIM_FAULT_STALE_POWER);
    fw_put_uint(c, name, stale ? c->node->frozen_power : machine_state_cim(c->node->host.state));
}

static void service_provided(struct fw_call *c, const char *name) {
    static const char *const SELECTORS[] = {"CreationClassName",
                                            "CIM_PowerManagementService",
                                            "Name",
                                            "Intel(r) AMT Power Management Service",
                                            "SystemCreationClassName",
                                            "CIM_ComputerSystem",
                                            "SystemName",
                                            "Intel(r) AMT",
                                            NULL};
    fw_put_epr(c, name, WSMAN_CIM_PowerManagementService, SELECTORS);
}

static const struct fw_prop ASSOCIATED[] = {
    FW_FN("AvailableRequestedPowerStates", available),
    FW_FN("PowerState", power_state),
    FW_FN("ServiceProvided", service_provided),
    FW_FN("UserOfService", fw_put_managed_system),
};

/* --- CIM_PowerManagementService, IPS_PowerManagementService --- */

static void os_saving(struct fw_call *c, const char *name) {
    fw_put_uint(c, name, machine_os_saving(&c->node->host));
}

static const struct fw_prop SERVICE[] = {
    FW_TEXT("CreationClassName", "CIM_PowerManagementService"),
    FW_TEXT("ElementName", "Intel(r) AMT Power Management Service"),
    FW_TEXT("EnabledState", "5"),
    FW_TEXT("Name", "Intel(r) AMT Power Management Service"),
    FW_TEXT("RequestedState", "12"),
    FW_TEXT("SystemCreationClassName", "CIM_ComputerSystem"),
    FW_TEXT("SystemName", "Intel(r) AMT"),
};
static const struct fw_prop IPS_SERVICE[] = {
    FW_TEXT("CreationClassName", "IPS_PowerManagementService"),
    FW_TEXT("ElementName", "Intel(r) AMT Power Management Service"),
    FW_TEXT("EnabledState", "5"),
    FW_TEXT("Name", "Intel(r) AMT Power Management Service"),
    FW_TEXT("RequestedState", "12"),
    FW_TEXT("SystemCreationClassName", "CIM_ComputerSystem"),
    FW_TEXT("SystemName", "Intel(r) AMT"),
    FW_FN("OSPowerSavingState", os_saving),
};

/* The managed element must be the host, not the firmware. */
static bool names_managed_system(const struct fw_call *c) {
    uint32_t me = wsman_child(c->rq, c->payload, "ManagedElement");
    uint32_t params = me ? wsman_child(c->rq, me, "ReferenceParameters") : 0;
    return params && slice_is(wsman_selector(c->rq, me, "Name"), "ManagedSystem");
}

static uint32_t request_power(struct fw_call *c) {
    struct sim_node *n = c->node;
    uint64_t code;
    n->fleet->counters.power_requests++;
    if (!wsman_u64(c->rq, c->payload, "PowerState", 65535, &code) || !names_managed_system(c))
        return 5;
    if (sim_fault_on(&n->faults, SIM_FAULT_REFUSE_POWER))
        return n->faults.arg[SIM_FAULT_REFUSE_POWER];
    if (sim_fault_on(&n->faults, SIM_FAULT_LIE))
        return 0;
    return machine_request(&n->host, (uint32_t)code, &n->fleet->cfg.times.host, c->now);
}

static uint32_t request_os_saving(struct fw_call *c) {
    uint64_t state;
    if (!wsman_u64(c->rq, c->payload, "OSPowerSavingState", 65535, &state))
        return 5;
    return machine_request_os_saving(&c->node->host, (uint32_t)state, &c->node->fleet->cfg.times.host,
                                     c->now);
}

static const struct fw_method SERVICE_METHODS[] = {{"RequestPowerStateChange", request_power}};
static const struct fw_method IPS_METHODS[] = {{"RequestOSPowerSavingStateChange", request_os_saving}};

/* --- CIM_PowerManagementCapabilities --- */

static void put_list(struct fw_call *c, const char *name, const uint8_t *v, size_t n) {
    for (size_t i = 0; i < n; i++)
        fw_put_uint(c, name, v[i]);
}
static void change_capabilities(struct fw_call *c, const char *name) {
    static const uint8_t V[] = {2, 3, 4, 7, 8};
    put_list(c, name, V, sizeof V);
}
static void states_supported(struct fw_call *c, const char *name) {
    static const uint8_t V[] = {5, 8, 2, 10, 11, 12, 14};
    put_list(c, name, V, sizeof V);
}
static const struct fw_prop CAPABILITIES[] = {
    FW_TEXT("ElementName", "Power Management Capabilities"),
    FW_TEXT("InstanceID", "Intel(r) AMT:PowerManagementCapabilities 0"),
    FW_TEXT("OtherPowerChangeCapabilities", ""),
    FW_FN("PowerChangeCapabilities", change_capabilities),
    FW_FN("PowerStatesSupported", states_supported),
    FW_FN("RequestedPowerStatesSupported", states_supported),
};

/* --- AMT_SystemPowerScheme, CIM_ElementSettingData --- */

static const struct {
    const char *id, *text, *guid;
} SCHEMES[] = {
    {"SCHEME 0", "Mobile: ON in S0", "djmXEQtWUEOIcJgS85G1YA=="},
    {"SCHEME 1", "Mobile: ON in S0, ME Wake in S3, S4-5 (AC only)", "MIAN7gnAeEOvKHhootu+Og=="},
};
static unsigned scheme_count(const struct sim_node *n) {
    return FW_LEN(SCHEMES);
}
static const char *scheme_key(const struct sim_node *n, unsigned i, char *scratch) {
    return SCHEMES[i].id;
}
static void scheme_text(struct fw_call *c, const char *name) {
    fw_put_text(c, name, SCHEMES[c->index].text);
}
static void scheme_id(struct fw_call *c, const char *name) {
    fw_put_text(c, name, SCHEMES[c->index].id);
}
static void scheme_guid(struct fw_call *c, const char *name) {
    fw_put_text(c, name, SCHEMES[c->index].guid);
}
static const struct fw_prop SCHEME[] = {
    FW_FN("Description", scheme_text),
    FW_TEXT("ElementName", "Intel(r) AMT Power Scheme"),
    FW_FN("InstanceID", scheme_id),
    FW_FN("SchemeGUID", scheme_guid),
};
static uint32_t set_scheme(struct fw_call *c) {
    struct slice guid = wsman_selector(c->rq, c->rq->header, "SchemeGUID");
    for (unsigned i = 0; guid.n && i < FW_LEN(SCHEMES); i++)
        if (slice_is(guid, SCHEMES[i].guid))
            c->index = i;
    c->node->scheme_override = (uint8_t)(1 + c->index);
    return 0;
}
static const struct fw_method SCHEME_METHODS[] = {{"SetPowerScheme", set_scheme}};

static void is_current(struct fw_call *c, const char *name) {
    unsigned active = node_me_in_sleep(c->node) ? 1 : 0;
    fw_put_uint(c, name, c->index == active ? 1 : 2);
}
static void managed_me(struct fw_call *c, const char *name) {
    static const char *const SELECTORS[] = {"CreationClassName", "CIM_ComputerSystem", "Name", "Intel(r) AMT",
                                            NULL};
    fw_put_epr(c, name, WSMAN_CIM_ComputerSystem, SELECTORS);
}
static void setting_scheme(struct fw_call *c, const char *name) {
    const char *const selectors[] = {"InstanceID", SCHEMES[c->index].id, NULL};
    fw_put_epr(c, name, WSMAN_AMT_SystemPowerScheme, selectors);
}
static const struct fw_prop ELEMENT_SETTING[] = {
    FW_FN("IsCurrent", is_current),
    FW_TEXT("IsDefault", "2"),
    FW_TEXT("IsNext", "2"),
    FW_FN("ManagedElement", managed_me),
    FW_FN("SettingData", setting_scheme),
};

/* --- IPS_HostBootReason --- */

static void previous_sx(struct fw_call *c, const char *name) {
    fw_put_uint(c, name, c->node->host.previous_sx);
}
static const struct fw_prop BOOT_REASON[] = {
    FW_TEXT("ElementName", "Intel(r) AMT:Host Boot Reason"),
    FW_TEXT("InstanceID", "Intel(r) AMT:Host Boot Reason"),
    FW_FN("PreviousSxState", previous_sx),
    FW_TEXT("Reason", "1"),
    FW_TEXT("ReasonDetails", ""),
};

const struct fw_class FW_POWER[] = {
    {.cls = WSMAN_CIM_AssociatedPowerManagementService, FW_PROPS(ASSOCIATED)},
    {.cls = WSMAN_CIM_ServiceAvailableToElement,
     .shown_as = WSMAN_CIM_AssociatedPowerManagementService,
     FW_PROPS(ASSOCIATED)},
    {.cls = WSMAN_CIM_PowerManagementService, FW_PROPS(SERVICE), FW_METHODS(SERVICE_METHODS)},
    {.cls = WSMAN_IPS_PowerManagementService, FW_PROPS(IPS_SERVICE), FW_METHODS(IPS_METHODS)},
    {.cls = WSMAN_CIM_PowerManagementCapabilities, FW_PROPS(CAPABILITIES)},
    {.cls = WSMAN_AMT_SystemPowerScheme,
     FW_PROPS(SCHEME),
     .count = scheme_count,
     .key = "InstanceID",
     .key_of = scheme_key,
     FW_METHODS(SCHEME_METHODS)},
    {.cls = WSMAN_CIM_ElementSettingData, FW_PROPS(ELEMENT_SETTING), .count = scheme_count},
    {.cls = WSMAN_IPS_HostBootReason, FW_PROPS(BOOT_REASON)},
    {.cls = WSMAN_CLASS_NONE},
};
