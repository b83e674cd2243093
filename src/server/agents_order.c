/* SPDX-License-Identifier: Apache-2.0 */
/* The orders of an agent: which there are to be, handing out, progress and result. */
#include "server/agents_int.h"

#include "base/json.h"
#include "base/text.h"
#include "server/provisioning.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    WORK_REST_MS = 30 * 1000,        /* after an activation that ended, whatever it came to */
    SERIAL_REST_MS = 10 * 60 * 1000, /* after an order of the serial console that did not help */
};

static const char *const words[] = {
#define O(sym, word) [AGENT_ORDER_##sym] = word,
    AGENT_ORDER_TABLE(O)
#undef O
};

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

void agents_running(struct agent_door *d, const char *order) {
    for (size_t i = 0; i < d->norders; i++)
        d->orders[i].taken = strcmp(d->orders[i].id, order) == 0;
    orders_give_up(d);
}

void agents_answer(struct agent_door *d) {
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

bool agents_has_news(struct agent_door *d) {
    orders_of_provisioning(d);
    orders_of_serial(d);
    orders_of_doubt(d);
    for (size_t i = 0; i < d->norders; i++)
        if (!d->orders[i].taken)
            return true;
    return false;
}

void agents_on_wait(struct loop_timer *timer) {
    struct agent_door *d = CONTAINER_OF(timer, struct agent_door, wait_timer);
    (void)agents_has_news(d);
    agents_answer(d);
}

void agents_look(struct fleet_host *fh) {
    if (fh->agent && fh->agent->held && agents_has_news(fh->agent))
        agents_answer(fh->agent);
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
            agents_answer(fh->agent);
    }
}

/* --- what comes of them --- */

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
