/* SPDX-License-Identifier: Apache-2.0 */
#include "http/client.h"

#include "base/ossl.h"
#include "http/now.h"
#include "proto/http1.h"
#include "proto/ws.h"

#include <inttypes.h>
#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <stdlib.h>

enum { READ_BYTES = 32768, ANSWER_BYTES_MAX = 64 << 20 };

struct client {
    struct client_config cfg;
    struct conn *conn;
    struct http1 *http;
    struct slice rest; /* bytes read and not parsed yet */
    struct sse sse;
    struct slice sse_rest;
    bool used; /* conn has carried an answer */
    uint8_t in[READ_BYTES];
};

void answer_free(struct answer *a) {
    json_decref(a->json);
    buf_free(&a->body);
    *a = (struct answer){0};
}

struct client *client_new(const struct client_config *cfg) {
    struct client *c = calloc(1, sizeof *c);
    if (c)
        c->cfg = *cfg;
    return c;
}

static void hang_up(struct client *c) {
    conn_close(&c->conn);
    http1_free(&c->http);
    c->rest = c->sse_rest = SLICE_EMPTY;
    c->used = false;
}

void client_free(struct client **c) {
    if (!*c)
        return;
    hang_up(*c);
    sse_free(&(*c)->sse);
    OPENSSL_cleanse((*c)->in, sizeof(*c)->in);
    free(*c);
    *c = NULL;
}

const char *client_last_id(const struct client *c) {
    return c->sse.last_id;
}
void client_set_last_id(struct client *c, const char *id) {
    slice_to_str(slice_str(id), c->sse.last_id, sizeof c->sse.last_id);
}

static int no_memory(struct errinfo *ei) {
    return err_set(ei, ERR_NOMEM, "", "out of memory");
}

/* A connection that can carry a request. */
static int make_ready(struct client *c, struct errinfo *ei) {
    if (c->conn && c->rest.n == 0 && conn_usable(c->conn))
        return 0;
    hang_up(c);
    const struct http1_limits lim = {.head_bytes = 65536, .headers_max = 100, .body_bytes = UINT64_MAX};
    c->http = http1_new(HTTP1_RESPONSES, &lim);
    if (!c->http)
        return no_memory(ei);
    return conn_open(&c->conn, c->cfg.url, c->cfg.trust, mono_add_ms(now_mono(), c->cfg.connect_ms), ei);
}

/* What kind of answer a request is for. */
enum answer_kind { ANSWER_WHOLE, ANSWER_EVENTS, ANSWER_UPGRADE };

/* more: further headers, NULL-terminated pairs; may be NULL. */
static int put_head(const struct client *c, const struct request *rq, enum answer_kind kind,
                    const char *const *more, struct buf *out) {
    struct buf target = {0}, bearer = {0};
    buf_putf(&target, "%s%s", c->cfg.url->prefix, rq->target);
    buf_putf(&bearer, "Bearer %s", c->cfg.token ? c->cfg.token : "");
    const char *headers[32];
    size_t n = 0;
    headers[n++] = "Host";
    headers[n++] = c->cfg.url->authority;
    headers[n++] = "User-Agent";
    headers[n++] = "orch-cli/" OUTBAND_VERSION;
    headers[n++] = "Accept";
    headers[n++] = kind == ANSWER_EVENTS ? "text/event-stream" : "application/json";
    if (c->cfg.token && !rq->no_token) {
        headers[n++] = "Authorization";
        headers[n++] = buf_cstr(&bearer);
    }
    bool has_body = rq->body.p != NULL;
    if (has_body) {
        headers[n++] = "Content-Type";
        headers[n++] = rq->type ? rq->type : "application/json";
    }
    if (rq->key) {
        headers[n++] = "Idempotency-Key";
        headers[n++] = rq->key;
    }
    if (kind == ANSWER_EVENTS && c->sse.last_id[0]) {
        headers[n++] = "Last-Event-ID";
        headers[n++] = c->sse.last_id;
    }
    while (more && *more)
        headers[n++] = *more++;
    headers[n] = NULL;
    bool counted = has_body || strcmp(rq->method, "GET") != 0;
    int rc =
        http1_put_request(out, rq->method, buf_cstr(&target), headers, counted ? (int64_t)rq->body.n : -1);
    if (bearer.mem)
        OPENSSL_cleanse(bearer.mem, bearer.cap);
    buf_free(&bearer);
    buf_free(&target);
    return rc;
}

static int send_request(struct client *c, const struct request *rq, enum answer_kind kind,
                        const char *const *more, struct mono deadline) {
    struct buf out = {0};
    int rc = put_head(c, rq, kind, more, &out);
    if (rc >= 0 && rq->body.n)
        rc = buf_put(&out, rq->body);
    if (rc >= 0)
        rc = conn_write(c->conn, buf_slice(&out), deadline);
    if (out.mem)
        OPENSSL_cleanse(out.mem, out.cap);
    buf_free(&out);
    return rc < 0 ? rc : 0;
}

/* The next piece of the answer: 1; ERR_SHORT when the connection ended inside or before it. */
static int next_piece(struct client *c, struct mono deadline, struct http1_ev *ev) {
    for (;;) {
        int rc = http1_input(c->http, &c->rest, ev);
        if (rc != 0)
            return rc;
        int n = conn_read(c->conn, c->in, sizeof c->in, deadline);
        if (n < 0)
            return n;
        if (n == 0) {
            rc = http1_eof(c->http, ev);
            return rc == 0 ? ERR_CLOSED : rc;
        }
        c->rest = slice_of(c->in, (size_t)n);
    }
}

static void copy_header(const struct client *c, const char *name, char *dst, size_t cap) {
    slice_to_str(http1_header(c->http, name), dst, cap);
}

/* Status line and headers of the final answer (1xx ones are passed over). */
static int read_head(struct client *c, struct answer *a, struct mono deadline) {
    struct http1_ev ev;
    for (;;) {
        int rc = next_piece(c, deadline, &ev);
        if (rc < 0)
            return rc;
        if (ev.kind != HTTP1_HEAD)
            continue;
        a->status = http1_status(c->http);
        if (a->status >= 200 || a->status == 101)
            break;
    }
    copy_header(c, "X-Operation-Id", a->operation, sizeof a->operation);
    copy_header(c, "X-Request-Id", a->request_id, sizeof a->request_id);
    copy_header(c, "Retry-After", a->retry_after, sizeof a->retry_after);
    copy_header(c, "X-Left-Behind", a->left_behind, sizeof a->left_behind);
    return 0;
}

static bool is_json(struct slice type) {
    struct slice rest = type;
    struct slice t = slice_trim(slice_cut(&rest, ';'));
    return slice_ieq(t, SLICE_LIT("application/json")) || slice_ieq(t, SLICE_LIT("application/problem+json"));
}

static int read_body(struct client *c, struct answer *a, struct mono deadline) {
    struct http1_ev ev;
    bool json = is_json(http1_header(c->http, "Content-Type"));
    for (;;) {
        int rc = next_piece(c, deadline, &ev);
        if (rc < 0)
            return rc;
        if (ev.kind == HTTP1_END)
            break;
        if (ev.kind == HTTP1_BODY && a->body.len + ev.data.n > ANSWER_BYTES_MAX)
            return ERR_LIMIT;
        if (ev.kind == HTTP1_BODY && buf_put(&a->body, ev.data) < 0)
            return ERR_NOMEM;
    }
    if (json && a->body.len) {
        a->json = json_loadb((const char *)buf_slice(&a->body).p, a->body.len, JSON_DECODE_ANY, NULL);
        if (!a->json)
            return ERR_PROTO;
    }
    if (http1_keep_alive(c->http))
        c->used = true;
    else
        hang_up(c);
    return 0;
}

/* Words for a request that got no whole answer. sent: the server may have it. */
static int no_answer(struct client *c, const struct request *rq, int rc, bool sent, struct errinfo *ei) {
    const char *who = c->cfg.url->authority;
    bool reads = strcmp(rq->method, "GET") == 0;
    hang_up(c);
    if (rc == ERR_TIMEOUT) {
        err_set(ei, rc, "", "%s did not answer within %" PRId64 " s", who, c->cfg.answer_ms / 1000);
        if (sent && !reads)
            err_remedy(ei, "The request may have been carried out: look with get host or operations.");
        return rc;
    }
    if (rc == ERR_CLOSED || rc == ERR_SHORT || rc == ERR_IO) {
        if (reads || !sent)
            return err_set(ei, ERR_CLOSED, "", "%s closed the connection without an answer", who);
        err_set(ei, ERR_UNKNOWN_OUTCOME, "",
                "the connection to %s broke before the answer came; the outcome is not known", who);
        err_remedy(ei, "Look with get host or operations before you try again.");
        return ERR_UNKNOWN_OUTCOME;
    }
    if (rc == ERR_NOMEM)
        return no_memory(ei);
    err_set(ei, ERR_PROTO, "", "%s does not answer as an Outband server: %s", who, err_text(rc));
    err_remedy(ei, "Is the address and the port of --api-endpoint right?");
    return ERR_PROTO;
}

static int attempt(struct client *c, const struct request *rq, struct answer *a, bool *sent, bool *kept,
                   struct errinfo *ei) {
    *sent = false;
    int rc = make_ready(c, ei);
    if (rc < 0) {
        hang_up(c);
        return rc;
    }
    *kept = c->used;
    struct mono deadline = mono_add_ms(now_mono(), c->cfg.answer_ms);
    rc = send_request(c, rq, ANSWER_WHOLE, NULL, deadline);
    *sent = true;
    if (rc == 0)
        rc = read_head(c, a, deadline);
    if (rc == 0)
        rc = read_body(c, a, deadline);
    return rc < 0 ? no_answer(c, rq, rc, *sent, ei) : 0;
}

int client_call(struct client *c, const struct request *rq, struct answer *a, struct errinfo *ei) {
    *a = (struct answer){0};
    bool sent = false, kept = false;
    int rc = attempt(c, rq, a, &sent, &kept, ei);
    if (rc == ERR_CLOSED && kept && strcmp(rq->method, "GET") == 0) {
        answer_free(a);
        if (ei)
            *ei = (struct errinfo){0};
        rc = attempt(c, rq, a, &sent, &kept, ei);
    }
    if (rc < 0)
        answer_free(a);
    return rc;
}

/* A request on a fresh connection, and the head of its answer. *reached: something was sent. */
static int ask_anew(struct client *c, const struct request *rq, enum answer_kind want,
                    const char *const *more, struct answer *a, struct mono *deadline, bool *reached,
                    struct errinfo *ei) {
    hang_up(c);
    int rc = make_ready(c, ei);
    *reached = rc == 0;
    if (rc < 0) {
        hang_up(c);
        return rc;
    }
    *deadline = mono_add_ms(now_mono(), c->cfg.answer_ms);
    rc = send_request(c, rq, want, more, *deadline);
    return rc == 0 ? read_head(c, a, *deadline) : rc;
}

int client_stream(struct client *c, const char *target, struct answer *a, struct errinfo *ei) {
    *a = (struct answer){0};
    const struct request rq = {.method = "GET", .target = target};
    struct mono deadline;
    bool reached;
    sse_reset(&c->sse);
    int rc = ask_anew(c, &rq, ANSWER_EVENTS, NULL, a, &deadline, &reached, ei);
    if (!reached)
        return rc;
    if (rc == 0 && a->status != 200)
        rc = read_body(c, a, deadline);
    if (rc == 0 && a->status == 200) {
        struct slice type = http1_header(c->http, "Content-Type"), rest = type;
        if (!slice_ieq(slice_trim(slice_cut(&rest, ';')), SLICE_LIT("text/event-stream")))
            rc = ERR_PROTO;
    }
    if (rc < 0) {
        answer_free(a);
        return no_answer(c, &rq, rc, true, ei);
    }
    return 0;
}

int client_event(struct client *c, struct mono deadline, int64_t silence_ms, struct sse_event *ev) {
    struct mono quiet = mono_add_ms(now_mono(), silence_ms);
    for (;;) {
        int rc = sse_input(&c->sse, &c->sse_rest, ev);
        if (rc != 0)
            return rc == ERR_LIMIT ? ERR_PROTO : rc;
        struct http1_ev piece;
        rc = c->conn ? next_piece(c, mono_min(deadline, quiet), &piece) : ERR_CLOSED;
        if (rc == ERR_TIMEOUT)
            return mono_before(deadline, quiet) ? 0 : ERR_TIMEOUT;
        if (rc < 0 || piece.kind == HTTP1_END)
            return ERR_CLOSED;
        if (piece.kind == HTTP1_BODY) {
            c->sse_rest = piece.data;
            quiet = mono_add_ms(now_mono(), silence_ms);
        }
    }
}

/* RFC 6455 4.1: what a client must check of a 101. */
static int check_upgrade(struct client *c, const char *key, const char *protocol) {
    struct slice spoken = http1_header(c->http, "Sec-WebSocket-Protocol");
    char accept[WS_ACCEPT_CAP];
    if (!slice_ieq(http1_header(c->http, "Upgrade"), SLICE_LIT("websocket")) ||
        !ws_accept_key(slice_str(key), accept) ||
        !slice_is(http1_header(c->http, "Sec-WebSocket-Accept"), accept) ||
        !slice_is(spoken, protocol ? protocol : "") || http1_header(c->http, "Sec-WebSocket-Extensions").n)
        return ERR_PROTO;
    return 0;
}

/* The connection goes to the caller, with what is left of the input. */
static int hand_over(struct client *c, struct conn **conn, struct buf *early) {
    struct http1_ev ev;
    int rc = http1_input(c->http, &c->rest, &ev); /* the end of the head; what follows is no HTTP */
    if (rc == 1 && buf_put(early, c->rest) < 0)
        rc = ERR_NOMEM;
    if (rc == 1) {
        *conn = c->conn;
        c->conn = NULL;
        hang_up(c);
    }
    return rc < 0 ? rc : 0;
}

int client_upgrade(struct client *c, const char *target, const char *protocol, const char *ticket,
                   struct answer *a, struct conn **conn, struct buf *early, struct errinfo *ei) {
    *a = (struct answer){0};
    *conn = NULL;
    uint8_t random[16];
    char key[25], protocols[256];
    if (RAND_bytes(random, sizeof random) != 1)
        return err_set(ei, ERR_CRYPTO, "", "no random numbers are to be had");
    ws_make_key(random, key);
    snprintf(protocols, sizeof protocols, "%s%s%s", protocol ? protocol : "", ticket ? ", " : "",
             ticket ? ticket : "");
    const char *const more[] = {"Connection",
                                "Upgrade",
                                "Upgrade",
                                "websocket",
                                "Sec-WebSocket-Version",
                                "13",
                                "Sec-WebSocket-Key",
                                key,
                                protocol ? "Sec-WebSocket-Protocol" : NULL,
                                protocols,
                                NULL};
    const struct request rq = {.method = "GET", .target = target, .no_token = ticket != NULL};
    struct mono deadline;
    bool reached;
    int rc = ask_anew(c, &rq, ANSWER_UPGRADE, more, a, &deadline, &reached, ei);
    OPENSSL_cleanse(protocols, sizeof protocols);
    if (!reached)
        return rc;
    if (rc == 0 && a->status != 101) {
        rc = read_body(c, a, deadline);
        return rc < 0 ? no_answer(c, &rq, rc, true, ei) : ERR_REFUSED;
    }
    if (rc == 0)
        rc = check_upgrade(c, key, protocol);
    if (rc == 0)
        rc = hand_over(c, conn, early);
    return rc < 0 ? no_answer(c, &rq, rc, true, ei) : 0;
}
