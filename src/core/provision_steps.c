/* SPDX-License-Identifier: Apache-2.0 */
/* The steps: what each asks of the firmware, and what its answer leads to. */
#include "core/provision_impl.h"

#include <stdio.h>

bool prov_no_answer(const struct wsc_result *r) {
    return r->err < 0 && r->err != ERR_FAULT && r->err != ERR_AUTH && r->err != ERR_REFUSED;
}

const char *prov_why(const struct wsc_result *r, char *out, size_t cap) {
    if (r->err < 0)
        snprintf(out, cap, "%.150s", r->why[0] ? r->why : err_text(r->err));
    else
        snprintf(out, cap, "%s (%lld)", amt_setup_return_text(r->method ? r->method : "", r->return_value),
                 (long long)r->return_value);
    return out;
}

void prov_broke_off(struct prov_turn *t, const struct wsc_result *r) {
    char why[160];
    prov_interrupted(t, "The firmware gave no answer at the step \"%s\": %.150s",
                     prov_step_text(t->m->p.step), prov_why(r, why, sizeof why));
}

/* --- UNPROVISION, RELEASE --- */

static void send_unprovision(struct prov_turn *t) {
    prov_act(t, PROV_ACT_SESSIONS);
    prov_job(t, WSC_UNPROVISION, 0);
}

static void start_unprovision(struct prov_turn *t) {
    prov_say(t, "Unprovisioning the firmware");
    prov_journal(t, 0, send_unprovision);
}

static void forgotten(struct prov_turn *t) {
    prov_act(t, PROV_ACT_AMT)->amt = AMT_STATE_UNPROVISIONED;
    prov_done(t, "The firmware is not provisioned any more");
}

void prov_release_seen(struct prov_turn *t) {
    t->m->has = (struct prov_has){0};
    prov_journal(t, PROV_DROP_RELEASED, forgotten);
}

static void begin_release(struct prov_turn *t) {
    struct prov_machine *m = t->m;
    if (!m->link_up) {
        prov_release_seen(t);
        return;
    }
    prov_set_state(t, PROV_STATE_CONNECTING, PROV_CODE_NONE,
                   "The firmware said that it is unprovisioned; its tunnel must be seen to go", "");
    m->again_at = mono_add_ms(t->now.mono, t->r->release_ms);
}

static void on_unprovision(struct prov_turn *t, const struct wsc_result *r) {
    char why[160], text[PROV_TEXT_CAP];
    if (prov_no_answer(r) && r->maybe_sent) {
        prov_set_state(t, PROV_STATE_WAITING, PROV_CODE_UNCLEAR,
                       "Unprovision was sent, and no answer came: whether it was done is not known yet",
                       "Nothing must be done: the node's agent or its next tunnel will tell.");
        prov_finish_way(t, false);
    } else if (prov_no_answer(r)) {
        prov_broke_off(t, r);
    } else if (r->err < 0 || r->return_value != 0) {
        snprintf(text, sizeof text, "The firmware refused to be unprovisioned: %.150s. It is still active",
                 prov_why(r, why, sizeof why));
        prov_refused(t, PROV_CODE_REFUSED, text, PROV_GET_OUT);
    } else {
        prov_enter(t, PROV_STEP_RELEASE);
    }
}

/* --- the table --- */

static const struct {
    void (*begin)(struct prov_turn *t);
    void (*result)(struct prov_turn *t, const struct wsc_result *r);
} STEPS[PROV_STEP_COUNT] = {
    [PROV_STEP_READ] = {prov_begin_read, prov_on_read},
    [PROV_STEP_LOGIN] = {prov_begin_login, prov_on_login},
    [PROV_STEP_CHAIN] = {prov_begin_chain, prov_on_chain},
    [PROV_STEP_SETUP] = {prov_begin_setup, prov_on_setup},
    [PROV_STEP_CHECK] = {prov_begin_check, prov_on_check},
    [PROV_STEP_ADMIN] = {prov_begin_admin, prov_on_admin},
    [PROV_STEP_ADMIN_CHECK] = {prov_begin_admin_check, prov_on_admin_check},
    [PROV_STEP_MEBX] = {prov_begin_mebx, prov_on_mebx},
    [PROV_STEP_CLEAN] = {prov_begin_plain, prov_on_plain},
    [PROV_STEP_NETWORK] = {prov_begin_plain, prov_on_plain},
    [PROV_STEP_CIRA] = {prov_begin_cira, prov_on_cira},
    [PROV_STEP_CIRA_SECRET] = {prov_begin_cira, prov_on_cira},
    [PROV_STEP_TLS_KEY] = {prov_begin_plain, prov_on_plain},
    [PROV_STEP_TLS] = {prov_begin_plain, prov_on_plain},
    [PROV_STEP_FEATURES] = {prov_begin_plain, prov_on_plain},
    [PROV_STEP_CLOCK] = {prov_begin_plain, prov_on_plain},
    [PROV_STEP_CONNECT] = {prov_begin_connect, NULL},
    [PROV_STEP_UNPROVISION] = {start_unprovision, on_unprovision},
    [PROV_STEP_RELEASE] = {begin_release, NULL},
};

void prov_enter(struct prov_turn *t, enum prov_step s) {
    t->m->p.step = s;
    t->m->p.updated = t->now.wall;
    STEPS[s].begin(t);
}

void prov_step_result(struct prov_turn *t, const struct wsc_result *r) {
    if (STEPS[t->m->p.step].result)
        STEPS[t->m->p.step].result(t, r);
}

void prov_step_time(struct prov_turn *t) {
    struct prov_machine *m = t->m;
    m->again_at = MONO_NEVER;
    if (m->p.step == PROV_STEP_CHECK && m->p.state == PROV_STATE_RUNNING)
        prov_begin_check(t);
    else if (m->p.step == PROV_STEP_RELEASE && m->p.state == PROV_STATE_CONNECTING && !m->link_up)
        prov_release_seen(t);
    else if (m->p.step == PROV_STEP_RELEASE && m->p.state == PROV_STATE_CONNECTING)
        prov_fail(
            t, PROV_CODE_STILL_HERE,
            "The firmware answered Unprovision with 0, but its tunnel is still up: it is shown as active",
            "Order the deactivation again, or deactivate at the node: rpc deactivate.");
}

void prov_step_link(struct prov_turn *t, bool up, bool by_next) {
    struct prov_machine *m = t->m;
    if (m->then || m->p.goal == PROV_GOAL_NONE)
        return;
    if (m->p.step == PROV_STEP_CONNECT && m->p.state == PROV_STATE_CONNECTING && up) {
        if (by_next || !m->has.cira_next)
            prov_journal(t, PROV_PROMOTE_CIRA, prov_connected);
        else if (m->p.goal != PROV_GOAL_ACTIVATE)
            prov_refused(
                t, PROV_CODE_REFUSED,
                "The node logged in with the present CIRA password: the firmware did not take the new one",
                "The present one stays. Try again.");
    } else if (m->p.step == PROV_STEP_RELEASE && m->p.state == PROV_STATE_CONNECTING && !up) {
        prov_release_seen(t);
    }
}
