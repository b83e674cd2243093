/* SPDX-License-Identifier: Apache-2.0 */
/* Hardware inventory and identity (reference 4.2, 4.3). */
#include "sim/firmware.h"

#include "base/text.h"

/* --- CIM_SoftwareIdentity --- */

enum soft_value { SV_VERSION, SV_BUILD, SV_TEXT };
static const struct {
    const char *id;
    enum soft_value kind;
    const char *text;
} SOFTWARE[] = {
    {"Flash", SV_VERSION, NULL},
    {"Netstack", SV_VERSION, NULL},
    {"AMTApps", SV_VERSION, NULL},
    {"AMT", SV_VERSION, NULL},
    {"Sku", SV_TEXT, "16392"},
    {"VendorID", SV_TEXT, "8086"},
    {"Build Number", SV_BUILD, NULL},
    {"Recovery Version", SV_VERSION, NULL},
    {"Recovery Build Num", SV_BUILD, NULL},
    {"Legacy Mode", SV_TEXT, "False"},
    {"AMT FW Core Version", SV_VERSION, NULL},
};
static unsigned software_count(const struct sim_node *n) {
    return FW_LEN(SOFTWARE);
}
static const char *software_key(const struct sim_node *n, unsigned i, char *scratch) {
    return SOFTWARE[i].id;
}
static void software_id(struct fw_call *c, const char *name) {
    fw_put_text(c, name, SOFTWARE[c->index].id);
}
static void software_version(struct fw_call *c, const char *name) {
    const struct sim_profile_info *p = sim_profile_info(c->node->cfg.profile);
    enum soft_value kind = SOFTWARE[c->index].kind;
    fw_put_text(c, name,
                kind == SV_VERSION ? p->version
                : kind == SV_BUILD ? p->build
                                   : SOFTWARE[c->index].text);
}
static const struct fw_prop SOFTWARE_PROPS[] = {
    FW_FN("InstanceID", software_id),
    FW_TEXT("IsEntity", "true"),
    FW_FN("VersionString", software_version),
};

/* --- CIM_ComputerSystem, CIM_ComputerSystemPackage --- */

static const char *const SYSTEMS[] = {"ManagedSystem", "Intel(r) AMT"};
static unsigned system_count(const struct sim_node *n) {
    return FW_LEN(SYSTEMS);
}
static const char *system_key(const struct sim_node *n, unsigned i, char *scratch) {
    return SYSTEMS[i];
}
static void system_name(struct fw_call *c, const char *name) {
    fw_put_text(c, name, SYSTEMS[c->index]);
}
static void system_element(struct fw_call *c, const char *name) {
    fw_put_text(c, name, c->index ? "Intel(r) AMT Subsystem" : "Managed System");
}
static const struct fw_prop SYSTEM[] = {
    FW_TEXT("CreationClassName", "CIM_ComputerSystem"),
    FW_FN("ElementName", system_element),
    FW_TEXT("EnabledState", "5"),
    FW_FN("Name", system_name),
    FW_TEXT("RequestedState", "12"),
};

static void antecedent_chassis(struct fw_call *c, const char *name) {
    static const char *const SELECTORS[] = {"CreationClassName", "CIM_Chassis", "Tag", "CIM_Chassis", NULL};
    fw_put_epr(c, name, WSMAN_CIM_Chassis, SELECTORS);
}
static void platform_guid(struct fw_call *c, const char *name) {
    /* hex of the raw bytes: GUID order, upper case (4.3) */
    struct uuid raw = uuid_swap(c->node->cfg.id.uuid);
    char hex[33];
    text_hex(slice_of(raw.b, sizeof raw.b), hex);
    for (char *p = hex; *p; p++)
        if (*p >= 'a')
            *p = (char)(*p - 'a' + 'A');
    fw_put_text(c, name, hex);
}
static const struct fw_prop PACKAGE[] = {
    FW_FN("Antecedent", antecedent_chassis),
    FW_FN("Dependent", fw_put_managed_system),
    FW_FN("PlatformGUID", platform_guid),
};

/* --- CIM_Chassis, CIM_BIOSElement --- */

static void serial(struct fw_call *c, const char *name) {
    fw_put_text(c, name, c->node->cfg.id.serial);
}
static const struct fw_prop CHASSIS[] = {
    FW_TEXT("ChassisPackageType", "0"),
    FW_TEXT("CreationClassName", "CIM_Chassis"),
    FW_TEXT("ElementName", "Managed System Chassis"),
    FW_TEXT("Manufacturer", "Outband Simulated Systems"),
    FW_TEXT("Model", "OSS-100"),
    FW_TEXT("OperationalStatus", "0"),
    FW_TEXT("PackageType", "3"),
    FW_FN("SerialNumber", serial),
    FW_TEXT("Tag", "CIM_Chassis"),
    FW_TEXT("Version", "REV-A"),
};

static void release_date(struct fw_call *c, const char *name) {
    buf_putf(c->out,
             "<%s:%s><k:Datetime xmlns:k=\"http://schemas.dmtf.org/wbem/wscim/1/common\">2023-06-20T00:00:00Z"
             "</k:Datetime></%s:%s>",
             c->pfx, name, c->pfx, name);
}
static const struct fw_prop BIOS[] = {
    FW_TEXT("ElementName", "Primary BIOS"),   FW_TEXT("Manufacturer", "Outband Simulated Systems"),
    FW_TEXT("Name", "Primary BIOS"),          FW_TEXT("PrimaryBIOS", "true"),
    FW_FN("ReleaseDate", release_date),       FW_TEXT("SoftwareElementID", "SIM.0100.2023.0620"),
    FW_TEXT("SoftwareElementState", "2"),     FW_TEXT("TargetOperatingSystem", "66"),
    FW_TEXT("Version", "SIM.0100.2023.0620"),
};

static const char *chassis_key(const struct sim_node *n, unsigned i, char *scratch) {
    return "CIM_Chassis";
}

const struct fw_class FW_HARDWARE[] = {
    {.cls = WSMAN_CIM_SoftwareIdentity,
     FW_PROPS(SOFTWARE_PROPS),
     .count = software_count,
     .key = "InstanceID",
     .key_of = software_key},
    {.cls = WSMAN_CIM_ComputerSystem,
     FW_PROPS(SYSTEM),
     .count = system_count,
     .key = "Name",
     .key_of = system_key},
    {.cls = WSMAN_CIM_ComputerSystemPackage, FW_PROPS(PACKAGE)},
    {.cls = WSMAN_CIM_Chassis, FW_PROPS(CHASSIS), .key = "Tag", .key_of = chassis_key},
    {.cls = WSMAN_CIM_BIOSElement, FW_PROPS(BIOS)},
    {.cls = WSMAN_CLASS_NONE},
};
