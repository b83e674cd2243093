/* SPDX-License-Identifier: Apache-2.0 */
/* The sentences: why a host is not as desired, what its state is called, why a command cannot reach it. */
#include "core/host_impl.h"

#include <stdio.h>

enum power_state host_power_now(const struct host *h, const struct host_policy *p, struct mono now) {
    return observation_fresh(h, now, p->fresh_ms) ? h->power.state : POWER_UNKNOWN;
}

/* "On", "Off", …: as a title. */
static const char *title(enum power_state s) {
    static const char *const t[POWER_STATE_COUNT] = {"unknown", "On", "Off", "Sleep", "Hibernate"};
    return t[s];
}

/* ", last known power On 14:02:05", or that it was never observed. */
static void last_known(const struct host *h, char *out, size_t cap) {
    char at[WALL_TEXT_CAP];
    if (h->power.state == POWER_UNKNOWN && h->power.at.us == 0)
        snprintf(out, cap, ", power never observed");
    else
        snprintf(out, cap, ", last known power %s %s", title(h->power.state), wall_hms(h->power.at, at));
}

int host_unreachable(const struct host *h, struct host_now now, struct errinfo *ei) {
    char at[WALL_TEXT_CAP], age[WALL_TEXT_CAP], known[96];
    if (link_usable(&h->link))
        return 0;
    if (h->amt.state == AMT_STATE_UNPROVISIONED) {
        err_set(ei, ERR_UNREACHABLE, "",
                "Device not found/connected: AMT is not provisioned on this node (seen by %s %s)",
                observe_source_text(h->amt.source), wall_hms(h->amt.at, at));
        err_remedy(
            ei,
            "Activate it (orch-cli set host %s --amt-state provisioned); its agent, or rpc activate at the "
            "node, does the work",
            h->name[0] ? h->name : h->id);
        return ERR_UNREACHABLE;
    }
    if (h->link.state == LINK_NEVER) {
        err_set(ei, ERR_UNREACHABLE, "",
                "Device not found/connected: this node has never opened an AMT link to this server");
        err_remedy(ei, "Check that its firmware is configured with this server's address, CIRA user and "
                       "password; see the quarantine list");
        return ERR_UNREACHABLE;
    }
    last_known(h, known, sizeof known);
    err_set(ei, ERR_UNREACHABLE, "", "Device not found/connected: AMT link lost %s (%s)%s; %s ago",
            wall_hms(h->link.since, at), link_reason_text(h->link.why), known,
            duration_text((now.wall.us - h->link.since.us) / 1000, age));
    err_remedy(ei,
               "Check the node's power and network; the command can be given again when the link is back");
    return ERR_UNREACHABLE;
}

struct wall host_next_look(const struct host *h, struct host_now now) {
    struct mono at = mono_min(h->next_read, h->decided.look_again);
    if (!link_usable(&h->link) || mono_is_never(at))
        return WALL_NEVER;
    return wall_add_ms(now.wall, mono_before(at, now.mono) ? 0 : mono_ms_between(now.mono, at));
}

static const char *doing(enum power_op op) {
    static const char *const t[POWER_OP_COUNT] = {[POWER_OP_ON] = "Powering on",
                                                  [POWER_OP_OFF] = "Powering off",
                                                  [POWER_OP_RESET] = "Resetting",
                                                  [POWER_OP_CYCLE] = "Power cycling",
                                                  [POWER_OP_SLEEP] = "Sleeping",
                                                  [POWER_OP_HIBERNATE] = "Hibernating",
                                                  [POWER_OP_OFF_GRACEFUL] = "Shutting down",
                                                  [POWER_OP_RESET_GRACEFUL] = "Restarting"};
    return t[op];
}

/* EMF's idle texts (reference edge-orchestrator 2.3). */
static const char *idle_text(enum power_state s) {
    static const char *const t[POWER_STATE_COUNT] = {"Unknown", "Powered on", "Powered off", "Sleep state",
                                                     "Hibernate state"};
    return t[s];
}

#define MISMATCH "mismatch between desired and current power state"

const char *host_power_status(const struct host *h, const struct host_policy *p, struct host_now now,
                              char *out, size_t cap) {
    struct errinfo ei = {0};
    if (host_unreachable(h, now, &ei) < 0) {
        snprintf(out, cap, "%s", ei.text);
        return h->link.state == LINK_NEVER ? "STATUS_INDICATION_UNSPECIFIED" : "STATUS_INDICATION_ERROR";
    }
    if (h->op) {
        if (h->op->state == OP_WAITING)
            snprintf(out, cap, "%s: %s", doing(h->op->kind), h->op->text);
        else
            snprintf(out, cap, "%s%s", h->op->by_reconcile ? MISMATCH ": " : "", doing(h->op->kind));
        return "STATUS_INDICATION_IN_PROGRESS";
    }
    if (!observation_fresh(h, now.mono, p->fresh_ms)) {
        if (h->read_error[0])
            snprintf(out, cap, "Unknown: the firmware did not tell its power state: %s", h->read_error);
        else
            snprintf(out, cap, "Unknown: reading the power state");
        return "STATUS_INDICATION_UNSPECIFIED";
    }
    if (h->power.state == POWER_UNKNOWN) {
        snprintf(out, cap, "Unknown: the firmware reports %s", power_cim_text(h->power.cim));
        return "STATUS_INDICATION_IN_PROGRESS";
    }
    if (h->intent.desired != POWER_UNKNOWN && h->power.state != h->intent.desired) {
        snprintf(out, cap, MISMATCH);
        return "STATUS_INDICATION_ERROR";
    }
    snprintf(out, cap, "%s", idle_text(h->power.state));
    return "STATUS_INDICATION_IDLE";
}

void host_explain(const struct host *h, const struct host_policy *p, struct host_now now, char *out,
                  size_t cap) {
    const struct intent *want = &h->intent;
    char age[WALL_TEXT_CAP], at[WALL_TEXT_CAP], seen[160];
    struct errinfo ei = {0};
    duration_text(mono_ms_between(h->power.at_mono, now.mono), age);
    snprintf(seen, sizeof seen, "desired %s, observed %s (%s) %s ago over link %u",
             power_state_text(want->desired), power_state_text(h->power.state), power_cim_text(h->power.cim),
             age, h->power.generation);
    switch (h->decided.kind) {
    case DECIDE_NO_INTENT:
        snprintf(out, cap, "no power state is desired, so nothing is done by itself");
        return;
    case DECIDE_LINK_DOWN:
        host_unreachable(h, now, &ei);
        snprintf(out, cap, "%s. Nothing can be sent; the state is read again when the link is back", ei.text);
        return;
    case DECIDE_LINK_SUSPECT:
        snprintf(
            out, cap, "the AMT link is silent since %s: probing (%u of %u); nothing is done on a stale state",
            duration_text(mono_ms_between(h->link.heard, now.mono), age), h->link.misses, p->link.probes);
        return;
    case DECIDE_OPERATION:
        if (h->op)
            snprintf(out, cap, "operation %s (%s by %s) is %s: %s", h->op->id,
                     power_op_row(h->op->kind)->verb, h->op->actor, op_state_text(h->op->state), h->op->text);
        else
            snprintf(out, cap, "an operation has just ended");
        return;
    case DECIDE_JOURNAL:
        snprintf(out, cap, "waits for the database to write a command down");
        return;
    case DECIDE_READ:
        snprintf(out, cap, "no fresh observation%s%s: reading before anything is done",
                 h->read_error[0] ? ": " : "", h->read_error);
        return;
    case DECIDE_UNSETTLED:
        snprintf(out, cap, "the firmware reports a state on its way: %s", power_cim_text(h->power.cim));
        return;
    case DECIDE_AS_DESIRED:
        snprintf(out, cap, "%s as desired; observed %s ago over link %u", power_state_text(h->power.state),
                 age, h->power.generation);
        return;
    case DECIDE_CONFIRM:
        snprintf(out, cap, MISMATCH ": %s; reading once more before acting", seen);
        return;
    case DECIDE_HELD_BY_POLICY:
        snprintf(out, cap, MISMATCH ": %s; held by the recovery policy%s%s", seen,
                 want->hold_until.us ? " until " : "",
                 want->hold_until.us ? wall_rfc3339(want->hold_until, at) : "");
        return;
    case DECIDE_LOCAL_SHUTDOWN:
        snprintf(out, cap, MISMATCH ": %s; it was shut down on purpose at %s%s%s, which the policy respects",
                 seen, wall_hms(h->local_shutdown_at, at), h->local_cause[0] ? " by " : "", h->local_cause);
        return;
    case DECIDE_LOCAL_PAUSE:
        snprintf(out, cap, MISMATCH ": %s; a %s was announced%s%s, so it is given %s more", seen,
                 local_kind_text(h->local_kind), h->local_cause[0] ? " by " : "", h->local_cause,
                 duration_text(mono_ms_between(now.mono, h->local_pause), at));
        return;
    case DECIDE_NOT_AVAILABLE:
        snprintf(out, cap, MISMATCH ": %s; the firmware does not offer %s now", seen,
                 power_op_row(power_op_for(want->desired))->kind);
        return;
    case DECIDE_BACK_OFF:
        snprintf(out, cap, MISMATCH ": %s; attempt %u of %u failed, the next one in %s", seen, h->attempts,
                 p->attempts_max,
                 duration_text(mono_ms_between(now.mono, mono_max(h->next_attempt, h->settle_until)), at));
        return;
    case DECIDE_HELD:
        snprintf(out, cap, MISMATCH ": %s; gave up after %u attempts (%s)", seen, h->attempts,
                 h->last ? h->last->text : "no detail");
        return;
    case DECIDE_ACT:
    case DECIDE_COUNT:
        break;
    }
    snprintf(out, cap, MISMATCH ": %s; acting", seen);
}
