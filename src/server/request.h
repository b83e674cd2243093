/* SPDX-License-Identifier: Apache-2.0 */
/* request: one HTTP request from its head to its answer: who asks, what was asked, and the helpers that
 * answer. A handler answers before it returns, or says request_hold() and answers once, later; a client that
 * left meanwhile changes nothing for the handler. Owner: the shard of the connection; its thread only. */
#pragma once

#include "base/arena.h"
#include "base/json.h"
#include "server/auth.h"
#include "server/router.h"

struct http_conn;
struct json_t;

/* The page's cookie: the prefix makes browsers insist on Secure, Path=/ and no Domain. */
#define COOKIE_NAME "__Host-outband"

/* Headers a handler may look at. H(symbol, name) */
#define REQUEST_HEADER_TABLE(H)                                                                              \
    H(IF_MATCH, "If-Match")                                                                                  \
    H(IF_NONE_MATCH, "If-None-Match")                                                                        \
    H(IDEMPOTENCY_KEY, "Idempotency-Key")                                                                    \
    H(LAST_EVENT_ID, "Last-Event-ID")                                                                        \
    H(CONTENT_TYPE, "Content-Type")                                                                          \
    H(CSRF, "X-CSRF-Token")                                                                                  \
    H(AUTHORIZATION, "Authorization")                                                                        \
    H(COOKIE, "Cookie")                                                                                      \
    H(HOST, "Host")                                                                                          \
    H(EXPECT, "Expect")                                                                                      \
    H(CONTENT_LENGTH, "Content-Length")                                                                      \
    H(TRANSFER_ENCODING, "Transfer-Encoding")                                                                \
    H(UPGRADE, "Upgrade")                                                                                    \
    H(CONNECTION, "Connection")                                                                              \
    H(ORIGIN, "Origin")                                                                                      \
    H(WS_KEY, "Sec-WebSocket-Key")                                                                           \
    H(WS_VERSION, "Sec-WebSocket-Version")                                                                   \
    H(WS_PROTOCOL, "Sec-WebSocket-Protocol")
enum request_header {
#define H(sym, name) REQUEST_H_##sym,
    REQUEST_HEADER_TABLE(H)
#undef H
        REQUEST_H_COUNT
};

enum { REQUEST_PARAMS_MAX = 3, REQUEST_PARAM_CAP = 80, REQUEST_ID_CAP = 20, REQUEST_PEER_CAP = 56 };

/* A query parameter as given; text is unescaped and lives in the arena. */
struct query_value {
    bool given;
    const char *text; /* "" when not given */
    uint64_t number;  /* the default when not given */
};

struct request {
    struct list_node node; /* httpd->requests */
    struct httpd *httpd;
    struct shard *shard;
    struct http_conn *conn; /* NULL: the client left */
    struct arena arena;
    char id[REQUEST_ID_CAP], peer[REQUEST_PEER_CAP], peer_addr[REQUEST_PEER_CAP];
    const struct route *route; /* NULL: none matched */
    bool head;                 /* HEAD: the answer has no body */
    bool close;                /* the connection ends after the answer */
    bool by_cookie;            /* signed in as the page does */
    bool held, answered, streaming;
    struct slice path;
    struct slice headers[REQUEST_H_COUNT]; /* empty when absent; in the arena */
    char params[REQUEST_PARAMS_MAX][REQUEST_PARAM_CAP];
    struct query_value query[QUERY_COUNT];
    struct principal who;         /* role NONE: nobody */
    char agent_host[HOST_ID_CAP]; /* the host that an agent speaks for, by its certificate; "" none */
    uint8_t agent_cert[32];       /* SHA-256 of that certificate */
    const char *agent_why;        /* why a certificate that was shown is not taken; NULL: none was shown */
    struct auth_session session;
    struct buf body;        /* as received */
    struct json_t *json;    /* the body, checked against the route's schema; NULL when it has none */
    struct errinfo refused; /* code 0: go on */
    int refused_status;
    struct buf extra;            /* header lines of the answer */
    struct buf member;           /* a member of a problem beside the usual ones: "name":value */
    unsigned problem_line;       /* of a file that was refused: "line" of the problem; 0: none */
    const char *detail;          /* what an audit line adds to a success; NULL: nothing. In the arena */
    char target[STORE_USER_CAP]; /* what an audit line names; "" = the first parameter */
    void (*on_gone)(
        struct request *r); /* a streaming request: the client left, or the server closes. May be NULL */
    void (*on_drain)(struct request *r); /* a streaming request: what was queued is out. May be NULL */
    void *ctx;
};

/* The answer comes later. */
void request_hold(struct request *r);
/* May anybody still see the answer? */
static inline bool request_alive(const struct request *r) {
    return r->conn != NULL;
}
struct host_now request_now(const struct request *r);
/* First member of the route's parameters ("{project}"), by position. */
static inline const char *request_param(const struct request *r, unsigned i) {
    return r->params[i];
}

/* --- answers: each ends the request; r must not be touched afterwards --- */
/* A writer into a buffer of the shard, to be ended by reply_json() in the same callback. */
struct json request_json(struct request *r);
void reply_json(struct request *r, int status);
/* The same, and when the version has changed since If-None-Match. etag: quoted text, or NULL. */
void reply_json_etag(struct request *r, const char *etag);
void reply_bytes(struct request *r, int status, const char *content_type, struct slice body);
void reply_empty(struct request *r, int status);
/* problem+json; the status follows from the code of ei (table in request.c). */
void reply_error(struct request *r, const struct errinfo *ei);
void reply_problem(struct request *r, int status, const struct errinfo *ei);
/* reply_error of a text made here. */
void reply_fail(struct request *r, int code, const char *field, const char *fmt, ...) PRINTF_LIKE(4, 5);
/* A header line of the answer; before one of the above. value has no CR or LF (ours, never a client's). */
void request_put_header(struct request *r, const char *name, const char *value);

/* A member of the problem to come: name and a JSON value. */
void request_problem_member(struct request *r, const char *name, struct slice value);

/* Answer 101 to a WebSocket's handshake and let the connection go: what comes and goes on it is the caller's
 * from here. protocol: the sub-protocol that was chosen; NULL: none. NULL: the client left. r is gone in any
 * case. The request must be held. */
struct stream_moving *request_upgrade(struct request *r, const char *accept, const char *protocol);

/* --- a body without end (server-sent events) --- */
/* The head goes out; then request_stream_write() as often as needed, then request_stream_end(). r->on_gone is
 * called once when the client left or the server closes; request_stream_end() is still due then. */
void request_stream_begin(struct request *r, const char *content_type);
/* 0; ERR_CLOSED: nobody reads; ERR_NOMEM. */
int request_stream_write(struct request *r, struct slice s);
/* Bytes the client has not taken yet. */
size_t request_stream_queued(const struct request *r);
/* now: drop what is queued (a client that does not read). */
void request_stream_end(struct request *r, bool now);

/* --- for the connection and the router --- */
/* NULL when out of memory. */
struct request *request_new(struct httpd *h, struct http_conn *c);
/* The connection is gone. */
void request_orphan(struct request *r);
void request_free(struct request **r);
/* HTTP status and EMF's word of an error code. */
int error_status(int code);
const char *error_word(int status);
/* The problem+json text of an error; line 0: none. */
void error_json(struct buf *out, int status, const struct errinfo *ei, const char *request_id, unsigned line);
/* Do the entity tags of an If-Match or If-None-Match header name this one? ("*" does.) RFC 9110 13.1 */
bool etag_listed(struct slice header, const char *etag);
