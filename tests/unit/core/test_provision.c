/* SPDX-License-Identifier: Apache-2.0 */
/* The provisioning machine against a model of a firmware, of the store and of the node's ways. Each flow is
 * run once to count its points, then once more for every point and every kind of fault there: the way breaks
 * before or after the firmware has done what it was asked, or the server crashes before or after an action.
 */
#include "unit.h"

#include "core/provision_run.h"

#include <stdio.h>
#include <string.h>

/* Secrets are numbers, made in this order by an activation; 0: none. */
enum { FIRST_AMT = 1, FIRST_CIRA, FIRST_MEBX };
struct firmware {
    enum amt_control_mode mode;
    int admin, cira, mebx;
    bool configured;
    unsigned setups, unprovisions, chain;
    bool refuses_setup, refuses_unprovision, silent_unprovision, refuses_mebx;
};
struct kept { /* what the store has */
    struct provision p;
    int amt, amt_next, cira, cira_next, mebx, mebx_next;
};
enum fault { NO_FAULT, CUT_BEFORE, CUT_AFTER, CRASH_BEFORE, CRASH_AFTER, FAULTS };

struct world {
    struct firmware fw;
    struct kept kept;
    struct prov_machine m;
    struct prov_rules rules;
    struct host_now now;
    enum prov_cred cred;
    enum prov_way way; /* that the node offers */
    struct prov_spec spec;
    int next_secret;
    bool link_up, by_next;
    unsigned points, fault_at;
    enum fault fault;
    bool crashed, cut;
    enum amt_state amt;
    int refused;
    unsigned ended;
};

static const struct amt_setup *setup_of(const struct world *w) {
    static struct amt_setup s;
    s = (struct amt_setup){.realm = "Digest:0",
                           .control_mode = w->fw.mode,
                           .allows_ccm = true,
                           .allows_acm = true,
                           .nonce_n = AMT_NONCE_BYTES};
    return &s;
}

static int secret_of(const struct world *w, enum prov_cred c) {
    return c == PROV_CRED_NEXT ? w->kept.amt_next : c == PROV_CRED_CURRENT ? w->kept.amt : -1;
}

static bool may(const struct world *w) {
    if (w->cred == PROV_CRED_OS_ADMIN)
        return w->way == PROV_WAY_LOCAL;
    return w->fw.mode != AMT_MODE_NONE && w->fw.admin && secret_of(w, w->cred) == w->fw.admin;
}

static int64_t set_up(struct world *w, enum amt_control_mode mode) {
    if (w->fw.refuses_setup)
        return 5;
    if (w->fw.mode != AMT_MODE_NONE)
        return 2;
    w->fw.mode = mode;
    w->fw.admin = w->kept.amt_next;
    w->fw.setups++;
    return 0;
}

/* The firmware does it. False: it gives no answer. */
static bool carry_out(struct world *w, const struct prov_act *a, struct wsc_result *r) {
    *r = (struct wsc_result){.kind = a->job};
    if (!may(w)) {
        r->err = ERR_AUTH;
        return true;
    }
    switch ((int)a->job) {
    case WSC_SETUP_READ:
        r->setup = setup_of(w);
        break;
    case WSC_SETUP_CCM:
        r->return_value = set_up(w, AMT_MODE_CCM);
        break;
    case WSC_CHAIN_ADD:
        w->fw.chain = a->arg + 1;
        break;
    case WSC_SETUP_ACM:
        r->return_value = w->fw.chain == w->spec.nchain ? set_up(w, AMT_MODE_ACM) : 3;
        w->fw.chain = 0;
        break;
    case WSC_UPGRADE_ACM:
        if (w->fw.mode == AMT_MODE_CCM && w->fw.chain == w->spec.nchain)
            w->fw.mode = AMT_MODE_ACM;
        else
            r->return_value = 2;
        w->fw.chain = 0;
        break;
    case WSC_ADMIN_SET:
        w->fw.admin = w->kept.amt_next;
        break;
    case WSC_MEBX_SET:
        if (w->fw.refuses_mebx)
            r->return_value = 1;
        else
            w->fw.mebx = w->kept.mebx_next ? w->kept.mebx_next : w->kept.mebx;
        break;
    case WSC_CLEAN:
        w->fw.cira = 0;
        break;
    case WSC_CIRA_SET:
    case WSC_CIRA_SECRET:
        w->fw.cira = w->kept.cira_next;
        break;
    case WSC_FEATURES_SET:
        w->fw.configured = true;
        break;
    case WSC_UNPROVISION:
        if (w->fw.refuses_unprovision) {
            r->return_value = 1;
            break;
        }
        w->fw = (struct firmware){.mode = AMT_MODE_NONE,
                                  .mebx = w->fw.mebx,
                                  .setups = w->fw.setups,
                                  .unprovisions = w->fw.unprovisions + 1,
                                  .silent_unprovision = w->fw.silent_unprovision};
        return !w->fw.silent_unprovision;
    default:
        break;
    }
    return true;
}

static void feed(struct world *w, struct prov_ev ev);

static void journal(struct world *w, unsigned bits) {
    struct kept *k = &w->kept;
    if (bits & PROV_FRESH_AMT && !k->amt_next)
        k->amt_next = ++w->next_secret;
    if (bits & PROV_FRESH_CIRA && !k->cira_next)
        k->cira_next = ++w->next_secret;
    if (bits & PROV_PROMOTE_AMT && k->amt_next) {
        k->amt = k->amt_next;
        k->amt_next = 0;
    }
    if (bits & PROV_PROMOTE_CIRA && k->cira_next) {
        k->cira = k->cira_next;
        k->cira_next = 0;
    }
    if (bits & PROV_FRESH_MEBX && !k->mebx_next && !k->mebx)
        k->mebx_next = ++w->next_secret;
    if (bits & PROV_PROMOTE_MEBX && k->mebx_next) {
        k->mebx = k->mebx_next;
        k->mebx_next = 0;
    }
    if (bits & (PROV_DROP_NEXT | PROV_DROP_RELEASED | PROV_DROP_ALL))
        k->amt_next = k->cira_next = 0;
    if (bits & (PROV_DROP_RELEASED | PROV_DROP_ALL))
        k->amt = k->cira = 0;
    if (bits & PROV_DROP_ALL)
        k->mebx = k->mebx_next = 0;
    k->p = w->m.p;
    if (!(bits & PROV_DROP_ALL) && w->fw.mebx && w->fw.mebx != k->mebx && w->fw.mebx != k->mebx_next)
        fail_msg("the MEBx password %d is lost: kept %d/%d", w->fw.mebx, k->mebx, k->mebx_next);
}

/* Is this the point of the fault? */
static bool here(struct world *w, enum fault a, enum fault b) {
    return w->points == w->fault_at && (w->fault == a || w->fault == b);
}

static void do_job(struct world *w, const struct prov_act *a) {
    struct wsc_result r;
    w->points++;
    if (here(w, CRASH_BEFORE, CRASH_BEFORE)) {
        w->crashed = true;
        return;
    }
    bool answers = !here(w, CUT_BEFORE, CUT_BEFORE) && carry_out(w, a, &r);
    if (here(w, CRASH_AFTER, CRASH_AFTER)) {
        w->crashed = true;
        return;
    }
    if (here(w, CUT_BEFORE, CUT_AFTER)) { /* the answer is lost, and the way with it */
        w->cut = true;
        feed(w, (struct prov_ev){.kind = PROV_EV_WAY_LOST, .way = w->way});
        return;
    }
    if (!answers)
        r = (struct wsc_result){.kind = a->job, .err = ERR_CLOSED, .maybe_sent = true, .return_value = -1};
    feed(w, (struct prov_ev){.kind = PROV_EV_RESULT, .result = &r});
}

static void do_journal(struct world *w, unsigned bits) {
    w->points++;
    if (here(w, CRASH_BEFORE, CUT_BEFORE)) { /* nothing is written: a cut has no meaning here */
        w->crashed = true;
        return;
    }
    journal(w, bits);
    if (here(w, CRASH_AFTER, CUT_AFTER)) {
        w->crashed = true;
        return;
    }
    feed(w, (struct prov_ev){.kind = PROV_EV_JOURNALED});
}

static void act(struct world *w, const struct prov_act *a) {
    switch (a->kind) {
    case PROV_ACT_JOURNAL:
        do_journal(w, a->bits);
        break;
    case PROV_ACT_SAVE:
    case PROV_ACT_ENDED:
        w->kept.p = w->m.p;
        w->ended += a->kind == PROV_ACT_ENDED;
        break;
    case PROV_ACT_LOGIN:
        w->cred = a->cred;
        break;
    case PROV_ACT_JOB:
        do_job(w, a);
        break;
    case PROV_ACT_AMT:
        w->amt = a->amt;
        break;
    case PROV_ACT_HANG_UP:
        w->link_up = false;
        feed(w, (struct prov_ev){.kind = PROV_EV_LINK_DOWN});
        break;
    case PROV_ACT_REFUSE:
        w->refused++;
        break;
    case PROV_ACT_FINISH:
    case PROV_ACT_PROGRESS:
    case PROV_ACT_SESSIONS:
        break;
    }
}

static void feed(struct world *w, struct prov_ev ev) {
    struct prov_acts acts = {0};
    if (w->crashed)
        return;
    provision_input(&w->m, &w->rules, &ev, w->now, &acts);
    for (size_t i = 0; i < acts.n && !w->crashed; i++)
        act(w, &acts.v[i]);
}

static struct prov_has has_of(const struct world *w) {
    return (struct prov_has){
        .amt = w->kept.amt != 0, .amt_next = w->kept.amt_next != 0, .cira_next = w->kept.cira_next != 0};
}

/* The firmware dials with what it has; the server knows both secrets. */
static void dial(struct world *w) {
    bool was = w->link_up;
    bool ok = w->fw.cira && (w->fw.cira == w->kept.cira || w->fw.cira == w->kept.cira_next);
    w->by_next = ok && w->fw.cira == w->kept.cira_next;
    if (was && !ok) {
        w->link_up = false;
        feed(w, (struct prov_ev){.kind = PROV_EV_LINK_DOWN});
        feed(w, (struct prov_ev){.kind = PROV_EV_WAY_LOST, .way = PROV_WAY_TUNNEL});
    } else if (!was && ok) {
        w->link_up = true;
        feed(w, (struct prov_ev){.kind = PROV_EV_LINK_UP, .by_next = w->by_next});
    }
}

/* The world goes on until nothing changes any more. */
static void settle(struct world *w) {
    for (int i = 0; i < 200; i++) {
        if (w->crashed) { /* the server starts again with what it has kept */
            w->crashed = false;
            w->link_up = false;
            provision_init(&w->m, &w->rules, &w->kept.p, false, w->now.mono);
        }
        w->now.mono = mono_add_ms(w->now.mono, 5000);
        dial(w);
        feed(w, (struct prov_ev){.kind = PROV_EV_TIME});
        if (provision_wants(&w->m, w->way) && (w->way == PROV_WAY_LOCAL || w->link_up))
            feed(w, (struct prov_ev){.kind = PROV_EV_WAY,
                                     .way = w->way,
                                     .has = has_of(w),
                                     .spec = &w->spec,
                                     .os_admin = w->way == PROV_WAY_LOCAL});
        if (w->way == PROV_WAY_LOCAL && !w->crashed)
            feed(w, (struct prov_ev){.kind = PROV_EV_MODE, .mode = w->fw.mode});
    }
}

static struct world world_of(enum amt_control_mode mode, enum prov_way way) {
    struct world w = {
        .rules = PROV_RULES_DEFAULT, .way = way, .spec = {.mode = mode, .nchain = 3, .network = true}};
    w.fw.mode = AMT_MODE_NONE;
    provision_init(&w.m, &w.rules, &(struct provision){0}, false, w.now.mono);
    return w;
}

static void order(struct world *w, enum prov_goal goal) {
    feed(w, (struct prov_ev){.kind = PROV_EV_ORDER,
                             .goal = goal,
                             .mode = w->spec.mode,
                             .profile = "p",
                             .actor = "admin",
                             .has = has_of(w)});
}

/* The firmware and the store agree, and it was set up once. */
static void assert_activated(const struct world *w, const char *what) {
    bool acm = w->fw.mode == AMT_MODE_ACM;
    bool ok = w->m.p.state == PROV_STATE_DONE && w->fw.mode == w->spec.mode && w->fw.admin == w->kept.amt &&
              w->fw.mebx == w->kept.mebx && (w->fw.mebx != 0) == acm && !w->kept.mebx_next &&
              w->fw.cira == w->kept.cira && w->fw.admin && w->fw.cira && !w->kept.amt_next &&
              !w->kept.cira_next && w->fw.configured && w->fw.setups <= 1 && w->link_up &&
              w->amt == AMT_STATE_PROVISIONED;
    if (!ok)
        fail_msg("%s: %s/%s at %s: %s; mode %d setups %u admin %d/%d/%d cira %d/%d/%d mebx %d/%d/%d "
                 "link %d",
                 what, prov_state_text(w->m.p.state), prov_code_text(w->m.p.code),
                 prov_step_text(w->m.p.step), w->m.p.text, w->fw.mode, w->fw.setups, w->fw.admin, w->kept.amt,
                 w->kept.amt_next, w->fw.cira, w->kept.cira, w->kept.cira_next, w->fw.mebx, w->kept.mebx,
                 w->kept.mebx_next, w->link_up);
}

static void assert_free(const struct world *w, const char *what) {
    bool ok = prov_state_ended(w->m.p.state) && w->m.p.state != PROV_STATE_FAILED &&
              w->fw.mode == AMT_MODE_NONE && !w->kept.amt && !w->kept.amt_next && !w->kept.cira &&
              !w->kept.cira_next && w->fw.unprovisions <= 1;
    if (!ok)
        fail_msg("%s: %s/%s at %s: %s; mode %d unprovisions %u kept %d/%d/%d/%d", what,
                 prov_state_text(w->m.p.state), prov_code_text(w->m.p.code), prov_step_text(w->m.p.step),
                 w->m.p.text, w->fw.mode, w->fw.unprovisions, w->kept.amt, w->kept.amt_next, w->kept.cira,
                 w->kept.cira_next);
}

/* --- one flow under every fault at every point --- */

struct flow {
    const char *name;
    void (*begin)(struct world *w); /* the state before, then the order */
    void (*check)(const struct world *w, const char *what);
    enum amt_control_mode mode;
    enum prov_way way;
};

static void run_flow(const struct flow *f, enum fault fault, unsigned at, struct world *w) {
    *w = world_of(f->mode, f->way);
    f->begin(w);
    w->points = 0;
    w->fault = fault;
    w->fault_at = at;
    settle(w);
}

static void every_fault(const struct flow *f) {
    struct world w;
    char what[80];
    run_flow(f, NO_FAULT, 0, &w);
    f->check(&w, f->name);
    unsigned points = w.points;
    assert_true(points > 3);
    for (enum fault fault = CUT_BEFORE; fault < FAULTS; fault++)
        for (unsigned at = 1; at <= points; at++) {
            run_flow(f, fault, at, &w);
            snprintf(what, sizeof what, "%s, fault %d at point %u of %u", f->name, fault, at, points);
            f->check(&w, what);
        }
}

static void activated_before(struct world *w) {
    order(w, PROV_GOAL_ACTIVATE);
    enum prov_way way = w->way;
    w->way = PROV_WAY_LOCAL;
    settle(w);
    assert_activated(w, "before");
    w->way = way;
}

static void begin_activate(struct world *w) {
    order(w, PROV_GOAL_ACTIVATE);
}
static void begin_upgrade(struct world *w) {
    w->spec.mode = AMT_MODE_CCM;
    activated_before(w);
    w->spec.mode = AMT_MODE_ACM;
    order(w, PROV_GOAL_ACTIVATE);
}
static void begin_again(struct world *w) {
    activated_before(w);
    w->fw.configured = false;
    order(w, PROV_GOAL_ACTIVATE);
}
static void begin_deactivate(struct world *w) {
    activated_before(w);
    order(w, PROV_GOAL_DEACTIVATE);
}
static void begin_rotate_amt(struct world *w) {
    activated_before(w);
    order(w, PROV_GOAL_ROTATE_AMT);
}
static void begin_rotate_cira(struct world *w) {
    activated_before(w);
    order(w, PROV_GOAL_ROTATE_CIRA);
}
static void begin_rotate_all(struct world *w) {
    activated_before(w);
    order(w, PROV_GOAL_ROTATE_ALL);
}
/* A rotation has nothing to do with the MEBx password: it stays the one of the activation. */
static void check_rotated(const struct world *w, const char *what) {
    assert_activated(w, what);
    if (w->fw.mebx && w->fw.mebx != FIRST_MEBX)
        fail_msg("%s: the MEBx password was changed to %d", what, w->fw.mebx);
    if (w->fw.admin == FIRST_AMT && w->fw.cira == FIRST_CIRA)
        fail_msg("%s: nothing was rotated", what);
}

static void client_control_mode(void **state) {
    every_fault(&(struct flow){"ccm", begin_activate, assert_activated, AMT_MODE_CCM, PROV_WAY_LOCAL});
}
static void admin_control_mode(void **state) {
    every_fault(&(struct flow){"acm", begin_activate, assert_activated, AMT_MODE_ACM, PROV_WAY_LOCAL});
}
static void from_client_to_admin(void **state) {
    every_fault(&(struct flow){"upgrade", begin_upgrade, assert_activated, AMT_MODE_ACM, PROV_WAY_LOCAL});
}
static void configured_once_more(void **state) {
    every_fault(&(struct flow){"again", begin_again, assert_activated, AMT_MODE_CCM, PROV_WAY_LOCAL});
}
static void deactivated_from_inside(void **state) {
    every_fault(
        &(struct flow){"deactivate, agent", begin_deactivate, assert_free, AMT_MODE_CCM, PROV_WAY_LOCAL});
}
static void amt_password_rotates(void **state) {
    every_fault(&(struct flow){"rotate amt", begin_rotate_amt, check_rotated, AMT_MODE_CCM, PROV_WAY_TUNNEL});
    every_fault(
        &(struct flow){"rotate amt, agent", begin_rotate_amt, check_rotated, AMT_MODE_ACM, PROV_WAY_LOCAL});
}
static void cira_password_rotates(void **state) {
    every_fault(
        &(struct flow){"rotate cira", begin_rotate_cira, check_rotated, AMT_MODE_CCM, PROV_WAY_TUNNEL});
}
static void both_rotate(void **state) {
    every_fault(&(struct flow){"rotate all", begin_rotate_all, check_rotated, AMT_MODE_ACM, PROV_WAY_TUNNEL});
}

/* By the tunnel alone nobody tells afterwards, when the answer is lost: it stays open and says so, and never
 * says done while the firmware is active. */
static void check_truthful(const struct world *w, const char *what) {
    bool done = w->m.p.state == PROV_STATE_DONE;
    if (done && w->fw.mode != AMT_MODE_NONE)
        fail_msg("%s: said to be done, and the firmware is active", what);
    if (w->amt == AMT_STATE_UNPROVISIONED && w->fw.mode != AMT_MODE_NONE)
        fail_msg("%s: shown as unprovisioned, and the firmware is active", what);
    if (!done && !(w->m.p.state == PROV_STATE_WAITING && w->fw.mode == AMT_MODE_NONE))
        fail_msg("%s: %s: %s", what, prov_state_text(w->m.p.state), w->m.p.text);
    assert_true(w->fw.unprovisions == 1);
}
static void deactivated_by_the_tunnel(void **state) {
    every_fault(&(struct flow){"deactivate, tunnel", begin_deactivate, check_truthful, AMT_MODE_ACM,
                               PROV_WAY_TUNNEL});
}

/* --- cancelled at every point --- */

static void cancelled_anywhere(void **state) {
    struct world w;
    run_flow(&(struct flow){"ccm", begin_activate, NULL, AMT_MODE_CCM, PROV_WAY_LOCAL}, NO_FAULT, 0, &w);
    unsigned points = w.points;
    for (unsigned at = 1; at < points; at++) {
        w = world_of(AMT_MODE_CCM, PROV_WAY_LOCAL);
        order(&w, PROV_GOAL_ACTIVATE);
        w.points = 0;
        w.fault = CUT_AFTER;
        w.fault_at = at;
        /* until the fault only: then the operator changes his mind */
        while (!w.cut && !w.crashed && w.m.p.state != PROV_STATE_DONE) {
            w.now.mono = mono_add_ms(w.now.mono, 5000);
            feed(&w, (struct prov_ev){.kind = PROV_EV_TIME});
            if (provision_wants(&w.m, w.way))
                feed(&w, (struct prov_ev){.kind = PROV_EV_WAY,
                                          .way = w.way,
                                          .has = has_of(&w),
                                          .spec = &w.spec,
                                          .os_admin = true});
            dial(&w);
        }
        if (w.crashed) {
            w.crashed = false;
            provision_init(&w.m, &w.rules, &w.kept.p, false, w.now.mono);
            w.m.has = has_of(&w);
        }
        if (w.m.p.state == PROV_STATE_DONE)
            continue;
        feed(&w, (struct prov_ev){.kind = PROV_EV_CANCEL, .actor = "admin"});
        settle(&w);
        char what[40];
        snprintf(what, sizeof what, "cancelled at %u", at);
        if (w.fw.mode != AMT_MODE_NONE || w.m.p.state != PROV_STATE_CANCELLED)
            fail_msg("%s: mode %d, %s: %s", what, w.fw.mode, prov_state_text(w.m.p.state), w.m.p.text);
    }
}

/* --- the MEBx password --- */

/* What is stored is what the firmware has, or what it had: never one that was not sent. */
static void a_mebx_password_that_was_not_set_is_not_kept(void **state) {
    struct world w = world_of(AMT_MODE_ACM, PROV_WAY_LOCAL);
    w.fw.refuses_mebx = true;
    order(&w, PROV_GOAL_ACTIVATE);
    settle(&w);
    assert_int_equal(w.m.p.state, PROV_STATE_DONE);
    assert_non_null(strstr(w.m.p.text, "mebx"));
    assert_int_equal(w.kept.mebx, 0);
    /* and it is not taken for the present one by what comes later */
    w.way = PROV_WAY_TUNNEL;
    order(&w, PROV_GOAL_ROTATE_ALL);
    settle(&w);
    assert_int_equal(w.m.p.state, PROV_STATE_DONE);
    assert_int_equal(w.kept.mebx, 0);
}

/* One that was set before (imported, say) outlives an activation that is cut before it comes to it, and is
 * set again. */
static void the_stored_mebx_password_outlives_a_cut_activation(void **state) {
    struct world w = world_of(AMT_MODE_ACM, PROV_WAY_LOCAL);
    w.fw.mebx = w.kept.mebx = 77;
    w.fault = CUT_BEFORE;
    order(&w, PROV_GOAL_ACTIVATE);
    for (w.fault_at = 1; w.m.p.step != PROV_STEP_MEBX; w.fault_at++) {
        assert_true(w.fault_at < 40);
        assert_int_equal(w.kept.mebx, 77);
        w.points = 0;
        feed(&w, (struct prov_ev){.kind = PROV_EV_TIME});
        if (w.crashed) {
            w.crashed = false;
            provision_init(&w.m, &w.rules, &w.kept.p, false, w.now.mono);
        }
        feed(&w,
             (struct prov_ev){
                 .kind = PROV_EV_WAY, .way = w.way, .has = has_of(&w), .spec = &w.spec, .os_admin = true});
    }
    assert_int_equal(w.kept.mebx, 77);
    assert_int_equal(w.fw.mebx, 77);
    w.fault = NO_FAULT;
    w.crashed = false;
    provision_init(&w.m, &w.rules, &w.kept.p, false, w.now.mono);
    settle(&w);
    assert_activated(&w, "at last");
    assert_int_equal(w.fw.mebx, 77);
}

/* Unprovision leaves MEBx's password in the firmware, so it is kept here, and the next activation sets it
 * again. */
static void the_mebx_password_outlives_a_deactivation(void **state) {
    struct world w = world_of(AMT_MODE_ACM, PROV_WAY_LOCAL);
    order(&w, PROV_GOAL_ACTIVATE);
    settle(&w);
    assert_activated(&w, "at first");
    order(&w, PROV_GOAL_DEACTIVATE);
    settle(&w);
    assert_free(&w, "then");
    assert_int_equal(w.fw.mebx, FIRST_MEBX);
    assert_int_equal(w.kept.mebx, FIRST_MEBX);
    w.fw.setups = 0;
    order(&w, PROV_GOAL_ACTIVATE);
    settle(&w);
    assert_activated(&w, "again");
    assert_int_equal(w.fw.mebx, FIRST_MEBX);
}

/* --- refusals --- */

static void a_refused_set_up_is_said_and_leaves_nothing(void **state) {
    struct world w = world_of(AMT_MODE_ACM, PROV_WAY_LOCAL);
    w.fw.refuses_setup = true;
    order(&w, PROV_GOAL_ACTIVATE);
    settle(&w);
    assert_int_equal(w.m.p.state, PROV_STATE_FAILED);
    assert_int_equal(w.m.p.code, PROV_CODE_SETUP_REFUSED);
    assert_int_equal(w.m.p.tries, w.rules.refusals_max);
    assert_int_equal(w.kept.amt_next, 0);
    assert_int_equal(w.kept.cira_next, 0);
}

static void unprovision_that_is_refused_changes_nothing(void **state) {
    struct world w = world_of(AMT_MODE_ACM, PROV_WAY_TUNNEL);
    activated_before(&w);
    w.fw.refuses_unprovision = true;
    order(&w, PROV_GOAL_DEACTIVATE);
    settle(&w);
    assert_int_equal(w.m.p.state, PROV_STATE_FAILED);
    assert_int_equal(w.amt, AMT_STATE_PROVISIONED);
    assert_true(w.kept.amt && w.kept.cira);
}

static void a_foreign_firmware_is_told_apart(void **state) {
    struct world w = world_of(AMT_MODE_CCM, PROV_WAY_LOCAL);
    w.fw.mode = AMT_MODE_ACM;
    w.fw.admin = 77;
    order(&w, PROV_GOAL_ACTIVATE);
    settle(&w);
    assert_int_equal(w.m.p.state, PROV_STATE_FAILED);
    assert_int_equal(w.m.p.code, PROV_CODE_FOREIGN);
    assert_non_null(strstr(w.m.p.remedy, "MEBx"));
    assert_int_equal(w.fw.setups, 0);
}

static void no_certificate_and_no_way_down(void **state) {
    struct world w = world_of(AMT_MODE_ACM, PROV_WAY_LOCAL);
    w.spec.nchain = 0;
    snprintf(w.spec.no_chain, sizeof w.spec.no_chain, "no domain fits the DNS suffix far.example");
    order(&w, PROV_GOAL_ACTIVATE);
    settle(&w);
    assert_int_equal(w.m.p.code, PROV_CODE_NO_CERTIFICATE);
    assert_non_null(strstr(w.m.p.text, ": no domain fits the DNS suffix far.example"));
    assert_non_null(strstr(w.m.p.remedy, "orch-cli create domain"));
    assert_int_equal(w.fw.setups + w.fw.chain, 0);
    w = world_of(AMT_MODE_ACM, PROV_WAY_LOCAL);
    activated_before(&w);
    w.spec.mode = AMT_MODE_CCM;
    order(&w, PROV_GOAL_ACTIVATE);
    settle(&w);
    assert_int_equal(w.m.p.code, PROV_CODE_DOWNGRADE);
}

static void one_at_a_time(void **state) {
    struct world w = world_of(AMT_MODE_CCM, PROV_WAY_NONE);
    order(&w, PROV_GOAL_ACTIVATE);
    order(&w, PROV_GOAL_DEACTIVATE);
    assert_int_equal(w.refused, 1);
    assert_int_equal(w.m.p.goal, PROV_GOAL_ACTIVATE);
}

/* Secrets that are given up are the end of it, whenever the server stops: nothing is taken up again. */
static void forgotten_is_the_end(void **state) {
    for (unsigned open = 0; open < 2; open++)
        for (enum fault fault = NO_FAULT; fault <= CRASH_AFTER; fault += CRASH_AFTER) {
            struct world w = world_of(AMT_MODE_CCM, PROV_WAY_TUNNEL);
            activated_before(&w);
            w.way = PROV_WAY_NONE;
            if (open)
                order(&w, PROV_GOAL_DEACTIVATE);
            w.points = 0;
            w.fault = fault;
            w.fault_at = 1;
            feed(&w, (struct prov_ev){.kind = PROV_EV_FORGET, .actor = "admin"});
            assert_int_equal(w.crashed, fault == CRASH_AFTER);
            assert_int_equal(w.kept.amt, 0);
            assert_int_equal(w.kept.p.goal, PROV_GOAL_DEACTIVATE);
            assert_string_equal(prov_state_text(w.kept.p.state), "cancelled"); /* at every moment */
            w.way = PROV_WAY_LOCAL;                                            /* the node comes back */
            settle(&w);
            assert_int_equal(w.fw.mode, AMT_MODE_CCM);
            assert_int_equal(w.m.p.state, PROV_STATE_CANCELLED);
        }
}

/* A node that breaks off for ever is given up at last. */
static void tries_are_used_up(void **state) {
    struct world w = world_of(AMT_MODE_CCM, PROV_WAY_LOCAL);
    w.rules.tries_max = 5;
    order(&w, PROV_GOAL_ACTIVATE);
    for (int i = 0; i < 20 && provision_open(&w.m); i++) {
        w.points = 0;
        w.fault = CUT_BEFORE;
        w.fault_at = 1;
        feed(&w,
             (struct prov_ev){
                 .kind = PROV_EV_WAY, .way = w.way, .has = has_of(&w), .spec = &w.spec, .os_admin = true});
    }
    assert_int_equal(w.m.p.code, PROV_CODE_TOO_OFTEN);
    assert_int_equal(w.m.p.tries, 5);
}

UNIT_MAIN(T(client_control_mode), T(admin_control_mode), T(from_client_to_admin), T(configured_once_more),
          T(deactivated_from_inside), T(deactivated_by_the_tunnel), T(amt_password_rotates),
          T(cira_password_rotates), T(both_rotate), T(cancelled_anywhere),
          T(a_mebx_password_that_was_not_set_is_not_kept),
          T(the_stored_mebx_password_outlives_a_cut_activation), T(the_mebx_password_outlives_a_deactivation),
          T(a_refused_set_up_is_said_and_leaves_nothing), T(unprovision_that_is_refused_changes_nothing),
          T(a_foreign_firmware_is_told_apart), T(no_certificate_and_no_way_down), T(one_at_a_time),
          T(tries_are_used_up), T(forgotten_is_the_end))
