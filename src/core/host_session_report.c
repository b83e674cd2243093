/* SPDX-License-Identifier: Apache-2.0 */
/* What the glue reports of a session's two ends, and what the link does to them. */
#include "core/session_impl.h"

#include <stdio.h>

/* --- reports --- */

/* The operation that waits for the end of sessions; NULL. */
const struct operation *session_queued_op(const struct host *h) {
    const struct operation *o = h->op;
    return o && o->state == OP_WAITING && o->code == OP_CODE_SESSION ? o : NULL;
}

void session_note_queued(struct turn *t, struct session *s) {
    const struct operation *o = session_queued_op(t->h);
    char text[SESSION_TEXT_CAP] = "", at[WALL_TEXT_CAP];
    if (o)
        snprintf(text, sizeof text, "A %s by %s waits for the end of this session, until %s",
                 power_op_row(o->kind)->verb, o->actor, wall_hms(o->deadline, at));
    session_note_to(t, s, SESSION_NOTE_QUEUED, 0, text);
}

static void opened(struct turn *t, struct session *s) {
    if (s->state != SESSION_CONNECTING)
        return;
    session_set_state(s, SESSION_ACTIVE);
    s->opened = s->last_input = s->last_nudge = t->now.mono;
    s->opened_at = t->now.wall;
    consent_session(&t->h->sessions->consent, true, t->now.mono);
    act_event(t, HOST_EVENT_SESSION, "%s session %s of %s is open%s", redir_kind_name(s->kind), s->id,
              s->user, s->view_only ? ", view only" : "");
    if (session_queued_op(t->h))
        session_note_queued(t, s); /* waits already */
}

static void heard(struct session *s, struct host_sessions *hs) {
    if (!session_attached(s))
        return;
    s->heard = true;
    if (s->kind == REDIR_SOL)
        hs->sol_mute = false;
}

static void input_came(struct turn *t, struct session *s) {
    if (!session_attached(s))
        return;
    s->last_input = s->last_nudge = t->now.mono;
    if (s->idle_warned)
        session_note_to(t, s, SESSION_NOTE_IDLE, 0, "");
    s->idle_warned = false;
}

static void released(struct turn *t, struct session *s) {
    if (!s->device_open || session_attached(s)) /* told already, or of an earlier stream of it */
        return;
    s->device_open = false;
    if (!host_session_blocking(t->h))
        consent_session(&t->h->sessions->consent, false, t->now.mono);
    if (t->h->op && t->h->op->code == OP_CODE_SESSION)
        t->h->op->due = t->now.mono; /* what waited for this runs by itself */
}

void session_reported(struct turn *t, const struct session_report *r) {
    struct session *s = host_session_find(t->h, r->id);
    if (!s)
        return;
    switch (r->what) {
    case SESSION_OPENED:
        opened(t, s);
        break;
    case SESSION_HEARD:
        heard(s, t->h->sessions);
        break;
    case SESSION_INPUT:
        input_came(t, s);
        break;
    case SESSION_DEVICE_GONE:
    case SESSION_VIEWER_GONE:
        if (session_attached(s))
            session_leave(t, s, r->why, r->text ? r->text : "");
        break;
    case SESSION_REVOKED:
        if (s->state != SESSION_ENDED)
            session_end_now(t, s, SESSION_WHY_USER_GONE, "");
        break;
    case SESSION_RELEASED:
        released(t, s);
        break;
    }
}

void session_force(struct turn *t, enum session_reason why, const char *what) {
    char text[SESSION_TEXT_CAP];
    if (!t->h->sessions)
        return;
    snprintf(text, sizeof text, "ended for %s", what);
    for (unsigned k = 0; k < REDIR_KIND_COUNT; k++) {
        struct session *s = t->h->sessions->open[k];
        if (s && s->device_open)
            session_end_now(t, s, why, text);
    }
}

/* --- link --- */

void session_link_gone(struct turn *t, enum link_reason why) {
    struct host_sessions *hs = t->h->sessions;
    struct errinfo ei = {0};
    if (!hs)
        return;
    bool was_open = host_session_blocking(t->h) != NULL;
    if (host_unreachable(t->h, t->now, &ei) == 0) {
        err_set(&ei, ERR_UNREACHABLE, "", "The AMT link was %s", link_reason_text(why));
        err_remedy(&ei, "Try again");
    }
    consent_link_gone(t, &ei);
    hs->kvm_asked = hs->kvm_known = false;
    for (unsigned k = 0; k < REDIR_KIND_COUNT; k++) {
        struct session *s = hs->open[k];
        char text[SESSION_TEXT_CAP];
        if (!s)
            continue;
        snprintf(text, sizeof text, "the AMT link was lost (%s)", link_reason_text(why));
        if (s->state != SESSION_INTERRUPTED)
            session_leave(t, s, SESSION_WHY_LINK_LOST, text);
        s->device_open = false; /* channels die with their tunnel */
    }
    for (unsigned i = 0; i < SESSIONS_PAST_MAX; i++)
        if (hs->past[i])
            hs->past[i]->device_open = false;
    if (was_open)
        consent_session(&hs->consent, false, t->now.mono);
}
