/* SPDX-License-Identifier: Apache-2.0 */
/* command: the words of the control socket, one table: name, arguments, help and action. A line is parsed
 * once, then run on the nodes of each loop, and the results are merged into one reply. Owner: the caller.
 * Pure but for the nodes; run each part on its nodes' thread. */
#pragma once

#include "base/buf.h"
#include "base/err.h"
#include "sim/node.h"

enum { SIM_CMD_WORDS = 6, SIM_CMD_LINE_MAX = 512 };

struct sim_command;
/* A parsed line; its words live in text. */
struct sim_cmd {
    const struct sim_command *command;
    char text[SIM_CMD_LINE_MAX];
    uint32_t first, last; /* numbers of nodes, from 1; 0,0: by name */
    const char *name;     /* of the one node meant; NULL: by number */
    const char *args[SIM_CMD_WORDS];
    unsigned nargs;
};
/* Parse "CMD [NODES] [ARGS]"; NODES is a name, a number, a-b or *. ERR_INVALID and ei filled: the sentence
 * says what is wrong and what would be right. */
NODISCARD int sim_cmd_parse(struct sim_cmd *c, struct slice line, struct errinfo *ei);

/* A copy with words of its own. */
void sim_cmd_copy(struct sim_cmd *to, const struct sim_cmd *from);

struct sim_cmd_result {
    struct buf lines; /* each ends with \n */
    uint32_t matched, failed;
    char error[200]; /* of the first node that failed */
    struct sim_counters counters;
    uint64_t executed[MACHINE_ACT_COUNT], executed_remote[MACHINE_ACT_COUNT];
};
void sim_cmd_result_free(struct sim_cmd_result *r);
/* Run on nodes[0..n), whose numbers are first_number, first_number + step, …  */
void sim_cmd_run(const struct sim_cmd *c, struct sim_node *const *nodes, size_t n, uint32_t first_number,
                 uint32_t step, struct sim_cmd_result *r);
/* Add what another loop's nodes said. from keeps nothing. */
void sim_cmd_merge(struct sim_cmd_result *into, struct sim_cmd_result *from);
/* The reply: data lines, each after a tab, then "ok …" or "error …". */
int sim_cmd_reply(const struct sim_cmd *c, const struct sim_cmd_result *r, struct buf *out);
/* The table as help text. */
int sim_cmd_help(struct buf *out);
