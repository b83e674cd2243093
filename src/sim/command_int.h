/* SPDX-License-Identifier: Apache-2.0 */
/* command_int: the row of the command table, shared by the command*.c files.
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

/* Word number i of the arguments, "" when it is not there. */
const char *sim_cmd_arg(const struct run *r, unsigned i);
bool sim_cmd_is(const char *a, const char *b);
/* The sentence for an argument that is none of those. */
int sim_cmd_bad(struct run *r, unsigned i, const char *expected);
int sim_cmd_on_off(struct run *r, unsigned i, bool *on);

/* command_redir.c */
int run_consent(struct run *r);
int run_consent_policy(struct run *r);
int run_consent_code(struct run *r);
int run_consent_times(struct run *r);
int run_sessions(struct run *r);
int run_session_close(struct run *r);
int run_busy(struct run *r);
int run_getty(struct run *r);
int run_kvm(struct run *r);
int run_kvm_fault(struct run *r);
int run_session(struct run *r);
int run_ider(struct run *r);

/* command_prov.c */
int run_prov(struct run *r);
int run_secrets(struct run *r);
int run_step_fault(struct run *r);
int run_foreign(struct run *r);
int run_smbios(struct run *r);
int run_board(struct run *r);
int run_amt(struct run *r);
int run_suffix(struct run *r);
