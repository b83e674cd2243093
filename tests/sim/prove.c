/* SPDX-License-Identifier: Apache-2.0 */
/* The invariants of set-up and secrets, judged by the truth of the firmware and by what is on the disk. */
#include "activation.h"

#include "server/rps_int.h"

#include <stdio.h>
#include <stdlib.h>

const struct prov *act_firmware(const struct world *w, uint32_t node) {
    const struct prov *p = node_prov(w->nodes[node]);
    if (!p)
        abort();
    return p;
}

/* Set-ups that the firmware has done. */
static uint32_t executed(const struct prov *f) {
    return f->setups + f->admin_setups + f->upgrades;
}

/* Does this secret of the host make this HA1? */
static bool makes_ha1(struct world *w, uint32_t node, const char *what, const struct sealed *s,
                      const char *user, const char *ha1) {
    char context[HOST_ID_CAP + 8], realm[NODE_REALM_CAP], secret[SEALED_MAX], mine[DIGEST_HA1_CAP];
    snprintf(context, sizeof context, "%s/%s", w->ids[node], what);
    return s->n && seal_open(w->seal, context, s, secret, sizeof secret) == 0 &&
           digest_ha1(user, node_realm(w->nodes[node], realm), secret, mine) == 0 && strcmp(mine, ha1) == 0;
}

static bool is_secret(struct world *w, uint32_t node, const char *what, const struct sealed *s,
                      const char *text) {
    char context[HOST_ID_CAP + 8], secret[SEALED_MAX];
    snprintf(context, sizeof context, "%s/%s", w->ids[node], what);
    return s->n && seal_open(w->seal, context, s, secret, sizeof secret) == 0 && strcmp(secret, text) == 0;
}

/* No secret that the firmware has is ever lost. */
static void check_secrets(struct world *w, uint32_t node, const struct prov *f) {
    const struct store_host *row = disk_host(w->disk, w->ids[node]);
    if (!row || f->mode == 0 || w->activation->seen[node].left_behind)
        return;
    if (!makes_ha1(w, node, "amt", &row->amt_secret, "admin", f->admin_ha1) &&
        !makes_ha1(w, node, "amt", &row->amt_next, "admin", f->admin_ha1))
        world_broken(w, "node %u: no secret on the disk is the firmware's AMT password (present %s, next %s)",
                     node + 1, row->amt_secret.n ? "there" : "none", row->amt_next.n ? "there" : "none");
    for (size_t i = 0; i < PROV_MPS_MAX; i++) {
        const struct prov_mps *m = &f->mps[i];
        if (m->used && (strcmp(m->user, row->cira_user) != 0 ||
                        (!is_secret(w, node, "cira", &row->cira_secret, m->password) &&
                         !is_secret(w, node, "cira", &row->cira_next, m->password))))
            world_broken(w, "node %u: the firmware's CIRA password is not on the disk", node + 1);
    }
}

/* MEBx's password is the firmware's in any mode, until who deauthorizes the node gives it up. */
static void check_mebx(struct world *w, uint32_t node, const struct prov *f) {
    const struct store_host *row = disk_host(w->disk, w->ids[node]);
    struct act_seen *s = &w->activation->seen[node];
    if (!row || !f->mebx_password[0])
        return;
    bool known = is_secret(w, node, "mebx", &row->mebx_secret, f->mebx_password) ||
                 is_secret(w, node, "mebx", &row->mebx_next, f->mebx_password);
    if (!known && !s->mebx_void)
        world_broken(w, "node %u: the firmware's MEBx password is not on the disk", node + 1);
    if (known && !world_activation_deauthorizes(w, node))
        s->mebx_void = false;
}

/* Who is shown unprovisioned was so when it was seen. */
static void check_shown(struct world *w, uint32_t node, const struct prov *f, const struct fleet_host *fh) {
    struct act_seen *s = &w->activation->seen[node];
    uint32_t setups = f->setups + f->admin_setups;
    bool news = fh->h.amt.at.us > s->shown_at.us; /* older after a crash: what it had seen last is lost */
    if (news && fh->h.amt.state == AMT_STATE_UNPROVISIONED && f->mode != 0 && setups == s->setups)
        world_broken(w, "node %u is shown as unprovisioned, and is not", node + 1);
    s->shown_at = fh->h.amt.at;
    s->setups = setups;
}

/* The firmware is in the mode that was asked for; a set-up that was refused left it as it was. */
static void check_mode(struct world *w, uint32_t node, const struct prov *f, const struct provision *p) {
    const struct act_seen *s = &w->activation->seen[node];
    enum amt_control_mode is = (enum amt_control_mode)(AMT_MODE_NONE + f->mode);
    bool refused = p->code == PROV_CODE_CHAIN_REFUSED || p->code == PROV_CODE_SETUP_REFUSED ||
                   p->code == PROV_CODE_NO_CERTIFICATE || p->code == PROV_CODE_DOWNGRADE;
    if (p->goal != PROV_GOAL_ACTIVATE)
        return;
    if (p->state == PROV_STATE_DONE && is != p->mode && !s->left_behind)
        world_broken(w, "node %u is said to be activated in %s control mode, and its mode is %u", node + 1,
                     p->mode == AMT_MODE_ACM ? "admin" : "client", f->mode);
    if (p->state == PROV_STATE_FAILED && refused && executed(f) != s->before)
        world_broken(w, "node %u was set up, and it is said to be refused: %s", node + 1, p->text);
}

/* Nobody else sets firmware up here: whoever is taken for foreign lost a secret of ours. */
static void check_code(struct world *w, uint32_t node, const struct prov *f, const struct fleet_host *fh) {
    const struct provision *p = &fh->prov->m.p;
    struct act_seen *s = &w->activation->seen[node];
    bool ended = prov_state_ended(p->state) && (s->state != p->state || s->created.us != p->created.us);
    if (p->created.us != s->created.us)
        s->before = executed(f);
    if (ended)
        check_mode(w, node, f, p);
    if (p->state == PROV_STATE_FAILED && p->code == PROV_CODE_FOREIGN && f->mode != 0 && !s->left_behind)
        world_broken(w, "node %u is ours, and is taken for another's: %s", node + 1, p->text);
    if (p->state != PROV_STATE_IDLE && prov_state_ended(p->state) && (!p->text[0] || p->finished.us == 0))
        world_broken(w, "node %u: its provisioning ended without a word or date", node + 1);
    if (ended && p->state == PROV_STATE_DONE && p->goal == PROV_GOAL_ACTIVATE)
        w->tally.activations++;
    if (ended && p->state == PROV_STATE_DONE && p->goal == PROV_GOAL_DEACTIVATE) {
        w->tally.deactivations++;
        if (f->mode != 0 && f->setups + f->admin_setups == s->setups)
            world_broken(w, "node %u is said to be deactivated, and is not", node + 1);
    }
    if (ended && p->state == PROV_STATE_DONE && p->goal > PROV_GOAL_DEACTIVATE)
        w->tally.rotations++;
    if (ended && p->state == PROV_STATE_FAILED) {
        w->tally.failures++;
        if (w->cfg.drops_ppm)
            world_broken(w, "node %u: %s failed for nothing but drops: %s", node + 1, prov_goal_text(p->goal),
                         p->text);
    }
    s->state = p->state;
    s->created = p->created;
}

/* The newest client of a node wins, and is the only one. */
static void check_ways(struct world *w, uint32_t node, const struct fleet_host *fh) {
    unsigned served = 0;
    LIST_EACH (n, &fh->shard->rps) {
        const struct rps_conn *c = CONTAINER_OF(n, struct rps_conn, node);
        served += c->state == RPS_SERVED && strcmp(c->host, fh->h.id) == 0;
    }
    if (served > 1)
        world_broken(w, "node %u is served by %u clients at once", node + 1, served);
}

void world_activation_check(struct world *w, uint32_t node) {
    const struct prov *f = act_firmware(w, node);
    const struct fleet_host *fh = world_host(w, node);
    struct act_seen *s = &w->activation->seen[node];
    if (f->setups + f->admin_setups > f->unprovisions + 1)
        world_broken(w, "node %u was set up %u times, and unprovisioned %u times", node + 1,
                     f->setups + f->admin_setups, f->unprovisions);
    check_secrets(w, node, f);
    check_mebx(w, node, f);
    if (s->left_behind && f->mode == 0 && fh && !fh->patching &&
        (!fh->prov || !provision_open(&fh->prov->m)) && list_empty(&w->activation->orders))
        s->left_behind = false;
    if (!fh)
        return;
    if (fh->prov && fh->prov->m.p.goal != PROV_GOAL_NONE)
        check_code(w, node, f, fh);
    check_shown(w, node, f, fh);
    check_ways(w, node, fh);
}

/* --- parts that are wrong on purpose --- */

/* The fresh AMT password takes the old one's place when it is sent, not when it has logged in. */
static void promote_early(struct fleet_host *fh, const struct provision *p) {
    if (p->step != PROV_STEP_ADMIN || !fh->amt_next.n || !fh->amt_secret.n)
        return;
    fh->amt_secret = fh->amt_next;
    fh->amt_next = (struct sealed){0};
}
/* A run that broke off begins with secrets of its own. */
static void drop_early(struct fleet_host *fh, const struct provision *p) {
    if (p->goal != PROV_GOAL_ACTIVATE || p->state != PROV_STATE_WAITING || !p->setup_sent)
        return;
    fh->amt_next = (struct sealed){0};
    fh->prov->m.has.amt_next = false;
}
/* What comes is not what was asked for. */
static void mode_wrong(struct fleet_host *fh, const struct provision *p) {
    if (p->state == PROV_STATE_RUNNING && fh->prov->m.spec.mode == AMT_MODE_ACM)
        fh->prov->m.spec.mode = AMT_MODE_CCM;
}
/* Unprovision is taken for done when it is sent. */
static void show_early(struct fleet_host *fh, const struct provision *p) {
    struct host_ev ev = {.kind = HOST_EV_AMT, .amt = AMT_STATE_UNPROVISIONED, .source = SOURCE_FIRMWARE};
    if (p->step == PROV_STEP_UNPROVISION && p->state == PROV_STATE_RUNNING &&
        fh->h.amt.state == AMT_STATE_PROVISIONED)
        fleet_host_input(fh, &ev);
}

void world_activation_spoil(struct world *w) {
    static void (*const spoilers[WORLD_BROKEN_COUNT])(struct fleet_host *, const struct provision *) = {
        [WORLD_BROKEN_PROMOTE] = promote_early,
        [WORLD_BROKEN_DROP] = drop_early,
        [WORLD_BROKEN_SHOWN] = show_early,
        [WORLD_BROKEN_MODE] = mode_wrong};
    for (uint32_t i = 0; spoilers[w->cfg.broken] && i < w->cfg.nodes; i++) {
        struct fleet_host *fh = world_host(w, i);
        if (fh && fh->prov)
            spoilers[w->cfg.broken](fh, &fh->prov->m.p);
    }
}
