/* SPDX-License-Identifier: Apache-2.0 */
/* The host's sessions: orders of doors, reports of the glue, and the clocks between them. At most one session
 * a kind is open; what ended is remembered for a while. Source: docs/sessions.md. */
#include "core/host_impl.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    CONSENT_WAIT_MS =
        10 * 60 * 1000,   /* a code that nobody enters: longer than the firmware shows it, and waits */
    NUDGE_MS = 60 * 1000, /* less than the firmware's own patience (3 minutes, reference 4.7) */
    MINUTE_MS = 60 * 1000,
    KVM_TIMEOUT_MAX = 65535,
};

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

static bool attached(const struct session *s) {
    return s->state == SESSION_CONNECTING || s->state == SESSION_ACTIVE;
}

/* --- telling --- */

static void reply(struct turn *t, uint64_t token, const struct errinfo *ei, struct session *s) {
    struct action *x = act(t, ACT_SESSION_REPLY);
    if (!x)
        return;
    x->token = token;
    x->session = s;
    if (ei)
        x->error = *ei;
}

static void note(struct turn *t, struct session *s, enum session_note kind, uint32_t n, const char *text) {
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

static void answer_waiting(struct turn *t, struct session *s, const struct errinfo *ei) {
    uint64_t token = s->token;
    s->token = 0;
    s->token_ticket = false;
    if (token)
        reply(t, token, ei, s);
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
    answer_waiting(t, s, &ei);
}

static void end_session(struct turn *t, struct session *s, enum session_reason why, const char *text) {
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

static void interrupt_session(struct turn *t, struct session *s, enum session_reason why, const char *text) {
    session_set_state(s, SESSION_INTERRUPTED);
    s->until = mono_add_ms(t->now.mono, t->p->resume_ms);
    s->resume_until = wall_add_ms(t->now.wall, t->p->resume_ms);
    close_down(t, s, why, text);
    act_event(t, HOST_EVENT_SESSION, "%s session %s of %s interrupted: %s", redir_kind_name(s->kind), s->id,
              s->user, s->text);
}

/* What was open once stays resumable on its way to be open again. */
static void leave(struct turn *t, struct session *s, enum session_reason why, const char *text) {
    if (session_reason_row(why)->resumable && (attached(s) || s->opened_at.us))
        interrupt_session(t, s, why, text);
    else
        end_session(t, s, why, text);
}

void session_refused(struct turn *t, struct session *s, enum session_reason why, const struct errinfo *ei) {
    answer_waiting(t, s, ei);
    if (s->opened_at.us)
        interrupt_session(t, s, s->why, ei->text);
    else
        end_session(t, s, why, ei->text);
}

/* --- the way to ready --- */

static void set_ready(struct turn *t, struct session *s) {
    session_set_state(s, SESSION_READY);
    s->until = mono_add_ms(t->now.mono, t->p->session_ready_ms);
}

static void issue_ticket(struct turn *t, struct session *s, const char *ticket) {
    memmove(s->ticket, ticket, sizeof s->ticket);
    s->ticket_until = mono_add_ms(t->now.mono, t->p->ticket_ms);
    s->until = mono_max(s->until, s->ticket_until); /* somebody comes */
}

void session_consent_known(struct turn *t, struct session *s) {
    const struct consent *c = &t->h->sessions->consent;
    if (!consent_needed(c, s->kind)) {
        set_ready(t, s);
        if (s->token_ticket)
            issue_ticket(t, s, s->ticket);
    } else if (s->state == SESSION_OPENING) {
        session_set_state(s, SESSION_CONSENT);
        s->until = mono_add_ms(t->now.mono, CONSENT_WAIT_MS);
        act_event(t, HOST_EVENT_CONSENT, "%s session %s of %s waits for the consent code",
                  redir_kind_name(s->kind), s->id, s->user);
    }
}

/* Whoever started it hears when it is known what is to be done: go on, or enter a code. */
static void answer_when_known(struct turn *t, struct session *s) {
    const struct consent *c = &t->h->sessions->consent;
    struct errinfo ei = {0};
    if (s->state == SESSION_READY) {
        answer_waiting(t, s, NULL);
    } else if (s->state == SESSION_CONSENT && (c->refused || c->fw.state != AMT_OPTIN_NOT_STARTED)) {
        if (s->token_ticket) {
            err_set(&ei, ERR_STATE, "",
                    "The consent has run out: the code on the node's screen is wanted again");
            err_remedy(&ei, "Enter the code, then fetch the ticket");
            explicit_bzero(s->ticket, sizeof s->ticket);
        }
        answer_waiting(t, s, ei.code ? &ei : NULL);
    }
}

/* --- orders --- */

static bool may_end(const struct session *s, const struct session_order *o) {
    return o->admin || strcmp(s->user, o->user) == 0;
}

static struct session *find_order(struct turn *t, const struct session_order *o) {
    struct errinfo ei = {0};
    struct session *s = host_session_find(t->h, o->id);
    if (!s) {
        err_set(&ei, ERR_NOT_FOUND, "session", "There is no session %s on this host", o->id);
        err_remedy(&ei, "After a restart of the server start a session anew, with resume");
    } else if (!may_end(s, o) || (o->what == SESSION_TICKET && strcmp(s->user, o->user) != 0)) {
        err_set(&ei, ERR_DENIED, "session", "This session belongs to %s", s->user);
        err_remedy(&ei, "Its owner can do this; an admin can end it or take it over");
    } else {
        return s;
    }
    reply(t, o->token, &ei, NULL);
    return NULL;
}

/* Is the kind free for this order? Ends what gives way; else false, and the order was answered. */
static bool make_room(struct turn *t, const struct session_order *o) {
    struct session *s = t->h->sessions->open[o->kind];
    struct errinfo ei = {0};
    char who[128], text[SESSION_TEXT_CAP];
    if (!s)
        return true;
    bool own = strcmp(s->user, o->user) == 0;
    bool idle = s->state == SESSION_INTERRUPTED || (own && !attached(s));
    if (idle || (o->take_over && may_end(s, o))) {
        snprintf(text, sizeof text, "taken over by %s", o->user);
        end_session(t, s, SESSION_WHY_TAKEN_OVER, text);
        return true;
    }
    session_describe(s, who, sizeof who);
    if (o->take_over) {
        err_set(&ei, ERR_DENIED, "takeOver", "Only an admin may take over the %s", who);
        err_remedy(&ei, "Ask %s to end it, or an admin", s->user);
    } else {
        err_set(&ei, ERR_STATE, "kind", "%s is open on this host; one session of a kind at a time", who);
        err_remedy(&ei,
                   own ? "It is your own: stop it, or start with take-over"
                       : "Ask %s to end it, or take it over as admin",
                   s->user);
    }
    reply(t, o->token, &ei, NULL);
    return false;
}

/* True: the session that is to be resumed is there, and was answered. */
static bool resume_known(struct turn *t, const struct session_order *o) {
    struct session *s = o->resume[0] ? host_session_find(t->h, o->resume) : NULL;
    if (!s || s->state == SESSION_ENDED || s->kind != o->kind || strcmp(s->user, o->user) != 0)
        return false;
    reply(t, o->token, NULL, s);
    return true;
}

static void say_resumed(struct turn *t, const struct session_order *o, struct session *s) {
    char at[WALL_TEXT_CAP];
    const struct session *old = host_session_find(t->h, o->resume);
    if (old && old->state == SESSION_ENDED)
        snprintf(s->resumed, sizeof s->resumed, "Session %s had ended: %.140s", old->id, old->text);
    else if (old)
        snprintf(s->resumed, sizeof s->resumed, "Session %s is the %s session of %s", old->id,
                 redir_kind_name(old->kind), old->user);
    else
        snprintf(s->resumed, sizeof s->resumed, "The server was restarted at %s",
                 wall_hms(t->p->started, at));
}

/* The firmware's own patience follows our policy, so that ours speaks first and warns. */
static void ask_kvm_timeout(struct turn *t) {
    struct host_sessions *hs = t->h->sessions;
    if (hs->kvm_asked)
        return;
    struct action *x = act(t, ACT_WSMAN);
    if (!x)
        return;
    uint32_t idle = t->p->kvm_idle_ms;
    uint32_t minutes = idle ? idle / MINUTE_MS + 2 : KVM_TIMEOUT_MAX;
    x->job = WSC_KVM_TIMEOUT;
    x->arg = minutes > KVM_TIMEOUT_MAX ? KVM_TIMEOUT_MAX : minutes;
    x->prio = WSC_URGENT;
    hs->kvm_asked = true;
}

void session_result(struct turn *t, const struct wsc_result *r) {
    struct host_sessions *hs = t->h->sessions;
    if (!hs)
        return;
    hs->kvm_asked = false;
    hs->kvm_known = true;
    hs->kvm_set = r->err == 0;
}

static void start(struct turn *t, const struct session_order *o) {
    struct host *h = t->h;
    struct errinfo ei = {0};
    if (host_unreachable(h, t->now, &ei) < 0) {
        reply(t, o->token, &ei, NULL);
        return;
    }
    if (resume_known(t, o) || !make_room(t, o))
        return;
    struct session *s = calloc(1, sizeof *s);
    if (!s) {
        err_set(&ei, ERR_NOMEM, "", "The server is out of memory");
        reply(t, o->token, &ei, NULL);
        return;
    }
    snprintf(s->id, sizeof s->id, "%s", o->new_id);
    snprintf(s->user, sizeof s->user, "%s", o->user);
    s->kind = o->kind;
    s->view_only = o->view_only;
    s->since = t->now.wall;
    s->token = o->token;
    session_set_state(s, SESSION_OPENING);
    if (o->resume[0])
        say_resumed(t, o, s);
    h->sessions->open[o->kind] = s;
    if (o->kind == REDIR_KVM) {
        h->sessions->idle_ended = false;
        ask_kvm_timeout(t);
    }
    act_event(t, HOST_EVENT_SESSION, "%s session %s started by %s%s", redir_kind_name(s->kind), s->id,
              s->user, s->view_only ? ", view only" : "");
}

static void ticket(struct turn *t, const struct session_order *o) {
    struct errinfo ei = {0};
    struct session *s = find_order(t, o);
    if (!s)
        return;
    if (attached(s)) {
        /* its owner comes anew: the viewer of before is gone, or should be, and must not come back by itself
         */
        interrupt_session(t, s, SESSION_WHY_TAKEN_OVER, "its owner opened it elsewhere");
    }
    if (s->state == SESSION_READY) {
        issue_ticket(t, s, o->ticket);
        reply(t, o->token, NULL, s);
    } else if (s->state != SESSION_INTERRUPTED) {
        err_set(&ei, ERR_STATE, "session", "Session %s is in state %s%s%s", s->id, session_state_id(s->state),
                s->text[0] ? ": " : "", s->text);
        err_remedy(&ei, s->state == SESSION_CONSENT   ? "Enter the consent code first"
                        : s->state == SESSION_OPENING ? "Try again in a moment"
                                                      : "Start a new one");
        reply(t, o->token, &ei, NULL);
    } else if (host_unreachable(t->h, t->now, &ei) < 0) {
        reply(t, o->token, &ei, NULL);
    } else {
        session_set_state(s, SESSION_OPENING);
        memcpy(s->ticket, o->ticket, sizeof s->ticket);
        s->ticket_until = (struct mono){0};
        s->token = o->token;
        s->token_ticket = true;
        if (s->kind == REDIR_KVM && !t->h->sessions->kvm_known)
            ask_kvm_timeout(t);
    }
}

static void stop(struct turn *t, const struct session_order *o) {
    struct session *s = find_order(t, o);
    char text[SESSION_TEXT_CAP];
    if (!s)
        return;
    if (s->state != SESSION_ENDED) {
        snprintf(text, sizeof text, "stopped by %s", o->user);
        end_session(t, s, SESSION_WHY_STOPPED, text);
    }
    reply(t, o->token, NULL, s);
}

static void attach(struct turn *t, const struct session_order *o) {
    struct errinfo ei = {0};
    struct session *s = o->by_kind ? t->h->sessions->open[o->kind] : host_session_find(t->h, o->id);
    bool good = s && s->ticket[0] && o->ticket[0] && s->state == SESSION_READY &&
                mono_before(t->now.mono, s->ticket_until) &&
                slice_eq_secret(slice_str(s->ticket), slice_str(o->ticket));
    if (!good) {
        err_set(&ei, ERR_AUTH, "Sec-WebSocket-Protocol",
                "The ticket is not valid: it was used already, has expired, or belongs to another session");
        err_remedy(&ei, "Fetch a new ticket of the session");
        reply(t, o->token, &ei, NULL);
        return;
    }
    explicit_bzero(s->ticket, sizeof s->ticket);
    session_set_state(s, SESSION_CONNECTING);
    s->why = SESSION_WHY_NONE;
    s->text[0] = 0;
    s->device_open = true;
    s->heard = s->mute_told = s->idle_warned = false;
    s->last_input = s->last_nudge = t->now.mono;
    reply(t, o->token, NULL, s);
}

void session_order_came(struct turn *t, const struct session_order *o) {
    static void (*const handlers[])(struct turn *, const struct session_order *) = {
        [SESSION_START] = start,
        [SESSION_TICKET] = ticket,
        [SESSION_STOP] = stop,
        [SESSION_ATTACH] = attach,
        [SESSION_CONSENT_READ] = consent_order,
        [SESSION_CONSENT_REQUEST] = consent_order,
        [SESSION_CONSENT_CODE] = consent_order,
        [SESSION_CONSENT_CANCEL] = consent_order,
    };
    struct host *h = t->h;
    if (!h->sessions && !(h->sessions = calloc(1, sizeof *h->sessions))) {
        struct errinfo ei = {0};
        err_set(&ei, ERR_NOMEM, "", "The server is out of memory");
        reply(t, o->token, &ei, NULL);
        return;
    }
    handlers[o->what](t, o);
}

/* --- reports --- */

/* The operation that waits for the end of sessions; NULL. */
static const struct operation *queued(const struct host *h) {
    const struct operation *o = h->op;
    return o && o->state == OP_WAITING && o->code == OP_CODE_SESSION ? o : NULL;
}

static void note_queued(struct turn *t, struct session *s) {
    const struct operation *o = queued(t->h);
    char text[SESSION_TEXT_CAP] = "", at[WALL_TEXT_CAP];
    if (o)
        snprintf(text, sizeof text, "A %s by %s waits for the end of this session, until %s",
                 power_op_row(o->kind)->verb, o->actor, wall_hms(o->deadline, at));
    note(t, s, SESSION_NOTE_QUEUED, 0, text);
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
    if (queued(t->h))
        note_queued(t, s); /* waits already */
}

static void heard(struct session *s, struct host_sessions *hs) {
    if (!attached(s))
        return;
    s->heard = true;
    if (s->kind == REDIR_SOL)
        hs->sol_mute = false;
}

static void input_came(struct turn *t, struct session *s) {
    if (!attached(s))
        return;
    s->last_input = s->last_nudge = t->now.mono;
    if (s->idle_warned)
        note(t, s, SESSION_NOTE_IDLE, 0, "");
    s->idle_warned = false;
}

static void released(struct turn *t, struct session *s) {
    if (!s->device_open || attached(s)) /* told already, or of an earlier stream of it */
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
        if (attached(s))
            leave(t, s, r->why, r->text ? r->text : "");
        break;
    case SESSION_REVOKED:
        if (s->state != SESSION_ENDED)
            end_session(t, s, SESSION_WHY_USER_GONE, "");
        break;
    case SESSION_RELEASED:
        released(t, s);
        break;
    }
}

void session_force(struct turn *t, const char *actor) {
    char text[SESSION_TEXT_CAP];
    snprintf(text, sizeof text, "ended for a forced power operation by %s", actor);
    for (unsigned k = 0; k < REDIR_KIND_COUNT; k++) {
        struct session *s = t->h->sessions->open[k];
        if (s && s->device_open)
            end_session(t, s, SESSION_WHY_POWER_FORCED, text);
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
            leave(t, s, SESSION_WHY_LINK_LOST, text);
        s->device_open = false; /* channels die with their tunnel */
    }
    for (unsigned i = 0; i < SESSIONS_PAST_MAX; i++)
        if (hs->past[i])
            hs->past[i]->device_open = false;
    if (was_open)
        consent_session(&hs->consent, false, t->now.mono);
}

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
            end_session(t, s, s->why, "interrupted, and nobody resumed it");
        else
            end_session(t, s, SESSION_WHY_EXPIRED,
                        s->state == SESSION_CONSENT ? "no consent code was entered" : "");
        return;
    }
    if (mono_due(idle_at(s, t->p), now)) {
        char text[SESSION_TEXT_CAP], idle[WALL_TEXT_CAP];
        snprintf(text, sizeof text, "no input for %s", duration_text(t->p->kvm_idle_ms, idle));
        end_session(t, s, SESSION_WHY_IDLE, text);
        return;
    }
    if (mono_due(warn_at(s, t->p), now)) {
        s->idle_warned = true;
        note(t, s, SESSION_NOTE_IDLE, (uint32_t)((mono_ms_between(now, idle_at(s, t->p)) + 999) / 1000), "");
    }
    if (mono_due(mute_at(s, t->p), now)) {
        s->mute_told = hs->sol_mute = true;
        note(t, s, SESSION_NOTE_MUTE, 0,
             "The channel is open, but nothing has come from the node: its operating system has no login on "
             "the AMT serial port, or it is not running");
    }
    if (mono_due(nudge_at(hs, s), now)) {
        s->last_nudge = now;
        note(t, s, SESSION_NOTE_NUDGE, 0, "");
    }
}

/* Viewers hear of a power operation that waits for them, and when it does not any more. */
static void tell_queued(struct turn *t) {
    struct host *h = t->h;
    struct host_sessions *hs = h->sessions;
    const struct operation *o = queued(h);
    const char *id = o ? o->id : "";
    if (strcmp(hs->queued, id) == 0)
        return;
    snprintf(hs->queued, sizeof hs->queued, "%s", id);
    for (unsigned k = 0; k < REDIR_KIND_COUNT; k++)
        if (hs->open[k] && hs->open[k]->state == SESSION_ACTIVE)
            note_queued(t, hs->open[k]);
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
            answer_when_known(t, hs->open[k]);
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
