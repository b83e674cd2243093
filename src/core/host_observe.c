/* SPDX-License-Identifier: Apache-2.0 */
#include "core/host_impl.h"

#include <stdio.h>
#include <stdlib.h>

enum { INFO_RETRY_MS = 10 * 60 * 1000, INFO_AFTER_BOOT_MS = 60 * 1000, LOCAL_SHUTDOWN_MS = 5 * 60 * 1000 };
enum { LOCAL_POLL_MS = 2000, LOCAL_WATCH_MS = 90 * 1000 };

bool observation_fresh(const struct host *h, struct mono now, uint32_t max_age_ms) {
    const struct observation *o = &h->power;
    return link_usable(&h->link) && o->generation == h->link.generation && o->agreeing > 0 &&
           o->source == SOURCE_FIRMWARE && mono_ms_between(o->at_mono, now) <= max_age_ms;
}

/* The agent said that the node goes down, and it was not seen down yet: it will be off in a moment. */
static bool local_shutdown_under_way(const struct host *h, struct host_now now) {
    int64_t since_us = now.wall.us - h->local_shutdown_at.us;
    return h->local_shutdown && !h->local_seen_off && since_us < (int64_t)LOCAL_WATCH_MS * 1000;
}

/* Calm hosts are asked less often; the spread keeps a thousand of them from asking at once. */
static uint32_t poll_ms(const struct host *h, const struct host_policy *p, struct host_now now) {
    bool calm = h->read_failures == 0 &&
                (h->decided.kind == DECIDE_AS_DESIRED || h->decided.kind == DECIDE_NO_INTENT ||
                 h->decided.kind == DECIDE_HELD_BY_POLICY || h->decided.kind == DECIDE_LOCAL_SHUTDOWN ||
                 h->decided.kind == DECIDE_LOCAL_PAUSE);
    if (local_shutdown_under_way(h, now))
        return LOCAL_POLL_MS;
    uint32_t ms = calm ? p->poll_calm_ms : p->poll_doubt_ms;
    return ms - ms / 10 * h->spread / 1000;
}

void poll_turn(struct turn *t) {
    struct host *h = t->h;
    if (!link_usable(&h->link))
        return;
    if (!h->reads_pending && mono_due(h->next_read, t->now.mono)) {
        act_read(t, WSC_NORMAL, t->p->read_timeout_ms);
        h->next_read = mono_add_ms(t->now.mono, poll_ms(h, t->p, t->now));
    }
    if (!h->info_pending && mono_due(h->next_info, t->now.mono)) {
        struct action *x = act(t, ACT_WSMAN);
        if (x) {
            x->job = WSC_INFO_READ;
            x->prio = WSC_IDLE;
            h->info_pending = true;
        }
    }
}

/* An announced shutdown is over when the node was seen down and is on again, or when it never went down. */
static void watch_local_shutdown(struct turn *t, enum power_state seen) {
    struct host *h = t->h;
    if (!h->local_shutdown)
        return;
    if (seen != POWER_ON)
        h->local_seen_off = true;
    else if (h->local_seen_off ||
             t->now.wall.us - h->local_shutdown_at.us > (int64_t)LOCAL_SHUTDOWN_MS * 1000)
        h->local_shutdown = false;
}

void amt_observed(struct turn *t, enum amt_state s, enum amt_control_mode mode, enum observe_source source) {
    struct host *h = t->h;
    bool news = h->amt.state != s;
    if (mode == AMT_MODE_CCM || mode == AMT_MODE_ACM) {
        news |= h->control_mode != mode;
        h->control_mode = mode;
    }
    h->amt = (struct amt_observation){s, source, t->now.wall};
    if (!news)
        return;
    if (s == AMT_STATE_UNPROVISIONED && h->drops_at_off) { /* its end says nothing about sleep states */
        h->drops_at_off = 0;
        act_persist(t, PERSIST_LINK);
    }
    act_persist(t, PERSIST_AMT);
    act_event(t, HOST_EVENT_AMT, "The firmware is %s%s (%s)", amt_state_text(s),
              s != AMT_STATE_PROVISIONED ? ""
              : mode == AMT_MODE_CCM     ? " in client control mode"
              : mode == AMT_MODE_ACM     ? " in admin control mode"
                                         : "",
              observe_source_text(source));
}

/* The one writer of an observation: what the firmware said over the present link. The state before. */
static enum power_state observation_set_state(struct turn *t, const struct amt_power *p) {
    struct host *h = t->h;
    struct observation *o = &h->power;
    bool settled, same_link = o->generation == h->link.generation;
    enum power_state was = o->state, seen = power_state_of_cim(p->state, &settled);
    o->state = settled ? seen : POWER_UNKNOWN;
    o->agreeing = same_link && was == o->state && o->agreeing < UINT16_MAX ? (uint16_t)(o->agreeing + 1) : 1;
    o->cim = p->state;
    o->source = SOURCE_FIRMWARE;
    o->at = t->now.wall;
    o->at_mono = t->now.mono;
    o->generation = h->link.generation;
    o->available_told = p->available_told;
    o->navailable = p->navailable;
    memcpy(o->available, p->available, sizeof o->available);
    if (o->state == POWER_OFF && same_link)
        h->drops_at_off = 0; /* the link carried an off: it does not drop there */
    return was;
}

static void power_observed(struct turn *t, const struct amt_power *p) {
    struct host *h = t->h;
    enum power_state was = observation_set_state(t, p), seen = h->power.state;
    h->read_failures = 0;
    h->read_error[0] = 0;
    watch_local_shutdown(t, seen);
    if (seen == POWER_OFF)
        h->last_off_seen = t->now.wall;
    if (seen == POWER_ON && was != POWER_ON) /* BIOS settings change at a boot only */
        h->next_info = mono_min(h->next_info, mono_add_ms(t->now.mono, INFO_AFTER_BOOT_MS));
    if (was != seen) {
        act_persist(t, PERSIST_POWER);
        act_event(t, HOST_EVENT_POWER_CHANGED, "Power is %s (%s), was %s", power_state_text(seen),
                  power_cim_text(p->state), power_state_text(was));
    }
}

static void power_result(struct turn *t, const struct wsc_result *r) {
    struct host *h = t->h;
    if (h->reads_pending)
        h->reads_pending--;
    if (r->err) {
        h->read_failures++;
        snprintf(h->read_error, sizeof h->read_error, "%.95s", r->why[0] ? r->why : err_text(r->err));
        h->power.agreeing = 0; /* nothing is done on what was true before */
    } else {
        power_observed(t, &r->power);
    }
    operation_power_read(t, r);
    h->next_read = mono_add_ms(t->now.mono, poll_ms(h, t->p, t->now));
}

static void info_result(struct turn *t, const struct wsc_result *r) {
    struct host *h = t->h;
    h->info_pending = false;
    if (!h->info && !r->err && r->info)
        h->info = malloc(sizeof *h->info);
    if (r->err || !r->info || !h->info) {
        h->next_info = mono_add_ms(t->now.mono, INFO_RETRY_MS);
        return;
    }
    h->next_info = mono_add_ms(t->now.mono, INFO_EVERY_MS);
    *h->info = *r->info;
    h->info_at = t->now.wall;
    if (h->info->control_mode == AMT_MODE_CCM || h->info->control_mode == AMT_MODE_ACM)
        h->control_mode = h->info->control_mode;
    act_persist(t, PERSIST_INFO);
}

void observe_result(struct turn *t, const struct wsc_result *r) {
    static void (*const handlers[WSC_JOB_COUNT])(struct turn *, const struct wsc_result *) = {
        [WSC_POWER_READ] = power_result,
        [WSC_INFO_READ] = info_result,
        [WSC_POWER_CHANGE] = operation_power_changed,
        [WSC_OPTIN_READ] = consent_result,
        [WSC_OPTIN_START] = consent_result,
        [WSC_OPTIN_SEND] = consent_result,
        [WSC_OPTIN_CANCEL] = consent_result,
        [WSC_KVM_TIMEOUT] = session_result,
    };
    handlers[r->kind](t, r);
}
