/* SPDX-License-Identifier: Apache-2.0 */
/* http1: HTTP/1.1 messages, parser for both directions and builders. Sans-IO. Used by the HTTPS doors, the
 * WS-MAN client, the simulated firmware and the CLI. Owner: the connection; its thread only.
 * Source: RFC 9112; reference protocol-cira-wsman 2.2 for AMT's dialect. */
#pragma once

#include "base/buf.h"
#include "base/err.h"
#include "base/slice.h"

enum http1_role { HTTP1_REQUESTS, HTTP1_RESPONSES };

struct http1_limits {
    uint32_t head_bytes; /* start line and headers together; stops header floods */
    uint16_t headers_max;
    uint64_t body_bytes; /* stops endless bodies */
};
#define HTTP1_LIMITS_SERVER                                                                                  \
    ((struct http1_limits){.head_bytes = 16384, .headers_max = 64, .body_bytes = 1 << 20})
#define HTTP1_LIMITS_AMT ((struct http1_limits){.head_bytes = 8192, .headers_max = 48, .body_bytes = 262144})

enum http1_ev_kind {
    HTTP1_HEAD, /* start line and all headers are in: use the getters */
    HTTP1_BODY, /* a piece of the body: data, valid until the next call */
    HTTP1_END,  /* the message is complete; the next one may follow in the rest of the input */
};
struct http1_ev {
    enum http1_ev_kind kind;
    struct slice data;
};

struct http1; /* ~150 bytes when idle: the head's memory goes with the call after HTTP1_END */
struct http1 *http1_new(enum http1_role role, const struct http1_limits *lim);
void http1_free(struct http1 **h);

/* Take bytes off *in until one event: 1; 0 when used up; ERR_SYNTAX, ERR_LIMIT, ERR_UNSUPPORTED (a transfer
 * coding other than chunked, a version other than 1.x), ERR_NOMEM: the connection is to be closed; further
 * calls return the same. Chunked, Content-Length, and (responses) read-until-close. Both Content-Length and
 * chunked, or two different lengths: ERR_SYNTAX (RFC 9112 6.3). Folded headers are refused, in requests also
 * a line that ends in a bare LF and a missing or second Host. Interim responses (1xx but 101) are skipped.
 * After a 101 the rest of *in is no HTTP: stop at HTTP1_END. */
NODISCARD int http1_input(struct http1 *h, struct slice *in, struct http1_ev *ev);
/* The connection ended: 1 with HTTP1_END for a read-until-close body; 0 between messages;
 * ERR_SHORT in the middle of one. */
NODISCARD int http1_eof(struct http1 *h, struct http1_ev *ev);
/* Responses only: the answer to come is to a HEAD request and has no body. */
void http1_expect_no_body(struct http1 *h);
/* The status to answer a failed input with: 400, 413, 431, 500 (out of memory), 501 or 505. */
int http1_error_status(const struct http1 *h);

/* Valid from HTTP1_HEAD to HTTP1_END (END included). */
struct slice http1_method(const struct http1 *h);
struct slice http1_target(const struct http1 *h);
int http1_status(const struct http1 *h);
/* First header of that name (any case); empty when absent. */
struct slice http1_header(const struct http1 *h, const char *name);
/* The i-th header; false past the end. */
bool http1_header_at(const struct http1 *h, size_t i, struct slice *name, struct slice *value);
/* May the connection carry another message (RFC 9112 9.3)? */
bool http1_keep_alive(const struct http1 *h);

/* Builders append to out: 0; ERR_INVALID for a line break or blank where none may be (nothing is appended);
 * ERR_NOMEM. headers: NULL-terminated array of name, value, name, value …; NULL allowed. content_length < 0
 * writes none (add "Transfer-Encoding: chunked" among the headers and use http1_chunk). */
int http1_put_request(struct buf *out, const char *method, const char *target, const char *const *headers,
                      int64_t content_length);
int http1_put_response(struct buf *out, int status, const char *const *headers, int64_t content_length);
/* One chunk; an empty slice writes the last chunk. amt_style: 4 upper-case hex digits, as firmware does. */
int http1_chunk(struct buf *out, struct slice data, bool amt_style);
const char *http1_reason(int status);

/* Percent-decode into dst (NUL-terminated). ERR_SYNTAX on a bad escape or a NUL; ERR_LIMIT when too long. */
int http1_unescape(struct slice s, char *dst, size_t cap);
/* Percent-encode all but unreserved characters. */
int http1_escape(struct buf *out, struct slice s);
/* Value of name in a query string "a=1&b=2", still escaped; false when absent. The first one counts. */
bool http1_query(struct slice query, const char *name, struct slice *value);
