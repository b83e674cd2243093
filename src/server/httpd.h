/* SPDX-License-Identifier: Apache-2.0 */
/* httpd: the HTTPS doors of one shard: connections, requests, the route table. Owner: the shard; its thread
 * only. */
#pragma once

#include "base/map.h"
#include "server/app.h"

/* Every limit of the door, beside what it stops. */
struct httpd_limits {
    uint32_t connections_max;      /* all clients together; one more is told 503 */
    uint32_t connections_peer_max; /* one address; one more is closed before its handshake */
    uint32_t requests_max;         /* of one connection, then it is closed: spreads long-lived clients anew */
    uint32_t head_bytes;           /* request line and headers */
    uint32_t body_bytes;           /* of routes that take files; JSON bodies have less: BODY_JSON_MAX_BYTES */
    uint32_t output_bytes;         /* answers a client has not taken: no further request is begun */
    uint32_t stream_bytes;         /* events a client has not taken: it is dropped, and resumes */
    uint32_t idle_ms;              /* between two requests */
    uint32_t head_ms;              /* from the first byte of a head to its end (slowloris) */
    uint32_t body_ms;              /* in this time at least body_progress_bytes must come */
    uint32_t body_progress_bytes;
    uint32_t stall_ms; /* a client that takes nothing of what is queued */
    uint32_t handshakes_max, handshake_ms;
};
#define HTTPD_LIMITS_DEFAULT                                                                                 \
    ((struct httpd_limits){.connections_max = 2048,                                                          \
                           .connections_peer_max = 512,                                                      \
                           .requests_max = 1000000,                                                          \
                           .head_bytes = 16384,                                                              \
                           .body_bytes = 16 << 20,                                                           \
                           .output_bytes = 1 << 20,                                                          \
                           .stream_bytes = 1 << 20,                                                          \
                           .idle_ms = 75000,                                                                 \
                           .head_ms = 10000,                                                                 \
                           .body_ms = 10000,                                                                 \
                           .body_progress_bytes = 4096,                                                      \
                           .stall_ms = 30000,                                                                \
                           .handshakes_max = 64,                                                             \
                           .handshake_ms = 10000})

/* Open the listener of this shard (reuse_port when the port is already taken by another shard of ours). port
 * of the first shard may be 0; the others then get the real one. tls NULL: plain (tests). NULL and ei filled.
 */
struct httpd *httpd_new(struct shard *s, const char *address, struct tls_ctx *tls, struct errinfo *ei);
/* Defaults, and over them app->settings when there are any; for new connections. After a reload. */
void httpd_apply_settings(struct httpd *h);
/* Others (tests). */
void httpd_set_limits(struct httpd *h, const struct httpd_limits *l);
/* New connections use this context; live ones keep theirs. */
void httpd_set_tls(struct httpd *h, struct tls_ctx *tls);
uint16_t httpd_port(const struct httpd *h);
/* The bound address with its real port. */
const char *httpd_address(const struct httpd *h);
/* Stop accepting; close idle connections; others after their answer; event streams end. */
void httpd_drain(struct httpd *h);
/* Are requests being answered still? */
bool httpd_busy(const struct httpd *h);
/* Close all at once. Requests that wait for an answer keep what they need until it comes. */
void httpd_free(struct httpd **h);
/* The printed route table: OpenAPI 3.1 JSON. */
void httpd_openapi(struct buf *out);
