/* SPDX-License-Identifier: Apache-2.0 */
/* diagnose: what is wrong with a host, from a table of rules: id, severity, condition, sentence with
 * evidence, remedy, paragraph of the requirement. Pure. */
#pragma once

#include "core/host.h"

/* F(symbol, id, severity, paragraph). Later rooms add rows with their conditions. */
#define FINDING_TABLE(F)                                                                                     \
    F(LINK_LOST, "link-lost", "error", "External Power Off on vPro Edge Nodes")                              \
    F(DROPS_AT_S5, "drops-at-s5", "error",                                                                   \
      "Soft off - Shutdown Auto-Recovery: BIOS Configuration Requirement")                                   \
    F(UUID_MISMATCH, "uuid-mismatch", "warning", "SMBIOS UUID and ME UUID Mismatch on ASRock Platforms")     \
    F(UUID_PLACEHOLDER, "uuid-placeholder", "warning",                                                       \
      "SMBIOS UUID and ME UUID Mismatch on ASRock Platforms")                                                \
    F(UUID_DUPLICATE, "uuid-duplicate", "warning", "SMBIOS UUID and ME UUID Mismatch on ASRock Platforms")   \
    F(RECOVERY_HELD, "recovery-held", "error", "Soft off - Shutdown Auto-Recovery")                          \
    F(CONSENT_WAIT, "consent-wait", "info", "KVM/SOL Consent Code Timeout in Client Control Mode")           \
    F(POWER_BLOCKED, "power-blocked-by-session", "info",                                                     \
      "Power Off Queued During Active KVM or SOL Session")                                                   \
    F(KVM_IDLE, "kvm-idle", "info",                                                                          \
      "KVM Session WebSocket Disconnected When Idle or During MPS/RPS Restart")                              \
    F(SOL_MUTE, "sol-mute", "warning",                                                                       \
      "Sol session did not got os prompt after successful connection established")                           \
    F(FIRMWARE_MUTE, "firmware-mute", "error", "")                                                           \
    F(AMT_SECRET, "amt-secret", "error", "")                                                                 \
    F(FOREIGN, "foreign-orchestrator", "error",                                                              \
      "CIRA Connection and Edge Node Reuse Between EMF Orchestrator")                                        \
    F(ORPHAN, "orphan-tunnel", "warning", "CIRA Connection and Edge Node Reuse Between EMF Orchestrator")    \
    F(NO_SWITCH, "no-bios-switch", "warning",                                                                \
      "vPro Enabled Without BIOS Configuration Option on OnLogic K804")                                      \
    F(ME_POWER, "me-power", "warning", "Soft off - Shutdown Auto-Recovery: BIOS Configuration Requirement")  \
    F(CERTIFICATE, "certificate-expiry", "warning", "")                                                      \
    F(CLOCK, "clock-skew", "warning", "")                                                                    \
    F(ADVISORY, "firmware-advisory", "warning", "")
enum finding_id {
#define F(sym, ...) FINDING_##sym,
    FINDING_TABLE(F)
#undef F
        FINDING_COUNT
};

struct finding {
    enum finding_id id;
    char sentence[400], remedy[600];
};
const char *finding_text_id(enum finding_id f);
const char *finding_severity(enum finding_id f);
const char *finding_paragraph(enum finding_id f);
/* The findings that hold now, most FINDING_COUNT into out. Returns how many. */
size_t diagnose(const struct host *h, const struct host_policy *p, struct host_now now,
                struct finding out[FINDING_COUNT]);
/* The same as a bit set, without sentences: cheap enough for every tick. */
uint32_t diagnose_bits(const struct host *h, const struct host_policy *p, struct host_now now);
