/* SPDX-License-Identifier: Apache-2.0 */
/* upgrade: the handshake of our WebSockets, as far as HTTP goes: what is wrong is said before the 101.
 * On the shard of the request. Source: RFC 6455 4.2 */
#pragma once

#include "proto/ws.h"
#include "server/request.h"

/* Is this the handshake of a WebSocket, from a page of this server or from no page at all? 0, and accept is
 * the answer to its key; else r was answered. */
NODISCARD int upgrade_check(struct request *r, char accept[WS_ACCEPT_CAP]);
