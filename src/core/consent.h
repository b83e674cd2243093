/* SPDX-License-Identifier: Apache-2.0 */
/* consent: user consent of one node: the firmware's own values (IPS_OptInService), the clocks that follow
 * from them, and what is to be asked of the firmware next. Pure. Owner: the host. Source: reference
 * protocol-cira-wsman 4.8, 5.6; protocol-redir-activation 4; the requirement on consent codes. */
#pragma once

#include "base/clock.h"
#include "base/err.h"
#include "proto/amt.h"
#include "proto/redir.h"

/* A(symbol, id): what a person has to do */
#define CONSENT_ACTION_TABLE(A)                                                                              \
    A(NONE, "none")               /* nothing: not required, or given and still good */                       \
    A(ENTER_CODE, "enter-code")   /* read the six digits on the node's screen and enter them */              \
    A(WAIT, "wait")               /* no new code can be made yet */                                          \
    A(UNAVAILABLE, "unavailable") /* the firmware has not told, or cannot be asked */
enum consent_action {
#define A(sym, id) CONSENT_##sym,
    CONSENT_ACTION_TABLE(A)
#undef A
};
const char *consent_action_id(enum consent_action a);
/* "not-started", "requested", …; "unknown" for others. */
const char *consent_state_id(uint32_t optin_state);

enum { CONSENT_CODE_DIGITS = 6, CONSENT_TRIES = 3 };

struct consent {
    bool known;          /* fw was read over the present link */
    struct amt_optin fw; /* as read last, whichever link */
    struct wall at;      /* of fw */
    struct mono at_mono;
    bool ours;               /* the code on the screen was asked for by this server */
    bool refused;            /* the firmware refused what was asked last: not again before new_code_at */
    bool blocked;            /* … because of wrong codes, or of the display time of the last one */
    uint8_t wrong;           /* wrong entries of this code */
    struct mono shown_at;    /* when the last code came up, as far as we know; 0 = never */
    struct mono new_code_at; /* after a refusal: when to ask again */
    struct mono idle_since;  /* reuse: no session is open since */
    bool in_session;         /* one of our sessions is open at the firmware */
};

/* The link is new or gone: nothing is known until the next reading. */
void consent_forget(struct consent *c);
/* The firmware's values were read. */
void consent_read(struct consent *c, const struct amt_optin *fw, struct mono now, struct wall wall);
/* Results of the methods; consent_read() with what was read after them comes first. */
void consent_started(struct consent *c, int64_t return_value, struct mono now);
/* 0; ERR_REFUSED (wrong code, or blocked), ERR_STATE (no code is asked for), ERR_FAULT; ei has the sentence.
 */
int consent_sent(struct consent *c, int64_t return_value, struct mono now, struct errinfo *ei);
/* The firmware could not be asked: not again before retry_ms. */
void consent_failed(struct consent *c, uint32_t retry_ms, struct mono now);
/* CancelOptIn was answered; a code that is shown all the same is cancelled again after retry_ms. */
void consent_cancelled(struct consent *c, uint32_t retry_ms, struct mono now);
/* One of our connections to the redirection port opened, or the last one is closed: the reuse time begins. */
void consent_session(struct consent *c, bool open, struct mono now);

/* Does the policy ask for consent to this kind? */
bool consent_covers(const struct consent *c, enum redir_kind kind);
/* Must a code be entered before this kind may be opened? False while nothing is known. */
bool consent_needed(const struct consent *c, enum redir_kind kind);

/* What to ask of the firmware next while `waiting` sessions want consent; *at: when, if not now. */
enum consent_ask { CONSENT_ASK_NOTHING, CONSENT_ASK_READ, CONSENT_ASK_START, CONSENT_ASK_CANCEL };
enum consent_ask consent_next(const struct consent *c, bool waiting, uint32_t poll_ms, struct mono now,
                              struct mono *at);

/* As a person should see it. Seconds are -1 when they do not apply. */
struct consent_view {
    enum consent_action action;
    const char *required, *state;
    int tries_left;
    int64_t reuse_s, display_s;
    bool has_next_code;
    struct wall next_code;
    char text[200];
};
void consent_view(const struct consent *c, bool reachable, struct mono now, struct wall wall,
                  struct consent_view *v);
/* Exactly six digits. */
bool consent_code_parse(const char *text, uint32_t *code);
