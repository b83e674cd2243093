/* SPDX-License-Identifier: Apache-2.0 */
/* mei_side: the host interface (MEI) of one node, for programs of its operating system: a listening Unix
 * socket, where one connection is one client, as one descriptor of /dev/mei* is. Framing: docs/activation.md,
 * "At the node". There while the host is awake. Owner: struct sim_node; its loop thread only. Source:
 * reference protocol-redir-activation 5.1-5.3. */
#pragma once

#include "sim/node_int.h"

/* Connections end: the host sleeps, or the firmware resets. */
void mei_drop(struct sim_node *n);
void mei_close(struct sim_node *n);
void mei_flush(struct sim_node *n);
struct mono mei_deadline(const struct sim_node *n);
void mei_tick(struct sim_node *n, struct mono now);
