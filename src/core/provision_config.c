/* SPDX-License-Identifier: Apache-2.0 */
/* What a firmware that is set up is told, until its tunnel comes. */
#include "core/provision_impl.h"

#include <stdio.h>
#include <string.h>

/* --- the rest of an activation: one step after the other, each may be repeated --- */

static enum prov_step after(const struct prov_machine *m, enum prov_step s) {
    /* TLS last: from its commit on the local port may be another one */
    static const enum prov_step ORDER[] = {PROV_STEP_MEBX,    PROV_STEP_CLEAN,    PROV_STEP_NETWORK,
                                           PROV_STEP_CIRA,    PROV_STEP_FEATURES, PROV_STEP_CLOCK,
                                           PROV_STEP_TLS_KEY, PROV_STEP_TLS,      PROV_STEP_CONNECT};
    bool past = s == PROV_STEP_NONE;
    for (size_t i = 0; i < sizeof ORDER / sizeof *ORDER; i++) {
        enum prov_step c = ORDER[i];
        bool skip = (c == PROV_STEP_MEBX && m->spec.mode != AMT_MODE_ACM) ||
                    (c == PROV_STEP_NETWORK && !m->spec.network) ||
                    ((c == PROV_STEP_TLS_KEY || c == PROV_STEP_TLS) && !m->spec.tls);
        if (past && !skip)
            return c;
        past = past || c == s;
    }
    return PROV_STEP_CONNECT;
}

void prov_configure(struct prov_turn *t) {
    prov_enter(t, after(t->m, PROV_STEP_NONE));
}

void prov_begin_plain(struct prov_turn *t) {
    static const struct {
        enum wsc_job_kind job;
        const char *text;
    } JOBS[PROV_STEP_COUNT] = {
        [PROV_STEP_CLEAN] = {WSC_CLEAN, "Clearing what was configured before"},
        [PROV_STEP_NETWORK] = {WSC_NETWORK_SET, "Setting the host name"},
        [PROV_STEP_TLS_KEY] = {WSC_TLS_KEY, "Making the firmware's key"},
        [PROV_STEP_TLS] = {WSC_TLS_SET, "Switching TLS on"},
        [PROV_STEP_FEATURES] = {WSC_FEATURES_SET, "Setting KVM, SOL, IDE-R and user consent"},
        [PROV_STEP_CLOCK] = {WSC_CLOCK_SET, "Setting the clock"},
    };
    enum prov_step s = t->m->p.step;
    prov_say(t, "%s", JOBS[s].text);
    prov_job(t, JOBS[s].job, 0);
}

/* A step that may fail without making the node unmanageable: it is told, and the next one comes. */
void prov_on_plain(struct prov_turn *t, const struct wsc_result *r) {
    struct prov_machine *m = t->m;
    char why[160];
    if (prov_no_answer(r) || r->err == ERR_AUTH) {
        prov_broke_off(t, r);
        return;
    }
    if (r->err < 0 || r->return_value > 0) {
        size_t n = strlen(m->notes);
        snprintf(m->notes + n, sizeof m->notes - n, "%s%s: %.100s", n ? "; " : "", prov_step_text(m->p.step),
                 prov_why(r, why, sizeof why));
        if (m->p.step == PROV_STEP_TLS_KEY) /* no key, no certificate */
            m->p.step = PROV_STEP_TLS;
    }
    prov_enter(t, after(m, m->p.step));
}

/* --- MEBX: its password takes the old one's place when the firmware has said that it took it. A run that
 * does not come here leaves the stored one alone. --- */

static void send_mebx(struct prov_turn *t) {
    prov_job(t, WSC_MEBX_SET, 0);
}

void prov_begin_mebx(struct prov_turn *t) {
    prov_say(t, "Setting the MEBx password");
    prov_journal(t, PROV_FRESH_MEBX, send_mebx);
}

static void promoted_mebx(struct prov_turn *t) {
    prov_enter(t, after(t->m, PROV_STEP_MEBX));
}

void prov_on_mebx(struct prov_turn *t, const struct wsc_result *r) {
    if (r->err == 0 && r->return_value == 0)
        prov_journal(t, PROV_PROMOTE_MEBX, promoted_mebx);
    else
        prov_on_plain(t, r);
}

/* --- CIRA --- */

static void send_cira(struct prov_turn *t) {
    prov_job(t, t->m->p.step == PROV_STEP_CIRA ? WSC_CIRA_SET : WSC_CIRA_SECRET, 0);
}

void prov_begin_cira(struct prov_turn *t) {
    struct prov_machine *m = t->m;
    prov_say(t, "%s",
             m->p.step == PROV_STEP_CIRA ? "Setting the tunnel up" : "Setting the new CIRA password");
    m->has.cira_next = true;
    m->p.cira_sent = true;
    prov_journal(t, PROV_FRESH_CIRA, send_cira);
}

void prov_on_cira(struct prov_turn *t, const struct wsc_result *r) {
    char why[160], text[PROV_TEXT_CAP];
    struct prov_machine *m = t->m;
    bool rotation = m->p.step == PROV_STEP_CIRA_SECRET;
    if (rotation && prov_no_answer(r)) {
        prov_enter(t, PROV_STEP_CONNECT); /* either secret may be the firmware's: the next login tells */
    } else if (prov_no_answer(r) || r->err == ERR_AUTH) {
        prov_broke_off(t, r);
    } else if (r->err < 0 || r->return_value > 0) {
        snprintf(text, sizeof text, "The firmware refused the %s: %.150s",
                 rotation ? "new CIRA password" : "tunnel's settings", prov_why(r, why, sizeof why));
        prov_refused(t, PROV_CODE_REFUSED, text,
                     rotation ? "The present one stays. Try again."
                              : "The node is set up, but has no tunnel. Order it again, or deactivate it.");
    } else {
        prov_enter(t, rotation ? PROV_STEP_CONNECT : after(m, PROV_STEP_CIRA));
    }
}

void prov_begin_connect(struct prov_turn *t) {
    struct prov_machine *m = t->m;
    bool rotation = m->p.goal != PROV_GOAL_ACTIVATE;
    prov_set_state(
        t, PROV_STATE_CONNECTING, PROV_CODE_NONE,
        rotation ? "Waits for the tunnel's login with the new CIRA password"
                 : "Configured; waits for the node's tunnel",
        rotation ? ""
                 : "The firmware dials by itself within a minute or two. If it does not: is the server's "
                   "CIRA address reachable from the node's wired network?");
    prov_finish_way(t, true);
    if (rotation || m->link_up)
        prov_act(t, PROV_ACT_HANG_UP); /* an older tunnel proves nothing */
}

void prov_rotated_amt(struct prov_turn *t) {
    if (prov_rotates_cira(t->m->p.goal))
        prov_enter(t, PROV_STEP_CIRA_SECRET);
    else
        prov_done(t, "The AMT password is a new one");
}

void prov_connected(struct prov_turn *t) {
    struct prov_machine *m = t->m;
    m->has.cira_next = false;
    prov_act(t, PROV_ACT_AMT)->amt = AMT_STATE_PROVISIONED;
    prov_done(t, m->p.goal == PROV_GOAL_ACTIVATE     ? "Activated and connected"
                 : m->p.goal == PROV_GOAL_ROTATE_ALL ? "The AMT and CIRA passwords are new ones"
                                                     : "The CIRA password is a new one");
}
