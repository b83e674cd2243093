/* SPDX-License-Identifier: Apache-2.0 */
/* What a person, a test or the control socket does to a node. */
#include "sim/mei_side.h"
#include "sim/node_int.h"
#include "sim/redir_conn.h"
#include "sim/tunnel_side.h"

#include <stdio.h>

static const struct machine_times *times_of(const struct sim_node *n) {
    return &n->fleet->cfg.times.host;
}

int sim_node_local(struct sim_node *n, enum machine_action a) {
    int r = machine_local(&n->host, a, times_of(n), node_now(n));
    node_settle(n);
    return r;
}

int sim_node_button(struct sim_node *n) {
    int r = machine_button(&n->host, times_of(n), node_now(n));
    node_settle(n);
    return r;
}

int sim_node_power_cut(struct sim_node *n, bool rst) {
    if (n->host.state == MACHINE_G3)
        return ERR_STATE;
    if (rst && n->tunnel)
        sim_tunnel_drop(n->tunnel, TUNNEL_RST);
    if (rst && n->twin)
        sim_tunnel_drop(n->twin, TUNNEL_RST);
    return sim_node_local(n, MACHINE_ACT_CUT);
}

int sim_node_power_restore(struct sim_node *n) {
    return sim_node_local(n, MACHINE_ACT_RESTORE);
}

int sim_node_drop(struct sim_node *n, bool rst) {
    if (!n->tunnel)
        return ERR_STATE;
    sim_tunnel_drop(n->tunnel, rst ? TUNNEL_RST : TUNNEL_FIN);
    node_settle(n);
    return 0;
}

/* --- faults --- */

/* Acts at once and is not kept; false when the fault is of the other kind. */
static bool once(struct sim_node *n, enum sim_fault f) {
    if (f == SIM_FAULT_APF_GARBAGE) {
        if (n->tunnel)
            sim_tunnel_send_garbage(n->tunnel);
        return true;
    }
    if (f == SIM_FAULT_MEI_RESET) {
        mei_drop(n);
        return true;
    }
    if (f == SIM_FAULT_DUPLICATE_LOGIN) {
        if (n->tunnel && sim_tunnel_ready(n->tunnel) && !n->twin)
            n->twin = sim_tunnel_new(n);
        return true;
    }
    return false;
}

static void faults_changed(struct sim_node *n) {
    redir_changed(n, false);
    if (n->tunnel)
        sim_tunnel_faults_changed(n->tunnel);
    if (n->twin)
        sim_tunnel_faults_changed(n->twin);
    node_settle(n);
}

void sim_node_fault(struct sim_node *n, enum sim_fault f, bool on, uint32_t arg) {
    if (on && once(n, f)) {
        node_settle(n);
        return;
    }
    uint64_t bit = UINT64_C(1) << f;
    n->faults.on = on ? n->faults.on | bit : n->faults.on & ~bit;
    if (f < SIM_FAULT_ARGS)
        n->faults.arg[f] = arg ? arg : sim_fault_default(f);
    if (f == SIM_FAULT_STALE_POWER && on)
        n->frozen_power = machine_state_cim(n->host.state);
    faults_changed(n);
}

void sim_node_faults_clear(struct sim_node *n) {
    n->faults.on = 0;
    n->faults.step.kind = SIM_STEP_NONE;
    faults_changed(n);
}

const struct sim_faults *sim_node_faults(const struct sim_node *n) {
    return &n->faults;
}

/* --- BIOS, operating system, identity --- */

void sim_node_me_in_sleep(struct sim_node *n, bool on) {
    n->cfg.me_in_sleep = on;
    n->scheme_override = 0;
    node_settle(n);
}

void sim_node_sleep_drop(struct sim_node *n, enum sim_sleep_drop d) {
    n->cfg.sleep_drop = d;
}

void sim_node_after_loss(struct sim_node *n, enum machine_after_loss a) {
    n->cfg.after_loss = a;
    n->host.after_loss = a;
}

void sim_node_lms(struct sim_node *n, bool on) {
    n->cfg.no_lms = !on;
    n->host.lms = on;
}

void sim_node_set_uuid(struct sim_node *n, struct uuid u) {
    n->cfg.id.uuid = u;
    if (n->tunnel)
        sim_tunnel_drop(n->tunnel, TUNNEL_FIN);
    node_settle(n);
}

void sim_node_latency(struct sim_node *n, uint32_t min_ms, uint32_t max_ms) {
    n->latency_min_ms = min_ms;
    n->latency_max_ms = max_ms;
}

void sim_node_session(struct sim_node *n, bool active, bool queue) {
    n->session = active;
    n->host.queue_blocked = queue;
    redir_recount(n);
    node_settle(n);
}

/* --- consent --- */

const char *sim_node_consent_code(struct sim_node *n) {
    optin_advance(&n->optin, node_screen(n), node_now(n));
    n->consent_text[0] = 0;
    if (n->optin.state == OPTIN_DISPLAYED)
        snprintf(n->consent_text, sizeof n->consent_text, "%06u", n->optin.code % 1000000u);
    return n->consent_text;
}

int sim_node_consent_describe(struct sim_node *n, struct buf *out) {
    const char *code = sim_node_consent_code(n);
    const struct optin *o = &n->optin;
    struct mono now = node_now(n);
    const char *required = o->required == OPTIN_NONE ? "none" : o->required == OPTIN_KVM ? "kvm" : "all";
    buf_putf(out, "state=%s required=%s", optin_state_name(o->state), required);
    if (code[0])
        buf_putf(out, " code=%s", code);
    if (!mono_is_never(o->until) && mono_before(now, o->until))
        buf_putf(out, " until-ms=%lld", (long long)mono_ms_between(now, o->until));
    if (o->have_code && mono_before(now, o->reuse_until))
        buf_putf(out, " reuse-ms=%lld", (long long)mono_ms_between(now, o->reuse_until));
    if (mono_before(now, o->new_code_from))
        buf_putf(out, " new-code-in-ms=%lld", (long long)mono_ms_between(now, o->new_code_from));
    return out->failed ? ERR_NOMEM : 0;
}

void sim_node_consent_next(struct sim_node *n, uint32_t code) {
    n->next_code = 1 + code % 1000000u;
}

void sim_node_consent_times(struct sim_node *n, uint32_t code_s, uint32_t display_s) {
    n->optin.code_s = code_s;
    n->optin.display_s = display_s;
}

uint32_t node_consent_start(struct sim_node *n, struct mono now) {
    uint32_t digits = n->next_code - 1;
    if (!n->next_code)
        loop_random(n->fleet->cfg.loop, &digits, sizeof digits);
    optin_advance(&n->optin, node_screen(n), now);
    uint32_t rv = optin_start(&n->optin, digits, node_screen(n), now);
    if (rv == OPTIN_RV_OK && n->optin.code == digits)
        n->next_code = 0;
    return rv;
}

void sim_node_consent_policy(struct sim_node *n, uint32_t required) {
    n->optin.required = required;
}

int sim_node_describe(const struct sim_node *n, struct buf *out) {
    char uuid[UUID_TEXT_CAP];
    buf_putf(out, "%s host=%s link=%s uuid=%s profile=%s me-in-sleep=%s logins=%u", n->cfg.id.name,
             machine_state_name(n->host.state),
             n->link_up        ? "up"
             : n->tunnel       ? "connecting"
             : node_me_runs(n) ? "down"
                               : "me-off",
             uuid_text(n->cfg.id.uuid, uuid), sim_profile_name(n->cfg.profile),
             node_me_in_sleep(n) ? "on" : "off", n->logins);
    if (n->host.doing != MACHINE_ACT_NONE)
        buf_putf(out, " doing=%s", machine_action_name(n->host.doing));
    if (n->session)
        buf_puts(out, " session=on");
    if (n->direct)
        buf_putf(out, " direct=%s", sim_node_listen_address(n));
    if (n->redir_address)
        buf_putf(out, " redirection=%s", n->redir_address);
    for (int f = 0; f < SIM_FAULT_COUNT; f++)
        if (sim_fault_on(&n->faults, (enum sim_fault)f))
            buf_putf(out, " fault=%s", sim_fault_name((enum sim_fault)f));
    return out->failed ? ERR_NOMEM : 0;
}
