/* SPDX-License-Identifier: Apache-2.0 */
/* watch: a process beside the agent that tells the server when logind says that the system goes down or to
 * sleep: the agent itself may be waiting at the server just then. It ends with its parent. */
#pragma once

#include "agent/config.h"

/* Started, with c as it is now. Without a bus it says so once and tries again now and then. ERR_IO: no
 * process could be made. */
NODISCARD int watch_start(const struct agent_config *c, struct errinfo *ei);
