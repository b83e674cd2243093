/* SPDX-License-Identifier: Apache-2.0 */
/* rig_optin: the consent of the rig's toy firmware (reference protocol-cira-wsman 4.8, 5.6). Time is told;
 * deadlines are worked off when somebody looks. */
#pragma once

#include "proto/amt.h"

enum { RIG_CODE_MS = 120000, RIG_DISPLAY_MS = 300000, RIG_BLOCK_MS = 60000, RIG_TRIES = 3 };

struct rig_optin {
    uint32_t required, state, code;
    uint32_t sprite_ms; /* until the code is on the screen */
    unsigned wrong, sessions;
    int64_t until_ms;    /* of the state */
    int64_t new_code_ms; /* no new code before */
    bool no_cancel;      /* refuses it */
};

static inline void rig_optin_enter(struct rig_optin *o, uint32_t state, int64_t until_ms) {
    o->state = state;
    o->until_ms = until_ms;
}

static inline void rig_optin_look(struct rig_optin *o, int64_t now_ms) {
    if (o->state == AMT_OPTIN_REQUESTED && now_ms >= o->until_ms) {
        o->new_code_ms = now_ms + RIG_DISPLAY_MS;
        rig_optin_enter(o, AMT_OPTIN_DISPLAYED, o->new_code_ms);
    } else if ((o->state == AMT_OPTIN_DISPLAYED || o->state == AMT_OPTIN_RECEIVED) && now_ms >= o->until_ms) {
        rig_optin_enter(o, AMT_OPTIN_NOT_STARTED, 0);
    }
}

static inline int64_t rig_optin_start(struct rig_optin *o, int64_t now_ms) {
    if (o->state != AMT_OPTIN_NOT_STARTED || o->required == 0)
        return AMT_OPTIN_RV_STATE;
    if (now_ms < o->new_code_ms)
        return AMT_OPTIN_RV_BLOCKED;
    o->wrong = 0;
    rig_optin_enter(o, AMT_OPTIN_REQUESTED, now_ms + o->sprite_ms);
    rig_optin_look(o, now_ms);
    return AMT_OPTIN_RV_OK;
}

static inline int64_t rig_optin_send(struct rig_optin *o, uint32_t code, int64_t now_ms) {
    if (o->state != AMT_OPTIN_DISPLAYED && o->state != AMT_OPTIN_REQUESTED)
        return AMT_OPTIN_RV_STATE;
    if (code == o->code) {
        rig_optin_enter(o, AMT_OPTIN_RECEIVED, now_ms + RIG_CODE_MS);
        return AMT_OPTIN_RV_OK;
    }
    if (++o->wrong == RIG_TRIES) {
        o->new_code_ms = now_ms + RIG_BLOCK_MS;
        rig_optin_enter(o, AMT_OPTIN_NOT_STARTED, 0);
    }
    return AMT_OPTIN_RV_INTERNAL;
}

static inline int64_t rig_optin_cancel(struct rig_optin *o) {
    if (o->state == AMT_OPTIN_NOT_STARTED)
        return AMT_OPTIN_RV_STATE;
    if (o->no_cancel)
        return AMT_OPTIN_RV_INTERNAL;
    rig_optin_enter(o, AMT_OPTIN_NOT_STARTED, 0);
    return AMT_OPTIN_RV_OK;
}

/* A connection to the redirection port opened or closed. */
static inline void rig_optin_session(struct rig_optin *o, bool open, int64_t now_ms) {
    o->sessions += open ? 1 : -1u;
    if (open && o->state == AMT_OPTIN_RECEIVED)
        rig_optin_enter(o, AMT_OPTIN_IN_SESSION, INT64_MAX);
    else if (!o->sessions && o->state == AMT_OPTIN_IN_SESSION)
        rig_optin_enter(o, AMT_OPTIN_RECEIVED, now_ms + RIG_CODE_MS);
}
