/* SPDX-License-Identifier: Apache-2.0 */
/* activate: lends the firmware at this node to a server: the client of the RPS protocol (activate,
 * deactivate, maintenance), over a WebSocket. The server does the work; here its HTTP and TLS bytes are
 * carried to the firmware's local port and back. Blocking; used by rpc and by pm-agent. Owner: its caller;
 * one thread. Source: docs/activation.md; reference protocol-redir-activation 5.5. */
#pragma once

#include "proto/rps.h"
#include "rpc/local.h"

enum {
    ACTIVATE_RETRY_MS = 2000,     /* before the n-th new run: n times so long */
    ACTIVATE_SILENCE_MS = 120000, /* the server counts as lost after so long without a byte */
    ACTIVATE_CONNECT_MS = 15000,
    ACTIVATE_UPGRADE_MS = 60000,
};

struct activate_opts {
    struct local_opts local; /* where the firmware is */
    const char *dmi;         /* as dmi_read(); NULL: the machine is not told */
    const char *url;         /* wss://HOST[:PORT][/PATH], or https; ws and http for this machine only. Without
                                a path: /activate */
    const char *ca_pem;      /* NULL: the system's certificates */
    const char *cert_pem, *key_pem;           /* client certificate; NULL: none */
    const char *token;                        /* enrolment key or an admin's token, as Bearer; NULL: none */
    const struct rps_command *command;        /* what the server is to do */
    const char *friendly_name;                /* NULL: none */
    unsigned retries;                         /* run again after a broken connection, so often */
    int64_t retry_ms;                         /* 0: ACTIVATE_RETRY_MS */
    void (*say)(void *ctx, const char *text); /* progress for people, cleaned; may be NULL */
    void *ctx;
};

/* Run to the end. 0: the server said success; *outcome is what it told, in both cases of an end.
 * ERR_FAULT: the server said error; before anything of the firmware (mei set to true): as fw.h and local.h;
 * ERR_EXISTS: a UUID that many machines share, and nothing else that says which one it is; ERR_AUTH: the
 * server takes nothing from us; ERR_REFUSED, ERR_UNSUPPORTED: it does not do this; ERR_INVALID: url, ca_pem,
 * cert_pem; ERR_NOT_FOUND: nothing at the url's path; ERR_UNREACHABLE, ERR_TLS, ERR_CLOSED, ERR_TIMEOUT: the
 * way to it, after the last new try. Each with sentence and remedy. */
struct activate_end {
    struct rps_outcome outcome;
    bool mei; /* the error is of the firmware's interfaces */
};
NODISCARD int activate_run(const struct activate_opts *o, struct activate_end *end, struct errinfo *ei);
