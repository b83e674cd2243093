/* SPDX-License-Identifier: Apache-2.0 */
/* Life, input and output of one connection of the CIRA port. */
#include "base/log.h"
#include "server/provisioning.h"
#include "server/tunnel_impl.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

static void on_timer(struct loop_timer *timer);

struct tunnel *tunnel_new(struct tunnels *ts, struct stream *s) {
    struct tunnel *t = calloc(1, sizeof *t);
    if (!t || !(t->apf = apf_new(APF_SERVER, &ts->shard->app->apf_limits))) {
        free(t);
        return NULL;
    }
    const struct tunnel_limits *lim = &ts->shard->app->tunnel_limits;
    bool tls = stream_tls_version(s)[0] != 0;
    t->set = ts;
    t->stream = s;
    t->pending = t->held = true;
    t->timer.fn = on_timer;
    t->turn.fn = tunnel_turn_fn;
    t->login_by = mono_add_ms(loop_now(ts->shard->loop), tls ? lim->login_ms / 2 : lim->login_ms);
    t->quiet_at = t->step_at = t->wsman_free_at = MONO_NEVER;
    list_init(&t->chans);
    list_push(&ts->all, &t->node);
    tunnel_set_state(t, TUNNEL_HELLO);
    stream_handle(s, &tunnel_stream_handler, t);
    tunnel_arm(t);
    return t;
}

void tunnel_free(struct tunnel **tp) {
    struct tunnel *t = *tp;
    if (!t)
        return;
    if (t->set) {
        list_remove(&t->set->all, &t->node);
        if (tunnel_shard(t)->loop)
            loop_timer_stop(tunnel_shard(t)->loop, &t->timer);
    }
    tunnel_chans_cut(t);
    wsman_free(&t->ws);
    apf_free(&t->apf);
    login_free(&t->login);
    buf_free(&t->in);
    free(t);
    *tp = NULL;
}

void tunnel_set_state(struct tunnel *t, enum tunnel_state s) {
    static const char *const text[] = {
#define S(sym, txt) [TUNNEL_##sym] = txt,
        TUNNEL_STATE_TABLE(S)
#undef S
    };
    struct log_ctx ctx = {.host = t->fh ? t->fh->h.id : NULL,
                          .peer = t->stream ? stream_peer(t->stream) : NULL};
    if (log_enabled(LOG_DEBUG))
        log_line(LOG_DEBUG, "tunnel", &ctx, "%s -> %s", text[t->state], text[s]);
    t->state = s;
    if (s == TUNNEL_FORWARDING && t->pending) {
        tunnels_count_pending(t->set, -1);
        t->pending = false;
    }
    if (s == TUNNEL_UP) {
        t->login_by = MONO_NEVER;
        metric_add(&tunnel_shard(t)->metrics, METRIC_TUNNELS_UP, 1);
    }
    if (s == TUNNEL_ENDED) {
        t->login_by = t->quiet_at = t->wsman_free_at = MONO_NEVER;
        loop_timer_stop(tunnel_shard(t)->loop, &t->timer);
        login_free(&t->login);
        buf_free(&t->in);
    }
}

/* --- ending --- */

/* The host forgets the tunnel, and hears of it if this was its link. */
static void unbind(struct tunnel *t, enum link_reason why) {
    struct fleet_host *fh = t->fh;
    t->fh = NULL;
    if (!fh)
        return;
    if (fh->joining == t)
        fh->joining = NULL;
    if (t->state == TUNNEL_UP) {
        metric_add(&tunnel_shard(t)->metrics, METRIC_TUNNELS_UP, -1);
        metric_add(&tunnel_shard(t)->metrics, METRIC_TUNNELS_LOST, 1);
    }
    if (fh->tunnel != t)
        return;
    fh->tunnel = NULL;
    /* replaced: the newer login speaks for the link, what ends late changes nothing */
    if (why == LINK_WHY_REPLACED) {
        provisioning_way_lost(fh);
        return;
    }
    struct host_ev ev = {.kind = HOST_EV_LINK_LOST, .why = why, .generation = t->generation};
    fleet_host_input(fh, &ev);
    provisioning_link(fh, false, false);
}

static void end(struct tunnel *t, enum link_reason why) {
    unbind(t, why);
    tunnel_set_state(t, TUNNEL_ENDED);
    tunnel_chans_cut(t);
}

static enum apf_disconnect disconnect_reason(enum link_reason why) {
    static const uint8_t reasons[LINK_WHY_COUNT] = {
        [LINK_WHY_SERVER_STOP] = APF_DISC_TEMPORARILY_UNAVAILABLE,
        [LINK_WHY_DELETED] = APF_DISC_BY_POLICY,
        [LINK_WHY_SECRET] = APF_DISC_ILLEGAL_USER,
        [LINK_WHY_SILENT] = APF_DISC_CONNECTION_LOST,
    };
    return reasons[why] ? (enum apf_disconnect)reasons[why] : APF_DISC_BY_APPLICATION;
}

void tunnel_close(struct tunnel *t, enum link_reason why) {
    if (t->state == TUNNEL_ENDED || t->state == TUNNEL_MOVING)
        return; /* a moving one is judged where it arrives */
    LOOP_ASSERT(tunnel_shard(t)->loop);
    end(t, why);
    if (why == LINK_WHY_SILENT) {
        stream_abort(t->stream); /* nobody there to read a farewell */
        return;
    }
    apf_disconnect(t->apf, disconnect_reason(why));
    tunnel_flush(t);
    stream_close(t->stream);
}

void tunnel_refuse(struct tunnel *t, enum apf_disconnect reason) {
    end(t, LINK_WHY_PROTOCOL);
    apf_disconnect(t->apf, reason);
    tunnel_flush(t);
    stream_close(t->stream);
}

/* The peer broke APF; the machine has queued its DISCONNECT. */
static void broke(struct tunnel *t) {
    if (t->state == TUNNEL_ENDED)
        return;
    struct log_ctx ctx = {.host = t->fh ? t->fh->h.id : NULL, .peer = stream_peer(t->stream)};
    metric_add(&tunnel_shard(t)->metrics, METRIC_APF_ERRORS, 1);
    log_line(t->fh ? LOG_WARN : LOG_INFO, "tunnel", &ctx, "closed: %s", apf_error(t->apf));
    end(t, LINK_WHY_PROTOCOL);
    tunnel_flush(t);
    stream_close(t->stream);
}

/* --- output --- */

void tunnel_flush(struct tunnel *t) {
    enum { PIECE_BYTES = 16384 };
    if (!t->stream)
        return;
    for (;;) {
        struct slice out = slice_head(apf_output(t->apf), PIECE_BYTES);
        if (out.n == 0 || stream_queued(t->stream) >= tunnel_lim(t)->backlog_bytes)
            return; /* the rest waits for on_drain, or trips output_bytes of apf */
        if (stream_write(t->stream, out) < 0)
            return; /* its end is on the way */
        apf_sent(t->apf, out.n);
    }
}

/* After anything that may have queued output: send it, and look whether a limit was tripped. */
static void settle(struct tunnel *t) {
    if (t->state == TUNNEL_ENDED || t->state == TUNNEL_MOVING)
        return;
    tunnel_flush(t);
    if (apf_error(t->apf)[0])
        broke(t);
    else
        tunnel_arm(t);
}

void tunnel_ask_alive(struct tunnel *t) {
    if (t->state != TUNNEL_UP)
        return;
    int r = apf_keepalive(t->apf, ++t->cookie);
    (void)r; /* a limit that it trips is seen in the next turn */
    tunnel_flush(t);
    t->soon = true;
    tunnel_arm(t);
}

/* --- input --- */

/* Any byte proves life; an answer ends the doubt at once. */
static void heard(struct tunnel *t) {
    struct fleet_host *fh = t->fh;
    if (t->state != TUNNEL_UP || fh->tunnel != t)
        return;
    link_heard(&fh->h.link, loop_now(tunnel_shard(t)->loop));
    if (fh->h.link.state == LINK_SUSPECT) {
        struct host_ev ev = {.kind = HOST_EV_HEARD};
        fleet_host_input(fh, &ev);
    }
}

static void on_disconnect(struct tunnel *t, const struct apf_ev *ev) {
    struct log_ctx ctx = {.host = t->fh ? t->fh->h.id : NULL, .peer = stream_peer(t->stream)};
    log_line(LOG_INFO, "tunnel", &ctx, "the device says goodbye (reason %u)", ev->reason);
    end(t, LINK_WHY_DISCONNECT);
    stream_close(t->stream);
}

static void nothing_to_do(struct tunnel *t, const struct apf_ev *ev) {
    (void)t;
    (void)ev;
}

static void (*const handlers[])(struct tunnel *t, const struct apf_ev *ev) = {
    [APF_EV_VERSION] = tunnel_on_version,
    [APF_EV_AUTH] = tunnel_on_auth,
    [APF_EV_READY] = tunnel_on_ready,
    [APF_EV_FORWARD] = tunnel_on_forward,
    [APF_EV_UNFORWARD] = nothing_to_do,
    [APF_EV_AUTH_FAILED] = nothing_to_do,
    [APF_EV_OPEN] = nothing_to_do,
    [APF_EV_KEEPALIVE_OPTIONS] = nothing_to_do,
    [APF_EV_OPENED] = tunnel_chan_on_opened,
    [APF_EV_OPEN_FAILED] = tunnel_chan_on_open_failed,
    [APF_EV_DATA] = tunnel_chan_on_data,
    [APF_EV_WRITABLE] = tunnel_chan_on_writable,
    [APF_EV_CLOSED] = tunnel_chan_on_closed,
    [APF_EV_KEEPALIVE] = nothing_to_do,
    [APF_EV_KEEPALIVE_REPLY] = nothing_to_do, /* every byte was counted as heard already */
    [APF_EV_DISCONNECT] = on_disconnect,
};

/* A person with a browser or curl on the CIRA port: say what this is. Reference 1.1 */
static void answer_http(struct tunnel *t) {
    static const char body[] = "This is the CIRA port of Outband: Intel AMT devices connect here.\n"
                               "People and programs use the HTTPS port (8443 unless it was changed).\n";
    struct buf page = {0};
    end(t, LINK_WHY_PROTOCOL);
    buf_putf(&page,
             "HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: %zu\r\n"
             "Connection: close\r\n\r\n%s",
             sizeof body - 1, body);
    int r = stream_write(t->stream, buf_slice(&page));
    (void)r; /* a stream that ended meanwhile has nobody to read it */
    buf_free(&page);
    stream_close(t->stream);
}

/* The first bytes: a web client, or APF? Takes what belongs to it off *in. */
static void greet(struct tunnel *t, struct slice *in) {
    static const char get[] = {'G', 'E', 'T', ' '};
    while (in->n > 0 && t->nhello < sizeof get && in->p[0] == (uint8_t)get[t->nhello]) {
        t->hello[t->nhello++] = in->p[0];
        *in = slice_skip(*in, 1);
    }
    if (t->nhello == sizeof get)
        answer_http(t);
    else if (in->n > 0)
        tunnel_set_state(t, TUNNEL_LOGIN);
}

static bool takes_input(const struct tunnel *t) {
    return t->state == TUNNEL_LOGIN || t->state == TUNNEL_FORWARDING || t->state == TUNNEL_UP;
}

/* Work off at most a fair share of *in. */
static void feed(struct tunnel *t, struct slice *in) {
    struct mono now = loop_now(tunnel_shard(t)->loop);
    struct apf_ev ev;
    for (uint32_t i = 0; i < tunnel_lim(t)->turn_messages && takes_input(t); i++) {
        int r = apf_input(t->apf, in, now, &ev);
        if (r < 0)
            broke(t);
        if (r <= 0)
            return;
        handlers[ev.kind](t, &ev);
    }
}

static void work_off(struct tunnel *t, struct slice *in) {
    if (t->state == TUNNEL_HELLO)
        greet(t, in);
    if (t->nhello > 0 && t->state == TUNNEL_LOGIN) { /* not "GET " after all */
        struct slice hello = slice_of(t->hello, t->nhello);
        t->nhello = 0;
        feed(t, &hello); /* 'G' is no APF message: this ends it */
    }
    if (takes_input(t))
        feed(t, in);
}

void tunnel_post_turn(struct tunnel *t) {
    if (t->turn_posted)
        return;
    t->turn_posted = true;
    loop_post(tunnel_shard(t)->loop, &t->turn);
}

/* Input is left over, or the tunnel moves: no more from the stream until that is done. */
static void wait_for_turn(struct tunnel *t) {
    stream_pause(t->stream);
    tunnel_post_turn(t);
}

static void on_data(struct stream *s, void *ctx, struct slice data) {
    struct tunnel *t = ctx;
    if (t->state == TUNNEL_ENDED)
        return;
    heard(t);
    if (t->in.len == 0 && t->state != TUNNEL_MOVING)
        work_off(t, &data);
    if (t->state == TUNNEL_ENDED)
        return;
    if (data.n > 0 && buf_put(&t->in, data) < 0) {
        tunnel_refuse(t, APF_DISC_TEMPORARILY_UNAVAILABLE);
        return;
    }
    if (t->in.len > 0 || t->state == TUNNEL_MOVING)
        wait_for_turn(t);
    settle(t);
    (void)s;
}

void tunnel_turn_fn(struct loop *l, struct loop_msg *m) {
    (void)l;
    struct tunnel *t = CONTAINER_OF(m, struct tunnel, turn);
    t->turn_posted = false;
    if (!t->stream) {
        tunnel_free(&t);
        return;
    }
    struct slice in = buf_slice(&t->in);
    size_t before = in.n;
    if (t->state != TUNNEL_MOVING && t->state != TUNNEL_ENDED)
        work_off(t, &in);
    if (t->state == TUNNEL_ENDED)
        return;
    buf_consume(&t->in, before - in.n);
    if (t->state == TUNNEL_MOVING) {
        tunnel_flush(t);
        tunnel_move(t); /* it is on another thread now, or freed */
        return;
    }
    if (t->in.len > 0)
        tunnel_post_turn(t);
    else
        stream_resume(t->stream);
    settle(t);
}

static void on_timer(struct loop_timer *timer) {
    struct tunnel *t = CONTAINER_OF(timer, struct tunnel, timer);
    struct mono now = loop_now(tunnel_shard(t)->loop);
    t->soon = false;
    if (mono_due(t->login_by, now)) {
        struct log_ctx ctx = {.peer = stream_peer(t->stream)};
        log_line(LOG_INFO, "tunnel", &ctx, "closed: no login within %u ms", tunnel_lim(t)->login_ms);
        tunnel_refuse(t, APF_DISC_TIMED_OUT);
        return;
    }
    if (mono_due(t->quiet_at, now))
        tunnel_forwards_complete(t);
    struct apf_ev ev;
    while (takes_input(t) && apf_tick(t->apf, now, &ev) > 0)
        handlers[ev.kind](t, &ev);
    wsman_turn(t);
    settle(t);
}

void tunnel_arm(struct tunnel *t) {
    if (t->state == TUNNEL_ENDED || t->state == TUNNEL_MOVING)
        return;
    struct loop *l = tunnel_shard(t)->loop;
    struct mono at = mono_min(t->login_by, t->quiet_at);
    at = mono_min(at, apf_deadline(t->apf));
    at = mono_min(at, wsman_deadline(t));
    loop_timer_set(l, &t->timer, t->soon ? loop_now(l) : at);
}

static void on_drain(struct stream *s, void *ctx) {
    (void)s;
    settle(ctx);
}

static void on_end(struct stream *s, void *ctx, enum stream_end why) {
    static const uint8_t reasons[] = {
        [STREAM_EOF] = LINK_WHY_EOF,        [STREAM_RESET] = LINK_WHY_RESET,
        [STREAM_TIMEOUT] = LINK_WHY_SILENT, [STREAM_TLS_FAILED] = LINK_WHY_TLS,
        [STREAM_LOCAL] = LINK_WHY_NONE,
    };
    struct tunnel *t = ctx;
    if (t->state != TUNNEL_ENDED)
        end(t, (size_t)why < sizeof reasons ? (enum link_reason)reasons[why] : LINK_WHY_NONE);
    tunnel_release(t, stream_peer_addr(s));
    t->stream = NULL;
    if (!t->turn_posted)
        tunnel_free(&t); /* else its turn does */
}

const struct stream_handler tunnel_stream_handler = {
    .on_data = on_data,
    .on_drain = on_drain,
    .on_end = on_end,
};
