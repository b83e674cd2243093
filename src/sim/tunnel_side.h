/* SPDX-License-Identifier: Apache-2.0 */
/* tunnel_side: the device end of one CIRA tunnel: connect, APF login, forwards, keepalives, HTTP on channels.
 * Owner: struct sim_node; its loop thread. After each call the node settles (node_settle), which frees what
 * has ended. Source: reference protocol-cira-wsman 1.4, 1.7, 5.4. */
#pragma once

#include "sim/node_int.h"

struct sim_tunnel;
/* Connect. NULL when out of memory. */
struct sim_tunnel *sim_tunnel_new(struct sim_node *n);
/* Frees it; a live stream is reset. */
void sim_tunnel_free(struct sim_tunnel **t);

bool sim_tunnel_ready(const struct sim_tunnel *t);
/* Nothing will come of it any more: free it. rejected: the server did not want our credentials. */
bool sim_tunnel_ended(const struct sim_tunnel *t, bool *rejected);

enum sim_tunnel_drop {
    TUNNEL_RST,    /* reset at once */
    TUNNEL_FIN,    /* DISCONNECT 11, then a clean close */
    TUNNEL_SILENT, /* goes to the graves: never closed, never answered */
};
void sim_tunnel_drop(struct sim_tunnel *t, enum sim_tunnel_drop how);

/* Send what is ready, as far as the faults let it. */
void sim_tunnel_flush(struct sim_tunnel *t);
struct mono sim_tunnel_deadline(const struct sim_tunnel *t);
void sim_tunnel_tick(struct sim_tunnel *t, struct mono now);

/* The node's faults changed. */
void sim_tunnel_faults_changed(struct sim_tunnel *t);
/* Bytes that are no APF message. */
void sim_tunnel_send_garbage(struct sim_tunnel *t);
/* The redirection listener was switched: forward its ports, or take them back. */
void sim_tunnel_update_forwards(struct sim_tunnel *t);

/* Drop all graves of the node by RST. */
void sim_tunnel_graves_free(struct sim_node *n);
