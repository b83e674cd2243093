/* SPDX-License-Identifier: Apache-2.0 */
/* reconcile: is the node as its owner wants it, and if not, what is to be done, and when? */
#include "core/host_impl.h"

#include <assert.h>
#include <stdio.h>

static const char *const ids[] = {
#define D(sym, id) [DECIDE_##sym] = id,
    DECISION_TABLE(D)
#undef D
};

const char *decision_id(enum decision_kind d) {
    assert((unsigned)d < DECIDE_COUNT);
    return ids[d];
}

static struct decision verdict(enum decision_kind kind, struct mono look_again, bool mismatch) {
    return (struct decision){.kind = kind, .look_again = look_again, .mismatch = mismatch};
}

static bool holds(const struct intent *i, struct wall now) {
    return i->policy == RECOVERY_HOLD && (i->hold_until.us == 0 || now.us < i->hold_until.us);
}

/* The node is known, and not as desired. */
static struct decision on_mismatch(const struct host *h, const struct host_policy *p, struct host_now now) {
    const struct intent *want = &h->intent;
    enum power_op op = power_op_for(want->desired);
    if (holds(want, now.wall)) {
        int64_t left_ms = want->hold_until.us ? (want->hold_until.us - now.wall.us) / 1000 + 1 : -1;
        return verdict(DECIDE_HELD_BY_POLICY, left_ms < 0 ? MONO_NEVER : mono_add_ms(now.mono, left_ms),
                       true);
    }
    if (want->policy == RECOVERY_RESPECT_LOCAL && h->local_shutdown && want->desired == POWER_ON)
        return verdict(DECIDE_LOCAL_SHUTDOWN, MONO_NEVER, true);
    if (want->desired == POWER_ON && mono_before(now.mono, h->local_pause))
        return verdict(DECIDE_LOCAL_PAUSE, h->local_pause, true);
    if (h->power.agreeing < 2)
        return verdict(DECIDE_CONFIRM, mono_add_ms(h->power.at_mono, p->confirm_ms), true);
    if (h->attempts >= p->attempts_max)
        return verdict(DECIDE_HELD, MONO_NEVER, true);
    struct mono from = mono_max(h->next_attempt, h->settle_until);
    if (mono_before(now.mono, from))
        return verdict(DECIDE_BACK_OFF, from, true);
    bool offered = !h->power.available_told;
    for (unsigned i = 0; i < h->power.navailable; i++)
        offered |= h->power.available[i] == power_op_row(op)->cim;
    if (!offered)
        return verdict(DECIDE_NOT_AVAILABLE, MONO_NEVER, true);
    struct decision d = verdict(DECIDE_ACT, now.mono, true);
    d.op = op;
    return d;
}

struct decision decide(const struct host *h, const struct host_policy *p, struct host_now now) {
    if (h->journal)
        return verdict(DECIDE_JOURNAL, MONO_NEVER, h->decided.mismatch);
    if (h->op)
        return verdict(DECIDE_OPERATION, MONO_NEVER, h->decided.mismatch);
    if (!link_usable(&h->link))
        return verdict(DECIDE_LINK_DOWN, MONO_NEVER, false);
    if (h->intent.desired == POWER_UNKNOWN)
        return verdict(DECIDE_NO_INTENT, MONO_NEVER, false);
    if (h->link.state == LINK_SUSPECT)
        return verdict(DECIDE_LINK_SUSPECT, MONO_NEVER, false);
    if (!observation_fresh(h, now.mono, p->fresh_ms))
        return verdict(DECIDE_READ, h->next_read, false);
    if (h->power.state == POWER_UNKNOWN)
        return verdict(DECIDE_UNSETTLED, mono_add_ms(h->power.at_mono, p->confirm_ms), false);
    if (h->power.state == h->intent.desired)
        return verdict(DECIDE_AS_DESIRED, MONO_NEVER, false);
    return on_mismatch(h, p, now);
}

static struct decision ask(const struct turn *t) {
    return (t->p->decide ? t->p->decide : decide)(t->h, t->p, t->now);
}

/* Attempts start over once the node stayed as desired for a while; a node that falls at once again does not.
 */
static void watch_stability(struct turn *t) {
    struct host *h = t->h;
    if (h->decided.kind != DECIDE_AS_DESIRED) {
        if (h->decided.mismatch)
            h->stable_since = MONO_NEVER;
        return;
    }
    if (mono_is_never(h->stable_since))
        h->stable_since = t->now.mono;
    if (h->attempts && mono_due(mono_add_ms(h->stable_since, t->p->stable_ms), t->now.mono))
        h->attempts = 0;
}

static void tell_mismatch(struct turn *t) {
    struct host *h = t->h;
    bool out_of_line =
        h->decided.mismatch && h->decided.kind != DECIDE_OPERATION && h->decided.kind != DECIDE_JOURNAL;
    if (out_of_line && !h->mismatch_told) {
        h->mismatch_told = true;
        act_event(t, HOST_EVENT_MISMATCH,
                  "mismatch between desired and current power state: desired %s, observed %s (%s)",
                  power_state_text(h->intent.desired), power_state_text(h->power.state),
                  power_cim_text(h->power.cim));
    } else if (h->mismatch_told && h->decided.kind == DECIDE_AS_DESIRED) {
        h->mismatch_told = false;
        act_event(t, HOST_EVENT_RECOVERED, "The node is %s again, as desired",
                  power_state_text(h->power.state));
    }
}

/* Start the remedy: journaled like an operator's word. */
static void start(struct turn *t, enum power_op kind) {
    struct host *h = t->h;
    struct journal j = {.has_op = true};
    struct operation *o = &j.op;
    o->kind = kind;
    o->by_reconcile = true;
    o->step = OP_STEP_READ;
    o->created = t->now.wall;
    o->deadline = wall_add_ms(t->now.wall, t->p->op_deadline_ms);
    o->expires = mono_add_ms(t->now.mono, t->p->op_deadline_ms);
    o->due = MONO_NEVER;
    snprintf(o->actor, sizeof o->actor, "reconcile");
    /* id: left empty, the glue names it when it writes the journal */
    operation_set_state(
        o, OP_ACCEPTED, OP_CODE_NONE, t->now.wall,
        "mismatch between desired and current power state: desired %s, observed %s; attempt %u of %u",
        power_state_text(h->intent.desired), power_state_text(h->power.state), h->attempts + 1,
        t->p->attempts_max);
    if (!journal_start(t, &j))
        h->next_attempt = mono_add_ms(t->now.mono, t->p->backoff_first_ms);
}

void reconcile_attempt(struct turn *t) {
    struct host *h = t->h;
    uint64_t pause = t->p->backoff_first_ms;
    h->attempts++;
    for (unsigned i = 1; i < h->attempts && pause < t->p->backoff_max_ms; i++)
        pause *= 2;
    h->next_attempt =
        mono_add_ms(t->now.mono, pause < t->p->backoff_max_ms ? (int64_t)pause : t->p->backoff_max_ms);
}

void reconcile_operation_ended(struct turn *t, const struct operation *o) {
    struct host *h = t->h;
    if (o->state != OP_DONE)
        return;
    /* what an operator asked for and got is the new calm: no recovery is being attempted any more */
    if (!o->by_reconcile)
        h->attempts = 0;
}

void reconcile_turn(struct turn *t) {
    struct host *h = t->h;
    struct decision was = h->decided;
    h->decided = ask(t);
    if (h->decided.kind != was.kind)
        h->decided_at = t->now.wall;
    if ((h->decided.kind == DECIDE_CONFIRM || h->decided.kind == DECIDE_UNSETTLED) && !h->reads_pending)
        h->next_read = mono_min(h->next_read, h->decided.look_again);
    if (h->decided.kind != DECIDE_BACK_OFF && h->decided.kind != DECIDE_HELD_BY_POLICY &&
        h->decided.kind != DECIDE_LOCAL_PAUSE)
        h->decided.look_again = MONO_NEVER; /* the poll, the journal or an event brings us back */
    watch_stability(t);
    tell_mismatch(t);
    if (h->decided.kind == DECIDE_HELD && was.kind != DECIDE_HELD)
        act_event(t, HOST_EVENT_HELD,
                  "Gave up after %u attempts to %s the node; holding until an operator acts", h->attempts,
                  power_op_row(power_op_for(h->intent.desired))->verb);
    if (h->decided.kind == DECIDE_ACT)
        start(t, h->decided.op);
}
