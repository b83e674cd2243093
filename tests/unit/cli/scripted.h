/* SPDX-License-Identifier: Apache-2.0 */
/* scripted: a small server that answers by a script, over HTTP or HTTPS on a loopback port, one thread a
 * connection. Owner: the test. */
#pragma once

#include "base/slice.h"

/* A WebSocket that a row has upgraded to; for its play function, in the server's thread. What goes wrong is
 * found in the log as "ws: …". */
struct peer;
void peer_text(struct peer *p, const char *text);
void peer_binary(struct peer *p, struct slice data);
void peer_ping(struct peer *p);
void peer_close(struct peer *p, unsigned code, const char *reason);
/* n bytes of binary payload, however they were cut into messages. False (and logged) when the client ended or
 * nothing came for 10 s. */
bool peer_read(struct peer *p, uint8_t *into, size_t n);
/* The same, and they must be these. */
bool peer_expect(struct peer *p, const char *text);
/* The next text message, NUL-terminated, to be freed; NULL (and logged) when the client ended or none came
 * for 10 s. */
char *peer_next_text(struct peer *p);
/* Until the client closes (its code is logged as "ws: closed CODE") or 10 s have passed. */
void peer_wait_close(struct peer *p);
/* Sleep, but not beyond the server's end. */
void peer_pause(struct peer *p, unsigned ms);
/* A line of the log that the test looks for. */
void peer_log(struct peer *p, const char *text);

/* Answers are looked for from the first row on; a row is skipped once it was used `times` times (0: without
 * end). */
struct script {
    const char *method, *target; /* the target must begin with this; NULL ends the script */
    int status;                  /* 0: close the connection without an answer */
    const char *body;            /* NULL: none */
    const char *type;            /* NULL: application/json */
    const char *extra;           /* another header line "Name: value"; NULL: none */
    unsigned times, delay_ms;
    bool close_after; /* announce keep-alive, then close all the same */
    bool open_ended;  /* an event stream: chunks of body (split at \f), then the connection breaks */
    void (*play)(
        struct peer *p); /* status 101: upgrade to outband.v1, run this, then the connection breaks */
    bool no_protocol;    /* with play: upgrade without a sub-protocol */
    const char *accept;  /* with play: a wrong Sec-WebSocket-Accept; NULL: the right one */
};

struct scripted;
/* cert_pem and key_pem: NULL for plain HTTP. NULL when no port is to be had. */
struct scripted *scripted_start(const char *cert_pem, const char *key_pem);
void scripted_stop(struct scripted **s);
/* A plain one on this port, as one that was stopped and comes back. */
struct scripted *scripted_start_at(uint16_t port);
uint16_t scripted_port(const struct scripted *s);
/* Use another script from the next request on, and forget what was asked. The rows are borrowed. */
void scripted_play(struct scripted *s, const struct script *rows);
/* What was asked since: for each request "METHOD TARGET", its headers as "Name: value", an empty line and its
 * body. To be freed. */
char *scripted_log(struct scripted *s);
/* How many connections were taken since scripted_play(). */
unsigned scripted_connections(struct scripted *s);
