/* SPDX-License-Identifier: Apache-2.0 */
#include "core/host_impl.h"

#include <stdio.h>

enum {
    INFO_DELAY_MS = 3000,        /* power first, the device card later */
    OFF_EVIDENCE_MS = 60 * 1000, /* a link lost this soon after an off was lost by it */
    INFO_YOUNG_MS = 3600 * 1000,
    DROPS_MAX = 200,
};

/* A storm of reconnects must not read every device card again. */
static bool info_is_young(const struct turn *t) {
    int64_t age_us = t->now.wall.us - t->h->info_at.us;
    return t->h->info && age_us >= 0 && age_us < (int64_t)INFO_YOUNG_MS * 1000;
}

void link_came_up(struct turn *t, const struct host_ev *ev) {
    struct host *h = t->h;
    bool again = link_usable(&h->link);
    if (again) {
        session_link_gone(t, LINK_WHY_REPLACED);
        operation_link_gone(t);
    }
    h->link.generation++;
    h->link.heard = t->now.mono;
    snprintf(h->link.peer, sizeof h->link.peer, "%s", ev->peer ? ev->peer : "");
    link_set_state(&h->link, LINK_UP, LINK_WHY_LOGIN, t->now.wall);
    h->seen_uuid = ev->uuid;
    amt_observed(t, AMT_STATE_PROVISIONED, AMT_MODE_UNKNOWN, SOURCE_FIRMWARE);
    h->reads_pending = 0;
    h->info_pending = false;
    h->read_failures = 0;
    h->read_error[0] = 0;
    h->power.agreeing = 0; /* what was read over an older link is history: read before anything is done */
    h->next_read = t->now.mono;
    h->next_info =
        mono_add_ms(t->now.mono, info_is_young(t) ? INFO_EVERY_MS : INFO_DELAY_MS + h->spread * 10);
    act_persist(t, PERSIST_LINK);
    act_event(t, HOST_EVENT_LINK_UP, "AMT link up from %s%s (generation %u)", h->link.peer,
              again ? ", replacing the older tunnel" : "", h->link.generation);
    if (h->op && h->op->step != OP_STEP_SEND)
        h->op->due = t->now.mono;
    poll_turn(t);
}

/* Was the node on its way down when the link went? */
static bool lost_by_off(const struct turn *t) {
    const struct host *h = t->h;
    if (host_is_leaving(h, t->now))
        return false;
    int64_t since_off = t->now.wall.us - h->last_off_seen.us,
            since_local = t->now.wall.us - h->local_shutdown_at.us;
    if (h->last_off_seen.us && since_off < (int64_t)OFF_EVIDENCE_MS * 1000)
        return true;
    if (h->local_shutdown && since_local < (int64_t)OFF_EVIDENCE_MS * 1000)
        return true;
    const struct operation *o = h->op;
    return o && o->state == OP_CONFIRMING && power_op_row(o->kind)->confirms != POWER_ON;
}

/* Ends that we chose say nothing about the node. */
static bool our_doing(enum link_reason why) {
    static const bool ours[LINK_WHY_COUNT] = {
        [LINK_WHY_REPLACED] = true, [LINK_WHY_SERVER_STOP] = true, [LINK_WHY_SERVER_CRASH] = true,
        [LINK_WHY_DELETED] = true,  [LINK_WHY_SECRET] = true,      [LINK_WHY_ADMIN] = true,
    };
    return ours[why];
}

void link_was_lost(struct turn *t, enum link_reason why) {
    struct host *h = t->h;
    char at[WALL_TEXT_CAP];
    if (!our_doing(why) && lost_by_off(t) && h->drops_at_off < DROPS_MAX)
        h->drops_at_off++;
    link_set_state(&h->link, LINK_DOWN, why, t->now.wall);
    h->reads_pending = 0;
    h->info_pending = false;
    h->next_read = h->next_info = MONO_NEVER;
    h->stable_since = MONO_NEVER;
    act_persist(t, PERSIST_LINK | PERSIST_POWER);
    if (h->power.state == POWER_UNKNOWN)
        act_event(t, HOST_EVENT_LINK_LOST, "AMT link lost (%s), power never observed", link_reason_text(why));
    else
        act_event(t, HOST_EVENT_LINK_LOST, "AMT link lost (%s), last known power %s %s",
                  link_reason_text(why), power_state_text(h->power.state), wall_hms(h->power.at, at));
    session_link_gone(t, why);
    operation_link_gone(t);
}

void link_turn(struct turn *t) {
    struct host *h = t->h;
    bool was_up = h->link.state == LINK_UP;
    switch (link_check(&h->link, &t->p->link, t->now.mono, t->now.wall)) {
    case LINK_KEEP:
        return;
    case LINK_ASK:
        act(t, ACT_KEEPALIVE);
        if (was_up && h->link.state == LINK_SUSPECT) {
            act_persist(t, PERSIST_LINK);
            act_event(t, HOST_EVENT_LINK_SUSPECT, "No answer to a keepalive for %u s: probing",
                      t->p->link.probe_ms / 1000);
            if (!h->reads_pending)
                act_read(t, WSC_URGENT, t->p->command_read_timeout_ms);
        }
        return;
    case LINK_RECOVERED:
        act_persist(t, PERSIST_LINK);
        act_event(t, HOST_EVENT_LINK_RECOVERED, "The AMT link answers again");
        h->next_read = t->now.mono;
        return;
    case LINK_DEAD: {
        struct action *x = act(t, ACT_CLOSE);
        if (x)
            x->why = LINK_WHY_SILENT;
        link_was_lost(t, LINK_WHY_SILENT);
        return;
    }
    }
}
