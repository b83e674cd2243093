/* SPDX-License-Identifier: Apache-2.0 */
/* The host's sessions: at most one a kind is open; what ended is remembered for a while. Finding them,
 * telling of them, ending them. Source: docs/sessions.md. */
#include "core/session_impl.h"

#include <stdio.h>
#include <stdlib.h>

/* --- finding --- */

struct session *host_session_find(const struct host *h, const char *id) {
    if (!h->sessions)
        return NULL;
    for (unsigned k = 0; k < REDIR_KIND_COUNT; k++)
        if (h->sessions->open[k] && strcmp(h->sessions->open[k]->id, id) == 0)
            return h->sessions->open[k];
    for (unsigned i = 0; i < SESSIONS_PAST_MAX; i++)
        if (h->sessions->past[i] && strcmp(h->sessions->past[i]->id, id) == 0)
            return h->sessions->past[i];
    return NULL;
}

const struct session *host_session_blocking(const struct host *h) {
    if (!h->sessions)
        return NULL;
    for (unsigned k = 0; k < REDIR_KIND_COUNT; k++)
        if (h->sessions->open[k] && h->sessions->open[k]->device_open)
            return h->sessions->open[k];
    for (unsigned i = 0; i < SESSIONS_PAST_MAX; i++)
        if (h->sessions->past[i] && h->sessions->past[i]->device_open)
            return h->sessions->past[i];
    return NULL;
}

static bool kind_is_open(const struct host_sessions *hs, enum redir_kind kind) {
    if (hs->open[kind] && hs->open[kind]->device_open)
        return true;
    for (unsigned i = 0; i < SESSIONS_PAST_MAX; i++)
        if (hs->past[i] && hs->past[i]->kind == kind && hs->past[i]->device_open)
            return true;
    return false;
}

/* The firmware takes one session of a kind at a time (reference 5.7): the one before must be closed there. */
bool session_may_go_on(const struct host_sessions *hs, const struct session *s) {
    return s->state == SESSION_OPENING && !kind_is_open(hs, s->kind);
}

bool session_attached(const struct session *s) {
    return s->state == SESSION_CONNECTING || s->state == SESSION_ACTIVE;
}

/* --- telling --- */

void session_reply(struct turn *t, uint64_t token, const struct errinfo *ei, struct session *s) {
    struct action *x = act(t, ACT_SESSION_REPLY);
    if (!x)
        return;
    x->token = token;
    x->session = s;
    if (ei)
        x->error = *ei;
}

void session_note_to(struct turn *t, struct session *s, enum session_note kind, uint32_t n,
                     const char *text) {
    struct action *x = act(t, ACT_SESSION_NOTE);
    if (!x)
        return;
    x->session = s;
    x->note = kind;
    x->n = n;
    snprintf(x->text, sizeof x->text, "%s", text);
}

/* --- endings --- */

void session_free_gone(struct host *h) {
    if (h->sessions) {
        free(h->sessions->gone);
        h->sessions->gone = NULL;
    }
}

void session_fini(struct host *h) {
    struct host_sessions *hs = h->sessions;
    if (!hs)
        return;
    for (unsigned k = 0; k < REDIR_KIND_COUNT; k++)
        free(hs->open[k]);
    for (unsigned i = 0; i < SESSIONS_PAST_MAX; i++)
        free(hs->past[i]);
    free(hs->gone);
    free(hs);
    h->sessions = NULL;
}

/* Out of its slot; the oldest of the past that is closed at the firmware makes room. At most one of a kind is
 * not. */
static void retire(struct host_sessions *hs, struct session *s) {
    unsigned i = SESSIONS_PAST_MAX - 1;
    hs->open[s->kind] = NULL;
    while (i && hs->past[i] && hs->past[i]->device_open)
        i--;
    free(hs->gone);
    hs->gone = hs->past[i];
    memmove(hs->past + 1, hs->past, i * sizeof *hs->past);
    hs->past[0] = s;
}

void session_answer(struct turn *t, struct session *s, const struct errinfo *ei) {
    uint64_t token = s->token;
    s->token = 0;
    s->token_ticket = false;
    if (token)
        session_reply(t, token, ei, s);
}

static void close_down(struct turn *t, struct session *s, enum session_reason why, const char *text) {
    struct errinfo ei = {0};
    s->why = why;
    s->idle_warned = false;
    snprintf(s->text, sizeof s->text, "%s", text[0] ? text : session_reason_row(why)->text);
    explicit_bzero(s->ticket, sizeof s->ticket);
    struct action *x = act(t, ACT_SESSION_END);
    if (x)
        x->session = s;
    err_set(&ei, ERR_CANCELLED, "", "The session %s meanwhile: %.150s",
            s->state == SESSION_ENDED ? "ended" : "was interrupted", s->text);
    session_answer(t, s, &ei);
}

void session_end_now(struct turn *t, struct session *s, enum session_reason why, const char *text) {
    struct host_sessions *hs = t->h->sessions;
    session_set_state(s, SESSION_ENDED);
    s->ended_at = t->now.wall;
    if (why == SESSION_WHY_IDLE)
        hs->idle_ended = true;
    retire(hs, s);
    close_down(t, s, why, text);
    act_event(t, HOST_EVENT_SESSION, "%s session %s of %s ended: %s", redir_kind_name(s->kind), s->id,
              s->user, s->text);
}

void session_interrupt(struct turn *t, struct session *s, enum session_reason why, const char *text) {
    session_set_state(s, SESSION_INTERRUPTED);
    s->until = mono_add_ms(t->now.mono, t->p->resume_ms);
    s->resume_until = wall_add_ms(t->now.wall, t->p->resume_ms);
    close_down(t, s, why, text);
    act_event(t, HOST_EVENT_SESSION, "%s session %s of %s interrupted: %s", redir_kind_name(s->kind), s->id,
              s->user, s->text);
}

/* What was open once stays resumable on its way to be open again. */
void session_leave(struct turn *t, struct session *s, enum session_reason why, const char *text) {
    if (session_reason_row(why)->resumable && (session_attached(s) || s->opened_at.us))
        session_interrupt(t, s, why, text);
    else
        session_end_now(t, s, why, text);
}

void session_refused(struct turn *t, struct session *s, enum session_reason why, const struct errinfo *ei) {
    session_answer(t, s, ei);
    if (s->opened_at.us)
        session_interrupt(t, s, s->why, ei->text);
    else
        session_end_now(t, s, why, ei->text);
}
