/* SPDX-License-Identifier: Apache-2.0 */
/* rps_door: the door of the RPS protocol, /activate: clients at the nodes lend their firmware to the server.
 * A connection begins on the shard that accepted it; when its first message has said which node it is, it
 * moves to the shard of that host. Owner: the shard it is on; its thread only. Source: docs/activation.md;
 * reference protocol-redir-activation 5.5 */
#pragma once

#include "server/fleet.h"

/* The host is about to be freed. */
void rps_host_gone(struct fleet_host *fh);
/* The server stops: every client is told, and to come again. */
void rps_drain(struct shard *s);
/* Connections that are left. */
size_t rps_held(const struct shard *s);
/* Without a word to anybody: the loop may be gone. */
void rps_free(struct shard *s);
