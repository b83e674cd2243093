/* SPDX-License-Identifier: Apache-2.0 */
/* WS-MAN over the client: a channel of the WS-MAN client is one HTTP request to the firmware after the other,
 * one at a time. The protocol numbers nothing: an answer belongs to the last request, and that of a request
 * nobody waits for any more must come before the next one is sent. */
#include "server/rps_int.h"

#include "base/log.h"

#include <stdio.h>
#include <stdlib.h>

static struct rps_conn *of(struct local_way *w) {
    return CONTAINER_OF(w, struct rps_conn, way);
}

/* --- what the WS-MAN client asks for --- */

/* It is called from wherever a job was queued: the rest is done soon, from the timer. */
static void soon(struct rps_conn *c) {
    if (c->turning)
        c->turn_again = true;
    else
        loop_timer_set(c->shard->loop, &c->timer, mono_add_ms(rps_now(c), 1));
}

static int io_open(void *ctx) {
    struct rps_conn *c = ctx;
    soon(c); /* with ERR_LIMIT, too: there is a deadline of the job now */
    if (!c->stream || c->state != RPS_SERVED)
        return ERR_UNREACHABLE;
    if (c->chan || c->exchange != RPS_EXCHANGE_NONE)
        return ERR_LIMIT;
    if (c->tls) {
        int err = rps_tls_open(c);
        if (err < 0)
            return err;
    } else {
        c->open_due = true;
    }
    c->last_chan = c->last_chan == INT32_MAX ? 1 : c->last_chan + 1;
    return c->chan = c->last_chan;
}

static void asked(struct rps_conn *c) {
    c->exchange = RPS_EXCHANGE_ASKED;
    c->answer_at = mono_add_ms(rps_now(c), c->shard->app->rps_limits.silence_ms);
}

/* 1: the request is complete. */
static int gather(struct rps_conn *c, struct slice data) {
    static const struct http1_limits lim = {
        .head_bytes = 8192, .headers_max = 48, .body_bytes = RPS_PAYLOAD_MAX};
    struct http1_ev ev;
    int got = 0;
    if (c->request.len + data.n > RPS_PAYLOAD_MAX)
        return ERR_LIMIT;
    if (!c->gather && !(c->gather = http1_new(HTTP1_REQUESTS, &lim)))
        return ERR_NOMEM;
    if (buf_put(&c->request, data) < 0)
        return ERR_NOMEM;
    while ((got = http1_input(c->gather, &data, &ev)) > 0)
        if (ev.kind == HTTP1_END)
            return 1;
    return got;
}

static void forget_request(struct rps_conn *c) {
    buf_wipe(&c->request);
    http1_free(&c->gather);
}

static int io_send(void *ctx, int chan, struct slice data) {
    struct rps_conn *c = ctx;
    struct buf message = {0};
    if (chan != c->chan || !c->stream)
        return ERR_CLOSED;
    if (c->exchange != RPS_EXCHANGE_NONE)
        return ERR_FULL;
    int got = gather(c, data);
    if (got <= 0)
        return got;
    if (c->tls) {
        got = rps_tls_send(c, buf_slice(&c->request));
    } else {
        rps_put_server(&message, RPS_S_WSMAN, buf_slice(&c->request));
        rps_send(c, &message);
        got = 0;
    }
    forget_request(c);
    if (got == 0)
        asked(c);
    return got;
}

static void io_close(void *ctx, int chan) {
    struct rps_conn *c = ctx;
    if (chan != c->chan)
        return;
    c->chan = 0;
    c->open_due = false;
    c->close_due = 0;
    forget_request(c);
    if (c->tls && c->last) /* no next request may go there: it would be lost */
        rps_tls_drop(c);
    if (c->exchange == RPS_EXCHANGE_NONE)
        return;
    if (c->tls) { /* the rest of the answer would be taken for that of the next request */
        rps_tls_drop(c);
        c->exchange = RPS_EXCHANGE_NONE;
        c->answer_at = MONO_NEVER;
    } else {
        c->exchange = RPS_EXCHANGE_ORPHAN;
    }
}

static void io_random(void *ctx, uint8_t *out, size_t n) {
    struct rps_conn *c = ctx;
    loop_random(c->shard->loop, out, n);
}

/* --- what the client tells --- */

void rps_chan_ended(struct rps_conn *c, int err) {
    int chan = c->chan;
    c->exchange = RPS_EXCHANGE_NONE;
    c->answer_at = MONO_NEVER;
    c->open_due = false;
    c->close_due = 0;
    forget_request(c);
    if (!chan)
        return;
    c->chan = 0;
    if (c->way.ws)
        wsc_closed(c->way.ws, chan, err, rps_now(c));
    rps_turn(c);
}

void rps_answer(struct rps_conn *c, struct slice data) {
    if (c->chan && c->way.ws)
        wsc_data(c->way.ws, c->chan, data, rps_now(c));
    rps_turn(c);
}

/* The whole answer of a request. The client closed its connection to the firmware after it; unless the next
 * request (the one with the digest) was sent already, the channel ends, too. */
static int on_response(struct rps_conn *c, struct slice data, struct errinfo *ei) {
    enum rps_exchange was = c->exchange;
    int chan = c->chan;
    if (was == RPS_EXCHANGE_NONE)
        return err_set(ei, ERR_PROTO, "method", "a response came that nobody asked for");
    c->exchange = RPS_EXCHANGE_NONE;
    c->answer_at = MONO_NEVER;
    if (was == RPS_EXCHANGE_ORPHAN) {
        rps_turn(c);
        return 0;
    }
    if (chan && c->way.ws)
        wsc_data(c->way.ws, chan, data, rps_now(c));
    if (chan && c->chan == chan && c->exchange == RPS_EXCHANGE_NONE)
        rps_chan_ended(c, ERR_CLOSED);
    rps_turn(c);
    return 0;
}

static int on_reset(struct rps_conn *c) {
    bool orphan = c->exchange == RPS_EXCHANGE_ORPHAN;
    if (c->tls_state == RPS_TLS_SWITCHING)
        return 0; /* of the connection before: the new one comes with the acknowledgement */
    if (c->tls)
        rps_tls_drop(c);
    if (orphan) {
        c->exchange = RPS_EXCHANGE_NONE;
        c->answer_at = MONO_NEVER;
        rps_turn(c);
    } else if (!c->open_due) { /* one that is not opened yet is dialled anew */
        rps_chan_ended(c, ERR_CLOSED);
    }
    return 0;
}

int rps_take(struct rps_conn *c, const struct rps_from_client *m, struct errinfo *ei) {
    switch (m->kind) {
    case RPS_C_RESPONSE:
        if (c->tls)
            return err_set(ei, ERR_PROTO, "method", "a response in the clear came, where TLS was agreed");
        return on_response(c, buf_slice(&m->payload), ei);
    case RPS_C_CONNECTION_RESET:
        return on_reset(c);
    case RPS_C_TLS_DATA:
        return rps_tls_take(c, buf_slice(&m->payload), ei);
    case RPS_C_PORT_SWITCH_ACK:
        return rps_tls_ack(c, ei);
    case RPS_C_HEARTBEAT_RESPONSE:
        return 0;
    default:
        return err_set(ei, ERR_PROTO, "method", "one connection serves one command");
    }
}

/* --- work it off --- */

static void turn_once(struct rps_conn *c) {
    struct wsclient *ws = c->way.ws;
    if (ws && c->open_due && c->chan) {
        c->open_due = false;
        wsc_opened(ws, c->chan, rps_now(c));
    }
    if (c->close_due)
        rps_chan_ended(c, c->close_due);
    if (c->task)
        rps_task_turn(c);
    else if (c->way.fh && c->way.ws)
        provisioning_local_turn(&c->way);
}

void rps_turn(struct rps_conn *c) {
    if (c->turning) {
        c->turn_again = true;
        return;
    }
    c->turning = true;
    do {
        c->turn_again = false;
        turn_once(c);
    } while (c->turn_again && c->state == RPS_SERVED);
    c->turning = false;
    rps_arm(c);
}

void rps_way_tick(struct rps_conn *c) {
    struct errinfo ei = {0};
    if (c->state != RPS_SERVED)
        return;
    if (mono_due(c->answer_at, rps_now(c))) {
        err_set(&ei, ERR_TIMEOUT, "", "the client did not answer for %u s",
                c->shard->app->rps_limits.silence_ms / 1000);
        rps_refuse(c, &ei);
        return;
    }
    if (c->way.ws && mono_due(wsc_deadline(c->way.ws), rps_now(c)))
        wsc_tick(c->way.ws, rps_now(c));
    rps_turn(c);
}

struct mono rps_way_deadline(const struct rps_conn *c) {
    if (c->state != RPS_SERVED)
        return MONO_NEVER;
    struct mono at = c->way.ws ? wsc_deadline(c->way.ws) : MONO_NEVER;
    if (c->open_due || c->close_due)
        at = rps_now(c);
    return mono_min(at, c->answer_at);
}

/* --- its beginning and end --- */

static void way_progress(struct local_way *w, const char *text) {
    struct rps_conn *c = of(w);
    struct buf b = {0};
    if (!c->first.info.progress_supported || c->state != RPS_SERVED)
        return;
    rps_put_progress(&b, text);
    rps_send(c, &b);
}

static void way_finish(struct local_way *w, bool ok, const struct provision *p) {
    struct rps_outcome o;
    rps_outcome_of(p, ok, &o);
    rps_end(of(w), ok, &o);
}

static const struct local_way_ops OPS = {.progress = way_progress, .finish = way_finish};

int rps_serve(struct rps_conn *c, struct fleet_host *fh, struct errinfo *ei) {
    static const enum prov_goal GOALS[RPS_VERB_COUNT] = {[RPS_ACTIVATE] = PROV_GOAL_ACTIVATE,
                                                         [RPS_DEACTIVATE] = PROV_GOAL_DEACTIVATE,
                                                         [RPS_MAINTENANCE] = PROV_GOAL_ROTATE_AMT};
    const struct rps_command *k = &c->first.command;
    c->way.ops = &OPS;
    c->way.io = (struct wsc_io){c, io_open, io_send, io_close, io_random};
    if (k->verb == RPS_MAINTENANCE && k->task != RPS_TASK_CHANGE_PASSWORD)
        return rps_task_begin(c, fh, ei);
    return provisioning_local_attach(fh, &c->way, GOALS[k->verb], k->profile, c->who.actor, ei);
}

void rps_way_end(struct rps_conn *c) {
    if (c->way.fh)
        provisioning_local_lost(&c->way);
    wsc_free(&c->way.ws);
    rps_tls_drop(c);
    forget_request(c);
    http1_free(&c->answer);
    explicit_bzero(c->way.dev.password, sizeof c->way.dev.password);
}
