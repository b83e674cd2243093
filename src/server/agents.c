/* SPDX-License-Identifier: Apache-2.0 */
#include "server/agents_int.h"

#include "base/json.h"
#include "server/agent_facts.h"
#include "server/persist.h"
#include "server/provisioning.h"
#include "server/settings.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    SEEN_EVERY_MS = 5 * 60 * 1000, /* how often the store hears that it is there */
    BEATS_MISSED = 3,
    CLOCK_NEWS_MS = 1000,         /* a clock that moved by more is looked at */
    SAME_SHUTDOWN_MS = 60 * 1000, /* told by logind's signal, and again when the unit stops */
};

uint32_t agents_heartbeat_s(const struct app *a) {
    return a->settings ? a->settings->agent_heartbeat_ms / 1000 : AGENT_DEFAULT_HEARTBEAT_S;
}
uint32_t agents_certificate_days(const struct app *a) {
    return a->settings ? a->settings->agent_certificate_days : AGENT_DEFAULT_DAYS;
}

/* --- presence --- */

void agents_on_gone(struct loop_timer *timer) {
    struct agent_door *d = CONTAINER_OF(timer, struct agent_door, gone_timer);
    char age[WALL_TEXT_CAP], text[96];
    struct wall now = loop_wall(d->fh->shard->loop);
    d->agent.here = false;
    snprintf(text, sizeof text, "The agent was not heard for %s",
             duration_text((now.us - d->agent.seen.us) / 1000, age));
    fleet_host_event(d->fh, HOST_EVENT_AGENT, text);
    provisioning_look(d->fh);
}

/* It speaks, with this certificate. */
static void heard(struct agent_door *d, const uint8_t cert[32]) {
    struct fleet_host *fh = d->fh;
    struct loop *l = fh->shard->loop;
    bool was_here = d->agent.here;
    d->agent.seen = loop_wall(l);
    d->agent.here = true;
    loop_timer_set(
        l, &d->gone_timer,
        mono_add_ms(loop_now(l), (int64_t)agents_heartbeat_s(fh->shard->app) * BEATS_MISSED * 1000));
    if (d->has_before && memcmp(d->cert, cert, sizeof d->cert) == 0) {
        d->has_before = false; /* the newest was used */
        agents_write(fh, STORE_AGENT_PUT, true);
    }
    if (!was_here || d->agent.seen.us - d->seen_written.us > (int64_t)SEEN_EVERY_MS * 1000) {
        d->seen_written = d->agent.seen;
        agents_write(fh, STORE_AGENT_SEEN, false);
    }
    if (!was_here) {
        fleet_host_event(fh, HOST_EVENT_AGENT, "The agent is there");
        provisioning_look(fh);
    }
}

/* --- what it says --- */

static void observed(struct fleet_host *fh, enum amt_control_mode mode) {
    if (mode == AMT_MODE_UNKNOWN)
        return;
    struct host_ev ev = {.kind = HOST_EV_AMT,
                         .amt = mode == AMT_MODE_NONE ? AMT_STATE_UNPROVISIONED : AMT_STATE_PROVISIONED,
                         .mode = mode,
                         .source = SOURCE_AGENT};
    enum amt_state was = fh->h.amt.state;
    if (fh->agent->agent.facts.control_mode != mode)
        fh->agent->agent.facts_at = loop_wall(fh->shard->loop);
    fh->agent->agent.facts.control_mode = mode;
    fleet_host_input(fh, &ev);
    if (was != fh->h.amt.state)
        provisioning_look(fh);
}

/* What it says was true when it sent it: the way here is shorter than a skew that matters. */
static void observed_clock(struct fleet_host *fh, struct wall told) {
    struct wall now = loop_wall(fh->shard->loop);
    struct host *h = &fh->h;
    if (told.us == 0)
        return;
    int64_t skew_ms = (told.us - now.us) / 1000, was_ms = h->clock_skew_ms;
    bool news = !h->clock_at.us || h->clock_source != SOURCE_AGENT || llabs(skew_ms - was_ms) > CLOCK_NEWS_MS;
    h->clock_skew_ms = skew_ms;
    h->clock_at = now;
    h->clock_source = SOURCE_AGENT;
    if (news)
        fleet_host_arm(fh);
}

void agents_heartbeat(struct fleet_host *fh, struct agent_beat *b) {
    struct agent_door *d = fh->agent;
    struct loop *l = fh->shard->loop;
    agents_answer(d); /* an older one: its agent came anew */
    heard(d, b->cert);
    observed(fh, b->mode);
    observed_clock(fh, b->clock);
    agents_running(d, b->running);
    d->held = b;
    if (agents_has_news(d) || b->wait_s == 0) {
        agents_answer(d);
        return;
    }
    uint32_t s = b->wait_s < AGENT_WAIT_MAX_S ? b->wait_s : AGENT_WAIT_MAX_S;
    loop_timer_set(l, &d->wait_timer, mono_add_ms(loop_now(l), (int64_t)s * 1000));
}

void agents_report(struct fleet_host *fh, const uint8_t cert[32], const struct agent_facts *facts) {
    struct agent_door *d = fh->agent;
    d->agent.facts = *facts;
    d->agent.facts_at = loop_wall(fh->shard->loop);
    heard(d, cert);
    agents_write(fh, STORE_AGENT_SEEN, false);
    agents_learn_ids(fh);
    agents_record(fh);
    observed(fh, facts->control_mode);
    provisioning_look(fh);
    agents_look(fh);
    fleet_host_arm(fh); /* its findings are looked at again */
}

/* One end of the system, told twice. */
static bool told_before(const struct fleet_host *fh, enum local_kind kind) {
    const struct host *h = &fh->h;
    int64_t since_us = loop_wall(fh->shard->loop).us - h->local_shutdown_at.us;
    return h->local_shutdown_at.us && h->local_kind == kind && !h->local_seen_off &&
           (h->local_shutdown || kind == LOCAL_REBOOT) && since_us < (int64_t)SAME_SHUTDOWN_MS * 1000;
}

void agents_shutdown(struct fleet_host *fh, enum local_kind kind, const char *cause) {
    if (told_before(fh, kind))
        return;
    struct host_ev ev = {.kind = HOST_EV_LOCAL_SHUTDOWN, .local = kind, .text = cause};
    fleet_host_input(fh, &ev);
}

/* --- JSON --- */

/* As reported, what an operator wants of it, and what came of that. */
static void serial_json(struct json *j, const struct fleet_host *fh) {
    const struct agent_facts *f = &fh->agent->agent.facts;
    json_key(j, "serialConsole");
    json_obj(j);
    agent_facts_put_serial(j, f);
    json_kbool(j, "wanted", fh->h.amt_intent.serial_console);
    json_kstr(j, "result", fh->agent->serial);
    json_obj_end(j);
}

void agents_json(struct json *j, const char *key, const struct fleet_host *fh) {
    const struct agent_door *d = fh->agent;
    json_key(j, key);
    if (!d) {
        json_nil(j);
        return;
    }
    json_obj(j);
    json_kbool(j, "here", d->agent.here);
    json_kwall(j, "enrolledAt", d->agent.enrolled);
    json_kwall(j, "seenAt", d->agent.seen);
    json_kwall(j, "reportedAt", d->agent.facts_at);
    json_kwall(j, "certificateUntil", d->agent.cert_until);
    json_kstr(j, "enrolmentKey", d->key_name);
    json_kstr(j, "doing", d->doing);
    agent_facts_put(j, &d->agent.facts);
    serial_json(j, fh);
    json_obj_end(j);
}
