/* SPDX-License-Identifier: Apache-2.0 */
/* What operators and the barrier ask for: checks before the machine is asked, and answers. */
#include "server/provisioning_int.h"

#include "base/json.h"

#include <stdio.h>

/* An order that waits for the end is answered at the latest then; with force it is given up earlier. */
enum { BARRIER_MS = 90000, FORCE_MS = 20000 };

#define BEING_ORDERED "another order for this host is being written down"
static void refuse(struct provisioning_order *o, int err, const char *remedy, const char *fmt, ...)
    PRINTF_LIKE(4, 5);
static void refuse(struct provisioning_order *o, int err, const char *remedy, const char *fmt, ...) {
    va_list ap;
    char text[320];
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    o->call.err = err_set(&o->call.error, err, "", "%s", text);
    err_remedy(&o->call.error, "%s", remedy);
    fleet_answer(&o->call);
}

static const char *name_of(const struct fleet_host *fh) {
    return fh->h.name[0] ? fh->h.name : fh->h.id;
}

void provisioning_refusal(const struct fleet_host *fh, const char *text, struct errinfo *ei) {
    bool open = fh->prov && provision_open(&fh->prov->m);
    err_set(ei, ERR_STATE, "", "%s", text);
    if (open)
        err_remedy(ei, "orch-cli get provisioning %s shows it, orch-cli delete provisioning %s cancels it.",
                   name_of(fh), name_of(fh));
    else
        err_remedy(ei, "orch-cli get provisioning %s shows the last one.", name_of(fh));
}

static bool reachable(const struct fleet_host *fh) {
    return (fh->tunnel && link_usable(&fh->h.link)) || (fh->h.agent && fh->h.agent->here);
}

/* Nothing was ever seen of its firmware, or it was seen to be free. */
static bool is_free(const struct fleet_host *fh) {
    return fh->h.amt.state == AMT_STATE_UNPROVISIONED ||
           (fh->h.amt.state == AMT_STATE_UNKNOWN && fh->h.link.state == LINK_NEVER);
}

bool provisioning_void(struct provisioning *pv, struct provisioning_order *o) {
    const struct fleet_host *fh = pv->fh;
    if (!fh->amt_secret.n && !fh->amt_next.n && !fh->cira_secret.n && !fh->cira_next.n &&
        !fh->mebx_secret.n && !fh->mebx_next.n)
        return false;
    o->wait = false;
    pv->fresh = o;
    prov_feed(pv, &(struct prov_ev){.kind = PROV_EV_FORGET, .actor = o->actor});
    return true;
}

/* How firmware is freed without this server: only client control mode lets itself be taken down from inside
 * (reference protocol-redir-activation 5.4). */
static const char *by_hand(const struct fleet_host *fh) {
    return fh->h.control_mode == AMT_MODE_ACM   ? "unprovision it in MEBx"
           : fh->h.control_mode == AMT_MODE_CCM ? "run rpc deactivate --local at the node"
                                                : "run rpc deactivate --local at the node, or unprovision "
                                                  "it in MEBx";
}

/* Nothing of the firmware is touched: only what this server knows of it goes. */
void provisioning_forget(struct provisioning *pv, struct provisioning_order *o) {
    const struct fleet_host *fh = pv->fh;
    snprintf(o->left_behind, sizeof o->left_behind,
             "The firmware of %.60s is still set up for this server. Its secrets are void here: to free it, "
             "%s",
             name_of(fh), by_hand(fh));
    o->wait = false;
    pv->fresh = o;
    prov_feed(pv, &(struct prov_ev){.kind = PROV_EV_FORGET, .actor = o->actor});
}

static void deactivate(struct fleet_host *fh, struct provisioning *pv, struct provisioning_order *o) {
    if (is_free(fh) && !provision_open(&pv->m)) {
        if (!o->void_secrets || !provisioning_void(pv, o))
            fleet_answer(&o->call);
        return;
    }
    if (!reachable(fh) && o->force) {
        provisioning_forget(pv, o);
        return;
    }
    if (!reachable(fh) && o->wait) {
        struct errinfo ei = {0};
        char remedy[160];
        host_unreachable(&fh->h, shard_now(fh->shard), &ei);
        snprintf(remedy, sizeof remedy, "Bring the node back and try again; or use --force, and then %s.",
                 by_hand(fh));
        refuse(o, ERR_UNREACHABLE, remedy,
               "the firmware is provisioned and cannot be reached, so it cannot be deactivated: %.200s",
               ei.text);
        return;
    }
    pv->fresh = o;
    o->until = mono_add_ms(loop_now(fh->shard->loop), o->force ? FORCE_MS : BARRIER_MS);
    if (provision_open(&pv->m) && pv->m.p.goal == PROV_GOAL_DEACTIVATE) { /* join it */
        pv->fresh = NULL;
        if (o->wait)
            list_push(&pv->orders, &o->call.node);
        else
            fleet_answer(&o->call);
        provisioning_look(fh);
        return;
    }
    prov_feed(pv, &(struct prov_ev){.kind = PROV_EV_ORDER,
                                    .goal = PROV_GOAL_DEACTIVATE,
                                    .actor = o->actor,
                                    .has = prov_has_of(fh)});
}

static const char *mode_text(enum amt_control_mode m) {
    return m == AMT_MODE_ACM ? "ACM" : "CCM";
}

/* The profile that an activation is carried out by, and its mode. */
static int choose_profile(const struct fleet_host *fh, const struct provisioning_order *o,
                          char name[PROV_PROFILE_CAP], enum amt_control_mode *mode, struct errinfo *ei) {
    struct profile pf;
    if (o->profile[0])
        snprintf(name, PROV_PROFILE_CAP, "%s", o->profile);
    else
        snprintf(name, PROV_PROFILE_CAP, "%.40s_%s", fh->h.project, o->mode == AMT_MODE_ACM ? "acm" : "ccm");
    int r = objects_profile(fh->shard->app->objects, fh->h.project, name, &pf, ei);
    *mode = pf.mode;
    profile_wipe(&pf);
    if (r == ERR_NOT_FOUND) { /* the host is there: what it is to be set up by is not */
        err_set(ei, ERR_INVALID, "amtProfile", "there is no profile \"%s\" in the project %s", name,
                fh->h.project);
        err_remedy(ei, "orch-cli list profile shows those there are; orch-cli create profile makes one.");
        return ERR_INVALID;
    }
    if (r < 0)
        return r;
    if (o->mode == AMT_MODE_UNKNOWN || *mode == o->mode)
        return 0;
    err_set(ei, ERR_INVALID, "amtProfile", "the profile %s is for %s, not for %s", name, mode_text(*mode),
            mode_text(o->mode));
    err_remedy(ei, "Leave the control mode out, for the profile says it; or name a profile for %s.",
               mode_text(o->mode));
    return ERR_INVALID;
}

/* Without a profile any set-up of the mode is as wanted; by us, that is: of another orchestrator's node there
 * is no secret here. */
static bool is_set_up(const struct fleet_host *fh, const struct provisioning_order *o,
                      enum amt_control_mode mode) {
    return o->quiet && fh->h.amt.state == AMT_STATE_PROVISIONED && fh->amt_secret.n && !o->profile[0] &&
           (o->mode == AMT_MODE_UNKNOWN || fh->h.control_mode == mode);
}

static void activate(struct fleet_host *fh, struct provisioning *pv, struct provisioning_order *o) {
    char name[PROV_PROFILE_CAP];
    enum amt_control_mode mode;
    o->call.err = choose_profile(fh, o, name, &mode, &o->call.error);
    if (o->call.err < 0 || is_set_up(fh, o, mode)) {
        fleet_answer(&o->call);
        return;
    }
    pv->fresh = o;
    prov_feed(pv, &(struct prov_ev){.kind = PROV_EV_ORDER,
                                    .goal = PROV_GOAL_ACTIVATE,
                                    .mode = mode,
                                    .profile = name,
                                    .actor = o->actor,
                                    .has = prov_has_of(fh)});
}

/* Nothing is left for a deactivation to do, or what is under way does it. */
static bool is_on_its_way_out(const struct fleet_host *fh) {
    bool open = fh->prov && provision_open(&fh->prov->m);
    return open ? fh->prov->m.p.goal == PROV_GOAL_DEACTIVATE : is_free(fh);
}

int provisioning_check(const struct fleet_host *fh, const struct provisioning_order *o, struct errinfo *ei) {
    char text[PROV_TEXT_CAP];
    enum amt_control_mode mode = AMT_MODE_UNKNOWN;
    int r = o->goal == PROV_GOAL_ACTIVATE ? choose_profile(fh, o, text, &mode, ei) : 0;
    if (r < 0 || !fh->prov)
        return r;
    if (fh->prov->fresh) {
        err_set(ei, ERR_STATE, "", BEING_ORDERED);
        err_remedy(ei, "Try again.");
        return ERR_STATE;
    }
    if (o->goal == PROV_GOAL_ACTIVATE ? is_set_up(fh, o, mode) : is_on_its_way_out(fh))
        return 0;
    if (!provision_refuses(&fh->prov->m, text))
        return 0;
    provisioning_refusal(fh, text, ei);
    return ERR_STATE;
}

static void rotate(struct fleet_host *fh, struct provisioning *pv, struct provisioning_order *o) {
    if (is_free(fh)) {
        char remedy[HOST_NAME_CAP + 80];
        snprintf(remedy, sizeof remedy, "Activate it first: orch-cli set host %s --amt-state provisioned",
                 name_of(fh));
        refuse(o, ERR_STATE, remedy, "%s is not provisioned: it has no secret to change", name_of(fh));
        return;
    }
    pv->fresh = o;
    prov_feed(pv, &(struct prov_ev){
                      .kind = PROV_EV_ORDER, .goal = o->goal, .actor = o->actor, .has = prov_has_of(fh)});
}

static void cancel(struct fleet_host *fh, struct provisioning *pv, struct provisioning_order *o) {
    (void)fh;
    pv->fresh = o;
    o->wait = false;
    prov_feed(pv, &(struct prov_ev){.kind = PROV_EV_CANCEL, .actor = o->actor});
}

static void order_run(struct shard *s, struct fleet_host *fh, struct fleet_call *call) {
    static void (*const BY_GOAL[PROV_GOAL_COUNT])(struct fleet_host *, struct provisioning *,
                                                  struct provisioning_order *) = {
        [PROV_GOAL_NONE] = cancel,           [PROV_GOAL_ACTIVATE] = activate,
        [PROV_GOAL_DEACTIVATE] = deactivate, [PROV_GOAL_ROTATE_AMT] = rotate,
        [PROV_GOAL_ROTATE_CIRA] = rotate,    [PROV_GOAL_ROTATE_ALL] = rotate};
    struct provisioning_order *o = CONTAINER_OF(call, struct provisioning_order, call);
    (void)s;
    if (!fh) {
        refuse(o, ERR_NOT_FOUND, "", "there is no host %s", call->host);
        return;
    }
    if (o->project[0] && strcmp(o->project, fh->h.project) != 0) {
        refuse(o, ERR_NOT_FOUND, "", "there is no host %s in the project %s", call->host, o->project);
        return;
    }
    struct provisioning *pv = provisioning_of(fh);
    if (!pv)
        refuse(o, ERR_NOMEM, "", "out of memory");
    else if (pv->fresh)
        refuse(o, ERR_STATE, "Try again.", BEING_ORDERED);
    else
        BY_GOAL[o->goal](fh, pv, o);
}

static void order_done(struct fleet_call *call) {
    struct provisioning_order *o = CONTAINER_OF(call, struct provisioning_order, call);
    o->done(o);
}

void provisioning_order(struct provisioning_order *o) {
    o->call.run = order_run;
    o->call.done = order_done;
    fleet_ask(&o->call);
}

const char *provisioning_profile(const struct fleet_host *fh) {
    return fh->prov && provision_open(&fh->prov->m) ? fh->prov->m.p.profile : "";
}

void provisioning_json(struct json *j, const char *key, const struct fleet_host *fh) {
    const struct provision *p = fh->prov ? &fh->prov->m.p : NULL;
    if (key)
        json_key(j, key);
    if (!p || p->goal == PROV_GOAL_NONE) {
        json_nil(j);
        return;
    }
    json_obj(j);
    json_kstr(j, "goal", prov_goal_text(p->goal));
    json_kstr(j, "state", prov_state_text(p->state));
    json_kstr(j, "phase", prov_phase_text(p->step));
    json_kstr(j, "step", prov_step_text(p->step));
    json_kstr(j, "way", prov_way_text(p->way));
    json_kstr(j, "profile", p->profile);
    json_kstr(j, "controlMode", p->mode == AMT_MODE_ACM ? "acm" : p->mode == AMT_MODE_CCM ? "ccm" : "");
    json_kstr(j, "actor", p->actor);
    json_kint(j, "tries", p->tries);
    json_kstr(j, "code", prov_code_text(p->code));
    json_kstr(j, "text", p->text);
    json_kstr(j, "remedy", p->remedy);
    json_kwall(j, "createdAt", p->created);
    json_kwall(j, "updatedAt", p->updated);
    json_key(j, "finishedAt");
    json_wall(j, p->finished.us ? p->finished : WALL_NEVER);
    json_obj_end(j);
}

void provisioning_status_json(struct json *j, const struct fleet_host *fh) {
    const struct provision *p = fh->prov ? &fh->prov->m.p : NULL;
    bool open = p && p->goal != PROV_GOAL_NONE && !prov_state_ended(p->state);
    bool failed = p && p->state == PROV_STATE_FAILED;
    const char *text = open || failed                               ? p->text
                       : fh->h.amt.state == AMT_STATE_PROVISIONED   ? "Provisioned"
                       : fh->h.amt.state == AMT_STATE_UNPROVISIONED ? "Not provisioned"
                                                                    : "";
    json_kstr(j, "amtStatus", text);
    json_kstr(j, "amtStatusIndicator",
              open      ? "STATUS_INDICATION_IN_PROGRESS"
              : failed  ? "STATUS_INDICATION_ERROR"
              : text[0] ? "STATUS_INDICATION_IDLE"
                        : "STATUS_INDICATION_UNSPECIFIED");
}
