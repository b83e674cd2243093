/* SPDX-License-Identifier: Apache-2.0 */
/* Boot settings and the bodies of the power methods. Source: reference protocol-cira-wsman 4.1, 4.6. */
#include "proto/amt.h"

/* What a Put of AMT_BootSettingData does with a property. One that the table lacks is kept. */
enum treatment { KEEP, OMIT, CLEAR, RESET };

/* B(property, treatment, destructive). Read-only and write-only properties must be left out of a Put;
 * EnforceSecureBoot=false is refused in client control mode, so it stays as it is. A CLEAR property is an
 * option that the next boot consumes; a RESET one says nothing by itself. */
#define BOOT_TABLE(B)                                                                                        \
    B(BIOSLastStatus, OMIT, false)                                                                           \
    B(BIOSPause, CLEAR, false)                                                                               \
    B(BIOSSetup, CLEAR, false)                                                                               \
    B(BootMediaIndex, CLEAR, false)                                                                          \
    B(BootguardStatus, OMIT, false)                                                                          \
    B(ConfigurationDataReset, CLEAR, true)                                                                   \
    B(EnforceSecureBoot, KEEP, false)                                                                        \
    B(FirmwareVerbosity, CLEAR, false)                                                                       \
    B(ForcedProgressEvents, CLEAR, false)                                                                    \
    B(IDERBootDevice, RESET, false)                                                                          \
    B(LockKeyboard, CLEAR, false)                                                                            \
    B(LockPowerButton, CLEAR, false)                                                                         \
    B(LockResetButton, CLEAR, false)                                                                         \
    B(LockSleepButton, CLEAR, false)                                                                         \
    B(OptionsCleared, OMIT, false)                                                                           \
    B(PlatformErase, CLEAR, true)                                                                            \
    B(RPEEnabled, OMIT, false)                                                                               \
    B(RSEPassword, OMIT, false)                                                                              \
    B(ReflashBIOS, CLEAR, true)                                                                              \
    B(SecureBootControlEnabled, OMIT, false)                                                                 \
    B(SecureErase, CLEAR, true)                                                                              \
    B(UEFIHTTPSBootEnabled, OMIT, false)                                                                     \
    B(UEFILocalPBABootEnabled, OMIT, false)                                                                  \
    B(UefiBootNumberOfParams, CLEAR, false)                                                                  \
    B(UefiBootParametersArray, OMIT, false)                                                                  \
    B(UseIDER, CLEAR, false)                                                                                 \
    B(UseSOL, CLEAR, false)                                                                                  \
    B(UseSafeMode, CLEAR, false)                                                                             \
    B(UserPasswordBypass, CLEAR, false)                                                                      \
    B(WinREBootEnabled, OMIT, false)

static const struct row {
    struct slice name;
    enum treatment treatment;
    bool destructive;
} ROWS[] = {
#define B(name, treatment, destructive) {{(const uint8_t *)#name, sizeof(#name) - 1}, treatment, destructive},
    BOOT_TABLE(B)
#undef B
};

static const struct row *row_of(struct slice name) {
    static const struct row unknown = {{NULL, 0}, KEEP, false};
    for (size_t i = 0; i < sizeof ROWS / sizeof ROWS[0]; i++)
        if (slice_eq(ROWS[i].name, name))
            return &ROWS[i];
    return &unknown;
}

static bool is_boolean(struct slice text) {
    return slice_is(text, "true") || slice_is(text, "false");
}

/* Not false and not zero. */
static bool is_set(struct slice text) {
    uint64_t v;
    return slice_is(text, "true") || (slice_to_u64(text, UINT64_MAX, &v) && v != 0);
}

int amt_decode_boot(const struct wsman_msg *m, struct amt_boot *out) {
    *out = (struct amt_boot){0};
    uint32_t node = wsman_first_instance(m);
    if (!wsman_is_instance(m, node, WSMAN_AMT_BootSettingData))
        return ERR_INVALID;
    for (uint32_t i = m->nodes[node].first_child; i; i = m->nodes[i].next_sibling) {
        const struct row *row = row_of(m->nodes[i].name);
        if (row->treatment != CLEAR || !is_set(m->nodes[i].text))
            continue;
        out->options_set = true;
        out->destructive |= row->destructive;
    }
    return 0;
}

static bool clear_option(void *ctx, struct slice name, struct slice *value) {
    enum treatment t = row_of(name)->treatment;
    (void)ctx;
    if (t == CLEAR || t == RESET)
        *value = is_boolean(*value) ? SLICE_LIT("false") : SLICE_LIT("0");
    return t != OMIT;
}

int amt_put_boot_cleared(struct buf *out, const struct wsman_msg *current) {
    return amt_put_edited(out, current, WSMAN_AMT_BootSettingData, clear_option, NULL);
}

int amt_put_clear_boot_order(struct buf *out) {
    amt_put_input(out, WSMAN_CIM_BootConfigSetting, "ChangeBootOrder");
    return buf_puts(out, "</p:ChangeBootOrder_INPUT>");
}

/* Both power methods take a number and the managed system. */
static int put_state_change(struct buf *out, enum wsman_class cls, const char *method, const char *property,
                            unsigned value) {
    static const struct wsman_selector managed_system[] = {
        {"CreationClassName", "CIM_ComputerSystem"}, {"Name", "ManagedSystem"}, {NULL, NULL}};
    amt_put_input(out, cls, method);
    buf_putf(out, "<p:%s>%u</p:%s><p:ManagedElement>", property, value, property);
    wsman_put_epr(out, WSMAN_CIM_ComputerSystem, managed_system);
    return buf_putf(out, "</p:ManagedElement></p:%s_INPUT>", method);
}

int amt_put_power_request(struct buf *out, uint8_t cim_state) {
    return put_state_change(out, WSMAN_CIM_PowerManagementService, "RequestPowerStateChange", "PowerState",
                            cim_state);
}

int amt_put_os_saving_request(struct buf *out, enum amt_os_saving state) {
    return put_state_change(out, WSMAN_IPS_PowerManagementService, "RequestOSPowerSavingStateChange",
                            "OSPowerSavingState", state);
}
