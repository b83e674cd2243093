/* SPDX-License-Identifier: Apache-2.0 */
/* direct: WS-MAN of one node on a TCP address of its own, without a tunnel. Owner: struct sim_node; its loop
 * thread. */
#pragma once

#include "sim/node_int.h"

void direct_close(struct sim_node *n);
void direct_flush(struct sim_node *n);
struct mono direct_deadline(const struct sim_node *n);
void direct_tick(struct sim_node *n, struct mono now);
