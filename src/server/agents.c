/* SPDX-License-Identifier: Apache-2.0 */
#include "server/agents.h"

#include "base/json.h"
#include "base/text.h"
#include "server/agent_facts.h"
#include "server/directory.h"
#include "server/persist.h"
#include "server/provisioning.h"
#include "server/settings.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    SEEN_EVERY_MS = 5 * 60 * 1000,   /* how often the store hears that it is there */
    WORK_REST_MS = 30 * 1000,        /* after an activation that ended, whatever it came to */
    SERIAL_REST_MS = 10 * 60 * 1000, /* after an order of the serial console that did not help */
    BEATS_MISSED = 3,
    CLOCK_NEWS_MS = 1000,         /* a clock that moved by more is looked at */
    SAME_SHUTDOWN_MS = 60 * 1000, /* told by logind's signal, and again when the unit stops */
};

static const char *const words[] = {
#define O(sym, word) [AGENT_ORDER_##sym] = word,
    AGENT_ORDER_TABLE(O)
#undef O
};

uint32_t agents_heartbeat_s(const struct app *a) {
    return a->settings ? a->settings->agent_heartbeat_ms / 1000 : AGENT_DEFAULT_HEARTBEAT_S;
}
uint32_t agents_certificate_days(const struct app *a) {
    return a->settings ? a->settings->agent_certificate_days : AGENT_DEFAULT_DAYS;
}

/* --- the store --- */

void agents_row(const struct fleet_host *fh, struct store_agent *row) {
    const struct agent_door *d = fh->agent;
    *row = (struct store_agent){.has_cert = true,
                                .has_before = d->has_before,
                                .enrolled = d->agent.enrolled,
                                .seen = d->agent.seen,
                                .cert_until = d->agent.cert_until,
                                .facts_at = d->agent.facts_at,
                                .facts = d->agent.facts};
    memcpy(row->host, fh->h.id, sizeof row->host);
    memcpy(row->cert, d->cert, sizeof row->cert);
    memcpy(row->before, d->before, sizeof row->before);
    memcpy(row->key_name, d->key_name, sizeof row->key_name);
}

/* Nobody waits for it. */
static void write_row(struct fleet_host *fh, enum store_write_kind kind, bool durable) {
    struct store *st = fh->shard->app->store;
    if (!st || fh->deleting)
        return;
    struct store_agent row;
    agents_row(fh, &row);
    struct store_txn *t = store_txn_new(NULL, NULL);
    if (t)
        t->durable = durable;
    if (!t || store_txn_add(t, kind, &row) < 0 || store_submit(st, t) < 0)
        store_txn_free(&t);
}

/* --- presence --- */

static void on_gone(struct loop_timer *timer) {
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
        write_row(fh, STORE_AGENT_PUT, true);
    }
    if (!was_here || d->agent.seen.us - d->seen_written.us > (int64_t)SEEN_EVERY_MS * 1000) {
        d->seen_written = d->agent.seen;
        write_row(fh, STORE_AGENT_SEEN, false);
    }
    if (!was_here) {
        fleet_host_event(fh, HOST_EVENT_AGENT, "The agent is there");
        provisioning_look(fh);
    }
}

/* --- orders --- */

static struct agent_order *order_find(struct agent_door *d, const char *id) {
    for (size_t i = 0; id[0] && i < d->norders; i++)
        if (strcmp(d->orders[i].id, id) == 0)
            return &d->orders[i];
    return NULL;
}

static struct agent_order *order_of_kind(struct agent_door *d, enum agent_order_kind kind) {
    for (size_t i = 0; i < d->norders; i++)
        if (d->orders[i].kind == kind)
            return &d->orders[i];
    return NULL;
}

static void order_remove(struct agent_door *d, struct agent_order *o) {
    size_t i = (size_t)(o - d->orders);
    memmove(o, o + 1, (--d->norders - i) * sizeof *o);
}

static struct agent_order *order_put(struct agent_door *d, enum agent_order_kind kind, bool on,
                                     const char *profile) {
    struct agent_order *o = order_of_kind(d, kind);
    if (!o)
        o = &d->orders[d->norders++]; /* there is a place for each kind */
    uint8_t r[6];
    char hex[2 * sizeof r + 1];
    loop_random(d->fh->shard->loop, r, sizeof r);
    *o = (struct agent_order){.kind = kind, .on = on};
    snprintf(o->id, sizeof o->id, "ord-%s", text_hex(slice_of(r, sizeof r), hex));
    snprintf(o->profile, sizeof o->profile, "%s", profile ? profile : "");
    return o;
}

static bool is_work(enum agent_order_kind kind) {
    return kind == AGENT_ORDER_ACTIVATE || kind == AGENT_ORDER_DEACTIVATE;
}

/* Bring the order of an activation in line with what the provisioning wants. */
static void orders_of_provisioning(struct agent_door *d) {
    const char *profile = "";
    struct wall ordered = {0};
    enum prov_goal goal = provisioning_for_agent(d->fh, &profile, &ordered);
    enum agent_order_kind want = goal == PROV_GOAL_DEACTIVATE ? AGENT_ORDER_DEACTIVATE : AGENT_ORDER_ACTIVATE;
    for (size_t i = d->norders; i-- > 0;) {
        struct agent_order *o = &d->orders[i];
        bool stays = goal != PROV_GOAL_NONE && o->kind == want && strcmp(o->profile, profile) == 0;
        if (is_work(o->kind) && !o->taken && !stays)
            order_remove(d, o);
    }
    bool again = ordered.us == d->work_ordered.us; /* a new order of an operator does not wait */
    if (goal == PROV_GOAL_NONE || order_of_kind(d, want) ||
        (again && mono_before(loop_now(d->fh->shard->loop), d->rest_until)))
        return;
    d->work_ordered = ordered;
    order_put(d, want, false, profile);
}

/* An operator wants the serial console, and it is not there: tried now and again. */
static void orders_of_serial(struct agent_door *d) {
    const struct host *h = &d->fh->h;
    const struct agent_facts *f = &d->agent.facts;
    struct mono now = loop_now(d->fh->shard->loop);
    if (!h->amt_intent.serial_console || !f->tty[0] || (f->getty && f->getty_enabled) ||
        order_of_kind(d, AGENT_ORDER_SERIAL) || mono_before(now, d->serial_again))
        return;
    order_put(d, AGENT_ORDER_SERIAL, true, NULL);
}

/* The firmware was seen set up or free since the agent looked, and the agent thinks otherwise. */
static void orders_of_doubt(struct agent_door *d) {
    const struct host *h = &d->fh->h;
    enum amt_control_mode told = d->agent.facts.control_mode;
    bool differs =
        (h->amt.state == AMT_STATE_UNPROVISIONED && (told == AMT_MODE_CCM || told == AMT_MODE_ACM)) ||
        (h->amt.state == AMT_STATE_PROVISIONED && told == AMT_MODE_NONE);
    if (differs && h->amt.source == SOURCE_FIRMWARE && h->amt.at.us > d->agent.facts_at.us &&
        !order_of_kind(d, AGENT_ORDER_REPORT))
        order_put(d, AGENT_ORDER_REPORT, true, NULL);
}

static void order_json(struct json *j, const struct agent_order *o) {
    json_obj(j);
    json_kstr(j, "id", o->id);
    json_kstr(j, "kind", words[o->kind]);
    if (o->kind == AGENT_ORDER_ACTIVATE)
        json_kstr(j, "profile", o->profile);
    if (o->kind == AGENT_ORDER_DEACTIVATE)
        json_kbool(j, "local", o->on);
    if (o->kind == AGENT_ORDER_SERIAL || o->kind == AGENT_ORDER_AMT_SWITCH)
        json_kbool(j, "enable", o->on);
    json_obj_end(j);
}

/* One that is handed out and never taken up is given up. */
static void orders_give_up(struct agent_door *d) {
    for (size_t i = d->norders; i-- > 0;) {
        struct agent_order *o = &d->orders[i];
        if (o->taken || o->given < AGENT_GIVEN_MAX)
            continue;
        char id[AGENT_ORDER_ID_CAP];
        memcpy(id, o->id, sizeof id);
        (void)!agents_result(d->fh, id, false, "the agent did not take it up");
    }
}

/* Answer the heartbeat that waits, with what is to be done. */
static void answer(struct agent_door *d) {
    struct agent_beat *b = d->held;
    if (!b)
        return;
    d->held = NULL;
    loop_timer_stop(d->fh->shard->loop, &d->wait_timer);
    struct json j = json_of(&b->out);
    json_obj(&j);
    json_key(&j, "orders");
    json_arr(&j);
    for (size_t i = 0; i < d->norders; i++) {
        if (d->orders[i].taken)
            continue;
        d->orders[i].given++;
        order_json(&j, &d->orders[i]);
    }
    json_arr_end(&j);
    json_obj_end(&j);
    b->call.err = b->out.failed ? ERR_NOMEM : 0;
    fleet_answer(&b->call);
}

static bool has_news(struct agent_door *d) {
    orders_of_provisioning(d);
    orders_of_serial(d);
    orders_of_doubt(d);
    for (size_t i = 0; i < d->norders; i++)
        if (!d->orders[i].taken)
            return true;
    return false;
}

static void on_wait(struct loop_timer *timer) {
    struct agent_door *d = CONTAINER_OF(timer, struct agent_door, wait_timer);
    (void)has_news(d);
    answer(d);
}

void agents_look(struct fleet_host *fh) {
    if (fh->agent && fh->agent->held && has_news(fh->agent))
        answer(fh->agent);
}

static int no_agent(const struct fleet_host *fh, struct errinfo *ei) {
    err_set(ei, ERR_STATE, "", "the host %s has no agent, and this is done by the agent on the node",
            fh->h.name);
    err_remedy(ei, "Install pm-agent on the node and enrol it: orch-cli create enrolment-key, then pm-agent "
                   "enrol on the node.");
    return ERR_STATE;
}

/* Has the agent one of this kind in its hands? Another one now would do away with what comes of it. */
static int check_idle(struct agent_door *d, enum agent_order_kind kind, struct errinfo *ei) {
    const struct agent_order *o = order_of_kind(d, kind);
    if (!o || !(o->taken || (kind == AGENT_ORDER_AMT_SWITCH && o->given)))
        return 0;
    err_set(ei, ERR_STATE, "", "the agent of %s is at work on an earlier order (%s %s): its result is not in",
            d->fh->h.name, words[kind], o->on ? "on" : "off");
    err_remedy(ei,
               "Wait for the result, which the host's history tells (orch-cli get host %s), then try again.",
               d->fh->h.name);
    return ERR_STATE;
}

int agents_order(struct fleet_host *fh, enum agent_order_kind kind, bool on, struct errinfo *ei) {
    if (!fh->agent)
        return no_agent(fh, ei);
    int r = check_idle(fh->agent, kind, ei);
    if (r < 0)
        return r;
    order_put(fh->agent, kind, on, NULL);
    agents_look(fh);
    return 0;
}

int agents_serial_ready(const struct fleet_host *fh, struct errinfo *ei) {
    if (!fh->agent)
        return no_agent(fh, ei);
    const struct agent_facts *f = &fh->agent->agent.facts;
    if (f->tty[0])
        return 0;
    err_set(ei, ERR_STATE, "serialConsole", "the agent of %s found no AMT serial port%s%s", fh->h.name,
            f->tty_text[0] ? ": " : "", f->tty_text);
    err_remedy(ei, "Is SOL enabled in the BIOS, and has the kernel the driver 8250_pci?");
    return ERR_STATE;
}

void agents_want_serial(struct fleet_host *fh) {
    if (fh->agent) /* one that is under way: its result brings this one about */
        (void)!agents_order(fh, AGENT_ORDER_SERIAL, fh->h.amt_intent.serial_console, NULL);
}

void agents_drain(struct shard *s) {
    struct map_iter it = {0};
    LOOP_ASSERT(s->loop);
    for (struct map_node *n; (n = map_next(&s->hosts, &it));) {
        struct fleet_host *fh = CONTAINER_OF(n, struct fleet_host, node);
        if (fh->agent)
            answer(fh->agent);
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
    answer(d); /* an older one: its agent came anew */
    heard(d, b->cert);
    observed(fh, b->mode);
    observed_clock(fh, b->clock);
    for (size_t i = 0; i < d->norders; i++)
        d->orders[i].taken = strcmp(d->orders[i].id, b->running) == 0;
    orders_give_up(d);
    d->held = b;
    if (has_news(d) || b->wait_s == 0) {
        answer(d);
        return;
    }
    uint32_t s = b->wait_s < AGENT_WAIT_MAX_S ? b->wait_s : AGENT_WAIT_MAX_S;
    loop_timer_set(l, &d->wait_timer, mono_add_ms(loop_now(l), (int64_t)s * 1000));
}

/* By what this machine is known, should it come by another way. */
static void learn_ids(struct fleet_host *fh) {
    const struct agent_facts *facts = &fh->agent->agent.facts;
    struct node_ids ids = {.smbios = facts->smbios_uuid, .amt = facts->amt_uuid};
    slice_to_str(slice_str(facts->serial), ids.serial, sizeof ids.serial);
    directory_learn(fh->shard->app->directory, fh->h.id, &ids);
}

void agents_report(struct fleet_host *fh, const uint8_t cert[32], const struct agent_facts *facts) {
    struct agent_door *d = fh->agent;
    d->agent.facts = *facts;
    d->agent.facts_at = loop_wall(fh->shard->loop);
    heard(d, cert);
    write_row(fh, STORE_AGENT_SEEN, false);
    learn_ids(fh);
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

int agents_progress(struct fleet_host *fh, const char *order, const char *text) {
    struct agent_order *o = order_find(fh->agent, order);
    if (!o)
        return ERR_NOT_FOUND;
    o->taken = true;
    text_clean(fh->agent->doing, sizeof fh->agent->doing, slice_str(text));
    return 0;
}

int agents_result(struct fleet_host *fh, const char *order, bool ok, const char *text) {
    struct agent_door *d = fh->agent;
    struct agent_order *o = order_find(d, order);
    char clean[AGENT_LONG_CAP], line[AGENT_LONG_CAP + 96];
    if (!o)
        return ERR_NOT_FOUND;
    text_clean(clean, sizeof clean, slice_str(text));
    snprintf(line, sizeof line, "The agent's order %s %s%s%s", words[o->kind], ok ? "is done" : "failed",
             clean[0] ? ": " : "", clean);
    struct mono now = loop_now(fh->shard->loop);
    if (o->kind == AGENT_ORDER_SERIAL) {
        snprintf(d->serial, sizeof d->serial, "%s", clean);
        d->serial_again = mono_add_ms(now, SERIAL_REST_MS);
    }
    if (is_work(o->kind))
        d->rest_until = mono_add_ms(now, WORK_REST_MS);
    bool silent = o->kind == AGENT_ORDER_REPORT;
    bool other = o->kind == AGENT_ORDER_SERIAL && o->on != fh->h.amt_intent.serial_console;
    snprintf(d->doing, sizeof d->doing, "%s", clean);
    order_remove(d, o);
    if (other) /* ordered meanwhile */
        agents_want_serial(fh);
    if (!silent)
        fleet_host_event(fh, HOST_EVENT_AGENT, line);
    provisioning_look(fh);
    return 0;
}

/* --- identity --- */

int agents_enter(struct fleet_host *fh, const struct store_agent *row) {
    struct agent_door *d = fh->agent;
    struct agent_ca *ca = fh->shard->app->agent_ca;
    if (!d && !(d = calloc(1, sizeof *d)))
        return ERR_NOMEM;
    if (ca && agent_ca_admit(ca, fh->h.id, row->cert, row->has_before ? row->before : NULL) < 0) {
        if (!fh->agent)
            free(d);
        return ERR_NOMEM;
    }
    d->fh = fh;
    d->wait_timer.fn = on_wait;
    d->gone_timer.fn = on_gone;
    d->has_before = row->has_before;
    memcpy(d->cert, row->cert, sizeof d->cert);
    memcpy(d->before, row->before, sizeof d->before);
    memcpy(d->key_name, row->key_name, sizeof d->key_name);
    d->agent.facts = row->facts;
    d->agent.facts_at = row->facts_at;
    d->agent.enrolled = row->enrolled;
    d->agent.seen = row->seen;
    d->agent.cert_until = row->cert_until;
    fh->agent = d;
    fh->h.agent = &d->agent;
    learn_ids(fh);
    return 0;
}

bool agents_in_use(const struct fleet_host *fh) {
    return fh->agent && fh->agent->agent.cert_until.us > loop_wall(fh->shard->loop).us;
}

void agents_drop(struct fleet_host *fh, int err) {
    struct agent_door *d = fh->agent;
    if (!d)
        return;
    if (fh->shard->app->agent_ca)
        agent_ca_revoke(fh->shard->app->agent_ca, fh->h.id);
    if (fh->shard->loop) { /* NULL: it crashed (simulation) */
        loop_timer_stop(fh->shard->loop, &d->wait_timer);
        loop_timer_stop(fh->shard->loop, &d->gone_timer);
        if (d->held && err) {
            d->held->call.err = err_set(&d->held->call.error, err, "", "%s", err_text(err));
            fleet_answer(&d->held->call);
        }
    }
    fh->agent = NULL;
    fh->h.agent = NULL;
    free(d);
}

void agents_revoke(struct fleet_host *fh, const char *why) {
    if (!fh->agent)
        return;
    char text[128];
    snprintf(text, sizeof text, "The identity of the agent is void: %s", why);
    write_row(fh, STORE_AGENT_DELETE, true);
    agents_drop(fh, ERR_AUTH);
    fleet_host_event(fh, HOST_EVENT_AGENT, text);
    provisioning_look(fh);
}

static int load_one(void *ctx, const struct store_agent *row) {
    struct app *a = ctx;
    struct fleet_host *fh = fleet_host_find(app_shard_of(a, row->host), row->host);
    return fh && row->has_cert ? agents_enter(fh, row) : 0;
}

int agents_load(struct app *a, struct errinfo *ei) {
    int r = store_each_agent(a->store, load_one, a);
    return r < 0 ? err_set(ei, r, "", "the agents could not be read from the store: %s", err_text(r)) : 0;
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
