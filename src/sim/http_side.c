/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/http_side.h"

#include "net/tls.h"
#include "proto/http1.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum {
    IDLE_CLOSE_MS = 60000, /* 2.4 */
    TLS_CLOSE_MS = 100,    /* close comes some 100 ms after the body with TLS (5.9) */
    CHUNK_BYTES = 0x4cc,
    REQUEST_MAX = 65536,
    ENDLESS_EVERY_MS = 50,
    ENDLESS_BYTES = 4096,
};

enum conn_state {
    CONN_READING,
    CONN_WAITING, /* the request is complete, the answer is not due */
    CONN_ENDLESS, /* the endless-body fault: more of it at `at` */
    CONN_MUTE,    /* the silent-http fault */
    CONN_LINGER,  /* answered; closes at `at` */
    CONN_FINISHED,
};

/* What the head of the request has decided. */
enum verdict { SAY_WSMAN, SAY_UNAUTHORIZED, SAY_LOGON, SAY_NOT_FOUND };

struct http_conn {
    struct sim_node *node;
    struct tls *tls;
    struct http1 *parser;
    struct buf body, out, backlog;
    struct mono at; /* of the state */
    enum conn_state state;
    enum verdict verdict;
    enum fw_user user;
    bool close_after, local;
};

struct http_conn *http_conn_new(struct sim_node *n, bool tls, struct mono now) {
    static const struct http1_limits LIMITS = {
        .head_bytes = 8192, .headers_max = 48, .body_bytes = REQUEST_MAX};
    struct http_conn *c = calloc(1, sizeof *c);
    if (!c)
        return NULL;
    c->node = n;
    c->at = mono_add_ms(now, IDLE_CLOSE_MS);
    c->parser = http1_new(HTTP1_REQUESTS, &LIMITS);
    if (tls)
        c->tls = tls_new(node_tls_ctx(n), true, NULL);
    if (!c->parser || (tls && !c->tls))
        http_conn_free(&c);
    return c;
}

void http_conn_free(struct http_conn **cp) {
    struct http_conn *c = *cp;
    if (!c)
        return;
    tls_free(&c->tls);
    http1_free(&c->parser);
    buf_free(&c->body);
    buf_free(&c->out);
    buf_free(&c->backlog);
    free(c);
    *cp = NULL;
}

void http_conn_local(struct http_conn *c) {
    c->local = true;
}

static void conn_set_state(struct http_conn *c, enum conn_state s, struct mono at) {
    c->state = s;
    c->at = at;
}

struct buf *http_conn_output(struct http_conn *c) {
    return c->tls ? tls_output(c->tls) : &c->out;
}
bool http_conn_finished(const struct http_conn *c) {
    return c->state == CONN_FINISHED;
}
struct mono http_conn_deadline(const struct http_conn *c) {
    return c->at;
}

static void finish(struct http_conn *c) {
    if (c->tls && c->state != CONN_FINISHED)
        tls_close(c->tls);
    conn_set_state(c, CONN_FINISHED, MONO_NEVER);
}

/* What was written into c->out goes through TLS when there is one. */
static void send_plain(struct http_conn *c) {
    if (!c->tls)
        return;
    if (tls_write(c->tls, buf_slice(&c->out)) < 0)
        conn_set_state(c, CONN_FINISHED, MONO_NEVER);
    buf_free(&c->out);
}

/* --- answers --- */

static const char *http_date(struct http_conn *c, char *out, size_t cap) {
    time_t t = (time_t)(loop_wall(c->node->fleet->cfg.loop).us / 1000000 + c->node->clock_offset_s);
    struct tm tm;
    gmtime_r(&t, &tm);
    strftime(out, cap, "%a, %d %b %Y %H:%M:%S GMT", &tm);
    return out;
}

static const char *server_header(struct http_conn *c, char *out, size_t cap) {
    const struct sim_profile_info *p = sim_profile_info(c->node->cfg.profile);
    snprintf(out, cap, "Intel(R) Active Management Technology %s.%s", p->version, p->build);
    return out;
}

static void put_chunks(struct http_conn *c, struct slice body) {
    bool garbage = sim_fault_on(&c->node->faults, SIM_FAULT_CHUNK_GARBAGE);
    while (body.n) {
        struct slice piece = slice_head(body, CHUNK_BYTES);
        body = slice_skip(body, piece.n);
        if (garbage) {
            buf_puts(&c->out, "ZZZZ\r\n");
            buf_put(&c->out, piece);
            buf_puts(&c->out, "\r\n");
        } else {
            http1_chunk(&c->out, piece, true);
        }
    }
}

static void answer_soap(struct http_conn *c, int status, struct slice xml) {
    char date[40], server[80];
    const char *headers[] = {"Date",
                             http_date(c, date, sizeof date),
                             "Server",
                             server_header(c, server, sizeof server),
                             "X-Frame-Options",
                             "DENY",
                             "Content-Type",
                             "application/soap+xml; charset=UTF-8",
                             "Transfer-Encoding",
                             "chunked",
                             c->close_after ? "Connection" : NULL,
                             "close",
                             NULL};
    http1_put_response(&c->out, status, headers, -1);
    put_chunks(c, xml);
    if (sim_fault_on(&c->node->faults, SIM_FAULT_ENDLESS_BODY)) {
        conn_set_state(c, CONN_ENDLESS, MONO_NEVER);
        return;
    }
    http1_chunk(&c->out, SLICE_EMPTY, true);
}

/* The page is of the length that firmware's is (2.2). */
static void answer_page(struct http_conn *c, int status, const char *name, const char *value) {
    char server[80];
    const char *headers[] = {
        name ? name : "X-Frame-Options",         name ? value : "DENY", "Content-Type", "text/html", "Server",
        server_header(c, server, sizeof server), "Connection",          "close",        NULL};
    struct buf page = {0};
    buf_putf(&page, "<!DOCTYPE html>\n<html><head><title>%d %s</title></head>\n<body><h1>%d %s</h1>\n<p>",
             status, http1_reason(status), status, http1_reason(status));
    for (int i = 0; i < 8; i++)
        buf_puts(&page, "This page is shown by the simulated management engine, not by the computer. ");
    buf_puts(&page, "</p></body></html>");
    http1_put_response(&c->out, status, headers, (int64_t)page.len);
    buf_put(&c->out, buf_slice(&page));
    buf_free(&page);
    c->close_after = true;
}

static void answer_unauthorized(struct http_conn *c, struct mono now) {
    struct buf challenge = {0};
    c->node->fleet->counters.unauthorized++;
    if (fw_challenge(c->node, now, &challenge) == 0)
        answer_page(c, 401, "WWW-Authenticate", buf_cstr(&challenge));
    else
        answer_page(c, 500, NULL, NULL);
    buf_free(&challenge);
}

static void answer_wsman(struct http_conn *c, struct mono now) {
    struct sim_node *n = c->node;
    struct wsman_parser *p = n->fleet->parser;
    struct wsman_msg *rq = NULL;
    int r = wsman_feed(p, buf_slice(&c->body));
    if (r == 0)
        r = wsman_finish(p, &rq);
    if (r < 0) {
        wsman_parser_reset(p);
        answer_soap(c, 400, SLICE_EMPTY); /* an empty body, as firmware does with malformed requests (2.2) */
        return;
    }
    struct buf xml = {0};
    int status = fw_answer_as(n, c->user, rq, now, &xml);
    wsman_msg_free(&rq);
    if (status > 0)
        answer_soap(c, status, buf_slice(&xml));
    else if (status == FW_MUTE)
        conn_set_state(c, CONN_MUTE, MONO_NEVER);
    else
        finish(c);
    buf_free(&xml);
}

static void answer(struct http_conn *c, struct mono now) {
    struct sim_node *n = c->node;
    conn_set_state(c, CONN_READING, mono_add_ms(now, IDLE_CLOSE_MS));
    if (sim_fault_on(&n->faults, SIM_FAULT_SILENT_HTTP)) {
        conn_set_state(c, CONN_MUTE, MONO_NEVER);
        return;
    }
    switch (c->verdict) {
    case SAY_WSMAN:
        answer_wsman(c, now);
        break;
    case SAY_UNAUTHORIZED:
        answer_unauthorized(c, now);
        break;
    case SAY_LOGON:
        answer_page(c, 303, "Location", "/logon.htm");
        break;
    case SAY_NOT_FOUND:
        answer_page(c, 404, NULL, NULL);
        break;
    }
    buf_free(&c->body);
    if (c->state == CONN_MUTE || c->state == CONN_FINISHED)
        return; /* a step went wrong on purpose */
    if (sim_fault_on(&n->faults, SIM_FAULT_CLOSE_EARLY)) {
        struct buf half = {0};
        buf_put(&half, slice_head(buf_slice(&c->out), c->out.len / 2));
        buf_free(&c->out);
        c->out = half;
        send_plain(c);
        conn_set_state(c, CONN_FINISHED, MONO_NEVER);
        return;
    }
    send_plain(c);
    if (c->state == CONN_ENDLESS)
        c->at = mono_add_ms(now, ENDLESS_EVERY_MS);
    else if (c->close_after && c->tls && n->fleet->cfg.times.latency_max_ms)
        conn_set_state(c, CONN_LINGER, mono_add_ms(now, TLS_CLOSE_MS));
    else if (c->close_after)
        finish(c);
}

/* --- input --- */

static void judge(struct http_conn *c, struct mono now) {
    struct slice target = http1_target(c->parser), method = http1_method(c->parser);
    c->close_after = !http1_keep_alive(c->parser) || sim_profile_info(c->node->cfg.profile)->tls_only;
    if (slice_is(method, "POST") && slice_is(target, "/wsman")) {
        struct slice answer = http1_header(c->parser, "Authorization");
        c->user = fw_login(c->node, answer, "POST", c->local, now);
        if (sim_fault_on(&c->node->faults, SIM_FAULT_UNAUTHORIZED))
            c->user = FW_NOBODY;
        c->verdict = c->user != FW_NOBODY ? SAY_WSMAN : SAY_UNAUTHORIZED;
    } else {
        c->verdict = slice_is(method, "GET") && slice_is(target, "/") ? SAY_LOGON : SAY_NOT_FOUND;
    }
}

static void request_complete(struct http_conn *c, struct mono now) {
    uint32_t latency = node_latency(c->node);
    if (latency)
        conn_set_state(c, CONN_WAITING, mono_add_ms(now, latency));
    else
        answer(c, now);
}

static void input_plain(struct http_conn *c, struct slice in, struct mono now) {
    struct http1_ev ev;
    while (c->state == CONN_READING) {
        int r = http1_input(c->parser, &in, &ev);
        if (r == 0)
            return;
        if (r < 0) {
            answer_page(c, http1_error_status(c->parser), NULL, NULL);
            send_plain(c);
            finish(c);
            return;
        }
        if (ev.kind == HTTP1_HEAD)
            judge(c, now);
        else if (ev.kind == HTTP1_BODY)
            buf_put(&c->body, ev.data);
        else
            request_complete(c, now);
    }
    /* pipelined bytes wait until the answer is out */
    if (in.n && c->state == CONN_WAITING && c->backlog.len + in.n <= REQUEST_MAX)
        buf_put(&c->backlog, in);
}

void http_conn_input(struct http_conn *c, struct slice raw, struct mono now) {
    if (c->state == CONN_FINISHED || c->state == CONN_LINGER)
        return;
    if (c->state == CONN_READING)
        c->at = mono_add_ms(now, IDLE_CLOSE_MS);
    if (!c->tls) {
        input_plain(c, raw, now);
        return;
    }
    struct buf plain = {0};
    int r = tls_input(c->tls, raw, &plain);
    input_plain(c, buf_slice(&plain), now);
    buf_free(&plain);
    if (r < 0)
        conn_set_state(c, CONN_FINISHED, MONO_NEVER);
}

void http_conn_tick(struct http_conn *c, struct mono now) {
    if (!mono_due(c->at, now))
        return;
    if (c->state == CONN_WAITING) {
        answer(c, now);
        struct buf rest = c->backlog;
        c->backlog = (struct buf){0};
        input_plain(c, buf_slice(&rest), now);
        buf_free(&rest);
    } else if (c->state == CONN_ENDLESS) {
        struct buf spaces = {0};
        uint8_t *p = http_conn_output(c)->len ? NULL : buf_room(&spaces, ENDLESS_BYTES);
        if (p) {
            memset(p, ' ', ENDLESS_BYTES);
            buf_commit(&spaces, ENDLESS_BYTES);
            http1_chunk(&c->out, buf_slice(&spaces), true);
            send_plain(c);
        }
        buf_free(&spaces);
        if (c->state == CONN_ENDLESS)
            c->at = mono_add_ms(now, ENDLESS_EVERY_MS);
    } else {
        finish(c);
    }
}
