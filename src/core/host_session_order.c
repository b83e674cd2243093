/* SPDX-License-Identifier: Apache-2.0 */
/* Orders of doors: who may have, resume, take over and end a session, and its ticket. */
#include "core/session_impl.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    CONSENT_WAIT_MS =
        10 * 60 * 1000, /* a code that nobody enters: longer than the firmware shows it, and waits */
    MINUTE_MS = 60 * 1000,
    KVM_TIMEOUT_MAX = 65535,
};

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
void session_answer_when_known(struct turn *t, struct session *s) {
    const struct consent *c = &t->h->sessions->consent;
    struct errinfo ei = {0};
    if (s->state == SESSION_READY) {
        session_answer(t, s, NULL);
    } else if (s->state == SESSION_CONSENT && (c->refused || c->fw.state != AMT_OPTIN_NOT_STARTED)) {
        if (s->token_ticket) {
            err_set(&ei, ERR_STATE, "",
                    "The consent has run out: the code on the node's screen is wanted again");
            err_remedy(&ei, "Enter the code, then fetch the ticket");
            explicit_bzero(s->ticket, sizeof s->ticket);
        }
        session_answer(t, s, ei.code ? &ei : NULL);
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
    session_reply(t, o->token, &ei, NULL);
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
    bool idle = s->state == SESSION_INTERRUPTED || (own && !session_attached(s));
    if (idle || (o->take_over && may_end(s, o))) {
        snprintf(text, sizeof text, "taken over by %s", o->user);
        session_end_now(t, s, SESSION_WHY_TAKEN_OVER, text);
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
    session_reply(t, o->token, &ei, NULL);
    return false;
}

/* True: the session that is to be resumed is there, and was answered. */
static bool resume_known(struct turn *t, const struct session_order *o) {
    struct session *s = o->resume[0] ? host_session_find(t->h, o->resume) : NULL;
    if (!s || s->state == SESSION_ENDED || s->kind != o->kind || strcmp(s->user, o->user) != 0)
        return false;
    session_reply(t, o->token, NULL, s);
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
    uint32_t minutes = idle ? idle / MINUTE_MS + 2 : 0; /* 0: none (reference edge-orchestrator 8) */
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
        session_reply(t, o->token, &ei, NULL);
        return;
    }
    if (resume_known(t, o) || !make_room(t, o))
        return;
    struct session *s = calloc(1, sizeof *s);
    if (!s) {
        err_set(&ei, ERR_NOMEM, "", "The server is out of memory");
        session_reply(t, o->token, &ei, NULL);
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
    if (session_attached(s)) {
        /* its owner comes anew: the viewer of before is gone, or should be, and must not come back by itself
         */
        session_interrupt(t, s, SESSION_WHY_TAKEN_OVER, "its owner opened it elsewhere");
    }
    if (s->state == SESSION_READY) {
        issue_ticket(t, s, o->ticket);
        session_reply(t, o->token, NULL, s);
    } else if (s->state != SESSION_INTERRUPTED) {
        err_set(&ei, ERR_STATE, "session", "Session %s is in state %s%s%s", s->id, session_state_id(s->state),
                s->text[0] ? ": " : "", s->text);
        err_remedy(&ei, s->state == SESSION_CONSENT   ? "Enter the consent code first"
                        : s->state == SESSION_OPENING ? "Try again in a moment"
                                                      : "Start a new one");
        session_reply(t, o->token, &ei, NULL);
    } else if (host_unreachable(t->h, t->now, &ei) < 0) {
        session_reply(t, o->token, &ei, NULL);
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
        session_end_now(t, s, SESSION_WHY_STOPPED, text);
    }
    session_reply(t, o->token, NULL, s);
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
        session_reply(t, o->token, &ei, NULL);
        return;
    }
    explicit_bzero(s->ticket, sizeof s->ticket);
    session_set_state(s, SESSION_CONNECTING);
    s->why = SESSION_WHY_NONE;
    s->text[0] = 0;
    s->device_open = true;
    s->heard = s->mute_told = s->idle_warned = false;
    s->last_input = s->last_nudge = t->now.mono;
    session_reply(t, o->token, NULL, s);
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
        session_reply(t, o->token, &ei, NULL);
        return;
    }
    handlers[o->what](t, o);
}
