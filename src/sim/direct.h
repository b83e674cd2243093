/* SPDX-License-Identifier: Apache-2.0 */
/* direct: WS-MAN and redirection of one node on TCP addresses of its own, without a tunnel. Owner: struct
 * sim_node; its loop thread. */
#pragma once

#include "sim/node_int.h"

void direct_close(struct sim_node *n);
/* The firmware's redirection listener was switched on or off. */
void direct_update_listener(struct sim_node *n);
/* Nothing is set up any more: connections end once what they have to say is out. */
void direct_end(struct sim_node *n);
void direct_flush(struct sim_node *n);
struct mono direct_deadline(const struct sim_node *n);
/* Nobody takes this connection, of whichever door: it is closed. */
void direct_refuse(struct stream *s);
void direct_tick(struct sim_node *n, struct mono now);
