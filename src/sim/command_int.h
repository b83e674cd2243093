/* SPDX-License-Identifier: Apache-2.0 */
/* command_int: the row of the command table, shared by command.c and command_table.c.
 * Owner: static data. */
#pragma once

#include "sim/command.h"

enum nodes_wanted { NO_NODES, MAY_NODES, MUST_NODES };

/* One command on one node: 0, or an error with ei filled. lines: what it has to tell. */
struct run {
    struct sim_node *node;
    const struct sim_cmd *cmd;
    struct buf *lines;
    struct errinfo *ei;
};
struct sim_command {
    const char *name;
    enum nodes_wanted nodes;
    uint8_t min_args, max_args;
    const char *usage, *help;
    int (*run)(struct run *r);
    int how; /* the command's own constant */
};

extern const struct sim_command SIM_COMMANDS[];
extern const size_t SIM_NCOMMANDS;
