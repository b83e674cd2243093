/* SPDX-License-Identifier: Apache-2.0 */
/* Rules about sessions: what waits for them, and what they wait for. */
#include "core/diagnose_int.h"

#include <stdio.h>

static const struct session *waits_for_consent(const struct ask *a) {
    const struct host_sessions *hs = a->h->sessions;
    for (unsigned k = 0; hs && k < REDIR_KIND_COUNT; k++)
        if (hs->open[k] && hs->open[k]->state == SESSION_CONSENT)
            return hs->open[k];
    return NULL;
}
bool consent_is_wanted(const struct ask *a) {
    return waits_for_consent(a) != NULL;
}
void say_consent(const struct ask *a, struct finding *f) {
    struct consent_view v;
    char who[128];
    host_consent_view(a->h, a->now, &v);
    session_describe(waits_for_consent(a), who, sizeof who);
    snprintf(f->sentence, sizeof f->sentence, "The %s waits for the consent code. %.150s", who, v.text);
    snprintf(f->remedy, sizeof f->remedy,
             "The code stays on the screen for OptInDisplayTimeout (300 s); once entered, further sessions "
             "need none until OptInCodeTimeout (120 s) without a session have passed.");
}

bool power_waits_for_session(const struct ask *a) {
    /* after a restart of the server no session is left, whatever the operation's text says */
    return a->h->op && a->h->op->state == OP_WAITING && a->h->op->code == OP_CODE_SESSION &&
           host_session_blocking(a->h);
}
void say_power_waits(const struct ask *a, struct finding *f) {
    const struct operation *o = a->h->op;
    char until[WALL_TEXT_CAP];
    snprintf(f->sentence, sizeof f->sentence, "Operation %s (%s by %s) %s; it expires %s", o->id,
             power_op_row(o->kind)->verb, o->actor, o->text, wall_hms(o->deadline, until));
    snprintf(f->remedy, sizeof f->remedy,
             "It runs by itself when the session ends. Stop the session (orch-cli set host %s --session-type "
             "%s --session-state stop), force the operation (--force), or cancel it.",
             ask_name(a), redir_kind_id(host_session_blocking(a->h)->kind));
}

bool kvm_is_idle(const struct ask *a) {
    const struct host_sessions *hs = a->h->sessions;
    return hs && (hs->idle_ended || (hs->open[REDIR_KVM] && hs->open[REDIR_KVM]->idle_warned));
}
void say_kvm_idle(const struct ask *a, struct finding *f) {
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

bool sol_is_mute(const struct ask *a) {
    return a->h->sessions && a->h->sessions->sol_mute;
}
static const char *amt_tty(const struct agent_facts *facts) {
    return facts && facts->tty[0] ? facts->tty : NULL;
}
void say_sol_mute(const struct ask *a, struct finding *f) {
    const struct agent_facts *facts = ask_facts(a);
    const char *tty = amt_tty(facts);
    snprintf(f->sentence, sizeof f->sentence,
             "The SOL channel opened, but nothing came from the node: no login runs on the AMT serial "
             "port%s%s%s, or the operating system is not running",
             tty ? " (" : "", tty ? tty : "", tty ? ")" : "");
    if (facts && !tty)
        snprintf(
            f->remedy, sizeof f->remedy,
            "The agent finds no AMT serial port%s%.100s: enable SOL in the BIOS and the firmware, and the "
            "kernel's 8250_pci driver.",
            facts->tty_text[0] ? ": " : "", facts->tty_text);
    else if (facts)
        snprintf(f->remedy, sizeof f->remedy,
                 "Let the agent start the login: orch-cli set host %s --serial-console enable. It enables "
                 "serial-getty@%s.service on the node.",
                 ask_name(a), tty);
    else
        snprintf(f->remedy, sizeof f->remedy,
                 "On the node find the AMT serial port (the PCI serial port of vendor 0x8086 in "
                 "/sys/class/tty/ttyS*/device, often ttyS4; never simply the first one) and run: sudo "
                 "systemctl enable --now serial-getty@ttyS4.service");
}
