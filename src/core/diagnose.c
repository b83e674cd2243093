/* SPDX-License-Identifier: Apache-2.0 */
/* The table, and the rules of link, power and answers. */
#include "core/diagnose_int.h"

#include <assert.h>
#include <stdio.h>

enum { MUTE_READS = 3 /* failed reads in a row over a live link before the firmware counts as mute */ };

const char *ask_name(const struct ask *a) {
    return a->h->name[0] ? a->h->name : a->h->id;
}

static bool link_is_lost(const struct ask *a) {
    /* a node that was deactivated has no link to lose */
    return a->h->link.state == LINK_DOWN && a->h->amt.state != AMT_STATE_UNPROVISIONED &&
           !host_is_leaving(a->h, a->now);
}
static void say_link_lost(const struct ask *a, struct finding *f) {
    struct errinfo ei = {0};
    host_unreachable(a->h, a->now, &ei);
    snprintf(f->sentence, sizeof f->sentence, "%.300s", ei.text);
    snprintf(f->remedy, sizeof f->remedy,
             "Likely causes: the node lost its mains power (an external power-off takes the firmware down, "
             "too), or its network. "
             "Power it on at the site, or check the cable and the way to this server's CIRA port. Its state "
             "is read again before "
             "anything is done.");
}

static bool scheme_is_s0_only(const struct ask *a) {
    return a->h->info && a->h->info->me_sleep == AMT_ME_SLEEP_OFF;
}
static bool drops_at_s5(const struct ask *a) {
    bool went_with_off = a->h->link.state == LINK_DOWN && a->h->drops_at_off > 0;
    return scheme_is_s0_only(a) || went_with_off || a->h->drops_at_off >= 2;
}
static void say_drops_at_s5(const struct ask *a, struct finding *f) {
    bool down = a->h->link.state == LINK_DOWN;
    if (scheme_is_s0_only(a))
        snprintf(f->sentence, sizeof f->sentence,
                 "The firmware's active power package is \"%.63s\": AMT is off while the host sleeps or is "
                 "shut down, so the tunnel "
                 "drops at S5 and the node cannot be powered on remotely%s",
                 a->h->info->power_scheme, down ? " (the link is down now)" : "");
    else
        snprintf(f->sentence, sizeof f->sentence,
                 "The tunnel dropped %u time(s) just when the host went off (S5): AMT does not stay powered "
                 "in sleep states, so the "
                 "node cannot be powered on remotely",
                 a->h->drops_at_off);
    snprintf(f->remedy, sizeof f->remedy, "In the BIOS set " BIOS_PATH " to: " BIOS_VALUE ". %s",
             down ? "Until then the node must be powered on at the site." : "");
}

static bool recovery_is_held(const struct ask *a) {
    return a->h->decided.kind == DECIDE_HELD;
}
static void say_recovery_held(const struct ask *a, struct finding *f) {
    const struct host *h = a->h;
    snprintf(f->sentence, sizeof f->sentence,
             "The node is %s but should be %s; %u attempts did not help, so recovery holds. Last: %.150s",
             power_state_text(h->power.state), power_state_text(h->intent.desired), h->attempts,
             h->last ? h->last->text : "unknown");
    snprintf(f->remedy, sizeof f->remedy,
             "Look at the last operation and the node itself, then set its power again (orch-cli set host %s "
             "--power ...): that starts "
             "recovery over.",
             ask_name(a));
}

static bool reads_fail(const struct ask *a) {
    return link_usable(&a->h->link) && a->h->read_failures >= MUTE_READS;
}
static bool secret_is_wrong(const struct ask *a) {
    return reads_fail(a) && strstr(a->h->read_error, "user and password");
}
static bool firmware_is_mute(const struct ask *a) {
    return reads_fail(a) && !secret_is_wrong(a);
}
static void say_firmware_mute(const struct ask *a, struct finding *f) {
    snprintf(f->sentence, sizeof f->sentence,
             "The AMT link is up, but the firmware did not answer %u reads in a row: %s", a->h->read_failures,
             a->h->read_error);
    snprintf(f->remedy, sizeof f->remedy,
             "The power state is unknown until it answers; nothing is done by itself. A power drain (mains "
             "off for 30 s) restarts a "
             "stuck management engine.");
}
static void say_amt_secret(const struct ask *a, struct finding *f) {
    snprintf(f->sentence, sizeof f->sentence,
             "The firmware refuses the AMT user and password that this server has for it");
    snprintf(f->remedy, sizeof f->remedy,
             "Give the right ones: orch-cli set host %s --amt-user U --amt-password-file F", ask_name(a));
}

static const struct {
    bool (*holds)(const struct ask *a);
    void (*say)(const struct ask *a, struct finding *f);
} conditions[] = {
    [FINDING_LINK_LOST] = {link_is_lost, say_link_lost},
    [FINDING_DROPS_AT_S5] = {drops_at_s5, say_drops_at_s5},
    [FINDING_UUID_MISMATCH] = {uuids_differ, say_uuids_differ},
    [FINDING_UUID_PLACEHOLDER] = {uuid_is_factory, say_uuid_factory},
    [FINDING_UUID_DUPLICATE] = {uuid_is_shared, say_uuid_shared},
    [FINDING_RECOVERY_HELD] = {recovery_is_held, say_recovery_held},
    [FINDING_CONSENT_WAIT] = {consent_is_wanted, say_consent},
    [FINDING_POWER_BLOCKED] = {power_waits_for_session, say_power_waits},
    [FINDING_KVM_IDLE] = {kvm_is_idle, say_kvm_idle},
    [FINDING_SOL_MUTE] = {sol_is_mute, say_sol_mute},
    [FINDING_FIRMWARE_MUTE] = {firmware_is_mute, say_firmware_mute},
    [FINDING_AMT_SECRET] = {secret_is_wrong, say_amt_secret},
    [FINDING_FOREIGN] = {owner_is_foreign, say_owner_foreign},
    [FINDING_ORPHAN] = {tunnel_is_orphan, say_tunnel_orphan},
    [FINDING_NO_SWITCH] = {bios_has_no_switch, say_no_switch},
    [FINDING_ME_POWER] = {me_sleeps_with_host, say_me_power},
    [FINDING_CERTIFICATE] = {certificate_ends, say_certificate},
    [FINDING_CLOCK] = {clock_is_wrong, say_clock},
    [FINDING_ADVISORY] = {firmware_has_advisory, say_advisory},
};
static const struct {
    const char *id, *severity, *paragraph;
} rows[] = {
#define F(sym, id, severity, paragraph) [FINDING_##sym] = {id, severity, paragraph},
    FINDING_TABLE(F)
#undef F
};
static_assert(sizeof conditions / sizeof *conditions == FINDING_COUNT, "a condition a finding");
static_assert(FINDING_COUNT <= 32, "struct host keeps them in 32 bits");

const char *finding_text_id(enum finding_id f) {
    assert((unsigned)f < FINDING_COUNT);
    return rows[f].id;
}
const char *finding_severity(enum finding_id f) {
    assert((unsigned)f < FINDING_COUNT);
    return rows[f].severity;
}
const char *finding_paragraph(enum finding_id f) {
    assert((unsigned)f < FINDING_COUNT);
    return rows[f].paragraph;
}

uint32_t diagnose_bits(const struct host *h, const struct host_policy *p, struct host_now now) {
    struct ask a = {h, p, now};
    uint32_t bits = 0;
    for (unsigned f = 0; f < FINDING_COUNT; f++)
        bits |= conditions[f].holds(&a) ? 1u << f : 0;
    return bits;
}

size_t diagnose(const struct host *h, const struct host_policy *p, struct host_now now,
                struct finding out[FINDING_COUNT]) {
    struct ask a = {h, p, now};
    size_t n = 0;
    for (unsigned f = 0; f < FINDING_COUNT; f++)
        if (conditions[f].holds(&a)) {
            out[n] = (struct finding){.id = (enum finding_id)f};
            conditions[f].say(&a, &out[n++]);
        }
    return n;
}
