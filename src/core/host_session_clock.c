/* SPDX-License-Identifier: Apache-2.0 */
/* What time does to sessions: they expire, idle, stay mute; and the turn that ends every event. */
#include "core/session_impl.h"

#include <stdio.h>

enum {
    MINUTE_MS = 60 * 1000,
    NUDGE_MS = 60 * 1000, /* less than the firmware's own patience (3 minutes, reference 4.7) */
};

/* --- clocks --- */

static struct mono idle_at(const struct session *s, const struct host_policy *p) {
    return s->kind == REDIR_KVM && s->state == SESSION_ACTIVE && p->kvm_idle_ms
               ? mono_add_ms(s->last_input, p->kvm_idle_ms)
               : MONO_NEVER;
}
static struct mono warn_at(const struct session *s, const struct host_policy *p) {
    uint32_t before = p->idle_warn_ms < p->kvm_idle_ms / 2 ? p->idle_warn_ms : p->kvm_idle_ms / 2;
    bool none = s->idle_warned || mono_is_never(idle_at(s, p));
    return none ? MONO_NEVER : mono_add_ms(s->last_input, p->kvm_idle_ms - before);
}
static struct mono mute_at(const struct session *s, const struct host_policy *p) {
    return s->kind == REDIR_SOL && s->state == SESSION_ACTIVE && !s->heard && !s->mute_told
               ? mono_add_ms(s->opened, p->sol_mute_ms)
               : MONO_NEVER;
}
/* The firmware keeps its own patience: something that counts as input goes in before it runs out. */
static struct mono nudge_at(const struct host_sessions *hs, const struct session *s) {
    return s->kind == REDIR_KVM && s->state == SESSION_ACTIVE && hs->kvm_known && !hs->kvm_set
               ? mono_add_ms(s->last_nudge, NUDGE_MS)
               : MONO_NEVER;
}

static void session_clock(struct turn *t, struct session *s) {
    struct host_sessions *hs = t->h->sessions;
    struct mono now = t->now.mono;
    if (mono_due(s->until, now)) {
        if (s->state == SESSION_INTERRUPTED)
            session_end_now(t, s, s->why, "interrupted, and nobody resumed it");
        else if (s->state == SESSION_CONSENT)
            session_end_now(t, s, SESSION_WHY_CONSENT, "no consent code was entered");
        else
            session_end_now(t, s, SESSION_WHY_EXPIRED, "");
        return;
    }
    if (mono_due(idle_at(s, t->p), now)) {
        char text[SESSION_TEXT_CAP], idle[WALL_TEXT_CAP];
        snprintf(text, sizeof text, "no input for %s", duration_text(t->p->kvm_idle_ms, idle));
        session_end_now(t, s, SESSION_WHY_IDLE, text);
        return;
    }
    if (mono_due(warn_at(s, t->p), now)) {
        s->idle_warned = true;
        session_note_to(t, s, SESSION_NOTE_IDLE,
                        (uint32_t)((mono_ms_between(now, idle_at(s, t->p)) + 999) / 1000), "");
    }
    if (mono_due(mute_at(s, t->p), now)) {
        s->mute_told = hs->sol_mute = true;
        session_note_to(
            t, s, SESSION_NOTE_MUTE, 0,
            "The channel is open, but nothing has come from the node: its operating system has no login on "
            "the AMT serial port, or it is not running");
    }
    if (mono_due(nudge_at(hs, s), now)) {
        s->last_nudge = now;
        session_note_to(t, s, SESSION_NOTE_NUDGE, 0, "");
    }
}

/* Viewers hear of a power operation that waits for them, and when it does not any more. */
static void tell_queued(struct turn *t) {
    struct host *h = t->h;
    struct host_sessions *hs = h->sessions;
    const struct operation *o = session_queued_op(h);
    const char *id = o ? o->id : "";
    if (strcmp(hs->queued, id) == 0)
        return;
    snprintf(hs->queued, sizeof hs->queued, "%s", id);
    for (unsigned k = 0; k < REDIR_KIND_COUNT; k++)
        if (hs->open[k] && hs->open[k]->state == SESSION_ACTIVE)
            session_note_queued(t, hs->open[k]);
}

void session_turn(struct turn *t) {
    struct host_sessions *hs = t->h->sessions;
    if (!hs)
        return;
    for (unsigned k = 0; k < REDIR_KIND_COUNT; k++)
        if (hs->open[k])
            session_clock(t, hs->open[k]);
    consent_turn(t);
    for (unsigned k = 0; k < REDIR_KIND_COUNT; k++)
        if (hs->open[k] && hs->open[k]->token)
            session_answer_when_known(t, hs->open[k]);
    tell_queued(t);
}

struct mono session_deadline(const struct host *h, const struct host_policy *p) {
    const struct host_sessions *hs = h->sessions;
    struct mono at = consent_deadline(h, p);
    if (!hs)
        return at;
    for (unsigned k = 0; k < REDIR_KIND_COUNT; k++) {
        const struct session *s = hs->open[k];
        if (!s)
            continue;
        at = mono_min(at, mono_min(s->until, idle_at(s, p)));
        at = mono_min(at, mono_min(warn_at(s, p), mute_at(s, p)));
        at = mono_min(at, nudge_at(hs, s));
    }
    return at;
}
