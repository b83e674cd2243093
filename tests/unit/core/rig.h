/* SPDX-License-Identifier: Apache-2.0 */
/* rig: a host machine with a toy firmware and a virtual clock, for the tests of core/. */
#pragma once

#include "core/diagnose.h"
#include "core/host.h"
#include "rig_optin.h"
#include "unit.h"

#include <stdlib.h>

enum { RIG_LOG = 256, RIG_PENDING = 64 };

struct rig_pending {
    int64_t at_ms;
    enum { RIG_RESULT, RIG_JOURNAL, RIG_FW_DONE } what;
    enum wsc_job_kind job;
    uint32_t arg;
    uint32_t generation;
};

/* An order's answer, or what was told of a session, as it was then. */
struct rig_told {
    unsigned times;
    uint64_t token;
    struct errinfo error;
    char id[REDIR_SESSION_ID_CAP];
    enum session_state state;
    enum session_reason why;
    char text[256];
    enum session_note note;
    uint32_t n;
};

struct rig {
    struct host h;
    struct host_policy p;
    struct actions out;
    int64_t now_ms;
    /* firmware */
    uint8_t cim, cim_target;
    bool mute, answers_keepalive, refuses_auth, lies, no_answer_to_change;
    int64_t return_value;
    uint32_t latency_ms, transition_ms;
    uint8_t available[8], navailable;
    bool me_sleep_off;
    struct rig_optin optin;
    bool no_optin_class, mute_optin, refuses_kvm_timeout;
    unsigned jobs[WSC_JOB_COUNT];
    uint32_t kvm_timeout;
    /* journal */
    int journal_err;
    bool journal_stuck;
    /* what happened */
    struct rig_pending pending[RIG_PENDING];
    size_t npending;
    unsigned reads, changes, keepalives, closes, replies;
    uint8_t last_change;
    struct errinfo reply;
    char reply_op[OP_ID_CAP];
    char log[RIG_LOG][320];
    size_t nlog;
    int64_t change_at_ms[64];
    struct rig_told answer, end, note; /* the last ones; times counts all */
    uint64_t tokens;
    /* sees each action before it is done */
    void (*on_action)(struct rig *r, const struct action *a);
    void *user;
    /* what the glue does when an action is missing; NULL: it must not happen */
    void (*on_failed)(struct rig *r);
};

static inline struct host_now rig_now(const struct rig *r) {
    return (struct host_now){{r->now_ms * 1000}, {1800000000000000 + r->now_ms * 1000}};
}

static inline void rig_later(struct rig *r, struct rig_pending p) {
    assert_true(r->npending < RIG_PENDING);
    r->pending[r->npending++] = p;
}

static inline void rig_tell(struct rig *r, struct rig_told *to, const char *what, const struct action *a) {
    unsigned times = to->times + 1;
    *to = (struct rig_told){.times = times, .token = a->token, .error = a->error, .note = a->note, .n = a->n};
    if (a->session) {
        to->state = a->session->state;
        to->why = a->session->why;
        snprintf(to->id, sizeof to->id, "%s", a->session->id);
    }
    snprintf(to->text, sizeof to->text, "%s", a->kind == ACT_SESSION_END ? a->session->text : a->text);
    if (r->nlog < RIG_LOG)
        snprintf(r->log[r->nlog++], sizeof r->log[0], "%s: %s %s", what, to->id, to->text);
}

/* Do what the glue does. */
static inline void rig_do(struct rig *r) {
    for (size_t i = 0; i < r->out.n; i++) {
        struct action *a = &r->out.v[i];
        struct rig_pending p = {.at_ms = r->now_ms + r->latency_ms,
                                .job = a->job,
                                .arg = a->arg,
                                .generation = r->h.link.generation};
        if (r->on_action)
            r->on_action(r, a);
        switch (a->kind) {
        case ACT_WSMAN:
            r->jobs[a->job]++;
            if (a->job == WSC_POWER_READ)
                r->reads++;
            if (a->job == WSC_POWER_CHANGE) {
                if (r->changes < 64)
                    r->change_at_ms[r->changes] = r->now_ms;
                r->changes++;
                r->last_change = (uint8_t)a->arg;
            }
            p.what = RIG_RESULT;
            if (r->mute)
                p.at_ms = r->now_ms + (a->deadline_ms ? a->deadline_ms : 15000);
            rig_later(r, p);
            break;
        case ACT_KEEPALIVE:
            r->keepalives++;
            if (r->answers_keepalive)
                r->h.link.heard = (struct mono){r->now_ms * 1000 + 1};
            break;
        case ACT_CLOSE:
            r->closes++;
            break;
        case ACT_JOURNAL:
            if (r->h.journal->has_op && !r->h.journal->op.id[0])
                snprintf(r->h.journal->op.id, OP_ID_CAP, "op-auto-%zu", r->nlog);
            p.what = RIG_JOURNAL;
            p.at_ms = r->now_ms;
            if (!r->journal_stuck)
                rig_later(r, p);
            break;
        case ACT_EVENT:
            if (r->nlog < RIG_LOG)
                snprintf(r->log[r->nlog++], sizeof r->log[0], "%s: %s", host_event_text(a->event), a->text);
            break;
        case ACT_REPLY:
            r->replies++;
            r->reply = a->error;
            snprintf(r->reply_op, sizeof r->reply_op, "%s", a->op ? a->op->id : "");
            break;
        case ACT_PERSIST_OP:
            if (r->nlog < RIG_LOG)
                snprintf(r->log[r->nlog++], sizeof r->log[0], "persist: %s %s", a->op->id,
                         op_state_text(a->op->state));
            break;
        case ACT_SESSION_REPLY:
            rig_tell(r, &r->answer, "answer", a);
            break;
        case ACT_SESSION_END:
            rig_tell(r, &r->end, "end", a);
            break;
        case ACT_SESSION_NOTE:
            rig_tell(r, &r->note, "note", a);
            break;
        case ACT_PERSIST:
            break;
        }
    }
    assert_true(!r->out.failed || r->on_failed);
    if (r->out.failed)
        r->on_failed(r);
}

static inline void rig_input(struct rig *r, struct host_ev ev) {
    actions_clear(&r->out);
    host_input(&r->h, &r->p, &ev, rig_now(r), &r->out);
    rig_do(r);
}

static inline void rig_change(struct rig *r, uint32_t arg) {
    static const uint8_t to[] = {[2] = 2, [4] = 4, [5] = 2, [7] = 7, [8] = 8, [10] = 2, [12] = 8, [14] = 2};
    if (r->lies || r->return_value)
        return;
    r->cim_target = to[arg];
    if (arg == 5 && r->transition_ms)
        r->cim = 8;
    rig_later(r, (struct rig_pending){.at_ms = r->now_ms + r->transition_ms, .what = RIG_FW_DONE});
}

/* What the firmware says to a job of consent or KVM settings. */
static inline void rig_redir_job(struct rig *r, const struct rig_pending *p, struct wsc_result *res) {
    struct rig_optin *o = &r->optin;
    if (r->mute_optin || (p->job == WSC_KVM_TIMEOUT && r->refuses_kvm_timeout) || r->no_optin_class) {
        res->err = r->mute_optin ? ERR_TIMEOUT : ERR_FAULT;
        snprintf(res->why, sizeof res->why, "%s",
                 r->mute_optin ? "no answer from the firmware"
                               : "the firmware answered with a fault: DestinationUnreachable: No route");
        return;
    }
    rig_optin_look(o, r->now_ms);
    switch (p->job) {
    case WSC_KVM_TIMEOUT:
        r->kvm_timeout = p->arg;
        return;
    case WSC_OPTIN_START:
        res->return_value = rig_optin_start(o, r->now_ms);
        break;
    case WSC_OPTIN_SEND:
        res->return_value = rig_optin_send(o, p->arg, r->now_ms);
        break;
    case WSC_OPTIN_CANCEL:
        res->return_value = rig_optin_cancel(o);
        break;
    default:
        break;
    }
    res->optin = (struct amt_optin){.required = o->required,
                                    .state = o->state,
                                    .code_timeout_s = RIG_CODE_MS / 1000,
                                    .display_s = RIG_DISPLAY_MS / 1000};
}

static inline void rig_fire(struct rig *r, const struct rig_pending *p) {
    if (p->what == RIG_FW_DONE) {
        r->cim = r->cim_target;
        return;
    }
    if (p->what == RIG_JOURNAL) {
        rig_input(r, (struct host_ev){.kind = HOST_EV_JOURNALED, .err = r->journal_err});
        return;
    }
    struct amt_info info = {.me_sleep = r->me_sleep_off ? AMT_ME_SLEEP_OFF : AMT_ME_SLEEP_WAKE};
    snprintf(info.power_scheme, sizeof info.power_scheme, "%s",
             r->me_sleep_off ? "Desktop: ON in S0" : "Desktop: ON in S0, ME Wake in S3, S4-5 (AC only)");
    struct wsc_result res = {.kind = p->job, .return_value = -1};
    if (r->mute) {
        res.err = ERR_TIMEOUT;
        snprintf(res.why, sizeof res.why, "no answer from the firmware");
    } else if (r->refuses_auth) {
        res.err = ERR_AUTH;
        snprintf(res.why, sizeof res.why, "the firmware refused the AMT user and password");
    } else if (p->job == WSC_POWER_READ) {
        res.power.state = r->cim;
        res.power.available_told = r->navailable > 0;
        res.power.navailable = r->navailable;
        memcpy(res.power.available, r->available, sizeof r->available);
    } else if (p->job == WSC_POWER_CHANGE) {
        res.return_value = r->return_value;
        rig_change(r, p->arg);
        if (r->no_answer_to_change) {
            res.err = ERR_CLOSED;
            res.maybe_sent = true;
            snprintf(res.why, sizeof res.why, "the channel closed in the middle");
        }
    } else if (p->job == WSC_INFO_READ) {
        res.info = &info;
    } else {
        rig_redir_job(r, p, &res);
    }
    rig_input(r, (struct host_ev){.kind = HOST_EV_RESULT, .generation = p->generation, .result = &res});
}

/* Move the clock by ms, doing all that is due on the way. */
static inline void rig_run(struct rig *r, int64_t ms) {
    int64_t end = r->now_ms + ms;
    for (int guard = 0; guard < 100000; guard++) {
        struct mono due = host_deadline(&r->h, &r->p);
        int64_t next = mono_is_never(due) ? INT64_MAX : (due.us + 999) / 1000;
        size_t who = RIG_PENDING;
        for (size_t i = 0; i < r->npending; i++)
            if (r->pending[i].at_ms < next || (r->pending[i].at_ms == next && who == RIG_PENDING)) {
                next = r->pending[i].at_ms;
                who = i;
            }
        if (next > end)
            break;
        if (next > r->now_ms)
            r->now_ms = next;
        if (who < RIG_PENDING) {
            struct rig_pending p = r->pending[who];
            r->npending--;
            memmove(&r->pending[who], &r->pending[who + 1], (r->npending - who) * sizeof p);
            rig_fire(r, &p);
            continue;
        }
        actions_clear(&r->out);
        host_tick(&r->h, &r->p, rig_now(r), &r->out);
        rig_do(r);
        due = host_deadline(&r->h, &r->p);
        if (!mono_is_never(due) && due.us <= r->now_ms * 1000 && !r->npending) {
            /* a machine that asks to be called again at once, for ever, is broken */
            static int64_t at;
            static int times;
            times = at == r->now_ms ? times + 1 : 0;
            at = r->now_ms;
            if (times > 50)
                fail_msg("host_tick spins at %lld ms: decided %s", (long long)r->now_ms,
                         decision_id(r->h.decided.kind));
        }
    }
    r->now_ms = end;
}

static inline void rig_up(struct rig *r) {
    rig_input(r, (struct host_ev){.kind = HOST_EV_LINK_UP, .peer = "192.0.2.7:49152"});
}

static inline void rig_lost(struct rig *r, enum link_reason why) {
    rig_input(r, (struct host_ev){.kind = HOST_EV_LINK_LOST, .why = why, .generation = r->h.link.generation});
}

static inline void rig_command(struct rig *r, struct host_command c) {
    static unsigned n;
    if (!c.new_id[0])
        snprintf(c.new_id, sizeof c.new_id, "op-%06u", ++n);
    if (!c.actor[0])
        snprintf(c.actor, sizeof c.actor, "alice");
    r->reply = (struct errinfo){0};
    rig_input(r, (struct host_ev){.kind = HOST_EV_COMMAND, .command = &c});
}

/* A door's order; its answer, if there was one at once, is r->answer. */
static inline uint64_t rig_order(struct rig *r, struct session_order o) {
    if (!o.user[0])
        snprintf(o.user, sizeof o.user, "alice");
    o.token = ++r->tokens;
    rig_input(r, (struct host_ev){.kind = HOST_EV_SESSION_ORDER, .order = &o});
    return o.token;
}

static inline void rig_report(struct rig *r, const char *id, enum session_report_kind what,
                              enum session_reason why) {
    struct session_report p = {.what = what, .why = why, .id = id};
    rig_input(r, (struct host_ev){.kind = HOST_EV_SESSION_REPORT, .report = &p});
}

/* A host whose node is on, with the intent on, linked and read. */
static inline struct rig *rig_new(void) {
    struct rig *r = calloc(1, sizeof *r);
    r->p = HOST_POLICY_DEFAULT;
    r->cim = 2;
    r->answers_keepalive = true;
    r->latency_ms = 50;
    r->transition_ms = 2000;
    host_init(&r->h, "host-00000001", 0);
    snprintf(r->h.name, sizeof r->h.name, "n1");
    r->h.intent.desired = POWER_ON;
    rig_up(r);
    rig_run(r, 5000);
    assert_int_equal(r->h.decided.kind, DECIDE_AS_DESIRED);
    return r;
}

static inline void rig_free(struct rig *r) {
    host_fini(&r->h);
    actions_free(&r->out);
    free(r);
}

static inline bool rig_logged(const struct rig *r, const char *part) {
    for (size_t i = 0; i < r->nlog; i++)
        if (strstr(r->log[i], part))
            return true;
    return false;
}
