/* SPDX-License-Identifier: Apache-2.0 */
/* life: where the firmware of a node dials, and when: what is configured in its prov, and the tunnel that is
 * there. Owner: struct sim_node; its loop thread only. Source: reference protocol-cira-wsman 1.8, 4.12. */
#pragma once

#include "sim/node_int.h"

/* Where to, and as whom; texts are valid until the set-up changes. */
struct node_dial {
    char address[AMT_HOST_CAP + 16]; /* "HOST:PORT" */
    const char *user, *password;
    const char *verify;  /* name that the server's certificate must have; NULL: any */
    struct tls_ctx *tls; /* NULL: plain, as the fleet is. Borrowed from the fleet */
    uint64_t key; /* of the server, and of the ports that are forwarded: another one needs another tunnel */
};
/* False: not set up, no server with a periodic policy, inside the enterprise's domain, or no trusted root for
 * that server. */
bool node_dial(struct sim_node *n, struct node_dial *d);
/* Is a tunnel wanted at all? Without making anything. */
bool node_dials(const struct sim_node *n);

/* The set-up changed: end what is no longer as configured, dial what is. Part of settling; the time of the
 * next call, MONO_NEVER when there is none. */
void life_settle(struct sim_node *n);
struct mono life_deadline(const struct sim_node *n);

/* A certificate as PEM text. */
void life_put_pem(struct buf *out, struct slice der);
/* Contexts by trusted roots, shared by the nodes of a fleet. */
void life_fleet_free(struct sim_fleet *f);
