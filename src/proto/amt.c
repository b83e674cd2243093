/* SPDX-License-Identifier: Apache-2.0 */
/* The decoders of amt: one table of properties, and a function where a property needs thought. */
#include "proto/amt.h"

#include "base/text.h"

#include <assert.h>

enum kind { TEXT, BOOL, U8, U16, U32 };

struct property {
    enum wsman_class cls;
    const char *name;
    enum kind kind;
    size_t at; /* offset in struct amt_info */
};

/* P(class, property, kind, member); reference 4.1-4.3, 4.7, 4.8 */
static const struct property PROPERTIES[] = {
#define P(cls, name, kind, member)                                                                           \
    { WSMAN_##cls, #name, kind, offsetof(struct amt_info, member) }
    P(AMT_GeneralSettings, HostName, TEXT, host_name),
    P(AMT_GeneralSettings, DigestRealm, TEXT, digest_realm),
    P(AMT_GeneralSettings, PowerSource, U8, power_source),
    P(CIM_Chassis, Manufacturer, TEXT, manufacturer),
    P(CIM_Chassis, Model, TEXT, model),
    P(CIM_Chassis, SerialNumber, TEXT, serial),
    P(CIM_BIOSElement, Version, TEXT, bios_version),
    P(AMT_SetupAndConfigurationService, ProvisioningState, U8, provisioning_state),
    P(IPS_OptInService, OptInRequired, U32, optin_required),
    P(IPS_OptInService, OptInState, U32, optin_state),
    P(AMT_RedirectionService, EnabledState, U16, redirection_state),
    P(AMT_RedirectionService, ListenerEnabled, BOOL, listener_enabled),
    P(CIM_KVMRedirectionSAP, EnabledState, U16, kvm_state),
#undef P
};
enum { NPROPERTIES = sizeof PROPERTIES / sizeof PROPERTIES[0] };

static void read_property(const struct wsman_msg *m, uint32_t node, const struct property *p,
                          struct amt_info *out) {
    static const uint64_t max[] = {[U8] = UINT8_MAX, [U16] = UINT16_MAX, [U32] = UINT32_MAX};
    void *at = (uint8_t *)out + p->at;
    struct slice text = wsman_text(m, node, p->name);
    uint64_t v = 0;
    if (p->kind == TEXT) {
        if (text.n)
            text_clean(at, AMT_TEXT_CAP, text);
    } else if (p->kind == BOOL) {
        wsman_bool(m, node, p->name, at); /* malformed: left unknown */
    } else if (slice_to_u64(text, max[p->kind], &v)) {
        if (p->kind == U8)
            *(uint8_t *)at = (uint8_t)v;
        else if (p->kind == U16)
            *(uint16_t *)at = (uint16_t)v;
        else
            *(uint32_t *)at = (uint32_t)v;
    }
}

/* --- properties that need thought --- */

/* One instance a version; "AMT" is the firmware's own (4.2). */
static void read_software(const struct wsman_msg *m, uint32_t node, struct amt_info *out) {
    struct slice id = wsman_text(m, node, "InstanceID"), version = wsman_text(m, node, "VersionString");
    if (slice_is(id, "AMT"))
        text_clean(out->version, sizeof out->version, version);
    else if (slice_is(id, "Sku"))
        text_clean(out->sku, sizeof out->sku, version);
}

/* PlatformGUID is in SMBIOS byte order (4.3). */
static void read_package(const struct wsman_msg *m, uint32_t node, struct amt_info *out) {
    struct uuid raw;
    if (!uuid_parse(wsman_text(m, node, "PlatformGUID"), &raw))
        return;
    out->uuid = uuid_swap(raw);
    out->have_uuid = true;
}

/* The mode means nothing before provisioning is complete. What IPS_HostBasedSetupService says wins. */
static void read_setup(const struct wsman_msg *m, uint32_t node, struct amt_info *out) {
    uint64_t mode, state;
    if (out->control_mode != AMT_MODE_UNKNOWN)
        return;
    if (wsman_u64(m, node, "ProvisioningState", UINT8_MAX, &state) && state == 0)
        out->control_mode = AMT_MODE_NONE;
    else if (wsman_u64(m, node, "ProvisioningMode", UINT32_MAX, &mode))
        out->control_mode = mode == 1 ? AMT_MODE_ACM : mode == 4 ? AMT_MODE_CCM : AMT_MODE_UNKNOWN;
}

static void read_host_setup(const struct wsman_msg *m, uint32_t node, struct amt_info *out) {
    static const enum amt_control_mode modes[] = {AMT_MODE_NONE, AMT_MODE_CCM, AMT_MODE_ACM};
    uint64_t mode;
    if (wsman_u64(m, node, "CurrentControlMode", 2, &mode))
        out->control_mode = modes[mode];
}

static void read_os_saving(const struct wsman_msg *m, uint32_t node, struct amt_info *out) {
    uint64_t v;
    if (wsman_u64(m, node, "OSPowerSavingState", AMT_OS_SAVING, &v))
        out->os_saving = (enum amt_os_saving)v;
}

static void read_kvm(const struct wsman_msg *m, uint32_t node, struct amt_info *out) {
    out->kvm_present = true;
}

/* Which power scheme is the current one (4.15): IsCurrent 1, and SettingData refers to it. */
static void read_setting_link(const struct wsman_msg *m, uint32_t node, struct amt_info *out) {
    uint64_t current;
    uint32_t setting = wsman_child(m, node, "SettingData");
    uint32_t params = setting ? wsman_child(m, setting, "ReferenceParameters") : 0;
    if (!params || !wsman_u64(m, node, "IsCurrent", UINT16_MAX, &current) || current != 1)
        return;
    if (wsman_class_of_uri(wsman_text(m, params, "ResourceURI")) != WSMAN_AMT_SystemPowerScheme)
        return;
    struct slice id = wsman_selector(m, setting, "InstanceID");
    if (!id.n)
        id = wsman_selector(m, setting, "SchemeGUID");
    text_clean(out->scheme_id, sizeof out->scheme_id, id);
}

static bool contains(const char *text, const char *word) {
    size_t n = strlen(word);
    for (; *text; text++)
        if (slice_ieq(slice_head(slice_str(text), n), slice_of(word, n)))
            return true;
    return false;
}

enum amt_me_sleep amt_me_sleep_of(const char *text) {
    if (contains(text, "wake") || contains(text, "S3") || contains(text, "S4") || contains(text, "S5"))
        return AMT_ME_SLEEP_WAKE;
    return contains(text, "S0") ? AMT_ME_SLEEP_OFF : AMT_ME_SLEEP_UNKNOWN;
}

static void read_scheme(const struct wsman_msg *m, uint32_t node, struct amt_info *out) {
    struct slice id = slice_str(out->scheme_id);
    if (!id.n ||
        !(slice_eq(id, wsman_text(m, node, "InstanceID")) || slice_eq(id, wsman_text(m, node, "SchemeGUID"))))
        return;
    const char *text =
        text_clean(out->power_scheme, sizeof out->power_scheme, wsman_text(m, node, "Description"));
    enum amt_me_sleep sleep = amt_me_sleep_of(text);
    if (sleep != AMT_ME_SLEEP_UNKNOWN)
        out->me_sleep = sleep;
}

static const struct {
    enum wsman_class cls;
    void (*read)(const struct wsman_msg *m, uint32_t node, struct amt_info *out);
} READERS[] = {
    {WSMAN_CIM_SoftwareIdentity, read_software},          {WSMAN_CIM_ComputerSystemPackage, read_package},
    {WSMAN_AMT_SetupAndConfigurationService, read_setup}, {WSMAN_IPS_HostBasedSetupService, read_host_setup},
    {WSMAN_IPS_PowerManagementService, read_os_saving},   {WSMAN_CIM_KVMRedirectionSAP, read_kvm},
    {WSMAN_CIM_ElementSettingData, read_setting_link},    {WSMAN_AMT_SystemPowerScheme, read_scheme},
};

int amt_decode_info(const struct wsman_msg *m, uint32_t instance, struct amt_info *out) {
    bool known = false;
    if (!instance || instance >= m->nnodes)
        return ERR_UNSUPPORTED;
    for (size_t i = 0; i < NPROPERTIES; i++)
        if (wsman_is_instance(m, instance, PROPERTIES[i].cls)) {
            read_property(m, instance, &PROPERTIES[i], out);
            known = true;
        }
    for (size_t i = 0; i < sizeof READERS / sizeof READERS[0]; i++)
        if (wsman_is_instance(m, instance, READERS[i].cls)) {
            READERS[i].read(m, instance, out);
            known = true;
        }
    return known ? 0 : ERR_UNSUPPORTED;
}

int amt_decode_power(const struct wsman_msg *m, struct amt_power *out) {
    *out = (struct amt_power){0};
    uint32_t node = wsman_first_instance(m);
    if (!wsman_is_instance(m, node, WSMAN_CIM_AssociatedPowerManagementService))
        return ERR_INVALID;
    uint64_t v;
    if (wsman_u64(m, node, "PowerState", UINT8_MAX, &v))
        *out = (struct amt_power){.state = (uint8_t)v};
    uint32_t item = wsman_child(m, node, "AvailableRequestedPowerStates");
    out->available_told = item != 0;
    for (; item && out->navailable < AMT_STATES_MAX; item = wsman_again(m, item))
        if (slice_to_u64(m->nodes[item].text, UINT8_MAX, &v))
            out->available[out->navailable++] = (uint8_t)v;
    return 0;
}

int64_t amt_return_value(const struct wsman_msg *m) {
    uint64_t v;
    uint32_t payload = wsman_payload(m);
    if (payload && wsman_u64(m, payload, "ReturnValue", INT64_MAX, &v))
        return (int64_t)v;
    /* some answers put it into the body itself */
    if (m->body && wsman_u64(m, m->body, "ReturnValue", INT64_MAX, &v))
        return (int64_t)v;
    return -1;
}
