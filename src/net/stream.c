/* SPDX-License-Identifier: Apache-2.0 */
/* The rules of a stream, the same over every transport: states and their deadlines, TLS, back-pressure, the
 * end. */
#include "net/impl.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    FLUSH_MS = 5000,  /* how long stream_close() lets queued bytes go out */
    LINGER_MS = 1000, /* how long the peer has to end its side */
    ERROR_CAP = 400,
};

const char *stream_end_text(enum stream_end e) {
    static const char *const text[] = {
        [STREAM_EOF] = "closed by peer",         [STREAM_RESET] = "reset by peer",
        [STREAM_TIMEOUT] = "timed out",          [STREAM_TLS_FAILED] = "TLS failed",
        [STREAM_REFUSED] = "connection refused", [STREAM_UNREACHABLE] = "unreachable",
        [STREAM_LOCAL] = "closed by us",
    };
    return (size_t)e < sizeof text / sizeof *text ? text[e] : "ended";
}

void stream_error_set(struct stream *s, const char *fmt, ...) {
    char text[ERROR_CAP];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    free(s->error);
    s->error = strdup(text);
}

/* --- states --- */

static bool wants_read(const struct stream *s) {
    static const bool reads[] = {
        [STREAM_PREFACE] = true,  [STREAM_HANDSHAKE] = true, [STREAM_OPEN] = true,
        [STREAM_FLUSHING] = true, [STREAM_LINGERING] = true, [STREAM_DYING] = false,
    };
    bool held = s->input_kept && (s->state == STREAM_HANDSHAKE || s->state == STREAM_OPEN);
    return reads[s->state] && !held && !(s->state == STREAM_OPEN && s->paused);
}

static void update_reading(struct stream *s) {
    bool want = wants_read(s);
    if (want == s->reading)
        return;
    s->reading = want;
    s->ops->read(s, want);
}

void stream_set_state(struct stream *s, enum stream_state state) {
    s->state = state;
    switch (state) {
    case STREAM_FLUSHING:
        loop_timer_set(s->loop, &s->timer, mono_add_ms(loop_now(s->loop), FLUSH_MS));
        break;
    case STREAM_LINGERING:
        loop_timer_set(s->loop, &s->timer, mono_add_ms(loop_now(s->loop), LINGER_MS));
        break;
    case STREAM_OPEN:
    case STREAM_DYING:
        loop_timer_stop(s->loop, &s->timer);
        break;
    default: /* dialing, preface and handshake share one deadline, set when the stream began */
        break;
    }
    update_reading(s);
}

/* The transport lets go now; the end is reported from the loop. */
void stream_finish(struct stream *s, enum stream_end why, bool reset) {
    if (s->state == STREAM_DYING)
        return;
    if (s->state != STREAM_FLUSHING && s->state != STREAM_LINGERING)
        s->why = why;
    if (s->listener)
        listener_lost(s);
    s->reading = false; /* closing ends it */
    stream_set_state(s, STREAM_DYING);
    s->ops->close(s, reset);
}

/* End for the reason `why`, but let queued bytes (a TLS alert, the last answer) go out first. */
static void wind_down(struct stream *s, enum stream_end why) {
    s->why = why;
    if (s->listener)
        listener_lost(s);
    stream_set_state(s, STREAM_FLUSHING);
    stream_todo(s);
}

static void on_deadline(struct loop_timer *t) {
    struct stream *s = CONTAINER_OF(t, struct stream, timer);
    static const char *const late[] = {
        [STREAM_DIALING] = "no connection in time",
        [STREAM_PREFACE] = "the PROXY header did not come in time",
        [STREAM_HANDSHAKE] = "the TLS handshake did not end in time",
    };
    if (s->state == STREAM_LINGERING) {
        stream_finish(s, s->why, false);
        return;
    }
    if (s->state < sizeof late / sizeof *late)
        stream_error_set(s, "%s", late[s->state]);
    stream_finish(s, STREAM_TIMEOUT, true);
}

/* --- life --- */

static const struct stream_handler no_handler;

void stream_init(struct stream *s, struct loop *l, const struct stream_ops *ops) {
    s->ops = ops;
    s->loop = l;
    s->handler = &no_handler;
    s->timer.fn = on_deadline;
    list_push(&l->streams, &s->all);
}

static void stream_release(struct stream *s) {
    if (s->listener)
        listener_lost(s);
    loop_timer_stop(s->loop, &s->timer);
    list_remove(&s->loop->streams, &s->all);
    list_remove(&s->loop->todo, &s->todo);
    tls_free(&s->tls);
    buf_free(&s->plain_out);
    buf_free(&s->early);
    free(s->proxy);
    free(s->error);
    s->ops->free(s);
}

void stream_gone(struct stream *s) {
    assert(s->state == STREAM_DYING);
    if (!s->moved && s->handler->on_end)
        s->handler->on_end(s, s->ctx, s->why);
    stream_release(s);
}

void stream_vanish(struct stream *s) {
    s->listener = NULL;
    stream_release(s);
}

void stream_drop(struct stream *s) {
    stream_finish(s, STREAM_LOCAL, false);
}

void stream_fail_tls(struct stream *s) {
    stream_error_set(s, "%s", tls_error(s->tls));
    wind_down(s, STREAM_TLS_FAILED);
}

/* Encrypt what was written. Late, so that the small writes of a turn, or of the time a socket was full, share
 * a record: a record costs more than its bytes do. False when that failed and the stream ends. */
static bool seal(struct stream *s) {
    if (!s->tls || !s->plain_out.len)
        return true;
    int r = tls_write(s->tls, buf_slice(&s->plain_out));
    buf_free(&s->plain_out);
    if (r == 0)
        return true;
    stream_error_set(s, "%s", r == ERR_NOMEM ? "out of memory" : tls_error(s->tls));
    stream_finish(s, STREAM_TLS_FAILED, true);
    return false;
}

/* --- input --- */

/* A TLS session hands out plain bytes, or nothing when the handshake just got done. False: stop for now. */
static bool on_plain(void *ctx, struct slice plain) {
    struct stream *s = ctx;
    if (s->state == STREAM_HANDSHAKE)
        stream_opened(s);
    if (plain.n && s->state == STREAM_OPEN && s->handler->on_data)
        s->handler->on_data(s, s->ctx, plain);
    return s->state == STREAM_OPEN && !s->paused;
}

/* Storms of handshakes are taken in slices, so that live streams of this loop wait for a few, not for all. */
static bool handshake_may_step(struct stream *s) {
    if (s->state != STREAM_HANDSHAKE || !s->listener)
        return true;
    return s->loop->handshake_steps++ < s->listener->opts.per_turn_max;
}

/* The session holds input back that waits for a later turn or for stream_resume(). */
static void keep_input(struct stream *s, struct slice more) {
    if (tls_keep(s->tls, more) < 0) {
        stream_error_set(s, "out of memory");
        stream_finish(s, STREAM_LOCAL, true);
        return;
    }
    s->input_kept = tls_kept(s->tls);
    update_reading(s);
}

/* Without TLS input is handed on whole, so only what came with a PROXY header can meet a paused stream. */
static void plain_take(struct stream *s, struct slice data) {
    if (s->paused) {
        if (buf_put(&s->early, data) < 0)
            stream_finish(s, STREAM_LOCAL, true);
        s->input_kept = true;
        return;
    }
    struct buf kept = s->input_kept ? s->early : (struct buf){0};
    if (s->input_kept) {
        s->early = (struct buf){0};
        s->input_kept = false;
        data = buf_slice(&kept);
    }
    if (data.n && s->handler->on_data)
        s->handler->on_data(s, s->ctx, data);
    buf_free(&kept);
    update_reading(s);
}

static void tls_take(struct stream *s, struct slice cipher) {
    if (!handshake_may_step(s)) {
        keep_input(s, cipher);
        stream_todo(s);
        return;
    }
    s->input_kept = false;
    int r = tls_feed(s->tls, cipher, on_plain, s);
    if (s->moved || s->state == STREAM_DYING)
        return;     /* the session may be on another thread already */
    stream_todo(s); /* the handshake or an alert may have something to send */
    if (s->state != STREAM_HANDSHAKE && s->state != STREAM_OPEN) {
        tls_discard(s->tls);
        return;
    }
    if (r == ERR_CLOSED) {
        stream_eof(s);
    } else if (r < 0) {
        stream_fail_tls(s);
    } else {
        if (r > 0)
            keep_input(s, SLICE_EMPTY);
        update_reading(s);
    }
}

void stream_input(struct stream *s, struct slice data) {
    if (s->state == STREAM_PREFACE) {
        data = stream_preface(s, data);
        if (!data.n)
            return;
    }
    if (s->state != STREAM_HANDSHAKE && s->state != STREAM_OPEN)
        return; /* after our end: read and dropped, so that the peer's last bytes do not provoke a reset */
    if (s->tls)
        tls_take(s, data);
    else
        plain_take(s, data);
}

void stream_eof(struct stream *s) {
    if (s->state == STREAM_FLUSHING) {
        s->peer_ended = true; /* a peer that only shut its sending side still reads the rest */
        return;
    }
    if (s->state == STREAM_HANDSHAKE && !s->error)
        stream_error_set(s, "the peer closed the connection in the middle of the TLS handshake");
    if (s->state == STREAM_OPEN && s->tls && seal(s))
        tls_close(s->tls);
    if (s->state == STREAM_OPEN && stream_out(s)->len) {
        /* one try for what is queued: a peer that only shut its sending side may still read it */
        s->why = STREAM_EOF;
        stream_set_state(s, STREAM_LINGERING);
        s->ops->flush(s);
    }
    stream_finish(s, STREAM_EOF, false);
}

void stream_broken(struct stream *s, enum stream_end why, const char *text) {
    if (text)
        stream_error_set(s, "%s", text);
    stream_finish(s, why, false);
}

/* --- output --- */

struct buf *stream_out(struct stream *s) {
    return s->tls ? tls_output(s->tls) : &s->plain_out;
}

int stream_write(struct stream *s, struct slice data) {
    LOOP_ASSERT(s->loop);
    if (s->state < STREAM_OPEN)
        return buf_put(&s->early, data);
    if (s->state != STREAM_OPEN)
        return ERR_CLOSED;
    if (buf_put(&s->plain_out, data) < 0) {
        /* what is missing could never be made good: callers rely on the end */
        stream_error_set(s, "out of memory");
        stream_finish(s, STREAM_LOCAL, true);
        return ERR_NOMEM;
    }
    stream_todo(s);
    return 0;
}

size_t stream_queued(const struct stream *s) {
    LOOP_ASSERT(s->loop);
    size_t sealed = s->tls ? tls_output(s->tls)->len : 0;
    size_t early = s->state < STREAM_OPEN ? s->early.len : 0;
    return early + s->plain_out.len + sealed + s->ops->queued(s);
}

void stream_send(struct stream *s) {
    if (s->ops->queued(s) == 0 && seal(s))
        s->ops->flush(s);
}

void stream_drained(struct stream *s) {
    if (s->state == STREAM_FLUSHING) {
        s->ops->shut(s);
        stream_set_state(s, STREAM_LINGERING);
        if (s->peer_ended)
            stream_finish(s, s->why, false);
    } else if (s->state == STREAM_OPEN && s->handler->on_drain) {
        s->handler->on_drain(s, s->ctx);
    }
}

/* --- turns --- */

void stream_todo(struct stream *s) {
    if (list_linked(&s->todo))
        return;
    s->todo_turn = s->loop->turn;
    if (list_empty(&s->loop->todo))
        s->loop->ops->wake(s->loop);
    list_push(&s->loop->todo, &s->todo);
}

static void turn_of(struct stream *s) {
    if (s->gone) {
        stream_gone(s);
        return;
    }
    if (s->input_kept && !s->paused && (s->state == STREAM_OPEN || s->state == STREAM_HANDSHAKE))
        stream_input(s, SLICE_EMPTY);
    if (s->state == STREAM_DYING || s->state == STREAM_DIALING)
        return;
    if (s->plain_out.len || stream_out(s)->len)
        stream_send(s);
    else if (s->state == STREAM_FLUSHING && s->ops->queued(s) == 0)
        stream_drained(s);
}

bool stream_todo_run(struct loop *l) {
    uint64_t turn = l->turn++;
    l->handshake_steps = 0;
    for (struct list_node *n; (n = list_first(&l->todo));) {
        struct stream *s = CONTAINER_OF(n, struct stream, todo);
        if (s->todo_turn > turn)
            return true;
        list_remove(&l->todo, n);
        turn_of(s);
    }
    return false;
}

/* --- the owner's words --- */

void stream_handle(struct stream *s, const struct stream_handler *h, void *ctx) {
    LOOP_ASSERT(s->loop);
    s->handler = h ? h : &no_handler;
    s->ctx = ctx;
}

void stream_pause(struct stream *s) {
    LOOP_ASSERT(s->loop);
    s->paused = true;
    update_reading(s);
}

void stream_resume(struct stream *s) {
    LOOP_ASSERT(s->loop);
    s->paused = false;
    if (s->input_kept)
        stream_todo(s);
    update_reading(s);
}

void stream_close(struct stream *s) {
    LOOP_ASSERT(s->loop);
    if (s->state < STREAM_OPEN) {
        stream_finish(s, STREAM_LOCAL, false);
    } else if (s->state == STREAM_OPEN) {
        if (s->tls && !seal(s))
            return;
        if (s->tls)
            tls_close(s->tls);
        wind_down(s, STREAM_LOCAL);
    }
}

void stream_abort(struct stream *s) {
    LOOP_ASSERT(s->loop);
    stream_finish(s, STREAM_LOCAL, true);
}
