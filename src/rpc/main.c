/* SPDX-License-Identifier: Apache-2.0 */
/* rpc: the program at a node: what its firmware says, activation and deactivation. */
#include "rpc/commands.h"

#include <signal.h>

int main(int argc, char **argv) {
    signal(SIGPIPE, SIG_IGN);
    return rpc_main(argc, argv, stdout, stderr);
}
