/* SPDX-License-Identifier: Apache-2.0 */
#include "core/diagnose.h"

#include <assert.h>
#include <stdio.h>

enum { MUTE_READS = 3 /* failed reads in a row over a live link before the firmware counts as mute */ };

#define BIOS_PATH  "Advanced -> Power -> ME Configuration -> Power Control -> ME on in Host Sleep Status"
#define BIOS_VALUE "Mobile ON in S0, ME wake in S3, S4-S5 (AC only)"

struct ask {
    const struct host *h;
    const struct host_policy *p;
    struct host_now now;
};

static bool link_is_lost(const struct ask *a) {
    return a->h->link.state == LINK_DOWN;
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

/* As the firmware last said it, else as recorded. */
static struct uuid firmware_uuid(const struct host *h) {
    return uuid_is_nil(h->seen_uuid) ? h->amt_uuid : h->seen_uuid;
}
static bool uuids_differ(const struct ask *a) {
    struct uuid amt = firmware_uuid(a->h);
    return !uuid_is_nil(a->h->smbios_uuid) && !uuid_is_nil(amt) && !uuid_same_node(a->h->smbios_uuid, amt);
}
static void say_uuids_differ(const struct ask *a, struct finding *f) {
    char smbios[UUID_TEXT_CAP], amt[UUID_TEXT_CAP];
    uuid_text(a->h->smbios_uuid, smbios);
    uuid_text(firmware_uuid(a->h), amt);
    snprintf(f->sentence, sizeof f->sentence,
             "SMBIOS says UUID %s, the AMT firmware says %s. The node is managed by its CIRA user, so power "
             "operations work",
             smbios, amt);
    snprintf(f->remedy, sizeof f->remedy,
             "Nothing must be done here. To mend the board, ask its vendor for the ME firmware update tools "
             "and write the SMBIOS UUID "
             "into the firmware in manufacturing mode (known on ASRock boards).");
}

static bool uuid_is_factory(const struct ask *a) {
    bool told = a->h->link.generation > 0 || !uuid_is_nil(a->h->amt_uuid);
    return told && uuid_is_placeholder(firmware_uuid(a->h));
}
static void say_uuid_factory(const struct ask *a, struct finding *f) {
    char u[UUID_TEXT_CAP];
    snprintf(f->sentence, sizeof f->sentence,
             "The AMT firmware's UUID is the factory placeholder %s, which many boards share. The node is "
             "managed by its CIRA user, so "
             "everything works",
             uuid_text(firmware_uuid(a->h), u));
    snprintf(f->remedy, sizeof f->remedy,
             "Nothing must be done here. Tools that know nodes by UUID will mix it up with others: ask the "
             "board's vendor for its ME "
             "firmware tools to write a real one.");
}

static bool uuid_is_shared(const struct ask *a) {
    return a->h->duplicate_uuid;
}
static void say_uuid_shared(const struct ask *a, struct finding *f) {
    char u[UUID_TEXT_CAP];
    snprintf(f->sentence, sizeof f->sentence,
             "Another host reports the same AMT UUID %s. Both are managed, each by its own CIRA user",
             uuid_text(a->h->seen_uuid, u));
    snprintf(f->remedy, sizeof f->remedy,
             "Nothing must be done here. If the two are one machine that was imported twice, delete one of "
             "them; if they are two, have "
             "the vendor write a real UUID.");
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
             h->name[0] ? h->name : h->id);
}

static const struct session *waits_for_consent(const struct ask *a) {
    const struct host_sessions *hs = a->h->sessions;
    for (unsigned k = 0; hs && k < REDIR_KIND_COUNT; k++)
        if (hs->open[k] && hs->open[k]->state == SESSION_CONSENT)
            return hs->open[k];
    return NULL;
}
static bool consent_is_wanted(const struct ask *a) {
    return waits_for_consent(a) != NULL;
}
static void say_consent(const struct ask *a, struct finding *f) {
    struct consent_view v;
    char who[128];
    host_consent_view(a->h, a->now, &v);
    session_describe(waits_for_consent(a), who, sizeof who);
    snprintf(f->sentence, sizeof f->sentence, "The %s waits for the consent code. %.150s", who, v.text);
    snprintf(f->remedy, sizeof f->remedy,
             "The code stays on the screen for OptInDisplayTimeout (300 s); once entered, further sessions "
             "need none until OptInCodeTimeout (120 s) without a session have passed.");
}

static bool power_waits_for_session(const struct ask *a) {
    /* after a restart of the server no session is left, whatever the operation's text says */
    return a->h->op && a->h->op->state == OP_WAITING && a->h->op->code == OP_CODE_SESSION &&
           host_session_blocking(a->h);
}
static void say_power_waits(const struct ask *a, struct finding *f) {
    const struct operation *o = a->h->op;
    char until[WALL_TEXT_CAP];
    snprintf(f->sentence, sizeof f->sentence, "Operation %s (%s by %s) %s; it expires %s", o->id,
             power_op_row(o->kind)->verb, o->actor, o->text, wall_hms(o->deadline, until));
    snprintf(f->remedy, sizeof f->remedy,
             "It runs by itself when the session ends. Stop the session (orch-cli set host %s --session-type "
             "%s --session-state stop), force the operation (--force), or cancel it.",
             a->h->name[0] ? a->h->name : a->h->id, redir_kind_id(host_session_blocking(a->h)->kind));
}

static bool kvm_is_idle(const struct ask *a) {
    const struct host_sessions *hs = a->h->sessions;
    return hs && (hs->idle_ended || (hs->open[REDIR_KVM] && hs->open[REDIR_KVM]->idle_warned));
}
static void say_kvm_idle(const struct ask *a, struct finding *f) {
    const struct host_sessions *hs = a->h->sessions;
    const struct session *s = hs->open[REDIR_KVM];
    char who[128], idle[WALL_TEXT_CAP];
    if (s && s->idle_warned)
        snprintf(f->sentence, sizeof f->sentence, "Nobody does anything in the %s: it will be ended",
                 session_describe(s, who, sizeof who));
    else
        snprintf(f->sentence, sizeof f->sentence,
                 "The last KVM session was ended because nobody did anything for %s",
                 duration_text(a->p->kvm_idle_ms, idle));
    snprintf(f->remedy, sizeof f->remedy,
             "Press a key or move the pointer to keep a session. The time is the setting session.kvm_idle; 0 "
             "never ends one. A new session can be started at once.");
}

static bool sol_is_mute(const struct ask *a) {
    return a->h->sessions && a->h->sessions->sol_mute;
}
static void say_sol_mute(const struct ask *a, struct finding *f) {
    (void)a;
    snprintf(
        f->sentence, sizeof f->sentence,
        "The SOL channel opened, but nothing came from the node: no login runs on the AMT serial port, or "
        "the operating system is not running");
    snprintf(f->remedy, sizeof f->remedy,
             "On the node find the AMT serial port (the PCI serial port of vendor 0x8086 in "
             "/sys/class/tty/ttyS*/device, often ttyS4; never simply the first one) and run: sudo systemctl "
             "enable --now serial-getty@ttyS4.service");
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
             "Give the right ones: orch-cli set host %s --amt-user U --amt-password-file F",
             a->h->name[0] ? a->h->name : a->h->id);
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
