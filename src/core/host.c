/* SPDX-License-Identifier: Apache-2.0 */
#include "core/host.h"

#include "core/diagnose.h"
#include "core/host_impl.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static const char *const policies[] = {
#define P(sym, text) [RECOVERY_##sym] = text,
    RECOVERY_POLICY_TABLE(P)
#undef P
};
static const char *const events[] = {
#define E(sym, text) [HOST_EVENT_##sym] = text,
    HOST_EVENT_TABLE(E)
#undef E
};

const char *recovery_policy_text(enum recovery_policy p) {
    assert((unsigned)p < sizeof policies / sizeof *policies);
    return policies[p];
}

const char *amt_state_text(enum amt_state a) {
    static const char *const TEXT[] = {
#define A(sym, word) word,
        AMT_STATE_TABLE(A)
#undef A
    };
    return TEXT[(unsigned)a < AMT_STATE_COUNT ? a : AMT_STATE_UNKNOWN];
}

bool recovery_policy_parse(const char *text, enum recovery_policy *p) {
    for (size_t i = 0; i < sizeof policies / sizeof *policies; i++)
        if (strcmp(text, policies[i]) == 0) {
            *p = (enum recovery_policy)i;
            return true;
        }
    return false;
}

const char *host_event_text(enum host_event e) {
    assert((unsigned)e < HOST_EVENT_COUNT);
    return events[e];
}

const char *observe_source_text(enum observe_source s) {
    static const char *const text[] = {"none", "firmware", "agent", "inferred"};
    assert((unsigned)s < sizeof text / sizeof *text);
    return text[s];
}

/* --- actions --- */

void actions_clear(struct actions *a) {
    a->n = 0;
    a->failed = false;
}

void actions_free(struct actions *a) {
    free(a->v);
    *a = (struct actions){0};
}

struct action *act(struct turn *t, enum action_kind kind) {
    struct actions *a = t->out;
    if (a->n == a->cap) {
        /* more than one call needs in the end: only the first fill of a loop can run out of memory */
        size_t cap = a->cap ? a->cap * 2 : 64;
        struct action *v = realloc(a->v, cap * sizeof *v);
        if (!v) {
            a->failed = true;
            return NULL;
        }
        a->v = v;
        a->cap = cap;
    }
    struct action *x = &a->v[a->n++];
    *x = (struct action){.kind = kind};
    return x;
}

void act_event(struct turn *t, enum host_event event, const char *fmt, ...) {
    struct action *x = act(t, ACT_EVENT);
    if (!x)
        return;
    x->event = event;
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(x->text, sizeof x->text, fmt, ap);
    va_end(ap);
}

void act_persist(struct turn *t, unsigned bits) {
    struct action *x = act(t, ACT_PERSIST);
    if (x)
        x->bits = bits;
}

void act_read(struct turn *t, enum wsc_priority prio, uint32_t deadline_ms) {
    struct action *x = act(t, ACT_WSMAN);
    if (!x)
        return;
    x->job = WSC_POWER_READ;
    x->prio = prio;
    x->deadline_ms = deadline_ms;
    t->h->reads_pending++;
    t->h->read_urgent = prio == WSC_URGENT;
}

void act_reply(struct turn *t, uint64_t token, const struct errinfo *error, struct operation *op) {
    struct action *x = act(t, ACT_REPLY);
    if (!x)
        return;
    x->token = token;
    x->op = op;
    if (error)
        x->error = *error;
}

/* --- life --- */

void host_init(struct host *h, const char *id, uint64_t spread) {
    *h = (struct host){0};
    snprintf(h->id, sizeof h->id, "%s", id);
    h->link.asked = MONO_NEVER;
    h->stable_since = MONO_NEVER;
    h->next_read = MONO_NEVER;
    h->next_info = MONO_NEVER;
    h->spread = (uint32_t)(spread % 1000);
    h->decided = (struct decision){.kind = DECIDE_LINK_DOWN, .look_again = MONO_NEVER};
}

void host_fini(struct host *h) {
    free(h->op);
    free(h->next);
    free(h->last);
    operation_free_gone(h);
    free(h->info);
    free(h->agent);
    session_fini(h);
    journal_free(&h->journal);
    for (unsigned i = 0; i < h->nqueue; i++)
        free(h->queue[i]);
    h->op = h->next = h->last = NULL;
    h->info = NULL;
    h->agent = NULL;
    h->nqueue = 0;
}

static void publish_findings(struct turn *t) {
    struct host *h = t->h;
    uint32_t now = diagnose_bits(h, t->p, t->now), changed = now ^ h->findings;
    if (!changed)
        return;
    struct finding found[FINDING_COUNT];
    size_t n = diagnose(h, t->p, t->now, found);
    for (unsigned f = 0; f < FINDING_COUNT; f++) {
        if (!(changed >> f & 1))
            continue;
        if (!(now >> f & 1)) {
            act_event(t, HOST_EVENT_FINDING_CLEARED, "%s", finding_text_id((enum finding_id)f));
            continue;
        }
        for (size_t i = 0; i < n; i++)
            if (found[i].id == (enum finding_id)f)
                act_event(t, HOST_EVENT_FINDING, "%s: %.200s", finding_text_id(found[i].id),
                          found[i].sentence);
    }
    h->findings = now;
}

/* What every event ends with: the operation moves on, then reconcile looks, then what changed is told. */
static void settle(struct turn *t) {
    operation_turn(t);
    session_turn(t);
    reconcile_turn(t);
    publish_findings(t);
}

static void ev_link_up(struct turn *t, const struct host_ev *ev) {
    link_came_up(t, ev);
}

static void ev_link_lost(struct turn *t, const struct host_ev *ev) {
    if (ev->generation == t->h->link.generation && link_usable(&t->h->link))
        link_was_lost(t, ev->why);
}

static void ev_heard(struct turn *t, const struct host_ev *ev) {
    (void)ev;
    link_heard(&t->h->link, t->now.mono);
    link_turn(t);
}

static void ev_result(struct turn *t, const struct host_ev *ev) {
    /* what an older tunnel still says is not about the present one */
    if (ev->generation == t->h->link.generation && link_usable(&t->h->link))
        observe_result(t, ev->result);
}

static void ev_command(struct turn *t, const struct host_ev *ev) {
    command_came(t, ev->command);
}
static void ev_journaled(struct turn *t, const struct host_ev *ev) {
    journal_done(t, ev->err);
}

static const struct {
    const char *word, *verb;
} locals[] = {
#define L(sym, word, verb) [LOCAL_##sym] = {word, verb},
    LOCAL_TABLE(L)
#undef L
};

const char *local_kind_text(enum local_kind k) {
    return (unsigned)k < LOCAL_COUNT ? locals[k].word : "";
}
bool local_kind_parse(const char *word, enum local_kind *out) {
    for (unsigned k = 0; k < LOCAL_COUNT; k++)
        if (strcmp(word, locals[k].word) == 0) {
            *out = (enum local_kind)k;
            return true;
        }
    return false;
}

/* A restart is no shutdown: the node comes back by itself and is given the time. What was put to sleep is
 * given the time, too, and then the policy decides as of a shutdown. */
static void ev_local_shutdown(struct turn *t, const struct host_ev *ev) {
    enum { PAUSE_MS = 5 * 60 * 1000 };
    struct host *h = t->h;
    h->local_shutdown = ev->local != LOCAL_REBOOT;
    h->local_seen_off = false;
    h->local_shutdown_at = t->now.wall;
    h->local_kind = ev->local;
    h->local_pause = ev->local == LOCAL_POWEROFF ? (struct mono){0} : mono_add_ms(t->now.mono, PAUSE_MS);
    snprintf(h->local_cause, sizeof h->local_cause, "%s", ev->text ? ev->text : "");
    act_event(t, HOST_EVENT_LOCAL_SHUTDOWN, "%s locally by %s", locals[ev->local].verb,
              h->local_cause[0] ? h->local_cause : "somebody or something that the agent does not know");
    if (link_usable(&h->link))
        h->next_read = mono_min(h->next_read, mono_add_ms(t->now.mono, t->p->confirm_ms));
}

static void ev_look(struct turn *t, const struct host_ev *ev) {
    (void)ev;
    struct host *h = t->h;
    if (!link_usable(&h->link))
        return;
    h->next_read = t->now.mono;
    if (link_ask_now(&h->link, t->now.mono, t->now.wall) == LINK_ASK)
        act(t, ACT_KEEPALIVE);
    poll_turn(t);
}

static void ev_amt(struct turn *t, const struct host_ev *ev) {
    amt_observed(t, ev->amt, ev->mode, ev->source);
}

static void ev_session_order(struct turn *t, const struct host_ev *ev) {
    session_order_came(t, ev->order);
}
static void ev_session_report(struct turn *t, const struct host_ev *ev) {
    session_reported(t, ev->report);
}

static void ev_end_sessions(struct turn *t, const struct host_ev *ev) {
    t->h->leaving = t->now.wall;
    session_force(t, SESSION_WHY_DEACTIVATED, "the deactivation of the node");
}

static void (*const handlers[])(struct turn *t, const struct host_ev *ev) = {
    [HOST_EV_SESSION_ORDER] = ev_session_order,
    [HOST_EV_SESSION_REPORT] = ev_session_report,
    [HOST_EV_LINK_UP] = ev_link_up,
    [HOST_EV_LINK_LOST] = ev_link_lost,
    [HOST_EV_HEARD] = ev_heard,
    [HOST_EV_RESULT] = ev_result,
    [HOST_EV_COMMAND] = ev_command,
    [HOST_EV_JOURNALED] = ev_journaled,
    [HOST_EV_LOOK] = ev_look,
    [HOST_EV_LOCAL_SHUTDOWN] = ev_local_shutdown,
    [HOST_EV_AMT] = ev_amt,
    [HOST_EV_END_SESSIONS] = ev_end_sessions,
};

void host_input(struct host *h, const struct host_policy *p, const struct host_ev *ev, struct host_now now,
                struct actions *out) {
    assert((unsigned)ev->kind < sizeof handlers / sizeof *handlers);
    struct turn t = {h, p, now, out};
    operation_free_gone(h);
    session_free_gone(h);
    handlers[ev->kind](&t, ev);
    settle(&t);
}

void host_tick(struct host *h, const struct host_policy *p, struct host_now now, struct actions *out) {
    struct turn t = {h, p, now, out};
    operation_free_gone(h);
    session_free_gone(h);
    link_turn(&t);
    poll_turn(&t);
    settle(&t);
}

struct mono host_deadline(const struct host *h, const struct host_policy *p) {
    struct mono at = mono_min(link_deadline(&h->link, &p->link), session_deadline(h, p));
    if (h->journal)
        return at; /* nothing is decided before the journal answers */
    if (link_usable(&h->link)) {
        if (!h->reads_pending)
            at = mono_min(at, h->next_read);
        if (!h->info_pending)
            at = mono_min(at, h->next_info);
        at = mono_min(at, h->decided.look_again);
    }
    if (h->op) {
        at = mono_min(at, h->op->due);
        if (operation_unsent(h->op))
            at = mono_min(at, h->op->expires);
    }
    if (h->next)
        at = mono_min(at, h->next->expires);
    return at;
}

void host_restore(struct host *h, const struct host_policy *p, struct host_now now, struct actions *out) {
    struct turn t = {h, p, now, out};
    if (link_usable(&h->link)) {
        link_set_state(&h->link, LINK_DOWN, LINK_WHY_SERVER_CRASH, now.wall);
        act_persist(&t, PERSIST_LINK);
    }
    struct operation *ops[] = {h->op, h->next};
    for (size_t i = 0; i < 2; i++) {
        struct operation *o = ops[i];
        if (!o)
            continue;
        int64_t left_ms = (o->deadline.us - now.wall.us) / 1000;
        o->expires = mono_add_ms(now.mono, left_ms < 0 ? 0 : left_ms);
        o->due = MONO_NEVER;
        o->confirm_until = mono_add_ms(now.mono, p->op_confirm_total_ms);
        o->resumed = true;
        o->maybe_sent = o->state == OP_RUNNING || o->state == OP_CONFIRMING;
        o->step = OP_STEP_READ;
    }
    settle(&t);
}
