/* SPDX-License-Identifier: Apache-2.0 */
/* The glue between the provisioning machine and the world: orders in, ways that come and go, actions done. */
#include "server/agents.h"
#include "server/provisioning_int.h"

#include "base/log.h"
#include "base/text.h"
#include "server/persist.h"
#include "server/session_call.h"
#include "server/tunnel.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

/* --- life --- */

static void on_timer(struct loop_timer *t);
static void arm(struct provisioning *pv);

struct provisioning *provisioning_of(struct fleet_host *fh) {
    if (fh->prov)
        return fh->prov;
    struct provisioning *pv = calloc(1, sizeof *pv);
    if (!pv)
        return NULL;
    pv->fh = fh;
    pv->timer.fn = on_timer;
    list_init(&pv->orders);
    list_init(&pv->later);
    provision_init(&pv->m, &fh->shard->app->prov_rules, &(struct provision){0}, link_usable(&fh->h.link),
                   loop_now(fh->shard->loop));
    fh->prov = pv;
    return pv;
}

int provisioning_restore(struct fleet_host *fh, const struct provision *p) {
    struct provisioning *pv = provisioning_of(fh);
    if (!pv)
        return ERR_NOMEM;
    provision_init(&pv->m, &fh->shard->app->prov_rules, p, false, loop_now(fh->shard->loop));
    arm(pv);
    return 0;
}

static void answer(struct provisioning_order *o, int err, const char *text, const char *remedy) {
    if (err < 0) {
        o->call.err = err_set(&o->call.error, err, "", "%s", text);
        if (remedy[0])
            err_remedy(&o->call.error, "%s", remedy);
    }
    fleet_answer(&o->call);
}

static struct provisioning_order *order_of(struct list_node *n) {
    return CONTAINER_OF(CONTAINER_OF(n, struct fleet_call, node), struct provisioning_order, call);
}

/* An order that waited. With force a node that cannot be deactivated is given up. */
static void end_order(struct provisioning *pv, struct provisioning_order *o, int err, const char *text,
                      const char *remedy) {
    if (err < 0 && o->force && !pv->fresh && fleet_host_find(pv->fh->shard, pv->fh->h.id))
        provisioning_forget(pv, o);
    else if (err < 0 || !o->void_secrets || pv->fresh || !provisioning_void(pv, o)) /* it came too late … */
        answer(o, err, text, remedy); /* … for what was being written down */
}

static void answer_orders(struct provisioning *pv, int err, const char *text, const char *remedy) {
    struct provisioning_order *fresh = pv->fresh;
    pv->fresh = NULL; /* it is free for one that gives the node up */
    for (struct list_node *n; (n = list_pop(&pv->orders));)
        end_order(pv, order_of(n), err, text, remedy);
    if (fresh)
        answer(fresh, err, text, remedy);
}

static void stopped(struct provisioning *pv) {
    for (struct list_node *n; (n = list_pop(&pv->orders));)
        answer(order_of(n), ERR_CLOSED,
               "the server stops before the firmware is free; the deactivation goes on when it is back",
               "Look with orch-cli get provisioning, then ask again.");
}

void provisioning_drain(struct shard *s) {
    struct map_iter it = {0};
    LOOP_ASSERT(s->loop);
    for (struct map_node *n; (n = map_next(&s->hosts, &it));) {
        struct fleet_host *fh = CONTAINER_OF(n, struct fleet_host, node);
        if (fh->prov)
            stopped(fh->prov);
    }
}

struct prov_later {
    struct list_node node;
    struct prov_ev ev;
    struct wsc_result result;
    struct amt_setup setup;
    struct prov_spec spec;
    char actor[PROV_ACTOR_CAP];
};

void provisioning_free(struct fleet_host *fh, int err) {
    struct provisioning *pv = fh->prov;
    if (!pv)
        return;
    if (err)
        answer_orders(pv, err, err_text(err), "");
    if (pv->local && err) {
        struct provision p = pv->m.p;
        struct local_way *w = pv->local;
        snprintf(p.text, sizeof p.text, "The host was deleted");
        pv->local = NULL;
        w->fh = NULL;
        wsc_free(&w->ws);
        w->ops->finish(w, false, &p);
    }
    if (fh->shard->loop)
        loop_timer_stop(fh->shard->loop, &pv->timer);
    for (struct list_node *n; (n = list_pop(&pv->later));)
        free(CONTAINER_OF(n, struct prov_later, node));
    prov_plan_forget(pv);
    free(pv);
    fh->prov = NULL;
}

/* --- actions --- */

struct prov_has prov_has_of(const struct fleet_host *fh) {
    return (struct prov_has){
        .amt = fh->amt_secret.n > 0, .amt_next = fh->amt_next.n > 0, .cira_next = fh->cira_next.n > 0};
}

static void fail_job(struct provisioning *pv, enum wsc_job_kind job, int err, const char *why) {
    struct wsc_result r = {.kind = job, .err = err, .return_value = -1};
    snprintf(r.why, sizeof r.why, "%.150s", why);
    prov_feed(pv, &(struct prov_ev){.kind = PROV_EV_RESULT, .result = &r});
}

static void do_job(struct provisioning *pv, const struct prov_act *a) {
    struct prov_texts x;
    struct errinfo ei = {0};
    struct shard *s = pv->fh->shard;
    int r = prov_texts_make(pv, a->job, a->arg, &x, &ei);
    if (r == 0 && pv->m.way == PROV_WAY_LOCAL)
        r = pv->local ? wsc_submit_with(pv->local->ws, a->job, x.arg, &x.args, WSC_URGENT, 0,
                                        loop_now(s->loop), NULL)
                      : ERR_CLOSED;
    else if (r == 0)
        r = pv->fh->tunnel ? tunnel_submit_with(pv->fh->tunnel, a->job, x.arg, &x.args) : ERR_CLOSED;
    prov_texts_fini(&x);
    if (r < 0)
        fail_job(pv, a->job, r, ei.text[0] ? ei.text : err_text(r));
}

static void do_login(struct provisioning *pv, const struct prov_act *a) {
    char user[HOST_USER_CAP], password[SEALED_MAX];
    int r = prov_account(pv, a->cred, user, password);
    if (r == 0 && pv->m.way == PROV_WAY_LOCAL && pv->local)
        r = wsc_set_password(pv->local->ws, user, password);
    else if (r == 0 && pv->fh->tunnel)
        r = tunnel_use_account(pv->fh->tunnel, user, password);
    explicit_bzero(password, sizeof password);
    if (r < 0) {
        struct log_ctx ctx = {.host = pv->fh->h.id};
        log_line(LOG_ERROR, "provisioning", &ctx, "an account of the firmware cannot be used: %s",
                 err_text(r));
    }
}

static void do_progress(struct provisioning *pv, const struct prov_act *a) {
    char text[PROV_TEXT_CAP + 40];
    if (pv->local)
        pv->local->ops->progress(pv->local, a->text);
    snprintf(text, sizeof text, "%s: %s", prov_phase_text(pv->m.p.step), a->text);
    fleet_host_event(pv->fh, HOST_EVENT_PROVISIONING, text);
}

static void do_finish(struct provisioning *pv, const struct prov_act *a) {
    struct local_way *w = pv->local;
    if (!w)
        return;
    pv->local = NULL;
    w->fh = NULL;
    wsc_free(&w->ws);
    explicit_bzero(w->dev.password, sizeof w->dev.password);
    w->ops->finish(w, a->ok, &pv->m.p);
}

static void do_amt(struct provisioning *pv, const struct prov_act *a) {
    struct host_ev ev = {.kind = HOST_EV_AMT, .amt = a->amt, .source = SOURCE_FIRMWARE};
    if (a->amt == AMT_STATE_PROVISIONED)
        ev.mode = pv->m.setup.control_mode;
    fleet_host_input(pv->fh, &ev);
}

static void do_sessions(struct provisioning *pv, const struct prov_act *a) {
    (void)a;
    struct host_ev ev = {.kind = HOST_EV_END_SESSIONS, .peer = pv->m.p.actor};
    fleet_host_input(pv->fh, &ev);
}

static void do_hang_up(struct provisioning *pv, const struct prov_act *a) {
    (void)a;
    if (pv->fh->tunnel)
        tunnel_close(pv->fh->tunnel, LINK_WHY_SECRET);
}

static void do_refuse(struct provisioning *pv, const struct prov_act *a) {
    struct provisioning_order *o = pv->fresh;
    pv->fresh = NULL;
    if (!o)
        return;
    provisioning_refusal(pv->fh, a->text, &o->call.error);
    o->call.err = ERR_STATE;
    fleet_answer(&o->call);
}

/* What people are told of a state: "activate failed: …". A run that goes on is told by its steps. */
static void tell_state(struct provisioning *pv, const char *why) {
    char text[PROV_TEXT_CAP + 64];
    snprintf(text, sizeof text, "%s %s: %s", prov_goal_text(pv->m.p.goal), prov_state_text(pv->m.p.state),
             why);
    fleet_host_event(pv->fh, HOST_EVENT_PROVISIONING, text);
}

/* The account of the tunnel's WS-MAN client is the host's own again. */
static void back_to_normal(struct provisioning *pv) {
    if (pv->fh->tunnel)
        tunnel_forget_amt_secret(pv->fh->tunnel);
    prov_plan_forget(pv);
}

static void do_ended(struct provisioning *pv, const struct prov_act *a) {
    prov_save(pv);
    back_to_normal(pv);
    tell_state(pv, a->text);
    answer_orders(pv, a->ok ? 0 : ERR_STATE, pv->m.p.text, pv->m.p.remedy);
}

/* Does somebody wait who wants to know nothing of the node afterwards? */
static bool is_deauthorized(const struct provisioning *pv) {
    LIST_EACH (n, &pv->orders)
        if (order_of(n)->void_secrets)
            return true;
    return false;
}

static void do_journal(struct provisioning *pv, const struct prov_act *a) {
    bool all = a->bits & PROV_DROP_RELEASED && is_deauthorized(pv);
    prov_write(pv, a->bits | (all ? PROV_DROP_ALL : 0));
}
static void do_save(struct provisioning *pv, const struct prov_act *a) {
    (void)a;
    struct provisioning_order *o = pv->fresh;
    pv->fresh = NULL;
    if (o && o->wait)
        list_push(&pv->orders, &o->call.node);
    else if (o)
        answer(o, 0, "", "");
    if (atomic_load(&pv->fh->shard->app->draining)) /* it was on its way when the others were told */
        stopped(pv);
    prov_save(pv);
    if (pv->m.p.state != PROV_STATE_RUNNING)
        tell_state(pv, pv->m.p.text);
}

static void (*const DOERS[])(struct provisioning *pv, const struct prov_act *a) = {
    [PROV_ACT_JOURNAL] = do_journal, [PROV_ACT_SAVE] = do_save,         [PROV_ACT_LOGIN] = do_login,
    [PROV_ACT_JOB] = do_job,         [PROV_ACT_PROGRESS] = do_progress, [PROV_ACT_FINISH] = do_finish,
    [PROV_ACT_AMT] = do_amt,         [PROV_ACT_SESSIONS] = do_sessions, [PROV_ACT_HANG_UP] = do_hang_up,
    [PROV_ACT_REFUSE] = do_refuse,   [PROV_ACT_ENDED] = do_ended,
};

static void arm(struct provisioning *pv) {
    struct mono at = provision_deadline(&pv->m);
    LIST_EACH (n, &pv->orders)
        at = mono_min(at, order_of(n)->until);
    loop_timer_set(pv->fh->shard->loop, &pv->timer, at);
}

static void feed_one(struct provisioning *pv, const struct prov_ev *ev) {
    struct prov_acts acts = {0};
    provision_input(&pv->m, &pv->fh->shard->app->prov_rules, ev, shard_now(pv->fh->shard), &acts);
    for (size_t i = 0; i < acts.n; i++)
        DOERS[acts.v[i].kind](pv, &acts.v[i]);
}

static void feed_later(struct provisioning *pv, const struct prov_ev *ev) {
    struct prov_later *l = calloc(1, sizeof *l);
    if (!l) {
        struct log_ctx ctx = {.host = pv->fh->h.id};
        log_line(LOG_ERROR, "provisioning", &ctx,
                 "out of memory: an event is lost; the run goes on with its next way");
        return;
    }
    l->ev = *ev;
    l->ev.profile = NULL; /* orders come from outside only */
    snprintf(l->actor, sizeof l->actor, "%s", ev->actor ? ev->actor : "");
    l->ev.actor = l->actor;
    if (ev->result) {
        l->result = *ev->result;
        if (ev->result->setup) {
            l->setup = *ev->result->setup;
            l->result.setup = &l->setup;
        }
        l->ev.result = &l->result;
    }
    if (ev->spec) {
        l->spec = *ev->spec;
        l->ev.spec = &l->spec;
    }
    list_push(&pv->later, &l->node);
}

static void local_begin(struct provisioning *pv);

void prov_feed(struct provisioning *pv, const struct prov_ev *ev) {
    LOOP_ASSERT(pv->fh->shard->loop);
    if (pv->feeding) {
        feed_later(pv, ev);
        return;
    }
    pv->feeding = true;
    feed_one(pv, ev);
    for (struct list_node *n; (n = list_pop(&pv->later));) {
        struct prov_later *l = CONTAINER_OF(n, struct prov_later, node);
        feed_one(pv, &l->ev);
        free(l);
    }
    pv->feeding = false;
    local_begin(pv); /* what was written down may want the client that is there, or the tunnel */
    provisioning_look(pv->fh);
    agents_look(pv->fh);
    arm(pv);
}

static void on_timer(struct loop_timer *t) {
    struct provisioning *pv = CONTAINER_OF(t, struct provisioning, timer);
    struct mono now = loop_now(pv->fh->shard->loop);
    LIST_EACH (n, &pv->orders) {
        struct provisioning_order *o = order_of(n);
        if (!mono_due(o->until, now))
            continue;
        list_remove(&pv->orders, n);
        char text[PROV_TEXT_CAP + 80];
        snprintf(text, sizeof text, "the node is not deactivated yet (%s): %s", prov_phase_text(pv->m.p.step),
                 pv->m.p.text);
        end_order(pv, o, ERR_TIMEOUT, text,
                  "It goes on by itself: see orch-cli get provisioning. With --force it is given up.");
    }
    prov_feed(pv, &(struct prov_ev){.kind = PROV_EV_TIME});
}

/* --- ways --- */

void provisioning_look(struct fleet_host *fh) {
    struct provisioning *pv = fh->prov;
    struct prov_spec spec;
    struct errinfo ei = {0};
    if (!pv || pv->feeding)
        return;
    const struct host_agent *ag = fh->h.agent;
    if (ag && ag->facts_at.us > pv->m.p.updated.us && ag->facts_at.us != pv->told_at.us &&
        ag->facts.control_mode == AMT_MODE_NONE) {
        pv->told_at = ag->facts_at; /* once: the machine may have no use for it, and feeding looks again */
        prov_feed(pv, &(struct prov_ev){.kind = PROV_EV_MODE, .mode = AMT_MODE_NONE});
    }
    if (!fh->tunnel || !link_usable(&fh->h.link) || !provision_wants(&pv->m, PROV_WAY_TUNNEL))
        return;
    if (prov_plan_load(pv, NULL, &spec, &ei) < 0)
        spec = (struct prov_spec){0};
    prov_feed(pv, &(struct prov_ev){
                      .kind = PROV_EV_WAY, .way = PROV_WAY_TUNNEL, .has = prov_has_of(fh), .spec = &spec});
}

void provisioning_link(struct fleet_host *fh, bool up, bool by_next) {
    struct provisioning *pv = fh->prov;
    if (!pv)
        return;
    prov_feed(pv, &(struct prov_ev){.kind = up ? PROV_EV_LINK_UP : PROV_EV_LINK_DOWN, .by_next = by_next});
    if (!up)
        prov_feed(pv, &(struct prov_ev){.kind = PROV_EV_WAY_LOST, .way = PROV_WAY_TUNNEL});
    else
        provisioning_look(fh);
}

void provisioning_way_lost(struct fleet_host *fh) {
    if (fh->prov)
        prov_feed(fh->prov, &(struct prov_ev){.kind = PROV_EV_WAY_LOST, .way = PROV_WAY_TUNNEL});
}

bool provisioning_takes(enum wsc_job_kind kind) {
    return kind >= WSC_SETUP_READ;
}

/* Trust on first use begins anew when the firmware's certificate was taken from it, or given to it. */
static void pin_result(struct provisioning *pv, const struct wsc_result *r) {
    struct fleet_host *fh = pv->fh;
    bool ok = r->err == 0 && r->return_value == 0;
    if (r->kind != WSC_CLEAN && r->kind != WSC_TLS_SET)
        return;
    fh->has_pin = r->kind == WSC_TLS_SET && ok;
    if (fh->has_pin)
        memcpy(fh->pin, pv->tls_sha256, sizeof fh->pin);
    persist_pin(fh);
}

static void take_result(struct provisioning *pv, enum prov_way way, const struct wsc_result *r) {
    if (pv->m.way != way)
        return;
    if (r->kind == WSC_TLS_KEY && r->err == 0 && r->text) {
        free(pv->tls_key);
        pv->tls_key = strdup(r->text);
    }
    pin_result(pv, r);
    prov_feed(pv, &(struct prov_ev){.kind = PROV_EV_RESULT, .result = r});
}

void provisioning_result(struct fleet_host *fh, const struct wsc_result *r) {
    if (fh->prov)
        take_result(fh->prov, PROV_WAY_TUNNEL, r);
}

/* --- the local way --- */

static int local_client(struct fleet_host *fh, struct local_way *w) {
    const struct app *a = fh->shard->app;
    struct wsc_limits lim = a->wsc_limits;
    lim.in_flight_max = 1; /* one exchange of the protocol at a time */
    lim.bucket_burst = 64;
    lim.bucket_refill_ms = 1;
    lim.one_request = !w->dev.tls_enforced;
    w->ws = wsc_new(&lim, &w->io, w->dev.user, w->dev.password);
    if (w->ws)
        wsc_set_pool(w->ws, fh->shard->wsc_pool);
    return w->ws ? 0 : ERR_NOMEM;
}

/* The client's word begins one when none is under way, or must be what is. */
static int local_goal(struct provisioning *pv, enum prov_goal goal, const char *profile, const char *actor,
                      struct errinfo *ei) {
    struct provision *p = &pv->m.p;
    if (provision_open(&pv->m) && p->goal != goal) {
        err_set(ei, ERR_STATE, "", "%s by %s is under way for this node, not %s", prov_goal_text(p->goal),
                p->actor, prov_goal_text(goal));
        err_remedy(ei, "Wait for its end, or cancel it (orch-cli delete provisioning).");
        return ERR_STATE;
    }
    if (provision_open(&pv->m))
        return 0;
    struct profile pf = {0};
    if (goal == PROV_GOAL_ACTIVATE &&
        objects_profile(pv->fh->shard->app->objects, pv->fh->h.project, profile, &pf, ei) < 0)
        return ei->code;
    enum amt_control_mode mode = pf.mode;
    profile_wipe(&pf);
    prov_feed(pv, &(struct prov_ev){.kind = PROV_EV_ORDER,
                                    .goal = goal,
                                    .mode = mode,
                                    .profile = profile,
                                    .actor = actor,
                                    .has = prov_has_of(pv->fh)});
    return 0;
}

static void local_begin(struct provisioning *pv) {
    struct local_way *w = pv->local;
    struct prov_spec spec = {0};
    struct errinfo ei = {0};
    if (!w || !provision_wants(&pv->m, PROV_WAY_LOCAL))
        return;
    if (prov_plan_load(pv, &w->dev, &spec, &ei) < 0) {
        struct provision p = pv->m.p;
        snprintf(p.text, sizeof p.text, "%.250s", ei.text);
        snprintf(p.remedy, sizeof p.remedy, "%.250s", ei.remedy);
        pv->local = NULL;
        w->fh = NULL;
        wsc_free(&w->ws);
        w->ops->finish(w, false, &p);
        return;
    }
    prov_feed(pv, &(struct prov_ev){.kind = PROV_EV_WAY,
                                    .way = PROV_WAY_LOCAL,
                                    .has = prov_has_of(pv->fh),
                                    .spec = &spec,
                                    .os_admin = strcmp(w->dev.user, "$$OsAdmin") == 0,
                                    .given = strcmp(w->dev.user, "$$OsAdmin") != 0 && w->dev.password[0]});
}

int provisioning_local_attach(struct fleet_host *fh, struct local_way *w, enum prov_goal goal,
                              const char *profile, const char *actor, struct errinfo *ei) {
    struct provisioning *pv = provisioning_of(fh);
    int r = pv ? local_goal(pv, goal, profile, actor, ei) : err_set(ei, ERR_NOMEM, "", "out of memory");
    if (r < 0)
        return r;
    if (pv->local) { /* the newest wins */
        struct local_way *old = pv->local;
        struct provision p = pv->m.p;
        provisioning_local_lost(old);
        snprintf(p.text, sizeof p.text, "Another client of this node took over");
        old->ops->finish(old, false, &p);
    }
    if ((r = local_client(fh, w)) < 0)
        return err_set(ei, r, "", "out of memory");
    w->fh = fh;
    pv->local = w;
    local_begin(pv); /* or when the order is written down */
    return 0;
}

void provisioning_local_turn(struct local_way *w) {
    struct wsc_result r;
    while (w->fh && w->ws && wsc_next_result(w->ws, &r))
        take_result(w->fh->prov, PROV_WAY_LOCAL, &r);
}

void provisioning_local_lost(struct local_way *w) {
    struct fleet_host *fh = w->fh;
    wsc_free(&w->ws);
    explicit_bzero(w->dev.password, sizeof w->dev.password);
    w->fh = NULL;
    if (!fh || !fh->prov || fh->prov->local != w)
        return;
    fh->prov->local = NULL;
    prov_feed(fh->prov, &(struct prov_ev){.kind = PROV_EV_WAY_LOST, .way = PROV_WAY_LOCAL});
}

void prov_journaled(struct provisioning *pv, int err) {
    prov_feed(pv, &(struct prov_ev){.kind = PROV_EV_JOURNALED, .err = err});
}

enum prov_goal provisioning_for_agent(const struct fleet_host *fh, const char **profile,
                                      struct wall *ordered) {
    const struct provisioning *pv = fh->prov;
    if (!pv || !provision_wants(&pv->m, PROV_WAY_LOCAL))
        return PROV_GOAL_NONE;
    if (pv->m.p.goal != PROV_GOAL_ACTIVATE && link_usable(&fh->h.link))
        return PROV_GOAL_NONE; /* the tunnel does it */
    *profile = pv->m.p.profile;
    *ordered = pv->m.p.created;
    return pv->m.p.goal;
}

const char *provisioning_activator(const struct fleet_host *fh) {
    const struct provision *p = fh->prov ? &fh->prov->m.p : NULL;
    return p && p->goal == PROV_GOAL_ACTIVATE && !prov_state_ended(p->state) ? p->actor : NULL;
}
