/* SPDX-License-Identifier: Apache-2.0 */
/* What the firmware is, who we are to it, and a new AMT password on one that is set up. */
#include "core/provision_impl.h"

#include <stdio.h>

/* --- READ, LOGIN: what is it, and who are we to it --- */

void prov_begin_read(struct prov_turn *t) {
    prov_say(t, "Reading what the firmware is");
    prov_login(t, PROV_CRED_OS_ADMIN);
    prov_job(t, WSC_SETUP_READ, 0);
}

static enum prov_cred next_cred(const struct prov_machine *m) {
    const bool there[PROV_CRED_COUNT] = {
        [PROV_CRED_NEXT] = m->has.amt_next, [PROV_CRED_CURRENT] = m->has.amt, [PROV_CRED_GIVEN] = m->given};
    for (enum prov_cred c = PROV_CRED_NEXT; c < PROV_CRED_COUNT; c++)
        if (there[c] && !(m->tried & 1u << c))
            return c;
    return PROV_CRED_NONE;
}

/* A fault is no word about who we are. */
static void not_told(struct prov_turn *t, const struct wsc_result *r) {
    char why[160], text[PROV_TEXT_CAP];
    snprintf(text, sizeof text, "The firmware does not tell what it is: %.150s",
             prov_why(r, why, sizeof why));
    prov_refused(t, PROV_CODE_REFUSED, text,
                 "Look at the firmware's version; restart the node, then order it again.");
}

void prov_on_read(struct prov_turn *t, const struct wsc_result *r) {
    struct prov_machine *m = t->m;
    if (prov_no_answer(r)) {
        prov_broke_off(t, r);
        return;
    }
    if (r->err < 0 && r->err != ERR_AUTH && next_cred(m) == PROV_CRED_NONE) {
        not_told(t, r);
        return;
    }
    if (r->err == 0)
        m->setup = *r->setup;
    if (r->err < 0 || m->setup.control_mode != AMT_MODE_NONE) {
        prov_enter(t, PROV_STEP_LOGIN);
        return;
    }
    if (m->p.goal == PROV_GOAL_ACTIVATE) {
        prov_set_up(t);
    } else if (m->p.goal == PROV_GOAL_DEACTIVATE) {
        prov_release_seen(t);
    } else {
        prov_fail(t, PROV_CODE_FOREIGN, "The firmware is not provisioned: it has no secret to change",
                  "Activate the node first.");
    }
}

void prov_begin_login(struct prov_turn *t) {
    enum prov_cred c = next_cred(t->m);
    if (c == PROV_CRED_NONE) {
        prov_fail(t, PROV_CODE_FOREIGN,
                  "The firmware is set up already, and no secret that this server has logs in: it belongs to "
                  "another orchestrator, or its password was changed elsewhere",
                  PROV_GET_OUT);
        return;
    }
    prov_login(t, c);
    prov_job(t, WSC_SETUP_READ, 0);
}

static void promoted_amt(struct prov_turn *t) {
    struct prov_machine *m = t->m;
    m->has.amt = true;
    m->has.amt_next = false;
    m->cred = PROV_CRED_CURRENT;
    if (m->p.goal == PROV_GOAL_ACTIVATE) {
        prov_act(t, PROV_ACT_AMT)->amt = AMT_STATE_PROVISIONED;
        prov_configure(t);
    } else {
        prov_rotated_amt(t);
    }
}

/* A login with the fresh password is the proof: it takes the old one's place. */
static void promote_amt(struct prov_turn *t) {
    t->m->p.admin_ours = true;
    prov_journal(t, PROV_PROMOTE_AMT, promoted_amt);
}

static void store_then_admin(struct prov_turn *t) {
    t->m->has.amt_next = true;
    prov_enter(t, PROV_STEP_ADMIN);
}

static void to_admin(struct prov_turn *t) {
    if (t->m->has.amt_next)
        prov_enter(t, PROV_STEP_ADMIN);
    else
        prov_journal(t, PROV_FRESH_AMT, store_then_admin);
}

void prov_set_up_seen(struct prov_turn *t) {
    struct prov_machine *m = t->m;
    if (m->setup.control_mode == AMT_MODE_ACM && m->spec.mode == AMT_MODE_CCM) {
        prov_fail(t, PROV_CODE_DOWNGRADE,
                  "The node is in admin control mode, and the profile wants client control mode",
                  "Deactivate it first, or choose a profile for admin control mode.");
        return;
    }
    if (m->setup.control_mode == AMT_MODE_CCM && m->spec.mode == AMT_MODE_ACM) {
        prov_set_up(t);
        return;
    }
    if (m->cred == PROV_CRED_NEXT)
        promote_amt(t);
    else if (m->cred == PROV_CRED_GIVEN)
        to_admin(t);
    else
        prov_configure(t);
}

void prov_on_login(struct prov_turn *t, const struct wsc_result *r) {
    struct prov_machine *m = t->m;
    if (prov_no_answer(r)) {
        prov_broke_off(t, r);
        return;
    }
    if (r->err < 0 && r->err != ERR_AUTH) {
        not_told(t, r);
        return;
    }
    if (r->err < 0) {
        m->tried |= 1u << m->cred;
        prov_begin_login(t);
        return;
    }
    m->setup = *r->setup;
    if (m->p.goal == PROV_GOAL_ACTIVATE)
        prov_set_up_seen(t);
    else if (m->p.goal == PROV_GOAL_DEACTIVATE)
        prov_enter(t, PROV_STEP_UNPROVISION);
    else if (!prov_rotates_amt(m->p.goal) || m->p.admin_ours)
        prov_rotated_amt(t);
    else if (m->cred == PROV_CRED_NEXT)
        promote_amt(t);
    else
        to_admin(t);
}

/* --- ADMIN: a new AMT password on a firmware that is set up --- */

static void send_admin(struct prov_turn *t) {
    prov_job(t, WSC_ADMIN_SET, 0);
}

void prov_begin_admin(struct prov_turn *t) {
    prov_say(t, "Setting the new AMT password");
    prov_journal(t, 0, send_admin);
}

void prov_on_admin(struct prov_turn *t, const struct wsc_result *r) {
    char why[160], text[PROV_TEXT_CAP];
    if (r->err == 0 && r->return_value != 0) {
        snprintf(text, sizeof text, "The firmware refused the new AMT password: %.150s",
                 prov_why(r, why, sizeof why));
        prov_refused(t, PROV_CODE_REFUSED, text,
                     "The present password stays. Look at the firmware's version and try again.");
        return;
    }
    /* with or without an answer: the login tells */
    prov_enter(t, PROV_STEP_ADMIN_CHECK);
}

void prov_begin_admin_check(struct prov_turn *t) {
    prov_login(t, PROV_CRED_NEXT);
    prov_job(t, WSC_SETUP_READ, 0);
}

void prov_on_admin_check(struct prov_turn *t, const struct wsc_result *r) {
    if (r->err == 0)
        promote_amt(t);
    else if (r->err == ERR_AUTH)
        prov_refused(t, PROV_CODE_REFUSED,
                     "The new AMT password does not log in: the firmware kept the present one",
                     "Nothing changed. Look at the firmware's version and try again.");
    else
        prov_broke_off(t, r);
}
