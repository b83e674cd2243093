/* SPDX-License-Identifier: Apache-2.0 */
/* optin: the user consent machine of one firmware (IPS_OptInService). Pure: time and random digits come in.
 * Deadlines are worked off when somebody looks, so it needs no timer. Owner: struct sim_node.
 * Source: reference protocol-cira-wsman 4.8, 5.6; the product's requirement on consent codes. */
#pragma once

#include "base/clock.h"
#include "base/err.h"

#define OPTIN_STATE_TABLE(S)                                                                                 \
    S(NOT_STARTED, "not-started")                                                                            \
    S(REQUESTED, "requested")                                                                                \
    S(DISPLAYED, "displayed")                                                                                \
    S(RECEIVED, "received")                                                                                  \
    S(IN_SESSION, "in-session")
enum optin_state {
#define S(name, text) OPTIN_##name,
    OPTIN_STATE_TABLE(S)
#undef S
};
const char *optin_state_name(enum optin_state s);

enum { OPTIN_NONE = 0, OPTIN_KVM = 1 };
#define OPTIN_ALL 4294967295u
/* Return values of the three methods (4.8) */
enum { OPTIN_RV_OK = 0, OPTIN_RV_WRONG = 1, OPTIN_RV_STATE = 2, OPTIN_RV_BLOCKED = 3 };

struct optin {
    enum optin_state state;
    uint32_t required; /* OptInRequired */
    uint32_t code;     /* 0..999999; meaningful while have_code */
    bool have_code;
    bool can_modify; /* CanModifyOptInPolicy */
    uint8_t wrong;   /* in a row, of this code */
    uint32_t code_s, display_s, sprite_ms;
    struct mono until;         /* of the present state; MONO_NEVER: none */
    struct mono reuse_until;   /* a new StartOptIn shows the same code again until then … */
    struct mono new_code_from; /* … and a new one is made only from then on */
};

void optin_init(struct optin *o, bool ccm, bool kvm, uint32_t code_s, uint32_t display_s, uint32_t sprite_ms);
/* Work off deadlines. screen: there is one to show a code on (not in Sx). */
void optin_advance(struct optin *o, bool screen, struct mono now);
/* The methods; call optin_advance() before. random: fresh digits for a new code. */
uint32_t optin_start(struct optin *o, uint32_t random, bool screen, struct mono now);
uint32_t optin_send(struct optin *o, uint64_t code, struct mono now);
uint32_t optin_cancel(struct optin *o, struct mono now);
/* A redirection session opened (Received -> InSession) or the last one closed. */
void optin_session(struct optin *o, bool open, struct mono now);
/* May protected things be done (boot options, IDER)? */
bool optin_granted(const struct optin *o);
