/* SPDX-License-Identifier: Apache-2.0 */
/* The agent of a node: when the server has something for it, it comes with a WebSocket, says what the node
 * is, and passes requests on to the firmware's local port; by dice something of that goes wrong. */
#include "activation.h"

#include "base/text.h"

#include <stdio.h>
#include <stdlib.h>

enum { ASK_MS = 3000, PAUSE_MS = 500, PAUSE_MAX_MS = 30000, LATE_MAX_MS = 20000 };

static struct mono now_of(const struct agent *ag) {
    return sim_now(ag->act->w->sim);
}

static void soon(struct agent *ag, int64_t ms) {
    loop_timer_set(ag->act->w->outside, &ag->timer, mono_add_ms(now_of(ag), ms));
}

/* --- faults --- */

static const uint8_t weights[] = {
#define A(sym, weight, text) weight,
    AGENT_FAULT_TABLE(A)
#undef A
};

/* AGENT_FAULT_COUNT: none this time. */
static enum agent_fault some_fault(struct agent *ag) {
    const struct world_config *cfg = &ag->act->w->cfg;
    uint32_t ppm = cfg->drops_ppm ? cfg->drops_ppm : 8000;
    if (ag->act->over || cfg->calm || !rng_chance(&ag->rng, ppm))
        return AGENT_FAULT_COUNT;
    if (cfg->drops_ppm)
        return rng_chance(&ag->rng, 500000) ? AGENT_DROP_BEFORE : AGENT_DROP_AFTER;
    int64_t total = 0;
    unsigned i = 0;
    for (size_t k = 0; k < sizeof weights; k++)
        total += weights[k];
    int64_t pick = rng_range(&ag->rng, 0, total - 1);
    while (pick >= weights[i])
        pick -= weights[i++];
    return (enum agent_fault)i;
}

/* The next time that the firmware comes to this step, it goes wrong there. */
static void step_fault(struct agent *ag, struct sim_node *n) {
    static const uint32_t values[] = {1, 16, 32, 2054};
    size_t steps = 0;
    while (sim_step_name(steps))
        steps++;
    struct sim_step_fault *f = &n->faults.step;
    *f = (struct sim_step_fault){.kind = (uint8_t)rng_range(&ag->rng, 1, SIM_STEP_FAULT_COUNT - 1),
                                 .after = rng_chance(&ag->rng, 500000),
                                 .value = values[rng_range(&ag->rng, 0, 3)],
                                 .times = 1};
    snprintf(f->step, sizeof f->step, "%s",
             sim_step_name((size_t)rng_range(&ag->rng, 0, (int64_t)steps - 1)));
}

/* --- to the server --- */

static void flush(struct agent *ag) {
    struct slice out;
    while (ag->stream && (out = ws_output(ag->ws)).n) {
        if (stream_write(ag->stream, out) < 0)
            return;
        ws_sent(ag->ws, out.n);
    }
}

static void say(struct agent *ag, enum rps_client_kind k, struct slice payload) {
    struct buf b = {0};
    rps_put_client(&b, k, payload);
    (void)!ws_text(ag->ws, buf_slice(&b));
    buf_free(&b);
    flush(ag);
}

/* What a provisioning certificate must fit. */
static void say_trust(struct rps_info *i, const struct prov *p) {
    snprintf(i->fqdn, sizeof i->fqdn, "%.127s", p->dns_suffix);
    for (size_t k = 0; k < p->nroots; k++)
        text_hex(slice_of(p->roots[k].hash, p->roots[k].n), i->cert_hashes[i->ncert_hashes++]);
}

static void say_command(struct agent *ag) {
    static const enum rps_verb verbs[PROV_GOAL_COUNT] = {
        [PROV_GOAL_ACTIVATE] = RPS_ACTIVATE, [PROV_GOAL_DEACTIVATE] = RPS_DEACTIVATE};
    struct sim_node *n = ag->act->w->nodes[ag->of];
    struct slice build = slice_str(sim_profile_firmware(sim_node_config(n)->profile)), version;
    struct rps_command c = {.verb = verbs[ag->goal]};
    struct rps_info i = {.client = "RPC", .user = "$$OsAdmin", .dhcp = true, .progress_supported = true};
    struct buf b = {0};
    snprintf(c.profile, sizeof c.profile, "%s", ag->profile);
    slice_cut(&build, ':'); /* "0:16.1.25.1885" */
    version = build;
    const uint8_t *dot = memrchr(version.p, '.', version.n);
    slice_to_str(slice_head(version, (size_t)(dot - version.p)), i.ver, sizeof i.ver);
    slice_to_str(slice_skip(version, (size_t)(dot - version.p) + 1), i.build, sizeof i.build);
    snprintf(i.sku, sizeof i.sku, "16392");
    snprintf(i.host_name, sizeof i.host_name, "%s", sim_node_config(n)->id.name);
    snprintf(i.password, sizeof i.password, "%s", fw_os_admin_password(n));
    i.current_mode = node_control_mode(n);
    say_trust(&i, node_prov(n));
    i.uuid = sim_node_config(n)->id.uuid;
    rps_put_command(&b, &c, &i);
    (void)!ws_text(ag->ws, buf_slice(&b));
    buf_free(&b);
    flush(ag);
}

/* --- the firmware --- */

static bool has(struct slice s, const char *word) {
    return memmem(s.p, s.n, word, strlen(word)) != NULL;
}

/* Set-up is sent once a run, and never to a firmware that has it. */
static void judge_request(struct agent *ag, struct slice request) {
    uint8_t mode = node_control_mode(ag->act->w->nodes[ag->of]);
    bool setup = has(request, "IPS_HostBasedSetupService/Setup") ||
                 has(request, "IPS_HostBasedSetupService/AdminSetup");
    if (setup && mode != 0)
        world_broken(ag->act->w, "node %u is set up, and is asked to be set up again", ag->of + 1);
    if (has(request, "IPS_HostBasedSetupService/UpgradeClientToAdmin") && mode != 1)
        world_broken(ag->act->w, "node %u is in mode %u, and is asked to go up from client control mode",
                     ag->of + 1, mode);
}

/* A connection a request, as rpc has it. */
static void ask_firmware(struct agent *ag, struct slice request, struct buf *answer) {
    struct sim_node *n = ag->act->w->nodes[ag->of];
    struct port_side side;
    judge_request(ag, request);
    if (!port_side_open(&side, n, PORT_WSMAN, false, true, now_of(ag)))
        abort();
    port_side_input(&side, request, now_of(ag));
    port_side_tick(&side, now_of(ag));
    for (struct buf *o; (o = port_side_output(&side, now_of(ag)))->len;) {
        buf_put(answer, buf_slice(o));
        buf_consume(o, o->len);
    }
    port_side_close(&side);
    node_settle(n);
}

void agent_cut(struct agent *ag) {
    ag->mute = true; /* what is on its way to it is lost */
    if (ag->stream)
        stream_abort(ag->stream);
}

static void pass_on(struct agent *ag, enum agent_fault f, struct buf *answer) {
    switch (f) {
    case AGENT_DROP_AFTER:
        agent_cut(ag);
        return;
    case AGENT_DARK:
        ag->mute = true;
        return;
    case AGENT_LATE:
        buf_put(&ag->late, buf_slice(answer));
        soon(ag, rng_range(&ag->rng, 100, LATE_MAX_MS));
        return;
    case AGENT_JUNK:
        say(ag, RPS_C_RESPONSE, SLICE_LIT("HTTP/1.1 what"));
        return;
    default:
        if (answer->len)
            say(ag, RPS_C_RESPONSE, buf_slice(answer));
        else
            say(ag, RPS_C_CONNECTION_RESET, SLICE_EMPTY);
        if (f == AGENT_TWICE && answer->len)
            say(ag, RPS_C_RESPONSE, buf_slice(answer));
    }
}

static void on_wsman(struct agent *ag, struct slice request) {
    enum agent_fault f = some_fault(ag);
    struct buf answer = {0};
    ag->act->w->tally.requests++;
    if (f < AGENT_FAULT_COUNT)
        ag->act->w->tally.faults[f]++;
    if (f == AGENT_DROP_BEFORE) {
        agent_cut(ag);
        return;
    }
    if (f == AGENT_CLOSED) {
        say(ag, RPS_C_CONNECTION_RESET, SLICE_EMPTY);
        return;
    }
    if (f == AGENT_STEP)
        step_fault(ag, ag->act->w->nodes[ag->of]);
    ask_firmware(ag, request, &answer);
    pass_on(ag, f, &answer);
    buf_free(&answer);
}

/* --- the connection --- */

static void on_text(struct agent *ag, struct slice text) {
    struct rps_from_server *m = calloc(1, sizeof *m);
    struct errinfo ei = {0};
    if (!m)
        abort();
    if (rps_read_server(text, m, &ei) < 0)
        world_broken(ag->act->w, "node %u: the server says what is not of the protocol: %s", ag->of + 1,
                     ei.text);
    else if (m->kind == RPS_S_WSMAN)
        on_wsman(ag, buf_slice(&m->payload));
    else if (m->kind == RPS_S_SUCCESS || m->kind == RPS_S_ERROR)
        ag->over = true;
    if (m->kind == RPS_S_SUCCESS)
        ag->pause_ms = PAUSE_MS;
    rps_from_server_free(m);
    free(m);
}

static void on_data(struct stream *s, void *ctx, struct slice in) {
    struct agent *ag = ctx;
    struct ws_ev ev;
    bool first = !ag->admitted;
    int got = 0;
    (void)s;
    for (; !ag->admitted && in.n; in = slice_skip(in, 1))
        ag->admitted = in.p[0] == '\n';
    if (first && ag->admitted)
        say_command(ag);
    while (ag->stream && !ag->mute && (got = ws_input(ag->ws, &in, &ev)) > 0) {
        if (ev.kind == WS_EV_TEXT && !ag->over)
            on_text(ag, ev.data);
        else if (ev.kind == WS_EV_CLOSE)
            stream_close(ag->stream);
    }
    if (got < 0)
        world_broken(ag->act->w, "node %u: the server breaks WebSocket: %s", ag->of + 1, ws_error(ag->ws));
    if (!ag->mute)
        flush(ag);
}

static void on_open(struct stream *s, void *ctx) {
    struct agent *ag = ctx;
    char line[HOST_ID_CAP + 2];
    int n = snprintf(line, sizeof line, "%s\n", ag->act->w->ids[ag->of]);
    (void)!stream_write(s, slice_of(line, (size_t)n));
}

static void on_end(struct stream *s, void *ctx, enum stream_end why) {
    struct agent *ag = ctx;
    (void)s;
    (void)why;
    ag->stream = NULL;
    ws_free(&ag->ws);
    buf_free(&ag->late);
    soon(ag, rng_range(&ag->rng, ag->pause_ms / 2, ag->pause_ms));
    ag->pause_ms = 2 * ag->pause_ms < PAUSE_MAX_MS ? 2 * ag->pause_ms : PAUSE_MAX_MS;
}

static void come(struct agent *ag) {
    static const struct stream_handler handler = {.on_open = on_open, .on_data = on_data, .on_end = on_end};
    struct connect_opts o = {.address = RPS_DOOR_ADDRESS, .timeout_ms = 10000};
    uint8_t seed[16];
    char source[32];
    for (size_t i = 0; i < sizeof seed; i++)
        seed[i] = (uint8_t)rng_u64(&ag->rng);
    ag->admitted = ag->over = ag->mute = false;
    ag->ws = ws_new(WS_CLIENT, RPS_MESSAGE_MAX, seed);
    snprintf(source, sizeof source, "10.2.0.%u:5000", ag->of + 1);
    sim_next_source(ag->act->w->outside, source);
    ag->stream = stream_connect(ag->act->w->outside, &o, &handler, ag);
    if (!ag->ws || !ag->stream)
        abort();
}

/* As its heartbeat is answered. */
static bool wanted(struct agent *ag) {
    struct world *w = ag->act->w;
    const struct fleet_host *fh = w->dying ? NULL : world_host(w, ag->of);
    const char *profile = "";
    struct wall ordered;
    ag->goal = fh ? provisioning_for_agent(fh, &profile, &ordered) : PROV_GOAL_NONE;
    snprintf(ag->profile, sizeof ag->profile, "%s", profile);
    return ag->goal == PROV_GOAL_ACTIVATE || ag->goal == PROV_GOAL_DEACTIVATE;
}

static void on_timer(struct loop_timer *t) {
    struct agent *ag = CONTAINER_OF(t, struct agent, timer);
    if (ag->stream && ag->late.len) {
        say(ag, RPS_C_RESPONSE, buf_slice(&ag->late));
        buf_free(&ag->late);
    } else if (!ag->stream && wanted(ag)) {
        come(ag);
    } else if (!ag->stream) {
        soon(ag, rng_range(&ag->rng, ASK_MS / 2, ASK_MS));
    }
}

void agents_start(struct activation *a) {
    for (uint32_t i = 0; i < a->w->cfg.nodes; i++) {
        struct agent *ag = &a->agents[i];
        ag->act = a;
        ag->of = i;
        ag->rng.s = rng_u64(&a->rng);
        ag->pause_ms = PAUSE_MS;
        ag->timer.fn = on_timer;
        soon(ag, rng_range(&ag->rng, 0, ASK_MS));
    }
}

void agents_stop(struct activation *a) {
    for (uint32_t i = 0; i < a->w->cfg.nodes; i++) {
        agent_cut(&a->agents[i]);
        ws_free(&a->agents[i].ws);
        buf_free(&a->agents[i].late);
        if (a->agents[i].stream)
            stream_handle(a->agents[i].stream, NULL, NULL);
        a->agents[i].stream = NULL;
        loop_timer_stop(a->w->outside, &a->agents[i].timer);
    }
}
