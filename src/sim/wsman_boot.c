/* SPDX-License-Identifier: Apache-2.0 */
/* Boot settings, sources, order and service (reference 4.6). */
#include "sim/firmware.h"

/* B(property): writable booleans of AMT_BootSettingData, one bit each */
#define BOOT_FLAG_TABLE(B)                                                                                   \
    B(BIOSPause)                                                                                             \
    B(BIOSSetup)                                                                                             \
    B(ConfigurationDataReset)                                                                                \
    B(EnforceSecureBoot)                                                                                     \
    B(ForcedProgressEvents)                                                                                  \
    B(LockKeyboard)                                                                                          \
    B(LockPowerButton)                                                                                       \
    B(LockResetButton)                                                                                       \
    B(LockSleepButton)                                                                                       \
    B(PlatformErase)                                                                                         \
    B(ReflashBIOS)                                                                                           \
    B(SecureErase)                                                                                           \
    B(UseIDER)                                                                                               \
    B(UseSOL)                                                                                                \
    B(UseSafeMode)                                                                                           \
    B(UserPasswordBypass)

enum boot_flag {
#define B(name) BOOT_##name,
    BOOT_FLAG_TABLE(B)
#undef B
        BOOT_FLAG_COUNT
};
static const char *const FLAG_NAMES[] = {
#define B(name) #name,
    BOOT_FLAG_TABLE(B)
#undef B
};
_Static_assert(BOOT_FLAG_COUNT <= 32, "one bit a flag");

/* Consent, where it is required for all, guards the boot options; without it: AccessDenied (5.6). */
static bool consent_missing(struct fw_call *c) {
    struct optin *o = &c->node->optin;
    optin_advance(o, node_screen(c->node), c->now);
    if (o->required != OPTIN_ALL || optin_granted(o))
        return false;
    c->detail = "AMT-STATUS 2081";
    fw_fault(c, FW_FAULT_ACCESS);
    return true;
}

/* --- AMT_BootSettingData --- */

static void flag(struct fw_call *c, const char *name) {
    for (unsigned i = 0; i < BOOT_FLAG_COUNT; i++)
        if (strcmp(name, FLAG_NAMES[i]) == 0)
            fw_put_bool(c, name, c->node->boot.flags >> i & 1);
}
static void last_status(struct fw_call *c, const char *name) {
    fw_put_uint(c, name, c->node->boot.last_status);
    fw_put_uint(c, name, 0);
}
static void media_index(struct fw_call *c, const char *name) {
    fw_put_uint(c, name, c->node->boot.media_index);
}
static void verbosity(struct fw_call *c, const char *name) {
    fw_put_uint(c, name, c->node->boot.verbosity);
}
static void ider_device(struct fw_call *c, const char *name) {
    fw_put_uint(c, name, c->node->boot.ider_device);
}
static void options_cleared(struct fw_call *c, const char *name) {
    fw_put_bool(c, name, c->node->boot.cleared);
}
static void rpe_enabled(struct fw_call *c, const char *name) {
    fw_put_bool(c, name, sim_profile_info(c->node->cfg.profile)->has_rpe);
}
static void ocr_enabled(struct fw_call *c, const char *name) {
    fw_put_bool(c, name, sim_profile_info(c->node->cfg.profile)->has_ocr);
}
static const struct fw_prop SETTING_DATA[] = {
    FW_FN("BIOSLastStatus", last_status),
    FW_FN("BIOSPause", flag),
    FW_FN("BIOSSetup", flag),
    FW_FN("BootMediaIndex", media_index),
    FW_TEXT("BootguardStatus", "127"),
    FW_FN("ConfigurationDataReset", flag),
    FW_TEXT("ElementName", "Intel(r) AMT Boot Configuration Settings"),
    FW_FN("EnforceSecureBoot", flag),
    FW_FN("FirmwareVerbosity", verbosity),
    FW_FN("ForcedProgressEvents", flag),
    FW_FN("IDERBootDevice", ider_device),
    FW_TEXT("InstanceID", "Intel(r) AMT:BootSettingData 0"),
    FW_FN("LockKeyboard", flag),
    FW_FN("LockPowerButton", flag),
    FW_FN("LockResetButton", flag),
    FW_FN("LockSleepButton", flag),
    FW_FN("OptionsCleared", options_cleared),
    FW_TEXT("OwningEntity", "Intel(r) AMT"),
    FW_FN("PlatformErase", flag),
    FW_FN("RPEEnabled", rpe_enabled),
    FW_TEXT("RSEPassword", ""),
    FW_FN("ReflashBIOS", flag),
    FW_TEXT("SecureBootControlEnabled", "false"),
    FW_FN("SecureErase", flag),
    FW_FN("UEFIHTTPSBootEnabled", ocr_enabled),
    FW_FN("UEFILocalPBABootEnabled", ocr_enabled),
    FW_TEXT("UefiBootNumberOfParams", "0"),
    FW_TEXT("UefiBootParametersArray", ""),
    FW_FN("UseIDER", flag),
    FW_FN("UseSOL", flag),
    FW_FN("UseSafeMode", flag),
    FW_FN("UserPasswordBypass", flag),
    FW_FN("WinREBootEnabled", ocr_enabled),
};

static uint8_t small_number(struct fw_call *c, const char *name, uint8_t max, uint8_t before) {
    uint64_t v;
    return wsman_u64(c->rq, c->payload, name, max, &v) ? (uint8_t)v : before;
}

static void put_setting_data(struct fw_call *c) {
    /* a Put must leave these out (4.6) */
    static const char *const READ_ONLY[] = {
        "BIOSLastStatus",       "BootguardStatus",         "RPEEnabled",      "SecureBootControlEnabled",
        "UEFIHTTPSBootEnabled", "UEFILocalPBABootEnabled", "WinREBootEnabled"};
    for (size_t i = 0; i < FW_LEN(READ_ONLY); i++)
        if (wsman_child(c->rq, c->payload, READ_ONLY[i]))
            fw_fault(c, FW_FAULT_SCHEMA);
    if (c->fault != FW_OK || consent_missing(c))
        return;
    struct fw_boot *b = &c->node->boot;
    uint32_t flags = b->flags;
    for (unsigned i = 0; i < BOOT_FLAG_COUNT; i++) {
        bool v;
        if (wsman_bool(c->rq, c->payload, FLAG_NAMES[i], &v))
            flags = v ? flags | (1u << i) : flags & ~(1u << i);
    }
    uint32_t exclusive = 1u << BOOT_BIOSSetup | 1u << BOOT_BIOSPause | 1u << BOOT_ReflashBIOS |
                         1u << BOOT_UseIDER | 1u << BOOT_UseSOL;
    if (b->source && (flags & exclusive)) {
        c->detail = "AMT-STATUS 36"; /* conflicts with a set boot source */
        fw_fault(c, FW_FAULT_INTERNAL);
        return;
    }
    b->flags = flags;
    b->media_index = small_number(c, "BootMediaIndex", 255, b->media_index);
    b->verbosity = small_number(c, "FirmwareVerbosity", 3, b->verbosity);
    b->ider_device = small_number(c, "IDERBootDevice", 1, b->ider_device);
    b->cleared = flags == 0;
    b->last_status = 2;
}

/* --- AMT_BootCapabilities --- */

static void is_rpe(struct fw_call *c, const char *name) {
    if (sim_profile_info(c->node->cfg.profile)->has_rpe)
        fw_put_uint(c, name, 0x04000045u);
}
static void is_ocr(struct fw_call *c, const char *name) {
    if (sim_profile_info(c->node->cfg.profile)->has_ocr)
        fw_put_bool(c, name, true);
}
static const struct fw_prop CAPABILITIES[] = {
    FW_TEXT("BIOSPause", "false"),
    FW_TEXT("BIOSReflash", "true"),
    FW_TEXT("BIOSSecureBoot", "true"),
    FW_TEXT("BIOSSetup", "true"),
    FW_TEXT("ConfigurationDataReset", "false"),
    FW_TEXT("ElementName", "Intel(r) AMT: Boot Capabilities"),
    FW_TEXT("ForceCDorDVDBoot", "true"),
    FW_TEXT("ForceDiagnosticBoot", "false"),
    FW_TEXT("ForceHardDriveBoot", "true"),
    FW_TEXT("ForceHardDriveSafeModeBoot", "false"),
    FW_TEXT("ForcePXEBoot", "true"),
    FW_FN("ForceUEFIHTTPSBoot", is_ocr),
    FW_FN("ForceUEFIPBABoot", is_ocr),
    FW_FN("ForceWinREBoot", is_ocr),
    FW_TEXT("ForcedProgressEvents", "true"),
    FW_TEXT("IDER", "true"),
    FW_TEXT("InstanceID", "Intel(r) AMT:BootCapabilities 0"),
    FW_TEXT("KeyboardLock", "true"),
    FW_FN("PlatformErase", is_rpe),
    FW_TEXT("PowerButtonLock", "false"),
    FW_TEXT("ResetButtonLock", "false"),
    FW_TEXT("SOL", "true"),
    FW_TEXT("SecureErase", "false"),
    FW_TEXT("SleepButtonLock", "false"),
    FW_TEXT("UserPasswordBypass", "true"),
    FW_TEXT("VerbosityQuiet", "false"),
    FW_TEXT("VerbosityScreenBlank", "false"),
    FW_TEXT("VerbosityVerbose", "false"),
};

/* --- CIM_BootSourceSetting, CIM_BootConfigSetting --- */

static const struct {
    const char *id, *boot_string;
} SOURCES[] = {
    {"Intel(r) AMT: Force Hard-drive Boot", "CIM:Hard-Disk:1"},
    {"Intel(r) AMT: Force PXE Boot", "CIM:Network:1"},
    {"Intel(r) AMT: Force CD/DVD Boot", "CIM:CD/DVD:1"},
};
static unsigned source_count(const struct sim_node *n) {
    return FW_LEN(SOURCES);
}
static const char *source_key(const struct sim_node *n, unsigned i, char *scratch) {
    return SOURCES[i].id;
}
static void source_id(struct fw_call *c, const char *name) {
    fw_put_text(c, name, SOURCES[c->index].id);
}
static void source_string(struct fw_call *c, const char *name) {
    fw_put_text(c, name, SOURCES[c->index].boot_string);
}
static const struct fw_prop SOURCE[] = {
    FW_TEXT("ElementName", "Intel(r) AMT: Boot Source"),
    FW_TEXT("FailThroughSupported", "2"),
    FW_FN("InstanceID", source_id),
    FW_FN("StructuredBootString", source_string),
};

#define BOOT_CONFIG_ID "Intel(r) AMT: Boot Configuration 0"
static const char *config_key(const struct sim_node *n, unsigned i, char *scratch) {
    return BOOT_CONFIG_ID;
}
static const struct fw_prop CONFIG[] = {
    FW_TEXT("ElementName", "Intel(r) AMT: Boot Configuration"),
    FW_TEXT("InstanceID", BOOT_CONFIG_ID),
};
static uint32_t change_boot_order(struct fw_call *c) {
    if (consent_missing(c))
        return 6;
    uint32_t source = wsman_child(c->rq, c->payload, "Source");
    struct slice id = source ? wsman_selector(c->rq, source, "InstanceID") : SLICE_EMPTY;
    if (id.n == 0) {
        c->node->boot.source = 0;
        return 0;
    }
    for (unsigned i = 0; i < FW_LEN(SOURCES); i++) {
        if (slice_is(id, SOURCES[i].id)) {
            c->node->boot.source = (uint8_t)(1 + i);
            c->node->boot.cleared = false;
            return 0;
        }
    }
    return 4;
}
static const struct fw_method CONFIG_METHODS[] = {{"ChangeBootOrder", change_boot_order}};

/* --- CIM_BootService --- */

static void service_state(struct fw_call *c, const char *name) {
    uint16_t state = c->node->boot.service_state;
    fw_put_uint(c, name, state ? state : 2);
}
static const struct fw_prop SERVICE[] = {
    FW_TEXT("CreationClassName", "CIM_BootService"),
    FW_TEXT("ElementName", "Intel(r) AMT Boot Service"),
    FW_FN("EnabledState", service_state),
    FW_TEXT("Name", "Intel(r) AMT Boot Service"),
    FW_TEXT("OperationalStatus", "0"),
    FW_TEXT("RequestedState", "12"),
    FW_TEXT("SystemCreationClassName", "CIM_ComputerSystem"),
    FW_TEXT("SystemName", "Intel(r) AMT"),
};
static uint32_t set_boot_config_role(struct fw_call *c) {
    if (consent_missing(c))
        return 6;
    uint32_t setting = wsman_child(c->rq, c->payload, "BootConfigSetting");
    uint64_t role;
    if (!setting || !slice_is(wsman_selector(c->rq, setting, "InstanceID"), BOOT_CONFIG_ID))
        return 4;
    if (!wsman_u64(c->rq, c->payload, "Role", 65535, &role) || (role != 1 && role != 32768))
        return 5;
    c->node->boot.next_single_use = role == 1;
    return 0;
}
static uint32_t boot_service_state(struct fw_call *c) {
    uint64_t state;
    if (!sim_profile_info(c->node->cfg.profile)->has_rpe) {
        fw_fault(c, FW_FAULT_ACTION);
        return 1;
    }
    if (!wsman_u64(c->rq, c->payload, "RequestedState", 65535, &state) || state < 32768 || state > 32771)
        return 5;
    c->node->boot.service_state = (uint16_t)state;
    return 0;
}
static const struct fw_method SERVICE_METHODS[] = {
    {"SetBootConfigRole", set_boot_config_role},
    {"RequestStateChange", boot_service_state},
};

void fw_booted(struct sim_node *n) {
    struct fw_boot *b = &n->boot;
    /* options apply to the next boot alone, and only when the configuration is the next one (4.6) */
    b->used_flags = b->flags;
    b->used_source = b->next_single_use ? b->source : 0;
    if (b->flags || b->source || b->next_single_use)
        b->last_status = 0;
    b->flags = 0;
    b->media_index = b->verbosity = b->ider_device = b->source = 0;
    b->next_single_use = false;
    b->cleared = true;
}

static const char *setting_key(const struct sim_node *n, unsigned i, char *scratch) {
    return "Intel(r) AMT:BootSettingData 0";
}

const struct fw_class FW_BOOT[] = {
    {.cls = WSMAN_AMT_BootSettingData,
     FW_PROPS(SETTING_DATA),
     .key = "InstanceID",
     .key_of = setting_key,
     .put = put_setting_data},
    {.cls = WSMAN_AMT_BootCapabilities, FW_PROPS(CAPABILITIES)},
    {.cls = WSMAN_CIM_BootSourceSetting,
     FW_PROPS(SOURCE),
     .count = source_count,
     .key = "InstanceID",
     .key_of = source_key},
    {.cls = WSMAN_CIM_BootConfigSetting,
     FW_PROPS(CONFIG),
     .key = "InstanceID",
     .key_of = config_key,
     FW_METHODS(CONFIG_METHODS)},
    {.cls = WSMAN_CIM_BootService, FW_PROPS(SERVICE), FW_METHODS(SERVICE_METHODS)},
    {.cls = WSMAN_CLASS_NONE},
};
