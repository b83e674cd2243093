/* SPDX-License-Identifier: Apache-2.0 */
/* amt: what we read of the firmware's classes, as plain structs, with table-driven decoders. Missing
 * properties keep the value of a zeroed struct, or the named "unknown". Strings are cleaned (text_clean).
 * Pure. Source: reference protocol-cira-wsman 4. */
#pragma once

#include "base/uuid.h"
#include "proto/wsman.h"

enum { AMT_TEXT_CAP = 64, AMT_STATES_MAX = 16 };

/* CIM_AssociatedPowerManagementService (4.1) */
struct amt_power {
    uint8_t state;                     /* CIM code; 0 = not told */
    uint8_t available[AMT_STATES_MAX]; /* AvailableRequestedPowerStates */
    uint8_t navailable;
    bool available_told; /* the property was present (an empty list is a fact, too) */
};
/* IPS_OptInService (4.8): the firmware's own values. */
enum amt_optin_state {
    AMT_OPTIN_NOT_STARTED,
    AMT_OPTIN_REQUESTED,
    AMT_OPTIN_DISPLAYED,
    AMT_OPTIN_RECEIVED,
    AMT_OPTIN_IN_SESSION
};
#define AMT_OPTIN_ALL 4294967295u
enum { AMT_OPTIN_RV_OK, AMT_OPTIN_RV_INTERNAL, AMT_OPTIN_RV_STATE, AMT_OPTIN_RV_BLOCKED, AMT_OPTIN_RV_FFS };
struct amt_optin {
    uint32_t required;                  /* 0 none, 1 KVM only, AMT_OPTIN_ALL */
    uint32_t state;                     /* enum amt_optin_state */
    uint32_t code_timeout_s, display_s; /* OptInCodeTimeout, OptInDisplayTimeout; 0 not told */
};
/* IPS_PowerManagementService.OSPowerSavingState */
enum amt_os_saving { AMT_OS_UNKNOWN = 0, AMT_OS_UNSUPPORTED = 1, AMT_OS_FULL = 2, AMT_OS_SAVING = 3 };
enum amt_control_mode { AMT_MODE_UNKNOWN, AMT_MODE_NONE, AMT_MODE_CCM, AMT_MODE_ACM };
enum amt_me_sleep {
    AMT_ME_SLEEP_UNKNOWN,
    AMT_ME_SLEEP_OFF /* ON in S0 only */,
    AMT_ME_SLEEP_WAKE /* ME wake in Sx */
};

/* The device card: slow-changing facts. */
struct amt_info {
    char version[AMT_TEXT_CAP]; /* CIM_SoftwareIdentity "AMT", e.g. 15.0.23 */
    char sku[AMT_TEXT_CAP];
    char host_name[AMT_TEXT_CAP]; /* AMT_GeneralSettings */
    char digest_realm[AMT_TEXT_CAP];
    char manufacturer[AMT_TEXT_CAP], model[AMT_TEXT_CAP], serial[AMT_TEXT_CAP]; /* CIM_Chassis */
    char bios_version[AMT_TEXT_CAP];
    bool have_uuid;
    struct uuid uuid; /* PlatformGUID, swapped to printed order */
    enum amt_control_mode control_mode;
    uint8_t provisioning_state; /* 0 pre, 1 in, 2 post */
    enum amt_os_saving os_saving;
    /* the active AMT_SystemPowerScheme: told once CIM_ElementSettingData was decoded before the schemes */
    enum amt_me_sleep me_sleep;
    char power_scheme[AMT_TEXT_CAP]; /* its description */
    char scheme_id[AMT_TEXT_CAP];    /* its InstanceID or SchemeGUID */
    uint32_t optin_required;         /* 0 none, 1 KVM, 4294967295 all */
    uint32_t optin_state;
    uint16_t redirection_state; /* AMT_RedirectionService.EnabledState, 32768..32771; 0 unknown */
    bool listener_enabled, kvm_present;
    uint16_t kvm_state;   /* CIM_KVMRedirectionSAP.EnabledState; 0 unknown */
    uint8_t power_source; /* AMT_GeneralSettings: 0 AC, 1 DC */
};

/* Decode the payload of a Get, or the first item of a Pull. 0; ERR_INVALID when that is not of the class;
 * what is malformed is left unknown. */
NODISCARD int amt_decode_power(const struct wsman_msg *m, struct amt_power *out);
/* One instance node (a Get's payload or one item of a Pull) of any class of amt_info, into the members it
 * speaks of; others keep their value. 0; ERR_UNSUPPORTED for other classes. */
NODISCARD int amt_decode_info(const struct wsman_msg *m, uint32_t instance, struct amt_info *out);
/* What a power package's name says: "Mobile: ON in S0" or "Desktop: ON in S0, ME Wake in S3, S4-5": only the
 * latter answers in Sx. */
enum amt_me_sleep amt_me_sleep_of(const char *text);
/* ReturnValue of a Method_OUTPUT; -1 when absent. */
int64_t amt_return_value(const struct wsman_msg *m);
/* Sentence for the ReturnValue of RequestPowerStateChange, incl. the vendor range (3.6). Static text. */
const char *amt_power_return_text(int64_t value);
/* Sentence for a PT_STATUS (3.6). Static text. */
const char *amt_pt_status_text(int64_t value);

/* 0; ERR_INVALID when the payload is not of the class or tells no state. */
NODISCARD int amt_decode_optin(const struct wsman_msg *m, struct amt_optin *out);
/* Append the body of SendOptInCode: six digits, leading zeros kept. */
int amt_put_optin_code(struct buf *out, uint32_t code);
/* SessionTimeout of IPS_KVMRedirectionSettingData in minutes; -1 when not told. */
int64_t amt_kvm_timeout(const struct wsman_msg *m);
/* Append the Put body of IPS_KVMRedirectionSettingData: as current (a Get's answer), with this
 * SessionTimeout. ERR_INVALID when current is something else; ERR_NOMEM. */
int amt_put_kvm_timeout(struct buf *out, const struct wsman_msg *current, uint32_t minutes);

/* Append <p:Method_INPUT xmlns:p="class">; the caller closes it. */
int amt_put_input(struct buf *out, enum wsman_class cls, const char *method);
/* Append a Put body: the simple properties of current (a Get's answer) in its order, each as edit leaves
 * *value; false: left out. ERR_INVALID when current is not of the class; ERR_NOMEM. */
int amt_put_edited(struct buf *out, const struct wsman_msg *current, enum wsman_class cls,
                   bool (*edit)(void *ctx, struct slice name, struct slice *value), void *ctx);
/* The same by a table: each property gets that value, once and at its place in the alphabet, whether current
 * has it or not; NULL: it is left out. The rows are in alphabetical order. */
struct amt_edit {
    const char *name, *value;
};
int amt_put_changed(struct buf *out, const struct wsman_msg *current, enum wsman_class cls,
                    const struct amt_edit *edits, size_t n);

/* AMT_BootSettingData: are any boot options set that the next boot would consume? */
struct amt_boot {
    bool options_set;
    bool destructive; /* one of them erases something or rewrites the BIOS */
};
NODISCARD int amt_decode_boot(const struct wsman_msg *m, struct amt_boot *out);
/* Append the Put body that clears every writable boot option, keeping what must be kept (4.6): the options
 * that current (a Get's answer) has, in its order. ERR_INVALID when current is something else; ERR_NOMEM. */
int amt_put_boot_cleared(struct buf *out, const struct wsman_msg *current);
/* Append the body of CIM_BootConfigSetting.ChangeBootOrder without a source: no forced boot device. */
int amt_put_clear_boot_order(struct buf *out);
/* Append the body of RequestPowerStateChange / RequestOSPowerSavingStateChange. */
int amt_put_power_request(struct buf *out, uint8_t cim_state);
int amt_put_os_saving_request(struct buf *out, enum amt_os_saving state);
