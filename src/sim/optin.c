/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/optin.h"

enum { WRONG_MAX = 3, BLOCK_MS = 60000 };

static const char *const NAMES[] = {
#define S(name, text) text,
    OPTIN_STATE_TABLE(S)
#undef S
};

const char *optin_state_name(enum optin_state s) {
    return NAMES[s];
}

void optin_init(struct optin *o, bool ccm, bool kvm, uint32_t code_s, uint32_t display_s,
                uint32_t sprite_ms) {
    /* CCM: always for all and not to be changed; ACM: KVM where the SKU has it (4.8) */
    *o = (struct optin){.required = ccm   ? OPTIN_ALL
                                    : kvm ? OPTIN_KVM
                                          : OPTIN_NONE,
                        .can_modify = !ccm,
                        .code_s = code_s,
                        .display_s = display_s,
                        .sprite_ms = sprite_ms,
                        .until = MONO_NEVER,
                        .reuse_until = {INT64_MIN},
                        .new_code_from = {INT64_MIN}};
}

static void optin_set_state(struct optin *o, enum optin_state s, struct mono now) {
    o->state = s;
    o->until = MONO_NEVER;
    switch (s) {
    case OPTIN_REQUESTED:
        o->until = mono_add_ms(now, o->sprite_ms);
        break;
    case OPTIN_DISPLAYED:
        o->until = mono_add_ms(now, (int64_t)o->display_s * 1000);
        break;
    case OPTIN_RECEIVED:
        o->until = mono_add_ms(now, (int64_t)o->code_s * 1000);
        break;
    case OPTIN_NOT_STARTED:
    case OPTIN_IN_SESSION:
        break;
    }
}

/* Consent ends, the code stays good for the reuse window: "the same consent code must be re-entered within 2
 * minutes of the previous session", after which a new one waits for the rest of the display time. */
static void finish(struct optin *o, struct mono at) {
    o->reuse_until = mono_add_ms(at, (int64_t)o->code_s * 1000);
    optin_set_state(o, OPTIN_NOT_STARTED, at);
}

static void forget_code(struct optin *o) {
    o->have_code = false;
    o->wrong = 0;
}

static void display(struct optin *o, struct mono at) {
    optin_set_state(o, OPTIN_DISPLAYED, at);
    o->new_code_from = o->until;
}

void optin_advance(struct optin *o, bool screen, struct mono now) {
    if (o->state == OPTIN_REQUESTED && mono_due(o->until, now) && screen)
        display(o, now);
    if (o->state == OPTIN_REQUESTED && !screen &&
        mono_due(mono_add_ms(o->until, (int64_t)o->display_s * 1000), now)) {
        /* no screen to show it on: stays requested, and times out (5.6) */
        forget_code(o);
        optin_set_state(o, OPTIN_NOT_STARTED, now);
    }
    if (o->state == OPTIN_DISPLAYED && mono_due(o->until, now)) {
        forget_code(o);
        optin_set_state(o, OPTIN_NOT_STARTED, now);
    }
    if (o->state == OPTIN_RECEIVED && mono_due(o->until, now)) {
        struct mono at = o->until;
        finish(o, at);
        o->reuse_until = at; /* the window was this very timeout */
    }
    if (o->state == OPTIN_NOT_STARTED && o->have_code && mono_due(o->reuse_until, now) &&
        mono_due(o->new_code_from, now))
        forget_code(o);
}

uint32_t optin_start(struct optin *o, uint32_t random, bool screen, struct mono now) {
    if (o->state != OPTIN_NOT_STARTED || o->required == OPTIN_NONE)
        return OPTIN_RV_STATE;
    bool reuse = o->have_code && now.us < o->reuse_until.us;
    if (!reuse && now.us < o->new_code_from.us)
        return OPTIN_RV_BLOCKED;
    if (!reuse) {
        o->code = random % 1000000u;
        o->have_code = true;
        o->wrong = 0;
    }
    optin_set_state(o, OPTIN_REQUESTED, now);
    optin_advance(o, screen, now);
    return OPTIN_RV_OK;
}

uint32_t optin_send(struct optin *o, uint64_t code, struct mono now) {
    if (o->state != OPTIN_DISPLAYED && o->state != OPTIN_REQUESTED)
        return OPTIN_RV_STATE;
    if (code == o->code) {
        o->wrong = 0;
        optin_set_state(o, OPTIN_RECEIVED, now);
        return OPTIN_RV_OK;
    }
    if (++o->wrong >= WRONG_MAX) {
        forget_code(o);
        o->new_code_from = mono_add_ms(now, BLOCK_MS);
        o->reuse_until = now;
        optin_set_state(o, OPTIN_NOT_STARTED, now);
    }
    return OPTIN_RV_WRONG;
}

uint32_t optin_cancel(struct optin *o, struct mono now) {
    if (o->state == OPTIN_NOT_STARTED)
        return OPTIN_RV_STATE;
    finish(o, now);
    return OPTIN_RV_OK;
}

void optin_session(struct optin *o, bool open, struct mono now) {
    if (open && o->state == OPTIN_RECEIVED)
        optin_set_state(o, OPTIN_IN_SESSION, now);
    else if (!open && o->state == OPTIN_IN_SESSION)
        optin_set_state(o, OPTIN_RECEIVED, now); /* 120 s idle, then over (5.6) */
}

bool optin_granted(const struct optin *o) {
    return o->state == OPTIN_RECEIVED || o->state == OPTIN_IN_SESSION;
}
