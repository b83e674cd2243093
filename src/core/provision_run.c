/* SPDX-License-Identifier: Apache-2.0 */
/* The frame of the machine: orders, ways that come and go, journals, ends. The steps are in
 * provision_steps.c. */
#include "core/provision_impl.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* --- actions --- */

struct prov_act *prov_act(struct prov_turn *t, enum prov_act_kind kind) {
    static struct prov_act none; /* more than one event can give rise to: cannot be */
    assert(t->out->n < PROV_ACTS_MAX);
    struct prov_act *a = t->out->n < PROV_ACTS_MAX ? &t->out->v[t->out->n++] : &none;
    *a = (struct prov_act){.kind = kind};
    return a;
}

void prov_say(struct prov_turn *t, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    struct prov_act *a = prov_act(t, PROV_ACT_PROGRESS);
    vsnprintf(a->text, sizeof a->text, fmt, ap);
    va_end(ap);
    snprintf(t->m->p.text, sizeof t->m->p.text, "%s", a->text);
}

void prov_job(struct prov_turn *t, enum wsc_job_kind job, uint32_t arg) {
    struct prov_act *a = prov_act(t, PROV_ACT_JOB);
    a->job = job;
    a->arg = arg;
    t->m->job_out = true;
}

void prov_login(struct prov_turn *t, enum prov_cred cred) {
    t->m->cred = cred;
    prov_act(t, PROV_ACT_LOGIN)->cred = cred;
}

void prov_journal(struct prov_turn *t, unsigned bits, void (*then)(struct prov_turn *t)) {
    t->m->p.updated = t->now.wall;
    t->m->then = then;
    prov_act(t, PROV_ACT_JOURNAL)->bits = bits;
}

/* --- states --- */

/* The one writer of a state. */
static void provision_set_state(struct provision *p, enum prov_state s, enum prov_code code, const char *text,
                                const char *remedy, struct wall now) {
    p->state = s;
    p->code = code;
    p->updated = now;
    if (text != p->text)
        snprintf(p->text, sizeof p->text, "%s", text);
    snprintf(p->remedy, sizeof p->remedy, "%s", remedy);
}

void prov_set_state(struct prov_turn *t, enum prov_state s, enum prov_code code, const char *text,
                    const char *remedy) {
    struct provision *p = &t->m->p;
    provision_set_state(p, s, code, text, remedy, t->now.wall);
    if (s != PROV_STATE_CONNECTING)
        t->m->again_at = t->m->give_up_at = MONO_NEVER;
    if (!prov_state_ended(s)) {
        prov_act(t, PROV_ACT_SAVE);
        return;
    }
    p->finished = t->now.wall;
    t->m->then = NULL;
    struct prov_act *a = prov_act(t, PROV_ACT_ENDED);
    a->ok = s == PROV_STATE_DONE || (s == PROV_STATE_CANCELLED && code == PROV_CODE_CANCELLED);
    snprintf(a->text, sizeof a->text, "%s", p->text);
}

void prov_finish_way(struct prov_turn *t, bool ok) {
    struct prov_machine *m = t->m;
    enum prov_way was = m->way;
    m->way = PROV_WAY_NONE;
    m->p.way = PROV_WAY_NONE;
    m->job_out = false;
    if (was == PROV_WAY_LOCAL)
        prov_act(t, PROV_ACT_FINISH)->ok = ok;
}

void prov_interrupted(struct prov_turn *t, const char *fmt, ...) {
    char text[PROV_TEXT_CAP];
    struct prov_machine *m = t->m;
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    if (m->p.tries >= t->r->tries_max) {
        prov_fail(t, PROV_CODE_TOO_OFTEN, text,
                  "It broke off too often. Look at the node's network and agent, then order it again.");
        return;
    }
    /* a client that is there is told first: it may come back at once */
    prov_set_state(
        t, PROV_STATE_WAITING, PROV_CODE_INTERRUPTED, text,
        "It goes on by itself with the node's agent or tunnel; without an agent run rpc activate again.");
    prov_finish_way(t, false);
}

/* Fresh secrets that this provisioning made and never sent are void. Older ones may be what an earlier one
 * left in the firmware: they stay. */
static void drop_unsent(struct prov_turn *t) {
    struct prov_machine *m = t->m;
    bool maybe_live = m->p.setup_sent || m->p.cira_sent || m->p.admin_ours;
    if (maybe_live || !m->p.secrets_stored || !(m->has.amt_next || m->has.cira_next))
        return;
    prov_act(t, PROV_ACT_JOURNAL)->bits = PROV_DROP_NEXT;
    m->has.amt_next = m->has.cira_next = false;
}

void prov_fail(struct prov_turn *t, enum prov_code code, const char *text, const char *remedy) {
    drop_unsent(t);
    prov_set_state(t, PROV_STATE_FAILED, code, text, remedy);
    prov_finish_way(t, false);
}

void prov_refused(struct prov_turn *t, enum prov_code code, const char *text, const char *remedy) {
    if (++t->m->refusals >= t->r->refusals_max)
        prov_fail(t, code, text, remedy);
    else
        prov_interrupted(t, "%s; it is tried again", text);
}

void prov_done(struct prov_turn *t, const char *text) {
    struct prov_machine *m = t->m;
    char whole[PROV_TEXT_CAP];
    snprintf(whole, sizeof whole, "%.100s%s%.140s", text, m->notes[0] ? ". But: " : "", m->notes);
    enum prov_state s = m->p.rolling_back ? PROV_STATE_CANCELLED : PROV_STATE_DONE;
    prov_set_state(t, s, m->p.rolling_back ? PROV_CODE_CANCELLED : PROV_CODE_NONE, whole, "");
    prov_finish_way(t, true);
}

/* --- goals --- */

bool prov_rotates_amt(enum prov_goal g) {
    return g == PROV_GOAL_ROTATE_AMT || g == PROV_GOAL_ROTATE_ALL;
}

bool prov_rotates_cira(enum prov_goal g) {
    return g == PROV_GOAL_ROTATE_CIRA || g == PROV_GOAL_ROTATE_ALL;
}

bool provision_open(const struct prov_machine *m) {
    return m->p.goal != PROV_GOAL_NONE && !prov_state_ended(m->p.state);
}

bool provision_wants(const struct prov_machine *m, enum prov_way way) {
    if (m->p.state != PROV_STATE_WAITING || m->then || m->way != PROV_WAY_NONE)
        return false;
    return way == PROV_WAY_LOCAL || m->p.goal != PROV_GOAL_ACTIVATE;
}

/* --- events --- */

#define BEING_WRITTEN "something is being written down just now: try again"
static void refuse(struct prov_turn *t, const char *fmt, ...) PRINTF_LIKE(2, 3);
static void refuse(struct prov_turn *t, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    struct prov_act *a = prov_act(t, PROV_ACT_REFUSE);
    vsnprintf(a->text, sizeof a->text, fmt, ap);
    va_end(ap);
}

void provision_order(struct provision *p, enum prov_goal goal, enum amt_control_mode mode,
                     const char *profile, const char *actor, struct wall now) {
    *p = (struct provision){.goal = goal, .mode = mode, .created = now};
    snprintf(p->profile, sizeof p->profile, "%s", profile ? profile : "");
    snprintf(p->actor, sizeof p->actor, "%s", actor ? actor : "");
    provision_set_state(
        p, PROV_STATE_WAITING, PROV_CODE_NO_WAY,
        p->goal == PROV_GOAL_ACTIVATE
            ? "Waits for the node's agent, or for rpc activate at the node: set-up is taken from inside only"
            : "Waits for the node's tunnel or agent",
        "", now);
}

static void written_down(struct prov_turn *t) {
    prov_act(t, PROV_ACT_SAVE);
}

bool provision_refuses(const struct prov_machine *m, char text[PROV_TEXT_CAP]) {
    const struct provision *p = &m->p;
    text[0] = 0;
    if (provision_open(m))
        snprintf(text, PROV_TEXT_CAP, "%s by %s is under way (%s): wait for its end, or cancel it",
                 prov_goal_text(p->goal), p->actor, prov_state_text(p->state));
    else if (m->then)
        snprintf(text, PROV_TEXT_CAP, BEING_WRITTEN);
    return text[0];
}

static void ordered(struct prov_turn *t, const struct prov_ev *ev) {
    struct prov_machine *m = t->m;
    struct provision *p = &m->p;
    char text[PROV_TEXT_CAP];
    if (provision_refuses(m, text)) {
        refuse(t, "%s", text);
        return;
    }
    bool link_up = m->link_up;
    *m = (struct prov_machine){
        .link_up = link_up, .has = ev->has, .again_at = MONO_NEVER, .give_up_at = MONO_NEVER};
    provision_order(p, ev->goal, ev->mode, ev->profile, ev->actor, t->now.wall);
    prov_journal(t, 0, written_down);
}

static void cancelled(struct prov_turn *t, const struct prov_ev *ev) {
    struct prov_machine *m = t->m;
    struct provision *p = &m->p;
    char text[PROV_TEXT_CAP];
    if (!provision_open(m)) {
        refuse(t, "nothing is under way");
        return;
    }
    if (m->then) {
        refuse(t, BEING_WRITTEN);
        return;
    }
    bool touched = p->setup_sent || p->cira_sent || p->step == PROV_STEP_ADMIN ||
                   p->step == PROV_STEP_ADMIN_CHECK || p->step == PROV_STEP_UNPROVISION ||
                   p->step == PROV_STEP_RELEASE;
    if (touched && p->goal != PROV_GOAL_ACTIVATE) {
        refuse(t, "%s went to the firmware already: what became of it must be seen first",
               prov_goal_text(p->goal));
        return;
    }
    snprintf(text, sizeof text, "Cancelled by %s%s", ev->actor,
             touched ? "; what was done to the firmware is undone" : "; the firmware was not touched");
    if (!touched) {
        drop_unsent(t);
        prov_set_state(t, PROV_STATE_CANCELLED, PROV_CODE_CANCELLED, text, "");
        prov_finish_way(t, false);
        return;
    }
    p->goal = PROV_GOAL_DEACTIVATE;
    p->rolling_back = true;
    p->step = PROV_STEP_NONE;
    prov_set_state(t, PROV_STATE_WAITING, PROV_CODE_CANCELLED, text, "");
    prov_finish_way(t, false);
}

static void forgot(struct prov_turn *t) {
    prov_set_state(t, PROV_STATE_CANCELLED, PROV_CODE_CANCELLED, t->m->p.text, "");
    prov_finish_way(t, false);
}

static void forget(struct prov_turn *t, const struct prov_ev *ev) {
    struct prov_machine *m = t->m;
    if (m->then) {
        refuse(t, BEING_WRITTEN);
        return;
    }
    if (!provision_open(m)) {
        m->p = (struct provision){.goal = PROV_GOAL_DEACTIVATE, .created = t->now.wall};
        snprintf(m->p.actor, sizeof m->p.actor, "%s", ev->actor);
    }
    m->has = (struct prov_has){0};
    m->job_out = false;
    /* it is written down as ended, together with the secrets: a restart in between must not take it up again
     */
    provision_set_state(&m->p, PROV_STATE_CANCELLED, PROV_CODE_CANCELLED,
                        "All secrets of the node are void here; its firmware was not touched", "",
                        t->now.wall);
    m->p.finished = t->now.wall;
    prov_journal(t, PROV_DROP_ALL, forgot);
}

static void way_came(struct prov_turn *t, const struct prov_ev *ev) {
    struct prov_machine *m = t->m;
    if (!provision_wants(m, ev->way))
        return;
    m->way = m->p.way = ev->way;
    m->has = ev->has;
    m->os_admin = ev->os_admin;
    m->given = ev->given;
    m->tried = 0;
    m->chain_at = 0;
    m->job_out = false;
    m->setup_rv = -1;
    m->notes[0] = 0;
    m->p.tries++;
    if (ev->spec)
        m->spec = *ev->spec;
    if (m->spec.mode == AMT_MODE_UNKNOWN)
        m->spec.mode = m->p.mode;
    m->p.tls = m->spec.tls;
    prov_set_state(t, PROV_STATE_RUNNING, PROV_CODE_NONE, "Begun", "");
    prov_enter(t, m->os_admin ? PROV_STEP_READ : PROV_STEP_LOGIN);
}

static void journaled(struct prov_turn *t, int err) {
    struct prov_machine *m = t->m;
    void (*then)(struct prov_turn * t) = m->then;
    m->then = NULL;
    if (!then)
        return;
    if (err < 0) {
        prov_fail(t, PROV_CODE_STORE, "It could not be written down, so nothing more was done",
                  "Look at the server's disk and log, then order it again.");
        return;
    }
    then(t);
}

/* The agent read the control mode of the firmware by itself. */
static void mode_seen(struct prov_turn *t, enum amt_control_mode mode) {
    struct prov_machine *m = t->m;
    if (mode != AMT_MODE_NONE || m->p.goal != PROV_GOAL_DEACTIVATE || m->then || m->way != PROV_WAY_NONE)
        return;
    if (m->p.state == PROV_STATE_CONNECTING || m->p.code == PROV_CODE_UNCLEAR ||
        m->p.state == PROV_STATE_WAITING)
        prov_release_seen(t);
}

void provision_input(struct prov_machine *m, const struct prov_rules *r, const struct prov_ev *ev,
                     struct host_now now, struct prov_acts *out) {
    struct prov_turn turn = {m, r, now, out}, *t = &turn;
    switch (ev->kind) {
    case PROV_EV_ORDER:
        ordered(t, ev);
        break;
    case PROV_EV_CANCEL:
        cancelled(t, ev);
        break;
    case PROV_EV_FORGET:
        forget(t, ev);
        break;
    case PROV_EV_WAY:
        way_came(t, ev);
        break;
    case PROV_EV_WAY_LOST:
        if (m->way != ev->way || m->way == PROV_WAY_NONE)
            break;
        m->way = PROV_WAY_NONE; /* nobody is left to be told */
        if (m->p.state == PROV_STATE_RUNNING)
            prov_interrupted(t, "The connection broke at the step \"%s\"", prov_step_text(m->p.step));
        break;
    case PROV_EV_RESULT:
        if (!m->job_out || m->then || m->p.state != PROV_STATE_RUNNING)
            break;
        m->job_out = false;
        prov_step_result(t, ev->result);
        break;
    case PROV_EV_JOURNALED:
        journaled(t, ev->err);
        break;
    case PROV_EV_LINK_UP:
    case PROV_EV_LINK_DOWN:
        m->link_up = ev->kind == PROV_EV_LINK_UP;
        prov_step_link(t, m->link_up, ev->by_next);
        break;
    case PROV_EV_MODE:
        mode_seen(t, ev->mode);
        break;
    case PROV_EV_TIME:
        if (mono_due(provision_deadline(m), now.mono))
            prov_step_time(t);
        break;
    }
}

struct mono provision_deadline(const struct prov_machine *m) {
    return m->job_out || m->then || !provision_open(m) ? MONO_NEVER : m->again_at;
}

void provision_init(struct prov_machine *m, const struct prov_rules *r, const struct provision *p,
                    bool link_up, struct mono now) {
    *m = (struct prov_machine){.p = *p, .link_up = link_up, .again_at = MONO_NEVER, .give_up_at = MONO_NEVER};
    m->p.way = PROV_WAY_NONE;
    if (m->p.state == PROV_STATE_RUNNING) {
        m->p.state = PROV_STATE_WAITING;
        m->p.code = PROV_CODE_INTERRUPTED;
        snprintf(m->p.text, sizeof m->p.text, "The server was restarted at the step \"%s\"",
                 prov_step_text(m->p.step));
    }
    /* it said that it is free; does its tunnel come back? */
    if (m->p.state == PROV_STATE_CONNECTING && m->p.step == PROV_STEP_RELEASE)
        m->again_at = mono_add_ms(now, r->release_ms);
}
