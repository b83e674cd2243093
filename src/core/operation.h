/* SPDX-License-Identifier: Apache-2.0 */
/* operation: a one-shot power operation: accepted -> waiting -> running -> confirming -> done | failed |
 * expired | cancelled. Journaled before anything is sent; "done" needs an observation that confirms it. Pure
 * data. */
#pragma once

#include "base/clock.h"
#include "core/power.h"

/* S(symbol, text, final) */
#define OP_STATE_TABLE(S)                                                                                    \
    S(ACCEPTED, "accepted", false)                                                                           \
    S(WAITING, "waiting", false)                                                                             \
    S(RUNNING, "running", false)                                                                             \
    S(CONFIRMING, "confirming", false)                                                                       \
    S(DONE, "done", true)                                                                                    \
    S(FAILED, "failed", true)                                                                                \
    S(EXPIRED, "expired", true)                                                                              \
    S(CANCELLED, "cancelled", true)
enum op_state {
#define S(sym, ...) OP_##sym,
    OP_STATE_TABLE(S)
#undef S
        OP_STATE_COUNT
};
const char *op_state_text(enum op_state s);
bool op_state_final(enum op_state s);
bool op_state_parse(const char *text, enum op_state *s);

/* Why it failed, expired, was cancelled, or waits. C(symbol, id) */
#define OP_CODE_TABLE(C)                                                                                     \
    C(NONE, "none")                                                                                          \
    C(UNREACHABLE, "unreachable")         /* no tunnel */                                                    \
    C(NOT_AVAILABLE, "not-available")     /* AvailableRequestedPowerStates does not list it */               \
    C(REFUSED, "refused")                 /* the firmware returned a non-zero ReturnValue */                 \
    C(NOT_CONFIRMED, "not-confirmed")     /* accepted by the firmware, but the state was not seen in time */ \
    C(OUTCOME_UNKNOWN, "outcome-unknown") /* sent, or perhaps sent, and no answer; not sent again */         \
    C(TIMED_OUT, "timed-out")                                                                                \
    C(AUTH, "auth")                         /* the firmware refuses our AMT user and password */             \
    C(FIRMWARE, "firmware")                 /* fault or broken answer */                                     \
    C(SUPERSEDED, "superseded")             /* a later operation took its place */                           \
    C(BY_OPERATOR, "by-operator")           /* cancelled */                                                  \
    C(DEADLINE, "deadline")                 /* its deadline passed while it waited */                        \
    C(BEHIND_OPERATION, "behind-operation") /* waits for the one in flight */                                \
    C(SESSION, "session")                   /* waits for a KVM, SOL or IDE-R session to end */
enum op_code {
#define C(sym, ...) OP_CODE_##sym,
    OP_CODE_TABLE(C)
#undef C
        OP_CODE_COUNT
};
const char *op_code_id(enum op_code c);
bool op_code_parse(const char *id, enum op_code *c);

enum { OP_ID_CAP = 20, OP_ACTOR_CAP = 64, OP_KEY_CAP = 64, OP_TEXT_CAP = 192 };

/* What operation is doing inside running/confirming. Not stored: after a restart every unfinished one reads
 * first. */
enum op_step { OP_STEP_READ, OP_STEP_SEND, OP_STEP_CONFIRM };

struct operation {
    char id[OP_ID_CAP]; /* "op-" and 12 hex digits */
    enum power_op kind;
    enum op_state state; /* written by operation_set_state() only */
    enum op_code code;
    char text[OP_TEXT_CAP];   /* sentence for people: cause of waiting, of failure; evidence when done */
    char actor[OP_ACTOR_CAP]; /* user name, or "reconcile" */
    char key[OP_KEY_CAP];     /* idempotency key; "" none */
    bool by_reconcile, force;
    enum power_state
        prior; /* what was desired before it: comes back when it is cancelled or expires unsent */
    struct wall created, updated, deadline, sent, finished;
    /* in memory only */
    enum op_step step;
    bool resumed;              /* taken over from the journal of an earlier server process */
    bool maybe_sent;           /* an earlier process had written `running` */
    struct mono due;           /* next step at the latest */
    struct mono expires;       /* deadline while nothing was sent */
    struct mono confirm_until; /* not confirmed by then: failed */
    bool seen_away;            /* power-cycle: a state other than on was read since it was sent */
    uint16_t confirm_reads;
    struct operation *gone_next; /* host.gone */
};
void operation_set_state(struct operation *o, enum op_state s, enum op_code code, struct wall now,
                         const char *fmt, ...) __attribute__((format(printf, 5, 6)));
