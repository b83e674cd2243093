/* SPDX-License-Identifier: Apache-2.0 */
/* scripted: a small server that answers by a script, over HTTP or HTTPS on a loopback port, one thread a
 * connection. Owner: the test. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

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
};

struct scripted;
/* cert_pem and key_pem: NULL for plain HTTP. NULL when no port is to be had. */
struct scripted *scripted_start(const char *cert_pem, const char *key_pem);
void scripted_stop(struct scripted **s);
uint16_t scripted_port(const struct scripted *s);
/* Use another script from the next request on, and forget what was asked. The rows are borrowed. */
void scripted_play(struct scripted *s, const struct script *rows);
/* What was asked since: for each request "METHOD TARGET", its headers as "Name: value", an empty line and its
 * body. To be freed. */
char *scripted_log(struct scripted *s);
/* How many connections were taken since scripted_play(). */
unsigned scripted_connections(struct scripted *s);
