/* SPDX-License-Identifier: Apache-2.0 */
/* request: the life of a request and the writing of answers. */
#include "server/request.h"

#include "base/log.h"
#include "base/text.h"
#include "server/audit.h"
#include "server/httpd_int.h"

#include <assert.h>
#include <jansson.h>
#include <stdlib.h>

enum { SCRATCH_KEEP_BYTES = 1 << 18 };

static const struct {
    int code, status;
} STATUSES[] = {
    {ERR_SYNTAX, 400},      {ERR_INVALID, 400},     {ERR_SHORT, 400},
    {ERR_UNSUPPORTED, 400}, {ERR_AUTH, 401},        {ERR_DENIED, 403},
    {ERR_NOT_FOUND, 404},   {ERR_STATE, 409},       {ERR_EXISTS, 409},
    {ERR_REFUSED, 409},     {ERR_UNREACHABLE, 409}, {ERR_CANCELLED, 409},
    {ERR_LIMIT, 429},       {ERR_BUSY, 503},        {ERR_FULL, 503},
    {ERR_CLOSED, 503},      {ERR_STORE, 503},       {ERR_STORE_FULL, 503},
    {ERR_TIMEOUT, 504},     {ERR_FAULT, 502},       {ERR_UNKNOWN_OUTCOME, 504},
};
int error_status(int code) {
    for (size_t i = 0; i < sizeof STATUSES / sizeof *STATUSES; i++)
        if (STATUSES[i].code == code)
            return STATUSES[i].status;
    return 500;
}

static const struct {
    int status;
    const char *word;
} WORDS[] = {
    {400, "InvalidArgument"},    {401, "Unauthenticated"},    {403, "PermissionDenied"},
    {404, "NotFound"},           {405, "Unimplemented"},      {408, "DeadlineExceeded"},
    {409, "FailedPrecondition"}, {412, "FailedPrecondition"}, {413, "InvalidArgument"},
    {415, "InvalidArgument"},    {417, "InvalidArgument"},    {429, "ResourceExhausted"},
    {431, "InvalidArgument"},    {501, "Unimplemented"},      {502, "Unavailable"},
    {503, "Unavailable"},        {504, "DeadlineExceeded"},   {505, "InvalidArgument"},
};
const char *error_word(int status) {
    for (size_t i = 0; i < sizeof WORDS / sizeof *WORDS; i++)
        if (WORDS[i].status == status)
            return WORDS[i].word;
    return "Internal";
}

void error_json(struct buf *out, int status, const struct errinfo *ei, const char *request_id,
                unsigned line) {
    char type[48];
    snprintf(type, sizeof type, "/problems/%s", ei->code ? err_name(ei->code) : "internal");
    const char *text = *ei->text ? ei->text : err_text(ei->code);
    struct json j = json_of(out);
    json_obj(&j);
    json_kstr(&j, "type", type);
    json_kstr(&j, "title", err_text(ei->code));
    json_kint(&j, "status", status);
    json_kstr(&j, "code", error_word(status));
    json_kstr(&j, "message", text);
    json_kstr(&j, "detail", text);
    json_kstr(&j, "field", ei->field);
    json_kstr(&j, "remedy", ei->remedy);
    if (line)
        json_kint(&j, "line", line);
    json_kstr(&j, "requestId", request_id);
    json_obj_end(&j);
}

/* --- life --- */
struct request *request_new(struct httpd *h, struct http_conn *c) {
    struct request *r = calloc(1, sizeof *r);
    if (!r)
        return NULL;
    r->httpd = h;
    r->shard = h->shard;
    r->conn = c;
    uint64_t id = rng_u64(&h->ids);
    text_hex(slice_of(&id, sizeof id), r->id);
    memcpy(r->peer, c->peer, sizeof r->peer);
    memcpy(r->peer_addr, c->peer_addr, sizeof r->peer_addr);
    list_push(&h->requests, &r->node);
    return r;
}

void request_free(struct request **rp) {
    struct request *r = *rp;
    if (!r)
        return;
    *rp = NULL;
    struct httpd *h = r->httpd;
    list_remove(&h->requests, &r->node);
    json_decref(r->json);
    if (r->body.mem)
        explicit_bzero(r->body.mem, r->body.cap);
    buf_free(&r->body);
    buf_free(&r->extra);
    buf_free(&r->member);
    arena_free(&r->arena);
    free(r);
    httpd_maybe_free(h);
}

void request_hold(struct request *r) {
    assert(!r->answered);
    r->held = true;
}

void request_orphan(struct request *r) {
    r->conn = NULL;
    if (!r->held) {
        request_free(&r);
        return;
    }
    if (r->streaming && r->on_gone)
        r->on_gone(r);
}

struct host_now request_now(const struct request *r) {
    return shard_now(r->shard);
}

void request_put_header(struct request *r, const char *name, const char *value) {
    buf_putf(&r->extra, "%s: %s\r\n", name, value);
}

/* --- answers --- */
/* Sent with everything: nothing of ours is ever sniffed, framed or (but /ui) kept. */
#define SECURITY_HEADERS                                                                                     \
    "Strict-Transport-Security: max-age=31536000\r\n"                                                        \
    "X-Content-Type-Options: nosniff\r\n"                                                                    \
    "Referrer-Policy: no-referrer\r\n"
#define API_HEADERS                                                                                          \
    "Cache-Control: no-store\r\n"                                                                            \
    "Content-Security-Policy: default-src 'none'; frame-ancestors 'none'\r\n"
#define PAGE_HEADERS                                                                                         \
    "Cache-Control: no-cache\r\n"                                                                            \
    "Content-Security-Policy: default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; " \
    "img-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; "                          \
    "require-trusted-types-for 'script'\r\n"                                                                 \
    "Cross-Origin-Opener-Policy: same-origin\r\n"

static bool is_page(const char *content_type) {
    return content_type &&
           (strncmp(content_type, "text/html", 9) == 0 || strncmp(content_type, "text/javascript", 15) == 0 ||
            strncmp(content_type, "text/css", 8) == 0);
}

static void put_number(struct buf *b, int64_t n) {
    struct json j = json_of(b);
    json_int(&j, n);
}

/* Head of the answer into the shard's scratch. length < 0: chunked. Written piece by piece: it is done for
 * every request. */
static void put_head(struct request *r, int status, const char *content_type, int64_t length) {
    struct buf *o = &r->httpd->out;
    buf_clear(o);
    buf_put(o, SLICE_LIT("HTTP/1.1 "));
    put_number(o, status);
    buf_put(o, SLICE_LIT(" "));
    buf_puts(o, http1_reason(status));
    buf_put(o, SLICE_LIT("\r\nDate: "));
    buf_puts(o, httpd_date(r->httpd));
    buf_put(o, SLICE_LIT("\r\nX-Request-Id: "));
    buf_puts(o, r->id);
    buf_put(o, SLICE_LIT("\r\n" SECURITY_HEADERS));
    buf_put(o, is_page(content_type) ? SLICE_LIT(PAGE_HEADERS) : SLICE_LIT(API_HEADERS));
    if (content_type) {
        buf_put(o, SLICE_LIT("Content-Type: "));
        buf_puts(o, content_type);
        buf_put(o, SLICE_LIT("\r\n"));
    }
    if (length < 0) {
        buf_put(o, SLICE_LIT("Transfer-Encoding: chunked\r\n"));
    } else if (status != 204 && status != 304) {
        buf_put(o, SLICE_LIT("Content-Length: "));
        put_number(o, length);
        buf_put(o, SLICE_LIT("\r\n"));
    }
    if (r->close)
        buf_put(o, SLICE_LIT("Connection: close\r\n"));
    buf_put(o, buf_slice(&r->extra));
    buf_put(o, SLICE_LIT("\r\n"));
}

static void count(struct request *r, int status) {
    metric_add(&r->shard->metrics, METRIC_HTTP_REQUESTS, 1);
    if (status >= 500)
        metric_add(&r->shard->metrics, METRIC_HTTP_ERRORS, 1);
    if (log_enabled(LOG_DEBUG)) {
        struct log_ctx ctx = {.peer = r->peer, .req = r->id};
        char path[128];
        log_line(LOG_DEBUG, "http", &ctx, "%d %s %s by %s", status, r->route ? r->route->method : "-",
                 text_clean(path, sizeof path, r->path), *r->who.user ? r->who.user : "nobody");
    }
}

static void answered(struct request *r) {
    struct http_conn *c = r->conn;
    bool close = r->close;
    r->answered = true;
    request_free(&r);
    if (c)
        conn_answered(c, close);
}

void reply_bytes(struct request *r, int status, const char *content_type, struct slice body) {
    assert(!r->answered && !r->streaming);
    count(r, status);
    if (r->conn) {
        struct httpd *h = r->httpd;
        if (h->draining)
            r->close = true;
        put_head(r, status, content_type, (int64_t)body.n);
        if (!r->head)
            buf_put(&h->out, body);
        if (h->out.failed) {
            buf_free(&h->out);
            conn_abort(r->conn);
        } else {
            (void)stream_write(r->conn->stream, buf_slice(&h->out));
        }
        /* a rare large answer does not stay in memory */
        if (h->out.cap > SCRATCH_KEEP_BYTES)
            buf_free(&h->out);
    }
    answered(r);
}

struct json request_json(struct request *r) {
    struct buf *b = &r->httpd->json;
    if (b->failed || b->cap > SCRATCH_KEEP_BYTES)
        buf_free(b);
    buf_clear(b);
    return json_of(b);
}

static void audited(struct request *r, int status, const struct errinfo *ei) {
    if (r->route && r->route->action && r->who.role != ROLE_NONE)
        audit_request(r, status, ei);
}

static void reply_scratch(struct request *r, int status, const char *content_type) {
    struct buf *b = &r->httpd->json;
    if (b->failed) {
        buf_free(b);
        buf_puts(b, "{}");
        status = 503;
    }
    reply_bytes(r, status, content_type, buf_slice(b));
}

void reply_json(struct request *r, int status) {
    audited(r, status, NULL);
    reply_scratch(r, status, "application/json");
}

void reply_empty(struct request *r, int status) {
    audited(r, status, NULL);
    reply_bytes(r, status, NULL, SLICE_EMPTY);
}

void reply_problem(struct request *r, int status, const struct errinfo *ei) {
    audited(r, status, ei);
    struct buf b = {0};
    error_json(&b, status, ei, r->id, r->problem_line);
    if (r->member.len && b.len) { /* before the closing brace */
        b.len--;
        buf_putf(&b, ",%s}", buf_cstr(&r->member));
    }
    if (status >= 500) {
        struct log_ctx ctx = {.peer = r->peer, .req = r->id};
        log_line(LOG_WARN, "http", &ctx, "answered %d: %s", status, ei->text);
    }
    reply_bytes(r, status, "application/problem+json", buf_slice(&b));
    buf_free(&b);
}

void reply_error(struct request *r, const struct errinfo *ei) {
    reply_problem(r, error_status(ei->code), ei);
}

void reply_fail(struct request *r, int code, const char *field, const char *fmt, ...) {
    struct errinfo ei = {0};
    va_list ap;
    va_start(ap, fmt);
    char text[sizeof ei.text];
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    err_set(&ei, code, field, "%s", text);
    reply_error(r, &ei);
}

bool etag_listed(struct slice header, const char *etag) {
    while (header.n) {
        struct slice one = slice_trim(slice_cut(&header, ','));
        if (one.n > 2 && one.p[0] == 'W' && one.p[1] == '/')
            one = slice_skip(one, 2);
        if (slice_is(one, "*") || slice_is(one, etag))
            return true;
    }
    return false;
}

void reply_json_etag(struct request *r, const char *etag) {
    if (!etag) {
        reply_json(r, 200);
        return;
    }
    request_put_header(r, "ETag", etag);
    if (etag_listed(r->headers[REQUEST_H_IF_NONE_MATCH], etag))
        reply_empty(r, 304);
    else
        reply_json(r, 200);
}

void request_problem_member(struct request *r, const char *name, struct slice value) {
    buf_putf(&r->member, "\"%s\":%.*s", name, (int)value.n, (const char *)value.p);
}

struct stream_moving *request_upgrade(struct request *r, const char *accept, const char *protocol) {
    struct http_conn *c = r->conn;
    struct stream_moving *m = NULL;
    assert(r->held && !r->answered && !r->streaming);
    count(r, 101);
    if (c) {
        struct buf *o = &r->httpd->out;
        buf_clear(o);
        buf_putf(o,
                 "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                 "Sec-WebSocket-Accept: %s\r\n%s%s%sX-Request-Id: %s\r\n" SECURITY_HEADERS "\r\n",
                 accept, protocol ? "Sec-WebSocket-Protocol: " : "", protocol ? protocol : "",
                 protocol ? "\r\n" : "", r->id);
        if (!o->failed && stream_write(c->stream, buf_slice(o)) == 0)
            m = conn_detach(c);
        else
            conn_abort(c);
    }
    if (c && !m)
        c->req = NULL; /* it ends by itself */
    r->answered = true;
    r->conn = NULL;
    request_free(&r);
    return m;
}

/* --- without end --- */
void request_stream_begin(struct request *r, const char *content_type) {
    assert(!r->answered && !r->streaming);
    r->held = r->streaming = true;
    count(r, 200);
    if (!r->conn)
        return;
    put_head(r, 200, content_type, -1);
    (void)stream_write(r->conn->stream, buf_slice(&r->httpd->out));
}

int request_stream_write(struct request *r, struct slice s) {
    assert(r->streaming);
    if (!r->conn || !s.n)
        return r->conn ? 0 : ERR_CLOSED;
    struct buf *o = &r->httpd->out;
    buf_clear(o);
    int err = http1_chunk(o, s, false);
    return err ? err : stream_write(r->conn->stream, buf_slice(o));
}

size_t request_stream_queued(const struct request *r) {
    return r->conn ? stream_queued(r->conn->stream) : 0;
}

void request_stream_end(struct request *r, bool now) {
    assert(r->streaming);
    r->on_gone = NULL;
    if (r->conn && now) {
        r->close = true;
        conn_abort(r->conn);
    } else if (r->conn) {
        r->close = true;
        (void)stream_write(r->conn->stream, SLICE_LIT("0\r\n\r\n"));
    }
    answered(r);
}
