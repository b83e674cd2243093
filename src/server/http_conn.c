/* SPDX-License-Identifier: Apache-2.0 */
/* http_conn: one HTTPS connection: bytes into requests, one request at a time, and the deadlines of each
 * phase. */
#include "server/httpd_int.h"

#include "base/log.h"
#include "net/tls.h"
#include "server/agent_ca.h"

#include <stdlib.h>

enum {
    IN_PAUSE_BYTES = 16 << 10, /* pipelined requests that wait; not less, for a paused stream hides its end */
    IN_MAX_BYTES = 256 << 10,
    DISCARD_MAX_BYTES = 65536,
    LINGER_MS = 1500,
};

static void conn_feed(struct http_conn *c, struct slice in);
static void conn_free(struct http_conn *c);

static uint32_t state_ms(const struct http_conn *c) {
    const struct httpd_limits *l = &c->h->limits;
    switch (c->state) {
    case CONN_IDLE:
        return l->idle_ms;
    case CONN_HEAD:
        return l->head_ms;
    case CONN_BODY:
        return l->body_ms;
    case CONN_BUSY:
        return l->stall_ms;
    default:
        return LINGER_MS;
    }
}

/* The timer is moved only when it would fire too late: a deadline that moved on costs nothing. */
static void arm(struct http_conn *c) {
    struct loop *l = c->h->shard->loop;
    c->deadline = mono_add_ms(loop_now(l), state_ms(c));
    if (!c->timer.heap_index || mono_before(c->deadline, c->timer.at))
        loop_timer_set(l, &c->timer, c->deadline);
}

void conn_set_state(struct http_conn *c, enum conn_state s) {
    c->state = s;
    c->mark = c->body_bytes = 0;
    if (s == CONN_BUSY)
        c->queued_mark = 0;
    arm(c);
}

void conn_abort(struct http_conn *c) {
    if (!c->ended)
        stream_abort(c->stream);
    c->ended = true;
}

/* The last answer is written. What the client still sends is read and dropped for a moment: closing on unread
 * bytes would reset the connection and take the answer away. RFC 9112 9.6 */
static void conn_linger(struct http_conn *c) {
    buf_free(&c->in);
    if (c->paused)
        stream_resume(c->stream);
    c->paused = false;
    conn_set_state(c, CONN_LINGER);
}

static void conn_close(struct http_conn *c) {
    if (!c->ended)
        stream_close(c->stream);
    c->ended = true;
}

void conn_answered(struct http_conn *c, bool close) {
    c->req = NULL;
    if (c->ended)
        return;
    if (close || ++c->nrequests >= c->h->limits.requests_max) {
        /* a whole request was read: nothing unread can harm the answer */
        if (c->state == CONN_BUSY && !c->in.len)
            conn_close(c);
        else
            conn_linger(c);
        return;
    }
    conn_set_state(c, CONN_IDLE);
    if (c->feeding)
        return;
    struct buf in = c->in;
    c->in = (struct buf){0};
    conn_feed(c, buf_slice(&in));
    buf_free(&in);
}

/* Answer a message that could not be parsed. */
static void refuse_message(struct http_conn *c, int status, const char *text) {
    struct errinfo ei = {0};
    err_set(&ei, status == 413 || status == 431 ? ERR_LIMIT : ERR_SYNTAX, "", "%s", text);
    if (!c->req)
        c->req = request_new(c->h, c);
    if (!c->req) {
        conn_abort(c);
        return;
    }
    c->req->close = true;
    reply_problem(c->req, status, &ei);
}

static const char *parse_text(int status) {
    switch (status) {
    case 413:
        return "the body is larger than the server takes";
    case 431:
        return "the request line and headers are larger than the server takes";
    case 501:
        return "this transfer coding is not known here; use chunked or Content-Length";
    case 505:
        return "only HTTP/1.1 is spoken here";
    default:
        return "the request is not well-formed HTTP/1.1";
    }
}

static uint64_t body_max(const struct request *r) {
    if (r->refused_status)
        return DISCARD_MAX_BYTES;
    return r->route->media ? r->httpd->limits.body_bytes : BODY_JSON_MAX_BYTES;
}

static void refuse_body(struct http_conn *c) {
    struct request *r = c->req;
    r->close = true;
    if (r->refused_status) {
        reply_problem(r, r->refused_status, &r->refused);
        return;
    }
    struct errinfo ei = {0};
    err_set(&ei, ERR_LIMIT, "", "the body is larger than the %llu bytes that this route takes",
            (unsigned long long)body_max(r));
    err_remedy(&ei, "Send less in one request.");
    reply_problem(r, 413, &ei);
}

/* Headers of interest live in the arena, for the parser's end with the message. */
static bool keep_headers(struct http_conn *c, struct request *r) {
    static const struct {
        const char *name;
        size_t n;
    } names[] = {
#define H(sym, name) [REQUEST_H_##sym] = {name, sizeof(name) - 1},
        REQUEST_HEADER_TABLE(H)
#undef H
    };
    struct slice name, value;
    for (size_t i = 0; http1_header_at(c->parser, i, &name, &value); i++)
        for (size_t k = 0; k < REQUEST_H_COUNT; k++) {
            if (names[k].n != name.n || r->headers[k].p ||
                !slice_ieq(name, slice_of(names[k].name, names[k].n)))
                continue;
            r->headers[k] = arena_slice(&r->arena, value);
            if (!r->headers[k].p)
                return false;
        }
    return true;
}

/* Whether a certificate still counts is asked for each request: it may be revoked meanwhile. */
static void identify(const struct http_conn *c, struct request *r) {
    struct agent_ca *ca = c->h->shard->app->agent_ca;
    if (!c->shown || !ca)
        return;
    if (!c->shown_holds) {
        r->agent_why = c->shown->why;
    } else if (c->shown->until.us < request_now(r).wall.us) {
        r->agent_why = "it has expired";
    } else if (!agent_ca_knows(ca, c->shown->name, c->shown->sha256)) {
        r->agent_why = "it was revoked, or another one has taken its place";
    } else {
        memcpy(r->agent_cert, c->shown->sha256, sizeof r->agent_cert);
        slice_to_str(slice_str(c->shown->name), r->agent_host, sizeof r->agent_host);
    }
}

static void on_head(struct http_conn *c) {
    struct request *r = c->req = request_new(c->h, c);
    if (!r || !keep_headers(c, r)) {
        conn_abort(c);
        return;
    }
    r->close = !http1_keep_alive(c->parser);
    identify(c, r);
    conn_set_state(c, CONN_BODY);
    router_head(r, http1_method(c->parser), http1_target(c->parser));
    uint64_t length = 0;
    struct slice told = r->headers[REQUEST_H_CONTENT_LENGTH], expect = r->headers[REQUEST_H_EXPECT];
    if (told.n && slice_to_u64(told, UINT64_MAX, &length) && length > body_max(r)) {
        refuse_body(c);
        return;
    }
    if (!expect.n)
        return;
    /* RFC 9110 10.1.1: a client that asks is told before it sends */
    if (r->refused_status)
        refuse_body(c);
    else if (slice_ieq(expect, SLICE_LIT("100-continue")))
        (void)stream_write(c->stream, SLICE_LIT("HTTP/1.1 100 Continue\r\n\r\n"));
}

static void on_body(struct http_conn *c, struct slice data) {
    struct request *r = c->req;
    c->body_bytes += data.n;
    if (c->body_bytes > body_max(r))
        refuse_body(c);
    else if (!r->refused_status && buf_put(&r->body, data))
        refuse_message(c, 503, "out of memory");
}

static void on_message(struct http_conn *c) {
    conn_set_state(c, CONN_BUSY);
    router_run(c->req);
}

/* One event of the parser; false when no more may be taken now. */
static bool feed_one(struct http_conn *c, struct slice *in) {
    struct http1_ev ev;
    if (c->state == CONN_IDLE && in->n)
        conn_set_state(c, CONN_HEAD);
    int r = http1_input(c->parser, in, &ev);
    if (r < 0) {
        int status = http1_error_status(c->parser);
        refuse_message(c, status, parse_text(status));
        return false;
    }
    if (r == 0)
        return false;
    if (ev.kind == HTTP1_HEAD)
        on_head(c);
    else if (ev.kind == HTTP1_BODY)
        on_body(c, ev.data);
    else
        on_message(c);
    return true;
}

/* May the next request begin? */
static bool conn_free_to_read(const struct http_conn *c) {
    return !c->ended && c->state != CONN_LINGER && c->state != CONN_BUSY &&
           (c->state != CONN_IDLE || stream_queued(c->stream) <= c->h->limits.output_bytes);
}

static void conn_feed(struct http_conn *c, struct slice in) {
    c->feeding = true;
    while (conn_free_to_read(c) && feed_one(c, &in))
        ;
    c->feeding = false;
    if (c->leaves) {
        conn_free(c);
        return;
    }
    if (c->ended || c->state == CONN_LINGER)
        return;
    /* what is left waits; the client is asked to wait, too */
    if (in.n && (c->in.len + in.n > IN_MAX_BYTES || buf_put(&c->in, in))) {
        conn_abort(c);
        return;
    }
    bool wait = !conn_free_to_read(c) && c->in.len >= IN_PAUSE_BYTES;
    if (wait && !c->paused)
        stream_pause(c->stream);
    if (!wait && c->paused)
        stream_resume(c->stream);
    c->paused = wait;
}

static void on_data(struct stream *s, void *ctx, struct slice data) {
    struct http_conn *c = ctx;
    if (c->state == CONN_LINGER) {
        c->discarded += data.n;
        if (c->discarded > DISCARD_MAX_BYTES * 4)
            conn_close(c);
        return;
    }
    if (!c->in.len) {
        conn_feed(c, data);
        return;
    }
    if (c->in.len + data.n > IN_MAX_BYTES || buf_put(&c->in, data))
        conn_abort(c);
}

static void on_drain(struct stream *s, void *ctx) {
    struct http_conn *c = ctx;
    c->queued_mark = 0;
    if (c->req && c->req->streaming && c->req->on_drain) {
        c->req->on_drain(c->req);
        return;
    }
    if ((!c->paused && !c->in.len) || !conn_free_to_read(c))
        return;
    struct buf in = c->in;
    c->in = (struct buf){0};
    conn_feed(c, buf_slice(&in));
    buf_free(&in);
}

static void conn_free(struct http_conn *c) {
    struct httpd *h = c->h;
    list_remove(&h->conns, &c->node);
    loop_timer_stop(h->shard->loop, &c->timer);
    if (c->req)
        request_orphan(c->req);
    http1_free(&c->parser);
    buf_free(&c->in);
    free(c->shown);
    httpd_conn_gone(h, c->peer_addr);
    metric_add(&h->shard->metrics, METRIC_HTTP_CONNECTIONS, -1);
    free(c);
    httpd_maybe_free(h);
}

struct stream_moving *conn_detach(struct http_conn *c) {
    /* RFC 6455 4.1: a client says nothing before it has the answer */
    struct stream_moving *m = c->ended || c->in.len ? NULL : stream_detach(c->stream);
    if (!m) {
        conn_abort(c);
        return NULL;
    }
    c->req = NULL;
    c->ended = c->leaves = true;
    if (!c->feeding)
        conn_free(c);
    return m;
}

static void on_end(struct stream *s, void *ctx, enum stream_end why) {
    struct http_conn *c = ctx;
    c->ended = true;
    conn_free(c);
}

static void nobody_data(struct stream *s, void *ctx, struct slice data) {}
static void nobody_end(struct stream *s, void *ctx, enum stream_end why) {}

void conn_drop(struct http_conn **cp) {
    static const struct stream_handler nobody = {.on_data = nobody_data, .on_end = nobody_end};
    struct http_conn *c = *cp;
    if (!c)
        return;
    *cp = NULL;
    stream_handle(c->stream, &nobody, NULL);
    conn_abort(c);
    conn_free(c);
}

/* A client that takes nothing of what is queued for it is dropped; one that is merely slow is not. */
static bool stalled(struct http_conn *c) {
    size_t queued = stream_queued(c->stream);
    bool stuck = queued && c->queued_mark && queued >= c->queued_mark;
    c->queued_mark = queued;
    return stuck;
}

static void on_deadline(struct http_conn *c) {
    switch (c->state) {
    case CONN_IDLE:
        if (stalled(c))
            conn_abort(c);
        else if (!stream_queued(c->stream))
            conn_close(c);
        break;
    case CONN_HEAD:
        refuse_message(c, 408, "the request did not come in time");
        break;
    case CONN_BODY:
        if (c->body_bytes - c->mark < c->h->limits.body_progress_bytes)
            refuse_message(c, 408, "the body came too slowly");
        c->mark = c->body_bytes;
        break;
    case CONN_BUSY:
        if (stalled(c))
            conn_abort(c);
        break;
    case CONN_LINGER:
        conn_close(c);
        break;
    }
}

static void on_timer(struct loop_timer *t) {
    struct http_conn *c = CONTAINER_OF(t, struct http_conn, timer);
    struct loop *l = c->h->shard->loop;
    if (c->ended)
        return;
    if (mono_due(c->deadline, loop_now(l))) {
        enum conn_state before = c->state;
        on_deadline(c);
        if (c->ended)
            return;
        if (c->state == before)
            arm(c);
    }
    if (!c->timer.heap_index)
        loop_timer_set(l, &c->timer, c->deadline);
}

/* Rare: only agents have one. */
static void keep_identity(struct http_conn *c) {
    struct tls_identity id;
    int r = stream_peer_identity(c->stream, &id);
    if (r == 0 || !(c->shown = malloc(sizeof *c->shown)))
        return;
    *c->shown = id;
    c->shown_holds = r == 1;
}

void conn_open(struct httpd *h, struct stream *s) {
    static const struct stream_handler handler = {.on_data = on_data, .on_drain = on_drain, .on_end = on_end};
    struct http1_limits lim = {
        .head_bytes = h->limits.head_bytes, .headers_max = 64, .body_bytes = h->limits.body_bytes};
    struct http_conn *c = calloc(1, sizeof *c);
    if (c)
        c->parser = http1_new(HTTP1_REQUESTS, &lim);
    if (!c || !c->parser) {
        free(c);
        httpd_conn_gone(h, stream_peer_addr(s));
        stream_abort(s);
        return;
    }
    c->h = h;
    c->stream = s;
    c->timer.fn = on_timer;
    keep_identity(c);
    slice_to_str(slice_str(stream_peer(s)), c->peer, sizeof c->peer);
    slice_to_str(slice_str(stream_peer_addr(s)), c->peer_addr, sizeof c->peer_addr);
    list_push(&h->conns, &c->node);
    metric_add(&h->shard->metrics, METRIC_HTTP_CONNECTIONS, 1);
    stream_handle(s, &handler, c);
    conn_set_state(c, CONN_IDLE);
    if (h->conns.count > h->limits.connections_max || h->draining) {
        struct request *r = c->req = request_new(h, c);
        if (!r) {
            conn_abort(c);
            return;
        }
        struct errinfo ei = {0};
        err_set(&ei, ERR_BUSY, "", h->draining ? "the server is stopping" : "too many connections are open");
        err_remedy(&ei, "Try again in a few seconds.");
        request_put_header(r, "Retry-After", "5");
        r->close = true;
        reply_problem(r, 503, &ei);
    }
}
