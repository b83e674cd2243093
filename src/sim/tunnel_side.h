/* SPDX-License-Identifier: Apache-2.0 */
/* tunnel_side: the device end of one CIRA tunnel: connect, APF login, forwards, keepalives, HTTP on channels.
 * Owner: struct sim_node; its loop thread. After each call the node settles (node_settle), which frees what
 * has ended. Source: reference protocol-cira-wsman 1.4, 1.7, 5.4. */
#pragma once

#include "sim/node_int.h"

struct tunnel;
/* Connect. NULL when out of memory. */
struct tunnel *tunnel_new(struct sim_node *n);
/* Frees it; a live stream is reset. */
void tunnel_free(struct tunnel **t);

bool tunnel_ready(const struct tunnel *t);
/* Nothing will come of it any more: free it. rejected: the server did not want our credentials. */
bool tunnel_ended(const struct tunnel *t, bool *rejected);

enum tunnel_drop {
    TUNNEL_RST,    /* reset at once */
    TUNNEL_FIN,    /* DISCONNECT 11, then a clean close */
    TUNNEL_SILENT, /* goes to the graves: never closed, never answered */
};
void tunnel_drop(struct tunnel *t, enum tunnel_drop how);

/* Send what is ready, as far as the faults let it. */
void tunnel_flush(struct tunnel *t);
struct mono tunnel_deadline(const struct tunnel *t);
void tunnel_tick(struct tunnel *t, struct mono now);

/* The node's faults changed. */
void tunnel_faults_changed(struct tunnel *t);
/* Bytes that are no APF message. */
void tunnel_send_garbage(struct tunnel *t);
/* The redirection listener was switched: forward its ports, or take them back. */
void tunnel_update_forwards(struct tunnel *t);

/* Drop all graves of the node by RST. */
void tunnel_graves_free(struct sim_node *n);
