/* SPDX-License-Identifier: Apache-2.0 */
/* client: requests to the server over one kept connection, and its event stream. Blocking, with a time limit
 * on everything. Owner: a command, or one worker of a bulk run; one thread at a time. Source: docs/api.md. */
#pragma once

#include "http/conn.h"
#include "http/sse.h"

#include <jansson.h>

struct client_config {
    const struct url *url;
    const struct trust *trust; /* both outlive the client */
    const char *token;         /* NULL: none is sent */
    int64_t connect_ms, answer_ms;
};

struct request {
    const char *method, *target; /* target: escaped path and query, without the endpoint's prefix */
    struct slice body;
    const char *type; /* content type of the body; NULL: application/json */
    const char *key;  /* Idempotency-Key; NULL: none */
    bool no_token;    /* something else authenticates */
};

/* The server's answer, whatever its status. Free with answer_free(). */
struct answer {
    int status;
    json_t *json; /* NULL when the body is empty or not JSON */
    struct buf body;
    char operation[64];  /* X-Operation-Id */
    char request_id[64]; /* X-Request-Id */
    char retry_after[16];
    char left_behind[320]; /* X-Left-Behind */
};
void answer_free(struct answer *a);

struct client;
/* NULL when out of memory. */
struct client *client_new(const struct client_config *cfg);
void client_free(struct client **c);

/* One request and its answer. 0 whenever an answer came. ERR_UNREACHABLE, ERR_TLS before anything was sent;
 * ERR_TIMEOUT, ERR_UNKNOWN_OUTCOME when it may have been carried out; ERR_CLOSED for a GET without answer;
 * ERR_PROTO when the peer does not speak HTTP. Each with a sentence. A GET is sent again once when a kept
 * connection had died. */
NODISCARD int client_call(struct client *c, const struct request *rq, struct answer *a, struct errinfo *ei);

/* Open an event stream: target as above, resumed behind what client_event() gave last. 0 with an->status 200,
 * or another status and its answer; errors as above. */
NODISCARD int client_stream(struct client *c, const char *target, struct answer *an, struct errinfo *ei);
/* The next event: 1; 0 at the deadline; ERR_CLOSED when the stream ended, ERR_TIMEOUT after silence_ms
 * without a byte, ERR_PROTO. The event is valid until the next call. */
NODISCARD int client_event(struct client *c, struct mono deadline, int64_t silence_ms, struct sse_event *ev);
/* Number of the last event seen; "" when none. */
const char *client_last_id(const struct client *c);
void client_set_last_id(struct client *c, const char *id);

/* Upgrade to a WebSocket (RFC 6455 4.1) that speaks `protocol` (NULL: none is named); ticket: its second
 * protocol, in which docs/sessions.md carries what authenticates, and no token is sent; NULL: the token is.
 * 0: *conn is the caller's, and the bytes that came behind the answer are in *early. ERR_REFUSED: the server
 * gave another answer than 101, see *a (answer_free() in every case). ERR_PROTO when it upgraded to something
 * else; others as above. */
NODISCARD int client_upgrade(struct client *c, const char *target, const char *protocol, const char *ticket,
                             struct answer *a, struct conn **conn, struct buf *early, struct errinfo *ei);
