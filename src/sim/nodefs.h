/* SPDX-License-Identifier: Apache-2.0 */
/* nodefs: what programs at a simulated node find in their file system: DIR/NAME, the host interface, and
 * DIR/NAME.sys, a tree like that of /sys with the machine's identity and its serial-over-LAN port, for
 * `pm-agent --sysfs`. Blocking; the node's thread. Source: reference protocol-redir-activation 6, 7. */
#pragma once

#include "sim/node.h"

/* DIR itself, mode 0700. ERR_IO with ei filled. */
NODISCARD int nodefs_dir(const char *dir, struct errinfo *ei);
/* The node's socket and its tree. An error with ei filled. */
NODISCARD int nodefs_open(const char *dir, struct sim_node *n, struct errinfo *ei);
/* The tree anew: the machine's identity changed. */
NODISCARD int nodefs_write(const char *dir, const struct sim_node *n, struct errinfo *ei);
