/* SPDX-License-Identifier: Apache-2.0 */
/* The host's consent: one job at the firmware at a time; orders of doors in turn, and what waiting sessions
 * need between them. */
#include "core/host_impl.h"

#include <stdio.h>
#include <stdlib.h>

static void reply(struct turn *t, uint64_t token, const struct errinfo *ei) {
    struct action *x = act(t, ACT_SESSION_REPLY);
    if (!x)
        return;
    x->token = token;
    if (ei)
        x->error = *ei;
}

static void pop_order(struct host_sessions *hs) {
    hs->nwaits--;
    memmove(hs->waits, hs->waits + 1, hs->nwaits * sizeof *hs->waits);
}

void host_consent_view(const struct host *h, struct host_now now, struct consent_view *v) {
    static const struct consent nothing;
    consent_view(h->sessions ? &h->sessions->consent : &nothing, link_usable(&h->link), now.mono, now.wall,
                 v);
}

void consent_order(struct turn *t, const struct session_order *o) {
    struct host *h = t->h;
    struct host_sessions *hs = h->sessions;
    struct errinfo ei = {0};
    if (host_unreachable(h, t->now, &ei) < 0) {
        reply(t, o->token, &ei);
    } else if (hs->nwaits == SESSION_WAITS_MAX) {
        err_set(&ei, ERR_BUSY, "", "%d requests for this node's consent wait already", hs->nwaits);
        err_remedy(&ei, "Try again in a moment");
        reply(t, o->token, &ei);
    } else {
        hs->waits[hs->nwaits++] = *o;
    }
}

static void ask(struct turn *t, enum wsc_job_kind job, uint32_t arg) {
    t->h->sessions->asked = true; /* out of memory: the link starts over, and ends it */
    struct action *x = act(t, ACT_WSMAN);
    if (!x)
        return;
    x->job = job;
    x->arg = arg;
    x->prio = WSC_URGENT;
}

/* The first order's job. False: it was answered without one. */
static bool ask_for_order(struct turn *t) {
    struct host_sessions *hs = t->h->sessions;
    struct session_order *o = &hs->waits[0];
    const struct consent *c = &hs->consent;
    bool none_yet = c->known && c->fw.state == AMT_OPTIN_NOT_STARTED;
    switch (o->what) {
    case SESSION_CONSENT_CODE:
        ask(t, WSC_OPTIN_SEND, o->code);
        return true;
    case SESSION_CONSENT_CANCEL:
        ask(t, WSC_OPTIN_CANCEL, 0);
        return true;
    case SESSION_CONSENT_REQUEST:
        if (none_yet && (c->fw.required == 0 || (c->refused && !mono_due(c->new_code_at, t->now.mono)))) {
            reply(t, o->token, NULL); /* what is seen of it says when, or that none is needed */
            pop_order(hs);
            return false;
        }
        ask(t, c->known && !none_yet ? WSC_OPTIN_READ : WSC_OPTIN_START, 0);
        return true;
    default:
        ask(t, WSC_OPTIN_READ, 0);
        return true;
    }
}

static bool any_in(const struct host_sessions *hs, enum session_state state) {
    for (unsigned k = 0; k < REDIR_KIND_COUNT; k++)
        if (hs->open[k] && hs->open[k]->state == state)
            return true;
    return false;
}

static bool any_may_go_on(const struct host_sessions *hs) {
    for (unsigned k = 0; k < REDIR_KIND_COUNT; k++)
        if (hs->open[k] && session_may_go_on(hs, hs->open[k]))
            return true;
    return false;
}

/* What sessions need of the firmware next; *at: when, if not now. */
static enum consent_ask next_for_sessions(const struct host_sessions *hs, const struct host_policy *p,
                                          struct mono now, struct mono *at) {
    bool waiting = any_in(hs, SESSION_CONSENT);
    *at = MONO_NEVER;
    if (any_may_go_on(hs))
        return CONSENT_ASK_READ;
    if (!waiting && any_in(hs, SESSION_OPENING))
        return CONSENT_ASK_NOTHING; /* it may want the code that is shown */
    return consent_next(&hs->consent, waiting, p->consent_poll_ms, now, at);
}

static void ask_for_sessions(struct turn *t) {
    static const enum wsc_job_kind jobs[] = {[CONSENT_ASK_READ] = WSC_OPTIN_READ,
                                             [CONSENT_ASK_START] = WSC_OPTIN_START,
                                             [CONSENT_ASK_CANCEL] = WSC_OPTIN_CANCEL};
    struct mono at;
    enum consent_ask next = next_for_sessions(t->h->sessions, t->p, t->now.mono, &at);
    if (next != CONSENT_ASK_NOTHING)
        ask(t, jobs[next], 0);
}

void consent_turn(struct turn *t) {
    struct host_sessions *hs = t->h->sessions;
    while (!hs->asked && link_usable(&t->h->link)) {
        if (hs->nwaits == 0) {
            ask_for_sessions(t);
            return;
        }
        hs->asked_order = ask_for_order(t);
    }
}

struct mono consent_deadline(const struct host *h, const struct host_policy *p) {
    const struct host_sessions *hs = h->sessions;
    struct mono at = MONO_NEVER;
    if (hs && !hs->asked && link_usable(&h->link))
        next_for_sessions(hs, p, (struct mono){0}, &at);
    return at;
}

/* Sessions go on with what is known now. */
static void tell_sessions(struct turn *t) {
    struct host_sessions *hs = t->h->sessions;
    for (unsigned k = 0; k < REDIR_KIND_COUNT; k++) {
        struct session *s = hs->open[k];
        if (s && (session_may_go_on(hs, s) || s->state == SESSION_CONSENT))
            session_consent_known(t, s);
    }
}

/* A firmware without this class knows no consent. */
static bool class_absent(const struct wsc_result *r) {
    return r->err == ERR_FAULT && r->kind == WSC_OPTIN_READ && strstr(r->why, "DestinationUnreachable");
}

static void job_failed(struct turn *t, const struct wsc_result *r, const struct session_order *order) {
    struct host_sessions *hs = t->h->sessions;
    struct errinfo ei = {0};
    if (class_absent(r)) {
        const struct amt_optin none = {0};
        consent_read(&hs->consent, &none, t->now.mono, t->now.wall);
        tell_sessions(t);
        if (order)
            reply(t, order->token, NULL);
        return;
    }
    err_set(&ei, r->err, "", "The firmware could not be asked about consent: %.120s",
            r->why[0] ? r->why : err_text(r->err));
    err_remedy(&ei, "Try again; orch-cli doctor host shows what is known of the node");
    consent_failed(&hs->consent, t->p->consent_poll_ms, t->now.mono);
    if (order)
        reply(t, order->token, &ei);
    for (unsigned k = 0; k < REDIR_KIND_COUNT; k++)
        if (hs->open[k] && session_may_go_on(hs, hs->open[k]))
            session_refused(t, hs->open[k], SESSION_WHY_DEVICE_ERROR, &ei);
}

static void tell_change(struct turn *t, const struct wsc_result *r, int err) {
    const struct consent *c = &t->h->sessions->consent;
    static const char *const texts[WSC_JOB_COUNT] = {
        [WSC_OPTIN_START] = "A consent code is shown on the node's screen",
        [WSC_OPTIN_SEND] = "The consent code was right",
        [WSC_OPTIN_CANCEL] = "The consent was cancelled",
    };
    if (r->kind == WSC_OPTIN_READ || (r->kind == WSC_OPTIN_CANCEL && r->return_value != AMT_OPTIN_RV_OK))
        return;
    if (r->kind == WSC_OPTIN_START && c->fw.required == 0)
        return;
    if (err)
        act_event(t, HOST_EVENT_CONSENT, "A consent code was refused (%d wrong)", c->wrong);
    else if (c->refused)
        act_event(t, HOST_EVENT_CONSENT, "The firmware makes no new consent code yet");
    else
        act_event(t, HOST_EVENT_CONSENT, "%s", texts[r->kind]);
}

void consent_result(struct turn *t, const struct wsc_result *r) {
    struct host_sessions *hs = t->h->sessions;
    if (!hs || !hs->asked)
        return;
    struct session_order order = {0};
    bool has_order = hs->asked_order;
    hs->asked = hs->asked_order = false;
    if (has_order) {
        order = hs->waits[0];
        pop_order(hs);
    }
    if (r->err) {
        job_failed(t, r, has_order ? &order : NULL);
        return;
    }
    struct errinfo ei = {0};
    int err = 0;
    consent_read(&hs->consent, &r->optin, t->now.mono, t->now.wall);
    if (r->kind == WSC_OPTIN_START)
        consent_started(&hs->consent, r->return_value, t->now.mono);
    if (has_order && r->kind == WSC_OPTIN_START)
        hs->consent.ours = false; /* a person asked for it: it is not ours to take off the screen */
    if (r->kind == WSC_OPTIN_CANCEL)
        consent_cancelled(&hs->consent, t->p->consent_poll_ms, t->now.mono);
    if (r->kind == WSC_OPTIN_SEND)
        err = consent_sent(&hs->consent, r->return_value, t->now.mono, &ei);
    tell_change(t, r, err);
    if (has_order)
        reply(t, order.token, err ? &ei : NULL);
    tell_sessions(t);
}

void consent_link_gone(struct turn *t, const struct errinfo *ei) {
    struct host_sessions *hs = t->h->sessions;
    while (hs->nwaits) {
        reply(t, hs->waits[0].token, ei);
        pop_order(hs);
    }
    hs->asked = hs->asked_order = false;
    consent_forget(&hs->consent);
}
