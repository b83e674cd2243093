/* SPDX-License-Identifier: Apache-2.0 */
/* run: the agent's life: heartbeats, facts, orders, renewal. Blocking; ends by a signal or when its identity
 * cannot be used. Owner: main. Source: docs/activation.md, "The agent's door" */
#pragma once

#include "agent/config.h"

#include <stdbool.h>

/* once: one turn, then back (for tests and people). ERR_NOT_FOUND, ERR_DENIED …: as identity_load();
 * ERR_AUTH: with once, the server does not take the identity. Without once it goes on for ever. */
NODISCARD int agent_run(const struct agent_config *c, bool once, struct errinfo *ei);
