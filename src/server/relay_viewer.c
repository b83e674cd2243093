/* SPDX-License-Identifier: Apache-2.0 */
/* The viewer's side of a relay: its WebSocket. */
#include "server/relay_int.h"

#include <stdio.h>

/* False when something is left. */
static bool flush(struct relay *r) {
    struct slice out;
    while (r->stream && (out = ws_output(r->ws)).n) {
        if (stream_write(r->stream, out) < 0)
            return false; /* its end is on the way */
        ws_sent(r->ws, out.n);
    }
    return true;
}

/* --- to the viewer --- */

/* The viewer does not read as fast as it is written to. */
static bool is_behind(const struct relay *r) {
    return stream_queued(r->stream) > RELAY_VIEWER_HIGH_BYTES;
}

static void check_backlog(struct relay *r) {
    if (r->stream && is_behind(r))
        tunnel_chan_hold(&r->chan, true);
}

void relay_to_viewer(struct relay *r, struct slice data) {
    uint8_t mem[WS_HEAD_CAP];
    struct slice head = ws_binary_head(r->ws, data.n, mem);
    if (!r->stream || !data.n || !head.n || !flush(r))
        return;
    if (stream_write(r->stream, head) < 0 || stream_write(r->stream, data) < 0) {
        stream_abort(r->stream); /* the rest could not be told from a frame's middle */
        return;
    }
    if (r->s)
        r->s->to_viewer += data.n;
    metric_add(&r->shard->metrics, METRIC_SESSION_BYTES, (int64_t)data.n);
    check_backlog(r);
}

void relay_tell(struct relay *r, struct slice json) {
    if (!r->stream || r->old_client || !json.n)
        return;
    int err = ws_text(r->ws, json);
    (void)err; /* closed already, or no memory: a note is not worth the session */
    flush(r);
    check_backlog(r);
}

void relay_flush_front(struct relay *r) {
    struct slice out = redir_front_output(r->front);
    if (!out.n)
        return;
    relay_to_viewer(r, out);
    redir_front_sent(r->front, out.n);
}

void relay_close_viewer(struct relay *r, uint16_t code, const char *text) {
    if (!r->stream || !mono_is_never(r->farewell_at))
        return;
    ws_close(r->ws, code, text);
    flush(r);
    r->farewell_at = mono_add_ms(relay_now(r), RELAY_FAREWELL_MS);
    if (r->paused) /* its close frame must be seen */
        stream_resume(r->stream);
    r->paused = false;
}

/* --- from the viewer --- */

static void lost(struct relay *r, enum session_reason why, const char *text) {
    relay_report(r, SESSION_VIEWER_GONE, why, text);
}

/* One piece of payload. False: the session is over. */
static bool take(struct relay *r, struct slice data) {
    bool acted = r->kind != REDIR_KVM;
    int err = 0;
    if (r->up) {
        buf_clear(&r->scratch);
        err = rfb_up_input(r->up, data, &r->scratch, &acted);
        if (err == ERR_PROTO || err == ERR_LIMIT) {
            lost(r, SESSION_WHY_PROTOCOL, rfb_up_error(r->up));
            return false;
        }
        data = buf_slice(&r->scratch);
    }
    if (acted && r->opened)
        relay_report(r, SESSION_INPUT, SESSION_WHY_NONE, NULL);
    if (err == 0 && data.n)
        err = relay_to_device(r, data);
    if (err < 0)
        lost(r, SESSION_WHY_PROTOCOL, "the viewer sends more than the node takes");
    return err == 0;
}

static bool take_front(struct relay *r, struct slice in) {
    struct slice data;
    int got;
    while ((got = redir_front_input(r->front, &in, &data)) > 0)
        if (!take(r, data))
            return false;
    relay_flush_front(r);
    if (got < 0)
        lost(r, SESSION_WHY_PROTOCOL, redir_front_error(r->front));
    return got == 0;
}

void relay_front_go_on(struct relay *r) {
    (void)take_front(r, SLICE_EMPTY);
}

/* Old clients send bytes as text, a code point below 256 each (reference 3.1). */
static bool take_text(struct relay *r, struct slice text) {
    struct buf b = {0};
    bool ok = true;
    for (size_t i = 0; ok && i < text.n; i++) {
        uint8_t c = text.p[i];
        if (c >= 0xc0 && i + 1 < text.n)
            c = (uint8_t)((c << 6) | (text.p[++i] & 0x3f));
        ok = buf_put(&b, slice_of(&c, 1)) == 0;
    }
    ok = ok && take_front(r, buf_slice(&b));
    buf_free(&b);
    return ok;
}

/* 1001: a page that is left or loaded anew; the person may come back. */
static void on_close(struct relay *r, uint16_t code) {
    if (code == WS_CLOSE_NORMAL)
        lost(r, SESSION_WHY_CLOSED, "");
    else
        lost(r, SESSION_WHY_VIEWER_LOST, "the viewer was closed or loaded anew");
}

static bool on_ws(struct relay *r, const struct ws_ev *ev) {
    switch (ev->kind) {
    case WS_EV_BINARY:
        if (r->s)
            r->s->to_device += ev->data.n;
        return r->front ? take_front(r, ev->data) : take(r, ev->data);
    case WS_EV_TEXT:
        return r->front ? take_text(r, ev->data) : true;
    case WS_EV_CLOSE:
        on_close(r, ev->code);
        return false;
    default:
        return true;
    }
}

/* One that is behind is not read either: its pings are answered into the same queue. */
static void maybe_pause(struct relay *r) {
    bool wait =
        (!r->opened && !r->front) || relay_device_waiting(r) > RELAY_DEVICE_HIGH_BYTES || is_behind(r);
    if (wait && !r->paused && mono_is_never(r->farewell_at)) {
        stream_pause(r->stream);
        r->paused = true;
    }
}

void relay_resume_viewer(struct relay *r) {
    if (r->paused && r->stream && relay_device_waiting(r) <= RELAY_DEVICE_HIGH_BYTES && !is_behind(r)) {
        r->paused = false;
        stream_resume(r->stream);
    }
}

/* After the farewell only its answer is waited for. */
static void on_late_data(struct relay *r, struct slice in) {
    struct ws_ev ev;
    int got;
    while ((got = ws_input(r->ws, &in, &ev)) > 0)
        if (ev.kind == WS_EV_CLOSE)
            break;
    if (got != 0)
        stream_close(r->stream);
}

static void on_data(struct stream *s, void *ctx, struct slice in) {
    struct relay *r = ctx;
    struct ws_ev ev;
    int got = 0;
    (void)s;
    r->silent_at = mono_add_ms(relay_now(r), RELAY_SILENCE_MS);
    if (!mono_is_never(r->farewell_at)) {
        on_late_data(r, in);
        return;
    }
    bool go_on = true;
    while (go_on && mono_is_never(r->farewell_at) && (got = ws_input(r->ws, &in, &ev)) > 0)
        go_on = on_ws(r, &ev);
    if (got < 0 && mono_is_never(r->farewell_at)) {
        lost(r, SESSION_WHY_PROTOCOL, ws_error(r->ws));
        relay_close_viewer(r, WS_CLOSE_PROTOCOL, ws_error(r->ws));
    }
    flush(r);
    relay_push_device(r);
    if (r->stream)
        maybe_pause(r);
    relay_arm(r);
}

static void on_drain(struct stream *s, void *ctx) {
    struct relay *r = ctx;
    (void)s;
    tunnel_chan_hold(&r->chan, false);
    if (r->opened || r->front)
        relay_resume_viewer(r);
}

static void on_end(struct stream *s, void *ctx, enum stream_end why) {
    struct relay *r = ctx;
    char text[80];
    (void)s;
    r->stream = NULL;
    snprintf(text, sizeof text, "the connection to the viewer was lost (%s)", stream_end_text(why));
    lost(r, SESSION_WHY_VIEWER_LOST, text); /* nothing, when the session ended before */
    tunnel_chan_hold(&r->chan, false);
    relay_maybe_free(r);
}

const struct stream_handler relay_viewer_handler = {
    .on_data = on_data, .on_drain = on_drain, .on_end = on_end};

/* --- time --- */

struct mono relay_viewer_deadline(const struct relay *r) {
    if (!r->stream)
        return MONO_NEVER;
    if (!mono_is_never(r->farewell_at))
        return r->farewell_at;
    return mono_min(r->ping_at, r->silent_at);
}

void relay_viewer_tick(struct relay *r) {
    struct mono now = relay_now(r);
    if (!r->stream)
        return;
    if (!mono_is_never(r->farewell_at)) {
        if (mono_due(r->farewell_at, now))
            stream_close(r->stream);
        return;
    }
    /* a paused viewer is not heard: that is our doing, unless it does not read */
    if (r->paused && !is_behind(r))
        r->silent_at = mono_add_ms(now, RELAY_SILENCE_MS);
    if (mono_due(r->silent_at, now)) {
        lost(r, SESSION_WHY_VIEWER_LOST, "the viewer did not answer for 45 s");
        return;
    }
    if (!mono_due(r->ping_at, now))
        return;
    r->ping_at = mono_add_ms(now, RELAY_PING_MS);
    int err = ws_ping(r->ws);
    (void)err; /* no memory: the next one */
    flush(r);
}
