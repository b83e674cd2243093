/* SPDX-License-Identifier: Apache-2.0 */
/* httpd_int: what the sources of the HTTPS door share: the door of a shard and its connections. Owner: the
 * shard; its thread only. */
#pragma once

#include "base/list.h"
#include "base/map.h"
#include "base/rng.h"
#include "proto/http1.h"
#include "server/httpd.h"
#include "server/request.h"

struct httpd {
    struct shard *shard;
    struct listener *listener;
    struct httpd_limits limits;
    struct list conns;    /* struct http_conn */
    struct list requests; /* struct request */
    struct map peers;     /* connections an address */
    struct buf out, json; /* scratch of one answer */
    struct rng ids;
    int64_t date_s; /* of date */
    char date[40];
    bool draining, dying;
};

/* S(symbol, what ends it when the deadline passes) */
#define CONN_STATE_TABLE(S)                                                                                  \
    S(IDLE)   /* between requests */                                                                         \
    S(HEAD)   /* a head has begun */                                                                         \
    S(BODY)   /* a body is coming */                                                                         \
    S(BUSY)   /* a request is being answered */                                                              \
    S(LINGER) /* answered for the last time: what still comes is dropped, so that the answer arrives */
enum conn_state {
#define S(sym) CONN_##sym,
    CONN_STATE_TABLE(S)
#undef S
};

struct http_conn {
    struct list_node node;
    struct httpd *h;
    struct stream *stream;
    struct http1 *parser;
    struct request *req; /* being read or answered */
    struct buf in;       /* bytes that came while a request was being answered */
    struct loop_timer timer;
    struct mono deadline;
    enum conn_state state; /* written by conn_set_state() only */
    bool feeding, paused, ended;
    bool leaves; /* its stream left while it was being fed: freed when that returns */
    uint32_t nrequests;
    size_t discarded;        /* bytes of a body that nobody wants */
    size_t body_bytes, mark; /* progress of a body */
    size_t queued_mark;      /* progress of output */
    char peer[REQUEST_PEER_CAP], peer_addr[REQUEST_PEER_CAP];
    struct tls_identity *shown; /* the client's certificate; NULL: it showed none */
    bool shown_holds;
};

/* Take over an accepted stream. */
void conn_open(struct httpd *h, struct stream *s);
/* The request of c was answered (its bytes are written); close: the last one. Frees nothing. */
void conn_answered(struct http_conn *c, bool close);
/* Its stream leaves for another owner; c is freed, its request is not. NULL: it could not (c lives on and
 * ends by itself). */
struct stream_moving *conn_detach(struct http_conn *c);
/* End now, without a word. */
void conn_abort(struct http_conn *c);
/* End and free at once; the stream ends by itself. */
void conn_drop(struct http_conn **c);
void conn_set_state(struct http_conn *c, enum conn_state s);
/* httpd.c: a connection or request is gone. */
void httpd_conn_gone(struct httpd *h, const char *peer_addr);
void httpd_maybe_free(struct httpd *h);
/* "Sun, 22 Nov 2026 14:02:11 GMT", renewed once a second. */
const char *httpd_date(struct httpd *h);
