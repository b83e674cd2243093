/* SPDX-License-Identifier: Apache-2.0 */
/* The steps: what each asks of the firmware, and what its answer leads to. */
#include "core/provision_impl.h"

#include <stdio.h>
#include <string.h>

#define GET_OUT                                                                                              \
    "In client control mode deactivate it at the node: rpc deactivate --local. In admin control mode the "   \
    "old "                                                                                                   \
    "password is needed, or unprovision it in MEBx."

/* An answer that did not come is nobody's refusal. */
static bool no_answer(const struct wsc_result *r) {
    return r->err < 0 && r->err != ERR_FAULT && r->err != ERR_AUTH && r->err != ERR_REFUSED;
}

static const char *why_of(const struct wsc_result *r, char *out, size_t cap) {
    if (r->err < 0)
        snprintf(out, cap, "%.150s", r->why[0] ? r->why : err_text(r->err));
    else
        snprintf(out, cap, "%s (%lld)", amt_setup_return_text(r->method ? r->method : "", r->return_value),
                 (long long)r->return_value);
    return out;
}

static void broke_off(struct prov_turn *t, const struct wsc_result *r) {
    char why[160];
    prov_interrupted(t, "The firmware gave no answer at the step \"%s\": %.150s",
                     prov_step_text(t->m->p.step), why_of(r, why, sizeof why));
}

/* --- READ, LOGIN: what is it, and who are we to it --- */

static void begin_read(struct prov_turn *t) {
    prov_say(t, "Reading what the firmware is");
    prov_login(t, PROV_CRED_OS_ADMIN);
    prov_job(t, WSC_SETUP_READ, 0);
}

static void begin_setup(struct prov_turn *t);

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
    snprintf(text, sizeof text, "The firmware does not tell what it is: %.150s", why_of(r, why, sizeof why));
    prov_refused(t, PROV_CODE_REFUSED, text,
                 "Look at the firmware's version; restart the node, then order it again.");
}

static void on_read(struct prov_turn *t, const struct wsc_result *r) {
    struct prov_machine *m = t->m;
    if (no_answer(r)) {
        broke_off(t, r);
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
        begin_setup(t);
    } else if (m->p.goal == PROV_GOAL_DEACTIVATE) {
        prov_release_seen(t);
    } else {
        prov_fail(t, PROV_CODE_FOREIGN, "The firmware is not provisioned: it has no secret to change",
                  "Activate the node first.");
    }
}

static void begin_login(struct prov_turn *t) {
    enum prov_cred c = next_cred(t->m);
    if (c == PROV_CRED_NONE) {
        prov_fail(t, PROV_CODE_FOREIGN,
                  "The firmware is set up already, and no secret that this server has logs in: it belongs to "
                  "another orchestrator, or its password was changed elsewhere",
                  GET_OUT);
        return;
    }
    prov_login(t, c);
    prov_job(t, WSC_SETUP_READ, 0);
}

static void configure(struct prov_turn *t);
static void rotated_amt(struct prov_turn *t);

static void promoted_amt(struct prov_turn *t) {
    struct prov_machine *m = t->m;
    m->has.amt = true;
    m->has.amt_next = false;
    m->cred = PROV_CRED_CURRENT;
    if (m->p.goal == PROV_GOAL_ACTIVATE) {
        prov_act(t, PROV_ACT_AMT)->amt = AMT_STATE_PROVISIONED;
        configure(t);
    } else {
        rotated_amt(t);
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

static void on_login_activate(struct prov_turn *t) {
    struct prov_machine *m = t->m;
    if (m->setup.control_mode == AMT_MODE_ACM && m->spec.mode == AMT_MODE_CCM) {
        prov_fail(t, PROV_CODE_DOWNGRADE,
                  "The node is in admin control mode, and the profile wants client control mode",
                  "Deactivate it first, or choose a profile for admin control mode.");
        return;
    }
    if (m->setup.control_mode == AMT_MODE_CCM && m->spec.mode == AMT_MODE_ACM) {
        begin_setup(t);
        return;
    }
    if (m->cred == PROV_CRED_NEXT)
        promote_amt(t);
    else if (m->cred == PROV_CRED_GIVEN)
        to_admin(t);
    else
        configure(t);
}

static void on_login(struct prov_turn *t, const struct wsc_result *r) {
    struct prov_machine *m = t->m;
    if (no_answer(r)) {
        broke_off(t, r);
        return;
    }
    if (r->err < 0 && r->err != ERR_AUTH) {
        not_told(t, r);
        return;
    }
    if (r->err < 0) {
        m->tried |= 1u << m->cred;
        begin_login(t);
        return;
    }
    m->setup = *r->setup;
    if (m->p.goal == PROV_GOAL_ACTIVATE)
        on_login_activate(t);
    else if (m->p.goal == PROV_GOAL_DEACTIVATE)
        prov_enter(t, PROV_STEP_UNPROVISION);
    else if (!prov_rotates_amt(m->p.goal) || m->p.admin_ours)
        rotated_amt(t);
    else if (m->cred == PROV_CRED_NEXT)
        promote_amt(t);
    else
        to_admin(t);
}

/* --- STORE, CHAIN, SETUP, CHECK: the set-up itself --- */

static void stored(struct prov_turn *t) {
    t->m->has.amt_next = t->m->has.amt_next || !t->m->upgrade;
    t->m->has.cira_next = true;
    begin_setup(t);
}

static void no_certificate(struct prov_turn *t) {
    const char *why = t->m->spec.no_chain;
    char text[PROV_TEXT_CAP];
    snprintf(text, sizeof text, "No provisioning certificate for admin control mode: %s",
             why[0] ? why : "none has the node's DNS suffix and a root that the firmware trusts");
    prov_fail(t, PROV_CODE_NO_CERTIFICATE, text,
              "Import one for the suffix, with a root that the firmware trusts (orch-cli create domain); or "
              "set the "
              "node's PKI DNS suffix, or add the root's hash, in MEBx.");
}

static void begin_setup(struct prov_turn *t) {
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

static void begin_chain(struct prov_turn *t) {
    const struct prov_machine *m = t->m;
    prov_say(t, "Handing over certificate %u of %u", m->chain_at + 1u, m->spec.nchain);
    prov_job(t, WSC_CHAIN_ADD, m->chain_at);
}

static void on_chain(struct prov_turn *t, const struct wsc_result *r) {
    struct prov_machine *m = t->m;
    char why[160], text[PROV_TEXT_CAP];
    if (no_answer(r)) {
        broke_off(t, r);
    } else if (r->err < 0 || r->return_value != 0) {
        snprintf(text, sizeof text, "The firmware refused certificate %u of %u of the chain: %.150s",
                 m->chain_at + 1u, m->spec.nchain, why_of(r, why, sizeof why));
        prov_refused(
            t, PROV_CODE_CHAIN_REFUSED, text,
            "The root must be among the firmware's active hashes (rpc amtinfo), and the certificate's "
            "name under the node's DNS suffix.");
    } else if (++m->chain_at < m->spec.nchain) {
        begin_chain(t);
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

static void start_setup(struct prov_turn *t) {
    struct prov_machine *m = t->m;
    prov_say(t, "Setting the firmware up in %s control mode",
             m->spec.mode == AMT_MODE_ACM ? "admin" : "client");
    m->p.setup_sent = true;
    m->setup_rv = -1;
    prov_journal(t, 0, send_setup);
}

static void on_setup(struct prov_turn *t, const struct wsc_result *r) {
    struct prov_machine *m = t->m;
    m->setup_rv = r->err == 0 ? r->return_value : -1;
    if (r->err < 0 || m->setup_rv != 0) {
        char why[160];
        snprintf(m->notes, sizeof m->notes, "%.150s", why_of(r, why, sizeof why));
    }
    m->give_up_at = mono_add_ms(t->now.mono, t->r->check_total_ms);
    prov_enter(t, PROV_STEP_CHECK);
}

/* By turns: the admin's own login, and the look from inside. */
static void begin_check(struct prov_turn *t) {
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

static void on_check(struct prov_turn *t, const struct wsc_result *r) {
    struct prov_machine *m = t->m;
    bool asked_inside = m->cred == PROV_CRED_OS_ADMIN;
    if (r->err == 0)
        m->setup = *r->setup;
    if (r->err == 0 && !asked_inside && m->setup.control_mode == m->spec.mode) {
        m->notes[0] = 0;
        prov_say(t, "Set up in %s control mode", m->spec.mode == AMT_MODE_ACM ? "admin" : "client");
        on_login_activate(t);
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

/* --- ADMIN: a new AMT password on a firmware that is set up --- */

static void send_admin(struct prov_turn *t) {
    prov_job(t, WSC_ADMIN_SET, 0);
}

static void start_admin(struct prov_turn *t) {
    prov_say(t, "Setting the new AMT password");
    prov_journal(t, 0, send_admin);
}

static void on_admin(struct prov_turn *t, const struct wsc_result *r) {
    char why[160], text[PROV_TEXT_CAP];
    if (r->err == 0 && r->return_value != 0) {
        snprintf(text, sizeof text, "The firmware refused the new AMT password: %.150s",
                 why_of(r, why, sizeof why));
        prov_refused(t, PROV_CODE_REFUSED, text,
                     "The present password stays. Look at the firmware's version and try again.");
        return;
    }
    /* with or without an answer: the login tells */
    prov_enter(t, PROV_STEP_ADMIN_CHECK);
}

static void begin_admin_check(struct prov_turn *t) {
    prov_login(t, PROV_CRED_NEXT);
    prov_job(t, WSC_SETUP_READ, 0);
}

static void on_admin_check(struct prov_turn *t, const struct wsc_result *r) {
    if (r->err == 0)
        promote_amt(t);
    else if (r->err == ERR_AUTH)
        prov_refused(t, PROV_CODE_REFUSED,
                     "The new AMT password does not log in: the firmware kept the present one",
                     "Nothing changed. Look at the firmware's version and try again.");
    else
        broke_off(t, r);
}

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

static void configure(struct prov_turn *t) {
    prov_enter(t, after(t->m, PROV_STEP_NONE));
}

static void plain_job(struct prov_turn *t) {
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
static void on_plain(struct prov_turn *t, const struct wsc_result *r) {
    struct prov_machine *m = t->m;
    char why[160];
    if (no_answer(r) || r->err == ERR_AUTH) {
        broke_off(t, r);
        return;
    }
    if (r->err < 0 || r->return_value > 0) {
        size_t n = strlen(m->notes);
        snprintf(m->notes + n, sizeof m->notes - n, "%s%s: %.100s", n ? "; " : "", prov_step_text(m->p.step),
                 why_of(r, why, sizeof why));
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

static void start_mebx(struct prov_turn *t) {
    prov_say(t, "Setting the MEBx password");
    prov_journal(t, PROV_FRESH_MEBX, send_mebx);
}

static void promoted_mebx(struct prov_turn *t) {
    prov_enter(t, after(t->m, PROV_STEP_MEBX));
}

static void on_mebx(struct prov_turn *t, const struct wsc_result *r) {
    if (r->err == 0 && r->return_value == 0)
        prov_journal(t, PROV_PROMOTE_MEBX, promoted_mebx);
    else
        on_plain(t, r);
}

/* --- CIRA --- */

static void send_cira(struct prov_turn *t) {
    prov_job(t, t->m->p.step == PROV_STEP_CIRA ? WSC_CIRA_SET : WSC_CIRA_SECRET, 0);
}

static void start_cira(struct prov_turn *t) {
    struct prov_machine *m = t->m;
    prov_say(t, "%s",
             m->p.step == PROV_STEP_CIRA ? "Setting the tunnel up" : "Setting the new CIRA password");
    m->has.cira_next = true;
    m->p.cira_sent = true;
    prov_journal(t, PROV_FRESH_CIRA, send_cira);
}

static void on_cira(struct prov_turn *t, const struct wsc_result *r) {
    char why[160], text[PROV_TEXT_CAP];
    struct prov_machine *m = t->m;
    bool rotation = m->p.step == PROV_STEP_CIRA_SECRET;
    if (rotation && no_answer(r)) {
        prov_enter(t, PROV_STEP_CONNECT); /* either secret may be the firmware's: the next login tells */
    } else if (no_answer(r) || r->err == ERR_AUTH) {
        broke_off(t, r);
    } else if (r->err < 0 || r->return_value > 0) {
        snprintf(text, sizeof text, "The firmware refused the %s: %.150s",
                 rotation ? "new CIRA password" : "tunnel's settings", why_of(r, why, sizeof why));
        prov_refused(t, PROV_CODE_REFUSED, text,
                     rotation ? "The present one stays. Try again."
                              : "The node is set up, but has no tunnel. Order it again, or deactivate it.");
    } else {
        prov_enter(t, rotation ? PROV_STEP_CONNECT : after(m, PROV_STEP_CIRA));
    }
}

static void begin_connect(struct prov_turn *t) {
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

static void rotated_amt(struct prov_turn *t) {
    if (prov_rotates_cira(t->m->p.goal))
        prov_enter(t, PROV_STEP_CIRA_SECRET);
    else
        prov_done(t, "The AMT password is a new one");
}

static void connected(struct prov_turn *t) {
    struct prov_machine *m = t->m;
    m->has.cira_next = false;
    prov_act(t, PROV_ACT_AMT)->amt = AMT_STATE_PROVISIONED;
    prov_done(t, m->p.goal == PROV_GOAL_ACTIVATE     ? "Activated and connected"
                 : m->p.goal == PROV_GOAL_ROTATE_ALL ? "The AMT and CIRA passwords are new ones"
                                                     : "The CIRA password is a new one");
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
    prov_journal(t, PROV_DROP_ALL, forgotten);
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
    if (no_answer(r) && r->maybe_sent) {
        prov_set_state(t, PROV_STATE_WAITING, PROV_CODE_UNCLEAR,
                       "Unprovision was sent, and no answer came: whether it was done is not known yet",
                       "Nothing must be done: the node's agent or its next tunnel will tell.");
        prov_finish_way(t, false);
    } else if (no_answer(r)) {
        broke_off(t, r);
    } else if (r->err < 0 || r->return_value != 0) {
        snprintf(text, sizeof text, "The firmware refused to be unprovisioned: %.150s. It is still active",
                 why_of(r, why, sizeof why));
        prov_refused(t, PROV_CODE_REFUSED, text, GET_OUT);
    } else {
        prov_enter(t, PROV_STEP_RELEASE);
    }
}

/* --- the table --- */

static const struct {
    void (*begin)(struct prov_turn *t);
    void (*result)(struct prov_turn *t, const struct wsc_result *r);
} STEPS[PROV_STEP_COUNT] = {
    [PROV_STEP_READ] = {begin_read, on_read},
    [PROV_STEP_LOGIN] = {begin_login, on_login},
    [PROV_STEP_CHAIN] = {begin_chain, on_chain},
    [PROV_STEP_SETUP] = {start_setup, on_setup},
    [PROV_STEP_CHECK] = {begin_check, on_check},
    [PROV_STEP_ADMIN] = {start_admin, on_admin},
    [PROV_STEP_ADMIN_CHECK] = {begin_admin_check, on_admin_check},
    [PROV_STEP_MEBX] = {start_mebx, on_mebx},
    [PROV_STEP_CLEAN] = {plain_job, on_plain},
    [PROV_STEP_NETWORK] = {plain_job, on_plain},
    [PROV_STEP_CIRA] = {start_cira, on_cira},
    [PROV_STEP_CIRA_SECRET] = {start_cira, on_cira},
    [PROV_STEP_TLS_KEY] = {plain_job, on_plain},
    [PROV_STEP_TLS] = {plain_job, on_plain},
    [PROV_STEP_FEATURES] = {plain_job, on_plain},
    [PROV_STEP_CLOCK] = {plain_job, on_plain},
    [PROV_STEP_CONNECT] = {begin_connect, NULL},
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
        begin_check(t);
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
            prov_journal(t, PROV_PROMOTE_CIRA, connected);
        else if (m->p.goal != PROV_GOAL_ACTIVATE)
            prov_refused(
                t, PROV_CODE_REFUSED,
                "The node logged in with the present CIRA password: the firmware did not take the new one",
                "The present one stays. Try again.");
    } else if (m->p.step == PROV_STEP_RELEASE && m->p.state == PROV_STATE_CONNECTING && !up) {
        prov_release_seen(t);
    }
}
