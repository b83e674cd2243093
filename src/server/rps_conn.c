/* SPDX-License-Identifier: Apache-2.0 */
/* A client's connection: its WebSocket, its life, and its move to the shard of its host. */
#include "server/rps_int.h"

#include "base/log.h"

#include <stdio.h>
#include <stdlib.h>

struct mono rps_now(const struct rps_conn *c) {
    return loop_now(c->shard->loop);
}

void rps_set_state(struct rps_conn *c, enum rps_state s) {
    c->state = s;
}

/* --- life --- */

void rps_conn_free(struct rps_conn *c) {
    rps_way_end(c);
    if (list_linked(&c->node))
        metric_add(&c->shard->metrics, METRIC_RPS_CLIENTS, -1);
    list_remove(&c->shard->rps, &c->node);
    if (c->shard->loop)
        loop_timer_stop(c->shard->loop, &c->timer);
    stream_moving_free(&c->moving);
    ws_free(&c->ws);
    rps_from_client_free(&c->first);
    explicit_bzero(c, sizeof *c);
    free(c);
}

/* Nothing of it is under way, and nobody listens. */
void rps_maybe_free(struct rps_conn *c) {
    if (!c->stream && !c->moving && !c->posted && !c->turning)
        rps_conn_free(c);
}

static void close_stream(struct rps_conn *c) {
    c->closing = true;
    stream_close(c->stream);
}

/* --- to the client --- */

static void flush(struct rps_conn *c) {
    struct slice out;
    while (c->stream && (out = ws_output(c->ws)).n) {
        if (stream_write(c->stream, out) < 0)
            return; /* its end is on the way */
        ws_sent(c->ws, out.n);
    }
    if (c->stream && stream_queued(c->stream) > RPS_BACKLOG_BYTES)
        stream_abort(c->stream);
}

void rps_send(struct rps_conn *c, struct buf *message) {
    bool sent = c->stream && !message->failed && ws_text(c->ws, buf_slice(message)) == 0;
    buf_wipe(message);
    if (!sent && c->stream && !ws_closing(c->ws))
        stream_abort(c->stream); /* out of memory: a message that is missing would confuse both */
    flush(c);
}

static void say_bye(struct rps_conn *c, uint16_t code, const char *reason) {
    rps_set_state(c, RPS_ENDING);
    if (!c->stream)
        return;
    ws_close(c->ws, code, reason);
    flush(c);
    c->farewell_at = mono_add_ms(rps_now(c), RPS_FAREWELL_MS);
    rps_arm(c);
}

static void end_with(struct rps_conn *c, bool ok, const struct rps_outcome *o, uint16_t code) {
    struct buf b = {0};
    struct log_ctx ctx = {.host = *c->host ? c->host : NULL, .peer = c->peer};
    if (c->state == RPS_ENDING)
        return;
    log_line(ok ? LOG_INFO : LOG_WARN, "activate", &ctx, "%s of %s %s: %s",
             rps_verb_word(c->first.command.verb), c->who.actor, ok ? "done" : "failed", o->status);
    metric_add(&c->shard->metrics, ok ? METRIC_RPS_DONE : METRIC_RPS_FAILED, 1);
    rps_put_end(&b, ok, o);
    rps_send(c, &b);
    rps_way_end(c);
    say_bye(c, code, o->status);
}

void rps_end(struct rps_conn *c, bool ok, const struct rps_outcome *o) {
    end_with(c, ok, o, WS_CLOSE_NORMAL);
}

static void refuse_with(struct rps_conn *c, const struct errinfo *ei, uint16_t code) {
    struct rps_outcome o = {0};
    snprintf(o.status, sizeof o.status, "%s%s%s", ei->text, *ei->remedy ? ". " : "", ei->remedy);
    end_with(c, false, &o, code);
}

void rps_refuse(struct rps_conn *c, const struct errinfo *ei) {
    refuse_with(c, ei, WS_CLOSE_NORMAL);
}

/* --- from the client --- */

static void broke_rules(struct rps_conn *c, uint16_t code, const char *text) {
    struct errinfo ei = {0};
    err_set(&ei, ERR_PROTO, "", "%s", text);
    refuse_with(c, &ei, code);
}

static void look_up(struct loop *l, struct loop_msg *m) {
    struct rps_conn *c = CONTAINER_OF(m, struct rps_conn, msg);
    (void)l;
    c->posted = false;
    if (c->stream && c->state == RPS_LOOKING)
        rps_look_up(c);
    rps_maybe_free(c);
}

/* What follows may move the stream, which must not happen inside its own on_data. */
static void take_first(struct rps_conn *c, struct slice text) {
    struct errinfo ei = {0};
    if (rps_read_client(text, &c->first, &ei) < 0) {
        rps_refuse(c, &ei);
        return;
    }
    if (c->first.kind != RPS_C_COMMAND) {
        broke_rules(c, WS_CLOSE_POLICY, "the first message must be a command");
        return;
    }
    rps_set_state(c, RPS_LOOKING);
    c->posted = true;
    c->msg.fn = look_up;
    loop_post(c->shard->loop, &c->msg);
}

static void take_next(struct rps_conn *c, struct slice text) {
    struct rps_from_client *m = calloc(1, sizeof *m); /* with room for a command: not for the stack */
    struct errinfo ei = {0};
    if (!m) {
        broke_rules(c, WS_CLOSE_POLICY, "the server is out of memory");
        return;
    }
    int err = rps_read_client(text, m, &ei);
    if (err == 0)
        err = rps_take(c, m, &ei);
    rps_from_client_free(m);
    free(m);
    if (err < 0)
        refuse_with(c, &ei, WS_CLOSE_POLICY);
}

static void on_text(struct rps_conn *c, struct slice text) {
    switch (c->state) {
    case RPS_FIRST:
        take_first(c, text);
        return;
    case RPS_SERVED:
        take_next(c, text);
        return;
    case RPS_LOOKING:
    case RPS_MOVING:
        broke_rules(c, WS_CLOSE_POLICY, "a message came that nobody asked for");
        return;
    case RPS_ENDING:
        return;
    }
}

static void on_ws(struct rps_conn *c, const struct ws_ev *ev) {
    if (ev->kind == WS_EV_TEXT) {
        on_text(c, ev->data);
    } else if (ev->kind == WS_EV_BINARY && c->state != RPS_ENDING) {
        broke_rules(c, WS_CLOSE_UNSUPPORTED, "messages of this protocol are text, not binary");
    } else if (ev->kind == WS_EV_CLOSE) {
        flush(c); /* its answer */
        close_stream(c);
    }
}

static void on_data(struct stream *s, void *ctx, struct slice in) {
    struct rps_conn *c = ctx;
    struct ws_ev ev;
    int got = 0;
    (void)s;
    c->silent_at = mono_add_ms(rps_now(c), c->shard->app->rps_limits.silence_ms);
    while (!c->closing && (got = ws_input(c->ws, &in, &ev)) > 0)
        on_ws(c, &ev);
    if (got < 0 && !c->closing) {
        broke_rules(c, WS_CLOSE_PROTOCOL, ws_error(c->ws));
        flush(c);
        close_stream(c);
    }
    flush(c);
    if (c->state == RPS_SERVED)
        rps_turn(c);
    rps_arm(c);
}

static void on_end(struct stream *s, void *ctx, enum stream_end why) {
    struct rps_conn *c = ctx;
    struct log_ctx lc = {.host = *c->host ? c->host : NULL, .peer = c->peer};
    (void)s;
    c->stream = NULL;
    if (c->state != RPS_ENDING)
        log_line(LOG_INFO, "activate", &lc, "the client of %s is gone (%s)", c->who.actor,
                 stream_end_text(why));
    rps_way_end(c);
    rps_maybe_free(c);
}

static const struct stream_handler HANDLER = {.on_data = on_data, .on_end = on_end};

/* --- time --- */

void rps_arm(struct rps_conn *c) {
    struct mono at = MONO_NEVER;
    if (c->stream && !c->closing) {
        at = mono_is_never(c->farewell_at) ? mono_min(c->ping_at, c->silent_at) : c->farewell_at;
        at = mono_min(at, rps_way_deadline(c));
    }
    /* a deadline that has passed already is looked at once a millisecond at most */
    struct mono soonest = mono_add_ms(rps_now(c), 1);
    loop_timer_set(c->shard->loop, &c->timer, mono_is_never(at) ? at : mono_max(at, soonest));
}

static void on_time(struct loop_timer *t) {
    struct rps_conn *c = CONTAINER_OF(t, struct rps_conn, timer);
    struct mono now = rps_now(c);
    if (c->stream && !c->closing && mono_due(c->farewell_at, now)) {
        close_stream(c);
    } else if (c->stream && c->state != RPS_ENDING && mono_due(c->silent_at, now)) {
        broke_rules(c, WS_CLOSE_POLICY, "the client was silent for too long");
    } else if (c->stream && c->state != RPS_ENDING) {
        if (mono_due(c->ping_at, now)) {
            int err = ws_ping(c->ws);
            (void)err; /* no memory: the next one */
            c->ping_at = mono_add_ms(now, RPS_PING_MS);
            flush(c);
        }
        rps_way_tick(c);
    }
    rps_arm(c);
}

/* --- it comes, and moves --- */

static void stopping(struct rps_conn *c) {
    struct errinfo ei = {0};
    err_set(&ei, ERR_BUSY, "", "the server restarts; try again in a minute");
    refuse_with(c, &ei, WS_CLOSE_RESTART);
}

static bool attach(struct rps_conn *c) {
    c->timer.fn = on_time;
    if (c->moving)
        c->stream = stream_attach(c->shard->loop, &c->moving, &HANDLER, c);
    if (c->stream)
        rps_arm(c);
    return c->stream != NULL;
}

static void arrived_first(struct loop *l, struct loop_msg *m) {
    struct rps_conn *c = CONTAINER_OF(m, struct rps_conn, msg);
    (void)l;
    c->posted = false;
    if (!attach(c))
        rps_conn_free(c);
    else if (atomic_load(&c->shard->app->draining)) /* it was on its way when the others were told */
        stopping(c);
}

void rps_begin(struct rps_conn *c) {
    uint32_t silence = c->shard->app->rps_limits.silence_ms;
    c->farewell_at = MONO_NEVER;
    c->answer_at = MONO_NEVER;
    c->silent_at = mono_add_ms(rps_now(c), silence);
    c->ping_at = mono_add_ms(rps_now(c), RPS_PING_MS);
    c->posted = true;
    c->msg.fn = arrived_first;
    loop_post(c->shard->loop, &c->msg);
}

/* Newest wins: whoever spoke for this host before is told so. */
static void displace(const struct rps_conn *by) {
    LIST_EACH (n, &by->shard->rps) {
        struct rps_conn *c = CONTAINER_OF(n, struct rps_conn, node);
        if (c == by || c->state != RPS_SERVED || strcmp(c->host, by->host) != 0)
            continue;
        struct errinfo ei = {0};
        err_set(&ei, ERR_STATE, "", "a newer connection of this node took over");
        rps_refuse(c, &ei);
    }
}

static void serve(struct rps_conn *c) {
    struct fleet_host *fh = fleet_host_find(c->shard, c->host);
    struct log_ctx ctx = {.host = c->host, .peer = c->peer};
    struct errinfo ei = {0};
    if (atomic_load(&c->shard->app->draining)) {
        stopping(c);
        return;
    }
    int err = rps_may(c, fh, &ei);
    if (err == 0) {
        displace(c);
        rps_set_state(c, RPS_SERVED);
        log_line(LOG_INFO, "activate", &ctx, "%s %s by %s: AMT %s at %s",
                 rps_verb_word(c->first.command.verb), rps_task_option(c->first.command.task), c->who.actor,
                 c->first.info.ver, c->peer);
        err = rps_serve(c, fh, &ei);
    }
    if (err < 0)
        rps_refuse(c, &ei);
    else
        rps_turn(c);
    rps_arm(c);
}

static void arrived(struct loop *l, struct loop_msg *m) {
    struct rps_conn *c = CONTAINER_OF(m, struct rps_conn, msg);
    struct shard *home = app_shard_of(c->shard->app, c->host);
    (void)l;
    c->posted = false;
    c->shard = home;
    list_push(&home->rps, &c->node);
    metric_add(&home->metrics, METRIC_RPS_CLIENTS, 1);
    if (!attach(c)) {
        rps_conn_free(c);
        return;
    }
    serve(c);
    rps_maybe_free(c);
}

void rps_move(struct rps_conn *c) {
    struct shard *from = c->shard, *home = app_shard_of(from->app, c->host);
    if (!c->stream)
        return;
    if (home == from) {
        serve(c);
        return;
    }
    rps_set_state(c, RPS_MOVING);
    loop_timer_stop(from->loop, &c->timer);
    if (!(c->moving = stream_detach(c->stream)))
        return; /* its on_end is on the way */
    c->stream = NULL;
    list_remove(&from->rps, &c->node);
    metric_add(&from->metrics, METRIC_RPS_CLIENTS, -1);
    c->posted = true;
    c->msg.fn = arrived;
    loop_post(home->loop, &c->msg);
}

/* --- the host, and the server, go --- */

void rps_host_gone(struct fleet_host *fh) {
    LIST_EACH (n, &fh->shard->rps) {
        struct rps_conn *c = CONTAINER_OF(n, struct rps_conn, node);
        if (c->state != RPS_SERVED || strcmp(c->host, fh->h.id) != 0)
            continue;
        struct errinfo ei = {0};
        err_set(&ei, ERR_NOT_FOUND, "", "the host was removed from the list");
        rps_refuse(c, &ei);
    }
}

void rps_drain(struct shard *s) {
    LIST_EACH (n, &s->rps) {
        struct rps_conn *c = CONTAINER_OF(n, struct rps_conn, node);
        if (c->stream)
            stopping(c);
    }
}

size_t rps_held(const struct shard *s) {
    return s->rps.count;
}

void rps_free(struct shard *s) {
    for (struct list_node *n; (n = list_first(&s->rps));) {
        struct rps_conn *c = CONTAINER_OF(n, struct rps_conn, node);
        if (c->stream && s->loop) {
            stream_handle(c->stream, NULL, NULL);
            stream_abort(c->stream);
        }
        c->way.fh = NULL; /* the hosts, and what served them, are gone */
        rps_conn_free(c);
    }
}
