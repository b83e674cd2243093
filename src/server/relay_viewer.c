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
    buf_free(&r->in);
}

/* --- from the viewer --- */

static void lost(struct relay *r, enum session_reason why, const char *text) {
    relay_report(r, SESSION_VIEWER_GONE, why, text);
}

/* Before it is open the bytes wait; a viewer that sends more than a few is paused. */
static int pass_on(struct relay *r, struct slice data) {
    return r->opened ? relay_to_device(r, data) : buf_put(&r->early, data);
}

/* One piece of payload. False: the session is over. */
static bool take(struct relay *r, struct slice data) {
    bool acted = r->kind != REDIR_KVM;
    int err = 0;
    if (r->up && r->before_rfb) {
        struct slice head = slice_head(data, r->before_rfb);
        r->before_rfb -= head.n;
        data = slice_skip(data, head.n);
        err = pass_on(r, head);
    }
    if (r->up && err == 0) {
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
        err = pass_on(r, data);
    if (err < 0)
        lost(r, SESSION_WHY_PROTOCOL, "the viewer sends more than the node takes");
    return err == 0;
}

/* Its login is answered when both are there: its first message, and the device. */
static int front_step(struct relay *r, struct slice *in, struct slice *data) {
    int got = redir_front_input(r->front, in, data);
    if (got != 0 || !r->opened || redir_front_state(r->front) != REDIR_FRONT_HELD)
        return got;
    got = redir_front_started(r->front, buf_slice(&r->start_reply));
    return got < 0 ? got : redir_front_input(r->front, in, data);
}

static bool take_front(struct relay *r, struct slice in) {
    struct slice data;
    int got;
    while ((got = front_step(r, &in, &data)) > 0)
        if (!take(r, data))
            return false;
    relay_flush_front(r);
    if (got < 0)
        lost(r, SESSION_WHY_PROTOCOL, redir_front_error(r->front));
    return got == 0;
}

void relay_viewer_go_on(struct relay *r) {
    struct buf early = r->early;
    r->early = (struct buf){0};
    if (r->front)
        (void)take_front(r, SLICE_EMPTY);
    else if (early.len && relay_to_device(r, buf_slice(&early)) < 0)
        lost(r, SESSION_WHY_PROTOCOL, "the viewer sends more than the node takes");
    buf_free(&early);
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

static bool ended(const struct relay *r) {
    return !mono_is_never(r->farewell_at);
}

static bool device_full(const struct relay *r) {
    return r->early.len > RELAY_DEVICE_HIGH_BYTES || relay_device_waiting(r) > RELAY_DEVICE_HIGH_BYTES;
}

/* One that is behind is not read either: its pings are answered into the same queue. */
static bool must_wait(const struct relay *r) {
    return device_full(r) || is_behind(r);
}

/* What came, until one side is full: the rest waits then, and its sender. */
static void feed(struct relay *r, struct slice in) {
    struct ws_ev ev;
    int got = 1;
    bool go_on = true;
    while (go_on && !ended(r) && !must_wait(r) && (got = ws_input(r->ws, &in, &ev)) > 0) {
        go_on = on_ws(r, &ev);
        flush(r);
        relay_push_device(r);
    }
    if (got < 0 && !ended(r)) {
        lost(r, got == ERR_NOMEM ? SESSION_WHY_VIEWER_LOST : SESSION_WHY_PROTOCOL, ws_error(r->ws));
        relay_close_viewer(r, WS_CLOSE_PROTOCOL, ws_error(r->ws));
    }
    flush(r);
    if (ended(r) || !must_wait(r))
        return;
    if (buf_put(&r->in, in) < 0)
        lost(r, SESSION_WHY_VIEWER_LOST, "the server is out of memory");
    else
        stream_pause(r->stream);
    r->paused = !ended(r);
}

void relay_resume_viewer(struct relay *r) {
    if (!r->paused || !r->stream || must_wait(r))
        return;
    struct buf in = r->in;
    r->in = (struct buf){0};
    r->paused = false;
    feed(r, buf_slice(&in));
    buf_free(&in);
    r->silent_at = mono_add_ms(relay_now(r), RELAY_SILENCE_MS);
    if (!r->paused)
        stream_resume(r->stream);
}

static void close_stream(struct relay *r) {
    r->closing = true;
    stream_close(r->stream);
}

/* After the farewell only its answer is waited for. */
static void on_late_data(struct relay *r, struct slice in) {
    struct ws_ev ev;
    int got;
    while ((got = ws_input(r->ws, &in, &ev)) > 0)
        if (ev.kind == WS_EV_CLOSE)
            break;
    if (got != 0)
        close_stream(r);
}

static void on_data(struct stream *s, void *ctx, struct slice in) {
    struct relay *r = ctx;
    (void)s;
    r->silent_at = mono_add_ms(relay_now(r), RELAY_SILENCE_MS);
    if (ended(r))
        on_late_data(r, in);
    else
        feed(r, in);
    relay_arm(r);
}

static void on_drain(struct stream *s, void *ctx) {
    struct relay *r = ctx;
    (void)s;
    tunnel_chan_hold(&r->chan, false);
    relay_resume_viewer(r);
}

static void on_end(struct stream *s, void *ctx, enum stream_end why) {
    struct relay *r = ctx;
    char text[80];
    (void)s;
    r->stream = NULL;
    r->ending = true;
    snprintf(text, sizeof text, "the connection to the viewer was lost (%s)", stream_end_text(why));
    lost(r, SESSION_WHY_VIEWER_LOST, text); /* nothing, when the session ended before */
    tunnel_chan_hold(&r->chan, false);
    r->ending = false;
    relay_maybe_free(r);
}

const struct stream_handler relay_viewer_handler = {
    .on_data = on_data, .on_drain = on_drain, .on_end = on_end};

/* --- time --- */

struct mono relay_viewer_deadline(const struct relay *r) {
    if (!r->stream || r->closing)
        return MONO_NEVER;
    if (!mono_is_never(r->farewell_at))
        return r->farewell_at;
    return mono_min(r->ping_at, r->silent_at);
}

void relay_viewer_tick(struct relay *r) {
    struct mono now = relay_now(r);
    if (!r->stream || r->closing)
        return;
    if (!mono_is_never(r->farewell_at)) {
        if (mono_due(r->farewell_at, now))
            close_stream(r);
        return;
    }
    if (mono_due(r->silent_at, now) && r->paused &&
        !is_behind(r)) { /* not heard: that is the device's doing */
        relay_report(r, SESSION_DEVICE_GONE, SESSION_WHY_DEVICE_CLOSED, "the node took nothing for 45 s");
        return;
    }
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
