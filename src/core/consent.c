/* SPDX-License-Identifier: Apache-2.0 */
#include "core/consent.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

/* Where the firmware does not tell: its defaults (4.8). After wrong codes it blocks for a while that nobody
 * has published; asking once a minute is polite and soon enough. */
enum { CODE_TIMEOUT_S = 120, DISPLAY_S = 300, BLOCKED_MS = 60000, SOON = 5 };

const char *consent_action_id(enum consent_action a) {
    static const char *const ids[] = {
#define A(sym, id) [CONSENT_##sym] = id,
        CONSENT_ACTION_TABLE(A)
#undef A
    };
    assert((unsigned)a < sizeof ids / sizeof *ids);
    return ids[a];
}

const char *consent_state_id(uint32_t s) {
    static const char *const ids[] = {[AMT_OPTIN_NOT_STARTED] = "not-started",
                                      [AMT_OPTIN_REQUESTED] = "requested",
                                      [AMT_OPTIN_DISPLAYED] = "displayed",
                                      [AMT_OPTIN_RECEIVED] = "received",
                                      [AMT_OPTIN_IN_SESSION] = "in-session"};
    return s < sizeof ids / sizeof *ids ? ids[s] : "unknown";
}

static const char *required_id(const struct consent *c) {
    if (!c->known)
        return "unknown";
    return c->fw.required == 0 ? "none" : c->fw.required == 1 ? "kvm" : "all";
}

static int64_t code_ms(const struct consent *c) {
    return (int64_t)(c->fw.code_timeout_s ? c->fw.code_timeout_s : CODE_TIMEOUT_S) * 1000;
}
static int64_t display_ms(const struct consent *c) {
    return (int64_t)(c->fw.display_s ? c->fw.display_s : DISPLAY_S) * 1000;
}
static bool shows(uint32_t state) {
    return state == AMT_OPTIN_REQUESTED || state == AMT_OPTIN_DISPLAYED;
}
static bool is_given(uint32_t state) {
    return state == AMT_OPTIN_RECEIVED || state == AMT_OPTIN_IN_SESSION;
}
static bool on_screen(const struct consent *c) {
    return c->known && shows(c->fw.state);
}
static bool given(const struct consent *c) {
    return c->known && is_given(c->fw.state);
}

void consent_forget(struct consent *c) {
    /* its clocks, and how often the code was wrong, outlive a link: they are compared with the next reading
     */
    c->known = false;
}

void consent_read(struct consent *c, const struct amt_optin *fw, struct mono now, struct wall wall) {
    uint32_t was = c->fw.state;
    /* over a new link: the same code when it can still be on the screen */
    bool was_shown = shows(was) && (c->known || mono_before(now, mono_add_ms(c->shown_at, display_ms(c))));
    bool was_given = is_given(was);
    c->fw = *fw;
    c->known = true;
    c->at = wall;
    c->at_mono = now;
    if (on_screen(c) && !was_shown)
        c->wrong = 0;
    if (on_screen(c) && (!was_shown || (was == AMT_OPTIN_REQUESTED && fw->state == AMT_OPTIN_DISPLAYED)))
        c->shown_at = now; /* at the latest */
    if (on_screen(c) || given(c))
        c->refused = c->blocked = false;
    if (given(c) && !was_given)
        c->idle_since = now;
    if (!on_screen(c))
        c->ours = false;
    if (c->fw.state == AMT_OPTIN_NOT_STARTED && was_shown)
        c->wrong = 0;
}

void consent_started(struct consent *c, int64_t return_value, struct mono now) {
    /* what the return value says is not enough: a code must be there */
    c->refused = c->fw.required != 0 && !on_screen(c) && !given(c);
    c->blocked = c->refused && return_value == AMT_OPTIN_RV_BLOCKED;
    if (return_value == AMT_OPTIN_RV_OK)
        c->ours = on_screen(c); /* else another one's, who was faster */
    if (!c->refused)
        return;
    /* a code that is still within its display time keeps a new one from being made */
    struct mono display_over = mono_add_ms(c->shown_at, display_ms(c));
    bool by_display = c->shown_at.us && c->wrong < CONSENT_TRIES && mono_before(now, display_over);
    c->new_code_at = by_display ? display_over : mono_add_ms(now, BLOCKED_MS);
}

void consent_failed(struct consent *c, uint32_t retry_ms, struct mono now) {
    c->at_mono = now;
    c->refused = true;
    c->new_code_at = mono_add_ms(now, retry_ms);
}

void consent_cancelled(struct consent *c, uint32_t retry_ms, struct mono now) {
    if (on_screen(c))
        consent_failed(c, retry_ms, now);
}

int consent_sent(struct consent *c, int64_t return_value, struct mono now, struct errinfo *ei) {
    switch (return_value) {
    case AMT_OPTIN_RV_OK:
        c->wrong = 0;
        return 0;
    case AMT_OPTIN_RV_STATE:
        err_set(ei, ERR_STATE, "code", "The firmware asks for no code now");
        err_remedy(ei, "Ask for a code first, then enter what the node's screen shows");
        return ERR_STATE;
    case AMT_OPTIN_RV_BLOCKED:
        err_set(ei, ERR_REFUSED, "code", "The firmware takes no code for a while after wrong entries");
        err_remedy(ei, "Wait a minute, then ask for a new code");
        c->refused = c->blocked = true;
        c->new_code_at = mono_add_ms(now, BLOCKED_MS);
        return ERR_REFUSED;
    case AMT_OPTIN_RV_FFS:
        err_set(ei, ERR_FAULT, "code", "The firmware has reached its limit of flash writes for now");
        err_remedy(ei, "Try again in a few minutes");
        return ERR_FAULT;
    default:
        break;
    }
    if (c->wrong < CONSENT_TRIES)
        c->wrong++;
    int left = on_screen(c) ? CONSENT_TRIES - c->wrong : 0;
    if (left > 0) {
        err_set(ei, ERR_REFUSED, "code", "The code is wrong: %d %s left", left, left == 1 ? "try" : "tries");
        err_remedy(ei, "Read the six digits on the node's screen again; leading zeros count");
    } else {
        c->wrong = CONSENT_TRIES;
        err_set(ei, ERR_REFUSED, "code",
                "The code is wrong, and it was the last try: the firmware drops the code");
        err_remedy(ei, "A new code is asked for as soon as the firmware makes one");
    }
    return ERR_REFUSED;
}

void consent_session(struct consent *c, bool open, struct mono now) {
    c->in_session = open;
    c->idle_since = now;
    if (c->known && open && c->fw.state == AMT_OPTIN_RECEIVED)
        c->fw.state = AMT_OPTIN_IN_SESSION;
    else if (c->known && !open && c->fw.state == AMT_OPTIN_IN_SESSION)
        c->fw.state = AMT_OPTIN_RECEIVED; /* for the reuse time (5.6) */
}

bool consent_covers(const struct consent *c, enum redir_kind kind) {
    return c->known && (c->fw.required > 1 || (c->fw.required == 1 && kind == REDIR_KVM));
}

bool consent_needed(const struct consent *c, enum redir_kind kind) {
    return consent_covers(c, kind) && !given(c);
}

enum consent_ask consent_next(const struct consent *c, bool waiting, uint32_t poll_ms, struct mono now,
                              struct mono *at) {
    *at = MONO_NEVER;
    bool pause = c->refused && !mono_due(c->new_code_at, now);
    if (!waiting) {
        if (!on_screen(c) || !c->ours)
            return CONSENT_ASK_NOTHING;
        if (!pause)
            return CONSENT_ASK_CANCEL; /* nobody wants it any more: take it off the screen */
        *at = c->new_code_at;
        return CONSENT_ASK_NOTHING;
    }
    if (!c->known)
        return CONSENT_ASK_READ;
    if (c->fw.state == AMT_OPTIN_NOT_STARTED) {
        if (!pause)
            return CONSENT_ASK_START;
        *at = c->new_code_at;
        return CONSENT_ASK_NOTHING;
    }
    bool soon = c->fw.state == AMT_OPTIN_REQUESTED; /* the code comes up in a moment, and its time begins */
    *at = mono_add_ms(c->at_mono, soon ? poll_ms / SOON : poll_ms);
    return mono_due(*at, now) ? CONSENT_ASK_READ : CONSENT_ASK_NOTHING;
}

static int64_t seconds_left(struct mono until, struct mono now) {
    int64_t ms = mono_ms_between(now, until);
    return ms > 0 ? (ms + 999) / 1000 : 0;
}

static void view_on_screen(const struct consent *c, struct mono now, struct consent_view *v) {
    v->action = CONSENT_ENTER_CODE;
    v->tries_left = CONSENT_TRIES - c->wrong;
    if (c->fw.state == AMT_OPTIN_REQUESTED) {
        snprintf(v->text, sizeof v->text,
                 "A code was asked for; enter the six digits when the node's screen shows them");
        return; /* its display time has not begun */
    }
    v->display_s = seconds_left(mono_add_ms(c->shown_at, display_ms(c)), now);
    snprintf(v->text, sizeof v->text, "Enter the six digits that the node's screen shows");
}

static void view_given(const struct consent *c, struct mono now, struct consent_view *v) {
    v->action = CONSENT_NONE;
    if (c->in_session || c->fw.state == AMT_OPTIN_IN_SESSION) {
        snprintf(v->text, sizeof v->text, "Consent is given; a session is open");
        return;
    }
    v->reuse_s = seconds_left(mono_add_ms(c->idle_since, code_ms(c)), now);
    snprintf(v->text, sizeof v->text, "Consent is given and still good for %lld s without a session",
             (long long)v->reuse_s);
}

static void view_not_started(const struct consent *c, struct mono now, struct wall wall,
                             struct consent_view *v) {
    if (!c->refused || mono_due(c->new_code_at, now)) {
        v->action = CONSENT_ENTER_CODE;
        snprintf(v->text, sizeof v->text, "No code is on the node's screen yet: ask for one");
        return;
    }
    char at[WALL_TEXT_CAP];
    v->action = CONSENT_WAIT;
    v->has_next_code = true;
    v->next_code = wall_add_ms(wall, mono_ms_between(now, c->new_code_at));
    if (c->blocked && c->wrong >= CONSENT_TRIES)
        snprintf(v->text, sizeof v->text,
                 "The firmware makes no new code for a while after wrong entries: it is asked again at %s",
                 wall_hms(v->next_code, at));
    else
        snprintf(v->text, sizeof v->text,
                 "No new code can be made yet: try again at %s, or enter the code already shown",
                 wall_hms(v->next_code, at));
}

void consent_view(const struct consent *c, bool reachable, struct mono now, struct wall wall,
                  struct consent_view *v) {
    *v = (struct consent_view){.required = required_id(c),
                               .state = c->known ? consent_state_id(c->fw.state) : "unknown",
                               .tries_left = CONSENT_TRIES,
                               .reuse_s = -1,
                               .display_s = -1,
                               .action = CONSENT_UNAVAILABLE};
    if (!reachable)
        snprintf(v->text, sizeof v->text, "The node is not connected, so its firmware cannot be asked");
    else if (!c->known)
        snprintf(v->text, sizeof v->text, "The firmware has not been asked yet");
    else if (on_screen(c))
        view_on_screen(c, now, v);
    else if (given(c))
        view_given(c, now, v);
    else if (c->fw.required == 0) {
        v->action = CONSENT_NONE;
        snprintf(v->text, sizeof v->text, "The firmware wants no consent");
    } else {
        view_not_started(c, now, wall, v);
    }
}

bool consent_code_parse(const char *text, uint32_t *code) {
    *code = 0;
    if (strlen(text) != CONSENT_CODE_DIGITS)
        return false;
    for (const char *p = text; *p; p++) {
        if (*p < '0' || *p > '9')
            return false;
        *code = *code * 10 + (uint32_t)(*p - '0');
    }
    return true;
}
