/* SPDX-License-Identifier: Apache-2.0 */
/* The set-up itself: sent once a run, and then seen by its control mode. */
#include "core/provision_impl.h"

#include <stdio.h>

/* --- STORE, CHAIN, SETUP, CHECK: the set-up itself --- */

static void stored(struct prov_turn *t) {
    t->m->has.amt_next = t->m->has.amt_next || !t->m->upgrade;
    t->m->has.cira_next = true;
    prov_set_up(t);
}

static void no_certificate(struct prov_turn *t) {
    const char *why = t->m->spec.no_chain;
    char text[PROV_TEXT_CAP];
    snprintf(text, sizeof text, "No provisioning certificate for admin control mode: %s",
             why[0] ? why : "none has the node's DNS suffix and a root that the firmware trusts");
    prov_fail(t, PROV_CODE_NO_CERTIFICATE, text,
              "Import one for the suffix, with a root that the firmware trusts (orch-cli create domain); or "
              "set the node's PKI DNS suffix, or add the root's hash, in MEBx.");
}

void prov_set_up(struct prov_turn *t) {
    struct prov_machine *m = t->m;
    bool acm = m->spec.mode == AMT_MODE_ACM;
    m->upgrade = m->setup.control_mode == AMT_MODE_CCM;
    if (!m->upgrade && !(acm ? m->setup.allows_acm : m->setup.allows_ccm)) {
        prov_fail(t, PROV_CODE_NOT_ALLOWED,
                  acm ? "The firmware does not offer admin control mode"
                      : "The firmware does not offer client control mode",
                  "Choose a profile for the other control mode, or look at the MEBx settings of the node.");
    } else if (acm && m->spec.nchain == 0) {
        no_certificate(t);
    } else if ((!m->upgrade && !m->has.amt_next) || !m->has.cira_next) {
        m->p.step = PROV_STEP_STORE;
        m->p.secrets_stored = !m->has.amt_next && !m->has.cira_next;
        prov_journal(t, PROV_FRESH_CIRA | (m->upgrade ? 0u : PROV_FRESH_AMT), stored);
    } else {
        m->chain_at = 0;
        prov_enter(t, acm ? PROV_STEP_CHAIN : PROV_STEP_SETUP);
    }
}

void prov_begin_chain(struct prov_turn *t) {
    const struct prov_machine *m = t->m;
    prov_say(t, "Handing over certificate %u of %u", m->chain_at + 1u, m->spec.nchain);
    prov_job(t, WSC_CHAIN_ADD, m->chain_at);
}

void prov_on_chain(struct prov_turn *t, const struct wsc_result *r) {
    struct prov_machine *m = t->m;
    char why[160], text[PROV_TEXT_CAP];
    if (prov_no_answer(r)) {
        prov_broke_off(t, r);
    } else if (r->err < 0 || r->return_value != 0) {
        snprintf(text, sizeof text, "The firmware refused certificate %u of %u of the chain: %.150s",
                 m->chain_at + 1u, m->spec.nchain, prov_why(r, why, sizeof why));
        prov_refused(
            t, PROV_CODE_CHAIN_REFUSED, text,
            "The root must be among the firmware's active hashes (rpc amtinfo), and the certificate's "
            "name under the node's DNS suffix.");
    } else if (++m->chain_at < m->spec.nchain) {
        prov_begin_chain(t);
    } else {
        prov_enter(t, PROV_STEP_SETUP);
    }
}

static void send_setup(struct prov_turn *t) {
    const struct prov_machine *m = t->m;
    prov_job(t,
             m->upgrade                     ? WSC_UPGRADE_ACM
             : m->spec.mode == AMT_MODE_ACM ? WSC_SETUP_ACM
                                            : WSC_SETUP_CCM,
             0);
}

void prov_begin_setup(struct prov_turn *t) {
    struct prov_machine *m = t->m;
    prov_say(t, "Setting the firmware up in %s control mode",
             m->spec.mode == AMT_MODE_ACM ? "admin" : "client");
    m->p.setup_sent = true;
    m->setup_rv = -1;
    prov_journal(t, 0, send_setup);
}

void prov_on_setup(struct prov_turn *t, const struct wsc_result *r) {
    struct prov_machine *m = t->m;
    m->setup_rv = r->err == 0 ? r->return_value : -1;
    if (r->err < 0 || m->setup_rv != 0) {
        char why[160];
        snprintf(m->notes, sizeof m->notes, "%.150s", prov_why(r, why, sizeof why));
    }
    m->give_up_at = mono_add_ms(t->now.mono, t->r->check_total_ms);
    prov_enter(t, PROV_STEP_CHECK);
}

/* By turns: the admin's own login, and the look from inside. */
void prov_begin_check(struct prov_turn *t) {
    struct prov_machine *m = t->m;
    m->again_at = MONO_NEVER;
    if (!m->upgrade) /* else the account stays the one that logged in */
        prov_login(t, PROV_CRED_NEXT);
    prov_job(t, WSC_SETUP_READ, 0);
}

static void setup_did_nothing(struct prov_turn *t) {
    struct prov_machine *m = t->m;
    char text[PROV_TEXT_CAP], note[PROV_TEXT_CAP];
    snprintf(note, sizeof note, "%s", m->notes);
    m->notes[0] = 0;
    m->p.setup_sent = false; /* control mode says so: nothing happened */
    if (m->setup_rv > 0) {
        snprintf(text, sizeof text, "The firmware refused the set-up: %.200s", note);
        prov_refused(t, PROV_CODE_SETUP_REFUSED, text,
                     m->spec.mode == AMT_MODE_ACM
                         ? "See whether the provisioning certificate fits the node (orch-cli list domain)."
                         : "Restart the node and order it again; when it stays, clear AMT in MEBx.");
    } else {
        prov_interrupted(t, "The set-up did not reach the firmware (%.150s); it is tried again", note);
    }
}

void prov_on_check(struct prov_turn *t, const struct wsc_result *r) {
    struct prov_machine *m = t->m;
    bool asked_inside = m->cred == PROV_CRED_OS_ADMIN;
    if (r->err == 0)
        m->setup = *r->setup;
    if (r->err == 0 && !asked_inside && m->setup.control_mode == m->spec.mode) {
        m->notes[0] = 0;
        prov_say(t, "Set up in %s control mode", m->spec.mode == AMT_MODE_ACM ? "admin" : "client");
        prov_set_up_seen(t);
    } else if (r->err == 0 && (m->upgrade || (asked_inside && m->setup.control_mode == AMT_MODE_NONE))) {
        setup_did_nothing(t);
    } else if (r->err == ERR_AUTH && !asked_inside && m->os_admin && !m->upgrade) {
        prov_login(t, PROV_CRED_OS_ADMIN);
        prov_job(t, WSC_SETUP_READ, 0);
    } else if (mono_due(m->give_up_at, t->now.mono)) {
        char note[PROV_TEXT_CAP];
        snprintf(note, sizeof note, "%s", m->notes[0] ? m->notes : r->why);
        m->notes[0] = 0;
        prov_interrupted(t, "What the set-up did could not be seen (%.150s)", note);
    } else {
        m->again_at = mono_add_ms(t->now.mono, t->r->check_ms);
    }
}
